/* SPDX-License-Identifier: MIT */
/* What a single file may be called. Applications scan whole folders and some import what they find there. */
#include "store/store.h"

#include "base/path.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool has_any_suffix(const char *name, const char *const *suffixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ncm_path_has_suffix(name, suffixes[i]))
			return true;
	}
	return false;
}

/* "libx.so.6": the versions of a shared library. */
static bool is_shared_library(const char *name)
{
	for (const char *at = name; (at = strcasestr(at, ".so")); at += 3) {
		if (at[3 + strspn(at + 3, ".0123456789")] == '\0')
			return true;
	}
	return false;
}

int ncm_store_check_extension(const char *name, struct ncm_error *err)
{
	static const char *const code[] = {
	    /* Python */
	    ".py",
	    ".pyc",
	    ".pyo",
	    ".pyd",
	    ".pyw",
	    ".pyx",
	    ".pyz",
	    ".pyzw",
	    ".egg",
	    ".whl",
	    /* machine code and packages of it */
	    ".dll",
	    ".dylib",
	    ".exe",
	    ".com",
	    ".scr",
	    ".cpl",
	    ".sys",
	    ".msi",
	    ".msp",
	    ".appimage",
	    ".deb",
	    ".rpm",
	    ".apk",
	    ".run",
	    ".elf",
	    ".ko",
	    ".node",
	    ".wasm",
	    /* scripts of shells and systems */
	    ".sh",
	    ".bash",
	    ".zsh",
	    ".ksh",
	    ".csh",
	    ".fish",
	    ".command",
	    ".bat",
	    ".cmd",
	    ".ps1",
	    ".psm1",
	    ".psd1",
	    ".vbs",
	    ".vbe",
	    ".wsf",
	    ".wsh",
	    ".hta",
	    ".lnk",
	    ".pif",
	    ".reg",
	    ".inf",
	    ".desktop",
	    ".service",
	    /* other languages */
	    ".js",
	    ".mjs",
	    ".cjs",
	    ".jse",
	    ".jar",
	    ".war",
	    ".class",
	    ".rb",
	    ".pl",
	    ".php",
	    ".lua",
	    ".tcl",
	};
	const char *base = ncm_path_base(name);

	if (!has_any_suffix(base, code, sizeof code / sizeof *code) && !is_shared_library(base))
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "refused to place %s: its name says that it is code, not a model", name);
	return ncm_error_hint(err, "code comes in source archives, which the manifest marks with \"extract\"");
}

bool ncm_store_is_pickle_name(const char *name)
{
	static const char *const pickles[] = {".ckpt", ".pt",     ".pt2",  ".pth",   ".bin",
					      ".pkl",  ".pickle", ".dill", ".joblib"};

	return has_any_suffix(ncm_path_base(name), pickles, sizeof pickles / sizeof *pickles);
}

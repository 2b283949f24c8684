/* SPDX-License-Identifier: MIT */
/*
 * Paths as text: what is absolute, how paths are put together and taken apart, in models.json as elsewhere, and which
 * names we accept below a store, on every platform alike.
 */
#include "base/path.h"

#include "base/buffer.h"
#include "base/escape.h"
#include "base/mem.h"
#include "os/folder.h"

#include <ctype.h>
#include <ncmodel/limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool ncm_path_is_absolute(const char *path)
{
	return *path == '/';
}

char *ncm_path_join(const char *dir, const char *name)
{
	size_t size = dir ? strlen(dir) : 0;

	if (size == 0 || ncm_path_is_absolute(name))
		return ncm_strdup(name);
	if (!*name)
		return ncm_strdup(dir);
	return ncm_asprintf("%s%s%s", dir, size > 0 && dir[size - 1] == '/' ? "" : "/", name);
}

char *ncm_path_absolute(const char *path)
{
	NCM_AUTO_FREE char *current = ncm_path_is_absolute(path) ? NULL : os_current_folder();
	NCM_AUTO_FREE char *joined = ncm_path_join(current, path);
	struct ncm_buffer out = {0};

	for (const char *at = joined; *at;) {
		size_t size;

		at += strspn(at, "/");
		size = strcspn(at, "/");
		if (size == 2 && at[0] == '.' && at[1] == '.') {
			while (out.size > 0 && out.data[--out.size] != '/')
				;
			if (out.data)
				out.data[out.size] = '\0';
		} else if (size > 0 && !(size == 1 && at[0] == '.')) {
			ncm_buffer_puts(&out, "/");
			ncm_buffer_add(&out, at, size);
		}
		at += size;
	}
	if (out.size == 0)
		ncm_buffer_puts(&out, "/");
	return ncm_buffer_take(&out);
}

const char *ncm_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *ncm_path_folder(const char *path)
{
	return ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
}

const char *ncm_path_below(const char *path, const char *folder)
{
	const size_t size = strlen(folder);

	if (size == 0 || (size == 1 && *folder == '/' && *path == '/'))
		return path + size;
	return strncmp(path, folder, size) == 0 && path[size] == '/' ? path + size + 1 : NULL;
}

bool ncm_path_has_suffix(const char *path, const char *suffix)
{
	size_t size = strlen(path), tail = strlen(suffix);

	/* asked a hundred times of every model: most differ in the last byte already */
	if (size < tail || (tail > 0 && (path[size - 1] | 0x20) != (suffix[tail - 1] | 0x20)))
		return false;
	return strcasecmp(path + size - tail, suffix) == 0;
}

size_t ncm_path_archive_ending(const char *path)
{
	static const char *const endings[] = {".zip", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar"};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (ncm_path_has_suffix(path, endings[i]))
			return strlen(endings[i]);
	}
	return 0;
}

/* Windows opens a device for these, whatever follows the first point. */
static bool is_device_name(const char *name, size_t size)
{
	static const char *const devices[] = {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"};
	size_t stem = strcspn(name, ".");

	if (stem > size)
		stem = size;
	while (stem > 0 && name[stem - 1] == ' ')
		stem--;
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		if (strlen(devices[i]) == stem && strncasecmp(name, devices[i], stem) == 0)
			return true;
	}
	if (stem < 4 || (strncasecmp(name, "com", 3) != 0 && strncasecmp(name, "lpt", 3) != 0))
		return false;
	/* A digit, or a superscript 1, 2 or 3 in UTF-8. */
	return (stem == 4 && isdigit((unsigned char)name[3])) ||
	       (stem == 5 && (memcmp(name + 3, "\xc2\xb9", 2) == 0 || memcmp(name + 3, "\xc2\xb2", 2) == 0 ||
			      memcmp(name + 3, "\xc2\xb3", 2) == 0));
}

static bool is_reserved(const char *name, size_t size)
{
	static const char *const ours[] = {".ncmodel", "models.json", "ncmodel.lock", "ncmodel.lock.checkpoints"};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		if (strlen(ours[i]) == size && strncasecmp(name, ours[i], size) == 0)
			return true;
	}
	return false;
}

static const char *bad_character(const char *name, size_t size)
{
	for (size_t at = 0; at < size;) {
		uint32_t character = 0;
		size_t length = ncm_utf8_decode(name + at, size - at, &character);

		if (length == 0)
			return "is not valid UTF-8";
		if (ncm_char_is_unsafe(character))
			return "holds a control or invisible character";
		if (character < 0x80 && strchr("\\<>:\"|?*", (int)character))
			return "holds one of \\ < > : \" | ? *";
		at += length;
	}
	return NULL;
}

/* Why a component is refused, or NULL. */
static const char *component_fault(const char *name, size_t size)
{
	const char *fault;

	if (size == 0)
		return "has an empty component";
	if ((size == 1 && name[0] == '.') || (size == 2 && name[0] == '.' && name[1] == '.'))
		return "has a . or .. component";
	if (size > NCM_LIMIT_NAME_BYTES)
		return "has too long a component";
	if (name[0] == '-' || name[0] == '~' || name[0] == ' ')
		return "has a component that starts with -, ~ or a space";
	if (name[size - 1] == '.' || name[size - 1] == ' ')
		return "has a component that ends with a point or a space";
	fault = bad_character(name, size);
	if (fault)
		return fault;
	if (is_device_name(name, size))
		return "names a Windows device";
	if (is_reserved(name, size))
		return "is a name that ncmodel keeps for itself";
	return NULL;
}

bool ncm_path_check(const char *relative, struct ncm_error *err)
{
	const char *fault = NULL;
	const char *at = relative;
	unsigned levels = 0;

	if (strlen(relative) > NCM_LIMIT_PATH_BYTES)
		fault = "is too long";
	else if (ncm_path_is_absolute(relative))
		fault = "is absolute";
	while (!fault) {
		size_t size = strcspn(at, "/");

		fault = component_fault(at, size);
		if (!fault && ++levels > NCM_LIMIT_PATH_LEVELS)
			fault = "has too many levels";
		at += size;
		if (*at++ == '\0')
			break;
	}
	if (!fault)
		return true;
	ncm_error_set(err, NCM_E_POLICY, "refused path \"%s\": it %s", relative, fault);
	return false;
}

/*
 * Lower-cases ASCII, Latin-1, Greek and Cyrillic letters, which is what names in the wild clash by; a letter with a
 * combining accent and its composed form are told apart only by their accents, so accents (U+0300..036F) are dropped
 * and composed Latin letters reduced. Two names that fold alike may still be different on disk: the caller refuses them
 * all the same.
 */
static uint32_t fold_character(uint32_t c)
{
	static const char latin1[] = "aaaaaa\0ceeeeiiii\0nooooo\0\0uuuuy\0\0";

	if (c >= 'A' && c <= 'Z')
		return c + 32;
	if (c >= 0xc0 && c <= 0xff) {
		char base = latin1[(c - 0xc0) & 31];

		return base ? (uint32_t)base : 0xe0 + (c & 31);
	}
	if (c == 0x130 || c == 0x131) /* Turkish i */
		return 'i';
	if (c >= 0x391 && c <= 0x3a9)
		return c + 32;
	if (c >= 0x410 && c <= 0x42f)
		return c + 32;
	if (c >= 0x400 && c <= 0x40f)
		return c + 80;
	return c;
}

char *ncm_path_fold(const char *relative)
{
	struct ncm_buffer out = {0};
	size_t size = strlen(relative);

	for (size_t at = 0; at < size;) {
		uint32_t character = 0;
		size_t length = ncm_utf8_decode(relative + at, size - at, &character);
		uint32_t folded;

		if (length == 0) {
			ncm_buffer_add(&out, relative + at++, 1);
			continue;
		}
		at += length;
		folded = fold_character(character);
		if (character >= 0x300 && character <= 0x36f)
			continue;
		if (character == 0xdf)
			ncm_buffer_puts(&out, "ss");
		else if (folded < 0x80)
			ncm_buffer_add(&out, &(char){(char)folded}, 1);
		else
			ncm_buffer_printf(&out, "\x01%x.", folded);
	}
	return ncm_buffer_take(&out);
}

const char *ncm_path_last_component(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *backslash = strrchr(name, '\\');

	if (slash && slash + 1 > name)
		name = slash + 1;
	if (backslash && backslash >= name)
		name = backslash + 1;
	return name;
}

char *ncm_path_clean_component(const char *name)
{
	struct ncm_buffer out = {0};
	size_t size;

	while (*name == '.' || *name == ' ' || *name == '-' || *name == '~')
		name++;
	size = strlen(name);
	for (size_t at = 0; at < size;) {
		uint32_t character = 0;
		size_t length = ncm_utf8_decode(name + at, size - at, &character);

		if (length == 0 || ncm_char_is_unsafe(character) ||
		    (character < 0x80 && strchr("\\<>:\"|?*", (int)character)))
			ncm_buffer_puts(&out, "_");
		else
			ncm_buffer_add(&out, name + at, length);
		at += length ? length : 1;
	}
	while (out.size > 0 && (out.data[out.size - 1] == '.' || out.data[out.size - 1] == ' '))
		out.data[--out.size] = '\0';
	if (out.size == 0)
		ncm_buffer_puts(&out, "download");
	return ncm_buffer_take(&out);
}

/* SPDX-License-Identifier: MIT */
/* A file's first bytes against its name, before it gets that name: a page or a pickle is not a .safetensors. */
#include "provision/run.h"

#include "base/path.h"

#include <string.h>
#include <unistd.h>

/* safetensors: 8 bytes little-endian length of the JSON header, which starts with '{' (its format document; at most 100
 * MB). */
static bool is_safetensors(const unsigned char *head, size_t size)
{
	uint64_t length = 0;

	if (size < 9 || head[8] != '{')
		return false;
	for (int i = 7; i >= 0; i--)
		length = length << 8 | head[i];
	return length >= 2 && length <= 100000000;
}

static const char *kind_of(const unsigned char *head, size_t size)
{
	if (size >= 4 && memcmp(head, "GGUF", 4) == 0)
		return "a GGUF file";
	if (size >= 4 && memcmp(head, "PK\3\4", 4) == 0)
		return "a zip file (or a pickle-based checkpoint)";
	if (size >= 2 && head[0] == 0x80 && head[1] <= 5)
		return "a Python pickle";
	if (size >= 4 && memcmp(head, "\177ELF", 4) == 0)
		return "a program";
	if (size >= 1 && head[0] == '<')
		return "a web page";
	if (size >= 11 && memcmp(head, "version htt", 11) == 0)
		return "a Git LFS pointer";
	return "something else";
}

int sniff_check(int fd, const char *name, struct ncm_error *err)
{
	unsigned char head[16] = {0};
	ssize_t got = pread(fd, head, sizeof head, 0);
	size_t size = got < 0 ? 0 : (size_t)got;
	const char *expected = NULL;

	if (ncm_path_has_suffix(name, ".gguf") && (size < 4 || memcmp(head, "GGUF", 4) != 0))
		expected = "a GGUF file";
	else if ((ncm_path_has_suffix(name, ".safetensors") || ncm_path_has_suffix(name, ".sft")) &&
		 !is_safetensors(head, size))
		expected = "a safetensors file";
	if (!expected)
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "%s is not %s but %s", name, expected, kind_of(head, size));
	return ncm_error_hint(err, "the source serves something else under this name; nothing was installed");
}

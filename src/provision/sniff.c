/* SPDX-License-Identifier: MIT */
/* A file's first bytes against its name, before it gets that name: a page or a pickle is not a .safetensors. */
#include "provision/run.h"

#include "format/format.h"

#include <unistd.h>

static const char *promise(enum ncm_format format)
{
	return format == NCM_FORMAT_GGUF ? "a GGUF file" : "a safetensors file";
}

int sniff_check(int fd, const char *name, struct ncm_error *err)
{
	const enum ncm_format promised = ncm_format_promised(name);
	unsigned char head[NCM_FORMAT_HEAD];
	const ssize_t got = pread(fd, head, sizeof head, 0);
	const size_t size = got < 0 ? 0 : (size_t)got;

	if (promised == NCM_FORMAT_UNKNOWN || promised == ncm_format_of(head, size))
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "%s is not %s but %s", name, promise(promised),
		      ncm_format_describe(head, size));
	return ncm_error_hint(err, "the source serves something else under this name; nothing was installed");
}

/* SPDX-License-Identifier: MIT */
/* All that a header holds: every key and every tensor. What is kept of it is bounded (CONTENTS_BYTES). */
#ifndef NCM_FORMAT_CONTENTS_H
#define NCM_FORMAT_CONTENTS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "format/format.h"

#include <ncmodel/inspect.h>

enum { NCM_CONTENTS_BYTES = 128 << 20 }; /* of memory for one file */

struct ncm_contents {
	struct ncm_arena arena; /* of keys, texts, names and numbers */
	size_t taken;           /* bytes of memory so far */
	struct ncm_metadata *metadata;
	size_t metadata_count;
	struct ncm_tensor *tensors; /* `file` is 0 */
	size_t tensor_count;
	unsigned version; /* of GGUF, or a pickle's protocol */
	bool big_endian;
	uint64_t header; /* bytes before the tensors */
	/* of a pickle: "module name" */
	struct ncm_strings imports, unsafe_imports;
	bool imports_are_known; /* it was read to its end */
	bool is_zip;            /* what torch saved lies packed in it, under the name "…/data.pkl": not read yet */
};

/*
 * As ncm_format_judge (name may be NULL), of bytes wherever they are, with all that the header holds. Free contents
 * with ncm_contents_clear, also after -1.
 */
int ncm_format_read_all(const struct ncm_bytes *bytes, const char *name, struct ncm_facts *facts,
			struct ncm_contents *contents, struct ncm_error *err);
void ncm_contents_clear(struct ncm_contents *contents);

#endif

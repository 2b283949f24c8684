/* SPDX-License-Identifier: MIT */
/*
 * A libFuzzer target: whatever bytes follow the beginning of a format, its reader ends, and says what is consistent.
 * FUZZ_FORMAT is 0 for GGUF, 1 for safetensors, 2 for pickles, 3 for ONNX, 4 for zip files with what torch packs into
 * them. scripts/fuzz builds and runs them.
 */
#include "demand.h"

#include "archive/archive.h"
#include "base/file.h"
#include "format/contents.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const struct {
	const char *bytes;
	size_t size;
} beginnings[] = {{"GGUF", 4}, {"", 0}, {"\x80", 1}, {"\x08\x08", 2}, {"PK\3\4", 4}};

enum { PACKED_MOST = 1 << 20 };

/* What a caller believes of every header that is sound. */
static void check(const struct ncm_facts *facts, const struct ncm_contents *contents)
{
	demand(facts->soundness == NCM_SOUND || facts->soundness == NCM_UNJUDGED || facts->fault,
	       "what is not sound has a fault");
	for (size_t i = 0; i < contents->tensor_count; i++) {
		const struct ncm_tensor *tensor = &contents->tensors[i];

		demand(tensor->name && tensor->dtype, "a tensor has a name and a type");
		demand(tensor->dimension_count <= NCM_TENSOR_DIMENSIONS, "a tensor has few dimensions");
		demand(facts->soundness != NCM_SOUND || facts->extent == 0 ||
			   tensor->offset + tensor->bytes <= facts->extent,
		       "a tensor lies in its file");
	}
	for (size_t i = 0; i < contents->metadata_count; i++) {
		const struct ncm_metadata *value = &contents->metadata[i];

		demand(value->key && value->type, "metadata has a key and a type");
		demand(!value->numbers || value->count <= NCM_METADATA_KEPT, "few numbers are kept");
	}
}

static void read_packed(const struct ncm_bytes *source)
{
	size_t size = 0;
	char *text = ncm_archive_member(source, "data.pkl", PACKED_MOST, &size, NULL);
	const struct ncm_piece piece = {text, size};
	const struct ncm_bytes packed = ncm_bytes_of_piece(&piece);
	struct ncm_contents contents;
	struct ncm_facts facts;

	if (!text)
		return;
	demand(size <= PACKED_MOST, "what is packed is bounded");
	demand(ncm_format_read_all(&packed, NULL, &facts, &contents, NULL) == 0, "memory can be read");
	check(&facts, &contents);
	ncm_contents_clear(&contents);
	ncm_facts_clear(&facts);
	free(text);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const size_t before = beginnings[FUZZ_FORMAT].size;
	char *bytes = malloc(before + size + 1);
	const struct ncm_piece piece = {bytes, before + size};
	const struct ncm_bytes source = ncm_bytes_of_piece(&piece);
	struct ncm_contents contents;
	struct ncm_facts facts;

	if (!bytes)
		return 0;
	memcpy(bytes, beginnings[FUZZ_FORMAT].bytes, before);
	memcpy(bytes + before, data, size);
	demand(ncm_format_read_all(&source, NULL, &facts, &contents, NULL) == 0, "memory can be read");
	check(&facts, &contents);
	if (contents.is_zip)
		read_packed(&source);
	ncm_contents_clear(&contents);
	ncm_facts_clear(&facts);
	free(bytes);
	return 0;
}

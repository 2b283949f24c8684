/* SPDX-License-Identifier: MIT */
#include "bundle/layout.h"

#include "archive/ustar.h"
#include "base/mem.h"

#include <ncmodel/text.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t SPAN = NCM_CHECKPOINT_SPAN;
/* The most whole spans of which FAT could hold a volume, and every tar an entry. */
static const uint64_t LARGEST_PART = (UINT64_C(1) << 32) - NCM_CHECKPOINT_SPAN;

enum { DIGITS = 15 }; /* of an offset: `cat HEX.*` puts the parts in their order */

struct laying {
	struct bundle_layout *layout;
	uint64_t documents, limit;
};

static uint64_t *current(const struct laying *laying)
{
	return &laying->layout->sizes[laying->layout->volumes - 1];
}

static void next_volume(struct laying *laying)
{
	struct bundle_layout *layout = laying->layout;

	*NCM_PUSH(layout->sizes, layout->volumes) = laying->documents + NCM_USTAR_END;
}

/* How many of `left` bytes go into what is left of the volume: all of them, whole spans, or none. */
static uint64_t fitting(const struct laying *laying, uint64_t left)
{
	const uint64_t room = laying->limit - *current(laying);
	const uint64_t most = left < LARGEST_PART ? left : LARGEST_PART;

	if (ncm_ustar_room(most) <= room)
		return most;
	return room < NCM_USTAR_BLOCK ? 0 : (room - NCM_USTAR_BLOCK) / SPAN * SPAN;
}

static void lay_bytes(struct laying *laying, size_t number, uint64_t start, uint64_t end)
{
	struct bundle_layout *layout = laying->layout;

	do {
		uint64_t size = fitting(laying, end - start);

		if ((size == 0 && start < end) || *current(laying) + ncm_ustar_room(size) > laying->limit) {
			next_volume(laying);
			size = fitting(laying, end - start);
		}
		*NCM_PUSH(layout->parts, layout->count) =
		    (struct bundle_part){.volume = layout->volumes - 1,
					 .file = number,
					 .start = start,
					 .end = start + size,
					 .at = *current(laying) - NCM_USTAR_END + NCM_USTAR_BLOCK};
		*current(laying) += ncm_ustar_room(size);
		start += size;
	} while (start < end);
}

/* What an older version has is in no volume. An empty file is a part, too. */
static void lay_file(struct laying *laying, const struct ncm_bundle_file *file, size_t number)
{
	uint64_t start = 0, end;

	do {
		if (!bundle_is_of_base(file, start, &end))
			lay_bytes(laying, number, start, end);
		start = end;
	} while (start < file->size);
}

int bundle_lay_out(const struct ncm_bundle *bundle, uint64_t documents, uint64_t volume, struct bundle_layout *layout,
		   struct ncm_error *err)
{
	struct laying laying = {
	    .layout = layout, .documents = documents, .limit = volume > 0 ? volume : UINT64_MAX / 2};
	const uint64_t least = documents + NCM_USTAR_END + ncm_ustar_room(SPAN);
	char text[32];

	*layout = (struct bundle_layout){0};
	if (laying.limit < least) {
		ncm_error_set(err, NCM_E_USAGE, "a volume of this bundle has to have %s or more",
			      ncm_format_size(least, text, sizeof text));
		return ncm_error_hint(err, "`--volume 4GB` makes the largest that FAT can hold");
	}
	next_volume(&laying);
	for (size_t i = 0; i < bundle->count; i++) {
		if (bundle_is_blob(bundle->files[i].path))
			lay_file(&laying, &bundle->files[i], i);
	}
	return 0;
}

void bundle_layout_clear(struct bundle_layout *layout)
{
	free(layout->parts);
	free(layout->sizes);
	*layout = (struct bundle_layout){0};
}

char *bundle_part_path(const struct ncm_bundle_file *file, const struct bundle_part *part)
{
	if (part->start == 0 && part->end == file->size)
		return ncm_strdup(file->path);
	return ncm_asprintf("%s.%0*llu", file->path, DIGITS, (unsigned long long)part->start);
}

bool bundle_part_read(const char *path, size_t *file_path, uint64_t *start)
{
	static const size_t length = sizeof BUNDLE_BLOBS "/" - 1 + NCM_SHA256_HEX;
	const char *rest = path + (strlen(path) < length ? 0 : length);

	if (rest == path || strncmp(path, BUNDLE_BLOBS "/", sizeof BUNDLE_BLOBS) != 0 ||
	    strspn(path + sizeof BUNDLE_BLOBS, "0123456789abcdef") != NCM_SHA256_HEX)
		return false;
	*file_path = length;
	*start = 0;
	if (*rest == '\0')
		return true;
	if (*rest != '.' || strlen(rest + 1) != DIGITS || strspn(rest + 1, "0123456789") != DIGITS)
		return false;
	*start = strtoull(rest + 1, NULL, 10);
	return true;
}

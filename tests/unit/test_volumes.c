/* SPDX-License-Identifier: MIT */
#include "archive/ustar.h"
#include "base/mem.h"
#include "bundle/layout.h"
#include "check.h"
#include "digest/transit.h"
#include "temp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { SPAN = NCM_CHECKPOINT_SPAN, LAYOUTS = 300, MOST_FILES = 12, HEADERS = 500, SPANS = 4, LAST = 12345 };

static uint32_t seed = 18;

static uint32_t random_below(uint32_t end)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)seed * end) >> 32);
}

static uint64_t random_size(void)
{
	switch (random_below(4)) {
	case 0:
		return random_below(3);
	case 1:
		return random_below(100000);
	case 2:
		return (uint64_t)random_below(40) * SPAN + random_below(3) - (random_below(2) ? 1 : 0) + 1;
	default:
		return (uint64_t)random_below(600) * SPAN + random_below(SPAN);
	}
}

static struct ncm_bundle *random_bundle(void)
{
	struct ncm_bundle *bundle = ncm_calloc(1, sizeof *bundle);
	const size_t count = 1 + random_below(MOST_FILES);

	for (size_t i = 0; i < count; i++) {
		NCM_AUTO_FREE char *path = ncm_asprintf(BUNDLE_BLOBS "/%064zx", i);

		bundle_add(bundle, path, "weights")->size = random_size();
	}
	bundle_add(bundle, BUNDLE_LOCK, "lock")->size = 5;
	bundle_settle(bundle);
	return bundle;
}

/* Every byte of every blob once, in order; whole spans; nothing over another; no volume too large. */
static void check_layout(const struct ncm_bundle *bundle, const struct bundle_layout *layout, uint64_t documents,
			 uint64_t volume)
{
	size_t part = 0;
	uint64_t at = documents, volume_now = 0;

	for (size_t file = 0; file < bundle->count; file++) {
		uint64_t done = 0;
		bool first = true;

		for (; part < layout->count && layout->parts[part].file == file; part++, first = false) {
			const struct bundle_part *now = &layout->parts[part];

			if (now->volume != volume_now) {
				CHECK(now->volume == volume_now + 1);
				CHECK(layout->sizes[volume_now] == at + NCM_USTAR_END);
				volume_now++;
				at = documents;
			}
			CHECK(first || now->start % SPAN == 0);
			CHECK(now->start == done && now->end <= bundle->files[file].size);
			CHECK(now->end - now->start < (UINT64_C(1) << 32));
			CHECK(now->at == at + NCM_USTAR_BLOCK);
			at += ncm_ustar_room(now->end - now->start);
			done = now->end;
		}
		CHECK(done == (bundle_is_blob(bundle->files[file].path) ? bundle->files[file].size : 0));
		CHECK(first != bundle_is_blob(bundle->files[file].path));
	}
	CHECK(part == layout->count && layout->sizes[volume_now] == at + NCM_USTAR_END);
	CHECK(layout->volumes == volume_now + 1);
	for (size_t i = 0; i < layout->volumes && volume > 0; i++)
		CHECK(layout->sizes[i] <= volume);
}

static void every_byte_has_one_place(void)
{
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct ncm_bundle *bundle = random_bundle();
		const uint64_t documents = (uint64_t)random_below(40) * NCM_USTAR_BLOCK;
		const uint64_t volume =
		    random_below(5) == 0 ? 0 : SPAN + 30 * NCM_USTAR_BLOCK + documents + random_below(300 << 20);
		struct bundle_layout layout;

		CHECK(bundle_lay_out(bundle, documents, volume, &layout, NULL) == 0);
		check_layout(bundle, &layout, documents, volume);
		bundle_layout_clear(&layout);
		ncm_bundle_free(bundle);
	}
}

static void parts_have_names(void)
{
	const struct ncm_bundle_file file = {.path = (char *)(uintptr_t)BUNDLE_BLOBS
					     "/0123456789012345678901234567890123456789012345678901234567890123",
					     .size = 3 * SPAN};
	static const struct bundle_part parts[] = {{.end = 3 * SPAN}, {.end = SPAN}, {.start = SPAN, .end = 3 * SPAN}};
	static const char *const no_parts[] = {"", "blobs/sha256/", "blobs/sha256/0", "bundle.json"};
	size_t length;
	uint64_t start;

	for (size_t i = 0; i < 3; i++) {
		NCM_AUTO_FREE char *path = bundle_part_path(&file, &parts[i]);

		CHECK(bundle_part_read(path, &length, &start));
		CHECK(length == strlen(file.path) && start == parts[i].start);
		path[strlen(path) - 1] = 'x';
		CHECK(!bundle_part_read(path, &length, &start));
	}
	for (size_t i = 0; i < sizeof no_parts / sizeof *no_parts; i++)
		CHECK(!bundle_part_read(no_parts[i], &length, &start));
}

static size_t random_path(char *path)
{
	const size_t size = 1 + random_below(NCM_USTAR_PATH - 1);

	for (size_t i = 0; i < size; i++)
		path[i] = i % 40 == 20 && i + 1 < size ? '/' : (char)('a' + random_below(26));
	path[size] = '\0';
	return size;
}

/* What is written is read; and no bit of a header can change unseen. */
static void headers_are_read_as_they_were_written(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *name = ncm_path_join(folder, "tar");
	NCM_AUTO_CLOSE int fd = open(name, O_RDWR | O_CREAT, 0600);

	for (size_t i = 0; i < HEADERS; i++) {
		char header[NCM_USTAR_BLOCK], path[NCM_USTAR_PATH + 1];
		const uint64_t size = random_below(2) ? random_below(5000) : (uint64_t)random_below(UINT32_MAX) << 1;
		struct ncm_ustar_entry entry;
		uint64_t at = NCM_USTAR_BLOCK;
		const size_t bit = random_below(NCM_USTAR_BLOCK * 8);

		const size_t length = random_path(path);

		if (ncm_ustar_header(path, size, header, NULL) < 0) { /* no slash where it could be cut */
			CHECK(length > 100);
			continue;
		}
		CHECK(pwrite(fd, header, sizeof header, NCM_USTAR_BLOCK) == sizeof header);
		CHECK(ncm_ustar_next(fd, UINT64_MAX / 2, &at, &entry, NULL) == 1);
		CHECK(strcmp(entry.path, path) == 0 && entry.size == size && entry.at == 2 * NCM_USTAR_BLOCK);
		CHECK(at == NCM_USTAR_BLOCK + ncm_ustar_room(size));
		CHECK(ncm_ustar_find(fd, 2 * NCM_USTAR_BLOCK, 0) == NCM_USTAR_BLOCK);
		at = NCM_USTAR_BLOCK;
		CHECK(ncm_ustar_next(fd, 2 * NCM_USTAR_BLOCK + size - 1, &at, &entry, NULL) < 0 || size == 0);
		header[bit / 8] = (char)(header[bit / 8] ^ (1 << bit % 8));
		CHECK(pwrite(fd, header, sizeof header, NCM_USTAR_BLOCK) == sizeof header);
		/* The sum's own blanks may be either kind. */
		if (ncm_ustar_next(fd, UINT64_MAX / 2, &at, &entry, NULL) > 0)
			CHECK(strcmp(entry.path, path) == 0 && entry.size == size);
	}
	temp_remove(folder);
}

static void tally_of(int fd, struct ncm_checkpoints *checkpoints)
{
	struct ncm_sha256 digest;

	CHECK(ncm_tally_fd(fd, UINT64_MAX, &digest, checkpoints, NULL, NULL) == 0);
}

/* Each span is judged for itself: one flipped byte, one that does not hold, and all bytes come where they belong. */
static void a_span_holds_if_its_bytes_do(void)
{
	const uint64_t size = (uint64_t)(SPANS - 1) * SPAN + LAST;
	char *folder = temp_folder();
	NCM_AUTO_FREE char *name = ncm_path_join(folder, "from"), *target = ncm_path_join(folder, "to");
	NCM_AUTO_CLOSE int from = open(name, O_RDWR | O_CREAT, 0600), to = open(target, O_RDWR | O_CREAT, 0600);
	NCM_AUTO_FREE uint8_t *content = ncm_malloc(size), *came = ncm_malloc(size);
	struct ncm_checkpoints checkpoints;

	for (uint64_t i = 0; i < size; i++)
		content[i] = (uint8_t)(i * 7 + (i >> 9));
	CHECK(ncm_pwrite_all(from, content, size, 0) == 0);
	tally_of(from, &checkpoints);
	for (size_t flipped = 0; flipped <= SPANS; flipped++) { /* the last: none */
		struct ncm_transit transits[SPANS + 1];
		const uint64_t at = (uint64_t)flipped * SPAN + random_below(LAST);

		for (size_t i = 0; i < SPANS; i++)
			transits[i] = (struct ncm_transit){.from = from,
							   .from_at = ncm_span_start(i),
							   .to = to,
							   .to_at = 77 + ncm_span_start(i),
							   .checkpoints = &checkpoints,
							   .span = i};
		transits[SPANS] = transits[SPANS - 1];
		transits[SPANS].to = -1;
		transits[SPANS].from_at += 1; /* the file ends before it */
		if (flipped < SPANS) {
			content[at] ^= 1;
			CHECK(ncm_pwrite_all(from, &content[at], 1, at) == 0);
		}
		ncm_transits_run(transits, SPANS + 1, NULL, NULL);
		for (size_t i = 0; i < SPANS; i++)
			CHECK(transits[i].holds == (i != flipped) && !transits[i].failure);
		CHECK(!transits[SPANS].holds && transits[SPANS].failure == ENODATA);
		CHECK(ncm_pread_all(to, came, size, 77) == (ssize_t)size && memcmp(came, content, size) == 0);
		if (flipped < SPANS) {
			content[at] ^= 1;
			CHECK(ncm_pwrite_all(from, &content[at], 1, at) == 0);
		}
	}
	ncm_checkpoints_clear(&checkpoints);
	temp_remove(folder);
}

int main(void)
{
	RUN(every_byte_has_one_place);
	RUN(parts_have_names);
	RUN(headers_are_read_as_they_were_written);
	RUN(a_span_holds_if_its_bytes_do);
	return 0;
}

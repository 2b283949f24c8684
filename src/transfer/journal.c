/* SPDX-License-Identifier: MIT */
/* The write-ahead journal of a partial file, and what an earlier run left that can be resumed from. */
#include "transfer/journal.h"

#include "base/ability.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { JOURNAL_MAX = 64 << 20 }; /* a line is some 20 bytes and speaks for up to a MiB */
static const char first_line[] = "ncmodel partial 1\n";

static char *name_of(const char *partial)
{
	return ncm_asprintf("%s.journal", partial);
}

/* This boot of the kernel; "" if unknown. */
static void read_boot_id(char boot_id[40])
{
	NCM_AUTO_FREE char *text = ncm_read_file("/proc/sys/kernel/random/boot_id", 256, NULL);
	size_t length = text ? strcspn(text, "\n") : 0;

	if (length >= 40)
		length = 0;
	if (length > 0)
		memcpy(boot_id, text, length);
	boot_id[length] = '\0';
}

void ncm_identity_clear(struct ncm_identity *identity)
{
	free(identity->url);
	free(identity->etag);
	*identity = (struct ncm_identity){0};
}

bool ncm_identity_fits(const struct ncm_identity *identity, const struct ncm_transfer_item *item)
{
	NCM_AUTO_FREE char *shown = NULL;

	if (item->has_size && identity->has_size && item->size != identity->size)
		return false;
	if (item->has_sha256)
		return identity->has_sha256 && ncm_sha256_equal(&item->sha256, &identity->sha256);
	/* Without a digest only the server can say whether it is the same file: by a validator that it gave for this
	 * URL. */
	shown = ncm_url_display(item->url);
	return identity->etag && identity->url && strcmp(identity->url, shown) == 0;
}

void ncm_identity_complete(struct ncm_identity *identity, const struct ncm_transfer_item *item)
{
	char *shown = ncm_url_display(item->url);

	/* A validator is worth something for the URL that gave it alone. */
	if (!identity->url || strcmp(identity->url, shown) != 0) {
		free(identity->etag);
		identity->etag = NULL;
	}
	free(identity->url);
	identity->url = shown;
	if (item->has_size) {
		identity->has_size = true;
		identity->size = item->size;
	}
	identity->has_sha256 = item->has_sha256;
	identity->sha256 = item->sha256;
}

/* The second line. *same_boot: whether the kernel has run ever since. */
static int read_identity(char *line, struct ncm_identity *identity, bool *same_boot)
{
	NCM_AUTO_JSON json_t *value = ncm_json_parse(line, strlen(line), "journal", NCM_E_IO, NULL);
	const char *sha256 = ncm_json_string(value, "sha256");
	const char *boot_id = ncm_json_string(value, "boot_id");
	char now[40];

	if (!value || (sha256 && ncm_sha256_parse(sha256, &identity->sha256) < 0))
		return -1;
	identity->has_sha256 = sha256 != NULL;
	identity->has_size = ncm_json_u64(value, "size", &identity->size);
	identity->url = ncm_strdup_null(ncm_json_string(value, "url"));
	identity->etag = ncm_strdup_null(ncm_json_string(value, "etag"));
	read_boot_id(now);
	*same_boot = *now && boot_id && strcmp(boot_id, now) == 0;
	return 0;
}

/* One whole line at *text, its end made a NUL; *text moves on. NULL at the end or where a line was torn. */
static char *next_line(char **text, const char *end)
{
	char *line = *text;
	char *stop = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;

	if (!stop || memchr(line, '\0', (size_t)(stop - line)))
		return NULL;
	*stop = '\0';
	*text = stop + 1;
	return line;
}

static bool read_number(char **text, uint64_t *number)
{
	char *end;

	if (**text != ' ' || (*text)[1] < '0' || (*text)[1] > '9')
		return false;
	errno = 0;
	*number = strtoull(*text + 1, &end, 10);
	*text = end;
	return errno == 0;
}

static bool read_range(char **text, struct ncm_range *range)
{
	return read_number(text, &range->start) && read_number(text, &range->end) && **text == '\0' &&
	       range->start < range->end;
}

static void read_ranges(char *text, const char *end, bool same_boot, struct ncm_ranges *trusted,
			struct ncm_ranges *begun)
{
	NCM_AUTO_FREE struct ncm_range *ranges = NULL;
	size_t count = 0;
	uint64_t synced = 0;
	char *line;

	while ((line = next_line(&text, end))) {
		struct ncm_range range;
		char *at = line + 1;
		uint64_t lines;

		if (*line == '+' && read_range(&at, &range))
			*NCM_PUSH(ranges, count) = range;
		else if (*line == '~' && read_range(&at, &range))
			ncm_ranges_add(begun, range.start, range.end);
		else if (*line == '=' && read_number(&at, &lines) && *at == '\0' && lines <= count)
			synced = lines;
		else
			break;
	}
	for (size_t i = 0; i < (same_boot ? count : synced); i++)
		ncm_ranges_add(trusted, ranges[i].start, ranges[i].end);
	if (!same_boot)
		ncm_ranges_clear(begun);
}

int ncm_journal_read(int dirfd, const char *partial, struct ncm_identity *identity, struct ncm_ranges *trusted,
		     struct ncm_ranges *begun)
{
	NCM_AUTO_FREE char *name = name_of(partial);
	NCM_AUTO_CLOSE int fd = os_open_beneath(dirfd, name, OS_READ | OS_NO_LINK);
	NCM_AUTO_FREE char *text = NULL;
	char *at, *line;
	size_t size = 0;
	bool same_boot;

	*identity = (struct ncm_identity){0};
	if (fd < 0 || !(text = ncm_read_fd(fd, JOURNAL_MAX, &size)))
		return -1;
	at = text;
	if (size < sizeof first_line - 1 || memcmp(text, first_line, sizeof first_line - 1) != 0)
		return -1;
	at += sizeof first_line - 1;
	line = next_line(&at, text + size);
	if (!line || read_identity(line, identity, &same_boot) < 0) {
		ncm_identity_clear(identity);
		return -1;
	}
	read_ranges(at, text + size, same_boot, trusted, begun);
	return 0;
}

/* What was being written when a process was killed is there if it was a hole before and is none now. */
static void add_written(int fd, struct ncm_ranges *begun, uint64_t length, struct ncm_ranges *kept)
{
	ncm_ranges_remove(begun, length, UINT64_MAX);
	for (size_t i = 0; i < begun->count; i++) {
		struct ncm_range block = begun->ranges[i];

		for (; block.start < begun->ranges[i].end; block.start = block.end) {
			block.end = block.start + NCM_BLOCK_BYTES;
			if (ncm_range_has_no_hole(fd, &block))
				ncm_ranges_add(kept, block.start, block.end);
		}
	}
}

void ncm_journal_find_kept(const struct ncm_transfer_item *item, uint64_t length, struct ncm_identity *identity,
			   struct ncm_ranges *kept)
{
	NCM_AUTO_CLOSE int fd = os_open_beneath(item->dirfd, item->partial, OS_READ);
	const struct ncm_range whole = {0, length};
	struct ncm_ranges begun = {0};

	if (ncm_journal_read(item->dirfd, item->partial, identity, kept, &begun) == 0 &&
	    ncm_identity_fits(identity, item)) {
		add_written(fd, &begun, length, kept);
	} else {
		ncm_identity_clear(identity);
		ncm_ranges_clear(kept);
		if (item->has_sha256 && item->has_size && item->size == length && item->range_count == 0 &&
		    ncm_range_has_no_hole(fd, &whole))
			ncm_ranges_add(kept, 0, length);
	}
	ncm_ranges_clear(&begun);
	/* We write nothing behind a file's end: longer, it is another's. */
	if ((identity->has_size && length > identity->size) || (item->has_size && length > item->size))
		length = 0;
	ncm_ranges_remove(kept, length, UINT64_MAX);
}

uint64_t ncm_transfer_present(const struct ncm_transfer_item *item)
{
	struct ncm_identity identity = {0};
	struct ncm_ranges kept = {0};
	struct os_stat status;
	uint64_t sum;

	if (os_lstat(item->dirfd, item->partial, &status) == 0 && status.kind == OS_IS_FILE)
		ncm_journal_find_kept(item, status.size, &identity, &kept);
	sum = ncm_ranges_sum(&kept);
	ncm_ranges_clear(&kept);
	ncm_identity_clear(&identity);
	return sum;
}

static char *identity_text(const struct ncm_identity *identity)
{
	NCM_AUTO_JSON json_t *value = json_object();
	char hex[NCM_SHA256_HEX + 1], boot_id[40];

	read_boot_id(boot_id);
	ncm_json_set_string(value, "url", identity->url);
	ncm_json_set_string(value, "etag", identity->etag);
	if (identity->has_size)
		ncm_json_set_u64(value, "size", identity->size);
	if (identity->has_sha256)
		ncm_json_set_string(value, "sha256", ncm_sha256_hex(&identity->sha256, hex));
	ncm_json_set_string(value, "boot_id", boot_id);
	return json_dumps(value, JSON_COMPACT);
}

static int write_all(int fd, const char *text, size_t size)
{
	ssize_t put;

	do {
		put = os_write(fd, text, size);
	} while (put < 0 && errno == EINTR);
	if (put >= 0 && (size_t)put < size)
		errno = ENOSPC;
	return put == (ssize_t)size ? 0 : -1;
}

int ncm_journal_begin(int dirfd, const char *partial, const struct ncm_identity *identity,
		      const struct ncm_ranges *there, bool synced, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = name_of(partial);
	NCM_AUTO_FREE char *fresh = ncm_asprintf("%s.new", name);
	NCM_AUTO_FREE char *line = identity_text(identity);
	struct ncm_buffer text = {0};
	int fd, failed;

	ncm_buffer_printf(&text, "%s%s\n", first_line, line);
	for (size_t i = 0; i < there->count; i++)
		ncm_buffer_printf(&text, "+ %" PRIu64 " %" PRIu64 "\n", there->ranges[i].start, there->ranges[i].end);
	synced = synced && there->count > 0;
	if (synced)
		ncm_buffer_printf(&text, "= %zu\n", there->count);
	(void)os_unlink(dirfd, fresh);
	fd = ncm_own_create(dirfd, fresh, OS_WRITE | OS_APPEND, NCM_OWN_FILE);
	failed = fd < 0 || write_all(fd, text.data, text.size) < 0 || (synced && ncm_sync_data(fd) < 0) ||
		 os_rename(dirfd, fresh, dirfd, name) < 0;
	if (failed) {
		ncm_error_errno(err, errno, "cannot write %s", name);
		(void)os_unlink(dirfd, fresh);
		if (fd >= 0)
			os_close(fd);
		fd = -1;
	}
	ncm_buffer_free(&text);
	return fd;
}

static int write_range(int fd, char kind, const struct ncm_range *range)
{
	char line[64];
	int size = snprintf(line, sizeof line, "%c %" PRIu64 " %" PRIu64 "\n", kind, range->start, range->end);

	return write_all(fd, line, (size_t)size);
}

int ncm_journal_begun(int fd, const struct ncm_range *range)
{
	return write_range(fd, '~', range);
}

int ncm_journal_written(int fd, const struct ncm_range *range)
{
	return write_range(fd, '+', range);
}

int ncm_journal_synced(int fd, uint64_t lines)
{
	char line[32];
	int size = snprintf(line, sizeof line, "= %" PRIu64 "\n", lines);

	return write_all(fd, line, (size_t)size) < 0 || ncm_sync_data(fd) < 0 ? -1 : 0;
}

void ncm_journal_remove(int dirfd, const char *partial)
{
	NCM_AUTO_FREE char *name = name_of(partial);

	(void)os_unlink(dirfd, name);
}

void ncm_transfer_discard(int dirfd, const char *partial)
{
	(void)os_unlink(dirfd, partial);
	ncm_journal_remove(dirfd, partial);
}

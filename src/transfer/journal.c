/* SPDX-License-Identifier: MIT */
#include "transfer/journal.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"

#include <fcntl.h>
#include <string.h>

enum { JOURNAL_MAX = 64 << 10 };

static char *name_of(const char *partial)
{
	return ncm_asprintf("%s.json", partial);
}

static json_t *parse(int dirfd, const char *partial)
{
	NCM_AUTO_FREE char *name = name_of(partial);
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	NCM_AUTO_FREE char *text = NULL;
	size_t size = 0;

	if (fd < 0 || !(text = ncm_read_fd(fd, JOURNAL_MAX, &size)))
		return NULL;
	return ncm_json_parse(text, size, name, NCM_E_IO, NULL);
}

int ncm_journal_read(int dirfd, const char *partial, struct ncm_journal *journal)
{
	NCM_AUTO_JSON json_t *value = parse(dirfd, partial);
	const char *sha256 = ncm_json_string(value, "sha256");
	const char *boot_id = ncm_json_string(value, "boot_id");

	*journal = (struct ncm_journal){0};
	if (!value || (sha256 && ncm_sha256_parse(sha256, &journal->sha256) < 0) ||
	    !ncm_json_u64(value, "synced", &journal->synced))
		return -1;
	journal->has_sha256 = sha256 != NULL;
	journal->has_size = ncm_json_u64(value, "size", &journal->size);
	journal->url = ncm_strdup_null(ncm_json_string(value, "url"));
	journal->etag = ncm_strdup_null(ncm_json_string(value, "etag"));
	if (boot_id && strlen(boot_id) < sizeof journal->boot_id)
		memcpy(journal->boot_id, boot_id, strlen(boot_id) + 1);
	return 0;
}

int ncm_journal_write(int dirfd, const char *partial, const struct ncm_journal *journal, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *value = json_object();
	NCM_AUTO_FREE char *name = name_of(partial);
	NCM_AUTO_FREE char *text = NULL;
	char hex[NCM_SHA256_HEX + 1];

	ncm_json_set_string(value, "url", journal->url);
	ncm_json_set_string(value, "etag", journal->etag);
	if (journal->has_size)
		ncm_json_set_u64(value, "size", journal->size);
	if (journal->has_sha256)
		ncm_json_set_string(value, "sha256", ncm_sha256_hex(&journal->sha256, hex));
	ncm_json_set_u64(value, "synced", journal->synced);
	ncm_json_set_string(value, "boot_id", journal->boot_id);
	text = ncm_json_dump(value);
	return ncm_write_atomic(dirfd, name, text, strlen(text), 0600, err);
}

void ncm_journal_clear(struct ncm_journal *journal)
{
	free(journal->url);
	free(journal->etag);
	*journal = (struct ncm_journal){0};
}

void ncm_journal_copy(struct ncm_journal *to, const struct ncm_journal *from)
{
	ncm_journal_clear(to);
	*to = *from;
	to->url = ncm_strdup_null(from->url);
	to->etag = ncm_strdup_null(from->etag);
}

void ncm_journal_remove(int dirfd, const char *partial)
{
	NCM_AUTO_FREE char *name = name_of(partial);

	(void)unlinkat(dirfd, name, 0);
}

bool ncm_journal_fits(const struct ncm_journal *journal, const struct ncm_transfer_item *item)
{
	NCM_AUTO_FREE char *shown = NULL;

	if (item->has_size && journal->has_size && item->size != journal->size)
		return false;
	if (item->has_sha256)
		return journal->has_sha256 && ncm_sha256_equal(&item->sha256, &journal->sha256);
	/* Without a digest only the server can say whether it is the same file: by a validator that it gave for this
	 * URL. */
	shown = ncm_url_display(item->url);
	return journal->etag && journal->url && strcmp(journal->url, shown) == 0;
}

uint64_t ncm_journal_trusted(const struct ncm_journal *journal, uint64_t length)
{
	char boot_id[40];

	ncm_boot_id(boot_id);
	if (*boot_id && strcmp(boot_id, journal->boot_id) == 0)
		return length;
	return journal->synced < length ? journal->synced : length;
}

void ncm_boot_id(char boot_id[40])
{
	NCM_AUTO_FREE char *text = ncm_read_file("/proc/sys/kernel/random/boot_id", 256, NULL);
	size_t length = text ? strcspn(text, "\n") : 0;

	if (length >= 40)
		length = 0;
	if (length > 0)
		memcpy(boot_id, text, length);
	boot_id[length] = '\0';
}

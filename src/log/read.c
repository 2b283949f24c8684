/* SPDX-License-Identifier: MIT */
/* The log as it was written, or by whoever: a line that is no entry is counted and left out. */
#include "log/log.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

enum { MOST_READ = NCM_LIMIT_MANIFEST_BYTES };

static char *text_of(const json_t *object, const char *key)
{
	return ncm_strdup_null(ncm_json_string(object, key));
}

static void read_file(const json_t *object, struct ncm_deed_file *file)
{
	const char *sha256 = ncm_json_string(object, "sha256");

	file->path = text_of(object, "path");
	file->store = text_of(object, "store");
	file->how = text_of(object, "how");
	file->source = text_of(object, "source");
	if (!ncm_json_u64(object, "size", &file->size))
		file->size = 0;
	if (!sha256 || ncm_sha256_parse(sha256, &file->sha256) < 0)
		file->sha256 = (struct ncm_sha256){0};
}

static void read_failure(const json_t *object, struct ncm_log_failure *failure)
{
	failure->code = text_of(object, "code");
	failure->message = text_of(object, "message");
	failure->model = text_of(object, "model");
}

static void read_lists(const json_t *object, struct ncm_log_entry *entry)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(object, "files"), i, item)
	    read_file(item, NCM_PUSH(entry->files, entry->file_count));
	json_array_foreach(json_object_get(object, "errors"), i, item)
	    read_failure(item, NCM_PUSH(entry->failures, entry->failure_count));
}

static void read_entry(const json_t *object, struct ncm_log_entry *entry)
{
	uint64_t number;

	entry->time = text_of(object, "time");
	entry->run = text_of(object, "run");
	entry->command = text_of(object, "command");
	entry->action = text_of(object, "action");
	entry->model = text_of(object, "model");
	entry->source = text_of(object, "source");
	entry->revision = text_of(object, "revision");
	if (ncm_json_u64(object, "exit_code", &number) && number <= 255)
		entry->exit_code = (int)number;
	if (ncm_json_u64(object, "files_left_out", &number))
		entry->left_out = (size_t)number;
	read_lists(object, entry);
}

static void read_line(const char *line, size_t size, struct ncm_log_entries *entries)
{
	NCM_AUTO_JSON json_t *object = ncm_json_parse(line, size, entries->path, NCM_E_IO, NULL);

	if (ncm_json_string(object, "time") && ncm_json_string(object, "run") && ncm_json_string(object, "command") &&
	    ncm_json_string(object, "action"))
		read_entry(object, NCM_PUSH(entries->items, entries->count));
	else
		entries->unreadable++;
}

/* Of one that somebody else let grow, the newest. The caller frees it; NULL with errno. */
static char *read_newest(const char *path, size_t *size, bool *cut)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ);
	struct os_stat status;

	if (fd < 0 || os_fstat(fd, &status) < 0)
		return NULL;
	*cut = status.size > MOST_READ;
	errno = EINVAL;
	if (status.kind != OS_IS_FILE || (*cut && os_seek(fd, status.size - MOST_READ) < 0))
		return NULL;
	/* It may grow meanwhile. */
	return ncm_read_fd(fd, 2 * MOST_READ, size);
}

static int read_lines(const char *path, struct ncm_log_entries *entries, struct ncm_error *err)
{
	size_t size;
	bool cut = false;
	NCM_AUTO_FREE char *text = read_newest(path, &size, &cut);

	if (!text)
		return errno == ENOENT ? 0 : ncm_error_errno(err, errno, "cannot read %s", path);
	for (const char *at = text; at < text + size;) {
		const char *end = memchr(at, '\n', (size_t)(text + size - at));
		const size_t length = (size_t)((end ? end : text + size) - at);

		if (cut && at == text)
			entries->unreadable++; /* with all before it */
		else if (length > 0)
			read_line(at, length, entries);
		at += length + 1;
	}
	return 0;
}

struct ncm_log_entries *ncm_log_read(const struct ncm_config *config, struct ncm_error *err)
{
	struct ncm_log_entries *entries = ncm_calloc(1, sizeof *entries);
	NCM_AUTO_FREE char *older = log_older(config->log);

	entries->path = ncm_strdup(config->log);
	if (read_lines(older, entries, err) == 0 && read_lines(config->log, entries, err) == 0)
		return entries;
	ncm_log_entries_free(entries);
	return NULL;
}

static void clear_entry(struct ncm_log_entry *entry)
{
	char *const texts[] = {entry->time,  entry->run,    entry->command, entry->action,
			       entry->model, entry->source, entry->revision};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	for (size_t i = 0; i < entry->file_count; i++) {
		free(entry->files[i].path);
		free(entry->files[i].store);
		free(entry->files[i].how);
		free(entry->files[i].source);
	}
	for (size_t i = 0; i < entry->failure_count; i++) {
		free(entry->failures[i].code);
		free(entry->failures[i].message);
		free(entry->failures[i].model);
	}
	free(entry->files);
	free(entry->failures);
}

void ncm_log_entries_free(struct ncm_log_entries *entries)
{
	if (!entries)
		return;
	for (size_t i = 0; i < entries->count; i++)
		clear_entry(&entries->items[i]);
	free(entries->items);
	free(entries->path);
	free(entries);
}

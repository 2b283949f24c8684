/* SPDX-License-Identifier: MIT */
#include "log/log.h"

#include "base/address.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "source/source.h"

#include <ncmodel/limits.h>
#include <string.h>

enum { RUN_DIGITS = 8, MOST_FAILURES = 16 };

struct ncm_log {
	const struct ncm_config *config;
	char *command;
	char run[RUN_DIGITS + 1];
	struct ncm_sink next;
	bool told; /* that it cannot be written */
};

static void put_text(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		ncm_json_set_string(object, key, text);
}

static void put_source(json_t *object, const char *uri)
{
	NCM_AUTO_FREE char *kept = uri ? ncm_source_remembered(uri) : NULL;
	NCM_AUTO_FREE char *shown = ncm_address_unmarked(kept); /* what its digest is, the line says */

	if (shown && ncm_source_is_address(shown))
		shown[strcspn(shown, "#")] = '\0';
	put_text(object, "source", shown);
}

static void put_digest(json_t *object, const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	if (!ncm_sha256_is_zero(sha256))
		json_object_set_new(object, "sha256", json_sprintf("sha256:%s", ncm_sha256_hex(sha256, hex)));
}

static json_t *file_json(const struct ncm_deed_file *file)
{
	json_t *object = json_object();

	put_text(object, "path", file->path);
	put_text(object, "store", file->store);
	put_text(object, "how", file->how);
	if (file->size > 0)
		ncm_json_set_u64(object, "size", file->size);
	put_digest(object, &file->sha256);
	put_source(object, file->source);
	return object;
}

static void put_files(json_t *object, const struct ncm_deed *deed)
{
	json_t *files = json_array();
	const size_t named = deed->file_count < NCM_LIMIT_LOG_FILES ? deed->file_count : NCM_LIMIT_LOG_FILES;

	for (size_t i = 0; i < named; i++)
		json_array_append_new(files, file_json(&deed->files[i]));
	json_object_set_new(object, "files", files);
	if (named < deed->file_count)
		ncm_json_set_u64(object, "files_left_out", deed->file_count - named);
}

static json_t *begin_line(const struct ncm_log *log, const char *action)
{
	json_t *object = json_object();
	char now[32];

	ncm_json_set_string(object, "time", ncm_time_utc(now));
	ncm_json_set_string(object, "run", log->run);
	put_text(object, "command", log->command);
	ncm_json_set_string(object, "action", action);
	return object;
}

/* Takes the object. */
static int write_line(const struct ncm_log *log, json_t *object, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	NCM_AUTO_FREE char *line = text ? ncm_asprintf("%s\n", text) : NULL;

	json_decref(object);
	if (!line)
		return ncm_error_set(err, NCM_E_OTHER, "a line of the log cannot be made");
	return log_append(log->config->log, line, NCM_LIMIT_LOG_BYTES, err);
}

static void write_deed(struct ncm_log *log, const struct ncm_deed *deed)
{
	json_t *object = begin_line(log, deed->action);
	struct ncm_error err = NCM_ERROR_INIT;

	put_text(object, "model", deed->model);
	put_source(object, deed->source);
	put_text(object, "revision", deed->revision);
	put_files(object, deed);
	if (write_line(log, object, &err) < 0 && !log->told) {
		log->told = true;
		ncm_emit_text(&log->next, NCM_EVENT_WARNING, "what was done is not in the log: %s", err.message);
	}
	ncm_error_clear(&err);
}

static void take(void *context, const struct ncm_event *event)
{
	struct ncm_log *log = context;

	if (event->type != NCM_EVENT_DEED)
		ncm_emit(&log->next, event);
	else if (event->deed)
		write_deed(log, event->deed);
}

struct ncm_log *ncm_log_new(const struct ncm_config *config, const char *command)
{
	struct ncm_log *log = ncm_calloc(1, sizeof *log);

	log->config = config;
	log->command = ncm_strdup(command);
	ncm_random_hex(log->run, sizeof log->run);
	return log;
}

struct ncm_sink ncm_log_sink(struct ncm_log *log, const struct ncm_sink *next)
{
	log->next = next ? *next : (struct ncm_sink){0};
	return (struct ncm_sink){take, log};
}

static json_t *failures_json(const struct ncm_log_failure *failures, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count && i < MOST_FAILURES; i++) {
		json_t *object = json_object();

		put_text(object, "code", failures[i].code);
		put_text(object, "message", failures[i].message);
		put_text(object, "model", failures[i].model);
		json_array_append_new(array, object);
	}
	return array;
}

int ncm_log_fail(struct ncm_log *log, int exit_code, const struct ncm_log_failure *failures, size_t count,
		 struct ncm_error *err)
{
	json_t *object = begin_line(log, "failed");

	json_object_set_new(object, "exit_code", json_integer(exit_code));
	json_object_set_new(object, "errors", failures_json(failures, count));
	return write_line(log, object, log->told ? NULL : err) < 0 && !log->told ? -1 : 0;
}

void ncm_log_free(struct ncm_log *log)
{
	if (!log)
		return;
	free(log->command);
	free(log);
}

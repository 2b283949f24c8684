/* SPDX-License-Identifier: MIT */
#include "registry/scan.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <ncmodel/digest.h>
#include <ncmodel/limits.h>
#include <string.h>

struct scan {
	const char *path;
	const char *text;
	struct ncm_json_scan *json;
	const struct registry_sink *sink;
	struct registry_index *index;
	struct ncm_error *err;
	struct registry_entry_text entry; /* its arrays are used again */
	size_t number;                    /* of the entry */
};

enum rule { TEXT, NUMBER, WORDS, FILES, FLAG };

struct known_key {
	const char *name;
	enum rule rule;
};

static const struct known_key entry_keys[REGISTRY_KEYS] = {
    [KEY_NAME] = {"name", TEXT},
    [KEY_DISPLAY_NAME] = {"display_name", TEXT},
    [KEY_FILE_PATH] = {"file_path", TEXT},
    [KEY_SIZE_MB] = {"size_mb", NUMBER},
    [KEY_CAPABILITIES] = {"capabilities", WORDS},
    [KEY_PERFORMANCE_SCORE] = {"performance_score", NUMBER},
    [KEY_COST_SCORE] = {"cost_score", NUMBER},
    [KEY_PERFORMANCE_SCORE_BY] = {"performance_score_by", TEXT},
    [KEY_COST_SCORE_BY] = {"cost_score_by", TEXT},
    [KEY_PRIVACY_TIER] = {"privacy_tier", TEXT},
    [KEY_USE_CASES] = {"use_cases", WORDS},
    [KEY_TAGS] = {"tags", WORDS},
    [KEY_ID] = {"id", TEXT},
    [KEY_KIND] = {"kind", TEXT},
    [KEY_PROFILE] = {"profile", TEXT},
    [KEY_PROFILES] = {"profiles", WORDS},
    [KEY_ALIASES] = {"aliases", WORDS},
    [KEY_PHASE] = {"phase", NUMBER},
    [KEY_PRIORITY] = {"priority", TEXT},
    [KEY_STORE] = {"store", TEXT},
    [KEY_SOURCE] = {"source", TEXT},
    [KEY_SIGNED] = {"signed", FLAG},
    [KEY_REVISION] = {"revision", TEXT},
    [KEY_VARIANT] = {"variant", TEXT},
    [KEY_TRUST] = {"trust", TEXT},
    [KEY_LICENSE] = {"license", TEXT},
    [KEY_FORMAT] = {"format", TEXT},
    [KEY_ARCHITECTURE] = {"architecture", TEXT},
    [KEY_QUANTIZATION] = {"quantization", TEXT},
    [KEY_PARAMETERS] = {"parameters", TEXT},
    [KEY_CONTEXT_LENGTH] = {"context_length", NUMBER},
    [KEY_DIMENSIONS] = {"dimensions", NUMBER},
    [KEY_VRAM_GB] = {"vram_gb", NUMBER},
    [KEY_FILES] = {"files", FILES},
    [KEY_INSTALLED_AT] = {"installed_at", TEXT},
    [KEY_VERIFIED_AT] = {"verified_at", TEXT},
    [KEY_VERIFY_RESULT] = {"verify_result", TEXT},
};

static const struct known_key file_keys[REGISTRY_FILE_KEYS] = {
    [FILE_PATH] = {"path", TEXT},
    [FILE_SIZE] = {"size", NUMBER},
    [FILE_SHA256] = {"sha256", TEXT},
    [FILE_MTIME_NS] = {"mtime_ns", NUMBER},
    [FILE_ROLE] = {"role", TEXT},
    [FILE_STORE] = {"store", TEXT},
    [FILE_ARCHIVE_SHA256] = {"archive_sha256", TEXT},
    [FILE_ORIGIN] = {"origin", TEXT},
    [FILE_SOURCE] = {"source", TEXT},
    [FILE_SIGNED] = {"signed", FLAG},
    [FILE_REVISION] = {"revision", TEXT},
    [FILE_TARGET] = {"target", TEXT},
};

static const char hint[] = "repair the file or move it away, then pull again: what is on disk is found";

static size_t line_of(const struct scan *scan, const char *place)
{
	size_t line = 1;

	for (const char *at = scan->text; at < place; at++)
		line += *at == '\n';
	return line;
}

/* `at` is a JSON path: "$.models[3].name". */
static int bad(const struct scan *scan, const char *place, const char *at, const char *reason)
{
	ncm_error_set(scan->err, NCM_E_REGISTRY, "%s:%zu: %s %s; the file was left as it is", scan->path,
		      line_of(scan, place), at, reason);
	return ncm_error_hint(scan->err, "%s", hint);
}

static int bad_member(const struct scan *scan, const char *place, const char *key, const char *reason)
{
	NCM_AUTO_FREE char *at = ncm_asprintf("$.models[%zu]%s%s", scan->number, *key ? "." : "", key);

	return bad(scan, place, at, reason);
}

static int bad_file(const struct scan *scan, const char *place, const char *key, const char *reason)
{
	NCM_AUTO_FREE char *at = ncm_asprintf("files[%zu]%s%s", scan->entry.file_count - 1, *key ? "." : "", key);

	return bad_member(scan, place, at, reason);
}

/* Its number in the table; `count` for a key that we do not know. Entries lie at one depth, files at another, so that
 * the notes of each are of one table. */
static size_t key_number(const struct scan *scan, const struct known_key *keys, size_t count,
			 const struct ncm_json_part *key)
{
	unsigned *note = ncm_json_scan_note(scan->json);
	unsigned number = 0;

	if (*note == 0) {
		while (number < count && !ncm_json_part_is(key, keys[number].name))
			number++;
		*note = number + 1;
	}
	return *note - 1;
}

/* Enters the array or object that must come next. If another value comes, that is read; what is no JSON has no kind. */
static bool enter(const struct scan *scan, enum ncm_json_kind kind, struct ncm_json_part *other)
{
	*other = (struct ncm_json_part){0};
	if (ncm_json_scan_next(scan->json) == kind)
		return ncm_json_scan_enter(scan->json);
	(void)ncm_json_scan_value(scan->json, other);
	return false;
}

/* The bracket that was entered last. */
static const char *opening(const struct scan *scan)
{
	return ncm_json_scan_place(scan->json) - 1;
}

static bool text_or_null(const struct ncm_json_part *part)
{
	return part->kind == NCM_JSON_STRING || part->kind == NCM_JSON_NULL;
}

static bool is_filled(const struct ncm_json_part *part)
{
	return part->kind == NCM_JSON_STRING && part->size > 0;
}

static bool count_or_null(const struct ncm_json_part *part)
{
	const bool number = part->kind == NCM_JSON_INTEGER || part->kind == NCM_JSON_REAL;

	return part->kind == NCM_JSON_NULL || (number && (*part->text != '-' || ncm_json_part_number(part) >= 0));
}

static int read_digest(const struct ncm_json_part *part, struct ncm_sha256 *digest)
{
	char hex[NCM_SHA256_HEX + 1] = "";

	if (part->kind != NCM_JSON_STRING)
		return 0;
	if (part->size != NCM_SHA256_HEX)
		return -1;
	memcpy(hex, part->text, NCM_SHA256_HEX);
	return ncm_sha256_parse(hex, digest);
}

static int check_file(const struct scan *scan, struct registry_file_text *file, const char *start)
{
	const struct ncm_json_part *path = &file->members[FILE_PATH], *size = &file->members[FILE_SIZE];
	const struct ncm_json_part *hex = &file->members[FILE_SHA256], *mtime = &file->members[FILE_MTIME_NS];

	if (!is_filled(path))
		return bad_file(scan, path->kind ? path->text : start, "path", "must be a string that is not empty");
	if (size->kind != NCM_JSON_INTEGER || *size->text == '-')
		return bad_file(scan, size->kind ? size->text : start, "size", "must be an integer, 0 or more");
	if (read_digest(hex, &file->sha256) < 0)
		return bad_file(scan, hex->text, "sha256", "must be 64 lower-case hex digits");
	if (read_digest(&file->members[FILE_ARCHIVE_SHA256], &file->archive) < 0)
		return bad_file(scan, file->members[FILE_ARCHIVE_SHA256].text, "archive_sha256",
				"must be 64 lower-case hex digits");
	if (mtime->kind && mtime->kind != NCM_JSON_INTEGER && mtime->kind != NCM_JSON_NULL)
		return bad_file(scan, mtime->text, "mtime_ns", "must be an integer");
	return 0;
}

static int read_file(struct scan *scan)
{
	struct registry_file_text *file = NCM_PUSH(scan->entry.files, scan->entry.file_count);
	struct ncm_json_part key, value;
	const char *start;

	if (!enter(scan, NCM_JSON_OBJECT, &value))
		return value.kind ? bad_file(scan, value.text, "", "must be an object") : -1;
	start = opening(scan);
	while (ncm_json_scan_key(scan->json, &key)) {
		const size_t number = key_number(scan, file_keys, REGISTRY_FILE_KEYS, &key);

		if (!ncm_json_scan_value(scan->json, &value) || number == REGISTRY_FILE_KEYS)
			continue;
		if (file_keys[number].rule == TEXT && !text_or_null(&value))
			return bad_file(scan, value.text, file_keys[number].name, "must be a string");
		file->members[number] = value;
	}
	return ncm_json_scan_fault(scan->json) ? -1 : check_file(scan, file, start);
}

static int read_files(struct scan *scan, const char *key)
{
	struct ncm_json_part other;

	if (!enter(scan, NCM_JSON_ARRAY, &other))
		return other.kind ? bad_member(scan, other.text, key, "must be an array") : -1;
	while (ncm_json_scan_item(scan->json)) {
		if (read_file(scan) < 0)
			return -1;
	}
	return 0;
}

static int read_words(struct scan *scan, const char *key, struct registry_range *range)
{
	struct registry_entry_text *entry = &scan->entry;
	struct ncm_json_part word;

	if (!enter(scan, NCM_JSON_ARRAY, &word))
		return word.kind ? bad_member(scan, word.text, key, "must be an array of strings") : -1;
	range->first = entry->word_count;
	while (ncm_json_scan_item(scan->json)) {
		if (!ncm_json_scan_value(scan->json, &word))
			return -1;
		if (word.kind != NCM_JSON_STRING)
			return bad_member(scan, word.text, key, "must be an array of strings");
		*NCM_PUSH(entry->words, entry->word_count) = word;
	}
	range->count = entry->word_count - range->first;
	return 0;
}

static int read_member(struct scan *scan, size_t number)
{
	struct registry_entry_text *entry = &scan->entry;
	struct ncm_json_part *value = &entry->members[number];
	const struct known_key *key = &entry_keys[number];

	switch (key->rule) {
	case FILES:
		return read_files(scan, key->name);
	case WORDS:
		return read_words(scan, key->name,
				  number == KEY_CAPABILITIES ? &entry->capabilities
				  : number == KEY_USE_CASES  ? &entry->use_cases
				  : number == KEY_PROFILES   ? &entry->profiles
				  : number == KEY_ALIASES    ? &entry->aliases
							     : &entry->tags);
	case TEXT:
	case NUMBER:
	case FLAG: /* what is no true is false */
		break;
	}
	if (!ncm_json_scan_value(scan->json, value))
		return -1;
	if (key->rule == TEXT && !text_or_null(value))
		return bad_member(scan, value->text, key->name, "must be a string");
	if (key->rule == NUMBER && !count_or_null(value))
		return bad_member(scan, value->text, key->name, "must be a number, 0 or more");
	return 0;
}

/* Enters a name or an id as its readers see it. Returns whether no other entry has it. */
static bool enter_name(const struct scan *scan, const struct ncm_json_part *part)
{
	struct registry_index *index = scan->index;
	const char *text = part->escaped ? ncm_json_part_decode(part, &index->decoded) : part->text;
	const size_t size = part->escaped ? strlen(text) : part->size;

	return ncm_text_map_add(&index->names, text, size, scan->number) ||
	       *ncm_text_map_find(&index->names, text, size) == scan->number;
}

static int check_entry(const struct scan *scan)
{
	const struct registry_entry_text *entry = &scan->entry;
	const struct ncm_json_part *name = &entry->members[KEY_NAME], *id = &entry->members[KEY_ID];

	if (!is_filled(name))
		return bad_member(scan, name->kind ? name->text : entry->text, "name",
				  "must be a string that is not empty");
	if (entry->file_count == 0 && entry->members[KEY_FILE_PATH].kind != NCM_JSON_STRING)
		return bad_member(scan, entry->text, "file_path", "must be a string");
	if (!enter_name(scan, name))
		return bad_member(scan, name->text, "name", "is that of another model too");
	if (id->kind == NCM_JSON_STRING && (id->size != name->size || memcmp(id->text, name->text, id->size) != 0) &&
	    !enter_name(scan, id))
		return bad_member(scan, id->text, "id", "is that of another model too");
	return 0;
}

static void clear_entry(struct registry_entry_text *entry)
{
	*entry = (struct registry_entry_text){.words = entry->words, .files = entry->files};
}

static int read_entry(struct scan *scan)
{
	struct registry_entry_text *entry = &scan->entry;
	struct ncm_json_part key, unknown;

	clear_entry(entry);
	if (!enter(scan, NCM_JSON_OBJECT, &unknown))
		return unknown.kind ? bad_member(scan, unknown.text, "", "must be an object") : -1;
	entry->text = opening(scan);
	while (ncm_json_scan_key(scan->json, &key)) {
		const size_t number = key_number(scan, entry_keys, REGISTRY_KEYS, &key);

		if (number == REGISTRY_KEYS)
			ncm_json_scan_value(scan->json, &unknown);
		else if (read_member(scan, number) < 0)
			return -1;
	}
	if (ncm_json_scan_fault(scan->json))
		return -1;
	entry->size = (size_t)(ncm_json_scan_place(scan->json) - entry->text);
	return check_entry(scan);
}

static int read_models(struct scan *scan)
{
	struct ncm_json_part other;

	if (!enter(scan, NCM_JSON_ARRAY, &other))
		return other.kind ? bad(scan, other.text, "$.models", "must be an array") : -1;
	for (; ncm_json_scan_item(scan->json); scan->number++) {
		if (read_entry(scan) < 0)
			return -1;
		scan->sink->entry(scan->sink->context, &scan->entry);
	}
	return 0;
}

static int check_version(const struct scan *scan, const struct ncm_json_part *value)
{
	if (value->kind != NCM_JSON_INTEGER)
		return bad(scan, value->text, "$.schema_version", "must be an integer");
	if (ncm_json_part_integer(value) > REGISTRY_SCHEMA_VERSION)
		return bad(scan, value->text, "$.schema_version", "is of a newer ncmodel than this one");
	return 0;
}

static void tell_member(const struct scan *scan, const struct ncm_json_part *key, const struct ncm_json_part *value)
{
	if (scan->sink->member)
		scan->sink->member(scan->sink->context, key, value);
}

static int read_document(struct scan *scan)
{
	struct ncm_json_part key, value;
	bool has_models = false;
	const char *start;

	if (!enter(scan, NCM_JSON_OBJECT, &value))
		return value.kind ? bad(scan, value.text, "$", "must be an object") : -1;
	start = opening(scan);
	while (ncm_json_scan_key(scan->json, &key)) {
		if (ncm_json_part_is(&key, "models")) {
			if (read_models(scan) < 0)
				return -1;
			has_models = true;
			tell_member(scan, &key, NULL);
			continue;
		}
		if (!ncm_json_scan_value(scan->json, &value))
			return -1;
		if (ncm_json_part_is(&key, "schema_version") && check_version(scan, &value) < 0)
			return -1;
		tell_member(scan, &key, &value);
	}
	if (!ncm_json_scan_end(scan->json))
		return -1;
	return has_models ? 0 : bad(scan, start, "$.models", "must be an array");
}

int registry_scan(const char *path, const char *text, size_t size, const struct registry_sink *sink,
		  struct registry_index *index, struct ncm_error *err)
{
	struct scan scan = {.path = path, .text = text, .sink = sink, .index = index, .err = err};
	int failed;

	scan.json = ncm_json_scan_new(text, size);
	failed = read_document(&scan);
	if (failed && ncm_json_scan_fault(scan.json)) {
		ncm_error_set(err, NCM_E_REGISTRY, "%s:%zu: not valid JSON: %s; the file was left as it is", path,
			      line_of(&scan, ncm_json_scan_place(scan.json)), ncm_json_scan_fault(scan.json));
		ncm_error_hint(err, "%s", hint);
	}
	ncm_json_scan_free(scan.json);
	free(scan.entry.words);
	free(scan.entry.files);
	return failed;
}

char *registry_read_text(const char *path, size_t *size, bool *missing, struct ncm_error *err)
{
	char *text = ncm_read_file(path, NCM_LIMIT_REGISTRY_BYTES, size);
	const int saved = errno;

	*missing = !text && saved == ENOENT;
	if (!text && saved == EFBIG) {
		ncm_error_set(err, NCM_E_REGISTRY, "%s: larger than %u bytes", path, NCM_LIMIT_REGISTRY_BYTES);
	} else if (!text && !*missing) {
		ncm_error_errno(err, saved, "cannot read %s", path);
		ncm_error_hint(err, saved == EISDIR
					? "a folder has its name: move that away"
					: "what is installed stands there: run it as a user who may read it");
	}
	return text;
}

const uint32_t *registry_index_find(const struct registry_index *index, const char *id)
{
	return ncm_text_map_find(&index->names, id, strlen(id));
}

void registry_index_put(struct registry_index *index, const char *id, size_t number)
{
	const size_t size = strlen(id);
	char *copied = ncm_arena_take(&index->decoded, size + 1);

	memcpy(copied, id, size + 1);
	ncm_text_map_add(&index->names, copied, size, number);
}

void registry_index_free(struct registry_index *index)
{
	ncm_text_map_free(&index->names);
	ncm_arena_free(&index->decoded);
}

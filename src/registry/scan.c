/* SPDX-License-Identifier: MIT */
#include "registry/scan.h"

#include "base/file.h"
#include "base/json_table.h"
#include "base/mem.h"

#include <errno.h>
#include <ncmodel/digest.h>
#include <ncmodel/limits.h>
#include <string.h>

struct scan {
	const char *path;
	const char *text;
	const struct registry_sink *sink;
	struct registry_index *index;
	struct ncm_error *err;
	struct registry_entry_text entry; /* its arrays are used again */
	size_t number;                    /* of the entry */
	bool has_models;
	bool told;
};

static bool take_digest(struct ncm_json_reader *reader, const char *text, void *place)
{
	(void)reader;
	return strlen(text) == NCM_SHA256_HEX && ncm_sha256_parse(text, place) == 0;
}

/* Pieces of the entry's array of them. */
static void read_words(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	static const struct ncm_json_form word = {.kind = NCM_FORM_TEXT, .as_part = true};
	struct registry_entry_text *entry = reader->context;
	struct registry_range *range = place;

	(void)form;
	range->first = entry->word_count;
	if (!ncm_json_enter(reader, NCM_JSON_ARRAY, "an array of strings"))
		return;
	for (; ncm_json_scan_item(reader->scan); range->count++) {
		struct ncm_json_part *part = NCM_PUSH(entry->words, entry->word_count);

		if (ncm_json_scan_next(reader->scan) == NCM_JSON_STRING)
			(void)ncm_json_scan_value(reader->scan, part);
		else
			(void)ncm_json_read_item(reader, range->count, &word, part);
	}
}

/* What its readers need must be there, and null may stand for what is not known. */
static const struct ncm_json_form a_text = {.kind = NCM_FORM_TEXT, .as_part = true, .or_null = true};
static const struct ncm_json_form filled = {.kind = NCM_FORM_TEXT, .as_part = true, .least = 1};
static const struct ncm_json_form a_number = {.kind = NCM_FORM_NUMBER, .as_part = true, .or_null = true};
static const struct ncm_json_form a_size = {.kind = NCM_FORM_U64, .as_part = true};
static const struct ncm_json_form time_ns = {.kind = NCM_FORM_I64, .as_part = true, .or_null = true};
static const struct ncm_json_form flag = {.kind = NCM_FORM_ANY, .as_part = true}; /* what is no true is false */
static const struct ncm_json_form digest = {
    .kind = NCM_FORM_TEXT, .or_null = true, .take = take_digest, .expected = "64 lower-case hex digits"};
static const struct ncm_json_form words = {.read = read_words};

/* Others may write a range: that is none of our numbers. */
static void read_vram(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_json_part range;

	(void)form;
	if (ncm_json_scan_next(reader->scan) == NCM_JSON_OBJECT)
		(void)ncm_json_scan_value(reader->scan, &range);
	else
		(void)ncm_json_read_as(reader, &a_number, place);
}

static const struct ncm_json_form vram = {.read = read_vram};

#define FILE_PLACE(member) offsetof(struct registry_file_text, member), false, 0
static const struct ncm_json_field file_keys[] = {
    {"path", &filled, offsetof(struct registry_file_text, path), true, 0},
    {"size", &a_size, offsetof(struct registry_file_text, size), true, 0},
    {"sha256", &digest, FILE_PLACE(sha256)},
    {"mtime_ns", &time_ns, FILE_PLACE(mtime_ns)},
    {"role", &a_text, FILE_PLACE(role)},
    {"store", &a_text, FILE_PLACE(store)},
    {"archive_sha256", &digest, FILE_PLACE(archive)},
    {"origin", &a_text, FILE_PLACE(origin)},
    {"source", &a_text, FILE_PLACE(source)},
    {"signed", &flag, FILE_PLACE(is_signed)},
    {"revision", &a_text, FILE_PLACE(revision)},
    {"target", &a_text, FILE_PLACE(target)},
};
static const struct ncm_json_form file = {.kind = NCM_FORM_OBJECT, .open = true, NCM_FIELDS(file_keys)};
static const struct ncm_json_form files = {
    .kind = NCM_FORM_LIST, .of = &file, .size = sizeof(struct registry_file_text)};

/* In the order in which we write them. */
#define PLACE(member) offsetof(struct registry_entry_text, member), false, 0
static const struct ncm_json_field entry_keys[] = {
    {"name", &filled, offsetof(struct registry_entry_text, name), true, 0},
    {"display_name", &a_text, PLACE(display_name)},
    {"file_path", &a_text, PLACE(file_path)},
    {"size_mb", &a_number, PLACE(size_mb)},
    {"capabilities", &words, PLACE(capabilities)},
    {"performance_score", &a_number, PLACE(performance_score)},
    {"cost_score", &a_number, PLACE(cost_score)},
    {"performance_score_by", &a_text, PLACE(performance_score_by)},
    {"cost_score_by", &a_text, PLACE(cost_score_by)},
    {"privacy_tier", &a_text, PLACE(privacy_tier)},
    {"use_cases", &words, PLACE(use_cases)},
    {"tags", &words, PLACE(tags)},
    {"id", &a_text, PLACE(id)},
    {"kind", &a_text, PLACE(kind)},
    {"profile", &a_text, PLACE(profile)},
    {"profiles", &words, PLACE(profiles)},
    {"aliases", &words, PLACE(aliases)},
    {"phase", &a_number, PLACE(phase)},
    {"priority", &a_text, PLACE(priority)},
    {"store", &a_text, PLACE(store)},
    {"source", &a_text, PLACE(source)},
    {"signed", &flag, PLACE(is_signed)},
    {"revision", &a_text, PLACE(revision)},
    {"variant", &a_text, PLACE(variant)},
    {"trust", &a_text, PLACE(trust)},
    {"license", &a_text, PLACE(license)},
    {"license_class", &a_text, PLACE(license_class)},
    {"format", &a_text, PLACE(format)},
    {"architecture", &a_text, PLACE(architecture)},
    {"quantization", &a_text, PLACE(quantization)},
    {"parameters", &a_text, PLACE(parameters)},
    {"context_length", &a_number, PLACE(context_length)},
    {"dimensions", &a_number, PLACE(dimensions)},
    {"vram_gb", &vram, PLACE(vram_gb)},
    {"trigger_words", &words, PLACE(trigger_words)},
    {"base_model", &a_text, PLACE(base_model)},
    {"model_name", &a_text, PLACE(model_name)},
    {"version_name", &a_text, PLACE(version_name)},
    {"page", &a_text, PLACE(page)},
    {"preview", &a_text, PLACE(preview)},
    {"preferred_weight", &a_number, PLACE(preferred_weight)},
    {"vram_gb_at_least", &flag, PLACE(vram_at_least)},
    {"files", &files, NCM_ITEMS(struct registry_entry_text, files, file_count), false, 0},
    {"installed_at", &a_text, PLACE(installed_at)},
    {"verified_at", &a_text, PLACE(verified_at)},
    {"verify_result", &a_text, PLACE(verify_result)},
};
static const struct ncm_json_form plain_entry = {.kind = NCM_FORM_OBJECT, .open = true, NCM_FIELDS(entry_keys)};

static const char hint[] = "repair the file or move it away, then pull again: what is on disk is found";

static size_t line_of(const struct scan *scan, const char *place)
{
	size_t line = 1;

	for (const char *at = scan->text; at < place; at++)
		line += *at == '\n';
	return line;
}

/* The first fault is told: what comes behind it is not read. */
static void tell_fault(void *context, const char *place, const char *path, const char *reason)
{
	struct scan *scan = context;

	if (scan->told)
		return;
	scan->told = true;
	ncm_error_set(scan->err, NCM_E_REGISTRY, "%s:%zu: %s: %s; the file was left as it is", scan->path,
		      line_of(scan, place), path, reason);
	ncm_error_hint(scan->err, "%s", hint);
}

static void tell_at(struct ncm_json_reader *reader, const struct ncm_json_part *part, const char *reason)
{
	const char *entry = reader->value;

	reader->value = part->text;
	ncm_json_tell(reader, "%s", reason);
	reader->value = entry;
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

/* What its fields cannot tell one by one. */
static void check_entry(struct ncm_json_reader *reader, const struct scan *scan)
{
	const struct registry_entry_text *entry = &scan->entry;
	const struct ncm_json_part *name = &entry->name, *id = &entry->id;

	if (entry->file_count == 0 && entry->file_path.kind != NCM_JSON_STRING)
		ncm_json_tell(reader, "the key \"file_path\" is missing");
	else if (!enter_name(scan, name))
		tell_at(reader, name, "its name is that of another model too");
	else if (id->kind == NCM_JSON_STRING &&
		 (id->size != name->size || memcmp(id->text, name->text, id->size) != 0) && !enter_name(scan, id))
		tell_at(reader, id, "its id is that of another model too");
}

static void read_entry(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct registry_entry_text *entry = place;
	struct scan *scan = reader->fault_context;

	(void)form;
	*entry = (struct registry_entry_text){.words = entry->words, .files = entry->files, .text = reader->value};
	if (!ncm_json_read_as(reader, &plain_entry, entry) || ncm_json_scan_fault(reader->scan))
		return;
	entry->size = (size_t)(ncm_json_scan_place(reader->scan) - entry->text);
	check_entry(reader, scan);
}

/* The entries are handed on one by one; a fault ends it. */
static void read_models(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	static const struct ncm_json_form entry = {.read = read_entry};
	struct scan *scan = place;

	(void)form;
	if (!ncm_json_enter(reader, NCM_JSON_ARRAY, "an array"))
		return;
	for (; ncm_json_scan_item(reader->scan); scan->number++) {
		if (!ncm_json_read_item(reader, scan->number, &entry, &scan->entry) ||
		    ncm_json_scan_fault(reader->scan))
			return;
		scan->sink->entry(scan->sink->context, &scan->entry);
	}
}

static void read_version(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	static const struct ncm_json_form version = {.kind = NCM_FORM_I64, .as_part = true};
	struct ncm_json_part *part = place;

	(void)form;
	/* What is no JSON is no fault here, and no number either. */
	if (ncm_json_read_as(reader, &version, part) && !ncm_json_scan_fault(reader->scan) &&
	    ncm_json_part_integer(part) > REGISTRY_SCHEMA_VERSION)
		ncm_json_tell(reader, "is %.*s: it is of a newer ncmodel than this one", (int)part->size, part->text);
}

static void tell_member(const struct scan *scan, const struct ncm_json_part *key, const struct ncm_json_part *value)
{
	if (scan->sink->member)
		scan->sink->member(scan->sink->context, key, value);
}

/* A member of the document, which is handed on. */
static bool read_member(struct ncm_json_reader *reader, struct scan *scan, const struct ncm_json_part *key)
{
	static const struct ncm_json_form any = {.kind = NCM_FORM_ANY, .as_part = true};
	static const struct ncm_json_form version = {.read = read_version}, models = {.read = read_models};
	const bool is_models = ncm_json_part_is(key, "models");
	struct ncm_json_part value = {0};

	if (is_models)
		(void)ncm_json_read_member(reader, key, &models, scan);
	else
		(void)ncm_json_read_member(reader, key, ncm_json_part_is(key, "schema_version") ? &version : &any,
					   &value);
	if (reader->faults > 0 || ncm_json_scan_fault(reader->scan))
		return false;
	tell_member(scan, key, is_models ? NULL : &value);
	scan->has_models = scan->has_models || is_models;
	return true;
}

static void read_document(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_json_part key;
	struct scan *scan = place;

	(void)form;
	if (!ncm_json_enter(reader, NCM_JSON_OBJECT, "an object"))
		return;
	while (ncm_json_scan_key(reader->scan, &key)) {
		if (!read_member(reader, scan, &key))
			return;
	}
	if (ncm_json_scan_end(reader->scan) && !scan->has_models)
		ncm_json_tell(reader, "the key \"models\" is missing");
}

int registry_scan(const char *path, const char *json, size_t length, const struct registry_sink *sink,
		  struct registry_index *index, struct ncm_error *err)
{
	static const struct ncm_json_form document = {.read = read_document};
	struct scan scan = {.path = path, .text = json, .sink = sink, .index = index, .err = err};
	struct ncm_json_reader reader = {.scan = ncm_json_scan_new(json, length),
					 .fault = tell_fault,
					 .fault_context = &scan,
					 .context = &scan.entry};
	const char *fault;

	(void)ncm_json_read_as(&reader, &document, &scan);
	fault = ncm_json_scan_fault(reader.scan);
	if (fault) {
		ncm_error_set(err, NCM_E_REGISTRY, "%s:%zu: not valid JSON: %s; the file was left as it is", path,
			      line_of(&scan, ncm_json_scan_place(reader.scan)), fault);
		ncm_error_hint(err, "%s", hint);
	}
	ncm_json_scan_free(reader.scan);
	ncm_json_reader_free(&reader);
	free(scan.entry.words);
	free(scan.entry.files);
	return fault || reader.faults > 0 ? -1 : 0;
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

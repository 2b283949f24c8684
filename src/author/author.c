/* SPDX-License-Identifier: MIT */
#include "author/author.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "manifest/load.h"
#include "source/shared.h"
#include "source/source.h"

#include <string.h>

enum { SCHEMA_VERSION = 1, MOST_MODELS = 10000 /* of one manifest, as the schema has it */ };

static int check_profile(const char *profile, struct ncm_error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	const size_t size = strlen(profile);

	if (size > 0 && size <= 64 && strspn(profile, letters) == size && strcspn(profile, "._-") > 0)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "\"%s\" is not the name of a profile", profile);
	return ncm_error_hint(err, "up to 64 lower-case letters, digits, '.', '_' and '-', a letter or digit first");
}

int author_start(struct author *author, const struct ncm_config *config, const struct ncm_draft_options *options,
		 struct ncm_error *err)
{
	const char *profile = options->profile ? options->profile : config->profile;

	*author = (struct author){.config = config};
	if (check_profile(profile, err) < 0)
		return -1;
	author->layout = ncm_layout_load(config, err);
	if (!author->layout)
		return -1;
	author->models = json_array();
	author->ids = json_object();
	author->tried = json_object();
	author->places = json_object();
	author->draft = ncm_calloc(1, sizeof *author->draft);
	author->draft->profile = ncm_strdup(profile);
	author->draft->phase = options->phase;
	return 0;
}

/* What people paste as a key: "hf_…" of Hugging Face, 32 hex digits of Civitai. */
static bool is_token(const char *word, size_t size)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	return (size >= 20 && strncmp(word, "hf_", 3) == 0) || (size == 32 && strspn(word, hex) >= size);
}

/* The first line of a foreign text, not without bound, and without what may be a key. The caller frees it. */
static char *shown(const char *text)
{
	enum { LONGEST = 400 };
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	const size_t end = strcspn(text, "\r\n");
	const char *const stop = text + (end < LONGEST ? end : LONGEST);
	struct ncm_buffer out = {0};

	while (text < stop) {
		const size_t size = strspn(text, letters);

		if (size > 0 && is_token(text, size))
			ncm_buffer_puts(&out, "(a token)");
		else
			ncm_buffer_add(&out, text, size > 0 ? size : 1);
		text += size > 0 ? size : 1;
	}
	return ncm_buffer_take(&out);
}

__attribute__((format(printf, 4, 0))) static void set_gap(struct ncm_draft_gap *gap, size_t line, const char *what,
							  const char *format, va_list args)
{
	NCM_AUTO_FREE char *why = ncm_vasprintf(format, args);

	gap->line = line;
	gap->what = shown(what);
	gap->why = shown(why);
}

void author_leave_out(struct author *author, size_t line, const char *what, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_gap(NCM_PUSH(author->draft->gaps, author->draft->gap_count), line, what, format, args);
	va_end(args);
}

void author_tell(struct author *author, size_t line, const char *what, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_gap(NCM_PUSH(author->draft->notes, author->draft->note_count), line, what, format, args);
	va_end(args);
}

/*
 * "deepseek-r1:8b" is no id, "deepseek-r1-8b-" and digits of its digest is: a manifest's id names the model in every
 * profile, so that two models may not get one id in two manifests either. A second model of one name is told by its
 * source, a third by its place in the list.
 */
static char *free_id(const struct author *author, const struct ncm_model *model)
{
	char *id = ncm_source_manifest_id(model->id);
	const char *source =
	    model->file_count > 0 && model->files[0].from.count > 0 ? model->files[0].from.items[0] : model->id;
	/* A list may have one source ten thousand times: the places of those before are not tried again. */
	size_t place = (size_t)json_integer_value(json_object_get(author->tried, source));

	for (; json_object_get(author->ids, id); place++) {
		NCM_AUTO_FREE char *named_by = place == 0 ? ncm_strdup(source) : ncm_asprintf("%s %zu", source, place);
		char *apart = ncm_source_id_apart(id, named_by, NCM_MANIFEST_ID_LONGEST);

		free(id);
		id = apart;
	}
	json_object_set_new(author->tried, source, json_integer((json_int_t)place));
	return id;
}

static json_t *document_of(const struct author *author, const char *title, const char *description, json_t *models)
{
	const unsigned phase = author->draft->phase ? author->draft->phase : 1;
	json_t *document = json_object();

	ncm_json_set_u64(document, "schema_version", SCHEMA_VERSION);
	ncm_json_set_string(document, "profile", author->draft->profile);
	ncm_json_set_u64(document, "phase", phase);
	ncm_json_set_string(document, "priority", manifest_priority(phase));
	ncm_json_set_string(document, "title", title);
	ncm_json_set_string(document, "description", description);
	json_object_set_new(document, "models", models);
	return document;
}

/* "FILE:LINE: $.models[0].files[0]: reason" → "files[0]: reason", of the first fault. The caller frees it. */
static char *first_reason(const char *faults)
{
	static const char prefix[] = "$.models[0]";
	const char *at = strstr(faults, prefix);

	at = at ? at + strlen(prefix) : faults;
	at += *at == '.' || *at == ':';
	at += *at == ' ';
	return ncm_strndup(at, strcspn(at, "\n"));
}

/* Whether the manifest would be valid with this model alone; a gap otherwise. */
static bool is_sound(struct author *author, const json_t *json, size_t line, const char *what)
{
	json_t *alone = json_deep_copy(json);
	struct ncm_error err = NCM_ERROR_INIT;
	bool sound;

	json_object_del(alone, "requires");
	{
		NCM_AUTO_JSON json_t *document = document_of(author, NULL, NULL, json_pack("[o]", alone));
		NCM_AUTO_FREE char *text = ncm_json_dump(document);

		sound = manifest_check_text(NULL, "draft", text, &err) == 0;
	}
	if (!sound) {
		NCM_AUTO_FREE char *reason = first_reason(err.message);

		author_leave_out(author, line, what, "%s", reason);
	}
	ncm_error_clear(&err);
	return sound;
}

/* What tells one content from another: its digest, else where it comes from. The caller frees it. */
static char *content_of(const struct ncm_file_spec *spec)
{
	char hex[NCM_SHA256_HEX + 1];

	return spec->has_sha256 ? ncm_strdup(ncm_sha256_hex(&spec->sha256, hex)) : ncm_strdup(spec->from.items[0]);
}

/* The name that a file will have; NULL where nobody can tell before its source is asked: those clash when they are
 * pulled, and are refused then. The caller frees it. */
static char *name_at(const struct ncm_file_spec *spec, const struct ncm_target *target)
{
	const char *uri = spec->from.items[0];

	if (target->name || !target->folder || ncm_source_is_many(uri) || ncm_source_gives_blobs(uri))
		return ncm_strdup_null(target->name);
	return ncm_source_file_name(uri);
}

static char *place_of(const struct ncm_target *target, const char *name)
{
	NCM_AUTO_FREE char *folded = name ? ncm_path_fold(name) : NULL;

	return folded ? ncm_asprintf("%s/%s/%s", target->store, target->folder ? target->folder : "", folded) : NULL;
}

/* Whether other bytes have one of its places already; if not, the places are the model's from now on. */
static bool claim_places(struct author *author, const struct ncm_model *model, size_t line, const char *what)
{
	NCM_AUTO_JSON json_t *claimed = json_object();

	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_file_spec *spec = &model->files[i];
		NCM_AUTO_FREE char *content = content_of(spec);

		for (size_t k = 0; k < spec->to_count; k++) {
			NCM_AUTO_FREE char *name = name_at(spec, &spec->to[k]);
			NCM_AUTO_FREE char *place = place_of(&spec->to[k], name);
			const char *there = place ? ncm_json_string(author->places, place) : NULL;

			if (there && strcmp(there, content) != 0) {
				author_leave_out(author, line, what, "another model's file is called %s in %s%s%s too",
						 name, spec->to[k].store, spec->to[k].folder ? "/" : "",
						 spec->to[k].folder ? spec->to[k].folder : "");
				return false;
			}
			if (place)
				ncm_json_set_string(claimed, place, content);
		}
	}
	json_object_update(author->places, claimed);
	return true;
}

bool author_take(struct author *author, const struct ncm_model *model, size_t line, const char *what)
{
	NCM_AUTO_FREE char *id = NULL;
	NCM_AUTO_JSON json_t *json = NULL;

	if (json_array_size(author->models) >= MOST_MODELS) {
		author_leave_out(author, line, what, "a manifest has at most %d models", MOST_MODELS);
		return false;
	}
	id = free_id(author, model);
	json = author_model_json(model);
	ncm_json_set_string(json, "id", id);
	if (!is_sound(author, json, line, what) || !claim_places(author, model, line, what))
		return false;
	json_object_set_new(author->ids, id, json_true());
	json_array_append(author->models, json);
	author->phases |= 1u << model->phase;
	author->draft->signed_count += author_is_signed(model);
	return true;
}

/* What is required but not in the draft is not required in it. */
static void settle_requirements(const struct author *author)
{
	json_t *model;
	size_t i;

	json_array_foreach(author->models, i, model)
	{
		json_t *requires = json_object_get(model, "requires");

		for (size_t k = json_array_size(requires); k > 0; k--) {
			if (!json_object_get(author->ids, json_string_value(json_array_get(requires, k - 1))))
				json_array_remove(requires, k - 1);
		}
		if (json_array_size(requires) == 0)
			json_object_del(model, "requires");
	}
}

static unsigned phase_of_models(const struct author *author)
{
	for (unsigned phase = 1; phase <= 3; phase++) {
		if (author->phases == 1u << phase)
			return phase;
	}
	return 1;
}

struct ncm_draft *author_finish(struct author *author, const char *title, const char *description,
				struct ncm_error *err)
{
	struct ncm_draft *draft = author->draft;
	NCM_AUTO_JSON json_t *document = NULL;

	if (draft->phase == 0)
		draft->phase = phase_of_models(author);
	draft->count = json_array_size(author->models);
	settle_requirements(author);
	document = document_of(author, title, description, json_incref(author->models));
	draft->text = draft->count > 0 ? ncm_json_dump(document) : NULL;
	if (draft->text && manifest_check_text(NULL, "draft", draft->text, err) < 0)
		return author_drop(author);
	author->draft = NULL;
	author_drop(author);
	return draft;
}

struct ncm_draft *author_drop(struct author *author)
{
	ncm_layout_free(author->layout);
	json_decref(author->models);
	json_decref(author->ids);
	json_decref(author->tried);
	json_decref(author->places);
	ncm_draft_free(author->draft);
	*author = (struct author){0};
	return NULL;
}

static void free_gaps(struct ncm_draft_gap *gaps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(gaps[i].what);
		free(gaps[i].why);
	}
	free(gaps);
}

void ncm_draft_free(struct ncm_draft *draft)
{
	if (!draft)
		return;
	free_gaps(draft->gaps, draft->gap_count);
	free_gaps(draft->notes, draft->note_count);
	free(draft->text);
	free(draft->profile);
	free(draft);
}

/* SPDX-License-Identifier: MIT */
/*
 * models.json in one pass: read, checked, and handed on entry by entry as pieces of the text. Strict for what we need
 * and for what the readers need; keys that we do not know are nobody's fault, but must be JSON.
 */
#ifndef NCM_REGISTRY_SCAN_H
#define NCM_REGISTRY_SCAN_H

#include "base/arena.h"
#include "base/json_scan.h"
#include "base/text_map.h"

#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <stdbool.h>

enum { REGISTRY_SCHEMA_VERSION = 1 };

/*
 * The members that are there, by their keys; of the others, and of those that are null, the kind is NCM_JSON_NONE. The
 * tables in scan.c say what they must be.
 */
struct registry_file_text {
	struct ncm_json_part path, size, mtime_ns, role, store, origin, source, is_signed, revision, target;
	struct ncm_sha256 sha256;  /* all zero: none */
	struct ncm_sha256 archive; /* that it was unpacked from; all zero: none */
};

/* An array of strings: a range of an entry's `words`. */
struct registry_range {
	size_t first;
	size_t count;
};

struct registry_entry_text {
	const char *text; /* the whole entry */
	size_t size;
	struct ncm_json_part name, display_name, file_path, size_mb, performance_score, cost_score;
	struct ncm_json_part performance_score_by, cost_score_by, privacy_tier, id, kind, profile, phase, priority;
	struct ncm_json_part store, source, is_signed, revision, variant, trust, license, format, architecture;
	struct ncm_json_part quantization, parameters, context_length, dimensions, vram_gb, installed_at, verified_at;
	struct ncm_json_part license_class, vram_at_least;
	struct ncm_json_part verify_result;
	struct ncm_json_part base_model, model_name, version_name, page, preview, preferred_weight;
	struct registry_range capabilities, use_cases, tags, profiles, aliases, trigger_words;
	struct ncm_json_part *words;
	size_t word_count;
	struct registry_file_text *files;
	size_t file_count;
};

/* Which entry an id or a name is of: its number, from 0. No two entries share one. All zero: empty. */
struct registry_index {
	struct ncm_text_map names;
	struct ncm_arena decoded;
};
/* NULL if there is none. */
const uint32_t *registry_index_find(const struct registry_index *index, const char *id);
/* Enters what is new. The id is copied. */
void registry_index_put(struct registry_index *index, const char *id, size_t number);
void registry_index_free(struct registry_index *index);

struct registry_sink {
	void *context;
	void (*entry)(void *context, const struct registry_entry_text *entry);
	/* Each member of the document; "models" comes without a value, behind its entries. May be NULL. */
	void (*member)(void *context, const struct ncm_json_part *key, const struct ncm_json_part *value);
};

/* Reads the file. No file: NULL without an error, *missing set. Class REGISTRY or IO. The caller frees it. */
char *registry_read_text(const char *path, size_t *size, bool *missing, struct ncm_error *err);
/*
 * Scans a text, which must be followed by a NUL, and fills `index`, which points into it. `path` is for errors (class
 * REGISTRY, with the line); what the sink got before a fault is to be thrown away. Returns 0 or -1.
 */
int registry_scan(const char *path, const char *text, size_t size, const struct registry_sink *sink,
		  struct registry_index *index, struct ncm_error *err);

#endif

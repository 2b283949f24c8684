/* SPDX-License-Identifier: MIT */
/* What the parts of loading a profile share: the files, and the faults found in them. */
#ifndef NCM_MANIFEST_LOAD_H
#define NCM_MANIFEST_LOAD_H

#include "base/json_table.h"
#include "store/store.h"

#include <ncmodel/manifest.h>

struct manifest_file {
	char *path;
	char *text;
	size_t size;
	bool is_json;
	char *profile; /* or NULL */
	bool context;  /* read for the ids in it; its own faults are not told */
	bool sound;    /* it has the form of a manifest, and its models are in the catalog */
	size_t first;  /* its models in the catalog */
	size_t count;
	size_t first_rule; /* its rules in the catalog */
	size_t rule_count;
	struct ncm_model *faulty; /* its models if it is not sound, as far as they could be read */
	size_t faulty_count;
};

/* A manifest's file as it stands there. */
struct manifest_words {
	char *profile;
	unsigned phase;
	char *priority;
	struct ncm_model *models;
	size_t count;
	struct ncm_rule *rules;
	size_t rule_count;
	struct ncm_residence residence;
	bool has_residence;
};

enum { MANIFEST_FAULTS_TOLD = 50 };

struct manifest_fault {
	size_t file;   /* index */
	size_t offset; /* bytes of the file before what is wrong */
	size_t line;
	char *text; /* "$.json.path: reason" */
};

struct manifest_set {
	struct manifest_file *files;
	size_t count;
	bool complete; /* all files of a profile are there: an id that is in none of them does not exist */
	struct ncm_catalog *catalog;
	struct manifest_fault faults[MANIFEST_FAULTS_TOLD];
	size_t fault_count; /* all that were found, told or not */
};

/* faults.c */
void manifest_fault(struct manifest_set *set, size_t file, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same of what lies at a place in the file's text. */
void manifest_fault_at(struct manifest_set *set, size_t file, const char *place, const char *path, const char *reason);
/* A fault from what ncm_json_parse says of a text without a name (":LINE: reason"). */
void manifest_json_fault(struct manifest_set *set, size_t file, const char *message);
/* Makes one MANIFEST error of all faults. Returns 0 if there is none, else -1. */
int manifest_tell_faults(const struct manifest_set *set, struct ncm_error *err);
/* "FILE:LINE" of a JSON path. The caller frees it. */
char *manifest_place(const struct manifest_file *file, const char *path);

/* catalog.c: checks the text as if it stood in `file`, whose neighbours are looked at; NULL: what stands there. As
 * ncm_manifest_check; without a layout (NULL), its targets may be of any. */
int manifest_check_text(const struct ncm_layout *layout, const char *file, const char *text, struct ncm_error *err);

/* parse.c: reads a text, which must be JSON, as far as it goes, and tells what is wrong with it. Returns whether
 * nothing is. The caller frees what was read. */
bool manifest_read(const char *text, size_t size, struct manifest_words *words, ncm_json_fault fault, void *context);
/* The words that the format has for such (NULL is none of them). */
bool manifest_is_kind(const char *word);
bool manifest_is_format(const char *word);
bool manifest_is_role(const char *word);
bool manifest_is_layer_type(const char *word);
/* What the priority of a phase is called, and the word itself of a text that says one; NULL: none is. Static. */
const char *manifest_priority(unsigned phase);
const char *manifest_known_priority(const char *text);
/* model.c */
void manifest_model_clear(struct ncm_model *model);
void manifest_rule_clear(struct ncm_rule *rule);
/* Whether one of its files does. */
bool manifest_goes_to(const struct ncm_model *model, const char *store);

/* rules.c: what the tables of parse.c cannot say of one sound file. */
void manifest_check_file(struct manifest_set *set, size_t file);
/* requires.c: ids, over all files of each profile. */
void manifest_check_ids(struct manifest_set *set);
/* conflicts.c: two files in one place, over all files. */
void manifest_check_places(struct manifest_set *set);
/* targets.c: stores and folders that the layout does not have, in all files. */
void manifest_check_targets(struct manifest_set *set, const struct ncm_layout *layout);

/* profiles.c */
/* The phase files of a profile, in order. Class USAGE if there is no such profile. */
int manifest_profile_files(const struct ncm_config *config, const char *profile, struct ncm_strings *paths,
			   struct ncm_error *err);
/* The phase files in a folder, sorted. */
void manifest_files_in(const char *folder, struct ncm_strings *paths);
bool manifest_is_phase_file(const char *name);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * models.json: what is installed. Its readers (the Model Selector, older scripts) have a contract that is kept to the
 * letter; keys that we do not know survive every rewrite.
 */
#ifndef NCMODEL_REGISTRY_H
#define NCMODEL_REGISTRY_H

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* How a file came to its place. Append only: the names are in models.json. */
enum ncm_origin {
	NCM_ORIGIN_UNKNOWN, /* the entry is an older version's, which did not say */
	NCM_ORIGIN_FETCHED, /* "fetched": ncmodel wrote it, from its source */
	NCM_ORIGIN_LINKED,  /* "linked": ncmodel made it of bytes that were on this machine already */
	NCM_ORIGIN_ADOPTED, /* "adopted": it lay there, and ncmodel only recorded it */
};
const char *ncm_origin_name(enum ncm_origin origin); /* NULL for UNKNOWN. Static */

/* One file of a registered model. */
struct ncm_reg_file {
	char *path;  /* as written: relative to the folder above the registry's, or absolute */
	char *abs;   /* absolute */
	char *store; /* store id */
	char *role;
	uint64_t size;
	struct ncm_sha256 sha256; /* all zero: the entry is an older script's; then size and mtime_ns are unknown too */
	int64_t mtime_ns;
	struct ncm_sha256 archive; /* that it was unpacked from; all zero: from none, or not recorded */
	enum ncm_origin origin;
	char *source;   /* canonical spelling, pinned, of what gives these very bytes; NULL: nothing is known to */
	char *revision; /* of that source; or NULL */
	char *target;   /* abs is a symbolic link: the regular file that it led to (absolute); else NULL */
};

/* What a model's page, or a file that another tool put beside it, tells its user. What nobody told is NULL, 0 or empty.
 */
struct ncm_card {
	struct ncm_strings trigger_words;
	char *base_model; /* that it is made for: "SDXL 1.0" */
	char *model_name, *version_name;
	char *page;              /* where a person reads about it */
	char *preview;           /* the address of a picture of what it makes */
	double preferred_weight; /* of a LoRA */
};

struct ncm_reg_model {
	char *id;
	char *display_name;
	char *profile;               /* the first that asked for it; or NULL */
	struct ncm_strings profiles; /* all that asked for it */
	struct ncm_strings aliases;  /* other ids that it is known by: of manifests that pulled it under another one */
	unsigned phase;
	char *priority;
	char *kind;
	char *store;
	char *source;
	char *revision;
	char *variant;
	char *license;
	char *license_class; /* as ncm_model_license_class; NULL: nobody said */
	char *format;
	char *architecture;
	char *quantization;
	char *parameters;
	uint64_t context_length;
	uint64_t dimensions;
	double vram_gb;           /* 0: unknown */
	bool vram_at_least;       /* that or more */
	double performance_score; /* 0..1, negative: nobody stated one (models.json has a number all the same) */
	double cost_score;
	char *performance_score_source, *cost_score_source; /* as a manifest's; NULL: the document's, or nobody's */
	char *privacy_tier;
	struct ncm_strings use_cases;
	struct ncm_strings tags;
	struct ncm_strings capabilities;
	struct ncm_card card;
	char *trust; /* "manifest", "upstream", "first-use" */
	char *file_path;
	char *installed_at;  /* local time */
	char *verified_at;   /* RFC 3339 UTC, or NULL */
	char *verify_result; /* or NULL */
	uint64_t size;       /* bytes of all files; a file that several paths share counts once a path */
	struct ncm_reg_file *files;
	size_t file_count;
};

struct ncm_registry {
	char *path;
	struct ncm_reg_model *models;
	size_t count;
	struct registry_names *names; /* what the look-ups below are made with; private */
};

/* Reads models.json (no file: an empty registry). Errors: REGISTRY when it is not what we or its readers could have
 * written. */
struct ncm_registry *ncm_registry_load(const struct ncm_config *config, struct ncm_error *err);
void ncm_registry_free(struct ncm_registry *registry);
/*
 * The registered model of that id, else of that display or file name, else what its id or display name has behind the
 * last '/' ("Some-Repo" of "org/Some-Repo"), all in any case; NULL if there is none, or more than one has the name.
 * From any thread, as all look-ups.
 */
const struct ncm_reg_model *ncm_registry_find(const struct ncm_registry *registry, const char *name);
/* As ncm_registry_find, with the reason for NULL in *err: class USAGE, with the ids of those that have the name. */
const struct ncm_reg_model *ncm_registry_get(const struct ncm_registry *registry, const char *name,
					     struct ncm_error *err);
/* The entry that is this model of a manifest, or of a source spelled out; NULL if it is not registered. An id that
 * another model has is no sign of it. */
const struct ncm_reg_model *ncm_registry_same(const struct ncm_registry *registry, const struct ncm_model *model);
/*
 * The registered models that a selector chooses, by phase and id. As ncm_select; the pointers live as long as the
 * registry. A name that several models have chooses none of them: USAGE, with their ids.
 */
int ncm_registry_select(const struct ncm_registry *registry, const struct ncm_selector *selector,
			const struct ncm_reg_model ***chosen, size_t *count, struct ncm_error *err);
/*
 * What a model is for, in the words that lists are grouped by, added to *purposes: its use cases, or (an image or audio
 * model) the first word of its first tag, else its kind. "Chat", a tag, is one beside the use cases.
 */
void ncm_purposes(const struct ncm_strings *use_cases, const struct ncm_strings *tags, const char *kind,
		  struct ncm_strings *purposes);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

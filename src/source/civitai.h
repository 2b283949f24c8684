/* SPDX-License-Identifier: MIT */
/*
 * Inside of the Civitai source. Facts: the server's source (civitai/civitai: download endpoint, REST API, file
 * preferences) and its API documentation.
 */
#ifndef NCM_SOURCE_CIVITAI_H
#define NCM_SOURCE_CIVITAI_H

#include "source/shared.h"

/* The keys of a query that choose one of a version's files; NULL where not given. */
struct civitai_filter {
	char *type, *format, *size, *fp, *quant_type;
};

/*
 * "civitai:VERSION", "civitai:MODEL@VERSION" or "civitai:MODEL@latest" (the version that the model's page shows), each
 * with "?fileId=N&type=…&format=…&size=…&fp=…&quantType=…" to choose a file. Pages of civitai.com, .red and .green,
 * their download and API addresses, and "urn:air:…:civitai:MODEL@VERSION" are spelled so. A token in a pasted address
 * is dropped.
 */
struct civitai_name {
	uint64_t model;   /* 0: not given */
	uint64_t version; /* 0: the model's latest */
	uint64_t file;    /* 0: not given */
	struct civitai_filter filter;
};
int civitai_name_parse(const char *uri, struct civitai_name *name, struct ncm_error *err);
void civitai_name_clear(struct civitai_name *name);
char *civitai_name_spell(const struct civitai_name *name); /* the caller frees it */
bool civitai_claims(const char *uri);

extern const struct ncm_service civitai_service;

/*
 * Chooses a file of a version (its JSON): by id, else by the filter, else the one with the spec's digest, else the
 * primary. Borrowed from `version`. NOT_FOUND if there is none, USAGE with a list if several are left.
 */
const json_t *civitai_choose(const json_t *version, const struct civitai_name *name, const struct ncm_file_spec *spec,
			     const char *what, struct ncm_error *err);
/* The primary one of those that pass, or the only one; NULL: neither. Borrowed. */
const json_t *civitai_primary(const json_t *files, const struct civitai_filter *filter);
/* What a file of a version is; static, NULL where nothing is told. Besides the kinds of models: "wildcards",
 * "workflow", "poses", "detection", "config", "training-data", "archive" …, as store/purpose.h has them. */
const char *civitai_kind(const json_t *version, const json_t *file);
/* Fills name, size and digest of an artifact from a file's JSON. */
void civitai_describe_file(const json_t *file, struct ncm_artifact *artifact);
/* Takes what a version's JSON tells a user: trigger words, base model, names, preview; the page is the resolution's. */
void civitai_describe_card(const json_t *version, struct ncm_resolution *resolution);
/* What its API says below /api/v1/: new reference. `what` is how messages call it. */
json_t *civitai_ask(const struct ncm_sources *sources, const char *path, const char *what, struct ncm_error *err);
/* civitai_hash.c: as ncm_source_find. */
struct ncm_resolution *civitai_find(struct ncm_sources *sources, const struct ncm_sha256 *sha256, uint64_t size,
				    struct ncm_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * How models in registries are spelled: "oci:[REGISTRY/]REPOSITORY[:TAG][@sha256:HEX][//FILE]", and with "docker:" in
 * the place of "oci:". FILE is one of the model's files, a glob ('*' matches '/', too), or a folder if it ends in '/'.
 * In its place may stand "?include=GLOB&exclude=GLOB". Pages of hub.docker.com are understood.
 */
#ifndef NCM_SOURCE_OCI_H
#define NCM_SOURCE_OCI_H

#include "oci/name.h"
#include "source/shared.h"

extern const struct ncm_source ncm_source_oci;

struct oci_spelling {
	struct oci_name oci;
	char *path;                          /* or NULL: all of it; may be a glob */
	struct ncm_strings include, exclude; /* sorted */
};
int oci_spelling_parse(const char *uri, struct oci_spelling *name, struct ncm_error *err);
void oci_spelling_clear(struct oci_spelling *name);
/* The canonical spelling with that digest, or with none. The caller frees it. */
char *oci_spelling_text(const struct oci_spelling *name, const struct ncm_sha256 *digest);
/* Whether it names one file, and whether it means one of that path. */
bool oci_spelling_is_one_file(const struct oci_spelling *name);
bool oci_spelling_means(const struct oci_spelling *name, const char *path);
/* "smollm2", or "smollm2-360M" of a tag that says which. The caller frees it. */
char *oci_spelling_model(const struct oci_spelling *name);

/* Where a model's registry is: what is set up stands in for Docker Hub alone. The caller frees it. */
char *oci_base(const struct ncm_config *config, const struct oci_name *name, bool insecure_http);

/* oci_referrers.c: what is known of referrers, of one run. */
struct oci_referrers *oci_referrers_new(void);
void oci_referrers_free(struct oci_referrers *all);

/* As in struct ncm_source. */
int oci_checkpoints(struct ncm_sources *sources, const struct ncm_resolution *found,
		    const struct ncm_artifact *artifact, const struct ncm_sha256 *sha256, uint64_t size,
		    struct ncm_checkpoints *checkpoints);
bool oci_claims(const char *uri);
int oci_check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err);
char *oci_newest(const char *canonical);
char *oci_key(const char *canonical);
void oci_names(const char *canonical, char **id, char **display);
char *oci_repository(const char *canonical);
int oci_choose(const char *canonical, const struct ncm_strings *include, const struct ncm_strings *exclude, char **uri,
	       struct ncm_error *err);
bool oci_recall(const char *canonical, const char *known, char **uri);
bool oci_holds(const char *canonical, const char *other);
bool oci_many(const char *canonical);
char *oci_file_name(const char *canonical);
char *oci_file_at(const char *canonical, const char *path, const char *revision);
char *oci_spelled_revision(const char *canonical);
const struct ncm_habit *oci_habit(const char *canonical);
const char *oci_stem(const char *uri, size_t *size);

#endif

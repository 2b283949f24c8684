/* SPDX-License-Identifier: MIT */
/* The parts of the source s3:. */
#ifndef NCM_SOURCE_S3_H
#define NCM_SOURCE_S3_H

#include "source/shared.h"

/* s3_name.c: an object, as it is spelled */
struct s3_name {
	char *bucket;
	char *key; /* raw: nothing in it is percent-encoded */
	bool has_sha256;
	struct ncm_sha256 sha256;
};
bool s3_claims(const char *uri);
int s3_name_parse(const char *uri, struct s3_name *name, struct ncm_error *err);
void s3_name_clear(struct s3_name *name);
#define S3_AUTO_NAME __attribute__((cleanup(s3_name_clear)))
/* "s3:BUCKET/KEY", with the digest if `pinned`. The caller frees it. */
char *s3_name_spell(const struct s3_name *name, bool pinned);
/* As the members of struct ncm_source. */
int s3_check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err);
void s3_names(const char *canonical, char **id, char **display);
char *s3_newest(const char *canonical);
char *s3_file_name(const char *canonical);
const char *s3_stem(const char *uri, size_t *size);

/* s3.c: asks, and asks once. As the member of struct ncm_source */
struct ncm_resolution *s3_resolve_once(struct ncm_sources *sources, const char *canonical, struct ncm_error *err);

/* s3_judge.c */
extern const struct ncm_service s3_service;

/* s3_keys.c: who signs, and where */
extern const struct config_service s3_settings;
/* Fails if of the two keys one alone is there, or what is there is none. USAGE. */
int s3_check_keys(const struct ncm_config *config, struct ncm_error *err);
/* As the member of struct ncm_source. */
void s3_sign_in(const struct ncm_config *config, struct ncm_credential *credential);
/* Of its buckets. Borrowed. */
const char *s3_region(const struct ncm_config *config);
/* The server's address, below which buckets are. The caller frees it. */
char *s3_base(const struct ncm_config *config);

/* s3_sign.c: how a request is signed: `context` is the configuration, `secret` what s3_sign_in made. */
ncm_credential_apply s3_apply;

extern const struct ncm_source ncm_source_s3;

#endif

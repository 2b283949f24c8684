/* SPDX-License-Identifier: MIT */
/* What the sources share among themselves. */
#ifndef NCM_SOURCE_SHARED_H
#define NCM_SOURCE_SHARED_H

#include "base/buffer.h"
#include "base/json.h"
#include "source/source.h"

/* Adds an artifact, zeroed. */
struct ncm_artifact *ncm_resolution_add(struct ncm_resolution *resolution);
/* Frees what it could not hand over: `return ncm_resolution_drop(resolution)` fails. Always returns NULL. */
struct ncm_resolution *ncm_resolution_drop(struct ncm_resolution *resolution);

static inline void ncm_cleanup_reply(struct ncm_reply *reply)
{
	ncm_reply_clear(reply);
}
#define NCM_AUTO_REPLY __attribute__((cleanup(ncm_cleanup_reply)))

/*
 * Makes a request and parses its answer as JSON. A page where data should be (a login, a captive portal, a firewall) is
 * told as such. *reply (may be NULL) receives the answer, to be cleared by the caller. New reference, or NULL with
 * *err.
 */
json_t *ncm_source_json(const struct ncm_sources *sources, const struct ncm_request *request, struct ncm_reply *reply,
			struct ncm_error *err);
/* ncm_reply_complaint. */
char *ncm_source_complaint(const struct ncm_reply *reply);
/* The content with this SHA-256, of at most `limit` bytes, that a folder of content by its digest has
 * (config/bundles.h), proven. The caller frees it; NULL: no folder has it. */
char *ncm_source_bundled(const struct ncm_config *config, const struct ncm_sha256 *wanted, size_t limit, size_t *size);
/* The same of what was found by its digest; NULL: it could not be had, or is another. */
char *ncm_source_proven(struct ncm_sources *sources, const struct ncm_resolution *found,
			const struct ncm_sha256 *wanted, size_t limit, size_t *size);
/* The same of the cache, where nothing but that may be asked (sources->cache_alone). */
char *ncm_source_cached_bytes(struct ncm_sources *sources, const struct ncm_sha256 *sha256, size_t limit, size_t *size);
/* The same of such a folder, the cache, or a web server with content by its digest, whoever has it first. */
char *ncm_source_kept(struct ncm_sources *sources, const struct ncm_sha256 *wanted, size_t limit, size_t *size);
/* An integer header (Content-Length), digits alone. */
bool ncm_source_header_u64(const struct ncm_reply *reply, const char *name, uint64_t *value);
/* The size of a file that was asked for by HEAD, or by its first byte. False if it is not told, or encoded. */
bool ncm_source_told_size(const struct ncm_reply *reply, uint64_t *size);

/* What a file spec pins of its one file. The digest that the URI spells (NULL: none) comes before the spec's. */
void ncm_source_take_pins(const struct ncm_file_spec *spec, const struct ncm_sha256 *spelled,
			  struct ncm_artifact *artifact);

/* An id made of any text: lower case, ^[a-z0-9][a-z0-9._-]{0,95}$. The caller frees it. */
char *ncm_source_slug(const char *text);
/*
 * An id made of a text that says all of a source's key, or if not `whole` a part of it: then, and if the id cannot hold
 * all of the text, with digits of the key's digest. The caller frees it.
 */
char *ncm_source_shown_id(const char *text, bool whole, const char *key);
/* Undoes percent-encoding. NULL for a broken escape or a control character. The caller frees it. */
char *ncm_source_decode(const char *text, size_t size);
/* Whether a file of that name holds binary data, so that a text answer in its place is a failure. */
bool ncm_source_is_binary_name(const char *name);
/* Whether text is a full git commit: 40 lower-case hex digits. */
bool ncm_source_is_commit(const char *text);
/*
 * Cuts "#sha256=<hex>" off the end of an URI and reads it; any other fragment stays. Returns 0, or -1 with *err
 * (USAGE) if it is no digest.
 */
int ncm_source_cut_pin(char *uri, bool *has_sha256, struct ncm_sha256 *sha256, struct ncm_error *err);
/* A decimal number from 1 to `most` without a sign or leading zeros. */
bool ncm_source_number(const char *text, size_t size, uint64_t most, uint64_t *value);
/*
 * If url is http(s)://HOST/… or HOST/… for one of the hosts (up to a NULL; compared whole, without regard to case),
 * points *path behind the host's slash (or at the end).
 */
bool ncm_source_is_at(const char *url, const char *const *hosts, const char **path);

/* How many bytes of an URI a message may show: no query (it may hold a token), and not without bound. For "%.*s". */
int ncm_source_shown(const char *uri);
/* settings.c: the address of a source's service as configured, without slashes at its end; the caller frees it. And the
 * token that is configured for it, as a credential for that address alone. */
char *ncm_source_endpoint(const struct ncm_config *config, const struct ncm_source *source);
struct ncm_credential *ncm_source_credential(const struct ncm_sources *sources, const struct ncm_source *source);
/* Makes the credentials of all sources, and ends them. */
void ncm_source_credentials_new(struct ncm_sources *sources);
void ncm_source_credentials_free(struct ncm_sources *sources);

/* Whether a glob matches the whole text: '*' (which matches '/' too), '?' and "[set]"; nothing is quoted. */
bool ncm_source_glob(const char *pattern, const char *text);
/* Whether a choice lets a path in: some glob of `include` (none: all) matches it, and none of `exclude`. A glob that
 * ends in '/' is all below it. */
bool ncm_source_passes(const struct ncm_strings *include, const struct ncm_strings *exclude, const char *path);

/* Whether a choice begins here: "?include=" or "?exclude=". */
bool ncm_source_is_choice(const char *text);
/* Reads "include=GLOB&exclude=GLOB…", sorted. Returns 0, or -1 if it is none. */
int ncm_source_parse_choice(const char *text, struct ncm_strings *include, struct ncm_strings *exclude);
/* Adds globs that are not there yet, in order. */
void ncm_source_add_choice(const struct ncm_strings *more, struct ncm_strings *globs);
/* Adds "?include=…&exclude=…" if something is chosen. */
void ncm_source_spell_choice(const struct ncm_strings *include, const struct ncm_strings *exclude,
			     struct ncm_buffer *out);
/* Adds bytes to an URI, percent-encoded but for those of `plain` and letters, digits, '-', '.' and '_'. */
void ncm_source_add_encoded(struct ncm_buffer *out, const char *text, const char *plain);

#endif

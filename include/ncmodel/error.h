/* SPDX-License-Identifier: MIT */
/*
 * Errors are values made where they happen and wrapped where context is known.
 *
 * A function that can fail takes `struct ncm_error *err` as its last argument and returns -1 (or NULL),
 * having set *err; on success *err is untouched. err may be NULL when the caller does not care.
 * Messages may hold foreign bytes (server text, file names): whoever prints one escapes it (see text.h).
 * Messages never hold secrets: what of an address is one is left out as they are made (ncm_text_shown).
 */
#ifndef NCMODEL_ERROR_H
#define NCMODEL_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What failed, as a class. Append only: the names are part of the JSON interface. */
enum ncm_errc {
	NCM_OK = 0,
	NCM_E_OTHER,      /* "other"            exit 1 */
	NCM_E_USAGE,      /* "usage"            exit 2: wrong argument, unknown model or phase */
	NCM_E_MANIFEST,   /* "manifest_invalid" exit 2: manifest, layout, configuration or lock file is bad */
	NCM_E_CHANGES,    /* "changes_pending"  exit 3 */
	NCM_E_DAMAGED,    /* "damaged"          exit 4: verify found damage or something missing */
	NCM_E_NOT_FOUND,  /* "not_found"        exit 5: the source does not have it */
	NCM_E_AUTH,       /* "auth_required"    exit 6: token missing, rejected, or licence not accepted */
	NCM_E_NETWORK,    /* "network"          exit 7 */
	NCM_E_RATE_LIMIT, /* "rate_limited"     exit 8 */
	NCM_E_NO_SPACE,   /* "no_space"         exit 9 */
	NCM_E_CHECKSUM,   /* "checksum"         exit 10: digest or size differs from what is pinned or published */
	NCM_E_POLICY,     /* "policy"           exit 11: refused: pickle, foreign file, unpinned under --locked */
	NCM_E_NO_FIT,  /* "no_fit"           exit 12: no model does for what was asked, or fits the card for all we know
			*/
	NCM_E_BUSY,    /* "busy"             exit 13: another ncmodel holds the store */
	NCM_E_RUNTIME, /* "runtime"          exit 14: no program that runs models answers */
	NCM_E_IO,      /* "io"               exit 1: the local file system refused */
	NCM_E_REGISTRY,    /* "registry_invalid" exit 1: models.json cannot be read */
	NCM_E_PROTOCOL,    /* "protocol"         exit 15: the server broke its own protocol */
	NCM_E_INTERRUPTED, /* "interrupted"      exit 130 or 143 */
	NCM_E_REFUSED,     /* "server_refused"   exit 15: a server or a proxy says no, and will again */
	NCM_E_UNTRUSTED,   /* "untrusted"        exit 15: its certificate is not trusted, or its TLS is too old */
	NCM_E_STALE,       /* "stale"            exit 1: a network file system lost track of a file */
	NCM_E_OFFLINE,     /* "offline"          exit 11: --offline forbids to ask for what is not here */
	NCM_E_COUNT
};

struct ncm_error {
	enum ncm_errc code;
	char *message; /* what failed, on what, why; one line, no final stop; NULL if code is NCM_OK */
	char *hint;    /* what to do next; may be NULL */
};

#define NCM_ERROR_INIT                                                                                                 \
	{                                                                                                              \
		NCM_OK, NULL, NULL                                                                                     \
	}

/* Sets *err, replacing what it held. Always returns -1, so that `return ncm_error_set(...)` fails. */
int ncm_error_set(struct ncm_error *err, enum ncm_errc code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As ncm_error_set for errno value `errnum`: the class is NO_SPACE for ENOSPC and EDQUOT, STALE (with a hint) for
 * ESTALE, else IO; ": strerror" is appended. */
int ncm_error_errno(struct ncm_error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Says what to do next. Always returns -1. */
int ncm_error_hint(struct ncm_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "<context>: " before the message. Always returns -1. */
int ncm_error_wrap(struct ncm_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sets *to to what *from says, which stays. Always returns -1. */
int ncm_error_copy(struct ncm_error *to, const struct ncm_error *from);
/* Moves *from into *to (freeing what *to held); *from is clear afterwards. Always returns -1. */
int ncm_error_move(struct ncm_error *to, struct ncm_error *from);
/* Frees what *err holds and makes it NCM_OK. */
void ncm_error_clear(struct ncm_error *err);

/* The JSON name of a class ("auth_required"). Static storage. */
const char *ncm_errc_name(enum ncm_errc code);
/* The exit code of a class (130 for INTERRUPTED). */
int ncm_errc_exit(enum ncm_errc code);
/* Whether the same command may well succeed later with nothing changed here. */
bool ncm_errc_retryable(enum ncm_errc code);

/* A store, folder or file that could not be read: what lies there is not known, and so not absent. */
struct ncm_unread {
	char *path;
	char *detail;
};
void ncm_unread_free(struct ncm_unread *unread, size_t count);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

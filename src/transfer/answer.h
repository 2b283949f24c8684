/* SPDX-License-Identifier: MIT */
/*
 * Validates the head of an answer before the first byte of its body is believed. Pure functions over header text: no
 * network, no files. libcurl calls every case below a success or decodes it silently, which is why this exists.
 */
#ifndef NCM_TRANSFER_ANSWER_H
#define NCM_TRANSFER_ANSWER_H

#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of the n-th header of that name in "Name: value\n" lines, or NULL. The caller frees it. */
char *ncm_header_get(const char *headers, const char *name, size_t n);
enum { NCM_ETAG_LONGEST = 256 };

/* The strong entity tag, of characters that may go back in a header (RFC 9110, 8.8.3), or NULL. The caller frees it. */
char *ncm_strong_etag(const char *headers);

/*
 * What holds for any answer: one Content-Length that is a number, no transfer coding but chunked (libcurl would unpack
 * "gzip, chunked" without bound), no content coding. Class PROTOCOL.
 */
int ncm_answer_check_framing(const char *headers, struct ncm_error *err);

/* What was asked for. */
struct ncm_question {
	bool ranged;     /* a range was asked for: from `offset` to before `end`, or to the file's end (0) */
	uint64_t offset; /* first byte */
	uint64_t end;
	bool has_size; /* the whole file's, as pinned or learned */
	uint64_t size;
	const char *etag;   /* strong validator of the bytes that we hold, or NULL */
	bool expect_binary; /* a web page or JSON cannot be it */
	bool has_digest;    /* a digest will tell what it is, whatever the server calls it */
	bool provable;      /* a digest or a size will tell a cut body from a whole one */
};

enum ncm_answer_use {
	NCM_ANSWER_TAKE,    /* the body is the file's, from `offset` to before `end` */
	NCM_ANSWER_RESTART, /* the range cannot be believed: ask again without one */
	NCM_ANSWER_EXPLAIN, /* not the file; the body's beginning tells what it is */
	NCM_ANSWER_REFUSE,  /* *err is set */
};

struct ncm_answer {
	uint64_t offset; /* the body begins there … */
	uint64_t end;    /* … and ends before there; 0: not told */
	bool has_total;  /* the whole file's size, as the server says */
	uint64_t total;
	char *etag; /* strong, as sent, or NULL; freed by the caller */
};

/*
 * Validates a 200 or 206. `http_major` tells whether the protocol itself marks a body's end (HTTP/2). Errors: CHECKSUM
 * when the size is not the expected one, PROTOCOL otherwise.
 */
enum ncm_answer_use ncm_answer_validate(long status, int http_major, const char *headers,
					const struct ncm_question *question, struct ncm_answer *answer,
					struct ncm_error *err);
/* The size that a 416 tells ("Content-Range: bytes *" "/N"). Returns 0, or -1. */
int ncm_answer_unsatisfied_size(const char *headers, uint64_t *size);
/* Says in *err (class NOT_FOUND, or CHECKSUM for a body that is only of the wrong size) what came instead of a file. */
void ncm_answer_explain(const char *headers, const char *body, size_t size, const struct ncm_question *question,
			struct ncm_error *err);
/* Whether a file's first bytes are a Git LFS pointer. */
bool ncm_answer_is_lfs_pointer(const char *data, size_t size);
/* The file name in a Content-Disposition value (RFC 6266: filename* before filename), raw; NULL if there is none. The
 * caller frees it. */
char *ncm_disposition_name(const char *value);

#endif

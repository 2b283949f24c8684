/* SPDX-License-Identifier: MIT */
/*
 * AWS Signature Version 4, as S3 and what speaks like it take it. Facts: AWS "Signature Calculations for the
 * Authorization Header" (S3 API reference). By hand, because libcurl 7.88 signs a path and a query as they are written
 * and leaves the payload's hash out, where 8.x sorts and adds.
 */
#ifndef NCM_CREDENTIALS_SIGV4_H
#define NCM_CREDENTIALS_SIGV4_H

#include <ncmodel/manifest.h>

/* The SHA-256 of nothing, in hex: the payload of a request without a body. */
#define SIGV4_NO_PAYLOAD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
/* Stands for it where the body is not known beforehand. */
#define SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

/* Who signs, and for what. All borrowed. */
struct sigv4 {
	const char *access_key, *secret_key;
	const char *region, *service; /* "us-east-1", "s3" */
	const char *time;             /* UTC: "20130524T000000Z" */
};

/* What is signed. All borrowed. */
struct sigv4_request {
	const char *method;
	const char *path;                  /* percent-encoded, from its first slash on */
	const char *query;                 /* encoded, sorted, each parameter with its '='; "" if there is none */
	const struct ncm_strings *headers; /* "name:value", names in lower case, sorted; "host:…" among them */
	const char *payload;               /* the body's SHA-256 in hex, or SIGV4_UNSIGNED_PAYLOAD */
};

/* The value of the Authorization header. It holds no secret: the access key and a signature. The caller frees it. */
char *sigv4_authorization(const struct sigv4 *with, const struct sigv4_request *request);

#endif

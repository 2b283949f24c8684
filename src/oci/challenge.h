/* SPDX-License-Identifier: MIT */
/* What a registry asks for in WWW-Authenticate (RFC 9110, 11.6.1, and the distribution specification's tokens). */
#ifndef NCM_OCI_CHALLENGE_H
#define NCM_OCI_CHALLENGE_H

#include <stdbool.h>

struct oci_challenge {
	bool basic;
	char *realm, *service, *scope; /* of Bearer; without a realm there is none */
};

/* Reads the first challenge of each kind that we know. */
void oci_challenge_parse(const char *text, struct oci_challenge *challenge);
void oci_challenge_clear(struct oci_challenge *challenge);

#endif

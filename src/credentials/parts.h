/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef NCM_CREDENTIALS_PARTS_H
#define NCM_CREDENTIALS_PARTS_H

#include "credentials/credentials.h"

#include "os/os.h"

#include <stdbool.h>
#include <stddef.h>

/* A program's answer for one registry, kept for the run. */
struct answer {
	char *program, *host;
	int result; /* 1: login; 0: it has none; -1: err */
	struct ncm_login login;
	struct ncm_error err;
};

struct ncm_logins {
	struct answer *answers;
	size_t count;
};

/*
 * helper.c: asks docker-credential-<name> for a host, as `file`, which belongs to `owner`, says. As ncm_login_find.
 */
int helper_ask(struct ncm_logins *logins, const char *name, const char *host, const char *file, uint32_t owner,
	       struct ncm_login *login, struct ncm_error *err);

/* docker_config.c: as ncm_login_find, of one file. One that is not there has none. */
int docker_config_find(struct ncm_logins *logins, const char *file, const char *host, const char *repository,
		       struct ncm_login *login, struct ncm_error *err);

/*
 * program.c: a program without a shell, in a process group of its own that is killed when `seconds` are over.
 */
enum program_end {
	PROGRAM_DONE,        /* ended with 0; *output (NUL-terminated; wipe it) is what it wrote */
	PROGRAM_FAILED,      /* ended otherwise, or wrote more than `limit` bytes; *output all the same */
	PROGRAM_LATE,        /* killed */
	PROGRAM_INTERRUPTED, /* killed, by the user's wish */
	PROGRAM_NOT_RUN,     /* errno says why */
};
enum program_end program_run(const char *path, const char *argument, const char *input, size_t limit, double seconds,
			     char **output);

#endif

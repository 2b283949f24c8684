/* SPDX-License-Identifier: MIT */
/* A file on a server, of which only what is asked for is fetched: in windows, which grow as long as one reads on. */
#ifndef NCM_INSPECT_REMOTE_H
#define NCM_INSPECT_REMOTE_H

#include "base/bytes.h"
#include "format/format.h"
#include "source/source.h"

enum { REMOTE_WINDOWS = 8 };

struct remote_window {
	uint64_t at;
	char *data;
	size_t size;
};

struct remote {
	struct ncm_sources *sources;
	const struct ncm_resolution *of;
	const struct ncm_artifact *artifact;
	struct remote_window windows[REMOTE_WINDOWS]; /* a ring */
	size_t next;
	uint64_t fetched;
	uint64_t size;
	struct ncm_error error; /* why a read failed */
};

/* Fetches the beginning, and so learns the size. Returns 0, or -1 with *err. Close it in any case. */
int remote_open(struct remote *remote, struct ncm_sources *sources, const struct ncm_resolution *of,
		const struct ncm_artifact *artifact, struct ncm_error *err);
struct ncm_bytes remote_bytes(struct remote *remote);
void remote_close(struct remote *remote);

/*
 * What the header of a file of a resolution says, of which no more is fetched than that takes: of a GGUF file only the
 * beginning, so that its facts may lack what stands behind its vocabulary. Returns 0, or -1 with *err. Free with
 * ncm_facts_clear in both cases.
 */
int remote_facts(struct ncm_sources *sources, const struct ncm_resolution *of, const struct ncm_artifact *artifact,
		 struct ncm_facts *facts, struct ncm_error *err);

#endif

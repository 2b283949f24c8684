/* SPDX-License-Identifier: MIT */
/* Manifest against machine in one look: status. No network, and no content is read. */
#ifndef NCMODEL_STATUS_H
#define NCMODEL_STATUS_H

#include <ncmodel/config.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <ncmodel/upkeep.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What the manifests want of a phase or for a use case, and what of it is here. A model of several manifests counts
 * once a line. */
struct ncm_status_line {
	char *name;      /* "Phase 1 (high)", or the use case */
	char *profile;   /* of a phase; else NULL */
	unsigned phase;  /* 0: none */
	size_t models;   /* that the manifests have */
	size_t there;    /* registered, and nothing wrong is known of them */
	size_t damaged;  /* registered, and in the list of faults */
	uint64_t bytes;  /* of the registered ones' files, as recorded */
	uint64_t stated; /* of all: as recorded, else as the manifests state or expect them */
	struct ncm_doubt doubt;
};

struct ncm_status_table {
	struct ncm_status_line *lines;
	size_t count;
};

/* Something wrong with a registered model. */
struct ncm_status_fault {
	char *model;      /* id */
	char *path;       /* absolute; NULL: it is told of the model as a whole */
	const char *what; /* as ncm_verdict_name has it. Static */
	bool seen;        /* by this look (size, time, whether it is there); else the last verify said so */
	char *detail;     /* or NULL */
};

/* A model whose disk or manifest is not what the lock pins, or that waits to be followed. */
struct ncm_status_change {
	char *model; /* id */
	char *detail;
};

struct ncm_status {
	struct ncm_status_table phases;    /* by profile, then phase */
	struct ncm_status_table use_cases; /* most models first */
	struct ncm_status_fault *faults;
	size_t fault_count;
	struct ncm_status_change *changes; /* of registered models, by the lock alone */
	size_t change_count;
	size_t models, there;     /* of all manifests that were read */
	size_t registered, extra; /* in models.json; of these, in none of these manifests */
	size_t unverified;        /* registered ones that were never verified */
	struct ncm_usage *usage;  /* disks and what lies on them */
};

/*
 * Looks at names, sizes and times of what is registered, and compares the catalog with models.json and the lock. What
 * an earlier verify found damaged stays so until another finds it right. Classes REGISTRY, MANIFEST, INTERRUPTED. Free
 * with ncm_status_free.
 */
struct ncm_status *ncm_status_make(const struct ncm_config *config, struct ncm_catalog *catalog,
				   const struct ncm_sink *sink, struct ncm_error *err);
void ncm_status_free(struct ncm_status *status);
/* Writes a page about it to a file, replacing a file that is there. Atomic. Class IO, NO_SPACE, or POLICY for a link.
 */
int ncm_status_save(const char *path, const char *page, size_t size, struct ncm_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

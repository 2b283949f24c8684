/* SPDX-License-Identifier: MIT */
/*
 * What a machine is and has, as one record for a registry of nodes: cards and their memory, what it can do, which
 * servers answer, which models it has and what they need. And the query over such records: which node gets a job.
 * docs/nodes.md has the record's members and the rule.
 */
#ifndef NCMODEL_NODE_H
#define NCMODEL_NODE_H

#include <ncmodel/config.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct ncm_node_options {
	const char *name;    /* NULL: the host's */
	const char *type;    /* "linux", "windows_vm", "cloud" …; NULL: "linux" */
	const char *address; /* host name or address that stands in endpoints for this machine's own (127.0.0.1);
				NULL: they are told as they are asked */
	long priority;       /* of nodes that could do a job the lowest comes first; negative: not said */
	unsigned seconds;    /* that a server's answer may take; 0: 2 */
};

struct ncm_node; /* a record */

/*
 * Looks at the machine: no content is read but headers, and no network is used but the configured servers'. What is not
 * told is null in the record, never a guess. Without a catalog (NULL) there are no phases, and no word of damage.
 * Errors: REGISTRY, MANIFEST, INTERRUPTED. Free with ncm_node_free.
 */
struct ncm_node *ncm_node_look(const struct ncm_config *config, struct ncm_catalog *catalog,
			       const struct ncm_node_options *options, const struct ncm_sink *sink,
			       struct ncm_error *err);
void ncm_node_free(struct ncm_node *node);

/*
 * The record as text: "json"; "sql", statements for PostgreSQL that insert or update its rows of ai_nodes, ai_models
 * and ai_gpu_snapshots in one transaction; "schema", these tables and their keys, where they are not there;
 * "prometheus", a file for node_exporter's textfile collector; "nfd", a features file of Kubernetes' node feature
 * discovery. A line break ends it. The caller frees it. Error: USAGE (no such format).
 */
char *ncm_node_text(const struct ncm_node *node, const char *format, struct ncm_error *err);
/* Writes it where it is watched: whole or not at all, replacing a file that is there. Class IO, NO_SPACE, POLICY for a
 * link. */
int ncm_node_save(const char *path, const char *text, struct ncm_error *err);

/* A job that wants a node. What is NULL or 0 is not asked for. */
struct ncm_node_job {
	const char *use_case; /* or a tag of a model */
	const char *model;    /* its name there, or its id */
	uint64_t vram_mb;     /* MiB that it needs; else what the model does */
};

/* A node that can take it. What is borrowed lives as long as the route. */
struct ncm_node_place {
	const char *node;
	const char *model, *provider, *endpoint; /* NULL: no model was asked for; its provider has no endpoint */
	bool loaded;                             /* the model is in memory now */
	uint64_t free_mb;                        /* MiB of its cards' memory */
	bool has_free;                           /* of one that has it loaded it need not be known */
	int64_t priority;
};

struct ncm_node_route {
	struct ncm_node_place *places; /* the best first */
	size_t count;
	struct ncm_strings left_out; /* "NODE: why"; foreign text */
	void *records;               /* not for callers */
};

/*
 * Which nodes can take a job, the best first: those that are online and enabled, and have the model loaded or as much
 * free memory as it needs; what is not known is not enough. One that has it loaded comes first, then most free memory,
 * the lowest priority (100 where none is said), names. `files` hold records: one, an array of them, or what
 * `ncmodel node --json` prints; "-" is standard input. No place at all is no error here. Errors: USAGE (the job asks
 * for nothing), MANIFEST (no record), IO. Free with ncm_node_route_free.
 */
struct ncm_node_route *ncm_node_route(const struct ncm_strings *files, const struct ncm_node_job *job,
				      struct ncm_error *err);
void ncm_node_route_free(struct ncm_node_route *route);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Programs that run models, as they stand now: what they have loaded, and asked to load, unload or fetch. They are the
 * configuration's servers (struct ncm_server); what kind each is of it says itself: Ollama, LM Studio, or a
 * llama-server of llama.cpp that was started without a model (its router). No secret is sent to any.
 */
#ifndef NCMODEL_RUNTIME_H
#define NCMODEL_RUNTIME_H

#include <ncmodel/config.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* A model that is loaded. What the server does not tell is 0, or false. */
struct ncm_running {
	char *name;       /* as the server calls it */
	char *model;      /* what it is an instance of, where that has another name; or NULL */
	char *state;      /* "loaded", or the server's own word for less than that ("loading", "sleeping") */
	uint64_t memory;  /* bytes in all */
	uint64_t vram;    /* bytes of that on a GPU */
	bool has_vram;    /* it tells vram, which may be 0 */
	uint64_t context; /* tokens */
	bool has_until;   /* it tells until when */
	bool for_ever;    /* until it is told otherwise */
	int64_t until;    /* seconds since 1970 */
};

/* One server. Its models are not known when `error` is set. */
struct ncm_runtime_server {
	char *name, *url;
	const char *kind;  /* "ollama", "lmstudio", "llamacpp"; NULL: not known. Static */
	const char *title; /* what people call it; NULL likewise. Static */
	bool local;        /* it is on this machine: its address is the loopback's */
	bool silent;       /* nothing answers there, or not in time: `error` is set, too */
	char *version;     /* or NULL */
	struct ncm_running *models;
	size_t count;
	struct ncm_strings offered; /* the names of all that it could load, if that was asked for */
	struct ncm_error error;
};

struct ncm_runtime_view {
	struct ncm_runtime_server *servers;
	size_t count;
};

struct ncm_runtime_options {
	unsigned seconds;            /* that an answer may take, or unload as a whole; 0: 10 for a question, 600 until a
					model is loaded, 30 until all are unloaded */
	bool keep;                   /* load: keep_alive is meant, else the server's own custom */
	int64_t keep_alive;          /* seconds without use until it is unloaded; negative: it stays */
	bool offered;                /* look: tell what each could load, too */
	const struct ncm_sink *sink; /* pull: PROGRESS of each model; or NULL */
};

/*
 * Asks all servers. Returns NULL with *err if interrupted; what is wrong with one server stands in its `error`: RUNTIME
 * (it does not answer, or is no kind that is known), PROTOCOL, AUTH. Free with ncm_runtime_view_free.
 */
struct ncm_runtime_view *ncm_runtime_look(const struct ncm_config *config, const struct ncm_runtime_options *options,
					  struct ncm_error *err);
void ncm_runtime_view_free(struct ncm_runtime_view *view);

enum ncm_runtime_outcome {
	NCM_RUNTIME_LOADED,     /* "loaded": it is now, or was */
	NCM_RUNTIME_UNLOADED,   /* "unloaded" */
	NCM_RUNTIME_NOT_LOADED, /* "not_loaded": there was nothing to unload */
	NCM_RUNTIME_PULLED,     /* "pulled": the server has it, and its digest is the registry's */
	NCM_RUNTIME_FAILED,     /* "failed": see error */
};
const char *ncm_runtime_outcome_name(enum ncm_runtime_outcome outcome); /* static */

/* What became of one model on one server. */
struct ncm_runtime_deed {
	char *model;  /* as it was asked for */
	char *server; /* its name; NULL: none has it */
	char *name;   /* as the server calls it; or NULL */
	enum ncm_runtime_outcome outcome;
	bool keep_ignored;          /* a keep-alive was meant, and this kind of server takes none */
	struct ncm_running running; /* when loaded */
	char *digest;               /* when pulled: of its manifest, as hexadecimal digits */
	struct ncm_error error;
};

struct ncm_runtime_report {
	struct ncm_runtime_deed *deeds;
	size_t count;
};

/*
 * Loads models, each on the first server that has it, or unloads them from every server on which they are loaded. A
 * name is one of the server's own, or that of a registered model or (catalog, may be NULL) one of a manifest: then what
 * its source is called by Ollama, and its files' names, are what the servers are asked for. It is told as loaded or
 * unloaded when the server lists it so. One model's failure does not stop the others: see each deed. Returns NULL with
 * *err if models.json cannot be read, or INTERRUPTED. Free with ncm_runtime_report_free.
 */
struct ncm_runtime_report *ncm_runtime_load(const struct ncm_config *config, const struct ncm_catalog *catalog,
					    const struct ncm_strings *names, const struct ncm_runtime_options *options,
					    struct ncm_error *err);
struct ncm_runtime_report *ncm_runtime_unload(const struct ncm_config *config, const struct ncm_catalog *catalog,
					      const struct ncm_strings *names,
					      const struct ncm_runtime_options *options, struct ncm_error *err);
/*
 * Has a server fetch models itself, where its store is not ours to write: Ollama's POST /api/pull, on the first server
 * of a kind that can. A model is named by a source (ollama:NAME), by its manifest's id (catalog, may be NULL) or by
 * Ollama's name. It counts as pulled if the server then lists it with the digest of the manifest that the registry has
 * now (as the registry or as Ollama writes it), and that the manifest of the catalog pins, if it does: CHECKSUM else.
 * models.json does not change. Errors and result as ncm_runtime_load.
 */
struct ncm_runtime_report *ncm_runtime_pull(const struct ncm_config *config, const struct ncm_catalog *catalog,
					    const struct ncm_strings *names, const struct ncm_runtime_options *options,
					    struct ncm_error *err);
void ncm_runtime_report_free(struct ncm_runtime_report *report);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

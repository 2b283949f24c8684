/* SPDX-License-Identifier: MIT */
/* What the formats share: what there is to serve, and the right quoting of each file. */
#ifndef NCM_EXPORT_EXPORT_H
#define NCM_EXPORT_EXPORT_H

#include "base/buffer.h"
#include "base/json.h"
#include "store/store.h"

#include <ncmodel/export.h>
#include <ncmodel/fit_rules.h>
#include <ncmodel/registry.h>

/* A store that an Ollama serves. */
struct export_server {
	const struct ncm_store *store;
	unsigned port;
	bool at_start; /* a model of phase 1, or of no manifest, is its own */
};

/* A registered model, and how it can be reached. */
struct export_model {
	const struct ncm_reg_model *model;
	char *tag;          /* as Ollama calls it, "llama3.2:3b"; or NULL */
	size_t server;      /* that has the tag */
	const char *gguf;   /* the file, or the first of its parts; or NULL */
	const char *mmproj; /* that goes with it; or NULL */
};

struct exported {
	const struct ncm_config *config;
	struct ncm_catalog *catalog; /* or NULL */
	const struct ncm_selector *selector;
	struct ncm_layout *layout;
	struct ncm_registry *registry;
	struct export_server *servers; /* in the layout's order */
	size_t server_count;
	const struct ncm_reg_model **registered; /* those that are chosen, by phase and id */
	size_t registered_count;
	struct export_model *models; /* of them, those that an Ollama or a llama.cpp serves */
	size_t model_count;
	struct ncm_export *out;
};

/* gather.c. The registered models that the selector chooses, which may be none (`may_be_none`) unless it names them; or
 * (`offered`) none: the format is of the catalog's. Returns 0, or -1 with *err. */
int export_gather(struct exported *exported, bool offered, bool may_be_none, struct ncm_error *err);
void export_clear(struct exported *exported);
/* Whether the selector wants the server's store. */
bool export_serves(const struct exported *exported, const struct export_server *server);
/* The next model that is to be loaded at start, from number *at on, or NULL: those that the selector names, else the
 * profile's preload set where it has one, else all that an Ollama has. */
const struct export_model *export_next_preload(const struct exported *exported, size_t *at);
/* Seconds without use, by the profile's document; 0: it says nothing. */
uint64_t export_idle_seconds(const struct exported *exported);
/* What the document of the first profile (0), or of one after it, says of hardware and contexts, or NULL. Free with
 * ncm_fit_rules_free. */
struct ncm_fit_rules *export_document(const struct exported *exported, size_t number);
bool export_is_embedding(const struct export_model *model);
/* "http://127.0.0.1:11435" of its server. The caller frees it. */
char *export_address(const struct exported *exported, const struct export_model *model);
/* setup.c: "llama3.2:3b" of a model whose source is "ollama:llama3.2:3b@sha256:…"; NULL: it is no model of Ollama's.
 * The caller frees it. */
char *export_tag_offered(const struct exported *exported, const struct ncm_model *model);
/* Notes that the file has the model, or why not. */
void export_has(struct exported *exported, const struct export_model *model);
void export_leaves_out(struct exported *exported, const struct export_model *model, const char *why);

/* Writes the file of a format. */
typedef void export_format(struct exported *exported, struct ncm_buffer *out);
export_format export_compose, export_llama_swap, export_llama_server, export_litellm, export_continue,
    export_open_webui, export_env, export_systemd, export_compose_gpu, export_a1111, export_routes, export_launchd,
    export_schtasks, export_setup_ollama;

/* yaml.c: a value as YAML 1.2 in blocks; every string that is a value is in double quotes. */
void export_yaml(const json_t *value, struct ncm_buffer *out);

/* quote.c. Whether no sign of a text steers a terminal or hides: a format that has no escapes takes no other. */
bool export_is_plain(const char *text);
/* The caller frees what these return. */
/* Without a meaning for Compose, which takes "$NAME" for a variable. */
char *export_compose_text(const char *text);
/* Text between tags of XML. */
char *export_xml_text(const char *text);
/* One argument as a program of Windows takes a command line apart (CommandLineToArgvW). */
char *export_windows_word(const char *text);
/* One word of an ExecStart line: systemd.service(5), COMMAND LINES; systemd.syntax(7), QUOTING. */
char *export_systemd_word(const char *text);
/* A value of a file of variables that a shell, systemd and Compose read alike; NULL if there is no such spelling. */
char *export_variable(const char *text);

#endif

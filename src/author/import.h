/* SPDX-License-Identifier: MIT */
/* Other tools' lists: each format is a file and a row of import_formats.c; what they name is taken in one way. */
#ifndef NCM_AUTHOR_IMPORT_H
#define NCM_AUTHOR_IMPORT_H

#include "author/author.h"

/* import_known.c: manifests of all profiles, loaded when they are first asked. */
struct import_known {
	bool is_loaded;
	struct ncm_catalog **catalogs;
	size_t count;
};

struct import {
	struct author author;
	struct import_known known;
	json_t *listed;       /* sources so far */
	const char *to;       /* as the user said; or NULL */
	const char *to_store; /* its store, if it says no folder; or NULL */
	const char *home;     /* the application that a place is of where it fits several */
	const char *path;     /* of the list; or NULL */
};

/* A text, and what it is as JSON or YAML, if it is any. */
struct list {
	const char *text;
	size_t size;
	const json_t *json, *yaml; /* or NULL */
};

/* One format of lists. */
struct import_format {
	enum ncm_draft_format format;
	const char *name;
	const char *is; /* "a shell script that downloads" */
	bool (*finds)(const struct list *list);
	int (*take)(struct import *import, const struct list *list, struct ncm_error *err);
};
/* import_formats.c: the format of that number, or NULL behind the last. They are tried in order. */
const struct import_format *import_format_at(size_t number);
/* That it is none of them, and what was looked for. Returns -1 (USAGE). */
int import_not_known(const struct list *list, struct ncm_error *err);

/* One thing that a list names. */
struct import_item {
	size_t line;
	const char *uri;
	const char *place; /* the folder that the list says, as it spells it; or NULL */
	const char *name;  /* what the file is called, with folders below the place; NULL: as its source calls it */
	const char *store; /* the application that the list is for, where it says no place; or NULL */
	const struct ncm_sha256 *sha256;             /* or NULL */
	const struct ncm_strings *more;              /* other places of the same bytes; or NULL */
	const struct ncm_strings *include, *exclude; /* files of a repository; or NULL */
	bool is_folder;                              /* all of a repository, of which the place is the folder */
};
/* import.c: takes it, or makes a gap. Whether it was taken. */
bool import_item(struct import *import, const struct import_item *item);
/* Calls `take` for each line of a text, without its end; lines that are too long are gaps. */
void import_lines(struct import *import, const char *text,
		  void (*take)(struct import *import, size_t line, char *text, void *context), void *context);

void import_known_free(struct import_known *known);
/* The model that has this id, name or alias, or brings a file of this name, in any case; NULL: none. Borrowed. */
const struct ncm_model *import_known_find(struct import *import, const char *word);
/* The model that stands for a name of Ollama's which the manifests know not to exist there; NULL: it may. Borrowed. */
const struct ncm_model *import_known_instead(struct import *import, const char *name);

/* import_ollama.c: a name as `ollama pull` takes it. */
void import_ollama_name(struct import *import, size_t line, const char *name);
/* Takes what "ollama pull" or "ollama run" names; false for any other command. `quiet`: what is open is no gap. */
bool import_ollama_command(struct import *import, size_t line, const struct ncm_strings *words, bool quiet);
bool import_is_ollama_table(const struct list *list);
bool import_is_ollama_names(const struct list *list);
int import_ollama(struct import *import, const struct list *list, struct ncm_error *err);

/* import_urls.c: addresses, and what stands beside and below them. Lines are told from `line` on; `place` (or NULL) is
 * where those go that say none. */
void import_addresses(struct import *import, const char *text, size_t line, const char *place);
bool import_is_urls(const struct list *list);
int import_urls(struct import *import, const struct list *list, struct ncm_error *err);

/* import_headings.c */
bool import_is_headings(const struct list *list);
int import_headings(struct import *import, const struct list *list, struct ncm_error *err);

/* import_comfyui.c */
bool import_is_comfyui(const struct list *list);
int import_comfyui(struct import *import, const struct list *list, struct ncm_error *err);

/* import_registry.c */
bool import_is_registry(const struct list *list);
int import_registry(struct import *import, const struct list *list, struct ncm_error *err);

/* import_lock.c */
bool import_is_lock(const struct list *list);
int import_lock(struct import *import, const struct list *list, struct ncm_error *err);

/* import_paths.c */
bool import_is_paths(const struct list *list);
int import_paths(struct import *import, const struct list *list, struct ncm_error *err);

/* import_script.c */
bool import_is_script(const struct list *list);
int import_script(struct import *import, const struct list *list, struct ncm_error *err);

#endif

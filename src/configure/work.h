/* SPDX-License-Identifier: MIT */
#ifndef NCM_CONFIGURE_WORK_H
#define NCM_CONFIGURE_WORK_H

#include "base/buffer.h"
#include "base/json.h"
#include "store/store.h"

#include <ncmodel/configure.h>
#include <ncmodel/registry.h>

struct work;

/* An application, by the way in which it is told. */
struct application {
	const char *name; /* the id of its store */
	void (*tell)(struct work *work);
	bool lives_there; /* its settings lie in the folder that it was installed into */
};

/* A folder of another store that has the meaning of one of the application's. */
struct offer {
	const struct ncm_store *store;
	const char *folder; /* its name in layouts; borrowed from the layout */
	char *path;         /* absolute */
};

struct work {
	const struct ncm_config *config;
	const struct ncm_configure_options *options;
	const struct ncm_sink *sink;
	const struct application *application;
	struct ncm_layout *layout;
	struct ncm_store *own; /* the application's store; NULL: the layout has none */
	struct offer *offers;  /* by store, then in the layout's order */
	size_t offer_count;
	struct ncm_configure_report *report;
	size_t settled; /* of the report's settings: whose file was settled */
};

/* folders.c */
void find_offers(struct work *work);
/* "diffusion_models" as JSON, FDS … call it, by a table of pairs that ends with NULL; or NULL. */
const char *key_of(const char *const (*keys)[2], const char *folder);

bool is_utf8(const char *text);
bool is_one_line(const char *text); /* UTF-8 with no control and separator in it, and no space before it */

/* configure.c */
struct ncm_setting *add_setting(struct work *work, const char *key, const char *value, const char *store,
				enum ncm_setting_state state, char *why); /* `why` is taken */
struct ncm_configure_file *add_file(struct work *work, const char *path);
void advise(struct work *work, char *line); /* taken */

/* One for each form of settings. */
void tell_comfyui(struct work *work);
void tell_fooocus(struct work *work);
void tell_sdnext(struct work *work);
void tell_swarmui(struct work *work);
void tell_llama_cpp(struct work *work);
void tell_jan(struct work *work);
void tell_flags(struct work *work);    /* flags.c: nothing is written */
void tell_lmstudio(struct work *work); /* the same */

#endif

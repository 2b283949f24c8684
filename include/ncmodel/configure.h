/* SPDX-License-Identifier: MIT */
/*
 * Applications told where models are, instead of a second copy: their own settings files get what is missing there, and
 * keep every other byte.
 */
#ifndef NCMODEL_CONFIGURE_H
#define NCMODEL_CONFIGURE_H

#include <ncmodel/config.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What becomes of a settings file. Append only: the names are part of the JSON interface. */
enum ncm_configure_state {
	NCM_CONFIGURE_SAME,    /* "same": it says so already, or there is nothing to take out */
	NCM_CONFIGURE_WOULD,   /* "would-write": with dry_run */
	NCM_CONFIGURE_WRITTEN, /* "written" */
	NCM_CONFIGURE_REMOVED, /* "removed": a file that held nothing else (undo) */
	NCM_CONFIGURE_REFUSED, /* "refused": `why` says why; `text` is what could be added by hand */
};
const char *ncm_configure_state_name(enum ncm_configure_state state);

struct ncm_configure_file {
	char *path; /* absolute */
	enum ncm_configure_state state;
	char *text; /* what is added; or NULL */
	char *kept; /* where its old bytes are; or NULL */
	char *why;  /* or NULL */
};

/* One setting. Append only, too. */
enum ncm_setting_state {
	NCM_SETTING_ADDED,   /* "added": by this run, or it would be */
	NCM_SETTING_THERE,   /* "there": the file says so already */
	NCM_SETTING_DIFFERS, /* "differs": the file says something else, which stays; `why` says what */
	NCM_SETTING_LEFT,    /* "left": it cannot be said there; `why` says why */
};
const char *ncm_setting_state_name(enum ncm_setting_state state);

struct ncm_setting {
	char *key;   /* as the application calls it */
	char *value; /* the folder or file */
	char *store; /* whose: store id */
	enum ncm_setting_state state;
	char *why; /* or NULL */
};

struct ncm_configure_report {
	char *application;
	struct ncm_configure_file *files;
	size_t file_count;
	struct ncm_setting *settings;
	size_t setting_count;
	struct ncm_strings advice; /* what only the user can do: options to start it with, one a line */
	size_t refused;            /* of the files */
};

struct ncm_configure_options {
	const char *application;   /* the id of its store, or "lmstudio" */
	const char *const *stores; /* whose folders it is told of; none: all that are there */
	size_t store_count;
	bool undo;
	bool dry_run;
	bool no_wait;
};

/*
 * Tells the application of the other stores' folders (of files that are registered, where it wants files). A file is
 * written only if the user owns it, nobody else has it open for writing, and it is the same right before as it was when
 * it was read. With `undo` what an earlier run wrote is taken out again, if it is as that left it. What cannot be
 * written is in the report. Classes USAGE (an unknown application or store), MANIFEST, REGISTRY. Free with
 * ncm_configure_free.
 */
struct ncm_configure_report *ncm_configure(const struct ncm_config *config, const struct ncm_configure_options *options,
					   const struct ncm_sink *sink, struct ncm_error *err);
void ncm_configure_free(struct ncm_configure_report *report);
/* The applications that ncm_configure knows, NULL behind the last. Static. */
const char *const *ncm_configure_applications(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

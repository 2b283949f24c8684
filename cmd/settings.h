/* SPDX-License-Identifier: MIT */
/* What the command line said. One structure for all commands; the option tables point into it. */
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include "ui/options.h"

#include <ncmodel/ncmodel.h>

struct settings {
	/* every command */
	const char *root, *config, *lock, *layout, *cacert, *progress;
	struct ncm_strings profiles, manifest_dirs, manifest_files, store_paths, insecure_registries;
	bool json, quiet, no_color, help, version;
	unsigned verbose;

	struct ncm_strings operands;

	/* commands that choose models */
	struct ncm_selector selector;
	bool all;

	/* plan and pull */
	struct ncm_provision_options provision;
	bool dry_run, yes, exit_code, allow_http_token;
	struct option_number jobs, connections, limit_rate, speed_limit, speed_time, retry, retries, timeout, reserve,
	    bandwidth;

	bool quick, repair;                                         /* verify */
	bool by_use_case, by_phase, by_store, by_source, available; /* list */
	bool man;                                                   /* help */
	bool answer;                                                /* completion */
	bool no_wait;                                               /* adopt, link, rm, gc */
	bool unlink, undo;                                          /* link */
	const char *configure;                                      /* link */
	bool replaced;                                              /* gc */
	bool keep_partial;                                          /* gc */
	struct option_number least, min_age;                        /* link; gc */
	bool lock_update, lock_check, lock_prune;                   /* lock */
	const char *output, *as_profile, *import_format;            /* manifest */
};

extern const struct option_group options_global;
extern const struct option_group options_selection;
extern const struct option_group options_selection_registered; /* without --store */
extern const struct option_group options_placing;              /* --to */
extern const struct option_group options_planning;

void settings_free(struct settings *settings);

#endif

/* SPDX-License-Identifier: MIT */
/* What the command line said, as far as several commands understand it; what one alone does is in its file. */
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include "ui/options.h"

#include <ncmodel/ncmodel.h>

struct settings {
	/* every command */
	const char *root, *config, *lock, *layout, *cacert, *progress;
	struct ncm_strings profiles, manifest_dirs, manifest_files, store_paths, insecure_registries, servers, bundles;
	bool json, quiet, no_color, help, version;
	unsigned verbose;

	struct ncm_strings operands;

	/* commands that choose models */
	struct ncm_selector selector;
	bool all;

	/* plan and pull */
	struct ncm_provision_options provision;
	bool dry_run, yes, allow_http_token;
	const char *workflow;
	bool custom_nodes;
	struct option_number jobs, connections, limit_rate, speed_limit, speed_time, retry, retries, timeout, reserve,
	    bandwidth;

	bool no_wait; /* adopt, link, mv, rm, gc */
};

extern const struct option_group options_global;
extern const struct option_group options_selection;
extern const struct option_group options_selection_registered; /* without --store */
extern const struct option_group options_placing;              /* --to */
extern const struct option_group options_planning;
extern const struct option_group options_serving; /* of programs that run models */

void settings_free(struct settings *settings);

#endif

/* SPDX-License-Identifier: MIT */
/* Options of the programs that download, as far as they say names and folders. */
#ifndef NCM_AUTHOR_SHELL_OPTIONS_H
#define NCM_AUTHOR_SHELL_OPTIONS_H

#include "author/shell.h"

/* What the options of a command said. */
struct shell_options {
	struct ncm_strings operands;
	const char *folder, *name, *list, *revision, *type;
	struct ncm_strings names; /* of several downloads, in order */
	struct ncm_strings include, exclude;
	bool has_sha256, to_file;
	struct ncm_sha256 sha256;
};

enum shell_meaning {
	MEANS_NOTHING, /* it has a value, which does not matter */
	MEANS_FOLDER,
	MEANS_NAME, /* may be a path */
	MEANS_LIST,
	MEANS_ADDRESS,
	MEANS_CHECKSUM,
	MEANS_REVISION,
	MEANS_TYPE,
	MEANS_INCLUDE,
	MEANS_EXCLUDE,
	MEANS_TO_FILE, /* a flag: under the name that the address has */
};

/* "-X" or "--long"; only those with a value, and flags that mean something. */
struct shell_option {
	const char *name;
	enum shell_meaning meaning;
};

/* Up to one without a name. */
extern const struct shell_option shell_wget_options[], shell_curl_options[], shell_aria2_options[], shell_hub_options[],
    shell_comfy_options[], shell_axel_options[], shell_powershell_options[], shell_git_options[], shell_no_options[];

/* Reads the words from `first` on. What is borrowed are the words. Free with shell_options_clear. */
void shell_options_read(const struct shell_option *known, const struct ncm_strings *words, size_t first,
			struct shell_options *options);
void shell_options_clear(struct shell_options *options);

#endif

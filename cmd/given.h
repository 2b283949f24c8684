/* SPDX-License-Identifier: MIT */
/* Files and folders named on the command line: there, where they have to be, and what they are taken for. */
#ifndef CMD_GIVEN_H
#define CMD_GIVEN_H

#include "settings.h"

/* The paths of the options of every command. USAGE, with the option. */
int given_check(const struct settings *settings, struct ncm_error *err);
/* One file to read, that `what` ("manifest import", an option) was given. USAGE if it is not there, or is a folder. */
int given_file(const char *what, const char *path, struct ncm_error *err);

/* One file to write, if one is named (not NULL): USAGE if it is a folder. */
int given_output(const char *option, const char *path, struct ncm_error *err);

#endif

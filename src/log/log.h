/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef NCM_LOG_LOG_H
#define NCM_LOG_LOG_H

#include <ncmodel/log.h>

/* Appends a line (which ends with a line break) to the log at this path, making it and its folder if needed, and puts
 * the log aside first when it would grow beyond `limit` bytes. Returns 0, or -1 with *err. */
int log_append(const char *path, const char *line, size_t limit, struct ncm_error *err);
/* Where the older lines are. The caller frees it. */
char *log_older(const char *path);

#endif

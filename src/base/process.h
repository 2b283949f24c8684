/* SPDX-License-Identifier: MIT */
/* The process that we run in. */
#ifndef NCM_BASE_PROCESS_H
#define NCM_BASE_PROCESS_H

#include <ncmodel/error.h>

/* Descriptors 0 to 2 are open, SIGPIPE and SIGXFSZ ignored, SIGCHLD is not; no core file, no debugger of others, no TLS
 * key log. */
int ncm_process_prepare(struct ncm_error *err);

#endif

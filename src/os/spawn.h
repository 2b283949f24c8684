/* SPDX-License-Identifier: MIT */
/* What posix_process.c and the file of each system want of each other. */
#ifndef NCM_OS_SPAWN_H
#define NCM_OS_SPAWN_H

#include <spawn.h>

/* The part of os_prepare that is the same everywhere. */
void os_prepare_signals(void);
/* pipe(2) with both ends closed in programs that are started. */
int os_pipe(int ends[2]);
/* Nothing behind descriptor 2 is inherited, whoever opened it. */
void os_spawn_close_rest(posix_spawn_file_actions_t *files, short *flags);

#endif

/* SPDX-License-Identifier: MIT */
/* What posix.c wants of the file of each system. */
#ifndef NCM_OS_SYSTEM_H
#define NCM_OS_SYSTEM_H

#include "os/file.h"

#include <sys/stat.h>

/* open(2)'s flags for those of os/file.h, with O_CLOEXEC. */
int os_native_flags(int flags);
/* openat's folder. */
int os_native_folder(int folder);
/* One step at a time, no link followed: where the system cannot do it at once. `flags` are open(2)'s. */
int os_open_walking(int folder, const char *relative, int flags);
void os_take_times(const struct stat *native, struct os_stat *status);

/* Texts that are gathered, for os_process_texts. */
struct os_texts {
	char *data;
	size_t size, room;
};
/* Adds bytes; there is always a NUL behind them. False with ENOMEM. */
bool os_texts_add(struct os_texts *texts, const void *data, size_t size);

#endif

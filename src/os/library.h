/* SPDX-License-Identifier: MIT */
/* Shared libraries that may or may not be there. What holds for all of it is in os.h. */
#ifndef NCM_OS_LIBRARY_H
#define NCM_OS_LIBRARY_H

/* Opens the library of that name where the loader finds it; NULL: it is not there, or cannot be loaded. */
void *os_library_open(const char *name);
/* The address of a function of it; NULL: it has none of that name. Good until the library is closed. */
void *os_library_find(void *library, const char *name);
void os_library_close(void *library); /* NULL is none */

#endif

/* SPDX-License-Identifier: MIT */
#include "os/library.h"

#include <dlfcn.h>
#include <stddef.h>

void *os_library_open(const char *name)
{
	return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

void *os_library_find(void *library, const char *name)
{
	return dlsym(library, name);
}

void os_library_close(void *library)
{
	if (library)
		dlclose(library);
}

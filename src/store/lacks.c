/* SPDX-License-Identifier: MIT */
/* What cannot be had in a store is said once a run, in one line. */
#include "store/store.h"

#include "base/ability.h"
#include "base/mem.h"
#include "base/strings.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ncm_strings told;

/* Whether it is for this caller to tell. */
static bool is_first(const char *path)
{
	bool first = true;

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < told.count && first; i++)
		first = strcmp(told.items[i], path) != 0;
	if (first)
		ncm_strings_add(&told, path);
	pthread_mutex_unlock(&mutex);
	return first;
}

void ncm_store_tell_lacks(const struct ncm_store *store, const struct ncm_sink *sink)
{
	NCM_AUTO_FREE char *lacks = NULL;
	NCM_AUTO_FREE char *text = NULL;

	if (!sink || !sink->emit)
		return;
	lacks = ncm_lacks_text(ncm_lacks_of(store->staging));
	if (!lacks)
		return;
	text = ncm_asprintf("%s: this file system %s", store->id ? store->id : store->path, lacks);
	if (is_first(text))
		ncm_emit_text(sink, NCM_EVENT_NOTE, "%s", text);
}

/* SPDX-License-Identifier: MIT */
/* Whether there is a network at all: nobody waits for long to learn that there is none. */
#include "transfer/easy.h"

#include "base/file.h"
#include "base/mem.h"

static const double PATIENCE_SECONDS = 3; /* as long as no server has answered in this run */

void ncm_http_note_reached(struct ncm_http *http)
{
	http->reached = true;
}

void ncm_http_note_unreached(struct ncm_http *http, const char *how)
{
	pthread_mutex_lock(&http->lock);
	if (!http->unreached) {
		http->unreached = ncm_strdup(how);
		http->unreached_at = ncm_monotonic();
	}
	pthread_mutex_unlock(&http->lock);
}

bool ncm_http_is_cut_off(struct ncm_http *http, double wait)
{
	bool cut_off;

	pthread_mutex_lock(&http->lock);
	cut_off = !http->reached && http->unreached && ncm_monotonic() + wait > http->unreached_at + PATIENCE_SECONDS;
	pthread_mutex_unlock(&http->lock);
	return cut_off;
}

char *ncm_http_unreachable(struct ncm_http *http)
{
	char *how;

	pthread_mutex_lock(&http->lock);
	how = http->reached ? NULL : ncm_strdup_null(http->unreached);
	pthread_mutex_unlock(&http->lock);
	return how;
}

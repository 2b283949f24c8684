/* SPDX-License-Identifier: MIT */
/* When to ask again. */
#ifndef NCM_TRANSFER_RETRY_H
#define NCM_TRANSFER_RETRY_H

#include "transfer/http.h"

#include <time.h>

/* Tries of one request. Progress renews the budget. */
struct ncm_backoff {
	unsigned failures; /* since the last progress */
	bool progressed;   /* in the try that has just failed: it does not count */
	unsigned limit;    /* failures that end it */
	double first;      /* seconds before the second try; doubled for each further one, up to 30 */
};

/* Counts a failure (if it made no progress). Returns the seconds to wait before the next try (at least `asked`, with
 * jitter), or -1 when the budget is spent. */
double ncm_backoff_next(struct ncm_backoff *backoff, double asked);
void ncm_backoff_progress(struct ncm_backoff *backoff);

/* Whether a status is worth the same request again: 408, 425, 429 and 5xx but 501, 505 and 511. */
bool ncm_status_is_transient(long status);
/*
 * Seconds that the server asks us to wait: Retry-After as seconds or as a date (RFC 9110, 10.2.3), or the reset time of
 * a RateLimit header whose remaining count is 0 (IETF draft, as Hugging Face sends it). 0 if it does not say; at most
 * NCM_LIMIT_RETRY_AFTER_SECONDS. `now` is the wall clock.
 */
double ncm_retry_after(const struct ncm_reply *reply, time_t now);

#endif

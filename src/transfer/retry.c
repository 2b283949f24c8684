/* SPDX-License-Identifier: MIT */
#include "transfer/retry.h"

#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <curl/curl.h>
#include <ncmodel/limits.h>
#include <string.h>

static const double LONGEST_BACKOFF = 30;

/* Between 0.5 and 1: many clients that failed together do not come back together. */
static double jitter(void)
{
	char hex[5];

	ncm_random_hex(hex, sizeof hex);
	return 0.5 + 0.5 * (double)strtoul(hex, NULL, 16) / 65535;
}

double ncm_backoff_next(struct ncm_backoff *backoff, double asked)
{
	double wait = backoff->first;

	if (!backoff->progressed && ++backoff->failures >= backoff->limit)
		return -1;
	backoff->progressed = false;
	for (unsigned i = 1; i < backoff->failures && wait < LONGEST_BACKOFF; i++)
		wait *= 2;
	if (wait > LONGEST_BACKOFF)
		wait = LONGEST_BACKOFF;
	wait *= jitter();
	return wait < asked ? asked : wait;
}

void ncm_backoff_progress(struct ncm_backoff *backoff)
{
	backoff->failures = 0;
	backoff->progressed = true;
}

bool ncm_status_is_transient(long status)
{
	/* What a server does not implement it will not in a minute; 511 is a network's log-in page. */
	if (status == 501 || status == 505 || status == 511)
		return false;
	return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}

/* Digits alone; -1 for anything else. Numbers too large for us are as good as the cap. */
static double seconds_of(const char *text)
{
	size_t length = strspn(text, "0123456789");

	if (length == 0 || text[length + strspn(text + length, " \t")] != '\0')
		return -1;
	return length > 9 ? 1e9 : (double)strtoul(text, NULL, 10);
}

static double from_retry_after(const char *value, time_t now)
{
	double seconds = seconds_of(value);
	time_t date;

	if (seconds >= 0)
		return seconds;
	date = curl_getdate(value, NULL);
	return date == (time_t)-1 || date <= now ? 0 : (double)(date - now);
}

/* "\"resolvers\";r=0;t=55": nothing remains until 55 seconds from now. */
static double from_rate_limit(const char *value)
{
	const char *remaining = strstr(value, ";r=");
	const char *reset = strstr(value, ";t=");

	if (!remaining || !reset || remaining[3] != '0' || isdigit((unsigned char)remaining[4]) ||
	    !isdigit((unsigned char)reset[3]))
		return 0;
	return strspn(reset + 3, "0123456789") > 9 ? 1e9 : (double)strtoul(reset + 3, NULL, 10) + 1;
}

double ncm_retry_after(const struct ncm_reply *reply, time_t now)
{
	NCM_AUTO_FREE char *limit = ncm_reply_header(reply, "RateLimit");
	NCM_AUTO_FREE char *after = ncm_reply_header(reply, "Retry-After");
	double wait = limit && reply->status == 429 ? from_rate_limit(limit) : 0;

	if (wait <= 0 && after)
		wait = from_retry_after(after, now);
	return wait > NCM_LIMIT_RETRY_AFTER_SECONDS ? NCM_LIMIT_RETRY_AFTER_SECONDS : wait;
}

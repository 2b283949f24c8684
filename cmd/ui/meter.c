/* SPDX-License-Identifier: MIT */
#include "ui/meter.h"

#include "ui/text.h"

#include <ncmodel/text.h>

#include <time.h>

#define RATE_WINDOW 1.0  /* seconds between two looks at the rate */
#define RATE_MEMORY 0.75 /* of the old rate that the new one keeps */

double meter_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void meter_start(struct meter *meter, uint64_t done, uint64_t total, double now)
{
	*meter =
	    (struct meter){.start = done, .done = done, .total = total, .began = now, .marked = done, .marked_at = now};
}

void meter_update(struct meter *meter, uint64_t done, uint64_t total, double now)
{
	const double passed = now - meter->marked_at;

	meter->done = done;
	if (total)
		meter->total = total;
	if (done < meter->marked) { /* begun anew */
		meter->marked = done;
		meter->marked_at = now;
	} else if (passed >= RATE_WINDOW) {
		const double rate = (double)(done - meter->marked) / passed;

		meter->rate = meter->rate > 0 ? meter->rate * RATE_MEMORY + rate * (1 - RATE_MEMORY) : rate;
		meter->marked = done;
		meter->marked_at = now;
	}
}

int meter_percent(const struct meter *meter)
{
	int percent;

	if (!meter->total)
		return -1;
	if (meter->done >= meter->total)
		return 100;
	percent = (int)((double)meter->done * 100 / (double)meter->total);
	return percent > 99 ? 99 : percent;
}

double meter_left(const struct meter *meter)
{
	if (!meter->total || meter->rate < 1 || meter->done > meter->total)
		return -1;
	return (double)(meter->total - meter->done) / meter->rate;
}

double meter_average(const struct meter *meter, double now)
{
	const double seconds = now - meter->began;

	return seconds > 0.001 && meter->done > meter->start ? (double)(meter->done - meter->start) / seconds : 0;
}

char *meter_text(const struct meter *meter)
{
	char done[32], total[32], rate[32], left[32];
	const double seconds = meter_left(meter);
	AUTO_FREE char *share = NULL;
	AUTO_FREE char *speed = text_copy("");
	AUTO_FREE char *rest = text_copy("");

	ncm_format_size(meter->done, done, sizeof done);
	if (meter->total)
		share = text_format("%3d%%  %s of %s", meter_percent(meter), done,
				    ncm_format_size(meter->total, total, sizeof total));
	else
		share = text_format("%s", done);
	if (meter->rate >= 1) {
		free(speed);
		speed = text_format("  %s/s", ncm_format_size((uint64_t)meter->rate, rate, sizeof rate));
	}
	if (seconds >= 0) {
		free(rest);
		rest = text_format("  %s left", ncm_format_duration(seconds, left, sizeof left));
	}
	return text_format("%s%s%s", share, speed, rest);
}

/* SPDX-License-Identifier: MIT */
/* How far one transfer is and how fast it goes. */
#ifndef CMD_UI_METER_H
#define CMD_UI_METER_H

#include <stdint.h>

struct meter {
	uint64_t start; /* bytes that were there when it began */
	uint64_t done;
	uint64_t total;  /* 0: unknown */
	double began;    /* seconds, monotonic */
	double rate;     /* bytes per second, smoothed; 0: not known yet */
	uint64_t marked; /* bytes at the last look at the rate */
	double marked_at;
};

double meter_now(void);
void meter_start(struct meter *meter, uint64_t done, uint64_t total, double now);
void meter_update(struct meter *meter, uint64_t done, uint64_t total, double now);
/* Percent done, 100 only at the end; -1 when the total is unknown. */
int meter_percent(const struct meter *meter);
/* Seconds left; negative when unknown. */
double meter_left(const struct meter *meter);
/* Bytes per second over the whole time so far. */
double meter_average(const struct meter *meter, double now);
/* "45%  4.30 GB of 9.51 GB  98.0 MB/s  1m 3s left", parts that are unknown left out. The caller frees it. */
char *meter_text(const struct meter *meter);

#endif

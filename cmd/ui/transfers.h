/* SPDX-License-Identifier: MIT */
/* The files under way, in the order of the plan: what they are called and how far they are. */
#ifndef CMD_UI_TRANSFERS_H
#define CMD_UI_TRANSFERS_H

#include "ui/meter.h"
#include "ui/naming.h"
#include "ui/rows.h"

struct transfer {
	unsigned slot;
	char *model; /* safe, as the next */
	char *part;
	bool sending;   /* it goes to a registry */
	bool small;     /* told together with others */
	bool announced; /* in plain lines */
	struct meter meter;
	double told;
};

struct transfers {
	struct transfer *items;
	size_t count;
	uint64_t fetched; /* by those that have ended */
	struct naming *naming;
	bool each; /* small files are told one by one, too */
};

/* The event's; a new one if it is the first of its file. Good until the next call. */
struct transfer *transfers_find(struct transfers *transfers, const struct ncm_event *event, double now);
void transfers_drop(struct transfers *transfers, struct transfer *transfer);
void transfers_free(struct transfers *transfers);
/* Bytes that have come for all of them, and for those that have ended. */
uint64_t transfers_fetched(const struct transfers *transfers);
/* "MODEL PART". The caller frees it. */
char *transfer_label(const struct transfer *transfer);
/*
 * A row each, a model's small files one together. `rows` has room for as many as there are transfers; *sums is what
 * some of them point to, which the caller frees. Returns how many.
 */
size_t transfers_rows(const struct transfers *transfers, struct progress_row *rows, struct meter **sums);

#endif

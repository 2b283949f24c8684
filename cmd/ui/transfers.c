/* SPDX-License-Identifier: MIT */
#include "ui/transfers.h"

#include "ui/text.h"

#include <string.h>

struct transfer *transfers_find(struct transfers *transfers, const struct ncm_event *event, double now)
{
	struct transfer *transfer;
	size_t at = transfers->count;

	for (size_t i = 0; i < transfers->count; i++) {
		if (transfers->items[i].slot == event->slot)
			return &transfers->items[i];
	}
	transfers->items = memory_grow(transfers->items, transfers->count + 1, sizeof *transfers->items);
	/* In the order of the plan, so that the files of one model stand together. */
	for (; at > 0 && transfers->items[at - 1].slot > event->slot; at--)
		transfers->items[at] = transfers->items[at - 1];
	transfers->count++;
	transfer = &transfers->items[at];
	*transfer = (struct transfer){0};
	transfer->slot = event->slot;
	transfer->model = text_safe(event->model);
	transfer->part = naming_part(transfers->naming, event);
	transfer->sending = event->stage && strcmp(event->stage, "sending") == 0;
	transfer->small = !transfer->sending && !transfers->each && naming_is_small(transfers->naming, event);
	transfer->told = now;
	meter_start(&transfer->meter, event->done, event->total, now);
	return transfer;
}

/* What is sent does not come. */
static uint64_t bytes_of(const struct transfer *transfer)
{
	const struct meter *meter = &transfer->meter;

	return !transfer->sending && meter->done > meter->start ? meter->done - meter->start : 0;
}

void transfers_drop(struct transfers *transfers, struct transfer *transfer)
{
	const size_t index = (size_t)(transfer - transfers->items);

	transfers->fetched += bytes_of(transfer);
	free(transfer->model);
	free(transfer->part);
	memmove(transfer, transfer + 1, (transfers->count - index - 1) * sizeof *transfer);
	transfers->count--;
}

void transfers_free(struct transfers *transfers)
{
	while (transfers->count > 0)
		transfers_drop(transfers, &transfers->items[transfers->count - 1]);
	free(transfers->items);
	naming_free(transfers->naming);
}

uint64_t transfers_fetched(const struct transfers *transfers)
{
	uint64_t bytes = transfers->fetched;

	for (size_t i = 0; i < transfers->count; i++)
		bytes += bytes_of(&transfers->items[i]);
	return bytes;
}

char *transfer_label(const struct transfer *transfer)
{
	return text_format("%s%s%s", transfer->model, *transfer->model && *transfer->part ? " " : "", transfer->part);
}

static void add_meter(struct meter *sum, const struct meter *meter)
{
	sum->start += meter->start;
	sum->done += meter->done;
	sum->total += meter->total;
	sum->rate += meter->rate;
}

size_t transfers_rows(const struct transfers *transfers, struct progress_row *rows, struct meter **sums)
{
	size_t count = 0;

	*sums = NULL;
	for (size_t i = 0; i < transfers->count; i++) /* all zero */
		*sums = memory_grow(*sums, i + 1, sizeof **sums);

	for (size_t i = 0; i < transfers->count; i++) {
		const struct transfer *transfer = &transfers->items[i];
		size_t row = count;

		for (size_t k = 0; transfer->small && k < count; k++) {
			if (rows[k].meter == &(*sums)[k] && strcmp(rows[k].model, transfer->model) == 0)
				row = k;
		}
		if (row == count)
			rows[count++] = (struct progress_row){transfer->model, transfer->part, &transfer->meter};
		if (!transfer->small)
			continue;
		rows[row].part = "small files";
		rows[row].meter = &(*sums)[row];
		add_meter(&(*sums)[row], &transfer->meter);
	}
	return count;
}

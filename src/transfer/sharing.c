/* SPDX-License-Identifier: MIT */
/*
 * A file that several machines fetch at the same time: each brings other parts from its source, and has the rest from
 * where they share them. Which is whose the caller says (struct ncm_sharing); here it decides which bytes a place may
 * be asked for.
 */
#include "transfer/fetch.h"

#include "base/file.h"
#include "base/mem.h"

static const double REFUSED_SECONDS = 0.5;

static size_t part_count(const struct ncm_fetch *fetch)
{
	return (size_t)((fetch->item->size + NCM_CHECKPOINT_SPAN - 1) / NCM_CHECKPOINT_SPAN);
}

static struct ncm_range range_of(const struct ncm_fetch *fetch, size_t part)
{
	const uint64_t start = ncm_span_start(part), end = start + NCM_CHECKPOINT_SPAN;

	return (struct ncm_range){start, end < fetch->item->size ? end : fetch->item->size};
}

static enum ncm_part_state look(const struct ncm_fetch *fetch, size_t part)
{
	return fetch->sharing->look(fetch->sharing->context, part);
}

void ncm_fetch_begin_sharing(struct ncm_fetch *fetch)
{
	const struct ncm_transfer_item *item = fetch->item;

	for (size_t i = 0; i < fetch->site_count; i++) {
		struct ncm_site *site = &fetch->sites[i];

		if (!site->from.sharing)
			continue;
		if (item->has_size && item->size > 0 && item->range_count == 0)
			fetch->sharing = site->from.sharing;
		else
			site->dead = true;
	}
	if (fetch->sharing)
		fetch->parts_told = ncm_calloc(part_count(fetch), sizeof *fetch->parts_told);
}

void ncm_fetch_leave(struct ncm_fetch *fetch)
{
	for (size_t i = 0; i < fetch->site_count && fetch->sharing; i++)
		fetch->sites[i].dead = fetch->sites[i].dead || fetch->sites[i].from.sharing;
	if (fetch->sharing)
		fetch->sharing->leave(fetch->sharing->context);
	fetch->sharing = NULL;
}

bool ncm_fetch_next_gap(const struct ncm_fetch *fetch, const struct ncm_site *site, struct ncm_range *gap)
{
	const enum ncm_part_state wanted = site->from.sharing ? NCM_PART_SHARED : NCM_PART_OURS;
	const uint64_t size = fetch->partial.identity.has_size ? fetch->partial.identity.size : UINT64_MAX;
	uint64_t at = 0;

	if (!fetch->sharing)
		return ncm_ranges_gap(&fetch->assigned, size, gap);
	/* Beyond what is wanted there are no parts, whatever a server says of its size. */
	while (ncm_ranges_gap_from(&fetch->assigned, at, fetch->item->size, gap)) {
		const size_t part = (size_t)(gap->start / NCM_CHECKPOINT_SPAN);

		at = range_of(fetch, part).end;
		if (gap->end > at)
			gap->end = at;
		if (look(fetch, part) == wanted)
			return true;
		at = gap->end;
	}
	return false;
}

void ncm_fetch_find_part(struct ncm_fetch *fetch, struct ncm_stream *stream)
{
	const size_t part = (size_t)(stream->offset / NCM_CHECKPOINT_SPAN);
	const struct ncm_range range = range_of(fetch, part);
	bool whole = false;

	free(stream->url);
	stream->url = fetch->sharing->address(fetch->sharing->context, part, &whole);
	stream->object_begins = whole ? 0 : range.start;
	stream->object_size = whole ? 0 : range.end - range.start;
}

void ncm_fetch_refuse_part(struct ncm_fetch *fetch, struct ncm_stream *stream, struct ncm_error *err)
{
	const size_t part = (size_t)(stream->offset / NCM_CHECKPOINT_SPAN);

	if (err->message)
		ncm_fetch_emit(fetch, NCM_EVENT_DEBUG, err->message);
	stream->site->wake_at = ncm_monotonic() + REFUSED_SECONDS;
	ncm_fetch_drop(fetch, stream, true);
	ncm_fetch_note_joined(fetch);
	if (fetch->sharing)
		fetch->sharing->failed(fetch->sharing->context, part, false);
	ncm_error_clear(err);
}

static bool is_here(const struct ncm_fetch *fetch, const struct ncm_ranges *on_disk, size_t part)
{
	const struct ncm_range range = range_of(fetch, part);

	if (ncm_ranges_end_of(on_disk, range.start) < range.end)
		return false;
	return !fetch->intake.known || fetch->intake.spans[part] == NCM_SPAN_PROVED;
}

static void tell_of_parts(struct ncm_fetch *fetch)
{
	struct ncm_ranges on_disk = {0};

	ncm_partial_look(&fetch->partial, &on_disk);
	for (size_t part = 0; part < part_count(fetch); part++) {
		if (fetch->parts_told[part] || !is_here(fetch, &on_disk, part))
			continue;
		fetch->parts_told[part] = true;
		fetch->sharing->have(fetch->sharing->context, part);
	}
	ncm_ranges_clear(&on_disk);
}

static bool has_source(const struct ncm_fetch *fetch)
{
	for (size_t i = 0; i < fetch->site_count; i++) {
		if (ncm_site_counts(&fetch->sites[i]) && !fetch->sites[i].from.sharing)
			return true;
	}
	return false;
}

/* Whether bytes are missing that are not shared yet. */
static bool misses_more(const struct ncm_fetch *fetch)
{
	struct ncm_range gap;

	for (uint64_t at = 0; ncm_ranges_gap_from(&fetch->assigned, at, fetch->item->size, &gap);) {
		const size_t part = (size_t)(gap.start / NCM_CHECKPOINT_SPAN);

		if (look(fetch, part) != NCM_PART_SHARED)
			return true;
		at = range_of(fetch, part).end;
	}
	return false;
}

void ncm_fetch_watch_parts(struct ncm_fetch *fetch)
{
	if (!fetch->sharing || fetch->stage != NCM_STAGE_RECEIVE)
		return;
	tell_of_parts(fetch);
	/* Who has no source can bring nothing, and does not wait for others who may have none either. */
	if (has_source(fetch) || !misses_more(fetch) || ncm_fetch_turn_to_whole(fetch, NULL))
		return;
	ncm_fetch_leave(fetch);
	ncm_fetch_give_in(fetch);
}

/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints that are known beforehand, while a file comes: a span that does not lead where they say is asked for
 * again, of another place if there is one. They may be forged or another file's: when a span fails a second time they
 * are given up, and the file's digest decides, as if there had been none.
 */
#include "transfer/fetch.h"

#include "base/file.h"
#include "base/mem.h"

#include <inttypes.h>

static const double DOUBT_SECONDS = 5; /* times how often it was wrong: so long others are asked first */

bool ncm_site_rests(const struct ncm_site *site, double now)
{
	return site->wake_at > now || site->doubted_until > now;
}

bool ncm_site_counts(const struct ncm_site *site)
{
	return !site->dead && !site->passed_over;
}

/* Those of another file, or none, say nothing of this one. */
const struct ncm_checkpoints *ncm_fetch_known(const struct ncm_fetch *fetch)
{
	const struct ncm_transfer_item *item = fetch->item;
	const struct ncm_checkpoints *known = item->known;

	if (!known || fetch->spans_failed || !item->has_sha256 || !item->has_size || known->count == 0 ||
	    known->size != item->size || known->count != ncm_checkpoints_expected(item->size) ||
	    !ncm_sha256_equal(&known->sha256, &item->sha256))
		return NULL;
	return known;
}

void ncm_fetch_begin_spans(struct ncm_fetch *fetch)
{
	const struct ncm_checkpoints *known = ncm_fetch_known(fetch);

	free(fetch->spans);
	fetch->spans = known ? ncm_calloc(ncm_span_count(known), sizeof *fetch->spans) : NULL;
}

void ncm_fetch_note_site(struct ncm_fetch *fetch, struct ncm_site *site, uint64_t start, uint64_t end)
{
	const struct ncm_checkpoints *known = fetch->intake.known;

	for (size_t span = (size_t)(start / NCM_CHECKPOINT_SPAN);
	     known && fetch->spans && span < ncm_span_count(known) && ncm_span_start(span) < end; span++)
		fetch->spans[span].site = site;
}

static bool has_other_site(const struct ncm_fetch *fetch, const struct ncm_site *site)
{
	for (size_t i = 0; i < fetch->site_count; i++) {
		if (&fetch->sites[i] != site && ncm_site_counts(&fetch->sites[i]))
			return true;
	}
	return false;
}

static void give_up_checkpoints(struct ncm_fetch *fetch, const char *why)
{
	fetch->spans_failed = true;
	for (size_t i = 0; i < fetch->site_count; i++)
		fetch->sites[i].doubted_until = 0;
	ncm_strands_forget_known(&fetch->intake);
	ncm_fetch_note_joined(fetch);
	ncm_fetch_emit(fetch, NCM_EVENT_RETRY, why);
}

static void doubt(struct ncm_fetch *fetch, struct ncm_site *site)
{
	if (site && has_other_site(fetch, site))
		site->doubted_until = ncm_monotonic() + DOUBT_SECONDS * ++site->wrong;
}

static void ask_again(struct ncm_fetch *fetch, size_t span)
{
	const uint64_t start = ncm_span_start(span), end = ncm_span_end(fetch->intake.known, span);
	struct ncm_site *site = fetch->spans[span].site;
	NCM_AUTO_FREE char *text = NULL;

	ncm_ranges_remove(&fetch->assigned, start, end);
	/* What an earlier run left has no place. */
	fetch->spans[span].failed = fetch->spans[span].failed || site;
	fetch->asked_again = true;
	if (fetch->sharing && site && site->from.sharing)
		fetch->sharing->failed(fetch->sharing->context, span, true);
	doubt(fetch, site);
	text = ncm_asprintf("bytes %" PRIu64 "-%" PRIu64 " are wrong; they are asked for again%s", start, end - 1,
			    site && has_other_site(fetch, site) ? " from another place" : "");
	ncm_fetch_emit(fetch, NCM_EVENT_RETRY, text);
}

/* A stream whose range that is may still count it as brought. */
static bool is_being_brought(const struct ncm_fetch *fetch, size_t span)
{
	const uint64_t start = ncm_span_start(span), end = ncm_span_end(fetch->intake.known, span);

	for (unsigned i = 0; i < fetch->stream_count; i++) {
		if (fetch->streams[i]->offset < end && fetch->streams[i]->assigned_end > start)
			return true;
	}
	return false;
}

void ncm_fetch_watch_spans(struct ncm_fetch *fetch)
{
	struct ncm_intake *intake = &fetch->intake;
	size_t span;

	while (ncm_strands_find_bad(intake, &span)) {
		if (fetch->spans[span].failed) {
			give_up_checkpoints(fetch, "what comes is not what its checkpoints say, whoever is asked; its "
						   "SHA-256 decides");
			return;
		}
		/* While nothing has come nobody can know whether ranges are served. */
		if (fetch->whole || (fetch->item->received > 0 && !ncm_fetch_serves_ranges(fetch))) {
			give_up_checkpoints(fetch, "what comes is not what its checkpoints say; its SHA-256 decides");
			return;
		}
		if (is_being_brought(fetch, span) || !ncm_strands_take_bad(intake, span))
			return;
		ask_again(fetch, span);
	}
}

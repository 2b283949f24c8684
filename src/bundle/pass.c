/* SPDX-License-Identifier: MIT */
/* Content of volumes, some spans at a time: many small files or a stretch of a large one. */
#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/volumes.h"
#include "os/os.h"

#include <errno.h>

enum { SPANS_AT_ONCE = 64, FILES_AT_ONCE = 64, MOST_FAULTS = 8 };

struct passing {
	const struct ncm_bundle *bundle;
	const struct bundle_pass *pass;
	struct ncm_checkpoints checkpoints[FILES_AT_ONCE];
	struct bundle_stretch stretches[FILES_AT_ONCE];
	size_t stretch_count;
	struct ncm_transit transits[SPANS_AT_ONCE];
	size_t count;
	uint64_t done;
};

/* The part of a file that has a span; NULL: no volume has it. */
static const struct bundle_part *part_of(const struct bundle_volumes *volumes, size_t file, uint64_t at)
{
	size_t low = 0, high = volumes->part_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct bundle_part *part = &volumes->parts[middle];

		if (part->file < file || (part->file == file && part->end <= at && part->end > part->start))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == volumes->part_count || volumes->parts[low].file != file || volumes->parts[low].start > at)
		return NULL;
	return &volumes->parts[low];
}

static void add_span(struct passing *passing, size_t file, size_t span, const struct bundle_target *target,
		     const struct ncm_checkpoints *checkpoints)
{
	const struct bundle_volumes *volumes = passing->bundle->impl;
	const uint64_t at = ncm_span_start(span);
	const struct bundle_part *part = part_of(volumes, file, at);
	uint64_t end;
	const int otherwise = bundle_is_of_base(&passing->bundle->files[file], at, &end) ? target->base : -1;

	passing->transits[passing->count++] =
	    (struct ncm_transit){.from = part ? volumes->files[part->volume] : otherwise,
				 .from_at = part ? part->at + at - part->start : at,
				 .to = target->to,
				 .to_at = at,
				 .checkpoints = checkpoints,
				 .span = span};
}

static void tell(void *context, uint64_t bytes)
{
	struct passing *passing = context;

	passing->done += bytes;
	ncm_emit(passing->pass->sink, &(struct ncm_event){.type = NCM_EVENT_VERIFIED,
							  .file = passing->bundle->path,
							  .done = passing->done,
							  .total = passing->pass->total,
							  .stage = "hashing"});
}

/* What was gathered goes through; everybody is told what came of his. */
static int flush(struct passing *passing, struct ncm_error *err)
{
	int failed = 0;

	ncm_transits_run(passing->transits, passing->count, tell, passing);
	if (ncm_interrupted())
		failed = ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while reading the volumes");
	for (size_t i = 0; i < passing->stretch_count; i++) {
		if (!failed)
			failed = passing->pass->took(passing->pass->context, &passing->stretches[i], err);
		ncm_checkpoints_clear(&passing->checkpoints[i]);
	}
	passing->count = passing->stretch_count = 0;
	return failed;
}

static struct bundle_stretch *begin_stretch(struct passing *passing, size_t file)
{
	const size_t number = passing->stretch_count++;
	struct bundle_stretch *stretch = &passing->stretches[number];

	*stretch = (struct bundle_stretch){.file = file, .transits = &passing->transits[passing->count]};
	stretch->provable =
	    bundle_volumes_checkpoints(passing->bundle, &passing->bundle->files[file], &passing->checkpoints[number]);
	return stretch;
}

static int pass_file(struct passing *passing, size_t file, const struct bundle_target *target, struct ncm_error *err)
{
	const struct bundle_pass *pass = passing->pass;
	const size_t spans = ncm_checkpoints_expected(passing->bundle->files[file].size) + 1;

	for (size_t span = 0; span < spans;) {
		struct bundle_stretch *stretch;
		size_t number;

		if ((passing->count == SPANS_AT_ONCE || passing->stretch_count == FILES_AT_ONCE) &&
		    flush(passing, err) < 0)
			return -1;
		number = passing->stretch_count;
		stretch = begin_stretch(passing, file);
		stretch->base = target->base;
		stretch->base_failure = target->base_failure;
		for (; span < spans && passing->count < SPANS_AT_ONCE; span++) {
			if (!pass->wants || pass->wants(pass->context, file, span))
				add_span(passing, file, span, target, &passing->checkpoints[number]);
		}
		stretch->count = (size_t)(&passing->transits[passing->count] - stretch->transits);
		stretch->is_last = span == spans;
	}
	return 0;
}

static int pass_all(struct passing *passing, struct ncm_error *err)
{
	const struct ncm_bundle *bundle = passing->bundle;

	for (size_t i = 0; i < bundle->count; i++) {
		struct bundle_target target = {.to = -1, .base = -1};
		int wanted;

		if (!bundle_is_blob(bundle->files[i].path))
			continue;
		wanted = passing->pass->begin(passing->pass->context, i, &target, err);
		if (wanted < 0 || (wanted > 0 && pass_file(passing, i, &target, err) < 0))
			return -1;
	}
	return flush(passing, err);
}

int bundle_volumes_pass(const struct ncm_bundle *bundle, const struct bundle_pass *pass, struct ncm_error *err)
{
	struct passing *passing = ncm_calloc(1, sizeof *passing);
	int failed;

	passing->bundle = bundle;
	passing->pass = pass;
	failed = pass_all(passing, err);
	for (size_t i = 0; i < passing->stretch_count; i++)
		ncm_checkpoints_clear(&passing->checkpoints[i]);
	free(passing);
	return failed;
}

static size_t volume_of(const struct bundle_volumes *volumes, int fd)
{
	size_t i = 0;

	while (i + 1 < volumes->count && volumes->files[i] != fd)
		i++;
	return i;
}

/* Spans next to each other of which the same is to be told. */
struct run {
	const struct ncm_transit *first, *last;
	const struct ncm_bundle_base *base; /* from where they should come; NULL: out of a volume */
};

static const struct ncm_bundle_base *base_of(const struct ncm_bundle_file *file, const struct bundle_stretch *stretch,
					     const struct ncm_transit *transit)
{
	uint64_t end;
	const bool out_of_volume = transit->from >= 0 && transit->from != stretch->base;

	return !out_of_volume && bundle_is_of_base(file, ncm_span_start(transit->span), &end) ? file->base : NULL;
}

static struct run run_of(const struct ncm_bundle_file *file, const struct bundle_stretch *stretch, size_t i)
{
	struct run run = {.first = &stretch->transits[i]};

	run.base = base_of(file, stretch, run.first);
	for (run.last = run.first; ++i < stretch->count; run.last = &stretch->transits[i]) {
		const struct ncm_transit *next = &stretch->transits[i];

		if (next->from != run.first->from || next->holds != run.first->holds ||
		    base_of(file, stretch, next) != run.base)
			break;
	}
	return run;
}

static void tell_fault(const struct ncm_bundle *bundle, const struct bundle_stretch *stretch, const struct run *run,
		       struct ncm_buffer *text)
{
	const unsigned long long start = ncm_span_start(run->first->span);
	const unsigned long long end = ncm_span_end(run->last->checkpoints, run->last->span) - 1;
	char hex[NCM_SHA256_HEX + 1];

	if (run->base)
		ncm_sha256_hex(&run->base->sha256, hex);
	if (run->base && run->first->from >= 0)
		ncm_buffer_printf(text,
				  "the older version here, sha256 %s, has other bytes at %llu-%llu than it should", hex,
				  start, end);
	else if (run->base && stretch->base_failure != ENOENT)
		ncm_buffer_printf(text,
				  "bytes %llu-%llu are those of an older version, sha256 %s, that cannot be opened: %s",
				  start, end, hex, os_error_text(stretch->base_failure));
	else if (run->base)
		ncm_buffer_printf(text,
				  "bytes %llu-%llu are those of an older version, sha256 %s, that no model here has",
				  start, end, hex);
	else if (run->first->from < 0)
		ncm_buffer_printf(text, "bytes %llu-%llu are in no volume that is here", start, end);
	else
		ncm_buffer_printf(text, "%s: bytes %llu-%llu are damaged",
				  ncm_path_base(bundle->volumes[volume_of(bundle->impl, run->first->from)].path), start,
				  end);
}

static bool is_wrong(const struct bundle_stretch *stretch, const struct ncm_transit *transit)
{
	return transit->from < 0 || (stretch->provable && !transit->holds);
}

void bundle_stretch_note(const struct ncm_bundle *bundle, const struct bundle_stretch *stretch)
{
	struct bundle_volumes *volumes = bundle->impl;

	if (!volumes->spoilt)
		volumes->spoilt = ncm_calloc(volumes->count, sizeof *volumes->spoilt);
	for (size_t i = 0; i < stretch->count; i++) {
		const struct ncm_transit *transit = &stretch->transits[i];

		if (!is_wrong(stretch, transit))
			continue;
		if (base_of(&bundle->files[stretch->file], stretch, transit))
			volumes->lacks_bases = true;
		else if (transit->from < 0)
			volumes->lacks_parts = true;
		else
			volumes->spoilt[volume_of(volumes, transit->from)] = true;
	}
}

char *bundle_stretch_fault(const struct ncm_bundle *bundle, const struct bundle_stretch *stretch,
			   enum ncm_bundle_state *state)
{
	const struct ncm_bundle_file *file = &bundle->files[stretch->file];
	struct ncm_buffer text = {0};
	size_t faults = 0;
	bool of_base = false;

	for (size_t i = 0; i < stretch->count;) {
		const struct run run = run_of(file, stretch, i);
		const bool wrong = is_wrong(stretch, run.first);

		i = (size_t)(run.last - stretch->transits) + 1;
		if (!wrong || faults++ >= MOST_FAULTS)
			continue;
		if (text.size > 0)
			ncm_buffer_puts(&text, "; ");
		if (text.size == 0)
			*state = run.first->from < 0 ? NCM_BUNDLE_MISSING : NCM_BUNDLE_DAMAGED;
		tell_fault(bundle, stretch, &run, &text);
		of_base = of_base || run.base;
	}
	if (faults > MOST_FAULTS)
		ncm_buffer_printf(&text, "; and %zu more", faults - MOST_FAULTS);
	if (of_base)
		ncm_buffer_puts(&text, "; volumes made without --for have all of it");
	if (faults == 0)
		*state = NCM_BUNDLE_DAMAGED;
	if (faults == 0 && !stretch->provable && stretch->count > 0)
		ncm_buffer_puts(&text, "its checkpoints are damaged in every volume: only an import can tell");
	return text.size > 0 ? ncm_buffer_take(&text) : NULL;
}

/* SPDX-License-Identifier: MIT */
#include "ui/progress.h"

#include "ui/meter.h"
#include "ui/screen.h"
#include "ui/style.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>

#define PLAIN_SECONDS 10.0 /* between two lines about one file */
#define EVENT_SECONDS 0.5  /* between two progress events of one file */

enum voice {
	VOICE_NONE,
	VOICE_PLAIN,
	VOICE_BARS,
	VOICE_EVENTS,
};

struct transfer {
	unsigned slot;
	char *file; /* safe */
	struct meter meter;
	double told;
};

struct progress {
	enum voice voice;
	bool quiet, verbose;
	struct screen screen;
	struct transfer *transfers; /* under way */
	size_t count;
	size_t files, files_done;
	uint64_t fetched; /* by transfers that have ended */
	struct meter total;
	bool counting; /* `total` has been started */
	double total_told;
};

static enum voice choose_voice(const struct settings *settings)
{
	const char *mode = settings->progress ? settings->progress : "auto";
	const char *ci = getenv("CI");
	const bool terminal = style_can_redraw(stderr);

	if (strcmp(mode, "json") == 0)
		return VOICE_EVENTS;
	if (strcmp(mode, "none") == 0 || settings->quiet)
		return VOICE_NONE;
	if (strcmp(mode, "plain") == 0 || !terminal) /* a bar needs a terminal, even when asked for */
		return VOICE_PLAIN;
	return strcmp(mode, "bar") == 0 || !ci || !*ci ? VOICE_BARS : VOICE_PLAIN;
}

/* Takes the line, which must be safe. */
static void say(struct progress *progress, char *line)
{
	if (progress->voice == VOICE_BARS)
		screen_say(&progress->screen, line);
	else
		fprintf(stderr, "%s\n", line);
	free(line);
}

static char *bar_line(const char *name, const struct meter *meter, size_t columns)
{
	AUTO_FREE char *numbers = meter_text(meter);
	const size_t name_width = columns / 3 < 14 ? 14 : columns / 3 > 40 ? 40 : columns / 3;
	AUTO_FREE char *shown = text_shorten(name, name_width);
	const size_t padding = name_width - text_width(shown);
	const size_t used = name_width + text_width(numbers) + 6;
	const int percent = meter_percent(meter);
	char bar[32] = "";

	if (percent >= 0 && used + 8 < columns) {
		const size_t room = columns - used > sizeof bar - 1 ? sizeof bar - 1 : columns - used;
		const size_t full = room * (size_t)percent / 100;

		memset(bar, '#', full);
		memset(bar + full, '-', room - full);
		bar[room] = '\0';
	}
	return text_format("%s%*s  %s%s%s%s", shown, (int)padding, "", *bar ? "[" : "", bar, *bar ? "] " : "", numbers);
}

static uint64_t fetched_so_far(const struct progress *progress)
{
	uint64_t bytes = progress->fetched;

	for (size_t i = 0; i < progress->count; i++) {
		const struct meter *meter = &progress->transfers[i].meter;

		bytes += meter->done > meter->start ? meter->done - meter->start : 0;
	}
	return bytes;
}

static void draw(struct progress *progress, double now)
{
	const size_t columns = style_columns(stderr);
	const size_t room = screen_room();
	char *lines[SCREEN_LINES];
	size_t count = 0;

	if (progress->voice != VOICE_BARS || !screen_due(&progress->screen, now))
		return;
	for (size_t i = 0; i < progress->count && count + 1 < room; i++)
		lines[count++] = bar_line(progress->transfers[i].file, &progress->transfers[i].meter, columns);
	if (progress->counting) {
		AUTO_FREE char *name = progress->files
					   ? text_format("Total %zu of %zu", progress->files_done, progress->files)
					   : text_copy("Total");

		lines[count++] = bar_line(name, &progress->total, columns);
	}
	screen_draw(&progress->screen, lines, count, now);
	for (size_t i = 0; i < count; i++)
		free(lines[i]);
}

static void draw_one_line(struct progress *progress, char *line, double now, bool last)
{
	if (last)
		screen_clear(&progress->screen);
	else if (screen_due(&progress->screen, now))
		screen_draw(&progress->screen, &line, 1, now);
	free(line);
}

static struct transfer *find(struct progress *progress, const struct ncm_event *event, double now)
{
	struct transfer *transfer;

	for (size_t i = 0; i < progress->count; i++) {
		if (progress->transfers[i].slot == event->slot)
			return &progress->transfers[i];
	}
	progress->transfers = memory_grow(progress->transfers, progress->count + 1, sizeof *progress->transfers);
	transfer = &progress->transfers[progress->count++];
	transfer->slot = event->slot;
	transfer->file = text_safe(event->file ? event->file : event->model);
	transfer->told = now;
	meter_start(&transfer->meter, event->done, event->total, now);
	return transfer;
}

static void drop(struct progress *progress, struct transfer *transfer)
{
	const struct meter *meter = &transfer->meter;
	const size_t index = (size_t)(transfer - progress->transfers);

	progress->fetched += meter->done > meter->start ? meter->done - meter->start : 0;
	free(transfer->file);
	memmove(transfer, transfer + 1, (progress->count - index - 1) * sizeof *transfer);
	progress->count--;
}

static bool due(double *told, double now, double interval)
{
	if (now - *told < interval)
		return false;
	*told = now;
	return true;
}

static void on_started(struct progress *progress, const struct ncm_event *event, double now)
{
	struct transfer *transfer = find(progress, event, now);
	char size[32];

	meter_start(&transfer->meter, event->done, event->total, now);
	if (progress->voice == VOICE_PLAIN)
		say(progress, text_format("%s %s  %s", event->done ? "resume  " : "fetch   ", transfer->file,
					  event->total ? ncm_format_size(event->total, size, sizeof size) : ""));
}

static void on_fetched(struct progress *progress, const struct ncm_event *event, double now)
{
	struct transfer *transfer = find(progress, event, now);
	const uint64_t size = event->total ? event->total : event->done;
	char size_text[32], rate_text[32], time_text[32];
	double rate;

	if (event->done > transfer->meter.done)
		meter_update(&transfer->meter, event->done, event->total, now);
	rate = meter_average(&transfer->meter, now);
	progress->files_done++;
	if (progress->voice != VOICE_NONE)
		say(progress, text_format("fetched  %s  %s in %s%s%s%s", transfer->file,
					  ncm_format_size(size, size_text, sizeof size_text),
					  ncm_format_duration(now - transfer->meter.began, time_text, sizeof time_text),
					  rate > 0 ? " (" : "",
					  rate > 0 ? ncm_format_size((uint64_t)rate, rate_text, sizeof rate_text) : "",
					  rate > 0 ? "/s)" : ""));
	drop(progress, transfer);
}

/* A message often names its file already. */
static void on_text(struct progress *progress, const struct ncm_event *event, const char *prefix)
{
	const char *subject = event->file ? event->file : event->model;
	const bool named = subject && event->text && strstr(event->text, subject);
	AUTO_FREE char *name = text_safe(named ? NULL : subject);
	AUTO_FREE char *text = text_safe(event->text);

	say(progress, text_format("%s%s%s%s", prefix, name, *name && *text ? ": " : "", text));
}

static void on_verified(struct progress *progress, const struct ncm_event *event, double now)
{
	char *numbers;

	if (!progress->counting) {
		progress->counting = true;
		meter_start(&progress->total, 0, event->total, now);
	}
	meter_update(&progress->total, event->done, event->total, now);
	if (progress->voice == VOICE_BARS) {
		draw_one_line(progress, bar_line("Verifying", &progress->total, style_columns(stderr)), now,
			      event->done >= event->total);
	} else if (due(&progress->total_told, now, PLAIN_SECONDS)) {
		numbers = meter_text(&progress->total);
		say(progress, text_format("verify   %s", numbers));
		free(numbers);
	}
}

static void on_resolved(struct progress *progress, const struct ncm_event *event, double now)
{
	char *line = text_format("Looking up models: %llu of %llu", (unsigned long long)event->done,
				 (unsigned long long)event->total);

	if (progress->voice == VOICE_BARS) {
		draw_one_line(progress, line, now, event->done >= event->total);
	} else if (due(&progress->total_told, now, PLAIN_SECONDS)) {
		say(progress, line);
	} else {
		free(line);
	}
}

static void on_progress(struct progress *progress, const struct ncm_event *event, double now)
{
	struct transfer *transfer = find(progress, event, now);

	meter_update(&transfer->meter, event->done, event->total, now);
	if (progress->counting)
		meter_update(&progress->total, fetched_so_far(progress), 0, now);
	if (progress->voice == VOICE_BARS) {
		draw(progress, now);
	} else if (due(&transfer->told, now, PLAIN_SECONDS)) {
		AUTO_FREE char *numbers = meter_text(&transfer->meter);

		say(progress, text_format("fetch    %s  %s", transfer->file, numbers));
	}
}

/* What quiet leaves over: warnings, and what a user must know who waits. */
static void emit_texts(struct progress *progress, const struct ncm_event *event)
{
	switch (event->type) {
	case NCM_EVENT_WARNING:
		on_text(progress, event, "ncmodel: warning: ");
		break;
	case NCM_EVENT_NOTE:
	case NCM_EVENT_WAITING:
		if (!progress->quiet)
			on_text(progress, event, "ncmodel: ");
		break;
	case NCM_EVENT_DEBUG:
		if (progress->verbose)
			on_text(progress, event, "debug    ");
		break;
	case NCM_EVENT_PLACED:
	case NCM_EVENT_REGISTERED:
		if (progress->verbose)
			on_text(progress, event, event->type == NCM_EVENT_PLACED ? "placed   " : "recorded ");
		break;
	default:
		break;
	}
}

static void emit_work(struct progress *progress, const struct ncm_event *event, double now)
{
	switch (event->type) {
	case NCM_EVENT_RESOLVED:
		on_resolved(progress, event, now);
		break;
	case NCM_EVENT_STARTED:
		on_started(progress, event, now);
		break;
	case NCM_EVENT_PROGRESS:
		on_progress(progress, event, now);
		break;
	case NCM_EVENT_RETRY:
		meter_update(&find(progress, event, now)->meter, event->done, event->total, now);
		on_text(progress, event, "retry    ");
		break;
	case NCM_EVENT_FETCHED:
		on_fetched(progress, event, now);
		break;
	case NCM_EVENT_FAILED:
		on_text(progress, event, "failed   ");
		drop(progress, find(progress, event, now));
		break;
	case NCM_EVENT_VERIFIED:
		on_verified(progress, event, now);
		break;
	default:
		emit_texts(progress, event);
		return;
	}
	if (event->type != NCM_EVENT_RESOLVED && event->type != NCM_EVENT_VERIFIED)
		draw(progress, now);
}

static void emit_json(struct progress *progress, const struct ncm_event *event, double now)
{
	struct meter *meter = NULL;

	if (event->type == NCM_EVENT_DEBUG && !progress->verbose)
		return;
	if (event->type == NCM_EVENT_STARTED)
		meter_start(&find(progress, event, now)->meter, event->done, event->total, now);
	if (event->type == NCM_EVENT_PROGRESS) {
		meter = &find(progress, event, now)->meter;
		meter_update(meter, event->done, event->total, now);
	}
	if (event->type == NCM_EVENT_PROGRESS && !due(&find(progress, event, now)->told, now, EVENT_SECONDS))
		return;
	if (event->type == NCM_EVENT_VERIFIED && event->done < event->total &&
	    !due(&progress->total_told, now, EVENT_SECONDS))
		return;
	event_print(event, meter);
	if (event->type == NCM_EVENT_FETCHED || event->type == NCM_EVENT_FAILED)
		drop(progress, find(progress, event, now));
}

static void emit(void *context, const struct ncm_event *event)
{
	struct progress *progress = context;
	const double now = meter_now();

	if (progress->voice == VOICE_EVENTS)
		emit_json(progress, event, now);
	else if (progress->voice == VOICE_NONE)
		emit_texts(progress, event);
	else
		emit_work(progress, event, now);
}

struct progress *progress_new(const struct settings *settings, struct ncm_sink *sink)
{
	struct progress *progress = memory_grow(NULL, 1, sizeof *progress);

	progress->voice = choose_voice(settings);
	progress->quiet = settings->quiet;
	progress->verbose = settings->verbose > 0;
	progress->total_told = meter_now();
	*sink = (struct ncm_sink){emit, progress};
	return progress;
}

void progress_expect(struct progress *progress, size_t files, uint64_t bytes)
{
	if (!progress)
		return;
	progress->files = files;
	progress->counting = true;
	meter_start(&progress->total, 0, bytes, meter_now());
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	if (progress->voice == VOICE_BARS)
		screen_clear(&progress->screen);
	for (size_t i = 0; i < progress->count; i++)
		free(progress->transfers[i].file);
	free(progress->transfers);
	free(progress);
}

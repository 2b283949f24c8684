/* SPDX-License-Identifier: MIT */
#include "ui/progress.h"

#include "ui/screen.h"
#include "ui/style.h"
#include "ui/text.h"
#include "ui/transfers.h"

#include <ncmodel/text.h>

#include <string.h>

#define PLAIN_SECONDS 10.0 /* between two lines about one file */
#define EVENT_SECONDS 0.5  /* between two progress events of one file */

enum {
	WORD_WIDTH = 9, /* of "fetched  " */
};

enum voice {
	VOICE_NONE,
	VOICE_PLAIN,
	VOICE_BARS,
	VOICE_EVENTS,
};

struct progress {
	enum voice voice;
	bool quiet, verbose;
	struct screen screen;
	struct transfers transfers; /* under way */
	size_t files, files_done;
	struct meter total;
	bool counting; /* `total` has been started */
	double total_told;
};

static enum voice choose_voice(const struct progress_manner *manner)
{
	const char *mode = manner->mode ? manner->mode : "auto";
	const char *ci = getenv("CI");
	const bool terminal = style_can_redraw(stderr);

	if (strcmp(mode, "json") == 0)
		return VOICE_EVENTS;
	if (strcmp(mode, "none") == 0 || manner->quiet)
		return VOICE_NONE;
	if (strcmp(mode, "plain") == 0 || !terminal) /* a bar needs a terminal, even when asked for */
		return VOICE_PLAIN;
	return strcmp(mode, "bar") == 0 || !ci || !*ci ? VOICE_BARS : VOICE_PLAIN;
}

/* Takes the line, which must be safe: a word of nine columns, and what it is about. */
static void say(struct progress *progress, char *line)
{
	if (progress->voice == VOICE_BARS) {
		AUTO_FREE char *about = text_wrap(line + strnlen(line, WORD_WIDTH), style_columns(stderr), WORD_WIDTH);
		AUTO_FREE char *wrapped = text_format("%.*s%s", WORD_WIDTH, line, about);

		screen_say(&progress->screen, wrapped);
	} else {
		fprintf(stderr, "%s\n", line);
	}
	free(line);
}

static void draw(struct progress *progress, double now)
{
	AUTO_FREE struct progress_row *rows = NULL;
	AUTO_FREE struct meter *sums = NULL;
	AUTO_FREE char *total = NULL;
	char *lines[SCREEN_LINES];
	size_t count;

	if (progress->voice != VOICE_BARS || !screen_due(&progress->screen, now))
		return;
	rows = memory_grow(NULL, progress->transfers.count + 1, sizeof *rows);
	count = transfers_rows(&progress->transfers, rows, &sums);
	if (progress->counting) {
		total = progress->files ? text_format("Total %zu of %zu files", progress->files_done, progress->files)
					: text_copy("Total");
		rows[count++] = (struct progress_row){"", total, &progress->total};
	}
	count = rows_format(rows, count, style_columns(stderr) - 1, lines, screen_room());
	screen_draw(&progress->screen, lines, count, now);
	for (size_t i = 0; i < count; i++)
		free(lines[i]);
}

/* One row alone. The caller frees it. */
static char *single_row(const char *name, const struct meter *meter)
{
	const struct progress_row row = {"", name, meter};
	char *line = NULL;

	return rows_format(&row, 1, style_columns(stderr) - 1, &line, 1) ? line : text_copy(name);
}

static void draw_one_line(struct progress *progress, char *line, double now, bool last)
{
	if (last)
		screen_clear(&progress->screen);
	else if (screen_due(&progress->screen, now))
		screen_draw(&progress->screen, &line, 1, now);
	free(line);
}

static bool due(double *told, double now, double interval)
{
	if (now - *told < interval)
		return false;
	*told = now;
	return true;
}

/* Once bytes of it come: of what cannot be had the end tells. */
static void announce(struct progress *progress, struct transfer *transfer)
{
	const struct meter *meter = &transfer->meter;
	AUTO_FREE char *label = transfer_label(transfer);
	char size[32];

	if (transfer->announced || transfer->small || progress->voice != VOICE_PLAIN || meter->done == 0)
		return;
	transfer->announced = true;
	say(progress, text_format("%s %s  %s",
				  transfer->sending ? "send    "
				  : meter->start    ? "resume  "
						    : "fetch   ",
				  label, meter->total ? ncm_format_size(meter->total, size, sizeof size) : ""));
}

static void on_started(struct progress *progress, const struct ncm_event *event, double now)
{
	struct transfer *transfer = transfers_find(&progress->transfers, event, now);

	meter_start(&transfer->meter, event->done, event->total, now);
	announce(progress, transfer);
}

/* "12.0 GB in 1m 3s (190 MB/s)"; of what came in no time the size alone. The caller frees it. */
static char *what_came(const struct meter *meter, uint64_t size, double now)
{
	const double seconds = now - meter->began, rate = meter_average(meter, now);
	char size_text[32], rate_text[32], time_text[32];

	ncm_format_size(size, size_text, sizeof size_text);
	if (seconds < 1 || rate <= 0)
		return text_copy(size_text);
	return text_format("%s in %s (%s/s)", size_text, ncm_format_duration(seconds, time_text, sizeof time_text),
			   ncm_format_size((uint64_t)rate, rate_text, sizeof rate_text));
}

static void on_fetched(struct progress *progress, const struct ncm_event *event, double now)
{
	struct transfer *transfer = transfers_find(&progress->transfers, event, now);

	if (event->done > transfer->meter.done)
		meter_update(&transfer->meter, event->done, event->total, now);
	progress->files_done += !transfer->sending;
	if (transfer->small) {
		naming_add_small(progress->transfers.naming, event);
	} else {
		AUTO_FREE char *label = transfer_label(transfer);
		AUTO_FREE char *came = what_came(&transfer->meter, event->total ? event->total : event->done, now);

		say(progress, text_format("%s  %s  %s", transfer->sending ? "sent   " : "fetched", label, came));
	}
	transfers_drop(&progress->transfers, transfer);
}

/* Why is told at the end, once, with what to do about it. While nothing has come there is nothing that goes on. */
static void on_failed(struct progress *progress, const struct ncm_event *event, double now)
{
	struct transfer *transfer = transfers_find(&progress->transfers, event, now);
	AUTO_FREE char *label = transfer_label(transfer);

	if (transfers_fetched(&progress->transfers) > 0)
		say(progress, text_format("failed   %s", label));
	transfers_drop(&progress->transfers, transfer);
}

/* A model's, or of all models. */
static void tell_small(struct progress *progress, const char *model)
{
	char *line;

	while ((line = naming_take_small(progress->transfers.naming, model))) {
		if (progress->voice == VOICE_PLAIN || progress->voice == VOICE_BARS)
			say(progress, text_format("fetched  %s", line));
		free(line);
	}
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
		draw_one_line(progress, single_row("Verifying", &progress->total), now, event->done >= event->total);
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
	struct transfer *transfer = transfers_find(&progress->transfers, event, now);

	meter_update(&transfer->meter, event->done, event->total, now);
	if (progress->counting)
		meter_update(&progress->total, transfers_fetched(&progress->transfers), 0, now);
	if (progress->voice == VOICE_BARS) {
		draw(progress, now);
	} else if (due(&transfer->told, now, PLAIN_SECONDS)) {
		AUTO_FREE char *numbers = meter_text(&transfer->meter);
		AUTO_FREE char *label = transfer_label(transfer);

		transfer->announced = true;
		say(progress, text_format("%s    %s  %s", transfer->sending ? "send " : "fetch", label, numbers));
	} else {
		announce(progress, transfer);
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
		meter_update(&transfers_find(&progress->transfers, event, now)->meter, event->done, event->total, now);
		on_text(progress, event, "retry    ");
		break;
	case NCM_EVENT_FETCHED:
	case NCM_EVENT_SENT:
		on_fetched(progress, event, now);
		break;
	case NCM_EVENT_FAILED:
		on_failed(progress, event, now);
		break;
	case NCM_EVENT_VERIFIED:
		on_verified(progress, event, now);
		break;
	case NCM_EVENT_REGISTERED:
		tell_small(progress, event->model);
		emit_texts(progress, event);
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
		meter_start(&transfers_find(&progress->transfers, event, now)->meter, event->done, event->total, now);
	if (event->type == NCM_EVENT_PROGRESS) {
		struct transfer *transfer = transfers_find(&progress->transfers, event, now);

		meter = &transfer->meter;
		meter_update(meter, event->done, event->total, now);
		if (!due(&transfer->told, now, EVENT_SECONDS))
			return;
	}
	if (event->type == NCM_EVENT_VERIFIED && event->done < event->total &&
	    !due(&progress->total_told, now, EVENT_SECONDS))
		return;
	event_print(event, meter);
	if (event->type == NCM_EVENT_FETCHED || event->type == NCM_EVENT_SENT || event->type == NCM_EVENT_FAILED)
		transfers_drop(&progress->transfers, transfers_find(&progress->transfers, event, now));
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

struct progress *progress_new(const struct progress_manner *manner, struct ncm_sink *sink)
{
	struct progress *progress = memory_grow(NULL, 1, sizeof *progress);

	progress->voice = choose_voice(manner);
	progress->quiet = manner->quiet;
	progress->verbose = manner->verbose;
	progress->total_told = meter_now();
	progress->transfers = (struct transfers){.naming = naming_new(), .each = manner->verbose};
	*sink = (struct ncm_sink){emit, progress};
	return progress;
}

void progress_expect(struct progress *progress, const struct ncm_plan *plan)
{
	if (!progress)
		return;
	progress->files = plan->files_to_get;
	progress->counting = true;
	meter_start(&progress->total, 0, plan->to_get, meter_now());
	naming_expect(progress->transfers.naming, plan);
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	tell_small(progress, NULL);
	if (progress->voice == VOICE_BARS)
		screen_clear(&progress->screen);
	transfers_free(&progress->transfers);
	free(progress);
}

/* SPDX-License-Identifier: MIT */
#include "drift/drift.h"

#include "base/mem.h"
#include "base/thread.h"

#include <string.h>

const char *ncm_drift_state_name(enum ncm_drift_state state)
{
	static const char *const names[] = {
	    [NCM_DRIFT_SAME] = "same",       [NCM_DRIFT_NEW] = "new",           [NCM_DRIFT_MOVED] = "moved",
	    [NCM_DRIFT_GONE] = "gone",       [NCM_DRIFT_UNPINNED] = "unpinned", [NCM_DRIFT_EXTRA] = "extra",
	    [NCM_DRIFT_CHANGED] = "changed", [NCM_DRIFT_MISSING] = "missing",   [NCM_DRIFT_PINNED] = "pinned",
	    [NCM_DRIFT_UNKNOWN] = "unknown",
	};

	return names[state];
}

static void entry_clear(struct ncm_drift_entry *entry)
{
	for (size_t i = 0; i < entry->file_count; i++)
		free(entry->files[i].name);
	free(entry->files);
	free(entry->model);
	free(entry->uri);
	free(entry->revision_before);
	free(entry->revision_after);
	free(entry->detail);
	free(entry->to);
	ncm_error_clear(&entry->error);
}

void ncm_drift_free(struct ncm_drift *drift)
{
	if (!drift)
		return;
	for (size_t i = 0; i < drift->count; i++)
		entry_clear(&drift->entries[i]);
	free(drift->entries);
	free(drift);
}

struct ncm_drift_entry *drift_add(struct ncm_drift *drift, const char *model, const char *uri)
{
	struct ncm_drift_entry *entry = NCM_PUSH(drift->entries, drift->count);

	entry->model = ncm_strdup_null(model);
	entry->uri = ncm_strdup_null(uri);
	entry->state = NCM_DRIFT_UNKNOWN;
	return entry;
}

struct ncm_drift *drift_new(const struct run *run)
{
	struct ncm_drift *drift = ncm_calloc(1, sizeof *drift);

	for (size_t i = 0; i < run->wanted_count; i++)
		drift_add(drift, model_id(run, &run->wanted[i]), run->wanted[i].spec->from.items[0]);
	return drift;
}

void drift_say(struct ncm_drift_entry *entry, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = ncm_vasprintf(format, args);
	va_end(args);
	free(entry->detail);
	entry->detail = text;
}

void drift_fail(struct ncm_drift_entry *entry, struct ncm_error *why)
{
	entry->state = why->code == NCM_E_NOT_FOUND ? NCM_DRIFT_GONE : NCM_DRIFT_UNKNOWN;
	drift_say(entry, "%s", why->message);
	ncm_error_move(&entry->error, why);
}

void drift_fail_asking(struct ncm_drift_entry *entry, struct ncm_error *why)
{
	drift_fail(entry, why);
	ncm_error_wrap(&entry->error, "%s", entry->model);
}

void drift_count(struct ncm_drift *drift, bool extra)
{
	drift->same = drift->differing = drift->unknown = 0;
	for (size_t i = 0; i < drift->count; i++) {
		switch (drift->entries[i].state) {
		case NCM_DRIFT_SAME:
		case NCM_DRIFT_PINNED:
			drift->same++;
			break;
		case NCM_DRIFT_UNKNOWN:
			drift->unknown++;
			break;
		case NCM_DRIFT_EXTRA:
			drift->differing += extra;
			break;
		default:
			drift->differing++;
		}
	}
}

struct asking {
	struct run *run;
	struct ncm_drift *drift;
	const bool *asked;
	drift_look *look;
	const void *context;
};

static void ask_one(void *context, size_t index)
{
	const struct asking *asking = context;
	struct run *run = asking->run;

	if (!asking->asked[index] || ncm_interrupted())
		return;
	asking->look(run, index, &asking->drift->entries[index], asking->context);
	wanted_tell(run, &run->wanted[index]);
}

int drift_ask(struct run *run, struct ncm_drift *drift, const bool *asked, drift_look *look, const void *context,
	      struct ncm_error *err)
{
	struct asking asking = {run, drift, asked, look, context};

	run->resolved = run->to_resolve = 0;
	for (size_t i = 0; i < run->wanted_count; i++)
		run->to_resolve += asked[i];
	if (run->to_resolve > 0)
		ncm_parallel(RESOLVE_THREADS, run->wanted_count, ask_one, &asking);
	return ncm_interrupted() ? ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted; nothing was changed") : 0;
}

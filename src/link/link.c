/* SPDX-License-Identifier: MIT */
#include "link/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"
#include "registry/moving.h"

#include <ncmodel/log.h>
#include <string.h>

const char *ncm_link_state_name(enum ncm_link_state state)
{
	static const char *const names[] = {
	    [NCM_LINK_KEPT] = "kept",       [NCM_LINK_LINKED] = "linked",     [NCM_LINK_TO_LINK] = "to-link",
	    [NCM_LINK_REFLINK] = "reflink", [NCM_LINK_HARDLINK] = "hardlink", [NCM_LINK_COPIED] = "copied",
	    [NCM_LINK_SKIPPED] = "skipped", [NCM_LINK_FAILED] = "failed",
	};

	return names[state];
}

static int interrupted(const struct work *work, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted%s",
		      work->options->dry_run ? "" : "; what was done until then stays done");
	return ncm_error_hint(err, "run the same command again for the rest");
}

/* Locks are for what will be written to: not for files that share their bytes already. */
static void mark_places(struct work *work)
{
	for (size_t i = 0; i < work->group_count; i++) {
		const struct group *group = &work->groups[i];
		bool differ = work->options->unlink;

		for (size_t k = 1; k < group->count; k++)
			differ = differ || group->files[k]->twin != group->files[0]->twin;
		for (size_t k = 0; k < group->count && differ; k++) {
			for (size_t n = 0; n < group->files[k]->name_count; n++)
				work->places[group->files[k]->names[n].place].needed = true;
		}
	}
}

static int look(struct work *work, struct ncm_error *err)
{
	if (places_find(work, err) < 0)
		return -1;
	if (!work->options->dry_run)
		places_clear(work);
	files_find(work);
	claims_take(work);
	if (work->options->unlink)
		groups_of_names(work);
	else
		groups_of_equals(work);
	return ncm_interrupted() ? interrupted(work, err) : 0;
}

static bool was_done(enum ncm_link_state state)
{
	return state == NCM_LINK_REFLINK || state == NCM_LINK_HARDLINK || state == NCM_LINK_COPIED;
}

static void add_deed_files(const struct work *work, const struct file *file, struct ncm_deed_file **files,
			   size_t *count)
{
	for (size_t i = 0; i < file->name_count; i++) {
		const struct name *name = &file->names[i];

		*NCM_PUSH(*files, *count) = (struct ncm_deed_file){.path = name->path,
								   .store = work->places[name->place].store->id,
								   .how = (char *)ncm_link_state_name(name->state),
								   .size = file->status.size,
								   .sha256 = file->sha256};
	}
}

/* What became of a group, if anything of it was changed. */
static void tell_group(const struct work *work, const struct group *group)
{
	struct ncm_deed deed = {.action = work->options->unlink ? "unlinked" : "linked"};
	NCM_AUTO_FREE struct ncm_deed_file *files = NULL;
	bool changed = false;

	for (size_t i = 0; i < group->count; i++) {
		add_deed_files(work, group->files[i], &files, &deed.file_count);
		for (size_t k = 0; k < group->files[i]->name_count; k++)
			changed = changed || was_done(group->files[i]->names[k].state);
	}
	deed.files = files;
	if (changed)
		ncm_emit_deed(work->sink, &deed);
}

static int act(struct work *work, struct ncm_error *err)
{
	int failed = 0;

	if (!work->options->dry_run) {
		mark_places(work);
		if (places_lock(work, err) < 0)
			return -1;
	}
	if (work->options->unlink)
		failed = groups_part(work, err);
	for (size_t i = 0; i < work->group_count && !work->options->unlink && !ncm_interrupted(); i++)
		group_join(work, &work->groups[i]);
	for (size_t i = 0; i < work->group_count; i++)
		tell_group(work, &work->groups[i]);
	/* Without it models.json claims nothing wrong: files with another mtime are hashed again. */
	if (claims_save(work, failed ? NULL : err) < 0)
		return -1;
	return !failed && ncm_interrupted() ? interrupted(work, err) : failed;
}

static int run(struct work *work, struct ncm_error *err)
{
	work->layout = moving_layout(work->config, err);
	if (!work->layout)
		return -1;
	work->registry = ncm_registry_load(work->config, err);
	if (!work->registry || look(work, err) < 0)
		return -1;
	return act(work, err);
}

static void work_free(struct work *work)
{
	groups_free(work);
	files_free(work);
	places_free(work);
	free(work->touches);
	ncm_registry_free(work->registry);
	ncm_layout_free(work->layout);
}

/* Or would be, in a dry run. */
static bool is_done(const struct ncm_link_options *options, enum ncm_link_state state)
{
	switch (state) {
	case NCM_LINK_TO_LINK:
	case NCM_LINK_REFLINK:
	case NCM_LINK_HARDLINK:
	case NCM_LINK_COPIED:
		return true;
	case NCM_LINK_LINKED:
		return options->unlink && options->dry_run;
	default:
		return false;
	}
}

static void describe_name(const struct work *work, struct name *name, struct ncm_link_report *report,
			  struct ncm_link_file *out)
{
	out->path = ncm_strdup(name->path);
	out->store = ncm_strdup_null(work->places[name->place].store->id);
	out->state = name->state;
	out->detail = name->detail;
	name->detail = NULL;
	report->failed += name->state == NCM_LINK_FAILED;
	report->linked += is_done(work->options, name->state);
}

static void describe_group(const struct work *work, const struct group *group, struct ncm_link_report *report)
{
	struct ncm_link_group *out = NCM_PUSH(report->groups, report->count);

	out->size = group->files[0]->status.size;
	out->sha256 = group->files[0]->sha256;
	out->gain = group->gain;
	report->gain += group->gain;
	for (size_t i = 0; i < group->count; i++) {
		struct file *file = group->files[i];

		for (size_t k = 0; k < file->name_count; k++)
			describe_name(work, &file->names[k], report, NCM_PUSH(out->files, out->file_count));
	}
}

static int by_gain(const void *a, const void *b)
{
	const struct ncm_link_group *x = a, *y = b;

	if (x->gain != y->gain)
		return x->gain > y->gain ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->files[0].path, y->files[0].path);
}

static struct ncm_link_report *make_report(struct work *work)
{
	struct ncm_link_report *report = ncm_calloc(1, sizeof *report);

	for (size_t i = 0; i < work->group_count; i++)
		describe_group(work, &work->groups[i], report);
	if (report->count > 1)
		qsort(report->groups, report->count, sizeof *report->groups, by_gain);
	report->hashed = work->hashed;
	report->unread = work->unread;
	report->unread_count = work->unread_count;
	work->unread = NULL;
	work->unread_count = 0;
	return report;
}

struct ncm_link_report *ncm_link(const struct ncm_config *config, const struct ncm_link_options *options,
				 const struct ncm_sink *sink, struct ncm_error *err)
{
	const double started = ncm_monotonic();
	struct work work = {.config = config, .options = options, .sink = sink};
	struct ncm_link_report *report = NULL;

	if (run(&work, err) == 0) {
		report = make_report(&work);
		report->seconds = ncm_monotonic() - started;
	}
	work_free(&work);
	return report;
}

void ncm_link_free(struct ncm_link_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->count; i++) {
		struct ncm_link_group *group = &report->groups[i];

		for (size_t k = 0; k < group->file_count; k++) {
			free(group->files[k].path);
			free(group->files[k].store);
			free(group->files[k].detail);
		}
		free(group->files);
	}
	free(report->groups);
	ncm_unread_free(report->unread, report->unread_count);
	free(report);
}

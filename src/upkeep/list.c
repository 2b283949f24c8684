/* SPDX-License-Identifier: MIT */
/* The list of what goes and what is kept, and how much that gives back. */
#include "upkeep/tally.h"
#include "upkeep/upkeep.h"

#include "base/mem.h"
#include "base/strings.h"
#include "os/os.h"
#include "store/walk.h"

#include <limits.h>
#include <stdarg.h>

const char *ncm_removal_kind_name(enum ncm_removal_kind kind)
{
	static const char *const names[] = {
	    [NCM_REMOVAL_MANIFEST] = "manifest", [NCM_REMOVAL_LINK] = "link",
	    [NCM_REMOVAL_FILE] = "file",         [NCM_REMOVAL_BLOB] = "blob",
	    [NCM_REMOVAL_PARTIAL] = "partial",   [NCM_REMOVAL_INCOMPLETE] = "incomplete",
	    [NCM_REMOVAL_LEFTOVER] = "leftover", [NCM_REMOVAL_CHECKPOINTS] = "checkpoints",
	    [NCM_REMOVAL_NOTE] = "note",         [NCM_REMOVAL_REPLACED] = "replaced",
	};

	return names[kind];
}

const char *ncm_removal_state_name(enum ncm_removal_state state)
{
	static const char *const names[] = {
	    [NCM_REMOVAL_GOES] = "goes",
	    [NCM_REMOVAL_KEPT] = "kept",
	    [NCM_REMOVAL_REMOVED] = "removed",
	    [NCM_REMOVAL_FAILED] = "failed",
	};

	return names[state];
}

/* What a link leads to: the file if it is there, else what the link says. The caller frees it. */
static char *leads_to(const char *link)
{
	char *real = os_real_path(link);
	char text[PATH_MAX];
	const ssize_t size = real ? 0 : os_readlink(OS_HERE, link, text, sizeof text - 1);

	return real ? real : size > 0 ? ncm_strndup(text, (size_t)size) : NULL;
}

struct ncm_removal_file *upkeep_list(struct upkeep *upkeep, const struct candidate *candidate, struct target *target,
				     char *why)
{
	struct ncm_removal *removal = upkeep->removal;
	struct ncm_removal_file *file;

	json_object_set_new_nocheck(upkeep->listed, candidate->path, json_true());
	/* Two arrays of one length: both grow before either counts. */
	ncm_grow((void **)&upkeep->targets, removal->count, sizeof *upkeep->targets);
	upkeep->targets[removal->count] = *target;
	file = NCM_PUSH(removal->files, removal->count);
	*file = (struct ncm_removal_file){
	    .kind = candidate->kind,
	    .state = why ? NCM_REMOVAL_KEPT : NCM_REMOVAL_GOES,
	    .path = ncm_strdup(candidate->path),
	    .model = ncm_strdup_null(candidate->model),
	    .store = target->store == NOWHERE ? NULL : ncm_strdup(upkeep->layout->stores[target->store].id),
	    .foreign = candidate->foreign,
	    .adopted = candidate->adopted,
	    .lost = candidate->lost,
	    .target = target->seen.kind == OS_IS_LINK ? leads_to(candidate->path) : NULL,
	    .real = upkeep_real_path(upkeep, target),
	    .size = target->seen.kind == OS_IS_FILE ? target->seen.size : 0,
	    .why = why,
	};
	return file;
}

void upkeep_list_waiting(struct upkeep *upkeep, enum ncm_removal_kind kind, const struct os_stat *seen, time_t until)
{
	struct ncm_waiting *waiting = &upkeep->removal->waiting;
	const uint64_t bytes = seen->kind == OS_IS_FILE && seen->links == 1 ? tally_blocks(seen) : 0;

	if (waiting->count == 0 || until < waiting->first)
		waiting->first = until;
	if (until > waiting->last)
		waiting->last = until;
	waiting->count++;
	waiting->bytes += bytes;
	waiting->blobs += kind == NCM_REMOVAL_BLOB ? bytes : 0;
}

void upkeep_warn(struct upkeep *upkeep, const char *format, ...)
{
	NCM_AUTO_FREE char *text = NULL;
	va_list args;

	va_start(args, format);
	text = ncm_vasprintf(format, args);
	va_end(args);
	ncm_strings_add(&upkeep->removal->warnings, text);
}

void upkeep_undone(const struct upkeep *upkeep, const char *format, ...)
{
	NCM_AUTO_FREE char *text = NULL;
	va_list args;

	va_start(args, format);
	text = ncm_vasprintf(format, args);
	va_end(args);
	ncm_strings_add_new(&upkeep->removal->undone, text);
}

struct tree {
	uint64_t size, freed;
};

static void add_to_tree(void *context, const struct ncm_walk_entry *entry)
{
	struct tree *tree = context;

	if (entry->status->kind != OS_IS_FILE)
		return;
	tree->size += entry->status->size;
	if (entry->status->links == 1)
		tree->freed += tally_blocks(entry->status);
}

/* Whether a name of the file at this path goes. */
static bool is_going(const char *path, const json_t *names)
{
	struct os_stat status;
	NCM_AUTO_FREE char *key = os_stat(OS_HERE, path, &status) == 0 ? upkeep_inode_key(&status) : NULL;

	return key && json_object_get(names, key);
}

/* How many names of each inode go. */
static json_t *count_names(const struct upkeep *upkeep)
{
	json_t *names = json_object();

	for (size_t i = 0; i < upkeep->removal->count; i++) {
		NCM_AUTO_FREE char *key = upkeep_inode_key(&upkeep->targets[i].seen);

		if (upkeep->removal->files[i].state == NCM_REMOVAL_GOES)
			json_object_set_new(names, key,
					    json_integer(json_integer_value(json_object_get(names, key)) + 1));
	}
	return names;
}

/* A file's bytes come back with the last of its names: the first of them on the list stands for that. */
static void count_file(struct upkeep *upkeep, size_t index, json_t *names)
{
	struct ncm_removal_file *file = &upkeep->removal->files[index];
	const struct target *target = &upkeep->targets[index];
	NCM_AUTO_FREE char *key = upkeep_inode_key(&target->seen);
	const uint64_t going = (uint64_t)json_integer_value(json_object_get(names, key));
	struct tree tree = {0, 0};

	if (file->target && is_going(file->target, names)) {
		free(file->target);
		file->target = NULL;
	}
	if (target->seen.kind == OS_IS_FOLDER && target->store != NOWHERE) {
		(void)upkeep_walk(upkeep, target->store, target->relative, true, add_to_tree, &tree);
		file->size = tree.size;
		file->freed = tree.freed;
	} else if (target->seen.kind == OS_IS_FILE && going > 0 && going < target->seen.links) {
		file->why = ncm_strdup("its bytes stay: they have another name");
	} else if (target->seen.kind == OS_IS_FILE && going > 0) {
		file->freed = tally_blocks(&target->seen);
		json_object_set_new(names, key, json_integer(0));
	}
}

void upkeep_count(struct upkeep *upkeep)
{
	struct ncm_removal *removal = upkeep->removal;
	json_t *names = count_names(upkeep);

	for (size_t i = 0; i < removal->count; i++) {
		if (removal->files[i].state == NCM_REMOVAL_GOES)
			count_file(upkeep, i, names);
	}
	json_decref(names);
	upkeep_sum(removal);
}

void upkeep_sum(struct ncm_removal *removal)
{
	removal->freed = 0;
	removal->going = removal->removed = removal->kept = removal->failed = removal->foreign = 0;
	for (size_t i = 0; i < removal->count; i++) {
		const struct ncm_removal_file *file = &removal->files[i];
		const bool goes = file->state == NCM_REMOVAL_GOES || file->state == NCM_REMOVAL_REMOVED;

		removal->going += file->state == NCM_REMOVAL_GOES;
		removal->removed += file->state == NCM_REMOVAL_REMOVED;
		removal->kept += file->state == NCM_REMOVAL_KEPT;
		removal->failed += file->state == NCM_REMOVAL_FAILED;
		removal->foreign += goes && file->foreign;
		removal->freed += file->freed;
	}
}

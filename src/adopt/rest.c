/* SPDX-License-Identifier: MIT */
/* What is registered already, and what nothing pins. */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <string.h>

bool found_is_read(const struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		if (!found->files[i].has_sha256)
			return false;
	}
	return true;
}

/* Every digest that was recorded is that of the file still. Older scripts recorded none. */
static bool has_recorded_bytes(const struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		const struct ncm_reg_file *recorded = registry_file_at(found->registered, found->files[i].path);

		if (recorded && !ncm_sha256_is_zero(&recorded->sha256) &&
		    !ncm_sha256_equal(&recorded->sha256, &found->files[i].sha256))
			return false;
	}
	return true;
}

/* A file of the entry as it was recorded. */
static void keep_file(struct ncm_reg_model *entry, const struct ncm_reg_file *recorded)
{
	registry_file_copy(NCM_PUSH(entry->files, entry->file_count), recorded);
}

static bool is_same_file(const struct ncm_reg_file *file, const struct ncm_reg_file *old)
{
	return file != old && ncm_same_text(file->store, old->store) && ncm_sha256_equal(&file->sha256, &old->sha256) &&
	       strcmp(ncm_path_base(file->abs), ncm_path_base(old->abs)) == 0;
}

/* What was pulled to a store's new folder before it was found there: the entry has the same file at its old place, too.
 */
static bool is_double(const struct adopt *adopt, const struct ncm_reg_model *entry, const struct ncm_reg_file *old)
{
	if (ncm_sha256_is_zero(&old->sha256) || !ncm_layout_moved(adopt->layout, old->abs, old->store) ||
	    !adopt_is_gone(old))
		return false;
	for (size_t i = 0; i < entry->file_count; i++) {
		if (is_same_file(&entry->files[i], old) && !adopt_is_gone(&entry->files[i]))
			return true;
	}
	return false;
}

/* The file of the new folder is the old one, which came as was recorded first. */
static void take_history(struct ncm_reg_model *entry, const struct ncm_reg_file *old)
{
	for (size_t i = 0; i < entry->file_count; i++) {
		struct ncm_reg_file *file = &entry->files[i];

		if (!is_same_file(file, old) || file->origin != NCM_ORIGIN_ADOPTED)
			continue;
		file->origin = old->origin;
		free(file->source);
		free(file->revision);
		file->source = ncm_strdup_null(old->source);
		file->revision = ncm_strdup_null(old->revision);
	}
}

static void remember_doubles(const struct adopt *adopt, const struct ncm_reg_model *old, struct ncm_reg_model *entry)
{
	for (size_t i = 0; i < old->file_count; i++) {
		if (is_double(adopt, old, &old->files[i]))
			take_history(entry, &old->files[i]);
	}
}

/* Whether it is to be brought up to date in the entry that it has. */
static bool keeps_entry(const struct found *found, const struct ncm_reg_model *entry)
{
	return found->registered == entry && !found->known && !found->taken && !found->refused &&
	       found_is_read(found) && has_recorded_bytes(found);
}

/* *of: the model that it was found in. */
static const struct found_file *found_file(const struct adopt *adopt, const struct ncm_reg_model *entry,
					   const struct ncm_reg_file *recorded, const struct found **of)
{
	for (size_t i = 0; i < adopt->found_count; i++) {
		const struct found *found = &adopt->found[i];

		for (size_t k = 0; keeps_entry(found, entry) && k < found->file_count; k++) {
			if (found->files[k].record == recorded || strcmp(found->files[k].path, recorded->abs) == 0) {
				*of = found;
				return &found->files[k];
			}
		}
	}
	return NULL;
}

/* A shard or a file of the repository that came later. A manifest's model has what the manifest says, and no more. */
static void add_later_files(struct adopt *adopt, const struct ncm_reg_model *old, struct ncm_reg_model *entry)
{
	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];

		if (!keeps_entry(found, old))
			continue;
		for (size_t k = 0; k < found->file_count && !old->profile; k++)
			entry_add_found(entry, found, &found->files[k], NULL);
		found->taken = true;
	}
}

static void keep_entry(struct adopt *adopt, const struct ncm_reg_model *old, const char *known_by)
{
	struct ncm_reg_model entry;
	bool moved = false;

	registry_model_copy(&entry, old);
	for (size_t i = 0; i < old->file_count; i++) {
		const struct found *of;
		const struct found_file *file = found_file(adopt, old, &old->files[i], &of);

		if (file)
			entry_add_found(&entry, of, file, old->files[i].role);
		else if (!is_double(adopt, old, &old->files[i]))
			keep_file(&entry, &old->files[i]);
		moved = moved || (file && file->moved);
	}
	remember_doubles(adopt, old, &entry);
	add_later_files(adopt, old, &entry);
	if (moved) {
		free(entry.store);
		entry.store = ncm_strdup_null(entry.files[0].store);
	}
	adopt_put(adopt, &entry, NCM_ADOPT_CHANGED, known_by, NULL);
}

/* Whether it has weights that the entry of a manifest's model does not name, and nothing of that entry has changed. */
static bool is_more_than_registered(const struct found *found)
{
	bool more = false;

	for (size_t i = 0; i < found->file_count; i++) {
		const struct found_file *file = &found->files[i];
		const struct ncm_reg_file *recorded = registry_file_at(found->registered, file->path);

		more = more || (!recorded && !file->record && strcmp(file->role, "weights") == 0);
		if (recorded && recorded->mtime_ns != file->mtime_ns)
			return false;
	}
	return more && found->registered->profile;
}

/* Once for each entry, however many of the models found are its. */
static void tell_known(struct adopt *adopt, const struct found *found)
{
	const struct ncm_reg_model *old = found->registered;
	struct ncm_reg_model entry;

	for (size_t i = 0; i < adopt->adoption->count; i++) {
		const struct ncm_adoption_model *model = &adopt->adoption->models[i];

		if (model->verdict != NCM_ADOPT_REFUSED && strcmp(model->entry.id, old->id) == 0)
			return;
	}
	registry_model_copy(&entry, old);
	for (size_t i = 0; i < old->file_count; i++) {
		if (!is_double(adopt, old, &old->files[i]))
			keep_file(&entry, &old->files[i]);
	}
	remember_doubles(adopt, old, &entry);
	adopt_put(adopt, &entry, entry.file_count < old->file_count ? NCM_ADOPT_CHANGED : NCM_ADOPT_KNOWN,
		  found->seen->known_by, NULL);
}

/* What of it is not registered is a model of its own. */
static void split_off(struct adopt *adopt, struct found *found)
{
	struct ncm_reg_model entry;

	origin_describe(found, &entry);
	for (size_t i = 0; i < found->file_count; i++) {
		if (!registry_file_at(found->registered, found->files[i].path))
			entry_add_found(&entry, found, &found->files[i], NULL);
	}
	found->taken = true;
	adopt_put(adopt, &entry, NCM_ADOPT_NEW, found->seen->known_by, NULL);
	tell_known(adopt, found);
}

void adopt_registered(struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];

		if (!found->registered || !keeps_entry(found, found->registered))
			continue;
		if (is_more_than_registered(found))
			split_off(adopt, found);
		else
			keep_entry(adopt, found->registered, found->seen->known_by);
	}
}

static void take_source(struct adopt *adopt, const struct found *found, struct ncm_reg_model *entry)
{
	const struct ncm_reg_model *seen = &found->seen->entry;

	if (found->seen->form != NCM_SURVEY_TAG || !seen->source || !seen->revision)
		return;
	free(entry->source);
	entry->source = ncm_asprintf("%s@%s", seen->source, seen->revision);
	adopt_pin_ollama(adopt, found, seen->source, "upstream");
}

/* Other bytes than were recorded: the entry keeps all else that it says, and its other files. */
static void take_again(struct adopt *adopt, struct found *found)
{
	const struct ncm_reg_model *old = found->registered;
	struct ncm_reg_model entry;

	registry_model_copy(&entry, old);
	for (size_t i = 0; i < found->file_count; i++) {
		const struct ncm_reg_file *recorded = registry_file_at(old, found->files[i].path);

		entry_add_found(&entry, found, &found->files[i], recorded ? recorded->role : NULL);
	}
	for (size_t i = 0; i < old->file_count; i++) {
		if (!registry_file_at(&entry, old->files[i].abs))
			keep_file(&entry, &old->files[i]);
	}
	free(entry.trust);
	entry.trust = ncm_strdup(found_is_told(found) ? "upstream" : "first-use");
	take_source(adopt, found, &entry);
	found->taken = true;
	adopt_put(adopt, &entry, NCM_ADOPT_CHANGED, found->seen->known_by, NULL);
}

/* What is found may say whose it is, and prove nothing. Freed with the adoption. */
static char *guess_of(const struct found *found)
{
	return found->seen->guess ? ncm_asprintf("by its folder %s; nothing tells for certain", found->seen->guess)
				  : NULL;
}

static void take(struct adopt *adopt, struct found *found)
{
	const struct identity *identity = found->file_count == 1 ? found->files[0].identity : NULL;
	struct ncm_reg_model entry;

	origin_describe(found, &entry);
	for (size_t i = 0; i < found->file_count; i++)
		entry_add_found(&entry, found, &found->files[i], NULL);
	free(entry.store);
	entry.store = ncm_strdup_null(found->files[0].store);
	if (!identity)
		entry.trust = ncm_strdup(found_is_told(found) ? "upstream" : "first-use");
	take_source(adopt, found, &entry);
	found->taken = true;
	adopt_put(adopt, &entry, NCM_ADOPT_NEW,
		  identity && identity->known_by ? identity->known_by : found->seen->known_by, guess_of(found));
}

void adopt_rest(struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];

		if (found->known && !found->taken)
			tell_known(adopt, found);
		else if (!found->taken && !found->refused && found_doubt(found))
			adopt_refuse(adopt, found, ncm_strdup(found_doubt(found)));
		else if (!found->taken && !found->refused && found_is_read(found))
			(found->registered ? take_again : take)(adopt, found);
	}
}

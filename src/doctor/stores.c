/* SPDX-License-Identifier: MIT */
/* Whether the stores can be written, and what their disks are like. */
#include "doctor/doctor.h"

#include "base/ability.h"
#include "base/escape.h"
#include "base/mem.h"
#include "manifest/load.h"
#include "store/store.h"

#include <ncmodel/text.h>

static bool is_wanted(const struct ncm_catalog *catalog, const char *store)
{
	for (size_t i = 0; catalog && i < catalog->count; i++) {
		if (manifest_goes_to(&catalog->models[i], store))
			return true;
	}
	return false;
}

/* Of an application that is not installed, and that no model of the profile is for, nobody said anything. */
static bool is_of_note(const struct examination *exam, const struct ncm_store_info *store)
{
	return store->there || store->models > 0 || store->why != NCM_PLACED_BY_LAYOUT ||
	       is_wanted(exam->catalog, store->id);
}

static void look_at_store(struct examination *exam, const struct ncm_store_info *store)
{
	NCM_AUTO_FREE char *open = store->open_to_all ? ncm_shell_word(store->open_to_all) : NULL;

	if (store->barrier) {
		doctor_find(exam, NCM_FINDING_BAD, store->id, "%s: %s", store->path, store->barrier);
		doctor_remedy(exam, "%s, or say where it shall be: --store-path %s=PATH",
			      ncm_is_read_only(store->path) ? "mount that disk for writing"
							    : "run ncmodel as the user whose it is",
			      store->id);
	} else {
		doctor_find(exam, NCM_FINDING_GOOD, store->id, "%s can be %s", store->path,
			    store->there ? "written" : "made");
	}
	if (open) {
		doctor_find(exam, NCM_FINDING_BAD, store->id,
			    "everybody may write to %s, and so replace what lies here", store->open_to_all);
		doctor_remedy(exam, "chmod o-w %s", open);
	}
}

void doctor_stores(struct examination *exam)
{
	for (size_t i = 0; exam->stores && i < exam->stores->count; i++) {
		if (is_of_note(exam, &exam->stores->stores[i]))
			look_at_store(exam, &exam->stores->stores[i]);
	}
}

static void look_at_room(struct examination *exam, const struct ncm_store_info *store, const struct ncm_space *space)
{
	char left[32], kept[32];

	if (!space->known) {
		doctor_find(exam, NCM_FINDING_UNKNOWN, store->path, "the file system does not tell its room");
		doctor_remedy(exam,
			      "a pull goes on until it is full, and then resumes: look at the room in another way");
		return;
	}
	ncm_format_size(space->free, left, sizeof left);
	if (space->free >= exam->config->reserve) {
		doctor_find(exam, NCM_FINDING_GOOD, store->path, "%s free", left);
		return;
	}
	doctor_find(exam, NCM_FINDING_BAD, store->path, "%s free, and %s are to stay so: a pull is refused", left,
		    ncm_format_size(exam->config->reserve, kept, sizeof kept));
	doctor_remedy(exam, "`ncmodel df` shows where the space went, `ncmodel gc` gives back what nothing uses");
}

static void look_at_abilities(struct examination *exam, const struct ncm_store_info *store)
{
	NCM_AUTO_FREE char *lacks = store->writable ? ncm_lacks_text(ncm_lacks_at(store->path)) : NULL;

	if (lacks)
		doctor_find(exam, NCM_FINDING_NOTE, store->path, "its file system %s", lacks);
	if (ncm_is_read_only(store->path)) {
		doctor_find(exam, NCM_FINDING_BAD, store->path, "its file system is mounted read-only");
		doctor_remedy(exam, "mount it for writing, or say where the store shall be: --store-path %s=PATH",
			      store->id);
	}
}

static bool is_new(uint64_t **devices, size_t *count, uint64_t device)
{
	for (size_t i = 0; i < *count; i++) {
		if ((*devices)[i] == device)
			return false;
	}
	*NCM_PUSH(*devices, *count) = device;
	return true;
}

/* Each once, by the first store on it. */
void doctor_disks(struct examination *exam)
{
	NCM_AUTO_FREE uint64_t *devices = NULL;
	size_t count = 0;

	for (size_t i = 0; exam->stores && i < exam->stores->count; i++) {
		const struct ncm_store_info *store = &exam->stores->stores[i];
		struct ncm_error why = NCM_ERROR_INIT;
		struct ncm_space space;

		if (!is_of_note(exam, store))
			continue;
		if (ncm_space_of(store->path, &space, &why) < 0) {
			doctor_find_error(exam, store->path, &why);
		} else if (is_new(&devices, &count, space.device)) {
			look_at_room(exam, store, &space);
			look_at_abilities(exam, store);
		}
	}
}

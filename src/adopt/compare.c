/* SPDX-License-Identifier: MIT */
/* What is registered already, and what can be refused without reading it. */
#include "adopt/adopt.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/strings.h"
#include "format/format.h"
#include "os/os.h"
#include "registry/identity.h"

#include <string.h>

/* Older versions registered a link as the file that it leads to: outside every store nothing else comes into
 * models.json so but what the user named. */
static bool is_older_link(const struct found_file *file, const struct ncm_reg_file *recorded)
{
	return file->target && strcmp(recorded->abs, file->target) == 0 && recorded->origin == NCM_ORIGIN_UNKNOWN &&
	       !recorded->store;
}

/* The last that registered this path; or NULL. */
static const struct registry_ref *ref_at(const struct registry_lookup *lookup, const char *path)
{
	size_t count;
	const struct registry_ref *refs = registry_at(lookup, path, &count);

	return count > 0 ? &refs[count - 1] : NULL;
}

/* Registered by the link that leads to it. A pull into a cache of the Hub's registers the name and what it leads to: so
 * it stays registered. */
static const struct registry_ref *ref_by_name(const struct registry_lookup *lookup, struct found_file *file)
{
	const struct registry_ref *ref = ref_at(lookup, file->seen->path);

	if (ref && ref->file->target && strcmp(ref->file->target, file->path) == 0) {
		file->target = file->path;
		file->path = ncm_strdup(ref->file->abs);
	}
	return ref;
}

static const struct registry_ref *ref_of(const struct registry_lookup *lookup, struct found_file *file)
{
	const struct registry_ref *ref = ref_at(lookup, file->path);
	const struct registry_ref *behind = ref || !file->target ? NULL : ref_at(lookup, file->target);

	if (behind && is_older_link(file, behind->file)) {
		file->moved = true;
		return behind;
	}
	return ref || file->target ? ref : ref_by_name(lookup, file);
}

static bool is_unchanged(const struct found_file *file, const struct ncm_reg_file *recorded)
{
	/* Manifests are read by a survey, and may be there in another form than was recorded. */
	if (strcmp(file->role, "manifest") == 0 && file->seen->has_sha256)
		return ncm_sha256_equal(&file->seen->sha256, &recorded->sha256);
	return !file->moved && ncm_same_text(file->target, recorded->target) &&
	       file->seen->state != NCM_SURVEY_MISSING && file->size == recorded->size &&
	       file->mtime_ns == recorded->mtime_ns && !ncm_sha256_is_zero(&recorded->sha256);
}

static void compare(struct found *found, const struct registry_lookup *lookup)
{
	size_t deciding = 0, unchanged = 0, changed = 0;

	for (size_t i = 0; i < found->file_count; i++) {
		struct found_file *file = &found->files[i];
		const struct registry_ref *ref = ref_of(lookup, file);

		deciding += found_decides(found, file);
		if (!ref)
			continue;
		file->record = ref->file;
		if (found_decides(found, file) && !found->registered)
			found->registered = ref->model;
		if (!is_unchanged(file, ref->file)) {
			changed++;
			continue;
		}
		file->has_sha256 = true;
		file->sha256 = ref->file->sha256;
		unchanged += found_decides(found, file);
	}
	found->known = deciding > 0 && unchanged == deciding && changed == 0;
}

/* models.json's word on a file that somebody replaced says nothing against what is there now, if its header holds. */
static bool is_replaced(const struct ncm_survey_file *seen)
{
	NCM_AUTO_CLOSE int fd = -1;
	struct ncm_facts facts;
	bool sound = false;

	if (!seen->told_by || strcmp(seen->told_by, "models.json") != 0)
		return false;
	fd = os_open(OS_HERE, seen->real ? seen->real : seen->path, OS_READ | OS_NO_LINK);
	if (fd >= 0 && ncm_format_read(fd, &facts, NULL) == 0) {
		sound = facts.soundness == NCM_SOUND;
		ncm_facts_clear(&facts);
	}
	return sound;
}

/* A digest that is met may yet speak for a file whose header seems wrong; for one of another size than told, none can.
 */
static bool is_structural(const struct ncm_survey_file *seen)
{
	return (seen->state == NCM_SURVEY_DAMAGED || seen->state == NCM_SURVEY_TRUNCATED) &&
	       !(seen->has_expected_size && seen->expected_size != seen->size) && strcmp(seen->role, "manifest") != 0;
}

static bool is_utf8(const char *text)
{
	uint32_t character;

	for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
		length = ncm_utf8_decode(text, left, &character);
		if (length == 0)
			return false;
	}
	return true;
}

/* models.json is JSON, which has no such names: registered under another one the file would not be found again. */
static char *bad_name_of(const struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		const struct found_file *file = &found->files[i];

		if (!is_utf8(file->path) || (file->target && !is_utf8(file->target)))
			return ncm_asprintf("%s: its name is not UTF-8, and models.json cannot hold it: rename it",
					    file->seen->path);
	}
	return NULL;
}

/* Why the model cannot be taken as it is, or NULL. The caller frees it. */
static char *fault_of(struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		const struct ncm_survey_file *seen = found->files[i].seen;
		char *fault;
		const bool wrong = seen->state == NCM_SURVEY_DAMAGED || seen->state == NCM_SURVEY_TRUNCATED;

		if (!wrong && seen->state != NCM_SURVEY_MISSING && seen->state != NCM_SURVEY_UNREADABLE &&
		    seen->state != NCM_SURVEY_PARTIAL)
			continue;
		if (wrong && is_replaced(seen))
			continue;
		fault = ncm_asprintf("%s is %s: %s", seen->path, ncm_survey_state_name(seen->state),
				     seen->detail ? seen->detail : "no more is known");
		if (!is_structural(seen))
			return fault;
		free(found->files[i].doubt);
		found->files[i].doubt = fault;
	}
	return bad_name_of(found);
}

bool found_is_told(const struct found *found)
{
	return found->seen->form != NCM_SURVEY_FILES;
}

bool found_decides(const struct found *found, const struct found_file *file)
{
	return strcmp(file->role, found->seen->form == NCM_SURVEY_TAG ? "manifest" : "weights") == 0;
}

const struct found_file *found_manifest(const struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		if (strcmp(found->files[i].role, "manifest") == 0)
			return &found->files[i];
	}
	return NULL;
}

const char *found_doubt(const struct found *found)
{
	for (size_t i = 0; i < found->file_count; i++) {
		if (found->files[i].doubt)
			return found->files[i].doubt;
	}
	return NULL;
}

void adopt_refuse(struct adopt *adopt, struct found *found, char *detail)
{
	struct ncm_reg_model entry;

	origin_describe(found, &entry);
	for (size_t i = 0; i < found->file_count; i++)
		entry_add_found(&entry, found, &found->files[i], NULL);
	found->refused = true;
	found->to_read = false;
	adopt_put(adopt, &entry, NCM_ADOPT_REFUSED, found->seen->known_by, detail);
}

void adopt_compare(struct adopt *adopt)
{
	const struct registry_lookup *lookup = registry_lookup_of(adopt->registry);

	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];
		char *fault;

		compare(found, lookup);
		fault = found->known ? NULL : fault_of(found);
		found->to_read = !found->known && !fault;
		if (fault)
			adopt_refuse(adopt, found, fault);
	}
}

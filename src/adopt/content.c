/* SPDX-License-Identifier: MIT */
/* Reads every byte that is to be vouched for, on all cores, and holds it against what names and sidecars tell. */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "verify/check.h"

#include <errno.h>
#include <string.h>

/* huggingface_hub calls a small file by git's sha1 of it. */
static bool git_name(const struct found_file *file, struct ncm_sha1 *git_sha1)
{
	const char *name = ncm_path_base(file->path);

	return file->seen->real && ncm_sha1_parse(name, git_sha1) == 0;
}

/* Where checkpoints of the file are kept; -1 for a file outside every store, and when nothing may be written. */
static int home_of(const struct adopt *adopt, const int *homes, const struct found_file *file)
{
	for (size_t i = 0; file->store && i < adopt->layout->count; i++) {
		if (strcmp(adopt->layout->stores[i].id, file->store) == 0)
			return homes[i];
	}
	return -1;
}

static void open_homes(const struct adopt *adopt, int *homes)
{
	for (size_t i = 0; i < adopt->layout->count; i++) {
		NCM_AUTO_CLOSE int dirfd = adopt->options->dry_run ? -1 : ncm_store_peek(&adopt->layout->stores[i]);

		homes[i] = dirfd < 0 ? -1 : ncm_store_home(&adopt->layout->stores[i], dirfd);
	}
}

/* A survey reads a manifest whole, and says what the model's own is where the store has another form of it. */
static bool is_read_manifest(const struct found_file *file)
{
	return strcmp(file->role, "manifest") == 0 && file->seen->has_sha256;
}

static void prepare(const struct found *found, struct found_file *file, int home, struct check *check)
{
	struct ncm_sha1 git_sha1;

	check->path = file->target ? file->target : file->path;
	check->model = found->seen->entry.id;
	check->store_dirfd = home;
	check->expected = file->seen->has_expected ? &file->seen->expected : NULL;
	check->wants_git_sha1 = git_name(file, &git_sha1);
	check_look(check);
	check->to_hash = !check->failure && check->regular && !is_read_manifest(file);
}

static char *difference_text(const struct found_file *file)
{
	char is[NCM_SHA256_HEX + 1], was[NCM_SHA256_HEX + 1];

	return ncm_asprintf(
	    "%s differs from what its %s says: it has sha256 %s, and not %s; if that is as it should be, "
	    "move the %s away",
	    file->seen->path, file->seen->told_by, ncm_sha256_hex(&file->sha256, is),
	    ncm_sha256_hex(&file->seen->expected, was), file->seen->told_by);
}

static char *damage_text(const struct found_file *file, const struct check *check)
{
	char is[NCM_SHA256_HEX + 1], was[NCM_SHA256_HEX + 1];

	return ncm_asprintf("%s is damaged: it has sha256 %s, and its %s says %s", file->seen->path,
			    ncm_sha256_hex(&check->sha256, is), file->seen->told_by,
			    ncm_sha256_hex(&file->seen->expected, was));
}

/* Sidecars stay behind when a file is replaced. */
static bool is_hearsay(const struct ncm_survey_file *seen)
{
	return strcmp(seen->told_by, "sidecar") == 0 || strcmp(seen->told_by, "cache.json") == 0;
}

/* What models.json told is compared elsewhere. */
static bool is_other_than_told(const struct found_file *file)
{
	const struct ncm_survey_file *seen = file->seen;

	return seen->has_expected && strcmp(seen->told_by, "models.json") != 0 &&
	       !ncm_sha256_equal(&seen->expected, &file->sha256);
}

static bool meets_a_claim(const struct found_file *file)
{
	const struct ncm_survey_file *seen = file->seen;

	return origin_claim(file) || (seen->has_expected && strcmp(seen->told_by, "models.json") != 0 &&
				      ncm_sha256_equal(&seen->expected, &file->sha256));
}

/* A digest that is met beats every other sign; what says otherwise stays a doubt until a manifest or the lock speaks.
 */
static void weigh(struct found_file *file, bool met)
{
	if (met || meets_a_claim(file)) {
		free(file->doubt);
		file->doubt = NULL;
	} else if (file->seen->claim_count > 0 && is_hearsay(file->seen) && !file->doubt) {
		file->doubt = difference_text(file);
	}
}

/* Takes what was read over, and returns what is wrong with it, or NULL. The caller frees it. */
static char *take(struct found_file *file, const struct check *check)
{
	struct ncm_sha1 git_sha1;
	bool is_git;

	if (is_read_manifest(file)) {
		file->has_sha256 = true;
		file->sha256 = file->seen->sha256;
		return NULL;
	}
	if (check->failure || !check->regular)
		return ncm_asprintf("%s cannot be read: %s", file->seen->path,
				    check->failure ? os_error_text(check->failure) : "it is not a regular file");
	file->has_sha256 = check->hashed;
	file->sha256 = check->sha256;
	file->size = check->size;
	file->mtime_ns = check->mtime_ns;
	if (!check->hashed)
		return NULL;
	is_git = git_name(file, &git_sha1);
	if (is_git && memcmp(git_sha1.bytes, check->git_sha1.bytes, sizeof git_sha1.bytes) != 0)
		return ncm_asprintf("%s is damaged: its content has another git sha1 than its name", file->seen->path);
	weigh(file, is_git);
	return is_other_than_told(file) && !is_hearsay(file->seen) ? damage_text(file, check) : NULL;
}

static void index_digests(struct adopt *adopt)
{
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < adopt->found_count; i++) {
		for (size_t k = 0; k < adopt->found[i].file_count; k++) {
			const struct found_file *file = &adopt->found[i].files[k];
			json_t *list;

			if (!file->has_sha256)
				continue;
			list = json_object_get(adopt->by_digest, ncm_sha256_hex(&file->sha256, hex));
			if (!list) {
				list = json_array();
				json_object_set_new_nocheck(adopt->by_digest, hex, list);
			}
			json_array_append_new(list, json_pack("[I,I]", (json_int_t)i, (json_int_t)k));
		}
	}
}

static struct check *list_checks(const struct adopt *adopt, const int *homes, size_t *count)
{
	struct check *checks = NULL;

	*count = 0;
	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];

		for (size_t k = 0; found->to_read && k < found->file_count; k++) {
			struct check *check = NCM_PUSH(checks, *count);

			check->twin = *count - 1;
			prepare(found, &found->files[k], home_of(adopt, homes, &found->files[k]), check);
		}
	}
	return checks;
}

static void take_all(struct adopt *adopt, const struct check *checks)
{
	for (size_t i = 0; i < adopt->found_count; i++) {
		struct found *found = &adopt->found[i];
		const size_t files = found->to_read ? found->file_count : 0;
		char *fault = NULL;

		for (size_t k = 0; k < files; k++) {
			char *wrong = take(&found->files[k], checks++);

			if (fault)
				free(wrong);
			else
				fault = wrong;
		}
		if (fault)
			adopt_refuse(adopt, found, fault);
	}
}

void adopt_read(struct adopt *adopt)
{
	NCM_AUTO_FREE int *homes = ncm_calloc(adopt->layout->count + 1, sizeof *homes);
	struct check *checks;
	size_t count;

	open_homes(adopt, homes);
	checks = list_checks(adopt, homes, &count);
	checks_find_twins(checks, count);
	adopt->adoption->hashed = checks_hash(checks, count, adopt->sink);
	take_all(adopt, checks);
	checks_free(checks, count);
	for (size_t i = 0; i < adopt->layout->count; i++) {
		if (homes[i] >= 0)
			os_close(homes[i]);
	}
	index_digests(adopt);
}

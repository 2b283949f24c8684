/* SPDX-License-Identifier: MIT */
/* May this file go? */
#include "upkeep/upkeep.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Below a store no link is followed on the way; outside, the path is the user's own. */
int upkeep_open_folder(const struct upkeep *upkeep, const struct target *target, const char **name)
{
	NCM_AUTO_FREE char *folder = NULL;

	if (target->store != NOWHERE) {
		const struct store_facts *facts = &upkeep->facts[target->store];

		errno = facts->failure;
		return facts->dirfd < 0 ? -1 : ncm_parent_beneath(facts->dirfd, target->relative, false, name, NULL);
	}
	*name = ncm_path_base(target->relative);
	folder = ncm_strndup(target->relative, (size_t)(*name - target->relative));
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int upkeep_look(const struct upkeep *upkeep, const struct target *target, const char **name, struct stat *status)
{
	const int folder = upkeep_open_folder(upkeep, target, name);
	int saved;

	if (folder >= 0 && fstatat(folder, *name, status, AT_SYMLINK_NOFOLLOW) < 0) {
		saved = errno;
		close(folder);
		errno = saved;
		return -1;
	}
	return folder;
}

bool upkeep_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       ncm_mtime_ns(a) == ncm_mtime_ns(b);
}

static bool has_changed(const struct candidate *candidate, const struct stat *seen)
{
	return candidate->recorded &&
	       (candidate->size != (uint64_t)seen->st_size || candidate->mtime_ns != ncm_mtime_ns(seen));
}

/* Links are wanted where an application keeps them: what they lead to is another's business. */
static const char *wrong_type(enum ncm_removal_kind kind, size_t store, mode_t mode)
{
	if (S_ISREG(mode) || (kind == NCM_REMOVAL_LINK && S_ISLNK(mode) && store != NOWHERE) ||
	    (kind == NCM_REMOVAL_LEFTOVER && S_ISDIR(mode)))
		return NULL;
	return S_ISLNK(mode) ? "is a link" : "is not a regular file";
}

static char *kept_for_others(const struct upkeep *upkeep, const char *path, const struct target *target)
{
	const struct ncm_store *store = target->store == NOWHERE ? NULL : &upkeep->layout->stores[target->store];
	const char *key = store ? upkeep_blob_key(store, target->relative) : NULL;
	const char *user = upkeep_user(upkeep, path, &target->seen), *name;

	if (user)
		return ncm_asprintf("used by %s", user);
	name = key ? upkeep_named_by(upkeep, target->store, key) : NULL;
	if (name)
		return ncm_asprintf("named by %s", name);
	if (!key || upkeep->facts[target->store].complete)
		return NULL;
	return ncm_strdup(store->kind == NCM_STORE_OLLAMA
			      ? "a manifest of this store cannot be read, and may name it"
			      : "not all snapshots of this cache can be read, and one may need it");
}

char *upkeep_reason_to_stay(const struct upkeep *upkeep, size_t index)
{
	return kept_for_others(upkeep, upkeep->removal->files[index].path, &upkeep->targets[index]);
}

/* What rm may not delete forbids all of it: nothing is to be half removed. gc says so once for each folder. */
static void cannot_delete(struct upkeep *upkeep, const char *path, int errnum)
{
	NCM_AUTO_FREE char *folder = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));

	if (upkeep->request.collect && !json_object_get(upkeep->listed, folder)) {
		upkeep_warn(upkeep, "%s: what is there stays: %s", folder, strerrordesc_np(errnum));
		json_object_set_new_nocheck(upkeep->listed, folder, json_true());
	} else if (!upkeep->request.collect && upkeep->error.code == NCM_OK) {
		ncm_error_errno(&upkeep->error, errnum, "cannot delete %s", path);
		ncm_error_hint(&upkeep->error, "nothing was removed; run it as a user who may write to that folder");
	}
}

static char *judge(struct upkeep *upkeep, const struct candidate *candidate, const struct target *target, int folder)
{
	const char *wrong = wrong_type(candidate->kind, target->store, target->seen.st_mode);
	const bool is_blob =
	    target->store != NOWHERE && upkeep_blob_key(&upkeep->layout->stores[target->store], target->relative);
	char *why = NULL;

	if (is_blob)
		upkeep_learn_names(upkeep, target->store, false);
	why = candidate->keep ? ncm_strdup(candidate->keep) : kept_for_others(upkeep, candidate->path, target);
	if (!why && wrong)
		why = ncm_strdup(wrong);
	/* A blob's name says what it is, whoever put it there anew. */
	if (!why && !is_blob && !upkeep->request.force && !S_ISLNK(target->seen.st_mode) &&
	    has_changed(candidate, &target->seen))
		why = ncm_strdup("changed since it was registered; --force removes it");
	if (!why && faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) < 0) {
		cannot_delete(upkeep, candidate->path, errno);
		why = ncm_strdup("you may not delete from its folder");
	}
	return why;
}

/* The value tells for which model. */
static void add_leaving(struct upkeep *upkeep, const struct target *target, const struct candidate *candidate)
{
	static const char manifests[] = "manifests/";
	const char *name = target->relative;

	if (target->store == NOWHERE ||
	    (candidate->kind != NCM_REMOVAL_MANIFEST && candidate->kind != NCM_REMOVAL_LINK))
		return;
	if (strncmp(name, manifests, sizeof manifests - 1) == 0)
		name += sizeof manifests - 1;
	json_object_set_new_nocheck(upkeep->facts[target->store].leaving, name,
				    candidate->model ? json_string_nocheck(candidate->model) : json_true());
}

/* errno says why. Takes the target. */
static void cannot_see(struct upkeep *upkeep, const struct candidate *candidate, struct target *target)
{
	const bool absent = errno == ENOENT || errno == ENOTDIR;

	if (absent && candidate->noted && target->store != NOWHERE) {
		*NCM_PUSH(upkeep->absent, upkeep->absent_count) = *target;
		return;
	}
	free(target->relative);
	if (absent)
		return;
	if (errno == ELOOP || errno == EXDEV)
		upkeep_warn(upkeep, "%s: leads through a link, and stays", candidate->path);
	else
		cannot_delete(upkeep, candidate->path, errno);
}

bool upkeep_consider(struct upkeep *upkeep, const struct candidate *candidate)
{
	struct target target = {.store = upkeep_store_of(upkeep, candidate->path, candidate->store)};
	NCM_AUTO_CLOSE int folder = -1;
	const char *name;
	char *why;

	if (json_object_get(upkeep->listed, candidate->path))
		return false;
	target.relative = ncm_strdup(target.store == NOWHERE
					 ? candidate->path
					 : ncm_path_below(candidate->path, upkeep->layout->stores[target.store].path));
	folder = upkeep_look(upkeep, &target, &name, &target.seen);
	if (folder < 0) {
		cannot_see(upkeep, candidate, &target);
		return false;
	}
	why = judge(upkeep, candidate, &target, folder);
	if (why && candidate->quiet) {
		free(why);
		free(target.relative);
		return false;
	}
	if (!why)
		add_leaving(upkeep, &target, candidate);
	return upkeep_list(upkeep, candidate, &target, why)->state == NCM_REMOVAL_GOES;
}

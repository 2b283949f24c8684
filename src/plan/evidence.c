/* SPDX-License-Identifier: MIT */
/*
 * Revalidation of what is there.
 *
 * Is what lies at a place the content that is to go there? Existence is never proof, nor is a name. A file is right
 * when everything that is known of the content agrees with it: its SHA-256, else git's SHA-1, and its size. Where
 * nothing was known beforehand, it is right when this model had it from this very source and revision and it still has
 * the SHA-256 that was recorded then. A recorded digest is believed without reading the file while size and mtime are
 * as recorded. What cannot be read is not known, and so neither right nor absent.
 */
#include "plan/judgement.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "registry/model.h"
#include "store/inside.h"
#include "store/intent.h"
#include "store/names.h"

#include <errno.h>
#include <string.h>

static bool is_recorded(const struct ncm_reg_file *file)
{
	return !ncm_sha256_is_zero(&file->sha256);
}

bool record_is_believed(const struct look *look, const struct registry_ref *ref, const struct os_stat *status)
{
	return !look->strict && is_recorded(ref->file) && !registry_was_found_wrong(ref->model) &&
	       registry_is_unchanged(ref->file, status);
}

static bool fits_size(const struct content *content, const struct os_stat *status)
{
	return !content->has_size || status->size == content->size;
}

static bool is_recorded_right(const struct judgement *judgement)
{
	for (size_t i = 0; i < judgement->ref_count; i++) {
		if (record_is_believed(judgement->look, &judgement->refs[i], &judgement->step->status) &&
		    ncm_sha256_equal(&judgement->refs[i].file->sha256, &judgement->content->sha256))
			return true;
	}
	return false;
}

static bool read_bytes(const struct judgement *judgement, int fd, bool git, struct seen_bytes *seen)
{
	if (look_at_bytes(judgement->look, fd, &judgement->step->status, place_bytes_path(judgement->place), git,
			  seen) == 0)
		return true;
	judgement->step->state = PLACE_UNREADABLE;
	judgement->step->failure = errno;
	return false;
}

/* What was not known of a content is known now. */
static void learn(struct content *content, const struct seen_bytes *seen, const struct os_stat *status)
{
	content->has_sha256 = content->has_size = true;
	content->sha256 = seen->sha256;
	content->size = status->size;
}

static bool has_git_sha1(const struct judgement *judgement, int fd)
{
	struct seen_bytes seen;

	if (!fits_size(judgement->content, &judgement->step->status) || !read_bytes(judgement, fd, true, &seen) ||
	    memcmp(&seen.git_sha1, &judgement->content->git_sha1, sizeof seen.git_sha1) != 0)
		return false;
	learn(judgement->content, &seen, &judgement->step->status);
	return true;
}

/* Whether models.json says that this model had the file from this source at this revision. Entries of older versions
 * say it of the model alone. */
static bool is_from_here(const struct judgement *judgement)
{
	const struct ncm_reg_file *file = judgement->own ? judgement->own->file : NULL;
	const struct ncm_reg_model *model = judgement->own ? judgement->own->model : NULL;
	const struct ncm_resolution *resolution = judgement->planned->run->wanted[judgement->place->wanted].resolution;

	if (!file || file->origin == NCM_ORIGIN_ADOPTED)
		return false;
	if (file->source)
		return ncm_same_text(file->source, resolution->uri) &&
		       ncm_same_text(file->revision, resolution->revision);
	return ncm_same_text(model->source, resolution->uri) && ncm_same_text(model->revision, resolution->revision);
}

/* Nothing was known beforehand: trusted on first use, as long as it is what was trusted. */
static bool is_trusted(const struct judgement *judgement, int fd)
{
	const struct os_stat *status = &judgement->step->status;
	struct seen_bytes seen = {0};

	if (judgement->planned->run->options.update || !fits_size(judgement->content, status) ||
	    !is_from_here(judgement) || !is_recorded(judgement->own->file))
		return false;
	seen.sha256 = judgement->own->file->sha256;
	if (!record_is_believed(judgement->look, judgement->own, status) &&
	    (!read_bytes(judgement, fd, false, &seen) ||
	     !ncm_sha256_equal(&seen.sha256, &judgement->own->file->sha256)))
		return false;
	learn(judgement->content, &seen, status);
	return true;
}

/* Whether a run of ours gave it its name and was stopped before it could write that down. */
static bool was_being_placed(const struct judgement *judgement, int dirfd, int fd)
{
	const struct place *place = judgement->place;
	const struct ncm_resolution *resolution = judgement->planned->run->wanted[place->wanted].resolution;
	struct seen_bytes seen;

	if (!store_intent_exists(place->store, dirfd, place->relative) || !read_bytes(judgement, fd, false, &seen) ||
	    !store_intent_stands(place->store, dirfd, place->relative, &seen.sha256, resolution->uri))
		return false;
	learn(judgement->content, &seen, &judgement->step->status);
	judgement->step->noted = true;
	return true;
}

static bool is_right(const struct judgement *judgement, int dirfd, int fd)
{
	const struct content *content = judgement->content;
	struct seen_bytes seen;

	if (content->has_sha256)
		return is_recorded_right(judgement) ||
		       (fits_size(content, &judgement->step->status) && read_bytes(judgement, fd, false, &seen) &&
			ncm_sha256_equal(&seen.sha256, &content->sha256));
	if (content->has_git_sha1)
		return has_git_sha1(judgement, fd);
	return is_trusted(judgement, fd) || was_being_placed(judgement, dirfd, fd);
}

/* The other model whose bytes these are, as far as size and mtime tell; or NULL. */
static const char *taken_by(const struct judgement *judgement)
{
	for (size_t i = 0; i < judgement->ref_count; i++) {
		const struct registry_ref *ref = &judgement->refs[i];

		if (ref != judgement->own && is_recorded(ref->file) && !registry_was_found_wrong(ref->model) &&
		    !ncm_sha256_equal(&ref->file->sha256, &judgement->content->sha256) &&
		    registry_is_unchanged(ref->file, &judgement->step->status))
			return ref->model->id;
	}
	return NULL;
}

/* Whether it is what this model had here: who copied a store back changed no more than times. */
static bool is_as_recorded(const struct judgement *judgement)
{
	const struct registry_ref *own = judgement->own;
	struct seen_bytes seen;

	if (!own || record_is_believed(judgement->look, own, &judgement->step->status))
		return own;
	return judgement->fd >= 0 && is_recorded(own->file) && judgement->step->status.size == own->file->size &&
	       look_at_bytes(judgement->look, judgement->fd, &judgement->step->status,
			     place_bytes_path(judgement->place), false, &seen) == 0 &&
	       ncm_sha256_equal(&seen.sha256, &own->file->sha256);
}

void judge_other(const struct judgement *judgement)
{
	struct step *step = judgement->step;
	const struct run *run = judgement->planned->run;
	const struct wanted *wanted = &run->wanted[judgement->place->wanted];
	const struct chosen_model *model = &run->models[wanted->model];
	const struct ncm_reg_model *owner =
	    judgement->ref_count == 0
		? NULL
		: registry_forbids(run->lookup, judgement->place->path, model->model, wanted->spec,
				   wanted->resolution ? wanted->resolution->uri : NULL);

	step->state = PLACE_OURS;
	step->replace = NCM_SET_ASIDE;
	/* A blob's name says which bytes it has to have, whosever it is. */
	if (judgement->content->kind == CONTENT_BLOB || judgement->place->blob)
		return;
	/* A repair's user said what is to be mended; what has been given to another model since is not damage. */
	if (judgement->planned->repairs) {
		step->owner = taken_by(judgement);
		step->is_taken = step->owner != NULL;
		step->state = step->is_taken ? PLACE_IN_WAY : PLACE_OURS;
		return;
	}
	if (judgement->ref_count == 0 || owner) {
		step->owner = owner ? owner->id : NULL;
		step->state = run->options.force ? PLACE_OURS : PLACE_IN_WAY;
		return;
	}
	if (is_as_recorded(judgement)) {
		step->replace = NCM_REPLACE;
		return;
	}
	/* A disk that fails leaves the mtime as it was; who writes does not, and no source has what he wrote. What a
	 * verify called damaged was told to the user. */
	if (judgement->own && is_recorded(judgement->own->file) && !registry_was_found_wrong(judgement->own->model) &&
	    !registry_is_unchanged(judgement->own->file, &step->status)) {
		step->owner = judgement->own->model->id;
		step->is_edited = true;
		step->state = run->options.force ? PLACE_OURS : PLACE_IN_WAY;
	}
}

/* The same bytes may be another revision's now: what is recorded is to be true of today's, too. */
static bool is_of_this_revision(const struct judgement *judgement)
{
	const struct registry_ref *own = judgement->own;
	const char *recorded = own->file->source ? own->file->source : own->model->source;
	const char *uri = judgement->planned->run->wanted[judgement->place->wanted].resolution->uri;
	NCM_AUTO_FREE char *key = NULL, *recorded_key = NULL;

	if (!recorded || strcmp(recorded, uri) == 0)
		return true;
	key = ncm_source_key(uri);
	recorded_key = ncm_source_key(recorded);
	return !ncm_same_text(key, recorded_key);
}

static bool is_recorded_so(const struct judgement *judgement)
{
	const struct registry_ref *own = judgement->own;

	return own && registry_is_unchanged(own->file, &judgement->step->status) &&
	       ncm_sha256_equal(&own->file->sha256, &judgement->content->sha256) && is_of_this_revision(judgement);
}

/* The bytes may be there for another's sake. */
static bool is_named(const struct judgement *judgement, int dirfd)
{
	const struct place *place = judgement->place;
	const struct wanted *wanted = &judgement->planned->run->wanted[place->wanted];
	NCM_AUTO_FREE char *reference = judgement->planned->repairs ? NULL : ncm_source_reference(wanted->uri);

	return store_is_named(place->store, dirfd, place->relative, place->blob, reference);
}

static void judge_open_file(const struct judgement *judgement, int dirfd, int fd)
{
	struct step *step = judgement->step;

	if (os_fstat(fd, &step->status) < 0) {
		step->state = PLACE_UNREADABLE;
		step->failure = errno;
	} else if (step->status.kind != OS_IS_FILE) {
		judge_no_file(judgement);
	} else if (is_right(judgement, dirfd, fd)) {
		step->nameless = !is_named(judgement, dirfd);
		step->state = is_recorded_so(judgement) && !step->nameless ? PLACE_RIGHT : PLACE_UNRECORDED;
	} else if (step->state != PLACE_UNREADABLE) {
		judge_other(judgement);
	}
}

static bool leads_to(const char *link, const struct os_stat *target)
{
	struct os_stat behind;

	return os_stat(OS_HERE, link, &behind) == 0 && behind.device == target->device && behind.inode == target->inode;
}

/* A link that was registered as such is what it leads to, as long as that is what it led to. No other is followed. */
static void judge_link(const struct judgement *judgement, int dirfd)
{
	struct step *step = judgement->step;
	const char *target = judgement->ref_count > 0 ? judgement->refs[0].file->target : NULL;
	NCM_AUTO_CLOSE int fd = target ? os_open(OS_HERE, target, OS_READ | OS_NO_LINK) : -1;

	step->is_link = true;
	if (target && fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
		step->state = PLACE_UNREADABLE;
		step->failure = errno;
		return;
	}
	if (fd >= 0 && os_fstat(fd, &step->status) == 0 && step->status.kind == OS_IS_FILE &&
	    leads_to(judgement->place->path, &step->status) && is_right(judgement, dirfd, fd)) {
		step->state = is_recorded_so(judgement) ? PLACE_RIGHT : PLACE_UNRECORDED;
		return;
	}
	if (step->state == PLACE_UNREADABLE)
		return;
	step->state = PLACE_IN_WAY;
	step->owner = judgement->ref_count > 0 ? judgement->refs[0].model->id : NULL;
}

/* A name that another model registered is that model's, though its file is not there just now: it may have been moved,
 * or its disk is away. */
static void judge_empty(const struct judgement *judgement)
{
	const struct ncm_reg_model *known = model_of(judgement->planned->run, judgement->place->wanted)->known;
	const struct content *content = judgement->content;
	struct step *step = judgement->step;

	step->state = PLACE_EMPTY;
	for (size_t i = 0; i < judgement->ref_count && !judgement->planned->run->options.force; i++) {
		const struct registry_ref *ref = &judgement->refs[i];

		if (ref->model == known ||
		    (content->has_sha256 && ncm_sha256_equal(&ref->file->sha256, &content->sha256)))
			continue;
		step->state = PLACE_IN_WAY;
		step->owner = ref->model->id;
		step->is_missing = true;
	}
}

static void judge_failure(const struct judgement *judgement, int dirfd, int errnum)
{
	struct step *step = judgement->step;

	switch (errnum) {
	case ENOENT:
		judge_empty(judgement);
		break;
	case ELOOP:
	case EXDEV:
		judge_link(judgement, dirfd);
		break;
	case ENOTDIR:
		step->state = PLACE_IN_WAY;
		step->is_above = true;
		step->owner = owner_near(judgement, false);
		break;
	case ENXIO:
		step->state = PLACE_IN_WAY;
		break;
	default:
		step->state = PLACE_UNREADABLE;
		step->failure = errnum;
		/* What a verify could not read can still be replaced. */
		if (errnum == EACCES && judgement->planned->repairs)
			judge_other(judgement);
	}
}

static void judge_file(const struct judgement *judgement)
{
	const struct place *place = judgement->place;
	const int dirfd = look_at_store(judgement->look, place->store);
	NCM_AUTO_CLOSE int fd = dirfd < 0 ? -1 : store_open_inside(place->store, dirfd, place_bytes(place));

	struct judgement here = *judgement;

	here.fd = fd;
	if (fd >= 0 && !place->blob && judge_spelling(&here))
		return;
	if (fd >= 0)
		judge_open_file(&here, dirfd, fd);
	else
		judge_failure(&here, dirfd, errno);
}

/* What a link leads to that is no part of the store is nobody's to write, whatever lies there. */
static bool lies_behind_link(const struct judgement *judgement)
{
	const struct place *place = judgement->place;
	const int dirfd = look_at_store(judgement->look, place->store);
	const char *const paths[] = {place->relative, place_bytes(place)};

	for (size_t i = 0; i < 2 && dirfd >= 0; i++) {
		const char *name;
		NCM_AUTO_CLOSE int parent = store_parent_inside(place->store, dirfd, paths[i], &name);

		if (parent < 0 && (errno == ELOOP || errno == EXDEV))
			return true;
	}
	return false;
}

/* Its digest is what a first use made of it: the lock's word, or models.json's, and not its source's. */
static bool is_unconfirmed(const struct judgement *judgement)
{
	const struct wanted *wanted = &judgement->planned->run->wanted[judgement->place->wanted];
	const struct content *content = judgement->content;

	return (content->kind == CONTENT_FILE || content->kind == CONTENT_ARCHIVE) && !content->has_git_sha1 &&
	       wanted->trust && strcmp(wanted->trust, "first-use") == 0;
}

void judge_place(const struct planned *planned, struct content *content, const struct place *place, struct step *step)
{
	struct judgement judgement = {
	    .look = planned->look, .planned = planned, .content = content, .place = place, .step = step, .fd = -1};
	const struct ncm_reg_model *known = model_of(planned->run, place->wanted)->known;

	*step = (struct step){0};
	judgement.refs = registry_at(planned->run->lookup, place->path, &judgement.ref_count);
	for (size_t i = 0; i < judgement.ref_count && !judgement.own; i++) {
		if (judgement.refs[i].model == known)
			judgement.own = &judgement.refs[i];
	}
	if (lies_behind_link(&judgement)) {
		step->state = PLACE_IN_WAY;
		step->is_behind = true;
	} else if (content->kind == CONTENT_ARCHIVE)
		judge_folder(&judgement);
	else if (content->kind == CONTENT_MANIFEST)
		judge_tag(&judgement);
	else
		judge_file(&judgement);
	step->unconfirmed = step_is_done(step) && is_unconfirmed(&judgement);
}

bool has_bytes(struct look *look, const struct content *content, int fd, const char *path, struct os_stat *status)
{
	const struct registry_ref *refs;
	struct seen_bytes seen;
	size_t count;

	if (fd < 0 || os_fstat(fd, status) < 0 || status->kind != OS_IS_FILE || !fits_size(content, status))
		return false;
	refs = registry_at(look->run->lookup, path, &count);
	for (size_t i = 0; i < count; i++) {
		if (record_is_believed(look, &refs[i], status))
			return ncm_sha256_equal(&refs[i].file->sha256, &content->sha256);
	}
	return look_at_bytes(look, fd, status, path, false, &seen) == 0 &&
	       ncm_sha256_equal(&seen.sha256, &content->sha256);
}

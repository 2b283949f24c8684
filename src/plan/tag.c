/* SPDX-License-Identifier: MIT */
/*
 * A tag of Ollama's is right if every generation of Ollama runs the manifest under it, in whatever form the store holds
 * it. Another model under the name is in the way, unless it is one that was registered there.
 */
#include "plan/judgement.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "registry/ollama.h"

#include <errno.h>

/* Whether what a newer Ollama runs under the name was registered as this model's, by the tag's path `relative`. */
static bool is_registered_at(const struct judgement *judgement, int dirfd, const char *name, const char *relative)
{
	NCM_AUTO_FREE char *path = ncm_path_join(judgement->place->store->path, relative);
	const struct run *run = judgement->planned->run;
	const struct ncm_reg_model *known = model_of(run, judgement->place->wanted)->known;
	size_t count;
	const struct registry_ref *refs = registry_at(run->lookup, path, &count);

	for (size_t i = 0; i < count; i++) {
		struct ollama_known manifest;
		struct ollama_tag tag;

		if (refs[i].model != known || refs[i].file->origin == NCM_ORIGIN_ADOPTED ||
		    ncm_sha256_is_zero(&refs[i].file->sha256))
			continue;
		registry_known_manifest(refs[i].model, refs[i].file, &manifest);
		ollama_tag_look(dirfd, name, &manifest, &tag);
		free(manifest.blobs);
		if (tag.v2 == OLLAMA_HOLDS_IT)
			return true;
	}
	return false;
}

static bool is_registered(const struct judgement *judgement, int dirfd, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < 2; i++) {
		char *paths[2];
		const size_t count = ollama_name_paths(name, i == 1, paths);

		for (size_t k = 0; k < count; k++) {
			found = found || is_registered_at(judgement, dirfd, name, paths[k]);
			free(paths[k]);
		}
	}
	return found;
}

/* Whether what older servers find is still what was recorded, in whatever form: then a source can bring it back. */
static bool holds_recorded(const struct judgement *judgement, int dirfd, const char *name)
{
	const struct registry_ref *own = judgement->own;
	struct ollama_known manifest;
	struct ollama_tag tag;

	if (!own || ncm_sha256_is_zero(&own->file->sha256))
		return false;
	registry_known_manifest(own->model, own->file, &manifest);
	ollama_tag_look(dirfd, name, &manifest, &tag);
	free(manifest.blobs);
	return tag.legacy == OLLAMA_HOLDS_IT;
}

/* What is recorded is the manifest, not the form. */
static void judge_right(const struct judgement *judgement, const struct ollama_tag *tag)
{
	const struct ncm_reg_file *file = judgement->own ? judgement->own->file : NULL;
	struct step *step = judgement->step;

	if (tag->size > 0 || file)
		step->status.size = tag->size > 0 ? tag->size : file->size;
	step->state = PLACE_UNRECORDED;
	if (file && ncm_sha256_equal(&file->sha256, &judgement->content->sha256) &&
	    record_is_believed(judgement->look, judgement->own, &step->status))
		step->state = PLACE_RIGHT;
}

static void judge_v2(const struct judgement *judgement, enum ollama_holds holds, int dirfd, const char *name)
{
	struct step *step = judgement->step;

	if (holds == OLLAMA_HOLDS_UNKNOWN) {
		step->state = PLACE_UNREADABLE;
		step->failure = EIO;
	} else if (holds == OLLAMA_HOLDS_ANOTHER && !is_registered(judgement, dirfd, name)) {
		step->is_newer_tag = true;
		step->replace = NCM_SET_ASIDE;
		step->state = judgement->planned->run->options.force ? PLACE_OURS : PLACE_IN_WAY;
	}
}

void judge_tag(const struct judgement *judgement)
{
	const struct place *place = judgement->place;
	struct step *step = judgement->step;
	const int dirfd = look_at_store(judgement->look, place->store);
	NCM_AUTO_FREE char *name = ollama_name_at(place->relative, NULL);
	struct ollama_known known = {.digest = judgement->content->sha256};
	struct ollama_tag tag;

	if (dirfd < 0) {
		step->state = errno == ENOENT ? PLACE_EMPTY : PLACE_UNREADABLE;
		step->failure = errno;
		return;
	}
	if (!name)
		return;
	if (judgement->own && ncm_sha256_equal(&judgement->own->file->sha256, &known.digest))
		registry_known_manifest(judgement->own->model, judgement->own->file, &known);
	ollama_tag_look(dirfd, name, &known, &tag);
	free(known.blobs);
	if (os_lstat(OS_HERE, place->path, &step->status) < 0)
		step->status = (struct os_stat){0};
	if (tag.legacy == OLLAMA_HOLDS_IT && (tag.v2 == OLLAMA_HOLDS_IT || tag.v2 == OLLAMA_HOLDS_NOTHING)) {
		judge_right(judgement, &tag);
		return;
	}
	if (tag.legacy == OLLAMA_HOLDS_UNKNOWN && !judgement->planned->repairs) {
		step->state = PLACE_UNREADABLE;
		step->failure = EIO;
		return;
	}
	step->state = PLACE_EMPTY;
	if (tag.legacy == OLLAMA_HOLDS_ANOTHER || tag.legacy == OLLAMA_HOLDS_UNKNOWN)
		judge_other(judgement);
	if ((step->state == PLACE_OURS || step->is_edited) && holds_recorded(judgement, dirfd, name)) {
		step->state = PLACE_OURS;
		step->replace = NCM_REPLACE;
		step->is_edited = false;
	}
	if (step->state != PLACE_IN_WAY)
		judge_v2(judgement, tag.v2, dirfd, name);
}

/* SPDX-License-Identifier: MIT */
/*
 * What an Ollama model consists of is said by its manifest, which a store may hold in several forms (store/ollama.h):
 * whichever holds it, the model is sound if its configuration and layers are there. If models.json names fewer files
 * than the manifest, the model can be broken while every registered file is right.
 */
#include "verify/check.h"
#include "verify/report.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "registry/ollama.h"

#include <string.h>

/* Where a registered manifest lies. */
struct place {
	char *store; /* absolute */
	int dirfd;   /* of it */
	char *name;  /* canonical */
};

static void clear_place(struct place *place)
{
	free(place->store);
	free(place->name);
	if (place->dirfd >= 0)
		os_close(place->dirfd);
}
#define AUTO_PLACE __attribute__((cleanup(clear_place)))

static bool find_place(const struct ncm_reg_file *file, struct place *place)
{
	*place = (struct place){.dirfd = -1};
	if (!registry_manifest_place(file, &place->store, &place->name))
		return false;
	place->dirfd = os_open(OS_HERE, place->store, OS_FOLDER);
	return place->dirfd >= 0;
}

static bool has_file(const struct ncm_reg_model *model, const char *path)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (strcmp(model->files[i].abs, path) == 0)
			return true;
	}
	return false;
}

/* Room for so many more files than the registry has. */
static void make_room(struct ncm_verify_report *report, struct ncm_reg_model *model, size_t more)
{
	struct ncm_reg_file *files = verify_report_take(report, (model->file_count + more) * sizeof *files);

	for (size_t i = 0; i < model->file_count; i++)
		files[i] = model->files[i];
	model->files = files;
}

static void add_blob(struct ncm_verify_report *report, struct ncm_reg_model *model, const char *store, char *store_id,
		     const struct ollama_layer *layer)
{
	char relative[80];
	NCM_AUTO_FREE char *path = NULL;
	struct ncm_reg_file *file;

	ncm_ollama_blob_path(&layer->digest, relative);
	path = ncm_path_join(store, relative);
	if (has_file(model, path))
		return;
	file = &model->files[model->file_count++];
	file->path = file->abs = verify_report_text(report, path);
	file->store = store_id;
	file->role = verify_report_text(report, "blob");
	file->size = layer->size;
	file->sha256 = layer->digest;
}

/* Reads what the tag holds of the registered manifest, wherever. A damaged manifest is told as such; what it names now
 * means nothing. */
static bool read_form(const struct place *place, const struct ollama_known *known, struct ollama_held *held)
{
	for (int v2 = 0; v2 < 2; v2++) {
		char *paths[2];
		const size_t count = ollama_name_paths(place->name, v2 == 1, paths);
		bool found = false;

		for (size_t i = 0; i < count; i++) {
			if (!found) {
				ollama_held_clear(held);
				found = ollama_read_at(place->dirfd, paths[i], held) == OLLAMA_READ &&
					ollama_held_compare(place->dirfd, held, known, NULL) == OLLAMA_HOLDS_IT;
			}
			free(paths[i]);
		}
		if (found)
			return true;
	}
	return false;
}

static void add_blobs_of(struct ncm_verify_report *report, struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	OLLAMA_AUTO_HELD struct ollama_held held = {0}, child = {0};
	const struct ollama_manifest *manifest = NULL;
	AUTO_PLACE struct place place;
	struct ollama_known known;

	registry_known_manifest(model, file, &known);
	if (find_place(file, &place) && read_form(&place, &known, &held))
		manifest = ollama_plain_of(place.dirfd, &held, &known, &child);
	free(known.blobs);
	if (!manifest)
		return;
	make_room(report, model, manifest->count + 1);
	for (size_t i = 0; i < manifest->count; i++) {
		if (!ollama_layer_is_manifest(&manifest->layers[i]))
			add_blob(report, model, place.store, file->store, &manifest->layers[i]);
	}
	if (manifest->has_config)
		add_blob(report, model, place.store, file->store, &manifest->config);
}

void verify_add_blobs(struct ncm_verify_report *report, struct ncm_reg_model *model)
{
	const size_t count = model->file_count;

	for (size_t i = 0; i < count; i++) {
		/* A copy: the array moves when it grows. */
		const struct ncm_reg_file file = model->files[i];

		add_blobs_of(report, model, &file);
	}
}

bool verify_manifest_is_held(const struct ncm_reg_model *model, const struct ncm_reg_file *file, char **detail)
{
	AUTO_PLACE struct place place;
	struct ollama_known known;
	struct ollama_tag tag;

	*detail = NULL;
	if (!find_place(file, &place))
		return false;
	registry_known_manifest(model, file, &known);
	ollama_tag_look(place.dirfd, place.name, &known, &tag);
	free(known.blobs);
	if (tag.v2 == OLLAMA_HOLDS_ANOTHER)
		*detail =
		    ncm_strdup("Ollama 0.40 and newer run another manifest of this name, from " OLLAMA_MANIFESTS_V2);
	else if (tag.v2 == OLLAMA_HOLDS_UNKNOWN)
		*detail = ncm_strdup("what Ollama 0.40 and newer run under this name cannot be read");
	else if (tag.legacy != OLLAMA_HOLDS_IT)
		*detail = ncm_strdup("is there in a form of Ollama 0.40");
	return tag.v2 == OLLAMA_HOLDS_IT || tag.legacy == OLLAMA_HOLDS_IT;
}

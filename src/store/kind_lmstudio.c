/* SPDX-License-Identifier: MIT */
/*
 * LM Studio's models: publisher/model/FILE, exactly two folders deep (what lies elsewhere it does not show). A model is
 * GGUF files, with the projector (mmproj) of one that sees beside them, or a folder of safetensors with configuration
 * and tokenizer for MLX. It knows models by the names of these two folders, and takes them for a repository of Hugging
 * Face.
 */
#include "store/store.h"

#include "base/mem.h"
#include "base/path.h"
#include "format/format.h"

#include <string.h>

/* Whose models are that no repository has. */
static const char nobody[] = "imported-models";

static size_t depth_of(const char *path)
{
	size_t depth = 1;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		depth++;
	return depth;
}

/* What belongs to a folder for MLX, or lies beside GGUF files: all but weights in other formats, which nothing there
 * loads. One file alone does if its user says in which folder, as a manifest does that was dumped of such a folder. */
static bool is_of_folder(const struct ncm_store_offer *offer)
{
	return (offer->is_part || (offer->is_spelled && depth_of(offer->name) >= 3)) &&
	       (ncm_path_has_suffix(offer->name, ".safetensors") || !ncm_format_is_model_name(offer->name));
}

static int admits(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err)
{
	const size_t depth = depth_of(offer->name);

	if (!ncm_path_has_suffix(offer->name, ".gguf") && !is_of_folder(offer)) {
		ncm_error_set(err, NCM_E_POLICY, "refused to place %s in LM Studio's store \"%s\"", offer->name,
			      store->id);
		return ncm_error_hint(err, "it loads GGUF files, and whole repositories of safetensors; choose another "
					   "store for this one, or a GGUF file of the model");
	}
	if (!offer->is_spelled || depth == 1 || depth == 3 || (is_of_folder(offer) && depth > 3))
		return 0;
	ncm_error_set(err, NCM_E_POLICY,
		      "refused to place %s in LM Studio's store \"%s\", which would not find it there", offer->name,
		      store->id);
	return ncm_error_hint(err,
			      "its models lie two folders deep: --to %s//PUBLISHER/MODEL/FILE; --to %s alone finds "
			      "them a place",
			      store->id, store->id);
}

/* "publisher/model" of the content. The caller frees it. */
static char *folder_for(const struct ncm_store_offer *offer)
{
	const char *file = ncm_path_base(offer->name);
	const char *ending = strrchr(file, '.');

	if (offer->repository && strchr(offer->repository, '/'))
		return ncm_strdup(offer->repository);
	if (offer->repository)
		return ncm_asprintf("%s/%s", nobody, offer->repository);
	return ncm_asprintf("%s/%.*s", nobody, (int)(ending ? ending - file : (ptrdiff_t)strlen(file)), file);
}

static char *place(const struct ncm_store *store, const struct ncm_store_offer *offer, struct ncm_error *err)
{
	const bool is_whole = offer->is_spelled && depth_of(offer->name) >= 3;
	NCM_AUTO_FREE char *folder = is_whole ? NULL : folder_for(offer);
	const bool is_flat = ncm_path_has_suffix(offer->name, ".gguf") || !offer->path || !offer->is_part;
	char *path = is_whole ? ncm_strdup(offer->name)
			      : ncm_path_join(folder, is_flat ? ncm_path_base(offer->name) : offer->path);

	(void)store;
	if (ncm_path_check(path, err))
		return path;
	free(path);
	return NULL;
}

static char *guess(const char *relative)
{
	const char *file = ncm_path_base(relative);

	if (depth_of(relative) != 3 || strncmp(relative, nobody, strlen(nobody)) == 0)
		return NULL;
	return ncm_strndup(relative, (size_t)(file - relative - 1));
}

static char *setting(const struct ncm_store *store, const char *path)
{
	(void)store;
	return ncm_asprintf("LM Studio: My Models, \"Models Directory\": %s", path);
}

const struct ncm_store_kind ncm_kind_lmstudio = {
    .name = "lmstudio",
    .admits = admits,
    .place = place,
    .guess = guess,
    .setting = setting,
};

/* SPDX-License-Identifier: MIT */
/* What is so at the moment: the stores, what models.json names, what names a blob. */
#include "upkeep/upkeep.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

char *upkeep_inode_key(const struct os_stat *status)
{
	return ncm_asprintf("%llx:%llx", (unsigned long long)status->device, (unsigned long long)status->inode);
}

/* by_path: absolute path → id. by_inode: inode → paths that lead to it, through links too. by_digest: in hex. */
static void learn_user(struct upkeep *upkeep, const char *id, const struct ncm_reg_file *file)
{
	char hex[NCM_SHA256_HEX + 1];
	struct os_stat status;

	json_object_set_new_nocheck(upkeep->by_path, file->abs, json_string_nocheck(id));
	if (!ncm_sha256_is_zero(&file->sha256))
		json_object_set_new_nocheck(upkeep->by_digest, ncm_sha256_hex(&file->sha256, hex), json_true());
	if (os_stat(OS_HERE, file->abs, &status) < 0) {
		/* Where it leads to is not known, and it may lead anywhere. */
		if (errno != ENOENT && errno != ENOTDIR)
			*NCM_PUSH(upkeep->unseen, upkeep->unseen_count) =
			    (struct unseen){file->abs, file->size, !ncm_sha256_is_zero(&file->sha256)};
	} else {
		NCM_AUTO_FREE char *key = upkeep_inode_key(&status);
		json_t *paths = json_object_get(upkeep->by_inode, key);

		if (!paths) {
			paths = json_array();
			json_object_set_new_nocheck(upkeep->by_inode, key, paths);
		}
		json_array_append_new(paths, json_string_nocheck(file->abs));
	}
}

void upkeep_learn_users(struct upkeep *upkeep)
{
	for (size_t i = 0; i < upkeep->registry->count; i++) {
		const struct ncm_reg_model *model = &upkeep->registry->models[i];

		for (size_t k = 0; k < model->file_count && !json_object_get(upkeep->leaving, model->id); k++)
			learn_user(upkeep, model->id, &model->files[k]);
	}
}

/* Two paths can lead to one name of a file: through links. Two names of one file are no hindrance to each other. */
const char *upkeep_user(const struct upkeep *upkeep, const char *path, const struct os_stat *seen)
{
	const char *id = json_string_value(json_object_get(upkeep->by_path, path));
	NCM_AUTO_FREE char *key = upkeep_inode_key(seen);
	const json_t *paths = json_object_get(upkeep->by_inode, key);
	NCM_AUTO_FREE char *real = id || !paths || seen->kind == OS_IS_LINK ? NULL : os_real_path(path);
	const json_t *other;
	size_t i;

	if (id || !real)
		return id;
	json_array_foreach(paths, i, other)
	{
		NCM_AUTO_FREE char *leads_to = os_real_path(json_string_value(other));

		if (leads_to && strcmp(leads_to, real) == 0)
			return json_string_value(json_object_get(upkeep->by_path, json_string_value(other)));
	}
	return NULL;
}

size_t upkeep_store_of(const struct upkeep *upkeep, const char *path, const char *id)
{
	return ncm_layout_store_of(upkeep->layout, path, id);
}

const char *upkeep_blob_key(const struct ncm_store *store, const char *relative)
{
	return store->kind->blob_key ? store->kind->blob_key(relative) : NULL;
}

bool upkeep_is_tag(const struct upkeep *upkeep, size_t store, const char *relative)
{
	const struct ncm_store_kind *kind = store == NOWHERE ? NULL : upkeep->layout->stores[store].kind;

	return kind && kind->is_tag && kind->is_tag(relative);
}

static bool have_one_folder_of_blobs(const struct upkeep *upkeep, size_t a, size_t b)
{
	struct os_stat one, other;

	return os_stat(upkeep->facts[a].dirfd, "blobs", &one) == 0 &&
	       os_stat(upkeep->facts[b].dirfd, "blobs", &other) == 0 && one.device == other.device &&
	       one.inode == other.inode;
}

/* Where links lead two stores to one folder of blobs, each names what lies there. */
static void learn_names_of_others(struct upkeep *upkeep, size_t store)
{
	const struct ncm_store *in = &upkeep->layout->stores[store];
	struct store_facts *facts = &upkeep->facts[store];

	for (size_t i = 0; i < upkeep->layout->count; i++) {
		const struct ncm_store *other = &upkeep->layout->stores[i];
		NCM_AUTO_JSON json_t *named = NULL;
		const char *key;
		json_t *names;
		bool complete;

		if (other->kind != in->kind || upkeep->facts[i].dirfd < 0 || ncm_stores_share(other, in) ||
		    !have_one_folder_of_blobs(upkeep, store, i))
			continue;
		named = in->kind->named(upkeep->facts[i].dirfd, &complete);
		facts->complete = facts->complete && complete;
		json_object_foreach(named, key, names)
		{
			json_t *all = json_object_get(facts->named, key);
			NCM_AUTO_FREE char *by =
			    ncm_asprintf("%s: %s", other->id, json_string_value(json_array_get(names, 0)));

			if (!all) {
				all = json_array();
				json_object_set_new_nocheck(facts->named, key, all);
			}
			json_array_append_new(all, json_string_nocheck(by));
		}
	}
}

void upkeep_learn_names(struct upkeep *upkeep, size_t store, bool anew)
{
	const struct ncm_store_kind *kind = upkeep->layout->stores[store].kind;
	struct store_facts *facts = &upkeep->facts[store];

	if (facts->dirfd < 0 || (facts->named && !anew))
		return;
	json_decref(facts->named);
	facts->complete = true;
	facts->named = kind->named ? kind->named(facts->dirfd, &facts->complete) : json_object();
	if (kind->named)
		learn_names_of_others(upkeep, store);
	if (upkeep_kind_of(kind)->learn_names)
		upkeep_kind_of(kind)->learn_names(upkeep, store);
}

const char *upkeep_named_by(const struct upkeep *upkeep, size_t store, const char *key)
{
	const struct store_facts *facts = &upkeep->facts[store];
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(facts->named, key), i, name)
	{
		if (!json_object_get(facts->leaving, json_string_value(name)))
			return json_string_value(name);
	}
	return NULL;
}

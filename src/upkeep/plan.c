/* SPDX-License-Identifier: MIT */
/* A plan from its beginning to its end. */
#include "upkeep/upkeep.h"

#include "base/mem.h"
#include "base/strings.h"
#include "os/os.h"
#include "registry/moving.h"
#include "registry/write.h"

#include <errno.h>
#include <string.h>

static void open_stores(struct upkeep *upkeep)
{
	const struct ncm_layout *layout = upkeep->layout;
	struct os_stat status;

	upkeep->facts = ncm_calloc(layout->count, sizeof *upkeep->facts);
	for (size_t i = 0; i < layout->count; i++) {
		struct store_facts *facts = &upkeep->facts[i];

		facts->dirfd = ncm_store_peek(&layout->stores[i]);
		facts->failure = facts->dirfd < 0 ? errno : 0;
		/* A link to a disk that is not there just now is not a store that is not there. */
		if (facts->failure == ENOENT && os_lstat(OS_HERE, layout->stores[i].path, &status) == 0)
			facts->failure = ENOTDIR;
		facts->leaving = json_object();
		facts->unread = json_object();
		for (size_t k = 0; k < i; k++)
			facts->twin = facts->twin || strcmp(layout->stores[k].path, layout->stores[i].path) == 0;
	}
}

static void copy_request(const struct request *request, struct request *copy)
{
	*copy = *request;
	copy->names = (struct ncm_strings){0};
	ncm_strings_add_all(&copy->names, &request->names);
}

static struct upkeep *open_upkeep(const struct request *request, struct ncm_error *err)
{
	struct ncm_layout *layout = moving_layout(request->config, err);
	NCM_AUTO_FREE char *path = layout ? ncm_layout_registry(layout, request->config) : NULL;
	struct ncm_registry *registry = path ? ncm_registry_read(path, err) : NULL;
	struct upkeep *upkeep;

	if (!registry) {
		ncm_layout_free(layout);
		return NULL;
	}
	upkeep = ncm_calloc(1, sizeof *upkeep);
	copy_request(request, &upkeep->request);
	upkeep->layout = layout;
	upkeep->registry = registry;
	upkeep->leaving = json_object();
	upkeep->by_path = json_object();
	upkeep->by_inode = json_object();
	upkeep->by_digest = json_object();
	upkeep->listed = json_object();
	upkeep->removal = ncm_calloc(1, sizeof *upkeep->removal);
	upkeep->removal->impl = upkeep;
	upkeep->said = authority_of_registry(path);
	open_stores(upkeep);
	return upkeep;
}

static void free_list(struct upkeep *upkeep)
{
	struct ncm_removal *removal = upkeep->removal;

	for (size_t i = 0; i < removal->count; i++) {
		free(removal->files[i].path);
		free(removal->files[i].model);
		free(removal->files[i].store);
		free(removal->files[i].why);
		free(removal->files[i].target);
		free(removal->files[i].real);
		free(removal->files[i].was);
		free(removal->files[i].since);
		free(upkeep->targets[i].relative);
	}
	for (size_t i = 0; i < upkeep->absent_count; i++)
		free(upkeep->absent[i].relative);
	free(removal->files);
	free(upkeep->targets);
	free(upkeep->absent);
	ncm_strings_free(&removal->models);
	ncm_strings_free(&removal->warnings);
	ncm_strings_free(&removal->failures);
	ncm_strings_free(&removal->undone);
	free(removal);
}

void upkeep_free(struct upkeep *upkeep)
{
	if (!upkeep)
		return;
	free_list(upkeep);
	for (size_t i = 0; i < upkeep->layout->count; i++) {
		if (upkeep->facts[i].dirfd >= 0)
			os_close(upkeep->facts[i].dirfd);
		json_decref(upkeep->facts[i].named);
		json_decref(upkeep->facts[i].leaving);
		json_decref(upkeep->facts[i].unread);
	}
	free(upkeep->facts);
	json_decref(upkeep->leaving);
	json_decref(upkeep->by_path);
	json_decref(upkeep->by_inode);
	json_decref(upkeep->by_digest);
	json_decref(upkeep->listed);
	json_decref(upkeep->wanted);
	free(upkeep->unseen);
	ncm_registry_free(upkeep->registry);
	ncm_layout_free(upkeep->layout);
	ncm_strings_free(&upkeep->request.names);
	ncm_error_clear(&upkeep->error);
	free(upkeep);
}

struct upkeep *upkeep_plan(const struct request *request, struct ncm_error *err)
{
	struct upkeep *upkeep = open_upkeep(request, err);
	int failed;

	if (!upkeep)
		return NULL;
	failed = request->is_move   ? upkeep_plan_moved(upkeep, err)
		 : request->collect ? upkeep_plan_collection(upkeep, err)
				    : upkeep_plan_removal(upkeep, err);
	upkeep->request.selector = NULL; /* the caller's; a plan that is made again has names */
	if (!failed && ncm_interrupted())
		failed = ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted; nothing was removed");
	if (failed) {
		upkeep_free(upkeep);
		return NULL;
	}
	upkeep_count(upkeep);
	return upkeep;
}

void ncm_removal_free(struct ncm_removal *removal)
{
	if (removal)
		upkeep_free(removal->impl);
}

/* SPDX-License-Identifier: MIT */
/* Which folders of other stores an application can be told of: by the names that layouts give them. */
#include "configure/work.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <string.h>

/* The application's own: but not where the user alone says that a folder of it lies elsewhere. */
static bool is_known_to(const struct ncm_store *own, const struct ncm_store *store)
{
	return store == own || (ncm_store_is_of(store, own->id) && store->why == NCM_PLACED_BY_APPLICATION);
}

static bool is_chosen(const struct work *work, const struct ncm_store *store)
{
	const struct ncm_configure_options *options = work->options;

	if (work->own && is_known_to(work->own, store))
		return false;
	for (size_t i = 0; i < options->store_count; i++) {
		if (ncm_store_is_of(store, options->stores[i]))
			return true;
	}
	return options->store_count == 0;
}

/* Programs and settings are no models. */
static bool is_of_models(const char *folder)
{
	return strcmp(folder, "custom_nodes") != 0 && strcmp(folder, "workflows") != 0 &&
	       strcmp(folder, "extensions") != 0;
}

static bool is_folder(const char *path)
{
	struct os_stat status;

	return os_stat(OS_HERE, path, &status) == 0 && status.kind == OS_IS_FOLDER;
}

static void offer(struct work *work, const struct ncm_store *store, const char *folder, const char *relative)
{
	NCM_AUTO_FREE char *path = ncm_path_join(store->path, relative);

	if (is_of_models(folder) && is_folder(path))
		*NCM_PUSH(work->offers, work->offer_count) = (struct offer){store, folder, ncm_strdup(path)};
}

void find_offers(struct work *work)
{
	for (size_t i = 0; i < work->layout->count; i++) {
		const struct ncm_store *store = &work->layout->stores[i];

		if (!is_chosen(work, store))
			continue;
		if (store->part_of)
			offer(work, store, store->part, "");
		for (size_t k = 0; k < store->folder_count; k++)
			offer(work, store, store->folders[k].name, store->folders[k].path);
	}
}

const char *key_of(const char *const (*keys)[2], const char *folder)
{
	for (; (*keys)[0]; keys++) {
		if (strcmp((*keys)[0], folder) == 0)
			return (*keys)[1];
	}
	return NULL;
}

bool is_utf8(const char *text)
{
	uint32_t character;
	size_t size;

	for (size_t left = strlen(text); left > 0; left -= size, text += size) {
		size = ncm_utf8_decode(text, left, &character);
		if (size == 0)
			return false;
	}
	return true;
}

/* What a file of lines can hold as it is. */
bool is_one_line(const char *text)
{
	uint32_t character;

	if (*text == ' ' || !is_utf8(text))
		return false;
	while (*text) {
		text += ncm_utf8_decode(text, strlen(text), &character);
		if (ncm_char_is_unsafe(character))
			return false;
	}
	return true;
}

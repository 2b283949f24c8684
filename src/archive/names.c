/* SPDX-License-Identifier: MIT */
#include "archive/names.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"

#include <string.h>
#include <strings.h>

/*
 * ncm_path_check, but our own names are only ours at the top: a "models.json" deeper in somebody's sources is theirs.
 * It is checked under another name of the same length.
 */
static bool path_is_good(const char *path, struct ncm_error *err)
{
	static const char *const ours[] = {"models.json", "ncmodel.lock", "ncmodel.lock.checkpoints", ".ncmodel"};
	NCM_AUTO_FREE char *renamed = NULL;

	if (ncm_path_check(path, err))
		return true;
	renamed = ncm_strdup(path);
	for (char *at = strchr(renamed, '/'); at; at = strchr(at, '/')) {
		size_t size = strcspn(++at, "/");

		for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
			if (strlen(ours[i]) == size && strncasecmp(at, ours[i], size) == 0)
				memset(at, 'x', size);
		}
	}
	if (!ncm_path_check(renamed, NULL))
		return false;
	ncm_error_clear(err);
	return true;
}

/* Behind the first component, or at the end. */
static const char *after_component(const char *path)
{
	path += strcspn(path, "/");
	return path + strspn(path, "/");
}

int names_check(const char *raw, bool folder, unsigned strip, char **path, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *name = ncm_strdup(raw);
	size_t size = strlen(name);
	const char *at = name;

	*path = NULL;
	while (folder && size > 1 && name[size - 1] == '/')
		name[--size] = '\0';
	while (strncmp(at, "./", 2) == 0) {
		at = after_component(at);
		strip -= strip > 0;
	}
	if (folder && (strcmp(at, ".") == 0 || *at == '\0')) /* the folder itself */
		return 0;
	/* Before anything is dropped: "../x" is a hostile name, whatever is left of it. */
	if (!path_is_good(at, &why))
		goto refused;
	for (; strip > 0 && *at; strip--)
		at = after_component(at);
	if (*at == '\0')
		return 0;
	if (!path_is_good(at, &why))
		goto refused;
	*path = ncm_strdup(at);
	return 0;
refused:
	ncm_error_wrap(&why, "archive");
	return ncm_error_move(err, &why);
}

/* A file, or a folder above one, by what it folds to. Digests instead of names: a hostile archive can have a gigabyte
 * of those. */
struct place {
	struct ncm_sha256 folded;
	struct ncm_sha256 exact;
	size_t entry;
	bool folder;
};

static int by_fold(const void *a, const void *b)
{
	return memcmp(&((const struct place *)a)->folded, &((const struct place *)b)->folded,
		      sizeof(struct ncm_sha256));
}

static void add_place(struct place **places, size_t *count, const char *path, size_t entry, bool folder)
{
	NCM_AUTO_FREE char *folded = ncm_path_fold(path);
	struct place *place = NCM_PUSH(*places, *count);

	ncm_sha256_of(folded, strlen(folded), &place->folded);
	ncm_sha256_of(path, strlen(path), &place->exact);
	place->entry = entry;
	place->folder = folder;
}

static void add_places(struct place **places, size_t *count, const struct entry *entries, size_t index)
{
	NCM_AUTO_FREE char *path = ncm_strdup(entries[index].path);
	const char *previous = index > 0 && entries[index - 1].path ? entries[index - 1].path : "";
	char *slash;

	add_place(places, count, path, index, entries[index].folder);
	while ((slash = strrchr(path, '/'))) {
		size_t size = (size_t)(slash - path);

		/* Neighbours share folders: those were added with the one before. */
		if (strncmp(previous, path, size + 1) == 0)
			return;
		*slash = '\0';
		add_place(places, count, path, index, true);
	}
}

int names_collide(const struct entry *entries, size_t count, struct ncm_error *err)
{
	NCM_AUTO_FREE struct place *places = NULL;
	size_t all = 0;

	for (size_t i = 0; i < count; i++) {
		if (entries[i].path)
			add_places(&places, &all, entries, i);
	}
	if (all > 0)
		qsort(places, all, sizeof *places, by_fold);
	for (size_t i = 1; i < all; i++) {
		const struct place *a = &places[i - 1], *b = &places[i];

		if (by_fold(a, b) == 0 && !(a->folder && b->folder && ncm_sha256_equal(&a->exact, &b->exact)))
			return ncm_error_set(err, NCM_E_POLICY,
					     "refused archive: \"%s\" and \"%s\" are one name to some file systems",
					     entries[a->entry].path, entries[b->entry].path);
	}
	return 0;
}

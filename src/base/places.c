/* SPDX-License-Identifier: MIT */
#include "base/places.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>

struct spot {
	char *key; /* root and folded path */
	const struct ncm_spot *place;
};

/* Spots of one key, of which the others are below the next group's or beside it. */
struct group {
	const struct spot *first, *last;
};

struct search {
	struct group *groups; /* the open ones, each below the one before it */
	size_t depth;
	ncm_places_clash clash;
	void *context;
};

/* A slash comes before all else, so that what is below a name follows it at once. */
static int compare_keys(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (!*a || !*b)
		return *a ? 1 : -1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int compare_spots(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;
	const int order = compare_keys(x->key, y->key);

	if (order != 0)
		return order;
	return x->place->number < y->place->number ? -1 : x->place->number > y->place->number;
}

static bool is_equal(const struct spot *a, const struct spot *b)
{
	return strcmp(a->key, b->key) == 0;
}

static bool tell(const struct search *search, const struct spot *upper, const struct spot *lower)
{
	const bool below = !is_equal(upper, lower);

	if (upper->place->is_folder && (below || lower->place->is_folder))
		return false;
	return search->clash(search->context, upper->place, lower->place, below);
}

/* From the nearest name above to the farthest. */
static void look_up(const struct search *search, const struct spot *spot)
{
	for (size_t i = search->depth; i > 0; i--) {
		const struct group *group = &search->groups[i - 1];

		if (tell(search, group->first, spot) ||
		    (group->last != group->first && tell(search, group->last, spot)))
			return;
	}
}

static void take(struct search *search, const struct spot *spot)
{
	struct group *top;

	while (search->depth > 0) {
		top = &search->groups[search->depth - 1];
		if (is_equal(top->first, spot) || ncm_path_below(spot->key, top->first->key))
			break;
		search->depth--;
	}
	look_up(search, spot);
	top = search->depth > 0 ? &search->groups[search->depth - 1] : NULL;
	if (top && is_equal(top->first, spot))
		top->last = spot;
	else
		search->groups[search->depth++] = (struct group){spot, spot};
}

void ncm_places_check(const struct ncm_spot *places, size_t count, ncm_places_clash clash, void *context)
{
	NCM_AUTO_FREE struct spot *spots = ncm_calloc(count, sizeof *spots);
	NCM_AUTO_FREE struct group *groups = ncm_calloc(count, sizeof *groups);
	struct search search = {.groups = groups, .clash = clash, .context = context};

	for (size_t i = 0; i < count; i++) {
		NCM_AUTO_FREE char *folded = ncm_path_fold(places[i].path);

		spots[i] = (struct spot){ncm_asprintf("%s/%s", places[i].root, folded), &places[i]};
	}
	if (count > 1)
		qsort(spots, count, sizeof *spots, compare_spots);
	for (size_t i = 0; i < count; i++)
		take(&search, &spots[i]);
	for (size_t i = 0; i < count; i++)
		free(spots[i].key);
}

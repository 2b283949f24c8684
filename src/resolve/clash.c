/* SPDX-License-Identifier: MIT */
#include "resolve/content.h"

#include "base/mem.h"
#include "base/places.h"

/* Which place a spot is. */
struct spot_of {
	const struct content *content;
	const struct place *place;
};

struct spots {
	const struct run *run;
	struct spot_of *of;
};

char *wanted_other_name(const struct run *run, const struct wanted *wanted)
{
	const struct ncm_target *target = wanted->spec->to_count > 0 ? &wanted->spec->to[0] : NULL;

	if (run->models[wanted->model].model->phase > 0 || !target)
		return ncm_strdup("have both: give it another \"name\" in its manifest's \"to\"");
	return ncm_asprintf("have both: pull this one by itself, with --to %s/%s/NAME", target->store,
			    target->folder ? target->folder : "");
}

static void refuse_shared(const struct run *run, const struct spot_of *first, const struct spot_of *second)
{
	const struct wanted *wanted = &run->wanted[second->place->wanted];
	NCM_AUTO_FREE char *other_name = wanted_other_name(run, wanted);
	struct ncm_error why = NCM_ERROR_INIT;

	ncm_error_set(&why, NCM_E_POLICY,
		      "%s: %s would go to %s, and %s of %s to %s: nothing says that they are the same",
		      model_id(run, wanted), second->content->name, second->place->path, first->content->name,
		      model_id(run, &run->wanted[first->place->wanted]), first->place->path);
	ncm_error_hint(&why, "%s", other_name);
	model_fail(model_of(run, second->place->wanted), &why);
	ncm_error_clear(&why);
}

/* The one that was wanted first may stay. */
static bool is_clash(void *context, const struct ncm_spot *upper, const struct ncm_spot *lower, bool below)
{
	const struct spots *spots = context;
	const struct spot_of *a = &spots->of[upper->number], *b = &spots->of[lower->number];

	if (!below && a->content == b->content)
		return false;
	refuse_shared(spots->run, upper->number < lower->number ? a : b, upper->number < lower->number ? b : a);
	return true;
}

void contents_refuse_clashes(const struct run *run, const struct contents *contents)
{
	struct spots spots = {.run = run};
	struct ncm_spot *list = NULL;
	size_t count = 0, of_count = 0;

	for (size_t i = 0; i < contents->count; i++) {
		const struct content *content = &contents->items[i];

		for (size_t k = 0; k < content->place_count; k++) {
			const struct place *place = &content->places[k];

			*NCM_PUSH(spots.of, of_count) = (struct spot_of){content, place};
			*NCM_PUSH(list, count) = (struct ncm_spot){
			    .root = place->store->path,
			    .path = place->relative,
			    .is_folder = content->kind == CONTENT_ARCHIVE,
			    .number = of_count - 1,
			};
		}
	}
	ncm_places_check(list, count, is_clash, &spots);
	free(list);
	free(spots.of);
}

/* SPDX-License-Identifier: MIT */
/* Where names come last (store/names.h): all bytes of the model are there, then all names, then what means the
 * revision. */
#include "carry/carry.h"

#include "base/mem.h"
#include "store/names.h"

/* Calls with each place of the model, until one fails. */
static int each_place(const struct carry *carry, size_t model,
		      int (*call)(const struct run *run, const struct place *place, struct ncm_error *err),
		      struct ncm_error *err)
{
	const struct contents *contents = &carry->planned->contents;

	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const struct content *content = carry->planned->items[contents->of_models[i]].content;

		for (size_t k = 0; k < content->place_count; k++) {
			const struct place *place = &content->places[k];

			if (carry->run->wanted[place->wanted].model == model && call(carry->run, place, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int give_name(const struct run *run, const struct place *place, struct ncm_error *err)
{
	(void)run;
	return store_give_name(place->store, place->relative, place->blob, err);
}

static int refer(const struct run *run, const struct place *place, struct ncm_error *err)
{
	NCM_AUTO_FREE char *reference = ncm_source_reference(run->wanted[place->wanted].uri);

	return store_refer(place->store, place->relative, reference, err);
}

int carry_name_model(struct carry *carry, size_t index)
{
	struct ncm_error err = NCM_ERROR_INIT;
	int failed = each_place(carry, index, give_name, &err);

	/* A repair brings back what was there, and no branch moves. */
	if (!failed && !carry->planned->repairs)
		failed = each_place(carry, index, refer, &err);
	if (failed)
		model_fail(&carry->run->models[index], &err);
	ncm_error_clear(&err);
	return failed;
}

/* SPDX-License-Identifier: MIT */
#include "show_choice.h"

#include "model_name.h"
#include "ui/text.h"

#include <string.h>

static void add(struct shown_list *list, const struct ncm_model *offered, const struct ncm_reg_model *registered)
{
	list->items = memory_grow(list->items, list->count + 1, sizeof *list->items);
	list->items[list->count++] = (struct shown){offered, registered};
}

/* One name, and the other selectors of the settings (borrowed) if `filtered`. */
static struct ncm_selector with_name(const struct session *session, const char *name, bool filtered)
{
	struct ncm_selector selector = filtered ? session->settings.selector : (struct ncm_selector){0};

	selector.names = (struct ncm_strings){0};
	words_add(&selector.names, name);
	return selector;
}

/* The model of the catalog that is chosen so, not what it requires; NULL with *err. */
static const struct ncm_model *find_offered(struct session *session, const char *name, bool filtered,
					    struct ncm_error *err)
{
	struct ncm_selector selector;
	struct ncm_model **chosen = NULL;
	const struct ncm_model *found = NULL;
	size_t count = 0;

	if (!session->catalog)
		return NULL;
	selector = with_name(session, name, filtered);
	if (ncm_select(session->catalog, &selector, &chosen, &count, err) == 0) {
		for (size_t i = count; i > 0; i--) {
			if (!chosen[i - 1]->required_only)
				found = chosen[i - 1];
		}
	}
	free(chosen);
	ncm_strings_free(&selector.names);
	return found;
}

/* The registered model if no selector leaves it out; else NULL with *err. */
static const struct ncm_reg_model *filter_registered(const struct session *session, const struct ncm_registry *registry,
						     const struct ncm_reg_model *model, struct ncm_error *err)
{
	struct ncm_selector selector = with_name(session, model->id, true);
	const struct ncm_reg_model **chosen = NULL;
	size_t count = 0;
	const bool left_out = ncm_registry_select(registry, &selector, &chosen, &count, err) < 0;

	free(chosen);
	ncm_strings_free(&selector.names);
	return left_out ? NULL : model;
}

/*
 * Of what a name chose adds what the other selectors leave; *why says what left nothing. What a source spelled out is,
 * is guessed where models.json knows.
 */
static void add_filtered(struct session *session, const struct ncm_registry *registry, const char *name,
			 const struct ncm_reg_model *same, const struct ncm_reg_model *named, struct shown_list *list,
			 struct ncm_error *why)
{
	const struct ncm_model *found = find_offered(session, name, true, why);
	const struct ncm_model *offered = found && model_is_spelled_out(found) && (same || named) ? NULL : found;
	const struct ncm_reg_model *registered = offered ? named : same ? same : named;

	if (offered)
		add(list, offered, same);
	if (registered && filter_registered(session, registry, registered, why))
		add(list, NULL, registered);
}

/* A name may be that of a model which a manifest offers, and of another one that is installed: both are shown. */
static int choose_named(struct session *session, const struct ncm_registry *registry, const char *name,
			struct shown_list *list, struct ncm_error *left_out)
{
	struct ncm_error not_offered = NCM_ERROR_INIT, not_found = NCM_ERROR_INIT;
	const struct ncm_model *offered = find_offered(session, name, false, &not_offered);
	const struct ncm_reg_model *same = offered ? ncm_registry_same(registry, offered) : NULL;
	const struct ncm_reg_model *named = same ? NULL : ncm_registry_get(registry, name, &not_found);
	/* Only a name of several models comes with a hint; for another, the manifests know what is called nearly so. */
	struct ncm_error *why = not_offered.code == NCM_OK || not_found.hint ? &not_found : &not_offered;

	if (!offered && !named) {
		ncm_error_clear(why == &not_found ? &not_offered : &not_found);
		return session_fail(session, why);
	}
	ncm_error_clear(&not_offered);
	ncm_error_clear(&not_found);
	add_filtered(session, registry, name, same, named, list, left_out);
	return 0;
}

/* An id that several profiles offer is shown as the first of them has it. `taken` learns the ids of what is installed.
 */
static void add_offered(const struct ncm_registry *registry, struct ncm_model *const *offered, size_t count,
			json_t *taken, struct shown_list *list)
{
	json_t *seen = json_object();

	for (size_t i = 0; i < count; i++) {
		const struct ncm_reg_model *same =
		    offered[i]->required_only ? NULL : ncm_registry_same(registry, offered[i]);

		if (same)
			json_add_new(taken, same->id);
		if (json_add_new(seen, offered[i]->id) && !offered[i]->required_only)
			add(list, offered[i], same);
	}
	json_decref(seen);
}

/* What is installed, and was not shown with what is offered. */
static void add_others(const struct ncm_reg_model *const *installed, size_t count, json_t *taken,
		       struct shown_list *list)
{
	for (size_t i = 0; i < count; i++) {
		if (json_add_new(taken, installed[i]->id))
			add(list, NULL, installed[i]);
	}
}

/* Without names: what the other selectors choose of the manifests, then of what is installed besides. */
static int choose_all(struct session *session, const struct ncm_registry *registry, struct shown_list *list)
{
	const struct ncm_selector *selector = &session->settings.selector;
	struct ncm_error not_offered = NCM_ERROR_INIT, not_found = NCM_ERROR_INIT;
	struct ncm_model **offered = NULL;
	const struct ncm_reg_model **installed = NULL;
	size_t offered_count = 0, installed_count = 0;
	json_t *taken = json_object();
	bool none =
	    !session->catalog || ncm_select(session->catalog, selector, &offered, &offered_count, &not_offered) < 0;

	none = ncm_registry_select(registry, selector, &installed, &installed_count, &not_found) < 0 && none;
	add_offered(registry, offered, offered_count, taken, list);
	add_others(installed, installed_count, taken, list);
	json_decref(taken);
	free(offered);
	free(installed);
	if (not_offered.code == NCM_OK)
		ncm_error_move(&not_offered, &not_found);
	ncm_error_clear(&not_found);
	if (none)
		return session_fail(session, &not_offered);
	ncm_error_clear(&not_offered);
	return 0;
}

int show_choose(struct session *session, const struct ncm_registry *registry, struct shown_list *list)
{
	const struct ncm_strings *names = &session->settings.operands;
	struct ncm_error left_out = NCM_ERROR_INIT;
	int exit_code = 0;

	if (names->count == 0)
		return choose_all(session, registry, list);
	for (size_t i = 0; i < names->count; i++) {
		const int code = choose_named(session, registry, names->items[i], list, &left_out);

		exit_code = code ? code : exit_code;
	}
	if (list->count == 0 && exit_code == 0)
		return session_fail(session, &left_out);
	ncm_error_clear(&left_out);
	return exit_code;
}

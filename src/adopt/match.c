/* SPDX-License-Identifier: MIT */
/* Models that manifests or the lock pin: all of their bytes are here, or they are refused with what is missing. */
#include "adopt/adopt.h"

#include "base/mem.h"
#include "source/source.h"

#include <string.h>

/* Whether any of it is news; what is registered or went into another entry is not. */
static bool is_news(const struct match *match)
{
	for (size_t i = 0; i < match->count; i++) {
		const struct found *found = match->pieces[i].found;

		if (found && !found->known && !found->taken && found_is_read(found))
			return true;
	}
	return false;
}

static const struct ncm_reg_model *registered_as(const struct adopt *adopt, const char *id)
{
	for (size_t i = 0; i < adopt->registry->count; i++) {
		if (strcmp(adopt->registry->models[i].id, id) == 0)
			return &adopt->registry->models[i];
	}
	return NULL;
}

/* The entry that these files have already, or that has the id: it is brought up to date, not doubled. */
static const struct ncm_reg_model *older_entry(const struct adopt *adopt, const struct match *match, const char *id)
{
	for (size_t i = 0; i < match->count; i++) {
		if (match->pieces[i].found && match->pieces[i].found->registered)
			return match->pieces[i].found->registered;
	}
	return registered_as(adopt, id);
}

/* Its digest is what the spec or the lock pins, so what the spec names can bring it back. */
static void add_piece_file(const struct adopt *adopt, const struct piece *piece, struct ncm_reg_model *entry)
{
	struct origin origin = piece->spec ? origin_of_spec(adopt, piece->spec) : origin_of(piece->found, piece->file);

	entry_add_file(entry, piece->file, piece->role, &origin);
	origin_clear(&origin);
}

static void take_pieces(const struct adopt *adopt, struct match *match, struct ncm_reg_model *entry)
{
	for (size_t i = 0; i < match->count; i++) {
		add_piece_file(adopt, &match->pieces[i], entry);
		if (match->pieces[i].found)
			match->pieces[i].found->taken = true;
	}
	entry->store = entry->file_count > 0 ? ncm_strdup_null(entry->files[0].store) : NULL;
}

/* The canonical spelling of the place that the bytes are of, and its revision where the lock or the store knows it. */
static void set_source(struct adopt *adopt, const struct ncm_file_spec *spec, const struct match *match,
		       struct ncm_reg_model *entry)
{
	const char *uri = spec->from.items[0];
	const struct found *found = match->pieces[0].found;

	if (found && found->seen->form == NCM_SURVEY_TAG) {
		entry->source = ncm_asprintf("%s@%s", found->seen->entry.source, found->seen->entry.revision);
		entry->revision = ncm_strdup(found->seen->entry.revision);
		adopt_pin_ollama(adopt, found, uri, spec->has_digest ? "manifest" : "upstream");
	} else {
		const struct origin origin = origin_of_spec(adopt, spec);

		entry->source = origin.source;
		entry->revision = origin.revision;
	}
}

static void take_form(struct adopt *adopt, const struct form *form, struct match *match)
{
	const struct ncm_file_spec *spec = form->variant ? form->variant->files : form->model->files;
	const struct ncm_reg_model *old = older_entry(adopt, match, form->model->id);
	struct ncm_reg_model borrowed = {0}, entry;

	registry_describe(form->model, form->variant, &borrowed);
	borrowed.trust = (char *)(spec->has_sha256 || spec->has_digest ? "manifest" : "upstream");
	registry_model_copy(&entry, &borrowed);
	take_pieces(adopt, match, &entry);
	set_source(adopt, spec, match, &entry);
	if (old) {
		free(entry.id);
		entry.id = ncm_strdup(old->id);
	}
	adopt_put(adopt, &entry, old ? NCM_ADOPT_CHANGED : NCM_ADOPT_NEW, "manifest", NULL);
}

static struct form form_of(const struct ncm_model *model, size_t index)
{
	return (struct form){model, index > 0 ? &model->variants[index - 1] : NULL};
}

/* The first form that is all there. */
static void take_model(struct adopt *adopt, const struct ncm_model *model)
{
	for (size_t i = 0; i <= model->variant_count; i++) {
		const struct form form = form_of(model, i);
		struct match match;
		bool whole;

		if (!form_is_pinned(adopt, &form))
			continue;
		form_match(adopt, &form, &match);
		whole = match.had == match.wanted;
		if (whole && is_news(&match))
			take_form(adopt, &form, &match);
		match_clear(&match);
		if (whole)
			return;
	}
}

static void refuse_form(struct adopt *adopt, const struct form *form, struct match *match)
{
	struct ncm_reg_model borrowed = {0}, entry;

	registry_describe(form->model, form->variant, &borrowed);
	registry_model_copy(&entry, &borrowed);
	for (size_t i = 0; i < match->count; i++) {
		struct found *found = match->pieces[i].found;

		if (found && !found->taken && !found->known)
			found->refused = true;
		add_piece_file(adopt, &match->pieces[i], &entry);
	}
	entry.store = ncm_strdup_null(entry.files[0].store);
	adopt_put(
	    adopt, &entry, NCM_ADOPT_REFUSED, "manifest",
	    ncm_asprintf("%zu of its %zu files are here; missing: %s", match->had, match->wanted, match->missing));
}

/* Weights that make sense with the rest alone are no model without it. */
static void refuse_partial(struct adopt *adopt, const struct ncm_model *model)
{
	for (size_t i = 0; i <= model->variant_count; i++) {
		const struct form form = form_of(model, i);
		struct match match;

		if (!form_is_pinned(adopt, &form))
			continue;
		form_match(adopt, &form, &match);
		if (match.had < match.wanted && match.weights && is_news(&match))
			refuse_form(adopt, &form, &match);
		match_clear(&match);
	}
}

void adopt_match_manifests(struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->catalog_count; i++) {
		for (size_t k = 0; k < adopt->catalogs[i]->count; k++)
			take_model(adopt, &adopt->catalogs[i]->models[k]);
	}
	/* A file may be part of one and the whole of another: only what no model took is told of. */
	for (size_t i = 0; i < adopt->catalog_count && !ncm_interrupted(); i++) {
		for (size_t k = 0; k < adopt->catalogs[i]->count; k++)
			refuse_partial(adopt, &adopt->catalogs[i]->models[k]);
	}
}

static void take_locked(struct adopt *adopt, const struct ncm_lock_entry *locked, struct match *match)
{
	const struct found *found = match->pieces[0].found;
	struct ncm_reg_model borrowed = found->seen->entry;
	NCM_AUTO_FREE char *id = NULL, *display = NULL;
	struct ncm_reg_model entry;

	ncm_source_names(locked->uri, &id, &display);
	borrowed.id = id;
	borrowed.display_name = display;
	borrowed.store = NULL;
	borrowed.source = locked->pinned ? locked->pinned : locked->uri;
	borrowed.revision = locked->revision;
	borrowed.trust = locked->trust;
	registry_model_copy(&entry, &borrowed);
	take_pieces(adopt, match, &entry);
	adopt_put(adopt, &entry, NCM_ADOPT_NEW, "lock", NULL);
}

void adopt_match_lock(struct adopt *adopt)
{
	for (size_t i = 0; i < adopt->lock->count; i++) {
		const struct ncm_lock_entry *locked = &adopt->lock->entries[i];
		struct ncm_strings from = {.items = (char **)&locked->uri, .count = 1};
		struct ncm_file_spec spec = {.from = from, .role = (char *)"weights"};
		struct ncm_model model = {.files = &spec, .file_count = 1};
		const struct form form = {&model, NULL};
		struct match match;

		if (locked->ollama_name || !form_is_pinned(adopt, &form))
			continue;
		form_match(adopt, &form, &match);
		if (match.had == match.wanted && is_news(&match) && !older_entry(adopt, &match, ""))
			take_locked(adopt, locked, &match);
		match_clear(&match);
	}
}

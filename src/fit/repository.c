/* SPDX-License-Identifier: MIT */
/* The quantizations of one repository: one shape, other weights. */
#include "fit/fit.h"

#include "base/mem.h"
#include "base/path.h"
#include "source/source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	PART = 15,                /* "-00001-of-00003" */
	WEIGHTS_ERROR_PERCENT = 2 /* of those whose header was not read */
};

static bool is_model(const char *name)
{
	return name && ncm_path_has_suffix(name, ".gguf") && !strcasestr(name, "mmproj") &&
	       !strcasestr(name, "imatrix");
}

/* A name without the number of its part. The caller frees it. */
static char *whole_name(const char *name)
{
	const char *of = strstr(name, "-of-");
	char *whole = ncm_strdup(name);

	if (of && of - name >= 6 && of[-6] == '-' && strlen(of) > PART - 6)
		memmove(whole + (of - name) - 6, of + PART - 6, strlen(of + PART - 6) + 1);
	return whole;
}

static struct ncm_fit_choice *choice_of(struct ncm_fit_choices *choices, const char *name)
{
	NCM_AUTO_FREE char *whole = whole_name(name);
	struct ncm_fit_choice *choice;

	for (size_t i = 0; i < choices->count; i++) {
		NCM_AUTO_FREE char *other = whole_name(choices->items[i].name);

		if (strcmp(other, whole) == 0)
			return &choices->items[i];
	}
	choice = NCM_PUSH(choices->items, choices->count);
	choice->name = ncm_strdup(name);
	return choice;
}

static int compare(const void *a, const void *b)
{
	const struct ncm_fit_choice *one = a, *other = b;

	return one->size < other->size ? -1 : one->size > other->size;
}

static int gather(const struct ncm_resolution *found, struct ncm_fit_choices *choices, struct ncm_error *err)
{
	for (size_t i = 0; i < found->count; i++) {
		const struct ncm_artifact *artifact = &found->artifacts[i];

		if (!is_model(artifact->name))
			continue;
		if (!artifact->has_size)
			return ncm_error_set(err, NCM_E_POLICY, "%s: the size of %s is not told", found->uri,
					     artifact->name);
		choice_of(choices, artifact->name)->size += artifact->size;
	}
	if (choices->count == 0)
		return ncm_error_set(err, NCM_E_POLICY, "%s has no GGUF file", found->uri);
	qsort(choices->items, choices->count, sizeof *choices->items, compare);
	return 0;
}

/* The header beside the weights is as long in all of them. */
static void judge(struct ncm_fit_choice *choice, const struct ncm_inspection *read, const struct ncm_fit *fit,
		  uint64_t room)
{
	const uint64_t header = read->size - read->weight_bytes;
	const uint64_t weights = choice->size > header ? choice->size - header : 0;
	const double more = (double)weights / (double)read->weight_bytes;
	struct ncm_fit its = *fit;

	its.card.weights = (uint64_t)((double)fit->card.weights * more);
	if (weights != read->weight_bytes)
		its.error += its.card.weights * WEIGHTS_ERROR_PERCENT / 100;
	choice->total = ncm_fit_sum(&its.card);
	choice->error = its.error;
	choice->verdict = ncm_fit_judge(&its, room);
}

static int judge_all(const struct ncm_inspection *read, const struct ncm_fit_wish *wish, uint64_t room,
		     struct ncm_fit_choices *choices, struct ncm_error *err)
{
	struct ncm_fit fit;

	if (read->weight_bytes == 0 || read->size < read->weight_bytes)
		return ncm_error_set(err, NCM_E_POLICY, "the header of %s tells no tensors", choices->items[0].name);
	ncm_fit_count(read, NULL, wish, &fit);
	for (size_t i = 0; i < choices->count; i++) {
		judge(&choices->items[i], read, &fit, room);
		if (choices->items[i].verdict == NCM_FIT_YES)
			choices->best = &choices->items[i];
	}
	ncm_fit_clear(&fit);
	return 0;
}

static struct ncm_resolution *resolve(const struct ncm_config *config, const char *uri, const struct ncm_sink *sink,
				      struct ncm_error *err)
{
	const struct ncm_file_spec spec = {.role = (char *)"weights"};
	struct ncm_http *http = ncm_http_new(config, sink);
	struct ncm_sources *sources = ncm_sources_new(config, http, sink);
	struct ncm_resolution *found = ncm_source_resolve(sources, uri, &spec, NULL, err);

	if (found)
		found->credential = NULL; /* the sources', which go now */
	ncm_sources_free(sources);
	ncm_http_free(http);
	return found;
}

static int look(const struct ncm_config *config, const char *uri, const struct ncm_fit_wish *wish, uint64_t room,
		const struct ncm_sink *sink, struct ncm_fit_choices *choices, struct ncm_error *err)
{
	struct ncm_resolution *found = resolve(config, uri, sink, err);
	struct ncm_inspection *read = NULL;
	int failed = found ? gather(found, choices, err) : -1;

	if (!failed) {
		NCM_AUTO_FREE char *file = ncm_source_file_at(uri, choices->items[0].name, found->revision);

		read = file ? ncm_inspect_source(config, file, NULL, sink, err) : NULL;
		failed = read ? judge_all(read, wish, room, choices, err) : -1;
	}
	ncm_inspection_free(read);
	ncm_resolution_free(found);
	return failed;
}

struct ncm_fit_choices *ncm_fit_repository(const struct ncm_config *config, const char *uri,
					   const struct ncm_fit_wish *wish, uint64_t room, const struct ncm_sink *sink,
					   struct ncm_error *err)
{
	struct ncm_fit_choices *choices = ncm_calloc(1, sizeof *choices);
	NCM_AUTO_FREE char *canonical = NULL;
	int failed = ncm_source_check(uri, false, &canonical, err);

	if (!failed && !ncm_source_is_whole(canonical))
		failed = ncm_error_set(err, NCM_E_USAGE, "%s is no whole repository", uri);
	if (!failed)
		failed = look(config, canonical, wish, room, sink, choices, err);
	if (!failed)
		return choices;
	ncm_fit_choices_free(choices);
	return NULL;
}

void ncm_fit_choices_free(struct ncm_fit_choices *choices)
{
	if (!choices)
		return;
	for (size_t i = 0; i < choices->count; i++)
		free(choices->items[i].name);
	free(choices->items);
	free(choices);
}

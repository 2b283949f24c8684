/* SPDX-License-Identifier: MIT */
#include "manifest/filter.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/strings.h"
#include "manifest/words.h"
#include "source/source.h"

#include <ncmodel/text.h>
#include <string.h>
#include <strings.h>

enum { PHASE_BITS = 32 };

/* How near the nearest of a model's names is. */
static size_t distance_to(const struct ncm_traits *traits, const char *word)
{
	size_t best = ncm_name_distance(word, traits->id);

	for (size_t i = 0; i <= traits->others.count; i++) {
		const char *name = i < traits->others.count ? traits->others.items[i] : traits->name;
		size_t distance = name ? ncm_name_distance(word, name) : best;

		best = distance < best ? distance : best;
	}
	return best;
}

/* Where the words that choose something are to be seen. */
static int hint_list(const char *which, struct ncm_error *err)
{
	return ncm_error_hint(err, *which ? "`ncmodel list` shows what is installed"
					  : "`ncmodel list --available` shows what there is");
}

/* What is spelled like an address, "word:…" or "org/repo" may have been meant as a source. */
static int hint_unlike_all(const char *word, const char *which, struct ncm_error *err)
{
	NCM_AUTO_FREE char *all = ncm_source_beginnings(0), *others = ncm_source_beginnings(1);

	if (!*which && strchr(word, ':') && !strchr(word, '/'))
		return ncm_error_hint(err,
				      "Ollama's model of that name is ollama:%s; other sources that are spelled out "
				      "begin with %s",
				      word, others);
	if (!*which && strpbrk(word, ":/"))
		return ncm_error_hint(err, "a source that is spelled out begins with %s", all);
	return hint_list(which, err);
}

/* Of "s3://bucket/x" or "foo:bar/baz" the length of "s3"; 0: it is no source's spelling. "host:5000/x" has a port. */
static size_t scheme_length(const char *word)
{
	const size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
	const bool begins = (*word >= 'a' && *word <= 'z') || (*word >= 'A' && *word <= 'Z');

	if (!begins || word[length] != ':' || (word[length + 1] >= '0' && word[length + 1] <= '9'))
		return 0;
	return length;
}

/* A source of a kind that does not exist, or that is misspelled. Returns 0 if it is none. */
static int unknown_source(const char *word, struct ncm_error *err)
{
	const size_t length = scheme_length(word);
	NCM_AUTO_FREE char *scheme = ncm_strndup(word, length), *shown = ncm_typed_shown(word);
	NCM_AUTO_FREE char *beginnings = ncm_source_beginnings(0);
	struct ncm_nearest nearest = {.to = scheme};
	const char *near;

	ncm_source_offer_schemes(&nearest);
	near = length > 0 ? ncm_nearest_close(&nearest) : NULL;
	if (length == 0 || (!near && !strchr(word, '/')))
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "%s: there is no kind of source \"%s:\"", shown, scheme);
	if (near)
		return ncm_error_hint(err, "did you mean %s:? sources begin with %s", near, beginnings);
	return ncm_error_hint(err, "sources begin with %s", beginnings);
}

static int unknown_name(const char *word, const struct ncm_traits *traits, size_t count, const char *which,
			struct ncm_error *err)
{
	struct ncm_nearest nearest = {.to = word};
	NCM_AUTO_FREE char *list = NULL, *shown = ncm_typed_shown(word);

	if (!*which && unknown_source(word, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		ncm_nearest_offer_at(&nearest, traits[i].id, distance_to(&traits[i], word));
	list = ncm_nearest_list(&nearest);
	ncm_error_set(err, NCM_E_USAGE, "no %smodel is called \"%s\"", which, shown);
	if (list)
		return ncm_error_hint(err, "did you mean %s?", list);
	return hint_unlike_all(word, which, err);
}

/* By ids, and by all names; hashed, for a script may name thousands. */
struct naming {
	struct ncm_word_index ids, all;
};

static void learn_names(struct naming *naming, const struct ncm_traits *traits, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ncm_word_index_add(&naming->ids, traits[i].id, i);
		ncm_word_index_add(&naming->all, traits[i].id, i);
		if (traits[i].name)
			ncm_word_index_add(&naming->all, traits[i].name, i);
		for (size_t k = 0; k < traits[i].others.count; k++)
			ncm_word_index_add(&naming->all, traits[i].others.items[k], i);
	}
}

/* Of several profiles, each model with that id is meant. */
static bool keep_word(const struct naming *naming, const char *word, struct ncm_traits *traits)
{
	/* An id is meant before another model's alias is. */
	const struct ncm_word_hit *by_id = ncm_word_index_find(&naming->ids, word);
	const struct ncm_word_hit *hit = by_id ? by_id : ncm_word_index_find(&naming->all, word);
	const bool found = hit != NULL;

	for (; hit; hit = hit->next)
		traits[hit->number].kept = true;
	return found;
}

static int keep_named(const struct ncm_strings *names, struct ncm_traits *traits, size_t count, const char *which,
		      struct ncm_error *err)
{
	struct naming naming = {0};
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		traits[i].kept = names->count == 0;
	if (names->count > 0)
		learn_names(&naming, traits, count);
	for (size_t k = 0; k < names->count && !failed; k++) {
		if (!keep_word(&naming, names->items[k], traits))
			failed = unknown_name(names->items[k], traits, count, which, err);
	}
	ncm_word_index_free(&naming.ids);
	ncm_word_index_free(&naming.all);
	return failed;
}

static int check_phases(unsigned phases, const struct ncm_traits *traits, size_t count, const char *which,
			struct ncm_error *err)
{
	unsigned known = 0;

	for (size_t i = 0; i < count; i++)
		known |= traits[i].phase > 0 && traits[i].phase < PHASE_BITS ? 1u << traits[i].phase : 0;
	for (unsigned phase = 0; phase < PHASE_BITS; phase++) {
		if ((phases >> phase & 1) && !(known >> phase & 1)) {
			ncm_error_set(err, NCM_E_USAGE, "no %smodel is of phase %u", which, phase);
			return ncm_error_hint(err, "phases are 1 (high), 2 (medium) and 3 (low)");
		}
	}
	return 0;
}

static bool has_priority(const struct ncm_traits *traits, const char *word)
{
	return traits->priority && strcasecmp(traits->priority, word) == 0;
}

static bool has_profile(const struct ncm_traits *traits, const char *word)
{
	return !traits->profiles || ncm_strings_contain(traits->profiles, word);
}

static bool has_use_case(const struct ncm_traits *traits, const char *word)
{
	return ncm_strings_mean(traits->use_cases, word) || ncm_strings_mean(traits->tags, word);
}

static bool has_tag(const struct ncm_traits *traits, const char *word)
{
	return ncm_strings_mean(traits->tags, word);
}

static bool has_license(const struct ncm_traits *traits, const char *word)
{
	return ncm_same_words(traits->license_class, word) ||
	       (traits->license && ncm_same_words(traits->license, word));
}

static bool has_scheme(const struct ncm_traits *traits, const char *word)
{
	const struct ncm_source *source = ncm_source_by_word(word);

	return ncm_strings_contain(&traits->schemes, source ? source->scheme : word);
}

bool ncm_selector_knows_source(const char *word)
{
	return ncm_source_by_word(word) != NULL;
}

static bool has_store(const struct ncm_traits *traits, const char *word)
{
	return ncm_strings_contain(&traits->stores, word);
}

static void offer_all(struct ncm_nearest *nearest, const struct ncm_strings *words)
{
	for (size_t i = 0; i < words->count; i++)
		ncm_nearest_offer(nearest, words->items[i]);
}

/* Says which filter left nothing, and words near to it that the models do have. */
static int left_nothing(const char *flag, const struct ncm_strings *words, const struct ncm_traits *traits,
			size_t count, const char *which, struct ncm_error *err)
{
	struct ncm_buffer list = {0};
	struct ncm_nearest nearest = {.to = words->items[0]};
	NCM_AUTO_FREE char *near = NULL;

	for (size_t i = 0; i < words->count; i++)
		ncm_buffer_printf(&list, "%s%s", i > 0 ? "," : "", words->items[i]);
	ncm_error_set(err, NCM_E_USAGE, "%s %s leaves no %smodel", flag, list.data, which);
	ncm_buffer_free(&list);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(flag, "--profile") == 0)
			offer_all(&nearest, traits[i].profiles);
		if (strcmp(flag, "--usecase") == 0)
			offer_all(&nearest, traits[i].use_cases);
		if (strcmp(flag, "--usecase") == 0 || strcmp(flag, "--tag") == 0)
			offer_all(&nearest, traits[i].tags);
		if (strcmp(flag, "--license") == 0)
			ncm_nearest_offer(&nearest, traits[i].license_class);
		if (strcmp(flag, "--license") == 0 && traits[i].license)
			ncm_nearest_offer(&nearest, traits[i].license);
		if (strcmp(flag, "--source") == 0)
			offer_all(&nearest, &traits[i].schemes);
		if (strcmp(flag, "--store") == 0)
			offer_all(&nearest, &traits[i].stores);
	}
	near = ncm_nearest_list(&nearest);
	if (near && strcasecmp(nearest.words[0], nearest.to) != 0)
		return ncm_error_hint(err, "did you mean %s?", near);
	return hint_list(which, err);
}

static size_t count_kept(const struct ncm_traits *traits, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		kept += traits[i].kept;
	return kept;
}

static int keep_phases(unsigned phases, struct ncm_traits *traits, size_t count, const char *which,
		       struct ncm_error *err)
{
	if (phases == 0)
		return 0;
	if (check_phases(phases, traits, count, which, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		traits[i].kept = traits[i].kept && traits[i].phase < PHASE_BITS && (phases >> traits[i].phase & 1);
	if (count_kept(traits, count) > 0)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "--phase leaves no %smodel", which);
	return hint_list(which, err);
}

bool ncm_selector_filters(const struct ncm_selector *selector)
{
	return selector->phases != 0 || selector->profiles.count > 0 || selector->priorities.count > 0 ||
	       selector->use_cases.count > 0 || selector->tags.count > 0 || selector->licenses.count > 0 ||
	       selector->sources.count > 0 || selector->stores.count > 0;
}

bool ncm_selector_is_open(const struct ncm_selector *selector)
{
	return selector->names.count == 0 && !selector->variant && !ncm_selector_filters(selector);
}

int ncm_filter(const struct ncm_selector *selector, struct ncm_traits *traits, size_t count, const char *which,
	       struct ncm_error *err)
{
	return keep_named(&selector->names, traits, count, which, err) < 0
		   ? -1
		   : ncm_filter_kept(selector, traits, count, which, err);
}

int ncm_filter_kept(const struct ncm_selector *selector, struct ncm_traits *traits, size_t count, const char *which,
		    struct ncm_error *err)
{
	const struct {
		const char *flag;
		const struct ncm_strings *words;
		bool (*fits)(const struct ncm_traits *traits, const char *word);
	} filters[] = {
	    {"--profile", &selector->profiles, has_profile},   {"--priority", &selector->priorities, has_priority},
	    {"--usecase", &selector->use_cases, has_use_case}, {"--tag", &selector->tags, has_tag},
	    {"--license", &selector->licenses, has_license},   {"--source", &selector->sources, has_scheme},
	    {"--store", &selector->stores, has_store},
	};

	if (keep_phases(selector->phases, traits, count, which, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		const struct ncm_strings *words = filters[i].words;

		for (size_t k = 0; k < count && words->count > 0; k++) {
			bool fits = false;

			for (size_t w = 0; w < words->count && traits[k].kept && !fits; w++)
				fits = filters[i].fits(&traits[k], words->items[w]);
			traits[k].kept = fits;
		}
		if (words->count > 0 && count_kept(traits, count) == 0)
			return left_nothing(filters[i].flag, words, traits, count, which, err);
	}
	return 0;
}

void ncm_traits_free(struct ncm_traits *traits, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ncm_strings_free(&traits[i].others);
		ncm_strings_free(&traits[i].schemes);
		ncm_strings_free(&traits[i].stores);
	}
	free(traits);
}

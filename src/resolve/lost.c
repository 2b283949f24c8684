/* SPDX-License-Identifier: MIT */
#include "resolve/lost.h"

#include "base/mem.h"
#include "base/strings.h"
#include "config/bundles.h"

#include <string.h>

bool lost_is_told(enum ncm_errc code)
{
	return code == NCM_E_NOT_FOUND || code == NCM_E_CHECKSUM;
}

static void take_pins(struct run *run, struct wanted *wanted)
{
	const struct ncm_lock_entry *entry = wanted_lock_entry(run, wanted);
	const struct ncm_pin pin = {.revision = entry ? entry->revision : NULL, .for_plan = true, .by_digest = true};
	const bool gives_blobs = ncm_source_gives_blobs(wanted->uri);

	wanted->from_lock = !gives_blobs && entry && resolution_has_digests(entry);
	if (wanted->from_lock)
		wanted->resolution = resolution_from_lock(entry);
	else if (gives_blobs || wanted->spec->has_sha256)
		wanted->resolution = ncm_source_offline(run->sources, wanted->uri, wanted->spec, &pin);
}

static void forget(struct wanted *wanted)
{
	ncm_resolution_free(wanted->resolution);
	wanted->resolution = NULL;
	wanted->from_lock = false;
}

/* Who has it no longer is not asked again. Of an Ollama model under whose name others are, the blobs may be there yet.
 */
static void forget_addresses(struct wanted *wanted)
{
	struct ncm_resolution *resolution = wanted->resolution;

	for (size_t i = 0; i < resolution->count; i++) {
		if (resolution->ollama_name && wanted->error.code == NCM_E_CHECKSUM)
			continue;
		free(resolution->artifacts[i].url);
		resolution->artifacts[i].url = NULL;
	}
}

void lost_go_on(struct run *run, struct wanted *wanted)
{
	if (!wanted->is_gone || wanted->resolution)
		return;
	wanted->uri = wanted->spec->from.items[0];
	take_pins(run, wanted);
	kind_recall(run, wanted);
	/* The bytes of an Ollama manifest are in no pin. */
	if (wanted->resolution &&
	    ((wanted->resolution->ollama_name && !wanted->resolution->manifest) || kind_is_wanting(run, wanted)))
		forget(wanted);
	if (!wanted->resolution)
		return;
	forget_addresses(wanted);
	ncm_error_move(&wanted->lost, &wanted->error);
}

const struct ncm_artifact *same_artifact(const struct ncm_resolution *found, const struct content *content)
{
	for (size_t i = 0; i < found->count; i++) {
		if (content->has_sha256 && found->artifacts[i].has_sha256 &&
		    ncm_sha256_equal(&content->sha256, &found->artifacts[i].sha256))
			return &found->artifacts[i];
	}
	if (found->count == 1)
		return &found->artifacts[0];
	for (size_t i = 0; i < found->count; i++) {
		if (found->artifacts[i].name && strcmp(found->artifacts[i].name, content->name) == 0)
			return &found->artifacts[i];
	}
	return NULL;
}

/* Who may have a content, in order. */
enum asked_kind {
	ASKED_CACHE,
	ASKED_BUNDLE, /* a web server; of a folder nobody need be asked */
	ASKED_PLACE,
	ASKED_FINDERS, /* services that can be asked by digest */
	ASKED_NOBODY,
	ASKED_ALL, /* there are no more */
};

enum { SENT_MOST = 4 }; /* places of a lock that was sent along */

struct candidate {
	enum asked_kind kind;
	size_t bundle;
	char *uri; /* of a BUNDLE and a PLACE: what is told of it */
};

/* It was asked by the manifest's own word for it. */
static bool was_asked(const struct wanted *wanted, const char *place)
{
	return ncm_strings_contain(&wanted->spec->from, place) || ncm_source_holds(wanted->spec->from.items[0], place);
}

static struct candidate bundle_at(const struct ncm_config *config, size_t number)
{
	const char *bundle = config->bundles[number];

	return config_bundle_is_address(bundle) ? (struct candidate){ASKED_BUNDLE, number, ncm_strdup(bundle)}
						: (struct candidate){.kind = ASKED_NOBODY};
}

static void ask_sent_lock(const struct run *run, struct wanted *wanted)
{
	const struct ncm_resolution *found = wanted->resolution;
	NCM_AUTO_FREE char *text = NULL;
	size_t size;

	wanted->asked_lock = true;
	text = ncm_source_lock(run->sources, found, &size);
	wanted->sent_lock = text ? ncm_lock_parse(found->uri, text, size, NULL) : NULL;
}

/* The lock that a publisher sent along: asked for when its own place has failed, once, while whoever looks for another
 * file of the same waits. */
static const struct ncm_lock *sent_lock(struct run *run, struct wanted *wanted)
{
	if (!wanted->resolution || !wanted->resolution->lock_url)
		return wanted->sent_lock;
	pthread_mutex_lock(&run->sent_mutex);
	if (!wanted->asked_lock)
		ask_sent_lock(run, wanted);
	pthread_mutex_unlock(&run->sent_mutex);
	return wanted->sent_lock;
}

/* What stands in it is a stranger's word: it may send us to a known service, and to no other server. */
static void add_sent(struct run *run, struct wanted *wanted, const struct ncm_sha256 *sha256,
		     struct ncm_strings *places)
{
	const struct ncm_lock *lock = sent_lock(run, wanted);
	struct ncm_strings sent = {0};
	size_t taken = 0;

	if (!lock)
		return;
	ncm_lock_places(lock, sha256, &sent);
	for (size_t i = 0; i < sent.count && taken < SENT_MOST; i++) {
		if (!ncm_source_is_of_one_server(sent.items[i]) || ncm_strings_contain(places, sent.items[i]) ||
		    ncm_source_check(sent.items[i], false, NULL, NULL) < 0)
			continue;
		ncm_strings_add(places, sent.items[i]);
		taken++;
	}
	ncm_strings_free(&sent);
}

static struct candidate place_at(struct run *run, const struct content *content, size_t number)
{
	struct ncm_strings places = {0};
	struct candidate found = {.kind = ASKED_NOBODY};

	ncm_lock_places(run->lock, &content->sha256, &places);
	add_sent(run, &run->wanted[content->wanted], &content->sha256, &places);
	if (number < places.count) {
		if (!was_asked(&run->wanted[content->wanted], places.items[number]))
			found = (struct candidate){.kind = ASKED_PLACE, .uri = ncm_strdup(places.items[number])};
	} else if (number > places.count) {
		found.kind = ASKED_ALL;
	} else if (content->has_size && ncm_source_may_find(content->name)) {
		found.kind = ASKED_FINDERS;
	}
	ncm_strings_free(&places);
	return found;
}

static struct candidate candidate_at(struct run *run, const struct content *content, size_t number)
{
	const struct ncm_config *config = run->config;

	if (number == 0)
		return (struct candidate){.kind = config->cache ? ASKED_CACHE : ASKED_NOBODY};
	if (number <= config->bundle_count)
		return bundle_at(config, number - 1);
	return place_at(run, content, number - 1 - config->bundle_count);
}

size_t lost_after_mirrors(const struct run *run)
{
	return 1 + run->config->bundle_count;
}

/* Who knows the digest says what it is called there, which is then asked for like anything else. */
static struct ncm_resolution *ask_finders(struct run *run, const struct ncm_file_spec *spec,
					  const struct content *content, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *named =
	    run->finders_silent ? NULL : ncm_source_find(run->sources, &content->sha256, content->size, &why);
	struct ncm_resolution *found = named ? ncm_source_resolve(run->sources, named->uri, spec, NULL, err) : NULL;

	ncm_resolution_free(named);
	if (why.code != NCM_OK) {
		run->finders_silent = true;
		ncm_error_move(err, &why);
	}
	return found;
}

static struct ncm_resolution *ask(struct run *run, const struct candidate *candidate, const struct content *content,
				  struct ncm_error *err)
{
	/* Of a plain address alone, which nobody signs in to: the bytes are pinned. */
	const struct ncm_file_spec spec = {.insecure_http = candidate->uri && ncm_source_is_address(candidate->uri)};
	const uint64_t *size = content->has_size ? &content->size : NULL;

	switch (candidate->kind) {
	case ASKED_CACHE:
		return ncm_source_cached(run->sources, &content->sha256, size);
	case ASKED_BUNDLE:
		return ncm_source_at_bundle(run->sources, candidate->bundle, &content->sha256, size);
	case ASKED_PLACE:
		return ncm_source_resolve(run->sources, candidate->uri, &spec, NULL, err);
	case ASKED_FINDERS:
		return ask_finders(run, &spec, content, err);
	default:
		return NULL;
	}
}

/* What says another size has other bytes; who tells the digest may round the size. */
static bool is_of_size(const struct ncm_artifact *artifact, const struct content *content)
{
	enum { ROUNDED = 1025 };
	const uint64_t least = artifact->size < content->size ? artifact->size : content->size;
	const uint64_t difference = artifact->size + content->size - 2 * least;

	return !artifact->has_size || !content->has_size || difference == 0 ||
	       (artifact->size_is_rough && artifact->has_sha256 && difference < ROUNDED);
}

static bool is_it(const struct ncm_resolution *found, const struct content *content)
{
	const struct ncm_artifact *artifact = same_artifact(found, content);
	const bool is_other =
	    artifact && artifact->has_sha256 && !ncm_sha256_equal(&content->sha256, &artifact->sha256);

	return artifact && artifact->url && !is_other && is_of_size(artifact, content);
}

static bool is_silent(const struct run *run, const struct candidate *candidate)
{
	return (candidate->kind == ASKED_FINDERS && run->finders_silent) ||
	       (candidate->kind == ASKED_BUNDLE && ncm_source_is_silent(run->sources, candidate->bundle)) ||
	       (candidate->kind == ASKED_CACHE && ncm_source_is_silent(run->sources, run->config->bundle_count));
}

static void note(struct content *content, const char *place, const char *answer)
{
	ncm_buffer_printf(&content->asked, "%s%s (%s)", content->asked.size > 0 ? ", " : "", place, answer);
}

void lost_note_failure(struct content *content, const char *place, enum ncm_errc code)
{
	note(content, place, ncm_errc_name(code));
}

static void note_answer(const struct run *run, const struct candidate *candidate, const struct ncm_error *why,
			struct content *content)
{
	const bool is_told = why->code != NCM_OK && why->code != NCM_E_NOT_FOUND;
	NCM_AUTO_FREE char *unknown = ncm_asprintf("not known: %s", ncm_errc_name(why->code));

	note(content,
	     candidate->kind == ASKED_CACHE     ? run->config->cache
	     : candidate->kind == ASKED_FINDERS ? "Civitai"
						: candidate->uri,
	     is_silent(run, candidate) ? "not known"
	     : is_told                 ? unknown
				       : "no");
}

static struct ncm_resolution *ask_one(struct run *run, const struct candidate *candidate, struct content *content)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *found = ask(run, candidate, content, &why);

	if (found && (found->untold.code != NCM_OK || !is_it(found, content))) {
		ncm_error_move(&why, &found->untold);
		ncm_resolution_free(found);
		found = NULL;
	}
	if (!found && candidate->kind != ASKED_NOBODY)
		note_answer(run, candidate, &why, content);
	ncm_error_clear(&why);
	return found;
}

struct ncm_resolution *lost_ask_next(struct run *run, struct content *content)
{
	struct ncm_resolution *found = NULL;

	while (!found && !ncm_interrupted()) {
		struct candidate candidate = candidate_at(run, content, content->places_asked);

		if (candidate.kind == ASKED_ALL)
			break;
		content->places_asked++;
		found = ask_one(run, &candidate, content);
		free(candidate.uri);
	}
	return found;
}

int lost_tell(const struct wanted *wanted, const struct content *content, struct ncm_error *err)
{
	const struct ncm_error *lost = &wanted->lost;

	if (content->asked.size > 0)
		ncm_error_set(err, lost->code, "%s; asked by the digest of %s, too: %s", lost->message, content->name,
			      content->asked.data);
	else
		ncm_error_set(err, lost->code, "%s", lost->message);
	return ncm_error_hint(err, "%s%s`--mirror DIR` takes its bytes from a bundle that has them",
			      lost->hint ? lost->hint : "", lost->hint ? "; " : "");
}

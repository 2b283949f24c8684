/* SPDX-License-Identifier: MIT */
/* What a profile's document recommends for a role, a task, a pipeline or so many agents. */
#include <ncmodel/select.h>

#include "base/buffer.h"
#include "base/mem.h"
#include "base/strings.h"

#include <ctype.h>
#include <string.h>

static const struct {
	const char *option, *many;
} purposes[] = {
    [NCM_PURPOSE_ROLE] = {"--role", "roles"},
    [NCM_PURPOSE_TASK] = {"--task", "tasks"},
    [NCM_PURPOSE_PIPELINE] = {"--pipeline", "pipelines"},
    [NCM_PURPOSE_AGENTS] = {"--parallel-agents", "numbers of agents"},
};

static const char *next_letter(const char *text)
{
	while (*text && !isalnum((unsigned char)*text) && (unsigned char)*text < 0x80)
		text++;
	return text;
}

/* "Quick chat" and "quickchat". */
static bool same_words(const char *one, const char *other)
{
	for (;; one++, other++) {
		one = next_letter(one);
		other = next_letter(other);
		if (*one == '\0' || *other == '\0')
			return *one == *other;
		if (tolower((unsigned char)*one) != tolower((unsigned char)*other))
			return false;
	}
}

/* What the rule calls such a purpose, or NULL if it is of another. The caller frees it. */
static char *called(const struct ncm_rule *rule, enum ncm_purpose purpose)
{
	switch (purpose) {
	case NCM_PURPOSE_ROLE:
		return ncm_strdup_null(rule->role);
	case NCM_PURPOSE_TASK:
		return ncm_strdup_null(rule->task);
	case NCM_PURPOSE_PIPELINE:
		return ncm_strdup_null(rule->pipeline);
	case NCM_PURPOSE_AGENTS:
		return rule->agents_min > 0 ? ncm_asprintf("%u to %u", rule->agents_min, rule->agents_max) : NULL;
	}
	return NULL;
}

static bool is_meant(const struct ncm_rule *rule, enum ncm_purpose purpose, const char *word, unsigned agents)
{
	NCM_AUTO_FREE char *name = called(rule, purpose);

	if (!name)
		return false;
	return purpose == NCM_PURPOSE_AGENTS ? rule->agents_min <= agents && agents <= rule->agents_max
					     : same_words(name, word);
}

static void list_purposes(const struct ncm_catalog *catalog, enum ncm_purpose purpose, struct ncm_buffer *list)
{
	for (size_t i = 0; i < catalog->rule_count; i++) {
		NCM_AUTO_FREE char *name = called(&catalog->rules[i], purpose);

		if (name)
			ncm_buffer_printf(list, "%s%s", list->size > 0 ? ", " : "", name);
	}
}

/* "nexus (overseer, implementation)" of the profiles that say something. */
static void list_elsewhere(const struct ncm_config *config, enum ncm_purpose purpose, struct ncm_buffer *list)
{
	struct ncm_strings names = {0};

	(void)ncm_profiles(config, &names, NULL);
	for (size_t i = 0; i < names.count; i++) {
		struct ncm_config alone = *config;
		struct ncm_catalog *catalog;
		struct ncm_buffer found = {0};

		alone.profile = names.items[i];
		alone.more_profile_count = 0;
		alone.manifest_file_count = 0;
		catalog = ncm_catalog_load(&alone, NULL);
		if (catalog)
			list_purposes(catalog, purpose, &found);
		if (found.size > 0)
			ncm_buffer_printf(list, "%s%s (%s)", list->size > 0 ? ", " : "", names.items[i], found.data);
		ncm_buffer_free(&found);
		ncm_catalog_free(catalog);
	}
	ncm_strings_free(&names);
}

static void no_rule(const struct ncm_config *config, const struct ncm_catalog *catalog, enum ncm_purpose purpose,
		    const char *given, struct ncm_error *err)
{
	struct ncm_buffer here = {0}, elsewhere = {0};

	ncm_error_set(err, NCM_E_USAGE, "no rule of the profile is for %s %s", purposes[purpose].option, given);
	list_purposes(catalog, purpose, &here);
	if (here.size == 0)
		list_elsewhere(config, purpose, &elsewhere);
	if (here.size > 0)
		ncm_error_hint(err, "the %s that it speaks of are: %s", purposes[purpose].many, here.data);
	else if (elsewhere.size > 0)
		ncm_error_hint(err, "choose a profile that speaks of %s with --profile: %s", purposes[purpose].many,
			       elsewhere.data);
	else
		ncm_error_hint(err, "no profile speaks of %s; choose with --usecase", purposes[purpose].many);
	ncm_buffer_free(&here);
	ncm_buffer_free(&elsewhere);
}

const struct ncm_rule *ncm_rule_for(const struct ncm_config *config, const struct ncm_catalog *catalog,
				    enum ncm_purpose purpose, const char *word, unsigned agents, struct ncm_error *err)
{
	NCM_AUTO_FREE char *given = word ? ncm_asprintf("\"%s\"", word) : ncm_asprintf("%u", agents);

	for (size_t i = 0; i < catalog->rule_count; i++) {
		if (is_meant(&catalog->rules[i], purpose, word, agents))
			return &catalog->rules[i];
	}
	no_rule(config, catalog, purpose, given, err);
	return NULL;
}

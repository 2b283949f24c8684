/* SPDX-License-Identifier: MIT */
/* The words and defaults that the Model Selector can read; one word of another kind and it reads nothing at all. */
#include "registry/document.h"

#include "base/mem.h"
#include "base/strings.h"

#include <math.h>
#include <ncmodel/registry.h>
#include <string.h>

static const char *const use_case_words[] = {"CodeGeneration",  "CodeAnalysis", "Reasoning",     "QuestionAnswering",
					     "Documentation",   "Translation",  "Summarization", "AgentTask",
					     "FunctionCalling", "Vision",       "General"};
static const char *const privacy_words[] = {"Public", "Internal", "Confidential", "Restricted"};

static const char *canonical_word(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ncm_same_words(word, words[i]))
			return words[i];
	}
	return NULL;
}

void registry_split_use_cases(const struct ncm_reg_model *model, struct ncm_strings *use_cases,
			      struct ncm_strings *tags)
{
	const bool is_text = model->kind && (strcmp(model->kind, "llm") == 0 || strcmp(model->kind, "vlm") == 0);

	for (size_t i = 0; i < model->tags.count; i++)
		ncm_strings_add_new(tags, model->tags.items[i]);
	for (size_t i = 0; i < model->use_cases.count; i++) {
		const char *word = canonical_word(model->use_cases.items[i], use_case_words,
						  sizeof use_case_words / sizeof *use_case_words);

		ncm_strings_add_new(word ? use_cases : tags, word ? word : model->use_cases.items[i]);
	}
	/* Empty otherwise, so that a text selector never picks an image model. */
	if (model->use_cases.count == 0 && is_text)
		ncm_strings_add(use_cases, "General");
}

double registry_score(double score)
{
	return isfinite(score) && score >= 0 && score <= 1 ? score : 0.75;
}

const char *registry_privacy(const char *tier)
{
	const char *word =
	    tier ? canonical_word(tier, privacy_words, sizeof privacy_words / sizeof *privacy_words) : NULL;

	return word ? word : "Internal";
}

/* And what people are told of them. */
void ncm_purposes(const struct ncm_strings *use_cases, const struct ncm_strings *tags, const char *kind,
		  struct ncm_strings *purposes)
{
	const char *word = tags->count > 0 ? tags->items[0] : kind ? kind : "";
	NCM_AUTO_FREE char *first = ncm_strndup(word, strcspn(word, " "));

	for (size_t i = 0; i < use_cases->count; i++) {
		if (!ncm_strings_contain(purposes, use_cases->items[i]))
			ncm_strings_add(purposes, use_cases->items[i]);
	}
	/* For which the Selector has no word. */
	if (ncm_strings_contain(tags, "Chat"))
		ncm_strings_add(purposes, "Chat");
	else if (use_cases->count == 0)
		ncm_strings_add(purposes, *first ? first : "Other");
}

/* SPDX-License-Identifier: MIT */
#include "ui/options.h"

#include "ui/nearest.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <stdio.h>
#include <string.h>

const char *options_next_word(const char **list, size_t *length)
{
	const char *word = *list + strspn(*list, " ");

	*length = strcspn(word, " ");
	*list = word + *length;
	return *length ? word : NULL;
}

static bool has_value(const struct option *option)
{
	return option->kind != OPTION_FLAG && option->kind != OPTION_COUNT;
}

const struct option *options_find(const struct option_group *const *groups, const char *name, size_t length)
{
	for (; *groups; groups++) {
		for (const struct option *option = (*groups)->options; option->name; option++) {
			if (strlen(option->name) == length && strncmp(option->name, name, length) == 0)
				return option;
		}
	}
	return NULL;
}

const struct option *options_find_letter(const struct option_group *const *groups, char letter)
{
	for (; *groups; groups++) {
		for (const struct option *option = (*groups)->options; option->name; option++) {
			if (option->letter == letter)
				return option;
		}
	}
	return NULL;
}

static int unknown_long(const struct option_group *const *groups, const char *typed, struct ncm_error *err)
{
	struct nearest nearest = {.typed = typed};

	for (; *groups; groups++) {
		for (const struct option *option = (*groups)->options; option->name; option++)
			nearest_offer(&nearest, option->name);
	}
	ncm_error_set(err, NCM_E_USAGE, "unknown option --%s", typed);
	return nearest.best ? ncm_error_hint(err, "did you mean --%s?", nearest.best) : -1;
}

static int bad_value(const struct option *option, const char *value, const char *want, struct ncm_error *err)
{
	return ncm_error_set(err, NCM_E_USAGE, "--%s: \"%s\" is not %s", option->name, value, want);
}

static int check_word(const struct option *option, const char *value, struct ncm_error *err)
{
	const char *list = option->words, *word;
	size_t length;

	if (!list)
		return 0;
	while ((word = options_next_word(&list, &length))) {
		if (strlen(value) == length && strncmp(word, value, length) == 0)
			return 0;
	}
	if (option->takes && option->takes(value))
		return 0;
	bad_value(option, value, "one of the words that it takes", err);
	return ncm_error_hint(err, "choose from: %s", option->words);
}

static int take_words(const struct option *option, const char *value, struct ncm_strings *words, struct ncm_error *err)
{
	if (!*value)
		return bad_value(option, value, "a word", err);
	while (*value) {
		const size_t length = strcspn(value, ",");
		AUTO_FREE char *word = text_format("%.*s", (int)length, value);

		if (length == 0)
			return bad_value(option, value, "a list of words with commas between", err);
		if (check_word(option, word, err) < 0)
			return -1;
		words_add(words, word);
		value += length;
		if (*value == ',' && *++value == '\0')
			return ncm_error_set(err, NCM_E_USAGE, "--%s: there is no word after the last comma",
					     option->name);
	}
	return 0;
}

static int take_phases(const struct option *option, const char *value, unsigned *phases, struct ncm_error *err)
{
	for (const char *at = value;; at++) {
		if (*at < '1' || *at > '3' || (at[1] && at[1] != ','))
			return bad_value(option, value, "a phase: 1, 2, 3, or several as 1,2", err);
		*phases |= 1u << (*at - '0');
		if (*++at == '\0')
			return 0;
	}
}

static int take_number(const struct option *option, const char *value, struct option_number *number,
		       struct ncm_error *err)
{
	const size_t digits = strspn(value, "0123456789");
	AUTO_FREE char *want = text_format("a number from %u to %u", option->least, option->most);

	if (digits == 0 || digits > 9 || value[digits])
		return bad_value(option, value, want, err);
	number->value = strtoul(value, NULL, 10);
	if (number->value < option->least || number->value > option->most)
		return bad_value(option, value, want, err);
	number->given = true;
	return 0;
}

static int take_bytes(const struct option *option, const char *value, struct option_number *number,
		      struct ncm_error *err)
{
	if (option->kind == OPTION_SIZE && ncm_parse_size(value, &number->value) < 0)
		return bad_value(option, value, "a size such as 500M, 20GB or 1.5GiB", err);
	if (option->kind == OPTION_RATE && (ncm_parse_bandwidth(value, &number->value) < 0 || number->value == 0))
		return bad_value(option, value, "a rate such as 100M (Mbit/s) or 12MB/s", err);
	number->given = true;
	return 0;
}

static int take_value(const struct option *option, const char *value, void *values, struct ncm_error *err)
{
	void *field = option->value ? option->value : (char *)values + option->offset;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_COUNT:
		++*(unsigned *)field;
		return 0;
	case OPTION_TEXT:
		if (!*value)
			return bad_value(option, value, "a value", err);
		*(const char **)field = value;
		return check_word(option, value, err);
	case OPTION_LIST:
		if (!*value)
			return bad_value(option, value, "a value", err);
		words_add(field, value);
		return 0;
	case OPTION_WORDS:
		return take_words(option, value, field, err);
	case OPTION_PHASES:
		return take_phases(option, value, field, err);
	case OPTION_NUMBER:
		return take_number(option, value, field, err);
	case OPTION_SIZE:
	case OPTION_RATE:
		return take_bytes(option, value, field, err);
	}
	return -1;
}

static int take_long(const struct option_group *const *groups, void *values, char *const *argv, int *at,
		     struct ncm_error *err)
{
	const char *name = argv[*at] + 2;
	const size_t length = strcspn(name, "=");
	AUTO_FREE char *typed = text_format("%.*s", (int)length, name);
	const struct option *option = options_find(groups, name, length);
	const char *value = name[length] ? name + length + 1 : NULL;

	if (!option)
		return unknown_long(groups, typed, err);
	if (!has_value(option) && value)
		return ncm_error_set(err, NCM_E_USAGE, "--%s takes no value", option->name);
	++*at;
	if (has_value(option) && !value) {
		value = argv[*at];
		if (!value)
			return ncm_error_set(err, NCM_E_USAGE, "--%s needs a value: %s", option->name,
					     option->argument);
		++*at;
	}
	return take_value(option, value, values, err);
}

static int take_short(const struct option_group *const *groups, void *values, char *const *argv, int *at,
		      struct ncm_error *err)
{
	const char *letters = argv[*at] + 1;

	++*at;
	for (; *letters; letters++) {
		const struct option *option = options_find_letter(groups, *letters);
		const char *value = letters + 1;

		if (!option)
			return ncm_error_set(err, NCM_E_USAGE, "unknown option -%s",
					     (unsigned char)*letters < 0x80 ? (char[]){*letters, 0} : letters);
		if (!has_value(option)) {
			if (take_value(option, NULL, values, err) < 0)
				return -1;
			continue;
		}
		if (!*value) {
			value = argv[*at];
			if (!value)
				return ncm_error_set(err, NCM_E_USAGE, "-%c needs a value: %s", *letters,
						     option->argument);
			++*at;
		}
		return take_value(option, value, values, err);
	}
	return 0;
}

const struct option *options_waiting(const struct option_group *const *groups, const char *word)
{
	const struct option *option;

	if (word[0] != '-')
		return NULL;
	if (word[1] == '-') {
		option = options_find(groups, word + 2, strlen(word + 2));
		return option && has_value(option) ? option : NULL;
	}
	for (const char *letter = word + 1; *letter; letter++) {
		option = options_find_letter(groups, *letter);
		if (option && has_value(option))
			return letter[1] ? NULL : option;
	}
	return NULL;
}

int options_take(const struct option_group *const *groups, void *values, char *const *argv, int *at,
		 struct ncm_error *err)
{
	if (argv[*at][1] == '-')
		return take_long(groups, values, argv, at, err);
	return take_short(groups, values, argv, at, err);
}

/* SPDX-License-Identifier: MIT */
#include "base/secret_values.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <ctype.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

enum { MOST_VALUES = 64, SHORTEST = 8 };

static const char mask[] = "[secret]";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *values[MOST_VALUES];
static size_t count, next;
static const char **variables;
static size_t variable_count;

static bool could_be_word(const char *value)
{
	bool digit = false, letter = false;

	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		digit = digit || isdigit(*c);
		letter = letter || isalpha(*c);
	}
	return strlen(value) < SHORTEST || !digit || !letter;
}

static bool is_known(const char *value)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(values[i], value) == 0)
			return true;
	}
	return false;
}

/* The oldest gives way to one more than there is room for: of a long list each address is asked once. */
void ncm_secret_note(const char *value)
{
	if (!value || could_be_word(value))
		return;
	pthread_mutex_lock(&lock);
	if (!is_known(value)) {
		ncm_wipe(values[next]);
		values[next] = ncm_strdup(value);
		next = (next + 1) % MOST_VALUES;
		count += count < MOST_VALUES;
	}
	pthread_mutex_unlock(&lock);
}

static bool is_variable(const char *name, size_t size)
{
	for (size_t i = 0; i < variable_count; i++) {
		if (strlen(variables[i]) == size && strncmp(variables[i], name, size) == 0)
			return true;
	}
	return false;
}

void ncm_secret_note_variable(const char *name)
{
	pthread_mutex_lock(&lock);
	if (!is_variable(name, strlen(name)))
		*NCM_PUSH(variables, variable_count) = name;
	pthread_mutex_unlock(&lock);
}

bool ncm_secret_is_variable(const char *entry)
{
	bool found;

	pthread_mutex_lock(&lock);
	found = is_variable(entry, strcspn(entry, "="));
	pthread_mutex_unlock(&lock);
	return found;
}

void ncm_secrets_forget(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++) {
		ncm_wipe(values[i]);
		values[i] = NULL;
	}
	count = next = 0;
	free(variables);
	variables = NULL;
	variable_count = 0;
	pthread_mutex_unlock(&lock);
}

static char *masked(char *text, const char *value)
{
	struct ncm_buffer out = {0};
	const char *rest = text;

	for (const char *at; (at = strstr(rest, value)); rest = at + strlen(value)) {
		ncm_buffer_add(&out, rest, (size_t)(at - rest));
		ncm_buffer_puts(&out, mask);
	}
	if (rest == text)
		return text;
	ncm_buffer_puts(&out, rest);
	free(text);
	return ncm_buffer_take(&out);
}

char *ncm_secrets_masked(char *text)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++)
		text = masked(text, values[i]);
	pthread_mutex_unlock(&lock);
	return text;
}

/* SPDX-License-Identifier: MIT */
/* Facts: how they are told, bounded, and let go. */
#include "format/parts.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

bool facts_fault(struct ncm_facts *facts, enum ncm_soundness soundness, const char *format, ...)
{
	va_list args;

	if (facts->fault)
		return false;
	va_start(args, format);
	facts->fault = ncm_vasprintf(format, args);
	va_end(args);
	facts->soundness = soundness;
	return false;
}

static bool continues_character(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

void facts_set(char **fact, const char *text, size_t size)
{
	if (size > FACT_BYTES) {
		size = FACT_BYTES;
		while (size > 0 && continues_character(text[size]))
			size--;
	}
	free(*fact);
	*fact = size > 0 && text[0] ? ncm_strndup(text, size) : NULL;
}

void facts_default(char **fact, const char *text)
{
	if (!*fact && text)
		facts_set(fact, text, strlen(text));
}

void facts_count_parameters(struct ncm_facts *facts)
{
	const double count = (double)facts->parameter_count;
	NCM_AUTO_FREE char *text = NULL;

	if (facts->parameters || facts->parameter_count == 0)
		return;
	if (count >= 999.5e6)
		text = ncm_asprintf("%.1fB", count / 1e9);
	else if (count >= 999.5e3)
		text = ncm_asprintf("%.0fM", count / 1e6);
	else if (count >= 1e3)
		text = ncm_asprintf("%.0fK", count / 1e3);
	else
		text = ncm_asprintf("%.0f", count);
	facts_default(&facts->parameters, text);
}

void ncm_facts_clear(struct ncm_facts *facts)
{
	free(facts->fault);
	free(facts->name);
	free(facts->architecture);
	free(facts->quantization);
	free(facts->parameters);
	free(facts->license);
	free(facts->kind);
	*facts = (struct ncm_facts){0};
}

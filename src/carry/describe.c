/* SPDX-License-Identifier: MIT */
/*
 * What was pulled is described by its own header, as what is adopted: where a manifest says nothing, the file's word is
 * taken; where both say something else, the manifest's stands, and that they differ is told.
 */
#include "carry/carry.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"
#include "registry/identity.h"
#include "registry/model.h"
#include "store/purpose.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void carry_read_header(const struct carry *carry, size_t model, const struct ncm_reg_model *entry)
{
	struct ncm_facts *facts = &carry->outcomes[model].facts;
	const struct ncm_reg_file *main = registry_main_file(entry);
	NCM_AUTO_CLOSE int fd = main ? os_open(OS_HERE, main->abs, OS_READ) : -1;

	ncm_facts_clear(facts);
	if (fd >= 0)
		(void)ncm_format_read(fd, facts, NULL);
	if (facts->soundness == NCM_BROKEN || facts->soundness == NCM_FOREIGN)
		ncm_facts_clear(facts);
}

/* One shard has not all parameters, and counts its own. */
static bool is_whole(const struct ncm_reg_model *entry)
{
	size_t weights = 0;

	for (size_t i = 0; i < entry->file_count; i++)
		weights += entry->files[i].role && strcmp(entry->files[i].role, "weights") == 0;
	return weights <= 1;
}

static void fill(char **fact, const char *told)
{
	if (told && (!*fact || !**fact))
		*fact = (char *)told;
}

void carry_describe(const struct carry *carry, size_t model, struct ncm_reg_model *entry)
{
	const struct ncm_facts *facts = &carry->outcomes[model].facts;
	const struct chosen_model *chosen = &carry->run->models[model];
	const struct wanted *wanted = &carry->run->wanted[chosen->first_wanted];
	const bool told = wanted->resolution && wanted->resolution->kind;

	fill(&entry->architecture, facts->architecture);
	fill(&entry->quantization, facts->quantization);
	fill(&entry->format, ncm_format_name(facts->format));
	if (is_whole(entry))
		fill(&entry->parameters, facts->parameters);
	if (registry_is_spelled_out(chosen->model) && facts->kind && !told)
		entry->kind = (char *)purpose_of_header(facts->kind);
	entry->context_length = entry->context_length ? entry->context_length : facts->context_length;
	entry->dimensions = entry->dimensions ? entry->dimensions : facts->dimensions;
}

/* "FP16" is "F16", and "F8" some F8_E4M3. */
static bool same_quantization(const char *a, const char *b)
{
	const char *x = strncasecmp(a, "fp", 2) == 0 ? a + 2 : *a == 'F' ? a + 1 : a;
	const char *y = strncasecmp(b, "fp", 2) == 0 ? b + 2 : *b == 'F' ? b + 1 : b;
	const size_t size = strlen(x) < strlen(y) ? strlen(x) : strlen(y);

	return (x == a) == (y == b) && strncasecmp(x, y, size) == 0;
}

/* "8.03B" as a number; 0 for what is none. */
static double parameters_of(const char *text)
{
	char *end;
	const double number = strtod(text, &end);

	if (end == text || number <= 0 || end[0] == '\0' || end[1] != '\0')
		return 0;
	return *end == 'B' ? number * 1e9 : *end == 'M' ? number * 1e6 : *end == 'K' ? number * 1e3 : 0;
}

/* Nobody counts alike: "8B" has 8.03B. */
static bool same_parameters(const char *a, const char *b)
{
	const double x = parameters_of(a), y = parameters_of(b);

	return x == 0 || y == 0 || (x < y * 1.25 && y < x * 1.25);
}

/* Manifests have finer words for language models than headers do. */
static bool same_kind(const char *manifest, const char *header)
{
	static const char *const plain[] = {"checkpoint",   "diffusion",  "lora",     "vae",
					    "text-encoder", "controlnet", "upscaler", "textual-inversion",
					    "embedding",    "llm"};
	bool knows_manifest = false, knows_header = false;

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		knows_manifest = knows_manifest || strcmp(plain[i], manifest) == 0;
		knows_header = knows_header || strcmp(plain[i], header) == 0;
	}
	return !knows_manifest || !knows_header || strcmp(manifest, header) == 0;
}

static void tell(const struct carry *carry, const struct ncm_model *model, const char *what, const char *file,
		 const char *manifest)
{
	ncm_emit_text(&carry->run->sink, NCM_EVENT_NOTE, "%s: its file says %s %s, the manifest %s", model->id, what,
		      file, manifest);
}

static void tell_numbers(const struct carry *carry, const struct ncm_model *model, const struct ncm_facts *facts)
{
	const struct {
		const char *what;
		uint64_t manifest, file;
		bool may_be_less; /* a manifest may recommend less than the file allows */
	} numbers[] = {
	    {"a context of", model->context_length, facts->context_length, true},
	    {"dimensions:", model->dimensions, facts->dimensions, false},
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		NCM_AUTO_FREE char *file = ncm_asprintf("%llu", (unsigned long long)numbers[i].file);
		NCM_AUTO_FREE char *manifest = ncm_asprintf("%llu", (unsigned long long)numbers[i].manifest);

		if (numbers[i].file == 0 || numbers[i].manifest == 0 || numbers[i].manifest == numbers[i].file ||
		    (numbers[i].may_be_less && numbers[i].manifest < numbers[i].file))
			continue;
		tell(carry, model, numbers[i].what, file, manifest);
	}
}

void carry_tell_differences(const struct carry *carry, size_t index)
{
	const struct ncm_facts *facts = &carry->outcomes[index].facts;
	const struct ncm_model *model = carry->run->models[index].model;
	const struct ncm_reg_model files = {.files = carry->outcomes[index].files,
					    .file_count = carry->outcomes[index].file_count};
	const char *kind = purpose_of_header(facts->kind);
	const char *quantization =
	    model->chosen && model->chosen->quantization ? model->chosen->quantization : model->quantization;

	if (registry_is_spelled_out(model) || facts->format == NCM_FORMAT_UNKNOWN)
		return;
	if (kind && model->kind && !same_kind(model->kind, kind))
		tell(carry, model, "that it is a", kind, model->kind);
	if (quantization && facts->quantization && !same_quantization(quantization, facts->quantization))
		tell(carry, model, "a quantization of", facts->quantization, quantization);
	if (model->parameters && facts->parameters && is_whole(&files) &&
	    !same_parameters(model->parameters, facts->parameters))
		tell(carry, model, "so many parameters:", facts->parameters, model->parameters);
	tell_numbers(carry, model, facts);
}

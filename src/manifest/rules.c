/* SPDX-License-Identifier: MIT */
/* What the tables of parse.c cannot say: rules between the values of one file. */
#include "manifest/load.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text_map.h"
#include "digest/hash.h"
#include "source/source.h"

#include <ncmodel/limits.h>
#include <string.h>

/* Where in which file a rule looks. Made into a path only for a fault. */
struct place {
	struct manifest_set *set;
	size_t file;
	const struct place *above; /* NULL: the whole file */
	const char *key;
	size_t index; /* in the array of that key; NO_INDEX: the key's own value */
};

enum { NO_INDEX = -1 };

static struct place below(const struct place *above, const char *key, size_t index)
{
	return (struct place){above->set, above->file, above, key, index};
}

static void add_path(const struct place *place, struct ncm_buffer *path)
{
	if (!place->above) {
		ncm_buffer_puts(path, "$");
		return;
	}
	add_path(place->above, path);
	ncm_buffer_printf(path, ".%s", place->key);
	if (place->index != (size_t)NO_INDEX)
		ncm_buffer_printf(path, "[%zu]", place->index);
}

/* Of what is at a place, or of a key's value there (NULL: the place itself). */
__attribute__((format(printf, 3, 4))) static void fault(const struct place *place, const char *key, const char *format,
							...)
{
	const struct place at = key ? below(place, key, (size_t)NO_INDEX) : *place;
	NCM_AUTO_FREE char *path = NULL, *reason = NULL;
	struct ncm_buffer text = {0};
	va_list args;

	add_path(&at, &text);
	path = ncm_buffer_take(&text);
	va_start(args, format);
	reason = ncm_vasprintf(format, args);
	va_end(args);
	manifest_fault(place->set, place->file, path, "%s", reason);
}

static bool is_of_nothing(const struct ncm_sha256 *digest)
{
	struct ncm_sha256 empty;

	ncm_sha256_of("", 0, &empty);
	return ncm_sha256_equal(digest, &empty);
}

static void check_size(const struct place *place, const struct ncm_file_spec *spec)
{
	if (!spec->has_size)
		return;
	if (spec->size > NCM_LIMIT_FILE_BYTES)
		fault(place, "size", "is %llu, more than the %llu bytes that one file may have",
		      (unsigned long long)spec->size, (unsigned long long)NCM_LIMIT_FILE_BYTES);
	if (spec->size == 0 && spec->has_sha256 && !is_of_nothing(&spec->sha256))
		fault(place, "size", "is 0, but the sha256 is not that of an empty file");
}

/* A figure that nobody can check needs its source; beside an exact one it means nothing. */
static void check_expected_size(const struct place *place, const struct ncm_file_spec *spec)
{
	if (spec->expected_size == 0) {
		if (spec->expected_size_source)
			fault(place, "expected_size_source", "is the source of an \"expected_size\", which is missing");
		return;
	}
	if (!spec->expected_size_source)
		fault(place, "expected_size", "needs an \"expected_size_source\" that says where the figure is from");
	if (spec->has_size || spec->layer_count > 0)
		fault(place, "expected_size", "means nothing beside \"%s\", which is exact",
		      spec->has_size ? "size" : "layers");
}

/* Whether a layer before this one has its digest and another size; `seen` learns of this one. */
static void check_twin_layer(const struct place *layer, const struct ncm_file_spec *spec, size_t index,
			     struct ncm_text_map *seen)
{
	const struct ncm_layer_pin *pin = &spec->layers[index];
	const char *digest = (const char *)pin->digest.bytes;
	const uint32_t *twin;

	if (ncm_text_map_add(seen, digest, sizeof pin->digest.bytes, index))
		return;
	twin = ncm_text_map_find(seen, digest, sizeof pin->digest.bytes);
	if (spec->layers[*twin].size != pin->size)
		fault(layer, "size", "is %llu, but layer %u has the same digest and %llu bytes",
		      (unsigned long long)pin->size, *twin, (unsigned long long)spec->layers[*twin].size);
}

static void check_layers(const struct place *place, const struct ncm_file_spec *spec)
{
	struct ncm_text_map seen = {0};
	uint64_t sum = 0;

	for (size_t i = 0; i < spec->layer_count; i++) {
		const struct ncm_layer_pin *pin = &spec->layers[i];
		const struct place layer = below(place, "layers", i);

		if (pin->size > NCM_LIMIT_FILE_BYTES || __builtin_add_overflow(sum, pin->size, &sum))
			fault(&layer, "size", "is too large");
		check_twin_layer(&layer, spec, i, &seen);
	}
	ncm_text_map_free(&seen);
}

static void check_sources(const struct place *place, const struct ncm_file_spec *spec, bool ollama)
{
	for (size_t i = 0; i < spec->from.count; i++) {
		struct ncm_error err = NCM_ERROR_INIT;
		const struct place source = below(place, "from", i);

		if (ncm_source_check(spec->from.items[i], ncm_source_may_use_http(spec, spec->from.items[i]), NULL,
				     &err) < 0)
			fault(&source, NULL, "%s%s%s", err.message, err.hint ? ": " : "", err.hint ? err.hint : "");
		else if (ncm_source_gives_blobs(spec->from.items[i]) != ollama)
			fault(&source, NULL,
			      "an Ollama model and a file are not the same bytes: give them entries of "
			      "their own");
		ncm_error_clear(&err);
	}
}

static void check_targets(const struct place *place, const struct ncm_file_spec *spec, bool ollama)
{
	if (spec->to_count == 0)
		fault(place, NULL, "the key \"to\" is missing: only Ollama models go without saying where");
	for (size_t i = 0; i < spec->to_count; i++) {
		const struct ncm_target *target = &spec->to[i];
		struct ncm_error err = NCM_ERROR_INIT;
		const struct place here = below(place, "to", i);

		if (ollama && (target->folder || target->name))
			fault(&here, "name", "an Ollama store names its files itself");
		else if (target->name && !ncm_path_check(target->name, &err))
			fault(&here, "name", "%s", err.message);
		else if (target->folder && !ncm_path_check(target->folder, &err))
			fault(&here, "folder", "%s", err.message);
		ncm_error_clear(&err);
	}
}

static void check_ollama(const struct place *place, const struct ncm_file_spec *spec)
{
	if (spec->has_sha256)
		fault(place, "sha256", "means nothing for an Ollama model: its manifest is pinned by \"digest\"");
	if (spec->extract)
		fault(place, "extract", "means nothing for an Ollama model");
	if (spec->include.count > 0)
		fault(place, "include", "means nothing for an Ollama model");
	if (spec->exclude.count > 0)
		fault(place, "exclude", "means nothing for an Ollama model");
	check_layers(place, spec);
}

static void check_plain(const struct place *place, const struct ncm_file_spec *spec)
{
	if (spec->has_digest)
		fault(place, "digest", "is of an Ollama manifest; a file is pinned by \"sha256\"");
	if (spec->layer_count > 0)
		fault(place, "layers", "only an Ollama model has layers");
	if (spec->extract && spec->to_count > 1)
		fault(place, "extract", "an archive is unpacked into one folder, but there are %zu targets",
		      spec->to_count);
}

static void check_spec(const struct place *place, const struct ncm_file_spec *spec)
{
	const bool ollama = ncm_source_gives_blobs(spec->from.items[0]);

	check_size(place, spec);
	check_expected_size(place, spec);
	check_sources(place, spec, ollama);
	check_targets(place, spec, ollama);
	if (ollama)
		check_ollama(place, spec);
	else
		check_plain(place, spec);
}

static void check_specs(const struct place *place, const struct ncm_file_spec *files, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		const struct place spec = below(place, "files", i);

		check_spec(&spec, &files[i]);
		if (__builtin_add_overflow(sum, files[i].has_size ? files[i].size : files[i].expected_size, &sum))
			fault(&spec, files[i].has_size ? "size" : "expected_size", "the sum of the sizes is too large");
	}
}

static void check_variants(const struct place *place, const struct ncm_model *model)
{
	struct ncm_text_map names = {0};

	for (size_t i = 0; i < model->variant_count; i++) {
		const struct ncm_variant *variant = &model->variants[i];
		const struct place here = below(place, "variants", i);

		check_specs(&here, variant->files, variant->file_count);
		if (!ncm_text_map_add(&names, variant->name, strlen(variant->name), i))
			fault(&here, "name", "variant %u is called \"%s\" too",
			      *ncm_text_map_find(&names, variant->name, strlen(variant->name)), variant->name);
	}
	ncm_text_map_free(&names);
}

static void check_model(const struct place *place, const struct ncm_model *model)
{
	if (model->vram_min > model->vram_max && model->vram_max > 0)
		fault(place, "vram_gb", "the least is more than the most");
	if (model->license_class && !model->license_source)
		fault(place, "license_class", "needs a \"license_source\" that says where it is from");
	check_specs(place, model->files, model->file_count);
	check_variants(place, model);
}

/* Of any model of the file: they are the file's. */
static void check_phase(const struct place *place, const struct ncm_model *model)
{
	const char *of_phase = manifest_priority(model->phase);

	if (strcmp(model->priority, of_phase) != 0)
		fault(place, "priority", "is \"%s\", but phase %u has the priority \"%s\"", model->priority,
		      model->phase, of_phase);
}

void manifest_check_file(struct manifest_set *set, size_t index)
{
	const struct manifest_file *file = &set->files[index];
	const struct ncm_model *models = &set->catalog->models[file->first];
	const struct place top = {.set = set, .file = index};

	check_phase(&top, models);
	for (size_t i = 0; i < file->count; i++) {
		const struct place place = below(&top, "models", i);

		check_model(&place, &models[i]);
	}
}

/* SPDX-License-Identifier: MIT */
/* Which file of a version is meant, and what is known of it. */
#include "source/civitai.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <ncmodel/limits.h>
#include <ncmodel/text.h>
#include <string.h>
#include <strings.h>

enum { MOST_LISTED = 8 };

static bool same(const char *wanted, const char *text)
{
	return !wanted || (text && strcasecmp(wanted, text) == 0);
}

/* What tells the files of a version apart. */
enum trait { TRAIT_TYPE, TRAIT_FORMAT, TRAIT_SIZE, TRAIT_FP, TRAIT_QUANT_TYPE, TRAITS };

static const char *trait_of(const json_t *file, enum trait trait)
{
	static const char *const keys[TRAITS] = {"type", "format", "size", "fp", "quantType"};

	return ncm_json_string(trait == TRAIT_TYPE ? file : json_object_get(file, "metadata"), keys[trait]);
}

static bool passes(const json_t *file, const struct civitai_filter *filter)
{
	return same(filter->type, trait_of(file, TRAIT_TYPE)) && same(filter->format, trait_of(file, TRAIT_FORMAT)) &&
	       same(filter->size, trait_of(file, TRAIT_SIZE)) && same(filter->fp, trait_of(file, TRAIT_FP)) &&
	       same(filter->quant_type, trait_of(file, TRAIT_QUANT_TYPE));
}

static bool file_sha256(const json_t *file, struct ncm_sha256 *sha256)
{
	const char *hex = ncm_json_string(json_object_get(file, "hashes"), "SHA256");

	return hex && strlen(hex) == NCM_SHA256_HEX && ncm_sha256_parse_any_case(hex, sha256) == 0;
}

static bool has_id(const json_t *file)
{
	uint64_t id;

	return ncm_json_u64(file, "id", &id) && id > 0;
}

static const json_t *by_id(const json_t *files, uint64_t wanted)
{
	const json_t *file;
	uint64_t id;
	size_t i;

	json_array_foreach(files, i, file)
	{
		if (ncm_json_u64(file, "id", &id) && id == wanted)
			return file;
	}
	return NULL;
}

static const json_t *by_sha256(const json_t *files, const struct civitai_filter *filter,
			       const struct ncm_sha256 *wanted)
{
	struct ncm_sha256 sha256;
	const json_t *file;
	size_t i;

	json_array_foreach(files, i, file)
	{
		if (has_id(file) && passes(file, filter) && file_sha256(file, &sha256) &&
		    ncm_sha256_equal(&sha256, wanted))
			return file;
	}
	return NULL;
}

static bool is_listed(const json_t *file, const struct civitai_filter *filter)
{
	return has_id(file) && passes(file, filter);
}

static size_t count_passing(const json_t *files, const struct civitai_filter *filter)
{
	const json_t *file;
	size_t i, count = 0;

	json_array_foreach(files, i, file) count += is_listed(file, filter);
	return count;
}

const json_t *civitai_primary(const json_t *files, const struct civitai_filter *filter)
{
	const json_t *only = NULL, *primary = NULL, *file;
	size_t i;

	json_array_foreach(files, i, file)
	{
		if (!is_listed(file, filter))
			continue;
		only = file;
		if (ncm_json_bool(file, "primary") && !primary)
			primary = file;
	}
	return primary ? primary : count_passing(files, filter) == 1 ? only : NULL;
}

/* Whether a number >= 0 is one without a fraction, but for the noise of floating point. */
static bool is_whole(double number)
{
	double fraction = number - (double)(uint64_t)number;

	return fraction < 1e-3 || fraction > 1 - 1e-3;
}

/*
 * sizeKB is the size divided by 1024. Told in full, it gives the exact size back; but some answers round it to two
 * places, and then every size that is a multiple of 256 looks exact. Those count as rough.
 */
static void describe_size(const json_t *file, struct ncm_artifact *artifact)
{
	double kilobytes, bytes;

	if (!ncm_json_number(file, "sizeKB", &kilobytes) || !(kilobytes > 0) ||
	    kilobytes > (double)(NCM_LIMIT_FILE_BYTES / 1024))
		return;
	bytes = kilobytes * 1024;
	artifact->has_size = true;
	artifact->size = (uint64_t)(bytes + 0.5);
	artifact->size_is_rough = !is_whole(bytes) || is_whole(kilobytes * 100);
}

/* Which traits are not the same in all that are listed: only those help to choose. */
static void find_differences(const json_t *files, const struct civitai_filter *filter, bool differs[TRAITS])
{
	const json_t *first = NULL, *file;
	size_t i;

	json_array_foreach(files, i, file)
	{
		if (!is_listed(file, filter))
			continue;
		first = first ? first : file;
		for (enum trait trait = 0; trait < TRAITS; trait++) {
			const char *own = trait_of(file, trait), *other = trait_of(first, trait);

			differs[trait] = differs[trait] || (own ? !same(own, other) : other != NULL);
		}
	}
}

/* "187907 name.safetensors (fp16, 2.1 GB)" */
static void list_file(const json_t *file, const bool differs[TRAITS], struct ncm_buffer *list)
{
	const char *name = ncm_json_string(file, "name");
	struct ncm_artifact artifact = {0};
	const char *separator = " (";
	uint64_t id = 0;
	char size[32];

	(void)ncm_json_u64(file, "id", &id);
	ncm_buffer_printf(list, "%llu %.100s", (unsigned long long)id, name ? name : "");
	for (enum trait trait = 0; trait < TRAITS; trait++) {
		const char *text = differs[trait] ? trait_of(file, trait) : NULL;

		if (!text)
			continue;
		ncm_buffer_printf(list, "%s%.40s", separator, text);
		separator = ", ";
	}
	describe_size(file, &artifact);
	if (artifact.has_size) {
		ncm_buffer_printf(list, "%s%s", separator, ncm_format_size(artifact.size, size, sizeof size));
		separator = ", ";
	}
	ncm_buffer_puts(list, *separator == ',' ? ")" : "");
}

/* The caller frees it. */
static char *list_files(const json_t *files, const struct civitai_filter *filter)
{
	bool differs[TRAITS] = {false};
	struct ncm_buffer list = {0};
	size_t i, shown = 0;
	const json_t *file;

	find_differences(files, filter, differs);
	json_array_foreach(files, i, file)
	{
		if (!is_listed(file, filter))
			continue;
		if (++shown > MOST_LISTED) {
			ncm_buffer_puts(&list, "; …");
			break;
		}
		ncm_buffer_puts(&list, shown > 1 ? "; " : "");
		list_file(file, differs, &list);
	}
	return ncm_buffer_take(&list);
}

const json_t *civitai_choose(const json_t *version, const struct civitai_name *name, const struct ncm_file_spec *spec,
			     const char *what, struct ncm_error *err)
{
	static const struct civitai_filter any = {0};
	const json_t *files = json_object_get(version, "files");
	NCM_AUTO_FREE char *list = NULL;
	const json_t *file = NULL;
	size_t passing = 0;

	if (!json_is_array(files) || json_array_size(files) == 0) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: Civitai lists no file of it", what);
		ncm_error_hint(err, "it may be archived, or for on-site generation alone");
		return NULL;
	}
	if (name->file) {
		file = by_id(files, name->file);
		if (!file) {
			list = list_files(files, &any);
			ncm_error_set(err, NCM_E_NOT_FOUND, "%s: has no file %llu", what,
				      (unsigned long long)name->file);
			ncm_error_hint(err, "its files: %s", list);
		}
		return file;
	}
	if (spec->has_sha256)
		file = by_sha256(files, &name->filter, &spec->sha256);
	if (!file)
		file = civitai_primary(files, &name->filter);
	if (file)
		return file;
	passing = count_passing(files, &name->filter);
	list = list_files(files, passing > 0 ? &name->filter : &any);
	if (passing > 0)
		ncm_error_set(err, NCM_E_USAGE, "%s: several of its files could be meant", what);
	else
		ncm_error_set(err, NCM_E_NOT_FOUND,
			      "%s: none of its files is of that type, format, size, precision or quantization", what);
	ncm_error_hint(err, "choose one with ?fileId=NUMBER: %s", list);
	return NULL;
}

void civitai_describe_file(const json_t *file, struct ncm_artifact *artifact)
{
	artifact->kind = NCM_ARTIFACT_FILE;
	artifact->name = ncm_strdup_null(ncm_json_string(file, "name"));
	artifact->has_sha256 = file_sha256(file, &artifact->sha256);
	artifact->expect_binary = artifact->name && ncm_source_is_binary_name(artifact->name);
	describe_size(file, artifact);
}

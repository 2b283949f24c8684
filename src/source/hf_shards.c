/* SPDX-License-Identifier: MIT */
/*
 * Models split into several files. NAME-00001-of-00003.gguf, and so of other weights: found by name alone. Safetensors
 * and others have an index (….index.json), too, whose "weight_map" says in which file each tensor lies, relative to it.
 */
#include "source/hf.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <ncmodel/limits.h>
#include <string.h>

enum { DIGITS = 5 };

static bool five_digits(const char *text, unsigned *value)
{
	*value = 0;
	for (size_t i = 0; i < DIGITS; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (unsigned)(text[i] - '0');
	}
	return true;
}

/* Weights alone are known to be numbered from 1. */
static bool is_of_weights(const char *ending)
{
	static const char *const endings[] = {".gguf", ".safetensors", ".bin", ".pt", ".pth"};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (ncm_path_has_suffix(ending, endings[i]))
			return true;
	}
	return false;
}

/* Where "-00001-of-00003" and then a point begin in a file's name, or NULL. */
static const char *find_number(const char *path, unsigned *number, unsigned *count)
{
	static const char between[] = "-of-";
	const char *name = ncm_path_base(path), *found = NULL;

	for (const char *at = strchr(name, '-'); at; at = strchr(at + 1, '-')) {
		unsigned first, all;

		if (!five_digits(at + 1, &first) || strncmp(at + 1 + DIGITS, between, strlen(between)) != 0 ||
		    !five_digits(at + 1 + DIGITS + strlen(between), &all) ||
		    at[1 + DIGITS + strlen(between) + DIGITS] != '.')
			continue;
		found = at;
		*number = first;
		*count = all;
	}
	return found;
}

static bool numbered_shards(const char *path, struct ncm_strings *names)
{
	unsigned number, count;
	const char *mark = find_number(path, &number, &count);
	const char *ending = mark ? strchr(mark, '.') : NULL;

	if (!mark || number < 1 || number > count || count > NCM_LIMIT_FILES || !is_of_weights(ending))
		return false;
	for (unsigned i = 1; i <= count; i++)
		ncm_strings_take(names,
				 ncm_asprintf("%.*s-%05u-of-%05u%s", (int)(mark - path), path, i, count, ending));
	return true;
}

char *hf_shard_set(const char *path)
{
	unsigned number, count;
	const char *mark = find_number(path, &number, &count);

	if (!mark || number < 1 || number > count || !is_of_weights(strchr(mark, '.')))
		return NULL;
	return ncm_asprintf("%.*s%s", (int)(mark - path), path, mark + 1 + DIGITS);
}

/* "x.gguf.part1of2": cut by hand, to be joined by hand. */
static bool cut_parts(const char *path, struct ncm_strings *names)
{
	static const char part[] = ".part", between[] = "of";
	const char *name = ncm_path_base(path);
	const char *mark = strrchr(name, '.');
	const char *digits = mark ? mark + strlen(part) : NULL;
	size_t length, more;
	uint64_t number, count;

	if (!mark || strncmp(mark, part, strlen(part)) != 0)
		return false;
	length = strspn(digits, "0123456789");
	if (strncmp(digits + length, between, strlen(between)) != 0)
		return false;
	more = strlen(digits + length + strlen(between));
	if (!ncm_source_number(digits, length, NCM_LIMIT_FILES, &number) ||
	    !ncm_source_number(digits + length + strlen(between), more, NCM_LIMIT_FILES, &count) || number > count)
		return false;
	for (unsigned i = 1; i <= count; i++)
		ncm_strings_take(
		    names, ncm_asprintf("%.*s.part%uof%llu", (int)(mark - path), path, i, (unsigned long long)count));
	return true;
}

bool hf_shards(const char *path, struct ncm_strings *names)
{
	return numbered_shards(path, names) || cut_parts(path, names);
}

bool hf_is_index(const char *path)
{
	return ncm_path_has_suffix(path, ".safetensors.index.json") || ncm_path_has_suffix(path, ".bin.index.json");
}

static int fetch_index(const struct hf_tree *tree, const struct hf_file *file, struct ncm_reply *reply,
		       struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = hf_tree_url(tree, tree->commit, file->path);
	const struct ncm_request request = {
	    .url = url,
	    .credential = ncm_source_credential(tree->sources, &ncm_source_huggingface),
	    .service = &hf_service,
	    .what = file->path,
	};
	struct ncm_sha256 sha256;
	struct ncm_sha1 sha1;

	if (tree->sources->get(tree->sources->http, &request, reply, err) < 0)
		return -1;
	if (file->has_sha256) {
		ncm_sha256_of(reply->body ? reply->body : "", reply->body_size, &sha256);
		if (ncm_sha256_equal(&sha256, &file->sha256))
			return 0;
	} else if (file->has_git_sha1) {
		struct ncm_hash *hash = ncm_hash_git_blob(reply->body_size);

		ncm_hash_update(hash, reply->body ? reply->body : "", reply->body_size);
		ncm_hash_sha1(hash, &sha1);
		if (memcmp(&sha1, &file->git_sha1, sizeof sha1) == 0)
			return 0;
	} else {
		return 0;
	}
	return ncm_error_set(err, NCM_E_CHECKSUM, "%s: %s is not the file that the hub publishes", tree->what,
			     file->path);
}

static bool stays_below(const char *name)
{
	const char *part = name;

	for (;;) {
		size_t length = strcspn(part, "/");

		if (length == 0 || (length == 1 && part[0] == '.') || (length == 2 && memcmp(part, "..", 2) == 0) ||
		    memchr(part, '\\', length))
			return false;
		if (part[length] == '\0')
			return true;
		part += length + 1;
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Thousands of tensors lie in a few files: sorted, then each name once. */
static int unique_values(const json_t *map, const struct hf_file *index, const char ***names, size_t *count,
			 struct ncm_error *err)
{
	const json_t *value;
	const char *key;
	size_t kept = 0;

	*count = 0;
	*names = ncm_calloc(json_object_size(map), sizeof **names);
	json_object_foreach((json_t *)map, key, value)
	{
		const char *name = json_string_value(value);

		if (!name || !stays_below(name))
			return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the index names a file that cannot be: %.256s",
					     index->path, name ? name : "(none)");
		(*names)[(*count)++] = name;
	}
	qsort(*names, *count, sizeof **names, compare);
	for (size_t i = 0; i < *count; i++) {
		if (kept == 0 || strcmp((*names)[kept - 1], (*names)[i]) != 0)
			(*names)[kept++] = (*names)[i];
	}
	*count = kept;
	return 0;
}

int hf_index_shards(const struct hf_tree *tree, const char *path, struct ncm_strings *names, struct ncm_error *err)
{
	const struct hf_file *file = hf_tree_find(tree, path);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	NCM_AUTO_JSON json_t *index = NULL;
	NCM_AUTO_FREE const char **values = NULL;
	const json_t *map;
	size_t count = 0;
	int folder = (int)(ncm_path_base(path) - path);

	if (fetch_index(tree, file, &reply, err) < 0)
		return -1;
	index = ncm_json_parse(reply.body ? reply.body : "", reply.body_size, path, NCM_E_PROTOCOL, err);
	if (!index)
		return -1;
	map = json_object_get(index, "weight_map");
	if (!json_is_object(map) || json_object_size(map) == 0)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the index has no weight_map", path);
	if (unique_values(map, file, &values, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		ncm_strings_take(names, ncm_asprintf("%.*s%s", folder, path, values[i]));
	return 0;
}

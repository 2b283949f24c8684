/* SPDX-License-Identifier: MIT */
#include "resolve/content.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>

void place_clear(struct place *place)
{
	free(place->relative);
	free(place->path);
	free(place->blob);
	free(place->bytes);
	free(place->bytes_path);
}

const char *place_bytes(const struct place *place)
{
	return place->bytes ? place->bytes : place->relative;
}

const char *place_bytes_path(const struct place *place)
{
	return place->bytes_path ? place->bytes_path : place->path;
}

static void content_clear(struct content *content)
{
	for (size_t i = 0; i < content->place_count; i++)
		place_clear(&content->places[i]);
	ncm_resolution_free(content->found);
	ncm_buffer_free(&content->asked);
	free(content->places);
	free(content->name);
	*content = (struct content){0};
}

static void forget_keys(struct contents *contents)
{
	ncm_text_map_free(&contents->by_content);
	ncm_arena_free(&contents->keys);
}

void contents_free(struct run *run, struct contents *contents)
{
	for (size_t i = 0; i < contents->count; i++)
		content_clear(&contents->items[i]);
	free(contents->items);
	free(contents->of_models);
	free(contents->first);
	forget_keys(contents);
	*contents = (struct contents){0};
	for (size_t i = 0; i < run->wanted_count; i++) {
		free(run->wanted[i].contents);
		run->wanted[i].contents = NULL;
	}
}

/* Archives are unpacked, each with its own strip: those are other contents. The caller frees it; NULL without `what`.
 */
static char *key_of(const struct run *run, const struct content *content, const char *what)
{
	if (!what)
		return NULL;
	if (content->kind == CONTENT_MANIFEST) /* under another name it is another model's */
		return ncm_asprintf("%s %s", content->name, what);
	return content->kind == CONTENT_ARCHIVE ? ncm_asprintf("%u %s", run->wanted[content->wanted].spec->strip, what)
						: ncm_strdup(what);
}

static const struct content *find(const struct contents *contents, const char *key)
{
	const uint32_t *found = key ? ncm_text_map_find(&contents->by_content, key, strlen(key)) : NULL;

	return found ? &contents->items[*found] : NULL;
}

static void remember(struct contents *contents, const char *key, size_t number)
{
	const size_t size = key ? strlen(key) : 0;
	char *kept;

	if (!key || ncm_text_map_find(&contents->by_content, key, size))
		return;
	kept = ncm_arena_take(&contents->keys, size + 1);
	memcpy(kept, key, size + 1);
	ncm_text_map_add(&contents->by_content, kept, size, number);
}

/* The number of the content with these bytes, which is this one's own if there was none: its SHA-256 says so, else its
 * URL, unless digests are against it. */
static size_t number_of(const struct run *run, struct contents *contents, const struct content *content)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *digest =
	    key_of(run, content, content->has_sha256 ? ncm_sha256_hex(&content->sha256, hex) : NULL);
	NCM_AUTO_FREE char *url = key_of(run, content, content->artifact ? content->artifact->url : NULL);
	const struct content *twin = find(contents, digest);
	size_t number;

	if (!twin) {
		twin = find(contents, url);
		if (twin && twin->has_sha256 && content->has_sha256)
			twin = NULL;
	}
	number = twin ? (size_t)(twin - contents->items) : contents->count;
	remember(contents, digest, number);
	remember(contents, url, number);
	return number;
}

static void take_facts(struct content *content, const struct ncm_file_spec *spec, bool only_one)
{
	const struct ncm_artifact *artifact = content->artifact;

	content->has_size = artifact->has_size && !artifact->size_is_rough;
	content->size = artifact->has_size ? artifact->size : 0;
	content->has_sha256 = artifact->has_sha256;
	content->sha256 = artifact->sha256;
	content->has_git_sha1 = artifact->has_git_sha1;
	content->git_sha1 = artifact->git_sha1;
	if (only_one && spec->has_sha256) {
		content->has_sha256 = true;
		content->sha256 = spec->sha256;
	}
	if (only_one && spec->has_size) {
		content->has_size = true;
		content->size = spec->size;
	}
	if (only_one && content->size == 0 && !content->has_size && spec->expected_size > 0) {
		content->is_expected = true;
		content->size = spec->expected_size;
	}
	content->first_use = !content->has_sha256 && !content->has_git_sha1;
}

static int check_published(const struct run *run, const struct wanted *wanted, const struct ncm_artifact *artifact,
			   struct ncm_error *err)
{
	const struct ncm_file_spec *spec = wanted->spec;
	char pinned[NCM_SHA256_HEX + 1], served[NCM_SHA256_HEX + 1];

	if (spec->has_sha256 && artifact->has_sha256 && !ncm_sha256_equal(&spec->sha256, &artifact->sha256)) {
		ncm_error_set(err, NCM_E_CHECKSUM, "%s: %s: the manifest pins sha256 %s, the source publishes %s",
			      model_id(run, wanted), wanted->uri, ncm_sha256_hex(&spec->sha256, pinned),
			      ncm_sha256_hex(&artifact->sha256, served));
		return ncm_error_hint(err, "the file was replaced at its source, or the manifest is wrong");
	}
	if (spec->has_size && artifact->has_size && !artifact->size_is_rough && spec->size != artifact->size) {
		ncm_error_set(err, NCM_E_CHECKSUM, "%s: %s: the manifest says %llu bytes, the source has %llu",
			      model_id(run, wanted), wanted->uri, (unsigned long long)spec->size,
			      (unsigned long long)artifact->size);
		return ncm_error_hint(err, "the file was replaced at its source, or the manifest is wrong");
	}
	return 0;
}

static bool same_place(const struct content *content, const struct place *place)
{
	for (size_t i = 0; i < content->place_count; i++) {
		if (content->places[i].wanted == place->wanted && strcmp(content->places[i].path, place->path) == 0)
			return true;
	}
	return false;
}

/* Deduplication: its places become those of the one that has the same content already. */
static void merge_into(struct content *twin, struct content *content)
{
	for (size_t i = 0; i < content->place_count; i++) {
		if (same_place(twin, &content->places[i]))
			continue;
		*NCM_PUSH(twin->places, twin->place_count) = content->places[i];
		content->places[i] = (struct place){0};
	}
	if (twin->artifact && content->artifact && !twin->artifact->url && content->artifact->url) {
		twin->wanted = content->wanted; /* whose source has it */
		twin->artifact = content->artifact;
		twin->resolution = content->resolution;
	}
	if (!twin->has_size && (content->has_size || twin->size == 0)) {
		twin->has_size = content->has_size;
		twin->size = content->size;
		twin->is_expected = content->is_expected;
	}
	if (!twin->has_sha256 && content->has_sha256) {
		twin->has_sha256 = true;
		twin->sha256 = content->sha256;
		twin->first_use = false;
	}
	content_clear(content);
}

/* Takes the content as that number, which number_of gave. */
static void put(struct contents *contents, size_t number, struct content *content)
{
	if (number < contents->count)
		merge_into(&contents->items[number], content);
	else
		*NCM_PUSH(contents->items, contents->count) = *content;
}

/* Of one URL or digest there are not files of two sizes: one of those who say so is wrong. */
static int check_twin(const struct run *run, const struct content *twin, const struct content *content,
		      struct ncm_error *err)
{
	if (!twin->has_size || !content->has_size || twin->size == content->size)
		return 0;
	return ncm_error_set(err, NCM_E_CHECKSUM, "%s: %s is said to have %llu bytes, and by %s to have %llu",
			     model_id(run, &run->wanted[content->wanted]), content->name,
			     (unsigned long long)content->size, model_id(run, &run->wanted[twin->wanted]),
			     (unsigned long long)twin->size);
}

static enum content_kind kind_of(const struct ncm_file_spec *spec, const struct ncm_artifact *artifact)
{
	if (artifact->kind == NCM_ARTIFACT_BLOB)
		return CONTENT_BLOB;
	return spec->extract ? CONTENT_ARCHIVE : CONTENT_FILE;
}

static int add_artifact(struct run *run, size_t index, size_t which, content_placer *placer, void *context,
			struct contents *contents, struct ncm_error *err)
{
	struct wanted *wanted = &run->wanted[index];
	const struct ncm_artifact *artifact = &wanted->resolution->artifacts[which];
	const bool only_one = wanted->resolution->count == 1 && artifact->kind == NCM_ARTIFACT_FILE;
	struct content content = {.kind = kind_of(wanted->spec, artifact),
				  .wanted = index,
				  .artifact = artifact,
				  .resolution = wanted->resolution};
	size_t number;

	if (only_one && check_published(run, wanted, artifact, err) < 0)
		return -1;
	take_facts(&content, wanted->spec, only_one);
	content.name = ncm_strdup(artifact->name ? artifact->name : wanted->uri);
	if (placer(run, index, &content, context, err) < 0) {
		content_clear(&content);
		return -1;
	}
	number = number_of(run, contents, &content);
	if (number < contents->count && check_twin(run, &contents->items[number], &content, err) < 0) {
		content_clear(&content);
		return -1;
	}
	put(contents, number, &content);
	wanted->contents[which] = number;
	return 0;
}

/* The Ollama manifest comes last: what it names must be there first. */
static int add_manifest(struct run *run, size_t index, content_placer *placer, void *context, struct contents *contents,
			struct ncm_error *err)
{
	struct wanted *wanted = &run->wanted[index];
	const struct ncm_resolution *resolution = wanted->resolution;
	struct content content = {.kind = CONTENT_MANIFEST,
				  .wanted = index,
				  .resolution = resolution,
				  .name = ncm_strdup(resolution->ollama_name),
				  .has_sha256 = true,
				  .sha256 = resolution->manifest_digest,
				  .has_size = resolution->manifest != NULL,
				  .size = resolution->manifest_size};

	if (placer(run, index, &content, context, err) < 0) {
		content_clear(&content);
		return -1;
	}
	put(contents, number_of(run, contents, &content), &content);
	return 0;
}

static const char *trust_of(const struct run *run, const struct wanted *wanted)
{
	const struct ncm_lock_entry *entry = wanted_lock_entry(run, wanted);

	if (wanted->spec->has_sha256 || wanted->spec->has_digest || wanted->spec->layer_count > 0)
		return "manifest";
	if (entry)
		return entry->trust && strcmp(entry->trust, "manifest") == 0   ? "manifest"
		       : entry->trust && strcmp(entry->trust, "upstream") == 0 ? "upstream"
									       : "first-use";
	for (size_t i = 0; i < wanted->resolution->count; i++) {
		if (!wanted->resolution->artifacts[i].has_sha256 && !wanted->resolution->artifacts[i].has_git_sha1)
			return "first-use";
	}
	return "upstream";
}

struct folded {
	char *name;
	struct ncm_artifact *artifact;
};

static int compare_folded(const void *a, const void *b)
{
	const struct folded *left = a, *right = b;
	const int order = strcmp(left->name, right->name);

	return order ? order : strcmp(left->artifact->name, right->artifact->name);
}

/* "README.md" and "readme.md" of one repository: on some file systems one would be the other. The first by its bytes
 * keeps its name. */
static void find_twins(struct ncm_resolution *resolution)
{
	struct folded *names = ncm_calloc(resolution->count + 1, sizeof *names);
	size_t count = 0;

	for (size_t i = 0; i < resolution->count; i++) {
		struct ncm_artifact *artifact = &resolution->artifacts[i];

		if (artifact->kind == NCM_ARTIFACT_FILE && artifact->name)
			names[count++] = (struct folded){ncm_path_fold(artifact->name), artifact};
	}
	qsort(names, count, sizeof *names, compare_folded);
	for (size_t i = 1; i < count; i++)
		names[i].artifact->has_twin = strcmp(names[i - 1].name, names[i].name) == 0;
	for (size_t i = 0; i < count; i++)
		free(names[i].name);
	free(names);
}

int contents_add(struct run *run, size_t index, content_placer *placer, void *context, struct contents *contents)
{
	struct wanted *wanted = &run->wanted[index];

	wanted->trust = trust_of(run, wanted);
	if (placer == content_targets && kind_settle(run, wanted, &wanted->error) < 0)
		return -1;
	wanted_forget_odd(wanted);
	if (wanted->resolution->count > 1)
		find_twins(wanted->resolution);
	free(wanted->contents);
	wanted->contents = ncm_calloc(wanted->resolution->count + 1, sizeof *wanted->contents);
	for (size_t i = 0; i < wanted->resolution->count; i++) {
		if (add_artifact(run, index, i, placer, context, contents, &wanted->error) < 0)
			return -1;
	}
	return wanted->resolution->ollama_name ? add_manifest(run, index, placer, context, contents, &wanted->error)
					       : 0;
}

/* A model that cannot be had whole is not begun: what it alone wanted is dropped. */
static void drop_failed(const struct run *run, struct contents *contents)
{
	for (size_t i = 0; i < contents->count; i++) {
		struct content *content = &contents->items[i];
		size_t kept = 0;

		for (size_t k = 0; k < content->place_count; k++) {
			if (model_of(run, content->places[k].wanted)->error.code == NCM_OK)
				content->places[kept++] = content->places[k];
			else
				place_clear(&content->places[k]);
		}
		content->place_count = kept;
	}
}

/* Calls for each model that wants a content, once; `seen` is the last content of each model. */
static void index_models(const struct run *run, struct contents *contents, size_t *seen, bool count_only)
{
	for (size_t i = 0; i < contents->count; i++) {
		const struct content *content = &contents->items[i];

		for (size_t k = 0; k < content->place_count; k++) {
			const size_t model = run->wanted[content->places[k].wanted].model;

			if (seen[model] == i + 1)
				continue;
			seen[model] = i + 1;
			if (!count_only)
				contents->of_models[contents->first[model]] = i;
			contents->first[model]++;
		}
	}
}

/* Counting sort by model: first the lengths, then their sums, then each content to the end of its model's part. */
static void know_models(const struct run *run, struct contents *contents)
{
	NCM_AUTO_FREE size_t *seen = ncm_calloc(run->model_count + 1, sizeof *seen);
	size_t at = 0;

	contents->first = ncm_calloc(run->model_count + 1, sizeof *contents->first);
	index_models(run, contents, seen, true);
	for (size_t i = 0; i <= run->model_count; i++) {
		const size_t size = contents->first[i];

		contents->first[i] = at;
		at += size;
	}
	contents->of_models = ncm_calloc(at + 1, sizeof *contents->of_models);
	memset(seen, 0, (run->model_count + 1) * sizeof *seen);
	index_models(run, contents, seen, false);
	memmove(contents->first + 1, contents->first, run->model_count * sizeof *contents->first);
	contents->first[0] = 0;
}

static bool has_place(const struct contents *contents, size_t wanted)
{
	for (size_t i = 0; i < contents->count; i++) {
		for (size_t k = 0; k < contents->items[i].place_count; k++) {
			if (contents->items[i].places[k].wanted == wanted)
				return true;
		}
	}
	return false;
}

/* Odd names are left out one by one; of what has no others nothing would be had, and called installed. */
static void refuse_nothing(struct run *run, size_t index, const struct contents *contents)
{
	struct wanted *wanted = &run->wanted[index];

	if (wanted->error.code != NCM_OK || !wanted->resolution || wanted->odd_count < wanted->resolution->count ||
	    has_place(contents, index))
		return;
	ncm_error_set(&wanted->error, NCM_E_POLICY,
		      "%s: none of its files has a name that can be had here (\"%.256s\")", model_id(run, wanted),
		      wanted->odd[0].name);
}

void contents_build(struct run *run, content_placer *placer, void *context, struct contents *contents)
{
	contents_free(run, contents);
	for (size_t i = 0; i < run->wanted_count; i++) {
		struct wanted *wanted = &run->wanted[i];

		if (wanted->error.code == NCM_OK && wanted->resolution && model_of(run, i)->error.code == NCM_OK)
			(void)contents_add(run, i, placer, context, contents);
		if (wanted->odd_count > 0 && placer == content_targets)
			refuse_nothing(run, i, contents);
		/* A repair may do without a source that nothing damaged comes from. */
		if (wanted->error.code != NCM_OK && placer == content_targets)
			model_fail(model_of(run, i), &wanted->error);
	}
	forget_keys(contents);
	if (placer == content_targets)
		contents_refuse_clashes(run, contents);
	drop_failed(run, contents);
	know_models(run, contents);
}

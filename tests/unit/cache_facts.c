/* SPDX-License-Identifier: MIT */
/*
 * One operation on the cache that the environment names, and what came of it as a line of JSON: for
 * tests/integration/test_cache_operations.py.
 */
#include "base/json.h"
#include "base/mem.h"
#include "cache/cache.h"
#include "os/os.h"

#include <ncmodel/ncmodel.h>
#include <stdio.h>
#include <string.h>

static struct cache cache;
static json_t *facts;

static const char *const names[] = {"made", "exists", "conflict", "unsupported"};

static int told(enum cache_made made)
{
	if (made != CACHE_FAILED)
		ncm_json_set_string(facts, "made", names[made]);
	return made == CACHE_FAILED ? -1 : 0;
}

static void describe(json_t *to, const struct cache_object *object)
{
	json_object_set_new(to, "size", json_integer((json_int_t)object->size));
	json_object_set_new(to, "age", json_integer((json_int_t)(object->now - object->modified)));
	ncm_json_set_string(to, "etag", object->etag);
	ncm_json_set_string(to, "data", object->data);
}

static int take(void *context, const char *key, const struct cache_object *object, struct ncm_error *err)
{
	json_t *one = json_object();

	(void)err;
	ncm_json_set_string(one, "key", key);
	describe(one, object);
	json_array_append_new(context, one);
	return 0;
}

/* "new", "match=ETAG" or nothing. */
static struct cache_condition condition_of(const char *text)
{
	return (struct cache_condition){.only_new = text && strcmp(text, "new") == 0,
					.if_match = text && strncmp(text, "match=", 6) == 0 ? text + 6 : NULL};
}

static struct cache_range range_of(char **a)
{
	return (struct cache_range){
	    .fd = os_open(OS_HERE, a[0], OS_READ), .start = strtoull(a[1], NULL, 10), .size = strtoull(a[2], NULL, 10)};
}

static int op_put(char **a, struct ncm_error *err)
{
	const struct cache_condition condition = condition_of(a[2]);
	NCM_AUTO_FREE char *etag = NULL;
	const enum cache_made made = cache_put(&cache, a[0], a[1], strlen(a[1]), &condition, &etag, err);

	ncm_json_set_string(facts, "etag", etag);
	return told(made);
}

static int op_file(char **a, struct ncm_error *err)
{
	struct cache_range range = range_of(a + 1);
	const struct ncm_upload body = cache_range_body(&range);

	return told(cache_put_body(&cache, a[0], &body, NULL, NULL, err));
}

static int op_look(char **a, bool whole, struct ncm_error *err)
{
	CACHE_AUTO_OBJECT struct cache_object object = {0};
	const int there = whole ? cache_get(&cache, a[0], 100, &object, err) : cache_head(&cache, a[0], &object, err);

	json_object_set_new(facts, "there", json_boolean(there > 0));
	if (there > 0)
		describe(facts, &object);
	return there < 0 ? -1 : 0;
}

static int op_list(char **a, struct ncm_error *err)
{
	json_t *all = json_array();

	json_object_set_new(facts, "objects", all);
	return cache_list(&cache, a[0], take, all, err);
}

static int op_start(char **a, struct ncm_error *err)
{
	NCM_AUTO_FREE char *id = cache_upload_start(&cache, a[0], err);

	ncm_json_set_string(facts, "id", id);
	return id ? 0 : -1;
}

static int op_part(char **a, struct ncm_error *err)
{
	struct cache_range range = range_of(a + 3);
	const struct ncm_upload body = cache_range_body(&range);
	NCM_AUTO_FREE char *etag = NULL;
	const int failed = cache_upload_part(&cache, a[0], a[1], (unsigned)strtoul(a[2], NULL, 10), &body, &etag, err);

	ncm_json_set_string(facts, "etag", etag);
	return failed;
}

static int op_copy(char **a, struct ncm_error *err)
{
	NCM_AUTO_FREE char *etag = NULL;
	const enum cache_made made =
	    cache_upload_copy(&cache, a[0], a[1], (unsigned)strtoul(a[2], NULL, 10), a[3], a[4], &etag, err);

	ncm_json_set_string(facts, "etag", etag);
	return told(made);
}

static int op_parts(char **a, struct ncm_error *err)
{
	struct cache_parts parts = {0};
	const int there = cache_upload_parts(&cache, a[0], a[1], &parts, err);
	json_t *all = json_array();

	for (size_t i = 0; i < parts.count; i++)
		json_array_append_new(all, json_pack("[i, I, s]", (int)parts.items[i].number,
						     (json_int_t)parts.items[i].size, parts.items[i].etag));
	json_object_set_new(facts, "parts", all);
	json_object_set_new(facts, "there", json_boolean(there > 0));
	cache_parts_clear(&parts);
	return there < 0 ? -1 : 0;
}

static int op_uploads(char **a, struct ncm_error *err)
{
	struct ncm_strings ids = {0};
	const int failed = cache_uploads(&cache, a[0], &ids, err);

	json_object_set_new(facts, "uploads", ncm_json_string_array(&ids));
	ncm_strings_free(&ids);
	return failed;
}

static int op_finish(char **a, struct ncm_error *err)
{
	const struct cache_condition condition = condition_of(a[2]);
	struct cache_parts parts = {0};
	int failed = cache_upload_parts(&cache, a[0], a[1], &parts, err) < 0;

	if (!failed)
		failed = told(cache_upload_finish(&cache, a[0], a[1], &parts, &condition, err));
	cache_parts_clear(&parts);
	return failed ? -1 : 0;
}

static int run(const char *op, char **a, struct ncm_error *err)
{
	if (strcmp(op, "put") == 0)
		return op_put(a, err);
	if (strcmp(op, "file") == 0)
		return op_file(a, err);
	if (strcmp(op, "get") == 0 || strcmp(op, "head") == 0)
		return op_look(a, *op == 'g', err);
	if (strcmp(op, "list") == 0)
		return op_list(a, err);
	if (strcmp(op, "delete") == 0)
		return cache_delete(&cache, a[0], err);
	if (strcmp(op, "start") == 0)
		return op_start(a, err);
	if (strcmp(op, "part") == 0)
		return op_part(a, err);
	if (strcmp(op, "copy") == 0)
		return op_copy(a, err);
	if (strcmp(op, "parts") == 0)
		return op_parts(a, err);
	if (strcmp(op, "uploads") == 0)
		return op_uploads(a, err);
	if (strcmp(op, "finish") == 0)
		return op_finish(a, err);
	return cache_upload_abort(&cache, a[0], a[1], err);
}

int main(int argc, char **argv)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config;
	struct ncm_http *http = NULL;
	struct ncm_sources *sources = NULL;
	int failed;

	if (argc < 2 || ncm_init(&err) < 0)
		return 2;
	facts = json_object();
	config = ncm_config_load(NULL, &err);
	failed = !config;
	if (config) {
		http = ncm_http_new(config, NULL);
		sources = ncm_sources_new(config, http, NULL);
		failed = cache_open(&cache, sources, NULL, &err) < 0 || run(argv[1], argv + 2, &err) < 0;
	}
	if (failed) {
		ncm_json_set_string(facts, "error", ncm_errc_name(err.code));
		ncm_json_set_string(facts, "message", err.message);
		ncm_json_set_string(facts, "hint", err.hint);
	}
	json_dumpf(facts, stdout, JSON_COMPACT);
	json_decref(facts);
	cache_close(&cache);
	ncm_sources_free(sources);
	ncm_http_free(http);
	ncm_config_free(config);
	ncm_error_clear(&err);
	ncm_shutdown();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* A models.json of many entries, also foreign and odd ones: what an update does not touch stays byte for byte. */
#include "base/buffer.h"
#include "base/json.h"
#include "check.h"
#include "registry/change.h"
#include "registry/write.h"
#include "temp.h"

#include <ncmodel/limits.h>
#include <unistd.h>

static char *folder;
static char *path;

static void start(void)
{
	folder = temp_folder();
	path = ncm_path_join(folder, "models/models.json");
}

static void stop(void)
{
	temp_remove(folder);
	free(path);
}

static void write_text(const char *text)
{
	temp_write(folder, "models/models.json", text);
}

static char *read_text(void)
{
	return ncm_read_file(path, NCM_LIMIT_REGISTRY_BYTES, NULL);
}

static int put_one(const char *id, struct ncm_error *err)
{
	NCM_AUTO_FREE char *abs = ncm_asprintf("%s/models/%s.gguf", folder, id);
	struct ncm_reg_file file = {
	    .abs = abs, .store = (char *)"llama-cpp", .role = (char *)"weights", .size = 3 << 20, .mtime_ns = 5};
	struct ncm_reg_model model = {.id = (char *)id,
				      .kind = (char *)"llm",
				      .performance_score = -1,
				      .cost_score = -1,
				      .files = &file,
				      .file_count = 1};

	memset(file.sha256.bytes, 7, sizeof file.sha256.bytes);
	return ncm_registry_put_all(path, &model, 1, err);
}

/* Each in another style, as if as many programs had written the file. */
static char *entry_text(unsigned number)
{
	switch (number % 3) {
	case 0:
		return ncm_asprintf("{\"name\":\"m%u\",\"file_path\":\"models/m%u.gguf\",\"size_mb\":1024}", number,
				    number);
	case 1:
		return ncm_asprintf("{\n\t\"file_path\": \"models/\\u006d.gguf\",\n\t\"x-kept\": [1.50, 1e2, 0.1000, "
				    "{\"\\u0061\": -0}],\n\t\"size_mb\": 1024.0, \"name\": \"m%u\" }",
				    number);
	default:
		return ncm_asprintf("{ \"id\" : \"m%u\" , \"name\" : \"other %u\" , \"size_mb\" : null ,\r\n"
				    "\"files\" : [ { \"path\" : \"../out.gguf\" , \"size\" : 9 } ] }",
				    number, number);
	}
}

static void write_many(unsigned count)
{
	struct ncm_buffer out = {0};

	ncm_buffer_puts(&out, "{\"models\": [");
	for (unsigned i = 0; i < count; i++) {
		NCM_AUTO_FREE char *entry = entry_text(i);

		ncm_buffer_printf(&out, "%s%s", i > 0 ? ",\n\n  " : "", entry);
	}
	ncm_buffer_puts(&out, "], \"mine\": {\"n\": 0.95}}");
	write_text(out.data);
	ncm_buffer_free(&out);
}

static void check_entries(const char *text, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		NCM_AUTO_FREE char *entry = entry_text(i);
		const char *found = strstr(text, entry);

		CHECK(found && !strstr(found + 1, entry));
	}
}

static void what_is_not_touched_stays_byte_for_byte(void)
{
	enum { COUNT = 300 };
	NCM_AUTO_FREE char *text = NULL, *before = NULL, *run = NULL;
	NCM_AUTO_JSON json_t *document = NULL;

	start();
	write_many(COUNT);
	before = read_text();
	CHECK(put_one("new", NULL) == 0);
	CHECK(put_one("m0", NULL) == 0);
	CHECK(ncm_registry_mark(path, (const char *[]){"m150", "m1"}, (const char *[]){"ok", "damaged"}, 2, NULL) == 0);
	CHECK(ncm_registry_remove(path, (const char *[]){"m299", "other 2", "nobody"}, 3, NULL) == 0);
	text = read_text();
	check_entries(text, 3, 150);
	check_entries(text, 151, 299);
	/* With what stands between them. */
	run = ncm_strndup(strstr(before, "{\"name\":\"m3\""),
			  (size_t)(strstr(before, "\"name\":\"m147\"") - strstr(before, "{\"name\":\"m3\"")));
	CHECK(strstr(text, run));
	CHECK(strstr(text, ",\n    {\n      \"name\": \"new\",\n"));
	CHECK(strstr(text, "\"verify_result\": \"ok\"") && strstr(text, "\"verify_result\": \"damaged\""));
	document = ncm_json_parse(text, strlen(text), "it", NCM_E_REGISTRY, NULL);
	CHECK(document);
	CHECK_U64(json_array_size(json_object_get(document, "models")), COUNT - 1);
	CHECK(json_integer_value(json_object_get(document, "total_models")) == COUNT - 1);
	/* 199 entries of 1 GiB are left, and two of 3 MiB; the others tell no size. */
	CHECK(json_number_value(json_object_get(document, "total_size_gb")) == 199.01);
	CHECK(strstr(text, "\"n\": 0.95"));
	stop();
}

static void entries_are_read_as_they_are_meant(void)
{
	struct ncm_registry *registry;
	const struct ncm_reg_model *model;
	NCM_AUTO_FREE char *abs = NULL, *out = NULL;

	start();
	write_many(3);
	registry = ncm_registry_read(path, NULL);
	CHECK_U64(registry->count, 3);
	model = ncm_registry_find(registry, "m1");
	abs = ncm_path_join(folder, "models/m.gguf");
	CHECK_STR(model->files[0].path, "models/m.gguf");
	CHECK_STR(model->files[0].abs, abs);
	CHECK_U64(model->size, 0); /* 1024.0 is no whole number for the readers either */
	model = ncm_registry_find(registry, "m2");
	out = ncm_asprintf("%s.gguf", "/tmp/out");
	CHECK_STR(model->files[0].abs, out);
	CHECK_STR(model->display_name, "m2");
	CHECK_STR(model->file_path, "../out.gguf");
	CHECK_U64(model->size, 9);
	CHECK(ncm_registry_find(registry, "m0")->size == UINT64_C(1) << 30);
	ncm_registry_free(registry);
	stop();
}

static void words_and_numbers_of_any_order(void)
{
	struct ncm_registry *registry;
	const struct ncm_reg_model *model;

	start();
	write_text(
	    "{\"models\": [{\"tags\": [\"a\", \"b\", \"\\u0063\"], \"phase\": 4, \"use_cases\": [], \"name\": \"x\","
	    " \"capabilities\": [\"d\"], \"file_path\": \"/x\", \"cost_score\": 2, \"context_length\": 1.5,"
	    " \"vram_gb\": 1e1},\n{\"file_path\": \"/y\", \"use_cases\": [\"e\", \"f\"], \"name\": \"y\", \"phase\": "
	    "3}]}");
	registry = ncm_registry_read(path, NULL);
	model = &registry->models[0];
	CHECK_U64(model->tags.count, 3);
	CHECK_STR(model->tags.items[1], "b");
	CHECK_STR(model->tags.items[2], "c");
	CHECK_U64(model->use_cases.count, 0);
	CHECK_U64(model->capabilities.count, 1);
	CHECK_STR(model->capabilities.items[0], "d");
	CHECK(model->phase == 0 && model->context_length == 0 && model->cost_score < 0 && model->vram_gb == 10);
	model = &registry->models[1];
	CHECK(model->use_cases.count == 2 && model->tags.count == 0 && model->phase == 3);
	CHECK_STR(model->use_cases.items[1], "f");
	ncm_registry_free(registry);
	stop();
}

static bool mark_and_edit(struct registry_change *change, void *context)
{
	(void)context;
	CHECK(registry_change_mark(change, "a", "damaged") && registry_change_mark(change, "b", "missing"));
	CHECK(!registry_change_mark(change, "nobody", "ok"));
	ncm_json_set_string(registry_change_find(change, "b"), "x-edited", "yes");
	CHECK(registry_change_mark(change, "c", "ok") && registry_change_remove(change, "c"));
	return true;
}

/* Where an entry has a result of verify its text gets the new one, and is else as whoever wrote it. */
static void a_result_is_all_that_a_verify_changes(void)
{
	static const char entries[] =
	    "{\"schema_version\": 1, \"registered_at\": \"\", \"total_models\": 4, \"total_size_gb\": 0, \"models\": ["
	    "{\"name\":\"a\", \"file_path\":\"models/a\",  \"verify_result\" : \"\\u006fk\", \"x\":1.50, "
	    "\"verified_at\":\"then\"  },\n"
	    "{\"name\":\"b\", \"file_path\":\"models/b\", \"verified_at\":\"then\", \"verify_result\":\"ok\", \"x\":[ "
	    "1 ]},"
	    "{\"name\":\"c\", \"file_path\":\"models/c\", \"verified_at\":\"then\", \"verify_result\":\"ok\"}, "
	    "{\"name\":\"d\", \"file_path\":\"models/d\", \"verified_at\":null}]}";
	NCM_AUTO_FREE char *text = NULL;
	const char *at;

	start();
	write_text(entries);
	CHECK(registry_change(path, false, mark_and_edit, NULL, NULL) == 0);
	text = read_text();
	CHECK(strstr(text, "{\"name\":\"a\", \"file_path\":\"models/a\",  \"verify_result\" : \"damaged\", \"x\":1.50, "
			   "\"verified_at\":\"20"));
	at = strstr(text, "\"name\": \"b\"");
	CHECK(at && strstr(at, "\"verify_result\": \"missing\"") && strstr(at, "\"x-edited\": \"yes\""));
	CHECK(!strstr(text, "then") && !strstr(text, "\"c\""));
	CHECK(ncm_registry_mark(path, (const char *[]){"d", "a"}, (const char *[]){"ok", "missing"}, 2, NULL) == 0);
	free(text);
	text = read_text();
	CHECK(strstr(text, "\"verify_result\" : \"missing\", \"x\":1.50"));
	at = strstr(text, "\"name\": \"d\"");
	CHECK(at && strstr(at, "\"verify_result\": \"ok\"") && strstr(at, "\"verified_at\": \"20"));
	stop();
}

static bool edit_twice(struct registry_change *change, void *context)
{
	json_t *made = registry_change_make(change, "twin");

	(void)context;
	CHECK(made == registry_change_make(change, "twin") && made == registry_change_find(change, "twin"));
	CHECK(registry_change_find(change, "m1") == registry_change_find(change, "m1"));
	CHECK(!registry_change_find(change, "m9"));
	/* Out and in again, in one edit: none of the old keys comes back. */
	CHECK(registry_change_remove(change, "m1") && !registry_change_remove(change, "m1"));
	CHECK(!registry_change_find(change, "m1"));
	ncm_json_set_string(registry_change_make(change, "m1"), "file_path", "models/again.gguf");
	CHECK(registry_change_remove(change, "twin") && !registry_change_find(change, "twin"));
	return true;
}

static bool edit_and_think_again(struct registry_change *change, void *context)
{
	(void)context;
	registry_change_remove(change, "m1");
	registry_change_stamp(change);
	return false;
}

static void edits_see_their_own_changes(void)
{
	NCM_AUTO_FREE char *before = NULL, *after = NULL, *text = NULL;

	start();
	write_many(3);
	before = read_text();
	CHECK(registry_change(path, false, edit_and_think_again, NULL, NULL) == 0);
	after = read_text();
	CHECK_STR(after, before);
	CHECK(registry_change(path, false, edit_twice, NULL, NULL) == 0);
	text = read_text();
	check_entries(text, 0, 1);
	check_entries(text, 2, 3);
	CHECK(strstr(text, "again.gguf") && !strstr(text, "x-kept") && !strstr(text, "twin"));
	CHECK(strstr(text, "\"total_models\": 3"));
	CHECK(ncm_registry_remove(path, (const char *[]){"m0", "m1", "m2"}, 3, NULL) == 0);
	free(text);
	text = read_text();
	CHECK(strstr(text, "\"models\": [],"));
	stop();
}

static void touching_many_files_at_once(void)
{
	struct ncm_registry *registry;
	NCM_AUTO_FREE char *a = NULL, *b = NULL;

	start();
	CHECK(put_one("a", NULL) == 0 && put_one("b", NULL) == 0);
	a = ncm_path_join(folder, "models/a.gguf");
	b = ncm_path_join(folder, "models/b.gguf");
	CHECK(ncm_registry_touch_all(path,
				     (struct ncm_reg_touch[]){{"a", a, 11}, {"b", b, 12}, {"b", a, 13}, {"c", a, 14}},
				     4, NULL) == 0);
	registry = ncm_registry_read(path, NULL);
	CHECK(registry->models[0].files[0].mtime_ns == 11 && registry->models[1].files[0].mtime_ns == 12);
	ncm_registry_free(registry);
	stop();
}

static void names_are_compared_as_they_are_read(void)
{
	static const char *const broken[][2] = {
	    {"{\"models\": [{\"name\": \"a\", \"file_path\": \"x\"},\n{\"name\": \"\\u0061\", \"file_path\": \"y\"}]}",
	     ":2: $.models[1]: its name is that of another model too"},
	    {"{\"models\": [{\"name\": \"a\", \"file_path\": \"x\"},\n{\"id\": \"a\", \"name\": \"b\", \"file_path\": "
	     "\"y\"}]}",
	     ":2: $.models[1]: its id is that of another model too"},
	    {"{\"models\": [{\"name\": \"a\",\n\"\\u006eame\": \"b\"}]}", ":2: not valid JSON: "},
	    {"{\"models\": [], \"x\": 1,\n\"\\u006dodels\": []}", ":2: not valid JSON: "},
	    {"{\"models\": [\n{\"name\": \"a\", \"files\": [{\"path\": \"x\",\n\"size\": 1},\n{\"path\": \"\"}]}]}",
	     ":4: $.models[0].files[1].path: must not be empty"},
	    {"{\"models\": [\n{\"name\": \"a\", \"files\": [{\"path\": \"x\", \"size\": 1,\n\"mtime_ns\": 1.0}]}]}",
	     ":3: $.models[0].files[0].mtime_ns: is a number with a point or an exponent, must be an integer or null"},
	    {"{\"models\": [\n{\"name\": \"a\", \"file_path\": \"x\",\n\"tags\": [\"t\",\n1]}]}",
	     ":4: $.models[0].tags[1]: is an integer, must be a string"},
	    {"{\"models\": [\n{\"name\": \"a\", \"file_path\": \"x\",\n\"vram_gb\": -0.5}]}",
	     ":3: $.models[0].vram_gb: is -0.5, must be a number, 0 or more"},
	    {"{\"models\": [\n{\"name\": \"a\", \"file_path\": \"x\"},\n7]}",
	     ":3: $.models[1]: is an integer, must be an object"},
	    {"{\"models\": [\n{\"name\": \"a\", \"file_path\": \"x\"},\n{]}", ":3: not valid JSON: "},
	    {"{\"models\": [\n{\"name\": \"a\", \"files\": [{\"path\": \"x\",\n\"size\": 1}", ":3: not valid JSON: "},
	    {"{\"models\": [\n{\"name\": \"a\", \"files\": null}]}",
	     ":2: $.models[0].files: is null, must be an array"},
	    {"{\"models\": {}}", ":1: $.models: is an object, must be an array"},
	    {"{\"models\": [], \"schema_version\": \"1\"}", "$.schema_version: is a string, must be an integer"},
	    {"{\"models\": []} {}", ":1: not valid JSON: "},
	};

	start();
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct ncm_error err = NCM_ERROR_INIT;
		NCM_AUTO_FREE char *text = NULL;

		write_text(broken[i][0]);
		CHECK(!ncm_registry_read(path, &err) && err.code == NCM_E_REGISTRY);
		if (!strstr(err.message, broken[i][1]))
			fprintf(stderr, "%s\n", err.message);
		CHECK(strstr(err.message, broken[i][1]));
		ncm_error_clear(&err);
		CHECK(put_one("new", &err) < 0 && err.code == NCM_E_REGISTRY && strstr(err.message, broken[i][1]));
		ncm_error_clear(&err);
		text = read_text();
		CHECK_STR(text, broken[i][0]);
	}
	stop();
}

/* Wherever it is cut off, and whatever byte is wrong, that is told. */
static void any_damage_is_told(void)
{
	static const char whole[] =
	    "{\"schema_version\": 1, \"total_models\": 1, \"models\": [{\"id\": \"a\", \"name\": \"a\", \"vram_gb\": "
	    "1.5, "
	    "\"tags\": [\"t\"], \"files\": [{\"path\": \"x\", \"size\": 1, \"mtime_ns\": 5, \"read_only\": true}]}]}";

	start();
	for (size_t i = 0; i < 2 * (sizeof whole - 1); i++) {
		struct ncm_error err = NCM_ERROR_INIT;
		char text[sizeof whole];

		memcpy(text, whole, sizeof whole);
		text[i / 2] = i % 2 ? '}' : '\0';
		write_text(text);
		if (text[i / 2] == whole[i / 2])
			continue;
		ncm_registry_free(ncm_registry_read(path, &err));
		CHECK(i % 2 || (err.code == NCM_E_REGISTRY && strstr(err.message, path)));
		ncm_error_clear(&err);
	}
	stop();
}

static void a_file_beyond_the_limit_is_refused(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	start();
	write_text("{}");
	CHECK(truncate(path, (off_t)NCM_LIMIT_REGISTRY_BYTES + 1) == 0);
	CHECK(!ncm_registry_read(path, &err) && err.code == NCM_E_REGISTRY && strstr(err.message, "larger than"));
	ncm_error_clear(&err);
	CHECK(put_one("new", &err) < 0 && err.code == NCM_E_REGISTRY);
	ncm_error_clear(&err);
	stop();
}

static uint64_t state = 20260131;

/* xorshift64: the same texts in every run. */
static size_t below(size_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)(state % limit);
}

static json_t *find_named(const json_t *document, const char *name)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(document, "models"), i, entry)
	{
		if (strcmp(ncm_json_string(entry, "name"), name) == 0)
			return entry;
	}
	return NULL;
}

/* What is no JSON is refused; what is taken comes out of an update as it was, by another parser's reading. */
static void check_spoilt(const char *text, size_t size)
{
	NCM_AUTO_JSON json_t *before = ncm_json_parse(text, size, "it", NCM_E_REGISTRY, NULL), *after = NULL;
	struct ncm_registry *registry;
	const json_t *entry;
	NCM_AUTO_FREE char *written = NULL;
	size_t i;

	temp_write_bytes(folder, "models/models.json", text, size);
	registry = ncm_registry_read(path, NULL);
	CHECK(before || !registry);
	CHECK((put_one("new", NULL) == 0) == (registry != NULL));
	written = read_text();
	if (!registry) {
		CHECK(strlen(written) == size && memcmp(written, text, size) == 0);
		return;
	}
	after = ncm_json_parse(written, strlen(written), "it", NCM_E_REGISTRY, NULL);
	CHECK(after && registry->count == json_array_size(json_object_get(before, "models")));
	json_array_foreach(json_object_get(before, "models"), i, entry)
	{
		const char *id = ncm_json_string(entry, "id");

		CHECK_STR(registry->models[i].id, id ? id : ncm_json_string(entry, "name"));
		CHECK(json_equal(entry, find_named(after, ncm_json_string(entry, "name"))));
	}
	ncm_registry_free(registry);
}

static void spoilt_files_are_refused_or_kept(void)
{
	enum { ROUNDS = 400 };
	static const char bytes[] = "{}[]\",:\\u0123456789eE+-. \n\x01\xc3\xa9";
	char *text;
	size_t size;

	start();
	write_many(7);
	text = read_text();
	size = strlen(text);
	for (unsigned round = 0; round < ROUNDS; round++) {
		NCM_AUTO_FREE char *spoilt = ncm_strdup(text);

		for (size_t i = 0; i <= below(2); i++)
			spoilt[below(size)] = bytes[below(sizeof bytes - 1)];
		check_spoilt(spoilt, size - below(2) * below(size));
	}
	free(text);
	stop();
}

int main(void)
{
	RUN(what_is_not_touched_stays_byte_for_byte);
	RUN(entries_are_read_as_they_are_meant);
	RUN(words_and_numbers_of_any_order);
	RUN(edits_see_their_own_changes);
	RUN(a_result_is_all_that_a_verify_changes);
	RUN(touching_many_files_at_once);
	RUN(names_are_compared_as_they_are_read);
	RUN(any_damage_is_told);
	RUN(a_file_beyond_the_limit_is_refused);
	RUN(spoilt_files_are_refused_or_kept);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/strings.h"
#include "check.h"
#include "registry/write.h"
#include "temp.h"

#include <math.h>
#include <sys/wait.h>

static char *folder;
static char *path; /* of models.json, in <folder>/llama-cpp/models */
static char *stores;

static int touch_one(const char *registry, const char *id, const char *abs, int64_t mtime_ns, struct ncm_error *err)
{
	return ncm_registry_touch_all(registry, &(struct ncm_reg_touch){id, abs, mtime_ns}, 1, err);
}

static void start(void)
{
	folder = temp_folder();
	stores = ncm_path_join(folder, "llama-cpp/models");
	path = ncm_path_join(stores, "models.json");
}

static void stop(void)
{
	temp_remove(folder);
	free(stores);
	free(path);
}

static json_t *document(void)
{
	json_t *value = ncm_json_read(path, NCM_E_REGISTRY, NULL);

	CHECK(value);
	return value;
}

static json_t *entry_of(const json_t *registry, size_t index)
{
	return json_array_get(json_object_get(registry, "models"), index);
}

static struct ncm_reg_file file(const char *abs, uint64_t size, uint8_t digest, const char *role)
{
	struct ncm_reg_file made = {.abs = (char *)abs,
				    .store = (char *)"llama-cpp",
				    .role = (char *)role,
				    .size = size,
				    .mtime_ns = 1769850300000000001};

	memset(made.sha256.bytes, digest, sizeof made.sha256.bytes);
	return made;
}

static struct ncm_reg_model model(const char *id, struct ncm_reg_file *files, size_t count)
{
	return (struct ncm_reg_model){.id = (char *)id,
				      .display_name = (char *)"A model",
				      .kind = (char *)"llm",
				      .performance_score = -1,
				      .cost_score = -1,
				      .files = files,
				      .file_count = count};
}

static int put_one(const char *id, uint64_t size, uint8_t digest)
{
	NCM_AUTO_FREE char *abs = ncm_asprintf("%s/%s.gguf", stores, id);
	struct ncm_reg_file one = file(abs, size, digest, "weights");
	struct ncm_reg_model made = model(id, &one, 1);

	return ncm_registry_put_all(path, &made, 1, NULL);
}

static void the_contract_is_kept(void)
{
	static const char *const required[] = {
	    "name",         "file_path",    "size_mb",        "capabilities", "performance_score",
	    "cost_score",   "privacy_tier", "use_cases",      "display_name", "installed_at",
	    "id",           "profile",      "phase",          "priority",     "store",
	    "source",       "revision",     "license",        "format",       "architecture",
	    "quantization", "parameters",   "context_length", "vram_gb",      "files",
	    "verified_at",  "verify_result"};
	NCM_AUTO_JSON json_t *value = NULL;
	const json_t *entry;

	start();
	CHECK(put_one("a", 3 * 1048576 / 2, 1) == 0);
	value = document();
	CHECK(json_is_integer(json_object_get(value, "schema_version")));
	CHECK(json_integer_value(json_object_get(value, "total_models")) == 1);
	CHECK(json_is_real(json_object_get(value, "total_size_gb")));
	CHECK(strlen(ncm_json_string(value, "registered_at")) == 19);
	entry = entry_of(value, 0);
	for (size_t i = 0; i < sizeof required / sizeof *required; i++)
		CHECK(json_object_get(entry, required[i]));
	CHECK_STR(ncm_json_string(entry, "name"), "a");
	CHECK_STR(ncm_json_string(entry, "file_path"), "models/a.gguf");
	/* 1.5 MiB rounds up, and is an integer. */
	CHECK(json_is_integer(json_object_get(entry, "size_mb")));
	CHECK(json_integer_value(json_object_get(entry, "size_mb")) == 2);
	CHECK(json_number_value(json_object_get(entry, "performance_score")) == 0.75);
	CHECK_STR(ncm_json_string(entry, "privacy_tier"), "Internal");
	CHECK(json_array_size(json_object_get(entry, "capabilities")) == 0);
	CHECK_STR(json_string_value(json_array_get(json_object_get(entry, "use_cases"), 0)), "General");
	CHECK_STR(ncm_json_string(entry, "verify_result"), "ok");
	stop();
}

static void words_and_numbers_that_readers_cannot_read(void)
{
	char *use_cases[] = {(char *)"Embedding", (char *)"codegeneration", (char *)"Vision", (char *)"LoRA"};
	char *tags[] = {(char *)"Fast", (char *)"lora"};
	struct ncm_reg_file one = file("/elsewhere/x.safetensors", 7, 1, "weights");
	struct ncm_reg_model made = model("x", &one, 1);
	NCM_AUTO_JSON json_t *value = NULL;
	const json_t *entry;

	start();
	made.use_cases = (struct ncm_strings){.items = use_cases, .count = 4};
	made.tags = (struct ncm_strings){.items = tags, .count = 2};
	made.performance_score = NAN;
	made.cost_score = 1.5;
	made.vram_gb = INFINITY;
	made.privacy_tier = (char *)"secret";
	CHECK(ncm_registry_put_all(path, &made, 1, NULL) == 0);
	made.id = (char *)"lora";
	made.kind = (char *)"lora";
	made.use_cases = (struct ncm_strings){0};
	CHECK(ncm_registry_put_all(path, &made, 1, NULL) == 0);
	made.id = (char *)"image";
	made.kind = (char *)"llm";
	made.use_cases = (struct ncm_strings){.items = use_cases, .count = 1};
	CHECK(ncm_registry_put_all(path, &made, 1, NULL) == 0);
	value = document();
	entry = entry_of(value, 0);
	CHECK(json_array_size(json_object_get(entry, "use_cases")) == 2);
	CHECK_STR(json_string_value(json_array_get(json_object_get(entry, "use_cases"), 0)), "CodeGeneration");
	CHECK_STR(json_string_value(json_array_get(json_object_get(entry, "use_cases"), 1)), "Vision");
	CHECK(json_array_size(json_object_get(entry, "tags")) == 3);
	CHECK(json_number_value(json_object_get(entry, "performance_score")) == 0.75);
	CHECK(json_number_value(json_object_get(entry, "cost_score")) == 0.75);
	CHECK(!json_object_get(entry, "performance_score_by") && !json_object_get(entry, "cost_score_by"));
	CHECK(json_is_null(json_object_get(entry, "vram_gb")));
	CHECK_STR(ncm_json_string(entry, "privacy_tier"), "Internal");
	CHECK_STR(ncm_json_string(entry, "file_path"), "/elsewhere/x.safetensors");
	/* No text selector may pick these by accident. */
	CHECK(json_array_size(json_object_get(entry_of(value, 1), "use_cases")) == 0);
	CHECK(json_array_size(json_object_get(entry_of(value, 2), "use_cases")) == 0);
	stop();
}

static void sizes_count_shared_bytes_once(void)
{
	NCM_AUTO_FREE char *a = NULL;
	struct ncm_reg_file files[3];
	struct ncm_reg_model made = model("m", files, 3);
	NCM_AUTO_JSON json_t *value = NULL;

	start();
	a = ncm_path_join(stores, "sub/part.gguf");
	files[0] = file("/other/config.json", 1048576, 1, "config");
	files[1] = file(a, 10 * 1048576, 2, "weights");
	files[2] = file("/other/copy.gguf", 10 * 1048576, 2, "weights");
	CHECK(ncm_registry_put_all(path, &made, 1, NULL) == 0);
	CHECK(put_one("n", 5 * 1048576 + 524287, 9) == 0);
	value = document();
	CHECK(json_integer_value(json_object_get(entry_of(value, 0), "size_mb")) == 11);
	CHECK(json_integer_value(json_object_get(entry_of(value, 1), "size_mb")) == 5);
	CHECK_STR(ncm_json_string(entry_of(value, 0), "file_path"), "models/sub/part.gguf");
	CHECK(fabs(json_number_value(json_object_get(value, "total_size_gb")) - 0.02) < 1e-9);
	CHECK(json_integer_value(json_object_get(value, "total_models")) == 2);
	stop();
}

static const char *const older =
    "{\n  \"registered_at\": \"2026-01-31 09:05:00\",\n  \"zeta\": {\"b\": 1, \"a\": 0.95, \"c\": "
    "0.30000000000000004},\n"
    "  \"total_models\": 1,\n  \"total_size_gb\": 9.5,\n"
    "  \"models\": [\n    {\"note\": \"mine\", \"name\": \"old\", \"display_name\": \"Old One\", \"file_path\": "
    "\"models/old.gguf\", \"size_mb\": 9728, \"capabilities\": [\"chat\"], \"performance_score\": 0.9, \"cost_score\": "
    "1, \"privacy_tier\": \"Public\", \"use_cases\": [\"General\"], \"installed_at\": \"2026-01-31 09:05:00\"}\n  "
    "]\n}\n";

static void a_file_of_the_older_scripts_is_read(void)
{
	struct ncm_registry *registry;
	const struct ncm_reg_model *old;
	NCM_AUTO_FREE char *abs = NULL;
	static const struct ncm_sha256 unknown;

	start();
	temp_write(stores, "models.json", older);
	registry = ncm_registry_read(path, NULL);
	CHECK(registry && registry->count == 1);
	old = ncm_registry_find(registry, "OLD");
	CHECK(old && old == ncm_registry_find(registry, "old one") && old == ncm_registry_find(registry, "old.gguf"));
	CHECK(!ncm_registry_find(registry, "new"));
	CHECK_U64(old->file_count, 1);
	abs = ncm_path_join(folder, "llama-cpp/models/old.gguf");
	CHECK_STR(old->files[0].abs, abs);
	CHECK(ncm_sha256_equal(&old->files[0].sha256, &unknown));
	CHECK_U64(old->size, UINT64_C(9728) << 20);
	CHECK(old->performance_score == 0.9 && old->cost_score == 1);
	ncm_registry_free(registry);
	stop();
}

static void what_others_wrote_stays(void)
{
	NCM_AUTO_FREE char *text = NULL;
	NCM_AUTO_JSON json_t *before = NULL, *after = NULL;
	const char *keys[] = {"registered_at", "zeta", "total_models", "total_size_gb", "models", "schema_version"};
	const char *key;
	json_t *member;
	size_t i = 0;

	start();
	temp_write(stores, "models.json", older);
	before = document();
	CHECK(put_one("new", 1048576, 3) == 0);
	after = document();
	CHECK(json_equal(entry_of(before, 0), entry_of(after, 0)));
	CHECK(json_equal(json_object_get(before, "zeta"), json_object_get(after, "zeta")));
	CHECK(json_integer_value(json_object_get(after, "total_models")) == 2);
	json_object_foreach(after, key, member)
	{
		CHECK_STR(key, keys[i]);
		i++;
	}
	/* Our own entry, with keys that somebody added at every level. */
	member = entry_of(after, 1);
	json_object_set_new(member, "x-note", json_string("keep"));
	json_object_set_new(json_array_get(json_object_get(member, "files"), 0), "x-seen", json_integer(4));
	text = ncm_json_dump(after);
	temp_write(stores, "models.json", text);
	CHECK(put_one("new", 2097152, 4) == 0);
	json_decref(before);
	before = document();
	member = entry_of(before, 1);
	CHECK_STR(ncm_json_string(member, "x-note"), "keep");
	CHECK(json_integer_value(json_object_get(json_array_get(json_object_get(member, "files"), 0), "x-seen")) == 4);
	CHECK(json_integer_value(json_object_get(member, "size_mb")) == 2);
	CHECK(json_array_size(json_object_get(before, "models")) == 2);
	stop();
}

static void numbers_look_as_they_were_written(void)
{
	NCM_AUTO_FREE char *text = NULL;

	start();
	temp_write(stores, "models.json", "{\"models\":[],\"n\":0.95}");
	CHECK(put_one("a", 1, 1) == 0);
	text = temp_read(stores, "models.json");
	CHECK(strstr(text, "\"n\": 0.95,"));
	CHECK(strstr(text, "\"performance_score\": 0.75,"));
	stop();
}

static void times(void)
{
	NCM_AUTO_FREE char *text = NULL;
	NCM_AUTO_JSON json_t *value = NULL;
	json_t *entry;

	start();
	CHECK(put_one("a", 5, 1) == 0);
	value = document();
	entry = entry_of(value, 0);
	ncm_json_set_string(entry, "installed_at", "2020-01-01 00:00:00");
	ncm_json_set_string(entry, "verified_at", "2020-01-01T00:00:00Z");
	text = ncm_json_dump(value);
	temp_write(stores, "models.json", text);
	/* The same files: installed when they were, verified when they were. */
	CHECK(put_one("a", 5, 1) == 0);
	json_decref(value);
	value = document();
	CHECK_STR(ncm_json_string(entry_of(value, 0), "installed_at"), "2020-01-01 00:00:00");
	CHECK_STR(ncm_json_string(entry_of(value, 0), "verified_at"), "2020-01-01T00:00:00Z");
	/* Repaired: the bytes are what they were, and were found damaged since. */
	CHECK(ncm_registry_mark(path, &(const char *){"a"}, &(const char *){"damaged"}, 1, NULL) == 0);
	json_decref(value);
	value = document();
	CHECK_STR(ncm_json_string(entry_of(value, 0), "verify_result"), "damaged");
	CHECK(strcmp(ncm_json_string(entry_of(value, 0), "verified_at"), "2020-01-01T00:00:00Z") > 0);
	CHECK(put_one("a", 5, 1) == 0);
	json_decref(value);
	value = document();
	CHECK_STR(ncm_json_string(entry_of(value, 0), "verify_result"), "ok");
	CHECK_STR(ncm_json_string(entry_of(value, 0), "installed_at"), "2020-01-01 00:00:00");
	/* Other bytes. */
	CHECK(put_one("a", 5, 2) == 0);
	json_decref(value);
	value = document();
	CHECK(strcmp(ncm_json_string(entry_of(value, 0), "installed_at"), "2020-01-01 00:00:00") > 0);
	stop();
}

static void touch_and_mark(void)
{
	struct ncm_registry *registry;
	NCM_AUTO_FREE char *abs = NULL;

	start();
	CHECK(touch_one(path, "a", "/x", 5, NULL) < 0); /* there is no such folder */
	CHECK(put_one("a", 5, 1) == 0);
	abs = ncm_path_join(stores, "a.gguf");
	CHECK(touch_one(path, "a", abs, 42, NULL) == 0);
	CHECK(touch_one(path, "a", "/x", 43, NULL) == 0);
	CHECK(ncm_registry_mark(path, &(const char *){"gone"}, &(const char *){"ok"}, 1, NULL) == 0);
	registry = ncm_registry_read(path, NULL);
	CHECK(registry->models[0].files[0].mtime_ns == 42);
	ncm_registry_free(registry);
	stop();
}

static void a_model_is_read_as_it_was_put(void)
{
	char *tags[] = {(char *)"t"};
	struct ncm_reg_file one = file("/x/w.gguf", 5, 7, "weights");
	struct ncm_reg_model made = model("a", &one, 1);
	struct ncm_registry *registry;
	const struct ncm_reg_model *got;

	start();
	made.profile = (char *)"noa";
	made.phase = 2;
	made.priority = (char *)"medium";
	made.store = (char *)"llama-cpp";
	made.source = (char *)"hf:o/r/w.gguf@01";
	made.revision = (char *)"01";
	made.variant = (char *)"q8";
	made.license = (char *)"MIT";
	made.context_length = 4096;
	made.dimensions = 768;
	made.vram_gb = 6.5;
	made.trust = (char *)"upstream";
	made.tags = (struct ncm_strings){.items = tags, .count = 1};
	CHECK(ncm_registry_put_all(path, &made, 1, NULL) == 0);
	registry = ncm_registry_read(path, NULL);
	got = &registry->models[0];
	CHECK_STR(got->profile, "noa");
	CHECK_U64(got->phase, 2);
	CHECK_STR(got->priority, "medium");
	CHECK_STR(got->source, "hf:o/r/w.gguf@01");
	CHECK_STR(got->variant, "q8");
	CHECK_STR(got->trust, "upstream");
	CHECK(!got->architecture);
	CHECK_U64(got->context_length, 4096);
	CHECK_U64(got->dimensions, 768);
	CHECK(got->vram_gb == 6.5);
	CHECK_STR(got->tags.items[0], "t");
	CHECK_STR(got->files[0].abs, "/x/w.gguf");
	CHECK_STR(got->files[0].store, "llama-cpp");
	CHECK(got->files[0].mtime_ns == 1769850300000000001 && got->files[0].size == 5);
	CHECK(ncm_sha256_equal(&got->files[0].sha256, &one.sha256));
	CHECK_U64(got->size, 5);
	ncm_registry_free(registry);
	stop();
}

static void a_broken_registry_stays_untouched(void)
{
	static const char *const broken[][2] = {
	    {"", ":1: "},
	    {"{\n\"models\": [\n", ":3: "},
	    {"[]", ":1: $: is an array, must be an object"},
	    {"{}", ":1: $: the key \"models\" is missing"},
	    {"{\"schema_version\": 2, \"models\": []}", "$.schema_version: is 2: it is of a newer ncmodel"},
	    {"{\"models\": [\n{\"id\": \"a\"}]}", ":2: $.models[0]: the key \"name\" is missing"},
	    {"{\"models\": [{\"name\": \"a\"}]}", "$.models[0]: the key \"file_path\" is missing"},
	    {"{\"models\": [{\"name\": \"a\", \"file_path\": \"x\"},\n{\"name\": \"a\", \"file_path\": \"y\"}]}",
	     ":2: $.models[1]: its name is that of another model too"},
	    {"{\"models\": [{\"name\": \"a\", \"files\": [{\"path\": \"x\", \"size\": 1.5}]}]}",
	     "$.models[0].files[0].size: is a number with a point or an exponent, must be an integer"},
	    {"{\"models\": [{\"name\": \"a\", \"files\": [{\"path\": \"x\", \"size\": 1, \"sha256\": \"12\"}]}]}",
	     "$.models[0].files[0].sha256: is \"12\", must be 64"},
	    {"{\"models\": [{\"name\": \"a\", \"file_path\": \"x\", \"tags\": \"t\"}]}",
	     "$.models[0].tags: is a string, must be an array of strings"},
	    {"{\"models\": [], \"models\": []}", "not valid JSON"},
	};

	start();
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct ncm_reg_file one = file("/x/w.gguf", 5, 7, "weights");
		struct ncm_reg_model made = model("a", &one, 1);
		struct ncm_error err = NCM_ERROR_INIT;
		NCM_AUTO_FREE char *text = NULL;

		temp_write(stores, "models.json", broken[i][0]);
		CHECK(!ncm_registry_read(path, &err));
		CHECK(err.code == NCM_E_REGISTRY);
		if (!strstr(err.message, broken[i][1]))
			fprintf(stderr, "%s\n", err.message);
		CHECK(strncmp(err.message, path, strlen(path)) == 0 && strstr(err.message, broken[i][1]));
		CHECK(strstr(err.message, "the file was left as it is"));
		ncm_error_clear(&err);
		CHECK(ncm_registry_put_all(path, &made, 1, &err) < 0 && err.code == NCM_E_REGISTRY);
		ncm_error_clear(&err);
		CHECK(ncm_registry_mark(path, &(const char *){"a"}, &(const char *){"ok"}, 1, &err) < 0);
		CHECK(err.code == NCM_E_REGISTRY);
		ncm_error_clear(&err);
		CHECK(touch_one(path, "a", "/x", 1, &err) < 0 && err.code == NCM_E_REGISTRY);
		ncm_error_clear(&err);
		text = temp_read(stores, "models.json");
		CHECK_STR(text, broken[i][0]);
	}
	stop();
}

static void many_writers_lose_nothing(void)
{
	enum { WRITERS = 6, ENTRIES = 20 };
	struct ncm_registry *registry;

	start();
	for (unsigned w = 0; w < WRITERS; w++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		for (unsigned i = 0; pid == 0 && i < ENTRIES; i++) {
			NCM_AUTO_FREE char *id = ncm_asprintf("m-%u-%u", w, i);

			if (put_one(id, i, (uint8_t)(i + 1)) < 0)
				_exit(1);
		}
		if (pid == 0)
			_exit(0);
	}
	for (unsigned w = 0; w < WRITERS; w++) {
		int status = 1;

		CHECK(wait(&status) > 0 && status == 0);
	}
	registry = ncm_registry_read(path, NULL);
	CHECK_U64(registry->count, WRITERS * ENTRIES);
	ncm_registry_free(registry);
	stop();
}

static void selection(void)
{
	struct ncm_reg_file one = file("/x/w.gguf", 5, 7, "weights");
	struct ncm_reg_model made = model("a", &one, 1);
	const struct ncm_reg_model **chosen = NULL;
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_registry *registry;
	const char *uri = "hf:o/r/w.gguf", *unknown = "b", *hf = "hf", *file_name = "w.gguf";
	size_t count = 9;

	start();
	registry = ncm_registry_read(path, NULL);
	CHECK(ncm_registry_select(registry, &(struct ncm_selector){.phases = 2}, &chosen, &count, NULL) == 0);
	CHECK_U64(count, 0);
	free(chosen);
	CHECK(ncm_registry_select(registry, &(struct ncm_selector){.names = {.items = (char **)&unknown, .count = 1}},
				  &chosen, &count, &err) < 0);
	ncm_registry_free(registry);
	made.phase = 1;
	made.source = (char *)"hf:o/r/w.gguf@0123456789";
	CHECK(ncm_registry_put_all(path, &made, 1, NULL) == 0);
	registry = ncm_registry_read(path, NULL);
	CHECK(ncm_registry_select(registry,
				  &(struct ncm_selector){.names = {.items = (char **)&uri, .count = 1},
							 .sources = {.items = (char **)&hf, .count = 1},
							 .phases = 2},
				  &chosen, &count, NULL) == 0);
	CHECK_U64(count, 1);
	free(chosen);
	CHECK(ncm_registry_select(registry, &(struct ncm_selector){.names = {.items = (char **)&file_name, .count = 1}},
				  &chosen, &count, NULL) == 0);
	CHECK_U64(count, 1);
	free(chosen);
	CHECK(ncm_registry_select(registry, &(struct ncm_selector){.names = {.items = (char **)&unknown, .count = 1}},
				  &chosen, &count, &err) < 0);
	CHECK(err.code == NCM_E_USAGE);
	CHECK_STR(err.message, "no installed model is called \"b\"");
	CHECK(ncm_registry_select(registry, &(struct ncm_selector){.variant = "q8"}, &chosen, &count, &err) < 0);
	CHECK(err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	ncm_registry_free(registry);
	stop();
}

int main(void)
{
	RUN(the_contract_is_kept);
	RUN(words_and_numbers_that_readers_cannot_read);
	RUN(sizes_count_shared_bytes_once);
	RUN(a_file_of_the_older_scripts_is_read);
	RUN(what_others_wrote_stays);
	RUN(numbers_look_as_they_were_written);
	RUN(times);
	RUN(touch_and_mark);
	RUN(a_model_is_read_as_it_was_put);
	RUN(a_broken_registry_stays_untouched);
	RUN(many_writers_lose_nothing);
	RUN(selection);
	return 0;
}

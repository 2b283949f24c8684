/* SPDX-License-Identifier: MIT */
/* What a pull adds to models.json, which forgets nothing by it. */
#include "base/json.h"
#include "check.h"
#include "registry/write.h"
#include "temp.h"

static char *folder;
static char *path;
static json_t *value; /* the document */

static void start(void)
{
	folder = temp_folder();
	path = ncm_path_join(folder, "models/models.json");
}

static void stop(void)
{
	json_decref(value);
	value = NULL;
	temp_remove(folder);
	free(path);
}

static struct ncm_strings words(const char *const *list)
{
	struct ncm_strings strings = {.items = (char **)list};

	while (list && list[strings.count])
		strings.count++;
	return strings;
}

static struct ncm_reg_file file_of(const char *abs, uint8_t digest, const char *source)
{
	struct ncm_reg_file file = {.abs = (char *)abs,
				    .store = (char *)"llama-cpp",
				    .role = (char *)"weights",
				    .size = 1 << 20,
				    .mtime_ns = 5,
				    .origin = NCM_ORIGIN_FETCHED,
				    .source = (char *)source};

	memset(file.sha256.bytes, digest, sizeof file.sha256.bytes);
	return file;
}

static struct ncm_reg_model model_of(const char *id, const char *source, struct ncm_reg_file *file,
				     const char *const *profiles)
{
	return (struct ncm_reg_model){.id = (char *)id,
				      .display_name = (char *)id,
				      .kind = (char *)"llm",
				      .source = (char *)source,
				      .profiles = words(profiles),
				      .performance_score = -1,
				      .cost_score = -1,
				      .files = file,
				      .file_count = 1};
}

static int add(const struct ncm_reg_model *model, const char *alias)
{
	return ncm_registry_add_all(path, &(struct registry_addition){.model = model, .alias = alias}, 1, NULL);
}

/* The entry at a place, after a look at the file as it is now. */
static const json_t *entry_at(size_t index)
{
	json_decref(value);
	value = ncm_json_read(path, NCM_E_REGISTRY, NULL);
	CHECK(value);
	return json_array_get(json_object_get(value, "models"), index);
}

static const char *word_at(const json_t *entry, const char *key, size_t index)
{
	const char *word = json_string_value(json_array_get(json_object_get(entry, key), index));

	return word ? word : "";
}

static const json_t *file_named(const json_t *entry, const char *name)
{
	const json_t *file;
	size_t i;

	json_array_foreach(json_object_get(entry, "files"), i, file)
	{
		if (strcmp(ncm_path_base(ncm_json_string(file, "path")), name) == 0)
			return file;
	}
	return NULL;
}

static const char *const noa[] = {"noa", NULL};
static const char *const nexus[] = {"nexus", NULL};
static const char *const both[] = {"noa", "nexus", NULL};

static void another_quantization_and_another_store_stay(void)
{
	struct ncm_reg_file q4 = file_of("/a/q4.gguf", 1, "hf:o/r/q4.gguf@1");
	struct ncm_reg_file q8 = file_of("/b/q8.gguf", 2, "hf:o/r/q8.gguf@1");
	struct ncm_reg_file newer = file_of("/a/q4.gguf", 3, "hf:o/r/q4.gguf@2");
	struct ncm_reg_model model = model_of("m", "hf:o/r/q4.gguf@1", &q4, noa);
	const json_t *entry;

	start();
	CHECK(add(&model, NULL) == 0);
	model.files = &q8;
	model.variant = (char *)"q8";
	model.source = (char *)"hf:o/r/q8.gguf@1";
	CHECK(add(&model, NULL) == 0);
	model.files = &newer;
	model.variant = NULL;
	model.source = (char *)"hf:o/r/q4.gguf@2";
	model.revision = (char *)"2";
	CHECK(add(&model, NULL) == 0);
	entry = entry_at(0);
	CHECK_U64(json_array_size(json_object_get(value, "models")), 1);
	CHECK_U64(json_array_size(json_object_get(entry, "files")), 2);
	CHECK(strncmp(ncm_json_string(file_named(entry, "q4.gguf"), "sha256"), "0303", 4) == 0);
	CHECK(strncmp(ncm_json_string(file_named(entry, "q8.gguf"), "sha256"), "0202", 4) == 0);
	CHECK_STR(ncm_json_string(entry, "file_path"), "/a/q4.gguf");
	CHECK_STR(ncm_json_string(entry, "revision"), "2");
	CHECK(json_integer_value(json_object_get(entry, "size_mb")) == 2);
	stop();
}

static void profiles_and_purposes(void)
{
	static const char *const code[] = {"CodeGeneration", NULL}, *const vision[] = {"Vision", NULL},
				 *const general[] = {"General", NULL};
	struct ncm_reg_file file = file_of("/a/q4.gguf", 1, "hf:o/r/q4.gguf@1");
	struct ncm_reg_model model = model_of("m", "hf:o/r/q4.gguf@1", &file, noa);
	const json_t *entry;

	start();
	model.use_cases = words(code);
	CHECK(add(&model, NULL) == 0);
	model.profiles = words(nexus);
	model.use_cases = words(vision);
	CHECK(add(&model, NULL) == 0);
	entry = entry_at(0);
	CHECK_STR(ncm_json_string(entry, "profile"), "noa");
	CHECK_U64(json_array_size(json_object_get(entry, "profiles")), 2);
	CHECK_STR(word_at(entry, "profiles", 1), "nexus");
	CHECK_U64(json_array_size(json_object_get(entry, "use_cases")), 2);
	/* All that asked for it ask again: what they say now is what it is for. */
	model.profiles = words(both);
	model.use_cases = words(general);
	CHECK(add(&model, NULL) == 0);
	entry = entry_at(0);
	CHECK_U64(json_array_size(json_object_get(entry, "use_cases")), 1);
	CHECK_STR(word_at(entry, "use_cases", 0), "General");
	stop();
}

static void a_source_spelled_out_says_less_than_a_manifest(void)
{
	static const char *const code[] = {"CodeGeneration", NULL};
	struct ncm_reg_file weights = file_of("/a/q4.gguf", 1, "hf:o/r/q4.gguf@1");
	struct ncm_reg_file part = file_of("/a/part.gguf", 2, "hf:o/r/part.gguf@1");
	struct ncm_reg_model model = model_of("m", "hf:o/r/q4.gguf@1", &weights, noa);
	struct ncm_reg_model again = model_of("m", "hf:o/r/q4.gguf@2", &weights, NULL);
	struct ncm_reg_model one = model_of("m", "hf:o/r/part.gguf@1", &part, NULL);
	const json_t *entry;

	start();
	model.display_name = (char *)"The Wise One";
	model.use_cases = words(code);
	model.phase = 2;
	CHECK(add(&model, NULL) == 0);
	CHECK(add(&again, NULL) == 0);
	entry = entry_at(0);
	CHECK_STR(ncm_json_string(entry, "source"), "hf:o/r/q4.gguf@2");
	CHECK_STR(ncm_json_string(entry, "display_name"), "The Wise One");
	CHECK_STR(ncm_json_string(entry, "profile"), "noa");
	CHECK(json_integer_value(json_object_get(entry, "phase")) == 2);
	CHECK_U64(json_array_size(json_object_get(entry, "use_cases")), 1);
	CHECK(add(&one, NULL) == 0);
	entry = entry_at(0);
	CHECK_STR(ncm_json_string(entry, "source"), "hf:o/r/q4.gguf@2");
	CHECK_STR(ncm_json_string(entry, "file_path"), "/a/q4.gguf");
	CHECK_U64(json_array_size(json_object_get(entry, "files")), 2);
	stop();
}

static void a_manifest_adds_the_name_that_it_has_for_it(void)
{
	struct ncm_reg_file file = file_of("/a/q4.gguf", 1, "hf:o/r/q4.gguf@1");
	struct ncm_reg_model spelled = model_of("o/r/q4.gguf", "hf:o/r/q4.gguf@1", &file, NULL);
	struct ncm_reg_model named = model_of("o/r/q4.gguf", "hf:o/r/q4.gguf@1", &file, noa);
	struct ncm_registry *registry;

	start();
	CHECK(add(&spelled, NULL) == 0);
	CHECK(add(&named, "wise") == 0);
	CHECK(add(&named, "wise") == 0);
	CHECK(add(&spelled, NULL) == 0);
	registry = ncm_registry_read(path, NULL);
	CHECK(registry && registry->count == 1);
	CHECK_STR(registry->models[0].id, "o/r/q4.gguf");
	CHECK(registry->models[0].aliases.count == 1);
	CHECK(ncm_registry_find(registry, "WISE") == &registry->models[0]);
	CHECK(ncm_registry_find(registry, "o/r/q4.gguf") == &registry->models[0]);
	ncm_registry_free(registry);
	stop();
}

static void an_old_scripts_file_is_not_forgotten(void)
{
	struct ncm_reg_file file = file_of("/a/q4.gguf", 1, "hf:o/r/q4.gguf@1");
	struct ncm_reg_model model = model_of("old", "hf:o/r/q4.gguf@1", &file, noa);
	struct ncm_registry *registry;

	start();
	temp_write(folder, "models/models.json",
		   "{\"models\":[{\"name\":\"old\",\"file_path\":\"models/old.gguf\",\"size_mb\":9,\"ours\":7}]}");
	CHECK(add(&model, NULL) == 0);
	registry = ncm_registry_read(path, NULL);
	CHECK(registry && registry->count == 1 && registry->models[0].file_count == 2);
	CHECK_STR(ncm_path_base(registry->models[0].files[1].abs), "old.gguf");
	CHECK(!registry->models[0].verified_at);
	CHECK(json_integer_value(json_object_get(entry_at(0), "ours")) == 7);
	ncm_registry_free(registry);
	stop();
}

static void what_stays_is_not_called_verified(void)
{
	struct ncm_reg_file q4 = file_of("/a/q4.gguf", 1, "hf:o/r/q4.gguf@1");
	struct ncm_reg_file q8 = file_of("/a/q8.gguf", 2, "hf:o/r/q8.gguf@1");
	struct ncm_reg_model model = model_of("m", "hf:o/r/q4.gguf@1", &q4, noa);
	const char *const id = "m", *const damaged = "damaged";

	start();
	CHECK(add(&model, NULL) == 0);
	CHECK(ncm_registry_mark(path, &id, &damaged, 1, NULL) == 0);
	model.files = &q8;
	CHECK(add(&model, NULL) == 0);
	CHECK_STR(ncm_json_string(entry_at(0), "verify_result"), "damaged");
	stop();
}

static void what_was_written_has_a_digest(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_reg_file file = file_of("/a/q4.gguf", 0, "hf:o/r/q4.gguf@1");
	struct ncm_reg_model model = model_of("m", "hf:o/r/q4.gguf@1", &file, noa);

	start();
	CHECK(ncm_registry_add_all(path, &(struct registry_addition){.model = &model}, 1, &err) < 0 &&
	      err.code == NCM_E_REGISTRY);
	ncm_error_clear(&err);
	file.origin = NCM_ORIGIN_LINKED;
	CHECK(ncm_registry_put_all(path, &model, 1, &err) < 0 && err.code == NCM_E_REGISTRY);
	ncm_error_clear(&err);
	CHECK(access(path, F_OK) < 0);
	stop();
}

static void digits_of_nothing_are_no_digest(void)
{
	static const struct ncm_sha256 unknown;
	struct ncm_registry *registry;

	start();
	temp_write(folder, "models/models.json",
		   "{\"models\":[{\"name\":\"a\",\"files\":[{\"path\":\"models/a\",\"size\":1,\"sha256\":"
		   "\"0000000000000000000000000000000000000000000000000000000000000000\"}]}]}");
	registry = ncm_registry_read(path, NULL);
	CHECK(registry && ncm_sha256_equal(&registry->models[0].files[0].sha256, &unknown));
	ncm_registry_free(registry);
	stop();
}

int main(void)
{
	RUN(another_quantization_and_another_store_stay);
	RUN(profiles_and_purposes);
	RUN(a_source_spelled_out_says_less_than_a_manifest);
	RUN(a_manifest_adds_the_name_that_it_has_for_it);
	RUN(an_old_scripts_file_is_not_forgotten);
	RUN(what_stays_is_not_called_verified);
	RUN(what_was_written_has_a_digest);
	RUN(digits_of_nothing_are_no_digest);
	return 0;
}

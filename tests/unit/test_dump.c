/* SPDX-License-Identifier: MIT */
/* From models.json, the lock and the catalog back to a manifest. */
#include "base/json.h"
#include "manifest/lock.h"
#include "verify_case.h"

#include <ncmodel/draft.h>

#define COMMIT "0123456789012345678901234567890123456789"

static struct ncm_draft *draft;
static json_t *models;

static void dump_with(const struct ncm_catalog *catalog)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "dump.json");

	draft = ncm_draft_dump(&config, catalog, &(struct ncm_selector){.phases = 0},
			       &(struct ncm_draft_options){.phase = 0}, &err);
	if (!draft)
		fprintf(stderr, "%s\n", err.message);
	CHECK(draft);
	if (!draft->text)
		return;
	CHECK(ncm_draft_save(draft, path, NULL) == 0);
	{
		NCM_AUTO_JSON json_t *document = ncm_json_read(path, NCM_E_MANIFEST, NULL);

		models = json_incref(json_object_get(document, "models"));
	}
	CHECK(ncm_manifest_check(&config, path, NULL) == 0);
}

static void end(void)
{
	ncm_draft_free(draft);
	json_decref(models);
	draft = NULL;
	models = NULL;
	stop();
}

static const json_t *spec(size_t model, size_t file)
{
	return json_array_get(json_object_get(json_array_get(models, model), "files"), file);
}

static const char *from(const json_t *file, size_t i)
{
	return json_string_value(json_array_get(json_object_get(file, "from"), i));
}

/* Registers what add() collected, with a source. */
static void put_from(const char *id, const char *source)
{
	const struct ncm_reg_model model = {.id = (char *)id,
					    .display_name = (char *)id,
					    .kind = (char *)"llm",
					    .source = (char *)source,
					    .files = files,
					    .file_count = file_count};

	CHECK(ncm_registry_put_all(registry_path, &model, 1, NULL) == 0);
	for (size_t i = 0; i < file_count; i++)
		free(files[i].abs);
	file_count = 0;
}

/* One file that a source has, in the lock. */
static void lock(const char *uri, const char *pinned, const char *revision, const char *path, const char *content)
{
	NCM_AUTO_FREE char *file = ncm_path_join(folder, "ai/models/ncmodel.lock");
	struct ncm_lock *all = ncm_lock_load(file, NULL);
	struct ncm_lock_file locked = {.path = (char *)path, .size = strlen(content), .has_sha256 = true};
	const struct ncm_lock_entry entry = {.uri = (char *)uri,
					     .pinned = (char *)pinned,
					     .revision = (char *)revision,
					     .trust = (char *)"upstream",
					     .files = &locked,
					     .file_count = 1};

	ncm_sha256_of(content, strlen(content), &locked.sha256);
	ncm_lock_put(all, &entry);
	CHECK(ncm_lock_save(all, &uri, 1, NULL) == 0);
	ncm_lock_free(all);
}

static void folders_and_names(void)
{
	start();
	add("comfy/models/vae/sub/x.safetensors", "one", "comfyui", "vae");
	add("ai/models/x.safetensors", "one", "llama-cpp", "weights");
	put_from("x", "https://x.example/x.safetensors");
	dump_with(NULL);
	CHECK_U64(draft->count, 1);
	{
		const json_t *to = json_object_get(spec(0, 0), "to");

		CHECK_U64(json_array_size(to), 2);
		CHECK_STR(ncm_json_string(json_array_get(to, 0), "store"), "comfyui");
		CHECK_STR(ncm_json_string(json_array_get(to, 0), "folder"), "vae");
		CHECK_STR(ncm_json_string(json_array_get(to, 0), "name"), "sub/x.safetensors");
		CHECK_STR(ncm_json_string(json_array_get(to, 1), "store"), "llama-cpp");
		CHECK(!json_object_get(json_array_get(to, 1), "folder"));
		CHECK_STR(ncm_json_string(spec(0, 0), "role"), "vae");
	}
	end();
}

static void the_innermost_folder(void)
{
	start();
	temp_write(folder, "layout.json",
		   "{\"schema_version\":1,\"layout\":\"t\",\"title\":\"t\",\"registry\":\"ai/models/models.json\","
		   "\"stores\":{\"comfyui\":{\"kind\":\"folders\",\"path\":\"comfy\",\"folders\":{"
		   "\"all\":\"models\",\"vae\":\"models/vae\",\"more\":\"models\"}}}}");
	add("comfy/models/vae/x.safetensors", "one", "comfyui", "weights");
	put_from("x", "https://x.example/x.safetensors");
	dump_with(NULL);
	{
		const json_t *to = json_array_get(json_object_get(spec(0, 0), "to"), 0);

		CHECK_STR(ncm_json_string(to, "folder"), "vae");
		CHECK_STR(ncm_json_string(to, "name"), "x.safetensors");
	}
	end();
}

static void the_lock_knows_each_file(void)
{
	start();
	add("ai/models/a.gguf", "first", "llama-cpp", "weights");
	add("ai/models/b.json", "second", "llama-cpp", "config");
	put_from("two", "hf:org/repo/a.gguf@" COMMIT);
	lock("hf:org/repo/a.gguf", "hf:org/repo/a.gguf@" COMMIT, COMMIT, "a.gguf", "first");
	lock("hf:org/repo", "hf:org/repo@" COMMIT, COMMIT, "sub/conf.json", "second");
	dump_with(NULL);
	CHECK_U64(draft->gap_count, 0);
	CHECK_STR(from(spec(0, 0), 0), "hf:org/repo/a.gguf@" COMMIT);
	CHECK_STR(from(spec(0, 1), 0), "hf:org/repo/sub/conf.json@" COMMIT);
	CHECK_STR(ncm_json_string(spec(0, 1), "role"), "config");
	end();
}

static void no_source_for_one_of_two(void)
{
	start();
	add("ai/models/a.gguf", "first", "llama-cpp", "weights");
	add("ai/models/b.json", "second", "llama-cpp", "config");
	put_from("two", "hf:org/repo/a.gguf@" COMMIT);
	add("ai/models/c.gguf", "third", "llama-cpp", "weights");
	put_from("one", "hf:org/repo/c.gguf@" COMMIT);
	dump_with(NULL);
	CHECK_U64(draft->count, 1);
	CHECK_U64(draft->gap_count, 1);
	CHECK_STR(draft->gaps[0].what, "two");
	CHECK(strstr(draft->gaps[0].why, "b.json"));
	end();
}

static void more_places_of_a_manifest(void)
{
	char *places[] = {(char *)"hf:other/repo/a.gguf", (char *)"https://m.example/a.gguf"};
	struct ncm_file_spec wanted = {
	    .from = {.items = places, .count = 2}, .has_sha256 = true, .role = (char *)"weights"};
	struct ncm_model known = {.id = (char *)"other", .files = &wanted, .file_count = 1};
	const struct ncm_catalog catalog = {.models = &known, .count = 1};

	start();
	ncm_sha256_of("first", 5, &wanted.sha256);
	add("ai/models/a.gguf", "first", "llama-cpp", "weights");
	put_from("a", "https://own.example/a.gguf");
	dump_with(&catalog);
	CHECK_U64(json_array_size(json_object_get(spec(0, 0), "from")), 3);
	CHECK_STR(from(spec(0, 0), 0), "https://own.example/a.gguf");
	CHECK_STR(from(spec(0, 0), 1), "hf:other/repo/a.gguf");
	end();
}

static void an_ollama_model(void)
{
	start();
	add("ollama/blobs/sha256-x", "weights", "ollama", "model");
	add("ollama/manifests/registry.ollama.ai/library/tiny/1b", "{}", "ollama", "manifest");
	put_from("tiny", "ollama:tiny:1b");
	dump_with(NULL);
	CHECK_U64(draft->count, 1);
	CHECK_STR(from(spec(0, 0), 0), "ollama:tiny:1b");
	CHECK(ncm_json_string(spec(0, 0), "digest"));
	CHECK_U64(json_array_size(json_object_get(spec(0, 0), "layers")), 1);
	CHECK(!json_object_get(json_array_get(json_object_get(spec(0, 0), "to"), 0), "name"));
	end();
}

static void what_has_no_place(void)
{
	start();
	add("elsewhere/a.gguf", "first", NULL, "weights");
	put_from("a", "https://x.example/a.gguf");
	dump_with(NULL);
	CHECK(!draft->text);
	CHECK(strstr(draft->gaps[0].why, "lies in no store"));
	end();
}

static void values_that_no_manifest_may_have(void)
{
	struct ncm_reg_model model = {.id = (char *)"odd", .kind = (char *)"gligen", .display_name = (char *)""};
	char architecture[400];

	start();
	memset(architecture, 'x', sizeof architecture - 1);
	architecture[sizeof architecture - 1] = '\0';
	add("ai/models/a.gguf", "first", "llama-cpp", "exotic");
	model.source = (char *)"https://x.example/a.gguf";
	model.architecture = architecture;
	model.format = (char *)"onnx";
	model.context_length = UINT64_C(1) << 50;
	model.vram_gb = 1e9;
	model.files = files;
	model.file_count = file_count;
	CHECK(ncm_registry_put_all(registry_path, &model, 1, NULL) == 0);
	free(files[0].abs);
	file_count = 0;
	dump_with(NULL);
	CHECK_U64(draft->count, 1);
	CHECK_STR(ncm_json_string(json_array_get(models, 0), "kind"), "checkpoint");
	CHECK_U64(strlen(ncm_json_string(json_array_get(models, 0), "architecture")), 100);
	CHECK(!json_object_get(json_array_get(models, 0), "format"));
	CHECK(!json_object_get(json_array_get(models, 0), "context_length"));
	CHECK_STR(ncm_json_string(spec(0, 0), "role"), "other");
	end();
}

int main(void)
{
	RUN(folders_and_names);
	RUN(the_innermost_folder);
	RUN(the_lock_knows_each_file);
	RUN(no_source_for_one_of_two);
	RUN(more_places_of_a_manifest);
	RUN(an_ollama_model);
	RUN(what_has_no_place);
	RUN(values_that_no_manifest_may_have);
	return 0;
}

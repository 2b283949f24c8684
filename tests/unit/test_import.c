/* SPDX-License-Identifier: MIT */
/* Other tools' lists as drafts: each result is a manifest that the check has nothing against. */
#include "base/json.h"
#include "temp.h"

#include <ncmodel/draft.h>
#include <ncmodel/limits.h>

static char *folder;
static struct ncm_config config;
static struct ncm_draft *draft;
static json_t *models;

static void start(void)
{
	folder = temp_folder();
	config = (struct ncm_config){.root = folder,
				     .layout = (char *)"default",
				     .profile = (char *)"test",
				     .data_dir = getenv("NCMODEL_DATADIR")};
}

static void forget(void)
{
	ncm_draft_free(draft);
	json_decref(models);
	draft = NULL;
	models = NULL;
}

static void stop(void)
{
	forget();
	temp_remove(folder);
}

static void take_as(const char *text, const struct ncm_draft_options *options)
{
	struct ncm_error err = NCM_ERROR_INIT;

	forget();
	draft = ncm_draft_import(&config, text, strlen(text), options, &err);
	if (!draft)
		fprintf(stderr, "%s\n", err.message);
	CHECK(draft);
	if (draft->text) {
		NCM_AUTO_FREE char *path = ncm_path_join(folder, "draft.json");
		NCM_AUTO_JSON json_t *document = NULL;

		CHECK(ncm_draft_save(draft, path, NULL) == 0);
		CHECK(ncm_manifest_check(&config, path, &err) == 0);
		document = ncm_json_read(path, NCM_E_MANIFEST, NULL);
		models = json_incref(json_object_get(document, "models"));
		CHECK_U64(json_array_size(models), draft->count);
	}
}

static void take(const char *text)
{
	take_as(text, &(struct ncm_draft_options){.phase = 0});
}

static void fails(const char *text, size_t size, enum ncm_errc class)
{
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(!ncm_draft_import(&config, text, size, &(struct ncm_draft_options){.phase = 0}, &err));
	CHECK(err.code == class && err.message);
	ncm_error_clear(&err);
}

static const json_t *spec(size_t model)
{
	return json_array_get(json_object_get(json_array_get(models, model), "files"), 0);
}

static const char *from(size_t model)
{
	return json_string_value(json_array_get(json_object_get(spec(model), "from"), 0));
}

static const json_t *target(size_t model)
{
	return json_array_get(json_object_get(spec(model), "to"), 0);
}

static void a_shell_script(void)
{
	start();
	take("#!/bin/bash\nset -eu\nfor m in a b; do\n  echo ollama pull not-me\ndone\n"
	     "ollama pull llama3.2:3b; ollama pull \"qwen2.5\" && /usr/bin/ollama run --keepalive 5m mistral:7b 'Hi; "
	     "you'\n"
	     "docker exec -it box ollama pull hf.co/Org/Repo-GGUF:Q4_K_M # the last\n"
	     "ollama rm gone\n");
	CHECK_U64(draft->format, NCM_DRAFT_SCRIPT);
	CHECK_U64(draft->count, 4);
	CHECK_U64(draft->gap_count, 0);
	CHECK_STR(from(0), "ollama:llama3.2:3b");
	CHECK_STR(from(1), "ollama:qwen2.5:latest");
	CHECK_STR(from(2), "ollama:mistral:7b");
	CHECK_STR(from(3), "ollama:hf.co/Org/Repo-GGUF:Q4_K_M");
	CHECK_STR(ncm_json_string(target(0), "store"), "ollama");
	stop();
}

static void what_a_script_leaves_open(void)
{
	start();
	take("ollama pull one\nollama pull \"$NAME\"\nollama pull `cat list`\nollama pull --insecure\nollama pull 'a "
	     "b'\n");
	CHECK_U64(draft->count, 1);
	CHECK_U64(draft->gap_count, 4);
	for (size_t i = 0; i < draft->gap_count; i++)
		CHECK_U64(draft->gaps[i].line, i + 2);
	CHECK(strstr(draft->gaps[0].why, "the script makes this name"));
	CHECK(strstr(draft->gaps[2].why, "names no model"));
	stop();
}

static void names_and_tables(void)
{
	start();
	take("\xef\xbb\xbfllama3\r\n\r\n# mine\r\n  ollama:phi3:mini\r\nllama3:latest\r\n");
	CHECK(draft->is_words);
	CHECK_U64(draft->count, 2);
	fails("llama3\ntwo words\n", 17, NCM_E_USAGE);
	take_as("llama3\n\n# mine\nollama:phi3:mini\nllama3:latest\ntwo words\n",
		&(struct ncm_draft_options){.format = NCM_DRAFT_OLLAMA});
	CHECK(!draft->is_words);
	CHECK_U64(draft->count, 2);
	CHECK_STR(from(0), "ollama:llama3:latest");
	CHECK_STR(from(1), "ollama:phi3:mini");
	CHECK_U64(draft->gap_count, 1);
	CHECK_U64(draft->gaps[0].line, 6);
	take("NAME            ID            SIZE    MODIFIED\nllama3.2:3b     a80c4f17acd5  2.0 GB  3 days ago\n");
	CHECK_U64(draft->count, 1);
	CHECK_U64(draft->gap_count, 0);
	CHECK_STR(from(0), "ollama:llama3.2:3b");
	stop();
}

static void addresses(void)
{
	static const char hex[] = "ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789";
	NCM_AUTO_FREE char *text =
	    ncm_asprintf("# mine\n"
			 "https://huggingface.co/org/repo/blob/main/sub/a.gguf?download=true\n"
			 "https://b.example/b.safetensors\thttps://c.example/b.safetensors\n  out=renamed.safetensors\n"
			 "  checksum=sha-256=%s\n  split=4\n"
			 "https://civitai.com/models/4384/dream?modelVersionId=128713\n"
			 "http://plain.example/d.gguf\n  checksum=sha-256=%s\n",
			 hex, hex);

	start();
	take(text);
	CHECK_U64(draft->format, NCM_DRAFT_URLS);
	CHECK_U64(draft->gap_count, 2); /* nothing tells what these two are */
	CHECK_U64(draft->gaps[0].line, 3);
	CHECK_U64(draft->gaps[1].line, 7);
	CHECK_U64(draft->count, 2);
	CHECK_STR(from(0), "hf:org/repo/sub/a.gguf");
	CHECK_STR(ncm_json_string(target(0), "store"), "llama-cpp");
	CHECK_STR(ncm_json_string(target(0), "name"), "a.gguf");
	take_as(text, &(struct ncm_draft_options){.to = "comfyui/loras"});
	CHECK_U64(draft->gap_count, 0);
	CHECK_U64(draft->count, 4);
	CHECK_STR(from(1), "https://b.example/b.safetensors");
	CHECK_U64(json_array_size(json_object_get(spec(1), "from")), 2);
	CHECK_STR(ncm_json_string(target(1), "name"), "renamed.safetensors");
	CHECK_STR(ncm_json_string(spec(1), "sha256"),
		  "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
	CHECK_STR(from(2), "civitai:4384@128713");
	CHECK(ncm_json_bool(spec(3), "insecure_http"));
	take_as("https://x.example/weights.pth\n", &(struct ncm_draft_options){.to = "comfyui/upscale_models"});
	CHECK_STR(ncm_json_string(target(0), "folder"), "upscale_models");
	stop();
}

static void addresses_that_are_refused(void)
{
	static const char *const lines[] = {
	    "http://unpinned.example/a.gguf",
	    "https://x.example/a.unknown",
	    "ftp://x.example/a.gguf",
	    "https://x.example/../../etc/passwd.gguf\n  out=../../evil.gguf",
	    "https://huggingface.co/datasets/o/r",
	    "https://x.example/a.gguf\n  out=run.sh",
	};

	start();
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		NCM_AUTO_FREE char *text = ncm_asprintf("https://good.example/g.gguf\n%s\n", lines[i]);

		take(text);
		CHECK_U64(draft->gap_count, 1);
		CHECK_U64(draft->gaps[0].line, 2);
		CHECK_U64(draft->count, 1);
	}
	stop();
}

static void one_place_twice(void)
{
	start();
	take("https://a.example/x.gguf\nhttps://b.example/X.gguf\nhttps://a.example/x.gguf\n");
	CHECK_U64(draft->count, 1);
	CHECK_U64(draft->gap_count, 1);
	CHECK_U64(draft->gaps[0].line, 2);
	stop();
}

static void comfyui_manager(void)
{
	start();
	take("{\"models\": [\n"
	     "{\"name\":\"A\",\"type\":\"checkpoint\",\"base\":\"SDXL\",\"save_path\":\"default\",\"filename\":\"a."
	     "safetensors\","
	     "\"url\":\"https://huggingface.co/o/r/resolve/main/a.safetensors\",\"size\":\"6.94GB\"},\n"
	     "{\"name\":\"B\",\"type\":\"x\",\"base\":\"\",\"save_path\":\"..\\\\..\\\\x\",\"filename\":\"b."
	     "safetensors\","
	     "\"url\":\"https://huggingface.co/o/r/resolve/main/b.safetensors\"},\n"
	     "{\"name\":\"C\",\"type\":\"insightface\",\"save_path\":\"insightface/models/"
	     "antelopev2\",\"filename\":\"1.onnx\","
	     "\"url\":\"https://huggingface.co/o/r/resolve/main/1.onnx\"}]}");
	CHECK_U64(draft->format, NCM_DRAFT_COMFYUI);
	CHECK_U64(draft->count, 2);
	CHECK_STR(ncm_json_string(target(0), "folder"), "checkpoints");
	CHECK_STR(ncm_json_string(json_array_get(models, 0), "architecture"), "SDXL");
	CHECK(!json_object_get(spec(0), "size"));
	CHECK_STR(ncm_json_string(target(1), "folder"), "insightface");
	CHECK_STR(ncm_json_string(target(1), "name"), "antelopev2/1.onnx");
	CHECK_U64(draft->gap_count, 1);
	CHECK_U64(draft->gaps[0].line, 3);
	stop();
}

/* Whatever a list makes of a model, what the check would refuse does not get into the draft. */
static void what_would_not_be_valid(void)
{
	start();
	take("{\"models\": [\n"
	     "{\"name\":\"A\",\"save_path\":\"vae\",\"filename\":\"a.pt\",\"url\":\"ollama:llama3\"},\n"
	     "{\"name\":\"B\",\"save_path\":\"vae\",\"filename\":\"b.pt\",\"url\":\"hf:o/r/b.pt\"}]}");
	CHECK_U64(draft->count, 1);
	CHECK_STR(from(0), "hf:o/r/b.pt");
	CHECK_U64(draft->gap_count, 1);
	CHECK_U64(draft->gaps[0].line, 2);
	CHECK(strstr(draft->gaps[0].why, "an Ollama store names its files itself"));
	stop();
}

static void hostile_texts(void)
{
	static const char zero[] = "a\0b";
	const size_t size = NCM_LIMIT_MANIFEST_BYTES + 1;
	NCM_AUTO_FREE char *large = ncm_malloc(size);
	NCM_AUTO_FREE char *long_line = ncm_malloc(20000);
	struct ncm_error err = NCM_ERROR_INIT;

	start();
	memset(large, 'a', size);
	fails(large, size, NCM_E_USAGE);
	fails(zero, sizeof zero - 1, NCM_E_USAGE);
	fails("{", 1, NCM_E_MANIFEST);
	fails("{\"models\": {}}", 14, NCM_E_USAGE);
	take("");
	CHECK(!draft->text);
	memset(long_line, 'x', 19999);
	long_line[19999] = '\0';
	fails(long_line, 19999, NCM_E_USAGE);
	take_as(long_line, &(struct ncm_draft_options){.format = NCM_DRAFT_OLLAMA});
	CHECK_U64(draft->gap_count, 1);
	take("{\"models\": [null, 1, [], {\"save_path\": 1, \"filename\": [], \"url\": {}}]}");
	CHECK_U64(draft->gap_count, 4);
	CHECK(!ncm_draft_import(&config, "a", 1, &(struct ncm_draft_options){.profile = "../x"}, &err));
	CHECK(err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	stop();
}

static void a_starter(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	char *own[1];
	char *path = NULL;

	start();
	own[0] = ncm_path_join(folder, "own");
	config.manifest_dirs = own;
	config.manifest_dir_count = 1;
	draft = ncm_draft_starter(&config, &(struct ncm_draft_options){.profile = "mine", .phase = 2}, &err);
	CHECK(draft && draft->count == 1 && draft->gap_count == 0);
	CHECK(ncm_draft_save_profile(&config, draft, &path, &err) == 0);
	CHECK_STR(ncm_path_base(path), "phase-2-medium.json");
	CHECK(ncm_manifest_check(&config, path, &err) == 0);
	free(path);
	CHECK(ncm_draft_save_profile(&config, draft, &path, &err) < 0 && err.code == NCM_E_POLICY);
	/* Another phase of the same profile may not have the same model. */
	draft->phase = 1;
	CHECK(ncm_draft_save_profile(&config, draft, &path, &err) < 0 && err.code == NCM_E_MANIFEST);
	ncm_error_clear(&err);
	free(draft->profile);
	draft->profile = ncm_strdup("noa");
	CHECK(ncm_draft_save_profile(&config, draft, &path, &err) < 0 && err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	free(own[0]);
	stop();
}

int main(void)
{
	RUN(a_shell_script);
	RUN(what_a_script_leaves_open);
	RUN(names_and_tables);
	RUN(addresses);
	RUN(addresses_that_are_refused);
	RUN(one_place_twice);
	RUN(comfyui_manager);
	RUN(what_would_not_be_valid);
	RUN(hostile_texts);
	RUN(a_starter);
	return 0;
}

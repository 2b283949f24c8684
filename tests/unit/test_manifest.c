/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "check.h"
#include "temp.h"

#include <ncmodel/manifest.h>

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char *folder;
static struct ncm_config config;

static const char *phase_file(unsigned phase)
{
	static const char *const names[] = {"phase-1-high.json", "phase-2-medium.json", "phase-3-low.json"};

	return names[phase - 1];
}

/* Writes one phase of the profile "mine". */
static void write_phase(unsigned phase, const char *models)
{
	static const char *const priorities[] = {"high", "medium", "low"};
	NCM_AUTO_FREE char *text = ncm_asprintf("{\"schema_version\": 1, \"profile\": \"mine\", \"phase\": %u,\n"
						" \"priority\": \"%s\",\n \"models\": [\n%s\n]}\n",
						phase, priorities[phase - 1], models);
	NCM_AUTO_FREE char *name = ncm_asprintf("mine/%s", phase_file(phase));

	temp_write(folder, name, text);
}

static void start(void)
{
	folder = temp_folder();
	config = (struct ncm_config){.data_dir = getenv("NCMODEL_DATADIR"),
				     .profile = (char *)"mine",
				     .layout = (char *)"default",
				     .root = folder,
				     .manifest_dirs = &folder,
				     .manifest_dir_count = 1};
}

static void stop(void)
{
	temp_remove(folder);
}

/* A model of one file; `more` goes into the file's object, `keys` into the model's. */
static char *model(const char *id, const char *name, const char *more, const char *keys)
{
	return ncm_asprintf("{\"id\":\"%s\",\"name\":\"%s\",\"kind\":\"llm\",\"use_cases\":[\"General\"]%s,\n"
			    "\"files\":[{\"from\":[\"hf:org/repo/%s.gguf\"],\"to\":[{\"store\":\"llama-cpp\"}]%s}]}",
			    id, name, keys, id, more);
}

/* The message of loading a profile whose phase 1 has these models; "" if it loads. */
static char *load_message(const char *models)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_catalog *catalog;
	char *message;

	start();
	write_phase(1, models);
	catalog = ncm_catalog_load(&config, &err);
	CHECK((catalog != NULL) == (err.code == NCM_OK));
	CHECK(catalog || err.code == NCM_E_MANIFEST);
	message = ncm_strdup(err.message ? err.message : "");
	ncm_error_clear(&err);
	ncm_catalog_free(catalog);
	stop();
	return message;
}

/* An empty part: there is no fault. */
static void expect_fault(const char *models, const char *part)
{
	NCM_AUTO_FREE char *message = load_message(models);

	if (*part ? !strstr(message, part) : *message) {
		fprintf(stderr, "\"%s\" does not hold \"%s\"\n", message, part);
		exit(1);
	}
}

static void expect_file_fault(const char *more, const char *part)
{
	NCM_AUTO_FREE char *text = model("a", "A", more, "");

	expect_fault(text, part);
}

static void a_manifest_becomes_models(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_catalog *catalog;
	const struct ncm_model *first;

	start();
	write_phase(2, "{\"id\":\"b\",\"name\":\"B\",\"kind\":\"vae\",\"use_cases\":[],\"x-note\":[1],"
		       "\"vram_gb\":{\"min\":4,\"max\":6.5},\"files\":[{\"from\":[\"ollama:llama3.2:3b\"],\"digest\":"
		       "\"sha256:" DIGEST_A "\",\"layers\":[{\"digest\":\"sha256:" DIGEST_B
		       "\",\"size\":7,\"type\":\"model\"}]}]}");
	write_phase(
	    1,
	    "{\"id\":\"a\",\"name\":\"A\",\"kind\":\"llm\",\"use_cases\":[\"General\"],\"aliases\":[\"a:1\"],"
	    "\"context_length\":4096,\"vram_gb\":8,\"performance_score\":0.9,\"requires\":[\"b\"],"
	    "\"files\":[{\"from\":[\"hf:o/r/a.gguf\",\"https://e.org/a.gguf\"],\"size\":10,\"sha256\":\"" DIGEST_A
	    "\",\"to\":[{\"store\":\"llama-cpp\"},{\"store\":\"comfyui\",\"folder\":\"unet\",\"name\":\"x.gguf\"}]}],"
	    "\"variants\":[{\"name\":\"q8\",\"quantization\":\"Q8_0\",\"files\":[{\"from\":[\"hf:o/r/a8.gguf\"],"
	    "\"to\":[{\"store\":\"llama-cpp\"}]}]}]}");
	catalog = ncm_catalog_load(&config, &err);
	if (!catalog)
		fprintf(stderr, "%s\n", err.message);
	CHECK(catalog);
	CHECK_U64(catalog->count, 2);
	first = &catalog->models[0];
	CHECK_STR(first->id, "a");
	CHECK_STR(first->profile, "mine");
	CHECK_STR(first->priority, "high");
	CHECK_U64(first->phase, 1);
	CHECK_U64(first->context_length, 4096);
	CHECK(first->vram_min == 8 && first->vram_max == 8);
	CHECK(first->performance_score == 0.9 && first->cost_score < 0);
	CHECK_STR(first->aliases.items[0], "a:1");
	CHECK_STR(first->requires_ids.items[0], "b");
	CHECK_U64(first->files[0].from.count, 2);
	CHECK(first->files[0].has_size && first->files[0].size == 10 && first->files[0].has_sha256);
	CHECK_STR(first->files[0].role, "weights");
	CHECK_U64(first->files[0].to_count, 2);
	CHECK(!first->files[0].to[0].folder && !first->files[0].to[0].name);
	CHECK_STR(first->files[0].to[1].name, "x.gguf");
	CHECK_STR(first->variants[0].files[0].from.items[0], "hf:o/r/a8.gguf");
	CHECK_U64(catalog->models[1].phase, 2);
	CHECK(catalog->models[1].vram_max == 6.5);
	CHECK_STR(catalog->models[1].files[0].to[0].store, "ollama");
	CHECK(catalog->models[1].files[0].has_digest && catalog->models[1].files[0].layers[0].size == 7);
	ncm_catalog_free(catalog);
	stop();
}

static void all_faults_of_all_files_come_at_once(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *good = model("c", "C", ",\"sha256\":\"" DIGEST_A "\"", ",\"requires\":[\"a\",\"bb\"]");

	/* The id in the file with faults is known all the same; the rules look at the other file. */
	start();
	write_phase(1, "{\"id\":\"a\",\"name\":7,\n\"siez\":1,\"kind\":\"llm\",\"use_cases\":[],"
		       "\"files\":[{\"from\":[\"ollama:a\"]}]}");
	write_phase(2, good);
	CHECK(!ncm_catalog_load(&config, &err));
	CHECK(err.code == NCM_E_MANIFEST);
	/* The id in the file with faults is known all the same; the rules look at the other file. */
	CHECK(strstr(err.message, "phase-1-high.json:4: $.models[0].name: is an integer, must be a string\n"));
	CHECK(strstr(err.message, "phase-1-high.json:5: $.models[0].siez: unknown key \"siez\""));
	CHECK(strstr(err.message, "phase-2-medium.json:4: $.models[0].requires[1]: no model has the id \"bb\""));
	CHECK(!strstr(err.message, "requires[0]"));
	ncm_error_clear(&err);
	stop();
}

static void faults_are_capped(void)
{
	struct ncm_buffer models = {0};
	NCM_AUTO_FREE char *message = NULL;
	size_t lines = 1;

	for (unsigned i = 0; i < 120; i++)
		ncm_buffer_printf(&models, "%s{\"id\":\"m%u\"}", i ? "," : "", i);
	message = load_message(models.data);
	for (const char *at = message; *at; at++)
		lines += *at == '\n';
	CHECK_U64(lines, 51);
	CHECK(strstr(message, "\nand 430 more"));
	ncm_buffer_free(&models);
}

static void files_that_are_no_manifests(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *path = NULL;

	start();
	temp_write(folder, "a.json", "{\n\"models\": [\n");
	path = ncm_path_join(folder, "a.json");
	CHECK(ncm_manifest_check(&config, path, &err) < 0);
	CHECK(strncmp(err.message, path, strlen(path)) == 0 && strstr(err.message, ":3: $: not valid JSON: "));
	temp_write(folder, "a.json", "{\"schema_version\": 2, \"entries\": []}");
	CHECK(ncm_manifest_check(&config, path, &err) < 0);
	CHECK(strstr(err.message, ":1: $.schema_version: is 2: this manifest needs a newer ncmodel"));
	CHECK(!strchr(err.message, '\n'));
	temp_write(folder, "a.json", "{\"schema_version\": 1, \"schema_version\": 1}");
	CHECK(ncm_manifest_check(&config, path, &err) < 0);
	CHECK(ncm_manifest_check(&config, "/nonexistent/a.json", &err) < 0);
	CHECK_STR(err.message, "/nonexistent/a.json:1: $: cannot be read: No such file or directory");
	ncm_error_clear(&err);
	stop();
}

static void a_key_cannot_forge_a_line(void)
{
	NCM_AUTO_FREE char *message = load_message("{\"id\":\"a\",\"b\\nFILE:1: $: all is well\":1}");

	CHECK(!strstr(message, "\nFILE:1"));
}

static void digests_and_sizes(void)
{
	expect_file_fault(",\"sha256\":\"" DIGEST_A "\",\"size\":5", "");
	expect_file_fault(",\"sha256\":\"AAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
			  "$.models[0].files[0].sha256: ");
	expect_file_fault(",\"sha256\":\"sha256:" DIGEST_A "\"", "files[0].sha256: ");
	expect_file_fault(",\"sha256\":\"" DIGEST_A "\\n\"", "files[0].sha256: ");
	expect_file_fault(",\"sha256\":\"../../etc/passwd\"", "files[0].sha256: ");
	expect_file_fault(",\"size\":0,\"sha256\":\"" DIGEST_A "\"", "files[0].size: ");
	expect_file_fault(",\"size\":-1", "files[0].size: ");
	expect_file_fault(",\"size\":1.0", "files[0].size: is a number with a point");
	expect_file_fault(",\"size\":\"12\"", "files[0].size: is a string");
	expect_file_fault(",\"size\":9223372036854775808", "not valid JSON");
	expect_file_fault(",\"size\":2000000000000", "files[0].size: ");
	expect_file_fault(",\"digest\":\"sha256:" DIGEST_A "\"", "files[0].digest: is of an Ollama manifest");
}

static void ollama_entries(void)
{
	const char *head = "{\"id\":\"a\",\"name\":\"A\",\"kind\":\"llm\",\"use_cases\":[],\"files\":[{\"from\":";
	NCM_AUTO_FREE char *good = ncm_asprintf("%s[\"ollama:llama3.2:3b\"]}]}", head);
	NCM_AUTO_FREE char *mixed = ncm_asprintf("%s[\"ollama:llama3.2:3b\",\"hf:o/r/a.gguf\"]}]}", head);
	NCM_AUTO_FREE char *twice = ncm_asprintf(
	    "%s[\"ollama:a\"],\"layers\":[{\"digest\":\"sha256:" DIGEST_A "\",\"size\":1,\"type\":\"model\"},"
	    "{\"digest\":\"sha256:" DIGEST_A "\",\"size\":2,\"type\":\"license\"}]}]}",
	    head);
	NCM_AUTO_FREE char *named =
	    ncm_asprintf("%s[\"ollama:a\"],\"to\":[{\"store\":\"ollama\",\"name\":\"b\"}]}]}", head);
	NCM_AUTO_FREE char *hashed = ncm_asprintf("%s[\"ollama:a\"],\"sha256\":\"" DIGEST_A "\"}]}", head);

	expect_fault(good, "");
	expect_fault(mixed, "files[0].from[1]: an Ollama model and a file are not the same bytes");
	expect_fault(twice, "layers[1].size: is 2, but layer 0 has the same digest and 1 bytes");
	expect_fault(named, "an Ollama store names its files itself");
	expect_fault(hashed, "files[0].sha256: means nothing for an Ollama model");
}

static void sources_and_names(void)
{
	const char *head = "{\"id\":\"a\",\"name\":\"A\",\"kind\":\"llm\",\"use_cases\":[],\"files\":[{\"from\":";
	static const char *const sources[] = {
	    "ftp://e.org/a", "file:///etc/passwd",       "http://e.org/a.gguf", "hf:a/../../x",
	    "nothing",       "https://u:p@e.org/a.gguf", "hf:-o/r/a.gguf@x?y",  "civitai:abc",
	    "ollama:../x"};
	static const char *const names[] = {
	    "../x",     "/abs",       "a//b",           "CON",    "nul.safetensors", "models.json",
	    "a:b.gguf", ".ncmodel/x", "x/ncmodel.lock", "-o.gguf"};

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		NCM_AUTO_FREE char *text =
		    ncm_asprintf("%s[\"%s\"],\"to\":[{\"store\":\"llama-cpp\"}]}]}", head, sources[i]);

		expect_fault(text, "files[0].from[0]: ");
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		NCM_AUTO_FREE char *text = ncm_asprintf(
		    "%s[\"hf:o/r/a.gguf\"],\"to\":[{\"store\":\"llama-cpp\",\"name\":\"%s\"}]}]}", head, names[i]);

		expect_fault(text, "files[0].to[0].name: ");
	}
	{
		NCM_AUTO_FREE char *nowhere = ncm_asprintf("%s[\"hf:o/r/a.gguf\"]}]}", head);

		expect_fault(nowhere, "files[0]: the key \"to\" is missing");
	}
}

static void ids(void)
{
	NCM_AUTO_FREE char *a = model("a", "A", "", ",\"requires\":[\"b\"]");
	NCM_AUTO_FREE char *b = model("b", "B", "", ",\"requires\":[\"c\"]");
	NCM_AUTO_FREE char *c = model("c", "C", "", ",\"requires\":[\"b\"]");
	NCM_AUTO_FREE char *self = model("d", "D", "", ",\"requires\":[\"d\"]");
	NCM_AUTO_FREE char *circle = ncm_asprintf("%s,\n%s,\n%s,\n%s", a, b, c, self);
	NCM_AUTO_FREE char *plain = model("e", "E", "", "");
	NCM_AUTO_FREE char *other = model("e", "Other", "", "");
	NCM_AUTO_FREE char *twice = ncm_asprintf("%s,\n%s", plain, other);

	expect_fault(circle, "a circle: b requires c requires b");
	expect_fault(circle, "a circle: d requires d");
	expect_fault(twice, ":6: $.models[1].id: \"e\" is the id of another model too (");
}

static void ids_over_the_phases(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *a = model("a", "A", "", "");
	NCM_AUTO_FREE char *needs = model("n", "N", "", ",\"requires\":[\"a\"]");
	NCM_AUTO_FREE char *path = NULL;
	struct ncm_catalog *catalog;

	start();
	write_phase(1, a);
	write_phase(3, a);
	CHECK(!ncm_catalog_load(&config, &err));
	CHECK(strstr(err.message, "phase-3-low.json:4: $.models[0].id: \"a\" is the id of another model too"));
	/* One phase alone: checked beside its siblings, and read without what it requires. */
	write_phase(3, needs);
	path = ncm_path_join(folder, "mine/phase-3-low.json");
	CHECK(ncm_manifest_check(&config, path, NULL) == 0);
	config.manifest_files = &path;
	config.manifest_file_count = 1;
	catalog = ncm_catalog_load(&config, &err);
	CHECK(catalog && catalog->count == 1);
	ncm_catalog_free(catalog);
	ncm_error_clear(&err);
	stop();
}

static void places(void)
{
	const char *form =
	    "{\"id\":\"%s\",\"name\":\"A\",\"kind\":\"vae\",\"use_cases\":[],\"files\":[{\"from\":[\"%s\"],"
	    "\"to\":[{\"store\":\"s\",\"folder\":\"vae\"%s}]%s}]}";
	const char *pin_a = ",\"sha256\":\"" DIGEST_A "\"", *pin_b = ",\"sha256\":\"" DIGEST_B "\"";
	const struct {
		const char *from[2], *name[2], *pin[2];
		bool clash;
	} cases[] = {
	    {{"hf:o/r/v.safetensors", "hf:o/q/v.safetensors"}, {"", ""}, {pin_a, pin_b}, true},
	    {{"hf:o/r/v.safetensors", "hf:o/q/v.safetensors"}, {"", ""}, {pin_a, pin_a}, false},
	    {{"hf:o/r/v.safetensors", "hf:o/r/v.safetensors"}, {"", ""}, {"", ""}, false},
	    {{"hf:o/r/v.safetensors", "hf:o/q/w.safetensors"}, {"", ""}, {pin_a, pin_b}, false},
	    {{"hf:o/r/v.safetensors", "civitai:12"}, {"", ",\"name\":\"V.safetensors\""}, {pin_a, pin_b}, true},
	    {{"hf:o/r@main", "hf:o/q@main"}, {",\"name\":\"d\"", ",\"name\":\"d\""}, {"", ""}, false},
	    {{"hf:o/r@main", "civitai:12"}, {",\"name\":\"d\"", ",\"name\":\"D\""}, {"", ""}, true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		NCM_AUTO_FREE char *first = temp_format(form, "a", cases[i].from[0], cases[i].name[0], cases[i].pin[0]);
		NCM_AUTO_FREE char *second =
		    temp_format(form, "b", cases[i].from[1], cases[i].name[1], cases[i].pin[1]);
		NCM_AUTO_FREE char *both = ncm_asprintf("%s,\n%s", first, second);
		NCM_AUTO_FREE char *message = load_message(both);

		CHECK((strstr(message, "$.models[1].files[0].to[0]: the same place as at ") != NULL) == cases[i].clash);
		CHECK(cases[i].clash || !*message);
	}
}

/* A file where another needs a folder is told whichever of them comes first. */
static void a_file_in_the_place_of_a_folder(void)
{
	const char *form =
	    "{\"id\":\"%s\",\"name\":\"A\",\"kind\":\"vae\",\"use_cases\":[],\"files\":[{\"from\":[\"%s\"],"
	    "\"to\":[{\"store\":\"s\",\"name\":\"%s\"}]}]}";
	const struct {
		const char *from[2], *name[2], *fault;
	} cases[] = {
	    {{"civitai:1", "civitai:2"}, {"d/x", "d/x/y"}, "a folder is needed in the place of the file at "},
	    {{"civitai:1", "civitai:2"}, {"d/x/y", "d/x"}, "a file in the place of the folder that is needed at "},
	    {{"civitai:1", "civitai:2"}, {"D/X", "d/x/y/z"}, "a folder is needed in the place of the file at "},
	    {{"civitai:1", "civitai:1"}, {"d/x", "d/x/y"}, "a folder is needed in the place of the file at "},
	    {{"civitai:1", "hf:o/r@main"}, {"d/x", "d/x/y"}, "a folder is needed in the place of the file at "},
	    {{"civitai:1", "hf:o/r/a-00001-of-00002.gguf"}, {"d/x", "d/x"}, "the same place as at "},
	    {{"civitai:1", "civitai:2"}, {"d/x", "d/xy"}, NULL},
	    {{"civitai:1", "civitai:2"}, {"d/x", "d/x.y/z"}, NULL},
	    {{"hf:o/r@main", "civitai:2"}, {"d/x", "d/x/y"}, NULL},
	    {{"hf:o/r/a-00001-of-00002.gguf", "civitai:2"}, {"d/x", "d/x/y"}, NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		NCM_AUTO_FREE char *first = temp_format(form, "a", cases[i].from[0], cases[i].name[0]);
		NCM_AUTO_FREE char *second = temp_format(form, "b", cases[i].from[1], cases[i].name[1]);
		NCM_AUTO_FREE char *both = ncm_asprintf("%s,\n%s", first, second);
		NCM_AUTO_FREE char *part = ncm_asprintf("$.models[1].files[0].to[0]: %s", cases[i].fault);

		expect_fault(both, cases[i].fault ? part : "");
	}
}

/* Of one model, a file may lie where a variant of it, which is another choice, needs a folder. */
static void a_variant_may_need_a_folder_where_its_model_has_a_file(void)
{
	expect_fault("{\"id\":\"a\",\"name\":\"A\",\"kind\":\"llm\",\"use_cases\":[],\"files\":[{\"from\":["
		     "\"civitai:1\"],\"to\":[{\"store\":\"s\",\"name\":\"d/x\"}]}],\"variants\":[{\"name\":\"v\","
		     "\"files\":[{\"from\":[\"civitai:2\"],\"to\":[{\"store\":\"s\",\"name\":\"d/x/y\"}]}]}]}",
		     "");
}

static void a_variant_may_share_its_models_place(void)
{
	const char *file = "{\"from\":[\"hf:o/%s/v.gguf\"],\"to\":[{\"store\":\"llama-cpp\"}]}";
	NCM_AUTO_FREE char *own = temp_format(file, "a"), *q8 = temp_format(file, "b");
	NCM_AUTO_FREE char *good =
	    ncm_asprintf("{\"id\":\"a\",\"name\":\"A\",\"kind\":\"llm\",\"use_cases\":[],\"files\":[%s],"
			 "\"variants\":[{\"name\":\"q8\",\"files\":[%s]}]}",
			 own, q8);
	NCM_AUTO_FREE char *twice =
	    ncm_asprintf("{\"id\":\"a\",\"name\":\"A\",\"kind\":\"llm\",\"use_cases\":[],\"files\":[%s],"
			 "\"variants\":[{\"name\":\"q8\",\"files\":[%s]},{\"name\":\"q8\",\"files\":[%s]}]}",
			 own, q8, q8);

	expect_fault(good, "");
	expect_fault(twice, "variants[1].name: variant 0 is called \"q8\" too");
}

static void archives(void)
{
	const char *form =
	    "{\"id\":\"a\",\"name\":\"A\",\"kind\":\"custom-node\",\"use_cases\":[],\"files\":[{\"from\":"
	    "[\"https://e.org/n.zip\"],\"extract\":{\"strip\":1},\"to\":[%s]}]}";
	NCM_AUTO_FREE char *one = temp_format(form, "{\"store\":\"s\",\"name\":\"n\"}");
	NCM_AUTO_FREE char *two =
	    temp_format(form, "{\"store\":\"s\",\"name\":\"n\"},{\"store\":\"t\",\"name\":\"n\"}");

	expect_fault(one, "");
	expect_fault(two, "files[0].extract: an archive is unpacked into one folder, but there are 2 targets");
}

static void phase_and_profile_agree_with_their_place(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *a = model("a", "A", "", "");
	NCM_AUTO_FREE char *text = ncm_asprintf(
	    "{\"schema_version\":1,\"profile\":\"other\",\"phase\":2,\"priority\":\"high\",\"models\":[%s]}", a);

	start();
	temp_write(folder, "mine/phase-2-medium.json", text);
	CHECK(!ncm_catalog_load(&config, &err));
	CHECK(strstr(err.message, "$.priority: is \"high\", but phase 2 has the priority \"medium\""));
	CHECK(strstr(err.message, "$.profile: is \"other\", but the file is in the folder of \"mine\""));
	ncm_error_clear(&err);
	stop();
}

static void profiles(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_strings names = {0};
	NCM_AUTO_FREE char *a = model("a", "A", "", "");

	start();
	write_phase(1, a);
	temp_write(folder, "empty/readme.txt", "");
	CHECK(ncm_profiles(&config, &names, &err) == 0);
	CHECK(ncm_strings_contain(&names, "mine") && ncm_strings_contain(&names, "noa"));
	CHECK(!ncm_strings_contain(&names, "empty") && !ncm_strings_contain(&names, "schema"));
	ncm_strings_free(&names);
	config.profile = (char *)"mien";
	CHECK(!ncm_catalog_load(&config, &err));
	CHECK(err.code == NCM_E_USAGE);
	CHECK_STR(err.message, "there is no profile \"mien\"");
	CHECK_STR(err.hint, "did you mean mine?");
	config.profile = (char *)"../mine";
	CHECK(!ncm_catalog_load(&config, &err));
	CHECK(err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	stop();
}

enum shape { SOUND, ONE_ID, NOTHING_IS_REQUIRED, ONE_PLACE, A_FOLDER_IN_THE_WAY, SHAPES };

static double seconds_for(enum shape shape, size_t count)
{
	struct ncm_buffer text = {0};
	NCM_AUTO_FREE char *message = NULL;
	double start;

	for (size_t i = 0; i < count; i++)
		ncm_buffer_printf(
		    &text,
		    "%s{\"id\":\"m%zu\",\"name\":\"A\",\"kind\":\"llm\",\"use_cases\":[],\"requires\":[%s],\n"
		    "\"files\":[{\"from\":[\"hf:o/r/m%zu.gguf\"],\"to\":[{\"store\":\"s\",\"name\":\"%s%zu%s\"}]}]}",
		    i > 0 ? "," : "", shape == ONE_ID ? 0 : i, shape == NOTHING_IS_REQUIRED ? "\"none\"" : "", i,
		    shape == A_FOLDER_IN_THE_WAY ? "d/" : "m",
		    shape == ONE_PLACE             ? 0
		    : shape == A_FOLDER_IN_THE_WAY ? i / 2
						   : i,
		    shape == A_FOLDER_IN_THE_WAY && i % 2 ? "/x" : "");
	start = ncm_monotonic();
	message = load_message(text.data);
	start = ncm_monotonic() - start;
	CHECK((*message == '\0') == (shape == SOUND));
	ncm_buffer_free(&text);
	return start;
}

/* Nor do faults beyond those that are told cost a search each. */
static void many_models_take_no_longer_than_reading_them(void)
{
	for (enum shape shape = SOUND; shape < SHAPES; shape++) {
		const double few = seconds_for(shape, 1000), many = seconds_for(shape, 10000);

		if (many >= 30 * few + 0.5)
			fprintf(stderr, "shape %d: %.3f s for 1000, %.3f s for 10000\n", (int)shape, few, many);
		CHECK(many < 30 * few + 0.5);
	}
}

static void write_profile(const char *profile, const char *models)
{
	NCM_AUTO_FREE char *name = ncm_asprintf("%s/phase-1-high.json", profile);
	NCM_AUTO_FREE char *text =
	    ncm_asprintf("{\"schema_version\":1,\"profile\":\"%s\",\"phase\":1,\"priority\":\"high\",\"models\":[%s]}",
			 profile, models);

	temp_write(folder, name, text);
}

static struct ncm_catalog *load_two(struct ncm_error *err)
{
	char *more[] = {(char *)"theirs"};

	config.more_profiles = more;
	config.more_profile_count = 1;
	return ncm_catalog_load(&config, err);
}

static void an_id_belongs_to_its_profile(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *a = model("a", "Mine", "", ""), *other = model("a", "Theirs", "", "");
	NCM_AUTO_FREE char *needs = model("b", "B", "", ",\"requires\":[\"a\"]");
	NCM_AUTO_FREE char *mine = ncm_asprintf("%s,%s", a, needs);
	NCM_AUTO_FREE char *circle = model("b", "B", "", ",\"requires\":[\"b\"]");
	struct ncm_catalog *catalog;

	start();
	write_profile("mine", mine);
	write_profile("theirs", other);
	catalog = load_two(&err);
	CHECK(catalog && catalog->count == 3);
	CHECK_STR(catalog->models[0].profile, "mine");
	CHECK_STR(catalog->models[2].profile, "theirs");
	CHECK_STR(catalog->models[2].id, "a");
	ncm_catalog_free(catalog);
	/* What only the other profile has will do; what neither has will not. */
	write_profile("mine", needs);
	catalog = load_two(&err);
	CHECK(catalog && catalog->count == 2);
	ncm_catalog_free(catalog);
	write_profile("theirs", circle);
	CHECK(!load_two(&err));
	CHECK(strstr(err.message, "mine/phase-1-high.json"));
	CHECK(strstr(err.message, "$.models[0].requires[0]: no model has the id \"a\""));
	CHECK(strstr(err.message, "$.models[0].requires: a circle: b requires b"));
	ncm_error_clear(&err);
	stop();
}

/* Each profile is good on its own; what is wanted together, the plan looks at. */
static void profiles_may_want_one_place(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *a = model("a", "A", ",\"sha256\":\"" DIGEST_A "\"", "");
	NCM_AUTO_FREE char *b = model("a", "A", ",\"sha256\":\"" DIGEST_B "\"", "");
	struct ncm_catalog *catalog;

	start();
	write_profile("mine", a);
	write_profile("theirs", b);
	catalog = load_two(&err);
	CHECK(catalog && catalog->count == 2);
	ncm_catalog_free(catalog);
	stop();
}

static void all_shipped_profiles_load_together(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	char *others[] = {(char *)"nebula-rtx3060", (char *)"nc-dev-rtx4090", (char *)"nexus", (char *)"vector-weight"};
	struct ncm_config all = {.data_dir = getenv("NCMODEL_DATADIR"),
				 .profile = (char *)"noa",
				 .more_profiles = others,
				 .more_profile_count = 4};
	struct ncm_catalog *catalog = ncm_catalog_load(&all, &err);
	size_t sum = catalog ? catalog->count : 0;

	if (!catalog)
		fprintf(stderr, "%s\n", err.message);
	CHECK(catalog);
	ncm_catalog_free(catalog);
	for (size_t i = 0; i < 5; i++) {
		const struct ncm_config one = {.data_dir = all.data_dir, .profile = i < 4 ? others[i] : all.profile};

		catalog = ncm_catalog_load(&one, &err);
		CHECK(catalog && catalog->count <= sum);
		sum -= catalog->count;
		ncm_catalog_free(catalog);
	}
	CHECK_U64(sum, 0);
}

static void the_shipped_profiles_load(void)
{
	struct ncm_strings names = {0};
	struct ncm_config shipped = {.data_dir = getenv("NCMODEL_DATADIR")};

	CHECK(ncm_profiles(&shipped, &names, NULL) == 0);
	CHECK(names.count > 0);
	for (size_t i = 0; i < names.count; i++) {
		struct ncm_error err = NCM_ERROR_INIT;
		struct ncm_catalog *catalog;

		shipped.profile = names.items[i];
		catalog = ncm_catalog_load(&shipped, &err);
		if (!catalog)
			fprintf(stderr, "%s\n", err.message);
		CHECK(catalog && catalog->count > 0);
		ncm_catalog_free(catalog);
	}
	ncm_strings_free(&names);
}

int main(void)
{
	RUN(a_manifest_becomes_models);
	RUN(all_faults_of_all_files_come_at_once);
	RUN(faults_are_capped);
	RUN(files_that_are_no_manifests);
	RUN(a_key_cannot_forge_a_line);
	RUN(digests_and_sizes);
	RUN(ollama_entries);
	RUN(sources_and_names);
	RUN(ids);
	RUN(ids_over_the_phases);
	RUN(places);
	RUN(a_file_in_the_place_of_a_folder);
	RUN(a_variant_may_need_a_folder_where_its_model_has_a_file);
	RUN(a_variant_may_share_its_models_place);
	RUN(archives);
	RUN(phase_and_profile_agree_with_their_place);
	RUN(profiles);
	RUN(many_models_take_no_longer_than_reading_them);
	RUN(an_id_belongs_to_its_profile);
	RUN(profiles_may_want_one_place);
	RUN(all_shipped_profiles_load_together);
	RUN(the_shipped_profiles_load);
	return 0;
}

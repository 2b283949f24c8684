/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"
#include "check.h"
#include "temp.h"

#include <ncmodel/manifest.h>

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct ncm_catalog *catalog;

static const char *const phase_1 =
    "{\"schema_version\":1,\"profile\":\"mine\",\"phase\":1,\"priority\":\"high\",\"models\":["
    "{\"id\":\"coder\",\"name\":\"DeepSeek Coder\",\"aliases\":[\"coder:16b\",\"writer\"],\"kind\":\"llm\","
    "\"use_cases\":[\"CodeGeneration\"],\"tags\":[\"Fast\"],\"requires\":[\"base\"],"
    "\"files\":[{\"from\":[\"hf:o/r/coder.gguf\"],\"to\":[{\"store\":\"llama-cpp\"}]}],"
    "\"variants\":[{\"name\":\"small\",\"files\":[{\"from\":[\"ollama:coder:1b\"]}]}]},"
    "{\"id\":\"writer\",\"name\":\"Writer\",\"kind\":\"llm\",\"use_cases\":[\"Documentation\"],"
    "\"files\":[{\"from\":[\"ollama:writer:7b\"]}]}]}";
static const char *const phase_2 =
    "{\"schema_version\":1,\"profile\":\"mine\",\"phase\":2,\"priority\":\"medium\",\"models\":["
    "{\"id\":\"base\",\"name\":\"Base\",\"kind\":\"vae\",\"use_cases\":[],\"tags\":[\"VAE\"],\"requires\":[\"root\"],"
    "\"files\":[{\"from\":[\"https://e.org/base.safetensors\"],\"to\":[{\"store\":\"comfyui\",\"folder\":\"vae\"}]}]},"
    "{\"id\":\"root\",\"name\":\"Root\",\"kind\":\"vae\",\"use_cases\":[],"
    "\"files\":[{\"from\":[\"civitai:12\"],\"to\":[{\"store\":\"a1111\",\"folder\":\"vae\"}]}],"
    "\"variants\":[{\"name\":\"small\",\"files\":[{\"from\":[\"civitai:13\"],\"to\":[{\"store\":\"a1111\"}]}]}]}]}";

static void load(void)
{
	char *folder = temp_folder();
	const struct ncm_config config = {.data_dir = getenv("NCMODEL_DATADIR"),
					  .profile = (char *)"mine",
					  .manifest_dirs = &folder,
					  .manifest_dir_count = 1};

	temp_write(folder, "mine/phase-1-high.json", phase_1);
	temp_write(folder, "mine/phase-2-medium.json", phase_2);
	catalog = ncm_catalog_load(&config, NULL);
	CHECK(catalog);
	temp_remove(folder);
}

/* The ids chosen, with '+' before those that are only required; or "!message". */
static char *chosen(const struct ncm_selector *selector, char **hint)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_model **models = NULL;
	struct ncm_buffer ids = {0};
	size_t count = 0;

	if (ncm_select(catalog, selector, &models, &count, &err) < 0) {
		CHECK(err.code == NCM_E_USAGE);
		ncm_buffer_printf(&ids, "!%s", err.message);
	}
	for (size_t i = 0; i < count; i++)
		ncm_buffer_printf(&ids, "%s%s%s", i ? " " : "", models[i]->required_only ? "+" : "", models[i]->id);
	if (hint)
		*hint = ncm_strdup(err.hint ? err.hint : "");
	ncm_error_clear(&err);
	free(models);
	return ncm_buffer_take(&ids);
}

static void expect(struct ncm_selector selector, const char *ids)
{
	NCM_AUTO_FREE char *found = NULL;

	load();
	found = chosen(&selector, NULL);
	CHECK_STR(found, ids);
	ncm_catalog_free(catalog);
}

static struct ncm_strings words(char **items, size_t count)
{
	return (struct ncm_strings){.items = items, .count = count};
}
static struct ncm_strings word(const char *const *text)
{
	return words((char **)text, 1);
}

static void names(void)
{
	static const char *const spellings[][2] = {{"coder", "coder +base +root"},
						   {"CODER", "coder +base +root"},
						   {"deepseek coder", "coder +base +root"},
						   {"Coder:16B", "coder +base +root"},
						   /* An id is meant before an alias. */
						   {"writer", "writer"}};
	char *two[] = {(char *)"root", (char *)"writer"};

	expect((struct ncm_selector){0}, "coder writer base root");
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
		expect((struct ncm_selector){.names = word(&spellings[i][0])}, spellings[i][1]);
	expect((struct ncm_selector){.names = words(two, 2)}, "writer root");
}

static void an_unknown_name_gets_the_nearest(void)
{
	const char *name = "codr";
	NCM_AUTO_FREE char *hint = NULL, *found = NULL;

	load();
	found = chosen(&(struct ncm_selector){.names = word(&name)}, &hint);
	CHECK_STR(found, "!no model is called \"codr\"");
	CHECK_STR(hint, "did you mean coder?");
	ncm_catalog_free(catalog);
}

static void filters(void)
{
	const char *high = "HIGH", *use = "codegeneration", *tag = "vae", *hf = "hf", *url = "url", *store = "comfyui",
		   *name = "coder", *nothing = "Vision";

	expect((struct ncm_selector){.phases = 1u << 2}, "base root");
	expect((struct ncm_selector){.phases = 1u << 1 | 1u << 2}, "coder writer base root");
	expect((struct ncm_selector){.priorities = word(&high)}, "coder writer +base +root");
	expect((struct ncm_selector){.use_cases = word(&use)}, "coder +base +root");
	expect((struct ncm_selector){.use_cases = word(&tag)}, "base +root");
	expect((struct ncm_selector){.tags = word(&tag)}, "base +root");
	expect((struct ncm_selector){.sources = word(&hf)}, "coder +base +root");
	expect((struct ncm_selector){.sources = word(&url)}, "base +root");
	expect((struct ncm_selector){.stores = word(&store)}, "base +root");
	/* All kinds must hold. */
	expect((struct ncm_selector){.phases = 1u << 1, .sources = word(&hf)}, "coder +base +root");
	expect((struct ncm_selector){.names = word(&name), .phases = 1u << 2}, "!--phase leaves no model");
	expect((struct ncm_selector){.use_cases = word(&nothing)}, "!--usecase Vision leaves no model");
	expect((struct ncm_selector){.phases = 1u << 2, .tags = word(&use)}, "!--tag codegeneration leaves no model");
	expect((struct ncm_selector){.phases = 1u << 7}, "!no model is of phase 7");
	expect((struct ncm_selector){.phases = 1u << 3}, "!no model is of phase 3");
}

static void variants(void)
{
	struct ncm_model **models = NULL;
	const char *ollama = "ollama", *base = "base";
	size_t count = 0;

	load();
	CHECK(ncm_select(catalog, &(struct ncm_selector){.variant = "SMALL"}, &models, &count, NULL) == 0);
	CHECK_U64(count, 4);
	CHECK(models[3]->chosen);
	CHECK(models[0]->chosen == &models[0]->variants[0] && !models[1]->chosen);
	free(models);
	/* The source that counts is the chosen form's; a later selection forgets an earlier one. */
	CHECK(ncm_select(catalog, &(struct ncm_selector){.variant = "small", .sources = word(&ollama)}, &models, &count,
			 NULL) == 0);
	CHECK_STR(models[0]->id, "coder");
	/* What is only required comes in its own form. */
	CHECK_STR(models[3]->id, "root");
	CHECK(models[3]->required_only && !models[3]->chosen);
	free(models);
	CHECK(ncm_select(catalog, &(struct ncm_selector){.sources = word(&ollama)}, &models, &count, NULL) == 0);
	CHECK_U64(count, 1);
	CHECK_STR(models[0]->id, "writer");
	CHECK(!catalog->models[0].chosen);
	free(models);
	ncm_catalog_free(catalog);
	expect((struct ncm_selector){.variant = "large"}, "!no chosen model has a variant \"large\"");
	expect((struct ncm_selector){.variant = "small", .names = word(&base)},
	       "!no chosen model has a variant \"small\"");
}

static const struct ncm_model *spelled(const char *uri, const char *to)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_model **models = NULL;
	const struct ncm_model *model = NULL;
	size_t count = 0;

	if (ncm_select(catalog, &(struct ncm_selector){.names = word(&uri), .to = to}, &models, &count, &err) == 0)
		model = models[0];
	else
		CHECK(err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	free(models);
	return model;
}

static void sources_spelled_out(void)
{
	static const struct {
		const char *uri, *to, *kind, *store, *folder, *name;
	} cases[] = {
	    {"ollama:llama3.2:3b", NULL, "llm", "ollama", NULL, NULL},
	    {"ollama:llama3.2:1b", "ollama-large", "llm", "ollama-large", NULL, NULL},
	    {"hf:org/repo/a.gguf", NULL, "llm", "llama-cpp", NULL, NULL},
	    {"hf:org/repo/a.safetensors@main", NULL, "checkpoint", "comfyui", NULL, NULL}, /* until it was asked */
	    {"hf:org/repo/l.safetensors", "a1111/loras", "lora", "a1111", "loras", NULL},
	    {"hf:org/repo", "comfyui/vae/sub", "vae", "comfyui", "vae", "sub"},
	    {"civitai:4384", NULL, "checkpoint", "a1111", NULL, NULL},
	    {"https://e.org/x.gguf?a=b", NULL, "llm", "llama-cpp", NULL, NULL},
	    {"https://e.org/x.bin", "llama-cpp", "llm", "llama-cpp", NULL, NULL},
	};

	load();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct ncm_model *model = spelled(cases[i].uri, cases[i].to);
		const struct ncm_target *target = model ? model->files[0].to : NULL;

		CHECK(model && model->phase == 0 && !model->priority && model->file_count == 1);
		CHECK(model->id && *model->id && model->name && *model->name);
		CHECK_STR(model->kind, cases[i].kind);
		CHECK_STR(target->store, cases[i].store);
		CHECK(!target->folder == !cases[i].folder && !target->name == !cases[i].name);
		CHECK(!target->folder || strcmp(target->folder, cases[i].folder) == 0);
		CHECK(!target->name || strcmp(target->name, cases[i].name) == 0);
		CHECK_STR(model->files[0].role, "weights");
	}
	ncm_catalog_free(catalog);
}

static void what_cannot_be_placed_is_refused(void)
{
	static const char *const cases[][2] = {{"hf:org/repo", NULL},
					       {"https://e.org/x.zip", NULL},
					       {"hf:org/repo/a.bin", NULL},
					       {"ollama:llama3.2", "comfyui/vae"},
					       {"hf:org/repo/a.gguf", "/x"},
					       {"hf:org/repo/a.gguf", "s/f/../x"},
					       {"hf:org/repo/a.gguf", "s/"},
					       {"hf:org/repo/a.gguf", "s/f/"},
					       {"http://e.org/a.gguf", NULL},
					       {"coder", "comfyui"},
					       {"https://e.org/a.gguf#sha256=12", NULL}};

	load();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *uri = cases[i][0];
		struct ncm_model **models = NULL;
		struct ncm_error err = NCM_ERROR_INIT;
		size_t count = 0;

		CHECK(ncm_select(catalog, &(struct ncm_selector){.names = word(&uri), .to = cases[i][1]}, &models,
				 &count, &err) < 0);
		CHECK(err.code == NCM_E_USAGE || err.code == NCM_E_POLICY);
		ncm_error_clear(&err);
	}
	CHECK_U64(catalog->count, 4);
	ncm_catalog_free(catalog);
}

static void pins_and_ids_of_spelled_sources(void)
{
	const struct ncm_model *model;
	size_t before;

	load();
	model = spelled("https://e.org/x.gguf#sha256=" DIGEST, NULL);
	CHECK(model->files[0].has_sha256 && model->files[0].sha256.bytes[0] == 0xaa);
	CHECK(spelled("http://127.0.0.1:1/x.gguf#sha256=" DIGEST, NULL)->files[0].insecure_http);
	/* What a manifest has already is not made again; nor is the same source twice. */
	before = catalog->count;
	CHECK_STR(spelled("hf:o/r/coder.gguf", "a1111/x")->files[0].to[0].store, "a1111");
	CHECK_U64(catalog->count, before + 1);
	CHECK_STR(spelled("civitai:12", NULL)->id, "root");
	CHECK(spelled("ollama:new", NULL) == spelled("ollama:new", NULL));
	CHECK_U64(catalog->count, before + 2);
	/* Two files of one name are two models. */
	CHECK(strcmp(spelled("hf:o/a/same.gguf", NULL)->id, spelled("hf:o/b/same.gguf", NULL)->id) != 0);
	ncm_catalog_free(catalog);
}

static void add_other_profile(char *folder)
{
	temp_write(
	    folder, "other/phase-1-high.json",
	    "{\"schema_version\":1,\"profile\":\"other\",\"phase\":1,\"priority\":\"high\",\"models\":["
	    "{\"id\":\"coder\",\"name\":\"Other Coder\",\"kind\":\"llm\",\"use_cases\":[],\"requires\":[\"base\"],"
	    "\"files\":[{\"from\":[\"ollama:coder:7b\"]}]},"
	    "{\"id\":\"base\",\"name\":\"Other Base\",\"kind\":\"llm\",\"use_cases\":[],\"requires\":[\"root\"],"
	    "\"files\":[{\"from\":[\"ollama:base:7b\"]}]}]}");
}

/* Each requires what its own profile has, and only what it has not from another. */
static void a_name_means_that_id_in_every_profile(void)
{
	char *folder = temp_folder(), *more[] = {(char *)"other"};
	const char *coder = "coder", *name = "other coder";
	const struct ncm_config config = {.data_dir = getenv("NCMODEL_DATADIR"),
					  .profile = (char *)"mine",
					  .more_profiles = more,
					  .more_profile_count = 1,
					  .manifest_dirs = &folder,
					  .manifest_dir_count = 1};
	NCM_AUTO_FREE char *both = NULL, *one = NULL;
	struct ncm_selector selector = {.names = word(&coder)};

	temp_write(folder, "mine/phase-1-high.json", phase_1);
	temp_write(folder, "mine/phase-2-medium.json", phase_2);
	add_other_profile(folder);
	catalog = ncm_catalog_load(&config, NULL);
	CHECK(catalog);
	both = chosen(&selector, NULL);
	CHECK_STR(both, "coder coder +base +base +root");
	selector.names = word(&name);
	one = chosen(&selector, NULL);
	CHECK_STR(one, "coder +base +root");
	CHECK(!catalog->models[2].required_only && catalog->models[5].required_only);
	ncm_catalog_free(catalog);
	temp_remove(folder);
}

static struct ncm_catalog *many_models(size_t count)
{
	struct ncm_catalog *made = ncm_calloc(1, sizeof *made);

	made->models = ncm_calloc(count, sizeof *made->models);
	made->count = count;
	for (size_t i = 0; i < count; i++) {
		struct ncm_model *model = &made->models[i];

		model->id = ncm_asprintf("m-%zu", i);
		model->name = ncm_asprintf("Model %zu", i);
		model->files = ncm_calloc(1, sizeof *model->files);
		model->file_count = 1;
		ncm_strings_add(&model->files->from, "ollama:x");
	}
	return made;
}

static double seconds_to_choose_all_by_name(size_t count)
{
	struct ncm_selector selector = {0};
	struct ncm_model **models = NULL;
	size_t chosen_count = 0;
	double start;

	catalog = many_models(count);
	for (size_t i = 0; i < count; i++)
		ncm_strings_add(&selector.names, i % 2 ? catalog->models[i].id : catalog->models[i].name);
	start = ncm_monotonic();
	CHECK(ncm_select(catalog, &selector, &models, &chosen_count, NULL) == 0);
	start = ncm_monotonic() - start;
	CHECK_U64(chosen_count, count);
	free(models);
	ncm_strings_free(&selector.names);
	ncm_catalog_free(catalog);
	return start;
}

static void thousands_may_be_named(void)
{
	const double few = seconds_to_choose_all_by_name(3000), many = seconds_to_choose_all_by_name(30000);

	CHECK(many < 30 * few + 0.3);
}

int main(void)
{
	RUN(names);
	RUN(an_unknown_name_gets_the_nearest);
	RUN(filters);
	RUN(a_name_means_that_id_in_every_profile);
	RUN(variants);
	RUN(sources_spelled_out);
	RUN(what_cannot_be_placed_is_refused);
	RUN(pins_and_ids_of_spelled_sources);
	RUN(thousands_may_be_named);
	return 0;
}

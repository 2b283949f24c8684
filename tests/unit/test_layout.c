/* SPDX-License-Identifier: MIT */
/* Which stores a layout names, and where they lie. */
#include "store_case.h"

static struct ncm_store_override overrides[2];

static void check_path(const char *actual, const char *below_scratch)
{
	NCM_AUTO_FREE char *expected = at(below_scratch);

	CHECK_STR(actual, expected);
}

static void a_layout_is_read(void)
{
	struct ncm_layout *layout;
	char *path;

	use_layout(good_layout);
	layout = load();
	CHECK_STR(layout->name, "test");
	CHECK_U64(layout->count, 4);
	check_path(layout->registry, "root/server/models/models.json");
	check_path(ncm_layout_find(layout, "llama")->path, "root/server/models");
	check_path(ncm_layout_find(layout, "ollama")->path, "root/.ollama/models");
	CHECK(ncm_layout_find(layout, "ollama")->kind == NCM_STORE_OLLAMA);
	CHECK(ncm_layout_find(layout, "comfy")->kind == NCM_STORE_FOLDERS);
	CHECK_STR(ncm_layout_find(layout, "system")->path, "/usr/share/ollama/.ollama/models");
	CHECK(!ncm_layout_find(layout, "nosuch"));
	path = ncm_layout_registry(layout, &config);
	check_path(path, "root/server/models/models.json");
	free(path);
	path = ncm_layout_lock(layout, &config);
	check_path(path, "root/server/models/ncmodel.lock");
	free(path);
	config.registry = (char *)(uintptr_t) "/srv/models.json";
	path = ncm_layout_registry(layout, &config);
	CHECK_STR(path, "/srv/models.json");
	free(path);
	path = ncm_layout_lock(layout, &config);
	CHECK_STR(path, "/srv/ncmodel.lock");
	free(path);
	config.lock = (char *)(uintptr_t) "/etc/lock";
	path = ncm_layout_lock(layout, &config);
	CHECK_STR(path, "/etc/lock");
	free(path);
	ncm_layout_free(layout);
	ncm_layout_free(NULL);
}

static void a_layout_can_be_a_path(void)
{
	NCM_AUTO_FREE char *path = at("data/layouts/test.json");
	struct ncm_layout *layout;

	use_layout(good_layout);
	config.layout = path;
	layout = load();
	CHECK_STR(layout->name, "test");
	ncm_layout_free(layout);
}

static void folders_of_stores_can_be_given(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_layout *layout;

	use_layout(good_layout);
	setenv("OLLAMA_MODELS", "/srv/ollama/", 1);
	layout = load();
	CHECK_STR(ncm_layout_find(layout, "ollama")->path, "/srv/ollama");
	CHECK_STR(ncm_layout_find(layout, "system")->path, "/usr/share/ollama/.ollama/models");
	ncm_layout_free(layout);
	setenv("OLLAMA_MODELS", "", 1);
	layout = load();
	check_path(ncm_layout_find(layout, "ollama")->path, "root/.ollama/models");
	ncm_layout_free(layout);

	/* What is said of this very store goes before Ollama's own variable. */
	setenv("OLLAMA_MODELS", "/srv/ollama", 1);
	overrides[0] = (struct ncm_store_override){(char *)(uintptr_t) "ollama", (char *)(uintptr_t) "/mine"};
	overrides[1] = (struct ncm_store_override){(char *)(uintptr_t) "comfy", (char *)(uintptr_t) "/comfy"};
	config.stores = overrides;
	config.store_count = 2;
	layout = load();
	CHECK_STR(ncm_layout_find(layout, "ollama")->path, "/mine");
	CHECK_STR(ncm_layout_find(layout, "comfy")->path, "/comfy");
	ncm_layout_free(layout);
	overrides[0].store = (char *)(uintptr_t) "olama";
	CHECK(!ncm_layout_load(&config, &err));
	CHECK(err.code == NCM_E_USAGE && strstr(err.message, "olama"));
	CHECK_STR(err.hint, "its stores are: llama, ollama, comfy, system");
	ncm_error_clear(&err);
	unsetenv("OLLAMA_MODELS");
}

static void bad_layouts_are_refused(void)
{
	static const struct {
		const char *text, *expected;
	} bad[] = {
	    {"[]", "test.json:1: $: not an object"},
	    {"{", "test.json:1: not valid JSON"},
	    {"{}", "\"schema_version\" is not 1"},
	    {"{\"schema_version\": 2}", "test.json:1: $.schema_version: \"schema_version\" is not 1"},
	    {"{\"schema_version\": \"1\"}", "$.schema_version"},
	    {"{\n\"regstry\": 1}", "test.json:2: $.regstry: unknown key; did you mean \"registry\"?"},
	    {"{\"registry\": \"../models.json\"}", "$.registry: refused path"},
	    {"{\"registry\": \"a/../models.json\"}", "$.registry: refused path"},
	    {"{\"registry\": \"a/\"}", "$.registry: refused path"},
	    {"{\"registry\": \"a/models\"}", "$.registry: not a path that ends with .json"},
	    {"{\"layout\": \"A b\"}", "$.layout: not lower-case"},
	    {"{\"title\": 1}", "$.title: not a string"},
	    {"{\"stores\": {\"a\": {\"env\": \"a=b\"}}}", "$.stores.a.env: not the name"},
	    {"{\"registry\": 5}", "$.registry: not a string"},
	    {"{\"stores\": {}}", "$.stores: \"stores\" is not an object with a store in it"},
	    {"{\"stores\": {\"a\": []}}", "$.stores.a: not an object"},
	    {"{\"stores\": {\"A b\": {}}}", "$.stores.A b: a store's id"},
	    {"{\"stores\": {\"a\": {\"kind\": \"s3\"}}}", "$.stores.a.kind: not \"folders\" or \"ollama\""},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\"}}}", "$.stores.a: \"path\" is missing"},
	    {"{\"stores\": {\"a\": {\"path\": \"../x\"}}}", "$.stores.a.path: refused path"},
	    {"{\"stores\": {\"a\": {\"path\": \"~/x\"}}}", "$.stores.a.path: refused path"},
	    {"{\"stores\": {\"a\": {\"pth\": \"x\"}}}", "$.stores.a.pth: unknown key; did you mean \"path\"?"},
	    {"{\"stores\": {\"a\": {\"env\": 1}}}", "$.stores.a.env: not the name"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": {\"x\": \"/abs\"}}}}",
	     "$.stores.a.folders.x: refused path"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": {\"x\": 1}}}}", "$.stores.a.folders.x: not"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": []}}}", "$.stores.a.folders: not an object"},
	    {"{\"stores\": {\"a\": {\"kind\": \"ollama\", \"folders\": {\"x\": \"y\"}}}}",
	     "an Ollama store has no folders"},
	};
	struct ncm_error err = NCM_ERROR_INIT;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		use_layout(bad[i].text);
		CHECK(!ncm_layout_load(&config, &err));
		CHECK(err.code == NCM_E_MANIFEST);
		if (!strstr(err.message, bad[i].expected))
			fprintf(stderr, "missing: %s\nin:\n%s\n", bad[i].expected, err.message);
		CHECK(strstr(err.message, bad[i].expected));
	}
	use_layout(good_layout);
	config.layout = (char *)(uintptr_t) "nosuch";
	CHECK(!ncm_layout_load(&config, &err));
	CHECK(err.code == NCM_E_USAGE && strstr(err.message, "layouts/nosuch.json"));
	ncm_error_clear(&err);
}

static void shipped_layouts_are_good(void)
{
	static const char *const names[] = {"default", "linux"};
	const char *data = getenv("NCMODEL_DATADIR");

	if (!data) {
		printf("skipped: NCMODEL_DATADIR is not set\n");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		struct ncm_layout *layout;

		use_layout(good_layout);
		free(config.data_dir);
		config.data_dir = ncm_strdup(data);
		config.layout = (char *)(uintptr_t)names[i];
		layout = load();
		CHECK_STR(layout->name, names[i]);
		CHECK(ncm_layout_find(layout, "llama-cpp") && ncm_layout_find(layout, "a1111"));
		CHECK(ncm_layout_find(layout, "comfyui") &&
		      ncm_layout_find(layout, "ollama")->kind == NCM_STORE_OLLAMA);
		CHECK_STR(ncm_path_base(layout->registry), "models.json");
		ncm_layout_free(layout);
	}
}

int main(void)
{
	begin_scratch();
	RUN(a_layout_is_read);
	RUN(a_layout_can_be_a_path);
	RUN(folders_of_stores_can_be_given);
	RUN(bad_layouts_are_refused);
	RUN(shipped_layouts_are_good);
	end_scratch();
	return 0;
}

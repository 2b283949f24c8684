/* SPDX-License-Identifier: MIT */
/* Which stores a layout names, and where they lie. */
#include "store/commit.h"
#include "store_case.h"
#include "temp.h"

#include <ncmodel/layout.h>

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
	CHECK(ncm_layout_find(layout, "ollama")->kind == &ncm_kind_ollama);
	CHECK(ncm_layout_find(layout, "comfy")->kind == &ncm_kind_folders);
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
	overrides[0] =
	    (struct ncm_store_override){(char *)(uintptr_t) "ollama", (char *)(uintptr_t) "/mine", NCM_SAID_BY_FLAG};
	overrides[1] =
	    (struct ncm_store_override){(char *)(uintptr_t) "comfy", (char *)(uintptr_t) "/comfy", NCM_SAID_BY_FILE};
	config.stores = overrides;
	config.store_count = 2;
	layout = load();
	CHECK_STR(ncm_layout_find(layout, "ollama")->path, "/mine");
	CHECK_STR(ncm_layout_find(layout, "comfy")->path, "/comfy");
	ncm_layout_free(layout);
	overrides[0].store = (char *)(uintptr_t) "olama";
	CHECK(!ncm_layout_load(&config, &err));
	CHECK(err.code == NCM_E_USAGE && strstr(err.message, "olama"));
	CHECK_STR(err.hint, "did you mean llama? its stores are: llama, ollama, comfy, system");
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
	    {"{\"stores\": {\"a\": {\"kind\": \"s3\"}}}",
	     "$.stores.a.kind: not \"folders\", \"ollama\", \"huggingface\" or \"lmstudio\""},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\"}}}", "$.stores.a: \"path\" is missing"},
	    {"{\"stores\": {\"a\": {\"path\": \"../x\"}}}", "$.stores.a.path: refused path"},
	    {"{\"stores\": {\"a\": {\"path\": \"~/x\"}}}", "$.stores.a.path: refused path"},
	    {"{\"stores\": {\"a\": {\"pth\": \"x\"}}}", "$.stores.a.pth: unknown key; did you mean \"path\"?"},
	    {"{\"stores\": {\"a\": {\"env\": 1}}}", "$.stores.a.env: not the name"},
	    {"{\"stores\": {\"a\": {\"found\": \"x\"}}}", "$.stores.a.found: not an array of paths"},
	    {"{\"stores\": {\"a\": {\"found\": [\"../x\"]}}}", "$.stores.a.found[0]: refused path"},
	    {"{\"stores\": {\"a\": {\"found\": [1]}}}", "$.stores.a.found[0]: not a string"},
	    {"{\"stores\": {\"a\": {\"service\": 1}}}", "$.stores.a.service: not an object"},
	    {"{\"stores\": {\"a\": {\"service\": {\"user\": \"x\"}}}}", "$.stores.a.service: \"path\" is missing"},
	    {"{\"stores\": {\"a\": {\"service\": {\"usr\": \"x\"}}}}", "did you mean \"user\"?"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": {\"x\": \"/abs\"}}}}",
	     "$.stores.a.folders.x: refused path"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": {\"x\": 1}}}}", "$.stores.a.folders.x: not"},
	    {"{\"stores\": {\"a\": {\"kind\": \"folders\", \"folders\": []}}}", "$.stores.a.folders: not an object"},
	    {"{\"stores\": {\"a\": {\"kind\": \"ollama\", \"folders\": {\"x\": \"y\"}}}}",
	     "only a store of kind folders has folders"},
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
		      ncm_layout_find(layout, "ollama")->kind == &ncm_kind_ollama);
		CHECK_STR(ncm_path_base(layout->registry), "models.json");
		ncm_layout_free(layout);
	}
}

static const char cache_layout[] =
    "{\"schema_version\": 1, \"layout\": \"test\", \"registry\": \"models.json\", \"stores\": {\"hf\": "
    "{\"kind\": \"huggingface\", \"path\": \".cache/huggingface/hub\"}}}";

static void check_cache(const char *expected)
{
	struct ncm_layout *layout = load();

	CHECK_STR(ncm_layout_find(layout, "hf")->path, expected);
	ncm_layout_free(layout);
}

/* From the weakest word to the strongest, as huggingface_hub reads them. */
static void a_cache_lies_where_its_own_tool_has_it(void)
{
	static const struct {
		const char *name, *value, *expected;
	} words[] = {{"XDG_CACHE_HOME", "/xdg", "/xdg/huggingface/hub"},
		     {"HF_HOME", "~/hf", "/home/me/hf/hub"},
		     {"HUGGINGFACE_HUB_CACHE", "/old", "/old"},
		     {"HF_HUB_CACHE", "/new/", "/new"}};
	NCM_AUTO_FREE char *below_root = NULL;

	use_layout(cache_layout);
	below_root = at("root/.cache/huggingface/hub");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		CHECK(unsetenv(words[i].name) == 0);
	check_cache(below_root);
	CHECK(setenv("HOME", "/home/me", 1) == 0 && setenv("HF_HOME", "", 1) == 0);
	check_cache(below_root);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		CHECK(setenv(words[i].name, words[i].value, 1) == 0);
		check_cache(words[i].expected);
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		CHECK(unsetenv(words[i].name) == 0);
}

static void nothing_is_placed_in_a_cache(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_layout *layout;
	const struct ncm_store *cache;

	use_layout(cache_layout);
	layout = load();
	cache = ncm_layout_find(layout, "hf");
	CHECK(cache->kind == &ncm_kind_huggingface);
	CHECK_STR(cache->kind->name, "huggingface");
	CHECK_STR(ncm_store_own(cache), ".locks/.ncmodel");
	CHECK(!ncm_store_path(cache, NULL, "x.gguf", &err) && err.code == NCM_E_POLICY);
	CHECK(strstr(err.message, "Hugging Face cache"));
	ncm_error_clear(&err);
	ncm_layout_free(layout);
}

static void what_a_repair_may_replace_in_a_cache(void)
{
	static const char sha256[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct {
		const char *path;
		bool allowed;
	} paths[] = {{"models--org--name/blobs/%s", true},
		     {"models--org--name/blobs/%.40s", true},
		     {"models--org--name/snapshots/%.40s/a/b.json", true},
		     {"models--org--name/blobs/%.41s", false},
		     {"models--org--name/blobs/../%s", false},
		     {"models--org--name/blobs/%s/x", false},
		     {"models--org--name/refs/%s", false},
		     {"models--org--name/snapshots/%.40s", false},
		     {"models--org--name/snapshots/%.39s/a", false},
		     {"models--org--name/snapshots/%.40s/../../../%.3s", false},
		     {"datasets--org--name/blobs/%s", false},
		     {"blobs/sha256-%s", false}};
	struct ncm_layout *layout;

	use_layout(cache_layout);
	layout = load();
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		NCM_AUTO_FREE char *path = temp_format(paths[i].path, sha256, sha256);

		if ((store_check_relative(ncm_layout_find(layout, "hf"), path, NULL) == 0) == paths[i].allowed)
			continue;
		fprintf(stderr, "%s\n", path);
		CHECK(false);
	}
	ncm_layout_free(layout);
}

static const char two_places[] =
    "{\"schema_version\": 1, \"layout\": \"test\", \"title\": \"t\", \"registry\": \"models.json\", \"stores\": {\n"
    "\"app\": {\"kind\": \"folders\", \"path\": \"first\", \"found\": [\"second\"], \"folders\": {}}}}\n";

static void check_app(const char *below_scratch, enum ncm_store_why why)
{
	struct ncm_layout *layout = load();

	check_path(layout->stores[0].path, below_scratch);
	CHECK_STR(ncm_store_why_name(layout->stores[0].why), ncm_store_why_name(why));
	CHECK(!layout->stores[0].told_by == (why != NCM_PLACED_BY_FLAG));
	ncm_layout_free(layout);
}

static void of_several_places_one_is_chosen_by_what_is_there(void)
{
	use_layout(two_places);
	check_app("root/first", NCM_PLACED_BY_LAYOUT);
	put(scratch_fd, "root/second/x", "");
	check_app("root/second", NCM_PLACED_BY_FOUND);
	put(scratch_fd, "root/first/x", "");
	check_app("root/first", NCM_PLACED_BY_LAYOUT);
	put(scratch_fd, "root/second/.ncmodel/x", "");
	check_app("root/second", NCM_PLACED_BY_FOUND);
	overrides[0] = (struct ncm_store_override){(char *)(uintptr_t) "app", config.root, NCM_SAID_BY_FLAG};
	config.stores = overrides;
	config.store_count = 1;
	check_app("root", NCM_PLACED_BY_FLAG);
}

static const char nested[] =
    "{\"schema_version\": 1, \"layout\": \"test\", \"title\": \"t\", \"registry\": \"models.json\", \"stores\": {\n"
    "\"outer\": {\"kind\": \"folders\", \"path\": \"a\", \"folders\": {\"x\": \"x\", \"y\": \"y\"}},\n"
    "\"inner\": {\"kind\": \"folders\", \"path\": \"a/b\", \"folders\": {}},\n"
    "\"twin\": {\"kind\": \"folders\", \"path\": \"a/b\", \"folders\": {\"z\": \"z\"}}}}\n";

static void a_path_lies_in_the_innermost_store_or_in_its_own(void)
{
	NCM_AUTO_FREE char *deep = NULL;
	NCM_AUTO_FREE char *beside = NULL;
	struct ncm_layout *layout;

	use_layout(nested);
	layout = load();
	deep = at("root/a/b/m.gguf");
	beside = at("root/ab/m.gguf");
	CHECK_U64(ncm_layout_store_of(layout, deep, NULL), 1);
	CHECK_U64(ncm_layout_store_of(layout, deep, "outer"), 0);
	CHECK_U64(ncm_layout_store_of(layout, deep, "twin"), 1); /* of one folder the first */
	CHECK_U64(ncm_layout_store_of(layout, deep, "nosuch"), 1);
	CHECK_U64(ncm_layout_store_of(layout, beside, "outer"), NCM_NO_STORE);
	CHECK_STR(ncm_layout_moved(layout, beside, "outer")->id, "outer");
	CHECK(!ncm_layout_moved(layout, deep, "outer") && !ncm_layout_moved(layout, beside, NULL) &&
	      !ncm_layout_moved(layout, beside, "nosuch"));
	ncm_layout_free(layout);
}

static void names_come_in_the_order_of_the_layout(void)
{
	struct ncm_strings stores = {0}, folders = {0};
	struct ncm_error err = NCM_ERROR_INIT;

	use_layout(nested);
	CHECK(ncm_layout_names(&config, &stores, &folders, &err) == 0);
	CHECK(stores.count == 3 && folders.count == 3);
	CHECK_STR(stores.items[1], "inner");
	CHECK_STR(folders.items[1], "outer/y");
	CHECK_STR(folders.items[2], "twin/z");
	ncm_strings_free(&stores);
	ncm_strings_free(&folders);
	CHECK(ncm_layout_names(&config, NULL, NULL, &err) == 0);
	config.layout = (char *)(uintptr_t) "nosuch";
	CHECK(ncm_layout_names(&config, &stores, NULL, &err) < 0 && err.code == NCM_E_USAGE && stores.count == 0);
	ncm_error_clear(&err);
}

static void check_barrier(const char *below_scratch, const char *expected)
{
	NCM_AUTO_FREE char *path = at(below_scratch);
	NCM_AUTO_FREE char *barrier = ncm_barrier_of(path);

	CHECK(!barrier == !expected && (!barrier || strstr(barrier, expected)));
}

/* A user who may not write is told so in tests/integration/test_stores.py: root may. */
static void what_is_in_the_way_of_a_folder_is_told(void)
{
	put(scratch_fd, "root/way/file", "");
	CHECK(symlinkat("nosuch", scratch_fd, "root/way/link") == 0);
	check_barrier("root/way", NULL);
	check_barrier("root/way/new/folder", NULL);
	CHECK(!exists(scratch_fd, "root/way/new"));
	check_barrier("root/way/file", "way/file is not a folder");
	check_barrier("root/way/file/folder", "Not a directory");
	check_barrier("root/way/link", "root/way/link is a link that leads to nothing");
}

int main(void)
{
	begin_scratch();
	RUN(a_layout_is_read);
	RUN(a_layout_can_be_a_path);
	RUN(folders_of_stores_can_be_given);
	RUN(bad_layouts_are_refused);
	RUN(shipped_layouts_are_good);
	RUN(a_cache_lies_where_its_own_tool_has_it);
	RUN(nothing_is_placed_in_a_cache);
	RUN(what_a_repair_may_replace_in_a_cache);
	RUN(of_several_places_one_is_chosen_by_what_is_there);
	RUN(a_path_lies_in_the_innermost_store_or_in_its_own);
	RUN(names_come_in_the_order_of_the_layout);
	RUN(what_is_in_the_way_of_a_folder_is_told);
	end_scratch();
	return 0;
}

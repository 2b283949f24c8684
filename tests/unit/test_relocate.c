/* SPDX-License-Identifier: MIT */
/* What models.json says of files that have other places now. */
#include "base/json.h"
#include "registry/relocate.h"
#include "verify_case.h"

enum {
	MANY = 3000,
};

static int relocate(const char *id, const char *from, const char *to, bool is_link)
{
	NCM_AUTO_FREE char *old = ncm_path_join(folder, from);
	NCM_AUTO_FREE char *new = ncm_path_join(folder, to);
	const struct registry_move move = {id, old, new, "comfyui", 77, is_link};

	return registry_relocate(registry_path, &move, 1, NULL);
}

static json_t *entry(size_t index, json_t **document)
{
	*document = ncm_json_read(registry_path, NCM_E_REGISTRY, NULL);
	CHECK(*document);
	return json_array_get(json_object_get(*document, "models"), index);
}

static const json_t *file_of(const json_t *model, size_t index)
{
	return json_array_get(json_object_get(model, "files"), index);
}

static void path_store_and_time_change_and_nothing_else(void)
{
	NCM_AUTO_JSON json_t *before = NULL;
	NCM_AUTO_JSON json_t *after = NULL;
	json_t *was, *is;

	start();
	add("ai/models/a.gguf", "weights", "llama-cpp", "weights");
	add("ai/models/a.json", "config", "llama-cpp", "config");
	put("a");
	was = entry(0, &before);
	CHECK(relocate("a", "ai/models/a.gguf", "comfy/models/vae/a.gguf", false) == 0);
	is = entry(0, &after);
	CHECK_STR(ncm_json_string(file_of(is, 0), "store"), "comfyui");
	CHECK(strstr(ncm_json_string(file_of(is, 0), "path"), "comfy/models/vae/a.gguf"));
	CHECK(json_integer_value(json_object_get(file_of(is, 0), "mtime_ns")) == 77);
	CHECK(json_equal(file_of(is, 1), file_of(was, 1)));
	CHECK(strstr(ncm_json_string(is, "file_path"), "comfy/models/vae/a.gguf"));
	CHECK_STR(ncm_json_string(is, "store"), "comfyui");
	for (const char *const *key = (const char *const[]){"files", "file_path", "store", NULL}; *key; key++) {
		json_object_del(was, *key);
		json_object_del(is, *key);
	}
	CHECK(json_equal(was, is));
	stop();
}

static void another_file_leaves_the_models_own_place(void)
{
	NCM_AUTO_JSON json_t *document = NULL;
	json_t *model;

	start();
	add("ai/models/a.gguf", "weights", "llama-cpp", "weights");
	add("ai/models/a.json", "config", "llama-cpp", "config");
	put("a");
	CHECK(relocate("a", "ai/models/a.json", "comfy/models/vae/a.json", false) == 0);
	CHECK(relocate("nobody", "ai/models/a.gguf", "comfy/models/vae/a.gguf", false) == 0);
	model = entry(0, &document);
	CHECK_STR(ncm_json_string(model, "file_path"), "models/a.gguf");
	CHECK_STR(ncm_json_string(file_of(model, 0), "path"), "models/a.gguf");
	CHECK(strstr(ncm_json_string(file_of(model, 1), "path"), "comfy/models/vae/a.json"));
	stop();
}

static void a_link_follows_what_it_leads_to(void)
{
	NCM_AUTO_JSON json_t *document = NULL;
	NCM_AUTO_FREE char *target = NULL;
	NCM_AUTO_FREE char *link_path = NULL;
	NCM_AUTO_FREE char *new_target = NULL;
	NCM_AUTO_FREE char *new_link = NULL;
	struct registry_move moves[2];
	const json_t *moved;
	int64_t mtime_ns;

	start();
	target = ncm_path_join(folder, "ai/models/real.gguf");
	link_path = ncm_path_join(folder, "ai/models/link.gguf");
	new_target = ncm_path_join(folder, "comfy/real.gguf");
	new_link = ncm_path_join(folder, "comfy/link.gguf");
	add("ai/models/real.gguf", "weights", "llama-cpp", "weights");
	add("ai/models/link.gguf", "weights", "llama-cpp", "weights");
	files[1].target = target;
	mtime_ns = files[1].mtime_ns;
	put("a");
	moves[0] = (struct registry_move){"a", link_path, new_link, "comfyui", 1, true};
	moves[1] = (struct registry_move){"a", target, new_target, "comfyui", 77, false};
	CHECK(registry_relocate(registry_path, moves, 2, NULL) == 0);
	moved = file_of(entry(0, &document), 1);
	CHECK_STR(ncm_json_string(moved, "target"), new_target);
	CHECK(json_integer_value(json_object_get(moved, "mtime_ns")) == mtime_ns);
	stop();
}

/* A whole repository is one model. */
static void each_of_many_files_is_found(void)
{
	struct ncm_reg_file *many = ncm_calloc(MANY, sizeof *many);
	struct registry_move *moves = ncm_calloc(MANY, sizeof *moves);
	const struct ncm_reg_model model = {
	    .id = (char *)"m", .display_name = (char *)"m", .kind = (char *)"llm", .files = many, .file_count = MANY};
	NCM_AUTO_JSON json_t *document = NULL;

	start();
	for (size_t i = 0; i < MANY; i++) {
		many[i].abs = ncm_asprintf("%s/ai/models/repository/%zu.bin", folder, i);
		many[i].store = (char *)"llama-cpp";
		many[i].role = (char *)"weights";
		moves[i] = (struct registry_move){"m",       many[i].abs, ncm_asprintf("%s/comfy/%zu.bin", folder, i),
						  "comfyui", (int64_t)i,  false};
	}
	CHECK(ncm_registry_put_all(registry_path, &model, 1, NULL) == 0);
	CHECK(registry_relocate(registry_path, moves, MANY, NULL) == 0);
	CHECK(strstr(ncm_json_string(file_of(entry(0, &document), MANY - 1), "path"), "comfy/2999.bin"));
	for (size_t i = 0; i < MANY; i++) {
		free(many[i].abs);
		free((char *)(uintptr_t)moves[i].to);
	}
	free(many);
	free(moves);
	stop();
}

int main(void)
{
	RUN(path_store_and_time_change_and_nothing_else);
	RUN(another_file_leaves_the_models_own_place);
	RUN(a_link_follows_what_it_leads_to);
	RUN(each_of_many_files_is_found);
	return 0;
}

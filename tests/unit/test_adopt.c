/* SPDX-License-Identifier: MIT */
/* What is registered of what lies there; the real tools' stores are in tests/integration/test_adopt.py. */
#include "manifest/lock.h"
#include "verify_case.h"

#include <ncmodel/adopt.h>

static struct ncm_adoption *adoption;

/* A GGUF file without tensors, told apart by its filling. */
static void gguf(const char *name, const char *filling)
{
	unsigned char file[64] = {'G', 'G', 'U', 'F', 3};

	snprintf((char *)file + 24, sizeof file - 24, "%s", filling);
	temp_write_bytes(folder, name, file, sizeof file);
}

static void digest_of(const char *name, struct ncm_sha256 *digest, uint64_t *size)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	size_t bytes = 0;
	NCM_AUTO_FREE char *text = ncm_read_file(path, 1 << 20, &bytes);

	ncm_sha256_of(text, bytes, digest);
	*size = bytes;
}

static void adopt_with(const struct ncm_catalog *catalog, bool dry_run)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_adoption_free(adoption);
	adoption = ncm_adopt(&config, catalog, &(struct ncm_adopt_options){.dry_run = dry_run}, NULL, &err);
	if (!adoption)
		fprintf(stderr, "%s\n", err.message);
	CHECK(adoption);
}

static void end(void)
{
	ncm_adoption_free(adoption);
	adoption = NULL;
	stop();
}

static const struct ncm_adoption_model *model(const char *id)
{
	for (size_t i = 0; i < adoption->count; i++) {
		if (strcmp(adoption->models[i].entry.id, id) == 0)
			return &adoption->models[i];
	}
	return NULL;
}

static char *registry_text(void)
{
	return temp_read(folder, "ai/models/models.json");
}

static void unknown_models_get_the_defaults(void)
{
	start();
	gguf("ai/models/a.gguf", "a");
	adopt_with(NULL, true);
	CHECK_U64(adoption->added, 1);
	CHECK(access(registry_path, F_OK) < 0);
	adopt_with(NULL, false);
	CHECK_U64(adoption->added, 1);
	CHECK_U64(adoption->bytes, 64);
	CHECK(model("a") && model("a")->verdict == NCM_ADOPT_NEW);
	CHECK_STR(model("a")->known_by, "header");
	CHECK_STR(model("a")->entry.kind, "llm");
	CHECK_STR(model("a")->entry.trust, "first-use");
	{
		struct ncm_registry *registry = ncm_registry_load(&config, NULL);
		const struct ncm_reg_model *entry = ncm_registry_find(registry, "a");

		CHECK(entry->performance_score < 0); /* nobody stated one, whatever its readers need */
		CHECK_STR(entry->privacy_tier, "Internal");
		CHECK_STR(entry->use_cases.items[0], "General");
		CHECK_STR(entry->verify_result, "ok");
		ncm_registry_free(registry);
	}
	end();
}

static void a_second_run_changes_nothing(void)
{
	NCM_AUTO_FREE char *before = NULL, *after = NULL;

	start();
	gguf("ai/models/a.gguf", "a");
	gguf("ai/models/sub/b.gguf", "b");
	adopt_with(NULL, false);
	before = registry_text();
	adopt_with(NULL, false);
	after = registry_text();
	CHECK_U64(adoption->known, 2);
	CHECK_U64(adoption->hashed, 0);
	CHECK_STR(after, before);
	end();
}

static void ids_are_distinct(void)
{
	NCM_AUTO_FREE char *first = NULL, *second = NULL;

	for (unsigned round = 0; round < 2; round++) {
		start();
		gguf("ai/models/x/same.gguf", "1");
		gguf("ai/models/y/same.gguf", "2");
		gguf("comfy/models/vae/same.gguf", "3");
		adopt_with(NULL, false);
		CHECK_U64(adoption->added, 3);
		*(round ? &second : &first) = ncm_asprintf("%s %s %s", adoption->models[0].entry.id,
							   adoption->models[1].entry.id, adoption->models[2].entry.id);
		end();
	}
	CHECK_STR(first, second);
	CHECK_STR(first, "same same-comfyui same-llama-cpp");
}

/* A model of one file that a manifest pins. */
struct pinned {
	char *from[1];
	struct ncm_target to;
	struct ncm_file_spec spec;
	struct ncm_model model;
	struct ncm_catalog catalog;
};

static void pin(struct pinned *pinned, const char *id, const char *file)
{
	*pinned = (struct pinned){.from = {(char *)"hf:org/repo/x.gguf@0123456789012345678901234567890123456789"},
				  .to = {.store = (char *)"llama-cpp", .name = (char *)"x.gguf"}};
	pinned->spec = (struct ncm_file_spec){.from = {.items = pinned->from, .count = 1},
					      .to = &pinned->to,
					      .to_count = 1,
					      .has_sha256 = true,
					      .has_size = true,
					      .role = (char *)"weights"};
	digest_of(file, &pinned->spec.sha256, &pinned->spec.size);
	pinned->model = (struct ncm_model){.id = (char *)id,
					   .name = (char *)"Pinned",
					   .kind = (char *)"vlm",
					   .profile = (char *)"mine",
					   .performance_score = 0.5,
					   .cost_score = 0.5,
					   .files = &pinned->spec,
					   .file_count = 1};
	pinned->catalog = (struct ncm_catalog){.models = &pinned->model, .count = 1};
}

static void a_digest_tells_the_model(void)
{
	struct pinned pinned;

	start();
	gguf("ai/models/renamed.gguf", "a");
	gguf("ai/models/copy.gguf", "a");
	gguf("ai/models/x.gguf", "a");
	pin(&pinned, "pinned", "ai/models/x.gguf");
	adopt_with(&pinned.catalog, false);
	/* The copy at the manifest's place is its model; the others are models of their own. */
	CHECK_U64(adoption->added, 3);
	CHECK_STR(model("pinned")->known_by, "manifest");
	CHECK_STR(ncm_path_base(model("pinned")->entry.files[0].abs), "x.gguf");
	CHECK_STR(model("pinned")->entry.kind, "vlm");
	CHECK_STR(model("pinned")->entry.revision, "0123456789012345678901234567890123456789");
	CHECK_STR(model("copy")->known_by, "header");
	CHECK(model("renamed"));
	end();
}

static void a_part_is_refused(void)
{
	struct pinned pinned;
	struct ncm_file_spec both[2];

	start();
	gguf("ai/models/x.gguf", "a");
	pin(&pinned, "pinned", "ai/models/x.gguf");
	both[0] = both[1] = pinned.spec;
	memset(both[1].sha256.bytes, 7, sizeof both[1].sha256.bytes);
	pinned.model.files = both;
	pinned.model.file_count = 2;
	adopt_with(&pinned.catalog, false);
	CHECK_U64(adoption->refused, 1);
	CHECK_U64(adoption->added, 0);
	CHECK(strstr(model("pinned")->detail, "1 of its 2 files"));
	CHECK(access(registry_path, F_OK) < 0);
	end();
}

static void the_lock_tells_the_model(void)
{
	NCM_AUTO_FREE char *path = NULL;
	const char *uri = "hf:org/repo/a.gguf";
	struct ncm_lock_file file = {.path = (char *)"a.gguf", .has_sha256 = true};
	const struct ncm_lock_entry entry = {.uri = (char *)uri,
					     .pinned = (char *)"hf:org/repo/a.gguf@0123",
					     .revision = (char *)"0123",
					     .trust = (char *)"first-use",
					     .files = &file,
					     .file_count = 1};
	struct ncm_lock *lock;

	start();
	gguf("ai/models/any.gguf", "a");
	digest_of("ai/models/any.gguf", &file.sha256, &file.size);
	path = ncm_path_join(folder, "ai/models/ncmodel.lock");
	lock = ncm_lock_load(path, NULL);
	ncm_lock_put(lock, &entry);
	CHECK(ncm_lock_save(lock, &uri, 1, NULL) == 0);
	ncm_lock_free(lock);
	adopt_with(NULL, false);
	CHECK_U64(adoption->count, 1);
	CHECK_STR(adoption->models[0].known_by, "lock");
	CHECK_STR(adoption->models[0].entry.source, "hf:org/repo/a.gguf@0123");
	CHECK_STR(adoption->models[0].entry.trust, "first-use");
	end();
}

static void a_replaced_file_keeps_its_entry(void)
{
	start();
	gguf("ai/models/a.gguf", "a");
	adopt_with(NULL, false);
	gguf("ai/models/a.gguf", "another");
	adopt_with(NULL, false);
	CHECK_U64(adoption->changed, 1);
	CHECK_STR(adoption->models[0].entry.id, "a");
	adopt_with(NULL, false);
	CHECK_U64(adoption->known, 1);
	end();
}

static void without_anything(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *above = NULL;
	const char *nowhere = "/nonexistent/x.gguf";

	start();
	adopt_with(NULL, false);
	CHECK_U64(adoption->count, 0);
	/* Not even a folder was made. */
	above = ncm_strndup(registry_path, strlen(registry_path) - strlen("/models.json"));
	CHECK(access(above, F_OK) < 0);
	CHECK(!ncm_adopt(&config, NULL, &(struct ncm_adopt_options){.paths = &nowhere, .path_count = 1}, NULL, &err));
	CHECK(err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	end();
}

int main(void)
{
	RUN(unknown_models_get_the_defaults);
	RUN(a_second_run_changes_nothing);
	RUN(ids_are_distinct);
	RUN(a_digest_tells_the_model);
	RUN(a_part_is_refused);
	RUN(the_lock_tells_the_model);
	RUN(a_replaced_file_keeps_its_entry);
	RUN(without_anything);
	return 0;
}

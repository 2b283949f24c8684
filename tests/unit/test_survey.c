/* SPDX-License-Identifier: MIT */
/* Ollama stores, and what is common to all kinds. */
#include "registry/write.h"
#include "survey_case.h"

#include <sys/wait.h>

#define PARTIAL "abababababababababababababababababababababababababababababababab.part"

static const char config_text[] =
    "{\"model_format\":\"gguf\",\"model_family\":\"llama\",\"model_type\":\"3.2B\",\"file_type\":\"Q4_K_M\"}";

static char *blob(const char *text)
{
	NCM_AUTO_FREE char *hex = sha256_hex(text);

	return ncm_asprintf("ollama/blobs/sha256-%s", hex);
}

static char *layer(const char *type, const char *text)
{
	NCM_AUTO_FREE char *hex = sha256_hex(text);

	return ncm_asprintf("{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu}", type, hex, strlen(text));
}

static char *manifest(const char *weights)
{
	NCM_AUTO_FREE char *settings = layer("application/vnd.docker.container.image.v1+json", config_text);
	NCM_AUTO_FREE char *model_layer = layer("application/vnd.ollama.image.model", weights);

	return ncm_asprintf("{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}", settings, model_layer);
}

/* A model of two blobs; the configuration is shared by all of them. */
static void ollama(const char *name, const char *weights)
{
	NCM_AUTO_FREE char *text = manifest(weights);

	write_to(text, ncm_asprintf("ollama/manifests/registry.ollama.ai/library/%s", name));
	write_to(weights, blob(weights));
	write_to(config_text, blob(config_text));
}

static void a_sound_store(void)
{
	NCM_AUTO_FREE char *weights = NULL;

	start();
	ollama("llama3.2/3b", "weights");
	weights = blob("weights");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(model_state("llama3.2:3b"), "ok");
	CHECK_STR(model("llama3.2:3b")->entry.source, "ollama:llama3.2:3b");
	CHECK_STR(model("llama3.2:3b")->entry.architecture, "llama");
	CHECK_STR(model("llama3.2:3b")->entry.parameters, "3.2B");
	CHECK_STR(model("llama3.2:3b")->entry.quantization, "Q4_K_M");
	CHECK_STR(model("llama3.2:3b")->known_by, "ollama");
	CHECK_U64(model("llama3.2:3b")->file_count, 3);
	CHECK(strncmp(model("llama3.2:3b")->entry.revision, "sha256:", 7) == 0);
	CHECK_STR(found(weights)->told_by, "name");
	CHECK_STR(found(weights)->role, "model");
	CHECK(found(weights)->has_sha256 && found(weights)->has_expected_size);
	CHECK_U64(survey->hashed, strlen("weights") + strlen(config_text));
	CHECK_U64(survey->store_count, 1);
	CHECK_U64(survey->stores[0].models, 1);
	CHECK_U64(survey->stores[0].files, 3);
	/* Names alone prove nothing, and read nothing. */
	look(NCM_SURVEY_NAMES);
	CHECK_STR(model_state("llama3.2:3b"), "unproved");
	CHECK_U64(survey->hashed, 0);
	CHECK(!found(weights)->has_sha256);
	stop();
}

static void each_kind_of_damage(void)
{
	NCM_AUTO_FREE char *weights = blob("weights"), *other = blob("other");

	start();
	ollama("a/latest", "weights");
	ollama("b/latest", "other");
	write_to("wEights", ncm_strdup(weights));
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(weights), "damaged");
	CHECK(strstr(found(weights)->detail, "its name is"));
	CHECK_STR(model_state("a:latest"), "damaged");
	CHECK_STR(model_state("b:latest"), "ok");
	/* Another size is seen without reading. */
	write_to("weight", ncm_strdup(weights));
	look(NCM_SURVEY_NAMES);
	CHECK_STR(state_of(weights), "truncated");
	CHECK_STR(found(weights)->detail, "has 6 bytes, and should have 7");
	write_to("weights and more", ncm_strdup(weights));
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(weights), "damaged");
	CHECK_U64(survey->hashed, strlen("other") + strlen(config_text));
	drop(weights);
	look(NCM_SURVEY_NAMES);
	CHECK_STR(state_of(weights), "missing");
	CHECK_STR(model_state("a:latest"), "missing");
	CHECK_STR(state_of(other), "unproved");
	link_to("nowhere", weights);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(weights), "missing");
	drop(weights);
	{
		NCM_AUTO_FREE char *path = ncm_path_join(folder, weights);

		CHECK(mkfifo(path, 0600) == 0);
	}
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(weights), "unreadable");
	stop();
}

static void what_no_manifest_names(void)
{
	NCM_AUTO_FREE char *weights = blob("weights"), *settings = blob(config_text), *half = NULL;

	start();
	ollama("a/latest", "weights");
	ollama("b/latest", "other");
	half = ncm_asprintf("%s-partial-3", weights);
	write_to("x", ncm_strdup(half));
	write_to("x", ncm_strdup("ollama/blobs/notes.txt"));
	write_to("x", ncm_strdup("ollama/.ncmodel/staging/" PARTIAL));
	drop("ollama/manifests/registry.ollama.ai/library/a/latest");
	look(NCM_SURVEY_CONTENT);
	CHECK_U64(survey->model_count, 1);
	CHECK_STR(state_of(weights), "unreferenced");
	CHECK_STR(state_of(settings), "ok");
	CHECK_STR(state_of(half), "partial");
	CHECK_STR(state_of("ollama/blobs/notes.txt"), "unreferenced");
	CHECK_STR(state_of("ollama/.ncmodel/staging/" PARTIAL), "partial");
	CHECK_STR(model_state("b:latest"), "ok");
	/* What a manifest names that cannot be read is not known. */
	write_to("{", ncm_strdup("ollama/manifests/registry.ollama.ai/library/c/latest"));
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of("ollama/manifests/registry.ollama.ai/library/c/latest"), "damaged");
	CHECK_STR(model_state("c:latest"), "damaged");
	CHECK_STR(state_of(weights), "unproved");
	stop();
}

static void a_link_and_a_hard_link_are_read_once(void)
{
	NCM_AUTO_FREE char *weights = blob("weights"), *from = NULL, *to = NULL;

	start();
	ollama("a/latest", "weights");
	write_to("elsewhere", ncm_strdup("disk/big"));
	drop(weights);
	write_to("weights", ncm_strdup("disk/big"));
	from = ncm_path_join(folder, "disk/big");
	link_to(from, weights);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(weights), "ok");
	CHECK_STR(found(weights)->real, from);
	drop(weights);
	to = ncm_path_join(folder, weights);
	CHECK(link(from, to) == 0);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(weights), "ok");
	CHECK(!found(weights)->real);
	CHECK_U64(survey->hashed, strlen("weights") + strlen(config_text));
	stop();
}

static void models_json_tells_what_nothing_else_does(void)
{
	static const char name[] = "ollama/manifests/registry.ollama.ai/library/a/latest";
	NCM_AUTO_FREE char *registry = NULL, *text = manifest("weights"), *other = manifest("WEIGHTS");
	struct ncm_reg_file file = {.store = (char *)"ollama", .role = (char *)"manifest"};
	const struct ncm_reg_model entry = {.id = (char *)"a", .files = &file, .file_count = 1};

	start();
	ollama("a/latest", "weights");
	registry = ncm_path_join(folder, "ai/models/models.json");
	file.abs = ncm_path_join(folder, name);
	file.size = strlen(text);
	ncm_sha256_of(text, strlen(text), &file.sha256);
	CHECK(ncm_registry_put_all(registry, &entry, 1, NULL) == 0);
	free(file.abs);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(found(name)->told_by, "models.json");
	CHECK_STR(model_state("a:latest"), "ok");
	/* A good manifest of other bytes is not the one that was installed. */
	temp_write(folder, name, other);
	write_to("WEIGHTS", blob("WEIGHTS"));
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(name), "damaged");
	CHECK(strstr(found(name)->detail, "models.json says"));
	/* One that cannot be read is done without. */
	temp_write(folder, "ai/models/models.json", "{");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(model_state("a:latest"), "ok");
	stop();
}

static void which_stores_and_where(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const char *ollama_id = "ollama", *none = "none", *both[] = {"ollama", "hf"};
	NCM_AUTO_FREE char *elsewhere = NULL;

	start();
	ollama("a/latest", "weights");
	look(NCM_SURVEY_NAMES);
	CHECK_U64(survey->store_count, 1);
	elsewhere = ncm_path_join(folder, "ollama");
	ncm_survey_free(survey);
	survey = ncm_survey_make(
	    &config, &(struct ncm_survey_options){.stores = &ollama_id, .store_count = 1, .path = elsewhere}, NULL,
	    &err);
	CHECK(survey && survey->model_count == 1);
	ncm_survey_free(survey);
	survey = ncm_survey_make(&config, &(struct ncm_survey_options){.stores = both, .store_count = 2}, NULL, &err);
	CHECK(survey && survey->store_count == 2 && !survey->stores[1].there && survey->stores[0].there);
	ncm_survey_free(survey);
	survey = ncm_survey_make(&config, &(struct ncm_survey_options){.stores = &none, .store_count = 1}, NULL, &err);
	CHECK(!survey && err.code == NCM_E_USAGE);
	survey = ncm_survey_make(
	    &config, &(struct ncm_survey_options){.stores = both, .store_count = 2, .path = elsewhere}, NULL, &err);
	CHECK(!survey && err.code == NCM_E_USAGE);
	survey = ncm_survey_make(
	    &config, &(struct ncm_survey_options){.stores = &ollama_id, .store_count = 1, .path = "/nowhere"}, NULL,
	    &err);
	CHECK(!survey && err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	stop();
}

static void names_that_are_no_manifests(void)
{
	start();
	ollama("a/latest", "weights");
	temp_write(folder, "ollama/manifests/.DS_Store", "x");
	temp_write(folder, "ollama/manifests/registry.ollama.ai/library/a/-tag", "x");
	look(NCM_SURVEY_CONTENT);
	CHECK_U64(survey->model_count, 1);
	CHECK_STR(model_state("a:latest"), "ok");
	CHECK_STR(state_of("ollama/manifests/.DS_Store"), "orphaned");
	CHECK_STR(state_of("ollama/manifests/registry.ollama.ai/library/a/-tag"), "orphaned");
	stop();
}

static const struct ncm_verify_file *reported(const struct ncm_verify_report *report, const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	for (size_t i = 0; i < report->count; i++) {
		if (strcmp(report->files[i].file->abs, path) == 0)
			return &report->files[i];
	}
	return NULL;
}

static void a_report_that_a_repair_can_use(void)
{
	NCM_AUTO_FREE char *weights = blob("weights"), *other = blob("other"), *settings = blob(config_text);
	struct ncm_verify_report *report;
	size_t hopeless = 0;

	start();
	ollama("a/latest", "weights");
	ollama("b/latest", "other");
	ollama("c/latest", "third");
	temp_write(folder, weights, "WEIGHTS");
	drop(other);
	temp_write(folder, "ollama/manifests/registry.ollama.ai/library/d/latest", "{");
	look(NCM_SURVEY_CONTENT);
	report = ncm_survey_report(survey, NULL, &hopeless);
	ncm_survey_free(survey);
	survey = NULL;
	/* Of the broken manifest nothing tells what it was. */
	CHECK_U64(hopeless, 1);
	CHECK_U64(report->models, 4);
	CHECK_U64(report->models_ok, 1);
	CHECK(reported(report, weights)->verdict == NCM_VERDICT_DAMAGED);
	CHECK(reported(report, other)->verdict == NCM_VERDICT_MISSING);
	CHECK(reported(report, settings)->verdict == NCM_VERDICT_OK);
	CHECK(strstr(weights, ncm_sha256_hex(&reported(report, weights)->file->sha256, (char[65]){0})));
	CHECK_U64(reported(report, other)->file->size, strlen("other"));
	CHECK_STR(reported(report, other)->model->source, "ollama:b:latest");
	CHECK(!reported(report, "ollama/manifests/registry.ollama.ai/library/d/latest"));
	ncm_verify_free(report);
	stop();
}

/* In a process of its own: an interrupt cannot be taken back. */
static void an_interrupt_ends_it(void)
{
	pid_t pid;
	int status = 1;

	start();
	ollama("a/latest", "weights");
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct ncm_error err = NCM_ERROR_INIT;

		ncm_interrupt();
		_exit(ncm_survey_make(&config, &(struct ncm_survey_options){.depth = NCM_SURVEY_CONTENT}, NULL, &err) ||
		      err.code != NCM_E_INTERRUPTED);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	stop();
}

int main(void)
{
	RUN(a_sound_store);
	RUN(each_kind_of_damage);
	RUN(what_no_manifest_names);
	RUN(a_link_and_a_hard_link_are_read_once);
	RUN(models_json_tells_what_nothing_else_does);
	RUN(which_stores_and_where);
	RUN(names_that_are_no_manifests);
	RUN(a_report_that_a_repair_can_use);
	RUN(an_interrupt_ends_it);
	return 0;
}

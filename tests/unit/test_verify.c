/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/strings.h"
#include "verify_case.h"

#include <sys/wait.h>

static const struct ncm_verify_file *file_of(const struct ncm_verify_report *report, const char *model,
					     const char *name)
{
	for (size_t i = 0; i < report->count; i++) {
		if (strcmp(report->files[i].model->id, model) == 0 &&
		    strcmp(ncm_path_base(report->files[i].file->abs), name) == 0)
			return &report->files[i];
	}
	fprintf(stderr, "the report has no file %s of %s\n", name, model);
	exit(1);
}

static void expect_one(bool quick, enum ncm_verdict verdict, const char *detail)
{
	struct ncm_verify_report *report = verify(quick);

	CHECK_U64(report->count, 1);
	CHECK_STR(ncm_verdict_name(report->files[0].verdict), ncm_verdict_name(verdict));
	CHECK(!detail == !report->files[0].detail);
	CHECK(!detail || strstr(report->files[0].detail, detail));
	CHECK_U64(report->models_ok, verdict == NCM_VERDICT_OK);
	ncm_verify_free(report);
}

static char *recorded(const char *key)
{
	NCM_AUTO_JSON json_t *value = ncm_json_read(registry_path, NCM_E_REGISTRY, NULL);

	return ncm_strdup_null(ncm_json_string(json_array_get(json_object_get(value, "models"), 0), key));
}

static void expect_recorded(const char *result)
{
	NCM_AUTO_FREE char *found = recorded("verify_result");

	CHECK_STR(found, result);
}

static void nothing_installed(void)
{
	struct ncm_verify_report *report;

	start();
	report = verify(false);
	CHECK(report->models == 0 && report->count == 0 && report->extra.count == 0 && report->bytes == 0);
	ncm_verify_free(report);
	stop();
}

static void each_verdict(void)
{
	NCM_AUTO_FREE char *path = NULL;

	start();
	path = ncm_path_join(folder, "ai/models/a.gguf");
	add("ai/models/a.gguf", "the right bytes", "llama-cpp", "weights");
	put("a");
	expect_one(false, NCM_VERDICT_OK, NULL);
	expect_one(true, NCM_VERDICT_OK, NULL);
	/* Same size, other bytes: a quick look sees that it was written to, a real one that it is damaged. */
	temp_write(folder, "ai/models/a.gguf", "the wrong bytes");
	expect_one(true, NCM_VERDICT_CHANGED, "written to after");
	expect_recorded("ok");
	expect_one(false, NCM_VERDICT_DAMAGED, "has sha256 ");
	expect_recorded("damaged");
	temp_write(folder, "ai/models/a.gguf", "short");
	expect_one(false, NCM_VERDICT_SIZE, "has 5 bytes, models.json says 15");
	expect_one(true, NCM_VERDICT_SIZE, "has 5 bytes");
	expect_recorded("damaged");
	CHECK(unlink(path) == 0);
	expect_one(true, NCM_VERDICT_MISSING, "is not there");
	expect_recorded("damaged");
	expect_one(false, NCM_VERDICT_MISSING, "is not there");
	expect_recorded("missing");
	/* What stands in its place is never followed, opened for long, or taken for it. */
	CHECK(symlink("/etc/hostname", path) == 0);
	expect_one(false, NCM_VERDICT_UNREADABLE, "is not a regular file");
	CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0);
	expect_one(false, NCM_VERDICT_UNREADABLE, "is not a regular file");
	CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
	expect_one(false, NCM_VERDICT_UNREADABLE, "is not a regular file");
	CHECK(rmdir(path) == 0);
	temp_write(folder, "ai/models/a.gguf", "the right bytes");
	expect_one(false, NCM_VERDICT_OK, NULL);
	expect_recorded("ok");
	/* Its new mtime was recorded with the proof. */
	expect_one(true, NCM_VERDICT_OK, NULL);
	stop();
}

static void a_shared_file_is_read_once_and_damages_both(void)
{
	struct ncm_verify_report *report;
	NCM_AUTO_FREE char *a = NULL, *link_path = NULL;

	start();
	a = ncm_path_join(folder, "ai/models/shared.gguf");
	link_path = ncm_path_join(folder, "comfy/models/vae/linked.gguf");
	add("ai/models/shared.gguf", "12345", "llama-cpp", "weights");
	add("comfy/models/vae/linked.gguf", "12345", "comfyui", "weights");
	CHECK(unlink(link_path) == 0 && link(a, link_path) == 0);
	put("one");
	add("ai/models/shared.gguf", "12345", "llama-cpp", "weights");
	CHECK(unlink(link_path) == 0 && link(a, link_path) == 0);
	put("two");
	report = verify(false);
	CHECK_U64(report->count, 3);
	CHECK_U64(report->bytes, 5);
	CHECK_U64(report->models_ok, 2);
	ncm_verify_free(report);
	temp_write(folder, "ai/models/shared.gguf", "54321");
	report = verify(false);
	CHECK(file_of(report, "one", "shared.gguf")->verdict == NCM_VERDICT_DAMAGED);
	CHECK(file_of(report, "two", "shared.gguf")->verdict == NCM_VERDICT_DAMAGED);
	CHECK(file_of(report, "one", "linked.gguf")->verdict == NCM_VERDICT_OK);
	CHECK_U64(report->models_ok, 0);
	CHECK_U64(report->models, 2);
	ncm_verify_free(report);
	stop();
}

static void an_older_entry_proves_nothing(void)
{
	start();
	temp_write(folder, "ai/models/old.gguf", "bytes");
	temp_write(folder, "ai/models/models.json",
		   "{\"models\":[{\"name\":\"old\",\"file_path\":\"models/old.gguf\",\"size_mb\":0}]}");
	expect_one(false, NCM_VERDICT_OK, "has no digest of it");
	{
		NCM_AUTO_FREE char *result = recorded("verify_result");

		CHECK(!result);
	}
	temp_write(folder, "ai/models/models.json",
		   "{\"models\":[{\"name\":\"old\",\"file_path\":\"models/gone.gguf\",\"size_mb\":0}]}");
	expect_one(false, NCM_VERDICT_MISSING, "is not there");
	expect_recorded("missing");
	stop();
}

static char *blob_name(const char *text)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(text, strlen(text), &digest);
	return ncm_asprintf("ollama/blobs/sha256-%s", ncm_sha256_hex(&digest, hex));
}

static char *manifest_of(const char *config_text, const char *weights)
{
	NCM_AUTO_FREE char *config_name = blob_name(config_text), *weights_name = blob_name(weights);

	return ncm_asprintf(
	    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
	    "\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\","
	    "\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[{\"mediaType\":"
	    "\"application/vnd.ollama.image.model\",\"digest\":\"sha256:%s\",\"size\":%zu}]}",
	    strrchr(config_name, '-') + 1, strlen(config_text), strrchr(weights_name, '-') + 1, strlen(weights));
}

static void an_ollama_manifest_names_what_must_be_there(void)
{
	static const char manifest_name[] = "ollama/manifests/registry.ollama.ai/library/m/latest";
	NCM_AUTO_FREE char *manifest = manifest_of("{}", "weights"), *other = manifest_of("{}", "WEIGHTS");
	NCM_AUTO_FREE char *weights = blob_name("weights");
	NCM_AUTO_FREE char *config_blob = blob_name("{}"), *stray = blob_name("stray"), *path = NULL;
	struct ncm_verify_report *report;

	start();
	path = ncm_path_join(folder, config_blob);
	add(weights, "weights", "ollama", "model");
	add(manifest_name, manifest, "ollama", "manifest");
	put("m");
	/* models.json does not name the configuration; the manifest does, and it is not there. */
	report = verify(true);
	CHECK_U64(report->count, 3);
	CHECK(file_of(report, "m", ncm_path_base(config_blob))->verdict == NCM_VERDICT_MISSING);
	CHECK_U64(report->models_ok, 0);
	ncm_verify_free(report);
	temp_write(folder, config_blob, "[]");
	report = verify(false);
	CHECK(file_of(report, "m", ncm_path_base(config_blob))->verdict == NCM_VERDICT_DAMAGED);
	ncm_verify_free(report);
	/* Right at last; blobs that no manifest names, and Ollama's own unfinished ones, apart. */
	temp_write(folder, config_blob, "{}");
	temp_write(folder, stray, "stray");
	{
		NCM_AUTO_FREE char *partial = ncm_asprintf("%s-partial-0", weights);

		temp_write(folder, partial, "x");
	}
	report = verify(false);
	CHECK_U64(report->models_ok, 1);
	CHECK_U64(report->extra.count, 1);
	CHECK_STR(ncm_path_base(report->extra.items[0]), ncm_path_base(stray));
	ncm_verify_free(report);
	/* A manifest that cannot be read may name it. */
	temp_write(folder, "ollama/manifests/registry.ollama.ai/library/other/latest", "{");
	report = verify(false);
	CHECK_U64(report->extra.count, 0);
	ncm_verify_free(report);
	/* A damaged manifest is told as such, and what it names now is not asked for. */
	temp_write(folder, manifest_name, "{}");
	report = verify(false);
	CHECK_U64(report->count, 2);
	CHECK(file_of(report, "m", "latest")->verdict == NCM_VERDICT_SIZE);
	ncm_verify_free(report);
	temp_write(folder, manifest_name, other);
	report = verify(false);
	CHECK_U64(report->count, 2);
	CHECK(file_of(report, "m", "latest")->verdict == NCM_VERDICT_DAMAGED);
	ncm_verify_free(report);
	stop();
}

static bool is_extra(const struct ncm_verify_report *report, const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	return ncm_strings_contain(&report->extra, path);
}

static void files_that_nobody_registered(void)
{
	struct ncm_verify_report *report;

	start();
	add("comfy/nodes/ext/init.txt", "1", "comfyui", "code");
	add("comfy/nodes/ext/sub/more.txt", "2", "comfyui", "code");
	add("comfy/models/vae/flat.safetensors", "3", "comfyui", "vae");
	put("ext");
	add("ai/models/split/1.gguf", "4", "llama-cpp", "weights");
	add("ai/models/split/2.gguf", "5", "llama-cpp", "weights");
	put("split");
	add("comfy/nodes/both/a", "6", "comfyui", "code");
	put("left");
	add("comfy/nodes/both/b", "7", "comfyui", "code");
	put("right");
	temp_write(folder, "comfy/nodes/ext/stray.txt", "x");
	temp_write(folder, "comfy/nodes/ext/deep/er/stray.txt", "x");
	temp_write(folder, "comfy/nodes/ext/__pycache__/a.pyc", "x");
	temp_write(folder, "comfy/nodes/own/mine.txt", "x");
	temp_write(folder, "comfy/nodes/both/c", "x");
	temp_write(folder, "comfy/models/vae/mine.safetensors", "x");
	temp_write(folder, "ai/models/split/3.gguf", "x");
	temp_write(folder, "ai/models/mine.gguf", "x");
	report = verify(true);
	CHECK(is_extra(report, "comfy/nodes/ext/stray.txt"));
	CHECK(is_extra(report, "comfy/nodes/ext/deep/er/stray.txt"));
	CHECK(is_extra(report, "ai/models/split/3.gguf"));
	CHECK_U64(report->extra.count, 3);
	CHECK_U64(report->models_ok, 4);
	ncm_verify_free(report);
	stop();
}

static void progress_is_told(void)
{
	struct heard heard = {0};
	const struct ncm_sink sink = {hear, &heard};
	struct ncm_verify_report *report;

	start();
	add("ai/models/a.gguf", "12345", "llama-cpp", "weights");
	add("ai/models/b.gguf", "1234567", "llama-cpp", "weights");
	put("a");
	report = ncm_verify(&config, &(struct ncm_selector){.phases = 0}, false, &sink, NULL);
	CHECK(report);
	CHECK_U64(heard.named, 2);
	CHECK_U64(heard.done, 12);
	CHECK_U64(heard.total, 12);
	CHECK_U64(report->bytes, 12);
	ncm_verify_free(report);
	stop();
}

/* In a process of its own: an interrupt cannot be taken back. */
static void an_interrupt_ends_it(void)
{
	pid_t pid;
	int status = 1;

	start();
	add("ai/models/a.gguf", "12345", "llama-cpp", "weights");
	put("a");
	CHECK(ncm_registry_mark(registry_path, &(const char *){"a"}, &(const char *){"missing"}, 1, NULL) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct ncm_error err = NCM_ERROR_INIT;

		ncm_interrupt();
		_exit(ncm_verify(&config, &(struct ncm_selector){.phases = 0}, false, NULL, &err) ||
		      err.code != NCM_E_INTERRUPTED);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	expect_recorded("missing");
	stop();
}

static void a_broken_registry_is_no_damage(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const char *unknown = "b";

	start();
	temp_write(folder, "ai/models/models.json", "{");
	CHECK(!ncm_verify(&config, &(struct ncm_selector){.phases = 0}, false, NULL, &err));
	CHECK(err.code == NCM_E_REGISTRY);
	ncm_error_clear(&err);
	temp_write(folder, "ai/models/models.json", "{\"models\":[]}");
	CHECK(!ncm_verify(&config, &(struct ncm_selector){.names = {.items = (char **)&unknown, .count = 1}}, false,
			  NULL, &err));
	CHECK(err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	stop();
}

int main(void)
{
	RUN(nothing_installed);
	RUN(each_verdict);
	RUN(a_shared_file_is_read_once_and_damages_both);
	RUN(an_older_entry_proves_nothing);
	RUN(an_ollama_manifest_names_what_must_be_there);
	RUN(files_that_nobody_registered);
	RUN(progress_is_told);
	RUN(an_interrupt_ends_it);
	RUN(a_broken_registry_is_no_damage);
	return 0;
}

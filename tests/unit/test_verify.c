/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/strings.h"
#include "check.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "registry/write.h"
#include "temp.h"

#include <ncmodel/verify.h>

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *folder;
static char *registry_path;
static char *layout_path;
static struct ncm_config config;

static const char *const layout =
    "{\"schema_version\":1,\"layout\":\"test\",\"title\":\"t\",\"registry\":\"ai/models/models.json\",\"stores\":{"
    "\"llama-cpp\":{\"kind\":\"folders\",\"path\":\"ai/models\",\"folders\":{}},"
    "\"comfyui\":{\"kind\":\"folders\",\"path\":\"comfy\",\"folders\":{\"vae\":\"models/vae\",\"nodes\":\"nodes\"}},"
    "\"ollama\":{\"kind\":\"ollama\",\"path\":\"ollama\"}}}";

static void start(void)
{
	folder = temp_folder();
	temp_write(folder, "layout.json", layout);
	layout_path = ncm_path_join(folder, "layout.json");
	registry_path = ncm_path_join(folder, "ai/models/models.json");
	config = (struct ncm_config){
	    .root = folder, .layout = layout_path, .profile = (char *)"noa", .data_dir = getenv("NCMODEL_DATADIR")};
}

static void stop(void)
{
	temp_remove(folder);
	free(layout_path);
	free(registry_path);
}

/* Files of one model under way to models.json. */
static struct ncm_reg_file files[8];
static size_t file_count;

static void add(const char *name, const char *text, const char *store, const char *role)
{
	struct ncm_reg_file *file = &files[file_count++];
	struct stat status;

	temp_write(folder, name, text);
	*file = (struct ncm_reg_file){
	    .abs = ncm_path_join(folder, name), .store = (char *)store, .role = (char *)role, .size = strlen(text)};
	ncm_sha256_of(text, strlen(text), &file->sha256);
	CHECK(stat(file->abs, &status) == 0);
	file->mtime_ns = ncm_mtime_ns(&status);
}

static void put(const char *id)
{
	const struct ncm_reg_model model = {.id = (char *)id,
					    .display_name = (char *)id,
					    .kind = (char *)"llm",
					    .files = files,
					    .file_count = file_count};

	CHECK(ncm_registry_put(registry_path, &model, NULL) == 0);
	for (size_t i = 0; i < file_count; i++)
		free(files[i].abs);
	file_count = 0;
}

static struct ncm_verify_report *verify(bool quick)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_verify_report *report = ncm_verify(&config, &(struct ncm_selector){.phases = 0}, quick, NULL, &err);

	if (!report)
		fprintf(stderr, "%s\n", err.message);
	CHECK(report);
	return report;
}

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

struct heard {
	size_t events, named;
	uint64_t done, total;
};

static void hear(void *context, const struct ncm_event *event)
{
	struct heard *heard = context;

	CHECK(event->type == NCM_EVENT_VERIFIED && event->done >= heard->done);
	heard->events++;
	heard->named += event->file != NULL;
	heard->done = event->done;
	heard->total = event->total;
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
	CHECK(!ncm_verify(&config, &(struct ncm_selector){.names = {(char **)&unknown, 1}}, false, NULL, &err));
	CHECK(err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	stop();
}

enum { SPAN = NCM_CHECKPOINT_SPAN };

/* The content of every large file here: its first bytes. No two spans are alike. */
static uint8_t *large;
static const size_t large_size = 4 * (size_t)SPAN;

static void fill_large(void)
{
	large = ncm_malloc(large_size);
	for (size_t i = 0; i < large_size; i++)
		large[i] = (uint8_t)((i * UINT64_C(0x9E3779B97F4A7C15)) >> 56);
}

/* Not synced: nothing here outlives the machine. */
static void write_large(const char *name, size_t size)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	NCM_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0 && ncm_pwrite_all(fd, large, size, 0) == 0);
}

static void add_large(const char *name, size_t size)
{
	struct ncm_reg_file *file = &files[file_count];

	add(name, "", "llama-cpp", "weights");
	write_large(name, size);
	file->size = size;
	ncm_sha256_of(large, size, &file->sha256);
}

static void flip(const char *name, uint64_t at)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	NCM_AUTO_CLOSE int fd = open(path, O_RDWR);
	uint8_t byte;

	CHECK(fd >= 0 && pread(fd, &byte, 1, (off_t)at) == 1);
	byte ^= 1;
	CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1);
}

static int open_store(void)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ai/models");

	return ncm_dir_open(path, false, NULL);
}

/* The store's checkpoints of the first `size` bytes of `large`. False if there are none of use. */
static bool kept(size_t size, struct ncm_checkpoints *points)
{
	NCM_AUTO_CLOSE int dirfd = open_store();
	struct ncm_sha256 digest;

	ncm_sha256_of(large, size, &digest);
	return ncm_checkpoints_read(dirfd, &digest, size, points) == 0;
}

static bool has_checkpoints(size_t size)
{
	struct ncm_checkpoints points = {0};
	const bool has = kept(size, &points);

	ncm_checkpoints_clear(&points);
	return has;
}

static void put_checkpoints(const struct ncm_checkpoints *points)
{
	NCM_AUTO_CLOSE int dirfd = open_store();

	CHECK(ncm_checkpoints_write(dirfd, points, NULL) == 0);
}

/* What a verify of one file says of its damage: "0-16777215 33554432-50331647", or "ok". Borrowed until the next. */
static const char *damage(void)
{
	static char text[256];
	struct ncm_verify_report *report = verify(false);
	const struct ncm_verify_file *file = &report->files[0];
	size_t at = 0;

	CHECK_U64(report->count, 1);
	CHECK(file->verdict == NCM_VERDICT_OK || file->verdict == NCM_VERDICT_DAMAGED);
	strcpy(text, file->verdict == NCM_VERDICT_OK ? "ok" : "damaged");
	for (size_t i = 0; i < file->damaged_count; i++) {
		const struct ncm_verify_range *range = &file->damaged[i];
		NCM_AUTO_FREE char *named = ncm_asprintf("%" PRIu64 "-%" PRIu64, range->start, range->end - 1);

		CHECK(strstr(file->detail, named));
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", named);
	}
	ncm_verify_free(report);
	return text;
}

static void a_first_verify_makes_checkpoints(void)
{
	static const size_t sizes[] = {0, 1, SPAN - 1, SPAN, SPAN + 1, 2 * SPAN, 3 * SPAN - 5, 3 * SPAN};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		start();
		add_large("ai/models/a.gguf", sizes[i]);
		put("a");
		CHECK(!has_checkpoints(sizes[i]));
		CHECK_STR(damage(), "ok");
		CHECK(has_checkpoints(sizes[i]) == (sizes[i] > SPAN));
		CHECK_STR(damage(), "ok");
		stop();
	}
}

static void damage_is_named_to_the_span(void)
{
	static const struct {
		size_t size;
		uint64_t flips[3];
		const char *where;
	} cases[] = {
	    {3 * SPAN, {0}, "0-16777215"},
	    {3 * SPAN, {SPAN}, "16777216-33554431"},
	    {3 * SPAN, {2 * SPAN - 1}, "16777216-33554431"},
	    {3 * SPAN, {3 * SPAN - 1}, "33554432-50331647"},
	    {2 * SPAN + 1, {2 * SPAN}, "33554432-33554432"},
	    {SPAN + 5, {SPAN + 4}, "16777216-16777220"},
	    {4 * SPAN, {SPAN + 9, 2 * SPAN}, "16777216-50331647"},
	    {4 * SPAN, {7, 2 * SPAN, 3 * SPAN}, "0-16777215 33554432-67108863"},
	    {4 * SPAN, {7, SPAN - 1, 3 * SPAN}, "0-16777215 50331648-67108863"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		start();
		add_large("ai/models/a.gguf", cases[i].size);
		put("a");
		CHECK_STR(damage(), "ok");
		for (size_t k = 0; k < 3 && (k == 0 || cases[i].flips[k]); k++)
			flip("ai/models/a.gguf", cases[i].flips[k]);
		CHECK_STR(damage(), cases[i].where);
		/* The checkpoints of the right bytes are still there: it stays so, until the bytes are right again. */
		CHECK_STR(damage(), cases[i].where);
		for (size_t k = 0; k < 3 && (k == 0 || cases[i].flips[k]); k++)
			flip("ai/models/a.gguf", cases[i].flips[k]);
		CHECK_STR(damage(), "ok");
		stop();
	}
}

static void without_checkpoints_damage_has_no_place(void)
{
	start();
	add_large("ai/models/a.gguf", 2 * SPAN);
	put("a");
	flip("ai/models/a.gguf", 3);
	CHECK_STR(damage(), "damaged");
	/* Those of wrong bytes are worth nothing. */
	CHECK(!has_checkpoints(2 * SPAN));
	flip("ai/models/a.gguf", 3);
	CHECK_STR(damage(), "ok");
	CHECK(has_checkpoints(2 * SPAN));
	stop();
}

static void what_holds_is_not_read_again(void)
{
	struct ncm_verify_report *report;

	start();
	add_large("ai/models/a.gguf", 4 * SPAN);
	put("a");
	for (int round = 0; round < 2; round++) {
		report = verify(false);
		CHECK_U64(report->bytes, 4 * SPAN);
		ncm_verify_free(report);
	}
	/* To be sure that it is damaged, it is hashed on from the span that does not hold. */
	flip("ai/models/a.gguf", 2 * SPAN + 1);
	report = verify(false);
	CHECK_U64(report->bytes, 4 * SPAN + 2 * SPAN);
	CHECK(report->files[0].verdict == NCM_VERDICT_DAMAGED);
	{
		struct ncm_sha256 digest;

		large[2 * SPAN + 1] ^= 1;
		ncm_sha256_of(large, 4 * SPAN, &digest);
		large[2 * SPAN + 1] ^= 1;
		CHECK(ncm_sha256_equal(&digest, &report->files[0].sha256_found));
	}
	ncm_verify_free(report);
	stop();
}

/* Whatever the checkpoints say of a right file, it is right; and they are made anew. */
static void bad_checkpoints_do_no_harm(void)
{
	struct ncm_checkpoints right = {0}, again = {0}, bad;
	NCM_AUTO_FREE char *path = NULL;
	char hex[NCM_SHA256_HEX + 1];

	start();
	add_large("ai/models/a.gguf", 3 * SPAN);
	put("a");
	CHECK_STR(damage(), "ok");
	CHECK(kept(3 * SPAN, &right));
	/* A flipped state with a sum that fits, and all states another file's. */
	for (size_t i = 0; i < right.count; i++) {
		bad = right;
		bad.states = ncm_calloc(right.count, sizeof *bad.states);
		memcpy(bad.states, right.states, right.count * sizeof *bad.states);
		bad.states[i].bytes[5] ^= 1;
		put_checkpoints(&bad);
		CHECK_STR(damage(), "ok");
		CHECK(kept(3 * SPAN, &again));
		CHECK(memcmp(again.states, right.states, right.count * sizeof *right.states) == 0);
		ncm_checkpoints_clear(&again);
		memset(bad.states, 0x55, right.count * sizeof *bad.states);
		put_checkpoints(&bad);
		CHECK_STR(damage(), "ok");
		CHECK(kept(3 * SPAN, &again));
		CHECK(memcmp(again.states, right.states, right.count * sizeof *right.states) == 0);
		ncm_checkpoints_clear(&again);
		ncm_checkpoints_clear(&bad);
	}
	/* Cut off; and bytes of the right length that are no checkpoints. */
	{
		NCM_AUTO_FREE char *name =
		    ncm_asprintf("ai/models/.ncmodel/checkpoints/%s", ncm_sha256_hex(&right.sha256, hex));

		path = ncm_path_join(folder, name);
	}
	CHECK(truncate(path, 100) == 0);
	CHECK_STR(damage(), "ok");
	CHECK(has_checkpoints(3 * SPAN));
	CHECK(truncate(path, 0) == 0 && truncate(path, 72 + 2 * 32 + 32) == 0);
	CHECK_STR(damage(), "ok");
	CHECK(has_checkpoints(3 * SPAN));
	ncm_checkpoints_clear(&right);
	stop();
}

/* The attack that checkpoints must not make possible: other bytes, with states that lead through them. */
static void forged_checkpoints_pass_nothing(void)
{
	struct ncm_checkpoints right = {0}, forged;
	struct ncm_tally *tally = ncm_tally_new();
	struct ncm_sha256 digest;

	start();
	add_large("ai/models/a.gguf", 3 * SPAN);
	put("a");
	CHECK_STR(damage(), "ok");
	CHECK(kept(3 * SPAN, &right));
	flip("ai/models/a.gguf", SPAN + 1);
	large[SPAN + 1] ^= 1;
	ncm_tally_update(tally, large, 3 * SPAN);
	ncm_tally_end(tally, &digest, &forged);
	large[SPAN + 1] ^= 1;
	forged.sha256 = right.sha256;
	put_checkpoints(&forged);
	/* Only the last step breaks, so that is what is named. It is damaged all the same. */
	CHECK_STR(damage(), "33554432-50331647");
	forged.states[0] = right.states[0];
	forged.states[1] = right.states[1];
	put_checkpoints(&forged);
	CHECK_STR(damage(), "16777216-33554431");
	/* The same states below a right file. */
	flip("ai/models/a.gguf", SPAN + 1);
	forged.states[1].bytes[0] ^= 1;
	put_checkpoints(&forged);
	CHECK_STR(damage(), "ok");
	ncm_checkpoints_clear(&forged);
	ncm_checkpoints_clear(&right);
	stop();
}

static void checkpoints_stay_in_their_store(void)
{
	NCM_AUTO_FREE char *checkpoints = NULL, *elsewhere = NULL, *other = NULL;

	/* A file outside every store is hashed as a whole, each time. */
	start();
	other = ncm_path_join(folder, "other/.ncmodel");
	temp_write(folder, "other/x", "");
	add_large("other/a.gguf", 2 * SPAN);
	put("a");
	CHECK_STR(damage(), "ok");
	CHECK_STR(damage(), "ok");
	CHECK(access(other, F_OK) < 0 && errno == ENOENT);
	stop();
	/* A store that cannot keep them is verified all the same. */
	start();
	add_large("ai/models/a.gguf", 2 * SPAN);
	put("a");
	checkpoints = ncm_path_join(folder, "ai/models/.ncmodel/checkpoints");
	elsewhere = ncm_path_join(folder, "elsewhere");
	temp_write(folder, "elsewhere/x", "");
	CHECK(symlink(elsewhere, checkpoints) == 0);
	CHECK_STR(damage(), "ok");
	CHECK(!has_checkpoints(2 * SPAN));
	flip("ai/models/a.gguf", 0);
	CHECK_STR(damage(), "damaged");
	stop();
}

static void add_numbered(size_t number)
{
	NCM_AUTO_FREE char *name = ncm_asprintf("ai/models/%zu.gguf", number);

	add_large(name, number % 4 * SPAN + number);
}

/* Several files by many threads, some with checkpoints and some without; and two names of one file. */
static void many_files_at_once(void)
{
	struct ncm_verify_report *report;
	NCM_AUTO_FREE char *first = NULL, *second = NULL;

	start();
	for (size_t i = 1; i < 6; i += 2)
		add_numbered(i);
	put("some");
	report = verify(false);
	CHECK_U64(report->models_ok, 1);
	ncm_verify_free(report);
	for (size_t i = 0; i < 6; i++)
		add_numbered(i);
	first = ncm_path_join(folder, "ai/models/3.gguf");
	second = ncm_path_join(folder, "ai/models/twin.gguf");
	CHECK(link(first, second) == 0);
	files[file_count] = files[3];
	files[file_count++].abs = ncm_strdup(second);
	put("some");
	report = verify(false);
	CHECK_U64(report->count, 7);
	CHECK_U64(report->models_ok, 1);
	ncm_verify_free(report);
	flip("ai/models/3.gguf", 2 * SPAN);
	flip("ai/models/2.gguf", 2 * SPAN);
	report = verify(false);
	for (size_t i = 0; i < report->count; i++) {
		const char *name = ncm_path_base(report->files[i].file->abs);
		const bool bad = strchr("23t", name[0]);

		CHECK((report->files[i].verdict == NCM_VERDICT_DAMAGED) == bad);
		CHECK_U64(report->files[i].damaged_count, bad);
		CHECK(!bad || report->files[i].damaged[0].start == 2 * SPAN);
	}
	ncm_verify_free(report);
	stop();
}

static void hear_large(void *context, const struct ncm_event *event)
{
	CHECK(event->done <= event->total);
	hear(context, event);
}

static void progress_counts_what_is_read_again(void)
{
	struct ncm_verify_report *report;

	start();
	add_large("ai/models/a.gguf", 3 * SPAN);
	put("a");
	for (int round = 0; round < 3; round++) {
		struct heard heard = {0};
		const struct ncm_sink sink = {hear_large, &heard};

		if (round == 2)
			flip("ai/models/a.gguf", 5);
		report = ncm_verify(&config, &(struct ncm_selector){.phases = 0}, false, &sink, NULL);
		CHECK(report);
		CHECK_U64(heard.named, 1);
		CHECK_U64(heard.done, round == 2 ? 6 * SPAN : 3 * SPAN);
		CHECK_U64(heard.total, heard.done);
		ncm_verify_free(report);
	}
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
	fill_large();
	RUN(a_first_verify_makes_checkpoints);
	RUN(damage_is_named_to_the_span);
	RUN(without_checkpoints_damage_has_no_place);
	RUN(what_holds_is_not_read_again);
	RUN(bad_checkpoints_do_no_harm);
	RUN(forged_checkpoints_pass_nothing);
	RUN(checkpoints_stay_in_their_store);
	RUN(many_files_at_once);
	RUN(progress_counts_what_is_read_again);
	free(large);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* What nothing uses, and what only seems so; and where the space went. */
#include "upkeep_case.h"

#include "digest/checkpoint.h"
#include "digest/tally.h"
#include "store/staging.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define STAGING "ai/models/.ncmodel/staging/"

static const struct ncm_gc_options at_once = {.min_age = 0};
static const struct ncm_gc_options after_a_day = {.min_age = 86400};

/* A gc that has nothing to do. */
static void expect_nothing(const struct ncm_gc_options *options)
{
	struct ncm_removal *removal = plan_gc(options);

	CHECK(removal->going == 0 && removal->freed == 0);
	carry_out(removal);
	ncm_removal_free(removal);
}

static void leftovers_of_killed_runs_go_at_once(void)
{
	static const char *const garbage[] = {
	    STAGING "commit-0123456789abcdef",
	    STAGING HEX_A ".part.dir/lib/x.py",
	    STAGING HEX_A ".part.dir.old/y",
	    STAGING HEX_A ".part.journal.new",
	    STAGING HEX_A ".part.journal",
	    STAGING ".placing-00.0123456789abcdef.tmp",
	    "comfy/models/vae/sub/.ncmodel-0123456789abcdef.tmp",
	};
	static const char *const others[] = {STAGING "unknown", "ai/models/free.gguf",
					     "comfy/.ncmodel-0123456789abcdef.tmp"};
	const size_t count = sizeof garbage / sizeof *garbage;
	struct ncm_removal *removal;
	uint64_t size = 0;

	begin();
	for (size_t i = 0; i < count; i++) {
		temp_write(folder, garbage[i], "garbage");
		size += blocks(garbage[i]);
	}
	for (size_t i = 0; i < 3; i++)
		temp_write(folder, others[i], "not ours to judge");
	removal = plan_gc(&after_a_day);
	CHECK(removal->going == count && removal->freed == size && removal->foreign == 0);
	carry_out(removal);
	CHECK(removal->removed == count && removal->freed == size);
	ncm_removal_free(removal);
	for (size_t i = 0; i < count; i++)
		CHECK(!is_there(garbage[i]));
	for (size_t i = 0; i < 3; i++)
		CHECK(is_there(others[i]));
	CHECK(is_there("comfy/models/vae") && !is_there("comfy/models/vae/sub") &&
	      is_there("ai/models/.ncmodel/staging"));
	expect_nothing(&at_once);
	stop();
}

/* Writers of these hold no store's lock. */
static void temporaries_of_atomic_writes_go_after_a_while(void)
{
	static const char *const names[] = {
	    "ai/models/.models.json.0123456789abcdef.tmp",
	    "ai/models/.ncmodel.lock.0123456789abcdef.tmp",
	    "ai/models/.ncmodel/.removing-00.0123456789abcdef.tmp",
	    "comfy/.ncmodel/checkpoints/." HEX_A ".0123456789abcdef.tmp",
	};

	begin();
	for (size_t i = 0; i < 4; i++)
		temp_write(folder, names[i], "x");
	expect_nothing(&after_a_day);
	ncm_removal_free(gc(&at_once));
	for (size_t i = 0; i < 4; i++)
		CHECK(!is_there(names[i]));
	stop();
}

static void use_manifest(const char *digest)
{
	NCM_AUTO_FREE char *text = ncm_asprintf(
	    "{\"schema_version\":1,\"profile\":\"p\",\"phase\":1,\"priority\":\"high\",\"models\":[{\"id\":\"m\","
	    "\"name\":\"m\",\"kind\":\"llm\",\"use_cases\":[\"General\"],\"files\":[{\"from\":[\"https://h.example/"
	    "m.gguf\"],\"to\":[{\"store\":\"llama-cpp\"}],\"sha256\":\"%s\"}]}]}",
	    digest);
	static char *manifest;

	free(manifest);
	temp_write(folder, "m.json", text);
	manifest = ncm_path_join(folder, "m.json");
	config.manifest_files = &manifest;
	config.manifest_file_count = 1;
}

static void a_partial_download_stays_while_somebody_may_want_it(void)
{
	const struct ncm_gc_options keep = {.keep_partial = true}, all = {.all_partial = true};
	struct ncm_removal *removal;

	begin();
	use_manifest(HEX_A);
	temp_write(folder, STAGING HEX_A ".part", "bytes of a");
	temp_write(folder, STAGING HEX_A ".part.journal", "journal");
	temp_write(folder, STAGING HEX_B ".part", "bytes of b");
	temp_write(folder, STAGING HEX_B ".part.journal", "journal");
	expect_nothing(&after_a_day);
	expect_nothing(&keep);
	removal = gc(&at_once);
	CHECK(strstr(listed(removal, STAGING HEX_A ".part")->why, "wants it"));
	CHECK(is_there(STAGING HEX_A ".part") && is_there(STAGING HEX_A ".part.journal"));
	CHECK(!is_there(STAGING HEX_B ".part") && !is_there(STAGING HEX_B ".part.journal"));
	ncm_removal_free(removal);
	/* The journal tells of a run that worked on it just now. */
	make_young(STAGING HEX_A ".part.journal");
	expect_nothing(&all);
	temp_write(folder, STAGING HEX_A ".part.journal", "journal");
	ncm_removal_free(gc(&all));
	CHECK(!is_there(STAGING HEX_A ".part") && !is_there(STAGING HEX_A ".part.journal"));
	stop();
}

static void what_the_lock_pins_is_wanted(void)
{
	struct ncm_removal *removal;

	begin();
	use_manifest(HEX_B);
	temp_write(folder, "ai/models/ncmodel.lock",
		   "{\"schema_version\":1,\"entries\":{\"https://h.example/x\":{\"pinned\":\"https://h.example/x\","
		   "\"trust\":\"first-use\",\"resolved_at\":\"2026-01-01T00:00:00Z\",\"files\":[{\"path\":\"x\","
		   "\"size\":3,\"sha256\":\"" HEX_A "\"}]}}}");
	temp_write(folder, STAGING HEX_A ".part", "abc");
	temp_write(folder, STAGING "url-00000000000000000000000000000000.part", "abc");
	removal = plan_gc(&at_once);
	CHECK(removal->going == 1 && removal->warnings.count == 0);
	CHECK(strstr(listed(removal, STAGING HEX_A ".part")->why, "wants it"));
	ncm_removal_free(removal);
	/* What cannot be read may want anything. */
	temp_write(folder, "ai/models/ncmodel.lock", "{");
	removal = plan_gc(&at_once);
	CHECK(removal->going == 0 && removal->kept == 2 && removal->warnings.count == 1);
	ncm_removal_free(removal);
	stop();
}

static void an_intent_stays_while_it_is_of_use(void)
{
	NCM_AUTO_FREE char *placed = ncm_store_intent_name("models/vae/placed.bin");
	NCM_AUTO_FREE char *unpacked = ncm_store_intent_name("nodes/thing");
	NCM_AUTO_FREE char *gone = ncm_store_intent_name("models/vae/gone.bin");
	NCM_AUTO_FREE char *known = ncm_store_intent_name("models/vae/known.bin");
	const char *const names[] = {placed, unpacked, gone, known};
	struct ncm_removal *removal;

	begin();
	for (size_t i = 0; i < 4; i++) {
		NCM_AUTO_FREE char *path = ncm_path_join("comfy/.ncmodel/staging", names[i]);

		temp_write(folder, path, "folder");
	}
	temp_write(folder, "comfy/models/vae/placed.bin", "x");
	temp_write(folder, "comfy/nodes/thing/lib/y.py", "y");
	add("comfy/models/vae/known.bin", "z", "comfyui", "weights");
	put("known");
	removal = gc(&at_once);
	CHECK(removal->removed == 2);
	ncm_removal_free(removal);
	for (size_t i = 0; i < 4; i++) {
		NCM_AUTO_FREE char *path = ncm_path_join("comfy/.ncmodel/staging", names[i]);

		CHECK(is_there(path) == (i < 2));
	}
	stop();
}

/* A sum that does not fit is not an age that has passed. */
static void what_is_to_wait_for_ever_waits(void)
{
	static const struct ncm_gc_options never = {.min_age = UINT64_MAX};
	NCM_AUTO_FREE char *orphan = blob_name("an orphan");
	struct ncm_removal *removal;

	begin();
	temp_write(folder, orphan, "an orphan");
	free(ollama_model("m/latest", "one", "two"));
	temp_write(folder, STAGING HEX_A ".part", "bytes of a");
	removal = plan_gc(&never);
	CHECK(removal->going == 0 && removal->waiting.count == 2);
	ncm_removal_free(removal);
	stop();
}

static void blobs_that_no_manifest_names_go(void)
{
	NCM_AUTO_FREE char *manifest = NULL;
	NCM_AUTO_FREE char *young = blob_name("just put there");
	NCM_AUTO_FREE char *old = blob_name("orphan");
	NCM_AUTO_FREE char *registered = blob_name("registered");
	struct ncm_removal *removal;

	begin();
	manifest = ollama_model("m/latest", "weights", "template");
	temp_write(folder, young, "just put there");
	temp_write(folder, old, "orphan");
	temp_write(folder, "ollama/blobs/sha256-" HEX_A "-partial", "half");
	temp_write(folder, "ollama/blobs/sha256-" HEX_A "-partial-0", "{}");
	temp_write(folder, "ollama/blobs/something else", "not ours to judge");
	add(registered, "registered", "ollama", "model");
	put("registered");
	expect_nothing(&after_a_day);
	make_young(young);
	removal = gc(&at_once);
	CHECK(removal->removed == 3 && removal->foreign == 3);
	CHECK(listed(removal, old)->kind == NCM_REMOVAL_BLOB && listed(removal, old)->foreign);
	CHECK(listed(removal, "ollama/blobs/sha256-" HEX_A "-partial")->kind == NCM_REMOVAL_INCOMPLETE);
	ncm_removal_free(removal);
	CHECK(has_blob("weights") && has_blob("template") && has_blob("just put there") && has_blob("registered"));
	CHECK(!has_blob("orphan") && is_there("ollama/blobs/something else"));
	stop();
}

static void no_blob_goes_when_a_manifest_cannot_be_read(void)
{
	const bool root = geteuid() == 0;
	NCM_AUTO_FREE char *manifest = NULL;
	NCM_AUTO_FREE char *orphan = blob_name("orphan");
	NCM_AUTO_FREE char *hidden = NULL;
	struct ncm_removal *removal;

	begin();
	manifest = ollama_model("m/latest", "weights", "template");
	temp_write(folder, orphan, "orphan");
	temp_write(folder, "ollama/manifests/registry.ollama.ai/library/broken/latest", "{");
	removal = plan_gc(&at_once);
	CHECK(removal->going == 0 && removal->undone.count == 1);
	CHECK(strstr(removal->undone.items[0], "library/broken/latest: "));
	ncm_removal_free(removal);

	/* A folder that cannot be read may hold one. */
	temp_write(folder, "ollama/manifests/registry.ollama.ai/library/broken/latest", manifest);
	hidden = ncm_path_join(folder, "ollama/manifests/registry.ollama.ai/library/broken");
	CHECK(chmod(folder, 0755) == 0 && chmod(hidden, 0) == 0);
	CHECK(!root || seteuid(65534) == 0);
	removal = plan_gc(&at_once);
	CHECK(!root || seteuid(0) == 0);
	CHECK(removal->going == 0 && removal->undone.count > 0 && removal->failures.count > 0);
	ncm_removal_free(removal);
	CHECK(chmod(hidden, 0755) == 0);
	stop();
}

/* Checkpoints as a file of that size has them. */
static void write_checkpoints(const char *store, const char *hex, uint64_t size)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, store);
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(path, true, NULL);
	struct ncm_checkpoints checkpoints = {.size = size, .count = (size_t)((size - 1) / NCM_CHECKPOINT_SPAN)};

	CHECK(ncm_sha256_parse(hex, &checkpoints.sha256) == 0);
	checkpoints.states = ncm_calloc(checkpoints.count, sizeof *checkpoints.states);
	CHECK(ncm_checkpoints_write(dirfd, &checkpoints, NULL) == 0);
	free(checkpoints.states);
}

static void checkpoints_go_with_their_content(void)
{
	enum { SIZE = 20 << 20 };
	NCM_AUTO_FREE char *path = NULL;
	char hex[NCM_SHA256_HEX + 1];
	struct ncm_sha256 digest;
	NCM_AUTO_FREE char *known = NULL;

	begin();
	ncm_sha256_of("registered", strlen("registered"), &digest);
	known = ncm_asprintf("ai/models/.ncmodel/checkpoints/%s", ncm_sha256_hex(&digest, hex));
	add("ai/models/r.gguf", "registered", "llama-cpp", "weights");
	put("r");
	write_checkpoints("ai/models", hex, SIZE);
	write_checkpoints("ai/models", HEX_A, SIZE);
	write_checkpoints("ai/models", HEX_B, 5 * SIZE);
	/* Nobody registered it; it has the size. */
	temp_write(folder, "ai/models/free.gguf", "");
	path = ncm_path_join(folder, "ai/models/free.gguf");
	CHECK(truncate(path, SIZE) == 0);
	ncm_removal_free(gc(&after_a_day));
	CHECK(is_there("ai/models/.ncmodel/checkpoints/" HEX_A) && is_there(known));
	CHECK(!is_there("ai/models/.ncmodel/checkpoints/" HEX_B));
	CHECK(unlink(path) == 0);
	ncm_removal_free(gc(&after_a_day));
	CHECK(!is_there("ai/models/.ncmodel/checkpoints/" HEX_A) && is_there(known));
	ncm_removal_free(rm("r"));
	CHECK(!is_there(known));
	stop();
}

static void a_cache_loses_what_no_snapshot_links(void)
{
	struct ncm_removal *removal;

	begin();
	temp_write(folder, "hub/models--o--m/blobs/" HEX_A, "linked");
	temp_write(folder, "hub/models--o--m/blobs/" HEX_B, "free");
	temp_write(folder, "hub/models--o--m/blobs/" HEX_B ".0123abcd.incomplete", "half");
	link_to("../../../../blobs/" HEX_A,
		"hub/models--o--m/snapshots/cccccccccccccccccccccccccccccccccccccccc/__pycache__/deep/x");
	temp_write(folder, "hub/models--o--m/refs/main", "cccccccccccccccccccccccccccccccccccccccc");
	temp_write(folder, "hub/version.txt", "1");
	expect_nothing(&after_a_day);
	removal = gc(&at_once);
	CHECK(removal->removed == 2 && removal->foreign == 2);
	ncm_removal_free(removal);
	CHECK(is_there("hub/models--o--m/blobs/" HEX_A) && !is_there("hub/models--o--m/blobs/" HEX_B));
	CHECK(is_there("hub/models--o--m/refs/main") && is_there("hub/version.txt"));
	stop();
}

/* As a removal that was killed leaves it: the entry is gone, the note is there. */
static void note_removal(const char *name, bool as_it_is)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	struct stat status;
	NCM_AUTO_FREE char *text = NULL;

	CHECK(lstat(path, &status) == 0);
	text = ncm_asprintf("{\"ncmodel_removal\":1,\"models\":[\"a\"],\"files\":[{\"path\":\"%s\",\"kind\":\"file\","
			    "\"store\":\"comfyui\",\"size\":%lld,\"mtime_ns\":%lld}]}",
			    path, (long long)status.st_size, (long long)mtime_ns(&status) - !as_it_is);
	temp_write(folder, "ai/models/.ncmodel/removing-0123456789abcdef", text);
}

static void a_removal_that_was_killed_is_ended(void)
{
	struct ncm_removal *removal;

	begin();
	temp_write(folder, "comfy/nodes/a/x.bin", "xxx");
	note_removal("comfy/nodes/a/x.bin", true);
	removal = gc(&after_a_day);
	CHECK(removal->removed == 2);
	ncm_removal_free(removal);
	CHECK(!is_there("comfy/nodes/a") && !is_there("ai/models/.ncmodel/removing-0123456789abcdef"));
	stop();
}

static void a_note_gives_no_right_to_delete(void)
{
	/* It is somebody's again, or something else by now. */
	for (int registered = 0; registered <= 1; registered++) {
		begin();
		add("comfy/nodes/a/x.bin", "xxx", "comfyui", "weights");
		note_removal("comfy/nodes/a/x.bin", registered == 1);
		if (registered == 1)
			put("a");
		else
			free(files[--file_count].abs);
		ncm_removal_free(gc(&at_once));
		CHECK(is_there("comfy/nodes/a/x.bin") && !is_there("ai/models/.ncmodel/removing-0123456789abcdef"));
		stop();
	}
}

static const struct ncm_usage_line *line(const struct ncm_usage_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->lines[i].name, name) == 0)
			return &table->lines[i];
	}
	return NULL;
}

static void usage_counts_each_inode_once(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_usage *usage;
	uint64_t one, orphan_size, partial, outside;
	NCM_AUTO_FREE char *orphan = blob_name("an orphan");

	begin();
	add("ai/models/a.gguf", "twelve bytes", "llama-cpp", "weights");
	hard_link("ai/models/a.gguf", "comfy/models/vae/a.gguf");
	put("a");
	add("outside/b.bin", "four", NULL, "weights");
	put("b");
	temp_write(folder, "comfy/venv/large.so", "no model at all");
	temp_write(folder, orphan, "an orphan");
	temp_write(folder, "ollama/manifests/x",
		   "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\",\"size\":1}]}");
	temp_write(folder, STAGING HEX_A ".part", "half");
	one = blocks("ai/models/a.gguf");
	orphan_size = blocks(orphan);
	partial = blocks(STAGING HEX_A ".part");
	outside = blocks("outside/b.bin");
	usage = ncm_usage_make(&config, &at_once, &err);
	CHECK(usage);
	CHECK(usage->models == 2 && usage->saved_by_links == one && usage->partial == partial);
	CHECK(line(&usage->by_store, "comfyui")->bytes == 12 && line(&usage->by_store, "comfyui")->on_disk == one);
	CHECK(line(&usage->by_store, "llama-cpp")->models == 1 && line(&usage->by_store, "comfyui")->models == 0);
	CHECK(line(&usage->by_store, "elsewhere")->on_disk == outside);
	CHECK(line(&usage->by_store, "ollama")->freeable == orphan_size);
	CHECK(!line(&usage->by_store, "hf")); /* not there */
	CHECK(line(&usage->by_phase, "No phase")->models == 2);
	CHECK(line(&usage->by_phase, "No phase")->on_disk == one + outside);
	CHECK(usage->by_use_case.count > 0 && usage->disk_count == 1);
	CHECK(usage->disks[0].stores + outside == usage->on_disk);
	CHECK(usage->freeable >= orphan_size);
	ncm_usage_free(usage);
	stop();
}

int main(void)
{
	RUN(leftovers_of_killed_runs_go_at_once);
	RUN(temporaries_of_atomic_writes_go_after_a_while);
	RUN(a_partial_download_stays_while_somebody_may_want_it);
	RUN(what_the_lock_pins_is_wanted);
	RUN(an_intent_stays_while_it_is_of_use);
	RUN(what_is_to_wait_for_ever_waits);
	RUN(blobs_that_no_manifest_names_go);
	RUN(no_blob_goes_when_a_manifest_cannot_be_read);
	RUN(checkpoints_go_with_their_content);
	RUN(a_cache_loses_what_no_snapshot_links);
	RUN(a_removal_that_was_killed_is_ended);
	RUN(a_note_gives_no_right_to_delete);
	RUN(usage_counts_each_inode_once);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Removing models: what goes, what stays, and for whom. */
#include "upkeep_case.h"

#include "base/lock.h"
#include "store/store.h"

#include <dirent.h>

static void a_model_goes_with_its_files_and_folder(void)
{
	struct ncm_removal *removal;
	uint64_t size;

	begin();
	add("comfy/nodes/thing/__init__.py", "pass\n", "comfyui", "node");
	add("comfy/nodes/thing/lib/x.bin", "content of x", "comfyui", "node");
	add("comfy/models/vae/v.safetensors", "a vae", "comfyui", "weights");
	put("thing");
	add("ai/models/other.gguf", "other", "llama-cpp", "weights");
	put("other");
	size = blocks("comfy/nodes/thing/__init__.py") + blocks("comfy/nodes/thing/lib/x.bin") +
	       blocks("comfy/models/vae/v.safetensors");
	removal = plan_rm("thing", false);
	CHECK(removal->going == 3 && removal->freed == size && removal->models.count == 1);
	CHECK(is_registered("thing") && is_there("comfy/nodes/thing/lib/x.bin")); /* a plan writes nothing */
	carry_out(removal);
	CHECK(removal->removed == 3 && removal->freed == size && removal->going == 0);
	ncm_removal_free(removal);
	CHECK(!is_registered("thing") && is_registered("other"));
	CHECK(!is_there("comfy/nodes/thing") && is_there("comfy/nodes") && is_there("comfy/models/vae"));
	CHECK(is_there("ai/models/other.gguf"));
	stop();
}

static void nothing_of_ours_is_left(void)
{
	struct dirent *entry;
	NCM_AUTO_FREE char *path = NULL;
	DIR *own;

	begin();
	add("ai/models/a.gguf", "aaa", "llama-cpp", "weights");
	put("a");
	ncm_removal_free(rm("a"));
	path = ncm_path_join(folder, "ai/models/.ncmodel");
	own = opendir(path);
	CHECK(own);
	while ((entry = readdir(own)))
		CHECK(strncmp(entry->d_name, "removing-", 9) != 0);
	closedir(own);
	stop();
}

static void names_are_checked_before_anything_goes(void)
{
	char first[] = "first", misspelt_name[] = "secnd", *names[] = {first, misspelt_name};
	const struct ncm_selector misspelt = {.names = {.items = names, .count = 2}}, open = {0};
	struct ncm_error err = NCM_ERROR_INIT;

	begin();
	add("ai/models/first.gguf", "1", "llama-cpp", "weights");
	put("first");
	add("ai/models/second.gguf", "2", "llama-cpp", "weights");
	put("second");
	CHECK(!ncm_remove_plan(&config, &(struct ncm_remove_options){.selector = &misspelt}, &err));
	CHECK(err.code == NCM_E_USAGE && strstr(err.hint, "second"));
	CHECK(!ncm_remove_plan(&config, &(struct ncm_remove_options){.selector = &open}, &err));
	CHECK(err.code == NCM_E_USAGE); /* no name is not every model */
	CHECK(is_registered("first") && is_there("ai/models/first.gguf"));
	ncm_error_clear(&err);
	stop();
}

static void a_file_that_two_models_have_stays_with_the_other(void)
{
	struct ncm_removal *removal;

	begin();
	add("ai/models/shared.gguf", "shared", "llama-cpp", "weights");
	add("ai/models/one.json", "1", "llama-cpp", "config");
	put("one");
	add("ai/models/shared.gguf", "shared", "llama-cpp", "weights");
	put("two");
	removal = rm("one");
	CHECK(!is_there("ai/models/one.json") && is_there("ai/models/shared.gguf"));
	CHECK(listed(removal, "ai/models/shared.gguf")->state == NCM_REMOVAL_KEPT);
	CHECK_STR(listed(removal, "ai/models/shared.gguf")->why, "used by two");
	CHECK_U64(listed(removal, "ai/models/shared.gguf")->freed, 0);
	ncm_removal_free(removal);
	ncm_removal_free(rm("two"));
	CHECK(!is_there("ai/models/shared.gguf"));
	stop();
}

/* The other model's path is another one, and leads to the same name of the file. */
static void a_file_that_another_reaches_through_a_link_stays(void)
{
	struct ncm_removal *removal;

	begin();
	add("ai/models/real.gguf", "content", "llama-cpp", "weights");
	put("one");
	add("comfy/models/vae/link.gguf", "content", "comfyui", "weights");
	link_to("../../../ai/models/real.gguf", "comfy/models/vae/link.gguf");
	put("two");
	removal = rm("one");
	CHECK_STR(listed(removal, "ai/models/real.gguf")->why, "used by two");
	CHECK(is_there("ai/models/real.gguf"));
	ncm_removal_free(removal);
	/* Of a model that is a link, the link goes. */
	ncm_removal_free(rm("two"));
	CHECK(!is_there("comfy/models/vae/link.gguf") && is_there("ai/models/real.gguf"));
	stop();
}

/* Neither is followed: it is the path that both have. */
static void a_link_that_two_models_have_stays_with_the_other(void)
{
	begin();
	temp_write(folder, "elsewhere", "content");
	for (int model = 0; model < 2; model++) {
		add("comfy/models/vae/link.gguf", "content", "comfyui", "weights");
		link_to("../../../elsewhere", "comfy/models/vae/link.gguf");
		put(model == 0 ? "one" : "two");
	}
	ncm_removal_free(rm("one"));
	CHECK(is_there("comfy/models/vae/link.gguf"));
	ncm_removal_free(rm("two"));
	CHECK(!is_there("comfy/models/vae/link.gguf") && is_there("elsewhere"));
	stop();
}

static void a_store_that_cannot_be_entered_stops_it_too(void)
{
	const char *id = "a";
	const bool root = geteuid() == 0;
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *path = NULL;

	begin();
	add("comfy/nodes/a/x.bin", "xxx", "comfyui", "node");
	put("a");
	path = ncm_path_join(folder, "comfy");
	CHECK(chmod(folder, 0755) == 0 && chmod(path, 0) == 0);
	CHECK(!root || seteuid(65534) == 0);
	CHECK(!try_rm(id, false, &err));
	CHECK(!root || seteuid(0) == 0);
	CHECK(err.code == NCM_E_IO && is_registered("a"));
	CHECK(chmod(path, 0755) == 0);
	ncm_error_clear(&err);
	stop();
}

static void blobs_go_with_the_last_manifest_that_names_them(void)
{
	NCM_AUTO_FREE char *manifest = NULL;
	NCM_AUTO_FREE char *shared = blob_name("shared");
	struct ncm_removal *removal;

	begin();
	put_ollama_model("one", "one/latest", "weights of one", "shared");
	put_ollama_model("two", "two/latest", "weights of two", "shared");
	removal = rm("one");
	CHECK_STR(listed(removal, shared)->why, "used by two");
	ncm_removal_free(removal);
	CHECK(!has_blob("weights of one") && has_blob("shared") && has_blob("weights of two"));
	CHECK(!is_there("ollama/manifests/registry.ollama.ai/library/one") &&
	      is_there("ollama/manifests/registry.ollama.ai/library/two/latest"));
	/* A model that nobody registered counts as much. */
	manifest = ollama_model("free/1b", "weights of free", "shared");
	removal = rm("two");
	CHECK_STR(listed(removal, shared)->why, "named by registry.ollama.ai/library/free/1b");
	ncm_removal_free(removal);
	CHECK(has_blob("shared") && has_blob("weights of free") && !has_blob("weights of two"));
	stop();
}

static void folders_of_ollama_stay(void)
{
	begin();
	put_ollama_model("one", "one/latest", "weights", "template");
	ncm_removal_free(rm("one"));
	CHECK(!has_blob("weights") && !has_blob("template"));
	CHECK(!is_there("ollama/manifests/registry.ollama.ai") && is_there("ollama/manifests") &&
	      is_there("ollama/blobs"));
	stop();
}

/* models.json may know the manifest alone. */
static void blobs_that_only_the_manifest_names_go_too(void)
{
	NCM_AUTO_FREE char *manifest = NULL;

	begin();
	manifest = ollama_model("one/latest", "weights", "template");
	add("ollama/manifests/registry.ollama.ai/library/one/latest", manifest, "ollama", "manifest");
	put("one");
	ncm_removal_free(rm("one"));
	CHECK(!has_blob("weights") && !has_blob("template"));
	stop();
}

static void a_manifest_that_cannot_be_read_keeps_every_blob(void)
{
	struct ncm_removal *removal;
	NCM_AUTO_FREE char *name = blob_name("weights");

	begin();
	put_ollama_model("one", "one/latest", "weights", "template");
	temp_write(folder, "ollama/manifests/registry.ollama.ai/library/broken/latest", "{");
	removal = rm("one");
	CHECK(!is_registered("one") && !is_there("ollama/manifests/registry.ollama.ai/library/one"));
	CHECK(has_blob("weights") && has_blob("template"));
	CHECK(strstr(listed(removal, name)->why, "cannot be read"));
	ncm_removal_free(removal);
	stop();
}

static void a_changed_file_stays_unless_forced(void)
{
	struct ncm_removal *removal;

	for (int force = 0; force <= 1; force++) {
		begin();
		add("ai/models/a.gguf", "aaa", "llama-cpp", "weights");
		put("a");
		temp_write(folder, "ai/models/a.gguf", "somebody's own");
		removal = plan_rm("a", force == 1);
		carry_out(removal);
		CHECK(is_there("ai/models/a.gguf") == (force == 0) && !is_registered("a"));
		CHECK(force == 1 || strstr(listed(removal, "ai/models/a.gguf")->why, "changed"));
		ncm_removal_free(removal);
		stop();
	}
}

static void bytes_come_back_with_the_last_name(void)
{
	struct ncm_removal *removal;
	uint64_t size;

	begin();
	add("ai/models/a.gguf", "some content", "llama-cpp", "weights");
	hard_link("ai/models/a.gguf", "ai/models/mine.gguf");
	put("a");
	removal = rm("a");
	CHECK(removal->removed == 1 && removal->freed == 0);
	CHECK(strstr(listed(removal, "ai/models/a.gguf")->why, "another name"));
	ncm_removal_free(removal);
	CHECK(is_there("ai/models/mine.gguf"));
	stop();

	begin();
	add("ai/models/a.gguf", "some content", "llama-cpp", "weights");
	hard_link("ai/models/a.gguf", "ai/models/b.gguf");
	add("ai/models/c.gguf", "of its own", "llama-cpp", "weights");
	files[file_count] = files[0];
	files[file_count++].abs = ncm_path_join(folder, "ai/models/b.gguf");
	put("a");
	size = blocks("ai/models/a.gguf") + blocks("ai/models/c.gguf");
	removal = plan_rm("a", false);
	CHECK(removal->going == 3 && removal->freed == size);
	carry_out(removal);
	CHECK(removal->removed == 3 && removal->freed == size);
	ncm_removal_free(removal);
	stop();
}

static void a_file_outside_every_store_stays(void)
{
	struct ncm_removal *removal;

	begin();
	add("elsewhere/own/a.gguf", "aaa", NULL, "weights");
	add("elsewhere/link.gguf", "bbb", NULL, "config");
	temp_write(folder, "elsewhere/target", "bbb");
	link_to("target", "elsewhere/link.gguf");
	put("a");
	removal = rm("a");
	CHECK(!is_registered("a") && removal->removed == 0 && removal->kept == 2);
	CHECK(is_there("elsewhere/own/a.gguf") && is_there("elsewhere/link.gguf") && is_there("elsewhere/target"));
	CHECK(strstr(listed(removal, "elsewhere/own/a.gguf")->why, "outside every store"));
	CHECK(!listed(removal, "elsewhere/own/a.gguf")->store);
	ncm_removal_free(removal);
	stop();
}

static void a_link_on_the_way_is_not_followed(void)
{
	NCM_AUTO_FREE char *nodes = NULL;
	NCM_AUTO_FREE char *away = NULL;

	begin();
	add("comfy/nodes/thing/x.bin", "content", "comfyui", "node");
	put("thing");
	nodes = ncm_path_join(folder, "comfy/nodes/thing");
	away = ncm_path_join(folder, "comfy/away");
	CHECK(rename(nodes, away) == 0 && symlink(away, nodes) == 0);
	ncm_removal_free(rm("thing"));
	CHECK(is_there("comfy/away/x.bin") && !is_registered("thing"));
	stop();
}

static void read_only_files_go(void)
{
	NCM_AUTO_FREE char *path = NULL;

	begin();
	add("ai/models/a.gguf", "aaa", "llama-cpp", "weights");
	put("a");
	path = ncm_path_join(folder, "ai/models/a.gguf");
	CHECK(chmod(path, 0444) == 0);
	ncm_removal_free(rm("a"));
	CHECK(!is_there("ai/models/a.gguf"));
	stop();
}

static void a_folder_that_cannot_be_written_stops_it_before_it_begins(void)
{
	const char *id = "a";
	const bool root = geteuid() == 0;
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *path = NULL;

	begin();
	add("comfy/nodes/a/x.bin", "xxx", "comfyui", "node");
	put("a");
	path = ncm_path_join(folder, "comfy/nodes/a");
	CHECK(chmod(folder, 0755) == 0 && chmod(path, 0555) == 0);
	CHECK(!root || seteuid(65534) == 0);
	CHECK(!try_rm(id, false, &err));
	CHECK(!root || seteuid(0) == 0);
	CHECK(err.code == NCM_E_IO && strstr(err.message, "x.bin"));
	CHECK(is_registered("a") && is_there("comfy/nodes/a/x.bin"));
	CHECK(chmod(path, 0755) == 0);
	ncm_error_clear(&err);
	stop();
}

static void what_happens_between_question_and_deed_counts(void)
{
	struct ncm_removal *removal, *first;

	begin();
	add("ai/models/a.gguf", "aaa", "llama-cpp", "weights");
	put("a");
	removal = plan_rm("a", false);
	add("ai/models/a.gguf", "aaa", "llama-cpp", "weights");
	put("b");
	carry_out(removal);
	CHECK(removal->removed == 0 && removal->freed == 0 && is_there("ai/models/a.gguf"));
	ncm_removal_free(removal);

	/* Two at once: the second finds nothing to do. */
	first = plan_rm("b", false);
	removal = plan_rm("b", false);
	carry_out(first);
	carry_out(removal);
	CHECK(first->removed == 1 && removal->removed == 0 && removal->models.count == 0);
	ncm_removal_free(first);
	ncm_removal_free(removal);
	stop();
}

static void a_store_in_use_is_waited_for(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_removal *removal;
	struct ncm_layout *opened;
	int held;

	begin();
	add("ai/models/a.gguf", "aaa", "llama-cpp", "weights");
	put("a");
	opened = ncm_layout_load(&config, NULL);
	held = ncm_store_lock(ncm_layout_find(opened, "llama-cpp"), false, NULL, NULL);
	CHECK(held >= 0);
	removal = plan_rm("a", false);
	CHECK(ncm_removal_run(removal, true, NULL, &err) < 0 && err.code == NCM_E_BUSY);
	CHECK(is_registered("a") && is_there("ai/models/a.gguf"));
	ncm_lock_release(held);
	carry_out(removal);
	CHECK(!is_registered("a") && !is_there("ai/models/a.gguf"));
	ncm_removal_free(removal);
	ncm_layout_free(opened);
	ncm_error_clear(&err);
	stop();
}

static void a_file_that_is_not_there_is_no_hindrance(void)
{
	NCM_AUTO_FREE char *path = NULL;
	struct ncm_removal *removal;

	begin();
	add("ai/models/a.gguf", "aaa", "llama-cpp", "weights");
	put("a");
	path = ncm_path_join(folder, "ai/models/a.gguf");
	CHECK(unlink(path) == 0);
	removal = rm("a");
	CHECK(removal->count == 0 && removal->freed == 0 && !is_registered("a"));
	ncm_removal_free(removal);
	stop();
}

int main(void)
{
	RUN(a_model_goes_with_its_files_and_folder);
	RUN(nothing_of_ours_is_left);
	RUN(names_are_checked_before_anything_goes);
	RUN(a_file_that_two_models_have_stays_with_the_other);
	RUN(a_file_that_another_reaches_through_a_link_stays);
	RUN(a_link_that_two_models_have_stays_with_the_other);
	RUN(a_store_that_cannot_be_entered_stops_it_too);
	RUN(blobs_go_with_the_last_manifest_that_names_them);
	RUN(folders_of_ollama_stay);
	RUN(blobs_that_only_the_manifest_names_go_too);
	RUN(a_manifest_that_cannot_be_read_keeps_every_blob);
	RUN(a_changed_file_stays_unless_forced);
	RUN(bytes_come_back_with_the_last_name);
	RUN(a_file_outside_every_store_stays);
	RUN(a_link_on_the_way_is_not_followed);
	RUN(read_only_files_go);
	RUN(a_folder_that_cannot_be_written_stops_it_before_it_begins);
	RUN(what_happens_between_question_and_deed_counts);
	RUN(a_store_in_use_is_waited_for);
	RUN(a_file_that_is_not_there_is_no_hindrance);
	return 0;
}

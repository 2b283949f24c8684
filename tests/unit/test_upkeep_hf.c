/* SPDX-License-Identifier: MIT */
/* Removing models from a Hugging Face cache, so that huggingface_hub still finds it right. */
#include "upkeep_case.h"

#define COMMIT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define COMMIT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define BLOB(c) "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" c

/* A snapshot with one file of its own and one that both share. */
static void snapshot(const char *commit, const char *own_blob, const char *ref)
{
	NCM_AUTO_FREE char *own = ncm_asprintf("hub/models--org--m/snapshots/%s/w.gguf", commit);
	NCM_AUTO_FREE char *below = ncm_asprintf("hub/models--org--m/snapshots/%s/sub/config.json", commit);
	NCM_AUTO_FREE char *blob = ncm_asprintf("hub/models--org--m/blobs/%s", own_blob);
	NCM_AUTO_FREE char *to_own = ncm_asprintf("../../blobs/%s", own_blob);
	NCM_AUTO_FREE char *ref_path = ncm_asprintf("hub/models--org--m/refs/%s", ref);
	NCM_AUTO_FREE char *absent = ncm_asprintf("hub/models--org--m/.no_exist/%s/tokenizer.json", commit);

	temp_write(folder, blob, own_blob);
	temp_write(folder, "hub/models--org--m/blobs/" BLOB("0"), "shared");
	temp_write(folder, ref_path, commit);
	temp_write(folder, absent, "");
	add(own, own_blob, "hf", "weights");
	link_to(to_own, own);
	link_to("../../../blobs/" BLOB("0"), below);
}

static void a_snapshot_goes_with_its_refs_and_blobs(void)
{
	struct ncm_removal *removal;

	begin();
	snapshot(COMMIT_A, BLOB("a"), "main");
	put("a");
	snapshot(COMMIT_B, BLOB("b"), "pr/1");
	put("b");
	removal = rm("a");
	CHECK_STR(listed(removal, "hub/models--org--m/blobs/" BLOB("0"))->why,
		  "named by models--org--m/snapshots/" COMMIT_B "/sub/config.json");
	ncm_removal_free(removal);
	CHECK(!is_there("hub/models--org--m/snapshots/" COMMIT_A) && !is_there("hub/models--org--m/refs/main"));
	CHECK(!is_there("hub/models--org--m/blobs/" BLOB("a")) && !is_there("hub/models--org--m/.no_exist/" COMMIT_A));
	CHECK(is_there("hub/models--org--m/snapshots/" COMMIT_B "/sub/config.json"));
	CHECK(is_there("hub/models--org--m/refs/pr/1") && is_there("hub/models--org--m/.no_exist/" COMMIT_B));
	CHECK(is_there("hub/models--org--m/blobs/" BLOB("b")) && is_there("hub/models--org--m/blobs/" BLOB("0")));
	ncm_removal_free(rm("b"));
	CHECK(!is_there("hub/models--org--m") && is_there("hub"));
	stop();
}

/* Two models of one commit: the first takes its own file only. */
static void a_snapshot_that_another_model_needs_stays(void)
{
	begin();
	snapshot(COMMIT_A, BLOB("a"), "main");
	put("a");
	temp_write(folder, "hub/models--org--m/blobs/" BLOB("b"), "other");
	add("hub/models--org--m/snapshots/" COMMIT_A "/other.gguf", "other", "hf", "weights");
	link_to("../../blobs/" BLOB("b"), "hub/models--org--m/snapshots/" COMMIT_A "/other.gguf");
	put("b");
	ncm_removal_free(rm("a"));
	CHECK(!is_there("hub/models--org--m/snapshots/" COMMIT_A "/w.gguf"));
	CHECK(!is_there("hub/models--org--m/blobs/" BLOB("a")));
	CHECK(is_there("hub/models--org--m/snapshots/" COMMIT_A "/other.gguf"));
	CHECK(is_there("hub/models--org--m/snapshots/" COMMIT_A "/sub/config.json"));
	CHECK(is_there("hub/models--org--m/refs/main") && is_there("hub/models--org--m/blobs/" BLOB("b")));
	stop();
}

static void put_commit(const char *id, const char *commit)
{
	const struct ncm_reg_model model = {.id = (char *)id,
					    .display_name = (char *)id,
					    .kind = (char *)"llm",
					    .revision = (char *)commit,
					    .files = files,
					    .file_count = file_count};

	CHECK(ncm_registry_put_all(registry_path, &model, 1, NULL) == 0);
	for (size_t i = 0; i < file_count; i++)
		free(files[i].abs);
	file_count = 0;
}

/* As adopt registers them. */
static void a_model_of_blobs_goes_with_its_snapshot(void)
{
	begin();
	snapshot(COMMIT_A, BLOB("a"), "main");
	snapshot(COMMIT_B, BLOB("b"), "pr/1");
	for (size_t i = 0; i < file_count; i++)
		free(files[i].abs);
	file_count = 0;
	add("hub/models--org--m/blobs/" BLOB("a"), BLOB("a"), "hf", "weights");
	add("hub/models--org--m/blobs/" BLOB("0"), "shared", "hf", "config");
	put_commit("a", COMMIT_A);
	ncm_removal_free(rm("a"));
	CHECK(!is_there("hub/models--org--m/snapshots/" COMMIT_A) && !is_there("hub/models--org--m/refs/main"));
	CHECK(!is_there("hub/models--org--m/blobs/" BLOB("a")) && is_there("hub/models--org--m/blobs/" BLOB("0")));
	CHECK(is_there("hub/models--org--m/snapshots/" COMMIT_B "/w.gguf") && is_there("hub/models--org--m/refs/pr/1"));
	stop();
}

/* A repository whose blob is a link to the one copy that huggingface_hub keeps for all of them. */
#define XET "hub/blobs/cc/" BLOB("f")

static void share(const char *repository)
{
	NCM_AUTO_FREE char *link = ncm_asprintf("hub/%s/snapshots/%s/w.gguf", repository, COMMIT_A);
	NCM_AUTO_FREE char *blob = ncm_asprintf("hub/%s/blobs/" BLOB("1"), repository);

	temp_write(folder, "hub/blobs/.huggingface-shared-blobs", "");
	temp_write(folder, XET, "content");
	add(link, "content", "hf", "weights");
	link_to("../../blobs/" BLOB("1"), link);
	link_to("../../blobs/cc/" BLOB("f"), blob);
	put(repository);
}

static void a_blob_of_all_repositories_goes_with_the_last(void)
{
	const char *const ids[] = {"models--o--two"};

	begin();
	share("models--o--one");
	share("models--o--two");
	/* Nobody registered it, and it counts. */
	CHECK(ncm_registry_remove(registry_path, ids, 1, NULL) == 0);
	ncm_removal_free(rm("models--o--one"));
	CHECK(!is_there("hub/models--o--one") && is_there(XET) && is_there("hub/models--o--two/blobs/" BLOB("1")));
	share("models--o--two");
	ncm_removal_free(rm("models--o--two"));
	CHECK(!is_there("hub/models--o--two") && !is_there(XET) && is_there("hub/blobs/.huggingface-shared-blobs"));
	stop();
}

static void gc_takes_shared_blobs_that_no_repository_links(void)
{
	const struct ncm_gc_options at_once = {.min_age = 0};

	begin();
	share("models--o--one");
	temp_write(folder, "hub/blobs/cc/" BLOB("e"), "nobody's");
	link_to("../../blobs/cc/" BLOB("f"), "hub/models--o--two/blobs/" BLOB("2"));
	ncm_removal_free(gc(&at_once));
	CHECK(is_there(XET) && is_there("hub/models--o--one/blobs/" BLOB("1")));
	CHECK(!is_there("hub/blobs/cc/" BLOB("e")) && !is_there("hub/models--o--two/blobs/" BLOB("2")));
	stop();
}

int main(void)
{
	RUN(a_snapshot_goes_with_its_refs_and_blobs);
	RUN(a_snapshot_that_another_model_needs_stays);
	RUN(a_model_of_blobs_goes_with_its_snapshot);
	RUN(a_blob_of_all_repositories_goes_with_the_last);
	RUN(gc_takes_shared_blobs_that_no_repository_links);
	return 0;
}

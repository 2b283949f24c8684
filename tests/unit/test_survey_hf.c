/* SPDX-License-Identifier: MIT */
/* The cache of huggingface_hub. */
#include "survey_case.h"

#define REPO "hub/models--org--tiny"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define SNAPSHOT REPO "/snapshots/" COMMIT

/* Git's name of a text. The caller frees it. */
static char *git_hex(const char *text)
{
	struct ncm_hash *hash = ncm_hash_git_blob(strlen(text));
	struct ncm_sha1 digest;
	char hex[41];

	ncm_hash_update(hash, text, strlen(text));
	ncm_hash_sha1(hash, &digest);
	return ncm_strdup(ncm_sha1_hex(&digest, hex));
}

/* A blob, and a link to it in the snapshot. */
static void put(const char *etag, const char *name, const char *text)
{
	NCM_AUTO_FREE char *target = ncm_asprintf("../../blobs/%s", etag);
	NCM_AUTO_FREE char *link = ncm_path_join(SNAPSHOT, name);

	write_to(text, ncm_asprintf(REPO "/blobs/%s", etag));
	link_to(target, link);
}

static char *large, *small;

static void start_cache(void)
{
	start();
	large = sha256_hex("weights");
	small = git_hex("{\"a\":1}\n");
	CHECK_STR(small, "0187f3b09d66cef7911083ad49f890f5a6589589");
	temp_write(folder, REPO "/refs/main", COMMIT);
	put(large, "model.safetensors", "weights");
	put(small, "config.json", "{\"a\":1}\n");
}

static void stop_cache(void)
{
	free(large);
	free(small);
	stop();
}

static void a_sound_cache(void)
{
	start_cache();
	temp_write(folder, "hub/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
	temp_write(folder, "hub/datasets--org--data/refs/main", "none of ours");
	temp_write(folder, REPO "/.no_exist/" COMMIT "/none.json", "");
	look(NCM_SURVEY_CONTENT);
	CHECK_U64(survey->model_count, 1);
	CHECK_STR(model_state("org/tiny"), "ok");
	CHECK_STR(model("org/tiny")->known_by, "hf");
	CHECK_STR(model("org/tiny")->entry.source, "hf:org/tiny@" COMMIT);
	CHECK_STR(model("org/tiny")->entry.revision, COMMIT);
	CHECK_STR(model("org/tiny")->entry.display_name, "org/tiny");
	CHECK_U64(survey->file_count, 2);
	CHECK_STR(found(SNAPSHOT "/model.safetensors")->role, "weights");
	CHECK_STR(found(SNAPSHOT "/config.json")->role, "config");
	CHECK(strstr(found(SNAPSHOT "/config.json")->real, "/blobs/"));
	CHECK(found(SNAPSHOT "/config.json")->has_sha256);
	CHECK(!found(SNAPSHOT "/config.json")->has_expected);
	CHECK_STR(found(SNAPSHOT "/config.json")->told_by, "name");
	stop_cache();
}

static void each_kind_of_damage(void)
{
	NCM_AUTO_FREE char *blob = NULL;

	start_cache();
	blob = ncm_asprintf(REPO "/blobs/%s", large);
	temp_write(folder, blob, "wEights");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(SNAPSHOT "/model.safetensors"), "damaged");
	CHECK_STR(state_of(SNAPSHOT "/config.json"), "ok");
	CHECK_STR(model_state("org/tiny"), "damaged");
	drop(blob);
	look(NCM_SURVEY_NAMES);
	CHECK_STR(state_of(SNAPSHOT "/model.safetensors"), "missing");
	CHECK(strstr(found(SNAPSHOT "/model.safetensors")->real, large));
	CHECK_STR(model_state("org/tiny"), "missing");
	temp_write(folder, blob, "weights");
	free(blob);
	blob = ncm_asprintf(REPO "/blobs/%s", small);
	temp_write(folder, blob, "{\"a\":2}\n");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(SNAPSHOT "/config.json"), "damaged");
	CHECK(strstr(found(SNAPSHOT "/config.json")->detail, "git sha1"));
	CHECK_STR(state_of(SNAPSHOT "/model.safetensors"), "ok");
	stop_cache();
}

static void a_listing_tells_sizes(void)
{
	NCM_AUTO_FREE char *blob = NULL, *tree = NULL;

	start_cache();
	blob = ncm_asprintf(REPO "/blobs/%s", large);
	tree = ncm_asprintf("{\"format_version\":1,\"files\":{\"model.safetensors\":{\"size\":7,\"blob_id\":\"%s\","
			    "\"lfs_sha256\":\"%s\",\"lfs_size\":7},\"config.json\":{\"size\":8,\"blob_id\":\"%s\"}}}",
			    small, large, small);
	temp_write(folder, REPO "/trees/" COMMIT ".json", tree);
	temp_write(folder, blob, "weig");
	look(NCM_SURVEY_NAMES);
	CHECK_STR(state_of(SNAPSHOT "/model.safetensors"), "truncated");
	/* Where there are no links the files lie in the snapshot, and only the listing tells their digests. */
	drop(SNAPSHOT "/model.safetensors");
	drop(SNAPSHOT "/config.json");
	temp_write(folder, SNAPSHOT "/model.safetensors", "weights");
	temp_write(folder, SNAPSHOT "/config.json", "{\"a\":1}\n");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(model_state("org/tiny"), "ok");
	CHECK_STR(found(SNAPSHOT "/model.safetensors")->told_by, "listing");
	CHECK_STR(state_of(blob), "unreferenced");
	temp_write(folder, SNAPSHOT "/config.json", "{\"a\":3}\n");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(SNAPSHOT "/config.json"), "damaged");
	drop(REPO "/trees/" COMMIT ".json");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(SNAPSHOT "/config.json"), "unproved");
	CHECK(!found(SNAPSHOT "/config.json")->told_by);
	stop_cache();
}

static void what_is_left_over(void)
{
	start_cache();
	temp_write(folder, REPO "/blobs/aaaa", "x");
	temp_write(folder, REPO "/blobs/bbbb.12345678.incomplete", "x");
	temp_write(folder, REPO "/refs/refs/pr/1", "fedcba9876543210fedcba9876543210fedcba98");
	temp_write(folder, REPO "/refs/broken", COMMIT "\n");
	link_to("../../../../secret", SNAPSHOT "/out.bin");
	link_to("/etc/passwd", SNAPSHOT "/passwd.json");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(REPO "/blobs/aaaa"), "unreferenced");
	CHECK_STR(state_of(REPO "/blobs/bbbb.12345678.incomplete"), "partial");
	CHECK_STR(state_of(REPO "/refs/refs/pr/1"), "orphaned");
	CHECK_STR(state_of(REPO "/refs/broken"), "orphaned");
	CHECK(strstr(found(REPO "/refs/broken")->detail, "40 hex digits"));
	CHECK_STR(state_of(REPO "/refs/main"), "not in the survey");
	CHECK_STR(state_of(SNAPSHOT "/out.bin"), "unreadable");
	CHECK_STR(state_of(SNAPSHOT "/passwd.json"), "unreadable");
	CHECK(!found(SNAPSHOT "/passwd.json")->has_sha256);
	stop_cache();
}

static void two_commits_share_a_blob(void)
{
	static const char other[] = REPO "/snapshots/fedcba9876543210fedcba9876543210fedcba98";
	NCM_AUTO_FREE char *target = NULL, *link = ncm_path_join(other, "deep/model.safetensors");

	start_cache();
	target = ncm_asprintf("../../../blobs/%s", large);
	link_to(target, link);
	look(NCM_SURVEY_CONTENT);
	CHECK_U64(survey->model_count, 2);
	CHECK_STR(model_state("org/tiny"), "ok");
	CHECK_STR(model_state("org/tiny-hf"), "ok");
	CHECK_STR(state_of(link), "ok");
	CHECK_U64(survey->hashed, strlen("weights") + strlen("{\"a\":1}\n"));
	stop_cache();
}

/* The first of two names of one file wants to know less of it than the second. */
static void a_hard_link_from_another_store(void)
{
	NCM_AUTO_FREE char *from = NULL, *to = NULL;

	start_cache();
	temp_write(folder, "ai/models/none.txt", "");
	from = ncm_asprintf("%s/" REPO "/blobs/%s", folder, small);
	to = ncm_path_join(folder, "ai/models/linked.bin");
	CHECK(link(from, to) == 0);
	look(NCM_SURVEY_DIGESTS);
	CHECK_STR(state_of("ai/models/linked.bin"), "damaged"); /* a JSON text is no model */
	CHECK(found("ai/models/linked.bin")->has_sha256);
	CHECK_STR(state_of(SNAPSHOT "/config.json"), "ok");
	CHECK_U64(survey->hashed, strlen("weights") + strlen("{\"a\":1}\n"));
	stop_cache();
}

/* What lies in Xet storage may be there once for all repositories: theirs are links to it then. */
static void blobs_that_repositories_share(void)
{
	static const char *const hash = "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
	NCM_AUTO_FREE char *used = ncm_asprintf("hub/blobs/cc/%s1", hash), *foreign = ncm_asprintf("%s2", used);
	NCM_AUTO_FREE char *other = ncm_asprintf("hub/blobs/cc/%s3", hash), *loose = NULL, *blob = NULL, *target = NULL;

	start_cache();
	blob = ncm_asprintf(REPO "/blobs/%s", large);
	target = ncm_asprintf("../../blobs/cc/%s1", hash);
	drop(blob);
	link_to(target, blob);
	temp_write(folder, used, "weights");
	temp_write(folder, foreign, "no name of a blob");
	temp_write(folder, other, "of a dataset");
	target[strlen(target) - 1] = '3';
	link_to(target, "hub/datasets--org--data/blobs/etag");
	loose = ncm_asprintf("hub/blobs/cc/%s4", hash);
	temp_write(folder, loose, "of nobody");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(model_state("org/tiny"), "ok");
	CHECK(strstr(found(SNAPSHOT "/model.safetensors")->real, used));
	CHECK_STR(state_of(loose), "unreferenced");
	CHECK(!found(other) && !found(foreign));
	/* Where it is to be again is known all the same. */
	drop(used);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(SNAPSHOT "/model.safetensors"), "missing");
	CHECK(strstr(found(SNAPSHOT "/model.safetensors")->real, used));
	stop_cache();
}

int main(void)
{
	RUN(a_sound_cache);
	RUN(each_kind_of_damage);
	RUN(a_listing_tells_sizes);
	RUN(what_is_left_over);
	RUN(two_commits_share_a_blob);
	RUN(a_hard_link_from_another_store);
	RUN(blobs_that_repositories_share);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Names of Ollama models, and the two folders of manifests that a store may have. */
#include "store_case.h"

#include "digest/hash.h"
#include "store/ollama.h"

#define MODEL_TYPE "application/vnd.ollama.image.model"
#define CONFIG_TYPE "application/vnd.docker.container.image.v1+json"

static const char name[] = "registry.ollama.ai/library/test/latest";
static const char legacy[] = "manifests/registry.ollama.ai/library/test/latest";
static const char v2[] = "manifests-v2/ollama.com/library/test/latest";

static void names_have_one_spelling(void)
{
	static const struct {
		const char *path, *name;
		bool is_v2;
	} rows[] = {
	    {"manifests/registry.ollama.ai/library/a/b", "registry.ollama.ai/library/a/b", false},
	    {"manifests/Ollama.COM/library/a/b", "registry.ollama.ai/library/a/b", false},
	    {"manifests-v2/ollama.com/library/a/b", "registry.ollama.ai/library/a/b", true},
	    {"manifests-v2/localhost%3A5000/me/a/B", "localhost:5000/me/a/B", true},
	    {"manifests-v2/LocalHost%3a5000/me/a/B", "localhost:5000/me/a/B", true},
	    {"manifests/localhost%3A5000/me/a/b", NULL, false},
	    {"manifests/a/b/c", NULL, false},
	    {"manifests/a/b/c/d/e", NULL, false},
	    {"manifests-v3/a/b/c/d", NULL, false},
	    {"blobs/a/b/c/d", NULL, false},
	    {"manifests/a/b/../d", NULL, false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool is_v2;
		NCM_AUTO_FREE char *found = ollama_name_at(rows[i].path, &is_v2);

		CHECK((found != NULL) == (rows[i].name != NULL));
		if (found)
			CHECK_STR(found, rows[i].name);
		CHECK(!found || is_v2 == rows[i].is_v2);
	}
}

static void shadows_are_known(void)
{
	char shadow[200];

	snprintf(shadow, sizeof shadow, "registry.ollama.ai/library/llamacpp/%064d", 7);
	CHECK(ollama_name_is_shadow(shadow));
	shadow[strlen(shadow) - 1] = 'A';
	CHECK(!ollama_name_is_shadow(shadow));
	shadow[strlen(shadow) - 1] = '\0';
	CHECK(!ollama_name_is_shadow(shadow));
	snprintf(shadow, sizeof shadow, "registry.ollama.ai/library/llama3/%064d", 7);
	CHECK(!ollama_name_is_shadow(shadow));
	snprintf(shadow, sizeof shadow, "registry.ollama.ai/me/llamacpp/%064d", 7);
	CHECK(!ollama_name_is_shadow(shadow));
}

/* Puts a blob there. Returns its digest in hex. */
static const char *put_blob(const char *text, char hex[NCM_SHA256_HEX + 1])
{
	struct ncm_sha256 digest;
	char path[80];

	ncm_sha256_of(text, strlen(text), &digest);
	ncm_ollama_blob_path(&digest, path);
	put(ollama->dirfd, path, text);
	return ncm_sha256_hex(&digest, hex);
}

/* As Ollama writes it; `more` stands behind its layers or after them. The caller frees it. */
static char *manifest_of(const char *weights, const char *layers, const char *more)
{
	char model[NCM_SHA256_HEX + 1], settings[NCM_SHA256_HEX + 1];

	put_blob(weights, model);
	put_blob("{}", settings);
	return ncm_asprintf("{\"schemaVersion\":2,\"mediaType\":\"" OLLAMA_MANIFEST_TYPE
			    "\",\"config\":{\"mediaType\":\"" CONFIG_TYPE
			    "\",\"digest\":\"sha256:%s\",\"size\":2},\"layers\":[{\"mediaType\":\"" MODEL_TYPE
			    "\",\"digest\":\"sha256:%s\",\"size\":%zu}%s]%s}",
			    settings, model, strlen(weights), layers, more);
}

static struct ollama_known known_of(const char *text)
{
	struct ollama_known known = {0};

	ncm_sha256_of(text, strlen(text), &known.digest);
	return known;
}

static void put_v2(const char *path, const char *text)
{
	const char *base;
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *target = ncm_asprintf("../../../../blobs/sha256-%s", put_blob(text, hex));
	NCM_AUTO_CLOSE int folder = ncm_parent_beneath(ollama->dirfd, path, true, &base, NULL);

	CHECK(symlinkat(target, folder, base) == 0);
}

static void check_tag(const char *text, enum ollama_holds in_v2, enum ollama_holds in_legacy)
{
	const struct ollama_known known = known_of(text);
	struct ollama_tag tag;

	ollama_tag_look(ollama->dirfd, name, &known, &tag);
	CHECK(tag.v2 == in_v2 && tag.legacy == in_legacy);
}

static void a_tag_holds_a_manifest_in_several_forms(void)
{
	NCM_AUTO_FREE char *plain = NULL;
	NCM_AUTO_FREE char *child = NULL;
	NCM_AUTO_FREE char *other = NULL;
	NCM_AUTO_FREE char *anchor = NULL;
	NCM_AUTO_FREE char *list = NULL;
	NCM_AUTO_FREE char *extra = NULL;
	char hex[NCM_SHA256_HEX + 1];

	open_stores();
	plain = manifest_of("weights", "", "");
	other = manifest_of("others", "", "");
	check_tag(plain, OLLAMA_HOLDS_NOTHING, OLLAMA_HOLDS_NOTHING);
	put(ollama->dirfd, legacy, plain);
	check_tag(plain, OLLAMA_HOLDS_NOTHING, OLLAMA_HOLDS_IT);
	check_tag(other, OLLAMA_HOLDS_NOTHING, OLLAMA_HOLDS_ANOTHER);
	/* What newer servers look at first. */
	put_v2(v2, other);
	check_tag(plain, OLLAMA_HOLDS_ANOTHER, OLLAMA_HOLDS_IT);
	CHECK(unlinkat(ollama->dirfd, v2, 0) == 0);
	/* A list of two, one of them this one with what a list tells of it; the other is not there. */
	child = manifest_of("weights", "", ",\"runner\":\"ggml\",\"format\":\"gguf\"");
	list = ncm_asprintf("{\"schemaVersion\":2,\"mediaType\":\"" OLLAMA_LIST_TYPE
			    "\",\"manifests\":[{\"digest\":\"sha256:%064d\",\"runner\":\"mlx\"},"
			    "{\"digest\":\"sha256:%s\",\"runner\":\"ggml\"}]}",
			    0, put_blob(child, hex));
	put_v2(v2, list);
	check_tag(plain, OLLAMA_HOLDS_IT, OLLAMA_HOLDS_IT);
	check_tag(child, OLLAMA_HOLDS_IT, OLLAMA_HOLDS_IT);
	check_tag(other, OLLAMA_HOLDS_ANOTHER, OLLAMA_HOLDS_ANOTHER);
	/* An anchor of it. */
	extra = ncm_asprintf(",{\"mediaType\":\"" OLLAMA_LIST_TYPE "\",\"digest\":\"sha256:%s\",\"size\":%zu}",
			     put_blob(list, hex), strlen(list));
	anchor = manifest_of("weights", extra, "");
	put(ollama->dirfd, legacy, anchor);
	check_tag(plain, OLLAMA_HOLDS_IT, OLLAMA_HOLDS_IT);
	check_tag(list, OLLAMA_HOLDS_IT, OLLAMA_HOLDS_IT);
	/* A link to nothing, and what is no manifest. */
	CHECK(unlinkat(ollama->dirfd, v2, 0) == 0);
	CHECK(symlinkat("../../../../blobs/sha256-0000000000000000000000000000000000000000000000000000000000000000",
			ollama->dirfd, v2) == 0);
	check_tag(plain, OLLAMA_HOLDS_NOTHING, OLLAMA_HOLDS_IT);
	CHECK(unlinkat(ollama->dirfd, v2, 0) == 0);
	CHECK(symlinkat("../../../../../../../decoy/file", ollama->dirfd, v2) == 0);
	check_tag(plain, OLLAMA_HOLDS_ANOTHER, OLLAMA_HOLDS_IT);
	CHECK(unlinkat(ollama->dirfd, v2, 0) == 0);
	put(ollama->dirfd, v2, "{");
	check_tag(plain, OLLAMA_HOLDS_ANOTHER, OLLAMA_HOLDS_IT);
}

static bool is_named(const char *text, bool *complete)
{
	json_t *named = ncm_ollama_named(ollama->dirfd, complete);
	const struct ollama_known known = known_of(text);
	char hex[NCM_SHA256_HEX + 1];
	const bool found = json_object_get(named, ncm_sha256_hex(&known.digest, hex));

	json_decref(named);
	return found;
}

static void all_that_a_list_reaches_is_named(void)
{
	NCM_AUTO_FREE char *child = NULL;
	NCM_AUTO_FREE char *list = NULL;
	char hex[NCM_SHA256_HEX + 1];
	bool complete;

	open_stores();
	CHECK(!is_named("nobody's", &complete) && !complete); /* neither of the two folders */
	child = manifest_of("weights", "", ",\"runner\":\"ggml\"");
	list = ncm_asprintf("{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:%064d\"},"
			    "{\"digest\":\"sha256:%s\",\"runner\":\"ggml\"}]}",
			    0, put_blob(child, hex));
	put_v2(v2, list);
	CHECK(!is_named("nobody's", &complete) && complete);
	CHECK(is_named("weights", &complete) && is_named("{}", &complete) && is_named(child, &complete) &&
	      is_named(list, &complete) && complete);
	/* A child that is there and is damaged: who knows what it named. */
	{
		const struct ollama_known known = known_of(child);
		char path[80];

		ncm_ollama_blob_path(&known.digest, path);
		put(ollama->dirfd, path, "{}");
		CHECK(!is_named("weights", &complete) && !complete);
	}
	CHECK(unlinkat(ollama->dirfd, v2, 0) == 0);
	CHECK(!is_named("weights", &complete) && complete);
	CHECK(symlinkat("../../../../../../../decoy/file", ollama->dirfd, v2) == 0);
	CHECK(!is_named("weights", &complete) && !complete);
	CHECK(unlinkat(ollama->dirfd, v2, 0) == 0);
	CHECK(ncm_remove_beneath(ollama->dirfd, "manifests-v2") == 0);
	CHECK(symlinkat("../../../decoy", ollama->dirfd, "manifests-v2") == 0);
	CHECK(!is_named("weights", &complete) && !complete);
}

static void a_manifest_is_committed_to_both_folders(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *plain = NULL;
	NCM_AUTO_FREE char *other = NULL;
	NCM_AUTO_FREE char *anchor = NULL;
	NCM_AUTO_FREE char *extra = NULL;
	char hex[NCM_SHA256_HEX + 1];
	char target[256] = "";
	bool complete;

	open_stores();
	plain = manifest_of("weights", "", "");
	other = manifest_of("others", "", "");
	CHECK(mkdirat(ollama->dirfd, "manifests-v2", 0755) == 0);
	put_v2(v2, other);
	CHECK(ncm_ollama_commit(ollama, name, plain, strlen(plain), true, &err) == 0);
	check_tag(plain, OLLAMA_HOLDS_IT, OLLAMA_HOLDS_IT);
	CHECK(readlinkat(ollama->dirfd, v2, target, sizeof target - 1) > 0);
	put_blob(plain, hex);
	CHECK(strncmp(target, "../../../../blobs/sha256-", 25) == 0);
	CHECK_STR(target + 25, hex);
	/* The old folder keeps the blob of the manifest from being pruned. */
	extra = ncm_asprintf(",{\"mediaType\":\"" OLLAMA_MANIFEST_TYPE "\",\"digest\":\"sha256:%s\",\"size\":%zu}", hex,
			     strlen(plain));
	anchor = manifest_of("weights", extra, "");
	check_text(ollama->dirfd, legacy, anchor);
	/* What was replaced by force is nobody's, and is kept: named, that is. */
	CHECK(is_named("others", &complete) && is_named(other, &complete) && complete);
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/replaced"), 1);
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/staging"), 0);
	/* What is ours is not. */
	CHECK(ncm_ollama_commit(ollama, name, other, strlen(other), false, &err) == 0);
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/replaced"), 1);
	check_tag(other, OLLAMA_HOLDS_IT, OLLAMA_HOLDS_IT);
	/* A folder that is not what it should be is no absent one. */
	CHECK(ncm_remove_beneath(ollama->dirfd, "manifests-v2") == 0);
	CHECK(symlinkat("../../../nowhere", ollama->dirfd, "manifests-v2") == 0);
	CHECK(ncm_ollama_commit(ollama, name, plain, strlen(plain), false, &err) < 0 && err.code == NCM_E_IO);
	ncm_error_clear(&err);
	check_decoy();
}

int main(void)
{
	begin_scratch();
	RUN(names_have_one_spelling);
	RUN(shadows_are_known);
	RUN(a_tag_holds_a_manifest_in_several_forms);
	RUN(all_that_a_list_reaches_is_named);
	RUN(a_manifest_is_committed_to_both_folders);
	end_scratch();
	return 0;
}

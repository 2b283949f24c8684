/* SPDX-License-Identifier: MIT */
/* Hugging Face: listings of a repository, and which of its files are meant. */
#include "hf_case.h"

/* The next page's URL names the hub even behind a mirror, and a renamed repository by its new name. */
static void test_pages(void)
{
	struct ncm_endpoint endpoint = {.service = "huggingface", .url = (char *)"https://mirror.example/hub/"};
	const struct ncm_config mirror = fake_set_up(config, &endpoint);
	struct ncm_sources *sources;
	struct ncm_resolution *resolution;

	sources = fake_sources(&mirror);
	fake_on("https://mirror.example/hub/api/models/org/repo/tree/" COMMIT "?recursive=true", 200,
		"Link: <" API "/tree/" COMMIT "?recursive=true>; rel=\"prev\", <" HUB
		"/api/models/org/new-name/tree/" COMMIT "?recursive=true&cursor=ZXlK>; rel=\"next\"\n",
		"[" SMALL("b", "1") "," SMALL(".gitattributes", "1") "]");
	fake_on("https://mirror.example/hub/api/models/org/new-name/tree/" COMMIT "?recursive=true&cursor=ZXlK", 200,
		NULL, "[" SMALL("a", "1") "]");
	resolution = check_resolves(sources, "hf:org/repo@" COMMIT, &spec, NULL);
	CHECK_U64(resolution->count, 2);
	CHECK_STR(resolution->artifacts[0].name, "a");
	CHECK_STR(resolution->artifacts[1].name, "b");
	CHECK_STR(resolution->artifacts[0].url, "https://mirror.example/hub/org/repo/resolve/" COMMIT "/a");
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_bad_pages(void)
{
	static const char *const links[] = {
	    "Link: <https://evil.example/next>; rel=\"next\"\n",
	    "Link: <" HUB "/api/datasets/org/repo/tree/main?cursor=1>; rel=\"next\"\n",
	};
	struct ncm_sources *sources;

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		sources = fake_sources(&config);
		fake_on(API "/tree/" COMMIT "?recursive=true", 200, links[i], "[" SMALL("a", "1") "]");
		check_fails(sources, "hf:org/repo@" COMMIT, &spec, NULL, NCM_E_PROTOCOL, "nowhere", NULL);
		ncm_sources_free(sources);
	}
	/* For ever the same page: its files come twice. */
	sources = fake_sources(&config);
	fake_on(API "/tree/" COMMIT "?recursive=true", 200,
		"Link: <" API "/tree/" COMMIT "?recursive=true&cursor=2>; rel=\"next\"\n", "[" SMALL("a", "1") "]");
	fake_on(API "/tree/" COMMIT "?recursive=true&cursor=2", 200, NULL, "[" SMALL("a", "1") "]");
	check_fails(sources, "hf:org/repo@" COMMIT, &spec, NULL, NCM_E_PROTOCOL, "twice", NULL);
	fake_reset();
	fake_on(API "/tree/" COMMIT "?recursive=true", 200,
		"Link: <" API "/tree/" COMMIT "?recursive=true>; rel=\"next\"\n", "[]");
	check_fails(sources, "hf:org/repo@" COMMIT, &spec, NULL, NCM_E_PROTOCOL, "nowhere", NULL);
	ncm_sources_free(sources);
}

static void test_bad_listings(void)
{
	static const char *const bad[] = {
	    "",
	    "{}",
	    "<!doctype html>",
	    "[1]",
	    "[{\"type\":\"file\",\"size\":1,\"oid\":\"" GIT_A "\"}]",
	    "[" SMALL("a", "-1") "]",
	    "[" SMALL("a", "1.5") "]",
	    "[" SMALL("a", "\"1\"") "]",
	    "[" SMALL("a", "9223372036854775807") "]",
	    "[" SMALL("a", "9223372036854775808") "]",
	    "[{\"type\":\"file\",\"oid\":\"zz\",\"size\":1,\"path\":\"a\"}]",
	    "[" LFS("a", "1", "355f") "]",
	    "[" LFS("a", "1", "355F1f30ac3bdad09de420c5d78dd369e2a47d6f4ee3b5da342483f857965daf") "]",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ncm_sources *sources = fake_sources(&config);

		fake_on(API "/tree/" COMMIT "?recursive=true", 200, NULL, bad[i]);
		check_fails(sources, "hf:org/repo@" COMMIT, &spec, NULL, NCM_E_PROTOCOL, "org/repo", NULL);
		fake_reset();
		fake_on(API "/revision/main", 200, NULL, "{\"sha\":\"main\"}");
		check_fails(sources, "hf:org/repo", &spec, NULL, NCM_E_PROTOCOL, "no commit", NULL);
		ncm_sources_free(sources);
	}
}

static void serve_quants(void)
{
	fake_on(API "/tree/" COMMIT "?recursive=true", 200, NULL,
		"[" FOLDER("Q4") "," SMALL(".gitattributes", "1") "," SMALL("README.md", "2") "," LFS(
		    "Q4/m-Q4-00001-of-00002.gguf", "3",
		    SHA256_A) "," LFS("Q4/m-Q4-00002-of-00002.gguf", "4",
				      SHA256_B) "," LFS("m-Q8.gguf", "5", SHA256_A) "," LFS("m-Q5-00002-of-00003.gguf",
											    "5", SHA256_A) "]");
}

static size_t count_of(const char *uri, struct ncm_strings include, struct ncm_strings exclude)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_file_spec chosen = spec;
	struct ncm_resolution *resolution;
	size_t count;

	chosen.include = include;
	chosen.exclude = exclude;
	serve_quants();
	resolution = check_resolves(sources, uri, &chosen, NULL);
	count = resolution->count;
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
	return count;
}

static void test_globs(void)
{
	char *q5[] = {(char *)"*Q5*", (char *)"Q4/"};
	char *gguf[] = {(char *)"*.gguf"}, *folder[] = {(char *)"Q4/"}, *both[] = {(char *)"*Q4*", (char *)"*.md"};
	const struct ncm_strings none = {0}, only_gguf = {.items = gguf, .count = 1},
				 in_folder = {.items = folder, .count = 1}, not_q5 = {.items = q5, .count = 1},
				 not_q5_nor_q4 = {.items = q5, .count = 2}, two = {.items = both, .count = 2};

	CHECK_U64(count_of("hf:org/repo@" COMMIT, none, not_q5), 4);
	CHECK_U64(count_of("hf:org/repo@" COMMIT, only_gguf, not_q5), 3);
	CHECK_U64(count_of("hf:org/repo@" COMMIT "?exclude=*Q5*", none, none), 4);
	CHECK_U64(count_of("hf:org/repo@" COMMIT "?include=*.md&include=Q4/*00002*", none, none), 3);
	CHECK_U64(count_of("hf:org/repo@" COMMIT, none, only_gguf), 1);
	CHECK_U64(count_of("hf:org/repo@" COMMIT, only_gguf, not_q5_nor_q4), 1);
	CHECK_U64(count_of("hf:org/repo@" COMMIT, two, none), 3);
	CHECK_U64(count_of("hf:org/repo@" COMMIT, in_folder, none), 2);
	CHECK_U64(count_of("hf:org/repo/*Q8*@" COMMIT, none, none), 1);
	CHECK_U64(count_of("hf:org/repo/Q4/@" COMMIT, none, none), 2);
	CHECK_U64(count_of("hf:org/repo/Q4/*00002*@" COMMIT, none, none), 2); /* the set comes whole */
}

static void test_nothing_matches(void)
{
	struct ncm_sources *sources = fake_sources(&config);

	serve_quants();
	fake_on(API "/tree/" COMMIT "?recursive=false", 200, NULL,
		"[" FOLDER("Q4") "," LFS("m-Q8.gguf", "5", SHA256_A) "]");
	check_fails(sources, "hf:org/repo/*.onnx@" COMMIT, &spec, NULL, NCM_E_NOT_FOUND,
		    "pattern matched no file: *.onnx", HUB "/org/repo/tree/" COMMIT);
	check_fails(sources, "hf:org/repo/*-q8.gguf@" COMMIT, &spec, NULL, NCM_E_NOT_FOUND, "matched no file",
		    "m-Q8.gguf");
	check_fails(sources, "hf:org/repo/m-q8.gguf@" COMMIT, &spec, NULL, NCM_E_NOT_FOUND, "no file m-q8.gguf",
		    "m-Q8.gguf");
	check_fails(sources, "hf:org/repo/Q4@" COMMIT, &spec, NULL, NCM_E_NOT_FOUND, "Q4 is a folder",
		    "hf:org/repo/Q4/");
	check_fails(sources, "hf:org/repo/*Q5*@" COMMIT, &spec, NULL, NCM_E_NOT_FOUND,
		    "m-Q5-00001-of-00003.gguf is missing", "upload");
	/* The whole repository is no better than that. */
	check_fails(sources, "hf:org/repo@" COMMIT, &spec, NULL, NCM_E_NOT_FOUND, "m-Q5-00001-of-00003.gguf is missing",
		    "--exclude");
	check_fails(sources, "hf:org/repo@" COMMIT "?include=*.onnx", &spec, NULL, NCM_E_NOT_FOUND, "leave no file",
		    "README.md, m-Q5-00002-of-00003.gguf, m-Q8.gguf");
	ncm_sources_free(sources);
}

static void check_tag(const char *tag, const char *first, size_t count)
{
	struct ncm_sources *sources = fake_sources(&config);
	NCM_AUTO_FREE char *uri = ncm_asprintf("hf:org/repo:%s@" COMMIT, tag);
	struct ncm_resolution *resolution;

	serve_quants();
	resolution = check_resolves(sources, uri, &spec, NULL);
	CHECK_U64(resolution->count, count);
	CHECK_STR(resolution->artifacts[0].name, first);
	CHECK_STR(resolution->uri, uri);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_tags(void)
{
	struct ncm_sources *sources = fake_sources(&config);

	check_tag("Q4", "Q4/m-Q4-00001-of-00002.gguf", 2);
	check_tag("q8", "m-Q8.gguf", 1);
	serve_quants();
	check_fails(sources, "hf:org/repo:Q6_K@" COMMIT, &spec, NULL, NCM_E_NOT_FOUND, "Q6_K",
		    "there is: Q4/m-Q4-00001-of-00002.gguf, m-Q5-00002-of-00003.gguf, m-Q8.gguf");
	check_fails(sources, "hf:org/repo:Q5@" COMMIT, &spec, NULL, NCM_E_NOT_FOUND, "is missing", NULL);
	fake_reset();
	fake_on(API "/tree/" COMMIT "?recursive=true", 200, NULL,
		"[" LFS("a-Q4_K_M.gguf", "3", SHA256_A) "," LFS("b.Q4_K_M.gguf", "3", SHA256_A) "," LFS(
		    "mmproj-Q4_K_M.gguf", "3", SHA256_A) "," LFS("a-Q4_K.gguf", "3", SHA256_A) "]");
	check_fails(sources, "hf:org/repo:Q4_K_M@" COMMIT, &spec, NULL, NCM_E_USAGE, "a-Q4_K_M.gguf, b.Q4_K_M.gguf",
		    "hf:org/repo/a-Q4_K_M.gguf");
	ncm_resolution_free(check_resolves(sources, "hf:org/repo:Q4_K@" COMMIT, &spec, NULL));
	ncm_sources_free(sources);
}

/* As many sets as a listing has room for, each of as many shards as a name can say. */
static void test_sets_are_told_apart_without_their_names(void)
{
	const char *const same[] = {"a-00001-of-99999.gguf", "a-00007-of-99999.gguf"};
	const char *const others[] = {"b-00001-of-99999.gguf", "a-00001-of-99998.gguf", "a-00001-of-99999.bin"};
	NCM_AUTO_FREE char *set = hf_shard_set(same[0]);
	NCM_AUTO_FREE char *set_too = hf_shard_set(same[1]);

	CHECK(set && set_too && strcmp(set, set_too) == 0);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		NCM_AUTO_FREE char *other = hf_shard_set(others[i]);

		CHECK(other && strcmp(set, other) != 0);
	}
	CHECK(!hf_shard_set("a.gguf") && !hf_shard_set("a-00000-of-00002.gguf") &&
	      !hf_shard_set("a-00003-of-00002.gguf"));
}

static void test_shard_names(void)
{
	static const char *const none[] = {
	    "x.gguf",
	    "x-00001-of-00002.parquet",
	    "x.gguf.part0of2",
	    "x.gguf.part3of2",
	    "x.gguf.part1of2x",
	    "x.part1",
	    "x-0001-of-00002.gguf",
	    "x-00000-of-00002.gguf",
	    "x-00003-of-00002.gguf",
	    "x-00001-of-00000.gguf",
	    "x-00001-of-00002.gguf.part",
	    "x-00001_of_00002.gguf",
	    "x-0000a-of-00002.gguf",
	    "00001-of-00002.gguf",
	};
	struct ncm_strings names = {0};

	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		CHECK(!hf_shards(none[i], &names) && names.count == 0);
	CHECK(hf_shards("a/x-00002-of-00003.gguf", &names));
	CHECK_U64(names.count, 3);
	CHECK_STR(names.items[0], "a/x-00001-of-00003.gguf");
	CHECK_STR(names.items[2], "a/x-00003-of-00003.gguf");
	ncm_strings_free(&names);
	CHECK(hf_shards("a/model-00002-of-00002.fp16.safetensors", &names));
	CHECK_STR(names.items[0], "a/model-00001-of-00002.fp16.safetensors");
	ncm_strings_free(&names);
	CHECK(hf_shards("a/x.gguf.part2of2", &names) && names.count == 2);
	CHECK_STR(names.items[0], "a/x.gguf.part1of2");
	ncm_strings_free(&names);
}

static void test_gguf_shards(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_file_spec pinned = {.has_size = true, .size = 4, .role = (char *)"weights"};
	struct ncm_resolution *resolution;

	fake_on(API "/tree/" COMMIT "/Q4?recursive=false", 200, NULL,
		"[" LFS("Q4/m-Q4-00001-of-00002.gguf", "3", SHA256_A) "," LFS("Q4/m-Q4-00002-of-00002.gguf", "4",
									      SHA256_B) "]");
	resolution = check_resolves(sources, "hf:org/repo/Q4/m-Q4-00002-of-00002.gguf@" COMMIT, &spec, NULL);
	CHECK_U64(resolution->count, 2);
	CHECK_STR(resolution->artifacts[0].name, "Q4/m-Q4-00001-of-00002.gguf");
	ncm_resolution_free(resolution);
	/* A manifest that pins a shard names each itself. */
	resolution = check_resolves(sources, "hf:org/repo/Q4/m-Q4-00002-of-00002.gguf@" COMMIT, &pinned, NULL);
	CHECK_U64(resolution->count, 1);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

#define INDEX "t/model.safetensors.index.json"
#define INDEX_URL HUB "/org/repo/resolve/" COMMIT "/" INDEX

/* {"type":"file",…} of the index with the right git id for `text`, and two shards. */
static void serve_index(const char *text, const char *claimed)
{
	static char listing[1024];
	struct ncm_hash *hash = ncm_hash_git_blob(strlen(claimed));
	struct ncm_sha1 sha1;
	char hex[41];

	ncm_hash_update(hash, claimed, strlen(claimed));
	ncm_hash_sha1(hash, &sha1);
	snprintf(listing, sizeof listing,
		 "[{\"type\":\"file\",\"oid\":\"%s\",\"size\":%zu,\"path\":\"" INDEX
		 "\"}," LFS("t/model-00001-of-00002.safetensors", "7", SHA256_A) "," LFS(
		     "t/model-00002-of-00002.safetensors", "8", SHA256_B) "," SMALL("t/x", "1") "]",
		 ncm_sha1_hex(&sha1, hex), strlen(claimed));
	fake_on(API "/tree/" COMMIT "/t?recursive=true", 200, NULL, listing);
	fake_on(INDEX_URL, 200, NULL, text);
}

static void check_index(const char *text, enum ncm_errc code, const char *message)
{
	struct ncm_sources *sources = fake_sources(&config);

	serve_index(text, text);
	check_fails(sources, "hf:org/repo/" INDEX "@" COMMIT, &spec, NULL, code, message, NULL);
	ncm_sources_free(sources);
}

/* A repository of which the choice is to be had, or names what is missing. */
static void check_whole(const char *choice, const char *text, const char *missing)
{
	struct ncm_sources *sources = fake_sources(&config);
	NCM_AUTO_FREE char *uri = ncm_asprintf("hf:org/repo@" COMMIT "%s", choice);

	serve_index(text, text);
	fake_on(API "/tree/" COMMIT "?recursive=true", 200, NULL, fake_answers[0].body);
	if (missing)
		check_fails(sources, uri, &spec, NULL, NCM_E_NOT_FOUND, missing, "upload");
	else
		ncm_resolution_free(check_resolves(sources, uri, &spec, NULL));
	ncm_sources_free(sources);
}

static void test_safetensors_index(void)
{
	static const char good[] =
	    "{\"weight_map\":{\"a\":\"model-00002-of-00002.safetensors\","
	    "\"b\":\"model-00001-of-00002.safetensors\",\"c\":\"model-00001-of-00002.safetensors\"}}";
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	serve_index(good, good);
	resolution = check_resolves(sources, "hf:org/repo/" INDEX "@" COMMIT, &spec, NULL);
	CHECK_U64(resolution->count, 3);
	CHECK(artifact_named(resolution, INDEX) && artifact_named(resolution, "t/model-00002-of-00002.safetensors"));
	ncm_resolution_free(resolution);
	fake_reset();
	serve_index(good, "something else");
	check_fails(sources, "hf:org/repo/" INDEX "@" COMMIT, &spec, NULL, NCM_E_CHECKSUM, INDEX, NULL);
	ncm_sources_free(sources);
	check_index("{\"weight_map\":{\"a\":\"missing.safetensors\"}}", NCM_E_NOT_FOUND, "missing.safetensors");
	check_index("{\"weight_map\":{\"a\":\"../x\"}}", NCM_E_PROTOCOL, "../x");
	check_index("{\"weight_map\":{\"a\":\"/etc/passwd\"}}", NCM_E_PROTOCOL, "/etc/passwd");
	check_index("{\"weight_map\":{\"a\":\"\"}}", NCM_E_PROTOCOL, NULL);
	check_index("{\"weight_map\":{\"a\":1}}", NCM_E_PROTOCOL, NULL);
	check_index("{\"weight_map\":{}}", NCM_E_PROTOCOL, "weight_map");
	check_index("{}", NCM_E_PROTOCOL, "weight_map");
	check_whole("", "{\"weight_map\":{\"a\":\"model-00003-of-00003.safetensors\"}}",
		    "t/model-00003-of-00003.safetensors");
	check_whole("?include=*", "{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\",\"b\":\"missing\"}}",
		    "t/missing");
	check_whole("?include=*.json", "{\"weight_map\":{\"a\":\"missing\"}}", NULL);
	check_whole("?exclude=*.safetensors", good, NULL);
	check_whole("", good, NULL);
	check_whole("", "{}", NULL);
	check_index("x", NCM_E_PROTOCOL, INDEX);
}

int main(void)
{
	RUN(test_pages);
	RUN(test_bad_pages);
	RUN(test_bad_listings);
	RUN(test_globs);
	RUN(test_nothing_matches);
	RUN(test_tags);
	RUN(test_sets_are_told_apart_without_their_names);
	RUN(test_shard_names);
	RUN(test_gguf_shards);
	RUN(test_safetensors_index);
	fake_reset();
	return 0;
}

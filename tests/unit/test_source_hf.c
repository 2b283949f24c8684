/* SPDX-License-Identifier: MIT */
/* Hugging Face: names, single files, mirrors without the API, refusals, pins. */
#include "hf_case.h"

static void test_names_good(void)
{
	static const char *const pairs[][2] = {
	    {"hf:org/repo", "hf:org/repo"},
	    {"HF:org/repo", "hf:org/repo"},
	    {"hf:gpt2", "hf:gpt2"},
	    {"hf:gpt2@v1", "hf:gpt2@v1"},
	    {"hf:org/repo/a/b.gguf", "hf:org/repo/a/b.gguf"},
	    {"hf:org/repo/a.gguf@main", "hf:org/repo/a.gguf"},
	    {"hf:org/repo/a.gguf@" COMMIT, "hf:org/repo/a.gguf@" COMMIT},
	    {"hf:org/repo@" COMMIT, "hf:org/repo@" COMMIT},
	    {"hf:org/repo@refs/pr/1", "hf:org/repo@refs/pr/1"},
	    {"hf:org/repo/a@refs/pr/1", "hf:org/repo/a@refs/pr/1"},
	    {"hf:org/repo/a@feature%2Fx", "hf:org/repo/a@feature%2Fx"},
	    {"hf:org/repo@v1/a.gguf", "hf:org/repo/a.gguf@v1"},
	    {"hf:org/repo@refs/pr/1/a.gguf", "hf:org/repo/a.gguf@refs/pr/1"},
	    {"hf:org/repo/dir@2/a.gguf", "hf:org/repo/dir@2/a.gguf@main"},
	    {"hf:org/repo/a b#?.gguf", "hf:org/repo/a b#?.gguf"},
	    {"hf:org/repo/*.Q4_K_M.gguf", "hf:org/repo/*.Q4_K_M.gguf"},
	    {"hf:org/repo/sub/", "hf:org/repo/sub/*"},
	    {"hf://org/repo", "hf:org/repo"},
	    {"hf://models/org/repo@v1/a.gguf", "hf:org/repo/a.gguf@v1"},
	    {"https://huggingface.co/org/repo", "hf:org/repo"},
	    {"https://huggingface.co/org/repo/", "hf:org/repo"},
	    {"http://huggingface.co/org/repo", "hf:org/repo"},
	    {"huggingface.co/org/repo/resolve/main/x?download=true", "hf:org/repo/x"},
	    {"https://hf.co/org/repo/blob/main/a/b.gguf", "hf:org/repo/a/b.gguf"},
	    {"https://huggingface.co/org/repo/raw/v1/a.json#L3", "hf:org/repo/a.json@v1"},
	    {"https://HuggingFace.co/org/repo/tree/main", "hf:org/repo"},
	    {"https://huggingface.co/org/repo/tree/v1/sub/dir", "hf:org/repo/sub/dir/*@v1"},
	    {"https://huggingface.co/org/repo/blob/refs%2Fpr%2F1/x", "hf:org/repo/x@refs/pr/1"},
	    {"https://huggingface.co/org/repo/resolve/main/a%20b.gguf", "hf:org/repo/a b.gguf"},
	    {"https://huggingface.co/org/repo/resolve/main/a@2x.png", "hf:org/repo/a@2x.png@main"},
	    {"https://huggingface.co/gpt2", "hf:gpt2"},
	    {"https://huggingface.co/gpt2/", "hf:gpt2"},
	    {"https://huggingface.co/gpt2?library=transformers", "hf:gpt2"},
	    {"https://huggingface.co/gpt2/tree/main", "hf:gpt2"},
	    {"https://huggingface.co/gpt2/tree/v1", "hf:gpt2@v1"},
	    {"https://huggingface.co/gpt2/tree/main/onnx", "hf:gpt2@main/onnx/*"},
	    {"https://huggingface.co/gpt2/resolve/main/config.json", "hf:gpt2@main/config.json"},
	    {"https://huggingface.co/gpt2/blob/main/onnx/a.onnx", "hf:gpt2@main/onnx/a.onnx"},
	    {"https://huggingface.co/gpt2/blob/feature%2Fx/LICENSE", "hf:gpt2@feature%2Fx/LICENSE"},
	    {"https://huggingface.co/gpt2/resolve/refs%2Fpr%2F1/x", "hf:gpt2@refs/pr/1/x"},
	    {"hf:gpt2@main/config.json", "hf:gpt2@main/config.json"},
	    {"hf:gpt2@v1/LICENSE", "hf:gpt2@v1/LICENSE"},
	    /* branches with a slash, a space, an '@' */
	    {"hf:org/repo@feature/x", "hf:org/repo@feature%2Fx"},
	    {"hf:org/repo@release/v1.5", "hf:org/repo@release%2Fv1.5"},
	    {"hf:org/repo/a.gguf@feature/x", "hf:org/repo/a.gguf@feature%2Fx"},
	    {"hf:org/repo@feature/x.gguf", "hf:org/repo/x.gguf@feature"},
	    {"hf:org/repo@main/LICENSE", "hf:org/repo/LICENSE"},
	    {"hf:org/repo@refs/pr/2/LICENSE", "hf:org/repo/LICENSE@refs/pr/2"},
	    {"hf:org/repo@v1/sub/", "hf:org/repo/sub/*@v1"},
	    {"hf:org/repo@v1/a?.gguf", "hf:org/repo/a?.gguf@v1"},
	    {"hf:org/repo@my branch", "hf:org/repo@my%20branch"},
	    {"hf:org/repo/x@my%20branch", "hf:org/repo/x@my%20branch"},
	    {"https://huggingface.co/org/repo/tree/feature%2Fx", "hf:org/repo@feature%2Fx"},
	    {"https://huggingface.co/org/repo/tree/feature%2Fx/sub", "hf:org/repo/sub/*@feature%2Fx"},
	    {"https://huggingface.co/org/repo/blob/my%20branch/x.gguf", "hf:org/repo/x.gguf@my%20branch"},
	    {"https://huggingface.co/org/repo/tree/user%40x", "hf:org/repo@user%40x"},
	    {"https://huggingface.co/org/repo/blob/v1.json/x", "hf:org/repo/x@v1%2Ejson"},
	    /* '@' in file names */
	    {"hf:org/repo/a@2x.png", "hf:org/repo/a@2x.png@main"},
	    {"hf:org/repo/a@b/c.gguf", "hf:org/repo/a@b/c.gguf@main"},
	    {"hf:org/repo/a@2x.png@v1", "hf:org/repo/a@2x.png@v1"},
	    {"hf:org/repo/a@v1.0", "hf:org/repo/a@v1.0"},
	    /* a quantization */
	    {"hf:org/repo:Q4_K_M", "hf:org/repo:Q4_K_M"},
	    {"hf:org/repo:Q4_K_M@v1", "hf:org/repo:Q4_K_M@v1"},
	    {"hf:org/repo:UD-Q2_K_XL@refs/pr/1", "hf:org/repo:UD-Q2_K_XL@refs/pr/1"},
	    /* a part of a repository, in one order */
	    {"hf:org/repo?include=*.gguf", "hf:org/repo?include=*.gguf"},
	    {"hf:org/repo?exclude=b&include=*.gguf&include=a*&exclude=b",
	     "hf:org/repo?include=*.gguf&include=a*&exclude=b"},
	    {"hf:org/repo@v1?include=a%3F%26%40%25%23", "hf:org/repo@v1?include=a%3F%26%40%25%23"},
	    {"hf:org/repo@feature/x?exclude=*.bin", "hf:org/repo@feature%2Fx?exclude=*.bin"},
	    {"hf:gpt2?include=onnx/*", "hf:gpt2?include=onnx/*"},
	    {"https://huggingface.co/org/repo/resolve/main/x#sha256=" SHA256_A, "hf:org/repo/x#sha256=" SHA256_A},
	    {"hf:org/repo/x@v1#sha256=" SHA256_A, "hf:org/repo/x@v1#sha256=" SHA256_A},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		CHECK_STR(canonical_of(pairs[i][0], false), pairs[i][1]);
		CHECK_STR(ncm_source_scheme(pairs[i][0]), "hf");
	}
}

static void test_names_hostile(void)
{
	static const char *const bad[] = {
	    "hf:",
	    "hf:/",
	    "hf:org/",
	    "hf:/repo",
	    "hf:-opt",
	    "hf:-opt/repo",
	    "hf:org/-opt",
	    "hf:--upload-pack/x",
	    "hf:org/repo-",
	    "hf:org/.repo",
	    "hf:org/repo.",
	    "hf:org/re--po",
	    "hf:org/re..po",
	    "hf:org/repo.git",
	    "hf:org/re po",
	    "hf:org/re%2fpo",
	    "hf:../x",
	    "hf:a/../../x",
	    "hf:org/repo/../x",
	    "hf:org/repo/a/../../x",
	    "hf:org/repo/./x",
	    "hf:org/repo//x",
	    "hf:org/repo/a\\b",
	    "hf:org/repo/a\r\nX: y",
	    "hf:org/repo@",
	    "hf:org/repo/a@",
	    "hf:org/repo@-opt",
	    "hf:org/repo@a..b",
	    "hf:org/repo@a?b",
	    "hf:org/repo@a#b",
	    "hf:org/repo@a%0db",
	    "hf:org/repo@%2e%2e",
	    "hf:org/repo@refs/pr/",
	    "hf:datasets/org/repo",
	    "hf://datasets/org/repo",
	    "hf://spaces/org/repo",
	    "https://huggingface.co/org/repo/discussions/1",
	    "https://huggingface.co/org/repo/resolve/main",
	    "https://huggingface.co/org/repo/resolve/main/",
	    "https://huggingface.co/org/repo/resolve/main/%2e%2e/x",
	    "https://huggingface.co/org/repo/resolve/main/a%0d%0ab",
	    "https://huggingface.co/org/repo/resolve/main/a%00b",
	    "https://huggingface.co/org/repo/resolve/main/a%zzb",
	    "https://huggingface.co/%2e%2e/x",
	    "hf:org/repo:",
	    "hf:org/repo:-x",
	    "hf:org/repo:a/b",
	    "hf:org/repo:a b",
	    "hf:org/repo:Q4@",
	    "hf:org/repo@a~1",
	    "hf:org/repo@a:b",
	    "hf:org/repo@a ",
	    "hf:org/repo?x=1",
	    "hf:org/repo?include=",
	    "hf:org/repo?include=a&x=b",
	    "hf:org/repo?include=%zz",
	    "hf:org/repo?include=%0a",
	    "hf:org/repo/x#sha256=1",
	    "hf:org/repo/x#sha256=" SHA256_A "0",
	    "hf:org/repo/x#sha256=355F1f30ac3bdad09de420c5d78dd369e2a47d6f4ee3b5da342483f857965daf",
	};
	char longest[160];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (*canonical_of(bad[i], false))
			fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK_STR(canonical_of(bad[i], false), "");
	}
	snprintf(longest, sizeof longest, "hf:org/a%091d", 0);
	CHECK(*canonical_of(longest, false));
	snprintf(longest, sizeof longest, "hf:org/a%092d", 0);
	CHECK_STR(canonical_of(longest, false), "");
}

static void test_other_hosts(void)
{
	CHECK_STR(ncm_source_scheme("https://huggingface.co.evil.example/org/repo"), "https");
	CHECK_STR(ncm_source_scheme("https://evilhuggingface.co/org/repo"), "https");
	CHECK_STR(ncm_source_scheme("https://huggingface.co@evil.example/org/repo"), "https");
	CHECK_STR(ncm_source_scheme("https://huggingface.co:443/org/repo"), "https");
	CHECK_STR(ncm_source_scheme("https://huggingface.co/datasets/org/repo/resolve/main/x"), "https");
	CHECK_STR(ncm_source_scheme("https://huggingface.co/api/models/org/repo"), "https");
}

static void test_ids(void)
{
	check_names("hf:org/repo/sub/File-Q4_K_M.gguf@v1", "org/repo/sub/File-Q4_K_M.gguf", "File-Q4_K_M.gguf");
	check_names("hf:org/Repo-GGUF", "org/Repo-GGUF", "org/Repo-GGUF");
	check_names("hf:org/Repo/*.gguf", "org/Repo/-.gguf-3ecf4acc", "org/Repo");
	check_names("hf:org/repo?include=*.gguf", "org/repo", "org/repo");
	check_names("hf:org/repo:Q4_K_M", "org/repo:Q4_K_M-38d7a2c3", "org/repo:Q4_K_M");
	check_names("hf:gpt2@main/config.json", "gpt2/config.json-17a15bb9", "config.json");
	check_names("https://huggingface.co/org/repo/blob/main/a.safetensors", "org/repo/a.safetensors",
		    "a.safetensors");
}

static void check_key(const char *uri, const char *key, const char *stem)
{
	NCM_AUTO_FREE char *canonical = ncm_strdup(canonical_of(uri, false));
	NCM_AUTO_FREE char *found = ncm_source_key(uri);
	size_t size = 0, key_size = 0;
	const char *own = ncm_source_stem(canonical, &size);
	const char *of_key = ncm_source_stem(found, &key_size);

	CHECK_STR(found, key);
	CHECK(own && of_key && size == strlen(stem) && size == key_size);
	CHECK(memcmp(own, stem, size) == 0 && memcmp(of_key, stem, size) == 0);
}

/* What is chosen of a repository does not make it another one. */
static void test_keys(void)
{
	check_key("hf:org/repo@v1?include=a", "hf:org/repo", "hf:org/repo");
	check_key("hf:org/repo?exclude=a", "hf:org/repo", "hf:org/repo");
	check_key("hf:org/repo@feature/x", "hf:org/repo", "hf:org/repo");
	check_key("hf:org/repo:Q4@v1", "hf:org/repo:Q4", "hf:org/repo:Q4");
	check_key("hf:gpt2@v1/a/b", "hf:gpt2@main/a/b", "hf:gpt2");
	check_key("hf:gpt2?include=a/b", "hf:gpt2", "hf:gpt2");
	check_key("hf:org/repo/a?include=b@v1", "hf:org/repo/a?include=b", "hf:org/repo/a?include=b");
	check_key("hf:org/repo/a@2x.png", "hf:org/repo/a@2x.png@main", "hf:org/repo/a");
}

static void check_newest(const char *uri, const char *newest)
{
	NCM_AUTO_FREE char *found = ncm_source_newest(uri);

	CHECK_STR(found, newest);
}

static void test_choices_are_remembered(void)
{
	char *gguf[] = {(char *)"*.gguf", (char *)"a b"}, *bin[] = {(char *)"*.bin"};
	const struct ncm_strings include = {.items = gguf, .count = 2}, exclude = {.items = bin, .count = 1};
	const struct ncm_strings none = {0};
	struct ncm_error err = NCM_ERROR_INIT;
	char *chosen = NULL, *recalled;

	CHECK(ncm_source_choose("hf:org/repo@v1", &include, &exclude, &chosen, &err) == 0);
	CHECK_STR(chosen, "hf:org/repo@v1?include=*.gguf&include=a%20b&exclude=*.bin");
	CHECK(ncm_source_holds(chosen, "hf:org/repo/x/y.gguf") && ncm_source_holds(chosen, "hf:org/repo/a b"));
	CHECK(!ncm_source_holds(chosen, "hf:org/repo/x.json"));
	CHECK(ncm_source_holds("hf:org/repo:Q4_K_M", "hf:org/repo/x-q4_k_m.gguf"));
	CHECK(!ncm_source_holds("hf:org/repo:Q4_K", "hf:org/repo/x-q4_k_m.gguf"));
	check_newest("hf:org/repo@" COMMIT "?include=a", "hf:org/repo?include=a");
	check_newest("hf:org/repo:Q4@" COMMIT, "hf:org/repo:Q4");
	check_newest("hf:gpt2@" COMMIT "/a", "hf:gpt2@main/a");
	recalled = ncm_source_recall("hf:org/repo@v2", chosen);
	CHECK_STR(recalled, "hf:org/repo@v2?include=*.gguf&include=a%20b&exclude=*.bin");
	free(recalled);
	CHECK(!ncm_source_recall("hf:org/repo@v2?include=*", chosen));
	CHECK(!ncm_source_recall("hf:org/other", chosen) && !ncm_source_recall("hf:org/repo/a", chosen));
	CHECK(!ncm_source_recall("hf:org/repo", "hf:org/repo@v1") && !ncm_source_recall("ollama:x", "ollama:x"));
	free(chosen);
	chosen = NULL;
	CHECK(ncm_source_choose("hf:org/repo/a.gguf", &include, &none, &chosen, &err) < 0 && err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	CHECK(ncm_source_choose("ollama:x", &include, &none, &chosen, &err) < 0 && err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
}

/* The first models of the hub have no organization, and every repository has one spelling. */
static void test_true_names(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	fake_on(HUB "/api/models/gpt2/revision/main", 200, NULL, "{\"id\":\"gpt2\",\"sha\":\"" COMMIT "\"}");
	fake_on(HUB "/api/models/gpt2/tree/" COMMIT "?recursive=false", 200, NULL, "[" SMALL("config.json", "1") "]");
	resolution = check_resolves(sources, "hf:gpt2/config.json", &spec, NULL);
	CHECK_STR(resolution->uri, "hf:gpt2@" COMMIT "/config.json");
	CHECK_STR(resolution->spelled, "hf:gpt2@main/config.json");
	CHECK_STR(resolution->artifacts[0].url, HUB "/gpt2/resolve/" COMMIT "/config.json");
	ncm_resolution_free(resolution);
	check_fails(sources, "hf:gpt2/none.json", &spec, NULL, NCM_E_NOT_FOUND, "gpt2/none.json", NULL);
	fake_on(HUB "/api/models/ORG/Repo/revision/main", 200, NULL,
		"{\"id\":\"org/repo\",\"gated\":\"auto\",\"sha\":\"" COMMIT "\"}");
	fake_on(HUB "/api/models/org/repo/tree/" COMMIT "?recursive=true", 200, NULL, "[" SMALL("a", "1") "]");
	resolution = check_resolves(sources, "hf:ORG/Repo?include=a", &spec, NULL);
	CHECK_STR(resolution->spelled, "hf:org/repo?include=a");
	CHECK_STR(resolution->uri, "hf:org/repo@" COMMIT "?include=a");
	CHECK_STR(resolution->artifacts[0].url, HUB "/org/repo/resolve/" COMMIT "/a");
	CHECK(resolution->gate == NCM_GATE_SHUT);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_one_file(void)
{
	struct ncm_endpoint endpoint = {.service = "huggingface", .token = (char *)"hf_secret"};
	const struct ncm_config with_token = fake_set_up(config, &endpoint);
	struct ncm_sources *sources;
	struct ncm_resolution *resolution;
	const struct ncm_artifact *artifact;

	sources = fake_sources(&with_token);
	serve_commit();
	fake_on(
	    API "/tree/" COMMIT "/sub%20dir?recursive=false", 200, NULL,
	    "[" FOLDER("sub dir/x") "," LFS("sub dir/a.gguf", "105467232", SHA256_A) "," SMALL("sub dir/b", "1") "]");
	resolution = check_resolves(sources, "hf:org/repo/sub dir/a.gguf", &spec, NULL);
	CHECK_STR(resolution->uri, "hf:org/repo/sub dir/a.gguf@" COMMIT);
	CHECK_STR(resolution->revision, COMMIT);
	CHECK_STR(resolution->page, HUB "/org/repo");
	CHECK_STR(resolution->license, "apache-2.0");
	CHECK_STR(resolution->architecture, "llama");
	CHECK(resolution->credential == ncm_source_credential(sources, &ncm_source_huggingface) &&
	      resolution->service == &hf_service);
	CHECK_U64(resolution->count, 1);
	artifact = &resolution->artifacts[0];
	CHECK_STR(artifact->name, "sub dir/a.gguf");
	CHECK_STR(artifact->url, HUB "/org/repo/resolve/" COMMIT "/sub%20dir/a.gguf");
	CHECK(artifact->has_size && artifact->has_sha256 && !artifact->has_git_sha1 && artifact->expect_binary);
	CHECK_U64(artifact->size, 105467232);
	CHECK_U64(artifact->sha256.bytes[0], 0x35);
	CHECK_U64(fake_request_count, 2);
	CHECK_STR(fake_requests[0].bearer, "hf_secret");
	CHECK_STR(fake_requests[1].bearer, "hf_secret");
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_small_file_at_commit(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;
	const struct ncm_pin pin = {.revision = COMMIT};

	fake_on(API "/tree/" COMMIT "?recursive=false", 200, NULL, "[" SMALL("config.json", "570") "]");
	resolution = check_resolves(sources, "hf:org/repo/config.json@" COMMIT, &spec, NULL);
	CHECK(resolution->artifacts[0].has_git_sha1 && !resolution->artifacts[0].has_sha256);
	CHECK(!resolution->artifacts[0].expect_binary && resolution->artifacts[0].git_sha1.bytes[0] == 0xe7);
	ncm_resolution_free(resolution);
	/* A pinned branch is not asked anew. */
	resolution = check_resolves(sources, "hf:org/repo/config.json", &spec, &pin);
	CHECK_STR(resolution->revision, COMMIT);
	ncm_resolution_free(resolution);
	CHECK_U64(fake_request_count, 2);
	ncm_sources_free(sources);
}

static void test_revision_is_encoded(void)
{
	struct ncm_sources *sources = fake_sources(&config);

	fake_on(API "/revision/refs%2Fpr%2F1", 200, NULL, "{\"sha\":\"" COMMIT "\"}");
	fake_on(API "/tree/" COMMIT "?recursive=true", 200, NULL, "[" SMALL("a", "1") "]");
	ncm_resolution_free(check_resolves(sources, "hf:org/repo@refs/pr/1", &spec, NULL));
	ncm_sources_free(sources);
}

/* Mirrors without the API: size and digest stand in the headers of the redirect, never in those behind it. */
static void test_probe(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	fake_on(HUB "/org/repo/resolve/main/a.gguf", 302,
		"Location: https://cdn.example/x?Signature=1\nContent-Length: 913\nX-Linked-Size: 105467232\n"
		"X-Linked-Etag: \"" SHA256_A "\"\nX-Repo-Commit: " COMMIT "\nETag: \"" SHA256_B "\"\n",
		NULL);
	resolution = check_resolves(sources, "hf:org/repo/a.gguf", &spec, NULL);
	CHECK_STR(resolution->revision, COMMIT);
	CHECK_U64(resolution->artifacts[0].size, 105467232);
	CHECK(resolution->artifacts[0].has_sha256 && resolution->artifacts[0].sha256.bytes[0] == 0x35);
	CHECK_STR(resolution->artifacts[0].url, HUB "/org/repo/resolve/" COMMIT "/a.gguf");
	CHECK_STR(fake_requests[fake_request_count - 1].method, "HEAD");
	CHECK_U64(fake_asked("https://cdn.example/x?Signature=1"), 0);
	ncm_resolution_free(resolution);

	fake_on(HUB "/org/repo/resolve/main/config.json", 307,
		"Location: /api/resolve-cache/models/org/repo/x/config.json\nX-Repo-Commit: " COMMIT "\n", NULL);
	fake_on(HUB "/api/resolve-cache/models/org/repo/x/config.json", 200,
		"Content-Length: 570\nETag: W/\"" GIT_A "\"\nX-Repo-Commit: " COMMIT "\n", NULL);
	resolution = check_resolves(sources, "hf:org/repo/config.json", &spec, NULL);
	CHECK_U64(resolution->artifacts[0].size, 570);
	CHECK(resolution->artifacts[0].has_git_sha1 && !resolution->artifacts[0].has_sha256);
	ncm_resolution_free(resolution);

	/* A redirect's own length is not the file's; no commit means no Hugging Face. */
	fake_on(HUB "/org/repo/resolve/main/nosize", 302,
		"Location: https://cdn.example/x\nContent-Length: 913\nX-Repo-Commit: " COMMIT "\n", NULL);
	check_fails(sources, "hf:org/repo/nosize", &spec, NULL, NCM_E_PROTOCOL, "gives no size", "HF_ENDPOINT");
	fake_on(HUB "/org/repo/resolve/main/portal", 200, "Content-Length: 913\n", NULL);
	check_fails(sources, "hf:org/repo/portal", &spec, NULL, NCM_E_PROTOCOL, "X-Repo-Commit", "HF_ENDPOINT");
	ncm_sources_free(sources);
}

static void test_probe_shards(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	fake_on(API "/revision/main", 200, NULL, "<html>mirror</html>");
	fake_on(HUB "/org/repo/resolve/main/m-00001-of-00002.gguf", 200,
		"Content-Length: 3\nX-Repo-Commit: " COMMIT "\n", NULL);
	fake_on(HUB "/org/repo/resolve/" COMMIT "/m-00002-of-00002.gguf", 200, "Content-Length: 4\n", NULL);
	resolution = check_resolves(sources, "hf:org/repo/m-00002-of-00002.gguf", &spec, NULL);
	CHECK_U64(resolution->count, 2);
	ncm_resolution_free(resolution);
	check_fails(sources, "hf:org/repo/*", &spec, NULL, NCM_E_PROTOCOL, "web page", "browser");
	ncm_sources_free(sources);
}

static void check_refusal(const char *token, long status, const char *headers, const char *body, enum ncm_errc code,
			  const char *message, const char *hint)
{
	struct ncm_endpoint endpoint = {.service = "huggingface", .token = (char *)token};
	const struct ncm_config here = fake_set_up(config, &endpoint);
	struct ncm_sources *sources;

	sources = fake_sources(&here);
	fake_on(API "/revision/main", status, headers, body);
	check_fails(sources, "hf:org/repo", &spec, NULL, code, message, hint);
	ncm_sources_free(sources);
}

static void test_refusals(void)
{
	static const char gated[] = "X-Error-Code: GatedRepo\n", missing[] = "X-Error-Code: RepoNotFound\n"
									     "X-Error-Message: Repository not found\n";

	check_refusal(NULL, 401, gated, "", NCM_E_AUTH, "no token was sent",
		      "accept the licence at " HUB "/org/repo, make a token at " HUB
		      "/settings/tokens, and set HF_TOKEN");
	check_refusal("hf_x", 403, gated, "", NCM_E_AUTH, "has not been granted access", HUB "/org/repo");
	check_refusal("hf_x", 401, "X-Error-Message: Invalid credentials in Authorization header\n", "", NCM_E_AUTH,
		      "rejected the token", "HF_TOKEN");
	check_refusal("hf_x", 401, NULL, "", NCM_E_AUTH, "rejected the token", "HF_TOKEN");
	check_refusal(NULL, 401, NULL, "", NCM_E_AUTH, "wants a token", "HF_TOKEN");
	check_refusal(NULL, 401, missing, "{\"error\":\"Invalid username or password.\"}", NCM_E_NOT_FOUND,
		      "does not exist, or is private or gated, and no token was sent", HUB "/org/repo");
	check_refusal("hf_x", 401, missing, "", NCM_E_NOT_FOUND, "does not exist", NULL);
	check_refusal("hf_x", 403, NULL, "", NCM_E_AUTH, "lacks the permission", "fine-grained");
	check_refusal(NULL, 403, NULL, "", NCM_E_AUTH, "no token was sent", "HF_TOKEN");
	check_refusal(NULL, 403, "X-Error-Message: Access to this resource is disabled.\n", "", NCM_E_NOT_FOUND,
		      "taken down", NULL);
	check_refusal("hf_x", 404, missing, "", NCM_E_NOT_FOUND, "no such repository", HUB "/org/repo");
	check_refusal(NULL, 404, "X-Error-Code: RevisionNotFound\n", "", NCM_E_NOT_FOUND, "no such revision",
		      "/tree/main");
	check_refusal(NULL, 404, "X-Error-Code: EntryNotFound\n", "", NCM_E_NOT_FOUND, "no such file", "/tree/main");
	check_refusal(NULL, 451, NULL, "", NCM_E_NOT_FOUND, "legal", NULL);
	check_refusal(NULL, 429, "RateLimit: \"api\";r=0;t=55\n", "", NCM_E_RATE_LIMIT, NULL, NULL);
	check_refusal(NULL, 500, NULL, "", NCM_E_NETWORK, NULL, NULL);
}

/* The hub lists a gated repository's files to all; the file itself says what it needs. */
static void test_gated_file(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_reply reply = {.status = 403,
				  .url = (char *)HUB "/org/repo/resolve/" COMMIT "/a.gguf",
				  .headers = (char *)"X-Error-Code: GatedRepo\n"};
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(hf_service.judge(&reply, "a.gguf", true, &err) < 0);
	CHECK(err.code == NCM_E_AUTH && strstr(err.hint, HUB "/org/repo "));
	ncm_error_clear(&err);
	reply.url = (char *)"https://cdn.example/xet-bridge/x";
	CHECK(hf_service.judge(&reply, "a.gguf", false, &err) == 0 && err.code == NCM_OK);
	fake_on(HUB "/org/repo/resolve/main/a.gguf", 401, "X-Error-Code: GatedRepo\n", "");
	check_fails(sources, "hf:org/repo/a.gguf", &spec, NULL, NCM_E_AUTH, "licence", HUB "/org/repo");
	ncm_sources_free(sources);
}

static void test_pinned_by_fragment(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	fake_on(API "/tree/" COMMIT "?recursive=false", 200, NULL,
		"[" LFS("a.gguf", "5", SHA256_A) "," SMALL("b", "1") "]");
	fake_on(API "/tree/" COMMIT "?recursive=true", 200, NULL, "[" SMALL("a", "1") "," SMALL("b", "1") "]");
	ncm_resolution_free(
	    check_resolves(sources, HUB "/org/repo/resolve/" COMMIT "/a.gguf#sha256=" SHA256_A, &spec, NULL));
	check_fails(sources, HUB "/org/repo/resolve/" COMMIT "/a.gguf#sha256=" SHA256_B, &spec, NULL, NCM_E_CHECKSUM,
		    SHA256_A, NULL);
	resolution = check_resolves(sources, "hf:org/repo/b@" COMMIT "#sha256=" SHA256_B, &spec, NULL);
	CHECK(resolution->artifacts[0].has_sha256 && resolution->artifacts[0].sha256.bytes[0] == 0x70);
	ncm_resolution_free(resolution);
	check_fails(sources, "hf:org/repo/*@" COMMIT "#sha256=" SHA256_B, &spec, NULL, NCM_E_USAGE, "one file", NULL);
	ncm_sources_free(sources);
}

static void test_offline(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_file_spec pinned = {.has_size = true, .size = 5, .has_sha256 = true, .role = (char *)"weights"};
	const struct ncm_pin pin = {.revision = COMMIT};
	struct ncm_resolution *resolution = ncm_source_offline(sources, "hf:org/repo/a.gguf@" COMMIT, &pinned, NULL);

	CHECK(resolution && resolution->count == 1 && resolution->artifacts[0].size == 5);
	CHECK_STR(resolution->artifacts[0].url, HUB "/org/repo/resolve/" COMMIT "/a.gguf");
	ncm_resolution_free(resolution);
	resolution = ncm_source_offline(sources, "hf:org/repo/a.gguf", &pinned, &pin);
	CHECK(resolution != NULL);
	ncm_resolution_free(resolution);
	CHECK(!ncm_source_offline(sources, "hf:org/repo/a.gguf", &pinned, NULL));
	CHECK(!ncm_source_offline(sources, "hf:org/repo/*.gguf@" COMMIT, &pinned, NULL));
	CHECK(!ncm_source_offline(sources, "hf:org/repo@" COMMIT, &pinned, NULL));
	CHECK(!ncm_source_offline(sources, "hf:org/repo/a.gguf@" COMMIT, &spec, NULL));
	CHECK_U64(fake_request_count, 0);
	ncm_sources_free(sources);
}

/* Digests are enough for what is not carried out. */
static void test_for_plan(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_file_spec pinned = {.has_sha256 = true, .role = (char *)"weights"};
	const struct ncm_pin pin = {.for_plan = true};
	struct ncm_resolution *resolution = ncm_source_offline(sources, "hf:org/repo/a.gguf", &pinned, &pin);

	CHECK(resolution && resolution->count == 1 && resolution->artifacts[0].has_sha256);
	CHECK(resolution && !resolution->artifacts[0].has_size);
	ncm_resolution_free(resolution);
	CHECK(!ncm_source_offline(sources, "hf:org/repo/*.gguf", &pinned, &pin));
	CHECK(!ncm_source_offline(sources, "hf:org/repo", &pinned, &pin));
	CHECK(!ncm_source_offline(sources, "hf:org/repo/a.gguf", &spec, &pin));
	CHECK_U64(fake_request_count, 0);
	ncm_sources_free(sources);
}

static void check_repository(const char *uri, const char *expected)
{
	NCM_AUTO_FREE char *name = ncm_source_repository(uri);

	if (expected)
		CHECK_STR(name, expected);
	else
		CHECK(!name);
}

static void test_whole_repositories(void)
{
	check_repository("hf:Org/Repo", "Repo");
	check_repository("hf:Org/Repo@main", "Repo");
	check_repository("hf:Org/Repo/file.gguf", NULL);
	check_repository("hf:Org/Repo/*.gguf", NULL);
	check_repository("ollama:llama3.2:3b", NULL);
	check_repository("https://h.example/Org/Repo", NULL);
	check_repository("hf:", NULL);
}

int main(void)
{
	RUN(test_names_good);
	RUN(test_names_hostile);
	RUN(test_other_hosts);
	RUN(test_ids);
	RUN(test_keys);
	RUN(test_choices_are_remembered);
	RUN(test_true_names);
	RUN(test_one_file);
	RUN(test_small_file_at_commit);
	RUN(test_revision_is_encoded);
	RUN(test_probe);
	RUN(test_probe_shards);
	RUN(test_refusals);
	RUN(test_gated_file);
	RUN(test_pinned_by_fragment);
	RUN(test_offline);
	RUN(test_for_plan);
	RUN(test_whole_repositories);
	fake_reset();
	return 0;
}

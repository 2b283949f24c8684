/* SPDX-License-Identifier: MIT */
/* Plain URLs, and what belongs to no single source: the table, globs, near names. */
#include "fake_http.h"

#include "base/strings.h"
#include "source/shared.h"

#define HEX "f6c4a5e1d2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d"

static const struct ncm_file_spec plain_spec = {.role = (char *)"weights"};

static struct ncm_config config_of(void)
{
	return (struct ncm_config){0};
}

static void test_scheme(void)
{
	CHECK_STR(ncm_source_scheme("ollama:llama3.2"), "ollama");
	CHECK_STR(ncm_source_scheme("hf:org/repo"), "hf");
	CHECK_STR(ncm_source_scheme("https://huggingface.co/org/repo"), "hf");
	CHECK_STR(ncm_source_scheme("civitai:1"), "civitai");
	CHECK_STR(ncm_source_scheme("https://example.org/x"), "https");
	CHECK_STR(ncm_source_scheme("http://example.org/x"), "https");
	CHECK(ncm_source_scheme("llama3.2:3b") == NULL);
	CHECK(ncm_source_scheme("mistral") == NULL);
	CHECK(ncm_source_scheme("") == NULL);
	CHECK(ncm_source_scheme("ftp://example.org/x") == NULL);
	CHECK(ncm_source_scheme("file:///etc/passwd") == NULL);
}

static void test_check_good(void)
{
	CHECK_STR(canonical_of("https://example.org/dir/x.zip", false), "https://example.org/dir/x.zip");
	CHECK_STR(canonical_of("HTTPS://Example.ORG/Dir/X.zip", false), "https://example.org/Dir/X.zip");
	CHECK_STR(canonical_of("https://example.org/x?v=1", false), "https://example.org/x?v=1");
	CHECK_STR(canonical_of("https://example.org/x#frag", false), "https://example.org/x");
	CHECK_STR(canonical_of("https://example.org/x#sha256=" HEX, false), "https://example.org/x#sha256=" HEX);
	CHECK_STR(canonical_of("http://example.org/x", true), "http://example.org/x");
	CHECK_STR(canonical_of("https://huggingface.co/datasets/a/b/resolve/main/x.zip", false),
		  "https://huggingface.co/datasets/a/b/resolve/main/x.zip");
}

static void test_check_hostile(void)
{
	static const char *const bad[] = {
	    "http://example.org/x", /* not allowed here */
	    "https://",
	    "https:example.org/x",
	    "https:\\\\example.org\\x",
	    "https:///x",
	    "https://user:secret@example.org/x",
	    "https://user@example.org/x",
	    "https://example.org/a b",
	    "https://example.org/a\tb",
	    "https://example.org/a\r\nHost: evil",
	    "https://example.org:0/x",
	    "https://example.org:65536/x",
	    "https://[fe80::1%25eth0]/x",
	    "https://exa%2Fmple.org/x",
	    "ftp://example.org/x",
	    "file:///etc/passwd",
	    "data:text/plain,x",
	    "//example.org/x",
	    "gopher://example.org/",
	    "https://example.org/x#sha256=",
	    "https://example.org/x#sha256=F6C4A5E1D2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D5E6F708192A3B4C5D",
	    "https://example.org/x#sha256=" HEX "0",
	    "https://example.org/x#sha256=f6c4a5e1d2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5",
	    ("https://example.org/x#sha256=sha256:" HEX),
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (*canonical_of(bad[i], false))
			fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK_STR(canonical_of(bad[i], false), "");
	}
}

static void test_errors_hold_no_secret(void)
{
	static const char *const bad[] = {"https://example.org/x y?token=SECRET",
					  "ftp://example.org/x?token=SECRET",
					  "https://user:SECRET@example.org/x",
					  "https://example.org/?t=SECRET#sha256=1",
					  "https://huggingface.co/a--b/c?token=SECRET",
					  "https://civitai.com/x?token=SECRET",
					  "civitai:x?token=SECRET"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ncm_error err = NCM_ERROR_INIT;

		CHECK(ncm_source_check(bad[i], false, NULL, &err) < 0);
		CHECK(strstr(err.message, "SECRET") == NULL);
		ncm_error_clear(&err);
	}
}

static void check_name(const char *uri, const char *name)
{
	struct ncm_config config = config_of();
	struct ncm_sources *sources = fake_sources(&config);
	const struct ncm_file_spec spec = {.has_size = true, .size = 5, .role = (char *)"weights"};
	struct ncm_resolution *resolution = ncm_source_offline(sources, uri, &spec, NULL);

	CHECK(resolution && resolution->count == 1);
	if (name)
		CHECK_STR(resolution->artifacts[0].name, name);
	else
		CHECK(resolution->artifacts[0].name == NULL);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_artifact_names(void)
{
	check_name("https://example.org/a/model.safetensors?x=/y.bin", "model.safetensors");
	check_name("https://example.org/a/my%20model.gguf", "my model.gguf");
	check_name("https://example.org/a/%2e%2e%2fpasswd", "passwd");
	check_name("https://example.org/a/bad%zz", "bad%zz");
	check_name("https://example.org/a/nul%00x", "nul%00x");
	check_name("https://example.org/a/", "a");
	check_name("https://example.org", NULL);
	check_name("https://codeload.github.com/ggml-org/whisper.cpp/tar.gz/v1.7.4", "whisper.cpp-v1.7.4.tar.gz");
	check_name("https://codeload.github.com/o/r/tar.gz/refs/tags/v1", "r-v1.tar.gz");
	check_name("https://codeload.github.com/o/r/zip/0123abc", "r-0123abc.zip");
	check_name("https://github.com/o/r/archive/refs/tags/v1.zip", "r-v1.zip");
	check_name("https://codeload.github.com.evil.example/o/r/tar.gz/v1", "v1");
}

static void test_names(void)
{
	check_names("https://example.org/a/Big Model.gguf", "https-example.org-a-big-model.gguf",
		    "https://example.org/a/Big Model.gguf"); /* refused: named after its text */
	check_names("https://example.org/a/Big_Model.GGUF", "example.org/a/Big_Model.GGUF", "Big_Model.GGUF");
	check_names("https://example.org/", "example.org/", "example.org");
	check_names("https://codeload.github.com/o/Repo/tar.gz/v1", "codeload.github.com/o/Repo/tar.gz/v1",
		    "Repo-v1.tar.gz");
}

static void test_resolve(void)
{
	struct ncm_config config = config_of();
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	fake_on("https://example.org/a.safetensors", 200, "Content-Length: 1234\n", NULL);
	resolution = check_resolves(sources, "https://example.org/a.safetensors#sha256=" HEX, &plain_spec, NULL);
	CHECK_STR(resolution->uri, "https://example.org/a.safetensors#sha256=" HEX);
	CHECK(resolution->revision == NULL && resolution->credential == NULL && resolution->count == 1);
	CHECK_STR(resolution->artifacts[0].url, "https://example.org/a.safetensors");
	CHECK(resolution->artifacts[0].has_size && resolution->artifacts[0].size_is_rough);
	CHECK_U64(resolution->artifacts[0].size, 1234);
	CHECK(resolution->artifacts[0].has_sha256 && resolution->artifacts[0].sha256.bytes[0] == 0xf6);
	CHECK(resolution->artifacts[0].expect_binary);
	CHECK_U64(fake_request_count, 1);
	CHECK_STR(fake_requests[0].method, "HEAD");
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_resolve_sizes(void)
{
	struct ncm_config config = config_of();
	struct ncm_sources *sources = fake_sources(&config);
	const struct ncm_file_spec sized = {.has_size = true, .size = 99, .role = (char *)"weights"};
	struct ncm_resolution *resolution;

	fake_on("https://example.org/coded", 200, "Content-Length: 10\nContent-Encoding: gzip\n", NULL);
	fake_on("https://example.org/odd", 200, "Content-Length: 10x\n", NULL);
	fake_on("https://example.org/huge", 200, "Content-Length: 18446744073709551616\n", NULL);
	fake_on("https://example.org/405", 405, NULL, NULL);
	fake_on("https://example.org/500", 500, NULL, NULL);
	const char *const unknown[] = {"https://example.org/coded", "https://example.org/odd",
				       "https://example.org/huge", "https://example.org/405",
				       "https://example.org/500"};

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		resolution = check_resolves(sources, unknown[i], &plain_spec, NULL);
		CHECK(!resolution->artifacts[0].has_size);
		ncm_resolution_free(resolution);
	}
	fake_reset();
	resolution = check_resolves(sources, "https://example.org/known", &sized, NULL);
	CHECK_U64(resolution->artifacts[0].size, 99);
	CHECK(!resolution->artifacts[0].size_is_rough);
	CHECK_U64(fake_request_count, 0);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_resolve_errors(void)
{
	struct ncm_config config = config_of();
	struct ncm_sources *sources = fake_sources(&config);

	fake_on("https://example.org/401", 401, NULL, NULL);
	fake_on("https://example.org/403", 403, NULL, NULL);
	check_fails(sources, "https://example.org/404", &plain_spec, NULL, NCM_E_NOT_FOUND, "404", NULL);
	check_fails(sources, "https://example.org/401", &plain_spec, NULL, NCM_E_AUTH, "401", NULL);
	check_fails(sources, "https://example.org/403", &plain_spec, NULL, NCM_E_AUTH, "403", NULL);
	check_fails(sources, "http://example.org/x", &plain_spec, NULL, NCM_E_USAGE, "http", NULL);
	check_fails(sources, "mistral", &plain_spec, NULL, NCM_E_USAGE, "mistral", "ollama:");
	ncm_sources_free(sources);
}

static void test_offline(void)
{
	struct ncm_config config = config_of();
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_file_spec spec = {.has_size = true, .size = 7, .has_sha256 = true, .role = (char *)"weights"};
	struct ncm_resolution *resolution = ncm_source_offline(sources, "https://example.org/x", &spec, NULL);

	CHECK(resolution && resolution->artifacts[0].has_sha256 && resolution->artifacts[0].size == 7);
	ncm_resolution_free(resolution);
	/* Whose bytes are pinned needs no TLS to be right. */
	resolution = ncm_source_offline(sources, "http://example.org/x", &spec, NULL);
	CHECK(resolution != NULL);
	ncm_resolution_free(resolution);
	spec.has_sha256 = false;
	CHECK(ncm_source_offline(sources, "http://example.org/x", &spec, NULL) == NULL);
	spec.insecure_http = true;
	resolution = ncm_source_offline(sources, "http://example.org/x", &spec, NULL);
	CHECK(resolution != NULL);
	ncm_resolution_free(resolution);
	CHECK(ncm_source_offline(sources, "https://example.org/x", &plain_spec, NULL) == NULL);
	CHECK(!ncm_source_offline(sources, "https://example.org/x", &plain_spec,
				  &(const struct ncm_pin){.for_plan = true}));
	spec = (struct ncm_file_spec){.has_sha256 = true, .role = (char *)"weights"};
	CHECK(!ncm_source_offline(sources, "https://example.org/x.gguf", &spec, NULL));
	resolution =
	    ncm_source_offline(sources, "https://example.org/x.gguf", &spec, &(const struct ncm_pin){.for_plan = true});
	CHECK(resolution && !resolution->artifacts[0].has_size && resolution->artifacts[0].has_sha256);
	ncm_resolution_free(resolution);
	CHECK_U64(fake_request_count, 0);
	ncm_sources_free(sources);
}

static void check_mirror(const char *url, const char *asked)
{
	struct ncm_mirror mirrors[] = {{(char *)"https://example.org", (char *)"http://10.0.0.5/example"},
				       {(char *)"https://example.org/deep/", (char *)"https://mirror.lan/d/"},
				       {(char *)"https://broken.example", (char *)"nowhere"}};
	struct ncm_config config = config_of();
	const struct ncm_file_spec spec = {.has_size = true, .size = 1, .role = (char *)"weights"};
	struct ncm_sources *sources;
	struct ncm_resolution *resolution;

	config.mirrors = mirrors;
	config.mirror_count = sizeof mirrors / sizeof *mirrors;
	sources = fake_sources(&config);
	resolution = ncm_source_offline(sources, url, &spec, NULL);
	if (asked) {
		CHECK_STR(resolution->uri, url);
		CHECK_STR(resolution->artifacts[0].url, asked);
	} else {
		CHECK(resolution == NULL);
	}
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_mirrors(void)
{
	check_mirror("https://example.org/a/b", "http://10.0.0.5/example/a/b");
	check_mirror("https://example.org/deep/b", "https://mirror.lan/d/b");
	check_mirror("https://example.org.evil.net/a", "https://example.org.evil.net/a");
	check_mirror("https://other.org/a", "https://other.org/a");
	check_mirror("https://broken.example/a", NULL);
}

static void test_glob(void)
{
	CHECK(ncm_source_glob("*.gguf", "x.gguf") && ncm_source_glob("*.gguf", "dir/sub/x.gguf"));
	CHECK(!ncm_source_glob("*.gguf", "x.gguf2") && !ncm_source_glob("*.gguf", "xgguf"));
	CHECK(ncm_source_glob("a*b*c", "a-b-b-c") && !ncm_source_glob("a*b*c", "a-b-b"));
	CHECK(ncm_source_glob("?.x", "a.x") && !ncm_source_glob("?.x", ".x"));
	CHECK(ncm_source_glob("*Q[4-6]_K*", "m-Q5_K_M.gguf") && !ncm_source_glob("*Q[4-6]_K*", "m-Q8_K.gguf"));
	CHECK(ncm_source_glob("[!a]x", "bx") && !ncm_source_glob("[!a]x", "ax"));
	CHECK(ncm_source_glob("[]]x", "]x") && ncm_source_glob("[ab", "[ab") && ncm_source_glob("[a-]", "-"));
	CHECK(ncm_source_glob("*", "") && ncm_source_glob("", "") && !ncm_source_glob("", "a"));
	CHECK(ncm_source_glob("a\\*", "a\\b") && !ncm_source_glob("a\\*", "a*"));
}

static void test_http_where_the_bytes_are_pinned(void)
{
	const struct ncm_file_spec nothing = {0}, pinned = {.has_sha256 = true}, allowed = {.insecure_http = true};

	CHECK(!ncm_source_may_use_http(&nothing, "http://h.example/x") &&
	      !ncm_source_may_use_http(&nothing, "http://h.example/x#sha1=0"));
	CHECK(ncm_source_may_use_http(&nothing, "http://h.example/x#sha256=0"));
	CHECK(ncm_source_may_use_http(&pinned, "http://h.example/x") &&
	      ncm_source_may_use_http(&allowed, "http://h.example/x"));
}

/* Whatever the table holds: its words lead to it, and what begins as it says is its. */
static void test_the_table(void)
{
	NCM_AUTO_FREE char *all = ncm_source_beginnings(0), *none = ncm_source_beginnings(99);
	const struct ncm_source *source;
	size_t count = 0;

	for (; (source = ncm_source_at(count)); count++) {
		NCM_AUTO_FREE char *uri = ncm_asprintf("%sa/b", source->begins);

		CHECK(strstr(all, source->begins) && ncm_source_of(uri) == source);
		CHECK(ncm_source_by_word(source->scheme) == source);
		for (size_t i = 0; source->aliases && source->aliases[i]; i++)
			CHECK(ncm_source_by_word(source->aliases[i]) == source);
		CHECK(source->stem && (!source->gives_blobs || source->habit));
	}
	CHECK(count > 3);
	CHECK_STR(none, "");
	CHECK_STR(ncm_source_by_word("HuggingFace")->scheme, "hf");
	CHECK(!ncm_source_by_word("hugging") && !ncm_source_by_word(""));
}

static void check_text(char *is, const char *expected)
{
	CHECK((is == NULL) == (expected == NULL));
	if (is && expected)
		CHECK_STR(is, expected);
	free(is);
}

static void test_what_an_uri_shows(void)
{
	static const struct {
		const char *uri, *file, *store, *revision;
		bool many;
	} cases[] = {
	    {"ollama:llama3.2:3b", NULL, "ollama", NULL, false},
	    {"hf:org/repo", NULL, NULL, NULL, true},
	    {"hf:org/repo:Q4_K_M", NULL, "llama-cpp", NULL, true},
	    {"hf:org/repo/*.gguf", NULL, "llama-cpp", NULL, true},
	    {"hf:org/repo/dir/m.gguf@v1", "m.gguf", "llama-cpp", "v1", false},
	    {"hf:org/repo/m@2x.safetensors@refs/pr/3", "m@2x.safetensors", "comfyui", "refs/pr/3", false},
	    {"hf:org/repo/m-00001-of-00002.gguf", "m-00001-of-00002.gguf", "llama-cpp", NULL, true},
	    {"https://huggingface.co/org/repo/blob/main/m.gguf", "m.gguf", "llama-cpp", NULL, false},
	    {"civitai:1@2", NULL, "a1111", NULL, false},
	    {"https://e.example/a/m.gguf?x=1", "m.gguf", "llama-cpp", NULL, false},
	    {"https://e.example/", NULL, NULL, NULL, false},
	    {"llama3.2", NULL, NULL, NULL, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct ncm_habit *habit = ncm_source_habit(cases[i].uri);

		check_text(ncm_source_file_name(cases[i].uri), cases[i].file);
		check_text(ncm_source_spelled_revision(cases[i].uri), cases[i].revision);
		CHECK((habit == NULL) == (cases[i].store == NULL) && ncm_source_is_many(cases[i].uri) == cases[i].many);
		if (habit)
			CHECK_STR(habit->store, cases[i].store);
	}
}

static void test_files_of_what_an_uri_names(void)
{
	check_text(ncm_source_file_at("hf:org/repo:Q4_K_M@main", "a/b.gguf", "abc"), "hf:org/repo/a/b.gguf@abc");
	check_text(ncm_source_file_at("hf:org/repo?include=*.json", "b.json", "main"), "hf:org/repo/b.json");
	check_text(ncm_source_file_at("hf:gpt2", "config.json", "abc"), "hf:gpt2@abc/config.json");
	check_text(ncm_source_file_at("hf:org/repo", "a\nb", "abc"), NULL);
	check_text(ncm_source_file_at("civitai:1", "x", "2"), NULL);
	check_text(ncm_source_file_at("name", "x", "2"), NULL);
}

static void test_ways_of_sources(void)
{
	CHECK(ncm_source_gives_blobs("ollama:x") && !ncm_source_gives_blobs("hf:a/b") && !ncm_source_gives_blobs("x"));
	CHECK(ncm_source_is_in_clear("HTTP://e.example/x") && !ncm_source_is_in_clear("https://e.example/x"));
	CHECK(!ncm_source_is_in_clear("http://huggingface.co/org/repo")); /* asked over https all the same */
	CHECK(ncm_source_is_address("https://e.example/x") && !ncm_source_is_address("https://huggingface.co/a/b"));
	CHECK(!ncm_source_is_address("x"));
	CHECK(ncm_source_revision_kind("hf:a/b") == NCM_REVISION_EXACT);
	CHECK(ncm_source_revision_kind("civitai:1") == NCM_REVISION_EXACT);
	CHECK(ncm_source_revision_kind("ollama:x") == NCM_REVISION_TAG);
}

int main(void)
{
	RUN(test_the_table);
	RUN(test_what_an_uri_shows);
	RUN(test_files_of_what_an_uri_names);
	RUN(test_ways_of_sources);
	RUN(test_scheme);
	RUN(test_check_good);
	RUN(test_check_hostile);
	RUN(test_errors_hold_no_secret);
	RUN(test_artifact_names);
	RUN(test_names);
	RUN(test_resolve);
	RUN(test_resolve_sizes);
	RUN(test_resolve_errors);
	RUN(test_offline);
	RUN(test_mirrors);
	RUN(test_glob);
	RUN(test_http_where_the_bytes_are_pinned);
	fake_reset();
	return 0;
}

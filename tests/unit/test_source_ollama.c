/* SPDX-License-Identifier: MIT */
/* Ollama's registry: names, manifests, pins and drift, tokens. */
#include "fake_http.h"
#include "temp.h"

#include "source/ollama.h"

#define BASE "https://registry.ollama.ai/v2/library/tiny"
#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define HEX_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define LAYER(type, hex, size)                                                                                         \
	"{\"mediaType\":\"application/vnd.ollama.image." type "\",\"digest\":\"sha256:" hex "\",\"size\":" size "}"
#define CONFIG(hex, size)                                                                                              \
	"{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"digest\":\"sha256:" hex                   \
	"\",\"size\":" size "}"
#define MANIFEST(config, layers) "{\"schemaVersion\":2,\"config\":" config ",\"layers\":[" layers "]}"

static const char good[] =
    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "1000") "," LAYER("template", HEX_B, "20"));
static const char other[] = MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_B, "1000"));

static struct ncm_config config;
static const struct ncm_file_spec spec = {.role = (char *)"weights"};

static void test_names_good(void)
{
	CHECK_STR(canonical_of("ollama:llama3.2", false), "ollama:llama3.2:latest");
	CHECK_STR(canonical_of("ollama:llama3.2:3b", false), "ollama:llama3.2:3b");
	CHECK_STR(canonical_of("OLLAMA:llama3.2:3b", false), "ollama:llama3.2:3b");
	CHECK_STR(canonical_of("ollama:library/llama3.2:3b", false), "ollama:llama3.2:3b");
	CHECK_STR(canonical_of("ollama:registry.ollama.ai/library/llama3.2:3b", false), "ollama:llama3.2:3b");
	CHECK_STR(canonical_of("ollama:Registry.Ollama.AI/library/llama3.2:3b", false), "ollama:llama3.2:3b");
	CHECK_STR(canonical_of("ollama:mannix/phi3-mini", false), "ollama:mannix/phi3-mini:latest");
	CHECK_STR(canonical_of("ollama:hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", false),
		  "ollama:hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M");
	CHECK_STR(canonical_of("ollama:localhost:5000/library/x:1", false), "ollama:localhost:5000/library/x:1");
	CHECK_STR(canonical_of("ollama:localhost:5000/ns/x", false), "ollama:localhost:5000/ns/x:latest");
	CHECK_STR(canonical_of("ollama:localhost:5000/x:1", false), "ollama:localhost:5000/library/x:1");
	CHECK_STR(canonical_of("ollama:r.example:443/x", false), "ollama:r.example:443/library/x:latest");
	CHECK_STR(canonical_of("ollama:[::1]:5000/ns/x:1", false), "ollama:localhost:5000/ns/x:1");
	CHECK_STR(canonical_of("ollama:[::1]/x", false), "ollama:localhost/library/x:latest");
	CHECK_STR(canonical_of("ollama:_a:_b", false), "ollama:_a:_b");
	CHECK_STR(canonical_of("ollama:x@sha256:" HEX_A, false), "ollama:x:latest@sha256:" HEX_A);
	CHECK_STR(canonical_of("ollama:x:1@sha256:" HEX_A, false), "ollama:x:1@sha256:" HEX_A);
}

/* Addresses as people paste them. */
static void test_pages(void)
{
	static const char *const pairs[][2] = {
	    {"https://ollama.com/library/llama3.2:3b", "ollama:llama3.2:3b"},
	    {"https://ollama.com/library/llama3.2", "ollama:llama3.2:latest"},
	    {"https://ollama.com/library/llama3.2/tags", "ollama:llama3.2:latest"},
	    {"https://ollama.com/library/llama3.2:3b/blobs/dde5aa3fc5ff", "ollama:llama3.2:3b"},
	    {"https://ollama.com/llama3.2", "ollama:llama3.2:latest"},
	    {"https://ollama.com/llama3.2:3b?x=1#readme", "ollama:llama3.2:3b"},
	    {"https://www.ollama.com/mannix/phi3-mini:q4", "ollama:mannix/phi3-mini:q4"},
	    {"https://ollama.com/mannix/phi3-mini/tags", "ollama:mannix/phi3-mini:latest"},
	    {"ollama.com/library/llama3.2", "ollama:llama3.2:latest"},
	    {"hf.co/org/Repo-GGUF:Q4_K_M", "ollama:hf.co/org/Repo-GGUF:Q4_K_M"},
	    {"https://huggingface.co/org/repo:Q4_K_M", "ollama:hf.co/org/repo:Q4_K_M"},
	};
	static const char *const others[] = {
	    "https://ollama.com/",           "https://ollama.com/library/",
	    "https://ollama.com/library",    "https://ollama.com/search?q=x",
	    "https://ollama.com/blog/x",     "https://ollama.com.evil.example/library/x",
	    "https://ollama.com/install.sh", "https://ollama.com/download/ollama-linux-amd64.tgz",
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		CHECK_STR(canonical_of(pairs[i][0], false), pairs[i][1]);
		CHECK_STR(ncm_source_scheme(pairs[i][0]), "ollama");
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		CHECK_STR(ncm_source_scheme(others[i]), "https");
}

static void test_names_hostile(void)
{
	static const char *const bad[] = {
	    "ollama:",
	    "ollama::",
	    "ollama:x:",
	    "ollama::x",
	    "ollama:/x",
	    "ollama:x/",
	    "ollama:a//x",
	    "ollama:..",
	    "ollama:../x",
	    "ollama:../../etc/passwd",
	    "ollama:a/../x",
	    "ollama:host/../x:1",
	    "ollama:x:..",
	    "ollama:x:../y",
	    "ollama:-opt",
	    "ollama:x:-opt",
	    "ollama:-ns/x",
	    "ollama:n.s/x",           /* a namespace holds no '.' */
	    "ollama:[::2]:5000/ns/x", /* Ollama has no name for it */
	    "ollama:[::1]x/ns/x",
	    "ollama:[::1/ns/x",
	    "ollama:::1/ns/x",
	    "ollama:n:s/x",
	    "ollama:.x",
	    "ollama:x y",
	    "ollama:x%2e%2e",
	    "ollama:x%2fy",
	    "ollama:x\r\nHost: evil",
	    "ollama:x?y",
	    "ollama:x#y",
	    "ollama:\\x",
	    "ollama:https://registry.ollama.ai/library/x",
	    "ollama:a/b/c/d",
	    "ollama:user@host/ns/x",
	    "ollama:host:0/ns/x",
	    "ollama:host:65536/ns/x",
	    "ollama:host:5000:1/ns/x",
	    "ollama:host:5x/ns/x",
	    "ollama:ho..st/ns/x",
	    "ollama:h\xc3\xb6st/ns/x",
	    "ollama:x@",
	    "ollama:x@sha256:",
	    "ollama:x@" HEX_A,
	    "ollama:x@sha512:" HEX_A,
	    "ollama:x@sha256-" HEX_A,
	    "ollama:x@sha256:" HEX_A "a",
	    "ollama:x@sha256:AAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "ollama:x@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "ollama:x@sha256:../../../../../../../../../../../../../../../../../../../../etc/pass",
	    "ollama:x@sha256:" HEX_A "\n",
	    "ollama:x@sha256:" HEX_A "@sha256:" HEX_A,
	};
	char longest[128];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (*canonical_of(bad[i], false))
			fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK_STR(canonical_of(bad[i], false), "");
	}
	snprintf(longest, sizeof longest, "ollama:%080d", 0);
	CHECK(*canonical_of(longest, false));
	snprintf(longest, sizeof longest, "ollama:%081d", 0);
	CHECK_STR(canonical_of(longest, false), "");
	snprintf(longest, sizeof longest, "ollama:x:%081d", 0);
	CHECK_STR(canonical_of(longest, false), "");
}

static void test_ids(void)
{
	check_names("ollama:llama3.2:3b", "llama3.2:3b", "llama3.2:3b");
	check_names("ollama:llama3.2", "llama3.2:latest", "llama3.2:latest");
	check_names("ollama:mannix/Phi3:x", "mannix/Phi3:x", "mannix/Phi3:x");
	check_names("ollama:hf.co/o/R-GGUF:Q4", "hf.co/o/R-GGUF:Q4", "hf.co/o/R-GGUF:Q4");
}

static void check_base(const char *uri, bool insecure, const char *expected)
{
	struct ollama_name name;
	char *base;

	CHECK(ollama_name_parse(uri, &name, NULL) == 0);
	base = ollama_name_base(&name, &config, insecure);
	CHECK_STR(base, expected);
	free(base);
	ollama_name_clear(&name);
}

static void test_base(void)
{
	struct ncm_endpoint endpoint = {.service = "ollama", .url = (char *)"http://127.0.0.1:9/"};

	check_base("ollama:x", false, "https://registry.ollama.ai");
	check_base("ollama:hf.co/a/b", false, "https://hf.co");
	check_base("ollama:hf.co/a/b", true, "http://hf.co");
	check_base("ollama:localhost:5000/a/b", false, "http://localhost:5000");
	check_base("ollama:127.0.0.1:5000/a/b", false, "http://127.0.0.1:5000");
	check_base("ollama:[::1]:5000/a/b", false, "http://localhost:5000");
	check_base("ollama:r.lan:5000/a/b", false, "https://r.lan:5000");
	CHECK(ncm_config_add_insecure_registry(&config, "R.lan:5000", NULL) == 0);
	check_base("ollama:r.lan:5000/a/b", false, "http://r.lan:5000");
	check_base("ollama:r.lan:5001/a/b", false, "https://r.lan:5001");
	check_base("ollama:s.r.lan:5000/a/b", false, "https://s.r.lan:5000");
	CHECK(ncm_config_add_insecure_registry(&config, "r.lan", NULL) == 0);
	check_base("ollama:r.lan:5001/a/b", false, "http://r.lan:5001");
	check_base("ollama:r.lan.evil/a/b", false, "https://r.lan.evil");
	while (config.insecure_registry_count > 0)
		free(config.insecure_registries[--config.insecure_registry_count]);
	free(config.insecure_registries);
	config.insecure_registries = NULL;
	check_base("ollama:127.evil.example/a/b", false, "https://127.evil.example");
	check_base("ollama:localhost.evil.example/a/b", false, "https://localhost.evil.example");
	config = fake_set_up(config, &endpoint);
	check_base("ollama:x", false, "http://127.0.0.1:9");
	check_base("ollama:hf.co/a/b", false, "https://hf.co");
	config = (struct ncm_config){0};
}

static void digest_hex(const char *bytes, char hex[NCM_SHA256_HEX + 1])
{
	struct ncm_sha256 digest;

	ncm_sha256_of(bytes, strlen(bytes), &digest);
	ncm_sha256_hex(&digest, hex);
}

static void test_resolve(void)
{
	static const char model_config[] =
	    "{\"model_family\":\"llama\",\"model_type\":\"3.2B\",\"file_type\":\"Q4_K_M\"}";
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;
	char config_hex[NCM_SHA256_HEX + 1], hex[NCM_SHA256_HEX + 1], manifest[2048], url[256], uri[256];
	const struct ncm_artifact *artifact;

	digest_hex(model_config, config_hex);
	snprintf(manifest, sizeof manifest,
		 "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[%s,%s,%s]}\n",
		 config_hex, strlen(model_config), LAYER("model", HEX_A, "1000"), LAYER("license", HEX_B, "20"),
		 LAYER("license", HEX_B, "20"));
	digest_hex(manifest, hex);
	snprintf(url, sizeof url, BASE "/blobs/sha256:%s", config_hex);
	fake_on(BASE "/manifests/1b", 200, NULL, manifest);
	fake_on(url, 200, NULL, model_config);
	resolution = check_resolves(sources, "ollama:tiny:1b", &spec, NULL);
	snprintf(uri, sizeof uri, "ollama:tiny:1b@sha256:%s", hex);
	CHECK_STR(resolution->uri, uri);
	CHECK_STR(resolution->revision, strchr(uri, '@') + 1);
	CHECK_STR(resolution->ollama_name, "registry.ollama.ai/library/tiny/1b");
	CHECK_STR(resolution->manifest, manifest);
	CHECK_U64(resolution->manifest_size, strlen(manifest));
	CHECK_STR(resolution->page, "https://ollama.com/library/tiny:1b");
	CHECK_STR(resolution->architecture, "llama");
	CHECK_STR(resolution->parameters, "3.2B");
	CHECK_STR(resolution->quantization, "Q4_K_M");
	CHECK(resolution->credential && resolution->service);
	CHECK_U64(resolution->count, 3); /* the license stands in it twice */
	artifact = artifact_named(resolution, "model-aaaaaaaaaaaa");
	CHECK(artifact && artifact->kind == NCM_ARTIFACT_BLOB && artifact->expect_binary && artifact->has_sha256);
	CHECK_STR(artifact->url, BASE "/blobs/sha256:" HEX_A);
	CHECK_STR(artifact->role, "model");
	CHECK_U64(artifact->size, 1000);
	artifact = artifact_named(resolution, "license-bbbbbbbbbbbb");
	CHECK(artifact && !artifact->expect_binary);
	CHECK_STR(resolution->artifacts[2].role, "config");
	CHECK_STR(fake_requests[0].accept, "application/vnd.docker.distribution.manifest.v2+json");
	ncm_resolution_free(resolution);
	CHECK(ncm_source_offline(sources, "ollama:tiny:1b", &spec, NULL) == NULL);
	ncm_sources_free(sources);
}

/* Digest and layers say all that a plan needs, and not the manifest's bytes. */
static void test_for_plan(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_layer_pin layers[] = {{.size = 1000, .type = (char *)"model"},
					 {.size = 10, .type = (char *)"config"}};
	struct ncm_file_spec pinned = {.has_digest = true, .layers = layers, .layer_count = 2};
	const struct ncm_pin pin = {.for_plan = true};
	struct ncm_resolution *resolution;

	CHECK(ncm_sha256_parse("sha256:" HEX_A, &layers[0].digest) == 0);
	CHECK(ncm_sha256_parse("sha256:" HEX_C, &layers[1].digest) == 0);
	CHECK(ncm_sha256_parse("sha256:" HEX_B, &pinned.digest) == 0);
	CHECK(!ncm_source_offline(sources, "ollama:tiny:1b", &pinned, NULL));
	resolution = ncm_source_offline(sources, "ollama:tiny:1b", &pinned, &pin);
	CHECK(resolution && resolution->count == 2 && !resolution->manifest);
	CHECK_STR(resolution->revision, "sha256:" HEX_B);
	CHECK_STR(resolution->ollama_name, "registry.ollama.ai/library/tiny/1b");
	CHECK_STR(resolution->artifacts[0].url, BASE "/blobs/sha256:" HEX_A);
	CHECK_STR(resolution->artifacts[1].role, "config");
	ncm_resolution_free(resolution);
	pinned.has_digest = false; /* layers without the manifest's digest */
	CHECK(!ncm_source_offline(sources, "ollama:tiny:1b", &pinned, &pin));
	pinned = (struct ncm_file_spec){.has_digest = true, .digest = layers[0].digest};
	CHECK(!ncm_source_offline(sources, "ollama:tiny:1b", &pinned, &pin));
	CHECK_U64(fake_request_count, 0);
	ncm_sources_free(sources);
}

static void test_config_is_not_needed(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	fake_on(BASE "/manifests/latest", 200, NULL, good);
	fake_on(BASE "/blobs/sha256:" HEX_C, 200, NULL, "{\"model_family\":\"forged\"}");
	resolution = check_resolves(sources, "ollama:tiny", &spec, NULL);
	CHECK(resolution->architecture == NULL); /* its digest is another one */
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

/* A model without a configuration is one, and a manifest tells which of several it was. */
static void test_manifest_of_a_list(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	fake_on(BASE "/manifests/latest", 200, NULL,
		"{\"schemaVersion\":2,\"runner\":\"llamacpp\",\"format\":\"gguf\",\"layers\":[" LAYER("model", HEX_A,
												      "1") "]}");
	resolution = check_resolves(sources, "ollama:tiny", &spec, NULL);
	CHECK_U64(resolution->count, 1);
	CHECK_STR(resolution->runner, "llamacpp");
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_public_registry_by_its_other_name(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	fake_on(BASE "/manifests/latest", 200, NULL, good);
	resolution = check_resolves(sources, "ollama:Ollama.com/library/tiny", &spec, NULL);
	CHECK_STR(resolution->ollama_name, "registry.ollama.ai/library/tiny/latest");
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_huggingface_host(void)
{
	struct ncm_endpoint endpoint = {.service = "huggingface", .token = (char *)"hf_secret"};
	const struct ncm_config with_token = fake_set_up(config, &endpoint);
	struct ncm_sources *sources;
	struct ncm_resolution *resolution;

	sources = fake_sources(&with_token);
	fake_on("https://hf.co/v2/org/repo/manifests/Q4_K_M", 200, NULL, good);
	resolution = check_resolves(sources, "ollama:hf.co/org/repo:Q4_K_M", &spec, NULL);
	CHECK_STR(resolution->ollama_name, "hf.co/org/repo/Q4_K_M");
	CHECK_STR(resolution->page, "https://huggingface.co/org/repo");
	CHECK_STR(resolution->artifacts[0].url, "https://hf.co/v2/org/repo/blobs/sha256:" HEX_A);
	for (size_t i = 0; i < fake_request_count; i++)
		CHECK(fake_requests[i].bearer == NULL);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_bad_manifests(void)
{
	static const char *const bad[] = {
	    "",
	    "<html>login</html>",
	    "[]",
	    "{}",
	    "{\"schemaVersion\":2",
	    "{\"schemaVersion\":1,\"config\":" CONFIG(HEX_C, "10") ",\"layers\":[" LAYER("model", HEX_A, "1") "]}",
	    "{\"schemaVersion\":\"2\",\"config\":" CONFIG(HEX_C, "10") ",\"layers\":[" LAYER("model", HEX_A, "1") "]}",
	    "{\"schemaVersion\":2,\"schemaVersion\":2,\"config\":" CONFIG(HEX_C, "10") ",\"layers\":[" LAYER(
		"model", HEX_A, "1") "]}",
	    "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:" HEX_A "\"}]}",
	    MANIFEST(CONFIG(HEX_C, "10"), ""),
	    MANIFEST(CONFIG(HEX_C, "10"), "1"),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "-1")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "0")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_EMPTY, "1")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "1e3")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "1.0")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "\"12\"")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "true")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "null")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "9223372036854775807")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "9223372036854775808")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "1E400")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A, "10") "," LAYER("template", HEX_A, "11")),
	    MANIFEST(CONFIG(HEX_A, "11"), LAYER("model", HEX_A, "10")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", HEX_A "a", "1")),
	    MANIFEST(CONFIG(HEX_C, "10"), LAYER("model", "../../../../etc/passwd", "1")),
	    MANIFEST(CONFIG(HEX_C, "10"),
		     LAYER("model", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "1")),
	    MANIFEST(CONFIG(HEX_C, "10"), "{\"digest\":\"" HEX_A "\",\"size\":1}"),
	    MANIFEST(CONFIG(HEX_C, "10"), "{\"size\":1}"),
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ncm_sources *sources = fake_sources(&config);

		fake_on(BASE "/manifests/latest", 200, NULL, bad[i]);
		check_fails(sources, "ollama:tiny", &spec, NULL, NCM_E_PROTOCOL, NULL, NULL);
		ncm_sources_free(sources);
	}
}

static void test_deep_manifest(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	char deep[4096];

	memset(deep, '[', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	fake_on(BASE "/manifests/latest", 200, NULL, deep);
	check_fails(sources, "ollama:tiny", &spec, NULL, NCM_E_PROTOCOL, "nested", NULL);
	ncm_sources_free(sources);
}

/* The tag moved on: the pinned manifest is had by its digest, where the registry serves that. */
static void test_pins(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;
	char hex[NCM_SHA256_HEX + 1], url[256], revision[80];
	struct ncm_pin pin = {.revision = revision};

	digest_hex(good, hex);
	snprintf(revision, sizeof revision, "sha256:%s", hex);
	snprintf(url, sizeof url, BASE "/manifests/sha256:%s", hex);
	fake_on(BASE "/manifests/latest", 200, NULL, good);
	fake_on(BASE "/manifests/latest", 200, NULL, other);
	fake_on(url, 200, NULL, good);
	resolution = check_resolves(sources, "ollama:tiny", &spec, &pin);
	CHECK_STR(resolution->revision, revision);
	CHECK_U64(fake_asked(url), 0);
	ncm_resolution_free(resolution);
	resolution = check_resolves(sources, "ollama:tiny", &spec, &pin);
	CHECK_STR(resolution->revision, revision);
	CHECK_STR(resolution->manifest, good);
	CHECK_U64(fake_asked(url), 1);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_drift(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_file_spec pinned = spec;
	char hex[NCM_SHA256_HEX + 1], uri[256], url[256];
	struct ncm_pin pin = {.revision = "sha256:" HEX_A};

	fake_on(BASE "/manifests/latest", 200, NULL, other);
	check_fails(
	    sources, "ollama:tiny", &spec, &pin, NCM_E_CHECKSUM,
	    "the tag now names another model: pinned sha256:" HEX_A ", the registry serves sha256:", "--update");
	check_fails(sources, "ollama:tiny@sha256:" HEX_A, &spec, NULL, NCM_E_CHECKSUM, HEX_A, "manifest file");
	pinned.has_digest = true;
	memset(&pinned.digest, 0xaa, sizeof pinned.digest);
	check_fails(sources, "ollama:tiny", &pinned, NULL, NCM_E_CHECKSUM, HEX_A, "manifest file");
	/* A registry that answers the digest with other bytes is not believed. */
	fake_on(BASE "/manifests/sha256:" HEX_A, 200, NULL, good);
	check_fails(sources, "ollama:tiny", &spec, &pin, NCM_E_CHECKSUM, HEX_A, NULL);
	digest_hex(other, hex);
	snprintf(uri, sizeof uri, "ollama:tiny@sha256:%s", hex);
	ncm_resolution_free(check_resolves(sources, uri, &spec, NULL));
	snprintf(url, sizeof url, BASE "/manifests/sha256:%s", hex);
	CHECK_U64(fake_asked(url), 0);
	ncm_sources_free(sources);
}

static void check_layer_pin(const char *type, unsigned char byte, uint64_t size, bool right)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_layer_pin pins[2] = {{.size = size, .type = (char *)type}, {.size = 10, .type = (char *)"config"}};
	struct ncm_file_spec pinned = spec;

	memset(&pins[0].digest, byte, sizeof pins[0].digest);
	memset(&pins[1].digest, 0xcc, sizeof pins[1].digest);
	pinned.layers = pins;
	pinned.layer_count = 2;
	fake_on(BASE "/manifests/latest", 200, NULL, good);
	if (right)
		ncm_resolution_free(check_resolves(sources, "ollama:tiny", &pinned, NULL));
	else
		check_fails(sources, "ollama:tiny", &pinned, NULL, NCM_E_CHECKSUM, "now names another model", NULL);
	ncm_sources_free(sources);
}

static void test_layer_pins(void)
{
	check_layer_pin("model", 0xaa, 1000, true);
	check_layer_pin("model", 0xaa, 999, false);
	check_layer_pin("model", 0xdd, 1000, false);
	check_layer_pin("projector", 0xdd, 1000, false);
	check_layer_pin("adapter", 0xdd, 1000, false);
	check_layer_pin("license", 0xdd, 1000, true); /* texts may change */
}

static void test_errors(void)
{
	static const struct {
		long status;
		const char *body;
		enum ncm_errc code;
		const char *message;
	} cases[] = {
	    {404, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}", NCM_E_NOT_FOUND,
	     "model tiny:latest"},
	    {403, "{\"error\":\"no\"}", NCM_E_AUTH, "no"},
	    {412, "{\"errors\":[{\"message\":\"requires a newer version of Ollama\"}]}", NCM_E_REFUSED,
	     "newer version"},
	    {412, "You need a newer version.\n\nhttps://ollama.com", NCM_E_REFUSED, "newer version"},
	    {400, "{\"error\":\"The specified tag is not a valid quantization scheme\"}", NCM_E_NOT_FOUND,
	     "quantization"},
	    {400, "", NCM_E_PROTOCOL, "400"},
	    {429, "", NCM_E_RATE_LIMIT, NULL},
	    {503, "", NCM_E_NETWORK, NULL},
	    {401, "", NCM_E_AUTH, NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ncm_sources *sources = fake_sources(&config);

		fake_on(BASE "/manifests/latest", cases[i].status, NULL, cases[i].body);
		check_fails(sources, "ollama:tiny", &spec, NULL, cases[i].code, cases[i].message, NULL);
		ncm_sources_free(sources);
	}
}

/* Asks a registry that challenges once; `token_url` NULL: the realm has to be refused. */
static void check_challenge(const char *registry, const char *challenge, const char *token_url, const char *answer)
{
	struct ncm_endpoint endpoint = {.service = "ollama", .url = (char *)registry};
	const struct ncm_config here = fake_set_up(config, &endpoint);
	struct ncm_sources *sources;
	char url[256];

	sources = fake_sources(&here);
	snprintf(url, sizeof url, "%s/v2/library/tiny/manifests/latest", registry);
	fake_on(url, 401, challenge, "");
	fake_on(url, 200, NULL, good);
	if (token_url) {
		struct ncm_resolution *resolution;

		fake_on(token_url, 200, NULL, answer);
		resolution = check_resolves(sources, "ollama:tiny", &spec, NULL);
		CHECK_U64(fake_asked(token_url), 1);
		CHECK(fake_requests[1].bearer == NULL);
		CHECK_STR(fake_requests[2].url, url);
		CHECK_STR(fake_requests[2].bearer, "T0KEN");
		CHECK_STR(resolution->credential->bearer, "T0KEN");
		ncm_resolution_free(resolution);
	} else {
		check_fails(sources, "ollama:tiny", &spec, NULL, NCM_E_POLICY, "another host", NULL);
		CHECK_U64(fake_request_count, 1);
	}
	ncm_sources_free(sources);
}

static void test_challenge(void)
{
	static const char token[] = "{\"token\":\"T0KEN\"}";

	check_challenge("https://registry.ollama.ai",
			"WWW-Authenticate: Bearer realm=\"https://ollama.com/token\",service=\"ollama.com\","
			"scope=\"repository:library/tiny:pull\"\n",
			"https://ollama.com/token?service=ollama.com&scope=repository%3Alibrary%2Ftiny%3Apull", token);
	check_challenge("https://r.example", "WWW-Authenticate: Bearer realm=\"https://r.example/t\"\n",
			"https://r.example/t?scope=repository%3Alibrary%2Ftiny%3Apull", "{\"access_token\":\"T0KEN\"}");
	check_challenge("https://r.example",
			"WWW-Authenticate: Basic realm=\"https://evil.example/\", Bearer "
			"realm=\"https://example.com/t\",  scope=\"a b\"\n",
			NULL, NULL);
	check_challenge(
	    "https://r.example",
	    "WWW-Authenticate: Basic realm=\"https://evil.example/\", Bearer realm=\"https://r.example/t\"\n",
	    "https://r.example/t?scope=repository%3Alibrary%2Ftiny%3Apull", token);
	check_challenge("https://r.sub.example",
			"WWW-Authenticate: bearer REALM=\"https://sub.example/t?x=1\" , scope=\"a b\"\n",
			"https://sub.example/t?x=1&scope=a&scope=b", token);
	check_challenge("http://127.0.0.1:9",
			"WWW-Authenticate: Bearer realm=\"http://127.0.0.1:10/t\",service=\"s\"\n",
			"http://127.0.0.1:10/t?service=s&scope=repository%3Alibrary%2Ftiny%3Apull", token);
}

/* As docker keeps it for whoever spells the port that https has anyhow. */
static void test_sign_in_with_the_usual_port(void)
{
	static const char *const hosts[] = {"r.example", "r.example:443"};
	char *folder = temp_folder();

	setenv("HOME", folder, 1);
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		NCM_AUTO_FREE char *file = ncm_asprintf("{\"auths\":{\"%s\":{\"auth\":\"QTpwYXNz\"}}}", hosts[i]);
		struct ncm_sources *sources = fake_sources(&config);

		temp_write(folder, ".docker/config.json", file);
		fake_on("https://r.example:443/v2/a/b/manifests/latest", 401, "WWW-Authenticate: Basic realm=\"x\"\n",
			"");
		fake_on("https://r.example:443/v2/a/b/manifests/latest", 200, NULL, good);
		ncm_resolution_free(check_resolves(sources, "ollama:r.example:443/a/b", &spec, NULL));
		CHECK_STR(fake_requests[1].bearer, "QTpwYXNz");
		ncm_sources_free(sources);
	}
	setenv("HOME", "/nonexistent", 1);
	temp_remove(folder);
}

static void test_challenge_elsewhere(void)
{
	static const char *const realms[] = {
	    "https://evil.example/token",
	    "http://registry.ollama.ai/token",
	    "https://ollama.com.evil.example/t",
	    "https://user@ollama.com/t",
	    "https://ollama.com@evil.example/t",
	    "//ollama.com/t",
	    "https://ai/token",
	    "file:///etc/passwd",
	    "https://127.0.0.1/t",
	    "https://evilregistry.ollama.ai",
	    "https://registry.ollama.ai.evil.net",
	    "https://ollama.com/t#x",
	};

	for (size_t i = 0; i < sizeof realms / sizeof *realms; i++) {
		char challenge[256];

		snprintf(challenge, sizeof challenge, "WWW-Authenticate: Bearer realm=\"%s\",service=\"s\"\n",
			 realms[i]);
		check_challenge("https://registry.ollama.ai", challenge, NULL, NULL);
	}
	/* 0.0.1 is no parent domain of 127.0.0.1, and ollama.com is no friend of another registry. */
	check_challenge("http://127.0.0.1", "WWW-Authenticate: Bearer realm=\"http://0.0.1/t\"\n", NULL, NULL);
	check_challenge("https://r.example", "WWW-Authenticate: Bearer realm=\"https://ollama.com/t\"\n", NULL, NULL);
}

static void test_bad_tokens(void)
{
	static const char *const answers[] = {"{}", "{\"token\":\"\"}", "{\"token\":\"a\\r\\nHost: evil\"}",
					      "{\"token\":\"a b\"}", "{\"token\":1}"};

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct ncm_sources *sources = fake_sources(&config);

		fake_on(BASE "/manifests/latest", 401, "WWW-Authenticate: Bearer realm=\"https://ollama.com/token\"\n",
			"");
		fake_on("https://ollama.com/token?scope=repository%3Alibrary%2Ftiny%3Apull", 200, NULL, answers[i]);
		check_fails(sources, "ollama:tiny", &spec, NULL, NCM_E_AUTH, "signed in", "ollama signin");
		ncm_sources_free(sources);
	}
}

static void test_one_credential_a_repository(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_credential *first = ollama_credential(sources, "https://registry.ollama.ai", "library/tiny");

	CHECK(first && first->bearer == NULL);
	CHECK_STR(first->origin, "https://registry.ollama.ai");
	CHECK(ollama_credential(sources, "https://registry.ollama.ai/", "library/tiny") == first);
	CHECK(ollama_credential(sources, "https://registry.ollama.ai", "library/other") != first);
	CHECK(ollama_credential(sources, "https://hf.co", "library/tiny") != first);
	CHECK_U64(sources->registries.count, 3);
	ncm_sources_free(sources);
}

int main(void)
{
	/* Whoever runs this may have signed in somewhere. */
	clearenv();
	setenv("HOME", "/nonexistent", 1);
	RUN(test_names_good);
	RUN(test_pages);
	RUN(test_names_hostile);
	RUN(test_ids);
	RUN(test_base);
	RUN(test_resolve);
	RUN(test_for_plan);
	RUN(test_config_is_not_needed);
	RUN(test_manifest_of_a_list);
	RUN(test_public_registry_by_its_other_name);
	RUN(test_huggingface_host);
	RUN(test_bad_manifests);
	RUN(test_deep_manifest);
	RUN(test_pins);
	RUN(test_drift);
	RUN(test_layer_pins);
	RUN(test_errors);
	RUN(test_challenge);
	RUN(test_sign_in_with_the_usual_port);
	RUN(test_challenge_elsewhere);
	RUN(test_bad_tokens);
	RUN(test_one_credential_a_repository);
	fake_reset();
	return 0;
}

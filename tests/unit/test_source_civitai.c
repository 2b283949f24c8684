/* SPDX-License-Identifier: MIT */
/* Civitai: spellings, the choice of a file, refusals. */
#include "fake_http.h"

#include "source/civitai.h"

#define SITE "https://civitai.com"
#define SHA_UPPER "A599C42A9F4F7494C7F410DBC0FD432CF0242720509E9D52FA41AAC7A88D1B69"
#define SHA_OTHER "B599C42A9F4F7494C7F410DBC0FD432CF0242720509E9D52FA41AAC7A88D1B69"

static struct ncm_config config;
static const struct ncm_file_spec spec = {.role = (char *)"weights"};

static void test_names_good(void)
{
	static const char *const pairs[][2] = {
	    {"civitai:128713", "civitai:128713"},
	    {"CIVITAI:128713", "civitai:128713"},
	    {"civitai:4384@128713", "civitai:4384@128713"},
	    {"civitai:4384@latest", "civitai:4384@latest"},
	    {"civitai:2147483647", "civitai:2147483647"},
	    {"civitai:1?fileId=7", "civitai:1?fileId=7"},
	    {"civitai:1?fp=fp16&size=pruned&format=SafeTensor&type=Model&fileId=7",
	     "civitai:1?fileId=7&type=Model&format=SafeTensor&size=pruned&fp=fp16"},
	    {"civitai:1?type=Pruned%20Model", "civitai:1?type=Pruned%20Model"},
	    {"civitai:1?type=Pruned+Model&token=SECRET", "civitai:1?type=Pruned%20Model"},
	    {"https://civitai.com/models/4384", "civitai:4384@latest"},
	    {"https://civitai.com/models/4384/dreamshaper", "civitai:4384@latest"},
	    {"https://civitai.com/models/4384/dreamshaper?modelVersionId=128713", "civitai:4384@128713"},
	    {"https://civitai.com/models/4384?version=128713", "civitai:4384@128713"},
	    {"https://civitai.com/model-versions/128713", "civitai:128713"},
	    {"https://www.civitai.red/models/1?modelVersionId=2&utm=x#comments", "civitai:1@2"},
	    {"http://CIVITAI.green/models/1", "civitai:1@latest"},
	    {"civitai.com/models/1", "civitai:1@latest"},
	    {"https://civitai.com/api/download/models/128713", "civitai:128713"},
	    {"https://civitai.com/api/download/models/"
	     "128713?type=Model&format=SafeTensor&size=pruned&fp=fp16&token=SECRET",
	     "civitai:128713?type=Model&format=SafeTensor&size=pruned&fp=fp16"},
	    {"https://civitai.com/api/download/models/5?type=Model&format=GGUF&quantType=Q8_0&token=SECRET",
	     "civitai:5?type=Model&format=GGUF&quantType=Q8_0"},
	    {"https://civitai.com/api/v1/model-versions/128713", "civitai:128713"},
	    {"https://civitai.com/api/v1/models/4384", "civitai:4384@latest"},
	    {"urn:air:sdxl:checkpoint:civitai:827184@2514310", "civitai:827184@2514310"},
	    {"URN:AIR:sdxl:checkpoint:civitai:827184@2514310", "civitai:827184@2514310"},
	    {"air:sd1:lora:civitai:1", "civitai:1@latest"},
	    {"urn:air:sd1:lora:civitai:1@2+3.safetensors", "civitai:1@2?fileId=3&format=SafeTensor"},
	    {"urn:air:sd1:lora:civitai:1@2.gguf", "civitai:1@2?format=GGUF"},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		CHECK_STR(canonical_of(pairs[i][0], false), pairs[i][1]);
		CHECK_STR(ncm_source_scheme(pairs[i][0]), "civitai");
	}
}

static void test_names_hostile(void)
{
	static const char *const bad[] = {
	    "civitai:",
	    "civitai:0",
	    "civitai:-1",
	    "civitai:+1",
	    "civitai:01",
	    "civitai:1.0",
	    "civitai:1e3",
	    "civitai: 1",
	    "civitai:0x10",
	    "civitai:2147483648",
	    "civitai:9223372036854775808",
	    "civitai:18446744073709551617",
	    "civitai:99999999999999999999999999",
	    "civitai:1@",
	    "civitai:@1",
	    "civitai:1@0",
	    "civitai:1@2@3",
	    "civitai:latest",
	    "civitai:1/../2",
	    "civitai:%31",
	    "civitai:1\r\nX: y",
	    "civitai:1?fileId=0",
	    "civitai:1?fileId=x",
	    "civitai:1?fileId=1&fileId=2",
	    "civitai:1?type=a&type=b",
	    "civitai:1?type=",
	    "civitai:1?type=a/b",
	    "civitai:1?type=a%26b",
	    "civitai:1?type=a%0d%0ab",
	    "civitai:1?type=%zz",
	    "civitai:1?other=1",
	    ("civitai:1#sha256=" SHA_UPPER),
	    "https://civitai.com/",
	    "https://civitai.com/images/1",
	    "https://civitai.com/models/",
	    "https://civitai.com/models/x",
	    "https://civitai.com/models/1x",
	    "https://civitai.com/models/%31",
	    "https://civitai.com/models/../1",
	    "https://civitai.com/models/1?modelVersionId=x",
	    "https://civitai.com/models/1?modelVersionId=2147483648",
	    "urn:air:sdxl:checkpoint:huggingface:org/repo",
	    "urn:air:sdxl:checkpoint:civitai:",
	    "urn:air:sdxl:checkpoint:civitai:x@1",
	    "urn:air:sdxl:civitai:1@2",
	    "urn:air:",
	    "urn:air:::civitai:1",
	    "urn:air:a:b:civitai:1@2+x",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (*canonical_of(bad[i], false))
			fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK_STR(canonical_of(bad[i], false), "");
	}
}

static void test_other_hosts(void)
{
	CHECK_STR(ncm_source_scheme("https://evilcivitai.red/models/1"), "https");
	CHECK_STR(ncm_source_scheme("https://civitai.red.evil.com/models/1"), "https");
	CHECK_STR(ncm_source_scheme("https://civitai.com@evil.com/models/1"), "https");
	CHECK_STR(ncm_source_scheme("https://b2.civitai.com/file/x"), "https");
}

static void test_ids(void)
{
	check_names("civitai:128713", "civitai:128713", "civitai:128713");
	check_names("https://civitai.com/models/4384?modelVersionId=128713", "civitai:4384@128713",
		    "civitai:4384@128713");
	check_names("civitai:1?fileId=7", "civitai:1-fileId=7-1c9c64a0", "civitai:1");
}

static const char one_file[] =
    "{\"id\":242807,\"modelId\":215485,\"name\":\"v1\",\"baseModel\":\"SDXL Turbo\",\"files\":[{\"id\":187907,"
    "\"sizeKB\":768888.859375,\"name\":\"sd_xl_turbo_lora_v1.safetensors\",\"type\":\"Model\",\"metadata\":{\"fp\":"
    "null,"
    "\"size\":null,\"format\":\"SafeTensor\"},\"hashes\":{\"AutoV2\":\"A599C42A9F\",\"SHA256\":\"" SHA_UPPER
    "\"},\"primary\":true}],\"images\":[]}";

#define FILE_OF(id, type, format, size, fp, sha256, more)                                                              \
	"{\"id\":" id ",\"sizeKB\":10.5,\"name\":\"m" id ".safetensors\",\"type\":\"" type                             \
	"\",\"metadata\":{\"format\":\"" format "\",\"size\":\"" size "\",\"fp\":\"" fp                                \
	"\"},\"hashes\":{\"SHA256\":\"" sha256 "\"}" more "}"
#define VERSION_OF(files) "{\"id\":9,\"modelId\":8,\"files\":[" files "]}"
static const char several[] = VERSION_OF(FILE_OF("1", "Model", "SafeTensor", "full", "fp32", SHA_OTHER, "") "," FILE_OF(
    "2", "Model", "SafeTensor", "pruned", "fp16", SHA_UPPER,
    ",\"primary\":true") "," FILE_OF("3", "VAE", "SafeTensor", "full", "fp32", "",
				     "") "," FILE_OF("4", "VAE", "PickleTensor", "full", "fp32", "", ""));

static void test_resolve(void)
{
	struct ncm_endpoint endpoint = {.service = "civitai", .token = (char *)"key"};
	const struct ncm_config with_token = fake_set_up(config, &endpoint);
	struct ncm_sources *sources;
	struct ncm_resolution *resolution;
	const struct ncm_artifact *artifact;

	sources = fake_sources(&with_token);
	CHECK_STR(ncm_source_credential(sources, &ncm_source_civitai)->origin, SITE);
	fake_on(SITE "/api/v1/model-versions/242807", 200, NULL, one_file);
	resolution = check_resolves(sources, "civitai:242807", &spec, NULL);
	CHECK_STR(resolution->uri, "civitai:215485@242807?fileId=187907");
	CHECK_STR(resolution->revision, "242807");
	CHECK_STR(resolution->page, SITE "/models/215485?modelVersionId=242807");
	CHECK_STR(resolution->architecture, "SDXL Turbo");
	CHECK(resolution->credential == ncm_source_credential(sources, &ncm_source_civitai) &&
	      resolution->service == &civitai_service);
	artifact = &resolution->artifacts[0];
	CHECK_U64(resolution->count, 1);
	CHECK_STR(artifact->name, "sd_xl_turbo_lora_v1.safetensors");
	CHECK_STR(artifact->url, SITE "/api/download/models/242807?fileId=187907");
	CHECK(artifact->has_size && !artifact->size_is_rough && artifact->expect_binary);
	CHECK_U64(artifact->size, 787342192);
	CHECK(artifact->has_sha256 && artifact->sha256.bytes[0] == 0xa5);
	CHECK_STR(fake_requests[0].bearer, "key");
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void check_size(const char *kilobytes, bool known, uint64_t size, bool rough)
{
	struct ncm_artifact artifact = {0};
	char text[128];
	json_t *file;

	snprintf(text, sizeof text, "{\"id\":1,\"sizeKB\":%s}", kilobytes);
	file = json_loads(text, 0, NULL);
	CHECK(file != NULL);
	civitai_describe_file(file, &artifact);
	CHECK(artifact.has_size == known && artifact.size_is_rough == rough);
	CHECK_U64(artifact.size, size);
	CHECK(artifact.name == NULL && !artifact.has_sha256);
	json_decref(file);
}

static void test_sizes(void)
{
	check_size("768888.859375", true, 787342192, false);
	check_size("0.0009765625", true, 1, false);
	check_size("6775430.35", true, 6938040678, true); /* rounded to two places */
	check_size("6775430.25", true, 6938040576, true); /* may be */
	check_size("2", true, 2048, true);
	check_size("0", false, 0, false);
	check_size("-5.001953125", false, 0, false);
	check_size("1e300", false, 0, false);
	check_size("\"12\"", false, 0, false);
	check_size("null", false, 0, false);
}

static void check_kind(const char *model, const char *file, const char *expected)
{
	char version[1000];
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *resolution;

	snprintf(version, sizeof version, "{\"id\":9,\"modelId\":8,%s,\"files\":[{\"id\":1,%s}]}", model, file);
	fake_on(SITE "/api/v1/model-versions/9", 200, NULL, version);
	resolution = check_resolves(sources, "civitai:9", &spec, NULL);
	CHECK((resolution->kind == NULL) == (expected == NULL));
	if (expected)
		CHECK_STR(resolution->kind, expected);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_kinds(void)
{
	static const char lora[] = "\"model\":{\"type\":\"LORA\"}", air[] = "\"air\":\"urn:air:sdxl:vae:civitai:8@9\"";

	check_kind(lora, "\"name\":\"a.safetensors\",\"type\":\"Model\"", "lora");
	check_kind(lora, "\"name\":\"a.safetensors\",\"type\":\"Negative\"", "textual-inversion");
	check_kind(lora, "\"name\":\"a.zip\",\"type\":\"Training Data\"", "training-data");
	check_kind(lora, "\"name\":\"a.zip\",\"type\":\"Model\"", "archive");
	check_kind(lora, "\"name\":\"a.txt\",\"type\":\"Other\"", NULL);
	check_kind(air, "\"name\":\"a.safetensors\",\"type\":\"Model\"", "vae");
	check_kind("\"air\":\"urn:air:\"", "\"name\":\"a.safetensors\"", NULL);
	check_kind("\"model\":{\"type\":\"Checkpoint\"}",
		   "\"name\":\"a.gguf\",\"type\":\"Model\",\"metadata\":{\"format\":\"GGUF\"}", "diffusion");
	check_kind("\"model\":{\"type\":\"Wildcards\"}", "\"name\":\"a.zip\",\"type\":\"Archive\"", "wildcards");
	check_kind("\"model\":{\"type\":7}", "\"name\":\"a.safetensors\",\"type\":[]", NULL);
}

static void check_choice(const char *uri, const char *sha256, const char *expected)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_file_spec wanted = spec;
	struct ncm_resolution *resolution;

	wanted.has_sha256 = sha256 && ncm_sha256_parse_any_case(sha256, &wanted.sha256) == 0;
	fake_on(SITE "/api/v1/model-versions/9", 200, NULL, several);
	resolution = check_resolves(sources, uri, &wanted, NULL);
	CHECK_STR(resolution->uri, expected);
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void test_choice(void)
{
	check_choice("civitai:9", NULL, "civitai:8@9?fileId=2");
	check_choice("civitai:9", SHA_OTHER, "civitai:8@9?fileId=1");
	check_choice("civitai:9?fileId=3", SHA_OTHER, "civitai:8@9?fileId=3");
	check_choice("civitai:9?size=full&type=model", NULL, "civitai:8@9?fileId=1");
	check_choice("civitai:9?type=Model", NULL, "civitai:8@9?fileId=2");
	check_choice("civitai:9?type=VAE&format=PickleTensor", NULL, "civitai:8@9?fileId=4");
	check_choice("civitai:9?fp=fp32&type=Model", SHA_UPPER, "civitai:8@9?fileId=1");
	/* What is pinned is gone: the primary comes, and the pin says that it is another. */
	check_choice("civitai:9", "0000000000000000000000000000000000000000000000000000000000000000",
		     "civitai:8@9?fileId=2");
}

static void check_no_choice(const char *uri, const char *version, enum ncm_errc code, const char *message,
			    const char *hint)
{
	struct ncm_sources *sources = fake_sources(&config);

	fake_on(SITE "/api/v1/model-versions/9", 200, NULL, version);
	check_fails(sources, uri, &spec, NULL, code, message, hint);
	ncm_sources_free(sources);
}

static void test_no_choice(void)
{
	check_no_choice("civitai:9?type=VAE", several, NCM_E_USAGE, "several",
			"3 m3.safetensors (SafeTensor, 10.8 kB); 4 m4");
	check_no_choice("civitai:9?type=Config", several, NCM_E_NOT_FOUND, "none of its files", "1 m1.safetensors");
	check_no_choice("civitai:9?fileId=77", several, NCM_E_NOT_FOUND, "no file 77", "2 m2.safetensors");
	check_no_choice("civitai:9", VERSION_OF(""), NCM_E_NOT_FOUND, "lists no file", NULL);
	check_no_choice("civitai:9", "{\"id\":9}", NCM_E_NOT_FOUND, "lists no file", NULL);
	check_no_choice("civitai:9", "{\"files\":[{\"id\":-1},{\"id\":\"2\"},3]}", NCM_E_NOT_FOUND, NULL, NULL);
	check_no_choice("civitai:7@9", several, NCM_E_NOT_FOUND, "of model 8, not of model 7", NULL);
	check_no_choice("civitai:9", "<html>Just a moment", NCM_E_PROTOCOL, "web page", NULL);
	check_no_choice("civitai:9", "nonsense", NCM_E_PROTOCOL, "JSON", NULL);
}

static void test_latest(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	const struct ncm_pin pin = {.revision = "9"};
	struct ncm_resolution *resolution;

	fake_on(SITE "/api/v1/models/8", 200, NULL, "{\"id\":8,\"modelVersions\":[{\"id\":9},{\"id\":7}]}");
	fake_on(SITE "/api/v1/model-versions/9", 200, NULL, several);
	resolution = check_resolves(sources, SITE "/models/8/some-slug", &spec, NULL);
	CHECK_STR(resolution->uri, "civitai:8@9?fileId=2");
	CHECK_STR(resolution->revision, "9");
	ncm_resolution_free(resolution);
	CHECK_U64(fake_request_count, 2);
	/* What was resolved once stays. */
	ncm_resolution_free(check_resolves(sources, "civitai:8@latest", &spec, &pin));
	CHECK_U64(fake_asked(SITE "/api/v1/models/8"), 1);
	fake_reset();
	fake_on(SITE "/api/v1/models/8", 200, NULL, "{\"id\":8,\"modelVersions\":[]}");
	check_fails(sources, "civitai:8@latest", &spec, NULL, NCM_E_NOT_FOUND, "no published version", NULL);
	ncm_sources_free(sources);
}

static void test_endpoint(void)
{
	struct ncm_endpoint endpoint = {
	    .service = "civitai", .url = (char *)"https://civitai.red/", .token = (char *)"key"};
	const struct ncm_config here = fake_set_up(config, &endpoint);
	struct ncm_sources *sources;
	struct ncm_resolution *resolution;

	sources = fake_sources(&here);
	CHECK_STR(ncm_source_credential(sources, &ncm_source_civitai)->origin, "https://civitai.red");
	fake_on("https://civitai.red/api/v1/model-versions/9", 200, NULL, several);
	resolution = check_resolves(sources, "https://civitai.com/model-versions/9", &spec, NULL);
	CHECK_STR(resolution->artifacts[0].url, "https://civitai.red/api/download/models/9?fileId=2");
	ncm_resolution_free(resolution);
	ncm_sources_free(sources);
}

static void check_refusal(bool sent, long status, const char *location, const char *body, enum ncm_errc code,
			  const char *message, const char *hint)
{
	struct ncm_reply reply = {.status = status,
				  .url = (char *)SITE "/api/download/models/9",
				  .location = (char *)location,
				  .headers = (char *)"",
				  .body = (char *)body,
				  .body_size = body ? strlen(body) : 0};
	struct ncm_error err = NCM_ERROR_INIT;
	int result = civitai_service.judge(&reply, "Civitai version 9", sent, &err);

	if (code == NCM_OK) {
		CHECK(result == 0 && err.code == NCM_OK);
		return;
	}
	CHECK(result < 0);
	if (err.code != code || !strstr(err.message, message) || (hint && !strstr(err.hint, hint))) {
		fprintf(stderr, "%s: %s (%s)\n", ncm_errc_name(err.code), err.message, err.hint);
		exit(1);
	}
	CHECK(strstr(err.message, "Civitai version 9") == err.message);
	ncm_error_clear(&err);
	/* A judge may be asked by somebody who does not care why. */
	CHECK(civitai_service.judge(&reply, "x", sent, NULL) < 0);
}

static void test_refusals(void)
{
	static const char log_in[] =
	    "{\"error\":\"Unauthorized\",\"message\":\"The creator of this asset requires you to "
	    "be logged in to download it\"}";
	static const char disabled[] =
	    "{\"error\":\"Unauthorized\",\"message\":\"The creator of this asset has disabled "
	    "downloads on this file\"}";
	static const char early[] =
	    "{\"error\":\"Early Access\",\"deadline\":\"2026-12-01T00:00:00.000Z\",\"message\":\"This "
	    "asset is in Early Access\"}";

	check_refusal(false, 307, SITE "/login?returnUrl=%2Fmodel-versions%2F9&reason=download-auth", NULL, NCM_E_AUTH,
		      "no API key was sent", "CIVITAI_TOKEN");
	check_refusal(true, 302, SITE "/somewhere?reason=download-auth", NULL, NCM_E_AUTH, "invalid or expired",
		      "civitai.com/user/account");
	check_refusal(false, 307, SITE "/model-versions/9", NULL, NCM_E_AUTH, "early access", "buy");
	check_refusal(false, 307, "https://b2.civitai.com/file/x?Authorization=3", NULL, NCM_OK, NULL, NULL);
	check_refusal(false, 401, NULL, log_in, NCM_E_AUTH, "requires you to be logged in", "CIVITAI_TOKEN");
	check_refusal(true, 401, NULL, log_in, NCM_E_AUTH, "invalid or expired", "new key");
	check_refusal(false, 401, NULL, "", NCM_E_AUTH, "no API key", "CIVITAI_TOKEN");
	check_refusal(true, 401, NULL, disabled, NCM_E_NOT_FOUND, "disabled downloads", "no key changes that");
	check_refusal(true, 403, NULL, early, NCM_E_AUTH, "early access until 2026-12-01T00:00:00.000Z", "wait");
	check_refusal(true, 403, NULL, "{\"error\":\"You do not have access to download this file\"}", NCM_E_AUTH,
		      "do not have access", "CIVITAI_TOKEN");
	check_refusal(true, 403, NULL, "<!DOCTYPE html><title>Just a moment...</title>", NCM_E_NETWORK, "firewall",
		      NULL);
	check_refusal(false, 404, NULL, "{\"error\":\"File not found\"}", NCM_E_NOT_FOUND, "File not found", "version");
	check_refusal(false, 410, NULL, "{\"error\":\"Model archived, not available for download\"}", NCM_E_NOT_FOUND,
		      "archived", NULL);
	check_refusal(false, 429, NULL, "We've noticed an unusual amount", NCM_E_RATE_LIMIT, "limits", "CIVITAI_TOKEN");
	check_refusal(false, 400, NULL, "{\"error\":[\"bad fp\"]}", NCM_E_USAGE, "bad fp", NULL);
	check_refusal(false, 451, NULL, "<html>", NCM_E_NOT_FOUND, "not offered", NULL);
	check_refusal(false, 500, NULL, "<html>", NCM_OK, NULL, NULL);
	check_refusal(false, 200, NULL, "", NCM_OK, NULL, NULL);
}

/* What storage refuses is not about the key. */
static void test_storage_is_not_judged(void)
{
	struct ncm_reply reply = {.status = 403,
				  .url = (char *)"https://x.r2.cloudflarestorage.com/1/model/a",
				  .headers = (char *)"",
				  .body = (char *)"<Error/>",
				  .body_size = 8};

	CHECK(civitai_service.judge(&reply, "x", true, NULL) == 0);
}

static void test_not_found(void)
{
	struct ncm_sources *sources = fake_sources(&config);

	fake_on(SITE "/api/v1/model-versions/4384", 404, NULL, "{\"error\":\"Model not found\"}");
	check_fails(sources, "civitai:4384", &spec, NULL, NCM_E_NOT_FOUND, "Civitai version 4384", "not of a model");
	ncm_sources_free(sources);
}

static void test_offline(void)
{
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_target target = {.store = (char *)"a1111", .name = (char *)"x.safetensors"};
	struct ncm_file_spec pinned = {
	    .has_size = true, .size = 5, .has_sha256 = true, .to = &target, .to_count = 1, .role = (char *)"weights"};
	struct ncm_resolution *resolution = ncm_source_offline(sources, "civitai:8@9?fileId=2", &pinned, NULL);

	CHECK(resolution && resolution->count == 1 && resolution->artifacts[0].has_sha256);
	CHECK_STR(resolution->artifacts[0].url, SITE "/api/download/models/9?fileId=2");
	CHECK_STR(resolution->artifacts[0].name, "x.safetensors");
	CHECK_STR(resolution->uri, "civitai:8@9?fileId=2");
	ncm_resolution_free(resolution);
	CHECK(!ncm_source_offline(sources, "civitai:8@9", &pinned, NULL)); /* the server would choose the file */
	CHECK(!ncm_source_offline(sources, "civitai:8@latest?fileId=2", &pinned, NULL));
	CHECK(!ncm_source_offline(sources, "civitai:8@9?fileId=2", &spec, NULL));
	/* For a plan it need not be told which file: its digest does. */
	resolution = ncm_source_offline(sources, "civitai:8@9", &pinned, &(const struct ncm_pin){.for_plan = true});
	CHECK(resolution && resolution->artifacts[0].has_sha256 && resolution->artifacts[0].size == 5);
	ncm_resolution_free(resolution);
	CHECK(!ncm_source_offline(sources, "civitai:8@9", &spec, &(const struct ncm_pin){.for_plan = true}));
	CHECK(!ncm_source_offline(sources, "civitai:8@latest", &pinned, &(const struct ncm_pin){.for_plan = true}));
	CHECK_U64(fake_request_count, 0);
	ncm_sources_free(sources);
}

int main(void)
{
	RUN(test_names_good);
	RUN(test_names_hostile);
	RUN(test_other_hosts);
	RUN(test_ids);
	RUN(test_resolve);
	RUN(test_sizes);
	RUN(test_kinds);
	RUN(test_choice);
	RUN(test_no_choice);
	RUN(test_latest);
	RUN(test_endpoint);
	RUN(test_refusals);
	RUN(test_storage_is_not_judged);
	RUN(test_not_found);
	RUN(test_offline);
	fake_reset();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The source s3: as it is spelled, who signs what, and what a server's errors mean. */
#include "fake_http.h"

#include "credentials/sigv4.h"
#include "source/s3.h"

#define HEX "f6c4a5e1d2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d"

static const struct ncm_file_spec plain_spec = {.role = (char *)"weights"};
static struct ncm_endpoint endpoint = {
    .service = "s3", .settings = &s3_settings, .url = (char *)"http://Minio.LAN:9000/"};

static void forget_keys(void)
{
	static const char *const names[] = {"NCMODEL_S3_ACCESS_KEY", "NCMODEL_S3_SESSION_TOKEN", "NCMODEL_S3_USE_AWS",
					    "AWS_ACCESS_KEY_ID",     "AWS_SESSION_TOKEN",        "AWS_REGION",
					    "AWS_DEFAULT_REGION"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
	endpoint.token = NULL;
	endpoint.token_from = NULL;
}

static void test_spellings(void)
{
	CHECK_STR(ncm_source_scheme("s3:models/x.gguf"), "s3");
	CHECK_STR(canonical_of("s3:models/llm/x.gguf", false), "s3:models/llm/x.gguf");
	CHECK_STR(canonical_of("S3://models/llm/x.gguf", false), "s3:models/llm/x.gguf");
	CHECK_STR(canonical_of("s3:models/a%20b%2Bc.gguf", false), "s3:models/a%20b+c.gguf");
	CHECK_STR(canonical_of("s3:models/a b.gguf", false), "s3:models/a%20b.gguf");
	CHECK_STR(canonical_of("s3:models/%C3%A9.gguf#sha256=" HEX, false), "s3:models/%C3%A9.gguf#sha256=" HEX);
	CHECK_STR(canonical_of("s3:models/\xc3\xa9.gguf", false), "s3:models/%C3%A9.gguf");
	CHECK_STR(canonical_of("s3:models/q%3Fr%23s%25.gguf", false), "s3:models/q%3Fr%23s%25.gguf");
	check_names("s3:models/llm/x.gguf", "s3:models/llm/x.gguf", "x.gguf");
}

static void test_identity(void)
{
	NCM_AUTO_FREE char *key = ncm_source_key("s3://models/x.gguf#sha256=" HEX);
	NCM_AUTO_FREE char *name = ncm_source_file_name("s3:models/a/b%20c.gguf");
	size_t size = 0;

	CHECK_STR(key, "s3:models/x.gguf");
	CHECK_STR(name, "b c.gguf");
	CHECK(ncm_source_stem("s3:models/x.gguf#sha256=" HEX, &size) && size == strlen("s3:models/x.gguf"));
	CHECK(ncm_source_stem("s3://models/x.gguf", &size) == NULL);
}

static void test_resolve(void)
{
	struct ncm_config config = fake_set_up((struct ncm_config){0}, &endpoint);
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *found;

	fake_on("http://minio.lan:9000/models/a%2Bb/x%20y.gguf", 200, "Content-Length: 77\n", NULL);
	found = check_resolves(sources, "s3:models/a+b/x y.gguf", &plain_spec, NULL);
	CHECK_STR(found->uri, "s3:models/a+b/x%20y.gguf");
	CHECK_STR(found->artifacts[0].name, "x y.gguf");
	CHECK(found->artifacts[0].has_size && found->artifacts[0].size == 77 && found->artifacts[0].size_is_rough);
	CHECK(!found->artifacts[0].has_sha256 && found->credential->bearer == NULL);
	CHECK_STR(fake_requests[0].method, "HEAD");
	ncm_resolution_free(found);
	ncm_sources_free(sources);
}

/* A digest of digests is none. */
static void test_checksum(void)
{
	struct ncm_config config = fake_set_up((struct ncm_config){0}, &endpoint);
	struct ncm_sources *sources = fake_sources(&config);
	struct ncm_resolution *found;
	char hex[NCM_SHA256_HEX + 1];

	fake_on("http://minio.lan:9000/models/one", 200,
		"Content-Length: 0\nx-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", NULL);
	fake_on("http://minio.lan:9000/models/parts", 200,
		"Content-Length: 0\nx-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-2\n", NULL);
	found = check_resolves(sources, "s3:models/one", &plain_spec, NULL);
	CHECK(found->artifacts[0].has_sha256 && !found->artifacts[0].size_is_rough);
	CHECK_STR(ncm_sha256_hex(&found->artifacts[0].sha256, hex),
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	ncm_resolution_free(found);
	found = check_resolves(sources, "s3:models/parts", &plain_spec, NULL);
	CHECK(!found->artifacts[0].has_sha256);
	ncm_resolution_free(found);
	ncm_sources_free(sources);
}

static void check_signed_by(const char *bearer)
{
	struct ncm_config config = fake_set_up((struct ncm_config){0}, &endpoint);
	struct ncm_sources *sources = fake_sources(&config);
	const struct ncm_credential *credential = ncm_source_credential(sources, &ncm_source_s3);

	CHECK_STR(credential->origin, "http://minio.lan:9000");
	CHECK((credential->bearer == NULL) == (bearer == NULL));
	if (bearer)
		CHECK_STR(credential->bearer, bearer);
	ncm_sources_free(sources);
}

static void test_keys(void)
{
	forget_keys();
	check_signed_by(NULL);
	endpoint.token = (char *)"se:cret";
	endpoint.token_from = "NCMODEL_S3_SECRET_KEY";
	check_signed_by(NULL); /* one alone is none */
	setenv("NCMODEL_S3_ACCESS_KEY", "access", 1);
	check_signed_by("access::se:cret");
	setenv("NCMODEL_S3_SESSION_TOKEN", "session", 1);
	check_signed_by("access:session:se:cret");
	endpoint.token = (char *)"filed:se:cret";
	endpoint.token_from = "ncmodel/s3-keys";
	check_signed_by("filed::se:cret");
	endpoint.token = (char *)"secret";
	endpoint.token_from = "AWS_SECRET_ACCESS_KEY";
	setenv("AWS_ACCESS_KEY_ID", "cloud", 1);
	check_signed_by("cloud::secret");
	forget_keys();
}

static void test_apply(void)
{
	struct ncm_config config = {.s3_region = (char *)"eu-x"};
	const struct ncm_outgoing get = {.method = "GET", .url = "http://h:1/b/k", .range = "bytes=0-9"};
	struct ncm_strings headers = {0};

	CHECK(s3_apply(&config, "AK:tok:s:3", &get, &headers, NULL) == 0);
	CHECK(headers.count == 4);
	CHECK(strncmp(headers.items[0], "x-amz-content-sha256:e3b0", 25) == 0);
	CHECK(strlen(headers.items[1]) == strlen("x-amz-date:20130524T000000Z"));
	CHECK_STR(headers.items[2], "x-amz-security-token:tok");
	CHECK(strstr(headers.items[3], "Authorization: AWS4-HMAC-SHA256 Credential=AK/"));
	CHECK(strstr(headers.items[3], "/eu-x/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date;"
				       "x-amz-security-token,Signature="));
	CHECK(!strstr(headers.items[3], "s:3"));
	ncm_strings_free(&headers);
}

/* What is sent is signed: its headers by their names ("…-source" before "…-source-range", though ':' is more than '-'),
 * its body where that is known. */
static void test_apply_to_upload(void)
{
	struct ncm_config config = {.s3_region = (char *)"eu-x"};
	const char *items[] = {"if-none-match:*", "x-amz-copy-source-range:bytes=0-9", "x-amz-copy-source:/b/x"};
	const struct ncm_strings more = {.items = (char **)items, .count = 3};
	struct ncm_upload upload = {.method = "PUT", .headers = &more, .size = 5};
	const struct ncm_outgoing put = {.method = "PUT", .url = "http://h:1/b/k", .upload = &upload};
	static const char *const payloads[] = {"UNSIGNED-PAYLOAD", "abcd", SIGV4_NO_PAYLOAD};

	for (size_t i = 0; i < 3; i++) {
		struct ncm_strings headers = {0};
		NCM_AUTO_FREE char *expected = ncm_asprintf("x-amz-content-sha256:%s", payloads[i]);

		upload.sha256 = i == 1 ? "abcd" : NULL;
		upload.size = i == 2 ? 0 : 5;
		CHECK(s3_apply(&config, "AK::s", &put, &headers, NULL) == 0);
		CHECK(headers.count == 3);
		CHECK_STR(headers.items[0], expected);
		CHECK(strstr(headers.items[2], ",SignedHeaders=host;if-none-match;x-amz-content-sha256;"
					       "x-amz-copy-source;x-amz-copy-source-range;x-amz-date,Signature="));
		ncm_strings_free(&headers);
	}
}

/* At Amazon's each region has a host of its own. */
static void test_regions(void)
{
	struct ncm_config config = {0};
	NCM_AUTO_FREE char *usual = s3_base(&config);
	NCM_AUTO_FREE char *other = NULL;

	CHECK_STR(usual, "https://s3.amazonaws.com");
	config.s3_region = (char *)"eu-west-1";
	other = s3_base(&config);
	CHECK_STR(other, "https://s3.eu-west-1.amazonaws.com");
}

static void test_errors(void)
{
	struct ncm_config config = fake_set_up((struct ncm_config){0}, &endpoint);
	struct ncm_sources *sources = fake_sources(&config);

	fake_on("http://minio.lan:9000/models/a", 403, "Date: Fri, 24 May 2013 00:00:00 GMT\n",
		"<Error><Code>RequestTimeTooSkewed</Code></Error>");
	check_fails(sources, "s3:models/a", &plain_spec, NULL, NCM_E_AUTH, "Fri, 24 May 2013", "timedatectl");
	fake_on("http://minio.lan:9000/models/b", 307, "x-amz-bucket-region: eu-x\nLocation: http://elsewhere/b\n",
		NULL);
	check_fails(sources, "s3:models/b", &plain_spec, NULL, NCM_E_AUTH, "region eu-x", "NCMODEL_S3_REGION=eu-x");
	fake_on("http://minio.lan:9000/models/c", 404, "x-amz-bucket-region: eu-x\n",
		"<Error><Code>NoSuchKey</Code></Error>");
	check_fails(sources, "s3:models/c", &plain_spec, NULL, NCM_E_NOT_FOUND, "no such object", NULL);
	fake_on("http://minio.lan:9000/models/d", 403, NULL, "<Error><Code>AccessDenied</Code></Error>");
	check_fails(sources, "s3:models/d", &plain_spec, NULL, NCM_E_AUTH, "sends no keys", "NCMODEL_S3_ACCESS_KEY");
	fake_on("http://minio.lan:9000/models/e", 503, NULL, "<Error><Code>SlowDown</Code></Error>");
	check_fails(sources, "s3:models/e", &plain_spec, NULL, NCM_E_RATE_LIMIT, "SlowDown", NULL);
	ncm_sources_free(sources);
}

int main(void)
{
	forget_keys();
	RUN(test_spellings);
	RUN(test_identity);
	RUN(test_resolve);
	RUN(test_checksum);
	RUN(test_keys);
	RUN(test_apply);
	RUN(test_apply_to_upload);
	RUN(test_regions);
	RUN(test_errors);
	return 0;
}

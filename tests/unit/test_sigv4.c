/* SPDX-License-Identifier: MIT */
/* Signatures: AWS's own examples (S3 API reference, "Signature Calculations for the Authorization Header", and the
 * Signature Version 4 test suite's get-vanilla), and HMAC's (RFC 4231). */
#include "check.h"

#include "base/mem.h"
#include "credentials/sigv4.h"
#include "digest/hash.h"

static const struct sigv4 example = {.access_key = "AKIAIOSFODNN7EXAMPLE",
				     .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
				     .region = "us-east-1",
				     .service = "s3",
				     .time = "20130524T000000Z"};

#define HOST "host:examplebucket.s3.amazonaws.com"
#define HASH "x-amz-content-sha256:" SIGV4_NO_PAYLOAD
#define TIME "x-amz-date:20130524T000000Z"

static void check_mac(const void *key, size_t key_size, const char *data, const char *expected)
{
	struct ncm_sha256 mac;
	char hex[NCM_SHA256_HEX + 1];

	ncm_hmac_sha256(key, key_size, data, strlen(data), &mac);
	CHECK_STR(ncm_sha256_hex(&mac, hex), expected);
}

static void test_hmac(void)
{
	unsigned char long_key[131];

	memset(long_key, 0xaa, sizeof long_key);
	check_mac("Jefe", 4, "what do ya want for nothing?",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	check_mac(long_key, sizeof long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* Signs with the headers of a list that ends with NULL. */
static void check(const struct sigv4 *with, struct sigv4_request request, const char *const *lines,
		  const char *expected)
{
	struct ncm_strings headers = {0};
	NCM_AUTO_FREE char *value = NULL;

	for (; *lines; lines++)
		ncm_strings_add(&headers, *lines);
	request.headers = &headers;
	value = sigv4_authorization(with, &request);
	CHECK_STR(value, expected);
	ncm_strings_free(&headers);
}

#define BY "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="

static void test_get_object(void)
{
	static const char *const lines[] = {HOST, "range:bytes=0-9", HASH, TIME, NULL};

	check(&example,
	      (struct sigv4_request){.method = "GET", .path = "/test.txt", .query = "", .payload = SIGV4_NO_PAYLOAD},
	      lines,
	      BY "host;range;x-amz-content-sha256;x-amz-date,"
		 "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void test_put_object(void)
{
	static const char payload[] = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
	static const char *const lines[] = {"date:Fri, 24 May 2013 00:00:00 GMT",
					    HOST,
					    "x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034"
					    "a8b803f8b072",
					    TIME,
					    "x-amz-storage-class:REDUCED_REDUNDANCY",
					    NULL};

	check(&example,
	      (struct sigv4_request){.method = "PUT", .path = "/test%24file.text", .query = "", .payload = payload},
	      lines,
	      BY "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
		 "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void test_queries(void)
{
	static const char *const lines[] = {HOST, HASH, TIME, NULL};

	check(&example,
	      (struct sigv4_request){.method = "GET", .path = "/", .query = "lifecycle=", .payload = SIGV4_NO_PAYLOAD},
	      lines,
	      BY "host;x-amz-content-sha256;x-amz-date,"
		 "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	check(&example,
	      (struct sigv4_request){
		  .method = "GET", .path = "/", .query = "max-keys=2&prefix=J", .payload = SIGV4_NO_PAYLOAD},
	      lines,
	      BY "host;x-amz-content-sha256;x-amz-date,"
		 "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

/* Another service, without the payload's hash among the headers. */
static void test_vanilla(void)
{
	static const struct sigv4 with = {.access_key = "AKIDEXAMPLE",
					  .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
					  .region = "us-east-1",
					  .service = "service",
					  .time = "20150830T123600Z"};
	static const char *const lines[] = {"host:example.amazonaws.com", "x-amz-date:20150830T123600Z", NULL};

	check(&with, (struct sigv4_request){.method = "GET", .path = "/", .query = "", .payload = SIGV4_NO_PAYLOAD},
	      lines,
	      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
	      "SignedHeaders=host;x-amz-date,"
	      "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

int main(void)
{
	RUN(test_hmac);
	RUN(test_get_object);
	RUN(test_put_object);
	RUN(test_queries);
	RUN(test_vanilla);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* SHA-256 side by side against OpenSSL, one message after the other. NCM_TEST_CASES says how many random cases. */
#include "check.h"
#include "digest/hash.h"
#include "digest/sha256_lanes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BYTES = 8192, MOST_BLOCKS = 24 };

static uint64_t seed;
static uint8_t data[BYTES];

static uint64_t any(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void fill(void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = (uint8_t)any(256);
}

static size_t cases(size_t usual)
{
	const char *given = getenv("NCM_TEST_CASES");

	return given ? strtoull(given, NULL, 10) : usual;
}

/* Any states, blocks at any address, any number of both. */
static void lanes_lead_where_openssl_leads(void)
{
	for (size_t i = 0, count = cases(200000); i < count; i++) {
		struct ncm_sha256_state states[NCM_SHA256_LANES], expected[NCM_SHA256_LANES];
		struct ncm_sha256_lane lanes[NCM_SHA256_LANES];
		const size_t some = 1 + any(NCM_SHA256_LANES), blocks = any(MOST_BLOCKS);

		data[any(BYTES)] = (uint8_t)any(256);
		for (size_t k = 0; k < some; k++) {
			fill(states[k].bytes, sizeof states[k].bytes);
			expected[k] = states[k];
			lanes[k] =
			    (struct ncm_sha256_lane){&states[k], data + any(BYTES - MOST_BLOCKS * NCM_SHA256_BLOCK)};
			if (blocks > 0)
				ncm_sha256_state_advance(&expected[k], lanes[k].blocks, blocks * NCM_SHA256_BLOCK);
		}
		ncm_sha256_lanes_advance(lanes, some, blocks);
		for (size_t k = 0; k < some; k++)
			CHECK(ncm_sha256_state_equal(&states[k], &expected[k]));
	}
}

/* Messages of any length, in pieces that end anywhere, beside others that end before or after them. */
static void runs_side_by_side_hash_what_each_would_alone(void)
{
	for (size_t i = 0, count = cases(20000); i < count; i++) {
		struct ncm_sha256_run runs[NCM_SHA256_LANES];
		size_t starts[NCM_SHA256_LANES], sizes[NCM_SHA256_LANES], done[NCM_SHA256_LANES] = {0};
		const size_t some = 1 + any(NCM_SHA256_LANES);
		bool more = true;

		for (size_t k = 0; k < some; k++) {
			ncm_sha256_run_start(&runs[k]);
			starts[k] = any(BYTES);
			sizes[k] = any(BYTES - starts[k] + 1);
		}
		while (more) {
			struct ncm_sha256_piece pieces[NCM_SHA256_LANES];

			more = false;
			for (size_t k = 0; k < some; k++) {
				const size_t size = any(sizes[k] - done[k] + 1);

				pieces[k] = (struct ncm_sha256_piece){&runs[k], data + starts[k] + done[k], size};
				done[k] += size;
				more = more || done[k] < sizes[k];
			}
			ncm_sha256_runs_update(pieces, some);
		}
		for (size_t k = 0; k < some; k++) {
			struct ncm_sha256 digest, expected;

			ncm_sha256_run_digest(&runs[k], &digest);
			ncm_sha256_of(data + starts[k], sizes[k], &expected);
			CHECK(ncm_sha256_equal(&digest, &expected));
		}
	}
}

/* FIPS 180-4's examples and CAVP's shortest and a long one, each in every lane. */
static void the_standards_examples_come_out(void)
{
	static const struct {
		const char *message, *digest;
		size_t times;
	} examples[] = {
	    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1},
	    {"\xd3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1", 1},
	    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 1},
	    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", 1},
	    {"a", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 1000000},
	};

	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
		struct ncm_sha256_run runs[NCM_SHA256_LANES];
		struct ncm_sha256_piece pieces[NCM_SHA256_LANES];

		for (size_t k = 0; k < NCM_SHA256_LANES; k++) {
			ncm_sha256_run_start(&runs[k]);
			pieces[k] =
			    (struct ncm_sha256_piece){&runs[k], examples[i].message, strlen(examples[i].message)};
		}
		for (size_t n = 0; n < examples[i].times; n++)
			ncm_sha256_runs_update(pieces, NCM_SHA256_LANES);
		for (size_t k = 0; k < NCM_SHA256_LANES; k++) {
			struct ncm_sha256 digest;
			char hex[NCM_SHA256_HEX + 1];

			ncm_sha256_run_digest(&runs[k], &digest);
			CHECK_STR(ncm_sha256_hex(&digest, hex), examples[i].digest);
		}
	}
}

int main(void)
{
	const char *given = getenv("NCM_TEST_SEED");

	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	printf("seed %" PRIu64 " (NCM_TEST_SEED), %s\n", seed, ncm_sha256_kernel());
	fill(data, sizeof data);
	RUN(the_standards_examples_come_out);
	RUN(lanes_lead_where_openssl_leads);
	RUN(runs_side_by_side_hash_what_each_would_alone);
	return 0;
}

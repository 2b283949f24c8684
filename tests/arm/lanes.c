/* SPDX-License-Identifier: MIT */
/*
 * The arm64 kernel of SHA-256 under an emulator: reads padded messages with their digests, as test_arm.py writes them,
 * and says how many cases came out right. It is linked with nothing but the kernel.
 */
#include "digest/sha256_lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BLOCKS = 64 };

/* What a machine without the instructions would call; here it is a failure. */
void ncm_sha256_state_advance(struct ncm_sha256_state *state, const void *blocks, size_t size)
{
	(void)state, (void)blocks, (void)size;
	fputs("the CPU that is emulated has no SHA-2 instructions\n", stderr);
	exit(1);
}

static const struct ncm_sha256_state initial = {{
    0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a,
    0x51, 0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19,
}};

static void must_read(void *bytes, size_t size)
{
	if (fread(bytes, 1, size, stdin) != size) {
		fputs("the cases end too early\n", stderr);
		exit(1);
	}
}

/* A case: lanes, blocks, after how many of them it is split; then for each lane the blocks and the digest. */
static void check_case(const uint8_t head[3], unsigned long number)
{
	static uint8_t blocks[NCM_SHA256_LANES][MOST_BLOCKS * NCM_SHA256_BLOCK];
	struct ncm_sha256_state states[NCM_SHA256_LANES], expected[NCM_SHA256_LANES];
	struct ncm_sha256_lane lanes[NCM_SHA256_LANES];

	for (size_t k = 0; k < head[0]; k++) {
		must_read(blocks[k], (size_t)head[1] * NCM_SHA256_BLOCK);
		must_read(expected[k].bytes, sizeof expected[k].bytes);
		states[k] = initial;
		lanes[k] = (struct ncm_sha256_lane){&states[k], blocks[k]};
	}
	ncm_sha256_lanes_advance(lanes, head[0], head[2]);
	for (size_t k = 0; k < head[0]; k++)
		lanes[k].blocks += (size_t)head[2] * NCM_SHA256_BLOCK;
	ncm_sha256_lanes_advance(lanes, head[0], (size_t)(head[1] - head[2]));
	for (size_t k = 0; k < head[0]; k++) {
		if (memcmp(states[k].bytes, expected[k].bytes, sizeof states[k].bytes) != 0) {
			fprintf(stderr, "case %lu, lane %zu of %d, %d blocks: wrong\n", number, k, head[0], head[1]);
			exit(1);
		}
	}
}

int main(void)
{
	unsigned long count = 0;
	uint8_t head[3];

	while (fread(head, 1, sizeof head, stdin) == sizeof head)
		check_case(head, ++count);
	printf("%lu cases, %s\n", count, ncm_sha256_kernel());
	return 0;
}

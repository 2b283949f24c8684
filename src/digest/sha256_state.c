/* SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "digest/sha256_state.h"

#include "digest/sha256_lanes.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As for every other hash here: without it there is no way on. */
static void must(int result)
{
	if (result != 1) {
		fputs("ncmodel: OpenSSL cannot hash\n", stderr);
		abort();
	}
}

static void load(SHA256_CTX *context, const struct ncm_sha256_state *state, uint64_t before)
{
	const uint8_t *at = state->bytes;
	const uint64_t bits = before << 3;

	must(SHA256_Init(context));
	for (size_t i = 0; i < 8; i++, at += 4)
		context->h[i] = (SHA_LONG)at[0] << 24 | (SHA_LONG)at[1] << 16 | (SHA_LONG)at[2] << 8 | at[3];
	context->Nl = (SHA_LONG)bits;
	context->Nh = (SHA_LONG)(bits >> 32);
}

static void store(const SHA256_CTX *context, struct ncm_sha256_state *state)
{
	uint8_t *at = state->bytes;

	for (size_t i = 0; i < 8; i++, at += 4) {
		at[0] = (uint8_t)(context->h[i] >> 24);
		at[1] = (uint8_t)(context->h[i] >> 16);
		at[2] = (uint8_t)(context->h[i] >> 8);
		at[3] = (uint8_t)context->h[i];
	}
}

void ncm_sha256_state_advance(struct ncm_sha256_state *state, const void *blocks, size_t size)
{
	SHA256_CTX context;

	load(&context, state, 0);
	must(SHA256_Update(&context, blocks, size));
	store(&context, state);
}

/* The standard's initial value: the state before the first block. */
static void initial_state(struct ncm_sha256_state *state)
{
	SHA256_CTX context;

	must(SHA256_Init(&context));
	store(&context, state);
}

bool ncm_sha256_state_equal(const struct ncm_sha256_state *a, const struct ncm_sha256_state *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void ncm_sha256_run_start(struct ncm_sha256_run *run)
{
	struct ncm_sha256_state initial;

	initial_state(&initial);
	ncm_sha256_run_from(run, &initial, 0);
}

void ncm_sha256_run_from(struct ncm_sha256_run *run, const struct ncm_sha256_state *state, uint64_t length)
{
	must(length % NCM_SHA256_BLOCK == 0);
	*run = (struct ncm_sha256_run){.state = *state, .length = length};
}

/* Takes bytes into the block that waits, at most what it lacks; returns how many. */
static size_t fill_block(struct ncm_sha256_run *run, const void *data, size_t size)
{
	const size_t waiting = (size_t)(run->length % NCM_SHA256_BLOCK);
	const size_t lacking = NCM_SHA256_BLOCK - waiting;
	const size_t take = size < lacking ? size : lacking;

	memcpy(run->block + waiting, data, take);
	run->length += take;
	if (take == lacking)
		ncm_sha256_lanes_advance(&(struct ncm_sha256_lane){&run->state, run->block}, 1, 1);
	return take;
}

/* One step over the whole blocks that all have who still have any. False if nobody has. */
static bool advance_together(struct ncm_sha256_piece *pieces, size_t count)
{
	struct ncm_sha256_lane lanes[NCM_SHA256_LANES];
	struct ncm_sha256_piece *with[NCM_SHA256_LANES];
	size_t blocks = SIZE_MAX / NCM_SHA256_BLOCK, some = 0;

	for (size_t i = 0; i < count; i++) {
		if (pieces[i].size < NCM_SHA256_BLOCK)
			continue;
		lanes[some] = (struct ncm_sha256_lane){&pieces[i].run->state, pieces[i].data};
		with[some++] = &pieces[i];
		if (pieces[i].size / NCM_SHA256_BLOCK < blocks)
			blocks = pieces[i].size / NCM_SHA256_BLOCK;
	}
	if (some == 0)
		return false;
	ncm_sha256_lanes_advance(lanes, some, blocks);
	for (size_t i = 0; i < some; i++) {
		with[i]->data = (const uint8_t *)with[i]->data + blocks * NCM_SHA256_BLOCK;
		with[i]->size -= blocks * NCM_SHA256_BLOCK;
		with[i]->run->length += blocks * NCM_SHA256_BLOCK;
	}
	return true;
}

void ncm_sha256_runs_update(const struct ncm_sha256_piece *pieces, size_t count)
{
	struct ncm_sha256_piece rest[NCM_SHA256_LANES];

	for (size_t i = 0; i < count; i++) {
		const bool begun = pieces[i].run->length % NCM_SHA256_BLOCK > 0;
		const size_t taken = begun ? fill_block(pieces[i].run, pieces[i].data, pieces[i].size) : 0;

		rest[i] = pieces[i];
		rest[i].data = (const uint8_t *)pieces[i].data + taken;
		rest[i].size -= taken;
	}
	while (advance_together(rest, count))
		;
	for (size_t i = 0; i < count; i++) {
		if (rest[i].size > 0)
			fill_block(rest[i].run, rest[i].data, rest[i].size);
	}
}

void ncm_sha256_run_update(struct ncm_sha256_run *run, const void *data, size_t size)
{
	ncm_sha256_runs_update(&(struct ncm_sha256_piece){run, data, size}, 1);
}

void ncm_sha256_run_digest(const struct ncm_sha256_run *run, struct ncm_sha256 *digest)
{
	const size_t waiting = (size_t)(run->length % NCM_SHA256_BLOCK);
	SHA256_CTX context;

	load(&context, &run->state, run->length - waiting);
	must(SHA256_Update(&context, run->block, waiting));
	must(SHA256_Final(digest->bytes, &context));
}

/* SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "digest/sha256_state.h"

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

/* Goes on from *state over whole blocks. */
static void advance(struct ncm_sha256_state *state, const void *blocks, size_t size)
{
	SHA256_CTX context;

	load(&context, state, 0);
	must(SHA256_Update(&context, blocks, size));
	store(&context, state);
}

void ncm_sha256_initial(struct ncm_sha256_state *state)
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

	ncm_sha256_initial(&initial);
	ncm_sha256_run_from(run, &initial, 0);
}

void ncm_sha256_run_from(struct ncm_sha256_run *run, const struct ncm_sha256_state *state, uint64_t length)
{
	must(length % NCM_SHA256_BLOCK == 0);
	*run = (struct ncm_sha256_run){.state = *state, .length = length};
}

void ncm_sha256_run_update(struct ncm_sha256_run *run, const void *data, size_t size)
{
	const size_t waiting = (size_t)(run->length % NCM_SHA256_BLOCK);
	const uint8_t *at = data;
	size_t whole;

	run->length += size;
	if (waiting > 0) {
		size_t take = NCM_SHA256_BLOCK - waiting;

		if (take > size)
			take = size;
		memcpy(run->block + waiting, at, take);
		if (waiting + take < NCM_SHA256_BLOCK)
			return;
		advance(&run->state, run->block, NCM_SHA256_BLOCK);
		at += take;
		size -= take;
	}
	whole = size - size % NCM_SHA256_BLOCK;
	if (whole > 0)
		advance(&run->state, at, whole);
	if (size > whole)
		memcpy(run->block, at + whole, size - whole);
}

void ncm_sha256_run_digest(const struct ncm_sha256_run *run, struct ncm_sha256 *digest)
{
	const size_t waiting = (size_t)(run->length % NCM_SHA256_BLOCK);
	SHA256_CTX context;

	load(&context, &run->state, run->length - waiting);
	must(SHA256_Update(&context, run->block, waiting));
	must(SHA256_Final(digest->bytes, &context));
}

/* SPDX-License-Identifier: MIT */
#include "digest/span.h"

size_t ncm_checkpoints_expected(uint64_t size)
{
	return size == 0 ? 0 : (size_t)((size - 1) / NCM_CHECKPOINT_SPAN);
}

size_t ncm_span_count(const struct ncm_checkpoints *checkpoints)
{
	return checkpoints->count + 1;
}

uint64_t ncm_span_start(size_t span)
{
	return (uint64_t)span * NCM_CHECKPOINT_SPAN;
}

uint64_t ncm_span_end(const struct ncm_checkpoints *checkpoints, size_t span)
{
	return span < checkpoints->count ? ncm_span_start(span + 1) : checkpoints->size;
}

void ncm_span_begin(struct ncm_span_proof *proof, const struct ncm_checkpoints *checkpoints, size_t span)
{
	proof->checkpoints = checkpoints;
	proof->span = span;
	if (span == 0)
		ncm_sha256_run_start(&proof->run);
	else
		ncm_sha256_run_from(&proof->run, &checkpoints->states[span - 1], ncm_span_start(span));
}

void ncm_span_update(struct ncm_span_proof *proof, const void *data, size_t size)
{
	ncm_sha256_run_update(&proof->run, data, size);
}

bool ncm_span_holds(const struct ncm_span_proof *proof)
{
	const struct ncm_checkpoints *checkpoints = proof->checkpoints;
	struct ncm_sha256 digest;

	if (proof->run.length != ncm_span_end(checkpoints, proof->span))
		return false;
	if (proof->span < checkpoints->count)
		return ncm_sha256_state_equal(&proof->run.state, &checkpoints->states[proof->span]);
	ncm_sha256_run_digest(&proof->run, &digest);
	return ncm_sha256_equal(&digest, &checkpoints->sha256);
}

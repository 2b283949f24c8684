/* SPDX-License-Identifier: MIT */
/* What sidecars tell of a file against what it is. */
#include "survey/work.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "digest/hash.h"
#include "os/os.h"

#include <string.h>

enum { ABOUT = 1024 }; /* bytes by which a size in KiB may be off */

static bool is_about(uint64_t size, uint64_t told)
{
	return told > 0 && (size > told ? size - told : told - size) <= ABOUT;
}

const struct ncm_survey_claim *claim_met(const struct ncm_survey_file *file)
{
	for (size_t i = 0; file->has_sha256 && i < file->claim_count; i++) {
		if (ncm_sha256_equal(&file->claims[i].sha256, &file->sha256))
			return &file->claims[i];
	}
	return NULL;
}

const struct ncm_survey_claim *claim_nearest(const struct ncm_survey_file *file, const struct ncm_facts *facts,
					     bool *open)
{
	const uint64_t size = facts->soundness == NCM_TRUNCATED && facts->extent > 0 ? facts->extent : file->size;
	const struct ncm_survey_claim *nearest = NULL;

	*open = false;
	for (size_t i = 0; i < file->claim_count; i++) {
		if (!is_about(size, file->claims[i].size))
			continue;
		*open = nearest != NULL;
		nearest = nearest ? nearest : &file->claims[i];
	}
	*open = *open || (!nearest && file->claim_count > 1);
	return nearest ? nearest : &file->claims[0];
}

/* The SHA-256 of everything behind a safetensors header, which kohya's tools and Civitai (AutoV3) tell models by. */
static bool hash_tensors(const struct ncm_survey_file *file, char hex[NCM_SHA256_HEX + 1])
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, file->real ? file->real : file->path, OS_READ | OS_NO_LINK);
	struct ncm_hash *hash;
	struct ncm_sha256 digest;
	NCM_AUTO_FREE char *block = ncm_malloc(1 << 20);
	unsigned char length[8];
	uint64_t at = 0;
	ssize_t got;

	if (fd < 0 || os_pread(fd, length, sizeof length, 0) != sizeof length)
		return false;
	for (size_t i = sizeof length; i-- > 0;)
		at = at << 8 | length[i];
	if (at > file->size)
		return false;
	hash = ncm_hash_new(NCM_HASH_SHA256);
	for (at += sizeof length; (got = os_pread(fd, block, 1 << 20, at)) > 0; at += (uint64_t)got)
		ncm_hash_update(hash, block, (size_t)got);
	ncm_hash_sha256(hash, &digest);
	ncm_sha256_hex(&digest, hex);
	return got == 0;
}

/* As far as anybody tells what the tensors were. */
static const char *part_that_differs(const struct ncm_survey_file *file, const struct ncm_facts *facts)
{
	char hex[NCM_SHA256_HEX + 1];
	bool told = false;

	if (facts->format != NCM_FORMAT_SAFETENSORS)
		return "";
	for (size_t i = 0; i < file->claim_count; i++)
		told = told || *file->claims[i].tensors;
	if (!told || !hash_tensors(file, hex))
		return " (whether in its header alone is not known)";
	for (size_t i = 0; i < file->claim_count; i++) {
		const char *tensors = file->claims[i].tensors;

		if (*tensors && strncmp(hex, tensors, strlen(tensors)) == 0)
			return " (its header alone)";
	}
	return " (its tensors too)";
}

char *claim_difference(const struct ncm_survey_file *file, const struct ncm_facts *facts)
{
	bool open;
	const struct ncm_survey_claim *claim = claim_nearest(file, facts, &open);
	const bool sidecar = strcmp(claim->told_by, "sidecar") == 0;
	char is[NCM_SHA256_HEX + 1], told[NCM_SHA256_HEX + 1];
	struct ncm_buffer text = {0};

	ncm_buffer_printf(&text, "differs from what %s says%s%s%s: it has sha256 %s, and not %s",
			  sidecar ? "its sidecar" : "cache.json", claim->which ? " of " : "",
			  claim->which ? claim->which : "", part_that_differs(file, facts),
			  ncm_sha256_hex(&file->sha256, is), ncm_sha256_hex(&claim->sha256, told));
	return ncm_buffer_take(&text);
}

bool claim_is_all(const struct ncm_survey_file *file)
{
	return file->told_by && (strcmp(file->told_by, "sidecar") == 0 || strcmp(file->told_by, "cache.json") == 0);
}

void claim_clear(struct ncm_survey_claim *claim)
{
	free(claim->which);
	free(claim->source);
	free(claim->revision);
}

void claims_clear(struct ncm_survey_file *file)
{
	for (size_t i = 0; i < file->claim_count; i++)
		claim_clear(&file->claims[i]);
	free(file->claims);
	file->claims = NULL;
	file->claim_count = 0;
}

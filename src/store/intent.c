/* SPDX-License-Identifier: MIT */
#include "store/intent.h"

#include "base/mem.h"
#include "digest/hash.h"

#include <string.h>

char *ncm_store_intent_name(const char *relative)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(relative, strlen(relative), &digest);
	return ncm_asprintf("placing-%.32s", ncm_sha256_hex(&digest, hex));
}

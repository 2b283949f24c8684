/* SPDX-License-Identifier: MIT */
/* Which manifest of an index is meant: what is for no platform is no image, and so a model's, if one is. */
#include "oci/manifest.h"

#include "base/buffer.h"
#include "base/mem.h"

static void collect(const struct oci_manifest *index, bool any, struct oci_candidates *candidates)
{
	*candidates = (struct oci_candidates){0};
	for (size_t i = 0; i < index->child_count; i++) {
		const struct oci_descriptor *child = &index->children[i];

		if (child->is_attestation || (!any && child->platform))
			continue;
		if (candidates->count < OCI_CANDIDATES)
			candidates->items[candidates->count++] = child;
		candidates->all++;
	}
}

void oci_candidates_of(const struct oci_manifest *index, struct oci_candidates *candidates)
{
	collect(index, false, candidates);
	if (candidates->all != 1)
		collect(index, true, candidates);
}

int oci_candidates_list(const struct oci_candidates *candidates, const char *what, const char *reference,
			struct ncm_error *err)
{
	struct ncm_buffer list = {0};
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < candidates->count; i++) {
		const struct oci_descriptor *child = candidates->items[i];
		const char *of = child->platform ? child->platform : child->artifact_type;

		ncm_buffer_printf(&list, "%s%.128s%ssha256:%s", i > 0 ? ", " : "", of ? of : "", of ? " " : "",
				  ncm_sha256_hex(&child->digest, hex));
	}
	if (candidates->all > candidates->count)
		ncm_buffer_printf(&list, " and %zu more", candidates->all - candidates->count);
	ncm_error_set(err, NCM_E_USAGE, "%s: several are behind that name: %s", what, list.data ? list.data : "");
	ncm_buffer_free(&list);
	return ncm_error_hint(err, "choose one by its digest: oci:%s@sha256:%s", reference,
			      ncm_sha256_hex(&candidates->items[0]->digest, hex));
}

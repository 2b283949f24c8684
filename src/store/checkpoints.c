/* SPDX-License-Identifier: MIT */
#include "digest/checkpoint.h"

#include "base/mem.h"
#include "store/store.h"

int ncm_layout_checkpoints(const struct ncm_layout *layout, const struct ncm_sha256 *sha256, uint64_t size,
			   struct ncm_checkpoints *checkpoints)
{
	int failed = -1;

	for (size_t i = 0; i < layout->count && failed; i++) {
		const struct ncm_store *store = &layout->stores[i];
		NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);
		NCM_AUTO_CLOSE int home = dirfd < 0 ? -1 : ncm_store_home(store, dirfd);

		if (home >= 0)
			failed = ncm_checkpoints_read(home, sha256, size, checkpoints);
	}
	return failed;
}

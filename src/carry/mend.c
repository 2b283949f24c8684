/* SPDX-License-Identifier: MIT */
/* The damaged ranges of a file, fetched, proved by its checkpoints, and put where it lies. */
#include "carry/carry.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/commit.h"
#include "verify/repair.h"

#include <errno.h>

/* Bytes that an earlier run left may be of other ranges: they are fetched once more before the file is given up. */
static int fall_back(struct carry *carry, struct task *task, struct ncm_error *why)
{
	const bool left_over = why->code == NCM_E_CHECKSUM && task->range_received == 0 && !task->ranges_tried;

	ncm_transfer_discard(task->item->content->places[0].store->staging, task->partial);
	task->ranges_tried = true;
	task->range_received = 0;
	task->again = true;
	task->item->present = 0;
	if (!left_over) {
		task->item->mend.count = 0;
		ncm_emit_text(&carry->run->sink, NCM_EVENT_NOTE, "%s; fetching the whole file", why->message);
	}
	ncm_error_clear(why);
	return 1;
}

int task_mend(struct carry *carry, struct task *task)
{
	const struct content *content = task->item->content;
	const struct place *place = &content->places[0];
	struct step *step = &task->item->steps[0];
	NCM_AUTO_CLOSE int fd = os_open_beneath(place->store->staging, task->partial, OS_READ);
	NCM_AUTO_CLOSE int home = ncm_store_home(place->store, place->store->dirfd);
	const struct ncm_repair repair = {
	    .store = place->store,
	    .store_dirfd = place->store->dirfd,
	    .home = home,
	    .relative = place_bytes(place),
	    .sha256 = &content->sha256,
	    .size = content->size,
	    .ranges = task->item->mend.file->damaged,
	    .count = task->item->mend.file->damaged_count,
	    .partial_fd = fd,
	};
	struct ncm_error why = NCM_ERROR_INIT;

	if (fd < 0)
		return ncm_error_errno(&task->error, errno, "cannot open what was fetched of %s", content->name);
	for (size_t i = 0; i < repair.count; i++) {
		if (store_keep_range(place->store, place_bytes(place), repair.ranges[i].start, repair.ranges[i].end,
				     &task->error) < 0)
			return -1;
	}
	if (ncm_repair_in_place(&repair, &step->status, &why) == 0) {
		step->state = PLACE_RIGHT;
		ncm_transfer_discard(place->store->staging, task->partial);
		task_told(carry, task, 0, "mended");
		return 0;
	}
	if (why.code == NCM_E_CHECKSUM || why.code == NCM_E_DAMAGED || why.code == NCM_E_IO)
		return fall_back(carry, task, &why);
	return ncm_error_move(&task->error, &why);
}

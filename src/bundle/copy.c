/* SPDX-License-Identifier: MIT */
/* Content is hashed while it is copied, and gets its name when it is right and durable. */
#include "bundle/bundle.h"

#include "base/ability.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/own.h"
#include "digest/copy.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

enum { RANDOM = 17 };

static const char ENDING[] = ".tmp";

static bool is_copy(const char *name)
{
	const size_t size = strlen(name), end = sizeof ENDING - 1;

	return name[0] == '.' && size > end && strcmp(name + size - end, ENDING) == 0;
}

bool bundle_is_held(int fd)
{
	return fd >= 0 && os_lock(fd, OS_LOCK_ALONE) < 0 && errno == EWOULDBLOCK;
}

static void forget_copy(int blobs, const char *name)
{
	NCM_AUTO_CLOSE int fd = os_open_beneath(blobs, name, OS_READ | OS_WRITE);

	if (!bundle_is_held(fd))
		os_unlink(blobs, name);
}

void bundle_forget_copies(int blobs)
{
	struct os_list *list = os_list(os_dup(blobs));
	const char *name;

	while (list && (name = os_list_next(list))) {
		if (is_copy(name))
			forget_copy(blobs, name);
	}
	os_list_end(list);
}

/* Whether the blob is there already, and right. */
static bool is_there(struct bundle_copy *copy)
{
	NCM_AUTO_CLOSE int fd = os_open_beneath(copy->blobs, copy->name, OS_READ);
	struct ncm_sha256 found;
	struct os_stat status;

	if (fd < 0 || os_fstat(fd, &status) < 0 || status.kind != OS_IS_FILE || status.size != copy->size ||
	    ncm_tally_fd(fd, copy->size, &found, &copy->checkpoints, NULL, NULL) < 0)
		return false;
	if (ncm_sha256_equal(&found, &copy->sha256))
		return true;
	ncm_checkpoints_clear(&copy->checkpoints);
	return false;
}

static void tell_progress(void *context, uint64_t bytes)
{
	struct bundle_copy *copy = context;

	copy->before += bytes;
	ncm_emit(copy->sink, &(struct ncm_event){.type = NCM_EVENT_VERIFIED,
						 .file = copy->from,
						 .done = copy->before,
						 .total = copy->total,
						 .stage = "hashing"});
}

static int tell_failure(const struct bundle_copy *copy, int errnum, struct ncm_error *err)
{
	if (errnum == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted while copying %s", copy->from);
	return ncm_error_errno(err, errnum, "cannot copy %s into the bundle", copy->from);
}

static int tell_damage(const struct bundle_copy *copy, const struct ncm_sha256 *found, struct ncm_error *err)
{
	char hex[NCM_SHA256_HEX + 1];

	ncm_error_set(err, NCM_E_DAMAGED, "%s has sha256 %s, models.json says %s", copy->from,
		      ncm_sha256_hex(found, hex), copy->name);
	return ncm_error_hint(err, "`ncmodel verify --repair` mends it; then go on with the same command");
}

static int fill(struct bundle_copy *copy, int from, int to, struct ncm_error *err)
{
	struct ncm_copying copying = {.from = from, .to = to, .progress = tell_progress, .context = copy};

	if (ncm_copy_hashed(&copying) < 0 || ncm_sync(to) < 0) {
		tell_failure(copy, errno, err);
		ncm_checkpoints_clear(&copying.checkpoints);
		return -1;
	}
	copy->checkpoints = copying.checkpoints;
	if (ncm_sha256_equal(&copying.sha256, &copy->sha256))
		return 0;
	ncm_checkpoints_clear(&copy->checkpoints);
	return tell_damage(copy, &copying.sha256, err);
}

int bundle_copy(struct bundle_copy *copy, struct ncm_error *err)
{
	char random[RANDOM];
	NCM_AUTO_FREE char *temporary = NULL;
	NCM_AUTO_CLOSE int from = -1;
	NCM_AUTO_CLOSE int to = -1;

	if (is_there(copy))
		return 0;
	ncm_random_hex(random, sizeof random);
	temporary = ncm_asprintf(".%s%s", random, ENDING);
	from = os_open(OS_HERE, copy->from, OS_READ);
	to = from < 0 ? -1 : ncm_own_create(copy->blobs, temporary, OS_WRITE, NCM_OWN_FILE);
	if (to < 0)
		return tell_failure(copy, errno, err);
	(void)bundle_is_held(to); /* its name is nobody else's; another run is not to remove it */
	if (fill(copy, from, to, err) == 0) {
		if (os_rename(copy->blobs, temporary, copy->blobs, copy->name) == 0) {
			copy->copied = true;
			return 0;
		}
		tell_failure(copy, errno, err);
	}
	os_unlink(copy->blobs, temporary);
	return -1;
}

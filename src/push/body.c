/* SPDX-License-Identifier: MIT */
#include "push/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "digest/tally.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

enum { CATCH_UP_BYTES = 1 << 20 };

static int differs(const struct push_body *body, const char *how, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_DAMAGED, "%s is not what models.json says: %s", body->what, how);
	return ncm_error_hint(
	    err, "ncmodel verify --repair %s brings the recorded bytes back; nothing was pushed of it", body->model);
}

int push_body_open(struct push_body *body, const char *path, struct ncm_error *err)
{
	struct os_stat status;

	body->fd = os_open(OS_HERE, path, OS_READ);
	if (body->fd < 0 && errno == ENOENT)
		return differs(body, "it is not there", err);
	if (body->fd < 0 || os_fstat(body->fd, &status) < 0)
		return ncm_error_errno(err, errno, "%s: cannot read %s", body->what, path);
	if (status.kind != OS_IS_FILE)
		return differs(body, "it is no file", err);
	if (status.size != body->file_size)
		return differs(body, "it has another size", err);
	return 0;
}

void push_body_close(struct push_body *body)
{
	if (body->fd >= 0)
		(void)os_close(body->fd);
	ncm_tally_free(body->hash);
	body->fd = -1;
	body->hash = NULL;
}

/* Whether all that there is has the digest. */
static int prove(struct push_body *body, struct ncm_error *err)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *how = NULL;

	ncm_tally_end(body->hash, &digest, body->checkpoints);
	body->hash = NULL;
	body->proven = ncm_sha256_equal(&digest, &body->sha256);
	if (body->proven)
		return 0;
	if (body->checkpoints)
		ncm_checkpoints_clear(body->checkpoints);
	body->hashed = 0;
	how = ncm_asprintf("its SHA-256 is %s", ncm_sha256_hex(&digest, hex));
	return differs(body, how, err);
}

/* What is read again, because it is sent again, was hashed already. */
static int take(struct push_body *body, const char *data, uint64_t at, size_t size, struct ncm_error *err)
{
	const uint64_t end = at + size;

	if (body->proven || end <= body->hashed)
		return 0;
	if (!body->hash)
		body->hash = ncm_tally_new();
	ncm_tally_update(body->hash, data + (body->hashed - at), (size_t)(end - body->hashed));
	body->hashed = end;
	return body->hashed == body->size ? prove(body, err) : 0;
}

/* Up to the next border between what is in memory, in the file, and zeros. */
static ssize_t fill(const struct push_body *body, char *data, size_t size, uint64_t at)
{
	if (body->fd < 0)
		memcpy(data, body->data + at, size);
	else if (at < body->head_size)
		memcpy(data, body->head + at, size);
	else if (at >= body->head_size + body->file_size)
		memset(data, 0, size);
	else
		return ncm_pread_all(body->fd, data, size, at - body->head_size);
	return (ssize_t)size;
}

static ssize_t read_at(struct push_body *body, char *data, size_t size, uint64_t at, struct ncm_error *err)
{
	uint64_t end = body->size;
	size_t left;
	ssize_t got;

	if (at < body->head_size)
		end = body->head_size;
	else if (body->fd >= 0 && at < body->head_size + body->file_size)
		end = body->head_size + body->file_size;
	left = end - at < size ? (size_t)(end - at) : size;
	got = fill(body, data, left, at);
	if (got < 0 && errno == EINTR)
		return ncm_error_set(err, NCM_E_INTERRUPTED, "%s: interrupted", body->what);
	if (got < 0)
		return ncm_error_errno(err, errno, "%s: cannot be read", body->what);
	if ((size_t)got < left)
		return differs(body, "it became shorter", err);
	return take(body, data, at, (size_t)got, err) < 0 ? -1 : got;
}

ssize_t push_body_read(void *context, char *data, size_t size, struct ncm_error *err)
{
	struct push_body *body = context;
	ssize_t got;

	if (body->stop && *body->stop)
		return ncm_error_set(err, NCM_E_OTHER, "%s: another file has failed", body->what);
	got = read_at(body, data, size, body->at, err);
	if (got < 0)
		return -1;
	body->at += (uint64_t)got;
	if (body->progress)
		body->progress(body->context, body->at);
	return got;
}

/* What the registry has of an earlier run is read here once, for its hash. */
int push_body_restart(void *context, struct ncm_error *err)
{
	struct push_body *body = context;
	NCM_AUTO_FREE char *data = NULL;

	while (!body->proven && body->hashed < body->from) {
		const uint64_t left = body->from - body->hashed;

		if (!data)
			data = ncm_malloc(CATCH_UP_BYTES);
		if (read_at(body, data, left < CATCH_UP_BYTES ? (size_t)left : CATCH_UP_BYTES, body->hashed, err) < 0)
			return -1;
	}
	body->at = body->from;
	return 0;
}

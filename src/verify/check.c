/* SPDX-License-Identifier: MIT */
#include "verify/check.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "os/os.h"
#include "verify/job.h"

#include <errno.h>

void check_take_status(struct check *check, const struct os_stat *status)
{
	check->regular = status->kind == OS_IS_FILE;
	check->link = status->kind == OS_IS_LINK;
	check->device = status->device;
	check->inode = status->inode;
	check->size = status->size;
	check->mtime_ns = status->mtime_ns;
}

void check_look(struct check *check)
{
	struct os_stat status;

	if ((check->follow ? os_stat(OS_HERE, check->path, &status) : os_lstat(OS_HERE, check->path, &status)) < 0)
		check->failure = errno;
	else
		check_take_status(check, &status);
}

/* What one of two links wants to know, the other finds out for it. */
static void join(struct check *twin, const struct check *check)
{
	if (!twin->expected)
		twin->expected = check->expected;
	twin->wants_git_sha1 = twin->wants_git_sha1 || check->wants_git_sha1;
}

void checks_find_twins(struct check *checks, size_t count)
{
	NCM_AUTO_JSON json_t *seen = json_object();

	for (size_t i = 0; i < count; i++) {
		struct check *check = &checks[i];
		NCM_AUTO_FREE char *key =
		    ncm_asprintf("%llx:%llx", (unsigned long long)check->device, (unsigned long long)check->inode);
		const json_t *twin;

		if (!check->to_hash)
			continue;
		twin = json_object_get(seen, key);
		check->twin = twin ? (size_t)json_integer_value(twin) : i;
		if (twin)
			join(&checks[check->twin], check);
		else
			json_object_set_new(seen, key, json_integer((json_int_t)i));
	}
}

void checks_tell_ranges(const struct ncm_verify_range *ranges, size_t count, struct ncm_buffer *text)
{
	enum { MOST = 8 };
	const size_t named = count > MOST ? MOST - 1 : count;

	for (size_t i = 0; i < named; i++)
		ncm_buffer_printf(text, "%s%llu-%llu", i ? ", " : ", damaged: bytes ",
				  (unsigned long long)ranges[i].start, (unsigned long long)ranges[i].end - 1);
	if (count > named)
		ncm_buffer_printf(text, " and %zu more ranges", count - named);
}

void checks_free(struct check *checks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(checks[i].damaged);
	free(checks);
}

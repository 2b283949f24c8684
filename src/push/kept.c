/* SPDX-License-Identifier: MIT */
/*
 * Uploads under way, for the run after one that was killed: a file for each in $XDG_STATE_HOME/ncmodel/uploads, with
 * the address at which the registry takes the rest. What that address holds is between the registry and who began: the
 * folder and its files are the user's alone. Nothing depends on them: what cannot be kept or read begins anew.
 */
#include "push/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/environment.h"
#include "digest/hash.h"
#include "os/os.h"

#include <string.h>
#include <time.h>

enum {
	LARGEST = 64 << 10,
	DAYS = 7, /* registries clear up by then (distribution: uploadpurging, 168h) */
};

/* The base directory specification wants 0700 for folders that are made. */
static int closed_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	NCM_AUTO_FREE char *folder = slash ? ncm_strndup(path, (size_t)(slash - path)) : NULL;
	const int fd = os_open(OS_HERE, path, OS_READ | OS_FOLDER);
	NCM_AUTO_CLOSE int above = -1;

	if (fd >= 0 || !folder || !*folder)
		return fd;
	above = closed_folder(folder);
	if (above < 0)
		return -1;
	(void)ncm_own_mkdir(above, ncm_path_base(path), NCM_OWN_CLOSED);
	return os_open(above, ncm_path_base(path), OS_READ | OS_FOLDER);
}

static void drop_old(int folder)
{
	const int64_t oldest = ((int64_t)time(NULL) - DAYS * 24 * 3600) * 1000000000;
	const int listed = os_open(folder, ".", OS_READ | OS_FOLDER);
	struct os_list *entries = listed < 0 ? NULL : os_list(listed);
	struct os_stat status;
	const char *name;

	while (entries && (name = os_list_next(entries))) {
		if (os_lstat(folder, name, &status) == 0 && status.kind == OS_IS_FILE && status.mtime_ns < oldest)
			(void)ncm_remove_beneath(folder, name);
	}
	os_list_end(entries);
}

void push_open_kept(struct push *push)
{
	NCM_AUTO_FREE char *state = config_xdg("XDG_STATE_HOME", ".local/state");
	NCM_AUTO_FREE char *path = ncm_path_join(state, "ncmodel/uploads");

	push->kept = closed_folder(path);
	if (push->kept >= 0)
		drop_old(push->kept);
}

/* Named by repository and content, of which the name tells nothing. */
static char *name_of(const struct push *push, const char *digest)
{
	NCM_AUTO_FREE char *both = ncm_asprintf("%s %s", push->repository, digest);
	struct ncm_sha256 sum;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(both, strlen(both), &sum);
	return ncm_strdup(ncm_sha256_hex(&sum, hex));
}

static json_t *read_kept(const struct push *push, const char *name)
{
	NCM_AUTO_CLOSE int fd = os_open_beneath(push->kept, name, OS_READ);
	size_t size;
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, LARGEST, &size);

	return text ? ncm_json_parse(text, size, "upload", NCM_E_OTHER, NULL) : NULL;
}

static bool says(const json_t *root, const char *key, const char *text)
{
	const char *found = ncm_json_string(root, key);

	return found && strcmp(found, text) == 0;
}

char *push_recall(const struct push *push, const char *digest)
{
	NCM_AUTO_FREE char *name = name_of(push, digest);
	NCM_AUTO_JSON json_t *root = push->kept < 0 ? NULL : read_kept(push, name);
	const char *url = ncm_json_string(root, "url");

	if (!url || !says(root, "repository", push->repository) || !says(root, "digest", digest))
		return NULL;
	return push_place(push, url, NULL);
}

void push_remember(const struct push *push, const char *digest, const char *url)
{
	NCM_AUTO_FREE char *name = name_of(push, digest);
	NCM_AUTO_JSON json_t *root = json_object();
	NCM_AUTO_FREE char *text = NULL;

	ncm_json_set_string(root, "repository", push->repository);
	ncm_json_set_string(root, "digest", digest);
	ncm_json_set_string(root, "url", url);
	text = json_dumps(root, JSON_COMPACT);
	if (push->kept >= 0 && text)
		(void)ncm_write_atomic(push->kept, name, text, strlen(text), NCM_OWN_PRIVATE, NULL);
}

void push_forget(const struct push *push, const char *digest)
{
	NCM_AUTO_FREE char *name = name_of(push, digest);

	if (push->kept >= 0)
		(void)ncm_remove_beneath(push->kept, name);
}

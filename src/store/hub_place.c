/* SPDX-License-Identifier: MIT */
#include "store/hub.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

static bool is_commit(const char *text)
{
	return strspn(text, digits) == HUB_COMMIT && text[HUB_COMMIT] == '\0';
}

/* "org/name" as a folder; "--" is what stands between the parts, and so in none of them. */
static char *folder_of(const char *repository)
{
	const char *slash = strchr(repository, '/');
	const int owner = slash ? (int)(slash - repository) : 0;

	if (!*repository || strstr(repository, "--") || (slash && (owner == 0 || !slash[1] || strchr(slash + 1, '/'))))
		return NULL;
	return slash ? ncm_asprintf("models--%.*s--%s", owner, repository, slash + 1)
		     : ncm_asprintf("models--%s", repository);
}

static char *checked(char *path, struct ncm_error *err)
{
	if (ncm_path_check(path, err))
		return path;
	free(path);
	return NULL;
}

char *hub_snapshot_path(const char *repository, const char *commit, const char *path, struct ncm_error *err)
{
	NCM_AUTO_FREE char *folder = folder_of(repository);

	if (!folder || !is_commit(commit)) {
		ncm_error_set(err, NCM_E_POLICY, "%s at %s is no repository at a commit", repository, commit);
		return NULL;
	}
	return checked(ncm_asprintf("%s/snapshots/%s/%s", folder, commit, path), err);
}

bool hub_is_snapshot_path(const char *relative)
{
	static const char in[] = "/snapshots/";
	const size_t size = strcspn(relative, "/");
	const char *commit = relative + size + sizeof in - 1;

	return strncmp(relative, "models--", 8) == 0 && strncmp(relative + size, in, sizeof in - 1) == 0 &&
	       strspn(commit, digits) == HUB_COMMIT && commit[HUB_COMMIT] == '/' && commit[HUB_COMMIT + 1] != '\0';
}

char *hub_blob_path(const char *snapshot_path, const char *etag)
{
	return ncm_asprintf("%.*s/blobs/%s", (int)strcspn(snapshot_path, "/"), snapshot_path, etag);
}

char *hub_tree_path(const char *snapshot_path)
{
	static const char in[] = "/snapshots/";
	const char *commit = strstr(snapshot_path, in) + sizeof in - 1;

	return ncm_asprintf("%.*s/trees/%.*s.json", (int)strcspn(snapshot_path, "/"), snapshot_path, HUB_COMMIT,
			    commit);
}

char *hub_ref_path(const char *snapshot_path, const char *name, struct ncm_error *err)
{
	return checked(ncm_asprintf("%.*s/refs/%s", (int)strcspn(snapshot_path, "/"), snapshot_path, name), err);
}

/* Folders that two paths have in common are not left. */
static size_t common_folders(const char *a, const char *b)
{
	size_t common = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
		if (a[i] == '/')
			common = i + 1;
	}
	return common;
}

char *hub_link_text(const char *from, const char *to)
{
	const size_t common = common_folders(from, to);
	struct ncm_buffer text = {0};

	for (const char *slash = from + common; (slash = strchr(slash, '/')); slash++)
		ncm_buffer_printf(&text, "../");
	ncm_buffer_printf(&text, "%s", to + common);
	return text.data;
}

char *hub_link_target(const char *from, const char *text)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(from);
	NCM_AUTO_FREE char *store = ncm_asprintf("/store/%s", strchr(from, '/') ? folder : "");
	NCM_AUTO_FREE char *joined = ncm_path_join(store, text);
	NCM_AUTO_FREE char *target = ncm_path_is_absolute(text) ? NULL : ncm_path_absolute(joined);
	const char *below = target ? ncm_path_below(target, "/store") : NULL;

	return below && *below ? ncm_strdup(below) : NULL;
}

/* SPDX-License-Identifier: MIT */
/* The machine's memory: /proc/meminfo, and a container's limit (cgroup v2: memory.max and memory.current; v1:
 * memory.limit_in_bytes and memory.usage_in_bytes). */
#include "gpu/gpu.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MOST = 64 << 10 };

static bool find_kib(const char *text, const char *label, uint64_t *bytes)
{
	const char *at = strstr(text, label);

	if (!at)
		return false;
	*bytes = strtoull(at + strlen(label), NULL, 10) * 1024;
	return true;
}

static void limit(struct ncm_gpu_list *list, uint64_t most, uint64_t used)
{
	const uint64_t left = used < most ? most - used : 0;

	if (most < list->memory)
		list->memory = most;
	/* A group with more than another may have less left of it. */
	if (left < list->memory_free)
		list->memory_free = left;
}

static void limit_by(const char *folder, const char *most_name, const char *used_name, struct ncm_gpu_list *list)
{
	NCM_AUTO_FREE char *most_path = ncm_asprintf("%s/%s", folder, most_name);
	NCM_AUTO_FREE char *used_path = ncm_asprintf("%s/%s", folder, used_name);
	uint64_t most, used = 0;

	if (!gpu_read_number(most_path, &most)) /* "max" is no limit */
		return;
	(void)gpu_read_number(used_path, &used);
	limit(list, most, used);
}

/* Every group above limits, too. */
static void limit_by_groups(const char *root, char *group, struct ncm_gpu_list *list)
{
	char *end;

	group[strcspn(group, "\n")] = '\0';
	do {
		NCM_AUTO_FREE char *folder = ncm_asprintf("%s/sys/fs/cgroup%s", root, group);

		limit_by(folder, "memory.max", "memory.current", list);
		end = strrchr(group, '/');
		if (end)
			*end = '\0';
	} while (end);
}

void gpu_read_memory(const char *root, struct ncm_gpu_list *list)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/proc/meminfo", root);
	NCM_AUTO_FREE char *groups_path = ncm_asprintf("%s/proc/self/cgroup", root);
	NCM_AUTO_FREE char *old = ncm_asprintf("%s/sys/fs/cgroup/memory", root);
	size_t size;
	NCM_AUTO_FREE char *text = ncm_read_file(path, TEXT_MOST, &size);
	NCM_AUTO_FREE char *groups = ncm_read_file(groups_path, TEXT_MOST, &size);
	char *group = groups ? strstr(groups, "0::") : NULL;

	list->has_memory =
	    text && find_kib(text, "MemTotal:", &list->memory) && find_kib(text, "MemAvailable:", &list->memory_free);
	if (!list->has_memory)
		return;
	if (group)
		limit_by_groups(root, group + 3, list);
	limit_by(old, "memory.limit_in_bytes", "memory.usage_in_bytes", list);
}

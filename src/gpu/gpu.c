/* SPDX-License-Identifier: MIT */
#include "gpu/gpu.h"

#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct ncm_gpu *gpu_add(struct ncm_gpu_list *list)
{
	return NCM_PUSH(list->items, list->count);
}

bool gpu_read_number(const char *path, uint64_t *number)
{
	size_t size;
	NCM_AUTO_FREE char *text = ncm_read_file(path, 64, &size);
	char *end;

	if (!text || !isdigit((unsigned char)*text))
		return false;
	*number = strtoull(text, &end, 0);
	return *end == '\0' || isspace((unsigned char)*end);
}

/* A card without memory of its own has the machine's. */
static void share_memory(struct ncm_gpu_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct ncm_gpu *card = &list->items[i];

		if (!card->unified || !list->has_memory)
			continue;
		card->total = list->memory;
		card->free = list->memory_free;
		card->has_total = card->has_free = true;
	}
}

struct ncm_gpu_list *ncm_gpus_look(void)
{
	struct ncm_gpu_list *list = ncm_calloc(1, sizeof *list);

	gpu_read_memory("", list);
	if (!gpu_add_nvml(list))
		gpu_add_smi(list);
	gpu_add_sysfs("", list);
	share_memory(list);
	return list;
}

void ncm_gpus_free(struct ncm_gpu_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].name);
		free(list->items[i].driver);
		for (size_t k = 0; k < list->items[i].process_count; k++)
			free(list->items[i].processes[k].name);
		free(list->items[i].processes);
	}
	free(list->items);
	free(list);
}

/* SPDX-License-Identifier: MIT */
/* One answer for each file system, before the first byte: needed, free, what must stay free. */
#include "provision/run.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <ncmodel/text.h>

#include <string.h>

enum {
	UNPACK_FACTOR =
	    3, /* what an archive grows to is not known before it is here: source archives stay below this */
};

struct device {
	dev_t id;
	struct ncm_plan_disk disk;
};

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static struct device *find_device(struct device **devices, size_t *count, const char *path, uint64_t reserve)
{
	struct ncm_space space;
	struct device *device;

	if (ncm_space_of(path, &space, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < *count; i++) {
		if ((*devices)[i].id == space.device)
			return &(*devices)[i];
	}
	device = NCM_PUSH(*devices, *count);
	device->id = space.device;
	device->disk = (struct ncm_plan_disk){ncm_strdup(path), 0, space.free, reserve, true};
	return device;
}

static bool counts(const struct run *run, const struct item *item, unsigned up_to_phase, size_t up_to_model)
{
	for (size_t i = 0; i < item->dest_count; i++) {
		size_t index = run->wanted[item->dests[i].wanted].model;

		if (index <= up_to_model && run->models[index].model->phase <= up_to_phase)
			return true;
	}
	return false;
}

/* What the items of the first models (or phases) need on each file system. */
static bool measure(const struct run *run, unsigned up_to_phase, size_t up_to_model, struct device **devices,
		    size_t *count)
{
	bool enough = true;

	for (size_t i = 0; i < run->item_count; i++) {
		const struct item *item = &run->items[i];
		const bool extract = !item->is_manifest && run->wanted[item->wanted].spec->extract;

		for (size_t k = 0; k < item->dest_count; k++) {
			const struct dest *dest = &item->dests[k];
			struct device *device = find_device(devices, count, dest->store->path, run->config->reserve);
			uint64_t need = 0;

			if (!device || !counts(run, item, up_to_phase, up_to_model))
				continue;
			switch (item_step(item, dest)) {
			case NCM_STEP_KEEP:
			case NCM_STEP_ADOPT:
			case NCM_STEP_LINK:
				break;
			case NCM_STEP_COPY:
				need = item->size;
				break;
			case NCM_STEP_FETCH:
			case NCM_STEP_RESUME:
			case NCM_STEP_REPLACE:
				need = item->is_manifest ? item->size : item_to_get(item);
				break;
			}
			if (extract && need > 0)
				need = add(need, item->size > UINT64_MAX / UNPACK_FACTOR ? UINT64_MAX
											 : item->size * UNPACK_FACTOR);
			device->disk.needed = add(device->disk.needed, need);
		}
	}
	for (size_t i = 0; i < *count; i++) {
		struct ncm_plan_disk *disk = &(*devices)[i].disk;

		disk->enough = disk->needed == 0 || add(disk->needed, disk->reserve) <= disk->free;
		enough = enough && disk->enough;
	}
	return enough;
}

static void free_devices(struct device *devices, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(devices[i].disk.path);
	free(devices);
}

void space_measure(const struct run *run, struct ncm_plan_disk **disks, size_t *count, bool *enough)
{
	struct device *devices = NULL;
	size_t found = 0;

	*enough = measure(run, UINT32_MAX, SIZE_MAX, &devices, &found);
	*disks = ncm_calloc(found, sizeof **disks);
	*count = found;
	for (size_t i = 0; i < found; i++)
		(*disks)[i] = devices[i].disk; /* the paths move along */
	free(devices);
}

static bool fits(const struct run *run, unsigned up_to_phase, size_t up_to_model)
{
	struct device *devices = NULL;
	size_t count = 0;
	bool enough = measure(run, up_to_phase, up_to_model, &devices, &count);

	free_devices(devices, count);
	return enough;
}

char *space_fits(const struct run *run)
{
	struct ncm_buffer text = {0};
	unsigned phase = 0, last_phase = 0;
	size_t models = 0;

	for (size_t i = 0; i < run->model_count; i++) {
		if (run->models[i].model->phase > last_phase)
			last_phase = run->models[i].model->phase;
	}
	while (phase < last_phase && fits(run, phase + 1, SIZE_MAX))
		phase++;
	if (phase > 0) {
		ncm_buffer_printf(&text, "phase 1%s would fit", phase > 1 ? " and 2" : "");
		return ncm_buffer_take(&text);
	}
	while (models < run->model_count && fits(run, UINT32_MAX, models))
		models++;
	if (models == 0)
		return ncm_strdup("not even the first model would fit");
	ncm_buffer_puts(&text, "these would fit:");
	for (size_t i = 0; i < models; i++)
		ncm_buffer_printf(&text, " %s", run->models[i].model->id);
	return ncm_buffer_take(&text);
}

int space_check(const struct run *run, struct ncm_error *err)
{
	struct device *devices = NULL;
	size_t count = 0;
	char needed[32], free_now[32], reserve[32];

	if (!measure(run, UINT32_MAX, SIZE_MAX, &devices, &count)) {
		for (size_t i = 0; i < count; i++) {
			const struct ncm_plan_disk *disk = &devices[i].disk;

			if (disk->enough)
				continue;
			ncm_error_set(err, NCM_E_NO_SPACE,
				      "not enough disk space at %s: %s needed and %s reserve, %s free", disk->path,
				      ncm_format_size(disk->needed, needed, sizeof needed),
				      ncm_format_size(disk->reserve, reserve, sizeof reserve),
				      ncm_format_size(disk->free, free_now, sizeof free_now));
			break;
		}
		free_devices(devices, count);
		return -1;
	}
	free_devices(devices, count);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Disk space, one answer for each file system before the first byte: needed, free, what must stay free. */
#include "plan/plan.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <ncmodel/text.h>

#include <string.h>

enum {
	UNPACK_FACTOR =
	    3, /* what an archive grows to is not known before it is here: source archives stay below this */
};

struct device {
	uint64_t id;
	struct ncm_plan_disk disk;
};

/* The file systems of the stores, each asked once. */
struct devices {
	const struct planned *planned;
	struct device *items;
	size_t count;
	size_t *of_store; /* for each store of the layout: 1 + its device; 0: not asked yet */
};

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static struct devices devices_new(const struct planned *planned)
{
	return (struct devices){.planned = planned,
				.of_store = ncm_calloc(planned->run->layout->count + 1, sizeof(size_t))};
}

static void devices_free(struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		free(devices->items[i].disk.path);
	free(devices->items);
	free(devices->of_store);
}

static size_t number_of(struct devices *devices, const struct ncm_space *space, const char *path)
{
	struct device *device;

	for (size_t i = 0; i < devices->count; i++) {
		if (devices->items[i].id == space->device)
			return i;
	}
	device = NCM_PUSH(devices->items, devices->count);
	device->id = space->device;
	device->disk = (struct ncm_plan_disk){.path = ncm_strdup(path),
					      .free_known = space->known,
					      .free = space->free,
					      .reserve = devices->planned->run->config->reserve,
					      .enough = true};
	return devices->count - 1;
}

static struct device *device_of(struct devices *devices, const struct ncm_store *store)
{
	size_t *known = &devices->of_store[store - devices->planned->run->layout->stores];
	struct ncm_space space;

	if (*known == 0) {
		if (ncm_space_of(store->path, &space, NULL) < 0)
			return NULL;
		*known = number_of(devices, &space, store->path) + 1;
	}
	return &devices->items[*known - 1];
}

/* What one content adds at a place where this step is to be taken. */
static uint64_t need_of(const struct plan_item *item, enum ncm_step step)
{
	const struct content *content = item->content;
	const bool is_whole = content->kind == CONTENT_MANIFEST || step == NCM_STEP_COPY;
	uint64_t need = is_whole ? content->size : item_to_get(item);

	if (content->kind == CONTENT_ARCHIVE && need > 0)
		need =
		    add(need, content->size > UINT64_MAX / UNPACK_FACTOR ? UINT64_MAX : content->size * UNPACK_FACTOR);
	return need;
}

static void add_place(struct ncm_plan_disk *disk, const struct plan_item *item, size_t place)
{
	const enum ncm_step step = item_step(item, place);
	struct ncm_doubt doubt = item_doubt(item);
	uint64_t need;

	if (step == NCM_STEP_KEEP || step == NCM_STEP_ADOPT || step == NCM_STEP_LINK)
		return;
	need = need_of(item, step);
	disk->needed = add(disk->needed, need);
	/* Even where nobody knows how much it adds. */
	doubt.expected = doubt.expected > 0 ? need : 0;
	ncm_doubt_add(&disk->doubt, &doubt);
}

/* A folder that a link leads to another disk takes the bytes there, too: they are staged in the store first. */
static void add_away(struct devices *devices, const struct plan_item *item, size_t number, uint64_t staging)
{
	const struct place *place = &item->content->places[number];
	NCM_AUTO_FREE char *folder = ncm_path_folder(place_bytes_path(place));
	struct ncm_plan_disk *disk;
	struct ncm_space space;
	size_t there;

	if (step_is_done(&item->steps[number]) || ncm_space_of(folder, &space, NULL) < 0 || space.device == staging)
		return;
	there = number_of(devices, &space, folder);
	disk = &devices->items[there].disk;
	disk->needed = add(disk->needed, item->content->size);
}

/* Adds what a content needs to its file systems. */
static void add_item(struct devices *devices, size_t number)
{
	const struct plan_item *item = &devices->planned->items[number];

	for (size_t i = 0; i < item->content->place_count && !item_is_given_up(devices->planned->run, item); i++) {
		struct device *device = device_of(devices, item->content->places[i].store);

		if (!device)
			continue;
		add_place(&device->disk, item, i);
		add_away(devices, item, i, device->id);
	}
}

static bool are_enough(struct devices *devices)
{
	bool enough = true;

	for (size_t i = 0; i < devices->count; i++) {
		struct ncm_plan_disk *disk = &devices->items[i].disk;

		disk->enough = disk->needed == 0 || add(disk->needed, disk->reserve) <= disk->free;
		enough = enough && disk->enough;
	}
	return enough;
}

static bool measure(struct devices *devices)
{
	for (size_t i = 0; i < devices->planned->contents.count; i++)
		add_item(devices, i);
	return are_enough(devices);
}

void space_measure(const struct planned *planned, struct ncm_plan_disk **disks, size_t *count, bool *enough)
{
	struct devices devices = devices_new(planned);

	*enough = measure(&devices);
	*disks = ncm_calloc(devices.count, sizeof **disks);
	*count = devices.count;
	for (size_t i = 0; i < devices.count; i++) {
		(*disks)[i] = devices.items[i].disk;
		devices.items[i].disk.path = NULL; /* it moves along */
	}
	devices_free(&devices);
}

void plan_disks_free(struct ncm_plan_disk *disks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(disks[i].path);
	free(disks);
}

/* Models one by one until they do not fit any more: what is shared counts once, with the first that wants it. */
struct fitting {
	struct devices devices;
	bool *counted; /* for each content */
};

static struct fitting fitting_new(const struct planned *planned)
{
	return (struct fitting){devices_new(planned), ncm_calloc(planned->contents.count + 1, sizeof(bool))};
}

static void fitting_end(struct fitting *fitting)
{
	devices_free(&fitting->devices);
	free(fitting->counted);
}

static bool fits_with(struct fitting *fitting, size_t model)
{
	const struct contents *contents = &fitting->devices.planned->contents;

	for (size_t i = contents->first[model]; i < contents->first[model + 1]; i++) {
		const size_t number = contents->of_models[i];

		if (!fitting->counted[number])
			add_item(&fitting->devices, number);
		fitting->counted[number] = true;
	}
	return are_enough(&fitting->devices);
}

/* The highest phase that fits with all before it; 0: not even the first. */
static unsigned phases_that_fit(const struct planned *planned, unsigned last)
{
	struct fitting fitting = fitting_new(planned);
	const struct run *run = planned->run;
	unsigned phase = 0;
	bool fit = true;

	while (fit && phase < last) {
		for (size_t i = 0; i < run->model_count && fit; i++) {
			if (run->models[i].model->phase == phase + 1)
				fit = fits_with(&fitting, i);
		}
		phase += fit;
	}
	fitting_end(&fitting);
	return phase;
}

/* What chooses it again: of a source spelled out the source, for nothing has its id yet. */
static const char *name_to_say(const struct ncm_model *model)
{
	const bool spelled = model->phase == 0 && model->file_count > 0 && model->files[0].from.count > 0;

	return spelled ? model->files[0].from.items[0] : model->id;
}

static char *models_that_fit(const struct planned *planned)
{
	struct fitting fitting = fitting_new(planned);
	const struct run *run = planned->run;
	struct ncm_buffer text = {0};

	for (size_t i = 0; i < run->model_count && fits_with(&fitting, i); i++)
		ncm_buffer_printf(&text, "%s %s", text.size == 0 ? "these would fit:" : "",
				  name_to_say(run->models[i].model));
	fitting_end(&fitting);
	return text.size > 0 ? ncm_buffer_take(&text) : ncm_strdup("not even the first model would fit");
}

char *space_fits(const struct planned *planned)
{
	const struct run *run = planned->run;
	unsigned last = 0, phase;

	for (size_t i = 0; i < run->model_count; i++) {
		if (run->models[i].model->phase > last)
			last = run->models[i].model->phase;
	}
	phase = phases_that_fit(planned, last);
	return phase > 0 ? ncm_asprintf("phase 1%s would fit", phase > 1 ? " and 2" : "") : models_that_fit(planned);
}

int space_check(const struct planned *planned, struct ncm_error *err)
{
	struct devices devices = devices_new(planned);
	const bool enough = measure(&devices);
	char needed[32], free_now[32], reserve[32];

	for (size_t i = 0; i < devices.count && !enough; i++) {
		const struct ncm_plan_disk *disk = &devices.items[i].disk;

		if (disk->enough)
			continue;
		ncm_error_set(err, NCM_E_NO_SPACE, "not enough disk space at %s: %s%s needed and %s reserve, %s free",
			      disk->path, disk->doubt.expected > 0 ? "~" : "",
			      ncm_format_size(disk->needed, needed, sizeof needed),
			      ncm_format_size(disk->reserve, reserve, sizeof reserve),
			      ncm_format_size(disk->free, free_now, sizeof free_now));
		break;
	}
	devices_free(&devices);
	return enough ? 0 : -1;
}

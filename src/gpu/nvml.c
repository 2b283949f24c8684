/* SPDX-License-Identifier: MIT */
/* NVIDIA's management library: nvml.h of CUDA 12, whose functions and structures are kept for good. */
#include "gpu/gpu.h"

#include "base/mem.h"
#include "os/library.h"
#include "os/os.h"

#include <string.h>

enum {
	NVML_SUCCESS = 0,
	NVML_MEMORY_V2 = 0x02000028, /* NVML_STRUCT_VERSION(Memory, 2): its size and version */
	NVML_TEMPERATURE_GPU = 0,
	NVML_TEXT = 96,
	CARDS_MOST = 64,
	PROCESSES_MOST = 256,
};

#define NVML_NOT_TOLD (~0ULL) /* as Windows' driver says it */

struct nvml_memory {
	unsigned version;
	unsigned long long total, reserved, free, used;
};

struct nvml_utilization {
	unsigned gpu, memory; /* percent */
};

struct nvml_process {
	unsigned pid;
	unsigned long long memory;
	unsigned instance, compute_instance; /* of a card that is divided */
};

/* What of the library is used. A function's address comes as that of data, and POSIX says that it may. */
struct nvml {
	void *library;
	int (*init)(void);
	int (*shutdown)(void);
	int (*count)(unsigned *count);
	int (*handle)(unsigned index, void **device);
	int (*name)(void *device, char *name, unsigned size);
	int (*memory)(void *device, struct nvml_memory *memory);
	int (*driver)(char *version, unsigned size);
	int (*utilization)(void *device, struct nvml_utilization *utilization); /* or NULL: it has none */
	int (*temperature)(void *device, int sensor, unsigned *celsius);        /* or NULL */
	/* Or NULL. *count: in, how many there is room for; out, how many there are. */
	int (*processes)(void *device, unsigned *count, struct nvml_process *processes);
};

static bool find(const struct nvml *nvml, const char *name, void *function)
{
	void *found = os_library_find(nvml->library, name);

	memcpy(function, &found, sizeof found);
	return found != NULL;
}

static void find_more(struct nvml *nvml)
{
	(void)find(nvml, "nvmlDeviceGetUtilizationRates", &nvml->utilization);
	(void)find(nvml, "nvmlDeviceGetTemperature", &nvml->temperature);
	(void)find(nvml, "nvmlDeviceGetComputeRunningProcesses_v3", &nvml->processes);
}

static bool open_library(struct nvml *nvml)
{
	nvml->library = os_library_open("libnvidia-ml.so.1");
	return nvml->library && find(nvml, "nvmlInit_v2", &nvml->init) && find(nvml, "nvmlShutdown", &nvml->shutdown) &&
	       find(nvml, "nvmlDeviceGetCount_v2", &nvml->count) &&
	       find(nvml, "nvmlDeviceGetHandleByIndex_v2", &nvml->handle) &&
	       find(nvml, "nvmlDeviceGetName", &nvml->name) &&
	       find(nvml, "nvmlDeviceGetMemoryInfo_v2", &nvml->memory) &&
	       find(nvml, "nvmlSystemGetDriverVersion", &nvml->driver);
}

/* GB10, Jetson and Grace have the machine's memory, and say that theirs is not to be told. */
static void read_memory(const struct nvml *nvml, void *device, struct ncm_gpu *card)
{
	struct nvml_memory memory = {.version = NVML_MEMORY_V2};

	if (nvml->memory(device, &memory) != NVML_SUCCESS) {
		card->unified = true;
		return;
	}
	card->has_total = card->has_free = card->has_reserved = true;
	card->reserved = memory.reserved;
	card->total = memory.total;
	card->free = memory.free;
}

static void read_sensors(const struct nvml *nvml, void *device, struct ncm_gpu *card)
{
	struct nvml_utilization utilization;

	if (nvml->utilization && nvml->utilization(device, &utilization) == NVML_SUCCESS) {
		card->has_utilization = true;
		card->utilization = utilization.gpu;
	}
	card->has_temperature =
	    nvml->temperature && nvml->temperature(device, NVML_TEMPERATURE_GPU, &card->temperature) == NVML_SUCCESS;
}

static void read_processes(const struct nvml *nvml, void *device, struct ncm_gpu *card)
{
	struct nvml_process found[PROCESSES_MOST];
	unsigned count = PROCESSES_MOST;

	if (!nvml->processes || nvml->processes(device, &count, found) != NVML_SUCCESS || count > PROCESSES_MOST)
		return;
	card->has_processes = true;
	for (unsigned i = 0; i < count; i++) {
		struct ncm_gpu_process *process = NCM_PUSH(card->processes, card->process_count);

		process->pid = (long)found[i].pid;
		process->has_memory = found[i].memory != NVML_NOT_TOLD;
		process->memory = process->has_memory ? found[i].memory : 0;
	}
}

static void add_card(const struct nvml *nvml, unsigned index, const char *driver, struct ncm_gpu_list *list)
{
	char name[NVML_TEXT] = "";
	struct ncm_gpu *card;
	void *device;

	if (nvml->handle(index, &device) != NVML_SUCCESS)
		return;
	card = gpu_add(list);
	if (nvml->name(device, name, sizeof name - 1) != NVML_SUCCESS || !*name)
		memcpy(name, "NVIDIA", sizeof "NVIDIA");
	card->name = ncm_strdup(name);
	card->vendor = "nvidia";
	card->told_by = "nvml";
	card->driver = *driver ? ncm_strdup(driver) : NULL;
	read_memory(nvml, device, card);
	read_sensors(nvml, device, card);
	read_processes(nvml, device, card);
}

static void add_cards(const struct nvml *nvml, struct ncm_gpu_list *list)
{
	char driver[NVML_TEXT] = "";
	unsigned count = 0;

	if (nvml->count(&count) != NVML_SUCCESS)
		return;
	if (nvml->driver(driver, sizeof driver - 1) != NVML_SUCCESS)
		*driver = '\0';
	for (unsigned i = 0; i < count && i < CARDS_MOST; i++)
		add_card(nvml, i, driver, list);
}

static void name_process(const struct os_process *known, struct ncm_gpu_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		for (size_t k = 0; k < list->items[i].process_count; k++) {
			struct ncm_gpu_process *process = &list->items[i].processes[k];

			if (process->pid == known->pid && !process->name)
				process->name = ncm_strdup(known->name);
		}
	}
}

/* The library tells numbers; in a container those are of another count than ours, and of processes that are not seen.
 */
static void name_processes(struct ncm_gpu_list *list)
{
	const struct os_process *known;
	struct os_processes *all;
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += list->items[i].process_count;
	all = count > 0 ? os_processes() : NULL;
	while (all && (known = os_processes_next(all)))
		name_process(known, list);
	os_processes_end(all);
}

bool gpu_add_nvml(struct ncm_gpu_list *list)
{
	struct nvml nvml = {0};
	const bool begun = open_library(&nvml) && nvml.init() == NVML_SUCCESS;

	if (begun) {
		find_more(&nvml);
		add_cards(&nvml, list);
		(void)nvml.shutdown();
		name_processes(list);
	}
	os_library_close(nvml.library);
	return begun;
}

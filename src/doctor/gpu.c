/* SPDX-License-Identifier: MIT */
/* The graphics cards, as `fit` sees them. None is no fault: models run on the processor, too. */
#include "doctor/doctor.h"

static void look_at(struct examination *exam, const struct ncm_gpu *gpu)
{
	const char *driver = gpu->driver ? gpu->driver : "not told";

	if (gpu->has_total) {
		doctor_find(exam, NCM_FINDING_GOOD, gpu->name, "%.1f GiB%s, driver %s, told by %s",
			    (double)gpu->total / (1 << 30), gpu->unified ? " of the machine's memory" : "", driver,
			    gpu->told_by);
		return;
	}
	doctor_find(exam, NCM_FINDING_UNKNOWN, gpu->name, "how much memory it has is not told (driver %s)", driver);
	doctor_remedy(exam, "say it where models are held against it: `ncmodel fit --vram 12GB`");
}

void doctor_gpus(struct examination *exam)
{
	const struct ncm_gpu_list *list = exam->gpus;

	for (size_t i = 0; i < list->count; i++)
		look_at(exam, &list->items[i]);
	if (list->count == 0)
		doctor_find(exam, NCM_FINDING_NOTE, "graphics card",
			    "none was found, neither by NVIDIA's library and program nor in /sys: models run on the "
			    "processor");
}

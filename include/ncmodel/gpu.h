/* SPDX-License-Identifier: MIT */
/*
 * Graphics cards and the memory that models can have: by NVIDIA's library (NVML, opened where the loader finds
 * libnvidia-ml.so.1) or its program nvidia-smi, by what amdgpu, xe and i915 tell in /sys, or by a card's name. Sizes
 * are bytes.
 */
#ifndef NCMODEL_GPU_H
#define NCMODEL_GPU_H

#include <ncmodel/config.h>
#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* A program that computes on a card. */
struct ncm_gpu_process {
	long pid;
	char *name;      /* of its program, foreign text: escape it; NULL: not told */
	bool has_memory; /* whether it is told how much of the card it has */
	uint64_t memory;
};

struct ncm_gpu {
	char *name;          /* never NULL; a driver's text: escape it */
	const char *vendor;  /* "nvidia", "amd", "intel", or NULL: not told. Static */
	const char *told_by; /* "nvml", "nvidia-smi", "sysfs", "table". Static */
	char *driver;        /* its version; or NULL */
	bool has_total, has_free;
	uint64_t total, free;
	bool has_reserved;
	uint64_t reserved;  /* what the driver keeps for itself; neither free nor a program's */
	bool has_processes; /* whether those that compute on it are told */
	struct ncm_gpu_process *processes;
	size_t process_count;
	bool has_utilization, has_temperature;
	unsigned utilization; /* percent of the last moment that it computed */
	unsigned temperature; /* degrees Celsius */
	bool unified;         /* it has no memory of its own but the machine's: total and free are that's */
};

struct ncm_gpu_list {
	struct ncm_gpu *items;
	size_t count;
	bool has_memory; /* of the machine: what a container is limited to, if that is less */
	uint64_t memory, memory_free;
};

/* Looks for cards; there may be none. Nothing fails: what is not told is not known. Free with ncm_gpus_free. */
struct ncm_gpu_list *ncm_gpus_look(void);
void ncm_gpus_free(struct ncm_gpu_list *list);
/*
 * The card of that name ("RTX 3060", in any case, with or without its maker) by the table gpus.json of the data
 * folder; the others' are compared without spaces. NULL with *err: USAGE (none is called so, with the nearest names),
 * MANIFEST (the table is damaged). A list of one; free with ncm_gpus_free.
 */
struct ncm_gpu_list *ncm_gpu_named(const struct ncm_config *config, const char *name, struct ncm_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

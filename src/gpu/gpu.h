/* SPDX-License-Identifier: MIT */
#ifndef NCM_GPU_GPU_H
#define NCM_GPU_GPU_H

#include <ncmodel/gpu.h>

/* Each adds the cards that it knows of. `root` is where the system's own folders (sys, proc) lie: "". */
struct ncm_gpu *gpu_add(struct ncm_gpu_list *list);
/* False: the library is not there. */
bool gpu_add_nvml(struct ncm_gpu_list *list);
/* By nvidia-smi; and a line that it prints. */
void gpu_add_smi(struct ncm_gpu_list *list);
void gpu_add_smi_line(char *line, struct ncm_gpu_list *list);
void gpu_add_sysfs(const char *root, struct ncm_gpu_list *list);
/* The machine's memory, or what the control group leaves of it. */
void gpu_read_memory(const char *root, struct ncm_gpu_list *list);
/* A number alone in a small file; false: there is none. */
bool gpu_read_number(const char *path, uint64_t *number);

#endif

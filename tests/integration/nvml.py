# SPDX-License-Identifier: MIT
"""A stand-in for NVIDIA's library, where the loader finds it, with cards that no machine of the tests has."""
import os
import shutil
import subprocess

COMPILER = shutil.which("cc") or shutil.which("gcc")
SOURCE = r"""
#include <string.h>
#include <unistd.h>
struct memory { unsigned version; unsigned long long total, reserved, free, used; };
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { strncpy(text, "550.54.14", size); return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = CARDS; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (void *)(long)(index + 1); return 0; }
int nvmlDeviceGetName(void *device, char *text, unsigned size) { strncpy(text, NAME, size); (void)device; return 0; }
int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory *memory)
{
	if (memory->version != 0x02000028)
		return 25;
	memory->total = (long)device * TOTAL;
	memory->free = memory->total / 2;
	memory->reserved = 300 << 20;
	return MEMORY_CODE;
}
#ifdef SENSORS
struct rates { unsigned gpu, memory; };
int nvmlDeviceGetUtilizationRates(void *device, struct rates *rates) /* the second is idle */
{
	rates->gpu = device == (void *)1 ? 61 : 0;
	return 0;
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius)
{
	*celsius = 40 + 10 * (unsigned)(long)device;
	return sensor;
}
struct process { unsigned pid; unsigned long long memory; unsigned instance, compute_instance; };
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, struct process *processes)
{
	if (device != (void *)1) /* nobody is on the second */
		return *count = 0;
	if (*count < 2)
		return *count = 2, 7;
	processes[0] = (struct process){getppid(), 3ULL << 30, ~0u, ~0u};
	processes[1] = (struct process){0x7ffffffe, ~0ULL, ~0u, ~0u};
	return *count = 2, 0;
}
#endif
"""


def compiled(source, path, *defines):
    """A shared library of C."""
    subprocess.run([COMPILER, "-shared", "-fPIC", *defines, "-x", "c", "-o", path, "-"], input=source.encode(), check=True)


def library(folder, cards, name, total, memory_code=0, sensors=False):
    """The first card has `total` bytes, the second twice that; with `sensors` one is busy, and they tell how hot they are. The
    environment that lets a program find it."""
    compiled(SOURCE, os.path.join(folder, "libnvidia-ml.so.1"), f"-DCARDS={cards}", f'-DNAME="{name}"', f"-DTOTAL={total}ULL",
             f"-DMEMORY_CODE={memory_code}", *(["-DSENSORS"] if sensors else []))
    return {"LD_LIBRARY_PATH": folder}

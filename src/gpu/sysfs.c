/* SPDX-License-Identifier: MIT */
/*
 * Cards of AMD and Intel by /sys/class/drm/cardN/device (the kernel's documents: gpu/amdgpu/driver-misc, and xe's
 * tile folders). A small amount of video memory beside much GTT is an APU's: its models lie in the machine's memory.
 */
#include "gpu/gpu.h"

#include "base/file.h"
#include "base/mem.h"
#include "os/os.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { VENDOR_AMD = 0x1002, VENDOR_INTEL = 0x8086, NAME_MOST = 256 };

static bool read_at(const char *device, const char *name, uint64_t *number)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/%s", device, name);

	return gpu_read_number(path, number);
}

/* The caller frees it. */
static char *name_of(const char *device, const char *otherwise)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/product_name", device);
	size_t size;
	char *text = ncm_read_file(path, NAME_MOST, &size);

	if (text)
		text[strcspn(text, "\n")] = '\0';
	if (text && *text)
		return text;
	free(text);
	return ncm_strdup(otherwise);
}

/* The first sensor of hwmon/hwmonN, in thousandths of a degree; what it says below zero is not believed. */
static void read_temperature(const char *device, struct ncm_gpu *card)
{
	NCM_AUTO_FREE char *folder = ncm_asprintf("%s/hwmon", device);
	struct os_list *names = os_list(os_open(OS_HERE, folder, OS_FOLDER));
	const char *name;

	while (names && !card->has_temperature && (name = os_list_next(names))) {
		NCM_AUTO_FREE char *path = ncm_asprintf("%s/%s/temp1_input", folder, name);
		uint64_t number;

		card->has_temperature = gpu_read_number(path, &number) && number < 1000000;
		card->temperature = card->has_temperature ? (unsigned)(number / 1000) : 0;
	}
	os_list_end(names);
}

static void read_sensors(const char *device, struct ncm_gpu *card)
{
	uint64_t busy;

	card->has_utilization = read_at(device, "gpu_busy_percent", &busy) && busy <= 100;
	card->utilization = card->has_utilization ? (unsigned)busy : 0;
	read_temperature(device, card);
}

/* An APU's carve-out is small, and the driver lends it as much again and more of the machine's. */
static void read_amd(const char *device, struct ncm_gpu *card)
{
	uint64_t vram, used = 0, lent = 0, lent_used = 0;

	card->name = name_of(device, "AMD graphics");
	card->vendor = "amd";
	if (!read_at(device, "mem_info_vram_total", &vram))
		return;
	(void)read_at(device, "mem_info_vram_used", &used);
	(void)read_at(device, "mem_info_gtt_total", &lent);
	(void)read_at(device, "mem_info_gtt_used", &lent_used);
	card->has_total = card->has_free = true;
	card->total = vram;
	if (vram < (uint64_t)4 << 30 && lent > vram) {
		card->total += lent;
		used += lent_used;
	}
	card->free = used < card->total ? card->total - used : 0;
}

/* i915 tells no memory: of an integrated one it is the machine's, of a card of its own it is not known which it is. */
static void read_intel(const char *device, struct ncm_gpu *card)
{
	uint64_t size;

	card->name = name_of(device, "Intel graphics");
	card->vendor = "intel";
	card->has_total =
	    read_at(device, "tile0/physical_vram_size_bytes", &size) || read_at(device, "../lmem_total_bytes", &size);
	if (card->has_total)
		card->total = size;
}

static bool is_card(const char *name)
{
	if (strncmp(name, "card", 4) != 0 || !name[4])
		return false;
	for (name += 4; isdigit((unsigned char)*name); name++)
		;
	return *name == '\0';
}

static void read_card(const char *folder, const char *name, struct ncm_gpu_list *list)
{
	NCM_AUTO_FREE char *device = ncm_asprintf("%s/%s/device", folder, name);
	uint64_t vendor;
	struct ncm_gpu *card;

	if (!read_at(device, "vendor", &vendor) || (vendor != VENDOR_AMD && vendor != VENDOR_INTEL))
		return;
	card = gpu_add(list);
	card->told_by = "sysfs";
	read_sensors(device, card);
	if (vendor == VENDOR_AMD)
		read_amd(device, card);
	else
		read_intel(device, card);
}

void gpu_add_sysfs(const char *root, struct ncm_gpu_list *list)
{
	NCM_AUTO_FREE char *folder = ncm_asprintf("%s/sys/class/drm", root);
	struct os_list *names = os_list(os_open(OS_HERE, folder, OS_FOLDER));
	const char *name;

	while (names && (name = os_list_next(names))) {
		if (is_card(name))
			read_card(folder, name, list);
	}
	os_list_end(names);
}

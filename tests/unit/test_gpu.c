/* SPDX-License-Identifier: MIT */
/* Cards and memory as a machine's own folders tell them: made here, below a folder of the test's. */
#include "gpu/gpu.h"

#include "temp.h"

static void put(const char *root, const char *path, const char *text)
{
	temp_write_bytes(root, path, text, strlen(text));
}

static void clear(struct ncm_gpu_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
	*list = (struct ncm_gpu_list){0};
}

static void an_amd_card(void)
{
	char *root = temp_folder();
	struct ncm_gpu_list list = {0};

	put(root, "sys/class/drm/card1/device/vendor", "0x1002\n");
	put(root, "sys/class/drm/card1/device/mem_info_vram_total", "25753026560\n");
	put(root, "sys/class/drm/card1/device/mem_info_vram_used", "1000000000\n");
	put(root, "sys/class/drm/card1/device/mem_info_gtt_total", "33554432000\n");
	put(root, "sys/class/drm/card1/device/product_name", "Radeon RX 7900 XTX\n");
	put(root, "sys/class/drm/card1/device/gpu_busy_percent", "17\n");
	put(root, "sys/class/drm/card1/device/hwmon/hwmon3/temp1_input", "54900\n");
	put(root, "sys/class/drm/card1-HDMI-A-1/device/vendor", "0x1002\n");
	gpu_add_sysfs(root, &list);
	CHECK_U64(list.count, 1);
	CHECK_STR(list.items[0].name, "Radeon RX 7900 XTX");
	CHECK_U64(list.items[0].total, 25753026560);
	CHECK_U64(list.items[0].free, 24753026560);
	CHECK(list.items[0].has_utilization && list.items[0].has_temperature);
	CHECK_U64(list.items[0].utilization, 17);
	CHECK_U64(list.items[0].temperature, 54);
	clear(&list);
	temp_remove(root);
}

static void an_apu_lends(void)
{
	char *root = temp_folder();
	struct ncm_gpu_list list = {0};

	put(root, "sys/class/drm/card0/device/vendor", "0x1002\n");
	put(root, "sys/class/drm/card0/device/mem_info_vram_total", "536870912\n");
	put(root, "sys/class/drm/card0/device/mem_info_gtt_total", "16000000000\n");
	put(root, "sys/class/drm/card0/device/mem_info_gtt_used", "1000000000\n");
	gpu_add_sysfs(root, &list);
	CHECK_U64(list.count, 1);
	CHECK_U64(list.items[0].total, 16536870912);
	CHECK(!list.items[0].has_utilization && !list.items[0].has_temperature);
	CHECK_U64(list.items[0].free, 15536870912);
	clear(&list);
	temp_remove(root);
}

static void a_line_of_nvidia_smi(void)
{
	char told[] = "24564, 20000, 37, 61, 550.54.14, NVIDIA GeForce RTX 4090",
	     untold[] = "[N/A], [N/A], [N/A], 40, 1, GB10, x";
	char short_one[] = "24564, 20000, 37, 61, 550.54.14";
	struct ncm_gpu_list list = {0};

	gpu_add_smi_line(told, &list);
	gpu_add_smi_line(untold, &list);
	gpu_add_smi_line(short_one, &list);
	CHECK_U64(list.count, 2);
	CHECK_STR(list.items[0].name, "NVIDIA GeForce RTX 4090");
	CHECK_U64(list.items[0].utilization, 37);
	CHECK_U64(list.items[0].temperature, 61);
	CHECK_STR(list.items[1].name, "GB10, x");
	CHECK(list.items[1].unified && !list.items[1].has_utilization && list.items[1].has_temperature);
	for (size_t i = 0; i < list.count; i++)
		free(list.items[i].driver);
	clear(&list);
}

static void intel_may_not_tell(void)
{
	char *root = temp_folder();
	struct ncm_gpu_list list = {0};

	put(root, "sys/class/drm/card0/device/vendor", "0x8086\n");
	put(root, "sys/class/drm/card1/device/vendor", "0x8086\n");
	put(root, "sys/class/drm/card1/device/tile0/physical_vram_size_bytes", "0x400000000\n");
	gpu_add_sysfs(root, &list);
	CHECK_U64(list.count, 2);
	CHECK(list.items[0].has_total != list.items[1].has_total);
	CHECK_U64(list.items[0].total + list.items[1].total, (uint64_t)16 << 30);
	clear(&list);
	temp_remove(root);
}

static void a_container_has_less(void)
{
	char *root = temp_folder();
	struct ncm_gpu_list list = {0};

	put(root, "proc/meminfo", "MemTotal:       32000000 kB\nMemFree: 1 kB\nMemAvailable:   20000000 kB\n");
	put(root, "proc/self/cgroup", "0::/outer/inner\n");
	gpu_read_memory(root, &list);
	CHECK_U64(list.memory, (uint64_t)32000000 * 1024);
	CHECK_U64(list.memory_free, (uint64_t)20000000 * 1024);
	put(root, "sys/fs/cgroup/outer/inner/memory.max", "max\n");
	put(root, "sys/fs/cgroup/outer/memory.max", "8000000000\n");
	put(root, "sys/fs/cgroup/outer/memory.current", "3000000000\n");
	gpu_read_memory(root, &list);
	CHECK_U64(list.memory, 8000000000);
	CHECK_U64(list.memory_free, 5000000000);
	/* Another one takes from what is left to both. */
	put(root, "sys/fs/cgroup/outer/inner/memory.max", "6000000000\n");
	put(root, "sys/fs/cgroup/outer/inner/memory.current", "1000000000\n");
	put(root, "sys/fs/cgroup/outer/memory.current", "7500000000\n");
	clear(&list);
	gpu_read_memory(root, &list);
	CHECK_U64(list.memory, 6000000000);
	CHECK_U64(list.memory_free, 500000000);
	put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "4000000000\n");
	put(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "4500000000\n");
	gpu_read_memory(root, &list);
	CHECK_U64(list.memory, 4000000000);
	CHECK_U64(list.memory_free, 0);
	temp_remove(root);
}

static void no_folders_no_cards(void)
{
	struct ncm_gpu_list list = {0};

	gpu_add_sysfs("/nowhere", &list);
	gpu_read_memory("/nowhere", &list);
	CHECK_U64(list.count, 0);
	CHECK(!list.has_memory);
}

int main(void)
{
	RUN(an_amd_card);
	RUN(an_apu_lends);
	RUN(a_line_of_nvidia_smi);
	RUN(intel_may_not_tell);
	RUN(a_container_has_less);
	RUN(no_folders_no_cards);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "disks.h"

#include "ui/bar.h"
#include "ui/fields.h"
#include "ui/style.h"
#include "ui/text.h"

#include <ncmodel/text.h>

enum { BAR_COLUMNS = 40 };

static json_t *disk_total(const void *row)
{
	const struct ncm_usage_disk *disk = row;

	return disk->has_space ? json_number(disk->total) : json_null();
}

static json_t *disk_free(const void *row)
{
	const struct ncm_usage_disk *disk = row;

	return disk->has_space ? json_number(disk->free) : json_null();
}

static const struct field disk_fields[] = {
    {"path", FIELD_TEXT, .offset = offsetof(struct ncm_usage_disk, path)},
    {"total", FIELD_MADE, .value = disk_total},
    {"free", FIELD_MADE, .value = disk_free},
    {"stores", FIELD_BYTES, .offset = offsetof(struct ncm_usage_disk, stores)},
    {.key = NULL},
};

json_t *disks_json(const struct ncm_usage *usage)
{
	return fields_array(disk_fields, usage->disks, usage->disk_count, sizeof *usage->disks);
}

static void print_bar(const struct ncm_usage_disk *disk)
{
	const uint64_t taken = disk->total > disk->free ? disk->total - disk->free : 0;
	const uint64_t parts[] = {disk->stores, taken > disk->stores ? taken - disk->stores : 0};
	AUTO_FREE char *bar = bar_stacked(parts, 2, disk->total, BAR_COLUMNS);

	printf("  %s  %s stores %s others\n", bar, bar_sign(0), bar_sign(1));
}

static void print_disk(const struct ncm_usage_disk *disk)
{
	AUTO_FREE char *path = text_safe_path(disk->path);
	char stores[32], free_now[32], total[32];

	ncm_format_size(disk->stores, stores, sizeof stores);
	if (disk->has_space)
		print_line(stdout, "Disk of %s: %s free of %s, %s in stores.", path,
			   ncm_format_size(disk->free, free_now, sizeof free_now),
			   ncm_format_size(disk->total, total, sizeof total), stores);
	else
		print_line(stdout, "Disk of %s: its free space is not known, %s in stores.", path, stores);
	if (disk->has_space && style_columns(stdout) >= BAR_COLUMNS + 24)
		print_bar(disk);
}

void disks_print(const struct ncm_usage *usage)
{
	for (size_t i = 0; i < usage->disk_count; i++)
		print_disk(&usage->disks[i]);
}

int disks_report_failures(struct session *session, const struct ncm_usage *usage)
{
	int exit_code = 0;

	for (size_t i = 0; i < usage->failures.count; i++) {
		struct ncm_error err = NCM_ERROR_INIT;

		ncm_error_set(&err, NCM_E_IO, "%s", usage->failures.items[i]);
		ncm_error_hint(&err, "what lies there is not counted");
		exit_code = report_error(&session->report, &err, NULL);
		ncm_error_clear(&err);
	}
	return exit_code;
}

/* SPDX-License-Identifier: MIT */
#include "status/status.h"

#include "base/file.h"
#include "base/mem.h"

#include <ncmodel/drift.h>

#include <stdlib.h>

enum {
	DAY = 86400,
};

static int add_changes(struct ncm_status *status, const struct ncm_config *config, struct ncm_catalog *catalog,
		       const struct ncm_sink *sink, struct ncm_error *err)
{
	struct ncm_model **models = ncm_calloc(catalog->count + 1, sizeof(struct ncm_model *));
	struct ncm_drift *drift;

	for (size_t i = 0; i < catalog->count; i++)
		models[i] = &catalog->models[i];
	drift = ncm_diff(config, models, catalog->count, false, sink, err);
	for (size_t i = 0; drift && i < drift->count; i++) {
		const struct ncm_drift_entry *entry = &drift->entries[i];

		if (entry->state != NCM_DRIFT_CHANGED || !entry->model)
			continue;
		*NCM_PUSH(status->changes, status->change_count) =
		    (struct ncm_status_change){ncm_strdup(entry->model), ncm_strdup_null(entry->detail)};
	}
	free(models);
	if (!drift)
		return -1;
	ncm_drift_free(drift);
	return 0;
}

static int look(struct ncm_status *status, const struct ncm_config *config, struct ncm_catalog *catalog,
		const struct ncm_sink *sink, struct ncm_error *err)
{
	const struct ncm_selector everything = {0};
	struct ncm_verify_report *report = ncm_verify(config, &everything, true, sink, err);

	if (!report)
		return -1;
	status_add_faults(status, report);
	status_add_lines(status, catalog, report->registry);
	ncm_verify_free(report);
	status->usage = ncm_usage_make(config, &(const struct ncm_gc_options){.min_age = DAY}, err);
	return status->usage ? add_changes(status, config, catalog, sink, err) : -1;
}

struct ncm_status *ncm_status_make(const struct ncm_config *config, struct ncm_catalog *catalog,
				   const struct ncm_sink *sink, struct ncm_error *err)
{
	struct ncm_status *status = ncm_calloc(1, sizeof *status);

	if (look(status, config, catalog, sink, err) == 0)
		return status;
	ncm_status_free(status);
	return NULL;
}

static void free_table(struct ncm_status_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->lines[i].name);
		free(table->lines[i].profile);
	}
	free(table->lines);
}

void ncm_status_free(struct ncm_status *status)
{
	if (!status)
		return;
	free_table(&status->phases);
	free_table(&status->use_cases);
	for (size_t i = 0; i < status->fault_count; i++) {
		free(status->faults[i].model);
		free(status->faults[i].path);
		free(status->faults[i].detail);
	}
	for (size_t i = 0; i < status->change_count; i++) {
		free(status->changes[i].model);
		free(status->changes[i].detail);
	}
	free(status->faults);
	free(status->changes);
	ncm_usage_free(status->usage);
	free(status);
}

int ncm_status_save(const char *path, const char *page, size_t size, struct ncm_error *err)
{
	return ncm_save(path, false, page, size, err);
}

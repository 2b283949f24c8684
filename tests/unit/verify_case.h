/* SPDX-License-Identifier: MIT */
/* A folder with a layout, files in its stores, and models.json that names them. */
#ifndef NCM_TEST_VERIFY_CASE_H
#define NCM_TEST_VERIFY_CASE_H

#include "check.h"
#include "digest/hash.h"
#include "registry/write.h"
#include "temp.h"

#include <ncmodel/verify.h>

#include <errno.h>
#include <sys/stat.h>

static char *folder;
static char *registry_path;
static char *layout_path;
static struct ncm_config config;

static const char *const layout =
    "{\"schema_version\":1,\"layout\":\"test\",\"title\":\"t\",\"registry\":\"ai/models/models.json\",\"stores\":{"
    "\"llama-cpp\":{\"kind\":\"folders\",\"path\":\"ai/models\",\"folders\":{}},"
    "\"comfyui\":{\"kind\":\"folders\",\"path\":\"comfy\",\"folders\":{\"vae\":\"models/vae\",\"nodes\":\"nodes\"}},"
    "\"ollama\":{\"kind\":\"ollama\",\"path\":\"ollama\"}}}";

static inline void start(void)
{
	folder = temp_folder();
	temp_write(folder, "layout.json", layout);
	layout_path = ncm_path_join(folder, "layout.json");
	registry_path = ncm_path_join(folder, "ai/models/models.json");
	config = (struct ncm_config){
	    .root = folder, .layout = layout_path, .profile = (char *)"noa", .data_dir = getenv("NCMODEL_DATADIR")};
}

static inline void stop(void)
{
	temp_remove(folder);
	free(layout_path);
	free(registry_path);
}

/* Files of one model under way to models.json. */
static struct ncm_reg_file files[8];
static size_t file_count;

static inline void add(const char *name, const char *text, const char *store, const char *role)
{
	struct ncm_reg_file *file = &files[file_count++];
	struct stat status;

	temp_write(folder, name, text);
	*file = (struct ncm_reg_file){
	    .abs = ncm_path_join(folder, name), .store = (char *)store, .role = (char *)role, .size = strlen(text)};
	ncm_sha256_of(text, strlen(text), &file->sha256);
	CHECK(stat(file->abs, &status) == 0);
	file->mtime_ns = mtime_ns(&status);
}

static inline void put(const char *id)
{
	const struct ncm_reg_model model = {.id = (char *)id,
					    .display_name = (char *)id,
					    .kind = (char *)"llm",
					    .files = files,
					    .file_count = file_count};

	CHECK(ncm_registry_put_all(registry_path, &model, 1, NULL) == 0);
	for (size_t i = 0; i < file_count; i++)
		free(files[i].abs);
	file_count = 0;
}

static inline struct ncm_verify_report *verify(bool quick)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_verify_report *report = ncm_verify(&config, &(struct ncm_selector){.phases = 0}, quick, NULL, &err);

	if (!report)
		fprintf(stderr, "%s\n", err.message);
	CHECK(report);
	return report;
}

struct heard {
	size_t events, named;
	uint64_t done, total;
};

static inline void hear(void *context, const struct ncm_event *event)
{
	struct heard *heard = context;

	CHECK(event->type == NCM_EVENT_VERIFIED && event->done >= heard->done);
	heard->events++;
	heard->named += event->file != NULL;
	heard->done = event->done;
	heard->total = event->total;
}

#endif

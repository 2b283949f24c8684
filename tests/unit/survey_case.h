/* SPDX-License-Identifier: MIT */
/* A folder with a layout of one store of each kind, and what a survey of them says. */
#ifndef NCM_TEST_SURVEY_CASE_H
#define NCM_TEST_SURVEY_CASE_H

#include "check.h"
#include "digest/hash.h"
#include "temp.h"

#include <ncmodel/survey.h>

#include <sys/stat.h>
#include <unistd.h>

static char *folder;
static char *layout_path;
static struct ncm_config config;
static struct ncm_survey *survey;

static const char *const layout =
    "{\"schema_version\":1,\"layout\":\"test\",\"title\":\"t\",\"registry\":\"ai/models/models.json\",\"stores\":{"
    "\"llama-cpp\":{\"kind\":\"folders\",\"path\":\"ai/models\",\"folders\":{}},"
    "\"a1111\":{\"kind\":\"folders\",\"path\":\"webui\",\"folders\":{\"checkpoints\":\"models/Stable-diffusion\","
    "\"loras\":\"models/Lora\"}},"
    "\"hf\":{\"kind\":\"huggingface\",\"path\":\"hub\"},"
    "\"ollama\":{\"kind\":\"ollama\",\"path\":\"ollama\"}}}";

static inline void start(void)
{
	static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"};

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	folder = temp_folder();
	temp_write(folder, "layout.json", layout);
	layout_path = ncm_path_join(folder, "layout.json");
	config = (struct ncm_config){
	    .root = folder, .layout = layout_path, .profile = (char *)"noa", .data_dir = getenv("NCMODEL_DATADIR")};
}

static inline void stop(void)
{
	ncm_survey_free(survey);
	survey = NULL;
	temp_remove(folder);
	free(layout_path);
}

static inline void look(enum ncm_survey_depth depth)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_survey_free(survey);
	survey = ncm_survey_make(&config, &(struct ncm_survey_options){.depth = depth}, NULL, &err);
	if (!survey)
		fprintf(stderr, "%s\n", err.message);
	CHECK(survey);
}

/* The file of that path below the test's folder; NULL if the survey does not have it. */
static inline const struct ncm_survey_file *found(const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	for (size_t i = 0; i < survey->file_count; i++) {
		if (strcmp(survey->files[i].path, path) == 0)
			return &survey->files[i];
	}
	return NULL;
}

static inline const char *state_of(const char *name)
{
	const struct ncm_survey_file *file = found(name);

	return file ? ncm_survey_state_name(file->state) : "not in the survey";
}

static inline const struct ncm_survey_model *model(const char *id)
{
	for (size_t i = 0; i < survey->model_count; i++) {
		if (strcmp(survey->models[i].entry.id, id) == 0)
			return &survey->models[i];
	}
	fprintf(stderr, "the survey has no model %s, but %zu others", id, survey->model_count);
	for (size_t i = 0; i < survey->model_count; i++)
		fprintf(stderr, " %s", survey->models[i].entry.id);
	fprintf(stderr, "\n");
	exit(1);
}

static inline const char *model_state(const char *id)
{
	return ncm_survey_state_name(model(id)->state);
}

/* 64 hex digits of a text. The caller frees them. */
static inline char *sha256_hex(const char *text)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(text, strlen(text), &digest);
	return ncm_strdup(ncm_sha256_hex(&digest, hex));
}

static inline void write_to(const char *text, char *name)
{
	temp_write(folder, name, text);
	free(name);
}

static inline void drop(const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);

	CHECK(unlink(path) == 0);
}

static inline void link_to(const char *target, const char *name)
{
	NCM_AUTO_FREE char *path = ncm_path_join(folder, name);
	NCM_AUTO_FREE char *parent = ncm_strndup(path, (size_t)(ncm_path_base(path) - path));
	NCM_AUTO_CLOSE int dirfd = ncm_dir_open(parent, true, NULL);

	CHECK(dirfd >= 0 && symlink(target, path) == 0);
}

#endif

/* SPDX-License-Identifier: MIT */
#include <ncmodel/fit_rules.h>

#include "base/json_file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS_MOST = 256 };

#define RULES(member) offsetof(struct ncm_fit_rules, member)
#define TASK(member) offsetof(struct ncm_fit_task, member)
#define STAGE(member) offsetof(struct ncm_fit_stage, member)
#define CONTEXT(member) offsetof(struct ncm_fit_context, member)
#define GROUP(member) offsetof(struct ncm_fit_group, member)

static const struct ncm_json_form any = {.kind = NCM_FORM_ANY};
static const struct ncm_json_form version = {.kind = NCM_FORM_U64, .least = 1, .most = 1};
static const struct ncm_json_form word = {.kind = NCM_FORM_TEXT, .least = 1, .most = 256};
static const struct ncm_json_form words = {.kind = NCM_FORM_LIST, .of = &word, .most = ITEMS_MOST};
static const struct ncm_json_form gigabytes = {.kind = NCM_FORM_NUMBER, .most = 1 << 20};
static const struct ncm_json_form prose = {.kind = NCM_FORM_TEXT, .least = 1, .most = 2000};
static const struct ncm_json_form tokens = {.kind = NCM_FORM_U64, .least = 1, .most = 1 << 24};
static const struct ncm_json_form cuda = {.kind = NCM_FORM_UNSIGNED, .least = 1, .most = 1000};

static const struct ncm_json_field task_fields[] = {
    {"task", &word, TASK(task), true, 0},
    {"models", &words, TASK(models), true, 0},
    {"beside", &words, TASK(beside), true, 0},
    {"beside_kinds", &words, TASK(beside_kinds), false, 0},
};
static const struct ncm_json_form task = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(task_fields)};
static const struct ncm_json_form tasks = {
    .kind = NCM_FORM_LIST, .of = &task, .size = sizeof(struct ncm_fit_task), .most = ITEMS_MOST};

static const struct ncm_json_field stage_fields[] = {
    {"title", &word, STAGE(title), true, 0},
    {"models", &words, STAGE(models), true, 0},
    {"vram_gb", &gigabytes, STAGE(stated), true, 0},
};
static const struct ncm_json_form stage = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(stage_fields)};
static const struct ncm_json_form stages = {
    .kind = NCM_FORM_LIST, .of = &stage, .size = sizeof(struct ncm_fit_stage), .most = ITEMS_MOST};

static const struct ncm_json_field context_fields[] = {
    {"models", &words, CONTEXT(models), true, 0},
    {"tokens", &tokens, CONTEXT(tokens), true, 0},
    {"words", &prose, CONTEXT(words), true, 0},
};
static const struct ncm_json_form context = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(context_fields)};
static const struct ncm_json_form contexts = {
    .kind = NCM_FORM_LIST, .of = &context, .size = sizeof(struct ncm_fit_context), .most = ITEMS_MOST};

static const struct ncm_json_field group_fields[] = {
    {"title", &word, GROUP(title), true, 0},
    {"models", &words, GROUP(models), true, 0},
};
static const struct ncm_json_form group = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(group_fields)};
static const struct ncm_json_form groups = {
    .kind = NCM_FORM_LIST, .of = &group, .size = sizeof(struct ncm_fit_group), .most = ITEMS_MOST};

static const struct ncm_json_field training_fields[] = {
    {"parameters_most_b", &gigabytes, RULES(training.parameters), true, 0},
    {"vram_least_gb", &gigabytes, RULES(training.vram), true, 0},
    {"words", &prose, RULES(training.words), true, 0},
};
static const struct ncm_json_form training = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(training_fields)};

static const struct ncm_json_field fields[] = {
    {"$schema", &any, NCM_NOT_KEPT, false, 0},
    {"schema_version", &version, NCM_NOT_KEPT, true, 0},
    {"profile", &word, RULES(profile), true, 0},
    {"gpu", &word, RULES(gpu), false, 0},
    {"vram_gb", &gigabytes, RULES(card), false, 0},
    {"ram_gb", &gigabytes, RULES(ram), false, 0},
    {"disk_gb", &gigabytes, RULES(disk), false, 0},
    {"cuda", &cuda, RULES(cuda), false, 0},
    {"words", &prose, RULES(words), false, 0},
    {"budget_gb", &gigabytes, RULES(budget), false, 0},
    {"contexts", &contexts, NCM_ITEMS(struct ncm_fit_rules, contexts, context_count), false, 0},
    {"pick_one", &groups, NCM_ITEMS(struct ncm_fit_rules, groups, group_count), false, 0},
    {"training", &training, 0, false, 0},
    {"tasks", &tasks, NCM_ITEMS(struct ncm_fit_rules, tasks, task_count), false, 0},
    {"stages", &stages, NCM_ITEMS(struct ncm_fit_rules, stages, stage_count), false, 0},
};
static const struct ncm_json_form form = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(fields)};

/* The user's own folder of the profile comes before the shipped one, as its manifests do. The caller frees it. */
static char *path_of(const struct ncm_config *config, const char *profile)
{
	for (size_t i = 0; i <= config->manifest_dir_count; i++) {
		const char *folder = i < config->manifest_dir_count ? config->manifest_dirs[i] : config->data_dir;
		NCM_AUTO_FREE char *own = ncm_path_join(folder, profile);

		if (os_access(OS_HERE, own, OS_MAY_READ | OS_MAY_ENTER) == 0)
			return ncm_asprintf("%s/memory/%s.json", folder, profile);
	}
	return NULL;
}

int ncm_fit_rules_load(const struct ncm_config *config, const char *profile, struct ncm_fit_rules **rules,
		       struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = path_of(config, profile ? profile : "noa");
	struct ncm_fit_rules *read;

	*rules = NULL;
	if (!path || !os_has(OS_HERE, path))
		return 0;
	read = ncm_calloc(1, sizeof *read);
	if (ncm_json_read_file(path, &form, read, NULL, NCM_E_MANIFEST, err) < 0) {
		ncm_fit_rules_free(read);
		return -1;
	}
	*rules = read;
	return 0;
}

void ncm_fit_rules_free(struct ncm_fit_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->task_count; i++) {
		free(rules->tasks[i].task);
		ncm_strings_free(&rules->tasks[i].models);
		ncm_strings_free(&rules->tasks[i].beside);
		ncm_strings_free(&rules->tasks[i].beside_kinds);
	}
	for (size_t i = 0; i < rules->stage_count; i++) {
		free(rules->stages[i].title);
		ncm_strings_free(&rules->stages[i].models);
	}
	for (size_t i = 0; i < rules->context_count; i++) {
		ncm_strings_free(&rules->contexts[i].models);
		free(rules->contexts[i].words);
	}
	for (size_t i = 0; i < rules->group_count; i++) {
		free(rules->groups[i].title);
		ncm_strings_free(&rules->groups[i].models);
	}
	free(rules->tasks);
	free(rules->stages);
	free(rules->contexts);
	free(rules->groups);
	free(rules->training.words);
	free(rules->profile);
	free(rules->gpu);
	free(rules->words);
	free(rules);
}

uint64_t ncm_fit_context_of(const struct ncm_fit_rules *rules, const char *id)
{
	for (size_t i = 0; i < rules->context_count; i++) {
		if (ncm_strings_contain(&rules->contexts[i].models, id))
			return rules->contexts[i].tokens;
	}
	return 0;
}

const struct ncm_fit_group *ncm_fit_group_of(const struct ncm_fit_rules *rules, const char *id)
{
	for (size_t i = 0; i < rules->group_count; i++) {
		if (ncm_strings_contain(&rules->groups[i].models, id))
			return &rules->groups[i];
	}
	return NULL;
}

const struct ncm_fit_task *ncm_fit_task_of(const struct ncm_fit_rules *rules, const char *id)
{
	for (size_t i = 0; i < rules->task_count; i++) {
		if (ncm_strings_contain(&rules->tasks[i].models, id))
			return &rules->tasks[i];
	}
	return NULL;
}

bool ncm_fit_task_admits(const struct ncm_fit_task *its, const char *kind)
{
	return kind && ncm_strings_contain(&its->beside_kinds, kind);
}

/* SPDX-License-Identifier: MIT */
/* What a profile's document says of hardware and memory, as data: memory/<profile>.json beside the profiles. */
#ifndef NCMODEL_FIT_RULES_H
#define NCMODEL_FIT_RULES_H

#include <ncmodel/config.h>
#include <ncmodel/manifest.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What may run beside a task: models of these kinds, and nothing else; no kind: nothing. */
struct ncm_fit_task {
	char *task;
	struct ncm_strings models; /* ids that do it */
	struct ncm_strings beside; /* the document's words */
	struct ncm_strings beside_kinds;
};

struct ncm_fit_stage {
	char *title;
	struct ncm_strings models;
	double stated; /* GiB, as the document has it */
};

/* The context that the document works at with these models. */
struct ncm_fit_context {
	struct ncm_strings models;
	uint64_t tokens;
	char *words; /* the document's own */
};

/* Models of which one is active at a time. */
struct ncm_fit_group {
	char *title;
	struct ncm_strings models;
};

/* What the document trains (QLoRA), and with what. Nothing else runs meanwhile. */
struct ncm_fit_training {
	double parameters; /* billions at most; 0: it says nothing of training */
	double vram;       /* GiB at least */
	char *words;       /* the document's own; NULL likewise */
};

struct ncm_fit_rules {
	char *profile;
	/* the hardware that the document was written for */
	char *gpu;           /* or NULL */
	double card, budget; /* GiB; 0: none is said */
	double ram;          /* GiB; 0 likewise */
	double disk;         /* GB; 0 likewise */
	unsigned cuda;       /* major version; 0 likewise */
	char *words;         /* what it says of hardware; or NULL */
	struct ncm_fit_context *contexts;
	size_t context_count;
	struct ncm_fit_group *groups;
	size_t group_count;
	struct ncm_fit_training training;
	struct ncm_fit_task *tasks;
	size_t task_count;
	struct ncm_fit_stage *stages;
	size_t stage_count;
};

/* Of a profile (NULL: "noa"). Returns 0 with *rules, which is NULL when the profile has none; -1 with *err: MANIFEST,
 * IO. Free with ncm_fit_rules_free. */
int ncm_fit_rules_load(const struct ncm_config *config, const char *profile, struct ncm_fit_rules **rules,
		       struct ncm_error *err);
void ncm_fit_rules_free(struct ncm_fit_rules *rules);
/* The task that a model does; or NULL. */
const struct ncm_fit_task *ncm_fit_task_of(const struct ncm_fit_rules *rules, const char *id);
/* The tokens that the document works at with a model; 0: it says nothing of that. */
uint64_t ncm_fit_context_of(const struct ncm_fit_rules *rules, const char *id);
/* The group of which a model is one, if one at a time is active; or NULL. */
const struct ncm_fit_group *ncm_fit_group_of(const struct ncm_fit_rules *rules, const char *id);
/* Whether the matrix lets a model of that kind run beside a task. */
bool ncm_fit_task_admits(const struct ncm_fit_task *task, const char *kind);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

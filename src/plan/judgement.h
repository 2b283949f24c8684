/* SPDX-License-Identifier: MIT */
/* One judgement of what lies at one place (evidence.c; of an Ollama tag: tag.c). */
#ifndef NCM_PLAN_JUDGEMENT_H
#define NCM_PLAN_JUDGEMENT_H

#include "plan/plan.h"

#include "os/os.h"

struct judgement {
	struct look *look;
	const struct planned *planned;
	struct content *content;
	const struct place *place;
	struct step *step;
	const struct registry_ref *refs; /* all that registered this path */
	size_t ref_count;
	const struct registry_ref *own; /* this model's; or NULL */
	int fd;                         /* the file that is there, open; or -1 */
};

/* Whether a file's record can stand for its bytes. */
bool record_is_believed(const struct look *look, const struct registry_ref *ref, const struct os_stat *status);
/* What is there is something else. May it be replaced, and can it be had again? */
void judge_other(const struct judgement *judgement);
/*
 * The folder of an unpacked archive: right when models.json has its files, from this very archive, and none has
 * changed. What else lies in it is somebody's: the old folder is kept when another one takes its place.
 */
void judge_folder(const struct judgement *judgement);
/* A folder, or anything else that is no file: nothing of it is replaced, whoever says so. */
void judge_no_file(const struct judgement *judgement);
/* The id of a model whose file lies in the folder (`below`), or has the name of a folder on the way to the place; or
 * NULL. Every entry is looked at: it is seldom asked. */
const char *owner_near(const struct judgement *judgement, bool below);
/*
 * Whether the open file is another model's by another spelling: where case does not count, two names are one place. In
 * the way, then, whoever forces it: two entries would name one file.
 */
bool judge_spelling(const struct judgement *judgement);
/* A manifest of Ollama's: every generation of Ollama is to run it. */
void judge_tag(const struct judgement *judgement);

#endif

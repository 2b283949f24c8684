/* SPDX-License-Identifier: MIT */
/* What models need against what there is; `fit`, `plan` and `pull` ask the same. */
#ifndef CMD_FIT_VIEW_H
#define CMD_FIT_VIEW_H

#include "session.h"

#include <ncmodel/fit.h>
#include <ncmodel/gpu.h>
#include <ncmodel/registry.h>

/* --vram, --gpu, --free and --require-fit. */
extern const struct option_group options_card;
bool fit_is_demanded(void); /* --require-fit */
bool fit_is_by_free(void);  /* --free */
/* What counts of a card's memory: all of it, or what is free; 0: not known. */
uint64_t gpu_room(const struct ncm_gpu *gpu);
/* With --require-fit, if any of `count` is not known to fit, records that. Returns the exit code. */
int fit_demand(struct session *session, size_t not_fitting, size_t count);

/* The card to hold models against. */
struct card {
	struct ncm_gpu_list *gpus;
	const struct ncm_gpu *gpu; /* the one with the most room; NULL: --vram, or there is none */
	uint64_t room;             /* bytes; 0: not known */
};
/* By --vram, --gpu, else what the machine has. Returns 0, or -1 with *err (USAGE). Free with card_free. */
int card_find(const struct session *session, struct card *card, struct ncm_error *err);
void card_free(struct card *card);
/* "RTX 3060, 12.0 GiB", "no graphics card was found". The caller frees it. */
char *card_text(const struct card *card);
/* "11.8 GiB", "450.0 MiB". The caller frees it. */
char *gib_text(uint64_t bytes);

/* One model, and how it was looked at. */
struct need {
	char *id;
	double stated;            /* GiB by the manifest; 0: it says none */
	struct ncm_fit_wish wish; /* that it was counted for: as asked, and as its program has it */
	struct ncm_fit fit;
	struct ncm_strings notes;                 /* among fit's remarks however often it is counted */
	struct ncm_inspection *model, *projector; /* NULL: no header was had */
	struct ncm_inspection **parts;            /* of a picture model: text encoders, decoder … in other files */
	size_t part_count;
};
void need_clear(struct need *need);
/* Counts it anew, at another context, if its header tells what that takes. */
void need_count_at(struct need *need, uint64_t tokens);
/* Makes what was read of another model, which loses it, a part of this picture model, and counts anew. */
void need_take_part(struct need *need, struct need *part);
/* Of what is installed the header is read; of what is not, it is asked for if `ask`, else size or statement must do. */
void need_find(const struct session *session, const struct ncm_registry *registry, const struct ncm_model *model,
	       const struct ncm_fit_wish *wish, bool ask, struct need *need);
/* Of what is installed, by its header alone; its basis is UNKNOWN where that tells no figure. */
void need_installed(const struct ncm_reg_model *entry, const struct ncm_fit_wish *wish, struct need *need);
/* A file or folder. Returns 0, or -1 with *err. */
int need_read(const char *path, const struct ncm_fit_wish *wish, struct need *need, struct ncm_error *err);

#endif

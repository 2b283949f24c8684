/* SPDX-License-Identifier: MIT */
/* What the files of this room want of each other: the formulas, one a file. */
#ifndef NCM_FIT_FIT_H
#define NCM_FIT_FIT_H

#include <ncmodel/fit.h>

/* What one layer keeps between tokens. */
struct fit_layer {
	uint64_t key_width, value_width; /* elements of one token; both 0: it keeps no KV */
	uint64_t indexer_width;          /* elements of one token, of the whole context, in K's type */
	bool windowed;
	uint64_t state; /* bytes of one sequence */
};

struct fit_shape {
	struct fit_layer *layers;
	size_t count;
	uint64_t window;
	uint64_t widest_value; /* without flash attention each layer's V is as wide as that */
};
/* What is assumed goes to *remarks. Free with fit_shape_clear. */
void fit_shape_read(const struct ncm_inspection *model, const struct ncm_fit_wish *wish, struct fit_shape *shape,
		    struct ncm_strings *remarks);
void fit_shape_clear(struct fit_shape *shape);
/* Encoders keep nothing between tokens. */
bool fit_is_encoder(const struct ncm_inspection *model);
/* Whether the sums of what the header tells can be told at all: its numbers are whoever's who made the file. */
bool fit_is_sane(const struct ncm_inspection *model, const struct ncm_inspection *projector,
		 const struct ncm_fit_wish *wish);
bool fit_is_diffusion(const struct ncm_inspection *model);
/* A LoRA: it adds its weights to what another model takes. */
bool fit_is_addition(const struct ncm_inspection *model);

/* Whether layer `layer` of `count` (the output being the last, count - 1) is on the card. */
bool fit_on_card(const struct ncm_fit_wish *wish, size_t layer, size_t count);
/* The context of one sequence as it is kept: no more than the model's own where that is told, a multiple of 256. */
uint64_t fit_cells(const struct ncm_fit_wish *wish);
/* Cells of a windowed layer. */
uint64_t fit_window_cells(const struct ncm_fit_wish *wish, uint64_t window);
/* Bytes of so many elements in a KV type. */
uint64_t fit_kv_bytes(const char *type, uint64_t elements);

/* Each adds its part. */
void fit_add_weights(const struct ncm_inspection *model, const struct ncm_fit_wish *wish, struct ncm_fit *fit);
void fit_add_kv(const struct fit_shape *shape, const struct ncm_fit_wish *wish, struct ncm_fit *fit);
void fit_add_buffers(const struct ncm_inspection *model, const struct fit_shape *shape, const struct ncm_fit_wish *wish,
		     struct ncm_fit *fit);
void fit_add_projector(const struct ncm_inspection *model, const struct ncm_inspection *projector,
		       const struct ncm_fit_wish *wish, struct ncm_fit *fit);
/* With what lies in other files: text encoders, a decoder, ControlNets, LoRAs. */
void fit_count_diffusion(const struct ncm_inspection *model, const struct ncm_inspection *const *files, size_t count,
			 const struct ncm_fit_wish *wish, struct ncm_fit *fit);

#define FIT_WEIGHTS_MOST (UINT64_C(1) << 52) /* bytes of one file beside the model */

enum {
	FIT_KIB = 1 << 10,
	FIT_MIB = 1 << 20,
	FIT_DRIVER_MIB = 400, /* of CUDA, a process and card: 300 to 500 */
	FIT_DRIVER_ERROR_MIB = 100,
	FIT_COMPUTE_ERROR = 10, /* percent */
};

#endif

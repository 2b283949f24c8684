/* SPDX-License-Identifier: MIT */
/*
 * How much memory a model needs to run, counted from what its header says: weights, KV or state, the buffers of the
 * computation, what the driver keeps for itself. The formulas are those of llama.cpp's allocations (llama-kv-cache.cpp,
 * llama-memory-recurrent.cpp, llama-hparams.cpp, llama-context.cpp; state of autumn 2026); docs/fit.md has them.
 * All sizes are bytes.
 *
 * A figure says how it came about (enum ncm_fit_basis) and how far it may be off. What is not known is told as such.
 */
#ifndef NCMODEL_FIT_H
#define NCMODEL_FIT_H

#include <ncmodel/config.h>
#include <ncmodel/event.h>
#include <ncmodel/inspect.h>
#include <ncmodel/manifest.h>
#include <ncmodel/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* How a figure came about. Append only: the names are part of the JSON interface. */
enum ncm_fit_basis {
	NCM_FIT_UNKNOWN, /* "unknown": there is no figure */
	NCM_FIT_SIZE,    /* "size": guessed from the size of its files */
	NCM_FIT_STATED,  /* "stated": the manifest has it from its source document */
	NCM_FIT_HEADER,  /* "header": counted from the model's own header */
};
const char *ncm_fit_basis_name(enum ncm_fit_basis basis); /* static */

enum { NCM_FIT_ALL_LAYERS = 0x7fffffff };

/* How a model is to run. ncm_fit_wish_default fills it. */
struct ncm_fit_wish {
	uint64_t context;     /* tokens of one sequence */
	unsigned sequences;   /* that run at once, each with its own context */
	unsigned batch;       /* tokens that are computed at once: llama.cpp's n_ubatch */
	const char *kv_type;  /* of K and V: "f16", "q8_0" …: ncm_fit_knows_kv_type; borrowed */
	bool flash;           /* flash attention */
	bool swa_full;        /* windowed layers keep the whole context, too (--swa-full) */
	bool latent_values;   /* latent attention keeps values beside its keys, as llama.cpp did in 2025 */
	bool experts_on_host; /* the experts' weights stay in main memory (--cpu-moe) */
	unsigned layers;      /* on the card, the output counted as the last one (-ngl); NCM_FIT_ALL_LAYERS; 0: none */
	uint64_t width, height; /* of a picture, pixels; 0: the family's own */
	bool tiled;             /* its decoder works in tiles */
	bool keep_all;          /* text encoders, denoiser and decoder of a diffusion model stay loaded together */
};
/* A context of 8192 tokens, one sequence, batches of 512, f16, flash attention, all on the card. */
void ncm_fit_wish_default(struct ncm_fit_wish *wish);
/* Fits a wish to the program that runs what this source gives (NULL: it is of none): Ollama (0.17), of the
 * architectures that it leaves to llama.cpp, keeps the whole context in windowed layers, and latent values. */
void ncm_fit_wish_for(const struct ncm_inspection *model, const char *uri, struct ncm_fit_wish *wish);
/* The types that a KV cache may have: f32 f16 bf16 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl. */
bool ncm_fit_knows_kv_type(const char *type);
/* Where memory goes. */
struct ncm_fit_parts {
	uint64_t weights;
	uint64_t kv;        /* grows with the context */
	uint64_t state;     /* of recurrent layers: does not */
	uint64_t compute;   /* graphs, activations, scores, masks */
	uint64_t output;    /* logits or embeddings that are handed out */
	uint64_t projector; /* eyes or ears: their weights and computation */
	uint64_t driver;    /* what CUDA, ROCm … keep for each process */
};
uint64_t ncm_fit_sum(const struct ncm_fit_parts *parts);

struct ncm_fit {
	enum ncm_fit_basis basis;
	struct ncm_fit_parts card; /* memory of the graphics card … */
	struct ncm_fit_parts host; /* … and of the machine */
	bool at_least;  /* a part of it could not be read, or is not sound: it is not known to fit, whatever the sums */
	uint64_t error; /* so many bytes the card's sum may be off, either way */
	uint64_t context; /* tokens that it was counted for; 0: it has none */
	unsigned layers;  /* that the model has, the output counted; 0: not known */
	unsigned layers_on_card;
	struct ncm_strings remarks; /* what had to be assumed, or is not in the figure */
};
void ncm_fit_clear(struct ncm_fit *fit);

/*
 * Counts what a model needs. `projector` is that of its mmproj file, or NULL. Whatever the header does not tell is in
 * fit->remarks; with no tensors known at all the basis is UNKNOWN and there is no figure. Free with ncm_fit_clear.
 */
void ncm_fit_count(const struct ncm_inspection *model, const struct ncm_inspection *projector,
		   const struct ncm_fit_wish *wish, struct ncm_fit *fit);
/*
 * What is to be counted of an installed model: the header of its model, its weights, or the first file that it has, and
 * of its projector (NULL: it has none, or that cannot be read). NULL with *err: it cannot be read; without: it has no
 * file. Free both with ncm_inspection_free.
 */
struct ncm_inspection *ncm_fit_read_installed(const struct ncm_reg_model *entry, struct ncm_inspection **projector,
					      struct ncm_error *err);
/* Whether it makes pictures by stages that may lie in other files. */
bool ncm_fit_is_picture(const struct ncm_inspection *model);
/*
 * The same of such a model with the files that it works with: text encoders and a decoder (in the place of those inside
 * it), ControlNets, LoRAs; what each is, its header tells. Of any other model they are left out.
 */
void ncm_fit_count_picture(const struct ncm_inspection *model, const struct ncm_inspection *const *files,
			   size_t file_count, const struct ncm_fit_wish *wish, struct ncm_fit *fit);
/*
 * The same without a header: guessed from the bytes of its files (half as exact as that sounds), or as the manifest
 * states it (`stated` GiB; 0: it does not). With neither the basis is UNKNOWN.
 */
void ncm_fit_guess(uint64_t size, double stated, struct ncm_fit *fit);

/*
 * Adds what another model takes at the same time, in a process of its own. The sum keeps its basis and remarks; where
 * the other's figure is not known, it is a sum of at least so much.
 */
void ncm_fit_add(struct ncm_fit *sum, const struct ncm_fit *other);

/* Whether it fits. Append only: the names are part of the JSON interface. */
enum ncm_fit_verdict {
	NCM_FIT_NOT_KNOWN, /* "unknown": there is no figure, or no card to hold it against */
	NCM_FIT_YES,       /* "fits": even if it is off by its error */
	NCM_FIT_CLOSE,     /* "close": within its error */
	NCM_FIT_NO,        /* "too-large": even so */
};
const char *ncm_fit_verdict_name(enum ncm_fit_verdict verdict); /* static */
/* What the card's sum is to so many bytes; 0: not known how many. */
enum ncm_fit_verdict ncm_fit_judge(const struct ncm_fit *fit, uint64_t room);

/* The most layers with which the model's sum on the card is at most `room`, by the same wish otherwise; 0: none. */
unsigned ncm_fit_layers(const struct ncm_inspection *model, const struct ncm_inspection *projector,
			const struct ncm_fit_wish *wish, uint64_t room);
/*
 * The largest context, a multiple of 256 and at most the model's own, with which it does; 0: none does. Where the
 * model tells no context of its own, at most 1 Mi tokens.
 */
uint64_t ncm_fit_context(const struct ncm_inspection *model, const struct ncm_inspection *projector,
			 const struct ncm_fit_wish *wish, uint64_t room);

/*
 * A model of layers over several cards, as llama.cpp divides it unless told otherwise: to each a run of layers in
 * proportion to its room, to the last the output; each has a compute buffer and a driver's part of its own. shares[i]
 * receives what card i takes, with layers_on_card (clear each). Returns the worst verdict of all; a room of 0 is not
 * known.
 */
enum ncm_fit_verdict ncm_fit_spread(const struct ncm_inspection *model, const struct ncm_inspection *projector,
				    const struct ncm_fit_wish *wish, const uint64_t *rooms, size_t count,
				    struct ncm_fit *shares);

/* One of the files (or split sets) of a repository that are the same model in other quantizations. */
struct ncm_fit_choice {
	char *name;     /* of the file, or of a set's first part */
	uint64_t size;  /* bytes of all parts */
	uint64_t total; /* on the card, by the wish */
	uint64_t error;
	enum ncm_fit_verdict verdict;
};
struct ncm_fit_choices {
	struct ncm_fit_choice *items; /* the smallest first */
	size_t count;
	const struct ncm_fit_choice *best; /* the largest that fits; or NULL */
};
/*
 * What each GGUF file of a repository ("hf:Org/Repo") would take: of the smallest the header is read, the others have
 * the same shape and other weights. Errors: USAGE (no repository), POLICY (it has no GGUF files, or a size is not
 * told), and those of ncm_inspect_source. Free with ncm_fit_choices_free.
 */
struct ncm_fit_choices *ncm_fit_repository(const struct ncm_config *config, const char *uri,
					   const struct ncm_fit_wish *wish, uint64_t room, const struct ncm_sink *sink,
					   struct ncm_error *err);
void ncm_fit_choices_free(struct ncm_fit_choices *choices);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a model's files say of it, read from their headers alone: of a file, a folder, a local Ollama model, or a source
 * (of which no more than the headers is fetched). Nothing in a file is run: of a pickle the opcodes are read.
 *
 * *Not known* is an answer of its own: a text that nothing tells is NULL, a number 0, and enum ncm_known has a word
 * for it. Texts are foreign: whoever prints one escapes it (text.h).
 */
#ifndef NCMODEL_INSPECT_H
#define NCMODEL_INSPECT_H

#include <ncmodel/config.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

enum ncm_known {
	NCM_NOT_KNOWN,
	NCM_KNOWN_NO,
	NCM_KNOWN_YES,
};

/* Metadata: every key of the header (GGUF's; a safetensors file's __metadata__; ONNX's metadata_props). */

enum ncm_metadata_kind {
	NCM_METADATA_UNSIGNED, /* whole */
	NCM_METADATA_SIGNED,   /* below_zero: a negative number; those that are not are UNSIGNED */
	NCM_METADATA_REAL,     /* real */
	NCM_METADATA_FLAG,     /* whole, 0 or 1 */
	NCM_METADATA_TEXT,     /* text */
	NCM_METADATA_NUMBERS,  /* an array of numbers or flags: numbers, as far as they are kept */
	NCM_METADATA_TEXTS,    /* an array of texts: only their count */
	NCM_METADATA_ARRAYS,   /* an array of arrays: only their count */
};

enum {
	NCM_METADATA_KEPT = 4096,         /* numbers of one array; of a longer one none, but its count */
	NCM_METADATA_TEXT_BYTES = 1 << 20 /* of one text; the rest is cut off at a character's end */
};

struct ncm_metadata {
	char *key;
	enum ncm_metadata_kind kind;
	const char *type; /* of the value or its items, as the format calls it: "uint32", "string", "bool". Static */
	uint64_t whole;
	int64_t below_zero;
	double real;
	char *text; /* NUL-terminated, no other NUL; NULL: there was too much to keep it */
	bool text_is_cut;
	uint64_t count;  /* items of an array */
	double *numbers; /* `count` of them (whole ones are exact below 2^53), or NULL: too many to be kept */
};

/* Tensors. */

enum { NCM_TENSOR_DIMENSIONS = 8 };

struct ncm_tensor {
	const char *name;  /* the whole of it */
	const char *dtype; /* "Q4_K", "F16", "BF16" … as the format calls it; "?" for one that is not known. */
	uint64_t dimensions[NCM_TENSOR_DIMENSIONS]; /* as the format orders them: GGUF the innermost first, others last
						     */
	size_t dimension_count;                     /* 0: one single number */
	uint64_t elements;
	uint64_t bytes;  /* 0 with elements: the dtype's size is not known */
	uint64_t offset; /* in its file, from the file's beginning; 0: not known (what torch saved) */
	size_t file;     /* index of it */
};

/* What one file is, and how far it is sound. */

enum ncm_inspected_state {
	NCM_INSPECTED_SOUND,     /* header and extents hold */
	NCM_INSPECTED_TRUNCATED, /* the header speaks of more bytes than there are */
	NCM_INSPECTED_BROKEN,    /* the header contradicts itself or its format */
	NCM_INSPECTED_UNJUDGED,  /* what it is was read, and no more can be told of whether that holds */
	NCM_INSPECTED_MISSING,   /* named by an index or by another part's number, and not there */
};
/* "sound", "truncated", "broken", "unjudged", "missing". Static. */
const char *ncm_inspected_state_name(enum ncm_inspected_state state);

struct ncm_inspected_file {
	char *name;         /* its path, or what the source calls it */
	const char *format; /* "gguf", "safetensors", "pickle", "ggml", "onnx", "zip"; or NULL. Static */
	unsigned version;   /* of GGUF, or the protocol of a pickle; 0: none */
	bool big_endian;
	enum ncm_inspected_state state;
	char *fault;      /* why it is not sound; or NULL */
	char *role;       /* in its model: "model", "projector", "adapter", "config" … as a manifest tells; or NULL */
	uint64_t size;    /* bytes; 0: not known */
	uint64_t header;  /* bytes before the tensors' data (of a zip or an ONNX file: what was read) */
	uint64_t fetched; /* bytes that came over the network for it */
	size_t tensor_count;
};

/* One repeating layer ("block") of a language model, for who counts its memory. */
struct ncm_layer {
	uint64_t heads;
	uint64_t kv_heads; /* 0: no attention here, so it keeps no KV */
	uint64_t feed_forward_length;
	enum ncm_known windowed; /* attends to the sliding window alone; NOT_KNOWN: the model has a window, and
				    which layers it is for depends on the architecture, which does not tell */
	enum ncm_known
	    recurrent; /* keeps a state of one size; in the place of KV where kv_heads is 0, else beside it */
	enum ncm_known shares_kv; /* uses the KV of a layer before it, and keeps none of its own */
};

/* A vision or audio projector (mmproj), or the projector that a model has inside. */
struct ncm_projector {
	char *type; /* clip.projector_type: "qwen2vl_merger", "ldp" … or NULL */
	enum ncm_known vision, audio;
	uint64_t image_size, patch_size; /* pixels of a side */
	uint64_t embedding_length, feed_forward_length, layers, heads, projection_dim, merge_size;
	uint64_t audio_embedding_length, audio_layers, audio_heads;
	uint64_t mel_bins;
	double scale_factor;
};

struct ncm_inspection {
	char *location; /* what was inspected, as it may be shown: an absolute path, or a source at its revision */
	struct ncm_inspected_file *files; /* all parts, in their order */
	size_t file_count;
	const char *format;             /* of the first model file; or NULL. Static */
	enum ncm_inspected_state state; /* the gravest of them */
	uint64_t size;                  /* of all files that are there */
	uint64_t fetched;               /* bytes of headers that came over the network, all files */

	/* who it is */
	char *name;         /* general.name, modelspec.title … */
	char *architecture; /* "llama", "qwen3moe", "sdxl", "flux" … */
	char *kind; /* "llm", "embedding-model", "checkpoint", "lora", "projector" … as models.json has them */
	char *license;
	char *quantization;         /* overall: "Q4_K_M", "F16" … */
	char *parameters;           /* "8.0B": as the file has it, else counted */
	uint64_t parameter_count;   /* elements of all tensors of all parts that could be read */
	uint64_t active_parameters; /* of them those that one token uses: experts that are not chosen left out; equal to
				       parameter_count without experts; 0: not known */
	uint64_t weight_bytes;      /* of all tensors */
	bool weights_are_whole;     /* every part was read, and every dtype known: the three above are exact */
	char *chat_template;        /* tokenizer.chat_template; whole up to NCM_METADATA_TEXT_BYTES */
	char *tokenizer;            /* tokenizer.ggml.model: "gpt2", "llama" … */
	char *pooling;              /* "none", "mean", "cls", "last", "rank"; NULL: not told */

	/* shape of a language model (0: not told, or not of this architecture) */
	uint64_t context_length;
	uint64_t embedding_length;
	uint64_t feed_forward_length; /* the largest of the layers' */
	uint64_t vocabulary;          /* tokens */
	uint64_t heads, kv_heads;     /* the largest of the layers'; kv_heads that are not told are as many as heads */
	uint64_t key_length, value_length; /* of one head; derived from embedding_length and heads unless told */
	uint64_t key_length_swa, value_length_swa; /* the same in windowed layers; equal to the above unless told */
	uint64_t sliding_window;                   /* tokens; 0: none, or not told */
	uint64_t window_pattern; /* n: every n-th layer sees all, the others the window; 0: there is no such number */
	bool window_pattern_is_dense_first; /* the first of the n sees all, not the last */
	uint64_t q_lora_rank, kv_lora_rank, key_length_mla, value_length_mla, rope_dimensions;
	uint64_t experts, experts_used, experts_shared, expert_feed_forward_length, leading_dense_layers;
	uint64_t ssm_conv_kernel, ssm_inner_size, ssm_state_size, ssm_group_count, ssm_time_step_rank;
	uint64_t wkv_head_size, token_shift_count, shortconv_l_cache;
	uint64_t full_attention_interval; /* every so many layers one attends, the others are recurrent */
	uint64_t shared_kv_layers;        /* how many of the last layers use the KV of earlier ones */
	uint64_t nextn_layers;            /* for predicting further tokens; counted in layer_count */
	struct ncm_layer *layers;
	size_t layer_count;

	/* others */
	bool has_projector;
	struct ncm_projector projector;
	char *diffusion_family; /* "sd1.5", "sd2", "sdxl", "sdxl-refiner", "sd3", "flux" …; NULL: no diffusion model */
	char *diffusion_role;   /* "checkpoint", "diffusion-model", "vae", "text-encoder", "lora", "controlnet" … */
	enum ncm_known inpainting;         /* of a denoiser: takes an image and a mask, too */
	struct ncm_strings imports;        /* of a pickle: "module name" of all that it would import */
	struct ncm_strings unsafe_imports; /* those of them that weights have no need of: it may run code when loaded */
	enum ncm_known pickle_is_plain;    /* YES: none of the latter; NOT_KNOWN: it is no pickle, or could not be read
					    */

	struct ncm_metadata *metadata; /* of the first part, in its header's order */
	size_t metadata_count;
	struct ncm_tensor *tensors; /* in the order of the files and their headers */
	size_t tensor_count;
	struct ncm_inspection_memory *memory; /* what names and types are in; not for callers */
};

struct ncm_inspect_options {
	bool other_parts; /* further parts of a split model are read, too: of a file those beside it, of a source all */
};

/*
 * Reads a local model: a file, one part of a split one (its others, and an index.json or config.json beside it, are
 * read as `options` say), or a folder with a model in it. What the headers say wrong is in the inspection (`state`, and
 * each file's fault); the call fails only where there is nothing to tell: NOT_FOUND (not there), IO, POLICY (no model
 * file), INTERRUPTED. `options` may be NULL: other parts are read. Free with ncm_inspection_free.
 */
struct ncm_inspection *ncm_inspect_file(const char *path, const struct ncm_inspect_options *options,
					struct ncm_error *err);
/*
 * The same of an URI ("hf:org/repo/file.gguf", "ollama:llama3.2:3b", "https://…"): asks the source where its files are,
 * and fetches as much of their beginnings as the headers take, in ranges, at most 2 MiB more; nothing is written. An
 * Ollama model that the local store has is read there. Of a repository whose choice leaves several models the first is
 * read. Errors as those of a resolution: NOT_FOUND, AUTH, NETWORK, RATE_LIMIT, PROTOCOL, USAGE; POLICY when the server
 * gives no ranges and the file is large; OFFLINE.
 */
struct ncm_inspection *ncm_inspect_source(const struct ncm_config *config, const char *uri,
					  const struct ncm_inspect_options *options, const struct ncm_sink *sink,
					  struct ncm_error *err);
/*
 * Either: what is there as a path, or begins as one, is a file; what a source claims is a source. Else USAGE or
 * NOT_FOUND.
 */
struct ncm_inspection *ncm_inspect(const struct ncm_config *config, const char *what,
				   const struct ncm_inspect_options *options, const struct ncm_sink *sink,
				   struct ncm_error *err);
void ncm_inspection_free(struct ncm_inspection *inspection);

/* The value of a key ("general.file_type"), or NULL. Borrowed. */
const struct ncm_metadata *ncm_inspection_find(const struct ncm_inspection *inspection, const char *key);
/* The same for a key of the model's own architecture: "attention.key_length" is "llama.attention.key_length". */
const struct ncm_metadata *ncm_inspection_own(const struct ncm_inspection *inspection, const char *key);
/* The whole number that a value is, of an array its `item`-th, of a single one itself whatever `item` is. False: it is
 * NULL, none, negative or not kept. */
bool ncm_metadata_number(const struct ncm_metadata *value, size_t item, uint64_t *number);
/* ncm_inspection_own and ncm_metadata_number in one; 0 where there is none. */
uint64_t ncm_inspection_number(const struct ncm_inspection *inspection, const char *key);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a model file says of itself. Headers are hostile until checked: every count, offset and length is held against
 * the file's size before it is believed, and memory is bounded whatever they claim (NCM_LIMIT_GGUF_HEADER,
 * NCM_LIMIT_SAFETENSORS_HEADER).
 */
#ifndef NCM_FORMAT_FORMAT_H
#define NCM_FORMAT_FORMAT_H

#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ncm_format {
	NCM_FORMAT_UNKNOWN,
	NCM_FORMAT_GGUF,
	NCM_FORMAT_SAFETENSORS,
	NCM_FORMAT_PICKLE, /* torch's zip, or a bare pickle: can run code when loaded */
	NCM_FORMAT_GGML,   /* whisper.cpp's and llama.cpp's older files */
	NCM_FORMAT_ONNX,
	NCM_FORMAT_ZIP,
};

/* Structure, as far as the header tells. */
enum ncm_soundness {
	NCM_SOUND,     /* header and extents hold */
	NCM_TRUNCATED, /* as far as it goes the header is well made, and it speaks of more bytes than there are */
	NCM_BROKEN,    /* the header contradicts itself or the format */
	NCM_UNJUDGED,  /* a format whose structure is not checked; with a fault: one that this program cannot judge */
	NCM_FOREIGN,   /* ncm_format_judge alone: no file of this name is such a thing: a page, a pointer, nothing */
};

struct ncm_facts {
	enum ncm_format format;
	enum ncm_soundness soundness;
	char *fault;     /* why it is not sound or could not be judged; or NULL. May hold foreign text */
	uint64_t extent; /* bytes that the header accounts for; 0: unknown */
	char *name;      /* general.name, modelspec.title, ss_output_name; foreign text, bounded as all of these are */
	char *architecture; /* "llama", "sd1.5", "sdxl", "flux" … each of these may be NULL */
	char *quantization; /* "Q4_K_M", "F16" …; what nothing tells is the type that most of the weights have */
	char *parameters;   /* "8.0B": as the file has it, else counted */
	char *license;
	/*
	 * "llm", "embedding-model", "checkpoint", "lora", "vae", "controlnet", "text-encoder", "embedding" (a textual
	 * inversion), "upscaler", "motion-module", "diffusion-model", "stt", "projector" (an llm's eyes or ears); by
	 * metadata, else by the tensors' names.
	 */
	char *kind;
	uint64_t parameter_count; /* in this file alone, which may be one shard of many */
	uint64_t context_length;  /* tokens */
	uint64_t dimensions;      /* of an embedding model */
	uint64_t tensor_count;
};

/*
 * Reads the header of an open file. Facts that are not told stay NULL or 0. Returns 0, or -1 with IO when it cannot be
 * read; a bad header is in facts->soundness. Free with ncm_facts_clear, also after -1.
 */
int ncm_format_read(int fd, struct ncm_facts *facts, struct ncm_error *err);
/*
 * The same, and holds what the file is against its name (a path will do). A name that promises a format (.gguf,
 * .safetensors) is kept to it; one that promises a text (.json, .txt, README) may be one; under every other name, and
 * without any ending, a web page, a JSON text, a Git LFS pointer and an empty file are no model: NCM_FOREIGN, with a
 * fault that quotes it ("is not a GGUF file but a web page: \"Sign in\"").
 */
int ncm_format_judge(int fd, const char *name, struct ncm_facts *facts, struct ncm_error *err);
void ncm_facts_clear(struct ncm_facts *facts);

/*
 * Whether an open file may be taken for what its name says when no digest proves its bytes. Returns 0, or -1 with
 * POLICY (it is something else), CHECKSUM (truncated or broken by its own header, GGUF, safetensors and the zips of
 * torch) or IO (it cannot be read). `name` stands in the message, and the hint says what to do about the source.
 */
int ncm_format_check(int fd, const char *name, struct ncm_error *err);

/* So many of a file's first bytes are enough for the next two. */
enum { NCM_FORMAT_HEAD = 512 };
/* The format that a file with these first bytes has. */
enum ncm_format ncm_format_of(const void *head, size_t size);
/* The same in words, and more: "a GGUF file", "a web page", "a JSON text", "a Git LFS pointer", "something else".
 * Static. */
const char *ncm_format_describe(const void *head, size_t size);

/* "gguf", "safetensors", "pickle", "ggml", "onnx", "zip"; NULL for UNKNOWN. Static. */
const char *ncm_format_name(enum ncm_format format);
/* Whether a file of this name is one that models come in (.gguf .safetensors .ckpt .pt .pth .bin .onnx .sft). */
bool ncm_format_is_model_name(const char *name);
/* These endings, up to a NULL. */
extern const char *const ncm_format_endings[];
/* The format that a file of this name has to have (GGUF, SAFETENSORS); UNKNOWN where a name promises nothing. */
enum ncm_format ncm_format_promised(const char *name);

#endif

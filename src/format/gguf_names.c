/* SPDX-License-Identifier: MIT */
/*
 * The numbers of GGUF files by name: ggml_type and its blocks (ggml.h, ggml-common.h), llama_ftype (llama.h),
 * architectures (llama-arch.cpp; those of image models as ComfyUI-GGUF writes them).
 */
#include "format/parts.h"

#include <string.h>

static const struct gguf_type types[GGUF_TYPES] = {
    [0] = {"F32", 1, 4},         [1] = {"F16", 1, 2},         [2] = {"Q4_0", 32, 18},
    [3] = {"Q4_1", 32, 20},      [4] = {"MXFP4", 0, 0}, /* Ollama's, from before ggml had 39; Q4_2 of ggml's first days
							 */
    [6] = {"Q5_0", 32, 22},      [7] = {"Q5_1", 32, 24},      [8] = {"Q8_0", 32, 34},
    [9] = {"Q8_1", 0, 0}, /* 36 or 40 bytes, by ggml's version; no file has it */
    [10] = {"Q2_K", 256, 84},    [11] = {"Q3_K", 256, 110},   [12] = {"Q4_K", 256, 144},
    [13] = {"Q5_K", 256, 176},   [14] = {"Q6_K", 256, 210},   [15] = {"Q8_K", 256, 292},
    [16] = {"IQ2_XXS", 256, 66}, [17] = {"IQ2_XS", 256, 74},  [18] = {"IQ3_XXS", 256, 98},
    [19] = {"IQ1_S", 256, 50},   [20] = {"IQ4_NL", 32, 18},   [21] = {"IQ3_S", 256, 110},
    [22] = {"IQ2_S", 256, 82},   [23] = {"IQ4_XS", 256, 136}, [24] = {"I8", 1, 1},
    [25] = {"I16", 1, 2},        [26] = {"I32", 1, 4},        [27] = {"I64", 1, 8},
    [28] = {"F64", 1, 8},        [29] = {"IQ1_M", 256, 56},   [30] = {"BF16", 1, 2},
    [34] = {"TQ1_0", 256, 54},   [35] = {"TQ2_0", 256, 66},   [39] = {"MXFP4", 32, 17},
    [40] = {"NVFP4", 64, 36},    [41] = {"Q1_0", 128, 18},
};

static const char *const file_types[] = {
    [0] = "F32",      [1] = "F16",     [2] = "Q4_0",    [3] = "Q4_1",    [4] = "MXFP4", /* Ollama's */
    [7] = "Q8_0",     [8] = "Q5_0",    [9] = "Q5_1",    [10] = "Q2_K",   [11] = "Q3_K_S",    [12] = "Q3_K_M",
    [13] = "Q3_K_L",  [14] = "Q4_K_S", [15] = "Q4_K_M", [16] = "Q5_K_S", [17] = "Q5_K_M",    [18] = "Q6_K",
    [19] = "IQ2_XXS", [20] = "IQ2_XS", [21] = "Q2_K_S", [22] = "IQ3_XS", [23] = "IQ3_XXS",   [24] = "IQ1_S",
    [25] = "IQ4_NL",  [26] = "IQ3_S",  [27] = "IQ3_M",  [28] = "IQ2_S",  [29] = "IQ2_M",     [30] = "IQ4_XS",
    [31] = "IQ1_M",   [32] = "BF16",   [36] = "TQ1_0",  [37] = "TQ2_0",  [38] = "MXFP4_MOE", [39] = "NVFP4",
    [40] = "Q1_0",
};

static const struct {
	const char *architecture, *kind;
} kinds[] = {
    {"gemma-embedding", "embedding-model"},
    {"llama-embed", "embedding-model"},
    {"clip", "projector"},
    {"t5encoder", "text-encoder"},
    {"wavtokenizer-dec", NULL},
    {"sd1", "diffusion-model"},
    {"sdxl", "diffusion-model"},
    {"sd3", "diffusion-model"},
    {"flux", "diffusion-model"},
    {"aura", "diffusion-model"},
    {"hidream", "diffusion-model"},
    {"cosmos", "diffusion-model"},
    {"ltxv", "diffusion-model"},
    {"hyvid", "diffusion-model"},
    {"wan", "diffusion-model"},
    {"lumina2", "diffusion-model"},
    {"qwen_image", "diffusion-model"},
};

const struct gguf_type *gguf_type(uint64_t type)
{
	return type < GGUF_TYPES && types[type].name ? &types[type] : NULL;
}

const char *gguf_file_type(uint64_t file_type)
{
	static const uint64_t guessed = 1024; /* a flag: llama.cpp found it by the tensors */

	file_type &= ~guessed;
	return file_type < sizeof file_types / sizeof *file_types ? file_types[file_type] : NULL;
}

const char *gguf_kind(const char *architecture)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].architecture, architecture) == 0)
			return kinds[i].kind;
	}
	/* bert, nomic-bert-moe, jina-bert-v2, modern-bert, eurobert … */
	return strstr(architecture, "bert") ? "embedding-model" : "llm";
}

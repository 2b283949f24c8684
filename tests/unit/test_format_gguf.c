/* SPDX-License-Identifier: MIT */
/* GGUF files, sound and hostile. */
#include "format_case.h"

enum { UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 };
enum { F32 = 0, F16 = 1, Q4_K = 12, I8 = 24, MXFP4_OF_OLLAMA = 4, NEWER = 77 };

/* A file as it grows: counts are written at the end, where they belong. */
struct gguf_file {
	struct ncm_buffer pairs, tensors;
	uint64_t pair_count, tensor_count, next_offset;
	size_t width; /* of counts; 0: 8 */
};

static size_t width(const struct gguf_file *file)
{
	return file->width ? file->width : 8;
}

static void put_text(const struct gguf_file *file, struct ncm_buffer *to, const char *text)
{
	put_number(to, width(file), strlen(text));
	ncm_buffer_puts(to, text);
}

static void pair(struct gguf_file *file, const char *key, uint32_t type)
{
	put_text(file, &file->pairs, key);
	put_number(&file->pairs, 4, type);
	file->pair_count++;
}

static void text_pair(struct gguf_file *file, const char *key, const char *text)
{
	pair(file, key, STRING);
	put_text(file, &file->pairs, text);
}

static void number_pair(struct gguf_file *file, const char *key, uint32_t number)
{
	pair(file, key, UINT32);
	put_number(&file->pairs, 4, number);
}

/* A tensor of two dimensions at an offset of its own. */
static void tensor_at(struct gguf_file *file, const char *name, uint32_t type, uint64_t row, uint64_t rows,
		      uint64_t offset)
{
	put_text(file, &file->tensors, name);
	put_number(&file->tensors, 4, 2);
	put_number(&file->tensors, width(file), row);
	put_number(&file->tensors, width(file), rows);
	put_number(&file->tensors, 4, type);
	put_number(&file->tensors, 8, offset);
	file->tensor_count++;
}

static void tensor(struct gguf_file *file, const char *name, uint32_t type, uint64_t row, uint64_t rows, uint64_t size)
{
	tensor_at(file, name, type, row, rows, file->next_offset);
	file->next_offset += (size + 31) / 32 * 32;
}

/* The bytes, with so many of data; the file is empty afterwards. */
static struct ncm_buffer finish(struct gguf_file *file, uint32_t version, size_t data)
{
	struct ncm_buffer whole = {0};

	ncm_buffer_puts(&whole, "GGUF");
	put_number(&whole, 4, version);
	put_number(&whole, width(file), file->tensor_count);
	put_number(&whole, width(file), file->pair_count);
	if (file->pairs.size > 0)
		ncm_buffer_add(&whole, file->pairs.data, file->pairs.size);
	if (file->tensors.size > 0)
		ncm_buffer_add(&whole, file->tensors.data, file->tensors.size);
	if (data > 0)
		put_zeros(&whole, -whole.size % 32 + data);
	ncm_buffer_free(&file->pairs);
	ncm_buffer_free(&file->tensors);
	*file = (struct gguf_file){0};
	return whole;
}

/* A model with every type of value. Its tensors take 4096 + 32 + 288 bytes. */
static struct ncm_buffer llama(uint32_t version)
{
	struct gguf_file file = {.width = version == 1 ? 4 : 8};
	static const uint8_t widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

	text_pair(&file, "general.architecture", "llama");
	text_pair(&file, "general.name", "A small model");
	text_pair(&file, "general.license", "apache-2.0");
	number_pair(&file, "general.file_type", 15);
	number_pair(&file, "llama.context_length", 131072);
	number_pair(&file, "llama.embedding_length", 4096);
	pair(&file, "llama.pooling_type", INT32);
	put_number(&file.pairs, 4, 0xffffffff); /* -1: not told */
	number_pair(&file, "other.context_length", 7);
	number_pair(&file, "llama.vision.context_length", 8);
	for (uint32_t type = 0; type < sizeof widths; type++) {
		if (widths[type] > 0) {
			pair(&file, "some.value", type);
			put_number(&file.pairs, widths[type], 1);
		}
	}
	pair(&file, "tokenizer.ggml.tokens", ARRAY);
	put_number(&file.pairs, 4, STRING);
	put_number(&file.pairs, width(&file), 2);
	put_text(&file, &file.pairs, "<s>");
	put_text(&file, &file.pairs, "");
	/* arrays of arrays: {{1, 2}, {}} */
	pair(&file, "nested", ARRAY);
	put_number(&file.pairs, 4, ARRAY);
	put_number(&file.pairs, width(&file), 2);
	put_number(&file.pairs, 4, UINT16);
	put_number(&file.pairs, width(&file), 2);
	put_number(&file.pairs, 4, 0x00020001);
	put_number(&file.pairs, 4, STRING);
	put_number(&file.pairs, width(&file), 0);
	number_pair(&file, "the.end", 1);
	tensor(&file, "token_embd.weight", F32, 32, 32, 4096);
	tensor(&file, "output_norm.weight", F16, 8, 1, 16);
	tensor(&file, "blk.0.attn_q.weight", Q4_K, 256, 2, 288);
	return finish(&file, version, 4096 + 32 + 288);
}

static void a_model_is_described(void)
{
	for (uint32_t version = 1; version <= 3; version++) {
		struct ncm_buffer file = llama(version);
		struct ncm_facts facts = read_bytes(file.data, file.size);

		CHECK(facts.format == NCM_FORMAT_GGUF && facts.soundness == NCM_SOUND && !facts.fault);
		CHECK_U64(facts.extent, file.size);
		CHECK_STR(facts.architecture, "llama");
		CHECK_STR(facts.name, "A small model");
		CHECK_STR(facts.license, "apache-2.0");
		CHECK_STR(facts.quantization, "Q4_K_M");
		CHECK_STR(facts.kind, "llm");
		CHECK_STR(facts.parameters, "2K");
		CHECK_U64(facts.parameter_count, 32 * 32 + 8 + 512);
		CHECK_U64(facts.context_length, 131072);
		CHECK_U64(facts.dimensions, 0);
		CHECK_U64(facts.tensor_count, 3);
		ncm_facts_clear(&facts);
		ncm_buffer_free(&file);
	}
}

/* llama.cpp adds 1024 to a file type that it found by the tensors. */
static void guessed_file_types_are_named(void)
{
	struct gguf_file made = {0};
	struct ncm_buffer file;
	struct ncm_facts facts;

	number_pair(&made, "general.file_type", 1024 + 15);
	file = finish(&made, 3, 0);
	facts = read_bytes(file.data, file.size);
	CHECK_STR(facts.quantization, "Q4_K_M");
	ncm_facts_clear(&facts);
	ncm_buffer_free(&file);
}

/* The kind and quantization of a file that has this architecture, type and pooling (NULL, 0: not told). */
static void check_kind(const char *architecture, const char *type, uint32_t pooling, const char *kind)
{
	struct gguf_file made = {0};
	struct ncm_buffer file;
	struct ncm_facts facts;

	if (architecture)
		text_pair(&made, "general.architecture", architecture);
	if (pooling > 0)
		number_pair(&made, "bert.pooling_type", pooling);
	if (type)
		text_pair(&made, "general.type", type);
	number_pair(&made, "bert.embedding_length", 384);
	text_pair(&made, "general.size_label", "33M");
	tensor(&made, "a.weight", F16, 32, 1, 64);
	tensor(&made, "b.weight", F32, 16, 1, 64);
	file = finish(&made, 3, 128);
	facts = read_bytes(file.data, file.size);
	CHECK(facts.soundness == NCM_SOUND);
	CHECK_STR(facts.kind ? facts.kind : "", kind);
	CHECK_STR(facts.quantization, "F16");
	CHECK_STR(facts.parameters, "33M");
	CHECK_U64(facts.dimensions,
		  architecture && strcmp(architecture, "bert") == 0 && strcmp(kind, "embedding-model") == 0 ? 384 : 0);
	ncm_facts_clear(&facts);
	ncm_buffer_free(&file);
}

static void kinds_are_told(void)
{
	check_kind("bert", "model", 0, "embedding-model");
	check_kind("bert", NULL, 2, "embedding-model");
	check_kind("qwen3", NULL, 3, "llm"); /* another architecture's pooling */
	check_kind("nomic-bert-moe", NULL, 0, "embedding-model");
	check_kind("gemma-embedding", NULL, 0, "embedding-model");
	check_kind("qwen3", "model", 0, "llm");
	check_kind("qwen3", "adapter", 0, "lora");
	check_kind("clip", "mmproj", 0, "projector");
	check_kind("clip", NULL, 0, "projector");
	check_kind("flux", NULL, 0, "diffusion-model");
	check_kind("t5encoder", NULL, 0, "text-encoder");
	check_kind("qwen3", "imatrix", 0, "");
	check_kind(NULL, NULL, 0, "");
}

static void big_endian_is_said(void)
{
	/* version 3, no tensors, one pair: "a" = 7 of 32 bits */
	static const char file[] = "GGUF\0\0\0\3"
				   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
				   "\0\0\0\0\0\0\0\1a\0\0\0\4\0\0\0\7";

	CHECK(judged(file, sizeof file - 1, "big-endian") == NCM_UNJUDGED);
	CHECK(judged(file, sizeof file - 2, "ends within its header") == NCM_TRUNCATED);
}

static void versions_are_told(void)
{
	struct gguf_file made = {0};
	struct ncm_buffer file = finish(&made, 4, 0);

	CHECK(judged(file.data, file.size, "version 4") == NCM_UNJUDGED);
	file.data[4] = 0;
	CHECK(judged(file.data, file.size, "version 0") == NCM_BROKEN);
	file.data[4] = 3;
	CHECK(judged(file.data, file.size, NULL) == NCM_SOUND);
	ncm_buffer_free(&file);
}

static void cuts_are_told(void)
{
	for (uint32_t version = 1; version <= 3; version++) {
		struct ncm_buffer file = llama(version);

		every_cut_is_told(&file, 4);
		put_zeros(&file, 100); /* what follows the tensors is nobody's business */
		CHECK(judged(file.data, file.size, NULL) == NCM_SOUND);
		ncm_buffer_free(&file);
	}
}

/* Ends the file made so far and checks that it is broken, and why. */
static void refused(struct gguf_file *made, const char *why)
{
	struct ncm_buffer file = finish(made, 3, 4096);

	CHECK(judged(file.data, file.size, why) == NCM_BROKEN);
	ncm_buffer_free(&file);
}

static void broken_tensors_are_refused(void)
{
	struct gguf_file made = {0};

	tensor_at(&made, "a", F32, 8, 1, 0);
	tensor_at(&made, "b", F32, 8, 1, 64);
	refused(&made, "tensor b does not start where"); /* a hole */
	tensor_at(&made, "a", F32, 32, 1, 0);
	tensor_at(&made, "b", F32, 8, 1, 32);
	refused(&made, "tensor b does not start where"); /* over the other */
	tensor_at(&made, "a", F32, 8, 1, 0);
	tensor_at(&made, "b", F32, 8, 1, 0);
	refused(&made, "tensor b does not start where"); /* the same place */
	tensor_at(&made, "a", F32, 8, 1, 4);
	refused(&made, "tensor a does not start where");
	tensor_at(&made, "a", NEWER, 8, 1, 12);
	refused(&made, "tensor a does not start where"); /* not aligned */
	tensor_at(&made, "a", NEWER, 8, 1, 0);
	tensor_at(&made, "b", F32, 8, 1, 12);
	refused(&made, "tensor b does not start where");
	tensor_at(&made, "a", Q4_K, 255, 1, 0);
	refused(&made, "blocks");
	tensor_at(&made, "a", F32, UINT64_MAX, UINT64_MAX, 0);
	refused(&made, "larger than any");
	tensor_at(&made, "a", F32, INT64_MAX, 1, 0);
	refused(&made, "larger than any");
	tensor_at(&made, "a", I8, UINT64_C(1) << 63, 1, 0);
	refused(&made, "larger than any");
	tensor_at(&made, "a", NEWER, 1, 1, UINT64_MAX - 31);
	refused(&made, "does not start where");
	put_text(&made, &made.tensors, "a"); /* a single number is no block */
	put_number(&made.tensors, 4, 0);
	put_number(&made.tensors, 4, Q4_K);
	put_number(&made.tensors, 8, 0);
	made.tensor_count++;
	refused(&made, "blocks");
	put_text(&made, &made.tensors, "a");
	put_number(&made.tensors, 4, 9);
	made.tensor_count++;
	refused(&made, "dimensions");
}

static void newer_types_are_passed(void)
{
	struct gguf_file made = {0};
	struct ncm_buffer file;

	/* their size is not known: only that the next one does not lie before them */
	tensor_at(&made, "a", NEWER, 8, 1, 0);
	tensor_at(&made, "b", MXFP4_OF_OLLAMA, 32, 1, 64);
	tensor_at(&made, "c", F32, 8, 1, 128);
	file = finish(&made, 3, 160);
	CHECK(judged(file.data, file.size, NULL) == NCM_SOUND);
	CHECK(judged(file.data, file.size - 1, "its tensors need") == NCM_TRUNCATED);
	ncm_buffer_free(&file);
	tensor_at(&made, "a", F32, 32, 1, 0);
	tensor_at(&made, "b", NEWER, 8, 1, 128);
	tensor_at(&made, "c", F32, 8, 1, 96);
	refused(&made, "tensor c does not start where");
}

static void alignment_is_heeded(void)
{
	struct gguf_file made = {0};
	struct ncm_buffer file;

	number_pair(&made, "general.alignment", 8);
	tensor_at(&made, "a", F32, 1, 1, 0);
	tensor_at(&made, "b", F32, 1, 1, 8);
	file = finish(&made, 3, 0);
	put_zeros(&file, -file.size % 8 + 12);
	CHECK(judged(file.data, file.size, NULL) == NCM_SOUND);
	CHECK(judged(file.data, file.size - 1, "its tensors need") == NCM_TRUNCATED);
	ncm_buffer_free(&file);
	number_pair(&made, "general.alignment", 24);
	refused(&made, "power of two");
	number_pair(&made, "general.alignment", 0);
	refused(&made, "power of two");
	pair(&made, "general.alignment", UINT64);
	put_number(&made.pairs, 8, 32);
	refused(&made, "32 bits");
}

static void broken_metadata_is_refused(void)
{
	struct gguf_file made = {0};

	pair(&made, "key", 13);
	refused(&made, "no known type");
	pair(&made, "key", ARRAY);
	put_number(&made.pairs, 4, 99);
	put_number(&made.pairs, 8, 0);
	refused(&made, "no known type");
	number_pair(&made, "", 1);
	refused(&made, "key");
	pair(&made, "key", ARRAY);
	for (int i = 0; i < 20; i++) {
		put_number(&made.pairs, 4, ARRAY);
		put_number(&made.pairs, 8, 1);
	}
	refused(&made, "nested too deep");
	pair(&made, "key", STRING);
	put_number(&made.pairs, 8, UINT64_MAX);
	refused(&made, "more than its header can hold");
	pair(&made, "key", ARRAY);
	put_number(&made.pairs, 4, UINT64);
	put_number(&made.pairs, 8, UINT64_C(1) << 61); /* times eight is 0 */
	refused(&made, "more than its header can hold");
	made.pair_count = UINT64_C(1) << 40;
	refused(&made, "more than its header can hold");
	made.tensor_count = UINT64_MAX;
	refused(&made, "more than its header can hold");
}

/* A file of a tebibyte, all zeros behind a count that its header could hold: it ends all the same, and soon. */
static void a_hole_is_not_read_through(void)
{
	struct gguf_file made = {0};
	struct ncm_buffer file;
	struct ncm_facts facts;

	pair(&made, "key", ARRAY);
	put_number(&made.pairs, 4, ARRAY);
	put_number(&made.pairs, 8, 15 << 20);
	file = finish(&made, 3, 0);
	facts = read_sparse(file.data, file.size, UINT64_C(1) << 40);
	CHECK(facts.soundness == NCM_BROKEN && strstr(facts.fault, "goes on for more than"));
	ncm_facts_clear(&facts);
	ncm_buffer_free(&file);
}

static void texts_are_cut(void)
{
	struct gguf_file made = {0};
	NCM_AUTO_FREE char *text = ncm_malloc(100001);
	struct ncm_buffer file;
	struct ncm_facts facts;

	memset(text, 'x', 100000);
	text[100000] = '\0';
	text_pair(&made, "general.name", text);
	text_pair(&made, "general.name\n", "not this");
	pair(&made, "general.license", ARRAY); /* old files have lists here */
	put_number(&made.pairs, 4, STRING);
	put_number(&made.pairs, 8, 1);
	put_text(&made, &made.pairs, "mit");
	tensor_at(&made, text, F32, 8, 1, 0);
	file = finish(&made, 3, 32);
	facts = read_bytes(file.data, file.size);
	CHECK(facts.soundness == NCM_SOUND);
	CHECK_U64(strlen(facts.name), 256);
	CHECK(!facts.license);
	ncm_facts_clear(&facts);
	ncm_buffer_free(&file);
	text_pair(&made, text, "a key of 100000 bytes");
	refused(&made, "key");
}

static void mutations_do_no_harm(void)
{
	for (uint32_t version = 1; version <= 3; version++) {
		struct ncm_buffer file = llama(version);
		const size_t header = file.size - 4416;

		CHECK(fuzz(&file, header, 20000, 64u << 10) > 10000);
		ncm_buffer_free(&file);
	}
}

int main(void)
{
	bound_memory(64u << 20);
	RUN(a_model_is_described);
	RUN(guessed_file_types_are_named);
	RUN(kinds_are_told);
	RUN(big_endian_is_said);
	RUN(versions_are_told);
	RUN(cuts_are_told);
	RUN(broken_tensors_are_refused);
	RUN(newer_types_are_passed);
	RUN(alignment_is_heeded);
	RUN(broken_metadata_is_refused);
	RUN(a_hole_is_not_read_through);
	RUN(texts_are_cut);
	RUN(mutations_do_no_harm);
	return 0;
}

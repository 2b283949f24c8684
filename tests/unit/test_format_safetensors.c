/* SPDX-License-Identifier: MIT */
/* safetensors files, sound and hostile. */
#include "format_case.h"

#include <ncmodel/limits.h>

/* A header of this text, and so many bytes of data behind it. */
static struct ncm_buffer with_header(const char *header, size_t data)
{
	struct ncm_buffer file = {0};

	put_number(&file, 8, strlen(header));
	ncm_buffer_puts(&file, header);
	put_zeros(&file, data);
	return file;
}

static enum ncm_soundness judged_header(const char *header, size_t data, const char *fault)
{
	struct ncm_buffer file = with_header(header, data);
	const enum ncm_soundness soundness = judged(file.data, file.size, fault);

	ncm_buffer_free(&file);
	return soundness;
}

static const char LORA[] =
    "{\"__metadata__\":{\"modelspec.architecture\":\"stable-diffusion-xl-v1-base/lora\",\"modelspec.title\":\"Ink\","
    "\"modelspec.license\":\"openrail++\",\"ss_network_module\":\"networks.lora\",\"ss_output_name\":\"ink_v2\"},"
    "\"lora_unet_mid_block_1_attn2_to_k.lora_down.weight\":{\"dtype\":\"F16\",\"shape\":[8,64],\"data_offsets\":[16,"
    "1040]},"
    "\"lora_unet_mid_block_1_attn2_to_k.alpha\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
    "\"half\":{\"dtype\":\"F4\",\"shape\":[24],\"data_offsets\":[4,16]},"
    "\"none\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[16,16]}}   ";

static void a_model_is_described(void)
{
	struct ncm_buffer file = with_header(LORA, 1040);
	struct ncm_facts facts = read_bytes(file.data, file.size);

	CHECK(facts.format == NCM_FORMAT_SAFETENSORS && facts.soundness == NCM_SOUND && !facts.fault);
	CHECK_U64(facts.extent, file.size);
	CHECK_STR(facts.name, "Ink");
	CHECK_STR(facts.license, "openrail++");
	CHECK_STR(facts.kind, "lora");
	CHECK_STR(facts.architecture, "sdxl");
	CHECK_STR(facts.quantization, "F16");
	CHECK_U64(facts.parameter_count, 512 + 1 + 24);
	CHECK_STR(facts.parameters, "537");
	CHECK_U64(facts.tensor_count, 4);
	ncm_facts_clear(&facts);
	ncm_buffer_free(&file);
}

/* What metadata of one key and value tell; NULL: nothing. */
static void check_metadata(const char *key, const char *value, const char *kind, const char *architecture)
{
	NCM_AUTO_FREE char *header = ncm_asprintf("{\"__metadata__\":{\"%s\":\"%s\"}}", key, value);
	struct ncm_buffer file = with_header(header, 0);
	struct ncm_facts facts = read_bytes(file.data, file.size);

	CHECK(facts.soundness == NCM_SOUND);
	CHECK_STR(facts.kind ? facts.kind : "", kind ? kind : "");
	CHECK_STR(facts.architecture ? facts.architecture : "", architecture ? architecture : "");
	ncm_facts_clear(&facts);
	ncm_buffer_free(&file);
}

static void metadata_are_understood(void)
{
	check_metadata("modelspec.architecture", "stable-diffusion-v1", NULL, "sd1.5");
	check_metadata("modelspec.architecture", "stable-diffusion-v2-768-v", NULL, "sd2");
	check_metadata("modelspec.architecture", "stable-diffusion-xl-v1-refiner", NULL, "sdxl-refiner");
	check_metadata("modelspec.architecture", "stable-diffusion-v1/textual-inversion", "embedding", "sd1.5");
	check_metadata("modelspec.architecture", "Flux.1-dev/lora", "lora", "flux");
	check_metadata("modelspec.architecture", "gpt-neo-x", NULL, "gpt-neo-x");
	check_metadata("ss_base_model_version", "sdxl_base_v1-0", NULL, "sdxl");
	check_metadata("ss_base_model_version", "sd_v1", NULL, "sd1.5");
	check_metadata("ss_base_model_version", "flux1", NULL, "flux");
	check_metadata("ss_base_model_version", "flux2_klein_9b", NULL, "flux2");
	check_metadata("ss_network_module", "lycoris.kohya", "lora", NULL);
	check_metadata("ss_network_module", "networks.control_net_lllite", "controlnet", NULL);
	check_metadata("ss_network_module", "networks.oft", "lora", NULL);
	check_metadata("format", "pt", NULL, NULL);
}

static void cuts_are_told(void)
{
	struct ncm_buffer file = with_header(LORA, 1040);

	every_cut_is_told(&file, 9);
	ncm_buffer_free(&file);
}

static void sound_headers_are_accepted(void)
{
	CHECK(judged_header("{}", 0, NULL) == NCM_SOUND);
	CHECK(judged_header("{\"__metadata__\":null}", 0, NULL) == NCM_SOUND);
	CHECK(judged_header("{\"a\":{\"shape\":[2],\"data_offsets\":[0,2],\"dtype\":\"U8\",\"more\":[{}]}}", 2, NULL) ==
	      NCM_SOUND);
}

static void broken_headers_are_refused(void)
{
	static const struct {
		const char *header;
		size_t data;
		const char *why;
	} cases[] = {
	    {"{\"a\":", 0, "not valid JSON"},
	    {"{\"\xff\":1}", 0, "not valid JSON"},
	    {"{} x", 0, "not valid JSON"},
	    {"{\"a\":1,\"a\":1}", 0, "not valid JSON"},
	    {"{\"a\":1}", 0, "tensor a has no type"},
	    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "no type"},
	    {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,2]}}", 2, "no shape"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2.0],\"data_offsets\":[0,2]}}", 2, "whole numbers"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[-2],\"data_offsets\":[0,2]}}", 2, "whole numbers"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}", 2, "no offsets"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2,3]}}", 2, "no offsets"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,0]}}", 2, "no offsets"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[\"0\",\"2\"]}}", 2, "no offsets"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, "another size"},
	    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, "another size"},
	    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, "last byte"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "larger than"},
	    {"{\"a\":{\"dtype\":\"U64\",\"shape\":[576460752303423488],\"data_offsets\":[0,0]}}", 0, "larger than"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "tensor a does not start where"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
	     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
	     3, "tensor b does not start where"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
	     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
	     2, "does not start where"},
	    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3, "1 bytes follow"},
	    {"{\"__metadata__\":[]}", 0, "not an object"},
	    {"{\"__metadata__\":{\"a\":1}}", 0, "not a text"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK(judged_header(cases[i].header, cases[i].data, cases[i].why) == NCM_BROKEN);
}

static void newer_types_are_not_judged(void)
{
	static const char header[] = "{\"a\":{\"dtype\":\"F2\",\"shape\":[2],\"data_offsets\":[0,2]}}";

	CHECK(judged_header(header, 2, "the type F2") == NCM_UNJUDGED);
	CHECK(judged_header(header, 1, "its tensors need") == NCM_TRUNCATED);
	CHECK(judged_header(header, 3, "follow") == NCM_BROKEN);
}

/* A file that has a header of `length` bytes, all spaces but for the braces. */
static struct ncm_facts read_long_header(uint64_t length)
{
	struct ncm_buffer file = {0};
	struct ncm_facts facts;

	put_number(&file, 8, length);
	ncm_buffer_puts(&file, "{}");
	facts = read_sparse(file.data, file.size, UINT64_C(1) << 40);
	ncm_buffer_free(&file);
	return facts;
}

static void long_headers_are_not_read(void)
{
	struct ncm_facts facts;

	held_most = held_now;
	facts = read_long_header(NCM_LIMIT_SAFETENSORS_HEADER + 1);
	CHECK(facts.soundness == NCM_UNJUDGED && strstr(facts.fault, "its header is larger than"));
	ncm_facts_clear(&facts);
	facts = read_long_header(100000000);
	CHECK(facts.soundness == NCM_UNJUDGED && strstr(facts.fault, "its header is larger than"));
	CHECK(held_most - held_now < 64u << 10);
	ncm_facts_clear(&facts);
	facts = read_long_header(100000001); /* more than the format allows: no safetensors file */
	CHECK(facts.soundness == NCM_UNJUDGED && facts.format == NCM_FORMAT_UNKNOWN);
	ncm_facts_clear(&facts);
}

/* `prefix`, then `item` as often as it fits a header of `length` bytes, then `suffix`. */
static struct ncm_buffer repeated(const char *prefix, const char *item, const char *suffix, size_t length)
{
	struct ncm_buffer header = {0};

	ncm_buffer_puts(&header, prefix);
	while (header.size + strlen(item) + strlen(suffix) <= length)
		ncm_buffer_puts(&header, item);
	ncm_buffer_puts(&header, suffix);
	return header;
}

/* Whatever the JSON is made of, it does not become many times its size. */
static void memory_is_bounded(void)
{
	static const char *const items[] = {"0,", "{},", "[],", "[{}],", "\"\",", "[[[[[]]]]],"};
	const size_t before = held_now;

	for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
		/* once as long as may be, and once as many values as may be */
		for (size_t length = NCM_LIMIT_SAFETENSORS_HEADER; length > 300000; length /= 5) {
			struct ncm_buffer header = repeated("{\"a\":[", items[i], "0]}", length);
			struct ncm_buffer file = with_header(header.data, 0);
			size_t most;
			struct ncm_facts facts;

			ncm_buffer_free(&header);
			held_most = held_now;
			most = held_now + (160u << 20);
			facts = read_bytes(file.data, file.size);
			CHECK(facts.soundness != NCM_SOUND);
			CHECK(held_most <= most);
			ncm_facts_clear(&facts);
			ncm_buffer_free(&file);
		}
	}
	CHECK(held_now <= before + 4096);
}

/* A long text in the metadata (sd-scripts puts JSON there) is not taken for values. */
static void long_texts_are_no_values(void)
{
	struct ncm_buffer header =
	    repeated("{\"__metadata__\":{\"ss_tag_frequency\":\"", "\\\"1,2,", "\"}}", 12u << 20);

	CHECK(judged_header(header.data, 0, NULL) == NCM_SOUND);
	ncm_buffer_free(&header);
}

static void deep_nesting_is_refused(void)
{
	struct ncm_buffer header = repeated("{\"a\":", "[", "", 1000000);

	CHECK(judged_header(header.data, 0, "values") == NCM_UNJUDGED);
	ncm_buffer_free(&header);
	header = repeated("{\"a\":", "[", "", 100000);
	CHECK(judged_header(header.data, 0, "nested deeper") == NCM_BROKEN);
	ncm_buffer_free(&header);
}

static void mutations_do_no_harm(void)
{
	struct ncm_buffer file = with_header(LORA, 1040);

	CHECK(fuzz(&file, sizeof LORA + 7, 40000, 256u << 10) > 30000);
	ncm_buffer_free(&file);
}

int main(void)
{
	bound_memory(384u << 20);
	RUN(a_model_is_described);
	RUN(metadata_are_understood);
	RUN(cuts_are_told);
	RUN(sound_headers_are_accepted);
	RUN(broken_headers_are_refused);
	RUN(newer_types_are_not_judged);
	RUN(long_headers_are_not_read);
	RUN(memory_is_bounded);
	RUN(long_texts_are_no_values);
	RUN(deep_nesting_is_refused);
	RUN(mutations_do_no_harm);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Which format a file has, and what the names of tensors say of a model. */
#include "format_case.h"

#include "format/parts.h"

#include <fcntl.h>

#define BYTES(text) (text), sizeof(text) - 1

static void formats_are_told_by_content(void)
{
	static const struct {
		const char *head;
		size_t size;
		const char *name, *words;
	} cases[] = {
	    {BYTES("GGUF\3\0\0\0"), "gguf", "a GGUF file"},
	    {BYTES("\x10\0\0\0\0\0\0\0{\"a\":1}"), "safetensors", "a safetensors file"},
	    {BYTES("\x10\0\0\0\0\0\0\x01{\"a\":1}"), NULL, "something else"}, /* a header of 2^56 bytes */
	    {BYTES("\x10\0\0\0\0\0\0\0[1]"), NULL, "something else"},
	    {BYTES("PK\3\4\0\0\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\x12\0archive/data.pkl"), "pickle",
	     "a Python pickle"},
	    {BYTES("PK\3\4\0\0\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0read.txt"), "zip", "a zip file"},
	    {BYTES("PK\3\4\0\0\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0.pkl"), "zip", "a zip file"},
	    {BYTES("PK\3\4"), "zip", "a zip file"},
	    {BYTES("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), "pickle", "a Python pickle"},
	    {BYTES("\x80\x04\x95"), "pickle", "a Python pickle"},
	    {BYTES("\x80\x06\x95"), NULL, "something else"},
	    {BYTES("\x80\x01\x95"), NULL, "something else"},
	    {BYTES("lmgg\1\0\0\0"), "ggml", "a GGML file"},
	    {BYTES("tjgg\3\0\0\0"), "ggml", "a GGML file"},
	    {BYTES("\x08\x07\x12\x07pytorch\x1a\x05"), "onnx", "an ONNX file"},
	    {BYTES("\x08\x08\x3a\xff\x01\x0a"), "onnx", "an ONNX file"},
	    {BYTES("\x08\x07\x12\x07pyt\1rch"), NULL, "something else"},
	    {BYTES("\x08\x07\x12\x20pytorch"), NULL, "something else"},
	    {BYTES("\177ELF\2\1\1"), NULL, "a program"},
	    {BYTES("<!DOCTYPE html>"), NULL, "a web page"},
	    {BYTES("version https://git-lfs.github.com/spec/v1\n"), NULL, "a Git LFS pointer"},
	    {BYTES("GGU"), NULL, "something else"},
	    {BYTES(""), NULL, "empty"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		/* exactly so many bytes, for the sanitizer to see what looks further */
		NCM_AUTO_FREE char *head = ncm_malloc(cases[i].size);
		const char *name;

		memcpy(head, cases[i].head, cases[i].size);
		name = ncm_format_name(ncm_format_of(head, cases[i].size));

		CHECK((name != NULL) == (cases[i].name != NULL));
		if (name)
			CHECK_STR(name, cases[i].name);
		CHECK_STR(ncm_format_describe(head, cases[i].size), cases[i].words);
	}
	/* what has no structure that is checked is not judged, and no fault either */
	CHECK(judged(BYTES("\x80\x04\x95 and so on"), NULL) == NCM_UNJUDGED);
	CHECK(judged("", 0, NULL) == NCM_UNJUDGED);
}

static void names_promise_formats(void)
{
	CHECK(ncm_format_promised("a/b.GGUF") == NCM_FORMAT_GGUF);
	CHECK(ncm_format_promised("b.safetensors") == NCM_FORMAT_SAFETENSORS);
	CHECK(ncm_format_promised("b.sft") == NCM_FORMAT_SAFETENSORS);
	CHECK(ncm_format_promised("b.ckpt") == NCM_FORMAT_UNKNOWN);
	CHECK(ncm_format_promised("gguf") == NCM_FORMAT_UNKNOWN);
	CHECK(ncm_format_is_model_name("x.bin") && ncm_format_is_model_name("x.Onnx") &&
	      ncm_format_is_model_name("x.pth"));
	CHECK(!ncm_format_is_model_name("x.json") && !ncm_format_is_model_name("x.gguf.part"));
	CHECK(!ncm_format_name(NCM_FORMAT_UNKNOWN));
}

/* What the check says of these bytes under a name: its message, NULL if nothing. The caller frees it. */
static char *said_of(const char *name, const void *data, size_t size, enum ncm_errc *code)
{
	struct ncm_error error = NCM_ERROR_INIT;
	NCM_AUTO_CLOSE int fd = memfd_create("file", MFD_CLOEXEC);
	char *said = NULL;

	CHECK(fd >= 0 && ncm_pwrite_all(fd, data, size, 0) == 0);
	CHECK(ncm_format_check(fd, name, &error) == (error.code ? -1 : 0));
	*code = error.code;
	if (error.code) {
		CHECK(error.hint);
		said = ncm_strdup(error.message);
	}
	ncm_error_clear(&error);
	return said;
}

static void what_is_no_model_whatever_it_is_called(void)
{
	static const struct {
		const char *name, *data;
		size_t size;
		const char *said; /* NULL: fine */
	} cases[] = {
	    {"download", BYTES("<!DOCTYPE html>\n<html><head><title> Sign\n  in </title>"),
	     "download is no model but a web page: \"Sign in\""},
	    {"m.bin", BYTES("\xef\xbb\xbf  <html><body><h1>Not found</h1> here</body>"),
	     "m.bin is no model but a web page: \"Not found here\""},
	    {"m.pt", BYTES("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
	     "m.pt is no model but a web page: \"AccessDenied\""},
	    {"m.weird", BYTES("{\"error\":{\"message\":\"Invalid\\ttoken\"}}"),
	     "m.weird is no model but a JSON text: \"Invalid token\""},
	    {"m.ckpt", BYTES("[1, 2]"), "m.ckpt is no model but a JSON text: \"[1, 2]\""},
	    {"m.safetensors", BYTES("{\"error\":\"gated\"}"),
	     "m.safetensors is not a safetensors file but a JSON text: \"gated\""},
	    {"m.onnx", BYTES(""), "m.onnx is no model but empty"},
	    {"m.bin", BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
	     "m.bin is no model but a Git LFS pointer"},
	    {"tokenizer.json", BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
	     "tokenizer.json is not what its name says but a Git LFS pointer"},
	    {"config.json", BYTES("<html><title>502</title>"),
	     "config.json is not what its name says but a web page: \"502\""},
	    {"config.json", BYTES(""), "config.json is not what its name says but empty"},
	    {"config.json", BYTES("{\"a\":1}"), NULL},
	    {"README.md", BYTES("<h1 align=\"center\">Model</h1>"), NULL},
	    {"LICENSE", BYTES("{}"), NULL},
	    {".gitattributes", BYTES(""), NULL},
	    {"vocab.txt", BYTES("<s>\n<unk>\n"), NULL},
	    {"dict", BYTES("<unk>\n<pad>\n"), NULL},
	    {"m.bin", BYTES("<html>\0\1\2\3 numbers may begin so"), NULL},
	    {"m.bin", BYTES("{\"\0\1\2\3 and so"), NULL},
	    {"m.pt", BYTES("\x80\x02}q\0."), NULL},
	    {"run.llamafile", BYTES("\177ELF\2\1\1"), NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum ncm_errc code;
		NCM_AUTO_FREE char *said = said_of(cases[i].name, cases[i].data, cases[i].size, &code);

		if (!cases[i].said && said)
			fprintf(stderr, "%s\n", said);
		CHECK((said != NULL) == (cases[i].said != NULL));
		if (said)
			CHECK_STR(said, cases[i].said);
		CHECK(!said || code == NCM_E_POLICY);
	}
}

/* A zip of one stored entry, as torch.save writes them. */
static void put_zip(struct ncm_buffer *zip, bool large)
{
	static const char name[] = "m/data.pkl", data[] = "\x80\x02}q\0.";
	const size_t name_size = sizeof name - 1, data_size = sizeof data - 1;
	size_t start, end;

	ncm_buffer_add(zip, "PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);
	put_number(zip, 4, data_size);
	put_number(zip, 4, data_size);
	put_number(zip, 4, name_size);
	ncm_buffer_add(zip, name, name_size);
	ncm_buffer_add(zip, data, data_size);
	start = zip->size;
	ncm_buffer_add(zip, "PK\1\2", 4);
	put_zeros(zip, 24);
	put_number(zip, 4, name_size);
	put_zeros(zip, 14);
	ncm_buffer_add(zip, name, name_size);
	end = zip->size;
	if (large) {
		ncm_buffer_add(zip, "PK\6\6", 4);
		put_number(zip, 8, 44);
		put_zeros(zip, 12);
		put_number(zip, 8, 1);
		put_number(zip, 8, 1);
		put_number(zip, 8, end - start);
		put_number(zip, 8, start);
		ncm_buffer_add(zip, "PK\6\7\0\0\0\0", 8);
		put_number(zip, 8, end);
		put_number(zip, 4, 1);
	}
	ncm_buffer_add(zip, "PK\5\6\0\0\0\0\1\0\1\0", 12);
	put_number(zip, 4, large ? UINT32_MAX : end - start);
	put_number(zip, 4, large ? UINT32_MAX : start);
	put_number(zip, 2, 0);
}

static void a_zip_ends_with_its_directory(void)
{
	for (int large = 0; large < 2; large++) {
		struct ncm_buffer zip = {0};
		enum ncm_errc code;
		char *said;

		put_zip(&zip, large);
		said = said_of("m.pt", zip.data, zip.size, &code);
		if (said)
			fprintf(stderr, "%s\n", said);
		CHECK(!said);
		for (size_t size = 60; size < zip.size; size++) {
			said = said_of("m.ckpt", zip.data, size, &code);
			CHECK(said && code == NCM_E_CHECKSUM &&
			      strstr(said, "m.ckpt is truncated: it ends before its zip"));
			free(said);
		}
		/* the directory is said to lie elsewhere */
		if (large)
			zip.data[zip.size - 22 - 12] = 1;
		else
			zip.data[zip.size - 6] = 1;
		said = said_of("m.pt", zip.data, zip.size, &code);
		CHECK(said && code == NCM_E_CHECKSUM && strstr(said, "m.pt is broken"));
		free(said);
		ncm_buffer_free(&zip);
	}
}

static void a_cut_model_is_refused(void)
{
	static const char sound[] = "\x40\0\0\0\0\0\0\0"
				    "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}          1234";
	enum ncm_errc code;
	NCM_AUTO_FREE char *said = said_of("m.safetensors", sound, sizeof sound - 2, &code);

	CHECK(said && code == NCM_E_CHECKSUM);
	CHECK_STR(said, "m.safetensors is truncated: its tensors need 76 bytes, and it has 75");
	CHECK(!said_of("m.safetensors", BYTES(sound), &code));
	/* whatever it is called */
	free(said);
	said = said_of("m.bin", sound, sizeof sound - 2, &code);
	CHECK(said && code == NCM_E_CHECKSUM);
}

static void what_cannot_be_read_is_an_error(void)
{
	struct ncm_error error = NCM_ERROR_INIT;
	struct ncm_facts facts;
	NCM_AUTO_CLOSE int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(ncm_format_read(-1, &facts, &error) == -1 && error.code == NCM_E_IO);
	ncm_facts_clear(&facts);
	CHECK(ncm_format_read(folder, &facts, &error) == -1 && error.code == NCM_E_IO);
	CHECK(strstr(error.message, "directory"));
	ncm_facts_clear(&facts);
	ncm_error_clear(&error);
}

static void a_file_that_shrinks_is_cut(void)
{
	NCM_AUTO_CLOSE int fd = memfd_create("model", MFD_CLOEXEC);
	struct ncm_facts facts = {0};
	const struct ncm_bytes told = ncm_bytes_of_file(&fd, 100);
	struct header header = {.bytes = &told, .facts = &facts, .size = 100, .limit = 100};
	char bytes[8];

	CHECK(!header_take(&header, bytes, sizeof bytes));
	CHECK(facts.soundness == NCM_TRUNCATED && header.error == 0);
	ncm_facts_clear(&facts);
}

/* Names as they are in files of these models; the number is the length of the rows. */
static void models_are_told_by_their_tensors(void)
{
	static const struct {
		const char *kind, *architecture;
		struct {
			const char *name;
			uint64_t row;
		} tensors[4];
	} cases[] = {
	    {"checkpoint",
	     "sd1.5",
	     {{"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 768},
	      {"first_stage_model.decoder.conv_in.weight", 3},
	      {"cond_stage_model.transformer.text_model.embeddings.position_ids", 77}}},
	    {"checkpoint",
	     "sd2",
	     {{"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1024},
	      {"cond_stage_model.model.transformer.resblocks.0.ln_1.weight", 1024}}},
	    {"checkpoint",
	     "sdxl",
	     {{"model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", 2048},
	      {"conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias", 1280},
	      {"conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight", 768}}},
	    {"checkpoint",
	     "sdxl-refiner",
	     {{"model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", 1280},
	      {"conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias", 1280}}},
	    {"checkpoint",
	     "sd3",
	     {{"model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight", 1536},
	      {"first_stage_model.decoder.conv_in.weight", 3}}},
	    {"checkpoint",
	     "svd",
	     {{"model.diffusion_model.input_blocks.1.1.time_stack.0.attn1.to_q.weight", 320},
	      {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1024},
	      {"first_stage_model.decoder.conv_in.weight", 3}}},
	    {"checkpoint",
	     "flux",
	     {{"model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale", 128},
	      {"vae.decoder.conv_in.weight", 3}}},
	    {"diffusion-model", "flux", {{"double_blocks.0.img_attn.norm.key_norm.scale", 128}}},
	    {"diffusion-model", "flux", {{"single_transformer_blocks.0.attn.to_q.weight", 3072}}},
	    {"diffusion-model",
	     "hunyuan-video",
	     {{"double_blocks.0.img_attn.qkv.weight", 3072},
	      {"txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias", 1}}},
	    {"diffusion-model", "cogvideox", {{"patch_embed.text_proj.weight", 4096}}},
	    {"diffusion-model",
	     "qwen-image",
	     {{"transformer_blocks.0.attn.add_k_proj.weight", 3072}, {"transformer_blocks.0.img_mod.1.weight", 3072}}},
	    {"diffusion-model",
	     "sd1.5",
	     {{"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight", 768},
	      {"down_blocks.0.resnets.0.conv1.weight", 3}}},
	    {"diffusion-model",
	     "sdxl",
	     {{"down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight", 2048},
	      {"down_blocks.0.resnets.0.conv1.weight", 3}}},
	    {"lora",
	     "sd1.5",
	     {{"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight", 768},
	      {"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight", 16}}},
	    {"lora", "sdxl", {{"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", 1280}}},
	    {"lora", "flux", {{"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", 3072}}},
	    {"lora", "flux", {{"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", 3072}}},
	    {"lora", NULL, {{"lora_unet_mid_block_attentions_0_proj_in.hada_w1_a", 16}}},
	    {"controlnet",
	     "sd1.5",
	     {{"control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 768},
	      {"control_model.zero_convs.0.0.weight", 1}}},
	    {"controlnet", NULL, {{"controlnet_cond_embedding.conv_in.weight", 3}}},
	    {"motion-module",
	     "animatediff",
	     {{"down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.pos_"
	       "encoder.pe",
	       320}}},
	    {"embedding", NULL, {{"emb_params", 768}}},
	    {"embedding", "sdxl", {{"clip_g", 1280}, {"clip_l", 768}}},
	    {"upscaler", NULL, {{"model.1.sub.0.RDB1.conv1.0.weight", 3}}},
	    {"upscaler", NULL, {{"body.0.rdb1.conv1.weight", 3}, {"conv_first.weight", 3}}},
	    {"vae", NULL, {{"decoder.conv_in.weight", 3}, {"encoder.conv_in.weight", 3}}},
	    {"vae", NULL, {{"first_stage_model.decoder.conv_in.weight", 3}}},
	    {"text-encoder", NULL, {{"text_model.encoder.layers.0.self_attn.k_proj.weight", 768}}},
	    {"text-encoder", "t5", {{"encoder.block.0.layer.0.SelfAttention.q.weight", 4096}, {"shared.weight", 4096}}},
	    {"embedding-model",
	     "bert",
	     {{"embeddings.word_embeddings.weight", 384}, {"encoder.layer.0.attention.self.query.weight", 384}}},
	    {"stt", "whisper", {{"model.decoder.layers.0.encoder_attn.k_proj.weight", 512}}},
	    {"llm", NULL, {{"model.layers.0.self_attn.q_proj.weight", 4096}, {"lm_head.weight", 4096}}},
	    {NULL, NULL, {{"weight", 2}, {"bias", 0}}},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct traits traits = {0};
		struct ncm_facts facts = {0};

		for (size_t j = 0; j < 4 && cases[i].tensors[j].name; j++)
			traits_note(&traits, cases[i].tensors[j].name, cases[i].tensors[j].row);
		traits_tell(&traits, &facts);
		if (strcmp(facts.kind ? facts.kind : "", cases[i].kind ? cases[i].kind : "") != 0 ||
		    strcmp(facts.architecture ? facts.architecture : "",
			   cases[i].architecture ? cases[i].architecture : "") != 0) {
			fprintf(stderr, "%s …: %s %s\n", cases[i].tensors[0].name, facts.kind, facts.architecture);
			exit(1);
		}
		if (facts.kind && strcmp(facts.kind, "embedding-model") == 0)
			CHECK_U64(facts.dimensions, 384);
		ncm_facts_clear(&facts);
	}
}

static void facts_are_bounded(void)
{
	NCM_AUTO_FREE char *text = ncm_malloc(1000);
	struct ncm_facts facts = {0};

	/* three-byte characters: the cut falls between two */
	for (size_t i = 0; i + 3 <= 999; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	text[999] = '\0';
	facts_default(&facts.name, text);
	CHECK_U64(strlen(facts.name), 255);
	facts_default(&facts.name, "another");
	CHECK_U64(strlen(facts.name), 255);
	facts_set(&facts.name, "", 0);
	CHECK(!facts.name);
	CHECK(!facts_fault(&facts, NCM_BROKEN, "the first") && !facts_fault(&facts, NCM_TRUNCATED, "the second"));
	CHECK(facts.soundness == NCM_BROKEN);
	CHECK_STR(facts.fault, "the first");
	ncm_facts_clear(&facts);
}

static void parameters_are_counted(void)
{
	static const struct {
		uint64_t count;
		const char *text;
	} cases[] = {{8030261248, "8.0B"},
		     {137000000, "137M"},
		     {999600000, "1.0B"},
		     {22713216, "23M"},
		     {999700, "1M"},
		     {1500, "2K"},
		     {7, "7"}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ncm_facts facts = {.parameter_count = cases[i].count};

		facts_count_parameters(&facts);
		CHECK_STR(facts.parameters, cases[i].text);
		ncm_facts_clear(&facts);
	}
}

int main(void)
{
	RUN(formats_are_told_by_content);
	RUN(names_promise_formats);
	RUN(what_is_no_model_whatever_it_is_called);
	RUN(a_zip_ends_with_its_directory);
	RUN(a_cut_model_is_refused);
	RUN(what_cannot_be_read_is_an_error);
	RUN(a_file_that_shrinks_is_cut);
	RUN(models_are_told_by_their_tensors);
	RUN(facts_are_bounded);
	RUN(parameters_are_counted);
	return 0;
}

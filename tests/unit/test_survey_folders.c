/* SPDX-License-Identifier: MIT */
/* Stores of plain files, and what lies beside them. */
#include "registry/write.h"
#include "survey_case.h"

#define CHECKPOINTS "webui/models/Stable-diffusion/"
#define LORAS "webui/models/Lora/"

/* A header of one tensor of four bytes, and those. */
static const char sound[] = "\x40\0\0\0\0\0\0\0"
			    "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}          "
			    "1234";
enum { SOUND = sizeof sound - 1 };

static void safetensors(const char *name)
{
	temp_write_bytes(folder, name, sound, SOUND);
}

static char *sound_hex(void)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(sound, SOUND, &digest);
	return ncm_strdup(ncm_sha256_hex(&digest, hex));
}

static void files_without_a_word_on_them(void)
{
	start();
	safetensors(CHECKPOINTS "sub/a b.safetensors");
	safetensors("webui/venv/lib/b.safetensors");
	safetensors("ai/models/deep/c.safetensors");
	look(NCM_SURVEY_CONTENT);
	CHECK_U64(survey->model_count, 2);
	CHECK_STR(model_state("a-b"), "unproved");
	CHECK_STR(model("a-b")->entry.display_name, "a b");
	CHECK_STR(model("a-b")->entry.kind, "checkpoint");
	CHECK_STR(model("a-b")->entry.format, "safetensors");
	CHECK_STR(model("a-b")->entry.store, "a1111");
	CHECK_STR(model("a-b")->known_by, "header");
	CHECK(!model("a-b")->entry.source);
	CHECK_U64(survey->hashed, 0);
	look(NCM_SURVEY_DIGESTS);
	CHECK_STR(model_state("c"), "unproved");
	CHECK(found("ai/models/deep/c.safetensors")->has_sha256);
	CHECK_U64(survey->hashed, 2 * SOUND);
	look(NCM_SURVEY_NAMES);
	CHECK_STR(model("a-b")->known_by, "name");
	stop();
}

static void a_structure_that_does_not_hold(void)
{
	start();
	temp_write_bytes(folder, CHECKPOINTS "cut.safetensors", sound, SOUND - 1);
	temp_write(folder, CHECKPOINTS "html.safetensors", "<html><body>Please log in</body></html>");
	safetensors(CHECKPOINTS "fine.safetensors");
	look(NCM_SURVEY_HEADERS);
	CHECK_STR(state_of(CHECKPOINTS "cut.safetensors"), "truncated");
	CHECK(found(CHECKPOINTS "cut.safetensors")->detail);
	CHECK_STR(state_of(CHECKPOINTS "html.safetensors"), "damaged");
	CHECK_STR(state_of(CHECKPOINTS "fine.safetensors"), "unproved");
	look(NCM_SURVEY_NAMES);
	CHECK_STR(state_of(CHECKPOINTS "cut.safetensors"), "unproved");
	stop();
}

/* One line a way to write a digest; %s is it. */
static void digests_beside_a_file(void)
{
	static const struct {
		const char *name, *text;
	} ways[] = {
	    {"a.safetensors.sha256", "%s"},
	    {"a.safetensors.sha256", "%s\n"},
	    {"a.sha256", "%s  a.safetensors\n"},
	    {"a.sha256", "%s *./a.safetensors\r\n"},
	    {"a.sha256", "0000000000000000000000000000000000000000000000000000000000000000  b.safetensors\n"
			 "%s  a.safetensors\n"},
	    {"a.civitai.info", "{\"id\":7,\"modelId\":70,\"model\":{\"name\":\"Nice\",\"type\":\"LORA\"},\"files\":["
			       "{\"id\":1,\"name\":\"b\",\"hashes\":{\"SHA256\":\"00\"}},"
			       "{\"id\":2,\"name\":\"a.safetensors\",\"hashes\":{\"SHA256\":\"%s\"}}]}"},
	    {"a.metadata.json", "{\"sha256\":\"%s\",\"civitai\":{\"id\":7,\"modelId\":70,\"files\":[]}}"},
	    {"a.cm-info.json", "{\"ModelId\":70,\"VersionId\":7,\"Hashes\":{\"SHA256\":\"%s\"}}"},
	};
	NCM_AUTO_FREE char *hex = sound_hex();

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		NCM_AUTO_FREE char *text = temp_format(ways[i].text, hex), *name = ncm_path_join(LORAS, ways[i].name);

		start();
		safetensors(LORAS "a.safetensors");
		temp_write(folder, name, text);
		look(NCM_SURVEY_CONTENT);
		CHECK_U64(survey->model_count, 1);
		CHECK_U64(survey->file_count, 1);
		CHECK_STR(state_of(LORAS "a.safetensors"), "ok");
		CHECK_STR(found(LORAS "a.safetensors")->told_by, "sidecar");
		temp_write_bytes(folder, LORAS "a.safetensors", "x", 1);
		look(NCM_SURVEY_CONTENT);
		CHECK(strcmp(state_of(LORAS "a.safetensors"), "ok") != 0);
		stop();
	}
}

static void a_list_of_other_files_tells_nothing(void)
{
	NCM_AUTO_FREE char *hex = sound_hex(), *text = ncm_asprintf("%s  b\n%s  c\n", hex, hex);

	start();
	safetensors(LORAS "a.safetensors");
	temp_write(folder, LORAS "a.sha256", text);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(model_state("a"), "unproved");
	stop();
}

static void what_civitai_says(void)
{
	NCM_AUTO_FREE char *hex = sound_hex(), *info = NULL;

	start();
	safetensors(LORAS "a.safetensors");
	info = ncm_asprintf("{\"id\":7,\"modelId\":70,\"model\":{\"name\":\"Nice\",\"type\":\"Checkpoint\"},\"files\":["
			    "{\"id\":1,\"name\":\"training data\",\"hashes\":{\"SHA256\":\"00\"}},"
			    "{\"id\":2,\"name\":\"other\",\"primary\":true,\"hashes\":{\"SHA256\":\"%s\"}}]}",
			    hex);
	temp_write(folder, LORAS "a.civitai.info", info);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(model("a")->entry.source, "civitai:70@7?fileId=2");
	CHECK_STR(model("a")->entry.revision, "7");
	CHECK_STR(model("a")->entry.display_name, "Nice");
	CHECK_STR(model("a")->entry.kind, "checkpoint");
	CHECK_STR(model("a")->known_by, "civitai");
	CHECK_STR(model_state("a"), "ok");
	CHECK(!model("a")->source_is_hearsay);
	/* Same size, other bytes. */
	{
		char other[SOUND];

		memcpy(other, sound, SOUND);
		other[SOUND - 1] = '5';
		temp_write_bytes(folder, LORAS "a.safetensors", other, SOUND);
	}
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(model_state("a"), "differs");
	CHECK(strstr(found(LORAS "a.safetensors")->detail, "its sidecar says of file 2"));
	CHECK(model("a")->source_is_hearsay);
	/* Junk tells nothing, and does no harm. */
	temp_write(folder, LORAS "a.civitai.info", "[{");
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(model_state("a"), "unproved");
	stop();
}

/* Two precisions under one name: whoever has one of them has what the version has. */
static void any_file_of_the_version_will_do(void)
{
	NCM_AUTO_FREE char *hex = sound_hex(), *info = NULL;

	start();
	safetensors(LORAS "a.safetensors");
	info = ncm_asprintf("{\"id\":7,\"modelId\":70,\"files\":[{\"id\":1,\"name\":\"a.safetensors\",\"primary\":true,"
			    "\"metadata\":{\"fp\":\"fp16\"},\"hashes\":{\"SHA256\":\"%064d\"}},{\"id\":2,\"name\":"
			    "\"a.safetensors\",\"metadata\":{\"fp\":\"fp32\"},\"hashes\":{\"SHA256\":\"%s\"}}]}",
			    1, hex);
	temp_write(folder, LORAS "a.civitai.info", info);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(state_of(LORAS "a.safetensors"), "ok");
	CHECK_STR(found(LORAS "a.safetensors")->detail, "as file 2 (fp32) in its sidecar");
	CHECK_STR(model("a")->entry.source, "civitai:70@7?fileId=2");
	CHECK_U64(found(LORAS "a.safetensors")->claim_count, 2);
	stop();
}

/* A truncated file of a version with several: its header tells which of them it was, or nobody does. */
static void which_file_it_was(void)
{
	static const struct {
		double kib[2];
		size_t hopeless;
		const char *source;
	} cases[] = {
	    {{99, SOUND / 1024.0}, 0, "civitai:7?fileId=2"},
	    {{99, 77}, 1, "civitai:7?fileId=1"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		NCM_AUTO_FREE char *info = ncm_asprintf(
		    "{\"id\":7,\"files\":[{\"id\":1,\"primary\":true,\"sizeKB\":%f,\"hashes\":{\"SHA256\":\"%064d\"}},"
		    "{\"id\":2,\"sizeKB\":%f,\"hashes\":{\"SHA256\":\"%064d\"}}]}",
		    cases[i].kib[0], 1, cases[i].kib[1], 2);
		struct ncm_verify_report *report;
		size_t hopeless;

		start();
		temp_write_bytes(folder, LORAS "a.safetensors", sound, SOUND - 1);
		temp_write(folder, LORAS "a.civitai.info", info);
		look(NCM_SURVEY_CONTENT);
		CHECK_STR(state_of(LORAS "a.safetensors"), "truncated");
		CHECK_STR(model("a")->entry.source, cases[i].source);
		report = ncm_survey_report(survey, NULL, &hopeless);
		CHECK_U64(hopeless, cases[i].hopeless);
		ncm_verify_free(report);
		stop();
	}
}

/* What the sidecar tells of the tensors, if anything, decides what is said of the rest. */
static void an_edited_header(void)
{
	static const struct {
		const char *tensors, *says;
	} cases[] = {
	    {"%.12s", "(its header alone)"},
	    {"%.11s-", "(whether in its header alone is not known)"},
	    {"000000000000", "(its tensors too)"},
	};
	NCM_AUTO_FREE char *tensors = sha256_hex("1234");

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		NCM_AUTO_FREE char *auto_v3 = temp_format(cases[i].tensors, tensors);
		NCM_AUTO_FREE char *info =
		    ncm_asprintf("{\"id\":7,\"files\":[{\"id\":1,\"hashes\":{\"SHA256\":\"%064d\","
				 "\"AutoV3\":\"%s\"}}]}",
				 1, auto_v3);

		start();
		safetensors(LORAS "a.safetensors");
		temp_write(folder, LORAS "a.civitai.info", info);
		look(NCM_SURVEY_CONTENT);
		CHECK_STR(state_of(LORAS "a.safetensors"), "differs");
		CHECK(strstr(found(LORAS "a.safetensors")->detail, cases[i].says));
		stop();
	}
}

/* What differs is mended by name alone, and then by what the nearest file of the version is. */
static void what_differs_is_mended_by_name_alone(void)
{
	const struct ncm_strings named = {.items = (char *[]){(char *)"a"}, .count = 1};
	struct ncm_verify_report *report;
	size_t hopeless = 9;

	start();
	safetensors(LORAS "a.safetensors");
	safetensors(LORAS "b.safetensors");
	temp_write(folder, LORAS "a.civitai.info",
		   "{\"id\":7,\"files\":[{\"id\":1,\"hashes\":{\"SHA256\":"
		   "\"0000000000000000000000000000000000000000000000000000000000000001\"}}]}");
	look(NCM_SURVEY_CONTENT);
	report = ncm_survey_report(survey, NULL, &hopeless);
	CHECK_U64(report->models, 2);
	CHECK_U64(report->models_ok, 2);
	CHECK_U64(hopeless, 0);
	ncm_verify_free(report);
	report = ncm_survey_report(survey, &named, &hopeless);
	CHECK_U64(report->count, 1);
	CHECK_U64(report->models_ok, 0);
	CHECK(report->files[0].verdict == NCM_VERDICT_DAMAGED && report->files[0].file->sha256.bytes[31] == 1);
	CHECK_STR(report->files[0].model->source, "civitai:7?fileId=1");
	ncm_verify_free(report);
	stop();
}

/* models.json has the digest of what came; whether that was whole, it does not know. */
static void first_use_proves_no_structure(void)
{
	static const char *const trusts[] = {"first-use", "upstream"};
	NCM_AUTO_FREE char *registry = NULL;

	for (size_t i = 0; i < 2; i++) {
		struct ncm_reg_file file = {.store = (char *)"a1111", .role = (char *)"weights", .size = SOUND - 1};
		const struct ncm_reg_model entry = {.id = (char *)"a",
						    .source = (char *)"https://h/a.safetensors",
						    .trust = (char *)trusts[i],
						    .files = &file,
						    .file_count = 1};
		struct ncm_verify_report *report;

		start();
		temp_write_bytes(folder, LORAS "a.safetensors", sound, SOUND - 1);
		look(NCM_SURVEY_NAMES);
		free(registry);
		registry = ncm_path_join(folder, "ai/models/models.json");
		file.abs = ncm_path_join(folder, LORAS "a.safetensors");
		file.mtime_ns = found(LORAS "a.safetensors")->mtime_ns;
		ncm_sha256_of(sound, SOUND - 1, &file.sha256);
		CHECK(ncm_registry_put_all(registry, &entry, 1, NULL) == 0);
		look(NCM_SURVEY_CONTENT);
		CHECK_STR(state_of(LORAS "a.safetensors"), i == 0 ? "truncated" : "ok");
		/* the source has no other bytes of this digest */
		report = ncm_survey_report(survey, NULL, NULL);
		CHECK_U64(report->count, i == 0 ? 0 : 1);
		ncm_verify_free(report);
		free(file.abs);
		stop();
	}
}

static void automatic1111_remembers(void)
{
	NCM_AUTO_FREE char *hex = sound_hex(), *cache = NULL;
	const struct ncm_survey_file *file;

	start();
	safetensors(CHECKPOINTS "sub/a.safetensors");
	safetensors(LORAS "b.safetensors");
	look(NCM_SURVEY_NAMES);
	file = found(CHECKPOINTS "sub/a.safetensors");
	cache = ncm_asprintf("{\"hashes\":{\"checkpoint/sub/a.safetensors\":{\"mtime\":%.6f,\"sha256\":\"%s\"},"
			     "\"lora/b\":{\"mtime\":1.5,\"sha256\":\"%s\"},\"checkpoint/none\":{}}}",
			     (double)file->mtime_ns / 1e9, hex, hex);
	temp_write(folder, "webui/cache.json", cache);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(found(CHECKPOINTS "sub/a.safetensors")->told_by, "cache.json");
	CHECK_STR(state_of(CHECKPOINTS "sub/a.safetensors"), "ok");
	/* Written to since it was hashed. */
	CHECK(!found(LORAS "b.safetensors")->told_by);
	stop();
}

/* A sidecar may be newer than models.json, but not if the file is still what was recorded. */
static void models_json_against_a_sidecar(void)
{
	NCM_AUTO_FREE char *registry = NULL, *hex = sound_hex();
	struct ncm_reg_file file = {.store = (char *)"a1111", .role = (char *)"weights", .size = SOUND};
	const struct ncm_reg_model entry = {
	    .id = (char *)"a", .source = (char *)"civitai:7", .files = &file, .file_count = 1};

	start();
	safetensors(LORAS "a.safetensors");
	temp_write(folder, LORAS "a.sha256", "0000000000000000000000000000000000000000000000000000000000000000");
	look(NCM_SURVEY_NAMES);
	registry = ncm_path_join(folder, "ai/models/models.json");
	file.abs = ncm_path_join(folder, LORAS "a.safetensors");
	file.mtime_ns = found(LORAS "a.safetensors")->mtime_ns;
	ncm_sha256_of(sound, SOUND, &file.sha256);
	CHECK(ncm_registry_put_all(registry, &entry, 1, NULL) == 0);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(found(LORAS "a.safetensors")->told_by, "models.json");
	CHECK_STR(model_state("a"), "ok");
	CHECK_STR(model("a")->entry.source, "civitai:7");
	file.mtime_ns++;
	CHECK(ncm_registry_put_all(registry, &entry, 1, NULL) == 0);
	free(file.abs);
	temp_write(folder, LORAS "a.sha256", hex);
	look(NCM_SURVEY_CONTENT);
	CHECK_STR(found(LORAS "a.safetensors")->told_by, "sidecar");
	CHECK_STR(model_state("a"), "ok");
	stop();
}

static void what_is_left_over(void)
{
	static const char *const partials[] = {CHECKPOINTS "b.safetensors.part", CHECKPOINTS "c.safetensors.crdownload",
					       CHECKPOINTS "d.safetensors.aria2", CHECKPOINTS "d.safetensors",
					       CHECKPOINTS ".e.safetensors.incomplete"};
	static const char *const orphans[] = {LORAS "gone.civitai.info", LORAS "gone.safetensors.sha256",
					      LORAS "gone.metadata.json"};

	start();
	safetensors(CHECKPOINTS "a.safetensors");
	safetensors(CHECKPOINTS "._a.safetensors");
	temp_write(folder, CHECKPOINTS "a.json", "{}");
	temp_write(folder, CHECKPOINTS "put_checkpoints_here", "");
	for (size_t i = 0; i < sizeof partials / sizeof *partials; i++)
		temp_write(folder, partials[i], "x");
	for (size_t i = 0; i < sizeof orphans / sizeof *orphans; i++)
		temp_write(folder, orphans[i], "{}");
	look(NCM_SURVEY_CONTENT);
	for (size_t i = 0; i < sizeof partials / sizeof *partials; i++)
		CHECK_STR(state_of(partials[i]), "partial");
	for (size_t i = 0; i < sizeof orphans / sizeof *orphans; i++)
		CHECK_STR(state_of(orphans[i]), "orphaned");
	CHECK_U64(survey->model_count, 1);
	CHECK_U64(survey->file_count, 9);
	stop();
}

static void shards_are_one_model(void)
{
	start();
	temp_write(folder, "ai/models/big/q-00001-of-00003.gguf", "x");
	temp_write(folder, "ai/models/big/q-00003-of-00003.gguf", "x");
	temp_write(folder, "ai/models/lone-00004-of-00003.gguf", "x");
	temp_write(folder, "ai/models/whisper/model.bin", "x");
	look(NCM_SURVEY_NAMES);
	CHECK_U64(survey->model_count, 3);
	CHECK_U64(model("q")->file_count, 3);
	CHECK_STR(model_state("q"), "missing");
	CHECK_STR(state_of("ai/models/big/q-00002-of-00003.gguf"), "missing");
	CHECK_STR(model_state("lone-00004-of-00003"), "unproved");
	CHECK_STR(model_state("whisper"), "unproved");
	stop();
}

static void folders_and_files_may_be_links(void)
{
	NCM_AUTO_FREE char *shared = NULL, *file = NULL;

	start();
	safetensors("shared/a.safetensors");
	shared = ncm_path_join(folder, "shared");
	file = ncm_path_join(folder, "shared/a.safetensors");
	link_to(shared, "webui/models/Lora");
	link_to(file, CHECKPOINTS "linked.safetensors");
	link_to("nowhere", CHECKPOINTS "dangling.safetensors");
	look(NCM_SURVEY_DIGESTS);
	CHECK_STR(state_of(LORAS "a.safetensors"), "unproved");
	CHECK_STR(found(CHECKPOINTS "linked.safetensors")->real, file);
	CHECK_STR(state_of(CHECKPOINTS "dangling.safetensors"), "missing");
	CHECK_U64(survey->hashed, SOUND);
	CHECK_U64(survey->stores[0].bytes, SOUND);
	stop();
}

int main(void)
{
	RUN(files_without_a_word_on_them);
	RUN(a_structure_that_does_not_hold);
	RUN(digests_beside_a_file);
	RUN(a_list_of_other_files_tells_nothing);
	RUN(what_civitai_says);
	RUN(any_file_of_the_version_will_do);
	RUN(which_file_it_was);
	RUN(an_edited_header);
	RUN(what_differs_is_mended_by_name_alone);
	RUN(first_use_proves_no_structure);
	RUN(automatic1111_remembers);
	RUN(models_json_against_a_sidecar);
	RUN(what_is_left_over);
	RUN(shards_are_one_model);
	RUN(folders_and_files_may_be_links);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* What is the same model, whose a file is, what may take its place; and ids that two sources never share. */
#include "base/buffer.h"
#include "base/json.h"
#include "base/text_map.h"
#include "check.h"
#include "registry/identity.h"
#include "registry/write.h"
#include "source/source.h"
#include "temp.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define DIGEST "1111111111111111111111111111111111111111111111111111111111111111"

static char *folder;
static struct ncm_registry *registry;
static struct registry_lookup *lookup;

/* `models`: the entries of a models.json. */
static void start(const char *models)
{
	NCM_AUTO_FREE char *text = ncm_asprintf("{\"models\":[%s]}", models);
	NCM_AUTO_FREE char *path = NULL;

	folder = temp_folder();
	path = ncm_path_join(folder, "models/models.json");
	temp_write(folder, "models/models.json", text);
	registry = ncm_registry_read(path, NULL);
	CHECK(registry);
	lookup = registry_lookup_new(registry);
}

static void stop(void)
{
	registry_lookup_free(lookup);
	ncm_registry_free(registry);
	temp_remove(folder);
}

/* A model with one file; `id` NULL: of a source that is spelled out, with the id that this makes. */
struct wanted {
	char *from;
	struct ncm_file_spec spec;
	struct ncm_model model;
	char *made, *display;
};

static struct ncm_model *want(struct wanted *wanted, const char *id, const char *uri)
{
	*wanted = (struct wanted){.from = (char *)uri};
	wanted->spec = (struct ncm_file_spec){.from = {.items = &wanted->from, .count = 1}, .role = (char *)"weights"};
	ncm_source_names(uri, &wanted->made, &wanted->display);
	wanted->model = (struct ncm_model){.id = id ? (char *)id : wanted->made,
					   .profile = id ? (char *)"noa" : NULL,
					   .phase = id ? 1 : 0,
					   .files = &wanted->spec,
					   .file_count = 1};
	return &wanted->model;
}

static void clear(struct wanted *wanted)
{
	free(wanted->made);
	free(wanted->display);
}

/* Which entry a model is ("" for none), and the id that it is registered under. */
static void check_same(const char *id, const char *uri, const char *entry, const char *registered)
{
	struct wanted wanted;
	const struct ncm_model *model = want(&wanted, id, uri);
	const struct ncm_reg_model *same = registry_same(lookup, model);
	NCM_AUTO_FREE char *own = registry_id_for(lookup, model);

	CHECK_STR(same ? same->id : "", entry);
	CHECK_STR(own, registered);
	CHECK(same == ncm_registry_same(registry, model));
	clear(&wanted);
}

static const char entries[] =
    "{\"id\":\"chat\",\"name\":\"chat\",\"profiles\":[\"nexus\"],\"source\":\"hf:o/r/chat.gguf@" COMMIT "\","
    "\"files\":[{\"path\":\"/s/chat.gguf\",\"size\":1,\"sha256\":\"" DIGEST "\",\"role\":\"weights\"},"
    "{\"path\":\"/s/draft.gguf\",\"size\":1,\"sha256\":\"" DIGEST "\",\"role\":\"weights\",\"origin\":\"fetched\","
    "\"source\":\"hf:p/s/draft.gguf@" COMMIT "\"}]},"
    "{\"id\":\"mmproj-f16.gguf\",\"name\":\"mmproj-f16.gguf\",\"source\":\"hf:A/x/mmproj-F16.gguf@" COMMIT "\","
    "\"files\":[{\"path\":\"/s/mmproj-F16.gguf\",\"size\":1,\"sha256\":\"" DIGEST "\",\"role\":\"weights\"}]},"
    "{\"id\":\"civitai:7@latest\",\"name\":\"civitai:7@latest\",\"source\":\"civitai:7@70?fileId=700\","
    "\"files\":[{\"path\":\"/s/style.safetensors\",\"size\":1,\"sha256\":\"" DIGEST "\"}]},"
    "{\"id\":\"mine\",\"name\":\"mine\",\"files\":[{\"path\":\"/s/mine.safetensors\",\"size\":1,"
    "\"sha256\":\"" DIGEST "\",\"origin\":\"adopted\",\"role\":\"weights\"}]},"
    "{\"name\":\"script\",\"file_path\":\"models/script.gguf\"},"
    "{\"id\":\"llama3.2:3b\",\"name\":\"llama3.2:3b\",\"source\":\"ollama:llama3.2:3b@sha256:" DIGEST "\","
    "\"files\":[{\"path\":\"/o/blob\",\"size\":1,\"sha256\":\"" DIGEST "\",\"role\":\"model\"}]}";

static void the_same_model(void)
{
	start(entries);
	/* A manifest's id, in every profile and in any case; a source of it that is spelled out. */
	check_same("chat", "hf:o/r/moved.gguf", "chat", "chat");
	check_same("CHAT", "hf:o/r/moved.gguf", "chat", "chat");
	check_same(NULL, "hf:o/r/chat.gguf", "chat", "chat");
	check_same(NULL, "hf:o/r/chat.gguf@v2", "chat", "chat");
	check_same(NULL, "https://huggingface.co/o/r/blob/main/chat.gguf", "chat", "chat");
	check_same(NULL, "hf:p/s/draft.gguf", "chat", "chat");
	/* An older entry, under an id that says little. */
	check_same(NULL, "hf:A/x/mmproj-F16.gguf", "mmproj-f16.gguf", "mmproj-f16.gguf");
	check_same("projector", "hf:A/x/mmproj-F16.gguf", "mmproj-f16.gguf", "mmproj-f16.gguf");
	check_same(NULL, "ollama:llama3.2:3b", "llama3.2:3b", "llama3.2:3b");
	check_same(NULL, "ollama:registry.ollama.ai/library/llama3.2:3b", "llama3.2:3b", "llama3.2:3b");
	/* The latest has moved on; the version that it was is what is here. */
	check_same(NULL, "civitai:7@latest", "civitai:7@latest", "civitai:7@latest");
	check_same(NULL, "civitai:7@70?fileId=700", "civitai:7@latest", "civitai:7@latest");
	check_same(NULL, "civitai:70?fileId=700", "civitai:7@latest", "civitai:7@latest");
	check_same("script", "hf:o/r/script.gguf", "script", "script");
	stop();
}

static void another_model(void)
{
	start(entries);
	check_same(NULL, "hf:B/y/mmproj-F16.gguf", "", "B/y/mmproj-F16.gguf");
	check_same(NULL, "hf:a/x/mmproj-F16.gguf", "", "a/x/mmproj-F16.gguf");
	check_same(NULL, "hf:A/x/mmproj-f16.gguf", "", "A/x/mmproj-f16.gguf");
	check_same(NULL, "hf:o/r", "", "o/r");
	check_same(NULL, "ollama:llama3.2:1b", "", "llama3.2:1b");
	check_same(NULL, "civitai:7@71", "", "civitai:7@71");
	check_same(NULL, "civitai:7@70?fileId=701", "", "civitai:7@70-fileId=701-85eb2dff");
	/* What another model is called is no evidence, and stays with that. */
	check_same("mmproj-f16.gguf", "hf:B/y/mmproj-F16.gguf", "", "mmproj-f16.gguf-4c5c037e");
	check_same("mine", "hf:o/r/mine.safetensors", "", "mine-3fd30542");
	stop();
	/* Once registered so, it is found again: the id in another profile, the source by its key. */
	start("{\"id\":\"mine\",\"name\":\"mine\",\"file_path\":\"x\",\"source\":\"hf:q/q/mine\"},"
	      "{\"id\":\"mine-3fd30542\",\"name\":\"mine-3fd30542\",\"profiles\":[\"nexus\"],\"file_path\":\"y\"}");
	check_same("mine", "hf:o/r/mine.safetensors", "mine-3fd30542", "mine-3fd30542");
	stop();
}

static void ids_that_differ_in_case_alone(void)
{
	struct wanted wanted;
	NCM_AUTO_FREE char *own = NULL;

	start("{\"id\":\"Org/Repo/F.gguf\",\"name\":\"Org/Repo/F.gguf\",\"file_path\":\"x\",\"source\":\"hf:Org/Repo/"
	      "F.gguf\"}");
	own = registry_id_for(lookup, want(&wanted, NULL, "hf:org/repo/f.gguf"));
	CHECK(strncmp(own, "org/repo/f.gguf-", 16) == 0 && strlen(own) == 24);
	clear(&wanted);
	stop();
}

static void check_forbids(const char *abs, const char *id, const char *uri, const char *by)
{
	struct wanted wanted;
	const struct ncm_model *model = want(&wanted, id, uri);
	const struct ncm_reg_model *forbids = registry_forbids(lookup, abs, model, &wanted.spec, NULL);

	CHECK_STR(forbids ? forbids->id : "", by);
	clear(&wanted);
}

static void whose_a_file_is(void)
{
	size_t count = 9;
	struct ncm_sha256 digest;

	start(entries);
	CHECK(!registry_at(lookup, "/s/nothing", &count) && count == 0);
	CHECK(registry_at(lookup, "/s/chat.gguf", &count)->model == &registry->models[0] && count == 1);
	CHECK(ncm_sha256_parse(DIGEST, &digest) == 0);
	CHECK(registry_having(lookup, &digest, &count) && count == 6);
	/* By its own model, from what gave it. */
	check_forbids("/s/nothing", NULL, "hf:o/r/x.gguf", "");
	check_forbids("/s/chat.gguf", "chat", "hf:o/r/chat.gguf", "");
	check_forbids("/s/chat.gguf", NULL, "hf:o/r/chat.gguf@v2", "");
	check_forbids("/s/draft.gguf", "chat", "hf:p/s/draft.gguf", "");
	check_forbids("/s/draft.gguf", "chat", "hf:p/s", "");
	check_forbids("/s/draft.gguf", "chat", "hf:p/s/*.gguf", "");
	check_forbids("/s/mmproj-F16.gguf", NULL, "hf:A/x/mmproj-F16.gguf", "");
	/* Not by another, nor from elsewhere. */
	check_forbids("/s/draft.gguf", "chat", "hf:p/other/draft.gguf", "chat");
	check_forbids("/s/draft.gguf", "chat", "hf:p/s/*.bin", "chat");
	check_forbids("/s/mmproj-F16.gguf", NULL, "hf:B/y/mmproj-F16.gguf", "mmproj-f16.gguf");
	check_forbids("/s/mine.safetensors", NULL, "hf:o/r/mine.safetensors", "mine");
	check_forbids("/s/mine.safetensors", "mine", "hf:o/r/mine.safetensors", "mine");
	check_forbids("/s/chat.gguf", "chat", "hf:o/elsewhere/chat.gguf", "chat");
	stop();
	/* Two own it; a link is in the way of everything. */
	start("{\"id\":\"a\",\"name\":\"a\",\"profiles\":[\"noa\"],\"files\":[{\"path\":\"/s/"
	      "f\",\"size\":1,\"sha256\":\"" DIGEST
	      "\",\"origin\":\"fetched\",\"source\":\"hf:o/r/f\"},{\"path\":\"/s/l\",\"size\":1,\"sha256\":\"" DIGEST
	      "\",\"origin\":\"adopted\",\"source\":\"hf:o/r/f\",\"target\":\"/t/l\"}]},"
	      "{\"id\":\"b\",\"name\":\"b\",\"profiles\":[\"noa\"],\"files\":[{\"path\":\"/s/"
	      "f\",\"size\":1,\"sha256\":\"" DIGEST "\",\"origin\":\"fetched\",\"source\":\"hf:o/r/f\"}]}");
	check_forbids("/s/f", "a", "hf:o/r/f", "b");
	check_forbids("/s/f", "b", "hf:o/r/f", "a");
	check_forbids("/s/l", "a", "hf:o/r/f", "a");
	stop();
}

static void names_of_several_choose_none(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const char *name = "f.gguf";
	const struct ncm_selector selector = {.names = {.items = (char **)&name, .count = 1}};
	const struct ncm_reg_model **chosen = NULL;
	size_t count = 0;

	start("{\"id\":\"a\",\"name\":\"a\",\"display_name\":\"Twin\",\"file_path\":\"x/f.gguf\"},"
	      "{\"id\":\"b\",\"name\":\"b\",\"display_name\":\"twin\",\"file_path\":\"y/F.gguf\"},"
	      "{\"id\":\"B\",\"name\":\"B\",\"display_name\":\"f.gguf\",\"file_path\":\"z\"},"
	      "{\"id\":\"c\",\"name\":\"c\",\"file_path\":\"only.gguf\"}");
	CHECK(ncm_registry_select(registry, &selector, &chosen, &count, &err) < 0 && err.code == NCM_E_USAGE);
	CHECK(strstr(err.message, "a, b, B") && err.hint);
	ncm_error_clear(&err);
	CHECK(!ncm_registry_get(registry, "TWIN", &err) && err.code == NCM_E_USAGE && strstr(err.message, "a, b"));
	ncm_error_clear(&err);
	CHECK(!ncm_registry_find(registry, "twin") && !ncm_registry_find(registry, "none"));
	CHECK(ncm_registry_find(registry, "b") == &registry->models[1]);
	CHECK(ncm_registry_find(registry, "B") == &registry->models[2]);
	CHECK(ncm_registry_find(registry, "C") == &registry->models[3]);
	CHECK(ncm_registry_find(registry, "ONLY.gguf") == &registry->models[3]);
	stop();
}

static void check_key(const char *a, const char *b, bool equal)
{
	NCM_AUTO_FREE char *one = ncm_source_key(a);
	NCM_AUTO_FREE char *other = ncm_source_key(b);

	CHECK(one && other && (strcmp(one, other) == 0) == equal);
}

static void keys_of_sources(void)
{
	check_key("hf:o/r/f", "hf:o/r/f@" COMMIT, true);
	check_key("hf:o/r/f", "hf:o/r/f@v1#sha256=" DIGEST, true);
	check_key("hf:o/r/a@b@main", "hf:o/r/a@b@v2", true);
	check_key("hf:o/r/f", "hf:o/r", false);
	check_key("hf:o/r/f", "hf:O/r/f", false);
	check_key("ollama:m", "ollama:m:latest@sha256:" DIGEST, true);
	check_key("civitai:7@70", "civitai:70", true);
	check_key("civitai:7@70", "civitai:7@71", false);
	check_key("civitai:7@70", "civitai:7@70?fileId=1", false);
	check_key("https://e.org/f#sha256=" DIGEST, "HTTPS://E.org/f", true);
	check_key("https://e.org/f?a=1", "https://e.org/f?a=2", false);
	check_key("https://e.org/f?id=3&sig=1", "https://e.org/f?sig=2&id=3", true);
	check_key("https://e.org/f?id=3&sig=1", "https://e.org/f?id=3#signed", true);
	check_key("https://e.org/f?id=3&sig=1", "https://e.org/f?id=4&sig=1", false);
	CHECK(!ncm_source_key("f.gguf"));
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* Texts as like as texts can be, and some that are long. */
static void add_random(struct ncm_buffer *out, uint64_t *state, const char *alphabet)
{
	size_t size = next_random(state) % 40 == 0 ? 150 : 1 + next_random(state) % 5;

	for (; size > 0; size--)
		ncm_buffer_add(out, &alphabet[next_random(state) % strlen(alphabet)], 1);
}

static char *random_uri(uint64_t *state)
{
	struct ncm_buffer out = {0};

	switch (next_random(state) % 5) {
	case 0:
		ncm_buffer_printf(&out, "hf:a%u/b%u/", (unsigned)next_random(state) % 2,
				  (unsigned)next_random(state) % 2);
		add_random(&out, state, "aA-*b c./:");
		break;
	case 1:
		ncm_buffer_puts(&out, "https://a0/b0/");
		add_random(&out, state, "aA-b%?&=./:");
		break;
	case 2:
		ncm_buffer_puts(&out, "http://a0/b0/");
		add_random(&out, state, "aAb/?-");
		break;
	case 3:
		ncm_buffer_printf(&out, "civitai:%u@%u?fileId=%u", 1 + (unsigned)next_random(state) % 3,
				  1 + (unsigned)next_random(state) % 50, 1 + (unsigned)next_random(state) % 50);
		break;
	default:
		ncm_buffer_puts(&out, next_random(state) % 2 ? "ollama:a0/b0/" : "ollama:");
		add_random(&out, state, "aAb");
		ncm_buffer_puts(&out, ":");
		add_random(&out, state, "aAb.-");
	}
	return ncm_buffer_take(&out);
}

static bool is_plain(const char *id)
{
	return id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@+=,-")] == '\0';
}

/* As many sources as their keys are, as many ids. */
static void sources_and_their_ids(void)
{
	enum { SOURCES = 10000 };
	struct ncm_text_map keys = {0}, ids = {0};
	char **texts = ncm_calloc(2 * SOURCES, sizeof *texts);
	uint64_t state = 20260131;
	size_t count = 0;

	while (keys.count < SOURCES) {
		NCM_AUTO_FREE char *uri = random_uri(&state);
		NCM_AUTO_FREE char *display = NULL;
		char *key = ncm_source_key(uri);

		if (!key || !ncm_text_map_add(&keys, key, strlen(key), 0)) {
			free(key);
			continue;
		}
		ncm_source_names(uri, &texts[count + 1], &display);
		texts[count] = key;
		if (!ncm_text_map_add(&ids, texts[count + 1], strlen(texts[count + 1]), 0))
			fprintf(stderr, "%s and another source are both %s\n", uri, texts[count + 1]);
		CHECK(strlen(texts[count + 1]) <= NCM_SOURCE_ID_LONGEST && is_plain(texts[count + 1]));
		CHECK(!strchr(uri, '?') || !strstr(texts[count + 1], "secret"));
		count += 2;
	}
	CHECK_U64(ids.count, SOURCES);
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
	ncm_text_map_free(&keys);
	ncm_text_map_free(&ids);
}

static void check_id(const char *uri, const char *begin, bool whole)
{
	NCM_AUTO_FREE char *id = NULL;
	NCM_AUTO_FREE char *display = NULL;

	ncm_source_names(uri, &id, &display);
	CHECK(strncmp(id, begin, strlen(begin)) == 0);
	CHECK_U64(strlen(id), strlen(begin) + (whole ? 0 : 9));
}

static void what_an_id_cannot_hold(void)
{
	NCM_AUTO_FREE char *plain = ncm_source_manifest_id("llama3.2-3b");
	NCM_AUTO_FREE char *colon = ncm_source_manifest_id("llama3.2:3b");
	NCM_AUTO_FREE char *dash = ncm_source_manifest_id("llama3.2/3b");

	check_id("https://e.org/a/f.gguf", "e.org/a/f.gguf", true);
	check_id("https://e.org/a/f.gguf?id=3", "e.org/a/f.gguf", false);
	check_id("https://e.org/a/f.gguf?key=secret", "e.org/a/f.gguf", true);
	check_id("http://e.org/a/f.gguf", "e.org/a/f.gguf", false);
	check_id("https://e.org/a%20b", "e.org/a-20b", false);
	check_id("hf:e.org/a/f.gguf", "e.org/a/f.gguf", false);
	check_id("hf:o/r/m:tag", "o/r/m:tag", false);
	check_id("ollama:civitai:7", "civitai:7", false);
	check_id("hf:gpt2", "gpt2", true);
	CHECK_STR(plain, "llama3.2-3b");
	CHECK(strncmp(colon, "llama3.2-3b-", 12) == 0 && strlen(colon) == 20 && strcmp(colon, dash) != 0);
}

int main(void)
{
	RUN(the_same_model);
	RUN(another_model);
	RUN(ids_that_differ_in_case_alone);
	RUN(whose_a_file_is);
	RUN(names_of_several_choose_none);
	RUN(keys_of_sources);
	RUN(sources_and_their_ids);
	RUN(what_an_id_cannot_hold);
	return 0;
}

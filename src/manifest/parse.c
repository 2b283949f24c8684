/* SPDX-License-Identifier: MIT */
/*
 * The format of manifests, by tables: what may stand there, and where it goes. manifests/schema/manifest.schema.json
 * says the same to editors; what no table can say is in rules.c.
 */
#include "manifest/load.h"

#include "base/json_table.h"
#include "base/mem.h"
#include "base/strings.h"
#include "source/source.h"

#include <ncmodel/limits.h>
#include <string.h>

static bool is_name(const char *text)
{
	const size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");

	return size > 0 && text[size + strspn(text + size, "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

static bool is_https(const char *text)
{
	return strncmp(text, "https://", 8) == 0 && text[8] != '\0' && !strchr(text, ' ');
}

static bool is_relative(const char *text)
{
	return *text != '\0' && *text != '/';
}

static bool take_sha256(struct ncm_json_reader *reader, const char *text, void *place)
{
	(void)reader;
	return strlen(text) == NCM_SHA256_HEX && ncm_sha256_parse(text, place) == 0;
}

static bool take_digest(struct ncm_json_reader *reader, const char *text, void *place)
{
	(void)reader;
	return strncmp(text, "sha256:", 7) == 0 && ncm_sha256_parse(text, place) == 0;
}

/* A text with something in it, of so many characters at most. */
#define SOME(characters)                                                                                               \
	{                                                                                                              \
		.kind = NCM_FORM_TEXT, .least = 1, .most = (characters)                                                \
	}
#define NAME(characters)                                                                                               \
	{                                                                                                              \
		.kind = NCM_FORM_TEXT, .most = (characters), .is = is_name,                                            \
		.expected = "lower-case letters, digits, '.', '_' and '-', a letter or digit first"                    \
	}

static const struct ncm_json_form any_text = {.kind = NCM_FORM_TEXT};
static const struct ncm_json_form prose = {.kind = NCM_FORM_TEXT, .most = 2000};
static const struct ncm_json_form some_2000 = SOME(2000), some_500 = SOME(500), some_200 = SOME(200),
				  some_100 = SOME(100), some_50 = SOME(50);
static const struct ncm_json_form name_96 = NAME(96), name_64 = NAME(64);
static const struct ncm_json_form page = {
    .kind = NCM_FORM_TEXT, .most = 2000, .is = is_https, .expected = "an https:// address without spaces"};
static const struct ncm_json_form flag = {.kind = NCM_FORM_BOOL};
static const struct ncm_json_form version = {.kind = NCM_FORM_U64, .least = 1, .most = 1};
static const struct ncm_json_form sha256 = {
    .kind = NCM_FORM_TEXT, .take = take_sha256, .expected = "64 lower-case hex digits"};
static const struct ncm_json_form digest = {
    .kind = NCM_FORM_TEXT, .take = take_digest, .expected = "\"sha256:\" and 64 lower-case hex digits"};

/* Sizes that every reader of JSON has room for. */
#define SIZE_MOST 9007199254740991
static const struct ncm_json_form size = {.kind = NCM_FORM_U64, .most = SIZE_MOST};
static const struct ncm_json_form expected_size = {.kind = NCM_FORM_U64, .least = 1, .most = SIZE_MOST};

static const struct ncm_json_form words = {.kind = NCM_FORM_LIST, .of = &some_200, .most = 64, .unique = true};
static const struct ncm_json_form ids = {.kind = NCM_FORM_LIST, .of = &name_96, .most = 64, .unique = true};
static const struct ncm_json_form notes = {.kind = NCM_FORM_LIST, .of = &some_2000, .most = 32};
static const struct ncm_json_form patterns = {
    .kind = NCM_FORM_LIST, .of = &some_500, .least = 1, .most = 256, .unique = true};

#define WORDS(name, ...)                                                                                               \
	static const char *const name##_words[] = {__VA_ARGS__, NULL};                                                 \
	static const struct ncm_json_form name = {.kind = NCM_FORM_TEXT, .words = name##_words}
WORDS(priority, "high", "medium", "low");
WORDS(kind, "llm", "vlm", "embedding", "stt", "tts", "checkpoint", "diffusion", "lora", "vae", "text-encoder",
      "motion-module", "custom-node", "source-archive", "training-base", "clip-vision", "textual-inversion",
      "hypernetwork", "aesthetic-gradient", "controlnet", "upscaler", "detection", "poses", "wildcards", "workflow",
      "config", "projector");
WORDS(format, "gguf", "safetensors", "ggml", "pickle", "diffusers", "ollama", "archive", "mixed");
WORDS(use_case, "CodeGeneration", "CodeAnalysis", "Reasoning", "QuestionAnswering", "Documentation", "Translation",
      "Summarization", "AgentTask", "FunctionCalling", "Vision", "General");
WORDS(privacy, "Public", "Internal", "Confidential", "Restricted");
WORDS(role, "weights", "mmproj", "config", "tokenizer", "license", "adapter", "vae", "text-encoder", "index", "code",
      "archive", "other");
WORDS(license_class, "free", "free-with-conditions", "non-commercial", "non-production", "gated", "unknown");
WORDS(confidence, "A", "B", "C", "D");
WORDS(layer_type, "model", "template", "license", "params", "config", "projector", "adapter", "system", "messages",
      "tensor", "json");
bool manifest_is_kind(const char *word)
{
	return ncm_is_among(word, kind_words);
}

bool manifest_is_format(const char *word)
{
	return ncm_is_among(word, format_words);
}

bool manifest_is_role(const char *word)
{
	return ncm_is_among(word, role_words);
}

bool manifest_is_layer_type(const char *word)
{
	return ncm_is_among(word, layer_type_words);
}

static const struct ncm_json_form use_cases = {.kind = NCM_FORM_LIST, .of = &use_case, .unique = true};

/* "hf:…", not "HF:…", and not "hf:" alone. */
static bool is_spelled(const char *uri)
{
	const char *colon = strchr(uri, ':');

	return colon && strcspn(uri, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") > (size_t)(colon - uri) && colon[1] != '\0' &&
	       colon[1] != ' ';
}

/* What is no source at all has words of its own; whether it is one in every letter, the rules ask. */
static void read_source(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	char *const *uri = place;
	struct ncm_error err = NCM_ERROR_INIT;

	(void)form;
	if (!ncm_json_read_as(reader, &some_2000, place))
		return;
	if (!ncm_source_scheme(*uri) && ncm_source_check(*uri, false, NULL, &err) < 0)
		ncm_json_tell(reader, "%s%s%s", err.message, err.hint ? ": " : "", err.hint ? err.hint : "");
	else if (!is_spelled(*uri))
		ncm_json_tell(reader,
			      "what stands before its first ':' must be in lower case, and something behind it");
	ncm_error_clear(&err);
}

static const struct ncm_json_form source = {.kind = NCM_FORM_TEXT, .read = read_source};
static const struct ncm_json_form sources = {
    .kind = NCM_FORM_LIST, .of = &source, .least = 1, .most = 16, .unique = true};

/* A named folder, or a sub-folder of one: "checkpoints/flux". */
static bool is_folder(const char *text)
{
	const size_t length = strcspn(text, "/");
	NCM_AUTO_FREE char *name = ncm_strndup(text, length);

	return length <= 64 && is_name(name) && !strstr(text + length, "//") && text[strlen(text) - 1] != '/';
}

static const struct ncm_json_form folder = {
    .kind = NCM_FORM_TEXT, .is = is_folder, .expected = "the name of a folder, or a sub-folder of one"};

#define TARGET(member) offsetof(struct ncm_target, member)
static const struct ncm_json_form target_name = {
    .kind = NCM_FORM_TEXT, .most = 1024, .is = is_relative, .expected = "a relative path"};
static const struct ncm_json_field target_keys[] = {
    {"store", &name_64, TARGET(store), true, 0},
    {"folder", &folder, TARGET(folder), false, 0},
    {"name", &target_name, TARGET(name), false, 0},
};
static const struct ncm_json_form target = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(target_keys)};
static const struct ncm_json_form targets = {
    .kind = NCM_FORM_LIST, .of = &target, .size = sizeof(struct ncm_target), .least = 1, .most = 8};

#define LAYER(member) offsetof(struct ncm_layer_pin, member)
static const struct ncm_json_field layer_keys[] = {
    {"digest", &digest, LAYER(digest), true, 0},
    {"size", &size, LAYER(size), true, 0},
    {"type", &layer_type, LAYER(type), true, 0},
};
static const struct ncm_json_form layer = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(layer_keys)};
static const struct ncm_json_form layers = {
    .kind = NCM_FORM_LIST, .of = &layer, .size = sizeof(struct ncm_layer_pin), .least = 1, .most = 256};

#define SPEC(member) offsetof(struct ncm_file_spec, member)
static const struct ncm_json_form strip = {.kind = NCM_FORM_UNSIGNED, .most = 8};
static const struct ncm_json_field extract_keys[] = {{"strip", &strip, SPEC(strip), false, 0}};
static const struct ncm_json_form extract = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(extract_keys)};

static const struct ncm_json_field file_keys[] = {
    {"from", &sources, SPEC(from), true, 0},
    {"to", &targets, NCM_ITEMS(struct ncm_file_spec, to, to_count), false, 0},
    {"size", &size, SPEC(size), false, SPEC(has_size)},
    {"expected_size", &expected_size, SPEC(expected_size), false, 0},
    {"expected_size_source", &some_500, SPEC(expected_size_source), false, 0},
    {"sha256", &sha256, SPEC(sha256), false, SPEC(has_sha256)},
    {"digest", &digest, SPEC(digest), false, SPEC(has_digest)},
    {"layers", &layers, NCM_ITEMS(struct ncm_file_spec, layers, layer_count), false, 0},
    {"include", &patterns, SPEC(include), false, 0},
    {"exclude", &patterns, SPEC(exclude), false, 0},
    {"role", &role, SPEC(role), false, 0},
    {"extract", &extract, 0, false, SPEC(extract)},
    {"allow_pickle", &flag, SPEC(allow_pickle), false, 0},
    {"insecure_http", &flag, SPEC(insecure_http), false, 0},
    {"confidence", &confidence, NCM_NOT_KEPT, false, 0},
};
static const struct ncm_json_form plain_file = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(file_keys)};

static void read_file(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_file_spec *spec = place;
	const struct ncm_habit *habit = NULL;

	(void)form;
	(void)ncm_json_read_as(reader, &plain_file, spec);
	if (!spec->role)
		spec->role = ncm_strdup("weights");
	/* Only what goes to a store as a whole goes without saying; of others, and of what is no source, the rules
	 * tell. */
	if (spec->to_count == 0 && spec->from.count > 0 && ncm_source_gives_blobs(spec->from.items[0]))
		habit = ncm_source_habit(spec->from.items[0]);
	if (habit)
		NCM_PUSH(spec->to, spec->to_count)->store = ncm_strdup(habit->store);
}

static const struct ncm_json_form file = {.kind = NCM_FORM_OBJECT, .read = read_file};
static const struct ncm_json_form files = {
    .kind = NCM_FORM_LIST, .of = &file, .size = sizeof(struct ncm_file_spec), .least = 1, .most = 1000};

#define VARIANT(member) offsetof(struct ncm_variant, member)
static const struct ncm_json_field variant_keys[] = {
    {"name", &name_64, VARIANT(name), true, 0},
    {"description", &prose, VARIANT(description), false, 0},
    {"quantization", &some_50, VARIANT(quantization), false, 0},
    {"format", &format, VARIANT(format), false, 0},
    {"files", &files, NCM_ITEMS(struct ncm_variant, files, file_count), true, 0},
};
static const struct ncm_json_form variant = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(variant_keys)};
static const struct ncm_json_form variants = {
    .kind = NCM_FORM_LIST, .of = &variant, .size = sizeof(struct ncm_variant), .most = 64};

static const struct ncm_json_form tokens = {.kind = NCM_FORM_U64, .least = 1, .most = 1000000000};
static const struct ncm_json_form dimensions = {.kind = NCM_FORM_U64, .least = 1, .most = 1000000};
static const struct ncm_json_form score = {.kind = NCM_FORM_NUMBER, .most = 1};
static const struct ncm_json_form star = {.kind = NCM_FORM_UNSIGNED, .most = NCM_STARS_MOST};
static const struct ncm_json_form milliseconds = {.kind = NCM_FORM_U64, .least = 1, .most = 1000000000};

#define MODEL(member) offsetof(struct ncm_model, member)
static const struct ncm_json_field star_keys[] = {
    {"code", &star, MODEL(stars[NCM_STAR_CODE]), false, MODEL(rated[NCM_STAR_CODE])},
    {"reasoning", &star, MODEL(stars[NCM_STAR_REASONING]), false, MODEL(rated[NCM_STAR_REASONING])},
    {"vision", &star, MODEL(stars[NCM_STAR_VISION]), false, MODEL(rated[NCM_STAR_VISION])},
    {"agents", &star, MODEL(stars[NCM_STAR_AGENTS]), false, MODEL(rated[NCM_STAR_AGENTS])},
    {"speed", &star, MODEL(stars[NCM_STAR_SPEED]), false, MODEL(rated[NCM_STAR_SPEED])},
};
static const struct ncm_json_form stars = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(star_keys)};
static const struct ncm_json_form gigabytes = {.kind = NCM_FORM_NUMBER, .above = true, .most = 10000};
static const struct ncm_json_field range_keys[] = {
    {"min", &gigabytes, MODEL(vram_min), true, 0},
    {"max", &gigabytes, MODEL(vram_max), false, 0},
};
static const struct ncm_json_form range = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(range_keys)};

/* {"min": 4, "max": 8}, or {"min": 10} alone: that or more. */
static void read_range(struct ncm_json_reader *reader, struct ncm_model *model)
{
	if (!ncm_json_read_as(reader, &range, model) || model->vram_max > 0)
		return;
	model->vram_at_least = true;
	model->vram_max = model->vram_min;
}

static void read_vram(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_model *model = place;
	const enum ncm_json_kind next = ncm_json_scan_next(reader->scan);

	(void)form;
	if (next == NCM_JSON_OBJECT)
		read_range(reader, model);
	else if (next != NCM_JSON_INTEGER) /* which any number is here */
		ncm_json_refuse(reader, "a number or an object");
	else if (ncm_json_read_as(reader, &gigabytes, &model->vram_min))
		model->vram_max = model->vram_min;
}

static const struct ncm_json_form vram = {.read = read_vram};
static const struct ncm_json_field model_keys[] = {
    {"id", &name_96, MODEL(id), true, 0},
    {"name", &some_200, MODEL(name), true, 0},
    {"aliases", &words, MODEL(aliases), false, 0},
    {"kind", &kind, MODEL(kind), true, 0},
    {"description", &prose, MODEL(description), false, 0},
    {"purpose", &some_200, MODEL(purpose), false, 0},
    {"architecture", &some_100, MODEL(architecture), false, 0},
    {"parameters", &some_50, MODEL(parameters), false, 0},
    {"quantization", &some_50, MODEL(quantization), false, 0},
    {"format", &format, MODEL(format), false, 0},
    {"context_length", &tokens, MODEL(context_length), false, 0},
    {"dimensions", &dimensions, MODEL(dimensions), false, 0},
    {"vram_gb", &vram, 0, false, 0},
    {"speed", &some_50, MODEL(speed), false, 0},
    {"accuracy", &some_50, MODEL(accuracy), false, 0},
    {"resolution", &some_50, MODEL(resolution), false, 0},
    {"duration", &some_50, MODEL(duration), false, 0},
    {"license", &some_200, MODEL(license), false, 0},
    {"license_class", &license_class, MODEL(license_class), false, 0},
    {"license_source", &some_500, MODEL(license_source), false, 0},
    {"license_url", &page, MODEL(license_url), false, 0},
    {"gated", &flag, MODEL(gated), false, 0},
    {"gate_url", &page, MODEL(gate_url), false, 0},
    {"use_cases", &use_cases, MODEL(use_cases), true, 0},
    {"tags", &words, MODEL(tags), false, 0},
    {"capabilities", &words, MODEL(capabilities), false, 0},
    {"performance_score", &score, MODEL(performance_score), false, 0},
    {"cost_score", &score, MODEL(cost_score), false, 0},
    {"performance_score_source", &some_200, MODEL(performance_score_source), false, 0},
    {"cost_score_source", &some_200, MODEL(cost_score_source), false, 0},
    {"privacy_tier", &privacy, MODEL(privacy_tier), false, 0},
    {"stars", &stars, 0, false, 0},
    {"latency_ms", &milliseconds, MODEL(latency_ms), false, 0},
    {"requires", &ids, MODEL(requires_ids), false, 0},
    {"notes", &notes, MODEL(notes), false, 0},
    {"files", &files, NCM_ITEMS(struct ncm_model, files, file_count), true, 0},
    {"variants", &variants, NCM_ITEMS(struct ncm_model, variants, variant_count), false, 0},
};
static const struct ncm_json_form plain_model = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(model_keys)};

static void read_model(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_model *model = place;

	(void)form;
	model->performance_score = model->cost_score = -1;
	(void)ncm_json_read_as(reader, &plain_model, model);
}

static const struct ncm_json_form model = {.kind = NCM_FORM_OBJECT, .read = read_model};
static const struct ncm_json_form models = {
    .kind = NCM_FORM_LIST, .of = &model, .size = sizeof(struct ncm_model), .least = 1, .most = 10000};

#define RULE(member) offsetof(struct ncm_rule, member)
static const struct ncm_json_form agents = {.kind = NCM_FORM_UNSIGNED, .least = 1, .most = 1000};
static const struct ncm_json_form rule_models = {
    .kind = NCM_FORM_LIST, .of = &name_96, .least = 1, .most = 64, .unique = true};
static const struct ncm_json_field agents_keys[] = {
    {"min", &agents, RULE(agents_min), true, 0},
    {"max", &agents, RULE(agents_max), true, 0},
};
static const struct ncm_json_field fallback_keys[] = {
    {"model", &some_100, RULE(fallback), true, 0},
    {"words", &some_2000, RULE(fallback_words), true, 0},
};
static const struct ncm_json_form fallback = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(fallback_keys)};
static const struct ncm_json_form agents_range = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(agents_keys)};
static const struct ncm_json_field rule_keys[] = {
    {"role", &some_100, RULE(role), false, 0},         {"task", &some_100, RULE(task), false, 0},
    {"pipeline", &some_100, RULE(pipeline), false, 0}, {"parallel_agents", &agents_range, 0, false, 0},
    {"models", &rule_models, RULE(models), false, 0},  {"cloud", &some_100, RULE(cloud), false, 0},
    {"saving", &some_200, RULE(saving), false, 0},     {"fallback", &fallback, 0, false, 0},
    {"words", &some_2000, RULE(words), true, 0},       {"document", &some_200, RULE(document), true, 0},
};
static const struct ncm_json_form plain_rule = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(rule_keys)};

static void read_rule(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	const struct ncm_rule *read = place;

	(void)form;
	if (!ncm_json_read_as(reader, &plain_rule, place))
		return;
	if (!!read->role + !!read->task + !!read->pipeline + (read->agents_min > 0) != 1)
		ncm_json_tell(reader, "must be of exactly one purpose: role, task, pipeline or parallel_agents");
	else if ((read->models.count > 0) == (read->cloud != NULL))
		ncm_json_tell(reader, "must name either models of the profile or a model of the cloud");
	else if (read->agents_min > read->agents_max)
		ncm_json_tell(reader, "its parallel_agents has a min above its max");
}

static const struct ncm_json_form rule = {.kind = NCM_FORM_OBJECT, .read = read_rule};
static const struct ncm_json_form rules = {
    .kind = NCM_FORM_LIST, .of = &rule, .size = sizeof(struct ncm_rule), .most = 1000};
#define RESIDENCE(member) offsetof(struct ncm_residence, member)
static const struct ncm_json_form idle = {.kind = NCM_FORM_U64, .least = 1, .most = 31536000};
static const struct ncm_json_field runtime_keys[] = {
    {"preload", &ids, RESIDENCE(preload), false, 0},
    {"idle_unload_seconds", &idle, RESIDENCE(idle_seconds), false, 0},
};
static const struct ncm_json_form runtime = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(runtime_keys)};

#define TOP(member) offsetof(struct manifest_words, member)
static const struct ncm_json_form phase = {.kind = NCM_FORM_UNSIGNED, .least = 1, .most = 3};
static const struct ncm_json_field manifest_keys[] = {
    {"$schema", &any_text, NCM_NOT_KEPT, false, 0},
    {"schema_version", &version, NCM_NOT_KEPT, true, 0},
    {"profile", &name_64, TOP(profile), true, 0},
    {"phase", &phase, TOP(phase), true, 0},
    {"priority", &priority, TOP(priority), true, 0},
    {"title", &some_200, NCM_NOT_KEPT, false, 0},
    {"description", &prose, NCM_NOT_KEPT, false, 0},
    {"runtime", &runtime, TOP(residence), false, TOP(has_residence)},
    {"models", &models, NCM_ITEMS(struct manifest_words, models, count), true, 0},
    {"rules", &rules, NCM_ITEMS(struct manifest_words, rules, rule_count), false, 0},
};
static const struct ncm_json_form manifest = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(manifest_keys)};

const char *manifest_priority(unsigned number)
{
	return number >= 1 && number < sizeof priority_words / sizeof *priority_words ? priority_words[number - 1]
										      : NULL;
}

const char *manifest_known_priority(const char *text)
{
	for (const char *const *word = priority_words; text && *word; word++) {
		if (strcmp(text, *word) == 0)
			return *word;
	}
	return NULL;
}

bool manifest_read(const char *text, size_t text_size, struct manifest_words *into, ncm_json_fault fault, void *context)
{
	const bool sound = ncm_json_read_text(text, text_size, &manifest, into, NULL, fault, context);

	for (size_t i = 0; i < into->count; i++) {
		into->models[i].profile = ncm_strdup_null(into->profile);
		into->models[i].phase = into->phase;
		into->models[i].priority = manifest_known_priority(into->priority);
	}
	for (size_t i = 0; i < into->rule_count; i++)
		into->rules[i].profile = ncm_strdup_null(into->profile);
	return sound;
}

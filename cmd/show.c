/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "model_json.h"
#include "show_choice.h"
#include "ui/clock.h"
#include "ui/facts.h"
#include "ui/style.h"
#include "ui/text.h"

#include <ncmodel/link.h>
#include <ncmodel/text.h>

#include <stdio.h>
#include <string.h>

static void list_fact(const char *label, const struct ncm_strings *words)
{
	fact(label, words_join(words, ", "));
}

static void size_fact(const char *label, uint64_t size)
{
	char text[32];

	fact(label,
	     size ? text_format("%s (%llu bytes)", ncm_format_size(size, text, sizeof text), (unsigned long long)size)
		  : text_copy(""));
}

static void title(const char *name)
{
	AUTO_FREE char *safe = text_safe(name);

	printf("%s%s%s\n", style_begin(stdout, STYLE_BOLD), safe, style_end(stdout, STYLE_BOLD));
}

/* The caller frees it. */
static char *source_text(const char *source)
{
	bool is_signed = false;
	AUTO_FREE char *told = ncm_source_told(source, &is_signed);
	AUTO_FREE char *safe = text_safe_long(told, LONGEST_VALUE);

	return text_format("%s%s", safe, is_signed ? " (signed: a new address is needed to have it again)" : "");
}

/* "sha256:…": an older script's entry has none. */
static void print_digest(const struct ncm_sha256 *digest)
{
	char hex[NCM_SHA256_HEX + 1];

	if (ncm_sha256_is_zero(digest))
		puts("  digest not recorded");
	else
		printf("  sha256:%s\n", ncm_sha256_hex(digest, hex));
}

/* Where the file came from, as far as that was written down. */
static void print_origin(const struct ncm_reg_file *file)
{
	const char *origin = ncm_origin_name(file->origin);
	AUTO_FREE char *source = source_text(file->source);
	AUTO_FREE char *revision = text_safe(file->revision);
	AUTO_FREE char *target = text_safe_long(file->target, LONGEST_VALUE);

	if (file->target)
		printf("  %-*sa link to %s\n", LABEL_WIDTH, "", target);
	if (!origin && !file->source)
		return;
	if (file->role && strcmp(file->role, "sidecar") == 0 && !file->source) {
		printf("  %-*swritten by ncmodel for the application that reads it\n", LABEL_WIDTH, "");
		return;
	}
	printf("  %-*s%s", LABEL_WIDTH, "", origin ? origin : "came");
	if (file->source)
		printf("%s %s", file->origin == NCM_ORIGIN_ADOPTED ? ", can be fetched from" : " from", source);
	else
		printf(", no source is known to have it");
	if (file->revision && !(file->source && strstr(file->source, file->revision)))
		printf(" at %s", revision);
	putchar('\n');
}

static void print_registered_files(const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *file = &model->files[i];
		AUTO_FREE char *path = text_safe_long(file->abs, LONGEST_VALUE);
		AUTO_FREE char *role = text_safe(file->role);
		char size[32];

		printf("  %-*s%s\n", LABEL_WIDTH, i == 0 ? "files" : "", path);
		printf("  %-*s%s  %s", LABEL_WIDTH, "", role, ncm_format_size(file->size, size, sizeof size));
		print_digest(&file->sha256);
		print_origin(file);
	}
}

/* What its page told, or a file that lay beside it. */
static void print_card(const struct ncm_card *card)
{
	list_fact("trigger words", &card->trigger_words);
	foreign_fact("base model", card->base_model);
	foreign_fact("called there", card->model_name);
	foreign_fact("version", card->version_name);
	if (card->preferred_weight > 0)
		fact("best weight", text_format("%g", card->preferred_weight));
	foreign_fact("page", card->page);
	foreign_fact("preview", card->preview);
}

static void print_registered(const struct ncm_reg_model *model)
{
	AUTO_FREE char *verified = clock_local(model->verified_at ? model->verified_at : "");
	AUTO_FREE char *verdict = text_safe(model->verify_result);
	struct ncm_strings stores = {0};

	foreign_fact("installed", model->installed_at);
	fact("verified",
	     *verified ? text_format("%s %s", verified, verdict) : text_copy("not yet since it was pulled"));
	fact("came from", source_text(model->source));
	foreign_fact("revision", model->revision);
	foreign_fact("variant taken", model->variant);
	foreign_fact("trust", model->trust);
	print_card(&model->card);
	list_fact("profiles", &model->profiles);
	registered_stores(model, &stores);
	list_fact("store", &stores);
	ncm_strings_free(&stores);
	size_fact("size on disk", ncm_link_disk_size(model));
	print_registered_files(model);
}

/* Whose it is, where the document does not give it. The caller frees it. */
static char *score_text(double score, const char *source)
{
	AUTO_FREE char *safe = text_safe(source);

	if (score < 0)
		return text_copy("-");
	return text_format("%.2f%s%s%s", score, source ? " (by " : "", safe, source ? ")" : "");
}

static void print_registered_scores(const struct ncm_reg_model *model)
{
	AUTO_FREE char *performance = score_text(model->performance_score, model->performance_score_source);
	AUTO_FREE char *cost = score_text(model->cost_score, model->cost_score_source);

	fact("scores", text_format("performance %s, cost %s", performance, cost));
}

/* What only the registry knows when no manifest offers the model. */
static void print_registered_facts(const struct ncm_reg_model *model)
{
	foreign_fact("kind", model->kind);
	number_fact("phase", model->phase);
	foreign_fact("priority", model->priority);
	foreign_fact("architecture", model->architecture);
	foreign_fact("parameters", model->parameters);
	foreign_fact("quantization", model->quantization);
	foreign_fact("format", model->format);
	number_fact("context", model->context_length);
	number_fact("dimensions", model->dimensions);
	fact("vram", text_vram(0, model->vram_gb, model->vram_at_least));
	foreign_fact("licence", model->license);
	foreign_fact("licence class", model->license_class);
	list_fact("use cases", &model->use_cases);
	list_fact("tags", &model->tags);
	list_fact("capabilities", &model->capabilities);
	print_registered_scores(model);
	foreign_fact("privacy", model->privacy_tier);
}

static void print_spec(const char *label, const struct ncm_file_spec *spec)
{
	char hex[NCM_SHA256_HEX + 1];

	for (size_t i = 0; i < spec->from.count; i++)
		foreign_fact(i == 0 ? label : "  or", spec->from.items[i]);
	for (size_t i = 0; i < spec->to_count; i++) {
		const struct ncm_target *to = &spec->to[i];
		AUTO_FREE char *place =
		    text_format("%s%s%s%s%s", to->store, to->folder ? "/" : "", to->folder ? to->folder : "",
				to->name ? ": " : "", to->name ? to->name : "");

		foreign_fact("  to", place);
	}
	if (spec->has_size)
		size_fact("  size", spec->size);
	if (spec->expected_size > 0) {
		char size[32];
		AUTO_FREE char *expected = text_format(
		    "~%s, by %s", ncm_format_size(spec->expected_size, size, sizeof size), spec->expected_size_source);

		foreign_fact("  expected size", expected);
	}
	if (spec->has_sha256)
		fact("  sha256", text_copy(ncm_sha256_hex(&spec->sha256, hex)));
	if (spec->has_digest)
		fact("  manifest", text_format("sha256:%s", ncm_sha256_hex(&spec->digest, hex)));
}

static void print_variants(const struct ncm_model *model)
{
	for (size_t i = 0; i < model->variant_count; i++) {
		const struct ncm_variant *variant = &model->variants[i];
		AUTO_FREE char *text =
		    text_format("%s%s%s%s%s", variant->name, variant->quantization ? ", " : "",
				variant->quantization ? variant->quantization : "", variant->description ? ": " : "",
				variant->description ? variant->description : "");

		foreign_fact("variant", text);
		for (size_t k = 0; k < variant->file_count; k++)
			print_spec("  from", &variant->files[k]);
	}
}

static void print_scores(const struct ncm_model *model)
{
	if (model->performance_score >= 0)
		fact("performance", score_text(model->performance_score, model->performance_score_source));
	if (model->cost_score >= 0)
		fact("cost", score_text(model->cost_score, model->cost_score_source));
	foreign_fact("privacy", model->privacy_tier);
}

static void print_offered(const struct ncm_model *model)
{
	foreign_fact("description", model->description);
	foreign_fact("purpose", model->purpose);
	list_fact("also called", &model->aliases);
	if (model->file_count != 1 || model->files[0].to_count != 1 || !model->files[0].to[0].by_kind)
		foreign_fact("kind", model->kind);
	foreign_fact("profile", model->profile);
	number_fact("phase", model->phase);
	foreign_fact("priority", model->priority);
	foreign_fact("architecture", model->architecture);
	foreign_fact("parameters", model->parameters);
	foreign_fact("quantization", model->quantization);
	foreign_fact("format", model->format);
	number_fact("context", model->context_length);
	number_fact("dimensions", model->dimensions);
	fact("vram", text_vram(model->vram_min, model->vram_max, model->vram_at_least));
	foreign_fact("speed", model->speed);
	foreign_fact("accuracy", model->accuracy);
	foreign_fact("resolution", model->resolution);
	foreign_fact("duration", model->duration);
	foreign_fact("licence", model->license);
	foreign_fact("licence class", ncm_model_license_class(model));
	foreign_fact("  by", model->license_source);
	foreign_fact("licence text", model->license_url);
	if (model->gated)
		foreign_fact("gated", model->gate_url ? model->gate_url : "yes: its licence must be accepted first");
	list_fact("use cases", &model->use_cases);
	list_fact("tags", &model->tags);
	list_fact("capabilities", &model->capabilities);
	print_scores(model);
	list_fact("requires", &model->requires_ids);
	for (size_t i = 0; i < model->file_count; i++)
		print_spec("from", &model->files[i]);
	print_variants(model);
	for (size_t i = 0; i < model->notes.count; i++)
		foreign_fact("note", model->notes.items[i]);
}

static void print_model(const char *id, const char *name, const struct ncm_model *offered,
			const struct ncm_reg_model *registered)
{
	title(name ? name : id);
	foreign_fact("id", id);
	if (registered)
		print_registered(registered);
	else
		fact("installed", text_copy("no"));
	if (offered)
		print_offered(offered);
	else
		print_registered_facts(registered);
}

static void add_shown(const struct session *session, const struct shown *shown, json_t *models)
{
	const struct ncm_model *offered = shown->offered;
	const struct ncm_reg_model *registered = shown->registered;
	json_t *object = json_object();

	json_put(object, "registered", registered ? registered_json(registered) : json_null());
	json_put(object, "manifest", offered ? model_json(offered, registered != NULL) : json_null());
	json_push(models, object);
	if (!session->report.json)
		print_model(offered ? offered->id : registered->id, offered ? offered->name : registered->display_name,
			    offered, registered);
}

/* A bad manifest does not keep anyone from looking at what is installed. */
static int load_catalog(struct session *session, const struct ncm_registry *registry, struct ncm_error *err)
{
	const struct ncm_strings *names = &session->settings.operands;

	if (session_catalog(session, err) == 0)
		return 0;
	for (size_t i = 0; i < names->count; i++) {
		if (!ncm_registry_find(registry, names->items[i]))
			return -1;
	}
	report_warning(&session->report, "the manifests cannot be read; `ncmodel list --available` says why");
	ncm_error_clear(err);
	return 0;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_registry *registry = NULL;
	struct shown_list list = {0};
	json_t *models = json_array();
	int exit_code;

	session->report.data = json_object();
	json_put(session->report.data, "models", models);
	if (!session->settings.all && session->settings.profiles.count == 0 && !session_selects(session)) {
		ncm_error_set(&err, NCM_E_USAGE, "show: which model?");
		ncm_error_hint(&err,
			       "`ncmodel list` names what is installed, `ncmodel list --available` what there is");
		return session_fail(session, &err);
	}
	if (session_selector(session, &err) < 0 || session_config(session, &err) < 0 ||
	    !(registry = ncm_registry_load(session->config, &err)) || load_catalog(session, registry, &err) < 0) {
		ncm_registry_free(registry);
		return session_fail(session, &err);
	}
	exit_code = show_choose(session, registry, &list);
	for (size_t i = 0; i < list.count; i++)
		add_shown(session, &list.items[i], models);
	free(list.items);
	ncm_registry_free(registry);
	return exit_code;
}

static const char *const examples[] = {
    "ncmodel show deepseek-coder-v2",
    "paths, digests, licence, sources, variants and scores of one model",
    "ncmodel show --usecase Vision",
    "of every model for one use case",
    NULL,
};

const struct command command_show = {
    .name = "show",
    .summary = "Tell everything that is known of a model",
    .arguments = "[MODEL...]",
    .operands = OPERANDS_MODELS,
    .groups = {&options_selection},
    .description = "Shows what models.json records of a model and what the manifests say of it: files with their paths "
		   "and digests, licence, sources, variants, scores and notes. The selectors choose among both; "
		   "something has to be chosen, if only by --all.",
    .examples = examples,
    .run = run,
};

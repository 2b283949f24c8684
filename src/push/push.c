/* SPDX-License-Identifier: MIT */
#include "push/work.h"

#include "base/mem.h"
#include "base/turns.h"
#include "digest/hash.h"
#include "os/os.h"
#include "source/oci.h"

const char *ncm_push_state_name(enum ncm_push_state state)
{
	static const char *const names[] = {"to-send", "there", "mounted", "sent"};

	return names[state];
}

static int wrong(const char *reference, const char *why, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "%.*s: %s", ncm_source_shown(reference), reference, why);
	return ncm_error_hint(err, "where to push to is written oci:REGISTRY/REPOSITORY[:TAG]");
}

static int read_reference(struct push *push, struct ncm_error *err)
{
	const char *reference = push->options->reference;
	struct oci_spelling spelling = {0};

	if (!oci_claims(reference))
		return wrong(reference, "it is no place in a registry of containers", err);
	if (oci_spelling_parse(reference, &spelling, err) < 0)
		return -1;
	push->report->reference = oci_spelling_text(&spelling, NULL);
	push->name = spelling.oci;
	spelling.oci = (struct oci_name){0};
	if (spelling.path || spelling.include.count > 0 || spelling.exclude.count > 0) {
		oci_spelling_clear(&spelling);
		return wrong(reference, "a file is chosen there, and a model is pushed whole", err);
	}
	oci_spelling_clear(&spelling);
	if (push->name.has_digest)
		return wrong(reference, "a digest says what is there, and cannot be chosen", err);
	return 0;
}

static int start(struct push *push, struct ncm_error *err)
{
	NCM_AUTO_FREE char *base = NULL;

	if (read_reference(push, err) < 0)
		return -1;
	push->http = ncm_http_new(push->config, push->sink);
	push->sources = ncm_sources_new(push->config, push->http, push->sink);
	push->sources->registries.pushes = !push->options->dry_run;
	base = oci_base(push->config, &push->name, false);
	push->origin = ncm_url_origin(base);
	push->repository = ncm_asprintf("%s/v2/%s", base, push->name.repository);
	push->what = oci_name_spell(&push->name, NULL);
	push->credential = oci_credential(&push->sources->registries, base, push->name.repository, NULL);
	return push->credential ? 0 : wrong(push->options->reference, "its registry has no address", err);
}

/* What is in memory: configuration and lock. */
int push_text(const struct push *push, const char *text, size_t size, struct ncm_error *err)
{
	struct push_body body = {.what = push->what, .fd = -1, .data = text, .size = size};
	enum ncm_push_state state;
	int failed;

	ncm_sha256_of(text, size, &body.sha256);
	failed = push_blob(push, &body, NULL, NULL, &state, err);
	push_body_close(&body);
	return failed;
}

/* All that the tag names is there: the registry would not have taken it else. */
static void note_unchanged(struct push *push)
{
	for (size_t i = 0; i < push->report->count; i++)
		push->report->files[i].state = NCM_PUSH_THERE;
}

/* The tag is looked at again before it is moved: much time may have passed. */
static int carry_out(struct push *push, struct ncm_error *err)
{
	if (push_check_tag(push, err) < 0)
		return -1;
	if (push->report->unchanged) {
		note_unchanged(push);
		return push->options->dry_run ? 0 : push_checkpoints(push, err);
	}
	if (!push->options->dry_run)
		push_open_kept(push);
	if (push_files(push, err) < 0)
		return -1;
	if (push->options->dry_run)
		return 0;
	if ((push->pins && push_text(push, push->pins, push->pins_size, err) < 0) ||
	    push_text(push, push->settings, push->settings_size, err) < 0 || push_check_tag(push, err) < 0)
		return -1;
	if (!push->report->unchanged && push_put_manifest(push, err) < 0)
		return -1;
	return push_checkpoints(push, err);
}

static void clear(struct push *push)
{
	ncm_sources_free(push->sources);
	ncm_http_free(push->http);
	ncm_registry_free(push->registry);
	ncm_layout_free(push->layout);
	for (size_t i = 0; push->sent && i < push->report->count; i++)
		ncm_checkpoints_clear(&push->sent[i]);
	free(push->sent);
	free(push->models);
	ncm_text_map_free(&push->names);
	oci_name_clear(&push->name);
	free(push->origin);
	free(push->repository);
	free(push->what);
	if (push->kept >= 0)
		os_close(push->kept);
	free(push->pins);
	free(push->settings);
	free(push->manifest);
}

struct ncm_push_report *ncm_push(const struct ncm_config *config, const struct ncm_push_options *options,
				 const struct ncm_sink *sink, struct ncm_error *err)
{
	struct ncm_push_report *report = ncm_calloc(1, sizeof *report);
	struct ncm_turns turns = {PTHREAD_MUTEX_INITIALIZER, sink};
	const struct ncm_sink in_turn = ncm_sink_in_turn(&turns);
	struct push push = {.config = config, .options = options, .sink = &in_turn, .report = report, .kept = -1};
	int failed = start(&push, err) < 0 || push_choose(&push, err) < 0 || push_choose_pins(&push, err) < 0 ? -1 : 0;

	if (!failed) {
		push_write(&push);
		failed = push_check_size(&push, err);
	}
	if (!failed && options->tar) {
		failed = push_hash_tars(&push, err);
		push_write(&push);
	}
	if (!failed)
		failed = carry_out(&push, err);
	clear(&push);
	if (!failed)
		return report;
	ncm_push_free(report);
	return NULL;
}

void ncm_push_free(struct ncm_push_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->count; i++) {
		free(report->files[i].path);
		free(report->files[i].abs);
		free(report->files[i].model);
		free(report->files[i].store);
		free(report->files[i].from);
	}
	free(report->files);
	free(report->reference);
	free(report->replaced_what);
	free(report);
}

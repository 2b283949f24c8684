/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/push.h>
#include <ncmodel/text.h>

static struct {
	struct option_number piece;
	bool tar;
} given;

static json_t *state_json(const void *row)
{
	return json_string(ncm_push_state_name(((const struct ncm_push_file *)row)->state));
}

static void add_state(struct table *table, const void *row)
{
	static const char *const words[] = {[NCM_PUSH_TO_SEND] = "to send",
					    [NCM_PUSH_THERE] = "there",
					    [NCM_PUSH_MOUNTED] = "mounted",
					    [NCM_PUSH_SENT] = "sent"};

	table_cell(table, text_copy(words[((const struct ncm_push_file *)row)->state]));
}

#define OF(field) .offset = offsetof(struct ncm_push_file, field)
static const struct field file_fields[] = {
    {"path", FIELD_TEXT, OF(path), "FILE", COLUMN_WHOLE},
    {"model", FIELD_TEXT, OF(model), "MODEL"},
    {"size", FIELD_BYTES, OF(size), "SIZE", COLUMN_RIGHT},
    {"state", FIELD_MADE, .title = "STATE", .value = state_json, .cell = add_state},
    {"sha256", FIELD_DIGEST, OF(sha256)},
    {"file", FIELD_TEXT, OF(abs)},
    {"mount_from", FIELD_TEXT, OF(from)},
    {"layer", FIELD_DIGEST, OF(layer)},
    {.key = NULL},
};
#undef OF
#define OF(field) .offset = offsetof(struct ncm_push_report, field)
static const struct field report_fields[] = {
    {"reference", FIELD_TEXT, OF(reference)},
    {"digest", FIELD_DIGEST, OF(digest)},
    {"unchanged", FIELD_FLAG, OF(unchanged)},
    {"replaces", FIELD_FLAG, OF(replaces)},
    {"replaced", FIELD_DIGEST, OF(replaced)},
    {"replaced_what", FIELD_TEXT, OF(replaced_what)},
    {"pins", FIELD_COUNT, OF(pins)},
    {"checkpoints", FIELD_COUNT, OF(checkpoints)},
    {"size", FIELD_BYTES, OF(size)},
    {"sent", FIELD_BYTES, OF(sent)},
    {.key = NULL},
};

static json_t *report_json(const struct session *session, const struct ncm_push_report *report)
{
	json_t *object = fields_object(report_fields, report);

	json_put(object, "dry_run", json_boolean(session->settings.dry_run));
	json_put(object, "files", fields_array(file_fields, report->files, report->count, sizeof *report->files));
	return object;
}

static void print_tag(const struct session *session, const struct ncm_push_report *report)
{
	AUTO_FREE char *what = text_safe(report->replaced_what);
	char hex[NCM_SHA256_HEX + 1];

	if (!report->replaces)
		return;
	printf("The tag %s something else: %s (sha256:%s).\n", session->settings.dry_run ? "names" : "named", what,
	       ncm_sha256_hex(&report->replaced, hex));
	if (session->settings.dry_run)
		puts("It is moved with --force alone.");
}

/* What a manifest or a pull can name for ever. */
static void print_pinned(const struct ncm_push_report *report)
{
	AUTO_FREE char *reference = text_safe(report->reference);
	char hex[NCM_SHA256_HEX + 1];

	printf("%s@sha256:%s\n", reference, ncm_sha256_hex(&report->digest, hex));
}

static void print_end(const struct session *session, const struct ncm_push_report *report)
{
	const char *files = text_plural(report->count, "file", "files");
	AUTO_FREE char *reference = text_safe(report->reference);
	char size[32], sent[32];

	ncm_format_size(report->size, size, sizeof size);
	ncm_format_size(report->sent, sent, sizeof sent);
	if (report->unchanged)
		printf("%s is this already: %zu %s, %s.\n", reference, report->count, files, size);
	else if (session->settings.dry_run)
		printf("%zu %s, %s, of which %s would be sent to %s.\n", report->count, files, size, sent, reference);
	else
		printf("Pushed %zu %s, %s, of which %s were sent.\n", report->count, files, size, sent);
	if (!session->settings.dry_run)
		print_pinned(report);
}

static int tell(struct session *session, const struct ncm_push_report *report)
{
	session->report.data = report_json(session, report);
	if (session->report.json)
		return 0;
	if (session->settings.quiet) {
		print_pinned(report);
		return 0;
	}
	fields_print(file_fields, report->files, report->count, sizeof *report->files);
	print_tag(session, report);
	print_end(session, report);
	return 0;
}

static int no_place(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_USAGE, "push: where to?");
	ncm_error_hint(&err, "the first operand is oci:REGISTRY/REPOSITORY[:TAG], then come models");
	return session_fail(session, &err);
}

static int run(struct session *session)
{
	const struct ncm_strings *operands = &session->settings.operands;
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_push_options options = {
	    .selector = &session->settings.selector,
	    .all = session->settings.all,
	    .force = session->settings.provision.force,
	    .dry_run = session->settings.dry_run,
	    .tar = given.tar,
	    .piece = given.piece.value,
	};
	struct ncm_push_report *report;
	int exit_code;

	if (operands->count == 0)
		return no_place(session);
	options.reference = operands->items[0];
	if (session_selector_from(session, 1, &err) < 0 || session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_progress(session);
	report = ncm_push(session->config, &options, &session->sink, &err);
	session_quieten(session);
	if (!report)
		return session_fail(session, &err);
	exit_code = tell(session, report);
	ncm_push_free(report);
	return exit_code;
}

static const struct option own[] = {
    {'n', "dry-run", OPTION_FLAG, offsetof(struct settings, dry_run),
     .help = "ask the registry what it has, say what would be sent, and send nothing"},
    {0, "force", OPTION_FLAG, offsetof(struct settings, provision.force),
     .help = "move a tag that names something else"},
    {0, "tar", OPTION_FLAG, .value = &given.tar,
     .help = "each layer is a tar of one file, for runtimes that only unpack; each file is read twice"},
    {0, "piece", OPTION_SIZE, .value = &given.piece, .argument = "SIZE",
     .help = "send at most this much in one request, such as 50MiB; 100 MiB, or all at once where a registry is "
	     "known to take no pieces"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel push oci:registry.lan:5000/models/llama:8b llama3.1-8b",
    "one model, each file of it a layer as it is",
    "ncmodel push oci:ghcr.io/acme/models:phase-1 --phase 1",
    "all that is installed of phase 1, each model in a folder of its own",
    "ncmodel push -n oci:registry.lan:5000/models/llama:8b llama3.1-8b",
    "what of it the registry has not got yet",
    "ncmodel pull oci:registry.lan:5000/models/llama:8b --to llama-cpp",
    "on another machine: the same bytes, into any store",
    NULL,
};

const struct command command_push = {
    .name = "push",
    .summary = "Push installed models into a registry of containers",
    .arguments = "oci:REGISTRY/REPOSITORY[:TAG] [MODEL...]",
    .operands = OPERANDS_INSTALLED,
    .stops_in_order = true,
    .groups = {&own_group, &options_selection},
    .description =
	"Sends registered models from their stores, with no second copy: each file is a layer as it is, so that its "
	"digest there is its SHA-256 here, and the manifest is ModelPack's (CNCF model-spec), which `pull oci:…`, "
	"modctl "
	"and oras read. Of Ollama's models the weights, projectors, licences and texts are pushed under names that say "
	"what they are. Several models have a folder each. What "
	"the lock pins of their sources goes along as a layer ncmodel.lock, which a pull does not place; SHA-256 "
	"checkpoints of large files, as far as they are known here, are an artifact that refers to the manifest.\n\n"
	"What the repository has is not sent, and what came from another repository of the same registry is mounted. "
	"A file is hashed while it is read: what is not what models.json says is refused with 4, and its last byte is "
	"never sent. A lost connection, and the run after one that was killed, go on where the registry says it "
	"stands. The manifest comes last, so that the "
	"tag never names what is not whole.\n\n"
	"A tag that names something else is left alone (11) unless --force is given, and what it named is told. The "
	"same models make the same manifest: pushed again, nothing is sent. -q prints its reference with the digest "
	"alone. Sign in with `docker login` or `podman "
	"login`; plain http is spoken with this machine and with --insecure-registry.",
    .examples = examples,
    .run = run,
};

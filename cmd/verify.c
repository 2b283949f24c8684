/* SPDX-License-Identifier: MIT */
#include "verify.h"
#include "command.h"

#include "ui/table.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <ctype.h>
#include <string.h>

enum {
	LONGEST_DETAIL = 1024,
};

/* The graver of two verdicts; OK is the least. */
struct verify_given verify_given;

static enum ncm_verdict worse(enum ncm_verdict a, enum ncm_verdict b)
{
	static const unsigned gravity[] = {
	    [NCM_VERDICT_OK] = 0,   [NCM_VERDICT_CHANGED] = 1, [NCM_VERDICT_UNREADABLE] = 2,
	    [NCM_VERDICT_SIZE] = 3, [NCM_VERDICT_DAMAGED] = 4, [NCM_VERDICT_MISSING] = 5,
	};

	return gravity[a] >= gravity[b] ? a : b;
}

/* "DAMAGED": the caller frees it. */
static char *verdict_text(enum ncm_verdict verdict)
{
	char *text = text_copy(ncm_verdict_name(verdict));

	for (char *at = text; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	return text;
}

static enum style verdict_style(enum ncm_verdict verdict)
{
	return verdict == NCM_VERDICT_OK ? STYLE_GOOD : verdict == NCM_VERDICT_CHANGED ? STYLE_WARN : STYLE_BAD;
}

static void add_file(struct table *table, const struct ncm_verify_file *file)
{
	AUTO_FREE char *verdict = verdict_text(file->verdict);
	AUTO_FREE char *path = text_safe_path(file->file->abs);
	AUTO_FREE char *detail = text_safe_long(file->detail, LONGEST_DETAIL);

	table_line(table, text_format("    %s  %s%s%s", verdict, path, *detail ? ": " : "", detail),
		   file->verdict == NCM_VERDICT_OK ? STYLE_DIM : STYLE_NONE);
}

/* The verdict on the model of the file at `first`, over all its files. */
static enum ncm_verdict add_model(const struct ncm_verify_report *report, size_t first, bool verbose,
				  struct table *table)
{
	const struct ncm_reg_model *model = report->files[first].model;
	enum ncm_verdict verdict = NCM_VERDICT_OK;
	char size[32];
	size_t files = 0;

	for (size_t i = first; i < report->count && report->files[i].model == model; i++) {
		verdict = worse(verdict, report->files[i].verdict);
		files++;
	}
	table_styled(table, verdict_text(verdict), verdict_style(verdict));
	table_foreign(table, model->id);
	table_cell(table, text_format("%zu %s", files, text_plural(files, "file", "files")));
	table_cell(table, text_copy(ncm_format_size(model->size, size, sizeof size)));
	for (size_t i = first; i < first + files; i++) {
		if (verbose || report->files[i].verdict != NCM_VERDICT_OK)
			add_file(table, &report->files[i]);
	}
	return verdict;
}

static bool is_first_of_model(const struct ncm_verify_report *report, size_t index)
{
	return index == 0 || report->files[index - 1].model != report->files[index].model;
}

static void print_extra(const struct ncm_verify_report *report)
{
	if (report->extra.count == 0)
		return;
	printf("%zu extra %s that no model names:\n", report->extra.count,
	       text_plural(report->extra.count, "file", "files"));
	for (size_t i = 0; i < report->extra.count; i++) {
		AUTO_FREE char *path = text_safe_path(report->extra.items[i]);

		printf("    %s\n", path);
	}
}

static void print_total(const struct ncm_verify_report *report, const struct ncm_strings *bad, bool repairing)
{
	char size[32], rate[32], time[32];

	if (bad->count > 0 && !repairing) {
		AUTO_FREE char *ids = words_join(bad, " ");

		printf("To repair: ncmodel verify --repair %s\n", ids);
	}
	printf("%zu of %zu %s ok", report->models_ok, report->models, text_plural(report->models, "model", "models"));
	if (report->quick) {
		printf(". Quick: size and mtime only, no content was read.\n");
		return;
	}
	printf(", %s hashed in %s", ncm_format_size(report->bytes, size, sizeof size),
	       ncm_format_duration(report->seconds, time, sizeof time));
	if (report->seconds > 0.01)
		printf(" (%s/s)",
		       ncm_format_size((uint64_t)((double)report->bytes / report->seconds), rate, sizeof rate));
	printf(".\n");
}

/* The table of the models and the extra files, on standard output. */
static void print_report(const struct session *session, const struct ncm_verify_report *report)
{
	struct table *table = table_new(0);
	struct ncm_strings bad = {0};

	table_column(table, "", 0);
	table_column(table, "", COLUMN_WHOLE);
	table_column(table, "", COLUMN_RIGHT);
	table_column(table, "", COLUMN_RIGHT);
	for (size_t i = 0; i < report->count; i++) {
		if (is_first_of_model(report, i) &&
		    add_model(report, i, session->settings.verbose > 0, table) != NCM_VERDICT_OK)
			words_add(&bad, report->files[i].model->id);
	}
	table_print(table, stdout);
	print_extra(report);
	print_total(report, &bad, verify_given.repair);
	table_free(table);
	ncm_strings_free(&bad);
}

static json_t *file_json(const struct ncm_verify_file *file)
{
	json_t *object = json_object();

	json_put_text(object, "model", file->model->id);
	json_put_text(object, "path", file->file->abs);
	json_put_text(object, "verdict", ncm_verdict_name(file->verdict));
	json_put_number(object, "size", file->file->size);
	json_put(object, "sha256", json_digest(&file->file->sha256));
	if (file->verdict == NCM_VERDICT_SIZE)
		json_put_number(object, "size_found", file->size_found);
	if (file->verdict == NCM_VERDICT_DAMAGED)
		json_put(object, "sha256_found", json_digest(&file->sha256_found));
	json_put_text(object, "detail", file->detail);
	if (file->verdict == NCM_VERDICT_DAMAGED)
		json_put(object, "damaged", verify_ranges_json(file->damaged, file->damaged_count));
	return object;
}

static json_t *report_json(const struct ncm_verify_report *report)
{
	json_t *object = json_object();
	json_t *files = json_array();

	for (size_t i = 0; i < report->count; i++)
		json_push(files, file_json(&report->files[i]));
	json_put_flag(object, "quick", report->quick);
	json_put_number(object, "model_count", report->models);
	json_put_number(object, "models_ok", report->models_ok);
	json_put_number(object, "bytes", report->bytes);
	json_put(object, "seconds", json_real(report->seconds));
	json_put(object, "files", files);
	json_put(object, "extra", json_words(&report->extra));
	return object;
}

static int check_options(const struct settings *settings, struct ncm_error *err)
{
	if (verify_given.repair && verify_given.quick) {
		ncm_error_set(err, NCM_E_USAGE, "--repair and --quick contradict each other");
		return ncm_error_hint(err, "only a full check tells what has to be repaired: leave out --quick");
	}
	if (settings->dry_run && !verify_given.repair) {
		ncm_error_set(err, NCM_E_USAGE, "--dry-run goes with --repair: a verify alone changes nothing");
		return ncm_error_hint(err, "leave it out, or add --repair");
	}
	return 0;
}

/* Only a full look tells that a repair worked, and it records that. */
static struct ncm_verify_report *look_again(struct session *session, const struct ncm_strings *ids,
					    struct ncm_error *err)
{
	const struct ncm_selector selector = {.names = *ids};
	struct ncm_verify_report *report;

	session_progress(session);
	report = ncm_verify(session->config, &selector, false, &session->sink, err);
	session_quieten(session);
	return report;
}

/* A repair does not need the manifests: without them models.json and the lock say where things came from. */
static int repair(struct session *session, const struct ncm_verify_report *report)
{
	struct ncm_error why = NCM_ERROR_INIT;

	if (session_catalog(session, &why) < 0) {
		AUTO_FREE char *first = text_safe_path(why.message);
		AUTO_FREE char *text = text_format("the manifests cannot be read, models.json must do: %s", first);

		report_warning(&session->report, text);
	}
	ncm_error_clear(&why);
	return verify_repair(session, report, session->catalog, false, look_again);
}

static int verify_registered(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_verify_report *report;
	bool mend;
	int exit_code = 0;

	if (session_config(session, &err) < 0 || session_selector(session, &err) < 0)
		return session_fail(session, &err);
	session_progress(session);
	report = ncm_verify(session->config, &session->settings.selector, verify_given.quick, &session->sink, &err);
	session_quieten(session);
	if (!report)
		return session_fail(session, &err);
	session->report.data = report_json(report);
	mend = verify_given.repair && report->models_ok < report->models;
	if (!mend)
		exit_code = verify_record_damage(session, report);
	if (report->registry->count == 0)
		report_note(&session->report,
			    "Nothing is installed yet. `ncmodel plan` shows what a pull would fetch.");
	else if (!session->report.json && !(session->settings.quiet && exit_code == 0))
		print_report(session, report);
	if (mend)
		exit_code = repair(session, report);
	ncm_verify_free(report);
	return exit_code;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	session->changes = verify_given.repair;
	if (check_options(&session->settings, &err) < 0)
		return session_fail(session, &err);
	return session->settings.selector.stores.count > 0 ? verify_stores(session) : verify_registered(session);
}

static const struct option own[] = {
    {0, "quick", OPTION_FLAG, .value = &verify_given.quick,
     .help = "compare size and mtime only, read no content; with --store: names, sizes and headers"},
    {0, "store", OPTION_WORDS, offsetof(struct settings, selector.stores), .argument = "STORE[,STORE]",
     .help = "check whatever lies in these stores, registered or not; a word behind it says where that store lies",
     .completes = COMPLETES_STORE},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const struct option repairing[] = {
    {0, "repair", OPTION_FLAG, .value = &verify_given.repair,
     .help = "fetch what is damaged or missing, and nothing else; the other options here go with it"},
    {'n', "dry-run", OPTION_FLAG, offsetof(struct settings, dry_run), .help = "say what would be fetched and stop"},
    {'y', "yes", OPTION_FLAG, offsetof(struct settings, yes), .help = "replace files without asking"},
    {0, "offline", OPTION_FLAG, offsetof(struct settings, provision.offline),
     .help = "no network at all: mend from other copies on this machine"},
    {0, "mirror", OPTION_LIST, offsetof(struct settings, bundles), .argument = "PLACE",
     .help = "with --repair: a folder, or its address, that has content by its digest; as for pull",
     .completes = COMPLETES_FOLDER},
    {0, "allow-http-token", OPTION_FLAG, offsetof(struct settings, allow_http_token),
     .help = "let a token go over plain http to another machine"},
    {0, "no-wait", OPTION_FLAG, offsetof(struct settings, provision.no_wait),
     .help = "fail instead of waiting for another ncmodel"},
    {'j', "jobs", OPTION_NUMBER, offsetof(struct settings, jobs), .argument = "N", .help = "files at once", .least = 1,
     .most = NCM_LIMIT_PARALLEL},
    {'x', "connections", OPTION_NUMBER, offsetof(struct settings, connections), .argument = "N",
     .help = "connections to one host at once, at most", .least = 1, .most = NCM_LIMIT_PARALLEL},
    {0, "limit-rate", OPTION_SIZE, offsetof(struct settings, limit_rate), .argument = "SIZE",
     .help = "at most this many bytes a second for the whole run: 20M"},
    {0, "reserve", OPTION_SIZE, offsetof(struct settings, reserve), .argument = "SIZE",
     .help = "disk space to leave free on each file system"},
    {0, "retries", OPTION_NUMBER, offsetof(struct settings, retries), .argument = "N",
     .help = "tries of one request that make no progress", .least = 1, .most = 100},
    {0, "timeout", OPTION_NUMBER, offsetof(struct settings, timeout), .argument = "SECONDS", .help = "time to connect",
     .least = 1, .most = 3600},
    {0, "speed-limit", OPTION_SIZE, offsetof(struct settings, speed_limit), .argument = "SIZE",
     .help = "a file that comes below so many bytes a second is asked for anew, then given up; 0: never"},
    {0, "speed-time", OPTION_NUMBER, offsetof(struct settings, speed_time), .argument = "SECONDS",
     .help = "how long it may be below the speed limit, or bring nothing", .least = 1, .most = 3600},
    {.name = NULL},
};
static const struct option_group repair_group = {"Repairing", repairing};

static const char *const examples[] = {
    "ncmodel verify",
    "every file of every model, full SHA-256, on all cores",
    "ncmodel verify --quick",
    "size and mtime only: seconds instead of minutes",
    "ncmodel verify --repair",
    "put right what is damaged or missing",
    "ncmodel verify --store ollama",
    "Ollama's own store, with no manifest and no models.json",
    "ncmodel verify --store a1111 ~/webui --repair",
    "a web UI elsewhere; what Civitai's sidecars tell the source of is fetched again",
    "ncmodel verify --store a1111 --repair my-lora",
    "replace a file that differs from its sidecar, after a question",
    NULL,
};

const struct command command_verify = {
    .name = "verify",
    .summary = "Check that what is registered, or lies in a store, is whole, byte for byte",
    .arguments = "[MODEL...] | --store STORE [PATH] [MODEL...]",
    .operands = OPERANDS_INSTALLED,
    .in_store = true,
    .stops_in_order = true,
    .groups = {&own_group, &repair_group, &options_selection_registered},
    .description =
	"Hashes every file that models.json names and compares it with what was recorded. A large "
	"file that was downloaded by ncmodel or verified before is hashed by all cores at once, and damage in "
	"it is named to 16 MiB. Files are listed when they are not ok, or with -v. Files in the models' "
	"folders that no model names are listed as extra. Ends with 4 on damage or when something is missing.\n\n"
	"With --repair the damaged 16 MiB parts are fetched again from where the model came from, proved, and "
	"written in their place; a file that is missing, has another size, or whose damage cannot be told apart "
	"is fetched as a whole. On a terminal it asks before it replaces a file whole (-y does not ask). Everything "
	"repaired is verified once more. Ends with 0 if all is right then.\n\n"
	"With --store it needs neither a manifest nor models.json, and looks at what other tools put there: an Ollama "
	"blob's name is its digest, and so is that of a blob in the cache of Hugging Face (store hf); beside the files "
	"of the web UIs lie .sha256, .civitai.info, .metadata.json and cache.json; GGUF and safetensors files have a "
	"header that can be held against their size. Damaged, truncated and missing files are told, and what is left "
	"over: blobs that nothing names, sidecars without a model, unfinished downloads. A model is unproved when "
	"nothing tells its digest. A file is ok if it is any of the files that its sidecar lists; one that is whole "
	"and "
	"none of them differs: it may be another version, or edited, and that is told and is no failure. Ends with 4 "
	"if "
	"anything is damaged, truncated, missing or unreadable, with 1 if a folder or a sidecar cannot be read; "
	"leftovers "
	"alone are no failure.\n\n"
	"--repair then fetches from where the Ollama manifest, the Hugging Face repository and commit, or Civitai's "
	"version say. With models named (by the ids that --store shows) it mends these alone, and replaces what "
	"differs by "
	"what the sidecar says: after a question, or with -y.",
    .examples = examples,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "disks.h"
#include "status_html.h"
#include "status_now.h"
#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/text.h>

#include <errno.h>
#include <string.h>

static struct {
	const char *html;
	bool offline;
} given;

static void add_here(struct table *table, const void *row)
{
	const struct ncm_status_line *line = row;

	table_styled(table, text_format("%zu of %zu", line->there, line->models),
		     line->damaged > 0             ? STYLE_BAD
		     : line->there == line->models ? STYLE_GOOD
						   : STYLE_NONE);
}

static void add_stated(struct table *table, const void *row)
{
	const struct ncm_status_line *line = row;

	table_cell(table, text_size(line->stated, &line->doubt));
}

static void add_damaged(struct table *table, const void *row)
{
	const struct ncm_status_line *line = row;

	table_styled(table, line->damaged > 0 ? text_format("%zu", line->damaged) : text_copy(""), STYLE_BAD);
}

static json_t *expected_json(const void *row)
{
	return json_number(((const struct ncm_status_line *)row)->doubt.expected);
}

static json_t *unknown_json(const void *row)
{
	return json_number(((const struct ncm_status_line *)row)->doubt.unknown);
}

#define OF(field) .offset = offsetof(struct ncm_status_line, field)
#define LINE(title)                                                                                                    \
	{"name", FIELD_TEXT, OF(name), title, COLUMN_WHOLE},                                                           \
	    {"there", FIELD_COUNT, OF(there), "HERE", COLUMN_RIGHT, .cell = add_here},                                 \
	    {"model_count", FIELD_COUNT, OF(models)},                                                                  \
	    {"damaged", FIELD_COUNT, OF(damaged), "DAMAGED", COLUMN_RIGHT | COLUMN_DROP, .cell = add_damaged},         \
	    {"bytes", FIELD_BYTES, OF(bytes), "SIZE", COLUMN_RIGHT},                                                   \
	    {"stated", FIELD_BYTES, OF(stated), "OF", COLUMN_RIGHT | COLUMN_DROP, .cell = add_stated},                 \
	    {"stated_expected", FIELD_MADE, .value = expected_json},                                                   \
	{                                                                                                              \
		"stated_unknown", FIELD_MADE, .value = unknown_json                                                    \
	}

static const struct field phase_fields[] = {
    LINE("PHASE"), {"profile", FIELD_TEXT, OF(profile), "PROFILE"}, {.key = NULL}};
static const struct field use_case_fields[] = {LINE("USE CASE"), {.key = NULL}};

static json_t *what_json(const void *row)
{
	return json_text(((const struct ncm_status_fault *)row)->what);
}

static const struct field fault_fields[] = {
    {"model", FIELD_TEXT, .offset = offsetof(struct ncm_status_fault, model)},
    {"path", FIELD_TEXT, .offset = offsetof(struct ncm_status_fault, path)},
    {"what", FIELD_MADE, .value = what_json},
    {"seen", FIELD_FLAG, .offset = offsetof(struct ncm_status_fault, seen)},
    {"detail", FIELD_TEXT, .offset = offsetof(struct ncm_status_fault, detail)},
    {.key = NULL},
};

static const struct field change_fields[] = {
    {"model", FIELD_TEXT, .offset = offsetof(struct ncm_status_change, model)},
    {"detail", FIELD_TEXT, .offset = offsetof(struct ncm_status_change, detail)},
    {.key = NULL},
};

static json_t *status_json(const struct ncm_status *status, const struct status_now *now)
{
	const struct ncm_status_table *phases = &status->phases, *uses = &status->use_cases;
	json_t *object = json_object();

	json_put_number(object, "model_count", status->models);
	json_put_number(object, "there", status->there);
	json_put_number(object, "registered", status->registered);
	json_put_number(object, "extra", status->extra);
	json_put_number(object, "unverified", status->unverified);
	json_put(object, "phases", fields_array(phase_fields, phases->lines, phases->count, sizeof *phases->lines));
	json_put(object, "use_cases", fields_array(use_case_fields, uses->lines, uses->count, sizeof *uses->lines));
	json_put(object, "damaged",
		 fields_array(fault_fields, status->faults, status->fault_count, sizeof *status->faults));
	json_put(object, "outdated",
		 fields_array(change_fields, status->changes, status->change_count, sizeof *status->changes));
	status_now_put(now, object);
	json_put(object, "disks", disks_json(status->usage));
	json_put(object, "failures", json_words(&status->usage->failures));
	return object;
}

static void print_fault(const struct ncm_status_fault *fault)
{
	AUTO_FREE char *model = text_safe(fault->model);
	AUTO_FREE char *path = text_safe_path(fault->path);
	AUTO_FREE char *detail = text_safe_path(fault->detail);

	print_line(stdout, "%s%s: %s%s%s%s%s%s", style_begin(stdout, STYLE_BAD), fault->what,
		   style_end(stdout, STYLE_BAD), model, *path ? "  " : "", path, *detail ? ": " : "", detail);
}

static void print_faults(const struct ncm_status *status)
{
	if (status->fault_count == 0) {
		if (status->registered > 0)
			puts("Damaged: nothing is known to be.");
		return;
	}
	for (size_t i = 0; i < status->fault_count; i++)
		print_fault(&status->faults[i]);
	puts("`ncmodel verify --repair` fetches what is wrong.");
}

static void print_changes(const struct ncm_status *status)
{
	for (size_t i = 0; i < status->change_count; i++) {
		AUTO_FREE char *model = text_safe(status->changes[i].model);
		AUTO_FREE char *detail = text_safe_path(status->changes[i].detail);

		print_line(stdout, "outdated: %s: %s", model, detail);
	}
}

static void print_table(const struct field *fields, const struct ncm_status_table *table)
{
	fields_print(fields, table->lines, table->count, sizeof *table->lines);
	if (table->count > 0)
		putchar('\n');
}

static void print_status(const struct ncm_status *status, const struct status_now *now)
{
	print_table(phase_fields, &status->phases);
	print_table(use_case_fields, &status->use_cases);
	print_faults(status);
	print_changes(status);
	status_now_print(now);
	disks_print(status->usage);
	printf("%zu of %zu %s here", status->there, status->models, text_plural(status->models, "model", "models"));
	if (status->extra > 0)
		printf(", and %zu more that these manifests do not have", status->extra);
	puts(".");
}

static int write_page(const struct ncm_status *status, const struct status_now *now, struct ncm_error *err)
{
	char *page = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&page, &size);
	int failed = 0;

	if (!out)
		return ncm_error_errno(err, errno, "cannot write %s", given.html);
	status_html(status, now, out);
	if (fclose(out) != 0)
		failed = ncm_error_errno(err, errno, "cannot write %s", given.html);
	else if (strcmp(given.html, "-") == 0)
		fwrite(page, 1, size, stdout);
	else
		failed = ncm_status_save(given.html, page, size, err);
	free(page);
	return failed;
}

static int show(struct session *session, const struct ncm_status *status, const struct status_now *now)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (given.html && strcmp(given.html, "-") == 0 && session->report.json) {
		ncm_error_set(&err, NCM_E_USAGE, "--html - and --json both write to standard output");
		return session_fail(session, &err);
	}
	session->report.data = status_json(status, now);
	if (given.html && write_page(status, now, &err) < 0)
		return session_fail(session, &err);
	if (session_prints(session) && !given.html)
		print_status(status, now);
	return disks_report_failures(session, status->usage);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_status *status;
	struct status_now now = {0};
	int exit_code;

	if (session_config(session, &err) < 0 || session_catalog(session, &err) < 0)
		return session_fail(session, &err);
	session_progress(session);
	status = ncm_status_make(session->config, session->catalog, &session->sink, &err);
	session_quieten(session);
	if (status && status_now_find(session, given.offline, &now, &err) == 0)
		exit_code = show(session, status, &now);
	else
		exit_code = session_fail(session, &err);
	status_now_clear(&now);
	ncm_status_free(status);
	return exit_code;
}

static const struct option own[] = {
    {0, "html", OPTION_TEXT, .value = &given.html, .argument = "FILE",
     .help = "write one self-contained page there (\"-\": print it), and nothing else", .completes = COMPLETES_FILE},
    {0, "offline", OPTION_FLAG, .value = &given.offline, .help = "do not ask the servers that run models"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel status --profile noa,nexus",
    "what of two profiles is here",
    "ncmodel status --html status.html",
    "the same as a page, for a team or as an artifact of CI",
    NULL,
};

const struct command command_status = {
    .name = "status",
    .summary = "Show the manifests against the machine, on one screen",
    .arguments = "",
    .operands = OPERANDS_NONE,
    .stops_in_order = true,
    .groups = {&own_group, &options_serving},
    .description =
	"By phase and by use case: how many of the manifests' models are here, what they take, and what all of them "
	"would; what is damaged or missing; what is not as the lock pins it; what running servers have loaded, as "
	"`ncmodel ps` tells it; the stages of the profile's document against the card; the disks. It looks at names, "
	"sizes and times and reads no content: damage is what the last `ncmodel verify` found or what size and time "
	"give away, and whether upstream has something newer, `ncmodel outdated` tells. Servers are those that run "
	"models, and no others; one that does not answer within 2 seconds (--timeout) is told as not running. A model "
	"is in several use cases. Ends with 0 whatever it shows, with 1 if something could not be read.",
    .examples = examples,
    .run = run,
};

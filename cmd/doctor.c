/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "ui/fields.h"
#include "ui/text.h"

#include <string.h>

static struct {
	bool offline;
} given;

static json_t *area_json(const void *row)
{
	return json_text(((const struct ncm_finding *)row)->area);
}

static json_t *state_json(const void *row)
{
	return json_text(ncm_finding_state_name(((const struct ncm_finding *)row)->state));
}

#define OF(field) .offset = offsetof(struct ncm_finding, field)

static const struct field fields[] = {
    {"area", FIELD_MADE, .value = area_json}, {"state", FIELD_MADE, .value = state_json},
    {"subject", FIELD_TEXT, OF(subject)},     {"text", FIELD_TEXT, OF(text)},
    {"remedy", FIELD_TEXT, OF(remedy)},       {.key = NULL},
};

static json_t *diagnosis_json(const struct ncm_diagnosis *diagnosis)
{
	json_t *object = json_object();

	json_put_number(object, "bad", diagnosis->bad);
	json_put_number(object, "unknown", diagnosis->unknown);
	json_put(object, "findings",
		 fields_array(fields, diagnosis->findings, diagnosis->count, sizeof *diagnosis->findings));
	return object;
}

static enum style style_of(enum ncm_finding_state state)
{
	static const enum style styles[] = {
	    [NCM_FINDING_GOOD] = STYLE_GOOD,
	    [NCM_FINDING_NOTE] = STYLE_NONE,
	    [NCM_FINDING_UNKNOWN] = STYLE_WARN,
	    [NCM_FINDING_BAD] = STYLE_BAD,
	};

	return styles[state];
}

static void print_finding(const struct ncm_finding *finding)
{
	AUTO_FREE char *subject = text_safe_path(finding->subject);
	AUTO_FREE char *text = text_safe_path(finding->text);
	AUTO_FREE char *remedy = text_safe_path(finding->remedy);
	const enum style style = style_of(finding->state);

	print_line(stdout, "  %s%-7s%s  %s: %s", style_begin(stdout, style), ncm_finding_state_name(finding->state),
		   style_end(stdout, style), subject, text);
	if (*remedy)
		print_line(stdout, "             %s", remedy);
}

/* Without -q all of it; with it what is bad or not known. */
static void print(const struct session *session, const struct ncm_diagnosis *diagnosis)
{
	const char *area = "";

	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct ncm_finding *finding = &diagnosis->findings[i];

		if (session->settings.quiet && finding->state < NCM_FINDING_UNKNOWN)
			continue;
		if (strcmp(finding->area, area) != 0)
			puts(finding->area);
		area = finding->area;
		print_finding(finding);
	}
	if (!session->settings.quiet)
		printf("%zu of %zu findings bad, %zu not known.\n", diagnosis->bad, diagnosis->count,
		       diagnosis->unknown);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_diagnosis *diagnosis;
	int exit_code;

	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_catalog_if_any(session, "no gated model is asked for");
	session_progress(session);
	diagnosis = ncm_doctor(session->config, session->catalog, given.offline, &session->sink, &err);
	session_quieten(session);
	if (!diagnosis)
		return session_fail(session, &err);
	session->report.data = diagnosis_json(diagnosis);
	if (!session->report.json)
		print(session, diagnosis);
	exit_code = diagnosis->bad > 0;
	ncm_diagnosis_free(diagnosis);
	return exit_code;
}

static const struct option own[] = {
    {0, "offline", OPTION_FLAG, .value = &given.offline, .help = "no network at all: what that leaves open is told"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel doctor --profile nexus",
    "the machine, and whether each gated model of the profile can be had",
    "ncmodel doctor --json | jq -r '.data.findings[] | select(.state == \"bad\") | .remedy'",
    "for a script: what to do",
    NULL,
};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Find what stands between this machine and a good pull, and what helps",
    .arguments = "",
    .operands = OPERANDS_NONE,
    .stops_in_order = true,
    .groups = {&own_group, &options_serving},
    .description =
	"Stores (whether you may write there), disks (room, what the file system cannot do), applications (which reads "
	"which folder), servers (reached, trusted, by which proxy), this machine's clock against theirs, tokens "
	"(accepted or not; never shown), each gated model of the profile, and the programs that run models: "
	"the servers of ps, and where none were set up also LM Studio and llama.cpp at their usual addresses, if "
	"their stores are here; with the generation of Ollama's stores; the graphics cards, and this machine "
	"beside the one that the profile's document was written for. Each finding that is bad or not known has its "
	"remedy. A token goes to its own service alone.\n\n"
	"\"unknown\" is what could not be told, as when a server does not answer: it is neither good nor bad. Ends "
	"with 1 if anything is bad, else with 0. With -q only what is bad or not known is printed.",
    .examples = examples,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
#include "doctor/doctor.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SECONDS = 10 }; /* to connect, and without a byte */

const char *ncm_finding_state_name(enum ncm_finding_state state)
{
	static const char *const names[] = {
	    [NCM_FINDING_GOOD] = "good",
	    [NCM_FINDING_NOTE] = "note",
	    [NCM_FINDING_UNKNOWN] = "unknown",
	    [NCM_FINDING_BAD] = "bad",
	};

	return names[state];
}

void doctor_find(struct examination *exam, enum ncm_finding_state state, const char *subject, const char *format, ...)
{
	struct ncm_finding *finding = NCM_PUSH(exam->out->findings, exam->out->count);
	va_list args;

	finding->area = exam->area;
	finding->state = state;
	finding->subject = ncm_strdup(subject);
	va_start(args, format);
	finding->text = ncm_vasprintf(format, args);
	va_end(args);
	exam->out->bad += state == NCM_FINDING_BAD;
	exam->out->unknown += state == NCM_FINDING_UNKNOWN;
}

void doctor_remedy(struct examination *exam, const char *format, ...)
{
	struct ncm_finding *finding = &exam->out->findings[exam->out->count - 1];
	va_list args;

	free(finding->remedy);
	va_start(args, format);
	finding->remedy = ncm_vasprintf(format, args);
	va_end(args);
}

void doctor_find_unasked(struct examination *exam, const char *subject, const char *what)
{
	doctor_find(exam, NCM_FINDING_UNKNOWN, subject, "%s was not asked: --offline", what);
	doctor_remedy(exam, "look again without --offline");
}

void doctor_find_error(struct examination *exam, const char *subject, struct ncm_error *why)
{
	const bool not_told = why->code == NCM_E_NETWORK || why->code == NCM_E_RATE_LIMIT || why->code == NCM_E_OFFLINE;

	doctor_find(exam, not_told ? NCM_FINDING_UNKNOWN : NCM_FINDING_BAD, subject, "%s", why->message);
	doctor_remedy(exam, "%s", why->hint ? why->hint : "mend that, and look again with `ncmodel doctor`");
	ncm_error_clear(why);
}

bool doctor_has_store(const struct examination *exam, const char *id)
{
	for (size_t i = 0; exam->stores && i < exam->stores->count; i++) {
		if (strcmp(exam->stores->stores[i].id, id) == 0)
			return exam->stores->stores[i].there;
	}
	return false;
}

/* In this order they are told; a check of servers finds things of several areas. */
static const char *const areas[] = {"stores", "disks", "applications", "servers", "clock",
				    "tokens", "gates", "services",     "gpu",     "hardware"};

static size_t rank_of(const struct ncm_finding *finding)
{
	size_t rank = 0;

	while (rank < sizeof areas / sizeof *areas && strcmp(areas[rank], finding->area) != 0)
		rank++;
	return rank;
}

/* Stable, of a few dozen. */
static void sort(struct ncm_finding *findings, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const struct ncm_finding finding = findings[i];
		size_t at = i;

		for (; at > 0 && rank_of(&findings[at - 1]) > rank_of(&finding); at--)
			findings[at] = findings[at - 1];
		findings[at] = finding;
	}
}

static const struct {
	const char *area;
	doctor_check *check;
} checks[] = {
    {"stores", doctor_stores},   {"disks", doctor_disks}, {"applications", doctor_applications},
    {"servers", doctor_servers}, {"gates", doctor_gates}, {"services", doctor_runtimes},
    {"services", doctor_ollama}, {"gpu", doctor_gpus},    {"hardware", doctor_hardware},
};

static void look_at_stores(struct examination *exam)
{
	struct ncm_error why = NCM_ERROR_INIT;

	exam->area = "stores";
	exam->stores = ncm_stores_look(exam->config, &why);
	if (!exam->stores)
		doctor_find_error(exam, "layout", &why);
}

static int examine(struct examination *exam, struct ncm_error *err)
{
	look_at_stores(exam);
	exam->gpus = ncm_gpus_look();
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		if (ncm_interrupted())
			return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
		exam->area = checks[i].area;
		checks[i].check(exam);
	}
	return 0;
}

struct ncm_diagnosis *ncm_doctor(const struct ncm_config *config, const struct ncm_catalog *catalog, bool offline,
				 const struct ncm_sink *sink, struct ncm_error *err)
{
	struct ncm_config hurried = *config;
	struct examination exam = {.config = &hurried, .catalog = catalog, .offline = offline, .sink = sink};
	int failed;

	hurried.retries = 1;
	if (hurried.timeout > MOST_SECONDS)
		hurried.timeout = MOST_SECONDS;
	if (hurried.speed_time > MOST_SECONDS)
		hurried.speed_time = MOST_SECONDS;
	exam.out = ncm_calloc(1, sizeof *exam.out);
	exam.http = offline ? NULL : ncm_http_new(&hurried, sink);
	exam.sources = offline ? NULL : ncm_sources_new(&hurried, exam.http, sink);
	failed = examine(&exam, err);
	ncm_stores_free(exam.stores);
	free(exam.ollama_version);
	ncm_gpus_free(exam.gpus);
	if (!offline) {
		ncm_sources_free(exam.sources);
		ncm_http_free(exam.http);
	}
	sort(exam.out->findings, exam.out->count);
	if (!failed)
		return exam.out;
	ncm_diagnosis_free(exam.out);
	return NULL;
}

void ncm_diagnosis_free(struct ncm_diagnosis *diagnosis)
{
	if (!diagnosis)
		return;
	for (size_t i = 0; i < diagnosis->count; i++) {
		free(diagnosis->findings[i].subject);
		free(diagnosis->findings[i].text);
		free(diagnosis->findings[i].remedy);
	}
	free(diagnosis->findings);
	free(diagnosis);
}

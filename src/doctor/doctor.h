/* SPDX-License-Identifier: MIT */
/* A check looks at one area and adds what it finds. doctor.c has the table of all. */
#ifndef NCM_DOCTOR_DOCTOR_H
#define NCM_DOCTOR_DOCTOR_H

#include "source/source.h"

#include <ncmodel/doctor.h>
#include <ncmodel/gpu.h>
#include <ncmodel/stores.h>

struct examination {
	const struct ncm_config *config; /* the user's, with short waits */
	const struct ncm_catalog *catalog;
	bool offline;
	struct ncm_http *http;       /* NULL: offline */
	struct ncm_sources *sources; /* NULL: offline */
	const struct ncm_sink *sink;
	struct ncm_store_list *stores; /* NULL: the layout or models.json cannot be read */
	char *ollama_version;          /* of the first Ollama that answered; or NULL */
	struct ncm_gpu_list *gpus;
	const char *area; /* of the check that runs */
	struct ncm_diagnosis *out;
};

/* Adds a finding of the area; its text is made from `format`. The remedy is added to the last one. */
void doctor_find(struct examination *exam, enum ncm_finding_state state, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Not known, for the network was not to be asked. */
void doctor_find_unasked(struct examination *exam, const char *subject, const char *what);
void doctor_remedy(struct examination *exam, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same of an error with its hint, which is clear afterwards: what failed because nobody answered is not known. */
void doctor_find_error(struct examination *exam, const char *subject, struct ncm_error *why);

/* Whether the folder of the store with this id is there. */
bool doctor_has_store(const struct examination *exam, const char *id);

typedef void doctor_check(struct examination *exam);
doctor_check doctor_stores, doctor_disks, doctor_applications, doctor_servers, doctor_gates, doctor_runtimes,
    doctor_ollama, doctor_gpus, doctor_hardware;

#endif

/* SPDX-License-Identifier: MIT */
/* What stands between this machine and a good pull, with what to do about it: doctor. */
#ifndef NCMODEL_DOCTOR_H
#define NCMODEL_DOCTOR_H

#include <ncmodel/config.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Append only: the names are part of the JSON interface. */
enum ncm_finding_state {
	NCM_FINDING_GOOD,    /* "good" */
	NCM_FINDING_NOTE,    /* "note": worth knowing, nothing is wrong */
	NCM_FINDING_UNKNOWN, /* "unknown": it could not be told; `text` says why */
	NCM_FINDING_BAD,     /* "bad": something will fail */
};
const char *ncm_finding_state_name(enum ncm_finding_state state); /* static */

struct ncm_finding {
	const char *area; /* "stores", "disks", "applications", "servers", "tokens", "clock", "gates", "services",
			     "gpu", "hardware"; static */
	enum ncm_finding_state state;
	char *subject; /* a store, a service, a model; foreign text */
	char *text;    /* one line, no final stop; foreign text; never a secret */
	char *remedy;  /* what to do; or NULL */
};

struct ncm_diagnosis {
	struct ncm_finding *findings; /* area by area */
	size_t count;
	size_t bad, unknown; /* of them */
};

/*
 * Looks at stores, disks and applications, and unless `offline` asks each service that is set up (whether it can be
 * reached, whether its certificate and the clock are right, whether the token is accepted), the source of every gated
 * model of the catalog (NULL: none is asked for), and the configuration's servers that run models (where none were set
 * up, LM Studio and llama.cpp where they usually answer, too, if their stores are here). The machine is
 * held against the hardware that the profiles' documents were written for (ncmodel/fit_rules.h). What cannot be asked
 * is a finding, too. Each server gets one try with at most ten seconds to connect. Writes nothing but the hidden file
 * by which a file system that is not known is tried. Fails with INTERRUPTED alone. Free with ncm_diagnosis_free.
 */
struct ncm_diagnosis *ncm_doctor(const struct ncm_config *config, const struct ncm_catalog *catalog, bool offline,
				 const struct ncm_sink *sink, struct ncm_error *err);
void ncm_diagnosis_free(struct ncm_diagnosis *diagnosis);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

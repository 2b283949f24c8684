/* SPDX-License-Identifier: MIT */
/*
 * libncmodel: provisions AI models on a machine and keeps them right.
 *
 * The library ends the process when memory runs out (nothing on disk depends on a clean end). It is safe to use from
 * one thread at a time; it makes threads of its own where that pays.
 */
#ifndef NCMODEL_NCMODEL_H
#define NCMODEL_NCMODEL_H

#include <ncmodel/adopt.h>
#include <ncmodel/bundle.h>
#include <ncmodel/config.h>
#include <ncmodel/configure.h>
#include <ncmodel/digest.h>
#include <ncmodel/doctor.h>
#include <ncmodel/draft.h>
#include <ncmodel/drift.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <ncmodel/export.h>
#include <ncmodel/fit.h>
#include <ncmodel/fit_rules.h>
#include <ncmodel/gpu.h>
#include <ncmodel/inspect.h>
#include <ncmodel/layout.h>
#include <ncmodel/limits.h>
#include <ncmodel/link.h>
#include <ncmodel/log.h>
#include <ncmodel/manifest.h>
#include <ncmodel/move.h>
#include <ncmodel/node.h>
#include <ncmodel/provision.h>
#include <ncmodel/push.h>
#include <ncmodel/registry.h>
#include <ncmodel/runtime.h>
#include <ncmodel/select.h>
#include <ncmodel/status.h>
#include <ncmodel/stores.h>
#include <ncmodel/survey.h>
#include <ncmodel/text.h>
#include <ncmodel/upkeep.h>
#include <ncmodel/verify.h>
#include <ncmodel/workflow.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Prepares the process: ignores SIGPIPE and SIGXFSZ, sets SIGCHLD to its default, no core files, no TLS key log, starts
 * the libraries. Call once, first. */
int ncm_init(struct ncm_error *err);
void ncm_shutdown(void);
/* "1.0.0". Static storage. */
const char *ncm_version(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

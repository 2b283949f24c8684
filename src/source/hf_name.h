/* SPDX-License-Identifier: MIT */
/* What the grammars of "hf:…" (hf_name.c), of pages (hf_page.c) and of choices (hf_choice.c) share. */
#ifndef NCM_SOURCE_HF_NAME_H
#define NCM_SOURCE_HF_NAME_H

#include "base/buffer.h"
#include "source/hf.h"

/* Refuses an URI (class USAGE) with the grammar as hint. Returns -1. */
int hf_refuse(struct ncm_error *err, const char *uri, const char *why);
/* Each checks a part of an URI and keeps it. Return 0, or -1 with *err. */
int hf_set_repo(struct hf_name *name, const char *text, size_t length, const char *uri, struct ncm_error *err);
int hf_set_revision(struct hf_name *name, const char *text, size_t length, const char *uri, struct ncm_error *err);
int hf_set_path(struct hf_name *name, const char *path, const char *uri, struct ncm_error *err);
/* How far a revision goes at the start of a text: "refs/pr/N" and "refs/convert/NAME" hold slashes. */
size_t hf_revision_length(const char *text);
/* "datasets/…" and what else of the hub is no model. */
bool hf_is_other_kind(const char *text);

/* Whether a page of the hub is one of a model's repository; the path is that behind its host. */
bool hf_is_model_page(const char *path);
int hf_parse_page(const char *text, const char *uri, struct hf_name *name, struct ncm_error *err);

#endif

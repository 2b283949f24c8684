/* SPDX-License-Identifier: MIT */
/* YAML, read (libyaml) into the values that JSON has. Nothing is written: who edits somebody's file leaves his bytes.
 */
#ifndef NCM_YAML_YAML_H
#define NCM_YAML_YAML_H

#include "base/json.h"

#include <ncmodel/error.h>
#include <stddef.h>

/*
 * One document as YAML 1.1 and PyYAML's safe_load have it: mappings, lists, true and false (with "yes", "on" …), null;
 * every other scalar is a string as it is spelled. Merge keys ("<<") are merged, and of equal keys the last counts. An
 * empty text is null. NULL with class MANIFEST ("WHAT:LINE: why"): what libyaml refuses, a second document, a tag of an
 * application's own, a key that is no scalar, what is deep or refers to itself. New reference.
 */
json_t *ncm_yaml_parse(const char *text, size_t size, const char *what, struct ncm_error *err);

#endif

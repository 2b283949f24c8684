/* SPDX-License-Identifier: MIT */
/* What the files of the table's reader share. */
#ifndef NCM_BASE_JSON_SCALAR_H
#define NCM_BASE_JSON_SCALAR_H

#include "base/json_table.h"

/* json_scalar.c: reads a value whose form is no container. It becomes the value at hand. */
void json_read_scalar(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place);
/* json_table.c: tells a fault that json_told.c has words for, and frees those. NULL: there is none. */
void json_tell_told(struct ncm_json_reader *reader, char *reason);

#endif

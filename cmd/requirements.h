/* SPDX-License-Identifier: MIT */
/* Custom nodes say in requirements.txt what they need of Python: it is shown, and never run. */
#ifndef CMD_REQUIREMENTS_H
#define CMD_REQUIREMENTS_H

#include <ncmodel/ncmodel.h>

/* Of the packs that this run unpacked, on standard output. */
void requirements_print(const struct ncm_plan *plan, const struct ncm_result *result);

#endif

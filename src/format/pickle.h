/* SPDX-License-Identifier: MIT */
#ifndef NCM_FORMAT_PICKLE_H
#define NCM_FORMAT_PICKLE_H

#include "format/parts.h"

/*
 * Fills the header's contents (without any, it does nothing): imports, and the tensors that torch would make, without
 * their places. A pickle that cannot be read to its end is a fault.
 */
void pickle_read(struct header *header);

#endif

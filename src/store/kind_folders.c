/* SPDX-License-Identifier: MIT */
/* Files under their names, in folders of the layout's: what all kinds are that say nothing else. */
#include "store/kind.h"

const struct ncm_store_kind ncm_kind_folders = {.name = "folders"};

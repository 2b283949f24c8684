/* SPDX-License-Identifier: MIT */
/* The columns that `ncmodel list` can show of an entry. */
#ifndef CMD_ENTRY_COLUMNS_H
#define CMD_ENTRY_COLUMNS_H

#include "entry.h"

/* The words of --columns, a space between two. */
#define ENTRY_COLUMNS                                                                                                  \
	"name id state size quant vram score phase store profiles usecases purpose tags parameters context "           \
	"dimensions speed accuracy resolution duration license license-class"

/* A table with those columns, or with the usual ones if the view chooses none. Free with table_free. */
struct table *entry_table(size_t indent, const struct entry_view *view);
void entry_row(struct table *table, const struct entry *entry, const struct entry_view *view);
/* Whether any of them shows what the manifests alone know of a model that is installed. */
bool entry_columns_want_manifests(const struct ncm_strings *columns);

#endif

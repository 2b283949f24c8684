/* SPDX-License-Identifier: MIT */
#include "fit_table.h"

#include "ui/bar.h"
#include "ui/table.h"
#include "ui/text.h"

enum { BAR_COLUMNS = 24, REMARK_BYTES = 400 };

/* Weights, KV and state, everything else, what others have, and what is free. */
static char *bar(const struct fit_row *row, uint64_t room)
{
	const struct ncm_fit_parts *parts = &row->need.fit.card;
	const uint64_t sum = ncm_fit_sum(parts), kept = parts->kv + parts->state;
	const uint64_t sizes[BAR_PARTS] = {parts->weights, kept, sum - parts->weights - kept, row->together - sum};

	return bar_stacked(sizes, BAR_PARTS, room, BAR_COLUMNS);
}

static const char *verdict_text(const struct fit_row *row)
{
	static const char *const words[] = {
	    [NCM_FIT_NOT_KNOWN] = "not known",
	    [NCM_FIT_YES] = "fits",
	    [NCM_FIT_CLOSE] = "close",
	    [NCM_FIT_NO] = "too large",
	};

	return words[row->verdict];
}

static enum style verdict_style(enum ncm_fit_verdict verdict)
{
	return verdict == NCM_FIT_YES ? STYLE_GOOD : verdict == NCM_FIT_NO ? STYLE_BAD : STYLE_WARN;
}

/* "5.3 GiB", "~5.3 GiB" of what is no count, "?". The caller frees it. */
static char *sum_text(const struct ncm_fit *fit)
{
	AUTO_FREE char *sum = gib_text(ncm_fit_sum(&fit->card));

	if (fit->basis == NCM_FIT_UNKNOWN)
		return text_copy("?");
	return text_format("%s%s", fit->basis == NCM_FIT_HEADER ? "" : "~", sum);
}

/* "12.1 GiB", "~12.1 GiB" where a part is no count, ">12.1 GiB" where one is not known, "?". The caller frees it. */
static char *together_text(const struct fit_row *row)
{
	AUTO_FREE char *sum = gib_text(row->together);

	if (row->need.fit.basis == NCM_FIT_UNKNOWN)
		return text_copy("?");
	return text_format("%s%s", !row->together_known ? ">" : row->together_counted ? "" : "~", sum);
}

static void add_part(struct table *table, const char *name, uint64_t card, uint64_t host)
{
	AUTO_FREE char *here = gib_text(card);
	AUTO_FREE char *there = gib_text(host);

	if (card > 0 || host > 0)
		table_line(table,
			   text_format("    %-10s %10s%s%s%s", name, here, host ? ", " : "", host ? there : "",
				       host ? " in main memory" : ""),
			   STYLE_DIM);
}

static void add_parts(struct table *table, const struct ncm_fit *fit)
{
	const struct ncm_fit_parts *card = &fit->card, *host = &fit->host;
	AUTO_FREE char *error = gib_text(fit->error);

	add_part(table, "weights", card->weights, host->weights);
	add_part(table, "KV", card->kv, host->kv);
	add_part(table, "state", card->state, host->state);
	add_part(table, "compute", card->compute, host->compute);
	add_part(table, "output", card->output, host->output);
	add_part(table, "projector", card->projector, host->projector);
	add_part(table, "driver", card->driver, host->driver);
	if (fit->basis != NCM_FIT_STATED)
		table_line(table, text_format("    may be off by %s", error), STYLE_DIM);
}

static void add_limits(struct table *table, const struct fit_row *row)
{
	if (row->spread.count > 0) {
		AUTO_FREE char *spread = spread_text(&row->spread);

		table_line(table, text_format("    %s", spread), STYLE_NONE);
	}
	if (row->layers_that_fit > 0)
		table_line(table,
			   text_format("    %u of %u layers fit (--gpu-layers %u), the rest in main memory",
				       row->layers_that_fit, row->need.fit.layers, row->layers_that_fit),
			   STYLE_NONE);
	if (row->context_that_fits > 0)
		table_line(table,
			   text_format("    the largest context that fits is %llu tokens",
				       (unsigned long long)row->context_that_fits),
			   STYLE_NONE);
}

static void add_remarks(struct table *table, const struct ncm_fit *fit)
{
	for (size_t i = 0; i < fit->remarks.count; i++) {
		AUTO_FREE char *remark = text_safe_long(fit->remarks.items[i], REMARK_BYTES);

		table_line(table, text_format("    %s", remark), STYLE_DIM);
	}
}

/* Of what has no figure, or one that a fault of its files is in the way of. */
static bool wants_reason(const struct need *need)
{
	return need->fit.basis == NCM_FIT_UNKNOWN || need->fit.at_least;
}

static void add_family(struct table *table, const struct fit_row *row)
{
	if (row->document_context > 0 && row->need.fit.context > 0)
		table_line(table,
			   text_format("    counted for %llu tokens, at which the profile's document works",
				       (unsigned long long)row->need.fit.context),
			   STYLE_NONE);
	else if (row->document_context > 0)
		table_line(
		    table,
		    text_format("    the profile's document works at %llu tokens; for how many its figure is, it "
				"does not tell",
				(unsigned long long)row->document_context),
		    STYLE_NONE);
	if (row->sibling)
		table_line(table, text_format("    the largest of its family that fits: %s", row->sibling->id),
			   STYLE_NONE);
}

static void add_row(struct table *table, const struct fit_row *row, const struct card *card, bool beside, bool verbose)
{
	const struct ncm_fit *fit = &row->need.fit;

	table_foreign(table, row->need.id);
	table_cell(table, sum_text(fit));
	if (beside)
		table_cell(table, together_text(row));
	table_cell(table, row->need.stated > 0 ? text_format("%g GB", row->need.stated) : text_copy(""));
	table_styled(table, text_copy(verdict_text(row)), verdict_style(row->verdict));
	table_cell(table, fit->basis == NCM_FIT_UNKNOWN ? text_copy("") : bar(row, card->room));
	add_limits(table, row);
	add_family(table, row);
	if (verbose && fit->basis != NCM_FIT_UNKNOWN)
		add_parts(table, fit);
	if (verbose || wants_reason(&row->need))
		add_remarks(table, fit);
}

/* "Resident: a (4.7 GiB), b (~0.3 GiB)." */
static void print_resident(const struct fit_rows *resident)
{
	struct ncm_strings words = {0};

	for (size_t i = 0; i < resident->count; i++) {
		AUTO_FREE char *sum = sum_text(&resident->items[i].need.fit);
		AUTO_FREE char *word = text_format("%s (%s)", resident->items[i].need.id, sum);

		words_add(&words, word);
	}
	AUTO_FREE char *list = words_join(&words, ", ");

	print_line(stdout, "Resident beside each: %s.", list);
	ncm_strings_free(&words);
}

static void add_columns(struct table *table, bool beside)
{
	table_column(table, "MODEL", COLUMN_WHOLE);
	table_column(table, "NEEDS", COLUMN_RIGHT);
	if (beside)
		table_column(table, "TOGETHER", COLUMN_RIGHT);
	table_column(table, "STATED", COLUMN_RIGHT | COLUMN_DROP);
	table_column(table, "", 0);
	if (beside)
		table_column(table,
			     text_is_utf8() ? "█ WEIGHTS ▓ KV ▒ COMPUTE ░ RESIDENT"
					    : "# WEIGHTS = KV - COMPUTE + RESIDENT",
			     COLUMN_DROP);
	else
		table_column(table, text_is_utf8() ? "█ WEIGHTS ▓ KV ▒ COMPUTE" : "# WEIGHTS = KV - COMPUTE",
			     COLUMN_DROP);
}

void fit_table_print(const struct fit_rows *rows, const struct fit_rows *resident, const struct card *card,
		     bool verbose)
{
	struct table *table = table_new(0);
	AUTO_FREE char *against = card_text(card);
	const bool beside = resident->count > 0;

	print_line(stdout, "Held against: %s.", against);
	if (beside)
		print_resident(resident);
	add_columns(table, beside);
	for (size_t i = 0; i < rows->count; i++)
		add_row(table, &rows->items[i], card, beside, verbose);
	if (rows->count > 0)
		table_print(table, stdout);
	table_free(table);
}

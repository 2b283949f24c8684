/* SPDX-License-Identifier: MIT */
#include "fit_rows.h"

#include "ui/text.h"

#include <stdlib.h>
#include <string.h>

static bool is_path(const char *operand)
{
	static const char *const endings[] = {".gguf", ".safetensors", ".ckpt", ".sft", ".pt", ".pth", ".bin", ".onnx"};
	const size_t length = strlen(operand);

	if (*operand == '/' || strncmp(operand, "./", 2) == 0 || strncmp(operand, "../", 3) == 0)
		return true;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		const size_t size = strlen(endings[i]);

		if (length > size && strcmp(operand + length - size, endings[i]) == 0 && !strchr(operand, ':'))
			return true;
	}
	return false;
}

static struct fit_row *push(struct fit_rows *rows)
{
	rows->items = memory_grow(rows->items, rows->count + 1, sizeof *rows->items);
	return &rows->items[rows->count++];
}

/* Files become rows; the others, which are names of models or sources, are added to *names. */
static int take_files(const struct ncm_strings *operands, const struct ncm_fit_wish *wish, struct fit_rows *rows,
		      struct ncm_strings *names, struct ncm_error *err)
{
	int failed = 0;

	for (size_t i = 0; i < operands->count && !failed; i++) {
		const char *operand = operands->items[i];

		if (is_path(operand))
			failed = need_read(operand, wish, &push(rows)->need, err);
		else
			words_add_new(names, operand);
	}
	return failed;
}

static bool has_memory(const struct ncm_model *model)
{
	static const char *const without[] = {"custom-node", "source-archive", "workflow", "dataset"};

	for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
		if (model->kind && strcmp(model->kind, without[i]) == 0)
			return false;
	}
	return true;
}

static bool is_offered(const struct session *session, char *name)
{
	const struct ncm_selector only = {.names = {.items = &name, .count = 1}};
	struct ncm_model **chosen = NULL;
	size_t count;
	const bool offered = ncm_select(session->catalog, &only, &chosen, &count, NULL) == 0;

	free(chosen);
	return offered;
}

/* What is installed and in no manifest (adopted, a source spelled out) becomes a row; the other names stay. */
static void take_installed(const struct session *session, const struct ncm_registry *registry,
			   const struct ncm_fit_wish *wish, struct ncm_strings *names, struct fit_rows *rows)
{
	struct ncm_strings others = {0};

	for (size_t i = 0; i < names->count; i++) {
		const struct ncm_reg_model *entry = ncm_registry_find(registry, names->items[i]);

		if (entry && !is_offered(session, names->items[i]))
			need_installed(entry, wish, &push(rows)->need);
		else
			words_add(&others, names->items[i]);
	}
	ncm_strings_free(names);
	*names = others;
}

static int take_chosen(struct session *session, struct ncm_selector *selector, const struct ncm_fit_wish *wish,
		       bool ask, struct fit_rows *rows, struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_load(session->config, err);
	const bool named = selector->names.count > 0;
	struct ncm_model **chosen = NULL;
	size_t count = 0;
	int failed = registry && (session->catalog || session_catalog(session, err) == 0) ? 0 : -1;

	if (!failed)
		take_installed(session, registry, wish, &selector->names, rows);
	if (!failed && (!named || selector->names.count > 0))
		failed = ncm_select(session->catalog, selector, &chosen, &count, err);
	for (size_t i = 0; i < count && !failed && !ncm_interrupted(); i++) {
		if (has_memory(chosen[i]) && !chosen[i]->required_only)
			need_find(session, registry, chosen[i], wish, ask, &push(rows)->need);
	}
	free(chosen);
	ncm_registry_free(registry);
	if (!failed && ncm_interrupted())
		failed = ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
	return failed;
}

/* A source that does not tell where it goes: that is all the same here, and --to is no option of fit. */
static int advise(struct ncm_error *err)
{
	if (err->code == NCM_E_USAGE && err->hint && strncmp(err->hint, "say --to ", 9) == 0)
		ncm_error_hint(err, "name one of its files that ends in .gguf or .safetensors; of all GGUF files of a "
				    "repository: `ncmodel fit --quantizations hf:ORG/REPO`");
	return -1;
}

/* Models that are named are asked for at their sources; of a whole profile, what is here must do. */
int fit_rows_asked(struct session *session, const struct ncm_fit_wish *wish, struct fit_rows *rows,
		   struct ncm_error *err)
{
	struct ncm_strings *operands = &session->settings.operands, names = {0};
	const bool named = operands->count > 0;
	int failed = take_files(operands, wish, rows, &names, err);

	ncm_strings_free(operands);
	*operands = names;
	if (failed || (named && names.count == 0))
		return failed;
	if (session_selector(session, err) < 0 ||
	    take_chosen(session, &session->settings.selector, wish, names.count > 0, rows, err) < 0)
		return advise(err);
	return 0;
}

int fit_rows_named(struct session *session, const struct ncm_strings *names, const struct ncm_fit_wish *wish,
		   struct fit_rows *rows, struct ncm_error *err)
{
	struct ncm_selector selector = {0};
	int failed = take_files(names, wish, rows, &selector.names, err);

	if (!failed && selector.names.count > 0 && take_chosen(session, &selector, wish, true, rows, err) < 0)
		failed = advise(err);
	ncm_strings_free(&selector.names);
	return failed;
}

void fit_rows_free(struct fit_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		need_clear(&rows->items[i].need);
		spread_free(&rows->items[i].spread);
	}
	free(rows->items);
	*rows = (struct fit_rows){0};
}

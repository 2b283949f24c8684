/* SPDX-License-Identifier: MIT */
#include "model_name.h"

#include "ui/text.h"

#include <string.h>

bool model_is_spelled_out(const struct ncm_model *model)
{
	return !model->profile && model->phase == 0;
}

/* NULL: it has a better name. */
static const char *source_of(const struct ncm_model *model)
{
	const char *source =
	    model->file_count > 0 && model->files[0].from.count > 0 ? model->files[0].from.items[0] : NULL;
	const char *colon = source ? strchr(source, ':') : NULL;

	/* An address is none to be called by. */
	return colon && model->phase == 0 && strncmp(colon, "://", 3) != 0 ? source : NULL;
}

const char *model_name(const struct ncm_model *model)
{
	const char *source = source_of(model);

	return source ? source : model->name;
}

/* Whether what follows an id begins with the source anyway. */
static bool is_named(const char *rest, const char *source)
{
	const size_t size = strlen(source);

	return strncmp(rest, ": ", 2) == 0 && strncmp(rest + 2, source, size) == 0 && strchr(" :", rest[2 + size]);
}

void model_name_error(const struct ncm_model *model, struct ncm_error *err)
{
	const char *source = source_of(model);
	const size_t size = strlen(model->id);
	AUTO_FREE char *renamed = NULL;
	AUTO_FREE char *hint = NULL;

	if (!source || !err->message || strncmp(err->message, model->id, size) != 0 || err->message[size] != ':')
		return;
	renamed = is_named(err->message + size, source) ? text_copy(err->message + size + strlen(": "))
							: text_format("%s%s", source, err->message + size);
	hint = err->hint ? text_copy(err->hint) : NULL;
	ncm_error_set(err, err->code, "%s", renamed);
	if (hint)
		ncm_error_hint(err, "%s", hint);
}

/* SPDX-License-Identifier: MIT */
/* What files are called in an artifact, and what they are there. */
#include "push/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"

#include <string.h>

bool push_is_blob(const struct ncm_reg_file *file)
{
	static const char begin[] = "sha256-";
	const char *name = ncm_path_base(file->abs);
	struct ncm_sha256 digest;

	return strncmp(name, begin, strlen(begin)) == 0 && ncm_sha256_parse(name + strlen(begin), &digest) == 0;
}

/* Ollama's words for its blobs; what is told in none of them is of use to Ollama alone. */
static const char *const blob_names[][2] = {
    {"model", "%s.gguf"},      {"projector", "mmproj-%s.gguf"}, {"adapter", "adapter-%s.gguf"},
    {"license", "LICENSE"},    {"template", "template.txt"},    {"system", "system.txt"},
    {"params", "params.json"}, {"messages", "messages.json"},
};

char *push_model_name(const struct ncm_reg_model *model)
{
	char *stem = ncm_strdup(model->id);

	for (char *c = stem; *c; c++) {
		if (strchr("/:@\\", *c))
			*c = '-';
	}
	return stem;
}

static char *blob_name(const struct ncm_reg_model *model, const char *role)
{
	NCM_AUTO_FREE char *stem = push_model_name(model);

	for (size_t i = 0; role && i < sizeof blob_names / sizeof *blob_names; i++) {
		const char *form = blob_names[i][1], *percent = strchr(form, '%');

		if (strcmp(role, blob_names[i][0]) != 0)
			continue;
		return percent ? ncm_asprintf("%.*s%s%s", (int)(percent - form), form, stem, percent + 2)
			       : ncm_strdup(form);
	}
	return NULL;
}

/* How much of `folder`, whole components, `path` begins with. */
static size_t shared(const char *folder, size_t size, const char *path)
{
	size_t same = 0, end = 0;

	while (same < size && folder[same] == path[same]) {
		same++;
		if (folder[same - 1] == '/')
			end = same;
	}
	return end;
}

size_t push_folder_size(const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	size_t size = (size_t)(ncm_path_base(file->abs) - file->abs);

	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_reg_file *other = &model->files[i];

		if (ncm_same_text(other->store, file->store) && !push_is_blob(other))
			size = shared(file->abs, size, other->abs);
	}
	return size;
}

char *push_file_name(const struct ncm_reg_model *model, const struct ncm_reg_file *file, size_t folder_size)
{
	if (file->role && strcmp(file->role, "manifest") == 0)
		return NULL;
	if (push_is_blob(file))
		return blob_name(model, file->role);
	return ncm_strdup(file->abs + folder_size);
}

/* The endings of all but weights. */
static const struct {
	const char *ending, *type;
} types[] = {
    {".json", "application/vnd.cncf.model.weight.config"},
    {".jsonl", "application/vnd.cncf.model.dataset"},
    {".yaml", "application/vnd.cncf.model.weight.config"},
    {".yml", "application/vnd.cncf.model.weight.config"},
    {".toml", "application/vnd.cncf.model.weight.config"},
    {".jinja", "application/vnd.cncf.model.weight.config"},
    {".txt", "application/vnd.cncf.model.weight.config"},
    {"tokenizer.model", "application/vnd.cncf.model.weight.config"},
    {".md", "application/vnd.cncf.model.doc"},
    {".pdf", "application/vnd.cncf.model.doc"},
    {".png", "application/vnd.cncf.model.doc"},
    {".jpg", "application/vnd.cncf.model.doc"},
    {"license", "application/vnd.cncf.model.doc"},
    {"notice", "application/vnd.cncf.model.doc"},
    {".py", "application/vnd.cncf.model.code"},
    {".sh", "application/vnd.cncf.model.code"},
};

char *push_media_type(const char *path, bool tar)
{
	const char *kind = "application/vnd.cncf.model.weight";

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (ncm_path_has_suffix(path, types[i].ending)) {
			kind = types[i].type;
			break;
		}
	}
	return ncm_asprintf("%s.v1.%s", kind, tar ? "tar" : "raw");
}

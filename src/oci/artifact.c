/* SPDX-License-Identifier: MIT */
#include "oci/artifact.h"

#include "base/buffer.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text_map.h"

#include <ncmodel/limits.h>
#include <string.h>

/* What layers of a type are called that have no name: "%s" is the model's. */
static const struct layer_kind {
	const char *type; /* or what it begins with */
	const char *name; /* of the one; of the Nth, "-N" stands before the ending */
} kinds[] = {
    {"application/vnd.docker.ai.gguf.", "%s.gguf"},
    {"application/vnd.docker.ai.safetensors", "%s.safetensors"},
    {"application/vnd.docker.ai.mmproj", "mmproj-%s.gguf"},
    {"application/vnd.docker.ai.dduf", "%s.dduf"},
    {"application/vnd.docker.ai.license", "LICENSE"},
    {"application/vnd.docker.ai.chat.template.jinja", "chat_template.jinja"},
    {"application/vnd.docker.ai.vllm.config", "vllm-config"},
    {"application/vnd.docker.ai.dir", "files"},
    {"application/vnd.docker.ai.", "file"},
    {"application/vnd.cncf.model.weight.v1.gguf", "%s.gguf"},
    {"application/vnd.cncf.model.weight.v1.safetensors", "%s.safetensors"},
    {"application/vnd.cncf.model.weight.config.", "config"},
    {"application/vnd.cncf.model.weight.", "weights"},
    {"application/vnd.cncf.model.doc.", "doc"},
    {"application/vnd.cncf.model.code.", "code"},
    {"application/vnd.cncf.model.dataset.", "dataset"},
    {"application/vnd.cncf.model.", "file"},
    {"application/vnd.kitops.modelkit.modelpart.", "modelpart"},
    {"application/vnd.kitops.modelkit.model.", "model"},
    {"application/vnd.kitops.modelkit.dataset.", "dataset"},
    {"application/vnd.kitops.modelkit.code.", "code"},
    {"application/vnd.kitops.modelkit.docs.", "docs"},
    {"application/vnd.kitops.modelkit.", "file"},
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

bool oci_goes_along(const struct oci_descriptor *layer)
{
	return begins(layer->type, "application/vnd.ncmodel.");
}

static const struct layer_kind *kind_of_layer(const struct oci_descriptor *layer)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (begins(layer->type, kinds[i].type))
			return &kinds[i];
	}
	return NULL;
}

static bool is_image_config(const char *type)
{
	return begins(type, "application/vnd.oci.image.config.") ||
	       begins(type, "application/vnd.docker.container.image.");
}

static bool is_empty(const struct oci_descriptor *layer)
{
	return begins(layer->type, "application/vnd.oci.empty.");
}

enum oci_kind oci_kind_of(const struct oci_manifest *manifest)
{
	bool named = false, all_named = true;

	for (size_t i = 0; i < manifest->count; i++) {
		const struct oci_descriptor *layer = &manifest->layers[i];

		if (kind_of_layer(layer))
			return OCI_MODEL;
		if (begins(layer->type, "application/vnd.ollama."))
			return OCI_OLLAMA;
		if (oci_goes_along(layer))
			continue;
		named = named || layer->path;
		all_named = all_named && layer->path;
	}
	if (manifest->has_config && is_image_config(manifest->config.type) && !all_named)
		return OCI_IMAGE;
	return named ? OCI_MODEL : OCI_OTHER;
}

int oci_check_kind(const struct oci_manifest *manifest, const char *what, struct ncm_error *err)
{
	const char *type = manifest->artifact_type ? manifest->artifact_type
			   : manifest->has_config  ? manifest->config.type
						   : "no type";

	switch (oci_kind_of(manifest)) {
	case OCI_IMAGE:
		ncm_error_set(err, NCM_E_POLICY, "%s is a container image, not a model", what);
		return ncm_error_hint(err, "container images are for docker, podman or kubernetes");
	case OCI_OLLAMA:
		ncm_error_set(err, NCM_E_POLICY, "%s is a model as Ollama keeps them", what);
		return ncm_error_hint(err, "write ollama: in the place of oci:");
	case OCI_OTHER:
		return ncm_error_set(err, NCM_E_POLICY,
				     "%s is no model: its parts are of no kind that is known here and have no names "
				     "(%.128s)",
				     what, type);
	case OCI_MODEL:
		break;
	}
	return 0;
}

bool oci_config_has_facts(const struct oci_descriptor *config)
{
	return begins(config->type, "application/vnd.cncf.model.config.") ||
	       begins(config->type, "application/vnd.docker.ai.model.config.");
}

static const char *packing(const char *type)
{
	static const char *const ends[][2] = {{"+gzip", ".gz"}, {".gzip", ".gz"}, {"+zstd", ".zst"}, {"+xz", ".xz"}};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		if (ncm_path_has_suffix(type, ends[i][0]))
			return ends[i][1];
	}
	return "";
}

/* Of a dialect the type tells; `oras push` gives every file the type of a tar, and says so of those that are. */
static enum oci_form form_of(const struct oci_descriptor *layer, const struct layer_kind *kind)
{
	const char *tar = strstr(layer->type, ".tar");

	if (layer->unpack)
		return OCI_TAR;
	if (!kind)
		return OCI_RAW;
	if (tar && (!tar[4] || strchr("+.", tar[4])))
		return OCI_TAR;
	return *packing(layer->type) ? OCI_COMPRESSED : OCI_RAW;
}

/* How a name goes on behind its stem: an archive is called as one. The caller frees it. */
static char *ending_of(const struct oci_descriptor *layer, enum oci_form form)
{
	if (form != OCI_TAR)
		return ncm_strdup("");
	return ncm_asprintf(".tar%s", packing(layer->type));
}

/* How many layers there are of each kind, and the how-manieth is named. */
struct naming {
	const struct oci_manifest *manifest;
	const char *what, *name;
	size_t all[sizeof kinds / sizeof *kinds], seen[sizeof kinds / sizeof *kinds];
};

/* "smollm2.gguf"; of several "smollm2-00001-of-00002.gguf", as split files of that format are called, else "doc-2". */
static char *made_name(struct naming *naming, const struct layer_kind *kind)
{
	const size_t index = (size_t)(kind - kinds), number = ++naming->seen[index];
	const char *dot = strchr(kind->name, '.'), *percent = strchr(kind->name, '%');
	const size_t before = percent ? (size_t)(percent - kind->name) : 0;
	NCM_AUTO_FREE char *stem = percent
				       ? ncm_asprintf("%.*s%s", (int)before, kind->name, naming->name)
				       : ncm_strndup(kind->name, dot ? (size_t)(dot - kind->name) : strlen(kind->name));

	if (naming->all[index] == 1)
		return ncm_asprintf("%s%s", stem, dot ? dot : "");
	if (dot && strcmp(dot, ".gguf") == 0)
		return ncm_asprintf("%s-%05zu-of-%05zu.gguf", stem, number, naming->all[index]);
	return ncm_asprintf("%s-%zu%s", stem, number, dot ? dot : "");
}

static bool leads_elsewhere(const char *path)
{
	for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			return true;
	}
	for (;;) {
		const size_t size = strcspn(path, "/");

		if (size == 0 || (size == 1 && path[0] == '.') || (size == 2 && path[0] == '.' && path[1] == '.'))
			return true;
		if (path[size] == '\0')
			return false;
		path += size + 1;
	}
}

static int check_path(const struct naming *naming, const char *path, struct ncm_error *err)
{
	if (!leads_elsewhere(path) && strlen(path) <= NCM_LIMIT_PATH_BYTES)
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "%s: refused: one of its files is called \"%.256s\"", naming->what, path);
	return ncm_error_hint(err, "a file's name leads to a place in the model's own folder: whoever made this is to "
				   "give it another");
}

/* "./config.json" is what `oras push ./config.json` makes, and "folder/" of a folder. The caller frees it. */
static char *tidy(const char *path)
{
	size_t size;

	while (begins(path, "./"))
		path += 2;
	size = strlen(path);
	return ncm_strndup(path, size > 1 && path[size - 1] == '/' ? size - 1 : size);
}

static char *path_of(struct naming *naming, const struct oci_descriptor *layer, const struct layer_kind *kind,
		     enum oci_form form)
{
	NCM_AUTO_FREE char *path = layer->path ? tidy(layer->path) : made_name(naming, kind);
	NCM_AUTO_FREE char *ending = ending_of(layer, form);

	return ncm_asprintf("%s%s", path, ncm_path_archive_ending(path) > 0 ? "" : ending);
}

/* Returns 1 if there is no file of that name yet, 0 if the same one is there, or -1. */
static int is_new(const struct naming *naming, const struct oci_files *files, struct ncm_text_map *known,
		  const char *path, const struct oci_descriptor *layer, struct ncm_error *err)
{
	const uint32_t *before = ncm_text_map_find(known, path, strlen(path));

	if (!before)
		return 1;
	if (ncm_sha256_equal(&files->items[*before].layer->digest, &layer->digest))
		return 0;
	return ncm_error_set(err, NCM_E_PROTOCOL, "%s: two of its files are called %.256s", naming->what, path);
}

static int add(struct naming *naming, struct ncm_text_map *known, const struct oci_descriptor *layer,
	       struct oci_files *files, struct ncm_error *err)
{
	const struct layer_kind *kind = kind_of_layer(layer);
	const enum oci_form form = form_of(layer, kind);
	NCM_AUTO_FREE char *path = NULL;
	int is = 0;

	if (is_empty(layer) || oci_goes_along(layer))
		return 0;
	if (!kind && !layer->path) {
		files->unnamed++;
		return 0;
	}
	path = path_of(naming, layer, kind, form);
	if (check_path(naming, path, err) < 0 || (is = is_new(naming, files, known, path, layer, err)) < 0)
		return -1;
	if (is == 0)
		return 0;
	ncm_text_map_add(known, path, strlen(path), files->count);
	*NCM_PUSH(files->items, files->count) = (struct oci_file){layer, path, form};
	path = NULL;
	return 0;
}

int oci_files_of(const struct oci_manifest *manifest, const char *what, const char *name, struct oci_files *files,
		 struct ncm_error *err)
{
	struct naming naming = {.manifest = manifest, .what = what, .name = name};
	struct ncm_text_map known = {0};
	int failed = 0;

	*files = (struct oci_files){0};
	for (size_t i = 0; i < manifest->count; i++) {
		const struct layer_kind *kind = kind_of_layer(&manifest->layers[i]);

		if (kind && !manifest->layers[i].path)
			naming.all[kind - kinds]++;
	}
	for (size_t i = 0; i < manifest->count && !failed; i++)
		failed = add(&naming, &known, &manifest->layers[i], files, err);
	ncm_text_map_free(&known);
	if (failed)
		oci_files_clear(files);
	return failed;
}

void oci_files_clear(struct oci_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].path);
	free(files->items);
	*files = (struct oci_files){0};
}

int oci_check_form(const struct oci_file *file, const char *what, bool unpacks, struct ncm_error *err)
{
	NCM_AUTO_FREE char *word = ncm_shell_word(file->path);

	if (file->form == OCI_COMPRESSED) {
		ncm_error_set(err, NCM_E_POLICY, "%s: %.256s is packed (%.128s), and would have to be unpacked first",
			      what, file->path, file->layer->type);
		return ncm_error_hint(err, "leave it out with --exclude, or take the model from another source");
	}
	if (file->form != OCI_TAR || unpacks)
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "%s: %.256s is an archive (%.128s)", what, file->path, file->layer->type);
	return ncm_error_hint(err,
			      "a manifest file whose entry says \"extract\" unpacks it; or leave it out with "
			      "--exclude %s",
			      word);
}

/* SPDX-License-Identifier: MIT */
/* ModelPack's configuration and manifest (modelpack/model-spec docs/config.md, docs/spec.md), without a time in them.
 */
#include "push/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "oci/artifact.h"

#include <ncmodel/text.h>
#include <string.h>

#define ARTIFACT_TYPE "application/vnd.cncf.model.manifest.v1+json"
#define CONFIG_TYPE "application/vnd.cncf.model.config.v1+json"

static char *digest_text(const struct ncm_sha256 *digest)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_asprintf("sha256:%s", ncm_sha256_hex(digest, hex));
}

static void put_digest(json_t *object, const char *key, const struct ncm_sha256 *digest)
{
	NCM_AUTO_FREE char *text = digest_text(digest);

	ncm_json_set_string(object, key, text);
}

json_t *push_descriptor(const char *type, const struct ncm_sha256 *digest, uint64_t size)
{
	json_t *object = json_object();

	ncm_json_set_string(object, "mediaType", type);
	put_digest(object, "digest", digest);
	ncm_json_set_u64(object, "size", size);
	return object;
}

/* What of the model a registry's users may want to know; of several models, nothing. */
static json_t *about(const struct push *push)
{
	const struct ncm_reg_model *model = push->model_count == 1 ? push->models[0] : NULL;
	json_t *object = json_object();

	ncm_json_set_string(object, "name", model ? model->display_name : ncm_path_base(push->name.repository));
	if (model && model->license)
		json_object_set_new(object, "licenses", json_pack("[s]", model->license));
	return object;
}

static json_t *facts(const struct push *push)
{
	const struct ncm_reg_model *model = push->model_count == 1 ? push->models[0] : NULL;
	json_t *object = json_object();

	if (!model)
		return object;
	ncm_json_set_string(object, "architecture", model->architecture);
	ncm_json_set_string(object, "format", model->format);
	ncm_json_set_string(object, "paramSize", model->parameters);
	ncm_json_set_string(object, "quantization", model->quantization);
	return object;
}

static void add_digest(json_t *digests, const struct ncm_sha256 *digest)
{
	NCM_AUTO_FREE char *text = digest_text(digest);

	json_array_append_new(digests, json_string(text));
}

static json_t *contents(const struct push *push)
{
	json_t *object = json_object(), *digests = json_array();

	for (size_t i = 0; i < push->report->count; i++)
		add_digest(digests, &push->report->files[i].layer);
	if (push->pins)
		add_digest(digests, &push->pins_digest);
	ncm_json_set_string(object, "type", "layers");
	json_object_set_new(object, "diffIds", digests);
	return object;
}

char *push_written(json_t *document, size_t *size)
{
	char *text = json_dumps(document, JSON_COMPACT);

	json_decref(document);
	*size = strlen(text);
	return text;
}

static void write_settings(struct push *push)
{
	json_t *root = json_object();

	json_object_set_new(root, "descriptor", about(push));
	json_object_set_new(root, "modelfs", contents(push));
	json_object_set_new(root, "config", facts(push));
	push->settings = push_written(root, &push->settings_size);
}

/* What a layer is called; one in a tar is that to who takes a title for the name of what comes. New reference. */
static json_t *names(const char *path, bool tar)
{
	NCM_AUTO_FREE char *title = ncm_asprintf("%s%s", path, tar ? ".tar" : "");
	json_t *notes = json_object();

	ncm_json_set_string(notes, "org.cncf.model.filepath", path);
	ncm_json_set_string(notes, "org.opencontainers.image.title", title);
	return notes;
}

static json_t *layer(const struct ncm_push_file *file, bool tar)
{
	NCM_AUTO_FREE char *type = push_media_type(file->path, tar);
	json_t *object = push_descriptor(type, &file->layer, file->layer_size), *notes = names(file->path, tar);
	char phase[8];

	ncm_json_set_string(notes, "org.ncmodel.model", file->model);
	ncm_json_set_string(notes, "org.ncmodel.store", file->store);
	snprintf(phase, sizeof phase, "%u", file->phase);
	ncm_json_set_string(notes, "org.ncmodel.phase", file->phase ? phase : NULL);
	json_object_set_new(object, "annotations", notes);
	return object;
}

/* Under its name, by which readers that know no locks keep it as a file. */
static json_t *pins_layer(const struct push *push)
{
	const bool tar = push->options->tar;
	json_t *object = push_descriptor(tar ? OCI_LOCK_TAR_TYPE : OCI_LOCK_TYPE, &push->pins_digest, push->pins_size);
	json_t *notes = names(OCI_LOCK_NAME, tar);

	json_object_set_new(object, "annotations", notes);
	return object;
}

static void write_manifest(struct push *push)
{
	json_t *root = json_object(), *layers = json_array();
	struct ncm_sha256 digest;

	ncm_sha256_of(push->settings, push->settings_size, &digest);
	json_object_set_new(root, "schemaVersion", json_integer(2));
	ncm_json_set_string(root, "mediaType", OCI_MANIFEST_TYPE);
	ncm_json_set_string(root, "artifactType", ARTIFACT_TYPE);
	json_object_set_new(root, "config", push_descriptor(CONFIG_TYPE, &digest, push->settings_size));
	for (size_t i = 0; i < push->report->count; i++)
		json_array_append_new(layers, layer(&push->report->files[i], push->options->tar));
	if (push->pins)
		json_array_append_new(layers, pins_layer(push));
	json_object_set_new(root, "layers", layers);
	push->manifest = push_written(root, &push->manifest_size);
	ncm_sha256_of(push->manifest, push->manifest_size, &push->report->digest);
}

void push_write(struct push *push)
{
	free(push->settings);
	free(push->manifest);
	write_settings(push);
	write_manifest(push);
}

int push_check_size(const struct push *push, struct ncm_error *err)
{
	char size[32], most[32];

	if (push->manifest_size <= PUSH_MANIFEST_BYTES)
		return 0;
	ncm_format_size(push->manifest_size, size, sizeof size);
	ncm_format_size(PUSH_MANIFEST_BYTES, most, sizeof most);
	ncm_error_set(err, NCM_E_POLICY, "%s: %zu files make a manifest of %s, and registries take %s", push->what,
		      push->report->count, size, most);
	return ncm_error_hint(err, "push fewer models under one tag; nothing was sent");
}

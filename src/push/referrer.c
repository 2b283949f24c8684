/* SPDX-License-Identifier: MIT */
/*
 * The SHA-256 checkpoints of the larger files, of those that were sent and as far as stores keep them of the others: an
 * artifact that refers to the manifest. They help whoever pulls, and nobody needs them: what goes wrong here is told,
 * and no failure.
 */
#include "push/work.h"

#include "base/mem.h"
#include "digest/checkpoint.h"
#include "digest/hash.h"
#include "digest/span.h"
#include "oci/referrer.h"
#include "os/os.h"

#include <string.h>

/* Those of one file. */
struct packed {
	const struct ncm_push_file *file;
	char *bytes;
	size_t size;
	struct ncm_sha256 digest;
};

struct referrer {
	struct push *push;
	struct packed *items;
	size_t count;
	char *manifest;
	size_t manifest_size;
	struct ncm_sha256 digest;
};

static void clear_referrer(struct referrer *referrer)
{
	for (size_t i = 0; i < referrer->count; i++)
		free(referrer->items[i].bytes);
	free(referrer->items);
	free(referrer->manifest);
}

static bool find(const struct push *push, size_t index, struct ncm_checkpoints *checkpoints)
{
	const struct ncm_push_file *file = &push->report->files[index];
	const struct ncm_store *store = file->store ? ncm_layout_find(push->layout, file->store) : NULL;
	NCM_AUTO_CLOSE int dirfd = store ? ncm_store_peek(store) : -1;
	NCM_AUTO_CLOSE int home = dirfd < 0 ? -1 : ncm_store_home(store, dirfd);

	if (push->sent && push->sent[index].size == file->size) {
		ncm_checkpoints_copy(checkpoints, &push->sent[index]);
		return true;
	}
	return home >= 0 && ncm_checkpoints_read(home, &file->sha256, file->size, checkpoints) == 0;
}

static bool is_packed(const struct referrer *referrer, const struct ncm_sha256 *sha256)
{
	for (size_t i = 0; i < referrer->count; i++) {
		if (ncm_sha256_equal(&referrer->items[i].file->sha256, sha256))
			return true;
	}
	return false;
}

static void pack(struct referrer *referrer, size_t index)
{
	const struct ncm_push_file *file = &referrer->push->report->files[index];
	struct ncm_checkpoints checkpoints;
	struct packed *item;

	if (ncm_checkpoints_expected(file->size) == 0 || is_packed(referrer, &file->sha256) ||
	    !find(referrer->push, index, &checkpoints))
		return;
	item = NCM_PUSH(referrer->items, referrer->count);
	item->file = file;
	item->bytes = ncm_checkpoints_pack(&checkpoints, &item->size);
	ncm_sha256_of(item->bytes, item->size, &item->digest);
	ncm_checkpoints_clear(&checkpoints);
}

static json_t *layer(const struct packed *item)
{
	json_t *object = push_descriptor(OCI_CHECKPOINTS_LAYER, &item->digest, item->size), *notes = json_object();
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *path = ncm_asprintf(OCI_CHECKPOINTS_FOLDER "/%s", ncm_sha256_hex(&item->file->sha256, hex));

	ncm_json_set_string(notes, "org.opencontainers.image.title", path);
	json_object_set_new(object, "annotations", notes);
	return object;
}

static void write_manifest(struct referrer *referrer)
{
	const struct push *push = referrer->push;
	json_t *root = json_object(), *layers = json_array();
	struct ncm_sha256 empty;

	ncm_sha256_of(OCI_EMPTY, strlen(OCI_EMPTY), &empty);
	json_object_set_new(root, "schemaVersion", json_integer(2));
	ncm_json_set_string(root, "mediaType", OCI_MANIFEST_TYPE);
	ncm_json_set_string(root, "artifactType", OCI_CHECKPOINTS_TYPE);
	json_object_set_new(root, "config", push_descriptor(OCI_EMPTY_TYPE, &empty, strlen(OCI_EMPTY)));
	for (size_t i = 0; i < referrer->count; i++)
		json_array_append_new(layers, layer(&referrer->items[i]));
	json_object_set_new(root, "layers", layers);
	json_object_set_new(root, "subject",
			    push_descriptor(OCI_MANIFEST_TYPE, &push->report->digest, push->manifest_size));
	referrer->manifest = push_written(root, &referrer->manifest_size);
	ncm_sha256_of(referrer->manifest, referrer->manifest_size, &referrer->digest);
}

/* Returns 1 if it is there, 0, or -1. */
static int is_there(const struct push *push, const char *reference, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/manifests/%s", push->repository, reference);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	return push_ask(push, url, "HEAD", &reply, err) < 0 ? -1 : reply.status == 200;
}

/* Sets *listed if the registry says that it lists it by itself. */
static int send(const struct referrer *referrer, bool *listed, struct ncm_error *err)
{
	struct push *push = referrer->push;
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *reference = ncm_asprintf("sha256:%s", ncm_sha256_hex(&referrer->digest, hex));
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	NCM_AUTO_FREE char *subject = NULL;
	const int there = is_there(push, reference, err);

	if (there != 0)
		return there < 0 ? -1 : 0;
	for (size_t i = 0; i < referrer->count; i++) {
		if (push_text(push, referrer->items[i].bytes, referrer->items[i].size, err) < 0)
			return -1;
	}
	if (push_text(push, OCI_EMPTY, strlen(OCI_EMPTY), err) < 0 ||
	    push_put(push, reference, OCI_MANIFEST_TYPE, referrer->manifest, referrer->manifest_size, &reply, err) < 0)
		return -1;
	subject = ncm_reply_header(&reply, "OCI-Subject");
	*listed = subject != NULL;
	return 0;
}

static bool is_index(const json_t *root)
{
	return json_is_array(json_object_get(root, "manifests"));
}

/* Whether the registry has the list of what refers to a manifest. */
static bool lists(const struct push *push)
{
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *url =
	    ncm_asprintf("%s/referrers/sha256:%s", push->repository, ncm_sha256_hex(&push->report->digest, hex));
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	NCM_AUTO_JSON json_t *root = NULL;

	if (push_ask(push, url, "GET", &reply, NULL) < 0 || reply.status != 200)
		return false;
	root = ncm_json_parse(reply.body ? reply.body : "", reply.body_size, "referrers", NCM_E_PROTOCOL, NULL);
	return is_index(root);
}

static json_t *empty_index(void)
{
	json_t *root = json_object();

	json_object_set_new(root, "schemaVersion", json_integer(2));
	ncm_json_set_string(root, "mediaType", OCI_INDEX_TYPE);
	json_object_set_new(root, "manifests", json_array());
	return root;
}

/* The index at the tag, which may name what others say of the manifest; an empty one if there is none. */
static json_t *read_index(const struct push *push, const char *tag, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/manifests/%s", push->repository, tag);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	json_t *root;

	if (push_ask(push, url, "GET", &reply, err) < 0)
		return NULL;
	if (reply.status == 404)
		return empty_index();
	if (reply.status != 200)
		return push_refused(push, &reply, "to tell what refers to it", err), NULL;
	root = ncm_json_parse(reply.body ? reply.body : "", reply.body_size, tag, NCM_E_PROTOCOL, err);
	if (!root || is_index(root))
		return root;
	json_decref(root);
	return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the tag %s names no index", push->what, tag), NULL;
}

static bool names(const json_t *index, const char *digest)
{
	const json_t *child;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, child)
	{
		const char *other = ncm_json_string(child, "digest");

		if (other && strcmp(other, digest) == 0)
			return true;
	}
	return false;
}

/* Two who do so at once may lose one of both: it is written anew by the next push. */
static int list(const struct referrer *referrer, struct ncm_error *err)
{
	struct push *push = referrer->push;
	NCM_AUTO_JSON json_t *child = push_descriptor(OCI_MANIFEST_TYPE, &referrer->digest, referrer->manifest_size);
	NCM_AUTO_FREE char *tag = oci_referrers_tag(&push->report->digest);
	NCM_AUTO_JSON json_t *index = read_index(push, tag, err);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	NCM_AUTO_FREE char *text = NULL;

	if (!index)
		return -1;
	if (names(index, ncm_json_string(child, "digest")))
		return 0;
	ncm_json_set_string(child, "artifactType", OCI_CHECKPOINTS_TYPE);
	json_array_append(json_object_get(index, "manifests"), child);
	text = json_dumps(index, JSON_COMPACT);
	if (!text || strlen(text) > PUSH_MANIFEST_BYTES)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: too much refers to it", push->what);
	return push_put(push, tag, OCI_INDEX_TYPE, text, strlen(text), &reply, err);
}

static int bring(const struct referrer *referrer, struct ncm_error *err)
{
	bool listed = false;

	if (send(referrer, &listed, err) < 0)
		return -1;
	return listed || lists(referrer->push) ? 0 : list(referrer, err);
}

int push_checkpoints(struct push *push, struct ncm_error *err)
{
	struct referrer referrer = {.push = push};
	struct ncm_error why = NCM_ERROR_INIT;
	int failed = 0;

	for (size_t i = 0; i < push->report->count && !push->options->tar; i++)
		pack(&referrer, i);
	if (referrer.count > 0) {
		write_manifest(&referrer);
		failed = bring(&referrer, &why);
	}
	push->report->checkpoints = failed ? 0 : referrer.count;
	clear_referrer(&referrer);
	if (failed && why.code == NCM_E_INTERRUPTED)
		return ncm_error_move(err, &why);
	if (failed)
		ncm_emit_text(push->sink, NCM_EVENT_NOTE,
			      "the model is pushed; checkpoints, which help to pull it, could not be: %s", why.message);
	ncm_error_clear(&why);
	return 0;
}

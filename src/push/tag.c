/* SPDX-License-Identifier: MIT */
/* What stands at the tag, and the manifest that is to stand there. */
#include "push/work.h"

#include "base/mem.h"
#include "digest/hash.h"
#include "oci/artifact.h"

#include <ncmodel/text.h>
#include <string.h>

static char *tag_url(const struct push *push)
{
	return ncm_asprintf("%s/manifests/%s", push->repository, push->name.tag);
}

/* "a model of 3 files, 4.9 GB". The caller frees it. */
static char *describe(const struct ncm_reply *reply)
{
	OCI_AUTO_MANIFEST struct oci_manifest manifest = {0};
	uint64_t size = 0;
	size_t files = 0;
	char text[32];

	if (oci_manifest_parse(reply->body ? reply->body : "", reply->body_size, "tag", &manifest, NULL) < 0)
		return ncm_strdup("something that is no manifest");
	if (manifest.is_index)
		return ncm_asprintf("an index of %zu manifests", manifest.child_count);
	for (size_t i = 0; i < manifest.count; i++) {
		size += manifest.layers[i].size;
		files += oci_goes_along(&manifest.layers[i]) ? 0 : 1;
	}
	ncm_format_size(size, text, sizeof text);
	switch (oci_kind_of(&manifest)) {
	case OCI_MODEL:
		return ncm_asprintf("a model of %zu %s, %s", files, files == 1 ? "file" : "files", text);
	case OCI_IMAGE:
		return ncm_asprintf("a container image, %s", text);
	case OCI_OLLAMA:
		return ncm_asprintf("a model as Ollama keeps them, %s", text);
	case OCI_OTHER:
		break;
	}
	return ncm_asprintf("something that is no model, %s", text);
}

static int refuse(const struct push *push, struct ncm_error *err)
{
	const struct ncm_push_report *report = push->report;
	char hex[NCM_SHA256_HEX + 1];

	ncm_error_set(err, NCM_E_POLICY, "%s names something else already: %s (sha256:%.12s)", push->what,
		      report->replaced_what, ncm_sha256_hex(&report->replaced, hex));
	return ncm_error_hint(err, "take another tag; or move this one with --force: what it named can be had by its "
				   "digest as long as the registry keeps it");
}

static int compare(struct push *push, const struct ncm_reply *reply, struct ncm_error *err)
{
	struct ncm_push_report *report = push->report;
	struct ncm_sha256 digest;

	ncm_sha256_of(reply->body ? reply->body : "", reply->body_size, &digest);
	report->unchanged = ncm_sha256_equal(&digest, &report->digest);
	report->replaces = !report->unchanged;
	if (report->unchanged)
		return 0;
	report->replaced = digest;
	free(report->replaced_what);
	report->replaced_what = describe(reply);
	return push->options->force || push->options->dry_run ? 0 : refuse(push, err);
}

int push_check_tag(struct push *push, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = tag_url(push);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	push->report->unchanged = push->report->replaces = false;
	if (push_ask(push, url, "GET", &reply, err) < 0)
		return -1;
	if (reply.status == 404)
		return 0;
	if (reply.status == 200)
		return compare(push, &reply, err);
	return push_refused(push, &reply, "to tell what the tag names", err);
}

int push_put(const struct push *push, const char *reference, const char *type, const char *text, size_t size,
	     struct ncm_reply *reply, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/manifests/%s", push->repository, reference);
	struct push_body body = {.what = push->what, .fd = -1, .data = text, .size = size};
	const struct ncm_upload upload = {.method = "PUT",
					  .type = type,
					  .size = size,
					  .read = push_body_read,
					  .restart = push_body_restart,
					  .context = &body};
	int failed;

	ncm_sha256_of(text, size, &body.sha256);
	failed = push_send(push, url, &upload, false, reply, err);
	push_body_close(&body);
	if (!failed && reply->status != 201 && reply->status != 200)
		failed = push_refused(push, reply, "the manifest", err);
	return failed;
}

int push_put_manifest(struct push *push, struct ncm_error *err)
{
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	return push_put(push, push->name.tag, OCI_MANIFEST_TYPE, push->manifest, push->manifest_size, &reply, err);
}

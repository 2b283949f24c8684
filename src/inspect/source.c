/* SPDX-License-Identifier: MIT */
/* Models that are not here: of each file as much as its header takes. */
#include "inspect/remote.h"
#include "inspect/work.h"

#include "base/address.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "os/os.h"
#include "source/shared.h"

#include <ncmodel/text.h>
#include <string.h>

enum { TEXT_BYTES = 1 << 20 }; /* of a config.json or an index */

struct asking {
	const struct ncm_config *config;
	struct ncm_http *http;
	struct ncm_sources *sources;
	const char *uri; /* canonical */
	struct ncm_resolution *found;
	struct ncm_inspection *inspection;
	bool other_parts;
};

static struct ncm_resolution *resolve(const struct asking *asking, const char *uri, struct ncm_error *err)
{
	const struct ncm_file_spec spec = {.role = (char *)"weights", .insecure_http = ncm_source_is_in_clear(uri)};
	struct ncm_resolution *found = ncm_source_offline(asking->sources, uri, &spec, NULL);

	return found ? found : ncm_source_resolve(asking->sources, uri, &spec, NULL, err);
}

static const struct ncm_artifact *artifact_named(const struct ncm_resolution *found, const char *name)
{
	for (size_t i = 0; i < found->count; i++) {
		if (found->artifacts[i].name && strcmp(found->artifacts[i].name, name) == 0)
			return &found->artifacts[i];
	}
	return NULL;
}

/* One file whose place is known. */
static int read_artifact(struct asking *asking, const struct ncm_resolution *of, const struct ncm_artifact *artifact,
			 const char *role, struct ncm_error *err)
{
	struct ncm_inspection *inspection = asking->inspection;
	NCM_AUTO_FREE char *shown = ncm_source_told(of->uri, NULL);
	struct ncm_inspected_file *file = inspection_add(inspection, artifact->name ? artifact->name : shown, role);
	struct remote remote;
	struct ncm_bytes bytes;
	int failed = remote_open(&remote, asking->sources, of, artifact, err);

	if (!failed) {
		bytes = remote_bytes(&remote);
		failed = inspect_read(inspection, &bytes, err);
		file->fetched = remote.fetched;
		if (failed && remote.error.code != NCM_OK)
			ncm_error_move(err, &remote.error);
	}
	remote_close(&remote);
	return failed;
}

/* A file of the repository that the resolution did not bring: another part. NULL: the source has no spelling of it. */
static struct ncm_resolution *resolve_other(const struct asking *asking, const char *name, struct ncm_error *err)
{
	NCM_AUTO_FREE char *uri = ncm_source_file_at(asking->uri, name, asking->found->revision);

	return uri ? resolve(asking, uri, err) : NULL;
}

static void add_missing(struct asking *asking, const char *name)
{
	struct ncm_inspected_file *file = inspection_add(asking->inspection, name, NULL);

	file->state = NCM_INSPECTED_MISSING;
	file->fault = ncm_strdup("its source does not have it");
}

static int read_other(struct asking *asking, const char *name, struct ncm_error *err)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_resolution *other = resolve_other(asking, name, &why);
	int failed = 0;

	if (other && other->count > 0) {
		failed = read_artifact(asking, other, &other->artifacts[0], NULL, err);
	} else if (why.code == NCM_OK || why.code == NCM_E_NOT_FOUND) {
		add_missing(asking, name);
	} else {
		failed = ncm_error_move(err, &why);
	}
	ncm_error_clear(&why);
	ncm_resolution_free(other);
	return failed;
}

static json_t *fetch_json(struct asking *asking, const struct ncm_resolution *of, const struct ncm_artifact *artifact)
{
	const struct ncm_request request = {.url = artifact->url,
					    .credential = of->credential,
					    .service = of->service,
					    .what = artifact->name,
					    .limit = TEXT_BYTES};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (!artifact->url || asking->sources->get(asking->sources->http, &request, &reply, NULL) < 0)
		return NULL;
	asking->inspection->fetched += reply.body_size;
	return reply.body ? ncm_json_parse(reply.body, reply.body_size, artifact->name, NCM_E_PROTOCOL, NULL) : NULL;
}

static void read_config(struct asking *asking, const char *name)
{
	const struct ncm_artifact *artifact = artifact_named(asking->found, name);
	struct ncm_resolution *other = artifact ? NULL : resolve_other(asking, name, NULL);
	NCM_AUTO_JSON json_t *config = NULL;

	if (!artifact && other && other->count > 0)
		artifact = &other->artifacts[0];
	if (artifact)
		config = fetch_json(asking, other ? other : asking->found, artifact);
	if (json_is_object(config))
		inspect_config(asking->inspection, config);
	ncm_resolution_free(other);
}

static void read_index(struct asking *asking, struct parts *parts)
{
	const struct ncm_artifact *artifact = parts->index ? artifact_named(asking->found, parts->index) : NULL;
	NCM_AUTO_JSON json_t *index = artifact ? fetch_json(asking, asking->found, artifact) : NULL;

	if (index)
		parts_index(parts, index);
}

/* A language model's config.json lies beside it, though one file alone was asked for. */
static void guess_config(const struct asking *asking, struct parts *parts)
{
	NCM_AUTO_FREE char *folder = NULL;
	const char *name = parts->names.count > 0 ? parts->names.items[0] : "";

	if (parts->config || ncm_source_is_many(asking->uri) || !ncm_path_has_suffix(name, ".safetensors") ||
	    !asking->other_parts)
		return;
	folder = strchr(name, '/') ? ncm_path_folder(name) : NULL;
	parts->config = ncm_path_join(folder, "config.json");
}

static int read_parts(struct asking *asking, struct parts *parts, struct ncm_error *err)
{
	read_index(asking, parts);
	guess_config(asking, parts);
	for (size_t i = 0; i < parts->names.count; i++) {
		const char *name = parts->names.items[i];
		const struct ncm_artifact *artifact = artifact_named(asking->found, name);

		if ((artifact ? read_artifact(asking, asking->found, artifact, NULL, err)
			      : read_other(asking, name, err)) < 0)
			return -1;
	}
	if (parts->projector &&
	    read_artifact(asking, asking->found, artifact_named(asking->found, parts->projector), "projector", err) < 0)
		return -1;
	if (parts->config)
		read_config(asking, parts->config);
	return 0;
}

static int read_files(struct asking *asking, struct ncm_error *err)
{
	const struct ncm_resolution *found = asking->found;
	struct ncm_strings offered = {0};
	struct parts parts = {0};
	int failed;

	for (size_t i = 0; i < found->count; i++) {
		if (found->artifacts[i].name)
			ncm_strings_add(&offered, found->artifacts[i].name);
	}
	if (found->count == 1 && (!found->artifacts[0].name || !asking->other_parts))
		failed = read_artifact(asking, found, &found->artifacts[0], NULL, err);
	else if (found->count == 1)
		failed = (parts_of(offered.items[0], &offered, &parts), read_parts(asking, &parts, err));
	else if (parts_choose(&offered, &parts))
		failed = read_parts(asking, &parts, err);
	else
		failed = ncm_error_set(err, NCM_E_POLICY, "%s has no model file", asking->inspection->location);
	parts_clear(&parts);
	ncm_strings_free(&offered);
	return failed;
}

/* An Ollama model: weights have roles. */
static int read_blobs(struct asking *asking, struct ncm_error *err)
{
	const struct ncm_resolution *found = asking->found;

	for (size_t i = 0; i < found->count; i++) {
		const char *role = found->artifacts[i].role;

		if (role && (strcmp(role, "model") == 0 || strcmp(role, "projector") == 0) &&
		    read_artifact(asking, found, &found->artifacts[i], role, err) < 0)
			return -1;
	}
	if (asking->inspection->file_count == 0)
		return ncm_error_set(err, NCM_E_POLICY, "%s has no weights", asking->inspection->location);
	return 0;
}

static int ask(struct asking *asking, struct ncm_error *err)
{
	asking->found = resolve(asking, asking->uri, err);
	if (!asking->found)
		return -1;
	asking->inspection = inspection_new(ncm_source_told(asking->found->uri, NULL));
	inspection_set(&asking->inspection->license, asking->found->license);
	if ((ncm_source_gives_blobs(asking->uri) ? read_blobs(asking, err) : read_files(asking, err)) < 0)
		return -1;
	inspect_finish(asking->inspection);
	if (!asking->inspection->format)
		return ncm_error_set(err, NCM_E_POLICY, "%s is no model file that ncmodel knows",
				     asking->inspection->location);
	return 0;
}

struct ncm_inspection *ncm_inspect_source(const struct ncm_config *config, const char *uri,
					  const struct ncm_inspect_options *options, const struct ncm_sink *sink,
					  struct ncm_error *err)
{
	struct asking asking = {.config = config, .other_parts = !options || options->other_parts};
	NCM_AUTO_FREE char *canonical = NULL;
	int failed;

	if (ncm_source_check(uri, ncm_source_may_use_http(&(const struct ncm_file_spec){0}, uri), &canonical, err) < 0)
		return NULL;
	if (ncm_source_gives_blobs(canonical)) {
		failed = inspect_ollama_store(&asking.inspection, config, canonical, err);
		if (failed == 1)
			return asking.inspection;
		if (failed < 0) {
			ncm_inspection_free(asking.inspection);
			return NULL;
		}
	}
	asking.uri = canonical;
	asking.http = ncm_http_new(config, sink);
	asking.sources = ncm_sources_new(config, asking.http, sink);
	failed = ask(&asking, err);
	ncm_resolution_free(asking.found);
	ncm_sources_free(asking.sources);
	ncm_http_free(asking.http);
	if (!failed)
		return asking.inspection;
	ncm_inspection_free(asking.inspection);
	return NULL;
}

struct ncm_inspection *ncm_inspect(const struct ncm_config *config, const char *what,
				   const struct ncm_inspect_options *options, const struct ncm_sink *sink,
				   struct ncm_error *err)
{
	struct os_stat status;

	if (ncm_source_of(what) && os_stat(OS_HERE, what, &status) < 0)
		return ncm_inspect_source(config, what, options, sink, err);
	return ncm_inspect_file(what, options, err);
}

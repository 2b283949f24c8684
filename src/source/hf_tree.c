/* SPDX-License-Identifier: MIT */
/*
 * Listings: GET /api/models/<repo>/revision/<rev> gives the commit, GET /api/models/<repo>/tree/<commit> path, size and
 * digest of every file, page by page (Link: <…>; rel="next").
 */
#include "source/hf.h"

#include "base/mem.h"
#include "base/strings.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

enum { MOST_PAGES = 1000 };

void hf_tree_clear(struct hf_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		free(tree->files[i].path);
	free(tree->files);
	free(tree->endpoint);
	free(tree->commit);
	free(tree->id);
	free(tree->license);
	free(tree->architecture);
	json_decref(tree->listing);
	ncm_strings_free(&tree->folders);
}

int hf_hint_at_mirror(const struct hf_tree *tree, struct ncm_error *err)
{
	return ncm_error_hint(
	    err,
	    "unset HF_ENDPOINT (the configuration's \"endpoints\"), or set it to a mirror that has all of "
	    "Hugging Face's API; one file may be had without: hf:%s/FILE",
	    tree->repo);
}

static struct ncm_request request_of(const struct hf_tree *tree, const char *url)
{
	return (struct ncm_request){
	    .url = url,
	    .credential = ncm_source_credential(tree->sources, &ncm_source_huggingface),
	    .service = &hf_service,
	    .what = tree->what,
	};
}

/* "gated" is false, or tells how one gets in: "auto", "manual". */
static enum ncm_gate gate_of(const json_t *info)
{
	const json_t *gated = json_object_get(info, "gated");

	return json_is_false(gated) ? NCM_GATE_NONE : gated ? NCM_GATE_SHUT : NCM_GATE_UNKNOWN;
}

static void read_facts(struct hf_tree *tree, const json_t *info)
{
	static const char mark[] = "license:";
	const char *architecture = ncm_json_string(json_object_get(info, "gguf"), "architecture");
	const json_t *tag;
	size_t i;

	json_array_foreach(json_object_get(info, "tags"), i, tag)
	{
		const char *text = json_string_value(tag);

		if (text && strncmp(text, mark, strlen(mark)) == 0 && !tree->license)
			tree->license = ncm_strdup(text + strlen(mark));
	}
	if (architecture)
		tree->architecture = ncm_strdup(architecture);
	tree->id = ncm_strdup_null(ncm_json_string(info, "id"));
	tree->gate = gate_of(info);
}

/* The hub knows a repository by one name, and in any case of its letters. */
static void take_true_name(struct hf_tree *tree)
{
	if (tree->id && strcasecmp(tree->id, tree->repo) == 0)
		tree->repo = tree->id;
}

int hf_tree_find_commit(struct hf_tree *tree, const char *revision, struct ncm_error *err)
{
	NCM_AUTO_FREE char *encoded = ncm_url_encode(revision, false);
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/api/models/%s/revision/%s", tree->endpoint, tree->repo, encoded);
	const struct ncm_request request = request_of(tree, url);
	NCM_AUTO_JSON json_t *info = ncm_source_json(tree->sources, &request, NULL, err);
	const char *commit = ncm_json_string(info, "sha");

	if (!info)
		return -1;
	if (!commit || !ncm_source_is_commit(commit)) {
		ncm_error_set(err, NCM_E_PROTOCOL, "%s: %s names no commit for revision %.256s", tree->what,
			      tree->endpoint, revision);
		return hf_hint_at_mirror(tree, err);
	}
	tree->commit = ncm_strdup(commit);
	read_facts(tree, info);
	take_true_name(tree);
	return 0;
}

static int refuse_entry(const struct hf_tree *tree, const char *path, const char *why, struct ncm_error *err)
{
	return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the hub's list of files is not right: %.256s: %s", tree->what,
			     path, why);
}

static int read_file(struct hf_tree *tree, const json_t *entry, const char *path, struct ncm_error *err)
{
	const json_t *lfs = json_object_get(entry, "lfs");
	const char *oid = ncm_json_string(entry, "oid");
	const char *lfs_oid = ncm_json_string(lfs, "oid");
	struct hf_file file = {0};

	if (!ncm_json_u64(json_is_object(lfs) ? lfs : entry, "size", &file.size) || file.size > NCM_LIMIT_FILE_BYTES)
		return refuse_entry(tree, path, "no valid size", err);
	if (json_is_object(lfs)) {
		file.has_sha256 = lfs_oid && ncm_sha256_parse(lfs_oid, &file.sha256) == 0;
		if (!file.has_sha256)
			return refuse_entry(tree, path, "no valid SHA-256", err);
	} else {
		file.has_git_sha1 = oid && ncm_sha1_parse(oid, &file.git_sha1) == 0;
		if (!file.has_git_sha1)
			return refuse_entry(tree, path, "no valid object id", err);
	}
	file.path = ncm_strdup(path);
	*NCM_PUSH(tree->files, tree->count) = file;
	return 0;
}

static int read_page(struct hf_tree *tree, const json_t *page, struct ncm_error *err)
{
	const json_t *entry;
	size_t i;

	if (!json_is_array(page))
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the hub's list of files is no list", tree->what);
	if (json_array_size(page) > NCM_LIMIT_FILES - tree->count ||
	    json_array_size(page) > NCM_LIMIT_FILES - tree->folders.count)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the repository has more than %u files", tree->what,
				     NCM_LIMIT_FILES);
	json_array_foreach(page, i, entry)
	{
		const char *type = ncm_json_string(entry, "type");
		const char *path = ncm_json_string(entry, "path");

		if (!type || !path || !*path)
			return refuse_entry(tree, "(an entry)", "no type or no path", err);
		if (strcmp(type, "directory") == 0)
			ncm_strings_add(&tree->folders, path);
		else if (strcmp(type, "file") == 0 && read_file(tree, entry, path, err) < 0)
			return -1;
		else if (strcmp(type, "file") == 0)
			hf_listing_add(tree, path, entry);
	}
	return 0;
}

/* The target of a Link header's rel="next" (RFC 8288). The caller frees it. */
static char *next_link(const struct ncm_reply *reply)
{
	NCM_AUTO_FREE char *header = ncm_reply_header(reply, "Link");
	const char *c = header;

	while (c && (c = strchr(c, '<')) != NULL) {
		const char *end = strchr(c, '>');
		size_t length;

		if (!end)
			return NULL;
		length = strcspn(end, "<");
		if (memmem(end, length, "rel=\"next\"", 10) || memmem(end, length, "rel=next", 8))
			return ncm_strndup(c + 1, (size_t)(end - c - 1));
		c = end;
	}
	return NULL;
}

/*
 * Behind a mirror the next page's URL names the hub itself, and that of a renamed repository its new name: what counts
 * is path and query, at our endpoint.
 */
static char *rebase(const struct hf_tree *tree, const char *link)
{
	const char *path = strstr(link, "/api/models/");

	return path && strstr(path, "/tree/") ? ncm_asprintf("%s%s", tree->endpoint, path) : NULL;
}

static int list_page(struct hf_tree *tree, const char *url, char **next, struct ncm_error *err)
{
	const struct ncm_request request = request_of(tree, url);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	NCM_AUTO_JSON json_t *page = ncm_source_json(tree->sources, &request, &reply, err);
	NCM_AUTO_FREE char *link = NULL;

	*next = NULL;
	if (!page || read_page(tree, page, err) < 0)
		return -1;
	link = next_link(&reply);
	if (!link)
		return 0;
	*next = rebase(tree, link);
	if (!*next || json_array_size(page) == 0)
		return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the hub's list of files goes on nowhere", tree->what);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct hf_file *)a)->path, ((const struct hf_file *)b)->path);
}

/* Sorted, a file is found in no time, and one that is listed twice stands beside itself. */
static int sort_files(struct hf_tree *tree, struct ncm_error *err)
{
	qsort(tree->files, tree->count, sizeof *tree->files, compare);
	for (size_t i = 1; i < tree->count; i++) {
		if (strcmp(tree->files[i - 1].path, tree->files[i].path) == 0)
			return refuse_entry(tree, tree->files[i].path, "listed twice", err);
	}
	return 0;
}

int hf_tree_list(struct hf_tree *tree, const char *folder, bool recursive, struct ncm_error *err)
{
	NCM_AUTO_FREE char *below = folder ? ncm_url_encode(folder, true) : ncm_strdup("");
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/api/models/%s/tree/%s%s%s?recursive=%s", tree->endpoint, tree->repo,
					       tree->commit, folder ? "/" : "", below, recursive ? "true" : "false");

	for (unsigned page = 0; url; page++) {
		NCM_AUTO_FREE char *next = NULL;

		if (page >= MOST_PAGES)
			return ncm_error_set(err, NCM_E_PROTOCOL, "%s: the hub's list of files has no end", tree->what);
		if (list_page(tree, url, &next, err) < 0)
			return -1;
		free(url);
		url = next;
		next = NULL;
	}
	return tree->count > 0 ? sort_files(tree, err) : 0;
}

char *hf_tree_url(const struct hf_tree *tree, const char *revision, const char *path)
{
	NCM_AUTO_FREE char *encoded_revision = ncm_url_encode(revision, false);
	NCM_AUTO_FREE char *encoded_path = ncm_url_encode(path, true);

	return ncm_asprintf("%s/%s/resolve/%s/%s", tree->endpoint, tree->repo, encoded_revision, encoded_path);
}

/* A strong or weak entity tag without its wrapping. The caller frees it. */
static char *unquote(char *tag)
{
	const char *text = tag;
	size_t length;

	if (!tag)
		return NULL;
	if (strncmp(text, "W/", 2) == 0)
		text += 2;
	text += *text == '"';
	length = strcspn(text, "\"");
	return ncm_strndup(text, length);
}

/* A plain URL needs no size. */
static int hint_at_address(const struct hf_tree *tree, const char *path, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = hf_tree_url(tree, tree->commit, path);

	return ncm_error_hint(
	    err, "take it by its address, %s; or set HF_ENDPOINT to a mirror that has Hugging Face's API", url);
}

static int read_probe(struct hf_tree *tree, const struct ncm_reply *reply, const char *path, struct ncm_error *err)
{
	NCM_AUTO_FREE char *commit = ncm_reply_header(reply, "X-Repo-Commit");
	NCM_AUTO_FREE char *linked = ncm_reply_header(reply, "X-Linked-Etag");
	NCM_AUTO_FREE char *plain = linked ? NULL : ncm_reply_header(reply, "ETag");
	NCM_AUTO_FREE char *tag = unquote(linked ? linked : plain);
	struct hf_file file = {0};
	bool is_redirect = reply->status >= 300;

	if (commit && ncm_source_is_commit(commit) && !tree->commit)
		tree->commit = ncm_strdup(commit);
	if (!tree->commit) {
		ncm_error_set(
		    err, NCM_E_PROTOCOL,
		    "%s: %s does not speak as Hugging Face does: it names no commit (X-Repo-Commit), and has no "
		    "API that would",
		    tree->what, tree->endpoint);
		return ncm_error_hint(
		    err,
		    "name the commit: hf:%s/%s@COMMIT, of 40 digits; or set HF_ENDPOINT to a mirror that "
		    "has Hugging Face's API",
		    tree->repo, path);
	}
	/* The length of a redirect is that of its own body. */
	if (!ncm_source_header_u64(reply, "X-Linked-Size", &file.size) &&
	    (is_redirect || !ncm_source_told_size(reply, &file.size))) {
		ncm_error_set(
		    err, NCM_E_PROTOCOL,
		    "%s: %s gives no size for %s (X-Linked-Size or Content-Length), and has no API that would",
		    tree->what, tree->endpoint, path);
		return hint_at_address(tree, path, err);
	}
	if (file.size > NCM_LIMIT_FILE_BYTES)
		return refuse_entry(tree, path, "no valid size", err);
	file.has_sha256 = tag && strlen(tag) == NCM_SHA256_HEX && ncm_sha256_parse(tag, &file.sha256) == 0;
	file.has_git_sha1 = tag && !file.has_sha256 && ncm_sha1_parse(tag, &file.git_sha1) == 0;
	file.path = ncm_strdup(path);
	*NCM_PUSH(tree->files, tree->count) = file;
	return sort_files(tree, err);
}

int hf_tree_probe(struct hf_tree *tree, const char *revision, const char *path, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = hf_tree_url(tree, tree->commit ? tree->commit : revision, path);
	struct ncm_request request = request_of(tree, url);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	request.method = "HEAD";
	request.head_or_first_byte = true;
	request.stop_at_foreign_redirect = true;
	if (tree->sources->get(tree->sources->http, &request, &reply, err) < 0)
		return -1;
	return read_probe(tree, &reply, path, err);
}

const struct hf_file *hf_tree_find(const struct hf_tree *tree, const char *path)
{
	const struct hf_file wanted = {.path = (char *)path};

	return tree->count > 0 ? bsearch(&wanted, tree->files, tree->count, sizeof *tree->files, compare) : NULL;
}

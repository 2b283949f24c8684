/* SPDX-License-Identifier: MIT */
#include "source/civitai.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>

static const char *const hosts[] = {"civitai.com",   "www.civitai.com",   "civitai.red", "www.civitai.red",
				    "civitai.green", "www.civitai.green", NULL};
static const uint64_t largest_id = INT32_MAX; /* the server's ids are 32-bit */

enum { LONGEST_VALUE = 64 };

static int refuse(struct ncm_error *err, const char *why)
{
	ncm_error_set(err, NCM_E_USAGE, "not a file of Civitai: %s", why);
	return ncm_error_hint(err,
			      "write civitai:VERSION or civitai:MODEL@VERSION, with the numbers of the page's address");
}

static bool is_id(const char *text, size_t size, uint64_t *id)
{
	return ncm_source_number(text, size, largest_id, id);
}

static bool is_value(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > LONGEST_VALUE)
		return false;
	for (const char *c = text; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');

		if (!plain && !strchr(" ._-", *c))
			return false;
	}
	return true;
}

static char **filter_field(struct civitai_filter *filter, const char *key, size_t length)
{
	const struct {
		const char *key;
		char **field;
	} fields[] = {{"type", &filter->type},
		      {"format", &filter->format},
		      {"size", &filter->size},
		      {"fp", &filter->fp},
		      {"quantType", &filter->quant_type}};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (strlen(fields[i].key) == length && memcmp(key, fields[i].key, length) == 0)
			return fields[i].field;
	}
	return NULL;
}

/* One "key=value". Of pasted addresses, keys that choose no file (a token, a campaign) are dropped. */
static int parse_pair(char *pair, bool is_pasted, struct civitai_name *name, struct ncm_error *err)
{
	size_t length = strcspn(pair, "=");
	const char *text = pair[length] ? pair + length + 1 : "";
	char **field = filter_field(&name->filter, pair, length);

	if (length == 6 && memcmp(pair, "fileId", 6) == 0) {
		if (name->file)
			return refuse(err, "fileId is given twice");
		return is_id(text, strlen(text), &name->file) ? 0 : refuse(err, "its fileId is no number of a file");
	}
	if (is_pasted && name->version == 0 &&
	    ((length == 14 && memcmp(pair, "modelVersionId", 14) == 0) ||
	     (length == 7 && memcmp(pair, "version", 7) == 0)))
		return is_id(text, strlen(text), &name->version) ? 0 : refuse(err, "its version is no number");
	if (!field) {
		if (is_pasted || (length == 5 && memcmp(pair, "token", 5) == 0))
			return 0;
		return refuse(err, "its query may hold fileId, type, format, size, fp and quantType");
	}
	if (*field)
		return refuse(err, "a key of its query is given twice");
	for (char *c = pair + length; *c; c++) {
		if (*c == '+')
			*c = ' ';
	}
	*field = ncm_source_decode(text, strlen(text));
	return *field && is_value(*field) ? 0 : refuse(err, "a value of its query is not valid");
}

static int parse_query(char *query, bool is_pasted, struct civitai_name *name, struct ncm_error *err)
{
	char *pair;

	while ((pair = strsep(&query, "&")) != NULL) {
		if (*pair && parse_pair(pair, is_pasted, name, err) < 0)
			return -1;
	}
	return 0;
}

/* "VERSION", "MODEL@VERSION" or "MODEL@latest" */
static int parse_ids(const char *text, struct civitai_name *name, struct ncm_error *err)
{
	size_t length = strcspn(text, "@");
	const char *version = text + length + 1;

	if (text[length] == '\0')
		return is_id(text, length, &name->version) ? 0 : refuse(err, "a version is a number");
	if (!is_id(text, length, &name->model))
		return refuse(err, "a model is a number");
	if (strcmp(version, "latest") == 0)
		return 0;
	return is_id(version, strlen(version), &name->version) ? 0 : refuse(err, "a version is a number");
}

/* Reads the number at the start of what follows `prefix` in a page's path; a slug may follow it. */
static bool page_id(const char *path, const char *prefix, uint64_t *id)
{
	size_t length = strlen(prefix);

	return strncmp(path, prefix, length) == 0 && is_id(path + length, strcspn(path + length, "/"), id);
}

static int parse_page(const char *path, char *query, struct civitai_name *name, struct ncm_error *err)
{
	bool is_version = page_id(path, "model-versions/", &name->version) ||
			  page_id(path, "api/download/models/", &name->version) ||
			  page_id(path, "api/v1/model-versions/", &name->version);

	if (!is_version && !page_id(path, "models/", &name->model) && !page_id(path, "api/v1/models/", &name->model))
		return refuse(err, "its address is not that of a model, a version or a download");
	return parse_query(query, true, name, err);
}

/* The ending of an AIR, as the download endpoint calls it; NULL for one that chooses nothing. */
static const char *air_format(const char *text)
{
	if (strncasecmp(text, "safetensor", 10) == 0)
		return "SafeTensor";
	if (strcasecmp(text, "gguf") == 0)
		return "GGUF";
	if (strcasecmp(text, "ckpt") == 0 || strcasecmp(text, "pt") == 0)
		return "PickleTensor";
	return NULL;
}

/* "[urn:]air:ECOSYSTEM:TYPE:SOURCE:MODEL[@VERSION][+FILE][.FORMAT]" */
static int parse_air(char *text, struct civitai_name *name, struct ncm_error *err)
{
	const char *ecosystem, *type, *source, *format;
	char *dot, *plus;

	text += strncasecmp(text, "urn:", 4) == 0 ? 8 : 4;
	ecosystem = strsep(&text, ":");
	type = strsep(&text, ":");
	source = strsep(&text, ":");
	if (!ecosystem || !*ecosystem || !type || !*type || !source || !text)
		return refuse(err, "an AIR is urn:air:ECOSYSTEM:TYPE:civitai:MODEL@VERSION");
	if (strcasecmp(source, "civitai") != 0)
		return refuse(err, "only AIRs whose source is civitai are known");
	dot = strchr(text, '.');
	if (dot) {
		*dot = '\0';
		format = air_format(dot + 1);
		name->filter.format = format ? ncm_strdup(format) : NULL;
	}
	plus = strchr(text, '+');
	if (plus) {
		*plus = '\0';
		if (!is_id(plus + 1, strlen(plus + 1), &name->file))
			return refuse(err, "its file is no number");
	}
	if (strchr(text, '@'))
		return parse_ids(text, name, err);
	return is_id(text, strlen(text), &name->model) ? 0 : refuse(err, "a model is a number");
}

static bool is_air(const char *uri)
{
	return strncasecmp(uri, "urn:air:", 8) == 0 || strncasecmp(uri, "air:", 4) == 0;
}

bool civitai_claims(const char *uri)
{
	const char *path;

	return strncasecmp(uri, "civitai:", 8) == 0 || is_air(uri) || ncm_source_is_at(uri, hosts, &path);
}

static int parse(char *text, struct civitai_name *name, struct ncm_error *err)
{
	const char *path;
	char *query;

	if (is_air(text))
		return parse_air(text, name, err);
	if (strstr(text, "#sha256="))
		return refuse(err, "a digest is pinned by \"sha256\" in the manifest, not in its address");
	text[strcspn(text, "#")] = '\0';
	query = strchr(text, '?');
	if (query)
		*query++ = '\0';
	if (strncasecmp(text, "civitai:", 8) == 0)
		return parse_ids(text + 8, name, err) < 0 ? -1 : parse_query(query, false, name, err);
	if (!ncm_source_is_at(text, hosts, &path))
		return refuse(err, "its address is not one of Civitai");
	return parse_page(path, query, name, err);
}

int civitai_name_parse(const char *uri, struct civitai_name *name, struct ncm_error *err)
{
	NCM_AUTO_FREE char *text = ncm_strdup(uri);

	*name = (struct civitai_name){0};
	if (parse(text, name, err) < 0) {
		civitai_name_clear(name);
		return -1;
	}
	return 0;
}

void civitai_name_clear(struct civitai_name *name)
{
	free(name->filter.type);
	free(name->filter.format);
	free(name->filter.size);
	free(name->filter.fp);
	free(name->filter.quant_type);
	*name = (struct civitai_name){0};
}

static void add_key(struct ncm_buffer *out, const char **separator, const char *key, const char *value)
{
	if (value) {
		NCM_AUTO_FREE char *encoded = ncm_url_encode(value, false);

		ncm_buffer_printf(out, "%s%s=%s", *separator, key, encoded);
		*separator = "&";
	}
}

char *civitai_name_spell(const struct civitai_name *name)
{
	struct ncm_buffer out = {0};
	const char *separator = "?";

	ncm_buffer_puts(&out, "civitai:");
	if (name->model)
		ncm_buffer_printf(&out, "%llu@", (unsigned long long)name->model);
	if (name->version)
		ncm_buffer_printf(&out, "%llu", (unsigned long long)name->version);
	else
		ncm_buffer_puts(&out, "latest");
	if (name->file) {
		ncm_buffer_printf(&out, "?fileId=%llu", (unsigned long long)name->file);
		separator = "&";
	}
	add_key(&out, &separator, "type", name->filter.type);
	add_key(&out, &separator, "format", name->filter.format);
	add_key(&out, &separator, "size", name->filter.size);
	add_key(&out, &separator, "fp", name->filter.fp);
	add_key(&out, &separator, "quantType", name->filter.quant_type);
	return ncm_buffer_take(&out);
}

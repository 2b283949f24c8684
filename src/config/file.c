/* SPDX-License-Identifier: MIT */
/* The configuration file: a table of keys and of what their values must be. manifests/schema/config.schema.json
 * says the same to editors. */
#include "config/bundles.h"
#include "config/parts.h"

#include "base/json_file.h"
#include "base/mem.h"
#include "base/path.h"

#include <ncmodel/limits.h>
#include <ncmodel/text.h>
#include <stddef.h>
#include <string.h>

struct reading {
	struct ncm_config *config;
	char *folder; /* of the file: relative paths lie below it */
};

static const struct reading *reading_of(const struct ncm_json_reader *reader)
{
	return reader->context;
}

static bool take_path(struct ncm_json_reader *reader, const char *text, void *place)
{
	NCM_AUTO_FREE char *absolute = config_path(reading_of(reader)->folder, text);

	ncm_config_set(place, absolute);
	return true;
}

static bool take_layout(struct ncm_json_reader *reader, const char *text, void *place)
{
	NCM_AUTO_FREE char *layout = config_layout(reading_of(reader)->folder, text);

	ncm_config_set(place, layout);
	return true;
}

static bool take_endpoint(struct ncm_json_reader *reader, const char *text, void *place)
{
	NCM_AUTO_FREE char *url = config_endpoint(text);

	(void)reader;
	if (url)
		ncm_config_set(place, url);
	return url != NULL;
}

static bool take_host(struct ncm_json_reader *reader, const char *text, void *place)
{
	(void)place;
	return ncm_config_add_insecure_registry(reading_of(reader)->config, text, NULL) == 0;
}

static bool take_bundle(struct ncm_json_reader *reader, const char *text, void *place)
{
	(void)place;
	return config_put_bundle(reading_of(reader)->config, reading_of(reader)->folder, text);
}

static bool take_size(struct ncm_json_reader *reader, const char *text, void *place)
{
	(void)reader;
	return ncm_parse_size(text, place) == 0;
}

/* An empty text is a mistake in every key that we have. */
static const struct ncm_json_form any = {.kind = NCM_FORM_ANY};
static const struct ncm_json_form a_text = {.kind = NCM_FORM_TEXT, .least = 1};
static const struct ncm_json_form a_path = {.kind = NCM_FORM_TEXT, .least = 1, .take = take_path};
static const struct ncm_json_form a_layout = {.kind = NCM_FORM_TEXT, .least = 1, .take = take_layout};
static const struct ncm_json_form paths = {.kind = NCM_FORM_LIST, .of = &a_path, .size = sizeof(char *)};
static const struct ncm_json_form at_once = {.kind = NCM_FORM_UNSIGNED, .least = 1, .most = NCM_LIMIT_PARALLEL};
static const struct ncm_json_form seconds = {.kind = NCM_FORM_UNSIGNED, .least = 1, .most = CONFIG_MAX_TIMEOUT};
static const struct ncm_json_form tries = {.kind = NCM_FORM_UNSIGNED, .least = 1, .most = CONFIG_MAX_RETRIES};
static const struct ncm_json_form flag = {.kind = NCM_FORM_BOOL};
static const struct ncm_json_form an_url = {.kind = NCM_FORM_TEXT,
					    .take = take_endpoint,
					    .hidden = true, /* it may hold a password */
					    .expected = "an http or https URL without user, query and fragment"};
static const struct ncm_json_form host = {
    .kind = NCM_FORM_TEXT, .take = take_host, .hidden = true, .expected = "a host, or a host and its port"};
static const struct ncm_json_form bundle = {.kind = NCM_FORM_TEXT,
					    .take = take_bundle,
					    .hidden = true,
					    .expected =
						"a folder, or an http or https URL without user, query and fragment"};
static const struct ncm_json_form bundles = {.kind = NCM_FORM_LIST, .of = &bundle};
static const struct ncm_json_form hosts = {.kind = NCM_FORM_LIST, .of = &host};

/* One profile, or an array of them. */
static void read_profiles(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	const enum ncm_json_kind kind = ncm_json_scan_next(reader->scan);
	NCM_AUTO_FREE char *first = NULL;
	size_t count = 0;

	(void)form;
	if (kind == NCM_JSON_STRING) {
		(void)ncm_json_read_as(reader, &a_text, place);
		return;
	}
	if (!ncm_json_enter(reader, NCM_JSON_ARRAY, "a profile, or an array of profiles"))
		return;
	for (; ncm_json_scan_item(reader->scan); count++) {
		NCM_AUTO_FREE char *more = NULL;

		if (!ncm_json_read_item(reader, count, &a_text, count == 0 ? &first : &more))
			continue;
		if (count == 0)
			ncm_config_set(place, first);
		else
			ncm_config_add_profile(reading_of(reader)->config, more);
	}
	if (count == 0)
		ncm_json_tell(reader, "must not be empty");
}

/* A number of bytes, or a size with its unit. */
static void read_bytes(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	static const struct ncm_json_form number = {.kind = NCM_FORM_U64};
	static const struct ncm_json_form size = {
	    .kind = NCM_FORM_TEXT, .take = take_size, .expected = "a number of bytes, or a size such as \"2GiB\""};
	const enum ncm_json_kind kind = ncm_json_scan_next(reader->scan);

	(void)form;
	if (kind == NCM_JSON_STRING)
		(void)ncm_json_read_as(reader, &size, place);
	else if (kind == NCM_JSON_INTEGER)
		(void)ncm_json_read_as(reader, &number, place);
	else
		ncm_json_refuse(reader, size.expected);
}

/* "http://cache.example/hf" stands for itself and what lies below: both sides end with one slash. */
static char *mirror_side(const char *url)
{
	NCM_AUTO_FREE char *checked = config_endpoint(url);

	return checked ? ncm_asprintf("%s/", checked) : NULL;
}

/* Which mirror it is is not told: it may hold a password. */
static char *checked_side(struct ncm_json_reader *reader, const char *side, const char *url)
{
	char *checked = mirror_side(url);

	if (!checked)
		ncm_json_tell(reader, "the %s of a mirror must be %s", side, an_url.expected);
	return checked;
}

static void read_mirrors(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	static const struct ncm_json_form any_text = {.kind = NCM_FORM_TEXT};
	struct ncm_config *config = place;
	struct ncm_json_part key;

	(void)form;
	if (!ncm_json_enter(reader, NCM_JSON_OBJECT, "an object of URL prefixes and their replacements"))
		return;
	while (ncm_json_scan_key(reader->scan, &key)) {
		NCM_AUTO_FREE char *from = ncm_strndup(key.text, key.size);
		NCM_AUTO_FREE char *to = NULL;
		struct ncm_mirror *mirror = NCM_PUSH(config->mirrors, config->mirror_count);

		mirror->from = checked_side(reader, "prefix", from);
		if (ncm_json_read_as(reader, &any_text, &to))
			mirror->to = checked_side(reader, "replacement", to);
	}
}

static void read_stores(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_json_part key;

	(void)form;
	if (!ncm_json_enter(reader, NCM_JSON_OBJECT, "an object of stores and their folders"))
		return;
	while (ncm_json_scan_key(reader->scan, &key)) {
		NCM_AUTO_FREE char *store = ncm_strndup(key.text, key.size);
		char *folder = NULL;

		if (ncm_json_read_member(reader, &key, &a_path, &folder))
			config_put_store(place, store, folder, NCM_SAID_BY_FILE);
		else
			free(folder);
	}
}

static void read_servers(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	struct ncm_json_part key;

	(void)form;
	if (!ncm_json_enter(reader, NCM_JSON_OBJECT, "an object of servers and their URLs"))
		return;
	while (ncm_json_scan_key(reader->scan, &key)) {
		NCM_AUTO_FREE char *name = ncm_strndup(key.text, key.size);
		char *url = NULL;

		if (!ncm_json_read_member(reader, &key, &an_url, &url)) {
			free(url);
			continue;
		}
		if (!config_is_server_name(name))
			ncm_json_tell(reader, "a server's name has letters, digits, '.', '_' and '-', 64 at most");
		config_put_server(place, name, url);
	}
}

/* Which services there are, the sources say. */
static void read_endpoints(struct ncm_json_reader *reader, const struct ncm_json_form *form, void *place)
{
	const struct ncm_config *config = place;
	const size_t count = config->endpoint_count;
	NCM_AUTO_FREE struct ncm_json_field *keys = ncm_calloc(count + 1, sizeof *keys);
	const struct ncm_json_form object = {
	    .kind = NCM_FORM_OBJECT, .few = true, .fields = keys, .field_count = count + 1};

	(void)form;
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct ncm_json_field){config->endpoints[i].service, &an_url,
						  i * sizeof *config->endpoints + offsetof(struct ncm_endpoint, url),
						  false, 0};
	keys[count] = (struct ncm_json_field){"$schema", &any, NCM_NOT_KEPT, false, 0};
	(void)ncm_json_read_as(reader, &object, config->endpoints);
}

static const struct ncm_json_form profiles = {.read = read_profiles}, bytes = {.read = read_bytes},
				  mirrors = {.read = read_mirrors}, stores = {.read = read_stores},
				  servers = {.read = read_servers}, endpoints = {.read = read_endpoints};

#define PLACE(member) offsetof(struct ncm_config, member), false, 0
enum { WHOLE = 0 }; /* what fills more than one member */
static const struct ncm_json_field top_keys[] = {
    {"root", &a_path, PLACE(root)},
    {"layout", &a_layout, PLACE(layout)},
    {"profile", &profiles, PLACE(profile)},
    {"registry", &a_path, PLACE(registry)},
    {"lock", &a_path, PLACE(lock)},
    {"manifest_dirs", &paths, NCM_ITEMS(struct ncm_config, manifest_dirs, manifest_dir_count), false, 0},
    {"endpoints", &endpoints, WHOLE, false, 0},
    {"mirrors", &mirrors, WHOLE, false, 0},
    {"bundles", &bundles, WHOLE, false, 0},
    {"stores", &stores, WHOLE, false, 0},
    {"servers", &servers, WHOLE, false, 0},
    {"cache", &a_text, PLACE(cache)},
    {"cache_fill", &flag, PLACE(cache_fill)},
    {"cache_refs", &flag, PLACE(cache_refs)},
    {"s3_region", &a_text, PLACE(s3_region)},
    {"insecure_registries", &hosts, WHOLE, false, 0},
    {"cacert", &a_path, PLACE(cacert)},
    {"reserve", &bytes, PLACE(reserve)},
    {"limit_rate", &bytes, PLACE(limit_rate)},
    {"speed_limit", &bytes, PLACE(speed_limit)},
    {"speed_time", &seconds, PLACE(speed_time)},
    {"jobs", &at_once, PLACE(jobs)},
    {"connections", &at_once, PLACE(connections)},
    {"timeout", &seconds, PLACE(timeout)},
    {"retries", &tries, PLACE(retries)},
    {"allow_private", &flag, PLACE(allow_private)},
    {"allow_http_token", &flag, PLACE(allow_http_token)},
    {"$schema", &any, NCM_NOT_KEPT, false, 0},
};
static const struct ncm_json_form top = {.kind = NCM_FORM_OBJECT, NCM_FIELDS(top_keys)};

const char *config_key(size_t index)
{
	return index + 1 < sizeof top_keys / sizeof *top_keys ? top_keys[index].key : NULL;
}

int config_read_file(struct ncm_config *config, const char *file, struct ncm_error *err)
{
	NCM_AUTO_FREE char *absolute = ncm_path_absolute(file);
	struct reading reading = {config, absolute};

	absolute[ncm_path_base(absolute) - absolute] = '\0';
	return ncm_json_read_file(file, &top, config, &reading, NCM_E_MANIFEST, err);
}

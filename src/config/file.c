/* SPDX-License-Identifier: MIT */
/* The configuration file: a table of keys, and a reader for each kind of value. manifests/schema/config.schema.json
 * says the same to editors. */
#include "config/faults.h"
#include "config/parts.h"

#include "base/mem.h"
#include "base/path.h"

#include <ncmodel/limits.h>
#include <ncmodel/text.h>
#include <stddef.h>
#include <string.h>

struct reading {
	struct ncm_config *config;
	struct ncm_faults faults;
	char *folder; /* of the file: relative paths lie below it */
};

struct key {
	const char *name;
	void (*read)(struct reading *reading, const struct key *key, const json_t *value, const char *path);
	size_t field; /* offset in struct ncm_config */
	unsigned least, most;
};

static void *field_of(struct reading *reading, const struct key *key)
{
	return (char *)reading->config + key->field;
}

/* The text, or NULL with a fault told. An empty one is a mistake in every key that we have. */
static const char *text_of(struct reading *reading, const json_t *value, const char *path)
{
	const char *text = json_string_value(value);

	if (!text || !*text) {
		ncm_fault(&reading->faults, path, "not a string with something in it");
		return NULL;
	}
	return text;
}

/* One profile, or an array of them. */
static void read_profiles(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(value)) {
		const char *text = text_of(reading, value, path);

		if (text)
			ncm_config_set(field_of(reading, key), text);
		return;
	}
	if (json_array_size(value) == 0)
		ncm_fault(&reading->faults, path, "not a profile, or an array with one in it");
	json_array_foreach(value, i, item)
	{
		NCM_AUTO_FREE char *member = ncm_asprintf("%s[%zu]", path, i);
		const char *text = text_of(reading, item, member);

		if (text && i == 0)
			ncm_config_set(field_of(reading, key), text);
		else if (text)
			ncm_config_add_profile(reading->config, text);
	}
}

static void read_path(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	const char *text = text_of(reading, value, path);
	NCM_AUTO_FREE char *absolute = text ? config_path(reading->folder, text) : NULL;

	if (text)
		ncm_config_set(field_of(reading, key), absolute);
}

static void read_layout(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	const char *text = text_of(reading, value, path);
	NCM_AUTO_FREE char *layout = text ? config_layout(reading->folder, text) : NULL;

	if (text)
		ncm_config_set(field_of(reading, key), layout);
}

static void read_bytes(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	uint64_t *field = field_of(reading, key);

	if (json_is_integer(value) && json_integer_value(value) >= 0)
		*field = (uint64_t)json_integer_value(value);
	else if (!json_is_string(value) || ncm_parse_size(json_string_value(value), field) < 0)
		ncm_fault(&reading->faults, path, "not a number of bytes or a size such as \"2GiB\"");
}

static void read_unsigned(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	unsigned *field = field_of(reading, key);
	json_int_t number = json_integer_value(value);

	if (json_is_integer(value) && number >= key->least && number <= key->most)
		*field = (unsigned)number;
	else
		ncm_fault(&reading->faults, path, "not a whole number from %u to %u", key->least, key->most);
}

static void read_bool(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	bool *field = field_of(reading, key);

	if (json_is_boolean(value))
		*field = json_is_true(value);
	else
		ncm_fault(&reading->faults, path, "not true or false");
}

static void read_endpoint(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	char *url = json_is_string(value) ? config_endpoint(json_string_value(value)) : NULL;

	if (url)
		ncm_config_set(&config_endpoint_of(reading->config, key->name)->url, url);
	else
		ncm_fault(&reading->faults, path, "not an http or https URL without user, query and fragment");
	free(url);
}

/* Reads the members of an object by a table that ends with a nameless key. */
static void read_keys(struct reading *reading, const struct key *keys, const json_t *object, const char *path)
{
	const char *known[32] = {NULL};
	const char *name;
	const json_t *value;

	for (size_t i = 0; keys[i].name && i + 1 < sizeof known / sizeof *known; i++)
		known[i] = keys[i].name;
	json_object_foreach((json_t *)object, name, value)
	{
		NCM_AUTO_FREE char *member = ncm_asprintf("%s.%s", path, name);
		const struct key *key = keys;

		while (key->name && strcmp(key->name, name) != 0)
			key++;
		if (key->name)
			key->read(reading, key, value, member);
		else if (strncmp(name, "x-", 2) != 0 && strcmp(name, "$schema") != 0)
			ncm_fault_unknown(&reading->faults, member, name, known);
	}
}

static void read_endpoints(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	const struct ncm_config *config = reading->config;
	NCM_AUTO_FREE struct key *keys = ncm_calloc(config->endpoint_count + 1, sizeof *keys);

	(void)key;
	for (size_t i = 0; i < config->endpoint_count; i++)
		keys[i] = (struct key){config->endpoints[i].service, read_endpoint, 0, 0, 0};
	if (json_is_object(value))
		read_keys(reading, keys, value, path);
	else
		ncm_fault(&reading->faults, path, "not an object of endpoints");
}

static void read_manifest_dirs(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	struct ncm_config *config = reading->config;
	const json_t *item;
	size_t i;

	(void)key;
	if (!json_is_array(value)) {
		ncm_fault(&reading->faults, path, "not an array of folders");
		return;
	}
	json_array_foreach(value, i, item)
	{
		NCM_AUTO_FREE char *member = ncm_asprintf("%s[%zu]", path, i);
		const char *text = text_of(reading, item, member);

		if (text)
			*NCM_PUSH(config->manifest_dirs, config->manifest_dir_count) =
			    config_path(reading->folder, text);
	}
}

/* "http://cache.example/hf" stands for itself and what lies below: both sides end with one slash. */
static char *mirror_side(const char *url)
{
	NCM_AUTO_FREE char *checked = config_endpoint(url);

	return checked ? ncm_asprintf("%s/", checked) : NULL;
}

static void read_mirrors(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	struct ncm_config *config = reading->config;
	const char *from;
	const json_t *to;

	(void)key;
	if (!json_is_object(value)) {
		ncm_fault(&reading->faults, path, "not an object of URL prefixes and their replacements");
		return;
	}
	json_object_foreach((json_t *)value, from, to)
	{
		char *prefix = mirror_side(from);
		char *replacement = json_is_string(to) ? mirror_side(json_string_value(to)) : NULL;

		if (prefix && replacement) {
			*NCM_PUSH(config->mirrors, config->mirror_count) = (struct ncm_mirror){prefix, replacement};
			continue;
		}
		/* Not told which: an URL with a password may be what is wrong. */
		ncm_fault(&reading->faults, path,
			  "%s of a mirror is not an http or https URL without user, query and fragment",
			  prefix ? "the replacement" : "the prefix");
		free(prefix);
		free(replacement);
	}
}

static void read_stores(struct reading *reading, const struct key *key, const json_t *value, const char *path)
{
	const char *store;
	const json_t *folder;

	(void)key;
	if (!json_is_object(value)) {
		ncm_fault(&reading->faults, path, "not an object of stores and their folders");
		return;
	}
	json_object_foreach((json_t *)value, store, folder)
	{
		NCM_AUTO_FREE char *member = ncm_asprintf("%s.%s", path, store);
		const char *text = text_of(reading, folder, member);

		if (text)
			config_put_store(reading->config, store, config_path(reading->folder, text), NCM_SAID_BY_FILE);
	}
}

static void read_insecure_registries(struct reading *reading, const struct key *key, const json_t *value,
				     const char *path)
{
	const json_t *item;
	size_t i;

	(void)key;
	if (!json_is_array(value)) {
		ncm_fault(&reading->faults, path, "not an array of hosts");
		return;
	}
	json_array_foreach(value, i, item)
	{
		NCM_AUTO_FREE char *member = ncm_asprintf("%s[%zu]", path, i);
		const char *host = json_string_value(item);

		if (!host || ncm_config_add_insecure_registry(reading->config, host, NULL) < 0)
			ncm_fault(&reading->faults, member, "not a host, or a host and its port");
	}
}

static const struct key top_keys[] = {
    {"root", read_path, offsetof(struct ncm_config, root), 0, 0},
    {"layout", read_layout, offsetof(struct ncm_config, layout), 0, 0},
    {"profile", read_profiles, offsetof(struct ncm_config, profile), 0, 0},
    {"registry", read_path, offsetof(struct ncm_config, registry), 0, 0},
    {"lock", read_path, offsetof(struct ncm_config, lock), 0, 0},
    {"manifest_dirs", read_manifest_dirs, 0, 0, 0},
    {"endpoints", read_endpoints, 0, 0, 0},
    {"mirrors", read_mirrors, 0, 0, 0},
    {"stores", read_stores, 0, 0, 0},
    {"insecure_registries", read_insecure_registries, 0, 0, 0},
    {"cacert", read_path, offsetof(struct ncm_config, cacert), 0, 0},
    {"reserve", read_bytes, offsetof(struct ncm_config, reserve), 0, 0},
    {"limit_rate", read_bytes, offsetof(struct ncm_config, limit_rate), 0, 0},
    {"speed_limit", read_bytes, offsetof(struct ncm_config, speed_limit), 0, 0},
    {"speed_time", read_unsigned, offsetof(struct ncm_config, speed_time), 1, CONFIG_MAX_TIMEOUT},
    {"jobs", read_unsigned, offsetof(struct ncm_config, jobs), 1, NCM_LIMIT_PARALLEL},
    {"connections", read_unsigned, offsetof(struct ncm_config, connections), 1, NCM_LIMIT_PARALLEL},
    {"timeout", read_unsigned, offsetof(struct ncm_config, timeout), 1, CONFIG_MAX_TIMEOUT},
    {"retries", read_unsigned, offsetof(struct ncm_config, retries), 1, CONFIG_MAX_RETRIES},
    {"allow_private", read_bool, offsetof(struct ncm_config, allow_private), 0, 0},
    {"allow_http_token", read_bool, offsetof(struct ncm_config, allow_http_token), 0, 0},
    {NULL, NULL, 0, 0, 0},
};

const char *config_key(size_t index)
{
	return index < sizeof top_keys / sizeof *top_keys ? top_keys[index].name : NULL;
}

int config_read_file(struct ncm_config *config, const char *file, struct ncm_error *err)
{
	struct reading reading = {.config = config};
	NCM_AUTO_FREE char *absolute = ncm_path_absolute(file);
	NCM_AUTO_JSON json_t *value = ncm_faults_read(&reading.faults, file, err);

	if (!value) {
		ncm_faults_end(&reading.faults, NULL);
		return -1;
	}
	absolute[ncm_path_base(absolute) - absolute] = '\0';
	reading.folder = absolute;
	if (json_is_object(value))
		read_keys(&reading, top_keys, value, "$");
	else
		ncm_fault(&reading.faults, "$", "not an object");
	return ncm_faults_end(&reading.faults, err);
}

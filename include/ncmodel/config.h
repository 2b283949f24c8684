/* SPDX-License-Identifier: MIT */
/*
 * Settings: built-in defaults, then the configuration file, then the environment, then flags.
 * Tokens come from the environment or from files of the user alone; no flag takes one.
 */
#ifndef NCMODEL_CONFIG_H
#define NCMODEL_CONFIG_H

#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* An URL prefix and what stands in for it (configuration key "mirrors"). */
struct ncm_mirror {
	char *from;
	char *to;
};

struct config_service; /* what a service can be set up with: the library's own */

/* Where a service is, and with what token it is asked (configuration key "endpoints", environment, token files). */
struct ncm_endpoint {
	const char *service; /* as "endpoints" spells it: "huggingface"; static */
	const char *title;   /* what people call it: "Hugging Face"; static */
	const struct config_service *settings;
	char *url;              /* no trailing slash */
	char *token;            /* NULL: none */
	const char *token_from; /* where it was found, for messages: a variable, or what a file is called; static */
	bool token_exposed;     /* the token file can be read by others: worth a warning */
};

/* A program that runs models (configuration key "servers", OLLAMA_HOST). */
struct ncm_server {
	char *name;
	char *url; /* no trailing slash; NULL: OLLAMA_HOST is set, and is no address */
};

/* Who said something. */
enum ncm_said_by {
	NCM_SAID_BY_FILE,        /* the configuration file */
	NCM_SAID_BY_ENVIRONMENT, /* NCMODEL_STORE_<ID> */
	NCM_SAID_BY_FLAG,        /* --store-path */
};

/* One store whose folder differs from the layout's (configuration key "stores", flag --store-path). */
struct ncm_store_override {
	char *store;
	char *path;
	enum ncm_said_by by;
};

struct ncm_config {
	char *file;           /* the configuration file, absolute: that was read, or that would be if it were there */
	char *root;           /* absolute; the layout's folders lie below it */
	char *layout;         /* "default", "linux", or the path of a layout file */
	char *profile;        /* the first one; default "noa" */
	char **more_profiles; /* those after it, no one twice: all are one catalog */
	size_t more_profile_count;
	char *registry;       /* path of models.json; NULL: the layout's */
	char *lock;           /* path of the lock; NULL: ncmodel.lock beside models.json */
	char *log;            /* path of the log; $XDG_STATE_HOME/ncmodel/log.jsonl */
	char *data_dir;       /* shipped manifests, layouts and schemas */
	char **manifest_dirs; /* of the user's own profiles, in order of precedence */
	size_t manifest_dir_count;
	char **manifest_files; /* -f FILE: read these alone */
	size_t manifest_file_count;
	struct ncm_endpoint *endpoints; /* one a service that can be set up; which there are, the sources say */
	size_t endpoint_count;
	struct ncm_mirror *mirrors;
	size_t mirror_count;
	char **bundles; /* folders (absolute) and http(s) addresses of them with content by its digest, in order */
	size_t bundle_count;
	struct ncm_store_override *stores;
	size_t store_count;
	struct ncm_server *servers; /* in the order of the file; never empty once loaded */
	size_t server_count;
	char **insecure_registries; /* "host[:port]", lower case: they are spoken to over plain http */
	size_t insecure_registry_count;
	char *cache;           /* "s3:BUCKET/PREFIX", asked for contents before their sources are; NULL: none */
	bool cache_fill;       /* what a pull fetches from its source goes there; default true */
	bool cache_refs;       /* it is believed which bytes a source has that publishes no digest; default false */
	char *s3_region;       /* of the buckets of "endpoints".s3, or NULL: us-east-1 */
	char *cacert;          /* CA bundle, or NULL for the system's */
	uint64_t reserve;      /* bytes to leave free on each file system; default 2 GiB */
	uint64_t limit_rate;   /* bytes per second for the whole run, each way, 0: no limit */
	uint64_t speed_limit;  /* bytes per second; a file that comes slower is given up; default 100, 0: never */
	unsigned speed_time;   /* … for so many seconds; default NCM_LIMIT_STALL_SECONDS */
	unsigned jobs;         /* files at once; default 4 */
	unsigned connections;  /* to one host at once, at most; default NCM_LIMIT_PARALLEL */
	unsigned timeout;      /* seconds to connect; default 20 */
	unsigned retries;      /* tries without progress; default NCM_LIMIT_RETRIES */
	bool allow_private;    /* a public server may redirect to a private address */
	bool allow_http_token; /* a token may go over plain http to another machine */
};

/*
 * Reads the configuration file (`file`, or NCMODEL_CONFIG, or $XDG_CONFIG_HOME/ncmodel/config.json if it is there) and
 * the environment. Free with ncm_config_free. Errors: MANIFEST for a bad file (all faults, one a line), USAGE for a bad
 * environment variable or a configuration file that was named and is not there, POLICY for a token file that is a link,
 * no regular file, or somebody else's.
 */
struct ncm_config *ncm_config_load(const char *file, struct ncm_error *err);
void ncm_config_free(struct ncm_config *config);

/* What is set up for a service, as "endpoints" in the configuration spells it ("huggingface", "civitai", "ollama"), or
 * NULL: there is no such. Owned by the configuration. */
const struct ncm_endpoint *ncm_config_endpoint(const struct ncm_config *config, const char *service);

/* Setters for flags: each replaces what the file and the environment said. The strings are copied. */
void ncm_config_set(char **field, const char *value);
/* Whether the root is the user's own home folder, as it is unless somebody says otherwise. */
bool ncm_config_root_is_home(const struct ncm_config *config);
int ncm_config_set_root(struct ncm_config *config, const char *path, struct ncm_error *err); /* made absolute */
/* "noa" or "noa,nexus": takes the place of all profiles that were there. Error: USAGE for a list with an empty name. */
int ncm_config_set_profiles(struct ncm_config *config, const char *names, struct ncm_error *err);
/* One more after those that are there already; one of them changes nothing. */
void ncm_config_add_profile(struct ncm_config *config, const char *name);
bool ncm_config_has_profile(const struct ncm_config *config, const char *name);
void ncm_config_add_manifest_dir(struct ncm_config *config, const char *path); /* goes before those already there */
void ncm_config_add_manifest_file(struct ncm_config *config, const char *path);
int ncm_config_set_store(struct ncm_config *config, const char *assignment, struct ncm_error *err); /* "STORE=PATH" */
/* One more place of content by its digest, after those that are there: a folder, or its http(s) address without user,
 * query and fragment. Error: USAGE for an empty name or another address. */
int ncm_config_add_bundle(struct ncm_config *config, const char *place, struct ncm_error *err);
/* What --server says takes the place of all servers that were there: each "NAME=URL", "URL" for one that is called as
 * its host and port, or the name of one of them. Error: USAGE for something else. */
int ncm_config_set_servers(struct ncm_config *config, char *const *said, size_t count, struct ncm_error *err);
/* "HOST" (at whatever port) or "HOST:PORT", an IPv6 address in brackets: one more registry that is spoken to over plain
 * http. Error: USAGE for something else. */
int ncm_config_add_insecure_registry(struct ncm_config *config, const char *host, struct ncm_error *err);
/* Whether "host[:port]" is one of them. */
bool ncm_config_is_insecure_registry(const struct ncm_config *config, const char *host);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

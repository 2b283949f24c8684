/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef NCM_CONFIG_PARTS_H
#define NCM_CONFIG_PARTS_H

#include "config/environment.h"
#include "config/services.h"

#include <ncmodel/config.h>

#include <stdbool.h>
#include <stdint.h>

enum {
	CONFIG_MAX_TIMEOUT = 3600, /* seconds */
	CONFIG_MAX_RETRIES = 100,
};

/* file.c: applies a configuration file. */
int config_read_file(struct ncm_config *config, const char *file, struct ncm_error *err);
/* The keys that it reads, by their number from 0; NULL after the last. */
const char *config_key(size_t index);

/* environment.c */
int config_read_environment(struct ncm_config *config, struct ncm_error *err);

/* token.c: finds the tokens of the services. */
int config_find_tokens(struct ncm_config *config, struct ncm_error *err);

/* servers.c */
void config_put_server(struct ncm_config *config, const char *name, char *url_to_keep);
void config_drop_servers(struct ncm_config *config);
/* Letters, digits, '.', '_' and '-'. */
bool config_is_server_name(const char *name);
/* The URL of what OLLAMA_HOST says; NULL if it says none. The caller frees it. */
char *config_ollama_url(const char *host);
/* Adds the one of OLLAMA_HOST, or the usual one if there is none. */
void config_find_servers(struct ncm_config *config);

/* values.c */
/* As config_path for a layout, whose plain names stay as they are. */
char *config_layout(const char *base, const char *layout);
/* An http(s) URL without user, query and fragment; its trailing slashes are dropped. NULL if it is something else. The
 * caller frees it. */
char *config_endpoint(const char *url);
/* Digits alone, from `least` to `most`. */
bool config_unsigned(const char *text, unsigned least, unsigned most, unsigned *value);
/* Replaces or adds the folder of a store. */
void config_put_store(struct ncm_config *config, const char *store, char *path_to_keep, enum ncm_said_by by);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where programs that run models answer. OLLAMA_HOST as ollama/ollama envconfig/config.go (Host) reads it: a scheme, a
 * host and a port, each of which may be left out.
 */
#include "config/parts.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

static const char own_name[] = "ollama"; /* of the one that OLLAMA_HOST says */

static struct ncm_server *server_named(const struct ncm_config *config, const char *name)
{
	for (size_t i = 0; i < config->server_count; i++) {
		if (strcmp(config->servers[i].name, name) == 0)
			return &config->servers[i];
	}
	return NULL;
}

void config_put_server(struct ncm_config *config, const char *name, char *url_to_keep)
{
	struct ncm_server *server = server_named(config, name);

	if (!server) {
		server = NCM_PUSH(config->servers, config->server_count);
		*server = (struct ncm_server){.name = ncm_strdup(name)};
	}
	free(server->url);
	server->url = url_to_keep;
}

void config_drop_servers(struct ncm_config *config)
{
	for (size_t i = 0; i < config->server_count; i++) {
		free(config->servers[i].name);
		free(config->servers[i].url);
	}
	free(config->servers);
	config->servers = NULL;
	config->server_count = 0;
}

bool config_is_server_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name && strlen(name) <= 64 && name[strspn(name, letters)] == '\0';
}

/* Where one that listens everywhere is reached. */
static const char *reachable(const char *host)
{
	if (!*host || strcmp(host, "0.0.0.0") == 0)
		return "127.0.0.1";
	return strcmp(host, "[::]") == 0 ? "[::1]" : host;
}

char *config_ollama_url(const char *host)
{
	const bool tls = strncasecmp(host, "https://", 8) == 0, plain = strncasecmp(host, "http://", 7) == 0;
	const char *rest = host + (tls ? 8 : plain ? 7 : 0);
	const size_t length = strcspn(rest, "/");
	const size_t name = *rest == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/");
	NCM_AUTO_FREE char *address = ncm_strndup(rest, name < length ? name : length);
	const char *port = name < length && rest[name] == ':' ? rest + name + 1 : NULL;
	const char *usual = tls ? "443" : plain ? "80" : "11434";
	NCM_AUTO_FREE char *said = ncm_strndup(port ? port : usual, port ? length - name - 1 : strlen(usual));
	NCM_AUTO_FREE char *url =
	    ncm_asprintf("http%s://%s:%s%s", tls ? "s" : "", reachable(address), *said ? said : usual, rest + length);

	return config_endpoint(url);
}

void config_find_servers(struct ncm_config *config)
{
	const char *host = config_env("OLLAMA_HOST");
	char *url;

	if (!host && config->server_count > 0)
		return;
	url = config_ollama_url(host ? host : "");
	config_put_server(config, own_name, url); /* a variable that is no address is told when it is needed */
}

static int refuse(const char *said, struct ncm_error *err)
{
	if (!strstr(said, "://"))
		ncm_error_set(err, NCM_E_USAGE, "--server: no server is called %s", said);
	else /* it may hold a password: not told */
		ncm_error_set(err, NCM_E_USAGE,
			      "--server is not NAME=URL: a name of letters, digits, '.', '_' and '-', and an http or "
			      "https address without user, query and fragment");
	return ncm_error_hint(err, "as in --server small=http://127.0.0.1:11434, or the name of one of the "
				   "configuration's \"servers\"");
}

/* A name and an URL, an URL alone, or the name of one that is there. */
static int add_server(struct ncm_config *config, const struct ncm_config *before, const char *said,
		      struct ncm_error *err)
{
	const struct ncm_server *known = server_named(before, said);
	const char *scheme = strstr(said, "://"), *equals = strchr(said, '=');
	const bool named = equals && scheme && equals < scheme;
	char *url = known ? ncm_strdup_null(known->url) : config_endpoint(named ? equals + 1 : said);
	NCM_AUTO_FREE char *name = named           ? ncm_strndup(said, (size_t)(equals - said))
				   : known || !url ? ncm_strdup(said)
						   : ncm_strdup(strstr(url, "://") + 3);

	if ((!url && !known) || (named && !config_is_server_name(name))) {
		free(url);
		return refuse(said, err);
	}
	config_put_server(config, name, url);
	return 0;
}

int ncm_config_set_servers(struct ncm_config *config, char *const *said, size_t count, struct ncm_error *err)
{
	struct ncm_config before = {.servers = config->servers, .server_count = config->server_count};
	int failed = 0;

	config->servers = NULL;
	config->server_count = 0;
	for (size_t i = 0; i < count && failed == 0; i++)
		failed = add_server(config, &before, said[i], err);
	config_drop_servers(&before);
	return failed;
}

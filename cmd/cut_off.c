/* SPDX-License-Identifier: MIT */
#include "cut_off.h"

#include "ui/text.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NAMED = 5 };

/* What went wrong with one server; with all of them, if none answered. */
struct cut_off_server {
	char *origin; /* "https://host"; "": all */
	const struct ncm_error **errors;
	struct ncm_strings models; /* one for each error */
};

/* The part of a message that begins with the server's origin, and how long that is; NULL: it names none. */
static const char *find_origin(const char *message, size_t *length)
{
	const char *found = strstr(message, "https://");
	const char *plain = strstr(message, "http://");
	const char *end;

	if (!found || (plain && plain < found))
		found = plain;
	end = found ? strstr(found, ": ") : NULL;
	*length = end ? (size_t)(end - found) : 0;
	return end ? found : NULL;
}

static struct cut_off_server *server_of(struct cut_off *cut_off, const char *origin, size_t length)
{
	struct cut_off_server *server;

	for (size_t i = 0; i < cut_off->count; i++) {
		if (strlen(cut_off->servers[i].origin) == length &&
		    strncmp(cut_off->servers[i].origin, origin, length) == 0)
			return &cut_off->servers[i];
	}
	cut_off->servers = memory_grow(cut_off->servers, cut_off->count + 1, sizeof *cut_off->servers);
	server = &cut_off->servers[cut_off->count++];
	*server = (struct cut_off_server){.origin = text_format("%.*s", (int)length, origin)};
	return server;
}

bool cut_off_takes(struct cut_off *cut_off, const struct ncm_error *err, const char *model)
{
	struct cut_off_server *server;
	const char *origin = "";
	size_t length = 0;

	if (err->code != NCM_E_NETWORK || !err->message)
		return false;
	if (!cut_off->how)
		origin = find_origin(err->message, &length);
	if (!origin)
		return false;
	server = server_of(cut_off, origin, length);
	server->errors = memory_grow(server->errors, server->models.count + 1, sizeof *server->errors);
	server->errors[server->models.count] = err;
	words_add(&server->models, model);
	return true;
}

/* "a, b and 3 more". The caller frees it. */
static char *name_models(const struct ncm_strings *models)
{
	struct ncm_strings named = {0};
	AUTO_FREE char *joined = NULL;
	const size_t most = models->count > MOST_NAMED ? MOST_NAMED - 1 : models->count;
	char *text;

	for (size_t i = 0; i < most; i++)
		words_add(&named, models->items[i]);
	joined = words_join(&named, ", ");
	ncm_strings_free(&named);
	text = models->count > most ? text_format("%s and %zu more", joined, models->count - most)
				    : text_format("%s", joined);
	return text;
}

static void tell_all(const struct cut_off *cut_off, const struct cut_off_server *server, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_NETWORK, "no network: %zu models cannot be fetched, no server could be reached (%s)",
		      server->models.count, cut_off->how);
	ncm_error_hint(err, "check the connection, name resolution, and the proxy if there is one (https_proxy); then "
			    "run the same command again");
}

static void tell_one(const struct cut_off_server *server, struct ncm_error *err)
{
	AUTO_FREE char *models = name_models(&server->models);
	size_t length;

	ncm_error_set(err, NCM_E_NETWORK, "%zu models (%s): %s", server->models.count, models,
		      find_origin(server->errors[0]->message, &length));
	if (server->errors[0]->hint)
		ncm_error_hint(err, "%s", server->errors[0]->hint);
}

static void tell_server(const struct cut_off *cut_off, const struct cut_off_server *server)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (server->models.count == 1) {
		report_error(cut_off->report, server->errors[0], server->models.items[0]);
		return;
	}
	for (size_t i = 0; i < server->models.count; i++)
		report_record(cut_off->report, server->errors[i], server->models.items[i]);
	if (cut_off->how)
		tell_all(cut_off, server, &err);
	else
		tell_one(server, &err);
	report_tell(cut_off->report, &err, NULL);
	ncm_error_clear(&err);
}

int cut_off_tell(struct cut_off *cut_off)
{
	const int exit_code = cut_off->count > 0 ? report_exit_code(NCM_E_NETWORK) : 0;

	for (size_t i = 0; i < cut_off->count; i++) {
		tell_server(cut_off, &cut_off->servers[i]);
		free(cut_off->servers[i].origin);
		free(cut_off->servers[i].errors);
		ncm_strings_free(&cut_off->servers[i].models);
	}
	free(cut_off->servers);
	cut_off->servers = NULL;
	cut_off->count = 0;
	return exit_code;
}

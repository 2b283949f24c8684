/* SPDX-License-Identifier: MIT */
/*
 * Where a store lies: what the user said of this very store, else the application's own variable, else a place of the
 * layout's. Of several places of the layout the first counts that ncmodel has worked in, else the first that is there,
 * else the first: so what is there stays in use whatever the layout would choose on a new machine.
 */
#include "store/location.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/parts.h"

#include <errno.h>
#include <string.h>

const char *ncm_store_why_name(enum ncm_store_why why)
{
	static const char *const names[] = {
	    [NCM_PLACED_BY_LAYOUT] = "layout",
	    [NCM_PLACED_BY_FOUND] = "found",
	    [NCM_PLACED_BY_SERVICE] = "service",
	    [NCM_PLACED_BY_ENVIRONMENT] = "environment",
	    [NCM_PLACED_BY_CONFIGURATION] = "configuration",
	    [NCM_PLACED_BY_FLAG] = "flag",
	    [NCM_PLACED_BY_APPLICATION] = "application",
	};

	return names[why];
}

const char *store_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

char *store_expand_home(const char *path)
{
	const char *home = path[0] == '~' && (path[1] == '/' || path[1] == '\0') ? store_variable("HOME") : NULL;

	return home ? ncm_asprintf("%s%s", home, path + 1) : ncm_strdup(path);
}

/* Where the application itself was told to keep its models, or NULL. The caller frees it. */
static char *application_location(const struct store_word *word, char **told_by)
{
	const char *value = word->env ? store_variable(word->env) : NULL;

	if (value) {
		*told_by = ncm_strdup(word->env);
		return ncm_strdup(value);
	}
	return word->kind->location ? word->kind->location(told_by) : NULL;
}

/* One place of the layout's. */
struct place {
	char *path;
	enum ncm_store_why why;
	const char *user; /* of a service */
	uint32_t uid;
};

struct places {
	struct place *items;
	size_t count;
};

static void add_place(struct places *places, const struct ncm_config *config, const char *path, enum ncm_store_why why)
{
	*NCM_PUSH(places->items, places->count) = (struct place){.path = store_path_given(config, path), .why = why};
}

/* A service has its place for the whole machine: another root than the home is a machine of its own. */
static void add_service(struct places *places, const struct ncm_config *config, const struct store_word *word)
{
	const char *user = word->service.user;
	uint32_t number;

	if (!user || !ncm_config_root_is_home(config) || !os_user_of(user, &number))
		return;
	add_place(places, config, word->service.path, NCM_PLACED_BY_SERVICE);
	places->items[places->count - 1].user = user;
	places->items[places->count - 1].uid = number;
}

static void places_free(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->items[i].path);
	free(places->items);
}

/* What cannot be looked at is not absent. */
static bool is_there(const char *path)
{
	struct os_stat status;

	return os_stat(OS_HERE, path, &status) == 0 ? status.kind == OS_IS_FOLDER : errno != ENOENT && errno != ENOTDIR;
}

static bool was_worked_in(const struct ncm_store_kind *kind, const char *path)
{
	NCM_AUTO_FREE char *own = ncm_path_join(path, ncm_store_own(&(struct ncm_store){.kind = kind}));
	struct os_stat status;

	return os_stat(OS_HERE, own, &status) == 0;
}

/* Whether a program of that name runs as this user, as far as the system tells. */
static bool is_running(const char *name, uint32_t user)
{
	struct os_processes *list = os_processes();
	const struct os_process *process;
	bool found = false;

	while (list && !found && (process = os_processes_next(list)))
		found = process->user == user && strcmp(process->name, name) == 0;
	os_processes_end(list);
	return found;
}

static const struct place *choose(const struct store_word *word, const struct places *places)
{
	const struct place *items = places->items;

	for (size_t i = 0; i < places->count && places->count > 1; i++) {
		if (was_worked_in(word->kind, items[i].path))
			return &items[i];
	}
	/* Of two that are there, the one that a service has in use. */
	for (size_t i = 0; i < places->count; i++) {
		if (items[i].user && is_there(items[i].path) && is_running(word->id, items[i].uid))
			return &items[i];
	}
	for (size_t i = 0; i < places->count; i++) {
		if (is_there(items[i].path))
			return &items[i];
	}
	/* Nothing is there: a service that is installed makes its own when it first runs. */
	for (size_t i = 0; i < places->count; i++) {
		if (items[i].user)
			return &items[i];
	}
	return items;
}

static char *by_layout(const struct ncm_config *config, const struct store_word *word, enum ncm_store_why *why,
		       char **told_by)
{
	struct places places = {0};
	const struct place *chosen;
	char *path;

	add_place(&places, config, word->path, NCM_PLACED_BY_LAYOUT);
	for (size_t i = 0; i < word->found.count; i++)
		add_place(&places, config, word->found.items[i], NCM_PLACED_BY_FOUND);
	add_service(&places, config, word);
	chosen = choose(word, &places);
	path = ncm_strdup(chosen->path);
	*why = chosen->why;
	*told_by = ncm_strdup_null(chosen->user);
	places_free(&places);
	return path;
}

/* The variable that config/environment.c read it from. */
static char *own_variable(const char *id)
{
	char *name = ncm_asprintf("NCMODEL_STORE_%s", id);

	for (char *at = name; *at; at++)
		*at = (char)(*at == '-' ? '_' : *at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
	return name;
}

static void tell_override(const struct ncm_config *config, const struct ncm_store_override *override,
			  enum ncm_store_why *why, char **told_by)
{
	switch (override->by) {
	case NCM_SAID_BY_FILE:
		*why = NCM_PLACED_BY_CONFIGURATION;
		*told_by = ncm_strdup_null(config->file);
		break;
	case NCM_SAID_BY_ENVIRONMENT:
		*why = NCM_PLACED_BY_ENVIRONMENT;
		*told_by = own_variable(override->store);
		break;
	case NCM_SAID_BY_FLAG:
		*why = NCM_PLACED_BY_FLAG;
		*told_by = ncm_strdup("--store-path");
		break;
	}
}

char *store_location(const struct ncm_config *config, const struct store_word *word, enum ncm_store_why *why,
		     char **told_by)
{
	NCM_AUTO_FREE char *own = NULL;

	*told_by = NULL;
	for (size_t i = 0; i < config->store_count; i++) {
		if (strcmp(config->stores[i].store, word->id) != 0)
			continue;
		tell_override(config, &config->stores[i], why, told_by);
		return ncm_path_absolute(config->stores[i].path);
	}
	own = application_location(word, told_by);
	if (!own)
		return by_layout(config, word, why, told_by);
	*why = NCM_PLACED_BY_ENVIRONMENT;
	return ncm_path_absolute(own);
}

/* SPDX-License-Identifier: MIT */
/*
 * Who has the store in use, as far as the system tells: a server whose environment names it, and programs that have
 * files of it open or mapped. What is not told of another user's programs is a warning, not a no.
 */
#include "move/work.h"

#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct looking {
	struct mover *mover;
	char **roots;                        /* of the stores that files leave, without links */
	const struct ncm_store_kind **kinds; /* of these */
	size_t count;
	bool blind; /* a program's open files could not be seen */
	int found;
	struct ncm_error *err;
};

static int refuse(struct looking *looking, const struct os_process *process, const char *what)
{
	looking->found = 1;
	ncm_error_set(looking->err, NCM_E_POLICY, "in use: %s (process %ld) %s", process->name, process->pid, what);
	ncm_error_hint(looking->err, "nothing was moved; stop it, and run the same command again");
	return -1;
}

/* Whether a path lies below one of the stores. */
static bool is_below(const struct looking *looking, const char *path)
{
	for (size_t i = 0; i < looking->count; i++) {
		if (ncm_path_below(path, looking->roots[i]))
			return true;
	}
	return false;
}

/* The value in the texts of an environment; or NULL. Borrowed. */
static const char *value_in(const char *texts, size_t size, const char *name)
{
	const size_t length = strlen(name);

	for (const char *at = texts; at < texts + size; at += strlen(at) + 1) {
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return at + length + 1;
	}
	return NULL;
}

static bool has_argument(const struct os_process *process, const char *wanted)
{
	size_t size = 0;
	NCM_AUTO_FREE char *texts = os_process_texts(process, OS_PROCESS_ARGUMENTS, &size);

	for (const char *at = texts; at && at < texts + size; at += strlen(at) + 1) {
		if (strcmp(at, wanted) == 0)
			return true;
	}
	return false;
}

static bool is_folder(const struct os_stat *status, const char *path)
{
	struct os_stat other;

	return os_stat(OS_HERE, path, &other) == 0 && os_is_same(&other, status);
}

/* Whether a path is one of the stores, as the process sees it: in a container it may be another folder, or have another
 * name. Where that cannot be seen it is taken for what it is here. */
static bool is_store(const struct looking *looking, const struct os_process *process,
		     const struct ncm_store_server *server, const char *path)
{
	struct os_stat status;

	if (os_process_stat(process, path, &status) < 0 && (errno != EACCES || os_stat(OS_HERE, path, &status) < 0))
		return false;
	for (size_t i = 0; i < looking->count; i++) {
		if (looking->kinds[i]->server == server && is_folder(&status, looking->roots[i]))
			return true;
	}
	return false;
}

/* Where the server keeps its models, by its environment, or (not to be seen) by its user's home. */
static char *store_of(const struct ncm_store_server *server, const struct os_process *process, bool *known)
{
	size_t size = 0;
	NCM_AUTO_FREE char *texts = os_process_texts(process, OS_PROCESS_ENVIRONMENT, &size);
	const char *models = texts ? value_in(texts, size, server->variable) : NULL;
	const char *home = texts ? value_in(texts, size, "HOME") : NULL;
	char users[PATH_MAX];

	*known = texts != NULL;
	if (models && *models)
		return ncm_strdup(models);
	if (!home)
		home = !texts && os_user_home(process->user, users, sizeof users) ? users : "/";
	return ncm_path_join(home, server->below_home);
}

static int look_at_server(struct looking *looking, const struct ncm_store_server *server,
			  const struct os_process *process)
{
	bool known = false;
	NCM_AUTO_FREE char *store = store_of(server, process, &known);

	if (is_store(looking, process, server, store))
		return refuse(looking, process, "serves this store");
	if (!known)
		ncm_strings_add(&looking->mover->move->warnings, server->unseen);
	return 0;
}

/* What serves one of the stores, if the process is that; or NULL. */
static const struct ncm_store_server *server_of(const struct looking *looking, const struct os_process *process)
{
	for (size_t i = 0; i < looking->count; i++) {
		const struct ncm_store_server *server = looking->kinds[i]->server;

		if (server && strcmp(process->name, server->program) == 0 && has_argument(process, server->argument))
			return server;
	}
	return NULL;
}

static int look_at_files(struct looking *looking, const struct os_process *process, enum os_process_part part,
			 const char *what)
{
	size_t size = 0;
	NCM_AUTO_FREE char *paths = os_process_texts(process, part, &size);

	if (!paths && part == OS_PROCESS_OPEN)
		looking->blind = looking->blind || errno == EACCES || errno == EPERM;
	for (const char *at = paths; at && at < paths + size; at += strlen(at) + 1) {
		if (is_below(looking, at))
			return refuse(looking, process, what);
	}
	return 0;
}

static void look_at_process(struct looking *looking, const struct os_process *process)
{
	const struct ncm_store_server *server = server_of(looking, process);

	if (server && look_at_server(looking, server, process) < 0)
		return;
	if (look_at_files(looking, process, OS_PROCESS_OPEN, "has a file of it open") == 0)
		(void)look_at_files(looking, process, OS_PROCESS_MAPPED, "has a file of it in memory");
}

static void look_at_all(struct looking *looking)
{
	struct os_processes *list = os_processes();
	const struct os_process *process;

	looking->blind = !list;
	while (list && !looking->found && (process = os_processes_next(list))) {
		if (process->pid != os_pid())
			look_at_process(looking, process);
	}
	os_processes_end(list);
	if (looking->blind && !looking->found)
		ncm_strings_add(&looking->mover->move->warnings,
				"what programs of other users have open cannot be seen: stop those that use these "
				"files");
}

int mover_refuse_busy(struct mover *mover, struct ncm_error *err)
{
	NCM_AUTO_FREE bool *left = ncm_calloc(mover->layout->count + 1, sizeof *left);
	struct looking looking = {.mover = mover, .err = err};

	looking.roots = ncm_calloc(mover->layout->count + 1, sizeof *looking.roots);
	looking.kinds = ncm_calloc(mover->layout->count + 1, sizeof *looking.kinds);
	for (size_t i = 0; i < mover->count; i++) {
		if (mover->items[i].store != NCM_NO_STORE && !mover->items[i].why)
			left[mover->items[i].store] = true;
	}
	for (size_t i = 0; i < mover->layout->count; i++) {
		char *root = left[i] ? os_real_path(mover->layout->stores[i].path) : NULL;

		if (!root)
			continue;
		looking.kinds[looking.count] = mover->layout->stores[i].kind;
		looking.roots[looking.count++] = root;
	}
	look_at_all(&looking);
	for (size_t i = 0; i < looking.count; i++)
		free(looking.roots[i]);
	free(looking.roots);
	free(looking.kinds);
	return looking.found ? -1 : 0;
}

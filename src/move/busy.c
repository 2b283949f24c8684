/* SPDX-License-Identifier: MIT */
/*
 * Who has the store in use, as far as /proc tells: a server whose environment names it, and programs that have files
 * of it open or mapped. What is not told of another user's programs is a warning, not a no.
 */
#include "move/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROC_BYTES = 8 << 20 };

struct looking {
	struct mover *mover;
	char **roots;                        /* of the stores that files leave, without links */
	const struct ncm_store_kind **kinds; /* of these */
	size_t count;
	bool blind; /* a program's open files could not be seen */
	int found;
	struct ncm_error *err;
};

static char *read_at(int process, const char *name, size_t *size)
{
	NCM_AUTO_CLOSE int fd = openat(process, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NULL : ncm_read_fd(fd, PROC_BYTES, size);
}

static int refuse(struct looking *looking, const char *pid, const char *name, const char *what)
{
	looking->found = 1;
	ncm_error_set(looking->err, NCM_E_POLICY, "in use: %s (process %s) %s", name, pid, what);
	ncm_error_hint(looking->err, "nothing was moved; stop it, and run the same command again");
	return -1;
}

/* The root that a path lies below; or NULL. */
static const char *root_of(const struct looking *looking, const char *path)
{
	for (size_t i = 0; i < looking->count; i++) {
		if (ncm_path_below(path, looking->roots[i]))
			return looking->roots[i];
	}
	return NULL;
}

/* The value in the text of an environment; or NULL. Borrowed. */
static const char *value_in(const char *text, size_t size, const char *name)
{
	const size_t length = strlen(name);

	for (const char *at = text; at < text + size; at += strlen(at) + 1) {
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return at + length + 1;
	}
	return NULL;
}

static bool has_argument(int process, const char *wanted)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = read_at(process, "cmdline", &size);

	for (const char *at = text; at && at < text + size; at += strlen(at) + 1) {
		if (strcmp(at, wanted) == 0)
			return true;
	}
	return false;
}

static bool is_folder(const struct stat *status, const char *path)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == status->st_dev && other.st_ino == status->st_ino;
}

/* Whether a path is one of the stores, as the process sees it: in a container it may be another folder, or have another
 * name. Where that cannot be seen it is taken for what it is here. */
static bool is_store(const struct looking *looking, int process, const struct ncm_store_server *server,
		     const char *path)
{
	NCM_AUTO_FREE char *inside = ncm_asprintf("root%s%s", *path == '/' ? "" : "/", path);
	struct stat status;

	if (fstatat(process, inside, &status, 0) < 0 && (errno != EACCES || stat(path, &status) < 0))
		return false;
	for (size_t i = 0; i < looking->count; i++) {
		if (looking->kinds[i]->server == server && is_folder(&status, looking->roots[i]))
			return true;
	}
	return false;
}

/* Where the server keeps its models, by its environment, or (not to be seen) by its user's home. */
static char *store_of(const struct ncm_store_server *server, int process, uid_t user, bool *known)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = read_at(process, "environ", &size);
	const char *models = text ? value_in(text, size, server->variable) : NULL;
	const char *home = text ? value_in(text, size, "HOME") : NULL;
	const struct passwd *entry = text ? NULL : getpwuid(user);

	*known = text != NULL;
	if (models && *models)
		return ncm_strdup(models);
	if (!home)
		home = entry ? entry->pw_dir : "/";
	return ncm_path_join(home, server->below_home);
}

static int look_at_server(struct looking *looking, const struct ncm_store_server *server, int process, const char *pid,
			  uid_t user)
{
	bool known = false;
	NCM_AUTO_FREE char *store = store_of(server, process, user, &known);

	if (is_store(looking, process, server, store))
		return refuse(looking, pid, server->program, "serves this store");
	if (!known)
		ncm_strings_add(&looking->mover->move->warnings, server->unseen);
	return 0;
}

/* What serves one of the stores, if the process is that; or NULL. */
static const struct ncm_store_server *server_of(const struct looking *looking, int process, const char *name)
{
	for (size_t i = 0; i < looking->count; i++) {
		const struct ncm_store_server *server = looking->kinds[i]->server;

		if (server && strcmp(name, server->program) == 0 && has_argument(process, server->argument))
			return server;
	}
	return NULL;
}

static int look_at_open(struct looking *looking, int process, const char *pid, const char *name)
{
	const int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int failed = 0;

	looking->blind = looking->blind || (!dir && errno == EACCES);
	while (dir && !failed && (entry = readdir(dir))) {
		char path[PATH_MAX];
		const ssize_t size = readlinkat(dirfd(dir), entry->d_name, path, sizeof path - 1);

		if (size <= 0)
			continue;
		path[size] = '\0';
		if (root_of(looking, path))
			failed = refuse(looking, pid, name, "has a file of it open");
	}
	if (dir)
		closedir(dir);
	return failed;
}

static int look_at_mapped(struct looking *looking, int process, const char *pid, const char *name)
{
	size_t size = 0;
	NCM_AUTO_FREE char *text = read_at(process, "maps", &size);

	for (char *line = text; line && *line;) {
		char *end = strchr(line, '\n');
		const char *path;

		if (end)
			*end = '\0';
		path = strchr(line, '/');
		if (path && root_of(looking, path))
			return refuse(looking, pid, name, "has a file of it in memory");
		line = end ? end + 1 : NULL;
	}
	return 0;
}

static void look_at_process(struct looking *looking, int proc, const char *pid)
{
	NCM_AUTO_CLOSE int process = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NCM_AUTO_FREE char *name = process < 0 ? NULL : read_at(process, "comm", NULL);
	const struct ncm_store_server *server;
	struct stat status;

	if (!name || fstat(process, &status) < 0)
		return;
	name[strcspn(name, "\n")] = '\0';
	server = server_of(looking, process, name);
	if (server && look_at_server(looking, server, process, pid, status.st_uid) < 0)
		return;
	if (look_at_open(looking, process, pid, name) == 0)
		(void)look_at_mapped(looking, process, pid, name);
}

static void look_at_all(struct looking *looking)
{
	DIR *proc = opendir("/proc");
	char own[24];
	const struct dirent *entry;

	snprintf(own, sizeof own, "%ld", (long)getpid());
	while (proc && !looking->found && (entry = readdir(proc))) {
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && strcmp(entry->d_name, own) != 0)
			look_at_process(looking, dirfd(proc), entry->d_name);
	}
	looking->blind = looking->blind || !proc;
	if (proc)
		closedir(proc);
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
		char *root = left[i] ? realpath(mover->layout->stores[i].path, NULL) : NULL;

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

/* SPDX-License-Identifier: MIT */
#include "credentials/parts.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret_values.h"

#include <errno.h>
#include <fcntl.h>
#include <ncmodel/event.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

/* What of the environment is none of the program's business: our services' tokens, and what would have a shell or the
 * loader run something else than the program. */
static bool is_kept_back(const char *entry)
{
	static const char *const names[] = {"LD_PRELOAD=", "LD_AUDIT=", "BASH_ENV=", "ENV="};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	}
	return ncm_secret_is_variable(entry);
}

/* Its entries belong to the environment; the caller frees the array. */
static char **own_environment(void)
{
	size_t count = 0, kept = 0;
	char **own;

	while (environ && environ[count])
		count++;
	own = ncm_calloc(count + 1, sizeof *own);
	for (size_t i = 0; i < count; i++) {
		if (!is_kept_back(environ[i]))
			own[kept++] = environ[i];
	}
	return own;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Nothing of ours is inherited: no descriptor, no blocked or ignored signal, and a group of its own. */
static int spawn(const char *path, const char *argument, int input, int output, pid_t *pid)
{
	char *const argv[] = {(char *)path, (char *)argument, NULL};
	NCM_AUTO_FREE char **environment = own_environment();
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int failed;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	failed = posix_spawn(pid, path, &files, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return failed;
}

/* A program under way. */
struct running {
	pid_t pid;
	int output;
	double end; /* monotonic seconds */
	size_t limit;
	struct ncm_buffer text;
};

static bool is_over(const struct running *running)
{
	return ncm_interrupted() || ncm_monotonic() >= running->end;
}

/* Until it closes its output, writes too much, or the time is over. */
static void read_output(struct running *running)
{
	char data[4096];

	while (!is_over(running) && running->text.size <= running->limit) {
		struct pollfd ready = {.fd = running->output, .events = POLLIN};
		ssize_t got;

		if (poll(&ready, 1, 100) <= 0)
			continue;
		got = read(running->output, data, sizeof data);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		ncm_buffer_add(&running->text, data, (size_t)got);
	}
	explicit_bzero(data, sizeof data);
}

static enum program_end await_end(struct running *running)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	int status = 0;

	while (running->text.size <= running->limit && !is_over(running)) {
		const pid_t ended = waitpid(running->pid, &status, WNOHANG);

		if (ended < 0 &&
		    errno == ECHILD) /* whoever has this process ignores its children: how it ended is lost */
			return PROGRAM_FAILED;
		if (ended == running->pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? PROGRAM_DONE : PROGRAM_FAILED;
		nanosleep(&pause, NULL);
	}
	kill(-running->pid, SIGKILL);
	while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (running->text.size > running->limit)
		return PROGRAM_FAILED;
	return ncm_interrupted() ? PROGRAM_INTERRUPTED : PROGRAM_LATE;
}

enum program_end program_run(const char *path, const char *argument, const char *input, size_t limit, double seconds,
			     char **output)
{
	struct running running = {.end = ncm_monotonic() + seconds, .limit = limit};
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	enum program_end end;
	int failed;

	*output = NULL;
	failed = pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ? errno : 0;
	if (!failed)
		failed = spawn(path, argument, in[0], out[1], &running.pid);
	close_end(&in[0]);
	close_end(&out[1]);
	if (failed) {
		close_end(&in[1]);
		close_end(&out[0]);
		errno = failed;
		return PROGRAM_NOT_RUN;
	}
	/* A host's name fits into a pipe that is empty, and SIGPIPE is ignored. */
	(void)!write(in[1], input, strlen(input));
	close_end(&in[1]);
	running.output = out[0];
	read_output(&running);
	end = await_end(&running);
	close_end(&out[0]);
	*output = ncm_buffer_take(&running.text);
	return end;
}

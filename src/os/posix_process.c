/* SPDX-License-Identifier: MIT */
/* Processes, users and clocks as POSIX has them. */
#include "os/os.h"

#include "os/spawn.h"
#include "os/system.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	DATABASE_BYTES = 65536,
	MOST_GROUPS = 65536,
};

extern char **environ;

void os_die(const char *message)
{
	if (write(STDERR_FILENO, message, strlen(message)) < 0)
		_exit(1);
	_exit(1);
}

static int64_t ns_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t os_now_ns(void)
{
	return ns_of(CLOCK_REALTIME);
}

static double seconds_of(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double os_monotonic(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

double os_cpu_of_process(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

double os_cpu_of_thread(void)
{
	return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

void os_sleep_ms(unsigned milliseconds)
{
	const struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000};

	nanosleep(&pause, NULL);
}

long os_pid(void)
{
	return (long)getpid();
}

/* A file that lands on descriptor 0, 1 or 2 would receive what is printed. */
int os_hold_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

void os_prepare_signals(void)
{
	const struct rlimit no_core = {0, 0};
	const struct sigaction ignore = {.sa_handler = SIG_IGN}, usual = {.sa_handler = SIG_DFL};

	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	/* Who started us may ignore it: then nobody could tell how a credential helper ended. */
	sigaction(SIGCHLD, &usual, NULL);
	setrlimit(RLIMIT_CORE, &no_core);
}

uint32_t os_user(void)
{
	return geteuid();
}

bool os_is_root(void)
{
	return geteuid() == 0;
}

static bool fits(const char *from, char *text, size_t size)
{
	if (!from || strlen(from) >= size)
		return false;
	strcpy(text, from);
	return true;
}

/* *room has the texts of the entry, and is the caller's to free. */
static bool user_entry(uint32_t user, struct passwd *entry, char **room)
{
	struct passwd *found = NULL;

	*room = malloc(DATABASE_BYTES);
	return *room && getpwuid_r(user, entry, *room, DATABASE_BYTES, &found) == 0 && found;
}

bool os_user_name(uint32_t user, char *name, size_t size)
{
	struct passwd entry;
	char *room;
	const bool known = user_entry(user, &entry, &room) && fits(entry.pw_name, name, size);

	free(room);
	return known;
}

bool os_user_home(uint32_t user, char *path, size_t size)
{
	struct passwd entry;
	char *room;
	const bool known = user_entry(user, &entry, &room) && fits(entry.pw_dir, path, size);

	free(room);
	return known;
}

bool os_own_home(char *path, size_t size)
{
	return os_user_home(getuid(), path, size);
}

bool os_user_of(const char *name, uint32_t *user)
{
	char *room = malloc(DATABASE_BYTES);
	struct passwd entry, *found = NULL;
	const bool known = room && getpwnam_r(name, &entry, room, DATABASE_BYTES, &found) == 0 && found;

	if (known)
		*user = entry.pw_uid;
	free(room);
	return known;
}

bool os_user_has_group(uint32_t user, uint32_t group)
{
#ifdef __APPLE__
	typedef int id;
#else
	typedef gid_t id;
#endif
	struct passwd entry;
	char *room = NULL;
	id *groups = calloc(MOST_GROUPS, sizeof *groups);
	int count = MOST_GROUPS;
	bool is_in = false;

	if (groups && user_entry(user, &entry, &room)) {
		if (getgrouplist(entry.pw_name, (id)entry.pw_gid, groups, &count) < 0)
			count = 0;
		for (int i = 0; i < count && !is_in; i++)
			is_in = groups[i] == (id)group;
	}
	free(room);
	free(groups);
	return is_in;
}

bool os_group_is_alone(uint32_t group, uint32_t user)
{
	char *texts = malloc(DATABASE_BYTES), *room = NULL;
	struct passwd owner;
	struct group entry, *found = NULL;
	bool alone = user_entry(user, &owner, &room) && texts &&
		     getgrgid_r(group, &entry, texts, DATABASE_BYTES, &found) == 0 && found &&
		     strcmp(entry.gr_name, owner.pw_name) == 0;

	for (char **member = alone ? entry.gr_mem : NULL; alone && *member; member++)
		alone = strcmp(*member, owner.pw_name) == 0;
	free(texts);
	free(room);
	return alone;
}

char **os_environment(void)
{
	return environ;
}

_Static_assert(sizeof(sigset_t) <= sizeof(struct os_signals), "a set of signals fits");

void os_signals_off(struct os_signals *before)
{
	sigset_t all, was;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	memcpy(before, &was, sizeof was);
}

void os_signals_back(const struct os_signals *before)
{
	sigset_t was;

	memcpy(&was, before, sizeof was);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
}

static int start(char *const *arguments, char *const *environment, int input, int output, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, all;
	int failed;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	os_spawn_close_rest(&files, &flags);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, flags);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	failed = posix_spawn(pid, arguments[0], &files, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return failed;
}

static void close_both(const int ends[2])
{
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			close(ends[i]);
	}
}

int os_spawn(char *const *arguments, char *const *environment, int *input, int *output, long *pid)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	pid_t started = -1;
	int failed = os_pipe(in) < 0 || os_pipe(out) < 0 ? errno : 0;

	if (!failed)
		failed = start(arguments, environment, in[0], out[1], &started);
	if (failed) {
		close_both(in);
		close_both(out);
		return failed;
	}
	close(in[0]);
	close(out[1]);
	*input = in[1];
	*output = out[0];
	*pid = started;
	return 0;
}

int os_wait_readable(int fd, unsigned milliseconds)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, (int)milliseconds);
}

enum os_end os_reap(long pid)
{
	int status = 0;
	const pid_t ended = waitpid((pid_t)pid, &status, WNOHANG);

	if (ended < 0 && errno == ECHILD)
		return OS_END_UNKNOWN;
	if (ended != (pid_t)pid)
		return OS_END_NOT_YET;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? OS_END_WELL : OS_END_BADLY;
}

void os_kill(long pid)
{
	kill((pid_t)-pid, SIGKILL);
	while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

/* What the ways to look at other processes have in common. */
enum { FIRST_ROOM = 4096 };

bool os_texts_add(struct os_texts *texts, const void *data, size_t size)
{
	if (size >= texts->room - texts->size) {
		const size_t room = 2 * texts->room + size + FIRST_ROOM;
		char *larger = realloc(texts->data, room);

		if (!larger)
			return false;
		texts->data = larger;
		texts->room = room;
	}
	if (size > 0)
		memcpy(texts->data + texts->size, data, size);
	texts->size += size;
	texts->data[texts->size] = '\0';
	return true;
}

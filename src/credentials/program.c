/* SPDX-License-Identifier: MIT */
#include "credentials/parts.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <string.h>

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
	char **all = os_environment(), **own;

	while (all && all[count])
		count++;
	own = ncm_calloc(count + 1, sizeof *own);
	for (size_t i = 0; i < count; i++) {
		if (!is_kept_back(all[i]))
			own[kept++] = all[i];
	}
	return own;
}

/* A program under way. */
struct running {
	long pid;
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
		ssize_t got;

		if (os_wait_readable(running->output, 100) <= 0)
			continue;
		got = os_read(running->output, data, sizeof data);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		ncm_buffer_add(&running->text, data, (size_t)got);
	}
	os_wipe(data, sizeof data);
}

static enum program_end await_end(struct running *running)
{
	while (running->text.size <= running->limit && !is_over(running)) {
		switch (os_reap(running->pid)) {
		case OS_END_WELL:
			return PROGRAM_DONE;
		case OS_END_BADLY:
		case OS_END_UNKNOWN: /* whoever has this process ignores its children */
			return PROGRAM_FAILED;
		case OS_END_NOT_YET:
			os_sleep_ms(5);
		}
	}
	os_kill(running->pid);
	if (running->text.size > running->limit)
		return PROGRAM_FAILED;
	return ncm_interrupted() ? PROGRAM_INTERRUPTED : PROGRAM_LATE;
}

enum program_end program_run(const char *path, const char *argument, const char *input, size_t limit, double seconds,
			     char **output)
{
	struct running running = {.end = ncm_monotonic() + seconds, .limit = limit};
	char *const arguments[] = {(char *)path, (char *)argument, NULL};
	NCM_AUTO_FREE char **environment = own_environment();
	enum program_end end;
	int its_input;

	*output = NULL;
	errno = os_spawn(arguments, environment, &its_input, &running.output, &running.pid);
	if (errno)
		return PROGRAM_NOT_RUN;
	/* A host's name fits into a pipe that is empty, and SIGPIPE is ignored. */
	(void)!os_write(its_input, input, strlen(input));
	os_close(its_input);
	read_output(&running);
	end = await_end(&running);
	os_close(running.output);
	*output = ncm_buffer_take(&running.text);
	return end;
}

// SPDX-License-Identifier: MIT
/*
 * Runs a command and says what it cost:
 *
 *   measure FD COMMAND [ARGUMENT...]     writes "status wall user system rss" to FD: seconds; KiB of the largest
 * process
 *
 * CPU seconds and the peak are those of the command and of all its children that it waited for. A small program of its
 * own, because Linux counts what a process held before its exec to its peak: started by Python, everything would seem
 * to hold as much as Python does.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage use;
	int status;

	if (argc < 3) {
		fprintf(stderr, "usage: measure FD COMMAND [ARGUMENT...]\n");
		return 2;
	}
	const double start = now();
	const pid_t child = fork();

	if (child < 0)
		return 1;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a stopped benchmark leaves nothing running */
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	while (wait4(child, &status, 0, &use) < 0)
		if (errno != EINTR)
			return 1;
	const double wall = now() - start;

	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return dprintf(atoi(argv[1]), "%d %.6f %.6f %.6f %ld\n", status, wall, seconds(use.ru_utime),
		       seconds(use.ru_stime), use.ru_maxrss) < 0;
}

/* SPDX-License-Identifier: MIT */
#include "ui/interrupt.h"

#include <errno.h>
#include <ncmodel/event.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t first_signal;

static void stop(int number)
{
	if (first_signal && number == SIGINT)
		_exit(128 + SIGINT);
	if (!first_signal)
		first_signal = number;
	ncm_interrupt();
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

void interrupt_install(void)
{
	struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction inherited;

		if (sigaction(signals[i], NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

int interrupt_wait_readable(int fd)
{
	struct pollfd input = {.fd = fd, .events = POLLIN};
	sigset_t blocked, before;
	int ready;

	/* The signals are let in during ppoll() alone: one that comes just before it would else go unseen. */
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaddset(&blocked, signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	do {
		ready = ncm_interrupted() ? -1 : ppoll(&input, 1, NULL, &before);
	} while (ready < 0 && !ncm_interrupted() && errno == EINTR);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ready < 0 ? -1 : 0;
}

int interrupt_exit_code(void)
{
	return 128 + (first_signal ? (int)first_signal : SIGINT);
}

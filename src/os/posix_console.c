/* SPDX-License-Identifier: MIT */
/* The terminal and signals as POSIX has them. */
#include <ncmodel/console.h>

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <ncmodel/event.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

/* Set in a signal handler, read by every thread: lock-free, so both are allowed. */
static atomic_bool interrupted;
static volatile sig_atomic_t first_signal;
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

void ncm_interrupt(void)
{
	atomic_store(&interrupted, true);
}

int ncm_interrupted(void)
{
	return atomic_load(&interrupted);
}

static void stop(int number)
{
	if (first_signal && number == SIGINT)
		_exit(128 + SIGINT);
	if (!first_signal)
		first_signal = number;
	ncm_interrupt();
}

void ncm_console_catch_signals(void)
{
	struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction inherited;

		if (sigaction(signals[i], NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

int ncm_console_exit_code(void)
{
	return 128 + (first_signal ? (int)first_signal : SIGINT);
}

/* Returns 0, or -1 when a signal came. */
static int await_input(void)
{
	sigset_t blocked, before;
	fd_set input;
	int ready;

	/* The signals are let in during pselect() alone: one that comes just before it would else go unseen. */
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaddset(&blocked, signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	do {
		FD_ZERO(&input);
		FD_SET(STDIN_FILENO, &input);
		ready = ncm_interrupted() ? -1 : pselect(STDIN_FILENO + 1, &input, NULL, NULL, NULL, &before);
	} while (ready < 0 && !ncm_interrupted() && errno == EINTR);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ready < 0 ? -1 : 0;
}

int ncm_console_read_answer(char *text, size_t size)
{
	const ssize_t length = await_input() < 0 ? -1 : read(STDIN_FILENO, text, size - 1);

	text[length > 0 ? length : 0] = '\0';
	return (int)length;
}

bool ncm_console_is_terminal(FILE *stream)
{
	return isatty(fileno(stream));
}

void ncm_console_size(FILE *stream, size_t *columns, size_t *rows)
{
	struct winsize size = {0};

	*columns = *rows = 0;
	if (!isatty(fileno(stream)) || ioctl(fileno(stream), TIOCGWINSZ, &size) < 0)
		return;
	*columns = size.ws_col ? size.ws_col : 80;
	*rows = size.ws_row ? size.ws_row : 24;
}

bool ncm_console_reader_is_gone(FILE *stream)
{
	struct pollfd pipe_end = {.fd = fileno(stream), .events = POLLOUT};

	return poll(&pipe_end, 1, 0) > 0 && (pipe_end.revents & POLLERR);
}

void ncm_console_hold_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) /* the lowest that is free; for reading: writes fail */
			(void)open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
	}
}

enum ncm_console_kind ncm_console_kind_of(const char *path)
{
	struct os_stat status;

	if (os_stat(OS_HERE, path, &status) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG ? NCM_CONSOLE_ABSENT
										    : NCM_CONSOLE_UNKNOWN;
	if (status.kind == OS_IS_FOLDER)
		return NCM_CONSOLE_FOLDER;
	return status.kind == OS_IS_FILE ? NCM_CONSOLE_FILE : NCM_CONSOLE_UNKNOWN;
}

char *ncm_console_folder(void)
{
	return os_current_folder();
}

const char *ncm_console_error_text(int errnum)
{
	return os_error_text(errnum);
}

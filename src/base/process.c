/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include <ncmodel/ncmodel.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

const char *ncm_version(void)
{
	return NCM_VERSION;
}

/* A file that lands on descriptor 0, 1 or 2 would receive what is printed. */
static int reopen_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

int ncm_process_prepare(struct ncm_error *err)
{
	const struct rlimit no_core = {0, 0};
	const struct sigaction ignore = {.sa_handler = SIG_IGN}, usual = {.sa_handler = SIG_DFL};

	if (reopen_standard_fds() < 0)
		return ncm_error_set(err, NCM_E_IO, "cannot open /dev/null");
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	/* Who started us may ignore it: then nobody could tell how a credential helper ended. */
	sigaction(SIGCHLD, &usual, NULL);
	/* Tokens are in memory: no core file, no debugger of other users, no TLS keys in a file. */
	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	unsetenv("SSLKEYLOGFILE");
	return 0;
}

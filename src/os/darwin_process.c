/* SPDX-License-Identifier: MIT */
/* Other processes, as Darwin tells of them. */
#include "os/os.h"
#include "os/system.h"

#include <errno.h>
#include <libproc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/proc_info.h>
#include <sys/sysctl.h>

struct os_processes {
	pid_t *pids;
	int count, at;
	struct os_process process;
};

struct os_processes *os_processes(void)
{
	const int most = proc_listallpids(NULL, 0) + 64; /* and some that begin meanwhile */
	struct os_processes *list = calloc(1, sizeof *list);

	if (!list)
		return NULL;
	list->pids = calloc((size_t)most, sizeof *list->pids);
	list->count = list->pids ? proc_listallpids(list->pids, most * (int)sizeof *list->pids) : -1;
	if (list->count > 0)
		return list;
	os_processes_end(list);
	return NULL;
}

void os_processes_end(struct os_processes *list)
{
	if (!list)
		return;
	free(list->pids);
	free(list);
}

const struct os_process *os_processes_next(struct os_processes *list)
{
	while (list->at < list->count) {
		const pid_t pid = list->pids[list->at++];
		struct proc_bsdshortinfo told;

		if (proc_pidinfo(pid, PROC_PIDT_SHORTBSDINFO, 0, &told, sizeof told) != (int)sizeof told)
			continue;
		list->process.pid = pid;
		list->process.user = told.pbsi_uid;
		if (proc_name(pid, list->process.name, sizeof list->process.name) > 0)
			return &list->process;
	}
	return NULL;
}

/* How many arguments, the program's path, NULs, the arguments, the environment: as the process began. NULL with errno.
 */
static char *read_beginning(const struct os_process *process, size_t *size)
{
	int most[] = {CTL_KERN, KERN_ARGMAX}, room = 0;
	int one[] = {CTL_KERN, KERN_PROCARGS2, (int)process->pid};
	size_t told = sizeof room;
	char *text;

	if (sysctl(most, 2, &room, &told, NULL, 0) < 0)
		return NULL;
	text = calloc(1, (size_t)room + 1);
	*size = (size_t)room;
	if (text && sysctl(one, 3, text, size, NULL, 0) == 0 && *size > sizeof(int))
		return text;
	if (errno == EINVAL)
		errno = EACCES; /* somebody else's */
	free(text);
	return NULL;
}

static int read_words(const struct os_process *process, bool environment, struct os_texts *texts)
{
	size_t size = 0;
	char *all = read_beginning(process, &size);
	int count = 0, failed = 0;

	if (!all)
		return -1;
	memcpy(&count, all, sizeof count);
	size_t at = sizeof count + strlen(all + sizeof count);
	while (at < size && all[at] == '\0')
		at++;
	for (int i = 0; !failed && at < size && (i < count || (environment && all[at])); i++) {
		const size_t length = strlen(all + at) + 1;

		if ((i >= count) == environment && !os_texts_add(texts, all + at, length))
			failed = -1;
		at += length;
	}
	free(all);
	return failed;
}

static int read_open(const struct os_process *process, struct os_texts *texts)
{
	const int pid = (int)process->pid, room = proc_pidinfo(pid, PROC_PIDLISTFDS, 0, NULL, 0);
	struct proc_fdinfo *files = room > 0 ? calloc(1, (size_t)room) : NULL;
	const int size = files ? proc_pidinfo(pid, PROC_PIDLISTFDS, 0, files, room) : -1;
	int failed = size < 0 || room <= 0 ? -1 : 0;

	for (int i = 0; !failed && i < size / (int)sizeof *files; i++) {
		struct vnode_fdinfowithpath file;

		if (files[i].proc_fdtype == PROX_FDTYPE_VNODE &&
		    proc_pidfdinfo(pid, files[i].proc_fd, PROC_PIDFDVNODEPATHINFO, &file, sizeof file) ==
			(int)sizeof file &&
		    !os_texts_add(texts, file.pvip.vip_path, strlen(file.pvip.vip_path) + 1))
			failed = -1;
	}
	free(files);
	return failed;
}

static int read_mapped(const struct os_process *process, struct os_texts *texts)
{
	struct proc_regionwithpathinfo region;
	uint64_t at = 0;

	while (proc_pidinfo((int)process->pid, PROC_PIDREGIONPATHINFO, at, &region, sizeof region) ==
	       (int)sizeof region) {
		const char *path = region.prp_vip.vip_path;

		if (*path && !os_texts_add(texts, path, strlen(path) + 1))
			return -1;
		at = region.prp_prinfo.pri_address + region.prp_prinfo.pri_size;
	}
	return at > 0 ? 0 : -1;
}

char *os_process_texts(const struct os_process *process, enum os_process_part part, size_t *size)
{
	struct os_texts texts = {0};
	int failed = os_texts_add(&texts, "", 0) ? 0 : -1;

	if (!failed && part == OS_PROCESS_OPEN)
		failed = read_open(process, &texts);
	else if (!failed && part == OS_PROCESS_MAPPED)
		failed = read_mapped(process, &texts);
	else if (!failed)
		failed = read_words(process, part == OS_PROCESS_ENVIRONMENT, &texts);
	if (failed) {
		free(texts.data);
		return NULL;
	}
	*size = texts.size;
	return texts.data;
}

int os_process_stat(const struct os_process *process, const char *path, struct os_stat *status)
{
	(void)process;
	return os_stat(OS_HERE, path, status);
}

/* SPDX-License-Identifier: MIT */
/* Asks a file system what it can do: by its kind, and where that does not tell, by trying. */
#include "base/ability.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/path.h"
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* A hidden file of the run's own in the folder. */
struct trial {
	int dirfd, fd;
	char name[64];
};

static void other_name(const struct trial *trial, const char *suffix, char name[64])
{
	const size_t stem = strlen(trial->name) - strlen(".tmp");

	snprintf(name, 64, "%.*s%s", (int)stem, trial->name, suffix);
}

static bool keeps_modes(const struct trial *trial)
{
	struct os_stat status;

	return os_set_mode(trial->fd, 0640) == 0 && os_fstat(trial->fd, &status) == 0 && (status.mode & 0777) == 0640 &&
	       os_set_mode(trial->fd, 0600) == 0 && os_fstat(trial->fd, &status) == 0 && (status.mode & 0777) == 0600;
}

static bool keeps_times(const struct trial *trial)
{
	const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	struct os_stat status;

	return os_set_times(trial->fd, times) == 0 && os_fstat(trial->fd, &status) == 0 &&
	       status.mtime_ns == (int64_t)times[1].tv_sec * 1000000000;
}

static bool has_links(const struct trial *trial)
{
	char name[64];

	other_name(trial, ".link", name);
	if (os_link(trial->dirfd, trial->name, trial->dirfd, name) < 0)
		return !ncm_is_without_links(errno);
	(void)os_unlink(trial->dirfd, name);
	return true;
}

static bool has_sync(const struct trial *trial)
{
	return os_sync(trial->fd) == 0 || !ncm_is_without_sync(errno);
}

static bool has_locks(const struct trial *trial)
{
	return os_lock(trial->fd, OS_LOCK_SHARED) == 0 || errno == EWOULDBLOCK;
}

static bool tells_space(const struct trial *trial)
{
	struct os_space room;

	return os_space_of(trial->fd, &room) == 0 && room.known;
}

/* By the name's digits nothing else has it. Inodes tell nothing: FUSE mounts may number names. */
static bool has_case(const struct trial *trial)
{
	char name[64];
	struct os_stat other;

	strcpy(name, trial->name);
	for (char *at = name; *at; at++)
		*at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
	return os_lstat(trial->dirfd, name, &other) < 0;
}

static bool has_colon(const struct trial *trial)
{
	char name[64];
	int fd;

	other_name(trial, ":.tmp", name);
	fd = ncm_own_create(trial->dirfd, name, OS_WRITE, NCM_OWN_PRIVATE);
	if (fd < 0)
		return errno != EINVAL && errno != ENOENT && errno != EILSEQ;
	(void)os_unlink(trial->dirfd, name);
	os_close(fd);
	return true;
}

static bool has_symlinks(const struct trial *trial)
{
	char name[sizeof trial->name];

	other_name(trial, "-link.tmp", name);
	if (ncm_own_symlink(trial->name, trial->dirfd, name) < 0)
		return errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL;
	(void)os_unlink(trial->dirfd, name);
	return true;
}

static unsigned try_all(const struct trial *trial)
{
	static const struct {
		bool (*has)(const struct trial *trial);
		unsigned lack;
	} questions[] = {
	    {keeps_modes, NCM_LACKS_MODES}, {keeps_times, NCM_LACKS_TIMES}, {has_links, NCM_LACKS_HARD_LINKS},
	    {has_sync, NCM_LACKS_SYNC},     {has_locks, NCM_LACKS_LOCKS},   {tells_space, NCM_LACKS_SPACE},
	    {has_case, NCM_LACKS_CASE},     {has_colon, NCM_LACKS_COLON},   {has_symlinks, NCM_LACKS_SYMLINKS},
	};
	unsigned lacks = 0;

	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		lacks |= questions[i].has(trial) ? 0 : questions[i].lack;
	return lacks;
}

/* Returns whether it could be tried. */
static bool try(int dirfd, unsigned *lacks)
{
	struct trial trial = {.dirfd = dirfd};
	char digits[17];

	ncm_random_hex(digits, sizeof digits);
	snprintf(trial.name, sizeof trial.name, ".ncmodel-%s.tmp", digits);
	trial.fd = ncm_own_create(dirfd, trial.name, OS_READ | OS_WRITE, NCM_OWN_PRIVATE);
	if (trial.fd < 0)
		return false;
	*lacks = try_all(&trial);
	(void)os_unlink(dirfd, trial.name);
	os_close(trial.fd);
	return true;
}

/* The answers of this run. */
static struct {
	pthread_mutex_t mutex;
	struct answer {
		uint64_t device;
		unsigned lacks;
	} * answers;
	size_t count;
} known = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static unsigned ask(int dirfd, uint64_t device)
{
	unsigned lacks = 0;

	for (size_t i = 0; i < known.count; i++) {
		if (known.answers[i].device == device)
			return known.answers[i].lacks;
	}
	if (ncm_is_unix_disk(dirfd) || try(dirfd, &lacks))
		*NCM_PUSH(known.answers, known.count) = (struct answer){device, lacks};
	return lacks;
}

unsigned ncm_lacks_of(int dirfd)
{
	struct os_stat status;
	unsigned lacks;

	if (dirfd < 0 || os_fstat(dirfd, &status) < 0)
		return 0;
	pthread_mutex_lock(&known.mutex);
	lacks = ask(dirfd, status.device);
	pthread_mutex_unlock(&known.mutex);
	return lacks;
}

unsigned ncm_lacks_at(const char *path)
{
	NCM_AUTO_FREE char *at = ncm_path_absolute(path);

	for (;;) {
		NCM_AUTO_CLOSE int fd = os_open(OS_HERE, at, OS_FOLDER);
		char *slash = strrchr(at, '/');

		if (fd >= 0)
			return ncm_lacks_of(fd);
		if ((errno != ENOENT && errno != ENOTDIR) || at[1] == '\0')
			return 0;
		slash[slash == at] = '\0'; /* the root keeps its slash */
	}
}

char *ncm_lacks_text(unsigned lacks)
{
	static const struct {
		unsigned lack;
		const char *text;
	} words[] = {
	    {NCM_LACKS_MODES, "keeps no modes"},
	    {NCM_LACKS_TIMES, "keeps no times"},
	    {NCM_LACKS_HARD_LINKS, "has no hard links"},
	    {NCM_LACKS_SYNC, "cannot sync"},
	    {NCM_LACKS_LOCKS, "has no locks"},
	    {NCM_LACKS_SPACE, "does not tell its free space"},
	    {NCM_LACKS_CASE, "takes names that differ in case alone for one"},
	};
	struct ncm_buffer text = {0};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (lacks & words[i].lack)
			ncm_buffer_printf(&text, "%s%s", text.size > 0 ? ", " : "", words[i].text);
	}
	return text.size > 0 ? ncm_buffer_take(&text) : NULL;
}

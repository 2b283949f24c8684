/* SPDX-License-Identifier: MIT */
#include "configure/door.h"

#include "base/file.h"
#include "base/links.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/share.h"

#include <ncmodel/log.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 4 << 20 };

static int read_open(int fd, struct settings_file *file, struct ncm_error *err)
{
	if (os_fstat(fd, &file->status) < 0)
		return ncm_error_errno(err, errno, "cannot look at %s", file->path);
	if (file->status.kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_POLICY, "refused: %s is not a file", file->path);
	file->text = ncm_read_fd(fd, MOST_BYTES, &file->size);
	return file->text ? 0 : ncm_error_errno(err, errno, "cannot read %s", file->path);
}

static int read_name(struct settings_file *file, struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = os_open(file->folder, file->name, OS_READ | OS_NO_LINK);
	char above[PATH_MAX];

	free(file->real);
	file->real = os_path_of(file->folder, above, sizeof above) < 0 ? ncm_strdup(file->path)
								       : ncm_path_join(above, file->name);
	if (fd < 0 && errno == ENOENT)
		return 0;
	return fd < 0 ? ncm_error_errno(err, errno, "cannot read %s", file->path) : read_open(fd, file, err);
}

int settings_read(const char *folder, const char *path, struct settings_file *file, struct ncm_error *err)
{
	NCM_AUTO_FREE char *stranger = NULL;

	*file = (struct settings_file){.path = ncm_strdup(path), .base = ncm_strdup(folder), .real = ncm_strdup(path)};
	file->folder = ncm_parent_by_trusted_links(folder, ncm_path_below(path, folder), &file->name, &stranger);
	if (stranger)
		return ncm_error_set(err, NCM_E_POLICY, "refused: %s is another user's link", stranger);
	if (file->folder < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : ncm_error_errno(err, errno, "cannot look at %s", path);
	return read_name(file, err);
}

int settings_read_beside(const struct settings_file *beside, const char *name, struct settings_file *file,
			 struct ncm_error *err)
{
	NCM_AUTO_FREE char *above = ncm_path_folder(beside->real);

	*file = (struct settings_file){.path = ncm_path_join(above, name), .name = ncm_strdup(name)};
	file->folder = os_open(beside->folder, ".", OS_FOLDER);
	return file->folder < 0 ? ncm_error_errno(err, errno, "cannot open %s", above) : read_name(file, err);
}

void settings_clear(struct settings_file *file)
{
	if (file->path && file->folder >= 0)
		os_close(file->folder);
	free(file->path);
	free(file->base);
	free(file->real);
	free(file->name);
	free(file->text);
}

static const char *obstacle(const struct settings_file *file)
{
	NCM_AUTO_CLOSE int fd = os_open(file->folder, file->name, OS_READ | OS_NO_LINK);

	if (!os_is_mine(&file->status))
		return "it belongs to another user; run this as that one";
	if (file->status.links > 1)
		return "it has other names, which would keep the old bytes";
	if ((file->status.mode & OS_OWNER_WRITES) == 0)
		return "it is read-only";
	return fd >= 0 && os_is_being_written(fd) ? "a program has it open for writing; end that first" : NULL;
}

/* Whether it may be replaced: POLICY says why not. */
static int settings_check(const struct settings_file *file, struct ncm_error *err)
{
	struct os_stat status;
	const char *why = file->text ? obstacle(file) : NULL;

	if (!file->text && os_lstat(OS_HERE, file->path, &status) == 0)
		why = "it is a link that leads to nothing";
	if (!why)
		return 0;
	ncm_error_set(err, NCM_E_POLICY, "%s stays as it is: %s", file->path, why);
	return -1;
}

static bool is_same(int folder, const char *name, const struct settings_file *file)
{
	NCM_AUTO_CLOSE int fd = os_open(folder, name, OS_READ | OS_NO_LINK);
	NCM_AUTO_FREE char *now = NULL;
	struct os_stat status;
	size_t size = 0;

	if (fd < 0)
		return !file->text && errno == ENOENT;
	now = file->text && os_fstat(fd, &status) == 0 ? ncm_read_fd(fd, MOST_BYTES, &size) : NULL;
	return now && status.inode == file->status.inode && status.device == file->status.device &&
	       size == file->size && memcmp(now, file->text, size) == 0;
}

static int write_temporary(int folder, const char *temporary, const struct settings_file *file, const char *text,
			   size_t size)
{
	NCM_AUTO_CLOSE int fd = ncm_own_create(folder, temporary, OS_WRITE, NCM_OWN_FILE);

	if (fd < 0 || ncm_pwrite_all(fd, text, size, 0) < 0)
		return -1;
	if (file->text)
		ncm_own_like(fd, &file->status);
	return os_sync(fd);
}

static int changed(const struct settings_file *file, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "%s was changed meanwhile, and stays as it is", file->path);
	return ncm_error_hint(err, "end the program that writes it, and run this again");
}

static int take_place(int folder, const char *name, const char *temporary, const struct settings_file *file)
{
	if (!file->text) /* a file that came meanwhile stays */
		return os_link(folder, temporary, folder, name) < 0 ? -1 : os_unlink(folder, temporary);
	return os_rename(folder, temporary, folder, name);
}

static int put(int folder, const char *name, const struct settings_file *file, const char *text, size_t size,
	       struct ncm_error *err)
{
	NCM_AUTO_FREE char *temporary = NULL;
	char random[13];
	int failed;

	ncm_random_hex(random, sizeof random);
	temporary = ncm_asprintf(".%s.%s.ncmodel", name, random);
	failed = write_temporary(folder, temporary, file, text, size);
	if (failed)
		ncm_error_errno(err, errno, "cannot write beside %s", file->path);
	else if (!is_same(folder, name, file))
		failed = changed(file, err);
	else if ((failed = take_place(folder, name, temporary, file)))
		ncm_error_errno(err, errno, "cannot replace %s", file->path);
	if (failed)
		os_unlink(folder, temporary);
	return failed;
}

static int keep_old(int folder, const char *name, const char *keep, const struct settings_file *file,
		    struct ncm_error *err)
{
	const char *text = file->text ? file->text : "";

	if (file->text && os_link(folder, name, folder, keep) == 0)
		return 0;
	return ncm_write_atomic(folder, keep, text, file->size, NCM_OWN_PRIVATE, err);
}

/* The folder to write in; one that is not there is made, through no link. */
static int open_folder(const struct settings_file *file, struct ncm_error *err)
{
	NCM_AUTO_FREE char *above = ncm_path_folder(file->path);
	NCM_AUTO_CLOSE int base = -1;
	int folder = -1;

	if (file->folder >= 0) {
		folder = os_open(file->folder, ".", OS_FOLDER);
		return folder < 0 ? ncm_error_errno(err, errno, "cannot open %s", above) : folder;
	}
	base = ncm_dir_open(file->base, true, err);
	if (base >= 0 && (folder = ncm_mkdir_beneath(base, ncm_path_below(above, file->base), err)) < 0)
		ncm_error_wrap(err, "%s", file->path);
	return folder;
}

static int settings_replace(const struct settings_file *file, const char *text, size_t size, const char *keep,
			    struct ncm_error *err)
{
	NCM_AUTO_FREE char *above = ncm_path_folder(file->real);
	const char *name = ncm_path_base(file->real);
	NCM_AUTO_CLOSE int folder = open_folder(file, err);

	if (folder < 0 || settings_check(file, err) < 0)
		return -1;
	if (!text) {
		if (!is_same(folder, name, file))
			return changed(file, err);
		if (os_unlink(folder, name) < 0)
			return ncm_error_errno(err, errno, "cannot remove %s", file->path);
	} else if ((keep && keep_old(folder, name, keep, file, err) < 0) ||
		   put(folder, name, file, text, size, err) < 0) {
		return -1;
	}
	return ncm_sync_dir(folder) < 0 ? ncm_error_errno(err, errno, "cannot sync %s", above) : 0;
}

static void tell_deed(struct work *work, const struct settings_file *file)
{
	struct ncm_deed_file changed_file = {.path = file->path, .store = work->own ? work->own->id : NULL};
	const struct ncm_deed deed = {
	    .action = work->options->undo ? "unconfigured" : "configured", .files = &changed_file, .file_count = 1};

	ncm_emit_deed(work->sink, &deed);
}

void settle_refused(struct work *work, struct ncm_configure_file *out, struct ncm_error *err)
{
	out->state = NCM_CONFIGURE_REFUSED;
	free(out->why);
	out->why =
	    ncm_asprintf("%s%s%s", err->message ? err->message : "", err->hint ? "; " : "", err->hint ? err->hint : "");
	work->report->refused++;
	ncm_error_clear(err);
}

/* What would have been added to a file that stays as it is stands there. */
static void tell_there(struct work *work)
{
	for (size_t i = work->settled; i < work->report->setting_count; i++) {
		if (work->report->settings[i].state == NCM_SETTING_ADDED)
			work->report->settings[i].state = NCM_SETTING_THERE;
	}
}

static void settle_new(struct work *work, const struct settings_file *file, struct ncm_configure_file *out,
		       const char *text, size_t size, const char *keep)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (settings_check(file, &err) < 0) {
		settle_refused(work, out, &err);
		return;
	}
	out->state = NCM_CONFIGURE_WOULD;
	if (work->options->dry_run)
		return;
	if (settings_replace(file, text, size, keep, &err) < 0) {
		settle_refused(work, out, &err);
		return;
	}
	out->state = text ? NCM_CONFIGURE_WRITTEN : NCM_CONFIGURE_REMOVED;
	if (keep && text && file->text) {
		NCM_AUTO_FREE char *above = ncm_path_folder(file->real);

		out->kept = ncm_path_join(above, keep);
	}
	tell_deed(work, file);
}

void settle(struct work *work, const struct settings_file *file, struct ncm_configure_file *out, const char *text,
	    size_t size, const char *keep)
{
	out->state = NCM_CONFIGURE_SAME;
	if (text ? file->text && size == file->size && memcmp(text, file->text, size) == 0 : !file->text)
		tell_there(work);
	else
		settle_new(work, file, out, text, size, keep);
	work->settled = work->report->setting_count;
}

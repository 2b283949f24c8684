/* SPDX-License-Identifier: MIT */
#include "link/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/share.h"
#include "store/walk.h"

#include <errno.h>
#include <string.h>

static const uint64_t LEAST = 1 << 20;

/* One path, before it is known which of them are one file. */
struct sighting {
	struct os_stat status;
	uint64_t folder_device; /* the folder that has the name */
	uint64_t folder;
	struct name name;
};

struct search {
	struct work *work;
	const struct source *source;
	struct sighting *found;
	size_t count;
};

static void add(struct search *search, const char *path, const struct os_stat *status)
{
	struct sighting *sighting = NCM_PUSH(search->found, search->count);
	size_t relative_at;
	struct os_stat folder = {0};

	sighting->status = *status;
	sighting->name.place = places_locate(search->work, search->source, path, &sighting->name.path, &relative_at);
	sighting->name.relative = sighting->name.path + relative_at;
	{
		NCM_AUTO_FREE char *above = ncm_path_folder(sighting->name.path);

		(void)os_stat(OS_HERE, above, &folder);
	}
	sighting->folder_device = folder.device;
	sighting->folder = folder.inode;
}

static bool is_large_enough(const struct work *work, const struct os_stat *status)
{
	const uint64_t least = work->options->least ? work->options->least : LEAST;

	return status->kind == OS_IS_FILE && status->size >= least;
}

/* Ollama writes into its manifests, whatever a tag is called. */
static bool is_tag(const struct search *search, const char *path)
{
	const struct ncm_store_kind *kind = search->work->places[search->source->place].store->kind;

	return kind->is_tag && kind->is_tag(path);
}

/* Unfinished downloads, databases and pictures have other names. A file that the user named is meant, whatever it is
 * called. */
static void look_at(void *context, const struct ncm_walk_entry *entry)
{
	struct search *search = context;
	NCM_AUTO_FREE char *path = ncm_path_join(search->source->relative, entry->path);

	if (!is_tag(search, path) && is_large_enough(search->work, entry->status) && store_is_only_read(path))
		add(search, entry->path, entry->status);
}

void files_tell_unread(struct work *work, const char *path, int errnum)
{
	/* One folder may be looked through as a part of several. */
	for (size_t i = 0; i < work->unread_count; i++) {
		if (strcmp(work->unread[i].path, path) == 0)
			return;
	}
	*NCM_PUSH(work->unread, work->unread_count) =
	    (struct ncm_unread){ncm_strdup(path), ncm_strdup(os_error_text(errnum))};
}

static void tell_unseen(void *context, const char *path, int errnum)
{
	struct search *search = context;
	NCM_AUTO_FREE char *absolute = NULL;
	size_t relative_at;

	if (errnum == ENOENT)
		return;
	places_locate(search->work, search->source, path, &absolute, &relative_at);
	files_tell_unread(search->work, absolute, errnum);
}

static void look_in(struct search *search, const struct source *source)
{
	const struct ncm_store *store = search->work->places[source->place].store;
	struct os_stat status;
	NCM_AUTO_CLOSE int fd = -1;

	search->source = source;
	if (!source->is_file) {
		(void)ncm_walk_store(store, store->dirfd, source->relative,
				     &(struct ncm_walk_how){.links = STORE_LINKS_OF_STORE}, look_at, tell_unseen,
				     search);
		return;
	}
	fd = store_open_inside(store, store->dirfd, source->relative);
	if (fd < 0)
		tell_unseen(search, "", errno);
	else if (os_fstat(fd, &status) == 0 && is_large_enough(search->work, &status))
		add(search, "", &status);
}

static int by_inode_then_path(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;

	if (x->status.device != y->status.device)
		return x->status.device < y->status.device ? -1 : 1;
	if (x->status.inode != y->status.inode)
		return x->status.inode < y->status.inode ? -1 : 1;
	return strcmp(x->name.path, y->name.path);
}

static bool is_same_file(const struct sighting *a, const struct sighting *b)
{
	return a->status.device == b->status.device && a->status.inode == b->status.inode;
}

/* One name, to which two ways lead: a link to its folder, a second mount of it. */
static bool is_same_name(const struct sighting *a, const struct sighting *b)
{
	return strcmp(a->name.path, b->name.path) == 0 ||
	       (a->folder_device == b->folder_device && a->folder == b->folder && is_same_file(a, b) &&
		strcmp(ncm_path_base(a->name.path), ncm_path_base(b->name.path)) == 0);
}

static bool was_collected(const struct search *search, size_t index)
{
	for (size_t i = index; i > 0 && is_same_file(&search->found[i - 1], &search->found[index]); i--) {
		if (search->found[i - 1].name.path && is_same_name(&search->found[i - 1], &search->found[index]))
			return true;
	}
	return false;
}

/* Makes files of what was seen, in the order of their inodes. */
static void collect(struct work *work, struct search *search)
{
	work->files = ncm_calloc(search->count + 1, sizeof *work->files);
	work->names = ncm_calloc(search->count + 1, sizeof *work->names);
	for (size_t i = 0; i < search->count; i++) {
		struct sighting *sighting = &search->found[i];
		const bool again = i > 0 && is_same_file(&search->found[i - 1], sighting);
		struct file *file;

		if (was_collected(search, i)) {
			free(sighting->name.path);
			sighting->name.path = NULL;
			continue;
		}
		file = again ? &work->files[work->file_count - 1] : &work->files[work->file_count++];
		if (!again) {
			file->status = sighting->status;
			file->names = &work->names[work->name_count];
			file->twin = work->file_count - 1;
		}
		sighting->name.file = work->file_count - 1;
		work->names[work->name_count++] = sighting->name;
		file->name_count++;
	}
}

void files_find(struct work *work)
{
	struct search search = {.work = work};

	for (size_t i = 0; i < work->source_count && !ncm_interrupted(); i++)
		look_in(&search, &work->sources[i]);
	if (search.count > 1)
		qsort(search.found, search.count, sizeof *search.found, by_inode_then_path);
	collect(work, &search);
	free(search.found);
}

void files_free(struct work *work)
{
	for (size_t i = 0; i < work->name_count; i++) {
		free(work->names[i].path);
		free(work->names[i].detail);
	}
	free(work->names);
	free(work->files);
	ncm_unread_free(work->unread, work->unread_count);
}

int file_open(const struct work *work, const struct file *file, const struct name *name)
{
	const struct ncm_store *store = work->places[name->place].store;
	const int fd = store_open_inside(store, store->dirfd, name->relative);
	struct os_stat now;

	if (fd < 0 || (os_fstat(fd, &now) == 0 && store_is_unchanged(&file->status, &now)))
		return fd;
	os_close(fd);
	errno = ESTALE;
	return -1;
}

void file_tell(struct file *file, enum ncm_link_state state, const char *detail)
{
	for (size_t i = 0; i < file->name_count; i++) {
		free(file->names[i].detail);
		file->names[i].state = state;
		file->names[i].detail = ncm_strdup_null(detail);
	}
}

uint64_t file_room(const struct file *file)
{
	const uint64_t blocks = (uint64_t)file->status.blocks * 512, size = file->status.size;

	return blocks < size ? blocks : size;
}

void file_refresh(struct file *file, int fd)
{
	struct os_stat now;

	if (os_fstat(fd, &now) == 0 && now.device == file->status.device && now.inode == file->status.inode &&
	    now.size == file->status.size && now.mtime_ns == file->status.mtime_ns)
		file->status = now;
}

bool files_share_blocks(const struct file *a, const struct file *b)
{
	return a->status.device == b->status.device && a->has_extents && b->has_extents &&
	       ncm_sha256_equal(&a->extents, &b->extents);
}

/* SPDX-License-Identifier: MIT */
/* What a script has fetched waits for its end: it may be moved and renamed by then. */
#include "author/shell.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/shared.h"

#include <string.h>

struct shell_pending {
	size_t line;
	char *uri, *place, *name; /* the last two may be NULL */
	const char *store;        /* static, or NULL */
	bool has_sha256;
	struct ncm_sha256 sha256;
	struct ncm_strings more, include, exclude;
	bool is_folder;
};

void shell_put(struct shell_run *run, const struct import_item *item)
{
	enum { MOST_PENDING = 10000 };
	struct shell_pending *pending;

	if (run->pending_count >= MOST_PENDING) {
		import_item(run->import, item);
		return;
	}
	pending = NCM_PUSH(run->pending, run->pending_count);
	*pending = (struct shell_pending){.line = item->line,
					  .uri = ncm_strdup(item->uri),
					  .place = ncm_strdup_null(item->place),
					  .name = ncm_strdup_null(item->name),
					  .store = item->store,
					  .is_folder = item->is_folder,
					  .has_sha256 = item->sha256 != NULL};
	if (item->sha256)
		pending->sha256 = *item->sha256;
	if (item->more)
		ncm_strings_add_all(&pending->more, item->more);
	if (item->include)
		ncm_strings_add_all(&pending->include, item->include);
	if (item->exclude)
		ncm_strings_add_all(&pending->exclude, item->exclude);
}

static void take(struct shell_run *run, const struct shell_pending *pending)
{
	import_item(run->import, &(const struct import_item){.line = pending->line,
							     .uri = pending->uri,
							     .place = pending->place,
							     .name = pending->name,
							     .store = pending->store,
							     .sha256 = pending->has_sha256 ? &pending->sha256 : NULL,
							     .more = &pending->more,
							     .include = &pending->include,
							     .exclude = &pending->exclude,
							     .is_folder = pending->is_folder});
}

void shell_take_pending(struct shell_run *run)
{
	for (size_t i = 0; i < run->pending_count; i++) {
		take(run, &run->pending[i]);
		free(run->pending[i].uri);
		free(run->pending[i].place);
		free(run->pending[i].name);
		ncm_strings_free(&run->pending[i].more);
		ncm_strings_free(&run->pending[i].include);
		ncm_strings_free(&run->pending[i].exclude);
	}
	free(run->pending);
	run->pending = NULL;
	run->pending_count = 0;
}

/* As shell_path. */
static char *path_of(const struct shell_run *run, const char *path)
{
	return strncmp(path, "./", 2) == 0 ? ncm_path_join(run->folder, path + 2) : shell_path(run, path);
}

/* "https://h/d/x.safetensors?download=true" → "x.safetensors" */
static char *name_of(const struct shell_pending *pending)
{
	NCM_AUTO_FREE char *plain = ncm_strndup(pending->uri, strcspn(pending->uri, "?#@"));

	return ncm_strdup(pending->name ? pending->name : ncm_path_base(plain));
}

/* To a folder, or under a name that has an ending. */
static void move(struct shell_pending *pending, const char *to, bool is_folder)
{
	NCM_AUTO_FREE char *name = name_of(pending);
	const char *base = ncm_path_base(to);

	free(pending->place);
	free(pending->name);
	if (is_folder || !strchr(base, '.')) {
		pending->place = ncm_strdup(to);
		pending->name = ncm_strdup(ncm_path_base(name));
	} else {
		pending->place = ncm_strndup(to, (size_t)(base - to));
		pending->name = ncm_strdup(base);
	}
}

static void move_all(struct shell_run *run, const struct ncm_strings *words)
{
	const char *last = words->items[words->count - 1];
	const bool is_folder = *last && last[strlen(last) - 1] == '/';
	size_t operands = 0;
	NCM_AUTO_FREE char *to = path_of(run, last);

	for (size_t i = 1; i < words->count; i++)
		operands += *words->items[i] != '-';
	for (size_t i = 1; i + 1 < words->count; i++) {
		NCM_AUTO_FREE char *from = path_of(run, words->items[i]);
		const bool is_pattern = strchr(from, '*') && strlen(from) < 1024;

		for (size_t k = 0; *words->items[i] != '-' && k < run->pending_count; k++) {
			NCM_AUTO_FREE char *name = name_of(&run->pending[k]);
			NCM_AUTO_FREE char *path = ncm_path_join(run->pending[k].place, name);

			run->steps++;
			if (is_pattern)
				shell_count(run, strlen(from) * strlen(path));
			if (strcmp(path, from) == 0 ||
			    (is_pattern && !shell_is_done(run) && ncm_source_glob(from, path)))
				move(&run->pending[k], to, is_folder || operands > 2);
		}
	}
}

bool shell_move(struct shell_run *run, const struct ncm_strings *words)
{
	if (strcmp(words->items[0], "mv") != 0 || words->count < 3)
		return false;
	move_all(run, words);
	return true;
}

/* SPDX-License-Identifier: MIT */
#include "store/staging.h"
#include "store/store.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/hash.h"
#include "os/os.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	HALF_DIGITS = 16, /* of a hash, for each of a source and a path */
	INTENT_DIGITS = 32,
	RANDOM_DIGITS = 16,
};

static const char partial_ending[] = ".part";
static const char repair_ending[] = ".repair.part";
static const char journal_ending[] = ".journal";
static const char source_start[] = "url-";
static const char commit_start[] = "commit-";
static const char intent_start[] = "placing-";
static const char unpacked_ending[] = ".dir";
static const char old_ending[] = ".old";
static const char written_ending[] = ".tmp";
static const char hidden_start[] = ".ncmodel-";
static const char import_start[] = "import-";
static const char own_folder[] = ".ncmodel";
static const char *const note_starts[] = {[NOTE_REMOVING] = "removing-", [NOTE_MOVING] = "moving-"};

/* Whether the first `size` bytes are lowercase hex digits. */
static bool is_hex(const char *text, size_t size)
{
	return strspn(text, "0123456789abcdef") >= size;
}

/* The part of a name before its ending, if it has that: its length, else 0. */
static size_t before(const char *name, const char *ending)
{
	const size_t size = strlen(name), tail = strlen(ending);

	return size > tail && strcmp(name + size - tail, ending) == 0 ? size - tail : 0;
}

static bool is_numbered(const char *name, const char *start, size_t digits)
{
	const size_t size = strlen(start);

	return strncmp(name, start, size) == 0 && strlen(name) == size + digits && is_hex(name + size, digits);
}

static bool is_repair(const char *name)
{
	return before(name, repair_ending) == NCM_SHA256_HEX && is_hex(name, NCM_SHA256_HEX);
}

static bool is_partial(const char *name)
{
	const size_t size = before(name, partial_ending), start = strlen(source_start);

	if (size == NCM_SHA256_HEX)
		return is_hex(name, NCM_SHA256_HEX);
	return size == start + 2 * HALF_DIGITS && strncmp(name, source_start, start) == 0 &&
	       is_hex(name + start, 2 * HALF_DIGITS);
}

/* A partial with something behind its name. */
static bool is_partial_with(const char *name, const char *ending)
{
	const size_t size = before(name, ending);
	NCM_AUTO_FREE char *partial = ncm_strndup(name, size);

	return is_partial(partial) || is_repair(partial);
}

/* ".<name>.<random>.tmp", as ncm_write_atomic writes. */
bool staging_is_written(const char *name, const char *start)
{
	const size_t size = before(name, written_ending);

	return *name == '.' && strncmp(name + 1, start, strlen(start)) == 0 && size > RANDOM_DIGITS + 2 &&
	       name[size - RANDOM_DIGITS - 1] == '.' && is_hex(name + size - RANDOM_DIGITS, RANDOM_DIGITS);
}

/* A folder that was unpacked, or the one that it replaces. */
static bool is_unpacked(const char *name)
{
	NCM_AUTO_FREE char *replacing = ncm_strndup(name, before(name, old_ending));

	return is_partial_with(name, unpacked_ending) || is_partial_with(replacing, unpacked_ending);
}

enum staging_kind staging_kind_of(const char *name)
{
	if (is_partial(name))
		return STAGING_PARTIAL;
	if (is_repair(name))
		return STAGING_REPAIR;
	if (is_partial_with(name, journal_ending))
		return STAGING_JOURNAL;
	if (is_unpacked(name))
		return STAGING_UNPACKED;
	if (is_numbered(name, commit_start, RANDOM_DIGITS))
		return STAGING_COMMIT;
	if (is_numbered(name, intent_start, INTENT_DIGITS))
		return STAGING_INTENT;
	return staging_is_written(name, "") || is_partial_with(name, ".journal.new") ? STAGING_TEMPORARY
										     : STAGING_UNKNOWN;
}

static void hash_text(const char *text, char hex[NCM_SHA256_HEX + 1])
{
	struct ncm_sha256 digest;

	ncm_sha256_of(text, strlen(text), &digest);
	ncm_sha256_hex(&digest, hex);
}

char *staging_content_of_source(const char *source)
{
	char hex[NCM_SHA256_HEX + 1];

	hash_text(source, hex);
	return ncm_asprintf("%s%.*s", source_start, HALF_DIGITS, hex);
}

char *staging_partial_name(const struct ncm_sha256 *sha256, const char *source, const char *revision, const char *path)
{
	NCM_AUTO_FREE char *content = NULL;
	NCM_AUTO_FREE char *file = NULL;
	char hex[NCM_SHA256_HEX + 1];

	if (sha256)
		return ncm_asprintf("%s%s", ncm_sha256_hex(sha256, hex), partial_ending);
	content = staging_content_of_source(source);
	file = ncm_asprintf("%s\n%s", revision ? revision : "", path ? path : "");
	hash_text(file, hex);
	return ncm_asprintf("%s%.*s%s", content, HALF_DIGITS, hex, partial_ending);
}

char *staging_repair_name(const struct ncm_sha256 *sha256)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_asprintf("%s%s", ncm_sha256_hex(sha256, hex), repair_ending);
}

char *staging_unpacked_name(const char *partial)
{
	return ncm_asprintf("%s%s", partial, unpacked_ending);
}

char *staging_unpacked_old(const char *unpacked)
{
	return ncm_asprintf("%s%s", unpacked, old_ending);
}

char *staging_journal_name(const char *partial)
{
	return ncm_asprintf("%s%s", partial, journal_ending);
}

/* A new name at each call. */
static char *random_name(const char *start, const char *ending)
{
	char suffix[RANDOM_DIGITS + 1];

	ncm_random_hex(suffix, sizeof suffix);
	return ncm_asprintf("%s%s%s", start, suffix, ending);
}

char *staging_commit_name(void)
{
	return random_name(commit_start, "");
}

char *staging_hidden_name(void)
{
	return random_name(hidden_start, written_ending);
}

bool staging_is_hidden(const char *name)
{
	const size_t size = before(name, written_ending);

	return size == strlen(hidden_start) + RANDOM_DIGITS && strncmp(name, hidden_start, strlen(hidden_start)) == 0 &&
	       is_hex(name + strlen(hidden_start), RANDOM_DIGITS);
}

char *staging_notes_folder(const char *registry)
{
	return ncm_asprintf("%.*s%s", (int)(ncm_path_base(registry) - registry), registry, own_folder);
}

char *staging_import_name(const struct ncm_sha256 *index)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_asprintf("%s%.*s", import_start, HALF_DIGITS, ncm_sha256_hex(index, hex));
}

bool staging_is_import(const char *name)
{
	return is_numbered(name, import_start, HALF_DIGITS);
}

char *staging_note_name(enum staging_note what)
{
	return random_name(note_starts[what], "");
}

const char *staging_note_start(enum staging_note what)
{
	return note_starts[what];
}

bool staging_is_note(const char *name, enum staging_note what)
{
	return strncmp(name, note_starts[what], strlen(note_starts[what])) == 0;
}

char *store_own_path(const struct ncm_store *store, const char *below)
{
	return ncm_path_join(ncm_store_own(store), below);
}

int staging_open(const struct ncm_store *store, int dirfd)
{
	NCM_AUTO_FREE char *folder = store_own_path(store, OWN_STAGING);

	return ncm_dir_beneath(dirfd, folder);
}

bool store_is_own(const char *path)
{
	const size_t size = strlen(own_folder);

	for (const char *own = path; (own = strstr(own, own_folder)); own++) {
		if ((own == path || own[-1] == '/') && own[size] == '/')
			return true;
	}
	return false;
}

bool store_is_staging(const char *path)
{
	return ncm_path_has_suffix(path, "/.ncmodel/" OWN_STAGING);
}

char *ncm_store_intent_name(const char *relative)
{
	char hex[NCM_SHA256_HEX + 1];

	hash_text(relative, hex);
	return ncm_asprintf("%s%.*s", intent_start, INTENT_DIGITS, hex);
}

char *staging_content_of(const char *partial)
{
	const size_t start = strlen(source_start);

	return strncmp(partial, source_start, start) == 0 ? ncm_strndup(partial, start + HALF_DIGITS)
							  : ncm_strndup(partial, NCM_SHA256_HEX);
}

char *staging_partial_of(const char *journal)
{
	return ncm_strndup(journal, before(journal, journal_ending));
}

int staging_list(int fd, void (*found)(void *context, int fd, const char *name, enum staging_kind kind), void *context)
{
	struct os_list *entries = os_list(ncm_dir_beneath(fd, NULL));
	const char *entry;
	int failure;

	if (!entries)
		return -1;
	while ((entry = os_list_next(entries)))
		found(context, fd, entry, staging_kind_of(entry));
	failure = errno;
	os_list_end(entries);
	errno = failure;
	return failure ? -1 : 0;
}

static void forget_commit(void *context, int fd, const char *name, enum staging_kind kind)
{
	int *failure = context;

	if (kind == STAGING_COMMIT && os_unlink(fd, name) < 0 && errno != ENOENT)
		*failure = errno;
}

int staging_forget_commits(int fd)
{
	int failure = 0;

	if (staging_list(fd, forget_commit, &failure) < 0)
		return -1;
	errno = failure;
	return failure ? -1 : 0;
}

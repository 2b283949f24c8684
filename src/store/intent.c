/* SPDX-License-Identifier: MIT */
#include "store/intent.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"
#include "store/staging.h"

#include <string.h>

enum { NOTE_BYTES = 16 << 10 };

/* What the note says. The caller frees it. */
static char *note_text(const struct ncm_sha256 *content, const char *source)
{
	char hex[NCM_SHA256_HEX + 1];

	return ncm_asprintf("%s\n%s\n", content ? ncm_sha256_hex(content, hex) : "folder", source);
}

/* Its path below the store's folder. The caller frees it. */
static char *note_path(const struct ncm_store *store, const char *relative)
{
	NCM_AUTO_FREE char *name = ncm_store_intent_name(relative);

	NCM_AUTO_FREE char *below = ncm_path_join(OWN_STAGING, name);

	return store_own_path(store, below);
}

int store_intent_note(const struct ncm_store *store, const char *relative, const struct ncm_sha256 *content,
		      const char *source, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = ncm_store_intent_name(relative);
	NCM_AUTO_FREE char *text = note_text(content, source);

	return ncm_write_atomic(store->staging, name, text, strlen(text), NCM_OWN_WORD, err);
}

bool store_intent_exists(const struct ncm_store *store, int dirfd, const char *relative)
{
	NCM_AUTO_FREE char *path = note_path(store, relative);

	return os_has(dirfd, path);
}

bool store_intent_stands(const struct ncm_store *store, int dirfd, const char *relative,
			 const struct ncm_sha256 *content, const char *source)
{
	NCM_AUTO_FREE char *path = note_path(store, relative);
	NCM_AUTO_CLOSE int fd = os_open_beneath(dirfd, path, OS_READ | OS_NO_LINK);
	NCM_AUTO_FREE char *found = fd < 0 ? NULL : ncm_read_fd(fd, NOTE_BYTES, NULL);
	NCM_AUTO_FREE char *text = note_text(content, source);

	return found && strcmp(found, text) == 0;
}

void store_intent_forget(const struct ncm_store *store, const char *relative)
{
	NCM_AUTO_FREE char *name = ncm_store_intent_name(relative);

	(void)os_unlink(store->staging, name);
}

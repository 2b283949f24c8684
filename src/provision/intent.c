/* SPDX-License-Identifier: MIT */
/*
 * What is about to get its final name, noted in staging until models.json knows it. Pinned content needs no note: its
 * digest tells whose it is. Without one, a crash between the name and the record would leave our own file to look like
 * somebody else's, which we do not touch.
 */
#include "provision/run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/intent.h"

#include <fcntl.h>
#include <string.h>

enum { NOTE_BYTES = 256 };
static const char folder_note[] = "folder";

int intent_note(struct dest *dest, const struct ncm_sha256 *content, struct ncm_error *err)
{
	NCM_AUTO_FREE char *name = ncm_store_intent_name(dest->relative);
	char hex[NCM_SHA256_HEX + 1];
	const char *text = content ? ncm_sha256_hex(content, hex) : folder_note;

	if (dest->ours) /* models.json says so already */
		return 0;
	dest->noted = true;
	return ncm_write_atomic(dest->store->staging, name, text, strlen(text), 0600, err);
}

bool intent_exists(const struct dest *dest, int store)
{
	NCM_AUTO_FREE char *name = ncm_store_intent_name(dest->relative);
	NCM_AUTO_FREE char *path = ncm_asprintf(".ncmodel/staging/%s", name);

	return faccessat(store, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool intent_stands(const struct dest *dest, int store, const struct ncm_sha256 *content)
{
	NCM_AUTO_FREE char *name = ncm_store_intent_name(dest->relative);
	NCM_AUTO_FREE char *path = ncm_asprintf(".ncmodel/staging/%s", name);
	NCM_AUTO_CLOSE int fd = ncm_open_beneath(store, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	NCM_AUTO_FREE char *text = fd < 0 ? NULL : ncm_read_fd(fd, NOTE_BYTES, NULL);
	char hex[NCM_SHA256_HEX + 1];

	return text && strcmp(text, content ? ncm_sha256_hex(content, hex) : folder_note) == 0;
}

void intent_forget(struct dest *dest)
{
	NCM_AUTO_FREE char *name = ncm_store_intent_name(dest->relative);

	if (dest->noted)
		(void)unlinkat(dest->store->staging, name, 0);
	dest->noted = false;
}

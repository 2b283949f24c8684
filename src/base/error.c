/* SPDX-License-Identifier: MIT */
#include <ncmodel/error.h>

#include "base/address.h"
#include "base/mem.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	int exit;
	bool retryable;
} classes[NCM_E_COUNT] = {
    [NCM_OK] = {"ok", 0, false},
    [NCM_E_OTHER] = {"other", 1, false},
    [NCM_E_USAGE] = {"usage", 2, false},
    [NCM_E_MANIFEST] = {"manifest_invalid", 2, false},
    [NCM_E_CHANGES] = {"changes_pending", 3, false},
    [NCM_E_DAMAGED] = {"damaged", 4, false},
    [NCM_E_NOT_FOUND] = {"not_found", 5, false},
    [NCM_E_AUTH] = {"auth_required", 6, false},
    [NCM_E_NETWORK] = {"network", 7, true},
    [NCM_E_RATE_LIMIT] = {"rate_limited", 8, true},
    [NCM_E_NO_SPACE] = {"no_space", 9, false},
    [NCM_E_CHECKSUM] = {"checksum", 10, false},
    [NCM_E_POLICY] = {"policy", 11, false},
    [NCM_E_NO_FIT] = {"no_fit", 12, false},
    [NCM_E_BUSY] = {"busy", 13, true},
    [NCM_E_RUNTIME] = {"runtime", 14, true},
    [NCM_E_IO] = {"io", 1, false},
    [NCM_E_REGISTRY] = {"registry_invalid", 1, false},
    [NCM_E_PROTOCOL] = {"protocol", 15, false},
    [NCM_E_INTERRUPTED] = {"interrupted", 130, true},
    [NCM_E_REFUSED] = {"server_refused", 15, false},
    [NCM_E_UNTRUSTED] = {"untrusted", 15, false},
    [NCM_E_STALE] = {"stale", 1, true},
    [NCM_E_OFFLINE] = {"offline", 11, false},
};

const char *ncm_errc_name(enum ncm_errc code)
{
	return classes[code].name;
}

int ncm_errc_exit(enum ncm_errc code)
{
	return classes[code].exit;
}

bool ncm_errc_retryable(enum ncm_errc code)
{
	return classes[code].retryable;
}

void ncm_error_clear(struct ncm_error *err)
{
	if (!err)
		return;
	free(err->message);
	free(err->hint);
	*err = (struct ncm_error){0};
}

int ncm_error_set(struct ncm_error *err, enum ncm_errc code, const char *format, ...)
{
	va_list args;
	char *message;

	if (!err)
		return -1;
	va_start(args, format);
	message = ncm_vasprintf(format, args); /* first: the old message may be one of the arguments */
	va_end(args);
	ncm_error_clear(err);
	err->code = code;
	err->message = ncm_text_swept(message);
	return -1;
}

static enum ncm_errc class_of(int errnum)
{
	if (errnum == ESTALE)
		return NCM_E_STALE;
	return errnum == ENOSPC || errnum == EDQUOT ? NCM_E_NO_SPACE : NCM_E_IO;
}

int ncm_error_errno(struct ncm_error *err, int errnum, const char *format, ...)
{
	NCM_AUTO_FREE char *context = NULL;
	va_list args;

	if (!err)
		return -1;
	va_start(args, format);
	context = ncm_vasprintf(format, args);
	va_end(args);
	ncm_error_set(err, class_of(errnum), "%s: %s", context, os_error_text(errnum));
	if (errnum == ESTALE)
		ncm_error_hint(err,
			       "the server of this file system lost track of the file; run the same command again");
	return -1;
}

int ncm_error_hint(struct ncm_error *err, const char *format, ...)
{
	va_list args;
	char *hint;

	if (!err)
		return -1;
	va_start(args, format);
	hint = ncm_vasprintf(format, args);
	va_end(args);
	free(err->hint);
	err->hint = ncm_text_swept(hint);
	return -1;
}

/* What the message says behind the name that is about to stand before it: nobody reads one twice. */
static const char *without_name(const char *message, const char *name)
{
	static const char *const kinds[] = {"", "model ", "hf:"};
	const size_t size = strlen(name);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const size_t kind = strlen(kinds[i]);

		if (strncmp(message, kinds[i], kind) == 0 && strncmp(message + kind, name, size) == 0 &&
		    strncmp(message + kind + size, ": ", 2) == 0)
			return message + kind + size + 2;
	}
	return message;
}

int ncm_error_wrap(struct ncm_error *err, const char *format, ...)
{
	NCM_AUTO_FREE char *context = NULL;
	char *message;
	va_list args;

	if (!err)
		return -1;
	va_start(args, format);
	context = ncm_vasprintf(format, args);
	va_end(args);
	message = ncm_asprintf("%s: %s", context, err->message ? without_name(err->message, context) : "");
	free(err->message);
	err->message = ncm_text_swept(message);
	return -1;
}

int ncm_error_copy(struct ncm_error *to, const struct ncm_error *from)
{
	ncm_error_set(to, from->code, "%s", from->message);
	return from->hint ? ncm_error_hint(to, "%s", from->hint) : -1;
}

int ncm_error_move(struct ncm_error *to, struct ncm_error *from)
{
	if (to) {
		ncm_error_clear(to);
		*to = *from;
		*from = (struct ncm_error){0};
	} else {
		ncm_error_clear(from);
	}
	return -1;
}

void ncm_unread_free(struct ncm_unread *unread, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(unread[i].path);
		free(unread[i].detail);
	}
	free(unread);
}

/* SPDX-License-Identifier: MIT */
/*
 * Ollama's own key: ~/.ollama/id_ed25519, an unencrypted key in OpenSSH's format (openssh-key-v1, PROTOCOL.key of
 * OpenSSH). With it `ollama` signs "METHOD,URL,<base64 of the hex SHA-256 of the body>".
 */
#include "credentials/credentials.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/environment.h"
#include "digest/ed25519.h"
#include "digest/hash.h"
#include "os/os.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { LARGEST_KEY_FILE = 16 << 10 };
static const char type[] = "ssh-ed25519";

/* Bytes that are read from the front. A read beyond the end makes it broken for good. */
struct reader {
	const uint8_t *at;
	size_t left;
	bool broken;
};

static const uint8_t *take(struct reader *reader, size_t size)
{
	const uint8_t *at = reader->at;

	if (reader->broken || size > reader->left) {
		reader->broken = true;
		return NULL;
	}
	reader->at += size;
	reader->left -= size;
	return at;
}

static uint32_t take_number(struct reader *reader)
{
	const uint8_t *at = take(reader, 4);

	return at ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3] : 0;
}

static struct reader take_string(struct reader *reader)
{
	const size_t size = take_number(reader);
	const uint8_t *at = take(reader, size);

	return (struct reader){at, at ? size : 0, !at};
}

static bool take_text(struct reader *reader, const char *expected)
{
	const struct reader text = take_string(reader);

	return !text.broken && text.left == strlen(expected) && memcmp(text.at, expected, text.left) == 0;
}

/* Returns NULL, or why the key cannot be used. */
static const char *read_private(struct reader *key, uint8_t private_key[NCM_ED25519_KEY])
{
	const uint32_t check = take_number(key);
	struct reader pair;

	if (take_number(key) != check || !take_text(key, type))
		return "it is no Ed25519 key";
	take_string(key); /* the public half */
	pair = take_string(key);
	if (pair.broken || pair.left != (size_t)2 * NCM_ED25519_KEY)
		return "it is no Ed25519 key";
	memcpy(private_key, pair.at, NCM_ED25519_KEY);
	return NULL;
}

static const char *read_container(struct reader *file, uint8_t private_key[NCM_ED25519_KEY])
{
	static const char magic[] = "openssh-key-v1"; /* with its NUL */
	const uint8_t *start = take(file, sizeof magic);
	struct reader key;

	if (!start || memcmp(start, magic, sizeof magic) != 0)
		return "it is no key of OpenSSH";
	if (!take_text(file, "none") || !take_text(file, "none"))
		return "it is encrypted";
	take_string(file);
	if (take_number(file) != 1)
		return "it is no key of OpenSSH";
	take_string(file);
	key = take_string(file);
	return key.broken ? "it is no key of OpenSSH" : read_private(&key, private_key);
}

/* The lines between the two marks, joined. The caller wipes and frees it. */
static char *body_of(const char *text)
{
	static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----", end[] = "-----END OPENSSH PRIVATE KEY-----";
	const char *from = strstr(text, begin), *to = from ? strstr(from, end) : NULL;
	char *body, *out;

	if (!to)
		return NULL;
	from += strlen(begin);
	body = out = ncm_malloc((size_t)(to - from) + 1);
	for (; from < to; from++) {
		if (!strchr(" \t\r\n", *from))
			*out++ = *from;
	}
	*out = '\0';
	return body;
}

static const char *parse(const char *text, uint8_t private_key[NCM_ED25519_KEY])
{
	char *body = body_of(text), *bytes;
	const char *fault = "it is no key of OpenSSH";
	size_t size = 0;

	bytes = body ? ncm_base64_decode(body, strlen(body), &size) : NULL;
	if (bytes) {
		fault = read_container(&(struct reader){(const uint8_t *)bytes, size, false}, private_key);
		os_wipe(bytes, size);
	}
	free(bytes);
	if (body)
		os_wipe(body, strlen(body));
	free(body);
	return fault;
}

static int refuse(const char *path, const char *why, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_AUTH, "Ollama's key %s cannot be used: %s", path, why);
	return ncm_error_hint(err, "it has to be the key that Ollama made there; `ollama signin` makes it known");
}

/* Returns 1, 0 if it is not there, or -1. */
static int read_key(const char *path, uint8_t private_key[NCM_ED25519_KEY], struct ncm_error *err)
{
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path, OS_READ);
	const char *fault;
	struct os_stat status;
	char *text;
	size_t size;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return refuse(path, os_error_text(errno), err);
	if (os_fstat(fd, &status) < 0 || status.kind != OS_IS_FILE)
		return refuse(path, "it is no regular file", err);
	text = ncm_read_fd(fd, LARGEST_KEY_FILE, &size);
	if (!text)
		return refuse(path, os_error_text(errno), err);
	fault = parse(text, private_key);
	os_wipe(text, size);
	free(text);
	return fault ? refuse(path, fault, err) : 1;
}

/* As OpenSSH writes a public key, without its type's name before it. The caller frees it. */
static char *public_text(const uint8_t public_key[NCM_ED25519_KEY])
{
	uint8_t blob[4 + sizeof type - 1 + 4 + NCM_ED25519_KEY] = {0};

	blob[3] = sizeof type - 1;
	memcpy(blob + 4, type, sizeof type - 1);
	blob[4 + sizeof type - 1 + 3] = NCM_ED25519_KEY;
	memcpy(blob + sizeof blob - NCM_ED25519_KEY, public_key, NCM_ED25519_KEY);
	return ncm_base64(blob, sizeof blob);
}

/* What is signed. The caller frees it. */
static char *statement(const char *method, const char *url)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];
	NCM_AUTO_FREE char *body = NULL;

	ncm_sha256_of("", 0, &digest);
	ncm_sha256_hex(&digest, hex);
	body = ncm_base64(hex, strlen(hex));
	return ncm_asprintf("%s,%s,%s", method, url, body);
}

int ncm_ollama_key_header(const char *method, const char *url, char **header, struct ncm_error *err)
{
	NCM_AUTO_FREE char *home = config_home();
	NCM_AUTO_FREE char *path = ncm_path_join(home, ".ollama/id_ed25519");
	NCM_AUTO_FREE char *said = statement(method, url);
	NCM_AUTO_FREE char *name = NULL;
	NCM_AUTO_FREE char *signed_text = NULL;
	uint8_t private_key[NCM_ED25519_KEY], public_key[NCM_ED25519_KEY], signature[NCM_ED25519_SIGNATURE];
	int found = read_key(path, private_key, err);

	if (found <= 0)
		return found;
	if (ncm_ed25519_public(private_key, public_key) < 0 ||
	    ncm_ed25519_sign(private_key, said, strlen(said), signature) < 0)
		found = refuse(path, "OpenSSL cannot sign with it", err);
	os_wipe(private_key, sizeof private_key);
	if (found < 0)
		return -1;
	name = public_text(public_key);
	signed_text = ncm_base64(signature, sizeof signature);
	*header = ncm_asprintf("%s:%s", name, signed_text);
	return 1;
}

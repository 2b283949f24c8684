/* SPDX-License-Identifier: MIT */
#include "source/shared.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

enum { SLUG_LENGTH = 96 };

static bool looks_like_page(const struct ncm_reply *reply)
{
	const char *text = reply->body ? reply->body + strspn(reply->body, " \t\r\n") : "";

	return text[0] == '<';
}

json_t *ncm_source_json(const struct ncm_sources *sources, const struct ncm_request *request, struct ncm_reply *reply,
			struct ncm_error *err)
{
	NCM_AUTO_REPLY struct ncm_reply own = {0};
	NCM_AUTO_FREE char *what = ncm_asprintf("the answer about %s", request->what);
	json_t *value;

	if (sources->get(sources->http, request, &own, err) < 0)
		return NULL;
	if (looks_like_page(&own)) {
		NCM_AUTO_FREE char *shown = ncm_url_display(request->url);

		ncm_error_set(err, NCM_E_PROTOCOL, "%s: a web page came instead of data from %s", request->what, shown);
		ncm_error_hint(err, "a login page, a firewall or a block of the region may be in between: open the "
				    "address in a browser");
		return NULL;
	}
	value = ncm_json_parse(own.body ? own.body : "", own.body_size, what, NCM_E_PROTOCOL, err);
	if (reply) {
		*reply = own;
		own = (struct ncm_reply){0};
	}
	return value;
}

char *ncm_source_complaint(const struct ncm_reply *reply)
{
	return ncm_reply_complaint(reply);
}

bool ncm_source_header_u64(const struct ncm_reply *reply, const char *name, uint64_t *value)
{
	NCM_AUTO_FREE char *text = ncm_reply_header(reply, name);
	uint64_t number = 0;

	if (!text || !*text || text[strspn(text, "0123456789")] != '\0')
		return false;
	for (const char *c = text; *c; c++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*c - '0'), &number))
			return false;
	}
	*value = number;
	return true;
}

bool ncm_source_told_size(const struct ncm_reply *reply, uint64_t *size)
{
	NCM_AUTO_FREE char *encoding = ncm_reply_header(reply, "Content-Encoding");
	NCM_AUTO_FREE char *range = ncm_reply_header(reply, "Content-Range");
	const char *total = range ? strrchr(range, '/') : NULL;

	if (encoding && strcasecmp(encoding, "identity") != 0)
		return false;
	if (reply->status == 206)
		return total && ncm_source_number(total + 1, strlen(total + 1), NCM_LIMIT_FILE_BYTES, size);
	return ncm_source_header_u64(reply, "Content-Length", size);
}

void ncm_source_take_pins(const struct ncm_file_spec *spec, const struct ncm_sha256 *spelled,
			  struct ncm_artifact *artifact)
{
	artifact->has_size = spec->has_size;
	artifact->size = spec->size;
	artifact->has_sha256 = spelled || spec->has_sha256;
	artifact->sha256 = spelled ? *spelled : spec->sha256;
}

char *ncm_source_slug(const char *text)
{
	struct ncm_buffer slug = {0};

	for (const char *c = text; *c && slug.size < SLUG_LENGTH; c++) {
		char lower = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
		bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');

		if (plain || (slug.size > 0 && strchr("._-", lower)))
			ncm_buffer_add(&slug, &lower, 1);
		else if (slug.size > 0 && slug.data[slug.size - 1] != '-')
			ncm_buffer_puts(&slug, "-");
	}
	while (slug.size > 0 && slug.data[slug.size - 1] == '-')
		slug.data[--slug.size] = '\0';
	if (slug.size == 0)
		ncm_buffer_puts(&slug, "model");
	return ncm_buffer_take(&slug);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *ncm_source_decode(const char *text, size_t size)
{
	char *out = ncm_malloc(size + 1); /* it does not grow */
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];
		bool wrong = false;

		if (byte == '%') {
			int high = i + 2 < size ? hex_value(text[i + 1]) : -1;
			int low = high >= 0 ? hex_value(text[i + 2]) : -1;

			wrong = low < 0;
			byte = (unsigned char)(high * 16 + low);
			i += 2;
		}
		if (wrong || byte < ' ' || byte == 0x7f) {
			free(out);
			return NULL;
		}
		out[count++] = (char)byte;
	}
	out[count] = '\0';
	return out;
}

bool ncm_source_is_binary_name(const char *name)
{
	static const char *const endings[] = {".safetensors", ".gguf", ".ggml", ".bin", ".pt",      ".pth", ".ckpt",
					      ".onnx",        ".zip",  ".gz",   ".tgz", ".xz",      ".zst", ".tar",
					      ".sft",         ".npz",  ".npy",  ".h5",  ".msgpack", ".pkl", ".tflite"};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (ncm_path_has_suffix(name, endings[i]))
			return true;
	}
	return false;
}

bool ncm_source_is_commit(const char *text)
{
	return strlen(text) == 40 && text[strspn(text, "0123456789abcdef")] == '\0';
}

int ncm_source_cut_pin(char *uri, bool *has_sha256, struct ncm_sha256 *sha256, struct ncm_error *err)
{
	static const char mark[] = "#sha256=";
	char *pin = strstr(uri, mark);

	*has_sha256 = false;
	if (!pin)
		return 0;
	*pin = '\0';
	pin += strlen(mark);
	if (strlen(pin) != NCM_SHA256_HEX || ncm_sha256_parse(pin, sha256) < 0)
		return ncm_error_set(err, NCM_E_USAGE, "%.*s: #sha256= is followed by 64 lower-case hex digits",
				     ncm_source_shown(uri), uri);
	*has_sha256 = true;
	return 0;
}

bool ncm_source_number(const char *text, size_t size, uint64_t most, uint64_t *value)
{
	uint64_t number = 0;

	if (size == 0 || size > 19 || text[0] == '0')
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	if (number > most)
		return false;
	*value = number;
	return true;
}

bool ncm_source_is_at(const char *url, const char *const *hosts, const char **path)
{
	size_t length;

	if (strncasecmp(url, "https://", 8) == 0)
		url += 8;
	else if (strncasecmp(url, "http://", 7) == 0)
		url += 7;
	length = strcspn(url, "/?#");
	for (; *hosts; hosts++) {
		if (strlen(*hosts) != length || strncasecmp(url, *hosts, length) != 0)
			continue;
		*path = url + length + (url[length] == '/');
		return true;
	}
	return false;
}

int ncm_source_shown(const char *uri)
{
	size_t length = strcspn(uri, "?");

	return (int)(length < NCM_LIMIT_MESSAGE ? length : NCM_LIMIT_MESSAGE);
}

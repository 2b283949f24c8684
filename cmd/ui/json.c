/* SPDX-License-Identifier: MIT */
#include "ui/json.h"

#include "ui/text.h"

#include <ncmodel/text.h>

#include <string.h>
#include <time.h>

/* A path of this machine is data, and no address that could hold a secret: a file may be called "a?token=b.gguf". */
static bool is_path(const char *text)
{
	return text[0] == '/' && text[1] != '/' && !strstr(text, "://");
}

json_t *json_text(const char *foreign)
{
	AUTO_FREE char *shown = !foreign ? NULL : is_path(foreign) ? text_copy(foreign) : ncm_text_shown(foreign);
	AUTO_FREE char *valid = NULL;
	const char *text = shown;
	json_t *value = text ? json_string(text) : json_null();
	size_t length = 0;

	if (value)
		return value;
	valid = memory_grow(NULL, 3 * strlen(text) + 1, 1);
	for (size_t size; *text; text += size) {
		uint32_t character;

		size = text_decode(text, &character);
		value = json_stringn(text, size);
		if (value) {
			memcpy(valid + length, text, size);
			length += size;
			json_decref(value);
		} else {
			memcpy(valid + length, "\xef\xbf\xbd", 3);
			length += 3;
			size = 1;
		}
	}
	return json_stringn(valid, length);
}

json_t *json_words(const struct ncm_strings *words)
{
	json_t *array = json_array();

	for (size_t i = 0; i < words->count; i++)
		json_push(array, json_text(words->items[i]));
	return array;
}

json_t *json_number(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

json_t *json_digest(const struct ncm_sha256 *digest)
{
	char hex[NCM_SHA256_HEX + 1];

	if (ncm_sha256_is_zero(digest))
		return json_null();
	return json_sprintf("sha256:%s", ncm_sha256_hex(digest, hex));
}

bool json_add_new(json_t *set, const char *text)
{
	if (json_object_get(set, text))
		return false;
	json_object_set_new_nocheck(set, text, json_true());
	return true;
}

void json_put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new_nocheck(object, key, value);
}

void json_put_text(json_t *object, const char *key, const char *text)
{
	json_put(object, key, json_text(text));
}

json_t *json_source(const char *source)
{
	AUTO_FREE char *told = ncm_source_told(source, NULL);

	return json_text(told);
}

void json_put_source(json_t *object, const char *key, const char *source)
{
	json_put(object, key, json_source(source));
}

void json_put_number(json_t *object, const char *key, uint64_t number)
{
	json_put(object, key, json_number(number));
}

void json_put_flag(json_t *object, const char *key, bool flag)
{
	json_put(object, key, json_boolean(flag));
}

void json_push(json_t *array, json_t *value)
{
	json_array_append_new(array, value);
}

void json_put_now(json_t *object)
{
	struct timespec now;
	struct tm utc;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	json_put(object, "time", json_sprintf("%s.%03dZ", text, (int)(now.tv_nsec / 1000000)));
}

/* DEL is the one control character that jansson leaves as it is. */
static int write_without_del(const char *bytes, size_t size, void *context)
{
	FILE *out = context;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == 0x7f)
			fputs("\\u007f", out);
		else
			fputc(bytes[i], out);
	}
	return 0;
}

void json_print(const json_t *value, bool one_line, FILE *out)
{
	const size_t layout = one_line ? JSON_COMPACT : JSON_INDENT(2);

	json_dump_callback(value, write_without_del, out, layout | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	fputc('\n', out);
}

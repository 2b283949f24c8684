/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "base/secrets.h"

#include <ncmodel/text.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	MOST_NESTED = 4, /* encoded addresses in a value of an address */
	LONGEST_USER = 512,
};

static const char mark[] = "#signed";
static const char pin[] = "#sha256=";

/* Where a parameter stands. */
enum part { PART_QUERY, PART_FRAGMENT, PART_OF_TEXT };

static char *sweep(const char *text, bool whole, unsigned nested);

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As far as it can be decoded: what is no escape stays. */
static char *decoded(const char *text, size_t size)
{
	char *out = ncm_malloc(size + 1);
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		int high = text[i] == '%' && i + 2 < size ? hex_digit(text[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

		out[count++] = (char)(low >= 0 ? high * 16 + low : text[i]);
		i += low >= 0 ? 2 : 0;
	}
	out[count] = '\0';
	return out;
}

/* An address in a value may have secrets of its own. */
static bool hides_address(const char *value, size_t size, unsigned nested)
{
	NCM_AUTO_FREE char *inner = decoded(value, size);
	NCM_AUTO_FREE char *swept = NULL;

	if (nested >= MOST_NESTED || !strpbrk(inner, "?&@#;%"))
		return false;
	swept = sweep(inner, true, nested + 1);
	return strcmp(swept, inner) != 0 ||
	       (memchr(value, '%', size) && hides_address(inner, strlen(inner), nested + 1));
}

/* A query that is one word and no name ("?download"), number or file is a key. */
static bool is_bare_key(const char *text, size_t size)
{
	NCM_AUTO_FREE char *word = decoded(text, size);

	return *word && !ncm_names_choice(word) && !strpbrk(word, "=./") && word[strspn(word, "0123456789")] != '\0';
}

static bool is_secret(const char *parameter, size_t size, enum part part, unsigned nested)
{
	const char *equals = memchr(parameter, '=', size);
	const size_t name_size = equals ? (size_t)(equals - parameter) : 0;
	const char *value = equals ? equals + 1 : parameter;
	const size_t value_size = size - (size_t)(value - parameter);
	NCM_AUTO_FREE char *name = decoded(parameter, name_size);
	NCM_AUTO_FREE char *plain = decoded(value, value_size);

	if (equals && ncm_names_secret(name))
		return value_size > 0;
	if (part != PART_OF_TEXT && !ncm_names_choice(name) && ncm_looks_random(plain))
		return true;
	return equals && hides_address(value, value_size, nested);
}

/* Where an address ends, or before that at one of the stops. A text's next word begins behind it, unless it is an
 * address as a whole. */
static size_t word_size(const char *text, bool whole, const char *stops)
{
	size_t size = 0;

	if (whole)
		return strcspn(text, stops);
	while ((unsigned char)text[size] > ' ' && !strchr("\"<>`", text[size]) && !strchr(stops, text[size]))
		size++;
	while (size > 0 && strchr("')]}.,;:", text[size - 1]))
		size--;
	return size;
}

/* Adds parameters but the secret ones; `first` is what stands before them ('?', '#'). */
static void add_parameters(struct ncm_buffer *out, char first, const char *text, size_t size, enum part part,
			   unsigned nested)
{
	char separator = first;

	for (size_t at = 0; at <= size;) {
		size_t end = at;

		while (end < size && !strchr("&;#", text[end]))
			end++;
		if (!(part == PART_QUERY && end - at == size && is_bare_key(text, size)) &&
		    !is_secret(text + at, end - at, part, nested)) {
			ncm_buffer_add(out, &separator, 1);
			ncm_buffer_add(out, text + at, end - at);
			separator = end < size ? text[end] : separator;
		} else if (separator != first && end < size) {
			separator = text[end];
		}
		at = end + 1;
	}
}

/* What ends in "name=value" behind a ';', "/x;jsessionid=…", is a parameter too. */
static void add_path(struct ncm_buffer *out, const char *text, size_t size, unsigned nested)
{
	const char *semicolon = memchr(text, ';', size);
	const size_t plain = semicolon ? (size_t)(semicolon - text) : size;
	NCM_AUTO_FREE char *path = ncm_strndup(text, plain);
	NCM_AUTO_FREE char *swept = nested < MOST_NESTED && strstr(path, "//") ? sweep(path, true, nested + 1) : NULL;

	ncm_buffer_puts(out, swept ? swept : path);
	if (semicolon)
		add_parameters(out, ';', semicolon + 1, size - plain - 1, PART_OF_TEXT, nested);
}

/* What hints write where people are to put theirs. */
static const char placeholder[] = "USER:PASSWORD@";

/* How much of an address behind its "://" is user and password: to the last '@' of the authority, or, where what
 * should be a port is none, of all that follows: a password may hold any sign by mistake. */
static size_t user_size(const char *text, size_t size)
{
	size_t authority = 0, user = 0;
	const char *colon;

	if (size >= strlen(placeholder) && memcmp(text, placeholder, strlen(placeholder)) == 0)
		return 0;
	while (authority < size && !strchr("/\\?#", text[authority]))
		authority++;
	for (size_t i = 0; i < authority; i++)
		user = text[i] == '@' ? i + 1 : user;
	colon = *text == '[' ? NULL : memchr(text, ':', authority);
	if (user > 0 || !colon)
		return user;
	for (colon++; colon < text + authority && isdigit((unsigned char)*colon);)
		colon++;
	for (size_t i = authority; colon < text + authority && i < size; i++)
		user = text[i] == '@' ? i + 1 : user;
	return user;
}

static size_t size_to(const char *text, size_t size, const char *signs)
{
	size_t count = 0;

	while (count < size && !strchr(signs, text[count]))
		count++;
	return count;
}

/* What stands behind "://". */
static void add_address(struct ncm_buffer *out, const char *text, size_t size, unsigned nested)
{
	const size_t user = user_size(text, size);
	size_t part;

	text += user;
	size -= user;
	part = size_to(text, size, "?#");
	add_path(out, text, part, nested);
	text += part;
	size -= part;
	if (size > 0 && *text == '?') {
		part = size_to(text, size, "#");
		add_parameters(out, '?', text + 1, part - 1, PART_QUERY, nested);
		text += part;
		size -= part;
	}
	if (size > 0)
		add_parameters(out, '#', text + 1, size - 1, PART_FRAGMENT, nested);
}

/* If an address begins here, how long what stands before its authority is: "://", or less of it by mistake. */
static size_t lead_size(const char *text, const char *at)
{
	const size_t before = (size_t)(at - text);
	const bool of_web = (before >= 4 && strncasecmp(at - 4, "http", 4) == 0) ||
			    (before >= 5 && strncasecmp(at - 5, "https", 5) == 0);

	if (*at == ':' && (of_web || at[1] == '/'))
		return 1 + strspn(at + 1, "/\\");
	return strncmp(at, "//", 2) == 0 ? strspn(at, "/") : 0;
}

/* How much of a word is "user:password@" without anything before it, as in a proxy's address that lacks its scheme.
 * "ollama:name@sha256:…" and "civitai:1@2" are no such words. */
static size_t bare_user_size(const char *text, const char *at)
{
	static const char *const schemes[] = {
	    "ollama:", "hf:", "civitai:", "comfy:", "sha256:", "urn:", "mailto:", "http:", "https:"};
	const bool begins = at == text || strchr(" \"'(=[", at[-1]);
	const size_t size = begins ? strnlen(at, LONGEST_USER) : 0, name = size_to(at, size, " :@/?&\"'()\n");
	const size_t user = name + size_to(at + name, size - name, " @/?&\"\n");

	if (name == 0 || user == size || at[name] != ':' || user <= name + 1 || at[user] != '@' ||
	    strncmp(at + user + 1, "sha256:", 7) == 0)
		return 0;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (strncasecmp(at, schemes[i], strlen(schemes[i])) == 0)
			return 0;
	}
	return user + 1;
}

static char *sweep(const char *text, bool whole, unsigned nested)
{
	struct ncm_buffer out = {0};
	const char *at = text;

	while (*(at += bare_user_size(text, at))) {
		const size_t lead = lead_size(text, at);
		const size_t begin = lead > 0 ? lead : 1;
		const bool is_query = lead == 0 && strchr("?&", *at);
		const size_t size = lead > 0 || is_query ? word_size(at + begin, whole, is_query ? "#" : "") : 0;

		if (is_query)
			add_parameters(&out, *at, at + begin, size, PART_OF_TEXT, nested);
		else
			ncm_buffer_add(&out, at, begin);
		if (lead > 0)
			add_address(&out, at + begin, size, nested);
		at += begin + size;
	}
	return out.data ? ncm_buffer_take(&out) : ncm_strdup("");
}

/* Most texts have none of these signs, and so no secret. */
static bool may_hold_secret(const char *text)
{
	return strpbrk(text, "?&@#;") != NULL;
}

char *ncm_text_shown(const char *text)
{
	return ncm_secrets_masked(may_hold_secret(text) ? sweep(text, false, 0) : ncm_strdup(text));
}

bool ncm_text_has_secret(const char *text)
{
	NCM_AUTO_FREE char *shown = may_hold_secret(text) ? sweep(text, false, 0) : NULL;

	return shown && strcmp(shown, text) != 0;
}

char *ncm_text_swept(char *text)
{
	char *swept = text ? ncm_text_shown(text) : NULL;

	free(text);
	return swept;
}

/* Of the query: user and password are refused before anybody is asked. */
void ncm_address_note(const char *address)
{
	const char *query = strchr(address, '?');
	const char *at = query ? query + 1 : "";

	while (*at) {
		const size_t size = strcspn(at, "&;#");
		const char *equals = memchr(at, '=', size);

		if (equals && is_secret(at, size, PART_QUERY, 0)) {
			NCM_AUTO_FREE char *value = ncm_strndup(equals + 1, size - (size_t)(equals + 1 - at));
			NCM_AUTO_FREE char *plain = decoded(value, strlen(value));

			ncm_secret_note(value);
			ncm_secret_note(plain);
		}
		at += size + (at[size] != '\0');
	}
}

char *ncm_typed_shown(const char *typed)
{
	const char *scheme = strstr(typed, "://"), *rest;
	NCM_AUTO_FREE char *swept = sweep(typed, true, 0);

	if (!scheme)
		return ncm_strdup(swept);
	rest = strstr(swept, "://");
	return ncm_strndup(swept, rest ? (size_t)(rest - swept) + strcspn(rest, "?#") : strlen(swept));
}

static bool ends_mark(const char *at)
{
	return at && (at[strlen(mark)] == '\0' || at[strlen(mark)] == '#');
}

bool ncm_address_is_signed(const char *address)
{
	return address && ends_mark(strstr(address, mark));
}

char *ncm_address_unmarked(const char *address)
{
	const char *at = address ? strstr(address, mark) : NULL;

	if (!ends_mark(at))
		return ncm_strdup_null(address);
	return ncm_asprintf("%.*s%s", (int)(at - address), address, at + strlen(mark));
}

char *ncm_source_told(const char *source, bool *was_signed)
{
	NCM_AUTO_FREE char *kept = source ? ncm_address_remembered(source) : NULL;

	if (was_signed)
		*was_signed = ncm_address_is_signed(kept);
	return ncm_address_unmarked(kept);
}

char *ncm_address_marked(const char *address)
{
	const char *at = strstr(address, pin);
	const size_t size = at ? (size_t)(at - address) : strlen(address);

	if (ncm_address_is_signed(address))
		return ncm_strdup(address);
	return ncm_asprintf("%.*s%s%s", (int)size, address, mark, address + size);
}

char *ncm_address_remembered(const char *address)
{
	const char *at = strstr(address, pin);
	const char *end = at ? at : address + strlen(address);
	NCM_AUTO_FREE char *bare = ncm_strndup(address, (size_t)(end - address));
	NCM_AUTO_FREE char *swept = sweep(bare, true, 0);
	NCM_AUTO_FREE char *whole = ncm_asprintf("%s%s", swept, end);

	return strcmp(swept, bare) == 0 ? ncm_strdup(address) : ncm_address_marked(whole);
}

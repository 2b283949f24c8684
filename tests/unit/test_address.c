/* SPDX-License-Identifier: MIT */
/* What of an address may be shown and written down. */
#include "check.h"

#include "base/address.h"
#include "base/buffer.h"
#include "base/mem.h"
#include "base/secrets.h"

#include <ncmodel/text.h>

static void check_shown(const char *text, const char *expected)
{
	NCM_AUTO_FREE char *shown = ncm_text_shown(text);
	NCM_AUTO_FREE char *again = ncm_text_shown(shown);

	CHECK_STR(shown, expected);
	CHECK_STR(again, expected);
	CHECK(ncm_text_has_secret(text) == (strcmp(text, expected) != 0));
}

static void harmless_text_stays(void)
{
	static const char *const texts[] = {
	    "",
	    "did you mean \"x?\" or y?",
	    "a & b; c = d",
	    "ollama:llama3.2:3b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	    "hf:org/repo/model@2f1e6a5c0b9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f",
	    "civitai:4384@128713?type=Model&format=SafeTensor&size=pruned&fp=fp16&fileId=12",
	    "urn:air:sdxl:checkpoint:civitai:4384@128713",
	    "llama3.2:3b@sha256:ab: not there",
	    "https://e.org/f.gguf?id=3",
	    "https://e.org:8443/d?id=1aBcDeFgHiJkLmNoPqRsTuVwXyZ012345&export=download",
	    "https://e.org/f?download=true&quantType=Q8_0",
	    "https://e.org/f?x=llama-3.2-3b-instruct-q4_k_m.gguf",
	    "https://e.org/f.gguf#sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	    "https://e.org/f.gguf#signed",
	    "https://e.org/docs/page.html#tokens",
	    "`ncmodel pull \"https://e.org/f?id=3\"` (see https://e.org/x).",
	    "/srv/models/a b/c@d/e:f.gguf",
	    "C:/models/x.gguf",
	    "x.gguf:12: $.models[0]: wrong",
	    "https://[::1]:5000/v2/",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_shown(texts[i], texts[i]);
}

static void secrets_go(void)
{
	static const char *const texts[][2] = {
	    {"https://e.org/f?token=S", "https://e.org/f"},
	    {"https://e.org/f?id=3&sig=S", "https://e.org/f?id=3"},
	    {"https://e.org/f?sig=S&id=3", "https://e.org/f?id=3"},
	    {"https://e.org/f?sig=S;id=3", "https://e.org/f?id=3"},
	    {"https://e.org/f?a=1&amp;token=S", "https://e.org/f?a=1&amp"},
	    {"(https://e.org/f?token=S): 404", "(https://e.org/f): 404"},
	    {"\"https://e.org/f?token=S\" and https://u:S@e.org/g.", "\"https://e.org/f\" and https://e.org/g."},
	    {"https://e.org/f?%74oken=S", "https://e.org/f"},
	    {"https://e.org/f?X-AMZ-signature=S&x-amz-date=S", "https://e.org/f"},
	    {"https://e.org/f?SECRET", "https://e.org/f"},
	    {"https://e.org/f?x=0123456789abcdefXYZ", "https://e.org/f"},
	    {"https://e.org/f?u=https%3A%2F%2Fx%3Ftoken%3DS", "https://e.org/f"},
	    {"https://e.org/f?u=https%253A%252F%252Fx%253Ftoken%253DS", "https://e.org/f"},
	    {"https://e.org/f#access_token=S&x=1", "https://e.org/f#x=1"},
	    {"https://e.org/f;jsessionid=S?id=3", "https://e.org/f?id=3"},
	    {"https://e.org/https://u:S@h/", "https://e.org/https://h/"},
	    {"https://u:S@e.org/f", "https://e.org/f"},
	    {"https://u:S@S@e.org/f", "https://e.org/f"},
	    {"https://u:S/S@e.org/f", "https://e.org/f"},
	    {"https://u:S?S@e.org/f", "https://e.org/f"},
	    {"https://S@e.org/f", "https://e.org/f"},
	    {"http:/u:S@e.org", "http:/e.org"},
	    {"https:u:S@e.org", "https:e.org"},
	    {"htp//u:S@e.org", "htp//e.org"},
	    {"proxy u:S@e.org:3128 fails", "proxy e.org:3128 fails"},
	    {"socks5h://u:S@e.org:1080", "socks5h://e.org:1080"},
	    {"civitai:12?token=S&type=Model", "civitai:12?type=Model"},
	    {"x.gguf?download=true&token=S", "x.gguf?download=true"},
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_shown(texts[i][0], texts[i][1]);
}

static void check_remembered(const char *address, const char *expected)
{
	NCM_AUTO_FREE char *kept = ncm_address_remembered(address);
	NCM_AUTO_FREE char *again = ncm_address_remembered(kept);
	NCM_AUTO_FREE char *plain = ncm_address_unmarked(kept);
	NCM_AUTO_FREE char *marked = ncm_address_marked(plain);

	CHECK_STR(kept, expected);
	CHECK_STR(again, expected);
	CHECK(!ncm_address_is_signed(plain));
	if (ncm_address_is_signed(kept))
		CHECK_STR(marked, expected);
}

static void a_signed_address_is_marked(void)
{
	check_remembered("https://e.org/f?id=3", "https://e.org/f?id=3");
	check_remembered("https://e.org/f?id=3&sig=S", "https://e.org/f?id=3#signed");
	check_remembered("https://e.org/f?sig=S#sha256=ab", "https://e.org/f#signed#sha256=ab");
	check_remembered("https://e.org/f?sig=S#signed", "https://e.org/f#signed");
	check_remembered("https://e.org/f#signed#sha256=ab", "https://e.org/f#signed#sha256=ab");
	check_remembered("hf:org/repo@main", "hf:org/repo@main");
	CHECK(!ncm_address_is_signed("https://e.org/f#signedness"));
	CHECK(!ncm_address_is_signed(NULL));
}

static unsigned next(unsigned *state)
{
	*state = *state * 1103515245u + 12345u;
	return *state >> 16;
}

/* Whatever is put together of harmless and secret parts: the harmless ones stay, in their order, the others go. */
static void of_any_mixture(void)
{
	static const char *const harmless[] = {"id=3",        "download=true", "type=Model",
					       "file=a.gguf", "x=1",           "name=a%20b"};
	static const char *const secret[] = {
	    "token=SECRET",       "key=SECRET",      "X-Amz-Signature=SECRET", "sv=SECRET",
	    "Policy=SECRET~__",   "api-key=SECRET",  "Signature=a%2FSECRET",   "hdnea=exp=1~SECRET",
	    "p=SECRETsecret0123", "Expires=SECRET1", "q-sign-time=SECRET",     "refresh_token=SECRET"};
	unsigned state = 7;

	for (unsigned round = 0; round < 20000; round++) {
		struct ncm_buffer given = {0}, expected = {0};
		const bool user = next(&state) % 3 == 0;
		char before = '?';
		NCM_AUTO_FREE char *shown = NULL;

		ncm_buffer_puts(&given, user ? "https://u:SECRET@e.org/f" : "https://e.org/f");
		ncm_buffer_puts(&expected, "https://e.org/f");
		for (unsigned i = 0, count = next(&state) % 6; i < count; i++) {
			const bool bad = next(&state) % 2;
			const char *part = bad ? secret[next(&state) % 12] : harmless[next(&state) % 6];

			ncm_buffer_printf(&given, "%c%s", i == 0 ? '?' : '&', part);
			if (!bad) {
				ncm_buffer_printf(&expected, "%c%s", before, part);
				before = '&';
			}
		}
		shown = ncm_text_shown(given.data);
		CHECK_STR(shown, expected.data);
		ncm_buffer_free(&given);
		ncm_buffer_free(&expected);
	}
}

/* Any bytes at all: it ends, what comes out has no more to take out, and what is behind a known name is gone. */
static void of_any_bytes(void)
{
	static const char signs[] = "ab:/?#&;=@%[]\\\"' .1-htps";
	unsigned state = 11;

	for (unsigned round = 0; round < 50000; round++) {
		char text[40];
		size_t size = next(&state) % (sizeof text - 1);
		NCM_AUTO_FREE char *shown = NULL;
		NCM_AUTO_FREE char *kept = NULL;

		for (size_t i = 0; i < size; i++)
			text[i] = signs[next(&state) % (sizeof signs - 1)];
		text[size] = '\0';
		shown = ncm_text_shown(text);
		kept = ncm_address_remembered(text);
		CHECK(strlen(shown) <= size);
		CHECK(strlen(kept) <= size + strlen("#signed"));
	}
}

/* Texts of servers are as long as they like. */
static void long_texts_take_no_time(void)
{
	static const char *const pieces[] = {"?#", "&", "=x:", "//", "://u:", "?a=%253F", ";", "a@", "http:/"};
	enum { SIZE = 1 << 20 };
	char *text = ncm_malloc(SIZE + 16);

	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		NCM_AUTO_FREE char *shown = NULL;

		text[0] = '\0';
		for (size_t at = 0; at < SIZE; at += strlen(pieces[i]))
			strcpy(text + at, pieces[i]);
		shown = ncm_text_shown(text);
		CHECK(shown);
	}
	free(text);
}

static void what_is_known_to_be_secret_is_masked(void)
{
	NCM_AUTO_FREE char *shown = NULL, *plain = NULL;

	ncm_address_note("https://e.org/f?id=aBc123456&sig=aBc%2B123456#x");
	ncm_secret_note("short1");
	ncm_secret_note("download");
	shown = ncm_text_shown("no aBc%2B123456aBc+123456, short1 download aBc123456");
	CHECK_STR(shown, "no [secret][secret], short1 download aBc123456");
	ncm_secrets_forget();
	plain = ncm_text_shown("aBc%2B123456");
	CHECK_STR(plain, "aBc%2B123456");
}

int main(void)
{
	RUN(harmless_text_stays);
	RUN(secrets_go);
	RUN(a_signed_address_is_marked);
	RUN(of_any_mixture);
	RUN(of_any_bytes);
	RUN(long_texts_take_no_time);
	RUN(what_is_known_to_be_secret_is_masked);
	return 0;
}

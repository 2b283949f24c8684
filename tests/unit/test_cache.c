/* SPDX-License-Identifier: MIT */
/* What S3's documents say, and the parts of an upload in their order. */
#include "check.h"

#include "base/mem.h"
#include "cache/work.h"

static struct xml_part part_of(const char *text)
{
	return (struct xml_part){text, text + strlen(text)};
}

static void check_text(const char *document, const char *name, const char *expected)
{
	NCM_AUTO_FREE char *text = xml_text(part_of(document), name);

	if (expected)
		CHECK_STR(text ? text : "(nothing)", expected);
	else
		CHECK(!text);
}

static void test_texts(void)
{
	check_text("<A><B>x</B></A>", "B", "x");
	check_text("<?xml version=\"1.0\"?>\n<A xmlns=\"http://x/\"><B>x</B></A>", "A", "<B>x</B>");
	check_text("<Bucket>no</Bucket><B>x</B>", "B", "x");
	check_text("<B/>", "B", NULL);
	check_text("<B></B>", "B", "");
	check_text("<B>x", "B", NULL);
	check_text("<B", "B", NULL);
	check_text("", "B", NULL);
	check_text("<B>&quot;a&#34;&amp;&lt;&gt;&apos;&#x41;</B>", "B", "\"a\"&<>'A");
	check_text("<B>&;&#;&#0;&#xzz;&unknown;&#99999999999999999999;&</B>", "B",
		   "&;&#;&#0;&#xzz;&unknown;&#99999999999999999999;&");
	check_text("<B>a&#34</B>", "B", "a&#34");
}

static void test_lists(void)
{
	struct xml_part rest = part_of("<L><P><N>1</N></P><P></P><P><N>07</N></P><P><N>x</N></P></L>"), one;
	uint64_t number = 0;

	CHECK(xml_next(&rest, "P", &one) && xml_number(one, "N", 10, &number) && number == 1);
	CHECK(xml_next(&rest, "P", &one) && !xml_number(one, "N", 10, &number));
	CHECK(xml_next(&rest, "P", &one));
	CHECK(xml_next(&rest, "P", &one) && !xml_number(one, "N", 10, &number));
	CHECK(!xml_next(&rest, "P", &one));
}

/* Every beginning of an answer, and every answer with one byte changed, is read without a step beyond its end. */
static void test_cut(void)
{
	static const char whole[] = "<R><Contents><Key>a&amp;b</Key><Size>12</Size></Contents><Contents/></R>";

	for (size_t size = 0; size < sizeof whole; size++) {
		for (int change = 0; change < 3; change++) {
			char *text = ncm_malloc(size + 1);
			struct xml_part rest = {text, text + size}, one;

			memcpy(text, whole, size);
			text[size] = '\0';
			if (size > 0 && change > 0)
				text[size / 2] = change == 1 ? '<' : '&';
			while (xml_next(&rest, "Contents", &one)) {
				NCM_AUTO_FREE char *key = xml_text(one, "Key");

				CHECK(one.at >= text && one.end <= text + size && (!key || strlen(key) <= size));
			}
			free(text);
		}
	}
}

static void test_parts(void)
{
	static const unsigned numbers[] = {3, 1, 2, 3, 10, 1};
	struct cache_parts parts = {0};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		cache_parts_set(&parts, numbers[i], i, ncm_asprintf("e%zu", i));
	CHECK(parts.count == 4);
	for (size_t i = 1; i < parts.count; i++)
		CHECK(parts.items[i - 1].number < parts.items[i].number);
	CHECK_STR(cache_parts_find(&parts, 3)->etag, "e3");
	CHECK(cache_parts_find(&parts, 1)->size == 5);
	CHECK(!cache_parts_find(&parts, 4));
	cache_parts_clear(&parts);
}

int main(void)
{
	RUN(test_texts);
	RUN(test_lists);
	RUN(test_cut);
	RUN(test_parts);
	return 0;
}

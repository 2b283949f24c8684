/* SPDX-License-Identifier: MIT */
/* How models in registries are spelled. What comes from a registry, tests/integration/test_oci.py asks of a real one.
 */
#include "base/mem.h"
#include "check.h"
#include "source/source.h"

#define HEX "f6c4a5e1d2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d"

static void test_good(void)
{
	static const char *const spellings[][2] = {
	    {"docker:ai/smollm2", "oci:docker.io/ai/smollm2:latest"},
	    {"docker:smollm2:1b", "oci:docker.io/library/smollm2:1b"},
	    {"docker://index.docker.io/ai/smollm2", "oci:docker.io/ai/smollm2:latest"},
	    {"oci://GHCR.io/org/sub/model:v1", "oci:ghcr.io/org/sub/model:v1"},
	    {"oci:localhost/x", "oci:localhost/x:latest"},
	    {"oci:localhost:5000/x:y", "oci:localhost:5000/x:y"},
	    {"oci:[::1]:5000/x", "oci:[::1]:5000/x:latest"},
	    {"oci:a.example/x@sha256:" HEX, "oci:a.example/x@sha256:" HEX},
	    {"oci:a.example/x:1@sha256:" HEX "//a/b.gguf", "oci:a.example/x:1@sha256:" HEX "//a/b.gguf"},
	    {"oci:a.example/x//a/", "oci:a.example/x:latest//a/*"},
	    {"oci:a.example/x?exclude=b&include=*.gguf", "oci:a.example/x:latest?include=*.gguf&exclude=b"},
	    {"oci:a.example/a__b/c-.d", NULL},
	    {"https://hub.docker.com/r/ai/smollm2/tags?page=1", "oci:docker.io/ai/smollm2:latest"},
	    {"https://hub.docker.com/_/smollm2", "oci:docker.io/library/smollm2:latest"},
	    {"https://hub.docker.com/search", "https://hub.docker.com/search"},
	};

	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
		NCM_AUTO_FREE char *canonical = NULL;

		CHECK((ncm_source_check(spellings[i][0], false, &canonical, NULL) == 0) == (spellings[i][1] != NULL));
		if (spellings[i][1])
			CHECK_STR(canonical, spellings[i][1]);
	}
}

static void test_hostile(void)
{
	static const char *const bad[] = {
	    "oci:",
	    "docker:",
	    "oci:/",
	    "oci:///",
	    "oci:a.example/",
	    "oci:a.example/X",
	    "oci:a.example/../x",
	    "oci:a.example/x/",
	    "oci:a.example/x:",
	    "oci:a.example/x:-a",
	    "oci:a.example/x@sha256:12",
	    "oci:a.example/x@" HEX,
	    "oci:a.example:0/x",
	    "oci:a.example:65536/x",
	    "oci:a..b/x",
	    "oci:-a.b/x",
	    "oci:user:secret@a.example/x",
	    "oci:a.example/x//",
	    "oci:a.example/x///etc/passwd",
	    "oci:a.example/x?token=secret",
	    "oci:a.example/x y",
	    "oci:a.example/x#sha256=" HEX,
	    "oci:[::1/x",
	    "https://hub.docker.com/r/",
	    "oci:a.example/x:a:b",
	    "oci:a.example/a...b",
	    "oci:a.example/a___b",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ncm_error err = NCM_ERROR_INIT;

		if (ncm_source_check(bad[i], true, NULL, &err) == 0)
			fprintf(stderr, "taken: %s\n", bad[i]);
		CHECK(err.code == NCM_E_USAGE);
		ncm_error_clear(&err);
	}
}

static void check_key(const char *uri, const char *key, const char *newest)
{
	NCM_AUTO_FREE char *own = ncm_source_key(uri), *moving = ncm_source_newest(uri);

	CHECK_STR(own, key);
	CHECK_STR(moving, newest);
}

static void test_keys(void)
{
	check_key("oci:a.example/x:1@sha256:" HEX, "oci:a.example/x:1", "oci:a.example/x:1");
	check_key("oci:a.example/x:1@sha256:" HEX "//f.gguf", "oci:a.example/x:1//f.gguf", "oci:a.example/x:1//f.gguf");
	check_key("oci:a.example/x?include=a", "oci:a.example/x:latest", "oci:a.example/x:latest?include=a");
	/* Without a tag nothing moves. */
	check_key("oci:a.example/x@sha256:" HEX, "oci:a.example/x@sha256:" HEX, "oci:a.example/x@sha256:" HEX);
	CHECK(ncm_source_holds("oci:a.example/x", "oci:a.example/x@sha256:" HEX) == false);
	CHECK(ncm_source_holds("oci:a.example/x:1", "oci:a.example/x:1@sha256:" HEX "//a.gguf"));
	CHECK(ncm_source_holds("oci:a.example/x:1//*.gguf", "oci:a.example/x:1//a.gguf"));
	CHECK(!ncm_source_holds("oci:a.example/x:1//*.gguf", "oci:a.example/x:2//a.gguf"));
	CHECK(!ncm_source_holds("oci:a.example/x:1?exclude=*.gguf", "oci:a.example/x:1//a.gguf"));
}

int main(void)
{
	RUN(test_good);
	RUN(test_hostile);
	RUN(test_keys);
	return 0;
}

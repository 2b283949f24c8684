/* SPDX-License-Identifier: MIT */
/* Names in the cache of huggingface_hub. */
#include "check.h"

#include "base/mem.h"
#include "store/hub.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static void check_snapshot(const char *repository, const char *path, const char *expected)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *made = hub_snapshot_path(repository, COMMIT, path, &err);

	if (expected) {
		CHECK_STR(made, expected);
		CHECK(hub_is_snapshot_path(made));
	} else {
		CHECK(!made && err.code == NCM_E_POLICY);
	}
	ncm_error_clear(&err);
}

static void a_file_has_the_name_that_its_repository_gives_it(void)
{
	check_snapshot("org/name", "config.json", "models--org--name/snapshots/" COMMIT "/config.json");
	check_snapshot("gpt2", "a/b.txt", "models--gpt2/snapshots/" COMMIT "/a/b.txt");
	check_snapshot("o/n", ".gitattributes", "models--o--n/snapshots/" COMMIT "/.gitattributes");
	check_snapshot("a--b/c", "x", NULL);
	check_snapshot("a/b/c", "x", NULL);
	check_snapshot("/b", "x", NULL);
	check_snapshot("a/", "x", NULL);
	check_snapshot("", "x", NULL);
	check_snapshot("a/b", "../x", NULL);
	check_snapshot("a/b", "/x", NULL);
	check_snapshot("a/b", "c/../../x", NULL);
	CHECK(!hub_snapshot_path("a/b", "main", "x", NULL));
	CHECK(!hub_snapshot_path("a/b", COMMIT "0", "x", NULL));
}

static void other_paths_are_no_names(void)
{
	static const char *const others[] = {"models--a--b/blobs/" COMMIT,
					     "models--a--b/snapshots/" COMMIT,
					     "models--a--b/snapshots/" COMMIT "/",
					     "models--a--b/snapshots/main/x",
					     "datasets--a--b/snapshots/" COMMIT "/x",
					     "x/snapshots/" COMMIT "/x"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		CHECK(!hub_is_snapshot_path(others[i]));
}

/* The text leads back to where it was made for, from any depth. */
static void links_lead_where_they_say(void)
{
	static const char *const paths[] = {"x", "a/x", "a/b/c/d/x"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		NCM_AUTO_FREE char *from = hub_snapshot_path("o/n", COMMIT, paths[i], NULL);
		NCM_AUTO_FREE char *blob = hub_blob_path(from, COMMIT);
		NCM_AUTO_FREE char *text = hub_link_text(from, blob);
		NCM_AUTO_FREE char *target = hub_link_target(from, text);

		CHECK_STR(blob, "models--o--n/blobs/" COMMIT);
		CHECK_STR(target, blob);
		if (i == 0)
			CHECK_STR(text, "../../blobs/" COMMIT);
	}
}

static void links_out_of_the_cache_lead_nowhere(void)
{
	static const char *const texts[] = {"/etc/passwd", "../../../../x", "../../.."};

	for (size_t i = 0; i < 3; i++)
		CHECK(!hub_link_target("models--o--n/snapshots/" COMMIT "/x", texts[i]));
}

static void references_may_have_folders(void)
{
	NCM_AUTO_FREE char *plain = hub_ref_path("models--o--n/snapshots/" COMMIT "/x", "main", NULL);
	NCM_AUTO_FREE char *deep = hub_ref_path("models--o--n/snapshots/" COMMIT "/x", "refs/pr/1", NULL);

	CHECK_STR(plain, "models--o--n/refs/main");
	CHECK_STR(deep, "models--o--n/refs/refs/pr/1");
	CHECK(!hub_ref_path("models--o--n/snapshots/" COMMIT "/x", "../../x", NULL));
}

static void a_commit_has_its_list_beside_its_snapshot(void)
{
	NCM_AUTO_FREE char *made = hub_tree_path("models--o--n/snapshots/" COMMIT "/a/snapshots/x");

	CHECK_STR(made, "models--o--n/trees/" COMMIT ".json");
}

int main(void)
{
	RUN(a_file_has_the_name_that_its_repository_gives_it);
	RUN(other_paths_are_no_names);
	RUN(links_lead_where_they_say);
	RUN(links_out_of_the_cache_lead_nowhere);
	RUN(references_may_have_folders);
	RUN(a_commit_has_its_list_beside_its_snapshot);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The names in a staging folder: what is made is understood, and nothing else. */
#include "check.h"
#include "digest/hash.h"
#include "store/staging.h"
#include "store/store.h"
#include "temp.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static enum staging_kind kind_of_owned(char *name)
{
	const enum staging_kind kind = staging_kind_of(name);

	free(name);
	return kind;
}

static void what_is_made_is_understood(void)
{
	struct ncm_sha256 digest;
	NCM_AUTO_FREE char *partial = NULL;
	NCM_AUTO_FREE char *journal = NULL;
	NCM_AUTO_FREE char *of = NULL;

	CHECK(ncm_sha256_parse(HEX, &digest) == 0);
	partial = staging_partial_name(&digest, NULL, NULL, NULL);
	CHECK_STR(partial, HEX ".part");
	CHECK(staging_kind_of(partial) == STAGING_PARTIAL);
	journal = ncm_asprintf("%s.journal", partial);
	CHECK(staging_kind_of(journal) == STAGING_JOURNAL);
	of = staging_partial_of(journal);
	CHECK_STR(of, partial);
	CHECK(kind_of_owned(staging_unpacked_name(partial)) == STAGING_UNPACKED);
	CHECK(kind_of_owned(staging_repair_name(&digest)) == STAGING_REPAIR);
	CHECK(kind_of_owned(staging_partial_name(NULL, "https://h.example/x", NULL, NULL)) == STAGING_PARTIAL);
	CHECK(kind_of_owned(staging_commit_name()) == STAGING_COMMIT);
	CHECK(kind_of_owned(ncm_store_intent_name("a/b")) == STAGING_INTENT);
	CHECK(staging_kind_of(".placing-00.0123456789abcdef.tmp") == STAGING_TEMPORARY);
	CHECK(staging_kind_of(HEX ".repair.part.journal") == STAGING_JOURNAL);
	CHECK(staging_kind_of(HEX ".part.journal.new") == STAGING_TEMPORARY);
	CHECK(staging_kind_of(HEX ".part.dir.old") == STAGING_UNPACKED);
}

static void what_nobody_makes_is_not_ours(void)
{
	static const char *const names[] = {"x.part",
					    HEX,
					    HEX "a.part",
					    "url-0123.part",
					    "commit-0123",
					    "placing-",
					    "commit-0123456789abcdeg",
					    "model.safetensors",
					    ".tmp",
					    ".0123456789abcdef.tmp",
					    "my.part.dir"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		CHECK(staging_kind_of(names[i]) == STAGING_UNKNOWN);
}

static void partials_of_one_source_are_known_by_it(void)
{
	NCM_AUTO_FREE char *one = staging_partial_name(NULL, "hf:o/r", "c1", "a.json");
	NCM_AUTO_FREE char *two = staging_partial_name(NULL, "hf:o/r", "c1", "b.json");
	NCM_AUTO_FREE char *newer = staging_partial_name(NULL, "hf:o/r", "c2", "a.json");
	NCM_AUTO_FREE char *content = staging_content_of(one);
	NCM_AUTO_FREE char *source = staging_content_of_source("hf:o/r");
	NCM_AUTO_FREE char *other = staging_content_of_source("hf:o/s");

	CHECK(strcmp(one, two) != 0 && strcmp(one, newer) != 0);
	CHECK_STR(content, source);
	CHECK(strcmp(content, other) != 0);
}

static void commits_are_forgotten_and_nothing_else(void)
{
	char *folder = temp_folder();
	NCM_AUTO_CLOSE int fd = ncm_dir_open(folder, false, NULL);

	temp_write(folder, "commit-0123456789abcdef", "x");
	temp_write(folder, "commit-mine", "x");
	temp_write(folder, HEX ".part", "x");
	CHECK(staging_forget_commits(fd) == 0);
	CHECK(faccessat(fd, "commit-0123456789abcdef", F_OK, 0) < 0);
	CHECK(faccessat(fd, "commit-mine", F_OK, 0) == 0 && faccessat(fd, HEX ".part", F_OK, 0) == 0);
	temp_remove(folder);
}

static void names_beside_are_understood(void)
{
	NCM_AUTO_FREE char *hidden = staging_hidden_name();
	NCM_AUTO_FREE char *removing = staging_note_name(NOTE_REMOVING);
	NCM_AUTO_FREE char *moving = staging_note_name(NOTE_MOVING);
	NCM_AUTO_FREE char *folder = staging_notes_folder("/a/b/models.json");
	NCM_AUTO_FREE char *unpacked = staging_unpacked_name(HEX ".part");
	NCM_AUTO_FREE char *old = staging_unpacked_old(unpacked);
	NCM_AUTO_FREE char *journal = staging_journal_name(HEX ".part");

	CHECK(staging_is_hidden(hidden) && !staging_is_hidden(".ncmodel-0123.tmp") && !staging_is_hidden(".ncmodel"));
	CHECK(staging_is_note(removing, NOTE_REMOVING) && !staging_is_note(removing, NOTE_MOVING));
	CHECK(staging_is_note(moving, NOTE_MOVING) && !staging_is_note(moving, NOTE_REMOVING));
	CHECK(staging_is_written(".models.json.0123456789abcdef.tmp", "models.json"));
	CHECK(!staging_is_written(".models.json.0123456789abcdef.tmp", "other"));
	CHECK(!staging_is_written(".models.json.tmp", "models.json"));
	CHECK_STR(folder, "/a/b/.ncmodel");
	CHECK(staging_kind_of(unpacked) == STAGING_UNPACKED && staging_kind_of(old) == STAGING_UNPACKED);
	CHECK(staging_kind_of(journal) == STAGING_JOURNAL);
}

static void own_folders_are_known(void)
{
	const struct ncm_store plain = {.kind = &ncm_kind_folders}, cache = {.kind = &ncm_kind_huggingface};
	NCM_AUTO_FREE char *one = store_own_path(&plain, OWN_STAGING);
	NCM_AUTO_FREE char *other = store_own_path(&cache, OWN_STAGING);

	CHECK_STR(one, ".ncmodel/staging");
	CHECK_STR(other, ".locks/.ncmodel/staging");
	CHECK(store_is_own(one) && store_is_own(other) && store_is_own("/a/.ncmodel/x"));
	CHECK(!store_is_own("a/.ncmodel") && !store_is_own("a.ncmodel/x") && !store_is_own(".ncmodels/x"));
	CHECK(store_is_staging("/a/.ncmodel/staging") && !store_is_staging("/a/staging"));
}

int main(void)
{
	RUN(what_is_made_is_understood);
	RUN(what_nobody_makes_is_not_ours);
	RUN(partials_of_one_source_are_known_by_it);
	RUN(commits_are_forgotten_and_nothing_else);
	RUN(names_beside_are_understood);
	RUN(own_folders_are_known);
	return 0;
}

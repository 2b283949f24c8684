/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "check.h"
#include "drift/drift.h"
#include "manifest/lock.h"
#include "temp.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { ROOM = 8 };

/* A side of hand-made files; `digest` 0 means that none is known. */
static struct side_file file(const char *name, const char *kind, uint64_t size, uint8_t digest)
{
	struct side_file made = {.name = name, .kind = kind, .size = size, .has_sha256 = digest != 0};

	made.sha256.bytes[0] = digest;
	return made;
}

static struct side_file git_file(const char *name, uint64_t size, uint8_t digest)
{
	struct side_file made = {.name = name, .size = size, .has_git_sha1 = true};

	made.git_sha1.bytes[0] = digest;
	return made;
}

/* What differs, as "name:before>after" words with a space between, by the first bytes of the digests. */
static const char *differences(const struct side_file *before, size_t before_count, const struct side_file *after,
			       size_t after_count, bool one_revision)
{
	static char text[512];
	struct side_file old[ROOM], new[ROOM];
	struct ncm_drift drift = {0};
	struct ncm_drift_entry *entry = drift_add(&drift, "m", "u");
	struct side left = {old, before_count}, right = {new, after_count};

	CHECK(before_count <= ROOM && after_count <= ROOM);
	for (size_t i = 0; i < before_count; i++)
		old[i] = before[i];
	for (size_t i = 0; i < after_count; i++)
		new[i] = after[i];
	sides_compare(&left, &right, one_revision, entry);
	*text = '\0';
	for (size_t i = 0; i < entry->file_count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s:%u>%u", i > 0 ? " " : "",
			 entry->files[i].name, entry->files[i].before.bytes[0], entry->files[i].after.bytes[0]);
	for (size_t i = 0; i < entry->file_count; i++)
		free(entry->files[i].name);
	free(entry->files);
	free(entry->model);
	free(entry->uri);
	free(drift.entries);
	return text;
}

static void files_are_compared_by_name_and_digest(void)
{
	const struct side_file before[] = {file("c", NULL, 3, 3), file("a", NULL, 1, 1), file("b", NULL, 2, 2)};
	const struct side_file after[] = {file("a", NULL, 1, 1), file("d", NULL, 4, 4), file("b", NULL, 2, 9)};

	CHECK_STR(differences(before, 3, before, 3, false), "");
	CHECK_STR(differences(before, 3, after, 3, false), "b:2>9 d:0>4 c:3>0");
	CHECK_STR(differences(NULL, 0, after, 1, false), "a:0>1");
	CHECK_STR(differences(after, 1, NULL, 0, false), "a:1>0");
}

static void one_file_may_change_its_name(void)
{
	const struct side_file before = file("download", NULL, 3, 3), after = file("model.gguf", NULL, 3, 3);
	const struct side_file two[] = {after, file("x", NULL, 1, 1)};

	CHECK_STR(differences(&before, 1, &after, 1, false), "");
	CHECK_STR(differences(&before, 1, two, 2, false), "model.gguf:0>3 x:0>1 download:3>0");
}

static void layers_are_paired_by_kind(void)
{
	const struct side_file before[] = {file("model-11", "model", 10, 1), file("license-22", "license", 2, 2),
					   file("license-33", "license", 3, 3), file("system-44", "system", 4, 4)};
	const struct side_file after[] = {file("license-22", "license", 2, 2), file("license-55", "license", 5, 5),
					  file("model-66", "model", 12, 6), file("params-77", "params", 7, 7)};

	CHECK_STR(differences(before, 4, after, 4, false), "license:3>5 model:1>6 params:0>7 system:4>0");
}

static void what_has_no_digest_is_compared_as_far_as_it_goes(void)
{
	const struct side_file known = file("a", NULL, 5, 1), longer = file("a", NULL, 6, 0);
	const struct side_file same_size = file("a", NULL, 5, 0), nothing = file("a", NULL, 0, 0);
	struct side_file rough = longer;

	rough.size_is_rough = true;
	CHECK_STR(differences(&known, 1, &same_size, 1, false), "");
	CHECK_STR(differences(&known, 1, &nothing, 1, false), "");
	CHECK_STR(differences(&known, 1, &rough, 1, false), "");
	CHECK_STR(differences(&known, 1, &longer, 1, true), "a:1>0");
}

static void gits_digest_says_nothing_of_a_sha256_but_at_one_commit(void)
{
	const struct side_file sha256 = file("a", NULL, 5, 1), git = git_file("a", 5, 1), other = git_file("a", 5, 2);

	CHECK_STR(differences(&sha256, 1, &git, 1, true), "");
	CHECK_STR(differences(&sha256, 1, &git, 1, false), "a:1>0");
	CHECK_STR(differences(&git, 1, &git, 1, false), "");
	CHECK_STR(differences(&git, 1, &other, 1, false), "a:0>0");
}

static void a_hostile_number_of_layers_is_not_compared_each_with_each(void)
{
	enum { MANY = 100000 };
	struct side before = {ncm_calloc(MANY, sizeof *before.files), MANY};
	struct side after = {ncm_calloc(MANY, sizeof *after.files), MANY};
	char(*names)[2][16] = ncm_calloc(MANY, sizeof *names);
	struct ncm_drift *drift = ncm_calloc(1, sizeof *drift);
	struct ncm_drift_entry *entry = drift_add(drift, "m", "u");

	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i][0], sizeof names[i][0], "model-b%zu", i);
		snprintf(names[i][1], sizeof names[i][1], "model-a%zu", i);
		before.files[i] = file(names[i][0], "model", 1, 1);
		after.files[i] = file(names[i][1], "model", 1, 2);
	}
	sides_compare(&before, &after, false, entry);
	CHECK_U64(entry->file_count, 2 * MANY);
	CHECK_U64(entry->size_before, MANY);
	side_clear(&before);
	side_clear(&after);
	free(names);
	ncm_drift_free(drift);
}

static void states_are_counted_and_named(void)
{
	static const char *const names[] = {"same",  "new",     "moved",   "gone",   "unpinned",
					    "extra", "changed", "missing", "pinned", "unknown"};
	struct ncm_drift *drift = ncm_calloc(1, sizeof *drift);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		drift_add(drift, NULL, "u")->state = (enum ncm_drift_state)i;
		CHECK_STR(ncm_drift_state_name((enum ncm_drift_state)i), names[i]);
	}
	drift_count(drift, true);
	CHECK(drift->same == 2 && drift->differing == 7 && drift->unknown == 1);
	drift_count(drift, false);
	CHECK(drift->same == 2 && drift->differing == 6 && drift->unknown == 1);
	ncm_drift_free(drift);
	ncm_drift_free(NULL);
}

static void what_fails_is_gone_or_unknown(void)
{
	struct ncm_drift *drift = ncm_calloc(1, sizeof *drift);
	struct ncm_drift_entry *entry = drift_add(drift, "m", "u");
	struct ncm_error why = NCM_ERROR_INIT;

	ncm_error_set(&why, NCM_E_NOT_FOUND, "no such thing");
	drift_fail(entry, &why);
	CHECK(entry->state == NCM_DRIFT_GONE && entry->error.code == NCM_E_NOT_FOUND && why.code == NCM_OK);
	CHECK_STR(entry->detail, "no such thing");
	ncm_error_set(&why, NCM_E_NETWORK, "no way");
	drift_fail(entry, &why);
	CHECK(entry->state == NCM_DRIFT_UNKNOWN);
	CHECK_STR(entry->detail, "no way");
	ncm_drift_free(drift);
}

static void check_newest(const char *uri, const char *expected)
{
	NCM_AUTO_FREE char *newest = ncm_source_newest(uri);

	if (expected)
		CHECK_STR(newest, expected);
	else
		CHECK(!newest);
}

static void pins_are_cut_off_a_spelling(void)
{
	check_newest("ollama:tiny", "ollama:tiny:latest");
	check_newest("ollama:a.example/b/c:d@sha256:" DIGEST, "ollama:a.example/b/c:d");
	check_newest("hf:o/r/f.gguf@" COMMIT "#sha256=" DIGEST, "hf:o/r/f.gguf");
	check_newest("hf:o/r/f.gguf@v1.0", "hf:o/r/f.gguf@v1.0");
	check_newest("https://huggingface.co/o/r/resolve/" COMMIT "/f.gguf", "hf:o/r/f.gguf");
	check_newest("civitai:4384@128713?fileId=7&format=GGUF", "civitai:4384@latest?format=GGUF");
	check_newest("civitai:128713", NULL);
	check_newest("https://E.org/x#sha256=" DIGEST, "https://e.org/x");
	check_newest("no source", NULL);
}

static void a_blob_lies_beside_the_others_of_its_repository(void)
{
	struct ncm_artifact artifact = {.url = (char *)"https://r.example/v2/library/tiny/blobs/sha256:00"};
	struct ncm_resolution found = {.artifacts = &artifact, .count = 1};
	struct ncm_sha256 digest;
	NCM_AUTO_FREE char *url = NULL;

	CHECK(ncm_sha256_parse(DIGEST, &digest) == 0);
	CHECK(!ncm_source_blob_url(&found, &digest));
	found.ollama_name = (char *)"r.example/library/tiny/1b";
	url = ncm_source_blob_url(&found, &digest);
	CHECK_STR(url, "https://r.example/v2/library/tiny/blobs/sha256:" DIGEST);
	found.count = 0;
	CHECK(!ncm_source_blob_url(&found, &digest));
}

static void what_was_dropped_leaves_the_lock_file(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	NCM_AUTO_FREE char *text = NULL;
	const char *dropped[] = {"hf:o/r/b", "hf:o/r/never"};
	struct ncm_lock *lock;

	temp_write(folder, "ncmodel.lock",
		   "{\"schema_version\": 1, \"entries\": {"
		   "\"hf:o/r/a\": {\"trust\": \"manifest\", \"files\": [{\"path\": \"a\"}]},"
		   "\"hf:o/r/b\": {\"trust\": \"manifest\", \"files\": [{\"path\": \"b\"}]},"
		   "\"hf:o/r/c\": {\"trust\": \"manifest\", \"files\": [{\"path\": \"c\"}], \"note\": \"keep\"}}}");
	lock = ncm_lock_load(path, NULL);
	CHECK(lock);
	ncm_lock_drop(lock, dropped[0]);
	ncm_lock_drop(lock, dropped[1]);
	CHECK_U64(lock->count, 2);
	CHECK(ncm_lock_find(lock, "hf:o/r/a") && ncm_lock_find(lock, "hf:o/r/c") && !ncm_lock_find(lock, dropped[0]));
	CHECK(ncm_lock_save(lock, dropped, 2, NULL) == 0);
	ncm_lock_free(lock);
	text = temp_read(folder, "ncmodel.lock");
	CHECK(strstr(text, "hf:o/r/a") && strstr(text, "\"note\": \"keep\"") && !strstr(text, "hf:o/r/b"));
	temp_remove(folder);
}

int main(void)
{
	RUN(files_are_compared_by_name_and_digest);
	RUN(one_file_may_change_its_name);
	RUN(layers_are_paired_by_kind);
	RUN(what_has_no_digest_is_compared_as_far_as_it_goes);
	RUN(gits_digest_says_nothing_of_a_sha256_but_at_one_commit);
	RUN(a_hostile_number_of_layers_is_not_compared_each_with_each);
	RUN(states_are_counted_and_named);
	RUN(what_fails_is_gone_or_unknown);
	RUN(pins_are_cut_off_a_spelling);
	RUN(a_blob_lies_beside_the_others_of_its_repository);
	RUN(what_was_dropped_leaves_the_lock_file);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "check.h"
#include "manifest/lock.h"
#include "temp.h"

#include <sys/wait.h>

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct ncm_lock_entry entry(const char *uri, struct ncm_lock_file *file)
{
	file->path = (char *)"a.gguf";
	file->role = (char *)"weights";
	file->has_size = true;
	file->size = 12;
	file->has_sha256 = ncm_sha256_parse(DIGEST, &file->sha256) == 0;
	return (struct ncm_lock_entry){.uri = (char *)uri,
				       .pinned = (char *)"hf:o/r/a.gguf@0123",
				       .revision = (char *)"0123",
				       .trust = (char *)"upstream",
				       .resolved_at = (char *)"2026-11-21T06:30:00Z",
				       .files = file,
				       .file_count = 1};
}

static int save(const char *path, const char *uri, const char *url)
{
	struct ncm_lock *lock = ncm_lock_load(path, NULL);
	struct ncm_lock_file file = {.url = (char *)url};
	const struct ncm_lock_entry made = entry(uri, &file);
	int failed;

	if (!lock)
		return -1;
	ncm_lock_put(lock, &made);
	failed = ncm_lock_save(lock, &uri, 1, NULL);
	ncm_lock_free(lock);
	return failed;
}

static void what_is_saved_is_loaded(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "below/ncmodel.lock");
	struct ncm_lock *lock;
	const struct ncm_lock_entry *found;

	CHECK(save(path, "hf:o/r/b.gguf", "https://e.org/a.gguf") == 0);
	CHECK(save(path, "hf:o/r/a.gguf", NULL) == 0);
	lock = ncm_lock_load(path, NULL);
	CHECK_U64(lock->count, 2);
	CHECK(!ncm_lock_find(lock, "hf:o/r/c.gguf"));
	found = ncm_lock_find(lock, "hf:o/r/b.gguf");
	CHECK(found);
	CHECK_STR(found->pinned, "hf:o/r/a.gguf@0123");
	CHECK_STR(found->revision, "0123");
	CHECK_STR(found->trust, "upstream");
	CHECK(!found->ollama_name);
	CHECK_STR(found->files[0].path, "a.gguf");
	CHECK_STR(found->files[0].role, "weights");
	CHECK_STR(found->files[0].url, "https://e.org/a.gguf");
	CHECK_U64(found->files[0].size, 12);
	CHECK(found->files[0].has_sha256 && found->files[0].sha256.bytes[31] == 0xaa);
	CHECK(!ncm_lock_find(lock, "hf:o/r/a.gguf")->files[0].url);
	ncm_lock_free(lock);
	temp_remove(folder);
}

static struct ncm_lock *lock_of(const char *uri)
{
	struct ncm_lock *lock = ncm_lock_load("/nonexistent/ncmodel.lock", NULL);
	struct ncm_lock_file file = {0};
	const struct ncm_lock_entry made = entry(uri, &file);

	ncm_lock_put(lock, &made);
	return lock;
}

static bool note(struct ncm_lock *lock, const char *uri, const char *place)
{
	struct ncm_sha256 digest;

	CHECK(ncm_sha256_parse(DIGEST, &digest) == 0);
	return ncm_lock_note_place(lock, uri, &digest, place);
}

static void places_are_noted_once_and_sorted(void)
{
	struct ncm_lock *lock = lock_of("hf:o/r/a.gguf");
	const struct ncm_strings *places = &ncm_lock_find(lock, "hf:o/r/a.gguf")->files[0].places;
	const struct ncm_sha256 other = {{0}};

	CHECK(note(lock, "hf:o/r/a.gguf", "https://b.example/a.gguf"));
	CHECK(note(lock, "hf:o/r/a.gguf", "civitai:1@2"));
	CHECK(!note(lock, "hf:o/r/a.gguf", "https://b.example/a.gguf"));
	CHECK(!note(lock, "hf:o/r/other.gguf", "https://c.example/a.gguf"));
	CHECK(!ncm_lock_note_place(lock, "hf:o/r/a.gguf", &other, "https://c.example/a.gguf"));
	CHECK_U64(places->count, 2);
	CHECK_STR(places->items[0], "civitai:1@2");
	CHECK_STR(places->items[1], "https://b.example/a.gguf");
	ncm_lock_free(lock);
}

static void what_the_entry_names_is_no_news(void)
{
	struct ncm_lock *lock = lock_of("hf:o/r/a.gguf");
	static const char *const known[] = {"hf:o/r/a.gguf", "hf:o/r/a.gguf@0123",
					    "hf:o/r/a.gguf@0123456789012345678901234567890123456789"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		CHECK(!note(lock, "hf:o/r/a.gguf", known[i]));
	CHECK(note(lock, "hf:o/r/a.gguf", "hf:o/r/b.gguf@0123456789012345678901234567890123456789"));
	/* At another revision it is the same place. */
	CHECK(note(lock, "hf:o/r/a.gguf", "hf:o/r/b.gguf@9876543210987654321098765432109876543210"));
	CHECK_U64(ncm_lock_find(lock, "hf:o/r/a.gguf")->files[0].places.count, 1);
	ncm_lock_free(lock);
}

static void no_place_has_a_secret(void)
{
	char *folder = temp_folder();
	struct ncm_lock *lock = lock_of("hf:o/r/a.gguf");
	static const char *const secret[] = {"https://user:pass@e.org/a", "https://e.org/a?X-Amz-Signature=5ecreT",
					     "https://e.org/a#signed", "https://e.org/a?token=5ecreT", "no source"};
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	NCM_AUTO_FREE char *text = NULL;

	for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
		CHECK(!note(lock, "hf:o/r/a.gguf", secret[i]));
	ncm_lock_free(lock);
	/* What somebody wrote there. */
	temp_write(
	    folder, "ncmodel.lock",
	    "{\"schema_version\": 1, \"entries\": {\"hf:o/r/x\": {\"trust\": \"upstream\", \"files\": [{\"path\": "
	    "\"x\", \"sha256\": \"" DIGEST "\", \"places\": [\"https://e.org/x?token=5ecreT\", \"https://e.org/b\", "
	    "\"https://e.org/a\", \"https://e.org/b\"]}]}}}");
	lock = ncm_lock_load(path, NULL);
	CHECK_U64(ncm_lock_find(lock, "hf:o/r/x")->files[0].places.count, 2);
	ncm_lock_free(lock);
	CHECK(save(path, "hf:o/r/a.gguf", NULL) == 0);
	text = temp_read(folder, "ncmodel.lock");
	CHECK(!strstr(text, "5ecreT") && strstr(text, "https://e.org/b"));
	temp_remove(folder);
}

static void places_are_few(void)
{
	struct ncm_lock *lock = lock_of("hf:o/r/a.gguf");

	for (size_t i = 0; i < NCM_LOCK_PLACES_MOST + 4; i++) {
		NCM_AUTO_FREE char *place = ncm_asprintf("https://e.org/%02zu", i);

		CHECK(note(lock, "hf:o/r/a.gguf", place) == (i < NCM_LOCK_PLACES_MOST));
	}
	CHECK_U64(ncm_lock_find(lock, "hf:o/r/a.gguf")->files[0].places.count, NCM_LOCK_PLACES_MOST);
	ncm_lock_free(lock);
}

/* The same bytes from elsewhere: what was known stays known; other bytes: nothing does. */
static void places_outlive_their_entry(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	struct ncm_lock *lock = lock_of("hf:o/r/a.gguf");
	struct ncm_lock_file file = {0};
	struct ncm_lock_entry made = entry("hf:o/r/a.gguf", &file);
	const char *uri = made.uri;
	const struct ncm_strings *places;
	NCM_AUTO_FREE char *once = NULL, *twice = NULL;

	free(lock->path);
	lock->path = ncm_strdup(path);
	CHECK(note(lock, uri, "https://e.org/a"));
	made.pinned = (char *)"civitai:1@2";
	made.revision = (char *)"2";
	ncm_lock_put(lock, &made);
	places = &ncm_lock_find(lock, uri)->files[0].places;
	CHECK_U64(places->count, 1); /* the other one is the entry's own */
	made.uri = (char *)"https://f.org/b";
	ncm_lock_put(lock, &made);
	made.pinned = (char *)"https://f.org/b";
	made.revision = NULL;
	ncm_lock_put(lock, &made);
	places = &ncm_lock_find(lock, made.uri)->files[0].places;
	CHECK_U64(places->count, 1);
	CHECK_STR(places->items[0], "civitai:1@2");
	CHECK(ncm_lock_save(lock, &uri, 1, NULL) == 0);
	once = temp_read(folder, "ncmodel.lock");
	CHECK(strstr(once, "\"places\": [\n            \"https://e.org/a\""));
	CHECK(ncm_lock_save(lock, &uri, 1, NULL) == 0);
	twice = temp_read(folder, "ncmodel.lock");
	CHECK_STR(once, twice);
	file.sha256.bytes[0] ^= 1;
	made.uri = (char *)uri;
	ncm_lock_put(lock, &made);
	CHECK_U64(ncm_lock_find(lock, uri)->files[0].places.count, 0);
	CHECK(ncm_lock_save(lock, &uri, 1, NULL) == 0);
	free(once);
	once = temp_read(folder, "ncmodel.lock");
	CHECK(!strstr(once, "places"));
	ncm_lock_free(lock);
	temp_remove(folder);
}

static void all_entries_know_places(void)
{
	struct ncm_lock *lock = lock_of("hf:o/r/a.gguf");
	struct ncm_lock_file file = {0};
	struct ncm_lock_entry made = entry("https://e.org/a", &file);
	struct ncm_strings places = {0};

	made.pinned = made.uri;
	ncm_lock_put(lock, &made);
	CHECK(note(lock, "https://e.org/a", "civitai:1@2"));
	ncm_lock_places(lock, &file.sha256, &places);
	CHECK_U64(places.count, 3);
	CHECK_STR(places.items[0], "civitai:1@2");
	CHECK_STR(places.items[1], "hf:o/r/a.gguf@0123");
	CHECK_STR(places.items[2], "https://e.org/a");
	ncm_strings_free(&places);
	ncm_lock_free(lock);
}

static void no_file_is_an_empty_lock(void)
{
	struct ncm_lock *lock = ncm_lock_load("/nonexistent/ncmodel.lock", NULL);

	CHECK(lock && lock->count == 0);
	CHECK(!ncm_lock_find(lock, "hf:o/r/a"));
	ncm_lock_free(lock);
}

static void put_replaces(void)
{
	struct ncm_lock *lock = ncm_lock_load("/nonexistent/ncmodel.lock", NULL);
	struct ncm_lock_file file = {0};
	struct ncm_lock_entry made = entry("b", &file);

	ncm_lock_put(lock, &made);
	made.uri = (char *)"a";
	ncm_lock_put(lock, &made);
	made.uri = (char *)"b";
	made.revision = (char *)"4567";
	ncm_lock_put(lock, &made);
	CHECK_U64(lock->count, 2);
	CHECK_STR(ncm_lock_find(lock, "b")->revision, "4567");
	CHECK_STR(ncm_lock_find(lock, "a")->revision, "0123");
	ncm_lock_free(lock);
}

static void check_one_entry(const char *path, const char *first, const char *second)
{
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);
	NCM_AUTO_FREE char *text = NULL, *key = ncm_asprintf("\"%s\": {", first);
	struct ncm_lock *lock;

	CHECK(save(path, first, NULL) == 0);
	CHECK(save(path, second, "https://e.org/a.gguf") == 0);
	lock = ncm_lock_load(path, NULL);
	CHECK_U64(lock->count, 1);
	CHECK(ncm_lock_find(lock, first) && ncm_lock_find(lock, first) == ncm_lock_find(lock, second));
	CHECK_STR(ncm_lock_find(lock, second)->files[0].url, "https://e.org/a.gguf");
	ncm_lock_free(lock);
	text = temp_read(folder, "ncmodel.lock");
	CHECK(strstr(text, key));
	CHECK(unlink(path) == 0);
}

/* The command line spells a source out, a manifest need not. */
static void two_spellings_are_one_entry(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");

	check_one_entry(path, "ollama:tiny", "ollama:tiny:latest");
	check_one_entry(path, "ollama:tiny:latest", "ollama:tiny");
	check_one_entry(path, "ollama:library/tiny", "ollama:tiny");
	temp_remove(folder);
}

static void other_keys_and_entries_stay(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	NCM_AUTO_FREE char *text = NULL;
	const char *places[5];

	temp_write(folder, "ncmodel.lock",
		   "{\"z-mine\": {\"n\": 0.5}, \"schema_version\": 1, \"entries\": {"
		   "\"hf:o/r/x\": {\"trust\": \"manifest\", \"files\": [], \"note\": \"keep\"},"
		   "\"hf:o/r/a.gguf\": {\"trust\": \"manifest\", \"digest\": null, \"files\": "
		   "[{\"path\": \"a.gguf\", \"size\": null, \"x-mine\": \"cafe\"}]}}}");
	CHECK(save(path, "hf:o/r/a.gguf", NULL) == 0);
	text = temp_read(folder, "ncmodel.lock");
	CHECK(strstr(text, "\"note\": \"keep\"") && strstr(text, "\"x-mine\": \"cafe\"") && strstr(text, "\"n\": 0.5"));
	CHECK(strstr(text, "\"trust\": \"upstream\"") && strstr(text, "\"trust\": \"manifest\""));
	/* Sorted keys: the same lock is the same text. */
	places[0] = strstr(text, "\"entries\"");
	places[1] = strstr(text, "\"hf:o/r/a.gguf\"");
	places[2] = strstr(text, "\"hf:o/r/x\"");
	places[3] = strstr(text, "\"schema_version\"");
	places[4] = strstr(text, "\"z-mine\"");
	for (size_t i = 0; i < 5; i++)
		CHECK(places[i] && (i == 0 || places[i - 1] < places[i]));
	CHECK(text[strlen(text) - 1] == '\n');
	temp_remove(folder);
}

static const struct ncm_lock_file *only_file(const struct ncm_lock *lock, const char *uri)
{
	const struct ncm_lock_entry *found = ncm_lock_find(lock, uri);

	CHECK(found && found->file_count == 1);
	return &found->files[0];
}

/* Older versions wrote zeros for what they did not know. */
static void zeros_of_older_versions_are_not_known(void)
{
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	struct ncm_lock *lock;

	temp_write(
	    folder, "ncmodel.lock",
	    "{\"schema_version\": 1, \"entries\": {"
	    "\"zero\": {\"trust\": \"upstream\", \"files\": [{\"path\": \"a\", \"size\": 7, \"sha256\": \"" ZEROS
	    "\"}]},"
	    "\"size\": {\"trust\": \"upstream\", \"files\": [{\"path\": \"a\", \"size\": 0, \"sha256\": \"" DIGEST
	    "\"}]},"
	    "\"empty\": {\"trust\": \"upstream\", \"files\": [{\"path\": \"a\", \"size\": 0, \"sha256\": \"" EMPTY
	    "\"}]},"
	    "\"null\": {\"trust\": \"upstream\", \"files\": [{\"path\": \"a\", \"size\": null, \"sha256\": null}]}}}");
	lock = ncm_lock_load(path, NULL);
	CHECK(lock && lock->count == 4);
	CHECK(!only_file(lock, "zero")->has_sha256 && only_file(lock, "zero")->has_size);
	CHECK(only_file(lock, "size")->has_sha256 && !only_file(lock, "size")->has_size);
	CHECK(only_file(lock, "empty")->has_sha256 && only_file(lock, "empty")->has_size);
	CHECK(!only_file(lock, "null")->has_sha256 && !only_file(lock, "null")->has_size);
	ncm_lock_free(lock);
	temp_remove(folder);
}

static void no_zeros_are_written(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock"), *text = NULL;
	struct ncm_lock *lock = ncm_lock_load(path, NULL);
	struct ncm_lock_file file = {.path = (char *)"a", .has_sha256 = true};
	const struct ncm_lock_entry made = {
	    .uri = (char *)"hf:o/r/a", .trust = (char *)"upstream", .files = &file, .file_count = 1};

	ncm_lock_put(lock, &made);
	CHECK(ncm_lock_save(lock, (const char *const *)&made.uri, 1, NULL) == 0);
	text = temp_read(folder, "ncmodel.lock");
	CHECK(strstr(text, "\"sha256\": null") && strstr(text, "\"size\": null") && !strstr(text, "git_sha1"));
	ncm_lock_free(lock);
	temp_remove(folder);
}

/* Of a small file of the Hub it is all that is known beforehand. */
static void a_git_digest_is_kept(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	struct ncm_lock *lock = ncm_lock_load(path, NULL);
	struct ncm_lock_file file = {.path = (char *)"a", .has_size = true, .has_git_sha1 = true};
	const struct ncm_lock_entry made = {
	    .uri = (char *)"hf:o/r/a", .trust = (char *)"upstream", .files = &file, .file_count = 1};

	CHECK(ncm_sha1_parse("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", &file.git_sha1) == 0);
	ncm_lock_put(lock, &made);
	CHECK(ncm_lock_save(lock, (const char *const *)&made.uri, 1, NULL) == 0);
	ncm_lock_free(lock);
	lock = ncm_lock_load(path, NULL);
	CHECK(lock && only_file(lock, "hf:o/r/a")->has_git_sha1 && only_file(lock, "hf:o/r/a")->has_size);
	CHECK_U64(only_file(lock, "hf:o/r/a")->git_sha1.bytes[0], 0xe6);
	ncm_lock_free(lock);
	temp_write(folder, "ncmodel.lock",
		   "{\"entries\": {\"a\": {\"trust\": \"upstream\", \"files\": [{\"path\": \"a\", \"git_sha1\": "
		   "\"cafe\"}]}}}");
	CHECK(!ncm_lock_load(path, NULL));
	temp_remove(folder);
}

static void an_entry_without_files_pins_nothing(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	const struct ncm_lock_entry made = {.uri = (char *)"hf:o/r/b", .trust = (char *)"upstream"};
	struct ncm_lock *lock;

	temp_write(folder, "ncmodel.lock", "{\"entries\": {\"hf:o/r/a\": {\"trust\": \"upstream\", \"files\": []}}}");
	lock = ncm_lock_load(path, NULL);
	CHECK(lock && lock->count == 0);
	ncm_lock_put(lock, &made);
	CHECK(lock->count == 0 && !ncm_lock_find(lock, "hf:o/r/b"));
	ncm_lock_free(lock);
	temp_remove(folder);
}

static void urls_lose_their_secrets(void)
{
	static const char *const secret[] = {
	    "https://e.org/a?token=SECRET", "https://e.org/a?type=Model&X-Amz-Signature=SECRET",
	    "https://u:SECRET@e.org/a", "https://e.org/a?SECRET", "https://e.org/a?format=x&sig=SECRET#y"};
	static const char *const plain[] = {"https://e.org/a", "https://e.org/@x/a",
					    "https://civitai.com/api/download/models/1?type=Model&format=SafeTensor"};
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");

	for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
		NCM_AUTO_FREE char *text = NULL;

		CHECK(save(path, "hf:o/r/a.gguf", secret[i]) == 0);
		text = temp_read(folder, "ncmodel.lock");
		CHECK(!strstr(text, "SECRET"));
	}
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		NCM_AUTO_FREE char *text = NULL;

		CHECK(save(path, "hf:o/r/a.gguf", plain[i]) == 0);
		text = temp_read(folder, "ncmodel.lock");
		CHECK(strstr(text, plain[i]));
	}
	temp_remove(folder);
}

static void broken_locks_are_refused_and_stay(void)
{
	static const char *const broken[] = {
	    "{",
	    "[]",
	    "{\"schema_version\": 2, \"entries\": {}}",
	    "{\"entries\": []}",
	    "{\"entries\": {\"a\": 1}}",
	    "{\"entries\": {\"a\": {\"trust\": \"me\", \"files\": []}}}",
	    "{\"entries\": {\"a\": {\"trust\": \"manifest\"}}}",
	    "{\"entries\": {\"a\": {\"trust\": \"manifest\", \"files\": [{\"size\": 1}]}}}",
	    "{\"entries\": {\"a\": {\"trust\": \"manifest\", \"files\": [{\"path\": \"a\", \"size\": -1}]}}}",
	    "{\"entries\": {\"a\": {\"trust\": \"manifest\", \"files\": [{\"path\": \"a\", \"sha256\": \"AA\"}]}}}",
	};
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");

	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct ncm_error err = NCM_ERROR_INIT;
		NCM_AUTO_FREE char *text = NULL;

		temp_write(folder, "ncmodel.lock", broken[i]);
		CHECK(!ncm_lock_load(path, &err));
		CHECK(err.code == NCM_E_MANIFEST && strstr(err.message, path));
		ncm_error_clear(&err);
		text = temp_read(folder, "ncmodel.lock");
		CHECK_STR(text, broken[i]);
	}
	temp_remove(folder);
}

static void many_writers_lose_nothing(void)
{
	enum { WRITERS = 6, ENTRIES = 20 };
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	struct ncm_lock *lock;

	for (unsigned w = 0; w < WRITERS; w++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		for (unsigned i = 0; pid == 0 && i < ENTRIES; i++) {
			NCM_AUTO_FREE char *uri = ncm_asprintf("hf:o/r/%u-%u", w, i);

			if (save(path, uri, NULL) < 0)
				_exit(1);
		}
		if (pid == 0)
			_exit(0);
	}
	for (unsigned w = 0; w < WRITERS; w++) {
		int status = 1;

		CHECK(wait(&status) > 0 && status == 0);
	}
	lock = ncm_lock_load(path, NULL);
	CHECK_U64(lock->count, WRITERS * ENTRIES);
	ncm_lock_free(lock);
	temp_remove(folder);
}

/* As in every file: all of them, each with its line. */
static void all_faults_are_told_with_lines(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "ncmodel.lock");
	struct ncm_error err = NCM_ERROR_INIT;

	temp_write(
	    folder, "ncmodel.lock",
	    "{\"entries\": {\n\"hf:o/r/a.gguf\": {\"trust\": \"me\",\n\"files\": [{\"path\": 5, \"size\": -1}, 7]}}}");
	CHECK(!ncm_lock_load(path, &err) && err.code == NCM_E_MANIFEST);
	CHECK(strstr(err.message,
		     "ncmodel.lock:2: $.entries.hf:o/r/a.gguf.trust: is \"me\", must be one of \"manifest\", "));
	CHECK(strstr(err.message, ":3: $.entries.hf:o/r/a.gguf.files[0].path: is an integer, must be a string"));
	CHECK(strstr(err.message, ":3: $.entries.hf:o/r/a.gguf.files[0].size: is -1, must be an integer, 0 or more"));
	CHECK(strstr(err.message, ":3: $.entries.hf:o/r/a.gguf.files[1]: is an integer, must be an object"));
	CHECK(strstr(err.hint, "restore the lock file"));
	ncm_error_clear(&err);
	temp_remove(folder);
}

int main(void)
{
	RUN(what_is_saved_is_loaded);
	RUN(places_are_noted_once_and_sorted);
	RUN(what_the_entry_names_is_no_news);
	RUN(no_place_has_a_secret);
	RUN(places_are_few);
	RUN(places_outlive_their_entry);
	RUN(all_entries_know_places);
	RUN(no_file_is_an_empty_lock);
	RUN(put_replaces);
	RUN(two_spellings_are_one_entry);
	RUN(other_keys_and_entries_stay);
	RUN(zeros_of_older_versions_are_not_known);
	RUN(no_zeros_are_written);
	RUN(a_git_digest_is_kept);
	RUN(an_entry_without_files_pins_nothing);
	RUN(urls_lose_their_secrets);
	RUN(broken_locks_are_refused_and_stay);
	RUN(many_writers_lose_nothing);
	RUN(all_faults_are_told_with_lines);
	return 0;
}

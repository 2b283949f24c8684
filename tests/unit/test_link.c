/* SPDX-License-Identifier: MIT */
/* link and link --unlink on one file system without shared blocks: hard links. */
#include "link_case.h"

#include "base/lock.h"
#include "digest/hash.h"

/* What put_model writes with 'a' has this digest. */
#define BLOB ".ollama/models/blobs/sha256-c5e82f50cf47a1fd6a92d0524a7eee9ddeecf6901099a7cee8a1e3690a2266d8"

static void equal_files_become_one_that_is_read_only(void)
{
	struct ncm_link_report *report;
	struct stat blob;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	put_model("Comfy/models/unet/y.gguf", 'a');
	put_model("Comfy/models/unet/other.gguf", 'b');
	blob = look(BLOB);
	options.dry_run = true;
	report = link_all();
	check_state(report, "server/models/x.gguf", "to-link");
	CHECK_U64(report->gain, 2 * SIZE);
	CHECK(!are_one(BLOB, "server/models/x.gguf"));
	ncm_link_free(report);

	options.dry_run = false;
	report = link_all();
	CHECK_U64(report->count, 1);
	CHECK_U64(report->linked, 2);
	CHECK_U64(report->gain, 2 * SIZE);
	check_state(report, BLOB, "kept");
	check_state(report, "server/models/x.gguf", "hardlink");
	CHECK(look("server/models/x.gguf").st_ino == blob.st_ino && are_one(BLOB, "Comfy/models/unet/y.gguf"));
	CHECK((look(BLOB).st_mode & 07777) == 0444 && look(BLOB).st_nlink == 3);
	CHECK(look(BLOB).st_mtim.tv_nsec == blob.st_mtim.tv_nsec);
	CHECK(different_byte("Comfy/models/unet/other.gguf") == 'b');
	CHECK((look("Comfy/models/unet/other.gguf").st_mode & 07777) == 0644);
	ncm_link_free(report);

	CHECK(unlinkat(scratch_fd, "root/Comfy/models/unet/other.gguf", 0) == 0);
	report = link_all();
	check_state(report, "server/models/x.gguf", "linked");
	CHECK_U64(report->linked, 0);
	CHECK_U64(report->gain, 0);
	CHECK_U64(report->hashed, 0);
	ncm_link_free(report);
}

static void what_was_linked_comes_apart_again(void)
{
	struct ncm_link_report *report;
	struct stat before, after;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	ncm_link_free(link_all());
	before = look("server/models/x.gguf");
	options.unlink = true;
	options.dry_run = true;
	report = link_all();
	CHECK_U64(report->gain, SIZE);
	CHECK_U64(report->linked, 1);
	CHECK(are_one(BLOB, "server/models/x.gguf"));
	ncm_link_free(report);

	options.dry_run = false;
	report = link_all();
	CHECK_U64(report->linked, 1);
	check_state(report, BLOB, "kept");
	check_state(report, "server/models/x.gguf", "copied");
	after = look("server/models/x.gguf");
	CHECK(after.st_ino != before.st_ino && different_byte("server/models/x.gguf") == 'a');
	CHECK(mtime_ns(&after) == mtime_ns(&before)); /* models.json knows it */
	CHECK((after.st_mode & 07777) == 0644 && (look(BLOB).st_mode & 07777) == 0644 && look(BLOB).st_nlink == 1);
	ncm_link_free(report);

	report = link_all();
	CHECK_U64(report->count, 0);
	ncm_link_free(report);
}

static void without_room_nothing_comes_apart(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	ncm_link_free(link_all());
	options.unlink = true;
	config.reserve = UINT64_MAX / 2;
	CHECK(!ncm_link(&config, &options, NULL, &err));
	CHECK(err.code == NCM_E_NO_SPACE);
	ncm_error_clear(&err);
	CHECK(are_one(BLOB, "server/models/x.gguf") && (look(BLOB).st_mode & 07777) == 0444);
}

static void only_models_and_blobs_are_looked_at(void)
{
	static const char *const others[] = {
	    "server/models/x.gguf.part",
	    "Comfy/user/comfyui.db",
	    "Comfy/output/film.mp4",
	    BLOB "-partial",
	    ".ollama/models/manifests/registry.ollama.ai/library/x/latest",
	    "Comfy/.ncmodel/staging/x.gguf",
	};
	struct ncm_link_report *report;

	fresh();
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		put_model(others[i], 'a');
	put_model("server/models/x.gguf", 'a');
	CHECK(symlinkat("x.gguf", ncm_layout_find(opened, "comfy")->dirfd, "link.gguf") == 0);
	options.dry_run = true;
	report = ncm_link(&config, &options, NULL, NULL);
	CHECK(report);
	CHECK_U64(report->count, 0);
	ncm_link_free(report);
	CHECK(ncm_remove_beneath(store->staging, "x.gguf") == 0);
}

/* Named by the user it is looked at; but two programs may write to it. */
static void a_database_is_not_shared(void)
{
	NCM_AUTO_FREE char *a = at("root/Comfy/user/a.db"), *b = at("root/outside/b.db"), *gone = at("root/gone");
	const char *const paths[] = {a, b}, *const wrong[] = {gone};
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_link_report *report;

	fresh();
	put_model("Comfy/user/a.db", 'a');
	put_model("outside/b.db", 'a');
	options.paths = paths;
	options.path_count = 2;
	report = link_all();
	check_skipped(report, "outside/b.db", "may be written to");
	CHECK(!are_one("Comfy/user/a.db", "outside/b.db"));
	ncm_link_free(report);

	options.paths = wrong;
	options.path_count = 1;
	CHECK(!ncm_link(&config, &options, NULL, &err) && err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
}

static void folders_are_looked_through_besides(void)
{
	NCM_AUTO_FREE char *outside = at("root/outside"), *inside = at("root/Comfy/models"), *above = at("root");
	const char *const paths[] = {outside, inside}, *const all[] = {above}, *const stores[] = {"llama"},
			  *const wrong[] = {"nothing"};
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_link_report *report;

	fresh();
	put_model("outside/deep/x.gguf", 'a');
	put_model("Comfy/models/y.gguf", 'a');
	put_model("Comfy/z.gguf", 'a');
	put_model("server/models/x.gguf", 'a');
	options.paths = paths;
	options.path_count = 2;
	options.stores = stores;
	options.store_count = 1;
	report = link_all();
	CHECK(!find(report, "Comfy/z.gguf"));
	CHECK(are_one("outside/deep/x.gguf", "Comfy/models/y.gguf") &&
	      are_one("outside/deep/x.gguf", "server/models/x.gguf"));
	CHECK_STR(find(report, "Comfy/models/y.gguf")->store, "comfy");
	CHECK(!find(report, "outside/deep/x.gguf")->store);
	/* The store's own lock and staging folder were used, not new ones below the folder that was named. */
	CHECK(!exists(scratch_fd, "root/Comfy/models/.ncmodel") && exists(scratch_fd, "root/outside/.ncmodel/lock"));
	ncm_link_free(report);

	/* A folder above a store: the store's files are the store's. */
	options.paths = all;
	options.path_count = 1;
	report = link_all();
	CHECK_STR(find(report, "Comfy/models/y.gguf")->store, "comfy");
	CHECK(are_one("Comfy/z.gguf", "outside/deep/x.gguf"));
	ncm_link_free(report);

	options.stores = wrong;
	CHECK(!ncm_link(&config, &options, NULL, &err) && err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
}

static void a_file_with_names_elsewhere_stays(void)
{
	struct ncm_link_report *report;

	fresh();
	put_model("decoy.gguf", 'a');
	put_model("server/models/x.gguf", 'a');
	put_model("Comfy/y.gguf", 'a');
	CHECK(linkat(scratch_fd, "root/Comfy/y.gguf", scratch_fd, "root/decoy2.gguf", 0) == 0);
	CHECK(linkat(scratch_fd, "root/server/models/x.gguf", scratch_fd, "root/decoy3.gguf", 0) == 0);
	report = link_all();
	check_state(report, "Comfy/y.gguf", "kept");
	check_skipped(report, "server/models/x.gguf", "1 more name");
	CHECK(!are_one("server/models/x.gguf", "Comfy/y.gguf") && are_one("Comfy/y.gguf", "decoy2.gguf"));
	CHECK((look("server/models/x.gguf").st_mode & 07777) == 0644);
	ncm_link_free(report);
}

static void what_is_written_to_is_left_alone(void)
{
	struct ncm_link_report *report;
	NCM_AUTO_CLOSE int fd = -1;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	fd = openat(scratch_fd, "root/server/models/x.gguf", O_WRONLY | O_CLOEXEC);
	report = link_all();
	check_skipped(report, "server/models/x.gguf", "in use");
	CHECK(!are_one(BLOB, "server/models/x.gguf") && (look(BLOB).st_mode & 07777) == 0644);
	ncm_link_free(report);
}

/* When it is hashed already. */
static void overwrite(void *context, const struct ncm_event *event)
{
	if (event->type == NCM_EVENT_VERIFIED && event->done == event->total)
		put_model(context, 'z');
}

static void what_changes_meanwhile_is_left_alone(void)
{
	static char first[] = BLOB, second[] = "server/models/x.gguf";
	struct ncm_link_report *report;

	fresh();
	put_model(first, 'a');
	put_model(second, 'a');
	sink = (struct ncm_sink){overwrite, second};
	report = link_all();
	check_skipped(report, second, "changed meanwhile");
	CHECK(different_byte(first) == 'a' && different_byte(second) == 'z');
	ncm_link_free(report);

	put_model(second, 'a');
	sink = (struct ncm_sink){overwrite, first};
	report = link_all();
	check_skipped(report, second, "changed meanwhile");
	CHECK(different_byte(first) == 'z' && different_byte(second) == 'a');
	ncm_link_free(report);
}

#define OTHER_BLOB ".ollama/models/blobs/sha256-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void files_of_several_names_become_one(void)
{
	struct ncm_link_report *report;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	put_model("server/models/y.gguf", 'a');
	CHECK(linkat(scratch_fd, "root/server/models/x.gguf", scratch_fd, "root/server/models/x2.gguf", 0) == 0);
	CHECK(linkat(scratch_fd, "root/" BLOB, scratch_fd, "root/" OTHER_BLOB, 0) == 0);
	report = link_all();
	CHECK(are_one(BLOB, "server/models/x.gguf") && are_one(BLOB, "server/models/x2.gguf") &&
	      are_one(BLOB, "server/models/y.gguf"));
	CHECK_U64(look(BLOB).st_nlink, 5);
	CHECK_U64(report->gain, 2 * SIZE); /* of one file with two names, and one with one */
	ncm_link_free(report);
}

static void overwrite_after_the_first(void *context, const struct ncm_event *event)
{
	if (event->type == NCM_EVENT_PLACED)
		put_model(context, 'z');
}

/* The last look is taken when everything is staged: the rename is over the very file that was hashed, or not made. */
static void the_second_name_is_looked_at_too(void)
{
	static char second[] = "server/models/x2.gguf";
	struct ncm_link_report *report;

	fresh();
	put_model(BLOB, 'a');
	CHECK(linkat(scratch_fd, "root/" BLOB, scratch_fd, "root/" OTHER_BLOB, 0) == 0);
	put_model("server/models/x.gguf", 'a');
	CHECK(linkat(scratch_fd, "root/server/models/x.gguf", scratch_fd, "root/server/models/x2.gguf", 0) == 0);
	sink = (struct ncm_sink){overwrite_after_the_first, second};
	report = link_all();
	check_state(report, "server/models/x.gguf", "hardlink");
	check_skipped(report, second, "changed meanwhile");
	CHECK(different_byte(BLOB) == 'a' && different_byte(second) == 'z');
	CHECK_U64(report->gain, 0);
	ncm_link_free(report);
}

static void readers_stay_readers(void)
{
	NCM_AUTO_FREE char *path = at("root/server/models/x.gguf");
	struct ncm_link_report *report;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	CHECK(fchmodat(scratch_fd, "root/" BLOB, 0600, 0) == 0);
	report = link_all();
	CHECK(are_one(BLOB, "server/models/x.gguf") && (look(BLOB).st_mode & 07777) == 0444);
	ncm_link_free(report);
	if (geteuid() != 0) {
		printf("skipped: files of another user need root\n");
		return;
	}
	put_model("Comfy/y.gguf", 'a');
	CHECK(chown(path, 1234, 1234) == 0 && fchmodat(scratch_fd, "root/Comfy/y.gguf", 0600, 0) == 0);
	report = link_all();
	check_skipped(report, "Comfy/y.gguf", "different users");
	ncm_link_free(report);
}

/* A run that was stopped between its link and its rename. */
static void what_was_left_is_cleared(void)
{
	struct ncm_link_report *report;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	ncm_link_free(link_all());
	CHECK(linkat(scratch_fd, "root/" BLOB, ollama->staging, "commit-0123456789abcdef", 0) == 0);
	options.unlink = true;
	options.dry_run = true;
	report = ncm_link(&config, &options, NULL, NULL);
	CHECK(report && exists(ollama->staging, "commit-0123456789abcdef"));
	ncm_link_free(report);
	options.dry_run = false;
	ncm_link_free(link_all());
	CHECK(look(BLOB).st_nlink == 1 && (look(BLOB).st_mode & 07777) == 0644);
}

static void one_at_a_time_in_a_store(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_LOCK int held = -1;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	held = ncm_lock_beneath(ollama->dirfd, ".ncmodel/lock", "the store", true, NULL, NULL);
	CHECK(held >= 0);
	options.no_wait = true;
	CHECK(!ncm_link(&config, &options, NULL, &err) && err.code == NCM_E_BUSY);
	ncm_error_clear(&err);
	CHECK(!are_one(BLOB, "server/models/x.gguf"));
	options.dry_run = true; /* looks only */
	ncm_link_free(link_all());
}

static void check_twin(const char *name, mode_t mode, const char *way, mode_t mode_then)
{
	NCM_AUTO_FREE char *path = ncm_asprintf("%s/root/Comfy/%s", scratch, name);
	struct ncm_store *second = ncm_layout_find(opened, "llama");
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_CLOSE int fd = -1;
	struct ncm_sha256 digest;
	const char *how = NULL;
	struct os_stat status;

	put(store->dirfd, name, "bytes");
	ncm_sha256_of("bytes", 5, &digest);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && fchmod(fd, mode) == 0 && ncm_store_open(second, &err) == 0);
	CHECK(ncm_store_duplicate(second, name, fd, path, &digest, true, false, NULL, &how, &status, NULL, &err) == 0);
	CHECK_STR(how, way);
	CHECK(status.mode == mode_then);
}

/* What a pull does with bytes that are here already follows the same rules. */
static void a_twin_is_read_only_too(void)
{
	fresh();
	check_twin("x.gguf", 0644, "hard link", 0444);
	check_twin("x.json", 0644, "copy", 0644);
	check_twin("private.gguf", 0600, "copy", 0644); /* others are to read it */
}

static void interrupt_at_the_first(void *context, const struct ncm_event *event)
{
	(void)context;
	if (event->type == NCM_EVENT_PLACED)
		ncm_interrupt();
}

static void an_interrupt_ends_it_between_two_files(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	fresh();
	put_model(BLOB, 'a');
	put_model("server/models/x.gguf", 'a');
	put_model("server/models/y.gguf", 'a');
	sink = (struct ncm_sink){interrupt_at_the_first, NULL};
	CHECK(!ncm_link(&config, &options, &sink, &err) && err.code == NCM_E_INTERRUPTED);
	ncm_error_clear(&err);
	CHECK(are_one(BLOB, "server/models/x.gguf") != are_one(BLOB, "server/models/y.gguf"));
	CHECK(different_byte("server/models/x.gguf") == 'a' && different_byte("server/models/y.gguf") == 'a');
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/staging"), 0);
}

/* A file of a model, with its digest's first byte. The caller frees its path. */
static struct ncm_reg_file registered(const char *relative, unsigned char digest)
{
	return (struct ncm_reg_file){
	    .abs = ncm_asprintf("%s/root/%s", scratch, relative), .size = SIZE, .sha256 = {.bytes = {digest}}};
}

static void names_of_one_copy_count_once(void)
{
	struct ncm_reg_file files[4];
	const struct ncm_reg_model model = {.size = 99, .files = files, .file_count = 4};

	fresh();
	put_model("server/models/x.gguf", 'a');
	put_model("Comfy/models/unet/y.gguf", 'a');
	files[0] = registered("server/models/x.gguf", 1);
	files[1] = registered("Comfy/models/unet/y.gguf", 1);
	files[2] = registered("not/there.gguf", 1);
	files[3] = registered("server/models/x.gguf", 0); /* nobody knows what it is */
	CHECK_U64(ncm_link_disk_size(&model), 4 * SIZE);
	ncm_link_free(link_all());
	CHECK(are_one("server/models/x.gguf", "Comfy/models/unet/y.gguf"));
	CHECK_U64(ncm_link_disk_size(&model), 3 * SIZE);
	CHECK_U64(ncm_link_disk_size(&(const struct ncm_reg_model){.size = 99}), 99);
	for (size_t i = 0; i < 4; i++)
		free(files[i].abs);
}

static bool shares_blocks(void)
{
	NCM_AUTO_CLOSE int a = open(scratch, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	NCM_AUTO_CLOSE int b = open(scratch, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	return a >= 0 && b >= 0 && dedupe_is_possible(a, b);
}

int main(void)
{
	begin_scratch();
	if (shares_blocks()) {
		end_scratch();
		printf("skipped: this file system shares blocks; tests/integration/test_link.py has that\n");
		return 0;
	}
	RUN(equal_files_become_one_that_is_read_only);
	RUN(what_was_linked_comes_apart_again);
	RUN(without_room_nothing_comes_apart);
	RUN(only_models_and_blobs_are_looked_at);
	RUN(a_database_is_not_shared);
	RUN(folders_are_looked_through_besides);
	RUN(a_file_with_names_elsewhere_stays);
	RUN(what_is_written_to_is_left_alone);
	RUN(what_changes_meanwhile_is_left_alone);
	RUN(files_of_several_names_become_one);
	RUN(the_second_name_is_looked_at_too);
	RUN(readers_stay_readers);
	RUN(what_was_left_is_cleared);
	RUN(one_at_a_time_in_a_store);
	RUN(a_twin_is_read_only_too);
	RUN(names_of_one_copy_count_once);
	RUN(an_interrupt_ends_it_between_two_files);
	end_scratch();
	return 0;
}

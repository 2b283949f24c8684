/* SPDX-License-Identifier: MIT */
/* The log's file: whole lines whoever else writes, a bound, and nothing that keeps a command waiting. */
#include "log/log.h"

#include "base/json.h"
#include "temp.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS = 4, LINES = 400, SMALL = 4096, LARGE = 1 << 20 };

static void append(const char *path, const char *line, size_t limit)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (log_append(path, line, limit, &err) < 0)
		fprintf(stderr, "%s\n", err.message);
	CHECK(err.code == NCM_OK);
}

static void write_many(const char *path, int writer, size_t limit)
{
	for (int i = 0; i < LINES; i++) {
		NCM_AUTO_FREE char *line = ncm_asprintf("writer %d line %d %040d end\n", writer, i, i);

		append(path, line, limit);
	}
}

static void run_writers(const char *path, size_t limit)
{
	for (int writer = 0; writer < WRITERS; writer++) {
		const pid_t child = fork();

		CHECK(child >= 0);
		if (child == 0) {
			write_many(path, writer, limit);
			_exit(0);
		}
	}
	for (int writer = 0; writer < WRITERS; writer++) {
		int status;

		CHECK(wait(&status) > 0 && status == 0);
	}
}

/* Counts the lines of a file, each of which must be whole and there once. */
static size_t count_lines(const char *path, bool seen[WRITERS][LINES])
{
	size_t size, count = 0;
	NCM_AUTO_FREE char *text = ncm_read_file(path, LARGE, &size);

	CHECK(text);
	for (char *at = text; *at; at = strchr(at, '\n') + 1, count++) {
		int writer, line, again, length = 0;

		CHECK(sscanf(at, "writer %d line %d %d end%n", &writer, &line, &again, &length) == 3);
		CHECK(length > 0 && at[length] == '\n' && line == again && !seen[writer][line]);
		seen[writer][line] = true;
	}
	return count;
}

static void many_writers_lose_nothing(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "state/ncmodel/log.jsonl");
	NCM_AUTO_FREE char *older = log_older(path);
	bool seen[WRITERS][LINES] = {{false}};

	run_writers(path, LARGE);
	CHECK_U64(count_lines(path, seen), WRITERS * LINES);
	CHECK(access(older, F_OK) < 0);
	temp_remove(folder);
}

static void it_is_bounded_and_keeps_the_newest(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "log.jsonl");
	NCM_AUTO_FREE char *older = log_older(path);
	bool seen[WRITERS][LINES] = {{false}};
	struct stat now, before;
	size_t last = 0;

	run_writers(path, SMALL);
	CHECK(count_lines(older, seen) > 0 && count_lines(path, seen) > 0);
	CHECK(stat(path, &now) == 0 && stat(older, &before) == 0);
	CHECK(now.st_size <= SMALL && before.st_size <= SMALL);
	for (int writer = 0; writer < WRITERS; writer++)
		last += seen[writer][LINES - 1];
	CHECK(last > 0);
	temp_remove(folder);
}

static void a_line_cut_short_takes_no_other_with_it(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "log.jsonl");
	NCM_AUTO_FREE char *text = NULL;
	size_t size;

	append(path, "{\"half\":", LARGE);
	append(path, "whole\n", LARGE);
	text = ncm_read_file(path, LARGE, &size);
	CHECK_STR(text, "{\"half\":\nwhole\n");
	temp_remove(folder);
}

static void a_lock_that_is_not_let_go_stops_nobody(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "log.jsonl");
	NCM_AUTO_FREE char *text = NULL;
	NCM_AUTO_CLOSE int held = -1;
	size_t size;

	append(path, "one\n", LARGE);
	held = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(held >= 0 && flock(held, LOCK_EX) == 0);
	append(path, "two\n", 1);
	text = ncm_read_file(path, LARGE, &size);
	CHECK_STR(text, "one\ntwo\n");
	temp_remove(folder);
}

static void it_is_its_owners_alone(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "a/b/log.jsonl");
	NCM_AUTO_FREE char *parent = ncm_path_folder(path);
	struct stat file, above;

	append(path, "x\n", LARGE);
	CHECK(stat(path, &file) == 0 && stat(parent, &above) == 0);
	CHECK_U64(file.st_mode & 07777, 0600);
	CHECK_U64(above.st_mode & 07777, 0700);
	temp_remove(folder);
}

static void check_refused(const char *path)
{
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(log_append(path, "x\n", LARGE, &err) < 0);
	CHECK(err.code == NCM_E_IO && strstr(err.message, path));
	ncm_error_clear(&err);
}

static void what_is_no_file_is_refused_at_once(void)
{
	char *folder = temp_folder();
	NCM_AUTO_FREE char *pipe = ncm_path_join(folder, "pipe");
	NCM_AUTO_FREE char *link = ncm_path_join(folder, "link");
	NCM_AUTO_FREE char *below = ncm_path_join(pipe, "log.jsonl");

	CHECK(mkfifo(pipe, 0600) == 0 && symlink("/dev/full", link) == 0);
	check_refused(pipe);
	check_refused(link);
	check_refused(folder);
	check_refused(below);
	temp_remove(folder);
}

/* Whatever lies there, reading it comes back, and what is no entry is counted. */
static void foreign_lines_are_counted(void)
{
	char *folder = temp_folder();
	struct ncm_config config = {.log = ncm_path_join(folder, "log.jsonl")};
	struct ncm_log_entries *entries;

	entries = ncm_log_read(&config, NULL);
	CHECK(entries && entries->count == 0 && entries->unreadable == 0);
	ncm_log_entries_free(entries);
	append(config.log, "no json\n\n[]\n{\"time\":1}\n", LARGE);
	append(config.log,
	       "{\"time\":\"t\",\"run\":\"r\",\"command\":\"c\",\"action\":\"a\",\"exit_code\":-1,\"files\":[1,{"
	       "\"size\":-2,"
	       "\"sha256\":\"x\"}],\"errors\":{},\"more\":1}\n",
	       LARGE);
	entries = ncm_log_read(&config, NULL);
	CHECK(entries);
	CHECK_U64(entries->unreadable, 3);
	CHECK_U64(entries->count, 1);
	CHECK_U64(entries->items[0].file_count, 2);
	CHECK_U64(entries->items[0].files[1].size, 0);
	CHECK(ncm_sha256_is_zero(&entries->items[0].files[1].sha256));
	ncm_log_entries_free(entries);
	free(config.log);
	temp_remove(folder);
}

static void take(void *context, const struct ncm_event *event)
{
	unsigned *seen = context;

	seen[event->type]++;
}

static struct ncm_log_entries *written(const struct ncm_config *config, const struct ncm_deed *deed)
{
	struct ncm_log *log = ncm_log_new(config, "pull");
	unsigned seen[NCM_EVENT_DEED + 1] = {0};
	const struct ncm_sink next = {take, seen}, sink = ncm_log_sink(log, &next);
	struct ncm_log_entries *entries;

	ncm_emit(&sink, &(struct ncm_event){.type = NCM_EVENT_DEED, .deed = deed});
	ncm_emit_text(&sink, NCM_EVENT_NOTE, "n");
	CHECK(seen[NCM_EVENT_DEED] == 0 && seen[NCM_EVENT_NOTE] == 1 && seen[NCM_EVENT_WARNING] == 0);
	ncm_log_free(log);
	entries = ncm_log_read(config, NULL);
	CHECK(entries && entries->count == 1 && entries->unreadable == 0);
	return entries;
}

static void no_query_is_ever_in_it(void)
{
	static const char *const secrets[][2] = {
	    {"https://host/x.gguf?token=SECRET", "https://host/x.gguf"},
	    {"http://u:SECRET@host/x.gguf?a#SECRET", "http://host/x.gguf"},
	    {"https://host:x/?SECRET", "https://host:x/"},
	    {"civitai:1@2?token=SECRET", "civitai:1@2"},
	    {"ollama:llama3.2:3b", "ollama:llama3.2:3b"},
	};

	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		char *folder = temp_folder();
		struct ncm_config config = {.log = ncm_path_join(folder, "log.jsonl")};
		const struct ncm_deed_file file = {.source = (char *)secrets[i][0]};
		const struct ncm_deed deed = {
		    .action = "registered", .source = secrets[i][0], .files = &file, .file_count = 1};
		struct ncm_log_entries *entries = written(&config, &deed);

		CHECK_STR(entries->items[0].source, secrets[i][1]);
		CHECK_STR(entries->items[0].files[0].source, secrets[i][1]);
		ncm_log_entries_free(entries);
		free(config.log);
		temp_remove(folder);
	}
}

static void a_line_names_so_many_files_and_counts_the_others(void)
{
	char *folder = temp_folder();
	struct ncm_config config = {.log = ncm_path_join(folder, "log.jsonl")};
	struct ncm_deed_file files[100] = {{.path = (char *)"/\xff\x1b[31m", .size = 7}};
	const struct ncm_deed deed = {.action = "deleted", .files = files, .file_count = 100};
	struct ncm_log_entries *entries = written(&config, &deed);

	CHECK_U64(entries->items[0].file_count, 64);
	CHECK_U64(entries->items[0].left_out, 36);
	ncm_log_entries_free(entries);
	free(config.log);
	temp_remove(folder);
}

int main(void)
{
	RUN(many_writers_lose_nothing);
	RUN(it_is_bounded_and_keeps_the_newest);
	RUN(a_line_cut_short_takes_no_other_with_it);
	RUN(a_lock_that_is_not_let_go_stops_nobody);
	RUN(it_is_its_owners_alone);
	RUN(what_is_no_file_is_refused_at_once);
	RUN(foreign_lines_are_counted);
	RUN(no_query_is_ever_in_it);
	RUN(a_line_names_so_many_files_and_counts_the_others);
	return 0;
}

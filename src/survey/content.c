/* SPDX-License-Identifier: MIT */
/* Reading what was put down: headers, and bytes by verify's queue. */
#include "survey/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/thread.h"
#include "os/os.h"
#include "verify/check.h"

#include <errno.h>
#include <string.h>

static const char *path_of(const struct ncm_survey_file *file)
{
	return file->real ? file->real : file->path;
}

/* A blob's name promises nothing; what it is has to be a model all the same. */
static const char *name_of(const struct work *work, size_t index)
{
	return ncm_path_base(work->survey->files[index].path);
}

/* Where nothing else tells what it is: a line or two of text in the place of a model is somebody's message. */
static void judge_text(int fd, struct ncm_facts *facts)
{
	enum { MOST_BYTES = 4096, QUOTED = 120 };
	size_t size = 0;
	NCM_AUTO_FREE char *text = NULL, *line = NULL;

	if (facts->soundness != NCM_UNJUDGED || facts->format != NCM_FORMAT_UNKNOWN || os_seek(fd, 0) < 0)
		return;
	text = ncm_read_fd(fd, MOST_BYTES, &size);
	for (size_t i = 0; text && i < size; i++) {
		if ((unsigned char)text[i] < ' ' && !strchr("\t\r\n", text[i]))
			return;
	}
	if (!text || size == 0 || !memchr(text, ' ', size))
		return;
	line = ncm_strndup(text, strcspn(text, "\r\n") < QUOTED ? strcspn(text, "\r\n") : QUOTED);
	facts->soundness = NCM_FOREIGN;
	free(facts->fault);
	facts->fault = ncm_asprintf("is no model but a text: \"%s\"", line);
}

/* Returns 0, or errno. */
static int judge_header(struct work *work, size_t index)
{
	struct clue *clue = &work->clues[index];
	struct ncm_error why = NCM_ERROR_INIT;
	NCM_AUTO_CLOSE int fd = os_open(OS_HERE, path_of(&work->survey->files[index]), OS_READ | OS_NO_LINK);
	int failure = fd < 0 ? errno : 0;

	if (fd < 0)
		clue->facts.soundness = NCM_UNJUDGED;
	else if (ncm_format_judge(fd, name_of(work, index), &clue->facts, &why) < 0)
		failure = why.code == NCM_E_STALE ? ESTALE : EIO;
	else
		judge_text(fd, &clue->facts);
	ncm_error_clear(&why);
	return failure;
}

static void read_header(void *context, size_t index)
{
	struct work *work = context;
	struct clue *clue = &work->clues[index];

	if (!clue->is_model || clue->settled || ncm_interrupted())
		return;
	clue->failure = judge_header(work, index);
	/* The server of a network file system lost the open file; by its name it is found again. */
	if (clue->failure == ESTALE)
		clue->failure = judge_header(work, index);
}

void survey_read_headers(struct work *work)
{
	ncm_parallel(0, work->survey->file_count, read_header, work);
}

/* Only bytes that could be right are worth reading. */
static bool is_worth_hashing(const struct work *work, size_t index)
{
	const struct ncm_survey_file *file = &work->survey->files[index];
	const struct clue *clue = &work->clues[index];

	if (clue->settled || clue->judged || (file->has_expected_size && file->expected_size != file->size))
		return false;
	return file->told_by || (clue->is_model && work->depth >= NCM_SURVEY_DIGESTS);
}

static void prepare(const struct work *work, size_t index, struct check *check)
{
	const struct ncm_survey_file *file = &work->survey->files[index];
	const struct clue *clue = &work->clues[index];

	check->path = path_of(file);
	check->store_dirfd = work->homes[clue->store];
	check->model = clue->model == NO_MODEL ? NULL : work->survey->models[clue->model].entry.id;
	check->expected = file->has_expected ? &file->expected : NULL;
	check->wants_git_sha1 = clue->has_git_sha1;
	check->twin = index;
	check->to_hash = is_worth_hashing(work, index);
	if (check->to_hash)
		check_look(check);
	check->to_hash = check->to_hash && check->regular;
}

static void take(struct work *work, size_t index, struct check *check)
{
	struct ncm_survey_file *file = &work->survey->files[index];
	struct clue *clue = &work->clues[index];

	if (check->failure)
		clue->failure = check->failure;
	if (!check->hashed)
		return;
	clue->hashed = file->has_sha256 = true;
	file->sha256 = check->sha256;
	file->size = check->size;
	clue->git_differs =
	    clue->has_git_sha1 && memcmp(clue->git_sha1.bytes, check->git_sha1.bytes, sizeof clue->git_sha1.bytes) != 0;
	file->damaged = check->damaged;
	file->damaged_count = check->damaged_count;
	check->damaged = NULL;
	check->damaged_count = 0;
}

void survey_hash(struct work *work)
{
	const size_t count = work->survey->file_count;
	struct check *checks = ncm_calloc(count + 1, sizeof *checks);

	for (size_t i = 0; i < count; i++)
		prepare(work, i, &checks[i]);
	checks_find_twins(checks, count);
	work->survey->hashed = checks_hash(checks, count, work->sink);
	for (size_t i = 0; i < count; i++)
		take(work, i, &checks[i]);
	checks_free(checks, count);
}

/* SPDX-License-Identifier: MIT */
/* A workflow from a file. */
#include "workflow/workflow.h"

#include "base/mem.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Python writes what JSON has no word for; no loader's name is one. */
static void quench(char *text, const char *word, size_t at)
{
	const size_t size = strlen(word);

	if (strncmp(text + at, word, size) == 0) {
		text[at] = '0';
		memset(text + at + 1, ' ', size - 1);
	}
}

json_t *workflow_parse(const char *text, size_t size, const char *what, struct ncm_error *err)
{
	NCM_AUTO_FREE char *plain = ncm_strndup(text, size);
	bool in_string = false;

	for (size_t i = 0; plain[i]; i++) {
		if (plain[i] == '"')
			in_string = !in_string;
		else if (in_string)
			i += plain[i] == '\\' && plain[i + 1] != '\0';
		else if (plain[i] == 'N')
			quench(plain, "NaN", i);
		else if (plain[i] == 'I')
			quench(plain, "Infinity", i);
	}
	return ncm_json_parse(plain, strlen(plain), what, NCM_E_MANIFEST, err);
}

static int refuse(struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_MANIFEST, "there is no workflow in it");
	return ncm_error_hint(err,
			      "a workflow is JSON that ComfyUI saved or exported, or a picture or video that it made");
}

static int walk(const char *text, struct workflow_notes *notes, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *json = workflow_parse(text, strlen(text), "the workflow", err);

	if (!json)
		return -1;
	if (workflow_is_graph(json))
		return workflow_walk_graph(json, notes, err);
	return workflow_is_prompt(json) ? workflow_walk_prompt(json, notes, err) : refuse(err);
}

/* What the editor saved says more: addresses, sub-graphs, packs. */
static struct ncm_workflow *read_texts(const struct workflow_texts *texts, struct ncm_error *err)
{
	struct workflow_notes *notes = workflow_notes_new();
	const char *text = texts->editor ? texts->editor : texts->server;

	if ((text ? walk(text, notes, err) : refuse(err)) == 0)
		return workflow_notes_finish(notes);
	workflow_notes_free(notes);
	return NULL;
}

/* A pipe is not even opened: who writes into it would lose its reader. */
static int open_file(const char *path, struct os_stat *status, struct ncm_error *err)
{
	const bool is_there = os_stat(OS_HERE, path, status) == 0;
	NCM_AUTO_CLOSE int fd = is_there && status->kind == OS_IS_FILE ? os_open(OS_HERE, path, OS_READ) : -1;
	int given = fd;

	if (is_there && status->kind != OS_IS_FILE)
		return ncm_error_set(err, NCM_E_MANIFEST, "it is not a file");
	if (fd < 0 || os_fstat(fd, status) < 0)
		return ncm_error_errno(err, errno, "it cannot be read");
	fd = -1;
	return given;
}

struct ncm_workflow *ncm_workflow_read(const char *path, struct ncm_error *err)
{
	struct os_stat status;
	struct ncm_workflow *workflow = NULL;
	struct workflow_texts texts = {0};
	NCM_AUTO_CLOSE int fd = open_file(path, &status, err);

	if (fd >= 0) {
		const struct ncm_bytes bytes = ncm_bytes_of_file(&fd, status.size);

		if (workflow_texts_take(&bytes, workflow_carrier_of(&bytes), &texts, err) == 0)
			workflow = read_texts(&texts, err);
	}
	if (!workflow)
		ncm_error_wrap(err, "%s", path);
	workflow_texts_free(&texts);
	return workflow;
}

static bool is_either(const char *text)
{
	NCM_AUTO_JSON json_t *json = text ? workflow_parse(text, strlen(text), "", NULL) : NULL;

	return workflow_is_graph(json) || workflow_is_prompt(json);
}

bool ncm_workflow_is_in(const char *path)
{
	struct os_stat status;
	struct workflow_texts texts = {0};
	NCM_AUTO_CLOSE int fd = open_file(path, &status, NULL);
	bool is = false;

	if (fd >= 0) {
		const struct ncm_bytes bytes = ncm_bytes_of_file(&fd, status.size);
		const enum workflow_carrier carrier = workflow_carrier_of(&bytes);

		/* Of a picture or video there is nothing else to be had. */
		is = carrier == WORKFLOW_JSON
			 ? workflow_texts_take(&bytes, carrier, &texts, NULL) == 0 && is_either(texts.editor)
			 : carrier != WORKFLOW_NONE;
	}
	workflow_texts_free(&texts);
	return is;
}

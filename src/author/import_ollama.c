/* SPDX-License-Identifier: MIT */
/* `ollama pull` and `ollama run`, lists of bare names, and the table that `ollama list` prints. */
#include "author/import.h"

#include "author/shell.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

static bool is_ollama(const char *program, const char *action)
{
	const char *base = ncm_path_base(program);

	return (strcmp(base, "ollama") == 0 || strcmp(base, "ollama.exe") == 0) &&
	       (strcmp(action, "pull") == 0 || strcmp(action, "run") == 0);
}

/* Where the name would stand behind "ollama pull" or "ollama run", maybe at the end of the words; 0: neither. */
static size_t name_index(const struct ncm_strings *words)
{
	static const char *const talk[] = {"echo", "printf", NULL};
	static const char *const valued[] = {"--keepalive", "--format", "--dimensions", NULL};
	size_t at = 0;

	if (words->count == 0 || ncm_is_among(words->items[0], talk))
		return 0;
	/* "sudo", "docker exec ollama", "nohup" and the like go before it. */
	while (at + 1 < words->count && !is_ollama(words->items[at], words->items[at + 1]))
		at++;
	if (++at >= words->count)
		return 0;
	while (++at < words->count && words->items[at][0] == '-')
		at += ncm_is_among(words->items[at], valued);
	return at < words->count ? at : words->count;
}

/* A name that is known not to be Ollama's: the shipped model that it stands for. */
static bool take_instead(struct import *import, size_t line, const char *name)
{
	const char *plain = name + (ncm_source_gives_blobs(name) ? strlen(ncm_source_ollama.begins) : 0);
	const struct ncm_model *model = import_known_instead(import, plain);
	NCM_AUTO_FREE char *key = model ? ncm_asprintf("instead %s %s", model->profile, model->id) : NULL;

	if (!model)
		return false;
	if (!json_object_get(import->listed, key) && author_take(&import->author, model, line, name))
		author_tell(&import->author, line, name,
			    "is no model of Ollama's: %s of the profile %s is taken for it", model->id, model->profile);
	json_object_set_new(import->listed, key, json_true());
	return true;
}

void import_ollama_name(struct import *import, size_t line, const char *name)
{
	NCM_AUTO_FREE char *uri =
	    ncm_source_gives_blobs(name) ? ncm_strdup(name) : ncm_asprintf("%s%s", ncm_source_ollama.begins, name);

	if (!take_instead(import, line, name))
		import_item(import, &(const struct import_item){.line = line, .uri = uri});
}

bool import_ollama_command(struct import *import, size_t line, const struct ncm_strings *words, bool quiet)
{
	const size_t at = name_index(words);

	if (at == 0)
		return false;
	if (at == words->count)
		author_leave_out(&import->author, line, words->items[at - 1], "names no model");
	else if (!shell_is_open(words->items[at]))
		import_ollama_name(import, line, words->items[at]);
	else if (!quiet)
		author_leave_out(&import->author, line, words->items[at], "the script makes this name when it runs");
	return true;
}

/* The first line that is neither empty nor a comment; its number in *line. */
static const char *first_line(const char *text)
{
	for (;;) {
		text += strspn(text, " \t\r\n");
		if (*text != '#')
			return text;
		text += strcspn(text, "\n");
	}
}

bool import_is_ollama_table(const struct list *list)
{
	const char *line = first_line(list->text);

	return strncmp(line, "NAME", 4) == 0 && strchr(" \t", line[4]) && line[4];
}

/* A name as `ollama pull` takes it: "hf.co/Org/Repo:Q4_K_M", "llama3.2:3b". */
static bool is_name(const char *word, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";

	return size > 0 && size <= 300 && strspn(word, letters) >= size && !strchr("-./:@", *word);
}

bool import_is_ollama_names(const struct list *list)
{
	size_t count = 0;

	for (const char *at = list->text; *at; at += *at == '\n') {
		const char *line = at + strspn(at, " \t\r");
		const size_t size = strcspn(line, " \t\r\n#");
		const char *behind = line + size + strspn(line + size, " \t\r");

		at += strcspn(at, "\n");
		if (size == 0 && (*line == '#' || *line == '\n' || *line == '\0'))
			continue;
		if (!is_name(line, size) || (*behind && *behind != '\n' && *behind != '#'))
			return false;
		count++;
	}
	return count > 0 && !list->json;
}

static void take_line(struct import *import, size_t line, char *text, void *context)
{
	bool *is_table = context;
	char *rest = text + strspn(text, " \t");
	const char *name;

	rest[strcspn(rest, "#")] = '\0';
	name = strsep(&rest, " \t");
	if (*is_table && strcmp(name, "NAME") == 0)
		return;
	if (*name && rest && rest[strspn(rest, " \t")] && !*is_table)
		author_leave_out(&import->author, line, name, "is followed by more than a name");
	else if (*name)
		import_ollama_name(import, line, name);
}

/* A script of `ollama pull` lines is one of this format, too, for who says so. */
int import_ollama(struct import *import, const struct list *list, struct ncm_error *err)
{
	bool is_table = import_is_ollama_table(list);

	if (!is_table && import_is_script(list))
		return import_script(import, list, err);
	import_lines(import, list->text, take_line, &is_table);
	return 0;
}

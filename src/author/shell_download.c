/* SPDX-License-Identifier: MIT */
/* One download of a script: what of its address and place the text tells. */
#include "author/shell.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>

size_t shell_line_of(struct shell_run *run, const char *text, size_t line)
{
	enum { MOST_LINES_TOLD = 200 };
	const char *found = run->lines_told++ < MOST_LINES_TOLD ? strstr(run->text, text) : NULL;

	if (!found)
		return line;
	line = 1;
	for (const char *at = run->text; at < found; at++)
		line += *at == '\n';
	return line;
}

/* Without those parts of its query that the script makes when it runs: they are tokens. The caller frees it. */
static char *without_open_query(const char *address)
{
	char *text = ncm_strdup(address);
	char *query = strchr(text, '?');
	char *end = query;

	if (!query)
		return text;
	for (char *part = query + 1, *next; part; part = next) {
		const size_t size = strcspn(part, "&");

		next = part[size] ? part + size + 1 : NULL;
		part[size] = '\0';
		if (shell_is_open(part))
			continue;
		*end = end == query ? '?' : '&';
		memmove(end + 1, part, size + 1);
		end += 1 + size;
	}
	*end = '\0';
	return text;
}

/* Names of a shape that tells what is not a model, unless a folder of an application is said for it. */
static bool is_other_file(const char *name)
{
	static const char *const endings[] = {".sh",  ".py",  ".deb", ".rpm", ".whl", ".run", ".exe",  ".msi",
					      ".gpg", ".asc", ".key", ".png", ".jpg", ".md",  ".html", ".git"};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (ncm_path_has_suffix(name, endings[i]))
			return true;
	}
	return false;
}

char *shell_path(const struct shell_run *run, const char *path)
{
	return ncm_path_join(*path == '$' || *path == '~' ? NULL : run->folder, path);
}

char *shell_place_of(const struct shell_run *run, const char *folder, const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	NCM_AUTO_FREE char *above = slash ? ncm_strndup(name, (size_t)(slash - name)) : NULL;
	NCM_AUTO_FREE char *inner = above ? ncm_path_join(folder, above) : ncm_strdup_null(folder);
	char *place = shell_path(run, inner ? inner : "");

	if (*place && strcmp(place, ".") != 0)
		return place;
	free(place);
	return NULL;
}

/* What a script that is no model's brings, and addresses that nobody but the script knows. True: told. */
static bool is_refused(struct shell_run *run, size_t line, const char *address, const char *name)
{
	if (shell_is_open(address)) {
		if (!run->is_quiet && !shell_download_words(run, line, &run->arguments))
			author_leave_out(&run->import->author, line, address,
					 "the script makes this address when it runs");
	} else if (!ncm_source_of(address)) {
		author_leave_out(&run->import->author, line, address, "is no address that ncmodel knows");
	} else if (is_other_file(name ? name : ncm_path_base(address))) {
		author_tell(&run->import->author, line, address, "is no model by its name, and is not taken");
	} else {
		return false;
	}
	return true;
}

/* Without white space around it. The caller frees it. */
char *shell_trimmed(const char *text)
{
	size_t size;

	text += strspn(text, " \t\r\n");
	size = strlen(text);
	while (size > 0 && strchr(" \t\r\n", text[size - 1]))
		size--;
	return ncm_strndup(text, size);
}

bool shell_download_words(struct shell_run *run, size_t line, const struct ncm_strings *words)
{
	const char *address = NULL, *path = NULL;
	bool is_file;

	for (size_t i = 0; i < words->count; i++) {
		const char *word = words->items[i];

		if (!address && strstr(word, "://") && ncm_source_of(word + strspn(word, " \t\r\n")))
			address = word;
		else if (!path && strchr(word, '/') && *word != '-')
			path = word;
	}
	is_file = path && strchr(ncm_path_base(path), '.');
	if (address && !json_object_get(run->seen, address))
		shell_download(run, &(const struct shell_download){.line = line,
								   .address = address,
								   .folder = is_file ? NULL : path,
								   .name = is_file ? path : NULL});
	return address != NULL;
}

void shell_download(struct shell_run *run, const struct shell_download *download)
{
	NCM_AUTO_FREE char *spelled = shell_trimmed(download->address);
	NCM_AUTO_FREE char *address = without_open_query(spelled);
	NCM_AUTO_FREE char *place = shell_place_of(run, download->folder, download->name);
	const char *name = download->name ? ncm_path_base(download->name) : NULL;
	const size_t line = shell_line_of(run, download->address, download->line);

	json_object_set_new(run->seen, download->address, json_true());
	json_object_set_new(run->seen, spelled, json_true());
	if (is_refused(run, line, address, download->name))
		return;
	shell_put(run, &(const struct import_item){
			   .line = line,
			   .uri = address,
			   .place = place,
			   .name = name && *name && !shell_is_open(name) ? name : NULL,
			   .sha256 = download->sha256,
			   .more = download->more,
		       });
}

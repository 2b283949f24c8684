/* SPDX-License-Identifier: MIT */
/* The commands of scripts that bring models. Tokens are not looked at. */
#include "author/shell_options.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

struct loader {
	const char *name;
	const struct shell_option *options;
	const char *action; /* words behind the name, or NULL */
	void (*take)(struct shell_run *run, const struct shell_command *command, const struct shell_options *options);
};

/* One that begins with what only the script knows may be. */
static bool is_address(const char *word)
{
	return strstr(word, "://") || *word == '$';
}

/* "-i FILE": addresses of a text that the script has written, or reads. */
static void take_list(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	const char *text = strcmp(options->list, "-") == 0 || strcmp(options->list, "/dev/stdin") == 0
			       ? command->in
			       : ncm_json_string(run->files, options->list);
	NCM_AUTO_FREE char *place = shell_place_of(run, options->folder, NULL);

	if (text)
		import_addresses(run->import, text, shell_line_of(run, text, 1) - 1, place);
	else if (!run->is_quiet)
		author_leave_out(&run->import->author, command->line, options->list,
				 "its addresses are not in the script: import that file, too");
}

/* A program gets what comes through a pipe: that is no file. */
static bool goes_nowhere(const struct shell_command *command, const struct shell_options *options)
{
	return (options->name && strcmp(options->name, "-") == 0) || (command->is_piped && !options->name);
}

static void take_each(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	size_t number = 0;

	for (size_t i = 0; i < options->operands.count; i++) {
		const char *name = number < options->names.count ? options->names.items[number] : NULL;

		if (!is_address(options->operands.items[i]))
			continue;
		number++;
		shell_download(run, &(const struct shell_download){
					.line = command->line,
					.address = options->operands.items[i],
					.folder = options->folder,
					.name = name ? name : command->out,
					.sha256 = options->has_sha256 ? &options->sha256 : NULL,
				    });
	}
}

static void take_wget(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	const bool is_printed = options->name && strcmp(options->name, "-") == 0;
	struct shell_command plain = *command;
	struct shell_options named = *options;

	if (is_printed)
		named.names = (struct ncm_strings){0};
	else
		plain.out = NULL; /* "wget URL > log" */
	if (options->list)
		take_list(run, command, options);
	if (!is_printed || plain.out)
		take_each(run, &plain, &named);
}

static void take_curl(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	if (options->to_file || (!goes_nowhere(command, options) && (options->name || command->out)))
		take_each(run, command, options);
}

/* Several addresses are places of one file. */
static void take_aria2(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	struct ncm_strings more = {0};
	const char *first = NULL;

	if (options->list)
		take_list(run, command, options);
	for (size_t i = 0; i < options->operands.count; i++) {
		if (is_address(options->operands.items[i]) && first)
			ncm_strings_add(&more, options->operands.items[i]);
		else if (is_address(options->operands.items[i]))
			first = options->operands.items[i];
	}
	if (first)
		shell_download(run, &(const struct shell_download){
					.line = command->line,
					.address = first,
					.folder = options->folder,
					.name = options->name,
					.sha256 = options->has_sha256 ? &options->sha256 : NULL,
					.more = &more,
				    });
	ncm_strings_free(&more);
}

/* "comfy model download": the path is below ComfyUI. */
static void take_comfy(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	struct shell_options inside = *options;
	NCM_AUTO_FREE char *folder = options->folder ? ncm_path_join("ComfyUI", options->folder) : NULL;
	char *before = run->folder;

	inside.folder = folder;
	run->folder = ncm_strdup("");
	take_each(run, command, &inside);
	free(run->folder);
	run->folder = before;
}

/* What of a repository is wanted, without globs: files; else the repository with the choice. */
static bool has_globs(const struct ncm_strings *patterns)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (strpbrk(patterns->items[i], "*?["))
			return true;
	}
	return false;
}

static void take_hub_file(struct shell_run *run, const struct shell_command *command,
			  const struct shell_options *options, const char *repository, const char *file)
{
	NCM_AUTO_FREE char *place = shell_place_of(run, options->folder, NULL);
	NCM_AUTO_FREE char *uri =
	    ncm_asprintf("%s%s/%s%s%s", ncm_source_huggingface.begins, repository, file, options->revision ? "@" : "",
			 options->revision ? options->revision : "");

	shell_put(run, &(const struct import_item){.line = command->line,
						   .uri = uri,
						   .place = place,
						   .name = place ? file : NULL,
						   .store = options->folder ? NULL : "hf"});
}

static void take_hub_whole(struct shell_run *run, const struct shell_command *command,
			   const struct shell_options *options, const char *repository)
{
	NCM_AUTO_FREE char *place = shell_place_of(run, options->folder, NULL);
	NCM_AUTO_FREE char *uri =
	    ncm_asprintf("%s%s%s%s", ncm_source_huggingface.begins, repository, options->revision ? "@" : "",
			 options->revision ? options->revision : "");
	struct ncm_strings none = {0};

	shell_put(run, &(const struct import_item){.line = command->line,
						   .uri = uri,
						   .place = place,
						   .store = options->folder ? NULL : "hf",
						   .is_folder = true,
						   .include = options->include.count ? &options->include : &none,
						   .exclude = options->exclude.count ? &options->exclude : &none});
}

static void take_hub(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	const struct ncm_strings *operands = &options->operands;
	const char *repository = operands->count > 0 ? operands->items[0] : NULL;
	const bool chosen = options->include.count > 0 && options->exclude.count == 0 && !has_globs(&options->include);

	if (!repository || shell_is_open(repository)) {
		if (!run->is_quiet && !shell_download_words(run, command->line, &run->arguments))
			author_leave_out(&run->import->author, command->line, repository ? repository : "download",
					 "the script says when it runs what is downloaded");
	} else if (options->type && strcmp(options->type, "model") != 0) {
		author_tell(&run->import->author, command->line, repository, "is a %s, not a model, and is not taken",
			    options->type);
	} else if (operands->count == 1 && !chosen) {
		take_hub_whole(run, command, options, repository);
	} else {
		for (size_t i = 1; i < operands->count; i++)
			take_hub_file(run, command, options, repository, operands->items[i]);
		for (size_t i = 0; chosen && i < options->include.count; i++)
			take_hub_file(run, command, options, repository, options->include.items[i]);
	}
}

/* "git clone": repositories of models at Hugging Face alone; others are code. */
static void take_clone(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	static const char host[] = "://huggingface.co/";
	const struct ncm_strings *operands = &options->operands;
	const char *address = operands->count > 0 ? operands->items[0] : NULL;
	const char *name = address ? strstr(address, host) : NULL;

	if (!address || !is_address(address) || shell_is_open(address))
		return;
	json_object_set_new(run->seen, address, json_true());
	if (name) {
		NCM_AUTO_FREE char *repository = ncm_strdup(name + strlen(host));
		NCM_AUTO_FREE char *folder = operands->count > 1 ? NULL : ncm_strdup(ncm_path_base(repository));
		struct shell_options whole = {.folder = folder ? folder : operands->items[1]};

		if (ncm_path_has_suffix(repository, ".git"))
			repository[strlen(repository) - 4] = '\0';
		take_hub_whole(run, command, &whole, repository);
	} else {
		author_tell(&run->import->author, shell_line_of(run, address, command->line), address,
			    "is a repository of code, and is not taken");
	}
}

/* "pget ADDRESS PATH" */
static void take_pair(struct shell_run *run, const struct shell_command *command, const struct shell_options *options)
{
	const struct ncm_strings *operands = &options->operands;

	if (operands->count > 0 && is_address(operands->items[0]))
		shell_download(run, &(const struct shell_download){.line = command->line,
								   .address = operands->items[0],
								   .name = operands->count > 1 ? operands->items[1]
											       : options->name});
}

static const struct loader loaders[] = {
    {"wget", shell_wget_options, NULL, take_wget},
    {"wget2", shell_wget_options, NULL, take_wget},
    {"curl", shell_curl_options, NULL, take_curl},
    {"aria2c", shell_aria2_options, NULL, take_aria2},
    {"axel", shell_axel_options, NULL, take_each},
    {"pget", shell_no_options, NULL, take_pair},
    {"hf", shell_hub_options, "download", take_hub},
    {"huggingface-cli", shell_hub_options, "download", take_hub},
    {"comfy", shell_comfy_options, "model download", take_comfy},
    {"comfy-cli", shell_comfy_options, "model download", take_comfy},
    {"git", shell_git_options, "clone", take_clone},
    {"Invoke-WebRequest", shell_powershell_options, NULL, take_each},
    {"iwr", shell_powershell_options, NULL, take_each},
    {"Start-BitsTransfer", shell_powershell_options, NULL, take_each},
};

static const struct loader *find_loader(const char *name)
{
	const char *base = ncm_path_base(name);
	const size_t size = strlen(base) - (ncm_path_has_suffix(base, ".exe") ? 4 : 0);

	for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++) {
		if (strlen(loaders[i].name) == size && strncasecmp(loaders[i].name, base, size) == 0)
			return &loaders[i];
	}
	return NULL;
}

bool shell_is_loader(const char *name)
{
	return find_loader(name) && strcmp(name, "git") != 0;
}

/* Behind "model download", with options before and between; 0: it does something else. */
static size_t behind_action(const struct loader *loader, const struct ncm_strings *words)
{
	const char *action = loader->action ? loader->action : "";
	size_t at = 1;

	while (*action) {
		const size_t size = strcspn(action, " ");

		while (at < words->count && (words->items[at][0] == '-' || strcmp(words->items[at], "lfs") == 0))
			at++;
		if (at >= words->count || strlen(words->items[at]) != size ||
		    strncmp(words->items[at], action, size) != 0)
			return 0;
		at++;
		action += size + (action[size] == ' ');
	}
	return at;
}

/* A notebook's "!wget" */
static void cut_mark(const struct ncm_strings *words)
{
	if (words->items[0][0] == '!' && words->items[0][1])
		memmove(words->items[0], words->items[0] + 1, strlen(words->items[0]));
}

/* A program or function of another file gets an address that can only be a model's. */
static bool take_unknown(struct shell_run *run, const struct shell_command *command)
{
	static const char *const talk[] = {"echo", "printf", "export",  "[",   "[[",
					   "pip",  "pip3",   "apt-get", "apt", NULL};
	const struct ncm_strings *words = &command->words;

	if (ncm_is_among(words->items[0], talk))
		return false;
	for (size_t i = 1; i < words->count; i++) {
		NCM_AUTO_FREE char *name = strstr(words->items[i], "://") && ncm_source_of(words->items[i])
					       ? ncm_source_file_name(words->items[i])
					       : NULL;

		if (name && ncm_source_habit_of_name(name))
			return shell_download_words(run, command->line, words);
	}
	return false;
}

bool shell_take(struct shell_run *run, const struct shell_command *command)
{
	const struct ncm_strings *words = &command->words;
	const struct loader *loader;
	struct shell_options options = {0};
	size_t first;

	cut_mark(words);
	if (import_ollama_command(run->import, command->line, words, run->is_quiet))
		return true;
	if (shell_move(run, words))
		return true;
	loader = find_loader(words->items[0]);
	first = loader ? behind_action(loader, words) : 0;
	if (first == 0)
		return !loader && take_unknown(run, command);
	shell_options_read(loader->options, words, first, &options);
	loader->take(run, command, &options);
	shell_options_clear(&options);
	return true;
}

/* SPDX-License-Identifier: MIT */
/* The commands of scripts that bring models, and what their options say of names and folders. Tokens are not looked at.
 */
#include "author/shell.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "digest/name.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

/* What the options of a command said. */
struct options {
	struct ncm_strings operands;
	const char *folder, *name, *list, *revision, *type;
	struct ncm_strings names; /* of several downloads, in order */
	struct ncm_strings include, exclude;
	bool has_sha256, to_file;
	struct ncm_sha256 sha256;
};

enum meaning {
	MEANS_NOTHING, /* it has a value, which does not matter */
	MEANS_FOLDER,
	MEANS_NAME, /* may be a path */
	MEANS_LIST,
	MEANS_ADDRESS,
	MEANS_CHECKSUM,
	MEANS_REVISION,
	MEANS_TYPE,
	MEANS_INCLUDE,
	MEANS_EXCLUDE,
	MEANS_TO_FILE, /* a flag: under the name that the address has */
};

/* "-X" or "--long"; only those with a value, and flags that mean something. */
struct option {
	const char *name;
	enum meaning meaning;
};

struct loader {
	const char *name;
	const struct option *options;
	const char *action; /* words behind the name, or NULL */
	void (*take)(struct shell_run *run, const struct shell_command *command, const struct options *options);
};

static const struct option wget_options[] = {{"-O", MEANS_NAME},           {"--output-document", MEANS_NAME},
					     {"-P", MEANS_FOLDER},         {"--directory-prefix", MEANS_FOLDER},
					     {"-i", MEANS_LIST},           {"--input-file", MEANS_LIST},
					     {"-o", MEANS_NOTHING},        {"-a", MEANS_NOTHING},
					     {"-e", MEANS_NOTHING},        {"-t", MEANS_NOTHING},
					     {"-T", MEANS_NOTHING},        {"-U", MEANS_NOTHING},
					     {"-n", MEANS_NOTHING},        {"--header", MEANS_NOTHING},
					     {"--referer", MEANS_NOTHING}, {NULL, MEANS_NOTHING}};

static const struct option curl_options[] = {
    {"-o", MEANS_NAME},           {"--output", MEANS_NAME},    {"--output-dir", MEANS_FOLDER},
    {"--url", MEANS_ADDRESS},     {"-O", MEANS_TO_FILE},       {"--remote-name", MEANS_TO_FILE},
    {"-H", MEANS_NOTHING},        {"--header", MEANS_NOTHING}, {"-A", MEANS_NOTHING},
    {"-u", MEANS_NOTHING},        {"-C", MEANS_NOTHING},       {"-e", MEANS_NOTHING},
    {"-x", MEANS_NOTHING},        {"-m", MEANS_NOTHING},       {"-w", MEANS_NOTHING},
    {"-X", MEANS_NOTHING},        {"-d", MEANS_NOTHING},       {"--retry", MEANS_NOTHING},
    {"--referer", MEANS_NOTHING}, {"--proxy", MEANS_NOTHING},  {"-b", MEANS_NOTHING},
    {NULL, MEANS_NOTHING}};

static const struct option aria2_options[] = {
    {"-d", MEANS_FOLDER},  {"--dir", MEANS_FOLDER},        {"-o", MEANS_NAME},          {"--out", MEANS_NAME},
    {"-i", MEANS_LIST},    {"--input-file", MEANS_LIST},   {"-x", MEANS_NOTHING},       {"-s", MEANS_NOTHING},
    {"-k", MEANS_NOTHING}, {"-j", MEANS_NOTHING},          {"-m", MEANS_NOTHING},       {"-U", MEANS_NOTHING},
    {"-l", MEANS_NOTHING}, {"--checksum", MEANS_CHECKSUM}, {"--header", MEANS_NOTHING}, {NULL, MEANS_NOTHING}};

static const struct option hub_options[] = {
    {"--local-dir", MEANS_FOLDER}, {"--cache-dir", MEANS_NOTHING},   {"--revision", MEANS_REVISION},
    {"--include", MEANS_INCLUDE},  {"--exclude", MEANS_EXCLUDE},     {"--token", MEANS_NOTHING},
    {"--repo-type", MEANS_TYPE},   {"--max-workers", MEANS_NOTHING}, {"--local-dir-use-symlinks", MEANS_NOTHING},
    {NULL, MEANS_NOTHING}};

static const struct option comfy_options[] = {{"--url", MEANS_ADDRESS},
					      {"--relative-path", MEANS_FOLDER},
					      {"--filename", MEANS_NAME},
					      {"--workspace", MEANS_NOTHING},
					      {"--set-civitai-api-token", MEANS_NOTHING},
					      {"--set-hf-api-token", MEANS_NOTHING},
					      {"--downloader", MEANS_NOTHING},
					      {NULL, MEANS_NOTHING}};

static const struct option axel_options[] = {
    {"-o", MEANS_NAME}, {"--output", MEANS_NAME}, {"-n", MEANS_NOTHING}, {"-H", MEANS_NOTHING}, {NULL, MEANS_NOTHING}};

static const struct option powershell_options[] = {{"-Uri", MEANS_ADDRESS},      {"-OutFile", MEANS_NAME},
						   {"-Headers", MEANS_NOTHING},  {"-Source", MEANS_ADDRESS},
						   {"-Destination", MEANS_NAME}, {NULL, MEANS_NOTHING}};

static const struct option git_options[] = {{"--depth", MEANS_NOTHING},
					    {"--branch", MEANS_NOTHING},
					    {"-b", MEANS_NOTHING},
					    {"-c", MEANS_NOTHING},
					    {NULL, MEANS_NOTHING}};

static const struct option no_options[] = {{NULL, MEANS_NOTHING}};

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

/* The place that the script says, from where it was started. The caller frees it; NULL: it says none. */
static char *place_of(const struct shell_run *run, const char *folder, const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;
	NCM_AUTO_FREE char *above = slash ? ncm_strndup(name, (size_t)(slash - name)) : NULL;
	NCM_AUTO_FREE char *inner = above ? ncm_path_join(folder, above) : ncm_strdup_null(folder);
	const bool is_own = inner && (*inner == '$' || *inner == '~');
	char *place = is_own ? ncm_strdup(inner) : ncm_path_join(run->folder, inner ? inner : "");

	if (*place && strcmp(place, ".") != 0)
		return place;
	free(place);
	return NULL;
}

/* What a script that is no model's brings, and addresses that nobody but the script knows. True: told. */
static bool is_refused(struct shell_run *run, const struct shell_download *download, const char *address)
{
	const size_t line = shell_line_of(run, download->address, download->line);
	const char *base = ncm_path_base(address);

	if (shell_is_open(address)) {
		if (!run->is_quiet)
			author_leave_out(&run->import->author, line, address,
					 "the script makes this address when it runs");
	} else if (!ncm_source_of(address)) {
		author_leave_out(&run->import->author, line, address, "is no address that ncmodel knows");
	} else if (is_other_file(download->name ? download->name : base)) {
		author_tell(&run->import->author, line, address, "is no model by its name, and is not taken");
	} else {
		return false;
	}
	return true;
}

void shell_download(struct shell_run *run, const struct shell_download *download)
{
	NCM_AUTO_FREE char *address = without_open_query(download->address);
	NCM_AUTO_FREE char *place = place_of(run, download->folder, download->name);
	const char *name = download->name ? ncm_path_base(download->name) : NULL;

	json_object_set_new(run->seen, download->address, json_true());
	if (is_refused(run, download, address))
		return;
	import_item(run->import, &(const struct import_item){
				     .line = shell_line_of(run, download->address, download->line),
				     .uri = address,
				     .place = place,
				     .name = name && *name && !shell_is_open(name) ? name : NULL,
				     .sha256 = download->sha256,
				     .more = download->more,
				 });
}

static void take_checksum(const char *value, struct options *options)
{
	static const char sha256[] = "sha-256=";

	if (strncasecmp(value, sha256, strlen(sha256)) == 0)
		options->has_sha256 = ncm_sha256_parse_any_case(value + strlen(sha256), &options->sha256) == 0;
}

static void take_option(enum meaning meaning, const char *value, struct options *options)
{
	switch (meaning) {
	case MEANS_FOLDER:
		options->folder = value;
		break;
	case MEANS_NAME:
		options->name = value;
		ncm_strings_add(&options->names, value);
		break;
	case MEANS_LIST:
		options->list = value;
		break;
	case MEANS_ADDRESS:
		ncm_strings_add(&options->operands, value);
		break;
	case MEANS_CHECKSUM:
		take_checksum(value, options);
		break;
	case MEANS_REVISION:
		options->revision = value;
		break;
	case MEANS_TYPE:
		options->type = value;
		break;
	case MEANS_INCLUDE:
		ncm_strings_add(&options->include, value);
		break;
	case MEANS_EXCLUDE:
		ncm_strings_add(&options->exclude, value);
		break;
	case MEANS_TO_FILE:
		options->to_file = true;
		break;
	case MEANS_NOTHING:
		break;
	}
}

static const struct option *find_option(const struct option *options, const char *name, size_t size)
{
	for (; options->name; options++) {
		if (strlen(options->name) == size && strncmp(options->name, name, size) == 0)
			return options;
	}
	return NULL;
}

/* "--name=VALUE", "--name VALUE". Returns how many further words it took. */
static size_t read_long(const struct loader *loader, const char *given, const char *next, struct options *options)
{
	const size_t size = strcspn(given, "=");
	const struct option *option = find_option(loader->options, given, size);

	if (!option)
		return 0;
	if (given[size] == '=' || option->meaning == MEANS_TO_FILE) {
		take_option(option->meaning, given[size] ? given + size + 1 : "", options);
		return 0;
	}
	if (next)
		take_option(option->meaning, next, options);
	return next != NULL;
}

/* "-qO NAME", "-qONAME": flags in a row, the last of which may have a value. */
static size_t read_short(const struct loader *loader, const char *given, const char *next, struct options *options)
{
	for (given++; *given; given++) {
		const char name[] = {'-', *given, '\0'};
		const struct option *option = find_option(loader->options, name, 2);

		if (!option)
			continue;
		if (option->meaning == MEANS_TO_FILE) {
			options->to_file = true;
			continue;
		}
		if (given[1]) {
			take_option(option->meaning, given + 1 + (given[1] == '='), options);
			return 0;
		}
		if (next)
			take_option(option->meaning, next, options);
		return next != NULL;
	}
	return 0;
}

static void read_options(const struct loader *loader, const struct ncm_strings *words, size_t first,
			 struct options *options)
{
	for (size_t i = first; i < words->count; i++) {
		const char *given = words->items[i];
		const char *next = i + 1 < words->count ? words->items[i + 1] : NULL;

		if (*given != '-' || given[1] == '\0')
			ncm_strings_add(&options->operands, given);
		else if (given[1] == '-' || loader->options == powershell_options)
			i += read_long(loader, given, next, options);
		else
			i += read_short(loader, given, next, options);
	}
}

static void clear_options(struct options *options)
{
	ncm_strings_free(&options->operands);
	ncm_strings_free(&options->names);
	ncm_strings_free(&options->include);
	ncm_strings_free(&options->exclude);
}

/* One that begins with what only the script knows may be. */
static bool is_address(const char *word)
{
	return strstr(word, "://") || *word == '$';
}

/* "-i FILE": addresses of a text that the script has written, or reads. */
static void take_list(struct shell_run *run, const struct shell_command *command, const struct options *options)
{
	const char *text = strcmp(options->list, "-") == 0 || strcmp(options->list, "/dev/stdin") == 0
			       ? command->in
			       : ncm_json_string(run->files, options->list);
	NCM_AUTO_FREE char *place = place_of(run, options->folder, NULL);

	if (text)
		import_addresses(run->import, text, shell_line_of(run, text, 1) - 1, place);
	else if (!run->is_quiet)
		author_leave_out(&run->import->author, command->line, options->list,
				 "its addresses are not in the script: import that file, too");
}

/* A program gets what comes through a pipe: that is no file. */
static bool goes_nowhere(const struct shell_command *command, const struct options *options)
{
	return (options->name && strcmp(options->name, "-") == 0) || (command->is_piped && !options->name);
}

static void take_each(struct shell_run *run, const struct shell_command *command, const struct options *options)
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

static void take_wget(struct shell_run *run, const struct shell_command *command, const struct options *options)
{
	struct shell_command plain = *command;

	/* "wget URL > log" */
	plain.out = options->name && strcmp(options->name, "-") == 0 ? command->out : NULL;
	if (options->list)
		take_list(run, command, options);
	if (plain.out) {
		struct options to_file = *options;

		to_file.names = (struct ncm_strings){0};
		take_each(run, &plain, &to_file);
	} else if (!options->name || strcmp(options->name, "-") != 0) {
		take_each(run, &plain, options);
	}
}

static void take_curl(struct shell_run *run, const struct shell_command *command, const struct options *options)
{
	if (options->to_file || (!goes_nowhere(command, options) && (options->name || command->out)))
		take_each(run, command, options);
}

/* Several addresses are places of one file. */
static void take_aria2(struct shell_run *run, const struct shell_command *command, const struct options *options)
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
static void take_comfy(struct shell_run *run, const struct shell_command *command, const struct options *options)
{
	struct options inside = *options;
	NCM_AUTO_FREE char *folder = options->folder ? ncm_path_join("ComfyUI", options->folder) : NULL;
	NCM_AUTO_FREE char *before = run->folder;

	inside.folder = folder;
	run->folder = ncm_strdup("");
	take_each(run, command, &inside);
	free(run->folder);
	run->folder = before;
	before = NULL;
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

static void take_hub_file(struct shell_run *run, const struct shell_command *command, const struct options *options,
			  const char *repository, const char *file)
{
	NCM_AUTO_FREE char *place = place_of(run, options->folder, NULL);
	NCM_AUTO_FREE char *uri =
	    ncm_asprintf("%s%s/%s%s%s", ncm_source_huggingface.begins, repository, file, options->revision ? "@" : "",
			 options->revision ? options->revision : "");

	import_item(run->import, &(const struct import_item){.line = command->line,
							     .uri = uri,
							     .place = place,
							     .name = place ? file : NULL,
							     .store = place ? NULL : "hf"});
}

static void take_hub_whole(struct shell_run *run, const struct shell_command *command, const struct options *options,
			   const char *repository)
{
	NCM_AUTO_FREE char *place = place_of(run, options->folder, NULL);
	NCM_AUTO_FREE char *uri =
	    ncm_asprintf("%s%s%s%s", ncm_source_huggingface.begins, repository, options->revision ? "@" : "",
			 options->revision ? options->revision : "");
	struct ncm_strings none = {0};

	import_item(run->import,
		    &(const struct import_item){.line = command->line,
						.uri = uri,
						.place = place,
						.store = place ? NULL : "hf",
						.is_folder = true,
						.include = options->include.count ? &options->include : &none,
						.exclude = options->exclude.count ? &options->exclude : &none});
}

static void take_hub(struct shell_run *run, const struct shell_command *command, const struct options *options)
{
	const struct ncm_strings *operands = &options->operands;
	const char *repository = operands->count > 0 ? operands->items[0] : NULL;
	const bool chosen = options->include.count > 0 && options->exclude.count == 0 && !has_globs(&options->include);

	if (!repository || shell_is_open(repository)) {
		if (!run->is_quiet)
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
static void take_clone(struct shell_run *run, const struct shell_command *command, const struct options *options)
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
		struct options whole = {.folder = folder ? folder : operands->items[1]};

		if (ncm_path_has_suffix(repository, ".git"))
			repository[strlen(repository) - 4] = '\0';
		take_hub_whole(run, command, &whole, repository);
	} else {
		author_tell(&run->import->author, shell_line_of(run, address, command->line), address,
			    "is a repository of code, and is not taken");
	}
}

/* "pget ADDRESS PATH" */
static void take_pair(struct shell_run *run, const struct shell_command *command, const struct options *options)
{
	const struct ncm_strings *operands = &options->operands;

	if (operands->count > 0 && is_address(operands->items[0]))
		shell_download(run, &(const struct shell_download){.line = command->line,
								   .address = operands->items[0],
								   .name = operands->count > 1 ? operands->items[1]
											       : options->name});
}

static const struct loader loaders[] = {
    {"wget", wget_options, NULL, take_wget},
    {"wget2", wget_options, NULL, take_wget},
    {"curl", curl_options, NULL, take_curl},
    {"aria2c", aria2_options, NULL, take_aria2},
    {"axel", axel_options, NULL, take_each},
    {"pget", no_options, NULL, take_pair},
    {"hf", hub_options, "download", take_hub},
    {"huggingface-cli", hub_options, "download", take_hub},
    {"comfy", comfy_options, "model download", take_comfy},
    {"comfy-cli", comfy_options, "model download", take_comfy},
    {"git", git_options, "clone", take_clone},
    {"Invoke-WebRequest", powershell_options, NULL, take_each},
    {"iwr", powershell_options, NULL, take_each},
    {"Start-BitsTransfer", powershell_options, NULL, take_each},
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

bool shell_take(struct shell_run *run, const struct shell_command *command)
{
	const struct ncm_strings *words = &command->words;
	const struct loader *loader;
	struct options options = {0};
	size_t first;

	cut_mark(words);
	if (import_ollama_command(run->import, command->line, words, run->is_quiet))
		return true;
	loader = find_loader(words->items[0]);
	first = loader ? behind_action(loader, words) : 0;
	if (first == 0)
		return false;
	read_options(loader, words, first, &options);
	loader->take(run, command, &options);
	clear_options(&options);
	return true;
}

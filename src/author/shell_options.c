/* SPDX-License-Identifier: MIT */
#include "author/shell_options.h"

#include "base/mem.h"
#include "base/strings.h"
#include "digest/name.h"

#include <string.h>
#include <strings.h>

const struct shell_option shell_wget_options[] = {{"-O", MEANS_NAME},           {"--output-document", MEANS_NAME},
						  {"-P", MEANS_FOLDER},         {"--directory-prefix", MEANS_FOLDER},
						  {"-i", MEANS_LIST},           {"--input-file", MEANS_LIST},
						  {"-o", MEANS_NOTHING},        {"-a", MEANS_NOTHING},
						  {"-e", MEANS_NOTHING},        {"-t", MEANS_NOTHING},
						  {"-T", MEANS_NOTHING},        {"-U", MEANS_NOTHING},
						  {"-n", MEANS_NOTHING},        {"--header", MEANS_NOTHING},
						  {"--referer", MEANS_NOTHING}, {NULL, MEANS_NOTHING}};

const struct shell_option shell_curl_options[] = {
    {"-o", MEANS_NAME},           {"--output", MEANS_NAME},    {"--output-dir", MEANS_FOLDER},
    {"--url", MEANS_ADDRESS},     {"-O", MEANS_TO_FILE},       {"--remote-name", MEANS_TO_FILE},
    {"-H", MEANS_NOTHING},        {"--header", MEANS_NOTHING}, {"-A", MEANS_NOTHING},
    {"-u", MEANS_NOTHING},        {"-C", MEANS_NOTHING},       {"-e", MEANS_NOTHING},
    {"-x", MEANS_NOTHING},        {"-m", MEANS_NOTHING},       {"-w", MEANS_NOTHING},
    {"-X", MEANS_NOTHING},        {"-d", MEANS_NOTHING},       {"--retry", MEANS_NOTHING},
    {"--referer", MEANS_NOTHING}, {"--proxy", MEANS_NOTHING},  {"-b", MEANS_NOTHING},
    {NULL, MEANS_NOTHING}};

const struct shell_option shell_aria2_options[] = {
    {"-d", MEANS_FOLDER},  {"--dir", MEANS_FOLDER},        {"-o", MEANS_NAME},          {"--out", MEANS_NAME},
    {"-i", MEANS_LIST},    {"--input-file", MEANS_LIST},   {"-x", MEANS_NOTHING},       {"-s", MEANS_NOTHING},
    {"-k", MEANS_NOTHING}, {"-j", MEANS_NOTHING},          {"-m", MEANS_NOTHING},       {"-U", MEANS_NOTHING},
    {"-l", MEANS_NOTHING}, {"--checksum", MEANS_CHECKSUM}, {"--header", MEANS_NOTHING}, {NULL, MEANS_NOTHING}};

const struct shell_option shell_hub_options[] = {
    {"--local-dir", MEANS_FOLDER}, {"--cache-dir", MEANS_NOTHING},   {"--revision", MEANS_REVISION},
    {"--include", MEANS_INCLUDE},  {"--exclude", MEANS_EXCLUDE},     {"--token", MEANS_NOTHING},
    {"--repo-type", MEANS_TYPE},   {"--max-workers", MEANS_NOTHING}, {"--local-dir-use-symlinks", MEANS_NOTHING},
    {NULL, MEANS_NOTHING}};

const struct shell_option shell_comfy_options[] = {{"--url", MEANS_ADDRESS},
						   {"--relative-path", MEANS_FOLDER},
						   {"--filename", MEANS_NAME},
						   {"--workspace", MEANS_NOTHING},
						   {"--set-civitai-api-token", MEANS_NOTHING},
						   {"--set-hf-api-token", MEANS_NOTHING},
						   {"--downloader", MEANS_NOTHING},
						   {NULL, MEANS_NOTHING}};

const struct shell_option shell_axel_options[] = {
    {"-o", MEANS_NAME}, {"--output", MEANS_NAME}, {"-n", MEANS_NOTHING}, {"-H", MEANS_NOTHING}, {NULL, MEANS_NOTHING}};

const struct shell_option shell_powershell_options[] = {{"-Uri", MEANS_ADDRESS},      {"-OutFile", MEANS_NAME},
							{"-Headers", MEANS_NOTHING},  {"-Source", MEANS_ADDRESS},
							{"-Destination", MEANS_NAME}, {NULL, MEANS_NOTHING}};

const struct shell_option shell_git_options[] = {{"--depth", MEANS_NOTHING},
						 {"--branch", MEANS_NOTHING},
						 {"-b", MEANS_NOTHING},
						 {"-c", MEANS_NOTHING},
						 {NULL, MEANS_NOTHING}};

const struct shell_option shell_no_options[] = {{NULL, MEANS_NOTHING}};

static void take_checksum(const char *value, struct shell_options *options)
{
	static const char sha256[] = "sha-256=";

	if (strncasecmp(value, sha256, strlen(sha256)) == 0)
		options->has_sha256 = ncm_sha256_parse_any_case(value + strlen(sha256), &options->sha256) == 0;
}

static void take_option(enum shell_meaning meaning, const char *value, struct shell_options *options)
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

static const struct shell_option *find_option(const struct shell_option *options, const char *name, size_t size)
{
	for (; options->name; options++) {
		if (strlen(options->name) == size && strncmp(options->name, name, size) == 0)
			return options;
	}
	return NULL;
}

/* "--name=VALUE", "--name VALUE". Returns how many further words it took. */
static size_t read_long(const struct shell_option *known, const char *given, const char *next,
			struct shell_options *options)
{
	const size_t size = strcspn(given, "=");
	const struct shell_option *option = find_option(known, given, size);

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
static size_t read_short(const struct shell_option *known, const char *given, const char *next,
			 struct shell_options *options)
{
	for (given++; *given; given++) {
		const char name[] = {'-', *given, '\0'};
		const struct shell_option *option = find_option(known, name, 2);

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

/* "--include A B": words behind a choice of files belong to it, once the repository is said. Returns the meaning. */
static enum shell_meaning list_meaning(const struct shell_option *known, const char *given,
				       const struct shell_options *options)
{
	const struct shell_option *option = find_option(known, given, strlen(given));
	const bool is_choice = option && (option->meaning == MEANS_INCLUDE || option->meaning == MEANS_EXCLUDE);

	return is_choice && options->operands.count > 0 ? option->meaning : MEANS_NOTHING;
}

void shell_options_read(const struct shell_option *known, const struct ncm_strings *words, size_t first,
			struct shell_options *options)
{
	enum shell_meaning list = MEANS_NOTHING;

	for (size_t i = first; i < words->count; i++) {
		const char *given = words->items[i];
		const char *next = i + 1 < words->count ? words->items[i + 1] : NULL;
		const bool is_word = *given != '-' || given[1] == '\0';

		if (!is_word)
			list = list_meaning(known, given, options);
		if (is_word && list != MEANS_NOTHING)
			take_option(list, given, options);
		else if (is_word)
			ncm_strings_add(&options->operands, given);
		else if (given[1] == '-' || known == shell_powershell_options)
			i += read_long(known, given, next, options);
		else
			i += read_short(known, given, next, options);
	}
}

void shell_options_clear(struct shell_options *options)
{
	ncm_strings_free(&options->operands);
	ncm_strings_free(&options->names);
	ncm_strings_free(&options->include);
	ncm_strings_free(&options->exclude);
}

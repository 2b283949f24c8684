/* SPDX-License-Identifier: MIT */
/* Completions, generated from the command table. Names of models and profiles are asked for when they are needed. */
#include "command.h"

#include "ui/text.h"

#include <stdio.h>
#include <string.h>

/* Calls `each` for every option that a command knows, the global ones too (command NULL: those alone). */
static void each_option(const struct command *command, FILE *out,
			void (*each)(const struct option *option, const struct command *command, FILE *out))
{
	for (const struct option *option = options_global.options; option->name; option++)
		each(option, command, out);
	for (size_t i = 0; command && command->groups[i]; i++) {
		for (const struct option *option = command->groups[i]->options; option->name; option++)
			each(option, command, out);
	}
}

static bool has_value(const struct option *option)
{
	return option->argument != NULL;
}

static void put_name(const struct option *option, const struct command *command, FILE *out)
{
	(void)command;
	if (option->letter)
		fprintf(out, " -%c", option->letter);
	fprintf(out, " --%s", option->name);
}

static void put_commands(FILE *out)
{
	for (const struct command *const *command = commands; *command; command++)
		fprintf(out, " %s%s%s", (*command)->name, (*command)->alias ? " " : "",
			(*command)->alias ? (*command)->alias : "");
}

/* bash: one case for the values of options, one for what a command takes. Model names are data, never expanded. */

static void bash_value(const struct option *option, const struct command *command, FILE *out)
{
	const char *action = option->words                            ? "words"
			     : option->completes == COMPLETES_FILE    ? "files"
			     : option->completes == COMPLETES_FOLDER  ? "folders"
			     : option->completes == COMPLETES_PROFILE ? "profiles"
								      : "nothing";

	if (!has_value(option))
		return;
	fprintf(out, "\t%s:--%s", command ? command->name : "*", option->name);
	if (option->letter)
		fprintf(out, "|%s:-%c", command ? command->name : "*", option->letter);
	fprintf(out, ") _ncmodel_%s", action);
	if (option->words)
		fprintf(out, " \"%s\"", option->words);
	fputs("; return ;;\n", out);
}

static void bash_case(const struct command *command, FILE *out)
{
	fprintf(out, "\t%s)\n\t\toptions=\"", command->name);
	each_option(command, out, put_name);
	fputs("\"\n", out);
	if (command->words)
		fprintf(out, "\t\twords=\"%s\"\n", command->words);
	if (command->operands == OPERANDS_MODELS)
		fputs("\t\toperands=models\n", out);
	if (command->operands == OPERANDS_FILES)
		fputs("\t\toperands=files\n", out);
	fputs("\t\t;;\n", out);
}

static const char bash_head[] =
    "# bash completion for ncmodel, made by `ncmodel completion bash`\n"
    "_ncmodel_words()\n{\n\tlocal word\n\tfor word in $1; do\n"
    "\t\t[[ $word == \"$current\"* ]] && COMPREPLY+=(\"$word\")\n\tdone\n}\n"
    "_ncmodel_lines()\n{\n\tlocal line\n\twhile IFS= read -r line; do\n"
    "\t\t[[ $line == \"$current\"* ]] && COMPREPLY+=(\"$line\")\n\tdone\n}\n"
    "_ncmodel_files()\n{\n\tcompopt -o filenames 2>/dev/null\n"
    "\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n}\n"
    "_ncmodel_folders()\n{\n\tcompopt -o filenames 2>/dev/null\n"
    "\tmapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n}\n"
    "_ncmodel_profiles()\n{\n\t_ncmodel_lines < <(ncmodel profiles -q 2>/dev/null)\n}\n"
    "_ncmodel_models()\n{\n\t_ncmodel_lines < <({ ncmodel list -q; ncmodel list --available -q; } 2>/dev/null "
    "| sort -u)\n}\n"
    "_ncmodel_nothing()\n{\n\t:\n}\n"
    "_ncmodel()\n{\n"
    "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
    "\tlocal command=\"\" options=\"\" words=\"\" operands=\"\" word\n"
    "\tCOMPREPLY=()\n"
    "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
    "\t\tcase \" $_ncmodel_commands \" in *\" $word \"*) command=$word; break ;; esac\n"
    "\tdone\n";

static void print_bash(FILE *out)
{
	fputs("_ncmodel_commands=\"", out);
	put_commands(out);
	fputs("\"\n", out);
	fputs(bash_head, out);
	for (const struct command *const *command = commands; *command; command++) {
		if ((*command)->alias)
			fprintf(out, "\t[[ $command == %s ]] && command=%s\n", (*command)->alias, (*command)->name);
	}
	fputs("\tcase $command:$previous in\n", out);
	for (const struct option *option = options_global.options; option->name; option++)
		bash_value(option, NULL, out);
	for (const struct command *const *command = commands; *command; command++) {
		for (size_t i = 0; (*command)->groups[i]; i++) {
			for (const struct option *option = (*command)->groups[i]->options; option->name; option++)
				bash_value(option, *command, out);
		}
	}
	fputs("\tesac\n\tcase $command in\n", out);
	for (const struct command *const *command = commands; *command; command++)
		bash_case(*command, out);
	fputs("\t*)\n\t\toptions=\"", out);
	each_option(NULL, out, put_name);
	fputs("\"\n\t\twords=$_ncmodel_commands\n\t\t;;\n\tesac\n"
	      "\tif [[ $current == -* ]]; then\n\t\t_ncmodel_words \"$options\"\n\t\treturn\n\tfi\n"
	      "\t[[ $words && ( $operands != files || $previous == \"$command\" ) ]] && _ncmodel_words \"$words\"\n"
	      "\t[[ $operands && ! ( $words && $previous == \"$command\" ) ]] && \"_ncmodel_$operands\"\n"
	      "\treturn 0\n}\ncomplete -F _ncmodel ncmodel\n",
	      out);
}

/* Text inside a single-quoted word of zsh or fish. */
static void put_quoted(const char *text, const char *special, FILE *out)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else if (strchr(special, *text))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static bool can_repeat(const struct option *option)
{
	return option->kind == OPTION_LIST || option->kind == OPTION_WORDS || option->kind == OPTION_COUNT;
}

static void zsh_spelling(const struct option *option, const char *dashes, const char *name, FILE *out)
{
	fprintf(out, " \\\n\t\t'%s%s%s%s[", can_repeat(option) ? "*" : "", dashes, name,
		has_value(option) ? (dashes[1] ? "=" : "+") : "");
	put_quoted(option->help, "[]:\\", out);
	fputc(']', out);
	if (has_value(option)) {
		fputc(':', out);
		put_quoted(option->argument, "[]:\\", out);
		fputc(':', out);
		if (option->words)
			fprintf(out, "(%s)", option->words);
		else if (option->completes == COMPLETES_FILE)
			fputs("_files", out);
		else if (option->completes == COMPLETES_FOLDER)
			fputs("_files -/", out);
		else if (option->completes == COMPLETES_PROFILE)
			fputs("_ncmodel_profiles", out);
	}
	fputc('\'', out);
}

static void zsh_option(const struct option *option, const struct command *command, FILE *out)
{
	(void)command;
	if (option->letter)
		zsh_spelling(option, "-", (char[]){option->letter, '\0'}, out);
	zsh_spelling(option, "--", option->name, out);
}

static void zsh_command(const struct command *command, FILE *out)
{
	fprintf(out, "\t%s", command->name);
	if (command->alias)
		fprintf(out, "|%s", command->alias);
	fputs(")\n\t\t_arguments -s", out);
	each_option(command, out, zsh_option);
	if (command->operands == OPERANDS_MODELS)
		fputs(" \\\n\t\t'*:model:_ncmodel_models'", out);
	else if (command->operands == OPERANDS_FILES)
		fprintf(out, " \\\n\t\t'1:action:(%s)' '*:file:_files'", command->words);
	else if (command->words)
		fprintf(out, " \\\n\t\t'*:word:(%s)'", command->words);
	fputs("\n\t\t;;\n", out);
}

static void print_zsh(FILE *out)
{
	fputs("#compdef ncmodel\n# zsh completion for ncmodel, made by `ncmodel completion zsh`\n"
	      "_ncmodel_models() {\n\tlocal -a models\n"
	      "\tmodels=(${(fu)\"$({ ncmodel list -q; ncmodel list --available -q; } 2>/dev/null)\"})\n"
	      "\tcompadd -a models\n}\n"
	      "_ncmodel_profiles() {\n\tlocal -a profiles\n"
	      "\tprofiles=(${(f)\"$(ncmodel profiles -q 2>/dev/null)\"})\n\tcompadd -a profiles\n}\n"
	      "_ncmodel() {\n\tlocal context state line\n\tlocal -a commands\n\tcommands=(\n",
	      out);
	for (const struct command *const *command = commands; *command; command++) {
		fprintf(out, "\t\t'%s:", (*command)->name);
		put_quoted((*command)->summary, ":", out);
		fputs("'\n", out);
	}
	fputs("\t)\n\t_arguments -s -C", out);
	each_option(NULL, out, zsh_option);
	fputs(" \\\n\t\t'1: :->command' '*:: :->argument'\n"
	      "\tif [[ $state == command ]]; then\n\t\t_describe command commands\n\t\treturn\n\tfi\n"
	      "\t[[ $state == argument ]] || return\n\tcase $words[1] in\n",
	      out);
	for (const struct command *const *command = commands; *command; command++)
		zsh_command(*command, out);
	fputs("\tesac\n}\nif [[ $funcstack[1] == _ncmodel ]]; then\n\t_ncmodel \"$@\"\nelse\n"
	      "\tcompdef _ncmodel ncmodel\nfi\n",
	      out);
}

static void fish_option(const struct option *option, const struct command *command, FILE *out)
{
	fputs("complete -c ncmodel", out);
	if (command)
		fprintf(out, " -n '__fish_seen_subcommand_from %s%s%s'", command->name, command->alias ? " " : "",
			command->alias ? command->alias : "");
	if (option->letter)
		fprintf(out, " -s %c", option->letter);
	fprintf(out, " -l %s", option->name);
	if (has_value(option))
		fputs(option->completes == COMPLETES_FILE ? " -r -F" : " -x", out);
	if (option->words)
		fprintf(out, " -a '%s'", option->words);
	else if (option->completes == COMPLETES_FOLDER)
		fputs(" -a '(__fish_complete_directories)'", out);
	else if (option->completes == COMPLETES_PROFILE)
		fputs(" -a '(ncmodel profiles -q 2>/dev/null)'", out);
	fputs(" -d '", out);
	put_quoted(option->help, "\\", out);
	fputs("'\n", out);
}

static void fish_command(const struct command *command, FILE *out)
{
	fprintf(out, "complete -c ncmodel -n __fish_use_subcommand -a %s -d '", command->name);
	put_quoted(command->summary, "\\", out);
	fputs("'\n", out);
	if (command->words)
		fprintf(out, "complete -c ncmodel -n '__fish_seen_subcommand_from %s' -a '%s'\n", command->name,
			command->words);
	if (command->operands == OPERANDS_MODELS)
		fprintf(out,
			"complete -c ncmodel -n '__fish_seen_subcommand_from %s%s%s' -a '(begin; ncmodel list -q; "
			"ncmodel list --available -q; end 2>/dev/null | sort -u)'\n",
			command->name, command->alias ? " " : "", command->alias ? command->alias : "");
	if (command->operands == OPERANDS_FILES)
		fprintf(out, "complete -c ncmodel -n '__fish_seen_subcommand_from %s' -F\n", command->name);
	for (size_t i = 0; command->groups[i]; i++) {
		for (const struct option *option = command->groups[i]->options; option->name; option++)
			fish_option(option, command, out);
	}
}

static void print_fish(FILE *out)
{
	fputs("# fish completion for ncmodel, made by `ncmodel completion fish`\ncomplete -c ncmodel -f\n", out);
	each_option(NULL, out, fish_option);
	for (const struct command *const *command = commands; *command; command++)
		fish_command(*command, out);
}

static int print_for(const char *shell, FILE *out)
{
	if (strcmp(shell, "bash") == 0)
		print_bash(out);
	else if (strcmp(shell, "zsh") == 0)
		print_zsh(out);
	else if (strcmp(shell, "fish") == 0)
		print_fish(out);
	else
		return -1;
	return 0;
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct ncm_strings *operands = &session->settings.operands;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *out = session->report.json ? open_memstream(&text, &size) : stdout;
	int failed;

	if (!out)
		return ncm_error_set(&err, NCM_E_OTHER, "out of memory"), session_fail(session, &err);
	failed = operands->count != 1 || print_for(operands->items[0], out) < 0;
	if (out != stdout)
		fclose(out);
	if (failed) {
		ncm_error_set(&err, NCM_E_USAGE, "completion: name one shell: bash, zsh or fish");
		ncm_error_hint(&err, "for example `ncmodel completion bash`");
		return session_fail(session, &err);
	}
	session->report.data = json_object();
	json_put_text(session->report.data, "text", text);
	return 0;
}

static const char *const examples[] = {
    "ncmodel completion bash > ~/.local/share/bash-completion/completions/ncmodel",
    "completions for bash, for this user",
    NULL,
};

const struct command command_completion = {
    .name = "completion",
    .summary = "Print completions for bash, zsh or fish",
    .arguments = "bash|zsh|fish",
    .words = "bash zsh fish",
    .operands = OPERANDS_WORDS,
    .description = "Prints a script that completes commands, options, models and profiles in the shell named.",
    .examples = examples,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* Completions: a script for each shell that asks `ncmodel completion --answer` and shows what complete.c answers. */
#include "command.h"

#include "complete.h"
#include "ui/text.h"

#include <stdio.h>
#include <string.h>

/*
 * bash breaks words at what COMP_WORDBREAKS holds and replaces the last piece alone, so the words are put together
 * again to ask, and what stands before that piece is cut from the answers. Words are data: none is ever expanded, in an
 * open quote neither: what would end it is not offered there, nor "!" where nothing keeps bash from expanding it.
 */
static const char bash_script[] =
    "# bash completion for ncmodel, made by `ncmodel completion bash`\n"
    "_ncmodel()\n{\n"
    "\tlocal rest=${COMP_LINE:0:COMP_POINT} left word text shown quote=\"\" cut=\"\" breaks i\n"
    "\tlocal -a words=()\n"
    "\tCOMPREPLY=()\n"
    "\tfor ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "\t\tleft=${rest#\"${rest%%[![:space:]]*}\"}\n"
    "\t\tword=${COMP_WORDS[i]}\n"
    "\t\t[[ $i == \"$COMP_CWORD\" ]] && word=$left\n"
    "\t\tif [[ $i == 0 || $left != \"$rest\" ]]; then words+=(\"$word\"); else words[-1]+=$word; fi\n"
    "\t\trest=${left#\"$word\"}\n"
    "\tdone\n"
    "\t[[ ${words[-1]} == [\\'\\\"]* ]] && quote=${words[-1]:0:1}\n"
    "\twords=(\"${words[@]//[\\\\\\'\\\"]/}\")\n"
    "\tlocal current=${words[-1]}\n"
    "\tbreaks=${COMP_WORDBREAKS//[^:=]/}\n"
    "\t[[ $breaks && ! $quote ]] && cut=${current%\"${current##*[$breaks]}\"}\n"
    "\twhile IFS=$'\\t' read -r word text; do\n"
    "\t\tcase $word in\n"
    "\t\t:files | :folders)\n"
    "\t\t\tcompopt -o filenames 2>/dev/null\n"
    "\t\t\ti=-f; [[ $word == :folders ]] && i=-d\n"
    "\t\t\twhile IFS= read -r shown; do\n"
    "\t\t\t\tshown=$text$shown; COMPREPLY+=(\"${shown#\"$cut\"}\")\n"
    "\t\t\tdone < <(compgen \"$i\" -- \"${current#\"$text\"}\") ;;\n"
    "\t\t\"$current\"*)\n"
    "\t\t\tshown=${word#\"$cut\"}\n"
    "\t\t\tcase $quote in\n"
    "\t\t\t'') printf -v shown %q \"$shown\" ;;\n"
    "\t\t\t\\') [[ $shown == *\\'* ]] && continue ;;\n"
    "\t\t\t*)\n"
    "\t\t\t\t[[ $shown == *[\\\"!]* ]] && continue\n"
    "\t\t\t\tfor i in \\\\ \\$ \\`; do shown=${shown//\"$i\"/\"\\\\$i\"}; done ;;\n"
    "\t\t\tesac\n"
    "\t\t\t[[ $word == *[=/] ]] && compopt -o nospace 2>/dev/null\n"
    "\t\t\tCOMPREPLY+=(\"$shown\") ;;\n"
    "\t\tesac\n"
    "\tdone < <(command ncmodel completion --answer -- \"${words[@]:1}\" 2>/dev/null)\n"
    "\treturn 0\n}\ncomplete -F _ncmodel ncmodel\n";

static const char zsh_script[] =
    "#compdef ncmodel\n"
    "# zsh completion for ncmodel, made by `ncmodel completion zsh`\n"
    "_ncmodel() {\n"
    "\tlocal line word text\n"
    "\tlocal -a given whole open\n"
    "\tgiven=(\"${(@Q)words[2,CURRENT-1]}\" \"${(Q)PREFIX}\")\n"
    "\tfor line in \"${(@f)$(command ncmodel completion --answer -- \"${given[@]}\" 2>/dev/null)}\"; do\n"
    "\t\tword=${line%%$'\\t'*}\n"
    "\t\ttext=${line#$word}\n"
    "\t\ttext=${text#$'\\t'}\n"
    "\t\tcase $word in\n"
    "\t\t:files) compset -P \"${(b)text}\"; _files ;;\n"
    "\t\t:folders) compset -P \"${(b)text}\"; _path_files -/ ;;\n"
    "\t\t*[=/]) open+=(\"${word//:/\\\\:}:$text\") ;;\n"
    "\t\t?*) whole+=(\"${word//:/\\\\:}${text:+:$text}\") ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\t(( $#open )) && _describe -t values value open -S ''\n"
    "\t(( $#whole )) && _describe -t values value whole\n"
    "}\n"
    "if [[ $funcstack[1] == _ncmodel ]]; then\n\t_ncmodel \"$@\"\nelse\n\tcompdef _ncmodel ncmodel\nfi\n";

static const char fish_script[] =
    "# fish completion for ncmodel, made by `ncmodel completion fish`\n"
    "function __ncmodel_complete\n"
    "\tset -l before (commandline -opc)\n"
    "\tset -e before[1]\n"
    "\tset -l current (commandline -ct)\n"
    "\tcommand ncmodel completion --answer -- $before \"$current\" 2>/dev/null | while read -l line\n"
    "\t\tset -l parts (string split -m 1 \\t -- $line)\n"
    "\t\tswitch $parts[1]\n"
    "\t\t\tcase ':files' ':folders'\n"
    "\t\t\t\tset -l path (string replace -- \"$parts[2]\" '' \"$current\")\n"
    "\t\t\t\tfor found in (complete -C\"'' $path\")\n"
    "\t\t\t\t\tif test $parts[1] = ':files'; or string match -qr '^[^\\t]*/(\\t|$)' -- $found\n"
    "\t\t\t\t\t\tprintf '%s%s\\n' \"$parts[2]\" $found\n"
    "\t\t\t\t\tend\n"
    "\t\t\t\tend\n"
    "\t\t\tcase '*'\n"
    "\t\t\t\techo -- $line\n"
    "\t\tend\n"
    "\tend\n"
    "end\n"
    "complete -c ncmodel -f -k -a '(__ncmodel_complete)'\n";

static const struct {
	const char *name, *script;
} shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

static const char *script_of(const struct ncm_strings *operands)
{
	for (size_t i = 0; operands->count == 1 && i < sizeof shells / sizeof *shells; i++) {
		if (strcmp(shells[i].name, operands->items[0]) == 0)
			return shells[i].script;
	}
	return NULL;
}

static struct {
	bool answer;
} given;

/* Who presses a key wants words: whatever is wrong, nothing is said. */
static void print_answer(struct session *session, FILE *out)
{
	fflush(stderr);
	if (freopen("/dev/null", "w", stderr))
		complete_line(&session->settings.operands, out);
}

static int run(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const char *script = given.answer ? NULL : script_of(&session->settings.operands);
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	FILE *out = session->report.json ? open_memstream(&text, &size) : stdout;

	if (!out)
		return ncm_error_set(&err, NCM_E_OTHER, "out of memory"), session_fail(session, &err);
	if (given.answer)
		print_answer(session, out);
	else if (script)
		fputs(script, out);
	if (out != stdout)
		fclose(out);
	if (!given.answer && !script) {
		ncm_error_set(&err, NCM_E_USAGE, "completion: name one shell: bash, zsh or fish");
		ncm_error_hint(&err, "for example `ncmodel completion bash`");
		return session_fail(session, &err);
	}
	session->report.data = json_object();
	json_put_text(session->report.data, "text", text);
	return 0;
}

static const struct option own[] = {
    {0, "answer", OPTION_FLAG, .value = &given.answer,
     .help = "print what may end the command line whose words follow `--`: what the scripts ask"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel completion bash > ~/.local/share/bash-completion/completions/ncmodel",
    "completions for bash, for this user",
    "ncmodel completion zsh > ~/.zfunc/_ncmodel",
    "for zsh, where ~/.zfunc is in fpath before compinit",
    "ncmodel completion fish > ~/.config/fish/completions/ncmodel.fish",
    "for fish",
    NULL,
};

const struct command command_completion = {
    .name = "completion",
    .summary = "Print completions for bash, zsh or fish",
    .arguments = "bash|zsh|fish | --answer -- [WORD...]",
    .words = "bash zsh fish",
    .operands = OPERANDS_WORDS,
    .groups = {&own_group},
    .description = "Prints a script that completes commands, options, stores, use cases, roles, tasks, tags, variants, "
		   "profiles and "
		   "models in the shell named.\n\n"
		   "With --answer it prints what may stand in the place of the last WORD, one a line, with a remark "
		   "behind a tab; \":files\" and \":folders\" stand for paths. The options among the words count: with "
		   "--profile or --root it is those models. Nothing is asked of the network, and whatever is wrong, "
		   "nothing is said.",
    .examples = examples,
    .run = run,
};

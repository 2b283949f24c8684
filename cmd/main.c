/* SPDX-License-Identifier: MIT */
/* ncmodel: reads the command line, runs one command, ends with its exit code. */
#include "command.h"

#include "ui/interrupt.h"
#include "ui/style.h"
#include "ui/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* In the order of the help. */
static const struct command *const table[] = {
    &command_plan,
    &command_pull,
    &command_verify,
    &command_list,
    &command_show,
    &command_adopt,
    &command_link,
    &command_rm,
    &command_mv,
    &command_gc,
    &command_df,
    &command_stores,
    &command_log,
    &command_lock,
    &command_diff,
    &command_outdated,
    &command_manifest,
    &command_profiles,
    &command_limits,
    &command_completion,
    &command_help,
    &command_version,
    NULL,
};

/* Wrong usage must be told in the form that was asked for, wherever on the line that stands. */
static bool asked_for(char *const *argv, const char *option)
{
	for (int i = 1; argv[i] && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], option) == 0)
			return true;
	}
	return false;
}

static bool is_option(const char *argument)
{
	return argument[0] == '-' && argument[1] != '\0';
}

static bool groups_know(const struct option_group *const *groups, const char *argument)
{
	if (argument[1] == '-')
		return options_find(groups, argument + 2, strcspn(argument + 2, "=")) != NULL;
	return options_find_letter(groups, argument[1]) != NULL;
}

/* The first command that knows an option, or NULL. */
static const struct command *command_with(const char *argument)
{
	const struct command *const *command = commands;

	while (*command && !groups_know((*command)->groups, argument))
		command++;
	return *command;
}

/* "plan, pull, …": the commands that take selectors. The caller frees it. */
static char *choosing_commands(void)
{
	struct ncm_strings names = {0};
	char *list;

	for (const struct command *const *command = commands; *command; command++) {
		if (groups_know((*command)->groups, "--phase"))
			words_add(&names, (*command)->name);
	}
	list = words_join(&names, ", ");
	ncm_strings_free(&names);
	return list;
}

/* Says of an option that the command does not know which one does. */
static void say_whose(const struct command *command, const char *argument, struct ncm_error *err)
{
	static const struct option_group *const selectors[] = {&options_selection, NULL};
	const struct command *other = command_with(argument);
	AUTO_FREE char *commands_that_choose = choosing_commands();
	const int length = (int)strcspn(argument, "=");

	if (argument[1] == '-' && groups_know(selectors, argument) && !groups_know(command->groups, "--phase")) {
		ncm_error_set(err, NCM_E_USAGE, "%s chooses no models, so it takes no %.*s", command->name, length,
			      argument);
		ncm_error_hint(err, "selectors are for %s", commands_that_choose);
	} else if (argument[1] == '-' && other) {
		ncm_error_hint(err, "%.*s is an option of %s; `ncmodel help %s` lists those of %s", length, argument,
			       other->name, command->name, command->name);
	} else if (!err->hint) {
		ncm_error_hint(err, "`ncmodel help %s` lists its options", command->name);
	}
}

static int take_option(struct session *session, char *const *argv, int *at, struct ncm_error *err)
{
	const struct option_group *groups[7] = {&options_global};
	const int first = *at;

	for (size_t i = 0; session->command && session->command->groups[i]; i++)
		groups[i + 1] = session->command->groups[i];
	if (options_take(groups, &session->settings, argv, at, err) == 0)
		return 0;
	if (session->command) {
		if (!groups_know(groups, argv[first]))
			say_whose(session->command, argv[first], err);
		else if (!err->hint)
			ncm_error_hint(err, "`ncmodel help %s` lists its options", session->command->name);
	} else if (command_with(argv[first])) {
		ncm_error_hint(err, "options of a command come after it: ncmodel COMMAND %s", argv[first]);
	} else if (!err->hint) {
		ncm_error_hint(err, "`ncmodel help` lists the commands and the options of all of them");
	}
	return -1;
}

static int read_arguments(struct session *session, char *const *argv, struct ncm_error *err)
{
	bool options_end = false;

	for (int i = 1; argv[i];) {
		if (!options_end && strcmp(argv[i], "--") == 0) {
			options_end = true;
			i++;
		} else if (!options_end && is_option(argv[i])) {
			if (take_option(session, argv, &i, err) < 0)
				return -1;
		} else if (!session->command) {
			session->command = command_find(argv[i++], err);
			if (!session->command)
				return -1;
		} else {
			words_add(&session->settings.operands, argv[i++]);
		}
	}
	return 0;
}

static int check_operands(const struct session *session, struct ncm_error *err)
{
	if (session->command->operands != OPERANDS_NONE || session->settings.operands.count == 0)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "%s takes no argument, but \"%s\" was given", session->command->name,
		      session->settings.operands.items[0]);
	return ncm_error_hint(err, "`ncmodel help %s` explains it", session->command->name);
}

static int run(struct session *session, char *const *argv)
{
	struct ncm_error err = NCM_ERROR_INIT;
	const struct settings *settings = &session->settings;

	commands = table;
	if (read_arguments(session, argv, &err) < 0)
		return session_fail(session, &err);
	style_setup(settings->no_color);
	session->report.quiet = settings->quiet;
	session->report.events = settings->progress && strcmp(settings->progress, "json") == 0;
	if (settings->version && !settings->help)
		session->command = &command_version;
	if (settings->help || !session->command) {
		if (session->command && session->command != &command_help) {
			ncm_strings_free(&session->settings.operands);
			words_add(&session->settings.operands, session->command->name);
		}
		session->command = &command_help;
	}
	if (check_operands(session, &err) < 0 || ncm_init(&err) < 0)
		return session_fail(session, &err);
	if (session->command->stops_in_order)
		interrupt_install();
	return session->command->run(session);
}

static bool reader_is_gone(int fd)
{
	struct pollfd pipe_end = {.fd = fd, .events = POLLOUT};

	return poll(&pipe_end, 1, 0) > 0 && (pipe_end.revents & POLLERR);
}

/* A reader that has seen enough (`| head`) is no failure; a full disk is. */
static int close_output(int exit_code)
{
	const int failed = fflush(stdout);
	const int why = errno;

	if ((!failed && !ferror(stdout)) || (failed && why == EPIPE) || reader_is_gone(STDOUT_FILENO))
		return exit_code;
	fprintf(stderr, "ncmodel: cannot write to standard output%s%s\n", failed ? ": " : "",
		failed ? strerrordesc_np(why) : "");
	return exit_code ? exit_code : 1;
}

/* Trees of thousands of models are freed piece by piece: glibc's fast bins would gather all those pieces up again at
 * each larger piece, which takes longer than to join each with its neighbours. Threads keep some at hand as ever. */
static void tune_memory(void)
{
#ifdef M_MXFAST
	(void)mallopt(M_MXFAST, 0);
#endif
}

/* A descriptor that is closed would be the next file's that is opened, and be written to. */
static void hold_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) /* the lowest that is free; for reading: writes fail */
			(void)open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
	}
}

int main(int argc, char **argv)
{
	struct session session = {0};
	int exit_code;

	hold_standard_streams();
	if (argc < 1)
		return 2;
	tune_memory();
	session.report.json = asked_for(argv, "--json");
	style_setup(asked_for(argv, "--no-color"));
	report_start(&session.report);
	exit_code = run(&session, argv);
	session_quieten(&session);
	session_log_failure(&session, exit_code);
	report_finish(&session.report, session.command ? session.command->name : NULL, exit_code);
	session_free(&session);
	ncm_shutdown();
	return close_output(exit_code);
}

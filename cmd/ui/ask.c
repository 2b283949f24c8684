/* SPDX-License-Identifier: MIT */
#include "ui/ask.h"

#include <ncmodel/console.h>
#include <ncmodel/event.h>

bool ask_possible(void)
{
	return ncm_console_is_terminal(stdin) && ncm_console_is_terminal(stderr);
}

enum answer ask(const char *question, enum answer usual)
{
	char answer[64];
	int length;

	fflush(stdout);
	fprintf(stderr, "%s %s ", question, usual == ANSWER_YES ? "[Y/n]" : "[y/N]");
	length = ncm_console_read_answer(answer, sizeof answer);
	if (length <= 0) {
		fputc('\n', stderr);
		return ncm_interrupted() ? ANSWER_INTERRUPTED : ANSWER_NO;
	}
	if (answer[0] == '\n')
		return usual;
	return answer[0] == 'y' || answer[0] == 'Y' ? ANSWER_YES : ANSWER_NO;
}

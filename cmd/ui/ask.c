/* SPDX-License-Identifier: MIT */
#include "ui/ask.h"

#include "ui/interrupt.h"

#include <ncmodel/event.h>
#include <stdio.h>
#include <unistd.h>

bool ask_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

enum answer ask(const char *question, enum answer usual)
{
	char answer[64];
	ssize_t length;

	fflush(stdout);
	fprintf(stderr, "%s %s ", question, usual == ANSWER_YES ? "[Y/n]" : "[y/N]");
	length = interrupt_wait_readable(STDIN_FILENO) < 0 ? -1 : read(STDIN_FILENO, answer, sizeof answer);
	if (length <= 0) {
		fputc('\n', stderr);
		return ncm_interrupted() ? ANSWER_INTERRUPTED : ANSWER_NO;
	}
	if (answer[0] == '\n')
		return usual;
	return answer[0] == 'y' || answer[0] == 'Y' ? ANSWER_YES : ANSWER_NO;
}

/* SPDX-License-Identifier: MIT */
/* Questions on the terminal. */
#ifndef CMD_UI_ASK_H
#define CMD_UI_ASK_H

#include <stdbool.h>

enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_INTERRUPTED,
};

/* Whether there is somebody to ask: standard input and standard error are terminals. */
bool ask_possible(void);
/* Prints the question (safe text, without "[y/N]") on standard error and waits. An empty line is the answer `usual`. */
enum answer ask(const char *question, enum answer usual);

#endif

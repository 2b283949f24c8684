/* SPDX-License-Identifier: MIT */
#ifndef CMD_PULL_H
#define CMD_PULL_H

#include "session.h"

/* Plans what the session chooses, asks, carries it out and tells what came of it. The exit code. */
int pull_chosen(struct session *session);

#endif

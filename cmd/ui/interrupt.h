/* SPDX-License-Identifier: MIT */
/* SIGINT, SIGTERM and SIGHUP end the work in order; a second SIGINT ends the process at once. */
#ifndef CMD_UI_INTERRUPT_H
#define CMD_UI_INTERRUPT_H

/* A signal that was ignored when the process began (nohup, a background job) stays ignored. */
void interrupt_install(void);
/* Waits until the descriptor can be read. Returns 0, or -1 when a signal came, however short before. */
int interrupt_wait_readable(int fd);
/* 128 + the signal that came, 130 if none did. */
int interrupt_exit_code(void);

#endif

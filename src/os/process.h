/* SPDX-License-Identifier: MIT */
/* This process and others, users, clocks, memory. What holds for all of it is in os.h. */
#ifndef NCM_OS_PROCESS_H
#define NCM_OS_PROCESS_H

#include "os/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* In English, never NULL. Borrowed for good. */
const char *os_error_text(int errnum);

/* The cores that this process may use, 1 at least. */
unsigned os_cores(void);
/* Fills with random bytes; it has them. */
void os_random(void *data, size_t size);
/* Overwrites memory, whatever the compiler thinks of it. */
void os_wipe(void *data, size_t size);
/* Asks for large pages behind memory of that size; a hint. */
void os_want_huge_pages(void *memory, size_t size);
/* Says it on standard error and ends the process, at once and without memory. */
void os_die(const char *message) __attribute__((noreturn));

/* Clocks: the time of day; the same as file systems take it for their times; seconds of one that never jumps. */
int64_t os_now_ns(void);
int64_t os_now_coarse_ns(void);
double os_monotonic(void);
/* Seconds that the cores have worked for this process; for this thread. */
double os_cpu_of_process(void);
double os_cpu_of_thread(void);
/* Shorter after a signal. */
void os_sleep_ms(unsigned milliseconds);

long os_pid(void);
/* When a process began, as a number that only the same process has in this run of the system; 0: there is none. */
unsigned long long os_process_start(long pid);
/* What this run of the system is told by from others; of this machine. False if they are not told. */
bool os_boot_id(char *text, size_t size);
bool os_host_name(char *text, size_t size);

/* Descriptors 0 to 2 lead somewhere. -1 with errno. */
int os_hold_standard_streams(void);
/* Broken pipes and size limits are errors, not ends; children are told of; no core file, no debugger of others. */
void os_prepare(void);

/* By whose rights we run. */
uint32_t os_user(void);
bool os_is_root(void);
/* A user's name and home, by the system's user database. False if it does not know. */
bool os_user_name(uint32_t user, char *name, size_t size);
bool os_user_home(uint32_t user, char *path, size_t size);
/* Who runs us, whatever his rights are by now. */
bool os_own_home(char *path, size_t size);
/* The number of the user of that name. */
bool os_user_of(const char *name, uint32_t *user);
/* Whether he is of that group, by the database; one that it does not know is of none. */
bool os_user_has_group(uint32_t user, uint32_t group);
/* Whether the group has his name and nobody else. */
bool os_group_is_alone(uint32_t group, uint32_t user);

/* The processes that are told of, this one too; NULL with errno: none is. */
struct os_process {
	long pid;
	uint32_t user;
	char name[64]; /* of its program; the system may have cut it */
	int room;      /* the system's own */
};
struct os_processes *os_processes(void);
/* The next in no order; borrowed until the next call. NULL after the last. */
const struct os_process *os_processes_next(struct os_processes *list);
/* NULL is none. */
void os_processes_end(struct os_processes *list);
/*
 * What is known of one: texts, each with its NUL, one after another, and one NUL more. The paths of files are without
 * links. NULL with errno; EACCES, EPERM: this user is not told. The caller frees it.
 */
enum os_process_part { OS_PROCESS_ARGUMENTS, OS_PROCESS_ENVIRONMENT, OS_PROCESS_OPEN, OS_PROCESS_MAPPED };
char *os_process_texts(const struct os_process *process, enum os_process_part part, size_t *size);
/* What a path leads to in its eyes: it may have another root. */
int os_process_stat(const struct os_process *process, const char *path, struct os_stat *status);

/* The environment: "NAME=value", NULL after the last. */
char **os_environment(void);

/* No signal interrupts the thread, nor those that it starts, until they are back as they were. */
struct os_signals {
	uint64_t room[16];
};
void os_signals_off(struct os_signals *before);
void os_signals_back(const struct os_signals *before);

/*
 * Starts a program in a group of its own that inherits nothing but the environment given: no descriptor, no blocked or
 * ignored signal; what it says on standard error goes nowhere. Returns 0, or errno. *pid is for os_reap, *input and
 * *output (descriptors to close) are the ends that we write to and read from.
 */
int os_spawn(char *const *arguments, char *const *environment, int *input, int *output, long *pid);
/* 1: there is something to read, or the other end is gone; 0: neither within that time; -1 with errno. */
int os_wait_readable(int fd, unsigned milliseconds);
enum os_end { OS_END_NOT_YET, OS_END_WELL, OS_END_BADLY, OS_END_UNKNOWN };
/* How a program ended that os_spawn started; UNKNOWN: nobody will tell. */
enum os_end os_reap(long pid);
/* Ends it and its group, and waits for that. */
void os_kill(long pid);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The hashes that Automatic1111 1.7 and later keep: a folder of the diskcache package, which is an SQLite database with
 * pickled values. Read without either: tables alone, of the database as it was closed last, and of a pickle the number
 * and the text that are looked for. Whatever is not as it should be is passed over: what is told here is but a word,
 * which bytes have to prove.
 */
#ifndef NCM_SURVEY_DISKCACHE_H
#define NCM_SURVEY_DISKCACHE_H

#include <stddef.h>

typedef void diskcache_found(void *context, const char *title, const char *sha256, double mtime);

/* Calls `found` with each entry of the database, a whole file in memory, that has both. The strings are its own. */
void diskcache_read(const void *data, size_t size, diskcache_found *found, void *context);

#endif

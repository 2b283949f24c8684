/* SPDX-License-Identifier: MIT */
/* Text for people: the one escaper for foreign bytes, sizes, durations. */
#ifndef NCMODEL_TEXT_H
#define NCMODEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/*
 * Makes foreign bytes safe for a terminal or a log: control characters (C0, DEL, C1), invalid UTF-8,
 * bidirectional and zero-width format characters become \xNN or \u{N}; a backslash stays. The result has
 * no line break. At most `max` bytes of input are shown (0: NCM_LIMIT_MESSAGE), then "…(N bytes)".
 * Secrets in addresses are left out (ncm_text_shown). The caller frees the result.
 */
char *ncm_escape(const char *text, size_t max);
/*
 * What somebody typed as it may be told again: of an address (it has a "://") without user, password, query and
 * fragment, which may be secrets; anything else as it is. The caller frees the result.
 */
char *ncm_typed_shown(const char *typed);
/*
 * A text without what is secret in the addresses that it holds: user and password, and those parameters of a query
 * ("token", "X-Amz-Signature", …) that are keys or signatures. All that leaves the library in a message, and all that
 * the tool prints, has gone through here. The caller frees the result.
 */
char *ncm_text_shown(const char *text);
/*
 * A source as this library's structures have it, for people and programs: swept as above, and without "#signed", which
 * stands behind an address that was signed (its signature is not kept): *was_signed (may be NULL) tells that. NULL for
 * NULL. The caller frees the result.
 */
char *ncm_source_told(const char *source, bool *was_signed);

/* "9.5 GB" (SI, as the model hubs print it), "670 MB", "12 B". Writes at most n bytes including the NUL; returns buf.
 */
char *ncm_format_size(uint64_t bytes, char *buf, size_t n);
/* "2h 5m", "3m 20s", "9s". Returns buf. */
char *ncm_format_duration(double seconds, char *buf, size_t n);
/* Parses "20M", "1.5GiB", "100MB", "500" into bytes (K M G T are SI powers of 1000; Ki Mi Gi Ti of 1024). Returns 0, or
 * -1. */
int ncm_parse_size(const char *text, uint64_t *bytes);
/* Parses a link rate: "100M" is 100 Mbit/s; "12MB/s" and "12MB" are bytes. The result is bytes per second. Returns 0,
 * or -1. */
int ncm_parse_bandwidth(const char *text, uint64_t *bytes_per_second);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif

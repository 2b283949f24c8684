/* SPDX-License-Identifier: MIT */
/*
 * What GGUF files are made of: numbers, texts, values. Each function reads on from where the header is; false: it
 * cannot, and the facts or the header say why.
 */
#ifndef NCM_FORMAT_GGUF_H
#define NCM_FORMAT_GGUF_H

#include "format/parts.h"

enum {
	GGUF_KEY = 128, /* kept of a key or a tensor's name, with a NUL: more than any that means something here has */
	GGUF_DEPTH = 8, /* of arrays in arrays */
};

/* gguf_metadata_value_type */
enum gguf_value_type {
	GGUF_UINT8,
	GGUF_INT8,
	GGUF_UINT16,
	GGUF_INT16,
	GGUF_UINT32,
	GGUF_INT32,
	GGUF_FLOAT32,
	GGUF_BOOL,
	GGUF_STRING,
	GGUF_ARRAY,
	GGUF_UINT64,
	GGUF_INT64,
	GGUF_FLOAT64,
};

struct gguf_stream {
	struct header *header;
	bool big_endian;
	size_t length_width; /* of counts and lengths, in bytes: 4 in version 1, else 8 */
};

bool gguf_take_number(struct gguf_stream *stream, size_t width, uint64_t *number);
/* A count of things that take at least `least` bytes each, so that a loop over them ends with the header. */
bool gguf_take_count(struct gguf_stream *stream, uint64_t least, uint64_t *count);
/* A key or name to compare. A longer one is cut, and so equal to none that we know. */
bool gguf_take_name(struct gguf_stream *stream, char name[GGUF_KEY]);
/* Replaces *fact by a text, cut. */
bool gguf_take_fact(struct gguf_stream *stream, char **fact);
bool gguf_take_type(struct gguf_stream *stream, uint64_t *type);
bool gguf_is_integer(uint64_t type);
/* A whole number; a negative one is as good as not told. */
bool gguf_take_integer(struct gguf_stream *stream, uint64_t type, uint64_t *number);
bool gguf_skip_value(struct gguf_stream *stream, uint64_t type);
/* Bytes of a value of the type; 0: they vary. */
size_t gguf_width(uint64_t type);
bool gguf_is_negative(uint64_t type, uint64_t number);

/* gguf_keep.c: for the header's contents, of which there are some. */
/* What may be kept of a text: all of it, cut to `most`. NULL with true: there is too much already. */
bool gguf_keep_text(struct gguf_stream *stream, size_t most, char **text, bool *cut);
/* Keeps a value under a key (NULL: there is too much already) and passes it. */
bool gguf_keep_value(struct gguf_stream *stream, const char *key, uint64_t type);

#endif

/* SPDX-License-Identifier: MIT */
/* What the files of this room share. */
#ifndef NCM_FORMAT_PARTS_H
#define NCM_FORMAT_PARTS_H

#include "base/bytes.h"
#include "base/json.h"
#include "format/contents.h"

enum { FACT_BYTES = 256 }; /* of one text that a file tells; the rest is cut off */

/* facts.c */
/* Settles soundness and fault, unless an earlier fault has. Always returns false. */
bool facts_fault(struct ncm_facts *facts, enum ncm_soundness soundness, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Replaces *fact by a copy, cut to FACT_BYTES at a character's end; an empty text is no fact: NULL. */
void facts_set(char **fact, const char *text, size_t size);
/* Replaces *fact by a copy unless something is told already or `text` is NULL. */
void facts_default(char **fact, const char *text);
/* Tells parameters from parameter_count ("8.0B", "137M") unless the file told. */
void facts_count_parameters(struct ncm_facts *facts);

/*
 * header.c: a header read front to back through a small buffer. A read that goes past `limit` makes the file BROKEN,
 * one that goes past its end TRUNCATED.
 */
struct header {
	const struct ncm_bytes *bytes;
	struct ncm_facts *facts;
	struct ncm_contents *contents; /* to be filled, too; or NULL */
	uint64_t size;                 /* of the file: that of bytes */
	uint64_t limit;                /* where the header has to be over */
	uint64_t at;                   /* the next byte; within both */
	int error;                     /* errno of a read that failed; 0: none has */
	uint64_t held_at;
	size_t held;
	unsigned char buffer[16 << 10];
};
bool header_take(struct header *header, void *to, uint64_t size);
bool header_skip(struct header *header, uint64_t size);
/* The first bytes, as many as there are of `size`, without passing them. */
size_t header_peek(struct header *header, void *to, size_t size);
/* Bytes from anywhere, without passing them. False if there are not so many there, or they cannot be read. */
bool header_read_at(struct header *header, void *to, size_t size, uint64_t at);

/* gguf.c, safetensors.c: everything that facts can hold. A fault is in the facts, an error in the header. */
void gguf_read(struct header *header);
void safetensors_read(struct header *header);
/* onnx.c: the same, if there are contents to be filled. */
void onnx_read(struct header *header);
/* zip.c: only a fault. */
void zip_read(struct header *header);

/* contents.c */
/* Memory for what is kept, or NULL: too much is already. */
void *contents_take(struct ncm_contents *contents, size_t size);
/* A copy of a text that may hold anything, as far as it holds no NUL; NULL as above. */
char *contents_text(struct ncm_contents *contents, const char *text, size_t size);
/* A further one, zeroed; NULL as above. */
struct ncm_metadata *contents_value(struct ncm_contents *contents, const char *key);
struct ncm_tensor *contents_tensor(struct ncm_contents *contents, const char *name);
/* Cuts a text at a character's end to at most so many bytes. */
size_t contents_cut(const char *text, size_t size, size_t most);

/* metadata.c: name, license, kind and architecture by a safetensors file's __metadata__ (may be NULL). */
void metadata_tell(const json_t *metadata, struct ncm_facts *facts);

/* gguf_names.c */
struct gguf_type {
	const char *name;
	uint32_t block; /* elements of one block; 0: not known */
	uint32_t bytes; /* of one block */
};
enum { GGUF_TYPES = 48 };
/* NULL for a type that is not known. */
const struct gguf_type *gguf_type(uint64_t type);
/* "Q4_K_M" of a general.file_type, or NULL. */
const char *gguf_file_type(uint64_t file_type);
/* The kind of model that a general.architecture is; "llm" for all that are nothing else. */
const char *gguf_kind(const char *architecture);

/* tensors.c: what the names of the tensors say of a model. */
struct traits {
	uint64_t seen;      /* one bit a trait */
	uint64_t text_row;  /* width of the text that the image is made from (cross attention); 0: not seen */
	uint64_t token_row; /* width of a token's embedding; 0: not seen */
};
/* Notes one tensor. `row` is the length of its rows, its innermost dimension. */
void traits_note(struct traits *traits, const char *name, uint64_t row);
/* Tells kind, architecture and dimensions, as far as they follow and nothing told them before. */
void traits_tell(const struct traits *traits, struct ncm_facts *facts);

/* foreign.c */
enum foreign {
	FOREIGN_NONE, /* it may be anything */
	FOREIGN_EMPTY,
	FOREIGN_PAGE, /* HTML or XML */
	FOREIGN_JSON,
	FOREIGN_POINTER, /* Git LFS has the file elsewhere */
	FOREIGN_PROGRAM,
};
/* By the first bytes (NCM_FORMAT_HEAD of them) of a file whose format is not known. */
enum foreign foreign_of(const void *head, size_t size);
/* "a web page", "empty" … Static. */
const char *foreign_words(enum foreign foreign);
/* What it says to people, a short line: a page's title, the message of an error. `text` has a NUL behind it. NULL if it
 * says nothing. The caller frees it. */
char *foreign_quote(enum foreign foreign, const char *text, size_t size);

/* check.c: makes the soundness FOREIGN if a file of this name cannot be what it was found to be. */
void format_compare_name(struct header *header, const char *name);

#endif

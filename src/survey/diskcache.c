/* SPDX-License-Identifier: MIT */
/*
 * Facts: "Database File Format" (sqlite.org/fileformat2.html), diskcache's core.py (its table Cache), Python's
 * pickletools.py (BINFLOAT, SHORT_BINUNICODE, BINUNICODE, MEMOIZE, BINPUT).
 */
#include "survey/diskcache.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	HEADER = 100, /* bytes before the first page's own */
	INTERIOR = 5,
	LEAF = 13,
	DEEPEST = 16,
	MOST_PAYLOAD = 64 << 10, /* of one row; ours have less than 1000 */
	NAME_COLUMN = 1,         /* of the schema's table */
	ROOT_COLUMN = 3,
	KEY_COLUMN = 1, /* of the table Cache */
	VALUE_COLUMN = 11,
	DIGEST = 64,
};

struct database {
	const unsigned char *data;
	size_t size;
	size_t page;
	size_t usable;
	size_t left; /* pages that may be looked at yet: a tree with a circle has an end, too */
	size_t rest; /* bytes of rows that may be read yet: all together are not more than the file */
	uint64_t root;
	diskcache_found *found;
	void *context;
};

/* A piece of memory that is read front to back. */
struct piece {
	const unsigned char *at, *end;
};

typedef void row_taker(struct database *database, const struct piece *row);

static uint64_t big_endian(const unsigned char *at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static bool take_varint(struct piece *piece, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < 9 && piece->at < piece->end; i++) {
		const unsigned char byte = *piece->at++;

		if (i == 8) {
			*value = *value << 8 | byte;
			return true;
		}
		*value = *value << 7 | (byte & 0x7f);
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* NULL: there is no such page. */
static const unsigned char *page_at(const struct database *database, uint64_t number)
{
	return number >= 1 && number <= database->size / database->page ? database->data + (number - 1) * database->page
									: NULL;
}

/* How much of a payload lies in its cell. */
static size_t local_size(const struct database *database, uint64_t payload)
{
	const size_t usable = database->usable, most = usable - 35, least = (usable - 12) * 32 / 255 - 23;
	size_t local;

	if (payload <= most)
		return (size_t)payload;
	local = least + (size_t)((payload - least) % (usable - 4));
	return local <= most ? local : least;
}

/* Follows the pages on which a long payload goes on. */
static bool gather(const struct database *database, uint64_t next, unsigned char *to, size_t size)
{
	while (size > 0) {
		const unsigned char *page = page_at(database, next);
		const size_t part = size < database->usable - 4 ? size : database->usable - 4;

		if (!page)
			return false;
		memcpy(to, page + 4, part);
		next = big_endian(page, 4);
		to += part;
		size -= part;
	}
	return true;
}

static void take_cell(struct database *database, struct piece cell, row_taker *take)
{
	NCM_AUTO_FREE unsigned char *whole = NULL;
	uint64_t payload, row;
	size_t local;

	if (!take_varint(&cell, &payload) || !take_varint(&cell, &row) || payload > MOST_PAYLOAD ||
	    payload > database->rest)
		return;
	database->rest -= (size_t)payload;
	local = local_size(database, payload);
	if ((size_t)(cell.end - cell.at) < local + (local < payload ? 4 : 0))
		return;
	whole = ncm_malloc((size_t)payload + 1);
	memcpy(whole, cell.at, local);
	if (local < payload &&
	    !gather(database, big_endian(cell.at + local, 4), whole + local, (size_t)payload - local))
		return;
	take(database, &(struct piece){whole, whole + payload});
}

static void walk(struct database *database, uint64_t number, unsigned depth, row_taker *take)
{
	const unsigned char *page = page_at(database, number), *head, *end;
	size_t cells, first;

	if (!page || depth > DEEPEST || database->left == 0)
		return;
	database->left--;
	head = page + (number == 1 ? HEADER : 0);
	end = page + database->usable;
	cells = (size_t)big_endian(head + 3, 2);
	first = *head == INTERIOR ? 12 : 8;
	if ((*head != INTERIOR && *head != LEAF) || (size_t)(end - head) < first + 2 * cells)
		return;
	for (size_t i = 0; i < cells; i++) {
		const size_t at = (size_t)big_endian(head + first + 2 * i, 2);

		if (at + 4 > database->usable)
			continue;
		if (*head == LEAF)
			take_cell(database, (struct piece){page + at, end}, take);
		else
			walk(database, big_endian(page + at, 4), depth + 1, take);
	}
	if (*head == INTERIOR)
		walk(database, big_endian(head + 8, 4), depth + 1, take);
}

static size_t size_of_serial(uint64_t serial)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};

	return serial < 12 ? sizes[serial] : (size_t)((serial - 12) / 2);
}

/* One column of a row. */
static bool column_of(const struct piece *row, size_t column, struct piece *value)
{
	struct piece header = *row;
	const unsigned char *at;
	uint64_t size, serial;

	if (!take_varint(&header, &size) || size > (size_t)(row->end - row->at))
		return false;
	at = row->at + size;
	header.end = at;
	for (size_t i = 0; take_varint(&header, &serial); i++) {
		const size_t length = size_of_serial(serial);

		if (length > (size_t)(row->end - at))
			return false;
		*value = (struct piece){at, at + length};
		if (i == column)
			return true;
		at += length;
	}
	return false;
}

static bool is_text(const struct piece *piece, const char *text)
{
	return (size_t)(piece->end - piece->at) == strlen(text) && memcmp(piece->at, text, strlen(text)) == 0;
}

static void take_schema(struct database *database, const struct piece *row)
{
	struct piece name, root;

	if (column_of(row, NAME_COLUMN, &name) && is_text(&name, "Cache") && column_of(row, ROOT_COLUMN, &root) &&
	    root.end - root.at <= 8)
		database->root = big_endian(root.at, (size_t)(root.end - root.at));
}

/* What follows a key of a pickled dictionary, past what only remembers the key. */
static const unsigned char *behind_key(const struct piece *value, const char *key)
{
	const unsigned char *at = memmem(value->at, (size_t)(value->end - value->at), key, strlen(key));

	if (!at)
		return NULL;
	at += strlen(key);
	if (at < value->end && *at == 0x94) /* MEMOIZE */
		return at + 1;
	return at + 1 < value->end && *at == 'q' ? at + 2 : at; /* BINPUT */
}

static bool take_mtime(const struct piece *value, double *mtime)
{
	const unsigned char *at = behind_key(value, "mtime");
	uint64_t bits;

	if (!at || value->end - at < 9 || *at != 'G')
		return false;
	bits = big_endian(at + 1, 8);
	memcpy(mtime, &bits, sizeof bits);
	return true;
}

static bool take_digest(const struct piece *value, char hex[DIGEST + 1])
{
	const unsigned char *at = behind_key(value, "sha256");

	if (!at || value->end - at < 5 + DIGEST)
		return false;
	if (at[0] == 0x8c && at[1] == DIGEST)
		at += 2;
	else if (at[0] == 'X' && at[1] == DIGEST && at[2] == 0 && at[3] == 0 && at[4] == 0)
		at += 5;
	else
		return false;
	memcpy(hex, at, DIGEST);
	hex[DIGEST] = '\0';
	return true;
}

static void take_entry(struct database *database, const struct piece *row)
{
	char hex[DIGEST + 1];
	NCM_AUTO_FREE char *title = NULL;
	struct piece key, value;
	double mtime;

	if (!column_of(row, KEY_COLUMN, &key) || !column_of(row, VALUE_COLUMN, &value) || !take_mtime(&value, &mtime) ||
	    !take_digest(&value, hex))
		return;
	title = ncm_strndup((const char *)key.at, (size_t)(key.end - key.at));
	database->found(database->context, title, hex, mtime);
}

void diskcache_read(const void *data, size_t size, diskcache_found *found, void *context)
{
	static const char magic[] = "SQLite format 3";
	struct database database = {.data = data, .size = size, .found = found, .context = context};

	if (size < HEADER || memcmp(data, magic, sizeof magic) != 0)
		return;
	database.page = (size_t)big_endian(database.data + 16, 2);
	database.page = database.page == 1 ? 65536 : database.page;
	if (database.page < 512 || database.page - database.data[20] < 480)
		return;
	database.usable = database.page - database.data[20];
	database.left = size / database.page;
	database.rest = size;
	walk(&database, 1, 0, take_schema);
	database.left = size / database.page;
	database.rest = size;
	if (database.root > 0)
		walk(&database, database.root, 0, take_entry);
}

/* SPDX-License-Identifier: MIT */
#include "upkeep/tally.h"

#include "base/mem.h"
#include "os/os.h"

#include <stdlib.h>

enum { BLOCK = 512 }; /* of st_blocks, whatever the file system's own is */

uint64_t tally_blocks(const struct os_stat *status)
{
	return status->blocks * BLOCK;
}

void tally_add(struct tally *tally, const struct os_stat *status)
{
	*NCM_PUSH(tally->names, tally->count) =
	    (struct tally_name){status->device, status->inode, status->links, tally_blocks(status)};
	tally->bytes += status->size;
}

void tally_add_all(struct tally *tally, const struct tally *from)
{
	for (size_t i = 0; i < from->count; i++)
		*NCM_PUSH(tally->names, tally->count) = from->names[i];
	tally->bytes += from->bytes;
}

static int by_inode(const void *a, const void *b)
{
	const struct tally_name *left = a, *right = b;

	if (left->device != right->device)
		return left->device < right->device ? -1 : 1;
	return left->inode < right->inode ? -1 : left->inode > right->inode;
}

uint64_t tally_on_disk(struct tally *tally, uint64_t *saved)
{
	uint64_t sum = 0, more = 0;
	size_t next;

	if (tally->count > 1)
		qsort(tally->names, tally->count, sizeof *tally->names, by_inode);
	for (size_t i = 0; i < tally->count; i = next) {
		const struct tally_name *name = &tally->names[i];
		size_t seen;

		next = i + 1;
		while (next < tally->count && by_inode(name, &tally->names[next]) == 0)
			next++;
		/* One name can be met twice: where one store lies in another. */
		seen = next - i < name->links ? next - i : name->links;
		sum += name->blocks;
		more += seen > 1 ? (seen - 1) * name->blocks : 0;
	}
	if (saved)
		*saved = more;
	return sum;
}

void tally_clear(struct tally *tally)
{
	free(tally->names);
	*tally = (struct tally){0};
}

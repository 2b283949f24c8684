/* SPDX-License-Identifier: MIT */
/* What the ways to look at other processes have in common. */
#include "os/system.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096 };

bool os_texts_add(struct os_texts *texts, const void *data, size_t size)
{
	if (size >= texts->room - texts->size) {
		const size_t room = 2 * texts->room + size + FIRST_ROOM;
		char *larger = realloc(texts->data, room);

		if (!larger)
			return false;
		texts->data = larger;
		texts->room = room;
	}
	if (size > 0)
		memcpy(texts->data + texts->size, data, size);
	texts->size += size;
	texts->data[texts->size] = '\0';
	return true;
}

/* SPDX-License-Identifier: MIT */
#include "transfer/holes.h"

#include <errno.h>
#include <unistd.h>

bool ncm_is_hole(int fd, const struct ncm_range *range)
{
	off_t start = (off_t)range->start, data;

	if (lseek(fd, start, SEEK_HOLE) != start)
		return false;
	data = lseek(fd, start, SEEK_DATA);
	return data < 0 ? errno == ENXIO : data >= (off_t)range->end;
}

bool ncm_has_no_hole(int fd, const struct ncm_range *range)
{
	return lseek(fd, (off_t)range->start, SEEK_HOLE) >= (off_t)range->end;
}

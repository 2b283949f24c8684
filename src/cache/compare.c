/* SPDX-License-Identifier: MIT */
#include "cache/flight_work.h"
#include "cache/work.h"

#include "base/mem.h"

enum { CHUNK = 1 << 20 };

bool flight_is_named(const struct cache_flight *flight, size_t part, const char *tag)
{
	struct cache_range range = {
	    .fd = flight->fd, .start = flight_offset(part), .size = flight_part_size(flight, part)};
	const struct ncm_upload body = cache_range_body(&range);
	NCM_AUTO_FREE char *chunk = ncm_malloc(CHUNK);
	struct ncm_hash *md5 = flight->fd < 0 ? NULL : ncm_hash_new(NCM_HASH_MD5);
	char hex[33];
	ssize_t got;

	if (!md5)
		return false;
	while ((got = body.read(body.context, chunk, CHUNK, NULL)) > 0)
		ncm_hash_update(md5, chunk, (size_t)got);
	return cache_etag_is(tag, ncm_hash_md5(md5, hex)) && got == 0;
}

/* SPDX-License-Identifier: MIT */
/* What the engine is told of a part by what is known of it: no request is made. */
#include "check.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/flight_work.h"

#include <fcntl.h>
#include <unistd.h>

enum { MIB = 1 << 20, PARTS = 3 };
static const uint64_t size_of_it = 40 * (uint64_t)MIB;
static struct ncm_http *http;
static struct ncm_sources *sources;
static struct ncm_sha256 digest;
static struct cache_flights *flights;
static struct cache_flight *flight;

/* Its threads are not started: nothing happens but what the test does. */
static void begin(void)
{
	flights = cache_flights_begin(sources, true);
	CHECK(flights);
	flights->started = true;
	flight = cache_flight_begin(flights, &digest, size_of_it, AT_FDCWD, "/dev/null");
	CHECK(flight);
	CHECK_U64(flight->count, PARTS);
}

static void end(void)
{
	flights->started = false;
	cache_flights_free(flights);
}

static enum ncm_part_state look(size_t part)
{
	return flight->sharing.look(flight->sharing.context, part);
}

static void check_address(size_t part, bool whole, const char *expected)
{
	bool is_whole = !whole;
	NCM_AUTO_FREE char *url = flight->sharing.address(flight->sharing.context, part, &is_whole);

	CHECK(is_whole == whole);
	CHECK_STR(url, expected);
}

static void a_lease_is_void_only_by_times_that_are_told(void)
{
	static const struct {
		int64_t modified, now;
		bool is_void;
	} cases[] = {{1800000000 - 31, 1800000000, true}, {1800000000 - 30, 1800000000, false},
		     {1800000000 + 9, 1800000000, false}, {0, 1800000000, false},
		     {1800000000 - 31, 0, false},         {0, 0, false}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct cache_object object = {.modified = cases[i].modified, .now = cases[i].now};

		CHECK(cache_lease_is_void(&object) == cases[i].is_void);
	}
}

static void what_is_known_says_whose_a_part_is(void)
{
	static const struct {
		enum part_where where;
		enum ncm_part_state state, alone; /* … and where nobody shares any more */
	} cases[] = {
	    {PART_NOWHERE, NCM_PART_AWAITED, NCM_PART_OURS}, {PART_LEASED, NCM_PART_AWAITED, NCM_PART_OURS},
	    {PART_CLAIMED, NCM_PART_AWAITED, NCM_PART_OURS}, {PART_OURS, NCM_PART_OURS, NCM_PART_OURS},
	    {PART_ALONE, NCM_PART_OURS, NCM_PART_OURS},      {PART_THERE, NCM_PART_SHARED, NCM_PART_SHARED},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin();
		flight_set(flight, &flight->parts[1], cases[i].where);
		CHECK(look(1) == cases[i].state);
		CHECK(look(0) == NCM_PART_AWAITED);
		flights->gone = true;
		CHECK(look(1) == cases[i].alone);
		flights->gone = false;
		flight->moved_at -= FLIGHT_PATIENCE_SECONDS + 1;
		CHECK(look(1) == cases[i].alone);
		cache_flight_end(flight, true);
		flight->moved_at = ncm_monotonic();
		CHECK(look(1) == cases[i].alone);
		end();
	}
}

static void who_may_only_read_waits_for_what_others_bring(void)
{
	begin();
	flights->read_only = true;
	CHECK(look(0) == NCM_PART_AWAITED); /* nobody has looked yet */
	flight->listed_at = ncm_monotonic();
	CHECK(look(0) == NCM_PART_OURS);
	flight_set(flight, &flight->parts[0], PART_LEASED);
	CHECK(look(0) == NCM_PART_AWAITED);
	end();
}

static void what_is_shared_has_an_address(void)
{
	begin();
	flight_set(flight, &flight->parts[2], PART_THERE);
	check_address(2, false,
		      "http://127.0.0.1:9/models/a%20b/parts/sha256/"
		      "0000000000000000000000000000000000000000000000000000000000000000/33554432");
	flight->whole = true;
	CHECK(look(0) == NCM_PART_SHARED);
	check_address(0, true,
		      "http://127.0.0.1:9/models/a%20b/blobs/sha256/00/"
		      "0000000000000000000000000000000000000000000000000000000000000000");
	end();
}

static void what_fails_is_ours_in_the_end(void)
{
	begin();
	for (int i = 0; i < 3; i++) {
		flight_set(flight, &flight->parts[0], PART_THERE);
		flight->sharing.failed(flight->sharing.context, 0, false);
		CHECK(look(0) == (i < 2 ? NCM_PART_AWAITED : NCM_PART_OURS));
	}
	end();
}

static void what_is_wrong_is_written_over(void)
{
	begin();
	flight_set(flight, &flight->parts[1], PART_THERE);
	flight->sharing.failed(flight->sharing.context, 1, true);
	CHECK(look(1) == NCM_PART_OURS);
	flight->sharing.have(flight->sharing.context, 1);
	CHECK(flight->parts[1].due && flight->parts[1].wrong);
	flight->sharing.leave(flight->sharing.context);
	CHECK(!flight->parts[1].due);
	end();
}

static void only_what_is_ours_and_proved_is_handed_on(void)
{
	for (int proved = 0; proved < 2; proved++) {
		begin();
		flight_set(flight, &flight->parts[0], PART_OURS);
		flight_set(flight, &flight->parts[1], PART_THERE);
		for (size_t i = 0; i < PARTS; i++)
			flight->sharing.have(flight->sharing.context, i);
		CHECK(flight->parts[0].due && !flight->parts[1].due && !flight->parts[2].due);
		cache_flight_end(flight, proved);
		CHECK(flight->parts[0].due == (proved == 1));
		flight_set(flight, &flight->parts[2], PART_OURS);
		flight->sharing.have(flight->sharing.context, 2); /* of another try */
		CHECK(!flight->parts[2].due);
		end();
	}
}

static void what_is_too_small_or_too_large_is_not_shared(void)
{
	begin();
	CHECK(!cache_flight_begin(flights, &digest, MIB - 1, AT_FDCWD, "x"));
	CHECK(cache_flight_begin(flights, &digest, MIB, AT_FDCWD, "x"));
	CHECK(cache_flight_begin(flights, &digest, 10000 * (uint64_t)NCM_CHECKPOINT_SPAN, AT_FDCWD, "x"));
	CHECK(!cache_flight_begin(flights, &digest, 10000 * (uint64_t)NCM_CHECKPOINT_SPAN + 1, AT_FDCWD, "x"));
	end();
}

int main(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config;

	setenv("HOME", "/nonexistent", 1);
	setenv("NCMODEL_CACHE", "s3:models/a b", 1);
	setenv("NCMODEL_S3_ENDPOINT", "http://127.0.0.1:9", 1);
	CHECK(ncm_http_global_init(NULL) == 0);
	config = ncm_config_load(NULL, &err);
	CHECK(config);
	http = ncm_http_new(config, NULL);
	sources = ncm_sources_new(config, http, NULL);
	RUN(a_lease_is_void_only_by_times_that_are_told);
	RUN(what_is_known_says_whose_a_part_is);
	RUN(who_may_only_read_waits_for_what_others_bring);
	RUN(what_is_shared_has_an_address);
	RUN(what_fails_is_ours_in_the_end);
	RUN(what_is_wrong_is_written_over);
	RUN(only_what_is_ours_and_proved_is_handed_on);
	RUN(what_is_too_small_or_too_large_is_not_shared);
	ncm_sources_free(sources);
	ncm_http_free(http);
	ncm_config_free(config);
	ncm_http_global_cleanup();
	return 0;
}

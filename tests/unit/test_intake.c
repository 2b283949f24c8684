/* SPDX-License-Identifier: MIT */
/*
 * The way of bytes from the network to the disk and into the hash: in any order, in so much memory and no more, and
 * when the hash or the disk is slow, or the disk fails. System calls of this program, and OpenSSL's, go through the
 * functions below.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
enum { SIZE = (44 << 20) + 4321 };
#include "segments_case.h"

#include "transfer/intake.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/sha.h>
#include <sys/syscall.h>

static atomic_uint blocks_made;
static bool (*writes_wait_for)(void);
static atomic_bool reads_fail, syncs_fail, hash_waits;
static _Atomic uint64_t full_from; /* writes from there on find no room; 0: none do */

void *aligned_alloc(size_t alignment, size_t size)
{
	void *memory = NULL;

	if (size == NCM_POOL_PIECE)
		atomic_fetch_add(&blocks_made, NCM_POOL_PIECE / NCM_BLOCK_BYTES);
	return posix_memalign(&memory, alignment, size) == 0 ? memory : NULL;
}

int SHA256_Update(SHA256_CTX *context, const void *data, size_t size)
{
	static int (*real)(SHA256_CTX * context, const void *data, size_t size);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "SHA256_Update");
	while (atomic_load(&hash_waits) && size == NCM_BLOCK_BYTES)
		usleep(100);
	return real(context, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	uint64_t limit = atomic_load(&full_from);

	if (writes_wait_for)
		wait_until(writes_wait_for);
	if (limit > 0 && (uint64_t)offset >= limit) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
	if (atomic_load(&reads_fail)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, data, size, offset);
}

int fdatasync(int fd)
{
	if (atomic_load(&syncs_fail)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static struct ncm_intake some_intake; /* whose the blocks are */

static void memory_is_so_many_blocks_and_no_more(void)
{
	struct ncm_pool pool = {0};
	struct ncm_block *first;

	for (unsigned i = 0; i < NCM_POOL_BLOCKS; i++) {
		struct ncm_block *block;

		CHECK_U64(ncm_pool_free_count(&pool), NCM_POOL_BLOCKS - i);
		block = ncm_pool_take(&pool);
		CHECK(block && (uintptr_t)block->data % NCM_BLOCK_ALIGN == 0);
		memset(block->data, (int)i, NCM_BLOCK_BYTES);
		block->intake = &some_intake;
		block->at = (uint64_t)(i * 7 % 37) * NCM_BLOCK_BYTES;
		block->filling = true;
	}
	CHECK_U64(ncm_pool_free_count(&pool), 0);
	CHECK(!ncm_pool_take(&pool));
	for (size_t i = 0; i < pool.count; i++)
		CHECK(pool.blocks[i]->data[0] == i && pool.blocks[i]->data[NCM_BLOCK_BYTES - 1] == i);
	/* One that was given back is taken before any is given up. */
	first = pool.blocks[5];
	ncm_pool_give(first);
	CHECK_U64(ncm_pool_free_count(&pool), 1);
	pool.blocks[6]->filling = false;
	pool.blocks[6]->written = pool.blocks[6]->ahead = true;
	CHECK_U64(ncm_pool_free_count(&pool), 2);
	CHECK(ncm_pool_take(&pool) == first && !first->filling && !first->written);
	ncm_pool_end(&pool);
}

/*
 * What is on disk and behind a gap is given up, the farthest first; what somebody works with never is, nor what the
 * hash will soon want.
 */
static void what_can_be_read_again_is_given_up(void)
{
	struct ncm_pool pool = {0};
	size_t spare = 0;

	for (unsigned i = 0; i < NCM_POOL_BLOCKS; i++) {
		struct ncm_block *block = ncm_pool_take(&pool);

		block->intake = &some_intake;
		block->at = (uint64_t)(i * 7 % 37) * NCM_BLOCK_BYTES;
		block->written = i % 6 != 0;
		block->ahead = i % 6 != 1;
		block->filling = i % 6 == 2;
		block->writing = i % 6 == 3;
		block->hashing = i % 6 == 4;
		spare += i % 6 == 5;
	}
	CHECK_U64(ncm_pool_free_count(&pool), spare);
	for (uint64_t before = UINT64_MAX; ncm_pool_free_count(&pool) > 0;) {
		struct ncm_block *block = ncm_pool_take(&pool);

		CHECK(block && !block->intake && block->at < before);
		CHECK(!block->filling && !block->writing && !block->hashing && !block->written && !block->ahead);
		before = block->at;
		block->intake = &some_intake;
		block->filling = true;
	}
	CHECK(!ncm_pool_take(&pool));
	ncm_pool_end(&pool);
}

/* All memory in use, by what is written, not to be given up, and not the next of any hash: it would never end. */
static void a_hash_without_its_next_block_is_noticed(void)
{
	struct ncm_pool pool = {0};
	struct ncm_intake intake = {.pool = &pool, .hashes = true};
	struct ncm_block *last;

	intake.strands[0] = (struct ncm_strand){.intake = &intake, .live = true, .end = UINT64_MAX};
	for (unsigned i = 0; i < NCM_POOL_BLOCKS; i++) {
		struct ncm_block *block = ncm_pool_take(&pool);

		CHECK(ncm_intake_can_go_on(&intake)); /* this one was free */
		*block =
		    (struct ncm_block){.intake = &intake, .data = block->data, .to = NCM_BLOCK_BYTES, .written = true};
		block->at = (uint64_t)(i + 1) * NCM_BLOCK_BYTES;
	}
	CHECK(!ncm_intake_can_go_on(&intake));
	last = pool.blocks[NCM_POOL_BLOCKS - 1];
	last->ahead = true;
	CHECK(ncm_intake_can_go_on(&intake));
	last->ahead = false;
	last->writing = true;
	CHECK(ncm_intake_can_go_on(&intake));
	last->writing = false;
	intake.strands[0].hashed = 3 * NCM_BLOCK_BYTES;
	CHECK(ncm_intake_can_go_on(&intake));
	ncm_pool_end(&pool);
}

enum { TASKS = 500 };
static struct ncm_task tasks[TASKS];
static atomic_uint worked;
static unsigned done_count; /* of the loop's thread alone */
static pthread_t loop;

static void work(struct ncm_task *task)
{
	(void)task;
	atomic_fetch_add(&worked, 1);
}

static void done(struct ncm_task *task)
{
	CHECK(pthread_equal(pthread_self(), loop));
	CHECK(task >= tasks && task < tasks + TASKS);
	done_count++;
}

static void tasks_are_worked_on_and_told_in_the_loop(void)
{
	CURLM *multi = curl_multi_init();
	struct ncm_crew *crew = ncm_crew_start(multi);

	loop = pthread_self();
	for (unsigned i = 0; i < TASKS; i++) {
		tasks[i] = (struct ncm_task){.work = work, .done = done};
		ncm_crew_add(crew, &tasks[i]);
		if (i % 100 == 0)
			ncm_crew_collect(crew);
	}
	while (done_count < TASKS) {
		curl_multi_poll(multi, NULL, 0, 1000, NULL); /* woken up */
		ncm_crew_collect(crew);
	}
	CHECK_U64(worked, TASKS);
	ncm_crew_collect(crew); /* nothing is told twice */
	CHECK_U64(done_count, TASKS);
	ncm_crew_stop(crew);
	curl_multi_cleanup(multi);
}

static uint32_t state = 20260103;

static uint32_t random_below(uint32_t limit)
{
	state = state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)state * limit) >> 32);
}

/* A stream as the intake sees it: bytes of one range after another. */
struct feeder {
	struct ncm_block *filling;
	uint64_t at, end;
};

/* Gives the feeder some range that is missing, as far from the front as it happens. */
static bool next_range(struct feeder *feeder, struct ncm_ranges *missing)
{
	const struct ncm_range *range;
	uint64_t size;

	if (missing->count == 0)
		return false;
	range = &missing->ranges[random_below((uint32_t)missing->count)];
	size = range->end - range->start;
	feeder->at = range->start + (random_below(2) ? random_below((uint32_t)size) : 0);
	feeder->end = feeder->at + 1 + random_below(3 * MIB);
	if (feeder->end > range->end)
		feeder->end = range->end;
	ncm_ranges_remove(missing, feeder->at, feeder->end);
	return true;
}

/* Gives some of its bytes, if there is room. False if it has nothing more to do. */
static bool feed(struct ncm_intake *intake, struct feeder *feeder, struct ncm_ranges *missing)
{
	size_t size = 1 + random_below(300 * KIB);

	if (feeder->at == feeder->end) {
		ncm_intake_flush(intake, &feeder->filling);
		if (!next_range(feeder, missing))
			return false;
	}
	if (size > feeder->end - feeder->at)
		size = (size_t)(feeder->end - feeder->at);
	if (!ncm_intake_has_room(intake, feeder->filling, feeder->at, size))
		return true;
	ncm_intake_put(intake, &feeder->filling, feeder->at, (const char *)content + feeder->at, size);
	feeder->at += size;
	if (random_below(50) == 0) /* it was slow */
		ncm_intake_flush(intake, &feeder->filling);
	return true;
}

/* One file's way, without a network. */
struct way {
	struct ncm_transfer_item item;
	struct ncm_partial partial;
	struct ncm_intake intake;
	struct ncm_pool pool;
	struct ncm_crew *crew;
	CURLM *multi;
};

static void begin_way(struct way *way)
{
	*way = (struct way){.item = make_pinned("https://h.example/x"), .multi = curl_multi_init()};
	way->crew = ncm_crew_start(way->multi);
	CHECK(ncm_partial_open(&way->partial, &way->item, NULL) == 0);
	CHECK(ncm_partial_begin(&way->partial, NULL, true, SIZE, NULL) == 0);
	ncm_intake_begin(&way->intake, &way->partial, &way->pool, way->crew, true, NULL);
}

static void end_way(struct way *way, bool discard)
{
	ncm_partial_close(&way->partial, discard);
	ncm_intake_end(&way->intake);
	ncm_crew_stop(way->crew);
	ncm_pool_end(&way->pool);
	curl_multi_cleanup(way->multi);
}

static void bytes_in_any_order_are_hashed_in_the_files(void)
{
	struct way way;
	struct ncm_ranges missing = {0};
	struct feeder feeders[5] = {0};
	struct ncm_sha256 digest;
	unsigned busy = 5;

	ncm_ranges_add(&missing, 0, SIZE);
	begin_way(&way);
	while (busy > 0 || ncm_intake_busy(&way.intake) || way.intake.strands[0].hashed < SIZE) {
		busy = 0;
		for (unsigned i = 0; i < 5; i++)
			busy += feed(&way.intake, &feeders[i], &missing);
		ncm_crew_collect(way.crew);
		ncm_intake_tick(&way.intake);
		CHECK(way.intake.error.code == NCM_OK);
		CHECK(ncm_intake_can_go_on(&way.intake));
		if (busy == 0)
			curl_multi_poll(way.multi, NULL, 0, 10, NULL);
	}
	ncm_ranges_clear(&missing);
	CHECK(way.pool.count <= NCM_POOL_BLOCKS);
	CHECK_U64(ncm_pool_free_count(&way.pool), NCM_POOL_BLOCKS);
	ncm_tally_end(way.intake.tally, &digest, &way.item.checkpoints);
	way.intake.tally = NULL;
	CHECK(ncm_sha256_equal(&digest, &content_sha256));
	check_checkpoints(&way.item);
	ncm_checkpoints_clear(&way.item.checkpoints);
	CHECK(ncm_partial_finish(&way.partial, &digest, &way.item, NULL) == 0);
	end_way(&way, false);
	way.item.done = true;
	way.item.final_size = SIZE;
	check_done(&way.item);
}

static bool memory_is_used_up(void)
{
	return atomic_load(&blocks_made) >= NCM_POOL_BLOCKS;
}

/* The network waits; what has come waits in memory; nothing is lost. */
static void a_slow_disk_pauses_the_network(void)
{
	struct ncm_transfer_item item;

	atomic_store(&blocks_made, 0);
	begin_server(answer_ranges);
	item = make_pinned(server.url);
	writes_wait_for = memory_is_used_up;
	run_and_count(&item);
	writes_wait_for = NULL;
	CHECK(blocks_made <= NCM_POOL_BLOCKS);
}

/* Gives whole blocks, the first of them and so many, and waits until they are on disk. */
static void give_blocks(struct ncm_intake *intake, uint64_t first, uint64_t count)
{
	struct ncm_block *filling = NULL;

	for (uint64_t at = first * NCM_BLOCK_BYTES; at < (first + count) * NCM_BLOCK_BYTES; at += NCM_BLOCK_BYTES)
		ncm_intake_put(intake, &filling, at, (const char *)content + at, NCM_BLOCK_BYTES);
	while (intake->moving > 0) {
		ncm_crew_collect(intake->crew);
		usleep(100);
	}
	ncm_intake_tick(intake);
}

/* What comes ahead of others waits in memory, not on the disk, when it is the hash that all wait for. */
static void what_a_slow_hash_needs_next_stays_in_memory(void)
{
	const uint64_t pool_bytes = (uint64_t)NCM_POOL_BLOCKS * NCM_BLOCK_BYTES;
	struct way way;

	begin_way(&way);
	atomic_store(&hash_waits, true);
	/* A few that wait hold nobody up, however far away. */
	give_blocks(&way.intake, 0, 4);
	CHECK(ncm_intake_has_room(&way.intake, NULL, SIZE - 1, 1));
	give_blocks(&way.intake, 4, 12);
	give_blocks(&way.intake, 20, 10);
	CHECK_U64(way.intake.strands[0].hashed, 0);
	CHECK_U64(ncm_pool_free_count(&way.pool), NCM_POOL_BLOCKS - 16 - 10);
	CHECK(ncm_intake_has_room(&way.intake, NULL, pool_bytes - 1, 1));
	CHECK(!ncm_intake_has_room(&way.intake, NULL, pool_bytes, 1));
	atomic_store(&hash_waits, false);
	while (ncm_intake_busy(&way.intake)) {
		ncm_crew_collect(way.crew);
		usleep(100);
	}
	CHECK_U64(way.intake.strands[0].hashed, 16 * MIB);
	/* Now the hash waits for what is missing; what is behind that can be read again. */
	CHECK_U64(ncm_pool_free_count(&way.pool), NCM_POOL_BLOCKS);
	CHECK(ncm_intake_has_room(&way.intake, NULL, pool_bytes + 16 * MIB, 1));
	end_way(&way, true);
}

static void a_write_that_fails_ends_it_and_keeps_the_others(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_ranges);
	item = make_pinned(server.url);
	atomic_store(&full_from, 20 * MIB);
	CHECK(run_with(&item, 1, &options) == 0);
	atomic_store(&full_from, 0);
	server_stop(&server);
	check_failed(&item, NCM_E_NO_SPACE, "cannot write the partial file");
	CHECK(ncm_transfer_present(&item) >= 8 * MIB && ncm_transfer_present(&item) <= 20 * MIB);
	check_the_rest_alone_comes();
}

static void a_read_that_fails_ends_it(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_ranges);
	item = make_pinned(server.url);
	lay_partial(&item, content, 10 * MIB + 5, NULL);
	atomic_store(&reads_fail, true);
	CHECK(run_with(&item, 1, &options) == 0);
	atomic_store(&reads_fail, false);
	server_stop(&server);
	check_failed(&item, NCM_E_IO, "cannot read the partial file");
	CHECK(ncm_transfer_present(&item) >= 10 * MIB + 5);
	check_the_rest_alone_comes();
}

/* After that nobody knows what the disk has, whatever reads show: it is begun anew. */
static void after_a_failed_sync_nothing_is_believed(void)
{
	struct ncm_transfer_item item;

	begin_server(answer_ranges);
	item = make_pinned(server.url);
	atomic_store(&syncs_fail, true);
	CHECK(run_with(&item, 1, &options) == 0);
	atomic_store(&syncs_fail, false);
	server_stop(&server);
	check_failed(&item, NCM_E_IO, "cannot sync the partial file");
	ncm_checkpoints_clear(&item.checkpoints);
	check_nothing_left();
}

int main(void)
{
	const char *given = getenv("NCM_TEST_SEED");

	stall_seconds = 60;
	setenv("NCMODEL_SHA256", "openssl", 1); /* where the hash can be made to wait */
	if (given)
		state = (uint32_t)strtoul(given, NULL, 10);
	printf("seed %" PRIu32 " (NCM_TEST_SEED)\n", state);
	begin_case();
	RUN(memory_is_so_many_blocks_and_no_more);
	RUN(what_can_be_read_again_is_given_up);
	RUN(a_hash_without_its_next_block_is_noticed);
	RUN(tasks_are_worked_on_and_told_in_the_loop);
	RUN(bytes_in_any_order_are_hashed_in_the_files);
	RUN(a_slow_disk_pauses_the_network);
	RUN(what_a_slow_hash_needs_next_stays_in_memory);
	RUN(a_write_that_fails_ends_it_and_keeps_the_others);
	RUN(a_read_that_fails_ends_it);
	RUN(after_a_failed_sync_nothing_is_believed);
	end_case();
	return 0;
}

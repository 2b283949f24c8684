/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/mem.h"
#include "digest/hash.h"
#include "digest/reader.h"
#include "digest/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void digests_parse_strictly(void)
{
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	CHECK(ncm_sha256_parse(ABC, &digest) == 0);
	CHECK_STR(ncm_sha256_hex(&digest, hex), ABC);
	CHECK(ncm_sha256_parse("sha256:" ABC, &digest) == 0);
	CHECK(ncm_sha256_parse("sha256-" ABC, &digest) < 0);
	CHECK(ncm_sha256_parse("sha512:" ABC, &digest) < 0);
	CHECK(ncm_sha256_parse(ABC "0", &digest) < 0);
	CHECK(ncm_sha256_parse(ABC "\n", &digest) < 0);
	CHECK(ncm_sha256_parse("ba7816", &digest) < 0);
	CHECK(ncm_sha256_parse("", &digest) < 0);
	CHECK(ncm_sha256_parse(NULL, &digest) < 0);
	CHECK(ncm_sha256_parse("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &digest) < 0);
	CHECK(ncm_sha256_parse_any_case("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &digest) ==
	      0);
	CHECK(ncm_sha256_parse("sha256:../../../../etc/passwd0000000000000000000000000000000000000000000", &digest) <
	      0);
}

static void known_hashes_come_out(void)
{
	struct ncm_sha256 digest;
	struct ncm_sha1 sha1;
	struct ncm_hash *hash;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of("abc", 3, &digest);
	CHECK_STR(ncm_sha256_hex(&digest, hex), ABC);
	/* The git blob of an 8-byte file, as git hash-object prints it. */
	hash = ncm_hash_git_blob(8);
	ncm_hash_update(hash, "{\"a\":1}\n", 8);
	ncm_hash_sha1(hash, &sha1);
	CHECK_STR(ncm_sha1_hex(&sha1, hex), "0187f3b09d66cef7911083ad49f890f5a6589589");
	CHECK(ncm_sha1_parse("0187f3b09d66cef7911083ad49f890f5a6589589", &sha1) == 0);
	CHECK(ncm_sha1_parse("0187f3b09d66cef7911083ad49f890f5a658958", &sha1) < 0);
}

static void a_file_hashes_to_its_end_or_its_size(void)
{
	char name[] = "/tmp/ncm-digest-XXXXXX";
	int fd = mkstemp(name);
	struct ncm_sha256 digest, expected;
	uint64_t size = 0;

	CHECK(fd >= 0 && write(fd, "abcdef", 6) == 6);
	CHECK(ncm_sha256_fd(fd, UINT64_MAX, &digest, &size, NULL, NULL) == 0);
	ncm_sha256_of("abcdef", 6, &expected);
	CHECK(size == 6 && ncm_sha256_equal(&digest, &expected));
	CHECK(ncm_sha256_fd(fd, 3, &digest, &size, NULL, NULL) == 0);
	ncm_sha256_of("abc", 3, &expected);
	CHECK(size == 3 && ncm_sha256_equal(&digest, &expected));
	close(fd);
	unlink(name);
}

/* xorshift: the same bytes for the same seed, everywhere. */
static void fill(uint8_t *data, size_t size, uint64_t seed)
{
	uint64_t value = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;

	for (size_t i = 0; i < size; i++) {
		value ^= value << 13;
		value ^= value >> 7;
		value ^= value << 17;
		data[i] = (uint8_t)(value >> 32);
	}
}

/* In pieces of 1 … `most` bytes, of a random size each. */
static void feed_in_pieces(struct ncm_tally *tally, const uint8_t *data, size_t size, size_t most, unsigned *seed)
{
	for (size_t at = 0, take; at < size; at += take) {
		take = (size_t)rand_r(seed) % most + 1;
		take = take < size - at ? take : size - at;
		ncm_tally_update(tally, data + at, take);
		CHECK_U64(ncm_tally_length(tally), at + take);
	}
}

static void a_tally_hashes_as_openssl_does(void)
{
	enum { MOST = 4096 };
	const unsigned seed = (unsigned)time(NULL);
	unsigned state = seed;
	uint8_t data[MOST];

	printf("seed %u\n", seed);
	fill(data, sizeof data, seed);
	/* Every length around the block's edges, then longer ones; pieces that straddle blocks in every way. */
	for (size_t size = 0; size <= MOST; size += size < 200 ? 1 : 61) {
		for (size_t most = 1; most <= 300; most = most * 3 + 1) {
			struct ncm_tally *tally = ncm_tally_new();
			struct ncm_sha256 digest, expected;

			feed_in_pieces(tally, data, size, most, &state);
			ncm_tally_end(tally, &digest, NULL);
			ncm_sha256_of(data, size, &expected);
			CHECK(ncm_sha256_equal(&digest, &expected));
		}
	}
}

/* What a checkpoint is for: from state i over span i + 1 to state i + 1, and from the last to the digest. */
static void expect_chain(const struct ncm_checkpoints *points, const uint8_t *data, size_t size,
			 const struct ncm_sha256 *expected)
{
	struct ncm_sha256_run run;
	struct ncm_sha256 digest;
	size_t at = 0;

	ncm_sha256_run_start(&run);
	for (size_t i = 0; i < points->count; i++, at += NCM_CHECKPOINT_SPAN) {
		ncm_sha256_run_update(&run, data + at, NCM_CHECKPOINT_SPAN);
		CHECK(ncm_sha256_state_equal(&run.state, &points->states[i]));
		ncm_sha256_run_from(&run, &points->states[i], at + NCM_CHECKPOINT_SPAN);
	}
	ncm_sha256_run_update(&run, data + at, size - at);
	ncm_sha256_run_digest(&run, &digest);
	CHECK(ncm_sha256_equal(&digest, expected));
}

/* A tally that takes over from proved checkpoints ends as one that saw everything. */
static void expect_same_after(const struct ncm_checkpoints *points, const uint8_t *data, size_t size)
{
	for (size_t spans = 0; spans <= points->count; spans++) {
		struct ncm_tally *tally = ncm_tally_after(points, spans);
		struct ncm_checkpoints again;
		struct ncm_sha256 digest;
		const size_t at = spans * NCM_CHECKPOINT_SPAN;

		CHECK_U64(ncm_tally_length(tally), at);
		ncm_tally_update(tally, data + at, size - at);
		ncm_tally_end(tally, &digest, &again);
		CHECK(ncm_sha256_equal(&digest, &points->sha256));
		CHECK_U64(again.size, size);
		CHECK_U64(again.count, points->count);
		CHECK(again.count == 0 ||
		      memcmp(again.states, points->states, again.count * sizeof *again.states) == 0);
		ncm_checkpoints_clear(&again);
	}
}

static void a_tally_keeps_its_state_at_every_span(void)
{
	static const struct {
		size_t size, count;
	} cases[] = {
	    {0, 0},
	    {1, 0},
	    {NCM_CHECKPOINT_SPAN - 1, 0},
	    {NCM_CHECKPOINT_SPAN, 0},
	    {NCM_CHECKPOINT_SPAN + 1, 1},
	    {2 * NCM_CHECKPOINT_SPAN - 63, 1},
	    {2 * NCM_CHECKPOINT_SPAN, 1},
	    {2 * NCM_CHECKPOINT_SPAN + 1, 2},
	};
	const unsigned seed = (unsigned)time(NULL);
	unsigned state = seed;
	NCM_AUTO_FREE uint8_t *data = ncm_malloc(2 * NCM_CHECKPOINT_SPAN + 1);

	printf("seed %u\n", seed);
	fill(data, 2 * NCM_CHECKPOINT_SPAN + 1, seed);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ncm_checkpoints points;
		struct ncm_sha256 digest, expected;

		ncm_sha256_of(data, cases[i].size, &expected);
		for (size_t most = 99991; most < 40 << 20; most *= 400) {
			struct ncm_tally *tally = ncm_tally_new();

			feed_in_pieces(tally, data, cases[i].size, most, &state);
			ncm_tally_end(tally, &digest, &points);
			CHECK(ncm_sha256_equal(&digest, &expected) && ncm_sha256_equal(&points.sha256, &expected));
			CHECK_U64(points.size, cases[i].size);
			CHECK_U64(points.count, cases[i].count);
			expect_chain(&points, data, cases[i].size, &expected);
			expect_same_after(&points, data, cases[i].size);
			ncm_checkpoints_clear(&points);
			CHECK(!points.states && points.count == 0);
		}
	}
}

static void lengths_beyond_32_bits_of_bits_are_padded_right(void)
{
	/* sha256 of 1 GiB of zeros: `head -c 1G /dev/zero | sha256sum`. More bits than one word of the length holds. */
	static const char gigabyte[] = "49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14";
	NCM_AUTO_FREE uint8_t *zeros = ncm_calloc(1, NCM_CHECKPOINT_SPAN);
	struct ncm_sha256_run run;
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_run_start(&run);
	for (unsigned i = 0; i < 64; i++)
		ncm_sha256_run_update(&run, zeros, NCM_CHECKPOINT_SPAN);
	ncm_sha256_run_digest(&run, &digest);
	CHECK_STR(ncm_sha256_hex(&digest, hex), gigabyte);
	/* Digests are read off without disturbing the run. */
	ncm_sha256_run_digest(&run, &digest);
	CHECK_STR(ncm_sha256_hex(&digest, hex), gigabyte);
}

enum { MIB = 1 << 20, PAGE = 4096, READ_SIZE = 7 * MIB + 12345, READ_PAGES = READ_SIZE / PAGE + 1 };

/* A file of pseudo-random bytes, on disk and out of the page cache, as far as the file system has such a difference. */
static int cold_file(uint8_t *data)
{
	char name[] = "/tmp/ncm-digest-XXXXXX";
	int fd = mkstemp(name);

	fill(data, READ_SIZE, 7);
	CHECK(fd >= 0 && unlink(name) == 0);
	for (size_t at = 0; at < READ_SIZE;) {
		ssize_t put = pwrite(fd, data + at, READ_SIZE - at, (off_t)at);

		CHECK(put > 0);
		at += (size_t)put;
	}
	CHECK(fsync(fd) == 0);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	return fd;
}

/* Brings exactly these bytes into the page cache, as somebody else would. */
static void warm(int fd, size_t size, uint64_t at)
{
	NCM_AUTO_FREE uint8_t *bytes = ncm_malloc(size);
	char path[32];
	int other;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	other = open(path, O_RDONLY);
	CHECK(other >= 0 && posix_fadvise(other, 0, 0, POSIX_FADV_RANDOM) == 0);
	CHECK(pread(other, bytes, size, (off_t)at) == (ssize_t)size);
	close(other);
}

static void see_cache(int fd, unsigned char pages[READ_PAGES])
{
	void *map = mmap(NULL, READ_SIZE, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(map != MAP_FAILED && mincore(map, READ_SIZE, pages) == 0);
	CHECK(munmap(map, READ_SIZE) == 0);
	for (size_t i = 0; i < READ_PAGES; i++)
		pages[i] &= 1;
}

struct taking {
	const uint8_t *expected;
	size_t at;
};

static void take_and_compare(void *context, const void *data, size_t size)
{
	struct taking *taking = context;

	CHECK(taking->at + size <= READ_SIZE && memcmp(data, taking->expected + taking->at, size) == 0);
	taking->at += size;
}

typedef int (*reading)(struct ncm_reader *reader, uint64_t start, uint64_t end, void *buffer, size_t size,
		       ncm_reader_take take, void *context);

static void read_range(struct ncm_reader *reader, const uint8_t *expected, uint64_t start, uint64_t end)
{
	static const reading ways[] = {ncm_reader_range, ncm_reader_ahead};

	for (size_t way = 0; way < 2; way++) {
		for (size_t size = NCM_READER_SMALLEST; size <= NCM_READER_LARGEST; size *= 2) {
			NCM_AUTO_FREE void *buffer = ncm_reader_buffer(size);
			struct taking taking = {expected, (size_t)start};

			CHECK(ways[way](reader, start, end, buffer, size, take_and_compare, &taking) == 0);
			CHECK_U64(taking.at, end < READ_SIZE ? end : READ_SIZE);
		}
	}
}

static bool leaves_cache(int way)
{
	NCM_AUTO_FREE uint8_t *data = ncm_malloc(READ_SIZE);
	unsigned char before[READ_PAGES], after[READ_PAGES];
	int fd = cold_file(data);
	struct ncm_reader reader;

	/* What somebody else has in memory: a whole stretch, and a part of another. */
	warm(fd, MIB, 2 * MIB);
	warm(fd, 100000, 5 * MIB + 200000);
	see_cache(fd, before);
	ncm_reader_open(&reader, fd);
	if (way > 0)
		reader.refused = true;
	if (way > 1)
		ncm_reader_close(&reader);
	CHECK(reader.knows_cache);
	read_range(&reader, data, 0, UINT64_MAX);
	read_range(&reader, data, 2 * MIB + 64, 6 * MIB - 1);
	read_range(&reader, data, READ_SIZE - 1, READ_SIZE);
	read_range(&reader, data, READ_SIZE, UINT64_MAX);
	see_cache(fd, after);
	for (size_t i = 0; i < READ_PAGES; i++) {
		if (before[i] != after[i])
			fprintf(stderr, "way %d: page %zu was %d, is %d\n", way, i, before[i], after[i]);
	}
	ncm_reader_close(&reader);
	close(fd);
	return memcmp(before, after, READ_PAGES) == 0;
}

/* With direct reads, where they are refused when they are tried, and where there are none at all. The kernel takes a
 * page back when it likes; what the reader does it does each time. */
static void a_reader_leaves_the_page_cache_as_it_was(void)
{
	for (int way = 0; way < 3; way++)
		CHECK(leaves_cache(way) || leaves_cache(way) || leaves_cache(way));
}

/* Where the kernel does not tell what is there, nothing may be dropped. */
static void a_reader_that_knows_nothing_drops_nothing(void)
{
	NCM_AUTO_FREE uint8_t *data = ncm_malloc(READ_SIZE);
	unsigned char before[READ_PAGES], after[READ_PAGES];
	int fd = cold_file(data);
	struct ncm_reader reader;

	warm(fd, READ_SIZE, 0);
	see_cache(fd, before);
	ncm_reader_open(&reader, fd);
	reader.knows_cache = false;
	read_range(&reader, data, 0, UINT64_MAX);
	ncm_reader_close(&reader);
	see_cache(fd, after);
	CHECK(memcmp(before, after, READ_PAGES) == 0);
	close(fd);
}

static void a_failed_read_is_told(void)
{
	struct ncm_sha256 digest;
	struct ncm_checkpoints points;

	errno = 0;
	CHECK(ncm_tally_fd(-1, 8 * MIB, &digest, &points, NULL, NULL) < 0 && errno == EBADF);
	CHECK(ncm_tally_fd(-1, MIB, &digest, &points, NULL, NULL) < 0 && errno == EBADF);
}

int main(void)
{
	RUN(digests_parse_strictly);
	RUN(known_hashes_come_out);
	RUN(a_file_hashes_to_its_end_or_its_size);
	RUN(a_tally_hashes_as_openssl_does);
	RUN(a_tally_keeps_its_state_at_every_span);
	RUN(lengths_beyond_32_bits_of_bits_are_padded_right);
	RUN(a_reader_leaves_the_page_cache_as_it_was);
	RUN(a_reader_that_knows_nothing_drops_nothing);
	RUN(a_failed_read_is_told);
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * Which way of writing a downloaded stream to disk costs least? Every way writes the same bytes in the same blocks; the
 * clock runs from the open to the end of the last fdatasync. Each block is first copied into its buffer, as a recv
 * would.
 *
 *   write_bench [--dir DIR]... [--size MIB] [--runs N] [--only TEXT]
 *
 * Columns: wall seconds; CPU seconds of this process; CPU seconds of the whole machine in that time (the kernel writes
 * the page cache back in threads of its own; true only when nothing else runs); what stays in the page cache
 * afterwards.
 */
#include "write_ways.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define RUNS_MAX 25
#define DIRS_MAX 8
#define SOURCE_SIZE (64 * MIB)

struct figures {
	double wall, own_cpu, all_cpu, cached_mib;
};

struct row {
	struct way way;
	const char *dir;
	size_t block;
	int segments;
	enum room room;
	int runs;
	struct figures run[RUNS_MAX];
	int error; // errno of a way that this file system or kernel does not have
};

static unsigned char *source;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double own_cpu(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* Seconds that all cores together were busy since boot: all columns of /proc/stat but idle, iowait and what guests got
 * twice. */
static double machine_cpu(void)
{
	unsigned long long t[8] = {0};
	FILE *file = fopen("/proc/stat", "r");

	if (!file)
		return 0;
	if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", t, t + 1, t + 2, t + 3, t + 4, t + 5, t + 6,
		   t + 7) != 8)
		t[0] = 0;
	fclose(file);
	return (double)(t[0] + t[1] + t[2] + t[5] + t[6]) / (double)sysconf(_SC_CLK_TCK);
}

static double cached_mib(int fd, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page, resident = 0;
	unsigned char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	unsigned char *seen = malloc(pages);

	if (map != MAP_FAILED && seen && !mincore(map, size, seen))
		for (size_t i = 0; i < pages; i++)
			resident += seen[i] & 1;
	if (map != MAP_FAILED)
		munmap(map, size);
	free(seen);
	return (double)(resident * page) / (double)MIB;
}

/* Blocks come in the order in which so many connections, each with its own part of the file, would bring them. */
static off_t place_of(const struct row *row, size_t index, size_t blocks)
{
	size_t parts = (size_t)row->segments, each = blocks / parts;

	return (off_t)((index % parts * each + index / parts) * row->block);
}

static int write_once(const struct row *row, int fd, size_t size)
{
	size_t blocks = size / row->block;
	struct sink *sink = sink_open(&row->way, fd, row->block);
	int error = sink ? sink_room(fd, row->room, (off_t)size) : ENOTSUP;

	for (size_t i = 0; !error && i < blocks; i++) {
		unsigned char *buffer = sink_buffer(sink, &error);
		if (error)
			break;
		memcpy(buffer, source + i * row->block % SOURCE_SIZE, row->block);
		error = sink_write(sink, buffer, place_of(row, i, blocks));
	}
	int last = sink_close(sink);
	if (!error)
		error = last;
	return !error && fdatasync(fd) ? errno : error;
}

static void measure(struct row *row, size_t size)
{
	struct figures *f = &row->run[row->runs];
	char path[4096];

	snprintf(path, sizeof(path), "%s/write_bench.%d", row->dir, (int)getpid());
	unlink(path);
	sync();
	double wall = now(), own = own_cpu(), all = machine_cpu();
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | (row->way.direct ? O_DIRECT : 0), 0600);
	row->error = fd < 0 ? errno : write_once(row, fd, size);
	f->wall = now() - wall;
	f->own_cpu = own_cpu() - own;
	f->all_cpu = machine_cpu() - all;
	f->cached_mib = fd < 0 ? 0 : cached_mib(fd, size);
	if (fd >= 0)
		close(fd);
	unlink(path);
	row->runs += !row->error;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const struct row *row, size_t field)
{
	double values[RUNS_MAX];

	for (int i = 0; i < row->runs; i++)
		memcpy(&values[i], (const char *)&row->run[i] + field, sizeof(double));
	qsort(values, (size_t)row->runs, sizeof(double), ascending);
	return row->runs % 2 ? values[row->runs / 2] : (values[row->runs / 2 - 1] + values[row->runs / 2]) / 2;
}

static void print(const struct row *rows, size_t count)
{
	const char *dir = "";
	double first = 0;

	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		if (strcmp(dir, r->dir) != 0) {
			dir = r->dir, first = 0;
			printf("\n`%s`\n\n| way | block MiB | room | segments | wall s | ratio | CPU s | machine CPU s "
			       "| cached MiB |\n"
			       "|---|---|---|---|---|---|---|---|---|\n",
			       dir);
		}
		printf("| %s | %zu | %s | %d | ", r->way.name, r->block / MIB, room_name(r->room), r->segments);
		if (r->error || !r->runs) {
			printf("– | – | – | – | %s |\n", strerror(r->error));
			continue;
		}
		double wall = median(r, offsetof(struct figures, wall));
		if (first <= 0)
			first = wall; // the first row of a folder is the one that the others are compared with
		printf("%.2f | %.2f | %.2f | %.2f | %.0f |\n", wall, wall / first,
		       median(r, offsetof(struct figures, own_cpu)), median(r, offsetof(struct figures, all_cpu)),
		       median(r, offsetof(struct figures, cached_mib)));
	}
}

static size_t add_rows(struct row *rows, const char *dir, const char *only)
{
	static const struct {
		size_t block;
		int segments;
		enum room room;
	} shapes[] = {{1 * MIB, 1, ROOM_NONE},      {4 * MIB, 1, ROOM_NONE},     {1 * MIB, 1, ROOM_ALLOCATE},
		      {4 * MIB, 1, ROOM_ALLOCATE},  {1 * MIB, 16, ROOM_SPARSE},  {4 * MIB, 16, ROOM_SPARSE},
		      {1 * MIB, 16, ROOM_ALLOCATE}, {4 * MIB, 16, ROOM_ALLOCATE}};
	size_t count = 0;

	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		for (size_t w = 0; w < way_count; w++)
			if (!only || strstr(ways[w].name, only))
				rows[count++] = (struct row){.way = ways[w],
							     .dir = dir,
							     .block = shapes[s].block,
							     .segments = shapes[s].segments,
							     .room = shapes[s].room};
	return count;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"dir", 1, NULL, 'd'},
						{"size", 1, NULL, 's'},
						{"runs", 1, NULL, 'r'},
						{"only", 1, NULL, 'o'},
						{NULL, 0, NULL, 0}};
	const char *dirs[DIRS_MAX] = {"."}, *only = NULL;
	size_t dir_count = 0, size = 2048 * MIB, count = 0;
	int runs = 5, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd' && dir_count < DIRS_MAX)
			dirs[dir_count++] = optarg;
		else if (option == 's')
			size = strtoull(optarg, NULL, 10) / 64 * 64 * MIB; // whole blocks for every segment
		else if (option == 'r')
			runs = atoi(optarg);
		else if (option == 'o')
			only = optarg;
		else
			size = 0;
	}
	if (!size || runs < 1 || runs > RUNS_MAX || optind != argc) {
		fprintf(stderr,
			"usage: write_bench [--dir DIR]... [--size MIB, at least 64] [--runs 1..%d] [--only TEXT]\n",
			RUNS_MAX);
		return 2;
	}
	struct row *rows = calloc((dir_count + 1) * 8 * way_count, sizeof(*rows));
	source = malloc(SOURCE_SIZE);
	if (!rows || !source || getentropy(source, 256))
		return 1;
	unsigned seed = source[0];
	for (size_t i = 0; i < SOURCE_SIZE; i++)
		source[i] = (unsigned char)((seed = seed * 1664525U + 1013904223U) >> 24);
	for (size_t i = 0; i < (dir_count ? dir_count : 1); i++)
		count += add_rows(rows + count, dirs[i], only);
	// One of each, then the next round: what the machine does meanwhile meets all ways alike.
	for (int run = 0; run < runs; run++)
		for (size_t i = 0; i < count; i++)
			if (!rows[i].error) {
				measure(&rows[i], size);
				if (isatty(STDERR_FILENO))
					fprintf(stderr, "\rrun %d of %d, %zu of %zu ", run + 1, runs, i + 1, count);
			}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\n");
	printf("%zu MiB, medians of %d runs\n", size / MIB, runs);
	print(rows, count);
	free(rows);
	free(source);
	return 0;
}

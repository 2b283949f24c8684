/* SPDX-License-Identifier: MIT */
/* NVIDIA's cards by its program, where there is no library: nvidia-smi --query-gpu, whose columns are asked for by name
 * (its output is not promised, so what does not look like it is no card). */
#include "gpu/gpu.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "os/os.h"

#include <ctype.h>
#include <errno.h>
#include <ncmodel/event.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MOST = 64 << 10, SECONDS = 5 };

static void read_output(int fd, struct ncm_buffer *text)
{
	const double end = ncm_monotonic() + SECONDS;
	char data[4096];
	ssize_t got;

	while (!ncm_interrupted() && ncm_monotonic() < end && text->size < OUTPUT_MOST) {
		if (os_wait_readable(fd, 100) <= 0)
			continue;
		got = os_read(fd, data, sizeof data);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		ncm_buffer_add(text, data, (size_t)got);
	}
}

/* The first of PATH; folders that are not absolute are passed over. NULL: there is none. The caller frees it. */
static char *find_program(void)
{
	NCM_AUTO_FREE char *folders = ncm_strdup_null(getenv("PATH"));
	char *state = NULL;

	for (char *folder = folders ? strtok_r(folders, ":", &state) : NULL; folder;
	     folder = strtok_r(NULL, ":", &state)) {
		char *path = *folder == '/' ? ncm_path_join(folder, "nvidia-smi") : NULL;

		if (path && os_access(OS_HERE, path, OS_MAY_ENTER) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* What the program says, or NULL. It gets nothing of our environment: tokens are in there. The caller frees it. */
static char *ask(void)
{
	static char *const environment[] = {(char *)"LC_ALL=C", (char *)"PATH=/usr/bin:/bin", NULL};
	NCM_AUTO_FREE char *path = find_program();
	char *const arguments[] = {path,
				   (char *)"--query-gpu=memory.total,memory.free,utilization.gpu,"
					   "temperature.gpu,driver_version,name",
				   (char *)"--format=csv,noheader,nounits", NULL};
	struct ncm_buffer text = {0};
	int input, output;
	long pid;

	if (!path || os_spawn(arguments, environment, &input, &output, &pid) != 0)
		return NULL;
	os_close(input);
	read_output(output, &text);
	os_close(output);
	for (int tries = 0; os_reap(pid) == OS_END_NOT_YET; tries++) {
		if (tries == 100) {
			os_kill(pid);
			break;
		}
		os_sleep_ms(5);
	}
	return ncm_buffer_take(&text);
}

/* The next column, its end cut off; NULL after the last. */
static char *next_column(char **rest)
{
	char *column = *rest, *comma;

	if (!column)
		return NULL;
	column += strspn(column, " ");
	comma = strchr(column, ',');
	*rest = comma ? comma + 1 : NULL;
	if (comma)
		*comma = '\0';
	return column;
}

/* "[N/A]" and "[Not Supported]" are the machine's memory. */
static bool read_mib(const char *column, uint64_t *bytes)
{
	if (!isdigit((unsigned char)*column))
		return false;
	*bytes = strtoull(column, NULL, 10) << 20;
	return true;
}

/* What a driver does not tell is in brackets, too. */
static bool read_small(const char *column, unsigned *number)
{
	if (!isdigit((unsigned char)*column))
		return false;
	*number = (unsigned)strtoul(column, NULL, 10);
	return true;
}

void gpu_add_smi_line(char *line, struct ncm_gpu_list *list)
{
	char *rest = line;
	const char *total = next_column(&rest), *left = next_column(&rest), *utilization = next_column(&rest);
	const char *temperature = next_column(&rest), *driver = next_column(&rest);
	struct ncm_gpu *card;

	if (!rest || !driver)
		return;
	card = gpu_add(list);
	card->name = ncm_strdup(rest + strspn(rest, " "));
	card->driver = ncm_strdup(driver);
	card->vendor = "nvidia";
	card->told_by = "nvidia-smi";
	card->has_total = read_mib(total, &card->total);
	card->has_free = read_mib(left, &card->free);
	card->has_utilization = read_small(utilization, &card->utilization);
	card->has_temperature = read_small(temperature, &card->temperature);
	card->unified = *total == '[';
}

void gpu_add_smi(struct ncm_gpu_list *list)
{
	NCM_AUTO_FREE char *text = ask();
	char *state = NULL;

	for (char *line = text ? strtok_r(text, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state))
		gpu_add_smi_line(line, list);
}

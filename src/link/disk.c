/* SPDX-License-Identifier: MIT */
/* What a registered model takes on disk, where several of its names may be one copy. */
#include "link/work.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool have_same_blocks(const char *a, const char *b)
{
	NCM_AUTO_CLOSE int one = open(a, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	NCM_AUTO_CLOSE int other = open(b, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct ncm_sha256 blocks[2];
	bool exact[2];

	return one >= 0 && other >= 0 && extents_read(one, &blocks[0], &exact[0]) &&
	       extents_read(other, &blocks[1], &exact[1]) && exact[0] && exact[1] &&
	       ncm_sha256_equal(&blocks[0], &blocks[1]);
}

static bool are_one_copy(const struct ncm_reg_file *a, const struct ncm_reg_file *b)
{
	struct stat one, other;

	if (stat(a->abs, &one) < 0 || stat(b->abs, &other) < 0 || one.st_dev != other.st_dev)
		return false;
	return one.st_ino == other.st_ino || have_same_blocks(a->abs, b->abs);
}

/* Content that was not recorded is nobody's copy. */
static bool is_counted(const struct ncm_reg_model *model, size_t file)
{
	static const struct ncm_sha256 unknown;
	const struct ncm_reg_file *files = model->files;

	for (size_t i = 0; i < file && !ncm_sha256_equal(&files[file].sha256, &unknown); i++) {
		if (ncm_sha256_equal(&files[i].sha256, &files[file].sha256) && are_one_copy(&files[i], &files[file]))
			return true;
	}
	return false;
}

uint64_t ncm_link_disk_size(const struct ncm_reg_model *model)
{
	uint64_t size = model->file_count > 0 ? 0 : model->size;

	for (size_t i = 0; i < model->file_count; i++)
		size += is_counted(model, i) ? 0 : model->files[i].size;
	return size;
}

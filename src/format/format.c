/* SPDX-License-Identifier: MIT */
#include "format/pickle.h"

#include "base/path.h"
#include "os/os.h"

#include <errno.h>

static void read_zip(struct header *header)
{
	zip_read(header);
	if (header->contents)
		header->contents->is_zip = header->facts->format == NCM_FORMAT_PICKLE && !header->facts->fault;
}

/* `name`: what the file is called, to be compared with what it is; or NULL. */
static int read_facts(const struct ncm_bytes *bytes, const char *name, struct ncm_facts *facts,
		      struct ncm_contents *contents, struct ncm_error *err)
{
	struct header header = {.bytes = bytes, .facts = facts, .contents = contents, .size = bytes->size};
	unsigned char head[NCM_FORMAT_HEAD];

	*facts = (struct ncm_facts){.soundness = NCM_UNJUDGED};
	facts->format = ncm_format_of(head, header_peek(&header, head, sizeof head));
	if (facts->format == NCM_FORMAT_GGUF)
		gguf_read(&header);
	else if (facts->format == NCM_FORMAT_SAFETENSORS)
		safetensors_read(&header);
	else if (head[0] == 'P' && (facts->format == NCM_FORMAT_PICKLE || facts->format == NCM_FORMAT_ZIP))
		read_zip(&header);
	else if (facts->format == NCM_FORMAT_PICKLE)
		pickle_read(&header);
	else if (facts->format == NCM_FORMAT_ONNX)
		onnx_read(&header);
	if (name && !header.error)
		format_compare_name(&header, name);
	if (header.error)
		return ncm_error_errno(err, header.error, "cannot read the model's header");
	return 0;
}

static int read_file(int fd, const char *name, struct ncm_facts *facts, struct ncm_error *err)
{
	struct os_stat status;
	struct ncm_bytes bytes;

	*facts = (struct ncm_facts){.soundness = NCM_UNJUDGED};
	if (os_fstat(fd, &status) < 0)
		return ncm_error_errno(err, errno, "cannot look at the model file");
	bytes = ncm_bytes_of_file(&fd, status.size);
	return read_facts(&bytes, name, facts, NULL, err);
}

int ncm_format_read(int fd, struct ncm_facts *facts, struct ncm_error *err)
{
	return read_file(fd, NULL, facts, err);
}

int ncm_format_judge(int fd, const char *name, struct ncm_facts *facts, struct ncm_error *err)
{
	return read_file(fd, name, facts, err);
}

int ncm_format_read_all(const struct ncm_bytes *bytes, const char *name, struct ncm_facts *facts,
			struct ncm_contents *contents, struct ncm_error *err)
{
	*contents = (struct ncm_contents){0};
	return read_facts(bytes, name, facts, contents, err);
}

const char *ncm_format_name(enum ncm_format format)
{
	static const char *const names[] = {
	    [NCM_FORMAT_GGUF] = "gguf",     [NCM_FORMAT_SAFETENSORS] = "safetensors",
	    [NCM_FORMAT_PICKLE] = "pickle", [NCM_FORMAT_GGML] = "ggml",
	    [NCM_FORMAT_ONNX] = "onnx",     [NCM_FORMAT_ZIP] = "zip",
	};

	return (size_t)format < sizeof names / sizeof *names ? names[format] : NULL;
}

const char *const ncm_format_endings[] = {".gguf", ".safetensors", ".sft",  ".ckpt", ".pt",
					  ".pth",  ".bin",         ".onnx", NULL};

bool ncm_format_is_model_name(const char *name)
{
	for (const char *const *ending = ncm_format_endings; *ending; ending++) {
		if (ncm_path_has_suffix(name, *ending))
			return true;
	}
	return false;
}

enum ncm_format ncm_format_promised(const char *name)
{
	if (ncm_path_has_suffix(name, ".gguf"))
		return NCM_FORMAT_GGUF;
	if (ncm_path_has_suffix(name, ".safetensors") || ncm_path_has_suffix(name, ".sft"))
		return NCM_FORMAT_SAFETENSORS;
	return NCM_FORMAT_UNKNOWN;
}

/* SPDX-License-Identifier: MIT */
/* Prints what the library knows of model files, a line of JSON each: for tests/integration/test_formats.py. */
#include "base/json.h"
#include "format/format.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char *soundness_word(enum ncm_soundness soundness)
{
	static const char *const words[] = {
	    [NCM_SOUND] = "sound", [NCM_TRUNCATED] = "truncated", [NCM_BROKEN] = "broken", [NCM_UNJUDGED] = "unjudged"};

	return words[soundness];
}

static json_t *describe(const struct ncm_facts *facts)
{
	json_t *object = json_object();

	ncm_json_set_string(object, "format", ncm_format_name(facts->format));
	ncm_json_set_string(object, "soundness", soundness_word(facts->soundness));
	ncm_json_set_string(object, "fault", facts->fault);
	ncm_json_set_string(object, "name", facts->name);
	ncm_json_set_string(object, "architecture", facts->architecture);
	ncm_json_set_string(object, "quantization", facts->quantization);
	ncm_json_set_string(object, "parameters", facts->parameters);
	ncm_json_set_string(object, "license", facts->license);
	ncm_json_set_string(object, "kind", facts->kind);
	ncm_json_set_u64(object, "extent", facts->extent);
	ncm_json_set_u64(object, "parameter_count", facts->parameter_count);
	ncm_json_set_u64(object, "context_length", facts->context_length);
	ncm_json_set_u64(object, "dimensions", facts->dimensions);
	ncm_json_set_u64(object, "tensor_count", facts->tensor_count);
	return object;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct ncm_error error = NCM_ERROR_INIT;
		struct ncm_facts facts;
		const int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		NCM_AUTO_JSON json_t *object = NULL;

		if (fd < 0 || ncm_format_read(fd, &facts, &error) < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], error.message ? error.message : "cannot be opened");
			return 1;
		}
		object = describe(&facts);
		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
		ncm_facts_clear(&facts);
		close(fd);
	}
	return 0;
}

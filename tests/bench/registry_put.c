/* SPDX-License-Identifier: MIT */
/*
 * The update of models.json that a pull makes, alone: registry_put MODELS.JSON ID puts one model with one file.
 */
#include "registry/write.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_reg_file file = {
	    .store = (char *)"llama-cpp", .role = (char *)"weights", .size = 20000, .mtime_ns = 1};
	struct ncm_reg_model model = {
	    .kind = (char *)"llm", .performance_score = -1, .cost_score = -1, .files = &file, .file_count = 1};

	if (argc != 3) {
		fputs("usage: registry_put MODELS.JSON ID\n", stderr);
		return 2;
	}
	model.id = argv[2];
	file.abs = argv[2]; /* the registry looks at no file */
	memset(file.sha256.bytes, 1, sizeof file.sha256.bytes);
	if (ncm_registry_put_all(argv[1], &model, 1, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.message);
	ncm_error_clear(&err);
	return 1;
}

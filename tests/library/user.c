/* SPDX-License-Identifier: MIT */
/* A program that uses the library: its public headers, and nothing else of ours. */
#include <ncmodel/ncmodel.h>

#include <stdio.h>

int main(void)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (ncm_init(&err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	puts(ncm_version());
	ncm_shutdown();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Reads sources, a line each, and prints what they mean, a line of JSON each: for tests/property/test_spellings.py. */
#include "base/json.h"
#include "base/mem.h"
#include "source/hf.h"

#include <stdio.h>
#include <string.h>

static void add_hf(json_t *object, const char *uri)
{
	struct hf_name name = {0};

	if (!hf_claims(uri) || hf_name_parse(uri, &name, NULL) < 0)
		return;
	ncm_json_set_string(object, "repo", name.repo);
	ncm_json_set_string(object, "path", name.path);
	ncm_json_set_string(object, "tag", name.tag);
	ncm_json_set_string(object, "revision", name.revision);
	json_object_set_new(object, "include", ncm_json_string_array(&name.include));
	json_object_set_new(object, "exclude", ncm_json_string_array(&name.exclude));
	hf_name_clear(&name);
}

static json_t *describe(const char *uri)
{
	json_t *object = json_object();
	NCM_AUTO_FREE char *canonical = NULL;
	NCM_AUTO_FREE char *key = NULL;
	NCM_AUTO_FREE char *id = NULL;
	NCM_AUTO_FREE char *display = NULL;
	size_t size = 0;
	const char *stem;

	if (ncm_source_check(uri, true, &canonical, NULL) < 0)
		return object;
	key = ncm_source_key(uri);
	stem = ncm_source_stem(canonical, &size);
	ncm_source_names(uri, &id, &display);
	ncm_json_set_string(object, "canonical", canonical);
	ncm_json_set_string(object, "key", key);
	ncm_json_set_string(object, "id", id);
	if (stem)
		json_object_set_new(object, "stem", json_stringn_nocheck(stem, size));
	add_hf(object, canonical);
	return object;
}

int main(void)
{
	char line[1 << 14];

	while (fgets(line, sizeof line, stdin)) {
		NCM_AUTO_JSON json_t *object = NULL;

		line[strcspn(line, "\n")] = '\0';
		object = describe(line);
		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}

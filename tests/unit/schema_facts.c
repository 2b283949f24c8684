/* SPDX-License-Identifier: MIT */
/*
 * For tests/property/test_schemas.py: reads lines "FORMAT FILE" and answers each with one line: "taken", or "refused"
 * and why.
 */
#include "base/mem.h"
#include "manifest/lock.h"
#include "registry/write.h"
#include "store/store.h"

#include <ncmodel/config.h>
#include <ncmodel/layout.h>
#include <ncmodel/manifest.h>
#include <ncmodel/registry.h>
#include <string.h>

static bool takes_config(const char *file, struct ncm_error *err)
{
	struct ncm_config *config = ncm_config_load(file, err);

	ncm_config_free(config);
	return config != NULL;
}

static struct ncm_config *plain_config(void)
{
	return ncm_config_load(NULL, NULL);
}

static bool takes_layout(const char *file, struct ncm_error *err)
{
	struct ncm_config *config = plain_config();
	struct ncm_layout *layout;

	ncm_config_set(&config->layout, file);
	layout = ncm_layout_load(config, err);
	ncm_layout_free(layout);
	ncm_config_free(config);
	return layout != NULL;
}

static bool takes_manifest(const char *file, struct ncm_error *err)
{
	struct ncm_config *config = plain_config();
	const int failed = ncm_manifest_check(config, file, err);

	ncm_config_free(config);
	return failed == 0;
}

static bool takes_lock(const char *file, struct ncm_error *err)
{
	struct ncm_lock *lock = ncm_lock_load(file, err);

	ncm_lock_free(lock);
	return lock != NULL;
}

static bool takes_models(const char *file, struct ncm_error *err)
{
	struct ncm_registry *registry = ncm_registry_read(file, err);

	ncm_registry_free(registry);
	return registry != NULL;
}

static const struct {
	const char *format;
	bool (*takes)(const char *file, struct ncm_error *err);
} formats[] = {{"config", takes_config},
	       {"layout", takes_layout},
	       {"manifest", takes_manifest},
	       {"lock", takes_lock},
	       {"models", takes_models}};

static void answer(const char *format, const char *file)
{
	struct ncm_error err = NCM_ERROR_INIT;
	size_t i = 0;

	while (strcmp(formats[i].format, format) != 0)
		i++;
	if (formats[i].takes(file, &err)) {
		puts("taken");
	} else {
		for (char *at = err.message; at && *at; at++)
			*at = (char)(*at == '\n' ? '\t' : *at);
		printf("refused %s\n", err.message ? err.message : "");
	}
	ncm_error_clear(&err);
}

int main(void)
{
	char line[4096];

	while (fgets(line, sizeof line, stdin)) {
		char *file = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		*file++ = '\0';
		answer(line, file);
		fflush(stdout);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a service can be set up with. Each source that has such settings gives a row (struct ncm_source.settings); they
 * are handed in from above (source/settings.c), and this room knows no service by name.
 */
#ifndef NCM_CONFIG_SERVICES_H
#define NCM_CONFIG_SERVICES_H

#include <ncmodel/config.h>

struct config_service {
	const char *name;              /* of its address in "endpoints" */
	const char *title;             /* what people call it: "Hugging Face" */
	const char *endpoint;          /* where it is unless somebody says otherwise; no trailing slash */
	const char *endpoint_variable; /* of the environment, which says otherwise */
	/* Variables that may hold a token, the first that does wins; up to a NULL. NULL: it takes no token. */
	const char *const *token_variables;
	/* Another's, looked at after these and only if the user asks for it by a true value of `others_if`; or NULL.
	 * The programs that we start keep them: they are no secret of ours alone. */
	const char *const *others_token_variables;
	const char *others_if;
	const char *no_token_variable; /* says by a true value that no token is to be looked for; or NULL */
	/* The file in which its own tools keep a token, and what messages call it (static). NULL: they keep none. The
	 * caller frees the path. */
	char *(*token_file)(const char **called);
	/* The path below its address that is answered with 200 for a good token, and with 401 for another; or NULL. */
	const char *token_check;
	bool is_extra; /* most people have none: nobody asks how it does unless an address or a token was given */
};

/* As ncm_config_load, for the services of these rows (static, up to a NULL). */
struct ncm_config *config_load(const struct config_service *const *services, const char *file, struct ncm_error *err);

#endif

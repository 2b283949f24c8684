/* SPDX-License-Identifier: MIT */
/*
 * Who signs requests to S3. Names of our own first; AWS's only if the user asks for it, so that a machine's keys to a
 * cloud are sent to no server of models by accident. Without keys requests are not signed: a bucket may be everybody's.
 */
#include "source/s3.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/secrets.h"
#include "config/environment.h"

#include <string.h>

static const char use_aws[] = "NCMODEL_S3_USE_AWS";
static const char own_secret[] = "NCMODEL_S3_SECRET_KEY", own_access[] = "NCMODEL_S3_ACCESS_KEY";
static const char aws_secret[] = "AWS_SECRET_ACCESS_KEY";
static const char first_region[] = "us-east-1"; /* what servers that have no regions are asked by, too */

static const char *const token_variables[] = {own_secret, NULL};
static const char *const aws_variables[] = {aws_secret, NULL};

/* One line "ACCESS_KEY:SECRET_KEY", as s3fs has it. */
static char *token_file(const char **called)
{
	NCM_AUTO_FREE char *config = config_xdg("XDG_CONFIG_HOME", ".config");

	*called = "ncmodel/s3-keys";
	return ncm_path_join(config, "ncmodel/s3-keys");
}

const struct config_service s3_settings = {.name = "s3",
					   .title = "S3 storage",
					   .endpoint = "https://s3.amazonaws.com",
					   .endpoint_variable = "NCMODEL_S3_ENDPOINT",
					   .token_variables = token_variables,
					   .others_token_variables = aws_variables,
					   .others_if = use_aws,
					   .token_file = token_file,
					   .is_extra = true};

const char *s3_region(const struct ncm_config *config)
{
	const char *region = config->s3_region;

	if (!region && config_is_on(use_aws))
		region = config_env("AWS_REGION") ? config_env("AWS_REGION") : config_env("AWS_DEFAULT_REGION");
	return region ? region : first_region;
}

/* The host as it is asked: in lower case, for it is signed. */
static char *with_plain_host(const char *url)
{
	NCM_AUTO_FREE char *origin = ncm_url_origin(url);
	const char *host = strstr(url, "://");

	return origin && host ? ncm_asprintf("%s%s", origin, host + 3 + strcspn(host + 3, "/")) : ncm_strdup(url);
}

char *s3_base(const struct ncm_config *config)
{
	NCM_AUTO_FREE char *url = ncm_source_endpoint(config, &ncm_source_s3);
	const char *region = s3_region(config);

	if (strcmp(url, s3_settings.endpoint) == 0 && strcmp(region, first_region) != 0)
		return ncm_asprintf("https://s3.%s.amazonaws.com", region);
	return with_plain_host(url);
}

/* What was found, borrowed; `secret` NULL: nothing. */
struct found {
	const char *access, *secret, *session;
	size_t access_size;
};

static int refuse(const char *there, const char *missing, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_USAGE, "S3: %s is set, and %s is not", there, missing);
	return ncm_error_hint(err, "set both, or neither for what everybody may read");
}

static int take_file(const struct ncm_endpoint *endpoint, struct found *found, struct ncm_error *err)
{
	const char *colon = strchr(endpoint->token, ':');

	if (!colon || colon == endpoint->token || colon[1] == '\0') {
		ncm_error_set(err, NCM_E_USAGE, "S3: the file %s does not hold ACCESS_KEY:SECRET_KEY",
			      endpoint->token_from);
		return ncm_error_hint(err, "write both keys into it, on one line with a colon between");
	}
	*found = (struct found){endpoint->token, colon + 1, NULL, (size_t)(colon - endpoint->token)};
	return 0;
}

static int take_variables(const struct ncm_endpoint *endpoint, bool aws, struct found *found, struct ncm_error *err)
{
	const char *name = aws ? "AWS_ACCESS_KEY_ID" : own_access;
	const char *access = config_env(name);

	if (!access)
		return refuse(endpoint->token_from, name, err);
	if (strpbrk(access, ":/, ")) {
		ncm_error_set(err, NCM_E_USAGE, "S3: %s is no access key", name);
		return ncm_error_hint(err, "it has no ':', '/', ',' and no space");
	}
	*found = (struct found){access, endpoint->token,
				config_env(aws ? "AWS_SESSION_TOKEN" : "NCMODEL_S3_SESSION_TOKEN"), strlen(access)};
	return 0;
}

static int find(const struct ncm_config *config, struct found *found, struct ncm_error *err)
{
	const struct ncm_endpoint *endpoint = ncm_config_endpoint(config, s3_settings.name);
	const char *from = endpoint && endpoint->token_from ? endpoint->token_from : "";

	*found = (struct found){0};
	if (!endpoint || !endpoint->token)
		return config_env(own_access) ? refuse(own_access, own_secret, err) : 0;
	if (strcmp(from, own_secret) != 0 && strcmp(from, aws_secret) != 0)
		return take_file(endpoint, found, err);
	return take_variables(endpoint, strcmp(from, aws_secret) == 0, found, err);
}

int s3_check_keys(const struct ncm_config *config, struct ncm_error *err)
{
	struct found found;

	return find(config, &found, err);
}

/* "ACCESS:SESSION:SECRET": the secret alone may have colons. */
void s3_sign_in(const struct ncm_config *config, struct ncm_credential *credential)
{
	NCM_AUTO_FREE char *base = s3_base(config);
	struct found found;

	ncm_wipe(credential->bearer);
	free(credential->origin);
	*credential = (struct ncm_credential){.origin = ncm_url_origin(base)};
	ncm_secret_note_variable("NCMODEL_S3_SESSION_TOKEN");
	if (find(config, &found, NULL) < 0 || !found.secret)
		return;
	ncm_secret_note(found.secret);
	ncm_secret_note(found.session);
	credential->bearer = ncm_asprintf("%.*s:%s:%s", (int)found.access_size, found.access,
					  found.session ? found.session : "", found.secret);
	credential->apply = s3_apply;
	credential->context = (void *)config;
	credential->in_clear = true; /* a signature shows no key */
}

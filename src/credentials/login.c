/* SPDX-License-Identifier: MIT */
/* Where sign-ins lie, and what one is. */
#include "credentials/parts.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/secrets.h"
#include "config/environment.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>

void ncm_login_clear(struct ncm_login *login)
{
	ncm_wipe(login->user);
	ncm_wipe(login->secret);
	free(login->from);
	*login = (struct ncm_login){0};
}

char *ncm_login_basic(const struct ncm_login *login)
{
	char *pair = ncm_asprintf("%s:%s", login->user ? login->user : "", login->secret);
	char *basic = ncm_base64(pair, strlen(pair));

	ncm_wipe(pair);
	return basic;
}

struct ncm_logins *ncm_logins_new(void)
{
	return ncm_calloc(1, sizeof(struct ncm_logins));
}

void ncm_logins_free(struct ncm_logins *logins)
{
	if (!logins)
		return;
	for (size_t i = 0; i < logins->count; i++) {
		free(logins->answers[i].program);
		free(logins->answers[i].host);
		ncm_login_clear(&logins->answers[i].login);
		ncm_error_clear(&logins->answers[i].err);
	}
	free(logins->answers);
	free(logins);
}

enum { MOST_FILES = 4 };

/* Podman's file of this session; NULL if it is another user's session, which `su` leaves the variable of. The caller
 * frees it. */
static char *session_file(void)
{
	const char *runtime = config_env("XDG_RUNTIME_DIR");
	NCM_AUTO_FREE char *folder = runtime && ncm_path_is_absolute(runtime)
					 ? ncm_path_join(runtime, "containers")
					 : ncm_asprintf("/run/containers/%u", (unsigned)os_user());

	if (os_access(OS_HERE, folder, OS_MAY_ENTER) < 0 && errno == EACCES)
		return NULL;
	return ncm_path_join(folder, "auth.json");
}

/*
 * What the user names, podman's two files and docker's one, in the order in which podman looks (containers/image
 * docs/containers-auth.json.5.md). Each may be NULL; the caller frees them.
 */
static void find_files(char *files[MOST_FILES])
{
	const char *docker = config_env("DOCKER_CONFIG");
	NCM_AUTO_FREE char *home = config_home();
	NCM_AUTO_FREE char *config = config_xdg("XDG_CONFIG_HOME", ".config");

	files[0] = ncm_strdup_null(config_env("REGISTRY_AUTH_FILE"));
	files[1] = session_file();
	files[2] = ncm_path_join(config, "containers/auth.json");
	files[3] = docker ? ncm_path_join(docker, "config.json") : ncm_path_join(home, ".docker/config.json");
}

int ncm_login_find(struct ncm_logins *logins, const char *host, const char *repository, struct ncm_login *login,
		   struct ncm_error *err)
{
	char *files[MOST_FILES];
	int found = 0;

	*login = (struct ncm_login){0};
	find_files(files);
	for (size_t i = 0; i < MOST_FILES; i++) {
		if (files[i] && found == 0)
			found = docker_config_find(logins, files[i], host, repository, login, err);
		free(files[i]);
	}
	/* A server may quote it. */
	ncm_secret_note(login->secret);
	return found;
}

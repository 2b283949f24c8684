/* SPDX-License-Identifier: MIT */
/*
 * Programs that keep sign-ins for docker: `docker-credential-NAME get` reads the registry from its standard input and
 * answers {"ServerURL","Username","Secret"}. Source: docker/docker-credential-helpers credentials/credentials.go.
 */
#include "credentials/parts.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/environment.h"
#include "os/os.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

enum { LONGEST_NAME = 64 };

/* What a user name stands in for when the secret is an identity token. */
static const char token_user[] = "<token>";
/* How a helper says that it has none: with this text, and an exit code that is not 0. */
static const char has_none[] = "credentials not found in native keychain";

static bool is_name(const char *name)
{
	const size_t size = strlen(name);

	return size > 0 && size <= LONGEST_NAME && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

/* Whose word is not taken: that of somebody who is neither root nor the user that runs it. */
static bool is_foreign(uint32_t owner)
{
	return owner != 0 && owner != os_user();
}

/* In the folders of PATH, as far as they do not depend on where we are. The caller frees it. */
static char *find_program(const char *program)
{
	const char *folders = config_env("PATH");

	while (folders && *folders) {
		const size_t size = strcspn(folders, ":");
		NCM_AUTO_FREE char *folder = ncm_strndup(folders, size);
		char *path = ncm_path_is_absolute(folder) ? ncm_path_join(folder, program) : NULL;
		struct os_stat status;

		if (path && os_stat(OS_HERE, path, &status) == 0 && status.kind == OS_IS_FILE &&
		    os_access(OS_HERE, path, OS_MAY_ENTER) == 0)
			return path;
		free(path);
		folders += size + (folders[size] == ':');
	}
	return NULL;
}

static int refuse(const char *program, const char *why, const char *whose, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_POLICY, "refused to run %s%s: %s %s", program, os_is_root() ? " as root" : "", whose,
		      why);
	return ncm_error_hint(err, "do it as that user, or name a file of your own with REGISTRY_AUTH_FILE");
}

/* Nor that of who could put another program in its place. */
static bool is_changeable(const char *path)
{
	struct os_stat status;

	return os_stat(OS_HERE, path, &status) == 0 && (is_foreign(status.owner) || (status.mode & OS_ALL_WRITE));
}

/* Root with somebody else's home or configuration would run what that user says, on that user's data. */
static int check_trust(const char *program, const char *path, const char *file, uint32_t owner, struct ncm_error *err)
{
	NCM_AUTO_FREE char *home = config_home();
	NCM_AUTO_FREE char *folder = ncm_path_folder(path);
	struct os_stat status;

	if (is_foreign(owner))
		return refuse(program, "belongs to another user", file, err);
	if (is_changeable(file))
		return refuse(program, "can be changed by other users", file, err);
	if (os_is_root() && os_stat(OS_HERE, home, &status) == 0 && status.owner != 0)
		return refuse(program, "is another user's home folder", home, err);
	if (is_changeable(path))
		return refuse(program, "can be changed by other users", path, err);
	if (is_changeable(folder))
		return refuse(program, "is a folder of PATH that other users can write", folder, err);
	return 0;
}

/* The hint shows how to see what is wrong: its words may hold a secret, and are not shown. */
static int useless(const char *program, const char *host, const char *what, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_AUTH, "the credential helper %s %s", program, what);
	return ncm_error_hint(err, "see what it says with `echo %s | %s get`", host, program);
}

static int read_answer(const char *output, const char *program, const char *host, struct ncm_login *login,
		       struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *answer = ncm_json_parse(output, strlen(output), program, NCM_E_AUTH, NULL);
	const char *user = ncm_json_string(answer, "Username"), *secret = ncm_json_string(answer, "Secret");

	if (!user || !secret || !*secret)
		return useless(program, host, "answers something that is no sign-in", err);
	if (strcmp(user, token_user) != 0)
		login->user = ncm_strdup(user);
	login->secret = ncm_strdup(secret);
	login->from = ncm_strdup(program);
	return 1;
}

static int judge(enum program_end end, const char *output, const char *program, const char *host,
		 struct ncm_login *login, struct ncm_error *err)
{
	switch (end) {
	case PROGRAM_DONE:
		return read_answer(output, program, host, login, err);
	case PROGRAM_FAILED:
		if (strncmp(output, has_none, strlen(has_none)) == 0)
			return 0;
		return useless(program, host, "fails", err);
	case PROGRAM_LATE:
		return useless(program, host, "gave no answer in 10 seconds, and was stopped", err);
	case PROGRAM_INTERRUPTED:
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted");
	case PROGRAM_NOT_RUN:
		break;
	}
	return useless(program, host, os_error_text(errno), err);
}

static int ask(const char *program, const char *host, const char *file, uint32_t owner, struct ncm_login *login,
	       struct ncm_error *err)
{
	NCM_AUTO_FREE char *path = find_program(program);
	enum program_end end;
	char *output = NULL;
	int result;

	if (!path) {
		ncm_error_set(err, NCM_E_AUTH, "%s names the credential helper %s, and no folder of PATH has it", file,
			      program);
		return ncm_error_hint(err,
				      "install it, or sign in to a file: `podman login --authfile FILE %s`, then "
				      "REGISTRY_AUTH_FILE=FILE",
				      host);
	}
	if (check_trust(program, path, file, owner, err) < 0)
		return -1;
	end = program_run(path, "get", host, NCM_LIMIT_HELPER_BYTES, NCM_LIMIT_HELPER_SECONDS, &output);
	result = judge(end, output, program, host, login, err);
	ncm_wipe(output);
	return result;
}

static struct answer *find_answer(struct ncm_logins *logins, const char *program, const char *host)
{
	for (size_t i = 0; i < logins->count; i++) {
		if (strcmp(logins->answers[i].program, program) == 0 && strcmp(logins->answers[i].host, host) == 0)
			return &logins->answers[i];
	}
	return NULL;
}

static int hand_out(const struct answer *answer, struct ncm_login *login, struct ncm_error *err)
{
	if (answer->result > 0)
		*login = (struct ncm_login){.user = ncm_strdup_null(answer->login.user),
					    .secret = ncm_strdup(answer->login.secret),
					    .from = ncm_strdup(answer->login.from)};
	if (answer->result < 0)
		ncm_error_copy(err, &answer->err);
	return answer->result;
}

int helper_ask(struct ncm_logins *logins, const char *name, const char *host, const char *file, uint32_t owner,
	       struct ncm_login *login, struct ncm_error *err)
{
	NCM_AUTO_FREE char *program = ncm_asprintf("docker-credential-%s", name);
	struct answer *answer;

	if (!is_name(name)) {
		ncm_error_set(
		    err, NCM_E_MANIFEST,
		    "%s names a credential helper that is no plain name of lower-case letters, digits and '-'", file);
		return ncm_error_hint(err, "correct \"credHelpers\" or \"credsStore\" in it");
	}
	answer = find_answer(logins, program, host);
	if (!answer) {
		answer = NCM_PUSH(logins->answers, logins->count);
		answer->program = ncm_strdup(program);
		answer->host = ncm_strdup(host);
		answer->result = ask(program, host, file, owner, &answer->login, &answer->err);
	}
	return hand_out(answer, login, err);
}

/* SPDX-License-Identifier: MIT */
/* Sign-ins that docker and podman keep, and Ollama's key. */
#include "temp.h"

#include "base/base64.h"
#include "base/process.h"
#include "credentials/credentials.h"

#include <signal.h>

static char *folder;

static void base64_comes_back(void)
{
	uint8_t bytes[64];
	unsigned state = 1;

	for (size_t size = 0; size <= sizeof bytes; size++) {
		size_t length = 0;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)((state = state * 1103515245 + 12345) >> 16);
		NCM_AUTO_FREE char *text = ncm_base64(bytes, size);
		NCM_AUTO_FREE char *back = ncm_base64_decode(text, strlen(text), &length);

		CHECK_U64(strlen(text), (size + 2) / 3 * 4);
		CHECK(back && length == size && memcmp(back, bytes, size) == 0 && back[size] == '\0');
	}
}

static void base64_is_strict(void)
{
	static const char *const bad[] = {"Q",    "QQ",       "QQ=",  "QQ=A",   "====", "=QQQ", "QR==",  "QUI=A",
					  "Q!==", "QQ==QQ==", "QUJ=", "QUJD\n", "QQ =", "Q===", "QUJDR", "-_-_"};
	NCM_AUTO_FREE char *known = ncm_base64("user:pass", 9);
	size_t size;

	CHECK_STR(known, "dXNlcjpwYXNz"); /* RFC 7617's form */
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (ncm_base64_decode(bad[i], strlen(bad[i]), &size))
			fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK(!ncm_base64_decode(bad[i], strlen(bad[i]), &size));
	}
}

/* The user that a file of docker's gives for a host and a repository; "" for none, "!" for an error. */
static const char *user_of(const char *json, const char *host, const char *repository)
{
	static char user[64];
	struct ncm_logins *logins = ncm_logins_new();
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_login login;
	int found;

	temp_write(folder, ".docker/config.json", json);
	found = ncm_login_find(logins, host, repository, &login, &err);
	CHECK((found < 0) == (err.code != NCM_OK));
	CHECK((found > 0) == (login.secret != NULL));
	snprintf(user, sizeof user, "%s", found < 0 ? "!" : found == 0 ? "" : login.user ? login.user : "<token>");
	ncm_login_clear(&login);
	ncm_error_clear(&err);
	ncm_logins_free(logins);
	return user;
}

/* A and B with some password. */
#define ENTRY_A "{\"auth\":\"QTpwYXNz\"}"
#define ENTRY_B "{\"auth\":\"QjpwYXNz\"}"

static void the_nearest_entry_counts(void)
{
	static const char json[] = "{\"auths\":{\"https://Old.example/v1/\":" ENTRY_A ",\"r.example:5000\":" ENTRY_A
				   ",\"r.example:5000/team\":" ENTRY_B ",\"https://index.docker.io/v1/\":" ENTRY_B
				   ",\"[fd00::1]:80\":" ENTRY_A ",\"slash.example/\":" ENTRY_A "}}";

	CHECK_STR(user_of(json, "old.example", "a/b"), "A");
	CHECK_STR(user_of(json, "r.example:5000", "a/b"), "A");
	CHECK_STR(user_of(json, "r.example:5000", "team/b"), "B");
	CHECK_STR(user_of(json, "r.example:5000", "teams/b"), "A");
	CHECK_STR(user_of(json, "r.example", "a/b"), "");
	CHECK_STR(user_of(json, "r.example:500", "a/b"), "");
	CHECK_STR(user_of(json, "evil.r.example:5000", "a/b"), "");
	CHECK_STR(user_of(json, "example", "a/b"), "");
	CHECK_STR(user_of(json, "registry-1.docker.io", "a/b"), "B");
	CHECK_STR(user_of(json, "docker.io.evil", "a/b"), "");
	CHECK_STR(user_of(json, "[fd00::1]:80", "a/b"), "A");
	CHECK_STR(user_of(json, "slash.example", "a/b"), "A");
}

static void entries_of_every_kind(void)
{
	static const struct {
		const char *entry, *user;
	} cases[] = {
	    {ENTRY_A, "A"},
	    {"{}", ""},
	    {"{\"auth\":\"\"}", ""},
	    {"{\"auth\":\"QTo=\"}", ""}, /* "A:": the password is kept elsewhere */
	    {"{\"auth\":\"QTo=\",\"identitytoken\":\"t\"}", "<token>"},
	    {"{\"username\":\"C\",\"password\":\"p\"}", "C"},
	    {"{\"auth\":\"QQ==\"}", "!"},     /* "A" */
	    {"{\"auth\":\"QTpwAHA=\"}", "!"}, /* a NUL in it */
	    {"{\"auth\":\"%\"}", "!"},
	    {"{\"auth\":1}", ""},
	    {"[]", ""},
	    {"null", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		NCM_AUTO_FREE char *json = ncm_asprintf("{\"auths\":{\"r.example\":%s}}", cases[i].entry);

		CHECK_STR(user_of(json, "r.example", "a/b"), cases[i].user);
	}
	CHECK_STR(user_of("{", "r.example", "a/b"), "!");
	CHECK_STR(user_of("[]", "r.example", "a/b"), "!");
	CHECK_STR(user_of("{\"auths\":[]}", "r.example", "a/b"), "");
	CHECK_STR(user_of("{\"credsStore\":\"a/b\"}", "r.example", "a/b"), "!");
}

static void podman_goes_first(void)
{
	NCM_AUTO_FREE char *own = ncm_path_join(folder, "own.json");

	temp_write(folder, "run/containers/auth.json", "{\"auths\":{\"r.example\":" ENTRY_B "}}");
	setenv("XDG_RUNTIME_DIR", folder, 1);
	CHECK_STR(user_of("{\"auths\":{\"r.example\":" ENTRY_A "}}", "r.example", "a/b"), "A");
	NCM_AUTO_FREE char *run = ncm_path_join(folder, "run");
	setenv("XDG_RUNTIME_DIR", run, 1);
	CHECK_STR(user_of("{\"auths\":{\"r.example\":" ENTRY_A "}}", "r.example", "a/b"), "B");
	CHECK_STR(user_of("{\"auths\":{\"s.example\":" ENTRY_A "}}", "s.example", "a/b"), "A");
	temp_write(folder, "own.json", "{\"auths\":{\"r.example\":{\"username\":\"own\",\"password\":\"p\"}}}");
	setenv("REGISTRY_AUTH_FILE", own, 1);
	CHECK_STR(user_of("{}", "r.example", "a/b"), "own");
	unsetenv("REGISTRY_AUTH_FILE");
	setenv("XDG_RUNTIME_DIR", folder, 1);
}

/* Where podman finds what is to outlive a session: behind its own file, before docker's. */
static void what_lasts_is_found(void)
{
	NCM_AUTO_FREE char *config = ncm_path_join(folder, "config");

	temp_write(folder, ".config/containers/auth.json", "{\"auths\":{\"t.example\":" ENTRY_B "}}");
	CHECK_STR(user_of("{\"auths\":{\"t.example\":" ENTRY_A "}}", "t.example", "a/b"), "B");
	temp_write(folder, "config/containers/auth.json", "{\"auths\":{\"u.example\":" ENTRY_B "}}");
	setenv("XDG_CONFIG_HOME", config, 1);
	CHECK_STR(user_of("{\"auths\":{\"t.example\":" ENTRY_A "}}", "t.example", "a/b"), "A");
	CHECK_STR(user_of("{}", "u.example", "a/b"), "B");
	unsetenv("XDG_CONFIG_HOME");
}

/* `su` leaves the variable of another user's session: what lies there is nothing of ours. */
static void another_s_session_is_passed_by(void)
{
	NCM_AUTO_FREE char *other = ncm_path_join(folder, "other");
	NCM_AUTO_FREE char *docker = ncm_path_join(folder, ".docker");
	NCM_AUTO_FREE char *file = ncm_path_join(docker, "config.json");

	if (geteuid() != 0)
		return;
	temp_write(folder, "other/containers/auth.json", "{\"auths\":{\"v.example\":" ENTRY_B "}}");
	CHECK(chmod(other, 0700) == 0 && chmod(folder, 0777) == 0);
	setenv("XDG_RUNTIME_DIR", other, 1);
	temp_write(folder, ".docker/config.json", "{}");
	CHECK(chmod(docker, 0777) == 0 && seteuid(4001) == 0);
	CHECK_STR(user_of("{\"auths\":{\"v.example\":" ENTRY_A "}}", "v.example", "a/b"), "A");
	CHECK(seteuid(0) == 0 && unlink(file) == 0 && chmod(docker, 0700) == 0 && chmod(folder, 0700) == 0);
	setenv("XDG_RUNTIME_DIR", folder, 1);
}

/* Whoever starts us may have chosen not to hear of children: ours are awaited all the same. */
static void a_helper_is_awaited(void)
{
	static const char program[] = "#!/bin/sh\necho '{\"Username\":\"H\",\"Secret\":\"s\"}'\n";
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	NCM_AUTO_FREE char *path = ncm_path_join(folder, "docker-credential-unit");

	temp_write(folder, "docker-credential-unit", program);
	CHECK(chmod(path, 0755) == 0 && setenv("PATH", folder, 1) == 0);
	CHECK(sigaction(SIGCHLD, &ignore, NULL) == 0 && ncm_process_prepare(NULL) == 0);
	CHECK_STR(user_of("{\"credsStore\":\"unit\"}", "w.example", "a/b"), "H");
	unsetenv("PATH");
}

/* Made with ssh-keygen for this test; what it signs was signed with openssl. */
static const char key[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
			  "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
			  "QyNTUxOQAAACB5vO1DefKL5cJ4yfJSfzdySOXPM5NkPcogNTpfGUIkgwAAAJC5v93jub/d\n"
			  "4wAAAAtzc2gtZWQyNTUxOQAAACB5vO1DefKL5cJ4yfJSfzdySOXPM5NkPcogNTpfGUIkgw\n"
			  "AAAEBQNq6HXZByhV69dBhON4Vq+J2EWJWszCqIWzrzf5kr2nm87UN58ovlwnjJ8lJ/N3JI\n"
			  "5c8zk2Q9yiA1Ol8ZQiSDAAAACmEgdGVzdCBrZXkBAgM=\n"
			  "-----END OPENSSH PRIVATE KEY-----\n";
static const char url[] = "https://ollama.com/token?nonce=1&ts=2";
static const char header_expected[] =
    "AAAAC3NzaC1lZDI1NTE5AAAAIHm87UN58ovlwnjJ8lJ/N3JI5c8zk2Q9yiA1Ol8ZQiSD:"
    "XAWc2a5+/IbIbCSXW3arZifShpNA3BXrOWCY7oGEs3R8vGG6ZxKriXrZSNyCWqs9HYDO3PrrD4W6qP2OmtjpBw==";

static void ollama_s_key_signs(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	char *header = NULL;

	CHECK(ncm_ollama_key_header("GET", url, &header, &err) == 0 && !header && err.code == NCM_OK);
	temp_write(folder, ".ollama/id_ed25519", key);
	CHECK(ncm_ollama_key_header("GET", url, &header, &err) == 1);
	CHECK_STR(header, header_expected);
	free(header);
}

/* Cut short anywhere, or with any byte changed, it signs or is refused. */
static void broken_keys_are_refused(void)
{
	size_t refused = 0;

	for (size_t i = 0; i < strlen(key); i += 7) { /* some in every part of it */
		for (int cut = 0; cut < 2; cut++) {
			NCM_AUTO_FREE char *text = ncm_strdup(key);
			NCM_AUTO_FREE char *header = NULL;
			struct ncm_error err = NCM_ERROR_INIT;
			int found;

			text[i] = cut ? '\0' : (char)(text[i] ^ 4);
			temp_write(folder, ".ollama/id_ed25519", text);
			found = ncm_ollama_key_header("GET", url, &header, &err);
			CHECK((found == 1) == (header != NULL));
			CHECK((found == -1) == (err.code == NCM_E_AUTH && err.hint));
			CHECK(found != 1 || !cut || i + 1 >= strlen(key));
			refused += found == -1;
			ncm_error_clear(&err);
		}
	}
	CHECK(refused > strlen(key) / 7);
}

int main(void)
{
	clearenv();
	folder = temp_folder();
	setenv("HOME", folder, 1);
	setenv("XDG_RUNTIME_DIR", folder, 1);
	RUN(base64_comes_back);
	RUN(base64_is_strict);
	RUN(the_nearest_entry_counts);
	RUN(entries_of_every_kind);
	RUN(podman_goes_first);
	RUN(what_lasts_is_found);
	RUN(another_s_session_is_passed_by);
	RUN(a_helper_is_awaited);
	RUN(ollama_s_key_signs);
	RUN(broken_keys_are_refused);
	temp_remove(folder);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <fcntl.h>
#include <ncmodel/config.h>
#include <ncmodel/limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];
static int scratch_fd;

/* As after a log-in: nothing of ours is set, and the home folder is empty. */
static void fresh_environment(void)
{
	clearenv();
	CHECK(ncm_remove_beneath(scratch_fd, "home") == 0);
	CHECK(mkdirat(scratch_fd, "home", 0755) == 0);
	NCM_AUTO_FREE char *home = ncm_asprintf("%s/home", scratch);

	setenv("HOME", home, 1);
}

static void put_file(const char *relative, const char *text, mode_t mode)
{
	const char *name;
	NCM_AUTO_CLOSE int parent = ncm_parent_beneath(scratch_fd, relative, true, &name, NULL);
	int fd;

	CHECK(parent >= 0);
	unlinkat(parent, name, 0);
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && ncm_pwrite_all(fd, text, strlen(text), 0) == 0 && fchmod(fd, mode) == 0);
	close(fd);
}

static char *at(const char *relative)
{
	return ncm_asprintf("%s/%s", scratch, relative);
}

static void check_at(const char *actual, const char *relative)
{
	NCM_AUTO_FREE char *expected = at(relative);

	CHECK_STR(actual, expected);
}

static const struct ncm_endpoint *of_hf(const struct ncm_config *config)
{
	return ncm_config_endpoint(config, "huggingface");
}

static struct ncm_config *load(const char *relative)
{
	NCM_AUTO_FREE char *file = relative ? at(relative) : NULL;
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config = ncm_config_load(file, &err);

	if (!config)
		fprintf(stderr, "%s\n", err.message);
	CHECK(config);
	CHECK(err.code == NCM_OK);
	return config;
}

static void load_fails(const char *relative, enum ncm_errc code, struct ncm_error *err)
{
	NCM_AUTO_FREE char *file = relative ? at(relative) : NULL;

	ncm_error_clear(err);
	CHECK(!ncm_config_load(file, err));
	CHECK_STR(ncm_errc_name(err->code), ncm_errc_name(code));
}

static void defaults_are_as_documented(void)
{
	struct ncm_config *config;

	fresh_environment();
	config = load(NULL);
	check_at(config->root, "home");
	CHECK_STR(config->layout, "default");
	CHECK_STR(config->profile, "noa");
	CHECK(!config->registry && !config->lock && !config->cacert && !of_hf(config)->token &&
	      !ncm_config_endpoint(config, "civitai")->token);
	CHECK(config->data_dir && *config->data_dir == '/');
	CHECK_U64(config->manifest_dir_count, 1);
	check_at(config->manifest_dirs[0], "home/.config/ncmodel/manifests");
	CHECK_STR(ncm_config_endpoint(config, "huggingface")->url, "https://huggingface.co");
	CHECK_STR(ncm_config_endpoint(config, "civitai")->url, "https://civitai.com");
	CHECK_STR(ncm_config_endpoint(config, "ollama")->url, "https://registry.ollama.ai");
	CHECK_U64(config->reserve, UINT64_C(2) << 30);
	CHECK_U64(config->limit_rate, 0);
	CHECK_U64(config->speed_limit, 100);
	CHECK_U64(config->speed_time, NCM_LIMIT_STALL_SECONDS);
	CHECK_U64(config->jobs, 4);
	CHECK_U64(config->timeout, 20);
	CHECK_U64(config->retries, NCM_LIMIT_RETRIES);
	CHECK(!config->allow_private && !config->allow_http_token && !of_hf(config)->token_exposed);
	ncm_config_free(config);
	ncm_config_free(NULL);
}

static void without_home_the_password_file_knows(void)
{
	struct ncm_config *config;

	fresh_environment();
	unsetenv("HOME");
	config = load(NULL);
	CHECK(config->root[0] == '/');
	ncm_config_free(config);
	setenv("HOME", "", 1); /* empty is unset */
	config = load(NULL);
	CHECK(config->root[0] == '/');
	ncm_config_free(config);
}

static const char whole_file[] = "{\n"
				 "  \"root\": \"~/models\",\n"
				 "  \"layout\": \"layouts/mine.json\",\n"
				 "  \"profile\": \"nebula\",\n"
				 "  \"registry\": \"reg/models.json\",\n"
				 "  \"lock\": \"/var/lock.json\",\n"
				 "  \"manifest_dirs\": [\"one\", \"/two\"],\n"
				 "  \"endpoints\": {\"huggingface\": \"https://hf.example///\", \"civitai\": "
				 "\"http://127.0.0.1:8080\", \"ollama\": \"https://ollama.example/registry/\"},\n"
				 "  \"mirrors\": {\"https://github.com/\": \"http://cache.lan/gh\"},\n"
				 "  \"stores\": {\"a1111\": \"../a1111\", \"comfyui\": \"~/comfy\"},\n"
				 "  \"cacert\": \"ca.pem\",\n"
				 "  \"reserve\": \"10GiB\",\n"
				 "  \"limit_rate\": 1000000,\n"
				 "  \"speed_limit\": \"2k\",\n"
				 "  \"speed_time\": 9,\n"
				 "  \"jobs\": 16,\n"
				 "  \"timeout\": 7,\n"
				 "  \"retries\": 3,\n"
				 "  \"allow_private\": true,\n"
				 "  \"x-note\": \"mine\"\n"
				 "}\n";

static void the_file_is_read(void)
{
	struct ncm_config *config;

	fresh_environment();
	put_file("home/.config/ncmodel/config.json", whole_file, 0644);
	config = load(NULL);
	check_at(config->root, "home/models");
	check_at(config->layout, "home/.config/ncmodel/layouts/mine.json");
	CHECK_STR(config->profile, "nebula");
	check_at(config->registry, "home/.config/ncmodel/reg/models.json");
	CHECK_STR(config->lock, "/var/lock.json");
	CHECK_U64(config->manifest_dir_count, 3);
	check_at(config->manifest_dirs[0], "home/.config/ncmodel/one");
	CHECK_STR(config->manifest_dirs[1], "/two");
	check_at(config->manifest_dirs[2], "home/.config/ncmodel/manifests");
	CHECK_STR(ncm_config_endpoint(config, "huggingface")->url, "https://hf.example");
	CHECK_STR(ncm_config_endpoint(config, "civitai")->url, "http://127.0.0.1:8080");
	CHECK_STR(ncm_config_endpoint(config, "ollama")->url, "https://ollama.example/registry");
	CHECK_U64(config->mirror_count, 1);
	CHECK_STR(config->mirrors[0].from, "https://github.com/");
	CHECK_STR(config->mirrors[0].to, "http://cache.lan/gh/");
	CHECK_U64(config->store_count, 2);
	CHECK_STR(config->stores[0].store, "a1111");
	check_at(config->stores[0].path, "home/.config/a1111");
	check_at(config->stores[1].path, "home/comfy");
	check_at(config->cacert, "home/.config/ncmodel/ca.pem");
	CHECK_U64(config->reserve, UINT64_C(10) << 30);
	CHECK_U64(config->limit_rate, 1000000);
	CHECK_U64(config->speed_limit, 2000);
	CHECK_U64(config->speed_time, 9);
	CHECK_U64(config->jobs, 16);
	CHECK_U64(config->timeout, 7);
	CHECK_U64(config->retries, 3);
	CHECK(config->allow_private);
	ncm_config_free(config);
}

static void several_profiles_have_an_order(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config;

	fresh_environment();
	put_file("home/.config/ncmodel/config.json", "{\"profile\": [\"noa\", \"nexus\", \"noa\"]}", 0644);
	config = load(NULL);
	CHECK_STR(config->profile, "noa");
	CHECK_U64(config->more_profile_count, 1);
	CHECK_STR(config->more_profiles[0], "nexus");
	ncm_config_free(config);

	setenv("NCMODEL_PROFILE", "mine,theirs,noa", 1);
	config = load(NULL);
	CHECK_STR(config->profile, "mine");
	CHECK_U64(config->more_profile_count, 2);
	CHECK(ncm_config_has_profile(config, "mine") && ncm_config_has_profile(config, "noa"));
	CHECK(!ncm_config_has_profile(config, "nexus"));
	CHECK(ncm_config_set_profiles(config, "flag", &err) == 0);
	CHECK_STR(config->profile, "flag");
	CHECK_U64(config->more_profile_count, 0);
	ncm_config_add_profile(config, "flag");
	ncm_config_add_profile(config, "other");
	CHECK_U64(config->more_profile_count, 1);
	CHECK(ncm_config_set_profiles(config, "a,,b", &err) < 0 && err.code == NCM_E_USAGE);
	CHECK_STR(config->profile, "flag");
	ncm_error_clear(&err);
	ncm_config_free(config);

	setenv("NCMODEL_PROFILE", "noa,", 1);
	load_fails(NULL, NCM_E_USAGE, &err);
	CHECK(strstr(err.message, "NCMODEL_PROFILE"));
	ncm_error_clear(&err);
	unsetenv("NCMODEL_PROFILE");
	put_file("home/.config/ncmodel/config.json", "{\"profile\": []}", 0644);
	load_fails(NULL, NCM_E_MANIFEST, &err);
	ncm_error_clear(&err);
}

static void the_environment_goes_before_the_file_and_flags_before_it(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config;

	fresh_environment();
	put_file("home/.config/ncmodel/config.json", whole_file, 0644);
	setenv("NCMODEL_ROOT", "/srv/root", 1);
	setenv("NCMODEL_LAYOUT", "linux", 1);
	setenv("NCMODEL_PROFILE", "env-profile", 1);
	setenv("NCMODEL_LOCK", "/srv/lock", 1);
	setenv("NCMODEL_REGISTRY", "", 1); /* empty: the file's stays */
	setenv("NCMODEL_DATADIR", "/srv/data", 1);
	setenv("NCMODEL_MANIFEST_DIR", "/srv/manifests", 1);
	setenv("NCMODEL_JOBS", "2", 1);
	setenv("NCMODEL_LIMIT_RATE", "20M", 1);
	setenv("NCMODEL_RESERVE", "0", 1);
	setenv("NCMODEL_SPEED_LIMIT", "0", 1);
	setenv("NCMODEL_SPEED_TIME", "60", 1);
	setenv("NCMODEL_STORE_A1111", "/srv/a1111", 1);
	setenv("NCMODEL_STORE_LLAMA_CPP", "/srv/llama", 1);
	setenv("HF_ENDPOINT", "https://mirror.example/", 1);
	setenv("NCMODEL_CIVITAI_ENDPOINT", "http://[::1]:81", 1);
	setenv("NCMODEL_OLLAMA_REGISTRY", "http://127.0.0.1:5000", 1);
	setenv("SSL_CERT_FILE", "/srv/ca.pem", 1);
	config = load(NULL);
	CHECK_STR(config->root, "/srv/root");
	CHECK_STR(config->layout, "linux");
	CHECK_STR(config->profile, "env-profile");
	CHECK_STR(config->lock, "/srv/lock");
	check_at(config->registry, "home/.config/ncmodel/reg/models.json");
	CHECK_STR(config->data_dir, "/srv/data");
	CHECK_STR(config->manifest_dirs[0], "/srv/manifests");
	CHECK_U64(config->manifest_dir_count, 4);
	CHECK_U64(config->jobs, 2);
	CHECK_U64(config->limit_rate, 20000000);
	CHECK_U64(config->speed_limit, 0);
	CHECK_U64(config->speed_time, 60);
	CHECK_U64(config->reserve, 0);
	CHECK_STR(config->stores[0].path, "/srv/a1111");
	CHECK_U64(config->store_count, 3);
	CHECK_STR(config->stores[2].store, "llama-cpp");
	CHECK_STR(ncm_config_endpoint(config, "huggingface")->url, "https://mirror.example");
	CHECK_STR(ncm_config_endpoint(config, "civitai")->url, "http://[::1]:81");
	CHECK_STR(ncm_config_endpoint(config, "ollama")->url, "http://127.0.0.1:5000");
	CHECK_STR(config->cacert, "/srv/ca.pem");
	CHECK_U64(config->timeout, 7); /* the file's still */

	CHECK(ncm_config_set_root(config, "/flag/./root/", &err) == 0);
	CHECK_STR(config->root, "/flag/root");
	ncm_config_set(&config->profile, "flag-profile");
	CHECK_STR(config->profile, "flag-profile");
	ncm_config_add_manifest_dir(config, "/flag/manifests");
	CHECK_STR(config->manifest_dirs[0], "/flag/manifests");
	CHECK_STR(config->manifest_dirs[1], "/srv/manifests");
	ncm_config_add_manifest_file(config, "a.json");
	ncm_config_add_manifest_file(config, "b.json");
	CHECK_U64(config->manifest_file_count, 2);
	CHECK_STR(config->manifest_files[1], "b.json");
	CHECK(ncm_config_set_store(config, "a1111=/flag/a=b", &err) == 0);
	CHECK_STR(config->stores[0].path, "/flag/a=b");
	CHECK(ncm_config_set_store(config, "a1111", &err) < 0 && err.code == NCM_E_USAGE);
	CHECK(ncm_config_set_store(config, "=x", &err) < 0 && err.code == NCM_E_USAGE);
	CHECK(ncm_config_set_store(config, "a=", &err) < 0 && err.code == NCM_E_USAGE);
	CHECK(ncm_config_set_root(config, "", &err) < 0 && err.code == NCM_E_USAGE);
	ncm_error_clear(&err);
	ncm_config_free(config);
}

static void many_manifest_dirs_keep_their_order(void)
{
	struct ncm_config *config;
	char path[32];

	fresh_environment();
	config = load(NULL);
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof path, "/dir/%d", i);
		ncm_config_add_manifest_dir(config, path);
	}
	CHECK_U64(config->manifest_dir_count, 41);
	CHECK_STR(config->manifest_dirs[0], "/dir/39");
	CHECK_STR(config->manifest_dirs[39], "/dir/0");
	check_at(config->manifest_dirs[40], "home/.config/ncmodel/manifests");
	ncm_config_free(config);
}

static void the_named_file_goes_before_the_standard_one(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config;
	NCM_AUTO_FREE char *named = at("named.json");

	fresh_environment();
	put_file("home/.config/ncmodel/config.json", "{\"jobs\": 1}", 0644);
	put_file("named.json", "{\"jobs\": 2}", 0644);
	put_file("flag.json", "{\"jobs\": 3}", 0644);
	setenv("NCMODEL_CONFIG", named, 1);
	config = load(NULL);
	CHECK_U64(config->jobs, 2);
	ncm_config_free(config);
	config = load("flag.json");
	CHECK_U64(config->jobs, 3);
	ncm_config_free(config);
	load_fails("not-there.json", NCM_E_USAGE, &err);
	CHECK(strstr(err.message, "not-there.json"));
	CHECK(unlink(named) == 0);
	load_fails(NULL, NCM_E_USAGE, &err);
	CHECK(strstr(err.hint, "NCMODEL_CONFIG"));
	ncm_error_clear(&err);
}

static void xdg_folders_are_honoured(void)
{
	struct ncm_config *config;
	NCM_AUTO_FREE char *xdg = at("xdg");

	fresh_environment();
	put_file("xdg/ncmodel/config.json", "{\"jobs\": 5}", 0644);
	setenv("XDG_CONFIG_HOME", xdg, 1);
	config = load(NULL);
	CHECK_U64(config->jobs, 5);
	check_at(config->manifest_dirs[0], "xdg/ncmodel/manifests");
	ncm_config_free(config);
	setenv("XDG_CONFIG_HOME", "relative/is/invalid", 1);
	config = load(NULL);
	CHECK_U64(config->jobs, 4);
	ncm_config_free(config);
}

static void all_faults_of_a_file_are_told_with_lines(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	static const char *const expected[] = {
	    "bad.json:2: $.profil: unknown key \"profil\" (did you mean \"profile\"?)",
	    "bad.json:3: $.jobs: is 17, must be an integer from 1 to 16",
	    "bad.json:4: $.manifest_dirs[1]: is an integer, must be a string",
	    "bad.json:6: $.endpoints.huggingface: must be an http or https URL",
	    "bad.json:7: $.endpoints.hf: unknown key \"hf\" (known: \"",
	    "bad.json:9: $.reserve: is -1, must be an integer, 0 or more",
	    "bad.json:10: $.allow_private: is a string, must be true or false",
	    "bad.json:11: $.root: must not be empty",
	    "bad.json:12: $.mirrors: the replacement",
	    "bad.json:13: $.stores: is an array, must be an object of stores and their folders",
	    "bad.json:14: $.frobnicate: unknown key",
	    "bad.json:15: $.timeout: is a number with a point or an exponent, must be an integer",
	};

	fresh_environment();
	put_file("bad.json",
		 "{\n\"profil\": \"x\",\n\"jobs\": 17,\n\"manifest_dirs\": [\"ok\", 3],\n\"endpoints\": {\n"
		 "\"huggingface\": \"https://user:hunter2@hf.example\",\n\"hf\": \"https://x\"\n},\n\"reserve\": -1,\n"
		 "\"allow_private\": \"yes\",\n\"root\": \"\",\n\"mirrors\": {\"https://a/\": \"ftp://hunter2@b/\"},\n"
		 "\"stores\": [],\n\"frobnicate\": 1,\n\"timeout\": 1.5\n}\n",
		 0644);
	load_fails("bad.json", NCM_E_MANIFEST, &err);
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		if (!strstr(err.message, expected[i]))
			fprintf(stderr, "missing: %s\nin:\n%s\n", expected[i], err.message);
		CHECK(strstr(err.message, expected[i]));
	}
	CHECK(!strstr(err.message, "hunter2"));
	CHECK(!strstr(err.message, "did you mean \"jobs\""));
	put_file("bad.json", "[]", 0644);
	load_fails("bad.json", NCM_E_MANIFEST, &err);
	put_file("bad.json", "{\"jobs\": 1, \"jobs\": 2}", 0644);
	load_fails("bad.json", NCM_E_MANIFEST, &err);
	put_file("bad.json", "{\n\"jobs\": 1,\n}", 0644);
	load_fails("bad.json", NCM_E_MANIFEST, &err);
	CHECK(strstr(err.message, "bad.json:3:"));
	ncm_error_clear(&err);
}

static void bad_variables_are_named(void)
{
	static const char *const bad[][2] = {
	    {"NCMODEL_JOBS", "0"},
	    {"NCMODEL_JOBS", "17"},
	    {"NCMODEL_JOBS", "4x"},
	    {"NCMODEL_JOBS", "-1"},
	    {"NCMODEL_JOBS", "99999999999999999999"},
	    {"NCMODEL_LIMIT_RATE", "fast"},
	    {"NCMODEL_SPEED_LIMIT", "slow"},
	    {"NCMODEL_SPEED_TIME", "0"},
	    {"NCMODEL_SPEED_TIME", "3601"},
	    {"NCMODEL_RESERVE", "-5"},
	    {"HF_ENDPOINT", "huggingface.co"},
	    {"HF_ENDPOINT", "ftp://x"},
	    {"HF_ENDPOINT", "https://"},
	    {"HF_ENDPOINT", "https:///x"},
	    {"HF_ENDPOINT", "https://user:hunter2@x"},
	    {"NCMODEL_CIVITAI_ENDPOINT", "https://x/?token=hunter2"},
	    {"NCMODEL_OLLAMA_REGISTRY", "https://x/#hunter2"},
	    {"NCMODEL_OLLAMA_REGISTRY", "https://x/a b"},
	    {"NCMODEL_OLLAMA_REGISTRY", "https://x/\r\nHost: hunter2"},
	};
	struct ncm_error err = NCM_ERROR_INIT;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		fresh_environment();
		setenv(bad[i][0], bad[i][1], 1);
		load_fails(NULL, NCM_E_USAGE, &err);
		CHECK(strstr(err.message, bad[i][0]));
		CHECK(!strstr(err.message, "hunter2"));
	}
	ncm_error_clear(&err);
}

static void tokens_are_found_in_order(void)
{
	struct ncm_config *config;
	NCM_AUTO_FREE char *other = at("token-file"), *hf_home = at("hf-home");

	fresh_environment();
	put_file("home/.cache/huggingface/token", "hf_default\n", 0600);
	put_file("hf-home/token", "hf_home\n", 0600);
	put_file("token-file", " \r\nhf_path\r\n\n", 0600);
	config = load(NULL);
	CHECK_STR(of_hf(config)->token, "hf_default");
	CHECK(!of_hf(config)->token_exposed);
	ncm_config_free(config);
	setenv("HF_HOME", hf_home, 1);
	config = load(NULL);
	CHECK_STR(of_hf(config)->token, "hf_home");
	ncm_config_free(config);
	setenv("HF_TOKEN_PATH", other, 1);
	config = load(NULL);
	CHECK_STR(of_hf(config)->token, "hf_path");
	CHECK_STR(of_hf(config)->token_from, "HF_TOKEN_PATH");
	ncm_config_free(config);
	setenv("HUGGING_FACE_HUB_TOKEN", "hf_old", 1);
	config = load(NULL);
	CHECK_STR(of_hf(config)->token, "hf_old");
	ncm_config_free(config);
	setenv("HF_TOKEN", " \r\n\t ", 1); /* blank is none */
	config = load(NULL);
	CHECK_STR(of_hf(config)->token, "hf_old");
	CHECK_STR(of_hf(config)->token_from, "HUGGING_FACE_HUB_TOKEN");
	ncm_config_free(config);
	setenv("HF_TOKEN", "  hf_new\r\n", 1);
	config = load(NULL);
	CHECK_STR(of_hf(config)->token, "hf_new");
	CHECK_STR(of_hf(config)->token_from, "HF_TOKEN");
	ncm_config_free(config);
	setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "True", 1);
	config = load(NULL);
	CHECK(!of_hf(config)->token && !of_hf(config)->token_from);
	ncm_config_free(config);
	setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0", 1);
	put_file("home/.config/ncmodel/civitai-token", "kept\n", 0600);
	config = load(NULL);
	CHECK_STR(ncm_config_endpoint(config, "civitai")->token, "kept");
	CHECK_STR(ncm_config_endpoint(config, "civitai")->token_from, "ncmodel/civitai-token");
	ncm_config_free(config);
	setenv("CIVITAI_API_KEY", "third", 1);
	config = load(NULL);
	CHECK_STR(of_hf(config)->token, "hf_new");
	CHECK_STR(ncm_config_endpoint(config, "civitai")->token, "third");
	ncm_config_free(config);
	setenv("CIVITAI_API_TOKEN", "second", 1);
	config = load(NULL);
	CHECK_STR(ncm_config_endpoint(config, "civitai")->token, "second");
	ncm_config_free(config);
	setenv("CIVITAI_TOKEN", "first\n", 1);
	config = load(NULL);
	CHECK_STR(ncm_config_endpoint(config, "civitai")->token, "first");
	CHECK_STR(ncm_config_endpoint(config, "civitai")->token_from, "CIVITAI_TOKEN");
	ncm_config_free(config);
}

static void bad_tokens_are_refused_and_never_told(void)
{
	static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "CIVITAI_TOKEN", "CIVITAI_API_TOKEN",
					    "CIVITAI_API_KEY"};
	static const char *const bad[] = {"hunter2\r\nX-Evil: 1", "hunter2\x01", "hunter2 x", "hunter2\xc3\xa9",
					  "hunter2\x7f"};
	NCM_AUTO_FREE char *longest = ncm_calloc(NCM_LIMIT_TOKEN_BYTES + 2, 1);
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
			fresh_environment();
			setenv(names[i], bad[k], 1);
			load_fails(NULL, NCM_E_USAGE, &err);
			CHECK(strstr(err.message, names[i]));
			CHECK(!strstr(err.message, "hunter2") && !strstr(err.hint, "hunter2"));
		}
	}
	fresh_environment();
	memset(longest, 'h', NCM_LIMIT_TOKEN_BYTES);
	setenv("HF_TOKEN", longest, 1);
	config = load(NULL);
	CHECK_U64(strlen(of_hf(config)->token), NCM_LIMIT_TOKEN_BYTES);
	ncm_config_free(config);
	longest[NCM_LIMIT_TOKEN_BYTES] = 'h';
	setenv("HF_TOKEN", longest, 1);
	load_fails(NULL, NCM_E_USAGE, &err);
	CHECK(!strstr(err.message, "hhhh"));
	fresh_environment();
	put_file("home/.cache/huggingface/token", "hunter2\x02x", 0600);
	load_fails(NULL, NCM_E_USAGE, &err);
	CHECK(strstr(err.message, ".cache/huggingface/token") && !strstr(err.message, "hunter2"));
	ncm_error_clear(&err);
}

static void token_files_are_opened_with_care(void)
{
	NCM_AUTO_FREE char *path = at("home/.cache/huggingface/token"), *real = at("home/real-token");
	NCM_AUTO_FREE char *huge = ncm_calloc(NCM_LIMIT_TOKEN_BYTES + 2, 1);
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_config *config;

	fresh_environment();
	put_file("home/.cache/huggingface/token", "hf_shared", 0644);
	config = load(NULL);
	CHECK_STR(of_hf(config)->token, "hf_shared");
	CHECK(of_hf(config)->token_exposed);
	ncm_config_free(config);
	/* Not told of a file whose token is not used. */
	setenv("HF_TOKEN", "hf_env", 1);
	config = load(NULL);
	CHECK(!of_hf(config)->token_exposed);
	ncm_config_free(config);
	unsetenv("HF_TOKEN");

	put_file("home/.cache/huggingface/token", "", 0600);
	config = load(NULL);
	CHECK(!of_hf(config)->token);
	ncm_config_free(config);

	put_file("home/real-token", "hf_real", 0600);
	CHECK(unlink(path) == 0 && symlink(real, path) == 0);
	load_fails(NULL, NCM_E_POLICY, &err);
	CHECK(strstr(err.message, path) && err.hint);
	CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0); /* must not hang */
	load_fails(NULL, NCM_E_POLICY, &err);
	CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
	load_fails(NULL, NCM_E_POLICY, &err);
	CHECK(rmdir(path) == 0);
	memset(huge, 'x', NCM_LIMIT_TOKEN_BYTES + 1);
	put_file("home/.cache/huggingface/token", huge, 0600);
	load_fails(NULL, NCM_E_POLICY, &err);
	ncm_error_clear(&err);
}

int main(void)
{
	snprintf(scratch, sizeof scratch, "/tmp/ncm-config-XXXXXX");
	CHECK(mkdtemp(scratch));
	scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RUN(defaults_are_as_documented);
	RUN(without_home_the_password_file_knows);
	RUN(the_file_is_read);
	RUN(several_profiles_have_an_order);
	RUN(the_environment_goes_before_the_file_and_flags_before_it);
	RUN(many_manifest_dirs_keep_their_order);
	RUN(the_named_file_goes_before_the_standard_one);
	RUN(xdg_folders_are_honoured);
	RUN(all_faults_of_a_file_are_told_with_lines);
	RUN(bad_variables_are_named);
	RUN(tokens_are_found_in_order);
	RUN(bad_tokens_are_refused_and_never_told);
	RUN(token_files_are_opened_with_care);
	static const char *const left[] = {"home",     "xdg",       "hf-home",   "token-file",
					   "bad.json", "flag.json", "named.json"};

	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		CHECK(ncm_remove_beneath(scratch_fd, left[i]) == 0);
	close(scratch_fd);
	CHECK(rmdir(scratch) == 0);
	return 0;
}

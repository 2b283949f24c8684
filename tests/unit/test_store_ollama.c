/* SPDX-License-Identifier: MIT */
/* The Ollama store's rules: names, manifests, and blobs before the manifest that names them. */
#include "store_case.h"

#include "digest/hash.h"
#include "store/ollama.h"

#define HEX_A "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* "abc" */
#define HEX_B "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" /* "b" */

static const char manifest[] =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
    "\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"digest\":\"sha256:" HEX_B
    "\",\"size\":1},\"layers\":[{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\"sha256:" HEX_A
    "\",\"size\":3}]}";

static void ollama_names_are_checked(void)
{
	static const char *const good[] = {"registry.ollama.ai/library/llama3.2/3b", "localhost:5000/a_b-c/M.x/latest",
					   "h/n/m/_t", "h/Upper/MODEL/Q4_K_M"};
	static const char *const bad[] = {"",          "h/n/m",          "h/n/m/t/x",       "h/n/m/",    "/n/m/t",
					  "h//m/t",    "h/n/../t",       "../n/m/t",        "h/n/m/..",  "h/n.s/m/t",
					  "h/n/m:x/t", "h/n/m/a:b",      "h/n/m/.t",        "h/n/-m/t",  "h/n/m/t x",
					  "h/n/m/t\n", "h/n/m/\xc3\xa9", "https://h/n/m/t", "h\\x/n/m/t"};
	struct ncm_error err = NCM_ERROR_INIT;
	char name[400];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		NCM_AUTO_FREE char *path = ncm_ollama_manifest_path(good[i], &err);

		CHECK(path && strncmp(path, "manifests/", 10) == 0);
		CHECK_STR(path + 10, good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!ncm_ollama_manifest_path(bad[i], &err) && err.code == NCM_E_POLICY);
	for (size_t size = 80; size <= 81; size++) {
		NCM_AUTO_FREE char *path = NULL;

		memset(name, 'm', sizeof name);
		memcpy(name, "h/n/", 4);
		memcpy(name + 4 + size, "/t", 3);
		path = ncm_ollama_manifest_path(name, &err);
		CHECK((path != NULL) == (size == 80));
	}
	ncm_error_clear(&err);
}

static void manifests_are_parsed(void)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{}",
	    "{\"schemaVersion\":1,\"layers\":[]}",
	    "{\"schemaVersion\":2,\"layers\":[]}",
	    "{\"schemaVersion\":2,\"layers\":[3]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"" HEX_A "\",\"size\":3}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:../../../../etc/passwd\",\"size\":3}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\"}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\",\"size\":-1}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\",\"size\":9000000000000000000}]}",
	    "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\",\"size\":1.5}]}",
	    "{\"schemaVersion\":2,\"config\":{\"digest\":\"x\",\"size\":1},\"layers\":[{\"digest\":\"sha256:" HEX_A
	    "\",\"size\":3}]}",
	    "{\"schemaVersion\":2,\"manifests\":[]}",
	    "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:x\"}]}",
	    "{\"schemaVersion\":2,\"manifests\":[{\"layers\":[]}]}",
	    "{\"schemaVersion\":2,\"manifests\":[{\"layers\":[],\"manifests\":[]}]}",
	};
	static const char bare[] =
	    "{\"schemaVersion\":2,\"config\":{\"digest\":\"\"},\"layers\":[{\"digest\":\"sha256:" HEX_A
	    "\",\"size\":3}]}";
	struct ncm_error err = NCM_ERROR_INIT;
	struct ollama_manifest parsed;
	char hex[NCM_SHA256_HEX + 1];
	char *role;

	CHECK(ollama_manifest_parse(manifest, strlen(manifest), "it", &parsed, &err) == 0);
	CHECK(!parsed.is_list && parsed.has_config);
	CHECK_U64(parsed.count, 1);
	CHECK_STR(ncm_sha256_hex(&parsed.layers[0].digest, hex), HEX_A);
	CHECK_STR(ncm_sha256_hex(&parsed.config.digest, hex), HEX_B);
	CHECK(parsed.layers[0].size == 3 && parsed.config.size == 1);
	role = ollama_layer_role(&parsed.layers[0]);
	CHECK_STR(role, "model");
	free(role);
	ollama_manifest_clear(&parsed);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK(ollama_manifest_parse(bad[i], strlen(bad[i]), "it", &parsed, &err) < 0);
		CHECK(err.code == NCM_E_PROTOCOL);
	}
	ncm_error_clear(&err);
	CHECK(ollama_manifest_parse(bare, strlen(bare), "it", &parsed, &err) == 0);
	CHECK(parsed.count == 1 && !parsed.has_config);
	ollama_manifest_clear(&parsed);
}

static void a_model_is_committed_blobs_first(void)
{
	static const char name[] = "registry.ollama.ai/library/test/latest";
	static const char path[] = "manifests/registry.ollama.ai/library/test/latest";
	static const char other[] = "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:" HEX_A "\",\"size\":3}]}";
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_sha256 blobs[2];
	char blob[80];

	open_stores();
	ncm_sha256_of("abc", 3, &blobs[0]);
	ncm_sha256_of("b", 1, &blobs[1]);
	put(ollama->staging, "one", "abc");
	ncm_ollama_blob_path(&blobs[0], blob);
	CHECK_STR(blob, "blobs/sha256-" HEX_A);
	CHECK(ncm_store_commit(ollama, "one", blob, false, NULL, NULL, NULL, &err) == 0);

	/* One blob is missing: the manifest is not written. */
	CHECK(ncm_ollama_commit(ollama, name, manifest, strlen(manifest), false, &err) < 0);
	CHECK(err.code == NCM_E_IO && strstr(err.message, HEX_B) && strstr(err.hint, "pull again"));
	ncm_error_clear(&err);
	CHECK(!exists(ollama->dirfd, "manifests"));

	put(ollama->staging, "two", "bb");
	ncm_ollama_blob_path(&blobs[1], blob);
	CHECK(ncm_store_commit(ollama, "two", blob, false, NULL, NULL, NULL, &err) == 0);
	CHECK(ncm_ollama_commit(ollama, name, manifest, strlen(manifest), false, &err) < 0);
	CHECK(err.code == NCM_E_IO && strstr(err.message, "size"));
	ncm_error_clear(&err);
	put(ollama->staging, "two", "b");
	CHECK(ncm_store_commit(ollama, "two", blob, true, NULL, NULL, NULL, &err) == 0);

	CHECK(ncm_ollama_commit(ollama, name, manifest, strlen(manifest), false, &err) == 0);
	check_text(ollama->dirfd, path, manifest);
	CHECK_U64(entries(ollama->dirfd, "manifests/registry.ollama.ai/library/test"), 1);
	CHECK_U64(entries(ollama->dirfd, "blobs"), 2);
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/staging"), 0);

	/* Tags move; a link in the manifest's place is replaced, never followed. */
	CHECK(unlinkat(ollama->dirfd, path, 0) == 0);
	CHECK(symlinkat("../../../../../../../decoy/file", ollama->dirfd, path) == 0);
	CHECK(ncm_ollama_commit(ollama, name, other, strlen(other), false, &err) == 0);
	check_text(ollama->dirfd, path, other);
	CHECK(ncm_remove_beneath(ollama->dirfd, "manifests/registry.ollama.ai/library") == 0);
	CHECK(symlinkat("../../../../../decoy", ollama->dirfd, "manifests/registry.ollama.ai/library") == 0);
	CHECK(ncm_ollama_commit(ollama, name, other, strlen(other), false, &err) < 0 && err.code == NCM_E_POLICY);
	CHECK(ncm_ollama_commit(ollama, "a/../b/c", other, strlen(other), false, &err) < 0 && err.code == NCM_E_POLICY);
	ncm_error_clear(&err);
	CHECK_U64(entries(ollama->dirfd, ".ncmodel/staging"), 0);
	check_decoy();
}

int main(void)
{
	begin_scratch();
	RUN(ollama_names_are_checked);
	RUN(manifests_are_parsed);
	RUN(a_model_is_committed_blobs_first);
	end_scratch();
	return 0;
}

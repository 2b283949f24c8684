/* SPDX-License-Identifier: MIT */
/* One repository at Hugging Face, as the tests of that source see it. */
#ifndef NCM_TEST_HF_CASE_H
#define NCM_TEST_HF_CASE_H

#include "fake_http.h"

#include "source/hf.h"

#define HUB "https://huggingface.co"
#define API HUB "/api/models/org/repo"
#define COMMIT "45ce642d3fab2033d167ec09641a159010f7d9d9"
#define SHA256_A "355f1f30ac3bdad09de420c5d78dd369e2a47d6f4ee3b5da342483f857965daf"
#define SHA256_B "70b640f8f60b1cf0dcc72f30caf3da9495eb2fb6509da48c53374ad6806e6a9c"
#define GIT_A "e7223117b4a22a9806853068e5bdbb24c4b4d7aa"
#define LFS(path, size, sha256)                                                                                        \
	"{\"type\":\"file\",\"oid\":\"" GIT_A "\",\"size\":" size ",\"path\":\"" path "\",\"lfs\":{\"oid\":\"" sha256  \
	"\",\"size\":" size ",\"pointerSize\":134},\"xetHash\":\"x\"}"
#define SMALL(path, size) "{\"type\":\"file\",\"oid\":\"" GIT_A "\",\"size\":" size ",\"path\":\"" path "\"}"
#define FOLDER(path) "{\"type\":\"directory\",\"oid\":\"" GIT_A "\",\"size\":0,\"path\":\"" path "\"}"

static struct ncm_config config;
static const struct ncm_file_spec spec = {.role = (char *)"weights"};

static inline void serve_commit(void)
{
	fake_on(API "/revision/main", 200, NULL,
		"{\"sha\":\"" COMMIT
		"\",\"tags\":[\"gguf\",\"license:apache-2.0\"],\"gguf\":{\"architecture\":\"llama\"}}");
}

#endif

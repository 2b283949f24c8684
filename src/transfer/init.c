/* SPDX-License-Identifier: MIT */
/* What is done once for the whole process; libcurl is the only library that asks for it. */
#include "base/process.h"
#include "base/secret_values.h"
#include "transfer/http.h"

#include <curl/curl.h>
#include <ncmodel/ncmodel.h>

int ncm_http_global_init(struct ncm_error *err)
{
	CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (result != CURLE_OK)
		return ncm_error_set(err, NCM_E_OTHER, "cannot start libcurl: %s", curl_easy_strerror(result));
	/* Before 7.85 the protocols of a request cannot be restricted by name. */
	if (info->version_num < 0x075500)
		return ncm_error_set(err, NCM_E_OTHER, "libcurl %s is too old, 7.85 is needed", info->version);
	return 0;
}

void ncm_http_global_cleanup(void)
{
	curl_global_cleanup();
}

int ncm_init(struct ncm_error *err)
{
	return ncm_process_prepare(err) < 0 ? -1 : ncm_http_global_init(err);
}

void ncm_shutdown(void)
{
	ncm_http_global_cleanup();
	ncm_secrets_forget();
}

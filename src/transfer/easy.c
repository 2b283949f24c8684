/* SPDX-License-Identifier: MIT */
/* libcurl's handles (a connection pool) and process-wide start; circuit breaking while no server answers at all. */
#include "transfer/easy.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/secrets.h"
#include "transfer/http.h"
#include "transfer/proxy.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <ncmodel/ncmodel.h>

static const long DEFAULT_CONNECT_SECONDS = 20;
static const double FIRST_BACKOFF_SECONDS = 0.5;
static const long CONNECTION_LIFE_SECONDS = 300;
/* Each read costs two polls and a turn of the loop. libcurl copies what is left of it when a stream pauses, and it is
 * to stay in the core's cache: no larger. */
static const long BUFFER_BYTES = 256 << 10;

struct ncm_http *ncm_http_new(const struct ncm_config *config, const struct ncm_sink *sink)
{
	struct ncm_http *http = ncm_calloc(1, sizeof *http);
	const char *bundle = config->cacert ? config->cacert : getenv("SSL_CERT_FILE");
	pthread_mutexattr_t recursive;

	if (sink)
		http->sink = *sink;
	http->cacert = bundle && *bundle ? ncm_strdup(bundle) : NULL;
	http->user_agent = ncm_strdup("ncmodel/" NCM_VERSION);
	http->connect_seconds = config->timeout ? config->timeout : (unsigned)DEFAULT_CONNECT_SECONDS;
	http->stall_seconds = config->speed_time ? config->speed_time : NCM_LIMIT_STALL_SECONDS;
	http->speed_limit = config->speed_limit;
	http->sending = (struct ncm_rate){.limit = config->limit_rate, .filled_at = ncm_monotonic()};
	http->retries = config->retries ? config->retries : 1;
	http->first_backoff = FIRST_BACKOFF_SECONDS;
	http->allow_private = config->allow_private;
	http->allow_http_token = config->allow_http_token;
	pthread_mutex_init(&http->lock, NULL);
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&http->credentials_lock, NULL);
	pthread_mutex_init(&http->renewal_lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	ncm_proxy_begin(http);
	return http;
}

void ncm_http_free(struct ncm_http *http)
{
	if (!http)
		return;
	while (http->idle_count > 0)
		curl_easy_cleanup(http->idle[--http->idle_count]);
	pthread_mutex_destroy(&http->lock);
	pthread_mutex_destroy(&http->credentials_lock);
	pthread_mutex_destroy(&http->renewal_lock);
	ncm_proxy_end(http);
	free(http->cacert);
	free(http->user_agent);
	free(http->unreached);
	free(http);
}

static void set_trust(CURL *easy, const struct ncm_http *http)
{
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (http->cacert) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, http->cacert);
		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, http->cacert);
	}
}

/* What could send a secret, or follow a server, without us. Cookies, HSTS and Alt-Svc are off unless asked for. */
static void set_abstinence(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_NONE);
	curl_easy_setopt(easy, CURLOPT_AUTOREFERER, 0L);
}

/* What libcurl would decode, or take for a success, on its own. */
static void set_plainness(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, NULL);
	curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
}

void ncm_easy_prepare(CURL *easy, const struct ncm_http *http)
{
	curl_easy_reset(easy);
	set_trust(easy, http);
	set_abstinence(easy);
	set_plainness(easy);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* an interrupt does not wait for DNS */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)http->connect_seconds);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)http->stall_seconds);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, http->user_agent);
}

CURL *ncm_easy_new(const struct ncm_http *http)
{
	CURL *easy = curl_easy_init();

	if (easy)
		ncm_easy_prepare(easy, http);
	return easy;
}

CURL *ncm_easy_take(struct ncm_http *http)
{
	CURL *easy = NULL;

	pthread_mutex_lock(&http->lock);
	if (http->idle_count > 0)
		easy = http->idle[--http->idle_count];
	pthread_mutex_unlock(&http->lock);
	if (!easy)
		return ncm_easy_new(http);
	ncm_easy_prepare(easy, http);
	return easy;
}

void ncm_easy_give(struct ncm_http *http, CURL *easy)
{
	if (!easy)
		return;
	/* Nothing of the request that was made stays in an idle handle, its credential least of all. */
	curl_easy_reset(easy);
	pthread_mutex_lock(&http->lock);
	if (http->idle_count < sizeof http->idle / sizeof *http->idle) {
		http->idle[http->idle_count++] = easy;
		easy = NULL;
	}
	pthread_mutex_unlock(&http->lock);
	curl_easy_cleanup(easy);
}

void ncm_slow_error(const struct ncm_http *http, const char *what, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_NETWORK, "%s: less than %" PRIu64 " bytes a second for %u s", what, http->speed_limit,
		      http->stall_seconds);
	ncm_error_hint(err,
		       "run the same command again, what is here is kept; --speed-limit 0 waits for whatever comes");
}

void ncm_http_tell(struct ncm_http *http, enum ncm_event_type type, const char *text)
{
	pthread_mutex_lock(&http->lock);
	ncm_emit_text(&http->sink, type, "%s", text);
	pthread_mutex_unlock(&http->lock);
}

static const double PATIENCE_SECONDS = 3; /* as long as no server has answered in this run */

void ncm_http_note_reached(struct ncm_http *http)
{
	http->reached = true;
}

void ncm_http_note_unreached(struct ncm_http *http, const char *how)
{
	pthread_mutex_lock(&http->lock);
	if (!http->unreached) {
		http->unreached = ncm_strdup(how);
		http->unreached_at = ncm_monotonic();
	}
	pthread_mutex_unlock(&http->lock);
}

bool ncm_http_is_cut_off(struct ncm_http *http, double wait)
{
	bool cut_off;

	pthread_mutex_lock(&http->lock);
	cut_off = !http->reached && http->unreached && ncm_monotonic() + wait > http->unreached_at + PATIENCE_SECONDS;
	pthread_mutex_unlock(&http->lock);
	return cut_off;
}

char *ncm_http_unreachable(struct ncm_http *http)
{
	char *how;

	pthread_mutex_lock(&http->lock);
	how = http->reached ? NULL : ncm_strdup_null(http->unreached);
	pthread_mutex_unlock(&http->lock);
	return how;
}

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

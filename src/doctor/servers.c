/* SPDX-License-Identifier: MIT */
/* The services that models come from: reached, trusted, by which proxy, at what time, and with whose token. */
#include "doctor/doctor.h"

#include "base/mem.h"
#include "config/services.h"
#include "os/os.h"
#include "source/shared.h"
#include "transfer/proxy.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLOCK_SLACK = 300 }; /* seconds: certificates and signed addresses bear as much */
#define NS_PER_SECOND INT64_C(1000000000)

static void look_at_clock(struct examination *exam, const char *server, const struct ncm_reply *reply)
{
	const char *area = exam->area;
	int64_t theirs;
	long long off;

	exam->area = "clock";
	if (!ncm_reply_time(reply, "Date", &theirs)) {
		doctor_find(exam, NCM_FINDING_UNKNOWN, server, "it does not tell the time");
		doctor_remedy(exam,
			      "compare the clock with another's, if certificates or signed addresses are refused");
	} else {
		off = (long long)(os_now_ns() / NS_PER_SECOND - theirs);
		if (llabs(off) <= CLOCK_SLACK) {
			doctor_find(exam, NCM_FINDING_GOOD, server, "this machine's clock agrees with it");
		} else {
			doctor_find(exam, NCM_FINDING_BAD, server, "this machine's clock is %lld seconds %s it",
				    llabs(off), off > 0 ? "ahead of" : "behind");
			doctor_remedy(exam, "set the clock, as by `timedatectl set-ntp true`: certificates and signed "
					    "addresses go by it");
		}
	}
	exam->area = area;
}

/* What a token is answered with; whether it was sent at all, nobody else knows. */
static int judge(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err)
{
	if (reply->status != 401 && reply->status != 403)
		return 0;
	if (!sent_credential)
		return ncm_error_set(err, NCM_E_OFFLINE, "%s was not sent: its way there is not private", what);
	ncm_error_set(err, NCM_E_AUTH, "%s is refused (HTTP %ld)", what, reply->status);
	return ncm_error_hint(err, "it may have expired or been revoked: make a new one on the service's own page, and "
				   "put it where this one is");
}

static void ask_with_token(struct examination *exam, const struct ncm_endpoint *endpoint)
{
	static const struct ncm_service service = {.name = "the service", .judge = judge};
	NCM_AUTO_FREE char *url = ncm_asprintf("%s%s", endpoint->url, endpoint->settings->token_check);
	NCM_AUTO_FREE char *what = ncm_asprintf("the token from %s", endpoint->token_from);
	NCM_AUTO_FREE char *origin = ncm_url_origin(url);
	struct ncm_credential credential = {
	    .bearer = endpoint->token, .origin = origin, .in_clear = exam->config->allow_http_token};
	const struct ncm_request request = {.url = url, .credential = &credential, .service = &service, .what = what};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_error why = NCM_ERROR_INIT;

	if (ncm_http_get(exam->http, &request, &reply, &why) < 0)
		doctor_find_error(exam, endpoint->title, &why);
	else
		doctor_find(exam, NCM_FINDING_GOOD, endpoint->title, "%s is accepted", what);
}

static void look_at_token(struct examination *exam, const struct ncm_endpoint *endpoint, bool reached)
{
	const char *area = exam->area;

	exam->area = "tokens";
	if (!endpoint->token) {
		doctor_find(exam, NCM_FINDING_NOTE, endpoint->title, "there is no token for it");
		doctor_remedy(exam, "if a model wants one: make it on the service's own page, and put it into %s",
			      endpoint->settings->token_variables[0]);
	} else if (!reached || !endpoint->settings->token_check) {
		doctor_find(exam, NCM_FINDING_UNKNOWN, endpoint->title,
			    "there is a token, from %s; whether it is accepted %s", endpoint->token_from,
			    exam->offline ? "was not asked: --offline" : "cannot be told");
		doctor_remedy(exam, exam->offline ? "look again without --offline"
						  : "a pull of what wants it tells; what hinders it stands above");
	} else {
		ask_with_token(exam, endpoint);
	}
	if (endpoint->token_exposed) {
		doctor_find(exam, NCM_FINDING_BAD, endpoint->title, "others can read its token, in %s",
			    endpoint->token_from);
		doctor_remedy(exam, "chmod 600 that file");
	}
	exam->area = area;
}

static bool reach(struct examination *exam, const struct ncm_endpoint *endpoint)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/", endpoint->url);
	NCM_AUTO_FREE char *origin = ncm_url_origin(url);
	const struct ncm_request request = {
	    .url = url, .method = "HEAD", .what = "reaching it", .any_status = true, .stop_at_foreign_redirect = true};
	const char *proxy = origin ? ncm_proxy_variable(origin) : NULL;
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	struct ncm_error why = NCM_ERROR_INIT;

	if (ncm_http_get(exam->http, &request, &reply, &why) < 0) {
		why.code = why.code == NCM_E_NETWORK ? NCM_E_OTHER : why.code; /* here that is the finding */
		doctor_find_error(exam, endpoint->title, &why);
		return false;
	}
	doctor_find(exam, NCM_FINDING_GOOD, endpoint->title, "%s answers%s%s%s", endpoint->url,
		    proxy ? ", through the proxy of " : "", proxy ? proxy : "",
		    ncm_source_is_in_clear(endpoint->url) ? "" : ", and its certificate is trusted");
	look_at_clock(exam, endpoint->title, &reply);
	return true;
}

static void look_at_bundle(struct examination *exam)
{
	const char *bundle = exam->config->cacert;

	if (bundle && os_access(OS_HERE, bundle, OS_MAY_READ) < 0) {
		doctor_find(exam, NCM_FINDING_BAD, "certificates", "the bundle %s cannot be read", bundle);
		doctor_remedy(exam, "name one that can be with --cacert or SSL_CERT_FILE");
	} else if (bundle) {
		doctor_find(exam, NCM_FINDING_NOTE, "certificates", "those of %s are trusted, and no others", bundle);
	}
}

static bool is_of_interest(const struct ncm_endpoint *endpoint)
{
	const struct config_service *settings = endpoint->settings;

	return !settings->is_extra || endpoint->token || strcmp(endpoint->url, settings->endpoint) != 0;
}

void doctor_servers(struct examination *exam)
{
	look_at_bundle(exam);
	for (size_t i = 0; i < exam->config->endpoint_count; i++) {
		const struct ncm_endpoint *endpoint = &exam->config->endpoints[i];
		bool reached = false;

		if (!is_of_interest(endpoint))
			continue;
		if (exam->offline)
			doctor_find_unasked(exam, endpoint->title, "it");
		else
			reached = reach(exam, endpoint);
		if (endpoint->settings->token_variables)
			look_at_token(exam, endpoint, reached);
	}
}

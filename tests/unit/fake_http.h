/* SPDX-License-Identifier: MIT */
/*
 * A network of canned answers for the sources: stands in for ncm_http_get behind struct ncm_sources. What was asked is
 * recorded. Redirects, renewal of credentials, judges and the general meaning of a status are as the real one has
 * them; an URL that nobody answers is a plain 404.
 */
#ifndef NCM_TEST_FAKE_HTTP_H
#define NCM_TEST_FAKE_HTTP_H

#include "base/mem.h"
#include "check.h"
#include "source/source.h"

enum { FAKE_ANSWERS = 64, FAKE_REQUESTS = 64 };

struct fake_answer {
	const char *url;
	long status;
	const char *headers; /* "Name: value\n" lines, or NULL */
	const char *body;    /* or NULL */
	bool used;
};

struct fake_request {
	char *url;
	char *method;
	char *accept; /* or NULL */
	char *bearer; /* or NULL */
};

static struct fake_answer fake_answers[FAKE_ANSWERS];
static size_t fake_answer_count;
static struct fake_request fake_requests[FAKE_REQUESTS];
static size_t fake_request_count;

/* Of several answers for one URL each is given once, in order, and the last for ever. */
static void fake_on(const char *url, long status, const char *headers, const char *body)
{
	CHECK(fake_answer_count < FAKE_ANSWERS);
	fake_answers[fake_answer_count++] = (struct fake_answer){url, status, headers, body, false};
}

static void fake_reset(void)
{
	for (size_t i = 0; i < fake_request_count; i++) {
		free(fake_requests[i].url);
		free(fake_requests[i].method);
		free(fake_requests[i].accept);
		free(fake_requests[i].bearer);
	}
	fake_request_count = fake_answer_count = 0;
}

/* How often an URL was asked for. */
static inline size_t fake_asked(const char *url)
{
	size_t count = 0;

	for (size_t i = 0; i < fake_request_count; i++)
		count += strcmp(fake_requests[i].url, url) == 0;
	return count;
}

static struct fake_answer *fake_find(const char *url)
{
	struct fake_answer *last = NULL;

	for (size_t i = 0; i < fake_answer_count; i++) {
		if (strcmp(fake_answers[i].url, url) != 0)
			continue;
		last = &fake_answers[i];
		if (!last->used)
			break;
	}
	return last;
}

static void fake_record(const struct ncm_request *request, const char *url, const char *bearer)
{
	CHECK(fake_request_count < FAKE_REQUESTS);
	fake_requests[fake_request_count++] = (struct fake_request){
	    .url = ncm_strdup(url),
	    .method = ncm_strdup(request->method ? request->method : "GET"),
	    .accept = ncm_strdup_null(request->accept),
	    .bearer = ncm_strdup_null(bearer),
	};
}

static void fake_reply(const char *url, const struct fake_answer *answer, struct ncm_reply *reply)
{
	char *location;

	*reply = (struct ncm_reply){.status = answer ? answer->status : 404,
				    .url = ncm_strndup(url, strcspn(url, "?")),
				    .headers = ncm_strdup(answer && answer->headers ? answer->headers : ""),
				    .body = ncm_strdup(answer && answer->body ? answer->body : "")};
	reply->body_size = strlen(reply->body);
	location = ncm_reply_header(reply, "Location");
	reply->location = location ? ncm_url_resolve(url, location) : NULL;
	free(location);
}

/* The same with one service set up, as the configuration does it. The endpoint is borrowed. */
static inline struct ncm_config fake_set_up(struct ncm_config config, struct ncm_endpoint *endpoint)
{
	config.endpoints = endpoint;
	config.endpoint_count = 1;
	return config;
}

static bool fake_same_origin(const char *a, const char *b)
{
	NCM_AUTO_FREE char *left = ncm_url_origin(a);
	NCM_AUTO_FREE char *right = ncm_url_origin(b);

	return left && right && strcmp(left, right) == 0;
}

static int fake_general(const struct ncm_reply *reply, const char *what, struct ncm_error *err)
{
	enum ncm_errc code = reply->status == 401 || reply->status == 403   ? NCM_E_AUTH
			     : reply->status == 404 || reply->status == 410 ? NCM_E_NOT_FOUND
			     : reply->status == 429                         ? NCM_E_RATE_LIMIT
			     : reply->status >= 500                         ? NCM_E_NETWORK
									    : NCM_E_PROTOCOL;

	return ncm_error_set(err, code, "%s: general rule: %ld", what, reply->status);
}

/* Answers one hop. Returns 0 when *reply is the answer, -1 on error, 1 to go on with *url. */
static int fake_hop(const struct ncm_request *request, char **url, bool *renewed, struct ncm_reply *reply,
		    struct ncm_error *err)
{
	struct ncm_credential *credential = request->credential;
	bool sends = credential && credential->bearer && fake_same_origin(*url, credential->origin);
	struct fake_answer *answer = fake_find(*url);

	if (answer)
		answer->used = true;
	fake_record(request, *url, sends ? credential->bearer : NULL);
	fake_reply(*url, answer, reply);
	if (reply->status == 200 || reply->status == 206 || request->any_status)
		return 0;
	if (reply->status == 401 && credential && credential->renew && !*renewed) {
		NCM_AUTO_FREE char *challenge = ncm_reply_header(reply, "WWW-Authenticate");

		*renewed = true;
		return credential->renew(credential, NULL, challenge, err) < 0 ? -1 : 1;
	}
	if (request->service && request->service->judge(reply, request->what, sends, err) < 0)
		return -1;
	if (reply->location) {
		if (request->stop_at_foreign_redirect && !fake_same_origin(*url, reply->location))
			return 0;
		free(*url);
		*url = ncm_strdup(reply->location);
		return 1;
	}
	return fake_general(reply, request->what, err);
}

static int fake_get(struct ncm_http *http, const struct ncm_request *request, struct ncm_reply *reply,
		    struct ncm_error *err)
{
	struct ncm_error fault = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *url = ncm_strdup(request->url);
	bool renewed = false;
	int result;

	(void)http;
	CHECK(request->what);
	CHECK(ncm_url_check(url, true, NULL) == 0);
	*reply = (struct ncm_reply){0};
	do {
		ncm_reply_clear(reply);
		result = fake_hop(request, &url, &renewed, reply, &fault);
	} while (result == 1);
	if (result < 0) {
		ncm_reply_clear(reply);
		return ncm_error_move(err, &fault);
	}
	return 0;
}

/* The sources of a configuration over the fake network, which is empty then. */
static struct ncm_sources *fake_sources(const struct ncm_config *config)
{
	struct ncm_sources *sources = ncm_sources_new(config, NULL, NULL);

	fake_reset();
	CHECK(sources->get == ncm_http_get);
	sources->get = fake_get;
	return sources;
}

/* The canonical spelling, or "" if it is refused as USAGE with a message. Lives until the next call. */
static inline const char *canonical_of(const char *uri, bool allow_http)
{
	static char text[2048];
	struct ncm_error err = NCM_ERROR_INIT;
	char *canonical = NULL;

	text[0] = '\0';
	if (ncm_source_check(uri, allow_http, &canonical, &err) == 0) {
		char *again = NULL;

		CHECK(canonical && err.code == NCM_OK);
		/* A canonical spelling is its own. */
		CHECK(ncm_source_check(canonical, allow_http, &again, NULL) == 0);
		CHECK_STR(again, canonical);
		CHECK(ncm_source_check(uri, allow_http, NULL, NULL) == 0);
		snprintf(text, sizeof text, "%s", canonical);
		free(again);
	} else {
		CHECK(err.code == NCM_E_USAGE && err.message && err.message[0]);
		CHECK(canonical == NULL);
	}
	free(canonical);
	ncm_error_clear(&err);
	return text;
}

/* Resolves what has to fail with that class; the message and the hint hold those words (may be NULL). */
static inline void check_fails(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
			       const struct ncm_pin *pin, enum ncm_errc code, const char *message, const char *hint)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_resolution *resolution = ncm_source_resolve(sources, uri, spec, pin, &err);

	CHECK(resolution == NULL);
	if (err.code != code || (message && !strstr(err.message, message)) ||
	    (hint && (!err.hint || !strstr(err.hint, hint)))) {
		fprintf(stderr, "%s: %s: %s (%s)\n", uri, ncm_errc_name(err.code), err.message,
			err.hint ? err.hint : "no hint");
		exit(1);
	}
	ncm_error_clear(&err);
}

/* Resolves what has to work. */
static inline struct ncm_resolution *check_resolves(struct ncm_sources *sources, const char *uri,
						    const struct ncm_file_spec *spec, const struct ncm_pin *pin)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_resolution *resolution = ncm_source_resolve(sources, uri, spec, pin, &err);

	if (!resolution)
		fprintf(stderr, "%s: %s (%s)\n", uri, err.message, err.hint ? err.hint : "no hint");
	CHECK(resolution != NULL);
	return resolution;
}

static inline const struct ncm_artifact *artifact_named(const struct ncm_resolution *resolution, const char *name)
{
	for (size_t i = 0; i < resolution->count; i++) {
		if (resolution->artifacts[i].name && strcmp(resolution->artifacts[i].name, name) == 0)
			return &resolution->artifacts[i];
	}
	return NULL;
}

static inline void check_names(const char *uri, const char *id, const char *display)
{
	char *actual_id = NULL, *actual_display = NULL;

	ncm_source_names(uri, &actual_id, &actual_display);
	CHECK_STR(actual_id, id);
	CHECK_STR(actual_display, display);
	free(actual_id);
	free(actual_display);
}

#endif

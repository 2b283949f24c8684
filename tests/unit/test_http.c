/* SPDX-License-Identifier: MIT */
/* Small requests: redirects, tokens, retries, statuses, hostile answers. */
#include "http_server.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strings.h"
#include "base/thread.h"
#include "digest/hash.h"
#include "transfer/easy.h"

#include <signal.h>
#include <stdatomic.h>

static struct server server, other;

static struct ncm_http *make_http(void)
{
	const struct ncm_config config = {.retries = 4};
	struct ncm_http *http = ncm_http_new(&config, NULL);

	http->first_backoff = 0.01;
	http->stall_seconds = 2;
	return http;
}

/* Makes one request of `path` and frees nothing of the reply. */
static int get(const char *path, struct ncm_credential *credential, struct ncm_reply *reply, struct ncm_error *err)
{
	struct ncm_http *http = make_http();
	NCM_AUTO_FREE char *url = ncm_asprintf("%s%s", server.url, path);
	const struct ncm_request request = {.url = url, .credential = credential, .what = "thing"};
	int result = ncm_http_get(http, &request, reply, err);

	ncm_http_free(http);
	return result;
}

static void answer_text(struct server_request *request, const char *text)
{
	server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(text), text);
}

static void answer_status(struct server_request *request, const char *status)
{
	server_print(request, "HTTP/1.1 %s\r\nContent-Length: 4\r\n\r\noops", status);
}

static void redirect(struct server_request *request, const char *base, const char *path)
{
	server_print(request, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s%s\r\n\r\n", base, path);
}

static void answer_hops(struct server_request *request)
{
	if (strcmp(request->path, "/file-url") == 0)
		redirect(request, "file:///etc/passwd", "");
	else if (strcmp(request->path, "/userinfo") == 0)
		redirect(request, "http://bob:pw@127.0.0.1/", "");
	else if (strcmp(request->path, "/nowhere") == 0)
		server_print(request, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
	else if (strcmp(request->path, "/once") == 0)
		redirect(request, "", "/end?signature=secret");
	else if (strncmp(request->path, "/end", 4) == 0)
		answer_text(request, "here");
	else
		redirect(request, "", "/loop");
}

static void redirects_are_followed_and_bounded(void)
{
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	server_start(&server, answer_hops);
	CHECK(get("/once", NULL, &reply, &err) == 0);
	CHECK_STR(reply.body, "here");
	CHECK(strstr(reply.url, "/end") && !strstr(reply.url, "secret"));
	ncm_reply_clear(&reply);
	CHECK(get("/loop", NULL, &reply, &err) == -1);
	CHECK(err.code == NCM_E_PROTOCOL);
	CHECK_U64(server.count, 2 + 1 + NCM_LIMIT_REDIRECTS);
	ncm_error_clear(&err);
	CHECK(get("/file-url", NULL, &reply, &err) == -1);
	ncm_error_clear(&err);
	CHECK(get("/nowhere", NULL, &reply, &err) == -1);
	ncm_error_clear(&err);
	CHECK(get("/userinfo", NULL, &reply, &err) == -1);
	CHECK(err.code == NCM_E_POLICY);
	CHECK(!strstr(err.message, "bob"));
	ncm_error_clear(&err);
	server_stop(&server);
}

/* A → B → A. */
static void answer_bounce(struct server_request *request)
{
	if (strcmp(request->path, "/start") == 0)
		redirect(request, "", "/same");
	else if (strcmp(request->path, "/same") == 0)
		redirect(request, other.url, "/far");
	else if (strcmp(request->path, "/far") == 0)
		redirect(request, server.url, "/back");
	else
		answer_text(request, "end");
}

static void the_token_stays_with_its_origin(void)
{
	struct ncm_credential credential = {.bearer = (char *)"canary"};
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	server_start(&server, answer_bounce);
	server_start(&other, answer_bounce);
	credential.origin = server.url;
	CHECK(get("/start", &credential, &reply, &err) == 0);
	CHECK_STR(reply.body, "end");
	ncm_reply_clear(&reply);
	CHECK_U64(server.count, 3);
	CHECK_STR(server_header(&server.requests[0], "Authorization"), "Bearer canary");
	CHECK_STR(server_header(&server.requests[1], "Authorization"), "Bearer canary");
	CHECK_STR(server.requests[2].path, "/back");
	CHECK(!strstr(server.requests[2].head, "canary"));
	CHECK_U64(other.count, 1);
	CHECK(!strstr(other.requests[0].head, "canary"));
	CHECK(!server_header(&other.requests[0], "Referer"));

	/* It begins elsewhere: the token is not sent even where it belongs. */
	credential.origin = other.url;
	CHECK(get("/same", &credential, &reply, &err) == 0);
	ncm_reply_clear(&reply);
	for (unsigned i = 0; i < other.count; i++)
		CHECK(!strstr(other.requests[i].head, "canary"));
	CHECK(!strstr(server.requests[3].head, "canary"));
	server_stop(&server);
	server_stop(&other);
}

static void a_credential_says_how_it_is_shown(void)
{
	static const struct {
		ncm_credential_apply *apply;
		const char *header;
	} cases[] = {{NULL, "Bearer canary"},
		     {ncm_apply_bearer, "Bearer canary"},
		     {ncm_apply_basic, "Basic canary"},
		     {ncm_apply_whole, "canary"}};

	server_start(&server, answer_hops);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ncm_credential credential = {
		    .bearer = (char *)"canary", .apply = cases[i].apply, .origin = server.url};
		struct ncm_reply reply;

		CHECK(get("/end", &credential, &reply, NULL) == 0);
		ncm_reply_clear(&reply);
		CHECK_STR(server_header(&server.requests[i], "Authorization"), cases[i].header);
	}
	server_stop(&server);
}

static int post(const char *path, struct ncm_reply *reply, struct ncm_error *err)
{
	NCM_AUTO_FREE char *url = ncm_asprintf("%s%s", server.url, path);
	struct ncm_http *http = make_http();
	int result =
	    ncm_http_get(http, &(const struct ncm_request){.url = url, .what = "form", .form = "a=canary"}, reply, err);

	ncm_http_free(http);
	return result;
}

static void a_form_is_posted_and_goes_nowhere_else(void)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_reply reply;

	server_start(&server, answer_bounce);
	server_start(&other, answer_bounce);
	CHECK(post("/end", &reply, &err) == 0);
	ncm_reply_clear(&reply);
	CHECK_STR(server.requests[0].method, "POST");
	CHECK_STR(server_header(&server.requests[0], "Content-Type"), "application/x-www-form-urlencoded");
	CHECK_STR(server_header(&server.requests[0], "Content-Length"), "8");
	CHECK(post("/start", &reply, &err) < 0);
	CHECK(err.code == NCM_E_POLICY && !strstr(err.message, "canary"));
	ncm_error_clear(&err);
	CHECK_U64(server.count, 2);
	CHECK_U64(other.count, 0);
	server_stop(&server);
	server_stop(&other);
}

static void challenges_are_read_from_all_headers(void)
{
	const struct ncm_reply none = {.headers = (char *)"Server: x\n"};
	const struct ncm_reply two = {
	    .headers = (char *)"WWW-Authenticate: Negotiate\nX: y\nwww-authenticate: Basic realm=\"r\"\n"};
	NCM_AUTO_FREE char *all = ncm_reply_challenge(&two);

	CHECK(!ncm_reply_challenge(&none));
	CHECK_STR(all, "Negotiate, Basic realm=\"r\"");
}

/* A signature as services want them: over the request, and never the same twice. */
static char *signature(const char *secret, const char *method, const char *url, const char *range, const char *body,
		       const char *time)
{
	NCM_AUTO_FREE char *text =
	    ncm_asprintf("%s|%s|%s|%s|%s|%s", secret, method, url, range ? range : "-", body ? body : "-", time);
	struct ncm_sha256 digest;
	char hex[NCM_SHA256_HEX + 1];

	ncm_sha256_of(text, strlen(text), &digest);
	return ncm_strdup(ncm_sha256_hex(&digest, hex));
}

static int sign(void *context, const char *secret, const struct ncm_outgoing *request, struct ncm_strings *headers,
		struct ncm_error *err)
{
	unsigned *times = context;
	NCM_AUTO_FREE char *time = ncm_asprintf("%u", ++*times);
	NCM_AUTO_FREE char *signature_of =
	    signature(secret, request->method, request->url, request->range, request->body, time);

	(void)err;
	ncm_strings_take(headers, ncm_asprintf("X-Time: %s", time));
	ncm_strings_take(headers, ncm_asprintf("X-Signature: %s", signature_of));
	return 0;
}

/* What came says who sent it: the signature is made again, of what arrived. */
static void check_signed(const struct server_request *request, const char *body)
{
	NCM_AUTO_FREE char *when = ncm_strdup_null(server_header(request, "X-Time"));
	NCM_AUTO_FREE char *part = ncm_strdup_null(server_header(request, "Range"));
	NCM_AUTO_FREE char *url = ncm_asprintf("%s%s", server.url, request->path);
	NCM_AUTO_FREE char *expected = signature("canary", request->method, url, part, body, when);

	CHECK(when);
	CHECK_STR(server_header(request, "X-Signature"), expected);
	CHECK(!strstr(request->head, "canary") && !server_header(request, "Authorization"));
}

static void a_signature_is_of_its_request(void)
{
	unsigned times = 0;
	struct ncm_credential credential = {.bearer = (char *)"canary", .apply = sign, .context = &times};
	struct ncm_reply reply;

	server_start(&server, answer_bounce);
	server_start(&other, answer_bounce);
	credential.origin = server.url;
	CHECK(get("/start", &credential, &reply, NULL) == 0);
	ncm_reply_clear(&reply);
	CHECK_U64(server.count, 3);
	check_signed(&server.requests[0], NULL);
	check_signed(&server.requests[1], NULL); /* the redirect within is another request */
	CHECK_U64(other.count, 1);
	CHECK(!strstr(other.requests[0].head, "X-Signature") && !strstr(other.requests[0].head, "X-Time"));
	CHECK_STR(server.requests[2].path, "/back"); /* and what has strayed stays unsigned */
	CHECK(!strstr(server.requests[2].head, "X-Signature"));
	CHECK_U64(times, 2);
	server_stop(&server);
	server_stop(&other);
}

static void answer_at_the_third(struct server_request *request)
{
	if (request->number < 2)
		answer_status(request, "503 Service Unavailable");
	else
		answer_text(request, "end");
}

static void every_try_is_signed_anew(void)
{
	unsigned times = 0;
	struct ncm_credential credential = {.bearer = (char *)"canary", .apply = sign, .context = &times};
	struct ncm_reply reply;

	server_start(&server, answer_at_the_third);
	credential.origin = server.url;
	CHECK(get("/x?a=1", &credential, &reply, NULL) == 0);
	ncm_reply_clear(&reply);
	CHECK_U64(server.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		check_signed(&server.requests[i], NULL);
		CHECK_U64(strtoul(server_header(&server.requests[i], "X-Time"), NULL, 10), i + 1);
	}
	server_stop(&server);
}

static void answer_no_head(struct server_request *request)
{
	if (strcmp(request->method, "HEAD") == 0)
		answer_status(request, "403 Forbidden");
	else
		answer_text(request, "x");
}

static void method_range_and_body_are_signed(void)
{
	unsigned times = 0;
	struct ncm_credential credential = {
	    .bearer = (char *)"canary", .apply = sign, .context = &times, .origin = NULL};
	struct ncm_http *http = make_http();
	NCM_AUTO_FREE char *url = NULL;
	struct ncm_reply reply;

	server_start(&server, answer_no_head);
	url = ncm_asprintf("%s/f", server.url);
	credential.origin = server.url;
	CHECK(ncm_http_get(http,
			   &(const struct ncm_request){
			       .url = url, .method = "HEAD", .head_or_first_byte = true, .credential = &credential},
			   &reply, NULL) == 0);
	ncm_reply_clear(&reply);
	CHECK(ncm_http_get(http, &(const struct ncm_request){.url = url, .form = "a=b", .credential = &credential},
			   &reply, NULL) == 0);
	ncm_reply_clear(&reply);
	CHECK_U64(server.count, 3);
	check_signed(&server.requests[0], NULL);
	CHECK_STR(server_header(&server.requests[1], "Range"), "bytes=0-0");
	check_signed(&server.requests[1], NULL);
	CHECK_STR(server.requests[2].method, "POST");
	check_signed(&server.requests[2], "a=b");
	ncm_http_free(http);
	server_stop(&server);
}

static int sign_badly(void *context, const char *secret, const struct ncm_outgoing *request,
		      struct ncm_strings *headers, struct ncm_error *err)
{
	(void)secret;
	(void)request;
	if (!context)
		return ncm_error_set(err, NCM_E_AUTH, "there is no key");
	ncm_strings_take(headers, ncm_strdup("X-Signature: 1"));
	ncm_strings_take(headers, ncm_strdup(context));
	return 0;
}

static void without_a_right_signature_nothing_is_sent(void)
{
	static const char *const lines[] = {"X: 1\r\nX-Evil: 1", "X: 1\n", "X: \x7f", "X: \xc3\xa4", NULL};

	server_start(&server, answer_bounce);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct ncm_credential credential = {.bearer = (char *)"canary",
						    .apply = sign_badly,
						    .context = (void *)(uintptr_t)lines[i],
						    .origin = server.url};
		struct ncm_reply reply;
		struct ncm_error err = NCM_ERROR_INIT;

		CHECK(get("/back", &credential, &reply, &err) == -1);
		CHECK(err.code == NCM_E_AUTH && !strstr(err.message, "canary"));
		ncm_error_clear(&err);
	}
	CHECK_U64(server.count, 0);
	server_stop(&server);
}

static void a_token_cannot_smuggle_headers(void)
{
	struct ncm_credential credential = {.bearer = (char *)"canary\r\nX-Evil: 1"};
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	server_start(&server, answer_bounce);
	credential.origin = server.url;
	CHECK(get("/back", &credential, &reply, &err) == -1);
	CHECK(err.code == NCM_E_AUTH);
	CHECK(!strstr(err.message, "canary"));
	CHECK_U64(server.count, 0);
	ncm_error_clear(&err);
	server_stop(&server);
}

static void requests_are_plain(void)
{
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	server_start(&server, answer_bounce);
	CHECK(get("/back", NULL, &reply, &err) == 0);
	ncm_reply_clear(&reply);
	CHECK_STR(server_header(&server.requests[0], "Accept-Encoding"), "identity");
	CHECK_STR(server_header(&server.requests[0], "User-Agent"), "ncmodel/" NCM_VERSION);
	CHECK(!server_header(&server.requests[0], "Cookie"));
	server_stop(&server);
}

static void answer_trouble(struct server_request *request)
{
	static const char *const troubles[] = {"429 Too Many Requests\r\nRetry-After: 0", "500 Oops", "408 Slow"};

	if (request->number < 3)
		answer_status(request, troubles[request->number]);
	else
		answer_text(request, "at last");
}

static void answer_always_503(struct server_request *request)
{
	answer_status(request, "503 Service Unavailable");
}

static void answer_429_then_text(struct server_request *request)
{
	if (request->number == 0)
		answer_status(request, "429 Too Many Requests\r\nRetry-After: 1");
	else
		answer_text(request, "now");
}

static void passing_trouble_is_retried(void)
{
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;
	double start;

	server_start(&server, answer_trouble);
	CHECK(get("/", NULL, &reply, &err) == 0);
	CHECK_STR(reply.body, "at last");
	CHECK_U64(server.count, 4);
	ncm_reply_clear(&reply);
	server_stop(&server);

	server_start(&server, answer_always_503);
	CHECK(get("/", NULL, &reply, &err) == -1);
	CHECK(err.code == NCM_E_NETWORK);
	CHECK_U64(server.count, 4);
	ncm_error_clear(&err);
	server_stop(&server);

	/* Never sooner than asked. */
	server_start(&server, answer_429_then_text);
	start = ncm_monotonic();
	CHECK(get("/", NULL, &reply, &err) == 0);
	CHECK(ncm_monotonic() - start >= 1);
	ncm_reply_clear(&reply);
	server_stop(&server);
}

static void answer_by_path(struct server_request *request)
{
	char status[64];

	snprintf(status, sizeof status, "%.40s Status", request->path + 1);
	answer_status(request, status);
}

static void check_status(const char *path, enum ncm_errc code, const char *part)
{
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(get(path, NULL, &reply, &err) == -1);
	CHECK(err.code == code);
	CHECK(strstr(err.message, part));
	CHECK(strncmp(err.message, "thing: ", 7) == 0);
	ncm_error_clear(&err);
}

static void statuses_have_classes(void)
{
	server_start(&server, answer_by_path);
	check_status("/404", NCM_E_NOT_FOUND, "thing: the server says 404 Not Found");
	check_status("/410", NCM_E_NOT_FOUND, "410");
	check_status("/401", NCM_E_AUTH, "401");
	check_status("/403", NCM_E_AUTH, "403");
	check_status("/204", NCM_E_PROTOCOL, "204");
	check_status("/304", NCM_E_PROTOCOL, "304");
	check_status("/203", NCM_E_PROTOCOL, "203");
	check_status("/416", NCM_E_PROTOCOL, "416");
	check_status("/412", NCM_E_REFUSED, "412 Precondition Failed: \"oops\"");
	check_status("/501", NCM_E_REFUSED, "501");
	check_status("/418", NCM_E_REFUSED, "418");
	CHECK_U64(server.count, 11);
	check_status("/429", NCM_E_RATE_LIMIT, "429");
	CHECK_U64(server.count, 15);
	server_stop(&server);
}

static int judge_gated(const struct ncm_reply *reply, const char *what, bool sent, struct ncm_error *err)
{
	if (reply->status == 403)
		return ncm_error_set(err, NCM_E_AUTH, "%s is gated (%s, %d)", what, reply->body, sent);
	if (reply->status == 503)
		return ncm_error_set(err, NCM_E_NETWORK, "%s: maintenance", what);
	if (reply->status == 302)
		return ncm_error_set(err, NCM_E_NOT_FOUND, "%s has moved to %s", what, reply->location);
	return 0;
}

static void answer_gated(struct server_request *request)
{
	if (strcmp(request->path, "/moved") == 0)
		redirect(request, "", "/x");
	else
		answer_by_path(request);
}

static void check_words(const char *body, const char *expected)
{
	struct ncm_reply reply = {.status = 403, .body = (char *)body, .body_size = strlen(body)};
	NCM_AUTO_FREE char *words = ncm_reply_words(&reply);

	CHECK((words == NULL) == (expected == NULL));
	if (expected)
		CHECK_STR(words, expected);
}

static void an_answers_words_are_one_short_line(void)
{
	char longest[3000];

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	check_words("", NULL);
	check_words(" \r\n\t", NULL);
	check_words("  needs a newer version\r\n\r\nsee there", "needs a newer version");
	check_words("{\"error\":[\"first\\nsecond\"]}", "first");
	check_words("{\"errors\":[{\"message\":\"denied\"}]}", "denied");
	check_words("{\"detail\":1}", NULL);
	check_words("{broken", NULL);
	check_words("<html><head><TITLE>Access denied</TITLE></head>", "Access denied");
	check_words("<html><body>no title</body>", NULL);
	check_words("<Error><Code>X</Code><Message>Request has expired</Message><StringToSign>s</StringToSign></Error>",
		    "Request has expired");
	check_words("<Message>cut", "cut");
	check_words("gone: https://h/x?sig=secret and why?", "gone: https://h/x?… and why?");
	check_words(longest, strndupa(longest, 200));
}

static void the_service_judges_first(void)
{
	static const struct ncm_service service = {.name = "Service", .judge = judge_gated};
	struct ncm_http *http = make_http();
	struct ncm_request request = {.service = &service, .what = "model x"};
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *gated = NULL, *moved = NULL, *missing = NULL, *down = NULL;

	server_start(&server, answer_gated);
	request.url = gated = ncm_asprintf("%s/403", server.url);
	CHECK(ncm_http_get(http, &request, &reply, &err) == -1);
	CHECK_STR(err.message, "model x is gated (oops, 0)");
	request.url = moved = ncm_asprintf("%s/moved", server.url);
	CHECK(ncm_http_get(http, &request, &reply, &err) == -1);
	CHECK(err.code == NCM_E_NOT_FOUND && strstr(err.message, "has moved to http://127.0.0.1"));
	request.url = missing = ncm_asprintf("%s/404", server.url);
	CHECK(ncm_http_get(http, &request, &reply, &err) == -1);
	CHECK_STR(err.message, "model x: Service says 404 Not Found");
	CHECK_U64(server.count, 3);
	/* Trouble that passes is retried, whoever words it. */
	request.url = down = ncm_asprintf("%s/503", server.url);
	CHECK(ncm_http_get(http, &request, &reply, &err) == -1);
	CHECK_STR(err.message, "model x: maintenance");
	CHECK_U64(server.count, 7);
	request.url = gated;
	request.any_status = true;
	CHECK(ncm_http_get(http, &request, &reply, &err) == 0);
	CHECK_U64(reply.status, 403);
	ncm_reply_clear(&reply);
	ncm_error_clear(&err);
	ncm_http_free(http);
	server_stop(&server);
}

static void a_foreign_redirect_can_be_the_answer(void)
{
	struct ncm_http *http = make_http();
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *url = NULL, *far = NULL;
	struct ncm_request request = {.method = "HEAD", .what = "x", .stop_at_foreign_redirect = true};

	server_start(&server, answer_bounce);
	server_start(&other, answer_bounce);
	request.url = url = ncm_asprintf("%s/start", server.url);
	far = ncm_asprintf("%s/far", other.url);
	CHECK(ncm_http_get(http, &request, &reply, &err) == 0);
	CHECK_U64(reply.status, 302);
	CHECK_STR(reply.location, far);
	CHECK_U64(server.count, 2);
	CHECK_U64(other.count, 0);
	CHECK_STR(server.requests[0].method, "HEAD");
	ncm_reply_clear(&reply);
	ncm_http_free(http);
	server_stop(&server);
	server_stop(&other);
}

static atomic_int renewals;

static int renew(struct ncm_credential *self, struct ncm_http *http, const char *challenge, struct ncm_error *err)
{
	CHECK(http != NULL);
	CHECK_STR(challenge, "Bearer realm=\"r\"");
	(void)err;
	atomic_fetch_add(&renewals, 1);
	free(self->bearer);
	self->bearer = ncm_strdup("fresh");
	return 0;
}

static void answer_wants_fresh(struct server_request *request)
{
	const char *token = server_header(request, "Authorization");

	if (token && strcmp(token, "Bearer fresh") == 0 && strcmp(request->path, "/never") != 0)
		answer_text(request, "welcome");
	else
		server_print(request,
			     "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=\"r\"\r\nContent-Length: 0\r\n\r\n");
}

static void get_with_shared_token(void *context, size_t index)
{
	struct ncm_credential *credential = context;
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	(void)index;
	CHECK(get("/", credential, &reply, &err) == 0);
	CHECK_STR(reply.body, "welcome");
	ncm_reply_clear(&reply);
}

static void a_token_is_renewed_once(void)
{
	struct ncm_credential credential = {.origin = server.url, .renew = renew};
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	server_start(&server, answer_wants_fresh);
	get_with_shared_token(&credential, 0);
	CHECK_U64(renewals, 1);
	CHECK_U64(server.count, 2);
	CHECK(get("/never", &credential, &reply, &err) == -1);
	CHECK(err.code == NCM_E_AUTH);
	CHECK_U64(renewals, 2);
	CHECK_U64(server.count, 4);
	ncm_error_clear(&err);
	free(credential.bearer);
	server_stop(&server);
}

struct shared {
	struct ncm_http *http;
	struct ncm_credential credential;
};

static void get_shared(void *context, size_t index)
{
	struct shared *shared = context;
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/%zu", server.url, index);
	const struct ncm_request request = {.url = url, .credential = &shared->credential, .what = "x"};
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	CHECK(ncm_http_get(shared->http, &request, &reply, &err) == 0);
	CHECK_STR(reply.body, "welcome");
	ncm_reply_clear(&reply);
}

static void many_threads_share_it(void)
{
	struct shared shared = {.http = make_http(), .credential = {.origin = server.url, .renew = renew}};

	server_start(&server, answer_wants_fresh);
	renewals = 0;
	ncm_parallel(8, 64, get_shared, &shared);
	CHECK_U64(renewals, 1); /* the others found it renewed */
	free(shared.credential.bearer);
	ncm_http_free(shared.http);
	server_stop(&server);
}

static void answer_badly(struct server_request *request)
{
	char filler[1024];

	memset(filler, 'x', sizeof filler);
	if (strcmp(request->path, "/gzip-coding") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
	} else if (strcmp(request->path, "/gzip-content") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx");
	} else if (strcmp(request->path, "/two-lengths") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 2\r\n\r\nabcd");
	} else if (strcmp(request->path, "/huge-length") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000000000000000\r\n\r\nabcd");
	} else if (strcmp(request->path, "/negative-length") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabcd");
	} else if (strcmp(request->path, "/ancient") == 0) {
		server_print(request, "hello\r\n");
	} else if (strcmp(request->path, "/interim") == 0) {
		for (int i = 0; i < 3000; i++)
			server_print(request, "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n");
	} else if (strcmp(request->path, "/headers") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\n");
		for (int i = 0; i < 80; i++)
			server_print(request, "X-%d: %.*s\r\n", i, (int)sizeof filler, filler);
		server_print(request, "\r\n");
	} else if (strcmp(request->path, "/folded") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n");
	} else if (strcmp(request->path, "/large") == 0) {
		server_print(request, "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n");
		server_send(request, filler, 1000);
		server_send(request, filler, 1000);
	}
}

static void hostile_answers_are_refused(void)
{
	static const char *const paths[] = {"/gzip-coding",     "/gzip-content", "/two-lengths", "/huge-length",
					    "/negative-length", "/ancient",      "/interim",     "/headers",
					    "/folded",          "/large"};
	struct ncm_http *http = make_http();
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	server_start(&server, answer_badly);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		NCM_AUTO_FREE char *url = ncm_asprintf("%s%s", server.url, paths[i]);
		const struct ncm_request request = {.url = url, .what = "x", .limit = 1999};

		if (ncm_http_get(http, &request, &reply, &err) != -1 || err.code != NCM_E_PROTOCOL)
			fprintf(stderr, "%s: %d %s\n", paths[i], err.code, err.message ? err.message : "");
		CHECK(err.code == NCM_E_PROTOCOL);
		ncm_error_clear(&err);
	}
	CHECK_U64(server.count, sizeof paths / sizeof *paths);
	ncm_http_free(http);
	server_stop(&server);
}

static void answer_silence(struct server_request *request)
{
	char byte;

	CHECK(recv(request->fd, &byte, 1, 0) <= 0);
}

static void silence_ends(void)
{
	struct ncm_http *http = make_http();
	const struct ncm_request request = {.url = server.url, .what = "x"};
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	http->retries = 1;
	server_start(&server, answer_silence);
	CHECK(ncm_http_get(http, &request, &reply, &err) == -1);
	CHECK(err.code == NCM_E_NETWORK);
	ncm_error_clear(&err);
	ncm_http_free(http);
	server_stop(&server);
}

static void nobody_there_is_said(void)
{
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;

	server_start(&server, answer_silence);
	server_stop(&server);
	CHECK(get("/", NULL, &reply, &err) == -1);
	CHECK(err.code == NCM_E_NETWORK);
	CHECK(strstr(err.message, "no connection"));
	CHECK(err.hint);
	ncm_error_clear(&err);
}

static void interrupt_soon(int signal)
{
	(void)signal;
	ncm_interrupt();
}

/* Last of all: an interrupt is for good. */
static void an_interrupt_ends_a_request(void)
{
	struct ncm_http *http = make_http();
	const struct ncm_request request = {.url = server.url, .what = "x"};
	struct ncm_reply reply;
	struct ncm_error err = NCM_ERROR_INIT;
	sigset_t alarm_alone;

	sigemptyset(&alarm_alone);
	sigaddset(&alarm_alone, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_alone, NULL);
	http->stall_seconds = 60;
	server_start(&server, answer_silence);
	pthread_sigmask(SIG_UNBLOCK, &alarm_alone, NULL);
	signal(SIGALRM, interrupt_soon);
	alarm(1);
	CHECK(ncm_http_get(http, &request, &reply, &err) == -1);
	CHECK(err.code == NCM_E_INTERRUPTED);
	ncm_error_clear(&err);
	ncm_http_free(http);
	server_stop(&server);
	CHECK_U64(server.count, 1);
}

int main(void)
{
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	CHECK(ncm_http_global_init(NULL) == 0);
	RUN(redirects_are_followed_and_bounded);
	RUN(the_token_stays_with_its_origin);
	RUN(a_credential_says_how_it_is_shown);
	RUN(a_signature_is_of_its_request);
	RUN(every_try_is_signed_anew);
	RUN(method_range_and_body_are_signed);
	RUN(without_a_right_signature_nothing_is_sent);
	RUN(a_form_is_posted_and_goes_nowhere_else);
	RUN(challenges_are_read_from_all_headers);
	RUN(a_token_cannot_smuggle_headers);
	RUN(requests_are_plain);
	RUN(passing_trouble_is_retried);
	RUN(statuses_have_classes);
	RUN(an_answers_words_are_one_short_line);
	RUN(the_service_judges_first);
	RUN(a_foreign_redirect_can_be_the_answer);
	RUN(a_token_is_renewed_once);
	RUN(many_threads_share_it);
	RUN(hostile_answers_are_refused);
	RUN(silence_ends);
	RUN(nobody_there_is_said);
	RUN(an_interrupt_ends_a_request);
	ncm_http_global_cleanup();
	return 0;
}

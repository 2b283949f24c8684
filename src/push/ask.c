/* SPDX-License-Identifier: MIT */
/* Requests to the registry, and what its answers mean. */
#include "push/work.h"

#include "base/mem.h"

#include <string.h>

/* A registry may take a while to make a large blob durable before it answers. */
enum { SILENT_SECONDS = 300 };

static const struct ncm_service service = {.name = "the registry", .is_registry = true};

static int ask(const struct push *push, struct ncm_request *request, struct ncm_reply *reply, struct ncm_error *err)
{
	request->credential = push->credential;
	request->service = &service;
	request->what = push->what;
	request->any_status = true;
	return push->sources->get(push->http, request, reply, err);
}

int push_ask(const struct push *push, const char *url, const char *method, struct ncm_reply *reply,
	     struct ncm_error *err)
{
	struct ncm_request request = {.url = url,
				      .method = method,
				      .accept = strstr(url, "/manifests/") ? OCI_ACCEPT : NULL,
				      .stop_at_foreign_redirect = true};

	return ask(push, &request, reply, err);
}

int push_send(const struct push *push, const char *url, const struct ncm_upload *upload, bool once,
	      struct ncm_reply *reply, struct ncm_error *err)
{
	struct ncm_request request = {.url = url, .upload = upload, .once = once, .silent_seconds = SILENT_SECONDS};

	return ask(push, &request, reply, err);
}

int push_refused(const struct push *push, const struct ncm_reply *reply, const char *what, struct ncm_error *err)
{
	NCM_AUTO_FREE char *words = ncm_reply_words(reply);
	const enum ncm_errc class = ncm_reply_class(reply->status);
	const char *host = strstr(push->origin, "://") + 3;

	ncm_error_set(err, class, "%s: the registry refuses %s (%ld)%s%.256s", push->what, what, reply->status,
		      words ? ": " : "", words ? words : "");
	if (class == NCM_E_AUTH)
		return ncm_error_hint(err,
				      "sign in with `docker login %s` or `podman login %s` as somebody who may write "
				      "there: their files are read",
				      host, host);
	if (reply->status == 413)
		return ncm_error_hint(err, "it takes no requests that large: send smaller ones, with --piece 50MiB");
	if (class == NCM_E_NOT_FOUND)
		return ncm_error_hint(err, "check the name; some registries want a repository to be made first");
	if (class == NCM_E_NETWORK || class == NCM_E_RATE_LIMIT)
		return ncm_error_hint(err, "run the same command again later: what has arrived is not sent again");
	return -1;
}

static const char *host_end(const char *origin)
{
	const char *host = strstr(origin, "://") + 3;

	return *host == '[' ? host + strcspn(host, "]") : host + strcspn(host, ":");
}

/* The same host, whatever scheme and port a registry behind a proxy takes for its own. */
static bool is_same_host(const char *one, const char *other)
{
	const char *a = strstr(one, "://") + 3, *b = strstr(other, "://") + 3;
	const size_t size = (size_t)(host_end(one) - a);

	return size == (size_t)(host_end(other) - b) && strncmp(a, b, size) == 0;
}

char *push_location(const struct push *push, const char *asked, const struct ncm_reply *reply, struct ncm_error *err)
{
	NCM_AUTO_FREE char *told = ncm_reply_header(reply, "Location");
	NCM_AUTO_FREE char *url = told ? ncm_url_resolve(asked, told) : NULL;

	return push_place(push, url, err);
}

char *push_place(const struct push *push, const char *url, struct ncm_error *err)
{
	NCM_AUTO_FREE char *origin = url ? ncm_url_origin(url) : NULL;

	if (!origin) {
		ncm_error_set(err, NCM_E_PROTOCOL, "%s: the registry does not say where to send to", push->what);
		return NULL;
	}
	if (is_same_host(origin, push->origin)) {
		const char *path = strstr(url, "://") + 3;

		return ncm_asprintf("%s%s", push->origin, path + strcspn(path, "/"));
	}
	if (ncm_url_check(url, false, NULL) < 0) {
		ncm_error_set(err, NCM_E_POLICY, "%s: refused to send it over plain http to %s", push->what, origin);
		return NULL;
	}
	return ncm_strdup(url);
}

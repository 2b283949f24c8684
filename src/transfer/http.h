/* SPDX-License-Identifier: MIT */
/*
 * HTTP as this program speaks it. libcurl is named in this room (src/transfer/) alone.
 *
 * Redirects are followed by our own loop: each hop is a new request whose headers are built anew, the credential goes
 * only to the origins that it belongs to, https never becomes http, and a public server cannot send us to a private
 * address.
 */
#ifndef NCM_TRANSFER_HTTP_H
#define NCM_TRANSFER_HTTP_H

#include <ncmodel/config.h>
#include <ncmodel/error.h>
#include <ncmodel/event.h>
#include <ncmodel/manifest.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Starts and ends libcurl; called by ncm_init and ncm_shutdown alone. */
int ncm_http_global_init(struct ncm_error *err);
void ncm_http_global_cleanup(void);

struct ncm_http; /* settings for all requests of a run; used from many threads at once */

struct ncm_http *ncm_http_new(const struct ncm_config *config, const struct ncm_sink *sink);
void ncm_http_free(struct ncm_http *http);

/* How it went with the first server that could not be reached, if none has answered anything in this run; else NULL.
 * The caller frees it. */
char *ncm_http_unreachable(struct ncm_http *http);

/* One answer, or one redirect on the way to it. Header names are looked up without regard to case. */
struct ncm_reply {
	long status;
	char *url;      /* that was asked, without its query */
	char *location; /* absolute URL of a redirect, else NULL; may hold a signature: never shown or stored */
	char *headers;  /* "Name: value\n" lines */
	char *body;     /* NUL-terminated, at most what the caller allowed */
	size_t body_size;
	bool has_total; /* of a ranged request: the whole file's size */
	uint64_t total;
};
/* The value of the first header of that name, or NULL. The caller frees it. */
char *ncm_reply_header(const struct ncm_reply *reply, const char *name);
/* All challenges of a 401, however many headers they stand in; NULL if there is none. The caller frees it. */
char *ncm_reply_challenge(const struct ncm_reply *reply);
/* What a status that is no success means, of a server that is written to. */
enum ncm_errc ncm_reply_class(long status);
/* The time that a header tells, in seconds since 1970; false if there is none. */
bool ncm_reply_time(const struct ncm_reply *reply, const char *name, int64_t *seconds);
/*
 * What an error answer says for people: its JSON member "message", "error" (a string, or an array of strings) or
 * "errors" (an array of objects with a message); NULL if there is none. The caller frees it.
 */
char *ncm_reply_complaint(const struct ncm_reply *reply);
/* The same, or the message of S3's XML, a page's title, a plain text: one short line. NULL: nothing. The caller frees
 * it. */
char *ncm_reply_words(const struct ncm_reply *reply);
void ncm_reply_clear(struct ncm_reply *reply);

/*
 * A service's view of its own answers (one static struct a source). Every redirect and every answer that is not
 * 200 or 206 is shown to `judge` first, which may set *err (class, message, hint) and return -1 to end the request
 * there, or return 0 for the general rule (redirects are followed, 401/403 is AUTH, 404/410 NOT_FOUND, 429 RATE_LIMIT,
 * 5xx NETWORK). A 401 that a credential can be renewed for is not shown. An error of a class that may pass (NETWORK,
 * RATE_LIMIT) for a 408, 425, 429 or 5xx does not end it: it is retried, and the judge's words stand if that does not
 * help. `what` says what was asked for, in words for people.
 */
struct ncm_service {
	const char *name; /* "Hugging Face" */
	int (*judge)(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err);
	bool is_registry; /* of a host that a model's name has: the user may choose plain http for it */
};

/* A request that is about to be sent, for who signs it. */
struct ncm_outgoing {
	const char *method; /* "GET", "HEAD", "POST"; of an upload its own */
	const char *url;    /* of this hop, with its query */
	const char *range;  /* what its Range header says; NULL: it has none */
	const char *body;   /* of a form or JSON; NULL: it has none, or an upload's, which nobody has whole */
	const struct ncm_upload *upload; /* or NULL */
};
/*
 * How a secret is shown to its server: adds the lines of the headers that do it ("Name: value") to *headers. It is
 * called for every request right before it is sent, be it another hop, another range or another try, so that what is
 * signed is the request itself and its time. From any thread; `context` is the credential's. Returns 0, or -1 with *err
 * (AUTH): then nothing is sent.
 */
typedef int ncm_credential_apply(void *context, const char *secret, const struct ncm_outgoing *request,
				 struct ncm_strings *headers, struct ncm_error *err);
ncm_credential_apply ncm_apply_bearer; /* "Authorization: Bearer SECRET" */
ncm_credential_apply ncm_apply_basic;  /* "Authorization: Basic SECRET": user and password, in base64 already */
ncm_credential_apply ncm_apply_whole;  /* "Authorization: SECRET" */

/*
 * A credential and where it belongs. `renew` (may be NULL) is called on a 401 with its WWW-Authenticate value, from any
 * thread; it returns 0 if `bearer` (and with it `apply`) was renewed and the request should be made again, or -1.
 * renew is called for one credential at a time, on a copy whose bearer it replaces: requests that are made meanwhile
 * read the old one. A credential is sent as long as the way of redirects has touched its origin alone.
 */
struct ncm_credential {
	char *bearer;                /* the token, or what `apply` signs with; NULL: none yet */
	ncm_credential_apply *apply; /* NULL: ncm_apply_bearer */
	char *origin;                /* "https://host[:port]" that may see it */
	bool in_clear;               /* over plain http, too: the user said so, or it is nobody's secret */
	int (*renew)(struct ncm_credential *self, struct ncm_http *http, const char *challenge, struct ncm_error *err);
	void *context; /* of renew and apply */
};
/* "https://host:port" of an URL, default ports left out, host in lower case. NULL if it is no http(s) URL. The caller
 * frees it. */
char *ncm_url_origin(const char *url);
/* Whether "host[:port]" in lower case is this machine, by a name or an address that can be nothing else: localhost,
 * 127.*, [::1]. */
bool ncm_host_is_loopback(const char *host);
/*
 * Checks an URL by the grammar that we accept: http or https, a host, no user name or password, no control or space
 * characters. `allow_http` as the user chose. Class USAGE.
 */
int ncm_url_check(const char *url, bool allow_http, struct ncm_error *err);
/* Percent-encodes everything but unreserved characters and, if keep_slash, '/'. The caller frees it. */
char *ncm_url_encode(const char *text, bool keep_slash);
/* Resolves a reference against an URL. NULL if it is none. The caller frees it. */
char *ncm_url_resolve(const char *base, const char *reference);
/* The URL as it may be shown and stored: user, query and fragment removed. The caller frees it. */
char *ncm_url_display(const char *url);

/*
 * What a request sends: nothing of it is in memory but what libcurl has in hand. `restart` is called before every
 * sending (a credential may have been renewed, or a connection was dead): the next read begins with the first byte.
 * From the request's thread. Without bytes both may be NULL.
 */
struct ncm_upload {
	const char *method;                /* "POST", "PUT", "PATCH" or "DELETE" */
	const char *type;                  /* Content-Type; or NULL */
	const char *range;                 /* Content-Range as that service spells it; or NULL */
	const struct ncm_strings *headers; /* more of them, "name:value" with the name in lower case; or NULL */
	const char *sha256;                /* of the body, in hex, for who signs it; NULL: nobody has it whole */
	uint64_t size;
	/* Up to `size` bytes, at least one; -1 with *err ends the request. */
	ssize_t (*read)(void *context, char *data, size_t size, struct ncm_error *err);
	int (*restart)(void *context, struct ncm_error *err);
	void *context;
};

struct ncm_request {
	const char *url;
	const char *method; /* NULL: GET; or "HEAD" */
	const char *form;   /* NULL; else posted as a form; no redirect is followed then */
	/* NULL; else posted as application/json, once: not retried, and followed nowhere. `form` is NULL then. */
	const char *json;
	/* NULL; else sent with its method, and followed nowhere. Retried as any other request, unless `once`. */
	const struct ncm_upload *upload;
	const char *accept;                /* NULL: any */
	struct ncm_credential *credential; /* or NULL */
	const struct ncm_service *service; /* or NULL */
	const char *what;                  /* for messages: "model bartowski/Llama-3.2-3B-Instruct-GGUF" */
	size_t limit;                      /* of the body; 0: NCM_LIMIT_API_BYTES */
	bool stop_at_foreign_redirect; /* the first redirect to another origin is the answer (its metadata is what is
					  wanted) */
	/*
	 * Of a HEAD: answered 400, 401, 403, 404, 405 or 501 it is no answer (a link may be signed for GET alone), and
	 * the first byte is asked for by GET. Then the reply may have a Content-Range; a body is not read.
	 */
	bool head_or_first_byte;
	/*
	 * Of a GET: the bytes `from` to before `to` alone are asked for, and the body is them, as far as the file has
	 * them. From a server without ranges the first bytes can be had (the rest is not read), others are POLICY.
	 */
	bool ranged;
	uint64_t from, to;
	bool any_status;       /* hand over whatever the status is, judge not asked */
	bool once;             /* one try */
	unsigned most_seconds; /* for all of it; 0: as long as something comes */
	unsigned
	    silent_seconds; /* without a byte; 0: as the configuration has it. With most_seconds that alone counts */
	/*
	 * Is handed a success's body line by line while it comes, each with a NUL in the place of its line break; then
	 * the reply has none. One longer than `limit` is PROTOCOL. -1 with *err ends the request.
	 */
	int (*on_line)(void *context, const char *line, struct ncm_error *err);
	void *context;
};

/*
 * Makes one small request, retrying what is worth it (connect errors, 408, 429, 5xx, with back-off, jitter and
 * Retry-After). Blocks; used from many threads. On success *reply holds the final answer (free with ncm_reply_clear).
 */
int ncm_http_get(struct ncm_http *http, const struct ncm_request *request, struct ncm_reply *reply,
		 struct ncm_error *err);

#endif

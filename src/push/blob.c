/* SPDX-License-Identifier: MIT */
/*
 * One blob: asked for, mounted, or sent; at once, or in pieces, and on from where the registry stands when a connection
 * is lost. Source: opencontainers/distribution-spec "Pushing blobs".
 */
#include "push/work.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

static const uint64_t USUAL_PIECE = 100 << 20;
static const double LONGEST_WAIT = 30; /* seconds */

struct sending {
	const struct push *push;
	struct push_body *body;
	char digest[7 + NCM_SHA256_HEX + 1];
	char *url; /* of the upload under way; may hold what only we may know; NULL: none */
	uint64_t piece;
	uint64_t offset; /* that the registry has */
};

static void clear_sending(struct sending *sending)
{
	free(sending->url);
}
#define AUTO_SENDING __attribute__((cleanup(clear_sending)))

/* Registries that take no pieces, or answer wrongly to them (KitOps' list). */
static bool takes_no_pieces(const char *host)
{
	static const char *const ends[] = {"ghcr.io", ".pkg.dev", "gcr.io", ".amazonaws.com"};
	const size_t size = strcspn(host, ":");

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		const size_t end = strlen(ends[i]);

		if (size >= end && strncmp(host + size - end, ends[i], end) == 0)
			return true;
	}
	return false;
}

static uint64_t piece_of(const struct push *push)
{
	if (push->options->piece > 0)
		return push->options->piece;
	return takes_no_pieces(push->name.registry) ? UINT64_MAX : USUAL_PIECE;
}

/* Returns 1 if the repository has it, 0, or -1. */
static int is_there(const struct sending *sending, struct ncm_error *err)
{
	const struct push *push = sending->push;
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/blobs/%s", push->repository, sending->digest);
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (push_ask(push, url, "HEAD", &reply, err) < 0)
		return -1;
	if (reply.status == 404)
		return 0;
	if (reply.status == 200 || (reply.status >= 300 && reply.status < 400))
		return 1;
	return push_refused(push, &reply, "to tell what it has", err);
}

static void take_least_piece(struct sending *sending, const struct ncm_reply *reply)
{
	uint64_t least;

	if (ncm_source_header_u64(reply, "OCI-Chunk-Min-Length", &least) && least > sending->piece)
		sending->piece = least;
}

static bool is_in_pieces(const struct sending *sending)
{
	return sending->body->size > sending->piece || sending->offset > 0;
}

/* Of what is sent at once, nothing could be gone on with. */
static void remember(const struct sending *sending)
{
	if (sending->url && is_in_pieces(sending))
		push_remember(sending->push, sending->digest, sending->url);
}

/* Starts an upload, or has the registry take the blob from another repository: then it returns 1. */
static int begin(struct sending *sending, const char *from, struct ncm_error *err)
{
	const struct push *push = sending->push;
	const struct ncm_upload nothing = {.method = "POST"};
	NCM_AUTO_FREE char *encoded = from ? ncm_url_encode(from, true) : NULL;
	NCM_AUTO_FREE char *query = from ? ncm_asprintf("?mount=%s&from=%s", sending->digest, encoded) : NULL;
	NCM_AUTO_FREE char *url = ncm_asprintf("%s/blobs/uploads/%s", push->repository, query ? query : "");
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (push_send(push, url, &nothing, false, &reply, err) < 0)
		return -1;
	if (from && reply.status == 201)
		return 1;
	if (from && reply.status != 202)
		return begin(sending, NULL, err);
	if (reply.status != 202)
		return push_refused(push, &reply, "an upload", err);
	sending->offset = 0;
	take_least_piece(sending, &reply);
	free(sending->url);
	sending->url = push_location(push, url, &reply, err);
	if (!from)
		remember(sending);
	return sending->url ? 0 : -1;
}

/* "0-1048575"; some say "bytes=0-1048575". A registry that has nothing says "0-0". */
static bool read_range(const struct ncm_reply *reply, uint64_t *offset)
{
	NCM_AUTO_FREE char *range = ncm_reply_header(reply, "Range");
	const char *dash = range ? strchr(range, '-') : NULL;
	uint64_t last;

	if (!dash || !ncm_source_number(dash + 1, strlen(dash + 1), UINT64_MAX >> 1, &last)) {
		*offset = 0;
		return dash && strcmp(dash, "-0") == 0;
	}
	*offset = last + 1;
	return true;
}

/* Takes the address at which the upload goes on, if the answer has one. */
static void go_on(struct sending *sending, const struct ncm_reply *reply)
{
	char *next = push_location(sending->push, sending->url, reply, NULL);

	if (!next)
		return;
	free(sending->url);
	sending->url = next;
}

static int send_piece(struct sending *sending, struct ncm_reply *reply, struct ncm_error *err)
{
	struct push_body *body = sending->body;
	const uint64_t left = body->size - sending->offset, size = left < sending->piece ? left : sending->piece;
	NCM_AUTO_FREE char *range = ncm_asprintf("%llu-%llu", (unsigned long long)sending->offset,
						 (unsigned long long)(sending->offset + size - 1));
	const struct ncm_upload upload = {.method = "PATCH",
					  .type = "application/octet-stream",
					  .range = range,
					  .size = size,
					  .read = push_body_read,
					  .restart = push_body_restart,
					  .context = body};
	uint64_t told;

	body->from = sending->offset;
	if (push_send(sending->push, sending->url, &upload, true, reply, err) < 0)
		return -1;
	if (reply->status != 202 && reply->status != 201 && reply->status != 204)
		return push_refused(sending->push, reply, body->what, err);
	go_on(sending, reply);
	sending->offset += size;
	if (read_range(reply, &told) && told < sending->offset && told > body->from)
		sending->offset = told;
	remember(sending);
	return 0;
}

/* The last request; it carries the whole blob, or nothing behind its pieces. */
static int finish(struct sending *sending, struct ncm_reply *reply, struct ncm_error *err)
{
	struct push_body *body = sending->body;
	NCM_AUTO_FREE char *url =
	    ncm_asprintf("%s%cdigest=%s", sending->url, strchr(sending->url, '?') ? '&' : '?', sending->digest);
	const struct ncm_upload upload = {.method = "PUT",
					  .type = "application/octet-stream",
					  .size = body->size - sending->offset,
					  .read = push_body_read,
					  .restart = push_body_restart,
					  .context = body};

	body->from = sending->offset;
	if (push_send(sending->push, url, &upload, true, reply, err) < 0)
		return -1;
	if (reply->status == 201 || reply->status == 204)
		return 0;
	return push_refused(sending->push, reply, body->what, err);
}

static int send_rest(struct sending *sending, struct ncm_reply *reply, struct ncm_error *err)
{
	const bool in_pieces = is_in_pieces(sending);

	while (in_pieces && sending->offset < sending->body->size) {
		ncm_reply_clear(reply);
		if (send_piece(sending, reply, err) < 0)
			return -1;
	}
	ncm_reply_clear(reply);
	return finish(sending, reply, err);
}

/* Where the registry stands; where it does not know the upload any more, or takes no pieces, from the start. */
static void look_where(struct sending *sending)
{
	NCM_AUTO_REPLY struct ncm_reply reply = {0};
	uint64_t offset = 0;

	if (sending->piece != UINT64_MAX && push_ask(sending->push, sending->url, "GET", &reply, NULL) == 0 &&
	    (reply.status == 204 || reply.status == 416) && read_range(&reply, &offset) && offset > 0 &&
	    offset <= sending->body->size) {
		go_on(sending, &reply);
		sending->offset = offset;
		return;
	}
	push_forget(sending->push, sending->digest);
	free(sending->url);
	sending->url = NULL;
	sending->offset = 0;
}

/* Where a run that was killed stood, instead of an upload that has only begun. */
static void recall(struct sending *sending)
{
	char *kept = push_recall(sending->push, sending->digest), *fresh = sending->url;

	if (!kept)
		return;
	sending->url = kept;
	look_where(sending);
	ncm_emit_text(sending->push->sink, NCM_EVENT_DEBUG, "%s: the registry %s the upload of an earlier run",
		      sending->body->what, sending->url ? "goes on with" : "knows nothing of");
	if (sending->url)
		free(fresh);
	else
		sending->url = fresh;
}

/* Whether it may well go otherwise another time: what a registry says of an upload under way may be that it is lost. */
static bool is_worth_another(const struct ncm_reply *reply, const struct ncm_error *err)
{
	return ncm_errc_retryable(err->code) || reply->status == 404 || reply->status == 416 || reply->status == 400;
}

static int wait_before(const struct push *push, unsigned failures, struct ncm_error *err)
{
	const double seconds = 0.25 * (1 << (failures < 8 ? failures : 8));

	return ncm_wait(seconds < LONGEST_WAIT ? seconds : LONGEST_WAIT) < 0
		   ? ncm_error_set(err, NCM_E_INTERRUPTED, "%s: interrupted", push->what)
		   : 0;
}

static int try_once(struct sending *sending, struct ncm_reply *reply, struct ncm_error *err)
{
	if (!sending->url && begin(sending, NULL, err) < 0)
		return -1;
	return send_rest(sending, reply, err);
}

/* What was refused here is not to lie there until the registry clears up. Nobody misses it if that fails. */
static void give_up(struct sending *sending)
{
	const struct ncm_upload nothing = {.method = "DELETE"};
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	push_forget(sending->push, sending->digest);
	if (sending->url)
		(void)push_send(sending->push, sending->url, &nothing, true, &reply, NULL);
}

/* Tries as often as one request may, as long as the registry comes no further. */
static int send(struct sending *sending, struct ncm_error *err)
{
	const unsigned most = sending->push->config->retries ? sending->push->config->retries : 1;
	struct ncm_error last = NCM_ERROR_INIT;
	uint64_t reached = 0;

	for (unsigned failures = 0;;) {
		NCM_AUTO_REPLY struct ncm_reply reply = {0};

		if (try_once(sending, &reply, &last) == 0) {
			push_forget(sending->push, sending->digest);
			ncm_error_clear(&last);
			return 0;
		}
		if (sending->offset > reached)
			failures = 0;
		if (last.code == NCM_E_DAMAGED)
			give_up(sending);
		if (!is_worth_another(&reply, &last) || ++failures >= most)
			return ncm_error_move(err, &last);
		reached = sending->offset > reached ? sending->offset : reached;
		ncm_emit(sending->push->sink, &(const struct ncm_event){.type = NCM_EVENT_DEBUG, .text = last.message});
		if (wait_before(sending->push, failures, &last) < 0)
			return ncm_error_move(err, &last);
		if (sending->url)
			look_where(sending);
	}
}

int push_blob(const struct push *push, struct push_body *body, const char *path, const char *from,
	      enum ncm_push_state *state, struct ncm_error *err)
{
	AUTO_SENDING struct sending sending = {.push = push, .body = body, .piece = piece_of(push)};
	int done;

	memcpy(sending.digest, "sha256:", 7);
	ncm_sha256_hex(&body->sha256, sending.digest + 7);
	done = is_there(&sending, err);
	*state = done > 0 ? NCM_PUSH_THERE : NCM_PUSH_TO_SEND;
	if (done != 0 || push->options->dry_run)
		return done < 0 ? -1 : 0;
	done = from ? begin(&sending, from, err) : 0;
	*state = done > 0 ? NCM_PUSH_MOUNTED : NCM_PUSH_SENT;
	if (done != 0)
		return done < 0 ? -1 : 0;
	if (path && push_body_open(body, path, err) < 0)
		return -1;
	if (path)
		recall(&sending);
	return send(&sending, err);
}

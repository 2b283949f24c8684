/* SPDX-License-Identifier: MIT */
#include "inspect/remote.h"

#include "base/mem.h"
#include "format/contents.h"
#include "source/shared.h"

#include <errno.h>
#include <ncmodel/limits.h>
#include <string.h>

/* No window is larger than what may be fetched beyond a header. */
enum { FIRST_WINDOW = 256 << 10, LARGEST_WINDOW = 2 << 20, WINDOW_APART = 64 << 10 };

static int ask(struct remote *remote, uint64_t from, uint64_t to, struct ncm_reply *reply)
{
	const struct ncm_artifact *artifact = remote->artifact;
	const struct ncm_request request = {
	    .url = artifact->url,
	    .credential = remote->of->credential,
	    .service = remote->of->service,
	    .what = artifact->name,
	    .ranged = true,
	    .from = from,
	    .to = to,
	};

	return remote->sources->get(remote->sources->http, &request, reply, &remote->error);
}

static int fetch(struct remote *remote, uint64_t from, uint64_t to)
{
	struct remote_window *window = &remote->windows[remote->next];
	NCM_AUTO_REPLY struct ncm_reply reply = {0};

	if (ask(remote, from, to, &reply) < 0)
		return -1;
	free(window->data);
	*window = (struct remote_window){from, reply.body, reply.body_size};
	reply.body = NULL;
	remote->next = (remote->next + 1) % REMOTE_WINDOWS;
	remote->fetched += window->size;
	if (from == 0)
		remote->size = reply.has_total ? reply.total : window->size;
	else if (reply.has_total && reply.total != remote->size)
		return ncm_error_set(&remote->error, NCM_E_PROTOCOL, "%s: it changed while it was read",
				     remote->artifact->name);
	return 0;
}

static const struct remote_window *window_with(const struct remote *remote, uint64_t at)
{
	for (size_t i = 0; i < REMOTE_WINDOWS; i++) {
		const struct remote_window *window = &remote->windows[i];

		if (at >= window->at && at - window->at < window->size)
			return window;
	}
	return NULL;
}

/* Who reads on reads a long header; who jumps wants little. */
static uint64_t window_size(const struct remote *remote, uint64_t at)
{
	if (at == 0)
		return FIRST_WINDOW;
	if (!window_with(remote, at - 1))
		return WINDOW_APART;
	return remote->fetched < LARGEST_WINDOW ? remote->fetched : LARGEST_WINDOW;
}

static ssize_t read_remote(void *context, void *to, size_t size, uint64_t at)
{
	struct remote *remote = context;
	const struct remote_window *window = window_with(remote, at);
	uint64_t end;

	if (at >= remote->size || size == 0)
		return 0;
	if (!window) {
		end = at + window_size(remote, at);
		if (fetch(remote, at, end < remote->size ? end : remote->size) < 0 ||
		    !(window = window_with(remote, at))) {
			errno = EIO;
			return -1;
		}
	}
	if (size > window->size - (at - window->at))
		size = window->size - (size_t)(at - window->at);
	memcpy(to, window->data + (at - window->at), size);
	return (ssize_t)size;
}

int remote_open(struct remote *remote, struct ncm_sources *sources, const struct ncm_resolution *of,
		const struct ncm_artifact *artifact, struct ncm_error *err)
{
	*remote = (struct remote){.sources = sources, .of = of, .artifact = artifact};
	if (!artifact->url)
		return ncm_source_ask_for_new(of->uri, err);
	if (artifact->has_size && artifact->size == 0)
		return 0;
	if (fetch(remote, 0, FIRST_WINDOW) < 0)
		return ncm_error_move(err, &remote->error);
	return 0;
}

struct ncm_bytes remote_bytes(struct remote *remote)
{
	return (struct ncm_bytes){.read = read_remote, .context = remote, .size = remote->size, .is_far = true};
}

void remote_close(struct remote *remote)
{
	for (size_t i = 0; i < REMOTE_WINDOWS; i++)
		free(remote->windows[i].data);
	ncm_error_clear(&remote->error);
}

int remote_facts(struct ncm_sources *sources, const struct ncm_resolution *of, const struct ncm_artifact *artifact,
		 struct ncm_facts *facts, struct ncm_error *err)
{
	struct ncm_contents contents = {0};
	struct remote remote;
	struct ncm_bytes bytes;
	int failed = remote_open(&remote, sources, of, artifact, err);

	*facts = (struct ncm_facts){.soundness = NCM_UNJUDGED};
	if (!failed) {
		bytes = remote_bytes(&remote);
		/* What a GGUF file is stands at its very beginning. */
		if (bytes.size > 4 && ncm_format_of(remote.windows[0].data, remote.windows[0].size) == NCM_FORMAT_GGUF)
			bytes.size = remote.windows[0].size;
		failed = ncm_format_read_all(&bytes, NULL, facts, &contents, err);
	}
	if (failed && remote.error.code != NCM_OK)
		ncm_error_move(err, &remote.error);
	ncm_contents_clear(&contents);
	remote_close(&remote);
	return failed;
}

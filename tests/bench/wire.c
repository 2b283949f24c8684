// SPDX-License-Identifier: MIT
/*
 * A wire with properties: a TCP proxy on 127.0.0.1 that makes every connection as long and as narrow as is asked.
 *
 *   wire LISTEN_PORT TARGET_PORT [--rtt MS] [--window BYTES] [--rate BYTES]
 *
 * --rtt     round trip: half of it passes before a byte is handed on, either way; a new connection costs one more.
 * --window  at most so many bytes of an answer are under way, as TCP's receive window allows. It begins at ten packets
 * and doubles each round trip, as TCP's slow start does.
 * --rate    bytes a second of an answer, by a token bucket for each connection that holds 20 ms of them: many small
 * requests on one connection gain nothing.
 *
 * One thread, edge-triggered epoll; what waits lies in one ring a direction, so the cost is one copy in and one out.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RING_MIN ((uint64_t)1 << 20)
#define MARKS 4096u
#define FIRST_WINDOW (10u * 1448)
#define GRAIN 250000u   /* ns: what arrives within this is handed on together */
#define CONNECTIONS 512 /* far above what any client opens */
#define NEVER UINT64_MAX

struct mark {
	uint64_t when, upto; /* ns; position in the stream */
};

/* Marks in the order of their time. */
struct marks {
	struct mark items[MARKS];
	unsigned first, count;
};

struct end {
	int fd;
	bool readable, writable;
};

/* One direction. Positions count bytes since the connection began. */
struct flow {
	struct end *from, *to;
	unsigned char *ring;
	uint64_t size; /* of the ring */
	uint64_t read, ready, sent, acknowledged;
	struct marks due, answers; /* when bytes may be handed on; when the sender would learn of it */
	uint64_t window;           /* 0: none */
	uint64_t tokens, filled;   /* of the bucket; when it was last filled */
	bool limited, ended, closed;
};

struct connection {
	bool used; /* else its rings wait for the next one: fresh memory is dear */
	struct end client, server;
	struct flow up, down;
	uint64_t begun;
};

static uint64_t delay, window_max, rate;
static int poller;
static struct connection *connections[CONNECTIONS];
static int connection_count;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool marks_full(const struct marks *marks)
{
	return marks->count == MARKS;
}

static void marks_add(struct marks *marks, uint64_t when, uint64_t upto)
{
	struct mark *last = &marks->items[(marks->first + marks->count - 1) % MARKS];

	if (marks->count && (when < last->when + GRAIN || marks_full(marks))) {
		last->upto = upto;
		return;
	}
	marks->items[(marks->first + marks->count++) % MARKS] = (struct mark){when, upto};
}

/* The furthest position whose time has come, or `otherwise`. Those marks are gone then. */
static uint64_t marks_pass(struct marks *marks, uint64_t now, uint64_t otherwise)
{
	while (marks->count && marks->items[marks->first].when <= now) {
		otherwise = marks->items[marks->first].upto;
		marks->first = (marks->first + 1) % MARKS;
		marks->count--;
	}
	return otherwise;
}

static uint64_t marks_next(const struct marks *marks)
{
	return marks->count ? marks->items[marks->first].when : NEVER;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t bucket_size(void)
{
	return rate / 50;
}

static void fill_bucket(struct flow *flow, uint64_t now)
{
	uint64_t gained = (now - flow->filled) * rate / 1000000000u;

	if (!gained)
		return;
	flow->filled += gained * 1000000000u / rate; /* the rest of a byte is not lost */
	flow->tokens += gained;
	if (flow->tokens > bucket_size()) {
		flow->tokens = bucket_size();
		flow->filled = now;
	}
}

/* How much may be read now. */
static uint64_t room(const struct flow *flow)
{
	uint64_t space = flow->size - (flow->read - flow->sent);

	if (flow->window) {
		const uint64_t under_way = flow->read - flow->acknowledged;

		space = least(space, under_way < flow->window ? flow->window - under_way : 0);
	}
	/* In draughts of a tenth of the bucket at least: a byte at a time would be all system calls. */
	if (flow->limited)
		space = flow->tokens >= bucket_size() / 10 ? least(space, flow->tokens) : 0;
	return marks_full(&flow->due) ? 0 : space;
}

/* Returns false when the connection is broken. */
static bool take(struct flow *flow, uint64_t now, uint64_t earliest)
{
	uint64_t space;

	while (flow->from->readable && !flow->ended && (space = room(flow))) {
		const uint64_t at = flow->read % flow->size;
		const ssize_t n = recv(flow->from->fd, flow->ring + at, least(space, flow->size - at), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			flow->from->readable = false;
		else if (n < 0)
			return false;
		else if (!n)
			flow->ended = true;
		else {
			flow->read += (uint64_t)n;
			flow->tokens -= flow->limited ? (uint64_t)n : 0;
			marks_add(&flow->due, now + delay > earliest ? now + delay : earliest, flow->read);
		}
	}
	return true;
}

static bool give(struct flow *flow, uint64_t now)
{
	flow->ready = marks_pass(&flow->due, now, flow->ready);
	while (flow->to->writable && flow->sent < flow->ready) {
		const uint64_t at = flow->sent % flow->size;
		const ssize_t n =
		    send(flow->to->fd, flow->ring + at, least(flow->ready - flow->sent, flow->size - at), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0) {
			flow->to->writable = false;
			break;
		}
		flow->sent += (uint64_t)n;
		if (flow->window)
			marks_add(&flow->answers, now + delay, flow->sent);
	}
	if (flow->ended && !flow->closed && flow->sent == flow->read) {
		shutdown(flow->to->fd, SHUT_WR);
		flow->closed = true;
	}
	return true;
}

/* Moves what may be moved; *wake becomes no later than when to look again. Returns false when the connection is broken.
 */
static bool move(struct flow *flow, uint64_t now, uint64_t earliest, uint64_t *wake)
{
	const uint64_t before = flow->acknowledged;

	flow->acknowledged = marks_pass(&flow->answers, now, flow->acknowledged);
	if (flow->window)
		flow->window = least(window_max, flow->window + (flow->acknowledged - before));
	if (flow->limited)
		fill_bucket(flow, now);
	for (int turns = 0;; turns++) {
		if (!take(flow, now, earliest) || !give(flow, now))
			return false;
		if (flow->ended || !flow->from->readable || !room(flow))
			break;
		if (turns == 8) { /* others want their turn */
			*wake = now;
			break;
		}
	}
	if (flow->to->writable)
		*wake = least(*wake, marks_next(&flow->due));
	*wake = least(*wake, marks_next(&flow->answers));
	if (flow->limited && flow->from->readable && flow->tokens < bucket_size() / 10)
		*wake = least(*wake, now + (bucket_size() / 10 - flow->tokens) * 1000000000u / rate + 1);
	return true;
}

static bool watch(struct end *end)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = end};
	const int yes = 1;

	end->readable = end->writable = false;
	setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return !fcntl(end->fd, F_SETFL, O_NONBLOCK) && !epoll_ctl(poller, EPOLL_CTL_ADD, end->fd, &event);
}

static void reset_flow(struct flow *flow, struct end *from, struct end *to, uint64_t size)
{
	*flow = (struct flow){.from = from, .to = to, .ring = flow->ring, .size = size};
	if (!flow->ring && !(flow->ring = malloc(size)))
		abort();
}

static void end_connection(struct connection *connection)
{
	close(connection->client.fd);
	close(connection->server.fd);
	connection->used = false;
}

static void begin_connection(int client, uint16_t port, uint64_t now)
{
	struct sockaddr_in target = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct connection *c = NULL;
	const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), little = 128 << 10;

	/* Behind a limit the server must not run ahead: what it has sent is then nearly what the client has got. */
	if (rate && server >= 0)
		setsockopt(server, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
	for (int i = 0; i < connection_count && !c; i++)
		c = connections[i]->used ? NULL : connections[i];
	if (!c && connection_count < CONNECTIONS && (c = calloc(1, sizeof(*c))))
		connections[connection_count++] = c;
	if (!c || server < 0 || connect(server, (struct sockaddr *)&target, sizeof(target))) {
		close(client);
		if (server >= 0)
			close(server);
		return;
	}
	c->used = true, c->begun = now;
	c->client.fd = client, c->server.fd = server;
	reset_flow(&c->up, &c->client, &c->server, RING_MIN);
	reset_flow(&c->down, &c->server, &c->client, window_max > RING_MIN ? window_max : RING_MIN);
	c->down.window = window_max ? least(FIRST_WINDOW, window_max) : 0;
	c->down.limited = rate > 0;
	c->down.tokens = rate ? bucket_size() : 0;
	c->down.filled = now;
	if (!watch(&c->client) || !watch(&c->server))
		end_connection(c);
}

/* Returns when to look again. */
static uint64_t move_all(uint64_t now)
{
	uint64_t wake = NEVER;

	for (int i = 0; i < connection_count; i++) {
		struct connection *c = connections[i];

		if (!c->used)
			continue;
		/* The client's handshake took a round trip, which the kernel's loopback did not show it. */
		if (!move(&c->up, now, c->begun + 3 * delay, &wake) || !move(&c->down, now, 0, &wake) ||
		    (c->up.closed && c->down.closed))
			end_connection(c);
	}
	return wake;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN};
	const int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 512) ||
	    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) {
		perror("wire");
		exit(1);
	}
	return fd;
}

static bool read_options(int argc, char **argv)
{
	for (int i = 3; i + 1 < argc; i += 2) {
		const uint64_t value = strtoull(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--rtt"))
			delay = value * 500000u;
		else if (!strcmp(argv[i], "--window"))
			window_max = value;
		else if (!strcmp(argv[i], "--rate"))
			rate = value;
		else
			return false;
	}
	return argc >= 3 && argc % 2;
}

int main(int argc, char **argv)
{
	struct epoll_event events[64];
	uint64_t wake = NEVER;

	if (!read_options(argc, argv)) {
		fprintf(stderr, "usage: wire LISTEN_PORT TARGET_PORT [--rtt MS] [--window BYTES] [--rate BYTES]\n");
		return 2;
	}
	poller = epoll_create1(EPOLL_CLOEXEC);
	const int door = listen_on((uint16_t)atoi(argv[1]));

	for (;;) {
		const uint64_t start = now_ns(), left = wake > start ? wake - start : 0;
		const struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
		const int n = epoll_pwait2(poller, events, 64, wake == NEVER ? NULL : &wait, NULL);

		for (int i = 0; i < n; i++) {
			struct end *end = events[i].data.ptr;
			int client;

			if (!end) {
				while ((client = accept4(door, NULL, NULL, SOCK_CLOEXEC)) >= 0)
					begin_connection(client, (uint16_t)atoi(argv[2]), now_ns());
				continue;
			}
			end->readable |= (events[i].events & ~(uint32_t)EPOLLOUT) != 0;
			end->writable |= (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
		}
		wake = move_all(now_ns());
	}
}

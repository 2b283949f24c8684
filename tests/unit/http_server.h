/* SPDX-License-Identifier: MIT */
/* A small HTTP server in a thread: what it answers is a function of the test, what it was asked is recorded. */
#ifndef NCM_TEST_HTTP_SERVER_H
#define NCM_TEST_HTTP_SERVER_H

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVER_REQUESTS = 256, SERVER_HEAD = 4096 };

struct server;
struct server_request {
	struct server *server;
	int fd;
	unsigned number; /* of all requests, from 0 */
	char method[8];
	char path[256];
	char head[SERVER_HEAD];
};

struct server {
	void (*answer)(struct server_request *request); /* called in a thread of its own for each connection */
	int fd;
	unsigned port;
	char url[64]; /* "http://127.0.0.1:PORT" */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned open; /* connections being answered */
	unsigned count;
	struct server_request requests[SERVER_REQUESTS];
};

static inline void server_send(const struct server_request *request, const void *data, size_t size)
{
	const char *bytes = data;

	while (size > 0) {
		ssize_t sent = send(request->fd, bytes, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		bytes += sent;
		size -= (size_t)sent;
	}
}

static inline void server_print(const struct server_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void server_print(const struct server_request *request, const char *format, ...)
{
	char text[8192];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	server_send(request, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

/* The value of a request header, or NULL. In a buffer of the calling thread. */
static inline const char *server_header(const struct server_request *request, const char *name)
{
	static _Thread_local char value[1024];
	size_t length = strlen(name);

	for (const char *line = strstr(request->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
			snprintf(value, sizeof value, "%.*s", (int)strcspn(line + 4 + length, "\r"), line + 4 + length);
			return value;
		}
	}
	return NULL;
}

static inline bool server_read_request(struct server_request *request)
{
	size_t size = 0;

	while (size + 1 < sizeof request->head && !strstr(request->head, "\r\n\r\n")) {
		ssize_t got = recv(request->fd, request->head + size, sizeof request->head - 1 - size, 0);

		if (got <= 0)
			return false;
		size += (size_t)got;
		request->head[size] = '\0';
	}
	return sscanf(request->head, "%7s %255s", request->method, request->path) == 2;
}

static inline void *server_connection(void *argument)
{
	struct server_request *request = argument;
	struct server *server = request->server;

	if (server_read_request(request)) {
		pthread_mutex_lock(&server->lock);
		request->number = server->count;
		if (server->count < SERVER_REQUESTS)
			server->requests[server->count++] = *request;
		pthread_mutex_unlock(&server->lock);
		server->answer(request);
		shutdown(request->fd, SHUT_WR);
		/* Until the client closes too, so that nothing of the answer is lost to a reset. */
		while (recv(request->fd, request->head, sizeof request->head, 0) > 0)
			;
	}
	close(request->fd);
	free(request);
	pthread_mutex_lock(&server->lock);
	server->open--;
	pthread_cond_signal(&server->idle);
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static inline void *server_main(void *argument)
{
	struct server *server = argument;
	int fd;

	while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
		struct server_request *request = calloc(1, sizeof *request);
		pthread_t thread;

		request->server = server;
		request->fd = fd;
		pthread_mutex_lock(&server->lock);
		server->open++;
		pthread_mutex_unlock(&server->lock);
		CHECK(pthread_create(&thread, NULL, server_connection, request) == 0);
		pthread_detach(thread);
	}
	return NULL;
}

static inline void server_start(struct server *server, void (*answer)(struct server_request *request))
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;

	memset(server, 0, sizeof *server);
	server->answer = answer;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->idle, NULL);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(server->fd >= 0 && bind(server->fd, (struct sockaddr *)&address, sizeof address) == 0);
	CHECK(listen(server->fd, 64) == 0 && getsockname(server->fd, (struct sockaddr *)&address, &length) == 0);
	server->port = ntohs(address.sin_port);
	snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u", server->port);
	CHECK(pthread_create(&server->thread, NULL, server_main, server) == 0);
}

static inline void server_stop(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	pthread_mutex_lock(&server->lock);
	while (server->open > 0)
		pthread_cond_wait(&server->idle, &server->lock);
	pthread_mutex_unlock(&server->lock);
	pthread_cond_destroy(&server->idle);
	pthread_mutex_destroy(&server->lock);
}

#endif

/* SPDX-License-Identifier: MIT */
/* The settings of a run, and the one place where a libcurl handle gets its options. */
#ifndef NCM_TRANSFER_EASY_H
#define NCM_TRANSFER_EASY_H

#include "transfer/http.h"
#include "transfer/pace.h"

#include <curl/curl.h>
#include <ncmodel/limits.h>
#include <pthread.h>

/* What a proxy of the environment is known to say. */
struct ncm_proxy_state {
	bool open;                /* it has passed on a request, or did not answer at all */
	bool asked;               /* somebody waits for its first answer */
	struct ncm_error refusal; /* it wants another user and password, or some at all */
};

struct ncm_http {
	struct ncm_sink sink;
	char *cacert; /* or NULL: libcurl's default */
	char *user_agent;
	unsigned connect_seconds;
	unsigned stall_seconds;
	uint64_t speed_limit; /* bytes per second; 0: whatever comes is waited for */
	unsigned retries;
	double first_backoff; /* seconds */
	bool allow_private;
	bool allow_http_token;
	pthread_mutex_t lock;             /* of what follows and of the sink */
	pthread_mutex_t credentials_lock; /* of the bearers; held for a moment: the engine's loop takes it */
	pthread_mutex_t renewal_lock;     /* recursive: renewing a credential may make requests */
	struct ncm_rate sending;          /* of all uploads together */
	CURL *idle[NCM_LIMIT_PARALLEL];   /* handles with open connections */
	size_t idle_count;
	_Atomic bool reached; /* some server has answered */
	char *unreached;      /* how it went with the first that could not be reached; NULL: none */
	double unreached_at;  /* monotonic seconds */
	struct {
		pthread_mutex_t lock;
		pthread_cond_t known;
		struct ncm_proxy_state of[2]; /* plain http; https */
	} proxy;
};

/* A handle with every option that each request of ours must have; NULL when libcurl cannot. */
CURL *ncm_easy_new(const struct ncm_http *http);
/* Sets those options anew; connections and TLS sessions stay. */
void ncm_easy_prepare(CURL *easy, const struct ncm_http *http);
/* Borrow a handle of the pool and hand it back. */
CURL *ncm_easy_take(struct ncm_http *http);
void ncm_easy_give(struct ncm_http *http, CURL *easy);

/* Note that a server answered, or that none could be reached at all, and how that went. */
void ncm_http_note_reached(struct ncm_http *http);
void ncm_http_note_unreached(struct ncm_http *http, const char *how);
/*
 * Whether another try after so many seconds is in vain: no server has answered in this run, and not for want of a
 * little patience. A machine without a network is to say so soon.
 */
bool ncm_http_is_cut_off(struct ncm_http *http, double wait);

/* In *err: less than the speed limit came for too long. NETWORK. */
void ncm_slow_error(const struct ncm_http *http, const char *what, struct ncm_error *err);

/* Events of requests that many threads make: one at a time. */
void ncm_http_tell(struct ncm_http *http, enum ncm_event_type type, const char *text);

#endif

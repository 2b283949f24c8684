/* SPDX-License-Identifier: MIT */
/*
 * What the files of a flight share: flight.c what the engine asks, sight.c what is there, lease.c whose a part is,
 * hand_on.c and join.c what is written, compare.c whether what another wrote is what is here.
 */
#ifndef NCM_CACHE_FLIGHT_WORK_H
#define NCM_CACHE_FLIGHT_WORK_H

#include "cache/flight.h"
#include "cache/lease_object.h"

#include <pthread.h>

enum {
	FLIGHT_PATIENCE_SECONDS = FLIGHT_LONGEST_SECONDS + 2 * CACHE_LEASE_SECONDS,
	FLIGHT_WRITERS = 3, /* at once: one alone waits for the server's hashing */
};

enum part_where {
	PART_NOWHERE, /* or nobody has looked yet */
	PART_LEASED,  /* by another */
	PART_CLAIMED, /* by us; a list has to show it */
	PART_OURS,
	PART_ALONE, /* ours without a lease: what was shared is no good */
	PART_THERE,
};

struct flight_part {
	enum part_where where;
	bool here;     /* on our disk */
	bool due;      /* it is to be put into the cache */
	bool taken;    /* a writer sends it, or has it copied */
	bool copied;   /* into the upload of ours, or about to be */
	bool wrong;    /* what is there is: it is written over */
	bool expired;  /* the lease of another */
	bool put;      /* by this machine, by the name `tag` */
	bool doubted;  /* what is there has not the MD5 of what is here */
	char *etag;    /* of the lease, if one is known */
	char *tag;     /* what is there: its ETag, as it was put or listed last; or NULL */
	double since;  /* monotonic seconds: of `where` */
	double leased; /* … of our lease, as it was written last */
	unsigned failures;
};

/* Of the machine that joins the parts. Its lease and the upload are changed by a writer that has it `held`, while
 * nobody else copies. */
struct flight_join {
	char *key, *etag; /* of its lease */
	char *id;         /* of the upload; NULL: it does not */
	struct cache_parts parts;
	double leased, tried_at; /* monotonic seconds */
	bool held, failed;       /* `failed`: a part could not be copied */
	unsigned copying;        /* writers that have a part copied */
};

struct cache_flight {
	struct cache_flights *all;
	struct ncm_sharing sharing;
	char *begins; /* "parts/sha256/abcd…/" */
	char *blob;
	uint64_t size;
	size_t count;
	struct flight_part *parts;
	bool whole; /* the blob is there */
	bool alone; /* the engine is to have nothing more of it */
	bool ended, proved;
	bool joined; /* or given up */
	bool made;   /* … and the blob is there by it */
	bool stuck;  /* the server does not join */
	struct flight_join join;
	double asked_at;  /* monotonic seconds: the engine looked last */
	double listed_at; /* … a list was begun last that was answered; 0: none was */
	double tried_at;
	double ended_at;
	double moved_at; /* a part has come last, or become ours */
	int dirfd, fd;   /* of the partial; fd -1: not open */
	char *partial;
};

struct cache_flights {
	struct cache cache;
	struct ncm_sources *sources;
	char *lease;           /* what ours say */
	char *etag;            /* of one of ours, when it has been told */
	pthread_mutex_t mutex; /* of all that follows, and of the flights */
	pthread_cond_t moved;
	pthread_t keeper, writers[FLIGHT_WRITERS];
	size_t writer_count; /* that were started */
	unsigned writing;    /* those that have not ended */
	unsigned busy;       /* those that are at something */
	bool started, ending;
	bool gone;          /* the cache cannot be asked: everybody for himself */
	bool read_only;     /* it cannot be written: what others bring is used */
	bool unconditional; /* it knows no conditions */
	bool told;
	struct cache_flight **flights;
	size_t count;
	uint64_t brought; /* bytes that we had from a source, of parts of ours */
	double first_at;  /* of our first lease */
};

/* flight.c */
uint64_t flight_offset(size_t part);
uint64_t flight_part_size(const struct cache_flight *flight, size_t part);
/* With the mutex held. */
void flight_wait(struct cache_flights *flights, unsigned milliseconds); /* … or until something has moved */
void flight_set(struct cache_flight *flight, struct flight_part *part, enum part_where where);
void flight_tell(struct cache_flights *flights, const char *what, const struct ncm_error *err);
char *flight_part_key(const struct cache_flight *flight, size_t part);
char *flight_lease_key(const struct cache_flight *flight, size_t part);

/* sight.c: looks. The mutex is held, but while it is asked for. */
void flight_look(struct cache_flight *flight);
bool flight_is_ours(const struct flight_part *part); /* or we think so */

/* lease.c: the keeper's thread */
void *flight_keep(void *flights);
/* As cache_lease_write. */
enum cache_made flight_write_lease(struct cache_flights *flights, const char *key, const char *etag, char **made_etag,
				   struct ncm_error *err);

/* compare.c: whether the server's ETag of a part is the MD5 of the bytes that are here. Without the mutex. */
bool flight_is_named(const struct cache_flight *flight, size_t part, const char *tag);

/* hand_on.c: the writers' threads */
void *flight_write(void *flights);

/* join.c: of a writer that holds the join, but for the copying. Takes the lease of who joins and begins the upload. 1;
 * 0: others do; -1: the server does not let it; */
int flight_join_begin(struct cache_flight *flight);
/* renews that lease: false, it is lost; */
bool flight_join_is_due(const struct cache_flight *flight);
bool flight_join_keep(struct cache_flight *flight);
/* has a part copied, several at once, if it still has that ETag: that of the copy, which the caller frees; NULL: it
 * cannot be, or is another's by now; */
char *flight_join_part(const struct cache_flight *flight, size_t part, const char *tag);
/* gives the upload up, while the lease stays until the blob is there: others could do no better; */
void flight_join_give_up(struct cache_flight *flight);
/* makes the blob of them and removes them; or gives the upload up. */
void flight_join_end(struct cache_flight *flight);
void flight_join_drop(struct cache_flight *flight);

#endif

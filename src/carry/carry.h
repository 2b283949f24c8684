/* SPDX-License-Identifier: MIT */
/*
 * Carrying a plan out: each content is fetched, checked, placed; each model whose content is complete is recorded. A
 * repair is carried out by the same steps, and records nothing.
 */
#ifndef NCM_CARRY_CARRY_H
#define NCM_CARRY_CARRY_H

#include "archive/archive.h"
#include "cache/fill.h"
#include "cache/flight.h"
#include "cache/refs.h"
#include "format/format.h"
#include "plan/plan.h"

enum task_state {
	TASK_OPEN,
	TASK_FETCHED, /* the partial is complete */
	TASK_PLACED,
	TASK_FAILED,
};

/* Of content whose digest nobody knew beforehand: what other machines say of it. */
struct finding {
	struct cache_ref *ref; /* owned by the refs; NULL: nothing is asked of it */
	bool decided;          /* … or no more */
	bool came;             /* the whole of it, from where and in the state that the ref is of */
	bool awaited;          /* another machine is about to find it */
	bool told;             /* `found` is what another found: to be adopted */
	struct cache_found found;
	bool believed; /* the content's digest and size are what another found … */
	bool had_size; /* … and its size was known before … */
	uint64_t size; /* … or expected */
	bool put_off;  /* `again`, as the plan has counted it */
	double since;  /* monotonic seconds: it is awaited; 0: it never was */
};

/* One content under way. */
struct task {
	struct plan_item *item;
	enum task_state state;
	bool settled;             /* nobody waits for it; as it was counted last */
	char *partial;            /* its name in the first place's staging folder */
	bool unpinned;            /* its SHA-256 was not known beforehand */
	enum ncm_origin *origins; /* of each place: how it came there in this run; UNKNOWN: it was there */
	uint64_t received;
	/* Mirror fail-over: the place that is in use, and others that serve the same digest at the same time. */
	size_t alternate;           /* index into the spec's `from` */
	struct ncm_resolution *own; /* when an alternate was resolved for this content alone */
	bool by_digest;             /* `own` was found by its digest */
	enum ncm_errc last_error;   /* of the last place */
	bool has_next;              /* after a failure: its content is at another place now */
	struct ncm_resolution **mirror_resolutions;
	struct ncm_replica *mirrors; /* where it is there */
	size_t mirror_count;
	struct finding finding;
	struct cache_flight *flight; /* when it is shared with other machines that fetch it now */
	const char *served_by;       /* URI */
	char *server_name;
	struct ncm_checkpoints known; /* that were kept, here or in the cache; none: of size 0 */
	bool fills;                   /* the cache has it not: it is to go there once it is placed */
	/* results of the transfer */
	struct ncm_checkpoints checkpoints;
	struct ncm_unpacked *unpacked;
	size_t unpacked_count;
	/* Of a file of which only ranges are fetched: */
	uint64_t range_received; /* in this run */
	bool ranges_tried;       /* what came of them did not hold once */
	bool again;              /* to be fetched once more from the same place */
	struct ncm_error error;
};

/* What becomes of one model. */
struct outcome {
	bool registered; /* it is whole, and models.json says so */
	bool changed;    /* something about it had to be done */
	size_t awaited;  /* contents that it still waits for */
	size_t recount;  /* that it was counted in last */
	/* What was recorded of it in this run. */
	struct ncm_reg_file *files;
	size_t file_count;
	struct ncm_facts facts; /* what its main file says of itself */
};

struct carry {
	struct planned *planned;
	struct run *run;
	struct task *tasks;       /* one for each content */
	struct outcome *outcomes; /* one for each model */
	size_t *ready;            /* models whose content is complete, to be finished */
	size_t ready_count;
	size_t recounts;
	bool shares; /* there is a cache */
	struct cache cache;
	struct cache_filler *filler;   /* NULL: it is not filled */
	struct ncm_strings unsent;     /* digests that earlier runs left to be sent */
	struct cache_flights *flights; /* while it is fetched, where there is a cache; else NULL */
	struct cache_refs *refs;       /* NULL: nobody is believed what a source has */
	bool told_to_wait;
};

/* shared.c: the cache that machines share */
void carry_shared_begin(struct carry *carry);
/* What the cache has of the task's content, with its checkpoints; NULL: nothing. From many threads. */
struct ncm_resolution *carry_shared_find(const struct carry *carry, struct task *task);
/* The task's content is to come from the cache alone. Returns 0, or -1 with its error. */
int carry_shared_take(const struct carry *carry, struct task *task);
/* A content has its place: what came from its source goes into the cache. */
void carry_shared_placed(const struct carry *carry, struct task *task);
/* What came with other machines is in the cache, or is left to be sent there. */
void carry_shared_landed(struct carry *carry);
/* Waits until what is to go there has gone. */
void carry_shared_end(struct carry *carry);

/* refs.c: content that other machines may have found at its source. Without carry->refs all of it is nothing. */
void carry_refs_begin(struct carry *carry);
/* Before a round: takes what others found; what they are about to find is not for this round (finding.awaited). */
void carry_refs_ask(struct carry *carry);
/* Nothing is left to be fetched: waits a while for what is awaited. False: nothing is, or the user interrupted. */
bool carry_refs_wait(struct carry *carry);
/* A content has come, with this strong ETag ("": none) from its resolution; has its place; or could not be had. */
void carry_refs_came(struct task *task, const char *etag);
void carry_refs_placed(const struct carry *carry, struct task *task);
void carry_refs_failed(const struct carry *carry, struct task *task);
/* What this machine has ended with, whatever came of it, is others' unless the cache is about to have it. */
void carry_refs_settle(const struct carry *carry);

/* alternates.c: asks for the task's content at one of its places. Returns 0 when it is that place's now, or -1. */
int alternate_ask(struct carry *carry, struct task *task, size_t place);
/* The same at the next that was not asked, then by its digest; -1: none is left. */
int alternate_next(struct carry *carry, struct task *task);
/* Asks the other places of a large content with a known digest whether they have the same: then they serve it
 * together, and the cache before all. */
void alternate_add_mirrors(struct carry *carry, struct task *task);
/* They are of a digest that is not its content's. */
void task_forget_mirrors(struct task *task);

/* rounds.c: rounds of transfers; each content that is complete is handed on at once. */
int carry_fetch(struct carry *carry, struct ncm_error *err);

/* carry.c */
/* Counts what each model waits for, and lists those that wait for nothing. */
void carry_count(struct carry *carry);
/* The same for those that want a content, after its state has changed. */
void task_recount(struct carry *carry, struct task *task);
/* Finishes the models that are listed. */
void carry_finish_ready(struct carry *carry);

/* place.c: final names for what was fetched or is elsewhere on this machine. */
void task_place(struct carry *carry, struct task *task);
/* A place counts if the model that wants it can still be had. */
bool place_counts(const struct carry *carry, const struct place *place);
void task_told(const struct carry *carry, const struct task *task, size_t place, const char *how);

/* name.c: names for what lies where names come last. Returns 0, or -1 with the model's error. */
int carry_name_model(struct carry *carry, size_t index);

/* mend.c: the ranges of a damaged file, put where it lies. Returns 0 when the first place is right, 1 when it is to be
 * fetched again (as a whole), or -1. */
int task_mend(struct carry *carry, struct task *task);

/* record.c: models whose content is complete get their places, and then the lock and models.json name them. */
void carry_finish(struct carry *carry, const size_t *models, size_t count);
void outcome_clear(struct outcome *outcome);
/* Whether models.json is to be written for this model. */
bool carry_needs_record(const struct carry *carry, size_t model);

/* served.c: notes in the lock in memory who served what the wanted's entry pins. Whether something was news. */
bool carry_note_places(struct carry *carry, const struct wanted *wanted);

/* describe.c: reads the header of what was placed for a model, whose entry has its files. */
void carry_read_header(const struct carry *carry, size_t model, const struct ncm_reg_model *entry);
/* Fills in what the entry does not know, with borrowed strings; and tells where a manifest says otherwise. */
void carry_describe(const struct carry *carry, size_t model, struct ncm_reg_model *entry);
void carry_tell_differences(const struct carry *carry, size_t index);

/* sidecars.c: writes those that the user wants, and adds them to the entry, which is complete otherwise. */
void carry_write_sidecars(const struct carry *carry, size_t model, struct ncm_reg_model *entry);

/* result.c: tells the log what of a model was mended. */
void carry_tell_repaired(const struct carry *carry, size_t model);
struct ncm_result *carry_result(const struct carry *carry, double started);

#endif

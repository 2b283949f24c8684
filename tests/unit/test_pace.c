/* SPDX-License-Identifier: MIT */
/* How many connections a host gets, as their rate has it. Time is what the test says it is. */
#include "check.h"

#include "transfer/pace.h"

/* A host that gives each connection `each` bytes per second, and all together at most `all`. */
static double rate_of(const struct ncm_pace *pace, double each, double all)
{
	double rate = each * pace->allowed;

	return rate > all ? all : rate;
}

/* Lets so much time pass in which all connections that are allowed were used. */
static void pass_seconds(struct ncm_pace *pace, double seconds, double each, double all, double *now)
{
	pace->active = pace->allowed;
	pace->bytes += (uint64_t)(rate_of(pace, each, all) * seconds);
	*now += seconds;
	ncm_pace_tick(pace, true, *now);
}

static void pass(struct ncm_pace *pace, double each, double all, double *now)
{
	pass_seconds(pace, 0.5, each, all, now);
}

static void connections_double_while_that_brings_more(void)
{
	struct ncm_pace pace;
	double now = 1000;

	ncm_pace_begin(&pace, "http://h", 16, now);
	CHECK_STR(pace.origin, "http://h");
	CHECK_U64(pace.allowed, 2);
	for (unsigned expected = 4; expected <= 16; expected *= 2) {
		pass(&pace, 1e6, 1e9, &now);
		CHECK_U64(pace.allowed, expected);
	}
	for (int i = 0; i < 20; i++)
		pass(&pace, 1e6, 1e9, &now);
	CHECK_U64(pace.allowed, 16); /* the user's bound */
	ncm_pace_end(&pace);
	CHECK(pace.origin == NULL);
}

static void more_can_be_of_use_from_the_start(void)
{
	struct ncm_pace pace;
	double now = 1000;

	ncm_pace_begin(&pace, "http://h", 16, now);
	ncm_pace_at_least(&pace, 3, now);
	CHECK_U64(pace.allowed, 3);
	ncm_pace_at_least(&pace, 1, now);
	CHECK_U64(pace.allowed, 3);
	pass(&pace, 1e6, 1e9, &now);
	CHECK_U64(pace.allowed, 6);
	ncm_pace_refused(&pace, now);
	ncm_pace_refused(&pace, now);
	ncm_pace_at_least(&pace, 3, now);
	CHECK_U64(pace.allowed, 1); /* not what the host has refused */
	ncm_pace_end(&pace);
	ncm_pace_begin(&pace, "http://h", 2, now);
	ncm_pace_at_least(&pace, 3, now);
	CHECK_U64(pace.allowed, 2); /* the user's bound */
	ncm_pace_end(&pace);
}

static void growing_that_pays_goes_on_at_once(void)
{
	struct ncm_pace pace;
	double now = 1000;

	ncm_pace_begin(&pace, "http://h", 16, now);
	pass_seconds(&pace, 0.06, 1e6, 5e6, &now);
	CHECK_U64(pace.allowed, 2); /* the first are watched for longer */
	pass_seconds(&pace, 0.1, 1e6, 5e6, &now);
	CHECK_U64(pace.allowed, 4);
	pass_seconds(&pace, 0.04, 1e6, 5e6, &now);
	CHECK_U64(pace.allowed, 4); /* too soon */
	pass_seconds(&pace, 0.02, 1e6, 5e6, &now);
	CHECK_U64(pace.allowed, 8); /* 4 brought twice as much */
	pass_seconds(&pace, 0.06, 1e6, 4.2e6, &now);
	CHECK_U64(pace.allowed, 8); /* 8 bring little more: they have 150 ms, too */
	pass_seconds(&pace, 0.1, 1e6, 4.2e6, &now);
	CHECK_U64(pace.allowed, 4);
	ncm_pace_end(&pace);
}

static void connections_that_bring_nothing_are_given_up(void)
{
	struct ncm_pace pace;
	double now = 1000;
	unsigned tries = 0;

	ncm_pace_begin(&pace, "http://h", 16, now);
	pass(&pace, 1e6, 3e6, &now);
	CHECK_U64(pace.allowed, 4); /* 2 brought 2e6: try */
	pass(&pace, 1e6, 3e6, &now);
	CHECK_U64(pace.allowed, 8); /* 4 brought half as much more */
	pass(&pace, 1e6, 3e6, &now);
	CHECK_U64(pace.allowed, 4); /* 8 brought no more */
	for (int i = 0; i < 100; i++) {
		pass(&pace, 1e6, 3e6, &now);
		CHECK(pace.allowed == 4 || pace.allowed == 8);
		tries += pace.allowed == 8;
	}
	CHECK(tries > 0 && tries <= 10); /* now and then it looks again, and comes back */
	/* The host has become faster. */
	for (int i = 0; i < 40; i++)
		pass(&pace, 1e6, 1e9, &now);
	CHECK_U64(pace.allowed, 16);
	ncm_pace_end(&pace);
}

static void what_says_nothing_changes_nothing(void)
{
	struct ncm_pace pace;
	double now = 1000;

	ncm_pace_begin(&pace, "http://h", 16, now);
	pace.active = 2;
	pace.bytes = 1000;
	ncm_pace_tick(&pace, true, now + 0.1); /* too soon */
	CHECK_U64(pace.allowed, 2);
	CHECK_U64(pace.bytes, 1000);
	ncm_pace_tick(&pace, false, now += 1); /* no work for more */
	CHECK_U64(pace.allowed, 2);
	CHECK_U64(pace.bytes, 0);             /* and it began to count anew */
	ncm_pace_tick(&pace, true, now += 1); /* nothing came */
	CHECK_U64(pace.allowed, 2);
	pace.active = 1;
	pace.bytes = 1000;
	ncm_pace_tick(&pace, true, now += 1); /* those that it may have are not there yet */
	CHECK_U64(pace.allowed, 2);
	/* Likewise while it waits to see whether more of them helped. */
	pass(&pace, 1e6, 1e9, &now);
	CHECK_U64(pace.allowed, 4);
	pace.active = 3;
	pace.bytes = 10;
	ncm_pace_tick(&pace, true, now += 1);
	CHECK_U64(pace.allowed, 4);
	ncm_pace_end(&pace);
}

static void a_host_that_refuses_gets_fewer(void)
{
	struct ncm_pace pace;
	double now = 1000;

	ncm_pace_begin(&pace, "http://h", 16, now);
	for (int i = 0; i < 5; i++)
		pass(&pace, 1e6, 1e9, &now);
	CHECK_U64(pace.allowed, 16);
	ncm_pace_refused(&pace, now);
	CHECK_U64(pace.allowed, 8);
	for (int i = 0; i < 5; i++)
		ncm_pace_refused(&pace, now);
	CHECK_U64(pace.allowed, 1);  /* never none */
	for (int i = 0; i < 30; i++) /* not for 15 seconds */
		pass(&pace, 1e6, 1e9, &now);
	CHECK_U64(pace.allowed, 1);
	for (int i = 0; i < 30; i++)
		pass(&pace, 1e6, 1e9, &now);
	CHECK_U64(pace.allowed, 16);
	ncm_pace_end(&pace);
}

static void the_users_bound_holds_from_the_start(void)
{
	static const unsigned bounds[] = {1, 2, 3, 5};

	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		struct ncm_pace pace;
		double now = 1000;

		ncm_pace_begin(&pace, "http://h", bounds[i], now);
		for (int k = 0; k < 20; k++) {
			CHECK(pace.allowed <= bounds[i]);
			pass(&pace, 1e6, 1e9, &now);
		}
		CHECK_U64(pace.allowed, bounds[i]);
		ncm_pace_end(&pace);
	}
}

int main(void)
{
	RUN(connections_double_while_that_brings_more);
	RUN(more_can_be_of_use_from_the_start);
	RUN(growing_that_pays_goes_on_at_once);
	RUN(connections_that_bring_nothing_are_given_up);
	RUN(what_says_nothing_changes_nothing);
	RUN(a_host_that_refuses_gets_fewer);
	RUN(the_users_bound_holds_from_the_start);
	return 0;
}

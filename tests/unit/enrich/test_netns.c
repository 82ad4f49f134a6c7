/*
 * Containers by the interface of their veth: ids and inodes of namespaces as
 * a kernel gives them, in the orders in which they come.
 */
#include "tests/unit/enrich/bench.h"

#include <string.h>

#include "enrich/netns.h"

#define MS	MONO_MS
#define ID_C "7b3d0d1f7c0be4a3cf0b0ed0f6d0bb2a7c4c7f9a5d1f2c3b4a59687706152433"

struct scene {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct enrich_ask	 ask;
	struct netns_table	*t;
	unsigned		 asked;
	char			 last[65];
	uint32_t		 pid;
};

static void
ask(void *ctx, const char id[65], uint32_t pid)
{
	struct scene *s = ctx;

	s->asked++;
	memcpy(s->last, id, 65);
	s->pid = pid;
}

static struct wall
at(struct scene *s, int64_t ns)
{
	mono_drive(&s->clock, bench_wall(ns));
	netns_tick(s->t, mono_now(&s->clock));
	return bench_wall(ns);
}

static int
set_up(void **state)
{
	struct scene *s = test_calloc(1, sizeof(*s));

	s->clock.driven = true;
	mono_drive(&s->clock, bench_wall(0));
	s->ledger = ledger_new();
	s->ask = (struct enrich_ask){ .ctx = s, .netns = ask };
	s->t = netns_table_new(&s->ask, &s->clock, s->ledger);
	*state = s;
	return s->t == NULL;
}

static int
tear_down(void **state)
{
	struct scene *s = *state;

	netns_table_free(s->t);
	ledger_free(s->ledger);
	test_free(s);
	return 0;
}

static const uint8_t *
id(const char *text)
{
	static uint8_t out[4][32];
	static unsigned n;
	uint8_t *p = out[n++ % 4];

	assert_true(container_id_parse(text, 64, p));
	return p;
}

static void
answer(struct scene *s, const char *who, uint64_t inode, int32_t nsid)
{
	struct enrich_netns a = { .inode = inode, .nsid = nsid };

	netns_on_answer(s->t, id(who), &a);
}

static void
is_behind(struct scene *s, uint32_t ifindex, struct wall when,
    const char *first, const char *second)
{
	struct netns_member m[NETNS_MEMBERS];
	size_t n = netns_behind(s->t, ifindex, when, m);

	assert_int_equal(n, (first != NULL) + (second != NULL));
	if (first != NULL)
		assert_memory_equal(m[0].id, id(first), 32);
	if (second != NULL)
		assert_memory_equal(m[1].id, id(second), 32);
}

/* As Docker starts one: a network, a process that is still in the host's
 * namespace, then in its own, then an interface that leads there. */
static void
a_container_begins(void **state)
{
	struct scene *s = *state;
	struct enrich_netns host = { .inode = 1, .nsid = -1, .host = 1 };
	struct wall when;

	netns_want(s->t, id(BENCH_ID_A), 0, false);
	assert_int_equal(s->asked, 1);
	assert_string_equal(s->last, BENCH_ID_A);
	netns_on_answer(s->t, id(BENCH_ID_A), NULL);
	at(s, 50 * MS);
	assert_int_equal(s->asked, 2);
	netns_on_answer(s->t, id(BENCH_ID_A), &host);
	at(s, 100 * MS);
	answer(s, BENCH_ID_A, 77, -1);
	netns_link(s->t, 9, -1, false);
	is_behind(s, 9, at(s, 120 * MS), NULL, NULL);
	/* The interface's peer has moved: everybody is asked at once. */
	s->asked = 0;
	netns_link(s->t, 9, 3, false);
	assert_int_equal(s->asked, 1);
	assert_true(netns_is_waiting(s->t, 9));
	answer(s, BENCH_ID_A, 77, 3);
	assert_false(netns_is_waiting(s->t, 9));
	when = at(s, 130 * MS);
	is_behind(s, 9, when, BENCH_ID_A, NULL);
	/* Nothing more to ask for. */
	s->asked = 0;
	at(s, 10 * MONO_S);
	assert_int_equal(s->asked, 0);
	/* Another network, later: its interface is the container's at once. */
	netns_link(s->t, 12, 3, false);
	is_behind(s, 12, bench_wall(10 * MONO_S), BENCH_ID_A, NULL);
	/* The interface goes with its container; its last packets do not. */
	netns_died(s->t, id(BENCH_ID_A), bench_wall(11 * MONO_S));
	netns_link(s->t, 9, 3, true);
	is_behind(s, 9, bench_wall(12 * MONO_S), BENCH_ID_A, NULL);
	is_behind(s, 9, bench_wall(14 * MONO_S), NULL, NULL);
}

/* The kernel gives ids of namespaces again, and inodes too. */
static void
an_id_is_given_again(void **state)
{
	struct scene *s = *state;

	netns_want(s->t, id(BENCH_ID_A), 0, false);
	answer(s, BENCH_ID_A, 77, 3);
	netns_link(s->t, 9, 3, false);
	netns_died(s->t, id(BENCH_ID_A), at(s, 1 * MONO_S));
	netns_link(s->t, 0, 3, true);
	at(s, 1010 * MS);
	netns_link(s->t, 10, 3, false);
	is_behind(s, 10, bench_wall(1020 * MS), NULL, NULL);
	netns_want(s->t, id(BENCH_ID_B), 0, false);
	answer(s, BENCH_ID_B, 77, 3);
	is_behind(s, 10, bench_wall(1020 * MS), BENCH_ID_B, NULL);
	is_behind(s, 9, bench_wall(500 * MS), BENCH_ID_A, NULL);
	is_behind(s, 9, bench_wall(1010 * MS), BENCH_ID_A, NULL);
	is_behind(s, 9, bench_wall(9 * MONO_S), NULL, NULL);
}

static void
two_share_one(void **state)
{
	struct scene *s = *state;
	struct netns_member m[NETNS_MEMBERS];

	netns_want(s->t, id(BENCH_ID_A), 0, false);
	answer(s, BENCH_ID_A, 77, 3);
	netns_link(s->t, 9, 3, false);
	netns_want(s->t, id(BENCH_ID_B), 4711, false);
	assert_int_equal(s->pid, 4711);
	answer(s, BENCH_ID_B, 77, 3);
	is_behind(s, 9, at(s, 5 * MS), BENCH_ID_A, BENCH_ID_B);
	assert_int_equal(netns_partners(s->t, id(BENCH_ID_B), bench_wall(0),
	    m), 2);
	netns_died(s->t, id(BENCH_ID_A), at(s, 5 * MONO_S));
	is_behind(s, 9, at(s, 9 * MONO_S), BENCH_ID_B, NULL);
}

/* Only who is known to be there is in the host's namespace. */
static void
the_hosts_namespace(void **state)
{
	struct scene *s = *state;
	struct enrich_netns host = { .inode = 1, .nsid = -1, .host = 1 };
	struct netns_member m[NETNS_MEMBERS];

	netns_want(s->t, id(BENCH_ID_A), 0, false);
	netns_on_answer(s->t, id(BENCH_ID_A), &host);
	assert_int_equal(netns_partners(s->t, id(BENCH_ID_A), bench_wall(0),
	    m), 0);
	netns_want(s->t, id(BENCH_ID_A), 12, true);
	netns_on_answer(s->t, id(BENCH_ID_A), &host);
	assert_int_equal(netns_partners(s->t, id(BENCH_ID_A), bench_wall(0),
	    m), 1);
}

/* Messages of rtnetlink were lost: what ids mean is asked for again. */
static void
after_a_loss(void **state)
{
	struct scene *s = *state;

	netns_want(s->t, id(BENCH_ID_A), 0, false);
	answer(s, BENCH_ID_A, 77, 3);
	netns_link(s->t, 9, 3, false);
	s->asked = 0;
	netns_link(s->t, 0, -1, true);
	assert_int_equal(s->asked, 1);
	netns_link(s->t, 10, 3, false);
	is_behind(s, 10, bench_wall(0), NULL, NULL);
	answer(s, BENCH_ID_A, 77, 4);
	netns_link(s->t, 11, 4, false);
	is_behind(s, 11, bench_wall(0), BENCH_ID_A, NULL);
	is_behind(s, 10, bench_wall(0), NULL, NULL);
}

/* More members than are kept: who ended first goes first. */
static void
members_are_bounded(void **state)
{
	struct scene *s = *state;
	struct netns_member m[NETNS_MEMBERS];
	char text[65];
	unsigned i;

	for (i = 0; i < 20; i++) {
		memcpy(text, ID_C, 65);
		text[0] = (char)('a' + i % 6);
		text[1] = (char)('0' + i / 6);
		netns_want(s->t, id(text), 0, false);
		answer(s, text, 77, 3);
		if (i < 15)
			netns_died(s->t, id(text), at(s, (int64_t)i * MS));
	}
	netns_link(s->t, 9, 3, false);
	assert_int_equal(netns_behind(s->t, 9, at(s, 30 * MS), m), 5);
	assert_memory_equal(m[4].id, id(text), 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(a_container_begins),
		T(an_id_is_given_again),
		T(two_share_one),
		T(the_hosts_namespace),
		T(after_a_loss),
		T(members_are_bounded),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

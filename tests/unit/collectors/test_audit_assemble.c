/*
 * Records into events: order, ends, lateness, bounds, gaps in the serials.
 */
#include "tests/support/unit.h"

#include <libaudit.h>
#include <stdio.h>
#include <string.h>

#include "collectors/audit/assemble.h"
#include "collectors/audit/serials.h"

#define SEEN	40000

struct seen {
	uint32_t	serial;
	enum audit_why	why;
	size_t		n_types;
	uint32_t	have;
};

struct scene {
	struct ledger		*ledger;
	struct audit_assembler	*a;
	struct mono		 now;
	struct seen		 events[SEEN];
	size_t			 n;
};

static void
note(void *ctx, const struct audit_parts *ev, enum audit_why why)
{
	struct scene *s = ctx;

	assert_true(s->n < SEEN);
	s->events[s->n++] = (struct seen){ ev->stamp.serial, why, ev->n_types,
	    ev->have };
}

static struct scene *
open_scene(void)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	s.now.ns = 1000 * MONO_S;
	s.ledger = ledger_new();
	s.a = audit_assemble_new(s.ledger, note, &s);
	assert_non_null(s.a);
	return &s;
}

static void
close_scene(struct scene *s)
{
	assert_true(ledger_stage_balances(ledger_stage(s->ledger,
	    "audit.records")));
	audit_assemble_free(s->a);
	ledger_free(s->ledger);
}

static uint64_t
dropped(struct scene *s, const char *why)
{
	return ledger_get(ledger_dropped(ledger_stage(s->ledger,
	    "audit.records"), why));
}

static uint64_t
gaps(struct scene *s)
{
	return ledger_get(ledger_outside(ledger_stage(s->ledger,
	    "audit.records"), "serial_gaps"));
}

static void
feed_at(struct scene *s, const char *node, int64_t seconds, uint32_t serial,
    uint32_t type, const char *text)
{
	char record[512];
	int n = snprintf(record, sizeof(record), "audit(%lld.000:%u): %s",
	    (long long)seconds, serial, text);

	audit_assemble_feed(s->a, s->now, node, node == NULL ? 0 :
	    strlen(node), type, record, (size_t)n, true);
}

static void
feed(struct scene *s, uint32_t serial, uint32_t type, const char *text)
{
	feed_at(s, NULL, 1000, serial, type, text);
}

#define CALL	"arch=c000003e syscall=59 ppid=6 pid=7 uid=5"

static void
ends_at_eoe(void **state)
{
	struct scene *s = open_scene();

	(void)state;
	feed(s, 1, AUDIT_SYSCALL, CALL);
	feed(s, 1, AUDIT_CWD, "cwd=\"/\"");
	assert_int_equal(s->n, 0);
	feed(s, 1, AUDIT_EOE, "");
	assert_int_equal(s->n, 1);
	assert_int_equal(s->events[0].why, AUDIT_WHY_END);
	assert_int_equal(s->events[0].n_types, 2);
	close_scene(s);
}

static void
ends_at_the_title(void **state)
{
	struct scene *s = open_scene();

	(void)state;
	feed(s, 1, AUDIT_SYSCALL, CALL);
	feed(s, 1, AUDIT_PROCTITLE, "proctitle=\"x\"");
	assert_int_equal(s->n, 1);
	/* The end that follows is no loss and no second event. */
	feed(s, 1, AUDIT_EOE, "");
	assert_int_equal(s->n, 1);
	assert_int_equal(dropped(s, "late"), 0);
	/* A title without its call waits for the end. */
	feed(s, 2, AUDIT_PROCTITLE, "proctitle=\"x\"");
	assert_int_equal(s->n, 1);
	feed(s, 2, AUDIT_EOE, "");
	assert_int_equal(s->n, 2);
	close_scene(s);
}

static void
user_messages_stand_alone(void **state)
{
	struct scene *s = open_scene();

	(void)state;
	feed(s, 5, AUDIT_USER_LOGIN, "pid=1 uid=0 auid=1 ses=1 msg='x'");
	assert_int_equal(s->n, 1);
	assert_int_equal(s->events[0].have, AUDIT_HAVE_USER);
	close_scene(s);
}

static void
untangles(void **state)
{
	struct scene *s = open_scene();
	static const uint32_t order[] = { 3, 1, 2, 1, 3, 2, 2, 1, 3 };
	static const uint32_t types[] = { AUDIT_SYSCALL, AUDIT_CWD, AUDIT_EOE };
	int seen[4] = { 0 };

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(order); i++) {
		uint32_t type = types[seen[order[i]]++];

		feed(s, order[i], type, type == AUDIT_SYSCALL ? CALL :
		    type == AUDIT_CWD ? "cwd=\"/\"" : "");
	}
	assert_int_equal(s->n, 3);
	assert_int_equal(s->events[0].serial, 2);
	assert_int_equal(s->events[1].serial, 1);
	assert_int_equal(s->events[2].serial, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s->events[i].have,
		    AUDIT_HAVE_SYSCALL | AUDIT_HAVE_CWD);
	close_scene(s);
}

/* The same serial at another time or on another machine is another event. */
static void
keeps_keys_apart(void **state)
{
	struct scene *s = open_scene();

	(void)state;
	feed_at(s, NULL, 1000, 9, AUDIT_SYSCALL, CALL);
	feed_at(s, NULL, 1001, 9, AUDIT_SYSCALL, CALL);
	feed_at(s, "a", 1000, 9, AUDIT_SYSCALL, CALL);
	feed_at(s, "b", 1000, 9, AUDIT_SYSCALL, CALL);
	feed_at(s, "b", 1000, 9, AUDIT_EOE, "");
	feed_at(s, "a", 1000, 9, AUDIT_EOE, "");
	feed_at(s, NULL, 1001, 9, AUDIT_EOE, "");
	feed_at(s, NULL, 1000, 9, AUDIT_EOE, "");
	assert_int_equal(s->n, 4);
	assert_int_equal(dropped(s, "malformed"), 0);
	close_scene(s);
}

static void
late_records_make_no_second_event(void **state)
{
	struct scene *s = open_scene();

	(void)state;
	feed(s, 1, AUDIT_SYSCALL, CALL);
	s->now.ns += AUDIT_ASSEMBLE_AGE_NS - 1;
	audit_assemble_tick(s->a, s->now);
	assert_int_equal(s->n, 0);
	s->now.ns += 1;
	audit_assemble_tick(s->a, s->now);
	assert_int_equal(s->n, 1);
	assert_int_equal(s->events[0].why, AUDIT_WHY_AGE);
	feed(s, 1, AUDIT_CWD, "cwd=\"/\"");
	feed(s, 1, AUDIT_EOE, "");
	/* Also when another event was in between. */
	feed(s, 2, AUDIT_EOE, "");
	feed(s, 1, AUDIT_PATH, "item=0 name=\"x\"");
	s->now.ns += 10 * MONO_S;
	audit_assemble_tick(s->a, s->now);
	assert_int_equal(s->n, 1);
	assert_int_equal(dropped(s, "late"), 2);
	close_scene(s);
}

static void
counts_garbage(void **state)
{
	struct scene *s = open_scene();

	(void)state;
	audit_assemble_feed(s->a, s->now, NULL, 0, AUDIT_SYSCALL, "audit(", 6,
	    true);
	audit_assemble_feed(s->a, s->now, NULL, 0, AUDIT_SYSCALL, NULL, 0,
	    true);
	feed(s, 1, AUDIT_SYSCALL, "arch=zz");
	feed(s, 1, AUDIT_CWD, "cwd=\"/\"");
	feed(s, 1, AUDIT_EOE, "");
	assert_int_equal(dropped(s, "garbage"), 2);
	assert_int_equal(dropped(s, "malformed"), 1);
	/* What there is goes on, without its actor. */
	assert_int_equal(s->n, 1);
	assert_int_equal(s->events[0].have, AUDIT_HAVE_CWD);
	close_scene(s);
}

static void
bounds_open_events(void **state)
{
	struct scene *s = open_scene();

	(void)state;
	for (uint32_t i = 0; i < AUDIT_ASSEMBLE_OPEN + 100; i++)
		feed(s, 1 + i, AUDIT_CWD, "cwd=\"/\"");
	assert_int_equal(s->n, 100);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(s->events[i].serial, 1 + i);
		assert_int_equal(s->events[i].why, AUDIT_WHY_ROOM);
	}
	audit_assemble_flush(s->a);
	assert_int_equal(s->n, AUDIT_ASSEMBLE_OPEN + 100);
	close_scene(s);
}

static void
finds_gaps(void **state)
{
	struct scene *s = open_scene();

	(void)state;
	/* 1 2 4 3 6: 5 is missing, 3 only out of order. */
	static const uint32_t serials[] = { 1, 2, 4, 3, 6 };

	for (size_t i = 0; i < UNIT_COUNT(serials); i++)
		feed(s, serials[i], AUDIT_EOE, "");
	for (int i = 0; i < 2; i++) {
		audit_assemble_tick(s->a, s->now);
		s->now.ns += 1 * MONO_S;
	}
	assert_int_equal(gaps(s), 0);	/* 5 may still come */
	for (int i = 0; i < 5; i++) {
		s->now.ns += 1 * MONO_S;
		audit_assemble_tick(s->a, s->now);
	}
	assert_int_equal(gaps(s), 1);
	close_scene(s);
}

static void
serials_wrap(void **state)
{
	struct audit_serials n;

	(void)state;
	audit_serials_init(&n);
	for (uint32_t i = 0; i < 20; i++)
		audit_serials_see(&n, UINT32_MAX - 9 + i);
	audit_serials_finish(&n);
	/* 0 is never used. */
	assert_int_equal(n.gaps, 0);
	assert_int_equal(n.restarts, 0);
	audit_serials_see(&n, 20);
	audit_serials_finish(&n);
	assert_int_equal(n.gaps, 10);
}

static void
serials_of_a_new_boot_are_no_gap(void **state)
{
	struct audit_serials n;

	(void)state;
	audit_serials_init(&n);
	audit_serials_see(&n, 50000000);
	audit_serials_see(&n, 50000001);
	audit_serials_see(&n, 12);
	audit_serials_see(&n, 14);
	audit_serials_finish(&n);
	assert_int_equal(n.gaps, 1);
	assert_int_equal(n.restarts, 1);
}

/* A million lost in one piece is a loss; so many at once fill the window
 * several times over. */
static void
counts_large_gaps(void **state)
{
	struct audit_serials n;

	(void)state;
	audit_serials_init(&n);
	audit_serials_see(&n, 100);
	audit_serials_see(&n, 100 + 20000);
	audit_serials_see(&n, 100 + 19999);
	audit_serials_finish(&n);
	assert_int_equal(n.gaps, 19998);
	/* What was judged does not come back. */
	audit_serials_see(&n, 150);
	audit_serials_finish(&n);
	assert_int_equal(n.gaps, 19998);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_at_eoe),
		cmocka_unit_test(ends_at_the_title),
		cmocka_unit_test(user_messages_stand_alone),
		cmocka_unit_test(untangles),
		cmocka_unit_test(keeps_keys_apart),
		cmocka_unit_test(late_records_make_no_second_event),
		cmocka_unit_test(counts_garbage),
		cmocka_unit_test(bounds_open_events),
		cmocka_unit_test(finds_gaps),
		cmocka_unit_test(serials_wrap),
		cmocka_unit_test(serials_of_a_new_boot_are_no_gap),
		cmocka_unit_test(counts_large_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

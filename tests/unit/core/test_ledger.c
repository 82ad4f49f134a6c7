#include "tests/support/unit.h"

#include <pthread.h>

#include "agent/core/ledger.h"

static void
stages_and_reasons_are_made_once(void **state)
{
	struct ledger *l = ledger_new();
	char name[] = "a.b";
	struct ledger_stage *s = ledger_stage(l, name);

	(void)state;
	name[0] = 'x';			/* the ledger keeps a copy */
	assert_string_equal(s->name, "a.b");
	assert_ptr_equal(ledger_stage(l, "a.b"), s);
	assert_ptr_not_equal(ledger_stage(l, "a"), s);
	assert_ptr_equal(ledger_dropped(s, "full"), ledger_dropped(s, "full"));
	assert_ptr_not_equal(ledger_dropped(s, "full"),
	    ledger_dropped(s, "late"));
	assert_ptr_not_equal(ledger_dropped(s, "full"),
	    ledger_outside(s, "full"));
	assert_ptr_not_equal(ledger_outside(s, "full"),
	    ledger_noted(s, "full"));
	ledger_free(l);
	ledger_free(NULL);
}

static void
a_stage_balances_or_not(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_stage *s = ledger_stage(l, "s");

	(void)state;
	assert_true(ledger_stage_balances(s));
	ledger_add(&s->received, 10);
	assert_false(ledger_stage_balances(s));
	ledger_add(&s->delivered, 5);
	ledger_add(ledger_dropped(s, "full"), 2);
	ledger_add(ledger_dropped(s, "late"), 1);
	ledger_set(&s->pending, 2);
	assert_true(ledger_stage_balances(s));
	/* These two stand beside the balance. */
	ledger_set(ledger_outside(s, "kernel"), 100);
	ledger_add(ledger_noted(s, "copies"), 7);
	assert_true(ledger_stage_balances(s));
	assert_int_equal(ledger_lost(l), 103);
	ledger_add(&s->delivered, 1);
	assert_false(ledger_stage_balances(s));
	ledger_free(l);
}

static void
assert_json(const struct ledger *l, const struct ledger_snapshot *snap,
    const char *expected)
{
	struct json_writer w;
	struct buf b;

	buf_init(&b, 0);
	json_writer_init(&w, &b);
	if (snap == NULL)
		ledger_write_json(l, &w);
	else
		ledger_write_gaps(l, snap, &w);
	assert_string_equal(buf_text(&b), expected);
	buf_fini(&b);
}

static void
writes_json(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_stage *s;

	(void)state;
	assert_json(l, NULL, "{\"stages\":[],\"balances\":true}");
	s = ledger_stage(l, "one");
	ledger_add(&s->received, 3);
	ledger_add(&s->delivered, 2);
	ledger_add(ledger_dropped(s, "full"), 1);
	ledger_set(ledger_outside(s, "lost"), 4);
	ledger_add(ledger_noted(s, "copies"), 5);
	s = ledger_stage(l, "two");
	ledger_set(&s->pending, 1);
	assert_json(l, NULL, "{\"stages\":["
	    "{\"name\":\"one\",\"received\":3,\"delivered\":2,"
	    "\"dropped\":{\"full\":1},\"pending\":0,"
	    "\"outside\":{\"lost\":4},\"noted\":{\"copies\":5},"
	    "\"balances\":true},"
	    "{\"name\":\"two\",\"received\":0,\"delivered\":0,"
	    "\"dropped\":{},\"pending\":1,\"outside\":{},\"noted\":{},"
	    "\"balances\":false}],\"balances\":false}");
	ledger_free(l);
}

static void
writes_what_was_lost_since(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_stage *s = ledger_stage(l, "one"), *t;
	struct ledger_snapshot snap;

	(void)state;
	ledger_add(ledger_dropped(s, "full"), 5);
	ledger_set(ledger_outside(s, "lost"), 50);
	ledger_take(l, &snap);
	assert_json(l, &snap, "{}");
	ledger_add(ledger_dropped(s, "full"), 2);
	assert_json(l, &snap, "{\"one.full\":2}");
	ledger_set(ledger_outside(s, "lost"), 53);
	/* One name for a drop and an outside loss is one key. */
	ledger_set(ledger_outside(s, "full"), 10);
	t = ledger_stage(l, "two");	/* new since the snapshot */
	ledger_add(ledger_dropped(t, "late"), 1);
	ledger_add(ledger_noted(t, "copies"), 1);
	assert_json(l, &snap,
	    "{\"one.full\":12,\"one.lost\":3,\"two.late\":1}");
	/* The kernel's counter began anew. */
	ledger_set(ledger_outside(s, "lost"), 4);
	assert_json(l, &snap,
	    "{\"one.full\":12,\"one.lost\":4,\"two.late\":1}");
	ledger_free(l);
}

static void
there_is_room_for_all(void **state)
{
	static const char *const reasons[LEDGER_REASONS] = {
		"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
		"m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x"
	};
	struct ledger *l = ledger_new();

	(void)state;
	for (int i = 0; i < LEDGER_STAGES; i++) {
		char name[] = { (char)('0' + i / 10), (char)('0' + i % 10),
		    '\0' };
		struct ledger_stage *s = ledger_stage(l, name);

		for (int j = 0; j < LEDGER_REASONS; j++) {
			ledger_add(ledger_dropped(s, reasons[j]), 1);
			ledger_add(ledger_outside(s, reasons[j]), 1);
			ledger_add(ledger_noted(s, reasons[j]), 1);
		}
	}
	assert_int_equal(ledger_lost(l), LEDGER_STAGES * LEDGER_REASONS * 2);
	ledger_free(l);
}

static void *
count(void *arg)
{
	for (int i = 0; i < 100000; i++)
		ledger_add(arg, 1);
	return NULL;
}

static void
threads_count_together(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_stage *s = ledger_stage(l, "s");
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count,
		    &s->received), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(ledger_get(&s->received), 200000);
	ledger_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_and_reasons_are_made_once),
		cmocka_unit_test(a_stage_balances_or_not),
		cmocka_unit_test(writes_json),
		cmocka_unit_test(writes_what_was_lost_since),
		cmocka_unit_test(there_is_room_for_all),
		cmocka_unit_test(threads_count_together)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stream/dedup.h"
#include "stream/slots.h"

#define A	UINT64_C(0x1234567800000001)
#define B	UINT64_C(0x1234567800000002)	/* same upper half */

static void
test_counts_each_once(void **state)
{
	struct dedup *d = dedup_new(16, 5000);

	(void)state;
	assert_true(dedup_is_new(d, A, 0, 1));
	assert_false(dedup_is_new(d, A, 1, 1));
	assert_true(dedup_is_new(d, A, 1, 1));	/* point 0 missed one */
	assert_false(dedup_is_new(d, A, 0, 1));
	assert_false(dedup_is_new(d, A, 2, 1));
	assert_false(dedup_is_new(d, A, 2, 1));
	assert_true(dedup_is_new(d, A, 2, 1));
	assert_true(dedup_is_new(d, B, 0, 1));
	/* A point without a counter is never first once something was. */
	assert_false(dedup_is_new(d, A, DEDUP_POINTS, 1));
	assert_true(dedup_is_new(d, A + 7, DEDUP_POINTS, 1));
	assert_false(dedup_is_new(d, A + 7, DEDUP_POINTS, 1));
	dedup_free(d);
}

static void
test_window(void **state)
{
	struct dedup *d = dedup_new(16, 5000);
	uint32_t now;

	(void)state;
	assert_true(dedup_is_new(d, A, 0, 1000));
	assert_true(dedup_is_new(d, B, 0, 1000));
	for (now = 1000; now < 60000; now += 100) {
		assert_true(dedup_is_new(d, A, 0, now));
		dedup_tick(d, now);
		/* The copy of the one before comes late. */
		assert_false(dedup_is_new(d, A, 1, now));
	}
	/* B was not seen again: it went, A stayed for its copies. */
	assert_int_equal(dedup_count(d), 1);
	assert_false(dedup_is_new(d, A, 1, now));
	dedup_tick(d, now + 4000);
	assert_int_equal(dedup_count(d), 1);
	dedup_tick(d, now + 10300);
	assert_int_equal(dedup_count(d), 0);
	assert_int_equal(dedup_evicted(d), 0);
	dedup_free(d);
}

static void
test_full(void **state)
{
	struct dedup *d = dedup_new(16, 5000);
	uint64_t i;

	(void)state;
	assert_true(dedup_is_new(d, A, 0, 100));
	for (i = 0; i < 1000; i++) {
		uint32_t now = 200 + (uint32_t)i * 10;

		assert_true(dedup_is_new(d, (i + 10) << 32, 0, now));
		/* One that keeps coming is not thrown out. */
		assert_false(dedup_is_new(d, A, 1, now));
		assert_true(dedup_is_new(d, A, 0, now));
	}
	assert_int_equal(dedup_count(d), 16);
	assert_int_equal(dedup_evicted(d), 1000 - 15);
	dedup_free(d);
}

static void
test_entry_is_small(void **state)
{
	(void)state;
	/* 24 bytes and, at half load, two cells of the index. */
	assert_true(dedup_entry_bytes() + 16 <= 40);
}

/* Removal must not hide what stands behind in the same run. */
static void
test_slots(void **state)
{
	struct slots_walk w;
	struct slots s;
	uint32_t i, n;
	uint64_t hash;

	(void)state;
	assert_int_equal(slots_init(&s, 64), 0);
	/* Few homes, so that runs are long and wrap at the end. */
	for (i = 0; i < 64; i++)
		slots_add(&s, (uint64_t)(i % 4 * 41 + 80) << 32, i);
	for (i = 0; i < 64; i += 3)
		assert_true(slots_remove(&s,
		    (uint64_t)(i % 4 * 41 + 80) << 32, i));
	assert_false(slots_remove(&s, UINT64_C(80) << 32, 0));
	for (i = 0; i < 4; i++) {
		hash = (uint64_t)(i * 41 + 80) << 32;
		n = 0;
		for (uint32_t at = slots_first(&s, hash, &w);
		    at != SLOTS_NONE; at = slots_next(&s, &w)) {
			assert_int_equal(at % 4, i);
			assert_int_not_equal(at % 3, 0);
			n++;
		}
		assert_in_range(n, 10, 11);
	}
	assert_true(slots_replace(&s, UINT64_C(121) << 32, 1, 777));
	assert_int_equal(s.used, 42);
	slots_fini(&s);
}

/* While it grows, all that is in it is found, and nothing else. */
static void
test_slots_grow(void **state)
{
	enum { N = 50000 };
	const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
	struct slots_walk w;
	struct slots s;
	uint32_t i;

	(void)state;
	assert_int_equal(slots_init(&s, N), 0);
	for (i = 0; i < N; i++) {
		slots_add(&s, i * step, i);
		if (i % 3 == 2)
			assert_true(slots_remove(&s, (i - 1) * step, i - 1));
	}
	for (i = 0; i < N; i++)
		assert_int_equal(slots_first(&s, i * step, &w),
		    i % 3 == 1 && i + 1 < N ? SLOTS_NONE : i);
	assert_int_equal(s.used, N - N / 3);
	slots_fini(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_each_once),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_entry_is_small),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_slots_grow),
	};

	return cmocka_run_group_tests_name("dedup", tests, NULL, NULL);
}

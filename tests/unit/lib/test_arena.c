#include "tests/support/unit.h"

#include <string.h>

#include "lib/arena.h"

static void
assert_zeros(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], 0);
}

static void
gives_zeroed_aligned_memory_apart(void **state)
{
	struct arena *a = arena_new(8 * 1024 * 1024);
	unsigned char *p[600];

	(void)state;
	assert_non_null(a);
	for (size_t i = 0; i < UNIT_COUNT(p); i++) {
		p[i] = arena_alloc(a, i * 5);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		assert_zeros(p[i], i * 5);
		memset(p[i], (int)(i % 251) + 1, i * 5);
		assert_non_null(arena_memdup(a, "odd", 3));
	}
	for (size_t i = 0; i < UNIT_COUNT(p); i++)
		for (size_t j = 0; j < i * 5; j++)
			assert_int_equal(p[i][j], i % 251 + 1);
	arena_free(a);
}

static void
copies_texts(void **state)
{
	struct arena *a = arena_new(0);
	char *p;

	(void)state;
	p = arena_memdup(a, "a\0b", 3);
	assert_memory_equal(p, "a\0b", 4);
	assert_string_equal(arena_strdup(a, "text"), "text");
	assert_string_equal(arena_memdup(a, NULL, 0), "");
	assert_null(arena_memdup(a, "x", SIZE_MAX));
	arena_free(a);
	arena_free(NULL);
}

static void
stops_at_its_cap(void **state)
{
	struct arena *a = arena_new(1000);
	size_t used;

	(void)state;
	assert_non_null(arena_alloc(a, 990));
	used = arena_used(a);
	assert_int_equal(used, 990);
	assert_null(arena_alloc(a, 11));
	assert_null(arena_memdup(a, "0123456789", 10));	/* and a NUL */
	assert_int_equal(arena_used(a), used);
	assert_non_null(arena_memdup(a, "012345678", 9));
	assert_null(arena_alloc(a, 1));
	assert_non_null(arena_alloc(a, 0));
	assert_null(arena_alloc(a, SIZE_MAX));
	arena_free(a);
}

static void
big_requests_do_not_hide_small_room(void **state)
{
	struct arena *a = arena_new(64 * 1024 * 1024);

	(void)state;
	for (int i = 0; i < 20; i++) {
		unsigned char *big = arena_alloc(a, 1000 * 1000);

		assert_non_null(big);
		assert_zeros(big, 1000);
		memset(big, 1, 1000 * 1000);
		assert_non_null(arena_alloc(a, 16));
	}
	arena_free(a);
}

static void
reset_forgets_and_zeroes_again(void **state)
{
	struct arena *a = arena_new(100 * 1000);
	unsigned char *first, *again;

	(void)state;
	first = arena_alloc(a, 100);
	memset(first, 0xff, 100);
	assert_non_null(arena_alloc(a, 90 * 1000));
	assert_null(arena_alloc(a, 20 * 1000));
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	again = arena_alloc(a, 100);
	assert_ptr_equal(first, again);
	assert_zeros(again, 100);
	assert_non_null(arena_alloc(a, 90 * 1000));
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_zeroed_aligned_memory_apart),
		cmocka_unit_test(copies_texts),
		cmocka_unit_test(stops_at_its_cap),
		cmocka_unit_test(big_requests_do_not_hide_small_room),
		cmocka_unit_test(reset_forgets_and_zeroes_again)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/unit.h"

#include "lib/cursor.h"

static const uint8_t bytes[] = {
	0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
	0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f
};

static void
reads_in_network_order(void **state)
{
	struct cursor c = cursor_make(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16be(&c), 0x0203);
	assert_int_equal(cursor_u32be(&c), 0x04050607);
	assert_true(cursor_u64be(&c) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_int_equal(cursor_left(&c), 0);
	assert_true(cursor_ok(&c));
}

static void
reads_in_host_order(void **state)
{
	struct { uint64_t a; uint32_t b; uint16_t c; } in = {
		UINT64_C(0x1122334455667788), 0x99aabbcc, 0xddee
	};
	struct cursor c = cursor_make(&in, sizeof(in));

	(void)state;
	assert_true(cursor_u64host(&c) == in.a);
	assert_int_equal(cursor_u32host(&c), in.b);
	assert_int_equal(cursor_u16host(&c), in.c);
}

static void
a_short_read_sticks(void **state)
{
	struct cursor c = cursor_make(bytes, 3);

	(void)state;
	assert_int_equal(cursor_u32be(&c), 0);
	assert_false(cursor_ok(&c));
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_null(cursor_take(&c, 0));
	c = cursor_make(bytes, 7);
	assert_true(cursor_u64be(&c) == (UINT64_C(0x01020304) << 32));
	assert_false(cursor_ok(&c));
	c = cursor_make(bytes, 3);
	cursor_skip(&c, SIZE_MAX);
	assert_false(cursor_ok(&c));
	c = cursor_make(NULL, 0);
	assert_int_equal(cursor_left(&c), 0);
	assert_true(cursor_ok(&c));
	assert_int_equal(cursor_u16host(&c), 0);
	assert_false(cursor_ok(&c));
}

static void
a_part_ends_before_its_whole(void **state)
{
	struct cursor c = cursor_make(bytes, 6);
	struct cursor sub = cursor_sub(&c, 2);

	(void)state;
	assert_int_equal(cursor_left(&sub), 2);
	assert_int_equal(cursor_left(&c), 4);
	assert_int_equal(cursor_u16be(&sub), 0x0102);
	assert_int_equal(cursor_u8(&sub), 0);
	assert_false(cursor_ok(&sub));
	assert_true(cursor_ok(&c));
	sub = cursor_sub(&c, 5);
	assert_false(cursor_ok(&sub));
	assert_false(cursor_ok(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_network_order),
		cmocka_unit_test(reads_in_host_order),
		cmocka_unit_test(a_short_read_sticks),
		cmocka_unit_test(a_part_ends_before_its_whole)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

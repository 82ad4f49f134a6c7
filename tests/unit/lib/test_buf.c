#include "tests/support/unit.h"

#include <string.h>

#include "lib/buf.h"

static void
appends(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_string_equal(buf_text(&b), "");
	buf_add(&b, NULL, 0);
	buf_add_str(&b, "ab");
	buf_add_char(&b, 'c');
	buf_add_u64(&b, 0);
	buf_add_u64(&b, UINT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, INT64_MIN);
	buf_add_i64(&b, -1);
	buf_add_i64(&b, INT64_MAX);
	buf_add_hex(&b, "\x00\x9f\xff", 3);
	buf_printf(&b, "<%s:%d>", "x", 7);
	assert_true(buf_ok(&b));
	assert_string_equal(buf_text(&b), "abc018446744073709551615 "
	    "-9223372036854775808-19223372036854775807009fff<x:7>");
	assert_int_equal(b.len, strlen(buf_text(&b)));
	buf_fini(&b);
	assert_string_equal(buf_text(&b), "");
}

static void
grows_to_its_cap_and_no_further(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (int i = 0; i < 1000; i++)
		buf_add_char(&b, 'x');
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, 1000);
	buf_add_char(&b, 'y');
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 1000);
	assert_int_equal(strlen(buf_text(&b)), 1000);
	buf_fini(&b);
}

static void
fails_whole_and_stays_failed(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	buf_add_str(&b, "12345");
	buf_add_str(&b, "6789");
	assert_false(buf_ok(&b));
	assert_string_equal(buf_text(&b), "12345");
	buf_add_char(&b, '6');		/* would fit */
	assert_string_equal(buf_text(&b), "12345");
	buf_reset(&b);
	assert_true(buf_ok(&b));
	assert_string_equal(buf_text(&b), "");
	buf_printf(&b, "%s", "123456789");
	assert_string_equal(buf_text(&b), "");
	assert_false(buf_ok(&b));
	buf_reset(&b);
	buf_add_str(&b, "1234567");
	buf_add_i64(&b, -5);		/* only the sign would fit */
	assert_false(buf_ok(&b));
	assert_string_equal(buf_text(&b), "1234567");
	buf_reset(&b);
	buf_add_hex(&b, "12345", 5);
	assert_false(buf_ok(&b));
	assert_string_equal(buf_text(&b), "");
	buf_reset(&b);
	buf_add(&b, "x", SIZE_MAX);
	assert_false(buf_ok(&b));
	buf_fini(&b);
}

static void
drops_from_the_front(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	buf_drop(&b, 0);
	buf_add_str(&b, "hello");
	buf_drop(&b, 2);
	assert_string_equal(buf_text(&b), "llo");
	buf_drop(&b, 3);
	assert_string_equal(buf_text(&b), "");
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static void
gives_room_to_write(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, 5);
	buf_add_str(&b, "ab");
	p = buf_grow(&b, 3);
	assert_non_null(p);
	memcpy(p, "cde", 3);
	assert_string_equal(buf_text(&b), "abcde");
	assert_int_equal(b.len, 5);
	assert_null(buf_grow(&b, 1));
	assert_false(buf_ok(&b));
	assert_string_equal(buf_text(&b), "abcde");
	buf_fini(&b);
}

static void
writes_digits(void **state)
{
	char text[BUF_DIGITS];

	(void)state;
	assert_int_equal(buf_digits(text, 0, 10, 0), 1);
	assert_string_equal(text, "0");
	assert_int_equal(buf_digits(text, UINT64_MAX, 10, 0), 20);
	assert_string_equal(text, "18446744073709551615");
	assert_int_equal(buf_digits(text, UINT64_MAX, 8, 30), 22);
	assert_string_equal(text, "1777777777777777777777");
	assert_int_equal(buf_digits(text, 0xfe, 16, 2), 2);
	assert_string_equal(text, "fe");
	assert_int_equal(buf_digits(text, 7, 16, 2), 2);
	assert_string_equal(text, "07");
	assert_int_equal(buf_digits(text, 0644, 8, 4), 4);
	assert_string_equal(text, "0644");
	assert_int_equal(buf_digits(text, 1, 10, 100), BUF_DIGITS - 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),
		cmocka_unit_test(grows_to_its_cap_and_no_further),
		cmocka_unit_test(fails_whole_and_stays_failed),
		cmocka_unit_test(drops_from_the_front),
		cmocka_unit_test(writes_digits),
		cmocka_unit_test(gives_room_to_write)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

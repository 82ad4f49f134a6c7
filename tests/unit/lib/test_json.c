#include "tests/support/unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "lib/json.h"

static struct json_doc *
parse(const char *text)
{
	char err[200];
	struct json_doc *d = json_parse(text, strlen(text), 0, err,
	    sizeof(err));

	if (d == NULL)
		fail_msg("%s: %s", text, err);
	assert_string_equal(err, "");
	return d;
}

static void
reads_every_type(void **state)
{
	struct json_doc *d = parse(" {\"s\":\"a\\u0000b\\n\\u00e9\",\"n\":-12,"
	    "\"f\":2.5e3,\"t\":true,\"x\":false,\"z\":null,\"a\":[1,[],{}],"
	    "\"o\":{\"p\":{\"q\":7}},\"dot.ted\":8,\"\":9} ");
	const struct json *r = json_root(d);
	size_t len;

	(void)state;
	assert_int_equal(json_typeof(r), JSON_OBJECT);
	assert_int_equal(json_count(r), 10);
	assert_memory_equal(json_str(json_get(r, "s"), &len),
	    "a\0b\n\xc3\xa9", 7);
	assert_int_equal(len, 6);
	assert_int_equal(json_int(json_get(r, "n")), -12);
	assert_string_equal(json_str(json_get(r, "n"), NULL), "-12");
	assert_int_equal(json_int(json_get(r, "f")), 2500);
	assert_true(json_double(json_get(r, "f")) == 2500.0);
	assert_true(json_bool(json_get(r, "t")));
	assert_false(json_bool(json_get(r, "x")));
	assert_int_equal(json_typeof(json_get(r, "x")), JSON_BOOL);
	assert_int_equal(json_typeof(json_get(r, "z")), JSON_NULL);
	assert_non_null(json_get(r, "z"));
	assert_int_equal(json_count(json_get(r, "a")), 3);
	assert_int_equal(json_int(json_at(json_get(r, "a"), 0)), 1);
	assert_int_equal(json_typeof(json_at(json_get(r, "a"), 2)),
	    JSON_OBJECT);
	assert_int_equal(json_int(json_get(r, "o.p.q")), 7);
	assert_int_equal(json_int(json_member(r, "dot.ted")), 8);
	assert_null(json_get(r, "dot.ted"));
	assert_int_equal(json_int(json_get(r, "")), 9);
	assert_string_equal(json_key_at(r, 0), "s");
	assert_string_equal(json_key_at(r, 8), "dot.ted");
	json_doc_free(d);
}

static void
accessors_take_anything(void **state)
{
	struct json_doc *d = parse("[\"text\"]");
	const struct json *s = json_at(json_root(d), 0);
	size_t len = 5;

	(void)state;
	assert_int_equal(json_typeof(NULL), JSON_NULL);
	assert_null(json_get(NULL, "a.b"));
	assert_null(json_get(s, "a"));
	assert_null(json_member(json_root(d), "a"));
	assert_string_equal(json_str(NULL, &len), "");
	assert_int_equal(len, 0);
	assert_string_equal(json_str(json_root(d), NULL), "");
	assert_int_equal(json_int(s), 0);
	assert_true(json_double(s) == 0);
	assert_false(json_bool(s));
	assert_int_equal(json_count(s), 0);
	assert_null(json_at(s, 0));
	assert_null(json_at(json_root(d), 1));
	assert_string_equal(json_key_at(json_root(d), 0), "");
	assert_null(json_root(NULL));
	json_doc_free(d);
	json_doc_free(NULL);
}

static void
saturates_numbers(void **state)
{
	struct json_doc *d = parse("[9223372036854775807, 9223372036854775808,"
	    "-9223372036854775808, -9223372036854775809, 1e300, -1e300, 1e-3,"
	    "9.3e18, 99999999999999999999999999]");
	static const int64_t expected[] = { INT64_MAX, INT64_MAX, INT64_MIN,
	    INT64_MIN, INT64_MAX, INT64_MIN, 0, INT64_MAX, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(expected); i++)
		assert_true(json_int(json_at(json_root(d), i)) == expected[i]);
	json_doc_free(d);
}

static void
assert_error(const char *text, size_t len, int flags, int expected,
    const char *where)
{
	char err[200] = "untouched";
	struct json_doc *d = json_parse(text, len, flags, err, sizeof(err));
	int got = errno;

	if (d != NULL)
		fail_msg("taken: %.40s", text);
	assert_int_equal(got, expected);
	if (strncmp(err, where, strlen(where)) != 0)
		fail_msg("\"%s\", not \"%s...\"", err, where);
	assert_null(json_parse(text, len, flags, NULL, 0));
}

static void
says_where_an_error_is(void **state)
{
	static const struct { const char *text, *where; } bad[] = {
		{ "", "line 1, column 1: " },
		{ " \n ", "line 2, column 2: " },
		{ "[1,\n 2,\n x]", "line 3, column " },
		{ "[1,]", "line 1, column 4: " },
		{ "{\"a\":1}x", "line 1, column 8: " },
		{ "{\"a\"}", "line 1, column 5: " },
		{ "{1:2}", "line 1, column 2: " },
		{ "01 ", "line 1, column 2: " },
		{ "[1] [2]", "line 1, column 5: " },
		{ "\"a\nb\"", "line 1, column " },
		{ "nul", "line 1, column " },
		{ "\"\\x\"", "line 1, column " },
		{ "{", "line 1, column 2: " }
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(bad); i++)
		assert_error(bad[i].text, strlen(bad[i].text), 0, EINVAL,
		    bad[i].where);
	assert_error("[\"a\0b\"]", 7, 0, EINVAL, "line 1, column ");
}

/* Table 3-7 of the Unicode standard, row by row, and what is beside it. */
static void
tells_utf8(void **state)
{
	static const char *const good[] = {
		"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xec\xbf\xbf", "\xed\x80\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf3\xbf\xbf\xbf",
		"\xf4\x80\x80\x80", "\xf4\x8f\xbf\xbf"
	};
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
		"\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xef\xbf\x41", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe"
	};
	char text[16];
	struct json_doc *d;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(good); i++) {
		snprintf(text, sizeof(text), "\"%s\"", good[i]);
		d = parse(text);
		assert_string_equal(json_str(json_root(d), NULL), good[i]);
		json_doc_free(d);
	}
	for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
		snprintf(text, sizeof(text), "\"%s\"", bad[i]);
		assert_error(text, strlen(text), 0, EINVAL, "line 1, column ");
		snprintf(text, sizeof(text), "{\"%s\":1}", bad[i]);
		assert_error(text, strlen(text), 0, EINVAL, "line 1, column ");
		d = json_parse(text, strlen(text), JSON_LAX, NULL, 0);
		assert_non_null(d);
		assert_string_equal(json_key_at(json_root(d), 0), bad[i]);
		json_doc_free(d);
	}
}

static void
the_last_of_equal_keys_wins(void **state)
{
	struct json_doc *d = parse("{\"a\":1,\"b\":2,\"a\":3,\"\":4,\"\":5}");
	const struct json *r = json_root(d);
	struct buf b;

	(void)state;
	assert_int_equal(json_count(r), 3);
	assert_int_equal(json_int(json_get(r, "a")), 3);
	assert_string_equal(json_key_at(r, 0), "b");
	assert_string_equal(json_key_at(r, 1), "a");
	assert_int_equal(json_int(json_at(r, 2)), 5);
	json_doc_free(d);
	/* The same with an object that is sorted for it. */
	buf_init(&b, 0);
	buf_add_char(&b, '{');
	for (int i = 0; i < 3000; i++)
		buf_printf(&b, "\"k%d\":%d,", i % 1000, i);
	buf_add_str(&b, "\"end\":0}");
	d = parse(buf_text(&b));
	assert_int_equal(json_count(json_root(d)), 1001);
	for (size_t i = 0; i < 1000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%zu", i);
		assert_string_equal(json_key_at(json_root(d), i), key);
		assert_int_equal(json_int(json_at(json_root(d), i)), 2000 + i);
	}
	json_doc_free(d);
	buf_fini(&b);
}

static void
limits_depth_and_size(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 3];
	struct json_doc *d;
	struct buf b;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = '\0';
	d = parse(text);
	json_doc_free(d);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	assert_error(text, strlen(text), 0, E2BIG, "line 1, column 65: ");
	buf_init(&b, 4 * 1024 * 1024);
	for (int i = 0; i < 1000000; i++)
		buf_add_str(&b, "{\"\":");
	assert_error(buf_text(&b), b.len, 0, E2BIG, "line 1, column ");
	buf_reset(&b);
	buf_add_char(&b, '[');
	for (int i = 0; i < JSON_NODES_MAX - 2; i++)
		buf_add_str(&b, "\"\",");
	buf_add_str(&b, "0]");
	d = parse(buf_text(&b));
	assert_int_equal(json_count(json_root(d)), JSON_NODES_MAX - 1);
	json_doc_free(d);
	b.data[b.len - 1] = ',';
	buf_add_str(&b, "0]");
	assert_error(buf_text(&b), b.len, 0, E2BIG, "line 1, column ");
	buf_fini(&b);
}

static void
assert_written(struct buf *b, const char *expected)
{
	assert_true(buf_ok(b));
	assert_string_equal(buf_text(b), expected);
	buf_reset(b);
}

static void
writes_with_commas(void **state)
{
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	json_writer_init(&w, &b);
	json_open(&w, '{');
	json_key_str(&w, "a");
	json_open(&w, '[');
	json_put_i64(&w, INT64_MIN);
	json_put_u64(&w, UINT64_MAX);
	json_open(&w, '[');
	json_close(&w, ']');
	json_open(&w, '{');
	json_close(&w, '}');
	json_put_bool(&w, true);
	json_put_bool(&w, false);
	json_put_null(&w);
	json_put_cstr(&w, NULL);
	json_put_cstr(&w, "x");
	json_put_raw(&w, "{\"r\":1}", 7);
	json_close(&w, ']');
	json_key(&w, "bc", 1);
	json_put_str(&w, "yz", 1);
	json_close(&w, '}');
	assert_written(&b, "{\"a\":[-9223372036854775808,"
	    "18446744073709551615,[],{},true,false,null,null,\"x\",{\"r\":1}],"
	    "\"b\":\"y\"}");
	buf_fini(&b);
}

static void
writes_numbers_that_read_back(void **state)
{
	static const struct { double v; const char *text; } pairs[] = {
		{ 0, "0.0" }, { 73, "73.0" }, { -1.5, "-1.5" }, { 0.1, "0.1" },
		{ 1e300, "1e+300" }, { 1.0 / 3, "0.3333333333333333" },
		{ 5e-324, "4.94065645841247e-324" },
		{ INFINITY, "null" }, { -INFINITY, "null" }, { NAN, "null" },
		{ 9007199254740993.0, "9007199254740992.0" }
	};
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	for (size_t i = 0; i < UNIT_COUNT(pairs); i++) {
		json_writer_init(&w, &b);
		json_put_double(&w, pairs[i].v);
		assert_written(&b, pairs[i].text);
	}
	buf_fini(&b);
}

static void
escapes(void **state)
{
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	json_writer_init(&w, &b);
	json_put_str(&w, "\"\\/\b\f\n\r\t\0\x1f\x7f", 11);
	assert_written(&b,
	    "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"");
	json_writer_init(&w, &b);
	json_put_cstr(&w, "\xc3\xa9\xf0\x9f\x98\x80|\xff|\xc0\x80|\xed\xa0\x80"
	    "|\xe2\x82");
	assert_written(&b, "\"\xc3\xa9\xf0\x9f\x98\x80|\xef\xbf\xbd|"
	    "\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
	    "\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_fini(&b);
}

/* Every byte at every place of a text that is handled by the word. */
static void
no_byte_slips_through_in_a_long_text(void **state)
{
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < 19; at++) {
			char text[] = "an ordinary text 12", expected[32];
			struct json_doc *d;
			const char *got;
			size_t len, n = c < 0x80 ? 1 : 3;

			text[at] = (char)c;
			memcpy(expected, text, at);
			memcpy(expected + at, c < 0x80 ? &text[at] :
			    "\xef\xbf\xbd", n);
			memcpy(expected + at + n, text + at + 1, 19 - at);
			json_writer_init(&w, &b);
			json_put_str(&w, text, 19);
			d = parse(buf_text(&b));
			got = json_str(json_root(d), &len);
			assert_int_equal(len, 18 + n);
			assert_memory_equal(got, expected, len);
			json_doc_free(d);
			buf_reset(&b);
		}
	buf_fini(&b);
}

/* Any bytes give a string that yajl, which checks UTF-8, reads. */
static void
hostile_strings_stay_json(void **state)
{
	uint64_t x = 1234567;
	struct json_writer w;
	struct buf b;
	char err[100];

	(void)state;
	buf_init(&b, 0);
	for (int round = 0; round < 5000; round++) {
		char text[24];
		yajl_val v;

		for (size_t i = 0; i < sizeof(text); i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			text[i] = (char)(x >> 56);
		}
		json_writer_init(&w, &b);
		json_open(&w, '{');
		json_key(&w, text, 12);
		json_put_str(&w, text + 12, 12);
		json_close(&w, '}');
		v = yajl_tree_parse(buf_text(&b), err, sizeof(err));
		if (v == NULL)
			fail_msg("%s: %s", buf_text(&b), err);
		yajl_tree_free(v);
		buf_reset(&b);
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_type),
		cmocka_unit_test(accessors_take_anything),
		cmocka_unit_test(saturates_numbers),
		cmocka_unit_test(says_where_an_error_is),
		cmocka_unit_test(tells_utf8),
		cmocka_unit_test(the_last_of_equal_keys_wins),
		cmocka_unit_test(limits_depth_and_size),
		cmocka_unit_test(writes_with_commas),
		cmocka_unit_test(writes_numbers_that_read_back),
		cmocka_unit_test(escapes),
		cmocka_unit_test(no_byte_slips_through_in_a_long_text),
		cmocka_unit_test(hostile_strings_stay_json)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

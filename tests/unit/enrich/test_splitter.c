#include "tests/support/unit.h"

#include <string.h>

#include "enrich/splitter.h"

struct got { char text[16][64]; size_t n, longest; };

static void
keep(void *ctx, const char *text, size_t len)
{
	struct got *g = ctx;

	if (g->n < UNIT_COUNT(g->text) && len < sizeof(g->text[0]))
		memcpy(g->text[g->n], text, len);
	if (len > g->longest)
		g->longest = len;
	g->n++;
}

/* The same objects wherever the pieces are cut. */
static void
cuts_anywhere(void **state)
{
	static const char stream[] = "{\"a\":1}\n{\"b\":\"}{\\\"\\\\\"}"
	    "{\"c\":[{\"d\":[]}]} \r\n,[{\"e\":{}}]";
	size_t step, at;

	(void)state;
	for (step = 1; step < sizeof(stream); step++) {
		struct splitter s;
		struct got g = { 0 };

		splitter_init(&s);
		for (at = 0; at < sizeof(stream) - 1; at += step)
			splitter_feed(&s, stream + at, step > sizeof(stream) -
			    1 - at ? sizeof(stream) - 1 - at : step, keep,
			    &g);
		assert_int_equal(g.n, 4);
		assert_string_equal(g.text[0], "{\"a\":1}");
		assert_string_equal(g.text[1], "{\"b\":\"}{\\\"\\\\\"}");
		assert_string_equal(g.text[2], "{\"c\":[{\"d\":[]}]}");
		assert_string_equal(g.text[3], "{\"e\":{}}");
		assert_int_equal(s.stray, 0);
		assert_false(splitter_reset(&s));
		splitter_fini(&s);
	}
}

static void
skips_what_is_too_long_or_deep(void **state)
{
	static char big[SPLITTER_BYTES + 100];
	struct splitter s;
	struct got g = { 0 };
	char deep[4 * SPLITTER_DEPTH];
	size_t i;

	(void)state;
	splitter_init(&s);
	memset(big, 'x', sizeof(big));
	memcpy(big, "{\"k\":\"", 6);
	memcpy(big + sizeof(big) - 2, "\"}", 2);
	for (i = 0; i < sizeof(big); i += 1000)
		splitter_feed(&s, big + i, sizeof(big) - i < 1000 ?
		    sizeof(big) - i : 1000, keep, &g);
	assert_int_equal(g.n, 0);
	assert_int_equal(s.skipped, 1);
	splitter_feed(&s, "{\"a\":1}", 7, keep, &g);
	assert_int_equal(g.n, 1);

	memset(deep, '{', 2 * SPLITTER_DEPTH);
	memset(deep + 2 * SPLITTER_DEPTH, '}', 2 * SPLITTER_DEPTH);
	splitter_feed(&s, deep, sizeof(deep), keep, &g);
	assert_int_equal(s.skipped, 2);
	splitter_feed(&s, "{\"a\":1}", 7, keep, &g);
	assert_int_equal(g.n, 2);
	splitter_fini(&s);
}

static void
forgets_a_broken_object(void **state)
{
	struct splitter s;
	struct got g = { 0 };

	(void)state;
	splitter_init(&s);
	splitter_feed(&s, "junk{\"a\":\"", 10, keep, &g);
	assert_int_equal(s.stray, 4);
	assert_true(splitter_reset(&s));
	splitter_feed(&s, "{\"b\":2}", 7, keep, &g);
	assert_int_equal(g.n, 1);
	assert_string_equal(g.text[0], "{\"b\":2}");
	splitter_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_anywhere),
		cmocka_unit_test(skips_what_is_too_long_or_deep),
		cmocka_unit_test(forgets_a_broken_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/sigma/glob.h"

struct row {
	const char	*pattern;
	const char	*text;
	bool		 fits;
};

static bool
fits(const char *pattern, const char *text, bool fold, bool raw)
{
	struct arena *arena = arena_new(0);
	struct glob g;
	bool result;

	assert_int_equal(glob_parse(&g, arena, pattern, strlen(pattern), fold,
	    raw), 0);
	result = glob_match(&g, text, strlen(text));
	arena_free(arena);
	return result;
}

static void
check(const struct row *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (fits(rows[i].pattern, rows[i].text, true, false) !=
		    rows[i].fits)
			fail_msg("%s on %s", rows[i].pattern, rows[i].text);
}

static void
test_wildcards(void **state)
{
	static const struct row rows[] = {
		{ "", "", true }, { "", "a", false },
		{ "*", "", true }, { "*", "abc", true },
		{ "**", "abc", true },
		{ "abc", "abc", true }, { "abc", "abcd", false },
		{ "abc", "ab", false },
		{ "a*c", "ac", true }, { "a*c", "abbc", true },
		{ "a*c", "abcb", false },
		{ "a*", "a", true }, { "a*", "ba", false },
		{ "*a", "ba", true }, { "*a", "ab", false },
		{ "a*a", "a", false }, { "a*a", "aa", true },
		{ "*b*", "abc", true }, { "*b*", "ac", false },
		{ "a*b*c", "a1b2c", true }, { "a*b*c", "a1c2b", false },
		{ "*ab*ab", "ab", false }, { "*ab*ab", "abab", true },
		{ "*ab*ab", "xabyab", true },
		{ "prog?.exe", "proga.exe", true },
		{ "prog?.exe", "prog.exe", false },
		{ "prog?.exe", "progab.exe", false },
		{ "?", "\xc3\xa9", true },	/* one character of two bytes */
		{ "??", "\xc3\xa9", false },
		{ "*?b", "ab", true }, { "*?b", "b", false },
		{ "a?c*", "abcdef", true },
		{ "*a?c", "xxabc", true }, { "*a?c", "xxabcd", false },
	};

	(void)state;
	check(rows, sizeof(rows) / sizeof(rows[0]));
}

/* The table of the specification, section "Escaping". */
static void
test_escapes(void **state)
{
	static const struct row rows[] = {
		{ "a\\b", "a\\b", true },	/* one backslash, or two */
		{ "a\\\\b", "a\\b", true },
		{ "\\*", "*", true }, { "\\*", "x", false },
		{ "\\?", "?", true }, { "\\?", "x", false },
		{ "\\\\*", "\\anything", true },
		{ "\\\\*", "anything", false },
		{ "\\\\\\*", "\\*", true }, { "\\\\\\*", "\\x", false },
		{ "\\\\\\a", "\\\\a", true },	/* three are two */
		{ "\\\\\\\\", "\\\\", true },	/* four are two */
		{ "end\\", "end\\", true },
	};

	(void)state;
	check(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_case_and_raw(void **state)
{
	(void)state;
	assert_true(fits("ABC", "abc", true, false));
	assert_false(fits("ABC", "abc", false, false));
	assert_true(fits("ABC", "ABC", false, false));
	assert_true(fits("a*?\\", "a*?\\", false, true));
	assert_false(fits("a*", "ab", false, true));
}

/* A hostile text must not cost more than its length times the pattern's. */
static void
test_many_stars_end(void **state)
{
	struct arena *arena = arena_new(0);
	static char text[20001], pattern[401];
	struct glob g;
	size_t i;

	(void)state;
	memset(text, 'a', 20000);
	for (i = 0; i < 400; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[399] = 'b';
	assert_int_equal(glob_parse(&g, arena, pattern, 400, true, false), 0);
	assert_false(glob_match(&g, text, 20000));
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_case_and_raw),
		cmocka_unit_test(test_many_stars_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

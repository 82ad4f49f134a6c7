#include "tests/support/unit.h"

#include <string.h>

#include "collectors/audit/paths.h"

static const struct { const char *cwd, *name, *want; } joins[] = {
	{ "/a/b", "c", "/a/b/c" },
	{ "/a/b", "/c", "/c" },
	{ "/a/b", "../c", "/a/c" },
	{ "/a/b", "./c/./d", "/a/b/c/d" },
	{ "/a", "../../../c", "/c" },
	{ "/", "..", "/" },
	{ "/", "x", "/x" },
	{ "/", "", "/" },
	{ "", "", "" },
	{ "", "x", "x" },
	{ "", "../x", "../x" },
	{ "", "../../x", "../../x" },
	{ "", "a/../x", "x" },
	{ "", "a/../../x", "../x" },
	{ "/etc", "/etc/../etc//shadow", "/etc/shadow" },
	{ "/tmp", "/a/b/../../c/", "/c" },
	{ "/a//b/", "c//", "/a/b/c" },
	{ "/a", "...", "/a/..." },
	{ "/a", "..b/c", "/a/..b/c" },
	{ "/a/b", ".", "/a/b" },
	{ "relative", "x", "relative/x" },
	{ "/proc", "../q/probe", "/q/probe" },
};

static void
joins_paths(void **state)
{
	char out[AUDIT_PATHS_MAX];

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(joins); i++) {
		size_t n = audit_paths_join(joins[i].cwd,
		    strlen(joins[i].cwd), joins[i].name,
		    strlen(joins[i].name), out);

		assert_string_equal(out, joins[i].want);
		assert_int_equal(n, strlen(joins[i].want));
	}
}

static void
cuts_what_is_too_long(void **state)
{
	static char cwd[6000], name[6000];
	char out[AUDIT_PATHS_MAX];
	size_t n;

	(void)state;
	memset(cwd, 'c', sizeof(cwd));
	cwd[0] = '/';
	memset(name, 'n', sizeof(name));
	n = audit_paths_join(cwd, sizeof(cwd), name, sizeof(name), out);
	assert_true(n < sizeof(out));
	assert_int_equal(n, strlen(out));
	assert_memory_equal(out, cwd, sizeof(cwd));
	/* Only parts that go up. */
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = "../"[i % 3];
	n = audit_paths_join("", 0, name, sizeof(name), out);
	assert_true(n < sizeof(out));
	n = audit_paths_join(name, sizeof(name), name, sizeof(name), out);
	assert_true(n < sizeof(out));
}

static void
finds_the_last_part(void **state)
{
	(void)state;
	assert_string_equal(audit_paths_base("/a/b"), "b");
	assert_string_equal(audit_paths_base("b"), "b");
	assert_string_equal(audit_paths_base(""), "");
	assert_string_equal(audit_paths_base("/"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_paths),
		cmocka_unit_test(cuts_what_is_too_long),
		cmocka_unit_test(finds_the_last_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

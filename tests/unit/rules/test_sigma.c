/* The reader: what is read, and where each error is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/matcher/matcher.h"
#include "rules/sigma/attack.h"
#include "rules/sigma/sigma.h"

#define HEAD "title: t\nid: r\nlogsource:\n  category: process_creation\n"
#define DET HEAD "detection:\n"		/* what follows is line 6 */

/* All errors of a text, also those of linking and of expressions. */
static void
read_errors(const char *text, struct buf *errors)
{
	struct sigma_set *set = sigma_new();
	struct matcher *m = NULL;
	size_t n = 0;
	int rc;

	assert_non_null(set);
	rc = sigma_read(set, "f.yml", text, strlen(text), errors, &n);
	if (rc == 0)
		rc = sigma_link(set, errors, &n);
	if (rc == 0) {
		m = matcher_new(set, errors, &n);
		rc = m == NULL ? -22 : 0;
	}
	assert_int_equal(rc != 0, n > 0);
	assert_int_equal(n > 0, errors->len > 0);
	matcher_free(m);
	sigma_free(set);
}

static void
expect_error(const char *text, const char *expected)
{
	struct buf errors;

	buf_init(&errors, 0);
	read_errors(text, &errors);
	if (strstr(buf_text(&errors), expected) == NULL)
		fail_msg("expected: %s\ngot: %s\nfrom:\n%s", expected,
		    buf_text(&errors), text);
	buf_fini(&errors);
}

static void
expect_none(const char *text)
{
	struct buf errors;

	buf_init(&errors, 0);
	read_errors(text, &errors);
	assert_string_equal(buf_text(&errors), "");
	buf_fini(&errors);
}

static void
test_meta(void **state)
{
	static const char text[] = "title: A title\n"
	    "id: 5638f7c0-ac70-491d-8465-2a65075e0d86\nname: nick\n"
	    "status: test\nlevel: high\nauthor: a, b\nlicense: MIT\n"
	    "description: |\n  two\n  lines\nreferences: [x, y]\n"
	    "falsepositives: none\ntags: [attack.exfiltration, "
	    "attack.t1048.002, attack.command-and-control, attack.t1048, "
	    "attack.g0016, cve.2021-44228]\n"
	    "custom: [anything]\n"
	    "logsource: {category: process_creation, product: linux}\n"
	    "detection: {s: {process.name: scp}, condition: s}\n"
	    "tallyman: {once-per: [container.id]}\n";
	struct sigma_set *set = sigma_new();
	const struct sigma_rule *r;
	size_t n = 0;

	(void)state;
	assert_int_equal(sigma_read(set, "dir/f.yml", text, strlen(text), NULL,
	    &n), 0);
	assert_int_equal(set->n, 1);
	r = set->rules[0];
	assert_string_equal(r->title, "A title");
	assert_string_equal(r->id, "5638f7c0-ac70-491d-8465-2a65075e0d86");
	assert_string_equal(r->name, "nick");
	assert_int_equal(r->level, SIGMA_HIGH);
	assert_string_equal(r->description, "two\nlines\n");
	assert_int_equal(r->references.n, 2);
	assert_int_equal(r->falsepositives.n, 1);
	assert_int_equal(r->tags.n, 6);
	assert_int_equal(r->tactics.n, 2);
	assert_string_equal(r->tactics.items[0], "TA0010");
	assert_string_equal(r->tactics.items[1], "TA0011");
	assert_int_equal(r->techniques.n, 1);
	assert_string_equal(r->techniques.items[0], "T1048");
	assert_int_equal(r->subtechniques.n, 1);
	assert_string_equal(r->subtechniques.items[0], "T1048.002");
	assert_int_equal(r->n_once_per, 1);
	assert_int_equal(r->datasets, 1u << EVENT_PROCESS);
	sigma_free(set);
}

static void
test_tactics(void **state)
{
	bool sub;

	(void)state;
	assert_string_equal(attack_tactic_find("defense-evasion")->id,
	    "TA0005");
	assert_string_equal(attack_tactic_find("lateral_movement")->id,
	    "TA0008");
	assert_string_equal(attack_tactic_name("TA0040"), "Impact");
	assert_null(attack_tactic_find("exfil"));
	assert_true(attack_is_technique("t1048", &sub));
	assert_false(sub);
	assert_true(attack_is_technique("T1059.013", &sub));
	assert_true(sub);
	assert_false(attack_is_technique("t104", &sub));
	assert_false(attack_is_technique("t1048.02", &sub));
	assert_false(attack_is_technique("ta0010", &sub));
}

static void
test_yaml_errors(void **state)
{
	(void)state;
	expect_error("title: [a\n", "f.yml:2:1: not YAML");
	expect_error("title: t\n\tid: x\n", "f.yml:2:1: not YAML");
	expect_error("title: &a t\n", "f.yml:1:8: anchors, aliases and tags");
	expect_error("title: !!str t\n", "f.yml:1:8: anchors, aliases");
	expect_error("a: &x 1\nb: *x\n", "f.yml:1:4: anchors");
	expect_error("title: t\ntitle: u\n",
	    "f.yml:2:1: key title is given twice, first in line 1");
	expect_error("- a\n", "f.yml:1:1: expected a rule, found a list");
	expect_error("title: \"a\\0b\"\n", "f.yml:1:8: a text may not hold");
	expect_error("? [a]\n: b\n", "f.yml:1:3: expected a text as key");
	expect_error("[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
	    "f.yml:1:18: nested too deep");
}

static void
test_meta_errors(void **state)
{
	(void)state;
	expect_error("id: x\n",
	    "f.yml:1:1: expected one of detection, correlation or filter");
	expect_error("id: x\ndetection:\n  s: {process.name: a}\n"
	    "  condition: s\n", "f.yml:1:1: logsource is missing");
	expect_error("id: x\ndetection: {}\n", "f.yml:1:1: title is missing");
	expect_error("action: global\ntitle: t\n",
	    "f.yml:1:1: action is not part of Sigma 2");
	expect_error(DET "  s: {process.name: a}\n  condition: s\n"
	    "level: hgih\n", "f.yml:8:8: level: expected informational, low, "
	    "medium, high or critical, found hgih");
	expect_error(DET "  s: {process.name: a}\n  condition: s\n"
	    "status: done\n", "f.yml:8:9: status: expected");
	expect_error(DET "  s: {process.name: a}\n  condition: s\n"
	    "tags: {a: b}\n", "f.yml:8:7: tags: expected a list of texts");
	expect_error("title: t\nid: a b\nlogsource: {product: linux}\n"
	    "detection: {s: {process.name: a}, condition: s}\n",
	    "f.yml:2:5: id: expected a UUID");
	expect_error(DET "  s: {process.name: a}\n  condition: s\n"
	    "tallyman:\n  once-por: [a]\n",
	    "f.yml:9:3: tallyman: unknown key once-por");
}

static void
test_logsource_errors(void **state)
{
	(void)state;
	expect_error("title: t\nlogsource:\n  category: proces_creation\n"
	    "detection: {s: {process.name: a}, condition: s}\n",
	    "f.yml:3:13: logsource: no events of category proces_creation on "
	    "this host; did you mean process_creation?");
	expect_error("title: t\nlogsource: linux\n"
	    "detection: {s: {process.name: a}, condition: s}\n",
	    "f.yml:2:12: logsource: expected a map");
	/* Another product's fields are not looked at. */
	expect_none("title: t\nlogsource: {category: antivirus, "
	    "product: windows}\ndetection: {s: {EventID: 1}, condition: s}\n");
}

static void
test_field_errors(void **state)
{
	(void)state;
	expect_error(DET "  s:\n    proces.name: a\n  condition: s\n",
	    "f.yml:7:5: unknown field proces.name; did you mean "
	    "process.name?");
	expect_error(DET "  s:\n    CommandLin|contains: a\n  condition: s\n",
	    "f.yml:7:5: unknown field CommandLin; did you mean CommandLine?");
	expect_error(DET "  s:\n    TicketOptions: 1\n  condition: s\n",
	    "f.yml:7:5: unknown field TicketOptions\n");
	expect_error(DET "  s:\n    process.pid: abc\n  condition: s\n",
	    "f.yml:7:18: process.pid: expected a number");
	expect_error(DET "  s:\n    process.pid: [1, x]\n  condition: s\n",
	    "f.yml:7:22: process.pid: expected a number");
	expect_error(DET "  s:\n    destination.ip: 10.0.0.0/8\n"
	    "  condition: s\n", "f.yml:7:21: destination.ip: expected an "
	    "address (ranges need the modifier cidr)");
	expect_error(DET "  s:\n    process.interactive: yes\n"
	    "  condition: s\n",
	    "f.yml:7:26: process.interactive: expected true or false");
	expect_error(DET "  s:\n    process.name: {a: b}\n  condition: s\n",
	    "f.yml:7:19: process.name: expected a value or a list");
	expect_error(DET "  s:\n    process.name: []\n  condition: s\n",
	    "f.yml:7:19: process.name: the list of values is empty");
}

static void
test_modifier_errors(void **state)
{
	(void)state;
	expect_error(DET "  s:\n    process.name|contians: a\n"
	    "  condition: s\n", "f.yml:7:18: unknown modifier contians; known "
	    "are contains, startswith");
	expect_error(DET "  s:\n    'process.name|re|x': a\n"
	    "  condition: s\n", "f.yml:7:22: unknown modifier x;");
	expect_error(DET "  s:\n    process.name|expand: '%a%'\n"
	    "  condition: s\n", "f.yml:7:18: modifier expand: placeholders");
	expect_error(DET "  s:\n    process.name|contains|endswith: a\n"
	    "  condition: s\n", "f.yml:7:27: modifier endswith: only one of");
	expect_error(DET "  s:\n    process.name|i: a\n  condition: s\n",
	    "f.yml:7:18: modifier i: i, m and s come after re");
	expect_error(DET "  s:\n    process.name|contains|all: a\n"
	    "  condition: s\n",
	    "f.yml:7:32: process.name: all needs a list of several values");
	expect_error(DET "  s:\n    destination.ip|cidr: 10.0.0.0/33\n"
	    "  condition: s\n", "f.yml:7:26: destination.ip: expected a range");
	expect_error(DET "  s:\n    process.pid|cidr: 10.0.0.0/8\n"
	    "  condition: s\n", "f.yml:7:23: process.pid: cidr needs");
	expect_error(DET "  s:\n    process.pid|gt: many\n  condition: s\n",
	    "f.yml:7:21: process.pid: expected a number");
	expect_error(DET "  s:\n    process.pid|exists: maybe\n"
	    "  condition: s\n", "f.yml:7:25: process.pid: expected true");
	expect_error(DET "  s:\n    process.name|re: '(a'\n  condition: s\n",
	    "f.yml:7:22: regular expression: missing closing parenthesis, "
	    "at byte 3 of it");
	expect_error(DET "  s:\n    process.name|fieldref: nothing\n"
	    "  condition: s\n", "f.yml:7:28: unknown field nothing");
}

static void
test_condition_errors(void **state)
{
	static const struct { const char *condition, *error; } rows[] = {
		{ "s and", "7:19: condition: ends where a selection" },
		{ "s t", "7:16: condition: expected and, or or the end" },
		{ "s and t", "7:20: condition: no selection is named t" },
		{ "(s", "7:14: condition: ( is never closed" },
		{ "s)", "7:15: condition: ) without (" },
		{ "( s or (s and s) s )",
		    "7:31: condition: expected and, or or )" },
		{ "1 of x*", "7:19: condition: the pattern fits no selection" },
		{ "2 of s*", "7:14: condition: expected 1, any or all" },
		{ "1 of", "7:18: condition: expected a selection pattern" },
		{ "s | count() > 5", "7:16: condition: aggregations after |" },
		{ "'s and t'", "7:21: condition: no selection is named t" },
		{ "s & s", "7:16: condition: expected and, or or the end" },
		{ "not", "7:17: condition: ends where" },
		{ "\"\xc3\xa9 or t\"", "7:15: condition: no selection is "
		    "named \xc3\xa9" },
		{ "'s or \xc3\xa9'", "7:20: condition: no selection" },
	};
	char text[1024], error[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), DET "  s: {process.name: a}\n"
		    "  condition: %s\n", rows[i].condition);
		snprintf(error, sizeof(error), "f.yml:%s", rows[i].error);
		expect_error(text, error);
	}
	expect_error(DET "  s: {process.name: a}\n",
	    "f.yml:6:3: the condition is missing");
	expect_error(DET "  s: {process.name: a}\n  condition: {a: b}\n",
	    "f.yml:7:14: condition: expected a text");
	expect_error(DET "  selection: {process.name: a}\n"
	    "  condition: selecton\n", "f.yml:7:14: condition: no selection is "
	    "named selecton; did you mean selection?");
}

/* Not only the first. */
static void
test_all_errors_are_reported(void **state)
{
	static const char text[] = DET "  s:\n    nope: 1\n"
	    "    process.pid: x\n    process.name|foo: a\n"
	    "  t:\n    nada: 2\n  condition: s or u\nlevel: top\n---\n"
	    "title: second\nlogsource: {product: linux}\n"
	    "detection: {s: {none: 1}, condition: s}\n";
	static const char *const places[] = { ":7:5:", ":8:18:", ":9:18:",
	    ":11:5:", ":12:19:", ":13:8:", ":17:17:" };
	struct buf errors;
	size_t i;

	(void)state;
	buf_init(&errors, 0);
	read_errors(text, &errors);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strstr(buf_text(&errors), places[i]) == NULL)
			fail_msg("no error at %s in\n%s", places[i],
			    buf_text(&errors));
	buf_fini(&errors);
}

#define CORR "title: c\nid: c\ncorrelation:\n"	/* then line 4 */
#define BASE "---\n" DET "  s: {process.name: a}\n  condition: s\n"

static void
test_correlation_errors(void **state)
{
	(void)state;
	expect_none(CORR "  type: event_count\n  rules: [r]\n  timespan: 5m\n"
	    "  condition: {gte: 3}\n" BASE);
	expect_error(CORR "  type: value_avg\n  rules: [r]\n",
	    "f.yml:4:9: correlation: type value_avg is not known here");
	expect_error(CORR "  type: event_count\n  rules: [q]\n  timespan: 5m\n"
	    "  condition: {gte: 3}\n" BASE,
	    "f.yml:5:11: no rule has the id or name q");
	expect_error(CORR "  type: event_count\n  rules: [r]\n  timespan: 5x\n"
	    "  condition: {gte: 3}\n" BASE, "f.yml:6:13: correlation: "
	    "timespan: expected a number and s, m, h or d");
	expect_error(CORR "  type: event_count\n  rules: [r]\n  timespan: 5m\n"
	    "  condition: {lt: 3}\n" BASE, "f.yml:7:14: condition: needs gt");
	expect_error(CORR "  type: event_count\n  rules: [r]\n  timespan: 5m\n"
	    "  condition: {gt: 3, lt: 4}\n" BASE,
	    "f.yml:7:14: condition: no number is in this range");
	expect_error(CORR "  type: value_count\n  rules: [r]\n  timespan: 5m\n"
	    "  condition: {gt: 3}\n" BASE,
	    "f.yml:7:14: condition: field is missing");
	expect_error(CORR "  type: value_sum\n  rules: [r]\n  timespan: 5m\n"
	    "  condition: {gt: 3, field: user.name}\n" BASE,
	    "f.yml:7:14: condition: value_sum needs a field with whole");
	expect_error(CORR "  type: event_count\n  rules: [r]\n  timespan: 5m\n"
	    "  group-by: [usr.name]\n  condition: {gt: 3}\n" BASE,
	    "f.yml:7:14: unknown field usr.name; did you mean user.name?");
	expect_error(CORR "  type: event_count\n  rules: [r]\n  tmespan: 5m\n",
	    "f.yml:6:3: correlation: unknown key tmespan; did you mean "
	    "timespan?");
	expect_error(CORR "  type: temporal\n  rules: [c, r]\n"
	    "  timespan: 5m\n" BASE, "in a circle");
	expect_error(DET "  s: {process.name: a}\n  condition: s\n" BASE,
	    "f.yml:9:1: id r is that of another rule: f.yml:1");
}

static void
test_filter_errors(void **state)
{
	(void)state;
	expect_error("title: f\nexpires: 2026-01-01\nfilter:\n  rules: [r]\n"
	    "  s: {process.name: a}\n  condition: not s\n" BASE,
	    "f.yml:1:1: filter: author is missing");
	expect_error("title: f\nauthor: a\nfilter:\n  rules: [r]\n"
	    "  s: {process.name: a}\n  condition: not s\n" BASE,
	    "f.yml:1:1: filter: expires");
	expect_error("title: f\nauthor: a\nexpires: soon\nfilter:\n"
	    "  rules: [r]\n  s: {process.name: a}\n  condition: not s\n" BASE,
	    "f.yml:3:10: expires: expected a date");
	expect_error("title: f\nauthor: a\nexpires: 2026-01-01\nfilter:\n"
	    "  rules: any\n  s: {process.name: a}\n  condition: not s\n" BASE,
	    "f.yml:5:10: filter: rules: name the rules");
}

/* Errors without number do not fill the memory. */
static void
test_errors_are_bounded(void **state)
{
	struct buf text, errors;
	size_t i;

	(void)state;
	buf_init(&text, 0);
	buf_init(&errors, 0);
	buf_add_str(&text, DET "  s:\n");
	for (i = 0; i < 1000; i++)
		buf_printf(&text, "    field%zu: 1\n", i);
	buf_add_str(&text, "  condition: s\n");
	read_errors(buf_text(&text), &errors);
	assert_non_null(strstr(buf_text(&errors), ":206:5:"));
	assert_null(strstr(buf_text(&errors), ":207:5:"));
	assert_non_null(strstr(buf_text(&errors), "more errors follow"));
	buf_fini(&text);
	buf_fini(&errors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_tactics),
		cmocka_unit_test(test_yaml_errors),
		cmocka_unit_test(test_meta_errors),
		cmocka_unit_test(test_logsource_errors),
		cmocka_unit_test(test_field_errors),
		cmocka_unit_test(test_modifier_errors),
		cmocka_unit_test(test_condition_errors),
		cmocka_unit_test(test_all_errors_are_reported),
		cmocka_unit_test(test_correlation_errors),
		cmocka_unit_test(test_filter_errors),
		cmocka_unit_test(test_errors_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

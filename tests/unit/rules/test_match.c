/* Modifiers, conditions, values and lists: whole rules against events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rules/fixture.h"
#include "rules/matcher/matcher.h"

#define EVENT "{\"@timestamp\":\"2026-06-01T09:14:07Z\"," \
	"\"event.dataset\":\"tallyman.process\",\"event.action\":\"exec\"," \
	"\"process.name\":\"Scp\",\"process.executable\":\"/usr/bin/scp\"," \
	"\"process.args\":[\"scp\",\"-P\",\"22\",\"Secret.txt\",\"m@h:\"]," \
	"\"process.command_line\":\"scp -P 22 Secret.txt m@h:\"," \
	"\"process.pid\":4711,\"process.interactive\":true," \
	"\"process.working_directory\":\"\",\"user.id\":\"1000\"," \
	"\"user.name\":\"scp\",\"destination.ip\":\"203.0.113.9\"," \
	"\"source.ip\":\"::ffff:10.1.2.3\",\"related.ip\":[\"10.1.2.3\"," \
	"\"2001:db8::9\"],\"event.risk_score\":47.5,\"message\":\"a*b\\nLine\"," \
	"\"container.labels\":{\"com_docker_service\":\"Web\",\"x\":\"y\"}," \
	"\"container.id\":null}"

static struct sigma_set *
read_rule(const char *text, struct buf *errors)
{
	struct sigma_set *set = sigma_new();
	size_t n = 0;

	assert_non_null(set);
	if (sigma_read(set, "r.yml", text, strlen(text), errors, &n) != 0 ||
	    sigma_link(set, errors, &n) != 0)
		fail_msg("%s\n%s", buf_text(errors), text);
	return set;
}

static bool
rule_fits(const char *text, const char *json)
{
	struct buf errors;
	struct sigma_set *set;
	struct matcher *m;
	struct event *e = fixture_event_text(json);
	size_t n = 0;

	assert_non_null(e);
	buf_init(&errors, 0);
	set = read_rule(text, &errors);
	m = matcher_new(set, &errors, &n);
	if (m == NULL)
		fail_msg("%s", buf_text(&errors));
	matcher_run(m, e, &n);
	matcher_free(m);
	sigma_free(set);
	event_unref(e);
	buf_fini(&errors);
	return n == 1;
}

static bool
detection_fits(const char *detection)
{
	char text[4096];

	snprintf(text, sizeof(text), "title: t\nlogsource:\n  product: linux\n"
	    "detection:\n%s\n", detection);
	return rule_fits(text, EVENT);
}

/* One item of a selection. */
static bool
item_fits(const char *item)
{
	char text[2048];

	snprintf(text, sizeof(text), "  s:\n    %s\n  condition: s\n", item);
	return detection_fits(text);
}

struct row {
	const char	*item;
	bool		 fits;
};

static void
check(const struct row *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (item_fits(rows[i].item) != rows[i].fits)
			fail_msg("%s: expected %s", rows[i].item,
			    rows[i].fits ? "to fit" : "not to fit");
}
#define CHECK(rows)	check(rows, sizeof(rows) / sizeof(rows[0]))

static void
test_plain_values(void **state)
{
	static const struct row rows[] = {
		{ "process.name: scp", true },
		{ "process.name: SCP", true },
		{ "process.name|cased: scp", false },
		{ "process.name|cased: Scp", true },
		{ "process.name: sc", false },
		{ "process.name: s?p", true },
		{ "process.name: 's*'", true },
		{ "process.name: [ssh, sftp]", false },
		{ "process.name: [ssh, scp]", true },
		{ "process.name: [ssh, 's*p']", true },
		{ "Image: /usr/bin/scp", true },	/* Sigma's names */
		{ "Image: [/bin/sh, /USR/BIN/SCP]", true },
		{ "process.working_directory: ''", true },
		{ "process.name: ''", false },
		{ "process.pid: 4711", true },
		{ "process.pid: '4711'", true },
		{ "process.pid: 4712", false },
		{ "process.pid: [1, 4711]", true },
		{ "process.pid: '47*'", true },
		{ "event.risk_score: 47.5", true },
		{ "user.id: 1000", true },
		{ "user.id: 0", false },
		{ "process.interactive: true", true },
		{ "process.interactive: 'true'", true },
		{ "process.interactive: false", false },
		{ "destination.ip: 203.0.113.9", true },
		{ "destination.ip: '203.0.113.*'", true },
		{ "destination.ip: 203.0.113.8", false },
		{ "source.ip: 10.1.2.3", true },	/* mapped */
		{ "related.ip: 2001:DB8:0::9", true },
		{ "message: 'a\\*b*'", true },
		{ "message: 'a\\*b'", false },
		{ "container.labels.com_docker_service: web", true },
		{ "container.labels.com_docker_service: db", false },
		{ "container.labels.none: web", false },
		{ "container.labels: y", true },
		{ "container.labels: x", false },
	};

	(void)state;
	CHECK(rows);
}

static void
test_null_and_exists(void **state)
{
	static const struct row rows[] = {
		{ "process.name: null", false },
		{ "process.name:", false },
		{ "process.title: null", true },	/* absent */
		{ "container.id: null", true },		/* missing */
		{ "container.id: ~", true },
		{ "container.id: ''", false },
		{ "container.id: '*'", false },
		{ "container.id|exists: false", true },
		{ "container.id|exists: true", false },
		{ "process.name|exists: true", true },
		{ "process.name|exists: false", false },
		{ "process.working_directory|exists: true", true },
		{ "container.name: [a, null]", true },
		{ "container.labels.x|exists: true", true },
		{ "container.labels.z|exists: true", false },
		{ "process.name: 'null'", false },
	};

	(void)state;
	CHECK(rows);
}

static void
test_text_modifiers(void **state)
{
	static const struct row rows[] = {
		{ "process.command_line|contains: secret", true },
		{ "process.command_line|contains: '-p 22'", true },
		{ "process.command_line|contains|cased: secret", false },
		{ "process.command_line|contains: 'scp*secret'", true },
		{ "process.command_line|contains: 'secret*scp'", false },
		{ "process.command_line|contains: ''", true },
		{ "process.command_line|startswith: SCP", true },
		{ "process.command_line|startswith: secret", false },
		{ "process.command_line|endswith: 'm@h:'", true },
		{ "process.command_line|endswith: scp", false },
		{ "process.executable|endswith: [/ssh, /scp]", true },
		{ "process.command_line|contains|all: [secret, '22']", true },
		{ "process.command_line|contains|all: [secret, '23']", false },
		{ "process.command_line|all|contains: [secret, '22']", true },
		{ "process.pid|startswith: 47", true },
		{ "destination.ip|startswith: '203.0.'", true },
		{ "process.name|neq: ssh", true },
		{ "process.name|neq: scp", false },
		{ "process.name|neq: [ssh, scp]", false },
		{ "process.title|neq: ssh", false },	/* not set */
		{ "process.name|contains|neq: c", false },
		{ "process.name|fieldref: user.name", true },
		{ "process.name|fieldref|cased: user.name", false },
		{ "process.name|fieldref: process.title", false },
		{ "process.args|fieldref: user.name", true },
	};

	(void)state;
	CHECK(rows);
}

static void
test_lists(void **state)
{
	static const struct row rows[] = {
		{ "process.args: -p", true },
		{ "process.args: '-P 22'", false },
		{ "process.args|contains: ecre", true },
		{ "process.args|all: [scp, '22']", true },
		{ "process.args|all: [scp, '23']", false },
		{ "process.args|endswith: ':'", true },
		{ "process.args|re: '^-[A-Z]$'", true },
		{ "process.args|re: '^-[0-9]$'", false },
		{ "related.ip|cidr: 10.0.0.0/8", true },
		{ "related.ip|cidr: 192.168.0.0/16", false },
		{ "process.args|gte: 22", true },
		{ "process.args|gt: 22", false },
	};

	(void)state;
	CHECK(rows);
}

static void
test_regular_expressions(void **state)
{
	static const struct row rows[] = {
		{ "process.name|re: '^S.p$'", true },
		{ "process.name|re: '^s.p$'", false },
		{ "process.name|re|i: '^s.p$'", true },
		{ "process.command_line|re: 'Sec(ret|urity)'", true },
		{ "message|re: '^Line'", false },
		{ "message|re|m: '^Line'", true },
		{ "message|re: 'b.L'", false },
		{ "message|re|s: 'b.L'", true },
		{ "message|re|i|s: 'B.l'", true },
		{ "process.pid|re: '^47\\d+$'", true },
		{ "process.name|re: [x, '^Scp$']", true },
		{ "process.name|re|all: ['^S', 'p$']", true },
	};

	(void)state;
	CHECK(rows);
}

static void
test_numbers_and_ranges(void **state)
{
	static const struct row rows[] = {
		{ "process.pid|lt: 4712", true },
		{ "process.pid|lt: 4711", false },
		{ "process.pid|lte: 4711", true },
		{ "process.pid|gt: 4710", true },
		{ "process.pid|gt: 4711", false },
		{ "process.pid|gte: 4711", true },
		{ "process.pid|gte: 4711.5", false },
		{ "event.risk_score|gt: 47", true },
		{ "event.risk_score|lt: 47", false },
		{ "user.id|gte: 1000", true },
		{ "user.name|gte: 0", false },
		{ "destination.ip|cidr: 203.0.113.0/24", true },
		{ "destination.ip|cidr: [10.0.0.0/8, 203.0.113.9/32]", true },
		{ "destination.ip|cidr: 203.0.114.0/24", false },
		{ "destination.ip|cidr: '::/0'", false },
		{ "source.ip|cidr: 10.0.0.0/8", true },
		{ "related.ip|cidr: 2001:db8::/32", true },
	};

	(void)state;
	CHECK(rows);
}

/* Values from RFC 4648 and the modifiers appendix. */
static void
test_encodings(void **state)
{
	static const char *const event = "{\"event.dataset\":"
	    "\"tallyman.process\",\"process.command_line\":"
	    "\"echo xxL2Jpbi9zaA== Zm9vYmFy\"}";
	static const struct row rows[] = {
		{ "process.command_line|base64|contains: foobar", true },
		{ "process.command_line|base64|contains: foobaz", false },
		{ "process.command_line|base64|contains: /bin/sh", true },
		{ "process.command_line|base64offset|contains: bin", true },
		{ "process.command_line|base64offset|contains: oba", true },
		{ "process.command_line|base64offset|contains: obx", false },
	};
	char text[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "title: t\nlogsource:\n"
		    "  product: linux\ndetection:\n  s:\n    %s\n"
		    "  condition: s\n", rows[i].item);
		if (rule_fits(text, event) != rows[i].fits)
			fail_msg("%s", rows[i].item);
	}
	assert_true(item_fits("process.command_line|windash|contains: ' /P '"));
	assert_true(item_fits("process.command_line|contains|windash: ' -P '"));
	assert_false(item_fits("process.command_line|contains: ' /P '"));
}

static void
test_conditions(void **state)
{
	/* a and b hold, x and y do not. */
	static const char sel[] = "  a: {process.name: scp}\n"
	    "  b: {process.pid: 4711}\n  x: {process.name: ssh}\n"
	    "  y: {process.pid: 1}\n  sel_1: {process.name: scp}\n"
	    "  sel_2: {process.name: ssh}\n  _z: {process.name: ssh}\n"
	    "  condition: ";
	static const struct row rows[] = {
		{ "a", true }, { "x", false }, { "not x", true },
		{ "not not a", true }, { "not a", false },
		{ "a and b", true }, { "a and x", false },
		{ "a or x", true }, { "x or y", false },
		{ "x or a and b", true },
		{ "a or b and x", true },	/* and binds closer */
		{ "(a or b) and x", false },
		{ "not x and a", true },	/* not binds closest */
		{ "not (x and a)", true }, { "not (a and b)", false },
		{ "((a))", true }, { "a AND NOT x", true },
		{ "1 of sel_*", true }, { "all of sel_*", false },
		{ "any of sel_*", true },
		{ "1 of them", true }, { "all of them", false },
		{ "not 1 of sel_*", false }, { "not all of sel_*", true },
		{ "a and 1 of sel_* and not x", true },
		{ "1 of *_2", false }, { "all of ?", false },
		{ "[x, a]", true },		/* a list: any of them */
		{ "[x, y]", false },
		{ "|\n    a and\n    b", true },
	};
	char text[2048];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", sel, rows[i].item);
		if (detection_fits(text) != rows[i].fits)
			fail_msg("%s", rows[i].item);
	}
}

static void
test_selections(void **state)
{
	(void)state;
	/* A map: all; a list of maps: any. */
	assert_true(detection_fits("  s:\n    process.name: scp\n"
	    "    process.pid: 4711\n  condition: s"));
	assert_false(detection_fits("  s:\n    process.name: scp\n"
	    "    process.pid: 1\n  condition: s"));
	assert_true(detection_fits("  s:\n    - process.name: scp\n"
	    "    - process.pid: 1\n  condition: s"));
	assert_false(detection_fits("  s:\n    - process.name: ssh\n"
	    "    - process.pid: 1\n      process.name: scp\n  condition: s"));
}

static void
test_keywords(void **state)
{
	(void)state;
	assert_true(detection_fits("  k: [nothing, SECRET]\n  condition: k"));
	assert_false(detection_fits("  k: [nothing]\n  condition: k"));
	assert_true(detection_fits("  k: 'sec*txt'\n  condition: k"));
	assert_true(detection_fits("  k: 203.0.113.9\n  condition: k"));
	assert_true(detection_fits("  k:\n    '|all': [secret, web]\n"
	    "  condition: k"));
	assert_false(detection_fits("  k:\n    '|all': [secret, none]\n"
	    "  condition: k"));
	assert_true(detection_fits("  k:\n    '|re': 'Sec.et'\n  condition: k"));
	assert_true(detection_fits("  k:\n    - nothing\n"
	    "    - process.name: scp\n  condition: k"));
}

static void
test_logsource(void **state)
{
	static const struct { const char *source; bool fits; } rows[] = {
		{ "category: process_creation", true },
		{ "{category: process_creation, product: linux}", true },
		{ "{category: process_creation, product: windows}", false },
		{ "category: network_connection", false },
		{ "category: flow", false },
		{ "{product: linux, service: auditd}", true },
		{ "product: linux", true },
		{ "{product: docker}", false },
	};
	char text[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "title: t\nlogsource: %s%s\n"
		    "detection:\n  s: {process.name: scp}\n  condition: s\n",
		    rows[i].source[0] == '{' ? "" : "\n  ", rows[i].source);
		if (rule_fits(text, EVENT) != rows[i].fits)
			fail_msg("%s", rows[i].source);
	}
	/* process_creation is exec, not every event of a process. */
	assert_false(rule_fits("title: t\nlogsource:\n"
	    "  category: process_creation\ndetection:\n"
	    "  s: {process.name: scp}\n  condition: s\n",
	    "{\"event.dataset\":\"tallyman.process\",\"event.action\":"
	    "\"setuid\",\"process.name\":\"scp\"}"));
	/* ... and not one that failed, whose program is the caller's. */
	assert_false(rule_fits("title: t\nlogsource:\n"
	    "  category: process_creation\ndetection:\n"
	    "  s: {process.name: scp}\n  condition: s\n",
	    "{\"event.dataset\":\"tallyman.process\",\"event.action\":"
	    "\"exec\",\"event.outcome\":\"failure\","
	    "\"process.name\":\"scp\"}"));
}

/* A field that only Sigma has. */
static void
test_initiated(void **state)
{
	static const char rule[] = "title: t\nlogsource:\n"
	    "  category: network_connection\ndetection:\n"
	    "  s: {Initiated: %s}\n  condition: s\n";
	char text[256];
	size_t i;
	static const struct { const char *value, *action; bool fits; } rows[] = {
		{ "'true'", "connect", true }, { "true", "accept", false },
		{ "'false'", "accept", true }, { "false", "sendto", false },
	};

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char event[256];

		snprintf(text, sizeof(text), rule, rows[i].value);
		snprintf(event, sizeof(event), "{\"event.dataset\":"
		    "\"tallyman.network\",\"event.action\":\"%s\"}",
		    rows[i].action);
		assert_int_equal(rule_fits(text, event), rows[i].fits);
	}
}

/* The same question of many rules is asked once. */
static void
test_predicates_are_shared(void **state)
{
	struct buf text, errors;
	struct sigma_set *set;
	struct matcher *m;
	size_t n = 0, i;

	(void)state;
	buf_init(&text, 0);
	buf_init(&errors, 0);
	for (i = 0; i < 50; i++)
		buf_printf(&text, "---\ntitle: t%zu\nid: r%zu\nlogsource:\n"
		    "  category: process_creation\ndetection:\n"
		    "  s:\n    process.name: [a, b]\n"
		    "    container.id|exists: true\n    process.pid: %zu\n"
		    "  condition: s\n", i, i, i % 2);
	set = read_rule(buf_text(&text), &errors);
	m = matcher_new(set, &errors, &n);
	assert_non_null(m);
	/* exec, failure, the set, exists, two pids */
	assert_int_equal(matcher_predicates(m), 6);
	matcher_free(m);
	sigma_free(set);
	buf_fini(&text);
	buf_fini(&errors);
}

/* An expression that would run for ever is cut off and counted. */
static void
test_regex_limit_is_counted(void **state)
{
	struct buf errors, json;
	struct sigma_set *set;
	struct matcher *m;
	ledger_count limit = 0;
	struct event *e;
	size_t n = 0, i;

	(void)state;
	buf_init(&errors, 0);
	buf_init(&json, 0);
	buf_add_str(&json, "{\"event.dataset\":\"tallyman.process\","
	    "\"process.name\":\"");
	for (i = 0; i < 60; i++)
		buf_add_char(&json, 'a');
	buf_add_str(&json, "!\"}");
	set = read_rule("title: t\nlogsource:\n  product: linux\ndetection:\n"
	    "  s:\n    process.name|re: '^(a+)+$'\n  condition: s\n", &errors);
	m = matcher_new(set, &errors, &n);
	assert_non_null(m);
	matcher_count_in(m, &limit, NULL);
	e = fixture_event_text(buf_text(&json));
	matcher_run(m, e, &n);
	assert_int_equal(n, 0);
	assert_int_equal(ledger_get(&limit), 1);
	event_unref(e);
	matcher_free(m);
	sigma_free(set);
	buf_fini(&json);
	buf_fini(&errors);
}

/* A filter is one more condition, until the day it expires. */
static void
test_filter(void **state)
{
	static const char rule[] = "title: t\nid: r1\nlogsource:\n"
	    "  category: process_creation\ndetection:\n"
	    "  s: {process.name: scp}\n  condition: s\n---\n"
	    "title: f\nid: f1\nauthor: alice\nexpires: %s\nfilter:\n"
	    "  rules: [r1]\n  known: {process.executable: %s}\n"
	    "  condition: not known\n";
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), rule, "2026-06-02", "/usr/bin/scp");
	assert_false(rule_fits(text, EVENT));
	snprintf(text, sizeof(text), rule, "2026-06-01", "/usr/bin/scp");
	assert_true(rule_fits(text, EVENT));
	snprintf(text, sizeof(text), rule, "2026-06-02", "/opt/scp");
	assert_true(rule_fits(text, EVENT));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_values),
		cmocka_unit_test(test_null_and_exists),
		cmocka_unit_test(test_text_modifiers),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_regular_expressions),
		cmocka_unit_test(test_numbers_and_ranges),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_selections),
		cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_logsource),
		cmocka_unit_test(test_initiated),
		cmocka_unit_test(test_predicates_are_shared),
		cmocka_unit_test(test_regex_limit_is_counted),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

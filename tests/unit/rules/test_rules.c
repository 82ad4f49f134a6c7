/* Loading files, reloading, one alert for one cause, the ledger, the list. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/rules/fixture.h"
#include "rules/rules.h"

#define BASE "title: r\nid: r1\nlevel: high\nlogsource: {product: linux}\n" \
	"detection:\n  s: {process.name: scp}\n  condition: s\n"
#define COUNT "title: c\nid: c1\nlevel: %s\ncorrelation:\n" \
	"  type: event_count\n  rules: [r1]\n  timespan: 1h\n" \
	"  condition: {gte: 3}\n%s---\n"

struct bench {
	char		 dir[64];
	char		*paths[1];
	struct conf_list list;
	struct ledger	*ledger;
	struct rules	*rules;
	struct buf	 errors;
	unsigned	 n;
	char		 last[80];
	char		 id[80];
};

static void
take_alert(void *ctx, struct event *alert)
{
	struct bench *b = ctx;

	b->n++;
	snprintf(b->last, sizeof(b->last), "%s",
	    event_str(alert, FIELD_RULE_ID));
	snprintf(b->id, sizeof(b->id), "%s",
	    event_str(alert, FIELD_EVENT_ID));
	event_unref(alert);
}

static void
put_file(struct bench *b, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

static void
start(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->dir, sizeof(b->dir), "/tmp/tallyman-rules-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->paths[0] = b->dir;
	b->list.n = 1;
	b->list.items = b->paths;
	b->ledger = ledger_new();
	buf_init(&b->errors, 0);
}

static void
load(struct bench *b)
{
	b->rules = rules_load(&b->list, b->ledger, &b->errors);
	if (b->rules == NULL)
		fail_msg("%s", buf_text(&b->errors));
	rules_on_alert(b->rules, take_alert, b);
}

static void
stop(struct bench *b)
{
	static const char *const names[] = { "a.yml", "b.yaml", "c.txt",
	    "sub/d.yml", ".e.yml" };
	char path[256];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", b->dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/sub", b->dir);
	rmdir(path);
	assert_int_equal(rmdir(b->dir), 0);
	rules_free(b->rules);
	ledger_free(b->ledger);
	buf_fini(&b->errors);
}

/* Returns how many alerts an exec of the program gave. */
static unsigned
judge(struct bench *b, int second, const char *name, const char *entity)
{
	struct wall when = { (1000 + second) * MONO_S };
	struct event *e = event_new(EVENT_PROCESS, when);
	unsigned before = b->n;

	event_set_cstr(e, FIELD_EVENT_ACTION, "exec");
	event_set_cstr(e, FIELD_PROCESS_NAME, name);
	event_set_cstr(e, FIELD_PROCESS_ENTITY_ID, entity);
	event_set_fmt(e, FIELD_EVENT_ID, "e%d%s", second, entity);
	event_seal(e);
	rules_judge(b->rules, e);
	event_unref(e);
	return b->n - before;
}

static void
test_directory(void **state)
{
	struct bench b;
	char path[256];

	(void)state;
	start(&b);
	snprintf(path, sizeof(path), "%s/sub", b.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	put_file(&b, "a.yml", BASE);
	put_file(&b, "b.yaml", "title: two\nlogsource: {product: linux}\n"
	    "detection: {s: {process.name: x}, condition: s}\n");
	put_file(&b, "c.txt", "not: [a rule");
	put_file(&b, ".e.yml", "not: [a rule");
	put_file(&b, "sub/d.yml", "title: three\n"
	    "logsource: {product: windows}\n"
	    "detection: {s: {EventID: 1}, condition: s}\n");
	load(&b);
	assert_int_equal(rules_count(b.rules), 2);
	stop(&b);
}

static void
test_missing_path(void **state)
{
	struct bench b;
	char path[256];

	(void)state;
	start(&b);
	snprintf(path, sizeof(path), "%s/none.yml", b.dir);
	b.paths[0] = path;
	assert_null(rules_load(&b.list, b.ledger, &b.errors));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(buf_text(&b.errors),
	    "/none.yml: No such file or directory\n"));
	stop(&b);
}

static void
test_one_alert_for_one_cause(void **state)
{
	struct bench b;
	char first[80];

	(void)state;
	start(&b);
	put_file(&b, "a.yml", BASE);
	load(&b);
	assert_int_equal(judge(&b, 1, "scp", "p1"), 1);
	assert_string_equal(b.last, "r1");
	memcpy(first, b.id, sizeof(first));
	assert_int_equal(judge(&b, 2, "scp", "p1"), 0);
	assert_int_equal(judge(&b, 3, "ssh", "p2"), 0);
	assert_int_equal(judge(&b, 4, "scp", "p2"), 1);
	assert_string_not_equal(first, b.id);
	/* A second start of the agent gives it the same name. */
	rules_free(b.rules);
	load(&b);
	assert_int_equal(judge(&b, 9, "scp", "p1"), 1);
	assert_string_equal(first, b.id);
	stop(&b);
}

static void
test_reload(void **state)
{
	struct bench b;

	(void)state;
	start(&b);
	put_file(&b, "a.yml", BASE);
	load(&b);
	assert_int_equal(judge(&b, 1, "scp", "p1"), 1);
	put_file(&b, "a.yml", BASE "level: high\nfoo: [\n");
	assert_int_equal(rules_reload(b.rules, &b.list, &b.errors), -EINVAL);
	assert_true(b.errors.len > 0);
	/* The old rules stay, and what they know. */
	assert_int_equal(judge(&b, 2, "scp", "p1"), 0);
	assert_int_equal(judge(&b, 3, "scp", "p2"), 1);
	put_file(&b, "a.yml", BASE);
	buf_reset(&b.errors);
	assert_int_equal(rules_reload(b.rules, &b.list, &b.errors), 0);
	assert_int_equal(judge(&b, 4, "scp", "p1"), 0);
	assert_int_equal(judge(&b, 5, "scp", "p3"), 1);
	stop(&b);
}

/* An unchanged correlation goes on counting, a changed one begins anew. */
static void
test_reload_keeps_correlations(void **state)
{
	struct bench b;
	char text[1024];

	(void)state;
	start(&b);
	snprintf(text, sizeof(text), COUNT BASE, "high", "");
	put_file(&b, "a.yml", text);
	load(&b);
	assert_int_equal(judge(&b, 1, "scp", "p1"), 0);
	assert_int_equal(judge(&b, 2, "scp", "p2"), 0);
	put_file(&b, "b.yaml", "title: two\nlogsource: {product: linux}\n"
	    "detection: {s: {process.name: x}, condition: s}\n");
	assert_int_equal(rules_reload(b.rules, &b.list, &b.errors), 0);
	assert_int_equal(judge(&b, 3, "scp", "p3"), 1);
	assert_string_equal(b.last, "c1");
	snprintf(text, sizeof(text), COUNT BASE, "low", "");
	put_file(&b, "a.yml", text);
	assert_int_equal(rules_reload(b.rules, &b.list, &b.errors), 0);
	assert_int_equal(judge(&b, 4, "scp", "p4"), 0);
	assert_int_equal(judge(&b, 5, "scp", "p5"), 0);
	assert_int_equal(judge(&b, 6, "scp", "p6"), 1);
	stop(&b);
}

/* The rule that a correlation refers to is silent, unless asked for. */
static void
test_generate(void **state)
{
	struct bench b;
	char text[1024];

	(void)state;
	start(&b);
	snprintf(text, sizeof(text), COUNT BASE, "high",
	    "  generate: true\n");
	put_file(&b, "a.yml", text);
	load(&b);
	assert_int_equal(judge(&b, 1, "scp", "p1"), 1);
	assert_string_equal(b.last, "r1");
	assert_int_equal(judge(&b, 2, "scp", "p2"), 1);
	assert_int_equal(judge(&b, 3, "scp", "p3"), 2);
	assert_string_equal(b.last, "c1");
	stop(&b);
}

static void
test_informational_gives_no_alert(void **state)
{
	struct bench b;

	(void)state;
	start(&b);
	put_file(&b, "a.yml", "title: r\nid: r1\nlevel: informational\n"
	    "logsource: {product: linux}\ndetection:\n"
	    "  s: {process.name: scp}\n  condition: s\n");
	load(&b);
	assert_int_equal(judge(&b, 1, "scp", "p1"), 0);
	stop(&b);
}

static void
test_alerts_are_not_judged(void **state)
{
	struct bench b;
	struct wall when = { 5 };
	struct event *e = event_new(EVENT_ALERT, when);

	(void)state;
	start(&b);
	put_file(&b, "a.yml", BASE);
	load(&b);
	event_set_cstr(e, FIELD_PROCESS_NAME, "scp");
	event_seal(e);
	rules_judge(b.rules, e);
	assert_int_equal(b.n, 0);
	event_unref(e);
	stop(&b);
}

static void
test_ledger(void **state)
{
	struct bench b;
	struct ledger_stage *stage, *alerts;

	(void)state;
	start(&b);
	put_file(&b, "a.yml", BASE);
	load(&b);
	judge(&b, 1, "scp", "p1");
	judge(&b, 2, "scp", "p1");
	judge(&b, 3, "ls", "p2");
	stage = ledger_stage(b.ledger, "rules");
	alerts = ledger_stage(b.ledger, "rules.alerts");
	assert_int_equal(ledger_get(&stage->received), 3);
	assert_true(ledger_stage_balances(stage));
	assert_int_equal(ledger_get(ledger_noted(stage, "matches")), 2);
	assert_int_equal(ledger_get(ledger_noted(stage, "duplicates")), 1);
	assert_int_equal(ledger_get(&alerts->received), 1);
	assert_int_equal(ledger_get(&alerts->delivered), 1);
	assert_true(ledger_stage_balances(alerts));
	stop(&b);
}

static void
test_list(void **state)
{
	struct bench b;
	struct buf out;
	char text[1024];

	(void)state;
	start(&b);
	snprintf(text, sizeof(text), COUNT BASE, "high", "");
	put_file(&b, "a.yml", text);
	load(&b);
	buf_init(&out, 0);
	rules_write_list(b.rules, false, &out);
	assert_non_null(strstr(buf_text(&out), "\nc1 "));
	assert_non_null(strstr(buf_text(&out), "no alert: part of a corr"));
	buf_reset(&out);
	rules_write_list(b.rules, true, &out);
	assert_non_null(strstr(buf_text(&out), "{\"id\":\"c1\",\"title\":"
	    "\"c\",\"level\":\"high\",\"source\":\"event_count\","
	    "\"alerts\":\"yes\""));
	buf_fini(&out);
	stop(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_missing_path),
		cmocka_unit_test(test_one_alert_for_one_cause),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_keeps_correlations),
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_informational_gives_no_alert),
		cmocka_unit_test(test_alerts_are_not_judged),
		cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

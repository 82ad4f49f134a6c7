/*
 * Every shipped rule against events: data/ID.jsonl holds lines
 * {"expect": [rule ids], "event": {...}} that are judged in their order by
 * the whole shipped set. A line's alerts must be exactly those expected, so
 * that a rule which fires where it should not is seen in every file.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rules/fixture.h"
#include "rules/files.h"
#include "rules/matcher/matcher.h"
#include "rules/rules.h"
#include "rules/sigma/expr.h"

#define IDS_MAX	16

struct alerts {
	size_t		 n;
	char		 ids[IDS_MAX][80];
	struct event	*last;
};

static void
take_alert(void *ctx, struct event *alert)
{
	struct alerts *a = ctx;

	assert_true(a->n < IDS_MAX);
	snprintf(a->ids[a->n++], sizeof(a->ids[0]), "%s",
	    event_str(alert, FIELD_RULE_ID));
	event_unref(a->last);
	a->last = alert;
}

static const char *
source_dir(void)
{
	const char *dir = getenv("top_srcdir");

	return dir == NULL ? "." : dir;
}

static struct rules *
load(struct ledger *ledger)
{
	char path[512];
	char *items[1] = { path };
	struct conf_list paths = { 1, items };
	struct buf errors;
	struct rules *r;

	snprintf(path, sizeof(path), "%s/rules/sigma", source_dir());
	buf_init(&errors, 0);
	r = rules_load(&paths, ledger, &errors);
	if (r == NULL)
		fail_msg("%s", buf_text(&errors));
	assert_string_equal(buf_text(&errors), "");
	buf_fini(&errors);
	return r;
}

static bool
has(const struct json *list, const char *id)
{
	size_t i;

	for (i = 0; i < json_count(list); i++)
		if (strcmp(json_str(json_at(list, i), NULL), id) == 0)
			return true;
	return false;
}

/* Returns how many alerts are wrong; says which. */
static unsigned
check_line(const char *file, unsigned line, const struct json *expect,
    const struct alerts *got)
{
	unsigned wrong = 0;
	size_t i;

	for (i = 0; i < got->n; i++) {
		if (has(expect, got->ids[i]))
			continue;
		print_error("%s:%u: unexpected alert %s: %s\n", file, line,
		    got->ids[i], got->last == NULL ? "" :
		    event_str(got->last, FIELD_EVENT_REASON));
		wrong++;
	}
	if (wrong == 0 && got->n != json_count(expect)) {
		print_error("%s:%u: %zu alerts, expected %zu\n", file, line,
		    got->n, json_count(expect));
		wrong++;
	}
	return wrong;
}

/* What an alert of any rule must have. */
static void
check_alert(const struct event *alert)
{
	assert_string_equal(event_str(alert, FIELD_EVENT_KIND), "alert");
	assert_string_not_equal(event_str(alert, FIELD_EVENT_REASON), "");
	assert_string_not_equal(event_str(alert, FIELD_TALLYMAN_GAPS), "");
	assert_string_equal(event_str(alert, FIELD_EVENT_ID),
	    event_str(alert, FIELD_TALLYMAN_ALERT_ID));
	assert_non_null(event_get(alert, FIELD_THREAT_TACTIC_ID));
	assert_non_null(event_get(alert, FIELD_THREAT_TECHNIQUE_ID));
	assert_non_null(event_get(alert, FIELD_RULE_DESCRIPTION));
}

static unsigned
run_file(const char *path, const char *id)
{
	struct ledger *ledger = ledger_new();
	struct rules *r = load(ledger);
	FILE *f = fopen(path, "r");
	char *line = NULL, err[128];
	size_t room = 0;
	unsigned number = 0, fired = 0, quiet = 0, wrong = 0;
	ssize_t len;

	assert_non_null(f);
	while ((len = getline(&line, &room, f)) > 1) {
		struct alerts got = { 0 };
		struct json_doc *doc = json_parse(line, (size_t)len, 0, err,
		    sizeof(err));
		struct event *e;

		number++;
		if (doc == NULL)
			fail_msg("%s:%u: %s", path, number, err);
		e = fixture_event(json_member(json_root(doc), "event"));
		if (e == NULL)
			fail_msg("%s:%u: bad event", path, number);
		rules_on_alert(r, take_alert, &got);
		rules_judge(r, e);
		rules_flush(r);
		wrong += check_line(path, number,
		    json_member(json_root(doc), "expect"), &got);
		if (has(json_member(json_root(doc), "expect"), id))
			fired++;
		else
			quiet++;
		if (got.last != NULL)
			check_alert(got.last);
		event_unref(got.last);
		event_unref(e);
		json_doc_free(doc);
	}
	free(line);
	fclose(f);
	if (fired == 0 || quiet == 0)
		fail_msg("%s: needs an event that fires the rule and one "
		    "that does not", path);
	rules_free(r);
	ledger_free(ledger);
	return wrong;
}

static void
test_events_give_the_expected_alerts(void **state)
{
	char dir[512], path[1024], id[256];
	struct dirent **names;
	unsigned wrong = 0;
	int i, n;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/tests/unit/rules/data", source_dir());
	n = scandir(dir, &names, NULL, alphasort);
	assert_true(n > 2);
	for (i = 0; i < n; i++) {
		const char *dot = strrchr(names[i]->d_name, '.');

		if (dot != NULL && strcmp(dot, ".jsonl") == 0) {
			snprintf(path, sizeof(path), "%s/%s", dir,
			    names[i]->d_name);
			snprintf(id, sizeof(id), "%.*s",
			    (int)(dot - names[i]->d_name), names[i]->d_name);
			wrong += run_file(path, id);
		}
		free(names[i]);
	}
	free(names);
	assert_int_equal(wrong, 0);
}

/* No rule without its events. */
static void
test_every_rule_has_events(void **state)
{
	struct ledger *ledger = ledger_new();
	struct rules *r = load(ledger);
	struct json_doc *doc;
	struct buf list;
	char path[1024];
	size_t i;

	(void)state;
	buf_init(&list, 0);
	rules_write_list(r, true, &list);
	doc = json_parse(list.data, list.len, 0, NULL, 0);
	assert_non_null(doc);
	assert_true(json_count(json_root(doc)) >= rules_count(r));
	for (i = 0; i < json_count(json_root(doc)); i++) {
		const struct json *rule = json_at(json_root(doc), i);
		FILE *f;

		if (strcmp(json_str(json_get(rule, "alerts"), NULL), "yes")
		    != 0)
			continue;
		snprintf(path, sizeof(path), "%s/tests/unit/rules/data/%s.jsonl",
		    source_dir(), json_str(json_get(rule, "id"), NULL));
		f = fopen(path, "r");
		if (f == NULL)
			fail_msg("no events for rule %s",
			    json_str(json_get(rule, "id"), NULL));
		fclose(f);
	}
	json_doc_free(doc);
	buf_fini(&list);
	rules_free(r);
	ledger_free(ledger);
}

/* A set of the shipped rules and its matcher. */
struct plain {
	struct sigma_set	*set;
	struct matcher		*matcher;
};

/* blind: two negations around every condition, which mean nothing but hide
 * the texts by which rules are found, so that each rule is always asked. */
static void
make_plain(struct plain *p, bool blind)
{
	char path[512];
	char *items[1] = { path };
	struct conf_list paths = { 1, items };
	size_t n = 0, i;

	snprintf(path, sizeof(path), "%s/rules/sigma", source_dir());
	p->set = sigma_new();
	assert_int_equal(files_read(p->set, &paths, NULL, &n), 0);
	assert_int_equal(sigma_link(p->set, NULL, &n), 0);
	for (i = 0; i < p->set->n && blind; i++) {
		struct sigma_rule *r = p->set->rules[i];

		if (r->condition == NULL)
			continue;
		r->condition = expr_not(p->set->arena,
		    expr_not(p->set->arena, r->condition));
		if (r->source != NULL)
			r->source = expr_not(p->set->arena,
			    expr_not(p->set->arena, r->source));
	}
	p->matcher = matcher_new(p->set, NULL, &n);
	assert_non_null(p->matcher);
}

static size_t
compare_file(const char *path, struct plain *a, struct plain *b)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, n, m, compared = 0;
	ssize_t len;

	assert_non_null(f);
	while ((len = getline(&line, &room, f)) > 1) {
		struct json_doc *doc = json_parse(line, (size_t)len, 0, NULL,
		    0);
		struct event *e = fixture_event(json_member(json_root(doc),
		    "event"));
		const uint32_t *x = matcher_run(a->matcher, e, &n);
		const uint32_t *y = matcher_run(b->matcher, e, &m);

		if (n != m || memcmp(x, y, n * sizeof(*x)) != 0)
			fail_msg("%s: %s", path, line);
		compared++;
		event_unref(e);
		json_doc_free(doc);
	}
	free(line);
	fclose(f);
	return compared;
}

/* Finding the possible rules first changes no answer. */
static void
test_index_changes_nothing(void **state)
{
	char dir[512], path[1024];
	struct plain indexed, blind;
	struct dirent **names;
	size_t compared = 0;
	int i, n;

	(void)state;
	make_plain(&indexed, false);
	make_plain(&blind, true);
	snprintf(dir, sizeof(dir), "%s/tests/unit/rules/data", source_dir());
	n = scandir(dir, &names, NULL, alphasort);
	for (i = 0; i < n; i++) {
		const char *dot = strrchr(names[i]->d_name, '.');

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (dot != NULL && strcmp(dot, ".jsonl") == 0)
			compared += compare_file(path, &indexed, &blind);
		free(names[i]);
	}
	free(names);
	assert_true(compared > 100);
	matcher_free(indexed.matcher);
	matcher_free(blind.matcher);
	sigma_free(indexed.set);
	sigma_free(blind.set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_give_the_expected_alerts),
		cmocka_unit_test(test_every_rule_has_events),
		cmocka_unit_test(test_index_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

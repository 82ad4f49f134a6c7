/* rules/alert/contact: who waits for a destination, for how long, and which
 * connection counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rules/fixture.h"
#include "rules/alert/contact.h"

#define EXEC(entity) "{\"@timestamp\":\"2026-06-01T09:14:07Z\"," \
	"\"event.dataset\":\"tallyman.process\",\"event.action\":\"exec\"," \
	"\"process\":{\"entity_id\":\"" entity "\"}}"
#define CONNECT(entity, parent, ip, port) \
	"{\"@timestamp\":\"2026-06-01T09:14:07.1Z\"," \
	"\"event.dataset\":\"tallyman.network\"," \
	"\"event.action\":\"connect\",\"process\":{\"entity_id\":\"" entity \
	"\",\"parent\":{\"entity_id\":\"" parent "\"}}," \
	"\"destination\":{\"ip\":\"" ip "\",\"port\":" port "}}"

struct given {
	unsigned	n, with;
	char		key[8], ip[IPADDR_TEXT];
};

static void
on_given(void *ctx, const struct sigma_rule *rule, const struct event *cause,
    const char *key, size_t key_len, const struct event *to)
{
	struct given *g = ctx;

	(void)rule;
	assert_non_null(cause);
	assert_true(key_len < sizeof(g->key));
	memcpy(g->key, key, key_len);
	g->key[key_len] = '\0';
	g->n++;
	if (to != NULL) {
		g->with++;
		ipaddr_format(&event_get(to, FIELD_DESTINATION_IP)->ip, g->ip);
	}
}

static struct sigma_set *
rule_set(const char *tactic)
{
	struct sigma_set *set = sigma_new();
	struct buf text, errors;
	size_t n = 0;

	buf_init(&text, 0);
	buf_init(&errors, 0);
	buf_printf(&text, "title: x\nid: TM-X-1\nlevel: high\n"
	    "tags: [attack.%s]\nlogsource: {category: process_creation}\n"
	    "detection: {s: {process.name: scp}, condition: s}\n", tactic);
	if (sigma_read(set, "x.yml", text.data, text.len, &errors, &n) != 0)
		fail_msg("%s", buf_text(&errors));
	buf_fini(&text);
	buf_fini(&errors);
	return set;
}

static void
see(struct contact_list *l, const char *json)
{
	struct event *e = fixture_event_text(json);

	assert_non_null(e);
	contact_see(l, e);
	event_unref(e);
}

static void
test_waits_for_the_right_one(void **state)
{
	struct given g = { 0 };
	struct contact_list *l = contact_new(on_given, &g);
	struct sigma_set *set = rule_set("exfiltration");
	struct event *e = fixture_event_text(EXEC("scp1"));

	(void)state;
	assert_true(contact_wait(l, set->rules[0], e, "k1", 2));
	see(l, CONNECT("other", "sh1", "203.0.113.9", "22"));
	see(l, CONNECT("scp1", "sh1", "127.0.0.1", "22"));
	see(l, CONNECT("scp1", "sh1", "192.0.2.53", "53"));
	assert_int_equal(g.n, 0);
	/* the ssh that scp started */
	see(l, CONNECT("ssh1", "scp1", "203.0.113.9", "22"));
	assert_int_equal(g.n, 1);
	assert_int_equal(g.with, 1);
	assert_string_equal(g.key, "k1");
	assert_string_equal(g.ip, "203.0.113.9");
	see(l, CONNECT("ssh1", "scp1", "203.0.113.9", "22"));
	assert_int_equal(g.n, 1);
	event_unref(e);
	sigma_free(set);
	contact_free(l);
}

static void
test_time_is_over(void **state)
{
	struct given g = { 0 };
	struct contact_list *l = contact_new(on_given, &g);
	struct sigma_set *set = rule_set("exfiltration");
	struct event *e = fixture_event_text(EXEC("scp1"));
	struct wall now = event_time(e);

	(void)state;
	assert_true(contact_wait(l, set->rules[0], e, "k1", 2));
	now.ns += CONTACT_WAIT_NS;
	contact_tick(l, now);
	assert_int_equal(g.n, 0);
	now.ns++;
	contact_tick(l, now);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.with, 0);
	event_unref(e);
	sigma_free(set);
	contact_free(l);
}

static void
test_who_does_not_wait(void **state)
{
	struct given g = { 0 };
	struct contact_list *l = contact_new(on_given, &g);
	struct sigma_set *set = rule_set("exfiltration");
	struct sigma_set *other = rule_set("execution");
	struct event *e = fixture_event_text(EXEC("scp1"));
	struct event *c = fixture_event_text(CONNECT("a", "b", "192.0.2.1",
	    "22"));
	int i;

	(void)state;
	assert_false(contact_wait(l, other->rules[0], e, "k", 1));
	assert_false(contact_wait(l, set->rules[0], c, "k", 1));
	for (i = 0; i < CONTACT_MAX; i++)
		assert_true(contact_wait(l, set->rules[0], e, "k", 1));
	assert_false(contact_wait(l, set->rules[0], e, "k", 1));
	contact_flush(l);
	assert_int_equal(g.n, CONTACT_MAX);
	assert_true(contact_wait(l, set->rules[0], e, "k", 1));
	event_unref(e);
	event_unref(c);
	sigma_free(set);
	sigma_free(other);
	contact_free(l);	/* and the one that waits */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_the_right_one),
		cmocka_unit_test(test_time_is_over),
		cmocka_unit_test(test_who_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

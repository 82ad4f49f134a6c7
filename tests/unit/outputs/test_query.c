#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "outputs/doctext.h"
#include "outputs/query.h"
#include "outputs/termtext.h"
#include "tests/unit/outputs/shelf.h"

static size_t
count_lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static const char flow_text[] =
    "{\"@timestamp\":\"2026-06-01T09:14:19.204Z\","
    "\"container\":{\"id\":\"3f4b0c8e2a7d1b95\",\"name\":\"some-nginx\"},"
    "\"event\":{\"start\":\"2026-06-01T09:14:07.701Z\","
    "\"duration\":11503000000},"
    "\"source\":{\"ip\":\"172.17.0.3\",\"port\":38888,\"bytes\":10582144},"
    "\"destination\":{\"ip\":\"203.0.113.9\",\"port\":22,\"bytes\":93211,"
    "\"domain\":\"drop.example.net\"},"
    "\"network\":{\"transport\":\"tcp\",\"protocol\":\"ssh\"},"
    "\"tallyman\":{\"source\":{\"container\":{\"id\":\"3f4b0c8e2a7d1b95\"}},"
    "\"flow\":{\"id\":\"f\",\"final\":true,\"left_host\":\"yes\","
    "\"points\":[{\"interface\":\"veth1\",\"packets\":9},"
    "{\"interface\":\"eth0\",\"packets\":9}]}}}";

static void
a_flow_is_one_line_of_facts(void **state)
{
	static const char *const facts[] = {
		"2026-06-01 09:14:07", "some-nginx", "> 203.0.113.9:22",
		"drop.example.net", "tcp/ssh", "10.1 MiB", "91.0 KiB", "yes",
		"11.5s", "veth1 eth0"
	};
	struct state *t = *state;
	size_t i;

	put(t, EVENT_FLOW, "f", 1780305259, flow_text);
	assert_int_equal(RUN(t, "flows"), 0);
	assert_int_equal(count_lines(t->out), 2);
	assert_non_null(strstr(t->out, "LEFT HOST"));
	for (i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		assert_non_null(strstr(t->out, facts[i]));
	assert_null(strstr(t->out, "open"));
	assert_int_equal(RUN(t, "flows", "--json"), 0);
	assert_int_equal(strncmp(t->out, flow_text, strlen(flow_text)), 0);
	assert_string_equal(t->out + strlen(flow_text), "\n");
}

/* A published port: the container answers, the peer is who dialled. */
static void
an_answering_owner_is_shown_from_its_side(void **state)
{
	struct state *t = *state;

	put(t, EVENT_FLOW, "f", 100, "{\"@timestamp\":\"2026-06-01T09:14:19Z\","
	    "\"container\":{\"id\":\"aa\",\"name\":\"web\"},"
	    "\"source\":{\"ip\":\"198.51.100.7\",\"port\":5000,\"bytes\":1000},"
	    "\"destination\":{\"ip\":\"192.0.2.10\",\"port\":8080,"
	    "\"bytes\":5000},\"tallyman\":{\"destination\":{\"container\":"
	    "{\"id\":\"aa\"}},\"flow\":{\"left_host\":\"yes\"}}}");
	assert_int_equal(RUN(t, "flows"), 0);
	assert_non_null(strstr(t->out, "< 198.51.100.7:5000 at "
	    "192.0.2.10:8080"));
	assert_non_null(strstr(t->out, "4.9 KiB"));
	assert_true(strstr(t->out, "4.9 KiB") < strstr(t->out, "1000 B"));
	assert_non_null(strstr(t->out, "open"));
}

static void
lines_fit_the_terminal(void **state)
{
	struct state *t = *state;
	const char *p, *end;

	put(t, EVENT_FLOW, "f", 1780305259, flow_text);
	t->env.tty = true;
	for (t->env.columns = 200; t->env.columns >= 80; t->env.columns--) {
		assert_int_equal(RUN(t, "flows"), 0);
		for (p = t->out; (end = strchr(p, '\n')) != NULL; p = end + 1)
			assert_true(end - p <= t->env.columns);
		assert_non_null(strstr(t->out, "203.0.113.9:22"));
		assert_non_null(strstr(t->out, "10.1 MiB"));
	}
	/* Nothing can be made of 20 columns, but it must not hang. */
	t->env.columns = 20;
	assert_int_equal(RUN(t, "flows"), 0);
	assert_int_equal(count_lines(t->out), 2);
}

/* 196.1 K> says nothing. */
static void
figures_are_never_cut(void **state)
{
	struct state *t = *state;

	put(t, EVENT_FLOW, "f", 100, "{\"@timestamp\":\"2026-06-01T09:14:19Z\","
	    "\"container\":{\"name\":\"a-container-with-a-long-name\"},"
	    "\"source\":{\"ip\":\"172.17.0.3\",\"bytes\":1048473},"
	    "\"destination\":{\"ip\":\"2001:db8:1111:2222:3333:4444:5555:6666\","
	    "\"port\":22,\"bytes\":1048000,\"domain\":\"a.long.name.example\"},"
	    "\"network\":{\"transport\":\"tcp\",\"protocol\":\"http\"},"
	    "\"tallyman\":{\"flow\":{\"left_host\":\"attempted\"}}}");
	t->env.tty = true;
	for (t->env.columns = 200; t->env.columns >= 60; t->env.columns--) {
		assert_int_equal(RUN(t, "flows"), 0);
		assert_non_null(strstr(t->out, "1023.9 KiB"));
		assert_non_null(strstr(t->out, "1023.4 KiB"));
	}
}

static const char *const hostile[] = {
	"\\u001b]0;owned\\u0007",	/* sets the title */
	"\\u001b[2J\\u001b[H",		/* clears the screen */
	"\\u009b31m",			/* CSI as one C1 character */
	"\\u0090q",			/* DCS */
	"a\\u202eb\\u2066c",		/* reorders */
	"x\\ny\\rz\\bw",		/* fakes a line */
	"\\u007f\\u200b\\ufeff\\u2028\\ue0001",
	"\\udb40\\udc41",		/* a tag character */
	"line\\u0000nul",
};

static void
hostile_names_never_reach_the_terminal(void **state)
{
	static const char *const commands[] = {
		"events", "alerts", "flows", "containers"
	};
	struct state *t = *state;
	char text[1024], id[8];
	const unsigned char *p;
	size_t i, c;

	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		snprintf(text, sizeof(text), "{\"@timestamp\":"
		    "\"2026-06-01T09:14:19Z\",\"container\":{\"id\":\"%s\","
		    "\"name\":\"%s\",\"image\":{\"name\":\"%s\",\"tag\":"
		    "[\"%s\"]}},\"process\":{\"name\":\"%s\","
		    "\"command_line\":\"%s\"},\"event\":{\"reason\":\"%s\","
		    "\"action\":\"%s\"},\"rule\":{\"name\":\"%s\"},"
		    "\"destination\":{\"domain\":\"%s\",\"ip\":\"%s\"},"
		    "\"network\":{\"transport\":\"%s\"}}",
		    hostile[i], hostile[i], hostile[i], hostile[i],
		    hostile[i], hostile[i], hostile[i], hostile[i],
		    hostile[i], hostile[i], hostile[i], hostile[i]);
		snprintf(id, sizeof(id), "%zu", i);
		put(t, EVENT_ALERT, id, 100, text);
		put(t, EVENT_FLOW, id, 100, text);
		assert_int_equal(store_begin(t->store), 0);
		assert_int_equal(store_put_container(t->store, id, "x", text,
		    strlen(text), (struct wall){ 100 }), 0);
		assert_int_equal(store_commit(t->store), 0);
	}
	for (c = 0; c < 8; c++) {
		t->env.tty = true;
		t->env.columns = c < 4 ? 120 : 0;
		if (c < 4)
			assert_int_equal(RUN(t, commands[c]), 0);
		else
			assert_int_equal(RUN(t, commands[c - 4], "--json"), 0);
		/* The last alert of a container takes several lines. */
		assert_in_range(count_lines(t->out), (c < 4 ? 1 : 0) +
		    sizeof(hostile) / sizeof(hostile[0]), c == 3 ? 40 :
		    (c < 4 ? 1 : 0) + sizeof(hostile) / sizeof(hostile[0]));
		/* Plain printable ASCII is all that these may become; a
		 * container's document is written anew, with the private
		 * character U+E000 as it is. */
		for (p = (unsigned char *)t->out; *p != '\0'; p++)
			if (c == 7 && memcmp(p, "\xee\x80\x80", 3) == 0)
				p += 2;
			else if (*p != '\n' && (*p < 0x20 ||
			    *p >= 0x7f))
				fail_msg("byte %02x in %s", *p, t->out);
	}
}

static void
bytes_that_are_no_text_are_shown_as_such(void **state)
{
	static const char bytes[] = "a\xff\xc3(\x1b\xe2\x80\xae" "b\xc2\x9b";
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	assert_int_equal(termtext_add(&out, bytes, sizeof(bytes) - 1),
	    strlen("a\\xff\\xc3(\\x1b\\u{202e}b\\u{009b}"));
	assert_string_equal(buf_text(&out),
	    "a\\xff\\xc3(\\x1b\\u{202e}b\\u{009b}");
	buf_reset(&out);
	termtext_fit(&out, "abcdef", 4, false);
	assert_string_equal(buf_text(&out), "abc>");
	buf_reset(&out);
	termtext_fit(&out, "ab", 4, true);
	assert_string_equal(buf_text(&out), "ab  ");
	/* Printable characters pass where the locale has them. */
	if (setlocale(LC_CTYPE, "C.UTF-8") != NULL) {
		buf_reset(&out);
		(void)termtext_add(&out, "\xc3\xa9\xe6\xbc\xa2", 5);
		assert_string_equal(buf_text(&out), "\xc3\xa9\xe6\xbc\xa2");
		assert_int_equal(termtext_width("\xc3\xa9\xe6\xbc\xa2"), 3);
		(void)setlocale(LC_CTYPE, "C");
	}
	buf_fini(&out);
}

static void
wrong_usage_is_64(void **state)
{
	struct state *t = *state;

	assert_int_equal(RUN(t, "events", "--nonsense"), 64);
	assert_non_null(strstr(t->err, "--nonsense"));
	assert_int_equal(RUN(t, "events", "--since"), 64);
	assert_int_equal(RUN(t, "events", "--since", "yesterday"), 64);
	assert_non_null(strstr(t->err, "yesterday"));
	assert_int_equal(RUN(t, "events", "--limit", "x"), 64);
	assert_int_equal(RUN(t, "events", "--limit", "-1"), 64);
	assert_int_equal(RUN(t, "events", "extra"), 64);
	assert_int_equal(RUN(t, "flows", "--rule", "x"), 64);
	assert_int_equal(RUN(t, "alerts", "--dataset", "dns"), 64);
	assert_int_equal(RUN(t, "events", "--dataset", "dsn"), 64);
	assert_non_null(strstr(t->err, "did you mean dns"));
	assert_int_equal(RUN(t, "dead", "a", "b"), 64);
	assert_string_equal(t->out, "");
	assert_int_equal(RUN(t, "events", "--help"), 0);
	assert_non_null(strstr(t->out, "--follow"));
	assert_int_equal(RUN(t, "dead", "--help"), 0);
}

static void
no_store_is_3_and_says_what_to_do(void **state)
{
	struct state *t = *state;

	t->env.store = "/nonexistent/tallyman.db";
	assert_int_equal(RUN(t, "alerts"), 3);
	assert_non_null(strstr(t->err, "/nonexistent/tallyman.db"));
	assert_non_null(strstr(t->err, "tallyman run"));
	assert_int_equal(RUN(t, "dead"), 3);
	t->env.store = t->path;
	if (geteuid() != 0)
		return;
	/* No right to read. */
	fflush(NULL);
	if (fork() == 0) {
		if (setgid(4399) != 0 || setuid(4399) != 0)
			_exit(9);
		_exit(RUN(t, "alerts") == 3 &&
		    strstr(t->err, "root") != NULL ? 0 : 1);
	} else {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

static void
options_reach_the_filter(void **state)
{
	struct state *t = *state;

	put(t, EVENT_DNS, "1", 1000, "{\"n\":1}");
	put(t, EVENT_DNS, "2", 2000, "{\"n\":2}");
	put(t, EVENT_ALERT, "3", 3000, "{\"n\":3}");
	put(t, EVENT_FLOW, "4", 3000, "{\"n\":4}");
	assert_int_equal(RUN(t, "events", "--json"), 0);
	assert_string_equal(t->out, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
	assert_int_equal(RUN(t, "events", "--json", "--limit", "1"), 0);
	assert_string_equal(t->out, "{\"n\":3}\n");
	assert_int_equal(RUN(t, "events", "--json", "--since",
	    "1970-01-01T00:20:00Z", "--until", "1970-01-01T00:40:00Z"), 0);
	assert_string_equal(t->out, "{\"n\":2}\n");
	assert_int_equal(RUN(t, "events", "--json", "--dataset", "flow"), 0);
	assert_string_equal(t->out, "{\"n\":4}\n");
	assert_int_equal(RUN(t, "events", "--json", "--dataset",
	    "tallyman.dns"), 0);
	assert_string_equal(t->out, "{\"n\":1}\n{\"n\":2}\n");
	assert_int_equal(RUN(t, "alerts", "--json", "--rule", "R1",
	    "--container", "web"), 0);
	assert_string_equal(t->out, "{\"n\":3}\n");
	assert_int_equal(RUN(t, "alerts", "--json", "--rule", "R2"), 0);
	assert_string_equal(t->out, "");
}

/* f1 web to 203.0.113.9:22 by ssh, 10 sent 1 received, left; f2 to
 * 10.1.2.3:53 by udp, 300 and 200, stayed; f3 198.51.100.7 to the published
 * 8080 of web, 50 in and 5000 out; f4 attempted to 2001:db8::9:443. */
static void
put_flows(struct state *t)
{
	put(t, EVENT_FLOW, "f1", 1000, "{\"n\":1,\"event\":{\"start\":"
	    "\"1970-01-01T00:10:00Z\",\"duration\":400},"
	    "\"source\":{\"ip\":\"172.17.0.2\",\"bytes\":10,\"packets\":9},"
	    "\"destination\":{\"ip\":\"203.0.113.9\",\"port\":22,"
	    "\"bytes\":1,\"packets\":9},\"network\":{\"transport\":\"tcp\","
	    "\"iana_number\":\"6\",\"protocol\":\"ssh\"},"
	    "\"tallyman\":{\"flow\":{\"left_host\":\"yes\"}}}");
	put(t, EVENT_FLOW, "f2", 1001, "{\"n\":2,\"event\":{\"start\":"
	    "\"1970-01-01T00:05:00Z\",\"duration\":100},"
	    "\"source\":{\"ip\":\"172.17.0.2\",\"bytes\":300},"
	    "\"destination\":{\"ip\":\"192.0.2.1\",\"port\":5353,\"nat\":"
	    "{\"ip\":\"10.1.2.3\",\"port\":53},\"bytes\":200},"
	    "\"network\":{\"transport\":\"udp\"},"
	    "\"tallyman\":{\"flow\":{\"left_host\":\"no\"}}}");
	put(t, EVENT_FLOW, "f3", 1002, "{\"n\":3,\"container\":{\"id\":\"aa\"},"
	    "\"event\":{\"start\":\"1970-01-01T00:15:00Z\",\"duration\":300},"
	    "\"source\":{\"ip\":\"198.51.100.7\",\"bytes\":50},"
	    "\"destination\":{\"ip\":\"192.0.2.10\",\"port\":8080,"
	    "\"bytes\":5000},\"network\":{\"transport\":\"tcp\"},\"tallyman\":"
	    "{\"destination\":{\"container\":{\"id\":\"aa\"}},"
	    "\"flow\":{\"left_host\":\"yes\"}}}");
	put(t, EVENT_FLOW, "f4", 1003, "{\"n\":4,\"event\":{\"start\":"
	    "\"1970-01-01T00:16:00Z\",\"duration\":200},"
	    "\"source\":{\"ip\":\"fd00::2\",\"bytes\":20},"
	    "\"destination\":{\"ip\":\"2001:db8::9\",\"port\":443,"
	    "\"bytes\":0},\"network\":{\"transport\":\"tcp\"},"
	    "\"tallyman\":{\"flow\":{\"left_host\":\"attempted\"}}}");
}

/* The numbers n of the documents that were printed. */
static const char *
numbers(const struct state *t)
{
	static char text[64];
	const char *p = t->out;
	size_t n = 0;

	while ((p = strstr(p, "{\"n\":")) != NULL && n + 1 < sizeof(text)) {
		p += strlen("{\"n\":");
		text[n++] = *p;
	}
	text[n] = '\0';
	return text;
}

/* A flow of four hours is not lost to who asks for ten minutes of it: it was
 * there when it had begun by the end and was reported after the beginning. */
static void
flows_of_a_time_are_those_that_were_there(void **state)
{
	struct state *t = *state;

	put_flows(t);
	assert_int_equal(RUN(t, "flows", "--json", "--until",
	    "1970-01-01T00:14:00Z"), 0);
	assert_string_equal(numbers(t), "12");
	assert_int_equal(RUN(t, "flows", "--json", "--since",
	    "1970-01-01T00:16:41Z", "--until", "1970-01-01T00:15:30Z"), 0);
	assert_string_equal(numbers(t), "23");
	assert_int_equal(RUN(t, "flows", "--json", "--since",
	    "1970-01-01 00:16:42"), 0);
	assert_string_equal(numbers(t), "34");
	assert_int_equal(RUN(t, "flows", "--json", "--limit", "1", "--until",
	    "1970-01-01T00:14:00Z"), 0);
	assert_string_equal(numbers(t), "2");
	assert_int_equal(RUN(t, "flows", "--json", "--until",
	    "1970-01-01T00:04:59Z"), 0);
	assert_string_equal(t->out, "");
}

static int64_t
moment(const char *text)
{
	/* 2026-01-02 03:04:05 in Berlin. */
	struct wall out = { -1 }, now = { 1767319445 * MONO_S };

	return doctext_parse_time(text, now, &out) == 0 ? out.ns : -1;
}

/* Expected: date(1) with TZ=Europe/Berlin. */
static void
times_are_taken_as_they_are_shown(void **state)
{
	static const char *const wrong[] = { "", "1", "25:00", "2026-13-01",
		"2026-01-02 03:04:05x", "2026-01-02 03:04:05.", "03:04x",
		"2026-01-02 03:04.5", "1969-12-31 23:00:00", "yesterday" };
	struct wall shown = { 1767319445 * MONO_S };
	struct buf text;
	size_t i;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	buf_init(&text, 0);
	doctext_add_time(&text, shown);
	assert_string_equal(buf_text(&text), "2026-01-02 03:04:05");
	assert_true(moment(buf_text(&text)) == shown.ns);
	assert_true(moment(buf_text(&text) + 5) == shown.ns);
	buf_fini(&text);
	assert_true(moment("2026-01-02T03:04:05.250") ==
	    shown.ns + 250 * MONO_MS);
	assert_true(moment("2026-01-02 03:04") == 1767319440 * MONO_S);
	assert_true(moment("2026-01-02") == 1767308400 * MONO_S);
	assert_true(moment("2025-07-01 12:00") == 1751364000 * MONO_S);
	/* Not yet: last year, yesterday. */
	assert_true(moment("07-01 12:00") == 1751364000 * MONO_S);
	assert_true(moment("03:04:05") == shown.ns);
	assert_true(moment("03:04:06") == shown.ns + MONO_S - 86400 * MONO_S);
	assert_true(moment("23:00") == 1767304800 * MONO_S);
	/* With a zone as before. */
	assert_true(moment("2026-01-02T03:04:05Z") ==
	    shown.ns + 3600 * MONO_S);
	assert_true(moment("5s") == shown.ns - 5 * MONO_S);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (moment(wrong[i]) != -1)
			fail_msg("took %s", wrong[i]);
	setenv("TZ", "UTC", 1);
	tzset();
}
#define SHOWN(want, ...) do {						\
	assert_int_equal(RUN(t, "flows", "--json", __VA_ARGS__), 0);	\
	assert_string_equal(numbers(t), want);				\
} while (0)

static void
flows_are_filtered(void **state)
{
	struct state *t = *state;

	put_flows(t);
	SHOWN("1234", "--limit", "0");
	SHOWN("1", "--peer", "203.0.113.0/24");
	SHOWN("1", "--peer", "203.0.113.9");
	SHOWN("2", "--peer", "10.0.0.0/8");
	SHOWN("2", "--peer", "192.0.2.1");
	/* Of an answering owner the peer is who dialled, not itself. */
	SHOWN("3", "--peer", "198.51.100.0/24");
	SHOWN("", "--peer", "192.0.2.10/32");
	SHOWN("4", "--peer", "2001:db8::/32");
	SHOWN("123", "--peer", "0.0.0.0/0");
	/* Escapes where nobody puts any. */
	put(t, EVENT_FLOW, "f5", 1004, "{\"n\":5,\"source\":{\"bytes\":7},"
	    "\"destination\":{\"ip\":\"203.0.113.\\u0039\",\"port\":22},"
	    "\"network\":{\"transport\":\"t\\u0063p\"}}");
	SHOWN("15", "--peer", "203.0.113.9", "--proto", "tcp", "--port", "22");
	SHOWN("51", "--peer", "203.0.113.9", "--sort", "bytes");
	put(t, EVENT_FLOW, "f6", 1005, "no JSON");
	SHOWN("15", "--peer", "203.0.113.9");
}

static void
flows_are_sorted(void **state)
{
	struct state *t = *state;

	put_flows(t);
	SHOWN("1423", "--sort", "bytes");
	SHOWN("3241", "--sort", "-bytes");
	SHOWN("23", "--sort", "bytes", "--limit", "2");
	SHOWN("32", "--sort", "-bytes", "--limit", "2");
	SHOWN("1423", "--sort", "sent");	/* f3 sent what it answered */
	SHOWN("4132", "--sort", "received");
	SHOWN("2134", "--sort", "started");
	SHOWN("4312", "--sort", "age");
	SHOWN("2431", "--sort", "lasted");
	SHOWN("2341", "--sort", "packets");
	/* The limit is of those that fit. */
	SHOWN("13", "--left-host", "yes", "--limit", "2");
	SHOWN("3", "--left-host", "yes", "--limit", "1");
	SHOWN("31", "--left-host", "yes", "--sort", "-bytes", "--limit", "9");
}

static void
flow_options_are_checked(void **state)
{
	struct state *t = *state;

	put_flows(t);
	SHOWN("2", "--port", "53");
	SHOWN("2", "--port", "5353");
	SHOWN("3", "--port", "8080");
	SHOWN("134", "--proto", "TCP");
	SHOWN("1", "--proto", "6");
	SHOWN("1", "--proto", "ssh");
	SHOWN("13", "--left-host", "yes");
	SHOWN("2", "--left-host", "no");
	SHOWN("4", "--left-host", "attempted");
	assert_int_equal(RUN(t, "flows", "--left-host", "maybe"), 64);
	assert_non_null(strstr(t->err, "expected yes, no or attempted, not "
	    "maybe"));
	assert_int_equal(RUN(t, "flows", "--peer", "10.0.0.0/33"), 64);
	assert_int_equal(RUN(t, "flows", "--peer", "nas\033[2J"), 64);
	assert_null(strchr(t->err, '\033'));
	assert_int_equal(RUN(t, "flows", "--port", "0"), 64);
	assert_int_equal(RUN(t, "flows", "--port", "65536"), 64);
	assert_int_equal(RUN(t, "flows", "--port", "-1"), 64);
	assert_int_equal(RUN(t, "flows", "--proto", ""), 64);
	assert_int_equal(RUN(t, "flows", "--sort", "bites"), 64);
	assert_non_null(strstr(t->err, "did you mean bytes"));
	assert_int_equal(RUN(t, "flows", "--sort", "age", "--follow"), 64);
	assert_int_equal(RUN(t, "events", "--peer", "10.0.0.1"), 64);
	assert_non_null(strstr(t->err, "unknown option --peer"));
	assert_int_equal(RUN(t, "flows", "--help"), 0);
	assert_non_null(strstr(t->out, "--left-host"));
	assert_int_equal(RUN(t, "events", "--help"), 0);
	assert_null(strstr(t->out, "--left-host"));
}

static void *
put_flows_later(void *arg)
{
	usleep(300000);
	put_flows(arg);
	return NULL;
}

static void
what_follows_is_filtered_too(void **state)
{
	struct state *t = *state;
	pthread_t thread;

	t->env.polls = 6;
	assert_int_equal(pthread_create(&thread, NULL, put_flows_later, t), 0);
	SHOWN("13", "--follow", "--left-host", "yes");
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *
put_later(void *arg)
{
	struct state *t = arg;

	usleep(300000);
	put(t, EVENT_ALERT, "later", 5000, "{\"n\":\"later\"}");
	return NULL;
}

static void
follow_shows_what_comes(void **state)
{
	struct state *t = *state;
	pthread_t thread;

	put(t, EVENT_ALERT, "1", 1000, "{\"n\":1}");
	t->env.polls = 6;
	assert_int_equal(pthread_create(&thread, NULL, put_later, t), 0);
	assert_int_equal(RUN(t, "alerts", "--json", "--follow"), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(t->out, "{\"n\":1}\n{\"n\":\"later\"}\n");
}

static void
dead_letters_are_listed(void **state)
{
	struct state *t = *state;
	struct store_doc d = { .dataset = EVENT_ALERT, .id = "a1",
	    .time = { 1000 * MONO_S }, .text = "{\"a\":1}", .len = 7 };

	assert_int_equal(store_begin(t->store), 0);
	assert_int_equal(store_spool_put(t->store, "es", &d), 0);
	assert_int_equal(store_spool_dead(t->store, 1, "mapper\033[2J",
	    (struct wall){ 0 }), 0);
	assert_int_equal(store_commit(t->store), 0);
	assert_int_equal(RUN(t, "dead"), 0);
	assert_non_null(strstr(t->out, "a1"));
	assert_non_null(strstr(t->out, "mapper\\x1b[2J"));
	assert_int_equal(RUN(t, "dead", "--json", "es"), 0);
	assert_string_equal(t->out, "{\"output\":\"es\",\"id\":\"a1\","
	    "\"reason\":\"mapper\\u001b[2J\",\"attempts\":0,"
	    "\"document\":{\"a\":1}}\n");
	assert_int_equal(RUN(t, "dead", "--json", "other"), 0);
	assert_string_equal(t->out, "");
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_flow_is_one_line_of_facts),
		T(an_answering_owner_is_shown_from_its_side),
		T(lines_fit_the_terminal),
		T(figures_are_never_cut),
		T(hostile_names_never_reach_the_terminal),
		cmocka_unit_test(bytes_that_are_no_text_are_shown_as_such),
		T(wrong_usage_is_64),
		T(no_store_is_3_and_says_what_to_do),
		T(options_reach_the_filter),
		T(flows_of_a_time_are_those_that_were_there),
		T(times_are_taken_as_they_are_shown),
		T(flows_are_filtered),
		T(flows_are_sorted),
		T(flow_options_are_checked),
		T(what_follows_is_filtered_too),
		T(follow_shows_what_comes),
		T(dead_letters_are_listed),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}

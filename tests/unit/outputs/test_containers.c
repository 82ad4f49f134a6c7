#include "tests/unit/outputs/shelf.h"

#include <unistd.h>

#include "lib/json.h"

#define A	"aaaa000011112222333344445555666677778888999900001111222233334444"
#define B	"bbbb000011112222333344445555666677778888999900001111222233334444"

static void
put_container(struct state *t, const char *id, const char *name, int s,
    const char *docker, bool privileged)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "{\"@timestamp\":"
	    "\"1970-01-01T00:00:10Z\",\"container\":{\"id\":\"%s\","
	    "\"name\":\"%s\",\"image\":{\"name\":\"nginx\",\"tag\":[\"1.25\"]},"
	    "\"labels\":{\"a.b\":\"c\\u001bd\"},\"security_context\":"
	    "{\"privileged\":%s}},\"tallyman\":{\"docker\":{\"state\":"
	    "\"running\",%s\"restart_count\":2}}}", id, name,
	    privileged ? "true" : "false", docker);

	assert_true(n < (int)sizeof(text));
	assert_int_equal(store_begin(t->store), 0);
	assert_int_equal(store_put_container(t->store, id, name, text,
	    (size_t)n, (struct wall){ s * MONO_S }), 0);
	assert_int_equal(store_commit(t->store), 0);
}

static void
put_flow(struct state *t, const char *id, const char *from, const char *to,
    const char *ip, long long sent, long long received, const char *left)
{
	char text[1024];
	struct store_doc d = { .dataset = EVENT_FLOW, .id = id, .flow = id,
	    .time = { 100 * MONO_S }, .text = text,
	    .container_id = from[0] != '\0' ? from : to,
	    .peer_id = from[0] != '\0' ? to : "" };

	d.len = (size_t)snprintf(text, sizeof(text), "{\"source\":{\"ip\":"
	    "\"172.17.0.2\",\"bytes\":%lld},\"destination\":{\"ip\":\"%s\","
	    "\"port\":80,\"bytes\":%lld},\"network\":{\"transport\":\"tcp\"},"
	    "\"tallyman\":{\"source\":{\"container\":{\"id\":\"%s\"}},"
	    "\"destination\":{\"container\":{\"id\":\"%s\"}},\"flow\":"
	    "{\"id\":\"%s\",\"left_host\":\"%s\"}}}", sent, ip, received,
	    from, to, id, left);
	assert_int_equal(store_begin(t->store), 0);
	assert_int_equal(store_put(t->store, &d), 0);
	assert_int_equal(store_commit(t->store), 0);
}

static void
put_alert(struct state *t, const char *id, int s, const char *of,
    const char *rule)
{
	char text[512];
	struct store_doc d = { .dataset = EVENT_ALERT, .id = id,
	    .time = { s * 60 * MONO_S }, .text = text, .container_id = of };

	snprintf(text, sizeof(text), "{\"@timestamp\":\"1970-01-01T00:%02d:"
	    "00Z\",\"container\":{\"id\":\"%s\"},\"event\":{\"id\":\"%s\","
	    "\"severity\":73},\"rule\":{\"name\":\"%s\"}}", s, of, id, rule);
	d.len = strlen(text);
	assert_int_equal(store_begin(t->store), 0);
	assert_int_equal(store_put(t->store, &d), 0);
	assert_int_equal(store_commit(t->store), 0);
}

static void
fill(struct state *t)
{
	put_container(t, A, "web", 10, "\"started\":\"1970-01-01T00:00:05Z\","
	    "\"networks\":[{\"name\":\"bridge\",\"ip\":\"172.17.0.2\","
	    "\"gateway\":\"172.17.0.1\"},{\"name\":\"back\",\"ip\":"
	    "\"172.18.0.2\",\"ip6\":\"fd00::2\"}],\"ports\":"
	    "[\"0.0.0.0:8080->80/tcp\"],\"mounts\":[\"/srv:/data:rw\"],"
	    "\"cap_add\":[\"SYS_ADMIN\"],\"cap_drop\":[\"NET_RAW\"],"
	    "\"network_mode\":\"host\",", true);
	put_container(t, B, "db", 11, "", false);
	/* web to outside, web to db, outside to web, db to itself */
	put_flow(t, "f1", A, "", "203.0.113.9", 1000000, 2000, "yes");
	put_flow(t, "f2", A, B, "172.17.0.3", 300, 40, "no");
	put_flow(t, "f3", "", A, "192.0.2.1", 7, 5000, "yes");
	put_flow(t, "f4", B, B, "172.17.0.3", 11, 13, "no");
	put_alert(t, "a2", 3, A, "second");
	put_alert(t, "a1", 2, A, "first");
}

static int64_t
number(const struct json_doc *doc, const char *path)
{
	return json_int(json_get(json_root(doc), path));
}

/* Expected: the sums of what was put, by hand. */
static void
bytes_are_of_both_directions(void **state)
{
	struct state *t = *state;
	struct json_doc *doc;

	fill(t);
	assert_int_equal(RUN(t, "containers", "web", "--json"), 0);
	doc = json_parse(t->out, t->out_len, 0, NULL, 0);
	assert_non_null(doc);
	assert_int_equal(number(doc, "container.network.egress.bytes"),
	    1000000 + 300 + 5000);
	assert_int_equal(number(doc, "container.network.ingress.bytes"),
	    2000 + 40 + 7);
	assert_int_equal(number(doc, "tallyman.container.flows"), 3);
	assert_int_equal(number(doc, "tallyman.container.left_host.bytes"),
	    1002000 + 5007);
	assert_int_equal(number(doc, "tallyman.container.alerts"), 2);
	assert_string_equal(json_str(json_get(json_root(doc),
	    "tallyman.container.last_alert.rule"), NULL), "second");
	/* Nothing that was stored is lost. */
	assert_string_equal(json_str(json_member(json_get(json_root(doc),
	    "container.labels"), "a.b"), NULL), "c\033d");
	assert_int_equal(json_count(json_get(json_root(doc),
	    "tallyman.docker.networks")), 2);
	assert_int_equal(number(doc, "tallyman.docker.restart_count"), 2);
	json_doc_free(doc);
	/* Both ends of a flow to itself are its own. */
	assert_int_equal(RUN(t, "containers", "bbbb", "--json"), 0);
	doc = json_parse(t->out, t->out_len, 0, NULL, 0);
	assert_int_equal(number(doc, "container.network.egress.bytes"),
	    40 + 11 + 13);
	assert_int_equal(number(doc, "container.network.ingress.bytes"),
	    300 + 13 + 11);
	assert_int_equal(number(doc, "tallyman.container.alerts"), 0);
	json_doc_free(doc);
}

/* Escapes where nobody puts any: the sums are the same in the list, which
 * reads all flows, and on the page, which reads those of one container. */
static void
odd_documents_count_too(void **state)
{
	struct state *t = *state;
	struct json_doc *doc;

	fill(t);
	put_flow(t, "f5", A, "", "203.0.113.9", 100, 1, "y\\u0065s");
	put_flow(t, "f6", A, "", "a\\\"}b", 10, 1, "yes");
	assert_int_equal(RUN(t, "containers", "web", "--json"), 0);
	doc = json_parse(t->out, t->out_len, 0, NULL, 0);
	assert_int_equal(number(doc, "container.network.egress.bytes"),
	    1005300 + 110);
	assert_int_equal(number(doc, "tallyman.container.left_host.bytes"),
	    1007007 + 112);
	json_doc_free(doc);
	assert_int_equal(RUN(t, "containers", "--json"), 0);
	assert_non_null(strstr(t->out, "\"egress\":{\"bytes\":1005410}"));
	assert_non_null(strstr(t->out, "\"left_host\":{\"bytes\":1007119}"));
}

static void
the_list_has_every_column(void **state)
{
	static const char *const facts[] = {
		"web", "aaaa00001111", "nginx:1.25", "running",
		"1970-01-01 00:00:05", "172.17.0.2 172.18.0.2 fd00::2",
		"0.0.0.0:8080->80/tcp", "privileged +SYS_ADMIN -NET_RAW "
		"network:host", "/srv:/data:rw", "2.0 KiB", "981.7 KiB",
		"1970-01-01 00:03:00 second", "PRIVILEGES", "LAST ALERT"
	};
	struct state *t = *state;
	size_t i;

	fill(t);
	assert_int_equal(RUN(t, "containers"), 0);
	for (i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		if (strstr(t->out, facts[i]) == NULL)
			fail_msg("lacks %s in:\n%s", facts[i], t->out);
	/* With --json the same sums. */
	assert_int_equal(RUN(t, "containers", "--json"), 0);
	assert_non_null(strstr(t->out, "\"egress\":{\"bytes\":1005300}"));
}

static void
lists_fold_to_the_terminal(void **state)
{
	struct state *t = *state;
	const char *p, *end;

	fill(t);
	t->env.tty = true;
	for (t->env.columns = 200; t->env.columns >= 70; t->env.columns--) {
		assert_int_equal(RUN(t, "containers"), 0);
		for (p = t->out; (end = strchr(p, '\n')) != NULL; p = end + 1)
			assert_true(end - p <= t->env.columns);
		/* Never cut: an address is whole or not there. */
		assert_non_null(strstr(t->out, "172.17.0.2"));
		assert_non_null(strstr(t->out, "172.18.0.2"));
		assert_non_null(strstr(t->out, "981.7 KiB"));
	}
	t->env.columns = 20;
	assert_int_equal(RUN(t, "containers"), 0);
}

static void
one_container_is_a_page(void **state)
{
	static const char *const facts[] = {
		"web\n  id          " A "\n", "  image       nginx, tag 1.25\n",
		"  state       running, started 1970-01-01 00:00:05, "
		"restarts 2\n",
		"  privileges  privileged +SYS_ADMIN -NET_RAW network:host\n",
		"  network     bridge, 172.17.0.2, gateway 172.17.0.1\n"
		"              back, 172.18.0.2, fd00::2\n",
		"  ports       0.0.0.0:8080->80/tcp\n",
		"  mounts      /srv:/data:rw\n", "  labels      a.b = c\\x1bd\n",
		"  traffic     2.0 KiB in, 981.7 KiB out in 3 flows that are "
		"stored; 983.4 KiB in flows that left the host\n",
		"  alerts      2, the last 1970-01-01 00:03:00: second (a2)\n",
		"  peers       -> 203.0.113.9:80 tcp: 1 flow, sent 976.6 KiB, "
		"received 2.0 KiB, 1 left the host\n",
		"              <- 172.17.0.2 at port 80 tcp: 1 flow, sent "
		"4.9 KiB, received 7 B, 1 left the host\n",
		"              -> 172.17.0.3:80 tcp: 1 flow, sent 300 B, "
		"received 40 B\n",
	};
	struct state *t = *state;
	size_t i;

	fill(t);
	assert_int_equal(RUN(t, "containers", "web"), 0);
	for (i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		if (strstr(t->out, facts[i]) == NULL)
			fail_msg("lacks %s in:\n%s", facts[i], t->out);
	assert_int_equal(RUN(t, "containers", "db"), 0);
	assert_non_null(strstr(t->out, "none beyond Docker's default"));
	assert_non_null(strstr(t->out, "  alerts      none\n"));
}

static void
a_name_that_came_again_is_the_newest(void **state)
{
	struct state *t = *state;

	put_container(t, A, "web", 10, "", false);
	put_container(t, B, "web", 20, "", false);
	assert_int_equal(RUN(t, "containers", "web"), 0);
	assert_non_null(strstr(t->out, "  id          " B "\n"));
	assert_non_null(strstr(t->out, "  others      1 more had this name"));
	assert_int_equal(RUN(t, "containers", A), 0);
	assert_non_null(strstr(t->out, "  id          " A "\n"));
}

static void
what_is_not_there_is_4(void **state)
{
	struct state *t = *state;

	put_container(t, A, "web", 10, "", false);
	put_container(t, "aaaa9", "x", 10, "", false);
	assert_int_equal(RUN(t, "containers", "wob"), 4);
	assert_non_null(strstr(t->err, "knows no container wob; tallyman "
	    "containers lists"));
	assert_int_equal(RUN(t, "containers", "\033[2J"), 4);
	assert_null(strchr(t->err, '\033'));
	assert_int_equal(RUN(t, "containers", "aaaa"), 64);
	assert_int_equal(RUN(t, "containers", "web", "db"), 64);
	assert_int_equal(RUN(t, "containers", "web", "--follow"), 64);
	assert_int_equal(RUN(t, "flows", "web"), 64);
	assert_int_equal(RUN(t, "containers", "--help"), 0);
	assert_non_null(strstr(t->out, "[NAME]"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHELF_TEST(bytes_are_of_both_directions),
		SHELF_TEST(odd_documents_count_too),
		SHELF_TEST(the_list_has_every_column),
		SHELF_TEST(lists_fold_to_the_terminal),
		SHELF_TEST(one_container_is_a_page),
		SHELF_TEST(a_name_that_came_again_is_the_newest),
		SHELF_TEST(what_is_not_there_is_4),
	};

	return cmocka_run_group_tests_name("containers", tests, NULL, NULL);
}

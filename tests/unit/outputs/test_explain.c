#include "tests/unit/outputs/shelf.h"

#include "agent/core/method.h"
#include "lib/json.h"

#define ID	"762d7857fc1992497273f2d1f2e8cfa5de78c8670ef35ce37a2fc166e2b81567"

/* A flow of a container: every owner that a document can have. */
static const char flow_text[] =
    "{\"@timestamp\":\"1970-01-01T00:20:00Z\","
    "\"container\":{\"id\":\"" ID "\",\"name\":\"thief\","
    "\"image\":{\"name\":\"tools\"}},"
    "\"event\":{\"id\":\"f1-3\",\"dataset\":\"tallyman.flow\",\"action\":"
    "\"network_flow\",\"start\":\"1970-01-01T00:20:00Z\"},"
    "\"source\":{\"ip\":\"172.17.0.4\",\"port\":42738,\"nat\":{\"ip\":"
    "\"192.0.2.10\",\"port\":42739}},"
    "\"destination\":{\"ip\":\"2001:db8::9\",\"port\":8000},"
    "\"network\":{\"name\":\"bridge\"},"
    "\"process\":{\"command_line\":\"curl -T x\",\"pid\":99},"
    "\"tallyman\":{\"container\":{\"attribution\":{\"method\":\"address\","
    "\"confidence\":\"high\"}},"
    "\"source\":{\"scope\":\"container\",\"container\":{\"id\":\"" ID "\","
    "\"name\":\"thief\"}},\"destination\":{\"scope\":\"outside\"},"
    "\"entry\":{\"kind\":\"exec\",\"confidence\":\"medium\",\"exec_id\":"
    "\"0011223344556677\",\"by\":{\"user\":\"alice\",\"auid\":1000,\"ses\":3,"
    "\"tty\":\"pts0\",\"pid\":77,\"command_line\":\"docker exec thief sh\"}},"
    "\"flow\":{\"id\":\"f1\",\"relay_of\":\"f0\",\"nat\":{\"method\":"
    "\"conntrack\"},\"process\":{\"method\":\"candidates\",\"confidence\":"
    "\"low\",\"candidates\":[\"aaaa\",\"bbbb\"]}},"
    "\"missing\":[\"process.start\",\"host.name\"]}}";

/* Words, wherever the lines break. */
static bool
says(const struct state *t, const char *words)
{
	const char *p, *w;

	for (p = t->out; *p != '\0'; p++) {
		const char *q = p;

		for (w = words; *w != '\0'; w++) {
			if (*w == ' ' && (*q == ' ' || *q == '\n')) {
				while (*q == ' ' || *q == '\n')
					q++;
				continue;
			}
			if (*q++ != *w)
				break;
		}
		if (*w == '\0')
			return true;
	}
	return false;
}

static void
each_owner_says_how_it_is_known(void **state)
{
	static const char *const words[] = {
		"f1-3: tallyman.flow network_flow at 1970-01-01T00:20:00Z",
		"container: thief (762d7857fc19, image tools)",
		"method address confidence high means",
		"its address 172.17.0.4:42738, translated 192.0.2.10",
		"source: thief (762d7857fc19)",
		"destination: outside [2001:db8::9]:8000",
		"process: curl -T x (pid 99)",
		"method candidates confidence low",
		"candidate: process.entity_id aaaa",
		"candidate: process.entity_id bbbb",
		"missing process.start",
		"translation: 172.17.0.4:42738 to [2001:db8::9]:8000 is "
		    "outside 192.0.2.10:42739 to [2001:db8::9]:8000",
		"this flow carries on flow f0",
		"who asked Docker: alice by docker exec thief sh (pid 77)",
		"method exec confidence medium",
		"login uid 1000, session 3, terminal pts0",
		"Docker's exec 001122334455",
		"asked for and not known host.name",
	};
	struct state *t = *state;
	size_t i, n = 0;

	put(t, EVENT_FLOW, "f1", 1200, flow_text);
	assert_int_equal(RUN(t, "explain", "f1"), 0);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!says(t, words[i])) {
			print_error("not said: %s\nin:\n%s", words[i],
			    t->out);
			n++;
		}
	assert_int_equal(n, 0);
	/* What each method means stands beside it. */
	assert_true(says(t, method_find(METHOD_CONTAINER, "address")->means));
	assert_true(says(t, method_find(METHOD_PROCESS,
	    "candidates")->means));
	assert_true(says(t, method_find(METHOD_NAT, "conntrack")->means));
	assert_true(says(t, method_find(METHOD_SCOPE, "outside")->means));
	assert_true(says(t, method_find(METHOD_ENTRY, "exec")->means));
}

static void
an_end_with_a_method_of_its_own_keeps_it(void **state)
{
	struct state *t = *state;

	put(t, EVENT_FLOW, "f2", 1200, "{\"event\":{\"id\":\"f2-1\"},"
	    "\"container\":{\"id\":\"aa\",\"name\":\"web\"},"
	    "\"source\":{\"ip\":\"172.17.0.2\"},"
	    "\"destination\":{\"ip\":\"172.17.0.3\",\"port\":80},"
	    "\"tallyman\":{\"container\":{\"attribution\":{\"method\":"
	    "\"interface\",\"confidence\":\"high\"}},"
	    "\"source\":{\"scope\":\"container\",\"container\":{\"id\":\"aa\","
	    "\"name\":\"web\"}},\"destination\":{\"scope\":\"container\","
	    "\"container\":{\"id\":\"bb\",\"name\":\"db\",\"candidates\":"
	    "[\"bb\",\"cc\"],\"attribution\":{\"method\":\"stars\","
	    "\"confidence\":\"low\"}}}}}");
	put(t, EVENT_FLOW, "f3", 1200, "{\"event\":{\"id\":\"f3-1\"},"
	    "\"tallyman\":{\"destination\":{\"scope\":\"container\","
	    "\"container\":{\"id\":\"bb\",\"name\":\"db\"}}}}");
	assert_int_equal(RUN(t, "explain", "f2-1"), 0);
	assert_true(says(t, "source: web (aa) method as of the container "
	    "above"));
	/* A name that this version does not know is shown as it is. */
	assert_true(says(t, "destination: db (bb) method stars confidence low "
	    "means this version of tallyman has no text about that method"));
	assert_true(says(t, "candidate: container cc"));
	assert_int_equal(RUN(t, "explain", "f3-1"), 0);
	assert_true(says(t, "destination: db (bb) method address (implied"));
	assert_true(says(t, "container: none method the document names "
	    "none"));
	assert_true(says(t, "process: unknown method the document names "
	    "none"));
}

static void
any_id_finds_the_document(void **state)
{
	struct state *t = *state;

	put(t, EVENT_FLOW, "f1", 1200, flow_text);
	put(t, EVENT_ALERT, "a1", 1200, "{\"event\":{\"id\":\"a1\",\"reason\":"
	    "\"because\"},\"tallyman\":{\"alert\":{\"events\":[\"e1\",\"e2\"]},"
	    "\"gaps\":{\"packet.copies.ring_full\":7}}}");
	put(t, EVENT_DNS, "e1", 1200, "{\"event\":{\"id\":\"e1\"},"
	    "\"tallyman\":{\"container\":{\"attribution\":{\"method\":\"none\","
	    "\"confidence\":\"none\"}},\"missing\":[\"container.id\"]}}");
	/* Earlier reports of the flow are not kept, their ids find it. */
	assert_int_equal(RUN(t, "explain", "f1-1"), 0);
	assert_true(says(t, "f1-3: tallyman.flow"));
	assert_int_equal(RUN(t, "explain", "a1"), 0);
	assert_true(says(t, "what because"));
	assert_true(says(t, "events e1, e2"));
	assert_true(says(t, "document packet.copies.ring_full 7"));
	assert_int_equal(RUN(t, "explain", "e1"), 0);
	assert_true(says(t, "container: unknown method none confidence none"));
	assert_true(says(t, "missing container.id"));
	assert_true(says(t, "document the document has no list of its own"));
	assert_int_equal(RUN(t, "explain", "e"), 4);
	assert_non_null(strstr(t->err, "no event with the id e;"));
	assert_string_equal(t->out, "");
}

static void
put_ledger(struct state *t, const char *id, int64_t s, const char *stamp,
    int lost, int full)
{
	char text[400];

	snprintf(text, sizeof(text), "{\"@timestamp\":\"%s\",\"tallyman\":"
	    "{\"agent\":{\"ledger\":{\"stages\":[{\"name\":\"audit.kernel\","
	    "\"outside\":{\"lost\":%d}},{\"name\":\"writer\",\"dropped\":"
	    "{\"full\":%d}}]}}}}", stamp, lost, full);
	put(t, EVENT_AGENT, id, s, text);
}

static void
what_was_lost_comes_from_the_ledger(void **state)
{
	struct state *t = *state;

	put(t, EVENT_FLOW, "f1", 1200, flow_text);
	assert_int_equal(RUN(t, "explain", "f1"), 0);
	assert_true(says(t, "ledger not known: no ledger was stored after"));
	/* One long before, one just before, two after. */
	put_ledger(t, "l0", 900, "1970-01-01T00:15:00Z", 1, 0);
	put_ledger(t, "l1", 1170, "1970-01-01T00:19:30Z", 5, 2);
	put_ledger(t, "l2", 1230, "1970-01-01T00:20:30Z", 5, 9);
	put_ledger(t, "l3", 1290, "1970-01-01T00:21:30Z", 99, 99);
	assert_int_equal(RUN(t, "explain", "f1"), 0);
	assert_true(says(t, "ledger writer.full 7 (between "
	    "1970-01-01T00:19:30Z and 1970-01-01T00:20:30Z)"));
	assert_null(strstr(t->out, "lost 94"));
}

static void
an_agent_that_was_restarted_counts_anew(void **state)
{
	struct state *t = *state;

	put(t, EVENT_FLOW, "f1", 1200, flow_text);
	put_ledger(t, "l2", 1230, "1970-01-01T00:20:30Z", 4, 0);
	assert_int_equal(RUN(t, "explain", "f1"), 0);
	assert_true(says(t, "ledger audit.kernel.lost 4 (from the start of "
	    "the agent to 1970-01-01T00:20:30Z)"));
	put_ledger(t, "l1", 1170, "1970-01-01T00:19:30Z", 50, 0);
	assert_int_equal(RUN(t, "explain", "f1"), 0);
	assert_true(says(t, "ledger audit.kernel.lost 4 (between"));
}

static void
hostile_texts_stay_texts(void **state)
{
	struct state *t = *state;
	const char *p;

	put(t, EVENT_DNS, "e1", 1200, "{\"event\":{\"id\":\"e\\u001b[2J\","
	    "\"reason\":\"x\\ny\\u202e\"},\"process\":{\"command_line\":"
	    "\"sh\\n\\ncontainer: trusted\\u009b\",\"pid\":1},"
	    "\"container\":{\"id\":\"\\u001b]0;\",\"name\":\"a\\rb\"},"
	    "\"tallyman\":{\"container\":{\"attribution\":{\"method\":"
	    "\"par\\u001bent\",\"confidence\":\"hi\\ngh\"}},\"entry\":{\"by\":"
	    "{\"pid\":5,\"command_line\":\"\\u0007\\n\",\"user\":\"\\u001b\"}},"
	    "\"gaps\":{\"\\u001b[1m\":1},\"missing\":[\"x\\u001b\"]}}");
	assert_int_equal(RUN(t, "explain", "e1"), 0);
	for (p = t->out; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	assert_null(strstr(t->out, "\ncontainer: trusted"));
	t->env.tty = true;
	assert_int_equal(RUN(t, "explain", "e1", "--json"), 0);
	for (p = t->out; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
}

static void
json_has_the_same(void **state)
{
	struct state *t = *state;
	struct json_doc *doc;
	const struct json *all, *one;
	static const char *const of[] = { "container", "source",
		"destination", "process", "translation", "who asked Docker" };
	size_t i;

	put(t, EVENT_FLOW, "f1", 1200, flow_text);
	assert_int_equal(RUN(t, "explain", "--json", "f1"), 0);
	doc = json_parse(t->out, t->out_len, 0, NULL, 0);
	assert_non_null(doc);
	all = json_get(json_root(doc), "attributions");
	assert_int_equal(json_count(all), 6);
	for (i = 0; i < 6; i++) {
		one = json_at(all, i);
		assert_string_equal(json_str(json_member(one, "of"), NULL),
		    of[i]);
		assert_true(json_str(json_member(one, "means"), NULL)[0] !=
		    '\0');
	}
	one = json_at(all, 3);
	assert_string_equal(json_str(json_member(one, "method"), NULL),
	    "candidates");
	assert_string_equal(json_str(json_member(one, "missing"), NULL),
	    "process.start");
	assert_int_equal(json_count(json_member(one, "rests_on")), 3);
	assert_string_equal(json_str(json_get(json_root(doc), "relay_of"),
	    NULL), "f0");
	json_doc_free(doc);
}

static void
wrong_usage_is_64(void **state)
{
	struct state *t = *state;

	assert_int_equal(RUN(t, "explain"), 64);
	assert_int_equal(RUN(t, "explain", ""), 64);
	assert_int_equal(RUN(t, "explain", "a", "b"), 64);
	assert_int_equal(RUN(t, "explain", "--nonsense"), 64);
	assert_non_null(strstr(t->err, "see tallyman explain --help"));
	assert_int_equal(RUN(t, "explain", "--help"), 0);
	assert_int_equal(RUN(t, "explain", "--mdoc"), 0);
	t->env.store = "/nonexistent/tallyman.db";
	assert_int_equal(RUN(t, "explain", "a"), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHELF_TEST(each_owner_says_how_it_is_known),
		SHELF_TEST(an_end_with_a_method_of_its_own_keeps_it),
		SHELF_TEST(any_id_finds_the_document),
		SHELF_TEST(what_was_lost_comes_from_the_ledger),
		SHELF_TEST(an_agent_that_was_restarted_counts_anew),
		SHELF_TEST(hostile_texts_stay_texts),
		SHELF_TEST(json_has_the_same),
		SHELF_TEST(wrong_usage_is_64),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}

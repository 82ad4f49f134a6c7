#include "tests/unit/outputs/shelf.h"

#include "lib/json.h"
#include "outputs/tree.h"

#define WEB	"aaaa0000111122223333444455556666777788889999aaaabbbbccccddddeeee"

struct exec {
	int		 s;		/* seconds after 1970 */
	const char	*entity;
	unsigned	 pid;
	const char	*parent;	/* entity, or NULL */
	unsigned	 ppid;
	const char	*command;	/* as in JSON */
	const char	*more;		/* members of tallyman, or NULL */
};

static void
put_exec(struct state *t, const struct exec *x)
{
	char text[4096], id[48], parent[256] = "";
	struct store_doc d = { .dataset = EVENT_PROCESS, .id = id,
	    .time = { x->s * MONO_S }, .container_id = WEB,
	    .container_name = "web", .text = text };

	if (x->parent != NULL)
		snprintf(parent, sizeof(parent), "\"entity_id\":\"%s\",",
		    x->parent);
	snprintf(id, sizeof(id), "%s-%d", x->entity, x->s);
	d.len = (size_t)snprintf(text, sizeof(text), "{\"@timestamp\":"
	    "\"1970-01-01T00:%02d:%02d.5Z\",\"container\":{\"id\":\"" WEB
	    "\",\"name\":\"web\"},\"event\":{\"action\":\"exec\"},"
	    "\"process\":{\"pid\":%u,\"entity_id\":\"%s\",\"name\":\"%.*s\","
	    "\"command_line\":\"%s\",\"start\":\"1970-01-01T00:%02d:%02dZ\","
	    "\"parent\":{%s\"pid\":%u}},\"user\":{\"name\":\"root\"},"
	    "\"tallyman\":{%s}}", x->s / 60, x->s % 60, x->pid, x->entity,
	    (int)strcspn(x->command, " \\"), x->command, x->command,
	    x->s / 60, x->s % 60, parent, x->ppid,
	    x->more == NULL ? "" : x->more);
	assert_int_equal(store_begin(t->store), 0);
	assert_int_equal(store_put(t->store, &d), 0);
	assert_int_equal(store_commit(t->store), 0);
}
#define EXEC(...) put_exec(t, &(struct exec){ __VA_ARGS__ })
#define RUNTIME	"\"container\":{\"attribution\":{\"method\":\"runtime\"}}"

static void
put_flow(struct state *t, const char *id, const char *entity, int port,
    int sent)
{
	char text[1024];
	struct store_doc d = { .dataset = EVENT_FLOW, .id = id, .flow = id,
	    .time = { 100 * MONO_S }, .container_id = WEB,
	    .container_name = "web", .text = text };

	d.len = (size_t)snprintf(text, sizeof(text), "{\"@timestamp\":"
	    "\"1970-01-01T00:01:40Z\",\"container\":{\"id\":\"" WEB "\"},"
	    "\"event\":{\"start\":\"1970-01-01T00:01:39Z\"},\"source\":"
	    "{\"ip\":\"172.17.0.2\",\"bytes\":%d},\"destination\":{\"ip\":"
	    "\"203.0.113.9\",\"port\":%d,\"bytes\":10,\"domain\":\"x.test\"},"
	    "\"network\":{\"transport\":\"tcp\"},\"process\":{%s%s%s},"
	    "\"tallyman\":{\"flow\":{\"id\":\"%s\",\"left_host\":\"yes\"}}}",
	    sent, port, entity == NULL ? "" : "\"entity_id\":\"",
	    entity == NULL ? "" : entity, entity == NULL ? "" : "\"", id);
	assert_int_equal(store_begin(t->store), 0);
	assert_int_equal(store_put(t->store, &d), 0);
	assert_int_equal(store_commit(t->store), 0);
}

static void
put_container(struct state *t, const char *id, const char *name, int s)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "{\"container\":{\"id\":\"%s\","
	    "\"name\":\"%s\",\"image\":{\"name\":\"nginx\"}},\"tallyman\":"
	    "{\"docker\":{\"state\":\"running\"}}}", id, name);

	assert_int_equal(store_begin(t->store), 0);
	assert_int_equal(store_put_container(t->store, id, name, text,
	    (size_t)n, (struct wall){ s * MONO_S }), 0);
	assert_int_equal(store_commit(t->store), 0);
}

static bool
has(const struct state *t, const char *text)
{
	if (strstr(t->out, text) != NULL)
		return true;
	print_error("lacks: %s\nin:\n%s%s", text, t->out, t->err);
	return false;
}

static size_t
lines(const struct state *t)
{
	const char *p;
	size_t n = 0;

	for (p = t->out; *p != '\0'; p++)
		n += *p == '\n';
	return n;
}

static void
a_container_is_a_tree(void **state)
{
	struct state *t = *state;

	put_container(t, WEB, "web", 10);
	EXEC(10, "p1", 100, "shim", 50, "nginx -g x", RUNTIME
	    ",\"entry\":{\"kind\":\"entrypoint\",\"confidence\":\"high\","
	    "\"by\":{\"pid\":7,\"user\":\"alice\",\"auid\":1000,\"ses\":3,"
	    "\"tty\":\"pts0\",\"command_line\":\"docker run web\"}}");
	EXEC(20, "p2", 101, "p1", 100, "sh -c x", NULL);
	EXEC(30, "p3", 102, "p2", 101, "curl http://x", NULL);
	put_flow(t, "f1", "p3", 443, 2048);
	put_flow(t, "f2", "p3", 443, 1024);
	put_flow(t, "f3", NULL, 80, 1024);
	assert_int_equal(RUN(t, "tree", "web"), 0);
	assert_true(has(t, "web (aaaa00001111, image nginx), running\n"));
	assert_true(has(t, " 1970-01-01 00:00:10.000 ?                100  "
	    "root      nginx -g x\n"));
	assert_true(has(t, "entrypoint asked for by alice (pid 7, login uid "
	    "1000, session 3, pts0), confidence high: docker run web\n"));
	assert_true(has(t, "root      `- sh -c x\n"));
	assert_true(has(t, "root         `- curl http://x\n"));
	assert_true(has(t, "               -> 203.0.113.9:443 tcp (x.test): "
	    "2 flows, sent 3.0 KiB, received 20 B, left the host\n"));
	assert_true(has(t, "1 flows without a known process: 1.0 KiB sent, "
	    "10 B received\n"));
	/* Never a colour or a control byte. */
	assert_null(strchr(t->out, '\033'));
	/* By id as well, and what is not there is not found. */
	assert_int_equal(RUN(t, "tree", "aaaa0000"), 0);
	assert_true(has(t, "nginx -g x"));
	assert_int_equal(RUN(t, "tree", "wob"), 4);
	assert_non_null(strstr(t->err, "no container and no process wob"));
}

static void
what_is_alike_is_folded(void **state)
{
	struct state *t = *state;
	char entity[24], command[48];
	int i;

	EXEC(1, "p1", 100, NULL, 50, "sh", RUNTIME);
	for (i = 0; i < 1000; i++) {
		snprintf(entity, sizeof(entity), "t%d", i);
		snprintf(command, sizeof(command), "true %d", i);
		EXEC(10 + i, entity, (unsigned)(1000 + i), "p1", 100, command,
		    NULL);
	}
	EXEC(500, "odd", 3000, "p1", 100, "id", NULL);
	/* The same program with a connection is not the same. */
	put_flow(t, "f1", "t700", 443, 1000);
	assert_int_equal(RUN(t, "tree", "web"), 0);
	assert_true(has(t, "|- true 0\n"));
	assert_true(has(t, "|- true 1\n"));
	assert_true(has(t, "|- true 700\n"));
	assert_true(has(t, "|- id\n"));
	assert_true(has(t, "`- ... and 997 more true, 00:00:12.000 to "
	    "00:16:49.000\n"));
	assert_int_equal(lines(t), 8);
	assert_int_equal(RUN(t, "tree", "web", "--all"), 0);
	assert_int_equal(lines(t), 1004);
	assert_int_equal(RUN(t, "tree", "web", "--json"), 0);
	assert_int_equal(lines(t), 1002);
}

/* What is one program by its file may be called by many names. */
static void
busybox_is_what_it_was_called(void **state)
{
	struct state *t = *state;
	char text[512], id[24];
	int i;

	for (i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "b%d", i);
		snprintf(text, sizeof(text), "{\"container\":{\"id\":\"" WEB
		    "\"},\"event\":{\"action\":\"exec\"},\"process\":{\"pid\":"
		    "%d,\"entity_id\":\"%s\",\"name\":\"busybox\",\"args\":"
		    "[\"/bin/%s\",\"%d\"],\"command_line\":\"/bin/%s %d\"}}",
		    i + 2, id, i % 2 == 0 ? "ls" : "cat", i,
		    i % 2 == 0 ? "ls" : "cat", i);
		put(t, EVENT_PROCESS, id, 10 + i, text);
	}
	assert_int_equal(RUN(t, "tree", "web"), 0);
	assert_true(has(t, "... and 18 more /bin/ls\n"));
	assert_true(has(t, "... and 18 more /bin/cat\n"));
}

static void
many_peers_fold_with_their_sums(void **state)
{
	struct state *t = *state;
	char entity[24], flow[24];
	int i;

	EXEC(1, "p1", 100, NULL, 50, "sh", RUNTIME);
	for (i = 0; i < 50; i++) {
		snprintf(entity, sizeof(entity), "n%d", i);
		snprintf(flow, sizeof(flow), "f%d", i);
		EXEC(10 + i, entity, (unsigned)(200 + i), "p1", 100, "nc",
		    NULL);
		put_flow(t, flow, entity, 1000 + i, 100);
	}
	for (i = 0; i < 20; i++) {
		snprintf(flow, sizeof(flow), "g%d", i);
		put_flow(t, flow, "p1", 2000 + i, 100);
	}
	assert_int_equal(RUN(t, "tree", "web"), 0);
	assert_true(has(t, "... and 48 more nc, 00:00:12.000 to 00:00:59.000: "
	    "48 flows, sent 4.7 KiB, received 480 B, left the host\n"));
	/* Of one process eight stand apart. */
	assert_true(has(t, "-> 203.0.113.9:2007 tcp (x.test): sent 100 B"));
	assert_null(strstr(t->out, ":2008 tcp"));
	assert_true(has(t, "... and with others: 12 flows, sent 1.2 KiB"));
}

static void
depth_bounds_what_is_shown(void **state)
{
	struct state *t = *state;
	char entity[24], parent[24];
	int i;

	EXEC(1, "c0", 100, NULL, 50, "sh", RUNTIME);
	for (i = 1; i < 300; i++) {
		snprintf(entity, sizeof(entity), "c%d", i);
		snprintf(parent, sizeof(parent), "c%d", i - 1);
		EXEC(10 + i, entity, (unsigned)(100 + i), parent,
		    (unsigned)(99 + i), "sh", NULL);
	}
	assert_int_equal(RUN(t, "tree", "web", "--depth", "3"), 0);
	assert_true(has(t, "... 297 below; --depth shows more\n"));
	assert_int_equal(lines(t), 5);
	assert_int_equal(RUN(t, "tree", "web"), 0);
	assert_int_equal(lines(t), 34);
	assert_int_equal(RUN(t, "tree", "web", "--depth", "200"), 0);
	assert_int_equal(lines(t), 202);
	assert_int_equal(RUN(t, "tree", "web", "--json"), 0);
	assert_int_equal(lines(t), 300);
	assert_int_equal(RUN(t, "tree", "web", "--depth", "201"), 64);
	assert_int_equal(RUN(t, "tree", "web", "--depth", "0"), 64);
}

static enum query_life
life(uint32_t pid, struct wall start)
{
	return pid == 102 && start.ns == 30 * MONO_S ? QUERY_LIFE_RUNS :
	    QUERY_LIFE_ENDED;
}

static void
a_pid_is_the_last_process_that_had_it(void **state)
{
	struct state *t = *state;

	EXEC(10, "p1", 100, "zz", 50, "init", NULL);
	EXEC(20, "p2", 101, "p1", 100, "first", NULL);
	EXEC(30, "p3", 102, "p1", 100, "second", NULL);
	EXEC(40, "p4", 103, "p3", 102, "below", NULL);
	EXEC(50, "p5", 101, "p3", 102, "again", NULL);
	t->env.life = life;
	assert_int_equal(RUN(t, "tree", "102"), 0);
	assert_true(has(t, "under: (pid 50) > init (pid 100)\n"));
	assert_true(has(t, "running          102  root      second\n"));
	assert_true(has(t, "ended            103  root      |- below\n"));
	assert_null(strstr(t->out, "first"));
	assert_int_equal(RUN(t, "tree", "101"), 0);
	assert_true(has(t, "2 processes had this pid"));
	assert_true(has(t, "again\n"));
	assert_null(strstr(t->out, "first"));
	assert_int_equal(RUN(t, "tree", "101", "--until",
	    "1970-01-01T00:00:40Z"), 0);
	assert_true(has(t, "first\n"));
	assert_int_equal(RUN(t, "tree", "10"), 4);
	/* A container may have a number for a name. */
	put_container(t, WEB, "102", 10);
	assert_int_equal(RUN(t, "tree", "102"), 0);
	assert_true(has(t, "102 (aaaa00001111"));
	assert_true(has(t, "first\n"));
}

static void
who_is_only_a_parent_is_said_to_be(void **state)
{
	struct state *t = *state;

	EXEC(10, "p1", 100, NULL, 50, "init", RUNTIME
	    ",\"entry\":{\"kind\":\"entrypoint\",\"confidence\":\"none\"}");
	/* Forked by a shell that was itself only forked. */
	EXEC(20, "p2", 102, "sub", 101, "ls", "\"entry\":{\"kind\":"
	    "\"entrypoint\",\"confidence\":\"none\"}");
	/* Of another beginning, of which nothing else is known. */
	EXEC(30, "p3", 103, NULL, 99, "cat", "\"entry\":{\"kind\":\"exec\","
	    "\"exec_id\":\"e1\",\"confidence\":\"none\"}");
	assert_int_equal(RUN(t, "tree", "web"), 0);
	assert_true(has(t, "entrypoint, who asked is not known\n"));
	assert_true(has(t, "`- (its program is not known) [heard of only as a "
	    "parent] [its parent is not known]\n"));
	assert_true(has(t, "   `- ls\n"));
	assert_true(has(t, "root      cat\n"));
	assert_true(has(t, "exec, who asked is not known\n"));
}

static void
hostile_arguments_stay_on_their_line(void **state)
{
	struct state *t = *state;
	const char *p, *end;

	EXEC(10, "p1", 100, NULL, 50, "sh\\n\\u001b[2J\\u202e \\u009b1m", NULL);
	EXEC(11, "p2", 101, "p1", 100, "x\\r\\u0000y\\\"", "\"alert\":"
	    "{\"id\":\"a\"}");
	t->env.tty = true;
	for (t->env.columns = 130; t->env.columns > 30; t->env.columns--) {
		assert_int_equal(RUN(t, "tree", "web"), 0);
		assert_int_equal(lines(t), 4);
		for (p = t->out; (end = strchr(p, '\n')) != NULL; p = end + 1)
			assert_true(end - p <= t->env.columns);
		for (p = t->out; *p != '\0'; p++)
			assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	}
	t->env.columns = 0;
	assert_int_equal(RUN(t, "tree", "web", "--json"), 0);
	for (p = t->out; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
}

/* Who asked for it, and with which words, stands there on a narrow terminal
 * too; not for ever. */
static void
details_are_not_cut_where_words_end(void **state)
{
	static const char *const words[] = { "exec", "alice", "(pid", "77,",
		"uid", "1000,", "session", "confidence", "high:",
		"/usr/bin/docker", "web", "one", "three", "five" };
	struct state *t = *state;
	const char *p, *end;
	size_t i;

	EXEC(10, "p1", 100, NULL, 50, "sh", "\"entry\":{\"kind\":\"exec\","
	    "\"exec_id\":\"e1\",\"confidence\":\"high\",\"by\":{\"pid\":77,"
	    "\"user\":\"alice\",\"auid\":1000,\"ses\":3,\"command_line\":"
	    "\"/usr/bin/docker exec web one two three four five\"}}");
	t->env.tty = true;
	for (t->env.columns = 200; t->env.columns >= 100; t->env.columns--) {
		assert_int_equal(RUN(t, "tree", "web"), 0);
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (!has(t, words[i]))
				fail_msg("lacks %s in:\n%s", words[i], t->out);
		for (p = t->out; (end = strchr(p, '\n')) != NULL; p = end + 1)
			assert_true(end - p <= t->env.columns);
	}
	for (; t->env.columns > 20; t->env.columns--) {
		assert_int_equal(RUN(t, "tree", "web"), 0);
		assert_true(lines(t) <= 2 + 4);
	}
}

static void
parents_in_a_circle_end(void **state)
{
	struct state *t = *state;

	EXEC(10, "p1", 100, "p3", 102, "one", NULL);
	EXEC(11, "p2", 101, "p1", 100, "two", NULL);
	EXEC(12, "p3", 102, "p2", 101, "three", NULL);
	EXEC(13, "p4", 103, "p4", 103, "self", NULL);
	assert_int_equal(RUN(t, "tree", "web"), 0);
	assert_int_equal(lines(t), 5);
	assert_int_equal(RUN(t, "tree", "web", "--json"), 0);
	assert_int_equal(lines(t), 4);
}

static void
executing_again_is_the_same_process(void **state)
{
	struct state *t = *state;
	struct json_doc *doc;

	EXEC(10, "p1", 100, NULL, 50, "sh entry", NULL);
	EXEC(12, "p1", 100, NULL, 50, "nginx", NULL);
	EXEC(11, "p1", 100, NULL, 50, "env", NULL);
	assert_int_equal(RUN(t, "tree", "web"), 0);
	assert_true(has(t, "nginx [was: sh entry]\n"));
	assert_int_equal(RUN(t, "tree", "web", "--json"), 0);
	doc = json_parse(t->out, t->out_len, 0, NULL, 0);
	assert_non_null(doc);
	assert_int_equal(json_int(json_get(json_root(doc),
	    "tallyman.tree.execs")), 3);
	assert_string_equal(json_str(json_get(json_root(doc),
	    "process.command_line"), NULL), "nginx");
	assert_string_equal(json_str(json_get(json_root(doc),
	    "tallyman.tree.first_command_line"), NULL), "sh entry");
	json_doc_free(doc);
}

static void
what_finds_no_room_is_counted(void **state)
{
	struct tree *t = tree_new(10);
	struct json_doc *doc;
	char text[128];
	int i, n;

	(void)state;
	assert_non_null(t);
	for (i = 0; i < 100; i++) {
		n = snprintf(text, sizeof(text), "{\"process\":{\"entity_id\":"
		    "\"e%d\",\"pid\":%d,\"command_line\":\"c%d\"}}", i, i + 1,
		    i);
		doc = json_parse(text, (size_t)n, 0, NULL, 0);
		assert_int_equal(tree_add(t, json_root(doc)), 0);
		json_doc_free(doc);
	}
	assert_int_equal(tree_link(t), 0);
	assert_int_equal(tree_count(t), 10);
	assert_int_equal(tree_left_out(t), 90);
	assert_int_equal(tree_find(t, "e10"), 0);
	assert_string_equal(tree_text(t, tree_node(t,
	    tree_find(t, "e9"))->command, NULL), "c9");
	tree_free(t);
}

static void
wrong_usage_is_64(void **state)
{
	struct state *t = *state;

	assert_int_equal(RUN(t, "tree"), 64);
	assert_int_equal(RUN(t, "tree", ""), 64);
	assert_int_equal(RUN(t, "tree", "a", "b"), 64);
	assert_int_equal(RUN(t, "tree", "a", "--nonsense"), 64);
	assert_int_equal(RUN(t, "tree", "a", "--since", "never"), 64);
	assert_int_equal(RUN(t, "tree", "--depth", "x", "a"), 64);
	assert_int_equal(RUN(t, "tree", "--help"), 0);
	/* Two containers, and a beginning that both have. */
	put_container(t, WEB, "web", 10);
	put_container(t, "aaaa9999", "db", 10);
	assert_int_equal(RUN(t, "tree", "aaaa"), 64);
	assert_non_null(strstr(t->err, "several containers"));
	assert_int_equal(RUN(t, "tree", "aaaa9"), 0);
	assert_true(has(t, "no process of it is in the store\n"));
	t->env.store = "/nonexistent/tallyman.db";
	assert_int_equal(RUN(t, "tree", "a"), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHELF_TEST(a_container_is_a_tree),
		SHELF_TEST(what_is_alike_is_folded),
		SHELF_TEST(busybox_is_what_it_was_called),
		SHELF_TEST(many_peers_fold_with_their_sums),
		SHELF_TEST(depth_bounds_what_is_shown),
		SHELF_TEST(a_pid_is_the_last_process_that_had_it),
		SHELF_TEST(who_is_only_a_parent_is_said_to_be),
		SHELF_TEST(hostile_arguments_stay_on_their_line),
		SHELF_TEST(details_are_not_cut_where_words_end),
		SHELF_TEST(parents_in_a_circle_end),
		SHELF_TEST(executing_again_is_the_same_process),
		cmocka_unit_test(what_finds_no_room_is_counted),
		SHELF_TEST(wrong_usage_is_64),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}

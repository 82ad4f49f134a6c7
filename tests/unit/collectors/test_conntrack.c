/*
 * The conntrack collector with a kernel that is played: a row of datagrams,
 * overruns and empty queues; when it asks for a dump, and until when packets
 * have to wait. Messages are built with libmnl as ctnetlink builds them.
 */
#include "tests/support/unit.h"

#include <sys/socket.h>
#include <sys/types.h>

static ssize_t play_recv(int fd, void *bytes, size_t len, int flags,
    struct sockaddr *from, socklen_t *from_len);
#define recvfrom play_recv
#include "collectors/conntrack/conntrack.c"
#undef recvfrom

enum kind { EMPTY, OVERRUN, NEW, DUMPED, DONE, SHORT, FORGED };

static struct scene {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	struct stream		*stream;
	void			*conntrack;
	const enum kind		*row;
	size_t			 n, at;
	unsigned		 dumps;
	uint16_t		 port;
} scene;

static void
add_tuple(struct nlmsghdr *nlh, uint16_t which, uint32_t from, uint32_t to,
    uint16_t sport, uint16_t dport)
{
	struct nlattr *tuple = mnl_attr_nest_start(nlh, which), *part;

	part = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put_u32(nlh, CTA_IP_V4_SRC, htonl(from));
	mnl_attr_put_u32(nlh, CTA_IP_V4_DST, htonl(to));
	mnl_attr_nest_end(nlh, part);
	part = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(sport));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(dport));
	mnl_attr_nest_end(nlh, part);
	mnl_attr_nest_end(nlh, tuple);
}

/* 172.17.0.2 to 203.0.113.9, behind 192.0.2.10. */
static size_t
write_message(void *bytes, enum kind kind)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	nlh->nlmsg_seq = kind == NEW ? 0 : 1;
	if (kind == DONE)
		nlh->nlmsg_type = NLMSG_DONE;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
	if (kind == DONE)
		return nlh->nlmsg_len;
	scene.port++;
	add_tuple(nlh, CTA_TUPLE_ORIG, 0xac110002, 0xcb007109, scene.port, 53);
	add_tuple(nlh, CTA_TUPLE_REPLY, 0xcb007109, 0xc000020a, 53, scene.port);
	return nlh->nlmsg_len - (kind == SHORT ? 9 : 0);
}

static ssize_t
play_recv(int fd, void *bytes, size_t len, int flags, struct sockaddr *from,
    socklen_t *from_len)
{
	enum kind kind = scene.at < scene.n ? scene.row[scene.at++] : EMPTY;
	struct sockaddr_nl sender = { .nl_family = AF_NETLINK,
	    .nl_pid = kind == FORGED ? 4711 : 0 };

	(void)fd;
	(void)flags;
	assert_true(len >= 8192);
	assert_true(*from_len >= sizeof(sender));
	memcpy(from, &sender, sizeof(sender));
	*from_len = sizeof(sender);
	if (kind == EMPTY || kind == OVERRUN) {
		errno = kind == EMPTY ? EAGAIN : ENOBUFS;
		return -1;
	}
	return (ssize_t)write_message(bytes, kind);
}

static void
on_dump(void *ctx)
{
	(void)ctx;
	scene.dumps++;
}

static int
set_up(void **state)
{
	struct stream_conf conf = { .period_ns = MONO_S,
	    .idle_timeout_ns = MONO_S, .report_bytes = 1 << 20,
	    .max_flows = 64, .max_aliases = 64, .max_datagrams = 64,
	    .window_ns = MONO_S };
	struct collector_env env = { 0 };

	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene.clock.driven = true;
	mono_drive(&scene.clock, (struct wall){ 1000 * MONO_S });
	scene.ledger = ledger_new();
	scene.pipeline = pipeline_new(scene.ledger, &scene.clock);
	scene.stream = stream_new(&conf, scene.ledger, scene.pipeline,
	    &scene.clock);
	env.ledger = scene.ledger;
	env.pipeline = scene.pipeline;
	env.clock = &scene.clock;
	env.stream = scene.stream;
	scene.conntrack = conntrack_collector.new(&env);
	conntrack_on_dump(scene.conntrack, on_dump, NULL);
	return conntrack_collector.start(scene.conntrack, -1);
}

static int
tear_down(void **state)
{
	(void)state;
	conntrack_collector.free(scene.conntrack);
	stream_free(scene.stream);
	pipeline_free(scene.pipeline);
	ledger_free(scene.ledger);
	return 0;
}

/* What the kernel has; then everything is read that comes before an EMPTY. */
#define PLAY(...) do {							\
	static const enum kind row_[] = { __VA_ARGS__ };		\
									\
	scene.row = row_;						\
	scene.n = UNIT_COUNT(row_);					\
	scene.at = 0;							\
	assert_true(conntrack_collector.read(scene.conntrack, 1000) >= 0); \
} while (0)

static bool
is_behind(void)
{
	return conntrack_is_behind(scene.conntrack);
}

static uint64_t
nat_noted(const char *what)
{
	return *ledger_noted(ledger_stage(scene.ledger, "stream.nat"), what);
}

static void
test_start(void **state)
{
	(void)state;
	assert_int_equal(scene.dumps, 1);
	assert_true(is_behind());
	PLAY(DUMPED, NEW, DUMPED);
	assert_true(is_behind());
	PLAY(DONE);
	assert_false(is_behind());
	assert_int_equal(scene.dumps, 1);
}

/* An empty table has an end all the same. */
static void
test_empty_table(void **state)
{
	(void)state;
	PLAY(DONE);
	assert_false(is_behind());
}

/* Not before the queue is empty: what comes until then is dropped anyway. */
static void
test_overrun(void **state)
{
	(void)state;
	PLAY(DONE);
	scene.dumps = 0;
	PLAY(OVERRUN, NEW, NEW, NEW);
	assert_int_equal(scene.dumps, 1);
	assert_int_equal(scene.at, 4);
	assert_true(is_behind());
	PLAY(DUMPED, DUMPED, DONE);
	assert_false(is_behind());
	assert_int_equal(scene.dumps, 1);
	assert_int_equal(*ledger_outside(ledger_stage(scene.ledger,
	    "conntrack.messages"), "overruns"), 1);
}

static void
test_budget_before_empty(void **state)
{
	static const enum kind row[] = { OVERRUN, NEW, NEW, NEW };

	(void)state;
	PLAY(DONE);
	scene.dumps = 0;
	scene.row = row;
	scene.n = UNIT_COUNT(row);
	scene.at = 0;
	assert_int_equal(conntrack_collector.read(scene.conntrack, 3), 3);
	assert_int_equal(scene.dumps, 0);
	assert_true(is_behind());
	assert_int_equal(conntrack_collector.read(scene.conntrack, 3), 1);
	assert_int_equal(scene.dumps, 1);
}

/* What is lost while a dump runs may not be in it. */
static void
test_overrun_in_a_dump(void **state)
{
	(void)state;
	PLAY(DUMPED, OVERRUN, DUMPED);
	assert_int_equal(scene.dumps, 1);
	PLAY(DUMPED, DONE);
	assert_int_equal(scene.dumps, 2);
	assert_true(is_behind());
	PLAY(DUMPED, DONE);
	assert_false(is_behind());
	assert_int_equal(scene.dumps, 2);
}

/* Connections that a dump does not show any more have ended. */
static void
test_vanished(void **state)
{
	(void)state;
	PLAY(NEW, NEW, NEW, DONE);
	stream_tick(scene.stream);
	assert_int_equal(nat_noted("missing_in_dump"), 3);
}

static void
test_patience(void **state)
{
	(void)state;
	mono_drive(&scene.clock, (struct wall){ 1000 * MONO_S +
	    999 * MONO_MS });
	assert_true(is_behind());
	mono_drive(&scene.clock, (struct wall){ 1001 * MONO_S });
	assert_false(is_behind());
	/* The next overrun has a second of its own. */
	PLAY(DONE, OVERRUN);
	assert_true(is_behind());
}

static void
test_malformed(void **state)
{
	struct ledger_stage *stage =
	    ledger_stage(scene.ledger, "conntrack.messages");

	(void)state;
	PLAY(SHORT, NEW);
	assert_int_equal(stage->received, 2);
	assert_int_equal(stage->delivered, 1);
	assert_int_equal(*ledger_dropped(stage, "malformed"), 1);
}

static void
test_forged(void **state)
{
	struct ledger_stage *stage =
	    ledger_stage(scene.ledger, "conntrack.messages");

	(void)state;
	PLAY(FORGED, NEW);
	assert_int_equal(stage->received, 2);
	assert_int_equal(stage->delivered, 1);
	assert_int_equal(*ledger_dropped(stage, "not_from_kernel"), 1);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_start), TEST(test_empty_table), TEST(test_overrun),
		TEST(test_budget_before_empty), TEST(test_overrun_in_a_dump),
		TEST(test_vanished), TEST(test_patience),
		TEST(test_malformed), TEST(test_forged),
	};

	return cmocka_run_group_tests_name("conntrack", tests, NULL, NULL);
}

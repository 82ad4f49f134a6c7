/*
 * Which flow carries on which: pairs of connections, step by step, with the
 * bytes of each chosen by `fill`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/stream/world.h"

#define PROXY_PORT	8080
#define SIZE		600

struct conn {
	struct pkt	 side[2];	/* what each end sends next */
	struct step	 path[2][2];
};

/* C1 on veth1 to the port of docker-proxy. */
static struct conn
to_proxy(uint16_t port)
{
	return (struct conn){
		.side = { { .from = C1, .to = HOST_IP, .sport = port,
		    .dport = PROXY_PORT, .proto = IPPROTO_TCP, .seq = 1000 },
		    { .from = HOST_IP, .to = C1, .sport = PROXY_PORT,
		    .dport = port, .proto = IPPROTO_TCP, .seq = 5000 } },
		.path = { { { .ifindex = V1, .seen = PORT },
		    { .ifindex = DOCKER0, .seen = IN } },
		    { { .ifindex = DOCKER0, .seen = OUT },
		    { .ifindex = V1, .seen = OUT } } }
	};
}

/* The host to C2 on veth2. */
static struct conn
from_proxy(uint16_t port)
{
	return (struct conn){
		.side = { { .from = BRIDGE_IP, .to = C2, .sport = port,
		    .dport = 80, .proto = IPPROTO_TCP, .seq = 1000 },
		    { .from = C2, .to = BRIDGE_IP, .sport = 80,
		    .dport = port, .proto = IPPROTO_TCP, .seq = 5000 } },
		.path = { { { .ifindex = DOCKER0, .seen = OUT },
		    { .ifindex = V2, .seen = OUT } },
		    { { .ifindex = V2, .seen = PORT },
		    { .ifindex = DOCKER0, .seen = IN } } }
	};
}

static void
say(struct world *w, struct conn *c, unsigned dir, uint8_t flags,
    size_t payload, uint32_t fill)
{
	struct pkt *p = &c->side[dir];

	p->flags = flags;
	p->payload = payload;
	p->fill = fill;
	p->ack = flags & ACK ? c->side[!dir].seq : 0;
	world_walk(w, p, c->path[dir], 2);
	p->seq += (uint32_t)payload + (flags & (SYN | FIN) ? 1 : 0);
	p->payload = 0;
}

static void
open_tcp(struct world *w, struct conn *c)
{
	say(w, c, 0, SYN, 0, 0);
	say(w, c, 1, SYN | ACK, 0, 0);
	say(w, c, 0, ACK, 0, 0);
}

static void
close_tcp(struct world *w, struct conn *c)
{
	say(w, c, 0, FIN | ACK, 0, 0);
	say(w, c, 1, FIN | ACK, 0, 0);
	say(w, c, 0, ACK, 0, 0);
}

/* Request and answer, through both. */
static void
talk(struct world *w, struct conn *a, struct conn *b, uint32_t fill)
{
	say(w, a, 0, ACK, SIZE, fill);
	say(w, b, 0, ACK, 100, fill);		/* cut at other places */
	say(w, b, 0, ACK, SIZE - 100, fill);
	say(w, b, 1, ACK, 40, ~fill);
	say(w, a, 1, ACK, 40, ~fill);
}

/* A world in which the capture has been running for a while. */
static void
begin(struct world *w)
{
	struct stream_link link = { .kind = STREAM_LINK_VETH,
	    .name = "veth2", .ifindex = V2, .peer_netns = 5 };
	struct conn early = to_proxy(30000);

	world_init(w, NULL);
	link.ifindex = V2;
	stream_link(w->stream, &link);
	link.ifindex = V3;
	stream_link(w->stream, &link);
	open_tcp(w, &early);
	world_pass(w, 5 * MONO_S);
}

static const struct event *
find(const struct world *w, const struct conn *c)
{
	const struct event *ev = world_find(w, c->side[0].from,
	    c->side[0].sport, c->side[0].to, c->side[0].dport);

	assert_non_null(ev);
	return ev;
}

static void
check_link(const struct world *w, const struct conn *a, const struct conn *b,
    const char *confidence, const char *method)
{
	const struct event *ev = find(w, b);

	check_text(ev, FIELD_TALLYMAN_FLOW_RELAY_OF, event_str(find(w, a),
	    FIELD_TALLYMAN_FLOW_ID));
	check_text(ev, FIELD_TALLYMAN_FLOW_RELAY_CONFIDENCE, confidence);
	check_text(ev, FIELD_TALLYMAN_FLOW_RELAY_METHOD, method);
	assert_int_equal(event_has(find(w, a), FIELD_TALLYMAN_FLOW_RELAY_OF),
	    EVENT_ABSENT);
}

static void
check_none(const struct world *w, const struct conn *b)
{
	assert_int_equal(event_has(find(w, b), FIELD_TALLYMAN_FLOW_RELAY_OF),
	    EVENT_ABSENT);
}

static void
test_proxy(void **state)
{
	struct conn a = to_proxy(40000), b = from_proxy(50000);
	struct world w;

	(void)state;
	begin(&w);
	open_tcp(&w, &a);
	open_tcp(&w, &b);
	talk(&w, &a, &b, 7);
	close_tcp(&w, &b);
	close_tcp(&w, &a);
	world_end(&w);
	check_link(&w, &a, &b, "high", "counts");
	assert_int_equal(world_noted(&w, "stream.flow", "relays"), 1);
	world_fini(&w);
}

static void
test_while_it_goes_on(void **state)
{
	struct conn a = to_proxy(40000), b = from_proxy(50000);
	struct world w;

	(void)state;
	begin(&w);
	open_tcp(&w, &a);
	open_tcp(&w, &b);
	talk(&w, &a, &b, 7);
	say(&w, &a, 0, ACK, SIZE, 9);		/* not yet carried on */
	world_end(&w);
	check_link(&w, &a, &b, "high", "heads");
	world_fini(&w);
}

/* Two at a time; alike: the same bytes. */
static void
two_at_a_time(struct world *w, struct conn a[static 2],
    struct conn b[static 2], uint32_t alike)
{
	begin(w);
	open_tcp(w, &a[0]);
	open_tcp(w, &a[1]);
	/* The proxy's threads overtake each other. */
	open_tcp(w, &b[1]);
	open_tcp(w, &b[0]);
	talk(w, &a[0], &b[0], 7);
	talk(w, &a[1], &b[1], alike ? 7 : 8);
	close_tcp(w, &b[0]);
	close_tcp(w, &a[0]);
	close_tcp(w, &b[1]);
	close_tcp(w, &a[1]);
	world_end(w);
}

static void
test_two_at_a_time(void **state)
{
	struct conn a[2] = { to_proxy(40000), to_proxy(40001) };
	struct conn b[2] = { from_proxy(50000), from_proxy(50001) };
	struct world w;

	(void)state;
	two_at_a_time(&w, a, b, false);
	check_link(&w, &a[0], &b[0], "high", "counts");
	check_link(&w, &a[1], &b[1], "high", "counts");
	world_fini(&w);
}

static void
test_two_alike(void **state)
{
	struct conn a[2] = { to_proxy(40000), to_proxy(40001) };
	struct conn b[2] = { from_proxy(50000), from_proxy(50001) };
	struct world w;

	(void)state;
	/* Both answers come before either is passed on. */
	begin(&w);
	open_tcp(&w, &a[0]);
	open_tcp(&w, &a[1]);
	open_tcp(&w, &b[1]);
	open_tcp(&w, &b[0]);
	say(&w, &a[0], 0, ACK, SIZE, 7);
	say(&w, &a[1], 0, ACK, SIZE, 7);
	say(&w, &b[0], 0, ACK, SIZE, 7);
	say(&w, &b[1], 0, ACK, SIZE, 7);
	say(&w, &b[0], 1, ACK, 40, 3);
	say(&w, &b[1], 1, ACK, 40, 3);
	say(&w, &a[0], 1, ACK, 40, 3);
	say(&w, &a[1], 1, ACK, 40, 3);
	world_end(&w);
	check_text(find(&w, &b[0]), FIELD_TALLYMAN_FLOW_RELAY_CONFIDENCE,
	    "low");
	check_text(find(&w, &b[1]), FIELD_TALLYMAN_FLOW_RELAY_CONFIDENCE,
	    "low");
	world_fini(&w);
}

/* What is not carried on: other bytes, more bytes than came, an answer before
 * there was one, a connection that was there before. */
static void
test_no_relay(void **state)
{
	struct conn a = to_proxy(40000), b = from_proxy(50000);
	struct world w;

	(void)state;
	begin(&w);
	open_tcp(&w, &a);
	open_tcp(&w, &b);
	say(&w, &a, 0, ACK, SIZE, 7);
	say(&w, &b, 0, ACK, SIZE, 8);
	say(&w, &b, 1, ACK, 40, 3);
	say(&w, &a, 1, ACK, 40, 3);
	world_end(&w);
	check_none(&w, &b);
	world_fini(&w);

	a = to_proxy(40000), b = from_proxy(50000);
	begin(&w);
	open_tcp(&w, &a);
	open_tcp(&w, &b);
	talk(&w, &a, &b, 7);
	say(&w, &b, 0, ACK, 1, 0);
	world_end(&w);
	check_none(&w, &b);
	world_fini(&w);

	a = to_proxy(40000), b = from_proxy(50000);
	begin(&w);
	open_tcp(&w, &a);
	open_tcp(&w, &b);
	say(&w, &a, 0, ACK, SIZE, 7);
	say(&w, &a, 1, ACK, 40, 3);
	say(&w, &b, 0, ACK, SIZE, 7);
	say(&w, &b, 1, ACK, 40, 3);
	world_end(&w);
	check_none(&w, &b);
	world_fini(&w);

	a = to_proxy(40000), b = from_proxy(50000);
	begin(&w);
	open_tcp(&w, &b);
	open_tcp(&w, &a);
	talk(&w, &a, &b, 7);
	world_end(&w);
	check_none(&w, &b);
	world_fini(&w);
}

/* A port that answers by itself: what looks like a relay may be chance. */
static void
test_plain_server(void **state)
{
	struct conn own = to_proxy(39999), a = to_proxy(40000);
	struct conn b = from_proxy(50000);
	struct world w;

	(void)state;
	begin(&w);
	open_tcp(&w, &own);
	say(&w, &own, 0, ACK, SIZE, 7);
	say(&w, &own, 1, ACK, 40, 3);
	world_pass(&w, 5 * MONO_S);
	open_tcp(&w, &a);
	open_tcp(&w, &b);
	talk(&w, &a, &b, 7);
	close_tcp(&w, &b);
	close_tcp(&w, &a);
	world_end(&w);
	check_link(&w, &a, &b, "medium", "counts");
	world_fini(&w);
}

static void
test_loss(void **state)
{
	struct conn a = to_proxy(40000), b = from_proxy(50000);
	struct world w;

	(void)state;
	begin(&w);
	open_tcp(&w, &a);
	stream_lost(w.stream, 1);
	open_tcp(&w, &b);
	talk(&w, &a, &b, 7);
	close_tcp(&w, &b);
	close_tcp(&w, &a);
	world_end(&w);
	check_link(&w, &a, &b, "medium", "counts");
	world_fini(&w);
}

/* A container with two networks: it is asked on one and asks on the other. */
static void
test_container(void **state)
{
	struct conn a = {
		.side = { { .from = C1, .to = C2, .sport = 40000,
		    .dport = 9000, .proto = IPPROTO_TCP, .seq = 1000 },
		    { .from = C2, .to = C1, .sport = 9000,
		    .dport = 40000, .proto = IPPROTO_TCP, .seq = 5000 } },
		.path = { { { .ifindex = V1, .seen = PORT },
		    { .ifindex = V2, .seen = OUT } },
		    { { .ifindex = V2, .seen = PORT },
		    { .ifindex = V1, .seen = OUT } } }
	};
	struct conn b = {
		.side = { { .from = C3, .to = FAR, .sport = 50000,
		    .dport = 80, .proto = IPPROTO_TCP, .seq = 1000 },
		    { .from = FAR, .to = C3, .sport = 80,
		    .dport = 50000, .proto = IPPROTO_TCP, .seq = 5000 } },
		.path = { { { .ifindex = V3, .seen = PORT },
		    { .ifindex = ETH0, .seen = OUT } },
		    { { .ifindex = ETH0, .seen = IN },
		    { .ifindex = V3, .seen = OUT } } }
	};
	struct world w;

	(void)state;
	begin(&w);
	open_tcp(&w, &a);
	open_tcp(&w, &b);
	talk(&w, &a, &b, 7);
	close_tcp(&w, &b);
	close_tcp(&w, &a);
	world_pass(&w, MONO_S);
	world_end(&w);
	check_link(&w, &a, &b, "high", "counts");
	world_fini(&w);
}

static void
test_udp(void **state)
{
	struct conn a = to_proxy(40000), b = from_proxy(50000);
	struct world w;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++)
		a.side[i].proto = b.side[i].proto = IPPROTO_UDP;
	begin(&w);
	say(&w, &a, 0, 0, 100, 7);
	say(&w, &b, 0, 0, 100, 7);
	say(&w, &b, 1, 0, 200, 8);
	say(&w, &a, 1, 0, 200, 8);
	world_pass(&w, 120 * MONO_S);
	check_link(&w, &a, &b, "high", "counts");
	world_end(&w);
	world_fini(&w);
}

/* More waiting ones than there is room for. */
static void
test_flood(void **state)
{
	struct conn a = to_proxy(40000), b = from_proxy(50000);
	struct stream_conf conf = world_conf();
	struct world w;
	unsigned i;

	(void)state;
	conf.max_flows = 65536;
	world_init(&w, &conf);
	w.only_dport = 80;
	world_pass(&w, 5 * MONO_S);
	open_tcp(&w, &a);
	for (i = 0; i < 5000; i++) {
		struct conn other = to_proxy((uint16_t)(10000 + i));

		open_tcp(&w, &other);
	}
	open_tcp(&w, &b);
	talk(&w, &a, &b, 7);
	world_end(&w);
	assert_int_equal(world_noted(&w, "stream.flow",
	    "relay_waiters_evicted"), 5002 - 4096);
	check_none(&w, &b);
	assert_true(world_balances(&w));
	world_fini(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_while_it_goes_on),
		cmocka_unit_test(test_two_at_a_time),
		cmocka_unit_test(test_two_alike),
		cmocka_unit_test(test_no_relay),
		cmocka_unit_test(test_plain_server),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests_name("stream relay", tests, NULL, NULL);
}

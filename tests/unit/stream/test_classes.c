/*
 * The four plain classes of container traffic and their relatives: expected
 * counts follow from how the trace was built, never from the code's output.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/stream/world.h"

struct class {
	const char		*client, *server;	/* as dialled */
	uint16_t		 sport, dport;
	struct step		 there[4], back[4];
	size_t			 n;
};

#define CLIENT_ISN	1000
#define SERVER_ISN	900000
#define REQUEST		500
#define ANSWER		1448
#define ANSWERS		10

/*
 * A whole connection: 3 way handshake, a request, an answer of ANSWERS
 * segments each acknowledged, FIN both ways. Initiator: SYN, ACK, request,
 * ANSWERS ACKs, FIN, ACK = ANSWERS + 5 packets; responder: SYN-ACK, ACK,
 * ANSWERS data, FIN = ANSWERS + 3 packets.
 */
static void
talk(struct world *w, const struct class *c)
{
	struct pkt a = { .from = c->client, .to = c->server, .sport = c->sport,
	    .dport = c->dport, .proto = IPPROTO_TCP, .seq = CLIENT_ISN };
	struct pkt b = { .from = c->server, .to = c->client, .sport = c->dport,
	    .dport = c->sport, .proto = IPPROTO_TCP, .seq = SERVER_ISN };
	unsigned i;

	a.flags = SYN;
	world_walk(w, &a, c->there, c->n);
	a.seq++;
	b.flags = SYN | ACK;
	b.ack = a.seq;
	world_walk(w, &b, c->back, c->n);
	b.seq++;
	a.flags = ACK;
	a.ack = b.seq;
	world_walk(w, &a, c->there, c->n);
	a.payload = REQUEST;
	a.flags = ACK | PSH;
	world_walk(w, &a, c->there, c->n);
	a.seq += REQUEST;
	a.payload = 0;
	a.flags = ACK;
	b.flags = ACK;
	b.ack = a.seq;
	world_walk(w, &b, c->back, c->n);
	for (i = 0; i < ANSWERS; i++) {
		b.payload = ANSWER;
		world_walk(w, &b, c->back, c->n);
		b.seq += ANSWER;
		a.ack = b.seq;
		world_walk(w, &a, c->there, c->n);
	}
	b.payload = 0;
	b.flags = FIN | ACK;
	world_walk(w, &b, c->back, c->n);
	a.flags = FIN | ACK;
	a.ack = ++b.seq;
	world_walk(w, &a, c->there, c->n);
	a.flags = ACK;
	a.seq++;
	b.flags = ACK;
	b.ack = a.seq;
	world_walk(w, &b, c->back, c->n);
	world_walk(w, &a, c->there, c->n);
}

/* What talk adds up to. */
static void
check_talk(const struct event *ev)
{
	const int64_t out = ANSWERS + 5, in = ANSWERS + 4;

	check_counts(ev, out, out * 40 + REQUEST, REQUEST,
	    in, in * 40 + ANSWERS * ANSWER, ANSWERS * ANSWER);
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_RETRANSMITTED_BYTES),
	    0);
	check_text(ev, FIELD_TALLYMAN_FLOW_END_REASON, "fin");
}

static void
check_copies(const struct event *ev, size_t points)
{
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_COPIES_DROPPED),
	    (int64_t)(points - 1) * (ANSWERS + 5 + ANSWERS + 4));
}

static void
test_container_to_container(void **state)
{
	static const struct class c = { .client = C1, .server = C2,
	    .sport = 40000, .dport = 80, .n = 2,
	    .there = { { .ifindex = V1, .seen = PORT },
	        { .ifindex = V2, .seen = OUT } },
	    .back = { { .ifindex = V2, .seen = PORT },
	        { .ifindex = V1, .seen = OUT } } };
	const struct event *ev;
	struct world w;

	(void)state;
	world_init(&w, NULL);
	talk(&w, &c);
	world_pass(&w, MONO_S);
	assert_int_equal(world_finals(&w), 1);
	ev = world_find(&w, C1, 40000, C2, 80);
	check_talk(ev);
	check_copies(ev, 2);
	check_text(ev, FIELD_TALLYMAN_FLOW_LEFT_HOST, "no");
	check_text(ev, FIELD_TALLYMAN_FLOW_POINTS,
	    "[{\"interface\":\"veth1\",\"packets\":29},"
	    "{\"interface\":\"veth2\",\"packets\":29}]");
	check_text(ev, FIELD_OBSERVER_INGRESS_INTERFACE_NAME, "veth1");
	check_text(ev, FIELD_OBSERVER_EGRESS_INTERFACE_NAME, "veth2");
	assert_null(event_get(ev, FIELD_SOURCE_NAT_IP));
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	assert_true(world_balances(&w));
	world_fini(&w);
}

static void
test_container_to_host(void **state)
{
	static const struct class c = { .client = C1, .server = HOST_IP,
	    .sport = 40001, .dport = 22, .n = 2,
	    .there = { { .ifindex = V1, .seen = PORT },
	        { .ifindex = DOCKER0, .seen = IN } },
	    .back = { { .ifindex = DOCKER0, .seen = OUT },
	        { .ifindex = V1, .seen = OUT } } };
	const struct event *ev;
	struct world w;

	(void)state;
	world_init(&w, NULL);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	check_talk(ev);
	check_copies(ev, 2);
	check_text(ev, FIELD_TALLYMAN_FLOW_LEFT_HOST, "no");
	check_text(ev, FIELD_TALLYMAN_DESTINATION_SCOPE, "host");
	assert_null(event_get(ev, FIELD_OBSERVER_EGRESS_INTERFACE_NAME));
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* From C1 by way of the host's address and port. */
static struct class
snat_class(const char *container, uint32_t veth, uint16_t sport,
    uint16_t wire_port)
{
	return (struct class){ .client = container, .server = FAR,
	    .sport = sport, .dport = 443, .n = 3,
	    .there = { { .ifindex = veth, .seen = PORT },
	        { .ifindex = DOCKER0, .seen = IN },
	        { .ifindex = ETH0, .seen = OUT, .from = HOST_IP,
	            .sport = wire_port } },
	    .back = { { .ifindex = ETH0, .seen = IN, .to = HOST_IP,
	            .dport = wire_port },
	        { .ifindex = DOCKER0, .seen = OUT },
	        { .ifindex = veth, .seen = OUT } } };
}

static void
test_container_to_outside(void **state)
{
	struct class c = snat_class(C1, V1, 40002, 40002);
	const struct event *ev;
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C1, 40002, FAR, 443,
	    FAR, 443, HOST_IP, 40002, 7);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	check_talk(ev);
	check_copies(ev, 3);
	check_ip(ev, FIELD_SOURCE_IP, C1);
	check_ip(ev, FIELD_SOURCE_NAT_IP, HOST_IP);
	assert_int_equal(event_num(ev, FIELD_SOURCE_NAT_PORT), 40002);
	assert_null(event_get(ev, FIELD_DESTINATION_NAT_IP));
	check_text(ev, FIELD_TALLYMAN_FLOW_LEFT_HOST, "yes");
	check_text(ev, FIELD_TALLYMAN_FLOW_NAT_METHOD, "conntrack");
	check_text(ev, FIELD_TALLYMAN_DESTINATION_SCOPE, "outside");
	check_text(ev, FIELD_TALLYMAN_FLOW_POINTS,
	    "[{\"interface\":\"veth1\",\"packets\":29},"
	    "{\"interface\":\"docker0\",\"packets\":29},"
	    "{\"interface\":\"eth0\",\"packets\":29}]");
	/* The container's tuple first, the wire's beside it. */
	assert_string_not_equal(event_str(ev, FIELD_NETWORK_COMMUNITY_ID),
	    event_str(ev, FIELD_TALLYMAN_FLOW_NAT_COMMUNITY_ID));
	assert_true(world_balances(&w));
	world_fini(&w);
}

static void
test_published_port(void **state)
{
	static const struct class c = { .client = FAR, .server = HOST_IP,
	    .sport = 50000, .dport = 8080, .n = 3,
	    .there = { { .ifindex = ETH0, .seen = IN },
	        { .ifindex = DOCKER0, .seen = OUT, .to = C1, .dport = 80 },
	        { .ifindex = V1, .seen = OUT, .to = C1, .dport = 80 } },
	    .back = { { .ifindex = V1, .seen = PORT, .from = C1, .sport = 80 },
	        { .ifindex = DOCKER0, .seen = IN, .from = C1, .sport = 80 },
	        { .ifindex = ETH0, .seen = OUT } } };
	const struct event *ev;
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, FAR, 50000, HOST_IP, 8080,
	    C1, 80, FAR, 50000, 8);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	check_talk(ev);
	check_copies(ev, 3);
	check_ip(ev, FIELD_SOURCE_IP, FAR);
	check_ip(ev, FIELD_DESTINATION_IP, HOST_IP);
	assert_int_equal(event_num(ev, FIELD_DESTINATION_PORT), 8080);
	check_ip(ev, FIELD_DESTINATION_NAT_IP, C1);
	assert_int_equal(event_num(ev, FIELD_DESTINATION_NAT_PORT), 80);
	assert_null(event_get(ev, FIELD_SOURCE_NAT_IP));
	check_text(ev, FIELD_TALLYMAN_FLOW_LEFT_HOST, "yes");
	check_text(ev, FIELD_TALLYMAN_SOURCE_SCOPE, "outside");
	assert_null(event_get(ev, FIELD_TALLYMAN_DESTINATION_SCOPE));
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* The second of two containers with one source port gets another. */
static void
test_snat_port_clash(void **state)
{
	struct class one = snat_class(C1, V1, 40000, 40000);
	struct class two = snat_class(C2, V2, 40000, 1024);
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C1, 40000, FAR, 443,
	    FAR, 443, HOST_IP, 40000, 1);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C2, 40000, FAR, 443,
	    FAR, 443, HOST_IP, 1024, 2);
	talk(&w, &one);
	talk(&w, &two);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_talk(world_find(&w, C1, 40000, FAR, 443));
	check_talk(world_find(&w, C2, 40000, FAR, 443));
	assert_int_equal(event_num(world_find(&w, C2, 40000, FAR, 443),
	    FIELD_SOURCE_NAT_PORT), 1024);
	world_fini(&w);
}

/* userland-proxy=false: a dials the host's port and reaches b. */
static void
test_hairpin(void **state)
{
	static const struct class c = { .client = C1, .server = HOST_IP,
	    .sport = 41000, .dport = 8080, .n = 3,
	    .there = { { .ifindex = V1, .seen = PORT },
	        { .ifindex = DOCKER0, .seen = OUT, .to = C2, .dport = 80 },
	        { .ifindex = V2, .seen = OUT, .from = BRIDGE_IP, .to = C2,
	            .dport = 80 } },
	    .back = { { .ifindex = V2, .seen = PORT, .from = C2, .sport = 80,
	            .to = BRIDGE_IP },
	        { .ifindex = DOCKER0, .seen = OUT, .from = C2, .sport = 80 },
	        { .ifindex = V1, .seen = OUT } } };
	const struct event *ev;
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C1, 41000, HOST_IP, 8080,
	    C2, 80, BRIDGE_IP, 41000, 3);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	check_talk(ev);
	check_ip(ev, FIELD_SOURCE_NAT_IP, BRIDGE_IP);
	check_ip(ev, FIELD_DESTINATION_NAT_IP, C2);
	check_text(ev, FIELD_TALLYMAN_FLOW_LEFT_HOST, "no");
	world_fini(&w);
}

/* The same, and the host port leads back to a itself: one veth, both ways. */
static void
test_hairpin_to_itself(void **state)
{
	static const struct class c = { .client = C1, .server = HOST_IP,
	    .sport = 41001, .dport = 8080, .n = 3,
	    .there = { { .ifindex = V1, .seen = PORT },
	        { .ifindex = DOCKER0, .seen = OUT, .to = C1, .dport = 80 },
	        { .ifindex = V1, .seen = OUT, .from = BRIDGE_IP, .to = C1,
	            .dport = 80 } },
	    .back = { { .ifindex = V1, .seen = PORT, .from = C1, .sport = 80,
	            .to = BRIDGE_IP },
	        { .ifindex = DOCKER0, .seen = OUT, .from = C1, .sport = 80 },
	        { .ifindex = V1, .seen = OUT } } };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C1, 41001, HOST_IP, 8080,
	    C1, 80, BRIDGE_IP, 41001, 4);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_talk(world_final(&w, 0));
	check_copies(world_final(&w, 0), 3);
	world_fini(&w);
}

/*
 * A promiscuous bridge adds a third copy, after the one that goes out; on the
 * path it stands between the two.
 */
static void
test_promiscuous_bridge(void **state)
{
	static const struct class c = { .client = C1, .server = C2,
	    .sport = 40003, .dport = 80, .n = 3,
	    .there = { { .ifindex = V1, .seen = PORT },
	        { .ifindex = V2, .seen = OUT },
	        { .ifindex = DOCKER0, .seen = STREAM_SEEN_OTHERHOST } },
	    .back = { { .ifindex = V2, .seen = PORT },
	        { .ifindex = V1, .seen = OUT },
	        { .ifindex = DOCKER0, .seen = STREAM_SEEN_OTHERHOST } } };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_talk(world_final(&w, 0));
	check_copies(world_final(&w, 0), 3);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_POINTS,
	    "[{\"interface\":\"veth1\",\"packets\":29},"
	    "{\"interface\":\"docker0\",\"packets\":29},"
	    "{\"interface\":\"veth2\",\"packets\":29}]");
	check_text(world_final(&w, 0), FIELD_OBSERVER_EGRESS_INTERFACE_NAME,
	    "veth2");
	world_fini(&w);
}

static void
test_across_bridges(void **state)
{
	static const struct class c = { .client = C1, .server = C3,
	    .sport = 40004, .dport = 80, .n = 4,
	    .there = { { .ifindex = V1, .seen = PORT },
	        { .ifindex = DOCKER0, .seen = IN },
	        { .ifindex = BR1, .seen = OUT }, { .ifindex = V3, .seen = OUT } },
	    .back = { { .ifindex = V3, .seen = PORT }, { .ifindex = BR1, .seen = IN },
	        { .ifindex = DOCKER0, .seen = OUT },
	        { .ifindex = V1, .seen = OUT } } };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_talk(world_final(&w, 0));
	check_copies(world_final(&w, 0), 4);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_LEFT_HOST, "no");
	world_fini(&w);
}

/* Their parent interface hears both directions come in. */
static void
test_macvlan_to_macvlan(void **state)
{
	static const struct class c = { .client = "192.0.2.51",
	    .server = "192.0.2.52", .sport = 40005, .dport = 80, .n = 1,
	    .there = { { .ifindex = ETH0, .seen = IN } },
	    .back = { { .ifindex = ETH0, .seen = IN } } };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_talk(world_final(&w, 0));
	check_copies(world_final(&w, 0), 1);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_LEFT_HOST, "no");
	assert_null(event_get(world_final(&w, 0), FIELD_TALLYMAN_SOURCE_SCOPE));
	assert_null(event_get(world_final(&w, 0),
	    FIELD_TALLYMAN_DESTINATION_SCOPE));
	world_fini(&w);
}

/* The same towards the outside: the answers come in where requests go out. */
static void
test_macvlan_to_outside(void **state)
{
	static const struct class c = { .client = "192.0.2.51", .server = FAR,
	    .sport = 40006, .dport = 80, .n = 1,
	    .there = { { .ifindex = ETH0, .seen = OUT } },
	    .back = { { .ifindex = ETH0, .seen = IN } } };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	talk(&w, &c);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_talk(world_final(&w, 0));
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_LEFT_HOST, "yes");
	check_text(world_final(&w, 0), FIELD_TALLYMAN_DESTINATION_SCOPE,
	    "outside");
	world_fini(&w);
}

/* docker-proxy: two connections, never one. */
static void
test_proxy_relay(void **state)
{
	static const struct class in = { .client = C1, .server = HOST_IP,
	    .sport = 42000, .dport = 8080, .n = 2,
	    .there = { { .ifindex = V1, .seen = PORT },
	        { .ifindex = DOCKER0, .seen = IN } },
	    .back = { { .ifindex = DOCKER0, .seen = OUT },
	        { .ifindex = V1, .seen = OUT } } };
	static const struct class out = { .client = BRIDGE_IP, .server = C2,
	    .sport = 42001, .dport = 80, .n = 2,
	    .there = { { .ifindex = DOCKER0, .seen = OUT },
	        { .ifindex = V2, .seen = OUT } },
	    .back = { { .ifindex = V2, .seen = PORT },
	        { .ifindex = DOCKER0, .seen = IN } } };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	talk(&w, &in);
	talk(&w, &out);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_talk(world_find(&w, C1, 42000, HOST_IP, 8080));
	check_talk(world_find(&w, BRIDGE_IP, 42001, C2, 80));
	world_fini(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_to_container),
		cmocka_unit_test(test_container_to_host),
		cmocka_unit_test(test_container_to_outside),
		cmocka_unit_test(test_published_port),
		cmocka_unit_test(test_snat_port_clash),
		cmocka_unit_test(test_hairpin),
		cmocka_unit_test(test_hairpin_to_itself),
		cmocka_unit_test(test_promiscuous_bridge),
		cmocka_unit_test(test_across_bridges),
		cmocka_unit_test(test_macvlan_to_macvlan),
		cmocka_unit_test(test_macvlan_to_outside),
		cmocka_unit_test(test_proxy_relay),
	};

	return cmocka_run_group_tests_name("stream classes", tests, NULL, NULL);
}

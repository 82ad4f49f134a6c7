/* When reports come, what they add up to, and what they say of a flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/stream/world.h"

static const struct step bridge[] = { { .ifindex = V1, .seen = PORT },
    { .ifindex = V2, .seen = OUT } };
static const struct step back[] = { { .ifindex = V2, .seen = PORT },
    { .ifindex = V1, .seen = OUT } };

static struct pkt
data(uint32_t seq, size_t payload)
{
	return (struct pkt){ .from = C1, .to = C2, .sport = 40000, .dport = 80,
	    .proto = IPPROTO_TCP, .flags = ACK, .seq = seq, .ack = 1,
	    .payload = payload };
}

static struct pkt
answer(uint32_t seq, size_t payload)
{
	return (struct pkt){ .from = C2, .to = C1, .sport = 80, .dport = 40000,
	    .proto = IPPROTO_TCP, .flags = ACK, .seq = seq, .ack = 1,
	    .payload = payload };
}

static bool
has_type(const struct event *ev, const char *type)
{
	const struct event_value *v = event_get(ev, FIELD_EVENT_TYPE);
	uint32_t i;

	assert_non_null(v);
	for (i = 0; i < v->count; i++)
		if (strcmp(v->strs[i].text, type) == 0)
			return true;
	return false;
}

static void
test_start_update_end(void **state)
{
	struct world w;
	struct pkt p, b;
	int64_t sent = 0;
	size_t i;

	(void)state;
	world_init(&w, NULL);
	p = data(1, 100);
	world_walk(&w, &p, bridge, 2);
	world_pass(&w, 40 * MONO_MS);
	assert_int_equal(w.n_events, 0);
	world_pass(&w, 20 * MONO_MS);
	assert_int_equal(w.n_events, 1);
	assert_true(has_type(w.events[0], "start"));
	assert_false(has_type(w.events[0], "end"));
	/* Nothing new, no report; news once a period. */
	world_pass(&w, 30 * MONO_S);
	assert_int_equal(w.n_events, 1);
	b = answer(1, 50);
	world_walk(&w, &b, back, 2);
	world_pass(&w, 11 * MONO_S);
	assert_int_equal(w.n_events, 2);
	assert_false(has_type(w.events[1], "start"));
	assert_int_equal(event_num(w.events[1],
	    FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_RECEIVED), 50);
	assert_int_equal(event_num(w.events[1],
	    FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_SENT), 0);
	assert_int_equal(event_num(w.events[1],
	    FIELD_TALLYMAN_FLOW_PAYLOAD_SENT), 100);
	p = data(101, 10);
	p.flags = RST | ACK;
	world_walk(&w, &p, bridge, 2);
	world_pass(&w, 850 * MONO_MS);
	assert_int_equal(w.n_events, 3);
	assert_true(has_type(w.events[2], "end"));
	check_text(w.events[2], FIELD_TALLYMAN_FLOW_END_REASON, "rst");
	for (i = 0; i < 3; i++) {
		sent += event_num(w.events[i],
		    FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_SENT);
		check_text(w.events[i], FIELD_TALLYMAN_FLOW_ID,
		    event_str(w.events[0], FIELD_TALLYMAN_FLOW_ID));
		check_text(w.events[i], FIELD_EVENT_ACTION, "network_flow");
	}
	assert_int_equal(sent, 110);
	assert_string_not_equal(event_str(w.events[0], FIELD_EVENT_ID),
	    event_str(w.events[1], FIELD_EVENT_ID));
	world_end(&w);
	assert_int_equal(w.n_events, 3);
	world_fini(&w);
}

/* All within 50 ms: one report says it all. */
static void
test_short_flow(void **state)
{
	struct world w;
	struct pkt p;

	(void)state;
	world_init(&w, NULL);
	p = data(0, 0);
	p.flags = SYN;
	world_walk(&w, &p, bridge, 2);
	p = answer(0, 0);
	p.flags = RST | ACK;
	world_walk(&w, &p, back, 2);
	world_pass(&w, 360 * MONO_MS);
	assert_int_equal(w.n_events, 1);
	assert_true(has_type(w.events[0], "start"));
	assert_true(has_type(w.events[0], "end"));
	world_pass(&w, 6 * MONO_S);
	world_end(&w);
	assert_int_equal(w.n_events, 1);
	world_fini(&w);
}

/* A MiB of payload is worth a report at once, but twice a second at most. */
static void
test_early_report(void **state)
{
	struct world w;
	struct pkt p;
	uint32_t i;

	(void)state;
	world_init(&w, NULL);
	p = data(1, 10000);
	world_walk(&w, &p, bridge, 2);
	world_pass(&w, MONO_S);
	assert_int_equal(w.n_events, 1);
	for (i = 1; i <= 106; i++) {
		p = data(1 + i * 10000, 10000);
		world_walk(&w, &p, bridge, 2);
	}
	world_pass(&w, 20 * MONO_MS);
	assert_int_equal(w.n_events, 2);
	assert_int_equal(event_num(w.events[1],
	    FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_SENT), 1060000);
	for (; i <= 300; i++) {
		p = data(1 + i * 10000, 10000);
		world_walk(&w, &p, bridge, 2);
	}
	world_pass(&w, 400 * MONO_MS);
	assert_int_equal(w.n_events, 2);
	world_pass(&w, 200 * MONO_MS);
	assert_int_equal(w.n_events, 3);
	world_fini(&w);
}

static void
test_idle(void **state)
{
	struct pkt p = { .from = C1, .to = C2, .sport = 9, .dport = 53,
	    .proto = IPPROTO_UDP, .payload = 20 };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_walk(&w, &p, bridge, 2);
	p = data(1, 1);
	world_walk(&w, &p, bridge, 2);
	p = answer(1, 1);
	world_walk(&w, &p, back, 2);
	world_pass(&w, 59 * MONO_S);
	assert_int_equal(world_finals(&w), 0);
	world_pass(&w, 2 * MONO_S);
	assert_int_equal(world_finals(&w), 1);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_END_REASON, "idle");
	check_text(world_final(&w, 0), FIELD_NETWORK_TRANSPORT, "udp");
	world_pass(&w, 538 * MONO_S);
	assert_int_equal(world_finals(&w), 1);
	world_pass(&w, 3 * MONO_S);
	assert_int_equal(world_finals(&w), 2);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	world_fini(&w);
}

static void
check_left(const char *to, const struct step *path, size_t n,
    const char *expected)
{
	struct pkt p = { .from = strchr(to, ':') == NULL ? C1 : C1_IP6,
	    .to = to, .sport = 9, .dport = 53,
	    .proto = IPPROTO_UDP, .payload = 20 };
	struct world w;

	world_init(&w, NULL);
	world_walk(&w, &p, path, n);
	world_end(&w);
	if (expected != NULL)
		check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_LEFT_HOST,
		    expected);
	else
		assert_int_equal(event_has(world_final(&w, 0),
		    FIELD_TALLYMAN_FLOW_LEFT_HOST), EVENT_MISSING);
	world_fini(&w);
}

static void
test_left_host(void **state)
{
	static const struct step out[] = { { .ifindex = V1, .seen = PORT },
	    { .ifindex = DOCKER0, .seen = IN },
	    { .ifindex = ETH0, .seen = OUT } };
	static const struct step cast[] = {
	    { .ifindex = V1, .seen = STREAM_SEEN_BROADCAST },
	    { .ifindex = DOCKER0, .seen = STREAM_SEEN_BROADCAST } };
	static const struct step nowhere[] = { { .ifindex = V1, .seen = PORT },
	    { .ifindex = 77, .seen = OUT } };

	(void)state;
	check_left(FAR, out, 3, "yes");
	check_left(FAR, out, 2, "attempted");	/* dropped by a rule */
	check_left(FAR, out, 1, "attempted");
	check_left("192.0.2.99", out, 2, "attempted");	/* on the uplink */
	check_left(C3, out, 2, "no");		/* on the other bridge, */
	check_left("172.18.31.255", out, 2, "no");	/* by its prefix */
	check_left("172.18.32.0", out, 2, "attempted");
	check_left("fe80::99", out, 1, "no");
	check_left("2001:db8:f::1", out, 2, "attempted");
	check_left(HOST_IP, out, 2, "no");
	check_left(BRIDGE_IP, out, 2, "no");
	check_left(C2, bridge, 2, "no");
	check_left("224.0.0.251", out, 2, "no");
	check_left("172.17.255.255", cast, 2, "no");
	check_left(FAR, nowhere, 2, NULL);	/* nobody told what 77 is */
}

/* Who began, when only the middle of a connection is seen. */
static void
test_initiator(void **state)
{
	struct world w;
	struct pkt p;

	(void)state;
	world_init(&w, NULL);
	p = answer(1, 100);			/* from port 80 */
	world_walk(&w, &p, back, 2);
	p = data(1, 0);
	world_walk(&w, &p, bridge, 2);
	world_end(&w);
	check_counts(world_find(&w, C1, 40000, C2, 80), 1, 40, 0, 1, 140, 100);
	/* The path is the initiator's, though the answer came first. */
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_POINTS,
	    "[{\"interface\":\"veth1\",\"packets\":2},"
	    "{\"interface\":\"veth2\",\"packets\":2}]");
	world_fini(&w);

	/* conntrack knows better than ports do. */
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C2, 80, C1, 40000, C1, 40000,
	    C2, 80, 1);
	p = data(1, 10);
	world_walk(&w, &p, bridge, 2);
	world_end(&w);
	check_counts(world_find(&w, C2, 80, C1, 40000), 0, 0, 0, 1, 50, 10);
	world_fini(&w);
}

/* The alias comes after the translated copies: the stray flow goes. */
static void
test_late_alias(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p;
	uint32_t i;

	(void)state;
	world_init(&w, NULL);
	path = world_snat(V1, 40000);
	for (i = 0; i < 10; i++) {
		p = data(1 + i * 100, 100);
		p.to = FAR;
		if (i == 5) {
			stream_nat_dump(w.stream, true);
			world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C1, 40000,
			    FAR, 80, FAR, 80, HOST_IP, 40000, 1);
			stream_nat_dump(w.stream, false);
		}
		world_walk(&w, &p, path.there, 3);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 10, 1400, 1000, 0, 0, 0);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_LEFT_HOST, "yes");
	assert_int_equal(world_noted(&w, "stream.flow", "flows_stray"), 1);
	world_fini(&w);
}

static void
test_lost_packets_are_told(void **state)
{
	struct world w;
	struct pkt p;

	(void)state;
	world_init(&w, NULL);
	stream_lost(w.stream, 5);		/* before the flow */
	p = data(1, 100);
	world_walk(&w, &p, bridge, 2);
	stream_lost(w.stream, 7);
	stream_lost(w.stream, 2);
	world_end(&w);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_GAPS,
	    "{\"packets_lost\":9}");
	world_fini(&w);
}

/* Losing packets for minutes: the sum is right for who was there all along. */
static void
test_long_loss_is_told(void **state)
{
	struct world w;
	struct pkt p;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	p = data(1, 100);
	world_walk(&w, &p, bridge, 2);
	for (i = 0; i < 200; i++) {
		world_pass(&w, 100 * MONO_MS);
		stream_lost(w.stream, i);
	}
	world_end(&w);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_GAPS,
	    "{\"packets_lost\":19900}");
	world_fini(&w);
}

static void
test_link_names(void **state)
{
	struct stream_link gone = { .ifindex = V1, .gone = true };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	stream_link(w.stream, &gone);
	assert_string_equal(stream_link_name(w.stream, V1), "veth1");
	assert_string_equal(stream_link_name(w.stream, 4000000000U),
	    "if4000000000");
	world_fini(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_update_end),
		cmocka_unit_test(test_short_flow),
		cmocka_unit_test(test_early_report),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_left_host),
		cmocka_unit_test(test_initiator),
		cmocka_unit_test(test_late_alias),
		cmocka_unit_test(test_lost_packets_are_told),
		cmocka_unit_test(test_long_loss_is_told),
		cmocka_unit_test(test_link_names),
	};

	return cmocka_run_group_tests_name("stream reports", tests, NULL, NULL);
}

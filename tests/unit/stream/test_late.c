/*
 * Packets that come after their time: after the final report of their flow,
 * after a new connection has begun on the same tuple, or without the
 * beginning that would tell whose they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/stream/world.h"

#define MSS	1448

static const struct step inside[] = { { .ifindex = V1, .seen = PORT },
    { .ifindex = V2, .seen = OUT } };
static const struct step outside[] = { { .ifindex = V2, .seen = PORT },
    { .ifindex = V1, .seen = OUT } };

/* C1 to C2. */
static struct pkt
there(uint8_t flags, uint32_t seq, uint32_t ack, size_t payload)
{
	return (struct pkt){ .from = C1, .to = C2, .sport = 5000, .dport = 80,
	    .proto = IPPROTO_TCP, .flags = flags, .seq = seq, .ack = ack,
	    .payload = payload };
}

static struct pkt
back(uint8_t flags, uint32_t seq, uint32_t ack, size_t payload)
{
	return (struct pkt){ .from = C2, .to = C1, .sport = 80, .dport = 5000,
	    .proto = IPPROTO_TCP, .flags = flags, .seq = seq, .ack = ack,
	    .payload = payload };
}

static void
walk_there(struct world *w, uint8_t flags, uint32_t seq, uint32_t ack,
    size_t payload)
{
	struct pkt p = there(flags, seq, ack, payload);

	world_walk(w, &p, inside, 2);
}

static void
walk_back(struct world *w, uint8_t flags, uint32_t seq, uint32_t ack,
    size_t payload)
{
	struct pkt p = back(flags, seq, ack, payload);

	world_walk(w, &p, outside, 2);
}

/* A connection that C1 resets while C2 sends: 6 packets. */
static void
reset_one(struct world *w)
{
	walk_there(w, SYN, 99, 0, 0);
	walk_back(w, SYN | ACK, 999, 100, 0);
	walk_there(w, ACK, 100, 1000, 200);
	walk_back(w, ACK, 1000, 300, MSS);
	walk_back(w, ACK, 1000 + MSS, 300, MSS);
	walk_there(w, RST, 300, 0, 0);
}

static void
check_reset_one(const struct event *ev)
{
	check_counts(ev, 3, 3 * 40 + 200, 200, 3, 3 * 40 + 2 * MSS, 2 * MSS);
	check_text(ev, FIELD_TALLYMAN_FLOW_END_REASON, "rst");
}

static bool
same_flow(const struct event *a, const struct event *b)
{
	return strcmp(event_str(a, FIELD_TALLYMAN_FLOW_ID),
	    event_str(b, FIELD_TALLYMAN_FLOW_ID)) == 0;
}

/* A flow that was reset has one final report, and no byte is in two. */
static void
test_after_reset(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, NULL);
	reset_one(&w);
	world_pass(&w, MONO_S);
	assert_int_equal(world_finals(&w), 1);
	/* In flight for long; and each is answered. */
	walk_back(&w, ACK, 1000 + 2 * MSS, 300, MSS);
	walk_there(&w, RST, 300, 0, 0);
	walk_back(&w, ACK, 1000 + 3 * MSS, 300, 100);
	walk_there(&w, RST, 300, 0, 0);
	world_pass(&w, MONO_S);
	assert_int_equal(world_finals(&w), 2);
	/* Again after that, without payload: told, and not as the end. */
	walk_there(&w, RST, 300, 0, 0);
	world_pass(&w, 6 * MONO_S);
	assert_int_equal(world_finals(&w), 2);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_reset_one(world_final(&w, 0));
	check_counts(world_final(&w, 1), 2, 80, 0, 2, 80 + MSS + 100,
	    MSS + 100);
	check_text(world_final(&w, 1), FIELD_TALLYMAN_FLOW_END_REASON, "rst");
	assert_false(same_flow(world_final(&w, 0), world_final(&w, 1)));
	check_counts(w.events[w.n_events - 1], 3, 120, 0, 2, 80 + MSS + 100,
	    MSS + 100);
	assert_true(same_flow(w.events[w.n_events - 1], world_final(&w, 1)));
	assert_int_equal(world_noted(&w, "stream.flow", "flows"), 2);
	assert_int_equal(world_noted(&w, "stream.flow", "flows_reopened"), 1);
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* The last FIN is lost behind the host and sent again: the same flow, whose
 * second final report replaces the first. */
static void
test_fin_again(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, NULL);
	walk_there(&w, SYN, 99, 0, 0);
	walk_back(&w, SYN | ACK, 999, 100, 0);
	walk_there(&w, FIN | ACK, 100, 1000, 200);
	walk_back(&w, FIN | ACK, 1000, 301, 0);
	walk_there(&w, ACK, 301, 1001, 0);
	world_pass(&w, 330 * MONO_MS);
	assert_int_equal(world_finals(&w), 1);
	walk_back(&w, FIN | ACK, 1000, 301, 0);
	walk_there(&w, ACK, 301, 1001, 0);
	world_pass(&w, 8 * MONO_S);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_final(&w, 0), 3, 3 * 40 + 200, 200, 2, 2 * 40, 0);
	check_counts(world_final(&w, 1), 4, 4 * 40 + 200, 200, 3, 3 * 40, 0);
	assert_true(same_flow(world_final(&w, 1), world_final(&w, 0)));
	world_fini(&w);
}

/* Late copies of what was counted are nothing new. */
static void
test_copies_after_reset(void **state)
{
	struct pkt p = back(ACK, 1000 + 2 * MSS, 300, MSS);
	struct world w;

	(void)state;
	world_init(&w, NULL);
	reset_one(&w);
	world_walk(&w, &p, outside, 1);
	world_pass(&w, MONO_S);
	world_walk(&w, &p, outside + 1, 1);
	world_pass(&w, MONO_S);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 3, 3 * 40 + 200, 200, 4,
	    4 * 40 + 3 * MSS, 3 * MSS);
	world_fini(&w);
}

/* The last ACK was lost behind us: the FIN comes again after the least timeout
 * that Linux has, and belongs to the same flow. */
static void
test_fin_again_soon(void **state)
{
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	walk_there(&w, SYN, 99, 0, 0);
	walk_back(&w, SYN | ACK, 999, 100, 0);
	walk_there(&w, ACK, 100, 1000, 0);
	walk_there(&w, FIN | ACK, 100, 1000, 0);
	for (i = 0; i < 2; i++) {
		walk_back(&w, FIN | ACK, 1000, 101, 0);
		walk_there(&w, ACK, 101, 1001, 0);
		world_pass(&w, 220 * MONO_MS);
	}
	world_pass(&w, 10 * MONO_S);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 5, 5 * 40, 0, 3, 3 * 40, 0);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_END_REASON, "fin");
	world_fini(&w);
}

/* A reset that nobody believed: the connection goes on as one flow, however
 * long it is silent. */
static void
test_forged_reset(void **state)
{
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	reset_one(&w);
	world_pass(&w, MONO_S);
	for (i = 0; i < 5; i++) {
		walk_there(&w, ACK, 300 + i * 100, 1000 + 2 * MSS, 100);
		walk_back(&w, ACK, 1000 + 2 * MSS, 400 + i * 100, 0);
		world_pass(&w, 2 * MONO_S);
	}
	assert_int_equal(world_finals(&w), 1);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_reset_one(world_final(&w, 0));
	check_counts(world_final(&w, 1), 5, 5 * 140, 500, 5, 5 * 40, 0);
	world_fini(&w);
}

/*
 * The tuple is used again with a random number below the old one, and a queue
 * holds copies of the old connection back.
 */
static void
test_copies_of_the_one_before(void **state)
{
	const uint32_t old = 0x20000000, new = 0x10000000;
	struct pkt late = there(ACK, old + 1 + MSS, 1000, MSS);
	struct world w;

	(void)state;
	world_init(&w, NULL);
	walk_there(&w, SYN, old, 0, 0);
	walk_back(&w, SYN | ACK, 999, old + 1, 0);
	walk_there(&w, ACK, old + 1, 1000, MSS);
	world_walk(&w, &late, inside, 1);
	walk_there(&w, SYN, new, 0, 0);
	walk_back(&w, SYN | ACK, 0x70000000, new + 1, 0);
	world_walk(&w, &late, inside + 1, 1);
	walk_there(&w, ACK, new + 1, 0x70000001, 77);
	world_walk(&w, &late, inside + 1, 1);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_final(&w, 0), 3, 3 * 40 + 2 * MSS, 2 * MSS, 1, 40,
	    0);
	check_counts(world_final(&w, 1), 2, 2 * 40 + 77, 77, 1, 40, 0);
	world_fini(&w);
}

/*
 * C1's port on the wire goes to C2, whose SYN was not captured, and whose
 * numbers are not far from those of C1.
 */
static void
test_port_reuse_without_syn(void **state)
{
	const uint32_t near = UINT32_C(1) << 26;
	struct snat one = world_snat(V1, 40000), two = world_snat(V2, 40000);
	struct pkt p = { .from = C1, .to = FAR, .sport = 40000, .dport = 443,
	    .proto = IPPROTO_TCP, .flags = SYN, .seq = 99 };
	struct pkt b = { .from = FAR, .to = C2, .sport = 443, .dport = 50000,
	    .proto = IPPROTO_TCP, .flags = ACK, .seq = near + 7000,
	    .ack = near, .payload = 300 };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C1, 40000, FAR, 443, FAR,
	    443, HOST_IP, 40000, 40000);
	world_walk(&w, &p, one.there, 3);
	p.flags = ACK;
	p.seq = 100;
	p.payload = 1000;
	world_walk(&w, &p, one.there, 3);
	world_nat(&w, STREAM_NAT_DESTROY, IPPROTO_TCP, C1, 40000, FAR, 443,
	    FAR, 443, HOST_IP, 40000, 40000);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C2, 50000, FAR, 443, FAR,
	    443, HOST_IP, 40000, 50000);
	p = (struct pkt){ .from = C2, .to = FAR, .sport = 50000, .dport = 443,
	    .proto = IPPROTO_TCP, .flags = ACK, .seq = near,
	    .ack = near + 7000 };
	world_walk(&w, &p, two.there, 3);
	world_walk(&w, &b, two.back, 3);
	p.payload = 500;
	p.ack += 300;
	world_walk(&w, &p, two.there, 3);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_find(&w, C1, 40000, FAR, 443), 2, 2 * 40 + 1000,
	    1000, 0, 0, 0);
	check_counts(world_find(&w, C2, 50000, FAR, 443), 2, 2 * 40 + 500, 500,
	    1, 340, 300);
	assert_int_equal(world_noted(&w, "stream.flow", "copies"), 5 * 2);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_reset),
		cmocka_unit_test(test_fin_again),
		cmocka_unit_test(test_copies_after_reset),
		cmocka_unit_test(test_fin_again_soon),
		cmocka_unit_test(test_forged_reset),
		cmocka_unit_test(test_copies_of_the_one_before),
		cmocka_unit_test(test_port_reuse_without_syn),
	};

	return cmocka_run_group_tests_name("late", tests, NULL, NULL);
}

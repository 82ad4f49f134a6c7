/*
 * Hard cases of counting once: retransmission, other packet borders at each
 * point, identical datagrams, fragments, reuse of tuples, queues, floods.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "stream/life.h"
#include "tests/unit/stream/world.h"

#define MSS	1448

/* C1:port to FAR:443 with its alias; the wire has the same port. */
static struct snat
start_snat(struct world *w, uint16_t port)
{
	world_nat(w, STREAM_NAT_NEW, IPPROTO_TCP, C1, port, FAR, 443, FAR, 443,
	    HOST_IP, port, port);
	return world_snat(V1, port);
}

static struct pkt
tcp_out(uint16_t port, uint32_t seq, size_t payload)
{
	return (struct pkt){ .from = C1, .to = FAR, .sport = port,
	    .dport = 443, .proto = IPPROTO_TCP, .flags = ACK, .seq = seq,
	    .ack = 1, .payload = payload };
}

static struct pkt
tcp_syn(uint16_t port, uint32_t isn)
{
	struct pkt p = tcp_out(port, isn, 0);

	p.flags = SYN;
	p.ack = 0;
	return p;
}

static struct pkt
udp_out(uint16_t port, size_t payload, uint16_t id, uint32_t fill)
{
	return (struct pkt){ .from = C1, .to = FAR, .sport = port,
	    .dport = 53, .proto = IPPROTO_UDP, .payload = payload, .id = id,
	    .fill = fill };
}

static int64_t
again_of(const struct event *ev)
{
	assert_non_null(ev);
	return event_num(ev, FIELD_TALLYMAN_FLOW_RETRANSMITTED_BYTES);
}

static void
test_retransmission(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, path.there, 3);
	world_walk(&w, &p, path.there, 3);	/* the SYN too */
	p = tcp_out(40000, 100, MSS);
	world_walk(&w, &p, path.there, 3);
	world_walk(&w, &p, path.there, 3);
	/* Half of it is new. */
	p.seq += MSS / 2;
	world_walk(&w, &p, path.there, 3);
	world_end(&w);
	check_counts(world_final(&w, 0), 5, 5 * 40 + 3 * MSS, MSS + MSS / 2,
	    0, 0, 0);
	assert_int_equal(again_of(world_final(&w, 0)), MSS + MSS / 2);
	world_fini(&w);
}

/* Dropped between docker0 and eth0: the sender sends it again. */
static void
test_lost_on_the_host(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, path.there, 3);
	p = tcp_out(40000, 100, MSS);
	world_walk(&w, &p, path.there, 2);	/* eth0 never sees this one */
	p.seq += MSS;
	world_walk(&w, &p, path.there, 3);
	p.seq -= MSS;
	world_walk(&w, &p, path.there, 3);
	world_end(&w);
	check_counts(world_final(&w, 0), 4, 4 * 40 + 3 * MSS, 2 * MSS,
	    0, 0, 0);
	assert_int_equal(again_of(world_final(&w, 0)), MSS);
	world_fini(&w);
}

/* The points see nothing of what was lost before the first of them. */
static void
test_lost_before_the_host(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p, b;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, path.there, 3);
	b = (struct pkt){ .from = FAR, .to = C1, .sport = 443, .dport = 40000,
	    .proto = IPPROTO_TCP, .flags = SYN | ACK, .seq = 4999, .ack = 100 };
	world_walk(&w, &b, path.back, 3);
	b.flags = ACK;
	b.payload = MSS;
	/* Every third is lost, and comes in a second round, backwards. */
	for (i = 0; i < 300; i++) {
		b.seq = 5000 + i * MSS;
		if (i % 3 != 1)
			world_walk(&w, &b, path.back, 3);
	}
	for (i = 300; i-- > 0;) {
		b.seq = 5000 + i * MSS;
		if (i % 3 == 1)
			world_walk(&w, &b, path.back, 3);
	}
	world_end(&w);
	check_counts(world_final(&w, 0), 1, 40, 0, 301, 301 * 40 + 300 * MSS,
	    300 * MSS);
	assert_int_equal(again_of(world_final(&w, 0)), 0);
	assert_int_equal(world_noted(&w, "stream.flow", "tcp_holes_forgotten"),
	    0);
	world_fini(&w);
}

/* Superpackets on veth and bridge, segments of the MSS on the uplink. */
static void
test_segmented_uplink(void **state)
{
	struct world w;
	struct snat path;
	struct pkt big, small;
	unsigned i, n;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	big = tcp_syn(40000, 99);
	world_walk(&w, &big, path.there, 3);
	for (n = 0; n < 12; n++) {
		big = tcp_out(40000, 100 + n * 10 * MSS, 10 * MSS);
		world_walk(&w, &big, path.there, 2);
		for (i = 0; i < 10; i++) {
			small = tcp_out(40000, big.seq + i * MSS, MSS);
			world_walk(&w, &small, path.there + 2, 1);
		}
	}
	/* One segment is asked for again: it crosses all points as it is. */
	small = tcp_out(40000, 100 + 5 * MSS, MSS);
	world_walk(&w, &small, path.there, 3);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 1 + 12 + 1,
	    14 * 40 + 121 * MSS, 120 * MSS, 0, 0, 0);
	assert_int_equal(again_of(world_final(&w, 0)), MSS);
	world_fini(&w);
}

/* IPv4 total length and IPv6 payload length 0: the wire length counts. */
static void
test_big_tcp(void **state)
{
	static const struct step path[] = { { .ifindex = V1, .seen = PORT },
	    { .ifindex = V2, .seen = OUT } };
	struct pkt p = { .from = C1, .to = C2, .sport = 1, .dport = 2,
	    .proto = IPPROTO_TCP, .flags = ACK, .seq = 7, .payload = 150000,
	    .zero_len = true };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_walk(&w, &p, path, 2);
	p.from = C1_IP6;
	p.to = FAR_IP6;
	world_walk(&w, &p, path, 2);
	world_end(&w);
	check_counts(world_find(&w, C1, 1, C2, 2), 1, 150040, 150000, 0, 0, 0);
	check_counts(world_find(&w, C1_IP6, 1, FAR_IP6, 2), 1, 150060, 150000,
	    0, 0, 0);
	world_fini(&w);
}

/* n equal datagrams without an IP ID count n times, in whatever bursts. */
static void
test_identical_datagrams(void **state)
{
	struct pkt p = udp_out(5000, 100, 0, 1);
	struct world w;
	struct snat path;
	unsigned i, burst, n = 0;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1, 5000, FAR, 53, FAR, 53,
	    HOST_IP, 5000, 1);
	path = world_snat(V1, 5000);
	for (burst = 1; burst <= 50; burst++) {
		for (i = 0; i < burst; i++)
			world_walk(&w, &p, path.there, 1);
		for (i = 0; i < burst; i++)
			world_walk(&w, &p, path.there + 1, 1);
		for (i = 0; i < burst; i++)
			world_walk(&w, &p, path.there + 2, 1);
		n += burst;
		world_pass(&w, 100 * MONO_MS);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), n, n * 128, n * 100, 0, 0, 0);
	world_fini(&w);
}

/* The same identity for far longer than the window, and past 16 bits. */
static void
test_identical_for_long(void **state)
{
	struct pkt p = udp_out(5000, 10, 0, 1);
	struct world w;
	struct snat path;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1, 5000, FAR, 53, FAR, 53,
	    HOST_IP, 5000, 1);
	path = world_snat(V1, 5000);
	/* eth0 is one packet late all the time. */
	world_walk(&w, &p, path.there, 2);
	for (i = 1; i < 150000; i++) {
		world_walk(&w, &p, path.there, 2);
		world_walk(&w, &p, path.there + 2, 1);
		if (i % 100 == 0)
			world_pass(&w, 20 * MONO_MS);
	}
	world_walk(&w, &p, path.there + 2, 1);
	world_end(&w);
	check_counts(world_final(&w, 0), 150000, 150000 * 38, 1500000, 0, 0,
	    0);
	world_fini(&w);
}

/* UDP_SEGMENT: one packet inside, ten datagrams on the uplink. */
static void
test_udp_segment(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p;
	unsigned i, k;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1, 5000, FAR, 53, FAR, 53,
	    HOST_IP, 5000, 1);
	path = world_snat(V1, 5000);
	for (i = 0; i < 100; i++) {
		p = udp_out(5000, 12000, 0, i);
		world_walk(&w, &p, path.there, 2);
		if (i % 10 == 3) {		/* the uplink can do it too */
			world_walk(&w, &p, path.there + 2, 1);
			continue;
		}
		for (k = 0; k < 10; k++) {
			p = udp_out(5000, 1200, (uint16_t)(i * 10 + k + 1),
			    i * 10 + k + 5000);
			world_walk(&w, &p, path.there + 2, 1);
		}
		/* One that is not cut. */
		p = udp_out(5000, 200, 0, 7 + i);
		world_walk(&w, &p, path.there, 3);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 190, 100 * 12028 + 90 * 228,
	    100 * 12000 + 90 * 200, 0, 0, 0);
	world_fini(&w);
}

static void
test_ipv6(void **state)
{
	static const struct step routed[] = { { .ifindex = V1, .seen = PORT },
	    { .ifindex = DOCKER0, .seen = IN },
	    { .ifindex = ETH0, .seen = OUT } };
	static const struct step masqueraded[] = {
	    { .ifindex = V1, .seen = PORT }, { .ifindex = DOCKER0, .seen = IN },
	    { .ifindex = ETH0, .seen = OUT, .from = HOST_IP6 } };
	struct pkt p = { .from = C1_IP6, .to = FAR_IP6, .sport = 6000,
	    .dport = 53, .proto = IPPROTO_UDP, .payload = 64, .fill = 9 };
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	for (i = 0; i < 200; i++)
		world_walk(&w, &p, routed, 3);
	p.sport = 6001;
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1_IP6, 6001, FAR_IP6, 53,
	    FAR_IP6, 53, HOST_IP6, 6001, 1);
	for (i = 0; i < 200; i++)
		world_walk(&w, &p, masqueraded, 3);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_find(&w, C1_IP6, 6000, FAR_IP6, 53), 200,
	    200 * 112, 200 * 64, 0, 0, 0);
	check_counts(world_find(&w, C1_IP6, 6001, FAR_IP6, 53), 200,
	    200 * 112, 200 * 64, 0, 0, 0);
	check_text(world_final(&w, 0), FIELD_NETWORK_TYPE, "ipv6");
	world_fini(&w);
}

#define CUT	1480

/* One copy in fragments of CUT bytes; backwards when asked. */
static void
see_fragments(struct world *w, const struct pkt *whole,
    const struct step *step, bool backwards)
{
	size_t l4 = 8 + whole->payload, n = (l4 + CUT - 1) / CUT, i;

	for (i = 0; i < n; i++) {
		struct pkt part = *whole;

		part.offset = (backwards ? n - 1 - i : i) * CUT;
		part.size = l4 - part.offset < CUT ? l4 - part.offset : CUT;
		world_walk(w, &part, step, 1);
	}
}

/* br_netfilter: fragments on veth and uplink, one packet on the bridge. */
static void
test_fragments(void **state)
{
	struct world w;
	struct snat path;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1, 5000, FAR, 53, FAR, 53,
	    HOST_IP, 5000, 1);
	path = world_snat(V1, 5000);
	for (i = 0; i < 200; i++) {
		struct pkt p = udp_out(5000, 4000, (uint16_t)(i + 1), i);

		see_fragments(&w, &p, path.there, i % 2 == 0);
		world_walk(&w, &p, path.there + 1, 1);
		see_fragments(&w, &p, path.there + 2, false);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 200, 200 * 4028, 200 * 4000, 0, 0, 0);
	assert_int_equal(event_num(world_final(&w, 0),
	    FIELD_TALLYMAN_FLOW_COPIES_DROPPED), 200 * (3 + 1 + 3 - 1));
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_POINTS,
	    "[{\"interface\":\"veth1\",\"packets\":600},"
	    "{\"interface\":\"docker0\",\"packets\":200},"
	    "{\"interface\":\"eth0\",\"packets\":600}]");
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* The fragment ID of IPv6 is made anew at each point. */
static void
test_fragments_ipv6(void **state)
{
	static const struct step path[] = { { .ifindex = V1, .seen = PORT },
	    { .ifindex = DOCKER0, .seen = IN },
	    { .ifindex = ETH0, .seen = OUT } };
	struct pkt p = { .from = C1_IP6, .to = FAR_IP6, .sport = 6000,
	    .dport = 53, .proto = IPPROTO_UDP, .payload = 3000 };
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	for (i = 0; i < 100; i++) {
		p.fill = i;
		p.id = (uint16_t)(3 * i);
		see_fragments(&w, &p, path, false);
		world_walk(&w, &p, path + 1, 1);
		p.id = (uint16_t)(7000 + i);
		see_fragments(&w, &p, path + 2, false);
	}
	world_end(&w);
	check_counts(world_final(&w, 0), 100, 100 * 3048, 100 * 3000, 0, 0, 0);
	world_fini(&w);
}

/* A train that never becomes whole counts as what came, after its time. */
static void
test_incomplete_fragments(void **state)
{
	struct pkt p = udp_out(5000, 4000, 77, 1);
	struct world w;
	struct snat path;

	(void)state;
	world_init(&w, NULL);
	path = world_snat(V1, 5000);
	p.offset = 0;
	p.size = CUT;
	world_walk(&w, &p, path.there, 1);
	p.id = 78;
	p.offset = CUT;			/* no header: nobody's */
	world_walk(&w, &p, path.there, 1);
	world_pass(&w, 31 * MONO_S);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 1, 20 + CUT, CUT - 8, 0, 0, 0);
	assert_int_equal(ledger_get(ledger_dropped(ledger_stage(w.ledger,
	    "stream.flow"), "incomplete_fragments")), 1);
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* A container starts again with its address and port; copies are late. */
static void
test_restart_on_same_tuple(void **state)
{
	struct world w;
	struct snat path;
	struct pkt one, two;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	one = tcp_syn(40000, 1000);
	world_walk(&w, &one, path.there, 3);
	one = tcp_out(40000, 1001, MSS);
	world_walk(&w, &one, path.there, 3);
	one.seq += MSS;
	world_walk(&w, &one, path.there, 2);	/* eth0's queue holds it */
	world_nat(&w, STREAM_NAT_DESTROY, IPPROTO_TCP, C1, 40000, FAR, 443,
	    FAR, 443, HOST_IP, 40000, 40000);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C1, 40000, FAR, 443,
	    FAR, 443, HOST_IP, 40000, 40001);
	/* As the kernel does after TIME_WAIT: not far above the old one. */
	two = tcp_syn(40000, 1001 + 2 * MSS + 65537);
	world_walk(&w, &two, path.there, 2);
	world_walk(&w, &one, path.there + 2, 1);
	world_walk(&w, &two, path.there + 2, 1);
	two = tcp_out(40000, two.seq + 1, MSS);
	world_walk(&w, &two, path.there, 3);
	world_walk(&w, &one, path.there + 2, 1);	/* later still, twice */
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_final(&w, 0), 3, 3 * 40 + 2 * MSS, 2 * MSS, 0, 0,
	    0);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_END_REASON,
	    "replaced");
	check_counts(world_final(&w, 1), 2, 2 * 40 + MSS, MSS, 0, 0, 0);
	world_fini(&w);
}

/* The same without a word from conntrack, and with a random new ISN. */
static void
test_restart_inside(void **state)
{
	static const struct step path[] = { { .ifindex = V1, .seen = PORT },
	    { .ifindex = V2, .seen = OUT } };
	struct pkt p = { .from = C1, .to = C2, .sport = 5, .dport = 6,
	    .proto = IPPROTO_TCP, .flags = SYN, .seq = 0xfffffff0 };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_walk(&w, &p, path, 2);
	p.flags = ACK;
	p.seq++;
	p.payload = 100;
	world_walk(&w, &p, path, 2);
	p.flags = SYN;
	p.payload = 0;
	p.seq = 0x12345678;
	world_walk(&w, &p, path, 2);
	p.flags = ACK;
	p.seq++;
	p.payload = 50;
	world_walk(&w, &p, path, 2);
	world_pass(&w, 10 * MONO_S);
	assert_int_equal(world_finals(&w), 1);
	check_text(world_final(&w, 0), FIELD_TALLYMAN_FLOW_END_REASON,
	    "replaced");
	check_counts(world_final(&w, 0), 2, 180, 100, 0, 0, 0);
	world_end(&w);
	check_counts(world_final(&w, 1), 2, 130, 50, 0, 0, 0);
	assert_string_not_equal(event_str(world_final(&w, 0),
	    FIELD_TALLYMAN_FLOW_ID), event_str(world_final(&w, 1),
	    FIELD_TALLYMAN_FLOW_ID));
	world_fini(&w);
}

/*
 * C1's connection to FAR ends; its port on the wire goes to C2 at once. The
 * conntrack events of both are read before the ring block that holds the last
 * packets of the one and the first of the other.
 */
static void
reuse_port(int64_t event_offset)
{
	struct world w;
	struct snat one, two;
	struct pkt p, b;

	world_init(&w, NULL);
	one = start_snat(&w, 40000);
	two = world_snat(V2, 40000);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, one.there, 3);
	p = tcp_out(40000, 100, 1000);
	world_walk(&w, &p, one.there, 3);
	/* Now the events, which the kernel stamped a little later. */
	mono_drive(&w.clock, (struct wall){ w.clock.wall.ns + event_offset });
	world_nat(&w, STREAM_NAT_DESTROY, IPPROTO_TCP, C1, 40000, FAR, 443,
	    FAR, 443, HOST_IP, 40000, 40000);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C2, 50000, FAR, 443,
	    FAR, 443, HOST_IP, 40000, 50000);
	mono_drive(&w.clock, (struct wall){ w.clock.wall.ns - event_offset });
	/* The block: an old answer and the old end, ... */
	b = (struct pkt){ .from = FAR, .to = C1, .sport = 443, .dport = 40000,
	    .proto = IPPROTO_TCP, .flags = ACK, .seq = 7000, .ack = 1100,
	    .payload = 300 };
	world_walk(&w, &b, one.back, 3);
	p = tcp_out(40000, 1100, 0);
	p.flags = RST;
	world_walk(&w, &p, one.there, 3);
	/* ... then the new connection. */
	p = tcp_syn(50000, 555);
	p.from = C2;
	world_walk(&w, &p, two.there, 3);
	b = (struct pkt){ .from = FAR, .to = C2, .sport = 443, .dport = 50000,
	    .proto = IPPROTO_TCP, .flags = SYN | ACK, .seq = 90000,
	    .ack = 556 };
	world_walk(&w, &b, two.back, 3);
	p = tcp_out(50000, 556, 200);
	p.from = C2;
	world_walk(&w, &p, two.there, 3);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_find(&w, C1, 40000, FAR, 443), 3, 3 * 40 + 1000,
	    1000, 1, 340, 300);
	check_counts(world_find(&w, C2, 50000, FAR, 443), 2, 2 * 40 + 200,
	    200, 1, 40, 0);
	assert_int_equal(world_noted(&w, "stream.flow", "copies"), 2 * 7);
	world_fini(&w);
}

static void
test_port_reuse_event_time(void **state)
{
	(void)state;
	reuse_port(13 * MONO_US);	/* between the two connections */
}

static void
test_port_reuse_receipt_time(void **state)
{
	(void)state;
	reuse_port(10 * MONO_MS);	/* after all packets of the block */
}

/*
 * A small range of NAT ports and one long ring block: ten connections have had
 * the wire's tuple, and all their events were read before the first packet.
 */
static void
test_port_reuse_in_one_block(void **state)
{
	struct world w;
	struct snat path = world_snat(V1, 40000);
	struct pkt p, b;
	uint16_t i;

	(void)state;
	world_init(&w, NULL);
	for (i = 0; i < 10; i++) {
		world_nat(&w, STREAM_NAT_NEW, IPPROTO_TCP, C1, 50000 + i, FAR,
		    443, FAR, 443, HOST_IP, 40000, i + 1U);
		world_nat(&w, STREAM_NAT_DESTROY, IPPROTO_TCP, C1, 50000 + i,
		    FAR, 443, FAR, 443, HOST_IP, 40000, i + 1U);
	}
	for (i = 0; i < 10; i++) {
		uint32_t isn = i * UINT32_C(0x12345678);

		p = tcp_syn(50000 + i, isn);
		world_walk(&w, &p, path.there, 3);
		b = (struct pkt){ .from = FAR, .to = C1, .sport = 443,
		    .dport = 50000 + i, .proto = IPPROTO_TCP,
		    .flags = SYN | ACK, .seq = 77 - isn, .ack = isn + 1 };
		path.back[0].dport = 40000;
		world_walk(&w, &b, path.back, 3);
		p = tcp_out(50000 + i, isn + 1, 100U + i);
		p.ack = 78 - isn;
		p.flags = ACK | FIN;
		world_walk(&w, &p, path.there, 3);
		b.flags = ACK | FIN;
		b.seq++;
		b.ack += 101U + i;
		b.payload = 10;
		world_walk(&w, &b, path.back, 3);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 10);
	for (i = 0; i < 10; i++)
		check_counts(world_find(&w, C1, 50000 + i, FAR, 443), 2,
		    180 + i, 100 + i, 2, 90, 10);
	assert_int_equal(world_noted(&w, "stream.flow", "copies"), 10 * 8);
	world_fini(&w);
}

/*
 * A socket of C1 talks through a published port of the host, which Docker
 * without its proxy translates in the bridge, and straight to the container
 * behind it: what the first becomes is what the second dials, whose port NAT
 * changes for that.
 */
static void
test_dialled_and_translated(void **state)
{
	const struct pkt a = { .from = C1, .to = HOST_IP, .sport = 5000,
	    .dport = 8001, .proto = IPPROTO_UDP, .payload = 100 };
	const struct pkt b = { .from = C1, .to = C2, .sport = 5000,
	    .dport = 7001, .proto = IPPROTO_UDP, .payload = 200 };
	struct pkt there[2] = { a, b }, back[2] = { a, b };
	const struct step path[2][2] = {
	    { { .ifindex = V1, .seen = PORT },
	      { .ifindex = V2, .seen = OUT, .to = C2, .dport = 7001 } },
	    { { .ifindex = V1, .seen = PORT },
	      { .ifindex = V2, .seen = OUT, .sport = 5001 } } };
	const struct step answer[2][2] = {
	    { { .ifindex = V2, .seen = PORT, .from = C2, .sport = 7001 },
	      { .ifindex = V1, .seen = OUT } },
	    { { .ifindex = V2, .seen = PORT, .dport = 5001 },
	      { .ifindex = V1, .seen = OUT } } };
	struct world w;
	unsigned i, k;

	(void)state;
	world_init(&w, NULL);
	for (k = 0; k < 2; k++) {
		back[k].from = there[k].to;
		back[k].to = there[k].from;
		back[k].sport = there[k].dport;
		back[k].dport = there[k].sport;
	}
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1, 5000, HOST_IP, 8001,
	    C2, 7001, C1, 5000, 1);
	world_walk(&w, &there[0], path[0], 2);
	world_walk(&w, &back[0], answer[0], 2);
	/* The packet that makes a connection is stamped before that. */
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1, 5000, C2, 7001,
	    C2, 7001, C1, 5001, 2);
	there[1].id = 1000;
	world_see_at(&w, &there[1], V1, PORT, -20000);
	there[1].sport = 5001;
	world_see(&w, &there[1], V2, OUT);
	there[1].sport = 5000;
	world_walk(&w, &back[1], answer[1], 2);
	for (i = 1; i < 20; i++)
		for (k = 0; k < 2; k++) {
			there[k].id = back[k].id = (uint16_t)(1000 * k + i);
			world_walk(&w, &there[k], path[k], 2);
			world_walk(&w, &back[k], answer[k], 2);
		}
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_find(&w, C1, 5000, HOST_IP, 8001), 20, 20 * 128,
	    20 * 100, 20, 20 * 128, 20 * 100);
	check_counts(world_find(&w, C1, 5000, C2, 7001), 20, 20 * 228,
	    20 * 200, 20, 20 * 228, 20 * 200);
	world_fini(&w);
}

static void
test_icmp_echo(void **state)
{
	static const struct step there[] = { { .ifindex = V1, .seen = PORT },
	    { .ifindex = DOCKER0, .seen = IN },
	    { .ifindex = ETH0, .seen = OUT, .from = HOST_IP } };
	static const struct step back[] = {
	    { .ifindex = ETH0, .seen = IN, .to = HOST_IP },
	    { .ifindex = DOCKER0, .seen = OUT },
	    { .ifindex = V1, .seen = OUT } };
	struct pkt p = { .from = C1, .to = FAR, .proto = IPPROTO_ICMP,
	    .type = 8, .icmp_id = 300, .payload = 56 };
	struct pkt b = { .from = FAR, .to = C1, .proto = IPPROTO_ICMP,
	    .type = 0, .icmp_id = 300, .payload = 56 };
	const struct event *ev;
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	/* The id clashed and was translated. */
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_ICMP, C1, 300, FAR, 300,
	    FAR, 17, HOST_IP, 17, 1);
	for (i = 0; i < 20; i++) {
		struct pkt wire;

		p.icmp_seq = b.icmp_seq = (uint16_t)i;
		world_walk(&w, &p, there, 2);
		wire = p;
		wire.icmp_id = 17;
		world_walk(&w, &wire, there + 2, 1);
		wire = b;
		wire.icmp_id = 17;
		world_walk(&w, &wire, back, 1);
		world_walk(&w, &b, back + 1, 2);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	check_counts(ev, 20, 20 * 84, 20 * 56, 20, 20 * 84, 20 * 56);
	check_ip(ev, FIELD_SOURCE_IP, C1);
	check_ip(ev, FIELD_SOURCE_NAT_IP, HOST_IP);
	check_text(ev, FIELD_NETWORK_TRANSPORT, "icmp");
	assert_null(event_get(ev, FIELD_SOURCE_PORT));
	world_fini(&w);
}

/* The answer to a datagram that nobody wanted, and one from a router. */
static void
test_icmp_error(void **state)
{
	static const struct step back[] = {
	    { .ifindex = ETH0, .seen = IN, .to = HOST_IP },
	    { .ifindex = DOCKER0, .seen = OUT },
	    { .ifindex = V1, .seen = OUT } };
	struct pkt sent = udp_out(5000, 100, 9, 1), wire = sent;
	struct pkt error = { .to = C1, .proto = IPPROTO_ICMP, .type = 3,
	    .code = 3 };
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1, 5000, FAR, 53, FAR, 53,
	    HOST_IP, 6000, 1);
	wire.from = HOST_IP;
	wire.sport = 6000;
	for (i = 0; i < 2; i++) {
		error.from = i == 0 ? FAR : "198.51.100.1";
		error.inner = &wire;
		world_walk(&w, &error, back, 1);
		error.inner = &sent;
		world_walk(&w, &error, back + 1, 2);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_find(&w, FAR, 0, C1, 0), 1, 156, 128, 0, 0, 0);
	check_counts(world_find(&w, "198.51.100.1", 0, C1, 0), 1, 156, 128, 0,
	    0, 0);
	world_fini(&w);
}

/* A container refuses what came through a published port. */
static void
test_icmp_error_from_inside(void **state)
{
	struct pkt dialled = { .from = FAR, .to = HOST_IP, .sport = 7000,
	    .dport = 5353, .proto = IPPROTO_UDP, .payload = 30, .id = 5 };
	struct pkt inside = dialled;
	struct pkt error = { .to = FAR, .proto = IPPROTO_ICMP, .type = 3,
	    .code = 3 };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, FAR, 7000, HOST_IP, 5353,
	    C1, 53, FAR, 7000, 1);
	inside.to = C1;
	inside.dport = 53;
	error.from = C1;
	error.inner = &inside;
	world_see(&w, &error, V1, PORT);
	world_see(&w, &error, DOCKER0, IN);
	error.from = HOST_IP;
	error.inner = &dialled;
	world_see(&w, &error, ETH0, OUT);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 1, 20 + 8 + 58, 58, 0, 0, 0);
	/* The container said it, whatever the outside was told. */
	check_ip(world_final(&w, 0), FIELD_SOURCE_IP, C1);
	check_ip(world_final(&w, 0), FIELD_DESTINATION_IP, FAR);
	world_fini(&w);
}

/* The ring starts between the copies of packets of a running connection. */
static void
test_start_in_the_middle(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p, first, second;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	first = tcp_out(40000, 1000, 100);
	second = tcp_out(40000, 1100, 100);
	world_walk(&w, &second, path.there + 1, 1);	/* docker0 first, */
	world_walk(&w, &first, path.there + 2, 1);	/* eth0 is behind */
	world_walk(&w, &second, path.there + 2, 1);
	for (i = 0; i < 50; i++) {
		p = tcp_out(40000, 1200 + i * 100, 100);
		world_walk(&w, &p, path.there, 3);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 52, 52 * 140, 5200, 0, 0, 0);
	assert_int_equal(again_of(world_final(&w, 0)), 0);
	check_ip(world_final(&w, 0), FIELD_SOURCE_IP, C1);
	world_fini(&w);
}

/* 5 GB in one connection: sequence numbers go round once and some more. */
static void
test_sequence_wrap(void **state)
{
	const uint32_t size = 65160;
	const uint64_t n = UINT64_C(5000000000) / size;
	struct world w;
	struct snat path;
	struct pkt p;
	uint64_t i;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	p = tcp_syn(40000, 0xfff00000);
	world_walk(&w, &p, path.there, 3);
	p = tcp_out(40000, 0xfff00001, size);
	for (i = 0; i < n; i++) {
		world_walk(&w, &p, path.there, 2);
		/* Now and then eth0 has it in two pieces, or twice. */
		if (i % 1000 == 7) {
			struct pkt half = p;

			half.payload = size / 2;
			world_walk(&w, &half, path.there + 2, 1);
			half.seq += size / 2;
			world_walk(&w, &half, path.there + 2, 1);
		} else {
			world_walk(&w, &p, path.there + 2, 1);
		}
		p.seq += size;
	}
	world_end(&w);
	check_counts(world_final(&w, 0), (int64_t)n + 1,
	    (int64_t)(n * (size + 40) + 40), (int64_t)(n * size), 0, 0, 0);
	assert_int_equal(again_of(world_final(&w, 0)), 0);
	world_fini(&w);
}

/* A token bucket on the uplink: copies come 2.5 s late, after the FIN too. */
static void
test_slow_queue(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p, b;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, path.there, 2);
	for (i = 0; i < 20; i++) {
		struct pkt u = udp_out(5000, 100, 0, 3);

		p = tcp_out(40000, 100 + i * MSS, MSS);
		world_walk(&w, &p, path.there, 2);
		world_see(&w, &u, V1, PORT);
		world_see(&w, &u, DOCKER0, IN);
	}
	p = tcp_out(40000, 100 + 20 * MSS, 0);
	p.flags = RST | ACK;
	world_walk(&w, &p, path.there, 2);
	world_pass(&w, 2500 * MONO_MS);
	assert_int_equal(world_finals(&w), 1);
	b = tcp_syn(40000, 99);
	world_walk(&w, &b, path.there + 2, 1);
	for (i = 0; i < 20; i++) {
		struct pkt u = udp_out(5000, 100, 0, 3);

		b = tcp_out(40000, 100 + i * MSS, MSS);
		world_walk(&w, &b, path.there + 2, 1);
		world_see(&w, &u, ETH0, OUT);
	}
	world_walk(&w, &p, path.there + 2, 1);
	world_pass(&w, 6 * MONO_S);
	world_end(&w);
	check_counts(world_find(&w, C1, 40000, FAR, 443), 22,
	    22 * 40 + 20 * MSS, 20 * MSS, 0, 0, 0);
	check_counts(world_find(&w, C1, 5000, FAR, 53), 20, 20 * 128, 2000,
	    0, 0, 0);
	assert_int_equal(world_finals(&w), 2);
	world_fini(&w);
}

static void
test_stamps_run_backwards(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	for (i = 0; i < 100; i++) {
		p = tcp_out(40000, 1000 + i * 10, 10);
		world_see_at(&w, &p, V1, PORT, 0);
		world_see_at(&w, &p, DOCKER0, IN, -59 * MONO_US);
		p.from = HOST_IP;
		world_see_at(&w, &p, ETH0, OUT, (i % 7) * -10 * MONO_US);
	}
	world_end(&w);
	(void)path;
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 100, 100 * 50, 1000, 0, 0, 0);
	assert_true(event_num(world_final(&w, 0), FIELD_EVENT_DURATION) > 0);
	world_fini(&w);
}

static uint64_t
flood_dropped(const struct world *w)
{
	return *ledger_dropped(ledger_stage(w->ledger, "stream.reports"),
	    "flood");
}

/* Start, end and duration are those of the stamps, in whatever order. */
static void
test_stamps_out_of_order(void **state)
{
	/* Milliseconds; the copies come in this order, 2 us apart. */
	static const int64_t off[] = { 300, 100, 200, 900, 500, 0, 700 };
	const size_t n = sizeof(off) / sizeof(off[0]);
	const struct event *ev;
	struct world w;
	struct wall start, begun;
	struct pkt p;
	size_t i;

	(void)state;
	world_init(&w, NULL);
	start = w.clock.wall;
	for (i = 0; i < n; i++) {
		p = tcp_out(40000, 1000 + (uint32_t)i * 10, 10);
		world_see_at(&w, &p, V1, PORT, off[i] * MONO_MS);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	check_counts(ev, (int64_t)n, (int64_t)n * 50, (int64_t)n * 10, 0, 0,
	    0);
	/* The sixth is the earliest, the fourth the latest. */
	assert_int_equal(event_num(ev, FIELD_EVENT_DURATION),
	    900 * MONO_MS - 2 * 2 * MONO_US);
	begun = event_get(ev, FIELD_EVENT_START)->time;
	assert_int_equal(begun.ns - start.ns, 6 * 2 * MONO_US);
	assert_int_equal(event_get(ev, FIELD_EVENT_END)->time.ns,
	    begun.ns + event_num(ev, FIELD_EVENT_DURATION));
	world_fini(&w);
}

/* Somebody sets the host's clock back by an hour, and on again. */
static void
test_clock_steps(void **state)
{
	const int64_t hour = 3600 * MONO_S;
	const struct event *ev;
	struct world w;
	struct snat path;
	struct pkt p;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	for (i = 0; i < 90; i++) {
		p = tcp_out(40000, 1000 + i * 10, 10);
		world_see_at(&w, &p, V1, PORT, i / 30 == 1 ? -hour : 0);
		world_see_at(&w, &p, DOCKER0, IN, i / 30 == 1 ? -hour : 0);
		p.from = HOST_IP;
		world_see_at(&w, &p, ETH0, OUT, i / 30 == 1 ? -hour : 0);
	}
	(void)path;
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	check_counts(ev, 90, 90 * 50, 900, 0, 0, 0);
	assert_true(event_num(ev, FIELD_EVENT_DURATION) > 0);
	assert_true(event_num(ev, FIELD_EVENT_DURATION) < MONO_S);
	world_fini(&w);
}

/* More flows than there is room for: the one that talks stays exact. */
static void
flood(uint8_t proto, size_t n)
{
	struct world w;
	struct snat path;
	struct pkt p, b, f = { .to = FAR, .dport = 80, .proto = proto,
	    .flags = SYN, .payload = proto == IPPROTO_UDP ? 10 : 0 };
	uint32_t sent = 0;
	size_t i;

	world_init(&w, NULL);
	w.only_dport = 443;
	path = start_snat(&w, 40000);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, path.there, 3);
	b = (struct pkt){ .from = FAR, .to = C1, .sport = 443, .dport = 40000,
	    .proto = IPPROTO_TCP, .flags = SYN | ACK, .seq = 1, .ack = 100 };
	world_walk(&w, &b, path.back, 3);
	for (i = 0; i < n; i++) {
		f.from = i & 0x10000 ? C2 : C3;
		f.sport = (uint16_t)i;
		f.seq = (uint32_t)(i * 77);
		world_see(&w, &f, V2, PORT);
		world_see(&w, &f, DOCKER0, IN);
		if (i % 50 == 0) {
			p = tcp_out(40000, 100 + sent * MSS, MSS);
			world_walk(&w, &p, path.there, 3);
			sent++;
		}
		if (i % 1000 == 0)
			world_pass(&w, 10 * MONO_MS);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), sent + 1,
	    (int64_t)sent * (MSS + 40) + 40, (int64_t)sent * MSS, 1, 40, 0);
	assert_true(world_noted(&w, "stream.flow", "flows_evicted") >=
	    n - 1024);
	assert_int_equal(world_noted(&w, "stream.flow", "flows"), n + 1);
	assert_int_equal(world_noted(&w, "stream.flow", "packets"),
	    n + sent + 2);
	assert_true(flood_dropped(&w) > n / 2);
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* A question that waits for its answer stays, whatever another container
 * sends meanwhile, from addresses of its own and of others. */
static void
test_unanswered_beside_a_flood(void **state)
{
	struct pkt p = udp_out(5000, 100, 0, 3), f = { .to = FAR, .dport = 80,
	    .proto = IPPROTO_UDP, .payload = 10 };
	char from[16];
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	w.only_dport = 53;
	for (i = 0; i < 20000; i++) {
		snprintf(from, sizeof(from), "10.1.%u.%u", i >> 8, i & 255);
		f.from = i % 2 == 0 ? C2 : from;
		f.sport = (uint16_t)i;
		world_see(&w, &f, V2, PORT);
		world_see(&w, &f, DOCKER0, IN);
		if (i == 5000) {
			world_see(&w, &p, V1, PORT);
			world_see(&w, &p, DOCKER0, IN);
		}
		if (i % 1000 == 0)
			world_pass(&w, 10 * MONO_MS);
	}
	p = (struct pkt){ .from = FAR, .to = C1, .sport = 53, .dport = 5000,
	    .proto = IPPROTO_UDP, .payload = 7 };
	world_see(&w, &p, DOCKER0, OUT);
	world_see(&w, &p, V1, OUT);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 1, 128, 100, 1, 35, 7);
	assert_true(world_noted(&w, "stream.flow", "flows_evicted") > 10000);
	world_fini(&w);
}

/* All from one interface: the oldest go, wherever in the table they stand. */
static void
test_unanswered_by_age(void **state)
{
	struct pkt p = { .from = C2, .to = FAR, .payload = 10,
	    .proto = IPPROTO_UDP };
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	w.only_dport = 53;
	p.dport = 80;
	/* The table is full, a few were evicted, all the rest ends. */
	for (i = 0; i < 1024 + 300; i++) {
		p.sport = (uint16_t)(1000 + i);
		world_see(&w, &p, V2, PORT);
	}
	world_pass(&w, 62 * MONO_S);
	/* One in 25 asks, and more than 700 others come behind it. */
	for (i = 0; i < 1024 + 300; i++) {
		p.dport = i % 25 == 0 && i >= 300 && i < 600 ? 53 : 80;
		p.sport = (uint16_t)(10000 + i);
		world_see(&w, &p, V2, PORT);
	}
	for (i = 300; i < 600; i += 25) {
		struct pkt a = { .from = FAR, .to = C2, .sport = 53,
		    .dport = (uint16_t)(10000 + i), .payload = 7,
		    .proto = IPPROTO_UDP };

		world_see(&w, &a, V2, OUT);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 12);
	for (i = 0; i < 12; i++)
		check_counts(world_final(&w, i), 1, 38, 10, 1, 35, 7);
	world_fini(&w);
}

/* More conversations than there is room for: of those that are answered the
 * idle ones go, not the question that was asked last. */
static void
test_more_answered_than_fit(void **state)
{
	struct pkt q = udp_out(0, 100, 0, 3), a = { .from = FAR, .to = C1,
	    .sport = 53, .proto = IPPROTO_UDP, .payload = 7 };
	struct world w;
	unsigned i, ends = 0;

	(void)state;
	world_init(&w, NULL);
	for (i = 0; i < 1900; i++) {
		q.sport = (uint16_t)(10000 + i);
		world_see(&w, &q, V1, PORT);
		world_see(&w, &q, DOCKER0, IN);
		a.dport = (uint16_t)(q.sport - 20);
		if (i < 20)
			continue;
		world_see(&w, &a, DOCKER0, OUT);
		world_see(&w, &a, V1, OUT);
		if (i % 10 == 0)
			world_pass(&w, 10 * MONO_MS);
	}
	world_end(&w);
	for (i = 0; i < w.n_events; i++) {
		if (event_get(w.events[i],
		    FIELD_TALLYMAN_FLOW_END_REASON) == NULL)
			continue;
		ends++;
		if (event_num(w.events[i], FIELD_SOURCE_PORT) < 11900 - 20)
			check_counts(w.events[i], 1, 128, 100, 1, 35, 7);
	}
	assert_int_equal(ends, 1900);
	assert_int_equal(w.n_lost_events, 0);
	assert_int_equal(flood_dropped(&w), 0);
	world_fini(&w);
}

/* Who only sends keeps its flow too, once it has said a little. */
static void
test_one_way_talker(void **state)
{
	struct world w;
	struct pkt p, f = { .to = FAR, .dport = 80, .proto = IPPROTO_UDP,
	    .from = C2, .payload = 10 };
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	w.only_dport = 53;
	for (i = 0; i < 1000; i++) {
		p = udp_out(5000, 100, 0, 3);
		world_see(&w, &p, V1, PORT);
		world_see(&w, &p, DOCKER0, IN);
		f.sport = (uint16_t)i;
		if (i > 10)
			world_see(&w, &f, V2, PORT);
		f.sport = (uint16_t)(i + 30000);
		if (i > 10)
			world_see(&w, &f, V2, PORT);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 1000, 128000, 100000, 0, 0, 0);
	world_fini(&w);
}

/* Reports of a flood come bit by bit, those of a conversation in time. */
static void
test_reports_within_budget(void **state)
{
	struct pkt p = { .from = C2, .to = FAR, .dport = 80, .payload = 10,
	    .proto = IPPROTO_UDP };
	ledger_count queued;
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	for (i = 0; i < 1000; i++) {
		p.sport = (uint16_t)(i + 1);
		world_see(&w, &p, V2, PORT);
	}
	p = udp_out(5000, 100, 0, 3);
	world_see(&w, &p, V1, PORT);
	p = (struct pkt){ .from = FAR, .to = C1, .sport = 53, .dport = 5000,
	    .proto = IPPROTO_UDP, .payload = 7 };
	world_see(&w, &p, V1, OUT);
	mono_drive(&w.clock, (struct wall){ w.clock.wall.ns + 100 * MONO_MS });
	stream_tick(w.stream);
	pipeline_flush(w.pipeline);
	assert_int_equal(w.n_events, LIFE_BUDGET + 1);
	check_ip(w.events[LIFE_BUDGET], FIELD_SOURCE_IP, C1);
	queued = LIFE_QUEUED + 1;		/* the writer is behind */
	stream_watch_queue(w.stream, &queued);
	stream_tick(w.stream);
	pipeline_flush(w.pipeline);
	assert_int_equal(w.n_events, LIFE_BUDGET + 1);
	queued = LIFE_QUEUED;
	for (i = 0; i < 1000 / LIFE_BUDGET; i++)
		stream_tick(w.stream);
	pipeline_flush(w.pipeline);
	assert_int_equal(w.n_events, 1001);
	assert_true(world_balances(&w));
	world_fini(&w);
}

static void
test_syn_flood(void **state)
{
	(void)state;
	flood(IPPROTO_TCP, 100000);
}

static void
test_udp_spray(void **state)
{
	(void)state;
	flood(IPPROTO_UDP, 100000);
}

/* Far from the window: no payload; twice in a row: the ranges begin there. */
static void
test_out_of_window(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, path.there, 3);
	p = tcp_out(40000, 100, 1000);
	world_walk(&w, &p, path.there, 3);
	p = tcp_out(40000, 0x80000000, 500);		/* forged */
	world_walk(&w, &p, path.there, 1);
	p = tcp_out(40000, 1100, 1000);
	world_walk(&w, &p, path.there, 3);
	assert_int_equal(world_noted(&w, "stream.flow", "out_of_window"), 0);
	world_pass(&w, 20 * MONO_MS);
	assert_int_equal(world_noted(&w, "stream.flow", "out_of_window"), 1);
	/* More than a GiB was missed: the capture stood still. */
	p = tcp_out(40000, 0x60000000, 1000);
	world_walk(&w, &p, path.there, 1);		/* not yet believed */
	p.seq += 1000;
	world_walk(&w, &p, path.there, 3);
	p.seq += 1000;
	world_walk(&w, &p, path.there, 3);
	p.seq -= 1000;
	world_walk(&w, &p, path.there, 3);		/* sent again */
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	assert_int_equal(event_num(world_final(&w, 0),
	    FIELD_TALLYMAN_FLOW_PAYLOAD_SENT), 4000);
	assert_int_equal(again_of(world_final(&w, 0)), 1000);
	world_fini(&w);
}

/* A reset that no receiver would take does not end the flow. */
static void
test_forged_reset(void **state)
{
	struct world w;
	struct snat path;
	struct pkt p;

	(void)state;
	world_init(&w, NULL);
	path = start_snat(&w, 40000);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, path.there, 3);
	p = tcp_out(40000, 0x40000000, 0);
	p.flags = RST;
	world_walk(&w, &p, path.there, 3);
	world_pass(&w, 10 * MONO_S);
	assert_int_equal(world_finals(&w), 0);
	/* One that fits does; what comes after it counts as a flow of its
	 * own, which goes on. */
	p = tcp_out(40000, 100, 0);
	p.flags = RST;
	world_walk(&w, &p, path.there, 3);
	world_pass(&w, MONO_S);
	assert_int_equal(world_finals(&w), 1);
	p = tcp_out(40000, 100, 700);
	world_walk(&w, &p, path.there, 3);
	world_pass(&w, 10 * MONO_S);
	assert_int_equal(world_finals(&w), 1);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	check_counts(world_final(&w, 0), 3, 3 * 40, 0, 0, 0, 0);
	check_counts(world_final(&w, 1), 1, 40 + 700, 700, 0, 0, 0);
	assert_string_not_equal(event_str(world_final(&w, 1),
	    FIELD_TALLYMAN_FLOW_ID), event_str(world_final(&w, 0),
	    FIELD_TALLYMAN_FLOW_ID));
	world_fini(&w);
}

/* A multicast on a bridge with more ports than a flow has points. */
static void
test_many_points(void **state)
{
	struct pkt p = { .from = C1, .to = "224.0.0.251", .sport = 5353,
	    .dport = 5353, .proto = IPPROTO_UDP, .payload = 60 };
	struct world w;
	unsigned i, port;

	(void)state;
	world_init(&w, NULL);
	for (i = 0; i < 30; i++) {
		p.fill = i;
		world_see(&w, &p, V1, STREAM_SEEN_MULTICAST);
		for (port = 0; port < 14; port++)
			world_see(&w, &p, 100 + port, OUT);
		world_see(&w, &p, DOCKER0, STREAM_SEEN_MULTICAST);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 30, 30 * 88, 30 * 60, 0, 0, 0);
	assert_int_equal(event_num(world_final(&w, 0),
	    FIELD_TALLYMAN_FLOW_COPIES_DROPPED), 30 * 15);
	world_fini(&w);
}

/* More points than stand in the flow itself, with everything TCP does. */
static void
test_five_points(void **state)
{
	static const struct step path[] = { { .ifindex = V1, .seen = PORT },
	    { .ifindex = DOCKER0, .seen = IN }, { .ifindex = 50, .seen = OUT },
	    { .ifindex = 51, .seen = OUT }, { .ifindex = ETH0, .seen = OUT } };
	struct world w;
	struct pkt p;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	p = tcp_syn(40000, 99);
	world_walk(&w, &p, path, 5);
	for (i = 0; i < 100; i++) {
		p = tcp_out(40000, 100 + i * 200, 200);
		if (i % 10 == 4)		/* lost between the points */
			world_walk(&w, &p, path, 2);
		else
			world_walk(&w, &p, path, 5);
	}
	for (i = 4; i < 100; i += 10) {
		p = tcp_out(40000, 100 + i * 200, 200);
		world_walk(&w, &p, path, 5);
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	check_counts(world_final(&w, 0), 111, 111 * 40 + 110 * 200, 20000, 0,
	    0, 0);
	assert_int_equal(again_of(world_final(&w, 0)), 2000);
	world_fini(&w);
}

/* The same tuple opened anew by every packet: generations have a limit, and
 * none of them goes without being counted. */
static void
test_syn_flood_on_one_tuple(void **state)
{
	const unsigned n = 500;
	struct pkt p = { .from = FAR, .to = HOST_IP, .sport = 1000,
	    .dport = 443, .proto = IPPROTO_TCP, .flags = SYN };
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	for (i = 0; i < n; i++) {
		p.seq = i * 100000007U;
		world_see(&w, &p, ETH0, IN);
	}
	world_pass(&w, 10 * MONO_MS);
	assert_int_equal(world_noted(&w, "stream.flow", "flows"), n);
	assert_int_equal(world_noted(&w, "stream.flow", "flows_evicted"),
	    n - LIFE_GENERATIONS - 1);
	world_end(&w);
	assert_true(world_balances(&w));
	world_fini(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retransmission),
		cmocka_unit_test(test_lost_on_the_host),
		cmocka_unit_test(test_lost_before_the_host),
		cmocka_unit_test(test_segmented_uplink),
		cmocka_unit_test(test_big_tcp),
		cmocka_unit_test(test_identical_datagrams),
		cmocka_unit_test(test_identical_for_long),
		cmocka_unit_test(test_udp_segment),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_fragments_ipv6),
		cmocka_unit_test(test_incomplete_fragments),
		cmocka_unit_test(test_restart_on_same_tuple),
		cmocka_unit_test(test_restart_inside),
		cmocka_unit_test(test_port_reuse_event_time),
		cmocka_unit_test(test_port_reuse_receipt_time),
		cmocka_unit_test(test_port_reuse_in_one_block),
		cmocka_unit_test(test_dialled_and_translated),
		cmocka_unit_test(test_icmp_echo),
		cmocka_unit_test(test_icmp_error),
		cmocka_unit_test(test_icmp_error_from_inside),
		cmocka_unit_test(test_start_in_the_middle),
		cmocka_unit_test(test_sequence_wrap),
		cmocka_unit_test(test_slow_queue),
		cmocka_unit_test(test_stamps_run_backwards),
		cmocka_unit_test(test_out_of_window),
		cmocka_unit_test(test_forged_reset),
		cmocka_unit_test(test_many_points),
		cmocka_unit_test(test_five_points),
		cmocka_unit_test(test_stamps_out_of_order),
		cmocka_unit_test(test_clock_steps),
		cmocka_unit_test(test_syn_flood),
		cmocka_unit_test(test_syn_flood_on_one_tuple),
		cmocka_unit_test(test_unanswered_beside_a_flood),
		cmocka_unit_test(test_unanswered_by_age),
		cmocka_unit_test(test_more_answered_than_fit),
		cmocka_unit_test(test_one_way_talker),
		cmocka_unit_test(test_reports_within_budget),
		cmocka_unit_test(test_udp_spray),
	};

	return cmocka_run_group_tests_name("stream hard cases", tests, NULL,
	    NULL);
}

/*
 * Packets inside VXLAN: counted once inside and once outside, in an address
 * space of their own unless the host has the device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "stream/decode.h"
#include "stream/defrag.h"
#include "stream/tunnel.h"
#include "tests/unit/stream/world.h"

#define OUTER	50		/* IPv4, UDP, VXLAN, Ethernet */
#define OTHER	"192.0.2.11"	/* the other host */
#define NEAR_IN	"10.0.0.2"
#define FAR_IN	"10.0.0.3"
#define VX	77

/* The packet around another; returns its length. */
static size_t
wrap(uint8_t *out, const struct pkt *inner, const char *from, const char *to,
    uint16_t sport, uint8_t vni, size_t room)
{
	uint8_t header[OUTER + 28];
	struct pkt outer = { .from = from, .to = to, .sport = sport,
	    .dport = DECODE_VXLAN_PORT, .proto = IPPROTO_UDP,
	    .payload = pkt_len(inner) + OUTER - 28 };

	(void)pkt_write(&outer, header, sizeof(header));
	memset(header + 28, 0, OUTER - 28);
	header[28] = 8;
	header[34] = vni;
	header[48] = 8;			/* Ethertype IPv4 */
	memcpy(out, header, OUTER);
	return OUTER + pkt_write(inner, out + OUTER, room - OUTER);
}

static void
see(struct world *w, const uint8_t *bytes, size_t len, enum stream_seen seen)
{
	struct stream_packet p = { .when = mono_wall(&w->clock),
	    .ifindex = ETH0, .seen = (uint8_t)seen, .ethertype = 0x0800,
	    .bytes = bytes, .len = len < 236 ? len : 236, .wire_len = len };

	stream_packet(w->stream, &p);
}

/* n datagrams each way between the two inner ends. device: the host has the
 * VXLAN device, and shows them there too. */
static void
exchange(struct world *w, uint8_t vni, unsigned n, bool device)
{
	struct pkt out = { .from = NEAR_IN, .to = FAR_IN, .sport = 4000,
	    .dport = 53, .proto = IPPROTO_UDP, .payload = 200 };
	struct pkt back = { .from = FAR_IN, .to = NEAR_IN, .sport = 53,
	    .dport = 4000, .proto = IPPROTO_UDP, .payload = 300 };
	uint8_t bytes[SNAP_MAX];
	unsigned i;
	size_t len;

	for (i = 0; i < n; i++) {
		out.fill = back.fill = i;
		out.id = (uint16_t)(i + 1);
		back.id = (uint16_t)(i + 1);
		if (device)
			world_see(w, &out, VX, OUT);
		len = wrap(bytes, &out, HOST_IP, OTHER, 50000, vni, SNAP_MAX);
		see(w, bytes, len, OUT);
		len = wrap(bytes, &back, OTHER, HOST_IP, 60000, vni, SNAP_MAX);
		see(w, bytes, len, IN);
		if (device)
			world_see(w, &back, VX, IN);
	}
}

static void
check_outer(struct world *w, unsigned n)
{
	const struct event *there = world_find(w, HOST_IP, 50000, OTHER,
	    DECODE_VXLAN_PORT);
	const struct event *back = world_find(w, OTHER, 60000, HOST_IP,
	    DECODE_VXLAN_PORT);

	assert_non_null(there);
	assert_non_null(back);
	check_counts(there, n, n * (OUTER + 228), n * (22 + 228), 0, 0, 0);
	check_counts(back, n, n * (OUTER + 328), n * (22 + 328), 0, 0, 0);
	assert_int_equal(event_has(there, FIELD_TALLYMAN_FLOW_TUNNEL_TYPE),
	    EVENT_ABSENT);
}

static void
check_inner(const struct event *ev, unsigned n, int64_t vni)
{
	const struct event_value *outer;

	check_counts(ev, n, n * 228, n * 200, n, n * 328, n * 300);
	check_text(ev, FIELD_TALLYMAN_FLOW_TUNNEL_TYPE, "vxlan");
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_TUNNEL_ID), vni);
	check_text(ev, FIELD_TALLYMAN_FLOW_LEFT_HOST, "yes");
	outer = event_get(ev, FIELD_TALLYMAN_FLOW_TUNNEL_OUTER);
	assert_non_null(outer);
	assert_int_equal(outer->count, 2);
}

static void
test_elsewhere(void **state)
{
	struct world w;
	unsigned found = 0;
	size_t i;

	(void)state;
	world_init(&w, NULL);
	exchange(&w, 42, 20, false);
	world_pass(&w, 10 * MONO_MS);
	exchange(&w, 43, 20, false);
	world_end(&w);
	/* Two networks with the same addresses are two flows. */
	for (i = 0; i < world_finals(&w); i++) {
		const struct event *ev = world_final(&w, i);

		if (event_has(ev, FIELD_TALLYMAN_FLOW_TUNNEL_ID) != EVENT_SET)
			continue;
		check_inner(ev, 20,
		    event_num(ev, FIELD_TALLYMAN_FLOW_TUNNEL_ID));
		found++;
	}
	assert_int_equal(found, 2);
	check_outer(&w, 40);
	assert_int_equal(world_finals(&w), 4);
	assert_true(world_balances(&w));
	world_fini(&w);
}

static void
test_device_here(void **state)
{
	const struct stream_link device = { .ifindex = VX, .name = "vx42",
	    .kind = STREAM_LINK_VXLAN, .peer_netns = -1, .vni = 42 };
	const struct event *ev;
	struct world w;

	(void)state;
	world_init(&w, NULL);
	stream_link(w.stream, &device);
	exchange(&w, 42, 20, true);
	world_end(&w);
	ev = world_find(&w, NEAR_IN, 4000, FAR_IN, 53);
	assert_non_null(ev);
	check_inner(ev, 20, 42);
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_COPIES_DROPPED),
	    40);
	check_outer(&w, 20);
	assert_int_equal(world_finals(&w), 3);
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* One inside one inside: the innermost is not looked at. */
static void
test_nested(void **state)
{
	struct pkt inner = { .from = NEAR_IN, .to = FAR_IN, .sport = 4000,
	    .dport = DECODE_VXLAN_PORT, .proto = IPPROTO_UDP, .payload = 100 };
	uint8_t bytes[SNAP_MAX];
	struct world w;
	size_t len;

	(void)state;
	world_init(&w, NULL);
	len = wrap(bytes, &inner, HOST_IP, OTHER, 50000, 42, SNAP_MAX);
	memset(bytes + OUTER + 28, 0, 30);
	bytes[OUTER + 28] = 8;
	bytes[OUTER + 48] = 8;
	bytes[OUTER + 50] = 0x45;
	see(&w, bytes, len, OUT);
	world_end(&w);
	assert_int_equal(world_finals(&w), 2);
	assert_int_equal(ledger_get(&ledger_stage(w.ledger,
	    "stream.tunnel")->received), 1);
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* A port like that of VXLAN, but something else inside. */
static void
test_other_traffic(void **state)
{
	struct pkt p = { .from = HOST_IP, .to = OTHER, .sport = 50000,
	    .dport = DECODE_VXLAN_PORT, .proto = IPPROTO_UDP, .payload = 100,
	    .fill = 12345 };
	struct world w;

	(void)state;
	world_init(&w, NULL);
	world_see(&w, &p, ETH0, OUT);
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	assert_int_equal(ledger_get(&ledger_stage(w.ledger,
	    "stream.tunnel")->received), 0);
	world_fini(&w);
}

/* An inner fragment, all of which that came is the first part of what was
 * around it; then so many others that it has to go. */
static void
test_fragment_in_part(void **state)
{
	struct pkt inner = { .from = NEAR_IN, .to = FAR_IN, .sport = 4000,
	    .dport = 53, .proto = IPPROTO_UDP, .payload = 300, .size = 64 };
	struct pkt other = { .from = OTHER, .to = HOST_IP,
	    .proto = IPPROTO_UDP, .payload = 300, .size = 64 };
	uint8_t bytes[SNAP_MAX];
	struct world w;
	unsigned i;
	size_t len;

	(void)state;
	world_init(&w, NULL);
	len = wrap(bytes, &inner, OTHER, HOST_IP, 60000, 42, SNAP_MAX);
	bytes[6] = 0x20;		/* more fragments */
	see(&w, bytes, len, IN);
	for (i = 1; i <= DEFRAG_TRAINS; i++) {
		other.id = (uint16_t)i;
		world_see(&w, &other, ETH0, IN);
	}
	world_end(&w);
	assert_int_equal(ledger_get(ledger_dropped(ledger_stage(w.ledger,
	    "stream.tunnel"), "unsupported")), 1);
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* Fragments of two networks with the same addresses and the same ID, which
 * come by turns; the last part of the second network's is missing. */
static void
test_fragments_of_two_networks(void **state)
{
	struct pkt p = { .from = NEAR_IN, .to = FAR_IN, .sport = 4000,
	    .dport = 53, .proto = IPPROTO_UDP, .payload = 292, .id = 9 };
	unsigned part, whole = 0, half = 0;
	uint8_t bytes[SNAP_MAX], vni;
	struct world w;
	size_t len, i;

	(void)state;
	world_init(&w, NULL);
	for (part = 0; part < 2; part++)
		for (vni = 42; vni + part < 44; vni++) {
			p.offset = part * 160;
			p.size = part == 0 ? 160 : 140;
			len = wrap(bytes, &p, HOST_IP, OTHER, 50000, vni,
			    SNAP_MAX);
			see(&w, bytes, len, OUT);
		}
	world_end(&w);
	for (i = 0; i < world_finals(&w); i++) {
		const struct event *ev = world_final(&w, i);

		if (event_num(ev, FIELD_DESTINATION_PORT) != 53)
			continue;
		whole += event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT) == 292;
		half += event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT) == 152;
	}
	assert_int_equal(whole, 1);
	assert_int_equal(half, 1);
	assert_true(world_balances(&w));
	world_fini(&w);
}

/* One datagram in each of these networks. */
static void
visit(struct world *w, unsigned first, unsigned n)
{
	struct pkt p = { .from = NEAR_IN, .to = FAR_IN, .sport = 4000,
	    .dport = 53, .proto = IPPROTO_UDP, .payload = 200 };
	uint8_t bytes[SNAP_MAX];
	unsigned vni;
	size_t len;

	for (vni = first; vni < first + n; vni++) {
		p.fill = vni;
		len = wrap(bytes, &p, HOST_IP, OTHER, 50000, vni & 0xff,
		    SNAP_MAX);
		bytes[33] = (uint8_t)(vni >> 8);
		see(w, bytes, len, OUT);
	}
}

/* Networks that were silent for longer than any flow make room. */
static void
test_many_networks(void **state)
{
	struct world w;
	unsigned i;

	(void)state;
	world_init(&w, NULL);
	visit(&w, 1, TUNNEL_SPACES);
	visit(&w, 5000, 2);
	for (i = 0; i < 12; i++) {
		world_pass(&w, 60 * MONO_S);
		visit(&w, 7, 1);	/* this one goes on */
	}
	assert_int_equal(world_noted(&w, "stream.tunnel",
	    "networks_over_limit"), 2);
	assert_int_equal(world_noted(&w, "stream.tunnel",
	    "networks_forgotten"), 0);
	visit(&w, 5000, 1);
	visit(&w, 6000, TUNNEL_SPACES - 2);
	visit(&w, 7, 1);
	visit(&w, 9000, 1);
	world_end(&w);
	assert_int_equal(world_noted(&w, "stream.tunnel",
	    "networks_forgotten"), TUNNEL_SPACES - 1);
	assert_int_equal(world_noted(&w, "stream.tunnel",
	    "networks_over_limit"), 3);
	assert_true(world_balances(&w));
	world_fini(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_device_here),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_other_traffic),
		cmocka_unit_test(test_fragment_in_part),
		cmocka_unit_test(test_fragments_of_two_networks),
		cmocka_unit_test(test_many_networks),
	};

	return cmocka_run_group_tests_name("stream tunnel", tests, NULL, NULL);
}

/*
 * Packets, conntrack events, links and time, interleaved as the input says.
 * Each step begins with one byte. Invariants at the end: every stage of the
 * ledger balances, no more packets and payload bytes are counted than were
 * captured, and the deltas of all reports add up to what was counted.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "lib/cursor.h"
#include "lib/mono.h"
#include "stream/decode.h"
#include "stream/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define PACKET_MAX	160

struct fuzz {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	struct stream		*stream;
	uint64_t		 captured;	/* payload bytes, all copies */
	uint64_t		 copies;
	uint64_t		 delta_payload, delta_bytes;
};

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static bool
add_deltas(void *self, const struct event *ev)
{
	struct fuzz *f = self;
	int64_t sent = event_num(ev, FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_SENT);
	int64_t received = event_num(ev,
	    FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_RECEIVED);

	require(sent >= 0 && received >= 0);
	require(sent <= event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT));
	require(received <=
	    event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_RECEIVED));
	require(event_num(ev, FIELD_EVENT_DURATION) >= 0);
	require(!event_truncated(ev));
	f->delta_payload += (uint64_t)(sent + received);
	f->delta_bytes += (uint64_t)(event_num(ev,
	    FIELD_TALLYMAN_FLOW_DELTA_SOURCE_BYTES) + event_num(ev,
	    FIELD_TALLYMAN_FLOW_DELTA_DESTINATION_BYTES));
	return true;
}

static uint32_t
ip_number(uint8_t pick)
{
	static const uint32_t ips[] = { 0xac110002, 0xac110003, 0xc000020a,
	    0xcb007109, 0xac110001, 0xe0000001, 0xac120002, 0x7f00000b };

	return ips[pick % (sizeof(ips) / sizeof(ips[0]))];
}

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static struct ipaddr
ip(uint8_t pick)
{
	uint8_t bytes[4];

	put32(bytes, ip_number(pick));
	return ipaddr_v4(bytes);
}

static uint16_t
port(uint8_t pick)
{
	return (uint16_t)(80 + (pick & 3));
}

static void
give(struct fuzz *f, uint16_t ethertype, const uint8_t *bytes, size_t len,
    size_t wire_len, uint8_t where, int16_t stamp_us)
{
	struct stream_packet p = { .ifindex = 2 + (where & 7),
	    .seen = (uint8_t)((where >> 3) % 5), .ethertype = ethertype,
	    .wire_len = wire_len, .len = len };
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	struct decoded d;

	if (exact == NULL)
		return;
	memcpy(exact, bytes, len);
	if (where & 0x40)
		p.ifindex = STREAM_INSIDE + 1 + (where & 1);
	p.bytes = exact;
	p.when.ns = f->clock.wall.ns + stamp_us * MONO_US;
	if (decode_packet(ethertype, exact, len, wire_len, &d) == DECODE_OK) {
		f->captured += d.payload_len;
		f->copies++;
	}
	stream_packet(f->stream, &p);
	free(exact);
}

/* A TCP, UDP, ICMP or other packet from few addresses, ports and numbers. */
static void
make_packet(struct fuzz *f, struct cursor *c)
{
	uint8_t b[PACKET_MAX] = { 0x45 }, what = cursor_u8(c);
	uint8_t ends = cursor_u8(c), ports = cursor_u8(c);
	uint8_t where = cursor_u8(c), flags = cursor_u8(c);
	uint32_t seq = cursor_u16be(c), size = cursor_u16be(c), l4;
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP,
	    IPPROTO_ICMP, IPPROTO_GRE };

	b[9] = protos[what & 3];
	l4 = b[9] == IPPROTO_TCP ? 20 : b[9] == IPPROTO_GRE ? 0 : 8;
	size &= 0x3fff;
	put16(b + 2, 20 + l4 + size);
	put16(b + 4, what & 4 ? what >> 4 : 0);
	put16(b + 6, what & 8 ? seq & 0x200f : 0);	/* fragments */
	b[8] = 64;
	put32(b + 12, ip_number(ends));
	put32(b + 16, ip_number(ends >> 4));
	put16(b + 20, port(ports));
	put16(b + 22, port(ports >> 2));
	if (b[9] == IPPROTO_TCP) {
		/* Near the wrap, near zero, and far from both. */
		put32(b + 24, seq + ((uint32_t)(ports >> 4) << 29) - 4096);
		put32(b + 28, seq);
		b[32] = 5 << 4;
		b[33] = flags;
	} else if (b[9] == IPPROTO_UDP) {
		put16(b + 24, 8 + size);
	} else if (b[9] == IPPROTO_ICMP) {
		b[20] = flags & 15;
		b[21] = 3;
		put16(b + 24, 80 + (ports & 3));
		b[28] = 0x45;			/* inner */
		put16(b + 30, 60);
		b[37] = protos[flags >> 4 & 3];
		put32(b + 40, ip_number(ends >> 4));
		put32(b + 44, ip_number(ends));
		put16(b + 48, port(ports));
		put16(b + 50, port(ports >> 2));
	}
	give(f, 0x0800, b, sizeof(b) < 20 + l4 + size ? sizeof(b) :
	    20 + l4 + size, 20 + l4 + size, where, (int8_t)flags);
}

/* A short UDP or TCP packet inside VXLAN, of one of two networks. */
static void
make_tunnelled(struct fuzz *f, struct cursor *c)
{
	uint8_t b[20 + 8 + 22 + 20 + 20] = { 0x45 }, *in = b + 50;
	uint8_t what = cursor_u8(c), ends = cursor_u8(c);
	uint8_t ports = cursor_u8(c), where = cursor_u8(c);
	uint32_t more = cursor_u8(c), inner = 20 + 20 + more;

	put16(b + 2, 50 + inner);
	b[9] = IPPROTO_UDP;
	put32(b + 12, ip_number(ends));
	put32(b + 16, ip_number(ends >> 4));
	put16(b + 20, port(ports));
	put16(b + 22, DECODE_VXLAN_PORT);
	put16(b + 24, 30 + inner);
	b[28] = 8;
	b[34] = what & 1;
	put16(b + 48, what & 2 ? 0x0806 : 0x0800);
	in[0] = 0x45;
	put16(in + 2, inner);
	put16(in + 6, what & 4 ? 0x2000 : 0);
	in[9] = what & 8 ? IPPROTO_TCP : IPPROTO_UDP;
	put32(in + 12, ip_number(ends >> 4));
	put32(in + 16, ip_number(ends));
	put16(in + 20, port(ports));
	/* One inside the other, too. */
	put16(in + 22, what & 16 ? DECODE_VXLAN_PORT : 80);
	put16(in + 24, 20 + more);
	in[32] = 5 << 4;
	in[33] = ports;
	give(f, 0x0800, b, sizeof(b), 50 + inner, where, 0);
}

static void
raw_packet(struct fuzz *f, struct cursor *c)
{
	uint8_t where = cursor_u8(c);
	uint16_t ethertype = cursor_u16be(c);
	size_t more = cursor_u16be(c), len = cursor_u8(c);
	struct cursor bytes = cursor_sub(c, len);

	if (cursor_ok(&bytes))
		give(f, ethertype, bytes.pos, len, len + more, where, 0);
}

static void
conntrack(struct fuzz *f, struct cursor *c)
{
	uint8_t what = cursor_u8(c), ends = cursor_u8(c);
	uint8_t after = cursor_u8(c), ports = cursor_u8(c);
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP,
	    IPPROTO_ICMP, IPPROTO_GRE };
	struct stream_nat e = {
		.kind = what & 1 ? STREAM_NAT_DESTROY : STREAM_NAT_NEW,
		.proto = protos[what >> 1 & 3], .zone = what >> 3 & 1,
		.dumped = (what >> 4 & 1) != 0, .id = what >> 5,
		.original = { ip(ends), ip(ends >> 4), port(ports),
		    port(ports >> 2) },
		.reply = { ip(after), ip(after >> 4), port(ports >> 4),
		    port(ports >> 6) }
	};

	e.when.ns = f->clock.wall.ns + (int8_t)ports * MONO_MS;
	stream_nat(f->stream, &e);
}

static void
pass_time(struct fuzz *f, struct cursor *c)
{
	uint8_t n = cursor_u8(c);
	int64_t ns = n < 128 ? n * MONO_MS : (n - 127) * MONO_S / 2;

	mono_drive(&f->clock, (struct wall){ f->clock.wall.ns + ns });
	stream_tick(f->stream);
	pipeline_tick(f->pipeline);
}

static void
tell_link(struct fuzz *f, struct cursor *c)
{
	uint8_t n = cursor_u8(c);
	struct stream_link link = { .ifindex = 2 + (n & 7),
	    .gone = (n & 8) != 0, .kind = (n >> 4) % 7, .uplink = n >> 7,
	    .vni = n & 1,
	    .name = "x0", .peer_netns = (n & 3) - 1 };
	struct stream_address address = { .ip = ip(n), .ifindex = 2,
	    .gone = (n & 16) != 0 };

	struct stream_inside inside = { .scope = 1 + (n & 1),
	    .resolver_udp = port(n), .resolver_tcp = port(n >> 1) };

	stream_link(f->stream, &link);
	stream_inside(f->stream, &inside);
	stream_address(f->stream, &address);
	if (n == 255)
		stream_lost(f->stream, 3);
}

static void
step(struct fuzz *f, struct cursor *c)
{
	uint8_t op = cursor_u8(c);

	switch (op & 15) {
	default:
		make_packet(f, c);
		break;
	case 9:
		make_tunnelled(f, c);
		break;
	case 10:
		raw_packet(f, c);
		break;
	case 11:
	case 12:
		conntrack(f, c);
		break;
	case 13:
		pass_time(f, c);
		break;
	case 14:
		tell_link(f, c);
		break;
	case 15:
		stream_nat_dump(f->stream, (op & 16) != 0);
		break;
	}
}

static void
check(const struct fuzz *f)
{
	static const char *const names[] = {
		"stream.decode", "stream.flow", "stream.nat", "stream.reports",
		"stream.tunnel"
	};
	struct ledger_stage *flow = ledger_stage(f->ledger, "stream.flow");
	struct ledger_stage *tunnel = ledger_stage(f->ledger, "stream.tunnel");
	uint64_t inner;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		require(ledger_stage_balances(ledger_stage(f->ledger,
		    names[i])));
	/* What is inside a tunnel counts as well. */
	inner = ledger_get(&tunnel->delivered) -
	    ledger_get(ledger_noted(tunnel, "arp")) -
	    ledger_get(ledger_noted(tunnel, "non_ip"));
	require(ledger_get(&flow->received) == f->copies + inner);
	require(ledger_get(ledger_noted(flow, "packets")) <=
	    f->copies + inner);
	require(f->delta_payload <= (inner == 0 ? 1 : 2) * f->captured);
	require(f->delta_bytes >= f->delta_payload ||
	    f->delta_bytes + f->captured >= f->delta_payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct stream_conf conf = { .period_ns = MONO_S,
	    .idle_timeout_ns = 5 * MONO_S, .report_bytes = 4096,
	    .max_flows = 16, .max_aliases = 16, .max_datagrams = 16,
	    .window_ns = MONO_S };
	struct cursor c = cursor_make(data, len);
	struct fuzz f = { .clock = { .driven = true } };

	mono_drive(&f.clock, (struct wall){ INT64_C(1780000000) * MONO_S });
	f.ledger = ledger_new();
	f.pipeline = pipeline_new(f.ledger, &f.clock);
	pipeline_add_sink(f.pipeline, "fuzz", add_deltas, &f);
	f.stream = stream_new(&conf, f.ledger, f.pipeline, &f.clock);
	require(f.stream != NULL);
	while (cursor_left(&c) != 0)
		step(&f, &c);
	stream_free(f.stream);
	pipeline_flush(f.pipeline);
	check(&f);
	pipeline_free(f.pipeline);
	ledger_free(f.ledger);
	return 0;
}

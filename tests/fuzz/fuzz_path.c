/*
 * The whole stream on a host that the input plays: connections along known
 * paths (bridge, host, SNAT, published port, across bridges), every packet on
 * its way with its copies still to come, conntrack events and dumps, time. The
 * input chooses who sends what and whose copy comes next, as the order of a
 * recorded bundle does; each point keeps the order of a direction.
 *
 * What was sent is the truth. Invariants at the end: every flow is one of the
 * connections, by the tuple as dialled; the flows of a connection count no
 * more bytes, packets or payload than it sent, so no byte is counted at two
 * flows, whatever the order of the copies; every stage balances.
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
#include "stream/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define SUBJECTS	48		/* connections in all */
#define LIVE		6		/* at a time */
#define FLYING		24		/* packets on their way */
#define FLOWS		1024		/* of all connections */
#define REACH		4096		/* bytes of a TCP direction */
#define SNAP		256
#define POINTS		3
/* Longer on their way than any queue: they are dropped. */
#define LATE_NS		(2 * MONO_S)

#define IDLE_NS		(20 * MONO_S)
#define FIN	0x01
#define SYN	0x02
#define RST	0x04
#define ACK	0x10

enum { LO = 1, ETH0, DOCKER0, BR1, V1, V2, V3 };

#define HOST		0xc000020aU	/* 192.0.2.10 */
#define C1		0xac110002U
#define C2		0xac110003U
#define C3		0xac120002U	/* on the other bridge */
#define FAR		0xcb007109U
#define PUBLISHED	8080
#define INSIDE		80

/* Where a copy is seen and what its ends are there; 0: as dialled. */
struct step {
	uint32_t	ifindex, from, to;
	uint8_t		seen;
};
struct route {
	uint32_t	client, server;
	struct step	there[POINTS], back[POINTS];
	size_t		n;
	bool		snat, dnat;
};
#define IN	STREAM_SEEN_HOST
#define OUT	STREAM_SEEN_OUTGOING
#define PORT	STREAM_SEEN_OTHERHOST

static const struct route routes[] = {
	{ .client = C1, .server = C2, .n = 2,
	  .there = { { V1, 0, 0, PORT }, { V2, 0, 0, OUT } },
	  .back = { { V2, 0, 0, PORT }, { V1, 0, 0, OUT } } },
	{ .client = C1, .server = HOST, .n = 2,
	  .there = { { V1, 0, 0, PORT }, { DOCKER0, 0, 0, IN } },
	  .back = { { DOCKER0, 0, 0, OUT }, { V1, 0, 0, OUT } } },
	{ .client = C1, .server = FAR, .n = 3, .snat = true,
	  .there = { { V1, 0, 0, PORT }, { DOCKER0, 0, 0, IN },
	      { ETH0, HOST, 0, OUT } },
	  .back = { { ETH0, 0, HOST, IN }, { DOCKER0, 0, 0, OUT },
	      { V1, 0, 0, OUT } } },
	{ .client = C2, .server = FAR, .n = 3, .snat = true,
	  .there = { { V2, 0, 0, PORT }, { DOCKER0, 0, 0, IN },
	      { ETH0, HOST, 0, OUT } },
	  .back = { { ETH0, 0, HOST, IN }, { DOCKER0, 0, 0, OUT },
	      { V2, 0, 0, OUT } } },
	{ .client = FAR, .server = HOST, .n = 3, .dnat = true,
	  .there = { { ETH0, 0, 0, IN }, { DOCKER0, 0, C1, OUT },
	      { V1, 0, C1, OUT } },
	  .back = { { V1, C1, 0, PORT }, { DOCKER0, C1, 0, IN },
	      { ETH0, 0, 0, OUT } } },
	{ .client = C3, .server = C1, .n = 3,
	  .there = { { V3, 0, 0, PORT }, { BR1, 0, 0, IN },
	      { V1, 0, 0, OUT } },
	  .back = { { V1, 0, 0, PORT }, { DOCKER0, 0, 0, IN },
	      { V3, 0, 0, OUT } } },
};
#define ROUTES	(sizeof(routes) / sizeof(routes[0]))

/* A connection, and what it sent. */
struct subject {
	const struct route	*route;
	uint8_t			 proto;
	uint16_t		 sport, wire_port;
	uint32_t		 isn[2], id;
	uint32_t		 end[2];	/* TCP: of what was sent */
	bool			 begun, ended;
	int64_t			 last_ns;	/* last copy that was shown */
	uint8_t			 sent[2][REACH / 8];	/* TCP: bits */
	uint64_t		 payload[2], packets[2], bytes[2];
	uint64_t		 counted_payload[2], counted_packets[2];
	uint64_t		 counted_bytes[2];
};

/* What the last report of a flow said of its packets. A flow that has ended
 * reports again when something is late. */
struct reported {
	char		 id[24];
	struct subject	*of;
	uint64_t	 packets[2];
};

/* One packet and how far it is. */
struct flight {
	struct subject	*of;		/* NULL: free */
	unsigned	 dir;
	size_t		 step;
	uint32_t	 seq, ack, len, fill;
	uint32_t	 order;		/* of sending */
	uint16_t	 ip_id;
	uint8_t		 flags;
	int64_t		 since_ns;
};

struct host {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	struct stream		*stream;
	struct subject		*all;
	size_t			 n;
	struct subject		*live[LIVE];
	struct flight		 flying[FLYING];
	struct reported		 reported[FLOWS];
	size_t			 n_reported;
	uint32_t		 serial;
};

static void
require(bool truth)
{
	if (!truth)
		abort();
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
ip(uint32_t number)
{
	uint8_t bytes[4];

	put32(bytes, number);
	return ipaddr_v4(bytes);
}

static uint16_t
server_port(const struct subject *s)
{
	return s->route->dnat ? PUBLISHED : INSIDE;
}

/* The two ends as they are at this step: [0] sender, [1] receiver. */
static void
ends_at(const struct flight *f, uint32_t ips[2], uint16_t ports[2])
{
	const struct subject *s = f->of;
	const struct step *at = f->dir == 0 ? &s->route->there[f->step] :
	    &s->route->back[f->step];
	unsigned client = f->dir, server = !f->dir;

	ips[client] = s->route->client;
	ports[client] = s->sport;
	ips[server] = s->route->server;
	ports[server] = server_port(s);
	if (at->from != 0)
		ips[0] = at->from;
	if (at->to != 0)
		ips[1] = at->to;
	if (s->route->snat && ips[client] != s->route->client)
		ports[client] = s->wire_port;
	if (s->route->dnat && ips[server] != s->route->server)
		ports[server] = INSIDE;
}

static size_t
header_bytes(const struct subject *s)
{
	return 20 + (s->proto == IPPROTO_TCP ? 20U : 8U);
}

/* One copy, or one piece of it, as the ring shows it. */
static void
show(struct host *h, const struct flight *f, uint32_t offset, uint32_t len)
{
	const struct subject *s = f->of;
	const struct step *at = f->dir == 0 ? &s->route->there[f->step] :
	    &s->route->back[f->step];
	size_t head = header_bytes(s), whole = head + len, i;
	struct stream_packet p = { .ifindex = at->ifindex, .seen = at->seen,
	    .ethertype = 0x0800, .wire_len = whole };
	uint8_t b[SNAP] = { 0x45 }, *exact;
	uint16_t ports[2];
	uint32_t ips[2];

	ends_at(f, ips, ports);
	put16(b + 2, (uint32_t)whole);
	put16(b + 4, f->ip_id);
	b[8] = (uint8_t)(64 - f->step);
	b[9] = s->proto;
	put32(b + 12, ips[0]);
	put32(b + 16, ips[1]);
	put16(b + 20, ports[0]);
	put16(b + 22, ports[1]);
	if (s->proto == IPPROTO_TCP) {
		put32(b + 24, f->seq + offset);
		put32(b + 28, f->ack);
		b[32] = 5 << 4;
		b[33] = f->flags;
	} else
		put16(b + 24, 8 + len);
	for (i = head; i < sizeof(b); i++)
		b[i] = (uint8_t)((f->fill >> (i % 4 * 8)) + i);
	p.len = whole < sizeof(b) ? whole : sizeof(b);
	/* Its own memory, so that a read behind it is seen. */
	if ((exact = malloc(p.len)) == NULL)
		return;
	memcpy(exact, b, p.len);
	p.bytes = exact;
	p.when.ns = h->clock.wall.ns;
	stream_packet(h->stream, &p);
	free(exact);
	mono_drive(&h->clock, (struct wall){ h->clock.wall.ns + 2 * MONO_US });
}

/* Each point shows the packets of one direction in the order of sending. */
static bool
must_wait(const struct host *h, const struct flight *f)
{
	const struct flight *g;

	for (g = h->flying; g < h->flying + FLYING; g++)
		if (g->of == f->of && g->dir == f->dir &&
		    g->order < f->order && g->step <= f->step)
			return true;
	return false;
}

/* Its next copy. What leaves the host is cut by the card, not before. */
static void
fly(struct host *h, struct flight *f)
{
	const struct step *at;
	uint32_t offset, piece;

	if (f->of == NULL || must_wait(h, f))
		return;
	f->of->last_ns = h->clock.wall.ns;
	at = f->dir == 0 ? &f->of->route->there[f->step] :
	    &f->of->route->back[f->step];
	piece = at->ifindex == ETH0 && f->of->proto == IPPROTO_TCP ? 1448 :
	    UINT32_MAX;
	offset = 0;
	do {
		uint32_t left = f->len - offset;

		if (left > piece)
			left = piece;
		show(h, f, offset, left);
		offset += left;
	} while (offset < f->len);
	if (++f->step == f->of->route->n)
		f->of = NULL;
}

static void
tell(struct host *h, const struct subject *s, enum stream_nat_kind kind,
    bool dumped)
{
	const struct route *r = s->route;
	struct stream_nat e = { .kind = kind, .proto = s->proto, .id = s->id,
	    .dumped = dumped, .when = h->clock.wall,
	    .original = { ip(r->client), ip(r->server), s->sport,
	        server_port(s) },
	    .reply = { ip(r->dnat ? C1 : r->server),
	        ip(r->snat ? HOST : r->client),
	        r->dnat ? INSIDE : server_port(s),
	        r->snat ? s->wire_port : s->sport } };

	stream_nat(h->stream, &e);
}

static bool
is_flying(const struct host *h, const struct subject *s)
{
	size_t i;

	for (i = 0; i < FLYING; i++)
		if (h->flying[i].of == s)
			return true;
	return false;
}

/* Two at a time never have one tuple, dialled or on the wire. */
static bool
is_taken(const struct host *h, const struct subject *s)
{
	size_t i;

	for (i = 0; i < LIVE; i++) {
		const struct subject *o = h->live[i];

		if (o == NULL || o->proto != s->proto)
			continue;
		if (o->route == s->route && o->sport == s->sport)
			return true;
		if (o->route->snat && s->route->snat &&
		    o->wire_port == s->wire_port)
			return true;
	}
	return false;
}

/* The kernel tells of a connection before its first translated packet. */
static void
begin(struct host *h, struct cursor *c)
{
	uint8_t what = cursor_u8(c), ports = cursor_u8(c);
	struct subject *s = &h->all[h->n];
	size_t i;

	for (i = 0; i < LIVE && h->live[i] != NULL; i++)
		;
	if (h->n == SUBJECTS || i == LIVE)
		return;
	*s = (struct subject){ .route = &routes[(what & 7) % ROUTES],
	    .proto = what & 8 ? IPPROTO_UDP : IPPROTO_TCP,
	    .sport = (uint16_t)(40000 + (ports & 3)),
	    .wire_port = (uint16_t)(40000 + (ports >> 2 & 3)),
	    .id = (uint32_t)h->n + 1 };
	/* Near the wrap; those of two connections are far from each other, as
	 * random ones are: sequence numbers tell whose a packet is when a port
	 * is used again. */
	s->isn[0] = (ports & 16 ? 0U - 2000 : 1000U) + ((uint32_t)h->n << 24);
	s->isn[1] = (ports & 32 ? 0U - 100 : 77777U) + ((uint32_t)h->n << 24);
	if (is_taken(h, s))
		return;
	h->live[i] = s;
	h->n++;
	tell(h, s, STREAM_NAT_NEW, false);
}

/* The kernel forgets it; its ports may be given to another. */
static void
end(struct host *h, uint8_t slot)
{
	struct subject *s = h->live[slot % LIVE];

	if (s == NULL || is_flying(h, s))
		return;
	tell(h, s, STREAM_NAT_DESTROY, false);
	h->live[slot % LIVE] = NULL;
}

/* After a SYN, an end or a long silence the same numbers are new bytes. */
static void
forget_sent(struct host *h, struct subject *s, uint8_t flags)
{
	if (flags & SYN || s->ended || h->clock.wall.ns - s->last_ns >
	    IDLE_NS - 2 * LATE_NS)
		memset(s->sent, 0, sizeof(s->sent));
	if (flags & (FIN | RST))
		s->ended = true;
}

static void
note_sent(struct subject *s, unsigned dir, uint32_t offset, uint32_t len)
{
	uint32_t i;

	/* On the uplink one packet may be several. */
	s->packets[dir] += 1 + len / 1448;
	s->bytes[dir] += len + header_bytes(s) * (1 + len / 1448);
	if (s->proto != IPPROTO_TCP) {
		s->payload[dir] += len;
		return;
	}
	for (i = offset; i < offset + len; i++)
		if (!(s->sent[dir][i / 8] & 1 << i % 8)) {
			s->sent[dir][i / 8] |= (uint8_t)(1 << i % 8);
			s->payload[dir]++;
		}
}

/* A connection that begins anew takes numbers far from the old ones, when
 * nothing of the old one is on its way: a copy that is as late as the other
 * side's first answer is ambiguous. */
static void
launch(struct host *h, struct cursor *c)
{
	uint8_t who = cursor_u8(c), how = cursor_u8(c);
	uint32_t offset = cursor_u16be(c), len = cursor_u16be(c);
	struct subject *s = h->live[who % LIVE];
	struct flight *f = NULL;
	size_t i;

	for (i = 0; i < FLYING; i++)
		if (h->flying[i].of == NULL)
			f = &h->flying[i];
	if (s == NULL || f == NULL || (how & 0x80 && s->begun &&
	    is_flying(h, s)))
		return;
	offset %= REACH;
	len %= s->proto == IPPROTO_TCP ? REACH - offset + 1 : 1400;
	h->serial++;
	*f = (struct flight){ .of = s, .dir = who >> 7,
	    .since_ns = h->clock.wall.ns, .len = len, .fill = h->serial,
	    .order = h->serial,
	    .ip_id = (uint16_t)(how & 1 ? 0 : h->serial) };
	/* Without an id some are alike, in every byte. */
	if (how & 2)
		f->fill = 0;
	f->seq = s->isn[f->dir] + 1 + offset;
	f->flags = ACK | (how >> 2 & 0x0d);	/* FIN, RST, PSH */
	/* Without its SYN a connection on a port used again is ambiguous. */
	if ((how & 0x80 || (!s->begun && s->route->snat)) &&
	    s->proto == IPPROTO_TCP) {
		if (!s->begun)
			f->dir = 0;
		f->flags = f->dir == 0 ? SYN : SYN | ACK;
		if (f->dir == 0 && s->begun) {
			s->isn[0] += 1 << 20;
			s->isn[1] += 1 << 20;
			s->end[0] = s->end[1] = 0;
		}
		f->seq = s->isn[f->dir];
		f->len = 0;
		offset = 0;
	}
	s->begun = true;
	f->ack = s->isn[!f->dir] + 1 + s->end[!f->dir];
	if (s->end[f->dir] < offset + f->len)
		s->end[f->dir] = offset + f->len;
	forget_sent(h, s, f->flags);
	note_sent(s, f->dir, offset, f->len);
	/* Nobody answers a SYN that is still on its way. */
	while (f->of != NULL && f->flags == SYN)
		fly(h, f);
}

static void
drop_late(struct host *h)
{
	size_t i;

	for (i = 0; i < FLYING; i++)
		if (h->clock.wall.ns - h->flying[i].since_ns > LATE_NS)
			h->flying[i].of = NULL;
}

static void
pass_time(struct host *h, uint8_t n)
{
	mono_drive(&h->clock, (struct wall){ h->clock.wall.ns +
	    (n < 200 ? n * MONO_MS : (n - 199) * 100 * MONO_MS) });
	drop_late(h);
	stream_tick(h->stream);
	pipeline_tick(h->pipeline);
}

/* As after a loss: all that lives is told again, what is missing has gone. */
static void
dump(struct host *h)
{
	size_t i;

	stream_nat_dump(h->stream, true);
	for (i = 0; i < LIVE; i++)
		if (h->live[i] != NULL)
			tell(h, h->live[i], STREAM_NAT_NEW, true);
	stream_nat_dump(h->stream, false);
}

static void
play(struct host *h, struct cursor *c)
{
	uint8_t op = cursor_u8(c);

	switch (op & 7) {
	case 0:
		begin(h, c);
		break;
	case 1:
	case 2:
		launch(h, c);
		break;
	case 3:
	case 4:
	case 5:
		fly(h, &h->flying[(op >> 3) % FLYING]);
		break;
	case 6:
		pass_time(h, cursor_u8(c));
		break;
	case 7:
		if (op >> 3 < 2)
			dump(h);
		else if (op >> 3 == 2)
			stream_lost(h->stream, 1);
		else
			end(h, op >> 3);
		break;
	}
}

static bool
is_end(const struct event *ev, enum field_id address, enum field_id port_,
    uint32_t want_ip, uint16_t want_port)
{
	const struct event_value *v = event_get(ev, address);
	struct ipaddr want = ip(want_ip);

	return v != NULL && ipaddr_equal(&v->ip, &want) &&
	    event_num(ev, port_) == want_port;
}

/* The connection that the flow is, and which way round it has it. Several
 * may have had the tuple, one after the other: see check. */
static struct subject *
find(struct host *h, const struct event *ev, size_t from, bool *turned)
{
	const char *proto = event_str(ev, FIELD_NETWORK_TRANSPORT);
	size_t i;

	for (i = from; i < h->n; i++) {
		struct subject *s = &h->all[i];
		uint32_t a = s->route->client, b = s->route->server;

		if (strcmp(proto, s->proto == IPPROTO_TCP ? "tcp" : "udp") !=
		    0)
			continue;
		*turned = is_end(ev, FIELD_SOURCE_IP, FIELD_SOURCE_PORT, b,
		    server_port(s));
		if (*turned ? is_end(ev, FIELD_DESTINATION_IP,
		    FIELD_DESTINATION_PORT, a, s->sport) :
		    is_end(ev, FIELD_SOURCE_IP, FIELD_SOURCE_PORT, a,
		    s->sport) && is_end(ev, FIELD_DESTINATION_IP,
		    FIELD_DESTINATION_PORT, b, server_port(s)))
			return s;
	}
	return NULL;
}

static struct reported *
get_reported(struct host *h, const struct event *ev, struct subject *s)
{
	const char *id = event_str(ev, FIELD_TALLYMAN_FLOW_ID);
	struct reported *r;

	for (r = h->reported; r < h->reported + h->n_reported; r++)
		if (strcmp(r->id, id) == 0)
			return r;
	require(h->n_reported < FLOWS && strlen(id) < sizeof(r->id));
	h->n_reported++;
	memcpy(r->id, id, strlen(id) + 1);
	r->of = s;
	return r;
}

static bool
take_report(void *self, const struct event *ev)
{
	struct host *h = self;
	struct reported *r;
	struct subject *s;
	bool turned;

	if (event_dataset(ev) != EVENT_FLOW)
		return true;
	require(!event_truncated(ev));
	s = find(h, ev, 0, &turned);
	require(s != NULL);
	s->counted_payload[turned] += (uint64_t)event_num(ev,
	    FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_SENT);
	s->counted_payload[!turned] += (uint64_t)event_num(ev,
	    FIELD_TALLYMAN_FLOW_DELTA_PAYLOAD_RECEIVED);
	s->counted_bytes[turned] += (uint64_t)event_num(ev,
	    FIELD_TALLYMAN_FLOW_DELTA_SOURCE_BYTES);
	s->counted_bytes[!turned] += (uint64_t)event_num(ev,
	    FIELD_TALLYMAN_FLOW_DELTA_DESTINATION_BYTES);
	r = get_reported(h, ev, s);
	r->packets[turned] = (uint64_t)event_num(ev, FIELD_SOURCE_PACKETS);
	r->packets[!turned] = (uint64_t)event_num(ev,
	    FIELD_DESTINATION_PACKETS);
	return true;
}

static bool
same_tuple(const struct subject *a, const struct subject *b)
{
	return a->proto == b->proto && a->sport == b->sport &&
	    a->route->client == b->route->client &&
	    a->route->server == b->route->server;
}

/* All connections that had the tuple, together: a report names the first. */
static void
check_tuple(const struct host *h, const struct subject *first)
{
	uint64_t payload[2] = { 0 }, packets[2] = { 0 }, bytes[2] = { 0 };
	const struct subject *s;
	unsigned dir;

	for (s = h->all; s < h->all + h->n; s++)
		for (dir = 0; dir < 2 && same_tuple(s, first); dir++) {
			payload[dir] += s->payload[dir];
			packets[dir] += s->packets[dir];
			bytes[dir] += s->bytes[dir];
		}
	for (dir = 0; dir < 2; dir++) {
		require(first->counted_payload[dir] <= payload[dir]);
		require(first->counted_packets[dir] <= packets[dir]);
		require(first->counted_bytes[dir] <= bytes[dir]);
	}
}

static void
check(struct host *h)
{
	const struct reported *r;
	static const char *const names[] = {
		"stream.decode", "stream.flow", "stream.nat", "stream.reports"
	};
	size_t i;

	for (r = h->reported; r < h->reported + h->n_reported; r++) {
		r->of->counted_packets[0] += r->packets[0];
		r->of->counted_packets[1] += r->packets[1];
	}
	for (i = 0; i < h->n; i++)
		check_tuple(h, &h->all[i]);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		require(ledger_stage_balances(ledger_stage(h->ledger,
		    names[i])));
}

static void
add_link(struct host *h, uint32_t ifindex, enum stream_link_kind kind,
    uint32_t master)
{
	struct stream_link link = { .ifindex = ifindex, .kind = kind,
	    .master = master, .peer_netns = -1, .name = "x",
	    .uplink = kind == STREAM_LINK_PHYSICAL };

	stream_link(h->stream, &link);
}

static void
build(struct host *h)
{
	static const struct stream_conf conf = { .period_ns = MONO_S,
	    .idle_timeout_ns = IDLE_NS, .report_bytes = 4096,
	    .max_flows = 256, .max_aliases = 256, .max_datagrams = 4096,
	    .window_ns = 5 * MONO_S };
	struct stream_address address = { .ip = ip(HOST), .ifindex = ETH0 };

	h->clock.driven = true;
	mono_drive(&h->clock, (struct wall){ INT64_C(1780000000) * MONO_S });
	h->all = calloc(SUBJECTS, sizeof(*h->all));
	require(h->all != NULL);
	h->ledger = ledger_new();
	h->pipeline = pipeline_new(h->ledger, &h->clock);
	pipeline_add_sink(h->pipeline, "fuzz", take_report, h);
	h->stream = stream_new(&conf, h->ledger, h->pipeline, &h->clock);
	require(h->stream != NULL);
	add_link(h, LO, STREAM_LINK_LOOPBACK, 0);
	add_link(h, ETH0, STREAM_LINK_PHYSICAL, 0);
	add_link(h, DOCKER0, STREAM_LINK_BRIDGE, 0);
	add_link(h, BR1, STREAM_LINK_BRIDGE, 0);
	add_link(h, V1, STREAM_LINK_VETH, DOCKER0);
	add_link(h, V2, STREAM_LINK_VETH, DOCKER0);
	add_link(h, V3, STREAM_LINK_VETH, BR1);
	stream_address(h->stream, &address);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_make(data, len < 4096 ? len : 4096);
	struct host *h = calloc(1, sizeof(*h));

	require(h != NULL);
	build(h);
	while (cursor_left(&c) != 0)
		play(h, &c);
	stream_free(h->stream);
	pipeline_flush(h->pipeline);
	check(h);
	pipeline_free(h->pipeline);
	ledger_free(h->ledger);
	free(h->all);
	free(h);
	return 0;
}

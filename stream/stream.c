/*
 * A copy goes through here: decode, defrag, canonical tuple (nat), flow and
 * generation (place), point, count.
 */
#include "stream/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "stream/count.h"
#include "stream/decode.h"
#include "stream/dedup.h"
#include "stream/defrag.h"
#include "stream/life.h"
#include "stream/place.h"
#include "stream/relay.h"
#include "stream/tracker.h"
#include "stream/tunnel.h"

#define CLOCK_TURN	16	/* copies between two looks at the clock */
#define STAMP_SLACK_NS	MONO_S	/* stamps run backwards by less than this */
#define TALK		8	/* packets one way: more than a knock */
#define HOLES_PER_FLOW	16	/* on average, of the pool's limit */
#define NAT_LINGER_MS	1000	/* an alias outlives the window */
#define INSIDES		256	/* namespaces known at a time */
#define DNS_PORT	53

struct stream {
	struct tracker		 t;
	const struct mono_clock	*clock;
	int64_t			 start_ns;	/* of the clock */
	unsigned		 turn;
	struct dedup		*dedup;
	struct defrag		*defrag;
	struct count_odd	 odd;
	struct count_key	 identity;
	struct stream_inside	 insides[INSIDES];	/* by scope */
	bool			 some_deeper;	/* see links_has_vxlan */
	ledger_count		*pending;
	/* What the ledger was told already. */
	struct nat_counts	 nat_told;
	uint64_t		 evicted_told, holes_told;
};

#define KEY(name_, type_, member_, preset_, min_, max_, help_)		\
	{ .section = "flows", .name = name_, .type = type_,		\
	    .offset = offsetof(struct stream_conf, member_),		\
	    .preset = preset_, .min = min_, .max = max_, .help = help_ }

const struct conf_key stream_conf_keys[] = {
	KEY("period", CONF_SPAN, period_ns, "10s", MONO_S, 86400 * MONO_S,
	    "Time between two reports of a flow that goes on."),
	KEY("idle_timeout", CONF_SPAN, idle_timeout_ns, "60s", MONO_S,
	    86400 * MONO_S, "A flow without packets for this long has ended; "
	    "an open TCP connection only after ten times as long."),
	KEY("report_bytes", CONF_SIZE, report_bytes, "1MiB", 1,
	    INT64_C(1) << 30, "Report a flow early when so many payload bytes "
	    "are new since its last report."),
	KEY("max", CONF_INT, max_flows, "65536", 16, 1 << 24,
	    "Most flows kept at a time; unanswered ones are evicted first."),
	KEY("max_aliases", CONF_INT, max_aliases, "262144", 16, 1 << 24,
	    "Most connections of conntrack kept at a time."),
	KEY("max_window", CONF_INT, max_datagrams, "262144", 16, 1 << 28,
	    "Most datagrams remembered to recognise their copies."),
	KEY("window", CONF_SPAN, window_ns, "5s", 100 * MONO_MS, 60 * MONO_S,
	    "How long a copy may come after the first; queues may hold "
	    "packets for seconds.")
};
const size_t stream_conf_n_keys =
    sizeof(stream_conf_keys) / sizeof(stream_conf_keys[0]);

static void
refresh(struct stream *s)
{
	s->t.now_ms = (uint32_t)((mono_now(s->clock).ns - s->start_ns) /
	    MONO_MS);
}

static void
tell_ledger(struct stream *s)
{
	const struct nat_counts *c = nat_counts(s->t.nat);
	uint64_t evicted = dedup_evicted(s->dedup);
	uint64_t *n = s->t.tally.n;

	n[TALLY_NAT_MALFORMED] += c->malformed - s->nat_told.malformed;
	n[TALLY_NAT_DELIVERED] -= c->malformed - s->nat_told.malformed;
	n[TALLY_NAT_UNKNOWN] += c->unknown - s->nat_told.unknown;
	n[TALLY_NAT_EVICTED] += c->evicted - s->nat_told.evicted;
	n[TALLY_NAT_VANISHED] += c->vanished - s->nat_told.vanished;
	n[TALLY_NAT_REPLACED] += c->replaced - s->nat_told.replaced;
	s->nat_told = *c;
	n[TALLY_FLOW_DATAGRAM_EVICTED] += evicted - s->evicted_told;
	s->evicted_told = evicted;
	n[TALLY_FLOW_HOLES] += s->t.pool.forgotten - s->holes_told;
	s->holes_told = s->t.pool.forgotten;
	tally_flush(&s->t.tally);
	ledger_set(s->pending, defrag_pending(s->defrag));
}

/* Copies. */

struct copy {
	struct wall	when;
	uint32_t	ifindex;
	uint8_t		seen;
	uint32_t	copies;		/* captured: fragments */
	bool		joined;		/* its bytes are defrag's own */
	uint16_t	scope;		/* of its addresses */
	bool		inner;		/* it came inside this flow: */
	uint32_t	outer, outer_serial, vni;
	uint16_t	gso_size;	/* of the packet or of what is inside */
};

/*
 * Requests to Docker's embedded DNS server are seen behind the NAT of their
 * namespace, answers too: 53 has become the server's own port in one of the
 * directions only.
 */
static void
settle_resolver(const struct stream *s, uint16_t scope, uint8_t proto,
    struct key_end *end)
{
	static const uint8_t address[4] = { 127, 0, 0, 11 };
	const struct stream_inside *in = &s->insides[scope % INSIDES];
	uint16_t port = proto == IPPROTO_UDP ? in->resolver_udp :
	    proto == IPPROTO_TCP ? in->resolver_tcp : 0;

	if (in->scope == scope && port != 0 && end->port == port &&
	    memcmp(end->ip, address, sizeof(address)) == 0)
		end->port = DNS_PORT;
}

static void
add_new(struct stream *s, uint32_t number, unsigned dir,
    const struct decoded *d, const struct count_result *r)
{
	struct flow *f = flow_get(s->t.flows, number);
	uint64_t before = (uint64_t)f->delta_payload[0] + f->delta_payload[1];
	/* Each datagram that it is cut into gets headers of its own. */
	uint32_t n = d->segments == 0 ? 1 : d->segments;
	uint32_t bytes = d->l3_len + (n - 1) * (d->l3_header + d->l4_header);

	if (r->packet) {
		bool first = f->sum[dir].packets == 0;

		f->sum[dir].packets += n;
		f->sum[dir].bytes += bytes;
		f->delta_bytes[dir] += bytes;
		if ((f->sum[dir].packets >= TALK &&
		    f->sum[dir].packets < TALK + n) ||
		    (first && f->sum[!dir].packets != 0))
			tracker_set_precious(&s->t, number);
	}
	f->sum[dir].payload += r->payload;
	f->delta_payload[dir] += r->payload;
	life_news(&s->t, number, before);
}

/* New payload after the final report, which does not hold it. opened: the bits
 * before it came. */
static void
begin_again(struct stream *s, uint32_t number, unsigned dir, unsigned point,
    const struct decoded *d, const struct copy *c,
    const struct count_result *r, uint16_t opened)
{
	struct flow *f = flow_get(s->t.flows, number);
	uint16_t fresh = (uint16_t)(f->bits & ~opened);

	life_reopen(&s->t, number, c->when);
	f->bits |= fresh;
	f->tcp_flags[dir] = d->tcp_flags;
	if (point != FLOW_POINTS)
		flow_point(f, point)->packets[dir] = c->copies;
	if (f->extra != NULL)
		f->extra->again_sum = r->again;
}

static void
touch(struct stream *s, struct flow *f, const struct copy *c)
{
	if (c->when.ns > f->last_ns)
		f->last_ns = c->when.ns;
	if (c->when.ns < f->first_ns && f->reports == 0 &&
	    f->first_ns - c->when.ns < STAMP_SLACK_NS)
		f->first_ns = c->when.ns;
	f->active_ms = s->t.now_ms;
	f->bits |= FLOW_BIT_CHANGED;
	if (c->seen == STREAM_SEEN_BROADCAST ||
	    c->seen == STREAM_SEEN_MULTICAST)
		f->bits |= FLOW_BIT_CAST;
}

/*
 * A port of a bridge hears packets for others as a matter of course. What a
 * promiscuous bridge overhears goes nowhere.
 */
static bool
overheard(const struct stream *s, const struct copy *c)
{
	return c->seen == STREAM_SEEN_OTHERHOST &&
	    links_is_bridge(s->t.links, c->ifindex);
}

/*
 * Interface and which way it went. Where a packet went nowhere, both
 * directions are one point.
 */
static uint32_t
where_of(const struct stream *s, const struct copy *c, unsigned dir)
{
	bool out = (c->seen == STREAM_SEEN_OUTGOING) != (dir == 1);

	if (!out || overheard(s, c))
		return c->ifindex & ~FLOW_POINT_OUT;
	return c->ifindex | FLOW_POINT_OUT;
}

/* What relay.h wants to know of a packet that is new. */
static void
look_for_relay(struct stream *s, uint32_t number, unsigned dir,
    const struct decoded *d, const struct count_result *r)
{
	struct flow *f = flow_get(s->t.flows, number);

	if ((f->bits & FLOW_BIT_RELAY) && r->payload != 0 &&
	    f->sum[dir].payload - r->payload < RELAY_HEAD &&
	    (d->proto == IPPROTO_TCP || f->sum[dir].packets == 1))
		relay_payload(&s->t, number, dir, d);
	else if (d->proto == IPPROTO_TCP && dir == 1 && r->packet &&
	    f->sum[1].packets == 1 && f->key.scope == 0)
		relay_answered(&s->t, number);
}

/* The only datagram yet: each copy of it may show where it goes. */
static bool
is_first_datagram(const struct flow *f, const struct decoded *d)
{
	return f->sum[0].packets == 1 && d->proto == IPPROTO_UDP &&
	    f->sum[1].packets == 0 && f->key.scope == 0;
}

static void
count_copy(struct stream *s, struct place_found found, const struct decoded *d,
    const struct copy *c, uint64_t inner)
{
	struct flow *f = flow_get(s->t.flows, found.flow);
	struct count_result r;
	unsigned dir = found.direction, point;
	bool closing = life_is_closing(f), tcp = d->proto == IPPROTO_TCP;
	uint16_t opened = f->bits;
	uint64_t identity = 0;

	if (!tcp) {
		identity = count_identity(&s->identity, f, dir == 0 ?
		    tracker_side(f) : !tracker_side(f), d, inner,
		    !s->some_deeper);
		dedup_expect(s->dedup, identity);
	}
	point = flow_point_at(f, where_of(s, c, dir), dir);
	touch(s, f, c);
	if (point == FLOW_POINTS) {
		s->t.tally.n[TALLY_FLOW_POINTS_FULL]++;
	} else {
		flow_point(f, point)->packets[dir] += c->copies;
		if (f->first_point[dir] == 0)
			f->first_point[dir] = (uint8_t)(point + 1);
	}
	if (tcp)
		count_tcp(&s->t.pool, f, dir, point, d, &s->odd, &r);
	else
		count_datagram(s->dedup, identity, f, dir, point, d,
		    s->t.now_ms, &r);
	s->t.tally.n[TALLY_FLOW_AGAIN] += r.again;
	s->t.tally.n[TALLY_FLOW_ODD] += r.odd;
	s->t.tally.n[TALLY_FLOW_NEW] += r.packet;
	s->t.tally.n[TALLY_FLOW_COPY] += !r.packet;
	s->t.tally.n[TALLY_FLOW_DELIVERED] += c->copies;
	if ((opened & FLOW_BIT_ENDED) && r.packet && r.payload == 0)
		life_amend(&s->t, found.flow);
	if ((opened & FLOW_BIT_ENDED) && r.payload != 0)
		begin_again(s, found.flow, dir, point, d, c, &r, opened);
	f->copies += c->copies - r.packet;
	if (r.packet || r.payload != 0) {
		add_new(s, found.flow, dir, d, &r);
		look_for_relay(s, found.flow, dir, d, &r);
	}
	if (is_first_datagram(f, d))
		relay_datagram(&s->t, found.flow, d);
	if (!closing && life_is_closing(f))
		life_close(&s->t, found.flow);
}

/*
 * An ICMP error carries a packet of another flow. Where it names an end of
 * that flow, the end's own address stands, not one that was translated: no
 * connection of its own would tell. Returns a hash of what it is about.
 */
static uint64_t
settle_error(struct stream *s, struct decoded *d, const struct copy *copy)
{
	struct key_end source = d->inner_source, destination =
	    d->inner_destination;
	struct nat_match m;
	struct key key;
	uint64_t hash;
	unsigned side;

	side = key_make(&key, &source, &destination, d->family,
	    d->inner_proto, copy->scope);
	hash = key_hash(&s->t.secret, &key);
	nat_find(s->t.nat, &key, hash, side, false, copy->when, &m);
	if (m.conn != NAT_NONE) {
		const struct nat_conn *c = nat_conn(s->t.nat, m.conn);
		struct key_end asks = key_end_of(&c->original,
		    c->side[NAT_ORIGINAL]);
		struct key_end answers = key_end_of(&c->wire,
		    !c->side[NAT_WIRE]);

		source = m.direction == 0 ? asks : answers;
		destination = m.direction == 0 ? answers : asks;
		hash = key_hash(&s->t.secret, &c->original);
	}
	if (memcmp(d->destination.ip, d->inner_source.ip, 16) == 0)
		memcpy(d->destination.ip, source.ip, 16);
	if (memcmp(d->source.ip, d->inner_destination.ip, 16) == 0)
		memcpy(d->source.ip, destination.ip, 16);
	return hash ^ ((uint64_t)d->inner_id << 1 | 1);
}

/* See stream_packet.gso_size. */
static uint32_t
count_segments(const struct decoded *d, uint16_t gso_size)
{
	if (gso_size == 0 || d->proto != IPPROTO_UDP ||
	    d->payload_len <= gso_size || d->payload_len > UINT16_MAX)
		return 0;
	return (d->payload_len + gso_size - 1) / gso_size;
}

static void take_decoded(struct stream *, struct decoded *,
    const struct copy *);

/* The packet inside of one of VXLAN. One inside that is not looked for. */
static void
take_tunnel(struct stream *s, const struct decoded *outer, uint32_t number,
    const struct copy *c)
{
	static const enum tally_what verdicts[DECODE_VERDICTS] = {
		[DECODE_OK] = TALLY_TUNNEL_DELIVERED,
		[DECODE_ARP] = TALLY_TUNNEL_ARP_SEEN,
		[DECODE_NON_IP] = TALLY_TUNNEL_NON_IP_SEEN,
		[DECODE_TRUNCATED] = TALLY_TUNNEL_CUT,
		[DECODE_BAD_HEADER] = TALLY_TUNNEL_BAD,
		[DECODE_UNSUPPORTED] = TALLY_TUNNEL_EXOTIC
	};
	struct copy inside = *c;
	enum decode_verdict verdict;
	struct decoded d;

	s->t.tally.n[TALLY_TUNNEL_RECEIVED]++;
	verdict = decode_vxlan(outer, &inside.vni, &d);
	/* defrag is not to be called from within itself. */
	if (verdict == DECODE_OK && d.fragment && c->joined)
		verdict = DECODE_UNSUPPORTED;
	s->t.tally.n[verdicts[verdict]]++;
	if (verdict == DECODE_ARP || verdict == DECODE_NON_IP)
		s->t.tally.n[TALLY_TUNNEL_DELIVERED]++;
	if (verdict != DECODE_OK)
		return;
	d.segments = count_segments(&d, c->gso_size);
	inside.inner = true;
	inside.outer = number;
	inside.outer_serial = flow_get(s->t.flows, number)->serial;
	inside.copies = 1;
	inside.scope = tunnel_scope(&s->t, inside.vni);
	s->t.tally.n[TALLY_FLOW_RECEIVED]++;
	take_decoded(s, &d, &inside);
}

static void
take_packet(struct stream *s, struct decoded *d, const struct copy *c)
{
	bool syn = d->proto == IPPROTO_TCP && (d->tcp_flags &
	    (DECODE_TCP_SYN | DECODE_TCP_ACK)) == DECODE_TCP_SYN;
	struct place p = { .conn = NAT_NONE, .from = c->ifindex,
	    .hashed = true };
	struct place_found found;
	struct nat_match m;
	uint64_t inner = 0;
	struct key key;

	if (d->inner)
		inner = settle_error(s, d, c);
	if (c->scope != 0 && d->family == 4) {
		settle_resolver(s, c->scope, d->proto, &d->source);
		settle_resolver(s, c->scope, d->proto, &d->destination);
	}
	p.side = key_make(&key, &d->source, &d->destination, d->family,
	    d->proto, c->scope);
	p.hash = key_hash(&s->t.secret, &key);
	p.key = &key;
	m.conn = NAT_NONE;
	if (!d->inner)
		nat_find(s->t.nat, &key, p.hash, p.side, syn, c->when, &m);
	if (m.conn != NAT_NONE && m.contested && d->proto == IPPROTO_TCP)
		m = place_owner(&s->t, &key, p.hash, p.side, d, m);
	else if (m.conn != NAT_NONE && m.contested && !overheard(s, c))
		m = nat_shown(s->t.nat, &key, p.hash, p.side,
		    c->seen != STREAM_SEEN_OUTGOING, m);
	if (m.conn != NAT_NONE) {
		const struct nat_conn *conn = nat_conn(s->t.nat, m.conn);

		p.conn = m.conn;
		p.key = &conn->original;
		p.side = conn->side[NAT_ORIGINAL] ^ m.direction;
		p.hashed = m.which == NAT_ORIGINAL;
	}
	found = place_find(&s->t, &p, d, c->when);
	if (c->inner)
		tunnel_carry(&s->t, found.flow, found.direction, c->vni,
		    c->outer, c->outer_serial);
	count_copy(s, found, d, c, inner);
	if (d->destination.port == DECODE_VXLAN_PORT && !c->inner &&
	    decode_is_vxlan(d))
		take_tunnel(s, d, found.flow, c);
}

static void
take_partial(void *ctx, const struct defrag_done *done, bool readable)
{
	struct copy c = { .when = done->when, .ifindex = done->ifindex,
	    .seen = done->seen, .copies = done->fragments, .joined = true,
	    .scope = done->scope };
	struct stream *s = ctx;
	struct decoded d = done->packet;

	if (!readable) {
		s->t.tally.n[TALLY_FLOW_PARTIAL_UNREADABLE] += done->fragments;
		return;
	}
	s->t.tally.n[TALLY_FLOW_PARTIAL]++;
	take_packet(s, &d, &c);
}

static void
take_fragment(struct stream *s, const struct decoded *fragment,
    const struct copy *copy)
{
	struct defrag_done done;
	struct copy c = *copy;
	uint32_t lost;

	switch (defrag_add(s->defrag, fragment, copy->ifindex, copy->seen,
	    copy->scope, copy->when, s->t.now_ms, &done, &lost)) {
	case DEFRAG_WAITING:
		break;
	case DEFRAG_DONE:
		c.when = done.when;
		c.ifindex = done.ifindex;
		c.seen = done.seen;
		c.copies = done.fragments;
		c.joined = true;
		take_packet(s, &done.packet, &c);
		break;
	case DEFRAG_BAD:
		s->t.tally.n[TALLY_FLOW_BAD_FRAGMENT] += lost;
		break;
	case DEFRAG_NO_MEMORY:
		s->t.tally.n[TALLY_FLOW_NO_MEMORY] += lost;
		break;
	}
}

static void
take_decoded(struct stream *s, struct decoded *d, const struct copy *c)
{
	if (d->fragment)
		take_fragment(s, d, c);
	else
		take_packet(s, d, c);
}

void
stream_packet(struct stream *s, const struct stream_packet *packet)
{
	static const enum tally_what verdicts[DECODE_VERDICTS] = {
		[DECODE_OK] = TALLY_DECODE_DELIVERED,
		[DECODE_ARP] = TALLY_DECODE_ARP_SEEN,
		[DECODE_NON_IP] = TALLY_DECODE_NON_IP_SEEN,
		[DECODE_TRUNCATED] = TALLY_DECODE_CUT,
		[DECODE_BAD_HEADER] = TALLY_DECODE_BAD,
		[DECODE_UNSUPPORTED] = TALLY_DECODE_EXOTIC
	};
	struct copy c = { .when = packet->when, .ifindex = packet->ifindex,
	    .seen = packet->seen, .copies = 1,
	    .scope = stream_inside_of(packet->ifindex),
	    .gso_size = packet->gso_size };
	enum decode_verdict verdict;
	struct decoded d;

	if (s->clock->driven || s->turn++ % CLOCK_TURN == 0)
		refresh(s);
	s->t.tally.n[TALLY_DECODE_RECEIVED]++;
	verdict = decode_packet(packet->ethertype, packet->bytes, packet->len,
	    packet->wire_len, &d);
	s->t.tally.n[verdicts[verdict]]++;
	if (verdict == DECODE_ARP || verdict == DECODE_NON_IP)
		s->t.tally.n[TALLY_DECODE_DELIVERED]++;
	if (verdict != DECODE_OK)
		return;
	s->t.tally.n[TALLY_FLOW_RECEIVED]++;
	if (packet->gso_size != 0 && !decode_is_vxlan(&d))
		d.segments = count_segments(&d, packet->gso_size);
	take_decoded(s, &d, &c);
}

/* Conntrack, links. */

void
stream_nat(struct stream *s, const struct stream_nat *event)
{
	const struct nat_conn *c;
	uint32_t conn;

	refresh(s);
	s->t.tally.n[TALLY_NAT_RECEIVED]++;
	/* tell_ledger takes back what was malformed. */
	s->t.tally.n[TALLY_NAT_DELIVERED]++;
	conn = nat_event(s->t.nat, event, s->t.now_ms);
	if (conn == NAT_NONE)
		return;
	c = nat_conn(s->t.nat, conn);
	if (c->moved_source || c->moved_destination)
		life_end_stray(&s->t, &c->wire);
}

void
stream_nat_dump(struct stream *s, bool begin)
{
	refresh(s);
	nat_dump(s->t.nat, begin, s->t.now_ms);
}

void
stream_link(struct stream *s, const struct stream_link *link)
{
	links_set(s->t.links, link);
	s->some_deeper = links_has_vxlan(s->t.links);
}

void
stream_address(struct stream *s, const struct stream_address *address)
{
	(void)links_set_address(s->t.links, address);
}

void
stream_inside(struct stream *s, const struct stream_inside *inside)
{
	s->insides[inside->scope % INSIDES] = *inside;
}

const char *
stream_link_name(const struct stream *s, uint32_t ifindex)
{
	return links_name(s->t.links, ifindex);
}

void
stream_lost(struct stream *s, uint64_t packets)
{
	struct tracker_loss *losses = s->t.losses;
	size_t *n = &s->t.n_losses;

	/* The two oldest become one, so that none is forgotten. */
	if (*n == TRACKER_LOSSES) {
		losses[1].packets += losses[0].packets;
		memmove(losses, losses + 1, --*n * sizeof(*losses));
	}
	losses[(*n)++] = (struct tracker_loss){ mono_wall(s->clock).ns,
	    packets };
	s->t.tally.n[TALLY_FLOW_TOLD_LOST] += packets;
}

void
stream_watch_queue(struct stream *s, const ledger_count *queued)
{
	s->t.queued = queued;
}

void
stream_tick(struct stream *s)
{
	refresh(s);
	defrag_tick(s->defrag, s->t.now_ms);
	dedup_tick(s->dedup, s->t.now_ms);
	life_serve(&s->t);
	nat_tick(s->t.nat, s->t.now_ms);
	relay_tick(&s->t);
	tell_ledger(s);
}

static void
free_all(struct stream *s)
{
	defrag_free(s->defrag);
	dedup_free(s->dedup);
	flow_table_free(s->t.flows);
	nat_free(s->t.nat);
	links_free(s->t.links);
	relay_free(s->t.relay);
	tunnel_free(s->t.tunnel);
	free(s);
}

struct stream *
stream_new(const struct stream_conf *conf, struct ledger *ledger,
    struct pipeline *pipeline, const struct mono_clock *clock)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct tracker *t;

	if (s == NULL)
		return NULL;
	s->clock = clock;
	s->start_ns = mono_now(clock).ns;
	t = &s->t;
	t->pipeline = pipeline;
	t->window_ms = (uint32_t)(conf->window_ns / MONO_MS);
	t->period_ms = (uint32_t)(conf->period_ns / MONO_MS);
	t->idle_ms = (uint32_t)(conf->idle_timeout_ns / MONO_MS);
	t->report_bytes = (uint64_t)conf->report_bytes;
	t->secret = hash_key_random();
	s->identity = count_key_random();
	t->pool.limit = (size_t)conf->max_flows * HOLES_PER_FLOW;
	t->nat = nat_new((size_t)conf->max_aliases,
	    t->window_ms + NAT_LINGER_MS, &t->secret);
	t->flows = flow_table_new((size_t)conf->max_flows, &t->pool,
	    life_evict, t);
	t->links = links_new();
	t->tunnel = tunnel_new((size_t)conf->max_flows);
	t->relay = relay_new((size_t)conf->max_flows, mono_wall(clock));
	s->dedup = dedup_new((size_t)conf->max_datagrams, t->window_ms);
	s->defrag = defrag_new(take_partial, s);
	if (t->nat == NULL || t->flows == NULL || t->links == NULL ||
	    t->relay == NULL || t->tunnel == NULL ||
	    s->dedup == NULL || s->defrag == NULL) {
		free_all(s);
		errno = ENOMEM;
		return NULL;
	}
	tally_bind(&t->tally, ledger);
	s->pending = &ledger_stage(ledger, "stream.flow")->pending;
	return s;
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	refresh(s);
	defrag_flush(s->defrag);
	life_end_all(&s->t);
	tell_ledger(s);
	free_all(s);
}

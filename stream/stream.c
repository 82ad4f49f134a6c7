/*
 * A copy goes through here: decode, defrag, canonical tuple (nat), flow and
 * generation, point, count. Counters of the ledger are gathered in plain
 * numbers and given to it by stream_tick, since an atomic add for each would
 * cost as much as a look-up.
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
#include "stream/flow.h"
#include "stream/links.h"
#include "stream/nat.h"
#include "stream/report.h"

#define START_MS	50	/* first report: NAT and answer are known then */
#define QUIET_MS	500	/* least time between two reports */
#define LINGER_MS	200	/* after the last packet of a closed flow */
#define DELTA_MAX	(UINT32_C(1) << 31)
#define CLOCK_TURN	16	/* copies between two looks at the clock */
#define HOLES_PER_FLOW	16	/* on average, of the pool's limit */
#define LOSSES		64

enum tally {
	DECODE_RECEIVED, DECODE_DELIVERED, DECODE_ARP_SEEN, DECODE_NON_IP_SEEN,
	DECODE_CUT, DECODE_BAD, DECODE_EXOTIC,
	FLOW_RECEIVED, FLOW_DELIVERED, FLOW_NO_MEMORY, FLOW_BAD_FRAGMENT,
	FLOW_PARTIAL_UNREADABLE, FLOW_NEW, FLOW_COPY, FLOW_AGAIN, FLOW_ODD,
	FLOW_PARTIAL, FLOW_MADE, FLOW_EVICTED, FLOW_STRAY, FLOW_HOLES,
	FLOW_POINTS_FULL, FLOW_DATAGRAM_EVICTED,
	NAT_RECEIVED, NAT_DELIVERED, NAT_MALFORMED, NAT_UNKNOWN, NAT_EVICTED,
	NAT_VANISHED, NAT_REPLACED,
	REPORT_DUE, REPORT_DELIVERED, REPORT_NO_MEMORY,
	TALLIES
};

struct loss {
	int64_t		when_ns;
	uint64_t	packets;
};

struct stream {
	struct stream_conf	 conf;
	const struct mono_clock	*clock;
	struct pipeline		*pipeline;
	int64_t			 start_ns;	/* of the clock */
	uint32_t		 now_ms;	/* since then; wraps */
	unsigned		 turn;
	uint32_t		 window_ms, period_ms, idle_ms;

	struct hash_key		 secret;
	struct nat		*nat;
	struct dedup		*dedup;
	struct defrag		*defrag;
	struct flow_table	*flows;
	struct links		*links;
	struct cover_pool	 pool;
	struct count_odd	 odd;

	uint64_t		 tally[TALLIES];
	ledger_count		*to[TALLIES];
	ledger_count		*pending;
	ledger_count		*ring_lost;
	struct nat_counts	 nat_told;
	uint64_t		 evicted_told, holes_told;
	struct loss		 losses[LOSSES];
	size_t			 n_losses;
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
	KEY("max_aliases", CONF_INT, max_aliases, "65536", 16, 1 << 24,
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
	s->now_ms = (uint32_t)((mono_now(s->clock).ns - s->start_ns) /
	    MONO_MS);
}

/* Identifiers in the ledger. */
static void
bind_ledger(struct stream *s, struct ledger *ledger)
{
	struct ledger_stage *d = ledger_stage(ledger, "stream.decode");
	struct ledger_stage *f = ledger_stage(ledger, "stream.flow");
	struct ledger_stage *n = ledger_stage(ledger, "stream.nat");
	struct ledger_stage *r = ledger_stage(ledger, "stream.reports");
	ledger_count **to = s->to;

	to[DECODE_RECEIVED] = &d->received;
	to[DECODE_DELIVERED] = &d->delivered;
	to[DECODE_ARP_SEEN] = ledger_noted(d, "arp");
	to[DECODE_NON_IP_SEEN] = ledger_noted(d, "non_ip");
	to[DECODE_CUT] = ledger_dropped(d, "truncated");
	to[DECODE_BAD] = ledger_dropped(d, "bad_header");
	to[DECODE_EXOTIC] = ledger_dropped(d, "unsupported");
	to[FLOW_RECEIVED] = &f->received;
	to[FLOW_DELIVERED] = &f->delivered;
	to[FLOW_NO_MEMORY] = ledger_dropped(f, "no_memory");
	to[FLOW_BAD_FRAGMENT] = ledger_dropped(f, "bad_fragment");
	to[FLOW_PARTIAL_UNREADABLE] = ledger_dropped(f, "incomplete_fragments");
	to[FLOW_NEW] = ledger_noted(f, "packets");
	to[FLOW_COPY] = ledger_noted(f, "copies");
	to[FLOW_AGAIN] = ledger_noted(f, "retransmitted_bytes");
	to[FLOW_ODD] = ledger_noted(f, "out_of_window");
	to[FLOW_PARTIAL] = ledger_noted(f, "partial_packets");
	to[FLOW_MADE] = ledger_noted(f, "flows");
	to[FLOW_EVICTED] = ledger_noted(f, "flows_evicted");
	to[FLOW_STRAY] = ledger_noted(f, "flows_stray");
	to[FLOW_HOLES] = ledger_noted(f, "tcp_holes_forgotten");
	to[FLOW_POINTS_FULL] = ledger_noted(f, "points_full");
	to[FLOW_DATAGRAM_EVICTED] = ledger_noted(f, "datagrams_evicted");
	to[NAT_RECEIVED] = &n->received;
	to[NAT_DELIVERED] = &n->delivered;
	to[NAT_MALFORMED] = ledger_dropped(n, "malformed");
	to[NAT_UNKNOWN] = ledger_noted(n, "destroy_unknown");
	to[NAT_EVICTED] = ledger_noted(n, "aliases_evicted");
	to[NAT_VANISHED] = ledger_noted(n, "missing_in_dump");
	to[NAT_REPLACED] = ledger_noted(n, "replaced");
	to[REPORT_DUE] = &r->received;
	to[REPORT_DELIVERED] = &r->delivered;
	to[REPORT_NO_MEMORY] = ledger_dropped(r, "no_memory");
	s->pending = &f->pending;
	s->ring_lost = ledger_noted(f, "told_lost");
}

static void
tell_ledger(struct stream *s)
{
	const struct nat_counts *c = nat_counts(s->nat);
	uint64_t evicted = dedup_evicted(s->dedup);
	unsigned i;

	s->tally[NAT_MALFORMED] += c->malformed - s->nat_told.malformed;
	s->tally[NAT_UNKNOWN] += c->unknown - s->nat_told.unknown;
	s->tally[NAT_EVICTED] += c->evicted - s->nat_told.evicted;
	s->tally[NAT_VANISHED] += c->vanished - s->nat_told.vanished;
	s->tally[NAT_REPLACED] += c->replaced - s->nat_told.replaced;
	s->nat_told = *c;
	s->tally[FLOW_DATAGRAM_EVICTED] += evicted - s->evicted_told;
	s->evicted_told = evicted;
	s->tally[FLOW_HOLES] += s->pool.forgotten - s->holes_told;
	s->holes_told = s->pool.forgotten;
	for (i = 0; i < TALLIES; i++) {
		if (s->tally[i] == 0)
			continue;
		ledger_add(s->to[i], s->tally[i]);
		s->tally[i] = 0;
	}
	ledger_set(s->pending, defrag_pending(s->defrag));
}

/* Flows: reports and end. */

/* The connection that a flow is bound to, or NULL. */
static const struct nat_conn *
conn_of(const struct stream *s, const struct flow *f)
{
	const struct nat_conn *c;

	if (f->conn == NAT_NONE)
		return NULL;
	c = nat_conn(s->nat, f->conn);
	/* The slot may have been evicted and given to another. */
	return c->live && memcmp(&c->original, &f->key, sizeof(f->key)) == 0 ?
	    c : NULL;
}

static uint64_t
lost_during(const struct stream *s, const struct flow *f)
{
	uint64_t lost = 0;
	size_t i, n = s->n_losses < LOSSES ? s->n_losses : LOSSES;

	for (i = 0; i < n; i++)
		if (s->losses[i].when_ns >= f->first_ns)
			lost += s->losses[i].packets;
	return lost;
}

static void
report(struct stream *s, struct flow *f, bool final)
{
	struct report_env env = { .pipeline = s->pipeline,
	    .links = s->links, .conn = conn_of(s, f),
	    .lost = s->n_losses == 0 ? 0 : lost_during(s, f) };

	s->tally[REPORT_DUE]++;
	f->reported_ms = s->now_ms;
	if (report_flow(&env, f, final))
		s->tally[REPORT_DELIVERED]++;
	else
		s->tally[REPORT_NO_MEMORY]++;
}

static void
drop_flow(struct stream *s, uint32_t number)
{
	struct flow *f = flow_get(s->flows, number);

	if (conn_of(s, f) != NULL &&
	    nat_conn(s->nat, f->conn)->flow == number)
		nat_release(s->nat, f->conn, s->now_ms);
	flow_drop(s->flows, number, key_hash(&s->secret, &f->key));
}

static void
evict_flow(void *ctx, uint32_t number)
{
	struct stream *s = ctx;
	struct flow *f = flow_get(s->flows, number);

	if (!(f->bits & FLOW_BIT_ENDED)) {
		f->end = FLOW_END_EVICTED;
		report(s, f, true);
		s->tally[FLOW_EVICTED]++;
	}
	drop_flow(s, number);
}

static bool
is_closing(const struct flow *f)
{
	const uint16_t both = FLOW_BIT_FIN_ACKED(0) | FLOW_BIT_FIN_ACKED(1);

	return (f->bits & FLOW_BIT_RST) || (f->bits & both) == both ||
	    f->end == FLOW_END_REPLACED;
}

/* Every point has shown what the others have: no copy is outstanding. */
static bool
is_settled(struct flow *f)
{
	unsigned dir, p;

	for (dir = 0; dir < 2; dir++)
		for (p = 0; p < f->n_points; p++) {
			struct flow_point *at = flow_point(f, p);

			if (at->packets[dir] == 0)
				continue;
			if (at->bare[dir] != f->bare[dir] ||
			    ((f->begun[dir] & 1U << p) &&
			    at->next[dir] != f->next[dir]))
				return false;
		}
	return true;
}

static uint32_t
idle_limit(const struct stream *s, const struct flow *f)
{
	bool open = f->key.proto == IPPROTO_TCP && f->sum[0].packets != 0 &&
	    f->sum[1].packets != 0;

	return open ? s->idle_ms * 10 : s->idle_ms;
}

/* The final report. The flow stays for late copies. */
static void
finish(struct stream *s, uint32_t number, enum flow_end why)
{
	struct flow *f = flow_get(s->flows, number);

	f->end = (uint8_t)why;
	report(s, f, true);
	f->bits |= FLOW_BIT_ENDED;
	flow_set_precious(s->flows, number, false);
	flow_set_due(s->flows, number, f->active_ms + s->window_ms);
}

static enum flow_end
closing_reason(const struct flow *f)
{
	if (f->end == FLOW_END_REPLACED)
		return FLOW_END_REPLACED;
	return f->bits & FLOW_BIT_RST ? FLOW_END_RST : FLOW_END_FIN;
}

/* Does an open flow have enough news for a report now? */
static bool
has_news(const struct stream *s, const struct flow *f)
{
	uint64_t fresh = (uint64_t)f->delta_payload[0] + f->delta_payload[1];
	uint32_t since = s->now_ms - f->reported_ms;

	return (f->bits & FLOW_BIT_CHANGED) && (since >= s->period_ms ||
	    (since >= QUIET_MS && fresh >= (uint64_t)s->conf.report_bytes));
}

/* A closed connection goes on as long as packets come. */
static void
serve_closing(struct stream *s, uint32_t number, uint32_t idle)
{
	struct flow *f = flow_get(s->flows, number);
	uint32_t wait = is_settled(f) ? LINGER_MS : s->window_ms;

	if (idle >= wait) {
		finish(s, number, closing_reason(f));
		return;
	}
	if (has_news(s, f))
		report(s, f, false);
	flow_set_due(s->flows, number, f->active_ms +
	    (idle >= LINGER_MS ? wait : LINGER_MS));
}

static void
serve_open(struct stream *s, uint32_t number, uint32_t idle)
{
	struct flow *f = flow_get(s->flows, number);
	uint32_t limit = idle_limit(s, f), wait = s->period_ms;

	if (idle >= limit) {
		f->end = FLOW_END_IDLE;
		report(s, f, true);
		drop_flow(s, number);
		return;
	}
	if (f->reports == 0 || (f->bits & FLOW_BIT_CHANGED))
		report(s, f, false);
	if (limit - idle < wait)
		wait = limit - idle;
	flow_set_due(s->flows, number, s->now_ms + wait);
}

/* A flow whose time has come. */
static void
serve(struct stream *s, uint32_t number)
{
	struct flow *f = flow_get(s->flows, number);
	uint32_t idle = s->now_ms - f->active_ms;

	if (!(f->bits & FLOW_BIT_ENDED)) {
		if (is_closing(f))
			serve_closing(s, number, idle);
		else
			serve_open(s, number, idle);
	} else if (idle >= s->window_ms) {
		drop_flow(s, number);
	} else {
		flow_set_due(s->flows, number, f->active_ms + s->window_ms);
	}
}

static void
serve_due(struct stream *s)
{
	uint32_t number = FLOW_NONE;

	while ((number = flow_next_due(s->flows, number, s->now_ms)) !=
	    FLOW_NONE)
		serve(s, number);
}

/* Flows: look-up. */

struct found {
	uint32_t	flow;
	unsigned	direction;	/* of this packet in the flow */
};

static unsigned
flow_side(const struct flow *f)
{
	return f->bits & FLOW_BIT_SIDE ? 1 : 0;
}

/*
 * Guesses the initiator's side from one packet, for want of conntrack.
 * side: where the packet's source stands. *sure: the packet tells.
 */
static unsigned
guess_side(const struct decoded *d, unsigned side, bool *sure)
{
	uint16_t from = d->source.port, to = d->destination.port;

	*sure = true;
	if (d->proto == IPPROTO_TCP && (d->tcp_flags & DECODE_TCP_SYN))
		return d->tcp_flags & DECODE_TCP_ACK ? !side : side;
	if (d->icmp_query)
		return d->icmp_reply ? !side : side;
	*sure = false;
	if (d->proto != IPPROTO_TCP)
		return side;
	/* The middle of a connection: servers have low ports. */
	if ((from < 1024 && to >= 1024) || (from < 32768 && to >= 32768))
		return !side;
	return side;
}

static void
set_side(struct flow *f, unsigned side, bool sure)
{
	if (flow_side(f) != side && f->reports == 0 &&
	    !(f->bits & FLOW_BIT_SURE))
		flow_turn(f);
	if (sure && flow_side(f) == side)
		f->bits |= FLOW_BIT_SURE;
}

static uint32_t
make_flow(struct stream *s, const struct key *key, uint64_t hash,
    unsigned side, bool sure, struct wall when)
{
	uint32_t number = flow_make(s->flows, key, hash, s->now_ms);
	struct flow *f = flow_get(s->flows, number);

	f->first_ns = f->last_ns = when.ns;
	f->reported_ms = s->now_ms;
	f->bits = (uint16_t)((side ? FLOW_BIT_SIDE : 0) |
	    (sure ? FLOW_BIT_SURE : 0));
	flow_set_due(s->flows, number, s->now_ms + START_MS);
	s->tally[FLOW_MADE]++;
	return number;
}

/* The generation that a TCP packet belongs to; FLOW_NONE: a new one. */
static uint32_t
pick_generation(struct stream *s, uint32_t newest, unsigned side,
    const struct decoded *d)
{
	const uint8_t begin = DECODE_TCP_SYN | DECODE_TCP_ACK;
	uint32_t number;

	for (number = newest; number != FLOW_NONE;) {
		struct flow *f = flow_get(s->flows, number);

		if (count_tcp_fits(f, side != flow_side(f), d))
			return number;
		number = f->older;
	}
	if ((d->tcp_flags & begin) == DECODE_TCP_SYN)
		return FLOW_NONE;
	return newest;
}

static void
replace_flow(struct stream *s, uint32_t number)
{
	struct flow *f = flow_get(s->flows, number);

	if (f->bits & FLOW_BIT_ENDED)
		return;
	if (!is_closing(f))
		f->end = FLOW_END_REPLACED;
	flow_set_due(s->flows, number, s->now_ms + LINGER_MS);
}

/* The flow that a connection had last, if it is still that flow. */
static uint32_t
flow_of(const struct stream *s, const struct nat_conn *c)
{
	if (c->flow == FLOW_NONE ||
	    memcmp(&flow_get(s->flows, c->flow)->key, &c->original,
	    sizeof(c->original)) != 0)
		return FLOW_NONE;
	return c->flow;
}

/* A packet's place: connection, canonical tuple, side of its source. */
struct place {
	uint32_t		 conn;
	const struct key	*key;
	unsigned		 side;
	bool			 hashed;	/* hash is that of key */
	uint64_t		 hash;
};

static uint64_t
hash_of(const struct stream *s, struct place *p)
{
	if (!p->hashed) {
		p->hash = key_hash(&s->secret, p->key);
		p->hashed = true;
	}
	return p->hash;
}

static void
bind_conn(struct stream *s, uint32_t number, uint32_t conn)
{
	struct flow *f = flow_get(s->flows, number);

	if (f->conn != conn && conn_of(s, f) != NULL &&
	    nat_conn(s->nat, f->conn)->flow == number)
		nat_release(s->nat, f->conn, s->now_ms);
	f->conn = conn;
	nat_conn(s->nat, conn)->flow = number;
}

static uint32_t
make_generation(struct stream *s, struct place *p, const struct decoded *d,
    struct wall when)
{
	uint32_t number, older;
	bool sure = true;
	unsigned side;

	if (p->conn != NAT_NONE)
		side = nat_conn(s->nat, p->conn)->side[NAT_ORIGINAL];
	else
		side = guess_side(d, p->side, &sure);
	number = make_flow(s, p->key, hash_of(s, p), side, sure, when);
	older = flow_get(s->flows, number)->older;
	if (older != FLOW_NONE)
		replace_flow(s, older);
	if (p->conn != NAT_NONE)
		bind_conn(s, number, p->conn);
	return number;
}

/* The flow of a packet, made when there is none. */
static struct found
find_flow(struct stream *s, struct place *p, const struct decoded *d,
    struct wall when)
{
	bool syn = d->proto == IPPROTO_TCP && (d->tcp_flags & DECODE_TCP_SYN);
	struct nat_conn *conn = p->conn == NAT_NONE ? NULL :
	    nat_conn(s->nat, p->conn);
	uint32_t number = conn == NULL ? FLOW_NONE : flow_of(s, conn);
	bool bound = number != FLOW_NONE, sure = true;
	uint32_t newest;
	struct flow *f;
	unsigned side;

	if (number == FLOW_NONE || syn)
		number = flow_find(s->flows, p->key, hash_of(s, p));
	newest = number;
	if (number != FLOW_NONE && d->proto == IPPROTO_TCP &&
	    (syn || flow_get(s->flows, number)->older != FLOW_NONE))
		number = pick_generation(s, number, p->side, d);
	if (number == FLOW_NONE) {
		number = make_generation(s, p, d, when);
	} else {
		side = conn != NULL ? conn->side[NAT_ORIGINAL] :
		    guess_side(d, p->side, &sure);
		if (sure)
			set_side(flow_get(s->flows, number), side, true);
		if (conn != NULL && !bound && number == newest)
			bind_conn(s, number, p->conn);
	}
	f = flow_get(s->flows, number);
	return (struct found){ number, p->side != flow_side(f) };
}

/* Copies. */

struct copy {
	struct wall	when;
	uint32_t	ifindex;
	uint8_t		seen;
	uint32_t	copies;		/* captured: fragments */
};

static void
schedule(struct stream *s, uint32_t number, struct flow *f, uint64_t before)
{
	uint64_t fresh = (uint64_t)f->delta_payload[0] + f->delta_payload[1];
	uint32_t at;

	if (fresh >= DELTA_MAX) {
		report(s, f, false);
		return;
	}
	if (f->reports == 0 || before >= (uint64_t)s->conf.report_bytes ||
	    fresh < (uint64_t)s->conf.report_bytes)
		return;
	at = f->reported_ms + QUIET_MS;
	if ((int32_t)(at - s->now_ms) < 0)
		at = s->now_ms;
	flow_set_due(s->flows, number, at);
}

static void
add_new(struct stream *s, uint32_t number, unsigned dir,
    const struct decoded *d, const struct count_result *r)
{
	struct flow *f = flow_get(s->flows, number);
	uint64_t before = (uint64_t)f->delta_payload[0] + f->delta_payload[1];

	if (r->packet) {
		f->sum[dir].packets++;
		f->sum[dir].bytes += d->l3_len;
		f->delta_bytes[dir] += d->l3_len;
		if (f->sum[dir].packets == 1 && f->sum[!dir].packets != 0)
			flow_set_precious(s->flows, number, true);
	}
	f->sum[dir].payload += r->payload;
	f->delta_payload[dir] += r->payload;
	if (f->bits & FLOW_BIT_ENDED) {
		/* More than a late copy: it is not over. */
		f->bits &= (uint16_t)~FLOW_BIT_ENDED;
		if (f->end != FLOW_END_REPLACED)
			f->end = FLOW_END_NONE;
		flow_set_due(s->flows, number, s->now_ms + LINGER_MS);
	}
	schedule(s, number, f, before);
}

static void
touch(struct stream *s, struct flow *f, const struct copy *c)
{
	if (c->when.ns > f->last_ns)
		f->last_ns = c->when.ns;
	if (c->when.ns < f->first_ns && f->reports == 0)
		f->first_ns = c->when.ns;
	f->active_ms = s->now_ms;
	f->bits |= FLOW_BIT_CHANGED;
	if (c->seen == STREAM_SEEN_BROADCAST ||
	    c->seen == STREAM_SEEN_MULTICAST)
		f->bits |= FLOW_BIT_CAST;
}

/* Interface and, but for overheard packets, which way it went. */
static uint32_t
where_of(const struct copy *c, unsigned dir)
{
	bool out = (c->seen == STREAM_SEEN_OUTGOING) != (dir == 1);

	if (c->seen == STREAM_SEEN_OTHERHOST || !out)
		return c->ifindex & ~FLOW_POINT_OUT;
	return c->ifindex | FLOW_POINT_OUT;
}

static void
count_copy(struct stream *s, struct found found, const struct decoded *d,
    const struct copy *c, uint64_t inner)
{
	struct flow *f = flow_get(s->flows, found.flow);
	struct count_result r;
	unsigned dir = found.direction;
	unsigned point = flow_point_at(f, where_of(c, dir), dir);
	bool closing = is_closing(f);

	touch(s, f, c);
	if (point == FLOW_POINTS) {
		s->tally[FLOW_POINTS_FULL]++;
	} else {
		flow_point(f, point)->packets[dir] += c->copies;
		if (f->first_point[dir] == 0)
			f->first_point[dir] = (uint8_t)(point + 1);
	}
	if (d->proto == IPPROTO_TCP) {
		r = count_tcp(&s->pool, f, dir, point, d, &s->odd);
	} else {
		r = count_datagram(s->dedup, count_identity(&s->secret, f,
		    dir == 0 ? flow_side(f) : !flow_side(f), d, inner), f,
		    dir, point, d, s->now_ms);
	}
	s->tally[FLOW_AGAIN] += r.again;
	s->tally[FLOW_ODD] += r.odd;
	s->tally[FLOW_NEW] += r.packet;
	s->tally[FLOW_COPY] += !r.packet;
	s->tally[FLOW_DELIVERED] += c->copies;
	f->copies += c->copies - r.packet;
	if (r.packet || r.payload != 0)
		add_new(s, found.flow, dir, d, &r);
	if (!closing && is_closing(f))
		flow_set_due(s->flows, found.flow, s->now_ms + LINGER_MS);
}

/*
 * An ICMP error carries a packet of another flow. Its own ends are made
 * canonical with that flow's. Returns a hash of what it is about.
 */
static uint64_t
settle_error(struct stream *s, struct decoded *d, struct wall when)
{
	struct key_end source = d->inner_source, destination =
	    d->inner_destination;
	struct nat_match m;
	struct key key;
	uint64_t hash;
	unsigned side;

	side = key_make(&key, &source, &destination, d->family,
	    d->inner_proto);
	hash = key_hash(&s->secret, &key);
	m = nat_find(s->nat, &key, hash, side, false, when);
	if (m.conn != NAT_NONE) {
		const struct nat_conn *c = nat_conn(s->nat, m.conn);
		unsigned from = c->side[NAT_ORIGINAL] ^ m.direction;

		source = key_end_of(&c->original, from);
		destination = key_end_of(&c->original, !from);
		hash = key_hash(&s->secret, &c->original);
	}
	if (memcmp(d->destination.ip, d->inner_source.ip, 16) == 0)
		memcpy(d->destination.ip, source.ip, 16);
	if (memcmp(d->source.ip, d->inner_destination.ip, 16) == 0)
		memcpy(d->source.ip, destination.ip, 16);
	return hash ^ ((uint64_t)d->inner_id << 1 | 1);
}

static void
take_packet(struct stream *s, struct decoded *d, const struct copy *c)
{
	bool syn = d->proto == IPPROTO_TCP && (d->tcp_flags &
	    (DECODE_TCP_SYN | DECODE_TCP_ACK)) == DECODE_TCP_SYN;
	struct place p = { .conn = NAT_NONE, .hashed = true };
	struct nat_match m;
	uint64_t inner = 0;
	struct key key;

	if (d->inner)
		inner = settle_error(s, d, c->when);
	p.side = key_make(&key, &d->source, &d->destination, d->family,
	    d->proto);
	p.hash = key_hash(&s->secret, &key);
	p.key = &key;
	m.conn = NAT_NONE;
	if (!d->inner)
		m = nat_find(s->nat, &key, p.hash, p.side, syn, c->when);
	if (m.conn != NAT_NONE) {
		const struct nat_conn *conn = nat_conn(s->nat, m.conn);

		p.conn = m.conn;
		p.key = &conn->original;
		p.side = conn->side[NAT_ORIGINAL] ^ m.direction;
		p.hashed = m.which == NAT_ORIGINAL;
	}
	count_copy(s, find_flow(s, &p, d, c->when), d, c, inner);
}

static void
take_partial(void *ctx, const struct defrag_done *done, bool readable)
{
	struct copy c = { .when = done->when, .ifindex = done->ifindex,
	    .seen = done->seen, .copies = done->fragments };
	struct stream *s = ctx;
	struct decoded d = done->packet;

	if (!readable) {
		s->tally[FLOW_PARTIAL_UNREADABLE] += done->fragments;
		return;
	}
	s->tally[FLOW_PARTIAL]++;
	take_packet(s, &d, &c);
}

static void
take_fragment(struct stream *s, const struct decoded *fragment,
    const struct stream_packet *packet)
{
	struct defrag_done done;
	struct copy c;
	uint32_t lost;

	switch (defrag_add(s->defrag, fragment, packet->ifindex, packet->seen,
	    packet->when, s->now_ms, &done, &lost)) {
	case DEFRAG_WAITING:
		break;
	case DEFRAG_DONE:
		c = (struct copy){ .when = done.when, .ifindex = done.ifindex,
		    .seen = done.seen, .copies = done.fragments };
		take_packet(s, &done.packet, &c);
		break;
	case DEFRAG_BAD:
		s->tally[FLOW_BAD_FRAGMENT] += lost;
		break;
	case DEFRAG_NO_MEMORY:
		s->tally[FLOW_NO_MEMORY] += lost;
		break;
	}
}

void
stream_packet(struct stream *s, const struct stream_packet *packet)
{
	static const enum tally verdicts[DECODE_VERDICTS] = {
		[DECODE_OK] = DECODE_DELIVERED,
		[DECODE_ARP] = DECODE_ARP_SEEN,
		[DECODE_NON_IP] = DECODE_NON_IP_SEEN,
		[DECODE_TRUNCATED] = DECODE_CUT,
		[DECODE_BAD_HEADER] = DECODE_BAD,
		[DECODE_UNSUPPORTED] = DECODE_EXOTIC
	};
	struct copy c = { .when = packet->when, .ifindex = packet->ifindex,
	    .seen = packet->seen, .copies = 1 };
	enum decode_verdict verdict;
	struct decoded d;

	if (s->clock->driven || s->turn++ % CLOCK_TURN == 0)
		refresh(s);
	s->tally[DECODE_RECEIVED]++;
	verdict = decode_packet(packet->ethertype, packet->bytes, packet->len,
	    packet->wire_len, &d);
	s->tally[verdicts[verdict]]++;
	if (verdict == DECODE_ARP || verdict == DECODE_NON_IP)
		s->tally[DECODE_DELIVERED]++;
	if (verdict != DECODE_OK)
		return;
	s->tally[FLOW_RECEIVED]++;
	if (d.fragment)
		take_fragment(s, &d, packet);
	else
		take_packet(s, &d, &c);
}

/* Conntrack, links. */

/*
 * Copies that came before their alias was known made a flow of their own
 * under the translated tuple. It goes: the same packets are in the flow of
 * the original tuple.
 */
static void
end_stray(struct stream *s, const struct key *wire)
{
	uint64_t hash = key_hash(&s->secret, wire);
	uint32_t number = flow_find(s->flows, wire, hash);
	struct flow *f;

	if (number == FLOW_NONE)
		return;
	f = flow_get(s->flows, number);
	if (f->conn != NAT_NONE || (f->bits & FLOW_BIT_ENDED))
		return;
	s->tally[FLOW_STRAY]++;
	if (f->reports != 0) {
		f->end = FLOW_END_REPLACED;
		report(s, f, true);
	}
	drop_flow(s, number);
}

void
stream_nat(struct stream *s, const struct stream_nat *event)
{
	const struct nat_conn *c;
	uint32_t conn;

	refresh(s);
	s->tally[NAT_RECEIVED]++;
	conn = nat_event(s->nat, event, s->now_ms);
	if (nat_counts(s->nat)->malformed == s->nat_told.malformed +
	    s->tally[NAT_MALFORMED])
		s->tally[NAT_DELIVERED]++;
	if (conn == NAT_NONE)
		return;
	c = nat_conn(s->nat, conn);
	if (c->moved_source || c->moved_destination)
		end_stray(s, &c->wire);
}

void
stream_nat_dump(struct stream *s, bool begin)
{
	refresh(s);
	nat_dump(s->nat, begin, s->now_ms);
}

void
stream_link(struct stream *s, const struct stream_link *link)
{
	links_set(s->links, link);
}

void
stream_address(struct stream *s, const struct stream_address *address)
{
	(void)links_set_address(s->links, address);
}

const char *
stream_link_name(const struct stream *s, uint32_t ifindex)
{
	return links_name(s->links, ifindex);
}

void
stream_lost(struct stream *s, uint64_t packets)
{
	struct loss *loss = &s->losses[s->n_losses++ % LOSSES];

	loss->when_ns = mono_wall(s->clock).ns;
	loss->packets = packets;
	ledger_add(s->ring_lost, packets);
}

void
stream_tick(struct stream *s)
{
	refresh(s);
	defrag_tick(s->defrag, s->now_ms);
	dedup_tick(s->dedup, s->now_ms);
	serve_due(s);
	nat_tick(s->nat, s->now_ms);
	tell_ledger(s);
}

/* Life. */

struct stream *
stream_new(const struct stream_conf *conf, struct ledger *ledger,
    struct pipeline *pipeline, const struct mono_clock *clock)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conf = *conf;
	s->clock = clock;
	s->pipeline = pipeline;
	s->start_ns = mono_now(clock).ns;
	s->window_ms = (uint32_t)(conf->window_ns / MONO_MS);
	s->period_ms = (uint32_t)(conf->period_ns / MONO_MS);
	s->idle_ms = (uint32_t)(conf->idle_timeout_ns / MONO_MS);
	s->secret = hash_key_random();
	s->pool.limit = (size_t)conf->max_flows * HOLES_PER_FLOW;
	s->nat = nat_new((size_t)conf->max_aliases, s->window_ms + 1000,
	    &s->secret);
	s->dedup = dedup_new((size_t)conf->max_datagrams, s->window_ms);
	s->defrag = defrag_new(take_partial, s);
	s->flows = flow_table_new((size_t)conf->max_flows, &s->pool,
	    evict_flow, s);
	s->links = links_new();
	if (s->nat == NULL || s->dedup == NULL || s->defrag == NULL ||
	    s->flows == NULL || s->links == NULL) {
		nat_free(s->nat);
		dedup_free(s->dedup);
		defrag_free(s->defrag);
		flow_table_free(s->flows);
		links_free(s->links);
		free(s);
		errno = ENOMEM;
		return NULL;
	}
	bind_ledger(s, ledger);
	return s;
}

void
stream_free(struct stream *s)
{
	uint32_t number = FLOW_NONE;
	struct flow *f;

	if (s == NULL)
		return;
	refresh(s);
	defrag_flush(s->defrag);
	while ((number = flow_next(s->flows, number)) != FLOW_NONE) {
		f = flow_get(s->flows, number);
		if (f->bits & FLOW_BIT_ENDED)
			continue;
		f->end = is_closing(f) ? closing_reason(f) : FLOW_END_SHUTDOWN;
		report(s, f, true);
	}
	tell_ledger(s);
	defrag_free(s->defrag);
	dedup_free(s->dedup);
	nat_free(s->nat);
	flow_table_free(s->flows);
	links_free(s->links);
	free(s);
}

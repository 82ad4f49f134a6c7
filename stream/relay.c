/*
 * Every flow that ends at a place waits there as a possible A, and a flow
 * that begins at a place where one waits is a possible B. An A whose first
 * answer comes while nobody has opened a B is no relay and goes at once, which
 * keeps the table small on a host full of ordinary servers.
 */
#include "stream/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "stream/life.h"
#include "stream/report.h"

#define BUCKETS		1024
#define SERVICES	1024
#define MISS_NS		(600 * MONO_S)
#define KEEP_MS		10000	/* a flow that is gone, for its partner */
#define TICK_MS		1000

#define PLACE_NONE	0
#define PLACE_HOST	1
#define PLACE_FIRST	2	/* + netnsid */

enum role { ROLE_A, ROLE_B };

struct head {
	uint8_t		bytes[RELAY_HEAD];
	uint8_t		len;
	bool		closed;		/* what follows was not captured */
	uint32_t	order;		/* when it began; 0 not yet */
};

struct entry {
	bool		used, gone;	/* gone: the flow was freed */
	bool		taken;		/* a B names it, for certain */
	uint8_t		proto;
	uint16_t	port;		/* where A went */
	uint32_t	flow, serial;
	uint32_t	answered;	/* A: newest flow at that time */
	uint32_t	place[2];	/* by role; PLACE_NONE: not in it */
	uint16_t	next[2], prev[2];	/* index + 1, 0 none */
	int64_t		first_ns, entered_ns;
	uint32_t	entered;	/* in this order */
	uint32_t	gone_ms;
	struct head	head[2];	/* by direction */
	uint32_t	partner;	/* of an A: serial of the B; 0 none */
	struct relay_link link;		/* of a B */
	/* As the flow was when it went. */
	char		id[HASH_ID_TEXT];
	uint64_t	payload[2];
	uint16_t	bits;
};

/* A place and port that answered by itself; one a slot, the latest stays. */
struct service {
	uint32_t	place;
	uint16_t	port;
	uint8_t		proto;
	int64_t		when_ns;
};

struct relay {
	struct entry	*entries;	/* from index 1 */
	struct service	 services[SERVICES];
	uint16_t	*of_flow;	/* index by flow number */
	uint16_t	 newest[2][BUCKETS];
	uint16_t	 free[RELAY_MAX + 1];
	uint32_t	 n_free, top, hand, limit;
	uint32_t	 order, entered;
	int64_t		 doubt_ns;	/* latest stamp of what was missed */
	uint32_t	 ticked_ms;
};

struct relay *
relay_new(size_t max_flows, struct wall now)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->limit = max_flows < RELAY_MAX ? (uint32_t)max_flows : RELAY_MAX;
	r->entries = calloc(r->limit + 1, sizeof(*r->entries));
	r->of_flow = calloc(max_flows + 1, sizeof(*r->of_flow));
	if (r->entries == NULL || r->of_flow == NULL) {
		relay_free(r);
		errno = ENOMEM;
		return NULL;
	}
	r->hand = 1;
	/* Connections that were open before may be relayed by what comes. */
	r->doubt_ns = now.ns;
	return r;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	free(r->entries);
	free(r->of_flow);
	free(r);
}

/* Lists by place, newest first. */

static uint16_t *
bucket(struct relay *r, enum role role, uint32_t place)
{
	return &r->newest[role][place % BUCKETS];
}

static void
enlist(struct relay *r, uint16_t at, enum role role, uint32_t place)
{
	struct entry *e = &r->entries[at];
	uint16_t *first = bucket(r, role, place);

	e->place[role] = place;
	e->prev[role] = 0;
	e->next[role] = *first;
	if (*first != 0)
		r->entries[*first].prev[role] = at;
	*first = at;
}

static void
delist(struct relay *r, uint16_t at, enum role role)
{
	struct entry *e = &r->entries[at];

	if (e->place[role] == PLACE_NONE)
		return;
	if (e->prev[role] != 0)
		r->entries[e->prev[role]].next[role] = e->next[role];
	else
		*bucket(r, role, e->place[role]) = e->next[role];
	if (e->next[role] != 0)
		r->entries[e->next[role]].prev[role] = e->prev[role];
	e->place[role] = PLACE_NONE;
}

static void
release(struct tracker *t, uint16_t at)
{
	struct relay *r = t->relay;
	struct entry *e = &r->entries[at];

	delist(r, at, ROLE_A);
	delist(r, at, ROLE_B);
	if (!e->gone) {
		flow_get(t->flows, e->flow)->bits &=
		    (uint16_t)~FLOW_BIT_RELAY;
		r->of_flow[e->flow] = 0;
	}
	memset(e, 0, sizeof(*e));
	r->free[r->n_free++] = at;
}

/* The hand goes round; who waits longest stands there, more or less. It could
 * have been a rival of whatever began after it. */
static void
evict(struct tracker *t)
{
	struct relay *r = t->relay;
	const struct entry *e = &r->entries[r->hand];

	t->tally.n[TALLY_RELAY_EVICTED]++;
	if (r->doubt_ns < e->first_ns)
		r->doubt_ns = e->first_ns;
	release(t, (uint16_t)r->hand);
	r->hand = r->hand == r->limit ? 1 : r->hand + 1;
}

/* Places. */

/* The namespace behind a veth of the path; out: where packets of the
 * initiator leave. */
static uint32_t
place_behind(struct tracker *t, struct flow *f, bool out)
{
	const struct stream_link *link;
	unsigned p;

	for (p = 0; p < f->n_points; p++) {
		uint32_t where = flow_point(f, p)->where;

		if (((where & FLOW_POINT_OUT) != 0) != out)
			continue;
		link = links_get(t->links, where & ~FLOW_POINT_OUT);
		if (link != NULL && link->kind == STREAM_LINK_VETH &&
		    !link->uplink && link->peer_netns >= 0)
			return (uint32_t)link->peer_netns + PLACE_FIRST;
	}
	return PLACE_NONE;
}

static uint32_t
find_place(struct tracker *t, struct flow *f, enum role role)
{
	unsigned side = tracker_side(f) ^ (role == ROLE_A ? 1U : 0U);
	const struct nat_conn *conn = tracker_conn(t, f);
	struct ipaddr ip = key_ip(&f->key, side);
	uint32_t place = place_behind(t, f, role == ROLE_A);

	if (place != PLACE_NONE ||
	    (role == ROLE_A && conn != NULL && conn->moved_destination))
		return place;
	return links_is_host(t->links, &ip) ? PLACE_HOST : PLACE_NONE;
}

/* The port where it ends. */
static uint16_t
port_of(struct tracker *t, struct flow *f)
{
	const struct nat_conn *conn = tracker_conn(t, f);

	return conn == NULL ? f->key.port[!tracker_side(f)] :
	    conn->wire.port[!conn->side[NAT_WIRE]];
}

static uint16_t
make_entry(struct tracker *t, uint32_t number)
{
	struct relay *r = t->relay;
	struct flow *f = flow_get(t->flows, number);
	struct entry *e;
	uint16_t at;

	if (r->doubt_ns == 0)
		r->doubt_ns = f->first_ns;
	if (r->n_free == 0 && r->top == r->limit)
		evict(t);
	at = r->n_free != 0 ? r->free[--r->n_free] : (uint16_t)++r->top;
	e = &r->entries[at];
	memset(e, 0, sizeof(*e));
	e->used = true;
	e->flow = number;
	e->serial = f->serial;
	e->proto = f->key.proto;
	e->port = port_of(t, f);
	e->answered = flow_latest(t->flows);
	e->first_ns = f->first_ns;
	e->entered_ns = f->last_ns;
	e->entered = ++r->entered;
	f->bits |= FLOW_BIT_RELAY;
	r->of_flow[number] = at;
	return at;
}

static bool
is_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static bool
in_window(const struct entry *a, const struct entry *b)
{
	return a->proto == b->proto && is_after(b->serial, a->answered) &&
	    b->first_ns - a->first_ns <= RELAY_WINDOW_MS * MONO_MS;
}

/*
 * The lists stand in the order of entering. An A further down came in too
 * long ago for this B; a B further down came in before this A did.
 */
static bool
is_last_a(const struct entry *a, const struct entry *b)
{
	return b->first_ns - a->entered_ns > RELAY_WINDOW_MS * MONO_MS;
}

static bool
is_last_b(const struct entry *b, const struct entry *a)
{
	return is_after(a->entered, b->entered);
}

/* Does anybody wait at this place for what this flow may carry on? */
static bool
is_awaited(struct relay *r, uint32_t place, const struct entry *b)
{
	uint16_t at = *bucket(r, ROLE_A, place);

	for (; at != 0; at = r->entries[at].next[ROLE_A]) {
		const struct entry *a = &r->entries[at];

		if (a->place[ROLE_A] == place && in_window(a, b))
			return true;
		if (is_last_a(a, b))
			return false;
	}
	return false;
}

static bool
has_followers(struct relay *r, const struct entry *a)
{
	uint16_t at = *bucket(r, ROLE_B, a->place[ROLE_A]);

	for (; at != 0; at = r->entries[at].next[ROLE_B]) {
		const struct entry *b = &r->entries[at];

		if (is_last_b(b, a))
			return false;
		if (b->place[ROLE_B] == a->place[ROLE_A] && in_window(a, b))
			return true;
	}
	return false;
}

static void
enter(struct tracker *t, uint32_t number)
{
	struct flow *f = flow_get(t->flows, number);
	struct entry probe = { .serial = f->serial, .proto = f->key.proto,
	    .first_ns = f->first_ns };
	uint32_t from = find_place(t, f, ROLE_B), to = find_place(t, f,
	    ROLE_A);
	uint16_t at;

	if (from != PLACE_NONE && !is_awaited(t->relay, from, &probe))
		from = PLACE_NONE;
	if (from == PLACE_NONE && to == PLACE_NONE)
		return;
	at = make_entry(t, number);
	if (from != PLACE_NONE)
		enlist(t->relay, at, ROLE_B, from);
	if (to != PLACE_NONE)
		enlist(t->relay, at, ROLE_A, to);
}

void
relay_answered(struct tracker *t, uint32_t number)
{
	const uint16_t begun = FLOW_BIT_SYN(0) | FLOW_BIT_SYN(1);
	struct flow *f = flow_get(t->flows, number);

	if ((f->bits & begun) == begun && !(f->bits & FLOW_BIT_RELAY))
		enter(t, number);
}

void
relay_datagram(struct tracker *t, uint32_t number, const struct decoded *d)
{
	struct flow *f = flow_get(t->flows, number);

	if ((f->bits & (FLOW_BIT_RELAY | FLOW_BIT_CAST)) ||
	    f->sum[0].packets != 1)
		return;
	enter(t, number);
	if (f->bits & FLOW_BIT_RELAY)
		relay_payload(t, number, 0, d);
}

/* Services. */

static struct service *
service_of(struct relay *r, const struct entry *a)
{
	return &r->services[(a->place[ROLE_A] * 31 + a->port) % SERVICES];
}

/* This A was answered and nobody carried it on. */
static void
note_miss(struct relay *r, const struct entry *a)
{
	*service_of(r, a) = (struct service){ .place = a->place[ROLE_A],
	    .port = a->port, .proto = a->proto, .when_ns = a->first_ns };
}

static bool
answers_itself(struct relay *r, const struct entry *a)
{
	const struct service *s = service_of(r, a);

	return s->place == a->place[ROLE_A] && s->port == a->port &&
	    s->proto == a->proto && a->first_ns - s->when_ns < MISS_NS;
}

/* Heads. */

static void
add_head(struct relay *r, struct head *h, uint32_t offset,
    const struct decoded *d)
{
	size_t skip, n;

	if (h->order == 0)
		h->order = ++r->order;
	if (h->closed || offset > h->len) {
		h->closed = true;
		return;
	}
	skip = h->len - offset;
	n = skip < d->captured ? d->captured - skip : 0;
	if (n > (size_t)(RELAY_HEAD - h->len))
		n = RELAY_HEAD - h->len;
	memcpy(h->bytes + h->len, d->payload + skip, n);
	h->len += (uint8_t)n;
	h->closed = h->len == RELAY_HEAD || d->captured < d->payload_len;
}

void
relay_payload(struct tracker *t, uint32_t number, unsigned dir,
    const struct decoded *d)
{
	struct flow *f = flow_get(t->flows, number);
	struct relay *r = t->relay;
	uint16_t at = r->of_flow[number];
	struct entry *e = &r->entries[at];
	bool first = e->head[dir].order == 0;

	if (d->proto == IPPROTO_TCP) {
		add_head(r, &e->head[dir], d->seq + (d->tcp_flags &
		    DECODE_TCP_SYN ? 1 : 0) - f->base[dir], d);
	} else {
		add_head(r, &e->head[dir], 0, d);
		e->head[dir].closed = true;
	}
	if (!first || dir == 0 || e->place[ROLE_A] == PLACE_NONE)
		return;
	/* It was answered: whoever carries it on has been seen. */
	if (has_followers(r, e))
		return;
	note_miss(r, e);
	delist(r, at, ROLE_A);
	if (e->place[ROLE_B] == PLACE_NONE)
		release(t, at);
}

/* Judging. */

static uint64_t
payload_of(struct tracker *t, const struct entry *e, unsigned dir)
{
	return e->gone ? e->payload[dir] :
	    flow_get(t->flows, e->flow)->sum[dir].payload;
}

static uint16_t
bits_of(struct tracker *t, const struct entry *e)
{
	return e->gone ? e->bits : flow_get(t->flows, e->flow)->bits;
}

static bool
is_same_head(const struct head *a, const struct head *b)
{
	return memcmp(a->bytes, b->bytes, a->len < b->len ? a->len :
	    b->len) == 0;
}

/* Did this direction come to its end at both without a reset? */
static bool
both_ended(struct tracker *t, const struct entry *a, const struct entry *b,
    unsigned dir)
{
	uint16_t both = bits_of(t, a) & bits_of(t, b);

	return (both & FLOW_BIT_FIN(dir)) &&
	    !((bits_of(t, a) | bits_of(t, b)) & FLOW_BIT_RST);
}

/* One direction from `first`, where it comes to the relay, to `then`. */
static bool
carries(struct tracker *t, const struct entry *first, const struct entry *then,
    unsigned dir)
{
	const struct head *from = &first->head[dir], *to = &then->head[dir];
	uint64_t came = payload_of(t, first, dir);
	uint64_t went = payload_of(t, then, dir);

	if (to->order != 0 && (from->order == 0 ||
	    is_after(from->order, to->order)))
		return false;
	if (went > came || (went != came && both_ended(t, first, then, dir)))
		return false;
	return is_same_head(from, to);
}

static bool
fits(struct tracker *t, const struct entry *a, const struct entry *b)
{
	if (!in_window(a, b) ||
	    (a->head[0].order == 0 && b->head[1].order == 0))
		return false;
	return carries(t, a, b, 0) && carries(t, b, a, 1);
}

static bool
is_counted(struct tracker *t, const struct entry *a, const struct entry *b,
    bool final)
{
	bool ended = a->proto == IPPROTO_TCP ? both_ended(t, a, b, 0) &&
	    both_ended(t, a, b, 1) : final;

	return ended && payload_of(t, a, 0) == payload_of(t, b, 0) &&
	    payload_of(t, a, 1) == payload_of(t, b, 1);
}

static bool
is_compared(const struct entry *a, const struct entry *b)
{
	unsigned dir;

	for (dir = 0; dir < 2; dir++)
		if (a->head[dir].len < RELAY_SURE ||
		    b->head[dir].len < RELAY_SURE)
			return false;
	return true;
}

struct choice {
	uint16_t	at;		/* of the A, 0 none */
	unsigned	n;		/* how many fit */
};

static struct choice
choose(struct tracker *t, uint16_t b_at)
{
	struct relay *r = t->relay;
	struct entry *b = &r->entries[b_at];
	uint16_t at = *bucket(r, ROLE_A, b->place[ROLE_B]);
	struct choice c = { 0, 0 };

	for (; at != 0; at = r->entries[at].next[ROLE_A]) {
		struct entry *a = &r->entries[at];

		if (a->place[ROLE_A] == b->place[ROLE_B] && at != b_at &&
		    (!a->taken || a->partner == b->serial) && fits(t, a, b)) {
			c.n++;
			if (c.at == 0 || a->partner == 0 ||
			    a->partner == b->serial)
				c.at = at;
		}
		if (is_last_a(a, b))
			break;
	}
	return c;
}

static bool
has_rival(struct tracker *t, uint16_t a_at, uint16_t b_at)
{
	struct relay *r = t->relay;
	struct entry *a = &r->entries[a_at];
	uint16_t at = *bucket(r, ROLE_B, a->place[ROLE_A]);

	for (; at != 0; at = r->entries[at].next[ROLE_B]) {
		struct entry *b = &r->entries[at];

		if (is_last_b(b, a))
			return false;
		if (at != b_at && b->place[ROLE_B] == a->place[ROLE_A] &&
		    b->link.confidence != RELAY_HIGH && fits(t, a, b))
			return true;
	}
	return false;
}

/* Was anything missed from the window before it on? */
static bool
is_doubtful(const struct tracker *t, const struct entry *a)
{
	int64_t since = a->first_ns - RELAY_WINDOW_MS * MONO_MS;
	size_t i;

	for (i = 0; i < t->n_losses && i < TRACKER_LOSSES; i++)
		if (t->losses[i].when_ns >= since)
			return true;
	return t->relay->doubt_ns >= since;
}

static enum relay_confidence
judge(struct tracker *t, struct choice c, uint16_t b_at, bool final)
{
	struct relay *r = t->relay;
	const struct entry *a = &r->entries[c.at], *b = &r->entries[b_at];

	if (c.n > 1 || has_rival(t, c.at, b_at))
		return RELAY_LOW;
	if (is_doubtful(t, a) || answers_itself(t->relay, a))
		return RELAY_MEDIUM;
	if (a->head[1].order == 0 && !(bits_of(t, a) & FLOW_BIT_FIN(1)))
		return RELAY_MEDIUM;
	return is_counted(t, a, b, final) || is_compared(a, b) ? RELAY_HIGH :
	    RELAY_MEDIUM;
}

static void
name_of(struct tracker *t, const struct entry *e, char id[static HASH_ID_TEXT])
{
	if (e->gone)
		memcpy(id, e->id, HASH_ID_TEXT);
	else
		report_flow_id(flow_get(t->flows, e->flow), id);
}

/* The A that this B names, 0 when it is forgotten. */
static uint16_t
partner_of(struct relay *r, const struct entry *b)
{
	uint16_t at = *bucket(r, ROLE_A, b->place[ROLE_B]);

	while (at != 0 && r->entries[at].partner != b->serial)
		at = r->entries[at].next[ROLE_A];
	return at;
}

static void
part(struct relay *r, struct entry *b)
{
	uint16_t at = partner_of(r, b);

	if (at != 0) {
		r->entries[at].partner = 0;
		r->entries[at].taken = false;
	}
	b->link = (struct relay_link){ .confidence = RELAY_NONE };
}

/* It is nobody's rival in this role any more. */
static void
settle(struct tracker *t, uint16_t at, enum role role)
{
	delist(t->relay, at, role);
	if (t->relay->entries[at].place[!role] == PLACE_NONE)
		release(t, at);
}

struct relay_link
relay_find(struct tracker *t, uint32_t number, bool final)
{
	struct relay *r = t->relay;
	uint16_t at = r->of_flow[number];
	struct entry *b = &r->entries[at], *a;
	struct relay_link link;
	struct choice c;

	if (at == 0 || b->place[ROLE_B] == PLACE_NONE)
		return b->link;		/* entry 0 has none */
	/* Its A may be forgotten; what was certain stays true. */
	if (b->link.confidence == RELAY_HIGH && partner_of(r, b) == 0)
		return b->link;
	part(r, b);
	c = choose(t, at);
	if (c.at == 0)
		return b->link;
	a = &r->entries[c.at];
	b->link.confidence = judge(t, c, at, final);
	b->link.counted = is_counted(t, a, b, final);
	name_of(t, a, b->link.id);
	a->partner = b->serial;
	a->taken = b->link.confidence == RELAY_HIGH;
	t->tally.n[TALLY_RELAY_LINKED] += final;
	if (!final || !a->taken)
		return b->link;
	link = b->link;
	settle(t, c.at, ROLE_A);
	settle(t, at, ROLE_B);
	return link;
}

/* Ends. */

void
relay_forget(struct tracker *t, uint32_t number)
{
	struct relay *r = t->relay;
	struct flow *f = flow_get(t->flows, number);
	uint16_t at = r->of_flow[number];
	struct entry *e = &r->entries[at];
	unsigned dir;

	if (at == 0)
		return;
	r->of_flow[number] = 0;
	report_flow_id(f, e->id);
	for (dir = 0; dir < 2; dir++)
		e->payload[dir] = f->sum[dir].payload;
	e->bits = f->bits;
	e->gone = true;
	e->gone_ms = t->now_ms;
	if (e->place[ROLE_A] != PLACE_NONE && e->partner == 0 &&
	    f->sum[1].payload != 0)
		note_miss(r, e);
	if (e->place[ROLE_B] == PLACE_NONE && !has_followers(r, e))
		release(t, at);
}

void
relay_tick(struct tracker *t)
{
	struct relay *r = t->relay;
	uint32_t at;

	if (t->now_ms - r->ticked_ms < TICK_MS)
		return;
	r->ticked_ms = t->now_ms;
	for (at = 1; at <= r->top; at++)
		if (r->entries[at].used && r->entries[at].gone &&
		    t->now_ms - r->entries[at].gone_ms >= KEEP_MS)
			release(t, (uint16_t)at);
}

const char *
relay_confidence_name(enum relay_confidence confidence)
{
	static const char *const names[] = {
		[RELAY_NONE] = "none", [RELAY_LOW] = "low",
		[RELAY_MEDIUM] = "medium", [RELAY_HIGH] = "high"
	};

	return names[confidence];
}

#include "stream/place.h"

#include <netinet/in.h>

#include "stream/count.h"
#include "stream/life.h"

/* Beyond any window: the packet is not of this flow. */
#define OWNER_REACH	(UINT64_C(1) << 28)

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

/* The initiator's side was a guess: does this packet of it tell? */
static void
learn_side(struct flow *f, const struct nat_conn *conn, unsigned from,
    const struct decoded *d)
{
	bool sure = true;
	unsigned side = conn != NULL ? conn->side[NAT_ORIGINAL] :
	    guess_side(d, from, &sure);

	if (!sure)
		return;
	if (tracker_side(f) != side && f->reports == 0)
		flow_turn(f);
	if (tracker_side(f) == side)
		f->bits |= FLOW_BIT_SURE;
}

static uint64_t
hash_of(const struct tracker *t, struct place *p)
{
	if (!p->hashed) {
		p->hash = key_hash(&t->secret, p->key);
		p->hashed = true;
	}
	return p->hash;
}

static uint32_t
make_flow(struct tracker *t, struct place *p, unsigned side, bool sure,
    struct wall when)
{
	uint32_t number = flow_make(t->flows, p->key, hash_of(t, p), p->from,
	    t->now_ms);
	struct flow *f = flow_get(t->flows, number);

	f->first_ns = f->last_ns = when.ns;
	f->reported_ms = t->now_ms;
	f->bits = (uint16_t)((side ? FLOW_BIT_SIDE : 0) |
	    (sure ? FLOW_BIT_SURE : 0));
	flow_set_due(t->flows, number, t->now_ms + LIFE_START_MS);
	t->tally.n[TALLY_FLOW_MADE]++;
	return number;
}

/*
 * The generation that a TCP packet belongs to; FLOW_NONE: a new one. A late
 * copy of an older one often fits a newer one, whose window could be that
 * large: it is the older one's, when it is close to what that one has shown
 * and not to what the newer one has.
 */
static uint32_t
pick_generation(struct tracker *t, uint32_t newest, unsigned side,
    const struct decoded *d)
{
	const uint8_t begin = DECODE_TCP_SYN | DECODE_TCP_ACK;
	uint32_t number, fits = FLOW_NONE;

	for (number = newest; number != FLOW_NONE;) {
		struct flow *f = flow_get(t->flows, number);
		unsigned dir = side != tracker_side(f);

		if (count_tcp_fits(f, dir, d)) {
			if (count_tcp_is_close(f, dir, d))
				return number;
			if (fits == FLOW_NONE)
				fits = number;
		}
		number = f->older;
	}
	if (fits != FLOW_NONE)
		return fits;
	if ((d->tcp_flags & begin) == DECODE_TCP_SYN)
		return FLOW_NONE;
	return newest;
}

/* The flow that a connection had last, if it is still that flow. */
static uint32_t
flow_of(const struct tracker *t, const struct nat_conn *c)
{
	if (c->flow == FLOW_NONE ||
	    !key_equal(&flow_get(t->flows, c->flow)->key, &c->original))
		return FLOW_NONE;
	return c->flow;
}

static void
bind_conn(struct tracker *t, uint32_t number, uint32_t conn)
{
	struct flow *f = flow_get(t->flows, number);

	if (f->conn != conn && tracker_conn(t, f) != NULL &&
	    nat_conn(t->nat, f->conn)->flow == number)
		nat_release(t->nat, f->conn, t->now_ms);
	f->conn = conn;
	nat_conn(t->nat, conn)->flow = number;
	if (flow_is_precious(t->flows, number))
		nat_conn(t->nat, conn)->precious = true;
}

static uint32_t
make_generation(struct tracker *t, struct place *p, const struct decoded *d,
    struct wall when)
{
	uint32_t number, older;
	bool sure = true;
	unsigned side;

	if (p->conn != NAT_NONE)
		side = nat_conn(t->nat, p->conn)->side[NAT_ORIGINAL];
	else
		side = guess_side(d, p->side, &sure);
	number = make_flow(t, p, side, sure, when);
	older = flow_get(t->flows, number)->older;
	if (older != FLOW_NONE) {
		life_replace(t, older);
		life_thin_out(t, number);
	}
	if (p->conn != NAT_NONE)
		bind_conn(t, number, p->conn);
	return number;
}

/*
 * On the original tuple the generations of one flow decide. A translated copy
 * comes after the original one, so an owner without a flow is not meant.
 */
struct nat_match
place_owner(struct tracker *t, const struct key *key, uint64_t hash,
    unsigned side, const struct decoded *d, struct nat_match found)
{
	struct nat_match owners[NAT_OWNERS];
	size_t n = nat_owners(t->nat, key, hash, side, owners, NAT_OWNERS), i;
	/* A SYN begins somewhere: nearly its number is another connection. */
	uint64_t best = d->tcp_flags & DECODE_TCP_SYN ? 1 : OWNER_REACH, far;
	uint32_t number;

	for (i = 0; i < n; i++) {
		number = flow_of(t, nat_conn(t->nat, owners[i].conn));
		if (number == FLOW_NONE)
			continue;
		far = count_tcp_distance(flow_get(t->flows, number),
		    owners[i].direction, d);
		if (far >= best)
			continue;
		best = far;
		found = owners[i];
	}
	return found;
}

struct place_found
place_find(struct tracker *t, struct place *p, const struct decoded *d,
    struct wall when)
{
	bool syn = d->proto == IPPROTO_TCP && (d->tcp_flags & DECODE_TCP_SYN);
	struct nat_conn *conn = p->conn == NAT_NONE ? NULL :
	    nat_conn(t->nat, p->conn);
	uint32_t number = conn == NULL ? FLOW_NONE : flow_of(t, conn);
	bool bound = number != FLOW_NONE;
	uint32_t newest;
	struct flow *f;

	if (number == FLOW_NONE || syn)
		number = flow_find(t->flows, p->key, hash_of(t, p));
	newest = number;
	if (number != FLOW_NONE && d->proto == IPPROTO_TCP &&
	    (syn || flow_get(t->flows, number)->older != FLOW_NONE))
		number = pick_generation(t, number, p->side, d);
	if (number == FLOW_NONE) {
		number = make_generation(t, p, d, when);
	} else {
		f = flow_get(t->flows, number);
		if (!(f->bits & FLOW_BIT_SURE))
			learn_side(f, conn, p->side, d);
		if (conn != NULL && !bound && number == newest)
			bind_conn(t, number, p->conn);
	}
	f = flow_get(t->flows, number);
	return (struct place_found){ number, p->side != tracker_side(f) };
}

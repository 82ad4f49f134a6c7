/*
 * Connections stand in one array, allocated at once but only touched as far
 * as it is used. due[] runs beside it, so that a tick reads four bytes for
 * each connection. A list links them by age; one that is precious goes to its
 * young end when it would have to be evicted.
 */
#include "stream/nat.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "stream/decode.h"
#include "stream/slots.h"

#define NOT_DUE		0	/* times wrap after 49 days */
#define CHANCES		64	/* for precious ones, at one eviction */
#define LINE		64	/* bytes of a line of cache */
#define TUPLES_EACH	2	/* in the index; three are rare */

struct nat {
	void			*memory;
	struct nat_conn		*conns;		/* in it, at a line of cache */
	uint32_t		*due;		/* ms; NOT_DUE */
	uint32_t		*free;		/* stack of freed numbers */
	uint32_t		 n_free, top, limit;
	uint32_t		 oldest, newest;	/* number + 1 */
	uint32_t		 order;
	uint32_t		 linger_ms;
	uint8_t			 generation;
	bool			 dumping;
	size_t			 count;
	struct slots		 slots;
	struct hash_key		 secret;
	struct nat_counts	 counts;
};

static struct nat_conn *
align(void *memory)
{
	uintptr_t at = (uintptr_t)memory;

	return (struct nat_conn *)((at + LINE - 1) / LINE * LINE);
}

struct nat *
nat_new(size_t limit, uint32_t linger_ms, const struct hash_key *secret)
{
	struct nat *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->limit = (uint32_t)limit;
	n->linger_ms = linger_ms;
	n->secret = *secret;
	n->memory = calloc(limit + 1, sizeof(*n->conns));
	n->conns = align(n->memory);
	n->due = calloc(limit, sizeof(*n->due));
	n->free = calloc(limit, sizeof(*n->free));
	if (n->memory == NULL || n->due == NULL || n->free == NULL ||
	    slots_init(&n->slots, limit * TUPLES_EACH +
	    NAT_TUPLES) != 0) {
		nat_free(n);
		errno = ENOMEM;
		return NULL;
	}
	return n;
}

void
nat_free(struct nat *n)
{
	if (n == NULL)
		return;
	slots_fini(&n->slots);
	free(n->memory);
	free(n->due);
	free(n->free);
	free(n);
}

struct nat_conn *
nat_conn(const struct nat *n, uint32_t conn)
{
	return &n->conns[conn - 1];
}

static bool
both_moved(const struct nat_conn *c)
{
	return c->moved_source && c->moved_destination;
}

/* Original source, translated destination. */
static unsigned
half_key(const struct nat_conn *c, struct key *half)
{
	struct key_end from = key_end_of(&c->original, c->side[NAT_ORIGINAL]);
	struct key_end to = key_end_of(&c->wire, !c->side[NAT_WIRE]);

	return key_make(half, &from, &to, c->original.family,
	    c->original.proto, 0);
}

/* The tuples that stand in the index. */
static bool
tuple_of(const struct nat_conn *c, enum nat_which which, struct key *key)
{
	switch (which) {
	case NAT_ORIGINAL:
		*key = c->original;
		return true;
	case NAT_WIRE:
		*key = c->wire;
		return c->moved_source || c->moved_destination;
	case NAT_HALF:
	default:
		(void)half_key(c, key);
		return both_moved(c);
	}
}

static void
index_conn(struct nat *n, uint32_t number, bool add)
{
	enum nat_which which;
	struct key key;

	for (which = 0; which < NAT_TUPLES; which++) {
		uint64_t hash;

		if (!tuple_of(&n->conns[number], which, &key))
			continue;
		hash = key_hash(&n->secret, &key);
		if (add)
			slots_add(&n->slots, hash,
			    number * NAT_TUPLES + which);
		else
			(void)slots_remove(&n->slots, hash,
			    number * NAT_TUPLES + which);
	}
}

/* As the newest. */
static void
link_conn(struct nat *n, uint32_t conn)
{
	struct nat_conn *c = nat_conn(n, conn);

	c->newer = NAT_NONE;
	c->older = n->newest;
	if (n->newest != NAT_NONE)
		nat_conn(n, n->newest)->newer = conn;
	else
		n->oldest = conn;
	n->newest = conn;
}

static void
unlink_conn(struct nat *n, uint32_t conn)
{
	const struct nat_conn *c = nat_conn(n, conn);

	if (c->older != NAT_NONE)
		nat_conn(n, c->older)->newer = c->newer;
	else
		n->oldest = c->newer;
	if (c->newer != NAT_NONE)
		nat_conn(n, c->newer)->older = c->older;
	else
		n->newest = c->older;
}

static void
drop_conn(struct nat *n, uint32_t number)
{
	index_conn(n, number, false);
	unlink_conn(n, number + 1);
	n->conns[number].live = false;
	n->due[number] = NOT_DUE;
	n->free[n->n_free++] = number;
	n->count--;
}

/* Makes room. */
static void
evict(struct nat *n)
{
	uint32_t conn;
	unsigned i;

	for (i = 0; i < CHANCES; i++) {
		conn = n->oldest;
		if (!nat_conn(n, conn)->precious || nat_conn(n, conn)->dead)
			break;
		unlink_conn(n, conn);
		link_conn(n, conn);
	}
	conn = n->oldest;
	n->counts.evicted += !nat_conn(n, conn)->dead;
	drop_conn(n, conn - 1);
}

static uint32_t
take_slot(struct nat *n)
{
	while ((n->n_free == 0 && n->top == n->limit) ||
	    slots_room(&n->slots) < NAT_TUPLES)
		evict(n);
	n->count++;
	return n->n_free != 0 ? n->free[--n->n_free] : n->top++;
}

static bool
is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static bool
make_tuple(struct key *key, const struct ipaddr *from, uint16_t from_port,
    const struct ipaddr *to, uint16_t to_port, uint8_t proto, uint8_t *side)
{
	struct key_end a = { .port = from_port }, b = { .port = to_port };

	if (from->family != to->family ||
	    (from->family != 4 && from->family != 6))
		return false;
	memcpy(a.ip, from->bytes, sizeof(a.ip));
	memcpy(b.ip, to->bytes, sizeof(b.ip));
	if (is_icmp(proto))
		b.port = DECODE_ASKED;
	*side = (uint8_t)key_make(key, &a, &b, from->family, proto, 0);
	return true;
}

static bool
fill(struct nat_conn *c, const struct stream_nat *e)
{
	const struct stream_tuple *o = &e->original, *r = &e->reply;

	/* reply runs the other way: its destination is who began. */
	if (!make_tuple(&c->original, &o->source, o->source_port,
	    &o->destination, o->destination_port, e->proto,
	    &c->side[NAT_ORIGINAL]) ||
	    !make_tuple(&c->wire, &r->destination, r->destination_port,
	    &r->source, r->source_port, e->proto, &c->side[NAT_WIRE]) ||
	    c->original.family != c->wire.family)
		return false;
	c->original.zone = c->wire.zone = e->zone;
	c->moved_source = !ipaddr_equal(&o->source, &r->destination) ||
	    o->source_port != r->destination_port;
	c->moved_destination = !ipaddr_equal(&o->destination, &r->source) ||
	    (!is_icmp(e->proto) && o->destination_port != r->source_port);
	if (both_moved(c)) {
		struct key half;

		c->side[NAT_HALF] = (uint8_t)half_key(c, &half);
	}
	c->id = e->id;
	c->precious = e->answered;
	c->when_ns = e->when.ns;
	return true;
}

/* The live connection with this original tuple and zone, newest first. */
static uint32_t
find_original(struct nat *n, const struct key *key, uint8_t side)
{
	struct slots_walk w;
	uint32_t found = NAT_NONE, at;
	uint64_t hash = key_hash(&n->secret, key);

	for (at = slots_first(&n->slots, hash, &w); at != SLOTS_NONE;
	    at = slots_next(&n->slots, &w)) {
		struct nat_conn *c = &n->conns[at / NAT_TUPLES];

		if (at % NAT_TUPLES != NAT_ORIGINAL || c->dead ||
		    !key_same(&c->original, key) ||
		    c->original.zone != key->zone ||
		    c->side[NAT_ORIGINAL] != side)
			continue;
		if (found == NAT_NONE ||
		    (int32_t)(c->order - nat_conn(n, found)->order) > 0)
			found = at / NAT_TUPLES + 1;
	}
	return found;
}

/* Who opens and resets one tuple over and over is not to make a long list of
 * it, which each packet would have to go through. */
static void
thin_out(struct nat *n, const struct key *key)
{
	struct slots_walk w;
	uint32_t oldest = NAT_NONE, at;
	uint64_t hash = key_hash(&n->secret, key);
	size_t dead = 0;

	for (at = slots_first(&n->slots, hash, &w); at != SLOTS_NONE;
	    at = slots_next(&n->slots, &w)) {
		const struct nat_conn *c = &n->conns[at / NAT_TUPLES];

		if (at % NAT_TUPLES != NAT_ORIGINAL || !c->dead ||
		    !key_same(&c->original, key))
			continue;
		dead++;
		if (oldest == NAT_NONE ||
		    (int32_t)(c->order - nat_conn(n, oldest)->order) < 0)
			oldest = at / NAT_TUPLES + 1;
	}
	if (dead >= NAT_OWNERS)
		drop_conn(n, oldest - 1);
}

static void
set_due(struct nat *n, uint32_t number, uint32_t at_ms)
{
	n->due[number] = at_ms == NOT_DUE ? at_ms + 1 : at_ms;
}

static void
bury(struct nat *n, uint32_t conn, uint32_t now_ms)
{
	nat_conn(n, conn)->dead = true;
	set_due(n, conn - 1, now_ms + n->linger_ms);
}

static bool
same_conn(const struct nat_conn *a, const struct nat_conn *b)
{
	return key_same(&a->wire, &b->wire) &&
	    (a->id == b->id || a->id == 0 || b->id == 0);
}

static uint32_t
make_conn(struct nat *n, const struct nat_conn *like, bool dumped)
{
	uint32_t number = take_slot(n);
	struct nat_conn *c = &n->conns[number];

	*c = *like;
	c->live = true;
	c->order = ++n->order;
	c->generation = n->generation;
	/* What a dump shows began long ago. */
	c->opened = dumped ? 0xff : 0;
	n->due[number] = NOT_DUE;
	link_conn(n, number + 1);
	index_conn(n, number, true);
	n->counts.made++;
	return number + 1;
}

uint32_t
nat_event(struct nat *n, const struct stream_nat *e, uint32_t now_ms)
{
	struct nat_conn like = { .flow = NAT_NONE };
	uint32_t old;

	if (!fill(&like, e)) {
		n->counts.malformed++;
		return NAT_NONE;
	}
	old = find_original(n, &like.original, like.side[NAT_ORIGINAL]);
	if (e->kind == STREAM_NAT_DESTROY) {
		if (old == NAT_NONE || !same_conn(nat_conn(n, old), &like)) {
			n->counts.unknown++;
			return NAT_NONE;
		}
		n->counts.destroyed++;
		bury(n, old, now_ms);
		return NAT_NONE;
	}
	if (old != NAT_NONE && same_conn(nat_conn(n, old), &like)) {
		nat_conn(n, old)->generation = n->generation;
		return NAT_NONE;
	}
	if (old != NAT_NONE) {
		n->counts.replaced++;
		bury(n, old, now_ms);
	}
	thin_out(n, &like.original);
	return make_conn(n, &like, e->dumped);
}

void
nat_dump(struct nat *n, bool begin, uint32_t now_ms)
{
	uint32_t i;

	if (begin) {
		n->generation++;
		n->dumping = true;
		return;
	}
	if (!n->dumping)
		return;
	n->dumping = false;
	for (i = 0; i < n->top; i++) {
		if (!n->conns[i].live || n->conns[i].dead ||
		    n->conns[i].generation == n->generation)
			continue;
		n->counts.vanished++;
		bury(n, i + 1, now_ms);
	}
}

void
nat_tick(struct nat *n, uint32_t now_ms)
{
	uint32_t i;

	for (i = 0; i < n->top; i++) {
		if (n->due[i] == NOT_DUE || (int32_t)(now_ms - n->due[i]) < 0)
			continue;
		if (n->conns[i].flow != NAT_NONE)
			n->due[i] = NOT_DUE;	/* nat_release sets it again */
		else
			drop_conn(n, i);
	}
}

void
nat_release(struct nat *n, uint32_t conn, uint32_t now_ms)
{
	struct nat_conn *c = nat_conn(n, conn);

	c->flow = NAT_NONE;
	if (c->dead && n->due[conn - 1] == NOT_DUE)
		set_due(n, conn - 1, now_ms);
}

static bool
is_tuple(const struct nat_conn *c, enum nat_which which, const struct key *key)
{
	struct key half;

	switch (which) {
	case NAT_ORIGINAL:
		return key_same(&c->original, key);
	case NAT_WIRE:
		return key_same(&c->wire, key);
	case NAT_HALF:
	default:
		(void)half_key(c, &half);
		return key_same(&half, key);
	}
}

/* Has the newer of two owners taken the tuple over when this packet came? */
static bool
took_over(const struct nat_conn *c, enum nat_which which, bool syn,
    struct wall when)
{
	if (syn || (c->opened & 1U << which) != 0)
		return true;
	if (c->original.proto != IPPROTO_TCP && c->flow != NAT_NONE)
		return true;
	return when.ns >= c->when_ns;
}

static void
fill_match(struct nat_match *m, const struct nat *n, uint32_t slot,
    unsigned side)
{
	m->conn = slot / NAT_TUPLES + 1;
	m->which = slot % NAT_TUPLES;
	m->direction = side != nat_conn(n, m->conn)->side[m->which];
	m->contested = false;
}

void
nat_find(struct nat *n, const struct key *key, uint64_t hash, unsigned side,
    bool syn, struct wall when, struct nat_match *m)
{
	uint32_t at, newest = SLOTS_NONE, older = SLOTS_NONE;
	struct slots_walk w;
	struct nat_conn *c;

	for (at = slots_first(&n->slots, hash, &w); at != SLOTS_NONE;
	    at = slots_next(&n->slots, &w)) {
		c = &n->conns[at / NAT_TUPLES];
		if (!is_tuple(c, at % NAT_TUPLES, key))
			continue;
		if (newest == SLOTS_NONE || (int32_t)(c->order -
		    n->conns[newest / NAT_TUPLES].order) > 0) {
			older = newest;
			newest = at;
		} else if (older == SLOTS_NONE || (int32_t)(c->order -
		    n->conns[older / NAT_TUPLES].order) > 0) {
			older = at;
		}
	}
	if (newest == SLOTS_NONE) {
		m->conn = NAT_NONE;
		return;
	}
	c = &n->conns[newest / NAT_TUPLES];
	if (older != SLOTS_NONE &&
	    !took_over(c, newest % NAT_TUPLES, syn, when)) {
		newest = older;
		c = &n->conns[newest / NAT_TUPLES];
	} else if (syn) {
		c->opened |= (uint8_t)(1U << newest % NAT_TUPLES);
	}
	fill_match(m, n, newest, side);
	m->contested = older != SLOTS_NONE;
}

size_t
nat_owners(struct nat *n, const struct key *key, uint64_t hash, unsigned side,
    struct nat_match *found, size_t max)
{
	struct slots_walk w;
	size_t count = 0, at;
	uint32_t slot;

	for (slot = slots_first(&n->slots, hash, &w); slot != SLOTS_NONE;
	    slot = slots_next(&n->slots, &w)) {
		const struct nat_conn *c = &n->conns[slot / NAT_TUPLES];

		if (!is_tuple(c, slot % NAT_TUPLES, key))
			continue;
		for (at = count; at > 0 && (int32_t)(c->order -
		    nat_conn(n, found[at - 1].conn)->order) > 0; at--)
			if (at < max)
				found[at] = found[at - 1];
		if (at < max)
			fill_match(&found[at], n, slot, side);
		count += count < max;
	}
	return count;
}

static bool
shows(const struct nat *n, const struct nat_match *m, bool enters)
{
	const struct nat_conn *c = nat_conn(n, m->conn);

	if (!c->moved_source && !c->moved_destination)
		return true;
	return (m->which == NAT_ORIGINAL) == (enters == (m->direction == 0));
}

struct nat_match
nat_shown(struct nat *n, const struct key *key, uint64_t hash, unsigned side,
    bool enters, struct nat_match found)
{
	struct nat_match owners[NAT_OWNERS];
	size_t count, i;

	if (shows(n, &found, enters))
		return found;
	count = nat_owners(n, key, hash, side, owners, NAT_OWNERS);
	for (i = 0; i < count; i++)
		if (shows(n, &owners[i], enters))
			return owners[i];
	return found;
}

size_t
nat_count(const struct nat *n)
{
	return n->count;
}

const struct nat_counts *
nat_counts(const struct nat *n)
{
	return &n->counts;
}

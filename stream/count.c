#include "stream/count.h"

#include <netinet/in.h>
#include <string.h>

/* A SYN that comes after data this close behind it is the same connection. */
#define SYN_LATE	(UINT32_C(1) << 20)
/* Two odd packets this close to each other start the ranges anew. */
#define ODD_NEAR	(UINT32_C(1) << 24)

/* A window of 16 MiB is more than kernels give. */
#define END_NEAR	(UINT32_C(1) << 24)

#define FRAME_MAX	1500	/* bytes from the IP header on */
#define HEAD_BYTES	32
#define TAIL_BYTES	8
/* Larger datagrams may come in fragments, whose tail is not kept. */
#define TAIL_PAYLOAD_MAX	1200

static bool
is_near(uint32_t a, uint32_t b, uint32_t reach)
{
	return a - b <= reach || b - a <= reach;
}

static bool
syn_fits(const struct flow *f, unsigned dir, const struct decoded *d)
{
	uint32_t start = d->seq + 1;

	if (f->bits & FLOW_BIT_SYN(dir))
		return start == f->base[dir];
	if (f->bits & FLOW_BIT_BASED(dir))
		return f->base[dir] - start < SYN_LATE;
	if (d->tcp_flags & DECODE_TCP_ACK)
		return true;
	/* The first of its direction: late, or both ends are opening. */
	return f->tcp_flags[dir] == 0 && f->sum[!dir].payload == 0 &&
	    !(f->bits & FLOW_BIT_RST);
}

bool
count_tcp_fits(const struct flow *f, unsigned dir, const struct decoded *d)
{
	if (d->tcp_flags & DECODE_TCP_SYN)
		return syn_fits(f, dir, d);
	if (f->bits & FLOW_BIT_BASED(dir)) {
		if (!is_near(d->seq, f->next[dir], COVER_REACH))
			return false;
		/* base - 1: a keepalive probe repeats the byte before. */
		return !(f->bits & FLOW_BIT_SYN(dir)) ||
		    !cover_before(d->seq + 1, f->base[dir]);
	}
	/* Nothing from this side yet: what it acknowledges must fit. */
	if ((d->tcp_flags & DECODE_TCP_ACK) && (f->bits & FLOW_BIT_BASED(!dir)))
		return !cover_before(d->ack, f->base[!dir]) &&
		    is_near(d->ack, f->next[!dir], COVER_REACH);
	return true;
}

static bool
is_close(const struct flow *f, unsigned dir, uint32_t seq)
{
	return seq - f->base[dir] <= f->next[dir] - f->base[dir] ||
	    is_near(seq, f->next[dir], END_NEAR);
}

bool
count_tcp_is_close(const struct flow *f, unsigned dir, const struct decoded *d)
{
	if (f->bits & FLOW_BIT_BASED(dir))
		return is_close(f, dir, d->seq);
	return (d->tcp_flags & DECODE_TCP_ACK) &&
	    (f->bits & FLOW_BIT_BASED(!dir)) && is_close(f, !dir, d->ack);
}

static uint32_t
distance(uint32_t a, uint32_t b)
{
	return a - b < b - a ? a - b : b - a;
}

uint64_t
count_tcp_distance(const struct flow *f, unsigned dir, const struct decoded *d)
{
	bool syn = (d->tcp_flags & DECODE_TCP_SYN) != 0;
	uint64_t sum = UINT64_MAX;

	if (f->bits & FLOW_BIT_BASED(dir))
		sum = distance(d->seq + syn, syn ? f->base[dir] : f->next[dir]);
	if ((d->tcp_flags & DECODE_TCP_ACK) && (f->bits & FLOW_BIT_BASED(!dir)))
		sum = (sum == UINT64_MAX ? 0 : sum) + distance(d->ack,
		    syn ? f->base[!dir] : f->next[!dir]);
	return sum;
}

static void
forget_cover(struct cover_pool *pool, struct flow *f, unsigned dir)
{
	unsigned p;

	f->begun[dir] = 0;
	if (f->extra == NULL)
		return;
	cover_fini(pool, &f->extra->whole[dir]);
	for (p = 0; p < FLOW_POINTS; p++)
		cover_fini(pool, &f->extra->at[dir][p]);
}

static void
start_at(struct flow *f, unsigned dir, uint32_t seq)
{
	f->base[dir] = f->next[dir] = seq;
	f->bits |= FLOW_BIT_BASED(dir);
}

static void
take_syn(struct cover_pool *pool, struct flow *f, unsigned dir,
    const struct decoded *d)
{
	uint32_t start = d->seq + 1;

	if (!(f->bits & FLOW_BIT_BASED(dir))) {
		start_at(f, dir, start);
	} else if (f->base[dir] != start && f->sum[dir].payload == 0) {
		/* A second answer with another ISN. */
		forget_cover(pool, f, dir);
		start_at(f, dir, start);
	} else if (f->base[dir] != start) {
		return;
	}
	f->bits |= FLOW_BIT_SYN(dir);
}

/*
 * A reset or FIN that no receiver would take (RFC 5961) ends nothing. One from
 * a side that has not spoken yet has no number to be measured by.
 */
static bool
may_end(const struct flow *f, unsigned dir, const struct decoded *d)
{
	return !(f->bits & FLOW_BIT_BASED(dir)) ||
	    is_near(d->seq, f->next[dir], END_NEAR);
}

static void
take_flags(struct flow *f, unsigned dir, const struct decoded *d)
{
	f->tcp_flags[dir] |= d->tcp_flags;
	if ((d->tcp_flags & (DECODE_TCP_RST | DECODE_TCP_FIN)) &&
	    may_end(f, dir, d))
		f->bits |= (d->tcp_flags & DECODE_TCP_RST ? FLOW_BIT_RST : 0) |
		    (d->tcp_flags & DECODE_TCP_FIN ? FLOW_BIT_FIN(dir) : 0);
	if ((d->tcp_flags & DECODE_TCP_ACK) && (f->bits & FLOW_BIT_FIN(!dir)) &&
	    (int32_t)(d->ack - f->next[!dir] - 1) >= 0)
		f->bits |= FLOW_BIT_FIN_ACKED(!dir);
}

/* Bytes of [from, to) that no point has shown yet. */
static uint32_t
cover_whole(struct cover_pool *pool, struct flow *f, unsigned dir,
    uint32_t from, uint32_t to)
{
	struct cover_holes none = { .n = 0 }, *holes = &none;
	struct flow_extra *x = f->extra;
	uint32_t old_base = f->base[dir], fresh;
	unsigned p;

	if (from == f->next[dir] && to - f->base[dir] <= COVER_REACH) {
		f->next[dir] = to;
		return to - from;
	}
	if ((x == NULL || x->whole[dir].n == 0) &&
	    !cover_before(f->next[dir], to) &&
	    !cover_before(from, f->base[dir]))
		return 0;		/* a copy: nothing is missing */
	if (f->bits & FLOW_BIT_SYN(dir)) {
		/* Nothing below base is new. */
		if (cover_before(from, f->base[dir]))
			from = f->base[dir];
		if (!cover_before(from, to))
			return 0;
	}
	if (from == f->next[dir] || (x = flow_extra(f)) != NULL)
		holes = x == NULL ? &none : &x->whole[dir];
	else
		pool->forgotten++;
	fresh = cover_fill(pool, holes, &f->base[dir], &f->next[dir], from,
	    to);
	cover_fini(pool, &none);
	if (f->base[dir] != old_base && x != NULL)
		for (p = 0; p < FLOW_POINTS; p++)
			if (f->begun[dir] & 1U << p)
				cover_open(pool, &x->at[dir][p],
				    f->base[dir], old_base);
	if (f->next[dir] - f->base[dir] <= COVER_REACH)
		return fresh;
	/* In large steps, so that this is rare. */
	f->base[dir] = f->next[dir] - COVER_REACH / 2;
	f->bits |= FLOW_BIT_SYN(dir);
	if (x == NULL)
		return fresh;
	cover_trim(&x->whole[dir], f->base[dir]);
	for (p = 0; p < FLOW_POINTS; p++)
		cover_trim(&x->at[dir][p], f->base[dir]);
	return fresh;
}

/* Bytes of [from, to) that this point has not shown yet. */
static uint32_t
cover_point(struct cover_pool *pool, struct flow *f, unsigned dir,
    unsigned point, uint32_t from, uint32_t to)
{
	struct flow_point *p = flow_point(f, point);
	uint32_t base = f->base[dir], len = to - from;
	struct flow_extra *x;

	if (!(f->begun[dir] & 1U << point)) {
		f->begun[dir] |= (uint8_t)(1U << point);
		p->next[dir] = base;
	} else if (cover_before(p->next[dir], base)) {
		p->next[dir] = base;	/* base was moved up meanwhile */
	}
	if (from == p->next[dir]) {
		p->next[dir] = to;
		return len;
	}
	if (cover_before(from, base))
		from = base;
	if (!cover_before(from, to))
		return 0;
	x = flow_extra(f);
	if (x == NULL) {
		if (cover_before(p->next[dir], to))
			p->next[dir] = to;
		pool->forgotten++;
		return len;
	}
	return cover_fill(pool, &x->at[dir][point], &base, &p->next[dir],
	    from, to);
}

/* Sent again as far as the worst point tells: each byte once. */
static uint32_t
count_again(struct flow *f, unsigned dir, unsigned point, uint32_t bytes)
{
	struct flow_extra *x = flow_extra(f);
	uint32_t more;

	if (x == NULL)
		return 0;
	x->again[dir][point] += bytes;
	more = x->again[dir][point] - x->again_most[dir];
	if ((int32_t)more <= 0)
		return 0;
	x->again_most[dir] += more;
	x->again_sum += more;
	return more;
}

static bool
count_bare(struct flow *f, unsigned dir, unsigned point)
{
	struct flow_point *p;

	if (point == FLOW_POINTS)
		return false;
	p = flow_point(f, point);
	if ((int32_t)(++p->bare[dir] - f->bare[dir]) <= 0)
		return false;
	f->bare[dir] = p->bare[dir];
	return true;
}

/* False when the packet is to be left out of the ranges. */
static bool
check_window(struct cover_pool *pool, struct flow *f, unsigned dir,
    uint32_t from, uint32_t to, struct count_odd *odd)
{
	if (is_near(from, f->next[dir], COVER_REACH) &&
	    is_near(to, f->next[dir], COVER_REACH))
		return true;
	if (odd->serial == f->serial && odd->direction == dir &&
	    is_near(odd->seq, from, ODD_NEAR)) {
		odd->serial = 0;
		forget_cover(pool, f, dir);
		start_at(f, dir, from);
		f->bits |= FLOW_BIT_SYN(dir);	/* nothing before is new */
		return true;
	}
	*odd = (struct count_odd){ f->serial, (uint8_t)dir, from };
	return false;
}

void
count_tcp(struct cover_pool *pool, struct flow *f, unsigned dir,
    unsigned point, const struct decoded *d, struct count_odd *odd,
    struct count_result *r)
{
	uint32_t from = d->seq, to, unseen;

	*r = (struct count_result){ .packet = false };
	if (d->tcp_flags & DECODE_TCP_SYN) {
		take_syn(pool, f, dir, d);
		from++;
	}
	to = from + d->payload_len;
	/* A plain ACK is a place to measure from too, when the SYN was not
	 * captured; the number of a reset may be anything. */
	if (!(f->bits & FLOW_BIT_BASED(dir)) && (d->payload_len != 0 ||
	    !(d->tcp_flags & DECODE_TCP_RST)))
		start_at(f, dir, from);
	if (d->payload_len != 0)
		r->odd = !check_window(pool, f, dir, from, to, odd);
	if (d->payload_len == 0 || r->odd) {
		r->packet = count_bare(f, dir, point);
		take_flags(f, dir, d);
		return;
	}
	r->payload = cover_whole(pool, f, dir, from, to);
	if (point != FLOW_POINTS) {
		unseen = cover_point(pool, f, dir, point, from, to);
		if (unseen < d->payload_len)
			r->again = count_again(f, dir, point,
			    d->payload_len - unseen);
		r->packet = unseen < d->payload_len &&
		    point + 1 == f->first_point[dir];
	}
	r->packet = r->packet || r->payload != 0;
	take_flags(f, dir, d);
}

/*
 * A UDP packet longer than an Ethernet frame that came whole is one that the
 * sender left to the kernel to cut (UDP_SEGMENT); an uplink shows the pieces,
 * with IDs and heads of their own. So each point owes as many bytes as such
 * packets had that it has not shown yet, and pieces pay for them. How many
 * datagrams it stands for is known when the capture tells (segments).
 * next of flow and point, which UDP does not need, hold the two sums.
 */
static bool
is_piece(struct flow *f, unsigned dir, struct flow_point *p,
    const struct decoded *d)
{
	uint32_t owed = f->next[dir] - p->next[dir];

	if ((int32_t)owed <= 0 || owed < d->payload_len)
		return false;
	p->next[dir] += d->payload_len;
	return true;
}

void
count_datagram(struct dedup *dedup, uint64_t identity, struct flow *f,
    unsigned dir, unsigned point, const struct decoded *d, uint32_t now_ms,
    struct count_result *r)
{
	bool fresh = dedup_is_new(dedup, identity, point, now_ms);
	bool large = d->l3_len > FRAME_MAX || d->segments > 1;

	if (d->proto == IPPROTO_UDP && point != FLOW_POINTS) {
		struct flow_point *p = flow_point(f, point);

		if (large && fresh)
			f->next[dir] += d->payload_len;
		if (large)
			p->next[dir] += d->payload_len;
		else if (fresh && is_piece(f, dir, p, d))
			fresh = false;
	}
	*r = (struct count_result){ .packet = fresh,
	    .payload = fresh ? d->payload_len : 0 };
}

static uint8_t
tail_len(const struct decoded *d)
{
	if (d->payload_len > TAIL_PAYLOAD_MAX ||
	    d->captured < d->payload_len || d->captured < HEAD_BYTES)
		return 0;
	return d->captured - HEAD_BYTES < TAIL_BYTES ?
	    (uint8_t)(d->captured - HEAD_BYTES) : TAIL_BYTES;
}

struct count_key
count_key_random(void)
{
	struct count_key key;
	unsigned i;

	for (i = 0; i < COUNT_WORDS; i += 2) {
		struct hash_key two = hash_key_random();

		key.k[i] = two.k0;
		key.k[i + 1] = two.k1;
	}
	return key;
}

/*
 * NH, the universal hash of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway,
 * CRYPTO 1999) on words of 64 bits: whoever does not know the key can bring
 * about no collision, and it costs a tenth of SipHash. Then the bits are
 * spread for the index.
 */
static inline unsigned __int128
product(const struct count_key *key, const uint64_t *w, unsigned i)
{
	return (unsigned __int128)(w[i] + key->k[i]) *
	    (w[i + 1] + key->k[i + 1]);
}

static uint64_t
hash_words(const struct count_key *key, const uint64_t w[static COUNT_WORDS])
{
	unsigned __int128 sum = product(key, w, 0) + product(key, w, 2) +
	    product(key, w, 4) + product(key, w, 6);
	uint64_t h = (uint64_t)sum ^ (uint64_t)(sum >> 64);

	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

uint64_t
count_identity(const struct count_key *key, const struct flow *f,
    unsigned side, const struct decoded *d, uint64_t inner, bool with_tail)
{
	uint64_t w[COUNT_WORDS] = { 0 };
	uint8_t *head = (uint8_t *)&w[3], *tail = (uint8_t *)&w[7];
	size_t n = d->captured < HEAD_BYTES ? d->captured : HEAD_BYTES;
	uint8_t tail_n = 0;

	/* An error's body holds addresses that NAT changes. */
	if (!d->inner) {
		tail_n = with_tail ? tail_len(d) : 0;
		/* The usual lengths are copied without a call. */
		if (n == HEAD_BYTES)
			memcpy(head, d->payload, HEAD_BYTES);
		else
			memcpy(head, d->payload, n);
		if (tail_n == TAIL_BYTES)
			memcpy(tail, d->payload + d->captured - TAIL_BYTES,
			    TAIL_BYTES);
		else
			memcpy(tail, d->payload + d->captured - tail_n,
			    tail_n);
	}
	w[0] = (uint64_t)f->serial << 32 | d->payload_len;
	w[1] = (uint64_t)d->ip_id << 48 | (uint64_t)d->icmp_seq << 32 |
	    (uint64_t)d->icmp_type << 24 | (uint64_t)d->icmp_code << 16 |
	    (uint64_t)tail_n << 8 | side;
	w[2] = inner + d->flow_label;
	return hash_words(key, w);
}

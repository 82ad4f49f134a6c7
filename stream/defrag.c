#include "stream/defrag.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/map.h"

#define SPANS_MAX	16
#define HEAD_MAX	128
#define L4_MAX		65535

#define SEEN_OUTGOING	4

struct train_key {
	uint8_t		source[16], destination[16];
	uint32_t	id;
	uint32_t	ifindex;
	uint8_t		family, proto;
	uint16_t	scope;
	uint32_t	out;		/* no padding */
};

struct span { uint32_t from, to; };

/* head is copied out before a train goes, see struct defrag. */
struct train {
	struct decoded	packet;		/* of the fragment that came first */
	struct span	spans[SPANS_MAX];
	uint32_t	n_spans;
	uint32_t	total;		/* 0 until the last fragment is seen */
	uint32_t	fragments;
	uint32_t	ifindex;
	uint32_t	touched_ms;
	uint8_t		seen;
	uint16_t	scope;
	struct wall	when;
	uint32_t	head_len;
	uint8_t		head[HEAD_MAX];
};

struct defrag {
	struct map		*trains;
	defrag_partial_fn	 partial;
	void			*ctx;
	size_t			 pending;
	uint8_t			 head[HEAD_MAX];
};

static uint32_t
received(const struct train *t)
{
	uint32_t sum = 0, i;

	for (i = 0; i < t->n_spans; i++)
		sum += t->spans[i].to - t->spans[i].from;
	return sum;
}

/* Turns a train into a packet; false when its header cannot be read. */
static bool
finish(struct defrag *d, const struct train *t, bool partial,
    struct defrag_done *done)
{
	uint32_t l4_len = partial ? received(t) : t->total;
	struct decoded *p = &done->packet;
	enum decode_verdict verdict;

	*done = (struct defrag_done){ .packet = t->packet,
	    .fragments = t->fragments, .ifindex = t->ifindex,
	    .seen = t->seen, .scope = t->scope, .partial = partial,
	    .when = t->when };
	memcpy(d->head, t->head, t->head_len);
	if (p->family == 6 && p->l3_header >= 8)
		p->l3_header -= 8;	/* without the fragment header */
	p->l3_len = p->l3_header + l4_len;
	p->fragment = false;
	verdict = decode_transport(p, d->head, t->head_len,
	    partial ? L4_MAX : l4_len);
	p->fragment = false;	/* a nested fragment header is ignored */
	if (verdict != DECODE_OK)
		return false;
	if (partial)
		p->payload_len = l4_len > p->l4_header ?
		    l4_len - p->l4_header : 0;
	if (p->captured > p->payload_len)
		p->captured = p->payload_len;
	return true;
}

static void
give_partial(struct defrag *d, const struct train *t)
{
	struct defrag_done done;
	bool readable = finish(d, t, true, &done);

	d->pending -= t->fragments;
	d->partial(d->ctx, &done, readable);
}

static void
train_gone(void *ctx, const void *key, void *value, bool evicted)
{
	(void)key;
	if (evicted)
		give_partial(ctx, value);
}

struct defrag *
defrag_new(defrag_partial_fn partial, void *ctx)
{
	struct defrag *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->partial = partial;
	d->ctx = ctx;
	d->trains = map_new(sizeof(struct train_key), sizeof(struct train),
	    DEFRAG_TRAINS, train_gone, d);
	if (d->trains == NULL) {
		free(d);
		errno = ENOMEM;
		return NULL;
	}
	return d;
}

void
defrag_free(struct defrag *d)
{
	if (d == NULL)
		return;
	map_free(d->trains);
	free(d);
}

/* Adds a range to the sorted spans and joins neighbours. */
static void
add_span(struct train *t, uint32_t from, uint32_t to)
{
	struct span *s = t->spans;
	uint32_t i = 0, last;

	while (i < t->n_spans && s[i].to < from)
		i++;
	if (i == t->n_spans || to < s[i].from) {
		if (t->n_spans == SPANS_MAX)
			return;		/* will time out as a partial packet */
		memmove(s + i + 1, s + i, (t->n_spans - i) * sizeof(*s));
		s[i] = (struct span){ from, to };
		t->n_spans++;
		return;
	}
	if (from < s[i].from)
		s[i].from = from;
	for (last = i; last + 1 < t->n_spans && s[last + 1].from <= to; last++)
		;
	s[i].to = to > s[last].to ? to : s[last].to;
	memmove(s + i + 1, s + last + 1,
	    (t->n_spans - last - 1) * sizeof(*s));
	t->n_spans -= last - i;
}

static void
add_head(struct train *t, const struct decoded *f)
{
	size_t n, skip;

	if (f->offset > t->head_len || f->offset >= HEAD_MAX)
		return;
	skip = t->head_len - f->offset;
	n = f->captured;
	if (n > HEAD_MAX - f->offset)
		n = HEAD_MAX - f->offset;
	if (n <= skip)
		return;
	memcpy(t->head + t->head_len, f->payload + skip, n - skip);
	t->head_len = (uint32_t)(f->offset + n);
}

static void
take(struct train *t, const struct decoded *f)
{
	uint32_t end = f->offset + f->payload_len;

	add_span(t, f->offset, end);
	add_head(t, f);
	if (!f->more && t->total == 0)
		t->total = end;
	t->fragments++;
}

enum defrag_verdict
defrag_add(struct defrag *d, const struct decoded *f, uint32_t ifindex,
    uint8_t seen, uint16_t scope, struct wall when, uint32_t now_ms,
    struct defrag_done *done, uint32_t *lost)
{
	struct train_key key = { .id = f->fragment_id, .ifindex = ifindex,
	    .family = f->family, .proto = f->proto, .scope = scope,
	    .out = seen == SEEN_OUTGOING };
	struct train *t;
	bool made, readable;

	*lost = 1;
	if (f->payload_len > L4_MAX || f->offset + f->payload_len > L4_MAX ||
	    f->payload_len == 0)
		return DEFRAG_BAD;
	memcpy(key.source, f->source.ip, sizeof(key.source));
	memcpy(key.destination, f->destination.ip, sizeof(key.destination));
	t = map_put(d->trains, &key, &made);
	if (t == NULL)
		return DEFRAG_NO_MEMORY;
	if (made) {
		t->packet = *f;
		t->ifindex = ifindex;
		t->seen = seen;
		t->scope = scope;
	}
	t->when = when;
	t->touched_ms = now_ms;
	take(t, f);
	d->pending++;
	if (t->total == 0 || t->n_spans != 1 || t->spans[0].from != 0 ||
	    t->spans[0].to < t->total)
		return DEFRAG_WAITING;
	readable = finish(d, t, false, done);
	*lost = t->fragments;
	d->pending -= t->fragments;
	map_remove(d->trains, t);
	return readable ? DEFRAG_DONE : DEFRAG_BAD;
}

void
defrag_tick(struct defrag *d, uint32_t now_ms)
{
	struct train *t;

	while ((t = map_oldest(d->trains)) != NULL &&
	    now_ms - t->touched_ms >= DEFRAG_TIMEOUT_MS) {
		give_partial(d, t);
		map_remove(d->trains, t);
	}
}

void
defrag_flush(struct defrag *d)
{
	struct train *t;

	while ((t = map_oldest(d->trains)) != NULL) {
		give_partial(d, t);
		map_remove(d->trains, t);
	}
}

size_t
defrag_pending(const struct defrag *d)
{
	return d->pending;
}

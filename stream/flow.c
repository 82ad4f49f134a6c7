/*
 * Flows stand in one array, allocated at once and touched as far as it is
 * used. Beside it run due[] and kind[], so that a tick and the search for a
 * victim read a few bytes for each flow. The slot that was freed last is used
 * first, until all have been used once: from then on a hand goes round, new
 * flows are put where it stands, and what lies before it is the oldest.
 */
#include "stream/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_FREE	65536	/* in search of a slot, before one is evicted */
#define STEPS_OLDEST	64	/* in search of an idle one */
#define CANDIDATES	8	/* cheap ones, of which the most idle goes */

/* From KIND_CHEAP on: cheap ones, by the interface that they came from. */
enum kind { KIND_FREE, KIND_PRECIOUS, KIND_ENDED, KIND_CHEAP };
#define GROUPS		(FLOW_KINDS - KIND_CHEAP)
#define CHEAP_SHARE	8	/* of the table: one eighth is not precious */

struct flow_table *
flow_table_new(size_t limit, struct cover_pool *pool, flow_evict_fn evict,
    void *ctx)
{
	struct flow_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->limit = t->count[KIND_FREE] = (uint32_t)limit;
	t->largest = KIND_ENDED;
	t->pool = pool;
	t->evict = evict;
	t->ctx = ctx;
	t->flows = calloc(limit, sizeof(*t->flows));
	t->due = calloc(limit, sizeof(*t->due));
	t->kind = calloc(limit, sizeof(*t->kind));
	t->free = calloc(limit, sizeof(*t->free));
	if (t->flows == NULL || t->due == NULL || t->kind == NULL ||
	    t->free == NULL || slots_init(&t->slots, limit) != 0) {
		flow_table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

static void
free_extra(struct flow_table *t, struct flow *f)
{
	unsigned d, p;

	if (f->extra == NULL)
		return;
	for (d = 0; d < 2; d++) {
		cover_fini(t->pool, &f->extra->whole[d]);
		for (p = 0; p < FLOW_POINTS; p++)
			cover_fini(t->pool, &f->extra->at[d][p]);
	}
	free(f->extra);
	f->extra = NULL;
}

void
flow_table_free(struct flow_table *t)
{
	uint32_t i;

	if (t == NULL)
		return;
	for (i = 0; t->kind != NULL && i < t->top; i++)
		if (t->kind[i] != KIND_FREE)
			free_extra(t, &t->flows[i]);
	slots_fini(&t->slots);
	free(t->flows);
	free(t->due);
	free(t->kind);
	free(t->free);
	free(t);
}

uint32_t
flow_find(const struct flow_table *t, const struct key *key, uint64_t hash)
{
	struct slots_walk w;
	uint32_t at;

	for (at = slots_first(&t->slots, hash, &w); at != SLOTS_NONE;
	    at = slots_next(&t->slots, &w))
		if (key_equal(&t->flows[at].key, key))
			return at + 1;
	return FLOW_NONE;
}

static uint32_t
next_slot(const struct flow_table *t, uint32_t at)
{
	return at + 1 == t->limit ? 0 : at + 1;
}

static void
set_kind(struct flow_table *t, uint32_t at, unsigned kind)
{
	t->n_cheap -= t->kind[at] >= KIND_ENDED;
	t->count[t->kind[at]]--;
	t->kind[at] = (uint8_t)kind;
	t->n_cheap += kind >= KIND_ENDED;
	t->count[kind]++;
}

/* The next slot of this kind from here on, `reach` slots at most, or limit. */
static uint32_t
find_kind(const struct flow_table *t, uint32_t at, unsigned kind,
    uint32_t reach)
{
	uint32_t first = t->limit - at < reach ? t->limit - at : reach;
	const uint8_t *found = memchr(t->kind + at, (int)kind, first);

	if (found == NULL)
		found = memchr(t->kind, (int)kind, reach - first);
	return found == NULL ? t->limit : (uint32_t)(found - t->kind);
}

/* The one that was idle longest among the next few. */
static uint32_t
find_idle(struct flow_table *t)
{
	uint32_t at = t->hand, best = at, n;

	for (n = 0; n < STEPS_OLDEST && n < t->limit; n++) {
		if ((int32_t)(t->flows[at].active_ms -
		    t->flows[best].active_ms) < 0)
			best = at;
		at = next_slot(t, at);
	}
	t->hand = at;
	return best;
}

/* The cheap kind of the most; who has more than half needs no search. */
static unsigned
find_largest(struct flow_table *t)
{
	unsigned kind;

	if (t->count[t->largest] <= t->n_cheap / 2)
		for (kind = KIND_ENDED; kind < FLOW_KINDS; kind++)
			if (t->count[kind] > t->count[t->largest])
				t->largest = kind;
	return t->largest;
}

/* Where all others are precious a new flow has to live until its answer. */
static uint32_t
find_victim(struct flow_table *t)
{
	uint32_t at, best, n;
	unsigned kind;

	if (t->n_cheap <= t->limit / CHEAP_SHARE)
		return find_idle(t);
	kind = find_largest(t);
	at = best = find_kind(t, t->hand, kind, t->limit);
	t->hand = next_slot(t, at);
	for (n = 1; n < CANDIDATES && n < t->count[kind]; n++) {
		at = find_kind(t, next_slot(t, at), kind, t->limit);
		if ((int32_t)(t->flows[at].active_ms -
		    t->flows[best].active_ms) < 0)
			best = at;
	}
	return best;
}

/* A slot that nobody has any more. */
static uint32_t
take_slot(struct flow_table *t)
{
	uint32_t at, reach = t->limit < STEPS_FREE ? t->limit : STEPS_FREE;

	if (t->top < t->limit)
		return t->n_free != 0 ? t->free[--t->n_free] : t->top++;
	at = t->n_free == 0 ? t->limit :
	    find_kind(t, t->hand, KIND_FREE, reach);
	if (at == t->limit) {
		at = find_victim(t);
		t->evict(t->ctx, at + 1);
	} else {
		t->hand = next_slot(t, at);
	}
	t->n_free--;
	return at;
}

uint32_t
flow_make(struct flow_table *t, const struct key *key, uint64_t hash,
    uint32_t from, uint32_t now_ms)
{
	uint32_t at = take_slot(t), older = flow_find(t, key, hash);
	struct flow *f = &t->flows[at];

	memset(f, 0, sizeof(*f));
	f->key = *key;
	f->older = older;
	f->serial = ++t->serial;
	f->active_ms = now_ms;
	set_kind(t, at, KIND_CHEAP + from % GROUPS);
	t->due[at] = 0;
	if (older == FLOW_NONE)
		slots_add(&t->slots, hash, at);
	else
		(void)slots_replace(&t->slots, hash, older - 1, at);
	return at + 1;
}

/* Takes it out of its chain of generations. */
static void
unlink_flow(struct flow_table *t, uint32_t flow, uint64_t hash)
{
	struct flow *f = flow_get(t, flow);
	uint32_t head = flow_find(t, &f->key, hash);

	if (head == flow) {
		if (f->older == FLOW_NONE)
			(void)slots_remove(&t->slots, hash, flow - 1);
		else
			(void)slots_replace(&t->slots, hash, flow - 1,
			    f->older - 1);
		return;
	}
	while (head != FLOW_NONE && flow_get(t, head)->older != flow)
		head = flow_get(t, head)->older;
	if (head != FLOW_NONE)
		flow_get(t, head)->older = f->older;
}

void
flow_drop(struct flow_table *t, uint32_t flow, uint64_t hash)
{
	uint32_t at = flow - 1;

	unlink_flow(t, flow, hash);
	free_extra(t, &t->flows[at]);
	t->flows[at].key.family = 0;	/* matches nothing any more */
	set_kind(t, at, KIND_FREE);
	t->due[at] = 0;
	t->free[t->n_free++] = at;
}

struct flow_extra *
flow_extra(struct flow *f)
{
	if (f->extra == NULL)
		f->extra = calloc(1, sizeof(*f->extra));
	return f->extra;
}

unsigned
flow_point_at(struct flow *f, uint32_t where, unsigned direction)
{
	unsigned p;

	for (p = 0; p < f->n_points; p++)
		if (flow_point(f, p)->where == where)
			return p;
	if (p == FLOW_POINTS || (p >= FLOW_NEAR && flow_extra(f) == NULL))
		return FLOW_POINTS;
	f->n_points++;
	memset(flow_point(f, p), 0, sizeof(struct flow_point));
	flow_point(f, p)->where = where;
	if (direction == 1)
		f->by_reply |= (uint8_t)(1U << p);
	return p;
}

void
flow_begin_again(struct flow *f, int64_t when_ns)
{
	unsigned p;

	f->first_ns = when_ns > f->first_ns ? when_ns : f->first_ns + 1;
	f->last_ns = f->first_ns;
	memset(f->sum, 0, sizeof(f->sum));
	memset(f->delta_bytes, 0, sizeof(f->delta_bytes));
	memset(f->delta_payload, 0, sizeof(f->delta_payload));
	memset(f->tcp_flags, 0, sizeof(f->tcp_flags));
	f->copies = 0;
	f->reports = 0;
	for (p = 0; p < f->n_points; p++)
		memset(flow_point(f, p)->packets, 0,
		    sizeof(f->near[0].packets));
	if (f->extra != NULL)
		f->extra->again_sum = 0;
}

#define EXCHANGE(array) do {					\
	__typeof__((array)[0]) kept_ = (array)[0];		\
	(array)[0] = (array)[1];				\
	(array)[1] = kept_;					\
} while (0)

static uint16_t
turn_bits(uint16_t bits)
{
	const uint16_t first = FLOW_BIT_BASED(0) | FLOW_BIT_SYN(0) |
	    FLOW_BIT_FIN(0) | FLOW_BIT_FIN_ACKED(0);
	const uint16_t second = (uint16_t)(first << 1);

	return (uint16_t)((bits & ~(first | second)) |
	    (bits & first) << 1 | (bits & second) >> 1);
}

void
flow_turn(struct flow *f)
{
	unsigned p;

	f->bits = turn_bits(f->bits) ^ FLOW_BIT_SIDE;
	EXCHANGE(f->sum);
	EXCHANGE(f->delta_bytes);
	EXCHANGE(f->delta_payload);
	EXCHANGE(f->base);
	EXCHANGE(f->next);
	EXCHANGE(f->bare);
	EXCHANGE(f->tcp_flags);
	EXCHANGE(f->begun);
	EXCHANGE(f->first_point);
	for (p = 0; p < f->n_points; p++) {
		struct flow_point *at = flow_point(f, p);

		at->where ^= FLOW_POINT_OUT;
		EXCHANGE(at->packets);
		EXCHANGE(at->next);
		EXCHANGE(at->bare);
	}
	f->by_reply = (uint8_t)(~f->by_reply & ((1U << f->n_points) - 1));
	if (f->extra == NULL)
		return;
	EXCHANGE(f->extra->whole);
	EXCHANGE(f->extra->again_most);
	for (p = 0; p < FLOW_POINTS; p++) {
		struct cover_holes holes = f->extra->at[0][p];
		uint32_t again = f->extra->again[0][p];

		f->extra->at[0][p] = f->extra->at[1][p];
		f->extra->at[1][p] = holes;
		f->extra->again[0][p] = f->extra->again[1][p];
		f->extra->again[1][p] = again;
	}
}

void
flow_set_due(struct flow_table *t, uint32_t flow, uint32_t at_ms)
{
	t->due[flow - 1] = at_ms == 0 ? 1 : at_ms;
}

uint32_t
flow_next_due(const struct flow_table *t, uint32_t flow, uint32_t now_ms)
{
	uint32_t at;

	for (at = flow; at < t->top; at++)
		if (t->due[at] != 0 && (int32_t)(now_ms - t->due[at]) >= 0)
			return at + 1;
	return FLOW_NONE;
}

uint32_t
flow_next(const struct flow_table *t, uint32_t flow)
{
	uint32_t at;

	for (at = flow; at < t->top; at++)
		if (t->kind[at] != KIND_FREE)
			return at + 1;
	return FLOW_NONE;
}

void
flow_set_precious(struct flow_table *t, uint32_t flow, bool precious)
{
	if (flow_is_precious(t, flow) != precious)
		set_kind(t, flow - 1, precious ? KIND_PRECIOUS : KIND_ENDED);
}

bool
flow_is_precious(const struct flow_table *t, uint32_t flow)
{
	return t->kind[flow - 1] == KIND_PRECIOUS;
}

size_t
flow_count(const struct flow_table *t)
{
	return t->top - t->n_free;
}

uint32_t
flow_latest(const struct flow_table *t)
{
	return t->serial;
}

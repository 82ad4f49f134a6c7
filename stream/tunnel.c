#include "stream/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream/life.h"
#include "stream/report.h"

/* What an outer flow's id is made of, which may be gone before the inner flow
 * is reported. */
struct outer {
	struct key	key;		/* family 0: none yet */
	uint16_t	bits;
	int64_t		first_ns;
};

struct carried {
	uint32_t	flow;		/* 0: free */
	uint32_t	vni;
	struct outer	outer[2];	/* by direction, the latest */
};

struct space { uint32_t vni, used_ms; };

struct tunnel {
	struct carried	*flows;		/* from index 1 */
	uint16_t	*of_flow;
	uint32_t	 hand, limit;
	struct space	 spaces[TUNNEL_SPACES];
	uint32_t	 n_spaces, latest;	/* found last */
};

struct tunnel *
tunnel_new(size_t max_flows)
{
	struct tunnel *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->limit = max_flows < TUNNEL_FLOWS ? (uint32_t)max_flows :
	    TUNNEL_FLOWS;
	u->flows = calloc(u->limit + 1, sizeof(*u->flows));
	u->of_flow = calloc(max_flows + 1, sizeof(*u->of_flow));
	if (u->flows == NULL || u->of_flow == NULL) {
		tunnel_free(u);
		errno = ENOMEM;
		return NULL;
	}
	return u;
}

void
tunnel_free(struct tunnel *u)
{
	if (u == NULL)
		return;
	free(u->flows);
	free(u->of_flow);
	free(u);
}

/* The space of a network, or where one may be made: behind the last, else the
 * one that was unused longest. */
static uint32_t
find_space(const struct tunnel *u, uint32_t vni, uint32_t now_ms)
{
	uint32_t i, oldest = 0;

	for (i = 0; i < u->n_spaces; i++) {
		if (u->spaces[i].vni == vni)
			return i;
		if (now_ms - u->spaces[i].used_ms >
		    now_ms - u->spaces[oldest].used_ms)
			oldest = i;
	}
	return u->n_spaces < TUNNEL_SPACES ? u->n_spaces : oldest;
}

/* No flow of such a space can be in the table any more. */
static bool
is_deserted(const struct tracker *t, const struct space *s)
{
	return t->now_ms - s->used_ms > life_longest_ms(t);
}

uint16_t
tunnel_scope(struct tracker *t, uint32_t vni)
{
	struct tunnel *u = t->tunnel;
	uint32_t i = u->latest;

	if (links_has_vni(t->links, vni))
		return 0;
	if (i >= u->n_spaces || u->spaces[i].vni != vni)
		i = find_space(u, vni, t->now_ms);
	if (i == u->n_spaces) {
		u->n_spaces++;
	} else if (u->spaces[i].vni != vni) {
		if (!is_deserted(t, &u->spaces[i])) {
			t->tally.n[TALLY_TUNNEL_CROWDED]++;
			return TUNNEL_SCOPE + TUNNEL_SPACES;
		}
		t->tally.n[TALLY_TUNNEL_FORGOTTEN]++;
	}
	u->spaces[i] = (struct space){ vni, t->now_ms };
	u->latest = i;
	return (uint16_t)(TUNNEL_SCOPE + i);
}

static void
release(struct tracker *t, uint32_t at)
{
	struct tunnel *u = t->tunnel;
	uint32_t flow = u->flows[at].flow;

	flow_get(t->flows, flow)->bits &= (uint16_t)~FLOW_BIT_TUNNEL;
	u->of_flow[flow] = 0;
	memset(&u->flows[at], 0, sizeof(u->flows[at]));
}

static struct carried *
make(struct tracker *t, uint32_t inner)
{
	struct tunnel *u = t->tunnel;

	u->hand = u->hand == u->limit ? 1 : u->hand + 1;
	if (u->flows[u->hand].flow != 0) {
		release(t, u->hand);
		t->tally.n[TALLY_TUNNEL_EVICTED]++;
	}
	u->of_flow[inner] = (uint16_t)u->hand;
	u->flows[u->hand].flow = inner;
	flow_get(t->flows, inner)->bits |= FLOW_BIT_TUNNEL;
	return &u->flows[u->hand];
}

void
tunnel_carry(struct tracker *t, uint32_t inner, unsigned dir, uint32_t vni,
    uint32_t outer, uint32_t serial)
{
	uint32_t at = t->tunnel->of_flow[inner];
	struct carried *c = at != 0 ? &t->tunnel->flows[at] : make(t, inner);
	const struct flow *f = flow_get(t->flows, outer);

	c->vni = vni;
	if (f->serial == serial && f->key.family != 0)
		c->outer[dir] = (struct outer){ .key = f->key,
		    .bits = f->bits, .first_ns = f->first_ns };
}

struct tunnel_link
tunnel_find(struct tracker *t, uint32_t inner)
{
	const struct carried *c =
	    &t->tunnel->flows[t->tunnel->of_flow[inner]];
	struct tunnel_link link = { .known = true, .vni = c->vni };
	unsigned dir;

	for (dir = 0; dir < 2; dir++) {
		const struct outer *o = &c->outer[dir];
		struct flow f = { .key = o->key, .bits = o->bits,
		    .first_ns = o->first_ns };

		if (o->key.family == 0)
			continue;
		report_flow_id(&f, link.outer[link.n]);
		if (link.n == 0 || strcmp(link.outer[0], link.outer[1]) != 0)
			link.n++;
	}
	return link;
}

void
tunnel_forget(struct tracker *t, uint32_t flow)
{
	if (t->tunnel->of_flow[flow] != 0)
		release(t, t->tunnel->of_flow[flow]);
}

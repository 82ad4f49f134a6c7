#include "rules/correlate/correlate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/hash.h"
#include "lib/map.h"
#include "rules/text.h"

#define GROUP_TEXT_MAX	4096

/* One correlation rule and its groups. */
struct state {
	struct correlate		*all;
	uint32_t			 rule;
	const struct sigma_correlation	*spec;
	uint64_t			 print;
	struct map			*groups;	/* hash_128 -> window */
};

/* Correlation `state` refers to a rule at place `ref`. */
struct link { uint32_t state; uint32_t ref; };

struct links { struct link *items; size_t n; };

struct correlate {
	const struct sigma_set	*set;
	struct state		*states;
	size_t			 n;
	struct links		*by_rule;	/* of every rule of the set */
	struct hash_key		 key;
	uint64_t		 serial;	/* of the event at hand */
	struct buf		 group;
	ledger_count		*evicted, *missing, *suppressed, *no_memory;
	ledger_count		 nowhere;
};

/* What a feed carries along. */
struct feed {
	struct correlate	*all;
	const struct event	*event;
	correlate_fn		 fn;
	void			*ctx;
};

static void feed_rule(struct feed *, uint32_t rule);

/* ctx is the counter of evictions, which outlives every set of rules, or
 * NULL. */
static void
group_gone(void *ctx, const void *key, void *value, bool evicted)
{
	(void)key;
	window_fini(value);
	if (evicted && ctx != NULL)
		ledger_add(ctx, 1);
}

static void
count_in(struct correlate *c, struct ledger_stage *stage)
{
	c->missing = c->suppressed = c->no_memory = &c->nowhere;
	if (stage == NULL)
		return;
	c->evicted = ledger_noted(stage, "groups_evicted");
	c->missing = ledger_noted(stage, "group_field_missing");
	c->suppressed = ledger_noted(stage, "suppressed");
	c->no_memory = ledger_noted(stage, "no_memory");
}

static uint64_t
print_of(const struct sigma_set *set, const struct sigma_rule *rule,
    unsigned depth)
{
	const struct sigma_correlation *c = rule->correlation;
	uint64_t print = rule->print;
	size_t i;

	if (c == NULL || depth > SIGMA_REFS_MAX)
		return print;
	for (i = 0; i < c->n_refs; i++)
		print = print * UINT64_C(0x100000001b3) ^
		    print_of(set, set->rules[c->refs[i].rule], depth + 1);
	return print;
}

static bool
add_link(struct correlate *c, size_t rule, uint32_t state, uint32_t ref)
{
	struct links *l = &c->by_rule[rule];
	struct link *items = reallocarray(l->items, l->n + 1, sizeof(*items));

	if (items == NULL)
		return false;
	l->items = items;
	l->items[l->n++] = (struct link){ state, ref };
	return true;
}

static bool
add_state(struct correlate *c, uint32_t rule)
{
	struct state *s = &c->states[c->n];
	size_t i;

	s->all = c;
	s->rule = rule;
	s->spec = c->set->rules[rule]->correlation;
	s->print = print_of(c->set, c->set->rules[rule], 0);
	s->groups = map_new(sizeof(struct hash_128), sizeof(struct window),
	    CORRELATE_GROUPS_MAX, group_gone, c->evicted);
	if (s->groups == NULL)
		return false;
	for (i = 0; i < s->spec->n_refs; i++)
		if (!add_link(c, s->spec->refs[i].rule, (uint32_t)c->n,
		    (uint32_t)i))
			return false;
	c->n++;
	return true;
}

struct correlate *
correlate_new(const struct sigma_set *set, struct ledger_stage *stage)
{
	struct correlate *c = calloc(1, sizeof(*c));
	size_t i;
	bool ok;

	if (c == NULL)
		return NULL;
	c->set = set;
	c->key = hash_key_random();
	buf_init(&c->group, GROUP_TEXT_MAX);
	count_in(c, stage);
	c->states = calloc(set->n + 1, sizeof(*c->states));
	c->by_rule = calloc(set->n + 1, sizeof(*c->by_rule));
	ok = c->states != NULL && c->by_rule != NULL;
	for (i = 0; i < set->n && ok; i++)
		if (set->rules[i]->kind == SIGMA_CORRELATION)
			ok = add_state(c, (uint32_t)i);
	if (ok)
		return c;
	correlate_free(c);
	errno = ENOMEM;
	return NULL;
}

void
correlate_free(struct correlate *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; c->states != NULL && i < c->set->n; i++)
		map_free(c->states[i].groups);
	for (i = 0; c->by_rule != NULL && i < c->set->n; i++)
		free(c->by_rule[i].items);
	buf_fini(&c->group);
	free(c->states);
	free(c->by_rule);
	free(c);
}

void
correlate_inherit(struct correlate *c, struct correlate *old)
{
	const struct sigma_rule *mine, *theirs;
	struct map *groups;
	size_t i, k;

	c->key = old->key;
	for (i = 0; i < c->n; i++) {
		mine = c->set->rules[c->states[i].rule];
		for (k = 0; k < old->n; k++) {
			theirs = old->set->rules[old->states[k].rule];
			if (strcmp(mine->id, theirs->id) != 0 ||
			    c->states[i].print != old->states[k].print)
				continue;
			groups = c->states[i].groups;
			c->states[i].groups = old->states[k].groups;
			old->states[k].groups = groups;
			break;
		}
	}
}

/* The window of the event's group, or NULL. Its text is in c->group. */
static struct window *
find_window(struct feed *f, struct state *s, size_t ref)
{
	struct correlate *c = f->all;
	struct hash_128 key;
	struct window *w;
	size_t i;

	buf_reset(&c->group);
	for (i = 0; i < s->spec->n_group; i++) {
		if (i > 0)
			buf_add_char(&c->group, '\x1f');
		if (!text_add_field(&c->group, f->event,
		    &s->spec->group[i][ref])) {
			ledger_add(c->missing, 1);
			return NULL;
		}
	}
	key = hash_128(&c->key, buf_text(&c->group), c->group.len);
	w = buf_ok(&c->group) ? map_put(s->groups, &key, NULL) : NULL;
	if (w == NULL)
		ledger_add(c->no_memory, 1);
	return w;
}

static int64_t
add_distinct(struct feed *f, struct state *s, struct window *w, int64_t ns)
{
	const struct sigma_correlation *spec = s->spec;
	size_t room = SIGMA_DISTINCT_MAX + 1;
	struct buf value;
	int64_t n = 0;
	bool set;

	if (spec->high == INT64_MAX)
		room = (size_t)spec->low + 1;
	buf_init(&value, GROUP_TEXT_MAX);
	set = text_add_field(&value, f->event, &spec->value);
	if (set)
		n = window_add_distinct(w, ns, hash_64(&f->all->key,
		    buf_text(&value), value.len), room);
	if (n < 0 || !buf_ok(&value)) {
		ledger_add(f->all->no_memory, 1);
		n = 0;
	}
	buf_fini(&value);
	return n;
}

/* The number that the condition is about, after this event. */
static int64_t
measure(struct feed *f, struct state *s, struct window *w, size_t ref,
    int64_t ns)
{
	const struct sigma_correlation *spec = s->spec;
	int64_t value;

	switch (spec->type) {
	case SIGMA_EVENT_COUNT:
		return window_add(w, ns, 1);
	case SIGMA_VALUE_SUM:
		value = event_num(f->event, spec->value.id);
		return window_add(w, ns, value > 0 ? value : 0);
	case SIGMA_VALUE_COUNT:
		return add_distinct(f, s, w, ns);
	case SIGMA_TEMPORAL:
		return window_see(w, ns, ref, spec->n_refs);
	case SIGMA_TEMPORAL_ORDERED:
		break;
	}
	return window_step(w, ns, ref, spec->n_refs, spec->span_ns,
	    f->all->serial);
}

/* The ring's texts in the order of time. */
static void
collect_ids(const struct window *w, struct correlate_hit *hit)
{
	const struct window_id *id;
	size_t i;

	for (i = 0; i < WINDOW_IDS; i++) {
		id = &w->ids[(w->next_id + i) % WINDOW_IDS];
		if (id->text[0] == '\0')
			continue;
		if (hit->n_ids == 0)
			hit->first.ns = id->ns;
		hit->ids[hit->n_ids++] = id->text;
	}
}

static void
fire(struct feed *f, struct state *s, struct window *w, int64_t ns,
    int64_t value)
{
	struct correlate_hit hit = {
		.rule = s->rule, .event = f->event, .value = value,
		.group = buf_text(&f->all->group), .first = { ns }
	};

	w->fired = true;
	if (__builtin_add_overflow(ns, s->spec->span_ns, &w->quiet_until_ns))
		w->quiet_until_ns = INT64_MAX;
	collect_ids(w, &hit);
	f->fn(f->ctx, &hit);
	feed_rule(f, s->rule);
}

static void
feed_state(struct feed *f, struct state *s, size_t ref)
{
	int64_t ns = event_time(f->event).ns, value;
	struct window *w = find_window(f, s, ref);

	if (w == NULL)
		return;
	window_move(w, ns, s->spec->span_ns);
	if (ns < w->end_ns - s->spec->span_ns)
		return;		/* older than the whole window */
	window_add_id(w, ns, event_str(f->event, FIELD_EVENT_ID));
	value = measure(f, s, w, ref, ns);
	if (value < s->spec->low || value > s->spec->high)
		return;
	if (w->fired && ns < w->quiet_until_ns)
		ledger_add(f->all->suppressed, 1);
	else
		fire(f, s, w, ns, value);
}

/* Correlations cannot refer in circles, so this ends. */
static void
feed_rule(struct feed *f, uint32_t rule)
{
	const struct links *l = &f->all->by_rule[rule];
	size_t i;

	for (i = 0; i < l->n; i++)
		feed_state(f, &f->all->states[l->items[i].state],
		    l->items[i].ref);
}

void
correlate_feed(struct correlate *c, const struct event *event,
    const uint32_t *hits, size_t n, correlate_fn fn, void *ctx)
{
	struct feed f = { .all = c, .event = event, .fn = fn, .ctx = ctx };
	size_t i;

	if (c->n == 0)
		return;
	c->serial++;
	for (i = 0; i < n; i++)
		feed_rule(&f, hits[i]);
}

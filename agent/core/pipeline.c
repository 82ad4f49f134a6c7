/*
 * One piece of work (an event and how far it came) goes through run(). It
 * may stop at an enricher that holds; then it waits in the held list for the
 * next tick. Events that judges submit wait until the one that they came
 * from has reached the sinks, so that an alert never overtakes its cause.
 */
#include "agent/core/pipeline.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMBERS		16
#define HOLD_NS		(500 * MONO_MS)
#define HELD_MAX	4096
/* An alert about an alert about ... : more than this is a loop. */
#define DEPTH_MAX	8

struct enricher { pipeline_enrich_fn fn; void *self; };
struct judge { pipeline_judge_fn fn; void *self; };
struct sink {
	pipeline_sink_fn	 fn;
	void			*self;
	struct ledger_stage	*stage;
	ledger_count		*refused;
};

struct work {
	struct work	*next;
	struct event	*event;
	size_t		 enricher;	/* the next one to ask */
	unsigned	 depth;		/* how many events led to this one */
	bool		 waited;
	struct mono	 until;		/* waited: hold no longer than this */
};

struct list {
	struct work	*first, **end;
	size_t		 n;
};

struct pipeline {
	const struct mono_clock	*clock;
	struct ledger		*ledger;
	struct ledger_stage	*stage;
	ledger_count		*no_memory, *loop;
	ledger_count		*held, *hold_expired, *hold_full, *truncated,
				*private;
	struct enricher		 enrichers[MEMBERS];
	struct judge		 judges[MEMBERS];
	struct sink		 sinks[MEMBERS];
	size_t			 n_enrichers, n_judges, n_sinks;
	struct list		 waiting;	/* held by an enricher */
	struct list		 ready;		/* submitted, not yet begun */
	bool			 running;
	unsigned		 depth;		/* of the work that is running */
};

static void
clear(struct list *l)
{
	l->first = NULL;
	l->end = &l->first;
	l->n = 0;
}

static void
append(struct list *l, struct work *w)
{
	w->next = NULL;
	*l->end = w;
	l->end = &w->next;
	l->n++;
}

static struct work *
take_first(struct list *l)
{
	struct work *w = l->first;

	if (w == NULL)
		return NULL;
	l->first = w->next;
	if (l->first == NULL)
		l->end = &l->first;
	l->n--;
	return w;
}

struct pipeline *
pipeline_new(struct ledger *ledger, const struct mono_clock *clock)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->clock = clock;
	p->ledger = ledger;
	p->stage = ledger_stage(ledger, "pipeline");
	p->no_memory = ledger_dropped(p->stage, "no_memory");
	p->loop = ledger_dropped(p->stage, "loop");
	p->held = ledger_noted(p->stage, "held");
	p->hold_expired = ledger_noted(p->stage, "hold_expired");
	p->hold_full = ledger_noted(p->stage, "hold_full");
	p->truncated = ledger_noted(p->stage, "truncated");
	p->private = ledger_noted(p->stage, "for_enrichment_only");
	clear(&p->waiting);
	clear(&p->ready);
	return p;
}

void
pipeline_free(struct pipeline *p)
{
	if (p == NULL)
		return;
	pipeline_flush(p);
	free(p);
}

void
pipeline_add_enricher(struct pipeline *p, const char *name,
    pipeline_enrich_fn fn, void *self)
{
	(void)name;
	assert(p->n_enrichers < MEMBERS);
	p->enrichers[p->n_enrichers++] = (struct enricher){ fn, self };
}

void
pipeline_add_judge(struct pipeline *p, const char *name, pipeline_judge_fn fn,
    void *self)
{
	(void)name;
	assert(p->n_judges < MEMBERS);
	p->judges[p->n_judges++] = (struct judge){ fn, self };
}

void
pipeline_add_sink(struct pipeline *p, const char *name, pipeline_sink_fn fn,
    void *self)
{
	struct sink *s = &p->sinks[p->n_sinks];
	char stage[64];

	assert(p->n_sinks < MEMBERS);
	snprintf(stage, sizeof(stage), "sink.%s", name);
	*s = (struct sink){ .fn = fn, .self = self };
	s->stage = ledger_stage(p->ledger, stage);
	s->refused = ledger_dropped(s->stage, "refused");
	p->n_sinks++;
}

/* Whether an enricher that holds may have more time. */
static bool
may_hold(struct pipeline *p, struct work *w)
{
	struct mono now = mono_now(p->clock);

	if (!w->waited) {
		w->waited = true;
		w->until.ns = now.ns + HOLD_NS;
		ledger_add(p->held, 1);
	}
	if (now.ns < w->until.ns)
		return true;
	ledger_add(p->hold_expired, 1);
	return false;
}

/* False: an enricher asks to come back later. */
static bool
enrich(struct pipeline *p, struct work *w)
{
	for (; w->enricher < p->n_enrichers; w->enricher++) {
		struct enricher *e = &p->enrichers[w->enricher];
		bool hold = false;

		e->fn(e->self, w->event, &hold);
		if (hold && may_hold(p, w))
			return false;
	}
	return true;
}

static void
deliver(struct pipeline *p, struct event *e)
{
	if (event_truncated(e))
		ledger_add(p->truncated, 1);
	event_seal(e);
	if (event_private(e)) {
		ledger_add(p->private, 1);
		ledger_add(&p->stage->delivered, 1);
		event_unref(e);
		return;
	}
	for (size_t i = 0; i < p->n_judges; i++)
		p->judges[i].fn(p->judges[i].self, e);
	for (size_t i = 0; i < p->n_sinks; i++) {
		struct sink *s = &p->sinks[i];

		ledger_add(&s->stage->received, 1);
		ledger_add(s->fn(s->self, e) ? &s->stage->delivered :
		    s->refused, 1);
	}
	ledger_add(&p->stage->delivered, 1);
	event_unref(e);
}

static void
finish(struct pipeline *p, struct work *w)
{
	p->depth = w->depth;
	deliver(p, w->event);
	p->depth = 0;
	free(w);
}

static void
count_waiting(struct pipeline *p)
{
	ledger_set(&p->stage->pending, p->waiting.n + p->ready.n);
}

/* Through the enrichers that are left, without waiting any more. */
static void
hurry(struct pipeline *p, struct work *w)
{
	w->waited = true;
	w->until.ns = INT64_MIN;
	enrich(p, w);
	finish(p, w);
}

static void
run(struct pipeline *p, struct work *w)
{
	if (enrich(p, w)) {
		finish(p, w);
		return;
	}
	append(&p->waiting, w);
	if (p->waiting.n > HELD_MAX) {
		/* The oldest one has had the most time. */
		ledger_add(p->hold_full, 1);
		hurry(p, take_first(&p->waiting));
	}
}

/* Also what was submitted while this ran. */
static void
run_ready(struct pipeline *p)
{
	struct work *w;

	if (p->running)
		return;
	p->running = true;
	while ((w = take_first(&p->ready)) != NULL)
		run(p, w);
	p->running = false;
	count_waiting(p);
}

void
pipeline_submit(struct pipeline *p, struct event *e)
{
	unsigned depth = p->running ? p->depth + 1 : 0;
	ledger_count *lost = depth > DEPTH_MAX ? p->loop : p->no_memory;
	struct work *w = NULL;

	ledger_add(&p->stage->received, 1);
	if (e != NULL && depth <= DEPTH_MAX)
		w = calloc(1, sizeof(*w));
	if (w == NULL) {
		ledger_add(lost, 1);
		event_unref(e);
		return;
	}
	w->event = e;
	w->depth = depth;
	append(&p->ready, w);
	count_waiting(p);
	run_ready(p);
}

void
pipeline_tick(struct pipeline *p)
{
	struct work *w;

	assert(!p->running);
	p->running = true;
	/* What holds again is appended behind those that were there. */
	for (size_t n = p->waiting.n; n > 0; n--) {
		w = take_first(&p->waiting);
		if (w != NULL)
			run(p, w);
	}
	p->running = false;
	run_ready(p);
}

void
pipeline_flush(struct pipeline *p)
{
	struct work *w;

	assert(!p->running);
	do {
		p->running = true;
		while ((w = take_first(&p->waiting)) != NULL)
			hurry(p, w);
		p->running = false;
		run_ready(p);
	} while (p->waiting.n != 0);
}

/*
 * pipeline: the way of an event after its collector made it:
 * enrichers in their order, seal, rules, sinks (store and outputs).
 *
 * Ledger: stage "pipeline", and "sink.NAME" for what each sink took.
 *
 * Threads: the engine's loop thread. Sinks take a reference and hand the
 * event to another thread by themselves.
 */
#ifndef AGENT_CORE_PIPELINE_H
#define AGENT_CORE_PIPELINE_H

#include "agent/core/event.h"
#include "agent/core/ledger.h"

/*
 * enrich: adds fields to an event that is not sealed yet.
 * May not submit; keeps no pointer. May set *hold when a fact that is on its
 * way is still missing: the pipeline then asks again at every pipeline_tick
 * until the enricher no longer holds or 500 ms have passed. All events of the
 * same pipeline behind it are NOT delayed.
 */
typedef void (*pipeline_enrich_fn)(void *self, struct event *, bool *hold);
/* judge: sees the sealed event, may submit new ones (alerts). */
typedef void (*pipeline_judge_fn)(void *self, const struct event *);
/* sink: takes its own reference if it keeps the event. False: refused. */
typedef bool (*pipeline_sink_fn)(void *self, const struct event *);

struct pipeline;

struct pipeline *pipeline_new(struct ledger *, const struct mono_clock *);
/* Held events are sent on first. */
void pipeline_free(struct pipeline *);

/* In the order of the calls; at most 16 of each. self must outlive it. */
void pipeline_add_enricher(struct pipeline *, const char *name,
    pipeline_enrich_fn, void *self);
void pipeline_add_judge(struct pipeline *, const char *name,
    pipeline_judge_fn, void *self);
void pipeline_add_sink(struct pipeline *, const char *name,
    pipeline_sink_fn, void *self);

/*
 * Takes the caller's reference in every case. NULL is an event that could not
 * be made: it is counted as received and dropped (no_memory). What a judge
 * submits is handled after the event that it judges has reached the sinks;
 * an event that more than 8 others led to is dropped (loop).
 */
void pipeline_submit(struct pipeline *, struct event *);
/* Retries held events; call every 20 ms or so. */
void pipeline_tick(struct pipeline *);
/* Sends held events on without waiting any more. */
void pipeline_flush(struct pipeline *);

#endif

/*
 * life: when a flow is reported and when it ends.
 *
 * A flow is due LIFE_START_MS after its first packet, so that NAT and the
 * answer are known; then every period, or as soon as enough payload is new;
 * and when it has ended and no copy of its packets is outstanding. An ended
 * TCP flow stays in the table for the window, to take in late copies.
 *
 * Flows of few packets without an answer share a budget of reports in each
 * tick: a flood of them is reported late, or when it has to be evicted not at
 * all, which the ledger counts (stream.reports, flood). The others are served
 * when they are due.
 *
 * Threads: loop thread.
 */
#ifndef STREAM_LIFE_H
#define STREAM_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/tracker.h"

#define LIFE_START_MS	50

/* Reports in one tick of flows that are not precious: less than a writer on a
 * slow disk takes. */
#define LIFE_BUDGET		128
#define LIFE_EVICT_BUDGET	32
/* With more events than this in the writer's queue, which takes a few times as
 * many, none at all. */
#define LIFE_QUEUED		2048

/* Everything that is due now. */
void life_serve(struct tracker *);
/* The last report of every flow; the table is left as it is. */
void life_end_all(struct tracker *);
/* For flow_table_new; ctx is the tracker. */
void life_evict(void *ctx, uint32_t flow);
void life_drop(struct tracker *, uint32_t flow);

/* A flow without packets for longer than this is not in the table. */
uint32_t life_longest_ms(const struct tracker *);
/* A FIN both ways, a reset, or a new connection on its tuple was seen. */
static inline bool
life_is_closing(const struct flow *f)
{
	const uint16_t both = FLOW_BIT_FIN_ACKED(0) | FLOW_BIT_FIN_ACKED(1);

	return (f->bits & FLOW_BIT_RST) || (f->bits & both) == both ||
	    f->end == FLOW_END_REPLACED;
}
/* It was just seen: from now on the flow waits for silence. */
void life_close(struct tracker *, uint32_t flow);
/* A packet with payload came; before: what was unreported until then. */
void life_news(struct tracker *, uint32_t flow, uint64_t before);
/*
 * A packet without new payload came after the final report: one of the close
 * that was sent again. There will be another final report of the same flow,
 * which replaces the first. Of a flow that was reset, whose other end may send
 * for long, it is told once, when the flow leaves the table, in a report that
 * is not final.
 */
void life_amend(struct tracker *, uint32_t flow);
/*
 * New payload came after the final report, at this time: what comes from now
 * on is another flow, which ends as any other. Sums are 0 after this.
 */
void life_reopen(struct tracker *, uint32_t flow, struct wall when);
/* A new connection began on the tuple of this one. */
void life_replace(struct tracker *, uint32_t flow);
/*
 * A generation was added: the oldest is evicted when there are more than
 * LIFE_GENERATIONS before it, since every packet of the tuple that opens a
 * connection is compared with all of them.
 */
#define LIFE_GENERATIONS	32
void life_thin_out(struct tracker *, uint32_t newest);
/*
 * Copies that came before their alias was known made a flow of their own
 * under the translated tuple. It goes: the same packets are in the flow of
 * the original tuple.
 */
void life_end_stray(struct tracker *, const struct key *wire);

#endif

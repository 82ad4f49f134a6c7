/*
 * tracker: what the parts that follow flows share: the tables, the numbers of
 * the configuration, the time. place.h finds the flow of a packet, life.h
 * says when flows are reported and when they end.
 *
 * Threads: loop thread. Owned by the stream.
 */
#ifndef STREAM_TRACKER_H
#define STREAM_TRACKER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "lib/hash.h"
#include "stream/cover.h"
#include "stream/flow.h"
#include "stream/links.h"
#include "stream/nat.h"
#include "stream/tally.h"

struct relay;
struct tunnel;

#define TRACKER_LOSSES	64

struct tracker_loss {
	int64_t		when_ns;
	uint64_t	packets;
};

struct tracker {
	struct flow_table	*flows;
	struct nat		*nat;
	struct links		*links;
	struct relay		*relay;
	struct tunnel		*tunnel;
	struct cover_pool	 pool;
	struct hash_key		 secret;
	struct pipeline		*pipeline;
	struct tally		 tally;

	uint32_t		 now_ms;	/* since the start; wraps */
	uint32_t		 window_ms, period_ms, idle_ms;
	uint64_t		 report_bytes;

	/* For flows that are not precious, so that a flood of them leaves
	 * room in the queues for the rest. */
	uint32_t		 served;	/* where the next tick begins */
	uint32_t		 evict_reports;	/* left until then */
	const ledger_count	*queued;	/* for the writer; NULL unknown */

	/* When the capture lost packets, oldest first. */
	struct tracker_loss	 losses[TRACKER_LOSSES];
	size_t			 n_losses;
};

static inline unsigned
tracker_side(const struct flow *f)
{
	return f->bits & FLOW_BIT_SIDE ? 1 : 0;
}

/* The connection that a flow is bound to, or NULL. */
const struct nat_conn *tracker_conn(const struct tracker *,
    const struct flow *);
/* A flow and its connection are no longer the first that are evicted. */
void tracker_set_precious(struct tracker *, uint32_t flow);

#endif

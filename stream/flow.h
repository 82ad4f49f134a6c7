/*
 * flow: the table of flows. One flow per connection, found by its original
 * tuple and zone; a connection that begins anew on the same tuple is a newer
 * generation, and the older one stays for late copies until it is dropped.
 * New payload after the final report is another flow, in its place.
 *
 * Here: memory, look-up, eviction, points on the path. What a packet does to
 * a flow is in count.h, what becomes an event in report.h.
 * Threads: loop thread. Bounded by the limit given at the start.
 */
#ifndef STREAM_FLOW_H
#define STREAM_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/hash.h"
#include "stream/cover.h"
#include "stream/key.h"
#include "stream/slots.h"

#define FLOW_NONE	0	/* flows are numbered from 1 */
#define FLOW_KINDS	256	/* for eviction, see flow.c */
#define FLOW_POINTS	8	/* points beyond these are not told apart */
#define FLOW_NEAR	3	/* points inside struct flow */

enum flow_end {
	FLOW_END_NONE, FLOW_END_FIN, FLOW_END_RST, FLOW_END_IDLE,
	FLOW_END_EVICTED, FLOW_END_SHUTDOWN, FLOW_END_REPLACED, FLOW_ENDS
};

/* Directions: 0 is what the initiator sent, 1 what it received. */
#define FLOW_POINT_OUT	UINT32_C(0x80000000)
struct flow_point {
	uint32_t	where;		/* ifindex; FLOW_POINT_OUT: packets of
					   direction 0 leave here, and those of
					   direction 1 arrive */
	uint32_t	packets[2];
	uint32_t	next[2];	/* TCP: see cover.h; UDP: count.c */
	uint32_t	bare[2];	/* TCP packets without payload */
};

struct flow_sum {
	uint64_t	packets;
	uint64_t	bytes;		/* from the IP header on */
	uint64_t	payload;	/* transport payload, each byte once */
};

/* What most flows do without. */
struct flow_extra {
	struct flow_point	far[FLOW_POINTS - FLOW_NEAR];
	struct cover_holes	whole[2];
	struct cover_holes	at[2][FLOW_POINTS];
	uint32_t		again[2][FLOW_POINTS];	/* bytes sent again */
	uint32_t		again_most[2];
	uint64_t		again_sum;
};

#define FLOW_BIT_SIDE		0x0001	/* the initiator stands second */
#define FLOW_BIT_SURE		0x0002	/* that comes from conntrack or a SYN */
#define FLOW_BIT_CAST		0x0004	/* broadcast or multicast */
#define FLOW_BIT_CHANGED	0x0008	/* since the last report */
#define FLOW_BIT_ENDED		0x0010	/* the final report is out */
#define FLOW_BIT_BASED(d)	(0x0020U << (d))	/* base, next valid */
#define FLOW_BIT_SYN(d)		(0x0080U << (d))	/* base is ISN + 1 or
							   was moved up */
#define FLOW_BIT_FIN(d)		(0x0200U << (d))
#define FLOW_BIT_FIN_ACKED(d)	(0x0800U << (d))
#define FLOW_BIT_RST		0x2000
#define FLOW_BIT_RELAY		0x4000	/* relay.h keeps an entry */
#define FLOW_BIT_TUNNEL		0x8000	/* tunnel.h does */

/* In an order that leaves no holes: there are many of them. */
struct flow {
	struct key		 key;
	uint16_t		 bits;
	uint8_t			 tcp_flags[2];
	uint8_t			 begun[2];	/* points whose next is valid */
	int64_t			 first_ns, last_ns;	/* packet stamps */
	struct flow_sum		 sum[2];
	uint64_t		 copies;	/* not counted again */
	uint32_t		 delta_bytes[2], delta_payload[2];
	uint32_t		 base[2], next[2], bare[2];
	struct flow_extra	*extra;		/* NULL until needed */
	uint32_t		 conn;		/* see flow_bind; 0 none */
	uint32_t		 older;		/* generation before, FLOW_NONE */
	uint32_t		 serial;
	uint32_t		 active_ms, reported_ms;
	uint32_t		 reports;
	uint8_t			 first_point[2];	/* + 1; 0 none: the
						   reference for packets */
	uint8_t			 by_reply;	/* points that a packet of
						   direction 1 showed first */
	uint8_t			 n_points : 4;
	uint8_t			 end : 4;	/* enum flow_end */
	struct flow_point	 near[FLOW_NEAR];
};

/* A flow must go to make room. Its memory is taken when this returns. */
typedef void (*flow_evict_fn)(void *ctx, uint32_t flow);

/* Public so that flow_get costs a packet nothing. */
struct flow_table {
	struct flow		*flows;
	uint32_t		*due;		/* ms, 0 not due */
	uint8_t			*kind;
	uint32_t		*free;		/* stack of freed slots */
	uint32_t		 n_free, top, limit, hand, n_cheap;
	uint32_t		 count[FLOW_KINDS];	/* of each kind */
	unsigned		 largest;	/* cheap kind: the last that was */
	uint32_t		 serial;
	struct slots		 slots;
	struct cover_pool	*pool;
	flow_evict_fn		 evict;
	void			*ctx;
};

/* NULL with errno ENOMEM. */
struct flow_table *flow_table_new(size_t limit, struct cover_pool *,
    flow_evict_fn, void *ctx);
void flow_table_free(struct flow_table *);

static inline struct flow *
flow_get(const struct flow_table *t, uint32_t flow)
{
	return &t->flows[flow - 1];
}

/* The newest generation of this tuple and zone, or FLOW_NONE. */
uint32_t flow_find(const struct flow_table *, const struct key *,
    uint64_t hash);
/*
 * A new flow, as a new generation when there is one already. Evicts when the
 * table is full. from: the interface that its first packet was seen on.
 */
uint32_t flow_make(struct flow_table *, const struct key *, uint64_t hash,
    uint32_t from, uint32_t now_ms);
/* Frees it. hash: of its key. */
void flow_drop(struct flow_table *, uint32_t flow, uint64_t hash);

/*
 * The point's index in the flow, made when new; FLOW_POINTS when there are
 * too many or memory is out.
 */
unsigned flow_point_at(struct flow *, uint32_t where, unsigned direction);
static inline struct flow_point *
flow_point(struct flow *f, unsigned point)
{
	return point < FLOW_NEAR ? &f->near[point] :
	    &f->extra->far[point - FLOW_NEAR];
}

/* NULL when memory is out. */
struct flow_extra *flow_extra(struct flow *);
/* Nothing has been counted or reported; it began then, or a little later, so
 * that it is not taken for what it was. What it knows of numbers stays. */
void flow_begin_again(struct flow *, int64_t when_ns);
/* Exchanges the directions. */
void flow_turn(struct flow *);

/* When the owner wants to hear of this flow again. */
void flow_set_due(struct flow_table *, uint32_t flow, uint32_t at_ms);
/* The next flow after `flow` (FLOW_NONE to begin) that is due; or FLOW_NONE. */
uint32_t flow_next_due(const struct flow_table *, uint32_t flow,
    uint32_t now_ms);
/* The next flow of all. */
uint32_t flow_next(const struct flow_table *, uint32_t flow);
/*
 * Those that are not precious go first when room is needed: flows of a few
 * packets without an answer, and ended ones. Of these the oldest goes from
 * where most of them came from, so that a flood takes room from itself and
 * not from others. An interface cannot be forged, as a source address can.
 * Where they hold an eighth of the table or less, one that was idle long goes
 * instead, precious or not.
 */
void flow_set_precious(struct flow_table *, uint32_t flow, bool precious);
bool flow_is_precious(const struct flow_table *, uint32_t flow);

size_t flow_count(const struct flow_table *);
/* Serial of the flow that was made last, 0 none. */
uint32_t flow_latest(const struct flow_table *);

#endif

/*
 * count: what one copy of a packet does to its flow: is it new, how many of
 * its payload bytes are, was it sent again.
 *
 * TCP payload: ranges of sequence numbers (cover.h). A packet with new bytes
 * is a new packet; one without is a copy, unless the flow's first point has
 * seen its bytes before: then it was sent again and counts as a packet.
 * So packets and bytes are those of the first point, where conntrack counts
 * too, however the packets were cut at later points.
 * TCP packets without payload: a new one where a point has seen more of them
 * than were counted.
 * Everything else: dedup.h.
 *
 * Threads: loop thread. No state but the flow's and the given tables'.
 */
#ifndef STREAM_COUNT_H
#define STREAM_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/hash.h"
#include "stream/decode.h"
#include "stream/dedup.h"
#include "stream/flow.h"

struct count_result {
	bool		packet;		/* counts as a packet */
	uint32_t	payload;	/* bytes that are new */
	uint32_t	again;		/* bytes that were sent again */
	bool		odd;		/* TCP: far out of the window */
};

/* The last TCP packet that was far out of its window: see count_tcp. */
struct count_odd {
	uint32_t	serial;		/* of its flow */
	uint8_t		direction;
	uint32_t	seq;
};

/*
 * point: index from flow_point_at, FLOW_POINTS when there is none. A packet
 * far out of the window moves no range; the second such one in a row with
 * about the same sequence number starts the ranges anew there.
 */
void count_tcp(struct cover_pool *, struct flow *, unsigned direction,
    unsigned point, const struct decoded *, struct count_odd *,
    struct count_result *);

/* Could this TCP packet belong to this generation of a flow? */
bool count_tcp_fits(const struct flow *, unsigned direction,
    const struct decoded *);

/* Is it also within what the flow has shown, or not far from where it stands?
 * By chance in one of 128 cases, as long as the flow is short. */
bool count_tcp_is_close(const struct flow *, unsigned direction,
    const struct decoded *);

/*
 * How far this TCP packet's numbers are from where the flow stands: a packet
 * of the flow is nearer than the window, any other one by chance 2^31 away.
 * UINT64_MAX when there is nothing to compare.
 */
uint64_t count_tcp_distance(const struct flow *, unsigned direction,
    const struct decoded *);

/*
 * A datagram or anything else that is not TCP; identity from count_identity.
 * UDP that the uplink shows in pieces (UDP_SEGMENT) counts as the one packet
 * that the first point showed.
 */
void count_datagram(struct dedup *, uint64_t identity, struct flow *,
    unsigned direction, unsigned point, const struct decoded *,
    uint32_t now_ms, struct count_result *);

#define COUNT_WORDS	8
struct count_key { uint64_t k[COUNT_WORDS]; };
struct count_key count_key_random(void);

/*
 * Identity of a datagram, ICMP or other packet within its flow. side: where
 * its source stands in the flow's key. inner: hash of the canonical tuple
 * inside an ICMP error, else 0. tail: look at the end of the payload as well;
 * no when some points show less of a packet than others.
 */
uint64_t count_identity(const struct count_key *, const struct flow *,
    unsigned side, const struct decoded *, uint64_t inner, bool tail);

#endif

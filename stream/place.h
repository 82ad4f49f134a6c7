/*
 * place: the flow of a packet. Through the connection when conntrack knows
 * it, else by the canonical tuple; of several generations on one tuple the
 * one whose sequence numbers fit.
 *
 * The initiator is who sent the original tuple of conntrack; else who sent
 * the SYN or the request; else who sent the first packet, but in the middle
 * of a TCP connection rather the end with the higher port.
 *
 * Threads: loop thread.
 */
#ifndef STREAM_PLACE_H
#define STREAM_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"
#include "stream/decode.h"
#include "stream/tracker.h"

/* What is known of a packet beforehand. */
struct place {
	uint32_t		 conn;	/* NAT_NONE: conntrack does not know */
	const struct key	*key;	/* canonical tuple */
	unsigned		 side;	/* where the packet's source stands */
	uint32_t		 from;	/* interface that the packet is on */
	bool			 hashed;	/* hash is that of key */
	uint64_t		 hash;
};

struct place_found {
	uint32_t	flow;
	unsigned	direction;	/* of this packet in the flow */
};

/*
 * Whose TCP packet this is, when several connections had its tuple a moment
 * ago (a NAT port used again in TIME_WAIT): the one whose sequence numbers it
 * continues. found: what nat_find said, kept when no flow tells better.
 */
struct nat_match place_owner(struct tracker *, const struct key *,
    uint64_t hash, unsigned side, const struct decoded *,
    struct nat_match found);

/* The flow, made when there is none. May evict another. */
struct place_found place_find(struct tracker *, struct place *,
    const struct decoded *, struct wall when);

#endif

/*
 * relay: which flow carries on another one. docker-proxy, or any process that
 * accepts a connection and opens a second one for the same bytes, makes two
 * flows; the second names the first. They are never one flow: both are paid
 * for on the host.
 *
 * The relay's place is a network namespace: the host's, or that of the
 * container behind a veth. B may carry on A when A ends at the place where B
 * begins, A was answered before B was opened, B was opened within
 * RELAY_WINDOW_MS of A, the first RELAY_HEAD bytes of both directions are the
 * same as far as both were captured, each direction was seen on its source
 * side first, and no more bytes left the relay than had come to it. Where
 * both have closed a direction in order, its bytes must be equal in number.
 *
 * Confidence: high when no other A fits this B, no other B fits this A, A has
 * had its answer (so that every B there can be is known), both directions
 * were compared over RELAY_SURE bytes or their final counts agree, nothing
 * was lost meanwhile, and the port where A ends answered nobody by itself in
 * the last minutes: two connections of a plain server that happen to carry
 * the same are no relay. low when several fit: then the one that waits
 * longest is named. medium otherwise. Without a byte of payload nothing is
 * said.
 *
 * A relay that changes the first bytes (an HTTP proxy that adds headers, TLS
 * termination) or pools connections is not recognised.
 *
 * Threads: loop thread. Bounded: RELAY_MAX flows at a time, about 1 MiB; what
 * is evicted is counted and takes away certainty from its neighbours.
 */
#ifndef STREAM_RELAY_H
#define STREAM_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/hash.h"
#include "stream/decode.h"
#include "stream/tracker.h"

#define RELAY_MAX	4096
#define RELAY_HEAD	64		/* bytes of each direction */
#define RELAY_SURE	16
#define RELAY_WINDOW_MS	2000

struct relay;

enum relay_confidence { RELAY_NONE, RELAY_LOW, RELAY_MEDIUM, RELAY_HIGH };

struct relay_link {
	char			id[HASH_ID_TEXT];	/* of flow A */
	enum relay_confidence	confidence;
	bool			counted;	/* final counts agree */
};

/* max_flows: numbers of flows that there can be; now: connections that were
 * open before are not known, 0: the first flow says when that is. NULL with
 * errno ENOMEM. */
struct relay *relay_new(size_t max_flows, struct wall now);
void relay_free(struct relay *);

/* The first answer of a TCP flow came. */
void relay_answered(struct tracker *, uint32_t flow);
/* A copy of the only datagram of a UDP flow yet. */
void relay_datagram(struct tracker *, uint32_t flow, const struct decoded *);
/* New payload of a flow with FLOW_BIT_RELAY, as long as RELAY_HEAD bytes of
 * this direction are not there yet. */
void relay_payload(struct tracker *, uint32_t flow, unsigned direction,
    const struct decoded *);
/* The flow is about to be freed. */
void relay_forget(struct tracker *, uint32_t flow);
void relay_tick(struct tracker *);

/* What is known of this flow now; confidence RELAY_NONE: nothing. */
struct relay_link relay_find(struct tracker *, uint32_t flow, bool final);
const char *relay_confidence_name(enum relay_confidence);

#endif

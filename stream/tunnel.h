/*
 * tunnel: which flows carry the packets of a flow inside VXLAN (RFC 7348).
 * The inner packet is a flow of its own, and so is the outer one; each is
 * counted once. A tunnel's two directions are two outer flows, since the
 * source port of each packet is a hash of what it carries.
 *
 * Where the host has the VXLAN device itself, the inner packets are seen there
 * too and are copies of each other. Where it is in another namespace (Docker's
 * overlay networks), each network is an address space of its own: a scope
 * from TUNNEL_SCOPE on, by its number.
 *
 * Threads: loop thread. Bounded: TUNNEL_FLOWS links, the oldest goes first
 * and is counted; TUNNEL_SPACES networks. One that had no packet for as long
 * as a flow may be silent makes room and is counted; when there is none, those
 * beyond share one scope.
 */
#ifndef STREAM_TUNNEL_H
#define STREAM_TUNNEL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/hash.h"
#include "stream/tracker.h"

#define TUNNEL_FLOWS	8192
#define TUNNEL_SPACES	1024
#define TUNNEL_SCOPE	0x8000

struct tunnel;

struct tunnel_link {
	bool		known;
	uint32_t	vni;		/* VXLAN network identifier */
	size_t		n;		/* outer flows, at most one a direction */
	char		outer[2][HASH_ID_TEXT];
};

/* max_flows: as of flow_table_new. NULL with errno ENOMEM. */
struct tunnel *tunnel_new(size_t max_flows);
void tunnel_free(struct tunnel *);

/* The scope of the inner addresses of a network. */
uint16_t tunnel_scope(struct tracker *, uint32_t vni);
/* A packet of this direction of `inner` came inside one of `outer`, which may
 * be freed by now: the serial tells. */
void tunnel_carry(struct tracker *, uint32_t inner, unsigned direction,
    uint32_t vni, uint32_t outer, uint32_t outer_serial);
/* What carries it, as its latest packets came. */
struct tunnel_link tunnel_find(struct tracker *, uint32_t inner);
/* The flow is about to be freed. */
void tunnel_forget(struct tracker *, uint32_t flow);

#endif

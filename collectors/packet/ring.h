/*
 * ring: a TPACKET_V3 ring shared with the kernel, on one packet socket that
 * hears all interfaces of its network namespace. Each ring stands alone, so
 * there may be one for each namespace; between two rings there is no order.
 *
 * Sees what libpcap's "any" device does not: the size of the datagrams in a
 * UDP packet that the kernel has yet to cut (UDP_SEGMENT), and it changes its
 * filter without losing a packet. A kernel before 6.2 would drop such packets
 * at a socket that asks for the size, so there it is not asked for. With it
 * asked for, the kernel drops SCTP packets that are yet to be cut; it counts
 * them among the drops.
 *
 * Source: packet(7), the kernel's packet_mmap.rst and af_packet.c.
 * Threads: one owner. Nothing here blocks.
 */
#ifndef COLLECTORS_PACKET_RING_H
#define COLLECTORS_PACKET_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>

#include "lib/buf.h"
#include "lib/mono.h"

#define RING_HEADROOM	20	/* bytes before a frame's bytes: a cooked header */

struct ring;

/* One captured copy; lent for the call. */
struct ring_frame {
	struct wall	 when;
	uint32_t	 ifindex;
	uint16_t	 protocol;	/* ETH_P_ of bytes, host order */
	uint16_t	 hatype;	/* ARPHRD_ of the interface */
	uint16_t	 gso_size;	/* UDP: payload bytes of each datagram
					   but the last; 0: whole or unknown */
	uint8_t		 seen;		/* sll_pkttype of packet(7) */
	uint8_t		 mac_len;
	uint8_t		 mac[8];	/* source */
	uint8_t		*bytes;		/* from the network header on; these
					   and RING_HEADROOM bytes before them
					   may be written */
	size_t		 len;		/* captured */
	size_t		 wire_len;	/* that there were */
};
typedef void (*ring_fn)(void *ctx, const struct ring_frame *);

/* A packet socket that hears nothing yet; needs CAP_NET_RAW. Or -errno. */
int ring_socket(void);
/*
 * Makes the ring and begins to hear. fd: from ring_socket, owned from then on,
 * also on failure. bytes: of the ring; it gets smaller when memory is out.
 * NULL with errno, and what failed in why.
 */
struct ring *ring_new(int fd, size_t bytes, const struct sock_fprog *,
    struct buf *why);
void ring_free(struct ring *);

/* To poll for reading. */
int ring_fd(const struct ring *);
/* Calls fn for at most budget frames that are there; how many. */
int ring_read(struct ring *, int budget, ring_fn, void *ctx);
/* From one packet to the next. 0 or -errno; then the old one stays. */
int ring_set_filter(struct ring *, const struct sock_fprog *);
/* Packets that found no room since the last call. */
uint32_t ring_drops(struct ring *);
/* Whether gso_size is known. */
bool ring_knows_gso(const struct ring *);

#endif

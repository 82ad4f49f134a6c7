/*
 * link: interfaces, addresses and default routes of the network namespace,
 * from rtnetlink(7). Feeds stream (names, masters, peers, which interface
 * leads out) and tells one listener (promiscuous mode), and another of the
 * host's addresses.
 *
 * What does not come from the kernel is counted and dropped.
 *
 * Place: beside the packet path; capture does not wait for it.
 * Source: rtnetlink(7), linux/if_link.h, linux/rtnetlink.h.
 */
#ifndef COLLECTORS_LINK_LINK_H
#define COLLECTORS_LINK_LINK_H

#include "collectors/collector.h"
#include "stream/stream.h"

extern const struct collector_ops link_collector;

/* hairpin: a port of a bridge that sends frames back where they came from. */
typedef void (*link_fn)(void *ctx, const struct stream_link *, bool hairpin);
void link_listen(void *self, link_fn, void *ctx);
/* The host's own addresses, as they come and go. */
typedef void (*link_address_fn)(void *ctx, const struct stream_address *);
void link_listen_address(void *self, link_address_fn, void *ctx);

/* Which namespace an interface's peer is in, -1 for none. ifindex 0: the
 * namespace with this id is gone and its number free for another; -1: of any
 * id, since messages were lost. */
typedef void (*link_peer_fn)(void *ctx, uint32_t ifindex, int32_t nsid,
    bool gone);
void link_listen_peer(void *self, link_peer_fn, void *ctx);

/*
 * A non-blocking rtnetlink socket with the groups joined and the receive
 * buffer set. Needs no privilege. -errno on failure; the caller owns the fd.
 */
int link_open(void);

/*
 * Asks the kernel for everything again; what is known stays. 0, -ENOTCONN
 * before start, -errno.
 */
int link_dump(void *self);

/* Most interfaces and routes remembered; more are counted and dropped. */
#define LINK_MAX	8192

#endif

/*
 * conntrack: connections and their translation, from ctnetlink. NEW and
 * DESTROY events, and a dump of the table at start and after an overrun.
 *
 * What does not come from the kernel is counted and dropped.
 *
 * Place: drained before packets are looked at, so that an alias is known
 * before the first translated copy (the kernel queues NEW first).
 * Source: linux/netfilter/nfnetlink_conntrack.h, net/netfilter/
 * nf_conntrack_netlink.c of the kernel.
 *
 * A dump needs CAP_NET_ADMIN of whoever sends the request, so the broker
 * sends it on its copy of the descriptor: conntrack_wants_dump asks for it.
 */
#ifndef COLLECTORS_CONNTRACK_CONNTRACK_H
#define COLLECTORS_CONNTRACK_CONNTRACK_H

#include "collectors/collector.h"
#include "stream/stream.h"

extern const struct collector_ops conntrack_collector;

/* Called when a dump is needed. */
typedef void (*conntrack_dump_fn)(void *ctx);
void conntrack_on_dump(void *self, conntrack_dump_fn, void *ctx);

/*
 * True from an overrun (and from the start) until a dump has told what is
 * there, but no longer than a second: packets of connections that are not
 * known yet would be counted as others, so they wait in the ring.
 */
bool conntrack_is_behind(const void *self);

/* Broker: a non-blocking socket that hears NEW and DESTROY, or -errno
 * (-EPERM without CAP_NET_ADMIN, -EPROTONOSUPPORT without the module). */
int conntrack_open(void);
/* Broker: asks for the whole table on that socket. 0 or -errno. */
int conntrack_dump(int fd);

#endif

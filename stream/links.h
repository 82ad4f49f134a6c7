/*
 * links: what is known about interfaces and the host's own addresses.
 *
 * Threads: loop thread. Bounded: LINKS_MAX interfaces (one that is gone keeps
 * its name until it is evicted), LINKS_ADDRESSES_MAX addresses. Bridges
 * beyond LINKS_BRIDGES_MAX are not told from other interfaces, VXLAN devices
 * beyond LINKS_VXLANS_MAX are as if they were elsewhere.
 */
#ifndef STREAM_LINKS_H
#define STREAM_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/stream.h"

#define LINKS_MAX		8192
#define LINKS_ADDRESSES_MAX	4096
#define LINKS_BRIDGES_MAX	256
#define LINKS_VXLANS_MAX	256

struct links;

struct links *links_new(void);		/* NULL with errno ENOMEM */
void links_free(struct links *);

void links_set(struct links *, const struct stream_link *);
/* NULL when nobody told about it. */
const struct stream_link *links_get(const struct links *, uint32_t ifindex);
/* False also when nobody told about it. Cheap: asked for every packet. */
bool links_is_bridge(const struct links *, uint32_t ifindex);
/* Is there a VXLAN device of this network here? 0: never. */
bool links_has_vni(const struct links *, uint32_t vni);
/* Or of any: then some copies of a packet begin deeper in what was captured
 * of them. */
bool links_has_vxlan(const struct links *);
/* The name, or "if7". Valid until the next call. */
const char *links_name(struct links *, uint32_t ifindex);

/* False when there was no room. */
bool links_set_address(struct links *, const struct stream_address *);
bool links_is_host(const struct links *, const struct ipaddr *);
/*
 * Does this address lie in the subnet of a bridge or another interface that
 * leads nowhere else? The longest prefix decides, as it does for the kernel's
 * own routes. What lies behind a gateway, or nowhere, does not.
 */
bool links_is_inside(const struct links *, const struct ipaddr *);
/* Whether any address is known at all. */
bool links_know_host(const struct links *);

#endif

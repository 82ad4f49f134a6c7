/*
 * netns: which containers live in the network namespace behind an interface
 * of the host.
 *
 * The host's end of a veth names its peer's namespace by an id that the
 * kernel gives out (IFLA_LINK_NETNSID); the privileged side tells the id and
 * the inode of the namespace of a container's processes. Containers that
 * share a namespace are all told. A namespace is asked for as soon as Docker
 * names a container that begins, and again when an interface with an unknown
 * peer appears, which is before the container's first packet.
 *
 * Bounded: NETNS_LIMIT namespaces, NETNS_MEMBERS containers each, NETNS_LINKS
 * interfaces; the oldest go first. Threads: the loop thread; nothing blocks.
 * Source: rtnetlink(7), linux/net_namespace.h.
 */
#ifndef ENRICH_NETNS_H
#define ENRICH_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/ledger.h"
#include "enrich/ask.h"
#include "lib/mono.h"

#define NETNS_LIMIT	8192
#define NETNS_LINKS	8192
#define NETNS_MEMBERS	8

struct netns_table;

struct netns_member { uint8_t id[32]; };

/* ask may be NULL. NULL with errno ENOMEM. */
struct netns_table *netns_table_new(const struct enrich_ask *,
    const struct mono_clock *, struct ledger *);
void netns_table_free(struct netns_table *);

/* From collectors/link, see link_peer_fn. */
void netns_link(struct netns_table *, uint32_t ifindex, int32_t nsid,
    bool gone);
/* This container begins or goes on. pid: its first process, or 0. host: it is
 * known to live in the host's namespace. */
void netns_want(struct netns_table *, const uint8_t id[static 32],
    uint32_t pid, bool host);
void netns_died(struct netns_table *, const uint8_t id[static 32],
    struct wall when);
/* status as the privileged side gave it; answer NULL: there is none. */
void netns_on_answer(struct netns_table *, const uint8_t id[static 32],
    const struct enrich_netns *answer);
/* Asks again for those that are not known yet. Every 20 to 100 ms. */
void netns_tick(struct netns_table *, struct mono now);
/* Everything is asked for again, for a recording that begins. */
void netns_ask_again(struct netns_table *);

/* The containers behind the interface at that time, in the order in which
 * they came. Returns how many. */
size_t netns_behind(struct netns_table *, uint32_t ifindex, struct wall when,
    struct netns_member out[static NETNS_MEMBERS]);
/* The containers that share the container's namespace, itself among them;
 * 0 when its namespace is not known. */
size_t netns_partners(struct netns_table *, const uint8_t id[static 32],
    struct wall when, struct netns_member out[static NETNS_MEMBERS]);
/* True when an interface has its peer in a namespace of which nothing is
 * known, and an answer is under way. */
bool netns_is_waiting(struct netns_table *, uint32_t ifindex);

#endif

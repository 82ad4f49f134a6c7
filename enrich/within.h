/*
 * within: which containers live in the network namespaces whose loopback
 * interface is captured (STREAM_INSIDE of stream/stream.h), by number.
 *
 * A number is given once and not used again while anybody may ask for it.
 * Bounded: WITHIN_SCOPES numbers, the oldest goes first; NETNS_MEMBERS
 * containers of one namespace, those that come after are left out.
 * Threads: the loop thread.
 */
#ifndef ENRICH_WITHIN_H
#define ENRICH_WITHIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrich/netns.h"

#define WITHIN_SCOPES	2048

struct within_table;

struct within_table *within_table_new(void);	/* NULL with errno ENOMEM */
void within_table_free(struct within_table *);

/* A container is there from then on. One that left is remembered. */
void within_add(struct within_table *, uint16_t scope,
    const uint8_t id[static 32]);
/* All that were there, in the order in which they came. Returns how many. */
size_t within_members(const struct within_table *, uint16_t scope,
    struct netns_member out[static NETNS_MEMBERS]);
/* Whether any number was given yet. */
bool within_is_used(const struct within_table *);

#endif

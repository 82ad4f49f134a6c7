/*
 * address: which container had an address at a time. An address goes from
 * one container to the next, so each keeps its last owners as intervals.
 *
 * Bounded: ADDRESS_LIMIT addresses, ADDRESS_OWNERS owners each; the oldest go
 * first. Threads: one owner. Nothing here logs or blocks.
 */
#ifndef ENRICH_ADDRESS_H
#define ENRICH_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ipaddr.h"
#include "lib/mono.h"

#define ADDRESS_LIMIT	16384
#define ADDRESS_OWNERS	8

struct address_table;

struct address_owner {
	uint8_t		id[32];		/* container, binary */
	char		network[40];	/* name, cut */
	int64_t		from_ns, to_ns;	/* wall; to INT64_MAX: still */
};

struct address_table *address_table_new(void);	/* NULL with errno */
void address_table_free(struct address_table *);

/* The container has the address from then on; the one that had it loses it
 * at that moment. Does nothing when it has it already. */
void address_give(struct address_table *, const struct ipaddr *,
    const uint8_t id[static 32], const char *network, struct wall from);
/* The container loses the address, if it has it. */
void address_take(struct address_table *, const struct ipaddr *,
    const uint8_t id[static 32], struct wall to);

/*
 * The owner at that time, or NULL. When nobody had it at that very moment:
 * the one that lost it at most grace_ns before, then the one that got it at
 * most grace_ns after. Lent until the next call that changes the table.
 */
const struct address_owner *address_find(struct address_table *,
    const struct ipaddr *, struct wall when, int64_t grace_ns);

size_t address_count(const struct address_table *);

#endif

/*
 * nat: who owns a tuple that was seen on a wire. Keeps the connections that
 * conntrack reports and finds, for a packet's tuple, the connection, which of
 * its tuples that was, and the packet's direction in it.
 *
 * A connection is known by up to three tuples: original (as the initiator
 * sent it), the inverse of reply (after translation), and with both source
 * and destination translated, original source with translated destination
 * (a hairpin's copy between the two hooks).
 * A tuple may have had several owners a moment ago (a port reused in
 * TIME_WAIT): see nat_find.
 *
 * ICMP: the two ports of a stream_tuple both hold the query id; the key has
 * the id as the asking end's port and DECODE_ASKED as the other's.
 *
 * Of one original tuple at most NAT_OWNERS are kept that were destroyed.
 * When there is no room the oldest goes, whether it has a flow or not, but
 * not before those that are not precious: of a flood the newest must stay,
 * since their packets are still to come.
 *
 * Source: packet-facts section 4. Threads: loop thread. Bounded.
 */
#ifndef STREAM_NAT_H
#define STREAM_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/hash.h"
#include "lib/mono.h"
#include "stream/key.h"
#include "stream/stream.h"

#define NAT_NONE	0	/* no connection, no flow */

enum nat_which { NAT_ORIGINAL, NAT_WIRE, NAT_HALF, NAT_TUPLES };

struct nat_conn {
	/* With the original tuple 64 bytes: one line of cache. */
	uint32_t	flow;		/* number, NAT_NONE; a hint */
	uint32_t	order;		/* of arrival, for newest */
	int64_t		when_ns;	/* the kernel's, or of receipt */
	uint8_t		side[NAT_TUPLES];	/* where the initiator stands */
	uint8_t		opened;		/* bit per tuple: its SYN was seen */
	uint8_t		generation;	/* of the last dump that had it */
	bool		live : 1;	/* the slot is in use */
	bool		dead : 1;	/* destroyed, kept for late copies */
	bool		moved_source : 1, moved_destination : 1;
	bool		precious : 1;	/* others are evicted first: its flow
					   is, or it was answered long ago */
	struct key	original;
	struct key	wire;		/* the inverse of reply */
	uint32_t	id;
	uint32_t	newer, older;	/* by age, number + 1; NAT_NONE */
	uint8_t		spare[8];	/* 128 bytes in all */
};

struct nat;

/* What became of entries; the owner adds them to the ledger. */
struct nat_counts {
	uint64_t	made, destroyed, replaced;
	uint64_t	evicted;	/* live ones that had to go */
	uint64_t	unknown;	/* DESTROY without NEW */
	uint64_t	malformed;
	uint64_t	vanished;	/* missing in a dump */
};

/*
 * limit: most connections. linger_ms: how long a destroyed one still owns its
 * tuples. NULL with errno ENOMEM.
 */
struct nat *nat_new(size_t limit, uint32_t linger_ms, const struct hash_key *);
void nat_free(struct nat *);

/* An event. Returns the number + 1 of the connection that was made, or 0. */
uint32_t nat_event(struct nat *, const struct stream_nat *, uint32_t now_ms);
/* See stream_nat_dump. */
void nat_dump(struct nat *, bool begin, uint32_t now_ms);
/* Forgets what was destroyed long enough ago. */
void nat_tick(struct nat *, uint32_t now_ms);

struct nat_match {
	uint32_t	 conn;		/* number + 1, or NAT_NONE */
	enum nat_which	 which;
	uint8_t		 direction;	/* 0 as the initiator sent it, 1 back */
	bool		 contested;	/* it had another owner a moment ago */
};

/*
 * The owner of a packet's tuple. side: where its source stands; hash: of the
 * key. Of two owners the newer one has it once its first SYN was seen on this
 * tuple (other protocols: once its flow exists), or for packets stamped after
 * it began; before that the older. No owner: conn is NAT_NONE.
 */
void nat_find(struct nat *, const struct key *, uint64_t hash, unsigned side,
    bool syn, struct wall, struct nat_match *);

/*
 * All owners of a contested tuple, the newest first, at most max; returns how
 * many. For TCP the sequence numbers tell better than time whose packet it is.
 */
#define NAT_OWNERS	32
size_t nat_owners(struct nat *, const struct key *, uint64_t hash,
    unsigned side, struct nat_match *, size_t max);
/*
 * Of the owners of a contested tuple one that shows it to such a copy: what
 * comes in is not yet translated, what goes out is. What one connection became
 * by translation may be what another one dials, at the same time. found: what
 * nat_find said, kept when it will do or none will.
 */
struct nat_match nat_shown(struct nat *, const struct key *, uint64_t hash,
    unsigned side, bool enters, struct nat_match found);

/* number + 1 as given by the functions above; never NAT_NONE. */
struct nat_conn *nat_conn(const struct nat *, uint32_t conn);
/* The flow of a connection is gone: it may be forgotten. */
void nat_release(struct nat *, uint32_t conn, uint32_t now_ms);

size_t nat_count(const struct nat *);
const struct nat_counts *nat_counts(const struct nat *);

#endif

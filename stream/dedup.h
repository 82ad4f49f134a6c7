/*
 * dedup: the multiset of datagrams of the last seconds. Each identity (flow,
 * direction, IP ID, length, hash of some payload) has a counter for every
 * observation point of its flow and one for what was counted already. A copy
 * is new only when its point's counter passes what was counted. So n equal
 * datagrams count n times, however many points show them.
 *
 * Identities that collide share their counters, which stays exact as long as
 * no point misses one that another point has.
 *
 * Not for: TCP payload (cover). Source: packet-facts section 5.
 * Threads: loop thread. Bounded: the oldest identity goes when it is full.
 */
#ifndef STREAM_DEDUP_H
#define STREAM_DEDUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEDUP_POINTS	5	/* points beyond these are never the first */

struct dedup;

/*
 * limit: most identities; window_ms: how long one is kept after its last
 * copy. NULL with errno ENOMEM.
 */
struct dedup *dedup_new(size_t limit, uint32_t window_ms);
void dedup_free(struct dedup *);

/* This identity will be asked for soon. */
void dedup_expect(const struct dedup *, uint64_t identity);
/*
 * One copy. identity: a keyed hash; point: index of the point in its flow and
 * direction. True when it is to be counted.
 */
bool dedup_is_new(struct dedup *, uint64_t identity, unsigned point,
    uint32_t now_ms);
void dedup_tick(struct dedup *, uint32_t now_ms);

size_t dedup_count(const struct dedup *);
/* Identities that went before their time. */
uint64_t dedup_evicted(const struct dedup *);
/* Bytes for each identity, its part of the index included. */
size_t dedup_entry_bytes(void);

#endif

/*
 * defrag: puts IP fragments together, separately for each observation point
 * and address space, as far as counting needs it: the transport header, the
 * first bytes and the lengths. One point may show fragments where the next
 * shows the whole packet (br_netfilter reassembles), so a packet is counted
 * when it is complete.
 *
 * Not for: payload. Source: RFC 791, 8200 section 4.5.
 * Threads: loop thread. Bounded: DEFRAG_TRAINS packets at a time.
 */
#ifndef STREAM_DEFRAG_H
#define STREAM_DEFRAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mono.h"
#include "stream/decode.h"

#define DEFRAG_TRAINS		4096
#define DEFRAG_TIMEOUT_MS	30000	/* net.ipv4.ipfrag_time */

struct defrag;

/* A packet put together, or what there was of it. */
struct defrag_done {
	struct decoded	packet;		/* payload valid until the next call */
	uint32_t	fragments;	/* copies that it came in */
	uint32_t	ifindex;
	uint8_t		seen;		/* enum stream_seen of the first */
	uint16_t	scope;		/* of its addresses, see key.h */
	bool		partial;	/* timed out or evicted: lengths are
					   those of the parts that came */
	struct wall	when;		/* stamp of the latest fragment */
};
/* A packet that never became complete. The transport header may be missing:
 * then readable is false and only fragments counts. */
typedef void (*defrag_partial_fn)(void *ctx, const struct defrag_done *,
    bool readable);

enum defrag_verdict {
	DEFRAG_WAITING,		/* kept, more to come */
	DEFRAG_DONE,		/* *done is filled */
	DEFRAG_BAD,		/* beyond 64 KiB, or whole but unreadable */
	DEFRAG_NO_MEMORY
};

/* NULL with errno ENOMEM. */
struct defrag *defrag_new(defrag_partial_fn, void *ctx);
/* Gives what is waiting to the partial callback. */
void defrag_flush(struct defrag *);
void defrag_free(struct defrag *);

/* fragment->fragment must be set. *lost: fragments that go with DEFRAG_BAD. */
enum defrag_verdict defrag_add(struct defrag *, const struct decoded *fragment,
    uint32_t ifindex, uint8_t seen, uint16_t scope, struct wall,
    uint32_t now_ms, struct defrag_done *done, uint32_t *lost);
/* Times out. */
void defrag_tick(struct defrag *, uint32_t now_ms);
/* Fragments that are waiting now. */
size_t defrag_pending(const struct defrag *);

#endif

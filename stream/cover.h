/*
 * cover: which bytes of one direction of a TCP connection were seen, as
 * ranges of sequence numbers: everything in [base, next) but the holes. One
 * cover is kept for the connection (a byte that it lacks is new) and one for
 * each observation point (a byte that it has was sent again).
 *
 * Sequence numbers wrap: the owner moves base up (cover_trim) so that
 * next - base stays at most COVER_REACH. In-order traffic needs no memory:
 * holes are allocated when there are any, up to the pool's limit.
 *
 * Source: RFC 9293 section 3.4. Threads: one owner. Nothing logs or blocks.
 */
#ifndef STREAM_COVER_H
#define STREAM_COVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COVER_REACH	(UINT32_C(1) << 30)	/* the largest TCP window */
#define COVER_HOLES_MAX	1024			/* of one cover */

struct cover_span { uint32_t from, to; };

/* Ascending, apart from each other, inside [base, next). */
struct cover_holes {
	struct cover_span	*spans;
	uint16_t		 n, room;
};

/* Shared by all covers of a stream. */
struct cover_pool {
	size_t		limit;		/* spans in all */
	size_t		spans;		/* allocated now */
	uint64_t	forgotten;	/* holes that found no room: their bytes
					   will count as sent again, not as new */
};

/* a before b on the circle of sequence numbers. */
static inline bool
cover_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/*
 * Marks [from, to) and returns how many of its bytes were not yet covered.
 * The range must lie within COVER_REACH of *next. *base and *next move.
 */
uint32_t cover_fill(struct cover_pool *, struct cover_holes *, uint32_t *base,
    uint32_t *next, uint32_t from, uint32_t to);
/* Makes [from, to), inside [base, next), a hole: bytes never seen. */
void cover_open(struct cover_pool *, struct cover_holes *, uint32_t from,
    uint32_t to);
/* base was moved up: forgets the holes below it. */
void cover_trim(struct cover_holes *, uint32_t base);
void cover_fini(struct cover_pool *, struct cover_holes *);

#endif

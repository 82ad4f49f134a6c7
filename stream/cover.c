#include "stream/cover.h"

#include <stdlib.h>
#include <string.h>

/* First span that ends after seq. */
static size_t
find_span(const struct cover_holes *h, uint32_t seq)
{
	size_t low = 0, high = h->n, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (cover_before(seq, h->spans[mid].to))
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool
grow(struct cover_pool *pool, struct cover_holes *h)
{
	size_t room = h->room == 0 ? 4 : (size_t)h->room * 2;
	struct cover_span *spans;

	if (room > COVER_HOLES_MAX ||
	    pool->spans + room - h->room > pool->limit)
		return false;
	spans = realloc(h->spans, room * sizeof(*spans));
	if (spans == NULL)
		return false;
	pool->spans += room - h->room;
	h->spans = spans;
	h->room = (uint16_t)room;
	return true;
}

static void
remove_spans(struct cover_holes *h, size_t at, size_t n)
{
	memmove(h->spans + at, h->spans + at + n,
	    (h->n - at - n) * sizeof(*h->spans));
	h->n = (uint16_t)(h->n - n);
}

static bool
insert_span(struct cover_pool *pool, struct cover_holes *h, size_t at,
    uint32_t from, uint32_t to)
{
	if (h->n == h->room && !grow(pool, h)) {
		pool->forgotten++;
		return false;
	}
	memmove(h->spans + at + 1, h->spans + at,
	    (h->n - at) * sizeof(*h->spans));
	h->spans[at] = (struct cover_span){ from, to };
	h->n++;
	return true;
}

void
cover_open(struct cover_pool *pool, struct cover_holes *h, uint32_t from,
    uint32_t to)
{
	if (from != to)
		(void)insert_span(pool, h, find_span(h, from), from, to);
}

/* Closes what [from, to) covers of the holes; returns how many bytes. */
static uint32_t
close_holes(struct cover_pool *pool, struct cover_holes *h, uint32_t from,
    uint32_t to)
{
	size_t at = find_span(h, from);
	struct cover_span *span;
	uint32_t closed = 0, end;

	while (at < h->n && cover_before(h->spans[at].from, to)) {
		span = &h->spans[at];
		if (cover_before(span->from, from)) {
			end = span->to;
			span->to = from;
			if (cover_before(to, end)) {
				/* In the middle: the rest is a hole too. */
				closed += to - from;
				(void)insert_span(pool, h, at + 1, to, end);
				break;
			}
			closed += end - from;
			at++;
		} else if (cover_before(to, span->to)) {
			closed += to - span->from;
			span->from = to;
			break;
		} else {
			closed += span->to - span->from;
			remove_spans(h, at, 1);
		}
	}
	return closed;
}

void
cover_trim(struct cover_holes *h, uint32_t base)
{
	size_t gone = 0;

	while (gone < h->n && !cover_before(base, h->spans[gone].to))
		gone++;
	if (gone != 0)
		remove_spans(h, 0, gone);
	if (h->n != 0 && cover_before(h->spans[0].from, base))
		h->spans[0].from = base;
}

uint32_t
cover_fill(struct cover_pool *pool, struct cover_holes *h, uint32_t *base,
    uint32_t *next, uint32_t from, uint32_t to)
{
	uint32_t fresh = 0;

	if (cover_before(from, *base)) {
		uint32_t end = cover_before(to, *base) ? to : *base;

		fresh += end - from;
		if (end != *base)
			(void)insert_span(pool, h, 0, end, *base);
		*base = from;
		from = end;
	}
	if (h->n != 0 && cover_before(from, *next))
		fresh += close_holes(pool, h, from, to);
	if (cover_before(*next, to)) {
		if (cover_before(*next, from)) {
			(void)insert_span(pool, h, h->n, *next, from);
			fresh += to - from;
		} else {
			fresh += to - *next;
		}
		*next = to;
	}
	return fresh;
}

void
cover_fini(struct cover_pool *pool, struct cover_holes *h)
{
	pool->spans -= h->room;
	free(h->spans);
	memset(h, 0, sizeof(*h));
}

#include "rules/alert/gaps.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/json.h"

struct shot {
	int64_t			ns;
	struct ledger_snapshot	counts;
};

struct gaps {
	const struct ledger	*ledger;
	size_t			 n, next;	/* ring */
	struct shot		 ring[GAPS_SNAPSHOTS];
};

struct gaps *
gaps_new(const struct ledger *ledger)
{
	struct gaps *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->ledger = ledger;
	g->ring[0].ns = INT64_MIN;
	ledger_take(ledger, &g->ring[0].counts);
	g->n = g->next = 1;
	return g;
}

void
gaps_free(struct gaps *g)
{
	free(g);
}

static const struct shot *
newest(const struct gaps *g)
{
	return &g->ring[(g->next + GAPS_SNAPSHOTS - 1) % GAPS_SNAPSHOTS];
}

void
gaps_tick(struct gaps *g, struct wall now)
{
	struct shot *shot = &g->ring[g->next];

	if (newest(g)->ns != INT64_MIN && now.ns < newest(g)->ns + MONO_S)
		return;
	shot->ns = now.ns;
	ledger_take(g->ledger, &shot->counts);
	g->next = (g->next + 1) % GAPS_SNAPSHOTS;
	if (g->n < GAPS_SNAPSHOTS)
		g->n++;
}

void
gaps_write(const struct gaps *g, struct wall cause, struct buf *out)
{
	struct json_writer w;
	const struct shot *shot = newest(g);
	size_t i;

	/* From the newest to the oldest, until one is early enough. */
	for (i = 1; i <= g->n; i++) {
		shot = &g->ring[(g->next + GAPS_SNAPSHOTS - i) %
		    GAPS_SNAPSHOTS];
		if (shot->ns == INT64_MIN ||
		    shot->ns <= cause.ns - GAPS_EARLIER_NS)
			break;
	}
	json_writer_init(&w, out);
	ledger_write_gaps(g->ledger, &shot->counts, &w);
}

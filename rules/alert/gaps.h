/*
 * gaps: what was lost while something happened: the ledger's losses between
 * a moment before the cause and now, from a ring of snapshots, one a second
 * for a minute.
 *
 * Driven by gaps_tick with the time of events, or of the clock when no event
 * comes. Threads: one owner. Nothing here logs or blocks.
 */
#ifndef RULES_ALERT_GAPS_H
#define RULES_ALERT_GAPS_H

#include "agent/core/ledger.h"
#include "lib/buf.h"
#include "lib/mono.h"

#define GAPS_SNAPSHOTS	60
#define GAPS_EARLIER_NS	(2 * MONO_S)	/* how long before the cause */

struct gaps;

/* NULL with errno ENOMEM. The first snapshot is taken at once. */
struct gaps *gaps_new(const struct ledger *);
void gaps_free(struct gaps *);
/* Takes a snapshot when the last one is a second old. */
void gaps_tick(struct gaps *, struct wall now);
/*
 * A JSON object of the losses since (about) GAPS_EARLIER_NS before `cause`;
 * "{}" when there were none. Causes older than the ring: since its oldest.
 */
void gaps_write(const struct gaps *, struct wall cause, struct buf *out);

#endif

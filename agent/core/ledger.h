/*
 * ledger: what came in, what went out, what was lost and why, for every
 * stage. A stage balances when received = delivered + dropped + pending.
 *
 * Stages are made once at start, in the order of the path, and live as long
 * as the ledger. Counting is a relaxed atomic add, from any thread.
 * Source counters (kernel audit lost, ring drops) that the agent only reads
 * are set, not added, and stand beside the balance as "outside".
 */
#ifndef AGENT_CORE_LEDGER_H
#define AGENT_CORE_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/json.h"

typedef _Atomic uint64_t ledger_count;

#define LEDGER_REASONS	24

struct ledger_reason {
	const char	*name;		/* static text, snake_case */
	ledger_count	 count;
};

/* Public so that counting is one instruction. */
struct ledger_stage {
	const char		*name;	/* "audit.records"; static text */
	ledger_count		 received;
	ledger_count		 delivered;
	ledger_count		 pending;	/* set or added and taken back */
	struct ledger_reason	 dropped[LEDGER_REASONS];
	struct ledger_reason	 outside[LEDGER_REASONS];
	/* Things worth a number that are no loss: copies, evictions, ... */
	struct ledger_reason	 noted[LEDGER_REASONS];
};

struct ledger;

struct ledger *ledger_new(void);	/* NULL with errno ENOMEM */
void ledger_free(struct ledger *);

/*
 * The stage of that name, made when new. At most 64 stages: start-up code
 * that asks for more is our bug (asserted). Loop thread, at start only.
 */
struct ledger_stage *ledger_stage(struct ledger *, const char *name);

/* The counter for a reason, made when new (asserted: at most 24 each). Take
 * the pointer at start, count through it later. */
ledger_count *ledger_dropped(struct ledger_stage *, const char *reason);
ledger_count *ledger_outside(struct ledger_stage *, const char *what);
ledger_count *ledger_noted(struct ledger_stage *, const char *what);

static inline void
ledger_add(ledger_count *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline void
ledger_set(ledger_count *c, uint64_t n)
{
	atomic_store_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t
ledger_get(const ledger_count *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* Sum of all dropped reasons and all outside losses of the ledger: what
 * tallyman.gaps compares between two moments. */
uint64_t ledger_lost(const struct ledger *);
bool ledger_stage_balances(const struct ledger_stage *);
/*
 * {"stages":[{"name":..,"received":..,"delivered":..,"dropped":{..},
 * "pending":..,"outside":{..},"noted":{..},"balances":true},..],"balances":..}
 */
void ledger_write_json(const struct ledger *, struct json_writer *);
/* For tallyman.gaps: {"stage.reason":n,...} of the losses since the snapshot
 * was taken; "{}" when none. A snapshot is LEDGER_SNAPSHOT numbers. */
#define LEDGER_STAGES	64
struct ledger_snapshot {
	uint64_t	dropped[LEDGER_STAGES][LEDGER_REASONS];
	uint64_t	outside[LEDGER_STAGES][LEDGER_REASONS];
};
void ledger_take(const struct ledger *, struct ledger_snapshot *);
void ledger_write_gaps(const struct ledger *, const struct ledger_snapshot *,
    struct json_writer *);

#endif

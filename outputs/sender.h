/*
 * sender: the thread of one remote output. Takes documents from the spool in
 * the order of their rows, delivers them in batches, and does what the
 * verdicts say: acknowledge, retry an item or a batch with back-off (1 s
 * doubling to 60 s, with jitter; Retry-After obeyed up to an hour), split,
 * give up as dead letter, hold with an alarm in the log.
 *
 * It only reads the store. What became of a row goes to the writer, who
 * writes it; until then the row stays owed, so kill -9 at any moment costs at
 * most a second delivery with the same id.
 *
 * Threads: sender_wake from any; the others from the writer's thread.
 */
#ifndef OUTPUTS_SENDER_H
#define OUTPUTS_SENDER_H

#include "agent/core/ledger.h"
#include "outputs/outputs.h"

enum sender_fate { SENDER_DONE, SENDER_DEAD, SENDER_RETRY };

struct sender_ack {
	int64_t			 row;
	enum sender_fate	 fate;
	bool			 duplicate;
	unsigned		 attempts;
	struct wall		 next;
	char			 reason[OUTPUT_REASON];
};
/* What became of a batch; the receiver frees it with free. */
struct sender_acks {
	size_t			 output;	/* index */
	size_t			 n;
	struct sender_ack	 list[];
};
/* Called in the sender's thread. False: not taken, stays the sender's. */
typedef bool (*sender_ack_fn)(void *ctx, struct sender_acks *);

struct sender;

/* stage: of this output; retries and holds are noted there. NULL, errno. */
struct sender *sender_start(struct output *, size_t index,
    const char *store_path, struct ledger_stage *, sender_ack_fn, void *ctx);
/* New rows are in the spool. */
void sender_wake(struct sender *);
/* Whether the last delivery came to nothing. Any thread. */
bool sender_failing(const struct sender *);
/* Ends a delivery in progress, joins the thread. Accepts NULL. */
void sender_stop(struct sender *);

#endif

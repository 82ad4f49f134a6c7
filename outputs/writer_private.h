/*
 * writer_private: what the two files of the writer share: writer.c has the
 * queue and the thread, writer_batch.c turns a batch into a transaction.
 */
#ifndef OUTPUTS_WRITER_PRIVATE_H
#define OUTPUTS_WRITER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/core/queue.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "outputs/reader.h"
#include "outputs/sender.h"
#include "outputs/writer.h"

#define WRITER_QUEUE	16384	/* events */
#define WRITER_BYTES	(64 << 20)	/* of events in the queue */
#define WRITER_BATCH	512	/* items of one transaction */
#define WRITER_BATCH_BYTES	(8 << 20)	/* and their events' bytes */
#define WRITER_HELD	4096	/* alerts that wait for a full disk */
#define WRITER_ACKS	256	/* answers of senders that wait */
/* Documents of one output that wait in the spool: bulk, alerts. */
#define WRITER_SPOOL_BULK	20000
#define WRITER_SPOOL_MAX	200000

struct item {
	const struct event	*event;		/* NULL: a container */
	char			*id, *name, *json;	/* container */
	size_t			 len;
	struct buf		 text;		/* the event's document */
	struct store_doc	 doc;
	int			 bad;		/* -errno: cannot be stored */
	bool			 known;		/* was stored before */
	uint64_t		 not_spooled;	/* bit per output: no room */
};

struct writer_output {
	struct output		*out;
	struct sender		*sender;	/* remote ones */
	struct ledger_stage	*stage;
	ledger_count		*dead, *full, *failed, *lost;
	ledger_count		*duplicates, *retries;
	int64_t			 owed;		/* rows in the spool */
	int64_t			 added;		/* by this transaction */
	int64_t			 unsettled;	/* rows of acks not on disk */
	struct mono		 next_try;	/* local ones */
};

struct writer {
	struct store		*store;
	struct outputs		*outputs;
	struct writer_output	*outs;
	size_t			 n_outs;	/* at most 64 */
	struct reader		*reader;	/* for the local outputs */

	struct queue		*queue;
	atomic_size_t		 queued;	/* bytes of its events */
	_Atomic int64_t		 stored_ns;	/* mono: the last commit */
	struct queue		*acks;
	struct sender_acks	*unsettled[WRITER_ACKS];
	size_t			 n_unsettled;
	struct item		*batch[WRITER_BATCH + WRITER_HELD];
	size_t			 n_batch;
	bool			 holding;	/* batch begins with alerts
						 * that could not be stored */
	struct mono		 retry_at;
	struct mono		 prune_at;

	pthread_t		 thread;
	bool			 running;
	atomic_bool		 closing;
	struct mono		 give_up;	/* closing: at that time */

	struct ledger_stage	*in, *stored;
	ledger_count		*refused[EVENT_DATASETS];
	ledger_count		*closed, *no_memory;
	ledger_count		*disk_full, *too_large, *db_error;
	ledger_count		*known, *pruned, *damaged, *commits;
	struct log_limit	 limit;
};

bool writer_must_keep(enum event_dataset);
void writer_free_item(struct item *);
struct mono writer_now(void);

/* Writes the batch and the answers of the senders; what cannot be stored is
 * dropped and counted, alerts stay in the batch. */
void writer_run_batch(struct writer *);
/* Takes answers from the queue of acks. */
void writer_take_acks(struct writer *);
/* Hands owed documents to the local outputs. */
void writer_serve_local(struct writer *);
/* Reads how much is owed to each output. */
int writer_count_owed(struct writer *);

#endif

/*
 * writer: the thread that owns the store, writes events into it in
 * transactions, feeds the spool, and drives the local outputs. Network and
 * disk never block the engine's loop: the loop only pushes into a bounded
 * queue.
 *
 * A transaction is committed at most 100 ms after an alert came in and at
 * most 200 ms after anything else did. When the queue fills up, bulk events
 * (process, file, network, dns, http, tls) are refused first, then all others
 * but alerts and incidents, and those only when it is full; every refusal is
 * counted by dataset. When the disk is full alerts wait, everything else is
 * dropped and counted.
 *
 * Ledger stages: "writer" (the queue), "store" (delivered: on disk) and
 * "output.NAME" for each output.
 *
 * Threads: writer_sink, writer_put_container and writer_reopen from any
 * thread; the others from the one that made it.
 */
#ifndef OUTPUTS_WRITER_H
#define OUTPUTS_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "outputs/outputs.h"
#include "outputs/store.h"

struct writer;

/*
 * Opens the store; no thread yet. outputs may be NULL, else it must outlive
 * the writer, and so must the ledger. NULL with errno: those of store_open.
 */
struct writer *writer_new(const struct store_conf *, struct outputs *,
    struct ledger *);
/* Starts the writer and one sender for each remote output. Call it after the
 * process has its final user and after every fork. 0 or -errno. */
int writer_start(struct writer *);
/* Stops taking, writes what is queued (at most 10 s), stops the threads and
 * closes the store. */
void writer_close(struct writer *);
/* Closes first when that was not done. Accepts NULL. */
void writer_free(struct writer *);

/* A pipeline_sink_fn; self is the writer. The event must be sealed. */
bool writer_sink(void *self, const struct event *);
/*
 * Whether events will soon be refused although the store gets on: who can leave
 * events where they are for a moment should. False when nothing was stored for
 * a while: a disk that hangs is not waited for. Any thread.
 */
bool writer_is_behind(struct writer *);
/* The container's row; texts are copied. False: refused, nothing queued. */
bool writer_put_container(struct writer *, const char *id, const char *name,
    const char *json, size_t len);
/* SIGHUP. */
void writer_reopen(struct writer *);

/* The agent's UUID, kept in the store. Valid until writer_close. */
const char *writer_agent_id(const struct writer *);

#endif

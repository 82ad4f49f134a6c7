/*
 * assemble: joins the records of one kernel event, which come one by one and
 * mixed with those of others, and hands the event on when it is whole.
 *
 * An event is whole at its EOE record, at a PROCTITLE record (the kernel's
 * last before EOE; auditd's log files hold no EOE), at once when its type
 * always stands alone, or when it is 2 s old. A record that comes after that
 * is counted and never makes a second event. At most 8,192 events are open;
 * past that the oldest goes on as it is.
 *
 * Also finds losses that the kernel does not count: serials that never came.
 *
 * Threads: one owner. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_ASSEMBLE_H
#define COLLECTORS_AUDIT_ASSEMBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/ledger.h"
#include "collectors/audit/record.h"
#include "lib/mono.h"

struct audit_assembler;

#define AUDIT_ASSEMBLE_OPEN	8192
#define AUDIT_ASSEMBLE_AGE_NS	(2 * MONO_S)

enum audit_why {
	AUDIT_WHY_END,		/* whole */
	AUDIT_WHY_AGE,		/* 2 s old, or the end of the input */
	AUDIT_WHY_ROOM		/* too many were open */
};

/* parts are lent for the call. */
typedef void (*audit_event_fn)(void *ctx, const struct audit_parts *,
    enum audit_why);

/*
 * Counts in the stage "audit.records" of the ledger. NULL with errno ENOMEM.
 */
struct audit_assembler *audit_assemble_new(struct ledger *, audit_event_fn,
    void *ctx);
/* Open events are dropped: call audit_assemble_flush before. */
void audit_assemble_free(struct audit_assembler *);

/*
 * One record as the kernel sends it: its type and the text from "audit(" on.
 * node (NULL: this machine) tells the serials of different machines apart.
 * live: the serial counts for the search of gaps.
 */
void audit_assemble_feed(struct audit_assembler *, struct mono now,
    const char *node, size_t node_len, uint32_t type, const void *text,
    size_t len, bool live);
/* Hands on what is 2 s old and counts serials that did not come. */
void audit_assemble_tick(struct audit_assembler *, struct mono now);
/* Hands on everything that is open. */
void audit_assemble_flush(struct audit_assembler *);

#endif

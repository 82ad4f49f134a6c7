/*
 * ask: the engine's end of the wire. Sends verbs to the broker, puts the
 * chunks of each answer together and hands it to one callback.
 *
 * Requests that the socket does not take wait in a bounded list (1,024); past
 * that they are dropped and counted: whoever asked asks again by its timer.
 * Threads: the engine's loop thread.
 */
#ifndef AGENT_ASK_H
#define AGENT_ASK_H

#include "agent/core/ledger.h"
#include "agent/core/loop.h"
#include "agent/wire.h"
#include "enrich/ask.h"

struct ask;

/*
 * A whole answer; chunk by chunk for WIRE_DOCKER_EVENTS. fd: -1, or a
 * descriptor that the callee owns from then on.
 */
typedef void (*ask_answer_fn)(void *ctx, const struct wire_answer *,
    const char *bytes, size_t len, int fd);
/* The broker is gone: the engine has to stop. */
typedef void (*ask_gone_fn)(void *ctx);

/* fd is owned from then on. NULL with errno. */
struct ask *ask_new(struct loop *, int fd, struct ledger *, ask_answer_fn,
    ask_gone_fn, void *ctx);
void ask_free(struct ask *);
void ask_verb(struct ask *, enum wire_verb);
/* WIRE_OPEN_LOOPBACK; id: 64 hex digits. */
void ask_loopback(struct ask *, const char *id, uint32_t pid);
/* What enrichment gets. Lives in the object. */
const struct enrich_ask *ask_enrich(struct ask *);

#endif

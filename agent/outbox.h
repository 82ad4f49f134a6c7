/*
 * outbox: answers of the broker that wait for room in the socket. Bounded:
 * when it is full, chunks of the Docker event stream are dropped and the next
 * one says so (WIRE_LOST); other answers are refused to whoever makes them.
 * Broker's loop only.
 */
#ifndef AGENT_OUTBOX_H
#define AGENT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/wire.h"

struct outbox;

/* limit: bytes that may wait. The socket is borrowed. NULL with ENOMEM. */
struct outbox *outbox_new(int fd, size_t limit);
void outbox_free(struct outbox *);
/*
 * Sends now or later, in chunks; flags WIRE_LAST is put on the last chunk
 * when last is true. pass_fd is closed here in every case (-1 for none).
 * 0 or -ENOBUFS (nothing was sent).
 */
int outbox_put(struct outbox *, const struct wire_answer *, const void *bytes,
    size_t len, bool last, int pass_fd);
/* Sends what the socket takes. 0 or -errno of a dead socket. */
int outbox_flush(struct outbox *);
bool outbox_waiting(const struct outbox *);
size_t outbox_bytes(const struct outbox *);

#endif

/*
 * outbox: answers of the broker that wait for room in the socket. Bounded:
 * when it is full, an answer is dropped whole. After a chunk of the Docker
 * event stream the next answer of any kind says so (WIRE_LOST); others are
 * asked for again by whoever waits. The end of a scan is never dropped for
 * want of room.
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
 * when last is true, and of the answer's own flags WIRE_NOTES are kept.
 * pass_fd is closed here in every case (-1 for none). 0 or -ENOBUFS (nothing
 * was sent).
 */
int outbox_put(struct outbox *, const struct wire_answer *, const void *bytes,
    size_t len, bool last, int pass_fd);
/* Sends what the socket takes. 0 or -errno of a dead socket. */
int outbox_flush(struct outbox *);
bool outbox_waiting(const struct outbox *);
size_t outbox_bytes(const struct outbox *);

#endif

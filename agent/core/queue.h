/*
 * queue: a bounded first-in first-out of pointers from one thread to
 * another. Never blocks the producer: a full queue refuses.
 *
 * Threads: any number of producers, any number of consumers.
 */
#ifndef AGENT_CORE_QUEUE_H
#define AGENT_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* limit: most items, at least 1. NULL with errno. */
struct queue *queue_new(size_t limit);
/* Must be empty of owned items: the caller drains first. */
void queue_free(struct queue *);
/* False when full or closed: the item stays the caller's. */
bool queue_push(struct queue *, void *item);
/* The oldest item, or NULL after timeout_ms (0: at once, -1: for ever) or
 * when the queue is closed and empty. */
void *queue_pop(struct queue *, int timeout_ms);
/* No further pushes; consumers get what is left, then NULL. */
void queue_close(struct queue *);
size_t queue_count(struct queue *);

#endif

/*
 * scribe: writes events as JSON lines to a file, on a thread of its own, in
 * the order in which they came. For `replay`, whose input does not wait.
 *
 * Threads: the sink is called by the pipeline's thread; the file belongs to
 * the scribe until scribe_finish.
 */
#ifndef AGENT_SCRIBE_H
#define AGENT_SCRIBE_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/core/event.h"

struct scribe;

/* NULL with errno. The file is not closed. */
struct scribe *scribe_new(FILE *);
/* A pipeline_sink_fn; waits while too many are unwritten. */
bool scribe_sink(void *self, const struct event *);
/* Whether writing has failed already: the rest is not written. */
bool scribe_failed(const struct scribe *);
/* Writes what is left, flushes and goes. 0, or -errno of the first failure.
 * NULL is 0. */
int scribe_finish(struct scribe *);

#endif

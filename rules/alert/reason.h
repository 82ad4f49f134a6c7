/*
 * reason: one sentence about a cause: who did what, where, to where, how
 * many bytes, and whether it left the host, as far as it is known.
 */
#ifndef RULES_ALERT_REASON_H
#define RULES_ALERT_REASON_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "lib/buf.h"
#include "rules/alert/target.h"

/* total: what a correlation added up; 0 when it did not. target: of the
 * arguments, or NULL. */
void reason_write(struct buf *out, const struct event *cause, int64_t total,
    const struct target *target);
/* The destination of an event: name, address and port. */
void reason_add_peer(struct buf *out, const struct event *);

#endif

/*
 * seen: which alerts were given already: one rule on one flow, process or
 * whatever the rule says gives one alert, not one for each report of it.
 *
 * Bounded: SEEN_MAX keys, the one not asked for longest is forgotten first
 * and counted. Threads: one owner. Nothing here logs or blocks.
 */
#ifndef RULES_ALERT_SEEN_H
#define RULES_ALERT_SEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "lib/buf.h"
#include "rules/sigma/sigma.h"

#define SEEN_MAX	65536

struct seen;

/* evicted may be NULL. NULL with errno ENOMEM. */
struct seen *seen_new(ledger_count *evicted);
void seen_free(struct seen *);

/*
 * What makes an alert of this rule on this event the same as another one:
 * the rule's once-per fields, else the flow; the process, and with it the
 * file or the destination; else the event itself. Appended to out; false
 * when the event has nothing to know it by.
 */
bool seen_key(const struct sigma_rule *, const struct event *,
    struct buf *out);
/* True for the first time. Without memory it is always the first time. */
bool seen_first(struct seen *, const char *rule_id, const char *key,
    size_t len);
/* Takes a key back: its alert could not be made. */
void seen_forget(struct seen *, const char *rule_id, const char *key,
    size_t len);

#endif

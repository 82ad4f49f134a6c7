/*
 * alert: the event that says that a rule fired (dataset tallyman.alert).
 *
 * It carries the cause whole: container, process, user, both ends, file,
 * flow, entry and attribution are copied, so that it can be read when all of
 * them are gone; an exec's destination is the one that its arguments name
 * (target.h). event.id and tallyman.alert.id are the same stable
 * identifier: a hash of the rule's id and of what makes the cause one (see
 * seen.h), equal after a restart and in a replay. tallyman.gaps is always
 * there.
 *
 * Its JSON is smaller than ALERT_BYTES_MAX: texts and lists that are too long
 * for that are cut (texts end with "..." then). What the pipeline adds after
 * it (host, agent) fits in 8,000 bytes.
 *
 * Threads: one owner. Nothing here logs or blocks.
 */
#ifndef RULES_ALERT_ALERT_H
#define RULES_ALERT_ALERT_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "rules/alert/gaps.h"
#include "rules/sigma/sigma.h"

#define ALERT_BYTES_MAX	7000

struct alert_cause {
	const struct sigma_rule	*rule;
	const struct event	*event;
	const char		*key;		/* what makes it one */
	size_t			 key_len;
	const struct event	*contact;	/* its connection, or NULL */
	/* Of a correlation; else 0. */
	const char *const	*ids;
	size_t			 n_ids;
	struct wall		 first;
	int64_t			 value;
};

/* gaps may be NULL ("{}"). NULL when memory is out. Not sealed. */
struct event *alert_new(const struct alert_cause *, const struct gaps *);

#endif

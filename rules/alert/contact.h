/*
 * contact: a program that copies data out is known by its command line before
 * it has connected. Its alert waits a moment for the first connection of that
 * process or of a child of it (scp starts ssh), so that it can say to where.
 *
 * Only executions under an exfiltration rule wait (ATT&CK TA0010), at most
 * CONTACT_WAIT_NS of event time, at most CONTACT_MAX of them; one more, or one
 * whose time is over, goes without. Name servers (port 53) and loopback are
 * no destination.
 *
 * Threads: one owner. Nothing here logs or blocks.
 */
#ifndef RULES_ALERT_CONTACT_H
#define RULES_ALERT_CONTACT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/core/event.h"
#include "rules/sigma/sigma.h"

#define CONTACT_WAIT_NS	(600 * MONO_MS)
#define CONTACT_MAX	256
#define CONTACT_KEY	512

struct contact_list;

/* Takes the alert's cause up again: to is the connection, or NULL. */
typedef void (*contact_fn)(void *ctx, const struct sigma_rule *,
    const struct event *cause, const char *key, size_t key_len,
    const struct event *to);

struct contact_list *contact_new(contact_fn, void *ctx);	/* NULL, errno */
/* Forgets who still waits: call contact_flush first. */
void contact_free(struct contact_list *);
/* True when the cause waits now (a reference is taken); false: go on. */
bool contact_wait(struct contact_list *, const struct sigma_rule *,
    const struct event *cause, const char *key, size_t key_len);
/* Shows every event that is judged. */
void contact_see(struct contact_list *, const struct event *);
/* Those whose time is over go without. */
void contact_tick(struct contact_list *, struct wall now);
/* All go without: before rules change, and at the end. */
void contact_flush(struct contact_list *);

#endif

/*
 * describe: turns the parts of one kernel event into one event of ours, with
 * the ECS categories, or finds that it is of no interest.
 *
 * Decides by architecture, system call and record type, never by the key of
 * a rule. Adds what the records say and nothing else: names of users,
 * containers and parents are the enrichers' work.
 *
 * Threads: one owner. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_DESCRIBE_H
#define COLLECTORS_AUDIT_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "collectors/audit/record.h"

struct audit_describer;

/* Keys of rules of ours begin with this. */
#define AUDIT_KEY_PREFIX	"tallyman"

struct audit_describe_conf {
	/* Unix sockets whose connects are events, beside those with the
	 * usual names (docker.sock, podman.sock, containerd.sock, crio.sock);
	 * outlive the describer. */
	const char *const	*sockets;
	size_t			 n_sockets;
	/* Processes of ours: what they do is no event. */
	const uint32_t		*own_pids;
	size_t			 n_own_pids;
};

struct audit_describer *audit_describe_new(const struct audit_describe_conf *);
void audit_describe_free(struct audit_describer *);

/* Changes of the configuration before this time, without a process, are the
 * broker's own preparation. */
void audit_describe_since(struct audit_describer *, struct wall);

enum audit_verdict {
	AUDIT_VERDICT_EVENT,		/* *out holds it, one reference */
	AUDIT_VERDICT_IGNORE,		/* nothing that anyone asked for */
	AUDIT_VERDICT_NO_MEMORY
};

/*
 * created: when the agent made it. *rules_gone is set when the event says
 * that someone else removed a rule of ours or added one.
 */
enum audit_verdict audit_describe(struct audit_describer *,
    const struct audit_parts *, struct wall created, struct event **out,
    bool *rules_gone);

#endif

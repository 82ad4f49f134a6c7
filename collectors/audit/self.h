/*
 * self: the rules that leave the agent's own processes out of audit, so that
 * its work makes no records that make work. Runs in the broker.
 *
 * The kernel compares a rule without a list of system calls at every call of
 * every process. Ours name only the calls that some rule of the host is
 * about, the agent's or another's; audit_self_cover looks again after rules
 * were added. Source: kernel/auditsc.c, audit_in_mask and __audit_filter_op.
 *
 * Threads: one owner.
 */
#ifndef COLLECTORS_AUDIT_SELF_H
#define COLLECTORS_AUDIT_SELF_H

#include <linux/audit.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collectors/audit/rules.h"

#define AUDIT_SELF_PIDS	8

struct audit_self {
	pid_t		pids[AUDIT_SELF_PIDS];
	size_t		n_pids;
	uint32_t	mask[AUDIT_BITMASK_SIZE];	/* grows only */
};

/* Adds the calls of these rules (which need not be installed yet) and of
 * those that the kernel has. 0 or -errno. */
int audit_self_widen(struct audit_self *, int fd, const struct audit_rules *);
/* Puts the rules in, where there are none. 0 or -errno. */
int audit_self_install(const struct audit_self *, int fd);
/* Looks at the kernel's rules: puts ours in that are missing, and all of them
 * anew when some rule names another call. 0 or -errno. */
int audit_self_cover(struct audit_self *, int fd);
/* One more process. Left out when there are AUDIT_SELF_PIDS already. 0 or
 * -errno. */
int audit_self_add(struct audit_self *, int fd, pid_t);

#endif

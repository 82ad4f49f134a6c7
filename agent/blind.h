/*
 * blind: which processes audit cannot hear. The kernel gives a process what
 * it needs for records at its fork, and only once audit has been switched on
 * since boot (audit_alloc in kernel/auditsc.c); its children have it then.
 * Booted with audit=1 all have it. Nothing tells which process lacks it, so
 * this names those that are older than what is known to have switched it on:
 * they may be unheard.
 *
 * Threads: any; reads files.
 */
#ifndef AGENT_BLIND_H
#define AGENT_BLIND_H

#include <stdint.h>

struct blind {
	unsigned	n;		/* processes; kernel threads do not count */
	/* The first that init started: "init 1, dockerd 312, ..." */
	char		names[160];
};

/*
 * proc: where procfs is mounted. owner: the audit daemon that is registered,
 * 0 none; without one it is journald that switches audit on, and without that
 * nobody has. 0 or -errno when proc cannot be read.
 */
int blind_look(const char *proc, uint32_t owner, struct blind *out);

#endif

/*
 * arguments: the argument vector of an EXECVE record:
 *	argc=N a0=.. a1_len=N a1[0]=.. a1[1]=..
 * over as many records as the kernel needs. Arguments come in order; a gap
 * means that a record was lost, and what follows it is left out rather than
 * shifted.
 *
 * Source: audit_log_execve_info in kernel/auditsc.c. Threads: any, one owner
 * per object. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_ARGUMENTS_H
#define COLLECTORS_AUDIT_ARGUMENTS_H

#include "collectors/audit/record.h"
#include "lib/cursor.h"

/* 0, -EBADMSG, -ENOMEM or -E2BIG. */
int audit_arguments_take(struct audit_parts *, struct cursor *);

#endif

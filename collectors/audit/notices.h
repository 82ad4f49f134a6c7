/*
 * notices: events that are not about one system call: user-space messages,
 * logins, changes of the audit configuration, anomalies.
 *
 * Threads: one owner. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_NOTICES_H
#define COLLECTORS_AUDIT_NOTICES_H

#include "collectors/audit/job.h"

/* IGNORE also when there is no such record. *rules_gone: see audit_describe. */
enum audit_verdict audit_notices_describe(struct audit_job *,
    bool *rules_gone);
/* True when the parts have a record for audit_notices_describe. */
bool audit_notices_has(const struct audit_parts *);

#endif

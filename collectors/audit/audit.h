/*
 * audit: the collector of kernel audit records, in the engine. The broker
 * opens the socket and installs the rules (control.h) and passes the
 * descriptor; here records are received, parsed (record.h), joined
 * (assemble.h) and made into events (describe.h).
 *
 * collector_env.conf is a struct audit_conf. A collector_input has the record
 * type in `type` and the text from "audit(" on in `bytes`.
 *
 * Ledger: stage audit.records (received = delivered into events + dropped +
 * pending in open events) and stage audit.events (received = events that
 * someone asked for = delivered to the pipeline + dropped). Outside counters:
 * serial_gaps, socket_overruns, kernel_lost.
 *
 * Threads: the engine's loop thread.
 */
#ifndef COLLECTORS_AUDIT_AUDIT_H
#define COLLECTORS_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/audit/conf.h"
#include "collectors/collector.h"

extern const struct collector_ops audit_collector;

/*
 * One line of an audit log ("[node=N ]type=T msg=audit(S.M:N): ..."), without
 * its newline or with it. What is no record is counted as garbage. Serials of
 * lines are not searched for gaps: logs are filtered and rotated.
 */
void audit_line_feed(void *self, const char *line, size_t len);

/*
 * Goes on with another descriptor (owned from then on), where the records of
 * the one before continue: see audit_control_switch. The caller has read that
 * one to its end; it is closed here.
 */
void audit_switch(void *self, int fd);

/*
 * Whether what waits in the socket may be left there for a moment: half
 * of its room is in use at most. The kernel drops records without a word once
 * it is full for half a second (kauditd_hold_skb, booted without audit=1).
 */
bool audit_may_wait(const void *self);

/* What the kernel said it lost since the agent opened it (a growing number,
 * see audit_control_status). */
void audit_lost_set(void *self, uint64_t lost);

#endif

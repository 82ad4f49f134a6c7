/*
 * proc: the kernel's process events (fork, exec, exit, uid) from the proc
 * connector, into the process table. The engine reads it empty before each
 * batch of audit records, so that a record finds its process.
 *
 * Messages of one socket are in the order in which things happened. cn_msg's
 * own sequence numbers have gaps by design; only ENOBUFS means loss, which is
 * counted and repaired by a scan of /proc.
 *
 * Source: linux/cn_proc.h, drivers/connector/cn_proc.c. Only in the initial
 * network, user and pid namespaces.
 */
#ifndef COLLECTORS_PROC_PROC_H
#define COLLECTORS_PROC_PROC_H

#include "collectors/collector.h"

extern const struct collector_ops proc_collector;

/*
 * Broker: a non-blocking socket that is subscribed, with a receive buffer of
 * 64 MiB where it is allowed. -errno: -EPERM without CAP_NET_ADMIN,
 * -EPROTONOSUPPORT without CONFIG_PROC_EVENTS.
 */
int proc_connector_open(void);

#endif

/*
 * network: connect, bind, accept, send and socket calls as events of the
 * dataset network. Local sockets are no event, except those of the container
 * runtimes.
 *
 * Threads: one owner. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_NETWORK_H
#define COLLECTORS_AUDIT_NETWORK_H

#include "collectors/audit/job.h"

enum audit_verdict audit_network_describe(struct audit_job *);

#endif

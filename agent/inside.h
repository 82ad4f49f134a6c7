/*
 * inside: what the broker looks up inside containers for the engine: the
 * network namespace of a container, and which of its processes has a socket.
 * Broker only: it reads /proc and cgroups of others.
 *
 * A process counts as the container's when its cgroup names the container at
 * the moment of the look. Nothing read here was shaped by a container: pids,
 * inode numbers and netlink answers of the kernel.
 *
 * Source: cgroups(7), proc(5), network_namespaces(7), linux/net_namespace.h,
 * sock_diag(7).
 */
#ifndef AGENT_INSIDE_H
#define AGENT_INSIDE_H

#include "agent/wire.h"
#include "enrich/ask.h"

struct inside;

struct inside *inside_new(void);	/* NULL with errno */
void inside_free(struct inside *);

/* pid: one that is probably the container's, or 0. 0, or -ESRCH when the
 * container has no process now. */
int inside_netns(struct inside *, const char id[static WIRE_ID], uint32_t pid,
    struct enrich_netns *out);

#endif

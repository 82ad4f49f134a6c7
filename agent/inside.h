/*
 * inside: what the broker looks up inside containers for the engine: the
 * network namespace of a container, and which of its processes has a socket.
 * Broker only: it reads /proc and cgroups of others.
 *
 * A process counts as the container's when its cgroup names the container at
 * the moment of the look, as the outermost one: what a container makes below
 * its own is not believed. A user to whom cgroups are delegated can name one
 * after a container; all else that is read is the kernel's: pids, inode
 * numbers, netlink answers.
 *
 * Its processes are those of its cgroup and of all below, own ones first.
 *
 * Threads: the broker's. Bounded: VISITED namespaces kept open, SEARCH_FDS
 * descriptors, SEARCH_PIDS processes and SEARCH_CGROUPS cgroups looked at in
 * one search.
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

typedef void (*inside_found_fn)(void *ctx, uint32_t pid);
/* Called for each process that turns out to have a socket asked for, at once:
 * it may end at any moment, and the search goes on for a while. */
void inside_on_found(struct inside *, inside_found_fn, void *ctx);

/* pid: one that is probably the container's, or 0. 0, or -ESRCH when the
 * container has no process now. */
int inside_netns(struct inside *, const char id[static WIRE_ID], uint32_t pid,
    struct enrich_netns *out);
/*
 * Which processes have this socket: asked from the kernel by its exact ends,
 * in the namespace of the container ("": in our own), then looked for among
 * the descriptors of the container's processes. 0, -ENOENT when the kernel
 * knows no such socket (any more), -ESRCH as above, -errno. For our own
 * namespace all processes have to be looked through, which is done for
 * several questions at once: -EINPROGRESS, the answer comes by inside_tick;
 * -EBUSY when too many wait, when the searches in this namespace have taken
 * more than their share of time lately, or when the search ended before its
 * end and had found nobody. *notes: WIRE_CUT_PIDS, WIRE_CUT_FDS when it did.
 */
int inside_socket(struct inside *, const char id[static WIRE_ID],
    const struct enrich_socket *, struct enrich_socket_answer *out,
    uint32_t *notes);

/* status as that of inside_socket. */
typedef void (*inside_answer_fn)(void *ctx, int status,
    const struct enrich_socket_answer *, uint32_t notes);
/* Answers those that wait, and lets go of namespaces that were not asked
 * about for a while, since a socket in there keeps them. Call it at least
 * every second, and in inside_wait_ms. */
void inside_tick(struct inside *, inside_answer_fn, void *ctx);
/* Milliseconds until something waits to be done, at most 1,000. */
int inside_wait_ms(const struct inside *);

#endif

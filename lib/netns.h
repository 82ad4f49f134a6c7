/*
 * netns: runs one function in another network namespace: in the initial one
 * (that of pid 1), for sockets that exist only there (the proc connector, the
 * audit multicast group), or in a container's. A socket stays in the namespace
 * in which it was made.
 *
 * Needs CAP_SYS_ADMIN when the caller is elsewhere. Blocks until fn returns.
 * Source: setns(2), network_namespaces(7).
 */
#ifndef LIB_NETNS_H
#define LIB_NETNS_H

typedef int (*netns_fn)(void *ctx);

/* What fn returned, or -errno when the namespace cannot be entered. fn runs
 * in the calling thread when that is there already, else in one of its own. */
int netns_run_in_initial(netns_fn fn, void *ctx);

/* The same in the namespace of this descriptor (/proc/PID/ns/net). */
int netns_run_in(int ns, netns_fn fn, void *ctx);

#endif

/*
 * netns: runs one function in the initial network namespace (that of pid 1),
 * for sockets that exist only there: the proc connector, the audit multicast
 * group. A socket stays in the namespace in which it was made.
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

#endif

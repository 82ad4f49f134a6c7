/*
 * privileges: what a process of the agent gives up, in a fixed order that can
 * be checked by reading. Sources: capabilities(7), PR_SET_NO_NEW_PRIVS in
 * prctl(2).
 */
#ifndef AGENT_PRIVILEGES_H
#define AGENT_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

struct privileges_user {
	uid_t	uid;
	gid_t	gid;
	char	name[64];
};

/* The user of that name; for who is not root and cannot become another, who
 * it is. 0 or -ENOENT. */
int privileges_find_user(const char *name, struct privileges_user *);
/*
 * Engine: supplementary groups, group, user, every capability, and no way to
 * gain them again. 0 or -errno; on failure the process must not go on.
 * Not root to begin with: only no_new_privs and the capabilities.
 */
int privileges_drop(const struct privileges_user *);
/*
 * All processes of the agent, while still root: runs before others when there
 * is more work than CPUs. The kernel drops audit records, and counts none of
 * them, when their receiver takes nothing for 600 ms (kauditd_hold_skb in
 * kernel/audit.c). 0, or -errno when it stays as it was: CAP_SYS_NICE.
 */
int privileges_prefer(void);
/* Broker: keeps root's uid and the capabilities that its verbs need; packets:
 * CAP_NET_RAW too, for sockets inside containers. */
int privileges_reduce(bool packets);

#endif

/*
 * kernel: requests to the kernel's audit subsystem over a netlink socket of
 * their own, each answered before the call returns. Not for: records, which
 * come on another socket.
 *
 * libaudit has these too, but reads with a short timeout, keeps state between
 * calls, and does not know the io_uring list.
 *
 * Source: linux/audit.h, kernel/audit.c. Needs CAP_AUDIT_CONTROL in the
 * initial user namespace and the initial pid namespace. Threads: one owner of
 * a descriptor. Calls block up to 5 s for each message of the answer, whatever
 * else comes meanwhile.
 */
#ifndef COLLECTORS_AUDIT_KERNEL_H
#define COLLECTORS_AUDIT_KERNEL_H

#include <linux/audit.h>
#include <stddef.h>

/* A descriptor that hears nobody but the kernel, or -errno: -EPROTONOSUPPORT
 * when the kernel has no audit. */
int audit_kernel_open(void);

/* 0 or -errno; members that this kernel does not know are 0. */
int audit_kernel_status(int fd, struct audit_status *out);
/* Sets the members that mask names. */
int audit_kernel_set(int fd, const struct audit_status *);
/* Sends a setting on this socket without waiting for the answer: the socket
 * that sends AUDIT_STATUS_PID is the one that gets the records. 0, -errno. */
int audit_kernel_register(int fd, const struct audit_status *);

/* -EEXIST, -ENOENT as the kernel says; -EPERM when the rules are locked. */
int audit_kernel_add_rule(int fd, const struct audit_rule_data *);
int audit_kernel_delete_rule(int fd, const struct audit_rule_data *);

/* Calls fn for every rule; the rule is lent. 0 or -errno. */
typedef void (*audit_kernel_rule_fn)(void *ctx,
    const struct audit_rule_data *, size_t len);
int audit_kernel_list(int fd, audit_kernel_rule_fn fn, void *ctx);

#endif

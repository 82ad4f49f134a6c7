/*
 * syscalls: what a system call does to security, by architecture and number.
 * The key of a record does not decide: the kernel reports the key of the
 * first rule that matched, which may be someone else's.
 *
 * Names come from libaudit's tables for x86_64 (also with x32 numbers), i386
 * and aarch64; i386's socketcall(2) is resolved by its first argument.
 * Threads: any; constant after audit_syscalls_new.
 */
#ifndef COLLECTORS_AUDIT_SYSCALLS_H
#define COLLECTORS_AUDIT_SYSCALLS_H

#include <stdint.h>

#include "collectors/audit/record.h"

enum audit_class {
	AUDIT_CLASS_OTHER,	/* no event of ours; without a name */
	AUDIT_CLASS_EXEC,
	AUDIT_CLASS_CONNECT, AUDIT_CLASS_BIND, AUDIT_CLASS_ACCEPT,
	AUDIT_CLASS_SEND,	/* with an address */
	AUDIT_CLASS_SOCKET,
	AUDIT_CLASS_OPEN, AUDIT_CLASS_CREATE, AUDIT_CLASS_RENAME,
	AUDIT_CLASS_UNLINK, AUDIT_CLASS_LINK, AUDIT_CLASS_SYMLINK,
	AUDIT_CLASS_CHMOD, AUDIT_CLASS_CHOWN, AUDIT_CLASS_XATTR,
	AUDIT_CLASS_TRUNCATE,
	AUDIT_CLASS_IDENTITY,	/* setuid, setgid and their kin */
	AUDIT_CLASS_PROCESS,	/* capset, ptrace, mount, setns ... */
	AUDIT_CLASS_MODULE	/* kernel module in or out */
};

struct audit_syscall {
	const char	*name;		/* "openat"; NULL: class OTHER */
	const char	*action;	/* event.action: "open", "setuid" ... */
	enum audit_class class;
	/* Index of the argument that matters, -1 none: OPEN flags; CHMOD
	 * mode; IDENTITY the new effective id; *at() calls see dirfd. */
	int8_t		 arg;
	int8_t		 dirfd;		/* argument with the directory, -1 */
};

struct audit_syscalls;

struct audit_syscalls *audit_syscalls_new(void);	/* NULL, ENOMEM */
void audit_syscalls_free(struct audit_syscalls *);

/* Never NULL. */
const struct audit_syscall *audit_syscalls_find(const struct audit_syscalls *,
    const struct audit_actor *);
/* The same for an operation of io_uring. */
const struct audit_syscall *audit_syscalls_uring(const struct audit_syscalls *,
    uint32_t op);

#endif

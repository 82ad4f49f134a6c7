/*
 * sockets: one socket by its exact ends, asked from the kernel. Never a dump.
 *
 * Threads: any; a descriptor is used by one at a time.
 * Source: sock_diag(7), linux/inet_diag.h, net/ipv4/udp_diag.c of the kernel.
 */
#ifndef AGENT_SOCKETS_H
#define AGENT_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "enrich/ask.h"

struct nlmsghdr;

/* A netlink socket that hears nobody but the kernel; -errno. */
int sockets_open_netlink(int protocol);
/* One question and the kernel's one answer to it: its length, or -errno. Never
 * waits. answer may be where the question stands. */
ssize_t sockets_ask(int fd, const struct nlmsghdr *, void *answer,
    size_t room);

/* A socket for questions, of the namespace in which this is called; -errno. */
int sockets_open(void);
/* 0 and the inode number; -ENOENT when there is no such socket, or no process
 * has it (any more); -errno. */
int sockets_find(int fd, const struct enrich_socket *, uint64_t *inode);

#endif

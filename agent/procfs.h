/*
 * procfs: raw contents of files under /proc/PID, for the engine, which may
 * not read them itself. Nothing is parsed. Broker only. Source: proc(5).
 */
#ifndef AGENT_PROCFS_H
#define AGENT_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/aside.h"
#include "lib/buf.h"

/*
 * An answer is five parts, each a 32-bit length in host order and as many
 * bytes: cgroup, status, cmdline, the target of exe, and stat, each cut at
 * 4,096 bytes. stat is read last, so that what it says of the process covers
 * the others. A part that cannot be read is empty.
 */
enum procfs_part {
	PROCFS_CGROUP, PROCFS_STATUS, PROCFS_CMDLINE, PROCFS_EXE, PROCFS_STAT
};
#define PROCFS_PARTS	5
#define PROCFS_BYTES	(PROCFS_PARTS * (4 + 4096))

/*
 * Bytes written to out (PROCFS_BYTES of room), or -ESRCH when the process is
 * gone. *stuck: cmdline is empty because it did not come in time, see aside.h.
 */
int procfs_read(uint32_t pid, struct aside *, void *out, bool *stuck);

/*
 * Whether the process of this directory is in the container (64 digits) by its
 * cgroup now, as identity_read_cgroup tells. dir: of /proc/PID.
 */
bool procfs_is_in(int dir, const char *container);

/*
 * The network namespace of a process, if it is in the container; the
 * descriptor is for setns(2). text gets the namespace's inode, a space, the
 * first PROCFS_SOCKETS bytes of net/udp, a NUL, and those of net/tcp. -ESRCH:
 * gone, or not of that container; -EEXIST: it is our own namespace; -errno.
 */
#define PROCFS_SOCKETS	16384
int procfs_open_netns(uint32_t pid, const char *container, struct buf *text);

#endif

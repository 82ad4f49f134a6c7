/*
 * aside: reads a descriptor that may never answer, on a thread beside the
 * loop. Such is /proc/PID/cmdline: it takes the lock of the process's memory,
 * which that process can hold for as long as it likes, with a page fault on a
 * file system of its own (FUSE).
 *
 * What does not come in time is given up; its thread stays with it until it
 * comes, at most ASIDE_STUCK of them. Then nothing is read at all until one is
 * free again. While one is stuck the others are given less time.
 * Threads: the caller is one; those beside touch nothing of it.
 */
#ifndef AGENT_ASIDE_H
#define AGENT_ASIDE_H

#include <stddef.h>
#include <sys/types.h>

#define ASIDE_STUCK	4
#define ASIDE_BYTES	4096
#define ASIDE_MS	500
#define ASIDE_LESS_MS	50

struct aside;

/* NULL with errno. Threads are started when they are needed. */
struct aside *aside_new(void);
/* What is stuck keeps its thread and its memory. */
void aside_free(struct aside *);

/*
 * Reads fd to its end, at most room (and ASIDE_BYTES) bytes. fd is closed here
 * or by the thread that is stuck with it. Bytes; -ETIMEDOUT, -EBUSY when
 * ASIDE_STUCK are stuck, -errno when there is no thread.
 */
ssize_t aside_read(struct aside *, int fd, void *out, size_t room);

#endif

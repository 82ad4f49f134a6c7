/*
 * loopback: the packets of a container's own loopback interface, which never
 * come to the host's network namespace: a TPACKET_V3 ring of LOOPBACK_BYTES
 * on a socket that was made inside. lo shows a packet twice, going out and
 * coming in; the socket takes in only what comes in.
 *
 * Each frame becomes what packet.h takes in, LINKTYPE_LINUX_SLL2 with the
 * interface index STREAM_INSIDE + scope, so that a recording holds it too.
 * Not for: who lives there (agent/within.h).
 *
 * Source: packet(7), Documentation/networking/packet_mmap.rst.
 * Threads: loopback_open any; the rest the loop thread.
 */
#ifndef COLLECTORS_PACKET_LOOPBACK_H
#define COLLECTORS_PACKET_LOOPBACK_H

#include <stddef.h>
#include <stdint.h>

#include "collectors/collector.h"

#define LOOPBACK_BYTES	(2 << 20)	/* of a ring, locked memory */

/*
 * A socket on the loopback interface of the namespace in which the calling
 * thread is, with its ring and a filter that cuts packets at snaplen bytes
 * and cannot be changed any more. Needs CAP_NET_RAW there. Not blocking. The
 * descriptor, or -errno.
 */
int loopback_open(size_t snaplen);

struct loopback;

/* Takes the frames; bytes are lent for the call. */
typedef void (*loopback_fn)(void *ctx, const struct collector_input *);

/* Owns the descriptor from then on, also on failure. NULL with errno. */
struct loopback *loopback_new(int fd, uint16_t scope, loopback_fn, void *ctx);
void loopback_free(struct loopback *);
int loopback_fd(const struct loopback *);
/* Frames of at most that many blocks of the ring; how many frames. */
unsigned loopback_read(struct loopback *, unsigned blocks);
/* Packets that the kernel dropped since the last call. */
uint32_t loopback_lost(struct loopback *);

#endif

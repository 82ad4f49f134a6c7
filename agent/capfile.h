/*
 * capfile: packets of a capture file as this machine writes it: the classic
 * form (pcap-savefile(5)), version 2.4, this byte order, one of the link
 * types that the agent reads. A fifth of the time of a replay of packets goes
 * into reading them; this is several times faster than libpcap.
 *
 * Not for: every other form, which libpcap reads. Threads: one owner.
 */
#ifndef AGENT_CAPFILE_H
#define AGENT_CAPFILE_H

#include "collectors/collector.h"

#define CAPFILE_PACKET_MAX	262144	/* as in libpcap */

struct capfile;

/* NULL with errno; ENOTSUP: a file for libpcap. */
struct capfile *capfile_open(const char *path);
void capfile_close(struct capfile *);
/* 1 with a packet that is lent until the next call, 0 at the end, -EBADMSG
 * (capfile_why). */
int capfile_next(struct capfile *, struct collector_input *);
/* What is wrong with the file, in words; static. */
const char *capfile_why(const struct capfile *);

#endif

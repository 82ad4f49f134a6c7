/*
 * filter: what the capture leaves out, as a program for the kernel: loopback,
 * and whatever pcap-filter(7) expressions say. Its result is the number of
 * bytes to capture.
 *
 * For sockets that show the link header: an expression is compiled for
 * Ethernet, and once more without a look at the link header for interfaces
 * that have another or none.
 *
 * Source: pcap-filter(7), pcap_compile(3PCAP), the kernel's filter.rst.
 * Threads: any; no state.
 */
#ifndef COLLECTORS_PACKET_FILTER_H
#define COLLECTORS_PACKET_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>

#include "lib/buf.h"

/*
 * expression: "" for all packets but loopback's. snaplen: bytes from the link
 * header on. 0 with a program that filter_free gives back; -EINVAL with a
 * sentence in why; -E2BIG; -ENOMEM.
 */
int filter_make(struct sock_fprog *, const char *expression, uint32_t snaplen,
    struct buf *why);
void filter_free(struct sock_fprog *);

#endif

/*
 * packet: every packet of every interface, loopback excluded in the kernel,
 * cut at the snap length there. A new veth is heard from its first packet
 * because nothing has to be attached to it.
 *
 * Live from a ring of our own (ring.h), else through libpcap's "any" device;
 * both give LINKTYPE_LINUX_SLL2. Its two reserved bytes hold the size of the
 * datagrams in a UDP packet that is yet to be cut, which only the ring knows.
 *
 * Sees: interface, direction, source MAC, network header on, UDP GSO size.
 * Place: first station of the packet path; hands each copy to stream.
 * Source: pcap(3PCAP), packet(7), the link types list of tcpdump.org.
 */
#ifndef COLLECTORS_PACKET_PACKET_H
#define COLLECTORS_PACKET_PACKET_H

#include "agent/core/conf.h"
#include "collectors/collector.h"
#include "stream/stream.h"

enum packet_promisc {
	PACKET_PROMISC_AUTO, PACKET_PROMISC_ON, PACKET_PROMISC_OFF
};

enum packet_source {
	PACKET_SOURCE_AUTO, PACKET_SOURCE_RING, PACKET_SOURCE_PCAP
};

struct packet_conf {
	bool			 enabled;	/* capture.enabled */
	int			 source;	/* enum packet_source */
	int			 promiscuous;	/* enum packet_promisc */
	int64_t			 snaplen;	/* bytes from the cooked header */
	int64_t			 ring_bytes;
	bool			 container_loopback;	/* agent/within.h */
	struct conf_list	 exclude;	/* pcap filter expressions */
};
extern const struct conf_key packet_conf_keys[];
extern const size_t packet_conf_n_keys;

/* Whether the kernel can do what capture.exclude says. 0, or -EINVAL with a
 * line in errors for each expression that it cannot. */
int packet_check(const struct packet_conf *, struct buf *errors);

/* collector_env.conf points to a struct packet_conf. start() adopts a packet
 * socket (ring_socket); with -1 it opens the capture itself and needs
 * CAP_NET_RAW at that moment. It may be started anew when it has failed. */
extern const struct collector_ops packet_collector;

/* Why start() failed, in words. Lives in the collector. */
const char *packet_why(const void *self);
/* What it captures with; static. */
const char *packet_how(const void *self);
/* Descriptor to poll; -1 before start. */
int packet_fd(const void *self);
/*
 * Leaves out what this pcap-filter(7) expression says as well: the agent's own
 * connections. "" for nothing. 0, -EINVAL (packet_why says why), -ENOMEM.
 * libpcap loses what comes while its filter is changed, the ring does not.
 */
int packet_exclude(void *self, const char *expression);
/* An interface came, changed or went: promiscuous membership. */
void packet_on_link(void *self, const struct stream_link *, bool hairpin);
/* Sentences for status: interfaces where promiscuous mode is withheld. */
void packet_write_promisc(const void *self, struct json_writer *);
/* Reads the ring's own counters into the ledger. */
void packet_count_ring(void *self);

#endif

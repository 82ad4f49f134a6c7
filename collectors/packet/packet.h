/*
 * packet: every packet of every interface through libpcap's "any" device,
 * cooked as LINKTYPE_LINUX_SLL2, loopback excluded in the kernel, cut at the
 * snap length there. A new veth is heard from its first packet because
 * nothing has to be attached to it.
 *
 * Sees: interface, direction, source MAC, network header on. Does not see:
 * destination MAC, UDP GSO size (libpcap does not give them).
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

struct packet_conf {
	bool			 enabled;	/* capture.enabled */
	int			 promiscuous;	/* enum packet_promisc */
	int64_t			 snaplen;	/* bytes from the cooked header */
	int64_t			 ring_bytes;
	bool			 container_loopback;	/* not there yet: must
							   be false */
	struct conf_list	 exclude;	/* pcap filter expressions */
};
extern const struct conf_key packet_conf_keys[];
extern const size_t packet_conf_n_keys;

/* collector_env.conf points to a struct packet_conf. start() ignores its fd:
 * it opens the capture itself and needs CAP_NET_RAW at that moment. */
extern const struct collector_ops packet_collector;

/* Why start() failed, in words. Lives in the collector. */
const char *packet_why(const void *self);
/* Descriptor to poll; -1 before start. */
int packet_fd(const void *self);
/*
 * Leaves out what this pcap-filter(7) expression says as well: the agent's own
 * connections. "" for nothing. 0, -EINVAL (packet_why says why), -ENOMEM. A
 * filter that is changed while it captures loses what comes in between.
 */
int packet_exclude(void *self, const char *expression);
/* An interface came, changed or went: promiscuous membership. */
void packet_on_link(void *self, const struct stream_link *, bool hairpin);
/* Sentences for status: interfaces where promiscuous mode is withheld. */
void packet_write_promisc(const void *self, struct json_writer *);
/* Reads the ring's own counters into the ledger. */
void packet_count_ring(void *self);

#endif

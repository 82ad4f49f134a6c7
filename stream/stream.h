/*
 * stream: count once. Takes every captured copy of every packet with the
 * interface it was seen on, collapses the copies, and keeps one flow per
 * connection, across NAT. Emits flow events (start, update, end) through the
 * pipeline.
 *
 * Not for: capturing (collectors/packet), naming containers (enrich).
 * Method and facts: packet-facts in ARCHITECTURE.md. Threads: loop thread.
 * Nothing here blocks; all tables are bounded, evictions are counted.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/conf.h"
#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "lib/ipaddr.h"
#include "lib/mono.h"

struct stream;

/* Values of the keys in stream_conf_keys (sections flows and stream). */
struct stream_conf {
	int64_t	period_ns;		/* flows.period: update reports, 10 s */
	int64_t	idle_timeout_ns;	/* flows.idle_timeout, 60 s (UDP, ICMP);
					   TCP that said nothing: ten times it */
	int64_t	report_bytes;		/* flows.report_bytes: an update as soon
					   as so many payload bytes are new, but
					   not within 500 ms of the last, 1 MiB */
	int64_t	max_flows;		/* flows.max, 65,536 */
	int64_t	max_aliases;		/* flows.max_aliases, 262,144 */
	int64_t	max_datagrams;		/* flows.max_window: identities kept for
					   dedup, 262,144 */
	int64_t	window_ns;		/* flows.window, 5 s */
};
extern const struct conf_key stream_conf_keys[];
extern const size_t stream_conf_n_keys;

/* Where a copy was seen: sll_pkttype of packet(7). */
enum stream_seen {
	STREAM_SEEN_HOST = 0, STREAM_SEEN_BROADCAST = 1,
	STREAM_SEEN_MULTICAST = 2, STREAM_SEEN_OTHERHOST = 3,
	STREAM_SEEN_OUTGOING = 4
};

/*
 * ifindex STREAM_INSIDE + n: the loopback interface inside the container
 * network namespace that was given the number n (1 to 32767). What is seen
 * there never leaves it. Numbers of real interfaces are lower.
 */
#define STREAM_INSIDE		UINT32_C(0x40000000)
#define STREAM_INSIDE_MAX	32767

/* The number of the namespace, 0 for an interface of the host. */
static inline uint16_t
stream_inside_of(uint32_t ifindex)
{
	uint32_t n = ifindex - STREAM_INSIDE;

	return n <= STREAM_INSIDE_MAX ? (uint16_t)n : 0;
}

/* One captured copy, from the network header on. */
struct stream_packet {
	struct wall	 when;		/* capture stamp; may run backwards */
	uint32_t	 ifindex;
	uint8_t		 seen;		/* enum stream_seen */
	uint16_t	 ethertype;	/* host order, VLAN tags not yet taken */
	uint16_t	 gso_size;	/* UDP that is yet to be cut: payload of
					   each datagram; 0 whole or unknown */
	const uint8_t	*bytes;		/* at the network header, lent */
	size_t		 len;		/* bytes captured */
	size_t		 wire_len;	/* bytes that there were */
	uint8_t		 source_mac[6];	/* zeros when unknown */
};

/* One direction of a conntrack entry. */
struct stream_tuple {
	struct ipaddr	source, destination;
	uint16_t	source_port, destination_port;	/* ICMP: id in both,
							   see nat.h */
};
enum stream_nat_kind { STREAM_NAT_NEW, STREAM_NAT_DESTROY };
struct stream_nat {
	enum stream_nat_kind	kind;
	struct wall		when;	/* kernel's event time, or receipt */
	uint8_t			proto;	/* IPPROTO_ */
	uint16_t		zone;
	uint32_t		id;	/* CTA_ID, 0 unknown */
	struct stream_tuple	original, reply;
	bool			dumped;	/* from a dump, not an event */
	bool			answered;	/* packets went both ways */
};

enum stream_link_kind {
	STREAM_LINK_OTHER, STREAM_LINK_LOOPBACK, STREAM_LINK_BRIDGE,
	STREAM_LINK_VETH, STREAM_LINK_PHYSICAL, STREAM_LINK_MACVLAN,
	STREAM_LINK_VXLAN
};
struct stream_link {
	uint32_t		ifindex;
	bool			gone;
	char			name[16];	/* IFNAMSIZ */
	enum stream_link_kind	kind;
	uint32_t		master;		/* ifindex of the bridge, 0 none */
	int32_t			peer_netns;	/* netnsid of the peer, -1 none */
	uint32_t		peer;		/* ifindex there, 0 unknown */
	bool			uplink;		/* has the default route, or is
						   physical: a copy sent here
						   left the host */
	uint32_t		vni;		/* VXLAN: network, else 0 */
};
/* A namespace of STREAM_INSIDE. Docker's embedded DNS server has ports of its
 * own there, and NAT inside the namespace makes 53 of them. */
struct stream_inside {
	uint16_t	scope;
	uint16_t	resolver_udp, resolver_tcp;	/* 0 unknown or none */
};
/* An address of the host itself appeared or went. */
struct stream_address {
	struct ipaddr	ip;
	uint32_t	ifindex;
	bool		gone;
	uint8_t		prefix;		/* bits of its subnet, 0 unknown */
};

struct stream *stream_new(const struct stream_conf *, struct ledger *,
    struct pipeline *, const struct mono_clock *);
/* Emits an end (reason shutdown) for every flow first. */
void stream_free(struct stream *);

void stream_packet(struct stream *, const struct stream_packet *);
void stream_nat(struct stream *, const struct stream_nat *);
/* Before and after a conntrack dump: entries not seen in it are expired. */
void stream_nat_dump(struct stream *, bool begin);
void stream_link(struct stream *, const struct stream_link *);
void stream_address(struct stream *, const struct stream_address *);
void stream_inside(struct stream *, const struct stream_inside *);
/* The capture lost packets; flows that live now say so in tallyman.gaps. */
void stream_lost(struct stream *, uint64_t packets);
/*
 * How many events wait for the writer; the counter outlives the stream. When
 * it is high, flows that are not precious are reported later, see life.h.
 */
void stream_watch_queue(struct stream *, const ledger_count *queued);
/* Timers: reports, idle flows, window. Uses the clock's wall time. */
void stream_tick(struct stream *);
/* Interface name or "if7"; text lives in the stream. */
const char *stream_link_name(const struct stream *, uint32_t ifindex);

#endif

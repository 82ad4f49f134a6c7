/*
 * world: a host made in code for the tests of stream: interfaces, a driven
 * clock, packets built field by field, and all events that came out.
 */
#ifndef TESTS_UNIT_STREAM_WORLD_H
#define TESTS_UNIT_STREAM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "lib/mono.h"
#include "stream/stream.h"

enum { LO = 1, ETH0 = 2, DOCKER0 = 3, BR1 = 4, V1 = 11, V2 = 12, V3 = 13 };

#define HOST_IP		"192.0.2.10"	/* of eth0 */
#define BRIDGE_IP	"172.17.0.1"
#define C1		"172.17.0.2"
#define C2		"172.17.0.3"
#define C3		"172.18.0.2"	/* on br1 */
#define FAR		"203.0.113.9"
#define HOST_IP6	"2001:db8::10"
#define C1_IP6		"fd00:17::2"
#define FAR_IP6		"2001:db8:f::9"

#define FIN	0x01
#define SYN	0x02
#define RST	0x04
#define PSH	0x08
#define ACK	0x10

#define EVENTS_MAX	4096

struct world {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	struct stream		*stream;
	const struct event	*events[EVENTS_MAX];
	size_t			 n_events;
	size_t			 n_lost_events;	/* beyond EVENTS_MAX */
	uint16_t		 only_dport;	/* keep just these; 0 all */
	size_t			 snap;		/* bytes captured at most, 256;
						   up to SNAP_MAX */
};

struct stream_conf world_conf(void);
/* conf NULL: world_conf(). */
void world_init(struct world *, const struct stream_conf *);
/* Ends the stream (final reports), keeps the events. */
void world_end(struct world *);
void world_fini(struct world *);
/* Moves the clock on in steps of 10 ms, with a tick after each. */
void world_pass(struct world *, int64_t ns);

/* A packet before it is put on a wire. */
struct pkt {
	const char	*from, *to;	/* addresses as text */
	uint16_t	 sport, dport;
	uint8_t		 proto;
	uint8_t		 flags;		/* TCP */
	uint32_t	 seq, ack;
	size_t		 payload;	/* bytes */
	uint32_t	 fill;		/* chooses the payload's bytes */
	uint16_t	 id;		/* IPv4 ID */
	uint8_t		 type, code;	/* ICMP */
	uint16_t	 icmp_id, icmp_seq;
	const struct pkt *inner;	/* ICMP error: what it is about */
	/* One fragment of the packet: bytes [offset, offset + size) behind
	 * the IP header. size 0: whole. */
	size_t		 offset, size;
	bool		 zero_len;	/* length field 0 (BIG TCP) */
	uint16_t	 gso_size;	/* as the capture tells */
	uint8_t		 ttl;
};

#define SNAP_MAX	2048

/* Writes it from the IP header on; returns its length on the wire. */
size_t pkt_write(const struct pkt *, uint8_t *bytes, size_t room);
/* Length from the IP header on. */
size_t pkt_len(const struct pkt *);

/* One copy, 2 us after the last one. */
void world_see(struct world *, const struct pkt *, uint32_t ifindex,
    enum stream_seen);
/* The same with a stamp that is off by so much. */
void world_see_at(struct world *, const struct pkt *, uint32_t ifindex,
    enum stream_seen, int64_t off_ns);

/* One step of a path: where, and the packet's ends there (NULL, 0: as given). */
struct step {
	uint32_t		 ifindex;
	enum stream_seen	 seen;
	const char		*from, *to;
	uint16_t		 sport, dport;
};
#define IN	STREAM_SEEN_HOST
#define OUT	STREAM_SEEN_OUTGOING
/* A bridge port takes in what is for other MAC addresses than its own. */
#define PORT	STREAM_SEEN_OTHERHOST
void world_walk(struct world *, const struct pkt *, const struct step *,
    size_t n);

/* C1 on veth1 to FAR through the host's address, and back: three points. */
#define SNAT_STEPS	3
struct snat {
	struct step	there[SNAT_STEPS], back[SNAT_STEPS];
};
struct snat world_snat(uint32_t veth, uint16_t wire_port);

/* A conntrack event now. */
void world_nat(struct world *, enum stream_nat_kind, uint8_t proto,
    const char *osrc, uint16_t osport, const char *odst, uint16_t odport,
    const char *rsrc, uint16_t rsport, const char *rdst, uint16_t rdport,
    uint32_t id);

/* Final events so far. */
size_t world_finals(const struct world *);
/* The n-th final event, or NULL. */
const struct event *world_final(const struct world *, size_t n);
/* The final event with this source and destination port (0: any). */
const struct event *world_find(const struct world *, const char *source,
    uint16_t sport, const char *destination, uint16_t dport);
/* Every stage of stream balances. */
bool world_balances(const struct world *);
uint64_t world_noted(const struct world *, const char *stage,
    const char *what);

/* Fails the test unless the flow counted exactly this. */
void check_counts(const struct event *, int64_t out_packets,
    int64_t out_bytes, int64_t out_payload, int64_t in_packets,
    int64_t in_bytes, int64_t in_payload);
void check_text(const struct event *, enum field_id, const char *);
void check_ip(const struct event *, enum field_id, const char *);

#endif

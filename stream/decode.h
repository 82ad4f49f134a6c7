/*
 * decode: one captured copy, from its network header to its payload. Reads
 * VLAN tags, IPv4, IPv6 with its extension headers, TCP, UDP, ICMP and the
 * like; keeps no state and copies no payload.
 *
 * Lengths come from the IP header, not from the captured bytes, so a snap
 * length that cuts the payload changes nothing. An IPv4 total length or IPv6
 * payload length of 0 is a packet larger than 64 KiB (BIG TCP): there the
 * length on the wire counts.
 *
 * Sources: RFC 7348, 791, 8200, 9293, 768, 792, 4443, IEEE 802.1Q.
 * Threads: any; no state. Nothing allocates, logs or blocks.
 */
#ifndef STREAM_DECODE_H
#define STREAM_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/key.h"

enum decode_verdict {
	DECODE_OK,		/* an IP packet */
	DECODE_ARP,
	DECODE_NON_IP,		/* neither IP nor ARP */
	DECODE_TRUNCATED,	/* captured bytes end inside a header */
	DECODE_BAD_HEADER,	/* lengths that contradict each other */
	DECODE_UNSUPPORTED	/* too many tags or extension headers */
};
#define DECODE_VERDICTS	6

#define DECODE_TCP_FIN	0x01
#define DECODE_TCP_SYN	0x02
#define DECODE_TCP_RST	0x04
#define DECODE_TCP_PSH	0x08
#define DECODE_TCP_ACK	0x10
#define DECODE_TCP_URG	0x20

/*
 * ICMP and ICMPv6 queries (echo and its like) have the query id as the port
 * of who asks, and DECODE_ASKED as the port of who answers; all other ICMP
 * has the type as source port and DECODE_CODE + code as destination port.
 */
#define DECODE_ASKED	8
#define DECODE_CODE	0x100

struct decoded {
	uint8_t		family;		/* 4 or 6 */
	uint8_t		proto;		/* IPPROTO_ of the transport */
	struct key_end	source, destination;	/* ports 0 when there are none */
	uint32_t	l3_len;		/* bytes from the IP header on */
	uint32_t	l3_header;	/* of these, IP and extension headers */
	uint32_t	l4_header;	/* transport header */
	uint32_t	payload_len;	/* transport payload on the wire */
	const uint8_t	*payload;	/* lent; what was captured of it */
	size_t		captured;	/* a fragment's includes the header */
	uint32_t	segments;	/* datagrams that the sender left to be
					   cut from this one packet; 0 none */
	uint16_t	ip_id;		/* IPv4; 0 for IPv6 */
	uint32_t	flow_label;	/* IPv6; 0 for IPv4 */

	bool		fragment;	/* one of several: nothing below the
					   IP header is read */
	bool		more;		/* not the last */
	uint32_t	offset;		/* bytes, of a fragment */
	uint32_t	fragment_id;

	uint8_t		tcp_flags;
	uint32_t	seq, ack;

	uint8_t		icmp_type, icmp_code;
	bool		icmp_query;	/* a request or its reply */
	bool		icmp_reply;
	uint16_t	icmp_seq;
	/* An error: the packet that it is about, as it was on this wire. What
	 * follows has a value only with inner. */
	bool		inner;
	uint8_t		inner_proto;
	struct key_end	inner_source, inner_destination;
	uint16_t	inner_id;	/* IPv4 ID */
};

/* ethertype in host order. *out holds nothing of use unless DECODE_OK. */
enum decode_verdict decode_packet(uint16_t ethertype, const uint8_t *bytes,
    size_t len, size_t wire_len, struct decoded *out);

/*
 * Is this a packet of VXLAN: UDP to port 4789, with a header that has its
 * network and nothing else (RFC 7348 section 5)?
 */
#define DECODE_VXLAN_PORT	4789
bool decode_is_vxlan(const struct decoded *);
/*
 * The packet inside, for which decode_is_vxlan is true. *vni is set in every
 * case; the rest as decode_packet, with lengths from inside and payload in
 * the bytes of the outer one.
 */
enum decode_verdict decode_vxlan(const struct decoded *outer, uint32_t *vni,
    struct decoded *inner);

/*
 * Reads the transport header of a packet that was put together from
 * fragments: bytes are its first len bytes behind the IP header, l4_len how
 * many there are in all. payload points into bytes afterwards. On any other
 * verdict than DECODE_OK the packet is not usable.
 */
enum decode_verdict decode_transport(struct decoded *, const uint8_t *bytes,
    size_t len, uint32_t l4_len);

#endif

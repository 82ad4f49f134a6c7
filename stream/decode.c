#include "stream/decode.h"

#include <netinet/in.h>

#include "lib/cursor.h"

#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_ARP	0x0806
#define ETHERTYPE_VLAN	0x8100
#define ETHERTYPE_IPV6	0x86dd
#define ETHERTYPE_QINQ	0x88a8

#define VXLAN_HEADER	8
#define VXLAN_FLAGS	0x08000000	/* I, a valid network; rest 0 */
#define MACS		12
#define TAGS_MAX	4
#define EXTENSIONS_MAX	16

#define HALF		64	/* of what is cleared of struct decoded */

#define PROTO_MOBILITY	135
#define PROTO_HIP	139
#define PROTO_SHIM6	140

/* Numbers at a place inside a header that was taken as a whole. */
static inline uint16_t
at16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
at32(const uint8_t *p)
{
	return (uint32_t)at16(p) << 16 | at16(p + 2);
}

static bool
parse_ipv4(struct cursor *c, size_t wire_len, struct decoded *d)
{
	const uint8_t *h = cursor_take(c, 20);
	uint16_t frag;

	if (h == NULL)
		return true;		/* the caller sees the short read */
	d->l3_header = (h[0] & 0x0fU) * 4;
	d->l3_len = at16(h + 2);
	d->ip_id = at16(h + 4);
	frag = at16(h + 6);
	d->proto = h[9];
	memcpy(d->source.ip, h + 12, 4);
	memcpy(d->destination.ip, h + 16, 4);
	if (d->l3_len == 0 && wire_len <= UINT32_MAX)
		d->l3_len = (uint32_t)wire_len;
	if (d->l3_header < 20 || d->l3_len < d->l3_header)
		return false;
	cursor_skip(c, d->l3_header - 20);
	d->more = (frag & 0x2000) != 0;
	d->offset = (frag & 0x1fffU) * 8;
	d->fragment = d->more || d->offset != 0;
	d->fragment_id = d->ip_id;
	return true;
}

static bool
is_extension(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return true;
	default:
		return false;
	}
}

/* One extension header; gives its length. */
static uint32_t
parse_extension(struct cursor *c, struct decoded *d)
{
	uint8_t kind = d->proto, words;
	uint16_t frag;
	uint32_t len;

	d->proto = cursor_u8(c);
	words = cursor_u8(c);
	if (kind == IPPROTO_FRAGMENT) {
		frag = cursor_u16be(c);
		d->fragment_id = cursor_u32be(c);
		d->offset = frag & 0xfff8U;
		d->more = (frag & 1) != 0;
		/* An atomic fragment (RFC 6946) is a whole packet. */
		d->fragment = d->more || d->offset != 0;
		return 8;
	}
	len = kind == IPPROTO_AH ? (words + 2U) * 4 : (words + 1U) * 8;
	cursor_skip(c, len - 2);
	return len;
}

/* False for contradictions; *deep when there are too many headers. */
static bool
parse_ipv6(struct cursor *c, size_t wire_len, struct decoded *d, bool *deep)
{
	const uint8_t *h = cursor_take(c, 40);
	unsigned n = 0;

	if (h == NULL)
		return true;
	d->flow_label = at32(h) & 0xfffff;
	d->l3_len = at16(h + 4) + 40U;
	d->proto = h[6];
	memcpy(d->source.ip, h + 8, 16);
	memcpy(d->destination.ip, h + 24, 16);
	if (d->l3_len == 40 && d->proto != IPPROTO_NONE &&
	    wire_len <= UINT32_MAX)
		d->l3_len = (uint32_t)wire_len;
	d->l3_header = 40;
	while (cursor_ok(c) && is_extension(d->proto) && !d->fragment) {
		if (n++ == EXTENSIONS_MAX) {
			*deep = true;
			return true;
		}
		d->l3_header += parse_extension(c, d);
	}
	return !cursor_ok(c) || d->l3_len >= d->l3_header;
}

static bool
is_query(uint8_t family, uint8_t type, bool *reply)
{
	if (family == 6) {
		*reply = type == 129;
		return type == 128 || type == 129;
	}
	/* Echo, timestamp, information, address mask. */
	*reply = type == 0 || type == 14 || type == 16 || type == 18;
	return *reply || type == 8 || type == 13 || type == 15 || type == 17;
}

static bool
is_error(uint8_t family, uint8_t type)
{
	if (family == 6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 ||
	    type == 12;
}

static bool
is_icmp(const struct decoded *d)
{
	return d->family == 4 ? d->proto == IPPROTO_ICMP :
	    d->proto == IPPROTO_ICMPV6;
}

/* Type, code, id and sequence; eight bytes. */
static void
parse_icmp_head(struct cursor *c, struct decoded *d)
{
	const uint8_t *h = cursor_take(c, 8);
	uint16_t id;

	if (h == NULL)
		return;
	d->icmp_type = h[0];
	d->icmp_code = h[1];
	id = at16(h + 4);
	d->icmp_seq = at16(h + 6);
	d->l4_header = 8;
	d->icmp_query = is_query(d->family, d->icmp_type, &d->icmp_reply);
	if (d->icmp_query) {
		d->source.port = d->icmp_reply ? DECODE_ASKED : id;
		d->destination.port = d->icmp_reply ? id : DECODE_ASKED;
	} else {
		d->source.port = d->icmp_type;
		d->destination.port = DECODE_CODE + d->icmp_code;
	}
}

/* The packet inside an error. What cannot be read is left out. */
static void
parse_inner(struct cursor *c, struct decoded *outer)
{
	struct decoded d = { .family = outer->family };
	bool deep = false, sound;

	sound = outer->family == 4 ? parse_ipv4(c, 0x10000, &d) :
	    parse_ipv6(c, 0x10000, &d, &deep);
	if (!sound || deep || d.offset != 0 || !cursor_ok(c))
		return;
	if (is_icmp(&d)) {
		parse_icmp_head(c, &d);
	} else if (d.proto == IPPROTO_TCP || d.proto == IPPROTO_UDP ||
	    d.proto == IPPROTO_SCTP || d.proto == IPPROTO_DCCP ||
	    d.proto == IPPROTO_UDPLITE) {
		d.source.port = cursor_u16be(c);
		d.destination.port = cursor_u16be(c);
	}
	if (!cursor_ok(c))
		return;
	outer->inner = true;
	outer->inner_proto = d.proto;
	outer->inner_source = d.source;
	outer->inner_destination = d.destination;
	outer->inner_id = d.ip_id;
}

static bool
parse_tcp(struct cursor *c, struct decoded *d, uint32_t l4_len)
{
	const uint8_t *h = cursor_take(c, 20);
	size_t options;

	if (h == NULL)
		return true;
	d->source.port = at16(h);
	d->destination.port = at16(h + 2);
	d->seq = at32(h + 4);
	d->ack = at32(h + 8);
	d->l4_header = (h[12] >> 4) * 4U;
	d->tcp_flags = h[13];
	if (d->l4_header < 20 || d->l4_header > l4_len)
		return false;
	d->payload_len = l4_len - d->l4_header;
	/* Options may be cut by the snap length: nothing is lost by it. */
	options = d->l4_header - 20;
	cursor_skip(c, options < cursor_left(c) ? options : cursor_left(c));
	return true;
}

static bool
parse_udp(struct cursor *c, struct decoded *d, uint32_t l4_len)
{
	const uint8_t *h = cursor_take(c, 8);
	uint32_t len;

	if (h == NULL)
		return true;
	d->source.port = at16(h);
	d->destination.port = at16(h + 2);
	len = at16(h + 4);
	d->l4_header = 8;
	if (len == 0)			/* RFC 2675: a jumbogram */
		len = l4_len;
	if (len < 8 || len > l4_len)
		return false;
	d->payload_len = len - 8;
	return true;
}

static bool
parse_ports(struct cursor *c, struct decoded *d, uint32_t l4_len)
{
	d->source.port = cursor_u16be(c);
	d->destination.port = cursor_u16be(c);
	d->l4_header = 4;
	if (l4_len < 4)
		return false;
	d->payload_len = l4_len - 4;
	return true;
}

static bool
parse_icmp(struct cursor *c, struct decoded *d, uint32_t l4_len)
{
	if (l4_len < 8)
		return false;
	parse_icmp_head(c, d);
	d->payload_len = l4_len - 8;
	if (is_error(d->family, d->icmp_type) && cursor_ok(c)) {
		struct cursor inner = *c;

		parse_inner(&inner, d);
	}
	return true;
}

static bool
parse_transport(struct cursor *c, struct decoded *d, uint32_t l4_len)
{
	if (is_icmp(d))
		return parse_icmp(c, d, l4_len);
	switch (d->proto) {
	case IPPROTO_TCP:
		return parse_tcp(c, d, l4_len);
	case IPPROTO_UDP:
		return parse_udp(c, d, l4_len);
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_UDPLITE:
		return parse_ports(c, d, l4_len);
	default:
		d->payload_len = l4_len;
		return true;
	}
}

enum decode_verdict
decode_transport(struct decoded *d, const uint8_t *bytes, size_t len,
    uint32_t l4_len)
{
	struct cursor c = cursor_make(bytes, len);
	uint32_t extension;
	unsigned n = 0;

	/* Headers behind a fragment header are in the fragmented part. */
	while (d->family == 6 && is_extension(d->proto) && cursor_ok(&c)) {
		if (n++ == EXTENSIONS_MAX)
			return DECODE_UNSUPPORTED;
		extension = parse_extension(&c, d);
		if (extension > l4_len)
			return DECODE_BAD_HEADER;
		l4_len -= extension;
		d->l3_header += extension;
	}
	if (!parse_transport(&c, d, l4_len))
		return DECODE_BAD_HEADER;
	if (!cursor_ok(&c))
		return DECODE_TRUNCATED;
	d->payload = c.pos;
	d->captured = cursor_left(&c);
	if (d->captured > d->payload_len)	/* padding of the link */
		d->captured = d->payload_len;
	return DECODE_OK;
}

static enum decode_verdict
parse_ip(struct cursor *c, size_t wire_len, struct decoded *d)
{
	bool deep = false, sound;
	uint32_t l4_len;

	sound = d->family == 4 ? parse_ipv4(c, wire_len, d) :
	    parse_ipv6(c, wire_len, d, &deep);
	if (!sound)
		return DECODE_BAD_HEADER;
	if (deep)
		return DECODE_UNSUPPORTED;
	if (!cursor_ok(c))
		return DECODE_TRUNCATED;
	if (d->l3_len > wire_len)
		return DECODE_BAD_HEADER;
	l4_len = d->l3_len - d->l3_header;
	if (!d->fragment)
		return decode_transport(d, c->pos, cursor_left(c), l4_len);
	d->payload_len = l4_len;
	d->payload = c->pos;
	d->captured = cursor_left(c) < l4_len ? cursor_left(c) : l4_len;
	return DECODE_OK;
}

/* In two parts, because gcc makes a string instruction of one, which takes as
 * long to begin as all the rest of decode does. */
static inline void
clear(struct decoded *d)
{
	uint8_t *bytes = (uint8_t *)d;

	memset(bytes, 0, HALF);
	memset(bytes + HALF, 0, offsetof(struct decoded, inner_proto) - HALF);
}

enum decode_verdict
decode_packet(uint16_t ethertype, const uint8_t *bytes, size_t len,
    size_t wire_len, struct decoded *out)
{
	struct cursor c = cursor_make(bytes, len);
	unsigned tags = 0;
	uint8_t version;

	while (ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ) {
		if (tags++ == TAGS_MAX)
			return DECODE_UNSUPPORTED;
		cursor_skip(&c, 2);
		ethertype = cursor_u16be(&c);
		if (!cursor_ok(&c) || wire_len < 4)
			return DECODE_TRUNCATED;
		wire_len -= 4;
	}
	if (ethertype == ETHERTYPE_ARP)
		return DECODE_ARP;
	if (ethertype != ETHERTYPE_IPV4 && ethertype != ETHERTYPE_IPV6)
		return DECODE_NON_IP;
	if (cursor_left(&c) == 0)
		return DECODE_TRUNCATED;
	version = *c.pos >> 4;
	if (version != (ethertype == ETHERTYPE_IPV4 ? 4 : 6))
		return DECODE_BAD_HEADER;
	clear(out);
	out->family = version;
	return parse_ip(&c, wire_len, out);
}

bool
decode_is_vxlan(const struct decoded *d)
{
	return d->proto == IPPROTO_UDP && !d->fragment &&
	    d->destination.port == DECODE_VXLAN_PORT &&
	    d->captured >= VXLAN_HEADER && at32(d->payload) == VXLAN_FLAGS &&
	    d->payload[VXLAN_HEADER - 1] == 0;
}

enum decode_verdict
decode_vxlan(const struct decoded *outer, uint32_t *vni, struct decoded *inner)
{
	const uint32_t header = VXLAN_HEADER + MACS + 2;
	struct cursor c = cursor_make(outer->payload, outer->captured);
	uint16_t ethertype;

	cursor_skip(&c, 4);
	*vni = cursor_u32be(&c) >> 8;
	cursor_skip(&c, MACS);
	ethertype = cursor_u16be(&c);
	if (!cursor_ok(&c) || outer->payload_len < header)
		return DECODE_TRUNCATED;
	return decode_packet(ethertype, c.pos, cursor_left(&c),
	    outer->payload_len - header, inner);
}

#include "stream/community.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "lib/hash.h"

/* Message types that answer each other. */
struct pair { uint8_t type, counter; };

static const struct pair icmp_pairs[] = {
	{ 0, 8 }, { 8, 0 },		/* echo */
	{ 9, 10 }, { 10, 9 },		/* router advertisement */
	{ 13, 14 }, { 14, 13 },		/* timestamp */
	{ 15, 16 }, { 16, 15 },		/* information */
	{ 17, 18 }, { 18, 17 }		/* address mask */
};
static const struct pair icmp6_pairs[] = {
	{ 128, 129 }, { 129, 128 },	/* echo */
	{ 130, 131 }, { 131, 130 },	/* multicast listener */
	{ 133, 134 }, { 134, 133 },	/* router */
	{ 135, 136 }, { 136, 135 },	/* neighbour */
	{ 139, 140 }, { 140, 139 },	/* who are you */
	{ 144, 145 }, { 145, 144 }	/* home agent */
};

/* Replaces the code by the counterpart's type; false: a one-way message. */
static bool
pair_up(const struct pair *pairs, size_t n, uint16_t type, uint16_t *code)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (pairs[i].type != type)
			continue;
		*code = pairs[i].counter;
		return true;
	}
	return false;
}

static void
write_base64(char *out, const uint8_t in[static 20])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t three;
	size_t i;

	for (i = 0; i < 18; i += 3) {
		three = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 |
		    in[i + 2];
		*out++ = digits[three >> 18];
		*out++ = digits[three >> 12 & 63];
		*out++ = digits[three >> 6 & 63];
		*out++ = digits[three & 63];
	}
	three = (uint32_t)in[18] << 16 | (uint32_t)in[19] << 8;
	*out++ = digits[three >> 18];
	*out++ = digits[three >> 12 & 63];
	*out++ = digits[three >> 6 & 63];
	*out++ = '=';
	*out = '\0';
}

static size_t
put_u16(uint8_t *out, uint16_t v)
{
	out[0] = (uint8_t)(v >> 8);
	out[1] = (uint8_t)v;
	return 2;
}

void
community_id(char text[static COMMUNITY_TEXT], const struct ipaddr *source,
    uint16_t source_port, const struct ipaddr *destination,
    uint16_t destination_port, uint8_t proto)
{
	const struct ipaddr *first = source, *second = destination;
	uint16_t port1 = source_port, port2 = destination_port;
	size_t bytes = source->family == 4 ? 4 : 16, n = 0;
	uint8_t in[2 + 16 + 16 + 2 + 4], sum[20];
	bool one_way = false;
	int order;

	if (proto == IPPROTO_ICMP)
		one_way = !pair_up(icmp_pairs,
		    sizeof(icmp_pairs) / sizeof(icmp_pairs[0]), port1, &port2);
	else if (proto == IPPROTO_ICMPV6)
		one_way = !pair_up(icmp6_pairs,
		    sizeof(icmp6_pairs) / sizeof(icmp6_pairs[0]), port1,
		    &port2);
	order = memcmp(source->bytes, destination->bytes, bytes);
	if (!one_way && (order > 0 || (order == 0 && port1 > port2))) {
		uint16_t port = port1;

		first = destination;
		second = source;
		port1 = port2;
		port2 = port;
	}
	n += put_u16(in, 0);		/* seed */
	memcpy(in + n, first->bytes, bytes);
	n += bytes;
	memcpy(in + n, second->bytes, bytes);
	n += bytes;
	in[n++] = proto;
	in[n++] = 0;
	n += put_u16(in + n, port1);
	n += put_u16(in + n, port2);
	hash_sha1(in, n, sum);
	text[0] = '1';
	text[1] = ':';
	write_base64(text + 2, sum);
}

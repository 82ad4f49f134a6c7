/* Packets written out by hand from the RFCs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "stream/decode.h"

#define V4	0x0800
#define V6	0x86dd

static struct decoded d;

static enum decode_verdict
decode(uint16_t ethertype, const uint8_t *bytes, size_t len, size_t wire)
{
	memset(&d, 0xaa, sizeof(d));
	return decode_packet(ethertype, bytes, len, wire, &d);
}
#define DECODE(type, bytes) decode(type, bytes, sizeof(bytes), sizeof(bytes))

/* 10.0.0.1:258 to 10.0.0.2:772, one option, ten bytes of payload, padding. */
static const uint8_t tcp4[] = {
	0x46, 0, 0, 54, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0,
	10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1,
	1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0x50, 0x12, 0xff, 0xff, 0, 0, 0, 0,
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0
};

static void
test_tcp(void **state)
{
	(void)state;
	assert_int_equal(DECODE(V4, tcp4), DECODE_OK);
	assert_int_equal(d.family, 4);
	assert_int_equal(d.proto, IPPROTO_TCP);
	assert_int_equal(d.source.port, 258);
	assert_int_equal(d.destination.port, 772);
	assert_memory_equal(d.source.ip, "\x0a\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0",
	    16);
	assert_int_equal(d.l3_len, 54);
	assert_int_equal(d.l3_header, 24);
	assert_int_equal(d.l4_header, 20);
	assert_int_equal(d.payload_len, 10);
	assert_int_equal(d.captured, 10);
	assert_int_equal(d.payload[0], 1);
	assert_int_equal(d.seq, 5);
	assert_int_equal(d.ack, 6);
	assert_int_equal(d.tcp_flags, DECODE_TCP_SYN | DECODE_TCP_ACK);
	assert_int_equal(d.ip_id, 0x1234);
	assert_false(d.fragment);
}

static void
test_every_cut(void **state)
{
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(tcp4); len++)
		assert_int_equal(decode(V4, tcp4, len, sizeof(tcp4)),
		    len < 44 ? DECODE_TRUNCATED : DECODE_OK);
	/* The header's lengths must fit the wire, not the capture. */
	assert_int_equal(decode(V4, tcp4, 44, 53), DECODE_BAD_HEADER);
}

static void
test_bad_headers(void **state)
{
	uint8_t b[sizeof(tcp4)];

	(void)state;
	memcpy(b, tcp4, sizeof(b));
	b[0] = 0x44;				/* header of 16 bytes */
	assert_int_equal(DECODE(V4, b), DECODE_BAD_HEADER);
	b[0] = 0x65;
	assert_int_equal(DECODE(V4, b), DECODE_BAD_HEADER);
	b[0] = 0x46;
	b[3] = 23;				/* total below the header */
	assert_int_equal(DECODE(V4, b), DECODE_BAD_HEADER);
	b[3] = 54;
	b[36] = 0x40;				/* TCP header of 16 bytes */
	assert_int_equal(DECODE(V4, b), DECODE_BAD_HEADER);
	b[36] = 0xf0;				/* of 60 bytes */
	assert_int_equal(DECODE(V4, b), DECODE_BAD_HEADER);
	assert_int_equal(decode(0x0806, b, 28, 28), DECODE_ARP);
	assert_int_equal(decode(0x88cc, b, 28, 28), DECODE_NON_IP);
}

static void
test_vlan(void **state)
{
	uint8_t b[8 + sizeof(tcp4)] = { 0, 5, 0x81, 0, 0, 6, 0x08, 0 };
	uint8_t deep[40] = { 0 };
	size_t i;

	(void)state;
	memcpy(b + 8, tcp4, sizeof(tcp4));
	assert_int_equal(DECODE(0x88a8, b), DECODE_OK);
	assert_int_equal(d.payload_len, 10);
	assert_int_equal(decode(0x8100, b, 3, 3), DECODE_TRUNCATED);
	for (i = 2; i + 1 < sizeof(deep); i += 4)
		deep[i] = 0x81;
	assert_int_equal(DECODE(0x8100, deep), DECODE_UNSUPPORTED);
}

/* Hop-by-hop, routing, destination options, then UDP with four bytes. */
static const uint8_t udp6[] = {
	0x60, 0x0a, 0xbc, 0xde, 0, 36, 0, 64,
	0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	43, 0, 1, 4, 0, 0, 0, 0,
	60, 0, 0, 0, 0, 0, 0, 0,
	17, 0, 1, 4, 0, 0, 0, 0,
	0, 53, 0, 54, 0, 12, 0, 0, 9, 8, 7, 6
};

static void
test_ipv6_extensions(void **state)
{
	uint8_t loop[40 + 8 * 20] = { 0x60 };
	size_t i;

	(void)state;
	assert_int_equal(DECODE(V6, udp6), DECODE_OK);
	assert_int_equal(d.proto, IPPROTO_UDP);
	assert_int_equal(d.flow_label, 0xabcde);
	assert_int_equal(d.l3_header, 64);
	assert_int_equal(d.l3_len, 76);
	assert_int_equal(d.payload_len, 4);
	assert_int_equal(d.source.port, 53);
	for (i = 0; i < sizeof(udp6); i++)
		assert_int_equal(decode(V6, udp6, i, sizeof(udp6)),
		    i < 72 ? DECODE_TRUNCATED : DECODE_OK);
	/* A chain of options without end. */
	loop[5] = sizeof(loop) - 40;
	loop[6] = 60;
	for (i = 40; i < sizeof(loop); i += 8)
		loop[i] = 60;
	assert_int_equal(DECODE(V6, loop), DECODE_UNSUPPORTED);
}

static void
test_fragment_headers(void **state)
{
	uint8_t b[sizeof(tcp4)], six[56] = { 0x60, 0, 0, 0, 0, 16, 44 };

	(void)state;
	memcpy(b, tcp4, sizeof(b));
	b[6] = 0x20;
	b[7] = 3;
	assert_int_equal(DECODE(V4, b), DECODE_OK);
	assert_true(d.fragment);
	assert_true(d.more);
	assert_int_equal(d.offset, 24);
	assert_int_equal(d.payload_len, 30);
	assert_int_equal(d.source.port, 0);
	/* An atomic fragment is no fragment. */
	six[40] = 17;
	six[49] = 53;
	six[53] = 8;
	assert_int_equal(DECODE(V6, six), DECODE_OK);
	assert_false(d.fragment);
	assert_int_equal(d.source.port, 53);
	six[42] = 1;
	six[43] = 0x41;
	six[47] = 9;
	assert_int_equal(DECODE(V6, six), DECODE_OK);
	assert_true(d.fragment);
	assert_int_equal(d.offset, 0x140);
	assert_int_equal(d.fragment_id, 9);
}

/* Time exceeded, about a UDP datagram with only eight bytes of it. */
static const uint8_t error4[] = {
	0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 9, 10, 0, 0, 1,
	11, 0, 0, 0, 0, 0, 0, 0,
	0x45, 0, 5, 0xdc, 0x77, 0x77, 0, 0, 1, 17, 0, 0, 10, 0, 0, 1,
	10, 0, 0, 2, 0x13, 0x88, 0, 53, 5, 0xc8, 0, 0
};

static void
test_icmp(void **state)
{
	uint8_t echo[] = { 0x45, 0, 0, 29, 0, 0, 0, 0, 64, 1, 0, 0, 1, 1, 1, 1,
	    2, 2, 2, 2, 8, 0, 0, 0, 1, 2, 0, 7, 0xff };
	size_t i;

	(void)state;
	assert_int_equal(DECODE(V4, echo), DECODE_OK);
	assert_true(d.icmp_query);
	assert_int_equal(d.source.port, 258);
	assert_int_equal(d.destination.port, DECODE_ASKED);
	assert_int_equal(d.icmp_seq, 7);
	echo[20] = 0;
	assert_int_equal(DECODE(V4, echo), DECODE_OK);
	assert_true(d.icmp_reply);
	assert_int_equal(d.source.port, DECODE_ASKED);
	assert_int_equal(d.destination.port, 258);

	assert_int_equal(DECODE(V4, error4), DECODE_OK);
	assert_true(d.inner);
	assert_int_equal(d.inner_proto, IPPROTO_UDP);
	assert_int_equal(d.inner_source.port, 5000);
	assert_int_equal(d.inner_destination.port, 53);
	assert_int_equal(d.inner_id, 0x7777);
	assert_int_equal(d.source.port, 11);
	assert_int_equal(d.destination.port, DECODE_CODE);
	/* Cut anywhere inside: the outer packet still counts. */
	for (i = 28; i < sizeof(error4) - 4; i++) {
		assert_int_equal(decode(V4, error4, i, sizeof(error4)),
		    DECODE_OK);
		assert_int_equal(d.inner, i >= 52);
	}
}

static void
test_udp_lengths(void **state)
{
	uint8_t b[] = { 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1,
	    2, 2, 2, 2, 0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4 };

	(void)state;
	assert_int_equal(DECODE(V4, b), DECODE_OK);
	assert_int_equal(d.payload_len, 4);
	b[25] = 13;
	assert_int_equal(DECODE(V4, b), DECODE_BAD_HEADER);
	b[25] = 7;
	assert_int_equal(DECODE(V4, b), DECODE_BAD_HEADER);
	b[25] = 10;				/* shorter than the packet */
	assert_int_equal(DECODE(V4, b), DECODE_OK);
	assert_int_equal(d.payload_len, 2);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_ipv6_extensions),
		cmocka_unit_test(test_fragment_headers),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_udp_lengths),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}

/*
 * Any bytes as one captured packet. First two bytes: ethertype; next two: how
 * many bytes more there were on the wire.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/cursor.h"
#include "stream/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static void
check_inside(const struct decoded *outer)
{
	struct decoded d;
	uint32_t vni;

	if (decode_vxlan(outer, &vni, &d) != DECODE_OK)
		return;
	require(vni < 1U << 24);
	require(d.l3_len <= outer->payload_len);
	require(d.payload >= outer->payload && d.payload + d.captured <=
	    outer->payload + outer->captured);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_make(data, len);
	uint16_t ethertype = cursor_u16be(&c);
	size_t more = cursor_u16be(&c), left = cursor_left(&c);
	const uint8_t *bytes = cursor_take(&c, left);
	struct decoded d;

	if (bytes == NULL || decode_packet(ethertype, bytes, left, left + more,
	    &d) != DECODE_OK)
		return 0;
	require(d.family == 4 || d.family == 6);
	require(d.l3_len <= left + more);
	require(d.l3_header <= d.l3_len);
	require(d.payload_len <= d.l3_len - d.l3_header);
	require(d.captured <= d.payload_len);
	require(d.payload >= bytes && d.payload + d.captured <= bytes + left);
	if (decode_is_vxlan(&d))
		check_inside(&d);
	if (d.fragment)
		require(d.l4_header == 0);
	else
		(void)decode_transport(&d, d.payload, d.captured,
		    d.payload_len);
	return 0;
}

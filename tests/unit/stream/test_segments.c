/*
 * UDP_SEGMENT where the capture tells the size of the datagrams: as many
 * count as the receiver gets, whether a later point shows the packet whole or
 * in pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/stream/world.h"

#define HEADERS	28

static struct pkt
udp_out(size_t payload, uint16_t gso_size, uint16_t id, uint32_t fill)
{
	return (struct pkt){ .from = C1, .to = FAR, .sport = 5000,
	    .dport = 443, .proto = IPPROTO_UDP, .payload = payload,
	    .gso_size = gso_size, .id = id, .fill = fill };
}

/* Packets of n datagrams of size bytes, the last one of `last`. */
static void
check(unsigned n, uint16_t size, size_t last, bool cut)
{
	const unsigned rounds = 200;
	size_t payload = (size_t)(n - 1) * size + last;
	const struct event *ev;
	struct snat path;
	struct world w;
	struct pkt p;
	unsigned i, k;

	world_init(&w, NULL);
	world_nat(&w, STREAM_NAT_NEW, IPPROTO_UDP, C1, 5000, FAR, 443, FAR,
	    443, HOST_IP, 5000, 1);
	path = world_snat(V1, 5000);
	for (i = 0; i < rounds; i++) {
		p = udp_out(payload, size, (uint16_t)(i * n), i);
		world_walk(&w, &p, path.there, cut ? 2 : 3);
		for (k = 0; cut && k < n; k++) {
			p = udp_out(k + 1 == n ? last : size, 0,
			    (uint16_t)(i * n + k), i * n + k + 100000);
			world_walk(&w, &p, path.there + 2, 1);
		}
	}
	world_end(&w);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	assert_int_equal(event_num(ev, FIELD_SOURCE_PACKETS), rounds * n);
	assert_int_equal(event_num(ev, FIELD_SOURCE_BYTES),
	    rounds * (payload + n * HEADERS));
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT),
	    rounds * payload);
	world_fini(&w);
}

static void
test_cut(void **state)
{
	(void)state;
	check(10, 1200, 1200, true);
	check(44, 1472, 17, true);
	check(64, 100, 100, true);
}

/* All of it would fit one frame. */
static void
test_small(void **state)
{
	(void)state;
	check(3, 400, 200, true);
	check(2, 1, 1, true);
}

static void
test_whole(void **state)
{
	(void)state;
	check(10, 1200, 700, false);
	check(3, 400, 400, false);
}

/* A size that says nothing: the packet is not longer. */
static void
test_single(void **state)
{
	(void)state;
	check(1, 1200, 1200, false);
	check(1, 1200, 30, false);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_single),
	};

	return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}

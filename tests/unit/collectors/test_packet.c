/*
 * Copies as files and the live sources hand them over: each link type gives
 * the same flow, and the cooked header's reserved bytes tell how many
 * datagrams a UDP packet stands for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <pcap/pcap.h>

#include "collectors/packet/packet.h"
#include "tests/unit/stream/world.h"

#define PAYLOAD	6001
#define HEADERS	28
#define LINK	20	/* longest link header here */

static struct packet_conf conf = { .snaplen = 256 };

static void *
open_collector(struct world *w)
{
	const struct collector_env env = { .ledger = w->ledger,
	    .pipeline = w->pipeline, .clock = &w->clock,
	    .stream = w->stream, .conf = &conf };
	void *c = packet_collector.new(&env);

	assert_non_null(c);
	return c;
}

/* One UDP packet of C1 behind this link header. */
static void
feed(struct world *w, void *c, uint32_t type, const char *link, size_t len)
{
	const struct pkt p = { .from = C1, .to = FAR, .sport = 5000,
	    .dport = 443, .proto = IPPROTO_UDP, .payload = PAYLOAD, .fill = 1 };
	uint8_t bytes[LINK + SNAP_MAX];
	struct collector_input in = { .when = w->clock.wall, .type = type,
	    .bytes = bytes };

	memcpy(bytes, link, len);
	in.wire_len = (uint32_t)(len + pkt_write(&p, bytes + len, SNAP_MAX));
	in.len = 200;
	packet_collector.feed(c, &in);
}

static void
check(uint32_t type, const char *link, size_t len, unsigned datagrams)
{
	const struct event *ev;
	struct world w;
	void *c;

	world_init(&w, NULL);
	c = open_collector(&w);
	feed(&w, c, type, link, len);
	world_end(&w);
	packet_collector.free(c);
	assert_int_equal(world_finals(&w), 1);
	ev = world_final(&w, 0);
	assert_int_equal(event_num(ev, FIELD_SOURCE_PACKETS), datagrams);
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT),
	    PAYLOAD);
	assert_int_equal(event_num(ev, FIELD_SOURCE_BYTES),
	    PAYLOAD + datagrams * HEADERS);
	world_fini(&w);
}

#define CHECK(type, link, datagrams) \
	check(type, link, sizeof(link) - 1, datagrams)

static void
test_link_types(void **state)
{
	(void)state;
	CHECK(DLT_LINUX_SLL2, "\x08\0\0\0\0\0\0\x0b\0\1\0\6\2\0\0\0\0\1\0\0",
	    1);
	CHECK(DLT_LINUX_SLL, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 1);
	CHECK(DLT_EN10MB, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 1);
	CHECK(DLT_RAW, "", 1);
}

static void
test_gso_size(void **state)
{
	(void)state;
	/* 1200, 1000, 6001 and 65535 in the reserved bytes. */
	CHECK(DLT_LINUX_SLL2,
	    "\x08\0\x04\xb0\0\0\0\x0b\0\1\0\6\2\0\0\0\0\1\0\0", 6);
	CHECK(DLT_LINUX_SLL2,
	    "\x08\0\x03\xe8\0\0\0\x0b\0\1\0\6\2\0\0\0\0\1\0\0", 7);
	CHECK(DLT_LINUX_SLL2,
	    "\x08\0\x17\x71\0\0\0\x0b\0\1\0\6\2\0\0\0\0\1\0\0", 1);
	CHECK(DLT_LINUX_SLL2,
	    "\x08\0\xff\xff\0\0\0\x0b\0\1\0\6\2\0\0\0\0\1\0\0", 1);
}

static void
test_what_it_cannot_read(void **state)
{
	struct ledger_stage *s;
	struct world w;
	void *c;

	(void)state;
	world_init(&w, NULL);
	c = open_collector(&w);
	s = ledger_stage(w.ledger, "packet.copies");
	feed(&w, c, 12345, "", 0);
	assert_int_equal(ledger_get(ledger_dropped(s, "unknown_link_type")),
	    1);
	packet_collector.feed(c, &(struct collector_input){
	    .type = DLT_LINUX_SLL2, .bytes = (const uint8_t *)"\x08", .len = 1,
	    .wire_len = 1 });
	assert_int_equal(ledger_get(ledger_dropped(s, "short_link_header")),
	    1);
	assert_int_equal(ledger_get(&s->received), 2);
	assert_int_equal(ledger_get(&s->delivered), 0);
	world_end(&w);
	packet_collector.free(c);
	assert_int_equal(world_finals(&w), 0);
	world_fini(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_types),
		cmocka_unit_test(test_gso_size),
		cmocka_unit_test(test_what_it_cannot_read),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}

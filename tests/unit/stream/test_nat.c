#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "stream/decode.h"
#include "stream/nat.h"

static const struct hash_key secret = { 1, 2 };

static struct ipaddr
ip(const char *text)
{
	struct ipaddr a = { .family = 0 };

	assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
	return a;
}

static struct stream_nat
event(uint8_t proto, const char *osrc, uint16_t osport, const char *odst,
    uint16_t odport, const char *rsrc, uint16_t rsport, const char *rdst,
    uint16_t rdport)
{
	return (struct stream_nat){ .proto = proto, .id = 1, .when = { 1000 },
	    .original = { ip(osrc), ip(odst), osport, odport },
	    .reply = { ip(rsrc), ip(rdst), rsport, rdport } };
}

static struct nat_match
look(struct nat *n, uint8_t proto, const char *from, uint16_t sport,
    const char *to, uint16_t dport, bool syn, int64_t when_ns)
{
	struct key_end a = { .port = sport }, b = { .port = dport };
	struct ipaddr x = ip(from), y = ip(to);
	struct key key;
	struct nat_match m;
	unsigned side;

	memcpy(a.ip, x.bytes, 16);
	memcpy(b.ip, y.bytes, 16);
	side = key_make(&key, &a, &b, x.family, proto, 0);
	nat_find(n, &key, key_hash(&secret, &key), side, syn,
	    (struct wall){ when_ns }, &m);
	return m;
}

/* Both directions of every tuple of a hairpin. */
static void
test_three_tuples(void **state)
{
	struct nat *n = nat_new(16, 6000, &secret);
	struct stream_nat e = event(IPPROTO_TCP, "172.17.0.2", 5000,
	    "192.0.2.10", 8080, "172.17.0.3", 80, "172.17.0.1", 5000);
	uint32_t conn = nat_event(n, &e, 0);
	struct nat_match m;

	(void)state;
	assert_int_not_equal(conn, NAT_NONE);
	m = look(n, IPPROTO_TCP, "172.17.0.2", 5000, "192.0.2.10", 8080, true,
	    2000);
	assert_int_equal(m.conn, conn);
	assert_int_equal(m.which, NAT_ORIGINAL);
	assert_int_equal(m.direction, 0);
	m = look(n, IPPROTO_TCP, "192.0.2.10", 8080, "172.17.0.2", 5000, false,
	    2000);
	assert_int_equal(m.which, NAT_ORIGINAL);
	assert_int_equal(m.direction, 1);
	m = look(n, IPPROTO_TCP, "172.17.0.1", 5000, "172.17.0.3", 80, false,
	    2000);
	assert_int_equal(m.conn, conn);
	assert_int_equal(m.which, NAT_WIRE);
	assert_int_equal(m.direction, 0);
	m = look(n, IPPROTO_TCP, "172.17.0.3", 80, "172.17.0.1", 5000, false,
	    2000);
	assert_int_equal(m.direction, 1);
	m = look(n, IPPROTO_TCP, "172.17.0.2", 5000, "172.17.0.3", 80, false,
	    2000);
	assert_int_equal(m.conn, conn);
	assert_int_equal(m.which, NAT_HALF);
	assert_int_equal(m.direction, 0);
	m = look(n, IPPROTO_TCP, "172.17.0.3", 80, "172.17.0.2", 5000, false,
	    2000);
	assert_int_equal(m.direction, 1);
	m = look(n, IPPROTO_UDP, "172.17.0.2", 5000, "172.17.0.3", 80, false,
	    2000);
	assert_int_equal(m.conn, NAT_NONE);
	nat_free(n);
}

static void
test_icmp_id(void **state)
{
	struct nat *n = nat_new(16, 6000, &secret);
	struct stream_nat e = event(IPPROTO_ICMP, "172.17.0.2", 100,
	    "203.0.113.9", 100, "203.0.113.9", 7, "192.0.2.10", 7);
	struct nat_match m;

	(void)state;
	assert_int_not_equal(nat_event(n, &e, 0), NAT_NONE);
	m = look(n, IPPROTO_ICMP, "203.0.113.9", DECODE_ASKED, "192.0.2.10", 7,
	    false, 2000);
	assert_int_equal(m.which, NAT_WIRE);
	assert_int_equal(m.direction, 1);
	m = look(n, IPPROTO_ICMP, "172.17.0.2", 100, "203.0.113.9",
	    DECODE_ASKED, false, 2000);
	assert_int_equal(m.which, NAT_ORIGINAL);
	assert_int_equal(m.direction, 0);
	nat_free(n);
}

static void
test_owners_by_time(void **state)
{
	struct nat *n = nat_new(16, 6000, &secret);
	struct stream_nat one = event(IPPROTO_TCP, "172.17.0.2", 5000,
	    "203.0.113.9", 80, "203.0.113.9", 80, "192.0.2.10", 5000);
	struct stream_nat two = event(IPPROTO_TCP, "172.17.0.3", 6000,
	    "203.0.113.9", 80, "203.0.113.9", 80, "192.0.2.10", 5000);
	uint32_t first, second;

	(void)state;
	first = nat_event(n, &one, 0);
	two.when.ns = 5000;
	two.id = 2;
	second = nat_event(n, &two, 0);
	assert_int_not_equal(first, second);
	/* Stamped before the second began: the first one's. */
	assert_int_equal(look(n, IPPROTO_TCP, "192.0.2.10", 5000,
	    "203.0.113.9", 80, false, 4000).conn, first);
	assert_int_equal(look(n, IPPROTO_TCP, "203.0.113.9", 80, "192.0.2.10",
	    5000, false, 5001).conn, second);
	/* A SYN stamped before: copies may carry an early stamp. */
	assert_int_equal(look(n, IPPROTO_TCP, "192.0.2.10", 5000,
	    "203.0.113.9", 80, true, 4000).conn, second);
	assert_int_equal(look(n, IPPROTO_TCP, "192.0.2.10", 5000,
	    "203.0.113.9", 80, false, 4000).conn, second);
	nat_free(n);
}

static void
test_life(void **state)
{
	struct nat *n = nat_new(16, 6000, &secret);
	struct stream_nat e = event(IPPROTO_UDP, "172.17.0.2", 5000,
	    "203.0.113.9", 53, "203.0.113.9", 53, "192.0.2.10", 5000);
	struct stream_nat gone = e;

	(void)state;
	assert_int_not_equal(nat_event(n, &e, 1000), NAT_NONE);
	/* The same again, as a dump shows it. */
	assert_int_equal(nat_event(n, &e, 1000), NAT_NONE);
	assert_int_equal(nat_count(n), 1);
	gone.kind = STREAM_NAT_DESTROY;
	gone.id = 9;
	assert_int_equal(nat_event(n, &gone, 1000), NAT_NONE);
	assert_int_equal(nat_counts(n)->unknown, 1);
	gone.id = 1;
	(void)nat_event(n, &gone, 2000);
	assert_int_equal(nat_counts(n)->destroyed, 1);
	nat_tick(n, 7999);
	assert_int_not_equal(look(n, IPPROTO_UDP, "192.0.2.10", 5000,
	    "203.0.113.9", 53, false, 9000).conn, NAT_NONE);
	nat_tick(n, 8000);
	assert_int_equal(nat_count(n), 0);
	assert_int_equal(look(n, IPPROTO_UDP, "192.0.2.10", 5000,
	    "203.0.113.9", 53, false, 9000).conn, NAT_NONE);
	nat_free(n);
}

static void
test_dump(void **state)
{
	struct nat *n = nat_new(16, 6000, &secret);
	struct stream_nat a = event(IPPROTO_UDP, "172.17.0.2", 5000,
	    "203.0.113.9", 53, "203.0.113.9", 53, "192.0.2.10", 5000);
	struct stream_nat b = event(IPPROTO_UDP, "172.17.0.2", 5001,
	    "203.0.113.9", 53, "203.0.113.9", 53, "192.0.2.10", 5001);

	(void)state;
	(void)nat_event(n, &a, 0);
	(void)nat_event(n, &b, 0);
	nat_dump(n, true, 100);
	a.dumped = true;
	(void)nat_event(n, &a, 100);
	nat_dump(n, false, 100);
	assert_int_equal(nat_counts(n)->vanished, 1);
	nat_tick(n, 6100);
	assert_int_equal(nat_count(n), 1);
	assert_int_not_equal(look(n, IPPROTO_UDP, "172.17.0.2", 5000,
	    "203.0.113.9", 53, false, 9000).conn, NAT_NONE);
	nat_free(n);
}

/* Full: what a flow uses stays, what is dead goes before what is alive. */
static void
test_eviction(void **state)
{
	struct nat *n = nat_new(16, 6000, &secret);
	uint32_t i, used, conn;

	(void)state;
	for (i = 0; i < 200; i++) {
		struct stream_nat e = event(IPPROTO_TCP, "172.17.0.2",
		    (uint16_t)(5000 + i), "203.0.113.9", 80, "203.0.113.9", 80,
		    "192.0.2.10", (uint16_t)(5000 + i));

		conn = nat_event(n, &e, 0);
		assert_int_not_equal(conn, NAT_NONE);
		if (i == 3) {
			used = conn;
			nat_conn(n, conn)->precious = true;
		}
	}
	assert_int_equal(nat_count(n), 16);
	assert_int_equal(nat_counts(n)->evicted, 200 - 16);
	assert_int_equal(look(n, IPPROTO_TCP, "192.0.2.10", 5003,
	    "203.0.113.9", 80, false, 9000).conn, used);
	nat_free(n);
}

/* Opened and reset over and over: the list of its owners stays short. */
static void
test_one_tuple_again(void **state)
{
	struct nat *n = nat_new(1024, 6000, &secret);
	struct stream_nat e = event(IPPROTO_TCP, "192.0.2.10", 5000,
	    "203.0.113.9", 80, "203.0.113.9", 80, "192.0.2.10", 5000);
	uint32_t i, conn = NAT_NONE;

	(void)state;
	for (i = 1; i <= 500; i++) {
		e.id = i;
		e.kind = STREAM_NAT_NEW;
		e.when.ns = i;
		conn = nat_event(n, &e, i);
		assert_int_not_equal(conn, NAT_NONE);
		assert_int_equal(look(n, IPPROTO_TCP, "192.0.2.10", 5000,
		    "203.0.113.9", 80, true, i).conn, conn);
		e.kind = STREAM_NAT_DESTROY;
		(void)nat_event(n, &e, i);
		assert_in_range(nat_count(n), 1, NAT_OWNERS);
	}
	assert_int_equal(nat_counts(n)->evicted, 0);
	assert_int_equal(nat_counts(n)->destroyed, 500);
	nat_tick(n, 500 + 6001);
	assert_int_equal(nat_count(n), 0);
	nat_free(n);
}

static void
test_malformed(void **state)
{
	struct nat *n = nat_new(16, 6000, &secret);
	struct stream_nat e = event(IPPROTO_TCP, "172.17.0.2", 1, "2001:db8::1",
	    2, "203.0.113.9", 2, "172.17.0.2", 1);

	(void)state;
	assert_int_equal(nat_event(n, &e, 0), NAT_NONE);
	assert_int_equal(nat_counts(n)->malformed, 1);
	nat_free(n);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_tuples),
		cmocka_unit_test(test_icmp_id),
		cmocka_unit_test(test_owners_by_time),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_one_tuple_again),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}

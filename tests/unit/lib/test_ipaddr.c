#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "lib/ipaddr.h"

static struct ipaddr
parse(const char *text)
{
	struct ipaddr a;

	if (ipaddr_parse(text, strlen(text), &a) != 0)
		fail_msg("%s is not an address", text);
	return a;
}

static struct ipaddr_cidr
parse_cidr(const char *text)
{
	struct ipaddr_cidr c;

	if (ipaddr_cidr_parse(text, strlen(text), &c) != 0)
		fail_msg("%s is not a range", text);
	return c;
}

static void
formats_as_rfc_5952_says(void **state)
{
	static const char *const pairs[][2] = {
		/* RFC 5952, sections 4.1 to 4.3 and 5. */
		{ "2001:0db8::0001", "2001:db8::1" },
		{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:DB8::ABCD:EF12", "2001:db8::abcd:ef12" },
		{ "0:0:0:0:0:ffff:192.0.2.1", "::ffff:192.0.2.1" },
		/* Section 1 and 2: one address, many texts. */
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8::1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:0db8::1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8:aaaa:bbbb:cccc:dddd:eeee:001",
		    "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1" },
		/* Ends and whole. */
		{ "0:0:0:0:0:0:0:0", "::" }, { "0:0:0:0:0:0:0:1", "::1" },
		{ "1:0:0:0:0:0:0:0", "1::" }, { "1:2:3:4:5:6:7:8",
		    "1:2:3:4:5:6:7:8" }, { "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "0:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:0" },
		/* Not a known prefix, so hexadecimal. */
		{ "::1.2.3.4", "::102:304" },
		{ "0.0.0.0", "0.0.0.0" }, { "255.255.255.255",
		    "255.255.255.255" }, { "10.100.9.1", "10.100.9.1" }
	};
	char text[IPADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(pairs); i++) {
		struct ipaddr a = parse(pairs[i][0]);

		assert_string_equal(ipaddr_format(&a, text), pairs[i][1]);
	}
	assert_string_equal(ipaddr_format(&(struct ipaddr){ 0 }, text), "");
}

/* Whatever zero groups there are, the C library reads back the same. */
static void
every_pattern_of_zeros_reads_back(void **state)
{
	char text[IPADDR_TEXT];
	uint8_t bytes[16], back[16];

	(void)state;
	for (unsigned mask = 0; mask < 256; mask++) {
		struct ipaddr a;

		for (unsigned i = 0; i < 8; i++) {
			bytes[2 * i] = 0;
			bytes[2 * i + 1] = mask >> i & 1 ? (uint8_t)i + 9 : 0;
		}
		a = ipaddr_v6(bytes);
		ipaddr_format(&a, text);
		assert_int_equal(inet_pton(AF_INET6, text, back), 1);
		assert_memory_equal(back, bytes, 16);
	}
}

static void
refuses_what_is_no_address(void **state)
{
	static const char *const bad[] = {
		"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ",
		" 1.2.3.4", "::1%eth0", ":::", "1::2::3", "12345::", "g::",
		"1:2:3:4:5:6:7:8:9", "1.2.3.4/8", "[::1]",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"
	};
	struct ipaddr a = { .family = 9 };

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(bad); i++)
		if (ipaddr_parse(bad[i], strlen(bad[i]), &a) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
	assert_int_equal(ipaddr_parse("1.2.3.4\0", 8, &a), -EINVAL);
	assert_int_equal(a.family, 9);
	/* Only len bytes count. */
	assert_int_equal(ipaddr_parse("1.2.3.45", 7, &a), 0);
	assert_int_equal(a.bytes[3], 4);
}

static void
refuses_what_is_no_range(void **state)
{
	static const char *const bad[] = {
		"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/8 ", "10.0.0.0/08", "10.0.0.0/8/8", "::/129",
		"::/1000", "10.0.0/8", "10.0.0.0/0x8"
	};
	struct ipaddr_cidr c = { .bits = 77 };

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(bad); i++)
		if (ipaddr_cidr_parse(bad[i], strlen(bad[i]), &c) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
	assert_int_equal(c.bits, 77);
}

static bool
in(const char *address, const char *range)
{
	struct ipaddr a = parse(address);
	struct ipaddr_cidr c = parse_cidr(range);

	return ipaddr_in(&a, &c);
}

static void
knows_what_is_in_a_range(void **state)
{
	(void)state;
	assert_true(in("10.255.255.255", "10.0.0.0/8"));
	assert_false(in("11.0.0.0", "10.0.0.0/8"));
	assert_true(in("172.31.255.255", "172.16.0.0/12"));
	assert_false(in("172.32.0.0", "172.16.0.0/12"));
	assert_false(in("172.15.255.255", "172.16.0.0/12"));
	assert_true(in("1.2.3.4", "1.2.3.4"));
	assert_false(in("1.2.3.5", "1.2.3.4"));
	assert_true(in("1.2.3.5", "1.2.3.4/31"));
	assert_true(in("255.255.255.255", "0.0.0.0/0"));
	assert_false(in("::1", "0.0.0.0/0"));
	assert_false(in("::ffff:10.0.0.1", "10.0.0.0/8"));
	assert_true(in("::ffff:10.0.0.1", "::ffff:10.0.0.0/104"));
	assert_true(in("fe80::1", "fe80::/10"));
	assert_true(in("febf:ffff::", "fe80::/10"));
	assert_false(in("fec0::", "fe80::/10"));
	assert_true(in("2001:db8::1", "2001:db8::1/128"));
	assert_false(in("2001:db8::2", "2001:db8::1/128"));
	assert_false(ipaddr_in(&(struct ipaddr){ 0 },
	    &(struct ipaddr_cidr){ 0 }));
}

static void
clears_the_host_part(void **state)
{
	struct ipaddr_cidr c = parse_cidr("10.1.2.3/12");
	char text[IPADDR_TEXT];

	(void)state;
	assert_string_equal(ipaddr_format(&c.base, text), "10.0.0.0");
	assert_int_equal(c.bits, 12);
	c = parse_cidr("2001:db8:ffff::1/33");
	assert_string_equal(ipaddr_format(&c.base, text), "2001:db8:8000::");
	c = parse_cidr("1.2.3.4/0");
	assert_string_equal(ipaddr_format(&c.base, text), "0.0.0.0");
}

static void
compares_and_unmaps(void **state)
{
	struct ipaddr a = parse("1.2.3.4"), b = parse("::ffff:1.2.3.4");
	struct ipaddr c = ipaddr_unmap(b);

	(void)state;
	assert_false(ipaddr_equal(&a, &b));
	assert_true(ipaddr_equal(&a, &c));
	c = ipaddr_unmap(a);
	assert_true(ipaddr_equal(&a, &c));
	b = parse("::1.2.3.4");
	c = ipaddr_unmap(b);
	assert_true(ipaddr_equal(&b, &c));
}

/* l loopback, m multicast, p private. */
static void
knows_the_kinds(void **state)
{
	static const char *const kinds[][2] = {
		{ "127.0.0.1", "lp" }, { "127.255.255.255", "lp" },
		{ "128.0.0.0", "" }, { "::1", "lp" }, { "::", "" },
		{ "::2", "" }, { "::ffff:127.0.0.1", "lp" },
		{ "224.0.0.0", "m" }, { "239.255.255.255", "m" },
		{ "240.0.0.0", "" }, { "223.255.255.255", "" },
		{ "255.255.255.255", "m" }, { "255.255.255.254", "" },
		{ "ff02::1", "m" }, { "feff::", "" },
		{ "10.0.0.0", "p" }, { "10.255.255.255", "p" },
		{ "9.255.255.255", "" }, { "11.0.0.0", "" },
		{ "172.16.0.0", "p" }, { "172.31.255.255", "p" },
		{ "172.15.255.255", "" }, { "172.32.0.0", "" },
		{ "192.168.0.0", "p" }, { "192.167.255.255", "" },
		{ "192.169.0.0", "" }, { "100.64.0.0", "p" },
		{ "100.127.255.255", "p" }, { "100.63.255.255", "" },
		{ "100.128.0.0", "" }, { "169.254.1.1", "p" },
		{ "169.253.255.255", "" }, { "fc00::", "p" },
		{ "fdff::", "p" }, { "fbff::", "" }, { "fe00::", "" },
		{ "fe80::1", "p" }, { "febf::1", "p" }, { "fec0::", "" },
		{ "::ffff:192.168.1.1", "p" }, { "2001:db8::1", "" },
		{ "8.8.8.8", "" }, { "0.0.0.0", "" }
	};
	char got[4];

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(kinds); i++) {
		struct ipaddr a = parse(kinds[i][0]);
		size_t n = 0;

		if (ipaddr_is_loopback(&a))
			got[n++] = 'l';
		if (ipaddr_is_multicast(&a))
			got[n++] = 'm';
		if (ipaddr_is_private(&a))
			got[n++] = 'p';
		got[n] = '\0';
		if (strcmp(got, kinds[i][1]) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", kinds[i][0], got,
			    kinds[i][1]);
	}
	assert_false(ipaddr_is_private(&(struct ipaddr){ 0 }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_as_rfc_5952_says),
		cmocka_unit_test(every_pattern_of_zeros_reads_back),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(refuses_what_is_no_range),
		cmocka_unit_test(knows_what_is_in_a_range),
		cmocka_unit_test(clears_the_host_part),
		cmocka_unit_test(compares_and_unmaps),
		cmocka_unit_test(knows_the_kinds)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

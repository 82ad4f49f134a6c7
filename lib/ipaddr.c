#include "lib/ipaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct ipaddr
ipaddr_v4(const uint8_t bytes[static 4])
{
	struct ipaddr a = { .family = 4 };

	memcpy(a.bytes, bytes, 4);
	return a;
}

struct ipaddr
ipaddr_v6(const uint8_t bytes[static 16])
{
	struct ipaddr a = { .family = 6 };

	memcpy(a.bytes, bytes, 16);
	return a;
}

bool
ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family &&
	    memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct ipaddr
ipaddr_unmap(struct ipaddr a)
{
	if (a.family == 6 && memcmp(a.bytes, mapped, sizeof(mapped)) == 0)
		return ipaddr_v4(a.bytes + 12);
	return a;
}

static char *
put_octet(char *p, unsigned v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

static char *
put_v4(char *p, const uint8_t *bytes)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		p = put_octet(p, bytes[i]);
	}
	return p;
}

static char *
put_group(char *p, unsigned v)
{
	static const char digits[] = "0123456789abcdef";
	int shift = 12;

	while (shift > 0 && v >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*p++ = digits[v >> shift & 15];
	return p;
}

static unsigned
group(const uint8_t *bytes, int i)
{
	return (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
}

/* The first of the longest runs of at least two zero groups. */
static int
longest_zeros(const uint8_t *bytes, int *length)
{
	int best = -1, best_len = 1, run = 0;

	for (int i = 0; i < 8; i++) {
		run = group(bytes, i) == 0 ? run + 1 : 0;
		if (run > best_len) {
			best_len = run;
			best = i - run + 1;
		}
	}
	*length = best < 0 ? 0 : best_len;
	return best;
}

static char *
put_v6(char *p, const uint8_t *bytes)
{
	int zeros_len, zeros = longest_zeros(bytes, &zeros_len);

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		memcpy(p, "::ffff:", 7);
		return put_v4(p + 7, bytes + 12);
	}
	for (int i = 0; i < 8; i++) {
		if (i == zeros) {
			*p++ = ':';
			*p++ = ':';
			i += zeros_len - 1;
			continue;
		}
		if (i > 0 && i != zeros + zeros_len)
			*p++ = ':';
		p = put_group(p, group(bytes, i));
	}
	return p;
}

const char *
ipaddr_format(const struct ipaddr *a, char text[static IPADDR_TEXT])
{
	char *p = text;

	if (a->family == 4)
		p = put_v4(p, a->bytes);
	else if (a->family == 6)
		p = put_v6(p, a->bytes);
	*p = '\0';
	return text;
}

int
ipaddr_parse(const char *text, size_t len, struct ipaddr *out)
{
	char copy[IPADDR_TEXT];
	uint8_t bytes[16];

	if (len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, bytes) == 1)
		*out = ipaddr_v4(bytes);
	else if (inet_pton(AF_INET6, copy, bytes) == 1)
		*out = ipaddr_v6(bytes);
	else
		return -EINVAL;
	return 0;
}

static int
parse_bits(const char *text, size_t len, unsigned most, uint8_t *out)
{
	unsigned v = 0;

	if (len == 0 || len > 3 || (len > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(text[i] - '0');
	}
	if (v > most)
		return -EINVAL;
	*out = (uint8_t)v;
	return 0;
}

static void
clear_host_bits(struct ipaddr_cidr *c)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned left = c->bits > i * 8 ? c->bits - i * 8 : 0;

		if (left < 8)
			c->base.bytes[i] &= (uint8_t)(0xff00 >> left);
	}
}

int
ipaddr_cidr_parse(const char *text, size_t len, struct ipaddr_cidr *out)
{
	const char *slash = len == 0 ? NULL : memchr(text, '/', len);
	size_t host = slash == NULL ? len : (size_t)(slash - text);
	struct ipaddr_cidr c;
	unsigned most;

	if (len == 0 || ipaddr_parse(text, host, &c.base) < 0)
		return -EINVAL;
	most = c.base.family == 4 ? 32 : 128;
	c.bits = (uint8_t)most;
	if (slash != NULL &&
	    parse_bits(slash + 1, len - host - 1, most, &c.bits) < 0)
		return -EINVAL;
	clear_host_bits(&c);
	*out = c;
	return 0;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool
ipaddr_in(const struct ipaddr *a, const struct ipaddr_cidr *c)
{
	return a->family != 0 && a->family == c->base.family &&
	    same_bits(a->bytes, c->base.bytes, c->bits);
}

struct range {
	uint8_t	family;
	uint8_t	bits;
	uint8_t	bytes[4];	/* the rest is 0 */
};

static bool
in_ranges(const struct ipaddr *given, const struct range *ranges, size_t n)
{
	struct ipaddr a = ipaddr_unmap(*given);

	for (size_t i = 0; i < n; i++)
		if (ranges[i].family == a.family &&
		    same_bits(a.bytes, ranges[i].bytes, ranges[i].bits))
			return true;
	return false;
}

bool
ipaddr_is_loopback(const struct ipaddr *given)
{
	static const uint8_t one[16] = { [15] = 1 };
	struct ipaddr a = ipaddr_unmap(*given);

	if (a.family == 4)
		return a.bytes[0] == 127;
	return a.family == 6 && memcmp(a.bytes, one, sizeof(one)) == 0;
}

bool
ipaddr_is_multicast(const struct ipaddr *a)
{
	static const struct range ranges[] = {
		{ 4, 4, { 224 } }, { 4, 32, { 255, 255, 255, 255 } },
		{ 6, 8, { 0xff } }
	};

	return in_ranges(a, ranges, sizeof(ranges) / sizeof(ranges[0]));
}

bool
ipaddr_is_private(const struct ipaddr *a)
{
	static const struct range ranges[] = {
		{ 4, 8, { 10 } }, { 4, 12, { 172, 16 } },
		{ 4, 16, { 192, 168 } },		/* RFC 1918 */
		{ 4, 10, { 100, 64 } },			/* RFC 6598 */
		{ 4, 16, { 169, 254 } },		/* RFC 3927 */
		{ 6, 7, { 0xfc } },			/* RFC 4193 */
		{ 6, 10, { 0xfe, 0x80 } }		/* RFC 4291 */
	};

	return ipaddr_is_loopback(a) ||
	    in_ranges(a, ranges, sizeof(ranges) / sizeof(ranges[0]));
}

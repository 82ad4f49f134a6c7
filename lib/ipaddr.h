/*
 * ipaddr: one IPv4 or IPv6 address, and CIDR ranges. IPv4-mapped IPv6
 * addresses (::ffff:a.b.c.d) are kept as IPv6; ipaddr_unmap turns them.
 *
 * Threads: any; no state.
 */
#ifndef LIB_IPADDR_H
#define LIB_IPADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipaddr {
	uint8_t	family;		/* 4, 6; 0 means none */
	uint8_t	bytes[16];	/* network order; IPv4 in the first four, rest 0 */
};
struct ipaddr_cidr {
	struct ipaddr	base;
	uint8_t		bits;	/* 0 to 32 or 128 */
};

#define IPADDR_TEXT	46

struct ipaddr ipaddr_v4(const uint8_t bytes[static 4]);
struct ipaddr ipaddr_v6(const uint8_t bytes[static 16]);
bool ipaddr_equal(const struct ipaddr *, const struct ipaddr *);
struct ipaddr ipaddr_unmap(struct ipaddr);
/* RFC 5952 form; "" for none. */
const char *ipaddr_format(const struct ipaddr *, char text[static IPADDR_TEXT]);
/* Whole text must be an address. 0 or -EINVAL. */
int ipaddr_parse(const char *text, size_t len, struct ipaddr *out);
/* "10.0.0.0/8"; without a slash the whole address. Bits of the host part are
 * cleared. 0 or -EINVAL. */
int ipaddr_cidr_parse(const char *text, size_t len, struct ipaddr_cidr *out);
bool ipaddr_in(const struct ipaddr *, const struct ipaddr_cidr *);
/* These three judge an IPv4-mapped address by its IPv4 part. */
/* 127/8, ::1. */
bool ipaddr_is_loopback(const struct ipaddr *);
/* Multicast, or 255.255.255.255. */
bool ipaddr_is_multicast(const struct ipaddr *);
/* RFC 1918, RFC 6598, RFC 4193, link local, loopback. */
bool ipaddr_is_private(const struct ipaddr *);

#endif

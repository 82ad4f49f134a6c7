/*
 * key: the tuple of a connection as a table key. Both directions of a
 * connection give the same key: the endpoint with the lower address (and
 * port) stands first, and the caller is told on which side the source stood.
 *
 * Packets that never leave a container's network namespace have its number as
 * scope, so that 127.0.0.1 of two containers are two places.
 *
 * Threads: any; no state.
 */
#ifndef STREAM_KEY_H
#define STREAM_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/ipaddr.h"

struct key {
	uint8_t		ip[2][16];	/* IPv4 in the first four, rest 0 */
	uint16_t	port[2];	/* host order */
	uint8_t		proto;		/* IPPROTO_ */
	uint8_t		family;		/* 4 or 6 */
	uint16_t	scope;		/* 0: the host's network namespace */
	uint16_t	zone;		/* conntrack zone; packets show none */
};

/* One end of a packet or of a conntrack tuple. */
struct key_end {
	uint8_t		ip[16];
	uint16_t	port;
};

/* Any order will do, as long as it is the same for both directions. */
static inline int
key_order(const struct key_end *a, const struct key_end *b, uint8_t family)
{
	uint32_t x, y;

	if (family != 4)
		return memcmp(a->ip, b->ip, 16);
	memcpy(&x, a->ip, 4);
	memcpy(&y, b->ip, 4);
	return (x > y) - (x < y);
}

/*
 * What stands between the addresses and the zone, as it lies in memory. It is
 * written as one word because it is read as one a moment later: a processor
 * does not give a word before several small stores of it are through.
 */
static inline uint64_t
key_rest(const uint16_t port[2], uint8_t proto, uint8_t family, uint16_t scope)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return (uint64_t)port[0] << 48 | (uint64_t)port[1] << 32 |
	    (uint64_t)proto << 24 | (uint64_t)family << 16 | scope;
#else
	return (uint64_t)scope << 48 | (uint64_t)family << 40 |
	    (uint64_t)proto << 32 | (uint64_t)port[1] << 16 | port[0];
#endif
}

#define KEY_REST	offsetof(struct key, port)

/* Fills the key and returns the side (0 or 1) where the source stands. */
static inline unsigned
key_make(struct key *key, const struct key_end *source,
    const struct key_end *destination, uint8_t family, uint8_t proto,
    uint16_t scope)
{
	int order = key_order(source, destination, family);
	unsigned side = order > 0 ||
	    (order == 0 && source->port > destination->port);
	const uint16_t port[2] = {
		side ? destination->port : source->port,
		side ? source->port : destination->port
	};
	const uint64_t rest = key_rest(port, proto, family, scope);

	memcpy(key->ip[side], source->ip, 16);
	memcpy(key->ip[!side], destination->ip, 16);
	memcpy((uint8_t *)key + KEY_REST, &rest, sizeof(rest));
	key->zone = 0;
	return side;
}

/* Eight bytes of the key; the last that count have number 4. */
static inline uint64_t
key_word(const struct key *key, size_t i)
{
	uint64_t word;

	memcpy(&word, (const uint8_t *)key + i * sizeof(word), sizeof(word));
	return word;
}

/*
 * The zone is left out: a packet that is looked up does not show it. IPv4
 * fits two words, so it takes one step of NH (see count.c) instead of SipHash:
 * whoever does not know the key can bring about no collision there either.
 */
static inline uint64_t
key_hash(const struct hash_key *secret, const struct key *key)
{
	unsigned __int128 product;
	uint64_t h, ips, rest;

	if (key->family != 4)
		return hash_64(secret, key, offsetof(struct key, zone));
	memcpy(&ips, key->ip[0], 4);
	memcpy((uint8_t *)&ips + 4, key->ip[1], 4);
	rest = key_word(key, 4);
	product = (unsigned __int128)(ips + secret->k0) * (rest + secret->k1);
	h = (uint64_t)product ^ (uint64_t)(product >> 64);
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* Equal but for the zone, which stands last. In words, since this is asked for
 * every packet. */
static inline bool
key_same(const struct key *a, const struct key *b)
{
	_Static_assert(offsetof(struct key, zone) == 5 * sizeof(uint64_t),
	    "five words without holes");
	return ((key_word(a, 0) ^ key_word(b, 0)) |
	    (key_word(a, 1) ^ key_word(b, 1)) |
	    (key_word(a, 2) ^ key_word(b, 2)) |
	    (key_word(a, 3) ^ key_word(b, 3)) |
	    (key_word(a, 4) ^ key_word(b, 4))) == 0;
}

static inline bool
key_equal(const struct key *a, const struct key *b)
{
	return key_same(a, b) && a->zone == b->zone;
}

static inline struct ipaddr
key_ip(const struct key *key, unsigned side)
{
	struct ipaddr ip = { .family = key->family };

	memcpy(ip.bytes, key->ip[side], 16);
	return ip;
}

static inline struct key_end
key_end_of(const struct key *key, unsigned side)
{
	struct key_end end = { .port = key->port[side] };

	memcpy(end.ip, key->ip[side], 16);
	return end;
}

#endif

/*
 * hash: keyed hashes for tables that hold bytes chosen by others, and the
 * process-wide key's type. SipHash-2-4 with 128-bit output and SipHash-1-3
 * with 64 bits (Aumasson, Bernstein: "SipHash: a fast short-input PRF").
 *
 * Threads: any; no state.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key { uint64_t k0, k1; };
struct hash_128 { uint64_t lo, hi; };

/* Fresh random key from getrandom(2); blocks only before the pool is ready. */
struct hash_key hash_key_random(void);

uint64_t hash_64(const struct hash_key *, const void *data, size_t len);
struct hash_128 hash_128(const struct hash_key *, const void *data, size_t len);

/*
 * Unkeyed, stable across runs and hosts: for identifiers in documents
 * (process.entity_id, event.id), never for tables. Lower-case hex of the
 * first 80 bits of SHA-256 of the parts joined by NUL; out has 20 digits
 * and a NUL. All zeros when libcrypto has no memory. The first call of this
 * or hash_sha1 reads libcrypto's configuration: make one before a sandbox.
 */
#define HASH_ID_TEXT	21
void hash_id(char out[static HASH_ID_TEXT], const char *const parts[],
    size_t n_parts);

/* SHA-1, 20 bytes out: only for network.community_id, which asks for it. */
void hash_sha1(const void *data, size_t len, uint8_t out[static 20]);

#endif

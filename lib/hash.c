#include "lib/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

struct hash_key
hash_key_random(void)
{
	struct hash_key key;
	uint8_t *p = (uint8_t *)&key;
	size_t got = 0;

	while (got < sizeof(key)) {
		ssize_t n = getrandom(p + got, sizeof(key) - got, 0);

		if (n > 0)
			got += (size_t)n;
	}
	return key;
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void
mix(struct sip *s, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotl(s->v1, 13) ^ s->v0;
		s->v3 = rotl(s->v3, 16) ^ s->v2;
		s->v0 = rotl(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotl(s->v1, 17) ^ s->v2;
		s->v3 = rotl(s->v3, 21) ^ s->v0;
		s->v2 = rotl(s->v2, 32);
	}
}

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline struct sip
sip_start(const struct hash_key *key)
{
	return (struct sip){
		.v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
		.v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
		.v3 = key->k1 ^ UINT64_C(0x7465646279746573)
	};
}

/* Takes in all the words, the last one padded and with the length on top. */
static inline void
absorb(struct sip *s, const uint8_t *p, size_t len, int rounds)
{
	uint64_t word, last = (uint64_t)len << 56;
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8) {
		word = load64(p);
		s->v3 ^= word;
		mix(s, rounds);
		s->v0 ^= word;
	}
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)p[i] << (8 * i);
	s->v3 ^= last;
	mix(s, rounds);
	s->v0 ^= last;
}

static inline uint64_t
fold(const struct sip *s)
{
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t
hash_64(const struct hash_key *key, const void *data, size_t len)
{
	struct sip s = sip_start(key);

	absorb(&s, data, len, 1);
	s.v2 ^= 0xff;
	mix(&s, 3);
	return fold(&s);
}

struct hash_128
hash_128(const struct hash_key *key, const void *data, size_t len)
{
	struct sip s = sip_start(key);
	struct hash_128 h;

	s.v1 ^= 0xee;
	absorb(&s, data, len, 2);
	s.v2 ^= 0xee;
	mix(&s, 4);
	h.lo = fold(&s);
	s.v1 ^= 0xdd;
	mix(&s, 4);
	h.hi = fold(&s);
	return h;
}

/*
 * libcrypto looks an algorithm up by name on each use unless it was fetched
 * before, which costs more than the digest itself. These two are set once
 * and never change or go.
 */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *sha1, *sha256;

static void
fetch(void)
{
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void
hash_id(char out[static HASH_ID_TEXT], const char *const parts[],
    size_t n_parts)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t sum[EVP_MAX_MD_SIZE] = { 0 };
	EVP_MD_CTX *ctx;
	bool ok;

	pthread_once(&fetched, fetch);
	ctx = EVP_MD_CTX_new();
	ok = ctx != NULL && sha256 != NULL &&
	    EVP_DigestInit_ex(ctx, sha256, NULL) == 1;
	for (size_t i = 0; ok && i < n_parts; i++) {
		if (i > 0)
			ok = EVP_DigestUpdate(ctx, "", 1) == 1;
		ok = ok && EVP_DigestUpdate(ctx, parts[i],
		    strlen(parts[i])) == 1;
	}
	if (!ok || EVP_DigestFinal_ex(ctx, sum, NULL) != 1)
		memset(sum, 0, sizeof(sum));
	EVP_MD_CTX_free(ctx);
	for (size_t i = 0; i < (HASH_ID_TEXT - 1) / 2; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[HASH_ID_TEXT - 1] = '\0';
}

void
hash_sha1(const void *data, size_t len, uint8_t out[static 20])
{
	pthread_once(&fetched, fetch);
	if (sha1 == NULL || EVP_Digest(data, len, out, NULL, sha1, NULL) != 1)
		memset(out, 0, 20);
}

#include "tests/support/unit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "lib/hash.h"

static const struct hash_key vector_key = {
	UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)
};

static void
to_hex(const void *data, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", ((const uint8_t *)data)[i]);
}

/* Vectors are bytes in little endian order, as this machine has them. */
static void
assert_words(const uint64_t *words, size_t n, const char *expected)
{
	uint8_t bytes[16];
	char hex[33];

	for (size_t i = 0; i < n * 8; i++)
		bytes[i] = (uint8_t)(words[i / 8] >> (8 * (i % 8)));
	to_hex(bytes, n * 8, hex);
	assert_string_equal(hex, expected);
}

struct vector {
	size_t		 len;
	const char	*sip13, *sip24;
};

/*
 * Key 00 01 .. 0f, message 00 01 .. of len bytes. 2-4 with 128 bits: the
 * authors' vectors_sip128; 1-3 with 64 bits: the vectors of Rust's core
 * library.
 */
static void
gives_the_published_vectors(void **state)
{
	static const struct vector vectors[] = {
		{ 0, "dcc40f055801acab", "a3817f04ba25a8e66df67214c7550293" },
		{ 1, "93ca577df39bf4c9", "da87c1d86b99af44347659119b22fc45" },
		{ 2, "4dd4c74d029bcb82", "8177228da4a45dc7fca38bdef60affe4" },
		{ 3, "fbf7dde7b80af88b", "9c70b60c5267a94e5f33b6b02985ed51" },
		{ 4, "2883d388605775cf", "f88164c12d9c8faf7d0f6e7c7bcd5579" },
		{ 5, "673b53492fd5f9de", "1368875980776f8854527a07690e9627" },
		{ 6, "a7229fc5502b0dc5", "14eeca338b208613485ea0308fd7a15e" },
		{ 7, "4011b19b987d92d3", "a1f1ebbed8dbc153c0b84aa61ff08239" },
		{ 8, "8e9a298d11959036", "3b62a9ba6258f5610f83e264f31497b4" },
		{ 15, "5699512a6dd820d3", "5493e99933b0a8117e08ec0f97cfc3d9" },
		{ 16, "668b907d1add4fcc", "6ee2a4ca67b054bbfd3315bf85230577" },
		{ 63, "a8b3bbb76290199d", "5150d1772f50834a503e069a973fbd7c" }
	};
	uint8_t in[64];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t i = 0; i < UNIT_COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		uint64_t h64 = hash_64(&vector_key, in, v->len);
		struct hash_128 h128 = hash_128(&vector_key, in, v->len);

		assert_words(&h64, 1, v->sip13);
		assert_words((uint64_t[]){ h128.lo, h128.hi }, 2, v->sip24);
	}
}

static void
ask_libcrypto(EVP_MAC *mac, const uint8_t key[16], const uint8_t *data,
    size_t len, unsigned c, unsigned d, size_t size, uint8_t *out)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d),
		OSSL_PARAM_construct_end()
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	size_t n;

	assert_non_null(ctx);
	assert_int_equal(EVP_MAC_init(ctx, key, 16, params), 1);
	assert_int_equal(EVP_MAC_update(ctx, data, len), 1);
	assert_int_equal(EVP_MAC_final(ctx, out, &n, 16), 1);
	assert_int_equal(n, size);
	EVP_MAC_CTX_free(ctx);
}

static void
agrees_with_libcrypto(void **state)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	struct hash_key key = hash_key_random();
	uint8_t data[300], expected[16], bytes[16];
	char hex[33];

	(void)state;
	assert_non_null(mac);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 167 + 13);
	for (size_t i = 0; i < 16; i++)
		bytes[i] = (uint8_t)((i < 8 ? key.k0 : key.k1) >> (i % 8 * 8));
	for (size_t len = 0; len < sizeof(data); len += 3) {
		uint64_t h64 = hash_64(&key, data, len);
		struct hash_128 h128 = hash_128(&key, data, len);

		ask_libcrypto(mac, bytes, data, len, 1, 3, 8, expected);
		to_hex(expected, 8, hex);
		assert_words(&h64, 1, hex);
		ask_libcrypto(mac, bytes, data, len, 2, 4, 16, expected);
		to_hex(expected, 16, hex);
		assert_words((uint64_t[]){ h128.lo, h128.hi }, 2, hex);
	}
	EVP_MAC_free(mac);
}

static void
keys_differ(void **state)
{
	struct hash_key a = hash_key_random(), b = hash_key_random();

	(void)state;
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_true(a.k0 != a.k1);
}

/* FIPS 180, examples of SHA-1. */
static void
computes_sha1(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "84983e441c3bd26ebaae4aa1f95129e5e54670f1" }
	};
	uint8_t sum[20];
	char hex[41];

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(pairs); i++) {
		hash_sha1(pairs[i][0], strlen(pairs[i][0]), sum);
		to_hex(sum, sizeof(sum), hex);
		assert_string_equal(hex, pairs[i][1]);
	}
}

/* FIPS 180 for "abc", sha256sum for the others. */
static void
makes_identifiers(void **state)
{
	char id[HASH_ID_TEXT];

	(void)state;
	hash_id(id, (const char *const[]){ "abc" }, 1);
	assert_string_equal(id, "ba7816bf8f01cfea4141");
	hash_id(id, (const char *const[]){ "a", "b" }, 2);
	assert_string_equal(id, "59b271ae1bbcb1d31d41");
	hash_id(id, (const char *const[]){ "host-1", "4711", "1000" }, 3);
	assert_string_equal(id, "2730aba442322519fdc8");
	hash_id(id, NULL, 0);
	assert_string_equal(id, "e3b0c44298fc1c149afb");
	hash_id(id, (const char *const[]){ "ab" }, 1);
	assert_string_not_equal(id, "59b271ae1bbcb1d31d41");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_published_vectors),
		cmocka_unit_test(agrees_with_libcrypto),
		cmocka_unit_test(keys_differ),
		cmocka_unit_test(computes_sha1),
		cmocka_unit_test(makes_identifiers)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

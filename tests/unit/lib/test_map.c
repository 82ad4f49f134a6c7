#include "tests/support/unit.h"

#include <string.h>

#include "lib/map.h"

/* What the gone callback was told. */
struct gone {
	unsigned	evicted, freed;
	uint32_t	keys[4096];
	size_t		n;
};

static void
note_gone(void *ctx, const void *key, void *value, bool evicted)
{
	struct gone *g = ctx;
	uint32_t k;

	memcpy(&k, key, sizeof(k));
	assert_true(*(uint64_t *)value == k * UINT64_C(10));
	if (evicted)
		g->evicted++;
	else
		g->freed++;
	if (g->n < UNIT_COUNT(g->keys))
		g->keys[g->n++] = k;
}

static void
put(struct map *m, uint32_t key)
{
	bool made;
	uint64_t *v = map_put(m, &key, &made);

	assert_non_null(v);
	if (made)
		assert_true(*v == 0);
	*v = key * UINT64_C(10);
}

static void
finds_what_was_put(void **state)
{
	struct map *m = map_new(4, 8, 100000, NULL, NULL);
	uint64_t *first;
	uint32_t key = 0;
	size_t empty;

	(void)state;
	assert_non_null(m);
	empty = map_bytes(m);
	assert_null(map_get(m, &key));
	assert_null(map_oldest(m));
	put(m, 0);
	first = map_get(m, &key);
	for (uint32_t i = 1; i < 50000; i++)
		put(m, i);
	assert_int_equal(map_count(m), 50000);
	assert_true(map_bytes(m) > empty + 50000 * 12);
	for (uint32_t i = 0; i < 50000; i++) {
		uint64_t *v = map_get(m, &i);

		assert_non_null(v);
		assert_true(*v == i * UINT64_C(10));
		assert_memory_equal(map_key(m, v), &i, 4);
	}
	/* The address did not change while the table grew. */
	assert_ptr_equal(map_get(m, &key), first);
	key = 50000;
	assert_null(map_get(m, &key));
	map_free(m);
}

static void
evicts_the_oldest(void **state)
{
	struct gone g = { 0 };
	struct map *m = map_new(4, 8, 3, note_gone, &g);
	uint32_t key = 1;
	bool made = true;

	(void)state;
	for (uint32_t i = 1; i <= 3; i++)
		put(m, i);
	assert_int_equal(g.evicted, 0);
	assert_non_null(map_put(m, &key, &made));	/* 1 becomes newest */
	assert_false(made);
	put(m, 4);
	assert_int_equal(g.evicted, 1);
	assert_int_equal(g.keys[0], 2);
	key = 3;
	assert_non_null(map_get(m, &key));		/* changes nothing */
	put(m, 5);
	assert_int_equal(g.keys[1], 3);
	key = 1;
	map_touch(m, map_get(m, &key));
	put(m, 6);
	assert_int_equal(g.keys[2], 4);
	assert_int_equal(map_count(m), 3);
	map_free(m);
	assert_int_equal(g.evicted, 3);
	assert_int_equal(g.freed, 3);
	/* What is left goes oldest first. */
	assert_int_equal(g.keys[3], 5);
	assert_int_equal(g.keys[4], 1);
	assert_int_equal(g.keys[5], 6);
}

static void
removes_without_a_call(void **state)
{
	struct gone g = { 0 };
	struct map *m = map_new(4, 8, 10, note_gone, &g);
	uint32_t key = 2;

	(void)state;
	for (uint32_t i = 1; i <= 3; i++)
		put(m, i);
	map_remove(m, map_get(m, &key));
	map_remove(m, NULL);
	assert_null(map_get(m, &key));
	assert_int_equal(map_count(m), 2);
	assert_int_equal(g.n, 0);
	put(m, 2);			/* zeroed again: put checks it */
	map_free(m);
	assert_int_equal(g.freed, 3);
}

static void
walks_from_old_to_new(void **state)
{
	struct map *m = map_new(4, 8, 10, NULL, NULL);
	uint32_t seen[10], key = 3;
	void *v, *next;
	size_t n = 0;

	(void)state;
	for (uint32_t i = 1; i <= 5; i++)
		put(m, i);
	map_touch(m, map_get(m, &key));
	for (v = map_oldest(m); v != NULL; v = next) {
		memcpy(&seen[n++], map_key(m, v), 4);
		next = map_newer(m, v);
		if (n % 2 == 0)
			map_remove(m, v);
	}
	assert_int_equal(n, 5);
	assert_memory_equal(seen, ((uint32_t[]){ 1, 2, 4, 5, 3 }), 20);
	assert_int_equal(map_count(m), 3);
	map_free(m);
}

/* The same steps on the table and on an array with a search from end to end. */
struct model {
	uint32_t	keys[200];	/* oldest first */
	size_t		n;
};

static void
model_remove(struct model *o, uint32_t key)
{
	size_t i = 0;

	while (i < o->n && o->keys[i] != key)
		i++;
	if (i == o->n)
		return;
	memmove(&o->keys[i], &o->keys[i + 1], (o->n - i - 1) * 4);
	o->n--;
}

static void
model_put(struct model *o, uint32_t key, size_t limit)
{
	model_remove(o, key);
	if (o->n == limit)
		model_remove(o, o->keys[0]);
	o->keys[o->n++] = key;
}

static void
behaves_like_a_model(void **state)
{
	struct map *m = map_new(4, 8, 150, NULL, NULL);
	struct model o = { .n = 0 };
	uint64_t x = 88172645463325252u;

	(void)state;
	for (int step = 0; step < 30000; step++) {
		uint32_t key;
		void *v;
		size_t i = 0;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		key = (uint32_t)(x >> 20) % 300;
		if (x % 3 == 0) {
			map_remove(m, map_get(m, &key));
			model_remove(&o, key);
		} else {
			put(m, key);
			model_put(&o, key, 150);
		}
		assert_int_equal(map_count(m), o.n);
		if (step % 50 != 0)
			continue;
		for (v = map_oldest(m); v != NULL; v = map_newer(m, v))
			assert_memory_equal(map_key(m, v), &o.keys[i++], 4);
		assert_int_equal(i, o.n);
	}
	map_free(m);
}

static void
takes_keys_and_values_of_all_sizes(void **state)
{
	unsigned char key[256];

	(void)state;
	for (size_t size = 1; size <= sizeof(key); size += 15) {
		struct map *m = map_new(size, size * 3, 40, NULL, NULL);

		for (unsigned i = 0; i < 60; i++) {
			unsigned char *v;

			memset(key, 0xaa, sizeof(key));
			key[size - 1] = (unsigned char)i;
			v = map_put(m, key, NULL);
			assert_int_equal((uintptr_t)v % _Alignof(max_align_t),
			    0);
			memset(v, (int)i, size * 3);
		}
		assert_int_equal(map_count(m), 40);
		key[size - 1] = 59;
		assert_int_equal(((unsigned char *)map_get(m, key))[0], 59);
		assert_memory_equal(map_key(m, map_get(m, key)), key, size);
		map_free(m);
	}
	map_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_put),
		cmocka_unit_test(evicts_the_oldest),
		cmocka_unit_test(removes_without_a_call),
		cmocka_unit_test(walks_from_old_to_new),
		cmocka_unit_test(behaves_like_a_model),
		cmocka_unit_test(takes_keys_and_values_of_all_sizes)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

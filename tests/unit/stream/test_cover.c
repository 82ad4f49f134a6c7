/* Ranges against a bitmap, also across the wrap of sequence numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream/cover.h"

#define SPACE	4096

struct model {
	uint8_t			 seen[SPACE];
	struct cover_pool	 pool;
	struct cover_holes	 holes;
	uint32_t		 origin, base, next;
};

static void
begin(struct model *m, uint32_t origin, uint32_t first)
{
	memset(m, 0, sizeof(*m));
	m->pool.limit = 100000;
	m->origin = origin;
	m->base = m->next = origin + first;
}

static void
fill(struct model *m, uint32_t from, uint32_t to)
{
	uint32_t expected = 0, i;

	for (i = from; i < to; i++) {
		expected += !m->seen[i];
		m->seen[i] = 1;
	}
	assert_int_equal(cover_fill(&m->pool, &m->holes, &m->base, &m->next,
	    m->origin + from, m->origin + to), expected);
}

static void
check(const struct model *m)
{
	uint32_t i, holes = 0, spans = 0, low = SPACE, high = 0;
	bool inside = false;

	for (i = 0; i < SPACE; i++) {
		if (!m->seen[i])
			continue;
		low = i < low ? i : low;
		high = i + 1;
	}
	for (i = low; i < high; i++) {
		holes += !m->seen[i];
		spans += !m->seen[i] && !inside;
		inside = !m->seen[i];
	}
	for (i = 0; i < m->holes.n; i++) {
		assert_true(m->holes.spans[i].from != m->holes.spans[i].to);
		holes -= m->holes.spans[i].to - m->holes.spans[i].from;
	}
	assert_int_equal(holes, 0);
	assert_int_equal(m->holes.n, spans);
	if (high != 0) {
		assert_int_equal(m->base, m->origin + low);
		assert_int_equal(m->next, m->origin + high);
	}
}

static void
test_random_ranges(void **state)
{
	static const uint32_t origins[] = { 0, 1000, 0U - SPACE / 2,
	    0x7ffff800 };
	unsigned seed, n;
	uint32_t from, len;
	struct model m;

	(void)state;
	for (seed = 0; seed < 400; seed++) {
		uint64_t r = seed * 2654435761U + 12345;

		begin(&m, origins[seed % 4], 0);
		for (n = 0; n < 200; n++) {
			r = r * 6364136223846793005U + 1442695040888963407U;
			from = (uint32_t)(r >> 33) % SPACE;
			len = 1 + (uint32_t)(r >> 50) % 64;
			if (from + len > SPACE)
				continue;
			if (m.base == m.next)
				m.base = m.next = m.origin + from;
			fill(&m, from, from + len);
			check(&m);
		}
		cover_fini(&m.pool, &m.holes);
		assert_int_equal(m.pool.spans, 0);
		assert_int_equal(m.pool.forgotten, 0);
	}
}

static void
test_limit(void **state)
{
	struct model m;
	uint32_t i;

	(void)state;
	begin(&m, 0, 0);
	m.pool.limit = 8;
	for (i = 0; i < 20; i++)
		(void)cover_fill(&m.pool, &m.holes, &m.base, &m.next,
		    10 + i * 20, 20 + i * 20);
	assert_int_equal(m.holes.n, 8);
	assert_int_equal(m.pool.forgotten, 12);
	/* A forgotten hole is taken for covered: never counted twice. */
	assert_int_equal(cover_fill(&m.pool, &m.holes, &m.base, &m.next, 380,
	    390), 0);
	assert_int_equal(cover_fill(&m.pool, &m.holes, &m.base, &m.next, 0,
	    10), 10);
	cover_fini(&m.pool, &m.holes);
}

static void
test_trim(void **state)
{
	struct model m;

	(void)state;
	begin(&m, 0, 0);
	fill(&m, 0, 10);
	fill(&m, 20, 30);
	fill(&m, 40, 50);
	fill(&m, 60, 70);
	cover_trim(&m.holes, 35);
	assert_int_equal(m.holes.n, 2);
	assert_int_equal(m.holes.spans[0].from, 35);
	assert_int_equal(m.holes.spans[0].to, 40);
	cover_trim(&m.holes, 100);
	assert_int_equal(m.holes.n, 0);
	cover_fini(&m.pool, &m.holes);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_ranges),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_trim),
	};

	return cmocka_run_group_tests_name("cover", tests, NULL, NULL);
}

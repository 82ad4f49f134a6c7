#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/queue.h"

static int items[5000];

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
first_in_first_out(void **state)
{
	struct queue *q = queue_new(3);

	(void)state;
	assert_null(queue_pop(q, 0));
	for (int round = 0; round < 5; round++) {
		assert_true(queue_push(q, &items[0]));
		assert_true(queue_push(q, &items[1]));
		assert_ptr_equal(queue_pop(q, 0), &items[0]);
		assert_true(queue_push(q, &items[2]));
		assert_true(queue_push(q, &items[3]));
		assert_int_equal(queue_count(q), 3);
		assert_false(queue_push(q, &items[4]));
		assert_ptr_equal(queue_pop(q, 0), &items[1]);
		assert_ptr_equal(queue_pop(q, 10), &items[2]);
		assert_ptr_equal(queue_pop(q, -1), &items[3]);
		assert_int_equal(queue_count(q), 0);
	}
	queue_free(q);
	queue_free(NULL);
	assert_null(queue_new(0));
	assert_int_equal(errno, EINVAL);
}

static void
an_empty_queue_waits_as_long_as_told(void **state)
{
	struct queue *q = queue_new(1);
	double start = now();

	(void)state;
	assert_null(queue_pop(q, 60));
	assert_true(now() - start >= 0.059);
	start = now();
	assert_null(queue_pop(q, 1100));
	assert_true(now() - start >= 1.099);
	queue_free(q);
}

static void
a_closed_queue_gives_what_is_left(void **state)
{
	struct queue *q = queue_new(4);

	(void)state;
	queue_push(q, &items[0]);
	queue_push(q, &items[1]);
	queue_close(q);
	assert_false(queue_push(q, &items[2]));
	assert_ptr_equal(queue_pop(q, -1), &items[0]);
	assert_ptr_equal(queue_pop(q, -1), &items[1]);
	assert_null(queue_pop(q, -1));
	queue_free(q);
}

struct consumer {
	struct queue	*queue;
	unsigned	 got;
	unsigned	 times[UNIT_COUNT(items)];
	bool		 ordered;
};

static void *
consume(void *arg)
{
	struct consumer *c = arg;
	int *item, *last = NULL;

	c->ordered = true;
	while ((item = queue_pop(c->queue, -1)) != NULL) {
		c->got++;
		c->times[item - items]++;
		c->ordered &= last == NULL || item > last;
		last = item;
	}
	return NULL;
}

static void
one_thread_to_another(void **state)
{
	static struct consumer c;
	pthread_t thread;

	(void)state;
	c.queue = queue_new(16);
	assert_int_equal(pthread_create(&thread, NULL, consume, &c), 0);
	for (size_t i = 0; i < UNIT_COUNT(items); i++)
		while (!queue_push(c.queue, &items[i]))
			usleep(50);
	queue_close(c.queue);
	pthread_join(thread, NULL);
	assert_int_equal(c.got, UNIT_COUNT(items));
	assert_true(c.ordered);
	queue_free(c.queue);
}

struct producer {
	struct queue	*queue;
	size_t		 first;
};

static void *
produce(void *arg)
{
	struct producer *p = arg;

	for (size_t i = p->first; i < UNIT_COUNT(items); i += 2)
		while (!queue_push(p->queue, &items[i]))
			usleep(50);
	return NULL;
}

static void
many_to_many_lose_and_double_nothing(void **state)
{
	static struct consumer c[2];
	struct producer p[2];
	pthread_t threads[4];
	struct queue *q = queue_new(8);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		c[i].queue = q;
		p[i] = (struct producer){ q, i };
		pthread_create(&threads[i], NULL, produce, &p[i]);
		pthread_create(&threads[2 + i], NULL, consume, &c[i]);
	}
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	queue_close(q);
	pthread_join(threads[2], NULL);
	pthread_join(threads[3], NULL);
	for (size_t i = 0; i < UNIT_COUNT(items); i++)
		assert_int_equal(c[0].times[i] + c[1].times[i], 1);
	queue_free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(an_empty_queue_waits_as_long_as_told),
		cmocka_unit_test(a_closed_queue_gives_what_is_left),
		cmocka_unit_test(one_thread_to_another),
		cmocka_unit_test(many_to_many_lose_and_double_nothing)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "agent/core/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct queue {
	pthread_mutex_t	  lock;
	pthread_cond_t	  filled;	/* an item came, or the end */
	bool		  closed;
	size_t		  limit, first, n;
	void		**items;	/* a ring of limit places */
};

/* Waits are measured on a clock that nobody sets. */
static int
init_cond(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int err;

	err = pthread_condattr_init(&attr);
	if (err != 0)
		return err;
	err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (err == 0)
		err = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return err;
}

struct queue *
queue_new(size_t limit)
{
	struct queue *q;
	int err;

	if (limit == 0) {
		errno = EINVAL;
		return NULL;
	}
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return NULL;
	q->limit = limit;
	q->items = calloc(limit, sizeof(*q->items));
	err = q->items == NULL ? ENOMEM : init_cond(&q->filled);
	if (err != 0) {
		free(q->items);
		free(q);
		errno = err;
		return NULL;
	}
	pthread_mutex_init(&q->lock, NULL);
	return q;
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
	free(q->items);
	free(q);
}

bool
queue_push(struct queue *q, void *item)
{
	bool taken;

	pthread_mutex_lock(&q->lock);
	taken = !q->closed && q->n < q->limit;
	if (taken) {
		q->items[(q->first + q->n) % q->limit] = item;
		q->n++;
		pthread_cond_signal(&q->filled);
	}
	pthread_mutex_unlock(&q->lock);
	return taken;
}

static struct timespec
deadline(int timeout_ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += timeout_ms / 1000;
	ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	return ts;
}

/* Under the lock, until there is something to do or the time is over. */
static void
wait_filled(struct queue *q, int timeout_ms)
{
	struct timespec until = { 0 };
	int err = 0;

	if (timeout_ms > 0)
		until = deadline(timeout_ms);
	while (q->n == 0 && !q->closed && err == 0)
		err = timeout_ms < 0 ?
		    pthread_cond_wait(&q->filled, &q->lock) :
		    pthread_cond_timedwait(&q->filled, &q->lock, &until);
}

void *
queue_pop(struct queue *q, int timeout_ms)
{
	void *item = NULL;

	pthread_mutex_lock(&q->lock);
	if (timeout_ms != 0)
		wait_filled(q, timeout_ms);
	if (q->n > 0) {
		item = q->items[q->first];
		q->first = (q->first + 1) % q->limit;
		q->n--;
	}
	pthread_mutex_unlock(&q->lock);
	return item;
}

void
queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

size_t
queue_count(struct queue *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->n;
	pthread_mutex_unlock(&q->lock);
	return n;
}

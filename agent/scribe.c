#include "agent/scribe.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "agent/core/queue.h"
#include "lib/mono.h"

#define EVENTS		1024	/* unwritten at most */
#define LINE_BYTES	(16u << 20)
#define PAUSE_NS	(100 * MONO_US)
#define GATHER_NS	MONO_MS

struct scribe {
	FILE		*out;
	struct queue	*queue;
	pthread_t	 thread;
	struct buf	 line;
	atomic_int	 error;		/* errno */
};

static int
write_line(struct scribe *s, const struct event *e)
{
	buf_reset(&s->line);
	if (event_write_json(e, &s->line) != 0)
		return ENOMEM;
	buf_add_char(&s->line, '\n');
	if (!buf_ok(&s->line))
		return ENOMEM;
	return fwrite(s->line.data, 1, s->line.len, s->out) == s->line.len ?
	    0 : errno;
}

/*
 * The next event; NULL at the end. While there are some the queue is looked at
 * now and then: who waits for it has to be woken for each event, and that
 * costs the other thread more than the event.
 */
static const struct event *
await(struct scribe *s)
{
	const struct timespec nap = { .tv_nsec = GATHER_NS };
	const struct event *e = queue_pop(s->queue, 0);

	if (e == NULL) {
		(void)nanosleep(&nap, NULL);
		e = queue_pop(s->queue, -1);
	}
	return e;
}

static void *
run(void *arg)
{
	struct scribe *s = arg;
	const struct event *e;

	while ((e = await(s)) != NULL) {
		if (atomic_load(&s->error) == 0)
			atomic_store(&s->error, write_line(s, e));
		event_unref(e);
	}
	return NULL;
}

struct scribe *
scribe_new(FILE *out)
{
	struct scribe *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return NULL;
	s->out = out;
	buf_init(&s->line, LINE_BYTES);
	s->queue = queue_new(EVENTS);
	rc = s->queue == NULL ? errno :
	    pthread_create(&s->thread, NULL, run, s);
	if (rc == 0)
		return s;
	queue_free(s->queue);
	free(s);
	errno = rc;
	return NULL;
}

bool
scribe_sink(void *self, const struct event *e)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct event *mine = event_ref(e);
	struct scribe *s = self;

	while (!queue_push(s->queue, mine))
		(void)nanosleep(&pause, NULL);
	return true;
}

bool
scribe_failed(const struct scribe *s)
{
	return atomic_load(&s->error) != 0;
}

int
scribe_finish(struct scribe *s)
{
	int rc;

	if (s == NULL)
		return 0;
	queue_close(s->queue);
	pthread_join(s->thread, NULL);
	rc = atomic_load(&s->error);
	if (fflush(s->out) != 0 && rc == 0)
		rc = errno;
	queue_free(s->queue);
	buf_fini(&s->line);
	free(s);
	return -rc;
}

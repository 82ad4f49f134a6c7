#include "outputs/sender.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define LOG_TAG "sender"
#include "lib/log.h"
#include "outputs/reader.h"

#define DOCS_MAX	1000		/* held at once */
#define BACKOFF_MIN_MS	1000
#define BACKOFF_MAX_MS	60000
#define HOLD_MIN_MS	5000
#define RETRY_AFTER_MAX_MS	3600000
#define IDLE_MS		2000		/* look again without being woken */

struct sender {
	struct output		*out;
	size_t			 index;
	char			*path;
	sender_ack_fn		 ack;
	void			*ctx;
	ledger_count		*batches, *again, *splits, *holds;

	pthread_t		 thread;
	pthread_mutex_t		 lock;
	pthread_cond_t		 cond;
	bool			 stopping, woken;

	/* The thread's own: documents in hand, oldest first. */
	struct reader		*reader;
	struct output_doc	 docs[DOCS_MAX];
	char			*copies[DOCS_MAX];
	size_t			 n, bytes;
	size_t			 docs_max, bytes_max;
	size_t			 take;		/* of docs_max: after a split
						 * less */
	int64_t			 after;		/* last row taken up */
	int64_t			 backoff_ms;
	atomic_bool		 failing;
	struct log_limit	 limit, alarm;
};

static bool
is_stopping(struct sender *s)
{
	bool stop;

	pthread_mutex_lock(&s->lock);
	stop = s->stopping;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

/* Waits, but not longer than until sender_stop, and, when idle, until
 * sender_wake. */
static void
wait_ms(struct sender *s, int64_t ms, bool idle)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	pthread_mutex_lock(&s->lock);
	while (!s->stopping && !(idle && s->woken))
		if (pthread_cond_timedwait(&s->cond, &s->lock, &end) != 0)
			break;
	s->woken = false;
	pthread_mutex_unlock(&s->lock);
}

static int64_t
jittered(int64_t ms)
{
	uint32_t r = 0;

	/* Without a number there is no jitter, which harms nobody. */
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = 0;
	return ms + (int64_t)(r % (uint32_t)(ms / 4 + 1));
}

static void
back_off(struct sender *s, int64_t least, const struct output_answer *answer)
{
	int64_t ms = s->backoff_ms < least ? least : s->backoff_ms;

	s->backoff_ms = ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * 2;
	ms = jittered(ms);
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	if (answer->retry_after_ms > 0)
		ms = answer->retry_after_ms > RETRY_AFTER_MAX_MS ?
		    RETRY_AFTER_MAX_MS : answer->retry_after_ms;
	wait_ms(s, ms, false);
}

/* Takes over a copy: sqlite lends its texts for one step only. */
static int
take_up(void *ctx, const struct reader_spooled *r)
{
	struct sender *s = ctx;
	struct output_doc *d = &s->docs[s->n];
	size_t id_len = strlen(r->id) + 1, set_len = strlen(r->dataset) + 1;
	char *copy;

	if (s->n > 0 && s->bytes + r->len > s->bytes_max)
		return 1;
	if ((copy = malloc(r->len + 1 + id_len + set_len)) == NULL)
		return -ENOMEM;
	memset(d, 0, sizeof(*d));
	memcpy(copy, r->text, r->len + 1);
	d->text = copy;
	d->len = r->len;
	d->id = memcpy(copy + r->len + 1, r->id, id_len);
	d->dataset = memcpy(copy + r->len + 1 + id_len, r->dataset, set_len);
	d->row = r->row;
	d->attempts = r->attempts;
	s->copies[s->n++] = copy;
	s->bytes += r->len;
	s->after = r->row;
	return 0;
}

static void
load(struct sender *s)
{
	int err;

	if (s->reader == NULL && (s->reader = reader_open(s->path)) == NULL) {
		log_limited(&s->limit, LOG_WARNING, "%s: %s cannot be read: %s",
		    s->out->name, s->path, strerror(errno));
		return;
	}
	(void)reader_changed(s->reader);	/* a replaced store */
	if (s->n >= s->docs_max || s->bytes >= s->bytes_max)
		return;
	err = reader_spool(s->reader, s->out->name, s->after,
	    s->docs_max - s->n, take_up, s);
	if (err < 0)
		log_limited(&s->limit, LOG_WARNING, "%s: spool cannot be "
		    "read: %s", s->out->name, strerror(-err));
}

/* Removes documents that are settled (their copy is NULL then). */
static void
close_ranks(struct sender *s)
{
	size_t i, kept = 0;

	for (i = 0; i < s->n; i++) {
		if (s->copies[i] == NULL)
			continue;
		if (kept != i) {
			s->docs[kept] = s->docs[i];
			s->copies[kept] = s->copies[i];
		}
		kept++;
	}
	s->n = kept;
}

static void
push_acks(struct sender *s, struct sender_acks *acks)
{
	if (acks->n == 0) {
		free(acks);
		return;
	}
	while (!s->ack(s->ctx, acks)) {
		if (is_stopping(s)) {
			/* Stays owed: sent again at the next start. */
			free(acks);
			return;
		}
		wait_ms(s, 50, false);
	}
}

static enum sender_fate
fate_of(enum output_verdict v)
{
	switch (v) {
	case OUTPUT_OK:
	case OUTPUT_DUPLICATE:
		return SENDER_DONE;
	case OUTPUT_DEAD:
		return SENDER_DEAD;
	default:
		return SENDER_RETRY;
	}
}

/* Tells the writer, keeps what is to be tried again; returns how many. */
static size_t
settle(struct sender *s, size_t n)
{
	struct sender_acks *acks;
	struct sender_ack *a;
	struct output_doc *d;
	size_t i, again = 0;

	acks = calloc(1, sizeof(*acks) + n * sizeof(acks->list[0]));
	if (acks == NULL)
		return n;	/* all again: as duplicates */
	acks->output = s->index;
	for (i = 0; i < n; i++) {
		d = &s->docs[i];
		a = &acks->list[acks->n++];
		a->row = d->row;
		a->fate = fate_of(d->verdict);
		a->duplicate = d->verdict == OUTPUT_DUPLICATE;
		a->attempts = ++d->attempts;
		snprintf(a->reason, sizeof(a->reason), "%s", d->reason);
		if (a->fate == SENDER_RETRY) {
			again++;
			continue;
		}
		if (a->fate == SENDER_DEAD)
			log_limited(&s->limit, LOG_WARNING, "%s: refused for "
			    "good: %s: %s", s->out->name, d->id, d->reason);
		s->bytes -= d->len;
		free(s->copies[i]);
		s->copies[i] = NULL;
	}
	push_acks(s, acks);
	close_ranks(s);
	return again;
}

static void
set_all(struct sender *s, size_t n, enum output_verdict v, const char *reason)
{
	size_t i;

	for (i = 0; i < n; i++) {
		s->docs[i].verdict = v;
		snprintf(s->docs[i].reason, sizeof(s->docs[i].reason), "%s",
		    reason);
	}
}

static void
succeed(struct sender *s, size_t n, const struct output_answer *answer)
{
	size_t again = settle(s, n);

	if (s->failing && again == 0) {
		log_notice("%s: delivers again", s->out->name);
		s->failing = false;
	}
	if (s->take < s->docs_max)
		s->take = s->take * 2 > s->docs_max ? s->docs_max :
		    s->take * 2;
	if (again < n)
		s->backoff_ms = BACKOFF_MIN_MS;
	if (again > 0)
		back_off(s, BACKOFF_MIN_MS, answer);
}

static void
fail(struct sender *s, size_t n, const struct output_answer *answer)
{
	ledger_add(s->again, 1);
	log_limited(&s->limit, LOG_WARNING, "%s: cannot deliver: %s: the "
	    "documents wait in the spool", s->out->name, answer->text);
	s->failing = true;
	/* Into the spool now and then only: a dead backend must not cause
	 * writing for every try. */
	if ((s->docs[0].attempts & (s->docs[0].attempts + 1)) == 0) {
		set_all(s, n, OUTPUT_RETRY_BATCH, answer->text);
		(void)settle(s, n);
	} else
		s->docs[0].attempts++;
	back_off(s, BACKOFF_MIN_MS, answer);
}

static void
split(struct sender *s, size_t n, const struct output_answer *answer)
{
	ledger_add(s->splits, 1);
	if (n > 1) {
		s->take = n / 2;
		return;
	}
	set_all(s, 1, OUTPUT_DEAD, answer->text);
	(void)settle(s, 1);
}

static void
hold(struct sender *s, const struct output_answer *answer)
{
	ledger_add(s->holds, 1);
	s->failing = true;
	log_limited(&s->alarm, LOG_ERR, "%s: DOES NOT TAKE ALERTS until "
	    "somebody acts: %s: they wait in the spool", s->out->name,
	    answer->text);
	back_off(s, HOLD_MIN_MS, answer);
}

static void
deliver(struct sender *s)
{
	struct output_answer answer = { 0 };
	size_t n = s->n < s->take ? s->n : s->take;

	ledger_add(s->batches, 1);
	switch (s->out->ops->deliver(s->out->self, s->docs, n, &answer)) {
	case OUTPUT_OK:
		succeed(s, n, &answer);
		break;
	case OUTPUT_SPLIT:
		split(s, n, &answer);
		break;
	case OUTPUT_HOLD:
		hold(s, &answer);
		break;
	default:
		if (!is_stopping(s))
			fail(s, n, &answer);
		break;
	}
}

static void *
run(void *arg)
{
	struct sender *s = arg;

	while (!is_stopping(s)) {
		load(s);
		if (s->n == 0)
			wait_ms(s, IDLE_MS, true);
		else
			deliver(s);
	}
	return NULL;
}

static void
free_sender(struct sender *s)
{
	while (s->n > 0)
		free(s->copies[--s->n]);
	reader_close(s->reader);
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

static void
set_limits(struct sender *s)
{
	const struct output_ops *ops = s->out->ops;

	s->docs_max = ops->batch_docs == NULL ? 0 :
	    ops->batch_docs(s->out->self);
	if (s->docs_max == 0 || s->docs_max > DOCS_MAX)
		s->docs_max = DOCS_MAX;
	s->bytes_max = ops->batch_bytes == NULL ? 0 :
	    ops->batch_bytes(s->out->self);
	if (s->bytes_max == 0)
		s->bytes_max = 8 << 20;
	s->take = s->docs_max;
	s->backoff_ms = BACKOFF_MIN_MS;
}

struct sender *
sender_start(struct output *out, size_t index, const char *store_path,
    struct ledger_stage *stage, sender_ack_fn ack, void *ctx)
{
	pthread_condattr_t attr;
	struct sender *s;
	int err;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->cond, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	s->out = out;
	s->index = index;
	s->ack = ack;
	s->ctx = ctx;
	s->batches = ledger_noted(stage, "batches");
	s->again = ledger_noted(stage, "failed_batches");
	s->splits = ledger_noted(stage, "splits");
	s->holds = ledger_noted(stage, "holds");
	set_limits(s);
	s->path = strdup(store_path);
	err = s->path == NULL ? ENOMEM :
	    pthread_create(&s->thread, NULL, run, s);
	if (err != 0) {
		free_sender(s);
		errno = err;
		return NULL;
	}
	return s;
}

void
sender_wake(struct sender *s)
{
	pthread_mutex_lock(&s->lock);
	s->woken = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

bool
sender_failing(const struct sender *s)
{
	return atomic_load(&s->failing);
}

void
sender_stop(struct sender *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
	if (s->out->ops->stop != NULL)
		s->out->ops->stop(s->out->self);
	pthread_join(s->thread, NULL);
	free_sender(s);
}

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG_TAG "writer"
#include "outputs/writer_private.h"

#define COMMIT_MS	200	/* after the first event of a batch */
#define URGENT_MS	20	/* after the first alert of a batch */
#define GATHER_MS	10	/* rest between looks at a stream of events */
#define PRUNE_S		5
#define CLOSE_S		10	/* most time that writing the rest may take */
#define BEHIND_SHARE	60	/* percent, below those of share_of */
#define BEHIND_NS	(5 * MONO_S)	/* without a commit: it hangs */
#define LINGER_S	2	/* most time that senders get at the end */

/* In the order of enum event_dataset; the ledger keeps the pointers. */
static const char *const refused_names[EVENT_DATASETS] = {
	"queue_full_process", "queue_full_file", "queue_full_network",
	"queue_full_flow", "queue_full_dns", "queue_full_http",
	"queue_full_tls", "queue_full_docker", "queue_full_auth",
	"queue_full_alert", "queue_full_incident", "queue_full_agent"
};

struct mono
writer_now(void)
{
	static const struct mono_clock real;

	return mono_now(&real);
}

bool
writer_must_keep(enum event_dataset d)
{
	return d == EVENT_ALERT || d == EVENT_INCIDENT;
}

void
writer_free_item(struct item *it)
{
	if (it->event != NULL)
		event_unref(it->event);
	buf_fini(&it->text);
	free(it->id);
	free(it);
}

/* How full the queue may be for this dataset to be let in, in percent. */
static size_t
share_of(enum event_dataset d)
{
	switch (d) {
	case EVENT_ALERT:
	case EVENT_INCIDENT:
		return 100;
	case EVENT_FLOW:
	case EVENT_DOCKER:
	case EVENT_AUTH:
	case EVENT_AGENT:
		return 90;
	default:
		return 80;
	}
}

static bool
is_below(struct writer *w, size_t percent)
{
	return queue_count(w->queue) < WRITER_QUEUE / 100 * percent &&
	    atomic_load_explicit(&w->queued, memory_order_relaxed) <
	    WRITER_BYTES / 100 * percent;
}

static bool
has_room(struct writer *w, enum event_dataset d)
{
	return is_below(w, share_of(d));
}

bool
writer_is_behind(struct writer *w)
{
	int64_t stored = atomic_load_explicit(&w->stored_ns,
	    memory_order_relaxed);

	return !is_below(w, BEHIND_SHARE) &&
	    writer_now().ns - stored < BEHIND_NS;
}

bool
writer_sink(void *self, const struct event *e)
{
	struct writer *w = self;
	enum event_dataset d = event_dataset(e);
	ledger_count *reason = w->refused[d];
	size_t bytes = event_bytes(e);
	struct item *it = NULL;

	ledger_add(&w->in->received, 1);
	if (atomic_load_explicit(&w->closing, memory_order_relaxed)) {
		reason = w->closed;
		goto drop;
	}
	if (!has_room(w, d))
		goto drop;
	if ((it = calloc(1, sizeof(*it))) == NULL) {
		reason = w->no_memory;
		goto drop;
	}
	it->event = event_ref(e);
	ledger_add(&w->in->pending, 1);
	atomic_fetch_add_explicit(&w->queued, bytes, memory_order_relaxed);
	if (queue_push(w->queue, it))
		return true;
	atomic_fetch_sub_explicit(&w->queued, bytes, memory_order_relaxed);
	ledger_add(&w->in->pending, (uint64_t)-1);
	writer_free_item(it);
drop:
	ledger_add(reason, 1);
	return false;
}

/* One allocation holds the three texts. */
bool
writer_put_container(struct writer *w, const char *id, const char *name,
    const char *json, size_t len)
{
	size_t id_len = strlen(id) + 1, name_len = strlen(name) + 1;
	struct item *it;

	if (!has_room(w, EVENT_DOCKER) ||
	    (it = calloc(1, sizeof(*it))) == NULL)
		return false;
	if ((it->id = malloc(id_len + name_len + len)) == NULL)
		goto fail;
	it->name = it->id + id_len;
	it->json = it->name + name_len;
	it->len = len;
	memcpy(it->id, id, id_len);
	memcpy(it->name, name, name_len);
	memcpy(it->json, json, len);
	atomic_fetch_add_explicit(&w->queued, len, memory_order_relaxed);
	if (queue_push(w->queue, it))
		return true;
	atomic_fetch_sub_explicit(&w->queued, len, memory_order_relaxed);
fail:
	writer_free_item(it);
	return false;
}

static bool
take_ack(void *ctx, struct sender_acks *acks)
{
	struct writer *w = ctx;

	return queue_push(w->acks, acks);
}

static int
ms_until(struct mono deadline)
{
	int64_t left = deadline.ns - writer_now().ns;

	return left <= 0 ? 0 : (int)((left + MONO_MS - 1) / MONO_MS);
}

static struct mono
after_ms(int64_t ms)
{
	struct mono t = writer_now();

	t.ns += ms * MONO_MS;
	return t;
}

static struct item *
take_item(struct writer *w, int timeout_ms)
{
	struct item *it = queue_pop(w->queue, timeout_ms);

	if (it == NULL)
		return NULL;
	if (it->event != NULL)
		ledger_add(&w->in->pending, (uint64_t)-1);
	atomic_fetch_sub_explicit(&w->queued, it->event != NULL ?
	    event_bytes(it->event) : it->len, memory_order_relaxed);
	return it;
}

/*
 * The next item. The first of a batch is waited for; once there is one, the
 * queue is looked at now and then, because a thread that waits is woken for
 * every single item, by the engine's loop, which has better things to do.
 */
static struct item *
await_item(struct writer *w, bool first, struct mono deadline)
{
	struct timespec nap = { .tv_nsec = GATHER_MS * MONO_MS };
	struct item *it;

	if (first)
		return take_item(w, ms_until(deadline));
	while ((it = take_item(w, 0)) == NULL &&
	    !atomic_load(&w->closing) && ms_until(deadline) > 0)
		(void)nanosleep(&nap, NULL);
	return it;
}

/* Fills the batch until it is full or old enough to be written. */
static void
collect(struct writer *w)
{
	struct mono deadline = after_ms(COMMIT_MS), urgent;
	size_t room = w->n_batch + WRITER_BATCH, bytes = 0;
	bool first = true;
	struct item *it;

	if (room > WRITER_BATCH + WRITER_HELD)
		room = WRITER_BATCH + WRITER_HELD;
	while (w->n_batch < room && bytes < WRITER_BATCH_BYTES) {
		it = await_item(w, first, deadline);
		if (it == NULL)
			break;
		if (first)
			deadline = after_ms(COMMIT_MS);
		first = false;
		if (it->event == NULL)
			bytes += it->len;
		else {
			bytes += event_bytes(it->event);
			ledger_add(&w->in->delivered, 1);
			ledger_add(&w->stored->received, 1);
			ledger_add(&w->stored->pending, 1);
			if (writer_must_keep(event_dataset(it->event))) {
				urgent = after_ms(URGENT_MS);
				if (urgent.ns < deadline.ns)
					deadline = urgent;
			}
		}
		w->batch[w->n_batch++] = it;
	}
}

static void
prune(struct writer *w)
{
	static const struct mono_clock real;
	uint64_t removed = 0;
	int more;

	if (writer_now().ns < w->prune_at.ns || w->holding ||
	    queue_count(w->queue) > WRITER_QUEUE / 2)
		return;
	more = store_prune(w->store, mono_wall(&real), &removed);
	ledger_add(w->pruned, removed);
	if (more < 0) {
		errno = -more;
		log_limited(&w->limit, LOG_WARNING, "%s: cannot be pruned: %s",
		    store_path(w->store), strerror(-more));
	}
	w->prune_at = more == 1 ? writer_now() : after_ms(PRUNE_S * 1000);
}

/* Remote outputs get a moment to send what was stored last. */
static void
linger(struct writer *w)
{
	struct mono end = after_ms(LINGER_S * 1000);
	struct timespec nap = { .tv_nsec = 20 * 1000000 };
	bool owed = true;
	size_t i;

	while (owed && writer_now().ns < end.ns) {
		owed = false;
		for (i = 0; i < w->n_outs; i++)
			if (w->outs[i].sender != NULL &&
			    w->outs[i].owed > 0 &&
			    !sender_failing(w->outs[i].sender))
				owed = true;
		if (!owed)
			break;
		nanosleep(&nap, NULL);
		writer_take_acks(w);
		writer_run_batch(w);
	}
	for (i = 0; i < w->n_outs; i++) {
		sender_stop(w->outs[i].sender);
		w->outs[i].sender = NULL;
	}
	writer_take_acks(w);
	writer_run_batch(w);
}

static void *
run(void *arg)
{
	struct writer *w = arg;
	struct timespec nap = { .tv_nsec = 100 * 1000000 };

	for (;;) {
		collect(w);
		writer_take_acks(w);
		writer_run_batch(w);
		writer_serve_local(w);
		if (!atomic_load(&w->closing)) {
			prune(w);
			continue;
		}
		if (queue_count(w->queue) == 0 && w->n_batch == 0)
			break;
		if (writer_now().ns > w->give_up.ns)
			break;
		if (w->holding)
			nanosleep(&nap, NULL);
	}
	linger(w);
	return NULL;
}

static void
make_stages(struct writer *w, struct ledger *l)
{
	int d;

	w->in = ledger_stage(l, "writer");
	for (d = 0; d < EVENT_DATASETS; d++)
		w->refused[d] = ledger_dropped(w->in, refused_names[d]);
	w->closed = ledger_dropped(w->in, "closed");
	w->no_memory = ledger_dropped(w->in, "no_memory");
	w->stored = ledger_stage(l, "store");
	w->disk_full = ledger_dropped(w->stored, "disk_full");
	w->too_large = ledger_dropped(w->stored, "too_large");
	w->db_error = ledger_dropped(w->stored, "database_error");
	w->known = ledger_noted(w->stored, "stored_before");
	w->pruned = ledger_noted(w->stored, "pruned");
	w->damaged = ledger_noted(w->stored, "damaged");
	w->commits = ledger_noted(w->stored, "commits");
}

static int
make_outputs(struct writer *w, struct ledger *l)
{
	struct writer_output *o;
	size_t i;

	w->n_outs = outputs_count(w->outputs);
	if (w->n_outs > 64)
		return -E2BIG;
	w->outs = calloc(w->n_outs + 1, sizeof(*w->outs));
	if (w->outs == NULL)
		return -ENOMEM;
	for (i = 0; i < w->n_outs; i++) {
		o = &w->outs[i];
		o->out = outputs_at(w->outputs, i);
		o->stage = ledger_stage(l, o->out->stage);
		o->dead = ledger_dropped(o->stage, "dead_letter");
		o->full = ledger_dropped(o->stage, "spool_full");
		o->failed = ledger_dropped(o->stage, "write_failed");
		o->lost = ledger_dropped(o->stage, "store_damaged");
		o->duplicates = ledger_noted(o->stage, "duplicates");
		o->retries = ledger_noted(o->stage, "retries");
	}
	return 0;
}

struct writer *
writer_new(const struct store_conf *conf, struct outputs *outputs,
    struct ledger *l)
{
	struct writer *w;
	int err;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->outputs = outputs;
	make_stages(w, l);
	if ((w->store = store_open(conf)) == NULL ||
	    (w->queue = queue_new(WRITER_QUEUE)) == NULL ||
	    (w->acks = queue_new(WRITER_ACKS)) == NULL) {
		err = -errno;
		goto fail;
	}
	if ((err = make_outputs(w, l)) != 0 ||
	    (err = writer_count_owed(w)) != 0)
		goto fail;
	return w;
fail:
	writer_free(w);
	errno = -err;
	return NULL;
}

static int
start_senders(struct writer *w)
{
	struct writer_output *o;
	size_t i;

	for (i = 0; i < w->n_outs; i++) {
		o = &w->outs[i];
		if (o->out->ops->local)
			continue;
		o->sender = sender_start(o->out, i, store_path(w->store),
		    o->stage, take_ack, w);
		if (o->sender == NULL)
			return -errno;
	}
	return 0;
}

static void
stop_senders(struct writer *w)
{
	size_t i;

	for (i = 0; i < w->n_outs; i++) {
		sender_stop(w->outs[i].sender);
		w->outs[i].sender = NULL;
	}
}

int
writer_start(struct writer *w)
{
	sigset_t all, old;
	int err;

	/* Signals are the loop thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if ((err = start_senders(w)) == 0)
		err = -pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err != 0) {
		stop_senders(w);
		return err;
	}
	w->running = true;
	return 0;
}

/* Only when writing failed to the end. */
static void
drop_rest(struct writer *w)
{
	struct item *it;
	size_t i;

	for (i = 0; i < w->n_batch; i++) {
		if (w->batch[i]->event != NULL) {
			ledger_add(&w->stored->pending, (uint64_t)-1);
			ledger_add(w->db_error, 1);
		}
		writer_free_item(w->batch[i]);
	}
	w->n_batch = 0;
	while (w->queue != NULL && (it = take_item(w, 0)) != NULL) {
		if (it->event != NULL)
			ledger_add(w->closed, 1);
		writer_free_item(it);
	}
}

static void
drop_acks(struct writer *w)
{
	struct sender_acks *a;

	while (w->acks != NULL && (a = queue_pop(w->acks, 0)) != NULL)
		free(a);
	while (w->n_unsettled > 0)
		free(w->unsettled[--w->n_unsettled]);
}

void
writer_close(struct writer *w)
{
	if (w->store == NULL)
		return;
	w->give_up = after_ms(CLOSE_S * 1000);
	atomic_store(&w->closing, true);
	if (w->queue != NULL)
		queue_close(w->queue);
	if (w->running)
		pthread_join(w->thread, NULL);
	w->running = false;
	stop_senders(w);
	drop_rest(w);
	drop_acks(w);
	reader_close(w->reader);
	w->reader = NULL;
	store_close(w->store);
	w->store = NULL;
}

void
writer_free(struct writer *w)
{
	if (w == NULL)
		return;
	writer_close(w);
	if (w->queue != NULL)
		queue_free(w->queue);
	if (w->acks != NULL)
		queue_free(w->acks);
	free(w->outs);
	free(w);
}

void
writer_reopen(struct writer *w)
{
	if (w->outputs != NULL)
		outputs_reopen(w->outputs);
}

const char *
writer_agent_id(const struct writer *w)
{
	return store_agent_id(w->store);
}

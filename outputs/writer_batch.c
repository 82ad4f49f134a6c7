/*
 * A batch and the answers of the senders become one transaction. When it
 * fails it is undone and done again as a whole, so nothing here may count
 * before the commit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_TAG "writer"
#include "outputs/writer_private.h"

#define LOCAL_DOCS	64	/* handed to a local output at once */

static const struct mono_clock real_clock;

static void
describe(struct item *it)
{
	const struct event *e = it->event;
	const struct event_value *final;
	struct store_doc *d = &it->doc;

	d->dataset = event_dataset(e);
	d->id = event_str(e, FIELD_EVENT_ID);
	if (d->id[0] == '\0')
		d->id = event_str(e, FIELD_TALLYMAN_ALERT_ID);
	d->time = event_time(e);
	d->container_id = event_str(e, FIELD_CONTAINER_ID);
	d->container_name = event_str(e, FIELD_CONTAINER_NAME);
	d->peer_id = event_str(e, FIELD_TALLYMAN_DESTINATION_CONTAINER_ID);
	d->peer_name = event_str(e, FIELD_TALLYMAN_DESTINATION_CONTAINER_NAME);
	if (strcmp(d->peer_id, d->container_id) == 0) {
		d->peer_id = event_str(e, FIELD_TALLYMAN_SOURCE_CONTAINER_ID);
		d->peer_name = event_str(e,
		    FIELD_TALLYMAN_SOURCE_CONTAINER_NAME);
	}
	d->rule = event_str(e, FIELD_RULE_ID);
	d->severity = event_num(e, FIELD_EVENT_SEVERITY);
	if (d->dataset == EVENT_FLOW) {
		d->flow = event_str(e, FIELD_TALLYMAN_FLOW_ID);
		final = event_get(e, FIELD_TALLYMAN_FLOW_FINAL);
		d->final = final != NULL && final->flag;
	}
	d->text = buf_text(&it->text);
	d->len = it->text.len;
}

static bool
only_this(int err)
{
	return err == -EMSGSIZE || err == -EINVAL;
}

static int
spool_item(struct writer *w, struct item *it)
{
	struct writer_output *o;
	int64_t limit;
	size_t i;
	int err;

	for (i = 0; i < w->n_outs; i++) {
		o = &w->outs[i];
		if (!output_wants(o->out, it->doc.dataset))
			continue;
		/* Bulk goes to a local output without a detour. */
		if (o->out->ops->local && !writer_must_keep(it->doc.dataset))
			continue;
		limit = writer_must_keep(it->doc.dataset) ?
		    WRITER_SPOOL_MAX : WRITER_SPOOL_BULK;
		if (o->owed + o->added >= limit) {
			it->not_spooled |= UINT64_C(1) << i;
			continue;
		}
		err = store_spool_put(w->store, o->out->name, &it->doc);
		if (err != 0)
			return err;
		o->added++;
	}
	return 0;
}

static int
put_event(struct writer *w, struct item *it)
{
	int err;

	it->bad = 0;
	it->known = false;
	it->not_spooled = 0;
	if (it->text.len == 0) {
		buf_init(&it->text, 0);
		if (event_write_json(it->event, &it->text) != 0 ||
		    !buf_ok(&it->text)) {
			buf_reset(&it->text);
			it->bad = -EMSGSIZE;
			return 0;
		}
	}
	describe(it);
	err = store_put(w->store, &it->doc);
	if (err == -EEXIST) {
		it->known = true;
		return 0;
	}
	if (err == 0)
		err = spool_item(w, it);
	if (only_this(err)) {
		it->bad = err;
		err = 0;
	}
	return err;
}

static int
put_item(struct writer *w, struct item *it)
{
	int err;

	if (it->event != NULL)
		return put_event(w, it);
	err = store_put_container(w->store, it->id, it->name, it->json,
	    it->len, mono_wall(&real_clock));
	return only_this(err) ? 0 : err;
}

static int
settle(struct writer *w, const struct sender_acks *a)
{
	const struct sender_ack *k;
	size_t i;
	int err = 0;

	for (i = 0; i < a->n && err == 0; i++) {
		k = &a->list[i];
		switch (k->fate) {
		case SENDER_DONE:
			err = store_spool_done(w->store, k->row);
			break;
		case SENDER_DEAD:
			err = store_spool_dead(w->store, k->row, k->reason,
			    mono_wall(&real_clock));
			break;
		case SENDER_RETRY:
			err = store_spool_retry(w->store, k->row, k->attempts,
			    k->reason, k->next);
			break;
		}
	}
	return err;
}

static int
write_all(struct writer *w)
{
	size_t i;
	int err;

	for (i = 0; i < w->n_outs; i++)
		w->outs[i].added = 0;
	err = store_begin(w->store);
	for (i = 0; i < w->n_batch && err == 0; i++)
		err = put_item(w, w->batch[i]);
	for (i = 0; i < w->n_unsettled && err == 0; i++)
		err = settle(w, w->unsettled[i]);
	if (err == 0)
		err = store_commit(w->store);
	if (err != 0)
		store_rollback(w->store);
	return err;
}

static void
count_outputs(struct writer *w, const struct item *it)
{
	struct writer_output *o;
	size_t i;

	if (it->known || it->bad != 0)
		return;
	for (i = 0; i < w->n_outs; i++) {
		o = &w->outs[i];
		if (!output_wants(o->out, it->doc.dataset))
			continue;
		ledger_add(&o->stage->received, 1);
		if (it->not_spooled & UINT64_C(1) << i)
			ledger_add(o->full, 1);
		else
			ledger_add(&o->stage->pending, 1);
	}
}

static void
count_item(struct writer *w, const struct item *it)
{
	if (it->event == NULL)
		return;
	ledger_add(&w->stored->pending, (uint64_t)-1);
	if (it->bad == -EMSGSIZE)
		ledger_add(w->too_large, 1);
	else if (it->bad != 0)
		ledger_add(w->db_error, 1);
	else
		ledger_add(&w->stored->delivered, 1);
	if (it->known)
		ledger_add(w->known, 1);
	count_outputs(w, it);
}

static void
count_acks(struct writer *w)
{
	const struct sender_ack *k;
	struct writer_output *o;
	size_t i, j;

	for (i = 0; i < w->n_unsettled; i++) {
		o = &w->outs[w->unsettled[i]->output];
		for (j = 0; j < w->unsettled[i]->n; j++) {
			k = &w->unsettled[i]->list[j];
			if (k->fate == SENDER_RETRY) {
				ledger_add(o->retries, 1);
				continue;
			}
			ledger_add(&o->stage->pending, (uint64_t)-1);
			ledger_add(k->fate == SENDER_DONE ?
			    &o->stage->delivered : o->dead, 1);
			if (k->duplicate)
				ledger_add(o->duplicates, 1);
			o->owed--;
		}
		o->unsettled = 0;
		free(w->unsettled[i]);
	}
	w->n_unsettled = 0;
}

/* Bulk that a local output wants, straight from the batch. */
static void
deliver_bulk(struct writer *w, struct writer_output *o)
{
	struct output_doc docs[LOCAL_DOCS];
	struct output_answer answer = { 0 };
	size_t i = 0, j, n;

	while (i < w->n_batch) {
		memset(docs, 0, sizeof(docs));
		for (n = 0; i < w->n_batch && n < LOCAL_DOCS; i++) {
			const struct item *it = w->batch[i];

			if (it->event == NULL || it->bad != 0 || it->known ||
			    writer_must_keep(it->doc.dataset) ||
			    !output_wants(o->out, it->doc.dataset))
				continue;
			docs[n].id = it->doc.id;
			docs[n].dataset = event_dataset_name(it->doc.dataset);
			docs[n].text = it->doc.text;
			docs[n++].len = it->doc.len;
		}
		if (n == 0)
			break;
		(void)o->out->ops->deliver(o->out->self, docs, n, &answer);
		ledger_add(&o->stage->pending, (uint64_t)-(int64_t)n);
		for (j = 0; j < n; j++)
			ledger_add(docs[j].verdict == OUTPUT_OK ?
			    &o->stage->delivered : o->failed, 1);
	}
}

static void
finish_batch(struct writer *w)
{
	struct writer_output *o;
	size_t i;

	ledger_add(w->commits, 1);
	atomic_store_explicit(&w->stored_ns, writer_now().ns,
	    memory_order_relaxed);
	for (i = 0; i < w->n_batch; i++)
		count_item(w, w->batch[i]);
	count_acks(w);
	for (i = 0; i < w->n_outs; i++) {
		o = &w->outs[i];
		o->owed += o->added;
		if (o->out->ops->local)
			deliver_bulk(w, o);
		else if (o->added > 0 && o->sender != NULL)
			sender_wake(o->sender);
		if (o->added > 0)
			o->next_try.ns = 0;
		o->added = 0;
	}
	for (i = 0; i < w->n_batch; i++)
		writer_free_item(w->batch[i]);
	w->n_batch = 0;
	w->holding = false;
}

/* Everything but alerts goes, counted; alerts wait as far as there is room. */
static void
keep_alerts(struct writer *w, int err)
{
	ledger_count *reason = err == -ENOSPC ? w->disk_full : w->db_error;
	size_t i, kept = 0;
	struct item *it;

	for (i = 0; i < w->n_batch; i++) {
		it = w->batch[i];
		if (it->event != NULL && kept < WRITER_HELD &&
		    writer_must_keep(event_dataset(it->event))) {
			w->batch[kept++] = it;
			continue;
		}
		if (it->event != NULL) {
			ledger_add(&w->stored->pending, (uint64_t)-1);
			ledger_add(reason, 1);
		}
		writer_free_item(it);
	}
	w->n_batch = kept;
	w->holding = true;
	w->retry_at = writer_now();
	w->retry_at.ns += MONO_S;
}

static int
start_fresh(struct writer *w)
{
	int64_t before[64];
	size_t i;
	int err;

	ledger_add(w->damaged, 1);
	reader_close(w->reader);
	w->reader = NULL;
	if ((err = store_reset(w->store)) != 0)
		return err;
	for (i = 0; i < w->n_outs; i++)
		before[i] = w->outs[i].owed;
	for (i = 0; i < w->n_outs; i++) {
		struct writer_output *o = &w->outs[i];

		err = store_spool_count(w->store, o->out->name, &o->owed);
		if (err != 0)
			return err;
		if (o->owed < before[i]) {
			ledger_add(o->lost, (uint64_t)(before[i] - o->owed));
			ledger_add(&o->stage->pending,
			    (uint64_t)(o->owed - before[i]));
		}
	}
	return 0;
}

void
writer_run_batch(struct writer *w)
{
	uint64_t removed = 0;
	int err;

	if (w->n_batch == 0 && w->n_unsettled == 0)
		return;
	if (w->holding && writer_now().ns < w->retry_at.ns &&
	    !atomic_load(&w->closing)) {
		struct mono at = w->retry_at;

		keep_alerts(w, -ENOSPC);
		w->retry_at = at;
		return;
	}
	err = write_all(w);
	if (err == -EUCLEAN && start_fresh(w) == 0)
		err = write_all(w);
	if (err == -ENOSPC && store_make_room(w->store, &removed) == 0) {
		ledger_add(w->pruned, removed);
		err = write_all(w);
	}
	if (err == 0) {
		finish_batch(w);
		return;
	}
	log_limited(&w->limit, LOG_ERR, "%s: cannot be written: %s: "
	    "alerts wait, other events are dropped", store_path(w->store),
	    strerror(-err));
	keep_alerts(w, err);
}

void
writer_take_acks(struct writer *w)
{
	struct sender_acks *a;

	while (w->n_unsettled < WRITER_ACKS &&
	    (a = queue_pop(w->acks, 0)) != NULL) {
		w->outs[a->output].unsettled += (int64_t)a->n;
		w->unsettled[w->n_unsettled++] = a;
	}
}

int
writer_count_owed(struct writer *w)
{
	struct writer_output *o;
	size_t i;
	int err;

	for (i = 0; i < w->n_outs; i++) {
		o = &w->outs[i];
		err = store_spool_count(w->store, o->out->name, &o->owed);
		if (err != 0)
			return err;
		ledger_add(&o->stage->received, (uint64_t)o->owed);
		ledger_add(&o->stage->pending, (uint64_t)o->owed);
	}
	return 0;
}

/* Copies of spool rows: sqlite lends its texts for one step only. */
struct owed {
	struct output_doc	 docs[LOCAL_DOCS];
	char			*copies[LOCAL_DOCS];
	size_t			 n;
};

static int
copy_owed(void *ctx, const struct reader_spooled *s)
{
	struct owed *all = ctx;
	struct output_doc *d = &all->docs[all->n];
	size_t id_len = strlen(s->id) + 1;
	char *copy = malloc(s->len + 1 + id_len);

	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, s->text, s->len + 1);
	memcpy(copy + s->len + 1, s->id, id_len);
	d->row = s->row;
	d->text = copy;
	d->len = s->len;
	d->id = copy + s->len + 1;
	d->attempts = s->attempts;
	all->copies[all->n++] = copy;
	return 0;
}

/* Rows that were delivered become an answer like that of a sender. */
static struct sender_acks *
answer_owed(size_t index, const struct owed *all)
{
	struct sender_acks *a;
	size_t i;

	a = calloc(1, sizeof(*a) + all->n * sizeof(a->list[0]));
	if (a == NULL)
		return NULL;
	a->output = index;
	for (i = 0; i < all->n; i++)
		if (all->docs[i].verdict == OUTPUT_OK)
			a->list[a->n++].row = all->docs[i].row;
	return a;
}

static void
serve_one(struct writer *w, size_t index)
{
	struct writer_output *o = &w->outs[index];
	struct output_answer answer = { 0 };
	struct sender_acks *a;
	struct owed all;
	size_t i;
	int err;

	memset(&all, 0, sizeof(all));
	err = reader_spool(w->reader, o->out->name, 0, LOCAL_DOCS, copy_owed,
	    &all);
	if (err != 0 || all.n == 0) {
		o->next_try = writer_now();
		o->next_try.ns += MONO_S;
	} else {
		(void)o->out->ops->deliver(o->out->self, all.docs, all.n,
		    &answer);
		a = answer_owed(index, &all);
		if (a != NULL && a->n > 0) {
			o->unsettled += (int64_t)a->n;
			w->unsettled[w->n_unsettled++] = a;
		} else
			free(a);
		if (a == NULL || o->unsettled < (int64_t)all.n) {
			o->next_try = writer_now();
			o->next_try.ns += MONO_S;
		}
	}
	for (i = 0; i < all.n; i++)
		free(all.copies[i]);
}

void
writer_serve_local(struct writer *w)
{
	struct writer_output *o;
	size_t i;

	for (i = 0; i < w->n_outs; i++) {
		o = &w->outs[i];
		while (o->out->ops->local && o->owed > 0 && !w->holding &&
		    o->unsettled == 0 && w->n_unsettled < WRITER_ACKS &&
		    writer_now().ns >= o->next_try.ns) {
			if (w->reader == NULL &&
			    (w->reader = reader_open(store_path(w->store)))
			    == NULL)
				return;
			serve_one(w, i);
			/* Settle at once: rows must not be sent twice. */
			writer_run_batch(w);
			if (o->unsettled == 0 && o->next_try.ns == 0)
				continue;
			break;
		}
	}
}

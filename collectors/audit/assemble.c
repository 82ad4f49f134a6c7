/*
 * The table holds open events and, until they fall out of it, the keys of
 * those that are done, so that a late record is known as one. Open events are
 * also linked in the order of their first record: the head is the next to
 * grow too old. Records of one event mostly come in a row, so the last event
 * is asked before the table.
 */
#include "collectors/audit/assemble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <libaudit.h>

#include "collectors/audit/serials.h"
#include "lib/hash.h"
#include "lib/map.h"

#define LOG_TAG "audit"
#include "lib/log.h"

#define KEYS	(AUDIT_ASSEMBLE_OPEN + 16384)
/* Bodies kept for reuse; under load a few hundred are open. */
#define SPARES	512
#define TEXT_KEPT	8192
#define SHOWN		200	/* bytes of a bad record in the log */

struct event_key {
	int64_t		ms;
	uint64_t	node;
	uint32_t	serial;
	uint32_t	zero;		/* no padding in a key */
};

/* An open event. */
struct body {
	TAILQ_ENTRY(body)	 link;
	struct event_key	 key;
	struct entry		*entry;
	struct mono		 since;
	uint64_t		 n_records;
	struct audit_parts	 parts;
};
TAILQ_HEAD(bodies, body);

/* What the table holds; body NULL: done. */
struct entry {
	struct body	*body;
};

struct audit_assembler {
	audit_event_fn		 fn;
	void			*ctx;
	struct map		*events;
	struct bodies		 open, spare;
	size_t			 n_open, n_spare;
	struct body		*last;
	struct event_key	 done;		/* the last that ended */
	bool			 has_done;
	struct audit_serials	 serials;
	uint64_t		 gaps_told, restarts_told;
	struct hash_key		 node_key;

	struct log_limit	 limit;
	struct ledger_stage	*stage;
	ledger_count		*garbage, *malformed, *late, *no_memory;
	ledger_count		*too_large;
	ledger_count		*ends_late, *aged, *crowded, *gaps, *restarts;
};

static void close_event(struct audit_assembler *, struct body *,
    enum audit_why);

/* The table is larger than the list of open events, so what it evicts is
 * done. Should it be open nevertheless, it must not dangle. */
static void
forget(void *ctx, const void *key, void *value, bool evicted)
{
	struct entry *e = value;

	(void)ctx;
	(void)key;
	(void)evicted;
	if (e->body != NULL)
		e->body->entry = NULL;
}

struct audit_assembler *
audit_assemble_new(struct ledger *ledger, audit_event_fn fn, void *ctx)
{
	struct audit_assembler *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->fn = fn;
	a->ctx = ctx;
	TAILQ_INIT(&a->open);
	TAILQ_INIT(&a->spare);
	audit_serials_init(&a->serials);
	a->node_key = hash_key_random();
	a->events = map_new(sizeof(struct event_key), sizeof(struct entry),
	    KEYS, forget, a);
	if (a->events == NULL) {
		free(a);
		errno = ENOMEM;
		return NULL;
	}
	a->stage = ledger_stage(ledger, "audit.records");
	a->garbage = ledger_dropped(a->stage, "garbage");
	a->malformed = ledger_dropped(a->stage, "malformed");
	a->late = ledger_dropped(a->stage, "late");
	a->no_memory = ledger_dropped(a->stage, "no_memory");
	a->too_large = ledger_dropped(a->stage, "too_large");
	a->gaps = ledger_outside(a->stage, "serial_gaps");
	a->ends_late = ledger_noted(a->stage, "ends_of_done_events");
	a->aged = ledger_noted(a->stage, "events_without_end");
	a->crowded = ledger_noted(a->stage, "events_pushed_out");
	a->restarts = ledger_noted(a->stage, "serial_restarts");
	return a;
}

static void
free_body(struct body *b)
{
	audit_parts_fini(&b->parts);
	free(b);
}

void
audit_assemble_free(struct audit_assembler *a)
{
	struct body *b;

	if (a == NULL)
		return;
	map_free(a->events);
	while ((b = TAILQ_FIRST(&a->open)) != NULL) {
		TAILQ_REMOVE(&a->open, b, link);
		free_body(b);
	}
	while ((b = TAILQ_FIRST(&a->spare)) != NULL) {
		TAILQ_REMOVE(&a->spare, b, link);
		free_body(b);
	}
	free(a);
}

static struct body *
take_body(struct audit_assembler *a)
{
	struct body *b = TAILQ_FIRST(&a->spare);

	if (b != NULL) {
		TAILQ_REMOVE(&a->spare, b, link);
		a->n_spare--;
		audit_parts_reset(&b->parts);
	} else {
		b = malloc(sizeof(*b));
		if (b == NULL)
			return NULL;
		audit_parts_init(&b->parts);
	}
	b->n_records = 0;
	b->entry = NULL;
	return b;
}

static void
give_body(struct audit_assembler *a, struct body *b)
{
	/* One huge argument list must not be held for ever. */
	if (a->n_spare >= SPARES || b->parts.text.room > TEXT_KEPT ||
	    b->parts.args_room > AUDIT_PARTS_ARGS / 8) {
		free_body(b);
		return;
	}
	TAILQ_INSERT_HEAD(&a->spare, b, link);
	a->n_spare++;
}

static void
close_event(struct audit_assembler *a, struct body *b, enum audit_why why)
{
	TAILQ_REMOVE(&a->open, b, link);
	a->n_open--;
	if (a->last == b)
		a->last = NULL;
	if (b->entry != NULL)
		b->entry->body = NULL;
	a->done = b->key;
	a->has_done = true;
	ledger_add(&a->stage->delivered, b->n_records);
	atomic_fetch_sub_explicit(&a->stage->pending, b->n_records,
	    memory_order_relaxed);
	if (why == AUDIT_WHY_AGE)
		ledger_add(a->aged, 1);
	else if (why == AUDIT_WHY_ROOM)
		ledger_add(a->crowded, 1);
	if (b->parts.n_types > 0)
		a->fn(a->ctx, &b->parts, why);
	give_body(a, b);
}

static bool
same_key(const struct event_key *x, const struct event_key *y)
{
	return x->serial == y->serial && x->ms == y->ms && x->node == y->node;
}

/* The open event of this key; NULL with *late when it is done already. */
static struct body *
find_event(struct audit_assembler *a, const struct event_key *key,
    struct mono now, bool *late)
{
	struct entry *e;
	struct body *b;
	bool made;

	*late = false;
	if (a->last != NULL && same_key(&a->last->key, key))
		return a->last;
	if (a->has_done && same_key(&a->done, key)) {
		*late = true;
		return NULL;
	}
	e = map_put(a->events, key, &made);
	if (e == NULL)
		return NULL;
	if (!made) {
		*late = e->body == NULL;
		return a->last = e->body;
	}
	b = take_body(a);
	if (b == NULL) {
		map_remove(a->events, e);
		return NULL;
	}
	b->key = *key;
	b->entry = e;
	b->since = now;
	b->parts.stamp.ms = key->ms;
	b->parts.stamp.serial = key->serial;
	e->body = b;
	TAILQ_INSERT_TAIL(&a->open, b, link);
	a->n_open++;
	return a->last = b;
}

/* Types that the kernel never joins with others. */
static bool
is_alone(uint32_t type)
{
	return (type >= AUDIT_FIRST_USER_MSG && type <= AUDIT_LAST_USER_MSG) ||
	    (type >= AUDIT_FIRST_USER_MSG2 && type <= AUDIT_LAST_USER_MSG2) ||
	    (type >= AUDIT_FIRST_DAEMON && type <= AUDIT_LAST_DAEMON);
}

static bool
is_last(const struct audit_parts *ev, uint32_t type)
{
	return type == AUDIT_EOE || is_alone(type) ||
	    (type == AUDIT_PROCTITLE && (ev->have & AUDIT_HAVE_SYSCALL));
}

static void
count_failure(struct audit_assembler *a, int error, uint32_t type,
    const char *text, size_t len)
{
	log_limited(&a->limit, LOG_WARNING, "record of type %u is %s: %.*s",
	    type, error == -E2BIG ? "too large" : "not understood",
	    (int)(len < SHOWN ? len : SHOWN), text);
	if (error == -ENOMEM)
		ledger_add(a->no_memory, 1);
	else if (error == -E2BIG)
		ledger_add(a->too_large, 1);
	else
		ledger_add(a->malformed, 1);
}

static void
add_record(struct audit_assembler *a, struct body *b, uint32_t type,
    struct cursor *c, const char *text, size_t len)
{
	int error = 0;

	if (type != AUDIT_EOE)
		error = audit_record_take(&b->parts, type, c);
	if (error != 0)
		count_failure(a, error, type, text, len);
	else {
		b->n_records++;
		ledger_add(&a->stage->pending, 1);
	}
	if (is_last(&b->parts, type))
		close_event(a, b, AUDIT_WHY_END);
	else if (a->n_open > AUDIT_ASSEMBLE_OPEN)
		close_event(a, TAILQ_FIRST(&a->open), AUDIT_WHY_ROOM);
}

void
audit_assemble_feed(struct audit_assembler *a, struct mono now,
    const char *node, size_t node_len, uint32_t type, const void *text,
    size_t len, bool live)
{
	struct cursor c = cursor_make(text, len);
	struct event_key key = { 0 };
	struct audit_stamp stamp;
	struct body *b;
	bool late;

	ledger_add(&a->stage->received, 1);
	if (audit_record_stamp(&c, &stamp) != 0) {
		ledger_add(a->garbage, 1);
		return;
	}
	if (live)
		audit_serials_see(&a->serials, stamp.serial);
	key.ms = stamp.ms;
	key.serial = stamp.serial;
	if (node_len > 0)
		key.node = hash_64(&a->node_key, node, node_len);
	b = find_event(a, &key, now, &late);
	if (b != NULL) {
		add_record(a, b, type, &c, text, len);
	} else if (!late) {
		ledger_add(a->no_memory, 1);
	} else if (type == AUDIT_EOE) {
		/* The event ended at its PROCTITLE. */
		ledger_add(&a->stage->delivered, 1);
		ledger_add(a->ends_late, 1);
	} else
		ledger_add(a->late, 1);
}

static void
tell_gaps(struct audit_assembler *a)
{
	ledger_add(a->gaps, a->serials.gaps - a->gaps_told);
	ledger_add(a->restarts, a->serials.restarts - a->restarts_told);
	a->gaps_told = a->serials.gaps;
	a->restarts_told = a->serials.restarts;
}

void
audit_assemble_tick(struct audit_assembler *a, struct mono now)
{
	struct body *b;

	while ((b = TAILQ_FIRST(&a->open)) != NULL &&
	    now.ns - b->since.ns >= AUDIT_ASSEMBLE_AGE_NS)
		close_event(a, b, AUDIT_WHY_AGE);
	audit_serials_tick(&a->serials, now);
	tell_gaps(a);
}

void
audit_assemble_flush(struct audit_assembler *a)
{
	struct body *b;

	while ((b = TAILQ_FIRST(&a->open)) != NULL)
		close_event(a, b, AUDIT_WHY_AGE);
	audit_serials_finish(&a->serials);
	tell_gaps(a);
}

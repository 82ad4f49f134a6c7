/*
 * Generations of pids. The pool is one block that the kernel gives page by
 * page as it is used. Per pid the newest comes first in its hash chain, so
 * that following a chain goes back in time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/process_private.h"
#include "lib/buf.h"

#define PROGRAM_LIMIT	(64 * 1024 * 1024)
/* How long a parent's audit records may be behind the connector. */
#define SETTLE_NS	(2 * MONO_S)
#define TICK_WORK	20000
#define TICK_MOST_NS	(100 * MONO_MS)
/* Without a record for so long there is none. */
#define QUIET_NS	(60 * MONO_MS)
/* What /proc counts in. */
#define TICK_NS		(10 * MONO_MS)

static uint32_t
hash_pid(const struct process_table *t, uint32_t pid)
{
	return ((pid ^ t->seed) * 2654435761U) >> (32 - t->hash_bits);
}

/*
 * Two clocks cannot be read at once: whoever is preempted between them gets
 * an offset that is wrong by many milliseconds. The shortest of a few tries
 * counts.
 */
void
process_read_offset(struct process_table *t)
{
	int64_t before, wall, after, best = INT64_MAX;
	int i;

	for (i = 0; i < 8 && best > 20 * MONO_US; i++) {
		before = mono_now(t->clock).ns;
		wall = mono_wall(t->clock).ns;
		after = mono_now(t->clock).ns;
		if (after - before < best) {
			best = after - before;
			t->offset_ns = wall - before - best / 2;
		}
	}
}

int64_t
process_to_mono(const struct process_table *t, struct wall when)
{
	return when.ns - t->offset_ns;
}

struct wall
process_to_wall(const struct process_table *t, int64_t mono_ns)
{
	return (struct wall){ mono_ns + t->offset_ns };
}

static void
list_append(struct process_table *t, struct process_list *l, struct process *p)
{
	p->prev = l->tail;
	p->next = PROCESS_NIL;
	if (l->tail != PROCESS_NIL)
		t->pool[l->tail].next = p->index;
	else
		l->head = p->index;
	l->tail = p->index;
}

static void
list_remove(struct process_table *t, struct process_list *l, struct process *p)
{
	if (p->prev != PROCESS_NIL)
		t->pool[p->prev].next = p->next;
	else
		l->head = p->next;
	if (p->next != PROCESS_NIL)
		t->pool[p->next].prev = p->prev;
	else
		l->tail = p->prev;
}

void
process_open(struct process_table *t, struct process *p)
{
	struct process_list *l = &t->open;

	if (p->is_open)
		return;
	p->is_open = true;
	p->open_prev = l->tail;
	p->open_next = PROCESS_NIL;
	if (l->tail != PROCESS_NIL)
		t->pool[l->tail].open_next = p->index;
	else
		l->head = p->index;
	l->tail = p->index;
}

void
process_close(struct process_table *t, struct process *p)
{
	struct process_list *l = &t->open;

	if (!p->is_open)
		return;
	p->is_open = false;
	if (p->open_prev != PROCESS_NIL)
		t->pool[p->open_prev].open_next = p->open_next;
	else
		l->head = p->open_next;
	if (p->open_next != PROCESS_NIL)
		t->pool[p->open_next].open_prev = p->open_prev;
	else
		l->tail = p->open_prev;
}

struct process_table *
process_table_new(struct ledger *ledger, const struct mono_clock *clock,
    const struct enrich_ask *ask, const char *host_id, uint32_t limit)
{
	struct process_table *t = calloc(1, sizeof(*t));
	struct ledger_stage *stage;

	if (t == NULL)
		return NULL;
	t->limit = limit == 0 ? PROCESS_LIMIT : limit;
	for (t->hash_bits = 4; 1U << t->hash_bits < t->limit; )
		t->hash_bits++;
	t->pool = calloc(t->limit, sizeof(*t->pool));
	t->hash = malloc(sizeof(*t->hash) << t->hash_bits);
	if (t->pool == NULL || t->hash == NULL) {
		process_table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	memset(t->hash, 0xff, sizeof(*t->hash) << t->hash_bits);
	t->ask = ask;
	t->clock = clock;
	t->seed = (uint32_t)hash_key_random().k0;
	t->free = PROCESS_NIL;
	t->dead = t->living = t->open =
	    (struct process_list){ PROCESS_NIL, PROCESS_NIL };
	t->budget.limit = PROGRAM_LIMIT;
	process_read_offset(t);
	(void)snprintf(t->host_id, sizeof(t->host_id), "%s", host_id);
	stage = ledger_stage(ledger, "enrich.process");
	t->forks = ledger_noted(stage, "forks");
	t->execs = ledger_noted(stage, "execs");
	t->exits = ledger_noted(stage, "exits");
	t->evicted = ledger_noted(stage, "dead_evicted_early");
	t->evicted_live = ledger_noted(stage, "living_evicted");
	t->orphan_execs = ledger_noted(stage, "execs_without_record");
	t->scans = ledger_noted(stage, "scans");
	t->asked = ledger_noted(stage, "proc_asked");
	t->late_answers = ledger_noted(stage, "proc_answers_late");
	t->unknown = ledger_noted(stage, "events_without_owner");
	return t;
}

static void
drop_texts(struct process_table *t, struct process *p)
{
	program_unref(&t->budget, p->program);
	program_unref(&t->budget, p->read_program);
	process_entry_unref(t, p->entry);
	p->program = p->read_program = NULL;
	p->entry = NULL;
}

void
process_table_free(struct process_table *t)
{
	uint32_t i;

	if (t == NULL)
		return;
	for (i = 0; t->pool != NULL && i < t->fresh; i++)
		if (t->pool[i].seq != 0)
			drop_texts(t, &t->pool[i]);
	free(t->pool);
	free(t->hash);
	free(t);
}

size_t
process_count(const struct process_table *t)
{
	return t->n_used;
}

struct program_budget *
process_budget(struct process_table *t)
{
	return &t->budget;
}

static void
unchain(struct process_table *t, struct process *p)
{
	uint32_t *at = &t->hash[hash_pid(t, p->pid)];

	while (*at != p->index)
		at = &t->pool[*at].chain;
	*at = p->chain;
}

static void
drop(struct process_table *t, struct process *p)
{
	unchain(t, p);
	list_remove(t, p->exit_ns != 0 ? &t->dead : &t->living, p);
	process_close(t, p);
	drop_texts(t, p);
	t->n_used--;
	p->seq = 0;
	p->next = t->free;
	t->free = p->index;
}

static struct process *
take_free(struct process_table *t)
{
	struct process *p;
	uint32_t i;

	if (t->free == PROCESS_NIL && t->fresh == t->limit) {
		if (t->dead.head != PROCESS_NIL) {
			ledger_add(t->evicted, 1);
			drop(t, &t->pool[t->dead.head]);
		} else {
			ledger_add(t->evicted_live, 1);
			drop(t, &t->pool[t->living.head]);
		}
	}
	if (t->free != PROCESS_NIL) {
		i = t->free;
		t->free = t->pool[i].next;
	} else
		i = t->fresh++;
	p = &t->pool[i];
	memset(p, 0, sizeof(*p));
	p->index = i;
	return p;
}

struct process *
process_first(struct process_table *t, uint32_t pid)
{
	uint32_t i = t->hash[hash_pid(t, pid)];

	while (i != PROCESS_NIL && t->pool[i].pid != pid)
		i = t->pool[i].chain;
	return i == PROCESS_NIL ? NULL : &t->pool[i];
}

struct process *
process_older(struct process_table *t, const struct process *p)
{
	uint32_t i = p->chain;

	while (i != PROCESS_NIL && t->pool[i].pid != p->pid)
		i = t->pool[i].chain;
	return i == PROCESS_NIL ? NULL : &t->pool[i];
}

void
process_end(struct process_table *t, struct process *p, int64_t exit_ns)
{
	list_remove(t, &t->living, p);
	p->exit_ns = exit_ns > p->start_ns ? exit_ns : p->start_ns;
	if (p->exit_ns == 0)
		p->exit_ns = 1;
	list_append(t, &t->dead, p);
}

struct process *
process_make(struct process_table *t, uint32_t pid, int64_t start_ns)
{
	struct process *older = process_first(t, pid), *p;
	uint32_t *head, twin = 0;

	/* The kernel frees a pid before it tells of the exit, and whoever is
	 * preempted in between tells late. What is stamped shortly before the
	 * new one's fork, by a coarse clock, is the new one's. */
	if (older != NULL && older->exit_ns == 0)
		process_end(t, older, start_ns - PROCESS_LATE_NS -
		    PROCESS_EARLY_NS);
	if (older != NULL && older->start_ns / TICK_NS == start_ns / TICK_NS)
		twin = older->twin + 1;
	p = take_free(t);
	p->seq = ++t->next_seq;
	p->twin = twin;
	p->pid = pid;
	p->start_ns = start_ns;
	p->start = process_to_wall(t, start_ns);
	head = &t->hash[hash_pid(t, pid)];
	p->chain = *head;
	*head = p->index;
	list_append(t, &t->living, p);
	t->n_used++;
	return p;
}

struct wall
process_end_time(const struct process_table *t, const struct process *p)
{
	if (p->exit_ns == 0)
		return (struct wall){ INT64_MAX };
	return process_to_wall(t, p->exit_ns);
}

struct process_ref
process_refer(const struct process *p)
{
	return (struct process_ref){ p->index, p->seq };
}

struct process *
process_get(struct process_table *t, struct process_ref ref)
{
	if (ref.seq == 0 || ref.index >= t->fresh ||
	    t->pool[ref.index].seq != ref.seq)
		return NULL;
	return &t->pool[ref.index];
}

struct process *
process_newest(struct process_table *t, uint32_t pid)
{
	struct process *p = process_first(t, pid);

	return p != NULL && p->exit_ns == 0 ? p : NULL;
}

bool
process_is_known(struct process_table *t, uint32_t pid)
{
	return process_first(t, pid) != NULL;
}

struct process *
process_since(struct process_table *t, uint32_t pid, int64_t since_ns)
{
	struct process *p = process_first(t, pid), *older;

	if (p == NULL || (p->exit_ns != 0 && p->exit_ns < since_ns))
		return NULL;
	older = process_older(t, p);
	if (older == NULL || p->start_ns <= since_ns)
		return p;
	/* It ended between then and the fork of the next: when, is not always
	 * told. */
	return older->exit_ns < since_ns - PROCESS_LATE_NS -
	    PROCESS_EARLY_NS ? p : NULL;
}

void
process_set_program(struct process_table *t, struct process *p,
    struct program *program, uint32_t epoch)
{
	program_unref(&t->budget, p->program);
	p->program = program;
	p->program_epoch = epoch;
}

void
process_link_parent(struct process_table *t, struct process *p,
    struct process *parent)
{
	p->ppid = parent->pid;
	p->parent = process_refer(parent);
	p->parent_epoch = parent->execs;
	if (p->program == NULL)
		process_set_program(t, p, program_ref(parent->program), 0);
	p->program_lags = parent->execs > parent->paired ||
	    (parent->program_epoch == 0 && parent->program_lags);
	p->euid = parent->euid;
	p->uid_known = parent->uid_known;
	/* A parent whose exec records have all been seen will not turn out
	 * to have been something else at this fork. */
	if (parent->role == PROCESS_CONTAINER ||
	    (parent->role != PROCESS_UNKNOWN &&
	    parent->paired >= parent->execs))
		process_inherit(p, parent, parent->execs);
	else
		process_open(t, p);
}

/*
 * A process that was made from its exec record because the record was read
 * before its fork: now the fork is told. What the record said of it stays.
 */
static bool
adopt(struct process_table *t, uint32_t pid, uint32_t ppid, int64_t ns)
{
	struct process *p = process_newest(t, pid);

	if (p == NULL || p->start_known || p->ppid != ppid ||
	    ns > p->start_ns + PROCESS_LATE_NS || p->start_ns - ns > SETTLE_NS)
		return false;
	p->start_ns = ns;
	p->start = process_to_wall(t, ns);
	p->start_known = true;
	p->entity[0] = '\0';
	return true;
}

void
process_on_fork(struct process_table *t, struct wall when, uint32_t parent,
    uint32_t child)
{
	struct process *pp = process_newest(t, parent), *p;
	struct process *older = process_newest(t, child);
	struct process_ref ref = { 0 };

	ledger_add(t->forks, 1);
	t->heard_fork = true;
	if (adopt(t, child, parent, process_to_mono(t, when)))
		return;
	if (pp != NULL)
		ref = process_refer(pp);
	if (older != NULL)
		older->exit_owed = older->start_known || !older->guessed;
	p = process_make(t, child, process_to_mono(t, when));
	p->start_known = true;
	p->ppid = parent;
	/* Making room may have taken the parent. */
	pp = process_get(t, ref);
	if (pp != NULL)
		process_link_parent(t, p, pp);
	else
		process_open(t, p);
}

void
process_on_exec(struct process_table *t, struct wall when, uint32_t pid)
{
	struct process *p = process_first(t, pid);
	int64_t ns = process_to_mono(t, when);

	ledger_add(t->execs, 1);
	if (p == NULL) {
		p = process_make(t, pid, ns);
		process_open(t, p);
	} else if (p->exit_ns != 0) {
		/* The first thread had gone; another one that executes
		 * takes its pid. */
		list_remove(t, &t->dead, p);
		p->exit_ns = 0;
		list_append(t, &t->living, p);
	}
	p->exec_ns[p->execs % PROCESS_EXECS] = ns;
	p->execs++;
}

void
process_on_exit(struct process_table *t, struct wall when, uint32_t pid)
{
	struct process *p = process_newest(t, pid), *older;

	ledger_add(t->exits, 1);
	older = p == NULL ? NULL : process_older(t, p);
	if (older != NULL && older->exit_owed)
		older->exit_owed = false;
	else if (p != NULL)
		process_end(t, p, process_to_mono(t, when));
}

void
process_on_uid(struct process_table *t, uint32_t pid, uint32_t euid)
{
	struct process *p = process_newest(t, pid);

	if (p != NULL) {
		p->euid = euid;
		p->uid_known = true;
	}
}

void
process_heard(struct process_table *t, struct wall when)
{
	int64_t ns = process_to_mono(t, when);

	t->idle_ns = 0;
	if (ns > t->heard_ns)
		t->heard_ns = ns;
}

/*
 * Up to when all records have been read. They may be seconds behind the
 * connector: after the agent was stopped, and under load. Time in which we
 * did not run is no time without records.
 */
static int64_t
heard_until(struct process_table *t, int64_t now)
{
	int64_t ticked = now - t->ticked_ns;

	t->ticked_ns = now;
	t->idle_ns += ticked < TICK_MOST_NS ? ticked : TICK_MOST_NS;
	return t->idle_ns >= SETTLE_NS || now < t->heard_ns ? now :
	    t->heard_ns;
}

bool
process_has_heard(const struct process_table *t, struct wall when)
{
	return t->idle_ns >= QUIET_NS ||
	    t->heard_ns > process_to_mono(t, when) + PROCESS_LATE_NS;
}

/* Nobody waits any longer for the records of these execs: let the children
 * have what the parent is. */
static void
settle_old(struct process_table *t, int64_t now)
{
	int64_t until = heard_until(t, now);
	struct process *p;
	unsigned work;

	for (work = 0; work < TICK_WORK && t->open.head != PROCESS_NIL;
	    work++) {
		p = &t->pool[t->open.head];
		if (until - p->start_ns < SETTLE_NS)
			return;
		process_close(t, p);
		(void)process_settle_quietly(t, p, 0);
	}
}

void
process_tick(struct process_table *t, struct mono now)
{
	struct process *p;
	unsigned work;

	process_read_offset(t);
	for (work = 0; work < TICK_WORK && t->dead.head != PROCESS_NIL;
	    work++) {
		p = &t->pool[t->dead.head];
		if (now.ns - p->exit_ns < PROCESS_KEEP_NS)
			break;
		drop(t, p);
	}
	settle_old(t, now.ns);
	if (t->in_flight > 0 && now.ns - t->flight_ns > 5 * MONO_S)
		t->in_flight = 0;
	process_scan_tick(t, now.ns);
}

/* Every process of that time has been told of: a scan was there, and the
 * connector. A recording has not all that its scan said. */
static bool
knows_all(const struct process_table *t, int64_t at)
{
	return t->ask != NULL && t->heard_fork && t->scan != 0 &&
	    !t->scanning && at >= t->scan_ns;
}

/*
 * Of the generations that may have lived at that time the one with the same
 * parent; else one that had begun by then; else the newest. Nobody had the pid
 * then: the stamp is stale, and it is the next that had it.
 */
struct process *
process_at(struct process_table *t, uint32_t pid, uint32_t ppid,
    struct wall when)
{
	int64_t at = process_to_mono(t, when);
	struct process *p, *best = NULL, *next = NULL;
	int score, best_score = -1;

	for (p = process_first(t, pid); p != NULL; p = process_older(t, p)) {
		if (p->start_known && p->start_ns > at + PROCESS_LATE_NS) {
			next = p;
			continue;
		}
		if (p->exit_ns != 0 && p->exit_ns < at - PROCESS_EARLY_NS)
			break;
		score = (ppid != 0 && p->ppid == ppid ? 2 : 0) +
		    (p->start_ns <= at ? 1 : 0);
		if (score > best_score) {
			best = p;
			best_score = score;
		}
	}
	if (best == NULL && next != NULL && (ppid == 0 || ppid == next->ppid) &&
	    next->start_ns <= at + PROCESS_STALE_NS && knows_all(t, at))
		return next;
	return best;
}

/* Nobody has had the pid since: its first thread has gone, others have not. */
static struct process *
find_rest(struct process_table *t, uint32_t pid, int64_t at)
{
	struct process *p = process_first(t, pid);

	return p != NULL && p->exit_ns != 0 && p->exit_ns <= at &&
	    knows_all(t, at) ? p : NULL;
}

struct process *
process_seen(struct process_table *t, uint32_t pid, uint32_t ppid,
    struct wall when)
{
	struct process *p = process_at(t, pid, ppid, when), *parent;
	struct process_ref ref = { 0 };

	process_heard(t, when);
	if (p == NULL)
		p = find_rest(t, pid, process_to_mono(t, when));
	if (p != NULL)
		return p;
	parent = ppid == 0 ? NULL : process_at(t, ppid, 0, when);
	if (parent != NULL)
		ref = process_refer(parent);
	/* The pid lives on as somebody else: who it was then is lost. */
	if (process_newest(t, pid) != NULL)
		return NULL;
	p = process_make(t, pid, process_to_mono(t, when));
	p->guessed = true;
	p->ppid = ppid;
	parent = process_get(t, ref);
	if (parent != NULL) {
		/* Nobody counts its exec events for us. */
		if (parent->execs < parent->paired)
			parent->execs = parent->paired;
		process_link_parent(t, p, parent);
	}
	/* Nobody will tell of its end. */
	if (knows_all(t, p->start_ns))
		process_end(t, p, p->start_ns);
	return p;
}

struct program *
process_program(struct process_table *t, struct process *p)
{
	struct process *parent;

	if (p->program_epoch > 0)
		return p->program;
	/* What the parent executed before the fork may have become known
	 * after it. */
	parent = process_get(t, p->parent);
	if (parent == NULL || parent->program == NULL ||
	    parent->program_epoch > p->parent_epoch)
		return p->program;
	if (parent->program != p->program)
		process_set_program(t, p, program_ref(parent->program), 0);
	if (parent->paired >= p->parent_epoch &&
	    (parent->program_epoch != 0 || !parent->program_lags))
		p->program_lags = false;
	return p->program;
}

/* No record of an exec is still to come that was before now. */
static bool
is_told(const struct process *p)
{
	return p->execs <= p->paired &&
	    (p->program_epoch != 0 || !p->program_lags);
}

struct program *
process_program_now(struct process_table *t, struct process *p)
{
	struct program *told = process_program(t, p);

	if (is_told(p))
		return told;
	return p->read_sure && p->read_execs == p->execs ? p->read_program :
	    NULL;
}

void
process_confirm(struct process *p, int64_t since_ns)
{
	if (p->read_execs == p->execs && (p->execs == 0 ||
	    p->exec_ns[(p->execs - 1) % PROCESS_EXECS] <= since_ns))
		p->read_sure = true;
}

const char *
process_entity(struct process_table *t, struct process *p)
{
	char pid[BUF_DIGITS], start[2 + 2 * BUF_DIGITS], *at = start;
	const char *parts[3] = { t->host_id, pid, start };
	int64_t ticks = p->start_ns / TICK_NS;

	if (p->entity[0] != '\0')
		return p->entity;
	buf_digits(pid, p->pid, 10, 0);
	/* In hundredths of a second since boot, as /proc/PID/stat has it, so
	 * that both ways of learning a start give one id. */
	if (ticks < 0)
		*at++ = '-';
	at += buf_digits(at, ticks < 0 ? -(uint64_t)ticks : (uint64_t)ticks,
	    10, 0);
	if (p->twin != 0) {
		*at++ = '.';
		buf_digits(at, p->twin, 10, 0);
	}
	hash_id(p->entity, parts, 3);
	return p->entity;
}

const char *
process_method_name(enum process_method m)
{
	static const char *const names[] = { "none", "host", "runtime",
		"parent", "cgroup", "docker" };

	return names[m];
}

const char *
process_confidence_name(enum process_confidence c)
{
	static const char *const names[] = { "none", "low", "medium", "high" };

	return names[c];
}

/*
 * Whose a generation is. The connector runs ahead of the audit records, so a
 * child may be forked before we know what its parent had executed by then:
 * such a child keeps the number of exec events that its parent had at the
 * fork, and is settled later against the role that the parent had at that
 * number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/process_private.h"

#define DEPTH_MAX	64
/* Longer than a path lookup and the loading of a program take; past it the
 * event belongs to a later call, whose record is still to come. */
#define EXEC_TAKES_NS	(5 * MONO_S)
#define ASKED_MAX	1024
/* Docker writes the time of a start when the process is there already. */
#define STARTED_NS	(100 * MONO_MS)

void
process_entry_unref(struct process_table *t, struct process_entry *e)
{
	if (e == NULL || --e->refs > 0)
		return;
	program_unref(&t->budget, e->by_program);
	free(e);
}

void
process_set_entry(struct process_table *t, struct process *p,
    struct process_entry *e)
{
	if (e != NULL)
		e->refs++;
	process_entry_unref(t, p->entry);
	p->entry = e;
}

void
process_become(struct process_table *t, struct process *p,
    enum process_role role, uint32_t epoch)
{
	if (p->role == role)
		return;
	p->old_role = p->role == PROCESS_UNKNOWN ? role : p->role;
	p->role_epoch = p->role == PROCESS_UNKNOWN ? 0 : epoch;
	p->role = role;
	process_close(t, p);
}

void
process_inherit(struct process *p, const struct process *parent,
    uint32_t epoch)
{
	enum process_role role = epoch >= parent->role_epoch ? parent->role :
	    parent->old_role;

	switch (role) {
	case PROCESS_UNKNOWN:
		return;
	case PROCESS_HOST:
		p->method = PROCESS_BY_HOST;
		break;
	case PROCESS_RUNTIME:
	case PROCESS_STAGE:
		role = PROCESS_STAGE;
		p->method = PROCESS_BY_HOST;
		break;
	case PROCESS_CONTAINER:
		p->method = PROCESS_BY_PARENT;
		break;
	}
	p->role = p->old_role = role;
	p->role_epoch = 0;
	p->confidence = parent->confidence;
	/* The record of what the parent executed before the fork was lost:
	 * it may have been a runtime. */
	if (role == PROCESS_HOST && epoch > parent->paired)
		p->confidence = PROCESS_LOW;
	if (role == PROCESS_HOST)
		return;
	memcpy(p->id, parent->id, sizeof(p->id));
	if (p->entry == NULL && parent->entry != NULL) {
		p->entry = parent->entry;
		p->entry->refs++;
	}
}

/* Forked by somebody whom the scan found only later. */
static struct process *
find_parent(struct process_table *t, struct process *p)
{
	struct process *q;

	if (p->parent.seq != 0 || p->ppid == 0)
		return process_get(t, p->parent);
	for (q = process_first(t, p->ppid); q != NULL;
	    q = process_older(t, q))
		if (q != p && q->start_ns <= p->start_ns &&
		    (q->exit_ns == 0 || q->exit_ns >= p->start_ns))
			break;
	if (q == NULL)
		return NULL;
	p->parent = process_refer(q);
	p->parent_epoch = q->execs;
	return q;
}

bool
process_settle_quietly(struct process_table *t, struct process *p,
    unsigned depth)
{
	struct process *parent;

	if (p->role != PROCESS_UNKNOWN)
		return true;
	parent = find_parent(t, p);
	if (parent == NULL || depth == DEPTH_MAX)
		return false;
	if (!process_settle_quietly(t, parent, depth + 1))
		return false;
	process_inherit(p, parent, p->parent_epoch);
	if (p->role != PROCESS_UNKNOWN)
		process_close(t, p);
	return p->role != PROCESS_UNKNOWN;
}

bool
process_is_waiting(const struct process_table *t, const struct process *p)
{
	return p->role == PROCESS_UNKNOWN && (t->scanning ||
	    (p->asked && !p->refused));
}

bool
process_settle(struct process_table *t, struct process *p)
{
	if (process_settle_quietly(t, p, 0))
		return true;
	if (p->asked || t->ask == NULL || t->ask->proc == NULL)
		return false;
	if (p->exit_ns != 0 || process_first(t, p->pid) != p ||
	    t->in_flight >= ASKED_MAX)
		return false;
	p->asked = true;
	t->in_flight++;
	t->flight_ns = p->learn_ns = mono_now(t->clock).ns;
	ledger_add(t->asked, 1);
	t->ask->proc(t->ask->ctx, p->pid);
	return p->role != PROCESS_UNKNOWN;
}

/*
 * The first exec event of p whose record has not come, not earlier than at;
 * its number counts from 1. 0: none. Times older than the last few are not
 * kept: those events were between the start of p and the oldest kept one.
 */
static uint32_t
first_unpaired(const struct process *p, int64_t at, int64_t *ns)
{
	uint32_t k = p->paired, kept;

	if (p->execs <= k)
		return 0;
	kept = p->execs < PROCESS_EXECS ? 0 : p->execs - PROCESS_EXECS;
	if (k < kept && p->exec_ns[kept % PROCESS_EXECS] >=
	    at - PROCESS_EARLY_NS) {
		*ns = p->start_ns > at ? p->start_ns : at;
		return k + 1;
	}
	for (k = k < kept ? kept : k; k < p->execs; k++) {
		*ns = p->exec_ns[k % PROCESS_EXECS];
		if (*ns >= at - PROCESS_EARLY_NS)
			return k + 1;
	}
	return 0;
}

/* The earliest such event of all generations of the pid. */
static struct process *
pair(struct process_table *t, uint32_t pid, struct wall when)
{
	int64_t at = process_to_mono(t, when), ns, best_ns = 0;
	struct process *p, *best = NULL;
	uint32_t k, best_k = 0;

	for (p = process_first(t, pid); p != NULL; p = process_older(t, p)) {
		if (p->exit_ns != 0 && p->exit_ns < at - PROCESS_EARLY_NS)
			break;
		k = first_unpaired(p, at, &ns);
		if (k == 0 || (best != NULL && ns > best_ns))
			continue;
		best = p;
		best_k = k;
		best_ns = ns;
	}
	if (best == NULL || best_ns > at + EXEC_TAKES_NS)
		return NULL;
	if (best_k > best->paired + 1)
		ledger_add(t->orphan_execs, best_k - best->paired - 1);
	best->paired = best_k;
	return best;
}

static bool
is_init(const struct identity_exec *x)
{
	return x->n_args == 2 && x->args[1].len == 4 &&
	    memcmp(x->args[1].text, "init", 4) == 0;
}

void
process_start_runtime(struct process_table *t, struct process *p,
    uint32_t epoch, struct wall when, const struct identity_runtime *r)
{
	struct process_entry *e = calloc(1, sizeof(*e));

	process_become(t, p, PROCESS_RUNTIME, epoch);
	memcpy(p->id, r->id, sizeof(p->id));
	process_set_entry(t, p, e);
	if (e == NULL)
		return;
	e->kind = r->verb == IDENTITY_EXEC ? PROCESS_EXEC : PROCESS_ENTRYPOINT;
	e->verb = r->verb;
	memcpy(e->id, r->id, sizeof(e->id));
	memcpy(e->exec_id, r->exec_id, sizeof(e->exec_id));
	e->runtime_pid = p->pid;
	e->by_auid = e->by_ses = -1;
	e->when = when;
}

static void
leave_to_host(struct process_table *t, struct process *p, uint32_t epoch)
{
	process_become(t, p, PROCESS_HOST, epoch);
	p->method = PROCESS_BY_HOST;
	process_set_entry(t, p, NULL);
}

/*
 * A hook of the runtime runs on the host's side. With `create` the
 * container's own program starts only after the runtime has gone, so whoever
 * still has the runtime as its parent is a hook. With `run` hooks are known
 * by running in the bundle's directory, which is named after the container.
 */
static bool
is_hook(const struct process *p, uint32_t ppid, const struct identity_exec *x)
{
	if (p->entry == NULL)
		return false;
	switch (p->entry->verb) {
	case IDENTITY_CREATE:
		return ppid == p->entry->runtime_pid;
	case IDENTITY_RUN:
		return identity_in_path(x->cwd, p->id);
	default:
		return false;
	}
}

/* What this exec makes of the process. */
static void
change_role(struct process_table *t, struct process *p, uint32_t ppid,
    struct wall when, const struct identity_exec *x)
{
	struct identity_runtime r;
	uint32_t epoch = p->paired;

	switch (p->role) {
	case PROCESS_CONTAINER:
		break;
	case PROCESS_UNKNOWN:
		/* Where nobody can be asked (replay) a runtime's path has to
		 * do; live it might be a container's own file. */
		if (t->ask != NULL || !identity_read_runtime(x, &r))
			break;
		p->confidence = PROCESS_MEDIUM;
		p->method = PROCESS_BY_HOST;
		process_start_runtime(t, p, epoch, when, &r);
		break;
	case PROCESS_HOST:
		if (identity_read_runtime(x, &r))
			process_start_runtime(t, p, epoch, when, &r);
		break;
	case PROCESS_RUNTIME:
		if (identity_is_stage(x))
			process_become(t, p, is_init(x) ? PROCESS_STAGE :
			    PROCESS_RUNTIME, epoch);
		else if (identity_read_runtime(x, &r))
			process_start_runtime(t, p, epoch, when, &r);
		else
			leave_to_host(t, p, epoch);
		break;
	case PROCESS_STAGE:
		if (identity_is_stage(x))
			break;
		if (is_hook(p, ppid, x)) {
			leave_to_host(t, p, epoch);
			break;
		}
		process_become(t, p, PROCESS_CONTAINER, epoch);
		p->method = PROCESS_BY_RUNTIME;
		break;
	}
}

struct process *
process_exec(struct process_table *t, uint32_t pid, uint32_t ppid,
    struct wall when, const struct identity_exec *x)
{
	struct process *p = pair(t, pid, when);
	struct program *program;

	process_heard(t, when);
	t->heard_exec = true;
	if (p == NULL) {
		/* No connector, or the event was lost. */
		p = process_seen(t, pid, ppid, when);
		if (p == NULL)
			return NULL;
		p->paired++;
	}
	(void)process_settle_quietly(t, p, 0);
	change_role(t, p, ppid, when, x);
	program = program_new(&t->budget, x->exe, "", x->args, x->n_args);
	if (program != NULL)
		process_set_program(t, p, program, p->paired);
	return p;
}

/*
 * Everything below this process becomes the container's. Rare: only when no
 * runtime that we know started the container.
 */
static void
spread(struct process_table *t, const struct process *root)
{
	struct process *p, *parent;
	bool changed = true;
	uint32_t i;

	while (changed) {
		changed = false;
		for (i = 0; i < t->fresh; i++) {
			p = &t->pool[i];
			if (p->seq == 0 || p->role == PROCESS_CONTAINER)
				continue;
			parent = process_get(t, p->parent);
			if (parent == NULL ||
			    parent->role != PROCESS_CONTAINER ||
			    memcmp(parent->id, root->id, 32) != 0)
				continue;
			process_become(t, p, PROCESS_CONTAINER, 0);
			memcpy(p->id, root->id, sizeof(p->id));
			p->method = PROCESS_BY_PARENT;
			p->confidence = root->confidence;
			process_set_entry(t, p, root->entry);
			changed = true;
		}
	}
}

void
process_on_init(struct process_table *t, uint32_t pid,
    const uint8_t id[static 32], struct wall started)
{
	struct process *p = process_newest(t, pid);

	/* The pid may have gone to somebody else since Docker wrote it. */
	if (p == NULL || started.ns == 0 ||
	    p->start.ns > started.ns + STARTED_NS)
		return;
	(void)process_settle_quietly(t, p, 0);
	if (p->role != PROCESS_HOST && p->role != PROCESS_UNKNOWN)
		return;
	process_become(t, p, PROCESS_CONTAINER, 0);
	memcpy(p->id, id, sizeof(p->id));
	p->method = PROCESS_BY_DOCKER;
	p->confidence = PROCESS_HIGH;
	spread(t, p);
}

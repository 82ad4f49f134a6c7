/* What /proc says: the scan at start and after a loss, and single answers. */

#include <string.h>

#include "enrich/process_private.h"
#include "enrich/procfile.h"

/* /proc counts in hundredths of a second; the connector's stamp is taken a
 * little after the start that /proc shows. */
#define SAME_START_NS	(60 * MONO_MS)
#define ANSWER_ARGS	64
#define SCAN_NS		(60 * MONO_S)

static void
ask_scan(struct process_table *t)
{
	t->scanning = true;
	t->scan_again = false;
	t->scan++;
	t->scan_ns = mono_now(t->clock).ns;
	ledger_add(t->scans, 1);
	if (t->ask != NULL && t->ask->proc_scan != NULL)
		t->ask->proc_scan(t->ask->ctx);
	else
		t->scanning = false;
}

/* A question that got lost has no answer. */
void
process_scan_tick(struct process_table *t, int64_t now_ns)
{
	if (t->scanning && t->ask != NULL && now_ns - t->scan_ns > SCAN_NS)
		ask_scan(t);
}

bool
process_is_scanning(const struct process_table *t)
{
	return t->scanning && t->ask != NULL &&
	    mono_now(t->clock).ns - t->scan_ns < PROCESS_SCAN_WAIT_NS;
}

void
process_scan(struct process_table *t)
{
	if (t->scanning)
		t->scan_again = true;
	else
		ask_scan(t);
}

void
process_on_loss(struct process_table *t)
{
	struct process *p;
	uint32_t i;

	/* The events of these records will not come any more. */
	for (i = 0; i < t->fresh; i++) {
		p = &t->pool[i];
		if (p->seq == 0)
			continue;
		if (p->execs < p->paired)
			p->execs = p->paired;
		p->exit_owed = false;
	}
	process_scan(t);
}

static const char *
text(char *room, size_t size, const char *from, size_t len)
{
	if (from == NULL)
		len = 0;
	if (len >= size)
		len = size - 1;
	if (len > 0)
		memcpy(room, from, len);
	room[len] = '\0';
	return room;
}

static struct program *
read_program(struct process_table *t, const struct process_proc_answer *a,
    const struct procfile_stat *s)
{
	struct event_str args[ANSWER_ARGS];
	char exe[PROGRAM_BYTES];
	size_t n = a->cmdline == NULL ? 0 : procfile_cmdline(a->cmdline,
	    a->cmdline_len, args, ANSWER_ARGS);

	return program_new(&t->budget, text(exe, sizeof(exe), a->exe,
	    a->exe_len), a->exe_len == 0 ? s->comm : "", args, n);
}

/*
 * What was read was so at some time between the question and now, and events
 * up to now have been heard. What records say goes its own way: they have
 * their order, and this is ahead of them.
 */
static void
learn_program(struct process_table *t, struct process *p,
    const struct process_proc_answer *a, const struct procfile_stat *s,
    bool learning)
{
	struct program *program;

	if (p->program_epoch != 0 && p->execs <= p->paired)
		return;
	program = read_program(t, a, s);
	if (program == NULL)
		return;
	program_unref(&t->budget, p->read_program);
	p->read_program = program;
	p->read_execs = p->execs;
	p->read_sure = false;
	process_confirm(p, learning || p->asked ? p->learn_ns : INT64_MIN);
	if (t->scanning)
		process_confirm(p, t->scan_ns);
	if (p->program_epoch == 0 && p->read_sure)
		process_set_program(t, p, program_ref(program),
		    p->paired > 0 ? p->paired : 1);
}

/* The newest generation of a pid, if the answer is about that one and it has
 * ended since. */
static struct process *
match_ended(struct process_table *t, const struct procfile_stat *s)
{
	int64_t start = (int64_t)(s->start_ticks * (10 * MONO_MS));
	struct process *p = process_first(t, s->pid);

	if (p == NULL || p->exit_ns == 0 || !p->start_known)
		return NULL;
	return (p->start_ns < start ? start - p->start_ns :
	    p->start_ns - start) <= SAME_START_NS ? p : NULL;
}

/* The generation that the answer is about, made in a scan; NULL: the answer
 * is about one that is gone. */
static struct process *
match(struct process_table *t, const struct procfile_stat *s)
{
	int64_t start = (int64_t)(s->start_ticks * (10 * MONO_MS));
	struct process *p = process_first(t, s->pid), *parent;

	if (p != NULL && !p->start_known) {
		/* First heard of in the middle of its life. */
		if (p->start_ns < start)
			return NULL;
		p->start_ns = start;
		p->start = process_to_wall(t, start);
		p->start_known = true;
		p->entity[0] = '\0';
		return p;
	}
	if (p != NULL && (p->start_ns < start ? start - p->start_ns :
	    p->start_ns - start) <= SAME_START_NS)
		return p->exit_ns == 0 ? p : NULL;
	if (p != NULL && p->start_ns > start)
		return NULL;
	if (!t->scanning)
		return NULL;
	p = process_make(t, s->pid, start);
	p->start_known = true;
	p->ppid = s->ppid;
	parent = process_newest(t, s->ppid);
	if (parent != NULL && parent != p) {
		p->parent = process_refer(parent);
		p->parent_epoch = parent->execs;
	}
	return p;
}

static bool
is_stage(const struct procfile_stat *s, const char *exe)
{
	/* "runc:[2:INIT]", in the container's cgroup already. */
	return strncmp(s->comm, "runc:[", 6) == 0 &&
	    (identity_is_runtime_path(exe) || strncmp(exe, "/memfd:", 7) == 0);
}

/* The host's by its parent alone: without records of execs nobody hears that
 * a runtime made it a container's. */
static bool
is_hearsay(const struct process_table *t, const struct process *p)
{
	return p->role == PROCESS_HOST && p->method == PROCESS_BY_HOST &&
	    !t->heard_exec;
}

bool
process_is_hearsay(const struct process_table *t, const struct process *p)
{
	return is_hearsay(t, p) && !p->vouched;
}

static size_t
read_args(const struct program *program, struct event_str args[ANSWER_ARGS])
{
	size_t i, n = program_n_args(program);

	if (n > ANSWER_ARGS)
		n = ANSWER_ARGS;
	for (i = 0; i < n; i++)
		args[i] = (struct event_str){ program_arg(program, i),
		    strlen(program_arg(program, i)) };
	return n;
}

/* The host's. A runtime that is at work, so that no record tells of it, is
 * known by what it executes: what it starts is a container's. */
static void
become_host(struct process_table *t, struct process *p)
{
	struct program *program = p->read_program;
	struct event_str args[ANSWER_ARGS];
	struct identity_exec x = { .cwd = "", .args = args };
	struct identity_runtime r;

	process_become(t, p, PROCESS_HOST, 0);
	p->method = PROCESS_BY_HOST;
	p->confidence = PROCESS_HIGH;
	if (program == NULL || p->read_execs != p->execs || !p->read_sure)
		return;
	x.exe = program_exe(program);
	x.n_args = read_args(program, args);
	if (identity_read_runtime(&x, &r))
		process_start_runtime(t, p, p->execs, p->start, &r);
}

/* Between the runtime and the container's program, on the host's side yet. */
static bool
is_early_stage(const struct process *p)
{
	return p->read_program != NULL &&
	    (identity_is_runtime_path(program_exe(p->read_program)) ||
	    strncmp(program_exe(p->read_program), "/memfd:", 7) == 0);
}

static void
learn_owner(struct process_table *t, struct process *p,
    const struct process_proc_answer *a, const struct procfile_stat *s)
{
	char exe[256];
	uint8_t id[32];
	int found;

	if (a->cgroup == NULL || (p->role != PROCESS_UNKNOWN &&
	    !is_hearsay(t, p)))
		return;
	found = identity_read_cgroup(a->cgroup, a->cgroup_len, id);
	if (found == 0 && !s->exiting)
		p->vouched = true;
	if (p->role != PROCESS_UNKNOWN && found <= 0)
		return;
	/* An exiting task has left its cgroups: only finding one counts. */
	if (found < 0 || (found == 0 && s->exiting)) {
		p->refused = true;
		return;
	}
	if (found == 0 && t->scanning) {
		/* Its parent may be a container's: see at the end. */
		p->tentative = true;
		return;
	}
	/* It is on its way into a container: later it is asked again. */
	if (found == 0 && is_stage(s, text(exe, sizeof(exe), a->exe,
	    a->exe_len))) {
		p->asked = false;
		return;
	}
	if (found == 0) {
		struct process *parent = process_get(t, p->parent);

		if (parent != NULL && parent->role == PROCESS_CONTAINER) {
			process_inherit(p, parent, p->parent_epoch);
			p->confidence = PROCESS_MEDIUM;
		} else
			become_host(t, p);
		process_close(t, p);
		return;
	}
	process_become(t, p, is_stage(s, text(exe, sizeof(exe), a->exe,
	    a->exe_len)) ? PROCESS_STAGE : PROCESS_CONTAINER, 0);
	memcpy(p->id, id, sizeof(p->id));
	p->method = PROCESS_BY_CGROUP;
	p->confidence = found == 1 ? PROCESS_HIGH : PROCESS_MEDIUM;
}

void
process_on_proc(struct process_table *t, uint32_t pid,
    const struct process_proc_answer *a)
{
	struct procfile_stat s;
	struct process *p = process_newest(t, pid);
	bool learning = p != NULL && p->learning;
	uint32_t ruid, euid, vpid;

	if (p != NULL)
		p->learning = false;
	if (p != NULL && p->asked && t->in_flight > 0)
		t->in_flight--;
	if (a->gone || a->stat == NULL ||
	    procfile_stat(a->stat, a->stat_len, &s) != 0 || s.pid != pid) {
		if (p != NULL && p->asked)
			p->refused = true;
		ledger_add(t->late_answers, 1);
		return;
	}
	p = match(t, &s);
	if (p == NULL) {
		ledger_add(t->late_answers, 1);
		p = match_ended(t, &s);
		if (p != NULL) {
			learn_program(t, p, a, &s, false);
			learn_owner(t, p, a, &s);
			return;
		}
		p = process_newest(t, pid);
		if (p != NULL && p->asked)
			p->refused = true;
		return;
	}
	if (a->status != NULL && procfile_status(a->status, a->status_len,
	    &ruid, &euid, &vpid) == 0) {
		p->euid = euid;
		p->vpid = vpid;
		p->uid_known = true;
	}
	p->scan = t->scan;
	learn_program(t, p, a, &s, learning);
	learn_owner(t, p, a, &s);
}

/* A container whose id is no 64 digits, so that its cgroup does not tell: a
 * child of its shim that is not the runtime. */
static bool
is_of_shim(struct process_table *t, struct process *p, struct process *parent)
{
	struct program *shim = process_program(t, parent);
	struct event_str args[ANSWER_ARGS];

	if (parent->role != PROCESS_HOST || shim == NULL || p->program == NULL ||
	    identity_is_runtime_path(program_exe(p->program)))
		return false;
	return identity_read_shim(program_exe(shim), args,
	    read_args(shim, args), p->id);
}

void
process_learn(struct process_table *t, struct process *p)
{
	if (p->learning || p->exit_ns != 0 || t->ask == NULL ||
	    t->ask->proc == NULL ||
	    (p->program_epoch != 0 && p->execs <= p->paired) ||
	    (p->read_sure && p->read_execs == p->execs))
		return;
	p->learning = true;
	p->learn_ns = mono_now(t->clock).ns;
	t->ask->proc(t->ask->ctx, p->pid);
}

bool
process_is_learning(const struct process *p)
{
	return p->learning;
}

/* The host's by its cgroup, unless its parent is a container's: it has moved
 * itself out. */
static void
conclude(struct process_table *t, struct process *p, unsigned depth)
{
	struct process *parent;

	if (p->role != PROCESS_UNKNOWN || !p->tentative)
		return;
	parent = process_get(t, p->parent);
	if (parent == NULL && p->ppid != 0) {
		parent = process_newest(t, p->ppid);
		if (parent != NULL && parent != p) {
			p->parent = process_refer(parent);
			p->parent_epoch = parent->execs;
		}
	}
	if (parent != NULL && depth < 64)
		conclude(t, parent, depth + 1);
	p->tentative = false;
	if (parent != NULL && parent->role == PROCESS_CONTAINER) {
		process_inherit(p, parent, p->parent_epoch);
		p->confidence = PROCESS_MEDIUM;
		process_close(t, p);
		return;
	}
	if (parent != NULL && is_of_shim(t, p, parent)) {
		process_become(t, p, PROCESS_CONTAINER, 0);
		p->method = PROCESS_BY_PARENT;
		p->confidence = PROCESS_MEDIUM;
		return;
	}
	if (parent != NULL && (parent->role == PROCESS_RUNTIME ||
	    parent->role == PROCESS_STAGE) && is_early_stage(p)) {
		process_inherit(p, parent, p->parent_epoch);
		process_close(t, p);
		return;
	}
	become_host(t, p);
}

void
process_on_scan_end(struct process_table *t)
{
	struct process *p;
	uint32_t i;

	for (i = 0; i < t->fresh; i++) {
		p = &t->pool[i];
		if (p->seq == 0)
			continue;
		if (p->tentative)
			conclude(t, p, 0);
		/* It was there before, and the scan did not meet it: its
		 * exit was lost. */
		if (p->exit_ns == 0 && p->scan != t->scan &&
		    p->start_ns < t->scan_ns - SAME_START_NS)
			process_end(t, p, t->scan_ns);
	}
	t->scanning = false;
	if (t->scan_again)
		ask_scan(t);
}

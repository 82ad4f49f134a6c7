#include "collectors/audit/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/audit/files.h"
#include "collectors/audit/job.h"
#include "collectors/audit/network.h"
#include "collectors/audit/notices.h"
#include "collectors/audit/syscalls.h"

#define COMMAND_LINE_MAX	(32 * 1024)

struct audit_describer {
	struct audit_describe_conf	 conf;
	struct audit_syscalls		*syscalls;
	struct buf			 scratch;
	struct wall			 since;
};

struct audit_describer *
audit_describe_new(const struct audit_describe_conf *conf)
{
	struct audit_describer *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->conf = *conf;
	d->syscalls = audit_syscalls_new();
	if (d->syscalls == NULL) {
		free(d);
		errno = ENOMEM;
		return NULL;
	}
	buf_init(&d->scratch, COMMAND_LINE_MAX);
	return d;
}

void
audit_describe_free(struct audit_describer *d)
{
	if (d == NULL)
		return;
	audit_syscalls_free(d->syscalls);
	buf_fini(&d->scratch);
	free(d);
}

void
audit_describe_since(struct audit_describer *d, struct wall since)
{
	d->since = since;
}

/* exec. */

static void
set_arguments(const struct audit_job *j)
{
	const struct audit_parts *ev = j->ev;
	struct buf *line = j->scratch;
	const char *arg;

	event_set_num(j->e, FIELD_PROCESS_ARGS_COUNT, ev->argc);
	buf_reset(line);
	for (size_t i = 0; i < ev->n_args; i++) {
		arg = audit_parts_text(ev, ev->args[i]);
		event_add_str(j->e, FIELD_PROCESS_ARGS, arg, ev->args[i].len,
		    false);
		if (i > 0)
			buf_add_char(line, ' ');
		buf_add(line, arg, ev->args[i].len);
	}
	event_set_str(j->e, FIELD_PROCESS_COMMAND_LINE, buf_text(line),
	    line->len);
}

/* The title is one buffer with NULs between what were arguments. */
static void
set_title(const struct audit_job *j)
{
	const char *title = audit_parts_text(j->ev, j->ev->title);
	char text[256];
	size_t n = j->ev->title.len;

	if (n == 0)
		return;
	if (n > sizeof(text))
		n = sizeof(text);
	for (size_t i = 0; i < n; i++)
		text[i] = title[i] == '\0' ? ' ' : title[i];
	event_set_str(j->e, FIELD_PROCESS_TITLE, text, n);
}

static enum audit_verdict
describe_exec(struct audit_job *j)
{
	const struct audit_path *p;

	if (audit_job_start(j, EVENT_PROCESS) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_category(j->e, "process", "start", NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, "exec");
	audit_job_call_outcome(j);
	if (j->ev->have & AUDIT_HAVE_EXECVE)
		set_arguments(j);
	if (j->ev->n_paths > 0) {
		/* Item 0 is the file; the loader comes after it. */
		p = &j->ev->paths[0];
		for (size_t i = 0; i < j->ev->n_paths; i++)
			if (j->ev->paths[i].item == 0)
				p = &j->ev->paths[i];
		audit_job_file(j, p);
	}
	return AUDIT_VERDICT_EVENT;
}

/* What a process does to itself, to others, and to the kernel. */

static void
set_target(const struct audit_job *j)
{
	if (!(j->ev->have & AUDIT_HAVE_TARGET))
		return;
	event_set_num(j->e, FIELD_TALLYMAN_TARGET_PID, j->ev->target_pid);
	audit_job_text(j, FIELD_TALLYMAN_TARGET_NAME, j->ev->target_comm);
}

static void
set_new_identity(const struct audit_job *j)
{
	uint64_t id;

	if (j->call->arg < 0)
		return;
	id = (uint32_t)j->ev->actor.a[j->call->arg];
	if (id != UINT32_MAX)	/* -1: stays as it is */
		audit_job_number(j->e, FIELD_USER_TARGET_ID, (uint32_t)id);
}

static enum audit_verdict
describe_process(struct audit_job *j)
{
	const struct audit_path *p = audit_job_main_path(j->ev);

	if (audit_job_start(j, EVENT_PROCESS) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_category(j->e, "process", "change", NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
	audit_job_call_outcome(j);
	set_target(j);
	if (j->call->class == AUDIT_CLASS_IDENTITY)
		set_new_identity(j);
	if (p != NULL)
		audit_job_file(j, p);
	return AUDIT_VERDICT_EVENT;
}

static enum audit_verdict
describe_module(struct audit_job *j)
{
	const struct audit_path *p = audit_job_main_path(j->ev);

	if (audit_job_start(j, EVENT_PROCESS) == NULL)
		return AUDIT_VERDICT_NO_MEMORY;
	audit_job_category(j->e, "driver",
	    strcmp(j->call->action, "unload_module") == 0 ? "end" : "start",
	    NULL);
	event_set_cstr(j->e, FIELD_EVENT_ACTION, j->call->action);
	audit_job_call_outcome(j);
	if (p != NULL)
		audit_job_file(j, p);
	if (j->ev->module.at != 0)
		event_set_fmt(j->e, FIELD_EVENT_REASON, "kernel module %s",
		    audit_parts_text(j->ev, j->ev->module));
	return AUDIT_VERDICT_EVENT;
}

static enum audit_verdict
describe_call(struct audit_job *j)
{
	switch (j->call->class) {
	case AUDIT_CLASS_OTHER:
		return AUDIT_VERDICT_IGNORE;
	case AUDIT_CLASS_EXEC:
		return describe_exec(j);
	case AUDIT_CLASS_CONNECT:
	case AUDIT_CLASS_BIND:
	case AUDIT_CLASS_ACCEPT:
	case AUDIT_CLASS_SEND:
	case AUDIT_CLASS_SOCKET:
		return audit_network_describe(j);
	case AUDIT_CLASS_IDENTITY:
	case AUDIT_CLASS_PROCESS:
		return describe_process(j);
	case AUDIT_CLASS_MODULE:
		return describe_module(j);
	case AUDIT_CLASS_OPEN:
	case AUDIT_CLASS_CREATE:
	case AUDIT_CLASS_RENAME:
	case AUDIT_CLASS_UNLINK:
	case AUDIT_CLASS_LINK:
	case AUDIT_CLASS_SYMLINK:
	case AUDIT_CLASS_CHMOD:
	case AUDIT_CLASS_CHOWN:
	case AUDIT_CLASS_XATTR:
	case AUDIT_CLASS_TRUNCATE:
		return audit_files_describe(j);
	}
	return AUDIT_VERDICT_IGNORE;
}

static bool
is_own_pid(const struct audit_job *j)
{
	if (!j->ev->has_actor)
		return false;
	for (size_t i = 0; i < j->conf->n_own_pids; i++)
		if (j->conf->own_pids[i] == j->ev->actor.pid)
			return true;
	return false;
}

/* The system call, or what it did on behalf of io_uring. */
static void
find_call(const struct audit_describer *d, struct audit_job *j)
{
	const struct audit_syscall *op;
	const struct audit_uring *u;

	j->call = audit_syscalls_find(d->syscalls, &j->ev->actor);
	for (size_t i = 0; i < j->ev->n_uring; i++) {
		u = &j->ev->uring[i];
		op = audit_syscalls_uring(d->syscalls, u->op);
		if (op->class == AUDIT_CLASS_OTHER)
			continue;
		j->call = op;
		j->uring = u;
		j->exit = u->exit;
		j->has_success = u->has_success;
		j->success = u->success;
	}
}

enum audit_verdict
audit_describe(struct audit_describer *d, const struct audit_parts *ev,
    struct wall created, struct event **out, bool *rules_gone)
{
	struct audit_job j = { .conf = &d->conf, .since = d->since,
	    .scratch = &d->scratch, .ev = ev, .exit = ev->actor.exit,
	    .has_success = ev->actor.has_success,
	    .success = ev->actor.success };
	bool call = (ev->have & (AUDIT_HAVE_SYSCALL | AUDIT_HAVE_URINGOP)) != 0;
	enum audit_verdict verdict = AUDIT_VERDICT_IGNORE;

	if (is_own_pid(&j))
		return AUDIT_VERDICT_IGNORE;
	find_call(d, &j);
	if (audit_notices_has(ev))
		verdict = audit_notices_describe(&j, rules_gone);
	else if (call)
		verdict = describe_call(&j);
	if (verdict != AUDIT_VERDICT_EVENT)
		return verdict;
	audit_job_source(&j, created);
	if (ev->has_actor)
		audit_job_actor(&j);
	if (call) {
		audit_job_call(&j);
		audit_job_text(&j, FIELD_PROCESS_WORKING_DIRECTORY, ev->cwd);
		set_title(&j);
	}
	*out = j.e;
	return AUDIT_VERDICT_EVENT;
}

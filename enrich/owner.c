#include <string.h>

#include "enrich/owner.h"
#include "lib/buf.h"

void
owner_write_method(struct event *ev, const char *method,
    const char *confidence)
{
	event_set_cstr(ev, FIELD_TALLYMAN_ATTRIBUTION_METHOD, method);
	event_set_cstr(ev, FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE, confidence);
}

void
owner_write_container(struct owner *o, const uint8_t id[static 32],
    struct event *ev, bool *hold)
{
	const struct container *c = container_find_binary(o->containers, id);
	char text[65];

	if (c != NULL) {
		container_write(c, ev, false);
		return;
	}
	container_id_format(id, text);
	container_write_unknown(text, ev);
	if (o->docker == NULL)
		return;
	docker_want(o->docker, text, event_time(ev));
	*hold = docker_may_tell(o->docker, text);
}

static void
set(struct event *ev, enum field_id field, const char *text)
{
	if (*text != '\0' && event_has(ev, field) != EVENT_SET)
		event_set_cstr(ev, field, text);
}

struct names { enum field_id exe, name, args, line; };
static const struct names own_names = { FIELD_PROCESS_EXECUTABLE,
	FIELD_PROCESS_NAME, FIELD_PROCESS_ARGS, FIELD_PROCESS_COMMAND_LINE };
static const struct names parent_names = { FIELD_PROCESS_PARENT_EXECUTABLE,
	FIELD_PROCESS_PARENT_NAME, FIELD_PROCESS_PARENT_ARGS,
	FIELD_PROCESS_PARENT_COMMAND_LINE };

static void
write_program(struct event *ev, const struct program *p,
    const struct names *f)
{
	struct buf line;
	size_t i;

	if (p == NULL)
		return;
	set(ev, f->exe, program_exe(p));
	set(ev, f->name, program_name(p));
	if (program_n_args(p) == 0 || event_has(ev, f->line) == EVENT_SET ||
	    event_has(ev, f->args) == EVENT_SET)
		return;
	for (i = 0; i < program_n_args(p); i++)
		event_add_str(ev, f->args, program_arg(p, i),
		    strlen(program_arg(p, i)), false);
	buf_init(&line, 4096);
	program_command_line(p, &line);
	event_set_str(ev, f->line, buf_text(&line), line.len);
	buf_fini(&line);
}

/* The parent as the record names it, which after an orphan's adoption is not
 * who forked it. */
static struct process *
find_parent(struct owner *o, struct process *p, uint32_t ppid,
    struct wall when)
{
	struct process *parent = process_get(o->processes, p->parent);

	if (parent != NULL && (ppid == 0 || parent->pid == ppid))
		return parent;
	return ppid == 0 ? NULL : process_at(o->processes, ppid, 0, when);
}

static void
write_parent(struct owner *o, struct process *p, struct event *ev)
{
	uint32_t ppid = (uint32_t)event_num(ev, FIELD_PROCESS_PARENT_PID);
	struct process *parent = find_parent(o, p, ppid, event_time(ev));

	if (ppid == 0 && p->ppid != 0)
		event_set_num(ev, FIELD_PROCESS_PARENT_PID, p->ppid);
	if (parent == NULL)
		return;
	event_set_cstr(ev, FIELD_PROCESS_PARENT_ENTITY_ID,
	    process_entity(o->processes, parent));
	write_program(ev, process_program(o->processes, parent),
	    &parent_names);
}

void
owner_write_process(struct owner *o, struct process *p, struct event *ev)
{
	event_set_num(ev, FIELD_PROCESS_PID, p->pid);
	event_set_cstr(ev, FIELD_PROCESS_ENTITY_ID,
	    process_entity(o->processes, p));
	if (p->start_known)
		event_set_time(ev, FIELD_PROCESS_START, p->start);
	else
		event_set_missing(ev, FIELD_PROCESS_START);
	if (p->vpid != 0)
		event_set_num(ev, FIELD_PROCESS_VPID, p->vpid);
	write_program(ev, process_program(o->processes, p), &own_names);
	write_parent(o, p, ev);
}

static void
write_owner(struct owner *o, struct process *p, struct event *ev, bool *hold)
{
	switch (p->role) {
	case PROCESS_CONTAINER:
		owner_write_container(o, p->id, ev, hold);
		entry_write(o->entries, p, ev,
		    o->docker != NULL && docker_ready(o->docker), hold);
		owner_write_method(ev, process_method_name(p->method),
		    process_confidence_name(p->confidence));
		break;
	case PROCESS_HOST:
	case PROCESS_RUNTIME:
	case PROCESS_STAGE:
		owner_write_method(ev, "host",
		    process_confidence_name(p->confidence));
		break;
	case PROCESS_UNKNOWN:
		event_set_missing(ev, FIELD_CONTAINER_ID);
		owner_write_method(ev, "none", "none");
		*hold = process_is_waiting(o->processes, p);
		if (!*hold)
			ledger_add(o->unknown, 1);
		break;
	}
}

static struct process *
match(struct owner *o, struct event *ev, uint32_t pid, uint32_t ppid)
{
	const struct event_value *args;
	struct identity_exec x;

	if (event_dataset(ev) != EVENT_PROCESS ||
	    strcmp(event_str(ev, FIELD_EVENT_ACTION), "exec") != 0 ||
	    strcmp(event_str(ev, FIELD_EVENT_OUTCOME), "success") != 0)
		return process_seen(o->processes, pid, ppid, event_time(ev));
	args = event_get(ev, FIELD_PROCESS_ARGS);
	x = (struct identity_exec){
		.exe = event_str(ev, FIELD_PROCESS_EXECUTABLE),
		.cwd = event_str(ev, FIELD_PROCESS_WORKING_DIRECTORY),
		.args = args == NULL ? NULL : args->strs,
		.n_args = args == NULL ? 0 : args->count,
	};
	return process_exec(o->processes, pid, ppid, event_time(ev), &x);
}

/* An event that was held comes again: the generation that it was given. One
 * that /proc was asked about may have a better start, and so a new id. */
static struct process *
find_again(struct owner *o, const struct event *ev, uint32_t pid)
{
	const char *entity = event_str(ev, FIELD_PROCESS_ENTITY_ID);
	struct process *p;

	p = process_at(o->processes, pid,
	    (uint32_t)event_num(ev, FIELD_PROCESS_PARENT_PID), event_time(ev));
	if (p != NULL && p->asked)
		return p;
	if (p == NULL)
		p = process_newest(o->processes, pid);
	if (p == NULL)
		return NULL;
	return strcmp(process_entity(o->processes, p), entity) == 0 ? p : NULL;
}

static bool
is_ours(const struct event *ev)
{
	switch (event_dataset(ev)) {
	case EVENT_PROCESS:
	case EVENT_FILE:
	case EVENT_NETWORK:
	case EVENT_AUTH:
		return event_num(ev, FIELD_PROCESS_PID) > 0 &&
		    event_num(ev, FIELD_PROCESS_PID) <= INT32_MAX;
	default:
		return false;
	}
}

/* The process is forgotten and its pid another's, but a child of a container's
 * process is the container's. Of a parent on the host nothing follows: it may
 * have adopted an orphan. */
static bool
write_by_parent(struct owner *o, struct event *ev, uint32_t ppid)
{
	struct process *parent = ppid == 0 ? NULL : process_at(o->processes,
	    ppid, 0, event_time(ev));
	bool hold = false;

	if (parent == NULL || !process_settle(o->processes, parent) ||
	    parent->role != PROCESS_CONTAINER)
		return false;
	owner_write_container(o, parent->id, ev, &hold);
	owner_write_method(ev, "parent", parent->confidence == PROCESS_LOW ?
	    "low" : "medium");
	return true;
}

void
owner_enrich(void *self, struct event *ev, bool *hold)
{
	struct owner *o = self;
	bool again = event_has(ev, FIELD_PROCESS_ENTITY_ID) == EVENT_SET;
	uint32_t pid, ppid;
	struct process *p;

	if (!is_ours(ev))
		return;
	pid = (uint32_t)event_num(ev, FIELD_PROCESS_PID);
	ppid = (uint32_t)event_num(ev, FIELD_PROCESS_PARENT_PID);
	p = again ? find_again(o, ev, pid) : match(o, ev, pid, ppid);
	if (p == NULL) {
		if (event_has(ev, FIELD_TALLYMAN_ATTRIBUTION_METHOD) ==
		    EVENT_SET)
			return;
		event_set_missing(ev, FIELD_PROCESS_ENTITY_ID);
		if (write_by_parent(o, ev, ppid))
			return;
		event_set_missing(ev, FIELD_CONTAINER_ID);
		owner_write_method(ev, "none", "none");
		ledger_add(o->unknown, 1);
		return;
	}
	(void)process_settle(o->processes, p);
	owner_write_process(o, p, ev);
	write_owner(o, p, ev, hold);
	if (again)
		return;
	entry_on_client(o->entries, ev, p);
	if (o->seen != NULL)
		o->seen(o->seen_ctx, ev, p);
}

/* What is written of a flow's owners. */
#include <string.h>

#include "enrich/flow_private.h"

static void
set(struct event *ev, enum field_id field, const char *text)
{
	if (*text != '\0')
		event_set_cstr(ev, field, text);
}

struct end_fields {
	enum field_id id, name, image, method, confidence, candidates;
};
static const struct end_fields source_fields = {
	FIELD_TALLYMAN_SOURCE_CONTAINER_ID,
	FIELD_TALLYMAN_SOURCE_CONTAINER_NAME,
	FIELD_TALLYMAN_SOURCE_CONTAINER_IMAGE,
	FIELD_TALLYMAN_SOURCE_CONTAINER_METHOD,
	FIELD_TALLYMAN_SOURCE_CONTAINER_CONFIDENCE,
	FIELD_TALLYMAN_SOURCE_CONTAINER_CANDIDATES
};
static const struct end_fields destination_fields = {
	FIELD_TALLYMAN_DESTINATION_CONTAINER_ID,
	FIELD_TALLYMAN_DESTINATION_CONTAINER_NAME,
	FIELD_TALLYMAN_DESTINATION_CONTAINER_IMAGE,
	FIELD_TALLYMAN_DESTINATION_CONTAINER_METHOD,
	FIELD_TALLYMAN_DESTINATION_CONTAINER_CONFIDENCE,
	FIELD_TALLYMAN_DESTINATION_CONTAINER_CANDIDATES
};

static void
write_end(struct event *ev, const struct end *e, const struct end_fields *f)
{
	const struct container *c = e->container;
	char id[65];
	size_t i;

	if (c == NULL)
		return;
	event_set_str(ev, f->id, c->id, 64);
	set(ev, f->name, c->facts->name);
	set(ev, f->image, c->facts->image);
	event_set_cstr(ev, f->method, e->method);
	event_set_cstr(ev, f->confidence, e->confidence);
	if (e->n_behind < 2 || strcmp(e->method, "process") == 0)
		return;
	for (i = 0; i < e->n_behind; i++) {
		container_id_format(e->behind[i].id, id);
		event_add_str(ev, f->candidates, id, 64, true);
	}
}

static void
write_scope(struct flow_join *t, struct event *ev, const struct container *c,
    const struct ipaddr *ip, enum field_id field)
{
	if (c != NULL)
		event_set_cstr(ev, field, "container");
	else if (event_has(ev, field) == EVENT_SET || ip->family == 0 ||
	    ipaddr_is_multicast(ip))
		return;
	else
		event_set_cstr(ev, field, flow_is_host(t, ip) ? "host" : "outside");
}

static void
write_direction(struct event *ev, bool from_container)
{
	const char *from = event_str(ev, FIELD_TALLYMAN_SOURCE_SCOPE);
	const char *to = event_str(ev, FIELD_TALLYMAN_DESTINATION_SCOPE);

	if (strcmp(from, to) == 0 && strcmp(from, "outside") != 0)
		event_set_cstr(ev, FIELD_NETWORK_DIRECTION, "internal");
	else if (from_container || strcmp(to, "outside") == 0 || *to == '\0')
		event_set_cstr(ev, FIELD_NETWORK_DIRECTION, "egress");
	else
		event_set_cstr(ev, FIELD_NETWORK_DIRECTION, "ingress");
}

/* The container that the process of this end lives in, which with a shared
 * or the host's network is not the one of the address. */
static const struct container *
process_container(struct flow_join *t, const struct party *y)
{
	if (y == NULL || y->process == NULL ||
	    y->process->role != PROCESS_CONTAINER)
		return NULL;
	return container_find_binary(t->env.owner->containers, y->process->id);
}

/* Somebody else may use this container's network. */
static void
look_shared(void *ctx, const struct container *c)
{
	const struct container **box = ctx;
	const char *mode = c->facts->network_mode;

	if (*box != NULL && !c->removed &&
	    strncmp(mode, "container:", 10) == 0 &&
	    (strcmp(mode + 10, (*box)->id) == 0 ||
	    strcmp(mode + 10, (*box)->facts->name) == 0))
		*box = NULL;
}

static bool
is_shared(struct flow_join *t, const struct container *c)
{
	container_each(t->env.owner->containers, look_shared, &c);
	return c == NULL;
}

struct lodgers { int64_t since; bool any; };

static void
look_on_host(void *ctx, const struct container *c)
{
	struct lodgers *l = ctx;

	if (strcmp(c->facts->network_mode, "host") == 0 &&
	    (c->running || c->died_ns >= l->since))
		l->any = true;
}

static bool
is_known_alone(const struct party *y)
{
	return y != NULL && y->process != NULL &&
	    y->process->role != PROCESS_UNKNOWN && y->candidates == NULL;
}

/* A socket of the host whose process is not known may be that of a container
 * that has no network of its own. */
static bool
host_is_shared(struct flow_join *t, const struct ends *e,
    const struct sticky *s)
{
	const struct party *y = s == NULL ? NULL : e->source.is_host ?
	    &s->from : &s->to;
	struct lodgers lodgers = { .since = e->start.ns };

	if ((!e->source.is_host && !e->destination.is_host) ||
	    is_known_alone(y))
		return false;
	container_each(t->env.owner->containers, look_on_host, &lodgers);
	return lodgers.any;
}

static void
write_no_container(struct flow_join *t, struct event *ev,
    const struct ends *e, const struct sticky *s)
{
	if (flow_lacks_container(t, e)) {
		event_set_missing(ev, FIELD_CONTAINER_ID);
		owner_write_method(ev, "none", "none");
	} else
		owner_write_method(ev, "host", host_is_shared(t, e, s) ?
		    "medium" : "high");
}

/* The process knows better who it is than those who share its network. */
static void
decide_by_process(struct flow_join *t, struct end *e, const struct party *y)
{
	const struct container *c = process_container(t, y);

	if (c == NULL)
		return;
	if (c != e->container) {
		if (!flow_is_behind(e, c))
			e->network = c->facts->network_mode;
		e->container = c;
		e->method = "process";
	} else if (e->n_behind < 2)
		return;
	e->confidence = process_confidence_name(y->confidence);
	if (y->candidates == NULL)
		e->n_behind = 1;
}

/* Nobody knows who uses this end's network, but somebody else may. */
static void
doubt_shared(struct flow_join *t, struct end *e, const struct party *y)
{
	if (e->container != NULL && e->n_behind == 0 &&
	    process_container(t, y) == NULL && is_shared(t, e->container))
		e->confidence = "medium";
}

void
flow_write_owner(struct flow_join *t, struct event *ev, struct ends *e,
    const struct sticky *s)
{
	const struct party *from = s == NULL ? NULL : &s->from;
	const struct party *to = s == NULL ? NULL : &s->to;
	const struct end *owner;

	decide_by_process(t, &e->source, from);
	decide_by_process(t, &e->destination, to);
	doubt_shared(t, &e->source, from);
	doubt_shared(t, &e->destination, to);
	owner = e->source.container != NULL ? &e->source : &e->destination;
	write_end(ev, &e->source, &source_fields);
	write_end(ev, &e->destination, &destination_fields);
	write_scope(t, ev, e->source.container, &e->source.ip,
	    FIELD_TALLYMAN_SOURCE_SCOPE);
	write_scope(t, ev, e->destination.container, &e->destination.ip,
	    FIELD_TALLYMAN_DESTINATION_SCOPE);
	write_direction(ev, e->source.container != NULL);
	if (owner->container == NULL) {
		write_no_container(t, ev, e, s);
		return;
	}
	container_write(owner->container, ev, false);
	owner_write_method(ev, owner->method, owner->confidence);
	set(ev, FIELD_NETWORK_NAME, owner->network);
}

static void
write_program(struct event *ev, const struct program *p, enum field_id exe,
    enum field_id name, enum field_id args, enum field_id line)
{
	struct buf text;
	size_t i;

	if (p == NULL)
		return;
	set(ev, exe, program_exe(p));
	set(ev, name, program_name(p));
	if (program_n_args(p) == 0 || event_has(ev, args) == EVENT_SET)
		return;
	for (i = 0; i < program_n_args(p); i++)
		event_add_str(ev, args, program_arg(p, i),
		    strlen(program_arg(p, i)), false);
	buf_init(&text, 4096);
	program_command_line(p, &text);
	event_set_str(ev, line, buf_text(&text), text.len);
	buf_fini(&text);
}

static void
write_candidates(struct event *ev, const struct party *y, enum field_id field)
{
	size_t i;

	for (i = 0; y->candidates != NULL && i < y->candidates->n; i++)
		event_add_str(ev, field, y->candidates->list[i],
		    strlen(y->candidates->list[i]), true);
}

static void
write_party(struct flow_join *t, struct event *ev, const struct party *y)
{
	const struct opener_process *p = y->process;

	event_set_num(ev, FIELD_PROCESS_PID, p->pid);
	event_set_cstr(ev, FIELD_PROCESS_ENTITY_ID, p->entity);
	if (p->start_known)
		event_set_time(ev, FIELD_PROCESS_START, p->start);
	if (p->vpid != 0)
		event_set_num(ev, FIELD_PROCESS_VPID, p->vpid);
	write_program(ev, p->program, FIELD_PROCESS_EXECUTABLE,
	    FIELD_PROCESS_NAME, FIELD_PROCESS_ARGS,
	    FIELD_PROCESS_COMMAND_LINE);
	if (p->ppid != 0)
		event_set_num(ev, FIELD_PROCESS_PARENT_PID, p->ppid);
	set(ev, FIELD_PROCESS_PARENT_ENTITY_ID, p->parent_entity);
	write_program(ev, p->parent, FIELD_PROCESS_PARENT_EXECUTABLE,
	    FIELD_PROCESS_PARENT_NAME, FIELD_PROCESS_PARENT_ARGS,
	    FIELD_PROCESS_PARENT_COMMAND_LINE);
	set(ev, FIELD_USER_ID, p->uid);
	if (p->entry != NULL && p->role == PROCESS_CONTAINER)
		entry_write_known(t->env.owner->entries, p->entry, ev);
	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD, y->method);
	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE,
	    process_confidence_name(y->confidence));
	write_candidates(ev, y, FIELD_TALLYMAN_FLOW_PROCESS_CANDIDATES);
}

static void
write_acceptor(struct event *ev, const struct party *y)
{
	const struct opener_process *p = y->process;

	event_set_cstr(ev, FIELD_TALLYMAN_DESTINATION_PROCESS_ENTITY_ID,
	    p->entity);
	event_set_num(ev, FIELD_TALLYMAN_DESTINATION_PROCESS_PID, p->pid);
	if (p->program != NULL) {
		set(ev, FIELD_TALLYMAN_DESTINATION_PROCESS_EXECUTABLE,
		    program_exe(p->program));
		set(ev, FIELD_TALLYMAN_DESTINATION_PROCESS_NAME,
		    program_name(p->program));
	}
	event_set_cstr(ev, FIELD_TALLYMAN_DESTINATION_PROCESS_METHOD,
	    y->method);
	event_set_cstr(ev, FIELD_TALLYMAN_DESTINATION_PROCESS_CONFIDENCE,
	    process_confidence_name(y->confidence));
	write_candidates(ev, y, FIELD_TALLYMAN_DESTINATION_PROCESS_CANDIDATES);
}

/* process.* is of the same end as container.*: the initiator's, and the
 * responder's when the initiator is somewhere else. */
void
flow_write_process(struct flow_join *t, struct event *ev,
    const struct ends *e, const struct sticky *s)
{
	bool ours = e->source.container != NULL || e->source.is_host;
	const struct party *y = &s->from;

	if (s->to.process != NULL)
		write_acceptor(ev, &s->to);
	if (y->process == NULL && !ours)
		y = &s->to;
	if (y->process != NULL)
		write_party(t, ev, y);
	else
		event_set_missing(ev, FIELD_PROCESS_ENTITY_ID);
}

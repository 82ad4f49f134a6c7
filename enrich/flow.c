#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/flow.h"
#include "enrich/opener.h"
#include "enrich/within.h"
#include "lib/map.h"

#define HOST_ADDRESSES	4096
/* The record is stamped at the entry of connect with a coarse clock, so it
 * comes before the packet; the packet's own stamp may be a little early. */
#define SOON_NS		(30 * MONO_MS)
#define AHEAD_NS	(2 * MONO_MS)
/* A host under load, or a socket that was connected and used later. */
#define LATE_NS		(2 * MONO_S)
#define UDP_LATE_NS	(60 * MONO_S)
/* connect(2) gives up after two minutes and says so only then. */
#define KEEP_NS		(135 * MONO_S)
/* When a flow that goes on takes whoever may have entered its network. */
#define LAST_NS		(5 * MONO_S)
/* Two processes so near to each other cannot be told apart by time. */
#define SAME_NS		(5 * MONO_MS)

struct sticky {
	struct opener_process	*process;	/* NULL: not found yet */
	const char		*method;
	enum process_confidence	 confidence;
	size_t			 n_candidates;
	char			 candidates[FLOW_CANDIDATES][HASH_ID_TEXT];
	int64_t			 asked_ns;	/* mono of the first report */
};

struct flow_join {
	struct flow_env		 env;
	struct opener_table	*openers;
	struct map		*sticky;	/* 32 bytes of flow id */
	struct map		*host;		/* our own addresses */
	struct within_table	*within;
	ledger_count		*joined, *ambiguous, *without, *recorded,
				*evicted;
};

static void
forget(void *ctx, const void *key, void *value, bool evicted)
{
	struct flow_join *t = ctx;
	struct sticky *s = value;

	(void)key;
	opener_process_unref(t->openers, s->process);
	if (evicted)
		ledger_add(t->evicted, 1);
}

static void
read_addresses(struct flow_join *t)
{
	struct ifaddrs *all, *a;
	struct ipaddr ip;

	if (getifaddrs(&all) != 0)
		return;
	for (a = all; a != NULL; a = a->ifa_next) {
		const struct sockaddr *sa = a->ifa_addr;

		if (sa != NULL && sa->sa_family == AF_INET)
			ip = ipaddr_v4((const uint8_t *)
			    &((const struct sockaddr_in *)sa)->sin_addr);
		else if (sa != NULL && sa->sa_family == AF_INET6)
			ip = ipaddr_v6((const uint8_t *)
			    &((const struct sockaddr_in6 *)sa)->sin6_addr);
		else
			continue;
		flow_host_address(t, &ip, false);
	}
	freeifaddrs(all);
}

struct flow_join *
flow_join_new(const struct flow_env *env)
{
	struct flow_join *t = calloc(1, sizeof(*t));
	struct ledger_stage *stage;

	if (t == NULL)
		return NULL;
	t->env = *env;
	stage = ledger_stage(env->ledger, "enrich.flow");
	t->joined = ledger_noted(stage, "processes_found");
	t->ambiguous = ledger_noted(stage, "several_candidates");
	t->without = ledger_noted(stage, "ended_without_process");
	t->recorded = ledger_noted(stage, "connects_kept");
	t->evicted = ledger_noted(stage, "flows_evicted");
	t->openers = opener_table_new(env->owner->processes,
	    env->limit == 0 ? FLOW_OPENERS : env->limit);
	t->sticky = map_new(32, sizeof(struct sticky), FLOW_STICKY, forget, t);
	t->host = map_new(sizeof(struct ipaddr), 1, HOST_ADDRESSES, NULL,
	    NULL);
	t->within = within_table_new();
	if (t->openers == NULL || t->sticky == NULL || t->host == NULL ||
	    t->within == NULL) {
		flow_join_free(t);
		errno = ENOMEM;
		return NULL;
	}
	if (env->live)
		read_addresses(t);
	return t;
}

void
flow_join_free(struct flow_join *t)
{
	if (t == NULL)
		return;
	if (t->sticky != NULL)
		map_free(t->sticky);
	if (t->host != NULL)
		map_free(t->host);
	opener_table_free(t->openers);
	within_table_free(t->within);
	free(t);
}

void
flow_host_address(struct flow_join *t, const struct ipaddr *ip, bool gone)
{
	if (gone)
		map_remove(t->host, map_get(t->host, ip));
	else
		(void)map_put(t->host, ip, NULL);
}

void
flow_within(struct flow_join *t, uint16_t scope, const uint8_t id[static 32])
{
	within_add(t->within, scope, id);
}

void
flow_tick(struct flow_join *t)
{
	opener_expire(t->openers, mono_wall(t->env.clock).ns - KEEP_NS);
}

/* A call that failed before a packet could go opens no flow. */
static bool
sent_something(const struct event *ev)
{
	static const char *const after[] = { "ECONNREFUSED", "ETIMEDOUT",
		"EHOSTUNREACH", "ECONNRESET", "EINTR" };
	const char *error = event_str(ev, FIELD_ERROR_MESSAGE);
	size_t i;

	if (strcmp(event_str(ev, FIELD_EVENT_OUTCOME), "failure") != 0)
		return true;
	for (i = 0; i < sizeof(after) / sizeof(after[0]); i++)
		if (strcmp(after[i], error) == 0)
			return true;
	return false;
}

void
flow_on_process(void *self, const struct event *ev, struct process *p)
{
	struct flow_join *t = self;
	const struct event_value *ip = event_get(ev, FIELD_DESTINATION_IP);
	struct opener_process *s;

	if (event_dataset(ev) != EVENT_NETWORK || ip == NULL ||
	    !sent_something(ev) || (ipaddr_is_loopback(&ip->ip) &&
	    !within_is_used(t->within)))
		return;
	s = opener_process_new(t->openers, p, event_str(ev, FIELD_USER_ID));
	if (s == NULL)
		return;
	ledger_add(t->recorded, 1);
	opener_add(t->openers, &ip->ip,
	    (uint16_t)event_num(ev, FIELD_DESTINATION_PORT),
	    event_time(ev).ns, s);
}

/* Who is at one end. */
struct end {
	struct ipaddr		 ip;		/* family 0: unknown */
	uint32_t		 ifindex;	/* host's interface there, or 0 */
	const struct container	*container;	/* or NULL */
	const char		*network;	/* name, or "" */
	const char		*method, *confidence;
	struct netns_member	 behind[NETNS_MEMBERS];
	size_t			 n_behind;	/* containers of the interface's
						   other side */
};

/* What is known of a flow's two ends. */
struct ends {
	struct end		 source, destination;
	struct ipaddr		 dialled;
	uint16_t		 port;
	bool			 udp, source_is_host;
	bool			 inside;	/* of one namespace */
	struct wall		 start;
};

static struct ipaddr
get_ip(const struct event *ev, enum field_id field)
{
	const struct event_value *v = event_get(ev, field);

	return v == NULL ? (struct ipaddr){ 0 } : v->ip;
}

static bool
is_host(struct flow_join *t, const struct ipaddr *ip)
{
	return map_get(t->host, ip) != NULL ||
	    container_is_gateway(t->env.owner->containers, ip);
}

static uint32_t
interface_number(const struct event *ev, enum field_id field)
{
	return (uint32_t)strtoul(event_str(ev, field), NULL, 10);
}

static bool
is_behind(const struct end *e, const struct container *c)
{
	size_t i;

	for (i = 0; i < e->n_behind; i++)
		if (memcmp(e->behind[i].id, c->binary, 32) == 0)
			return true;
	return false;
}

/* The network of the container that holds the address; NULL: none does. */
static const struct facts_network *
network_of(const struct container *c, const struct ipaddr *ip)
{
	size_t i;

	for (i = 0; i < c->facts->n_networks; i++)
		if (ipaddr_equal(&c->facts->networks[i].ip, ip) ||
		    ipaddr_equal(&c->facts->networks[i].ip6, ip))
			return &c->facts->networks[i];
	return NULL;
}

static bool
shares_network(const struct container *c)
{
	return strncmp(c->facts->network_mode, "container:", 10) == 0;
}

/* Whom to name of those who share a network: who has the address, else whose
 * network it is, else the first that came. */
static const struct container *
first_behind(struct flow_join *t, const struct end *e)
{
	struct container_table *containers = t->env.owner->containers;
	const struct container *c, *best = NULL;
	size_t i;

	for (i = 0; i < e->n_behind; i++) {
		c = container_find_binary(containers, e->behind[i].id);
		if (c == NULL)
			continue;
		if (network_of(c, &e->ip) != NULL)
			return c;
		if (best == NULL || (shares_network(best) &&
		    !shares_network(c)))
			best = c;
	}
	return best;
}

/*
 * A frame to a MAC that a bridge does not know goes out of every port: the
 * last interface may be somebody else's. Who has the address then has it
 * still.
 */
static bool
was_flooded(const struct end *e, const struct container *by_address)
{
	return by_address != NULL && by_address->running &&
	    network_of(by_address, &e->ip) != NULL;
}

/* The address alone, where no interface tells: macvlan, overlay, or a
 * namespace that is not known yet. */
static void
find_by_address(struct flow_join *t, struct end *e, struct wall when)
{
	e->network = "";
	e->method = "address";
	e->confidence = "high";
	if (e->ip.family != 0)
		e->container = container_find_ip(t->env.owner->containers,
		    &e->ip, when, &e->network);
}

/* What the interface says goes before the address, which others can take. */
static void
find_by_interface(struct flow_join *t, struct end *e, bool is_source)
{
	const struct container *first;
	const struct facts_network *n;

	if (e->n_behind == 0)
		return;
	if (e->container != NULL && is_behind(e, e->container)) {
		e->method = "interface";
		e->confidence = e->n_behind > 1 ? "medium" : "high";
		return;
	}
	first = first_behind(t, e);
	if (first == NULL || (!is_source && was_flooded(e, e->container))) {
		e->n_behind = 0;
		return;
	}
	n = network_of(first, &e->ip);
	e->container = first;
	e->network = n == NULL ? "" : n->name;
	e->method = "interface";
	e->confidence = e->n_behind > 1 ? "medium" : "high";
}

static void
find_end(struct flow_join *t, struct end *e, struct wall when, bool is_source)
{
	find_by_address(t, e, when);
	if (e->ifindex == 0 || (!is_source && e->container == NULL &&
	    (ipaddr_is_multicast(&e->ip) ||
	    container_is_broadcast(t->env.owner->containers, &e->ip))))
		return;
	e->n_behind = netns_behind(t->env.owner->netns, e->ifindex, when,
	    e->behind);
	find_by_interface(t, e, is_source);
}

/* A flow that never left a network namespace: whoever lives there then. */
static void
find_inside(struct flow_join *t, const struct event *ev, struct ends *e)
{
	struct netns_member then[NETNS_MEMBERS];
	struct end *s = &e->source;
	struct ipaddr to = e->destination.ip;
	size_t n;

	s->network = "";
	s->n_behind = within_members(t->within,
	    (uint16_t)event_num(ev, FIELD_TALLYMAN_FLOW_INSIDE), s->behind);
	n = s->n_behind == 0 ? 0 : netns_partners(t->env.owner->netns,
	    s->behind[0].id, e->start, then);
	if (n != 0) {
		memcpy(s->behind, then, n * sizeof(*then));
		s->n_behind = n;
	}
	s->container = first_behind(t, s);
	e->source.method = "namespace";
	s->confidence = s->n_behind > 1 ? "medium" : "high";
	e->inside = true;
	e->destination = *s;
	e->destination.ip = to;
}

static struct ends
find_ends(struct flow_join *t, const struct event *ev)
{
	const struct event_value *start = event_get(ev, FIELD_EVENT_START);
	struct ends e = { 0 };

	e.start = start != NULL ? start->time : event_time(ev);
	e.source.ip = get_ip(ev, FIELD_SOURCE_IP);
	e.source.ifindex = interface_number(ev,
	    FIELD_OBSERVER_INGRESS_INTERFACE_ID);
	e.dialled = get_ip(ev, FIELD_DESTINATION_IP);
	e.destination.ip = get_ip(ev, FIELD_DESTINATION_NAT_IP);
	if (e.destination.ip.family == 0)
		e.destination.ip = e.dialled;
	e.destination.ifindex = interface_number(ev,
	    FIELD_OBSERVER_EGRESS_INTERFACE_ID);
	e.port = (uint16_t)event_num(ev, FIELD_DESTINATION_PORT);
	e.udp = strcmp(event_str(ev, FIELD_NETWORK_TRANSPORT), "tcp") != 0;
	if (event_has(ev, FIELD_TALLYMAN_FLOW_INSIDE) == EVENT_SET) {
		find_inside(t, ev, &e);
		return e;
	}
	find_end(t, &e.source, e.start, true);
	find_end(t, &e.destination, e.start, false);
	e.source_is_host = e.source.container == NULL &&
	    e.source.ip.family != 0 && (is_host(t, &e.source.ip) ||
	    strcmp(event_str(ev, FIELD_TALLYMAN_SOURCE_SCOPE), "host") == 0);
	return e;
}

/* How well a process fits a flow that comes from there: 2 it has that
 * network, 1 it may have entered it, 0 it cannot be. */
static int
fits(struct flow_join *t, const struct ends *e,
    const struct opener_process *s)
{
	const struct container *c;
	const char *mode;
	size_t i;

	if (s->role != PROCESS_CONTAINER)
		return e->source_is_host ? 2 : 1;
	if (e->source.container != NULL &&
	    memcmp(e->source.container->binary, s->id, 32) == 0)
		return 2;
	for (i = 0; i < e->source.n_behind; i++)
		if (memcmp(e->source.behind[i].id, s->id, 32) == 0)
			return 2;
	c = container_find_binary(t->env.owner->containers, s->id);
	mode = c == NULL ? "" : c->facts->network_mode;
	if (strcmp(mode, "host") == 0)
		return e->source_is_host ? 2 : 0;
	if (e->source.container != NULL && c != NULL && shares_network(c))
		return strcmp(mode + 10, e->source.container->id) == 0 ||
		    strcmp(mode + 10, e->source.container->facts->name) == 0 ?
		    2 : 0;
	/* A container that nobody told us about. */
	return c == NULL && e->source.container == NULL ? 1 : 0;
}

struct window { int64_t from, to; bool newest, reuse; };

static struct opener *
pick(struct flow_join *t, const struct ends *e, const struct window *w,
    int rank)
{
	struct opener *o, *best = NULL;

	for (o = opener_first(t->openers, &e->dialled, e->port); o != NULL;
	    o = opener_next(t->openers, o)) {
		if ((o->used && !w->reuse) || o->when_ns < w->from ||
		    o->when_ns > w->to || fits(t, e, o->process) < rank)
			continue;
		best = o;
		if (!w->newest)
			break;
	}
	return best;
}

static void
add_candidate(struct sticky *s, const char *entity)
{
	size_t i;

	for (i = 0; i < s->n_candidates; i++)
		if (strcmp(s->candidates[i], entity) == 0)
			return;
	if (s->n_candidates < FLOW_CANDIDATES)
		memcpy(s->candidates[s->n_candidates++], entity, HASH_ID_TEXT);
}

/* Other processes that might as well have opened it. */
static void
find_rivals(struct flow_join *t, const struct ends *e, const struct opener *o,
    const struct window *w, int rank, struct sticky *s)
{
	int64_t from = o->when_ns - SAME_NS, to = o->when_ns + SAME_NS;
	struct opener *r;

	if (w->newest) {
		from = w->from;
		to = w->to;
	}
	s->n_candidates = 0;
	add_candidate(s, o->process->entity);
	for (r = opener_first(t->openers, &e->dialled, e->port); r != NULL;
	    r = opener_next(t->openers, r))
		if (!r->used && r->when_ns >= from && r->when_ns <= to &&
		    r->when_ns <= w->to && fits(t, e, r->process) >= rank)
			add_candidate(s, r->process->entity);
}

/*
 * The record of a connect that blocks comes after the first report, so the
 * weaker windows have to wait: 0 only what fits exactly, 1 the hold is over,
 * 2 nothing better will come.
 */
static bool
join(struct flow_join *t, const struct ends *e, struct sticky *s,
    unsigned patience)
{
	int64_t at = e->start.ns;
	const struct window soon = { at - SOON_NS, at + AHEAD_NS, false,
	    false };
	const struct window late = e->udp ?
	    (struct window){ at - UDP_LATE_NS, at + AHEAD_NS, true, true } :
	    (struct window){ at - LATE_NS, at - SOON_NS, true, false };
	const struct window *w = &soon;
	struct opener *o;
	int rank = 2;

	o = pick(t, e, w, rank);
	if (o == NULL && patience > 0)
		o = pick(t, e, w = &late, rank);
	if (o == NULL && patience > 1)
		o = pick(t, e, w = &soon, rank = 1);
	if (o == NULL)
		return false;
	find_rivals(t, e, o, w, rank, s);
	o->used = true;
	s->process = opener_process_ref(o->process);
	s->method = s->n_candidates > 1 ? "candidates" : "connect";
	if (s->n_candidates > 1) {
		ledger_add(t->ambiguous, 1);
		s->confidence = PROCESS_LOW;
	} else {
		ledger_add(t->joined, 1);
		s->confidence = w == &soon && rank == 2 ? PROCESS_HIGH :
		    PROCESS_MEDIUM;
	}
	return true;
}

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
		event_set_cstr(ev, field, is_host(t, ip) ? "host" : "outside");
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
process_container(struct flow_join *t, const struct sticky *s)
{
	if (s == NULL || s->process == NULL ||
	    s->process->role != PROCESS_CONTAINER)
		return NULL;
	return container_find_binary(t->env.owner->containers, s->process->id);
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

/* An address of a container network, or an interface that leads to some
 * namespace, whose container is not known. */
static bool
end_lacks(struct flow_join *t, const struct end *e)
{
	struct owner *o = t->env.owner;

	if (e->n_behind == 0 && netns_is_waiting(o->netns, e->ifindex))
		return true;
	return e->container == NULL && e->ip.family != 0 &&
	    !is_host(t, &e->ip) && container_in_subnet(o->containers, &e->ip);
}

static bool
lacks_container(struct flow_join *t, const struct ends *e)
{
	if (e->inside)
		return e->source.container == NULL;
	return end_lacks(t, &e->source) || end_lacks(t, &e->destination);
}

static void
write_no_container(struct flow_join *t, struct event *ev,
    const struct ends *e)
{
	if (lacks_container(t, e)) {
		event_set_missing(ev, FIELD_CONTAINER_ID);
		owner_write_method(ev, "none", "none");
	} else
		owner_write_method(ev, "host", "high");
}

/* The process knows better who it is than those who share its network. */
static void
decide_by_process(struct flow_join *t, struct end *e, const struct sticky *s)
{
	const struct container *c = process_container(t, s);

	if (c == NULL)
		return;
	if (c != e->container) {
		if (!is_behind(e, c))
			e->network = c->facts->network_mode;
		e->container = c;
		e->method = "process";
	} else if (e->n_behind < 2)
		return;
	e->confidence = process_confidence_name(s->confidence);
	if (s->n_candidates < 2)
		e->n_behind = 1;
}

static void
write_owner(struct flow_join *t, struct event *ev, struct ends *e,
    const struct sticky *s)
{
	const struct end *owner;

	decide_by_process(t, &e->source, s);
	owner = e->source.container != NULL ? &e->source : &e->destination;
	if (owner->container != NULL && owner->n_behind == 0 &&
	    process_container(t, s) == NULL && is_shared(t, owner->container))
		e->source.confidence = e->destination.confidence = "medium";
	write_end(ev, &e->source, &source_fields);
	write_end(ev, &e->destination, &destination_fields);
	write_scope(t, ev, e->source.container, &e->source.ip,
	    FIELD_TALLYMAN_SOURCE_SCOPE);
	write_scope(t, ev, e->destination.container, &e->destination.ip,
	    FIELD_TALLYMAN_DESTINATION_SCOPE);
	write_direction(ev, e->source.container != NULL);
	if (owner->container == NULL) {
		write_no_container(t, ev, e);
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
write_process(struct flow_join *t, struct event *ev, const struct sticky *s)
{
	const struct opener_process *p = s->process;
	size_t i;

	if (p == NULL) {
		event_set_missing(ev, FIELD_PROCESS_ENTITY_ID);
		return;
	}
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
	set(ev, FIELD_TALLYMAN_FLOW_PROCESS_METHOD, s->method);
	event_set_cstr(ev, FIELD_TALLYMAN_FLOW_PROCESS_CONFIDENCE,
	    process_confidence_name(s->confidence));
	for (i = 0; s->n_candidates > 1 && i < s->n_candidates; i++)
		event_add_str(ev, FIELD_TALLYMAN_FLOW_PROCESS_CANDIDATES,
		    s->candidates[i], strlen(s->candidates[i]), true);
}

/* Who opened it is worth waiting for only when it is one of ours. */
static bool
may_be_ours(const struct event *ev, const struct ends *e)
{
	const char *transport = event_str(ev, FIELD_NETWORK_TRANSPORT);

	return (e->source.container != NULL || e->source_is_host) &&
	    (strcmp(transport, "tcp") == 0 || strcmp(transport, "udp") == 0);
}

static struct sticky *
find_sticky(struct flow_join *t, const char *flow_id)
{
	char key[32] = { 0 };
	struct sticky *s;
	bool made;

	memcpy(key, flow_id, strnlen(flow_id, sizeof(key)));
	s = map_put(t->sticky, key, &made);
	if (s != NULL && made)
		s->asked_ns = mono_now(t->env.clock).ns;
	return s;
}

static bool
is_flow_like(const struct event *ev)
{
	switch (event_dataset(ev)) {
	case EVENT_FLOW:
	case EVENT_DNS:
	case EVENT_HTTP:
	case EVENT_TLS:
		return true;
	default:
		return false;
	}
}

static void
finish(struct flow_join *t, struct sticky *s)
{
	if (s->process == NULL)
		ledger_add(t->without, 1);
	opener_process_unref(t->openers, s->process);
	map_remove(t->sticky, s);
}

static unsigned
patience(struct flow_join *t, const struct sticky *s, bool is_final)
{
	int64_t waited = mono_now(t->env.clock).ns - s->asked_ns;

	if (waited < t->env.hold_ns)
		return 0;
	return is_final || waited > LAST_NS ? 2 : 1;
}

void
flow_enrich(void *self, struct event *ev, bool *hold)
{
	struct flow_join *t = self;
	struct sticky *s = NULL;
	const struct event_value *final;
	const char *id;
	bool waits, is_final;
	struct ends e;

	if (!is_flow_like(ev))
		return;
	e = find_ends(t, ev);
	id = event_str(ev, FIELD_TALLYMAN_FLOW_ID);
	if (*id != '\0')
		s = find_sticky(t, id);
	final = event_get(ev, FIELD_TALLYMAN_FLOW_FINAL);
	is_final = event_dataset(ev) == EVENT_FLOW && final != NULL &&
	    final->flag;
	if (s != NULL && s->process == NULL && may_be_ours(ev, &e))
		(void)join(t, &e, s, patience(t, s, is_final));
	write_owner(t, ev, &e, s);
	if (s == NULL)
		return;
	waits = (s->process == NULL && may_be_ours(ev, &e)) ||
	    (t->env.owner->docker != NULL &&
	    docker_ready(t->env.owner->docker) && lacks_container(t, &e));
	*hold = waits && mono_now(t->env.clock).ns - s->asked_ns <
	    t->env.hold_ns;
	if (*hold)
		return;
	write_process(t, ev, s);
	if (is_final)
		finish(t, s);
}

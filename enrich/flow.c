#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/flow_private.h"

#define HOST_ADDRESSES	4096
/* connect(2) gives up after two minutes and says so only then. */
#define KEEP_NS		(135 * MONO_S)
/* When a flow that goes on takes whoever may have entered its network. */
#define LAST_NS		(5 * MONO_S)

static void
forget_party(struct flow_join *t, struct party *y)
{
	opener_process_unref(t->openers, y->process);
	free(y->candidates);
}

static void
forget(void *ctx, const void *key, void *value, bool evicted)
{
	struct flow_join *t = ctx;
	struct sticky *s = value;

	(void)key;
	forget_party(t, &s->from);
	forget_party(t, &s->to);
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

static void
forget_creator(struct flow_join *t)
{
	struct creator *c =
	    &t->creators[t->first_creator++ % FLOW_CREATORS];

	opener_process_unref(t->openers, c->process);
	c->process = NULL;
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
	t->acceptors = opener_table_new(env->owner->processes,
	    env->limit == 0 ? FLOW_OPENERS : env->limit);
	t->sockets = socket_table_new(env->ask, env->clock,
	    env->owner->processes, env->ledger);
	t->creators = calloc(FLOW_CREATORS, sizeof(*t->creators));
	t->sticky = map_new(32, sizeof(struct sticky), FLOW_STICKY, forget, t);
	t->host = map_new(sizeof(struct ipaddr), 1, HOST_ADDRESSES, NULL,
	    NULL);
	t->within = within_table_new();
	if (t->within == NULL || t->openers == NULL || t->acceptors == NULL ||
	    t->sockets == NULL || t->creators == NULL || t->sticky == NULL ||
	    t->host == NULL) {
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
	while (t->creators != NULL && t->first_creator < t->last_creator)
		forget_creator(t);
	free(t->creators);
	socket_table_free(t->sockets);
	opener_table_free(t->acceptors);
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
	int64_t before = mono_wall(t->env.clock).ns - KEEP_NS;

	opener_expire(t->openers, before);
	opener_expire(t->acceptors, before);
	while (t->first_creator < t->last_creator && t->creators[
	    t->first_creator % FLOW_CREATORS].when_ns < before)
		forget_creator(t);
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

/* With getaddrinfo(3) and the like a connect follows, and then it is the
 * connect that tells. */
static void
mark_connected(struct flow_join *t, const struct process *p)
{
	struct creator *c;
	uint64_t i;

	for (i = t->last_creator; i-- > t->first_creator;) {
		c = &t->creators[i % FLOW_CREATORS];
		if (c->process->pid != p->pid ||
		    c->process->ref.seq != p->seq)
			continue;
		c->connected = true;
		return;
	}
}

/* Loopback is captured inside of containers only, if at all. */
static bool
is_unseen(const struct flow_join *t, const struct ipaddr *ip)
{
	return ipaddr_is_loopback(ip) && !within_is_used(t->within);
}

/* Records may be stamped long before what they tell of: not before its
 * process. */
static int64_t
time_of(const struct event *ev, const struct process *p)
{
	int64_t at = event_time(ev).ns;

	return p->start_known && p->start.ns > at ? p->start.ns : at;
}

static void
keep_opener(struct flow_join *t, const struct event *ev, struct process *p,
    const struct ipaddr *to)
{
	struct opener_process *s;

	if (is_unseen(t, to) || !sent_something(ev))
		return;
	s = opener_process_new(t->openers, p, event_str(ev, FIELD_USER_ID));
	if (s == NULL)
		return;
	mark_connected(t, p);
	ledger_add(t->recorded, 1);
	opener_add(t->openers, to,
	    (uint16_t)event_num(ev, FIELD_DESTINATION_PORT),
	    time_of(ev, p), s);
}

/* The record of an accept is stamped when the process began to wait. */
static void
keep_acceptor(struct flow_join *t, const struct event *ev, struct process *p,
    const struct ipaddr *from)
{
	struct opener_process *s;

	if (is_unseen(t, from) ||
	    strcmp(event_str(ev, FIELD_EVENT_ACTION), "accept") != 0)
		return;
	s = opener_process_new(t->acceptors, p, event_str(ev, FIELD_USER_ID));
	if (s != NULL)
		opener_add(t->acceptors, from,
		    (uint16_t)event_num(ev, FIELD_SOURCE_PORT),
		    mono_wall(t->env.clock).ns, s);
}

static void
keep_creator(struct flow_join *t, const struct event *ev, struct process *p)
{
	unsigned long proto = strtoul(event_str(ev,
	    FIELD_NETWORK_IANA_NUMBER), NULL, 10);
	struct opener_process *s;

	if (strcmp(event_str(ev, FIELD_EVENT_ACTION), "socket") != 0)
		return;
	s = opener_process_new(t->openers, p, event_str(ev, FIELD_USER_ID));
	if (s == NULL)
		return;
	if (t->last_creator - t->first_creator == FLOW_CREATORS)
		forget_creator(t);
	t->creators[t->last_creator++ % FLOW_CREATORS] = (struct creator){
		.when_ns = time_of(ev, p), .process = s,
		.proto = (uint8_t)proto };
}

void
flow_on_process(void *self, const struct event *ev, struct process *p)
{
	struct flow_join *t = self;
	const struct event_value *to = event_get(ev, FIELD_DESTINATION_IP);
	const struct event_value *from = event_get(ev, FIELD_SOURCE_IP);

	if (event_dataset(ev) != EVENT_NETWORK)
		return;
	if (to != NULL)
		keep_opener(t, ev, p, &to->ip);
	else if (from != NULL)
		keep_acceptor(t, ev, p, &from->ip);
	else
		keep_creator(t, ev, p);
}

void
flow_on_socket(struct flow_join *t, const uint8_t id[static 32], int status,
    const struct enrich_socket_answer *a)
{
	socket_on_answer(t->sockets, id, status, a);
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
	if (s->from.process == NULL)
		ledger_add(t->without, 1);
	forget_party(t, &s->from);
	forget_party(t, &s->to);
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

/* Who opened it, and who took it, as far as they are ours. */
static bool
find_processes(struct flow_join *t, const struct ends *e, struct sticky *s,
    bool is_final)
{
	bool from = e->source.container != NULL || e->source.is_host;
	bool to = e->destination.container != NULL || e->destination.is_host;
	bool waits = false;

	if (e->proto == 0)
		return false;
	if (from && s->from.process == NULL) {
		flow_match_opener(t, e, &s->from, patience(t, s, is_final),
		    &waits);
		waits |= s->from.process == NULL;
	}
	if (to && s->to.process == NULL)
		flow_match_acceptor(t, e, &s->to, patience(t, s, is_final),
		    &waits);
	if (s->from.process != NULL)
		opener_process_learn(t->openers, s->from.process);
	if (s->to.process != NULL)
		opener_process_learn(t->openers, s->to.process);
	return waits;
}

void
flow_enrich(void *self, struct event *ev, bool *hold)
{
	struct flow_join *t = self;
	struct owner *o = t->env.owner;
	struct sticky *s = NULL;
	const struct event_value *final;
	bool waits = false, is_final;
	const char *id;
	struct ends e;

	if (!is_flow_like(ev))
		return;
	e = flow_find_ends(t, ev);
	id = event_str(ev, FIELD_TALLYMAN_FLOW_ID);
	if (*id != '\0')
		s = find_sticky(t, id);
	final = event_get(ev, FIELD_TALLYMAN_FLOW_FINAL);
	is_final = event_dataset(ev) == EVENT_FLOW && final != NULL &&
	    final->flag;
	if (s != NULL)
		waits = find_processes(t, &e, s, is_final);
	waits |= o->docker != NULL && docker_ready(o->docker) &&
	    flow_lacks_container(t, &e);
	flow_write_owner(t, ev, &e, s);
	if (s == NULL)
		return;
	*hold = waits && mono_now(t->env.clock).ns - s->asked_ns <
	    t->env.hold_ns;
	if (*hold)
		return;
	flow_write_process(t, ev, &e, s);
	if (is_final)
		finish(t, s);
}

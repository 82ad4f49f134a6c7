/* Which containers are at the two ends of a flow. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/flow_private.h"

static struct ipaddr
get_ip(const struct event *ev, enum field_id field)
{
	const struct event_value *v = event_get(ev, field);

	return v == NULL ? (struct ipaddr){ 0 } : v->ip;
}

bool
flow_is_host(struct flow_join *t, const struct ipaddr *ip)
{
	return map_get(t->host, ip) != NULL ||
	    container_is_gateway(t->env.owner->containers, ip);
}

static uint32_t
interface_number(const struct event *ev, enum field_id field)
{
	return (uint32_t)strtoul(event_str(ev, field), NULL, 10);
}

bool
flow_is_behind(const struct end *e, const struct container *c)
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
	if (e->container != NULL && flow_is_behind(e, e->container)) {
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
	/* Whoever else is there hears it too. */
	if (!is_source && e->container == NULL &&
	    (ipaddr_is_multicast(&e->ip) ||
	    container_is_broadcast(t->env.owner->containers, &e->ip)))
		e->ifindex = 0;
	if (e->ifindex == 0)
		return;
	e->n_behind = netns_behind(t->env.owner->netns, e->ifindex, when,
	    e->behind);
	find_by_interface(t, e, is_source);
}

static bool
is_scope(const struct event *ev, enum field_id field, const char *scope)
{
	return strcmp(event_str(ev, field), scope) == 0;
}

/* Addresses and ports as each end's own socket has them. */
static void
read_tuple(const struct event *ev, struct ends *e)
{
	struct end *s = &e->source, *d = &e->destination;

	s->ip = get_ip(ev, FIELD_SOURCE_IP);
	s->port = (uint16_t)event_num(ev, FIELD_SOURCE_PORT);
	s->peer = get_ip(ev, FIELD_DESTINATION_IP);
	s->peer_port = (uint16_t)event_num(ev, FIELD_DESTINATION_PORT);
	d->ip = get_ip(ev, FIELD_DESTINATION_NAT_IP);
	d->port = (uint16_t)event_num(ev, FIELD_DESTINATION_NAT_PORT);
	if (d->ip.family == 0) {
		d->ip = s->peer;
		d->port = s->peer_port;
	}
	d->peer = get_ip(ev, FIELD_SOURCE_NAT_IP);
	d->peer_port = (uint16_t)event_num(ev, FIELD_SOURCE_NAT_PORT);
	if (d->peer.family == 0) {
		d->peer = s->ip;
		d->peer_port = s->port;
	}
	s->ifindex = interface_number(ev, FIELD_OBSERVER_INGRESS_INTERFACE_ID);
	d->ifindex = interface_number(ev, FIELD_OBSERVER_EGRESS_INTERFACE_ID);
}

static uint8_t
read_proto(const struct event *ev)
{
	const char *name = event_str(ev, FIELD_NETWORK_TRANSPORT);

	if (strcmp(name, "tcp") == 0)
		return IPPROTO_TCP;
	if (strcmp(name, "udp") == 0)
		return IPPROTO_UDP;
	if (strcmp(name, "icmp") == 0)
		return IPPROTO_ICMP;
	return strcmp(name, "ipv6-icmp") == 0 ? IPPROTO_ICMPV6 : 0;
}

/* A flow that never left a network namespace: whoever lives there then. */
static void
find_inside(struct flow_join *t, const struct event *ev, struct ends *e)
{
	struct netns_member then[NETNS_MEMBERS];
	struct end *s = &e->source, *d = &e->destination;
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
	d->container = s->container;
	d->network = s->network;
	d->method = s->method;
	d->confidence = s->confidence;
	d->n_behind = s->n_behind;
	memcpy(d->behind, s->behind, sizeof(d->behind));
}

struct ends
flow_find_ends(struct flow_join *t, const struct event *ev)
{
	const struct event_value *start = event_get(ev, FIELD_EVENT_START);
	struct ends e = { 0 };

	e.start = start != NULL ? start->time : event_time(ev);
	e.proto = read_proto(ev);
	read_tuple(ev, &e);
	if (event_has(ev, FIELD_TALLYMAN_FLOW_INSIDE) == EVENT_SET) {
		find_inside(t, ev, &e);
		return e;
	}
	find_end(t, &e.source, e.start, true);
	find_end(t, &e.destination, e.start, false);
	e.source.is_host = e.source.container == NULL &&
	    e.source.ip.family != 0 && (flow_is_host(t, &e.source.ip) ||
	    is_scope(ev, FIELD_TALLYMAN_SOURCE_SCOPE, "host"));
	e.destination.is_host = e.destination.container == NULL &&
	    e.destination.ip.family != 0 &&
	    !ipaddr_is_multicast(&e.destination.ip) &&
	    (flow_is_host(t, &e.destination.ip) ||
	    is_scope(ev, FIELD_TALLYMAN_DESTINATION_SCOPE, "host"));
	return e;
}

int
flow_fits(struct flow_join *t, const struct end *e,
    const struct opener_process *s)
{
	const struct container *c;
	const char *mode;
	size_t i;

	if (s->role != PROCESS_CONTAINER)
		return e->is_host ? 2 : 1;
	if (e->container != NULL &&
	    memcmp(e->container->binary, s->id, 32) == 0)
		return 2;
	for (i = 0; i < e->n_behind; i++)
		if (memcmp(e->behind[i].id, s->id, 32) == 0)
			return 2;
	c = container_find_binary(t->env.owner->containers, s->id);
	mode = c == NULL ? "" : c->facts->network_mode;
	if (strcmp(mode, "host") == 0)
		return e->is_host ? 2 : 0;
	if (e->container != NULL && c != NULL && shares_network(c))
		return strcmp(mode + 10, e->container->id) == 0 ||
		    strcmp(mode + 10, e->container->facts->name) == 0 ? 2 : 0;
	/* A container that nobody told us about. */
	return c == NULL && e->container == NULL ? 1 : 0;
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
	    !flow_is_host(t, &e->ip) && container_in_subnet(o->containers, &e->ip);
}

bool
flow_lacks_container(struct flow_join *t, const struct ends *e)
{
	if (e->inside)
		return e->source.container == NULL;
	return end_lacks(t, &e->source) || end_lacks(t, &e->destination);
}


/* Which processes are at the two ends of a flow. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/flow_private.h"

/* The record is stamped at the entry of connect with a coarse clock, so it
 * comes before the packet; the packet's own stamp may be a little early. */
#define SOON_NS		(30 * MONO_MS)
#define AHEAD_NS	(2 * MONO_MS)
/* A host under load, or a socket that was connected and used later. */
#define LATE_NS		(2 * MONO_S)
#define UDP_LATE_NS	(60 * MONO_S)
/* The connector's stamps and the packet's are of one clock, read at two
 * places; a packet may be captured after its sender's end. */
#define LIFE_NS		(100 * MONO_US)
#define AFTERLIFE_NS	(20 * MONO_MS)
/* An accept is heard of some time before its flow is looked at, or after. */
#define ACCEPT_NS	(2 * MONO_S)
/* A socket that is older than this was not closed just now. */
#define OLD_NS		(1 * MONO_S)
/* Makers of sockets that are looked at for one flow. */
#define LOOK_BACK	1024

struct window { int64_t from, to; bool newest, reuse; };

static bool
lived(struct flow_join *t, const struct opener_process *s, int64_t at,
    int64_t after)
{
	struct process_table *table = t->env.owner->processes;
	const struct process *p = process_get(table, s->ref);

	if (s->start_known && s->start.ns > at + LIFE_NS)
		return false;
	return p == NULL || process_end_time(table, p).ns >= at - after;
}

static void
add_candidate(struct candidates *c, const char *entity)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->list[i], entity) == 0)
			return;
	if (c->n < FLOW_CANDIDATES)
		memcpy(c->list[c->n++], entity, HASH_ID_TEXT);
}

/* Takes the reference. With several found it is one of them, and all of them
 * are kept. */
static void
settle(struct flow_join *t, struct party *y, struct opener_process *s,
    const char *method, enum process_confidence confidence)
{
	y->process = s;
	y->method = method;
	y->confidence = confidence;
	if (t->found.n < 2) {
		ledger_add(t->joined, 1);
		return;
	}
	y->method = "candidates";
	y->confidence = PROCESS_LOW;
	y->candidates = malloc(sizeof(*y->candidates));
	if (y->candidates != NULL)
		*y->candidates = t->found;
	ledger_add(t->ambiguous, 1);
}

/* How an end is looked for among records. */
struct search {
	const struct end	*end;
	struct window		 window;
	int64_t			 at;	/* when it has to have lived; 0: any */
	int64_t			 after;	/* so long after its end is all right */
	int			 rank;
};

static bool
may_be(struct flow_join *t, const struct search *q, const struct opener *o)
{
	return (!o->used || q->window.reuse) && o->when_ns >= q->window.from &&
	    o->when_ns <= q->window.to &&
	    flow_fits(t, q->end, o->process) >= q->rank &&
	    (q->at == 0 || lived(t, o->process, q->at, q->after));
}

/* The first record (or the newest) that fits, and everybody who fits. */
static struct opener *
look(struct flow_join *t, struct opener *first, struct opener_table *table,
    const struct search *q)
{
	struct opener *o, *best = NULL;

	t->found.n = 0;
	for (o = first; o != NULL; o = opener_next(table, o)) {
		if (!may_be(t, q, o))
			continue;
		if (best == NULL || q->window.newest)
			best = o;
		add_candidate(&t->found, o->process->entity);
	}
	return best;
}

/* Nobody knows which of them it was: none is used up, and none is sure. */
static void
doubt(struct flow_join *t, struct opener *first, struct opener_table *table,
    const struct search *q)
{
	struct opener *o;

	for (o = first; o != NULL; o = opener_next(table, o))
		if (may_be(t, q, o))
			o->doubtful = true;
}

static struct opener *
first_opener(struct flow_join *t, const struct ends *e)
{
	return opener_first(t->openers, &e->source.peer, e->source.peer_port);
}

static struct window
late_window(const struct ends *e)
{
	int64_t at = e->start.ns;

	return e->proto == IPPROTO_TCP ?
	    (struct window){ at - LATE_NS, at - SOON_NS, true, false } :
	    (struct window){ at - UDP_LATE_NS, at + AHEAD_NS, true, true };
}

/*
 * By the record of a connect. only: not when several fit.
 */
static bool
by_connect(struct flow_join *t, const struct ends *e, struct party *y,
    unsigned patience, bool only)
{
	int64_t at = e->start.ns;
	const struct window soon = { at - SOON_NS, at + AHEAD_NS, false,
	    false };
	const struct search tries[] = {
		{ &e->source, soon, at, LIFE_NS, 2 },
		{ &e->source, soon, at, AFTERLIFE_NS, 2 },
		{ &e->source, late_window(e), at, AFTERLIFE_NS, 2 },
		{ &e->source, soon, at, AFTERLIFE_NS, 1 },
	};
	/* A record may be late, and a neighbour's is none for now. */
	static const unsigned least[] = { 0, 1, 1, 2 };
	struct opener *first = first_opener(t, e), *o = NULL;
	size_t i;

	if (first == NULL)
		return false;
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		if (patience >= least[i] &&
		    (o = look(t, first, t->openers, &tries[i])) != NULL)
			break;
	if (o == NULL || (only && t->found.n > 1))
		return false;
	if (t->found.n > 1)
		doubt(t, first, t->openers, &tries[i]);
	else
		o->used = true;
	settle(t, y, opener_process_ref(o->process), "connect",
	    i == 0 && !o->doubtful ? PROCESS_HIGH : PROCESS_MEDIUM);
	return true;
}

/* The record of the process that turned out to have the socket. */
static void
use_up(struct flow_join *t, const struct ends *e, const char *entity)
{
	const struct search q = { &e->source, { e->start.ns - SOON_NS,
	    e->start.ns + AHEAD_NS, false, false }, 0, 0, 1 };
	struct opener *o;

	for (o = first_opener(t, e); o != NULL; o = opener_next(t->openers, o))
		if (may_be(t, &q, o) &&
		    strcmp(o->process->entity, entity) == 0) {
			o->used = true;
			return;
		}
}

static void
copy_ip(uint8_t to[static 16], const struct ipaddr *ip)
{
	memcpy(to, ip->bytes, 16);
}

/* turn: whom, of those that share the network. False: this end's sockets
 * cannot be asked for. */
static bool
make_question(const struct end *e, const struct party *y, uint8_t proto,
    size_t turn, struct socket_question *q)
{
	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) ||
	    e->ip.family != e->peer.family || e->port == 0)
		return false;
	memset(q, 0, sizeof(*q));
	if (e->n_behind > 0)
		memcpy(q->container, e->behind[turn].id, 32);
	else if (e->container != NULL)
		memcpy(q->container, e->container->binary, 32);
	else if (!e->is_host)
		return false;
	q->socket.family = e->ip.family;
	q->socket.proto = proto;
	q->socket.listens = y->listens;
	q->socket.local_port = htons(e->port);
	copy_ip(q->socket.local, &e->ip);
	if (!y->listens) {
		q->socket.remote_port = htons(e->peer_port);
		copy_ip(q->socket.remote, &e->peer);
	}
	return true;
}

static struct opener_process *
snapshot(struct flow_join *t, struct process *p)
{
	char uid[12] = "";

	if (p->uid_known)
		(void)snprintf(uid, sizeof(uid), "%u", p->euid);
	return opener_process_now(t->openers, p, uid);
}

/* Its owner, or what it executes, is still to come. */
static bool
is_to_come(struct process_table *t, struct process *p)
{
	return process_is_waiting(t, p) || process_is_learning(p) ||
	    (p->execs > p->paired && process_program_now(t, p) == NULL);
}

/* A datagram's port may be another's by now, who did not live when it was
 * sent. began: when that was, wall. */
static bool
came_later(const struct process *p, int64_t began)
{
	return p->start_known && began != 0 && p->start.ns > began + AHEAD_NS;
}

/* Those who have the socket. False: something of them is still to come. */
static bool
take_owners(struct flow_join *t, const struct socket_owners *o,
    struct party *y, int64_t began, bool patient)
{
	struct process_table *table = t->env.owner->processes;
	struct opener_process *s = NULL;
	struct process *p;
	size_t i;

	for (i = 0; i < o->n; i++) {
		p = process_get(table, o->list[i]);
		if (p != NULL && patient && is_to_come(table, p))
			return false;
	}
	t->found.n = 0;
	for (i = 0; i < o->n; i++) {
		p = process_get(table, o->list[i]);
		if (p == NULL || came_later(p, began))
			continue;
		(void)process_settle(table, p);
		add_candidate(&t->found, process_entity(table, p));
		if (s == NULL)
			s = snapshot(t, p);
	}
	if (s != NULL)
		settle(t, y, s, y->listens ? "listener" : "socket",
		    PROCESS_HIGH);
	return true;
}

/* All who share the network, since the socket may soon be gone. */
static void
ask_all(struct flow_join *t, const struct end *e, struct party *y,
    uint8_t proto)
{
	struct socket_question q;
	size_t i = 0;

	y->asked = true;
	do
		if (make_question(e, y, proto, i, &q))
			socket_ask(t->sockets, &q);
	while (++i < e->n_behind);
}

/* The answer of the first that has the socket; else what is known of least. */
static const struct socket_owners *
look_at_answers(struct flow_join *t, const struct end *e,
    const struct party *y, uint8_t proto)
{
	const struct socket_owners *o, *least = NULL;
	struct socket_question q;
	size_t i = 0;

	do {
		o = make_question(e, y, proto, i, &q) ?
		    socket_get(t->sockets, &q) : NULL;
		if (o == NULL)
			return NULL;
		if (o->state == SOCKET_ANSWERED && o->n > 0)
			return o;
		if (least == NULL || o->state == SOCKET_ASKED ||
		    (o->state == SOCKET_UNKNOWN &&
		    least->state == SOCKET_ANSWERED))
			least = o;
	} while (++i < e->n_behind);
	return least;
}

/* Asks the kernel. True when the answer, if there is to be one, is here. */
static bool
by_socket(struct flow_join *t, const struct ends *ends, bool inbound,
    struct party *y, bool patient, bool *waits)
{
	const struct end *e = inbound ? &ends->destination : &ends->source;
	int64_t began = !inbound && ends->proto == IPPROTO_UDP ?
	    ends->start.ns : 0;
	uint8_t proto = ends->proto;
	const struct socket_owners *o;
	struct socket_question q;

	if (!make_question(e, y, proto, 0, &q))
		return true;
	if (!y->asked) {
		ask_all(t, e, y, proto);
		*waits = true;
		return false;
	}
	o = look_at_answers(t, e, y, proto);
	if (o == NULL || o->state == SOCKET_UNKNOWN) {
		y->asked = patient;	/* the next report asks again */
		return true;
	}
	if (o->state == SOCKET_ASKED) {
		*waits = true;
		return !patient;
	}
	if (o->n > 0) {
		if (take_owners(t, o, y, began, patient))
			return true;
		*waits = true;
		return false;
	}
	if (!inbound || proto != IPPROTO_TCP || y->listens)
		return true;
	y->listens = true;
	y->asked = false;
	return by_socket(t, ends, inbound, y, patient, waits);
}

static bool
made_such(const struct creator *c, uint8_t proto)
{
	return c->proto == proto || (c->proto == 0 && proto != IPPROTO_TCP &&
	    proto != IPPROTO_UDP);
}

/* Somebody who goes on living has the socket still that it made long ago,
 * and the kernel says that the one of this flow is gone. */
static bool
has_another(struct flow_join *t, const struct creator *c, int64_t at)
{
	const struct process *p = process_get(t->env.owner->processes,
	    c->process->ref);

	return p != NULL && p->exit_ns == 0 && c->when_ns < at - OLD_NS;
}

/* Who had made a socket of this kind by then, and lived. */
static struct opener_process *
look_for_creators(struct flow_join *t, const struct ends *e, bool connected,
    int64_t after, bool gone)
{
	struct opener_process *best = NULL;
	const struct creator *c;
	uint64_t i, end = t->first_creator;

	t->found.n = 0;
	if (t->last_creator - end > LOOK_BACK)
		end = t->last_creator - LOOK_BACK;
	for (i = t->last_creator; i-- > end && t->found.n < FLOW_CANDIDATES;) {
		c = &t->creators[i % FLOW_CREATORS];
		if (c->connected != connected || !made_such(c, e->proto) ||
		    c->when_ns > e->start.ns + AHEAD_NS ||
		    flow_fits(t, &e->source, c->process) < 2 ||
		    !lived(t, c->process, e->start.ns, after) ||
		    (gone && has_another(t, c, e->start.ns)))
			continue;
		add_candidate(&t->found, c->process->entity);
		if (best == NULL)
			best = c->process;
	}
	return best;
}

/* Not before all who may have made one are on record. */
static bool
by_creator(struct flow_join *t, const struct ends *e, struct party *y)
{
	const struct socket_owners *o;
	struct opener_process *s;
	bool gone;

	if (e->proto == IPPROTO_TCP ||
	    !process_has_heard(t->env.owner->processes, e->start))
		return false;
	o = look_at_answers(t, &e->source, y, e->proto);
	gone = o != NULL && o->state == SOCKET_ANSWERED && o->n == 0;
	s = look_for_creators(t, e, false, LIFE_NS, gone);
	if (s == NULL)
		s = look_for_creators(t, e, true, LIFE_NS, gone);
	if (s == NULL)
		s = look_for_creators(t, e, false, AFTERLIFE_NS, gone);
	if (s == NULL)
		return false;
	settle(t, y, opener_process_ref(s), "created", PROCESS_MEDIUM);
	return true;
}

void
flow_match_opener(struct flow_join *t, const struct ends *e, struct party *y,
    unsigned patience, bool *waits)
{
	if (by_connect(t, e, y, patience, true))
		return;
	if (!by_socket(t, e, false, y, patience == 0, waits))
		return;
	if (y->process != NULL) {
		use_up(t, e, y->process->entity);
		return;
	}
	if (!by_connect(t, e, y, patience, false))
		(void)by_creator(t, e, y);
}

void
flow_match_acceptor(struct flow_join *t, const struct ends *e,
    struct party *y, unsigned patience, bool *waits)
{
	const struct end *d = &e->destination;
	const struct search q = { d, { e->start.ns - ACCEPT_NS, INT64_MAX,
	    true, true }, 0, 0, 2 };
	struct opener *o, *first;

	first = e->proto != IPPROTO_TCP ? NULL : opener_first(t->acceptors,
	    &d->peer, d->peer_port);
	o = first == NULL ? NULL : look(t, first, t->acceptors, &q);
	if (o == NULL) {
		(void)by_socket(t, e, true, y, patience == 0, waits);
		return;
	}
	settle(t, y, opener_process_ref(o->process), "accept", PROCESS_HIGH);
}

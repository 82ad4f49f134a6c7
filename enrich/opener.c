#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/opener.h"
#include "lib/map.h"

#define PER_DESTINATION	1024
#define NIL		UINT32_MAX

struct key {
	struct ipaddr	ip;
	uint16_t	port;
};

struct bucket { uint32_t head, tail, n; };

/* A ring in the order of arrival; each destination's list has that order
 * too, so that the oldest of all is the first of its list. */
struct opener_table {
	struct process_table	*processes;
	struct map		*map;
	struct opener		*ring;
	uint32_t		 limit;
	uint64_t		 first, last;	/* [first, last) are in use */
};

struct opener_table *
opener_table_new(struct process_table *processes, uint32_t limit)
{
	struct opener_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->processes = processes;
	t->limit = limit;
	t->ring = calloc(limit, sizeof(*t->ring));
	t->map = map_new(sizeof(struct key), sizeof(struct bucket), limit,
	    NULL, NULL);
	if (t->ring == NULL || t->map == NULL) {
		opener_table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

static struct key
make_key(const struct ipaddr *ip, uint16_t port)
{
	struct key k;

	memset(&k, 0, sizeof(k));
	k.ip = ipaddr_unmap(*ip);
	k.port = port;
	return k;
}

static void
unlink_first(struct opener_table *t, struct bucket *b)
{
	struct opener *o = &t->ring[b->head];

	o->linked = false;
	b->head = o->next;
	if (--b->n == 0)
		map_remove(t->map, b);
}

static void
drop_oldest(struct opener_table *t)
{
	struct opener *o = &t->ring[t->first % t->limit];
	struct key k = make_key(&o->ip, o->port);

	if (o->linked)
		unlink_first(t, map_get(t->map, &k));
	opener_process_unref(t, o->process);
	o->process = NULL;
	t->first++;
}

void
opener_table_free(struct opener_table *t)
{
	if (t == NULL)
		return;
	while (t->ring != NULL && t->first < t->last)
		drop_oldest(t);
	if (t->map != NULL)
		map_free(t->map);
	free(t->ring);
	free(t);
}

struct opener_process *
opener_process_new(struct opener_table *t, struct process *p,
    const char *uid)
{
	struct opener_process *s = calloc(1, sizeof(*s));
	struct process *parent = process_get(t->processes, p->parent);

	if (s == NULL)
		return NULL;
	s->refs = 1;
	s->ref = process_refer(p);
	s->pid = p->pid;
	s->ppid = p->ppid;
	s->vpid = p->vpid;
	memcpy(s->entity, process_entity(t->processes, p), sizeof(s->entity));
	s->start = p->start;
	s->start_known = p->start_known;
	s->role = p->role;
	s->confidence = p->confidence;
	memcpy(s->id, p->id, sizeof(s->id));
	s->program = program_ref(process_program(t->processes, p));
	if (parent != NULL) {
		memcpy(s->parent_entity, process_entity(t->processes, parent),
		    sizeof(s->parent_entity));
		s->parent = program_ref(process_program(t->processes, parent));
	}
	s->entry = p->entry;
	if (s->entry != NULL)
		s->entry->refs++;
	(void)snprintf(s->uid, sizeof(s->uid), "%s", uid);
	return s;
}

static void
set_program(struct opener_table *t, struct program **at, struct program *to)
{
	if (*at == to)
		return;
	program_unref(process_budget(t->processes), *at);
	*at = program_ref(to);
}

struct opener_process *
opener_process_now(struct opener_table *t, struct process *p,
    const char *uid)
{
	struct opener_process *s = opener_process_new(t, p, uid);
	struct process *parent = process_get(t->processes, p->parent);

	if (s == NULL)
		return NULL;
	s->execs = p->execs;
	if (process_is_hearsay(t->processes, p))
		s->role = PROCESS_UNKNOWN;
	set_program(t, &s->program, process_program_now(t->processes, p));
	if (parent != NULL)
		set_program(t, &s->parent, process_program_now(t->processes,
		    parent));
	return s;
}

void
opener_process_learn(struct opener_table *t, struct opener_process *s)
{
	struct process *p = process_get(t->processes, s->ref);

	if (s->program == NULL && p != NULL && p->execs == s->execs)
		set_program(t, &s->program, process_program_now(t->processes,
		    p));
}

struct opener_process *
opener_process_ref(struct opener_process *s)
{
	if (s != NULL)
		s->refs++;
	return s;
}

void
opener_process_unref(struct opener_table *t, struct opener_process *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	program_unref(process_budget(t->processes), s->program);
	program_unref(process_budget(t->processes), s->parent);
	process_entry_unref(t->processes, s->entry);
	free(s);
}

void
opener_add(struct opener_table *t, const struct ipaddr *ip, uint16_t port,
    int64_t when_ns, struct opener_process *process)
{
	struct key k = make_key(ip, port);
	struct bucket *b;
	struct opener *o;
	uint32_t i;
	bool made;

	if (t->last - t->first == t->limit)
		drop_oldest(t);
	b = map_put(t->map, &k, &made);
	if (b == NULL) {
		opener_process_unref(t, process);
		return;
	}
	i = (uint32_t)(t->last++ % t->limit);
	o = &t->ring[i];
	*o = (struct opener){ .when_ns = when_ns, .process = process,
	    .next = NIL, .linked = true, .ip = k.ip, .port = port };
	if (made)
		b->head = i;
	else
		t->ring[b->tail].next = i;
	b->tail = i;
	b->n++;
	/* Never the one just added: there are two at least. */
	while (b->n > 1 && (t->ring[b->head].used || b->n > PER_DESTINATION))
		unlink_first(t, b);
}

struct opener *
opener_first(struct opener_table *t, const struct ipaddr *ip, uint16_t port)
{
	struct key k = make_key(ip, port);
	struct bucket *b = map_get(t->map, &k);

	return b == NULL ? NULL : &t->ring[b->head];
}

struct opener *
opener_next(struct opener_table *t, const struct opener *o)
{
	return o->next == NIL ? NULL : &t->ring[o->next];
}

void
opener_expire(struct opener_table *t, int64_t before_ns)
{
	while (t->first < t->last &&
	    t->ring[t->first % t->limit].when_ns < before_ns)
		drop_oldest(t);
}

size_t
opener_count(const struct opener_table *t)
{
	return (size_t)(t->last - t->first);
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/container.h"
#include "enrich/netns.h"
#include "lib/map.h"

/* A container that begins has no process for some 100 ms, and for a moment
 * its first one is still in the host's namespace. */
#define AGAIN_NS	(40 * MONO_MS)
#define EAGER_NS	(5 * MONO_S)
#define SLOW_NS		(2 * MONO_S)
#define ANSWER_NS	(1 * MONO_S)
#define ASKS_A_TICK	32
#define WANTS		4096
/* The last packets of a container come after its end, its first before
 * Docker has told of it. */
#define GRACE_NS	(2 * MONO_S)
#define NO_ID		(-1)

struct member {
	uint8_t		id[32];
	uint32_t	generation;
	int64_t		from_ns, to_ns;	/* wall; to INT64_MAX: still */
};

/* An inode; the kernel gives it to the next namespace as soon as the one
 * before has gone, which is another generation. */
struct space {
	int32_t		nsid;		/* NO_ID: none, or not any more */
	uint32_t	generation;
	uint32_t	n;
	struct member	list[NETNS_MEMBERS];	/* oldest first */
};

struct link {
	int32_t		nsid;
	uint32_t	generation;
	uint64_t	inode;		/* 0: not known */
};

struct want {
	uint32_t	pid;
	bool		host;
	int64_t		since_ns, asked_ns;	/* mono; 0: not asked */
	bool		in_flight;
};

/* The namespace of a container, for as long as it is known. */
struct home { uint64_t inode; bool host; };

struct netns_table {
	const struct enrich_ask	*ask;
	const struct mono_clock	*clock;
	struct map		*spaces;	/* inode to space */
	struct map		*links;		/* ifindex to link */
	struct map		*wants;		/* container to want */
	struct map		*homes;		/* container to home */
	int64_t			 eager_ns;	/* mono: until then somebody begins */
	ledger_count		*asked, *found, *evicted;
};

static void
forget(void *ctx, const void *key, void *value, bool evicted)
{
	struct netns_table *t = ctx;

	(void)key;
	(void)value;
	if (evicted)
		ledger_add(t->evicted, 1);
}

struct netns_table *
netns_table_new(const struct enrich_ask *ask, const struct mono_clock *clock,
    struct ledger *ledger)
{
	struct netns_table *t = calloc(1, sizeof(*t));
	struct ledger_stage *stage;

	if (t == NULL)
		return NULL;
	t->ask = ask;
	t->clock = clock;
	t->spaces = map_new(sizeof(uint64_t), sizeof(struct space),
	    NETNS_LIMIT, forget, t);
	t->links = map_new(sizeof(uint32_t), sizeof(struct link), NETNS_LINKS,
	    forget, t);
	t->wants = map_new(32, sizeof(struct want), WANTS, forget, t);
	t->homes = map_new(32, sizeof(struct home), NETNS_LIMIT, forget, t);
	if (t->spaces == NULL || t->links == NULL || t->wants == NULL ||
	    t->homes == NULL) {
		netns_table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	stage = ledger_stage(ledger, "enrich.flow");
	t->asked = ledger_noted(stage, "namespaces_asked");
	t->found = ledger_noted(stage, "namespaces_found");
	t->evicted = ledger_noted(stage, "namespaces_evicted");
	return t;
}

void
netns_table_free(struct netns_table *t)
{
	if (t == NULL)
		return;
	if (t->spaces != NULL)
		map_free(t->spaces);
	if (t->links != NULL)
		map_free(t->links);
	if (t->wants != NULL)
		map_free(t->wants);
	if (t->homes != NULL)
		map_free(t->homes);
	free(t);
}

static void
ask_for(struct netns_table *t, struct want *w)
{
	const uint8_t *id = map_key(t->wants, w);
	char text[65];

	w->asked_ns = mono_now(t->clock).ns;
	w->in_flight = true;
	ledger_add(t->asked, 1);
	if (t->ask == NULL || t->ask->netns == NULL)
		return;
	container_id_format(id, text);
	t->ask->netns(t->ask->ctx, text, w->pid);
}

/* An interface has come whose namespace nobody has told. */
static void
ask_all(struct netns_table *t)
{
	int64_t now = mono_now(t->clock).ns;
	struct want *w;
	int n = 0;

	for (w = map_oldest(t->wants); w != NULL && n < ASKS_A_TICK;
	    w = map_newer(t->wants, w)) {
		if (w->in_flight && now - w->asked_ns < ANSWER_NS)
			continue;
		ask_for(t, w);
		n++;
	}
}

static struct space *
find_by_nsid(struct netns_table *t, int32_t nsid)
{
	struct space *s;

	for (s = map_oldest(t->spaces); s != NULL; s = map_newer(t->spaces, s))
		if (s->nsid == nsid)
			return s;
	return NULL;
}

static uint64_t
inode_of(struct netns_table *t, const struct space *s)
{
	uint64_t inode;

	memcpy(&inode, map_key(t->spaces, s), sizeof(inode));
	return inode;
}

static void
forget_nsid(struct netns_table *t, int32_t nsid)
{
	struct space *s;

	for (s = map_oldest(t->spaces); s != NULL; s = map_newer(t->spaces, s))
		if (nsid == NO_ID || s->nsid == nsid) {
			s->nsid = NO_ID;
			s->generation += nsid != NO_ID;
		}
	if (nsid == NO_ID)
		netns_ask_again(t);
}

void
netns_link(struct netns_table *t, uint32_t ifindex, int32_t nsid, bool gone)
{
	struct space *s;
	struct link *l;

	if (ifindex == 0) {
		forget_nsid(t, nsid);
		return;
	}
	/* What went keeps its owner: its last packets are still to come, and
	 * its number is not given again. */
	if (gone || nsid < 0)
		return;
	l = map_put(t->links, &ifindex, NULL);
	if (l == NULL || (l->inode != 0 && l->nsid == nsid))
		return;
	l->nsid = nsid;
	s = find_by_nsid(t, nsid);
	l->inode = s == NULL ? 0 : inode_of(t, s);
	l->generation = s == NULL ? 0 : s->generation;
	if (s == NULL)
		ask_all(t);
}

static void
begin(struct netns_table *t, struct want *w)
{
	w->since_ns = mono_now(t->clock).ns;
	t->eager_ns = w->since_ns + EAGER_NS;
}

void
netns_want(struct netns_table *t, const uint8_t id[static 32], uint32_t pid,
    bool host)
{
	struct want *w;
	bool made;

	if (map_get(t->homes, id) != NULL)
		return;
	w = map_put(t->wants, id, &made);
	if (w == NULL)
		return;
	if (pid != 0)
		w->pid = pid;
	w->host |= host;
	if (made)
		begin(t, w);
	if (!w->in_flight)
		ask_for(t, w);
}

void
netns_died(struct netns_table *t, const uint8_t id[static 32],
    struct wall when)
{
	struct home *h = map_get(t->homes, id);
	struct space *s = h == NULL ? NULL : map_get(t->spaces, &h->inode);
	uint32_t i;

	for (i = 0; s != NULL && i < s->n; i++)
		if (s->list[i].to_ns == INT64_MAX &&
		    memcmp(s->list[i].id, id, 32) == 0)
			s->list[i].to_ns = when.ns;
	map_remove(t->homes, h);
	map_remove(t->wants, map_get(t->wants, id));
}

static void
join(struct netns_table *t, struct space *s, const uint8_t *id)
{
	struct member *m;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		if (s->list[i].to_ns == INT64_MAX &&
		    s->list[i].generation == s->generation &&
		    memcmp(s->list[i].id, id, 32) == 0)
			return;
	/* The one that ended first makes room, else the oldest. */
	if (s->n == NETNS_MEMBERS) {
		m = &s->list[0];
		for (i = 1; i < s->n; i++)
			if (s->list[i].to_ns < m->to_ns)
				m = &s->list[i];
		s->n--;
		memmove(m, m + 1, (size_t)(&s->list[s->n] - m) * sizeof(*m));
	}
	m = &s->list[s->n++];
	memcpy(m->id, id, 32);
	m->generation = s->generation;
	m->from_ns = mono_wall(t->clock).ns;
	m->to_ns = INT64_MAX;
}

/* Interfaces that came before the answer. */
static void
resolve_links(struct netns_table *t, int32_t nsid, uint64_t inode,
    uint32_t generation)
{
	struct link *l;

	for (l = map_oldest(t->links); l != NULL; l = map_newer(t->links, l))
		if (l->inode == 0 && l->nsid == nsid) {
			l->inode = inode;
			l->generation = generation;
		}
}

/* Whose answer may still change: no interface leads there yet, or the
 * process had not left the host's namespace. */
static bool
is_final(const struct want *w, const struct enrich_netns *a)
{
	return a->host ? w->host : a->nsid >= 0;
}

void
netns_on_answer(struct netns_table *t, const uint8_t id[static 32],
    const struct enrich_netns *a)
{
	struct want *w = map_get(t->wants, id);
	struct space *s;
	struct home *h;
	bool made;

	if (w == NULL)
		return;
	w->in_flight = false;
	if (a == NULL || (a->host && !w->host))
		return;
	s = map_put(t->spaces, &a->inode, &made);
	h = map_put(t->homes, id, NULL);
	if (s == NULL || h == NULL)
		return;
	if (made)
		s->nsid = NO_ID;
	map_touch(t->spaces, s);
	h->inode = a->inode;
	h->host = a->host != 0;
	join(t, s, id);
	if (a->nsid >= 0) {
		s->nsid = a->nsid;
		resolve_links(t, a->nsid, a->inode, s->generation);
	}
	if (!is_final(w, a))
		return;
	ledger_add(t->found, 1);
	map_remove(t->wants, w);
}

/* Eagerly while it begins, then now and then: a container without a network
 * may be given one, and one of the host's may hide as a process that is being
 * made. */
static bool
is_due(const struct want *w, int64_t now)
{
	int64_t since = now - w->asked_ns;

	if (w->in_flight)
		return since >= ANSWER_NS;
	return since >= (now - w->since_ns < EAGER_NS ? AGAIN_NS : SLOW_NS);
}

void
netns_tick(struct netns_table *t, struct mono now)
{
	struct want *w;
	int n = 0;

	for (w = map_oldest(t->wants); w != NULL && n < ASKS_A_TICK;
	    w = map_newer(t->wants, w))
		if (is_due(w, now.ns)) {
			ask_for(t, w);
			n++;
		}
}

void
netns_ask_again(struct netns_table *t)
{
	struct home *h;
	struct want *w;

	for (h = map_oldest(t->homes); h != NULL; h = map_newer(t->homes, h)) {
		w = map_put(t->wants, map_key(t->homes, h), NULL);
		if (w == NULL)
			continue;
		w->host |= h->host;
		begin(t, w);
		if (!w->in_flight)
			ask_for(t, w);
	}
}

static size_t
list_members(const struct space *s, uint32_t generation, int64_t when,
    int64_t grace, struct netns_member out[static NETNS_MEMBERS])
{
	const struct member *m;
	size_t n = 0;

	for (m = s->list; m < s->list + s->n; m++)
		if (m->generation == generation && m->from_ns - grace <= when &&
		    when - grace <= m->to_ns)
			memcpy(out[n++].id, m->id, 32);
	return n;
}

/* Those of that time; if nobody, who had just left or came soon. */
static size_t
find_members(const struct space *s, uint32_t generation, struct wall when,
    struct netns_member out[static NETNS_MEMBERS])
{
	size_t n = list_members(s, generation, when.ns, 0, out);

	return n > 0 ? n : list_members(s, generation, when.ns, GRACE_NS, out);
}

size_t
netns_behind(struct netns_table *t, uint32_t ifindex, struct wall when,
    struct netns_member out[static NETNS_MEMBERS])
{
	const struct link *l = map_get(t->links, &ifindex);
	const struct space *s = l == NULL || l->inode == 0 ? NULL :
	    map_get(t->spaces, &l->inode);

	return s == NULL ? 0 : find_members(s, l->generation, when, out);
}

size_t
netns_partners(struct netns_table *t, const uint8_t id[static 32],
    struct wall when, struct netns_member out[static NETNS_MEMBERS])
{
	const struct home *h = map_get(t->homes, id);
	const struct space *s = h == NULL ? NULL :
	    map_get(t->spaces, &h->inode);

	return s == NULL ? 0 : find_members(s, s->generation, when, out);
}

bool
netns_is_waiting(struct netns_table *t, uint32_t ifindex)
{
	const struct link *l = map_get(t->links, &ifindex);

	return l != NULL && l->inode == 0 && map_count(t->wants) > 0 &&
	    mono_now(t->clock).ns < t->eager_ns;
}

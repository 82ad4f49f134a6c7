#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_TAG "docker"
#include "enrich/docker.h"
#include "enrich/splitter.h"
#include "lib/hash.h"
#include "lib/log.h"
#include "lib/map.h"

#define LIST_NS		(60 * MONO_S)
/* After something happened: an event that the daemon dropped for us is made
 * good by the list soon. */
#define LIST_SOON_NS	(2 * MONO_S)
/* Ticks come every 100 ms at least. Whoever did not run for so long may have
 * lost events, which the daemon drops without a word. */
#define STALL_NS	(1 * MONO_S)
#define ANSWER_NS	(5 * MONO_S)	/* an inspect that takes longer */
#define RETRY_MIN_NS	(250 * MONO_MS)
#define RETRY_MAX_NS	(1 * MONO_S)
#define TRIES		3
#define IN_FLIGHT	16
#define WANTS		CONTAINER_LIMIT
/* since= has whole seconds, so the stream repeats up to a second of events
 * that we had; the daemon itself keeps 256. */
#define RECENT		1024

/* An inspect that is wanted or on its way. */
struct want {
	struct wall	from;		/* its addresses count from then */
	int64_t		asked_ns;	/* mono; 0: not asked yet */
	unsigned	tries;
	bool		dirty;		/* something happened since we asked */
};

struct docker {
	struct docker_env	 env;
	struct splitter		 events;
	struct map		*wants;		/* 64 digits to struct want */
	unsigned		 in_flight;
	bool			 open, listed, said_away, answered;
	char			 trouble[64];
	int64_t			 retry_at, retry_ns, list_at, ticked_ns;
	struct wall		 list_asked, last;
	struct hash_key		 key;
	uint64_t		 recent[RECENT];
	size_t			 n_recent;
	struct log_limit	 limit;
	struct ledger_stage	*stage;
	ledger_count		*bad, *skipped, *gaps, *breaks, *repeated,
				*unanswered, *no_memory, *stalls;
};

struct docker *
docker_new(const struct docker_env *env)
{
	struct docker *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->env = *env;
	d->wants = map_new(64, sizeof(struct want), WANTS, NULL, NULL);
	if (d->wants == NULL) {
		free(d);
		errno = ENOMEM;
		return NULL;
	}
	splitter_init(&d->events);
	d->key = hash_key_random();
	d->retry_ns = RETRY_MIN_NS;
	d->stage = ledger_stage(env->ledger, "enrich.docker");
	d->bad = ledger_dropped(d->stage, "not_understood");
	d->skipped = ledger_dropped(d->stage, "too_long");
	d->no_memory = ledger_dropped(d->stage, "no_memory");
	d->gaps = ledger_outside(d->stage, "stream_gaps");
	d->breaks = ledger_noted(d->stage, "stream_breaks");
	d->repeated = ledger_noted(d->stage, "repeated");
	d->stalls = ledger_noted(d->stage, "stalls");
	d->unanswered = ledger_noted(d->stage, "inspects_unanswered");
	return d;
}

void
docker_free(struct docker *d)
{
	if (d == NULL)
		return;
	splitter_fini(&d->events);
	map_free(d->wants);
	free(d);
}

static void
ask_list(struct docker *d)
{
	d->list_at = mono_now(d->env.clock).ns + LIST_NS;
	d->list_asked = mono_wall(d->env.clock);
	if (d->env.ask != NULL && d->env.ask->docker_list != NULL)
		d->env.ask->docker_list(d->env.ask->ctx);
}

/* The stream first, then the list: what happens between the two is in both,
 * and nothing is in neither. */
static void
open_stream(struct docker *d)
{
	int64_t since = d->last.ns != 0 ? d->last.ns :
	    mono_wall(d->env.clock).ns - MONO_S;

	(void)splitter_reset(&d->events);
	d->open = true;
	d->listed = false;
	if (d->env.ask != NULL && d->env.ask->docker_events != NULL)
		d->env.ask->docker_events(d->env.ask->ctx, since / MONO_S);
	ask_list(d);
}

static void
want_again(void *ctx, const struct container *c)
{
	if (!c->removed)
		docker_want(ctx, c->id, (struct wall){ c->changed_ns });
}

void
docker_ask_again(struct docker *d)
{
	if (!d->open) {
		open_stream(d);
		return;
	}
	ask_list(d);
	container_each(d->env.containers, want_again, d);
}

bool
docker_ready(const struct docker *d)
{
	return d->open && d->listed;
}

const char *
docker_trouble(const struct docker *d)
{
	return d->trouble;
}

static void
pump(struct docker *d)
{
	struct want *w;
	char id[65] = "";

	for (w = map_oldest(d->wants); w != NULL && d->in_flight < IN_FLIGHT;
	    w = map_newer(d->wants, w)) {
		if (w->asked_ns != 0)
			continue;
		w->asked_ns = mono_now(d->env.clock).ns;
		w->tries++;
		w->dirty = false;
		d->in_flight++;
		memcpy(id, map_key(d->wants, w), 64);
		if (d->env.ask != NULL && d->env.ask->docker_inspect != NULL)
			d->env.ask->docker_inspect(d->env.ask->ctx, id);
	}
}

void
docker_want(struct docker *d, const char *id, struct wall from)
{
	struct want *w;
	bool made;

	if (!facts_is_id(id, strnlen(id, 65)))
		return;
	w = map_get(d->wants, id);
	if (w != NULL) {
		w->dirty = true;
		if (from.ns > w->from.ns)
			w->from = from;
		return;
	}
	w = map_put(d->wants, id, &made);
	if (w == NULL)
		return;
	w->from = from;
	pump(d);
}

bool
docker_is_waiting(const struct docker *d, const char *id)
{
	if (id == NULL)
		return map_count(d->wants) > 0;
	return strnlen(id, 65) == 64 && map_get(d->wants, id) != NULL;
}

bool
docker_may_tell(const struct docker *d, const char *id)
{
	return d->open && (!d->listed || docker_is_waiting(d, id));
}

static void
want_living(void *ctx, const struct container *c)
{
	struct docker *d = ctx;

	if (!c->removed)
		docker_want(d, c->id, (struct wall){ c->changed_ns });
}

void
docker_start(struct docker *d)
{
	if (!d->open) {
		open_stream(d);
		return;
	}
	ask_list(d);
	container_each(d->env.containers, want_living, d);
}

static void
forget_want(struct docker *d, struct want *w)
{
	if (w->asked_ns != 0 && d->in_flight > 0)
		d->in_flight--;
	map_remove(d->wants, w);
}

static void
retry_want(struct docker *d, struct want *w)
{
	if (w->tries >= TRIES) {
		ledger_add(d->unanswered, 1);
		forget_want(d, w);
		return;
	}
	if (w->asked_ns != 0 && d->in_flight > 0)
		d->in_flight--;
	w->asked_ns = 0;
}

static void
keep_asking(struct docker *d, struct mono now)
{
	bool stalled = d->ticked_ns != 0 && now.ns - d->ticked_ns > STALL_NS;

	d->ticked_ns = now.ns;
	if (d->open && stalled) {
		ledger_add(d->stalls, 1);
		open_stream(d);
	} else if (!d->open && now.ns >= d->retry_at)
		open_stream(d);
	else if (d->open && now.ns >= d->list_at) {
		ask_list(d);
		container_tick(d->env.containers, mono_wall(d->env.clock));
	}
}

void
docker_tick(struct docker *d, struct mono now)
{
	struct want *w, *next;

	/* In replay nobody is asked, but an answer is waited for as it was
	 * live: who waits, and from when its facts count, depends on it. */
	if (d->env.ask != NULL)
		keep_asking(d, now);
	for (w = map_oldest(d->wants); w != NULL; w = next) {
		next = map_newer(d->wants, w);
		if (w->asked_ns != 0 && now.ns - w->asked_ns > ANSWER_NS)
			retry_want(d, w);
	}
	pump(d);
}

static void
learn_inspect(struct docker *d, const char *json, size_t len,
    struct wall from, const char *id)
{
	struct json_doc *doc = json_parse(json, len, JSON_LAX, NULL, 0);
	struct facts *f;
	const struct container *c;

	if (doc == NULL) {
		ledger_add(d->bad, 1);
		return;
	}
	f = facts_from_inspect(json_root(doc));
	json_doc_free(doc);
	/* The answer is about who we asked for, or it is no answer. */
	if (f == NULL || memcmp(f->id, id, 64) != 0) {
		ledger_add(d->bad, 1);
		facts_free(f);
		return;
	}
	container_learn(d->env.containers, f, from);
	c = container_find(d->env.containers, id, 64);
	if (c != NULL && d->env.inspected != NULL)
		d->env.inspected(d->env.ctx, c);
}

void
docker_on_inspect(struct docker *d, const char *id, int status,
    const char *json, size_t len)
{
	struct want *w;
	bool again;
	struct wall from;

	if (!facts_is_id(id, strnlen(id, 65)))
		return;
	w = map_get(d->wants, id);
	from = w != NULL ? w->from : mono_wall(d->env.clock);
	again = w != NULL && w->dirty;
	if (status == 0 && w != NULL) {
		retry_want(d, w);
		return;
	}
	if (w != NULL)
		forget_want(d, w);
	if (status == 404)
		container_removed(d->env.containers, id,
		    mono_wall(d->env.clock));
	else if (status == 200)
		learn_inspect(d, json, len, from, id);
	if (again && status == 200)
		docker_want(d, id, from);
	pump(d);
}

/* A round of the list: which containers it named. */
struct round {
	struct docker	*docker;
	struct map	*seen;
	bool		 whole;
};

static bool
same_addresses(const struct facts *a, const struct facts *b)
{
	size_t i;

	if (a->n_networks != b->n_networks)
		return false;
	for (i = 0; i < a->n_networks; i++)
		if (strcmp(a->networks[i].name, b->networks[i].name) != 0 ||
		    !ipaddr_equal(&a->networks[i].ip, &b->networks[i].ip) ||
		    !ipaddr_equal(&a->networks[i].ip6, &b->networks[i].ip6))
			return false;
	return true;
}

static void
on_element(void *ctx, const char *text, size_t len)
{
	struct round *r = ctx;
	struct docker *d = r->docker;
	struct json_doc *doc = json_parse(text, len, JSON_LAX, NULL, 0);
	struct facts *f = doc == NULL ? NULL : facts_from_list(json_root(doc));
	const struct container *c;

	json_doc_free(doc);
	if (f == NULL) {
		ledger_add(d->bad, 1);
		r->whole = false;
		return;
	}
	if (map_put(r->seen, f->id, NULL) == NULL)
		r->whole = false;
	c = container_find(d->env.containers, f->id, 64);
	if (c == NULL || !c->facts->inspected || c->removed ||
	    strcmp(c->facts->state, f->state) != 0 ||
	    strcmp(c->facts->name, f->name) != 0 ||
	    !same_addresses(c->facts, f))
		docker_want(d, f->id, d->list_asked);
	if (c == NULL)
		container_learn(d->env.containers, f, d->list_asked);
	else
		facts_free(f);
}

/* Who is in the table and not in the list has gone without our hearing it. */
static void
drop_unseen(void *ctx, const struct container *c)
{
	struct round *r = ctx;

	if (!c->removed && c->changed_ns < r->docker->list_asked.ns &&
	    map_get(r->seen, c->id) == NULL)
		container_removed(r->docker->env.containers, c->id,
		    r->docker->list_asked);
}

void
docker_on_list(struct docker *d, const char *json, size_t len)
{
	struct round r = { .docker = d, .whole = true };
	struct splitter s;

	if (json == NULL || len < 2)
		return;
	r.seen = map_new(64, 1, CONTAINER_LIMIT, NULL, NULL);
	if (r.seen == NULL)
		return;
	splitter_init(&s);
	splitter_feed(&s, json, len, on_element, &r);
	if (splitter_reset(&s) || s.skipped != 0 || s.stray != 0 ||
	    json[0] != '[')
		r.whole = false;
	splitter_fini(&s);
	if (r.whole) {
		container_each(d->env.containers, drop_unseen, &r);
		d->listed = d->answered = true;
		d->trouble[0] = '\0';
		if (d->said_away)
			log_notice("docker answers again");
		d->said_away = false;
		d->retry_ns = RETRY_MIN_NS;
	}
	map_free(r.seen);
}

/* True when the stream has shown us this event before. */
static bool
is_repeated(struct docker *d, const struct docker_event *e)
{
	struct { int64_t ns; uint64_t action, actor; } id = {
		e->when.ns,
		hash_64(&d->key, e->action, strlen(e->action)),
		hash_64(&d->key, e->actor, strlen(e->actor)),
	};
	uint64_t sum = hash_64(&d->key, &id, sizeof(id));
	size_t i;

	if (e->when.ns <= d->last.ns)
		for (i = 0; i < RECENT; i++)
			if (d->recent[i] == sum)
				return true;
	d->recent[d->n_recent++ % RECENT] = sum;
	if (e->when.ns > d->last.ns)
		d->last = e->when;
	return false;
}

static void
apply_network(struct docker *d, const struct docker_event *e)
{
	if (strcmp(e->action, "disconnect") == 0) {
		container_left(d->env.containers, e->container, e->name,
		    e->when);
		docker_want(d, e->container, e->when);
	} else if (strcmp(e->action, "connect") == 0) {
		container_joined(d->env.containers, e->container, e->when);
		docker_want(d, e->container, e->when);
	}
}

static int64_t
exit_code(const struct docker_event *e)
{
	const char *s = json_str(json_member(e->attributes, "exitCode"), NULL);

	return s == NULL ? 0 : strtoll(s, NULL, 10);
}

static void
apply_container(struct docker *d, const struct docker_event *e)
{
	struct container_table *t = d->env.containers;
	const char *a = e->action;
	struct want *w = map_get(d->wants, e->container);

	if (w != NULL)
		w->dirty = true;
	if (container_find(t, e->container, 64) == NULL) {
		/* Every event of a container has its name and image. */
		struct facts *f = facts_from_create(e->container,
		    e->attributes, e->when);

		if (f == NULL)
			return;
		if (strcmp(a, "create") != 0)
			f->created.ns = 0;
		container_learn(t, f, e->when);
		docker_want(d, e->container, e->when);
	}
	if (strcmp(a, "start") == 0) {
		container_started(t, e->container, e->when);
		docker_want(d, e->container, e->when);
	} else if (strcmp(a, "die") == 0)
		container_died(t, e->container, e->when, exit_code(e));
	else if (strcmp(a, "destroy") == 0)
		container_removed(t, e->container, e->when);
	else if (strcmp(a, "rename") == 0)
		container_renamed(t, e->container, e->name, e->when);
	else if (strcmp(a, "pause") == 0)
		container_state(t, e->container, "paused", e->when);
	else if (strcmp(a, "unpause") == 0)
		container_state(t, e->container, "running", e->when);
	else if (strcmp(a, "update") == 0)
		docker_want(d, e->container, e->when);
}

/* The table has changed: compare it with the list in a moment. */
static void
list_soon(struct docker *d, const struct docker_event *e)
{
	int64_t at = mono_now(d->env.clock).ns + LIST_SOON_NS;

	if (strncmp(e->action, "exec_", 5) != 0 && at < d->list_at)
		d->list_at = at;
}

static void
submit(struct docker *d, const struct docker_event *e)
{
	struct event *ev = docker_event_make(e);
	const struct container *c;

	if (ev == NULL) {
		ledger_add(d->no_memory, 1);
		return;
	}
	c = *e->container == '\0' ? NULL :
	    container_find(d->env.containers, e->container, 64);
	if (c != NULL) {
		container_write(c, ev, true);
		event_set_cstr(ev, FIELD_TALLYMAN_ATTRIBUTION_METHOD,
		    "docker");
		event_set_cstr(ev, FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE,
		    "high");
	}
	ledger_add(&d->stage->delivered, 1);
	pipeline_submit(d->env.pipeline, ev);
}

static void
on_object(void *ctx, const char *text, size_t len)
{
	struct docker *d = ctx;
	struct json_doc *doc = json_parse(text, len, JSON_LAX, NULL, 0);
	struct docker_event e;

	ledger_add(&d->stage->received, 1);
	if (doc == NULL || docker_event_read(json_root(doc), &e) != 0) {
		ledger_add(d->bad, 1);
		log_limited(&d->limit, LOG_WARNING,
		    "an event of %zu bytes was not understood", len);
		json_doc_free(doc);
		return;
	}
	if (is_repeated(d, &e)) {
		ledger_add(d->repeated, 1);
		ledger_add(&d->stage->delivered, 1);
		json_doc_free(doc);
		return;
	}
	list_soon(d, &e);
	if (strcmp(e.type, "network") == 0 && *e.container != '\0')
		apply_network(d, &e);
	else if (strcmp(e.type, "container") == 0 && *e.container != '\0')
		apply_container(d, &e);
	if (d->env.event != NULL)
		d->env.event(d->env.ctx, &e);
	submit(d, &e);
	json_doc_free(doc);
}

void
docker_on_event_bytes(struct docker *d, const char *bytes, size_t len)
{
	uint64_t before = d->events.skipped;

	splitter_feed(&d->events, bytes, len, on_object, d);
	if (d->events.skipped != before) {
		ledger_add(&d->stage->received, d->events.skipped - before);
		ledger_add(d->skipped, d->events.skipped - before);
	}
}

static void
back_off(struct docker *d)
{
	d->open = false;
	(void)splitter_reset(&d->events);
	d->retry_at = mono_now(d->env.clock).ns + d->retry_ns;
	d->retry_ns = d->retry_ns * 2 > RETRY_MAX_NS ? RETRY_MAX_NS :
	    d->retry_ns * 2;
}

void
docker_on_events_end(struct docker *d, const char *why)
{
	if (!d->open)
		return;
	(void)snprintf(d->trouble, sizeof(d->trouble), "%s", why);
	if (d->answered && !d->said_away) {
		log_notice("docker event stream ended: %s; containers are "
		    "named from memory until it is back", why);
		d->said_away = true;
	}
	ledger_add(d->breaks, 1);
	back_off(d);
}

void
docker_on_gap(struct docker *d, uint64_t n)
{
	ledger_add(d->gaps, n);
	(void)splitter_reset(&d->events);
	/* What was lost may still be in the daemon's memory: ask for it from
	 * the last event that we have. */
	open_stream(d);
}

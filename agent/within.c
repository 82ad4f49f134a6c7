#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "agent/within.h"
#include "collectors/packet/loopback.h"
#include "lib/map.h"
#include "stream/stream.h"

#define LOG_TAG "packet"
#include "lib/log.h"

#define CONTAINERS_MAX	1024
#define BLOCKS_A_TURN	64	/* all of a ring */
#define LINGER		(60 * MONO_MS)	/* longer than a block is open */
#define COUNT_EVERY	MONO_S
#define RESOLVER	"127.0.0.11"

struct ring {
	struct within		*within;
	struct loopback		*loopback;	/* NULL: the slot is free */
	struct loop_fd		*watch;
	uint16_t		 scope;
	uint16_t		 udp, tcp;	/* of the embedded DNS server */
	unsigned		 n_containers;
	uint64_t		 inode;
	struct mono		 close_at;	/* 0: not yet */
};

enum state { STATE_ASKED, STATE_IN, STATE_OUT, STATE_OVER };

/* By container id. */
struct member {
	uint8_t			 state;		/* enum state */
	uint16_t		 scope;
	uint32_t		 pid;
};

struct within {
	struct within_env	 env;
	struct map		*members;
	struct ring		 rings[WITHIN_RINGS];
	struct mono_clock	 clock;
	struct mono		 counted;
	uint16_t		 last_scope;
	bool			 warned;
	struct ledger_stage	*stage;
	ledger_count		*drops, *opened, *over, *refused;
};

struct within *
within_new(const struct within_env *env)
{
	struct within *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->env = *env;
	in->members = map_new(WIRE_ID, sizeof(struct member), CONTAINERS_MAX,
	    NULL, NULL);
	if (in->members == NULL) {
		free(in);
		errno = ENOMEM;
		return NULL;
	}
	in->stage = ledger_stage(env->ledger, "packet.loopback");
	in->drops = ledger_outside(in->stage, "ring_drops");
	in->opened = ledger_noted(in->stage, "rings_opened");
	in->over = ledger_noted(in->stage, "containers_over_limit");
	in->refused = ledger_noted(in->stage, "not_opened");
	return in;
}

static void
count_lost(struct ring *r)
{
	uint32_t lost = loopback_lost(r->loopback);

	if (lost == 0)
		return;
	ledger_add(r->within->drops, lost);
	r->within->env.lost(r->within->env.ctx, lost);
}

static void
read_ring(struct ring *r, unsigned blocks)
{
	unsigned n = loopback_read(r->loopback, blocks);

	ledger_add(&r->within->stage->received, n);
	ledger_add(&r->within->stage->delivered, n);
}

static void
close_ring(struct ring *r)
{
	struct within *in = r->within;

	read_ring(r, BLOCKS_A_TURN);
	count_lost(r);
	loop_fd_remove(r->watch);
	loopback_free(r->loopback);
	memset(r, 0, sizeof(*r));
	r->within = in;
}

void
within_free(struct within *in)
{
	size_t i;

	if (in == NULL)
		return;
	for (i = 0; i < WITHIN_RINGS; i++)
		if (in->rings[i].loopback != NULL) {
			loop_fd_remove(in->rings[i].watch);
			loopback_free(in->rings[i].loopback);
		}
	map_free(in->members);
	free(in);
}

static void
on_frame(void *ctx, const struct collector_input *input)
{
	struct ring *r = ctx;

	r->within->env.frame(r->within->env.ctx, input);
}

static void
on_ring(void *ctx, int fd, unsigned what)
{
	struct ring *r = ctx;

	(void)fd;
	(void)what;
	read_ring(r, BLOCKS_A_TURN);
}

static struct ring *
find_inode(struct within *in, uint64_t inode)
{
	size_t i;

	for (i = 0; i < WITHIN_RINGS; i++)
		if (in->rings[i].loopback != NULL &&
		    in->rings[i].inode == inode)
			return &in->rings[i];
	return NULL;
}

static struct ring *
find_scope(struct within *in, uint16_t scope)
{
	size_t i;

	for (i = 0; i < WITHIN_RINGS; i++)
		if (in->rings[i].loopback != NULL &&
		    in->rings[i].scope == scope)
			return &in->rings[i];
	return NULL;
}

static struct ring *
find_free(struct within *in)
{
	size_t i;

	for (i = 0; i < WITHIN_RINGS; i++)
		if (in->rings[i].loopback == NULL)
			return &in->rings[i];
	return NULL;
}

static uint16_t
next_scope(struct within *in)
{
	do {
		if (++in->last_scope > STREAM_INSIDE_MAX)
			in->last_scope = 1;
	} while (find_scope(in, in->last_scope) != NULL);
	return in->last_scope;
}

/*
 * The port of the only socket at the resolver's address in a table of
 * /proc/net, which shows addresses as numbers of the machine; 0 when there is
 * none, or several.
 */
static uint16_t
find_resolver(const char *text, size_t len)
{
	char needle[16], hex[5] = "";
	const char *at, *end = text + len;
	size_t n = (size_t)snprintf(needle, sizeof(needle), ": %08X:",
	    inet_addr(RESOLVER));
	unsigned port, found = 0;

	while ((at = memmem(text, (size_t)(end - text), needle, n)) != NULL) {
		text = at + n;
		if (end - text < 4)
			return 0;
		memcpy(hex, text, 4);
		if (sscanf(hex, "%4x", &port) != 1 ||
		    (found != 0 && found != port))
			return 0;
		found = port;
	}
	return (uint16_t)found;
}

static void
tell(struct within *in, const struct ring *r, const char *id)
{
	struct wire_answer a = { .verb = WIRE_OPEN_LOOPBACK,
	    .flags = WIRE_LAST };
	char text[32];
	int n = snprintf(text, sizeof(text), "%u %u %u", r->scope, r->udp,
	    r->tcp);

	memcpy(a.id, id, strnlen(id, WIRE_ID - 1));
	a.len = (uint32_t)n;
	in->env.told(in->env.ctx, &a, text, (size_t)n);
}

/* Inode and tables of an answer: INODE SPACE udp NUL tcp. */
static bool
read_answer(const char *bytes, size_t len, struct ring *r)
{
	const char *space = memchr(bytes, ' ', len), *tcp;
	char number[24];
	size_t rest;

	if (space == NULL || (size_t)(space - bytes) >= sizeof(number))
		return false;
	memcpy(number, bytes, (size_t)(space - bytes));
	number[space - bytes] = '\0';
	r->inode = strtoull(number, NULL, 10);
	rest = len - (size_t)(space + 1 - bytes);
	tcp = memchr(space + 1, '\0', rest);
	if (tcp == NULL)
		return false;
	r->udp = find_resolver(space + 1, (size_t)(tcp - space - 1));
	r->tcp = find_resolver(tcp + 1, len - (size_t)(tcp + 1 - bytes));
	return r->inode != 0;
}

/* A ring for a namespace that has none. NULL when there is no room. */
static struct ring *
open_ring(struct within *in, const struct ring *like, int fd)
{
	struct ring *r = find_free(in);

	if (r == NULL) {
		ledger_add(in->over, 1);
		if (!in->warned)
			log_warnx("loopback: more than %d network namespaces "
			    "of containers: the others are not captured",
			    WITHIN_RINGS);
		in->warned = true;
		close(fd);
		return NULL;
	}
	*r = *like;
	r->within = in;
	r->scope = next_scope(in);
	r->loopback = loopback_new(fd, r->scope, on_frame, r);
	if (r->loopback == NULL)
		return NULL;
	r->watch = loop_fd_add(in->env.loop, fd, LOOP_READ, 1, on_ring, r);
	if (r->watch == NULL) {
		loopback_free(r->loopback);
		r->loopback = NULL;
		return NULL;
	}
	ledger_add(in->opened, 1);
	return r;
}

static void
leave(struct within *in, struct member *m, struct mono now)
{
	struct ring *r = m->state == STATE_IN ? find_scope(in, m->scope) : NULL;

	m->state = STATE_OUT;
	if (r != NULL && --r->n_containers == 0)
		r->close_at.ns = now.ns + LINGER;
}

void
within_on_answer(struct within *in, const struct wire_answer *a,
    const char *bytes, size_t len, int fd)
{
	struct member *m = map_get(in->members, a->id);
	struct ring found = { 0 }, *r;

	/* It ended meanwhile, or shares the host's namespace. */
	if (m == NULL || m->state != STATE_ASKED || m->pid != a->pid ||
	    a->status != 0 || fd == -1 || !read_answer(bytes, len, &found)) {
		if (m != NULL && m->state == STATE_ASKED)
			m->state = STATE_OUT;
		if (a->status != 0 && a->status != -EEXIST)
			ledger_add(in->refused, 1);
		if (fd != -1)
			close(fd);
		return;
	}
	r = find_inode(in, found.inode);
	if (r != NULL)
		close(fd);
	else
		r = open_ring(in, &found, fd);
	if (r == NULL) {
		m->state = STATE_OVER;
		return;
	}
	m->state = STATE_IN;
	m->scope = r->scope;
	r->n_containers++;
	r->close_at.ns = 0;
	tell(in, r, a->id);
}

void
within_on_container(struct within *in, const struct container *c)
{
	bool runs = c->running && !c->removed && c->facts->init_pid != 0 &&
	    strcmp(c->facts->network_mode, "host") != 0;
	char key[WIRE_ID] = "";
	struct member *m;

	memcpy(key, c->id, strnlen(c->id, WIRE_ID - 1));
	m = map_get(in->members, key);
	if (m != NULL && (!runs || m->pid != c->facts->init_pid)) {
		leave(in, m, mono_now(&in->clock));
		map_remove(in->members, m);
		m = NULL;
	}
	if (!runs || m != NULL)
		return;
	if (map_count(in->members) == CONTAINERS_MAX) {
		ledger_add(in->over, 1);
		return;
	}
	m = map_put(in->members, key, NULL);
	if (m == NULL)
		return;
	m->state = STATE_ASKED;
	m->pid = c->facts->init_pid;
	in->env.ask(in->env.ctx, key, m->pid);
}

/* There is room again for one that had none. */
static void
ask_for_next(struct within *in)
{
	struct member *m = map_oldest(in->members);

	while (m != NULL && m->state != STATE_OVER)
		m = map_newer(in->members, m);
	if (m == NULL)
		return;
	m->state = STATE_ASKED;
	in->env.ask(in->env.ctx, map_key(in->members, m), m->pid);
}

void
within_tick(struct within *in, struct mono now)
{
	bool count = now.ns - in->counted.ns >= COUNT_EVERY;
	size_t i;

	if (count)
		in->counted = now;
	for (i = 0; i < WITHIN_RINGS; i++) {
		struct ring *r = &in->rings[i];

		if (r->loopback == NULL)
			continue;
		if (count)
			count_lost(r);
		if (r->close_at.ns != 0 && now.ns >= r->close_at.ns) {
			close_ring(r);
			ask_for_next(in);
		}
	}
}

void
within_drain(struct within *in)
{
	size_t i;

	for (i = 0; i < WITHIN_RINGS; i++)
		if (in->rings[i].loopback != NULL) {
			read_ring(&in->rings[i], BLOCKS_A_TURN);
			count_lost(&in->rings[i]);
		}
}

void
within_tell_again(struct within *in)
{
	const struct ring *r;
	struct member *m;

	for (m = map_oldest(in->members); m != NULL;
	    m = map_newer(in->members, m)) {
		r = m->state == STATE_IN ? find_scope(in, m->scope) : NULL;
		if (r != NULL)
			tell(in, r, map_key(in->members, m));
	}
}

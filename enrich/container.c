#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/address.h"
#include "enrich/container.h"
#include "enrich/identity.h"
#include "lib/map.h"

/* A flow's last packets come after the end of its container, and its first
 * before the network's facts. */
#define GRACE_NS	(2 * MONO_S)
#define GATEWAYS	1024
#define SUBNETS		256

struct container_table {
	struct map		*map;	/* 32 bytes of id to struct entry */
	struct address_table	*addresses;
	container_changed_fn	 changed;
	void			*changed_ctx;
	ledger_count		*evicted;
	struct map		*gateways;
	struct ipaddr_cidr	 subnets[SUBNETS];
	size_t			 n_subnets;
};

/* What the map holds; facts are ours to change and to free. */
struct entry {
	struct container	 c;
	struct facts		*facts;
	int64_t			 joined_ns;	/* wall; 0: learnt since */
};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
container_id_parse(const char *id, size_t len, uint8_t out[static 32])
{
	size_t i;

	if (id == NULL || !facts_is_id(id, len))
		return false;
	for (i = 0; i < 32; i++)
		out[i] = (uint8_t)(hex(id[2 * i]) << 4 | hex(id[2 * i + 1]));
	return true;
}

void
container_id_format(const uint8_t id[static 32], char out[static 65])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	if (identity_is_name(id)) {
		memcpy(out, id, 32);
		return;
	}
	for (i = 0; i < 32; i++) {
		out[2 * i] = digits[id[i] >> 4];
		out[2 * i + 1] = digits[id[i] & 15];
	}
	out[64] = '\0';
}

static void
gone(void *ctx, const void *key, void *value, bool evicted)
{
	struct container_table *t = ctx;
	struct entry *e = value;

	(void)key;
	facts_free(e->facts);
	if (evicted)
		ledger_add(t->evicted, 1);
}

struct container_table *
container_table_new(struct ledger *ledger)
{
	struct container_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->evicted = ledger_noted(ledger_stage(ledger, "enrich.docker"),
	    "containers_evicted");
	t->map = map_new(32, sizeof(struct entry), CONTAINER_LIMIT, gone, t);
	t->addresses = address_table_new();
	t->gateways = map_new(sizeof(struct ipaddr), 1, GATEWAYS, NULL, NULL);
	if (t->map == NULL || t->addresses == NULL || t->gateways == NULL) {
		container_table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

void
container_table_free(struct container_table *t)
{
	if (t == NULL)
		return;
	if (t->map != NULL)
		map_free(t->map);
	if (t->gateways != NULL)
		map_free(t->gateways);
	address_table_free(t->addresses);
	free(t);
}

void
container_table_on_change(struct container_table *t, container_changed_fn fn,
    void *ctx)
{
	t->changed = fn;
	t->changed_ctx = ctx;
}

size_t
container_table_count(const struct container_table *t)
{
	return map_count(t->map);
}

static struct entry *
find(struct container_table *t, const char *id, size_t len)
{
	uint8_t key[32];

	return container_id_parse(id, len, key) ? map_get(t->map, key) : NULL;
}

const struct container *
container_find(struct container_table *t, const char *id, size_t len)
{
	struct entry *e = find(t, id, len);

	return e == NULL ? NULL : &e->c;
}

const struct container *
container_find_binary(struct container_table *t, const uint8_t id[static 32])
{
	struct entry *e = map_get(t->map, id);

	return e == NULL ? NULL : &e->c;
}

/* a before b in the answer to a name. */
static bool
is_better(const struct container *a, const struct container *b)
{
	if (b == NULL || a->removed != b->removed)
		return b == NULL || !a->removed;
	return a->facts->created.ns > b->facts->created.ns;
}

const struct container *
container_find_name(struct container_table *t, const char *name)
{
	const struct container *best = NULL, *prefix = NULL;
	size_t len = strlen(name), n_prefix = 0;
	struct entry *e;

	for (e = map_oldest(t->map); e != NULL; e = map_newer(t->map, e)) {
		if (strcmp(e->c.facts->name, name) == 0 &&
		    is_better(&e->c, best))
			best = &e->c;
		if (len >= 12 && len <= 64 && memcmp(e->c.id, name, len) == 0) {
			prefix = &e->c;
			n_prefix++;
		}
	}
	if (best != NULL)
		return best;
	return n_prefix == 1 ? prefix : NULL;
}

const struct container *
container_find_ip(struct container_table *t, const struct ipaddr *ip,
    struct wall when, const char **network)
{
	const struct address_owner *a;
	const struct container *c;

	a = address_find(t->addresses, ip, when, GRACE_NS);
	c = a == NULL ? NULL : container_find_binary(t, a->id);
	if (c != NULL && network != NULL)
		*network = a->network;
	return c;
}

void
container_each(struct container_table *t, container_changed_fn fn, void *ctx)
{
	struct entry *e, *next;

	for (e = map_oldest(t->map); e != NULL; e = next) {
		next = map_newer(t->map, e);
		fn(ctx, &e->c);
	}
}

bool
container_is_gateway(struct container_table *t, const struct ipaddr *ip)
{
	return map_get(t->gateways, ip) != NULL;
}

bool
container_in_subnet(struct container_table *t, const struct ipaddr *ip)
{
	size_t i;

	for (i = 0; i < t->n_subnets; i++)
		if (ipaddr_in(ip, &t->subnets[i]))
			return true;
	return false;
}

bool
container_is_broadcast(struct container_table *t, const struct ipaddr *ip)
{
	uint32_t host, mask;
	size_t i;

	if (ip->family != 4)
		return false;
	memcpy(&host, ip->bytes, 4);
	host = ntohl(host);
	if (host == UINT32_MAX)
		return true;
	for (i = 0; i < t->n_subnets; i++) {
		const struct ipaddr_cidr *c = &t->subnets[i];

		if (c->base.family != 4 || c->bits > 30 || !ipaddr_in(ip, c))
			continue;
		mask = c->bits == 0 ? UINT32_MAX : UINT32_MAX >> c->bits;
		if ((host & mask) == mask)
			return true;
	}
	return false;
}

static void
learn_subnet(struct container_table *t, const struct ipaddr *ip, uint8_t bits)
{
	struct ipaddr_cidr c = { *ip, bits };
	size_t i;

	if (ip->family == 0 || bits == 0)
		return;
	for (i = 0; i < t->n_subnets; i++)
		if (t->subnets[i].bits == bits && ipaddr_in(ip, &t->subnets[i]))
			return;
	/* The oldest makes room. */
	if (t->n_subnets == SUBNETS)
		memmove(&t->subnets[0], &t->subnets[1],
		    --t->n_subnets * sizeof(t->subnets[0]));
	t->subnets[t->n_subnets++] = c;
}

static void
learn_networks(struct container_table *t, const struct facts *f)
{
	size_t i;

	for (i = 0; i < f->n_networks; i++) {
		const struct facts_network *n = &f->networks[i];

		if (n->gateway.family != 0)
			(void)map_put(t->gateways, &n->gateway, NULL);
		if (n->gateway6.family != 0)
			(void)map_put(t->gateways, &n->gateway6, NULL);
		learn_subnet(t, &n->ip, n->bits);
		learn_subnet(t, &n->ip6, n->bits6);
	}
}

static void
tell(struct container_table *t, struct entry *e, struct wall when)
{
	if (when.ns > e->c.changed_ns)
		e->c.changed_ns = when.ns;
	if (t->changed != NULL)
		t->changed(t->changed_ctx, &e->c);
}

/* The address that the kernel gives itself from the MAC (RFC 4291, appendix
 * A), which Docker does not name. */
static bool
link_local(const char *mac, struct ipaddr *out)
{
	uint8_t b[16] = { 0xfe, 0x80 };
	unsigned m[6];

	if (sscanf(mac, "%2x-%2x-%2x-%2x-%2x-%2x", &m[0], &m[1], &m[2], &m[3],
	    &m[4], &m[5]) != 6)
		return false;
	b[8] = (uint8_t)(m[0] ^ 2);
	b[9] = (uint8_t)m[1];
	b[10] = (uint8_t)m[2];
	b[11] = 0xff;
	b[12] = 0xfe;
	b[13] = (uint8_t)m[3];
	b[14] = (uint8_t)m[4];
	b[15] = (uint8_t)m[5];
	*out = ipaddr_v6(b);
	return true;
}

static void
take_network(struct container_table *t, struct entry *e,
    const struct facts_network *n, struct wall when)
{
	struct ipaddr local;

	if (link_local(n->mac, &local))
		address_take(t->addresses, &local, e->c.binary, when);
	if (n->ip.family != 0)
		address_take(t->addresses, &n->ip, e->c.binary, when);
	if (n->ip6.family != 0)
		address_take(t->addresses, &n->ip6, e->c.binary, when);
}

static bool
has_ip(const struct facts *f, const struct ipaddr *ip)
{
	size_t i;

	for (i = 0; i < f->n_networks; i++)
		if (ipaddr_equal(&f->networks[i].ip, ip) ||
		    ipaddr_equal(&f->networks[i].ip6, ip))
			return true;
	return false;
}

static bool
has_addresses(const struct facts *f)
{
	size_t i;

	for (i = 0; i < f->n_networks; i++)
		if (f->networks[i].ip.family != 0 ||
		    f->networks[i].ip6.family != 0)
			return true;
	return false;
}

/* Addresses that the new facts no longer have end, the new ones begin. */
static void
change_addresses(struct container_table *t, struct entry *e,
    const struct facts *new, struct wall when)
{
	size_t i;

	for (i = 0; e->facts != NULL && i < e->facts->n_networks; i++) {
		const struct facts_network *n = &e->facts->networks[i];

		if (n->ip.family != 0 && !has_ip(new, &n->ip))
			address_take(t->addresses, &n->ip, e->c.binary, when);
		if (n->ip6.family != 0 && !has_ip(new, &n->ip6))
			address_take(t->addresses, &n->ip6, e->c.binary, when);
	}
	/* Docker told of the network before it told of the start. */
	if (e->joined_ns != 0 && e->joined_ns < when.ns)
		when.ns = e->joined_ns;
	if (has_addresses(new))
		e->joined_ns = 0;
	for (i = 0; i < new->n_networks; i++) {
		const struct facts_network *n = &new->networks[i];
		struct ipaddr local;

		if (link_local(n->mac, &local))
			address_give(t->addresses, &local, e->c.binary,
			    n->name, when);
		if (n->ip.family != 0)
			address_give(t->addresses, &n->ip, e->c.binary,
			    n->name, when);
		if (n->ip6.family != 0)
			address_give(t->addresses, &n->ip6, e->c.binary,
			    n->name, when);
	}
}

static bool
is_running(const struct facts *f)
{
	return strcmp(f->state, "running") == 0 ||
	    strcmp(f->state, "paused") == 0 ||
	    strcmp(f->state, "restarting") == 0;
}

/* The dead go first; a table full of living ones loses its oldest. */
static void
make_room(struct container_table *t)
{
	struct entry *e;

	if (map_count(t->map) < CONTAINER_LIMIT)
		return;
	for (e = map_oldest(t->map); e != NULL; e = map_newer(t->map, e))
		if (e->c.removed || !e->c.running)
			break;
	if (e == NULL)
		return;
	facts_free(e->facts);
	map_remove(t->map, e);
	ledger_add(t->evicted, 1);
}

/* An inspect that was under way when its container ended says "running". */
static bool
is_stale(const struct entry *e, const struct facts *f)
{
	return e->c.removed || (is_running(f) && e->c.died_ns != 0 &&
	    f->started.ns <= e->c.died_ns);
}

static void
keep_end(struct container_table *t, struct entry *e, struct facts *f)
{
	struct wall died = { e->c.died_ns };
	size_t i;

	if (is_running(f) && f->started.ns > e->c.died_ns)
		return;
	f->state = e->c.removed ? "removed" : "exited";
	f->finished = died;
	f->exit_code = e->facts->exit_code;
	f->init_pid = 0;
	for (i = 0; i < f->n_networks; i++)
		take_network(t, e, &f->networks[i], died);
}

void
container_learn(struct container_table *t, struct facts *f, struct wall when)
{
	uint8_t key[32];
	struct entry *e;
	bool made, stale;

	if (!container_id_parse(f->id, 64, key)) {
		facts_free(f);
		return;
	}
	e = map_get(t->map, key);
	if (e == NULL)
		make_room(t);
	else if (e->facts->inspected && !f->inspected) {
		/* A list knows less than the inspect before it. */
		map_touch(t->map, e);
		facts_free(f);
		return;
	}
	e = map_put(t->map, key, &made);
	if (e == NULL) {
		facts_free(f);
		return;
	}
	if (made) {
		memcpy(e->c.id, f->id, sizeof(e->c.id));
		memcpy(e->c.binary, key, sizeof(key));
	}
	stale = !made && is_stale(e, f);
	learn_networks(t, f);
	change_addresses(t, e, f, when);
	if (stale)
		keep_end(t, e, f);
	facts_free(e->facts);
	e->facts = f;
	e->c.facts = f;
	e->c.running = is_running(f);
	if (e->c.running) {
		e->c.died_ns = 0;
		e->c.removed = false;
	} else if (e->c.died_ns == 0 && f->finished.ns != 0)
		e->c.died_ns = f->finished.ns;
	tell(t, e, when);
}

/* Docker's stream repeats what was before its inspect told us that the
 * container is gone. */
static bool
is_history(const struct entry *e, struct wall when)
{
	return e->c.removed && when.ns <= e->c.changed_ns;
}

void
container_started(struct container_table *t, const char *id, struct wall when)
{
	struct entry *e = find(t, id, 64);

	if (e == NULL)
		return;
	if (is_history(e, when)) {
		e->facts->started = when;
		tell(t, e, when);
		return;
	}
	e->c.running = true;
	e->c.removed = false;
	e->c.died_ns = 0;
	e->facts->state = "running";
	e->facts->started = when;
	e->facts->finished.ns = 0;
	tell(t, e, when);
}

static void
end_addresses(struct container_table *t, struct entry *e, struct wall when)
{
	size_t i;

	for (i = 0; i < e->facts->n_networks; i++)
		take_network(t, e, &e->facts->networks[i], when);
}

void
container_died(struct container_table *t, const char *id, struct wall when,
    int64_t exit_code)
{
	struct entry *e = find(t, id, 64);

	if (e == NULL)
		return;
	e->c.running = false;
	e->c.died_ns = when.ns;
	e->facts->state = is_history(e, when) ? "removed" : "exited";
	e->facts->finished = when;
	e->facts->exit_code = exit_code;
	e->facts->init_pid = 0;
	end_addresses(t, e, when);
	tell(t, e, when);
}

void
container_removed(struct container_table *t, const char *id, struct wall when)
{
	struct entry *e = find(t, id, 64);

	if (e == NULL || e->c.removed)
		return;
	e->c.running = false;
	e->c.removed = true;
	if (e->c.died_ns == 0)
		e->c.died_ns = when.ns;
	e->facts->state = "removed";
	e->facts->init_pid = 0;
	end_addresses(t, e, when);
	tell(t, e, when);
}

void
container_renamed(struct container_table *t, const char *id, const char *name,
    struct wall when)
{
	struct entry *e = find(t, id, 64);

	if (e != NULL && facts_rename(e->facts, name) == 0)
		tell(t, e, when);
}

void
container_joined(struct container_table *t, const char *id, struct wall when)
{
	struct entry *e = find(t, id, 64);

	if (e != NULL && e->joined_ns == 0)
		e->joined_ns = when.ns;
}

void
container_left(struct container_table *t, const char *id, const char *network,
    struct wall when)
{
	struct entry *e = find(t, id, 64);
	size_t i;

	for (i = 0; e != NULL && i < e->facts->n_networks; i++)
		if (strcmp(e->facts->networks[i].name, network) == 0)
			take_network(t, e, &e->facts->networks[i], when);
}

void
container_state(struct container_table *t, const char *id, const char *state,
    struct wall when)
{
	struct entry *e = find(t, id, 64);

	if (e == NULL || is_history(e, when))
		return;
	e->facts->state = strcmp(state, "paused") == 0 ? "paused" : "running";
	tell(t, e, when);
}

void
container_tick(struct container_table *t, struct wall now)
{
	struct entry *e, *next;

	for (e = map_oldest(t->map); e != NULL; e = next) {
		next = map_newer(t->map, e);
		if (!e->c.removed || now.ns - e->c.died_ns < CONTAINER_KEEP_NS)
			continue;
		facts_free(e->facts);
		map_remove(t->map, e);
	}
}

void
container_table_write_json(struct container_table *t, struct json_writer *w)
{
	struct entry *e;

	json_open(w, '{');
	json_key_str(w, "containers");
	json_open(w, '[');
	for (e = map_oldest(t->map); e != NULL; e = map_newer(t->map, e))
		container_write_json(&e->c, w);
	json_close(w, ']');
	json_close(w, '}');
}

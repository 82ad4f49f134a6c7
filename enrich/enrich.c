#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_TAG "enrich"
#include "enrich/enrich.h"
#include "enrich/entry.h"
#include "enrich/flow.h"
#include "enrich/origin.h"
#include "enrich/owner.h"
#include "enrich/user.h"
#include "lib/log.h"

#define PASSWD	"/etc/passwd"

const struct conf_key enrich_conf_keys[] = {
	{ "docker", "enabled", CONF_BOOL,
	    offsetof(struct enrich_conf, docker_enabled), "on", 0, 0, NULL,
	    "Ask Docker for its containers and listen to its events. Off: "
	    "containers are known by their ids only." },
	{ "docker", "socket", CONF_STR,
	    offsetof(struct enrich_conf, docker_socket),
	    "/var/run/docker.sock", 0, 0, NULL,
	    "Unix socket of the Docker Engine API." },
	{ "docker", "flow_hold", CONF_SPAN,
	    offsetof(struct enrich_conf, flow_hold_ns), "300ms", 0,
	    500 * MONO_MS, NULL,
	    "How long the first report of a flow may wait for the process "
	    "that opened it." },
};
const size_t enrich_conf_n_keys =
    sizeof(enrich_conf_keys) / sizeof(enrich_conf_keys[0]);

struct enrich {
	struct enrich_env	 env;
	struct container_table	*containers;
	struct process_table	*processes;
	struct docker		*docker;
	struct user_table	*users;
	struct netns_table	*netns;
	struct entry_table	*entries;
	struct flow_join	*flows;
	struct origin		*origin;
	struct owner		 owner;
};

/* A member that events pass, in this order. */
struct enricher_ops {
	const char		*name;
	pipeline_enrich_fn	 fn;
	void			*(*self)(struct enrich *);
};

static void *
owner_self(struct enrich *e)
{
	return &e->owner;
}

static void *
flow_self(struct enrich *e)
{
	return e->flows;
}

static void *
entry_self(struct enrich *e)
{
	return e->entries;
}

static void *
user_self(struct enrich *e)
{
	return e->users;
}

static void *
origin_self(struct enrich *e)
{
	return e->origin;
}

static const struct enricher_ops enricher_ops[] = {
	{ "process", owner_enrich, owner_self },
	{ "flow", flow_enrich, flow_self },
	{ "entry", entry_enrich, entry_self },
	{ "user", user_enrich, user_self },
	{ "origin", origin_enrich, origin_self },
};

/* Before its start a container has a network, and then a process. */
static void
follow_netns(struct enrich *e, const struct docker_event *ev)
{
	uint8_t id[32];

	if (!container_id_parse(ev->container, strlen(ev->container), id))
		return;
	if (strcmp(ev->type, "network") == 0) {
		if (strcmp(ev->action, "connect") == 0)
			netns_want(e->netns, id, 0, false);
	} else if (strcmp(ev->action, "start") == 0)
		netns_want(e->netns, id, 0, false);
	else if (strcmp(ev->action, "die") == 0 ||
	    strcmp(ev->action, "destroy") == 0)
		netns_died(e->netns, id, ev->when);
}

/* A container of the host's network, or one that shares it. */
static bool
is_host_network(struct enrich *e, const struct container *c)
{
	const char *mode = c->facts->network_mode;
	int hops;

	for (hops = 0; hops < 4 && strncmp(mode, "container:", 10) == 0;
	    hops++) {
		c = container_find_name(e->containers, mode + 10);
		mode = c == NULL ? "" : c->facts->network_mode;
	}
	return strcmp(mode, "host") == 0;
}

static void
on_docker_event(void *ctx, const struct docker_event *ev)
{
	struct enrich *e = ctx;

	entry_on_docker(e->entries, ev);
	follow_netns(e, ev);
}

static void
on_inspected(void *ctx, const struct container *c)
{
	struct enrich *e = ctx;

	if (!c->running || c->facts->init_pid == 0)
		return;
	process_on_init(e->processes, c->facts->init_pid, c->binary,
	    c->facts->started);
	netns_want(e->netns, c->binary, c->facts->init_pid,
	    is_host_network(e, c));
}

static int
make_docker(struct enrich *e)
{
	struct docker_env env = {
		.ask = e->env.ask,
		.ledger = e->env.ledger,
		.pipeline = e->env.pipeline,
		.clock = e->env.clock,
		.containers = e->containers,
		.event = on_docker_event,
		.inspected = on_inspected,
		.ctx = e,
	};

	if (!e->env.conf->docker_enabled)
		return 0;
	e->docker = docker_new(&env);
	return e->docker == NULL ? -ENOMEM : 0;
}

static int
make_joins(struct enrich *e)
{
	struct entry_env entry = {
		.clock = e->env.clock,
		.processes = e->processes,
		.containers = e->containers,
		.users = e->users,
		.socket = e->env.conf->docker_socket,
		.own_pids = { e->env.own_pids[0], e->env.own_pids[1] },
	};
	struct flow_env flow = {
		.clock = e->env.clock,
		.ledger = e->env.ledger,
		.owner = &e->owner,
		.ask = e->env.ask,
		.hold_ns = e->env.conf->flow_hold_ns,
		.live = e->env.live,
		.limit = e->env.limit,
	};

	e->entries = entry_table_new(&entry);
	e->flows = flow_join_new(&flow);
	return e->entries == NULL || e->flows == NULL ? -ENOMEM : 0;
}

static int
make(struct enrich *e)
{
	size_t i;

	e->origin = origin_new(e->env.clock, e->env.agent_id, e->env.live);
	e->users = user_table_new();
	e->containers = container_table_new(e->env.ledger);
	if (e->origin == NULL || e->users == NULL || e->containers == NULL)
		return -ENOMEM;
	e->processes = process_table_new(e->env.ledger, e->env.clock,
	    e->env.ask, origin_host_id(e->origin), e->env.limit);
	e->netns = netns_table_new(e->env.ask, e->env.clock, e->env.ledger);
	if (e->processes == NULL || e->netns == NULL || make_docker(e) != 0)
		return -ENOMEM;
	e->owner = (struct owner){
		.processes = e->processes,
		.containers = e->containers,
		.docker = e->docker,
		.netns = e->netns,
		.unknown = ledger_noted(ledger_stage(e->env.ledger,
		    "enrich.process"), "events_without_owner"),
		.seen = flow_on_process,
	};
	if (make_joins(e) != 0)
		return -ENOMEM;
	e->owner.entries = e->entries;
	e->owner.seen_ctx = e->flows;
	for (i = 0; i < sizeof(enricher_ops) / sizeof(enricher_ops[0]); i++)
		pipeline_add_enricher(e->env.pipeline, enricher_ops[i].name,
		    enricher_ops[i].fn, enricher_ops[i].self(e));
	return 0;
}

struct enrich *
enrich_new(const struct enrich_env *env)
{
	struct enrich *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->env = *env;
	if (make(e) != 0) {
		enrich_free(e);
		errno = ENOMEM;
		return NULL;
	}
	if (env->live)
		enrich_reload(e);
	return e;
}

void
enrich_free(struct enrich *e)
{
	if (e == NULL)
		return;
	flow_join_free(e->flows);
	entry_table_free(e->entries);
	docker_free(e->docker);
	netns_table_free(e->netns);
	process_table_free(e->processes);
	container_table_free(e->containers);
	user_table_free(e->users);
	origin_free(e->origin);
	free(e);
}

void
enrich_set_agent_id(struct enrich *e, const char *id)
{
	origin_set_agent_id(e->origin, id);
}

void
enrich_start(struct enrich *e)
{
	if (e->env.ask == NULL)
		return;
	process_scan(e->processes);
	if (e->docker != NULL)
		docker_start(e->docker);
}

void
enrich_ask_again(struct enrich *e)
{
	process_scan(e->processes);
	if (e->docker != NULL)
		docker_ask_again(e->docker);
	netns_ask_again(e->netns);
}

void
enrich_tick(struct enrich *e, struct mono now)
{
	process_tick(e->processes, now);
	netns_tick(e->netns, now);
	flow_tick(e->flows);
	if (e->docker != NULL)
		docker_tick(e->docker, now);
}

void
enrich_reload(struct enrich *e)
{
	int rc = user_table_load(e->users, PASSWD);

	if (rc < 0) {
		errno = -rc;
		log_warn("users stay without names: " PASSWD);
	}
}

struct docker *
enrich_docker(struct enrich *e)
{
	return e->docker;
}

struct process_table *
enrich_processes(struct enrich *e)
{
	return e->processes;
}

struct container_table *
enrich_containers(struct enrich *e)
{
	return e->containers;
}

struct user_table *
enrich_users(struct enrich *e)
{
	return e->users;
}

void
enrich_on_socket(struct enrich *e, const uint8_t id[static 32], int status,
    const struct enrich_socket_answer *a)
{
	flow_on_socket(e->flows, id, status, a);
}

struct netns_table *
enrich_netns(struct enrich *e)
{
	return e->netns;
}

bool
enrich_docker_ready(const struct enrich *e)
{
	return e->docker != NULL && docker_ready(e->docker);
}

size_t
enrich_container_count(const struct enrich *e)
{
	return container_table_count(e->containers);
}

void
enrich_host_address(struct enrich *e, const struct ipaddr *ip, bool gone)
{
	flow_host_address(e->flows, ip, gone);
}

void
enrich_within(struct enrich *e, uint16_t scope, const char *id)
{
	uint8_t binary[32];

	if (container_id_parse(id, strlen(id), binary))
		flow_within(e->flows, scope, binary);
}

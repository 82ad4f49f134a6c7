/*
 * enrich: knows the owner. Every event gets its process, container, user and
 * host here, between the collector that made it and the rules that judge it.
 * One table, enricher_ops in enrich.c, lists the members in their order.
 *
 * The engine makes it, gives it answers of the privileged side and ticks it;
 * collectors/proc feeds its process table. Threads: the loop thread.
 */
#ifndef ENRICH_ENRICH_H
#define ENRICH_ENRICH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/conf.h"
#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "enrich/ask.h"
#include "enrich/container.h"
#include "enrich/docker.h"
#include "enrich/netns.h"
#include "enrich/process.h"
#include "enrich/user.h"
#include "lib/ipaddr.h"
#include "lib/mono.h"

struct enrich;

/* Values of the keys in enrich_conf_keys. */
struct enrich_conf {
	char	*docker_socket;		/* docker.socket */
	bool	 docker_enabled;	/* docker.enabled */
	int64_t	 flow_hold_ns;		/* docker.flow_hold */
};
extern const struct conf_key enrich_conf_keys[];
extern const size_t enrich_conf_n_keys;

struct enrich_env {
	const struct enrich_conf *conf;		/* outlives it */
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	const struct mono_clock	*clock;
	const struct enrich_ask	*ask;		/* NULL: replay */
	const char		*agent_id;	/* may be NULL, see below */
	/* This host's facts belong into the events, its /etc/passwd gives
	 * the names, its addresses are "host". False: replay. */
	bool			 live;
	uint32_t		 own_pids[2];	/* broker and engine */
	uint32_t		 limit;		/* processes and connects kept; 0: the
						   headers' limits */
};

/* Registers the enrichers with the pipeline; must outlive it. NULL, errno. */
struct enrich *enrich_new(const struct enrich_env *);
void enrich_free(struct enrich *);
void enrich_set_agent_id(struct enrich *, const char *);
/* Asks for the scan of /proc, Docker's list and stream. Call when the proc
 * connector is subscribed. */
void enrich_start(struct enrich *);
/* Asks for all of it once more, for a recording that begins now. */
void enrich_ask_again(struct enrich *);
/* Every 20 to 100 ms. */
void enrich_tick(struct enrich *, struct mono now);
/* SIGHUP: reads /etc/passwd again. */
void enrich_reload(struct enrich *);

/* Members that others talk to: answers go to docker_on_... and
 * process_on_... of these. docker is NULL when docker.enabled is off. */
struct docker *enrich_docker(struct enrich *);
struct process_table *enrich_processes(struct enrich *);
struct container_table *enrich_containers(struct enrich *);
struct user_table *enrich_users(struct enrich *);
struct netns_table *enrich_netns(struct enrich *);

/* Who has a socket, see enrich/socket.h. */
void enrich_on_socket(struct enrich *, const uint8_t id[static 32],
    int status, const struct enrich_socket_answer *);

bool enrich_docker_ready(const struct enrich *);
size_t enrich_container_count(const struct enrich *);
/* An address of the host came or went (collectors/link). */
void enrich_host_address(struct enrich *, const struct ipaddr *, bool gone);
/* See flow_within; id: 64 hex digits. */
void enrich_within(struct enrich *, uint16_t scope, const char *id);

#endif

/*
 * container: the table of containers, living and dead: what Docker said of
 * each, by id, by name and by address at a time. Dead ones are kept, because
 * evidence arrives after the container is gone.
 *
 * Fed by enrich/docker; asked by every other part of enrichment. Writes the
 * container fields of events and the documents of the `containers` table.
 * Bounded: CONTAINER_LIMIT containers; dead ones go after CONTAINER_KEEP_NS
 * or when room is needed, the longest dead first.
 *
 * Threads: the loop thread. Nothing here blocks.
 */
#ifndef ENRICH_CONTAINER_H
#define ENRICH_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "enrich/facts.h"
#include "lib/json.h"
#include "lib/mono.h"

#define CONTAINER_LIMIT		8192
#define CONTAINER_KEEP_NS	(24 * 3600 * MONO_S)

struct container_table;

struct container {
	char		 id[65];
	uint8_t		 binary[32];
	const struct facts *facts;	/* never NULL */
	bool		 removed;	/* Docker has forgotten it */
	bool		 running;
	int64_t		 died_ns;	/* wall of the end, 0 while it lives */
	int64_t		 changed_ns;	/* wall of the last event of it */
};

/* A container is new or something of it changed. May not change the table. */
typedef void (*container_changed_fn)(void *ctx, const struct container *);

/* NULL with errno ENOMEM. */
struct container_table *container_table_new(struct ledger *);
void container_table_free(struct container_table *);
void container_table_on_change(struct container_table *,
    container_changed_fn, void *ctx);
size_t container_table_count(const struct container_table *);

/* NULL when not known. Lent until the next change of the table. */
const struct container *container_find(struct container_table *,
    const char *id, size_t len);
const struct container *container_find_binary(struct container_table *,
    const uint8_t id[static 32]);
/* By name, or by the beginning of an id that is unique (12 digits or more);
 * a living container before a dead one, the newest before the others. */
const struct container *container_find_name(struct container_table *,
    const char *name_or_id);
/* By address: see address_find. network (may be NULL) gets the network's
 * name, lent like the container. */
const struct container *container_find_ip(struct container_table *,
    const struct ipaddr *, struct wall when, const char **network);
/* Calls fn for each, oldest first; fn may not change the table. */
void container_each(struct container_table *, container_changed_fn, void *ctx);
/* True for an address that a container network has as its gateway: the
 * host's end of a bridge. */
bool container_is_gateway(struct container_table *, const struct ipaddr *);
/* True when any network of a container holds the address. */
bool container_in_subnet(struct container_table *, const struct ipaddr *);

/* True for the broadcast address of a container network, and 255.255.255.255. */
bool container_is_broadcast(struct container_table *, const struct ipaddr *);

/* Takes the facts in every case. when: from then on its addresses count. */
void container_learn(struct container_table *, struct facts *,
    struct wall when);
void container_started(struct container_table *, const char *id,
    struct wall when);
void container_died(struct container_table *, const char *id,
    struct wall when, int64_t exit_code);
void container_removed(struct container_table *, const char *id,
    struct wall when);
void container_renamed(struct container_table *, const char *id,
    const char *name, struct wall when);
/* It joined a network: addresses that are learnt next count from then on. */
void container_joined(struct container_table *, const char *id,
    struct wall when);
/* It left the network of this name: its addresses there end. */
void container_left(struct container_table *, const char *id,
    const char *network, struct wall when);
/* A state that Docker names in an event: paused, running. */
void container_state(struct container_table *, const char *id,
    const char *state, struct wall when);
/* Drops what is dead for too long. */
void container_tick(struct container_table *, struct wall now);

/* container.* of an event. full adds labels and tallyman.docker.*. */
void container_write(const struct container *, struct event *, bool full);
/* Only the id is known: the other fields are marked missing. */
void container_write_unknown(const char *id, struct event *);
/* One document as the store's `containers` table keeps it. */
void container_write_json(const struct container *, struct json_writer *);
/* {"containers":[...]} of all. */
void container_table_write_json(struct container_table *,
    struct json_writer *);

/* 64 hex digits to 32 bytes and back. */
bool container_id_parse(const char *id, size_t len, uint8_t out[static 32]);
void container_id_format(const uint8_t id[static 32], char out[static 65]);

#endif

/*
 * origin: what is the same on every event of this host, and what every event
 * needs before it is sealed: host.*, agent.*, ecs.version, event.module,
 * event.kind, event.created, event.id, data_stream.*, related.*.
 *
 * event.id is a hash of what the event is about (dataset, time, serial, pid,
 * flow, ...), so that the same input gives the same id.
 *
 * Threads: the loop thread. Files are read only in origin_new.
 */
#ifndef ENRICH_ORIGIN_H
#define ENRICH_ORIGIN_H

#include <stdbool.h>

#include "agent/core/event.h"
#include "lib/mono.h"

struct origin;

/*
 * live: host facts are read from /etc/machine-id, /etc/os-release and
 * uname(2); without it they stay empty and event.created is the event's own
 * time, so that a replay gives the same bytes on every host. agent_id may be
 * NULL: set it later. NULL with errno ENOMEM.
 */
struct origin *origin_new(const struct mono_clock *, const char *agent_id,
    bool live);
void origin_free(struct origin *);
void origin_set_agent_id(struct origin *, const char *);
/* "" when there is none. */
const char *origin_host_id(const struct origin *);

/* Enricher; the last one. */
void origin_enrich(void *self, struct event *, bool *hold);

#endif

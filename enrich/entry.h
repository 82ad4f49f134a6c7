/*
 * entry: who asked Docker. Joins a client of docker.sock on the host (a
 * process with a login uid, session and terminal) with what Docker then did:
 * an exec in a container, its start, a copy out of it.
 *
 * The exec's own id is in the runtime's arguments, so that the container's
 * first process, Docker's exec_create and exec_start are joined exactly. The
 * client is joined by time, and by its command line when it is the CLI: the
 * confidence is high when one client fits, low when several do.
 *
 * Bounded: ENTRY_CLIENTS clients, ENTRY_EXECS execs. Threads: the loop thread.
 */
#ifndef ENRICH_ENTRY_H
#define ENRICH_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "enrich/container.h"
#include "enrich/docker_event.h"
#include "enrich/process.h"
#include "enrich/user.h"

#define ENTRY_CLIENTS	512
#define ENTRY_EXECS	4096
#define ENTRY_WINDOW_NS	(2 * MONO_S)
/* How long an event of Docker may wait for the record of who asked. */
#define ENTRY_HOLD_NS	(150 * MONO_MS)

struct entry_table;

struct entry_env {
	const struct mono_clock	*clock;
	struct process_table	*processes;
	struct container_table	*containers;
	struct user_table	*users;
	const char		*socket;	/* docker.socket */
	uint32_t		 own_pids[2];	/* our own clients, 0 none */
};

struct entry_table *entry_table_new(const struct entry_env *);
void entry_table_free(struct entry_table *);

/* An event of Docker, before it is submitted. */
void entry_on_docker(void *table, const struct docker_event *);
/* An event of a process: remembers it when it is a client of the socket. */
void entry_on_client(struct entry_table *, const struct event *,
    struct process *);
/* tallyman.entry.* of an event of a process in a container. *hold as in
 * pipeline.h: Docker's word about an exec has not come. */
void entry_write(struct entry_table *, struct process *, struct event *,
    bool docker_ready, bool *hold);
/* The same of a tree of processes whose entry is known, for flows: nothing is
 * waited for. */
void entry_write_known(struct entry_table *, struct process_entry *,
    struct event *);
/* Enricher for events of dataset tallyman.docker: tallyman.entry.by.*. */
void entry_enrich(void *table, struct event *, bool *hold);

#endif

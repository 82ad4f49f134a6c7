/*
 * owner: enricher for what a process did (datasets process, file, network,
 * auth): which generation of the pid it was, its parent, its container, and
 * how we know.
 *
 * Threads: the loop thread.
 */
#ifndef ENRICH_OWNER_H
#define ENRICH_OWNER_H

#include "agent/core/event.h"
#include "enrich/container.h"
#include "enrich/docker.h"
#include "enrich/entry.h"
#include "enrich/netns.h"
#include "enrich/process.h"

struct owner {
	struct process_table	*processes;
	struct container_table	*containers;
	struct docker		*docker;	/* NULL: nobody to ask */
	struct entry_table	*entries;
	struct netns_table	*netns;
	ledger_count		*unknown;	/* events without an owner */
	/* Each process event once it is known whose it is; may be NULL. */
	void (*seen)(void *ctx, const struct event *, struct process *);
	void			*seen_ctx;
};

void owner_enrich(void *owner, struct event *, bool *hold);

/* Container fields by id: from the table, or the id alone, and then *hold
 * while Docker is asked. */
void owner_write_container(struct owner *, const uint8_t id[static 32],
    struct event *, bool *hold);
/* tallyman.container.attribution.* */
void owner_write_method(struct event *, const char *method,
    const char *confidence);
/* process.* of a flow or another event that names no process itself. */
void owner_write_process(struct owner *, struct process *, struct event *);

#endif

/*
 * opener: connects and sends that were audited, waiting for the flow that
 * they open. Kept by destination address and port, oldest first.
 *
 * Bounded; the oldest go first. Threads: one owner. Nothing logs or blocks.
 */
#ifndef ENRICH_OPENER_H
#define ENRICH_OPENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrich/process.h"
#include "lib/ipaddr.h"

/* What a flow needs of its process, also when that is long gone. */
struct opener_process {
	uint32_t		 refs;
	struct process_ref	 ref;		/* for its end */
	uint32_t		 pid, ppid, vpid;
	char			 entity[HASH_ID_TEXT];
	char			 parent_entity[HASH_ID_TEXT];	/* or "" */
	struct wall		 start;
	bool			 start_known;
	enum process_role	 role;
	enum process_confidence	 confidence;
	uint8_t			 id[32];
	struct program		*program, *parent;	/* or NULL */
	uint32_t		 execs;		/* of the process, when it was
						   found to have a socket */
	struct process_entry	*entry;			/* or NULL */
	char			 uid[12];		/* or "" */
};

struct opener {
	int64_t			 when_ns;	/* wall */
	struct opener_process	*process;
	uint32_t		 next;		/* same destination, newer */
	bool			 used, linked;
	bool			 doubtful;	/* somebody else's flow may have
						   been taken for its own */
	struct ipaddr		 ip;
	uint16_t		 port;
};

struct opener_table;

/* limit: records in all. processes: whose programs and entries are kept. */
struct opener_table *opener_table_new(struct process_table *processes,
    uint32_t limit);
void opener_table_free(struct opener_table *);

/* A snapshot of the process with one reference; NULL when memory is out. */
struct opener_process *opener_process_new(struct opener_table *,
    struct process *, const char *uid);
/* The same of a process as it is now, though records may be behind. */
struct opener_process *opener_process_now(struct opener_table *,
    struct process *, const char *uid);
/* Its program, if that was not known then, and it has executed none since. */
void opener_process_learn(struct opener_table *, struct opener_process *);
struct opener_process *opener_process_ref(struct opener_process *);
void opener_process_unref(struct opener_table *, struct opener_process *);

/* Takes the reference in every case. */
void opener_add(struct opener_table *, const struct ipaddr *, uint16_t port,
    int64_t when_ns, struct opener_process *);
/* First of a destination, oldest first; lent. NULL at the end. */
struct opener *opener_first(struct opener_table *, const struct ipaddr *,
    uint16_t port);
struct opener *opener_next(struct opener_table *, const struct opener *);
/* Forgets those older than that. */
void opener_expire(struct opener_table *, int64_t before_ns);
size_t opener_count(const struct opener_table *);

#endif

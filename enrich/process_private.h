/*
 * process_private: what process.c (generations), process_owner.c (whose they
 * are) and process_proc.c (/proc) share. Not for others.
 */
#ifndef ENRICH_PROCESS_PRIVATE_H
#define ENRICH_PROCESS_PRIVATE_H

#include "enrich/process.h"

#define PROCESS_NIL	UINT32_MAX
/* Records are stamped at the entry of the call with a coarse clock: a fork
 * may look later than what the child did, and an exit earlier. */
#define PROCESS_LATE_NS		(12 * MONO_MS)
#define PROCESS_EARLY_NS	(1 * MONO_MS)
/* And that clock stands still when the processor that moves it does not run,
 * on a virtual machine that shares its host for one. */
#define PROCESS_STALE_NS	(1 * MONO_S)

struct process_list { uint32_t head, tail; };

struct process_table {
	const struct enrich_ask	*ask;
	const struct mono_clock	*clock;
	char			 host_id[128];
	struct process		*pool;
	uint32_t		*hash;		/* newest of each chain */
	uint32_t		 limit, seed;
	unsigned		 hash_bits;
	uint32_t		 n_used, n_live;
	int64_t			 offset_ns;	/* wall minus mono, at the last tick */
	uint32_t		 free;		/* chained through next */
	uint32_t		 fresh;		/* never used from here on */
	uint64_t		 next_seq;
	struct process_list	 dead, living, open;
	struct program_budget	 budget;
	unsigned		 in_flight;	/* /proc questions */
	int64_t			 flight_ns;	/* when the last was asked */
	int64_t			 heard_ns;	/* time of the newest record */
	int64_t			 idle_ns;	/* ticked without a record */
	int64_t			 ticked_ns;
	bool			 scanning, scan_again;
	bool			 heard_exec;	/* audit tells of execs */
	bool			 heard_fork;	/* there is a connector */
	uint32_t		 scan;		/* number of the scan */
	int64_t			 scan_ns;	/* its begin */
	ledger_count		*forks, *execs, *exits, *evicted,
				*evicted_live, *orphan_execs, *scans,
				*late_answers, *asked, *unknown;
};

/* Looks at both clocks again; every tick, because the wall's may be set. */
void process_read_offset(struct process_table *);
/* Asks again when the end of a scan does not come. */
void process_scan_tick(struct process_table *, int64_t now_ns);
/* A time of an event on the scale of CLOCK_BOOTTIME, as the clock is now. */
int64_t process_to_mono(const struct process_table *, struct wall);
struct wall process_to_wall(const struct process_table *, int64_t mono_ns);

/* A record of this time has been read: others that are older have, too. */
void process_heard(struct process_table *, struct wall);
/* A new generation of the pid; an older living one has ended by then. NULL
 * never: the pool gives its oldest. */
struct process *process_make(struct process_table *, uint32_t pid,
    int64_t start_ns);
void process_end(struct process_table *, struct process *, int64_t exit_ns);
void process_link_parent(struct process_table *, struct process *,
    struct process *parent);
struct process *process_older(struct process_table *, const struct process *);
struct process *process_first(struct process_table *, uint32_t pid);
/* The list of those whose role is not settled. */
void process_open(struct process_table *, struct process *);
void process_close(struct process_table *, struct process *);
void process_set_program(struct process_table *, struct process *,
    struct program *, uint32_t epoch);

/* process_owner.c */
void process_inherit(struct process *, const struct process *parent,
    uint32_t epoch);
/* As process_settle, without asking anybody. depth: of the recursion. */
bool process_settle_quietly(struct process_table *, struct process *,
    unsigned depth);
void process_become(struct process_table *, struct process *,
    enum process_role, uint32_t epoch);
void process_set_entry(struct process_table *, struct process *,
    struct process_entry *);
/* It executed a container runtime with these arguments, then. */
void process_start_runtime(struct process_table *, struct process *,
    uint32_t epoch, struct wall when, const struct identity_runtime *);

#endif

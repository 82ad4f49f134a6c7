/*
 * process: every process of the host by pid and generation, and which
 * container it belongs to.
 *
 * A pid has generations, from fork to exit; a dead one is kept PROCESS_KEEP_NS
 * because its audit records come later. Generations come from the proc
 * connector (collectors/proc), subscribed before /proc is scanned; without it
 * from the audit records themselves and /proc.
 *
 * The owner of a generation is settled in the order of audit records:
 *  1. what it is already (sticky: moving to another cgroup changes nothing);
 *  2. a container, when it executes the container's program as a child of a
 *     trusted runtime (runc, crun) that was started with the container's id;
 *  3. what its parent was when it was forked;
 *  4. what /proc/PID/cgroup says, if that process is still the newest of its
 *     pid, alive and not exiting.
 * The runtime itself, its second stage ("runc init") and its hooks belong to
 * the host.
 *
 * Bounded: PROCESS_LIMIT generations; the longest dead go first, then the
 * oldest living (counted). Threads: the loop thread; nothing here blocks.
 */
#ifndef ENRICH_PROCESS_H
#define ENRICH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "agent/core/ledger.h"
#include "enrich/ask.h"
#include "enrich/identity.h"
#include "enrich/program.h"
#include "lib/hash.h"
#include "lib/mono.h"

#define PROCESS_LIMIT	131072
#define PROCESS_KEEP_NS	(20 * MONO_S)
#define PROCESS_EXECS	4	/* exec events of one process whose records
				   are still to come and whose times we keep */

struct process_table;

/* Names a generation for good; stale ones are noticed. */
struct process_ref { uint32_t index; uint64_t seq; };

enum process_role {
	PROCESS_UNKNOWN,
	PROCESS_HOST,
	PROCESS_RUNTIME,	/* runc create, run, exec: of the host */
	PROCESS_STAGE,		/* its child before the container's program */
	PROCESS_CONTAINER
};
enum process_method {
	PROCESS_BY_NONE,
	PROCESS_BY_HOST,	/* the host's, by its parent or by /proc */
	PROCESS_BY_RUNTIME,	/* it is what a runtime started */
	PROCESS_BY_PARENT,	/* forked by a process of the container */
	PROCESS_BY_CGROUP,	/* /proc/PID/cgroup */
	PROCESS_BY_DOCKER	/* State.Pid of inspect */
};
enum process_confidence { PROCESS_NONE, PROCESS_LOW, PROCESS_MEDIUM,
	PROCESS_HIGH };

enum process_entry_kind { PROCESS_ENTRYPOINT, PROCESS_EXEC };

/* How a tree of processes began in a container. Shared by all of the tree. */
struct process_entry {
	uint32_t		refs;
	enum process_entry_kind	kind;
	enum identity_verb	verb;
	uint8_t			id[32];
	char			exec_id[65];	/* Docker's, or "" */
	uint32_t		runtime_pid;
	struct wall		when;		/* the runtime's exec */
	/* Who asked Docker; enrich/entry fills it. */
	bool			asked;		/* it has been looked for */
	enum process_confidence	confidence;	/* NONE: not known */
	uint32_t		by_pid;
	int64_t			by_auid, by_ses;	/* -1 unset */
	char			by_tty[24], by_user[40];
	struct program		*by_program;	/* or NULL */
};

/* One generation. For reading only outside of this module. */
struct process {
	uint64_t		 seq;		/* 0: free */
	uint32_t		 index;
	uint32_t		 pid, ppid;	/* parent at fork */
	struct process_ref	 parent;	/* seq 0: not known */
	uint32_t		 parent_epoch;	/* parent's execs at fork */
	int64_t			 start_ns, exit_ns;	/* mono; exit 0: alive */
	struct wall		 start;
	/* Exec events and exec records so far. Normally events are ahead;
	 * a record whose event has not come, or was lost, makes it be them. */
	uint32_t		 execs, paired;
	int64_t			 exec_ns[PROCESS_EXECS];
	enum process_role	 role, old_role;
	uint32_t		 role_epoch;	/* role since this exec */
	enum process_method	 method;
	enum process_confidence	 confidence;
	uint8_t			 id[32];	/* of the container */
	struct process_entry	*entry;
	struct program		*program;
	uint32_t		 program_epoch;	/* 0: inherited */
	bool			 program_lags;	/* inherited: the parent had
						   executed something else */
	/* What /proc said, and after which exec event; not before its time
	 * or at an unknown one: it may be that of the exec before. */
	struct program		*read_program;	/* or NULL */
	uint32_t		 read_execs;
	bool			 read_sure;
	int64_t			 learn_ns;	/* mono: when /proc was asked */
	uint32_t		 euid, vpid;
	bool			 start_known, uid_known, asked, refused;
	bool			 learning;	/* see process_learn */
	bool			 vouched;	/* its cgroup is the host's */
	bool			 tentative;	/* host by cgroup, in a scan */
	bool			 exit_owed;	/* its pid was used again first */
	bool			 guessed;	/* only a record told of it: it may
						   have ended long ago */
	uint32_t		 twin;		/* older ones of the same pid that
						   began in the same 10 ms */
	char			 entity[HASH_ID_TEXT];
	uint32_t		 chain;		/* next of the same hash */
	uint32_t		 prev, next;	/* dead, or living by age */
	uint32_t		 open_prev, open_next;	/* not settled yet */
	bool			 is_open;
	uint32_t		 scan;		/* last scan that saw it */
};

/* What the privileged side read from /proc/PID, as the kernel gave it; stat
 * last, so that it covers the others. Lent for the call. */
struct process_proc_answer {
	bool		 gone;		/* no such process */
	const char	*stat, *status, *cgroup, *cmdline, *exe;
	size_t		 stat_len, status_len, cgroup_len, cmdline_len,
			 exe_len;
};

/* ask may be NULL. host_id: for entity ids; copied. limit: generations, 0
 * means PROCESS_LIMIT. NULL with errno. */
struct process_table *process_table_new(struct ledger *,
    const struct mono_clock *, const struct enrich_ask *ask,
    const char *host_id, uint32_t limit);
void process_table_free(struct process_table *);

/* From the connector, in the order in which the kernel sent them. */
void process_on_fork(struct process_table *, struct wall, uint32_t parent,
    uint32_t child);
void process_on_exec(struct process_table *, struct wall, uint32_t pid);
void process_on_exit(struct process_table *, struct wall, uint32_t pid);
void process_on_uid(struct process_table *, uint32_t pid, uint32_t euid);
/* Messages were lost: everything is scanned again. */
void process_on_loss(struct process_table *);

/* Call once, after the connector is subscribed. */
void process_scan(struct process_table *);
/* True from a scan's begin to its end, but no longer than
 * PROCESS_SCAN_WAIT_NS: until then many a process has no owner. */
bool process_is_scanning(const struct process_table *);
#define PROCESS_SCAN_WAIT_NS	(5 * MONO_S)
/* True when the audit records up to that time have been read, as far as can
 * be told: newer ones were, or none came lately. */
bool process_has_heard(const struct process_table *, struct wall);
/* Read the connector empty before these: an answer counts only for a process
 * that is still the newest of its pid. */
void process_on_proc(struct process_table *, uint32_t pid,
    const struct process_proc_answer *);
void process_on_scan_end(struct process_table *);
/* Docker says that this pid is the container's first process. */
void process_on_init(struct process_table *, uint32_t pid,
    const uint8_t id[static 32], struct wall started);
/* Forgets the long dead. Every 100 ms or so. */
void process_tick(struct process_table *, struct mono now);

/*
 * The generation that a successful exec record is about, which becomes what
 * it executed: records must come in their order, each once. NULL and made
 * as by process_seen.
 */
struct process *process_exec(struct process_table *, uint32_t pid,
    uint32_t ppid, struct wall when, const struct identity_exec *);
/* The generation that any other event is about; ppid 0: unknown. */
struct process *process_at(struct process_table *, uint32_t pid,
    uint32_t ppid, struct wall when);
/* Like process_at, but makes one when nobody has the pid now. NULL when the
 * pid has another owner since, and the one of that time is forgotten. */
struct process *process_seen(struct process_table *, uint32_t pid,
    uint32_t ppid, struct wall when);
struct process *process_get(struct process_table *, struct process_ref);
struct process_ref process_refer(const struct process *);
/* The newest living generation of a pid, or NULL. */
struct process *process_newest(struct process_table *, uint32_t pid);
/* There is one of that pid, or was not long ago. */
bool process_is_known(struct process_table *, uint32_t pid);
/* The one generation that had the pid at some time from then (mono) on; NULL
 * when that is none or more than one. */
struct process *process_since(struct process_table *, uint32_t pid,
    int64_t since_ns);

/* When it ended; the largest time while it lives. */
struct wall process_end_time(const struct process_table *,
    const struct process *);

/* Settles role and owner as far as can be known now; asks /proc when it is
 * not known. True when known. */
bool process_settle(struct process_table *, struct process *);
/* True while its owner is not known and an answer from /proc, or the scan, is
 * under way. */
bool process_is_waiting(const struct process_table *, const struct process *);
/* The host's by its parent alone, while nobody tells of execs: a runtime may
 * have made it a container's. */
bool process_is_hearsay(const struct process_table *, const struct process *);
/* Asks /proc what it executes, when no record said it yet (audit is off or
 * behind, or it is older than the agent). */
void process_learn(struct process_table *, struct process *);
/* True while that answer is under way. */
bool process_is_learning(const struct process *);
/* What /proc said of it was read after that time (mono): so it is what the
 * process executes if its last exec was before. */
void process_confirm(struct process *, int64_t since_ns);
/* What it executed by the time of the last audit record; NULL when not
 * known. For what comes in the order of records. */
struct program *process_program(struct process_table *, struct process *);
/* What it executes now, also when the record of that is still to come; NULL
 * when not known. Lent. */
struct program *process_program_now(struct process_table *,
    struct process *);
/* process.entity_id: 20 digits, the same after a restart of the agent. */
const char *process_entity(struct process_table *, struct process *);
struct program_budget *process_budget(struct process_table *);
/* For who keeps an entry beyond its process. Accepts NULL. */
void process_entry_unref(struct process_table *, struct process_entry *);

size_t process_count(const struct process_table *);
const char *process_method_name(enum process_method);
const char *process_confidence_name(enum process_confidence);

#endif

/*
 * control: takes hold of the kernel's audit subsystem for the agent and gives
 * it back as it was. Opens the socket that brings records, installs rules and
 * limits. Runs in the broker (privileged); the descriptor is passed to the
 * engine, which reads it (audit.h).
 *
 * Unicast: this process becomes the audit daemon; the kernel then blocks
 * processes rather than lose a record, as long as the receiver takes something
 * every 600 ms. Only possible when nobody else is. Multicast:
 * beside whoever is. A running daemon is never replaced. The kernel keeps the
 * port of the socket, so another process may read it; the registration ends
 * when this process says so, or when the last copy of the descriptor is gone.
 *
 * What is changed is given back by audit_control_close: our rules by their
 * key, enabled, backlog limit and wait time (unless somebody else has changed
 * them since), the registration. After a crash
 * the next open sweeps the rules, and finds the old values in state_path.
 *
 * Source: kernel/audit.c, linux/audit.h. Needs CAP_AUDIT_CONTROL (multicast
 * CAP_AUDIT_READ too, CAP_SYS_ADMIN when the network namespace is not the
 * initial one) and CAP_NET_ADMIN for the receive buffer. Threads: one owner.
 * Calls may block for some seconds when the kernel does not answer.
 */
#ifndef COLLECTORS_AUDIT_CONTROL_H
#define COLLECTORS_AUDIT_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collectors/audit/conf.h"
#include "collectors/audit/self.h"
#include "lib/buf.h"

struct audit_control;

#define AUDIT_CONTROL_BACKLOG	65536		/* records */
#define AUDIT_CONTROL_BUFFER	(64 << 20)	/* bytes of receive buffer */
/*
 * Jiffies that a process may be held when the agent does not read: 0.5 s to
 * 5 s, depending on the kernel's HZ. The kernel's own value is 60 s.
 */
#define AUDIT_CONTROL_WAIT	500

/* Bits of audit_report.obstacles: what stands in the way. */
enum audit_obstacle {
	AUDIT_OBSTACLE_NO_KERNEL	= 1 << 0, /* built without, audit=0 */
	AUDIT_OBSTACLE_NO_RIGHTS	= 1 << 1, /* or not the initial pid
						     namespace */
	AUDIT_OBSTACLE_NAMESPACE	= 1 << 2, /* user or network namespace */
	AUDIT_OBSTACLE_OWNED		= 1 << 3, /* another daemon has it */
	AUDIT_OBSTACLE_LOCKED		= 1 << 4, /* enabled 2 */
	AUDIT_OBSTACLE_NEVER_TASK	= 1 << 5, /* -a never,task */
	AUDIT_OBSTACLE_RULES		= 1 << 6, /* some rules were refused */
	AUDIT_OBSTACLE_BUFFER		= 1 << 7, /* smaller than wanted */
	AUDIT_OBSTACLE_SECOND		= 1 << 8, /* another agent runs */
	AUDIT_OBSTACLE_OFF		= 1 << 9, /* audit.mode is off */
	AUDIT_OBSTACLE_RATE		= 1 << 10 /* a rate limit drops records */
};

struct audit_report {
	enum audit_mode	mode;		/* what was chosen; OFF: nothing */
	unsigned	obstacles;
	uint32_t	owner_pid;	/* the other daemon, 0 none */
	uint32_t	second_pid;	/* an agent that runs, 0 none */
	unsigned	rules;		/* of ours, in the kernel */
	unsigned	rules_refused;
	unsigned	foreign_rules;	/* of others */
	unsigned	swept;		/* left over from a crash */
	int64_t		buffer_bytes;	/* of the socket, as the kernel has it */
	char		refused[160];	/* the first refused rule, and why */
};

struct audit_control_options {
	const struct audit_conf	*conf;		/* outlives the control */
	/* Processes that are not to be audited: broker, engine, ... */
	pid_t			 pids[AUDIT_SELF_PIDS];
	size_t			 n_pids;
	/* Where the values to give back are kept meanwhile; NULL: nowhere. */
	const char		*state_path;
};

struct audit_control_status {
	uint32_t	enabled;	/* 0, 1, 2 locked */
	uint32_t	owner_pid;	/* 0 none that lives */
	uint32_t	backlog, backlog_limit;
	uint64_t	lost;		/* since the open */
	uint64_t	waited;		/* jiffies that processes were held,
					   since boot; 0 on kernels before 5.9 */
};

/*
 * What there is, without changing anything. For doctor. The report's mode is
 * what AUTO would choose. Never fails.
 */
void audit_control_probe(const struct audit_conf *, struct audit_report *);

/*
 * Opens, installs the rules and starts the flow. *fd gets the descriptor for
 * the engine, owned by the caller, non-blocking. On failure NULL with errno
 * (EPERM, EEXIST, ENOTSUP, ...), *fd is -1, the report says what stands in
 * the way and nothing is changed. Rules that the kernel refuses are in the
 * report and do not make it fail.
 */
struct audit_control *audit_control_open(const struct audit_control_options *,
    struct audit_report *, int *fd);

/*
 * Unicast to multicast, because somebody else wants to be the audit daemon;
 * multicast to unicast, because nobody is. Rules and values stay. 0, then *fd
 * is the descriptor that brings the records from now on; what is left in the
 * one before has to be read first. -EALREADY: the place is taken, or the
 * configuration wants it as it is; -errno. The report as of audit_control_open.
 */
int audit_control_switch(struct audit_control *, struct audit_report *,
    int *fd);
/* 0 or -errno. */
int audit_control_status(struct audit_control *, struct audit_control_status *);
/* Leaves another process out. 0 or -errno. */
int audit_control_exclude(struct audit_control *, pid_t);
/*
 * Installs again what is missing, after someone removed rules of ours or added
 * some of theirs, or a watched path appeared. Number of rules that were added,
 * or -errno.
 */
int audit_control_reinstall(struct audit_control *, struct audit_report *);
/* Gives everything back. Accepts NULL. */
void audit_control_close(struct audit_control *);

/* The obstacles in words, a line each: what it is, what it costs, what to do
 * about it. Nothing when there are none. */
void audit_control_explain(const struct audit_report *, struct buf *out);

#endif

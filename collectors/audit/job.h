/*
 * job: one event that is being described: what the records said, what it was
 * found to be, and the event so far. Shared by describe.c and the files that
 * it calls for each kind of event; not for anybody else.
 *
 * Threads: one owner. Nothing logs or blocks.
 */
#ifndef COLLECTORS_AUDIT_JOB_H
#define COLLECTORS_AUDIT_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/event.h"
#include "collectors/audit/describe.h"
#include "collectors/audit/record.h"
#include "collectors/audit/syscalls.h"

struct audit_job {
	const struct audit_describe_conf *conf;
	struct wall			 since;	/* audit_describe_since */
	struct buf			*scratch;
	const struct audit_parts	*ev;
	const struct audit_syscall	*call;	/* never NULL */
	/* The operation, when it was asked for through io_uring. */
	const struct audit_uring	*uring;
	/* Of the call or the operation. */
	int64_t				 exit;
	bool				 has_success, success;
	struct event			*e;	/* NULL before the start */
};

/* Makes the event, with the record's time. NULL when memory is out. */
struct event *audit_job_start(struct audit_job *, enum event_dataset);

/* event.kind "event"; adds to category and type; type2 may be NULL. */
void audit_job_category(struct event *, const char *category,
    const char *type, const char *type2);
/* event.action from the name of a record type: USER_LOGIN is user-login. */
void audit_job_action_of_type(struct event *, uint32_t type);
void audit_job_outcome(struct event *, bool known, bool success);
/* The outcome of the call; on failure the name of its error. */
void audit_job_call_outcome(const struct audit_job *);

/* A text of the records, when it was there; a number as text. */
void audit_job_text(const struct audit_job *, enum field_id,
    struct audit_text);
void audit_job_number(struct event *, enum field_id, uint64_t);

/* Who did it: the process and its login; its program; the call. */
void audit_job_actor(const struct audit_job *);
void audit_job_program(const struct audit_job *);
void audit_job_call(const struct audit_job *);
/* Where it comes from: serial, record types, event.id. */
void audit_job_source(const struct audit_job *, struct wall created);

/* file.* of a PATH record, joined with the working directory. */
void audit_job_file(const struct audit_job *, const struct audit_path *);
void audit_job_inode(struct event *, const struct audit_path *);
void audit_job_target_path(const struct audit_job *,
    const struct audit_path *);
/* The first, or last, PATH record of this kind; NULL. */
const struct audit_path *audit_job_first_path(const struct audit_parts *,
    enum audit_nametype);
const struct audit_path *audit_job_last_path(const struct audit_parts *,
    enum audit_nametype);
/* The file that was meant: created, removed, found, or not found; a call that
 * failed early names only the directory. NULL when there is none. */
const struct audit_path *audit_job_main_path(const struct audit_parts *);

#endif

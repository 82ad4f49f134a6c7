/*
 * store: the embedded database: events, the latest report of every flow,
 * alerts, containers, and the spool of documents that outputs still owe to
 * their backends. One SQLite file in WAL mode with synchronous=FULL: what
 * store_commit has acknowledged survives kill -9 and, as far as the disk
 * keeps its word, a power cut.
 *
 * Not for: reading (outputs/reader.h does it, from any process, at the same
 * time), deciding what is stored (the writer).
 *
 * Only one process at a time has a store open; a lock file beside it says so.
 * The file is made with mode 0640, so members of its group may read.
 * Threads: one owner (the writer thread).
 *
 * Errors of all functions that return int, unless said otherwise: -ENOSPC
 * (disk full or the hard ceiling of 5/4 max_bytes reached), -EUCLEAN (the
 * file is damaged: call store_reset), -EBUSY, -ENOMEM, -EACCES, -EIO: call
 * store_rollback. -EMSGSIZE and -EINVAL concern this document only; the
 * transaction goes on.
 */
#ifndef OUTPUTS_STORE_H
#define OUTPUTS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/conf.h"
#include "agent/core/event.h"
#include "lib/mono.h"

struct store_conf {
	char	*path;
	int64_t	 max_age;	/* ns: events, flows */
	int64_t	 max_bytes;	/* all but alerts give way */
	int64_t	 alert_age;	/* ns: alerts, containers, dead letters */
};
extern const struct conf_key store_keys[];
extern const size_t store_n_keys;

/* One document; all texts are lent and may be NULL or "" but for text. */
struct store_doc {
	enum event_dataset	 dataset;
	const char		*id;		/* event.id */
	struct wall		 time;
	const char		*container_id, *container_name;
	const char		*peer_id, *peer_name;	/* the other end's */
	const char		*rule;
	int64_t			 severity;
	const char		*flow;		/* tallyman.flow.id */
	bool			 final;		/* last report of the flow */
	const char		*text;		/* one JSON object */
	size_t			 len;
};

struct store;

/*
 * Opens or makes the store. A damaged file is moved aside to
 * PATH.damaged-<seconds>, loudly, what can still be read of its alerts and
 * spool is carried over, and a fresh one started. NULL with errno: EBUSY
 * (another process has it), EPROTO (written by a newer version), EACCES,
 * ENOSPC, ENOMEM, EIO.
 */
struct store *store_open(const struct store_conf *);
void store_close(struct store *);
/* Moves the damaged file aside as above. 0, or -errno: the store then refuses
 * everything but another store_reset. */
int store_reset(struct store *);

/* A random UUID made with the store; lives as long as the store. */
const char *store_agent_id(const struct store *);
const char *store_path(const struct store *);

int store_begin(struct store *);
/* 0: on disk. */
int store_commit(struct store *);
void store_rollback(struct store *);

/*
 * Inside a transaction. A flow replaces the stored report of the same
 * tallyman.flow.id unless that one is newer or was the last; an incident
 * replaces the one with its id. -EEXIST: an alert with this id is stored
 * already, nothing changed.
 */
int store_put(struct store *, const struct store_doc *);
/* The row of this container, made or replaced. */
int store_put_container(struct store *, const char *id, const char *name,
    const char *json, size_t len, struct wall now);

/*
 * The spool, inside a transaction. A document is owed to an output until
 * store_spool_done. Dead letters stay readable until alert_age.
 */
int store_spool_put(struct store *, const char *output,
    const struct store_doc *);
int store_spool_done(struct store *, int64_t row);
int store_spool_dead(struct store *, int64_t row, const char *reason,
    struct wall now);
int store_spool_retry(struct store *, int64_t row, unsigned attempts,
    const char *reason, struct wall next);
/* Documents that are owed to this output. */
int store_spool_count(struct store *, const char *output, int64_t *count);

/*
 * Removes what is too old, then the oldest events and flows while the store
 * is larger than max_bytes, and gives pages back to the file system. Outside
 * a transaction; does a bounded piece of work. Returns 1 when there is more
 * to do, 0 when done, -errno. *removed grows by the rows removed.
 */
int store_prune(struct store *, struct wall now, uint64_t *removed);
/* Removes a tenth of the events whatever their age, to find room. */
int store_make_room(struct store *, uint64_t *removed);

#endif

/*
 * store_private: what the files of the store share with each other.
 * Not for anybody else.
 */
#ifndef OUTPUTS_STORE_PRIVATE_H
#define OUTPUTS_STORE_PRIVATE_H

#include "outputs/db.h"
#include "outputs/store.h"

enum store_statement {
	STORE_BEGIN, STORE_COMMIT, STORE_ROLLBACK,
	STORE_PUT_EVENT, STORE_PUT_ALERT, STORE_PUT_INCIDENT, STORE_PUT_FLOW,
	STORE_PUT_CONTAINER,
	STORE_SPOOL_PUT, STORE_SPOOL_DONE, STORE_SPOOL_DEAD,
	STORE_SPOOL_RETRY, STORE_SPOOL_COUNT,
	STORE_OLD_EVENTS, STORE_OLD_FLOWS, STORE_OLD_ALERTS,
	STORE_OLD_CONTAINERS, STORE_OLD_DEAD,
	STORE_CUT_EVENTS, STORE_CUT_FLOWS, STORE_CUT_ALERTS,
	STORE_SAVE_SEQ,
	STORE_STATEMENTS
};

struct store {
	sqlite3			*db;		/* NULL after a failed reset */
	sqlite3_stmt		*st[STORE_STATEMENTS];
	struct store_conf	 conf;		/* path is our copy */
	int			 lock_fd;
	int64_t			 seq;		/* last one given */
	char			 aside[4200];	/* damaged file that is to be
						 * read back, "" none */
	char			 agent_id[40];
};

#define STORE_SCHEMA	1

/* Opens conf.path and brings its schema to STORE_SCHEMA. -EUCLEAN: damaged;
 * -EPROTO: newer than we are. */
int store_file_open(const struct store_conf *, sqlite3 **out);
/* Renames the file with its -wal and -shm; 0 or -errno. aside holds the new
 * name. */
int store_file_aside(const char *path, char *aside, size_t size);
/* Copies readable alerts and spool rows from the file at `from`; their number
 * or -errno. */
int64_t store_file_salvage(sqlite3 *to, const char *from);

#endif

/*
 * Keeping the store small. Each call does one bite of work, because the same
 * thread must be back for the next alert within a fraction of a second.
 */
#include "outputs/store_private.h"

#include <errno.h>
#include <stdio.h>

/* Pages of 16 KiB that are given back to the file system in one bite. */
#define VACUUM_PAGES	"256"
#define CUT_MAX		2000	/* rows */

static int
delete_rows(struct store *s, enum store_statement what, int64_t arg,
    uint64_t *removed)
{
	int err;

	sqlite3_bind_int64(s->st[what], 1, arg);
	if ((err = db_run(s->st[what])) == 0)
		*removed += (uint64_t)sqlite3_changes(s->db);
	return err;
}

/* Rows that are gone must not give their numbers to new ones: readers follow
 * by number. */
static int
save_seq(struct store *s)
{
	sqlite3_bind_int64(s->st[STORE_SAVE_SEQ], 1, s->seq);
	return db_run(s->st[STORE_SAVE_SEQ]);
}

static int
drop_old(struct store *s, struct wall now, uint64_t *removed)
{
	int64_t events = now.ns - s->conf.max_age;
	int64_t alerts = now.ns - s->conf.alert_age;
	int err;

	if ((err = delete_rows(s, STORE_OLD_EVENTS, events, removed)) != 0 ||
	    (err = delete_rows(s, STORE_OLD_FLOWS, events, removed)) != 0 ||
	    (err = delete_rows(s, STORE_OLD_ALERTS, alerts, removed)) != 0 ||
	    (err = delete_rows(s, STORE_OLD_CONTAINERS, alerts, removed)) != 0)
		return err;
	return delete_rows(s, STORE_OLD_DEAD, alerts, removed);
}

static int
used_bytes(struct store *s, int64_t *used, int64_t *unused)
{
	int64_t size, pages, empty;
	int err;

	if ((err = db_number(s->db, "PRAGMA page_size", &size)) != 0 ||
	    (err = db_number(s->db, "PRAGMA page_count", &pages)) != 0 ||
	    (err = db_number(s->db, "PRAGMA freelist_count", &empty)) != 0)
		return err;
	*used = (pages - empty) * size;
	*unused = empty * size;
	return 0;
}

/* The older of the oldest event and the oldest flow goes first; alerts when
 * neither is left. */
static int
cut_oldest(struct store *s, int64_t rows, uint64_t *removed)
{
	int64_t event = INT64_MAX, flow = INT64_MAX;
	enum store_statement what;
	int err;

	err = db_number(s->db, "SELECT ifnull(min(time), "
	    "9223372036854775807) FROM events", &event);
	if (err == 0)
		err = db_number(s->db, "SELECT ifnull(min(time), "
		    "9223372036854775807) FROM flows", &flow);
	if (err != 0)
		return err;
	if (event == INT64_MAX && flow == INT64_MAX)
		what = STORE_CUT_ALERTS;
	else
		what = event <= flow ? STORE_CUT_EVENTS : STORE_CUT_FLOWS;
	return delete_rows(s, what, rows, removed);
}

static int
end_bite(struct store *s, int err)
{
	if (err == 0)
		err = save_seq(s);
	if (err == 0)
		err = store_commit(s);
	if (err != 0)
		store_rollback(s);
	return err;
}

/* Enough rows for what is too much, if a row has 1 KiB. */
static int
cut_excess(struct store *s, int64_t used, uint64_t *removed)
{
	int64_t rows = (used - s->conf.max_bytes) / 1024 + 1;

	return cut_oldest(s, rows > CUT_MAX ? CUT_MAX : rows, removed);
}

int
store_prune(struct store *s, struct wall now, uint64_t *removed)
{
	int64_t used = 0, unused = 0;
	uint64_t gone = 0, old;
	bool more;
	int err;

	if ((err = store_begin(s)) != 0)
		return err;
	err = drop_old(s, now, &gone);
	old = gone;
	if (err == 0)
		err = used_bytes(s, &used, &unused);
	if (err == 0 && used > s->conf.max_bytes)
		err = cut_excess(s, used, &gone);
	more = old >= CUT_MAX || gone > old;
	if (err != 0 || gone > 0)
		err = end_bite(s, err);
	else
		store_rollback(s);
	if (err != 0)
		return err;
	*removed += gone;
	/* Keep some room for the next events, give the rest back. */
	if (unused > s->conf.max_bytes / 16 &&
	    (err = db_exec(s->db,
	    "PRAGMA incremental_vacuum(" VACUUM_PAGES ")")) != 0)
		return err;
	return more || unused > s->conf.max_bytes / 16 + (8 << 20);
}

int
store_make_room(struct store *s, uint64_t *removed)
{
	int64_t rows = 0;
	uint64_t gone = 0;
	int err;

	if ((err = store_begin(s)) != 0)
		return err;
	err = db_number(s->db, "SELECT (SELECT count(*) FROM events) + "
	    "(SELECT count(*) FROM flows)", &rows);
	if (err == 0)
		err = cut_oldest(s, rows / 10 + 1, &gone);
	if ((err = end_bite(s, err)) == 0)
		*removed += gone;
	return err;
}

#include "outputs/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOG_TAG "store"
#include "lib/log.h"

#define KEY(n, t, member, preset, lo, hi, help)				\
	{ "store", n, t, offsetof(struct store_conf, member), preset,	\
	    lo, hi, NULL, help }
#define YEARS(n)	((n) * INT64_C(365) * 86400 * MONO_S)

const struct conf_key store_keys[] = {
	KEY("path", CONF_STR, path, TALLYMAN_STATEDIR "/tallyman.db", 0, 0,
	    "The file of the embedded store (SQLite). Its directory must "
	    "belong to the user that the engine runs as."),
	KEY("max_age", CONF_SPAN, max_age, "72h", 60 * MONO_S, YEARS(10),
	    "Events and flows older than this are removed."),
	KEY("max_bytes", CONF_SIZE, max_bytes, "2GiB", 1 << 20,
	    INT64_C(1) << 44,
	    "When the store is larger than this, the oldest events and flows "
	    "are removed; alerts only when nothing else is left."),
	KEY("alert_age", CONF_SPAN, alert_age, "365d", 60 * MONO_S, YEARS(100),
	    "Alerts, containers and dead letters older than this are "
	    "removed."),
};
const size_t store_n_keys = sizeof(store_keys) / sizeof(store_keys[0]);

#define PUT_COLUMNS							\
	"(seq, id, time, dataset, container_id, container_name, "	\
	"peer_id, peer_name, rule, severity, doc"
#define PUT_VALUES	") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
#define PUT_AGAIN							\
	"seq=excluded.seq, id=excluded.id, time=excluded.time, "	\
	"container_id=excluded.container_id, "				\
	"container_name=excluded.container_name, "			\
	"peer_id=excluded.peer_id, peer_name=excluded.peer_name, "	\
	"rule=excluded.rule, severity=excluded.severity, doc=excluded.doc"

/* Pruning takes rows in bites, so that a commit never waits long for it. */
#define BITE	"2000"

static const char *const statements[STORE_STATEMENTS] = {
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_PUT_EVENT] =
	    "INSERT INTO events " PUT_COLUMNS PUT_VALUES ")",
	[STORE_PUT_ALERT] =
	    "INSERT INTO alerts " PUT_COLUMNS PUT_VALUES ") "
	    "ON CONFLICT (id) DO NOTHING",
	[STORE_PUT_INCIDENT] =
	    "INSERT INTO alerts " PUT_COLUMNS PUT_VALUES ") "
	    "ON CONFLICT (id) DO UPDATE SET " PUT_AGAIN,
	/* A report that was held for a late fact may come after a newer one. */
	[STORE_PUT_FLOW] =
	    "INSERT INTO flows " PUT_COLUMNS ", flow, final" PUT_VALUES
	    ", ?, ?) ON CONFLICT (flow) DO UPDATE SET " PUT_AGAIN
	    ", final=excluded.final WHERE excluded.final > flows.final OR "
	    "(excluded.final = flows.final AND excluded.time >= flows.time)",
	[STORE_PUT_CONTAINER] =
	    "INSERT INTO containers (id, seq, name, time, doc) "
	    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
	    "seq=excluded.seq, name=excluded.name, time=excluded.time, "
	    "doc=excluded.doc",
	[STORE_SPOOL_PUT] =
	    "INSERT INTO spool (output, id, dataset, time, doc) "
	    "VALUES (?, ?, ?, ?, ?)",
	[STORE_SPOOL_DONE] = "DELETE FROM spool WHERE row = ?",
	[STORE_SPOOL_DEAD] =
	    "UPDATE spool SET dead = 1, reason = ?2, next = ?3 WHERE row = ?1",
	[STORE_SPOOL_RETRY] =
	    "UPDATE spool SET attempts = ?2, reason = ?3, next = ?4 "
	    "WHERE row = ?1",
	[STORE_SPOOL_COUNT] =
	    "SELECT count(*) FROM spool WHERE output = ? AND dead = 0",
	[STORE_OLD_EVENTS] =
	    "DELETE FROM events WHERE seq IN (SELECT seq FROM events "
	    "WHERE time < ?1 ORDER BY time LIMIT " BITE ")",
	[STORE_OLD_FLOWS] =
	    "DELETE FROM flows WHERE flow IN (SELECT flow FROM flows "
	    "WHERE time < ?1 ORDER BY time LIMIT " BITE ")",
	[STORE_OLD_ALERTS] =
	    "DELETE FROM alerts WHERE seq IN (SELECT seq FROM alerts "
	    "WHERE time < ?1 ORDER BY time LIMIT " BITE ")",
	[STORE_OLD_CONTAINERS] = "DELETE FROM containers WHERE time < ?1",
	[STORE_OLD_DEAD] =
	    "DELETE FROM spool WHERE dead = 1 AND time < ?1",
	[STORE_CUT_EVENTS] =
	    "DELETE FROM events WHERE seq IN "
	    "(SELECT seq FROM events ORDER BY time LIMIT ?1)",
	[STORE_CUT_FLOWS] =
	    "DELETE FROM flows WHERE flow IN "
	    "(SELECT flow FROM flows ORDER BY time LIMIT ?1)",
	[STORE_CUT_ALERTS] =
	    "DELETE FROM alerts WHERE seq IN "
	    "(SELECT seq FROM alerts ORDER BY time LIMIT ?1)",
	[STORE_SAVE_SEQ] =
	    "INSERT OR REPLACE INTO meta VALUES ('last_seq', ?)",
};

static void
close_db(struct store *s)
{
	size_t i;

	for (i = 0; i < STORE_STATEMENTS; i++) {
		sqlite3_finalize(s->st[i]);
		s->st[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

static int
read_meta(struct store *s)
{
	sqlite3_stmt *st;
	int err;

	err = db_number(s->db, "SELECT max("
	    "(SELECT ifnull(max(seq), 0) FROM events), "
	    "(SELECT ifnull(max(seq), 0) FROM alerts), "
	    "(SELECT ifnull(max(seq), 0) FROM flows), "
	    "(SELECT ifnull(max(seq), 0) FROM containers), "
	    "ifnull((SELECT CAST(value AS INTEGER) FROM meta "
	    "WHERE key = 'last_seq'), 0))", &s->seq);
	if (err != 0)
		return err;
	st = db_prepare(s->db, "SELECT value FROM meta WHERE key = 'agent.id'");
	if (st == NULL)
		return -errno;
	if (sqlite3_step(st) == SQLITE_ROW)
		snprintf(s->agent_id, sizeof(s->agent_id), "%s",
		    (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return 0;
}

static int
open_db(struct store *s)
{
	size_t i;
	int err;

	if ((err = store_file_open(&s->conf, &s->db)) != 0)
		return err;
	for (i = 0; i < STORE_STATEMENTS; i++)
		if ((s->st[i] = db_prepare(s->db, statements[i])) == NULL) {
			err = -errno;
			goto fail;
		}
	if ((err = read_meta(s)) == 0)
		return 0;
fail:
	close_db(s);
	return err;
}

/* Open file descriptions of flock(2) go with the process, also by kill -9.
 * Not on the database itself: closing any descriptor of it would drop the
 * locks of sqlite3. */
static int
lock_path(struct store *s)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s.lock", s->conf.path);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0640);
	if (s->lock_fd == -1)
		return -errno;
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

static int
move_aside(struct store *s)
{
	int err;

	close_db(s);
	err = store_file_aside(s->conf.path, s->aside, sizeof(s->aside));
	if (err != 0) {
		s->aside[0] = '\0';
		errno = -err;
		log_err("%s: is damaged and cannot be moved aside",
		    s->conf.path);
		return err;
	}
	log_errx("%s: IS DAMAGED: moved to %s, starting a fresh store",
	    s->conf.path, s->aside);
	return 0;
}

/* Opening the fresh file may fail for a while (disk full): then the next
 * call goes on from there and moves nothing. */
int
store_reset(struct store *s)
{
	int64_t saved;
	int err;

	if (s->aside[0] == '\0' && (err = move_aside(s)) != 0)
		return err;
	err = open_db(s);
	if (err == -EUCLEAN && (err = move_aside(s)) == 0)
		err = open_db(s);
	if (err != 0)
		return err;
	saved = store_file_salvage(s->db, s->aside);
	s->aside[0] = '\0';
	if (saved >= 0)
		log_notice("%lld alerts and owed documents read back from the "
		    "damaged store", (long long)saved);
	return read_meta(s);
}

static int
open_files(struct store *s)
{
	int err;

	if (strlen(s->conf.path) > 4000)
		return -ENAMETOOLONG;
	err = lock_path(s);
	if (err == -ENOENT) {	/* no directory yet: opening makes it */
		if ((err = open_db(s)) == -EUCLEAN)
			err = store_reset(s);
		if (err == 0)
			err = lock_path(s);
		return err;
	}
	if (err == 0 && (err = open_db(s)) == -EUCLEAN)
		err = store_reset(s);
	return err;
}

struct store *
store_open(const struct store_conf *conf)
{
	struct store *s;
	int err;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->lock_fd = -1;
	s->conf = *conf;
	if ((s->conf.path = strdup(conf->path)) == NULL) {
		free(s);
		return NULL;
	}
	if ((err = open_files(s)) != 0) {
		store_close(s);
		errno = -err;
		return NULL;
	}
	return s;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	close_db(s);
	if (s->lock_fd != -1)
		close(s->lock_fd);
	free(s->conf.path);
	free(s);
}

const char *
store_agent_id(const struct store *s)
{
	return s->agent_id;
}

const char *
store_path(const struct store *s)
{
	return s->conf.path;
}

int
store_begin(struct store *s)
{
	return s->db == NULL ? -EUCLEAN : db_run(s->st[STORE_BEGIN]);
}

int
store_commit(struct store *s)
{
	return s->db == NULL ? -EUCLEAN : db_run(s->st[STORE_COMMIT]);
}

void
store_rollback(struct store *s)
{
	/* sqlite3 rolls back by itself after some errors. */
	if (s->db != NULL && !sqlite3_get_autocommit(s->db))
		(void)db_run(s->st[STORE_ROLLBACK]);
}

static enum store_statement
statement_for(const struct store_doc *d)
{
	switch (d->dataset) {
	case EVENT_ALERT:
		return STORE_PUT_ALERT;
	case EVENT_INCIDENT:
		return STORE_PUT_INCIDENT;
	case EVENT_FLOW:
		return d->flow == NULL || d->flow[0] == '\0' ?
		    STORE_PUT_EVENT : STORE_PUT_FLOW;
	default:
		return STORE_PUT_EVENT;
	}
}

int
store_put(struct store *s, const struct store_doc *d)
{
	enum store_statement what = statement_for(d);
	sqlite3_stmt *st = s->st[what];
	int err;

	if (s->db == NULL)
		return -EUCLEAN;
	sqlite3_bind_int64(st, 1, ++s->seq);
	db_bind_text(st, 2, d->id);
	sqlite3_bind_int64(st, 3, d->time.ns);
	db_bind_text(st, 4, event_dataset_name(d->dataset));
	db_bind_text(st, 5, d->container_id);
	db_bind_text(st, 6, d->container_name);
	db_bind_text(st, 7, d->peer_id);
	db_bind_text(st, 8, d->peer_name);
	db_bind_text(st, 9, d->rule);
	sqlite3_bind_int64(st, 10, d->severity);
	db_bind_bytes(st, 11, d->text, d->len);
	if (what == STORE_PUT_FLOW) {
		db_bind_text(st, 12, d->flow);
		sqlite3_bind_int(st, 13, d->final);
	}
	if ((err = db_run(st)) != 0)
		return err;
	return what == STORE_PUT_ALERT && sqlite3_changes(s->db) == 0 ?
	    -EEXIST : 0;
}

int
store_put_container(struct store *s, const char *id, const char *name,
    const char *json, size_t len, struct wall now)
{
	sqlite3_stmt *st = s->st[STORE_PUT_CONTAINER];

	if (s->db == NULL)
		return -EUCLEAN;
	db_bind_text(st, 1, id);
	sqlite3_bind_int64(st, 2, ++s->seq);
	db_bind_text(st, 3, name);
	sqlite3_bind_int64(st, 4, now.ns);
	db_bind_bytes(st, 5, json, len);
	return db_run(st);
}

int
store_spool_put(struct store *s, const char *output, const struct store_doc *d)
{
	sqlite3_stmt *st = s->st[STORE_SPOOL_PUT];

	if (s->db == NULL)
		return -EUCLEAN;
	db_bind_text(st, 1, output);
	sqlite3_bind_text(st, 2, d->id == NULL ? "" : d->id, -1,
	    SQLITE_STATIC);
	db_bind_text(st, 3, event_dataset_name(d->dataset));
	sqlite3_bind_int64(st, 4, d->time.ns);
	db_bind_bytes(st, 5, d->text, d->len);
	return db_run(st);
}

int
store_spool_done(struct store *s, int64_t row)
{
	if (s->db == NULL)
		return -EUCLEAN;
	sqlite3_bind_int64(s->st[STORE_SPOOL_DONE], 1, row);
	return db_run(s->st[STORE_SPOOL_DONE]);
}

int
store_spool_dead(struct store *s, int64_t row, const char *reason,
    struct wall now)
{
	sqlite3_stmt *st = s->st[STORE_SPOOL_DEAD];

	if (s->db == NULL)
		return -EUCLEAN;
	sqlite3_bind_int64(st, 1, row);
	db_bind_text(st, 2, reason);
	sqlite3_bind_int64(st, 3, now.ns);
	return db_run(st);
}

int
store_spool_retry(struct store *s, int64_t row, unsigned attempts,
    const char *reason, struct wall next)
{
	sqlite3_stmt *st = s->st[STORE_SPOOL_RETRY];

	if (s->db == NULL)
		return -EUCLEAN;
	sqlite3_bind_int64(st, 1, row);
	sqlite3_bind_int64(st, 2, attempts);
	db_bind_text(st, 3, reason);
	sqlite3_bind_int64(st, 4, next.ns);
	return db_run(st);
}

int
store_spool_count(struct store *s, const char *output, int64_t *count)
{
	sqlite3_stmt *st = s->st[STORE_SPOOL_COUNT];
	int rc, err;

	if (s->db == NULL)
		return -EUCLEAN;
	db_bind_text(st, 1, output);
	rc = sqlite3_step(st);
	err = db_errno(s->db, rc);
	if (rc == SQLITE_ROW)
		*count = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return err;
}

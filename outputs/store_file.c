/*
 * The file of the store: its schema, and what is done when it is damaged.
 */
#include "outputs/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_TAG "store"
#include "lib/log.h"

/* doc stands last: a scan by the other columns then skips its pages. */
#define COMMON_COLUMNS							\
	"time INTEGER NOT NULL, dataset TEXT NOT NULL, "		\
	"container_id TEXT, container_name TEXT, "			\
	"peer_id TEXT, peer_name TEXT, rule TEXT, "			\
	"severity INTEGER NOT NULL, doc TEXT NOT NULL"

/* steps[n] leads from schema n to schema n + 1. */
static const char *const steps[STORE_SCHEMA] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT, "
	    COMMON_COLUMNS ");"
	"CREATE INDEX events_time ON events (time);"
	"CREATE TABLE alerts (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, "
	    COMMON_COLUMNS ");"
	"CREATE INDEX alerts_time ON alerts (time);"
	"CREATE TABLE flows (flow TEXT PRIMARY KEY, seq INTEGER NOT NULL, "
	    "final INTEGER NOT NULL, id TEXT, " COMMON_COLUMNS ");"
	"CREATE INDEX flows_time ON flows (time);"
	"CREATE INDEX flows_seq ON flows (seq);"
	"CREATE TABLE containers (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, "
	    "name TEXT, time INTEGER NOT NULL, doc TEXT NOT NULL);"
	/* AUTOINCREMENT: senders walk by row, a number must not come back. */
	"CREATE TABLE spool (row INTEGER PRIMARY KEY AUTOINCREMENT, "
	    "output TEXT NOT NULL, dead INTEGER NOT NULL DEFAULT 0, "
	    "id TEXT NOT NULL, dataset TEXT NOT NULL, time INTEGER NOT NULL, "
	    "attempts INTEGER NOT NULL DEFAULT 0, "
	    "next INTEGER NOT NULL DEFAULT 0, reason TEXT, "
	    "doc TEXT NOT NULL);"
	"CREATE INDEX spool_output ON spool (output, dead, row);",
};

static int
make_agent_id(sqlite3 *db)
{
	unsigned char r[16];
	char sql[160];

	sqlite3_randomness(sizeof(r), r);
	r[6] = (r[6] & 0x0f) | 0x40;	/* RFC 9562: version 4 */
	r[8] = (r[8] & 0x3f) | 0x80;
	snprintf(sql, sizeof(sql),
	    "INSERT OR IGNORE INTO meta VALUES ('agent.id', "
	    "'%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
	    "%02x%02x%02x%02x%02x%02x')",
	    r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9],
	    r[10], r[11], r[12], r[13], r[14], r[15]);
	return db_exec(db, sql);
}

static int
migrate(sqlite3 *db, const char *path)
{
	int64_t version = 0;
	char sql[64];
	int err;

	if ((err = db_number(db, "PRAGMA user_version", &version)) != 0)
		return err;
	if (version > STORE_SCHEMA) {
		log_errx("%s: has schema %lld, this version knows up to %d: "
		    "install the newer version again or move the file away",
		    path, (long long)version, STORE_SCHEMA);
		return -EPROTO;
	}
	while (version < STORE_SCHEMA) {
		if ((err = db_exec(db, "BEGIN IMMEDIATE")) != 0)
			return err;
		snprintf(sql, sizeof(sql), "PRAGMA user_version=%d; COMMIT",
		    (int)version + 1);
		if ((err = db_exec(db, steps[version])) != 0 ||
		    (err = db_exec(db, sql)) != 0) {
			(void)db_exec(db, "ROLLBACK");
			return err;
		}
		version++;
	}
	return make_agent_id(db);
}

/* sqlite would make the file 0644 less umask; -wal and -shm follow it. */
static int
make_file(const char *path)
{
	char dir[4096];
	char *slash;
	int fd;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	slash = strrchr(dir, '/');
	if (slash != NULL && slash != dir) {
		*slash = '\0';
		if (mkdir(dir, 0750) == -1 && errno != EEXIST)
			return -errno;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd == -1)
		return -errno;
	close(fd);
	return 0;
}

/*
 * A document has two or three kilobytes: of pages of four each held one, and a
 * third of what was written was nothing. Files that were made with another
 * size keep it.
 */
#define PAGE_BYTES	"16384"
#define CHECKPOINT	(4 << 20)	/* bytes of the log */

static int
set_pragmas(sqlite3 *db, const struct store_conf *conf)
{
	char sql[160];
	int64_t pages, page = 0;
	int err;

	sqlite3_busy_timeout(db, 2000);
	/* The first two count only before the first table is made. */
	err = db_exec(db, "PRAGMA page_size=" PAGE_BYTES ";"
	    "PRAGMA auto_vacuum=INCREMENTAL;"
	    "PRAGMA journal_mode=WAL;"
	    "PRAGMA synchronous=FULL;"
	    "PRAGMA secure_delete=OFF;"
	    "PRAGMA temp_store=MEMORY;"
	    "PRAGMA cache_size=-8192;"
	    "PRAGMA journal_size_limit=16777216;");
	if (err == 0)
		err = db_number(db, "PRAGMA page_size", &page);
	if (err != 0)
		return err;
	/* Pruning lags behind; this bound does not. */
	pages = conf->max_bytes / page * 5 / 4;
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld;"
	    "PRAGMA wal_autocheckpoint=%lld",
	    (long long)(pages < 64 ? 64 : pages),
	    (long long)(CHECKPOINT / page));
	return db_exec(db, sql);
}

int
store_file_open(const struct store_conf *conf, sqlite3 **out)
{
	sqlite3 *db = NULL;
	int64_t n;
	int err, rc;

	if ((err = make_file(conf->path)) != 0)
		return err;
	rc = sqlite3_open_v2(conf->path, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc != SQLITE_OK) {
		err = db == NULL ? -ENOMEM : db_errno(db, rc);
		goto fail;
	}
	sqlite3_extended_result_codes(db, 1);
	if ((err = set_pragmas(db, conf)) != 0 ||
	    (err = migrate(db, conf->path)) != 0)
		goto fail;
	/* Touch the root of every table: damage there shows now. */
	err = db_number(db, "SELECT (SELECT count(*) FROM meta) + "
	    "(SELECT ifnull(max(seq), 0) FROM events) + "
	    "(SELECT ifnull(max(seq), 0) FROM alerts) + "
	    "(SELECT ifnull(max(seq), 0) FROM flows) + "
	    "(SELECT count(*) FROM containers) + "
	    "(SELECT ifnull(max(row), 0) FROM spool)", &n);
	if (err != 0)
		goto fail;
	*out = db;
	return 0;
fail:
	sqlite3_close(db);
	return err;
}

int
store_file_aside(const char *path, char *aside, size_t size)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char from[4200], to[4300];
	size_t i;

	snprintf(aside, size, "%s.damaged-%lld", path, (long long)time(NULL));
	for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", path, tails[i]);
		snprintf(to, sizeof(to), "%s%s", aside, tails[i]);
		if (rename(from, to) == -1 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* Row by row: the first page that cannot be read ends the walk, not the
 * copy. Newest first, they matter most. */
static int64_t
copy_rows(sqlite3 *from, sqlite3 *to, const char *select, const char *insert)
{
	sqlite3_stmt *in = db_prepare(from, select);
	sqlite3_stmt *out = db_prepare(to, insert);
	int64_t n = 0;
	int i;

	while (in != NULL && out != NULL && sqlite3_step(in) == SQLITE_ROW) {
		for (i = 0; i < sqlite3_column_count(in); i++)
			sqlite3_bind_value(out, i + 1,
			    sqlite3_column_value(in, i));
		if (db_run(out) == 0)
			n++;
	}
	sqlite3_finalize(in);
	sqlite3_finalize(out);
	return n;
}

int64_t
store_file_salvage(sqlite3 *to, const char *from)
{
	sqlite3 *db = NULL;
	int64_t n = -EUCLEAN;

	if (sqlite3_open_v2(from, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
	    db_exec(to, "BEGIN IMMEDIATE") == 0) {
		n = copy_rows(db, to, "SELECT seq, id, time, dataset, "
		    "container_id, container_name, peer_id, peer_name, rule, "
		    "severity, doc FROM alerts ORDER BY seq DESC",
		    "INSERT OR IGNORE INTO alerts VALUES "
		    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
		n += copy_rows(db, to, "SELECT row, output, dead, id, dataset, "
		    "time, attempts, next, reason, doc FROM spool "
		    "ORDER BY row DESC", "INSERT OR IGNORE INTO spool VALUES "
		    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
		(void)copy_rows(db, to, "SELECT key, value FROM meta",
		    "INSERT OR REPLACE INTO meta VALUES (?, ?)");
		if (db_exec(to, "COMMIT") != 0) {
			(void)db_exec(to, "ROLLBACK");
			n = -EIO;
		}
	}
	sqlite3_close(db);
	return n;
}

#include "outputs/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/jsonpick.h"
#include "outputs/db.h"
#include "outputs/store_private.h"

struct reader {
	sqlite3		*db;
	sqlite3_stmt	*changes;
	int64_t		 version;
	char		*path;
	ino_t		 inode;		/* a damaged store is replaced */
};

/* A path as an SQLite URI: everything but the plainest bytes escaped. */
static void
add_uri(struct buf *uri, const char *path)
{
	const unsigned char *p;

	buf_add_str(uri, "file:");
	for (p = (const unsigned char *)path; *p != '\0'; p++)
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("/._-", *p) != NULL)
			buf_add_char(uri, (char)*p);
		else
			buf_printf(uri, "%%%02x", *p);
}

/* begun(doc): when the flow of a document began, in nanoseconds. */
static void
find_begin(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	static const char *const start[] = { "event.start" };
	const char *text = (const char *)sqlite3_value_text(args[0]);
	size_t len = (size_t)sqlite3_value_bytes(args[0]);
	struct jsonpick got;
	struct wall when;

	(void)n;		/* without a result it is NULL */
	if (jsonpick(text, len, start, 1, &got) == 0 &&
	    jsonpick_wall(&got, &when))
		sqlite3_result_int64(ctx, when.ns);
}

/*
 * A reader with the right to write takes it, for one thing: the last one that
 * closes the store after the agent has stopped removes -wal and -shm, which a
 * reader that only reads would leave. It is kept from changing anything else.
 *
 * A reader that may not write the directory cannot open a store in WAL mode
 * whose -wal and -shm are gone, which they are after a clean stop. Then
 * nobody writes it either and it may be read as if it stood on a read-only
 * medium.
 */
enum reader_access { ACCESS_IMMUTABLE, ACCESS_READ, ACCESS_WRITE };

static int
open_file(const char *path, enum reader_access mode, sqlite3 **out)
{
	static const char *const modes[] = {
		[ACCESS_IMMUTABLE] = "?mode=ro&immutable=1",
		[ACCESS_READ] = "?mode=ro", [ACCESS_WRITE] = "?mode=rw",
	};
	sqlite3 *db = NULL;
	struct buf uri;
	int64_t version = 0;
	int rc, err;

	buf_init(&uri, 16384);
	add_uri(&uri, path);
	buf_add_str(&uri, modes[mode]);
	rc = !buf_ok(&uri) ? SQLITE_NOMEM : sqlite3_open_v2(buf_text(&uri),
	    &db, (mode == ACCESS_WRITE ? SQLITE_OPEN_READWRITE :
	    SQLITE_OPEN_READONLY) | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
	    NULL);
	buf_fini(&uri);
	err = db_errno(db, rc);
	if (err == 0) {
		sqlite3_extended_result_codes(db, 1);
		sqlite3_busy_timeout(db, 5000);
		(void)sqlite3_exec(db, "PRAGMA query_only=1", NULL, NULL, NULL);
		(void)sqlite3_create_function(db, "begun", 1, SQLITE_UTF8 |
		    SQLITE_DETERMINISTIC, NULL, find_begin, NULL, NULL);
		err = db_number(db, "PRAGMA user_version", &version);
	}
	/* One that is being made, or no store of ours. */
	if (err == 0 && version == 0)
		err = -ENOENT;
	if (err == 0 && version != STORE_SCHEMA)
		err = -EPROTO;
	if (err != 0) {
		sqlite3_close(db);
		return err;
	}
	*out = db;
	return 0;
}

static int
open_any(struct reader *r)
{
	struct stat st, wal;
	char path[4200];
	int err;

	if (stat(r->path, &st) == -1)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (access(r->path, R_OK) == -1)
		return -errno;
	snprintf(path, sizeof(path), "%s-wal", r->path);
	err = open_file(r->path, access(r->path, W_OK) == 0 ? ACCESS_WRITE :
	    ACCESS_READ, &r->db);
	if (err == -EACCES && stat(path, &wal) == -1 && errno == ENOENT)
		err = open_file(r->path, ACCESS_IMMUTABLE, &r->db);
	if (err == 0)
		r->inode = st.st_ino;
	return err;
}

static void
close_db(struct reader *r)
{
	sqlite3_finalize(r->changes);
	r->changes = NULL;
	sqlite3_close(r->db);
	r->db = NULL;
}

struct reader *
reader_open(const char *path)
{
	struct reader *r;
	int err;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	if ((r->path = strdup(path)) == NULL)
		err = -ENOMEM;
	else
		err = open_any(r);
	if (err != 0) {
		reader_close(r);
		errno = -err;
		return NULL;
	}
	return r;
}

void
reader_close(struct reader *r)
{
	if (r == NULL)
		return;
	close_db(r);
	free(r->path);
	free(r);
}

bool
reader_changed(struct reader *r)
{
	struct stat st;
	int64_t version = -1;

	if (stat(r->path, &st) == 0 && st.st_ino != r->inode) {
		close_db(r);
		if (open_any(r) != 0)
			return false;
	}
	if (r->db == NULL)
		return false;
	if (r->changes == NULL)
		r->changes = db_prepare(r->db, "PRAGMA data_version");
	if (r->changes == NULL)
		return true;
	if (sqlite3_step(r->changes) == SQLITE_ROW)
		version = sqlite3_column_int64(r->changes, 0);
	sqlite3_reset(r->changes);
	if (version == -1 || version != r->version) {
		r->version = version;
		return true;
	}
	return false;
}

/* Parameters keep their number in every part of a compound. */
#define P_SINCE		1
#define P_UNTIL		2
#define P_CONTAINER	3
#define P_RULE		4
#define P_DATASET	5
#define P_AFTER		6
#define P_LIMIT		7
#define P_CONTAINS	8

static void
add_select(struct buf *sql, const struct reader_filter *f, const char *table)
{
	bool whole = strcmp(table, "containers") != 0;

	buf_printf(sql, "SELECT seq, time, doc FROM %s WHERE 1", table);
	if (f->since.ns != 0)
		buf_printf(sql, " AND time >= ?%d", P_SINCE);
	/* Time is that of a flow's last report. */
	if (f->until.ns != 0 && strcmp(table, "flows") == 0)
		buf_printf(sql, " AND (time <= ?%d OR begun(doc) <= ?%d)",
		    P_UNTIL, P_UNTIL);
	else if (f->until.ns != 0)
		buf_printf(sql, " AND time <= ?%d", P_UNTIL);
	if (f->container != NULL && whole)
		buf_printf(sql, " AND (container_name = ?%d OR "
		    "peer_name = ?%d OR "
		    "substr(container_id, 1, length(?%d)) = ?%d OR "
		    "substr(peer_id, 1, length(?%d)) = ?%d)",
		    P_CONTAINER, P_CONTAINER, P_CONTAINER, P_CONTAINER,
		    P_CONTAINER, P_CONTAINER);
	else if (f->container != NULL)
		buf_printf(sql, " AND (name = ?%d OR "
		    "substr(id, 1, length(?%d)) = ?%d)",
		    P_CONTAINER, P_CONTAINER, P_CONTAINER);
	if (f->rule != NULL && whole)
		buf_printf(sql, " AND rule = ?%d", P_RULE);
	if (f->dataset != NULL && whole)
		buf_printf(sql, " AND dataset = ?%d", P_DATASET);
	if (f->after > 0)
		buf_printf(sql, " AND seq > ?%d", P_AFTER);
	if (f->contains != NULL)
		buf_printf(sql, " AND instr(doc, ?%d) > 0", P_CONTAINS);
}

static void
add_tables(struct buf *sql, const struct reader_filter *f)
{
	struct reader_filter one = *f;

	switch (f->table) {
	case READER_EVENTS:
		add_select(sql, f, "events");
		buf_add_str(sql, " UNION ALL ");
		add_select(sql, f, "alerts");
		break;
	case READER_ALERTS:
		one.dataset = "tallyman.alert";
		add_select(sql, &one, "alerts");
		break;
	case READER_INCIDENTS:
		one.dataset = "tallyman.incident";
		add_select(sql, &one, "alerts");
		break;
	case READER_FLOWS:
		add_select(sql, f, "flows");
		break;
	case READER_CONTAINERS:
		add_select(sql, f, "containers");
		break;
	}
}

static sqlite3_stmt *
make_query(sqlite3 *db, const struct reader_filter *f)
{
	const char *order = f->after > 0 ? "seq" : "time, seq";
	const char *back = f->after > 0 ? "seq DESC" : "time DESC, seq DESC";
	sqlite3_stmt *st = NULL;
	struct buf sql;

	buf_init(&sql, 0);
	if (f->limit > 0)
		buf_add_str(&sql, "SELECT seq, time, doc FROM (");
	add_tables(&sql, f);
	if (f->limit > 0)
		buf_printf(&sql, " ORDER BY %s LIMIT ?%d)", back, P_LIMIT);
	if (!f->unordered)
		buf_printf(&sql, " ORDER BY %s", order);
	if (buf_ok(&sql))
		st = db_prepare(db, buf_text(&sql));
	else
		errno = ENOMEM;
	buf_fini(&sql);
	return st;
}

/* Parameters that the text does not name are refused by sqlite3, harmless. */
static void
bind_filter(sqlite3_stmt *st, const struct reader_filter *f)
{
	const char *dataset = f->dataset;

	if (f->table == READER_ALERTS)
		dataset = "tallyman.alert";
	if (f->table == READER_INCIDENTS)
		dataset = "tallyman.incident";
	sqlite3_bind_int64(st, P_SINCE, f->since.ns);
	sqlite3_bind_int64(st, P_UNTIL, f->until.ns);
	db_bind_text(st, P_CONTAINER, f->container);
	db_bind_text(st, P_RULE, f->rule);
	db_bind_text(st, P_DATASET, dataset);
	sqlite3_bind_int64(st, P_AFTER, f->after);
	sqlite3_bind_int64(st, P_LIMIT, (int64_t)f->limit);
	db_bind_text(st, P_CONTAINS, f->contains);
}

/* Rows on their way to somebody slow: a pager that is left open must not
 * keep a transaction open, or the write-ahead log grows without end. */
struct spill {
	FILE		*file;		/* has no name */
	char		*text;
	size_t		 room;
};

struct spilled {
	int64_t	seq;
	size_t	len;
};

static int
spill_row(void *ctx, const struct reader_row *row)
{
	struct spill *s = ctx;
	struct spilled head = { row->seq, row->len };

	if (fwrite(&head, sizeof(head), 1, s->file) != 1 ||
	    fwrite(row->text, 1, row->len, s->file) != row->len)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

static int
hand_out(struct spill *s, reader_row_fn fn, void *ctx)
{
	struct reader_row row;
	struct spilled head;
	char *text;
	int answer = 0;

	rewind(s->file);
	while (answer == 0 && fread(&head, sizeof(head), 1, s->file) == 1) {
		if (head.len >= s->room) {
			text = realloc(s->text, head.len + 1);
			if (text == NULL)
				return -ENOMEM;
			s->text = text;
			s->room = head.len + 1;
		}
		if (fread(s->text, 1, head.len, s->file) != head.len)
			return -EIO;
		s->text[head.len] = '\0';
		row = (struct reader_row){ head.seq, s->text, head.len };
		answer = fn(ctx, &row);
	}
	return answer != 0 || !ferror(s->file) ? answer : -EIO;
}

static int
walk(struct reader *r, const struct reader_filter *f, reader_row_fn fn,
    void *ctx, int64_t *last)
{
	struct reader_row row;
	sqlite3_stmt *st;
	int rc, err = 0;

	if ((st = make_query(r->db, f)) == NULL)
		return -errno;
	bind_filter(st, f);
	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		row.seq = sqlite3_column_int64(st, 0);
		row.text = (const char *)sqlite3_column_text(st, 2);
		row.len = (size_t)sqlite3_column_bytes(st, 2);
		if (row.seq > *last)
			*last = row.seq;
		err = row.text == NULL ? -ENOMEM : fn(ctx, &row);
	}
	if (err == 0)
		err = db_errno(r->db, rc);
	sqlite3_finalize(st);
	return err;
}

static int
newest_number(struct reader *r, int64_t *top)
{
	return db_number(r->db, "SELECT max("
	    "(SELECT ifnull(max(seq), 0) FROM events), "
	    "(SELECT ifnull(max(seq), 0) FROM alerts), "
	    "(SELECT ifnull(max(seq), 0) FROM flows), "
	    "(SELECT ifnull(max(seq), 0) FROM containers), "
	    "ifnull((SELECT CAST(value AS INTEGER) FROM meta "
	    "WHERE key = 'last_seq'), 0))", top);
}

/* One snapshot for the number to follow from and the rows. */
static int
walk_snapshot(struct reader *r, const struct reader_filter *f,
    reader_row_fn fn, void *ctx, int64_t *top)
{
	int err;

	if (r->db == NULL)
		return -EIO;
	if ((err = db_exec(r->db, "BEGIN")) != 0)
		return err;
	if (f->after == 0)
		err = newest_number(r, top);
	if (err == 0)
		err = walk(r, f, fn, ctx, top);
	(void)db_exec(r->db, "COMMIT");
	return err;
}

int
reader_each(struct reader *r, const struct reader_filter *f, reader_row_fn fn,
    void *ctx, int64_t *last)
{
	struct spill spill = { .file = NULL };
	int64_t top = f->after;
	int err;

	if (f->direct)
		err = walk_snapshot(r, f, fn, ctx, &top);
	else if ((spill.file = tmpfile()) == NULL)
		return -errno;
	else if ((err = walk_snapshot(r, f, spill_row, &spill, &top)) == 0)
		err = hand_out(&spill, fn, ctx);
	if (spill.file != NULL)
		fclose(spill.file);
	free(spill.text);
	if (err == 0 && last != NULL)
		*last = top;
	return err;
}

/* A flow's reports are numbered: FLOW-1, FLOW-2 ... */
static bool
flow_of(const char *id, char *flow, size_t room)
{
	const char *dash = strrchr(id, '-');
	size_t len = dash == NULL ? strlen(id) : (size_t)(dash - id);

	if (len == 0 || len >= room)
		return false;
	memcpy(flow, id, len);
	flow[len] = '\0';
	return true;
}

int
reader_find(struct reader *r, const char *id, reader_row_fn fn, void *ctx)
{
	static const char *const queries[] = {
		"SELECT seq, doc FROM alerts WHERE id = ?1",
		"SELECT seq, doc FROM flows WHERE flow = ?1",
		"SELECT seq, doc FROM flows WHERE flow = ?2",
		"SELECT seq, doc FROM events WHERE id = ?1 LIMIT 1",
		"SELECT seq, doc FROM flows WHERE id = ?1 LIMIT 1",
	};
	struct reader_row row;
	sqlite3_stmt *st;
	char flow[128];
	bool found = false;
	int rc, err = 0;
	size_t i;

	if (r->db == NULL)
		return -EIO;
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]) && !found &&
	    err == 0; i++) {
		if ((st = db_prepare(r->db, queries[i])) == NULL)
			return -errno;
		db_bind_text(st, 1, id);
		if (flow_of(id, flow, sizeof(flow)))
			db_bind_text(st, 2, flow);
		rc = sqlite3_step(st);
		found = rc == SQLITE_ROW;
		if (found) {
			row.seq = sqlite3_column_int64(st, 0);
			row.text = (const char *)sqlite3_column_text(st, 1);
			row.len = (size_t)sqlite3_column_bytes(st, 1);
			err = row.text == NULL ? -ENOMEM : fn(ctx, &row);
		} else
			err = db_errno(r->db, rc);
		sqlite3_finalize(st);
	}
	return err != 0 || found ? err : -ENOENT;
}

static int
walk_spool(struct reader *r, sqlite3_stmt *st, reader_spooled_fn fn, void *ctx)
{
	struct reader_spooled s;
	int rc, answer = 0;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW && answer == 0) {
		s.row = sqlite3_column_int64(st, 0);
		s.output = (const char *)sqlite3_column_text(st, 1);
		s.id = (const char *)sqlite3_column_text(st, 2);
		s.dataset = (const char *)sqlite3_column_text(st, 3);
		s.time.ns = sqlite3_column_int64(st, 4);
		s.attempts = (unsigned)sqlite3_column_int64(st, 5);
		s.next.ns = sqlite3_column_int64(st, 6);
		s.reason = (const char *)sqlite3_column_text(st, 7);
		s.text = (const char *)sqlite3_column_text(st, 8);
		s.len = (size_t)sqlite3_column_bytes(st, 8);
		answer = s.text == NULL || s.id == NULL ? -ENOMEM :
		    fn(ctx, &s);
	}
	if (answer == 0)
		answer = db_errno(r->db, rc);
	sqlite3_finalize(st);
	return answer;
}

#define SPOOL_COLUMNS							\
	"SELECT row, output, id, dataset, time, attempts, next, reason, doc " \
	"FROM spool WHERE "

int
reader_spool(struct reader *r, const char *output, int64_t after,
    size_t limit, reader_spooled_fn fn, void *ctx)
{
	sqlite3_stmt *st;

	if (r->db == NULL)
		return -EIO;
	st = db_prepare(r->db, SPOOL_COLUMNS
	    "output = ? AND dead = 0 AND row > ? ORDER BY row LIMIT ?");
	if (st == NULL)
		return -errno;
	db_bind_text(st, 1, output);
	sqlite3_bind_int64(st, 2, after);
	sqlite3_bind_int64(st, 3, (int64_t)limit);
	return walk_spool(r, st, fn, ctx);
}

int
reader_dead(struct reader *r, const char *output, reader_spooled_fn fn,
    void *ctx)
{
	sqlite3_stmt *st;

	if (r->db == NULL)
		return -EIO;
	st = db_prepare(r->db, SPOOL_COLUMNS
	    "dead = 1 AND (?1 IS NULL OR output = ?1) ORDER BY row");
	if (st == NULL)
		return -errno;
	db_bind_text(st, 1, output);
	return walk_spool(r, st, fn, ctx);
}

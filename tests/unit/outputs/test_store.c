#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/log.h"
#include "outputs/reader.h"
#include "outputs/store.h"
#include "tests/unit/outputs/scratch.h"

struct state {
	char			dir[SCRATCH_DIR], path[96];
	struct store_conf	conf;
};

static int
setup(void **state)
{
	struct state *t = calloc(1, sizeof(*t));

	log_set_level(LOG_EMERG);
	assert_true(scratch_make(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/t.db", t->dir);
	t->conf = (struct store_conf){ t->path, 72 * 3600 * MONO_S, 1 << 30,
	    365 * INT64_C(86400) * MONO_S };
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct state *t = *state;

	scratch_remove(t->dir);
	free(t);
	return 0;
}

static struct store_doc
doc(enum event_dataset set, const char *id, int64_t s, const char *text)
{
	return (struct store_doc){ .dataset = set, .id = id,
	    .time = { s * MONO_S }, .text = text, .len = strlen(text) };
}

static void
put(struct store *s, const struct store_doc *d)
{
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_put(s, d), 0);
	assert_int_equal(store_commit(s), 0);
}

struct seen {
	size_t	n;
	char	text[64][256];
};

static int
see(void *ctx, const struct reader_row *row)
{
	struct seen *seen = ctx;

	if (seen->n < 64)
		snprintf(seen->text[seen->n], 256, "%.*s", (int)row->len,
		    row->text);
	seen->n++;
	return 0;
}

static void
look(struct state *t, struct reader_filter f, struct seen *seen)
{
	struct reader *r = reader_open(t->path);

	assert_non_null(r);
	memset(seen, 0, sizeof(*seen));
	assert_int_equal(reader_each(r, &f, see, seen, NULL), 0);
	reader_close(r);
}

static int64_t
number(struct state *t, const char *sql)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t v;

	assert_int_equal(sqlite3_open_v2(t->path, &db, SQLITE_OPEN_READONLY,
	    NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

static void
one_row_per_flow(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct store_doc d;
	struct seen seen;

	assert_non_null(s);
	d = doc(EVENT_FLOW, "f1-1", 100, "{\"r\":1}");
	d.flow = "f1";
	put(s, &d);
	d = doc(EVENT_FLOW, "f1-2", 110, "{\"r\":2}");
	d.flow = "f1";
	put(s, &d);
	look(t, (struct reader_filter){ .table = READER_FLOWS }, &seen);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.text[0], "{\"r\":2}");
	/* The last report, then an older one that was held up. */
	d = doc(EVENT_FLOW, "f1-3", 120, "{\"r\":3}");
	d.flow = "f1";
	d.final = true;
	put(s, &d);
	d = doc(EVENT_FLOW, "f1-1b", 130, "{\"r\":\"late\"}");
	d.flow = "f1";
	put(s, &d);
	d = doc(EVENT_FLOW, "f2-1", 90, "{\"r\":\"other\"}");
	d.flow = "f2";
	put(s, &d);
	look(t, (struct reader_filter){ .table = READER_FLOWS }, &seen);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.text[0], "{\"r\":\"other\"}");
	assert_string_equal(seen.text[1], "{\"r\":3}");
	store_close(s);
}

static void
an_alert_is_stored_once(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct store_doc d = doc(EVENT_ALERT, "a1", 100, "{\"a\":1}");
	struct seen seen;

	put(s, &d);
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_put(s, &d), -EEXIST);
	/* Without an id each is its own. */
	d = doc(EVENT_ALERT, NULL, 101, "{\"a\":2}");
	assert_int_equal(store_put(s, &d), 0);
	assert_int_equal(store_put(s, &d), 0);
	assert_int_equal(store_commit(s), 0);
	look(t, (struct reader_filter){ .table = READER_ALERTS }, &seen);
	assert_int_equal(seen.n, 3);
	/* An incident is updated. */
	d = doc(EVENT_INCIDENT, "i1", 102, "{\"i\":1}");
	put(s, &d);
	d = doc(EVENT_INCIDENT, "i1", 103, "{\"i\":2}");
	put(s, &d);
	look(t, (struct reader_filter){ .table = READER_INCIDENTS }, &seen);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.text[0], "{\"i\":2}");
	store_close(s);
}

static void
filters_select(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct store_doc d;
	struct seen seen;

	d = doc(EVENT_DNS, "1", 100, "{\"n\":1}");
	d.container_name = "web";
	d.container_id = "abcdef";
	put(s, &d);
	d = doc(EVENT_PROCESS, "2", 110, "{\"n\":2}");
	d.peer_name = "web";
	d.peer_id = "abcdef";
	put(s, &d);
	d = doc(EVENT_PROCESS, "3", 120, "{\"n\":3}");
	d.container_name = "db";
	d.container_id = "123456";
	put(s, &d);
	d = doc(EVENT_ALERT, "4", 105, "{\"n\":4}");
	d.rule = "R1";
	d.container_name = "web";
	put(s, &d);

	look(t, (struct reader_filter){ .table = READER_EVENTS }, &seen);
	assert_int_equal(seen.n, 4);
	assert_string_equal(seen.text[1], "{\"n\":4}");	/* by time */
	assert_string_equal(seen.text[3], "{\"n\":3}");
	look(t, (struct reader_filter){ .table = READER_EVENTS,
	    .container = "web" }, &seen);
	assert_int_equal(seen.n, 3);
	look(t, (struct reader_filter){ .table = READER_EVENTS,
	    .container = "abc" }, &seen);
	assert_int_equal(seen.n, 2);
	look(t, (struct reader_filter){ .table = READER_EVENTS,
	    .container = "we" }, &seen);
	assert_int_equal(seen.n, 0);
	look(t, (struct reader_filter){ .table = READER_EVENTS,
	    .rule = "R1" }, &seen);
	assert_int_equal(seen.n, 1);
	look(t, (struct reader_filter){ .table = READER_EVENTS,
	    .dataset = "tallyman.process" }, &seen);
	assert_int_equal(seen.n, 2);
	look(t, (struct reader_filter){ .table = READER_EVENTS,
	    .since = { 105 * MONO_S }, .until = { 110 * MONO_S } }, &seen);
	assert_int_equal(seen.n, 2);
	/* The newest two, newest last. */
	look(t, (struct reader_filter){ .table = READER_EVENTS, .limit = 2 },
	    &seen);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.text[0], "{\"n\":2}");
	assert_string_equal(seen.text[1], "{\"n\":3}");
	store_close(s);
}

static void
following_sees_each_row_once(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct reader_filter f = { .table = READER_FLOWS };
	struct seen seen = { 0 };
	struct store_doc d = doc(EVENT_FLOW, "1", 100, "{\"n\":1}");
	struct reader *r;
	int64_t last = 0;

	d.flow = "f1";
	put(s, &d);
	r = reader_open(t->path);
	assert_non_null(r);
	assert_int_equal(reader_each(r, &f, see, &seen, &last), 0);
	assert_int_equal(seen.n, 1);
	assert_true(reader_changed(r));
	assert_false(reader_changed(r));
	d.text = "{\"n\":2}";
	d.time.ns += MONO_S;
	put(s, &d);
	assert_true(reader_changed(r));
	f.after = last;
	assert_int_equal(reader_each(r, &f, see, &seen, &last), 0);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.text[1], "{\"n\":2}");
	f.after = last;
	assert_int_equal(reader_each(r, &f, see, &seen, &last), 0);
	assert_int_equal(seen.n, 2);
	reader_close(r);
	store_close(s);
}

static void
fill(struct store *s, int n, int64_t from)
{
	char text[2000];
	struct store_doc d;
	int i;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(store_begin(s), 0);
	for (i = 0; i < n; i++) {
		d = doc(EVENT_DNS, "e", from + i, text);
		assert_int_equal(store_put(s, &d), 0);
	}
	assert_int_equal(store_commit(s), 0);
}

static int
checkpoint(void *ctx, const struct reader_row *row)
{
	struct state *t = ctx;
	sqlite3_stmt *st;
	sqlite3 *db;
	int busy;

	(void)row;
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
	    "PRAGMA wal_checkpoint(TRUNCATE)", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	busy = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return busy;
}

/* A pager that stays open must not keep the log from being emptied. */
static void
a_slow_reader_holds_nothing(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct reader_filter f = { .table = READER_EVENTS };
	struct reader *r;

	fill(s, 100, 1000);
	r = reader_open(t->path);
	assert_int_equal(reader_each(r, &f, checkpoint, t, NULL), 0);
	reader_close(r);
	store_close(s);
}

static void
prunes_by_age(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct wall now = { 400 * INT64_C(86400) * MONO_S };
	uint64_t removed = 0;
	struct store_doc d;
	struct seen seen;
	int64_t day = 86400;

	d = doc(EVENT_DNS, "old", 390 * day, "{\"n\":1}");
	put(s, &d);
	d = doc(EVENT_DNS, "new", 399 * day, "{\"n\":2}");
	put(s, &d);
	d = doc(EVENT_ALERT, "kept", 300 * day, "{\"n\":3}");
	put(s, &d);
	d = doc(EVENT_ALERT, "ancient", 10 * day, "{\"n\":4}");
	put(s, &d);
	d = doc(EVENT_FLOW, "f", 390 * day, "{\"n\":5}");
	d.flow = "f";
	put(s, &d);
	assert_int_equal(store_prune(s, now, &removed), 0);
	assert_int_equal(removed, 3);
	look(t, (struct reader_filter){ .table = READER_EVENTS }, &seen);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.text[0], "{\"n\":3}");
	assert_string_equal(seen.text[1], "{\"n\":2}");
	look(t, (struct reader_filter){ .table = READER_FLOWS }, &seen);
	assert_int_equal(seen.n, 0);
	store_close(s);
}

static void
prunes_by_size_and_gives_back(void **state)
{
	struct state *t = *state;
	struct wall now = { 10000 * MONO_S };
	uint64_t removed = 0;
	struct store_doc d = doc(EVENT_ALERT, "a", 1, "{\"a\":1}");
	struct store *s;
	struct seen seen;
	int i;

	t->conf.max_bytes = 4 << 20;
	s = store_open(&t->conf);
	assert_non_null(s);
	put(s, &d);
	fill(s, 2200, 1000);
	for (i = 0; i < 100 && store_prune(s, now, &removed) == 1; i++)
		;
	assert_true(removed >= 100 && removed < 1500);
	assert_true(number(t, "SELECT (page_count - freelist_count) * "
	    "page_size FROM pragma_page_count, pragma_freelist_count, "
	    "pragma_page_size") <= 4 << 20);
	/* The oldest went, the alert is older than all and stayed. */
	assert_true(number(t, "SELECT min(time) / 1000000000 FROM events") >=
	    1000 + (int64_t)removed);
	assert_int_equal(number(t, "SELECT max(time) / 1000000000 "
	    "FROM events"), 1000 + 2199);
	look(t, (struct reader_filter){ .table = READER_ALERTS }, &seen);
	assert_int_equal(seen.n, 1);
	/* Numbers are not given twice, also when everything is gone. */
	now.ns = 9000000 * MONO_S;
	while (store_prune(s, now, &removed) == 1)
		;
	assert_int_equal(number(t, "SELECT count(*) FROM events"), 0);
	assert_true(number(t, "SELECT page_count * page_size FROM "
	    "pragma_page_count, pragma_page_size") < 3 * (4 << 20) / 4);
	store_close(s);
	s = store_open(&t->conf);
	d = doc(EVENT_DNS, "n", 9000000, "{}");
	put(s, &d);
	assert_true(number(t, "SELECT max(seq) FROM events") > 2200);
	store_close(s);
}

static void
a_full_store_says_so_and_recovers(void **state)
{
	struct state *t = *state;
	struct store_doc d;
	char text[4000];
	uint64_t removed = 0;
	struct store *s;
	int err = 0, i;

	t->conf.max_bytes = 1 << 20;	/* hard ceiling 1.25 MiB */
	s = store_open(&t->conf);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i < 1000 && err == 0; i++) {
		d = doc(EVENT_DNS, "e", 1000 + i, text);
		assert_int_equal(store_begin(s), 0);
		if ((err = store_put(s, &d)) == 0)
			err = store_commit(s);
	}
	assert_int_equal(err, -ENOSPC);
	store_rollback(s);
	assert_true(i > 200);
	assert_int_equal(store_make_room(s, &removed), 0);
	assert_true(removed >= 20);
	d = doc(EVENT_ALERT, "a", 5000, "{\"a\":1}");
	put(s, &d);
	store_close(s);
}

/* The child says each id only after its commit; then it is killed. */
static void
acknowledged_alerts_survive_kill(void **state)
{
	struct state *t = *state;
	int pipe_fd[2], status, round;
	int64_t said = 0, n;
	char buf[4096], id[32];
	struct store_doc d;
	struct store *s;
	ssize_t got;
	pid_t pid;

	for (round = 0; round < 5; round++) {
		assert_int_equal(pipe(pipe_fd), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			s = store_open(&t->conf);
			for (n = 0; s != NULL; n++) {
				snprintf(id, sizeof(id), "r%d-%lld", round,
				    (long long)n);
				d = doc(EVENT_ALERT, id, n, "{\"a\":1}");
				if (store_begin(s) != 0 ||
				    store_put(s, &d) != 0 ||
				    store_commit(s) != 0 ||
				    write(pipe_fd[1], ".", 1) != 1)
					break;
			}
			_exit(1);
		}
		close(pipe_fd[1]);
		/* Somewhere in the middle of things. */
		assert_int_equal(read(pipe_fd[0], buf, 1), 1);
		said++;
		usleep(20000 + 7000 * (unsigned)round);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while ((got = read(pipe_fd[0], buf, sizeof(buf))) > 0)
			said += got;
		close(pipe_fd[0]);
	}
	s = store_open(&t->conf);
	assert_non_null(s);
	n = number(t, "SELECT count(*) FROM alerts");
	assert_true(n >= said);
	assert_true(n <= said + 5);	/* committed, killed before saying */
	store_close(s);
}

static void
a_damaged_file_is_moved_aside(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct store_doc d = doc(EVENT_ALERT, "a", 1, "{\"a\":1}");
	char pattern[128], id[40];
	struct seen seen;
	int fd;

	put(s, &d);
	snprintf(id, sizeof(id), "%s", store_agent_id(s));
	assert_int_equal(strlen(id), 36);
	store_close(s);
	s = store_open(&t->conf);
	assert_string_equal(store_agent_id(s), id);
	store_close(s);
	fd = open(t->path, O_WRONLY);
	assert_int_equal(pwrite(fd, "this is no database at all", 26, 0), 26);
	close(fd);
	s = store_open(&t->conf);
	assert_non_null(s);
	d = doc(EVENT_ALERT, "b", 2, "{\"a\":2}");
	put(s, &d);
	look(t, (struct reader_filter){ .table = READER_ALERTS }, &seen);
	assert_int_equal(seen.n, 1);
	store_close(s);
	snprintf(pattern, sizeof(pattern), "%s/t.db.damaged-*", t->dir);
	assert_true(scratch_count(pattern) >= 1);
}

/* Damage in the middle of the file, found while running: alerts that can
 * still be read come along. */
static void
alerts_are_read_back_from_a_damaged_file(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct store_doc d = doc(EVENT_ALERT, "a", 1, "{\"a\":1}");
	char junk[4096];
	struct seen seen;
	int64_t root, page;
	int fd;

	put(s, &d);
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_spool_put(s, "es", &d), 0);
	assert_int_equal(store_commit(s), 0);
	fill(s, 300, 1000);
	root = number(t, "SELECT rootpage FROM sqlite_master "
	    "WHERE name = 'events'");
	page = number(t, "PRAGMA page_size");
	store_close(s);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(t->path, O_WRONLY);
	assert_int_equal(pwrite(fd, junk, 4096, (root - 1) * page), 4096);
	close(fd);
	s = store_open(&t->conf);
	assert_non_null(s);
	look(t, (struct reader_filter){ .table = READER_ALERTS }, &seen);
	assert_int_equal(seen.n, 1);
	look(t, (struct reader_filter){ .table = READER_EVENTS }, &seen);
	assert_int_equal(seen.n, 1);
	assert_int_equal(number(t, "SELECT count(*) FROM spool"), 1);
	store_close(s);
}

static void
one_agent_at_a_time_and_no_newer_schema(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	sqlite3 *db;

	assert_null(store_open(&t->conf));
	assert_int_equal(errno, EBUSY);
	store_close(s);
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL,
	    NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_null(store_open(&t->conf));
	assert_int_equal(errno, EPROTO);
	assert_null(reader_open(t->path));
	assert_int_equal(errno, EPROTO);
}

/* Made by a version that wrote pages of another size. */
static void
a_file_keeps_its_page_size(void **state)
{
	struct state *t = *state;
	struct store_doc d = doc(EVENT_DNS, "n", 5, "{}");
	struct store *s;
	sqlite3 *db;
	char *text;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA page_size=4096;"
	    "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
	    "CREATE TABLE t (a); DROP TABLE t", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	t->conf.max_bytes = 4 << 20;
	s = store_open(&t->conf);
	assert_non_null(s);
	put(s, &d);
	assert_int_equal(number(t, "PRAGMA page_size"), 4096);
	fill(s, 1000, 1000);
	assert_int_equal(number(t, "SELECT count(*) FROM events"), 1001);
	/* The hard ceiling is the same number of bytes. */
	text = malloc(4 << 20);
	assert_non_null(text);
	memset(text, 'x', 4 << 20);
	d.text = text;
	d.len = 4 << 20;
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_put(s, &d), -ENOSPC);
	store_rollback(s);
	free(text);
	store_close(s);
}

static int
count_row(void *ctx, const struct reader_spooled *s)
{
	int64_t *last = ctx;

	*last = s->row;
	return 0;
}

static void
the_spool_keeps_what_is_owed(void **state)
{
	struct state *t = *state;
	struct store *s = store_open(&t->conf);
	struct store_doc d = doc(EVENT_ALERT, "a", 1, "{\"a\":1}");
	struct wall now = { 5 * MONO_S };
	int64_t count, row = 0;
	struct reader *r;

	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_spool_put(s, "es", &d), 0);
	assert_int_equal(store_spool_put(s, "es", &d), 0);
	assert_int_equal(store_spool_put(s, "other", &d), 0);
	assert_int_equal(store_commit(s), 0);
	assert_int_equal(store_spool_count(s, "es", &count), 0);
	assert_int_equal(count, 2);
	r = reader_open(t->path);
	assert_int_equal(reader_spool(r, "es", 0, 1, count_row, &row), 0);
	assert_int_equal(row, 1);
	assert_int_equal(reader_spool(r, "es", 1, 9, count_row, &row), 0);
	assert_int_equal(row, 2);
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_spool_done(s, 1), 0);
	assert_int_equal(store_spool_dead(s, 2, "because", now), 0);
	assert_int_equal(store_commit(s), 0);
	assert_int_equal(store_spool_count(s, "es", &count), 0);
	assert_int_equal(count, 0);
	row = 0;
	assert_int_equal(reader_dead(r, "es", count_row, &row), 0);
	assert_int_equal(row, 2);
	row = 0;
	assert_int_equal(reader_dead(r, "other", count_row, &row), 0);
	assert_int_equal(row, 0);
	reader_close(r);
	store_close(s);
}

/* As root: neither a reader that is root nor one that is only in the group
 * may leave behind what the agent's user cannot use. */
static void
readers_leave_nothing_of_their_own(void **state)
{
	struct state *t = *state;
	struct store_doc d = doc(EVENT_ALERT, "a", 1, "{\"a\":1}");
	static const char *const tails[] = { "", "-wal", "-shm", ".lock" };
	int status, i, running;
	struct store *s;
	struct seen seen;
	struct stat st;
	char path[128];
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(t->dir, 4321, 4322), 0);
	assert_int_equal(chmod(t->dir, 0750), 0);
	for (running = 0; running < 2; running++) {
		int go[2], done[2];
		char c;

		assert_int_equal(pipe(go), 0);
		assert_int_equal(pipe(done), 0);
		pid = fork();
		if (pid == 0) {		/* the agent */
			if (setgid(4322) != 0 || setuid(4321) != 0 ||
			    (s = store_open(&t->conf)) == NULL ||
			    store_begin(s) != 0 || (store_put(s, &d) != 0 &&
			    running == 0) || store_commit(s) != 0)
				_exit(1);
			if (!running)
				store_close(s);
			if (write(done[1], "x", 1) != 1 ||
			    read(go[0], &c, 1) != 1)
				_exit(2);
			if (running) {
				d.id = "later";
				if (store_begin(s) != 0 ||
				    store_put(s, &d) != 0 ||
				    store_commit(s) != 0)
					_exit(3);
				store_close(s);
			} else if ((s = store_open(&t->conf)) == NULL)
				_exit(4);
			_exit(0);
		}
		assert_int_equal(read(done[0], &c, 1), 1);
		look(t, (struct reader_filter){ .table = READER_ALERTS },
		    &seen);
		assert_int_equal(seen.n, 1);
		for (i = 0; i < 4; i++) {
			snprintf(path, sizeof(path), "%s%s", t->path,
			    tails[i]);
			if (stat(path, &st) == -1)
				continue;
			assert_int_equal(st.st_uid, 4321);
			assert_int_equal(st.st_gid, 4322);
			assert_int_equal(st.st_mode & 0777, 0640);
		}
		if ((i = fork()) == 0) {	/* a member of the group */
			if (setgid(4322) != 0 || setuid(4399) != 0)
				_exit(1);
			look(t, (struct reader_filter){
			    .table = READER_ALERTS }, &seen);
			_exit(seen.n == 1 ? 0 : 2);
		}
		assert_int_equal(waitpid(i, &status, 0), i);
		assert_int_equal(status, 0);
		assert_int_equal(write(go[1], "x", 1), 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		close(go[0]);
		close(go[1]);
		close(done[0]);
		close(done[1]);
	}
	assert_int_equal(number(t, "SELECT count(*) FROM alerts"), 2);
}

/* Runs look as a member of the group; 0 when it saw one alert. */
static int
look_as_member(struct state *t)
{
	struct seen seen;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgid(4322) != 0 || setuid(4399) != 0)
			_exit(1);
		look(t, (struct reader_filter){ .table = READER_ALERTS },
		    &seen);
		_exit(seen.n == 1 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* What kill -9 leaves is read by a member of the group, by root, and by the
 * agent again, in this order. */
static void
what_a_killed_agent_left_is_readable(void **state)
{
	struct state *t = *state;
	struct store_doc d = doc(EVENT_ALERT, "a", 1, "{\"a\":1}");
	struct store *s;
	struct seen seen;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(t->dir, 4321, 4322), 0);
	assert_int_equal(chmod(t->dir, 0750), 0);
	for (int round = 0; round < 2; round++) {
		pid = fork();
		if (pid == 0) {
			if (setgid(4322) != 0 || setuid(4321) != 0 ||
			    (s = store_open(&t->conf)) == NULL ||
			    store_begin(s) != 0)
				_exit(1);
			(void)store_put(s, &d);
			if (store_commit(s) != 0)
				_exit(1);
			kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(look_as_member(t), 0);
		look(t, (struct reader_filter){ .table = READER_ALERTS },
		    &seen);
		assert_int_equal(seen.n, 1);
		assert_int_equal(look_as_member(t), 0);
	}
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_row_per_flow),
		T(an_alert_is_stored_once),
		T(filters_select),
		T(following_sees_each_row_once),
		T(a_slow_reader_holds_nothing),
		T(prunes_by_age),
		T(prunes_by_size_and_gives_back),
		T(a_full_store_says_so_and_recovers),
		T(acknowledged_alerts_survive_kill),
		T(a_damaged_file_is_moved_aside),
		T(alerts_are_read_back_from_a_damaged_file),
		T(one_agent_at_a_time_and_no_newer_schema),
		T(a_file_keeps_its_page_size),
		T(the_spool_keeps_what_is_owed),
		T(readers_leave_nothing_of_their_own),
		T(what_a_killed_agent_left_is_readable),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

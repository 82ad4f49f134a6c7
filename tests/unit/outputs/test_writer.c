#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/log.h"
#include "outputs/reader.h"
#include "outputs/writer_private.h"
#include "tests/unit/outputs/scratch.h"

struct state {
	char			 dir[SCRATCH_DIR], path[96], file[96];
	struct store_conf	 conf;
	struct ledger		*ledger;
	struct outputs		*outputs;
	struct writer		*writer;
};

static int
setup(void **state)
{
	struct state *t = calloc(1, sizeof(*t));

	log_set_level(LOG_EMERG);
	assert_true(scratch_make(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/t.db", t->dir);
	snprintf(t->file, sizeof(t->file), "%s/out.ndjson", t->dir);
	t->conf = (struct store_conf){ t->path, 72 * 3600 * MONO_S, 1 << 30,
	    365 * INT64_C(86400) * MONO_S };
	t->ledger = ledger_new();
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct state *t = *state;

	writer_free(t->writer);
	ledger_free(t->ledger);
	outputs_free(t->outputs);
	(void)umount(t->dir);
	scratch_remove(t->dir);
	free(t);
	return 0;
}

static void
add_file_output(struct state *t, const char *datasets, const char *max)
{
	struct conf_pair pairs[] = {
		{ (char *)"type", (char *)"file", 2, 3 },
		{ (char *)"path", t->file, 3, 3 },
		{ (char *)"datasets", (char *)datasets, 4, 3 },
		{ (char *)"max_bytes", (char *)max, 5, 3 },
		{ (char *)"keep", (char *)"2", 6, 3 },
	};
	struct conf_entry entry = { pairs, 5, 2, 3 };
	struct conf conf = { .outputs = &entry, .n_outputs = 1 };
	struct buf errors;

	buf_init(&errors, 0);
	t->outputs = outputs_new(&conf, "t.yaml", &errors);
	assert_string_equal(buf_text(&errors), "");
	assert_non_null(t->outputs);
	buf_fini(&errors);
}

static struct event *
make(enum event_dataset set, const char *id)
{
	static const struct mono_clock real;
	struct event *e = event_new(set, mono_wall(&real));

	assert_non_null(e);
	event_set_cstr(e, FIELD_EVENT_ID, id);
	event_set_cstr(e, FIELD_CONTAINER_NAME, "web");
	event_seal(e);
	return e;
}

static bool
sink(struct state *t, enum event_dataset set, const char *id)
{
	struct event *e = make(set, id);
	bool taken = writer_sink(t->writer, e);

	event_unref(e);
	return taken;
}

static struct ledger_stage *
stage(struct state *t, const char *name)
{
	return ledger_stage(t->ledger, name);
}

static uint64_t
delivered(struct state *t, const char *name)
{
	return ledger_get(&stage(t, name)->delivered);
}

static uint64_t
dropped(struct state *t, const char *name, const char *reason)
{
	return ledger_get(ledger_dropped(stage(t, name), reason));
}

static void
assert_balance(struct state *t, const char *name)
{
	assert_true(ledger_stage_balances(stage(t, name)));
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Milliseconds until the stage has delivered n. */
static int64_t
wait_delivered(struct state *t, const char *name, uint64_t n, int64_t most)
{
	int64_t start = now_ms();

	while (delivered(t, name) < n && now_ms() - start < most)
		usleep(2000);
	assert_true(delivered(t, name) >= n);
	return now_ms() - start;
}

static size_t
lines_of(const char *path, char *last, size_t size)
{
	FILE *f = fopen(path, "r");
	char line[8192];
	size_t n = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		n++;
		if (last != NULL)
			snprintf(last, size, "%s", line);
	}
	fclose(f);
	return n;
}

static int
count_row(void *ctx, const struct reader_row *row)
{
	(void)row;
	(*(size_t *)ctx)++;
	return 0;
}

static size_t
rows(struct state *t, enum reader_table table)
{
	struct reader_filter f = { .table = table };
	struct reader *r = reader_open(t->path);
	size_t n = 0;

	assert_non_null(r);
	assert_int_equal(reader_each(r, &f, count_row, &n, NULL), 0);
	reader_close(r);
	return n;
}

static void
an_alert_is_on_disk_at_once(void **state)
{
	struct state *t = *state;
	char id[16];
	int i;

	t->writer = writer_new(&t->conf, NULL, t->ledger);
	assert_non_null(t->writer);
	assert_int_equal(writer_start(t->writer), 0);
	for (i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		assert_true(sink(t, EVENT_DNS, "d"));
		assert_true(sink(t, EVENT_ALERT, id));
		assert_true(wait_delivered(t, "store", 2 * (uint64_t)(i + 1),
		    2000) < 200);
	}
	assert_int_equal(rows(t, READER_ALERTS), 5);
	/* The same alert again is known. */
	assert_true(sink(t, EVENT_ALERT, "a0"));
	wait_delivered(t, "store", 11, 2000);
	assert_int_equal(rows(t, READER_ALERTS), 5);
	assert_int_equal(ledger_get(ledger_noted(stage(t, "store"),
	    "stored_before")), 1);
	assert_true(writer_put_container(t->writer, "abc", "web", "{}", 2));
	writer_close(t->writer);
	assert_int_equal(rows(t, READER_CONTAINERS), 1);
	assert_balance(t, "writer");
	assert_balance(t, "store");
	/* Closed: refused and counted. */
	assert_false(sink(t, EVENT_DNS, "late"));
	assert_int_equal(dropped(t, "writer", "closed"), 1);
	assert_balance(t, "writer");
}

static void
pressure_drops_bulk_first(void **state)
{
	struct state *t = *state;
	uint64_t dns = 0, flow = 0, alert = 0;
	char id[32];
	int i;

	/* Not started: nothing takes from the queue. */
	t->writer = writer_new(&t->conf, NULL, t->ledger);
	assert_non_null(t->writer);
	for (i = 0; i < 17000; i++)
		dns += !sink(t, EVENT_DNS, "d");
	assert_true(dns > 3000);
	assert_int_equal(dropped(t, "writer", "queue_full_dns"), dns);
	assert_true(sink(t, EVENT_FLOW, "f"));
	for (i = 0; i < 3000; i++)
		flow += !sink(t, EVENT_FLOW, "f");
	assert_true(flow > 0);
	assert_int_equal(dropped(t, "writer", "queue_full_flow"), flow);
	for (i = 0; i < 3000; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		alert += !sink(t, EVENT_ALERT, id);
	}
	/* A tenth is theirs alone. */
	assert_true(alert > 0 && alert < 3000 - 1600);
	assert_int_equal(dropped(t, "writer", "queue_full_alert"), alert);
	assert_balance(t, "writer");
	assert_int_equal(ledger_get(&stage(t, "writer")->pending), 17000 +
	    3001 + 3000 - dns - flow - alert);
	/* Everything that was let in is on disk after close. */
	assert_int_equal(writer_start(t->writer), 0);
	writer_close(t->writer);
	assert_int_equal(delivered(t, "store"), 17000 + 3001 + 3000 - dns -
	    flow - alert);
	assert_int_equal(rows(t, READER_ALERTS), 3000 - alert);
	assert_int_equal(ledger_get(&stage(t, "writer")->pending), 0);
	assert_balance(t, "writer");
	assert_balance(t, "store");
}

/* Before bulk is refused, and only while the store gets on. */
static void
it_says_that_it_is_behind(void **state)
{
	struct state *t = *state;
	int i;

	t->writer = writer_new(&t->conf, NULL, t->ledger);
	assert_non_null(t->writer);
	/* Not started: nothing takes from the queue. */
	t->writer->stored_ns = writer_now().ns + 3600 * MONO_S;
	assert_false(writer_is_behind(t->writer));
	for (i = 0; i < WRITER_QUEUE / 2; i++)
		assert_true(sink(t, EVENT_DNS, "d"));
	assert_false(writer_is_behind(t->writer));
	for (i = 0; i < WRITER_QUEUE / 5; i++)
		assert_true(sink(t, EVENT_DNS, "d"));
	assert_true(writer_is_behind(t->writer));
	t->writer->stored_ns = writer_now().ns - 10 * MONO_S;
	assert_false(writer_is_behind(t->writer));
}

static void
large_events_fill_the_queue_sooner(void **state)
{
	static char text[200 * 1024];
	struct state *t = *state;
	uint64_t dns = 0;
	struct event *e;
	int i;

	memset(text, 'x', sizeof(text) - 1);
	t->writer = writer_new(&t->conf, NULL, t->ledger);
	assert_non_null(t->writer);
	for (i = 0; i < 400; i++) {
		e = event_new(EVENT_PROCESS, (struct wall){ i });
		event_set_cstr(e, FIELD_PROCESS_COMMAND_LINE, text);
		assert_true(event_bytes(e) > sizeof(text));
		dns += !writer_sink(t->writer, e);
		event_unref(e);
	}
	/* 80 % of 64 MiB hold 262 of them. */
	assert_true(dns >= 400 - 262 && dns < 400 - 240);
	assert_true(sink(t, EVENT_ALERT, "a"));
	assert_int_equal(writer_start(t->writer), 0);
	writer_close(t->writer);
	assert_int_equal(delivered(t, "store"), 401 - dns);
	assert_balance(t, "writer");
	assert_balance(t, "store");
}

/* A file system of 1 MiB: alerts wait, the rest is dropped and counted, and
 * when there is room again the alerts are stored. */
static void
a_full_disk_costs_no_alert(void **state)
{
	struct state *t = *state;
	char junk[120], block[1024], id[16];
	int fd, i;

	if (geteuid() != 0 || mount("tm", t->dir, "tmpfs", 0, "size=1m") != 0)
		skip();
	t->writer = writer_new(&t->conf, NULL, t->ledger);
	assert_non_null(t->writer);
	snprintf(junk, sizeof(junk), "%s/junk", t->dir);
	memset(block, 'x', sizeof(block));
	fd = open(junk, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	for (i = 0; i < 1024; i++)
		if (write(fd, block, 1024) != 1024)
			break;
	close(fd);
	assert_true(i < 1024);
	assert_int_equal(writer_start(t->writer), 0);
	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		assert_true(sink(t, EVENT_ALERT, id));
		assert_true(sink(t, EVENT_DNS, "d"));
	}
	usleep(1500000);
	assert_true(dropped(t, "store", "disk_full") > 0);
	assert_int_equal(dropped(t, "store", "disk_full") +
	    delivered(t, "store"), 100);
	assert_balance(t, "store");
	assert_int_equal(unlink(junk), 0);
	wait_delivered(t, "store", 100, 4000);
	assert_int_equal(rows(t, READER_ALERTS), 100);
	writer_close(t->writer);
	assert_balance(t, "store");
}

static void
a_damaged_store_is_replaced_while_running(void **state)
{
	struct state *t = *state;
	char junk[8192], id[16];
	sqlite3 *db;
	int fd, i;

	t->writer = writer_new(&t->conf, NULL, t->ledger);
	assert_int_equal(writer_start(t->writer), 0);
	for (i = 0; i < 200; i++)
		assert_true(sink(t, EVENT_DNS, "d"));
	wait_delivered(t, "store", 200, 2000);
	/* What another connection writes makes the writer forget the pages
	 * that it remembers, and the checkpoint empties the log: only the
	 * file is left, and that is damaged now. */
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO meta VALUES ('x', 'y');"
	    "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
	memset(junk, 0x5a, sizeof(junk));
	fd = open(t->path, O_WRONLY);
	for (i = 0; i < 40; i++)
		assert_int_equal(pwrite(fd, junk, 8192, i * 8192), 8192);
	close(fd);
	sqlite3_close(db);
	for (i = 0; i < 3000; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		if (!sink(t, EVENT_ALERT, id))
			usleep(100000);
	}
	writer_close(t->writer);
	assert_int_equal(dropped(t, "writer", "queue_full_alert"), 0);
	assert_int_equal(delivered(t, "store"), 3200);
	assert_int_equal(ledger_get(ledger_noted(stage(t, "store"),
	    "damaged")), 1);
	assert_int_equal(rows(t, READER_ALERTS), 3000);
	assert_balance(t, "store");
}

static void
the_file_output_gets_everything_once(void **state)
{
	struct state *t = *state;
	char last[8192] = "";

	add_file_output(t, "all", "0");
	t->writer = writer_new(&t->conf, t->outputs, t->ledger);
	assert_int_equal(writer_start(t->writer), 0);
	assert_true(sink(t, EVENT_DNS, "d1"));
	assert_true(sink(t, EVENT_ALERT, "a1"));
	assert_true(sink(t, EVENT_ALERT, "a1"));
	assert_true(sink(t, EVENT_FLOW, "f1"));
	wait_delivered(t, "output.file", 3, 2000);
	writer_close(t->writer);
	assert_int_equal(delivered(t, "output.file"), 3);
	assert_int_equal(lines_of(t->file, last, sizeof(last)), 3);
	assert_non_null(strstr(last, "\"a1\""));
	assert_int_equal(last[0], '{');
	assert_balance(t, "output.file");
}

static void
the_file_output_takes_its_datasets_only(void **state)
{
	struct state *t = *state;

	add_file_output(t, "alert, tallyman.flow", "0");
	t->writer = writer_new(&t->conf, t->outputs, t->ledger);
	assert_int_equal(writer_start(t->writer), 0);
	assert_true(sink(t, EVENT_DNS, "d1"));
	assert_true(sink(t, EVENT_ALERT, "a1"));
	assert_true(sink(t, EVENT_FLOW, "f1"));
	writer_close(t->writer);
	assert_int_equal(lines_of(t->file, NULL, 0), 2);
	assert_balance(t, "output.file");
}

/* The directory is missing at first: alerts wait in the spool, over a
 * restart, bulk is counted as lost. */
static void
alerts_wait_for_a_file_that_cannot_be_written(void **state)
{
	struct state *t = *state;
	char later[96];

	snprintf(t->file, sizeof(t->file), "%s/later/out.ndjson", t->dir);
	add_file_output(t, "all", "0");
	t->writer = writer_new(&t->conf, t->outputs, t->ledger);
	assert_int_equal(writer_start(t->writer), 0);
	assert_true(sink(t, EVENT_DNS, "d1"));
	assert_true(sink(t, EVENT_ALERT, "a1"));
	wait_delivered(t, "store", 2, 2000);
	writer_free(t->writer);
	t->writer = NULL;
	assert_int_equal(dropped(t, "output.file", "write_failed"), 1);
	assert_int_equal(ledger_get(&stage(t, "output.file")->pending), 1);
	assert_balance(t, "output.file");

	ledger_free(t->ledger);
	t->ledger = ledger_new();
	t->writer = writer_new(&t->conf, t->outputs, t->ledger);
	assert_int_equal(writer_start(t->writer), 0);
	snprintf(later, sizeof(later), "%s/later", t->dir);
	assert_int_equal(mkdir(later, 0755), 0);
	wait_delivered(t, "output.file", 1, 5000);
	writer_close(t->writer);
	assert_int_equal(lines_of(t->file, NULL, 0), 1);
	assert_int_equal(ledger_get(&stage(t, "output.file")->pending), 0);
	assert_balance(t, "output.file");
}

static void
the_file_rotates_and_reopens(void **state)
{
	struct state *t = *state;
	char path[128];
	size_t n;
	int i;

	add_file_output(t, "all", "4KiB");
	t->writer = writer_new(&t->conf, t->outputs, t->ledger);
	assert_int_equal(writer_start(t->writer), 0);
	for (i = 0; i < 100; i++)
		assert_true(sink(t, EVENT_DNS, "d"));
	wait_delivered(t, "output.file", 100, 3000);
	snprintf(path, sizeof(path), "%s.2", t->file);
	n = lines_of(path, NULL, 0);
	assert_true(n > 0 && n < 50);
	snprintf(path, sizeof(path), "%s.3", t->file);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s.moved", t->file);
	assert_int_equal(rename(t->file, path), 0);
	writer_reopen(t->writer);
	assert_true(sink(t, EVENT_DNS, "after"));
	wait_delivered(t, "output.file", 101, 3000);
	assert_int_equal(lines_of(t->file, NULL, 0), 1);
}

static void
wrong_entries_are_explained(void **state)
{
	struct conf_pair pairs[] = {
		{ (char *)"type", (char *)"file", 7, 5 },
		{ (char *)"paht", (char *)"/x", 8, 5 },
		{ (char *)"datasets", (char *)"allert", 9, 5 },
		{ (char *)"keep", (char *)"many", 10, 5 },
	};
	struct conf_pair type[] = { { (char *)"type", (char *)"fil", 20, 5 } };
	struct conf_entry entries[] = { { pairs, 4, 7, 5 }, { type, 1, 20, 5 },
	    { NULL, 0, 30, 5 } };
	struct conf conf = { .outputs = entries, .n_outputs = 3 };
	struct buf errors;

	(void)state;
	buf_init(&errors, 0);
	assert_null(outputs_new(&conf, "t.yaml", &errors));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(buf_text(&errors),
	    "t.yaml:7:5: path: must be given\n"));
	assert_non_null(strstr(buf_text(&errors), "t.yaml:8:5: unknown key "
	    "\"paht\": did you mean \"path\"?\n"));
	assert_non_null(strstr(buf_text(&errors), "\"allert\": did you mean "
	    "\"alert\"?\n"));
	assert_non_null(strstr(buf_text(&errors),
	    "t.yaml:10:5: keep: expected a whole number\n"));
	assert_non_null(strstr(buf_text(&errors), "t.yaml:20:5: type: no "
	    "output is called \"fil\": did you mean \"file\"?\n"));
	assert_non_null(strstr(buf_text(&errors),
	    "t.yaml:30:5: type: must be given"));
	buf_fini(&errors);
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_alert_is_on_disk_at_once),
		T(pressure_drops_bulk_first),
		T(it_says_that_it_is_behind),
		T(large_events_fill_the_queue_sooner),
		T(a_full_disk_costs_no_alert),
		T(a_damaged_store_is_replaced_while_running),
		T(the_file_output_gets_everything_once),
		T(the_file_output_takes_its_datasets_only),
		T(alerts_wait_for_a_file_that_cannot_be_written),
		T(the_file_rotates_and_reopens),
		cmocka_unit_test(wrong_entries_are_explained),
	};

	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}

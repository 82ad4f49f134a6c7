/*
 * libauparse reads the same logs: every event of its is one of ours, and the
 * fields are the same. It was written by others and assembles correctly.
 */
#include "tests/support/unit.h"

#include <auparse.h>
#include <dirent.h>
#include <inttypes.h>
#include <libaudit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/audit/assemble.h"

#define EVENTS	512

struct ours {
	struct audit_parts	*events[EVENTS];
	size_t			 n;
};

static struct audit_parts *
copy_parts(const struct audit_parts *ev)
{
	struct audit_parts *copy = malloc(sizeof(*copy));

	*copy = *ev;
	copy->args = calloc(ev->n_args + 1, sizeof(*copy->args));
	if (ev->n_args > 0)
		memcpy(copy->args, ev->args, ev->n_args * sizeof(*copy->args));
	buf_init(&copy->text, AUDIT_PARTS_TEXT);
	buf_add(&copy->text, ev->text.data, ev->text.len);
	return copy;
}

static void
keep(void *ctx, const struct audit_parts *ev, enum audit_why why)
{
	struct ours *o = ctx;

	(void)why;
	assert_true(o->n < EVENTS);
	o->events[o->n++] = copy_parts(ev);
}

static void
read_ours(const char *path, struct ours *o)
{
	struct ledger *ledger = ledger_new();
	struct audit_assembler *a = audit_assemble_new(ledger, keep, o);
	const struct mono now = { 1 };
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while ((n = getline(&line, &room, f)) > 0) {
		struct cursor c = cursor_make(line, (size_t)n);
		const char *node;
		size_t node_len;
		uint32_t type;

		assert_int_equal(audit_record_line(&c, &node, &node_len,
		    &type), 0);
		audit_assemble_feed(a, now, node, node_len, type, c.pos,
		    (size_t)(c.end - c.pos), false);
	}
	free(line);
	fclose(f);
	audit_assemble_flush(a);
	assert_true(ledger_lost(ledger) == 0);
	audit_assemble_free(a);
	ledger_free(ledger);
}

/* Control characters and NULs as they are; auparse ends a text at a NUL and
 * shows those of a title as spaces. */
static void
put(struct buf *out, const char *name, const char *text, size_t len)
{
	buf_add_str(out, name);
	buf_add_char(out, '=');
	for (size_t i = 0; i < len; i++)
		buf_add_char(out, text[i] == '\0' ? ' ' : text[i]);
	buf_add_char(out, '\n');
}

static void
put_ours(struct buf *out, const char *name, const struct audit_parts *ev,
    struct audit_text t)
{
	if (t.at != 0)
		put(out, name, audit_parts_text(ev, t), t.len);
	else
		put(out, name, "(null)", 6);
}

static void
facts_of_ours(const struct audit_parts *ev, struct buf *out)
{
	const struct audit_actor *w = &ev->actor;
	char name[32];

	if (ev->have & AUDIT_HAVE_SYSCALL) {
		buf_printf(out, "arch=%x syscall=%u exit=%" PRId64
		    " a0=%" PRIx64 " a3=%" PRIx64 " ppid=%u pid=%u auid=%u "
		    "uid=%u gid=%u euid=%u fsgid=%u ses=%u\n", w->arch,
		    w->syscall, w->exit, w->a[0], w->a[3], w->ppid, w->pid,
		    w->auid, w->uid, w->gid, w->euid, w->fsgid, w->ses);
		put_ours(out, "comm", ev, w->comm);
		put_ours(out, "exe", ev, w->exe);
		put_ours(out, "key", ev, w->key);
	}
	if (ev->have & AUDIT_HAVE_EXECVE) {
		buf_printf(out, "argc=%u\n", ev->argc);
		for (size_t i = 0; i < ev->n_args; i++) {
			snprintf(name, sizeof(name), "a%zu", i);
			put_ours(out, name, ev, ev->args[i]);
		}
	}
	if (ev->have & AUDIT_HAVE_CWD)
		put_ours(out, "cwd", ev, ev->cwd);
	for (size_t i = 0; i < ev->n_paths; i++) {
		put_ours(out, "name", ev, ev->paths[i].name);
		if (ev->paths[i].has_inode)
			buf_printf(out, "inode=%" PRIu64 " dev=%02x:%02x "
			    "mode=0%o ouid=%u\n", ev->paths[i].inode,
			    ev->paths[i].dev_major, ev->paths[i].dev_minor,
			    ev->paths[i].mode, ev->paths[i].ouid);
	}
	if (ev->have & AUDIT_HAVE_SADDR) {
		buf_add_str(out, "saddr=");
		for (size_t i = 0; i < ev->saddr_len; i++)
			buf_printf(out, "%02X", ev->saddr[i]);
		buf_add_char(out, '\n');
	}
	if (ev->have & AUDIT_HAVE_TITLE)
		put_ours(out, "proctitle", ev, ev->title);
}

static const char *
raw(auparse_state_t *au, const char *name)
{
	const char *s;

	auparse_first_field(au);
	s = auparse_find_field(au, name);
	return s == NULL ? "none" : s;
}

/* auparse takes the quotes and the hex away. */
static void
put_theirs(struct buf *out, auparse_state_t *au, const char *name)
{
	const char *s;

	auparse_first_field(au);
	if (auparse_find_field(au, name) == NULL)
		return;
	s = auparse_interpret_field(au);
	put(out, name, s, strlen(s));
}

static void
syscall_of_theirs(auparse_state_t *au, struct buf *out)
{
	static const char *const names[] = { "arch", "syscall", "exit", "a0",
	    "a3", "ppid", "pid", "auid", "uid", "gid", "euid", "fsgid",
	    "ses" };

	for (size_t i = 0; i < UNIT_COUNT(names); i++)
		buf_printf(out, "%s%s=%s", i == 0 ? "" : " ", names[i],
		    raw(au, names[i]));
	buf_add_char(out, '\n');
	put_theirs(out, au, "comm");
	put_theirs(out, au, "exe");
	put_theirs(out, au, "key");
}

static void
path_of_theirs(auparse_state_t *au, struct buf *out)
{
	char inode[32], dev[32], mode[32];

	put_theirs(out, au, "name");
	if (strcmp(raw(au, "inode"), "none") == 0)
		return;
	snprintf(inode, sizeof(inode), "%s", raw(au, "inode"));
	snprintf(dev, sizeof(dev), "%s", raw(au, "dev"));
	snprintf(mode, sizeof(mode), "%s", raw(au, "mode"));
	buf_printf(out, "inode=%s dev=%s mode=%s ouid=%s\n", inode, dev, mode,
	    raw(au, "ouid"));
}

static void
execve_of_theirs(auparse_state_t *au, struct buf *out)
{
	char name[32];
	long argc = strtol(raw(au, "argc"), NULL, 10);

	buf_printf(out, "argc=%ld\n", argc);
	for (long i = 0; i < argc; i++) {
		snprintf(name, sizeof(name), "a%ld", i);
		put_theirs(out, au, name);
	}
}

/* The parts in the order in which facts_of_ours has them. */
static void
facts_of_theirs(auparse_state_t *au, struct buf *out)
{
	static const int order[] = { AUDIT_SYSCALL, AUDIT_EXECVE, AUDIT_CWD,
	    AUDIT_PATH, AUDIT_SOCKADDR, AUDIT_PROCTITLE };

	for (size_t o = 0; o < UNIT_COUNT(order); o++) {
		auparse_first_record(au);
		do {
			int type = auparse_get_type(au);

			if (type != order[o])
				continue;
			if (type == AUDIT_SYSCALL)
				syscall_of_theirs(au, out);
			else if (type == AUDIT_EXECVE)
				execve_of_theirs(au, out);
			else if (type == AUDIT_CWD)
				put_theirs(out, au, "cwd");
			else if (type == AUDIT_PATH)
				path_of_theirs(au, out);
			else if (type == AUDIT_SOCKADDR)
				buf_printf(out, "saddr=%s\n",
				    raw(au, "saddr"));
			else
				put_theirs(out, au, "proctitle");
		} while (auparse_next_record(au) > 0);
	}
}

static const struct audit_parts *
find(const struct ours *o, const au_event_t *e)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->events[i]->stamp.serial == e->serial &&
		    o->events[i]->stamp.ms ==
		    (int64_t)e->sec * 1000 + e->milli)
			return o->events[i];
	return NULL;
}

static size_t
compare_file(const char *path)
{
	struct ours o = { .n = 0 };
	auparse_state_t *au = auparse_init(AUSOURCE_FILE, path);
	size_t n = 0;

	assert_non_null(au);
	auparse_set_escape_mode(au, AUPARSE_ESC_RAW);
	read_ours(path, &o);
	while (auparse_next_event(au) > 0) {
		const au_event_t *e = auparse_get_timestamp(au);
		const struct audit_parts *ev = find(&o, e);
		struct buf mine, theirs;

		if (ev == NULL)
			fail_msg("%s: event %lu is missing", path, e->serial);
		buf_init(&mine, 0);
		buf_init(&theirs, 0);
		facts_of_ours(ev, &mine);
		facts_of_theirs(au, &theirs);
		if (strcmp(buf_text(&mine), buf_text(&theirs)) != 0)
			fail_msg("%s: event %lu:\nours:\n%s\ntheirs:\n%s",
			    path, e->serial, buf_text(&mine),
			    buf_text(&theirs));
		buf_fini(&mine);
		buf_fini(&theirs);
		n++;
	}
	assert_int_equal(n, o.n);
	auparse_destroy(au);
	for (size_t i = 0; i < o.n; i++) {
		audit_parts_fini(o.events[i]);
		free(o.events[i]);
	}
	return n;
}

static void
same_as_auparse(void **state)
{
	const char *top = getenv("top_srcdir");
	char dir[256], path[512];
	struct dirent *d;
	size_t files = 0, events = 0;
	DIR *logs;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/tests/unit/collectors/data/audit",
	    top == NULL ? "." : top);
	logs = opendir(dir);
	assert_non_null(logs);
	while ((d = readdir(logs)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		events += compare_file(path);
		files++;
	}
	closedir(logs);
	print_message("# %zu events of %zu files are the same\n", events,
	    files);
	assert_true(files >= 60);
	assert_true(events > 900);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_auparse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

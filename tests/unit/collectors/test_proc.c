/*
 * The proc connector: messages as the kernel lays them out, and, where we are
 * allowed to hear it, the kernel itself.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/connector.h>

#include <linux/cn_proc.h>

#include "collectors/proc/proc.h"
#include "enrich/process.h"

struct scene {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct process_table	*table;
	void			*proc;
	unsigned		 taps;
};

static void
tap(void *ctx, const char *name, const struct collector_input *in)
{
	struct scene *s = ctx;

	assert_string_equal(name, "proc");
	assert_true(in->when.ns > 0);
	assert_true(in->len > 0);
	s->taps++;
}

static struct scene
make(bool driven)
{
	struct scene s = { .clock.driven = driven };

	if (driven)
		mono_drive(&s.clock, (struct wall){ 1000 * MONO_S });
	s.ledger = ledger_new();
	return s;
}

static void
begin(struct scene *s)
{
	struct collector_env env = { 0 };

	s->table = process_table_new(s->ledger, &s->clock, NULL, "host",
	    0);
	assert_non_null(s->table);
	env.ledger = s->ledger;
	env.clock = &s->clock;
	env.processes = s->table;
	env.tap = tap;
	env.tap_ctx = s;
	s->proc = proc_collector.new(&env);
	assert_non_null(s->proc);
}

static void
end(struct scene *s)
{
	proc_collector.free(s->proc);
	process_table_free(s->table);
	ledger_free(s->ledger);
}

static size_t
build(uint8_t *out, const struct proc_event *ev)
{
	struct nlmsghdr nlh = { .nlmsg_type = NLMSG_DONE };
	struct cn_msg cn = { .id = { CN_IDX_PROC, CN_VAL_PROC },
	    .len = sizeof(*ev) };

	nlh.nlmsg_len = sizeof(nlh) + sizeof(cn) + sizeof(*ev);
	memcpy(out, &nlh, sizeof(nlh));
	memcpy(out + sizeof(nlh), &cn, sizeof(cn));
	memcpy(out + sizeof(nlh) + sizeof(cn), ev, sizeof(*ev));
	return nlh.nlmsg_len;
}

static void
feed(struct scene *s, const struct proc_event *ev, int64_t ns)
{
	uint8_t bytes[256];
	struct collector_input in = { .when = { 1000 * MONO_S + ns },
	    .bytes = bytes };

	in.len = build(bytes, ev);
	proc_collector.feed(s->proc, &in);
}

static void
reads_messages(void **state)
{
	struct scene s = make(true);
	struct proc_event ev = { .what = PROC_EVENT_FORK, .timestamp_ns = 1 };
	struct process *p;

	(void)state;
	begin(&s);
	ev.event_data.fork.parent_pid = 11;	/* a thread of 10 */
	ev.event_data.fork.parent_tgid = 10;
	ev.event_data.fork.child_pid = 20;
	ev.event_data.fork.child_tgid = 20;
	feed(&s, &ev, 5);
	p = process_newest(s.table, 20);
	assert_non_null(p);
	assert_int_equal(p->ppid, 10);
	assert_int_equal(p->start.ns, 1000 * MONO_S + 5);
	/* A new thread of 20 is no process. */
	ev.event_data.fork.child_pid = 21;
	feed(&s, &ev, 6);
	assert_null(process_newest(s.table, 21));
	assert_int_equal(process_newest(s.table, 20)->seq, p->seq);

	ev.what = PROC_EVENT_EXEC;
	ev.event_data.exec.process_pid = ev.event_data.exec.process_tgid = 20;
	feed(&s, &ev, 7);
	assert_int_equal(p->execs, 1);
	ev.what = PROC_EVENT_UID;
	ev.event_data.id.process_pid = ev.event_data.id.process_tgid = 20;
	ev.event_data.id.r.ruid = 5;
	ev.event_data.id.e.euid = 1000;
	feed(&s, &ev, 8);
	assert_int_equal(p->euid, 1000);
	ev.what = PROC_EVENT_EXIT;
	ev.event_data.exit.process_pid = 21;
	ev.event_data.exit.process_tgid = 20;
	feed(&s, &ev, 9);
	assert_non_null(process_newest(s.table, 20));
	ev.event_data.exit.process_pid = 20;
	feed(&s, &ev, 10);
	assert_null(process_newest(s.table, 20));
	end(&s);
}

/* Every way to be too short, and a foreign connector. */
static void
refuses_broken_messages(void **state)
{
	struct scene s = make(true);
	struct proc_event ev = { .what = PROC_EVENT_FORK };
	struct ledger_stage *stage = ledger_stage(s.ledger, "proc.messages");
	uint8_t bytes[256];
	struct collector_input in = { .when = { 1 }, .bytes = bytes };
	size_t whole, i;

	(void)state;
	begin(&s);
	ev.event_data.fork.child_pid = ev.event_data.fork.child_tgid = 20;
	whole = build(bytes, &ev);
	for (i = 0; i < whole; i++) {
		uint8_t *cut = test_malloc(i == 0 ? 1 : i);

		memcpy(cut, bytes, i);
		in.bytes = cut;
		in.len = i;
		proc_collector.feed(s.proc, &in);
		test_free(cut);
	}
	assert_int_equal(process_count(s.table), 0);
	assert_int_equal(ledger_get(ledger_dropped(stage, "malformed")), whole);
	bytes[sizeof(struct nlmsghdr)] ^= 0xff;
	in.bytes = bytes;
	in.len = whole;
	proc_collector.feed(s.proc, &in);
	assert_int_equal(process_count(s.table), 0);
	assert_true(ledger_stage_balances(stage));
	end(&s);
}

/* Forks, executes and exits; the kernel tells. */
static void
hears_the_kernel(void **state)
{
	struct scene s = make(false);
	struct pollfd fd = { .events = POLLIN };
	struct process *p = NULL;
	struct wall when;
	pid_t pid;
	int status, tries;

	(void)state;
	fd.fd = proc_connector_open();
	if (fd.fd < 0) {
		print_message("# skip: no proc connector: %s\n",
		    strerror(-fd.fd));
		ledger_free(s.ledger);
		skip();
	}
	begin(&s);
	assert_int_equal(proc_collector.start(s.proc, fd.fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	when = mono_wall(&s.clock);
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (tries = 0; tries < 50; tries++) {
		(void)poll(&fd, 1, 20);
		assert_true(proc_collector.read(s.proc, 1000) >= 0);
		p = process_at(s.table, (uint32_t)pid, 0, when);
		if (p != NULL && p->exit_ns != 0)
			break;
		p = NULL;
	}
	if (p == NULL && ledger_get(&ledger_stage(s.ledger,
	    "proc.messages")->received) == 0) {
		/* Another namespace than the first: nothing is sent. */
		end(&s);
		skip();
	}
	assert_non_null(p);
	assert_int_equal(p->ppid, getpid());
	assert_int_equal(p->execs, 1);
	assert_true(p->exit_ns > p->start_ns);
	assert_true(p->exit_ns - p->start_ns < 5 * MONO_S);
	assert_true(mono_wall(&s.clock).ns - p->start.ns < 5 * MONO_S);
	assert_true(mono_wall(&s.clock).ns >= p->start.ns);
	assert_true(s.taps >= 3);
	end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_messages),
		cmocka_unit_test(refuses_broken_messages),
		cmocka_unit_test(hears_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

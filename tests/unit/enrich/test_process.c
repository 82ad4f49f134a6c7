/*
 * The process table against the life of processes as the kernel told it on a
 * real host: the order of connector events and audit records, pids and
 * parents are those of recorded runs; which container is right is known from
 * how the scene was made, never from the table.
 */
#include "tests/unit/enrich/bench.h"

#include <stdio.h>
#include <string.h>

#define MS	MONO_MS

static const char *const true_args[] = { "/bin/true", NULL };

/* pid 1, dockerd and a shim, as the scan finds them. */
static struct bench *
host(void)
{
	struct bench *b = bench_new(true);

	enrich_start(b->enrich);
	assert_int_equal(b->scans, 1);
	bench_proc(b, 1, 0, -3600 * MONO_S, "", "/sbin/init", 0, 'S');
	bench_proc(b, 300, 1, -1800 * MONO_S, "", "/usr/sbin/dockerd", 0,
	    'S');
	bench_proc(b, 400, 1, -60 * MONO_S, "",
	    "/usr/bin/containerd-shim-runc-v2", 0, 'S');
	process_on_scan_end(enrich_processes(b->enrich));
	return b;
}

static void
host_processes_are_the_hosts(void **state)
{
	struct bench *b = host();
	const struct event *ev;
	const char *const args[] = { "ls", "-l", NULL };

	(void)state;
	bench_fork(b, 0, 1, 500);
	bench_execd(b, 1 * MS, 500);
	ev = bench_submit(b, bench_exec(1 * MS, 500, 1, "/bin/ls", "/", args));
	assert_owner(ev, "", "host");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "high");
	assert_int_equal(event_has(ev, FIELD_CONTAINER_ID), EVENT_ABSENT);
	assert_string_equal(event_str(ev, FIELD_PROCESS_PARENT_NAME), "init");
	assert_int_equal(strlen(event_str(ev, FIELD_PROCESS_ENTITY_ID)), 20);
	assert_string_not_equal(event_str(ev, FIELD_PROCESS_ENTITY_ID),
	    event_str(ev, FIELD_PROCESS_PARENT_ENTITY_ID));
	bench_free(b);
}

/* docker run: runtime, stage, hook are the host's, the entrypoint is not. */
static void
entrypoint_is_the_containers(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	docker_on_list(enrich_docker(b->enrich), "[]", 2);
	bench_run(b, 0, 400, 1000, BENCH_ID_A);
	ev = bench_last(b);
	/* Docker has not told of it: it is asked, and the event waits. */
	assert_owner(ev, "", "host");
	assert_int_equal(b->inspects, 1);
	assert_string_equal(b->inspected[0], BENCH_ID_A);
	bench_at(b, 600 * MS);
	ev = bench_last(b);
	assert_owner(ev, BENCH_ID_A, "runtime");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_KIND),
	    "entrypoint");
	bench_free(b);
}

/* A container older than the agent, with children of all kinds. */
static struct bench *
old_container(void)
{
	struct bench *b = bench_new(true);

	enrich_start(b->enrich);
	/* Children before parents, as /proc may list them after a wrap. */
	bench_proc(b, 77, 2000, -5 * MONO_S, BENCH_ID_A, "/bin/sh", 0, 'S');
	bench_proc(b, 1, 0, -3600 * MONO_S, "", "/sbin/init", 0, 'S');
	bench_proc(b, 400, 1, -60 * MONO_S, "",
	    "/usr/bin/containerd-shim-runc-v2", 0, 'S');
	bench_proc(b, 2000, 400, -59 * MONO_S, BENCH_ID_A, "/bin/sh", 0, 'S');
	/* Moved itself to the root cgroup before the agent came. */
	bench_proc(b, 2001, 2000, -58 * MONO_S, "", "/bin/sleep", 0, 'S');
	process_on_scan_end(enrich_processes(b->enrich));
	return b;
}

static const struct event *
run_true(struct bench *b, int64_t ns, uint32_t parent, uint32_t pid)
{
	bench_fork(b, ns, parent, pid);
	bench_execd(b, ns + MS / 2, pid);
	bench_exit(b, ns + MS, pid);
	return bench_submit(b, bench_exec(ns + MS / 2, pid, parent,
	    "/bin/busybox", "/", true_args));
}

/* Docker knows it: container events need not wait. */
static void
tell_docker(struct bench *b, const char *id)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "{\"Type\":\"container\","
	    "\"Action\":\"create\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":"
	    "{\"image\":\"busybox\",\"name\":\"box\"}},\"timeNano\":%lld}",
	    id, (long long)BENCH_START - 1000);

	docker_on_event_bytes(enrich_docker(b->enrich), text, (size_t)n);
}

static void
shell_loop(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;
	uint32_t i;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	for (i = 0; i < 1000; i++) {
		ev = run_true(b, i * 2 * MS, 77, 10000 + i);
		assert_owner(ev, BENCH_ID_A, "parent");
		assert_string_equal(event_str(ev, FIELD_CONTAINER_NAME),
		    "box");
		assert_string_equal(event_str(ev, FIELD_PROCESS_PARENT_NAME),
		    "sh");
	}
	bench_free(b);
}

/* The parent is gone before its child executes, and its child too. */
static void
double_fork(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;
	uint32_t i;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	for (i = 0; i < 500; i++) {
		uint32_t p = 10000 + 2 * i;
		int64_t ns = i * 3 * MS;

		bench_fork(b, ns, 77, p);
		bench_fork(b, ns + 10000, p, p + 1);
		bench_exit(b, ns + 20000, p);
		bench_execd(b, ns + 30000, p + 1);
		bench_exit(b, ns + 400000, p + 1);
		/* Adopted by the shim. */
		ev = bench_submit(b, bench_exec(ns + 30000, p + 1, 400,
		    "/bin/busybox", "/", true_args));
		assert_owner(ev, BENCH_ID_A, "parent");
		assert_string_equal(event_str(ev, FIELD_PROCESS_PARENT_NAME),
		    "containerd-shim-runc-v2");
	}
	bench_free(b);
}

static void
moved_to_the_root_cgroup(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	ev = run_true(b, 0, 2001, 10000);
	assert_owner(ev, BENCH_ID_A, "parent");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "medium");
	/* One that moves while we watch: nothing that /proc says counts. */
	bench_proc(b, 77, 2000, -5 * MONO_S, "", "/bin/sh", 0, 'S');
	ev = run_true(b, 10 * MS, 77, 10001);
	assert_owner(ev, BENCH_ID_A, "parent");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "high");
	bench_free(b);
}

/* All pids in use again and again, half by the host, half by a container;
 * records come in blocks after everything has exited. */
static void
reused_pids(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;
	uint32_t round, i, j, right = 0;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	for (round = 0; round < 40; round++) {
		int64_t at = round * 400 * MS;

		for (i = 0; i < 40; i++) {
			uint32_t pid = 1500 + i % 10;
			uint32_t parent = i % 3 == 0 ? 77 : 1;
			int64_t ns = at + i * 5 * MS;

			bench_fork(b, ns, parent, pid);
			bench_execd(b, ns + 100000, pid);
			bench_exit(b, ns + 700000, pid);
		}
		for (j = 0; j < 40; j++) {
			int64_t ns = at + j * 5 * MS + 50000;
			bool inside = j % 3 == 0;

			ev = bench_submit(b, bench_exec(ns, 1500 + j % 10,
			    inside ? 77 : 1, "/bin/busybox", "/", true_args));
			assert_owner(ev, inside ? BENCH_ID_A : "",
			    inside ? "parent" : "host");
			right++;
		}
	}
	assert_int_equal(right, 1600);
	bench_free(b);
}

/* One pid: a short host process, then a container's that executes more
 * programs than times are kept; the records come after all of it. */
static void
many_execs_of_a_reused_pid(void **state)
{
	const uint32_t n = 2 * PROCESS_EXECS;
	struct bench *b = old_container();
	const struct event *ev;
	uint32_t i;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_fork(b, 0, 1, 1500);
	bench_execd(b, MS, 1500);
	bench_exit(b, 2 * MS, 1500);
	bench_fork(b, 400 * MS, 77, 1500);
	for (i = 0; i < n; i++)
		bench_execd(b, (401 + i) * MS, 1500);
	bench_exit(b, (402 + n) * MS, 1500);
	bench_fork(b, 800 * MS, 1, 1500);
	bench_execd(b, 801 * MS, 1500);
	bench_exit(b, 802 * MS, 1500);
	ev = bench_submit(b, bench_exec(MS - 500000, 1500, 1, "/bin/busybox",
	    "/", true_args));
	assert_owner(ev, "", "host");
	for (i = 0; i < n; i++) {
		ev = bench_submit(b, bench_exec((401 + i) * MS - 500000, 1500,
		    77, "/bin/busybox", "/", true_args));
		assert_owner(ev, BENCH_ID_A, "parent");
	}
	ev = bench_submit(b, bench_exec(801 * MS - 500000, 1500, 1,
	    "/bin/busybox", "/", true_args));
	assert_owner(ev, "", "host");
	bench_free(b);
}

/* The exit of a pid's last owner is told after the fork of its next, and a
 * record without a parent is stamped a little before that fork. */
static void
late_exit_of_a_reused_pid(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_fork(b, 0, 1, 1500);
	bench_fork(b, 400 * MS, 77, 1500);
	bench_exit(b, 402 * MS, 1500);		/* the first one's */
	ev = bench_submit(b, bench_connect(397 * MS, 1500, 0, "203.0.113.9",
	    80));
	assert_owner(ev, BENCH_ID_A, "parent");
	ev = bench_submit(b, bench_connect(600 * MS, 1500, 0, "203.0.113.9",
	    80));
	assert_owner(ev, BENCH_ID_A, "parent");
	ev = bench_submit(b, bench_connect(100 * MS, 1500, 0, "203.0.113.9",
	    80));
	assert_owner(ev, "", "host");
	bench_exit(b, 700 * MS, 1500);
	assert_null(process_newest(enrich_processes(b->enrich), 1500));
	bench_free(b);
}

/* The clock of records stood still: what a process did is stamped before its
 * fork. Nobody else had the pid then. */
static void
stale_stamps(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;
	char entity[HASH_ID_TEXT];

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_fork(b, 0, 1, 900);
	bench_exit(b, 1 * MS, 900);
	bench_fork(b, 100 * MS, 77, 900);
	bench_execd(b, 101 * MS, 900);
	bench_exit(b, 103 * MS, 900);
	ev = bench_submit(b, bench_exec(40 * MS, 900, 77, "/bin/busybox", "/",
	    true_args));
	assert_owner(ev, BENCH_ID_A, "parent");
	snprintf(entity, sizeof(entity), "%s", event_str(ev,
	    FIELD_PROCESS_ENTITY_ID));
	ev = bench_submit(b, bench_connect(40 * MS, 900, 77, "203.0.113.9",
	    80));
	assert_owner(ev, BENCH_ID_A, "parent");
	assert_string_equal(event_str(ev, FIELD_PROCESS_ENTITY_ID), entity);
	assert_string_equal(event_str(ev, FIELD_PROCESS_NAME), "busybox");
	/* One that nobody told of does not live on. */
	ev = bench_submit(b, bench_connect(110 * MS, 901, 77, "203.0.113.9",
	    80));
	assert_owner(ev, BENCH_ID_A, "parent");
	assert_null(process_newest(enrich_processes(b->enrich), 901));
	bench_free(b);
}

/* The first thread has gone, and others of the process go on. */
static void
first_thread_is_gone(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;
	char entity[HASH_ID_TEXT];

	(void)state;
	tell_docker(b, BENCH_ID_A);
	ev = run_true(b, 0, 77, 900);
	snprintf(entity, sizeof(entity), "%s", event_str(ev,
	    FIELD_PROCESS_ENTITY_ID));
	ev = bench_submit(b, bench_connect(500 * MS, 900, 77, "203.0.113.9",
	    80));
	assert_owner(ev, BENCH_ID_A, "parent");
	assert_string_equal(event_str(ev, FIELD_PROCESS_ENTITY_ID), entity);
	bench_free(b);
}

/* Other records than exec are matched by time and parent. */
static void
other_records_of_reused_pids(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;
	uint32_t i;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	for (i = 0; i < 100; i++) {
		bench_fork(b, i * 2 * MS, i % 2 == 0 ? 77 : 1, 1500);
		bench_exit(b, i * 2 * MS + 800000, 1500);
	}
	for (i = 0; i < 100; i++) {
		ev = bench_submit(b, bench_connect(i * 2 * MS + 400000, 1500,
		    i % 2 == 0 ? 77 : 1, "203.0.113.9", 80));
		assert_owner(ev, i % 2 == 0 ? BENCH_ID_A : "",
		    i % 2 == 0 ? "parent" : "host");
	}
	bench_free(b);
}

static void
docker_exec_of_a_short_command(void **state)
{
	struct bench *b = old_container();
	const char *const args[] = { "/q/probe", "arg1", NULL };
	const struct event *ev;
	uint32_t i;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	for (i = 0; i < 50; i++) {
		ev = bench_docker_exec(b, i * 100 * MS, 400, 20000 + i * 10,
		    BENCH_ID_A, BENCH_EXEC, args);
		assert_owner(ev, BENCH_ID_A, "runtime");
		assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_KIND),
		    "exec");
		assert_string_equal(event_str(ev,
		    FIELD_TALLYMAN_ENTRY_EXEC_ID), BENCH_EXEC);
	}
	bench_free(b);
}

/* A stage's own calls, before it is the container's program, are runc's. */
static void
stage_is_not_the_container(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_fork(b, 0, 400, 20000);
	bench_execd(b, MS, 20000);
	bench_fork(b, 5 * MS, 20000, 20001);
	bench_submit(b, bench_exec(MS, 20000, 400, "/usr/sbin/runc",
	    "/run/containerd/" BENCH_ID_A, (const char *const[]){ "runc",
	    "exec", "--process", "/tmp/x", BENCH_ID_A, NULL }));
	ev = bench_submit(b, bench_connect(6 * MS, 20001, 20000,
	    "203.0.113.9", 80));
	assert_owner(ev, "", "host");
	bench_execd(b, 8 * MS, 20001);
	ev = bench_submit(b, bench_exec(8 * MS, 20001, 20000, "/bin/sh", "/",
	    true_args));
	assert_owner(ev, BENCH_ID_A, "runtime");
	ev = bench_submit(b, bench_connect(9 * MS, 20001, 20000,
	    "203.0.113.9", 80));
	assert_owner(ev, BENCH_ID_A, "runtime");
	bench_free(b);
}

/* A container's own file at the runtime's path, with another's id. */
static void
forged_runtime(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_fork(b, 0, 77, 10000);
	bench_execd(b, MS, 10000);
	bench_fork(b, 2 * MS, 10000, 10001);
	bench_execd(b, 3 * MS, 10001);
	ev = bench_submit(b, bench_exec(MS, 10000, 77, "/usr/sbin/runc", "/",
	    (const char *const[]){ "runc", "exec", BENCH_ID_B, "sh", NULL }));
	assert_owner(ev, BENCH_ID_A, "parent");
	ev = bench_submit(b, bench_exec(3 * MS, 10001, 10000, "/bin/sh", "/",
	    true_args));
	assert_owner(ev, BENCH_ID_A, "parent");
	bench_free(b);
}

/* A shell that forks a child and then becomes the runtime itself: the child
 * was the host's at its fork, though its record comes later. */
static void
forked_before_the_runtime(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	bench_fork(b, 0, 1, 600);
	bench_execd(b, MS, 600);
	bench_fork(b, 2 * MS, 600, 601);
	bench_execd(b, 3 * MS, 600);
	bench_fork(b, 4 * MS, 600, 602);
	bench_execd(b, 5 * MS, 601);
	bench_execd(b, 5 * MS, 602);
	bench_submit(b, bench_exec(MS, 600, 1, "/bin/sh", "/", true_args));
	bench_submit(b, bench_exec(3 * MS, 600, 1, "/usr/bin/runc", "/",
	    (const char *const[]){ "runc", "exec", BENCH_ID_A, "sh", NULL }));
	ev = bench_submit(b, bench_exec(5 * MS, 601, 600, "/bin/ls", "/",
	    true_args));
	assert_owner(ev, "", "host");
	tell_docker(b, BENCH_ID_A);
	ev = bench_submit(b, bench_exec(5 * MS, 602, 600, "/bin/sh", "/",
	    true_args));
	assert_owner(ev, BENCH_ID_A, "runtime");
	bench_free(b);
}

/* Something dies before the scan has come to its parent. */
static void
events_during_the_scan(void **state)
{
	struct bench *b = bench_new(true);
	const struct event *ev;

	(void)state;
	enrich_start(b->enrich);
	bench_fork(b, 0, 77, 900);
	bench_execd(b, 1 * MS, 900);
	bench_exit(b, 2 * MS, 900);
	assert_null(bench_submit(b, bench_exec(1 * MS, 900, 77, "/bin/true",
	    "/", true_args)));
	bench_proc(b, 1, 0, -3600 * MONO_S, "", "/sbin/init", 0, 'S');
	bench_proc(b, 77, 1, -5 * MONO_S, BENCH_ID_A, "/bin/sh", 0, 'S');
	process_on_scan_end(enrich_processes(b->enrich));
	tell_docker(b, BENCH_ID_A);
	bench_at(b, 40 * MS);
	ev = bench_last(b);
	assert_owner(ev, BENCH_ID_A, "parent");
	bench_free(b);
}

/* docker exec that was under way when the agent came: no record tells of its
 * runtime, and /proc does. One that starts nothing is a host's process. */
static void
runtime_in_the_scan(void **state)
{
	static const char line[] = "runc\0exec\0--process\0/tmp/x\0"
	    BENCH_ID_A, list[] = "runc\0list";
	struct bench *b = bench_new(true);
	const struct event *ev;

	(void)state;
	enrich_start(b->enrich);
	bench_proc(b, 1, 0, -3600 * MONO_S, "", "/sbin/init", 0, 'S');
	bench_proc(b, 400, 1, -60 * MONO_S, "",
	    "/usr/bin/containerd-shim-runc-v2", 0, 'S');
	bench_proc_args(b, 20000, 400, -1 * MONO_S, "", "/usr/sbin/runc", 0,
	    'S', line, sizeof(line));
	bench_proc_args(b, 20010, 400, -1 * MONO_S, "", "/usr/sbin/runc", 0,
	    'S', list, sizeof(list));
	/* Its child is on the host's side yet. */
	bench_proc_args(b, 20001, 20000, -1 * MONO_S, "", "/memfd:runc", 0,
	    'S', line, sizeof(line));
	process_on_scan_end(enrich_processes(b->enrich));
	tell_docker(b, BENCH_ID_A);
	bench_execd(b, 2 * MS, 20001);
	ev = bench_submit(b, bench_exec(2 * MS, 20001, 20000, "/bin/sh", "/",
	    true_args));
	assert_owner(ev, BENCH_ID_A, "runtime");
	bench_fork(b, 3 * MS, 20000, 20002);
	bench_execd(b, 4 * MS, 20002);
	ev = bench_submit(b, bench_exec(4 * MS, 20002, 20000, "/bin/sh", "/",
	    true_args));
	assert_owner(ev, BENCH_ID_A, "runtime");
	bench_fork(b, 5 * MS, 20010, 20011);
	bench_execd(b, 6 * MS, 20011);
	ev = bench_submit(b, bench_exec(6 * MS, 20011, 20010, "/bin/ls", "/",
	    true_args));
	assert_owner(ev, "", "host");
	bench_free(b);
}

/* The pid of a container's first process has gone to another when Docker's
 * word of it is read. */
static void
init_is_another(void **state)
{
	struct bench *b = host();
	uint8_t id[32] = { 1 };
	const struct event *ev;

	(void)state;
	bench_fork(b, 500 * MS, 1, 900);
	process_on_init(enrich_processes(b->enrich), 900, id, bench_wall(0));
	bench_execd(b, 501 * MS, 900);
	ev = bench_submit(b, bench_exec(501 * MS, 900, 1, "/bin/ls", "/",
	    true_args));
	assert_owner(ev, "", "host");
	bench_free(b);
}

/* Its pid is another's already, and it is forgotten or was never known. */
static void
only_the_parent_is_known(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_fork(b, 400 * MS, 1, 900);
	ev = bench_submit(b, bench_exec(10 * MS, 900, 77, "/bin/true", "/",
	    true_args));
	assert_owner(ev, BENCH_ID_A, "parent");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "medium");
	assert_int_equal(event_has(ev, FIELD_PROCESS_ENTITY_ID),
	    EVENT_MISSING);
	/* The shim adopts orphans. */
	ev = bench_submit(b, bench_exec(12 * MS, 900, 400, "/bin/true", "/",
	    true_args));
	assert_owner(ev, "", "none");
	assert_int_equal(event_has(ev, FIELD_CONTAINER_ID), EVENT_MISSING);
	bench_free(b);
}

/* No fork was heard of: /proc is asked, and only an answer about that very
 * process counts. */
static void
late_answers_of_proc(void **state)
{
	struct bench *b = bench_new(true);
	const struct event *ev;

	(void)state;
	bench_execd(b, 0, 900);
	ev = bench_submit(b, bench_exec(0, 900, 899, "/bin/sh", "/",
	    true_args));
	assert_null(ev);
	assert_int_equal(b->procs, 1);
	assert_int_equal(b->proc_pids[0], 900);
	/* The pid has another owner by now, in a container. */
	bench_exit(b, 1 * MS, 900);
	bench_fork(b, 2 * MS, 1, 900);
	bench_proc(b, 900, 1, 2 * MS, BENCH_ID_A, "/bin/sh", 0, 'S');
	bench_at(b, 600 * MS);
	ev = bench_last(b);
	assert_int_equal(event_has(ev, FIELD_CONTAINER_ID), EVENT_MISSING);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ATTRIBUTION_METHOD),
	    "none");

	/* The right one answers. */
	tell_docker(b, BENCH_ID_B);
	bench_execd(b, 700 * MS, 901);
	assert_null(bench_submit(b, bench_exec(700 * MS, 901, 899, "/bin/sh",
	    "/", true_args)));
	bench_proc(b, 901, 899, 690 * MS, BENCH_ID_B, "/bin/sh", 0, 'S');
	bench_at(b, 720 * MS);
	assert_owner(bench_last(b), BENCH_ID_B, "cgroup");

	/* An exiting task reads "/" everywhere: no proof of the host. */
	bench_execd(b, 800 * MS, 902);
	assert_null(bench_submit(b, bench_exec(800 * MS, 902, 899, "/bin/sh",
	    "/", true_args)));
	bench_proc(b, 902, 899, 790 * MS, "", "/bin/sh", 0x4, 'R');
	bench_at(b, 820 * MS);
	assert_string_equal(event_str(bench_last(b),
	    FIELD_TALLYMAN_ATTRIBUTION_METHOD), "none");
	bench_free(b);
}

/* Records read before what the connector has to say of them. */
static void
record_before_its_events(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;
	uint32_t i;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	/* The runtime's record comes first, then its fork and exec. */
	bench_submit(b, bench_exec(MS, 20000, 400, "/usr/sbin/runc",
	    "/run/containerd/" BENCH_ID_A, (const char *const[]){ "runc",
	    "exec", "--process", "/tmp/x", BENCH_ID_A, NULL }));
	bench_fork(b, 0, 400, 20000);
	bench_execd(b, MS, 20000);
	bench_fork(b, 5 * MS, 20000, 20001);
	bench_execd(b, 8 * MS, 20001);
	ev = bench_submit(b, bench_exec(8 * MS, 20001, 20000, "/bin/sh", "/",
	    true_args));
	assert_owner(ev, BENCH_ID_A, "runtime");
	/* Only the exec event is late, again and again. */
	for (i = 0; i < 20; i++) {
		int64_t ns = 100 * MS + i * 10 * MS;

		ev = bench_submit(b, bench_exec(ns, 20001, 20000,
		    "/bin/true", "/", true_args));
		assert_owner(ev, BENCH_ID_A, "runtime");
		bench_execd(b, ns, 20001);
	}
	bench_fork(b, 400 * MS, 20001, 20002);
	bench_execd(b, 401 * MS, 20002);
	ev = bench_submit(b, bench_exec(401 * MS, 20002, 20001, "/bin/true",
	    "/", true_args));
	assert_owner(ev, BENCH_ID_A, "parent");
	bench_free(b);
}

/* A record without its connector event does not shift those after it. */
static void
lost_exec_record(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_fork(b, 0, 77, 1500);
	bench_execd(b, MS, 1500);	/* its record is lost */
	bench_exit(b, 2 * MS, 1500);
	bench_fork(b, 50 * MS, 1, 1500);
	bench_execd(b, 51 * MS, 1500);
	bench_exit(b, 52 * MS, 1500);
	ev = bench_submit(b, bench_exec(51 * MS, 1500, 1, "/bin/ls", "/",
	    true_args));
	assert_owner(ev, "", "host");
	bench_free(b);
}

/* What runs below a runtime whose record was lost is said to be the host's,
 * but not surely. */
static void
lost_record_of_a_runtime(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_fork(b, 0, 400, 20000);
	bench_execd(b, MS, 20000);	/* runc exec; its record is lost */
	bench_fork(b, 5 * MS, 20000, 20001);
	bench_execd(b, 6 * MS, 20001);
	bench_exit(b, 7 * MS, 20001);
	ev = bench_submit(b, bench_exec(6 * MS, 20001, 20000, "/bin/busybox",
	    "/", true_args));
	assert_owner(ev, "", "host");
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ATTRIBUTION_CONFIDENCE), "low");
	bench_free(b);
}

/* The agent was stopped for 5 s: the connector is read before the records,
 * and ticks come between. */
static void
records_far_behind(void **state)
{
	struct bench *b = old_container();
	const struct event *ev;
	uint32_t i;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_at(b, 100 * MS);
	bench_fork(b, 200 * MS, 400, 20000);
	bench_execd(b, 201 * MS, 20000);
	bench_fork(b, 205 * MS, 20000, 20001);
	bench_execd(b, 206 * MS, 20001);
	bench_exit(b, 207 * MS, 20001);
	for (i = 0; i < 10; i++)
		bench_at(b, 5 * MONO_S + i * 25 * MS);
	bench_submit(b, bench_exec(201 * MS, 20000, 400, "/usr/sbin/runc",
	    "/run/containerd/" BENCH_ID_A, (const char *const[]){ "runc",
	    "exec", "--process", "/tmp/x", BENCH_ID_A, NULL }));
	ev = bench_submit(b, bench_exec(206 * MS, 20001, 20000, "/bin/busybox",
	    "/", true_args));
	assert_owner(ev, BENCH_ID_A, "runtime");
	bench_free(b);
}

static void
loss_is_repaired_by_a_scan(void **state)
{
	struct bench *b = old_container();
	struct process_table *t = enrich_processes(b->enrich);
	const struct event *ev;

	(void)state;
	tell_docker(b, BENCH_ID_A);
	bench_at(b, 1000 * MS);
	process_on_loss(t);
	assert_int_equal(b->scans, 2);
	bench_proc(b, 1, 0, -3600 * MONO_S, "", "/sbin/init", 0, 'S');
	bench_proc(b, 2000, 400, -59 * MONO_S, BENCH_ID_A, "/bin/sh", 0, 'S');
	/* Forked while we heard nothing. */
	bench_proc(b, 3000, 2000, 900 * MS, BENCH_ID_A, "/bin/sh", 0, 'S');
	process_on_scan_end(t);
	/* 77 was not met: it has gone. */
	assert_null(process_newest(t, 77));
	assert_non_null(process_newest(t, 2000));
	ev = run_true(b, 1100 * MS, 3000, 10000);
	assert_owner(ev, BENCH_ID_A, "parent");
	bench_free(b);
}

/* What no runtime that we know has started is known by Docker's init pid. */
static void
unknown_runtime(void **state)
{
	struct bench *b = host();
	struct process_table *t = enrich_processes(b->enrich);
	const struct event *ev;
	uint8_t id[32];

	(void)state;
	tell_docker(b, BENCH_ID_A);
	assert_true(container_id_parse(BENCH_ID_A, 64, id));
	bench_fork(b, 0, 400, 5000);
	bench_execd(b, MS, 5000);
	bench_submit(b, bench_exec(MS, 5000, 400, "/opt/strange/runtime", "/",
	    true_args));
	bench_fork(b, 2 * MS, 5000, 5001);
	/* A pid that Docker names for a start long before is another's. */
	process_on_init(t, 5000, id, bench_wall(-100 * MONO_S));
	ev = run_true(b, 3 * MS, 5001, 5002);
	assert_owner(ev, "", "host");
	process_on_init(t, 5000, id, bench_wall(5 * MS));
	ev = run_true(b, 10 * MS, 5001, 5003);
	assert_owner(ev, BENCH_ID_A, "parent");
	bench_free(b);
}

static void
dead_are_kept_for_a_while(void **state)
{
	struct bench *b = host();
	struct process_table *t = enrich_processes(b->enrich);
	size_t before = process_count(t);

	(void)state;
	bench_fork(b, 0, 1, 500);
	bench_exit(b, MS, 500);
	bench_at(b, 19 * MONO_S);
	assert_int_equal(process_count(t), before + 1);
	bench_at(b, 21 * MONO_S);
	assert_int_equal(process_count(t), before);
	bench_free(b);
}

/* Full: the dead go first, nobody crashes, and the count stays. */
static void
table_is_bounded(void **state)
{
	struct bench *b = host();
	struct process_table *t = enrich_processes(b->enrich);
	const struct event *ev;
	uint32_t i;

	(void)state;
	for (i = 0; i < PROCESS_LIMIT + 5000; i++) {
		bench_fork(b, i * 1000, 1, 10000 + i);
		if (i % 2 == 0)
			bench_exit(b, i * 1000 + 500, 10000 + i);
	}
	assert_int_equal(process_count(t), PROCESS_LIMIT);
	ev = run_true(b, 500 * MS, 1, 9000);
	assert_owner(ev, "", "host");
	/* More living than there is room for. */
	for (i = 0; i < PROCESS_LIMIT + 10; i++)
		bench_fork(b, MONO_S + i * 1000, 400, 200000 + i);
	assert_int_equal(process_count(t), PROCESS_LIMIT);
	bench_free(b);
}

/* Without audit nobody hears of runtimes: a process that was forked by the
 * host's is what its cgroup says. With it, moving to a cgroup changes nothing. */
static void
without_records_the_cgroup_tells(void **state)
{
	struct bench *b = host();
	struct process_table *t = enrich_processes(b->enrich);
	const char *const args[] = { "ls", NULL };
	struct process *p;

	(void)state;
	bench_fork(b, 0, 1, 500);
	p = process_newest(t, 500);
	assert_true(process_settle(t, p));
	assert_int_equal(p->role, PROCESS_HOST);
	bench_proc(b, 500, 1, 0, BENCH_ID_A, "/bin/sh", 0, 'S');
	assert_int_equal(p->role, PROCESS_CONTAINER);
	assert_int_equal(p->method, PROCESS_BY_CGROUP);

	bench_fork(b, 10 * MS, 1, 501);
	bench_execd(b, 11 * MS, 501);
	bench_submit(b, bench_exec(11 * MS, 501, 1, "/bin/ls", "/", args));
	bench_fork(b, 12 * MS, 1, 502);
	p = process_newest(t, 502);
	assert_true(process_settle(t, p));
	bench_proc(b, 502, 1, 12 * MS, BENCH_ID_A, "/bin/sh", 0, 'S');
	assert_int_equal(p->role, PROCESS_HOST);
	bench_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_processes_are_the_hosts),
		cmocka_unit_test(entrypoint_is_the_containers),
		cmocka_unit_test(shell_loop),
		cmocka_unit_test(double_fork),
		cmocka_unit_test(moved_to_the_root_cgroup),
		cmocka_unit_test(reused_pids),
		cmocka_unit_test(many_execs_of_a_reused_pid),
		cmocka_unit_test(late_exit_of_a_reused_pid),
		cmocka_unit_test(stale_stamps),
		cmocka_unit_test(first_thread_is_gone),
		cmocka_unit_test(other_records_of_reused_pids),
		cmocka_unit_test(docker_exec_of_a_short_command),
		cmocka_unit_test(stage_is_not_the_container),
		cmocka_unit_test(forged_runtime),
		cmocka_unit_test(forked_before_the_runtime),
		cmocka_unit_test(events_during_the_scan),
		cmocka_unit_test(runtime_in_the_scan),
		cmocka_unit_test(init_is_another),
		cmocka_unit_test(only_the_parent_is_known),
		cmocka_unit_test(late_answers_of_proc),
		cmocka_unit_test(record_before_its_events),
		cmocka_unit_test(lost_exec_record),
		cmocka_unit_test(lost_record_of_a_runtime),
		cmocka_unit_test(records_far_behind),
		cmocka_unit_test(loss_is_repaired_by_a_scan),
		cmocka_unit_test(unknown_runtime),
		cmocka_unit_test(dead_are_kept_for_a_while),
		cmocka_unit_test(without_records_the_cgroup_tells),
		cmocka_unit_test(table_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

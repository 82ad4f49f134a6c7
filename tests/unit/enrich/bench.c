#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/enrich/bench.h"

#define TASKS "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/"
#define MERGED "/var/lib/docker/overlay2/" \
    "46e72529a467dfe3393bdea9f3fd70ab51b2dad8ec4dff8d07515a4a6de4904a/merged"

static bool
keep(void *self, const struct event *ev)
{
	struct bench *b = self;

	assert_true(b->n_out < BENCH_EVENTS);
	b->out[b->n_out++] = event_ref(ev);
	return true;
}

static void
ask_list(void *ctx)
{
	((struct bench *)ctx)->lists++;
}

static void
ask_scan(void *ctx)
{
	((struct bench *)ctx)->scans++;
}

static void
ask_stream(void *ctx, int64_t since)
{
	struct bench *b = ctx;

	b->streams++;
	b->since = since;
}

static void
ask_inspect(void *ctx, const char id[65])
{
	struct bench *b = ctx;

	memcpy(b->inspected[b->inspects++ % 64], id, 65);
}

static void
ask_proc(void *ctx, uint32_t pid)
{
	struct bench *b = ctx;

	b->proc_pids[b->procs++ % 256] = pid;
}

static void
ask_netns(void *ctx, const char id[65], uint32_t pid)
{
	struct bench *b = ctx;

	(void)pid;
	memcpy(b->netns[b->n_netns++ % 64], id, 65);
}

static void
ask_socket(void *ctx, const char id[65], const struct enrich_socket *q)
{
	struct bench *b = ctx;

	memcpy(b->socket_of, id, strlen(id) + 1);
	b->socket = *q;
	b->sockets++;
}

struct bench *
bench_new(bool with_ask)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct enrich_env env = { 0 };

	assert_non_null(b);
	b->clock.driven = true;
	mono_drive(&b->clock, bench_wall(0));
	b->ledger = ledger_new();
	b->pipeline = pipeline_new(b->ledger, &b->clock);
	b->conf.docker_enabled = true;
	b->conf.docker_socket = (char *)"/var/run/docker.sock";
	b->conf.flow_hold_ns = 300 * MONO_MS;
	b->ask = (struct enrich_ask){ b, ask_list, ask_inspect, ask_stream,
	    ask_proc, ask_scan, ask_netns, ask_socket };
	env = (struct enrich_env){ .conf = &b->conf, .ledger = b->ledger,
	    .pipeline = b->pipeline, .clock = &b->clock,
	    .ask = with_ask ? &b->ask : NULL, .agent_id = "agent-1" };
	b->enrich = enrich_new(&env);
	assert_non_null(b->enrich);
	pipeline_add_sink(b->pipeline, "bench", keep, b);
	return b;
}

void
bench_free(struct bench *b)
{
	size_t i;

	pipeline_free(b->pipeline);
	for (i = 0; i < b->n_out; i++)
		event_unref(b->out[i]);
	enrich_free(b->enrich);
	ledger_free(b->ledger);
	free(b);
}

struct wall
bench_wall(int64_t ns)
{
	return (struct wall){ BENCH_START + ns };
}

void
bench_at(struct bench *b, int64_t ns)
{
	mono_drive(&b->clock, bench_wall(ns));
	enrich_tick(b->enrich, mono_now(&b->clock));
	pipeline_tick(b->pipeline);
}

const struct event *
bench_last(const struct bench *b)
{
	assert_true(b->n_out > 0);
	return b->out[b->n_out - 1];
}

char *
bench_file(const char *name, size_t *len)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *text;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/unit/enrich/data/%s",
	    top == NULL ? "." : top, name);
	f = fopen(path, "r");
	assert_non_null(f);
	text = calloc(1, 1 << 20);
	assert_non_null(text);
	*len = fread(text, 1, (1 << 20) - 1, f);
	assert_true(*len > 0);
	fclose(f);
	return text;
}

static struct event *
make(enum event_dataset set, int64_t ns, uint32_t pid, uint32_t ppid,
    const char *action)
{
	/* Audit's clock is coarse: 4 ms. */
	struct event *ev = event_new(set, bench_wall(ns - ns % (4 * MONO_MS)));

	assert_non_null(ev);
	event_set_num(ev, FIELD_PROCESS_PID, pid);
	event_set_num(ev, FIELD_PROCESS_PARENT_PID, ppid);
	event_set_cstr(ev, FIELD_EVENT_ACTION, action);
	event_set_cstr(ev, FIELD_EVENT_OUTCOME, "success");
	event_set_cstr(ev, FIELD_USER_ID, "0");
	event_set_num(ev, FIELD_TALLYMAN_AUDIT_AUID, -1);
	event_set_num(ev, FIELD_TALLYMAN_AUDIT_SES, -1);
	return ev;
}

struct event *
bench_exec(int64_t ns, uint32_t pid, uint32_t ppid, const char *exe,
    const char *cwd, const char *const args[])
{
	struct event *ev = make(EVENT_PROCESS, ns, pid, ppid, "exec");
	size_t i;

	event_set_cstr(ev, FIELD_PROCESS_EXECUTABLE, exe);
	event_set_cstr(ev, FIELD_PROCESS_WORKING_DIRECTORY, cwd);
	for (i = 0; args[i] != NULL; i++)
		event_add_str(ev, FIELD_PROCESS_ARGS, args[i],
		    strlen(args[i]), false);
	return ev;
}

struct event *
bench_connect(int64_t ns, uint32_t pid, uint32_t ppid, const char *ip,
    uint16_t port)
{
	struct event *ev = make(EVENT_NETWORK, ns, pid, ppid, "connect");
	struct ipaddr addr;

	assert_int_equal(ipaddr_parse(ip, strlen(ip), &addr), 0);
	event_set_ip(ev, FIELD_DESTINATION_IP, &addr);
	event_set_num(ev, FIELD_DESTINATION_PORT, port);
	return ev;
}

struct event *
bench_client(int64_t ns, uint32_t pid, uint32_t ppid, int64_t auid,
    int64_t ses, const char *tty)
{
	struct event *ev = make(EVENT_NETWORK, ns, pid, ppid, "connect");

	event_set_cstr(ev, FIELD_FILE_PATH, "/var/run/docker.sock");
	event_set_num(ev, FIELD_TALLYMAN_AUDIT_AUID, auid);
	event_set_num(ev, FIELD_TALLYMAN_AUDIT_SES, ses);
	event_set_cstr(ev, FIELD_TALLYMAN_AUDIT_TTY, tty);
	event_set_fmt(ev, FIELD_USER_ID, "%d", 0);
	return ev;
}

void
bench_has_socket(struct bench *b, int status, uint32_t pid, uint32_t other)
{
	struct enrich_socket_answer a = { .asked = b->socket,
	    .n_pids = (pid != 0) + (other != 0), .pids = { pid, other } };
	uint8_t id[32] = { 0 };

	if (b->socket_of[0] != '\0')
		assert_true(container_id_parse(b->socket_of, 64, id));
	enrich_on_socket(b->enrich, id, status, &a);
}

const struct event *
bench_submit(struct bench *b, struct event *ev)
{
	size_t before = b->n_out;

	pipeline_submit(b->pipeline, ev);
	return b->n_out > before ? b->out[b->n_out - 1] : NULL;
}

void
bench_proc(struct bench *b, uint32_t pid, uint32_t ppid, int64_t start_ns,
    const char *id, const char *exe, unsigned flags, char state)
{
	bench_proc_args(b, pid, ppid, start_ns, id, exe, flags, state, exe,
	    strlen(exe) + 1);
}

void
bench_proc_args(struct bench *b, uint32_t pid, uint32_t ppid,
    int64_t start_ns, const char *id, const char *exe, unsigned flags,
    char state, const char *cmdline, size_t len)
{
	/* The driven clock's boot is 1970. */
	unsigned long long ticks = (unsigned long long)
	    ((BENCH_START + start_ns) / (10 * MONO_MS));
	char stat[512], cgroup[512], status[256];
	const char *base = strrchr(exe, '/');
	struct process_proc_answer a = { .cmdline = cmdline,
	    .cmdline_len = len, .exe = exe, .exe_len = strlen(exe) };

	a.stat_len = (size_t)snprintf(stat, sizeof(stat),
	    "%u (%.15s) %c %u %u %u 0 -1 %u 0 0 0 0 0 0 0 0 20 0 1 0 %llu "
	    "1000 100\n", pid, base == NULL ? exe : base + 1, state, ppid, pid,
	    pid, flags, ticks);
	a.cgroup_len = (size_t)snprintf(cgroup, sizeof(cgroup),
	    "9:name=systemd:/%s%s\n4:memory:/%s%s\n0::/\n",
	    *id ? "docker/" : "", id, *id ? "docker/" : "", id);
	a.status_len = (size_t)snprintf(status, sizeof(status),
	    "Name:\tx\nUid:\t0\t0\t0\t0\nNSpid:\t%u\t7\n", pid);
	a.stat = stat;
	a.cgroup = cgroup;
	a.status = status;
	process_on_proc(enrich_processes(b->enrich), pid, &a);
}

void
bench_fork(struct bench *b, int64_t ns, uint32_t parent, uint32_t child)
{
	process_on_fork(enrich_processes(b->enrich), bench_wall(ns), parent,
	    child);
}

void
bench_execd(struct bench *b, int64_t ns, uint32_t pid)
{
	process_on_exec(enrich_processes(b->enrich), bench_wall(ns), pid);
}

void
bench_exit(struct bench *b, int64_t ns, uint32_t pid)
{
	process_on_exit(enrich_processes(b->enrich), bench_wall(ns), pid);
}

/* The host's own, and so nothing to wait for. */
static void
submit_host(struct bench *b, struct event *ev)
{
	const struct event *out = bench_submit(b, ev);

	assert_non_null(out);
	assert_owner(out, "", "host");
}

/* Everything that the connector says of it comes before the records. */
void
bench_run(struct bench *b, int64_t ns, uint32_t shim, uint32_t base,
    const char *id)
{
	char cwd[256], bundle[256];
	const char *const create[] = { "runc", "--root",
	    "/var/run/docker/runtime-runc/moby", "--log-format", "json",
	    "create", "--bundle", bundle, "--pid-file", "init.pid", id, NULL };
	const char *const init[] = { "runc", "init", NULL };
	const char *const hook[] = { "libnetwork-setkey",
	    "-exec-root=/var/run/docker", id, "8a5abb724348", NULL };
	const char *const start[] = { "runc", "start", id, NULL };
	const char *const entry[] = { "sleep", "10000", NULL };
	int64_t ms = MONO_MS;

	snprintf(cwd, sizeof(cwd), TASKS "%s", id);
	snprintf(bundle, sizeof(bundle), TASKS "%s", id);
	bench_fork(b, ns, shim, base);
	bench_execd(b, ns + 1 * ms, base);
	bench_fork(b, ns + 10 * ms, base, base + 1);
	bench_execd(b, ns + 11 * ms, base + 1);
	bench_execd(b, ns + 12 * ms, base + 1);
	/* The second stage is cloned with the runtime as its parent. */
	bench_fork(b, ns + 13 * ms, base, base + 2);
	bench_exit(b, ns + 14 * ms, base + 1);
	bench_fork(b, ns + 15 * ms, base, base + 4);
	bench_execd(b, ns + 16 * ms, base + 4);
	bench_exit(b, ns + 20 * ms, base + 4);
	bench_exit(b, ns + 21 * ms, base);
	bench_fork(b, ns + 25 * ms, shim, base + 5);
	bench_execd(b, ns + 26 * ms, base + 5);
	bench_execd(b, ns + 30 * ms, base + 2);
	bench_exit(b, ns + 31 * ms, base + 5);

	submit_host(b, bench_exec(ns + 1 * ms, base, shim, "/usr/sbin/runc",
	    cwd, create));
	submit_host(b, bench_exec(ns + 11 * ms, base + 1, base,
	    "/usr/sbin/runc", MERGED, init));
	submit_host(b, bench_exec(ns + 12 * ms, base + 1, base, "/", MERGED,
	    init));
	submit_host(b, bench_exec(ns + 16 * ms, base + 4, base,
	    "/usr/sbin/dockerd", cwd, hook));
	submit_host(b, bench_exec(ns + 26 * ms, base + 5, shim,
	    "/usr/sbin/runc", cwd, start));
	bench_submit(b, bench_exec(ns + 30 * ms, base + 2, shim,
	    "/bin/busybox", "/", entry));
}

const struct event *
bench_docker_exec(struct bench *b, int64_t ns, uint32_t shim, uint32_t base,
    const char *id, const char *exec_id, const char *const args[])
{
	char cwd[256], pid_file[512];
	const char *const run[] = { "runc", "--root",
	    "/var/run/docker/runtime-runc/moby", "--log", cwd, "--log-format",
	    "json", "exec", "--process", "/tmp/runc-process2418051335",
	    "--detach", "--pid-file", pid_file, id, NULL };
	const char *const init[] = { "runc", "init", NULL };
	int64_t ms = MONO_MS;

	snprintf(cwd, sizeof(cwd), TASKS "%s", id);
	snprintf(pid_file, sizeof(pid_file), TASKS "%s/%s.pid", id, exec_id);
	bench_fork(b, ns, shim, base);
	bench_execd(b, ns + 1 * ms, base);
	bench_fork(b, ns + 8 * ms, base, base + 1);
	bench_execd(b, ns + 9 * ms, base + 1);
	bench_execd(b, ns + 10 * ms, base + 1);
	bench_fork(b, ns + 11 * ms, base, base + 2);
	bench_fork(b, ns + 12 * ms, base, base + 3);
	bench_exit(b, ns + 13 * ms, base + 2);
	bench_exit(b, ns + 13 * ms, base + 1);
	bench_execd(b, ns + 40 * ms, base + 3);
	bench_exit(b, ns + 41 * ms, base + 3);
	bench_exit(b, ns + 42 * ms, base);

	submit_host(b, bench_exec(ns + 1 * ms, base, shim, "/usr/sbin/runc",
	    cwd, run));
	submit_host(b, bench_exec(ns + 9 * ms, base + 1, base,
	    "/usr/sbin/runc", MERGED, init));
	submit_host(b, bench_exec(ns + 10 * ms, base + 1, base, "/", MERGED,
	    init));
	return bench_submit(b, bench_exec(ns + 40 * ms, base + 3, base,
	    "/bin/busybox", "/", args));
}

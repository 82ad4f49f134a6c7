/*
 * Holds kernel audit for real, does known things, and checks that each of
 * them came out as the event it is. Prints TAP. Used by 15-audit.sh.
 *
 *	audit_live [-v] [-n EXECS] unicast|multicast
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/event.h"
#include "agent/core/pipeline.h"
#include "collectors/audit/audit.h"
#include "collectors/audit/control.h"

#define EVENTS_MAX	100000
#define URING_PORT	9

struct run {
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	struct mono_clock	 clock;
	void			*collector;
	struct audit_control	*control;
	int			 fd;
	const struct event	*events[EVENTS_MAX];
	size_t			 n_events;
	bool			 verbose;
	int			 points, bad;
	char			 dir[64];
	char			 self[256];
	uint16_t		 port;
	int			 gone;
};

static volatile sig_atomic_t interrupted;

static void
interrupt(int signo)
{
	(void)signo;
	interrupted = 1;
}

static void
point(struct run *r, bool good, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
point(struct run *r, bool good, const char *fmt, ...)
{
	va_list args;

	printf("%sok %d - ", good ? "" : "not ", ++r->points);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	r->bad += !good;
}

static bool
keep_event(void *self, const struct event *e)
{
	struct run *r = self;
	struct buf out;

	if (r->n_events < EVENTS_MAX)
		r->events[r->n_events++] = event_ref(e);
	if (r->verbose) {
		buf_init(&out, 0);
		event_write_json(e, &out);
		printf("# %s\n", buf_text(&out));
		buf_fini(&out);
	}
	return true;
}

static void
note_gone(void *ctx)
{
	struct run *r = ctx;

	r->gone++;
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * MONO_S + t.tv_nsec;
}

static void
shell(const char *command)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* Receives until the child is gone (if there is one) and then for so long. */
static void
receive(struct run *r, pid_t child, int64_t rest_ns)
{
	int64_t end = child > 0 ? INT64_MAX : now_ns() + rest_ns;
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	int status;

	while (now_ns() < end && !interrupted) {
		if (poll(&p, 1, 50) > 0)
			audit_collector.read(r->collector, 256);
		audit_collector.tick(r->collector, mono_now(&r->clock));
		if (child > 0 && waitpid(child, &status, WNOHANG) == child) {
			child = 0;
			end = now_ns() + rest_ns;
		}
	}
}

/* What the child does. Failures show as missing events. */

static void
run_true(int i)
{
	char number[16], blank[32];
	char *argv[] = { "true", number, blank, "", NULL };
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(number, sizeof(number), "%d", i);
		snprintf(blank, sizeof(blank), "a b \"%d\"", i);
		execv("/bin/true", argv);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void
run_long(void)
{
	/* Longer than a record holds, and more arguments than one does. */
	static char big[20000];
	char *argv[402];
	pid_t pid = fork();

	if (pid != 0) {
		if (pid > 0)
			waitpid(pid, NULL, 0);
		return;
	}
	for (size_t i = 0; i < sizeof(big) - 1; i++)
		big[i] = (char)('a' + i % 26);
	argv[0] = "long";
	argv[1] = big;
	for (int i = 2; i < 401; i++)
		argv[i] = i % 2 ? "plain" : "with blank";
	argv[401] = NULL;
	execv("/bin/true", argv);
	_exit(127);
}

/* A port that is free now. */
static uint16_t
free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(s, (struct sockaddr *)&in, len) != 0 ||
	    getsockname(s, (struct sockaddr *)&in, &len) != 0)
		exit(2);
	close(s);
	return ntohs(in.sin_port);
}

static void
do_network(const char *dir, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(47002), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int s, t, one = 1;

	s = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&in, sizeof(in)) != 0)
		_exit(1);
	listen(s, 1);
	t = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	(void)!connect(t, (struct sockaddr *)&in, sizeof(in));
	close(accept(s, (struct sockaddr *)&peer, &len));
	close(t);
	close(s);
	s = socket(AF_INET6, SOCK_DGRAM, 0);
	(void)!connect(s, (struct sockaddr *)&in6, sizeof(in6));
	close(s);
	/* One socket that is asked for and one that is not. */
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/docker.sock", dir);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)!connect(s, (struct sockaddr *)&un, sizeof(un));
	close(s);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/other.sock", dir);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)!connect(s, (struct sockaddr *)&un, sizeof(un));
	close(s);
	close(socket(AF_PACKET, SOCK_RAW, 0));
}

/* connect(2) without the system call. */
static void
do_uring(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(URING_PORT),
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct io_uring_params p = { .flags = 0 };
	struct io_uring_sqe *sqes;
	int ring = (int)syscall(__NR_io_uring_setup, 4, &p), s;
	char *sq;

	if (ring < 0)
		return;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned),
	    PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, p.sq_entries * sizeof(*sqes),
	    PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || sqes == MAP_FAILED)
		return;
	s = socket(AF_INET, SOCK_STREAM, 0);
	memset(&sqes[0], 0, sizeof(sqes[0]));
	sqes[0].opcode = IORING_OP_CONNECT;
	sqes[0].fd = s;
	sqes[0].addr = (uintptr_t)&in;
	sqes[0].off = sizeof(in);
	*(unsigned *)(void *)(sq + p.sq_off.array) = 0;
	*(unsigned *)(void *)(sq + p.sq_off.tail) = 1;
	syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL,
	    0);
	close(s);
	close(ring);
}

static bool
has_uring(void)
{
	struct io_uring_params p = { .flags = 0 };
	int ring = (int)syscall(__NR_io_uring_setup, 1, &p);

	if (ring >= 0)
		close(ring);
	return ring >= 0;
}

static void
do_files(const char *dir)
{
	int fd;

	if (chdir(dir) != 0 || chdir("watched") != 0)
		return;
	fd = open("new", O_WRONLY | O_CREAT, 0600);
	close(fd);
	fd = open("../watched/./new", O_RDWR);
	close(fd);
	close(open("new", O_RDONLY));	/* nobody asked for reads */
	(void)!chmod("new", 04755);
	(void)!rename("new", "newer");
	(void)!symlink("/etc/shadow", "sym");
	(void)!link("newer", "hard");
	(void)!unlink("newer");
	mkdir("d", 0700);
	rmdir("d");
	(void)!chdir(dir);
	fd = open("watched", O_RDONLY | O_DIRECTORY);
	close(openat(fd, "hard", O_WRONLY | O_TRUNC));
	close(fd);
}

static void
do_process(void)
{
	pid_t pid;
	int status;

	pid = fork();
	if (pid == 0) {
		(void)!setresuid(65534, 65534, 65534);
		(void)!setuid(0);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	ptrace(PTRACE_ATTACH, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_PEEKUSER, pid, NULL, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(memfd_create("live", 0));
	execl("/no/such/program", "none", NULL);
}

static pid_t
start_child(struct run *r, int execs)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (int i = 0; i < execs; i++)
		run_true(i);
	run_long();
	do_network(r->dir, r->port);
	do_uring();
	do_files(r->dir);
	do_process();
	_exit(0);
}

/* Questions about what came. */

static bool
is_str(const struct event *e, enum field_id f, const char *want)
{
	return strcmp(event_str(e, f), want) == 0;
}

/* Others work on this machine too. */
static bool
is_ours(const struct run *r, const struct event *e)
{
	return is_str(e, FIELD_PROCESS_EXECUTABLE, r->self);
}

static const struct event *
find(const struct run *r, const char *action, enum field_id f,
    const char *want)
{
	for (size_t i = 0; i < r->n_events; i++)
		if (is_ours(r, r->events[i]) &&
		    is_str(r->events[i], FIELD_EVENT_ACTION, action) &&
		    (f == FIELD_COUNT || is_str(r->events[i], f, want)))
			return r->events[i];
	return NULL;
}

static const struct event *
find_port(const struct run *r, const char *action, enum field_id f,
    int64_t port)
{
	for (size_t i = 0; i < r->n_events; i++)
		if (is_ours(r, r->events[i]) &&
		    is_str(r->events[i], FIELD_EVENT_ACTION, action) &&
		    event_num(r->events[i], f) == port)
			return r->events[i];
	return NULL;
}

static const char *
argument(const struct event *e, uint32_t i)
{
	const struct event_value *v = event_get(e, FIELD_PROCESS_ARGS);

	return v != NULL && i < v->count ? v->strs[i].text : "(none)";
}

static void
check_execs(struct run *r, int execs)
{
	int found = 0, wrong = 0, twice = 0, i;
	char *seen = calloc((size_t)execs + 1, 1), want[32];

	for (size_t n = 0; n < r->n_events; n++) {
		const struct event *e = r->events[n];

		if (!is_str(e, FIELD_EVENT_ACTION, "exec") ||
		    strcmp(argument(e, 0), "true") != 0)
			continue;
		i = (int)strtol(argument(e, 1), NULL, 10);
		snprintf(want, sizeof(want), "a b \"%d\"", i);
		if (i < 0 || i >= execs || strcmp(argument(e, 2), want) != 0 ||
		    argument(e, 3)[0] != '\0' ||
		    event_num(e, FIELD_PROCESS_ARGS_COUNT) != 4 ||
		    !is_str(e, FIELD_PROCESS_NAME, "true") ||
		    !is_str(e, FIELD_EVENT_OUTCOME, "success"))
			wrong++;
		else {
			twice += seen[i] != 0;
			found += seen[i]++ == 0;
		}
	}
	point(r, found == execs && wrong == 0 && twice == 0,
	    "every one of %d execs came once with its arguments "
	    "(%d came, %d wrong, %d twice)", execs, found, wrong, twice);
	free(seen);
}

static void
check_long(struct run *r)
{
	const struct event *e = NULL;
	const char *big;
	bool good;

	for (size_t n = 0; n < r->n_events; n++)
		if (is_str(r->events[n], FIELD_EVENT_ACTION, "exec") &&
		    strcmp(argument(r->events[n], 0), "long") == 0)
			e = r->events[n];
	good = e != NULL && strlen(big = argument(e, 1)) == 19999;
	for (size_t i = 0; good && i < 19999; i++)
		good = big[i] == (char)('a' + i % 26);
	point(r, good, "an argument of 20,000 bytes came whole");
	good = e != NULL && event_num(e, FIELD_PROCESS_ARGS_COUNT) == 401;
	for (uint32_t i = 2; good && i < 401; i++)
		good = strcmp(argument(e, i),
		    i % 2 ? "plain" : "with blank") == 0;
	point(r, good, "401 arguments in several records came in order");
}

static void
check_network(struct run *r)
{
	const struct event *e;
	char path[128];

	e = find_port(r, "connect", FIELD_DESTINATION_PORT, r->port);
	point(r, e != NULL && is_str(e, FIELD_EVENT_OUTCOME, "success") &&
	    is_str(e, FIELD_DESTINATION_ADDRESS, "127.0.0.1"),
	    "a non-blocking IPv4 connect is a success (%s)",
	    e == NULL ? "none" : event_str(e, FIELD_EVENT_OUTCOME));
	e = find_port(r, "connect", FIELD_DESTINATION_PORT, 47002);
	point(r, e != NULL && is_str(e, FIELD_DESTINATION_ADDRESS, "::1"),
	    "an IPv6 connect came");
	e = find_port(r, "bind", FIELD_SOURCE_PORT, r->port);
	point(r, e != NULL, "the bind came");
	e = find(r, "accept", FIELD_SOURCE_ADDRESS, "127.0.0.1");
	point(r, e != NULL, "the accept came with its peer");
	snprintf(path, sizeof(path), "%s/docker.sock", r->dir);
	e = find(r, "connect", FIELD_FILE_PATH, path);
	point(r, e != NULL && is_str(e, FIELD_EVENT_OUTCOME, "success"),
	    "the connect to docker.sock came");
	snprintf(path, sizeof(path), "%s/other.sock", r->dir);
	e = find(r, "connect", FIELD_FILE_PATH, path);
	point(r, e == NULL, "a connect to another local socket did not");
	e = find(r, "packet-socket", FIELD_COUNT, NULL);
	point(r, e != NULL, "a packet socket came");
	e = find_port(r, "connect", FIELD_DESTINATION_PORT, URING_PORT);
	if (has_uring())
		point(r, e != NULL && is_str(e, FIELD_DESTINATION_ADDRESS,
		    "127.0.0.1"), "a connect through io_uring came");
}

static void
check_file(struct run *r, const char *action, const char *name,
    const char *type)
{
	const struct event_value *v;
	const struct event *e;
	char path[128];

	snprintf(path, sizeof(path), "%s/watched/%s", r->dir, name);
	e = find(r, action, FIELD_FILE_PATH, path);
	v = e == NULL ? NULL : event_get(e, FIELD_EVENT_TYPE);
	point(r, v != NULL && strcmp(v->strs[0].text, type) == 0,
	    "%s of %s came as %s (%s)", action, name, type,
	    v == NULL ? "none" : v->strs[0].text);
}

static void
check_files(struct run *r)
{
	const struct event *e;
	char path[128];

	check_file(r, "open-write", "new", "creation");
	check_file(r, "chmod", "new", "change");
	check_file(r, "rename", "new", "change");
	check_file(r, "symlink", "sym", "creation");
	check_file(r, "link", "hard", "creation");
	check_file(r, "unlink", "newer", "deletion");
	check_file(r, "mkdir", "d", "creation");
	check_file(r, "rmdir", "d", "deletion");
	e = find(r, "chmod", FIELD_FILE_NAME, "new");
	point(r, e != NULL && is_str(e, FIELD_FILE_MODE, "4755"),
	    "chmod has the new mode");
	snprintf(path, sizeof(path), "%s/watched/newer", r->dir);
	e = find(r, "rename", FIELD_FILE_TARGET_PATH, path);
	point(r, e != NULL, "rename has its target");
	e = find(r, "symlink", FIELD_FILE_TARGET_PATH, "/etc/shadow");
	point(r, e != NULL, "symlink has its target");
	e = find(r, "link", FIELD_FILE_TARGET_PATH, path);
	point(r, e != NULL, "link has its target");
	e = find(r, "open-write", FIELD_FILE_NAME, "hard");
	point(r, e != NULL, "an open relative to a directory came as %s",
	    e == NULL ? "none" : event_str(e, FIELD_FILE_PATH));
	e = find(r, "open-read", FIELD_FILE_NAME, "new");
	point(r, e == NULL, "reads that nobody asked for did not come");
}

static void
check_process(struct run *r)
{
	const struct event *e;

	e = find(r, "setuid", FIELD_TALLYMAN_AUDIT_SYSCALL, "setresuid");
	point(r, e != NULL && is_str(e, FIELD_USER_TARGET_ID, "65534"),
	    "setresuid has its target");
	e = find(r, "setuid", FIELD_TALLYMAN_AUDIT_SYSCALL, "setuid");
	point(r, e != NULL && is_str(e, FIELD_EVENT_OUTCOME, "failure") &&
	    is_str(e, FIELD_ERROR_MESSAGE, "EPERM"),
	    "setuid that is not allowed is a failure with its reason");
	e = find(r, "ptrace", FIELD_COUNT, NULL);
	point(r, e != NULL && event_num(e, FIELD_TALLYMAN_TARGET_PID) > 0,
	    "ptrace has its target");
	e = find(r, "memfd_create", FIELD_COUNT, NULL);
	point(r, e != NULL, "memfd_create came");
	e = find(r, "exec", FIELD_FILE_PATH, "/no/such/program");
	point(r, e != NULL && is_str(e, FIELD_EVENT_OUTCOME, "failure") &&
	    is_str(e, FIELD_ERROR_MESSAGE, "ENOENT"),
	    "an exec that fails came with the path that was tried");
}

static void
check_ledger(struct run *r)
{
	struct ledger_stage *records = ledger_stage(r->ledger,
	    "audit.records");
	struct ledger_stage *events = ledger_stage(r->ledger, "audit.events");
	struct json_writer w;
	struct buf out;

	point(r, ledger_stage_balances(records), "audit.records balances");
	point(r, ledger_stage_balances(events), "audit.events balances");
	point(r, ledger_lost(r->ledger) == 0, "nothing was lost");
	buf_init(&out, 0);
	json_writer_init(&w, &out);
	ledger_write_json(r->ledger, &w);
	printf("# %s\n", buf_text(&out));
	buf_fini(&out);
}

/* Somebody else takes a rule of ours away. */
static void
check_tamper(struct run *r)
{
	struct audit_report report;
	const struct event *e = NULL;
	int added;

	shell("auditctl -l | grep 'key=tallyman_bpf' | "
	    "sed 's/^-a/-d/' | head -1 | xargs auditctl >/dev/null 2>&1");
	receive(r, 0, 3 * MONO_S);
	for (size_t i = 0; i < r->n_events; i++)
		if (is_str(r->events[i], FIELD_EVENT_ACTION,
		    "audit-rules-removed"))
			e = r->events[i];
	point(r, e != NULL, "the removal of a rule of ours came as an event");
	point(r, r->gone == 1, "and was told (%d times)", r->gone);
	added = audit_control_reinstall(r->control, &report);
	point(r, added == 1, "it is put back, and only it (%d added)", added);
}

static int
number_of(const char *command)
{
	FILE *f = popen(command, "r");
	int n = -1;

	if (f == NULL || fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f != NULL)
		pclose(f);
	return n;
}

/* The rules that leave us out name the calls that some rule is about, also
 * one that somebody adds later, and are there once for each process. */
static void
check_self(struct run *r)
{
	static const char own[] = "auditctl -l | grep -c 'key=tallyman_self'",
	    wide[] = "auditctl -l | grep 'key=tallyman_self' | "
	    "grep -cw getsid",
	    other[] = "always,exit -F arch=b64 -S getsid -k other_live";
	struct audit_report report;
	int before = number_of(own), told = r->gone;
	char command[128];

	point(r, before == 1 && number_of(wide) == 0,
	    "one rule leaves us out, of the calls that are audited");
	snprintf(command, sizeof(command), "auditctl -a %s", other);
	shell(command);
	receive(r, 0, 2 * MONO_S);
	point(r, r->gone == told + 1, "somebody's new rule was told");
	point(r, audit_control_reinstall(r->control, &report) == 0,
	    "nothing of ours was missing");
	point(r, number_of(own) == 1 && number_of(wide) == 1,
	    "the rule that leaves us out covers it, and is there once");
	snprintf(command, sizeof(command), "auditctl -d %s", other);
	shell(command);
}

static void
make_dir(struct run *r)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char path[128];
	int s;

	snprintf(r->dir, sizeof(r->dir), "/tmp/tallyman-audit.XXXXXX");
	if (mkdtemp(r->dir) == NULL)
		exit(2);
	snprintf(path, sizeof(path), "%s/watched", r->dir);
	mkdir(path, 0755);
	for (int i = 0; i < 2; i++) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s.sock",
		    r->dir, i == 0 ? "docker" : "other");
		s = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(s, (struct sockaddr *)&un, sizeof(un)) != 0 ||
		    listen(s, 8) != 0)
			exit(2);
	}
}

static void
remove_dir(struct run *r)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", r->dir);
	shell(command);
}

static void
show_report(const struct audit_report *report)
{
	struct buf out;

	printf("# mode %d, rules %u, refused %u, foreign %u, swept %u, "
	    "buffer %lld, obstacles %x\n", report->mode, report->rules,
	    report->rules_refused, report->foreign_rules, report->swept,
	    (long long)report->buffer_bytes, report->obstacles);
	buf_init(&out, 0);
	audit_control_explain(report, &out);
	if (out.len > 0)
		printf("# %s", buf_text(&out));
	buf_fini(&out);
}

static bool
open_all(struct run *r, const struct audit_conf *conf)
{
	struct audit_control_options options = { .conf = conf };
	struct collector_env env;
	struct audit_report report;
	int64_t t = now_ns();

	r->ledger = ledger_new();
	r->pipeline = pipeline_new(r->ledger, &r->clock);
	pipeline_add_sink(r->pipeline, "test", keep_event, r);
	env = (struct collector_env){ .ledger = r->ledger,
	    .pipeline = r->pipeline, .clock = &r->clock, .conf = conf };
	r->collector = audit_collector.new(&env);
	options.pids[0] = getpid();
	options.n_pids = 1;
	options.state_path = "/run/tallyman-audit-live.state";
	r->control = audit_control_open(&options, &report, &r->fd);
	printf("# opened in %.1f ms\n", (double)(now_ns() - t) / 1e6);
	show_report(&report);
	if (r->control == NULL) {
		printf("# %s\n", strerror(errno));
		return false;
	}
	point(r, (int)report.mode == conf->mode, "the wanted mode was chosen");
	point(r, report.rules_refused == 0 && report.rules > 10,
	    "the kernel took every rule");
	audit_collector.start(r->collector, r->fd);
	return true;
}

static void
close_all(struct run *r)
{
	struct audit_control_status s;
	int error = audit_control_status(r->control, &s);

	point(r, error == 0 && s.lost == 0, "the kernel lost nothing (%llu)",
	    (unsigned long long)s.lost);
	audit_control_close(r->control);
	audit_collector.free(r->collector);
	check_ledger(r);
	pipeline_free(r->pipeline);
	for (size_t i = 0; i < r->n_events; i++)
		event_unref(r->events[i]);
	ledger_free(r->ledger);
}

int
main(int argc, char **argv)
{
	static struct run r;
	char watched[128], sock[128];
	char *watch[] = { watched };
	struct audit_conf conf = { .rules_gone = note_gone,
	    .rules_gone_ctx = &r, .docker_socket = sock,
	    .watch = { 1, watch } };
	int execs = 300, opt;

	while ((opt = getopt(argc, argv, "vn:")) != -1) {
		if (opt == 'v')
			r.verbose = true;
		else if (opt == 'n')
			execs = (int)strtol(optarg, NULL, 10);
		else
			return 64;
	}
	if (optind >= argc)
		return 64;
	conf.mode = strcmp(argv[optind], "multicast") == 0 ?
	    AUDIT_MODE_MULTICAST : AUDIT_MODE_UNICAST;
	signal(SIGALRM, interrupt);
	signal(SIGTERM, interrupt);
	signal(SIGINT, interrupt);
	alarm(120);
	(void)!readlink("/proc/self/exe", r.self, sizeof(r.self) - 1);
	r.port = free_port();
	make_dir(&r);
	snprintf(watched, sizeof(watched), "%s/watched:wa", r.dir);
	snprintf(sock, sizeof(sock), "%s/docker.sock", r.dir);
	if (!open_all(&r, &conf)) {
		remove_dir(&r);
		printf("Bail out! audit cannot be opened\n");
		return 1;
	}
	receive(&r, start_child(&r, execs), 500 * MONO_MS);
	check_execs(&r, execs);
	check_long(&r);
	check_network(&r);
	check_files(&r);
	check_process(&r);
	check_tamper(&r);
	check_self(&r);
	close_all(&r);
	remove_dir(&r);
	point(&r, !interrupted, "it came to its end in time");
	printf("1..%d\n", r.points);
	return r.bad != 0;
}

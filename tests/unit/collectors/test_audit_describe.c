/*
 * From lines of real logs (data/audit, one kind of action each) to events.
 * What is expected was read from the logs by eye.
 */
#include "tests/unit/collectors/audit_support.h"

#include <libaudit.h>

struct want {
	enum field_id	 field;
	const char	*value;
};

static void
check(const struct event *e, const struct want *want, size_t n)
{
	assert_non_null(e);
	for (size_t i = 0; i < n; i++)
		if (!scene_has(e, want[i].field, want[i].value)) {
			struct buf out;

			buf_init(&out, 0);
			event_write_json(e, &out);
			fail_msg("%s is not %s in %s",
			    field_table[want[i].field].name, want[i].value,
			    buf_text(&out));
		}
}
#define CHECK(e, ...) do {						\
	static const struct want want_[] = { __VA_ARGS__ };		\
	check(e, want_, UNIT_COUNT(want_));				\
} while (0)

static void
exec_on_the_host(void **state)
{
	struct scene s;
	const struct event_value *args;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "host-execve.log");
	assert_int_equal(s.n, 1);
	CHECK(s.events[0], { FIELD_EVENT_DATASET, "tallyman.process" },
	    { FIELD_EVENT_KIND, "event" }, { FIELD_EVENT_CATEGORY, "process" },
	    { FIELD_EVENT_TYPE, "start" }, { FIELD_EVENT_ACTION, "exec" },
	    { FIELD_EVENT_CODE, "execve" }, { FIELD_EVENT_PROVIDER, "audit" },
	    { FIELD_EVENT_OUTCOME, "success" },
	    { FIELD_EVENT_SEQUENCE, "6081669" },
	    { FIELD_PROCESS_PID, "7637" }, { FIELD_PROCESS_PARENT_PID, "7521" },
	    { FIELD_PROCESS_NAME, "acts" },
	    { FIELD_PROCESS_EXECUTABLE, "/opt/sample-test/bin/acts" },
	    { FIELD_PROCESS_COMMAND_LINE,
	    "/opt/sample-test/bin/acts open /dev/null" },
	    { FIELD_PROCESS_ARGS_COUNT, "3" },
	    { FIELD_PROCESS_WORKING_DIRECTORY, "/opt/sample-test/src" },
	    { FIELD_PROCESS_INTERACTIVE, "false" },
	    { FIELD_PROCESS_TITLE,
	    "/opt/sample-test/bin/acts open /dev/null" },
	    { FIELD_USER_ID, "0" }, { FIELD_PROCESS_USER_ID, "0" },
	    { FIELD_FILE_PATH, "/opt/sample-test/bin/acts" },
	    { FIELD_FILE_INODE, "10952938" }, { FIELD_FILE_DEVICE, "fe:00" },
	    { FIELD_TALLYMAN_AUDIT_AUID, "-1" },
	    { FIELD_TALLYMAN_AUDIT_SES, "-1" },
	    { FIELD_TALLYMAN_AUDIT_KEY, "exec" },
	    { FIELD_TALLYMAN_AUDIT_RECORDS, "BPRM_FCAPS" });
	assert_true(event_time(s.events[0]).ns ==
	    INT64_C(1795315493899) * MONO_MS);
	args = event_get(s.events[0], FIELD_PROCESS_ARGS);
	assert_int_equal(args->count, 3);
	assert_string_equal(args->strs[1].text, "open");
	scene_close(&s);
}

static void
exec_from_memory(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "host-memfd-execveat.log");
	CHECK(scene_find(&s, "memfd_create", FIELD_COUNT, NULL),
	    { FIELD_EVENT_CODE, "memfd_create" },
	    { FIELD_EVENT_CATEGORY, "process" },
	    { FIELD_EVENT_TYPE, "change" });
	CHECK(scene_find(&s, "exec", FIELD_EVENT_CODE, "execveat"),
	    { FIELD_PROCESS_EXECUTABLE, "/memfd:evil (deleted)" },
	    { FIELD_PROCESS_NAME, "memfd:evil" },
	    { FIELD_PROCESS_COMMAND_LINE, "kworker/fake noop" },
	    { FIELD_FILE_DEVICE, "00:01" });
	scene_close(&s);
}

static void
exec_with_a_relative_path(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "ctr-relpath.log");
	CHECK(scene_find(&s, "exec", FIELD_PROCESS_COMMAND_LINE,
	    "../q/probe rel3"),
	    { FIELD_FILE_PATH, "/q/probe" },
	    { FIELD_PROCESS_WORKING_DIRECTORY, "/proc" },
	    { FIELD_FILE_DEVICE, "00:98" },
	    { FIELD_PROCESS_EXECUTABLE, "/q/probe" });
	scene_close(&s);
}

static void
connects(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "host-connect4.log");
	CHECK(scene_find(&s, "connect", FIELD_COUNT, NULL),
	    { FIELD_EVENT_DATASET, "tallyman.network" },
	    { FIELD_EVENT_CATEGORY, "network" },
	    { FIELD_EVENT_TYPE, "connection" }, { FIELD_EVENT_TYPE, "start" },
	    { FIELD_NETWORK_TYPE, "ipv4" });
	scene_close(&s);

	scene_open(&s, NULL);
	scene_file(&s, "host-connect4-nonblock.log");
	CHECK(scene_find(&s, "connect", FIELD_COUNT, NULL),
	    { FIELD_EVENT_OUTCOME, "success" },
	    { FIELD_TALLYMAN_AUDIT_EXIT, "-115" });
	scene_close(&s);

	scene_open(&s, NULL);
	scene_file(&s, "host-connect6.log");
	CHECK(scene_find(&s, "connect", FIELD_COUNT, NULL),
	    { FIELD_NETWORK_TYPE, "ipv6" });
	scene_close(&s);

	scene_open(&s, NULL);
	scene_file(&s, "connect-blocked.log");
	CHECK(scene_find(&s, "connect", FIELD_COUNT, NULL),
	    { FIELD_DESTINATION_IP, "172.17.0.250" },
	    { FIELD_DESTINATION_ADDRESS, "172.17.0.250" },
	    { FIELD_DESTINATION_PORT, "80" },
	    { FIELD_EVENT_OUTCOME, "failure" },
	    { FIELD_ERROR_MESSAGE, "EHOSTUNREACH" },
	    { FIELD_TALLYMAN_AUDIT_EXIT, "-113" });
	scene_close(&s);
}

static void
connects_to_docker(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "host-connectunix.log");
	/* The daemon's accepts on a local socket are of no interest. */
	assert_int_equal(s.n, 2);
	CHECK(scene_find(&s, "connect", FIELD_COUNT, NULL),
	    { FIELD_FILE_PATH, "/var/run/docker.sock" },
	    { FIELD_FILE_TYPE, "socket" }, { FIELD_FILE_INODE, "10747910" });
	scene_close(&s);
}

static void
listens(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "host-bind-accept.log");
	CHECK(scene_find(&s, "bind", FIELD_COUNT, NULL),
	    { FIELD_EVENT_CATEGORY, "network" },
	    { FIELD_EVENT_TYPE, "start" });
	CHECK(scene_find(&s, "accept", FIELD_COUNT, NULL),
	    { FIELD_SOURCE_ADDRESS, "127.0.0.1" });
	scene_close(&s);
}

static void
files(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "host-rename-watched.log");
	CHECK(scene_find(&s, "rename", FIELD_COUNT, NULL),
	    { FIELD_EVENT_DATASET, "tallyman.file" },
	    { FIELD_EVENT_TYPE, "change" },
	    { FIELD_FILE_PATH, "/opt/sample-test/wd/f1" },
	    { FIELD_FILE_TARGET_PATH, "/opt/sample-test/wd/f2" },
	    { FIELD_FILE_INODE, "10963198" });
	scene_close(&s);

	scene_open(&s, NULL);
	scene_file(&s, "host-unlink-watched.log");
	CHECK(scene_find(&s, "unlink", FIELD_COUNT, NULL),
	    { FIELD_EVENT_TYPE, "deletion" },
	    { FIELD_FILE_NAME, "f2" });
	scene_close(&s);

	scene_open(&s, NULL);
	scene_file(&s, "host-open-watched-passwd.log");
	CHECK(scene_find(&s, "open-read", FIELD_COUNT, NULL),
	    { FIELD_EVENT_TYPE, "access" },
	    { FIELD_FILE_PATH, "/etc/passwd" });
	scene_close(&s);

	scene_open(&s, NULL);
	scene_file(&s, "host-openw-watched-dir.log");
	CHECK(scene_find(&s, "open-write", FIELD_COUNT, NULL),
	    { FIELD_EVENT_TYPE, "creation" });
	scene_close(&s);

	scene_open(&s, NULL);
	scene_file(&s, "host-chmod-suid.log");
	CHECK(scene_find(&s, "chmod", FIELD_COUNT, NULL),
	    { FIELD_EVENT_TYPE, "change" }, { FIELD_FILE_MODE, "4755" });
	scene_close(&s);
}

static void
processes(void **state)
{
	static const struct { const char *file, *action; } kinds[] = {
	{ "host-capset.log", "capset" }, { "host-setuid.log", "setuid" },
	{ "host-mount.log", "mount" }, { "host-mount.log", "umount" },
	{ "host-unshare.log", "unshare" }, { "host-setns.log", "setns" },
	{ "host-bpf.log", "bpf" }, { "host-ptrace.log", "ptrace" },
	{ "ctr-capset.log", "capset" }, { "ctr-setns.log", "setns" },
	{ "docker-run-d.log", "pivot_root" },
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(kinds); i++) {
		scene_open(&s, NULL);
		scene_file(&s, kinds[i].file);
		CHECK(scene_find(&s, kinds[i].action, FIELD_COUNT, NULL),
		    { FIELD_EVENT_DATASET, "tallyman.process" },
		    { FIELD_EVENT_CATEGORY, "process" },
		    { FIELD_EVENT_TYPE, "change" });
		scene_close(&s);
	}
	scene_open(&s, NULL);
	scene_file(&s, "host-ptrace.log");
	CHECK(scene_find(&s, "ptrace", FIELD_COUNT, NULL),
	    { FIELD_TALLYMAN_TARGET_PID, "7655" },
	    { FIELD_TALLYMAN_TARGET_NAME, "acts" },
	    { FIELD_TALLYMAN_AUDIT_ARGUMENTS, "1de7" });
	scene_close(&s);

	scene_open(&s, NULL);
	scene_file(&s, "host-init_module.log");
	CHECK(scene_find(&s, "load_module", FIELD_COUNT, NULL),
	    { FIELD_EVENT_CATEGORY, "driver" },
	    { FIELD_EVENT_OUTCOME, "failure" });
	scene_close(&s);
}

static void
io_uring(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "io_uring-filter.log");
	CHECK(scene_find(&s, "connect", FIELD_COUNT, NULL),
	    { FIELD_DESTINATION_IP, "127.0.0.1" },
	    { FIELD_DESTINATION_PORT, "9" }, { FIELD_PROCESS_PID, "4432" },
	    /* Refused, but the record cannot tell. */
	    { FIELD_EVENT_OUTCOME, "unknown" },
	    { FIELD_TALLYMAN_AUDIT_RECORDS, "SYSCALL" });
	scene_close(&s);
	/* Done by the kernel's worker: no address. */
	scene_open(&s, NULL);
	scene_record(&s, 1336, "audit(1.000:5): uring_op=16 success=yes "
	    "exit=0 items=0 ppid=4385 pid=4432 uid=0 gid=0 euid=0 suid=0 "
	    "fsuid=0 egid=0 sgid=0 fsgid=0 key=(null)");
	scene_record(&s, AUDIT_EOE, "audit(1.000:5): ");
	CHECK(scene_find(&s, "connect", FIELD_COUNT, NULL),
	    { FIELD_PROCESS_PID, "4432" });
	assert_int_equal(event_has(s.events[0], FIELD_DESTINATION_IP),
	    EVENT_MISSING);
	scene_close(&s);
}

static void
old_word_size(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "int80.log");
	CHECK(scene_find(&s, "open-read", FIELD_COUNT, NULL),
	    { FIELD_EVENT_CODE, "open" });
	scene_close(&s);
	/* socketcall(3, ..) is connect(2). */
	scene_open(&s, NULL);
	scene_record(&s, AUDIT_SYSCALL, "audit(1.000:5): arch=40000003 "
	    "syscall=102 success=yes exit=0 a0=3 a1=ffff a2=0 a3=0 items=0 "
	    "ppid=1 pid=2 auid=1000 uid=0 gid=0 euid=0 tty=pts300 ses=3 "
	    "comm=\"x\" exe=\"/x\" key=(null)");
	scene_record(&s, AUDIT_SOCKADDR, "audit(1.000:5): "
	    "saddr=0200003508080808");
	scene_record(&s, AUDIT_EOE, "audit(1.000:5): ");
	CHECK(scene_find(&s, "connect", FIELD_COUNT, NULL),
	    { FIELD_DESTINATION_IP, "8.8.8.8" },
	    { FIELD_DESTINATION_PORT, "53" }, { FIELD_EVENT_CODE, "connect" },
	    { FIELD_TALLYMAN_AUDIT_AUID, "1000" },
	    { FIELD_TALLYMAN_AUDIT_TTY, "pts300" },
	    { FIELD_PROCESS_INTERACTIVE, "true" },
	    { FIELD_PROCESS_TTY_MAJOR, "137" },
	    { FIELD_PROCESS_TTY_MINOR, "44" });
	scene_close(&s);
	/* x32: bit 30, and a number of its own for execve. */
	scene_open(&s, NULL);
	scene_record(&s, AUDIT_SYSCALL, "audit(1.000:5): arch=c000003e "
	    "syscall=1073742344 success=yes exit=0 a0=3 a1=f a2=0 a3=0 "
	    "items=0 ppid=1 pid=2 auid=1 uid=0 comm=\"x\" exe=\"/x\"");
	scene_record(&s, AUDIT_EOE, "audit(1.000:5): ");
	CHECK(scene_find(&s, "exec", FIELD_COUNT, NULL),
	    { FIELD_EVENT_CODE, "execve" });
	scene_close(&s);
	/* aarch64. */
	scene_open(&s, NULL);
	scene_record(&s, AUDIT_SYSCALL, "audit(1.000:5): arch=c00000b7 "
	    "syscall=221 success=yes exit=0 a0=3 a1=f a2=0 a3=0 "
	    "items=0 ppid=1 pid=2 auid=1 uid=0 comm=\"x\" exe=\"/x\"");
	scene_record(&s, AUDIT_EOE, "audit(1.000:5): ");
	CHECK(scene_find(&s, "exec", FIELD_COUNT, NULL),
	    { FIELD_EVENT_CODE, "execve" });
	scene_close(&s);
}

/* The text of a user message is the sender's: it decides nothing. */
static void
forged_messages(void **state)
{
	struct scene s;
	const struct event *e;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "ctr-usermsg-forged.log");
	e = scene_find(&s, "user-auth", FIELD_COUNT, NULL);
	CHECK(e, { FIELD_EVENT_OUTCOME, "unknown" },
	    { FIELD_EVENT_DATASET, "tallyman.auth" },
	    { FIELD_EVENT_CATEGORY, "authentication" },
	    { FIELD_MESSAGE,
	    "op=PAM:authentication_acct=root_exe=/usr/sbin/sshd_res=success" });
	assert_int_equal(event_has(e, FIELD_PROCESS_EXECUTABLE), EVENT_ABSENT);
	assert_int_equal(event_has(e, FIELD_USER_NAME), EVENT_ABSENT);
	scene_close(&s);

	/* A forged name of a record type or of fields stays text. */
	scene_open(&s, NULL);
	scene_record(&s, AUDIT_USER_LOGIN, "audit(1.000:5): pid=9 uid=0 "
	    "auid=7 ses=1 msg='op=login id=0 exe=\"/usr/sbin/sshd\" "
	    "hostname=198.51.100.1 res=success' pid=1 exe=\"/x\"'");
	CHECK(s.events[0], { FIELD_PROCESS_PID, "9" },
	    { FIELD_EVENT_ACTION, "user-login" },
	    { FIELD_EVENT_OUTCOME, "unknown" });
	assert_int_equal(event_has(s.events[0], FIELD_SOURCE_IP),
	    EVENT_ABSENT);
	scene_close(&s);
}

static void
logins_of_the_kernel(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_record(&s, AUDIT_LOGIN, "audit(1.000:5): pid=77 uid=0 "
	    "old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 "
	    "ses=4 res=1");
	scene_record(&s, AUDIT_EOE, "audit(1.000:5): ");
	CHECK(s.events[0], { FIELD_EVENT_ACTION, "login" },
	    { FIELD_EVENT_OUTCOME, "success" }, { FIELD_PROCESS_PID, "77" },
	    { FIELD_USER_TARGET_ID, "1000" },
	    { FIELD_TALLYMAN_AUDIT_AUID, "1000" },
	    { FIELD_TALLYMAN_AUDIT_SES, "4" });
	scene_close(&s);
}

static void
count_gone(void *ctx)
{
	int *n = ctx;

	(*n)++;
}

static void
configuration(void **state)
{
	static const uint32_t own[] = { 4242 };
	int gone = 0;
	struct audit_conf conf = { .own_pids = own, .n_own_pids = 1,
	    .rules_gone = count_gone, .rules_gone_ctx = &gone };
	struct scene s;

	(void)state;
	scene_open(&s, &conf);
	scene_file(&s, "rules-addremove.log");
	/* Rules of others. */
	CHECK(scene_find(&s, "audit-config-change", FIELD_EVENT_REASON,
	    "audit configuration: remove_rule, key theirs"),
	    { FIELD_EVENT_DATASET, "tallyman.agent" },
	    { FIELD_EVENT_CATEGORY, "configuration" },
	    { FIELD_EVENT_TYPE, "deletion" },
	    { FIELD_PROCESS_NAME, "auditctl" });
	assert_int_equal(gone, 0);
	/* A rule of ours. */
	scene_record(&s, AUDIT_CONFIG_CHANGE, "audit(1795400000.000:9): "
	    "auid=1000 ses=3 op=remove_rule key=\"tallyman_network\" list=4 "
	    "res=1");
	scene_record(&s, AUDIT_SYSCALL, "audit(1795400000.000:9): "
	    "arch=c000003e syscall=44 success=yes exit=1 a0=1 a1=1 a2=1 a3=1 "
	    "items=0 ppid=1 pid=55 auid=1000 uid=0 comm=\"x\" exe=\"/x\"");
	scene_record(&s, AUDIT_EOE, "audit(1795400000.000:9): ");
	CHECK(scene_find(&s, "audit-rules-removed", FIELD_COUNT, NULL),
	    { FIELD_EVENT_TYPE, "deletion" },
	    { FIELD_EVENT_OUTCOME, "success" }, { FIELD_PROCESS_PID, "55" });
	assert_int_equal(gone, 1);
	/* By ourselves. */
	scene_record(&s, AUDIT_CONFIG_CHANGE, "audit(1795400000.000:10): "
	    "auid=1000 ses=3 op=remove_rule key=\"tallyman_network\" list=4 "
	    "res=1");
	scene_record(&s, AUDIT_SYSCALL, "audit(1795400000.000:10): "
	    "arch=c000003e syscall=44 success=yes exit=1 a0=1 a1=1 a2=1 a3=1 "
	    "items=0 ppid=1 pid=4242 auid=1000 uid=0 comm=\"x\" exe=\"/x\"");
	scene_record(&s, AUDIT_EOE, "audit(1795400000.000:10): ");
	assert_int_equal(gone, 1);
	/* Switched off. */
	scene_record(&s, AUDIT_CONFIG_CHANGE, "audit(1795400000.000:11): "
	    "op=set audit_enabled=0 old=1 auid=1000 ses=3 res=1");
	scene_later(&s, 3 * MONO_S);
	CHECK(scene_find(&s, "audit-disabled", FIELD_COUNT, NULL),
	    { FIELD_EVENT_TYPE, "change" });
	scene_close(&s);
}

/* Somebody asked the kernel to become the daemon: the body is his pid. */
static void
replace_probe(void **state)
{
	const uint32_t pid = 31337;
	struct collector_input in = { .type = AUDIT_REPLACE,
	    .bytes = (const uint8_t *)&pid, .len = sizeof(pid) };
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	in.when = s.clock.wall;
	audit_collector.feed(s.collector, &in);
	CHECK(scene_find(&s, "audit-replace", FIELD_COUNT, NULL),
	    { FIELD_PROCESS_PID, "31337" });
	in.len = 2;
	audit_collector.feed(s.collector, &in);
	assert_int_equal(s.n, 1);
	scene_close(&s);
}

static void
others(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_file(&s, "docker-run-d.log");
	CHECK(scene_find(&s, "anom-promiscuous", FIELD_COUNT, NULL),
	    { FIELD_OBSERVER_INGRESS_INTERFACE_NAME, "veth7ae152e" },
	    { FIELD_PROCESS_NAME, "dockerd" });
	scene_close(&s);
	scene_open(&s, NULL);
	scene_file(&s, "host-useradd.log");
	CHECK(scene_find(&s, "add-user", FIELD_COUNT, NULL),
	    { FIELD_EVENT_CATEGORY, "iam" }, { FIELD_EVENT_TYPE, "creation" });
	/* No record at all. */
	scene_line(&s, "Jan 1 00:00:00 host kernel: hello");
	scene_line(&s, "type=SYSCALL msg=audit(");
	assert_int_equal(scene_count(&s, ledger_dropped, "audit.records",
	    "garbage"), 2);
	scene_close(&s);
}

static void
own_processes_are_left_out(void **state)
{
	static const uint32_t own[] = { 1, 7637 };
	struct audit_conf conf = { .own_pids = own, .n_own_pids = 2 };
	struct scene s;

	(void)state;
	scene_open(&s, &conf);
	scene_file(&s, "host-execve.log");
	assert_int_equal(s.n, 0);
	assert_int_equal(scene_count(&s, ledger_noted, "audit.events",
	    "of_no_interest"), 1);
	scene_close(&s);
}

/* A key of the administrator stands behind ours. */
static void
keys_are_theirs(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL);
	scene_record(&s, AUDIT_SYSCALL, "audit(1.000:5): arch=c000003e "
	    "syscall=59 success=yes exit=0 a0=3 a1=f a2=0 a3=0 items=0 "
	    "ppid=1 pid=2 auid=1 uid=0 comm=\"x\" exe=\"/x\" "
	    "key=74616C6C796D616E01746865697273");
	scene_record(&s, AUDIT_EOE, "audit(1.000:5): ");
	CHECK(s.events[0], { FIELD_TALLYMAN_AUDIT_KEY, "theirs" });
	scene_close(&s);
}

static void
keep_number(void *self, struct event *ev, bool *hold)
{
	struct buf *text = self;

	(void)hold;
	assert_true(event_private(ev));
	assert_string_equal(event_str(ev, FIELD_EVENT_ACTION), "socket");
	buf_printf(text, "%s ", event_str(ev, FIELD_NETWORK_IANA_NUMBER));
}

/* Sockets that can send without a connect are kept for flows, and are no
 * events: socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ... */
static void
loose_sockets(void **state)
{
	static const char *const arguments[] = {
		"a0=2 a1=80002 a2=0", "a0=a a1=802 a2=0", "a0=2 a1=2 a2=1",
		"a0=a a1=3 a2=3a", "a0=2 a1=3 a2=ff", "a0=2 a1=80001 a2=0",
		"a0=1 a1=2 a2=0", "a0=2 a1=2 a2=88", "a0=2 a1=5 a2=84",
	};
	char text[512];
	struct buf numbers;
	struct scene s;
	size_t i;

	(void)state;
	buf_init(&numbers, 0);
	scene_open(&s, NULL);
	pipeline_add_enricher(s.pipeline, "test", keep_number, &numbers);
	for (i = 0; i < UNIT_COUNT(arguments) * 2; i++) {
		snprintf(text, sizeof(text), "audit(1.000:%zu): arch=c000003e "
		    "syscall=41 success=%s %s a3=0 items=0 ppid=1 pid=7 auid=0 "
		    "uid=0 gid=0 euid=0 ses=1 comm=\"x\" exe=\"/bin/x\" "
		    "key=(null)", i + 1, i % 2 == 0 ? "yes exit=3" :
		    "no exit=-93", arguments[i / 2]);
		scene_record(&s, AUDIT_SYSCALL, text);
		snprintf(text, sizeof(text), "audit(1.000:%zu): ", i + 1);
		scene_record(&s, AUDIT_EOE, text);
	}
	assert_string_equal(buf_text(&numbers), "17 17 1 58 0 ");
	assert_int_equal(s.n, 0);
	scene_close(&s);
	buf_fini(&numbers);
}

/* The same lines give the same bytes. */
static void
is_deterministic(void **state)
{
	struct buf text[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene s;

		scene_open(&s, NULL);
		scene_file(&s, "docker-exec-it-sh-child.log");
		assert_true(s.n > 10);
		buf_init(&text[i], 0);
		for (size_t e = 0; e < s.n; e++)
			event_write_json(s.events[e], &text[i]);
		assert_true(buf_ok(&text[i]));
		scene_close(&s);
	}
	assert_string_equal(buf_text(&text[0]), buf_text(&text[1]));
	buf_fini(&text[0]);
	buf_fini(&text[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_on_the_host),
		cmocka_unit_test(exec_from_memory),
		cmocka_unit_test(exec_with_a_relative_path),
		cmocka_unit_test(connects),
		cmocka_unit_test(connects_to_docker),
		cmocka_unit_test(listens),
		cmocka_unit_test(files),
		cmocka_unit_test(processes),
		cmocka_unit_test(io_uring),
		cmocka_unit_test(old_word_size),
		cmocka_unit_test(forged_messages),
		cmocka_unit_test(logins_of_the_kernel),
		cmocka_unit_test(configuration),
		cmocka_unit_test(replace_probe),
		cmocka_unit_test(others),
		cmocka_unit_test(own_processes_are_left_out),
		cmocka_unit_test(keys_are_theirs),
		cmocka_unit_test(loose_sockets),
		cmocka_unit_test(is_deterministic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

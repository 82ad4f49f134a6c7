/*
 * Who asked Docker: the CLI's exec and connects, Docker's exec_create and
 * exec_start, runc's arguments and the first process, in the order of a
 * recorded docker exec.
 */
#include "tests/unit/enrich/bench.h"

#include <stdio.h>
#include <string.h>

#define MS	MONO_MS
#define EXEC_2	"096bf497db4b9f3ef9af7ac4d88f0734b0390d460d78322fbc7d35da220643d1"

static const char *const sh[] = { "sh", NULL };

static void
told(struct bench *b, const char *action, const char *id,
    const char *exec_id, int64_t ns)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "{\"Type\":\"container\","
	    "\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":{"
	    "\"execID\":\"%s\",\"image\":\"nginx\",\"name\":\"%s\"}},"
	    "\"timeNano\":%lld}", action, id, exec_id,
	    strcmp(id, BENCH_ID_A) == 0 ? "some-nginx" : "other",
	    (long long)(BENCH_START + ns));

	docker_on_event_bytes(enrich_docker(b->enrich), text, (size_t)n);
}

/* Two containers, a shim, and two people's shells: 500 (1000), 510 (1001). */
static struct bench *
host(void)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
	    "alice:x:1000:1000::/home/alice:/bin/bash\n"
	    "bob:x:1001:1001::/home/bob:/bin/bash\n";
	struct bench *b = bench_new(true);

	enrich_start(b->enrich);
	bench_proc(b, 1, 0, -3600 * MONO_S, "", "/sbin/init", 0, 'S');
	bench_proc(b, 400, 1, -60 * MONO_S, "",
	    "/usr/bin/containerd-shim-runc-v2", 0, 'S');
	bench_proc(b, 500, 1, -60 * MONO_S, "", "/bin/bash", 0, 'S');
	bench_proc(b, 510, 1, -60 * MONO_S, "", "/bin/zsh", 0, 'S');
	process_on_scan_end(enrich_processes(b->enrich));
	docker_on_list(enrich_docker(b->enrich), "[]", 2);
	assert_int_equal(user_table_parse(enrich_users(b->enrich), passwd,
	    sizeof(passwd) - 1), 3);
	told(b, "create", BENCH_ID_A, "", -50 * MONO_S);
	told(b, "create", BENCH_ID_B, "", -50 * MONO_S);
	return b;
}

/* The CLI: executed, then two connects. */
static void
cli(struct bench *b, int64_t ns, uint32_t shell, uint32_t pid, int64_t auid,
    const char *tty, const char *const args[])
{
	bench_fork(b, ns, shell, pid);
	bench_execd(b, ns + MS, pid);
	bench_submit(b, bench_exec(ns + MS, pid, shell, "/usr/bin/docker",
	    "/root", args));
	bench_submit(b, bench_client(ns + 15 * MS, pid, shell, auid,
	    auid + 7, tty));
	bench_submit(b, bench_client(ns + 25 * MS, pid, shell, auid,
	    auid + 7, tty));
}

#define assert_by(ev, pid, user, tty, confidence) do {			\
	assert_int_equal(event_num((ev), FIELD_TALLYMAN_ENTRY_BY_PID),	\
	    (pid));							\
	assert_string_equal(event_str((ev),				\
	    FIELD_TALLYMAN_ENTRY_BY_USER), (user));			\
	assert_string_equal(event_str((ev),				\
	    FIELD_TALLYMAN_ENTRY_BY_TTY), (tty));			\
	assert_string_equal(event_str((ev),				\
	    FIELD_TALLYMAN_ENTRY_CONFIDENCE), (confidence));		\
} while (0)

static void
one_person(void **state)
{
	const char *const args[] = { "docker", "exec", "-it", "some-nginx",
	    "sh", NULL };
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	cli(b, 0, 500, 600, 1000, "pts0", args);
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	assert_by(bench_last(b), 600, "alice", "pts0", "high");
	told(b, "exec_start: sh", BENCH_ID_A, BENCH_EXEC, 35 * MS);
	assert_by(bench_last(b), 600, "alice", "pts0", "high");
	ev = bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_non_null(ev);
	assert_owner(ev, BENCH_ID_A, "runtime");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_KIND), "exec");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_EXEC_ID),
	    BENCH_EXEC);
	assert_by(ev, 600, "alice", "pts0", "high");
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_ENTRY_BY_AUID), 1000);
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_ENTRY_BY_SES), 1007);
	assert_string_equal(event_str(ev,
	    FIELD_TALLYMAN_ENTRY_BY_COMMAND_LINE),
	    "docker exec -it some-nginx sh");
	bench_free(b);
}

/* What the exec'd shell starts has the same person behind it. */
static void
children_keep_it(void **state)
{
	const char *const args[] = { "docker", "exec", "-it", "some-nginx",
	    "sh", NULL };
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	cli(b, 0, 500, 600, 1000, "pts0", args);
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	bench_fork(b, 40 * MS, 400, 20000);
	bench_execd(b, 41 * MS, 20000);
	bench_fork(b, 42 * MS, 20000, 20003);
	bench_execd(b, 50 * MS, 20003);
	bench_fork(b, MONO_S, 20003, 20010);
	bench_execd(b, MONO_S + MS, 20010);
	bench_submit(b, bench_exec(41 * MS, 20000, 400, "/usr/sbin/runc",
	    "/run/x", (const char *const[]){ "runc", "exec", "--pid-file",
	    "/run/" BENCH_ID_A "/" BENCH_EXEC ".pid", BENCH_ID_A, NULL }));
	bench_submit(b, bench_exec(50 * MS, 20003, 20000, "/bin/sh", "/",
	    sh));
	ev = bench_submit(b, bench_exec(MONO_S + MS, 20010, 20003,
	    "/usr/bin/scp", "/", (const char *const[]){ "scp", "x", "y:",
	    NULL }));
	assert_owner(ev, BENCH_ID_A, "parent");
	assert_by(ev, 600, "alice", "pts0", "high");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_EXEC_ID),
	    BENCH_EXEC);
	bench_free(b);
}

/* Two people in the same 10 ms, one container each. */
static void
two_people_two_containers(void **state)
{
	const char *const a[] = { "docker", "exec", "some-nginx", "sh", NULL };
	const char *const o[] = { "docker", "exec", "-u", "0", "other", "sh",
	    NULL };
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	cli(b, 0, 500, 600, 1000, "pts0", a);
	cli(b, 3 * MS, 510, 610, 1001, "pts1", o);
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	told(b, "exec_create: sh", BENCH_ID_B, EXEC_2, 31 * MS);
	ev = bench_docker_exec(b, 60 * MS, 400, 21000, BENCH_ID_B, EXEC_2,
	    sh);
	assert_by(ev, 610, "bob", "pts1", "high");
	ev = bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_by(ev, 600, "alice", "pts0", "high");
	bench_free(b);
}

/* Two people, one container, one moment: said to be unsure. */
static void
two_people_one_container(void **state)
{
	const char *const a[] = { "docker", "exec", "some-nginx", "sh", NULL };
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	cli(b, 0, 500, 600, 1000, "pts0", a);
	cli(b, 3 * MS, 510, 610, 1001, "pts1", a);
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	ev = bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_CONFIDENCE),
	    "low");
	bench_free(b);
}

/* A docker that does something else is not who asked; nobody is. */
static void
nobody_known(void **state)
{
	const char *const ps[] = { "docker", "ps", NULL };
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	cli(b, 0, 500, 600, 1000, "pts0", ps);
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	ev = bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_owner(ev, BENCH_ID_A, "runtime");
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_CONFIDENCE),
	    "none");
	assert_int_equal(event_has(ev, FIELD_TALLYMAN_ENTRY_BY_USER),
	    EVENT_MISSING);
	assert_int_equal(event_has(ev, FIELD_TALLYMAN_ENTRY_BY_PID),
	    EVENT_ABSENT);
	/* One that asked long before is not who asked now. */
	bench_free(b);
	b = host();
	cli(b, -3 * MONO_S, 500, 600, 1000, "pts0", (const char *const[]){
	    "docker", "exec", "some-nginx", "sh", NULL });
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	ev = bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_CONFIDENCE),
	    "none");
	bench_free(b);
}

/* The raw API, without the CLI. */
static void
raw_api(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	bench_fork(b, 0, 510, 700);
	bench_execd(b, MS, 700);
	bench_submit(b, bench_exec(MS, 700, 510, "/usr/bin/curl", "/",
	    (const char *const[]){ "curl", "--unix-socket",
	    "/var/run/docker.sock", NULL }));
	bench_submit(b, bench_client(20 * MS, 700, 510, 1001, 3, "pts4"));
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	ev = bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_by(ev, 700, "bob", "pts4", "medium");
	bench_free(b);
}

static void
request(struct bench *b, int64_t ns, uint32_t shell, uint32_t pid,
    int64_t auid, const char *url)
{
	bench_fork(b, ns, shell, pid);
	bench_execd(b, ns + MS, pid);
	bench_submit(b, bench_exec(ns + MS, pid, shell, "/usr/bin/curl", "/",
	    (const char *const[]){ "curl", "--unix-socket",
	    "/var/run/docker.sock", url, NULL }));
	bench_submit(b, bench_client(ns + 10 * MS, pid, shell, auid, 3,
	    "pts4"));
}

/* Requests say in their paths what they are about: the exec's creator, who
 * starts it, and somebody with another container at the same time. */
static void
raw_paths(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	request(b, 0, 510, 700, 1001,
	    "http://d/v1.40/containers/some-nginx/exec");
	request(b, 5 * MS, 500, 710, 1000,
	    "http://d/containers/" BENCH_ID_B "/archive?path=/etc");
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	assert_by(bench_last(b), 700, "bob", "pts4", "high");
	request(b, 40 * MS, 500, 720, 1000, "http://d/exec/" BENCH_EXEC
	    "/start");
	told(b, "exec_start: sh", BENCH_ID_A, BENCH_EXEC, 60 * MS);
	assert_by(bench_last(b), 720, "alice", "pts4", "high");
	ev = bench_docker_exec(b, 70 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_by(ev, 700, "bob", "pts4", "high");
	bench_free(b);
}

/* A CLI that has ended, and one whose command is another, did not ask for
 * what a program without arguments asks for a moment later. */
static void
api_after_the_cli(void **state)
{
	const char *const a[] = { "docker", "exec", "some-nginx", "sh", NULL };
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	cli(b, 0, 500, 600, 1000, "pts0", a);
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	ev = bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_by(ev, 600, "alice", "pts0", "high");
	bench_exit(b, 100 * MS, 600);
	bench_fork(b, 200 * MS, 510, 700);
	bench_execd(b, 201 * MS, 700);
	bench_submit(b, bench_exec(201 * MS, 700, 510, "/usr/bin/python3", "/",
	    (const char *const[]){ "python3", "x.py", NULL }));
	bench_submit(b, bench_client(220 * MS, 700, 510, 1001, 3, "pts4"));
	told(b, "exec_create: sh", BENCH_ID_A, EXEC_2, 230 * MS);
	ev = bench_docker_exec(b, 240 * MS, 400, 21000, BENCH_ID_A, EXEC_2,
	    sh);
	assert_by(ev, 700, "bob", "pts4", "medium");
	bench_free(b);

	b = host();
	cli(b, 0, 500, 600, 1000, "pts0", a);
	told(b, "exec_create: bash -i", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	ev = bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A, BENCH_EXEC,
	    sh);
	assert_string_equal(event_str(ev, FIELD_TALLYMAN_ENTRY_CONFIDENCE),
	    "none");
	bench_free(b);
}

/* Docker's word comes after the first process: only that one waits. */
static void
docker_is_late(void **state)
{
	const char *const a[] = { "docker", "exec", "some-nginx", "sh", NULL };
	struct bench *b = host();

	(void)state;
	cli(b, 0, 500, 600, 1000, "pts0", a);
	assert_null(bench_docker_exec(b, 40 * MS, 400, 20000, BENCH_ID_A,
	    BENCH_EXEC, sh));
	told(b, "exec_create: sh", BENCH_ID_A, BENCH_EXEC, 30 * MS);
	bench_at(b, 100 * MS);
	assert_owner(bench_last(b), BENCH_ID_A, "runtime");
	assert_by(bench_last(b), 600, "alice", "pts0", "high");
	/* It never comes. */
	assert_null(bench_docker_exec(b, 200 * MS, 400, 21000, BENCH_ID_A,
	    EXEC_2, sh));
	bench_at(b, 800 * MS);
	assert_string_equal(event_str(bench_last(b),
	    FIELD_TALLYMAN_ENTRY_EXEC_ID), EXEC_2);
	bench_free(b);
}

static void
copies_and_runs(void **state)
{
	struct bench *b = host();
	const struct event *ev;

	(void)state;
	cli(b, 0, 500, 600, 1000, "pts0", (const char *const[]){ "docker",
	    "cp", "some-nginx:/etc/shadow", ".", NULL });
	/* Somebody else's exec in the same container at the same time. */
	cli(b, 0, 510, 610, 1001, "pts1", (const char *const[]){ "docker",
	    "exec", "some-nginx", "id", NULL });
	told(b, "archive-path", BENCH_ID_A, "", 30 * MS);
	ev = bench_last(b);
	assert_string_equal(event_str(ev, FIELD_EVENT_ACTION),
	    "docker_archive-path");
	assert_by(ev, 600, "alice", "pts0", "high");
	/* Audit is a little behind: the event waits for it. */
	bench_at(b, 5 * MONO_S);
	told(b, "export", BENCH_ID_A, "", 5 * MONO_S);
	assert_ptr_equal(bench_last(b), ev);
	cli(b, 5 * MONO_S - 30 * MS, 510, 620, 1001, "pts1",
	    (const char *const[]){ "docker", "export", "some-nginx", NULL });
	bench_at(b, 5 * MONO_S + 20 * MS);
	assert_by(bench_last(b), 620, "bob", "pts1", "high");
	bench_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_person),
		cmocka_unit_test(children_keep_it),
		cmocka_unit_test(two_people_two_containers),
		cmocka_unit_test(two_people_one_container),
		cmocka_unit_test(nobody_known),
		cmocka_unit_test(raw_api),
		cmocka_unit_test(raw_paths),
		cmocka_unit_test(api_after_the_cli),
		cmocka_unit_test(docker_is_late),
		cmocka_unit_test(copies_and_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * bench: enrichment on a driven clock, with an asker that keeps what was
 * asked and a sink that keeps what came out.
 */
#ifndef TESTS_UNIT_ENRICH_BENCH_H
#define TESTS_UNIT_ENRICH_BENCH_H

#include "tests/support/unit.h"

#include "enrich/enrich.h"

#define BENCH_EVENTS	4096

struct bench {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	struct enrich_conf	 conf;
	struct enrich_ask	 ask;
	struct enrich		*enrich;
	const struct event	*out[BENCH_EVENTS];
	size_t			 n_out;
	/* What was asked for. */
	unsigned		 lists, scans, streams, inspects, procs;
	int64_t			 since;
	char			 inspected[64][65];
	uint32_t		 proc_pids[256];
	unsigned		 n_netns;
	char			 netns[64][65];
	/* The last question about a socket. */
	unsigned		 sockets;
	char			 socket_of[65];
	struct enrich_socket	 socket;
};

/* with_ask false: nobody answers, as in a replay. */
struct bench *bench_new(bool with_ask);
void bench_free(struct bench *);
/* Moves the clock to that many nanoseconds after BENCH_START and ticks. */
void bench_at(struct bench *, int64_t ns);
#define BENCH_START	(INT64_C(1795315500) * MONO_S)
struct wall bench_wall(int64_t ns);
/* The last event that came out. */
const struct event *bench_last(const struct bench *);
/* The whole file in tests/unit/enrich/data; the caller frees. */
char *bench_file(const char *name, size_t *len);

/* An event as the audit collector makes it. args ends with NULL. */
struct event *bench_exec(int64_t ns, uint32_t pid, uint32_t ppid,
    const char *exe, const char *cwd, const char *const args[]);
struct event *bench_connect(int64_t ns, uint32_t pid, uint32_t ppid,
    const char *ip, uint16_t port);
/* A connect to docker.sock by a logged-in user. */
struct event *bench_client(int64_t ns, uint32_t pid, uint32_t ppid,
    int64_t auid, int64_t ses, const char *tty);
const struct event *bench_submit(struct bench *, struct event *);

/* The answer to the last question about a socket; pid 0: nobody. */
void bench_has_socket(struct bench *, int status, uint32_t pid,
    uint32_t other);

/* /proc of a process that belongs to the container (or "" for the host). */
void bench_proc(struct bench *, uint32_t pid, uint32_t ppid,
    int64_t start_ns, const char *cgroup_id, const char *exe,
    unsigned flags, char state);
/* With other arguments than the path, each with its NUL. */
void bench_proc_args(struct bench *, uint32_t pid, uint32_t ppid,
    int64_t start_ns, const char *cgroup_id, const char *exe,
    unsigned flags, char state, const char *cmdline, size_t len);

/* The connector. */
void bench_fork(struct bench *, int64_t ns, uint32_t parent, uint32_t child);
void bench_execd(struct bench *, int64_t ns, uint32_t pid);
void bench_exit(struct bench *, int64_t ns, uint32_t pid);

/* A container's start as runc does it, from shim to entrypoint: connector
 * events and exec records. Pids from base on: base runc create, base + 1
 * first stage, base + 2 the container's first process. */
void bench_run(struct bench *, int64_t ns, uint32_t shim, uint32_t base,
    const char *id);
/* docker exec: base runc exec, base + 1 first stage, base + 3 the command.
 * Returns the command's event. */
const struct event *bench_docker_exec(struct bench *, int64_t ns,
    uint32_t shim, uint32_t base, const char *id, const char *exec_id,
    const char *const args[]);

#define BENCH_ID_A "41e7cb0f5bc39db089241f10bc9b6601f97066016d25238b2a50a36ca0dfba73"
#define BENCH_ID_B "e63073b2f1dd70f7aafa8fee1f2150623466f9b2093eb57550b7baa4e3b13420"
#define BENCH_EXEC "b2bbdb82b9aed6320625df95f8e306f884dcd7212abbd96fc44784796b846fa8"

#define assert_owner(ev, id, method) do {				\
	assert_string_equal(event_str((ev), FIELD_CONTAINER_ID), (id));	\
	assert_string_equal(event_str((ev),				\
	    FIELD_TALLYMAN_ATTRIBUTION_METHOD), (method));		\
} while (0)

#endif

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/aside.h"
#include "agent/broker.h"
#include "agent/docker_client.h"
#include "agent/inside.h"
#include "agent/notify.h"
#include "agent/outbox.h"
#include "agent/privileges.h"
#include "agent/procfs.h"
#include "agent/wire.h"
#include "collectors/audit/control.h"
#include "collectors/conntrack/conntrack.h"
#include "collectors/packet/loopback.h"
#include "collectors/proc/proc.h"

#include "lib/netns.h"

#define LOG_TAG "main"
#include "lib/log.h"

#define OUTBOX_BYTES	(32u << 20)
/* A scan of /proc pauses while so much waits for the engine. */
#define SCAN_PAUSE	(4u << 20)
#define REQUESTS_A_TURN	64
#define STOP_SECONDS	15
#define YIELD		(30 * MONO_S)	/* for whoever wants audit */

struct broker {
	const struct settings	*settings;
	int			 wire;
	int			 signals;
	pid_t			 engine;
	struct notify		 notify;
	struct docker_client	*docker;
	struct outbox		*outbox;
	struct audit_control	*audit;
	struct inside		*inside;
	struct aside		*aside;
	struct log_limit	 stuck;
	int			 conntrack;	/* our copy, for dumps */
	char			*audit_state;	/* path, beside control */
	DIR			*scan;
	bool			 ready, stopping, ended;
	int			 status;	/* of the engine, as waitpid gave it */
	struct mono		 kill_at;	/* stopping: patience ends */
	struct mono		 yielded_until;	/* audit's place stays free */
	uint8_t			 proc[PROCFS_BYTES];
};

static struct wire_answer
answer_to(const struct wire_request *req, int status)
{
	struct wire_answer a = {
		.verb = req->verb, .pid = req->pid, .status = status,
	};

	memcpy(a.id, req->id, sizeof(a.id));
	return a;
}

static void
reply_noted(struct broker *b, const struct wire_request *req, int status,
    const void *bytes, size_t len, int fd, uint32_t notes)
{
	struct wire_answer a = answer_to(req, status);

	if (b->wire == -1) {
		if (fd != -1)
			close(fd);
		return;
	}
	a.flags = notes;
	(void)outbox_put(b->outbox, &a, bytes, len, true, fd);
}

static void
reply(struct broker *b, const struct wire_request *req, int status,
    const void *bytes, size_t len, int fd)
{
	reply_noted(b, req, status, bytes, len, fd, 0);
}

static void
reply_text(struct broker *b, const struct wire_request *req, int status,
    const char *text, int fd)
{
	reply(b, req, status, text, strlen(text), fd);
}

static void
explain(const struct audit_report *report, struct buf *out)
{
	static const char *const modes[] = {
		[AUDIT_MODE_AUTO] = "auto", [AUDIT_MODE_UNICAST] = "unicast",
		[AUDIT_MODE_MULTICAST] = "multicast", [AUDIT_MODE_OFF] = "off",
	};

	buf_printf(out, "%s, %u rules", modes[report->mode], report->rules);
	if (report->swept > 0)
		log_notice("audit: removed %u rules that a crash had left",
		    report->swept);
	if (report->obstacles != 0)
		buf_add_char(out, '\n');
	audit_control_explain(report, out);
}

static void
open_audit(struct broker *b, const struct wire_request *req)
{
	struct audit_control_options options = {
		.conf = &b->settings->audit,
		.pids = { getpid(), b->engine }, .n_pids = 2,
		.state_path = b->audit_state,
	};
	struct audit_report report;
	struct buf text;
	int fd = -1, rc = 0;

	audit_control_close(b->audit);
	b->audit = audit_control_open(&options, &report, &fd);
	if (b->audit == NULL)
		rc = report.obstacles & AUDIT_OBSTACLE_OFF ? -ECANCELED :
		    -errno;
	buf_init(&text, 0);
	explain(&report, &text);
	reply_text(b, req, rc, buf_text(&text), fd);
	buf_fini(&text);
}

/*
 * Who asks the kernel for the audit daemon's place while we have it is refused
 * once. Then it is free for a while, and taken again when nobody wants it. The
 * engine asks at every turn; this decides.
 */
static void
yield_audit(struct broker *b, const struct wire_request *req)
{
	struct mono now = mono_now(&(struct mono_clock){ 0 });
	struct audit_control_status st;
	struct audit_report report;
	struct buf text;
	int fd = -1, rc = b->audit == NULL ? -ENOENT :
	    audit_control_status(b->audit, &st);

	if (rc == 0 && st.owner_pid == 0 && now.ns < b->yielded_until.ns)
		rc = -EALREADY;
	if (rc == 0)
		rc = audit_control_switch(b->audit, &report, &fd);
	if (rc != 0) {
		reply_text(b, req, rc, "", -1);
		return;
	}
	if (report.mode == AUDIT_MODE_MULTICAST)
		b->yielded_until.ns = now.ns + YIELD;
	buf_init(&text, 0);
	explain(&report, &text);
	if (report.mode == AUDIT_MODE_MULTICAST && report.owner_pid == 0)
		buf_add_str(&text, "\nanother program wants to be the audit "
		    "daemon: the agent listens beside it");
	reply_text(b, req, rc, buf_text(&text), fd);
	buf_fini(&text);
}

static void
audit_status(struct broker *b, const struct wire_request *req)
{
	struct audit_control_status st;
	int rc = b->audit == NULL ? -ENOENT :
	    audit_control_status(b->audit, &st);

	reply(b, req, rc, &st, rc == 0 ? sizeof(st) : 0, -1);
}

static void
audit_rules(struct broker *b, const struct wire_request *req)
{
	struct audit_report report;
	int n;

	(void)req;
	if (b->audit == NULL)
		return;
	n = audit_control_reinstall(b->audit, &report);
	if (n > 0)
		log_notice("audit: put %d rules back", n);
	else if (n < 0)
		log_warnx("audit: rules are missing and cannot be put back: %s",
		    strerror(-n));
}

static int
open_connector(void *ctx)
{
	(void)ctx;
	return proc_connector_open();
}

static void
open_proc(struct broker *b, const struct wire_request *req)
{
	int fd = netns_run_in_initial(open_connector, NULL);

	reply(b, req, fd < 0 ? fd : 0, NULL, 0, fd < 0 ? -1 : fd);
}

static void
open_conntrack(struct broker *b, const struct wire_request *req)
{
	int fd = conntrack_open();

	if (b->conntrack != -1)
		close(b->conntrack);
	b->conntrack = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	reply(b, req, fd < 0 ? fd : 0, NULL, 0, fd < 0 ? -1 : fd);
}

static void
dump_conntrack(struct broker *b, const struct wire_request *req)
{
	int rc;

	(void)req;
	if (b->conntrack == -1)
		return;
	rc = conntrack_dump(b->conntrack);
	if (rc != 0)
		log_warnx("conntrack dump: %s", strerror(-rc));
}

static void
read_proc(struct broker *b, const struct wire_request *req)
{
	bool stuck;
	int n = procfs_read(req->pid, b->aside, b->proc, &stuck);

	if (stuck)
		log_limited(&b->stuck, LOG_WARNING, "the command line of "
		    "process %u could not be read in time and is left out: it, "
		    "or one before it, may keep its memory locked", req->pid);
	reply_noted(b, req, n < 0 ? n : 0, b->proc, n < 0 ? 0 : (size_t)n, -1,
	    stuck ? WIRE_STUCK : 0);
}

static void
ask_netns(struct broker *b, const struct wire_request *req)
{
	struct enrich_netns got;
	int rc = req->id[0] == '\0' ? -EINVAL :
	    inside_netns(b->inside, req->id, req->pid, &got);

	reply(b, req, rc, &got, rc == 0 ? sizeof(got) : 0, -1);
}

/* What it is, before it is told that it has a socket. */
static void
on_found(void *ctx, uint32_t pid)
{
	const struct wire_request who = { .verb = WIRE_PROC, .pid = pid };

	read_proc(ctx, &who);
}

static void
ask_socket(struct broker *b, const struct wire_request *req)
{
	struct enrich_socket_answer got = { .asked = req->socket };
	uint32_t notes;
	int rc = inside_socket(b->inside, req->id, &req->socket, &got, &notes);

	if (rc != -EINPROGRESS)
		reply_noted(b, req, rc, &got, sizeof(got), -1, notes);
}

static void
on_socket(void *ctx, int status, const struct enrich_socket_answer *got,
    uint32_t notes)
{
	const struct wire_request req = { .verb = WIRE_SOCKET };

	reply_noted(ctx, &req, status, got, sizeof(*got), -1, notes);
}

/* The engine waits for the end of a scan, also of one that did not begin. */
static void
start_scan(struct broker *b, const struct wire_request *req)
{
	if (b->scan != NULL)
		closedir(b->scan);
	b->scan = opendir("/proc");
	if (b->scan == NULL)
		reply(b, req, -errno, NULL, 0, -1);
}

/* Some more processes, as far as the engine keeps up. */
static void
scan_on(struct broker *b)
{
	struct wire_request req = { .verb = WIRE_PROC };
	struct dirent *d = NULL;
	char *end;
	unsigned long pid;

	while (outbox_bytes(b->outbox) < SCAN_PAUSE &&
	    (d = readdir(b->scan)) != NULL) {
		pid = strtoul(d->d_name, &end, 10);
		if (*end != '\0' || pid == 0)
			continue;
		req.pid = (uint32_t)pid;
		read_proc(b, &req);
	}
	if (d != NULL || outbox_bytes(b->outbox) >= SCAN_PAUSE)
		return;
	closedir(b->scan);
	b->scan = NULL;
	req.verb = WIRE_PROC_SCAN;
	req.pid = 0;
	reply(b, &req, 0, NULL, 0, -1);
}

static void
ask_docker(struct broker *b, const struct wire_request *req)
{
	int rc;

	if (req->verb == WIRE_DOCKER_INSPECT && req->id[0] == '\0')
		rc = -EINVAL;
	else
		rc = docker_client_get(b->docker, req->verb, req->id,
		    req->since_ns);
	if (rc != 0)
		reply(b, req, rc, NULL, 0, -1);
}

static void
on_docker(void *ctx, enum wire_verb verb, const char *id, int status,
    const void *bytes, size_t len, bool last)
{
	struct broker *b = ctx;
	struct wire_answer a = { .verb = verb, .status = status };

	if (b->wire == -1)
		return;
	memcpy(a.id, id, strnlen(id, WIRE_ID - 1));
	/* An answer that does not fit: the engine asks again by its timer. */
	if (outbox_put(b->outbox, &a, bytes, len, last, -1) == -ENOBUFS)
		log_warnx("the engine is behind: an answer of Docker is lost");
}

/* What netns_run_in calls inside. */
static int
open_ring(void *ctx)
{
	return loopback_open(*(const size_t *)ctx);
}

/* The engine's word for a pid is not enough: it has to be the container's. */
static int
enter_and_open(struct broker *b, const struct wire_request *req,
    struct buf *text)
{
	size_t snaplen = (size_t)b->settings->packet.snaplen;
	int ns = procfs_open_netns(req->pid, req->id, text), fd;

	if (ns < 0)
		return ns;
	fd = netns_run_in(ns, open_ring, &snaplen);
	close(ns);
	return fd;
}

static void
open_loopback(struct broker *b, const struct wire_request *req)
{
	struct buf text;
	int fd = -ECANCELED;

	buf_init(&text, WIRE_CHUNK);
	if (b->settings->packet.container_loopback)
		fd = enter_and_open(b, req, &text);
	reply(b, req, fd < 0 ? fd : 0, buf_text(&text), fd < 0 ? 0 : text.len,
	    fd < 0 ? -1 : fd);
	buf_fini(&text);
}

static void
ready(struct broker *b, const struct wire_request *req)
{
	(void)req;
	b->ready = true;
	notify_ready(&b->notify);
}

static void
alive(struct broker *b, const struct wire_request *req)
{
	(void)req;
	notify_watchdog(&b->notify);
}

static void (*const verbs[WIRE_VERBS])(struct broker *,
    const struct wire_request *) = {
	[WIRE_OPEN_AUDIT] = open_audit,
	[WIRE_OPEN_PROC] = open_proc,
	[WIRE_OPEN_CONNTRACK] = open_conntrack,
	[WIRE_CONNTRACK_DUMP] = dump_conntrack,
	[WIRE_AUDIT_STATUS] = audit_status,
	[WIRE_AUDIT_RULES] = audit_rules,
	[WIRE_AUDIT_YIELD] = yield_audit,
	[WIRE_PROC] = read_proc,
	[WIRE_PROC_SCAN] = start_scan,
	[WIRE_DOCKER_LIST] = ask_docker,
	[WIRE_DOCKER_INSPECT] = ask_docker,
	[WIRE_DOCKER_EVENTS] = ask_docker,
	[WIRE_READY] = ready,
	[WIRE_ALIVE] = alive,
	[WIRE_NETNS] = ask_netns,
	[WIRE_OPEN_LOOPBACK] = open_loopback,
	[WIRE_SOCKET] = ask_socket,
};

/* The outbox must not write any more: the number of the descriptor may soon
 * be that of a connection to Docker. */
static void
close_wire(struct broker *b)
{
	close(b->wire);
	b->wire = -1;
	if (b->scan != NULL)
		closedir(b->scan);
	b->scan = NULL;
}

/* Nonsense on the wire means that the engine is not itself any more. */
static void
take_requests(struct broker *b)
{
	struct wire_request req;
	int rc = 0;

	for (int i = 0; i < REQUESTS_A_TURN; i++) {
		rc = wire_take(b->wire, &req);
		if (rc != 1)
			break;
		verbs[req.verb](b, &req);
	}
	if (rc == 1 || rc == -EAGAIN)
		return;
	if (rc != 0 && !b->stopping) {
		log_errx("bad message from the engine: ending it");
		kill(b->engine, SIGKILL);
	}
	close_wire(b);
}

static void
stop(struct broker *b)
{
	if (b->stopping)
		return;
	b->stopping = true;
	notify_stopping(&b->notify);
	b->kill_at = mono_now(&(struct mono_clock){ 0 });
	b->kill_at.ns += STOP_SECONDS * MONO_S;
	kill(b->engine, SIGTERM);
}

static void
on_child(struct broker *b)
{
	int status;

	while (waitpid(b->engine, &status, WNOHANG) == b->engine) {
		b->ended = true;
		b->status = status;
	}
}

static void
take_signals(struct broker *b)
{
	struct signalfd_siginfo si;

	while (read(b->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			stop(b);
			break;
		case SIGHUP:
			notify_reloading(&b->notify);
			kill(b->engine, SIGHUP);
			break;
		case SIGCHLD:
			on_child(b);
			break;
		}
	}
}

static void
turn(struct broker *b)
{
	struct curl_waitfd fds[2] = {
		{ .fd = b->signals, .events = CURL_WAIT_POLLIN },
		{ .fd = b->wire, .events = CURL_WAIT_POLLIN },
	};

	if (outbox_waiting(b->outbox))
		fds[1].events |= CURL_WAIT_POLLOUT;
	(void)docker_client_poll(b->docker, fds, b->wire == -1 ? 1 : 2,
	    b->scan != NULL ? 5 : inside_wait_ms(b->inside));
	take_signals(b);
	if (b->wire != -1)
		take_requests(b);
	docker_client_turn(b->docker);
	if (b->scan != NULL)
		scan_on(b);
	inside_tick(b->inside, on_socket, b);
	if (b->wire != -1)
		(void)outbox_flush(b->outbox);
	if (b->stopping && !b->ended &&
	    mono_now(&(struct mono_clock){ 0 }).ns > b->kill_at.ns) {
		log_errx("the engine did not stop in %d s: killing it",
		    STOP_SECONDS);
		kill(b->engine, SIGKILL);
		b->kill_at.ns = INT64_MAX;
	}
}

static int
block_signals(void)
{
	static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		sigaddset(&set, ours[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* In the child: the wire becomes descriptor 3. What the broker passes on
 * waits until the engine's loop listens to it. */
static void
become_engine(int wire, char *const argv[])
{
	sigset_t later;

	sigemptyset(&later);
	sigaddset(&later, SIGTERM);
	sigaddset(&later, SIGHUP);
	sigprocmask(SIG_SETMASK, &later, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (wire == BROKER_ENGINE_FD)
		(void)fcntl(wire, F_SETFD, 0);
	else if (dup2(wire, BROKER_ENGINE_FD) == -1)
		_exit(1);
	execv("/proc/self/exe", argv);
	log_err("starting the engine: /proc/self/exe");
	_exit(1);
}

static int
start_engine(struct broker *b, char *const argv[])
{
	int pair[2], rc = wire_pair(pair);

	if (rc != 0)
		return rc;
	b->engine = fork();
	if (b->engine == 0)
		become_engine(pair[1], argv);
	rc = b->engine == -1 ? -errno : 0;
	close(pair[1]);
	if (rc != 0)
		close(pair[0]);
	else
		b->wire = pair[0];
	return rc;
}

static int
begin(struct broker *b, char *const engine_argv[])
{
	int rc;

	notify_init(&b->notify);
	if ((b->signals = block_signals()) < 0)
		return b->signals;
	if ((rc = start_engine(b, engine_argv)) != 0)
		return rc;
	if ((rc = privileges_reduce(
	    b->settings->packet.container_loopback)) != 0)
		return rc;
	b->outbox = outbox_new(b->wire, OUTBOX_BYTES);
	b->docker = docker_client_new(b->settings->enrich.docker_socket,
	    on_docker, b);
	b->inside = inside_new();
	b->aside = aside_new();
	if (b->outbox == NULL || b->docker == NULL || b->inside == NULL ||
	    b->aside == NULL)
		return -ENOMEM;
	inside_on_found(b->inside, on_found, b);
	return 0;
}

static int
exit_status(const struct broker *b)
{
	if (WIFEXITED(b->status))
		return WEXITSTATUS(b->status);
	log_errx("the engine was ended by signal %d", WTERMSIG(b->status));
	return 1;
}

int
broker_run(struct settings *settings, char *const engine_argv[])
{
	struct broker *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return 1;
	b->settings = settings;
	settings->audit.docker_socket = settings->enrich.docker_socket;
	if (asprintf(&b->audit_state, "%s.audit", settings->agent.control) == -1)
		b->audit_state = NULL;
	b->wire = b->signals = b->conntrack = -1;
	rc = begin(b, engine_argv);
	if (rc != 0) {
		log_errx("starting the broker: %s", strerror(-rc));
		if (b->engine > 0) {
			kill(b->engine, SIGKILL);
			(void)waitpid(b->engine, &b->status, 0);
		}
	}
	while (rc == 0 && !b->ended)
		turn(b);
	audit_control_close(b->audit);
	/* The engine has no right to the directory any more. */
	if (b->ready)
		(void)unlink(settings->agent.control);
	if (b->scan != NULL)
		closedir(b->scan);
	if (b->conntrack != -1)
		close(b->conntrack);
	inside_free(b->inside);
	aside_free(b->aside);
	docker_client_free(b->docker);
	outbox_free(b->outbox);
	notify_fini(&b->notify);
	rc = rc != 0 ? 1 : exit_status(b);
	free(b->audit_state);
	free(b);
	return rc;
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ask.h"
#include "lib/buf.h"
#include "lib/mono.h"

#define LOG_TAG "ask"
#include "lib/log.h"

#define WAITING_MAX	1024
/* Questions about single processes and containers come in floods; the others
 * keep some room. */
#define WAITING_SINGLE	768
#define ANSWER_BYTES	(33u << 20)
#define ANSWERS_A_TURN	64

struct ask {
	struct loop_fd		*watch;
	int			 fd;
	ask_answer_fn		 answer;
	ask_gone_fn		 gone;
	void			*ctx;
	struct enrich_ask	 enrich;
	struct wire_request	 waiting[WAITING_MAX];
	size_t			 first, n_waiting;
	struct buf		 whole;		/* chunks of one answer */
	bool			 lost;		/* the first of them said so */
	struct ledger_stage	*stage;
	ledger_count		*refused, *malformed, *behind;
	ledger_count		*cut_pids, *cut_fds, *stuck;
	char			 chunk[WIRE_CHUNK];
};

static void
send_waiting(struct ask *a)
{
	while (a->n_waiting > 0 &&
	    wire_ask(a->fd, &a->waiting[a->first]) == 0) {
		a->first = (a->first + 1) % WAITING_MAX;
		a->n_waiting--;
	}
	loop_fd_change(a->watch, LOOP_READ |
	    (a->n_waiting > 0 ? LOOP_WRITE : 0));
}

static bool
is_single(const struct wire_request *req)
{
	return req->verb == WIRE_PROC || req->verb == WIRE_DOCKER_INSPECT ||
	    req->verb == WIRE_NETNS || req->verb == WIRE_SOCKET;
}

static void
put(struct ask *a, const struct wire_request *req)
{
	if (a->n_waiting == 0 && wire_ask(a->fd, req) == 0)
		return;
	if (a->n_waiting >= (is_single(req) ? WAITING_SINGLE : WAITING_MAX)) {
		ledger_add(a->refused, 1);
		return;
	}
	a->waiting[(a->first + a->n_waiting++) % WAITING_MAX] = *req;
	loop_fd_change(a->watch, LOOP_READ | LOOP_WRITE);
}

void
ask_verb(struct ask *a, enum wire_verb verb)
{
	struct wire_request req = { .verb = verb };

	put(a, &req);
}

void
ask_loopback(struct ask *a, const char *id, uint32_t pid)
{
	struct wire_request req = { .verb = WIRE_OPEN_LOOPBACK, .pid = pid };

	memcpy(req.id, id, strnlen(id, WIRE_ID - 1));
	put(a, &req);
}

static void
docker_list(void *ctx)
{
	ask_verb(ctx, WIRE_DOCKER_LIST);
}

static void
docker_inspect(void *ctx, const char id[65])
{
	struct wire_request req = { .verb = WIRE_DOCKER_INSPECT };

	memcpy(req.id, id, strnlen(id, WIRE_ID - 1));
	put(ctx, &req);
}

static void
docker_events(void *ctx, int64_t since_unix_s)
{
	struct wire_request req = {
		.verb = WIRE_DOCKER_EVENTS, .since_ns = since_unix_s * MONO_S,
	};

	put(ctx, &req);
}

static void
proc(void *ctx, uint32_t pid)
{
	struct wire_request req = { .verb = WIRE_PROC, .pid = pid };

	put(ctx, &req);
}

static void
proc_scan(void *ctx)
{
	ask_verb(ctx, WIRE_PROC_SCAN);
}

static void
netns(void *ctx, const char id[65], uint32_t pid)
{
	struct wire_request req = { .verb = WIRE_NETNS, .pid = pid };

	memcpy(req.id, id, strnlen(id, WIRE_ID - 1));
	put(ctx, &req);
}

static void
ask_socket(void *ctx, const char id[65], const struct enrich_socket *q)
{
	struct wire_request req = { .verb = WIRE_SOCKET, .socket = *q };

	memcpy(req.id, id, strnlen(id, WIRE_ID - 1));
	put(ctx, &req);
}

/* Hands over an event stream's chunk at once, others when they are whole. */
static void
take(struct ask *a, struct wire_answer *answer, int fd)
{
	ledger_add(&a->stage->received, 1);
	ledger_add(&a->stage->delivered, 1);
	if (answer->flags & WIRE_LOST)
		ledger_add(a->behind, 1);
	if (answer->flags & WIRE_CUT_PIDS)
		ledger_add(a->cut_pids, 1);
	if (answer->flags & WIRE_CUT_FDS)
		ledger_add(a->cut_fds, 1);
	if (answer->flags & WIRE_STUCK)
		ledger_add(a->stuck, 1);
	if (answer->verb == WIRE_DOCKER_EVENTS ||
	    (a->whole.len == 0 && (answer->flags & WIRE_LAST))) {
		a->answer(a->ctx, answer, a->chunk, answer->len, fd);
		return;
	}
	if (fd != -1)	/* such answers have one chunk */
		close(fd);
	a->lost |= (answer->flags & WIRE_LOST) != 0;
	buf_add(&a->whole, a->chunk, answer->len);
	if (!(answer->flags & WIRE_LAST))
		return;
	if (a->lost)
		answer->flags |= WIRE_LOST;
	a->lost = false;
	if (buf_ok(&a->whole))
		a->answer(a->ctx, answer, buf_text(&a->whole), a->whole.len, -1);
	buf_fini(&a->whole);
	buf_init(&a->whole, ANSWER_BYTES);
}

static void
on_wire(void *ctx, int fd, unsigned what)
{
	struct ask *a = ctx;
	struct wire_answer answer;
	int got, rc = 1;

	if (what & LOOP_WRITE)
		send_waiting(a);
	for (int i = 0; i < ANSWERS_A_TURN && rc == 1; i++) {
		rc = wire_take_answer(fd, &answer, a->chunk, &got);
		if (rc == 1)
			take(a, &answer, got);
	}
	if (rc == -EBADMSG)
		ledger_add(a->malformed, 1);
	else if (rc != 1 && rc != -EAGAIN)
		a->gone(a->ctx);
}

struct ask *
ask_new(struct loop *loop, int fd, struct ledger *ledger, ask_answer_fn answer,
    ask_gone_fn gone, void *ctx)
{
	struct ask *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->fd = fd;
	a->answer = answer;
	a->gone = gone;
	a->ctx = ctx;
	a->enrich = (struct enrich_ask){
		.ctx = a, .docker_list = docker_list,
		.docker_inspect = docker_inspect,
		.docker_events = docker_events, .proc = proc,
		.proc_scan = proc_scan, .netns = netns,
		.socket = ask_socket,
	};
	buf_init(&a->whole, ANSWER_BYTES);
	a->stage = ledger_stage(ledger, "broker.answers");
	a->malformed = ledger_outside(a->stage, "malformed");
	a->behind = ledger_outside(a->stage, "docker_bytes_lost");
	a->cut_pids = ledger_noted(a->stage, "searches_cut_processes");
	a->cut_fds = ledger_noted(a->stage, "searches_cut_descriptors");
	a->stuck = ledger_noted(a->stage, "command_lines_stuck");
	a->refused = ledger_noted(a->stage, "requests_refused");
	a->watch = loop_fd_add(loop, fd, LOOP_READ, 0, on_wire, a);
	if (a->watch == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void
ask_free(struct ask *a)
{
	if (a == NULL)
		return;
	loop_fd_remove(a->watch);
	close(a->fd);
	buf_fini(&a->whole);
	free(a);
}

const struct enrich_ask *
ask_enrich(struct ask *a)
{
	return &a->enrich;
}

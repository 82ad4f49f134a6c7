#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/connector.h>
#include <linux/netlink.h>

#include <linux/cn_proc.h>

#include "collectors/proc/proc.h"
#include "enrich/process.h"
#include "lib/cursor.h"

#define RECEIVE_BYTES	(64 << 20)
#define BATCH		128
#define MESSAGE_BYTES	256

struct listener {
	struct collector_env	 env;
	int			 fd;
	struct ledger_stage	*stage;
	ledger_count		*bad, *foreign, *overruns, *other;
	struct sockaddr_nl	 from[BATCH];
	struct iovec		 iov[BATCH];
	struct mmsghdr		 messages[BATCH];
	uint8_t			 bytes[BATCH][MESSAGE_BYTES];
};

/* Tells the kernel to send (or not to send) us what happens. */
static int
subscribe(int fd, enum proc_cn_mcast_op op)
{
	uint8_t bytes[sizeof(struct nlmsghdr) + sizeof(struct cn_msg) +
	    sizeof(uint32_t)] = { 0 };
	struct nlmsghdr nlh = { .nlmsg_len = sizeof(bytes),
	    .nlmsg_type = NLMSG_DONE };
	struct cn_msg cn = { .id = { CN_IDX_PROC, CN_VAL_PROC },
	    .len = sizeof(uint32_t) };
	uint32_t what = op;

	memcpy(bytes, &nlh, sizeof(nlh));
	memcpy(bytes + sizeof(nlh), &cn, sizeof(cn));
	memcpy(bytes + sizeof(nlh) + sizeof(cn), &what, sizeof(what));
	return send(fd, bytes, sizeof(bytes), 0) == -1 ? -errno : 0;
}

int
proc_connector_open(void)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK,
	    .nl_groups = CN_IDX_PROC };
	int bytes = RECEIVE_BYTES, fd, rc;

	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_CONNECTOR);
	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
	    sizeof(bytes)) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes,
		    sizeof(bytes));
	rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ? -errno :
	    subscribe(fd, PROC_CN_MCAST_LISTEN);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

static void *
new(const struct collector_env *env)
{
	struct listener *l = calloc(1, sizeof(*l));
	int i;

	if (l == NULL)
		return NULL;
	l->env = *env;
	l->fd = -1;
	l->stage = ledger_stage(env->ledger, "proc.messages");
	l->bad = ledger_dropped(l->stage, "malformed");
	l->foreign = ledger_dropped(l->stage, "not_from_kernel");
	l->overruns = ledger_outside(l->stage, "socket_overruns");
	l->other = ledger_noted(l->stage, "of_no_interest");
	for (i = 0; i < BATCH; i++) {
		l->iov[i] = (struct iovec){ l->bytes[i], MESSAGE_BYTES };
		l->messages[i].msg_hdr.msg_iov = &l->iov[i];
		l->messages[i].msg_hdr.msg_iovlen = 1;
		l->messages[i].msg_hdr.msg_name = &l->from[i];
	}
	return l;
}

static void
release(void *self)
{
	struct listener *l = self;

	if (l == NULL)
		return;
	if (l->fd != -1)
		close(l->fd);
	free(l);
}

static int
start(void *self, int fd)
{
	struct listener *l = self;

	if (l->fd != -1)
		close(l->fd);
	l->fd = fd;
	return 0;
}

/* Threads come and go with fork and exit events of their own. */
static bool
is_process(uint32_t pid, uint32_t tgid)
{
	return pid == tgid && tgid != 0;
}

static void
on_event(struct listener *l, struct cursor *c, uint32_t what,
    struct wall when)
{
	struct process_table *t = l->env.processes;
	uint32_t a = cursor_u32host(c), b = cursor_u32host(c);
	uint32_t child, child_tgid;

	switch (what) {
	case PROC_EVENT_FORK:
		child = cursor_u32host(c);
		child_tgid = cursor_u32host(c);
		if (cursor_ok(c) && is_process(child, child_tgid))
			process_on_fork(t, when, b, child_tgid);
		break;
	case PROC_EVENT_EXEC:
		/* Whichever thread executed: it is the only one now. */
		if (cursor_ok(c) && b != 0)
			process_on_exec(t, when, b);
		break;
	case PROC_EVENT_EXIT:
		if (cursor_ok(c) && is_process(a, b))
			process_on_exit(t, when, b);
		break;
	case PROC_EVENT_UID:
		(void)cursor_u32host(c);
		child = cursor_u32host(c);
		if (cursor_ok(c) && is_process(a, b))
			process_on_uid(t, b, child);
		break;
	default:
		ledger_add(l->other, 1);
		break;
	}
}

/*
 * nlmsghdr, cn_msg, proc_event. The event's stamp is CLOCK_MONOTONIC; skew is
 * what has to be added to it for the wall's time, INT64_MIN for "as in".
 */
static void
on_message(struct listener *l, const uint8_t *bytes, size_t len,
    struct wall in, int64_t skew)
{
	struct cursor c = cursor_make(bytes, len);
	uint32_t idx, val, what;
	uint64_t stamp;

	ledger_add(&l->stage->received, 1);
	cursor_skip(&c, sizeof(struct nlmsghdr));
	idx = cursor_u32host(&c);
	val = cursor_u32host(&c);
	cursor_skip(&c, 8);
	c = cursor_sub(&c, cursor_ok(&c) ? cursor_u16host(&c) + 2U : 0);
	cursor_skip(&c, 2);
	what = cursor_u32host(&c);
	cursor_skip(&c, 4);
	stamp = cursor_u64host(&c);
	if (!cursor_ok(&c) || idx != CN_IDX_PROC || val != CN_VAL_PROC ||
	    stamp > INT64_MAX / 2) {
		ledger_add(l->bad, 1);
		return;
	}
	if (skew != INT64_MIN)
		in.ns = (int64_t)stamp + skew;
	if (l->env.tap != NULL && skew != INT64_MIN) {
		const struct collector_input shown = { .when = in,
		    .bytes = bytes, .len = len };

		l->env.tap(l->env.tap_ctx, "proc", &shown);
	}
	on_event(l, &c, what, in);
	ledger_add(&l->stage->delivered, 1);
}

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return ts.tv_sec * MONO_S + ts.tv_nsec;
}

/* Preempted between the two clocks we would be wrong by milliseconds: the
 * shortest of a few tries counts. */
static int64_t
read_skew(void)
{
	int64_t before, wall, after, best = INT64_MAX, skew = 0;
	int i;

	for (i = 0; i < 8 && best > 20 * MONO_US; i++) {
		before = read_clock(CLOCK_MONOTONIC);
		wall = read_clock(CLOCK_REALTIME);
		after = read_clock(CLOCK_MONOTONIC);
		if (after - before < best) {
			best = after - before;
			skew = wall - before - best / 2;
		}
	}
	return skew;
}

/* One system call's worth of messages; -errno. */
static int
read_batch(struct listener *l, int limit)
{
	int64_t skew;
	int i, n;

	for (i = 0; i < BATCH; i++)
		l->messages[i].msg_hdr.msg_namelen = sizeof(l->from[i]);
	n = recvmmsg(l->fd, l->messages, (unsigned)(limit < BATCH ? limit :
	    BATCH), 0, NULL);
	if (n == -1)
		return -errno;
	skew = read_skew();
	for (i = 0; i < n; i++) {
		if (l->from[i].nl_pid != 0) {
			ledger_add(&l->stage->received, 1);
			ledger_add(l->foreign, 1);
			continue;
		}
		on_message(l, l->bytes[i], l->messages[i].msg_len,
		    (struct wall){ 0 }, skew);
	}
	return n;
}

static int
read_messages(void *self, int budget)
{
	struct listener *l = self;
	int done = 0, n;

	while (done < budget) {
		n = read_batch(l, budget - done);
		if (n == -ENOBUFS) {
			ledger_add(l->overruns, 1);
			process_on_loss(l->env.processes);
			continue;
		}
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			break;
		if (n < 0)
			return n;
		done += n;
	}
	return done;
}

static void
feed(void *self, const struct collector_input *in)
{
	on_message(self, in->bytes, in->len, in->when, INT64_MIN);
}

static void
tick(void *self, struct mono now)
{
	(void)self;
	(void)now;
}

const struct collector_ops proc_collector = {
	.name = "proc",
	.new = new,
	.start = start,
	.read = read_messages,
	.feed = feed,
	.tick = tick,
	.free = release,
};

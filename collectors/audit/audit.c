#include "collectors/audit/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libaudit.h>

#include "collectors/audit/assemble.h"
#include "collectors/audit/describe.h"

#define LOG_TAG "audit"
#include "lib/log.h"

/* The kernel's MAX_AUDIT_MESSAGE_LENGTH with the netlink header. */
#define DATAGRAM	(8970 + NLMSG_HDRLEN + 16)
#define BATCH		128

struct collector {
	struct collector_env	 env;
	struct audit_conf	 conf;
	int			 fd;		/* -1: none */
	uint32_t		 drops;		/* of this socket, so far */
	struct audit_describer	*describer;
	struct audit_assembler	*assembler;
	struct wall		 started;	/* 0: not live */

	struct ledger_stage	*records, *events;
	ledger_count		*overruns, *kernel_lost, *controls, *foreign;
	ledger_count		*truncated, *replace;
	ledger_count		*no_memory, *ignored;
	struct log_limit	 overrun_limit;

	struct mmsghdr		 messages[BATCH];
	struct iovec		 vectors[BATCH];
	struct sockaddr_nl	 senders[BATCH];
	uint8_t			 datagrams[BATCH][DATAGRAM];
};

/* An event is whole. */
static void
take_event(void *ctx, const struct audit_parts *parts, enum audit_why why)
{
	struct collector *c = ctx;
	struct event *e = NULL;
	bool rules_gone = false;

	(void)why;
	switch (audit_describe(c->describer, parts, mono_wall(c->env.clock),
	    &e, &rules_gone)) {
	case AUDIT_VERDICT_EVENT:
		ledger_add(&c->events->received, 1);
		ledger_add(&c->events->delivered, 1);
		pipeline_submit(c->env.pipeline, e);
		break;
	case AUDIT_VERDICT_IGNORE:
		ledger_add(c->ignored, 1);
		break;
	case AUDIT_VERDICT_NO_MEMORY:
		ledger_add(&c->events->received, 1);
		ledger_add(c->no_memory, 1);
		break;
	}
	if (rules_gone && c->conf.rules_gone != NULL)
		c->conf.rules_gone(c->conf.rules_gone_ctx);
}

static void
free_collector(void *self)
{
	struct collector *c = self;

	if (c == NULL)
		return;
	if (c->assembler != NULL)
		audit_assemble_flush(c->assembler);
	audit_assemble_free(c->assembler);
	audit_describe_free(c->describer);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static void
open_ledger(struct collector *c)
{
	/* The assembler owns the stage audit.records and adds to it. */
	c->records = ledger_stage(c->env.ledger, "audit.records");
	c->overruns = ledger_outside(c->records, "socket_overruns");
	c->kernel_lost = ledger_outside(c->records, "kernel_lost");
	c->truncated = ledger_dropped(c->records, "truncated");
	c->controls = ledger_noted(c->records, "control_messages");
	c->foreign = ledger_noted(c->records, "not_from_the_kernel");
	c->replace = ledger_noted(c->records, "replace_probes");
	c->events = ledger_stage(c->env.ledger, "audit.events");
	c->no_memory = ledger_dropped(c->events, "no_memory");
	c->ignored = ledger_noted(c->events, "of_no_interest");
}

static void *
new_collector(const struct collector_env *env)
{
	struct collector *c = calloc(1, sizeof(*c));
	struct audit_describe_conf describe;
	int saved;

	if (c == NULL)
		return NULL;
	c->fd = -1;
	c->env = *env;
	if (env->conf != NULL)
		c->conf = *(const struct audit_conf *)env->conf;
	describe = (struct audit_describe_conf){
		.sockets = &c->conf.docker_socket,
		.n_sockets = c->conf.docker_socket != NULL ? 1 : 0,
		.own_pids = c->conf.own_pids,
		.n_own_pids = c->conf.n_own_pids,
	};
	c->describer = audit_describe_new(&describe);
	if (c->describer != NULL)
		c->assembler = audit_assemble_new(env->ledger, take_event, c);
	if (c->assembler == NULL) {
		saved = errno;
		free_collector(c);
		errno = saved;
		return NULL;
	}
	open_ledger(c);
	for (size_t i = 0; i < BATCH; i++) {
		c->vectors[i].iov_base = c->datagrams[i];
		c->vectors[i].iov_len = DATAGRAM;
		c->messages[i].msg_hdr.msg_iov = &c->vectors[i];
		c->messages[i].msg_hdr.msg_iovlen = 1;
		c->messages[i].msg_hdr.msg_name = &c->senders[i];
	}
	return c;
}

static int
start(void *self, int fd)
{
	struct collector *c = self;

	if (c->fd >= 0)
		close(c->fd);
	c->fd = fd;
	c->drops = 0;
	c->started = mono_wall(c->env.clock);
	audit_describe_since(c->describer, c->started);
	return 0;
}

void
audit_switch(void *self, int fd)
{
	struct collector *c = self;

	if (c->fd >= 0)
		close(c->fd);
	c->fd = fd;
	c->drops = 0;
}

/* Records that waited in the kernel from before our time do not tell where
 * the sequence starts. */
static bool
is_live(const struct collector *c, const uint8_t *text, size_t len)
{
	struct cursor cursor = cursor_make(text, len);
	struct audit_stamp stamp;

	if (c->started.ns == 0)
		return true;
	return audit_record_stamp(&cursor, &stamp) == 0 &&
	    stamp.ms * MONO_MS >= c->started.ns - 100 * MONO_MS;
}

/* Another program asked the kernel to become the audit daemon, and the kernel
 * looks whether we are alive. The message is the other's pid. */
static void
note_replace(struct collector *c, const struct collector_input *in)
{
	struct cursor cursor = cursor_make(in->bytes, in->len);
	uint32_t pid = cursor_u32host(&cursor);
	struct event *e;

	ledger_add(c->replace, 1);
	if (c->conf.wanted != NULL)
		c->conf.wanted(c->conf.rules_gone_ctx);
	if (!cursor_ok(&cursor))
		return;
	ledger_add(&c->events->received, 1);
	e = event_new(EVENT_AGENT, in->when);
	if (e == NULL) {
		ledger_add(c->no_memory, 1);
		return;
	}
	event_set_cstr(e, FIELD_EVENT_KIND, "event");
	event_add_str(e, FIELD_EVENT_CATEGORY, "configuration", 13, true);
	event_add_str(e, FIELD_EVENT_TYPE, "change", 6, true);
	event_set_cstr(e, FIELD_EVENT_ACTION, "audit-replace");
	event_set_cstr(e, FIELD_EVENT_OUTCOME, "failure");
	event_set_cstr(e, FIELD_EVENT_PROVIDER, "audit");
	event_set_num(e, FIELD_PROCESS_PID, pid);
	event_set_cstr(e, FIELD_EVENT_REASON,
	    "another process tried to become the audit daemon");
	ledger_add(&c->events->delivered, 1);
	pipeline_submit(c->env.pipeline, e);
}

static void
feed(void *self, const struct collector_input *in)
{
	struct collector *c = self;

	if (in->type == AUDIT_REPLACE) {
		note_replace(c, in);
		return;
	}
	/* Replies and acknowledgements are no records. */
	if (in->type < AUDIT_LOGIN ||
	    (in->type > AUDIT_LOGIN && in->type < AUDIT_FIRST_USER_MSG)) {
		ledger_add(c->controls, 1);
		return;
	}
	audit_assemble_feed(c->assembler, mono_now(c->env.clock), NULL, 0,
	    in->type, in->bytes, in->len, is_live(c, in->bytes, in->len));
}

void
audit_line_feed(void *self, const char *line, size_t len)
{
	struct collector *c = self;
	struct cursor cursor;
	const char *node = NULL;
	size_t node_len = 0;
	uint32_t type = 0;

	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len == 0)
		return;
	cursor = cursor_make(line, len);
	/* A line that is no record is fed whole and counted there. */
	if (audit_record_line(&cursor, &node, &node_len, &type) != 0)
		cursor = cursor_make(line, len);
	audit_assemble_feed(c->assembler, mono_now(c->env.clock), node,
	    node_len, type, cursor.pos, (size_t)(cursor.end - cursor.pos),
	    false);
}

static bool
look_at_socket(const struct collector *c, uint32_t memory[SK_MEMINFO_VARS])
{
	socklen_t len = SK_MEMINFO_VARS * sizeof(*memory);

	memset(memory, 0, len);
	return c->fd >= 0 && getsockopt(c->fd, SOL_SOCKET, SO_MEMINFO, memory,
	    &len) == 0;
}

bool
audit_may_wait(const void *self)
{
	uint32_t memory[SK_MEMINFO_VARS];

	return look_at_socket(self, memory) &&
	    memory[SK_MEMINFO_RMEM_ALLOC] < memory[SK_MEMINFO_RCVBUF] / 2;
}

/* Before what was heard after a loss is judged, the loss is known: the
 * kernel's own counter is asked for every few seconds only, and serials take
 * their time. */
static void
count_overruns(struct collector *c)
{
	uint32_t memory[SK_MEMINFO_VARS], now;

	if (!look_at_socket(c, memory))
		return;
	now = memory[SK_MEMINFO_DROPS];
	if (now == c->drops)
		return;
	ledger_add(c->overruns, now - c->drops);
	c->drops = now;
	log_limited(&c->overrun_limit, LOG_WARNING, "the kernel could not "
	    "deliver records: receive buffer full");
}

void
audit_lost_set(void *self, uint64_t lost)
{
	struct collector *c = self;

	ledger_set(c->kernel_lost, lost);
}

/* The length in the header counts the header or not, depending on the kernel
 * and the way; the datagram's own length is right. One record a datagram. */
static void
take_datagram(struct collector *c, const struct mmsghdr *m,
    const struct sockaddr_nl *sender, const uint8_t *data)
{
	struct collector_input in = { .when = mono_wall(c->env.clock) };
	struct nlmsghdr header;

	if (sender->nl_pid != 0) {
		ledger_add(c->foreign, 1);
		return;
	}
	if (m->msg_len < NLMSG_HDRLEN) {
		ledger_add(c->controls, 1);
		return;
	}
	if (m->msg_hdr.msg_flags & MSG_TRUNC) {
		ledger_add(&c->records->received, 1);
		ledger_add(c->truncated, 1);
		return;
	}
	memcpy(&header, data, sizeof(header));
	in.type = header.nlmsg_type;
	in.bytes = data + NLMSG_HDRLEN;
	in.len = m->msg_len - NLMSG_HDRLEN;
	while (in.len > 0 && in.bytes[in.len - 1] == '\0' &&
	    in.type != AUDIT_REPLACE)
		in.len--;
	if (c->env.tap != NULL)
		c->env.tap(c->env.tap_ctx, "audit", &in);
	feed(c, &in);
}

static int
receive(struct collector *c, unsigned most)
{
	int n;

	for (unsigned i = 0; i < most; i++) {
		c->messages[i].msg_hdr.msg_namelen = sizeof(c->senders[i]);
		c->messages[i].msg_hdr.msg_flags = 0;
	}
	do
		n = recvmmsg(c->fd, c->messages, most, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int
read_records(void *self, int budget)
{
	struct collector *c = self;
	int done = 0, n;

	if (c->fd < 0)
		return -EBADF;
	count_overruns(c);
	while (done < budget) {
		n = receive(c, budget - done < BATCH ?
		    (unsigned)(budget - done) : BATCH);
		if (n == -EAGAIN)
			break;
		if (n == -ENOBUFS)
			continue;	/* count_overruns sees it */
		if (n < 0)
			return n;
		/* What is in hand may be younger than the last look. */
		if (n > 0 && c->env.before != NULL)
			c->env.before(c->env.before_ctx);
		for (int i = 0; i < n; i++)
			take_datagram(c, &c->messages[i], &c->senders[i],
			    c->datagrams[i]);
		done += n;
		if (n == 0)
			break;
	}
	return done;
}

static void
tick(void *self, struct mono now)
{
	struct collector *c = self;

	audit_assemble_tick(c->assembler, now);
}

const struct collector_ops audit_collector = {
	.name = "audit",
	.new = new_collector,
	.start = start,
	.read = read_records,
	.feed = feed,
	.tick = tick,
	.free = free_collector,
};

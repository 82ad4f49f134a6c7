/*
 * After an overrun the kernel drops every event until the receive queue has
 * been empty once, and tells nobody. A dump asked for earlier would fill the
 * queue itself and hide what comes meanwhile: so the queue is emptied first.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "collectors/conntrack/conntrack.h"

#define LOG_TAG "conntrack"
#include "lib/log.h"

#define RECEIVE_BYTES	(8 << 20)
#define MESSAGE_BYTES	65536
#define PATIENCE	MONO_S	/* that packets may have with a dump */
/* linux 6.14; older headers do not have it. */
#define ATTR_TIMESTAMP_EVENT	27

struct tracker {
	struct collector_env	 env;
	int			 fd;
	bool			 dumping;
	bool			 wanted;	/* a dump, once the queue is empty */
	bool			 behind;	/* not all that is there is known */
	struct mono		 behind_since;
	conntrack_dump_fn	 dump;
	void			*dump_ctx;
	struct ledger_stage	*stage;
	ledger_count		*bad, *foreign, *overrun, *other;
	struct log_limit	 limit;
	uint64_t		 bytes[MESSAGE_BYTES / 8];	/* aligned */
};

int
conntrack_open(void)
{
	const struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	static const int groups[] = {
		NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY
	};
	int bytes = RECEIVE_BYTES, fd, rc;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_NETFILTER);
	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
	    sizeof(bytes)) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes,
		    sizeof(bytes));
	/* Any address of its own, and the kernel as its only peer. */
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1)
		goto fail;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
		    &groups[i], sizeof(groups[i])) == -1)
			goto fail;
	return fd;
fail:
	rc = -errno;
	close(fd);
	return rc;
}

int
conntrack_dump(int fd)
{
	struct {
		struct nlmsghdr	nlh;
		struct nfgenmsg	nfg;
	} req;

	memset(&req, 0, sizeof(req));
	req.nlh.nlmsg_len = sizeof(req);
	req.nlh.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	req.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	req.nlh.nlmsg_seq = 1;
	req.nfg.nfgen_family = AF_UNSPEC;
	req.nfg.version = NFNETLINK_V0;
	return send(fd, &req, sizeof(req), 0) == -1 ? -errno : 0;
}

static void *
new(const struct collector_env *env)
{
	struct tracker *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->env = *env;
	t->fd = -1;
	t->stage = ledger_stage(env->ledger, "conntrack.messages");
	t->bad = ledger_dropped(t->stage, "malformed");
	t->foreign = ledger_dropped(t->stage, "not_from_kernel");
	t->overrun = ledger_outside(t->stage, "overruns");
	t->other = ledger_noted(t->stage, "not_a_connection");
	return t;
}

static void
release(void *self)
{
	struct tracker *t = self;

	if (t != NULL && t->fd != -1)
		close(t->fd);
	free(t);
}

void
conntrack_on_dump(void *self, conntrack_dump_fn fn, void *ctx)
{
	struct tracker *t = self;

	t->dump = fn;
	t->dump_ctx = ctx;
}

static void
fall_behind(struct tracker *t)
{
	t->wanted = true;
	if (t->behind)
		return;
	t->behind = true;
	t->behind_since = mono_now(t->env.clock);
}

bool
conntrack_is_behind(const void *self)
{
	const struct tracker *t = self;

	return t->behind &&
	    mono_now(t->env.clock).ns - t->behind_since.ns < PATIENCE;
}

static void
ask_dump(struct tracker *t)
{
	if (t->dump == NULL)
		return;
	fall_behind(t);
	t->wanted = false;
	t->dump(t->dump_ctx);
}

static int
start(void *self, int fd)
{
	struct tracker *t = self;

	if (t->fd != -1)
		close(t->fd);
	t->fd = fd;
	t->dumping = false;
	ask_dump(t);
	return 0;
}

static int
parse_ip(const struct nlattr *nest, struct stream_tuple *tuple)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest) {
		size_t len = mnl_attr_get_payload_len(a);
		const void *p = mnl_attr_get_payload(a);

		switch (mnl_attr_get_type(a)) {
		case CTA_IP_V4_SRC:
			if (len >= 4)
				tuple->source = ipaddr_v4(p);
			break;
		case CTA_IP_V4_DST:
			if (len >= 4)
				tuple->destination = ipaddr_v4(p);
			break;
		case CTA_IP_V6_SRC:
			if (len >= 16)
				tuple->source = ipaddr_v6(p);
			break;
		case CTA_IP_V6_DST:
			if (len >= 16)
				tuple->destination = ipaddr_v6(p);
			break;
		}
	}
	return tuple->source.family != 0 && tuple->destination.family != 0 ?
	    0 : -EBADMSG;
}

/* Big-endian on the wire, host order out; 0 when too short. */
static uint16_t
port_of(const struct nlattr *a)
{
	return mnl_attr_get_payload_len(a) >= 2 ? ntohs(mnl_attr_get_u16(a)) : 0;
}

static void
parse_proto(const struct nlattr *nest, uint8_t *proto,
    struct stream_tuple *tuple)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest) {
		switch (mnl_attr_get_type(a)) {
		case CTA_PROTO_NUM:
			if (mnl_attr_get_payload_len(a) >= 1)
				*proto = mnl_attr_get_u8(a);
			break;
		case CTA_PROTO_SRC_PORT:
			tuple->source_port = port_of(a);
			break;
		case CTA_PROTO_DST_PORT:
			tuple->destination_port = port_of(a);
			break;
		case CTA_PROTO_ICMP_ID:
		case CTA_PROTO_ICMPV6_ID:
			tuple->source_port = port_of(a);
			tuple->destination_port = port_of(a);
			break;
		}
	}
}

static int
parse_tuple(const struct nlattr *nest, uint8_t *proto,
    struct stream_tuple *tuple)
{
	const struct nlattr *a;
	int rc = -EBADMSG;

	mnl_attr_for_each_nested(a, nest) {
		if (mnl_attr_get_type(a) == CTA_TUPLE_IP)
			rc = parse_ip(a, tuple);
		else if (mnl_attr_get_type(a) == CTA_TUPLE_PROTO)
			parse_proto(a, proto, tuple);
	}
	return rc;
}

static int
on_entry(struct tracker *t, const struct nlmsghdr *nlh, struct wall when)
{
	struct stream_nat nat = { .when = when, .dumped = nlh->nlmsg_seq != 0 };
	const struct nlattr *a;
	bool original = false, reply = false;
	uint8_t reply_proto = 0;
	uint64_t stamp;

	nat.kind = (nlh->nlmsg_type & 0xff) == IPCTNL_MSG_CT_DELETE ?
	    STREAM_NAT_DESTROY : STREAM_NAT_NEW;
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		switch (mnl_attr_get_type(a)) {
		case CTA_TUPLE_ORIG:
			original = parse_tuple(a, &nat.proto, &nat.original) == 0;
			break;
		case CTA_TUPLE_REPLY:
			reply = parse_tuple(a, &reply_proto, &nat.reply) == 0;
			break;
		case CTA_ZONE:
			nat.zone = port_of(a);
			break;
		case CTA_ID:
			if (mnl_attr_get_payload_len(a) >= 4)
				nat.id = ntohl(mnl_attr_get_u32(a));
			break;
		case CTA_STATUS:
			if (mnl_attr_get_payload_len(a) >= 4)
				nat.answered = (ntohl(mnl_attr_get_u32(a)) &
				    IPS_SEEN_REPLY) != 0;
			break;
		case ATTR_TIMESTAMP_EVENT:
			if (mnl_attr_get_payload_len(a) < 8)
				break;
			stamp = be64toh(mnl_attr_get_u64(a));
			if (stamp != 0 && stamp <= INT64_MAX)
				nat.when.ns = (int64_t)stamp;
			break;
		}
	}
	if (!original || !reply)
		return -EBADMSG;
	stream_nat(t->env.stream, &nat);
	return 0;
}

/* An empty table has no entries before its end. */
static void
end_dump(struct tracker *t)
{
	if (!t->dumping)
		stream_nat_dump(t->env.stream, true);
	stream_nat_dump(t->env.stream, false);
	t->dumping = false;
	t->behind = t->wanted;
}

static int
on_message(struct tracker *t, const struct nlmsghdr *nlh, struct wall when)
{
	if (nlh->nlmsg_type == NLMSG_DONE) {
		end_dump(t);
		return 0;
	}
	/* EBUSY: a dump runs already, and goes on. */
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		t->wanted = t->wanted || t->dumping;
		return 0;
	}
	if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK) {
		ledger_add(t->other, 1);
		return 0;
	}
	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return -EBADMSG;
	if (nlh->nlmsg_seq != 0 && !t->dumping) {
		t->dumping = true;
		stream_nat_dump(t->env.stream, true);
	}
	return on_entry(t, nlh, when);
}

static void
feed(void *self, const struct collector_input *in)
{
	struct tracker *t = self;
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)in->bytes;
	int left = (int)in->len;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		ledger_add(&t->stage->received, 1);
		ledger_add(on_message(t, nlh, in->when) == 0 ?
		    &t->stage->delivered : t->bad, 1);
	}
	if (left > 0) {
		ledger_add(&t->stage->received, 1);
		ledger_add(t->bad, 1);
	}
}

static void
on_overrun(struct tracker *t)
{
	ledger_add(t->overrun, 1);
	log_limited(&t->limit, LOG_WARNING,
	    "ctnetlink overran: asking for the whole table again");
	/* What a running dump shows is not lost, but may be older. */
	fall_behind(t);
}

static int
read_some(void *self, int budget)
{
	struct tracker *t = self;
	struct collector_input in = { .bytes = (const uint8_t *)t->bytes };
	struct sockaddr_nl from = { 0 };
	socklen_t len;
	ssize_t got;
	int n;

	for (n = 0; n < budget; n++) {
		len = sizeof(from);
		got = recvfrom(t->fd, t->bytes, sizeof(t->bytes), 0,
		    (struct sockaddr *)&from, &len);
		if (got == -1 && errno == EAGAIN && t->wanted && !t->dumping)
			ask_dump(t);
		if (got == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got == -1 && errno == ENOBUFS) {
			on_overrun(t);
			continue;
		}
		if (got <= 0)
			return got == 0 ? -EPIPE : -errno;
		/* Who may administer the namespace may send to its groups. */
		if (from.nl_pid != 0) {
			ledger_add(&t->stage->received, 1);
			ledger_add(t->foreign, 1);
			continue;
		}
		in.len = (size_t)got;
		in.when = mono_wall(t->env.clock);
		if (t->env.tap != NULL)
			t->env.tap(t->env.tap_ctx, conntrack_collector.name, &in);
		feed(t, &in);
	}
	return n;
}

static void
tick(void *self, struct mono now)
{
	(void)self;
	(void)now;
}

const struct collector_ops conntrack_collector = {
	.name = "conntrack", .new = new, .start = start, .read = read_some,
	.feed = feed, .tick = tick, .free = release,
};

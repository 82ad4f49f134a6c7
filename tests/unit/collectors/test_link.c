/*
 * Netlink sockets and who may speak to them, in a network namespace of our
 * own: what the kernel tells its groups comes, what another process sends
 * does not, though it may administer the namespace.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "collectors/audit/kernel.h"
#include "collectors/conntrack/conntrack.h"
#include "collectors/link/link.h"

#define FORGED	77		/* an interface that is not there */

struct scene {
	struct mono_clock	 clock;
	struct ledger		*ledger;
	struct pipeline		*pipeline;
	struct stream		*stream;
	void			*link;
	int			 fd;
};

static int
begin(void **state)
{
	static struct scene s;
	struct stream_conf conf = { .period_ns = MONO_S,
	    .idle_timeout_ns = MONO_S, .report_bytes = 1 << 20,
	    .max_flows = 64, .max_aliases = 64, .max_datagrams = 64,
	    .window_ns = MONO_S };
	struct collector_env env = { 0 };

	if (unshare(CLONE_NEWNET) == -1)
		return 0;		/* each test skips */
	s.ledger = ledger_new();
	s.pipeline = pipeline_new(s.ledger, &s.clock);
	s.stream = stream_new(&conf, s.ledger, s.pipeline, &s.clock);
	env = (struct collector_env){ .ledger = s.ledger, .clock = &s.clock,
	    .pipeline = s.pipeline, .stream = s.stream };
	s.link = link_collector.new(&env);
	s.fd = link_open();
	*state = &s;
	return s.fd < 0 || link_collector.start(s.link, s.fd) != 0 ? -1 : 0;
}

static int
end(void **state)
{
	struct scene *s = *state;

	if (s == NULL)
		return 0;
	link_collector.free(s->link);
	stream_free(s->stream);
	pipeline_free(s->pipeline);
	ledger_free(s->ledger);
	return 0;
}

/* What another process sends to this socket: the error, 0 when it arrived. */
static int
forge(int protocol, uint32_t pid, uint32_t groups)
{
	struct {
		struct nlmsghdr		header;
		struct ifinfomsg	body;
		struct rtattr		attr;
		char			name[8];
	} lie = {
		.header = { .nlmsg_len = sizeof(lie),
		    .nlmsg_type = RTM_NEWLINK },
		.body = { .ifi_index = FORGED },
		.attr = { .rta_len = RTA_LENGTH(7), .rta_type = IFLA_IFNAME },
		.name = "forged",
	};
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = pid,
	    .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int error = 0;

	assert_int_not_equal(fd, -1);
	if (sendto(fd, &lie, sizeof(lie), MSG_DONTWAIT,
	    (const struct sockaddr *)&to, sizeof(to)) == -1)
		error = errno;
	close(fd);
	return error;
}

static void
takes_nothing_from_others(int fd, int protocol)
{
	struct sockaddr_nl self = { 0 };
	socklen_t len = sizeof(self);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&self, &len), 0);
	assert_int_not_equal(self.nl_pid, 0);
	assert_int_equal(forge(protocol, self.nl_pid, 0), ECONNREFUSED);
}

static void
test_single(void **state)
{
	struct scene *s = *state;
	int fd;

	if (s == NULL)
		skip();
	takes_nothing_from_others(s->fd, NETLINK_ROUTE);
	fd = audit_kernel_open();
	if (fd >= 0) {
		takes_nothing_from_others(fd, NETLINK_AUDIT);
		close(fd);
	}
	fd = conntrack_open();
	if (fd >= 0) {
		takes_nothing_from_others(fd, NETLINK_NETFILTER);
		close(fd);
	}
}

/* Until nothing came for a moment. */
static void
hear(struct scene *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	while (poll(&p, 1, 200) == 1)
		assert_true(link_collector.read(s->link, 100) >= 0);
}

/* IFF_UP of lo, as the kernel then tells the group. */
static void
bring_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

static void
test_group(void **state)
{
	struct scene *s = *state;
	struct ledger_stage *stage;
	uint64_t before;

	if (s == NULL)
		skip();
	stage = ledger_stage(s->ledger, "link.messages");
	hear(s);
	assert_string_equal(stream_link_name(s->stream, 1), "lo");
	before = stage->delivered;
	bring_up();
	hear(s);
	assert_true(stage->delivered > before);
	before = stage->delivered;
	assert_int_equal(forge(NETLINK_ROUTE, 0, RTMGRP_LINK), 0);
	hear(s);
	assert_int_equal(stage->delivered, before);
	assert_int_equal(*ledger_dropped(stage, "not_from_kernel"), 1);
	assert_string_not_equal(stream_link_name(s->stream, FORGED), "forged");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single), cmocka_unit_test(test_group),
	};

	return cmocka_run_group_tests_name("link", tests, begin, end);
}

#include "collectors/audit/kernel.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_S	5
#define MESSAGE_MAX	(sizeof(struct audit_rule_data) + 16384)

struct message {
	struct nlmsghdr	header;
	char		body[MESSAGE_MAX];
};

/* Connected, it takes nothing from other processes: with CAP_NET_ADMIN in
 * the network namespace one may send to any netlink socket in there. */
int
audit_kernel_open(void)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
	int saved;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) == 0)
		return fd;
	saved = errno;
	close(fd);
	return -saved;
}

static int
send_message(int fd, uint16_t type, uint16_t flags, uint32_t seq,
    const void *body, size_t len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr header = {
		.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len),
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = seq,
	};
	struct iovec parts[2] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)(uintptr_t)body, .iov_len = len }
	};
	struct msghdr m = {
		.msg_name = &kernel, .msg_namelen = sizeof(kernel),
		.msg_iov = parts, .msg_iovlen = len > 0 ? 2 : 1
	};
	ssize_t n;

	do
		n = sendmsg(fd, &m, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Milliseconds that are left, at least 0. */
static int
left_until(const struct timespec *end)
{
	struct timespec now;
	int64_t ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (int64_t)(end->tv_sec - now.tv_sec) * 1000 +
	    (end->tv_nsec - now.tv_nsec) / 1000000;
	return ms < 0 ? 0 : (int)ms;
}

/* The next message that answers seq; its body length in *len. Others do not
 * put the end off. */
static int
receive_message(int fd, uint32_t seq, struct message *m, size_t *len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec end;
	ssize_t n;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ANSWER_S;
	for (;;) {
		n = poll(&p, 1, left_until(&end));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		n = recv(fd, m, sizeof(*m), MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n >= (ssize_t)NLMSG_HDRLEN && m->header.nlmsg_seq == seq) {
			*len = (size_t)n - NLMSG_HDRLEN;
			return 0;
		}
		if (left_until(&end) == 0)
			return -ETIMEDOUT;
	}
}

/* Answers to a request that timed out must not be taken for those to the
 * next one; the clock gives each its own number. */
static uint32_t
next_seq(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)t.tv_nsec | 1;	/* 0 is for records */
}

static int
error_of(const struct message *m, size_t len)
{
	struct nlmsgerr e;

	if (len < sizeof(e))
		return -EBADMSG;
	memcpy(&e, m->body, sizeof(e));
	return e.error;
}

/* Sends and waits for the acknowledgement. */
static int
request(int fd, uint16_t type, const void *body, size_t len)
{
	struct message m;
	uint32_t seq = next_seq();
	size_t got;
	int error;

	error = send_message(fd, type, NLM_F_ACK, seq, body, len);
	while (error == 0) {
		error = receive_message(fd, seq, &m, &got);
		if (error == 0 && m.header.nlmsg_type == NLMSG_ERROR)
			return error_of(&m, got);
	}
	return error;
}

int
audit_kernel_status(int fd, struct audit_status *out)
{
	struct message m;
	uint32_t seq = next_seq();
	size_t got;
	int error;

	error = send_message(fd, AUDIT_GET, 0, seq, NULL, 0);
	while (error == 0) {
		error = receive_message(fd, seq, &m, &got);
		if (error != 0)
			break;
		if (m.header.nlmsg_type == NLMSG_ERROR) {
			error = error_of(&m, got);
		} else if (m.header.nlmsg_type == AUDIT_GET) {
			memset(out, 0, sizeof(*out));
			memcpy(out, m.body,
			    got < sizeof(*out) ? got : sizeof(*out));
			return 0;
		}
	}
	return error;
}

int
audit_kernel_set(int fd, const struct audit_status *s)
{
	return request(fd, AUDIT_SET, s, sizeof(*s));
}

int
audit_kernel_register(int fd, const struct audit_status *s)
{
	return send_message(fd, AUDIT_SET, 0, next_seq(), s, sizeof(*s));
}

static size_t
rule_size(const struct audit_rule_data *r)
{
	return sizeof(*r) + r->buflen;
}

int
audit_kernel_add_rule(int fd, const struct audit_rule_data *r)
{
	return request(fd, AUDIT_ADD_RULE, r, rule_size(r));
}

int
audit_kernel_delete_rule(int fd, const struct audit_rule_data *r)
{
	return request(fd, AUDIT_DEL_RULE, r, rule_size(r));
}

int
audit_kernel_list(int fd, audit_kernel_rule_fn fn, void *ctx)
{
	_Alignas(struct audit_rule_data) char copy[MESSAGE_MAX];
	const struct audit_rule_data *rule = (const void *)copy;
	struct message m;
	uint32_t seq = next_seq();
	size_t got;
	int error;

	error = send_message(fd, AUDIT_LIST_RULES, 0, seq, NULL, 0);
	while (error == 0) {
		error = receive_message(fd, seq, &m, &got);
		if (error != 0 || m.header.nlmsg_type == NLMSG_DONE)
			break;
		if (m.header.nlmsg_type == NLMSG_ERROR) {
			error = error_of(&m, got);
			continue;
		}
		if (m.header.nlmsg_type != AUDIT_LIST_RULES ||
		    got < sizeof(*rule))
			continue;
		memcpy(copy, m.body, got);
		if (rule->buflen <= got - sizeof(*rule) &&
		    rule->field_count <= AUDIT_MAX_FIELDS)
			fn(ctx, rule, got);
	}
	return error;
}

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/wire.h"

#define SOCKET_BYTES	(8 << 20)

int
wire_pair(int fds[static 2])
{
	int bytes = SOCKET_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, fds) == -1)
		return -errno;
	for (int i = 0; i < 2; i++)
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
		    sizeof(bytes)) == -1)
			(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes,
			    sizeof(bytes));
	return 0;
}

bool
wire_id_ok(const char id[static WIRE_ID])
{
	size_t n = strnlen(id, WIRE_ID);

	if (n == 0)
		return true;
	return n == WIRE_ID - 1 && strspn(id, "0123456789abcdef") == n;
}

int
wire_ask(int fd, const struct wire_request *req)
{
	ssize_t n;

	do
		n = send(fd, req, sizeof(*req), MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -errno : 0;
}

int
wire_take(int fd, struct wire_request *req)
{
	struct wire_request got;
	ssize_t n;

	do
		n = recv(fd, &got, sizeof(got), MSG_TRUNC);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? 0 : -errno;
	if ((size_t)n != sizeof(got) || got.verb == WIRE_NONE ||
	    got.verb >= WIRE_VERBS || !wire_id_ok(got.id))
		return -EBADMSG;
	*req = got;
	return 1;
}

int
wire_answer(int fd, const struct wire_answer *answer, const void *bytes,
    int pass_fd)
{
	union {
		struct cmsghdr	header;
		char		room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov[2] = {
		{ .iov_base = (void *)answer, .iov_len = sizeof(*answer) },
		{ .iov_base = (void *)bytes, .iov_len = answer->len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (pass_fd != -1) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &pass_fd, sizeof(int));
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -errno : 0;
}

int
wire_take_answer(int fd, struct wire_answer *answer, void *bytes, int *got_fd)
{
	union {
		struct cmsghdr	header;
		char		room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov[2] = {
		{ .iov_base = answer, .iov_len = sizeof(*answer) },
		{ .iov_base = bytes, .iov_len = WIRE_CHUNK },
	};
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 2,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	const struct cmsghdr *c;
	ssize_t n;

	*got_fd = -1;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? 0 : -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(got_fd, CMSG_DATA(c), sizeof(int));
	if ((size_t)n < sizeof(*answer) ||
	    (size_t)n - sizeof(*answer) != answer->len) {
		if (*got_fd != -1)
			close(*got_fd);
		*got_fd = -1;
		return -EBADMSG;
	}
	return 1;
}

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "agent/sockets.h"

/* Connected, so that it takes nothing from others: with CAP_NET_ADMIN in a
 * namespace one may send to any netlink socket in there. */
int
sockets_open_netlink(int protocol)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int saved;

	if (fd == -1)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) == 0)
		return fd;
	saved = errno;
	close(fd);
	return -saved;
}

int
sockets_open(void)
{
	return sockets_open_netlink(NETLINK_SOCK_DIAG);
}

/* What is there before the question answers another one. The kernel answers
 * before send returns. */
ssize_t
sockets_ask(int fd, const struct nlmsghdr *nlh, void *answer, size_t room)
{
	char old[64];
	ssize_t n;

	while (recv(fd, old, sizeof(old), MSG_DONTWAIT) >= 0 ||
	    errno == ENOBUFS)
		continue;
	if (send(fd, nlh, nlh->nlmsg_len, 0) == -1)
		return -errno;
	n = recv(fd, answer, room, MSG_DONTWAIT);
	return n == -1 ? -errno : n;
}

static void
set_end(__be32 *address, __be16 *port, const uint8_t ip[16], uint16_t number)
{
	memcpy(address, ip, 16);
	*port = number;
}

static void
write_question(struct nlmsghdr *nlh, const struct enrich_socket *q)
{
	struct inet_diag_req_v2 *req;
	struct inet_diag_sockid *id;
	uint8_t any[16] = { 0 };
	const uint8_t *remote = q->listens ? any : q->remote;
	uint16_t port = q->listens ? 0 : q->remote_port;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = q->family == 4 ? AF_INET : AF_INET6;
	req->sdiag_protocol = q->proto;
	req->idiag_states = UINT32_MAX;
	id = &req->id;
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	/* For UDP the kernel takes the ends the other way round. */
	if (q->proto == IPPROTO_UDP) {
		set_end(id->idiag_src, &id->idiag_sport, remote, port);
		set_end(id->idiag_dst, &id->idiag_dport, q->local,
		    q->local_port);
	} else {
		set_end(id->idiag_src, &id->idiag_sport, q->local,
		    q->local_port);
		set_end(id->idiag_dst, &id->idiag_dport, remote, port);
	}
}

/* A TCP question about ends that are gone finds the listener instead. */
static int
read_answer(const struct nlmsghdr *nlh, ssize_t len,
    const struct enrich_socket *q, uint64_t *inode)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (len <= 0 || !mnl_nlmsg_ok(nlh, (int)len))
		return -EIO;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return mnl_nlmsg_get_payload_len(nlh) < sizeof(*e) ||
		    e->error >= 0 ? -EIO : e->error;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*m))
		return -EIO;
	if (q->proto == IPPROTO_TCP &&
	    (m->idiag_state == TCP_LISTEN) != (q->listens != 0))
		return -ENOENT;
	if (m->idiag_inode == 0)
		return -ENOENT;
	*inode = m->idiag_inode;
	return 0;
}

int
sockets_find(int fd, const struct enrich_socket *q, uint64_t *inode)
{
	uint64_t room[128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	ssize_t n;

	write_question(nlh, q);
	n = sockets_ask(fd, nlh, room, sizeof(room));
	return n < 0 ? (int)n :
	    read_answer((const struct nlmsghdr *)room, n, q, inode);
}

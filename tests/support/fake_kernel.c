/*
 * A kernel that says no, for a process that is started with this library in
 * LD_PRELOAD and with FAKE_KERNEL naming what it refuses:
 *
 *	no-audit	booted with audit=0: no netlink family for audit
 *			(audit_init of kernel/audit.c does not register it)
 *	locked		audit enabled 2: rules and values are refused with
 *			EPERM, status says 2; becoming the daemon works
 *			(audit_receive_msg)
 *	no-conntrack	without nfnetlink
 *
 * What cannot be undone on a machine is tried at this seam: the system calls
 * socket, sendmsg and recv of the agent. A refused request travels to the
 * kernel as one that it does not know (AUDIT_LIST), so that the answer comes
 * on the socket when the agent waits for it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool
refuses(const char *what)
{
	const char *all = getenv("FAKE_KERNEL");

	return all != NULL && strstr(all, what) != NULL;
}

static void *
real(const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);

	if (fn == NULL)
		abort();
	return fn;
}

int
socket(int domain, int type, int protocol)
{
	int (*next)(int, int, int);
	void *fn = real("socket");

	if (domain == AF_NETLINK &&
	    ((protocol == NETLINK_AUDIT && refuses("no-audit")) ||
	    (protocol == NETLINK_NETFILTER && refuses("no-conntrack")))) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	memcpy(&next, &fn, sizeof(next));
	return next(domain, type, protocol);
}

static bool
is_audit(int fd)
{
	int domain = 0, protocol = 0;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	    domain == AF_NETLINK &&
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
	    protocol == NETLINK_AUDIT;
}

/* Needs an unlocked configuration. */
static bool
is_change(const struct nlmsghdr *h, const struct msghdr *m)
{
	struct audit_status s;

	if (h->nlmsg_type == AUDIT_ADD_RULE || h->nlmsg_type == AUDIT_DEL_RULE)
		return true;
	if (h->nlmsg_type != AUDIT_SET || m->msg_iovlen < 2 ||
	    m->msg_iov[1].iov_len < sizeof(s))
		return false;
	memcpy(&s, m->msg_iov[1].iov_base, sizeof(s));
	return (s.mask & ~(uint32_t)AUDIT_STATUS_PID) != 0;
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t (*next)(int, const struct msghdr *, int);
	void *fn = real("sendmsg");
	struct msghdr copy = *m;
	struct iovec part;
	struct nlmsghdr h;

	memcpy(&next, &fn, sizeof(next));
	if (!refuses("locked") || m->msg_iovlen < 1 ||
	    m->msg_iov[0].iov_len != sizeof(h) || !is_audit(fd))
		return next(fd, m, flags);
	memcpy(&h, m->msg_iov[0].iov_base, sizeof(h));
	if (!is_change(&h, m))
		return next(fd, m, flags);
	h.nlmsg_type = AUDIT_LIST;
	h.nlmsg_len = sizeof(h);
	part.iov_base = &h;
	part.iov_len = sizeof(h);
	copy.msg_iov = &part;
	copy.msg_iovlen = 1;
	return next(fd, &copy, flags);
}

ssize_t
recv(int fd, void *bytes, size_t room, int flags)
{
	ssize_t (*next)(int, void *, size_t, int);
	void *fn = real("recv");
	char *body = (char *)bytes + sizeof(struct nlmsghdr);
	const uint32_t locked = 2;
	const int refused = -EPERM;
	struct nlmsghdr h;
	int error;
	ssize_t n;

	memcpy(&next, &fn, sizeof(next));
	n = next(fd, bytes, room, flags);
	if (n < (ssize_t)(sizeof(h) + 2 * sizeof(uint32_t)) ||
	    !refuses("locked") || !is_audit(fd))
		return n;
	memcpy(&h, bytes, sizeof(h));
	memcpy(&error, body, sizeof(error));
	if (h.nlmsg_type == NLMSG_ERROR && error == -EOPNOTSUPP)
		memcpy(body, &refused, sizeof(refused));
	else if (h.nlmsg_type == AUDIT_GET)
		memcpy(body + sizeof(uint32_t), &locked, sizeof(locked));
	return n;
}

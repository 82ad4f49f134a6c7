#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "agent/inside.h"

#define LOOK_PIDS	16	/* processes looked at for a namespace */
#define CGROUP_BYTES	4096
#define PATH_BYTES	256

/* Where Docker and podman put a container, with either cgroup driver. */
static const char *const homes[] = {
	"docker/%s", "system.slice/docker-%s.scope",
	"machine.slice/libpod-%s.scope"
};
#define HOMES	(sizeof(homes) / sizeof(homes[0]))

/* cgroup v2, or any hierarchy of v1 that runtimes use. */
static const char *const roots[] = {
	"/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory",
	"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"
};
#define ROOTS	(sizeof(roots) / sizeof(roots[0]))

struct inside {
	int		route;		/* rtnetlink, for namespace ids */
	uint64_t	own_inode;
	size_t		home, root;	/* where the last one was */
};

struct inside *
inside_new(void)
{
	struct inside *in = calloc(1, sizeof(*in));
	struct stat st;

	if (in == NULL)
		return NULL;
	in->route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (in->route == -1 || stat("/proc/self/ns/net", &st) == -1) {
		int saved = errno;

		inside_free(in);
		errno = saved;
		return NULL;
	}
	in->own_inode = st.st_ino;
	return in;
}

void
inside_free(struct inside *in)
{
	if (in == NULL)
		return;
	if (in->route != -1)
		close(in->route);
	free(in);
}

static FILE *
open_at(size_t root, size_t home, const char *id)
{
	char name[PATH_BYTES], path[2 * PATH_BYTES];

	/* homes has one %s each; -Wformat-nonliteral needs it spelt out. */
	(void)snprintf(name, sizeof(name), "%.*s%s%s",
	    (int)(strchr(homes[home], '%') - homes[home]), homes[home], id,
	    strchr(homes[home], '%') + 2);
	(void)snprintf(path, sizeof(path), "%s/%s/cgroup.procs", roots[root],
	    name);
	return fopen(path, "re");
}

static FILE *
open_procs(struct inside *in, const char *id)
{
	FILE *f = open_at(in->root, in->home, id);
	size_t r, h;

	for (r = 0; f == NULL && r < ROOTS; r++)
		for (h = 0; f == NULL && h < HOMES; h++) {
			f = open_at(r, h, id);
			if (f == NULL)
				continue;
			in->root = r;
			in->home = h;
		}
	return f;
}

/* The container's processes, at most n. */
static size_t
read_pids(struct inside *in, const char *id, uint32_t *pids, size_t n)
{
	FILE *f = open_procs(in, id);
	size_t i = 0;

	if (f == NULL)
		return 0;
	while (i < n && fscanf(f, "%" SCNu32, &pids[i]) == 1)
		i += pids[i] != 0;
	fclose(f);
	return i;
}

static bool
is_in_container(int dir, const char *id)
{
	char text[CGROUP_BYTES];
	size_t used = 0;
	ssize_t n;
	int fd = openat(dir, "cgroup", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return false;
	while (used < sizeof(text) &&
	    (n = read(fd, text + used, sizeof(text) - used)) > 0)
		used += (size_t)n;
	close(fd);
	return memmem(text, used, id, strlen(id)) != NULL;
}

static int
open_process(uint32_t pid)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The namespace of a process, if that is the container's; -1 if not. */
static int
open_netns(uint32_t pid, const char *id)
{
	int dir = open_process(pid), ns;

	if (dir == -1)
		return -1;
	ns = openat(dir, "ns/net", O_RDONLY | O_CLOEXEC);
	if (ns != -1 && !is_in_container(dir, id)) {
		close(ns);
		ns = -1;
	}
	close(dir);
	return ns;
}

static int32_t
read_nsid(const struct nlmsghdr *nlh, ssize_t len)
{
	const struct nlattr *a;

	if (!mnl_nlmsg_ok(nlh, (int)len) || nlh->nlmsg_type != RTM_NEWNSID)
		return NETNSA_NSID_NOT_ASSIGNED;
	mnl_attr_for_each(a, nlh, sizeof(struct rtgenmsg))
		if (mnl_attr_get_type(a) == NETNSA_NSID &&
		    mnl_attr_get_payload_len(a) >= 4)
			return (int32_t)mnl_attr_get_u32(a);
	return NETNSA_NSID_NOT_ASSIGNED;
}

/* What our namespace calls that one. */
static int32_t
ask_nsid(struct inside *in, int ns)
{
	uint64_t room[64];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	struct rtgenmsg *gen;
	ssize_t n;

	nlh->nlmsg_type = RTM_GETNSID;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));
	gen->rtgen_family = AF_UNSPEC;
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)ns);
	if (send(in->route, nlh, nlh->nlmsg_len, 0) == -1)
		return NETNSA_NSID_NOT_ASSIGNED;
	n = recv(in->route, room, sizeof(room), 0);
	return n <= 0 ? NETNSA_NSID_NOT_ASSIGNED :
	    read_nsid((struct nlmsghdr *)room, n);
}

/* A namespace of the container, its own before the host's (a process that is
 * still being made is in the host's). A descriptor or -1. */
static int
find_netns(struct inside *in, const char *id, uint32_t hint, struct stat *st)
{
	uint32_t pids[LOOK_PIDS + 1] = { hint };
	size_t n, i;
	int ns, best = -1;

	n = 1 + read_pids(in, id, &pids[1], LOOK_PIDS);
	for (i = hint == 0 ? 1 : 0; i < n; i++) {
		ns = open_netns(pids[i], id);
		if (ns == -1)
			continue;
		if (best != -1)
			close(best);
		best = ns;
		if (fstat(ns, st) == 0 && st->st_ino != in->own_inode)
			break;
	}
	return best;
}

int
inside_netns(struct inside *in, const char id[static WIRE_ID], uint32_t pid,
    struct enrich_netns *out)
{
	struct stat st = { 0 };
	int ns = find_netns(in, id, pid, &st);

	if (ns == -1)
		return -ESRCH;
	memset(out, 0, sizeof(*out));
	out->inode = st.st_ino;
	out->host = st.st_ino == in->own_inode;
	out->nsid = out->host ? NETNSA_NSID_NOT_ASSIGNED : ask_nsid(in, ns);
	close(ns);
	return 0;
}

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "agent/inside.h"
#include "agent/procfs.h"
#include "agent/sockets.h"
#include "lib/mono.h"
#include "lib/netns.h"

#define LOOK_PIDS	16	/* processes looked at for a namespace */
#define SEARCH_PIDS	1024	/* and for a socket */
#define SEARCH_CGROUPS	256	/* of one container, */
#define SEARCH_DEPTH	8	/* so deep below its own */
#define SEARCH_FDS	16384	/* descriptors looked at in one search */
#define ALL_FDS		262144	/* and of all processes */
#define VISITED		16	/* namespaces with a socket of ours */
#define VISIT_NS	(1 * MONO_S)
#define WAITING		256
#define SCAN_NS		(30 * MONO_MS)	/* between two looks at least, */
#define SCAN_SHARE	5		/* and five times what one takes */
/* What searches in a namespace may owe of such pauses. Less than VISIT_NS, or
 * it would be forgotten. */
#define OWED_NS		(500 * MONO_MS)
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

struct visited { uint64_t inode; int fd; int64_t used_ns, free_ns; };
struct waiting { uint64_t inode; struct enrich_socket_answer answer; };

struct inside {
	int		route;		/* rtnetlink, for namespace ids */
	int		here;		/* sock_diag of our own namespace */
	struct visited	visited[VISITED];	/* inode 0: free */
	int64_t		own_free_ns;	/* of containers in our namespace */
	/* Questions that wait for the next look through all processes. */
	struct waiting	waiting[WAITING];
	size_t		n_waiting;
	int64_t		scan_at_ns;
	uint64_t	own_inode;
	size_t		home, root;	/* where the last one was */
	inside_found_fn	found;		/* or NULL */
	void		*found_ctx;
};

struct inside *
inside_new(void)
{
	struct inside *in = calloc(1, sizeof(*in));
	struct stat st;

	if (in == NULL)
		return NULL;
	in->route = sockets_open_netlink(NETLINK_ROUTE);
	/* Without sock_diag no process is found, and that is all. */
	in->here = sockets_open();
	if (in->route < 0 || stat("/proc/self/ns/net", &st) == -1) {
		int saved = in->route < 0 ? -in->route : errno;

		inside_free(in);
		errno = saved;
		return NULL;
	}
	in->own_inode = st.st_ino;
	return in;
}

void
inside_on_found(struct inside *in, inside_found_fn fn, void *ctx)
{
	in->found = fn;
	in->found_ctx = ctx;
}

static void
leave(struct visited *v)
{
	if (v->inode != 0)
		close(v->fd);
	v->inode = 0;
}

void
inside_free(struct inside *in)
{
	if (in == NULL)
		return;
	if (in->route >= 0)
		close(in->route);
	if (in->here >= 0)
		close(in->here);
	for (size_t i = 0; i < VISITED; i++)
		leave(&in->visited[i]);
	free(in);
}

/* The directory of the container's own cgroup; -1: not here. */
static int
open_at(size_t root, size_t home, const char *id)
{
	char name[PATH_BYTES], path[2 * PATH_BYTES];

	/* homes has one %s each; -Wformat-nonliteral needs it spelt out. */
	(void)snprintf(name, sizeof(name), "%.*s%s%s",
	    (int)(strchr(homes[home], '%') - homes[home]), homes[home], id,
	    strchr(homes[home], '%') + 2);
	(void)snprintf(path, sizeof(path), "%s/%s", roots[root], name);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
open_cgroup(struct inside *in, const char *id)
{
	int dir = open_at(in->root, in->home, id);
	size_t r, h;

	for (r = 0; dir == -1 && r < ROOTS; r++)
		for (h = 0; dir == -1 && h < HOMES; h++) {
			dir = open_at(r, h, id);
			if (dir == -1)
				continue;
			in->root = r;
			in->home = h;
		}
	return dir;
}

/* Processes of a container; cut: there are more. */
struct listing {
	uint32_t	*pids;
	size_t		 n, max;
	size_t		 cgroups;	/* that may still be looked at */
	bool		 cut;
};

static void
list_own(int cgroup, struct listing *l)
{
	int fd = openat(cgroup, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f = fd == -1 ? NULL : fdopen(fd, "r");
	uint32_t pid;

	if (f == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while (!l->cut && fscanf(f, "%" SCNu32, &pid) == 1) {
		l->cut = l->n == l->max;
		if (!l->cut && pid != 0)
			l->pids[l->n++] = pid;
	}
	fclose(f);
}

/* systemd in a container, and Docker in Docker, put processes into cgroups
 * below. Takes the descriptor; depth: how far down it may still go. */
static void
list_all(int cgroup, unsigned depth, struct listing *l)
{
	DIR *dir = fdopendir(cgroup);
	struct dirent *d;
	int child;

	if (dir == NULL) {
		close(cgroup);
		return;
	}
	list_own(cgroup, l);
	while (!l->cut && (d = readdir(dir)) != NULL) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		l->cut = depth == 0 || l->cgroups == 0;
		if (l->cut)
			break;
		l->cgroups--;
		child = openat(cgroup, d->d_name, O_RDONLY | O_DIRECTORY |
		    O_NOFOLLOW | O_CLOEXEC);
		if (child != -1)
			list_all(child, depth - 1, l);
	}
	closedir(dir);
}

/* The container's processes, at most n, those of its own cgroup first. */
static size_t
read_pids(struct inside *in, const char *id, uint32_t *pids, size_t n,
    bool *cut)
{
	struct listing l = { .pids = pids, .max = n,
	    .cgroups = SEARCH_CGROUPS };
	int dir = open_cgroup(in, id);

	if (dir != -1)
		list_all(dir, SEARCH_DEPTH, &l);
	*cut = l.cut;
	return l.n;
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
	if (ns != -1 && !procfs_is_in(dir, id)) {
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
	n = sockets_ask(in->route, nlh, room, sizeof(room));
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
	bool cut;

	n = 1 + read_pids(in, id, &pids[1], LOOK_PIDS, &cut);
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

static int
open_there(void *ctx)
{
	(void)ctx;
	return sockets_open();
}

/* A sock_diag socket of that namespace, ours to keep for a while. */
static int
visit(struct inside *in, int ns, uint64_t inode)
{
	struct visited *v = &in->visited[0];
	int64_t now = mono_now(&(struct mono_clock){ 0 }).ns;
	size_t i;
	int fd;

	if (inode == in->own_inode)
		return in->here;
	for (i = 0; i < VISITED; i++) {
		if (in->visited[i].inode == inode) {
			in->visited[i].used_ns = now;
			return in->visited[i].fd;
		}
		if (in->visited[i].inode == 0 ||
		    in->visited[i].used_ns < v->used_ns)
			v = &in->visited[i];
	}
	fd = netns_run_in(ns, open_there, NULL);
	if (fd < 0)
		return fd;
	leave(v);
	*v = (struct visited){ inode, fd, now, 0 };
	return fd;
}

/* The number in "socket:[123]" or "net:[123]"; 0: it is something else. */
static uint64_t
link_inode(int dir, const char *name, const char *kind)
{
	char text[64];
	ssize_t n = readlinkat(dir, name, text, sizeof(text) - 1);
	size_t len = strlen(kind);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strncmp(text, kind, len) == 0 && strncmp(text + len, ":[", 2) ==
	    0 ? strtoull(text + len + 2, NULL, 10) : 0;
}

typedef void (*socket_fn)(void *ctx, uint32_t pid, uint64_t inode);

/* Each socket of the process. *left: descriptors that may be looked at. */
static void
each_socket(int process, uint32_t pid, size_t *left, socket_fn fn, void *ctx)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *d;
	uint64_t inode;

	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while (*left > 0 && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		--*left;
		inode = link_inode(fd, d->d_name, "socket");
		if (inode != 0)
			fn(ctx, pid, inode);
	}
	closedir(dir);
}

/* A process is told once, though it may have the socket twice. */
static void
add_pid(struct inside *in, struct waiting *w, uint32_t pid)
{
	struct enrich_socket_answer *a = &w->answer;
	uint32_t i;

	for (i = 0; i < a->n_pids && i < ENRICH_PIDS; i++)
		if (a->pids[i] == pid)
			return;
	if (a->n_pids < ENRICH_PIDS) {
		a->pids[a->n_pids] = pid;
		if (in->found != NULL)
			in->found(in->found_ctx, pid);
	}
	a->n_pids++;
}

/* One question, and who asks. */
struct wanted { struct inside *in; struct waiting *w; };

static void
match_one(void *ctx, uint32_t pid, uint64_t inode)
{
	struct wanted *q = ctx;

	if (q->w->inode == inode)
		add_pid(q->in, q->w, pid);
}

static void
match_all(void *ctx, uint32_t pid, uint64_t inode)
{
	struct inside *in = ctx;

	for (size_t i = 0; i < in->n_waiting; i++)
		if (in->waiting[i].inode == inode)
			add_pid(in, &in->waiting[i], pid);
}

/* Returns what was left out. */
static uint32_t
search_container(struct inside *in, const char *id, struct waiting *w)
{
	uint32_t *pids = calloc(SEARCH_PIDS, sizeof(*pids));
	struct wanted wanted = { in, w };
	size_t left = SEARCH_FDS, n, i;
	bool cut;
	int dir;

	if (pids == NULL)
		return WIRE_CUT_PIDS;
	n = read_pids(in, id, pids, SEARCH_PIDS, &cut);
	for (i = 0; i < n && left > 0; i++) {
		dir = open_process(pids[i]);
		if (dir == -1)
			continue;
		each_socket(dir, pids[i], &left, match_one, &wanted);
		close(dir);
	}
	free(pids);
	return (cut ? WIRE_CUT_PIDS : 0) | (left == 0 ? WIRE_CUT_FDS : 0);
}

/* All processes of our namespace, for all questions that wait. Returns what
 * was left out. */
static uint32_t
search_all(struct inside *in)
{
	size_t left = ALL_FDS;
	struct dirent *d;
	unsigned long pid;
	char *end;
	DIR *proc = opendir("/proc");
	int dir;

	while (proc != NULL && left > 0 && (d = readdir(proc)) != NULL) {
		pid = strtoul(d->d_name, &end, 10);
		if (*end != '\0' || pid == 0)
			continue;
		dir = open_process((uint32_t)pid);
		if (dir == -1)
			continue;
		if (link_inode(dir, "ns/net", "net") == in->own_inode)
			each_socket(dir, (uint32_t)pid, &left, match_all, in);
		close(dir);
	}
	if (proc == NULL)
		return WIRE_CUT_PIDS;
	closedir(proc);
	return left == 0 ? WIRE_CUT_FDS : 0;
}

/* Nobody is said only when everybody was looked at. */
static int
verdict(const struct waiting *w, uint32_t notes)
{
	return notes != 0 && w->answer.n_pids == 0 ? -EBUSY : 0;
}

static int64_t
now_ns(void)
{
	return mono_now(&(struct mono_clock){ 0 }).ns;
}

/* What this thread has worked, however long it was kept from it. */
static int64_t
worked_ns(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * MONO_S + ts.tv_nsec;
}

void
inside_tick(struct inside *in, inside_answer_fn fn, void *ctx)
{
	int64_t now = now_ns(), took;
	uint32_t notes;

	for (size_t i = 0; i < VISITED; i++)
		if (now - in->visited[i].used_ns > VISIT_NS)
			leave(&in->visited[i]);
	if (in->n_waiting == 0 || now < in->scan_at_ns)
		return;
	took = worked_ns();
	notes = search_all(in);
	for (size_t i = 0; i < in->n_waiting; i++)
		fn(ctx, verdict(&in->waiting[i], notes),
		    &in->waiting[i].answer, notes);
	in->n_waiting = 0;
	took = (worked_ns() - took) * SCAN_SHARE;
	in->scan_at_ns = now + (took > SCAN_NS ? took : SCAN_NS);
}

int
inside_wait_ms(const struct inside *in)
{
	int64_t left = in->scan_at_ns - now_ns();

	if (in->n_waiting == 0 || left > MONO_S)
		return 1000;
	return left <= 0 ? 0 : (int)(left / MONO_MS) + 1;
}

static int64_t *
free_at(struct inside *in, uint64_t inode)
{
	size_t i;

	for (i = 0; i < VISITED; i++)
		if (in->visited[i].inode == inode)
			return &in->visited[i].free_ns;
	return &in->own_free_ns;
}

/* How long it takes is the container's to say, who may have many descriptors
 * and many flows: others must not wait for that. */
static int
search_in_turn(struct inside *in, const char *id, uint64_t inode,
    struct waiting *w, uint32_t *notes)
{
	int64_t *at = free_at(in, inode), now = now_ns(), began;

	if (*at > now + OWED_NS)
		return -EBUSY;
	began = worked_ns();
	*notes = search_container(in, id, w);
	*at = (*at > now ? *at : now) + (worked_ns() - began) * SCAN_SHARE;
	return verdict(w, *notes);
}

int
inside_socket(struct inside *in, const char id[static WIRE_ID],
    const struct enrich_socket *q, struct enrich_socket_answer *out,
    uint32_t *notes)
{
	struct stat st = { .st_ino = in->own_inode };
	struct waiting w = { .answer = { .asked = *q } };
	int ns = -1, fd = in->here, rc;

	*notes = 0;
	if ((q->family != 4 && q->family != 6) ||
	    (q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP))
		return -EINVAL;
	if (id[0] != '\0') {
		ns = find_netns(in, id, 0, &st);
		if (ns == -1)
			return -ESRCH;
		fd = visit(in, ns, st.st_ino);
		close(ns);
	}
	rc = fd < 0 ? fd : sockets_find(fd, q, &w.inode);
	if (rc != 0)
		return rc;
	if (id[0] == '\0' && in->n_waiting == WAITING)
		return -EBUSY;
	if (id[0] == '\0') {
		in->waiting[in->n_waiting++] = w;
		return -EINPROGRESS;
	}
	rc = search_in_turn(in, id, st.st_ino, &w, notes);
	if (rc == 0)
		*out = w.answer;
	return rc;
}

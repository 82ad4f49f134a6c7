/* agent/sockets, agent/inside: sockets of this process, whose inode numbers
 * fstat(2) tells, asked from the kernel by their ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include "agent/inside.h"
#include "agent/sockets.h"

#define NOBODY \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int
make(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	return fd;
}

static struct sockaddr_storage
loopback(int family, socklen_t *len)
{
	struct sockaddr_storage ss = { .ss_family = (sa_family_t)family };

	if (family == AF_INET)
		((struct sockaddr_in *)&ss)->sin_addr.s_addr =
		    htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&ss)->sin6_addr = in6addr_loopback;
	*len = family == AF_INET ? sizeof(struct sockaddr_in) :
	    sizeof(struct sockaddr_in6);
	return ss;
}

static void
bind_loopback(int fd, int family)
{
	socklen_t len;
	struct sockaddr_storage ss = loopback(family, &len);

	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
}

static void
set_end(const struct sockaddr_storage *ss, uint8_t ip[16], uint16_t *port)
{
	if (ss->ss_family == AF_INET) {
		memcpy(ip, &((const struct sockaddr_in *)ss)->sin_addr, 4);
		*port = ((const struct sockaddr_in *)ss)->sin_port;
	} else {
		memcpy(ip, &((const struct sockaddr_in6 *)ss)->sin6_addr, 16);
		*port = ((const struct sockaddr_in6 *)ss)->sin6_port;
	}
}

static struct enrich_socket
question(int fd, uint8_t proto)
{
	struct enrich_socket q = { .proto = proto };
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	q.family = ss.ss_family == AF_INET ? 4 : 6;
	set_end(&ss, q.local, &q.local_port);
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
		set_end(&ss, q.remote, &q.remote_port);
	return q;
}

static void
has_inode(int diag, const struct enrich_socket *q, int fd)
{
	uint64_t inode = 0;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(sockets_find(diag, q, &inode), 0);
	assert_int_equal(inode, st.st_ino);
}

static void
connect_to(int fd, int server)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	assert_int_equal(getsockname(server, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
}

static void
connections(int family)
{
	int diag = sockets_open(), server = make(family, SOCK_STREAM);
	int client = make(family, SOCK_STREAM), other;
	struct enrich_socket q, listens;
	uint64_t inode;

	assert_true(diag >= 0);
	bind_loopback(server, family);
	assert_int_equal(listen(server, 4), 0);
	connect_to(client, server);
	q = question(client, IPPROTO_TCP);
	has_inode(diag, &q, client);
	/* Nobody has taken it yet: it is not the listener's. */
	listens = question(server, IPPROTO_TCP);
	memcpy(q.remote, q.local, 16);
	q.remote_port = q.local_port;
	q.local_port = listens.local_port;
	assert_int_equal(sockets_find(diag, &q, &inode), -ENOENT);
	other = accept(server, NULL, NULL);
	has_inode(diag, &q, other);
	listens.listens = 1;
	has_inode(diag, &listens, server);
	close(client);
	close(other);
	assert_int_equal(sockets_find(diag, &q, &inode), -ENOENT);
	close(server);
	assert_int_equal(sockets_find(diag, &listens, &inode), -ENOENT);
	close(diag);
}

static void
test_connections(void **state)
{
	(void)state;
	connections(AF_INET);
	connections(AF_INET6);
}

static void
datagrams(int family)
{
	int diag = sockets_open(), server = make(family, SOCK_DGRAM);
	int client = make(family, SOCK_DGRAM);
	struct enrich_socket q, any;
	uint64_t inode;

	bind_loopback(server, family);
	connect_to(client, server);
	q = question(client, IPPROTO_UDP);
	has_inode(diag, &q, client);
	/* Not connected: whoever the peer is. */
	any = question(server, IPPROTO_UDP);
	memcpy(any.remote, q.local, 16);
	any.remote_port = htons(9);
	has_inode(diag, &any, server);
	close(server);
	close(client);
	assert_int_equal(sockets_find(diag, &any, &inode), -ENOENT);
	assert_int_equal(sockets_find(diag, &q, &inode), -ENOENT);
	close(diag);
}

static void
test_datagrams(void **state)
{
	(void)state;
	datagrams(AF_INET);
	datagrams(AF_INET6);
}

/* What somebody with CAP_NET_ADMIN in the namespace of the socket may try. */
static void
forge(int diag)
{
	struct {
		struct nlmsghdr		header;
		struct inet_diag_msg	body;
	} lie = {
		.header = { .nlmsg_len = sizeof(lie), .nlmsg_type = 20 },
		.body = { .idiag_state = 1, .idiag_inode = 4711 },
	};
	struct sockaddr_nl to = { 0 };
	socklen_t len = sizeof(to);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_SOCK_DIAG);

	assert_int_equal(getsockname(diag, (struct sockaddr *)&to, &len), 0);
	assert_int_not_equal(to.nl_pid, 0);
	assert_int_equal(sendto(fd, &lie, sizeof(lie), MSG_DONTWAIT,
	    (const struct sockaddr *)&to, len), -1);
	assert_true(errno == ECONNREFUSED || errno == EPERM);
	close(fd);
}

/* An answer that nobody took does not become that to the next question. */
static void
test_others(void **state)
{
	int diag = sockets_open(), fd = make(AF_INET, SOCK_DGRAM);
	struct nlmsghdr again = { .nlmsg_len = sizeof(again),
	    .nlmsg_type = NLMSG_NOOP, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK };
	struct enrich_socket q;

	(void)state;
	bind_loopback(fd, AF_INET);
	q = question(fd, IPPROTO_UDP);
	q.remote_port = htons(9);
	forge(diag);
	has_inode(diag, &q, fd);
	assert_int_equal(send(diag, &again, sizeof(again), 0), sizeof(again));
	has_inode(diag, &q, fd);
	close(fd);
	close(diag);
}

static void
keep(void *ctx, int status, const struct enrich_socket_answer *a,
    uint32_t notes)
{
	assert_int_equal(status, 0);
	assert_int_equal(notes, 0);
	*(struct enrich_socket_answer *)ctx = *a;
}

static void
test_host(void **state)
{
	struct inside *in = inside_new();
	struct enrich_socket_answer a = { 0 };
	int fd = make(AF_INET, SOCK_DGRAM), twice = dup(fd);
	struct enrich_socket q;
	struct enrich_netns ns;
	char here[WIRE_ID] = "";
	uint32_t notes;

	(void)state;
	assert_non_null(in);
	assert_int_equal(inside_wait_ms(in), 1000);
	bind_loopback(fd, AF_INET);
	q = question(fd, IPPROTO_UDP);
	q.remote_port = htons(9);
	assert_int_equal(inside_socket(in, here, &q, &a, &notes), -EINPROGRESS);
	assert_int_equal(inside_wait_ms(in), 0);
	inside_tick(in, keep, &a);
	assert_int_equal(a.n_pids, 1);
	assert_int_equal(a.pids[0], getpid());
	assert_memory_equal(&a.asked, &q, sizeof(q));
	/* The next look has to wait, in proportion to what this one took. */
	assert_int_equal(inside_socket(in, here, &q, &a, &notes), -EINPROGRESS);
	assert_in_range(inside_wait_ms(in), 0, 1000);
	close(fd);
	close(twice);
	assert_int_equal(inside_socket(in, here, &q, &a, &notes), -ENOENT);
	q.proto = IPPROTO_SCTP;
	assert_int_equal(inside_socket(in, here, &q, &a, &notes), -EINVAL);
	assert_int_equal(inside_socket(in, NOBODY, &q, &a, &notes), -EINVAL);
	assert_int_equal(inside_netns(in, NOBODY, 0, &ns), -ESRCH);
	assert_int_equal(inside_netns(in, NOBODY, (uint32_t)getpid(), &ns),
	    -ESRCH);
	inside_free(in);
}

#define CONTAINER \
	"5ca1ab1e0000000000000000000000000000000000000000000000005ca1ab1e"
#define OTHER \
	"0ddba11000000000000000000000000000000000000000000000000000ddba11"
#define CGROUP	"/sys/fs/cgroup/docker/" CONTAINER
#define MANY	16000	/* SEARCH_FDS is 16384 */

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A process is in a container, as far as this one can see. False where it may
 * not. */
static bool
play_container(pid_t pid)
{
	char path[64], text[128];

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) == -1)
		return false;
	assert_int_equal(mkdir("/sys/fs/cgroup/docker", 0700), 0);
	assert_int_equal(mkdir(CGROUP, 0700), 0);
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	write_file(CGROUP "/cgroup.procs", text);
	write_file("/sys/fs/cgroup/it", "0::/docker/" CONTAINER "\n");
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	return mount("/sys/fs/cgroup/it", path, NULL, MS_BIND, NULL) == 0;
}

static pid_t
start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	return pid;
}

static void
end_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A container made a cgroup of another one's name below its own. */
static void
test_name_below(void **state)
{
	struct inside *in = inside_new();
	pid_t child = start_child();
	struct enrich_netns ns;

	(void)state;
	if (!play_container(child)) {
		end_child(child);
		inside_free(in);
		skip();
	}
	assert_int_equal(inside_netns(in, CONTAINER, (uint32_t)child, &ns), 0);
	write_file("/sys/fs/cgroup/it", "0::/docker/" OTHER "/docker/"
	    CONTAINER "\n");
	assert_int_equal(inside_netns(in, CONTAINER, (uint32_t)child, &ns),
	    -ESRCH);
	assert_int_equal(inside_netns(in, OTHER, (uint32_t)child, &ns), 0);
	end_child(child);
	inside_free(in);
}

/* Docker's own cgroup of a container is empty where systemd runs inside. */
static void
test_cgroups_below(void **state)
{
	struct inside *in = inside_new();
	pid_t child = start_child();
	struct enrich_netns ns;
	char text[32];

	(void)state;
	if (!play_container(child)) {
		end_child(child);
		inside_free(in);
		skip();
	}
	write_file(CGROUP "/cgroup.procs", "");
	assert_int_equal(inside_netns(in, CONTAINER, 0, &ns), -ESRCH);
	assert_int_equal(mkdir(CGROUP "/init.scope", 0700), 0);
	assert_int_equal(mkdir(CGROUP "/init.scope/a", 0700), 0);
	snprintf(text, sizeof(text), "%d\n", (int)child);
	write_file(CGROUP "/init.scope/a/cgroup.procs", text);
	assert_int_equal(inside_netns(in, CONTAINER, 0, &ns), 0);
	end_child(child);
	inside_free(in);
}

/* It is the last of so many descriptors that the search ends before it: that
 * is told, and not that nobody has it. */
static void
test_cut(void **state)
{
	const struct rlimit room = { MANY + 1000, MANY + 1000 };
	struct inside *in = inside_new();
	struct enrich_socket_answer a = { 0 };
	int other = make(AF_INET, SOCK_DGRAM), fd, i;
	struct enrich_socket q;
	uint32_t notes;

	(void)state;
	if (setrlimit(RLIMIT_NOFILE, &room) == -1 ||
	    !play_container(getpid())) {
		inside_free(in);
		close(other);
		skip();
	}
	for (i = 0; i < MANY + 500; i++)
		assert_int_not_equal(dup(other), -1);
	fd = make(AF_INET, SOCK_DGRAM);
	bind_loopback(fd, AF_INET);
	q = question(fd, IPPROTO_UDP);
	q.remote_port = htons(9);
	assert_int_equal(inside_socket(in, CONTAINER, &q, &a, &notes), -EBUSY);
	assert_int_equal(notes, WIRE_CUT_FDS);
	for (i = other; i < fd; i++)
		close(i);
	close(fd);
	inside_free(in);
}

/* One container with very many descriptors does not take all the time. */
static void
test_share(void **state)
{
	const struct rlimit room = { MANY + 100, MANY + 100 };
	struct inside *in = inside_new();
	struct enrich_socket_answer a = { 0 };
	int fd = make(AF_INET, SOCK_DGRAM), rc = 0, i;
	struct enrich_socket q;
	uint32_t notes;

	(void)state;
	if (setrlimit(RLIMIT_NOFILE, &room) == -1 || !play_container(getpid())) {
		inside_free(in);
		close(fd);
		skip();
	}
	bind_loopback(fd, AF_INET);
	q = question(fd, IPPROTO_UDP);
	q.remote_port = htons(9);
	for (i = 0; i < MANY; i++)
		assert_int_not_equal(dup(fd), -1);
	for (i = 0; i < 300 && rc == 0; i++)
		rc = inside_socket(in, CONTAINER, &q, &a, &notes);
	assert_int_equal(rc, -EBUSY);
	assert_true(i > 1);
	assert_int_equal(a.n_pids, 1);
	assert_int_equal(a.pids[0], getpid());
	for (i = 0; i < 100 && rc == -EBUSY; i++) {
		usleep(50000);
		rc = inside_socket(in, CONTAINER, &q, &a, &notes);
	}
	assert_int_equal(rc, 0);
	inside_free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_name_below),
		cmocka_unit_test(test_cgroups_below),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

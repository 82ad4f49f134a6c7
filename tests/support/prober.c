/*
 * prober: processes and calls whose owner is known beforehand.
 *
 * Whose a probe is stands in what it does: every program that is executed gets
 * the arguments WHO N, every call carries WHO's number and N in its path,
 * address or arguments.  N goes up from FIRST, COUNT times, each once.  The
 * test host builds this statically and puts it into its images, also under
 * the name "blip", which ends at once.
 *
 *	prober MODE WHO FIRST COUNT [DIRECTORY]
 *
 * starts when the file named in $GO is there, executes $PROBE (default
 * /bin/short/blip) and prints "WHO COUNT" at its end.  Before it waits it
 * leaves its cgroups for the root of those below $MOVE.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define CHAIN	8	/* programs that one process executes in a row */
#define GROUP	20	/* probes for each moved or unshared process */
#define FLOCK	40	/* daemons at a time */

struct job {
	const char	*who, *probe, *directory;
	unsigned long	 first, count;
};

static unsigned long
number(const char *s)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || n > 10000000)
		errx(64, "not a number: %s", s);
	return n;
}

static void
nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Process ids may run out for a moment. */
static pid_t
fork_some_time(void)
{
	pid_t pid;
	int tries;

	for (tries = 0; (pid = fork()) == -1 && tries < 5000; tries++)
		nap(2);
	if (pid == -1)
		err(1, "fork");
	return pid;
}

static void
wait_well(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			err(1, "waitpid");
	if (status != 0)
		errx(1, "a probe ended with status %#x", (unsigned)status);
}

static void
execute(const struct job *j, unsigned long n)
{
	char text[24];
	char *args[] = { (char *)j->probe, (char *)j->who, text, NULL };

	snprintf(text, sizeof(text), "%lu", n);
	execv(j->probe, args);
	_exit(71);
}

/* --- programs ---------------------------------------------------------------*/

/* The parent stands still until the child has executed. Before it does, it
 * fails once, as a search along PATH does. */
static void
one_vfork(const struct job *j, unsigned long n)
{
	char text[24];
	char *const args[] = { (char *)j->probe, (char *)j->who, text, NULL };
	char *const wrong[] = { (char *)"nowhere", NULL };
	pid_t pid;
	int tries;

	snprintf(text, sizeof(text), "%lu", n);
	for (tries = 0; tries < 5000; tries++) {
		pid = vfork();
		if (pid == 0) {
			if (n % 4 == 0)
				execv("/bin/nowhere", wrong);
			execv(j->probe, args);
			_exit(71);
		}
		if (pid != -1)
			break;
		nap(2);
	}
	if (pid == -1)
		err(1, "vfork");
	wait_well(pid);
}

static void
run_vfork(const struct job *j)
{
	unsigned long i;

	for (i = 0; i < j->count; i++)
		one_vfork(j, j->first + i);
}

static void
run_fork(const struct job *j)
{
	unsigned long i;
	pid_t pid;

	for (i = 0; i < j->count; i++) {
		pid = fork_some_time();
		if (pid == 0)
			execute(j, j->first + i);
		wait_well(pid);
	}
}

/*
 * Its parent has gone by the time it executes: it waits at a pipe that only
 * its parent and we could write to. It keeps done open until it has ended.
 */
static void
one_daemon(const struct job *j, unsigned long n)
{
	int gone[2];
	pid_t pid;
	char c;

	if (pipe(gone) == -1)
		err(1, "pipe");
	pid = fork_some_time();
	if (pid == 0) {
		if (fork_some_time() != 0)
			_exit(0);
		setsid();
		close(gone[1]);
		while (read(gone[0], &c, 1) == -1 && errno == EINTR)
			;
		close(gone[0]);
		execute(j, n);
	}
	wait_well(pid);
	close(gone[0]);
	close(gone[1]);
}

static void
run_daemon(const struct job *j)
{
	unsigned long i, k;
	int done[2];
	char c;

	for (i = 0; i < j->count; i += FLOCK) {
		if (pipe(done) == -1)
			err(1, "pipe");
		for (k = i; k < i + FLOCK && k < j->count; k++)
			one_daemon(j, j->first + k);
		close(done[1]);
		while (read(done[0], &c, 1) == -1 && errno == EINTR)
			;
		close(done[0]);
	}
}

/* One process that executes several programs: blip WHO N LEFT. */
static void
run_chain(const struct job *j)
{
	char n[24], left[24];
	char *args[] = { (char *)j->probe, (char *)j->who, n, left, NULL };
	unsigned long i, k;
	pid_t pid;

	for (i = 0; i < j->count; i += CHAIN) {
		k = j->count - i < CHAIN ? j->count - i : CHAIN;
		pid = fork_some_time();
		if (pid == 0) {
			snprintf(n, sizeof(n), "%lu", j->first + i);
			snprintf(left, sizeof(left), "%lu", k - 1);
			execv(j->probe, args);
			_exit(71);
		}
		wait_well(pid);
	}
}

static int
next_of_chain(char **argv)
{
	unsigned long left = number(argv[3]);
	char n[24], text[24];
	char *args[] = { argv[0], argv[1], n, text, NULL };

	if (left == 0)
		return 0;
	snprintf(n, sizeof(n), "%lu", number(argv[2]) + 1);
	snprintf(text, sizeof(text), "%lu", left - 1);
	execv(argv[0], args);
	return 71;
}

struct in_thread {
	const struct job	*job;
	unsigned long		 n;
};

static void *
execute_in_thread(void *arg)
{
	struct in_thread *t = arg;

	execute(t->job, t->n);
	return NULL;
}

/* A thread that is not the first executes: the others end, it takes the
 * first one's id. */
static void
run_thread(const struct job *j)
{
	unsigned long i;
	pthread_t thread;
	pid_t pid;

	for (i = 0; i < j->count; i++) {
		pid = fork_some_time();
		if (pid == 0) {
			struct in_thread t = { j, j->first + i };

			if (pthread_create(&thread, NULL, execute_in_thread,
			    &t) != 0)
				_exit(72);
			pthread_join(thread, NULL);
			_exit(73);
		}
		wait_well(pid);
	}
}

/* A program that has no name: a file in memory. */
static void
run_memfd(const struct job *j)
{
	char text[24], block[65536];
	char *args[] = { (char *)j->probe, (char *)j->who, text, NULL };
	unsigned long i;
	ssize_t got;
	pid_t pid;
	int in = open(j->probe, O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("blip", MFD_CLOEXEC);

	if (in == -1 || fd == -1)
		err(1, "memfd");
	while ((got = read(in, block, sizeof(block))) > 0)
		if (write(fd, block, (size_t)got) != got)
			err(1, "memfd");
	/* A file that is open for writing cannot be executed. */
	snprintf(block, sizeof(block), "/proc/self/fd/%d", fd);
	in = open(block, O_RDONLY | O_CLOEXEC);
	close(fd);
	for (i = 0; i < j->count; i++) {
		pid = fork_some_time();
		if (pid == 0) {
			snprintf(text, sizeof(text), "%lu", j->first + i);
			fexecve(in, args, environ);
			_exit(71);
		}
		wait_well(pid);
	}
}

/* GROUP probes for each process that run made special. */
static void
in_groups(const struct job *j, void (*run)(const struct job *))
{
	unsigned long i;
	pid_t pid;

	for (i = 0; i < j->count; i += GROUP) {
		struct job part = *j;

		part.first = j->first + i;
		part.count = j->count - i < GROUP ? j->count - i : GROUP;
		pid = fork_some_time();
		if (pid == 0) {
			run(&part);
			_exit(0);
		}
		wait_well(pid);
	}
}

/* Namespaces in namespaces: process ids that have nothing to do with ours. */
static void
nest(const struct job *j)
{
	int depth;
	pid_t pid;

	for (depth = 0; depth < 2; depth++) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS |
		    CLONE_NEWIPC) == -1)
			err(1, "unshare");
		pid = fork_some_time();
		if (pid != 0) {
			wait_well(pid);
			return;
		}
		if (depth == 1) {
			run_vfork(j);
			_exit(0);
		}
	}
}

static void
run_nest(const struct job *j)
{
	in_groups(j, nest);
}

/* Into the root of every hierarchy below the directory. */
static void
leave_cgroups(const char *root)
{
	DIR *d = opendir(root);
	struct dirent *e;
	char path[512];
	int fd, moved = 0;

	if (d == NULL)
		err(1, "%s", root);
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s/cgroup.procs", root,
		    e->d_name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd == -1)
			continue;
		moved += write(fd, "0", 1) == 1;
		close(fd);
	}
	closedir(d);
	if (moved < 2)
		errx(1, "%s: moved in %d hierarchies", root, moved);
}

static void
move(const struct job *j)
{
	leave_cgroups(j->directory);
	run_vfork(j);
}

static void
run_move(const struct job *j)
{
	in_groups(j, move);
}

/* --- calls ------------------------------------------------------------------*/

/*
 * WHO is a number here, 1 to 99. The calls and where they carry it:
 * connect, sendto	127.WHO.N/256.N%256, port 9
 * open, rename, unlink	DIRECTORY/WHO.N and WHO.N.r
 * setuid		WHO * 1000000 + N
 * ptrace		a2 N, a3 WHO
 * mount		DIRECTORY/m/WHO.N
 * old-open, old-setuid	by int 0x80: DIRECTORY/WHO.N.old, the uid as above
 * ring-open, ring-connect	by io_uring: DIRECTORY/WHO.N.ring, the address
 *			as above
 * forge		a record of a login that says WHO.N in its text
 */
struct one {
	unsigned long	 who, n;
	const char	*directory;
};

static void
fill_address(const struct one *o, struct sockaddr_in *in)
{
	*in = (struct sockaddr_in){ .sin_family = AF_INET,
	    .sin_port = htons(9) };
	in->sin_addr.s_addr = htonl((uint32_t)(127u << 24 | o->who << 16 |
	    o->n));
}

static void
call_connect(const struct one *o)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in in;

	fill_address(o, &in);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == -1 &&
	    errno != ECONNREFUSED && errno != EINPROGRESS)
		_exit(74);
}

static void
call_sendto(const struct one *o)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in in;

	fill_address(o, &in);
	if (sendto(fd, "x", 1, 0, (struct sockaddr *)&in, sizeof(in)) != 1)
		_exit(75);
}

static void
call_open(const struct one *o)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%lu.%lu", o->directory, o->who, o->n);
	if (open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) == -1)
		_exit(76);
}

static void
call_rename(const struct one *o)
{
	char from[256], to[sizeof("...") + 256];

	snprintf(from, sizeof(from), "%s/%lu.%lu", o->directory, o->who, o->n);
	snprintf(to, sizeof(to), "%s.r", from);
	if (rename(from, to) == -1)
		_exit(77);
}

static void
call_unlink(const struct one *o)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%lu.%lu.r", o->directory, o->who,
	    o->n);
	if (unlink(path) == -1)
		_exit(78);
}

static void
call_setuid(const struct one *o)
{
	/* Not the library's, which asks all threads. */
	if (syscall(SYS_setuid, o->who * 1000000 + o->n) == -1)
		_exit(79);
}

static void
call_ptrace(const struct one *o)
{
	if (ptrace(PTRACE_TRACEME, 0, (void *)o->n, (void *)o->who) == -1)
		_exit(80);
}

/* In namespaces of its own, so that it ends with the process. */
static void
call_mount(const struct one *o)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/m/%lu.%lu", o->directory, o->who,
	    o->n);
	if (mkdir(path, 0700) == -1 ||
	    mount("none", path, "ramfs", 0, NULL) == -1 ||
	    umount2(path, MNT_DETACH) == -1)
		_exit(81);
}

#ifdef __x86_64__
/* A system call by the number and in the way of i386; addresses have to be
 * below 4 GiB. */
static long
old_call(long number, unsigned long a, unsigned long b, unsigned long c)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(number), "b"(a), "c"(b),
	    "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)rc;
}
#else
static long
old_call(long number, unsigned long a, unsigned long b, unsigned long c)
{
	errx(1, "no old calls here: %ld %lu %lu %lu", number, a, b, c);
}
#endif

static void
call_old_open(const struct one *o)
{
	char *path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (path == MAP_FAILED)
		_exit(82);
	snprintf(path, 4096, "%s/%lu.%lu.old", o->directory, o->who, o->n);
	if (old_call(5, (uintptr_t)path, O_WRONLY | O_CREAT | O_EXCL, 0600) < 0)
		_exit(83);
}

static void
call_old_setuid(const struct one *o)
{
	if (old_call(213, o->who * 1000000 + o->n, 0, 0) < 0)
		_exit(84);
}

/* One operation, and what came of it. */
static int
ring(const struct io_uring_sqe *sqe)
{
	struct io_uring_params p;
	struct io_uring_sqe *slot;
	struct io_uring_cqe *cqe;
	char *sq, *cq;
	int fd;

	memset(&p, 0, sizeof(p));
	fd = (int)syscall(SYS_io_uring_setup, 1, &p);
	if (fd == -1)
		return -errno;
	sq = mmap(NULL, p.sq_off.array + sizeof(unsigned), PROT_READ |
	    PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*cqe),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_CQ_RING);
	slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || slot == MAP_FAILED)
		return -errno;
	*slot = *sqe;
	*(unsigned *)(void *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(void *)(sq + p.sq_off.tail), 1,
	    __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL,
	    0) != 1)
		return -errno;
	cqe = (struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes);
	return cqe->res;
}

static void
call_ring_open(const struct one *o)
{
	struct io_uring_sqe sqe;
	char path[256];

	snprintf(path, sizeof(path), "%s/%lu.%lu.ring", o->directory, o->who,
	    o->n);
	memset(&sqe, 0, sizeof(sqe));
	sqe.opcode = IORING_OP_OPENAT;
	sqe.fd = AT_FDCWD;
	sqe.addr = (uintptr_t)path;
	sqe.open_flags = O_WRONLY | O_CREAT | O_EXCL;
	sqe.len = 0600;
	if (ring(&sqe) < 0)
		_exit(85);
}

static void
call_ring_connect(const struct one *o)
{
	struct sockaddr_in in;
	struct io_uring_sqe sqe;
	int rc;

	fill_address(o, &in);
	memset(&sqe, 0, sizeof(sqe));
	sqe.opcode = IORING_OP_CONNECT;
	sqe.fd = socket(AF_INET, SOCK_STREAM, 0);
	sqe.addr = (uintptr_t)&in;
	sqe.off = sizeof(in);
	rc = ring(&sqe);
	if (rc != -ECONNREFUSED)
		_exit(86);
}

/* What a login program tells the kernel, told by somebody else. */
static void
call_forge(const struct one *o)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct {
		struct nlmsghdr	head;
		char		text[256];
	} m;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

	memset(&m, 0, sizeof(m));
	snprintf(m.text, sizeof(m.text), "pid=1 uid=0 auid=0 ses=1 op=login "
	    "acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=%lu.%lu res=success",
	    o->who, o->n);
	m.head.nlmsg_len = (uint32_t)(sizeof(m.head) + strlen(m.text) + 1);
	m.head.nlmsg_type = 1112;	/* AUDIT_USER_LOGIN */
	m.head.nlmsg_flags = NLM_F_REQUEST;
	if (fd == -1 || sendto(fd, &m, m.head.nlmsg_len, 0,
	    (struct sockaddr *)&kernel, sizeof(kernel)) == -1)
		_exit(87);
}

static const struct call {
	const char *name;
	void (*run)(const struct one *);
} calls[] = {
	{ "connect", call_connect }, { "sendto", call_sendto },
	{ "open", call_open }, { "rename", call_rename },
	{ "unlink", call_unlink }, { "setuid", call_setuid },
	{ "ptrace", call_ptrace }, { "mount", call_mount },
	{ "old-open", call_old_open }, { "old-setuid", call_old_setuid },
	{ "ring-open", call_ring_open }, { "ring-connect", call_ring_connect },
	{ "forge", call_forge },
};
#define N_CALLS	(sizeof(calls) / sizeof(calls[0]))

/* prober call NAME WHO N DIRECTORY: what a probe of run_calls executes. */
static int
run_call(char **argv)
{
	struct one o = { number(argv[3]), number(argv[4]), argv[5] };
	size_t i;

	for (i = 0; i < N_CALLS; i++)
		if (strcmp(calls[i].name, argv[2]) == 0) {
			calls[i].run(&o);
			return 0;
		}
	return 64;
}

/* True when the name is one of the words. */
static int
is_wanted(const char *words, const char *name)
{
	size_t len = strlen(name);
	const char *at = words;

	if (words == NULL)
		return 1;
	while ((at = strstr(at, name)) != NULL) {
		if ((at == words || at[-1] == ' ') &&
		    (at[len] == ' ' || at[len] == '\0'))
			return 1;
		at += len;
	}
	return 0;
}

/* Each call in a process of its own that does nothing else; every second one
 * executes a program first. $CALLS names those that are made, default all. */
static void
run_calls(const struct job *j)
{
	const char *wanted = getenv("CALLS");
	struct one o = { number(j->who), 0, j->directory };
	unsigned long i;
	char n[24];
	size_t k;
	pid_t pid;

	for (i = 0; i < j->count * N_CALLS; i++) {
		k = i % N_CALLS;
		o.n = j->first + i / N_CALLS;
		if (!is_wanted(wanted, calls[k].name))
			continue;
		pid = fork_some_time();
		if (pid == 0 && o.n % 2 == 0) {
			snprintf(n, sizeof(n), "%lu", o.n);
			execl("/proc/self/exe", "prober", "call",
			    calls[k].name, j->who, n, j->directory, NULL);
			_exit(71);
		}
		if (pid == 0) {
			calls[k].run(&o);
			_exit(0);
		}
		wait_well(pid);
	}
}

/* --- the rest ---------------------------------------------------------------*/

/* As the first process of a container: takes what is left of others. */
static void
run_idle(const struct job *j)
{
	sigset_t set;

	(void)j;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		int sig = sigwaitinfo(&set, NULL);

		if (sig == SIGTERM)
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static void
run_burn(const struct job *j)
{
	volatile unsigned long n = 0;

	(void)j;
	for (;;)
		n++;
}

static const struct mode {
	const char *name;
	int args;
	void (*run)(const struct job *);
} modes[] = {
	{ "vfork", 3, run_vfork }, { "fork", 3, run_fork },
	{ "daemon", 3, run_daemon }, { "chain", 3, run_chain },
	{ "thread", 3, run_thread }, { "memfd", 3, run_memfd },
	{ "nest", 3, run_nest }, { "move", 4, run_move },
	{ "calls", 4, run_calls },
	{ "idle", 0, run_idle }, { "burn", 0, run_burn },
};

static void
wait_for_go(void)
{
	const char *go = getenv("GO");

	while (go != NULL && access(go, F_OK) == -1)
		nap(5);
}

int
main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	struct job j = { .probe = getenv("PROBE") };
	size_t i;

	if (strcmp(base != NULL ? base + 1 : argv[0], "blip") == 0)
		return argc == 4 ? next_of_chain(argv) : 0;
	if (argc == 6 && strcmp(argv[1], "call") == 0)
		return run_call(argv);
	if (j.probe == NULL)
		j.probe = "/bin/short/blip";
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (argc != modes[i].args + 2 ||
		    strcmp(argv[1], modes[i].name) != 0)
			continue;
		if (argc > 4) {
			j.who = argv[2];
			j.first = number(argv[3]);
			j.count = number(argv[4]);
			j.directory = argc > 5 ? argv[5] : NULL;
		}
		if (getenv("MOVE") != NULL)
			leave_cgroups(getenv("MOVE"));
		wait_for_go();
		modes[i].run(&j);
		if (j.who != NULL)
			printf("%s %lu\n", j.who, j.count);
		return 0;
	}
	errx(64, "usage: prober MODE WHO FIRST COUNT [DIRECTORY]");
}

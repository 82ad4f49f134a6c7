#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/netns.h"

struct visit {
	netns_fn	 fn;
	void		*ctx;
	int		 ns, result;
};

/*
 * The namespace file of pid 2, kthreadd, which never leaves the initial one
 * and which no security module hides; where pid 2 is something else (a pid
 * namespace), that of pid 1. A descriptor or -errno.
 */
static int
open_initial(void)
{
	char name[16] = "";
	int fd = open("/proc/2/comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, name, sizeof(name) - 1);

	if (fd != -1)
		close(fd);
	fd = open(n > 0 && strcmp(name, "kthreadd\n") == 0 ?
	    "/proc/2/ns/net" : "/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	return fd == -1 ? -errno : fd;
}

static bool
is_here(int ns)
{
	struct stat mine, other;

	return stat("/proc/thread-self/ns/net", &mine) == 0 &&
	    fstat(ns, &other) == 0 && mine.st_ino == other.st_ino &&
	    mine.st_dev == other.st_dev;
}

/* A thread of its own: a namespace belongs to a thread, and this one ends. */
static void *
visit(void *arg)
{
	struct visit *v = arg;

	v->result = setns(v->ns, CLONE_NEWNET) == -1 ? -errno : v->fn(v->ctx);
	return NULL;
}

int
netns_run_in(int ns, netns_fn fn, void *ctx)
{
	struct visit v = { fn, ctx, ns, -EAGAIN };
	pthread_t thread;
	int rc;

	if (is_here(ns))
		return fn(ctx);
	rc = pthread_create(&thread, NULL, visit, &v);
	if (rc != 0)
		return -rc;
	pthread_join(thread, NULL);
	return v.result;
}

int
netns_run_in_initial(netns_fn fn, void *ctx)
{
	int ns = open_initial(), rc;

	if (ns < 0)
		return ns;
	rc = netns_run_in(ns, fn, ctx);
	close(ns);
	return rc;
}

/*
 * What a callback removes may stand in the batch of events that is being
 * served, so removed members are only marked, and freed between batches.
 */
#include "agent/core/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH		64
#define WAIT_MAX_MS	60000
#define BUSY_NS		MONO_MS	/* a shorter wait is a sign of load */

struct loop_fd {
	struct loop_fd	*next;
	struct loop	*loop;
	int		 fd;
	int		 priority;
	loop_fd_fn	 fn;
	void		*ctx;
	bool		 removed;
};

struct loop_timer {
	struct loop_timer *next;
	struct loop	*loop;
	int64_t		 period_ns;
	struct mono	 due;
	loop_timer_fn	 fn;
	void		*ctx;
	bool		 removed;
};

struct handler {
	struct handler	*next;
	int		 signo;
	loop_signal_fn	 fn;
	void		*ctx;
};

struct loop {
	int			 epoll;
	int			 wake;		/* eventfd */
	int			 signals;	/* signalfd, -1 none yet */
	atomic_bool		 stop;
	struct mono_clock	 clock;
	struct loop_fd		*fds;
	struct loop_timer	*timers;
	struct handler		*handlers;
	sigset_t		 mask;
	bool			 garbage;	/* something was removed */
	int64_t			 rest_ns;
	unsigned		 busy;		/* turns in a row, see loop.h */
	bool			 hurry;
};

static void
drain_wake(void *ctx, int fd, unsigned what)
{
	uint64_t n;

	(void)ctx;
	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return;		/* somebody else's wake-up was first */
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	int saved;

	if (l == NULL)
		return NULL;
	l->signals = l->wake = -1;
	sigemptyset(&l->mask);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		goto fail;
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake < 0)
		goto fail;
	if (loop_fd_add(l, l->wake, LOOP_READ, 0, drain_wake, l) == NULL)
		goto fail;
	return l;
fail:
	saved = errno;
	loop_free(l);
	errno = saved;
	return NULL;
}

static void
sweep(struct loop *l, bool all)
{
	for (struct loop_fd **at = &l->fds; *at != NULL; ) {
		struct loop_fd *f = *at;

		if (all || f->removed) {
			*at = f->next;
			free(f);
		} else
			at = &f->next;
	}
	for (struct loop_timer **at = &l->timers; *at != NULL; ) {
		struct loop_timer *t = *at;

		if (all || t->removed) {
			*at = t->next;
			free(t);
		} else
			at = &t->next;
	}
	l->garbage = false;
}

void
loop_free(struct loop *l)
{
	struct handler *next;

	if (l == NULL)
		return;
	sweep(l, true);
	for (struct handler *h = l->handlers; h != NULL; h = next) {
		next = h->next;
		free(h);
	}
	if (l->signals >= 0)
		close(l->signals);
	if (l->wake >= 0)
		close(l->wake);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l);
}

static uint32_t
to_epoll(unsigned what)
{
	return (what & LOOP_READ ? EPOLLIN : 0u) |
	    (what & LOOP_WRITE ? EPOLLOUT : 0u);
}

static unsigned
from_epoll(uint32_t events)
{
	return (events & EPOLLIN ? LOOP_READ : 0u) |
	    (events & EPOLLOUT ? LOOP_WRITE : 0u) |
	    (events & (EPOLLERR | EPOLLHUP) ? LOOP_GONE : 0u);
}

struct loop_fd *
loop_fd_add(struct loop *l, int fd, unsigned what, int priority, loop_fd_fn fn,
    void *ctx)
{
	struct epoll_event ev = { .events = to_epoll(what) };
	struct loop_fd *f = calloc(1, sizeof(*f));
	int saved;

	if (f == NULL)
		return NULL;
	*f = (struct loop_fd){ .loop = l, .fd = fd, .priority = priority,
	    .fn = fn, .ctx = ctx };
	ev.data.ptr = f;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		saved = errno;
		free(f);
		errno = saved;
		return NULL;
	}
	f->next = l->fds;
	l->fds = f;
	return f;
}

void
loop_fd_change(struct loop_fd *f, unsigned what)
{
	struct epoll_event ev = { .events = to_epoll(what), .data.ptr = f };

	if (!f->removed)
		epoll_ctl(f->loop->epoll, EPOLL_CTL_MOD, f->fd, &ev);
}

void
loop_fd_remove(struct loop_fd *f)
{
	if (f == NULL || f->removed)
		return;
	/* Fails when the owner closed the descriptor before: gone as well. */
	epoll_ctl(f->loop->epoll, EPOLL_CTL_DEL, f->fd, NULL);
	f->removed = true;
	f->loop->garbage = true;
}

struct loop_timer *
loop_timer_add(struct loop *l, int64_t period_ns, loop_timer_fn fn, void *ctx)
{
	struct loop_timer *t;

	assert(period_ns > 0);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	*t = (struct loop_timer){ .next = l->timers, .loop = l,
	    .period_ns = period_ns, .fn = fn, .ctx = ctx };
	t->due.ns = mono_now(&l->clock).ns + period_ns;
	l->timers = t;
	return t;
}

void
loop_timer_remove(struct loop_timer *t)
{
	if (t == NULL)
		return;
	t->removed = true;
	t->loop->garbage = true;
}

static void
read_signals(void *ctx, int fd, unsigned what)
{
	struct loop *l = ctx;
	struct signalfd_siginfo info;

	(void)what;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		for (struct handler *h = l->handlers; h != NULL; h = h->next)
			if (h->signo == (int)info.ssi_signo)
				h->fn(h->ctx, h->signo);
}

/* Reads the whole set of signals from now on. */
static int
open_signals(struct loop *l)
{
	int fd = signalfd(l->signals, &l->mask, SFD_CLOEXEC | SFD_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	if (l->signals >= 0)
		return 0;
	if (loop_fd_add(l, fd, LOOP_READ, 0, read_signals, l) == NULL) {
		err = -errno;
		close(fd);
		return err;
	}
	l->signals = fd;
	return 0;
}

int
loop_signal_add(struct loop *l, int signo, loop_signal_fn fn, void *ctx)
{
	struct handler *h;
	sigset_t one;
	int err;

	sigemptyset(&one);
	if (sigaddset(&one, signo) < 0)
		return -EINVAL;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	sigaddset(&l->mask, signo);
	err = pthread_sigmask(SIG_BLOCK, &one, NULL);
	if (err == 0)
		err = -open_signals(l);
	if (err != 0) {
		free(h);
		return -err;
	}
	*h = (struct handler){ .next = l->handlers, .signo = signo, .fn = fn,
	    .ctx = ctx };
	l->handlers = h;
	return 0;
}

/* Milliseconds until the next timer, rounded up. */
static int
time_left(const struct loop *l)
{
	struct mono now = mono_now(&l->clock);
	int64_t left = WAIT_MAX_MS * MONO_MS;

	for (const struct loop_timer *t = l->timers; t != NULL; t = t->next)
		if (t->due.ns - now.ns < left)
			left = t->due.ns - now.ns;
	return left <= 0 ? 0 : (int)((left + MONO_MS - 1) / MONO_MS);
}

/* Periods that passed unseen are skipped, not made up for. Timers that a
 * callback adds stand before the ones that this loop still visits. */
static void
run_timers(struct loop *l)
{
	struct mono now = mono_now(&l->clock);

	for (struct loop_timer *t = l->timers; t != NULL; t = t->next) {
		if (t->removed || t->due.ns > now.ns)
			continue;
		t->due.ns += t->period_ns;
		if (t->due.ns <= now.ns)
			t->due.ns = now.ns + t->period_ns;
		t->fn(t->ctx, now);
	}
}

static int
compare_priority(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;
	const struct loop_fd *f = x->data.ptr, *g = y->data.ptr;

	return (f->priority > g->priority) - (f->priority < g->priority);
}

static void
serve(struct epoll_event *events, size_t n)
{
	if (n > 1)
		qsort(events, n, sizeof(*events), compare_priority);
	for (size_t i = 0; i < n; i++) {
		struct loop_fd *f = events[i].data.ptr;

		if (!f->removed)
			f->fn(f->ctx, f->fd, from_epoll(events[i].events));
	}
}

void
loop_set_rest(struct loop *l, int64_t ns)
{
	l->rest_ns = ns;
}

void
loop_hurry(struct loop *l)
{
	l->hurry = true;
}

static void
rest(struct loop *l)
{
	struct timespec nap = { .tv_nsec = l->rest_ns };

	if (l->rest_ns > 0 && l->busy >= LOOP_BUSY_TURNS && !l->hurry)
		(void)nanosleep(&nap, NULL);
	l->hurry = false;
}

/* epoll_wait, and a look at how long it took. */
static int
await(struct loop *l, struct epoll_event events[static BATCH])
{
	struct mono before, after;
	int n;

	rest(l);
	before = mono_now(&l->clock);
	n = epoll_wait(l->epoll, events, BATCH, time_left(l));
	if (l->rest_ns > 0) {
		after = mono_now(&l->clock);
		if (after.ns - before.ns >= BUSY_NS)
			l->busy = 0;
		else if (l->busy < LOOP_BUSY_TURNS)
			l->busy++;
	}
	return n;
}

int
loop_run(struct loop *l)
{
	struct epoll_event events[BATCH];
	int n, err = 0;

	while (!atomic_load(&l->stop)) {
		n = await(l, events);
		if (n < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		run_timers(l);
		if (n > 0)
			serve(events, (size_t)n);
		if (l->garbage)
			sweep(l, false);
	}
	atomic_store(&l->stop, false);
	return err;
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
}

void
loop_wake(struct loop *l)
{
	uint64_t one = 1;

	/* A full counter means that a wake-up is on its way. */
	if (write(l->wake, &one, sizeof(one)) < 0)
		return;
}

#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/core/loop.h"

struct world {
	struct loop		*loop;
	struct loop_fd		*fds[3];
	struct loop_timer	*timers[3];
	int			 pairs[3][2];
	char			 seen[200];
	size_t			 n;
	unsigned		 what;
	int			 left;		/* turns until the loop stops */
	struct mono		 times[10];
};

static void
note(struct world *w, char c)
{
	if (w->n < sizeof(w->seen) - 1)
		w->seen[w->n++] = c;
	w->seen[w->n] = '\0';
	if (--w->left <= 0)
		loop_stop(w->loop);
}

static int
setup(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.loop = loop_new();
	assert_non_null(w.loop);
	for (int i = 0; i < 3; i++)
		assert_int_equal(socketpair(AF_UNIX,
		    SOCK_STREAM | SOCK_NONBLOCK, 0, w.pairs[i]), 0);
	*state = &w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	loop_free(w->loop);
	for (int i = 0; i < 3; i++) {
		close(w->pairs[i][0]);
		close(w->pairs[i][1]);
	}
	return 0;
}

/* A member for the i-th pair that notes its letter. */
struct member {
	struct world	*world;
	int		 i;
	bool		 drain;
	int		 remove;	/* 1 + the one that it removes */
};

static void
on_fd(void *ctx, int fd, unsigned what)
{
	struct member *m = ctx;
	char c;

	assert_int_equal(fd, m->world->pairs[m->i][0]);
	m->world->what = what;
	if (m->drain)
		assert_true(read(fd, &c, 1) >= 0);
	if (m->remove != 0)
		loop_fd_remove(m->world->fds[m->remove - 1]);
	m->remove = 0;
	note(m->world, (char)('a' + m->i));
}

static void
on_timer(void *ctx, struct mono now)
{
	struct member *m = ctx;
	struct world *w = m->world;

	if (w->n < UNIT_COUNT(w->times))
		w->times[w->n] = now;
	if (m->remove != 0)
		loop_timer_remove(w->timers[m->remove - 1]);
	m->remove = 0;
	note(w, (char)('A' + m->i));
}

static void
fds_are_served_until_drained(void **state)
{
	struct world *w = *state;
	struct member m = { .world = w, .drain = true };

	w->fds[0] = loop_fd_add(w->loop, w->pairs[0][0], LOOP_READ, 0, on_fd,
	    &m);
	assert_non_null(w->fds[0]);
	assert_int_equal(write(w->pairs[0][1], "xyz", 3), 3);
	w->left = 3;
	assert_int_equal(loop_run(w->loop), 0);
	assert_string_equal(w->seen, "aaa");
	assert_int_equal(w->what, LOOP_READ);
}

static void
changes_what_it_waits_for(void **state)
{
	struct world *w = *state;
	struct member m = { .world = w };

	w->fds[0] = loop_fd_add(w->loop, w->pairs[0][0], LOOP_READ, 0, on_fd,
	    &m);
	loop_fd_change(w->fds[0], LOOP_READ | LOOP_WRITE);
	w->left = 1;
	loop_run(w->loop);
	assert_int_equal(w->what, LOOP_WRITE);
	assert_int_equal(write(w->pairs[0][1], "x", 1), 1);
	w->left = 1;
	loop_run(w->loop);
	assert_int_equal(w->what, LOOP_READ | LOOP_WRITE);
	/* Waiting for nothing still hears that the other side went. */
	loop_fd_change(w->fds[0], 0);
	shutdown(w->pairs[0][0], SHUT_RDWR);
	w->left = 1;
	loop_run(w->loop);
	assert_int_equal(w->what, LOOP_GONE);
}

static void
what_is_urgent_comes_first(void **state)
{
	struct world *w = *state;
	struct member m[3] = { { w, 0, true, 0 }, { w, 1, true, 0 },
	    { w, 2, true, 0 } };
	static const int priorities[] = { 5, 0, 1 };

	for (int i = 0; i < 3; i++) {
		w->fds[i] = loop_fd_add(w->loop, w->pairs[i][0], LOOP_READ,
		    priorities[i], on_fd, &m[i]);
		assert_int_equal(write(w->pairs[i][1], "x", 1), 1);
	}
	w->left = 3;
	loop_run(w->loop);
	assert_string_equal(w->seen, "bca");
}

static void
removal_takes_effect_at_once(void **state)
{
	struct world *w = *state;
	/* The first of the batch removes the second, the third itself. */
	struct member m[3] = { { w, 0, false, 2 }, { w, 1, false, 0 },
	    { w, 2, false, 3 } };
	struct member timer = { .world = w, .i = 0 };

	for (int i = 0; i < 3; i++) {
		w->fds[i] = loop_fd_add(w->loop, w->pairs[i][0], LOOP_WRITE,
		    i, on_fd, &m[i]);
	}
	w->left = 3;
	loop_run(w->loop);
	assert_string_equal(w->seen, "aca");
	loop_fd_remove(w->fds[0]);
	loop_fd_remove(NULL);
	loop_timer_add(w->loop, 20 * MONO_MS, on_timer, &timer);
	w->left = 1;
	loop_run(w->loop);
	assert_string_equal(w->seen, "acaA");
}

static void
timers_tick(void **state)
{
	struct world *w = *state;
	struct member slow = { .world = w, .i = 0 };
	struct member fast = { .world = w, .i = 1 };
	struct mono_clock clock = { 0 };
	struct mono start = mono_now(&clock);

	w->timers[0] = loop_timer_add(w->loop, 150 * MONO_MS, on_timer, &slow);
	w->timers[1] = loop_timer_add(w->loop, 40 * MONO_MS, on_timer, &fast);
	while (strchr(w->seen, 'A') == NULL) {
		w->left = 1;
		assert_int_equal(loop_run(w->loop), 0);
	}
	/* 40, 80, 120, 150; fewer on a machine that is busy. */
	assert_in_range(w->n, 2, 4);
	assert_int_equal(strspn(w->seen, "B"), w->n - 1);
	for (size_t i = 0; i + 1 < w->n; i++)
		assert_true(w->times[i].ns - start.ns >=
		    40 * MONO_MS * (int64_t)(i + 1));
	assert_true(w->times[w->n - 1].ns - start.ns >= 150 * MONO_MS);
}

static void
a_late_timer_skips_what_it_missed(void **state)
{
	struct world *w = *state;
	struct member m = { .world = w };
	struct mono_clock clock = { 0 };

	w->timers[0] = loop_timer_add(w->loop, 10 * MONO_MS, on_timer, &m);
	usleep(65000);
	w->left = 2;
	loop_run(w->loop);
	assert_string_equal(w->seen, "AA");
	assert_true(w->times[1].ns - w->times[0].ns >= 9 * MONO_MS);
	assert_true(mono_now(&clock).ns >= w->times[1].ns);
}

static void
timers_may_go_in_a_callback(void **state)
{
	struct world *w = *state;
	struct member m[3] = { { w, 0, false, 2 }, { w, 1, false, 0 },
	    { w, 2, false, 3 } };

	/* Due at the same time: the last added is visited first. */
	for (int i = 1; i >= 0; i--)
		w->timers[i] = loop_timer_add(w->loop, 10 * MONO_MS, on_timer,
		    &m[i]);
	w->timers[2] = loop_timer_add(w->loop, 10 * MONO_MS, on_timer, &m[2]);
	usleep(15000);
	w->left = 3;
	loop_run(w->loop);
	assert_string_equal(w->seen, "CAA");
	loop_timer_remove(NULL);
}

static void
on_signal(void *ctx, int signo)
{
	struct world *w = ctx;

	note(w, signo == SIGUSR1 ? 'u' : signo == SIGHUP ? 'h' : '?');
}

static void
signals_come_as_calls(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_signal_add(w->loop, SIGUSR1, on_signal, w), 0);
	assert_int_equal(loop_signal_add(w->loop, SIGHUP, on_signal, w), 0);
	assert_int_equal(loop_signal_add(w->loop, 12345, on_signal, w),
	    -EINVAL);
	kill(getpid(), SIGHUP);
	w->left = 1;
	loop_run(w->loop);
	kill(getpid(), SIGUSR1);
	w->left = 1;
	loop_run(w->loop);
	assert_string_equal(w->seen, "hu");
}

static void *
wake(void *arg)
{
	struct world *w = arg;

	usleep(20000);
	loop_stop(w->loop);
	loop_wake(w->loop);
	return NULL;
}

static void
another_thread_wakes_it(void **state)
{
	struct world *w = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wake, w), 0);
	assert_int_equal(loop_run(w->loop), 0);
	pthread_join(thread, NULL);
	/* Stopped before it runs: returns at once. */
	loop_stop(w->loop);
	assert_int_equal(loop_run(w->loop), 0);
}

static void
bad_descriptors_are_refused(void **state)
{
	struct world *w = *state;
	struct member m = { .world = w };
	int fd = open("/proc/self/maps", O_RDONLY);

	assert_null(loop_fd_add(w->loop, -1, LOOP_READ, 0, on_fd, &m));
	assert_int_equal(errno, EBADF);
	assert_null(loop_fd_add(w->loop, fd, LOOP_READ, 0, on_fd, &m));
	assert_int_equal(errno, EPERM);
	close(fd);
}

/* As long as there is something to read and nobody reads it, every turn comes
 * at once. */
#define RESTS	20

static void
on_load(void *ctx, int fd, unsigned what)
{
	struct member *m = ctx;

	(void)fd;
	(void)what;
	if (m->remove != 0)
		loop_hurry(m->world->loop);
	if (--m->world->left == 0)
		loop_stop(m->world->loop);
}

static int64_t
load(struct world *w)
{
	static const struct mono_clock real;
	struct mono before = mono_now(&real);

	w->left = LOOP_BUSY_TURNS + RESTS;
	assert_int_equal(loop_run(w->loop), 0);
	return mono_now(&real).ns - before.ns;
}

static void
rests_under_load(void **state)
{
	struct world *w = *state;
	struct member m = { .world = w };
	const int64_t rest = 20 * MONO_MS;
	int64_t took;

	w->fds[0] = loop_fd_add(w->loop, w->pairs[0][0], LOOP_READ, 0, on_load,
	    &m);
	assert_int_equal(write(w->pairs[0][1], "x", 1), 1);
	assert_true(load(w) < RESTS * rest);
	loop_set_rest(w->loop, rest);
	took = load(w);
	assert_in_range(took, (RESTS - 1) * rest, 100 * RESTS * rest);
	/* Whoever has more to do than fits its budget is not kept waiting. */
	m.remove = 1;
	assert_true(load(w) < RESTS * rest);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fds_are_served_until_drained),
		TEST(changes_what_it_waits_for),
		TEST(what_is_urgent_comes_first),
		TEST(removal_takes_effect_at_once),
		TEST(timers_tick),
		TEST(a_late_timer_skips_what_it_missed),
		TEST(timers_may_go_in_a_callback),
		TEST(signals_come_as_calls),
		TEST(another_thread_wakes_it),
		TEST(bad_descriptors_are_refused),
		TEST(rests_under_load)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* agent/aside: pipes that answer, and some that do not. */
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/aside.h"

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
make_pipe(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
}

/* On a busy machine a thread may be too late with what is there; it comes back
 * by itself, and another look succeeds. */
static bool
is_late(ssize_t n)
{
	if (n != -ETIMEDOUT && n != -EBUSY)
		return false;
	usleep(10000);
	return true;
}

static void
reads(struct aside *a, const char *text)
{
	char got[64];
	int fds[2];
	ssize_t n;

	do {
		make_pipe(fds);
		assert_int_equal(write(fds[1], text, strlen(text)),
		    strlen(text));
		close(fds[1]);
		n = aside_read(a, fds[0], got, sizeof(got));
	} while (is_late(n));
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static ssize_t
read_zeros(struct aside *a, size_t room)
{
	char got[ASIDE_BYTES + 1000];
	ssize_t n;

	do
		n = aside_read(a, open("/dev/zero", O_RDONLY | O_CLOEXEC), got,
		    room);
	while (is_late(n));
	return n;
}

static void
test_reads(void **state)
{
	struct aside *a = aside_new();

	(void)state;
	assert_non_null(a);
	for (int i = 0; i < 100; i++)
		reads(a, i % 2 == 0 ? "/sbin/init" : "x");
	reads(a, "");
	assert_int_equal(read_zeros(a, ASIDE_BYTES + 1000), ASIDE_BYTES);
	assert_int_equal(read_zeros(a, 7), 7);
	aside_free(a);
	aside_free(NULL);
}

/* A pipe that nobody writes to, and a thread that waits for it. */
static void
get_stuck(struct aside *a, int fds[2])
{
	char got[8];
	ssize_t n;

	for (;;) {
		make_pipe(fds);
		n = aside_read(a, fds[0], got, sizeof(got));
		if (n != -EBUSY)
			break;
		close(fds[1]);
		usleep(10000);
	}
	assert_int_equal(n, -ETIMEDOUT);
}

static void
test_stuck(void **state)
{
	struct aside *a = aside_new();
	int fds[ASIDE_STUCK][2], more[2], i;
	int64_t began = now_ms();
	char got[8];

	(void)state;
	for (i = 0; i < ASIDE_STUCK; i++) {
		get_stuck(a, fds[i]);
		if (i < ASIDE_STUCK - 1)
			reads(a, "others");
	}
	/* Each held us once, the first the longest. */
	assert_true(now_ms() - began >= ASIDE_MS +
	    (ASIDE_STUCK - 1) * ASIDE_LESS_MS);
	make_pipe(more);
	assert_int_equal(aside_read(a, more[0], got, sizeof(got)), -EBUSY);
	/* Closed: the number is free. */
	assert_int_equal(fcntl(more[0], F_GETFD), -1);
	close(more[1]);
	/* One comes back. */
	assert_int_equal(write(fds[2][1], "late", 4), 4);
	close(fds[2][1]);
	for (i = 0; i < 1000; i++) {
		make_pipe(more);
		close(more[1]);
		if (aside_read(a, more[0], got, sizeof(got)) == 0)
			break;
		usleep(10000);
	}
	assert_true(i < 1000);
	reads(a, "again");
	for (i = 0; i < ASIDE_STUCK; i++)
		if (i != 2)
			close(fds[i][1]);
	while (aside_read(a, open("/dev/null", O_RDONLY), got, 1) != 0)
		usleep(10000);
	aside_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads), cmocka_unit_test(test_stuck),
	};

	return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}

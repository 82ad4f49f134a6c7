/* agent/wire, agent/outbox: over a real socket pair. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/outbox.h"
#include "agent/wire.h"

#define HEX64 \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct wire_test {
	int	fds[2];
	char	bytes[WIRE_CHUNK];
};

static int
set_up(void **state)
{
	struct wire_test *t = calloc(1, sizeof(*t));

	*state = t;
	return t == NULL || wire_pair(t->fds) != 0 ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct wire_test *t = *state;

	close(t->fds[0]);
	close(t->fds[1]);
	free(t);
	return 0;
}

static void
test_request(void **state)
{
	struct wire_test *t = *state;
	struct wire_request out = {
		.verb = WIRE_DOCKER_INSPECT, .pid = 7, .since_ns = -3,
		.id = HEX64,
	};
	struct wire_request in = { 0 };

	assert_int_equal(wire_take(t->fds[0], &in), -EAGAIN);
	assert_int_equal(wire_ask(t->fds[1], &out), 0);
	assert_int_equal(wire_take(t->fds[0], &in), 1);
	assert_memory_equal(&in, &out, sizeof(in));
	close(t->fds[1]);
	t->fds[1] = -1;
	assert_int_equal(wire_take(t->fds[0], &in), 0);
}

/* What a broker must refuse: none of it may reach a verb. */
static void
test_bad_requests(void **state)
{
	struct wire_test *t = *state;
	struct wire_request good = { .verb = WIRE_PROC }, bad, in;
	char longer[sizeof(good) + 1] = { 0 };

	bad = good;
	bad.verb = WIRE_VERBS;
	assert_int_equal(wire_ask(t->fds[1], &bad), 0);
	assert_int_equal(wire_take(t->fds[0], &in), -EBADMSG);
	bad.verb = WIRE_NONE;
	assert_int_equal(wire_ask(t->fds[1], &bad), 0);
	assert_int_equal(wire_take(t->fds[0], &in), -EBADMSG);

	bad = good;
	memcpy(bad.id, "../../etc/shadow", 17);
	assert_int_equal(wire_ask(t->fds[1], &bad), 0);
	assert_int_equal(wire_take(t->fds[0], &in), -EBADMSG);
	memset(bad.id, 'a', sizeof(bad.id));	/* no NUL */
	assert_int_equal(wire_ask(t->fds[1], &bad), 0);
	assert_int_equal(wire_take(t->fds[0], &in), -EBADMSG);

	assert_int_equal(send(t->fds[1], &good, sizeof(good) - 1, 0),
	    sizeof(good) - 1);
	assert_int_equal(wire_take(t->fds[0], &in), -EBADMSG);
	assert_int_equal(send(t->fds[1], longer, sizeof(longer), 0),
	    sizeof(longer));
	assert_int_equal(wire_take(t->fds[0], &in), -EBADMSG);
	/* The next good one still comes through. */
	assert_int_equal(wire_ask(t->fds[1], &good), 0);
	assert_int_equal(wire_take(t->fds[0], &in), 1);
}

static void
test_answer_with_descriptor(void **state)
{
	struct wire_test *t = *state;
	struct wire_answer a = { .verb = WIRE_OPEN_AUDIT, .len = 7 }, in;
	struct stat ours, theirs;
	int pipe_fds[2], got = -1;

	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(wire_answer(t->fds[0], &a, "unicast", pipe_fds[0]), 0);
	assert_int_equal(wire_take_answer(t->fds[1], &in, t->bytes, &got), 1);
	assert_memory_equal(&in, &a, sizeof(a));
	assert_memory_equal(t->bytes, "unicast", 7);
	assert_int_not_equal(got, -1);
	assert_int_equal(fstat(pipe_fds[0], &ours), 0);
	assert_int_equal(fstat(got, &theirs), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	close(got);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* What the broker noticed goes with the answer, the outbox's own flags are not
 * for others to set. */
static void
test_notes(void **state)
{
	struct wire_test *t = *state;
	struct outbox *o = outbox_new(t->fds[0], 4096);
	struct wire_answer a = { .verb = WIRE_SOCKET,
	    .flags = WIRE_CUT_FDS | WIRE_LOST }, in;
	int fd;

	assert_int_equal(outbox_put(o, &a, "x", 1, true, -1), 0);
	assert_int_equal(wire_take_answer(t->fds[1], &in, t->bytes, &fd), 1);
	assert_int_equal(in.flags, WIRE_CUT_FDS | WIRE_LAST);
	outbox_free(o);
}

/* More than the socket takes waits, comes in order and whole. */
static void
test_outbox_order(void **state)
{
	struct wire_test *t = *state;
	struct outbox *o = outbox_new(t->fds[0], 64u << 20);
	struct wire_answer a = { .verb = WIRE_DOCKER_LIST }, in;
	size_t len = 40u << 20, got_len = 0;
	uint32_t *numbers = malloc(len);
	int fd, rc;

	assert_non_null(o);
	assert_non_null(numbers);
	for (size_t i = 0; i < len / 4; i++)
		numbers[i] = (uint32_t)i;
	assert_int_equal(outbox_put(o, &a, numbers, len, true, -1), 0);
	assert_true(outbox_waiting(o));
	do {
		rc = wire_take_answer(t->fds[1], &in, t->bytes, &fd);
		if (rc == -EAGAIN) {
			assert_int_equal(outbox_flush(o), 0);
			continue;
		}
		assert_int_equal(rc, 1);
		assert_memory_equal(t->bytes, (char *)numbers + got_len,
		    in.len);
		got_len += in.len;
		assert_int_equal(in.flags & WIRE_LAST,
		    got_len == len ? WIRE_LAST : 0);
	} while (got_len < len);
	assert_false(outbox_waiting(o));
	assert_int_equal(outbox_bytes(o), 0);
	free(numbers);
	outbox_free(o);
}

static void
test_outbox_limit(void **state)
{
	struct wire_test *t = *state;
	struct outbox *o = outbox_new(t->fds[0], 100000);
	struct wire_answer a = { .verb = WIRE_DOCKER_EVENTS }, in;
	char *big = calloc(1, 200000);
	int fd;

	assert_non_null(o);
	assert_non_null(big);
	assert_int_equal(outbox_put(o, &a, big, 200000, false, -1), -ENOBUFS);
	/* The next one says that something is missing before it. */
	assert_int_equal(outbox_put(o, &a, "x", 1, false, -1), 0);
	assert_int_equal(wire_take_answer(t->fds[1], &in, t->bytes, &fd), 1);
	assert_int_equal(in.flags, WIRE_LOST);
	assert_int_equal(outbox_put(o, &a, "y", 1, false, -1), 0);
	assert_int_equal(wire_take_answer(t->fds[1], &in, t->bytes, &fd), 1);
	assert_int_equal(in.flags, 0);
	free(big);
	outbox_free(o);
}

/* What the stream lost is told by whatever answer comes next; what others lost
 * is not the stream's affair; the end of a scan has always room. */
static void
test_outbox_lost(void **state)
{
	struct wire_test *t = *state;
	struct outbox *o = outbox_new(t->fds[0], 100000);
	struct wire_answer events = { .verb = WIRE_DOCKER_EVENTS },
	    list = { .verb = WIRE_DOCKER_LIST }, proc = { .verb = WIRE_PROC },
	    end = { .verb = WIRE_PROC_SCAN }, in;
	char *big = calloc(1, 200000);
	int fd;

	assert_non_null(o);
	assert_non_null(big);
	assert_int_equal(outbox_put(o, &list, big, 200000, true, -1), -ENOBUFS);
	assert_int_equal(outbox_put(o, &proc, "x", 1, true, -1), 0);
	assert_int_equal(wire_take_answer(t->fds[1], &in, t->bytes, &fd), 1);
	assert_int_equal(in.flags, WIRE_LAST);
	assert_int_equal(outbox_put(o, &events, big, 200000, true, -1),
	    -ENOBUFS);
	assert_int_equal(outbox_put(o, &end, big, 200000, true, -1), 0);
	assert_int_equal(wire_take_answer(t->fds[1], &in, t->bytes, &fd), 1);
	assert_int_equal(in.verb, WIRE_PROC_SCAN);
	assert_int_equal(in.flags, WIRE_LOST);
	free(big);
	outbox_free(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_request, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_bad_requests, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_answer_with_descriptor,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_outbox_order, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_outbox_limit, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_outbox_lost, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

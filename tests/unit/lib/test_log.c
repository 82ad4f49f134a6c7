#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_TAG "test"
#include "lib/log.h"

/* A socket of packets in place of stderr: one write is one packet. */
struct catcher {
	int	out[2];
	int	saved;
	char	text[4096];	/* what next returned last */
};

static void
catch(struct catcher *c)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, c->out), 0);
	assert_int_equal(fcntl(c->out[0], F_SETFL, O_NONBLOCK), 0);
	c->saved = dup(STDERR_FILENO);
	dup2(c->out[1], STDERR_FILENO);
}

static void
release(struct catcher *c)
{
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	close(c->out[0]);
	close(c->out[1]);
}

/* The next line, "" when nothing was written. */
static const char *
next(struct catcher *c)
{
	ssize_t n = recv(c->out[0], c->text, sizeof(c->text) - 1, 0);

	c->text[n < 0 ? 0 : n] = '\0';
	return c->text;
}

/* The next line where the caller wants it. */
static void
take(struct catcher *c, char *line, size_t size)
{
	size_t n = strlen(next(c));

	n = n < size ? n : size - 1;
	memcpy(line, c->text, n);
	line[n] = '\0';
}

static int
setup(void **state)
{
	static struct catcher c;

	unsetenv("JOURNAL_STREAM");
	log_set_role(NULL);
	log_set_level(LOG_INFO);
	*state = &c;
	return 0;
}

static void
writes_one_line_in_one_write(void **state)
{
	struct catcher *c = *state;
	char a[100], b[100], d[100];

	catch(c);
	log_warnx("cannot open: %s: %d", "x", 5);
	errno = ENOENT;
	log_warn("cannot open: %s", "y");
	assert_int_equal(errno, ENOENT);
	log_set_role("broker");
	log_info("ready");
	take(c, a, sizeof(a));
	take(c, b, sizeof(b));
	take(c, d, sizeof(d));
	release(c);
	assert_string_equal(a, "tallyman: test: cannot open: x: 5\n");
	assert_string_equal(b,
	    "tallyman: test: cannot open: y: No such file or directory\n");
	assert_string_equal(d, "tallyman: broker: test: ready\n");
}

static void
marks_priorities_for_the_journal(void **state)
{
	struct catcher *c = *state;
	char lines[200] = "";

	setenv("JOURNAL_STREAM", "8:12345", 1);
	log_set_level(LOG_DEBUG);
	catch(c);
	log_errx("e");
	log_warnx("w");
	log_notice("n");
	log_info("i");
	log_debug("d");
	for (int i = 0; i < 5; i++) {
		size_t n = strlen(lines);

		take(c, lines + n, sizeof(lines) - n);
	}
	release(c);
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(lines, "<3>test: e\n<4>test: w\n<5>test: n\n"
	    "<6>test: i\n<7>test: d\n");
}

static void
escapes_what_is_not_printable(void **state)
{
	struct catcher *c = *state;
	char line[200];

	catch(c);
	log_info("%s", "a\n\x1b[31m\x7f\xc3\xa9~ \t");
	take(c, line, sizeof(line));
	release(c);
	assert_string_equal(line,
	    "tallyman: test: a\\x0a\\x1b[31m\\x7f\\xc3\\xa9~ \\x09\n");
}

static void
cuts_long_lines(void **state)
{
	struct catcher *c = *state;
	char *big = test_malloc(5000);
	size_t len, len_escaped;
	bool ends;

	memset(big, 'x', 4999);
	big[4999] = '\0';
	catch(c);
	log_info("%s", big);
	len = strlen(next(c));
	ends = c->text[len - 1] == '\n';
	memset(big, '\x01', 4999);
	log_info("%s", big);
	len_escaped = strlen(next(c));
	release(c);
	test_free(big);
	assert_int_equal(len, 2000);
	assert_true(ends);
	assert_in_range(len_escaped, 1990, 2000);
}

static void
drops_what_is_above_the_level(void **state)
{
	struct catcher *c = *state;
	bool silent, spoke;

	log_set_level(LOG_WARNING);
	assert_int_equal(log_level(), LOG_WARNING);
	catch(c);
	log_notice("no");
	log_info("no");
	silent = next(c)[0] == '\0';
	log_warnx("yes");
	spoke = next(c)[0] != '\0';
	release(c);
	assert_true(silent);
	assert_true(spoke);
}

static void
knows_the_levels_by_name(void **state)
{
	(void)state;
	assert_int_equal(log_level_parse("error"), LOG_ERR);
	assert_int_equal(log_level_parse("warning"), LOG_WARNING);
	assert_int_equal(log_level_parse("notice"), LOG_NOTICE);
	assert_int_equal(log_level_parse("info"), LOG_INFO);
	assert_int_equal(log_level_parse("debug"), LOG_DEBUG);
	assert_int_equal(log_level_parse("Debug"), -1);
	assert_int_equal(log_level_parse(""), -1);
}

static void
limits_and_counts(void **state)
{
	struct log_limit lim = { .burst = 2, .period_s = 3600 };
	struct catcher *c = *state;
	uint64_t swallowed = 99;
	char lines[4][100];

	for (int i = 0; i < 2; i++) {
		assert_true(log_limit_pass(&lim, &swallowed));
		assert_int_equal(swallowed, 0);
	}
	for (int i = 0; i < 10; i++)
		assert_false(log_limit_pass(&lim, &swallowed));
	lim.since_ns -= INT64_C(3600) * 1000000000;	/* an hour later */
	catch(c);
	for (int i = 0; i < 4; i++)
		log_limited(&lim, LOG_WARNING, "bad packet %d", i);
	for (int i = 0; i < 4; i++)
		take(c, lines[i], sizeof(lines[i]));
	release(c);
	assert_string_equal(lines[0],
	    "tallyman: test: 10 like the next one not shown\n");
	assert_string_equal(lines[1], "tallyman: test: bad packet 0\n");
	assert_string_equal(lines[2], "tallyman: test: bad packet 1\n");
	assert_string_equal(lines[3], "");
	assert_int_equal(lim.swallowed, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(writes_one_line_in_one_write, setup),
		cmocka_unit_test_setup(marks_priorities_for_the_journal,
		    setup),
		cmocka_unit_test_setup(escapes_what_is_not_printable, setup),
		cmocka_unit_test_setup(cuts_long_lines, setup),
		cmocka_unit_test_setup(drops_what_is_above_the_level, setup),
		cmocka_unit_test(knows_the_levels_by_name),
		cmocka_unit_test_setup(limits_and_counts, setup)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Requests to kernel audit with a kernel that is played, and a clock: each
 * wait takes a second.
 */
#include "tests/support/unit.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

static int play_clock(clockid_t id, struct timespec *out);
static int play_poll(struct pollfd *p, nfds_t n, int ms);
static ssize_t play_recv(int fd, void *bytes, size_t len, int flags);
static ssize_t play_send(int fd, const struct msghdr *m, int flags);
#define clock_gettime play_clock
#define poll play_poll
#define recv play_recv
#define sendmsg play_send
#include "collectors/audit/kernel.c"
#undef clock_gettime
#undef poll
#undef recv
#undef sendmsg

static struct scene {
	time_t		now;
	unsigned	others;		/* before the answer comes */
	unsigned	answers;	/* rules, then the end of the list */
	uint32_t	seq;		/* of the request */
	unsigned	rules;
} scene;

static int
play_clock(clockid_t id, struct timespec *out)
{
	assert_int_equal(id, CLOCK_MONOTONIC);
	*out = (struct timespec){ scene.now, 7 };
	return 0;
}

static int
play_poll(struct pollfd *p, nfds_t n, int ms)
{
	assert_int_equal(n, 1);
	p->revents = POLLIN;
	scene.now++;
	return ms > 0;
}

static ssize_t
play_recv(int fd, void *bytes, size_t len, int flags)
{
	struct audit_rule_data rule = { .flags = AUDIT_FILTER_EXIT };
	struct nlmsghdr h = { .nlmsg_len = NLMSG_HDRLEN + sizeof(rule),
	    .nlmsg_type = AUDIT_LIST_RULES, .nlmsg_seq = scene.seq };

	(void)fd;
	assert_int_equal(flags, MSG_DONTWAIT);
	assert_true(len >= h.nlmsg_len);
	if (scene.others > 0) {
		scene.others--;
		h.nlmsg_seq--;
	} else if (scene.answers-- == 0)
		h.nlmsg_type = NLMSG_DONE;
	memcpy(bytes, &h, sizeof(h));
	memcpy((char *)bytes + NLMSG_HDRLEN, &rule, sizeof(rule));
	return h.nlmsg_len;
}

static ssize_t
play_send(int fd, const struct msghdr *m, int flags)
{
	const struct nlmsghdr *h = m->msg_iov[0].iov_base;

	(void)fd;
	(void)flags;
	scene.seq = h->nlmsg_seq;
	return h->nlmsg_len;
}

static void
count_rule(void *ctx, const struct audit_rule_data *r, size_t len)
{
	(void)ctx;
	(void)r;
	(void)len;
	scene.rules++;
}

/* As long as the kernel answers it may take its time. */
static void
test_long_list(void **state)
{
	(void)state;
	scene = (struct scene){ .answers = 100 };
	assert_int_equal(audit_kernel_list(-1, count_rule, NULL), 0);
	assert_int_equal(scene.rules, 100);
}

/* Messages of no request of ours do not keep the caller. */
static void
test_no_answer(void **state)
{
	struct audit_status status;

	(void)state;
	scene = (struct scene){ .others = 3, .answers = 1 };
	assert_int_equal(audit_kernel_list(-1, count_rule, NULL), 0);
	assert_int_equal(scene.rules, 1);
	scene = (struct scene){ .others = 1000 };
	assert_int_equal(audit_kernel_list(-1, count_rule, NULL), -ETIMEDOUT);
	assert_in_range(scene.now, 5, 6);
	scene = (struct scene){ .others = 1000 };
	assert_int_equal(audit_kernel_status(-1, &status), -ETIMEDOUT);
	assert_in_range(scene.now, 5, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_no_answer),
	};

	return cmocka_run_group_tests_name("audit_kernel", tests, NULL, NULL);
}

/* agent/control: server and client over a real socket, in two threads. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/control.h"

struct control_test {
	char		 path[64];
	int		 listening;
	struct loop	*loop;
	struct control	*control;
	pthread_t	 thread;
	int		 gone;		/* loop thread; read after the join */
};

static void
answer(void *ctx, const char *line, int *fds, size_t n_fds, struct buf *out,
    bool *keep)
{
	(void)ctx;
	if (strcmp(line, "long") == 0) {
		for (int i = 0; i < 300000; i++)
			buf_printf(out, "%09d\n", i);
	} else if (strcmp(line, "keep") == 0 && n_fds == 1) {
		*keep = true;
		if (write(fds[0], "given", 5) != 5)
			*keep = false;
		buf_add_str(out, "ok\n");
	} else
		buf_printf(out, "unknown: %s\n", line);
}

static void
on_gone(void *ctx)
{
	struct control_test *t = ctx;

	t->gone++;
}

static void *
serve(void *ctx)
{
	struct control_test *t = ctx;

	loop_run(t->loop);
	return NULL;
}

static void
stop(void *ctx, struct mono now)
{
	struct control_test *t = ctx;

	(void)now;
	if (access(t->path, F_OK) != 0)
		loop_stop(t->loop);
}

static int
set_up(void **state)
{
	struct control_test *t = calloc(1, sizeof(*t));

	*state = t;
	if (t == NULL)
		return -1;
	snprintf(t->path, sizeof(t->path), "./control-test.%d", (int)getpid());
	t->listening = control_bind(t->path, getuid(), getgid());
	t->loop = loop_new();
	if (t->listening < 0 || t->loop == NULL)
		return -1;
	t->control = control_new(t->loop, t->listening, answer, on_gone, t);
	/* Unlinking the socket is the sign to stop. */
	loop_timer_add(t->loop, 10 * MONO_MS, stop, t);
	return pthread_create(&t->thread, NULL, serve, t);
}

static int
tear_down(void **state)
{
	struct control_test *t = *state;

	unlink(t->path);
	pthread_join(t->thread, NULL);
	control_free(t->control);
	loop_free(t->loop);
	free(t);
	return 0;
}

static void
test_answers(void **state)
{
	struct control_test *t = *state;
	struct stat st;
	struct buf b;

	buf_init(&b, 4u << 20);
	assert_int_equal(control_ask(t->path, "hello\n", NULL, 0, 30, &b, NULL), 0);
	assert_string_equal(buf_text(&b), "unknown: hello\n");
	buf_reset(&b);
	assert_int_equal(control_ask(t->path, "long\n", NULL, 0, 30, &b, NULL), 0);
	assert_int_equal(b.len, 3000000);
	assert_memory_equal(b.data + b.len - 10, "000299999\n", 10);
	buf_fini(&b);
	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void
test_descriptor_and_keep(void **state)
{
	struct control_test *t = *state;
	int fds[2], keep = -1;
	char text[6] = { 0 };
	struct buf b;

	buf_init(&b, 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(control_ask(t->path, "keep\n", &fds[1], 1, 30, &b, &keep),
	    0);
	assert_string_equal(buf_text(&b), "ok\n");
	assert_int_not_equal(keep, -1);
	assert_int_equal(read(fds[0], text, 5), 5);
	assert_string_equal(text, "given");
	close(keep);
	close(fds[0]);
	close(fds[1]);
	buf_fini(&b);
	/* The server notices before it stops. */
	usleep(100000);
	unlink(t->path);
	pthread_join(t->thread, NULL);
	assert_int_equal(t->gone, 1);
	assert_int_equal(pthread_create(&t->thread, NULL, serve, t), 0);
}

static int
count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* One byte of a line, and a descriptor with it. */
static void
send_with_fd(int fd, char byte, int given)
{
	union {
		struct cmsghdr	header;
		char		room[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
	    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), &given, sizeof(given));
	assert_int_equal(sendmsg(fd, &msg, 0), 1);
}

/* A client that sends descriptors again and again does not fill our table. */
static void
test_many_descriptors(void **state)
{
	struct control_test *t = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), before, i;
	char text[64];

	memcpy(sa.sun_path, t->path, strlen(t->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	usleep(50000);
	before = count_open();
	for (i = 0; i < 30; i++)
		send_with_fd(fd, 'x', 0);
	send_with_fd(fd, '\n', 0);
	/* The answer, and the end: all of this client's are closed then. */
	while (recv(fd, text, sizeof(text), 0) > 0)
		;
	usleep(50000);
	assert_true(count_open() <= before);
	close(fd);
}

/* Whatever is at the path and is no socket stays. */
static void
test_no_socket(void **state)
{
	struct stat st;
	FILE *f;

	(void)state;
	unlink("./control-file");
	f = fopen("./control-file", "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(control_bind("./control-file", getuid(), getgid()),
	    -EEXIST);
	assert_int_equal(stat("./control-file", &st), 0);
	unlink("./control-file");
}

static void
test_second_daemon(void **state)
{
	struct control_test *t = *state;

	assert_int_equal(control_bind(t->path, getuid(), getgid()),
	    -EADDRINUSE);
}

static void
test_dead_socket(void **state)
{
	struct buf b;
	int fd;

	(void)state;
	buf_init(&b, 0);
	assert_int_equal(control_ask("./control-none", "x\n", NULL, 0, 30, &b,
	    NULL), -ENOENT);
	fd = control_bind("./control-dead", getuid(), getgid());
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(control_ask("./control-dead", "x\n", NULL, 0, 30, &b,
	    NULL), -ECONNREFUSED);
	fd = control_bind("./control-dead", getuid(), getgid());
	assert_true(fd >= 0);
	close(fd);
	unlink("./control-dead");
	buf_fini(&b);
}

/* One that listens and does not come to answering. */
static void
test_hangs(void **state)
{
	struct buf b;
	int fd;

	(void)state;
	buf_init(&b, 0);
	fd = control_bind("./control-hangs", getuid(), getgid());
	assert_true(fd >= 0);
	assert_int_equal(control_ask("./control-hangs", "x\n", NULL, 0, 1, &b,
	    NULL), -ETIMEDOUT);
	assert_int_equal(b.len, 0);
	close(fd);
	unlink("./control-hangs");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_descriptor_and_keep,
		    set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_second_daemon, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_many_descriptors, set_up,
		    tear_down),
		cmocka_unit_test(test_no_socket),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_dead_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* agent/control: server and client over a real socket, in two threads. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
	assert_int_equal(control_ask(t->path, "hello\n", NULL, 0, &b, NULL), 0);
	assert_string_equal(buf_text(&b), "unknown: hello\n");
	buf_reset(&b);
	assert_int_equal(control_ask(t->path, "long\n", NULL, 0, &b, NULL), 0);
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
	assert_int_equal(control_ask(t->path, "keep\n", &fds[1], 1, &b, &keep),
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
	assert_int_equal(control_ask("./control-none", "x\n", NULL, 0, &b,
	    NULL), -ENOENT);
	fd = control_bind("./control-dead", getuid(), getgid());
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(control_ask("./control-dead", "x\n", NULL, 0, &b,
	    NULL), -ECONNREFUSED);
	fd = control_bind("./control-dead", getuid(), getgid());
	assert_true(fd >= 0);
	close(fd);
	unlink("./control-dead");
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
		cmocka_unit_test(test_dead_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which processes audit may not hear, from a /proc that the test makes. */
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/blind.h"

static char proc[] = "/tmp/tallyman-blind.XXXXXX";

static void
put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", proc, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* As proc(5) has it; flags 2097152 are a kernel thread's. */
static void
process(unsigned pid, const char *comm, unsigned long flags,
    unsigned long ticks)
{
	char path[128], name[64], text[256];

	(void)snprintf(path, sizeof(path), "%s/%u", proc, pid);
	(void)mkdir(path, 0700);
	(void)snprintf(name, sizeof(name), "%u/stat", pid);
	(void)snprintf(text, sizeof(text), "%u (%s) S 1 1 1 0 -1 %lu 0 0 0 0 "
	    "0 0 0 0 20 0 1 0 %lu 1 1\n", pid, comm, flags, ticks);
	put(name, text);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(proc) == NULL)
		return -1;
	process(1, "init", 4194560, 10);
	process(2, "kthreadd", 2097152, 10);
	process(200, "systemd-journal", 4194560, 300);
	process(312, "dockerd", 4194560, 250);
	process(400, "auditd", 4194560, 500);
	process(500, "sshd", 4194560, 400);
	process(600, "bash", 4194560, 9000);
	return 0;
}

static int
tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", proc);
	return system(command);
}

static void
names_the_older(void **state)
{
	struct blind b;

	(void)state;
	put("cmdline", "root=/dev/vda1 quiet\n");
	assert_int_equal(blind_look(proc, 0, &b), 0);
	assert_int_equal(b.n, 2);
	assert_non_null(strstr(b.names, "init 1"));
	assert_non_null(strstr(b.names, "dockerd 312"));
	/* Who is registered counts, not journald. */
	assert_int_equal(blind_look(proc, 400, &b), 0);
	assert_int_equal(b.n, 4);
	assert_non_null(strstr(b.names, "sshd 500"));
	assert_null(strstr(b.names, "kthreadd"));
	assert_null(strstr(b.names, "bash"));
	/* The daemon is one that cannot be seen: nobody is known to hear. */
	assert_int_equal(blind_look(proc, 4711, &b), 0);
	assert_int_equal(b.n, 6);
}

static void
booted_with_audit(void **state)
{
	struct blind b;

	(void)state;
	put("cmdline", "audit=0 quiet audit=1\n");
	assert_int_equal(blind_look(proc, 0, &b), 0);
	assert_int_equal(b.n, 0);
	assert_string_equal(b.names, "");
	put("cmdline", "audit=1 audit=0\n");
	assert_int_equal(blind_look(proc, 0, &b), 0);
	assert_int_equal(b.n, 2);
}

static void
many_names_are_cut(void **state)
{
	struct blind b;
	unsigned i;

	(void)state;
	put("cmdline", "\n");
	for (i = 0; i < 100; i++)
		process(1000 + i, "a) (long name", 4194560, 20);
	assert_int_equal(blind_look(proc, 0, &b), 0);
	assert_int_equal(b.n, 102);
	assert_true(strlen(b.names) < sizeof(b.names));
	assert_string_equal(b.names + strlen(b.names) - 5, ", ...");
	assert_int_equal(blind_look("/nowhere", 0, &b), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_older),
		cmocka_unit_test(booted_with_audit),
		cmocka_unit_test(many_names_are_cut),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/*
 * Lines into kernel rules. Numbers of fields and operators are the kernel's
 * (linux/audit.h), those of system calls libaudit's.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <libaudit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/audit/rules.h"
#include "collectors/audit/rules_table.h"

static struct audit_rule_data *
parse(const char *line)
{
	struct audit_rule_data *r = NULL;
	char why[160] = "";

	if (audit_rules_parse(line, false, &r, why, sizeof(why)) != 0)
		fail_msg("%s: %s", line, why);
	return r;
}

static void
refused(const char *line, const char *word)
{
	struct audit_rule_data *r = NULL;
	char why[160] = "";

	assert_int_equal(audit_rules_parse(line, false, &r, why, sizeof(why)),
	    -EINVAL);
	assert_null(r);
	if (strstr(why, word) == NULL)
		fail_msg("%s: \"%s\" does not say %s", line, why, word);
}

static bool
has_call(const struct audit_rule_data *r, const char *name, int machine)
{
	int n = audit_name_to_syscall(name, machine);

	assert_true(n >= 0);
	return (r->mask[n / 32] & UINT32_C(1) << (n % 32)) != 0;
}

static unsigned
count_calls(const struct audit_rule_data *r)
{
	unsigned n = 0;

	for (size_t i = 0; i < AUDIT_BITMASK_SIZE; i++)
		n += (unsigned)__builtin_popcount(r->mask[i]);
	return n;
}

static const char *
key_of(const struct audit_rule_data *r)
{
	static _Thread_local char key[300];

	return audit_rules_key(r, key, sizeof(key));
}

static void
makes_rules(void **state)
{
	struct audit_rule_data *r;

	(void)state;
	r = parse("-a always,exit -F arch=b64 -S execve,execveat -F uid>=1000 "
	    "-k mine");
	assert_int_equal(r->flags, AUDIT_FILTER_EXIT);
	assert_int_equal(r->action, AUDIT_ALWAYS);
	assert_int_equal(r->field_count, 3);
	assert_int_equal(r->fields[0], AUDIT_ARCH);
	assert_int_equal(r->values[0],
	    audit_machine_to_elf(audit_determine_machine("b64")));
	assert_int_equal(r->fields[1], AUDIT_UID);
	assert_int_equal(r->fieldflags[1], AUDIT_GREATER_THAN_OR_EQUAL);
	assert_int_equal(r->values[1], 1000);
	assert_int_equal(r->fields[2], AUDIT_FILTERKEY);
	assert_int_equal(count_calls(r), 2);
	assert_true(has_call(r, "execve", audit_determine_machine("b64")));
	assert_string_equal(key_of(r), "tallyman\x01mine");
	assert_true(audit_rules_is_ours(r));
	audit_rules_free_one(r);

	r = parse("-A never,exit -F pid=77");
	assert_int_equal(r->flags, AUDIT_FILTER_EXIT | AUDIT_FILTER_PREPEND);
	assert_int_equal(r->action, AUDIT_NEVER);
	assert_int_equal(audit_rules_own_pid(r), 77);
	assert_string_equal(key_of(r), "tallyman");
	audit_rules_free_one(r);

	r = parse("-a always,exit -F arch=b64 -S connect -F saddr_fam>=17 "
	    "-F key=tallyman_network");
	assert_int_equal(r->fields[1], AUDIT_SADDR_FAM);
	assert_int_equal(r->fieldflags[1], AUDIT_GREATER_THAN_OR_EQUAL);
	assert_int_equal(r->values[1], 17);
	assert_string_equal(key_of(r), "tallyman_network");
	assert_int_equal(audit_rules_own_pid(r), 0);
	audit_rules_free_one(r);

	r = parse("-a always,io_uring -S connect");
	assert_int_equal(r->flags, 7);
	assert_int_equal(count_calls(r), 1);
	assert_int_equal(r->mask[0], 1u << 16);	/* IORING_OP_CONNECT */
	audit_rules_free_one(r);
}

/* The architecture of one rule does not stick to the next. */
static void
keeps_architectures_apart(void **state)
{
	struct audit_rule_data *r;

	(void)state;
	if (audit_determine_machine("b32") < 0)
		skip();
	r = parse("-a always,exit -F arch=b32 -S execve");
	assert_true(has_call(r, "execve", audit_determine_machine("b32")));
	assert_int_equal(count_calls(r), 1);
	audit_rules_free_one(r);
	r = parse("-a always,exit -F arch=b64 -S execve");
	assert_true(has_call(r, "execve", audit_determine_machine("b64")));
	assert_int_equal(count_calls(r), 1);
	audit_rules_free_one(r);
	r = parse("-a always,exit -S execve");
	assert_true(has_call(r, "execve", audit_detect_machine()));
	audit_rules_free_one(r);
}

static void
makes_watches(void **state)
{
	struct audit_rule_data *r;
	char dir[] = "/tmp/tallyman-rules.XXXXXX", line[128];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(line, sizeof(line), "-w %s -p wa -k etc", dir);
	r = parse(line);
	assert_int_equal(r->fields[0], AUDIT_DIR);
	assert_int_equal(r->values[0], strlen(dir));
	assert_memory_equal(r->buf, dir, strlen(dir));
	assert_int_equal(r->fields[1], AUDIT_PERM);
	assert_int_equal(r->values[1], AUDIT_PERM_WRITE | AUDIT_PERM_ATTR);
	/* The calls that can do it, not every call. */
	assert_true(has_call(r, "openat", audit_detect_machine()));
	assert_true(has_call(r, "unlinkat", audit_detect_machine()));
	assert_false(has_call(r, "read", audit_detect_machine()));
	assert_string_equal(key_of(r), "tallyman\x01" "etc");
	audit_rules_free_one(r);
	rmdir(dir);
	r = parse("-w \"/no such\" -p r");
	assert_int_equal(r->fields[0], AUDIT_WATCH);
	assert_memory_equal(r->buf, "/no such", 8);
	audit_rules_free_one(r);
}

static void
refuses_nonsense(void **state)
{
	char line[5000];

	(void)state;
	refused("", "-a");
	refused("-k x", "-a");
	refused("exit,always", "option");
	refused("-a exit", "LIST");
	refused("-a always,nowhere -S execve", "nowhere");
	refused("-a always,exit -S nosuchcall", "nosuchcall");
	refused("-a always,exit -F nosuchfield=1", "nosuchfield");
	refused("-a always,exit -F arch=b65 -S execve", "b65");
	refused("-a always,exit -F saddr_fam>2", "saddr_fam");
	refused("-S execve -a always,exit", "first");
	refused("-F uid=0", "first");
	refused("-a always,exit -C nonsense", "nonsense");
	refused("-w relative -p wa", "absolute");
	refused("-w /etc -p q", "rwxa");
	refused("-a always,exit -S execve -p wa", "-w");
	refused("-a", "value");
	refused("-D now", "option");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	refused(line, "longer");
	snprintf(line, sizeof(line), "-a always,exit -S execve -k %0300d", 1);
	refused(line, "key");
}

static void
knows_others(void **state)
{
	struct audit_rule_data *r = calloc(1, sizeof(*r) + 16);

	(void)state;
	r->flags = AUDIT_FILTER_TASK;
	r->action = AUDIT_NEVER;
	assert_true(audit_rules_is_never_task(r));
	assert_false(audit_rules_is_ours(r));
	assert_string_equal(key_of(r), "");
	r->field_count = 1;
	assert_false(audit_rules_is_never_task(r));
	/* A path in front of the key, and a length that lies. */
	r->field_count = 2;
	r->fields[0] = AUDIT_WATCH;
	r->values[0] = 4;
	r->fields[1] = AUDIT_FILTERKEY;
	r->values[1] = 8;
	memcpy(r->buf, "/etctallyman", 12);
	r->buflen = 12;
	assert_string_equal(key_of(r), "tallyman");
	assert_true(audit_rules_is_ours(r));
	r->values[0] = 4000;
	assert_string_equal(key_of(r), "");
	r->values[0] = 4;
	r->values[1] = 4000;
	assert_string_equal(key_of(r), "");
	free(r);
}

/* Every line of ours parses, for both word sizes, and few they are: each
 * costs every system call of the host. */
static void
makes_the_list(void **state)
{
	char *watch[] = { "/etc", "/etc/shadow:r", "not absolute" };
	char *more[] = { "-a always,exit -F arch=b64 -S kill -k theirs" };
	struct audit_conf conf = { .watch = { 3, watch }, .rules = { 1, more },
	    .docker_socket = "/run/docker.sock" };
	struct audit_rules rules;
	unsigned made = 0, watches = 0;

	(void)state;
	assert_int_equal(audit_rules_make(&conf, &rules), 0);
	for (size_t i = 0; i < rules.n; i++) {
		struct audit_rule_data *r = NULL;
		char why[160];
		int error = audit_rules_parse(rules.lines[i].text,
		    rules.lines[i].any_name, &r, why, sizeof(why));

		if (error == -ENOSYS)
			continue;
		if (error != 0)
			fail_msg("%s: %s", rules.lines[i].text, why);
		assert_true(audit_rules_is_ours(r));
		/* As auditctl(8) would write it, or it could not take it
		 * away: the architecture first, the key last. */
		if ((r->flags & 7) == AUDIT_FILTER_EXIT)
			assert_int_equal(r->fields[0], AUDIT_ARCH);
		assert_int_equal(r->fields[r->field_count - 1],
		    AUDIT_FILTERKEY);
		if (strstr(rules.lines[i].text, "/etc/shadow") != NULL) {
			assert_int_equal(r->fields[1], AUDIT_WATCH);
			assert_int_equal(r->fields[2], AUDIT_PERM);
			assert_int_equal(r->values[2], AUDIT_PERM_READ);
			watches++;
		}
		audit_rules_free_one(r);
		made++;
	}
	assert_in_range(made, 20, 34);
	assert_in_range(watches, 1, 2);
	audit_rules_fini(&rules);
}

static void
checks_the_configuration(void **state)
{
	char *good[] = { "/etc", "/x:rwxa", "/home/*/.ssh" };
	char *bad[] = { "etc", "" };
	char *rule[] = { "-a always,exit -S nosuch" };
	struct audit_conf conf = { .watch = { 3, good } };
	struct buf errors;

	(void)state;
	buf_init(&errors, 0);
	assert_int_equal(audit_rules_check(&conf, &errors), 0);
	assert_int_equal(errors.len, 0);
	conf.watch = (struct conf_list){ 2, bad };
	conf.rules = (struct conf_list){ 1, rule };
	assert_int_equal(audit_rules_check(&conf, &errors), -EINVAL);
	assert_non_null(strstr(buf_text(&errors), "audit.watch: etc: "));
	assert_non_null(strstr(buf_text(&errors), "audit.rules: -a always,"));
	assert_non_null(strstr(buf_text(&errors), "nosuch"));
	buf_fini(&errors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_rules),
		cmocka_unit_test(keeps_architectures_apart),
		cmocka_unit_test(makes_watches),
		cmocka_unit_test(refuses_nonsense),
		cmocka_unit_test(knows_others),
		cmocka_unit_test(makes_the_list),
		cmocka_unit_test(checks_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

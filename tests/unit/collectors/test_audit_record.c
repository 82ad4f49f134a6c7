/*
 * One record at a time: every form of a value, and what is no record.
 * Addresses are checked against the C library's own structures.
 */
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libaudit.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "collectors/audit/address.h"
#include "collectors/audit/record.h"

static int
take(struct audit_parts *ev, uint32_t type, const char *text)
{
	/* Exactly as long as the text, so that a sanitizer sees each step
	 * too far. */
	size_t len = strlen(text);
	char *copy = malloc(len == 0 ? 1 : len);
	struct cursor c;
	int error;

	memcpy(copy, text, len);
	c = cursor_make(copy, len);
	error = audit_record_take(ev, type, &c);
	assert_true(c.pos <= c.end);
	free(copy);
	return error;
}

static int
stamp(const char *text, struct audit_stamp *out)
{
	struct cursor c = cursor_make(text, strlen(text));

	return audit_record_stamp(&c, out);
}

static void
reads_stamps(void **state)
{
	struct audit_stamp s;

	(void)state;
	assert_int_equal(stamp("audit(1795315493.899:6081669): x", &s), 0);
	assert_true(s.ms == INT64_C(1795315493899));
	assert_int_equal(s.serial, 6081669);
	assert_int_equal(stamp("audit(0.000:4294967295):", &s), 0);
	assert_true(s.serial == UINT32_MAX);
	assert_int_equal(stamp("audit(1.5:2): ", &s), 0);
	assert_true(s.ms == 1005);
	assert_int_equal(stamp("", &s), -EBADMSG);
	assert_int_equal(stamp("audit(", &s), -EBADMSG);
	assert_int_equal(stamp("audit(1.000:2)", &s), -EBADMSG);
	assert_int_equal(stamp("audit(1.1000:2):", &s), -EBADMSG);
	assert_int_equal(stamp("audit(1.000:4294967296):", &s), -EBADMSG);
	assert_int_equal(stamp("audit(99999999999999999999.000:1):", &s),
	    -EBADMSG);
	assert_int_equal(stamp("audit(-1.000:1):", &s), -EBADMSG);
	assert_int_equal(stamp("AUDIT(1.000:1):", &s), -EBADMSG);
}

#define SYSCALL_TEXT							\
	"arch=c000003e syscall=42 success=no exit=-115 a0=3 "		\
	"a1=7ffdf00dbabe a2=10 a3=ffffffffffffffff items=1 ppid=7521 "	\
	"pid=7641 auid=4294967295 uid=1000 gid=1001 euid=0 suid=1 "	\
	"fsuid=2 egid=3 sgid=4 fsgid=5 tty=pts7 ses=12 comm=\"acts\" "	\
	"exe=\"/opt/b/acts\" key=\"connect\""

static void
reads_a_syscall(void **state)
{
	struct audit_parts ev;

	(void)state;
	audit_parts_init(&ev);
	assert_int_equal(take(&ev, AUDIT_SYSCALL, SYSCALL_TEXT), 0);
	assert_true(ev.have == AUDIT_HAVE_SYSCALL && ev.has_actor);
	assert_true(ev.actor.arch == AUDIT_ARCH_X86_64);
	assert_int_equal(ev.actor.syscall, 42);
	assert_true(ev.actor.has_success && !ev.actor.success);
	assert_true(ev.actor.exit == -115);
	assert_true(ev.actor.a[1] == 0x7ffdf00dbabe);
	assert_true(ev.actor.a[3] == UINT64_MAX);
	assert_int_equal(ev.actor.ppid, 7521);
	assert_int_equal(ev.actor.pid, 7641);
	assert_true(ev.actor.auid == AUDIT_UNSET);
	assert_int_equal(ev.actor.uid, 1000);
	assert_int_equal(ev.actor.gid, 1001);
	assert_int_equal(ev.actor.euid, 0);
	assert_int_equal(ev.actor.fsgid, 5);
	assert_int_equal(ev.actor.ses, 12);
	assert_string_equal(audit_parts_text(&ev, ev.actor.tty), "pts7");
	assert_string_equal(audit_parts_text(&ev, ev.actor.comm), "acts");
	assert_string_equal(audit_parts_text(&ev, ev.actor.exe),
	    "/opt/b/acts");
	assert_string_equal(audit_parts_text(&ev, ev.actor.key), "connect");
	/* Only one per event. */
	assert_int_equal(take(&ev, AUDIT_SYSCALL, SYSCALL_TEXT), -EBADMSG);
	audit_parts_fini(&ev);
}

/* Any order, unknown fields, an added part with and without its border. */
static void
reads_fields_in_any_order(void **state)
{
	static const char *const texts[] = {
	"pid=7 ppid=6 uid=5 arch=c000003e syscall=59",
	"new=1 arch=c000003e other=\"a b\" syscall=59 ppid=6 x=y pid=7 uid=5",
	"arch=c000003e syscall=59 per=400000 ppid=6 pid=7 uid=5 key=(null)"
	    "\x1d" "ARCH=x86_64 SYSCALL=execve UID=\"root\" pid=99",
	"arch=c000003e syscall=59 ppid=6 pid=7 uid=5 key=(null) "
	    "ARCH=x86_64 SYSCALL=execve AUID=\"unset\" UID=\"root\"",
	"arch=c000003e syscall=59 ppid=6 pid=7 uid=5 "
	    "subj=docker-default (enforce) key=(null)",
	"arch=c000003e syscall=59 ppid=6 pid=7 uid=5 pid=8 uid=9",
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
		struct audit_parts ev;

		audit_parts_init(&ev);
		assert_int_equal(take(&ev, AUDIT_SYSCALL, texts[i]), 0);
		assert_int_equal(ev.actor.pid, 7);
		assert_int_equal(ev.actor.ppid, 6);
		assert_int_equal(ev.actor.uid, 5);
		assert_int_equal(ev.actor.syscall, 59);
		assert_int_equal(ev.actor.key.at, 0);
		audit_parts_fini(&ev);
	}
}

static void
refuses_broken_syscalls(void **state)
{
	static const char *const texts[] = {
	"", "arch", "arch=", "arch=c000003e", "arch=zz syscall=1",
	"arch=c000003e syscall=59 ppid=6 pid=7",	/* cut */
	"arch=c000003e syscall=59 ppid=6 pid= uid=5",
	"arch=c000003e syscall=59 ppid=6 pid=7x uid=5",
	"arch=c000003e syscall=59 ppid=6 pid=99999999999999999999 uid=5",
	"arch=c000003e syscall=59 ppid=6 pid=4294967296 uid=5",
	"arch=1c000003e0 syscall=59 ppid=6 pid=7 uid=5",
	"arch=c000003e syscall=59 success=maybe ppid=6 pid=7 uid=5",
	"arch=c000003e syscall=59 exit=EPERM ppid=6 pid=7 uid=5",
	"arch=c000003e syscall=59 a0=10000000000000000 ppid=6 pid=7 uid=5",
	"arch=c000003e syscall=59 ppid=6 pid=7 uid=5 comm=\"cut",
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
		struct audit_parts ev;

		audit_parts_init(&ev);
		assert_int_equal(take(&ev, AUDIT_SYSCALL, texts[i]),
		    -EBADMSG);
		assert_false(ev.has_actor);
		audit_parts_fini(&ev);
	}
}

/* No prefix of a record is more than the record, and none reads too far. */
static void
survives_every_cut(void **state)
{
	static const struct { uint32_t type; const char *text; } records[] = {
	{ AUDIT_SYSCALL, SYSCALL_TEXT },
	{ AUDIT_EXECVE, "argc=3 a0=\"sh\" a1_len=6 a1[0]=\"abc\" "
	    "a1[1]=646566 a2=\"x\"" },
	{ AUDIT_PATH, "item=0 name=\"/etc/passwd\" inode=409623 dev=fe:00 "
	    "mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL" },
	{ AUDIT_SOCKADDR, "saddr=02000050AC1100FA0000000000000000" },
	{ AUDIT_PROCTITLE, "proctitle=2F62696E2F7368002D63" },
	{ AUDIT_USER_AUTH, "pid=1 uid=0 auid=1 ses=2 msg='op=x res=success'" },
	{ AUDIT_LOGIN, "pid=1 uid=0 old-auid=4294967295 auid=1000 "
	    "tty=(none) old-ses=4294967295 ses=1 res=1" },
	{ AUDIT_CONFIG_CHANGE, "auid=1 ses=2 op=remove_rule key=\"k\" "
	    "list=4 res=1" },
	{ AUDIT_URINGOP, "uring_op=16 success=no exit=-11 items=0 ppid=1 "
	    "pid=2 uid=0 gid=0 euid=0 key=(null)" },
	{ AUDIT_ANOM_PROMISCUOUS, "dev=veth0 prom=256 old_prom=0 auid=1 "
	    "uid=0 gid=0 ses=2" },
	{ AUDIT_OBJ_PID, "opid=7655 oauid=-1 ouid=0 oses=-1 ocomm=\"acts\"" },
	{ AUDIT_CWD, "cwd=2F6120620A" },
	{ AUDIT_OPENAT2, "oflag=0100101 mode=0600 resolve=0x0" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(records); i++) {
		struct audit_parts ev;

		for (size_t n = 0; n <= strlen(records[i].text); n++) {
			snprintf(text, n + 1, "%s", records[i].text);
			audit_parts_init(&ev);
			(void)take(&ev, records[i].type, text);
			audit_parts_fini(&ev);
		}
		audit_parts_init(&ev);
		assert_int_equal(take(&ev, records[i].type, records[i].text),
		    0);
		audit_parts_fini(&ev);
	}
}

static void
decodes_text(void **state)
{
	static const struct { const char *text, *want; size_t len; } names[] = {
	{ "item=0 name=\"/a b\"", "/a b", 4 },
	{ "item=0 name=2F6120620A", "/a b\n", 5 },
	{ "item=0 name=2F61006220", "/a\0b ", 5 },
	{ "item=0 name=\"\"", "", 0 },
	{ "item=0 name=\"ABCD\"", "ABCD", 4 },	/* quoted is never hex */
	{ "item=0 name=ABC", "ABC", 3 },	/* odd: no hex, kept */
	{ "item=0 name=abcd", "abcd", 4 },	/* the kernel writes capitals */
	{ "item=0 name=?", "?", 1 },
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(names); i++) {
		struct audit_parts ev;

		audit_parts_init(&ev);
		assert_int_equal(take(&ev, AUDIT_PATH, names[i].text), 0);
		assert_int_equal(ev.n_paths, 1);
		assert_int_not_equal(ev.paths[0].name.at, 0);
		assert_int_equal(ev.paths[0].name.len, names[i].len);
		assert_memory_equal(audit_parts_text(&ev, ev.paths[0].name),
		    names[i].want, names[i].len);
		audit_parts_fini(&ev);
	}
	struct audit_parts ev;

	audit_parts_init(&ev);
	assert_int_equal(take(&ev, AUDIT_PATH, "item=0 name=(null) inode=7"),
	    0);
	assert_int_equal(ev.paths[0].name.at, 0);
	assert_string_equal(audit_parts_text(&ev, ev.paths[0].name), "");
	audit_parts_fini(&ev);
}

static void
reads_paths(void **state)
{
	struct audit_parts ev;

	(void)state;
	audit_parts_init(&ev);
	assert_int_equal(take(&ev, AUDIT_PATH, "item=2 name=\"f1\" "
	    "inode=18446744073709 dev=103:1f mode=0104755 ouid=12 ogid=13 "
	    "rdev=00:00 nametype=DELETE cap_fp=0"), 0);
	assert_int_equal(ev.paths[0].item, 2);
	assert_true(ev.paths[0].inode == UINT64_C(18446744073709));
	assert_int_equal(ev.paths[0].dev_major, 0x103);
	assert_int_equal(ev.paths[0].dev_minor, 0x1f);
	assert_int_equal(ev.paths[0].mode, 0104755);
	assert_int_equal(ev.paths[0].ouid, 12);
	assert_int_equal(ev.paths[0].nametype, AUDIT_NAME_DELETE);
	/* One that was not found has no inode. */
	assert_int_equal(take(&ev, AUDIT_PATH,
	    "item=0 name=\"/no\" nametype=UNKNOWN cap_fp=0"), 0);
	assert_false(ev.paths[1].has_inode);
	for (int i = 0; i < 40; i++)
		assert_int_equal(take(&ev, AUDIT_PATH, "item=9 name=\"x\""), 0);
	assert_int_equal(ev.n_paths, AUDIT_PARTS_PATHS);
	assert_int_equal(ev.paths_cut, 42 - AUDIT_PARTS_PATHS);
	audit_parts_fini(&ev);
}

static void
joins_arguments(void **state)
{
	struct audit_parts ev;

	(void)state;
	audit_parts_init(&ev);
	assert_int_equal(take(&ev, AUDIT_EXECVE, "argc=5 a0=\"sh\" a1=2D6320 "
	    "a2_len=9 a2[0]=\"abc\" a2[1]=\"def\""), 0);
	/* Something lies between the pieces. */
	assert_int_equal(take(&ev, AUDIT_CWD, "cwd=\"/\""), 0);
	assert_int_equal(take(&ev, AUDIT_EXECVE, "a2[2]=67681D a3=\"\" a4=00"),
	    0);
	assert_int_equal(ev.argc, 5);
	assert_int_equal(ev.n_args, 5);
	assert_string_equal(audit_parts_text(&ev, ev.args[0]), "sh");
	assert_string_equal(audit_parts_text(&ev, ev.args[1]), "-c ");
	assert_string_equal(audit_parts_text(&ev, ev.args[2]),
	    "abcdefgh\x1d");
	assert_int_equal(ev.args[2].len, 9);
	assert_int_equal(ev.args[3].len, 0);
	assert_int_not_equal(ev.args[3].at, 0);
	assert_int_equal(ev.args[4].len, 1);
	assert_string_equal(audit_parts_text(&ev, ev.cwd), "/");
	assert_false(ev.args_cut);
	/* a6 without a5: a record was lost, nothing is shifted. */
	assert_int_equal(take(&ev, AUDIT_EXECVE, "a6=\"late\""), 0);
	assert_int_equal(ev.n_args, 5);
	assert_true(ev.args_cut);
	audit_parts_fini(&ev);
}

static void
caps_arguments(void **state)
{
	struct audit_parts ev;
	char text[64], *big;

	(void)state;
	audit_parts_init(&ev);
	assert_int_equal(take(&ev, AUDIT_EXECVE, "argc=100000"), 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "a%d=\"x\"", i);
		assert_int_equal(take(&ev, AUDIT_EXECVE, text), 0);
	}
	assert_int_equal(ev.n_args, AUDIT_PARTS_ARGS);
	assert_true(ev.args_cut);
	assert_int_equal(ev.argc, 100000);

	audit_parts_reset(&ev);
	big = malloc(9000);
	memset(big, 'y', 9000);
	for (int i = 0; i < 20; i++) {
		int n = snprintf(big, 9000, "a0[%d]=\"", i);

		big[n] = 'y';
		big[8998] = '"';
		big[8999] = '\0';
		assert_int_equal(take(&ev, AUDIT_EXECVE, big), 0);
		memset(big, 'y', 9000);
	}
	free(big);
	assert_int_equal(ev.n_args, 1);
	assert_true(ev.args_cut);
	assert_true(ev.args[0].len > AUDIT_PARTS_ARG_BYTES - 9000 &&
	    ev.args[0].len <= AUDIT_PARTS_ARG_BYTES);
	audit_parts_fini(&ev);
}

/* What stands in msg='...' is the sender's, whatever it looks like. */
static void
trusts_only_the_prefix(void **state)
{
	struct audit_parts ev;

	(void)state;
	audit_parts_init(&ev);
	assert_int_equal(take(&ev, AUDIT_USER_LOGIN, "pid=7663 uid=1 "
	    "auid=4294967295 ses=3 msg='op=login pid=1 uid=0 auid=0 ses=1 "
	    "exe=\"/usr/sbin/sshd\" res=success'\n"), 0);
	assert_int_equal(ev.actor.pid, 7663);
	assert_int_equal(ev.actor.uid, 1);
	assert_true(ev.actor.auid == AUDIT_UNSET);
	assert_int_equal(ev.actor.ses, 3);
	assert_int_equal(ev.actor.exe.at, 0);
	assert_false(ev.has_result);
	assert_string_equal(audit_parts_text(&ev, ev.message),
	    "op=login pid=1 uid=0 auid=0 ses=1 exe=\"/usr/sbin/sshd\" "
	    "res=success");
	audit_parts_fini(&ev);

	/* Without a prefix the text is no kernel's. */
	audit_parts_init(&ev);
	assert_int_equal(take(&ev, AUDIT_USER_LOGIN, "x=1 msg='pid=1 uid=0'"),
	    -EBADMSG);
	assert_false(ev.has_actor);
	audit_parts_fini(&ev);
}

static void
keeps_the_bound_of_text(void **state)
{
	struct audit_parts ev;
	char *big = malloc(100100);
	int error = 0;

	(void)state;
	audit_parts_init(&ev);
	memcpy(big, "cwd=\"", 5);
	memset(big + 5, 'z', 100000);
	memcpy(big + 100005, "\"", 2);
	for (int i = 0; i < 5 && error == 0; i++)
		error = take(&ev, AUDIT_CWD, big);
	assert_int_equal(error, -E2BIG);
	assert_int_equal(ev.cwd.len, 100000);
	/* Small things still go in. */
	assert_int_equal(take(&ev, AUDIT_PATH,
	    "item=0 name=\"/etc\""), 0);
	assert_string_equal(audit_parts_text(&ev, ev.paths[0].name), "/etc");
	free(big);
	audit_parts_fini(&ev);
}

static void
line(const char *text, int want, uint32_t type, const char *node,
    const char *rest)
{
	struct cursor c = cursor_make(text, strlen(text));
	const char *got_node = NULL;
	size_t node_len = 0;
	uint32_t got = 0;

	assert_int_equal(audit_record_line(&c, &got_node, &node_len, &got),
	    want);
	if (want != 0)
		return;
	assert_int_equal(got, type);
	assert_int_equal(node_len, strlen(node));
	if (node_len > 0)
		assert_memory_equal(got_node, node, node_len);
	assert_int_equal(c.end - c.pos, strlen(rest));
	assert_memory_equal(c.pos, rest, strlen(rest));
}

static void
reads_lines(void **state)
{
	(void)state;
	line("type=SYSCALL msg=audit(1.000:2): a", 0, 1300, "",
	    "audit(1.000:2): a");
	line("type=1300 msg=x", 0, 1300, "", "x");
	line("node=web-1 type=EOE msg=", 0, 1320, "web-1", "");
	line("type=UNKNOWN[1329] msg=audit(1.000:2): pid=3", 0, 1329, "",
	    "audit(1.000:2): pid=3");
	line("type=NONSENSE msg=x", -EBADMSG, 0, "", "");
	line("type= msg=x", -EBADMSG, 0, "", "");
	line("type=UNKNOWN[] msg=x", -EBADMSG, 0, "", "");
	line("type=UNKNOWN[12a] msg=x", -EBADMSG, 0, "", "");
	line("type=70000 msg=x", -EBADMSG, 0, "", "");
	line("type=SYSCALL", -EBADMSG, 0, "", "");
	line("node=x", -EBADMSG, 0, "", "");
	line("", -EBADMSG, 0, "", "");
	line("Nov 22 04:00:00 host kernel: audit: type=1300", -EBADMSG, 0, "",
	    "");
}

static void
reads_addresses(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(8443) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(53), .sin6_scope_id = 7 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct audit_address a;

	(void)state;
	inet_pton(AF_INET, "192.0.2.17", &in.sin_addr);
	inet_pton(AF_INET6, "fe80::1:2", &in6.sin6_addr);
	assert_int_equal(audit_address_read((uint8_t *)&in, sizeof(in), &a),
	    0);
	assert_int_equal(a.family, AUDIT_FAMILY_INET);
	assert_int_equal(a.port, 8443);
	assert_memory_equal(a.ip, &in.sin_addr, 4);
	for (size_t n = 0; n < 8; n++)
		assert_int_equal(audit_address_read((uint8_t *)&in, n, &a),
		    -EBADMSG);
	assert_int_equal(audit_address_read((uint8_t *)&in, 8, &a), 0);

	assert_int_equal(audit_address_read((uint8_t *)&in6, sizeof(in6),
	    &a), 0);
	assert_int_equal(a.family, AUDIT_FAMILY_INET6);
	assert_int_equal(a.port, 53);
	assert_int_equal(a.scope, 7);
	assert_memory_equal(a.ip, &in6.sin6_addr, 16);
	assert_int_equal(audit_address_read((uint8_t *)&in6, 24, &a), 0);
	assert_int_equal(a.scope, 0);
	assert_int_equal(audit_address_read((uint8_t *)&in6, 23, &a),
	    -EBADMSG);

	memcpy(un.sun_path, "/run/x.sock", 12);
	assert_int_equal(audit_address_read((uint8_t *)&un, sizeof(un), &a),
	    0);
	assert_int_equal(a.family, AUDIT_FAMILY_UNIX);
	assert_int_equal(a.path_len, 11);
	assert_memory_equal(a.path, "/run/x.sock", 11);
	assert_false(a.abstract);
	/* Without its NUL, and unnamed. */
	assert_int_equal(audit_address_read((uint8_t *)&un, 2 + 11, &a), 0);
	assert_int_equal(a.path_len, 11);
	assert_int_equal(audit_address_read((uint8_t *)&un, 2, &a), 0);
	assert_int_equal(a.path_len, 0);
	memcpy(un.sun_path, "\0abs\0x", 6);
	assert_int_equal(audit_address_read((uint8_t *)&un, 2 + 6, &a), 0);
	assert_true(a.abstract);
	assert_int_equal(a.path_len, 5);
	assert_memory_equal(a.path, "abs\0x", 5);
}

static void
reads_short_addresses(void **state)
{
	struct audit_address a;

	(void)state;
	assert_int_equal(audit_address_read((const uint8_t *)"\x10\0\0\0"
	    "\x2a\0\0\0\0\0\0\0", 12, &a), 0);
	assert_int_equal(a.family, AUDIT_FAMILY_NETLINK);
	assert_int_equal(a.portid, 42);
	assert_int_equal(audit_address_read((const uint8_t *)"\x11\0\0\x03"
	    "\x05\0\0\0", 8, &a), 0);
	assert_int_equal(a.family, AUDIT_FAMILY_PACKET);
	assert_int_equal(a.protocol, 3);
	assert_int_equal(a.ifindex, 5);
	assert_int_equal(audit_address_read((const uint8_t *)"\0\0", 2, &a),
	    0);
	assert_int_equal(a.family, AUDIT_FAMILY_NONE);
	assert_int_equal(audit_address_read((const uint8_t *)"\x28\0", 2,
	    &a), 0);
	assert_int_equal(a.family, AUDIT_FAMILY_OTHER);
	assert_int_equal(a.number, 40);
	assert_int_equal(audit_address_read((const uint8_t *)"\x02", 1, &a),
	    -EBADMSG);
	assert_int_equal(audit_address_read(NULL, 0, &a), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_stamps),
		cmocka_unit_test(reads_a_syscall),
		cmocka_unit_test(reads_fields_in_any_order),
		cmocka_unit_test(refuses_broken_syscalls),
		cmocka_unit_test(survives_every_cut),
		cmocka_unit_test(decodes_text),
		cmocka_unit_test(reads_paths),
		cmocka_unit_test(joins_arguments),
		cmocka_unit_test(caps_arguments),
		cmocka_unit_test(trusts_only_the_prefix),
		cmocka_unit_test(keeps_the_bound_of_text),
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(reads_addresses),
		cmocka_unit_test(reads_short_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

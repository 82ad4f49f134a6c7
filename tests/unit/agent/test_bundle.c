/* agent/bundle, agent/source: what is recorded comes back in its order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "agent/bundle.h"
#include "agent/source.h"

#define START	(INT64_C(1795315493) * MONO_S)

static char directory[64];

static int
set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "bundle-test.XXXXXX");
	return mkdtemp(directory) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	char path[128];

	(void)state;
	for (int i = 0; i < BUNDLE_FILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory,
		    bundle_file_name((enum bundle_file)i));
		unlink(path);
	}
	return rmdir(directory);
}

static void
tap(struct recorder *r, const char *name, int64_t ms, uint32_t type,
    const void *bytes, size_t len)
{
	struct collector_input in = {
		.when = { START + ms * MONO_MS }, .type = type,
		.wire_len = (uint32_t)len + 5, .bytes = bytes, .len = len,
	};

	recorder_tap(r, name, &in);
}

static void
record_some(void)
{
	struct wire_answer a = { .verb = WIRE_DOCKER_LIST, .status = 200 };
	struct wire_answer p = { .verb = WIRE_PROC, .pid = 42 };
	static const char audit[] = "audit(1795315493.899:1): a=\"b\"";
	int fds[BUNDLE_FILES];
	struct recorder *r;

	assert_int_equal(bundle_create(directory, fds), 0);
	r = recorder_new(fds);
	assert_non_null(r);
	tap(r, "link", 0, 0, "\x00\xff\x01", 3);
	recorder_answer(r, (struct wall){ START + MONO_MS }, &a,
	    "[\"\\u0000\"]", 10);
	recorder_answer(r, (struct wall){ START + MONO_MS }, &p, "\0\0", 2);
	tap(r, "packet", 2, DLT_LINUX_SLL2, "packet one, long enough", 23);
	tap(r, "packet", 3, DLT_LINUX_SLL2, "packet two, long enough", 23);
	/* with the NUL that the kernel puts at the end of some records */
	tap(r, "audit", 899, 1300, audit, sizeof(audit));
	tap(r, "packet", 1000, DLT_LINUX_SLL2, "packet three, long enough",
	    25);
	tap(r, "nobody", 1000, 0, "x", 1);
	assert_null(recorder_why(r));
	recorder_free(r);
}

static void
expect(struct sources *s, enum bundle_file file, int64_t ms,
    const void *bytes, size_t len)
{
	const struct source_input *in;
	struct wall now;
	struct buf why;

	buf_init(&why, 0);
	assert_int_equal(sources_next(s, &in, &now, &why), 1);
	assert_int_equal(in->file, file);
	assert_int_equal(in->input.len, len);
	assert_memory_equal(in->input.bytes, bytes, len);
	assert_int_equal(now.ns, START + ms * MONO_MS);
	buf_fini(&why);
}

static void
test_round_trip(void **state)
{
	struct sources *s = sources_new();
	const struct source_input *in;
	struct wall now;
	struct buf why;
	static const char audit[] =
	    "type=SYSCALL msg=audit(1795315493.899:1): a=\"b\"";

	(void)state;
	record_some();
	buf_init(&why, 0);
	assert_int_equal(sources_add_bundle(s, directory, &why), 0);
	expect(s, BUNDLE_LINK, 0, "\x00\xff\x01", 3);
	expect(s, BUNDLE_DOCKER, 1, "[\"\\u0000\"]", 10);
	assert_int_equal(sources_next(s, &in, &now, &why), 1);
	assert_int_equal(in->file, BUNDLE_PROCFS);
	assert_int_equal(in->answer.pid, 42);
	assert_int_equal(in->answer.verb, WIRE_PROC);
	assert_memory_equal(in->input.bytes, "\0\0", 2);
	/* One run: both at the time of its first. */
	expect(s, BUNDLE_PACKET, 2, "packet one, long enough", 23);
	expect(s, BUNDLE_PACKET, 2, "packet two, long enough", 23);
	expect(s, BUNDLE_AUDIT, 899, audit, sizeof(audit) - 1);
	expect(s, BUNDLE_PACKET, 1000, "packet three, long enough", 25);
	assert_int_equal(sources_next(s, &in, &now, &why), 0);
	sources_free(s);
	buf_fini(&why);
}

/* Without order.txt the inputs' own times decide. */
static void
test_by_time(void **state)
{
	struct sources *s = sources_new();
	char path[128];
	struct buf why;
	static const char audit[] =
	    "type=SYSCALL msg=audit(1795315493.899:1): a=\"b\"";

	(void)state;
	record_some();
	buf_init(&why, 0);
	snprintf(path, sizeof(path), "%s/audit.log", directory);
	assert_int_equal(sources_add(s, BUNDLE_AUDIT, path, &why), 0);
	snprintf(path, sizeof(path), "%s/packet.pcap", directory);
	assert_int_equal(sources_add(s, BUNDLE_PACKET, path, &why), 0);
	expect(s, BUNDLE_PACKET, 2, "packet one, long enough", 23);
	expect(s, BUNDLE_PACKET, 3, "packet two, long enough", 23);
	expect(s, BUNDLE_AUDIT, 899, audit, sizeof(audit) - 1);
	expect(s, BUNDLE_PACKET, 1000, "packet three, long enough", 25);
	sources_free(s);
	buf_fini(&why);
}

static void
test_broken_line(void **state)
{
	struct sources *s = sources_new();
	const struct source_input *in;
	struct wall now;
	char path[128];
	struct buf why;
	FILE *f;

	(void)state;
	record_some();
	snprintf(path, sizeof(path), "%s/link.ndjson", directory);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "{\"t\":1,\"type\":0,\"hex\":\"0g\"}\n");
	fclose(f);
	buf_init(&why, 0);
	assert_int_equal(sources_add(s, BUNDLE_LINK, path, &why), 0);
	assert_int_equal(sources_next(s, &in, &now, &why), -EBADMSG);
	assert_non_null(strstr(buf_text(&why), "link.ndjson:1: "));
	sources_free(s);
	buf_fini(&why);
}

static void
test_never_overwrites(void **state)
{
	int fds[BUNDLE_FILES];

	(void)state;
	record_some();
	assert_int_equal(bundle_create(directory, fds), -EEXIST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_by_time, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_broken_line, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_never_overwrites, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

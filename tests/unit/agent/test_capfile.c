/*
 * The reader of capture files against libpcap: the same packets from files
 * that libpcap wrote, of every size, whole and cut at any place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/capfile.h"

static char path[] = "/tmp/tallyman-capfile.XXXXXX";
static uint8_t packet[CAPFILE_PACKET_MAX];

static int
set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(packet); i++)
		packet[i] = (uint8_t)(i * 7 + i / 251);
	return close(mkstemp(path));
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void
write_file(int type, int snaplen, u_int precision, const uint32_t *sizes,
    size_t n)
{
	pcap_t *dead = pcap_open_dead_with_tstamp_precision(type, snaplen,
	    precision);
	pcap_dumper_t *d = pcap_dump_open(dead, path);

	assert_non_null(d);
	for (size_t i = 0; i < n; i++) {
		struct pcap_pkthdr h = { .caplen = sizes[i],
		    .len = sizes[i] + (uint32_t)i };

		h.ts.tv_sec = (time_t)(1780000000 + i);
		h.ts.tv_usec = (suseconds_t)(i * 37 + 999000);
		pcap_dump((u_char *)d, &h, packet + i % 100);
	}
	pcap_dump_close(d);
	pcap_close(dead);
}

/* Packets that both read alike; *error: what ours ended with. */
static size_t
compare(int *error)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *theirs = pcap_open_offline_with_tstamp_precision(path,
	    PCAP_TSTAMP_PRECISION_NANO, err);
	struct capfile *ours = capfile_open(path);
	struct collector_input in;
	struct pcap_pkthdr *h;
	const u_char *bytes;
	size_t n = 0;
	int rc;

	assert_non_null(theirs);
	assert_non_null(ours);
	while ((rc = pcap_next_ex(theirs, &h, &bytes)) == 1) {
		assert_int_equal(capfile_next(ours, &in), 1);
		assert_int_equal(in.when.ns, (int64_t)h->ts.tv_sec * MONO_S +
		    h->ts.tv_usec);
		assert_int_equal(in.type, pcap_datalink(theirs));
		assert_int_equal(in.wire_len, h->len);
		assert_int_equal(in.len, h->caplen);
		assert_memory_equal(in.bytes, bytes, in.len);
		n++;
	}
	*error = capfile_next(ours, &in);
	assert_int_equal(*error, rc == PCAP_ERROR_BREAK ? 0 : -EBADMSG);
	assert_true(*error == 0 || capfile_why(ours)[0] != '\0');
	capfile_close(ours);
	pcap_close(theirs);
	return n;
}

static void
test_same_as_libpcap(void **state)
{
	static const int types[] = { DLT_LINUX_SLL2, DLT_LINUX_SLL,
	    DLT_EN10MB };
	enum { N = 3000 };
	uint32_t *sizes = calloc(N, sizeof(*sizes));
	int error;

	(void)state;
	assert_non_null(sizes);
	for (size_t i = 0; i < N; i++)
		sizes[i] = i % 500 == 99 ? CAPFILE_PACKET_MAX - 100 :
		    (uint32_t)(i * i % 1600);
	for (size_t i = 0; i < 3; i++) {
		write_file(types[i], CAPFILE_PACKET_MAX,
		    i % 2 ? PCAP_TSTAMP_PRECISION_MICRO :
		    PCAP_TSTAMP_PRECISION_NANO, sizes, N);
		assert_int_equal(compare(&error), N);
		assert_int_equal(error, 0);
	}
	/* Longer packets than the file says there are. */
	write_file(DLT_EN10MB, 700, PCAP_TSTAMP_PRECISION_NANO, sizes, 90);
	assert_int_equal(compare(&error), 90);
	free(sizes);
}

static void
test_cut(void **state)
{
	static const uint32_t sizes[] = { 10, 0, 300, 44 };
	long size = 24 + 4 * 16 + 354, at;
	size_t n, before = 4;
	int error;

	(void)state;
	write_file(DLT_EN10MB, 65535, PCAP_TSTAMP_PRECISION_NANO, sizes, 4);
	for (at = size; at >= 24; at--) {
		assert_int_equal(truncate(path, at), 0);
		n = compare(&error);
		assert_true(n <= before);
		before = n;
	}
	assert_int_equal(before, 0);
}

static void
overwrite(long at, uint32_t value)
{
	FILE *f = fopen(path, "r+");

	assert_non_null(f);
	fseek(f, at, SEEK_SET);
	assert_int_equal(fwrite(&value, sizeof(value), 1, f), 1);
	fclose(f);
}

static void
test_not_for_it(void **state)
{
	static const uint32_t size = 60;
	struct collector_input in;
	struct capfile *f;

	(void)state;
	write_file(DLT_RAW, 65535, PCAP_TSTAMP_PRECISION_NANO, &size, 1);
	assert_null(capfile_open(path));
	assert_int_equal(errno, ENOTSUP);
	write_file(DLT_EN10MB, 65535, PCAP_TSTAMP_PRECISION_NANO, &size, 1);
	overwrite(24 + 8, CAPFILE_PACKET_MAX + 1);
	f = capfile_open(path);
	assert_non_null(f);
	assert_int_equal(capfile_next(f, &in), -EBADMSG);
	capfile_close(f);
	overwrite(0, 0xd4c3b2a1);	/* the other byte order */
	assert_null(capfile_open(path));
	assert_int_equal(errno, ENOTSUP);
	overwrite(0, 0x0a0d0d0a);	/* pcapng */
	assert_null(capfile_open(path));
	assert_int_equal(truncate(path, 3), 0);
	assert_null(capfile_open(path));
	assert_null(capfile_open("/"));
	assert_null(capfile_open("/nonexistent/file"));
	assert_int_equal(errno, ENOENT);
}

/* A named pipe is not even opened: that would wait for a writer. */
static void
test_pipe(void **state)
{
	(void)state;
	(void)unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)alarm(10);
	assert_null(capfile_open(path));
	assert_int_equal(errno, ENOTSUP);
	(void)alarm(0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_libpcap),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_not_for_it),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests_name("capfile", tests, set_up,
	    tear_down);
}

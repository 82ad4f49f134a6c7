/*
 * The ring and its filter in a network namespace of the test's own, with a
 * veth pair: every datagram that was sent is there at both ends, in order,
 * also while the filter is changed; UDP_SEGMENT tells its size; what is
 * excluded is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collectors/packet/filter.h"
#include "collectors/packet/ring.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#define PORT	4000	/* numbered datagrams */
#define OTHER	5000	/* more of them, to be excluded */
#define SNAPLEN	256

struct seen {
	uint32_t	n[2];		/* here: sent; there: received */
	uint32_t	next[2];	/* number that must come */
	uint32_t	other, loopback, gso, short_ones;
	size_t		longest;
	uint16_t	gso_size;
};

static bool ready;

static int
shell(const char *command)
{
	return system(command);
}

static int
set_up(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) != 0)
		return 0;
	ready = shell("ip link set lo up && "
	    "ip link add here type veth peer name there && "
	    "ip address add 198.51.100.1/24 dev here && "
	    "ip link set here address 02:00:00:00:00:01 up && "
	    "ip link set there address 02:00:00:00:00:02 up && "
	    "ip neighbour add 198.51.100.2 lladdr 02:00:00:00:00:02 dev here"
	    " >/dev/null 2>&1") == 0;
	return 0;
}

static struct sock_fprog
program(const char *expression)
{
	struct sock_fprog p;
	struct buf why;

	buf_init(&why, 0);
	if (filter_make(&p, expression, SNAPLEN, &why) != 0)
		fail_msg("%s: %s", expression, buf_text(&why));
	buf_fini(&why);
	return p;
}

static struct ring *
start(const char *expression, size_t bytes)
{
	struct sock_fprog p = program(expression);
	struct buf why;
	struct ring *r;

	buf_init(&why, 0);
	r = ring_new(ring_socket(), bytes, &p, &why);
	if (r == NULL)
		fail_msg("%s", buf_text(&why));
	buf_fini(&why);
	filter_free(&p);
	return r;
}

static int
sender(const char *to, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(inet_pton(AF_INET, to, &a.sin_addr), 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Datagrams that begin with their number. */
static void
send_numbered(int fd, uint32_t from, uint32_t n, size_t len)
{
	char bytes[2000] = { 0 };
	uint32_t i;

	for (i = from; i < from + n; i++) {
		memcpy(bytes, &i, sizeof(i));
		if (send(fd, bytes, len, 0) == -1 && errno == ECONNREFUSED)
			i--;	/* the answer to an earlier one */
	}
}

static void
look(void *ctx, const struct ring_frame *f)
{
	const uint8_t *ip = f->bytes;
	struct seen *s = ctx;
	uint32_t number;
	uint16_t port;
	unsigned end = f->seen == PACKET_OUTGOING ? 0 : 1;

	if (f->ifindex == 1) {
		s->loopback++;
		return;
	}
	if (f->protocol != 0x0800 || f->len < 32 || ip[9] != IPPROTO_UDP)
		return;
	port = (uint16_t)(ip[22] << 8 | ip[23]);
	if (port == OTHER)
		s->other++;
	if (port != PORT)
		return;
	assert_int_equal(f->mac_len, 6);
	assert_memory_equal(f->mac, "\x02\0\0\0\0\x01", 6);
	assert_int_equal(f->wire_len, ip[2] << 8 | ip[3]);
	memcpy(&number, ip + 28, sizeof(number));
	if (f->gso_size != 0) {
		s->gso++;
		s->gso_size = f->gso_size;
	} else if (number != s->next[end]) {
		fail_msg("%u instead of %u", number, s->next[end]);
	}
	s->next[end] = number + 1;
	s->n[end]++;
	s->short_ones += f->len < f->wire_len;
	if (f->len > s->longest)
		s->longest = f->len;
	assert_true(f->when.ns > INT64_C(1600000000) * MONO_S);
}

/* Until nothing more has come for a while. */
static void
read_all(struct ring *r, struct seen *s)
{
	struct pollfd p = { .fd = ring_fd(r), .events = POLLIN };
	int n = 1;

	while (n > 0 || poll(&p, 1, 300) > 0)
		n = ring_read(r, 64, look, s);
}

static void
test_all_of_it(void **state)
{
	struct seen s = { .longest = 0 };
	struct ring *r;
	int fd, other, lo;

	(void)state;
	if (!ready)
		skip();
	r = start("not (port 5000)", 4 << 20);
	fd = sender("198.51.100.2", PORT);
	other = sender("198.51.100.2", OTHER);
	lo = sender("127.0.0.1", PORT);
	send_numbered(fd, 0, 5000, 100);
	send_numbered(other, 0, 100, 100);
	send_numbered(lo, 0, 100, 100);
	send_numbered(fd, 5000, 50, 1400);
	read_all(r, &s);
	assert_int_equal(ring_drops(r), 0);
	assert_int_equal(s.n[0], 5050);
	assert_int_equal(s.n[1], 5050);
	assert_int_equal(s.other, 0);
	assert_int_equal(s.loopback, 0);
	assert_int_equal(s.short_ones, 100);
	assert_int_equal(s.longest, SNAPLEN - 14);
	close(fd);
	close(other);
	close(lo);
	ring_free(r);
}

static void *
keep_sending(void *arg)
{
	send_numbered(*(int *)arg, 0, 20000, 40);
	return NULL;
}

static void
test_filter_is_changed(void **state)
{
	struct sock_fprog with = program("not (port 5000)");
	struct sock_fprog without = program("");
	struct seen s = { .longest = 0 };
	pthread_t thread;
	struct ring *r;
	unsigned i;
	int fd;

	(void)state;
	if (!ready)
		skip();
	r = start("", 8 << 20);
	fd = sender("198.51.100.2", PORT);
	assert_int_equal(pthread_create(&thread, NULL, keep_sending, &fd), 0);
	for (i = 0; i < 400; i++) {
		assert_int_equal(ring_set_filter(r, i % 2 ? &with : &without),
		    0);
		(void)ring_read(r, 1000, look, &s);
	}
	pthread_join(thread, NULL);
	read_all(r, &s);
	assert_int_equal(ring_drops(r), 0);
	assert_int_equal(s.n[0], 20000);
	assert_int_equal(s.n[1], 20000);
	close(fd);
	ring_free(r);
	filter_free(&with);
	filter_free(&without);
}

static void
test_segments(void **state)
{
	struct seen s = { .longest = 0 };
	int fd, size = 500, i;
	char bytes[5200] = { 0 };
	struct ring *r;

	(void)state;
	if (!ready)
		skip();
	r = start("", 4 << 20);
	fd = sender("198.51.100.2", PORT);
	if (!ring_knows_gso(r) || setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT,
	    &size, sizeof(size)) != 0) {
		ring_free(r);
		close(fd);
		skip();
	}
	for (i = 0; i < 20; i++)
		(void)send(fd, bytes, sizeof(bytes), 0);
	read_all(r, &s);
	assert_int_equal(s.n[0], 20);
	assert_int_equal(s.n[1], 20);
	assert_int_equal(s.gso, 40);
	assert_int_equal(s.gso_size, 500);
	assert_int_equal(ring_drops(r), 0);
	close(fd);
	ring_free(r);
}

/* Frames with tags in them, as a device sends them that cannot tag. */
static void
test_tags(void **state)
{
	static const uint8_t macs[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(0x8100),
	    .sll_ifindex = (int)if_nametoindex("here") };
	struct seen s = { .longest = 0 };
	uint8_t frame[64] = { 0 }, *ip;
	struct ring *r;
	uint32_t number;
	unsigned tags;
	int fd;

	(void)state;
	if (!ready)
		skip();
	r = start("", 4 << 20);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	for (tags = 1; tags <= 2; tags++) {
		memcpy(frame, macs, sizeof(macs));
		memcpy(frame + 12, "\x81\0\0\5\x81\0\0\6", 8);
		ip = frame + 12 + 4 * tags;
		memcpy(ip, "\x08\0\x45\0\0\x20", 6);
		ip += 2;
		memcpy(ip + 8, "\x40\x11\0\0\xc6\x33\x64\1\xc6\x33\x64\2",
		    12);
		memcpy(ip + 20, "\0\x09\x0f\xa0\0\x0c\0\0", 8);
		number = tags - 1;
		memcpy(ip + 28, &number, sizeof(number));
		assert_int_equal(sendto(fd, frame, 46 + 4 * tags, 0,
		    (struct sockaddr *)&to, sizeof(to)), 46 + 4 * tags);
	}
	read_all(r, &s);
	assert_int_equal(s.n[0], 2);
	close(fd);
	ring_free(r);
}

/* What finds no room is counted. */
static void
test_too_small(void **state)
{
	struct seen s = { .longest = 0 };
	uint32_t drops;
	struct ring *r;
	int fd;

	(void)state;
	if (!ready)
		skip();
	r = start("udp port 4000", 1 << 20);	/* nothing else is dropped */
	fd = sender("198.51.100.2", PORT);
	send_numbered(fd, 0, 10000, 250);
	drops = ring_drops(r);
	assert_true(drops > 0);
	s.next[0] = s.next[1] = 0;
	read_all(r, &s);
	assert_int_equal(s.n[0] + s.n[1] + drops, 20000);
	close(fd);
	ring_free(r);
}

static void
test_filter_errors(void **state)
{
	struct sock_fprog p;
	struct buf why;

	(void)state;
	buf_init(&why, 0);
	assert_int_equal(filter_make(&p, "not (prot 53)", 256, &why), -EINVAL);
	assert_non_null(strstr(buf_text(&why), "capture filter: "));
	/* Only one of the two ways knows these. */
	assert_int_equal(filter_make(&p, "not (ifindex 7)", 256, &why), 0);
	filter_free(&p);
	assert_int_equal(filter_make(&p, "not (ether host 2:0:0:0:0:1)", 256,
	    &why), -EINVAL);
	buf_fini(&why);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter_errors),
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_filter_is_changed),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_too_small),
	};

	return cmocka_run_group_tests_name("ring", tests, set_up, NULL);
}

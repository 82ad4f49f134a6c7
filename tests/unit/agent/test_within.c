/*
 * Rings inside network namespaces: what is told and when, frames, the limit.
 * Makes namespaces of its own; skipped without the right to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/within.h"
#include "collectors/packet/loopback.h"
#include "stream/stream.h"

#define SNAPLEN	236

/* A namespace: the descriptor of its ring, a socket in there, its inode. */
struct space {
	int		ring, talk;
	unsigned long	inode;
};

static void *
make_space(void *arg)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct space *s = arg;
	struct stat st;

	s->ring = -EPERM;
	if (unshare(CLONE_NEWNET) == -1)
		return NULL;
	s->talk = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ioctl(s->talk, SIOCSIFFLAGS, &lo) == 0 &&
	    stat("/proc/thread-self/ns/net", &st) == 0) {
		s->inode = st.st_ino;
		s->ring = loopback_open(SNAPLEN);
	}
	return NULL;
}

/* False where it is not allowed. */
static bool
open_space(struct space *s)
{
	pthread_t thread;

	memset(s, 0, sizeof(*s));
	assert_int_equal(pthread_create(&thread, NULL, make_space, s), 0);
	pthread_join(thread, NULL);
	return s->ring >= 0;
}

struct heard {
	struct loop	*loop;
	struct ledger	*ledger;
	struct within	*within;
	unsigned	 asked, told, frames;
	char		 asked_id[WIRE_ID], text[32];
	uint8_t		 last[256];
	size_t		 last_len;
};

static void
on_ask(void *ctx, const char *id, uint32_t pid)
{
	struct heard *h = ctx;

	assert_true(pid != 0);
	h->asked++;
	snprintf(h->asked_id, sizeof(h->asked_id), "%s", id);
}

static void
on_frame(void *ctx, const struct collector_input *in)
{
	struct heard *h = ctx;

	h->frames++;
	h->last_len = in->len < sizeof(h->last) ? in->len : sizeof(h->last);
	memcpy(h->last, in->bytes, h->last_len);
}

static void
on_told(void *ctx, const struct wire_answer *a, const char *text, size_t len)
{
	struct heard *h = ctx;

	assert_int_equal(a->verb, WIRE_OPEN_LOOPBACK);
	h->told++;
	snprintf(h->text, sizeof(h->text), "%.*s", (int)len, text);
}

static void
on_lost(void *ctx, uint64_t packets)
{
	(void)ctx;
	(void)packets;
	fail();
}

static void
begin(struct heard *h)
{
	memset(h, 0, sizeof(*h));
	h->loop = loop_new();
	h->ledger = ledger_new();
	h->within = within_new(&(struct within_env){ .loop = h->loop,
	    .ledger = h->ledger, .ask = on_ask, .frame = on_frame,
	    .told = on_told, .lost = on_lost, .ctx = h });
	assert_non_null(h->within);
}

static void
end(struct heard *h)
{
	within_free(h->within);
	ledger_free(h->ledger);
	loop_free(h->loop);
}

static void
change(struct heard *h, unsigned number, bool running)
{
	struct facts facts = { .network_mode = "bridge",
	    .init_pid = 1000 + number };
	struct container c = { .facts = &facts, .running = running };

	snprintf(c.id, sizeof(c.id), "%064x", number);
	within_on_container(h->within, &c);
}

static void
answer(struct heard *h, unsigned number, const struct space *s,
    const char *tables, size_t len)
{
	struct wire_answer a = { .verb = WIRE_OPEN_LOOPBACK,
	    .pid = 1000 + number };
	char bytes[1024];
	int n = snprintf(bytes, sizeof(bytes), "%lu ", s->inode);

	snprintf(a.id, sizeof(a.id), "%064x", number);
	memcpy(bytes + n, tables, len);
	within_on_answer(h->within, &a, bytes, (size_t)n + len, s->ring);
}

static void
pass(struct heard *h, int64_t ns)
{
	struct mono now = mono_now(&(struct mono_clock){ 0 });

	now.ns += ns;
	within_tick(h->within, now);
}

static uint64_t
noted(struct heard *h, const char *what)
{
	return ledger_get(ledger_noted(ledger_stage(h->ledger,
	    "packet.loopback"), what));
}

static void
test_one(void **state)
{
	/* Addresses stand in /proc/net as numbers of this machine. */
	char tables[400];
	int n = snprintf(tables, sizeof(tables), "  sl  local_address\n"
	    "  12: %08X:A001 00000000:0000 07\n%c"
	    "   0: %08X:B001 00000000:0000 0A\n", inet_addr("127.0.0.11"),
	    '\0', inet_addr("127.0.0.11"));
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons(9), .sin_addr.s_addr = inet_addr("127.0.0.1") };
	struct space s;
	struct heard h;
	unsigned i;

	(void)state;
	if (!open_space(&s))
		skip();
	begin(&h);
	change(&h, 7, true);
	change(&h, 7, true);
	assert_int_equal(h.asked, 1);
	answer(&h, 7, &s, tables, (size_t)n);
	assert_string_equal(h.text, "1 40961 45057");
	for (i = 0; i < 3; i++)
		(void)sendto(s.talk, "0123456789", 10, 0,
		    (const struct sockaddr *)&to, sizeof(to));
	/* The answers of closed ports among them. A block is open 20 ms. */
	for (i = 0; i < 100 && h.frames < 3; i++) {
		usleep(10000);
		within_drain(h.within);
	}
	assert_true(h.frames >= 3);
	/* SLL2: IPv4, interface, to this host. */
	assert_int_equal(h.last[0], 0x08);
	assert_int_equal(h.last[4], STREAM_INSIDE >> 24);
	assert_int_equal(h.last[7], 1);
	assert_int_equal(h.last[10], STREAM_SEEN_HOST);
	assert_int_equal(h.last[20] >> 4, 4);
	change(&h, 7, false);
	pass(&h, MONO_S);
	assert_true(ledger_stage_balances(ledger_stage(h.ledger,
	    "packet.loopback")));
	within_tell_again(h.within);
	assert_int_equal(h.told, 1);		/* nobody is there now */
	end(&h);
	close(s.talk);
}

/* Two containers in one namespace have one ring and one number. */
static void
test_pair(void **state)
{
	struct space s, again;
	struct heard h;

	(void)state;
	if (!open_space(&s))
		skip();
	begin(&h);
	change(&h, 1, true);
	answer(&h, 1, &s, "\0", 1);
	assert_string_equal(h.text, "1 0 0");
	again = s;
	again.ring = dup(s.talk);
	change(&h, 2, true);
	answer(&h, 2, &again, "\0", 1);
	assert_string_equal(h.text, "1 0 0");
	assert_int_equal(noted(&h, "rings_opened"), 1);
	change(&h, 1, false);
	pass(&h, MONO_S);
	within_tell_again(h.within);
	assert_int_equal(h.told, 3);
	end(&h);
	close(s.talk);
}

static bool
has_error(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) == 1;
}

static void
set_lo(const struct space *s, bool up)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0 };

	assert_int_equal(ioctl(s->talk, SIOCSIFFLAGS, &lo), 0);
}

/* A container may take lo down: that must not keep the loop turning. */
static void
test_down(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons(9), .sin_addr.s_addr = inet_addr("127.0.0.1") };
	struct space s;
	struct heard h;
	unsigned i;

	(void)state;
	if (!open_space(&s))
		skip();
	begin(&h);
	change(&h, 1, true);
	answer(&h, 1, &s, "\0", 1);
	set_lo(&s, false);
	assert_true(has_error(s.ring));
	within_drain(h.within);
	assert_false(has_error(s.ring));
	set_lo(&s, true);
	(void)sendto(s.talk, "0123456789", 10, 0,
	    (const struct sockaddr *)&to, sizeof(to));
	for (i = 0; i < 100 && h.frames == 0; i++) {
		usleep(10000);
		within_drain(h.within);
	}
	assert_true(h.frames > 0);
	end(&h);
	close(s.talk);
}

static void
test_limit(void **state)
{
	struct space s;
	struct heard h;
	unsigned i;

	(void)state;
	if (!open_space(&s))
		skip();
	close(s.talk);
	begin(&h);
	for (i = 1; i <= WITHIN_RINGS + 2; i++) {
		if (i > 1) {
			assert_true(open_space(&s));
			close(s.talk);
		}
		change(&h, i, true);
		answer(&h, i, &s, "\0", 1);
	}
	assert_int_equal(h.told, WITHIN_RINGS);
	assert_int_equal(noted(&h, "containers_over_limit"), 2);
	/* One ends: the first of those without a ring is asked for. */
	change(&h, 5, false);
	h.asked = 0;
	pass(&h, 0);
	assert_int_equal(h.asked, 0);
	pass(&h, MONO_S);
	assert_int_equal(h.asked, 1);
	assert_int_equal(strtoul(h.asked_id, NULL, 16), WITHIN_RINGS + 1);
	end(&h);
}

/* Answers that come too late or are of no use. */
static void
test_useless(void **state)
{
	struct wire_answer a = { .verb = WIRE_OPEN_LOOPBACK, .pid = 1003,
	    .status = -EEXIST };
	struct heard h;

	(void)state;
	begin(&h);
	change(&h, 3, true);
	snprintf(a.id, sizeof(a.id), "%064x", 3);
	within_on_answer(h.within, &a, "", 0, -1);
	assert_int_equal(noted(&h, "not_opened"), 0);
	change(&h, 3, false);
	a.status = -ESRCH;
	within_on_answer(h.within, &a, "", 0, -1);
	assert_int_equal(noted(&h, "not_opened"), 1);
	a.status = 0;
	within_on_answer(h.within, &a, "12 x", 4, dup(0));
	assert_int_equal(h.told, 0);
	end(&h);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_useless),
	};

	return cmocka_run_group_tests_name("within", tests, NULL, NULL);
}

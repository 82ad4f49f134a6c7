/*
 * Random traces: connections along random paths, sent again, cut anew, lost
 * at some points, delayed in queues. A bitmap of the bytes that any point
 * showed is the truth. No byte counts twice, none is forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tests/unit/stream/world.h"

#define WORLDS		120
#define STREAM_MAX	(256 * 1024)
#define COPIES_MAX	20000
#define FLOWS_MAX	5

struct random { uint64_t state; };

static uint32_t
draw(struct random *r, uint32_t below)
{
	/* xorshift64*, Vigna 2014 */
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return (uint32_t)((r->state * UINT64_C(2685821657736338717)) >> 33) %
	    below;
}

static bool
chance(struct random *r, uint32_t percent)
{
	return draw(r, 100) < percent;
}

struct route {
	const char	*client, *server;
	struct step	 there[3], back[3];
	size_t		 n;
};

static const struct route routes[] = {
	{ .client = C1, .server = C2, .n = 2,
	  .there = { { .ifindex = V1, .seen = PORT },
	      { .ifindex = V2, .seen = OUT } },
	  .back = { { .ifindex = V2, .seen = PORT },
	      { .ifindex = V1, .seen = OUT } } },
	{ .client = C1, .server = HOST_IP, .n = 2,
	  .there = { { .ifindex = V1, .seen = PORT },
	      { .ifindex = DOCKER0, .seen = IN } },
	  .back = { { .ifindex = DOCKER0, .seen = OUT },
	      { .ifindex = V1, .seen = OUT } } },
	{ .client = C1, .server = FAR, .n = 3,
	  .there = { { .ifindex = V1, .seen = PORT },
	      { .ifindex = DOCKER0, .seen = IN },
	      { .ifindex = ETH0, .seen = OUT, .from = HOST_IP } },
	  .back = { { .ifindex = ETH0, .seen = IN, .to = HOST_IP },
	      { .ifindex = DOCKER0, .seen = OUT },
	      { .ifindex = V1, .seen = OUT } } },
	{ .client = FAR, .server = HOST_IP, .n = 3,
	  .there = { { .ifindex = ETH0, .seen = IN },
	      { .ifindex = DOCKER0, .seen = OUT, .to = C1, .dport = 80 },
	      { .ifindex = V1, .seen = OUT, .to = C1, .dport = 80 } },
	  .back = { { .ifindex = V1, .seen = PORT, .from = C1, .sport = 80 },
	      { .ifindex = DOCKER0, .seen = IN, .from = C1, .sport = 80 },
	      { .ifindex = ETH0, .seen = OUT } } },
};

/* A copy on its way to the ring. */
struct copy {
	int64_t		at_us;
	size_t		order;		/* of making, for equal times */
	struct pkt	pkt;
	struct step	step;
};

struct subject {
	const struct route	*route;
	uint8_t			 proto;
	uint16_t		 sport;
	uint32_t		 isn[2], sent[2];
	bool			 bare;		/* no handshake: began before */
	uint8_t			*shown[2];	/* bytes that a point showed */
	uint64_t		 datagrams[2], bytes[2];
	int64_t			 queue_us[2][3];
};

struct trace {
	struct random	 random;
	struct subject	 subjects[FLOWS_MAX];
	size_t		 n_subjects;
	struct copy	*copies;
	size_t		 n_copies;
	int64_t		 now_us;
	uint64_t	 captured;	/* payload bytes of all copies */
};

static void
add_copy(struct trace *t, const struct pkt *p, const struct step *step,
    int64_t at_us)
{
	struct copy *c = &t->copies[t->n_copies];

	assert_true(t->n_copies < COPIES_MAX);
	*c = (struct copy){ .at_us = at_us, .order = t->n_copies, .pkt = *p,
	    .step = *step };
	t->n_copies++;
	t->captured += p->payload;
}

/* Until everything on its way has arrived. */
static void
wait_all(struct trace *t, const struct subject *s)
{
	size_t i;

	for (i = 0; i < s->route->n; i++) {
		if (s->queue_us[0][i] >= t->now_us)
			t->now_us = s->queue_us[0][i] + 1;
		if (s->queue_us[1][i] >= t->now_us)
			t->now_us = s->queue_us[1][i] + 1;
	}
}

/* One point's copies of a packet: whole, or cut into pieces. */
static void
show(struct trace *t, struct subject *s, unsigned dir, const struct pkt *p,
    const struct step *step, int64_t at_us)
{
	struct pkt piece = *p;
	size_t left = p->payload;
	uint32_t offset = p->seq - s->isn[dir] - 1;

	if (p->proto == IPPROTO_TCP && !(p->flags & SYN))
		memset(s->shown[dir] + offset, 1, p->payload);
	if (p->proto != IPPROTO_TCP || p->payload < 2000 ||
	    step->ifindex != ETH0) {
		add_copy(t, p, step, at_us);
		return;
	}
	while (left != 0) {
		piece.payload = left < 1448 ? left : 1448;
		add_copy(t, &piece, step, at_us);
		piece.seq += (uint32_t)piece.payload;
		left -= piece.payload;
	}
}

static void
send_packet(struct trace *t, struct subject *s, unsigned dir,
    const struct pkt *p, bool lossless)
{
	const struct step *path = dir == 0 ? s->route->there : s->route->back;
	struct random *r = &t->random;
	int64_t at_us = t->now_us;
	bool any = false;
	size_t i;

	for (i = 0; i < s->route->n; i++) {
		at_us += 1 + draw(r, 10);
		if (chance(r, 3))
			at_us += draw(r, 5000);
		/* A point keeps the order of what it sends. */
		if (at_us < s->queue_us[dir][i])
			at_us = s->queue_us[dir][i];
		s->queue_us[dir][i] = at_us;
		if (!lossless && chance(r, 2))
			continue;		/* the ring lost this copy */
		any = true;
		show(t, s, dir, p, &path[i], at_us);
		if (!lossless && chance(r, 3))
			break;			/* dropped on the way */
	}
	if (any && p->proto != IPPROTO_TCP) {
		s->datagrams[dir]++;
		s->bytes[dir] += p->payload;
	}
	t->now_us += draw(r, 300);
}

static struct pkt
packet_of(const struct subject *s, unsigned dir)
{
	const struct route *r = s->route;

	return (struct pkt){ .proto = s->proto,
	    .from = dir == 0 ? r->client : r->server,
	    .to = dir == 0 ? r->server : r->client,
	    .sport = dir == 0 ? s->sport : 8080,
	    .dport = dir == 0 ? 8080 : s->sport };
}

static void
tcp_step(struct trace *t, struct subject *s)
{
	struct random *r = &t->random;
	unsigned dir = draw(r, 2);
	struct pkt p = packet_of(s, dir);
	uint32_t from = s->sent[dir], len;

	p.flags = ACK;
	p.ack = s->isn[!dir] + 1 + s->sent[!dir];
	if (from != 0 && chance(r, 15))
		from = draw(r, from);		/* again, from anywhere */
	else if (chance(r, 5))
		from += draw(r, 20000);		/* what is before was lost */
	len = 1 + draw(r, chance(r, 30) ? 40000 : 1448);
	if (from + len > STREAM_MAX)
		return;
	p.seq = s->isn[dir] + 1 + from;
	p.payload = len;
	if (from + len > s->sent[dir])
		s->sent[dir] = from + len;
	send_packet(t, s, dir, &p, false);
}

static void
udp_step(struct trace *t, struct subject *s)
{
	struct random *r = &t->random;
	unsigned dir = draw(r, 2);
	struct pkt p = packet_of(s, dir);
	bool same = chance(r, 50);

	p.payload = same ? 100 : 1 + draw(r, 1400);
	p.fill = same ? 0 : (uint32_t)s->datagrams[dir] + 1;
	p.id = same ? 0 : (uint16_t)(s->datagrams[dir] + 1);
	/* Equal ones cannot be told apart: all points must see all of them. */
	send_packet(t, s, dir, &p, same);
}

static int
by_time(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void
know_alias(struct world *w, const struct subject *s)
{
	const struct route *r = s->route;

	if (r == &routes[2])
		world_nat(w, STREAM_NAT_NEW, s->proto, C1, s->sport, FAR, 8080,
		    FAR, 8080, HOST_IP, s->sport, s->sport);
	else if (r == &routes[3])
		world_nat(w, STREAM_NAT_NEW, s->proto, FAR, s->sport, HOST_IP,
		    8080, C1, 80, FAR, s->sport, s->sport);
	else
		world_nat(w, STREAM_NAT_NEW, s->proto, r->client, s->sport,
		    r->server, 8080, r->server, 8080, r->client, s->sport,
		    s->sport);
}

static void
start_subject(struct trace *t, struct subject *s, size_t n)
{
	struct random *r = &t->random;
	struct pkt p;

	*s = (struct subject){ .route = &routes[draw(r, 4)],
	    .sport = (uint16_t)(40000 + n),
	    .proto = chance(r, 60) ? IPPROTO_TCP : IPPROTO_UDP,
	    .bare = chance(r, 30) };
	s->isn[0] = draw(r, UINT32_MAX);
	s->isn[1] = chance(r, 30) ? 0U - 5000 : draw(r, UINT32_MAX);
	s->shown[0] = calloc(1, STREAM_MAX);
	s->shown[1] = calloc(1, STREAM_MAX);
	assert_non_null(s->shown[0]);
	assert_non_null(s->shown[1]);
	if (s->proto != IPPROTO_TCP || s->bare)
		return;
	p = packet_of(s, 0);
	p.flags = SYN;
	p.seq = s->isn[0];
	send_packet(t, s, 0, &p, true);
	wait_all(t, s);
	p = packet_of(s, 1);
	p.flags = SYN | ACK;
	p.seq = s->isn[1];
	p.ack = s->isn[0] + 1;
	send_packet(t, s, 1, &p, true);
	wait_all(t, s);
}

static uint64_t
shown_bytes(const uint8_t *shown)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < STREAM_MAX; i++)
		n += shown[i];
	return n;
}

static uint64_t
check_subject(const struct world *w, const struct subject *s)
{
	const struct route *r = s->route;
	const struct event *ev = world_find(w, r->client, s->sport, r->server,
	    8080);
	uint64_t expected[2] = { s->bytes[0], s->bytes[1] };

	if (s->proto == IPPROTO_TCP) {
		expected[0] = shown_bytes(s->shown[0]);
		expected[1] = shown_bytes(s->shown[1]);
	}
	if (ev == NULL) {
		assert_int_equal(expected[0] + expected[1], 0);
		return 0;
	}
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_SENT),
	    expected[0]);
	assert_int_equal(event_num(ev, FIELD_TALLYMAN_FLOW_PAYLOAD_RECEIVED),
	    expected[1]);
	if (s->proto == IPPROTO_UDP) {
		assert_int_equal(event_num(ev, FIELD_SOURCE_PACKETS),
		    s->datagrams[0]);
		assert_int_equal(event_num(ev, FIELD_DESTINATION_PACKETS),
		    s->datagrams[1]);
	}
	return expected[0] + expected[1];
}

static void
run_world(uint64_t seed)
{
	struct trace t = { .random = { seed * 7919 + 1 } };
	uint64_t counted = 0, in_events = 0;
	struct world w;
	size_t i, n;

	world_init(&w, NULL);
	t.copies = calloc(COPIES_MAX, sizeof(*t.copies));
	assert_non_null(t.copies);
	t.n_subjects = 1 + draw(&t.random, FLOWS_MAX);
	for (i = 0; i < t.n_subjects; i++) {
		start_subject(&t, &t.subjects[i], i);
		know_alias(&w, &t.subjects[i]);
	}
	for (n = draw(&t.random, 400); n > 0; n--) {
		struct subject *s = &t.subjects[draw(&t.random,
		    (uint32_t)t.n_subjects)];

		if (s->proto == IPPROTO_TCP)
			tcp_step(&t, s);
		else
			udp_step(&t, s);
	}
	qsort(t.copies, t.n_copies, sizeof(*t.copies), by_time);
	for (i = 0; i < t.n_copies; i++) {
		world_walk(&w, &t.copies[i].pkt, &t.copies[i].step, 1);
		if (i % 50 == 0)
			world_pass(&w, 10 * MONO_MS);
	}
	world_end(&w);
	for (i = 0; i < t.n_subjects; i++) {
		counted += check_subject(&w, &t.subjects[i]);
		free(t.subjects[i].shown[0]);
		free(t.subjects[i].shown[1]);
	}
	for (i = 0; world_final(&w, i) != NULL; i++)
		in_events += (uint64_t)(event_num(world_final(&w, i),
		    FIELD_TALLYMAN_FLOW_PAYLOAD_SENT) +
		    event_num(world_final(&w, i),
		    FIELD_TALLYMAN_FLOW_PAYLOAD_RECEIVED));
	/* No byte is in a flow that nobody made. */
	assert_int_equal(in_events, counted);
	assert_true(counted <= t.captured);
	assert_true(i <= t.n_subjects);
	assert_true(world_balances(&w));
	free(t.copies);
	world_fini(&w);
}

static void
test_random_traces(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= WORLDS; seed++) {
		run_world(seed);
		if (seed % 40 == 0)
			print_message("# seed %u done\n", (unsigned)seed);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_traces),
	};

	return cmocka_run_group_tests_name("stream property", tests, NULL,
	    NULL);
}

/*
 * What one captured copy costs in stream, new and dropped apart: flows that
 * go out through SNAT, seen on veth, bridge and uplink. Batches of packets are
 * put through one point after the other, so that each point is timed alone.
 * The figures are medians over the batches, which others on the machine
 * disturb least, with the fastest tenth beside them.
 *
 * Usage: bench_stream [flows] [packets of each]
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/core/ledger.h"
#include "agent/core/pipeline.h"
#include "lib/mono.h"
#include "stream/stream.h"

#define MANY_FLOWS	10000	/* whose memory can be told by pages */
#define BATCH	64
#define CAPTURED 128
#define POINTS	3

enum { ETH0 = 2, DOCKER0 = 3, VETH = 11 };

static const uint32_t ifindexes[POINTS] = { VETH, DOCKER0, ETH0 };
static const uint8_t seen[POINTS] = { STREAM_SEEN_HOST, STREAM_SEEN_HOST,
    STREAM_SEEN_OUTGOING };

struct bench {
	struct stream	*stream;
	uint32_t	*ns[POINTS];	/* of each full batch */
	size_t		 n_batches;
	uint64_t	 total_ns;
	int64_t		 wall_ns;
	size_t		 flows, rounds;
	uint8_t		 proto;
	bool		 ids;		/* IPv4 ID counts up */
};

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t
container_ip(size_t flow)
{
	return 0xac110002U + (uint32_t)(flow >> 14);
}

static uint16_t
port_of(size_t flow)
{
	return (uint16_t)(20000 + (flow & 0x3fff));
}

/* One data packet of a flow as it is at a point. */
static size_t
build(const struct bench *b, size_t flow, size_t round, unsigned point,
    uint8_t *out)
{
	size_t payload = b->proto == IPPROTO_TCP ? 1448 : 64;
	size_t l4 = b->proto == IPPROTO_TCP ? 20 : 8;

	memset(out, 0, CAPTURED);
	out[0] = 0x45;
	put16(out + 2, (uint32_t)(20 + l4 + payload));
	put16(out + 4, b->ids ? (uint32_t)round + 1 : 0);
	out[8] = (uint8_t)(64 - (point == 2));
	out[9] = b->proto;
	put32(out + 12, point == 2 ? 0xc000020aU + (uint32_t)(flow >> 14) :
	    container_ip(flow));
	put32(out + 16, 0xcb007109U);
	put16(out + 20, port_of(flow));
	put16(out + 22, 443);
	if (b->proto == IPPROTO_TCP) {
		put32(out + 24, (uint32_t)(1000 + round * 1448));
		put32(out + 28, 1);
		out[32] = 5 << 4;
		out[33] = 0x10;
	} else {
		put16(out + 24, (uint32_t)(8 + payload));
		put32(out + 28, (uint32_t)round);
	}
	return 20 + l4 + payload;
}

static void
feed(struct bench *b, size_t flow, size_t round)
{
	static uint8_t bytes[POINTS][BATCH][CAPTURED];
	struct stream_packet p = { .ethertype = 0x0800 };
	size_t n = b->flows - flow < BATCH ? b->flows - flow : BATCH, i;
	unsigned point;
	uint64_t start;

	for (point = 0; point < POINTS; point++)
		for (i = 0; i < n; i++)
			p.wire_len = build(b, flow + i, round, point,
			    bytes[point][i]);
	for (point = 0; point < POINTS; point++) {
		p.ifindex = ifindexes[point];
		p.seen = seen[point];
		p.len = p.wire_len < CAPTURED ? p.wire_len : CAPTURED;
		start = now_ns();
		for (i = 0; i < n; i++) {
			p.bytes = bytes[point][i];
			p.when.ns = b->wall_ns += 1000;
			stream_packet(b->stream, &p);
		}
		start = now_ns() - start;
		b->total_ns += start;
		b->ns[point][b->n_batches] = (uint32_t)(start / n);
	}
	b->n_batches++;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
print(const char *name, struct bench *b)
{
	static const char *const what[POINTS] = { "new",
	    "copy on the bridge", "translated copy" };
	unsigned point;

	printf("%s:", name);
	for (point = 0; point < POINTS; point++) {
		qsort(b->ns[point], b->n_batches, sizeof(*b->ns[point]),
		    compare);
		printf("%s %s %u ns (%u)", point == 0 ? "" : ",", what[point],
		    b->ns[point][b->n_batches / 2],
		    b->ns[point][b->n_batches / 10]);
	}
	printf("\n");
}

static struct ipaddr
ip(uint32_t v)
{
	uint8_t bytes[4];

	put32(bytes, v);
	return ipaddr_v4(bytes);
}

static void
know_alias(struct bench *b, size_t flow)
{
	struct stream_nat e = { .kind = STREAM_NAT_NEW, .proto = b->proto,
	    .id = (uint32_t)flow + 1, .when = { b->wall_ns } };

	e.original = (struct stream_tuple){ ip(container_ip(flow)),
	    ip(0xcb007109U), port_of(flow), 443 };
	e.reply = (struct stream_tuple){ ip(0xcb007109U),
	    ip(0xc000020aU + (uint32_t)(flow >> 14)), 443, port_of(flow) };
	stream_nat(b->stream, &e);
}

static size_t
resident(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	fclose(f);
	return pages * 4096;
}

static uint64_t
noted(struct ledger *ledger, const char *what)
{
	return ledger_get(ledger_noted(ledger_stage(ledger, "stream.flow"),
	    what));
}

/* Of each of n, by what is resident; a page more or less would show in few. */
static long
share(size_t before, size_t after, size_t n)
{
	return ((long)after - (long)before) / (long)n;
}

static int
run(const char *name, struct bench b)
{
	struct stream_conf conf = { .period_ns = 10 * MONO_S,
	    .idle_timeout_ns = 60 * MONO_S, .report_bytes = 1 << 30,
	    .max_flows = 1 << 17, .max_aliases = 1 << 17,
	    .max_datagrams = 262144, .window_ns = 5 * MONO_S };
	static const struct mono_clock clock;
	struct ledger *ledger = ledger_new();
	struct pipeline *pipeline = pipeline_new(ledger, &clock);
	uint64_t expected = (uint64_t)b.flows * b.rounds;
	size_t flow, round, before, aliases, batches, first = 0, second = 0;
	unsigned point;

	batches = (b.flows + BATCH - 1) / BATCH * b.rounds;
	for (point = 0; point < POINTS; point++) {
		b.ns[point] = calloc(batches, sizeof(*b.ns[point]));
		if (b.ns[point] == NULL)
			return 1;
	}
	b.stream = stream_new(&conf, ledger, pipeline, &clock);
	if (b.stream == NULL)
		return 1;
	b.wall_ns = INT64_C(1780000000) * MONO_S;
	before = resident();
	for (flow = 0; flow < b.flows; flow++)
		know_alias(&b, flow);
	aliases = resident();
	for (round = 0; round < b.rounds; round++) {
		for (flow = 0; flow < b.flows; flow += BATCH)
			feed(&b, flow, round);
		if (round == 1 && b.proto != IPPROTO_TCP)
			second = resident();
		if (round != 0)
			continue;
		/* Making flows is another cost. */
		first = resident();
		printf("%s: %zu flows: %llu ns for the three copies of the "
		    "first packet\n", name, b.flows,
		    (unsigned long long)(b.total_ns / b.flows));
		b.n_batches = 0;
	}
	if (b.flows >= MANY_FLOWS)
		printf("%s: memory of each alias %ld B, of each flow with its "
		    "first packet %ld B\n", name,
		    share(before, aliases, b.flows),
		    share(aliases, first, b.flows));
	if (b.flows >= MANY_FLOWS && second != 0)
		printf("%s: memory of a datagram in the window %ld B\n", name,
		    share(first, second, b.flows));
	print(name, &b);
	stream_tick(b.stream);
	if (noted(ledger, "packets") != expected ||
	    noted(ledger, "copies") != expected * 2) {
		printf("%s: counted %llu packets and %llu copies, not %llu\n",
		    name, (unsigned long long)noted(ledger, "packets"),
		    (unsigned long long)noted(ledger, "copies"),
		    (unsigned long long)expected);
		return 1;
	}
	stream_free(b.stream);
	pipeline_free(pipeline);
	ledger_free(ledger);
	for (point = 0; point < POINTS; point++)
		free(b.ns[point]);
	return 0;
}

int
main(int argc, char *argv[])
{
	size_t flows = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 500;
	int failed = 0;

	if (flows == 0 || flows > 100000 || rounds < 2)
		return 64;
	failed |= run("tcp", (struct bench){ .flows = flows, .rounds = rounds,
	    .proto = IPPROTO_TCP, .ids = true });
	failed |= run("udp", (struct bench){ .flows = flows, .rounds = rounds,
	    .proto = IPPROTO_UDP, .ids = true });
	failed |= run("udp without IP ID", (struct bench){ .flows = flows,
	    .rounds = rounds, .proto = IPPROTO_UDP });
	return failed;
}

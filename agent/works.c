#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/procfs.h"
#include "agent/works.h"
#include "collectors/audit/audit.h"
#include "collectors/link/link.h"
#include "lib/cursor.h"

#define LOG_TAG "works"
#include "lib/log.h"

const char *
works_version(void)
{
	return PACKAGE_VERSION;
}

static const void *
conf_of(const struct settings *s, enum collectors_id id)
{
	switch (id) {
	case COLLECTORS_PACKET:
		return &s->packet;
	case COLLECTORS_AUDIT:
		return &s->audit;
	default:
		return NULL;
	}
}

static void
on_address(void *ctx, const struct stream_address *sa)
{
	struct works *w = ctx;

	enrich_host_address(w->enrich, &sa->ip, sa->gone);
}

static void
on_peer(void *ctx, uint32_t ifindex, int32_t nsid, bool gone)
{
	struct works *w = ctx;

	netns_link(enrich_netns(w->enrich), ifindex, nsid, gone);
}

static int
make_collectors(struct works *w)
{
	const struct works_env *env = &w->env;
	struct collector_env ce = {
		.ledger = w->ledger, .pipeline = w->pipeline,
		.clock = env->clock, .stream = w->stream,
		.processes = enrich_processes(w->enrich),
		.tap = env->tap, .tap_ctx = env->tap_ctx,
		.before_ctx = env->before_ctx,
	};

	for (int i = 0; i < COLLECTORS_COUNT; i++) {
		ce.conf = conf_of(env->settings, (enum collectors_id)i);
		ce.before = i == COLLECTORS_PACKET ? env->before_packets :
		    i == COLLECTORS_AUDIT ? env->before_audit : NULL;
		w->collectors[i] = collectors_table[i]->new(&ce);
		if (w->collectors[i] == NULL)
			return -ENOMEM;
	}
	link_listen_address(w->collectors[COLLECTORS_LINK], on_address, w);
	link_listen_peer(w->collectors[COLLECTORS_LINK], on_peer, w);
	return 0;
}

static void
on_container(void *ctx, const struct container *c)
{
	struct works *w = ctx;
	struct json_writer json;
	struct buf text;

	if (w->env.on_change != NULL)
		w->env.on_change(w->env.on_container_ctx, c);
	if (w->env.on_container == NULL)
		return;
	buf_init(&text, 0);
	json_writer_init(&json, &text);
	container_write_json(c, &json);
	if (buf_ok(&text))
		w->env.on_container(w->env.on_container_ctx, c->id,
		    c->facts->name, buf_text(&text), text.len);
	buf_fini(&text);
}

int
works_init(struct works *w, const struct works_env *env)
{
	struct enrich_env ee = {
		.conf = &env->settings->enrich, .clock = env->clock,
		.ask = env->ask, .live = env->live,
	};

	memset(w, 0, sizeof(*w));
	w->env = *env;
	w->ledger = ledger_new();
	if (w->ledger == NULL)
		return -ENOMEM;
	w->pipeline = pipeline_new(w->ledger, env->clock);
	if (w->pipeline == NULL)
		return -ENOMEM;
	w->stream = stream_new(&env->settings->stream, w->ledger, w->pipeline,
	    env->clock);
	if (w->stream == NULL)
		return -ENOMEM;
	ee.ledger = w->ledger;
	ee.pipeline = w->pipeline;
	if (env->live) {
		ee.own_pids[0] = (uint32_t)getpid();
		ee.own_pids[1] = (uint32_t)getppid();
	}
	w->enrich = enrich_new(&ee);
	if (w->enrich == NULL)
		return -ENOMEM;
	if (env->on_container != NULL || env->on_change != NULL)
		container_table_on_change(enrich_containers(w->enrich),
		    on_container, w);
	return make_collectors(w);
}

/* What feeds comes first; the pipeline goes before what it calls. */
void
works_fini(struct works *w)
{
	for (int i = 0; i < COLLECTORS_COUNT; i++)
		if (w->collectors[i] != NULL)
			collectors_table[i]->free(w->collectors[i]);
	stream_free(w->stream);
	if (w->pipeline != NULL)
		pipeline_free(w->pipeline);
	enrich_free(w->enrich);
	rules_free(w->rules);
	ledger_free(w->ledger);
	memset(w, 0, sizeof(*w));
}

int
works_load_rules(struct works *w, const struct settings *settings,
    struct buf *errors)
{
	struct conf_list paths;
	char **room = settings_rule_paths(settings, &paths);
	int rc = 0;

	if (room == NULL)
		return -ENOMEM;
	if (w->rules != NULL)
		rc = rules_reload(w->rules, &paths, errors);
	else if ((w->rules = rules_load(&paths, w->ledger, errors)) == NULL)
		rc = -errno;
	else {
		rules_attach(w->rules, w->pipeline);
		pipeline_add_judge(w->pipeline, "rules", rules_judge,
		    w->rules);
	}
	free(room);
	return rc;
}

/* The parts of a WIRE_PROC answer, see agent/procfs.h. */
static void
on_proc(struct works *w, const struct wire_answer *a, const char *bytes,
    size_t len)
{
	struct process_proc_answer p = { .gone = a->status != 0 };
	struct { const char **text; size_t *len; } parts[PROCFS_PARTS] = {
		[PROCFS_CGROUP] = { &p.cgroup, &p.cgroup_len },
		[PROCFS_STATUS] = { &p.status, &p.status_len },
		[PROCFS_CMDLINE] = { &p.cmdline, &p.cmdline_len },
		[PROCFS_EXE] = { &p.exe, &p.exe_len },
		[PROCFS_STAT] = { &p.stat, &p.stat_len },
	};
	struct cursor c = cursor_make(bytes, len);

	for (size_t i = 0; i < PROCFS_PARTS && !p.gone; i++) {
		*parts[i].len = cursor_u32host(&c);
		*parts[i].text = (const char *)cursor_take(&c, *parts[i].len);
	}
	if (!cursor_ok(&c))
		return;
	process_on_proc(enrich_processes(w->enrich), a->pid, &p);
}

static void
on_netns(struct works *w, const struct wire_answer *a, const char *bytes,
    size_t len)
{
	struct enrich_netns got;
	uint8_t id[32];
	bool good = a->status == 0 && len == sizeof(got);

	if (!container_id_parse(a->id, strnlen(a->id, WIRE_ID), id))
		return;
	if (good)
		memcpy(&got, bytes, sizeof(got));
	netns_on_answer(enrich_netns(w->enrich), id, good ? &got : NULL);
}

static void
on_socket(struct works *w, const struct wire_answer *a, const char *bytes,
    size_t len)
{
	struct enrich_socket_answer got;
	uint8_t id[32] = { 0 };

	if (len != sizeof(got) || (a->id[0] != '\0' &&
	    !container_id_parse(a->id, strnlen(a->id, WIRE_ID), id)))
		return;
	memcpy(&got, bytes, sizeof(got));
	enrich_on_socket(w->enrich, id, a->status, &got);
}

static void
on_docker(struct works *w, const struct wire_answer *a, const char *bytes,
    size_t len)
{
	struct docker *d = enrich_docker(w->enrich);
	bool good = a->status == 200;

	if (d == NULL)
		return;
	switch (a->verb) {
	case WIRE_DOCKER_LIST:
		docker_on_list(d, good ? bytes : NULL, good ? len : 0);
		break;
	case WIRE_DOCKER_INSPECT:
		docker_on_inspect(d, a->id, a->status > 0 ? a->status : 0,
		    a->status > 0 ? bytes : NULL, a->status > 0 ? len : 0);
		break;
	default:
		if (len > 0 && good)
			docker_on_event_bytes(d, bytes, len);
		if (a->flags & WIRE_LAST)
			docker_on_events_end(d, a->status > 0 ?
			    "the stream ended" : strerror(-a->status));
		break;
	}
}

/* "SCOPE UDP TCP", see agent/within.h. */
static void
on_inside(struct works *w, const struct wire_answer *a, const char *bytes,
    size_t len)
{
	unsigned scope = 0, udp = 0, tcp = 0;
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len :
	    sizeof(text) - 1), len > 0 ? bytes : "");
	if (a->status != 0 ||
	    sscanf(text, "%5u %5u %5u", &scope, &udp, &tcp) != 3 ||
	    scope == 0 || scope > STREAM_INSIDE_MAX || udp > UINT16_MAX ||
	    tcp > UINT16_MAX)
		return;
	stream_inside(w->stream, &(struct stream_inside){
	    .scope = (uint16_t)scope, .resolver_udp = (uint16_t)udp,
	    .resolver_tcp = (uint16_t)tcp });
	enrich_within(w->enrich, (uint16_t)scope, a->id);
}

void
works_answer(struct works *w, const struct wire_answer *a, const char *bytes,
    size_t len)
{
	/* Whatever answer says it: bytes of Docker's stream are missing. */
	if ((a->flags & WIRE_LOST) && enrich_docker(w->enrich) != NULL)
		docker_on_gap(enrich_docker(w->enrich), 1);
	switch (a->verb) {
	case WIRE_PROC:
		on_proc(w, a, bytes, len);
		break;
	case WIRE_SOCKET:
		on_socket(w, a, bytes, len);
		break;
	case WIRE_NETNS:
		on_netns(w, a, bytes, len);
		break;
	case WIRE_PROC_SCAN:
		process_on_scan_end(enrich_processes(w->enrich));
		break;
	case WIRE_OPEN_LOOPBACK:
		on_inside(w, a, bytes, len);
		break;
	case WIRE_DOCKER_LIST:
	case WIRE_DOCKER_INSPECT:
	case WIRE_DOCKER_EVENTS:
		on_docker(w, a, bytes, len);
		break;
	}
}

void
works_tick(struct works *w, struct mono now)
{
	for (int i = 0; i < COLLECTORS_COUNT; i++)
		collectors_table[i]->tick(w->collectors[i], now);
	stream_tick(w->stream);
	enrich_tick(w->enrich, now);
	pipeline_tick(w->pipeline);
	if (w->rules != NULL)
		rules_tick(w->rules, mono_wall(w->env.clock));
}

void
works_finish(struct works *w)
{
	static const struct mono far = { INT64_MAX };

	for (int i = 0; i < COLLECTORS_COUNT; i++)
		if (w->collectors[i] != NULL)
			collectors_table[i]->tick(w->collectors[i], far);
	stream_free(w->stream);
	w->stream = NULL;
	pipeline_flush(w->pipeline);
	if (w->rules != NULL)
		rules_flush(w->rules);
	pipeline_flush(w->pipeline);
}

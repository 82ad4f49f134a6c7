#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ask.h"
#include "agent/bundle.h"
#include "agent/control.h"
#include "agent/core/loop.h"
#include "agent/engine.h"
#include "agent/part.h"
#include "agent/printer.h"
#include "agent/privileges.h"
#include "agent/within.h"
#include "agent/works.h"
#include "collectors/audit/audit.h"
#include "collectors/audit/control.h"
#include "collectors/conntrack/conntrack.h"
#include "collectors/link/link.h"
#include "collectors/packet/packet.h"
#include "enrich/docker.h"
#include "outputs/outputs.h"
#include "outputs/writer.h"

#define LOG_TAG "main"
#include "lib/log.h"

#define TICK		(25 * MONO_MS)
#define REST		(4 * MONO_MS)	/* under load, see loop.h */
#define RETRY		(10 * MONO_S)
#define AUDIT_STATUS	(5 * MONO_S)
#define LEDGER_EVENT	(60 * MONO_S)
#define DRAIN_ALL	(1 << 20)
#define DRAIN_LAST	(1 << 16)	/* of each collector, at the end */
#define PATIENCE	(60 * MONO_S)	/* with an answer of the broker */

/* Messages per wake-up; the loop calls again for what is left. */
static const int budgets[COLLECTORS_COUNT] = {
	[COLLECTORS_LINK] = 16, [COLLECTORS_CONNTRACK] = 64,
	[COLLECTORS_PACKET] = 4096, [COLLECTORS_PROC] = 1024,
	[COLLECTORS_AUDIT] = 1024,
};

struct engine;

/* What a descriptor's callback gets. */
struct ear {
	struct engine		*engine;
	enum collectors_id	 id;
	struct loop_fd		*watch;
};

struct engine {
	struct settings			*settings;
	const struct engine_options	*options;
	struct mono_clock		 clock;
	struct loop			*loop;
	struct ask			*ask;
	struct enrich_ask		 enrich_ask;	/* filled with ask */
	struct works			 works;
	struct within			*within;	/* NULL: switched off */
	uint32_t			 own_pids[2];
	struct ear			 ears[COLLECTORS_COUNT];
	struct part			 parts[PARTS];
	struct outputs			*outputs;
	struct writer			*writer;
	struct control			*control;
	struct recorder			*recorder;
	int				 control_fd;
	struct mono			 tried, audit_asked, ledger_sent, started;
	struct mono			 asked[PARTS];
	struct mono			 docker_seen;
	struct wall			 since;
	bool				 rules_gone;	/* ask at the next tick */
	bool				 stopping;
	bool				 packets_wait;	/* for conntrack */
};

static enum part_id
part_of(enum collectors_id id)
{
	static const enum part_id parts[COLLECTORS_COUNT] = {
		[COLLECTORS_LINK] = PART_LINK,
		[COLLECTORS_CONNTRACK] = PART_CONNTRACK,
		[COLLECTORS_PACKET] = PART_PACKET,
		[COLLECTORS_PROC] = PART_PROC,
		[COLLECTORS_AUDIT] = PART_AUDIT,
	};

	return parts[id];
}

/* Inputs: recording, and what has to be known first. */

static void
tap(void *ctx, const char *collector, const struct collector_input *in)
{
	struct engine *e = ctx;

	if (e->recorder != NULL)
		recorder_tap(e->recorder, collector, in);
}

static void
hear(struct engine *e, enum collectors_id id, int budget)
{
	struct ear *ear = &e->ears[id];
	int rc;

	if (ear->watch == NULL)
		return;
	rc = collectors_table[id]->read(e->works.collectors[id], budget);
	if (rc >= budget)
		loop_hurry(e->loop);
	if (rc >= 0)
		return;
	loop_fd_remove(ear->watch);
	ear->watch = NULL;
	part_missing(&e->parts[part_of(id)], part_of(id), strerror(-rc));
}

static void
before_packets(void *ctx)
{
	hear(ctx, COLLECTORS_CONNTRACK, DRAIN_ALL);
}

static void
before_audit(void *ctx)
{
	hear(ctx, COLLECTORS_PROC, DRAIN_ALL);
}

/*
 * While conntrack does not know all connections, packets stay in the ring:
 * without its alias a translated copy would be counted as another flow.
 */
static void
let_packets_wait(struct engine *e)
{
	const void *conntrack = e->works.collectors[COLLECTORS_CONNTRACK];
	struct loop_fd *packets = e->ears[COLLECTORS_PACKET].watch;
	bool wait = e->ears[COLLECTORS_CONNTRACK].watch != NULL &&
	    conntrack_is_behind(conntrack);

	if (packets != NULL && wait != e->packets_wait)
		loop_fd_change(packets, wait ? 0 : LOOP_READ);
	e->packets_wait = wait;
}

/* What the writer refuses is gone, and what comes before the scan of /proc
 * nobody's, while the kernel has room for a while. */
static bool
audit_waits(const struct engine *e)
{
	return ((e->writer != NULL && writer_is_behind(e->writer)) ||
	    process_is_scanning(enrich_processes(e->works.enrich))) &&
	    audit_may_wait(e->works.collectors[COLLECTORS_AUDIT]);
}

static void
on_ear(void *ctx, int fd, unsigned what)
{
	struct ear *ear = ctx;
	struct engine *e = ear->engine;

	(void)fd;
	(void)what;
	if (ear->id == COLLECTORS_PACKET) {
		hear(e, COLLECTORS_CONNTRACK, DRAIN_ALL);
		hear(e, COLLECTORS_PROC, DRAIN_ALL);
	}
	let_packets_wait(e);
	if ((ear->id != COLLECTORS_PACKET || !e->packets_wait) &&
	    (ear->id != COLLECTORS_AUDIT || !audit_waits(e)))
		hear(e, ear->id, budgets[ear->id]);
}

/* A collector has its descriptor: listen. */
static void
listen_to(struct engine *e, enum collectors_id id, int fd, const char *how)
{
	struct ear *ear = &e->ears[id];
	/* Packets and audit records wait for what explains them. */
	int priority = id == COLLECTORS_PACKET || id == COLLECTORS_AUDIT;

	loop_fd_remove(ear->watch);
	ear->engine = e;
	ear->id = id;
	ear->watch = loop_fd_add(e->loop, fd, LOOP_READ, priority, on_ear, ear);
	if (ear->watch == NULL)
		part_missing(&e->parts[part_of(id)], part_of(id),
		    strerror(errno));
	else
		part_there(&e->parts[part_of(id)], part_of(id), how);
}

static void
start_collector(struct engine *e, enum collectors_id id, int fd,
    const char *how)
{
	int rc = collectors_table[id]->start(e->works.collectors[id], fd);

	if (rc == 0)
		listen_to(e, id, fd, how);
	else
		part_missing(&e->parts[part_of(id)], part_of(id),
		    strerror(-rc));
}

static void
on_dump_wanted(void *ctx)
{
	struct engine *e = ctx;

	ask_verb(e->ask, WIRE_CONNTRACK_DUMP);
}

static void
on_rules_gone(void *ctx)
{
	struct engine *e = ctx;

	e->rules_gone = true;
}

static void
on_audit_wanted(void *ctx)
{
	struct engine *e = ctx;

	ask_verb(e->ask, WIRE_AUDIT_YIELD);
}

static void
on_link(void *ctx, const struct stream_link *link, bool hairpin)
{
	struct engine *e = ctx;

	packet_on_link(e->works.collectors[COLLECTORS_PACKET], link, hairpin);
}

/* Answers of the broker. */

static bool
opens(uint32_t verb, enum collectors_id *id)
{
	switch (verb) {
	case WIRE_OPEN_AUDIT:
		*id = COLLECTORS_AUDIT;
		return true;
	case WIRE_OPEN_PROC:
		*id = COLLECTORS_PROC;
		return true;
	case WIRE_OPEN_CONNTRACK:
		*id = COLLECTORS_CONNTRACK;
		return true;
	default:
		return false;
	}
}

static void
on_opened(struct engine *e, enum collectors_id id,
    const struct wire_answer *a, const char *text, int fd)
{
	enum part_id part = part_of(id);
	bool first = e->parts[part].state == PART_ASKED;

	if (a->status == 0 && fd != -1)
		start_collector(e, id, fd, text);
	else if (a->status == -ECANCELED)
		part_off(&e->parts[part], text);
	else
		part_missing(&e->parts[part], part,
		    text[0] != '\0' ? text : strerror(-a->status));
	/* Subscribed first, then scanned: nothing falls in between. Nobody
	 * tells of exits while the connector is missing: scans do. */
	if (id == COLLECTORS_PROC && (first || a->status == 0))
		enrich_start(e->works.enrich);
	else if (id == COLLECTORS_PROC)
		process_scan(enrich_processes(e->works.enrich));
}

static void
on_audit_status(struct engine *e, const struct wire_answer *a,
    const char *bytes, size_t len)
{
	struct audit_control_status st;

	if (a->status != 0 || len != sizeof(st))
		return;
	memcpy(&st, bytes, sizeof(st));
	audit_lost_set(e->works.collectors[COLLECTORS_AUDIT], st.lost);
	/* Multicast, and whoever was the audit daemon is gone. */
	if (st.owner_pid == 0)
		ask_verb(e->ask, WIRE_AUDIT_YIELD);
}

/* The other way of records: what the first one still holds comes before. */
static void
on_audit_yield(struct engine *e, const struct wire_answer *a,
    const char *text, int fd)
{
	if (a->status == -EALREADY || (a->status == 0 && fd == -1))
		return;
	if (a->status != 0) {
		log_warnx("audit stays as it is: %s", strerror(-a->status));
		return;
	}
	hear(e, COLLECTORS_AUDIT, DRAIN_LAST);
	loop_fd_remove(e->ears[COLLECTORS_AUDIT].watch);
	e->ears[COLLECTORS_AUDIT].watch = NULL;
	audit_switch(e->works.collectors[COLLECTORS_AUDIT], fd);
	listen_to(e, COLLECTORS_AUDIT, fd, text);
}

static void
on_answer(void *ctx, const struct wire_answer *a, const char *bytes,
    size_t len, int fd)
{
	struct engine *e = ctx;
	enum collectors_id id;
	char text[PART_WHY];

	snprintf(text, sizeof(text), "%.*s", (int)(len < PART_WHY ? len :
	    PART_WHY - 1), len > 0 ? bytes : "");
	if (opens(a->verb, &id)) {
		on_opened(e, id, a, text, fd);
		return;
	}
	if (a->verb == WIRE_OPEN_LOOPBACK && e->within != NULL) {
		within_on_answer(e->within, a, bytes, len, fd);
		return;
	}
	if (a->verb == WIRE_AUDIT_YIELD) {
		on_audit_yield(e, a, text, fd);
		return;
	}
	if (fd != -1)
		close(fd);
	if (a->verb == WIRE_AUDIT_STATUS) {
		on_audit_status(e, a, bytes, len);
		return;
	}
	/* /proc's answer counts only for who still has the pid. */
	if (a->verb == WIRE_PROC || a->verb == WIRE_SOCKET)
		before_audit(e);
	if (e->recorder != NULL)
		recorder_answer(e->recorder, mono_wall(&e->clock), a, bytes,
		    len);
	works_answer(&e->works, a, bytes, len);
}

static void
on_broker_gone(void *ctx)
{
	struct engine *e = ctx;

	if (!e->stopping)
		log_errx("the broker is gone: stopping");
	e->stopping = true;
	loop_stop(e->loop);
}

/* Inside containers. */

static void
ask_inside(void *ctx, const char *id, uint32_t pid)
{
	struct engine *e = ctx;

	ask_loopback(e->ask, id, pid);
}

static void
on_inside_frame(void *ctx, const struct collector_input *in)
{
	struct engine *e = ctx;

	tap(e, packet_collector.name, in);
	packet_collector.feed(e->works.collectors[COLLECTORS_PACKET], in);
}

static void
on_inside_told(void *ctx, const struct wire_answer *a, const char *text,
    size_t len)
{
	struct engine *e = ctx;

	if (e->recorder != NULL)
		recorder_answer(e->recorder, mono_wall(&e->clock), a, text,
		    len);
	works_answer(&e->works, a, text, len);
}

static void
on_inside_lost(void *ctx, uint64_t packets)
{
	struct engine *e = ctx;

	stream_lost(e->works.stream, packets);
}

static void
on_change(void *ctx, const struct container *c)
{
	struct engine *e = ctx;

	if (e->within != NULL)
		within_on_container(e->within, c);
}

static int
open_within(struct engine *e)
{
	const struct within_env env = {
		.loop = e->loop, .ledger = e->works.ledger,
		.ask = ask_inside, .frame = on_inside_frame,
		.told = on_inside_told, .lost = on_inside_lost, .ctx = e,
	};

	if (!e->settings->packet.container_loopback ||
	    !e->settings->packet.enabled)
		return 0;
	e->within = within_new(&env);
	return e->within == NULL ? -errno : 0;
}

/* Timers. */

static void
ask_for(struct engine *e, enum part_id part, enum wire_verb verb)
{
	e->asked[part] = mono_now(&e->clock);
	ask_verb(e->ask, verb);
}

/* What needs no broker: the routing socket anew, the capture's own again. */
static void
retry_here(struct engine *e)
{
	int fd;

	if (e->parts[PART_LINK].state == PART_MISSING) {
		fd = link_open();
		if (fd >= 0)
			start_collector(e, COLLECTORS_LINK, fd, "");
	}
	if (e->parts[PART_PACKET].state == PART_MISSING) {
		fd = packet_fd(e->works.collectors[COLLECTORS_PACKET]);
		if (fd != -1)
			listen_to(e, COLLECTORS_PACKET, fd, "");
	}
}

static bool
is_wanted(const struct engine *e, enum part_id part)
{
	enum part_state s = e->parts[part].state;
	int64_t since = mono_now(&e->clock).ns - e->asked[part].ns;

	/* An answer may be dropped on its way. */
	return s == PART_MISSING || (s == PART_ASKED && since > PATIENCE);
}

static void
ask_for_missing(struct engine *e)
{
	static const struct {
		enum part_id	part;
		enum wire_verb	verb;
	} wanted[] = {
		{ PART_CONNTRACK, WIRE_OPEN_CONNTRACK },
		{ PART_PROC, WIRE_OPEN_PROC },
		{ PART_AUDIT, WIRE_OPEN_AUDIT },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (is_wanted(e, wanted[i].part))
			ask_for(e, wanted[i].part, wanted[i].verb);
	retry_here(e);
}

static void
watch_docker(struct engine *e, struct mono now)
{
	const char *trouble = "";
	char why[PART_WHY];

	if (enrich_docker_ready(e->works.enrich)) {
		e->docker_seen = now;
		part_there(&e->parts[PART_DOCKER], PART_DOCKER,
		    e->settings->enrich.docker_socket);
		return;
	}
	if (enrich_docker(e->works.enrich) != NULL)
		trouble = docker_trouble(enrich_docker(e->works.enrich));
	/* The first two seconds belong to the first answer, also of a stream
	 * that was opened anew; a socket that is not there needs no wait. */
	if (now.ns - e->docker_seen.ns < 2 * MONO_S &&
	    (e->parts[PART_DOCKER].state != PART_ASKED || trouble[0] == '\0'))
		return;
	snprintf(why, sizeof(why), "%s: %s", e->settings->enrich.docker_socket,
	    trouble[0] == '\0' ? "no answer" : trouble);
	part_missing(&e->parts[PART_DOCKER], PART_DOCKER, why);
}

/* The ledger once a minute, as an event of its own. */
static void
send_ledger(struct engine *e)
{
	struct event *ev = event_new(EVENT_AGENT, mono_wall(&e->clock));
	struct json_writer w;
	struct buf text;

	if (ev == NULL)
		return;
	buf_init(&text, 0);
	json_writer_init(&w, &text);
	ledger_write_json(e->works.ledger, &w);
	event_set_cstr(ev, FIELD_EVENT_KIND, "metric");
	event_add_str(ev, FIELD_EVENT_CATEGORY, "host", 4, true);
	event_add_str(ev, FIELD_EVENT_TYPE, "info", 4, true);
	event_set_cstr(ev, FIELD_EVENT_ACTION, "ledger");
	event_set_cstr(ev, FIELD_EVENT_PROVIDER, "agent");
	if (buf_ok(&text))
		event_set_json(ev, FIELD_TALLYMAN_AGENT_LEDGER, buf_text(&text),
		    text.len);
	buf_fini(&text);
	pipeline_submit(e->works.pipeline, ev);
}

static bool
due(struct mono *last, struct mono now, int64_t period)
{
	if (now.ns - last->ns < period)
		return false;
	*last = now;
	return true;
}

static void
on_tick(void *ctx, struct mono now)
{
	struct engine *e = ctx;

	let_packets_wait(e);
	/* Flows are reported: whose life their packets fall into is known. */
	before_audit(e);
	works_tick(&e->works, now);
	if (e->within != NULL)
		within_tick(e->within, now);
	watch_docker(e, now);
	/* Many rules may come and go at once. */
	if (e->rules_gone)
		ask_verb(e->ask, WIRE_AUDIT_RULES);
	e->rules_gone = false;
	if (due(&e->tried, now, RETRY)) {
		ask_for_missing(e);
		ask_verb(e->ask, WIRE_ALIVE);
	}
	if (e->parts[PART_AUDIT].state == PART_THERE &&
	    due(&e->audit_asked, now, AUDIT_STATUS))
		ask_verb(e->ask, WIRE_AUDIT_STATUS);
	if (due(&e->ledger_sent, now, LEDGER_EVENT))
		send_ledger(e);
	if (e->options->stop_after_ns > 0 &&
	    now.ns - e->started.ns > e->options->stop_after_ns)
		loop_stop(e->loop);
}

static void
on_term(void *ctx, int signo)
{
	struct engine *e = ctx;

	(void)signo;
	e->stopping = true;
	loop_stop(e->loop);
}

static void
log_lines(const char *text)
{
	const char *end;

	for (; *text != '\0'; text = *end == '\0' ? end : end + 1) {
		end = strchrnul(text, '\n');
		if (end != text)
			log_errx("%.*s", (int)(end - text), text);
	}
}

/* Rules are taken at once, all else by a restart: who thinks that a new
 * output is there already would wait for its alerts. */
static void
say_what_waits(const struct engine *e, const struct settings *fresh)
{
	struct buf names;

	buf_init(&names, 0);
	conf_diff(&e->settings->conf, &fresh->conf, "rules", &names);
	if (names.len > 0)
		log_warnx("changed, but not before the agent is restarted: %s",
		    buf_text(&names));
	buf_fini(&names);
}

static void
on_hup(void *ctx, int signo)
{
	struct engine *e = ctx;
	struct settings *fresh;
	struct buf errors;
	int rc;

	(void)signo;
	buf_init(&errors, 0);
	fresh = settings_new(e->settings->path, e->settings->state_dir, &errors,
	    &rc);
	if (rc == 0) {
		say_what_waits(e, fresh);
		rc = works_load_rules(&e->works, fresh, &errors);
	}
	log_lines(buf_text(&errors));
	buf_fini(&errors);
	settings_free(fresh);
	if (e->writer != NULL)
		writer_reopen(e->writer);
	enrich_reload(e->works.enrich);
	if (rc == 0)
		log_notice("reloaded: %zu rules",
		    rules_count(e->works.rules));
	else
		log_errx("not reloaded: the old rules stay");
	ask_verb(e->ask, WIRE_READY);
}

/* Questions on the control socket. */

static void
write_status(struct engine *e, struct buf *out)
{
	struct json_writer w;
	char since[WALL_TEXT];

	wall_format(e->since, since);
	json_writer_init(&w, out);
	json_open(&w, '{');
	json_key_str(&w, "version");
	json_put_cstr(&w, works_version());
	json_key_str(&w, "pid");
	json_put_i64(&w, getpid());
	json_key_str(&w, "since");
	json_put_cstr(&w, since);
	json_key_str(&w, "config");
	json_put_cstr(&w, e->settings->path);
	json_key_str(&w, "rules");
	json_put_u64(&w, e->works.rules == NULL ? 0 :
	    rules_count(e->works.rules));
	json_key_str(&w, "containers");
	json_put_u64(&w, enrich_container_count(e->works.enrich));
	json_key_str(&w, "parts");
	part_write_json(e->parts, &w);
	json_key_str(&w, "promiscuous_withheld");
	packet_write_promisc(e->works.collectors[COLLECTORS_PACKET], &w);
	json_key_str(&w, "ledger");
	ledger_write_json(e->works.ledger, &w);
	json_close(&w, '}');
	buf_add_char(out, '\n');
}

static void
stop_recording(void *ctx)
{
	struct engine *e = ctx;

	if (e->recorder != NULL && recorder_why(e->recorder) != NULL)
		log_warnx("recording ended early: %s",
		    recorder_why(e->recorder));
	recorder_free(e->recorder);
	e->recorder = NULL;
}

/* A bundle begins with what the engine knows already: all of it is asked for
 * and heard once more. */
static void
say_again(struct engine *e)
{
	(void)link_dump(e->works.collectors[COLLECTORS_LINK]);
	ask_verb(e->ask, WIRE_CONNTRACK_DUMP);
	enrich_ask_again(e->works.enrich);
	if (e->within != NULL)
		within_tell_again(e->within);
}

/* Writing to anything else may wait for somebody. */
static bool
are_files(const int *fds, size_t n)
{
	struct stat st;

	for (size_t i = 0; i < n; i++)
		if (fstat(fds[i], &st) == -1 || !S_ISREG(st.st_mode))
			return false;
	return true;
}

static void
start_recording(struct engine *e, int *fds, size_t n, struct buf *out,
    bool *keep)
{
	if (e->recorder != NULL || n != BUNDLE_FILES) {
		buf_add_str(out, e->recorder != NULL ?
		    "error another recording runs\n" :
		    "error wrong number of files\n");
		return;
	}
	if (!are_files(fds, n)) {
		buf_add_str(out, "error not regular files\n");
		return;
	}
	e->recorder = recorder_new(fds);
	for (size_t i = 0; i < n; i++)
		fds[i] = -1;
	*keep = e->recorder != NULL;
	buf_add_str(out, *keep ? "ok\n" : "error no memory\n");
	if (*keep)
		say_again(e);
}

static void
on_question(void *ctx, const char *line, int *fds, size_t n_fds,
    struct buf *out, bool *keep)
{
	struct engine *e = ctx;

	if (strcmp(line, "status") == 0)
		write_status(e, out);
	else if (strcmp(line, "record") == 0)
		start_recording(e, fds, n_fds, out, keep);
	else
		buf_add_str(out, "error unknown request\n");
}

static void
on_container(void *ctx, const char *id, const char *name, const char *json,
    size_t len)
{
	struct engine *e = ctx;

	if (e->writer != NULL)
		(void)writer_put_container(e->writer, id, name, json, len);
}

/* Start. */

/* By descriptor: what mkdir made may be a link to elsewhere by now. */
static int
own_directory(const char *path, bool made, const struct privileges_user *user)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    (made ? O_NOFOLLOW : 0));
	int rc = 0;

	if (fd == -1)
		return -errno;
	if (fchown(fd, 0, user->gid) == -1 || fchmod(fd, 01770) == -1)
		rc = -errno;
	close(fd);
	return rc;
}

/*
 * A directory of the agent: root's, so that the broker can clean up, and open
 * to the engine's group; sticky, so that neither removes what is the other's.
 * One that exists and is nobody's in particular stays as it is.
 */
static int
make_directory(const struct engine *e, const char *path,
    const struct privileges_user *user)
{
	const char *ours = e->settings->state_dir;
	bool made;

	made = mkdir(path, 01770) == 0;
	if (!made) {
		if (errno != EEXIST)
			return -errno;
		if ((ours == NULL || strcmp(path, ours) != 0) &&
		    strcmp(path, TALLYMAN_STATEDIR) != 0 &&
		    strcmp(path, TALLYMAN_RUNDIR) != 0)
			return 0;
	}
	return geteuid() == 0 ? own_directory(path, made, user) : 0;
}

/* The directory part of a path. */
static int
make_parent(const struct engine *e, const char *path,
    const struct privileges_user *user)
{
	char *copy = strdup(path), *slash;
	int rc;

	if (copy == NULL)
		return -ENOMEM;
	slash = strrchr(copy, '/');
	if (slash == NULL || slash == copy) {
		free(copy);
		return 0;
	}
	*slash = '\0';
	rc = make_directory(e, copy, user);
	if (rc != 0)
		log_errx("%s: %s", copy, strerror(-rc));
	free(copy);
	return rc;
}

static int
open_recorder(struct engine *e)
{
	int fds[BUNDLE_FILES], rc;

	if (e->options->record_to == NULL)
		return 0;
	rc = bundle_create(e->options->record_to, fds);
	if (rc == 0 && (e->recorder = recorder_new(fds)) == NULL)
		rc = -errno;
	if (rc != 0)
		log_errx("bundle %s: %s%s", e->options->record_to,
		    strerror(-rc), rc == -EEXIST ?
		    ": it has to be a new or an empty directory" : "");
	return rc;
}

static void
open_capture(struct engine *e)
{
	void *packet = e->works.collectors[COLLECTORS_PACKET];
	int rc;

	if (!e->settings->packet.enabled) {
		part_off(&e->parts[PART_PACKET], "capture.enabled is off");
		return;
	}
	rc = packet_collector.start(packet, -1);
	if (rc == 0)
		listen_to(e, COLLECTORS_PACKET, packet_fd(packet),
		    packet_how(packet));
	else
		part_missing(&e->parts[PART_PACKET], PART_PACKET,
		    packet_why(packet));
}

/* All that needs rights; nothing of others is parsed yet. */
static int
begin_privileged(struct engine *e, const struct privileges_user *user)
{
	const struct agent_conf *agent = &e->settings->agent;
	struct works_env env = {
		.settings = e->settings, .clock = &e->clock,
		.ask = &e->enrich_ask, .live = true,
		.tap = tap, .tap_ctx = e,
		.before_packets = before_packets,
		.before_audit = before_audit, .before_ctx = e,
		.on_container = on_container, .on_container_ctx = e,
		.on_change = on_change,
	};
	int rc;

	if (!e->options->no_store) {
		if ((rc = make_parent(e, e->settings->store.path, user)) != 0 ||
		    (rc = make_parent(e, agent->control, user)) != 0)
			return rc;
		e->control_fd = control_bind(agent->control, user->uid,
		    user->gid);
		if (e->control_fd < 0) {
			log_errx("%s: %s%s", agent->control,
			    strerror(-e->control_fd),
			    e->control_fd == -EADDRINUSE ?
			    ": another tallyman runs" : "");
			return e->control_fd;
		}
	}
	if ((rc = open_recorder(e)) != 0)
		return rc;
	if ((rc = works_init(&e->works, &env)) != 0)
		return rc;
	open_capture(e);
	return 0;
}

static int
drop_privileges(const struct privileges_user *user)
{
	int rc = privileges_drop(user);

	if (rc != 0)
		log_errx("giving up privileges: %s", strerror(-rc));
	return rc;
}

static int
open_outputs(struct engine *e)
{
	struct buf errors;
	int rc = 0;

	if (e->options->no_store)
		return 0;
	buf_init(&errors, 0);
	e->outputs = outputs_new(&e->settings->conf, e->settings->path,
	    &errors);
	if (e->outputs == NULL)
		rc = -errno;
	log_lines(buf_text(&errors));
	buf_fini(&errors);
	if (rc != 0)
		return rc;
	e->writer = writer_new(&e->settings->store, e->outputs,
	    e->works.ledger);
	if (e->writer == NULL) {
		rc = -errno;
		log_errx("store %s: %s%s", e->settings->store.path,
		    strerror(-rc), rc == -EBUSY ? ": another tallyman writes "
		    "it: stop that one, or set store.path" : rc == -EACCES ?
		    ": the file and its directory have to be open to "
		    "agent.user" : rc == -ENOSPC ? ": make room, or set "
		    "store.path" : "");
		return rc;
	}
	stream_watch_queue(e->works.stream,
	    &ledger_stage(e->works.ledger, "writer")->pending);
	return writer_start(e->writer);
}

/* What the agent sends to its consoles is not what it watches. */
static void
exclude_outputs(struct engine *e)
{
	void *packet = e->works.collectors[COLLECTORS_PACKET];
	struct buf filter;

	if (e->outputs == NULL)
		return;
	buf_init(&filter, 0);
	outputs_write_filter(e->outputs, &filter);
	if (filter.len > 0 && packet_exclude(packet, buf_text(&filter)) != 0)
		log_warnx("own connections are captured too: %s",
		    packet_why(packet));
	buf_fini(&filter);
}

static int
load_rules(struct engine *e)
{
	struct buf errors;
	int rc;

	buf_init(&errors, 0);
	rc = works_load_rules(&e->works, e->settings, &errors);
	log_lines(buf_text(&errors));
	buf_fini(&errors);
	return rc;
}

static int
begin_unprivileged(struct engine *e)
{
	int rc, fd;

	e->ask = ask_new(e->loop, e->options->wire, e->works.ledger, on_answer,
	    on_broker_gone, e);
	if (e->ask == NULL)
		return -errno;
	e->enrich_ask = *ask_enrich(e->ask);
	if ((rc = open_within(e)) != 0 || (rc = open_outputs(e)) != 0 ||
	    (rc = load_rules(e)) != 0)
		return rc;
	exclude_outputs(e);
	if (e->writer != NULL)
		enrich_set_agent_id(e->works.enrich,
		    writer_agent_id(e->writer));
	if (e->writer != NULL)
		pipeline_add_sink(e->works.pipeline, "writer", writer_sink,
		    e->writer);
	if (e->options->print_alerts)
		pipeline_add_sink(e->works.pipeline, "printer", printer_sink,
		    NULL);
	if (e->control_fd != -1) {
		e->control = control_new(e->loop, e->control_fd, on_question,
		    stop_recording, e);
		if (e->control == NULL)
			return -errno;
	}
	link_listen(e->works.collectors[COLLECTORS_LINK], on_link, e);
	conntrack_on_dump(e->works.collectors[COLLECTORS_CONNTRACK],
	    on_dump_wanted, e);
	fd = link_open();
	if (fd >= 0)
		start_collector(e, COLLECTORS_LINK, fd, "");
	else
		part_missing(&e->parts[PART_LINK], PART_LINK, strerror(-fd));
	return 0;
}

static int
begin_loop(struct engine *e)
{
	static const struct {
		int		signo;
		loop_signal_fn	fn;
	} signals[] = {
		{ SIGTERM, on_term }, { SIGHUP, on_hup },
	};
	int rc;

	e->loop = loop_new();
	if (e->loop == NULL)
		return -errno;
	loop_set_rest(e->loop, REST);
	/* ^C reaches the whole group; the broker decides. */
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if ((rc = loop_signal_add(e->loop, signals[i].signo,
		    signals[i].fn, e)) != 0)
			return rc;
	return loop_timer_add(e->loop, TICK, on_tick, e) == NULL ? -errno : 0;
}

static int
begin(struct engine *e)
{
	struct privileges_user user;
	int rc;

	/* Others run as nobody too: it is taken only when asked for. */
	if ((rc = privileges_find_user(e->settings->agent.user, &user)) != 0) {
		log_errx("agent.user %s: there is no such user: make it with "
		    "\"useradd --system --user-group %s\", or let agent.user "
		    "be one that has no rights elsewhere",
		    e->settings->agent.user, e->settings->agent.user);
		return rc;
	}
	if ((rc = begin_loop(e)) != 0 ||
	    (rc = begin_privileged(e, &user)) != 0 ||
	    (rc = drop_privileges(&user)) != 0)
		return rc;
	return begin_unprivileged(e);
}

/* What waits in the sockets still counts; without end it is not taken, since
 * the rest of the world does not stop with us. */
static void
hear_last(struct engine *e)
{
	static const enum collectors_id order[] = {
		COLLECTORS_LINK, COLLECTORS_CONNTRACK, COLLECTORS_PROC,
		COLLECTORS_PACKET, COLLECTORS_AUDIT,
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		hear(e, order[i], DRAIN_LAST);
	if (e->within != NULL)
		within_drain(e->within);
}

/* The end: what was heard goes through, then everything is closed. */
static void
finish(struct engine *e)
{
	if (e->works.pipeline != NULL) {
		works_finish(&e->works);
		if (e->writer != NULL)
			send_ledger(e);
	}
	stop_recording(e);
	control_free(e->control);
	if (e->writer != NULL)
		writer_close(e->writer);
	for (int i = 0; i < COLLECTORS_COUNT; i++)
		loop_fd_remove(e->ears[i].watch);
	within_free(e->within);
	works_fini(&e->works);
	writer_free(e->writer);
	outputs_free(e->outputs);
	ask_free(e->ask);
	loop_free(e->loop);
}

int
engine_run(struct settings *settings, const struct engine_options *options)
{
	struct engine *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return 1;
	e->settings = settings;
	e->options = options;
	e->control_fd = -1;
	e->own_pids[0] = (uint32_t)getpid();
	e->own_pids[1] = (uint32_t)getppid();
	settings->audit.docker_socket = settings->enrich.docker_socket;
	settings->audit.own_pids = e->own_pids;
	settings->audit.n_own_pids = 2;
	settings->audit.rules_gone = on_rules_gone;
	settings->audit.rules_gone_ctx = e;
	settings->audit.wanted = on_audit_wanted;
	e->since = mono_wall(&e->clock);
	e->started = e->tried = e->ledger_sent = e->audit_asked =
	    e->docker_seen = mono_now(&e->clock);
	rc = begin(e);
	if (rc == 0) {
		static const enum wire_verb first[] = {
			WIRE_OPEN_CONNTRACK, WIRE_OPEN_PROC, WIRE_OPEN_AUDIT,
			WIRE_READY
		};

		for (int i = 0; i < PARTS; i++)
			e->asked[i] = e->started;
		for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
			ask_verb(e->ask, first[i]);
		rc = loop_run(e->loop);
		hear_last(e);
	} else
		log_errx("not started: %s", strerror(-rc));
	finish(e);
	free(e);
	return rc == 0 ? 0 : 1;
}

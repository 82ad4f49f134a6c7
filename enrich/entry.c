#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/entry.h"
#include "lib/buf.h"
#include "lib/map.h"

/* A client's connect is stamped before what it asks for; clocks are coarse. */
#define AFTER_NS	(10 * MONO_MS)

struct client {
	int64_t		 when_ns;	/* wall; 0: free */
	uint32_t	 pid;
	struct process_ref process;	/* generation, so that one counts once */
	int64_t		 auid, ses;
	uint32_t	 uid;
	char		 tty[24];
	struct program	*program;
};

/* An exec of which Docker told. */
struct exec {
	int64_t	created_ns;
	char	command[128];		/* its beginning, "" unknown */
};

/* What Docker did, for finding who asked for it. */
struct deed {
	const char		*action;
	const struct container	*box;		/* or NULL */
	const char		*command;	/* of an exec, or "" */
	const char		*exec_id;	/* of its start, or "" */
	int64_t			 at;		/* wall */
};

struct entry_table {
	struct entry_env env;
	struct client	 clients[ENTRY_CLIENTS];
	size_t		 n_clients;
	struct map	*execs;		/* 64 digits to struct exec */
};

struct entry_table *
entry_table_new(const struct entry_env *env)
{
	struct entry_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->env = *env;
	t->execs = map_new(64, sizeof(struct exec), ENTRY_EXECS, NULL, NULL);
	if (t->execs == NULL) {
		free(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

void
entry_table_free(struct entry_table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < ENTRY_CLIENTS; i++)
		program_unref(process_budget(t->env.processes),
		    t->clients[i].program);
	map_free(t->execs);
	free(t);
}

static const struct exec *
find_exec(struct entry_table *t, const char *id)
{
	const struct exec *x;

	if (!facts_is_id(id, strlen(id)))
		return NULL;
	x = map_get(t->execs, id);
	return x != NULL && x->created_ns != 0 ? x : NULL;
}

void
entry_on_docker(void *self, const struct docker_event *e)
{
	struct entry_table *t = self;
	struct exec *x;

	if (!facts_is_id(e->exec_id, strlen(e->exec_id)))
		return;
	if (strcmp(e->action, "exec_create") != 0 &&
	    strcmp(e->action, "exec_start") != 0)
		return;
	x = map_put(t->execs, e->exec_id, NULL);
	/* The start comes in a request of its own, soon after. */
	if (x != NULL && x->created_ns == 0) {
		x->created_ns = e->when.ns;
		(void)snprintf(x->command, sizeof(x->command), "%s",
		    e->detail);
	}
}

static bool
is_docker_socket(const struct entry_table *t, const char *path)
{
	const char *slash = strrchr(path, '/');

	return strcmp(path, t->env.socket) == 0 ||
	    strcmp(slash == NULL ? path : slash + 1, "docker.sock") == 0;
}

void
entry_on_client(struct entry_table *t, const struct event *ev,
    struct process *p)
{
	struct client *c;
	const char *uid = event_str(ev, FIELD_USER_ID);

	if (event_dataset(ev) != EVENT_NETWORK ||
	    strcmp(event_str(ev, FIELD_EVENT_ACTION), "connect") != 0 ||
	    strcmp(event_str(ev, FIELD_EVENT_OUTCOME), "failure") == 0 ||
	    !is_docker_socket(t, event_str(ev, FIELD_FILE_PATH)) ||
	    p->pid == t->env.own_pids[0] || p->pid == t->env.own_pids[1])
		return;
	c = &t->clients[t->n_clients++ % ENTRY_CLIENTS];
	program_unref(process_budget(t->env.processes), c->program);
	*c = (struct client){
		.when_ns = event_time(ev).ns,
		.pid = p->pid,
		.process = process_refer(p),
		.auid = event_has(ev, FIELD_TALLYMAN_AUDIT_AUID) == EVENT_SET ?
		    event_num(ev, FIELD_TALLYMAN_AUDIT_AUID) : -1,
		.ses = event_has(ev, FIELD_TALLYMAN_AUDIT_SES) == EVENT_SET ?
		    event_num(ev, FIELD_TALLYMAN_AUDIT_SES) : -1,
		.uid = *uid == '\0' ? UINT32_MAX :
		    (uint32_t)strtoul(uid, NULL, 10),
		.program = program_ref(process_program(t->env.processes, p)),
	};
	(void)snprintf(c->tty, sizeof(c->tty), "%s",
	    event_str(ev, FIELD_TALLYMAN_AUDIT_TTY));
}

/* Words of the CLI that make Docker report this action. */
struct words { const char *action; const char *const words[6]; };
static const struct words cli_words[] = {
	{ "exec", { "exec" } },
	{ "start", { "run", "start", "restart", "up", "create" } },
	{ "create", { "run", "create", "up" } },
	{ "archive-path", { "cp" } },
	{ "extract-to-dir", { "cp" } },
	{ "copy", { "cp" } },
	{ "export", { "export" } },
	{ "commit", { "commit" } },
	{ "attach", { "run", "start", "attach" } },
	{ "kill", { "kill", "stop", "rm", "restart", "down" } },
	{ "stop", { "stop", "rm", "restart", "down" } },
	{ "die", { "kill", "stop", "rm", "restart", "down" } },
	{ "destroy", { "rm", "run", "down", "prune" } },
	{ "rename", { "rename" } },
	{ "pause", { "pause", "commit" } },
	{ "unpause", { "unpause", "commit" } },
	{ "connect", { "run", "start", "restart", "up", "create",
	    "connect" } },
	{ "disconnect", { "stop", "rm", "restart", "kill", "down",
	    "disconnect" } },
	{ "update", { "update" } },
	{ "restart", { "restart" } },
	{ "top", { "top" } },
};

static bool
has_word(const struct program *p, const char *word)
{
	size_t i;

	for (i = 1; i < program_n_args(p); i++)
		if (strcmp(program_arg(p, i), word) == 0)
			return true;
	return false;
}

/* compose names its services: "web" of the container shop-web-1. */
static bool
is_service(const struct facts *f, const char *arg, size_t len)
{
	size_t i;

	for (i = 0; i < f->n_labels; i++)
		if (strcmp(f->labels[i].key,
		    "com_docker_compose_service") == 0)
			return strlen(f->labels[i].value) == len &&
			    memcmp(f->labels[i].value, arg, len) == 0;
	return false;
}

/* Its name, or the beginning of its id. */
static bool
is_container(const struct container *box, const char *word, size_t len)
{
	return (len > 0 && strlen(box->facts->name) == len &&
	    memcmp(box->facts->name, word, len) == 0) ||
	    (len >= 2 && len <= 64 && memcmp(box->id, word, len) == 0);
}

/* The part of a request's path after this one: "box" of
 * "http://docker/v1.40/containers/box/exec". NULL: there is none. */
static const char *
after_in_path(const char *arg, const char *part, size_t *len)
{
	const char *at = strstr(arg, part);

	if (at == NULL)
		return NULL;
	at += strlen(part);
	*len = strcspn(at, "/?");
	return at;
}

/* The container is named in the arguments: "web", "web:/etc", the beginning
 * of its id, or a request's path. */
static bool
names_container(const struct client *c, const struct container *box)
{
	const char *part;
	size_t i, len;

	if (c->program == NULL || box == NULL)
		return false;
	for (i = 1; i < program_n_args(c->program); i++) {
		const char *arg = program_arg(c->program, i);

		len = strcspn(arg, ":");
		if (is_container(box, arg, len) ||
		    (len > 0 && is_service(box->facts, arg, len)))
			return true;
		part = after_in_path(arg, "/containers/", &len);
		if (part != NULL && is_container(box, part, len))
			return true;
	}
	return false;
}

/* "http://docker/exec/ID/start" */
static bool
names_exec(const struct client *c, const char *id)
{
	const char *part;
	size_t i, len;

	for (i = 1; c->program != NULL && i < program_n_args(c->program); i++) {
		part = after_in_path(program_arg(c->program, i), "/exec/",
		    &len);
		if (part != NULL && len == strlen(id) &&
		    memcmp(part, id, len) == 0)
			return true;
	}
	return false;
}

/* These words bring forth or sweep away containers without naming them. */
static bool
needs_no_name(const struct program *p)
{
	return has_word(p, "run") || has_word(p, "create") ||
	    has_word(p, "up") || has_word(p, "down") || has_word(p, "prune");
}

/* The exec's command is the end of the CLI's arguments. */
static bool
ends_with_command(const struct program *p, const char *command)
{
	size_t len = strlen(command), have;
	struct buf line;
	bool same;

	while (len > 0 && command[len - 1] == ' ')
		len--;
	/* What was cut, here or there, proves nothing. */
	if (len == 0 || len >= sizeof(((struct exec *)0)->command) - 1)
		return true;
	buf_init(&line, 4096);
	program_command_line(p, &line);
	have = line.len;
	same = have >= PROGRAM_BYTES / 2 || !buf_ok(&line) || (have >= len &&
	    memcmp(line.data + have - len, command, len) == 0);
	buf_fini(&line);
	return same;
}

static const struct words *
find_words(const char *action)
{
	size_t i;

	for (i = 0; i < sizeof(cli_words) / sizeof(cli_words[0]); i++)
		if (strcmp(cli_words[i].action, action) == 0)
			return &cli_words[i];
	return NULL;
}

/* The CLI says in its arguments what it asks for; a docker that was started
 * for something else is not who asked. Of other programs we know nothing. */
static bool
may_ask(const struct client *c, const struct deed *d)
{
	const struct words *w = find_words(d->action);
	size_t i;

	if (c->program == NULL || program_n_args(c->program) == 0 ||
	    strcmp(program_name(c->program), "docker") != 0)
		return true;
	if (w == NULL)
		return true;
	for (i = 0; i < 6 && w->words[i] != NULL; i++)
		if (has_word(c->program, w->words[i]))
			break;
	if (i == 6 || w->words[i] == NULL)
		return false;
	if (!needs_no_name(c->program) && !names_container(c, d->box))
		return false;
	return strcmp(d->action, "exec") != 0 ||
	    ends_with_command(c->program, d->command);
}

/* Who asks waits for the answer: one that had ended did not ask. */
static bool
lived(const struct entry_table *t, const struct client *c, int64_t at)
{
	const struct process *p = process_get(t->env.processes, c->process);

	return p != NULL && (p->exit_ns == 0 ||
	    process_end_time(t->env.processes, p).ns >= at - AFTER_NS);
}

struct search {
	const struct client	*best;
	size_t			 n, n_named;	/* processes that fit */
};

static bool
fits(const struct entry_table *t, const struct client *c,
    const struct deed *d)
{
	return c->when_ns <= d->at + AFTER_NS &&
	    c->when_ns >= d->at - ENTRY_WINDOW_NS && may_ask(c, d) &&
	    (*d->exec_id == '\0' || names_exec(c, d->exec_id)) &&
	    lived(t, c, d->at);
}

/* The clients before that moment. Of one process the last connect counts;
 * who names the container comes before who does not. */
static struct search
find_clients(const struct entry_table *t, const struct deed *d)
{
	struct search s = { 0 };
	uint64_t seen[32];
	size_t i, k, n_seen = 0;
	bool best_named = false;

	for (i = 0; i < ENTRY_CLIENTS && i < t->n_clients; i++) {
		const struct client *c = &t->clients[(t->n_clients - 1 - i) %
		    ENTRY_CLIENTS];
		bool named;

		if (!fits(t, c, d))
			continue;
		for (k = 0; k < n_seen && seen[k] != c->process.seq; k++)
			;
		if (k < n_seen)
			continue;
		if (n_seen < sizeof(seen) / sizeof(seen[0]))
			seen[n_seen++] = c->process.seq;
		named = names_container(c, d->box) || *d->exec_id != '\0';
		s.n++;
		s.n_named += named;
		if (s.best == NULL || (named && !best_named)) {
			s.best = c;
			best_named = named;
		}
	}
	return s;
}

static enum process_confidence
judge(const struct search *s)
{
	if (s->best == NULL)
		return PROCESS_NONE;
	if (s->n_named == 1)
		return PROCESS_HIGH;
	if (s->n_named == 0 && s->n == 1)
		return PROCESS_MEDIUM;
	return PROCESS_LOW;
}

static const char *
client_user(const struct entry_table *t, const struct client *c)
{
	const char *name = NULL;

	/* The login survives su and sudo; without one, who it runs as. */
	if (c->auid >= 0 && c->auid < UINT32_MAX)
		name = user_name(t->env.users, (uint32_t)c->auid);
	else if (c->uid != UINT32_MAX)
		name = user_name(t->env.users, c->uid);
	return name == NULL ? "" : name;
}

static void
look(struct entry_table *t, struct process_entry *e, int64_t at)
{
	const struct exec *x = find_exec(t, e->exec_id);
	const struct deed d = {
		.action = e->kind == PROCESS_EXEC ? "exec" : "start",
		.box = container_find_binary(t->env.containers, e->id),
		.command = x == NULL ? "" : x->command,
		.exec_id = "",
		.at = at,
	};
	struct search s = find_clients(t, &d);

	e->asked = true;
	e->confidence = judge(&s);
	if (s.best == NULL)
		return;
	e->by_pid = s.best->pid;
	e->by_auid = s.best->auid;
	e->by_ses = s.best->ses;
	memcpy(e->by_tty, s.best->tty, sizeof(e->by_tty));
	(void)snprintf(e->by_user, sizeof(e->by_user), "%s",
	    client_user(t, s.best));
	e->by_program = program_ref(s.best->program);
}

static void
write_program(struct event *ev, const struct program *p)
{
	struct buf line;

	if (p == NULL)
		return;
	buf_init(&line, 4096);
	program_command_line(p, &line);
	if (line.len > 0)
		event_set_str(ev, FIELD_TALLYMAN_ENTRY_BY_COMMAND_LINE,
		    buf_text(&line), line.len);
	buf_fini(&line);
}

static void
write_by(struct event *ev, uint32_t pid, int64_t auid, int64_t ses,
    const char *tty, const char *user, const struct program *program)
{
	event_set_num(ev, FIELD_TALLYMAN_ENTRY_BY_PID, pid);
	event_set_num(ev, FIELD_TALLYMAN_ENTRY_BY_AUID, auid);
	event_set_num(ev, FIELD_TALLYMAN_ENTRY_BY_SES, ses);
	if (*tty != '\0')
		event_set_cstr(ev, FIELD_TALLYMAN_ENTRY_BY_TTY, tty);
	if (*user != '\0')
		event_set_cstr(ev, FIELD_TALLYMAN_ENTRY_BY_USER, user);
	else
		event_set_missing(ev, FIELD_TALLYMAN_ENTRY_BY_USER);
	write_program(ev, program);
}

/* When Docker was asked: the exec's creation, else the runtime's start.
 * False: it is not known yet and may still come. */
static bool
asked_at(struct entry_table *t, const struct process_entry *e, bool ready,
    int64_t *at)
{
	const struct exec *x;

	*at = e->when.ns;
	if (e->kind != PROCESS_EXEC || e->exec_id[0] == '\0')
		return true;
	x = find_exec(t, e->exec_id);
	if (x != NULL) {
		*at = x->created_ns;
		return true;
	}
	return !ready;
}

static void
write_entry(const struct process_entry *e, struct event *ev)
{
	event_set_cstr(ev, FIELD_TALLYMAN_ENTRY_KIND,
	    e->kind == PROCESS_EXEC ? "exec" : "entrypoint");
	if (e->exec_id[0] != '\0')
		event_set_cstr(ev, FIELD_TALLYMAN_ENTRY_EXEC_ID, e->exec_id);
	event_set_cstr(ev, FIELD_TALLYMAN_ENTRY_CONFIDENCE,
	    process_confidence_name(e->confidence));
	if (e->confidence == PROCESS_NONE)
		event_set_missing(ev, FIELD_TALLYMAN_ENTRY_BY_USER);
	else
		write_by(ev, e->by_pid, e->by_auid, e->by_ses, e->by_tty,
		    e->by_user, e->by_program);
}

void
entry_write(struct entry_table *t, struct process *p, struct event *ev,
    bool ready, bool *hold)
{
	struct process_entry *e = p->entry;
	int64_t at;

	if (e == NULL || p->role != PROCESS_CONTAINER)
		return;
	if (!e->asked && asked_at(t, e, ready, &at))
		look(t, e, at);
	/* Only the first process waits for Docker's word. */
	else if (!e->asked && p->method == PROCESS_BY_RUNTIME)
		*hold = true;
	write_entry(e, ev);
}

void
entry_write_known(struct entry_table *t, struct process_entry *e,
    struct event *ev)
{
	if (!e->asked)
		look(t, e, e->when.ns);
	write_entry(e, ev);
}

/*
 * Who starts an exec is who created it, unless somebody names it in a request
 * of his own. Others of its events are its creator's.
 */
static struct search
find_exec_clients(struct entry_table *t, const struct event *ev,
    struct deed *d)
{
	const char *id = event_str(ev, FIELD_TALLYMAN_DOCKER_EXEC_ID);
	const struct exec *x = find_exec(t, id);
	bool starts = strcmp(d->action, "exec_start") == 0;
	struct search s = { 0 };

	d->action = "exec";
	if (starts && *id != '\0') {
		d->exec_id = id;
		s = find_clients(t, d);
		d->exec_id = "";
	}
	if (s.best != NULL)
		return s;
	d->at = x != NULL ? x->created_ns : d->at;
	d->command = x != NULL ? x->command : "";
	return find_clients(t, d);
}

void
entry_enrich(void *self, struct event *ev, bool *hold)
{
	struct entry_table *t = self;
	const char *id = event_str(ev, FIELD_CONTAINER_ID);
	struct deed d = {
		.action = event_str(ev, FIELD_TALLYMAN_DOCKER_ACTION),
		.command = "", .exec_id = "", .at = event_time(ev).ns };
	struct search s = { 0 };

	if (event_dataset(ev) != EVENT_DOCKER || *id == '\0' ||
	    strcmp(d.action, "exec_die") == 0 ||
	    strcmp(d.action, "oom") == 0 ||
	    strcmp(d.action, "health_status") == 0)
		return;
	d.box = container_find(t->env.containers, id, strlen(id));
	if (strncmp(d.action, "exec_", 5) == 0)
		s = find_exec_clients(t, ev, &d);
	else
		s = find_clients(t, &d);
	if (s.best == NULL) {
		/* Audit may be a little behind Docker. */
		*hold = mono_wall(t->env.clock).ns - event_time(ev).ns <
		    ENTRY_HOLD_NS;
		event_set_missing(ev, FIELD_TALLYMAN_ENTRY_BY_USER);
		return;
	}
	event_set_cstr(ev, FIELD_TALLYMAN_ENTRY_CONFIDENCE,
	    process_confidence_name(judge(&s)));
	write_by(ev, s.best->pid, s.best->auid, s.best->ses, s.best->tty,
	    client_user(t, s.best), s.best->program);
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/docker_event.h"
#include "enrich/facts.h"

static const char *
text(const struct json *node)
{
	const char *s = json_str(node, NULL);

	return s == NULL ? "" : s;
}

/* "exec_create: /bin/sh -c id" is the action and what was asked for. */
static void
split_action(struct docker_event *e, const char *whole)
{
	const char *colon = strchr(whole, ':');
	size_t len = colon == NULL ? strlen(whole) : (size_t)(colon - whole);

	if (len >= sizeof(e->action))
		len = sizeof(e->action) - 1;
	memcpy(e->action, whole, len);
	e->action[len] = '\0';
	e->detail = colon == NULL ? "" : colon + 1;
	while (*e->detail == ' ')
		e->detail++;
}

int
docker_event_read(const struct json *root, struct docker_event *out)
{
	struct docker_event e = { 0 };
	const char *action = text(json_member(root, "Action"));
	int64_t seconds;

	if (*action == '\0')
		action = text(json_member(root, "status"));
	e.type = text(json_member(root, "Type"));
	e.attributes = json_get(root, "Actor.Attributes");
	e.actor = text(json_get(root, "Actor.ID"));
	if (*e.actor == '\0')
		e.actor = text(json_member(root, "id"));
	e.when.ns = json_int(json_member(root, "timeNano"));
	seconds = json_int(json_member(root, "time"));
	if (e.when.ns == 0 && seconds > 0 && seconds < INT64_MAX / MONO_S)
		e.when.ns = seconds * MONO_S;
	if (*action == '\0' || *e.type == '\0' || e.when.ns <= 0)
		return -EINVAL;
	split_action(&e, action);
	e.exec_id = text(json_member(e.attributes, "execID"));
	e.name = text(json_member(e.attributes, "name"));
	e.container = strcmp(e.type, "container") == 0 ? e.actor :
	    text(json_member(e.attributes, "container"));
	if (!facts_is_id(e.container, strlen(e.container)))
		e.container = "";
	*out = e;
	return 0;
}

struct kind { const char *action, *category, *type; };

/* ECS category and type of what happened to a container. */
static const struct kind kinds[] = {
	{ "create", "configuration", "creation" },
	{ "destroy", "configuration", "deletion" },
	{ "rename", "configuration", "change" },
	{ "update", "configuration", "change" },
	{ "start", "process", "start" },
	{ "restart", "process", "start" },
	{ "exec_start", "process", "start" },
	{ "exec_create", "process", "info" },
	{ "attach", "process", "access" },
	{ "die", "process", "end" },
	{ "exec_die", "process", "end" },
	{ "kill", "process", "end" },
	{ "stop", "process", "end" },
	{ "oom", "process", "end" },
	{ "archive-path", "file", "access" },
	{ "copy", "file", "access" },
	{ "export", "file", "access" },
	{ "commit", "file", "access" },
	{ "extract-to-dir", "file", "change" },
	{ "connect", "network", "start" },
	{ "disconnect", "network", "end" },
};

static void
set_kind(struct event *ev, const char *action)
{
	struct kind kind = { "", "host", "info" };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].action, action) == 0)
			kind = kinds[i];
	event_add_str(ev, FIELD_EVENT_CATEGORY, kind.category,
	    strlen(kind.category), true);
	event_add_str(ev, FIELD_EVENT_TYPE, kind.type, strlen(kind.type),
	    true);
}

static void
set_exit_code(struct event *ev, const struct docker_event *e)
{
	const char *code = text(json_member(e->attributes, "exitCode"));
	char *end;
	long long n;

	errno = 0;
	n = strtoll(code, &end, 10);
	if (*code != '\0' && *end == '\0' && errno == 0)
		event_set_num(ev, FIELD_TALLYMAN_DOCKER_EXIT_CODE, n);
}

struct event *
docker_event_make(const struct docker_event *e)
{
	struct event *ev = event_new(EVENT_DOCKER, e->when);
	bool of_container = strcmp(e->type, "container") == 0;

	if (ev == NULL)
		return NULL;
	event_set_cstr(ev, FIELD_EVENT_KIND, "event");
	event_set_cstr(ev, FIELD_EVENT_PROVIDER, "docker");
	event_set_cstr(ev, FIELD_EVENT_OUTCOME, "success");
	/* docker_exec_start, docker_network_connect */
	event_set_fmt(ev, FIELD_EVENT_ACTION, "docker_%s%s%s",
	    of_container ? "" : e->type, of_container ? "" : "_", e->action);
	event_set_cstr(ev, FIELD_EVENT_CODE, e->action);
	event_set_cstr(ev, FIELD_TALLYMAN_DOCKER_ACTION, e->action);
	set_kind(ev, e->action);
	set_exit_code(ev, e);
	if (*e->exec_id != '\0')
		event_set_cstr(ev, FIELD_TALLYMAN_DOCKER_EXEC_ID, e->exec_id);
	if (*e->detail != '\0')
		event_set_fmt(ev, FIELD_MESSAGE, "%s: %s", e->action,
		    e->detail);
	else
		event_set_fmt(ev, FIELD_MESSAGE, "%s %s %s", e->type,
		    e->action, *e->name != '\0' ? e->name : e->actor);
	if (strcmp(e->type, "network") == 0 && *e->name != '\0')
		event_set_cstr(ev, FIELD_NETWORK_NAME, e->name);
	return ev;
}

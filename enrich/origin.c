#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "enrich/origin.h"
#include "lib/hash.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"
#endif

#define ECS_VERSION	"9.4.0"
#define TEXT		128

struct origin {
	const struct mono_clock	*clock;
	bool			 live;
	char			 agent_id[TEXT], ephemeral_id[40];
	char			 host_id[TEXT], host_name[TEXT];
	char			 architecture[TEXT], kernel[TEXT];
	char			 os_name[TEXT], os_version[TEXT];
	uint64_t		 last_ns, same;	/* events of one id */
};

/* The first line of a file, without its end. */
static void
read_line(const char *path, char out[static TEXT])
{
	FILE *f = fopen(path, "re");
	char line[TEXT];

	if (f == NULL)
		return;
	if (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		(void)snprintf(out, TEXT, "%s", line);
	}
	(void)fclose(f);
}

/* NAME="Debian GNU/Linux" of os-release(5). */
static void
read_value(const char *line, const char *key, char out[static TEXT])
{
	size_t len = strlen(key);
	const char *v = line + len + 1;

	if (strncmp(line, key, len) != 0 || line[len] != '=')
		return;
	if (*v == '"' || *v == '\'')
		v++;
	(void)snprintf(out, TEXT, "%.*s", (int)strcspn(v, "\"'\r\n"), v);
}

static void
read_os(struct origin *o)
{
	FILE *f = fopen("/etc/os-release", "re");
	char line[512];

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		read_value(line, "NAME", o->os_name);
		read_value(line, "VERSION", o->os_version);
	}
	(void)fclose(f);
}

static void
read_host(struct origin *o)
{
	struct hash_key r = hash_key_random();
	struct utsname u;

	read_line("/etc/machine-id", o->host_id);
	read_os(o);
	if (uname(&u) == 0) {
		(void)snprintf(o->host_name, TEXT, "%s", u.nodename);
		(void)snprintf(o->kernel, TEXT, "%s", u.release);
		(void)snprintf(o->architecture, TEXT, "%s", u.machine);
	}
	(void)snprintf(o->ephemeral_id, sizeof(o->ephemeral_id),
	    "%016" PRIx64 "%016" PRIx64, r.k0, r.k1);
}

struct origin *
origin_new(const struct mono_clock *clock, const char *agent_id, bool live)
{
	struct origin *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->clock = clock;
	o->live = live;
	if (agent_id != NULL)
		origin_set_agent_id(o, agent_id);
	if (live)
		read_host(o);
	return o;
}

void
origin_free(struct origin *o)
{
	free(o);
}

void
origin_set_agent_id(struct origin *o, const char *id)
{
	(void)snprintf(o->agent_id, TEXT, "%s", id);
}

const char *
origin_host_id(const struct origin *o)
{
	return o->host_id;
}

static void
set(struct event *ev, enum field_id field, const char *text)
{
	if (*text != '\0' && event_has(ev, field) == EVENT_ABSENT)
		event_set_cstr(ev, field, text);
}

static void
set_host(const struct origin *o, struct event *ev)
{
	set(ev, FIELD_AGENT_ID, o->agent_id);
	set(ev, FIELD_AGENT_EPHEMERAL_ID, o->ephemeral_id);
	set(ev, FIELD_AGENT_NAME, o->host_name);
	set(ev, FIELD_AGENT_TYPE, "tallyman");
	set(ev, FIELD_AGENT_VERSION, PACKAGE_VERSION);
	set(ev, FIELD_ECS_VERSION, ECS_VERSION);
	set(ev, FIELD_HOST_ID, o->host_id);
	set(ev, FIELD_HOST_NAME, o->host_name);
	set(ev, FIELD_HOST_HOSTNAME, o->host_name);
	set(ev, FIELD_HOST_ARCHITECTURE, o->architecture);
	set(ev, FIELD_HOST_OS_TYPE, "linux");
	set(ev, FIELD_HOST_OS_NAME, o->os_name);
	set(ev, FIELD_HOST_OS_VERSION, o->os_version);
	set(ev, FIELD_HOST_OS_KERNEL, o->kernel);
}

static void
set_id(struct origin *o, struct event *ev)
{
	char when[24], serial[24], pid[24], same[24], id[HASH_ID_TEXT];
	uint64_t ns = (uint64_t)event_time(ev).ns;
	const char *parts[] = {
		event_dataset_name(event_dataset(ev)), o->host_id, when,
		serial, pid, event_str(ev, FIELD_EVENT_ACTION),
		event_str(ev, FIELD_TALLYMAN_FLOW_ID),
		event_str(ev, FIELD_CONTAINER_ID),
		event_str(ev, FIELD_TALLYMAN_DOCKER_EXEC_ID),
		event_str(ev, FIELD_RULE_ID), same,
	};

	if (event_has(ev, FIELD_EVENT_ID) == EVENT_SET)
		return;
	/* Two events of one time that are alike in all else. */
	o->same = ns == o->last_ns ? o->same + 1 : 0;
	o->last_ns = ns;
	(void)snprintf(when, sizeof(when), "%" PRIu64, ns);
	(void)snprintf(serial, sizeof(serial), "%" PRId64,
	    event_num(ev, FIELD_EVENT_SEQUENCE));
	(void)snprintf(pid, sizeof(pid), "%" PRId64,
	    event_num(ev, FIELD_PROCESS_PID));
	(void)snprintf(same, sizeof(same), "%" PRIu64, o->same);
	hash_id(id, parts, sizeof(parts) / sizeof(parts[0]));
	event_set_cstr(ev, FIELD_EVENT_ID, id);
}

static void
relate_ip(struct event *ev, enum field_id field)
{
	const struct event_value *v = event_get(ev, field), *have;
	uint32_t i;

	if (v == NULL)
		return;
	have = event_get(ev, FIELD_RELATED_IP);
	for (i = 0; have != NULL && i < have->count; i++)
		if (ipaddr_equal(&have->ips[i], &v->ip))
			return;
	event_add_ip(ev, FIELD_RELATED_IP, &v->ip);
}

static void
relate_text(struct event *ev, enum field_id list, enum field_id field)
{
	const struct event_value *v = event_get(ev, field);

	if (v != NULL && v->str.len > 0)
		event_add_str(ev, list, v->str.text, v->str.len, true);
}

static void
relate(struct event *ev)
{
	relate_ip(ev, FIELD_SOURCE_IP);
	relate_ip(ev, FIELD_SOURCE_NAT_IP);
	relate_ip(ev, FIELD_DESTINATION_IP);
	relate_ip(ev, FIELD_DESTINATION_NAT_IP);
	relate_text(ev, FIELD_RELATED_USER, FIELD_USER_NAME);
	relate_text(ev, FIELD_RELATED_USER, FIELD_PROCESS_USER_NAME);
	relate_text(ev, FIELD_RELATED_USER, FIELD_TALLYMAN_ENTRY_BY_USER);
	relate_text(ev, FIELD_RELATED_HOSTS, FIELD_HOST_NAME);
	relate_text(ev, FIELD_RELATED_HOSTS, FIELD_SOURCE_DOMAIN);
	relate_text(ev, FIELD_RELATED_HOSTS, FIELD_DESTINATION_DOMAIN);
}

void
origin_enrich(void *self, struct event *ev, bool *hold)
{
	struct origin *o = self;

	(void)hold;
	set_host(o, ev);
	set(ev, FIELD_EVENT_KIND, "event");
	set(ev, FIELD_EVENT_MODULE, "tallyman");
	set(ev, FIELD_DATA_STREAM_TYPE, "logs");
	set(ev, FIELD_DATA_STREAM_NAMESPACE, "default");
	if (event_has(ev, FIELD_EVENT_CREATED) == EVENT_ABSENT)
		event_set_time(ev, FIELD_EVENT_CREATED, o->live ?
		    mono_wall(o->clock) : event_time(ev));
	set_id(o, ev);
	relate(ev);
}

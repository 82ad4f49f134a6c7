/* How a container looks in an event and in the store. */

#include <string.h>

#include "enrich/container.h"

static void
write_labels(const struct facts *f, struct event *ev)
{
	size_t i;

	for (i = 0; i < f->n_labels; i++)
		event_add_pair(ev, FIELD_CONTAINER_LABELS, f->labels[i].key,
		    f->labels[i].value);
}

static void
set(struct event *ev, enum field_id field, const char *text)
{
	if (*text != '\0')
		event_set_cstr(ev, field, text);
}

static void
add(struct event *ev, enum field_id field, const char *text)
{
	if (*text != '\0')
		event_add_str(ev, field, text, strlen(text), true);
}

static void
write_docker(const struct facts *f, struct event *ev)
{
	size_t i;

	set(ev, FIELD_TALLYMAN_DOCKER_NETWORK_MODE, f->network_mode);
	for (i = 0; i < f->n_mounts; i++)
		add(ev, FIELD_TALLYMAN_DOCKER_MOUNTS, f->mounts[i]);
	for (i = 0; i < f->n_ports; i++)
		add(ev, FIELD_TALLYMAN_DOCKER_PORTS, f->ports[i]);
}

void
container_write(const struct container *c, struct event *ev, bool full)
{
	const struct facts *f = c->facts;

	event_set_str(ev, FIELD_CONTAINER_ID, c->id, 64);
	event_set_cstr(ev, FIELD_CONTAINER_RUNTIME, "docker");
	set(ev, FIELD_CONTAINER_NAME, f->name);
	set(ev, FIELD_CONTAINER_IMAGE_NAME, f->image);
	add(ev, FIELD_CONTAINER_IMAGE_TAG, f->tag);
	add(ev, FIELD_CONTAINER_IMAGE_HASH, f->image_id);
	add(ev, FIELD_CONTAINER_IMAGE_HASH, f->image_digest);
	if (f->inspected)
		event_set_bool(ev, FIELD_CONTAINER_PRIVILEGED, f->privileged);
	/* Lists append: an event that is asked about again has them. */
	if (event_has(ev, FIELD_CONTAINER_LABELS) != EVENT_SET)
		write_labels(f, ev);
	if (full)
		write_docker(f, ev);
}

void
container_write_unknown(const char *id, struct event *ev)
{
	event_set_cstr(ev, FIELD_CONTAINER_ID, id);
	event_set_missing(ev, FIELD_CONTAINER_NAME);
	event_set_missing(ev, FIELD_CONTAINER_IMAGE_NAME);
}

static void
put(struct json_writer *w, const char *key, const char *text)
{
	if (*text == '\0')
		return;
	json_key_str(w, key);
	json_put_cstr(w, text);
}

static void
put_list(struct json_writer *w, const char *key, const char *const list[],
    size_t n)
{
	size_t i;

	if (n == 0)
		return;
	json_key_str(w, key);
	json_open(w, '[');
	for (i = 0; i < n; i++)
		json_put_cstr(w, list[i]);
	json_close(w, ']');
}

static void
put_time(struct json_writer *w, const char *key, struct wall when)
{
	char text[WALL_TEXT];

	if (when.ns == 0)
		return;
	wall_format(when, text);
	put(w, key, text);
}

static void
put_ip(struct json_writer *w, const char *key, const struct ipaddr *ip)
{
	char text[IPADDR_TEXT];

	if (ip->family != 0)
		put(w, key, ipaddr_format(ip, text));
}

static void
put_labels(struct json_writer *w, const struct facts *f)
{
	size_t i;

	if (f->n_labels == 0)
		return;
	json_key_str(w, "labels");
	json_open(w, '{');
	for (i = 0; i < f->n_labels; i++)
		put(w, f->labels[i].key, f->labels[i].value);
	json_close(w, '}');
}

static void
put_networks(struct json_writer *w, const struct facts *f)
{
	size_t i;

	json_key_str(w, "networks");
	json_open(w, '[');
	for (i = 0; i < f->n_networks; i++) {
		const struct facts_network *n = &f->networks[i];

		json_open(w, '{');
		put(w, "name", n->name);
		put(w, "id", n->id);
		put_ip(w, "ip", &n->ip);
		put_ip(w, "ip6", &n->ip6);
		put_ip(w, "gateway", &n->gateway);
		put_ip(w, "gateway6", &n->gateway6);
		put(w, "mac", n->mac);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void
put_image(struct json_writer *w, const struct facts *f)
{
	const char *hashes[2];
	size_t n = 0;

	json_key_str(w, "image");
	json_open(w, '{');
	put(w, "name", f->image);
	if (*f->tag != '\0')
		put_list(w, "tag", &f->tag, 1);
	if (*f->image_id != '\0')
		hashes[n++] = f->image_id;
	if (*f->image_digest != '\0')
		hashes[n++] = f->image_digest;
	if (n > 0) {
		json_key_str(w, "hash");
		json_open(w, '{');
		put_list(w, "all", hashes, n);
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void
put_docker(struct json_writer *w, const struct container *c)
{
	const struct facts *f = c->facts;

	json_open(w, '{');
	put(w, "state", f->state);
	put_time(w, "created", f->created);
	put_time(w, "started", f->started);
	put_time(w, "finished", f->finished);
	if (f->finished.ns != 0) {
		json_key_str(w, "exit_code");
		json_put_i64(w, f->exit_code);
	}
	if (f->init_pid != 0) {
		json_key_str(w, "init_pid");
		json_put_u64(w, f->init_pid);
	}
	json_key_str(w, "restart_count");
	json_put_i64(w, f->restarts);
	put(w, "network_mode", f->network_mode);
	put(w, "pid_mode", f->pid_mode);
	put(w, "userns_mode", f->userns_mode);
	put(w, "user", f->user);
	put_networks(w, f);
	put_list(w, "ports", f->ports, f->n_ports);
	put_list(w, "mounts", f->mounts, f->n_mounts);
	put_list(w, "cap_add", f->cap_add, f->n_cap_add);
	put_list(w, "cap_drop", f->cap_drop, f->n_cap_drop);
	json_close(w, '}');
}

void
container_write_json(const struct container *c, struct json_writer *w)
{
	const struct facts *f = c->facts;
	struct wall changed = { c->changed_ns };

	json_open(w, '{');
	put_time(w, "@timestamp", changed);
	json_key_str(w, "container");
	json_open(w, '{');
	put(w, "id", c->id);
	put(w, "name", f->name);
	put(w, "runtime", "docker");
	put_image(w, f);
	put_labels(w, f);
	if (f->inspected) {
		json_key_str(w, "security_context");
		json_open(w, '{');
		json_key_str(w, "privileged");
		json_put_bool(w, f->privileged);
		json_close(w, '}');
	}
	json_close(w, '}');
	json_key_str(w, "tallyman");
	json_open(w, '{');
	json_key_str(w, "docker");
	put_docker(w, c);
	json_close(w, '}');
	json_close(w, '}');
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/facts.h"

#define ARENA_CAP	(256 * 1024)

bool
facts_is_id(const char *s, size_t len)
{
	size_t i;

	if (len != 64)
		return false;
	for (i = 0; i < len; i++)
		if ((s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f'))
			return false;
	return true;
}

/* A copy of at most FACTS_TEXT bytes up to the first NUL; "" when there is
 * no memory, which costs one text. */
static const char *
keep(struct facts *f, const char *s, size_t len)
{
	const char *nul = memchr(s, '\0', len), *copy;

	if (nul != NULL)
		len = (size_t)(nul - s);
	if (len > FACTS_TEXT) {
		/* Not in the middle of a UTF-8 sequence. */
		len = FACTS_TEXT;
		while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
		f->cut = true;
	}
	if (len == 0)
		return "";
	copy = arena_memdup(f->arena, s, len);
	if (copy == NULL) {
		f->cut = true;
		return "";
	}
	return copy;
}

static const char *
keep_json(struct facts *f, const struct json *node)
{
	size_t len;
	const char *s = json_str(node, &len);

	return s == NULL ? "" : keep(f, s, len);
}

static const char *
keep_at(struct facts *f, const struct json *root, const char *path)
{
	return keep_json(f, json_get(root, path));
}

static struct facts *
make(const char *id, size_t len)
{
	struct facts *f;
	int saved;

	if (id == NULL || !facts_is_id(id, len)) {
		errno = EINVAL;
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->arena = arena_new(ARENA_CAP);
	if (f->arena == NULL) {
		saved = errno;
		free(f);
		errno = saved;
		return NULL;
	}
	memcpy(f->id, id, 64);
	f->name = f->image = f->tag = f->image_id = f->image_digest = "";
	f->network_mode = f->pid_mode = f->userns_mode = f->user = "";
	f->state = "";
	return f;
}

void
facts_free(struct facts *f)
{
	if (f == NULL)
		return;
	arena_free(f->arena);
	free(f);
}

/* Docker writes 0001-01-01T00:00:00Z for "never". */
static struct wall
read_time(const struct json *node)
{
	struct wall when = { 0 }, now = { 0 };
	const char *s = json_str(node, NULL);

	if (s == NULL || strncmp(s, "0001-", 5) == 0 || strchr(s, 'T') == NULL)
		return when;
	if (wall_parse(s, now, &when) != 0)
		when.ns = 0;
	return when;
}

/* "registry:5000/name:tag@sha256:..." */
static void
read_reference(struct facts *f, const char *ref)
{
	const char *at, *slash, *colon;
	size_t len;

	if (ref == NULL || *ref == '\0')
		return;
	if (strncmp(ref, "sha256:", 7) == 0) {
		f->image = keep(f, ref, strlen(ref));
		return;
	}
	at = strchr(ref, '@');
	len = at == NULL ? strlen(ref) : (size_t)(at - ref);
	if (at != NULL)
		f->image_digest = keep(f, at + 1, strlen(at + 1));
	slash = memrchr(ref, '/', len);
	colon = memrchr(ref, ':', len);
	if (colon != NULL && (slash == NULL || colon > slash)) {
		f->tag = keep(f, colon + 1, (size_t)(ref + len - colon - 1));
		len = (size_t)(colon - ref);
	} else if (at == NULL)
		f->tag = "latest";	/* what Docker takes it for */
	f->image = keep(f, ref, len);
}

static void
read_name(struct facts *f, const struct json *node)
{
	const char *s = json_str(node, NULL);

	if (s != NULL)
		f->name = keep(f, *s == '/' ? s + 1 : s,
		    strlen(*s == '/' ? s + 1 : s));
}

/*
 * "com.docker.compose.project" is kept as com_docker_compose_project: dots
 * would make nested objects in a document. Of two labels that become one the
 * first stays, because a document may not have a key twice.
 */
static void
add_label(struct facts *f, const char *key, const struct json *value)
{
	char name[FACTS_TEXT + 1];
	size_t i, len;

	if (key == NULL || *key == '\0')
		return;
	len = strnlen(key, FACTS_TEXT);
	for (i = 0; i < len; i++)
		name[i] = key[i] == '.' ? '_' : key[i];
	name[len] = '\0';
	for (i = 0; i < f->n_labels; i++)
		if (strcmp(f->labels[i].key, name) == 0)
			return;
	if (f->n_labels == FACTS_LABELS) {
		f->cut = true;
		return;
	}
	key = keep(f, name, len);
	if (*key != '\0')
		f->labels[f->n_labels++] = (struct facts_pair){
		    key, keep_json(f, value) };
}

static void
read_labels(struct facts *f, const struct json *labels)
{
	size_t i;

	if (json_typeof(labels) != JSON_OBJECT)
		return;
	for (i = 0; i < json_count(labels) && !f->cut; i++)
		add_label(f, json_key_at(labels, i), json_at(labels, i));
}

static struct ipaddr
read_ip(const struct json *node)
{
	struct ipaddr ip = { 0 };
	size_t len;
	const char *s = json_str(node, &len);

	if (s == NULL || len == 0 || ipaddr_parse(s, len, &ip) != 0)
		ip = (struct ipaddr){ 0 };
	return ip;
}

/* "02:42:ac:11:00:02" to "02-42-AC-11-00-02". */
static const char *
read_mac(struct facts *f, const struct json *node)
{
	size_t len, i;
	const char *s = json_str(node, &len);
	char text[18];

	if (s == NULL || len != 17)
		return "";
	for (i = 0; i < len; i++)
		text[i] = s[i] == ':' ? '-' : s[i] >= 'a' && s[i] <= 'f' ?
		    (char)(s[i] - 'a' + 'A') : s[i];
	return keep(f, text, len);
}

static uint8_t
read_bits(const struct json *node, int64_t max)
{
	int64_t bits = json_int(node);

	return bits > 0 && bits <= max ? (uint8_t)bits : 0;
}

static void
read_networks(struct facts *f, const struct json *networks)
{
	size_t i, n = json_count(networks);

	if (json_typeof(networks) != JSON_OBJECT)
		return;
	if (n > FACTS_NETWORKS)
		f->cut = true;
	for (i = 0; i < n && f->n_networks < FACTS_NETWORKS; i++) {
		const struct json *net = json_at(networks, i);
		const char *name = json_key_at(networks, i);

		f->networks[f->n_networks++] = (struct facts_network){
			.name = keep(f, name, strlen(name)),
			.id = keep_at(f, net, "NetworkID"),
			.mac = read_mac(f, json_get(net, "MacAddress")),
			.ip = read_ip(json_get(net, "IPAddress")),
			.ip6 = read_ip(json_get(net, "GlobalIPv6Address")),
			.gateway = read_ip(json_get(net, "Gateway")),
			.gateway6 = read_ip(json_get(net, "IPv6Gateway")),
			.bits = read_bits(json_get(net, "IPPrefixLen"), 32),
			.bits6 = read_bits(json_get(net,
			    "GlobalIPv6PrefixLen"), 128),
		};
	}
}

static void
add_port(struct facts *f, const char *ip, const char *host, const char *inner)
{
	char text[128];
	bool v6 = strchr(ip, ':') != NULL;

	if (f->n_ports == FACTS_PORTS) {
		f->cut = true;
		return;
	}
	(void)snprintf(text, sizeof(text), "%s%s%s:%s->%s", v6 ? "[" : "", ip,
	    v6 ? "]" : "", host, inner);
	f->ports[f->n_ports++] = keep(f, text, strlen(text));
}

/* {"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"81/tcp":null} */
static void
read_ports_map(struct facts *f, const struct json *ports)
{
	size_t i, j;

	if (json_typeof(ports) != JSON_OBJECT)
		return;
	for (i = 0; i < json_count(ports); i++) {
		const struct json *binds = json_at(ports, i);

		for (j = 0; j < json_count(binds); j++) {
			const struct json *b = json_at(binds, j);
			const char *ip = json_str(json_get(b, "HostIp"), NULL);
			const char *port = json_str(json_get(b, "HostPort"),
			    NULL);

			add_port(f, ip == NULL ? "" : ip,
			    port == NULL ? "" : port, json_key_at(ports, i));
		}
	}
}

/* [{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}] */
static void
read_ports_list(struct facts *f, const struct json *ports)
{
	char host[24], inner[48];
	size_t i;

	for (i = 0; i < json_count(ports); i++) {
		const struct json *p = json_at(ports, i);
		const char *ip = json_str(json_get(p, "IP"), NULL);
		const char *type = json_str(json_get(p, "Type"), NULL);

		if (json_get(p, "PublicPort") == NULL)
			continue;
		(void)snprintf(host, sizeof(host), "%lld",
		    (long long)json_int(json_get(p, "PublicPort")));
		(void)snprintf(inner, sizeof(inner), "%lld/%.16s",
		    (long long)json_int(json_get(p, "PrivatePort")),
		    type == NULL ? "" : type);
		add_port(f, ip == NULL ? "" : ip, host, inner);
	}
}

static void
read_mounts(struct facts *f, const struct json *mounts)
{
	char text[3 * FACTS_TEXT];
	size_t i;

	for (i = 0; i < json_count(mounts); i++) {
		const struct json *m = json_at(mounts, i);
		const char *source = json_str(json_get(m, "Source"), NULL);
		const char *target = json_str(json_get(m, "Destination"),
		    NULL);
		const struct json *rw = json_get(m, "RW");

		if (f->n_mounts == FACTS_MOUNTS) {
			f->cut = true;
			return;
		}
		(void)snprintf(text, sizeof(text), "%.*s:%.*s:%s", FACTS_TEXT,
		    source == NULL ? "" : source, FACTS_TEXT,
		    target == NULL ? "" : target,
		    rw == NULL || json_bool(rw) ? "rw" : "ro");
		f->mounts[f->n_mounts++] = keep(f, text, strlen(text));
	}
}

static size_t
read_caps(struct facts *f, const struct json *caps, const char **out)
{
	size_t i, n = 0;

	for (i = 0; i < json_count(caps) && n < FACTS_CAPS; i++)
		out[n++] = keep_json(f, json_at(caps, i));
	return n;
}

static void
read_host_config(struct facts *f, const struct json *hc)
{
	f->privileged = json_bool(json_get(hc, "Privileged"));
	f->network_mode = keep_at(f, hc, "NetworkMode");
	f->pid_mode = keep_at(f, hc, "PidMode");
	f->userns_mode = keep_at(f, hc, "UsernsMode");
	f->n_cap_add = read_caps(f, json_get(hc, "CapAdd"), f->cap_add);
	f->n_cap_drop = read_caps(f, json_get(hc, "CapDrop"), f->cap_drop);
}

static void
read_state(struct facts *f, const struct json *state)
{
	int64_t pid = json_int(json_get(state, "Pid"));

	f->state = keep_at(f, state, "Status");
	f->init_pid = pid > 0 && pid <= INT32_MAX ? (uint32_t)pid : 0;
	f->exit_code = json_int(json_get(state, "ExitCode"));
	f->started = read_time(json_get(state, "StartedAt"));
	f->finished = read_time(json_get(state, "FinishedAt"));
}

struct facts *
facts_from_inspect(const struct json *root)
{
	size_t len = 0;
	const char *id = json_str(json_get(root, "Id"), &len);
	struct facts *f = make(id, len);

	if (f == NULL)
		return NULL;
	read_name(f, json_get(root, "Name"));
	read_reference(f, json_str(json_get(root, "Config.Image"), NULL));
	f->image_id = keep_at(f, root, "Image");
	f->created = read_time(json_get(root, "Created"));
	f->restarts = json_int(json_get(root, "RestartCount"));
	f->user = keep_at(f, root, "Config.User");
	read_labels(f, json_get(root, "Config.Labels"));
	read_state(f, json_get(root, "State"));
	read_host_config(f, json_get(root, "HostConfig"));
	read_networks(f, json_get(root, "NetworkSettings.Networks"));
	read_ports_map(f, json_get(root, "NetworkSettings.Ports"));
	read_mounts(f, json_get(root, "Mounts"));
	f->inspected = true;
	return f;
}

struct facts *
facts_from_list(const struct json *e)
{
	size_t len = 0;
	const char *id = json_str(json_get(e, "Id"), &len);
	struct facts *f = make(id, len);

	if (f == NULL)
		return NULL;
	read_name(f, json_at(json_get(e, "Names"), 0));
	read_reference(f, json_str(json_get(e, "Image"), NULL));
	f->image_id = keep_at(f, e, "ImageID");
	f->created.ns = json_int(json_get(e, "Created"));
	if (f->created.ns < 0 || f->created.ns > INT64_MAX / MONO_S)
		f->created.ns = 0;
	f->created.ns *= MONO_S;
	f->state = keep_at(f, e, "State");
	f->network_mode = keep_at(f, e, "HostConfig.NetworkMode");
	read_labels(f, json_get(e, "Labels"));
	read_networks(f, json_get(e, "NetworkSettings.Networks"));
	read_ports_list(f, json_get(e, "Ports"));
	read_mounts(f, json_get(e, "Mounts"));
	return f;
}

struct facts *
facts_from_create(const char *id, const struct json *attributes,
    struct wall created)
{
	struct facts *f = make(id, id == NULL ? 0 : strlen(id));
	size_t i;

	if (f == NULL)
		return NULL;
	read_name(f, json_member(attributes, "name"));
	read_reference(f, json_str(json_member(attributes, "image"), NULL));
	f->created = created;
	f->state = "created";
	/* The labels stand beside name and image, without a level of their
	 * own; a label of one of these names is hidden by them. */
	for (i = 0; i < json_count(attributes) && !f->cut; i++) {
		const char *key = json_key_at(attributes, i);

		if (key != NULL && strcmp(key, "name") != 0 &&
		    strcmp(key, "image") != 0)
			add_label(f, key, json_at(attributes, i));
	}
	return f;
}

int
facts_rename(struct facts *f, const char *name)
{
	const char *copy;

	if (*name == '/')
		name++;
	copy = keep(f, name, strlen(name));
	if (*copy == '\0' && *name != '\0')
		return -ENOMEM;
	f->name = copy;
	return 0;
}

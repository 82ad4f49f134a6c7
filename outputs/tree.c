#include "outputs/tree_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/doctext.h"

/* 0: no room. */
static uint32_t
pool_add(struct tree_pool *p)
{
	size_t room = p->room == 0 ? 256 : p->room * 2;
	void *all;

	if (p->n == p->limit)
		return 0;
	if (p->n + 1 >= p->room) {
		if ((all = reallocarray(p->all, room, p->size)) == NULL)
			return 0;
		p->all = all;
		p->room = room;
	}
	p->n++;
	memset((char *)p->all + p->n * p->size, 0, p->size);
	return (uint32_t)p->n;
}

struct tree *
tree_new(size_t limit)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	if (limit == 0)
		limit = TREE_NODES;
	t->nodes = (struct tree_pool){ .size = sizeof(struct tree_node),
	    .limit = limit };
	t->peers = (struct tree_pool){ .size = sizeof(struct tree_peer),
	    .limit = limit * 2 };
	t->entries = (struct tree_pool){ .size = sizeof(struct tree_entry),
	    .limit = limit };
	buf_init(&t->texts, TREE_TEXTS);
	t->key = hash_key_random();
	t->by_entity = map_new(24, sizeof(uint32_t), limit, NULL, NULL);
	t->by_text = map_new(sizeof(struct hash_128), sizeof(uint32_t),
	    limit * 4, NULL, NULL);
	t->by_entry = map_new(sizeof(struct hash_128), sizeof(uint32_t), limit,
	    NULL, NULL);
	if (t->by_entity == NULL || t->by_text == NULL ||
	    t->by_entry == NULL) {
		tree_free(t);
		errno = ENOMEM;
		return NULL;
	}
	/* Text 0 is none: nothing begins there. */
	buf_add_char(&t->texts, '\0');
	return t;
}

void
tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	free(t->nodes.all);
	free(t->peers.all);
	free(t->entries.all);
	map_free(t->by_entity);
	map_free(t->by_text);
	map_free(t->by_entry);
	buf_fini(&t->texts);
	free(t);
}

size_t
tree_count(const struct tree *t)
{
	return t->nodes.n;
}

size_t
tree_left_out(const struct tree *t)
{
	return t->left_out;
}

const struct tree_peer *
tree_strangers(const struct tree *t)
{
	return &t->strangers;
}

uint32_t
tree_roots(const struct tree *t)
{
	return t->roots;
}

const struct tree_node *
tree_node(const struct tree *t, uint32_t id)
{
	return tree_at(&t->nodes, id);
}

const struct tree_peer *
tree_peer(const struct tree *t, uint32_t id)
{
	return tree_at(&t->peers, id);
}

const struct tree_entry *
tree_entry(const struct tree *t, uint32_t id)
{
	return tree_at(&t->entries, id);
}

const char *
tree_text(const struct tree *t, uint32_t id, size_t *len)
{
	uint32_t n = 0;

	if (id != 0)
		memcpy(&n, t->texts.data + id, sizeof(n));
	if (len != NULL)
		*len = n;
	return id == 0 ? "" : t->texts.data + id + sizeof(n);
}

/* The same text has the same number; 0 for "" and when there is no room. */
static uint32_t
keep_text(struct tree *t, const char *text, size_t len)
{
	struct hash_128 h;
	uint32_t *id, at;
	uint32_t n;

	if (len > TREE_TEXT)
		len = TREE_TEXT;
	if (len == 0)
		return 0;
	h = hash_128(&t->key, text, len);
	if ((id = map_get(t->by_text, &h)) != NULL)
		return *id;
	at = (uint32_t)t->texts.len;
	n = (uint32_t)len;
	if (t->texts.len + sizeof(n) + len + 1 > TREE_TEXTS)
		return 0;
	buf_add(&t->texts, &n, sizeof(n));
	buf_add(&t->texts, text, len);
	buf_add_char(&t->texts, '\0');
	if (!buf_ok(&t->texts) || (id = map_put(t->by_text, &h, NULL)) == NULL)
		return 0;
	*id = at;
	return at;
}

static uint32_t
keep_field(struct tree *t, const struct json *doc, const char *path)
{
	size_t len = 0;
	const char *text = doctext_str(doc, path, &len);

	return keep_text(t, text, len);
}

static bool
entity_key(const char *entity, char key[static 24])
{
	size_t len = strlen(entity);

	if (len == 0 || len >= 24)
		return false;
	memset(key, 0, 24);
	memcpy(key, entity, len);
	return true;
}

uint32_t
tree_find(const struct tree *t, const char *entity)
{
	char key[24];
	uint32_t *id;

	if (!entity_key(entity, key))
		return 0;
	id = map_get(t->by_entity, key);
	return id == NULL ? 0 : *id;
}

/* The node of this entity, made when it is new; 0: none, or no room. */
static uint32_t
get_node(struct tree *t, const char *entity)
{
	char key[24];
	uint32_t *known, id;
	struct tree_node *n;

	if (!entity_key(entity, key))
		return 0;
	if ((known = map_get(t->by_entity, key)) != NULL)
		return *known;
	if ((id = pool_add(&t->nodes)) == 0) {
		t->left_out++;
		return 0;
	}
	if ((known = map_put(t->by_entity, key, NULL)) == NULL) {
		t->nodes.n--;
		t->left_out++;
		return 0;
	}
	*known = id;
	n = tree_at(&t->nodes, id);
	memcpy(n->entity, key, sizeof(key));
	return id;
}

static uint32_t
pid_at(const struct json *doc, const char *path)
{
	int64_t v = json_int(json_get(doc, path));

	return v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

/* Those who start containers are not part of them. */
static bool
is_outsider(const struct json *doc)
{
	static const char *const names[] = { "runc", "crun", "conmon",
		"dockerd", "containerd" };
	const char *name = json_str(json_get(doc, "process.parent.name"),
	    NULL);
	const char *method = json_str(json_get(doc,
	    "tallyman.container.attribution.method"), NULL);
	size_t i;

	if (json_get(doc, "container.id") == NULL)
		return false;
	if (strcmp(method, "runtime") == 0)
		return true;
	if (strncmp(name, "containerd-shim", 15) == 0)
		return true;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void
read_parent(struct tree *t, uint32_t id, const struct json *doc)
{
	const char *entity = json_str(json_get(doc,
	    "process.parent.entity_id"), NULL);
	struct tree_node *n = tree_at(&t->nodes, id), *p;
	uint32_t parent;

	if (n->ppid == 0)
		n->ppid = pid_at(doc, "process.parent.pid");
	if (n->parent != 0 || is_outsider(doc))
		return;
	parent = get_node(t, entity);
	if (parent == 0 || parent == id)
		return;
	n = tree_at(&t->nodes, id);	/* the pool may have moved */
	n->parent = parent;
	p = tree_at(&t->nodes, parent);
	if (p->pid == 0)
		p->pid = pid_at(doc, "process.parent.pid");
	if (p->command == 0)
		p->command = keep_field(t, doc, "process.parent.command_line");
	if (p->name == 0)
		p->name = keep_field(t, doc, "process.parent.name");
	if (p->called == 0)
		p->called = keep_field(t, doc, "process.parent.args");
	if (p->called == 0)
		p->called = p->name;
}

static uint32_t
keep_entry(struct tree *t, const struct json *doc)
{
	const struct json *e = json_get(doc, "tallyman.entry");
	struct tree_entry *made;
	struct hash_128 h;
	char key[256];
	uint32_t *known, id;
	int len;

	if (json_member(e, "kind") == NULL)
		return 0;
	len = snprintf(key, sizeof(key), "%s %s %s",
	    json_str(json_get(doc, "container.id"), NULL),
	    json_str(json_member(e, "kind"), NULL),
	    json_str(json_member(e, "exec_id"), NULL));
	h = hash_128(&t->key, key, (size_t)len < sizeof(key) ? (size_t)len :
	    sizeof(key) - 1);
	known = map_get(t->by_entry, &h);
	id = known != NULL ? *known : pool_add(&t->entries);
	if (id == 0 || (known == NULL &&
	    (known = map_put(t->by_entry, &h, NULL)) == NULL))
		return 0;
	*known = id;
	made = tree_at(&t->entries, id);
	/* Who asked may have been found only after the first events. */
	if (made->kind != 0 && (made->pid != 0 ||
	    json_get(e, "by.pid") == NULL))
		return id;
	made->kind = keep_field(t, e, "kind");
	made->exec_id = keep_field(t, e, "exec_id");
	made->confidence = keep_field(t, e, "confidence");
	made->user = keep_field(t, e, "by.user");
	made->command = keep_field(t, e, "by.command_line");
	made->tty = keep_field(t, e, "by.tty");
	made->pid = pid_at(e, "by.pid");
	made->auid = made->session = -1;
	if (json_get(e, "by.auid") != NULL)
		made->auid = json_int(json_get(e, "by.auid"));
	if (json_get(e, "by.ses") != NULL)
		made->session = json_int(json_get(e, "by.ses"));
	return id;
}

static void
read_command(struct tree *t, struct tree_node *n, const struct json *doc,
    int64_t when)
{
	bool exec = strcmp(json_str(json_get(doc, "event.action"), NULL),
	    "exec") == 0 && strcmp(json_str(json_get(doc, "event.outcome"),
	    NULL), "failure") != 0 && json_get(doc, "tallyman.alert") == NULL;
	uint32_t command = keep_field(t, doc, "process.command_line");
	uint32_t name = keep_field(t, doc, "process.name");
	uint32_t called = keep_field(t, doc, "process.args");

	if (command == 0)
		command = keep_field(t, doc, "process.executable");
	if (exec) {
		n->execs++;
		if (n->execs == 1)
			n->before = command;
	}
	if (command != 0 && (n->command_ns == 0 ||
	    (exec && when >= n->command_ns))) {
		n->command = command;
		n->name = name != 0 ? name : command;
		n->called = called != 0 ? called : n->name;
		n->command_ns = when;
	}
}

static void
read_times(struct tree_node *n, const struct json *doc, int64_t when)
{
	struct wall w;

	if (doctext_wall(doc, "process.start", &w))
		n->start_ns = w.ns;
	if (doctext_wall(doc, "process.end", &w))
		n->end_ns = w.ns;
	if (json_get(doc, "process.exit_code") != NULL) {
		n->exit_code = (int32_t)json_int(json_get(doc,
		    "process.exit_code"));
		n->has_code = true;
	}
	if (when == 0)
		return;
	if (n->first_ns == 0 || when < n->first_ns)
		n->first_ns = when;
	if (when > n->last_ns)
		n->last_ns = when;
}

/* A name, or the number until there is one. */
static void
read_user(struct tree *t, struct tree_node *n, const struct json *doc)
{
	uint32_t name;

	if (n->user != 0 && !n->user_is_id)
		return;
	name = keep_field(t, doc, "process.user.name");
	if (name == 0)
		name = keep_field(t, doc, "user.name");
	if (name != 0 || n->user == 0)
		n->user_is_id = name == 0;
	if (name == 0 && n->user == 0)
		name = keep_field(t, doc, "user.id");
	if (name != 0)
		n->user = name;
}

static void
read_rest(struct tree *t, struct tree_node *n, const struct json *doc)
{
	if (n->pid == 0)
		n->pid = pid_at(doc, "process.pid");
	if (n->vpid == 0)
		n->vpid = pid_at(doc, "process.vpid");
	read_user(t, n, doc);
	if (n->entry == 0)
		n->entry = keep_entry(t, doc);
	if (strcmp(json_str(json_get(doc,
	    "tallyman.container.attribution.method"), NULL), "runtime") == 0)
		n->is_entry = true;
	if (json_get(doc, "tallyman.alert") != NULL) {
		n->alerts++;
		n->alert = keep_field(t, doc, "rule.name");
	}
}

static void
sum_flow(struct tree_peer *p, const struct json *doc, bool answers)
{
	const char *left = json_str(json_get(doc, "tallyman.flow.left_host"),
	    NULL);

	p->flows++;
	p->left += strcmp(left, "yes") == 0;
	p->attempted += strcmp(left, "attempted") == 0;
	p->unsure += json_get(doc, "tallyman.flow.process.candidates") != NULL;
	p->sent += json_int(json_get(doc, answers ? "destination.bytes" :
	    "source.bytes"));
	p->received += json_int(json_get(doc, answers ? "source.bytes" :
	    "destination.bytes"));
}

/* The peer's entry at this node, made when it is new; the last one is for
 * all that find no room. */
static struct tree_peer *
get_peer(struct tree *t, struct tree_node *n, uint32_t text)
{
	uint32_t at, last = 0, id;
	struct tree_peer *p;
	size_t kept = 0;

	for (at = n->peers; at != 0; at = p->next) {
		p = tree_at(&t->peers, at);
		if (p->text == text || p->text == 0)
			return p;
		last = at;
		kept++;
	}
	if ((id = pool_add(&t->peers)) == 0)
		return NULL;
	p = tree_at(&t->peers, id);
	p->text = kept < TREE_PEERS ? text : 0;
	if (last == 0)
		n->peers = id;
	else
		((struct tree_peer *)tree_at(&t->peers, last))->next = id;
	return p;
}

static void
read_flow(struct tree *t, uint32_t id, const struct json *doc)
{
	struct tree_node *n = tree_at(&t->nodes, id);
	struct tree_peer *p;
	struct buf text;
	bool answers = doctext_owner_answers(doc);

	if (n == NULL) {
		sum_flow(&t->strangers, doc, answers);
		return;
	}
	buf_init(&text, 0);
	buf_add_str(&text, answers ? "<- " : "-> ");
	(void)doctext_add_end(&text, doc, answers ? "source" : "destination");
	/* Ports that the other side only borrowed tell nothing. */
	if (answers && text.data != NULL && strrchr(text.data, ':') != NULL) {
		text.len = (size_t)(strrchr(text.data, ':') - text.data);
		text.data[text.len] = '\0';
		buf_printf(&text, " at port %lld", (long long)json_int(
		    json_get(doc, "destination.port")));
	}
	buf_printf(&text, " %s", json_str(json_get(doc, "network.transport"),
	    NULL));
	p = get_peer(t, n, keep_text(t, buf_text(&text), text.len));
	buf_fini(&text);
	if (p == NULL) {
		sum_flow(&t->strangers, doc, answers);
		return;
	}
	sum_flow(p, doc, answers);
	if (p->text == 0)
		return;
	if (p->name == 0)
		p->name = keep_field(t, doc, answers ? "source.domain" :
		    "destination.domain");
	if (p->name == 0)
		p->name = keep_field(t, doc, answers ?
		    "tallyman.source.container.name" :
		    "tallyman.destination.container.name");
}

int
tree_add(struct tree *t, const struct json *doc)
{
	const char *entity = json_str(json_get(doc, "process.entity_id"),
	    NULL);
	bool flow = json_get(doc, "tallyman.flow.id") != NULL &&
	    json_get(doc, "tallyman.alert") == NULL;
	struct wall when = { 0 };
	struct tree_node *n;
	uint32_t id;

	if (entity[0] == '\0' && !flow)
		return 0;
	id = get_node(t, entity);
	if (flow)
		read_flow(t, id, doc);
	if (id == 0)
		return 0;
	(void)doctext_wall(doc, flow ? "event.start" : "@timestamp", &when);
	read_parent(t, id, doc);
	n = tree_at(&t->nodes, id);
	n->events++;
	read_times(n, doc, when.ns);
	read_command(t, n, doc, when.ns);
	read_rest(t, n, doc);
	return buf_ok(&t->texts) ? 0 : -ENOMEM;
}

#include "outputs/container_sums.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jsonpick.h"
#include "lib/map.h"
#include "outputs/doctext.h"

struct container_sums {
	struct map	*by_id;
};

static bool
make_key(const char *id, size_t len, char key[static 64])
{
	if (len == 0 || len > 64)
		return false;
	memset(key, 0, 64);
	memcpy(key, id, len);
	return true;
}

static struct container_sum *
get(struct container_sums *s, const char *id, size_t len)
{
	char key[64];

	return make_key(id, len, key) ? map_put(s->by_id, key, NULL) : NULL;
}

static struct container_sum *
get_at(struct container_sums *s, const struct json *doc, const char *path)
{
	size_t len = 0;
	const char *id = json_str(json_get(doc, path), &len);

	return get(s, id, len);
}

static void
add(struct container_sum *c, int64_t in, int64_t out, bool left)
{
	if (c == NULL)
		return;
	c->ingress += in;
	c->egress += out;
	c->flows++;
	if (left)
		c->left_host += in + out;
}

enum { SENT, RECEIVED, LEFT, FROM, TO, FACTS };
static const char *const facts[FACTS] = {
	[SENT] = "source.bytes", [RECEIVED] = "destination.bytes",
	[LEFT] = "tallyman.flow.left_host",
	[FROM] = "tallyman.source.container.id",
	[TO] = "tallyman.destination.container.id",
};

static int
take_odd_flow(struct container_sums *s, const struct reader_row *row)
{
	struct json_doc *document;
	const struct json *doc;
	int64_t sent, received;
	bool left;

	document = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	doc = json_root(document);
	sent = json_int(json_get(doc, facts[SENT]));
	received = json_int(json_get(doc, facts[RECEIVED]));
	left = strcmp(json_str(json_get(doc, facts[LEFT]), NULL), "yes") == 0;
	add(get_at(s, doc, facts[FROM]), received, sent, left);
	add(get_at(s, doc, facts[TO]), sent, received, left);
	json_doc_free(document);
	return 0;
}

/* A store holds a million flows: no tree for each. */
static int
take_flow(void *ctx, const struct reader_row *row)
{
	struct container_sums *s = ctx;
	struct jsonpick got[FACTS];
	int64_t sent, received;
	bool left;

	if (jsonpick(row->text, row->len, facts, FACTS, got) != 0)
		return take_odd_flow(s, row);
	sent = jsonpick_int(&got[SENT]);
	received = jsonpick_int(&got[RECEIVED]);
	left = jsonpick_is(&got[LEFT], "yes");
	add(get(s, got[FROM].text, got[FROM].len), received, sent, left);
	add(get(s, got[TO].text, got[TO].len), sent, received, left);
	return 0;
}

static int
take_alert(void *ctx, const struct reader_row *row)
{
	struct container_sums *s = ctx;
	struct json_doc *document;
	const struct json *doc;
	struct container_sum *c;
	struct wall when;
	const char *name;

	document = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	doc = json_root(document);
	c = get_at(s, doc, "container.id");
	if (c != NULL)
		c->alerts++;
	if (c != NULL && doctext_wall(doc, "@timestamp", &when) &&
	    when.ns >= c->last.ns) {
		c->last = when;
		c->severity = json_int(json_get(doc, "event.severity"));
		name = json_str(json_get(doc, "rule.name"), NULL);
		if (name[0] == '\0')
			name = json_str(json_get(doc, "rule.id"), NULL);
		(void)snprintf(c->rule, sizeof(c->rule), "%s", name);
		(void)snprintf(c->alert, sizeof(c->alert), "%s",
		    json_str(json_get(doc, "event.id"), NULL));
	}
	json_doc_free(document);
	return 0;
}

struct container_sums *
container_sums_new(struct reader *r, const char *id)
{
	struct container_sums *s = calloc(1, sizeof(*s));
	struct reader_filter f = { .table = READER_FLOWS, .container = id,
	    .direct = true, .unordered = true };
	int err;

	if (s == NULL)
		return NULL;
	s->by_id = map_new(64, sizeof(struct container_sum),
	    CONTAINER_SUMS_LIMIT, NULL, NULL);
	err = s->by_id == NULL ? -ENOMEM : reader_each(r, &f, take_flow, s,
	    NULL);
	f.table = READER_ALERTS;
	if (err == 0)
		err = reader_each(r, &f, take_alert, s, NULL);
	if (err == 0)
		return s;
	container_sums_free(s);
	errno = -err;
	return NULL;
}

void
container_sums_free(struct container_sums *s)
{
	if (s == NULL)
		return;
	map_free(s->by_id);
	free(s);
}

const struct container_sum *
container_sums_get(const struct container_sums *s, const char *id)
{
	static const struct container_sum none;
	const struct container_sum *c = NULL;
	char key[64];

	if (make_key(id, strlen(id), key))
		c = map_get(s->by_id, key);
	return c == NULL ? &none : c;
}

static void
put_number(struct json_writer *w, const char *key, int64_t n)
{
	json_key_str(w, key);
	json_put_i64(w, n);
}

static void put_node(struct json_writer *, const struct json *);

static void
put_members(struct json_writer *w, const struct json *node)
{
	const char *key;
	size_t i;

	for (i = 0; i < json_count(node); i++) {
		key = json_key_at(node, i);
		json_key(w, key, strlen(key));
		put_node(w, json_at(node, i));
	}
}

/* As deep as a document may be: JSON_DEPTH_MAX. */
static void
put_node(struct json_writer *w, const struct json *node)
{
	const char *text;
	size_t i, len;

	switch (json_typeof(node)) {
	case JSON_NULL:
		json_put_null(w);
		break;
	case JSON_BOOL:
		json_put_bool(w, json_bool(node));
		break;
	case JSON_NUMBER:
		text = json_str(node, &len);
		json_put_raw(w, text, len);
		break;
	case JSON_STRING:
		text = json_str(node, &len);
		json_put_str(w, text, len);
		break;
	case JSON_ARRAY:
		json_open(w, '[');
		for (i = 0; i < json_count(node); i++)
			put_node(w, json_at(node, i));
		json_close(w, ']');
		break;
	case JSON_OBJECT:
		json_open(w, '{');
		put_members(w, node);
		json_close(w, '}');
		break;
	}
}

static void
put_traffic(const struct container_sum *c, struct json_writer *w)
{
	json_key_str(w, "network");
	json_open(w, '{');
	json_key_str(w, "ingress");
	json_open(w, '{');
	put_number(w, "bytes", c->ingress);
	json_close(w, '}');
	json_key_str(w, "egress");
	json_open(w, '{');
	put_number(w, "bytes", c->egress);
	json_close(w, '}');
	json_close(w, '}');
}

static void
put_sums(const struct container_sum *c, struct json_writer *w)
{
	char time[WALL_TEXT];

	json_key_str(w, "container");
	json_open(w, '{');
	put_number(w, "flows", (int64_t)c->flows);
	json_key_str(w, "left_host");
	json_open(w, '{');
	put_number(w, "bytes", c->left_host);
	json_close(w, '}');
	put_number(w, "alerts", (int64_t)c->alerts);
	if (c->last.ns != 0) {
		json_key_str(w, "last_alert");
		json_open(w, '{');
		wall_format(c->last, time);
		json_key_str(w, "@timestamp");
		json_put_cstr(w, time);
		json_key_str(w, "id");
		json_put_cstr(w, c->alert);
		json_key_str(w, "rule");
		json_put_cstr(w, c->rule);
		put_number(w, "severity", c->severity);
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void
put_object(struct json_writer *w, const struct json *doc, const char *key,
    const struct container_sum *c, void (*more)(const struct container_sum *,
    struct json_writer *))
{
	json_key_str(w, key);
	json_open(w, '{');
	put_members(w, json_member(doc, key));
	more(c, w);
	json_close(w, '}');
}

void
container_sums_write(const struct container_sum *c, const struct json *doc,
    struct buf *out)
{
	struct json_writer w;
	const char *key;
	size_t i;

	json_writer_init(&w, out);
	json_open(&w, '{');
	for (i = 0; i < json_count(doc); i++) {
		key = json_key_at(doc, i);
		if (strcmp(key, "container") == 0 ||
		    strcmp(key, "tallyman") == 0)
			continue;
		json_key(&w, key, strlen(key));
		put_node(&w, json_at(doc, i));
	}
	put_object(&w, doc, "container", c, put_traffic);
	put_object(&w, doc, "tallyman", c, put_sums);
	json_close(&w, '}');
}

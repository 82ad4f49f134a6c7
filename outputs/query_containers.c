/*
 * `tallyman containers NAME`: one container on one page.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/map.h"
#include "outputs/container_sums.h"
#include "outputs/doctext.h"
#include "outputs/query_private.h"
#include "outputs/termtext.h"

#define PEERS_KEPT	4096
#define PEERS_SHOWN	5

struct peer {
	char		text[64];
	char		name[64];
	int64_t		sent, received;
	uint32_t	flows, left;
};

struct page {
	const struct query_env	*env;
	const struct json	*doc;
	const char		*id;
	struct map		*peers;
	uint64_t		 evicted;
};

/* A row without anything to say is left out. */
static void
put_row(const struct page *p, const char *label, const struct buf *text)
{
	struct buf cut;

	if (text->len == 0)
		return;
	buf_init(&cut, 0);
	if (p->env->columns > 20)
		termtext_fit(&cut, buf_text(text), p->env->columns - 14,
		    false);
	else
		buf_add_str(&cut, buf_text(text));
	fprintf(p->env->out, "  %-12s%s\n", label, buf_text(&cut));
	buf_fini(&cut);
}

static void
put_field(const struct page *p, const char *label, const char *path)
{
	struct buf text;

	buf_init(&text, 0);
	(void)doctext_add(&text, p->doc, path);
	put_row(p, label, &text);
	buf_fini(&text);
}

static void
put_list(const struct page *p, const char *label, const char *path)
{
	const struct json *all = json_get(p->doc, path);
	struct buf text;
	const char *s;
	size_t i, len;

	buf_init(&text, 0);
	for (i = 0; i < json_count(all); i++) {
		buf_reset(&text);
		if (json_typeof(all) == JSON_OBJECT) {
			s = json_key_at(all, i);
			(void)termtext_add(&text, s, strlen(s));
			buf_add_str(&text, " = ");
		}
		s = json_str(json_at(all, i), &len);
		(void)termtext_add(&text, s, len);
		put_row(p, i == 0 ? label : "", &text);
	}
	buf_fini(&text);
}

static void
add_part(struct buf *text, const struct json *doc, const char *before,
    const char *path)
{
	size_t at = text->len;

	buf_add_str(text, at > 0 ? ", " : "");
	buf_add_str(text, before);
	if (!doctext_add(text, doc, path) && text->data != NULL) {
		text->len = at;
		text->data[at] = '\0';
	}
}

/* All times of the page are local. */
static void
add_time(struct buf *text, const struct json *doc, const char *before,
    const char *path)
{
	struct wall when;

	if (!doctext_wall(doc, path, &when))
		return;
	buf_printf(text, "%s%s", text->len > 0 ? ", " : "", before);
	doctext_add_time(text, when);
}

static void
put_state(const struct page *p)
{
	struct buf text;

	buf_init(&text, 0);
	add_part(&text, p->doc, "", "tallyman.docker.state");
	add_time(&text, p->doc, "created ", "tallyman.docker.created");
	add_time(&text, p->doc, "started ", "tallyman.docker.started");
	add_time(&text, p->doc, "finished ", "tallyman.docker.finished");
	add_part(&text, p->doc, "exit code ", "tallyman.docker.exit_code");
	add_part(&text, p->doc, "restarts ", "tallyman.docker.restart_count");
	put_row(p, "state", &text);
	buf_fini(&text);
}

static void
put_networks(const struct page *p)
{
	static const char *const parts[][2] = { { "", "name" }, { "", "ip" },
		{ "", "ip6" }, { "gateway ", "gateway" },
		{ "gateway ", "gateway6" }, { "mac ", "mac" } };
	const struct json *all = json_get(p->doc, "tallyman.docker.networks");
	struct buf text;
	size_t i, k;

	buf_init(&text, 0);
	for (i = 0; i < json_count(all); i++) {
		buf_reset(&text);
		for (k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
			add_part(&text, json_at(all, i), parts[k][0],
			    parts[k][1]);
		put_row(p, i == 0 ? "network" : "", &text);
	}
	buf_fini(&text);
}

static void
put_privileges(const struct page *p)
{
	struct buf text;

	buf_init(&text, 0);
	doctext_add_privileges(&text, p->doc);
	if (text.len == 0)
		buf_add_str(&text, "none beyond Docker's default");
	put_row(p, "privileges", &text);
	buf_fini(&text);
}

static void
put_sums(const struct page *p, const struct container_sum *c)
{
	struct buf text;

	buf_init(&text, 0);
	doctext_add_bytes(&text, c->ingress);
	buf_add_str(&text, " in, ");
	doctext_add_bytes(&text, c->egress);
	buf_printf(&text, " out in %llu flows that are stored; ",
	    (unsigned long long)c->flows);
	doctext_add_bytes(&text, c->left_host);
	buf_add_str(&text, " in flows that left the host");
	put_row(p, "traffic", &text);
	buf_reset(&text);
	if (c->alerts == 0) {
		buf_add_str(&text, "none");
	} else {
		buf_printf(&text, "%llu, the last ",
		    (unsigned long long)c->alerts);
		doctext_add_time(&text, c->last);
		buf_add_str(&text, ": ");
		(void)termtext_add(&text, c->rule, strlen(c->rule));
		buf_add_str(&text, " (");
		(void)termtext_add(&text, c->alert, strlen(c->alert));
		buf_add_char(&text, ')');
	}
	put_row(p, "alerts", &text);
	buf_fini(&text);
}

static void
forget_peer(void *ctx, const void *key, void *value, bool evicted)
{
	struct page *p = ctx;

	(void)key;
	(void)value;
	p->evicted += evicted;
}

/* From the container's side, whichever end of the flow it is. */
static int
take_flow(void *ctx, const struct reader_row *row)
{
	struct page *p = ctx;
	struct json_doc *document;
	const struct json *doc;
	struct peer *peer = NULL;
	struct buf text;
	char key[64] = "";
	bool answers;

	document = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	doc = json_root(document);
	answers = strcmp(json_str(json_get(doc,
	    "tallyman.source.container.id"), NULL), p->id) != 0;
	buf_init(&text, 0);
	if (answers)
		buf_printf(&text, "<- %s at port %lld ", json_str(json_get(doc,
		    "source.ip"), NULL), (long long)json_int(json_get(doc,
		    "destination.port")));
	else {
		buf_add_str(&text, "-> ");
		(void)doctext_add_end(&text, doc, "destination");
		buf_add_char(&text, ' ');
	}
	buf_add_str(&text, json_str(json_get(doc, "network.transport"), NULL));
	(void)snprintf(key, sizeof(key), "%s", buf_text(&text));
	memset(key + strlen(key), 0, sizeof(key) - strlen(key));
	if (doc != NULL)
		peer = map_put(p->peers, key, NULL);
	buf_fini(&text);
	if (peer != NULL) {
		memcpy(peer->text, key, sizeof(key));
		peer->flows++;
		peer->left += strcmp(json_str(json_get(doc,
		    "tallyman.flow.left_host"), NULL), "yes") == 0;
		peer->sent += json_int(json_get(doc, answers ?
		    "destination.bytes" : "source.bytes"));
		peer->received += json_int(json_get(doc, answers ?
		    "source.bytes" : "destination.bytes"));
		(void)snprintf(peer->name, sizeof(peer->name), "%s",
		    json_str(json_get(doc, answers ? "source.domain" :
		    "destination.domain"), NULL));
	}
	json_doc_free(document);
	return 0;
}

static void
put_peer(const struct page *p, const char *label, const struct peer *q)
{
	struct buf text;

	buf_init(&text, 0);
	(void)termtext_add(&text, q->text, strlen(q->text));
	if (q->name[0] != '\0') {
		buf_add_str(&text, " (");
		(void)termtext_add(&text, q->name, strlen(q->name));
		buf_add_char(&text, ')');
	}
	buf_printf(&text, ": %u flow%s, sent ", q->flows,
	    q->flows == 1 ? "" : "s");
	doctext_add_bytes(&text, q->sent);
	buf_add_str(&text, ", received ");
	doctext_add_bytes(&text, q->received);
	if (q->left > 0)
		buf_printf(&text, ", %u left the host", q->left);
	put_row(p, label, &text);
	buf_fini(&text);
}

/* Those with the most bytes. */
static void
put_peers(const struct page *p)
{
	struct peer *q, *best;
	size_t i, n = map_count(p->peers);
	struct buf text;

	for (i = 0; i < PEERS_SHOWN; i++) {
		best = NULL;
		for (q = map_oldest(p->peers); q != NULL;
		    q = map_newer(p->peers, q))
			if (best == NULL || q->sent + q->received >
			    best->sent + best->received)
				best = q;
		if (best == NULL)
			break;
		put_peer(p, i == 0 ? "peers" : "", best);
		map_remove(p->peers, best);
	}
	if (n <= PEERS_SHOWN && p->evicted == 0)
		return;
	buf_init(&text, 0);
	buf_printf(&text, "and %s%llu more: tallyman flows --container",
	    p->evicted > 0 ? "at least " : "",
	    (unsigned long long)(n - PEERS_SHOWN + p->evicted));
	put_row(p, "", &text);
	buf_fini(&text);
}

static void
put_page(const struct page *p, const struct query_container *c,
    const struct container_sum *sum)
{
	struct buf text;

	buf_init(&text, 0);
	if (!doctext_add(&text, p->doc, "container.name"))
		buf_add_str(&text, "a container without a name");
	fprintf(p->env->out, "%s\n", buf_text(&text));
	buf_reset(&text);
	put_field(p, "id", "container.id");
	add_part(&text, p->doc, "", "container.image.name");
	add_part(&text, p->doc, "tag ", "container.image.tag");
	put_row(p, "image", &text);
	buf_reset(&text);
	put_list(p, "", "container.image.hash.all");
	put_field(p, "runtime", "container.runtime");
	put_state(p);
	put_field(p, "init pid", "tallyman.docker.init_pid");
	put_field(p, "user", "tallyman.docker.user");
	put_privileges(p);
	put_networks(p);
	put_list(p, "ports", "tallyman.docker.ports");
	put_list(p, "mounts", "tallyman.docker.mounts");
	put_list(p, "labels", "container.labels");
	put_sums(p, sum);
	put_peers(p);
	if (c->others > 0) {
		buf_printf(&text, "%zu more had this name: name them by id",
		    c->others);
		put_row(p, "others", &text);
	}
	buf_fini(&text);
}

static int
show(struct page *p, struct reader *r, const struct query_container *c,
    bool json)
{
	struct reader_filter f = { .table = READER_FLOWS, .direct = true };
	const struct container_sum *sum;
	struct container_sums *sums;
	struct buf line;
	int err = 0;

	p->id = json_str(json_get(c->doc, "container.id"), NULL);
	if ((sums = container_sums_new(r, p->id)) == NULL)
		return -errno;
	sum = container_sums_get(sums, p->id);
	if (json) {
		buf_init(&line, 8 << 20);
		container_sums_write(sum, c->doc, &line);
		query_print_json(p->env, buf_text(&line), line.len);
		buf_fini(&line);
	} else {
		f.container = p->id;
		err = reader_each(r, &f, take_flow, p, NULL);
		if (err == 0)
			put_page(p, c, sum);
	}
	container_sums_free(sums);
	return err;
}

int
query_container_page(struct reader *r, const char *name, bool json,
    const struct query_env *env)
{
	struct query_container c = { 0 };
	struct page p = { .env = env };
	int err = query_find_container(r, name, &c);

	if (err == 0 && (p.peers = map_new(64, sizeof(struct peer),
	    PEERS_KEPT, forget_peer, &p)) == NULL)
		err = -ENOMEM;
	if (err == 0) {
		p.doc = c.doc;
		err = show(&p, r, &c, json);
	}
	map_free(p.peers);
	json_doc_free(c.document);
	if (err == -ENOENT)
		return query_missing(env, "containers", "the store knows no "
		    "container ", name, "tallyman containers lists those that "
		    "it knows");
	if (err == -ENOTUNIQ)
		return query_complain(env, "containers", "several containers "
		    "have an id that begins with ", name);
	return err == 0 ? QUERY_OK : query_fail(env, "containers", err);
}

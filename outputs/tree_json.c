/*
 * A process of a tree as a JSON object: ECS names where there are any, the
 * rest under tallyman.tree.
 */
#include <errno.h>

#include "lib/json.h"
#include "outputs/query_private.h"
#include "outputs/tree_print.h"

enum query_life
tree_print_life(const struct tree_print *p, const struct tree_node *n)
{
	if (n->end_ns != 0)
		return QUERY_LIFE_ENDED;
	if (p->env->life == NULL || n->pid == 0)
		return QUERY_LIFE_UNKNOWN;
	return p->env->life(n->pid, (struct wall){ n->start_ns });
}

static void
put_text(struct json_writer *w, const struct tree *t, const char *key,
    uint32_t text)
{
	size_t len;
	const char *s = tree_text(t, text, &len);

	if (len == 0)
		return;
	json_key_str(w, key);
	json_put_str(w, s, len);
}

static void
put_time(struct json_writer *w, const char *key, int64_t ns)
{
	char text[WALL_TEXT];

	if (ns == 0)
		return;
	wall_format((struct wall){ ns }, text);
	json_key_str(w, key);
	json_put_cstr(w, text);
}

static void
put_number(struct json_writer *w, const char *key, int64_t n)
{
	json_key_str(w, key);
	json_put_i64(w, n);
}

static void
write_process(const struct tree_print *p, struct json_writer *w,
    const struct tree_node *n)
{
	const struct tree_node *parent = tree_node(p->tree, n->parent);

	json_key_str(w, "process");
	json_open(w, '{');
	json_key_str(w, "entity_id");
	json_put_cstr(w, n->entity);
	if (n->pid != 0)
		put_number(w, "pid", n->pid);
	if (n->vpid != 0)
		put_number(w, "vpid", n->vpid);
	put_time(w, "start", n->start_ns);
	put_time(w, "end", n->end_ns);
	if (n->has_code)
		put_number(w, "exit_code", n->exit_code);
	put_text(w, p->tree, "name", n->name);
	put_text(w, p->tree, "command_line", n->command);
	json_key_str(w, "parent");
	json_open(w, '{');
	if (parent != NULL && !n->is_adopted) {
		json_key_str(w, "entity_id");
		json_put_cstr(w, parent->entity);
	}
	if (n->ppid != 0)
		put_number(w, "pid", n->ppid);
	json_close(w, '}');
	json_close(w, '}');
	if (n->user != 0) {
		json_key_str(w, "user");
		json_open(w, '{');
		put_text(w, p->tree, "name", n->user);
		json_close(w, '}');
	}
}

static void
write_peers(const struct tree_print *p, struct json_writer *w,
    const struct tree_node *n)
{
	const struct tree_peer *q;
	uint32_t i;

	json_key_str(w, "peers");
	json_open(w, '[');
	for (i = n->peers; i != 0; i = q->next) {
		q = tree_peer(p->tree, i);
		json_open(w, '{');
		put_text(w, p->tree, "peer", q->text);
		put_text(w, p->tree, "name", q->name);
		put_number(w, "flows", q->flows);
		put_number(w, "left_host", q->left);
		put_number(w, "attempted", q->attempted);
		put_number(w, "unsure", q->unsure);
		put_number(w, "sent", q->sent);
		put_number(w, "received", q->received);
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void
write_entry(const struct tree_print *p, struct json_writer *w,
    const struct tree_node *n)
{
	const struct tree_entry *e = tree_entry(p->tree, n->entry);

	if (e == NULL)
		return;
	json_key_str(w, "entry");
	json_open(w, '{');
	put_text(w, p->tree, "kind", e->kind);
	put_text(w, p->tree, "exec_id", e->exec_id);
	put_text(w, p->tree, "confidence", e->confidence);
	if (e->pid != 0) {
		json_key_str(w, "by");
		json_open(w, '{');
		put_number(w, "pid", e->pid);
		put_number(w, "auid", e->auid);
		put_number(w, "ses", e->session);
		put_text(w, p->tree, "tty", e->tty);
		put_text(w, p->tree, "user", e->user);
		put_text(w, p->tree, "command_line", e->command);
		json_close(w, '}');
	}
	json_close(w, '}');
}

int
tree_print_json(const struct tree_print *p, const struct tree_node *n, size_t depth)
{
	static const char *const states[] = { [QUERY_LIFE_UNKNOWN] =
		"unknown", [QUERY_LIFE_ENDED] = "ended",
		[QUERY_LIFE_RUNS] = "running" };
	struct json_writer w;
	struct buf line;

	buf_init(&line, 0);
	json_writer_init(&w, &line);
	json_open(&w, '{');
	write_process(p, &w, n);
	json_key_str(&w, "tallyman");
	json_open(&w, '{');
	write_entry(p, &w, n);
	json_key_str(&w, "tree");
	json_open(&w, '{');
	put_number(&w, "depth", (int64_t)depth);
	json_key_str(&w, "state");
	json_put_cstr(&w, states[tree_print_life(p, n)]);
	put_number(&w, "execs", n->execs);
	put_number(&w, "below", n->below);
	put_time(&w, "first_event", n->first_ns);
	put_time(&w, "last_event", n->last_ns);
	if (n->before != n->command)
		put_text(&w, p->tree, "first_command_line", n->before);
	json_key_str(&w, "parent_known");
	json_put_bool(&w, n->parent != 0 && !n->is_adopted);
	put_number(&w, "alerts", n->alerts);
	put_text(&w, p->tree, "last_alert", n->alert);
	write_peers(p, &w, n);
	json_close(&w, '}');
	json_close(&w, '}');
	json_close(&w, '}');
	query_print_json(p->env, buf_text(&line), line.len);
	buf_fini(&line);
	return ferror(p->env->out) ? -EPIPE : 0;
}

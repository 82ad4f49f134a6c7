#include "outputs/tree_print.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/map.h"
#include "outputs/doctext.h"
#include "outputs/query_private.h"
#include "outputs/termtext.h"

#define SHOWN	2	/* of a group before the rest is folded */
#define LOOSE	20	/* groups that differ only in their peers */
#define DETAIL_LINES	4	/* of what belongs to a node */
#define DETAIL_ROOM	24	/* columns; with less it is cut */

struct marks {
	const char	*more, *last, *bar, *none, *dots;
};
static const struct marks ascii = { "|- ", "`- ", "|  ", "   ", "..." };
static const struct marks unicode = { "\u251c\u2500 ", "\u2514\u2500 ",
	"\u2502  ", "   ", "\u2026" };

/* Siblings of one shape. */
struct group {
	uint32_t	members, seen;
	uint32_t	shapes;		/* of an outline: groups in it */
	uint32_t	below, flows, left;
	int64_t		sent, received, first_ns, last_ns;
};
struct group_key {
	uint64_t	shape;
	uint64_t	parent;		/* and in the top bit: an outline */
};

struct printer {
	const struct tree_print	*conf;
	const struct tree	*tree;
	const struct marks	*marks;
	struct map		*groups;	/* NULL: nothing is folded */
	struct buf		 line, prefix;
	size_t			 left;		/* columns before the tree */
	size_t			 detail;	/* where it begins in line */
};

static struct group_key
key_of(uint64_t shape, uint32_t parent, bool outline)
{
	return (struct group_key){ shape, parent | (uint64_t)outline << 63 };
}

static struct group *
group_of(struct printer *p, const struct tree_node *n)
{
	struct group_key k = key_of(n->outline, n->parent, true);
	struct group *g;

	if (p->groups == NULL)
		return NULL;
	g = map_get(p->groups, &k);
	if (g != NULL && g->shapes > LOOSE)
		return g;
	k = key_of(n->shape, n->parent, false);
	g = map_get(p->groups, &k);
	return g != NULL && g->members > SHOWN + 1 ? g : NULL;
}

static int
count_groups(struct printer *p)
{
	const struct tree_node *n;
	struct group *exact, *loose;
	struct group_key k;
	bool made;
	uint32_t i;

	p->groups = map_new(sizeof(struct group_key), sizeof(struct group),
	    2 * tree_count(p->tree) + 1, NULL, NULL);
	if (p->groups == NULL)
		return -ENOMEM;
	for (i = 1; (n = tree_node(p->tree, i)) != NULL; i++) {
		k = key_of(n->shape, n->parent, false);
		exact = map_put(p->groups, &k, &made);
		k = key_of(n->outline, n->parent, true);
		loose = map_put(p->groups, &k, NULL);
		if (exact == NULL || loose == NULL)
			return -ENOMEM;
		exact->members++;
		loose->members++;
		loose->shapes += made;
	}
	return 0;
}

static void
add_text(struct printer *p, uint32_t text)
{
	size_t len;
	const char *s = tree_text(p->tree, text, &len);

	(void)termtext_add(&p->line, s, len);
}

/* From column 0 to the tree. */
static void
pad_to(struct buf *line, size_t width)
{
	size_t w = termtext_width(buf_text(line));

	for (; w < width; w++)
		buf_add_char(line, ' ');
}

/* The line, cut to the terminal. */
static int
put_line(struct printer *p)
{
	const struct query_env *env = p->conf->env;
	struct buf cut;

	if (env->columns == 0) {
		fputs(buf_text(&p->line), env->out);
	} else {
		buf_init(&cut, 0);
		termtext_fit(&cut, buf_text(&p->line), env->columns, false);
		fputs(buf_text(&cut), env->out);
		buf_fini(&cut);
	}
	fputc('\n', env->out);
	buf_reset(&p->line);
	return ferror(env->out) ? -EPIPE : 0;
}

static bool
is_narrow(const struct printer *p, unsigned columns)
{
	return p->conf->env->columns > 0 && p->conf->env->columns < columns;
}

static int64_t
time_of(const struct tree_node *n)
{
	return n->start_ns != 0 ? n->start_ns : n->first_ns;
}

static void
add_state(struct printer *p, const struct tree_node *n)
{
	switch (tree_print_life(p->conf, n)) {
	case QUERY_LIFE_RUNS:
		buf_add_str(&p->line, "running");
		break;
	case QUERY_LIFE_UNKNOWN:
		buf_add_str(&p->line, "?");
		break;
	case QUERY_LIFE_ENDED:
		buf_add_str(&p->line, "ended");
		if (n->end_ns != 0 && n->start_ns != 0) {
			buf_add_char(&p->line, ' ');
			doctext_add_span(&p->line, n->end_ns - n->start_ns);
		}
		break;
	}
}

/* People at a terminal know the year. */
static size_t
started_width(const struct printer *p)
{
	return p->conf->env->columns > 0 ? 20 : 25;
}

static void
add_time(struct printer *p, int64_t ns)
{
	struct buf text;

	buf_init(&text, 0);
	doctext_add_time(&text, (struct wall){ ns });
	buf_printf(&text, ".%03d", (int)(ns % MONO_S / MONO_MS));
	buf_add_str(&p->line, buf_text(&text) +
	    (p->conf->env->columns > 0 && text.len == 23 ? 5 : 0));
	buf_fini(&text);
}

/* STARTED has a "<" where only the first event is known: it lived by then. */
static void
add_columns(struct printer *p, const struct tree_node *n)
{
	size_t at = 0;

	if (!is_narrow(p, 60)) {
		buf_add_char(&p->line, n->start_ns != 0 ||
		    n->first_ns == 0 ? ' ' : '<');
		if (time_of(n) == 0)
			buf_add_char(&p->line, '-');
		else
			add_time(p, time_of(n));
		at += started_width(p);
		pad_to(&p->line, at);
	}
	if (!is_narrow(p, 80)) {
		add_state(p, n);
		at += 13;
		pad_to(&p->line, at);
	}
	if (n->pid != 0)
		buf_printf(&p->line, "%7u  ", n->pid);
	else
		buf_printf(&p->line, "%7s  ", "?");
	at += 9;
	if (!is_narrow(p, 60)) {
		struct buf user;
		size_t len;
		const char *s = tree_text(p->tree, n->user, &len);

		buf_init(&user, 0);
		(void)termtext_add(&user, len == 0 ? "?" : s,
		    len == 0 ? 1 : len);
		termtext_fit(&p->line, buf_text(&user), 8, true);
		buf_add_str(&p->line, "  ");
		buf_fini(&user);
		at += 10;
	}
	p->left = at;
}

/* The lines of the tree that pass by on the left; below: of what belongs to
 * the node and not of the node itself. */
static void
make_prefix(struct printer *p, const struct tree_node *n, size_t depth,
    bool below)
{
	const char *parts[TREE_PRINT_DEPTH + 2];
	size_t i = 0, limit = depth + below;

	if (below && n->child == 0)
		parts[i++] = p->marks->none;
	else if (below)
		parts[i++] = p->marks->bar;
	for (; n != NULL && i < limit; n = tree_node(p->tree, n->parent)) {
		if (i == 0)
			parts[i++] = n->next == 0 ? p->marks->last :
			    p->marks->more;
		else
			parts[i++] = n->next == 0 ? p->marks->none :
			    p->marks->bar;
	}
	buf_reset(&p->prefix);
	while (i > 0)
		buf_add_str(&p->prefix, parts[--i]);
}

static void
begin_detail(struct printer *p)
{
	pad_to(&p->line, p->left);
	buf_add_str(&p->line, buf_text(&p->prefix));
	p->detail = p->line.len;
}

/* Bytes of the words that fit into so many columns, of one at least. */
static size_t
words_in(const char *text, size_t width)
{
	size_t len = strcspn(text, " "), next;
	struct buf some;

	buf_init(&some, 0);
	while (text[len] != '\0') {
		next = len + 1 + strcspn(text + len + 1, " ");
		buf_reset(&some);
		buf_add(&some, text, next);
		if (termtext_width(buf_text(&some)) > width)
			break;
		len = next;
	}
	buf_fini(&some);
	return len;
}

/* The line as several where it is wider than the terminal: who asked for it
 * stands at its end. */
static int
put_detail(struct printer *p)
{
	size_t columns = p->conf->env->columns, n, len;
	size_t before = p->left + termtext_width(buf_text(&p->prefix));
	const char *text;
	struct buf whole;
	int err = 0;

	if (columns < before + DETAIL_ROOM)	/* also 0: not cut at all */
		return put_line(p);
	buf_init(&whole, 0);
	buf_add_str(&whole, buf_text(&p->line) + p->detail);
	text = buf_text(&whole);
	for (n = 1; err == 0 && *text != '\0'; n++) {
		buf_reset(&p->line);
		begin_detail(p);
		if (n > 1)
			buf_add_str(&p->line, "  ");
		len = n == DETAIL_LINES ? strlen(text) :
		    words_in(text, columns - before - (n > 1 ? 2 : 0));
		buf_add(&p->line, text, len);
		text += len;
		text += strspn(text, " ");
		err = put_line(p);
	}
	buf_fini(&whole);
	return err;
}

static void
add_traffic(struct printer *p, uint32_t flows, uint32_t left, uint32_t tried,
    int64_t sent, int64_t received)
{
	buf_add_str(&p->line, ": ");
	if (flows != 1)
		buf_printf(&p->line, "%u flows, ", flows);
	buf_add_str(&p->line, "sent ");
	doctext_add_bytes(&p->line, sent);
	buf_add_str(&p->line, ", received ");
	doctext_add_bytes(&p->line, received);
	if (left == flows)
		buf_add_str(&p->line, ", left the host");
	else if (left > 0)
		buf_printf(&p->line, ", %u left the host", left);
	if (tried > 0)
		buf_printf(&p->line, ", %u attempted to", tried);
}

static int
print_peers(struct printer *p, const struct tree_node *n)
{
	const struct tree_peer *q;
	uint32_t i;
	int err = 0;

	for (i = n->peers; i != 0 && err == 0; i = q->next) {
		q = tree_peer(p->tree, i);
		begin_detail(p);
		if (q->text != 0)
			add_text(p, q->text);
		else
			buf_printf(&p->line, "%s and with others",
			    p->marks->dots);
		if (q->name != 0) {
			buf_add_str(&p->line, " (");
			add_text(p, q->name);
			buf_add_char(&p->line, ')');
		}
		add_traffic(p, q->flows, q->left, q->attempted, q->sent,
		    q->received);
		if (q->unsure > 0)
			buf_printf(&p->line, " (%u may be another "
			    "process's)", q->unsure);
		err = put_detail(p);
	}
	return err;
}

/* How this part of the container began, at the process it began with. */
static int
print_entry(struct printer *p, const struct tree_node *n)
{
	const struct tree_entry *e = tree_entry(p->tree, n->entry);

	if (e == NULL || n->parent != 0)
		return 0;
	begin_detail(p);
	add_text(p, e->kind);
	if (e->pid == 0) {
		buf_add_str(&p->line, ", who asked is not known");
		return put_detail(p);
	}
	buf_add_str(&p->line, " asked for by ");
	if (e->user != 0)
		add_text(p, e->user);
	else
		buf_add_str(&p->line, "an unknown user");
	buf_printf(&p->line, " (pid %u", e->pid);
	if (e->auid >= 0)
		buf_printf(&p->line, ", login uid %lld, session %lld",
		    (long long)e->auid, (long long)e->session);
	if (e->tty != 0) {
		buf_add_str(&p->line, ", ");
		add_text(p, e->tty);
	}
	buf_add_str(&p->line, "), confidence ");
	add_text(p, e->confidence);
	if (e->command != 0) {
		buf_add_str(&p->line, ": ");
		add_text(p, e->command);
	}
	return put_detail(p);
}

static int
print_alert(struct printer *p, const struct tree_node *n)
{
	if (n->alerts == 0)
		return 0;
	begin_detail(p);
	buf_add_str(&p->line, "ALERT ");
	add_text(p, n->alert);
	if (n->alerts > 1)
		buf_printf(&p->line, " (and %u more)", n->alerts - 1);
	return put_detail(p);
}

static int
print_node(struct printer *p, const struct tree_node *n, size_t depth)
{
	int err;

	add_columns(p, n);
	make_prefix(p, n, depth, false);
	buf_add_str(&p->line, buf_text(&p->prefix));
	if (n->command != 0)
		add_text(p, n->command);
	else
		buf_add_str(&p->line, "(its program is not known)");
	if (n->has_code)
		buf_printf(&p->line, " [exit %d]", (int)n->exit_code);
	if (n->execs > 1 && n->before != n->command) {
		buf_add_str(&p->line, " [was: ");
		add_text(p, n->before);
		buf_add_char(&p->line, ']');
	}
	if (n->events == 0)
		buf_add_str(&p->line, " [heard of only as a parent]");
	if (n->is_adopted)
		buf_add_str(&p->line, " [its parent is not known]");
	if ((err = put_line(p)) != 0)
		return err;
	make_prefix(p, n, depth, true);
	if ((err = print_entry(p, n)) == 0 && (err = print_alert(p, n)) == 0)
		err = print_peers(p, n);
	return err;
}

static void
add_member(struct printer *p, struct group *g, const struct tree_node *n)
{
	const struct tree_peer *q;
	uint32_t i;

	if (g->first_ns == 0 || (time_of(n) != 0 && time_of(n) < g->first_ns))
		g->first_ns = time_of(n);
	if (time_of(n) > g->last_ns)
		g->last_ns = time_of(n);
	g->below += n->below;
	for (i = n->peers; i != 0; i = q->next) {
		q = tree_peer(p->tree, i);
		g->flows += q->flows;
		g->left += q->left;
		g->sent += q->sent;
		g->received += q->received;
	}
}

static int
print_fold(struct printer *p, const struct group *g,
    const struct tree_node *n, size_t depth)
{
	pad_to(&p->line, p->left);
	make_prefix(p, n, depth, false);
	buf_add_str(&p->line, buf_text(&p->prefix));
	buf_printf(&p->line, "%s and %u more ", p->marks->dots,
	    g->members - SHOWN);
	add_text(p, n->called);
	if (g->below > 0)
		buf_printf(&p->line, " with %u below them", g->below);
	if (g->last_ns != 0) {
		buf_add_str(&p->line, ", ");
		doctext_add_clock(&p->line, (struct wall){ g->first_ns });
		buf_add_str(&p->line, " to ");
		doctext_add_clock(&p->line, (struct wall){ g->last_ns });
	}
	if (g->flows > 0)
		add_traffic(p, g->flows, g->left, 0, g->sent, g->received);
	return put_line(p);
}

/* Prints the node or counts it to its group. *down: look at its children. */
static int
visit(struct printer *p, const struct tree_node *n, size_t depth, bool *down)
{
	struct group *g;

	*down = true;
	if (p->conf->json)
		return tree_print_json(p->conf, n, depth);
	if ((g = group_of(p, n)) == NULL || ++g->seen <= SHOWN)
		return print_node(p, n, depth);
	*down = false;
	add_member(p, g, n);
	return g->seen == g->members ? print_fold(p, g, n, depth) : 0;
}

static int
print_deeper(struct printer *p, const struct tree_node *n)
{
	if (p->conf->json)
		return 0;
	begin_detail(p);
	buf_printf(&p->line, "%s %u below; --depth shows more",
	    p->marks->dots, n->below);
	return put_line(p);
}

static int
walk(struct printer *p, uint32_t root)
{
	const struct tree_node *n;
	uint32_t at = root;
	size_t depth = 0;
	bool down;
	int err;

	while (at != 0) {
		n = tree_node(p->tree, at);
		if ((err = visit(p, n, depth, &down)) != 0)
			return err;
		if (down && n->child != 0 && depth + 1 >= p->conf->depth) {
			if ((err = print_deeper(p, n)) != 0)
				return err;
		} else if (down && n->child != 0) {
			at = n->child;
			depth++;
			continue;
		}
		while (at != root && n->next == 0) {
			at = n->parent;
			n = tree_node(p->tree, at);
			depth--;
		}
		if (at == root)
			return 0;
		at = n->next;
	}
	return 0;
}

static int
walk_roots(struct printer *p)
{
	const struct tree_node *n;
	uint32_t i;
	int err = 0;

	for (i = tree_roots(p->tree); i != 0 && err == 0; i = n->next) {
		n = tree_node(p->tree, i);
		err = walk(p, i);
	}
	return err;
}

static void
print_titles(struct printer *p)
{
	size_t at = 0;

	if (!is_narrow(p, 60)) {
		buf_add_str(&p->line, " STARTED");
		at += started_width(p);
	}
	if (!is_narrow(p, 80)) {
		pad_to(&p->line, at);
		buf_add_str(&p->line, "STATE");
		at += 13;
	}
	pad_to(&p->line, at);
	buf_printf(&p->line, "%7s  ", "PID");
	if (!is_narrow(p, 60))
		buf_add_str(&p->line, "USER      ");
	buf_add_str(&p->line, "COMMAND");
	(void)put_line(p);
}

int
tree_print(const struct tree_print *conf)
{
	struct printer p = { .conf = conf, .tree = conf->tree };
	int err = 0;

	buf_init(&p.line, 0);
	buf_init(&p.prefix, 0);
	p.marks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &unicode :
	    &ascii;
	if (!conf->all && !conf->json)
		err = count_groups(&p);
	if (err == 0 && !conf->json)
		print_titles(&p);
	if (err == 0)
		err = conf->root != 0 ? walk(&p, conf->root) : walk_roots(&p);
	map_free(p.groups);
	buf_fini(&p.line);
	buf_fini(&p.prefix);
	return err;
}

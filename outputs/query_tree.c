/*
 * `tallyman tree CONTAINER|PID`: the processes of a container, or below one
 * process, as the store knows them.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/doctext.h"
#include "outputs/query_private.h"
#include "outputs/termtext.h"
#include "outputs/tree.h"
#include "outputs/tree_print.h"

#define PID_LIMIT	4194304		/* PID_MAX_LIMIT of 64 bits */
#define DEPTH		32
#define UNDER		8		/* ancestors that are named */

struct tree_query {
	const struct query_env	*env;
	struct reader		*reader;
	struct wall		 since, until;
	const char		*what;
	size_t			 depth;
	bool			 all, json;
	struct tree		*tree;
	/* One process. */
	uint32_t		 pid;		/* 0: a container */
	char			 entity[24], container[65];
	int64_t			 newest_ns, start_ns;
	size_t			 pids;		/* entities that had the pid */
};

enum { OPT_SINCE = 256, OPT_UNTIL, OPT_DEPTH, OPT_ALL, OPT_JSON };

static const char help[] =
    "usage: tallyman tree CONTAINER|PID [OPTION...]\n\n"
    "The processes of a container, or a process of this host and those below "
    "it, with\ntimes, users, commands and connections; also those that have "
    "ended. Reads the\nstore; whether a process runs is looked up on this "
    "host.\n\n"
    "  --since T        from what was heard from then on: 10m, 3d,\n"
    "                   2026-06-01T09:14:07Z, or local time as it is shown:\n"
    "                   2026-06-01 09:14:07, 2026-06-01, 09:14\n"
    "  --until T        up to then\n"
    "  --depth N        levels that are shown (default 32, at most 200)\n"
    "  --all            do not fold processes that are alike\n"
    "  --json           one object a line for each process, parents first\n"
    "  -c, --config F   configuration\n"
    "  --state-dir DIR  where the store is\n"
    "  -h, --help       this text\n\n"
    "A number is a process id unless a container has that name.\n"
    "\"<\" before a start: it lived by then. \"ended\" without a time: when is "
    "not\nrecorded.\n\n"
    "exit: 0 shown, 1 the store cannot be read through, 3 there is no store "
    "or no\nright to read it, 4 the store knows no such container or "
    "process, 64 wrong\nusage\n";

static const struct option long_options[] = {
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static int
usage(const struct tree_query *q, const char *what, const char *arg)
{
	return query_complain(q->env, "tree", what, arg);
}

static int
read_depth(struct tree_query *q, const char *text)
{
	int code = query_read_number(q->env, "tree", "levels", text,
	    &q->depth);

	if (code == 0 && (q->depth == 0 || q->depth > TREE_PRINT_DEPTH))
		return usage(q, "expected 1 to 200 levels, not ", text);
	return code;
}

static int
read_option(struct tree_query *q, int opt)
{
	switch (opt) {
	case OPT_SINCE:
		return query_read_time(q->env, "tree", optarg, &q->since);
	case OPT_UNTIL:
		return query_read_time(q->env, "tree", optarg, &q->until);
	case OPT_DEPTH:
		return read_depth(q, optarg);
	case OPT_ALL:
		q->all = true;
		return 0;
	default:
		q->json = true;
		return 0;
	}
}

/* -1: go on; else the exit code. */
static int
read_options(struct tree_query *q, int argc, char **argv)
{
	int opt, code;

	optind = 0;	/* GNU: start afresh */
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", long_options, NULL)) !=
	    -1) {
		if (opt == 'h') {
			fputs(help, q->env->out);
			return QUERY_OK;
		}
		if (opt == ':')
			return usage(q, "a value is missing after ",
			    argv[optind - 1]);
		if (opt == '?')
			return usage(q, "unknown option ", argv[optind - 1]);
		if ((code = read_option(q, opt)) != 0)
			return code;
	}
	if (optind >= argc || argv[optind][0] == '\0')
		return usage(q, "expected a container or a process id", "");
	if (optind + 1 < argc)
		return usage(q, "one container or process at a time, what is "
		    "this: ", argv[optind + 1]);
	q->what = argv[optind];
	return -1;
}

static int
take(void *ctx, const struct reader_row *row)
{
	struct tree_query *q = ctx;
	struct json_doc *doc;
	int err;

	doc = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	err = doc == NULL ? 0 : tree_add(q->tree, json_root(doc));
	json_doc_free(doc);
	return err;
}

/* Events first: then a flow's process has its name already. */
static int
load(struct tree_query *q, const char *container, struct wall since)
{
	struct reader_filter f = { .table = READER_EVENTS, .since = since,
	    .until = q->until, .container = container, .direct = true };
	int err;

	if ((q->tree = tree_new(0)) == NULL)
		return -ENOMEM;
	err = reader_each(q->reader, &f, take, q, NULL);
	f.table = READER_FLOWS;
	if (err == 0)
		err = reader_each(q->reader, &f, take, q, NULL);
	return err != 0 ? err : tree_link(q->tree);
}

static void
put_safe(const struct tree_query *q, const struct buf *line)
{
	struct buf cut;

	if (q->env->columns == 0) {
		fprintf(q->env->out, "%s\n", buf_text(line));
		return;
	}
	buf_init(&cut, 0);
	termtext_fit(&cut, buf_text(line), q->env->columns, false);
	fprintf(q->env->out, "%s\n", buf_text(&cut));
	buf_fini(&cut);
}

static void
print_container(const struct tree_query *q, const struct query_container *c)
{
	struct buf line;

	buf_init(&line, 0);
	if (!doctext_add(&line, c->doc, "container.name"))
		buf_add_str(&line, "a container without a name");
	buf_add_str(&line, " (");
	(void)doctext_add_id(&line, c->doc, "container.id");
	buf_add_str(&line, ", image ");
	if (!doctext_add(&line, c->doc, "container.image.name"))
		buf_add_str(&line, "not known");
	buf_add_str(&line, "), ");
	if (!doctext_add(&line, c->doc, "tallyman.docker.state"))
		buf_add_str(&line, "state not known");
	if (c->others > 0)
		buf_printf(&line, "; %zu more had this name: name them by id",
		    c->others);
	put_safe(q, &line);
	buf_fini(&line);
}

/* What the store does not say, said. */
static void
say_unknown(const struct tree_query *q)
{
	const struct tree_peer *s = tree_strangers(q->tree);
	struct buf line;

	if (q->json)
		return;
	buf_init(&line, 0);
	if (s->flows > 0 && q->pid == 0) {
		buf_printf(&line, "%u flows without a known process: ",
		    s->flows);
		doctext_add_bytes(&line, s->sent);
		buf_add_str(&line, " sent, ");
		doctext_add_bytes(&line, s->received);
		buf_add_str(&line, " received");
		put_safe(q, &line);
	}
	buf_fini(&line);
	if (tree_left_out(q->tree) > 0)
		fprintf(q->env->err, "tallyman tree: more than %d processes: "
		    "%zu events of others are left out; ask with --since "
		    "and --until\n", TREE_NODES, tree_left_out(q->tree));
}

static int
print(struct tree_query *q, uint32_t root)
{
	const struct tree_print conf = { .env = q->env, .tree = q->tree,
	    .root = root, .all = q->all, .json = q->json,
	    .depth = q->json ? SIZE_MAX : q->depth };
	int err = tree_print(&conf);

	if (err == 0)
		say_unknown(q);
	return err;
}

static int
show_container(struct tree_query *q)
{
	struct query_container c = { 0 };
	const char *id = q->what;
	int err = query_find_container(q->reader, q->what, &c);

	if (err == 0)
		id = json_str(json_get(c.doc, "container.id"), NULL);
	/* One of which only events are left. */
	else if (err != -ENOENT)
		return err;
	err = load(q, id, q->since);
	if (err == 0 && c.doc == NULL && tree_count(q->tree) == 0 &&
	    tree_strangers(q->tree)->flows == 0)
		err = -ENOENT;
	if (err == 0 && !q->json && c.doc != NULL)
		print_container(q, &c);
	if (err == 0 && tree_count(q->tree) == 0 && !q->json) {
		fputs("no process of it is in the store\n", q->env->out);
		say_unknown(q);
	} else if (err == 0)
		err = print(q, 0);
	json_doc_free(c.document);
	return err;
}

/* Is the document about a process with this pid, or a child of it? */
static void
look_at(struct tree_query *q, const struct json *doc, const char *at)
{
	const char *entity;
	struct wall when = { 0 };
	char path[48];

	snprintf(path, sizeof(path), "%s.pid", at);
	if (json_int(json_get(doc, path)) != q->pid)
		return;
	snprintf(path, sizeof(path), "%s.entity_id", at);
	entity = json_str(json_get(doc, path), NULL);
	(void)doctext_wall(doc, "@timestamp", &when);
	if (entity[0] == '\0' || strlen(entity) >= sizeof(q->entity))
		return;
	if (strcmp(entity, q->entity) == 0) {
		/* What a runtime starts is the host's at first. */
		if (q->container[0] == '\0' && strcmp(at, "process") == 0)
			snprintf(q->container, sizeof(q->container), "%s",
			    json_str(json_get(doc, "container.id"), NULL));
		return;
	}
	if (when.ns < q->newest_ns)
		return;
	q->pids++;
	q->newest_ns = when.ns;
	snprintf(q->entity, sizeof(q->entity), "%s", entity);
	snprintf(q->container, sizeof(q->container), "%s",
	    json_str(json_get(doc, "container.id"), NULL));
	if (strcmp(at, "process") != 0 ||
	    !doctext_wall(doc, "process.start", &when))
		doctext_wall(doc, "@timestamp", &when);
	q->start_ns = when.ns;
}

static int
look(void *ctx, const struct reader_row *row)
{
	struct tree_query *q = ctx;
	struct json_doc *doc;

	doc = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	look_at(q, json_root(doc), "process");
	look_at(q, json_root(doc), "process.parent");
	json_doc_free(doc);
	return 0;
}

/* From the outermost that is known to its parent. */
static void
print_ancestors(const struct tree_query *q, uint32_t root)
{
	const struct tree_node *up[UNDER], *n = tree_node(q->tree, root);
	struct buf line;
	size_t i = 0;

	if (n->parent == 0 && n->ppid == 0)
		return;
	buf_init(&line, 0);
	buf_add_str(&line, "under: ");
	if (n->parent == 0)
		buf_printf(&line, "pid %u, of which nothing is stored",
		    n->ppid);
	for (n = tree_node(q->tree, n->parent); n != NULL && i < UNDER;
	    n = tree_node(q->tree, n->parent))
		up[i++] = n;
	if (n != NULL)
		buf_add_str(&line, "... > ");
	while (i-- > 0) {
		size_t len;
		const char *s = tree_text(q->tree, up[i]->name, &len);

		(void)termtext_add(&line, s, len);
		buf_printf(&line, "%s(pid %u)%s", len > 0 ? " " : "",
		    up[i]->pid, i > 0 ? " > " : "");
	}
	put_safe(q, &line);
	buf_fini(&line);
}

static int
show_process(struct tree_query *q)
{
	struct reader_filter f = { .table = READER_EVENTS,
	    .since = q->since, .until = q->until, .direct = true };
	struct wall since;
	char text[32];
	uint32_t root;
	int err;

	snprintf(text, sizeof(text), "\"pid\":%u", q->pid);
	f.contains = text;
	err = reader_each(q->reader, &f, look, q, NULL);
	if (err != 0)
		return err;
	if (q->entity[0] == '\0')
		return -ENOENT;
	/* What is below a process began after it. */
	since = q->since;
	if (q->container[0] == '\0' && since.ns < q->start_ns - MONO_S)
		since.ns = q->start_ns - MONO_S;
	err = load(q, q->container[0] == '\0' ? NULL : q->container, since);
	if (err != 0)
		return err;
	if ((root = tree_find(q->tree, q->entity)) == 0)
		return -ENOENT;
	if (!q->json && q->pids > 1)
		fprintf(q->env->out, "%zu processes had this pid; this is the "
		    "last, --until shows an earlier one\n", q->pids);
	if (!q->json)
		print_ancestors(q, root);
	return print(q, root);
}

static bool
is_pid(const char *text, uint32_t *pid)
{
	unsigned long v;
	const char *p;

	for (p = text; *p != '\0'; p++)
		if (!isdigit((unsigned char)*p))
			return false;
	if (p == text || p - text > 7)
		return false;
	v = strtoul(text, NULL, 10);
	*pid = (uint32_t)v;
	return v > 0 && v <= PID_LIMIT;
}

/* A number is a pid unless it is a container's whole name. */
static int
show(struct tree_query *q)
{
	struct query_container c = { 0 };
	bool named;

	if (!is_pid(q->what, &q->pid))
		return show_container(q);
	named = query_find_container(q->reader, q->what, &c) == 0 &&
	    strcmp(json_str(json_get(c.doc, "container.name"), NULL),
	    q->what) == 0;
	json_doc_free(c.document);
	if (!named)
		return show_process(q);
	q->pid = 0;
	return show_container(q);
}

int
query_tree_main(int argc, char **argv, const struct query_env *env)
{
	struct tree_query q = { .env = env, .depth = DEPTH };
	int code, err;

	if ((code = read_options(&q, argc, argv)) != -1)
		return code;
	if ((q.reader = reader_open(env->store)) == NULL)
		return query_fail(env, "tree", -errno);
	err = show(&q);
	fflush(env->out);
	tree_free(q.tree);
	reader_close(q.reader);
	if (err == -ENOENT)
		return query_missing(env, "tree", "the store knows no "
		    "container and no process ", q.what, "tallyman containers "
		    "and tallyman events list those that it knows");
	if (err == -ENOTUNIQ)
		return usage(&q, "several containers have an id that begins "
		    "with ", q.what);
	return err == 0 ? QUERY_OK : query_fail(env, "tree", err);
}

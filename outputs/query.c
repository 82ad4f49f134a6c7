#include "outputs/query.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/event.h"
#include "lib/json.h"
#include "outputs/container_sums.h"
#include "outputs/doctext.h"
#include "outputs/flow_filter.h"
#include "outputs/option.h"
#include "outputs/query_private.h"
#include "outputs/query_table.h"
#include "outputs/sorter.h"
#include "outputs/termtext.h"

#define POLL_MS		200
#define TTY_LIMIT	500	/* rows, when nobody asked for more */

struct subject {
	const char		*name;
	enum reader_table	 table;
	const char		*shows;		/* for --help */
	bool			 rules;		/* takes --rule */
	bool			 datasets;	/* takes --dataset */
	bool			 flows;		/* takes --peer and so on */
};

static const struct subject subjects[] = {
	{ "events", READER_EVENTS, "What happened: processes, files, "
	    "connections, DNS, Docker, alerts.", true, true, false },
	{ "alerts", READER_ALERTS, "What a rule found.", true, false,
	    false },
	{ "incidents", READER_INCIDENTS, "Alerts of one story, together.",
	    true, false, false },
	{ "flows", READER_FLOWS, "One row for each connection, with its "
	    "latest report.", false, false, true },
	{ "containers", READER_CONTAINERS, "The containers that the agent "
	    "has seen.", false, false, false },
};

struct query {
	const struct subject	*subject;
	const struct query_env	*env;
	struct reader_filter	 filter;
	bool			 follow, json, limited;
	char			 dataset[64];
	struct flow_filter	 flows;
	bool			 sorted, backwards;
	enum flow_filter_sort	 sort;
	struct sorter		*sorter;	/* NULL: as they come */
	const char		*one;		/* container: its page */
	struct reader		*reader;
	struct container_sums	*sums;
	struct query_table	*table;
	size_t			 rows;
};

enum {
	OPT_SINCE = 256, OPT_UNTIL, OPT_RULE, OPT_DATASET, OPT_JSON, OPT_PEER,
	OPT_PORT, OPT_PROTO, OPT_LEFT_HOST, OPT_SORT
};

static const struct option long_options[] = {
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "container", required_argument, NULL, 'C' },
	{ "rule", required_argument, NULL, OPT_RULE },
	{ "dataset", required_argument, NULL, OPT_DATASET },
	{ "peer", required_argument, NULL, OPT_PEER },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "proto", required_argument, NULL, OPT_PROTO },
	{ "left-host", required_argument, NULL, OPT_LEFT_HOST },
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "limit", required_argument, NULL, 'n' },
	{ "follow", no_argument, NULL, 'f' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

void
query_env_init(struct query_env *env, const char *store)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long wished;

	memset(env, 0, sizeof(*env));
	(void)setlocale(LC_CTYPE, "");
	env->store = store;
	env->out = stdout;
	env->err = stderr;
	env->tty = isatty(STDOUT_FILENO) == 1;
	if (!env->tty)
		return;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		env->columns = size.ws_col;
	else
		env->columns = 80;
	wished = columns == NULL ? 0 : strtol(columns, NULL, 10);
	if (wished > 0 && wished < 10000)
		env->columns = (unsigned)wished;
}

static void
help(const struct subject *s, FILE *out)
{
	bool one = s->table == READER_CONTAINERS;

	fprintf(out, "usage: tallyman %s [OPTION...]%s\n\n%s\n"
	    "Newest last.%s\n\n", s->name, one ? " [NAME]" : "", s->shows,
	    one ? " With the name or the beginning of an id: one container "
	    "on a page.\nBytes are those of the flows that are stored." : "");
	fprintf(out,
	    "  --since T        from then on: 10s, 5m, 2h, 3d before now,\n"
	    "                   2026-06-01T09:14:07Z, or local time as it is "
	    "shown:\n"
	    "                   2026-06-01 09:14:07, 2026-06-01, 09:14\n"
	    "  --until T        up to then\n%s"
	    "  --container C    of the container with this name, or whose id\n"
	    "                   begins so\n", s->flows ?
	    "                   (flows that were there in that time)\n" : "");
	if (s->rules)
		fprintf(out, "  --rule ID        of this rule\n");
	if (s->datasets)
		fprintf(out, "  --dataset NAME   of this dataset: process, "
		    "dns, flow, ...\n");
	if (s->flows)
		fprintf(out,
		    "  --peer CIDR      whose other end is in there\n"
		    "  --port N         to this port\n"
		    "  --proto P        tcp, udp, icmp, a number, or what is "
		    "spoken: ssh\n"
		    "  --left-host A    yes, no or attempted\n"
		    "  --sort WHAT      bytes, sent, received, packets, age, "
		    "lasted or started,\n"
		    "                   the largest last; -bytes: the largest "
		    "first\n");
	fprintf(out,
	    "  -n, --limit N    the newest N%s; 0: all\n"
	    "                   (default: all, on a terminal %d)\n"
	    "  -f, --follow     go on with what comes\n"
	    "  --json           one ECS document a line, %s\n"
	    "  -c, --config F   configuration\n"
	    "  --state-dir DIR  where the store is\n"
	    "  -h, --help       this text\n\n"
	    "exit: 0 shown, 1 the store cannot be read through, 3 there is "
	    "no store or no\nright to read it, %s64 wrong usage\n",
	    s->flows ? ", or with --sort the N largest" : "", TTY_LIMIT,
	    one ? "with these bytes" : "as it was stored",
	    one ? "4 no such container, " : "");
}

static void
say(const struct query_env *env, const char *command, const char *what,
    const char *arg)
{
	struct buf safe;

	buf_init(&safe, 0);
	(void)termtext_add(&safe, arg, strlen(arg));
	fprintf(env->err, "tallyman %s: %s%s; ", command, what,
	    buf_text(&safe));
	buf_fini(&safe);
}

int
query_complain(const struct query_env *env, const char *command,
    const char *what, const char *arg)
{
	say(env, command, what, arg);
	fprintf(env->err, "see tallyman %s --help\n", command);
	return QUERY_USAGE;
}

int
query_missing(const struct query_env *env, const char *command,
    const char *what, const char *arg, const char *advice)
{
	say(env, command, what, arg);
	fprintf(env->err, "%s\n", advice);
	return QUERY_NOT_FOUND;
}

int
query_read_time(const struct query_env *env, const char *command,
    const char *text, struct wall *out)
{
	static const struct mono_clock real;

	if (doctext_parse_time(text, mono_wall(&real), out) == 0 &&
	    out->ns != 0)
		return 0;
	return query_complain(env, command, "expected a time such as 10m, 3d, "
	    "2026-06-01 09:14 or 2026-06-01T09:14:07Z, not ", text);
}

int
query_read_number(const struct query_env *env, const char *command,
    const char *unit, const char *text, size_t *out)
{
	unsigned long long v;
	char what[80], *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
	    v <= INT64_MAX) {
		*out = (size_t)v;
		return 0;
	}
	snprintf(what, sizeof(what), "expected a number of %s, not ", unit);
	return query_complain(env, command, what, text);
}

static int
usage(const struct query *q, const char *what, const char *arg)
{
	return query_complain(q->env, q->subject->name, what, arg);
}

static int
read_limit(struct query *q, const char *text)
{
	q->limited = true;
	return query_read_number(q->env, q->subject->name, "rows", text,
	    &q->filter.limit);
}

static int
read_sort(struct query *q, const char *text)
{
	const char *near, *name = text;
	char hint[128];

	q->backwards = text[0] == '-';
	name += q->backwards;
	q->sort = flow_filter_find_sort(name);
	q->sorted = true;
	if (q->sort < FLOW_FILTER_SORTS)
		return 0;
	near = option_nearest(name, flow_filter_sorts,
	    FLOW_FILTER_SORTS);
	snprintf(hint, sizeof(hint), "flows cannot be sorted by that%s%s: ",
	    near == NULL ? "" : ", did you mean ", near == NULL ? "" : near);
	return usage(q, hint, text);
}

static int
read_flow_option(struct query *q, int opt, const char *arg)
{
	static const char *const names[] = { "--peer", "--port", "--proto",
		"--left-host", "--sort" };
	const char *wrong;

	if (!q->subject->flows)
		return usage(q, "unknown option ", names[opt - OPT_PEER]);
	if (opt == OPT_SORT)
		return read_sort(q, arg);
	wrong = flow_filter_set(&q->flows,
	    (enum flow_filter_option)(opt - OPT_PEER), arg);
	return wrong == NULL ? 0 : usage(q, wrong, arg);
}

static int
read_dataset(struct query *q, const char *text)
{
	const char *names[EVENT_DATASETS], *near;
	char hint[128];
	int d;

	if (!q->subject->datasets)
		return usage(q, "unknown option ", "--dataset");
	for (d = 0; d < EVENT_DATASETS; d++) {
		names[d] = event_dataset_name(d) + strlen("tallyman.");
		if (strcmp(text, names[d]) == 0 ||
		    strcmp(text, event_dataset_name(d)) == 0) {
			snprintf(q->dataset, sizeof(q->dataset), "%s",
			    event_dataset_name(d));
			q->filter.dataset = q->dataset;
			if (d == EVENT_FLOW)
				q->filter.table = READER_FLOWS;
			return 0;
		}
	}
	near = option_nearest(text, names, EVENT_DATASETS);
	snprintf(hint, sizeof(hint), "no dataset is called that%s%s: ",
	    near == NULL ? "" : ", did you mean ", near == NULL ? "" : near);
	return usage(q, hint, text);
}

static int
read_option(struct query *q, int opt, const char *arg)
{
	switch (opt) {
	case OPT_SINCE:
		return query_read_time(q->env, q->subject->name, arg,
		    &q->filter.since);
	case OPT_UNTIL:
		return query_read_time(q->env, q->subject->name, arg,
		    &q->filter.until);
	case 'C':
		if (arg[0] == '\0')
			return usage(q, "--container wants a name or id", "");
		q->filter.container = arg;
		return 0;
	case OPT_RULE:
		if (!q->subject->rules)
			return usage(q, "unknown option ", "--rule");
		q->filter.rule = arg;
		return 0;
	case OPT_DATASET:
		return read_dataset(q, arg);
	case 'n':
		return read_limit(q, arg);
	case 'f':
		q->follow = true;
		return 0;
	case OPT_JSON:
		q->json = true;
		return 0;
	default:
		return read_flow_option(q, opt, arg);
	}
}

/* -1: go on; else the exit code. */
static int
read_options(struct query *q, int argc, char **argv)
{
	int opt, code;

	optind = 0;	/* GNU: start afresh */
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":C:n:fh", long_options,
	    NULL)) != -1) {
		if (opt == 'h') {
			help(q->subject, q->env->out);
			return QUERY_OK;
		}
		if (opt == ':')
			return usage(q, "a value is missing after ",
			    argv[optind - 1]);
		if (opt == '?')
			return usage(q, "unknown option ", argv[optind - 1]);
		if ((code = read_option(q, opt, optarg)) != 0)
			return code;
	}
	if (optind < argc && q->subject->table == READER_CONTAINERS &&
	    argv[optind][0] != '\0')
		q->one = argv[optind++];
	if (optind < argc)
		return usage(q, "what is this: ", argv[optind]);
	if (q->one != NULL && q->follow)
		return usage(q, "one container cannot be followed: ", q->one);
	if (q->follow && q->sorted)
		return usage(q, "what is still to come cannot be sorted: "
		    "--sort and --follow exclude each other", "");
	return -1;
}

int
query_fail(const struct query_env *env, const char *command, int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		fprintf(env->err, "tallyman %s: there is no store at %s: the "
		    "agent has not run here yet; start it with \"systemctl "
		    "start tallyman\" or \"tallyman run\", or name its "
		    "configuration with -c\n", command, env->store);
		return QUERY_NO_STORE;
	case -EACCES:
	case -EPERM:
		fprintf(env->err, "tallyman %s: no right to read %s: run it as "
		    "root or join the group that owns the file\n", command,
		    env->store);
		return QUERY_NO_STORE;
	case -EPROTO:
		fprintf(env->err, "tallyman %s: %s was written by another "
		    "version of tallyman: use the tallyman that runs as the "
		    "agent\n", command, env->store);
		return QUERY_FAILED;
	case -EUCLEAN:
		fprintf(env->err, "tallyman %s: %s is damaged: the agent moves "
		    "it aside and goes on with a fresh one when it is "
		    "restarted\n", command, env->store);
		return QUERY_FAILED;
	case -EBUSY:
		fprintf(env->err, "tallyman %s: %s is locked by another "
		    "program: ask again when that has ended\n", command,
		    env->store);
		return QUERY_FAILED;
	case -EPIPE:	/* standard output; who called us says so */
		return QUERY_FAILED;
	case -ENOSPC:
		fprintf(env->err, "tallyman %s: no room in /tmp for what is "
		    "to be shown: make room, or ask for less with --since, "
		    "--until or --limit\n", command);
		return QUERY_FAILED;
	default:
		fprintf(env->err, "tallyman %s: %s cannot be read: %s\n",
		    command, env->store, strerror(-err));
		return QUERY_FAILED;
	}
}

void
query_print_json(const struct query_env *env, const char *text, size_t len)
{
	struct buf safe;

	if (!env->tty) {
		(void)fwrite(text, 1, len, env->out);
		(void)fputc('\n', env->out);
		return;
	}
	buf_init(&safe, 8 << 20);
	termtext_add_json(&safe, text, len);
	fputs(buf_text(&safe), env->out);
	(void)fputc('\n', env->out);
	buf_fini(&safe);
}

static int
show_row(void *ctx, const struct reader_row *row)
{
	struct query *q = ctx;

	q->rows++;
	if (q->json)
		query_print_json(q->env, row->text, row->len);
	else if (query_table_add(q->table, row) != 0)
		return -ENOMEM;
	return ferror(q->env->out) ? -EPIPE : 0;
}

/* A container and what its flows and alerts add up to by now. */
static int
show_container(void *ctx, const struct reader_row *row)
{
	struct query *q = ctx;
	struct reader_row more = { .seq = row->seq };
	struct json_doc *doc;
	struct buf text;
	int err;

	if (q->sums == NULL &&
	    (q->sums = container_sums_new(q->reader, NULL)) == NULL)
		return -errno;
	doc = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	if (doc == NULL)
		return show_row(q, row);
	buf_init(&text, 8 << 20);
	container_sums_write(container_sums_get(q->sums, json_str(json_get(
	    json_root(doc), "container.id"), NULL)), json_root(doc), &text);
	json_doc_free(doc);
	more.text = buf_text(&text);
	more.len = text.len;
	err = buf_ok(&text) ? show_row(q, &more) : -ENOMEM;
	buf_fini(&text);
	return err;
}

/* A flow: does it fit, and where does it stand? */
static int
pick_row(void *ctx, const struct reader_row *row)
{
	struct query *q = ctx;
	struct flow_filter_facts facts;
	int64_t key = 0;
	bool fits;

	flow_filter_read(&facts, row->text, row->len);
	fits = flow_filter_fits(&q->flows, &facts);
	if (fits && q->sorted)
		key = flow_filter_key(q->sort, &facts);
	flow_filter_done(&facts);
	if (!fits)
		return 0;
	return q->sorter == NULL ? show_row(q, row) :
	    sorter_add(q->sorter, key, row);
}

static int
each(struct query *q, int64_t *last)
{
	reader_row_fn fn = show_row;
	int err;

	if (q->sorter != NULL || flow_filter_is_set(&q->flows))
		fn = pick_row;
	else if (q->subject->table == READER_CONTAINERS)
		fn = show_container;
	err = reader_each(q->reader, &q->filter, fn, q, last);
	container_sums_free(q->sums);
	q->sums = NULL;
	return err;
}

static void
flush(struct query *q)
{
	if (q->table != NULL)
		query_table_flush(q->table);
	fflush(q->env->out);
}

static int
follow(struct query *q, int64_t last)
{
	struct timespec nap = { .tv_nsec = POLL_MS * 1000000L };
	unsigned polls = 0;
	int err;

	q->filter.limit = 0;
	while (q->env->polls == 0 || polls++ < q->env->polls) {
		nanosleep(&nap, NULL);
		if (!reader_changed(q->reader))
			continue;
		q->filter.after = last;
		err = each(q, &last);
		if (err != 0 && err != -EBUSY)
			return err;
		flush(q);
		if (ferror(q->env->out))
			return -EPIPE;
	}
	return 0;
}

/* What fits, in the order asked for: the limit counts only afterwards. */
static int
show_picked(struct query *q, size_t limit, int64_t *last)
{
	int err;

	if ((q->sorter = sorter_new(limit)) == NULL)
		return -errno;
	q->filter.limit = 0;
	/* The sorter keeps what fits; only that waits for who reads it. */
	q->filter.direct = true;
	err = each(q, last);
	q->filter.direct = false;
	if (err == 0)
		err = sorter_each(q->sorter, q->backwards, show_row, q);
	sorter_free(q->sorter);
	q->sorter = NULL;
	return err;
}

static void
say_limits(const struct query *q, size_t limit)
{
	if (limit == TTY_LIMIT && !q->limited && q->rows == TTY_LIMIT)
		fprintf(q->env->err, "the %s %d; all: --limit 0\n",
		    q->sorted ? "largest" : "newest", TTY_LIMIT);
	if (q->rows == 0 && q->env->tty && !q->follow)
		fprintf(q->env->err, "none\n");
}

static int
show(struct query *q)
{
	const struct query_env *env = q->env;
	int64_t last = 0;
	size_t limit;
	int err;

	if (env->tty && !q->json && !q->limited && q->filter.since.ns == 0)
		q->filter.limit = TTY_LIMIT;
	limit = q->filter.limit;
	if (q->sorted || flow_filter_is_set(&q->flows))
		err = show_picked(q, limit, &last);
	else
		err = each(q, &last);
	flush(q);
	if (err == 0)
		say_limits(q, limit);
	if (err == 0 && q->follow)
		err = follow(q, last);
	return err == 0 ? QUERY_OK : query_fail(env, q->subject->name, err);
}

int
query_main(const char *what, int argc, char **argv,
    const struct query_env *env)
{
	struct query q = { .env = env };
	size_t i;
	int code;

	for (i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (strcmp(subjects[i].name, what) == 0)
			q.subject = &subjects[i];
	if (q.subject == NULL) {
		fprintf(env->err, "tallyman: cannot show \"%s\"\n", what);
		return QUERY_USAGE;
	}
	q.filter.table = q.subject->table;
	if ((code = read_options(&q, argc, argv)) != -1)
		return code;
	if ((q.reader = reader_open(env->store)) == NULL)
		return query_fail(env, what, -errno);
	if (q.one != NULL) {
		code = query_container_page(q.reader, q.one, q.json, env);
		reader_close(q.reader);
		return code;
	}
	if (!q.json) {
		q.table = query_table_new(q.filter.table, env->out,
		    env->columns);
		if (q.table == NULL) {
			reader_close(q.reader);
			return query_fail(env, what, -ENOMEM);
		}
	}
	code = show(&q);
	query_table_free(q.table);
	reader_close(q.reader);
	return code;
}

struct dead {
	const struct query_env	*env;
	struct query_table	*table;		/* NULL: JSON */
};

static int
show_dead(void *ctx, const struct reader_spooled *s)
{
	struct dead *d = ctx;
	struct json_writer w;
	struct buf line;

	if (d->table != NULL)
		return query_table_add_dead(d->table, s);
	buf_init(&line, 4 << 20);
	json_writer_init(&w, &line);
	json_open(&w, '{');
	json_key_str(&w, "output");
	json_put_cstr(&w, s->output);
	json_key_str(&w, "id");
	json_put_cstr(&w, s->id);
	json_key_str(&w, "reason");
	json_put_cstr(&w, s->reason);
	json_key_str(&w, "attempts");
	json_put_u64(&w, s->attempts);
	json_key_str(&w, "document");
	json_put_raw(&w, s->text, s->len);
	json_close(&w, '}');
	query_print_json(d->env, buf_text(&line), line.len);
	buf_fini(&line);
	return ferror(d->env->out) ? -EPIPE : 0;
}

int
query_dead_main(int argc, char **argv, const struct query_env *env)
{
	static const char usage_text[] =
	    "usage: tallyman output dead [--json] [NAME]\n\n"
	    "The documents that a backend (the output NAME, or any) refused "
	    "for good, and why.\n";
	struct dead d = { .env = env };
	const char *name = NULL;
	struct reader *r;
	bool json = false;
	int i, err;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			fputs(usage_text, env->out);
			return QUERY_OK;
		}
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (argv[i][0] == '-' || name != NULL) {
			fputs(usage_text, env->err);
			return QUERY_USAGE;
		} else
			name = argv[i];
	}
	if ((r = reader_open(env->store)) == NULL)
		return query_fail(env, "output dead", -errno);
	if (!json && (d.table = query_table_new_dead(env->out, env->columns))
	    == NULL)
		err = -ENOMEM;
	else
		err = reader_dead(r, name, show_dead, &d);
	if (d.table != NULL)
		query_table_flush(d.table);
	query_table_free(d.table);
	reader_close(r);
	return err == 0 ? QUERY_OK : query_fail(env, "output dead", err);
}

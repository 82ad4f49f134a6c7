#include "outputs/query_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"
#include "outputs/doctext.h"
#include "outputs/termtext.h"

#define KEPT		1000	/* rows that decide the widths */
#define CELLS		12
#define GAP		2
#define FOLDS		4	/* lines of a row at most */

/* Appends the cell's text from the document; nothing: "-" is shown. */
typedef void (*cell_fn)(struct buf *, const struct json *);

struct column {
	const char	*title;
	cell_fn		 fn;
	unsigned	 least;		/* never cut below */
	unsigned	 hide;		/* when there is no room: the largest
					 * first, 0 never */
	enum { LEFT, RIGHT, TIME, FOLD } kind;	/* FOLD: words, on several
						 * lines where they must */
};

struct row {
	char	*cells[CELLS];
};

struct query_table {
	const struct column	*columns;
	size_t			 n_columns;
	FILE			*out;
	unsigned		 width;
	size_t			 widths[CELLS];
	bool			 begun;		/* header is out */
	struct row		*rows;
	size_t			 n_rows;
};

static void
cell_time(struct buf *out, const struct json *doc)
{
	struct wall when;

	if (doctext_wall(doc, "@timestamp", &when))
		doctext_add_time(out, when);
}

static void
cell_start(struct buf *out, const struct json *doc)
{
	struct wall when;

	if (doctext_wall(doc, "event.start", &when))
		doctext_add_time(out, when);
	else
		cell_time(out, doc);
}

static void
cell_dataset(struct buf *out, const struct json *doc)
{
	size_t len = 0;
	const char *s = doctext_str(doc, "event.dataset", &len);

	if (len > 9 && strncmp(s, "tallyman.", 9) == 0)
		(void)termtext_add(out, s + 9, len - 9);
	else if (len > 0)
		(void)termtext_add(out, s, len);
}

static void
cell_container(struct buf *out, const struct json *doc)
{
	size_t before = out->len;
	const char *method;

	if (doctext_add(out, doc, "container.name"))
		return;
	(void)doctext_add_id(out, doc, "container.id");
	method = json_str(json_get(doc,
	    "tallyman.container.attribution.method"), NULL);
	if (out->len == before && strcmp(method, "host") == 0)
		buf_add_str(out, "(host)");
}

static void
cell_process(struct buf *out, const struct json *doc)
{
	int64_t pid = json_int(json_get(doc, "process.pid"));

	if (!doctext_add(out, doc, "process.name"))
		(void)doctext_add(out, doc, "process.executable");
	if (pid > 0)
		buf_printf(out, "[%lld]", (long long)pid);
}

static void
cell_destination(struct buf *out, const struct json *doc)
{
	(void)doctext_add_end(out, doc, "destination");
}

static void
cut_back(struct buf *out, size_t len)
{
	if (out->data == NULL || out->len < len)
		return;
	out->len = len;
	out->data[len] = '\0';
}

static void
cell_what(struct buf *out, const struct json *doc)
{
	static const char *const more[] = {
		"process.command_line", "file.path", "destination.domain",
		"tallyman.docker.action", "error.message"
	};
	size_t i, before;

	if (doctext_add(out, doc, "event.reason") ||
	    doctext_add(out, doc, "message"))
		return;
	(void)doctext_add(out, doc, "event.action");
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		before = out->len;
		buf_add_char(out, ' ');
		if (doctext_add(out, doc, more[i]))
			return;
		cut_back(out, before);
	}
	before = out->len;
	buf_add_str(out, before > 0 ? " to " : "to ");
	if (!doctext_add_end(out, doc, "destination"))
		cut_back(out, before);
}

static void
cell_severity(struct buf *out, const struct json *doc)
{
	int64_t v = json_int(json_get(doc, "event.severity"));

	buf_add_str(out, v >= 99 ? "critical" : v >= 73 ? "high" :
	    v >= 47 ? "medium" : "low");
}

static void
cell_rule(struct buf *out, const struct json *doc)
{
	if (!doctext_add(out, doc, "rule.name"))
		(void)doctext_add(out, doc, "rule.id");
}

static void
cell_command(struct buf *out, const struct json *doc)
{
	if (!doctext_add(out, doc, "process.command_line"))
		cell_process(out, doc);
}

static void
cell_peer(struct buf *out, const struct json *doc)
{
	bool in = doctext_owner_answers(doc);

	buf_add_str(out, in ? "< " : "> ");
	if (!in) {
		(void)doctext_add_end(out, doc, "destination");
		return;
	}
	(void)doctext_add_end(out, doc, "source");
	buf_add_str(out, " at ");
	(void)doctext_add_end(out, doc, "destination");
}

static void
cell_name(struct buf *out, const struct json *doc)
{
	bool in = doctext_owner_answers(doc);

	if (doctext_add(out, doc, in ? "source.domain" : "destination.domain"))
		return;
	(void)doctext_add(out, doc, in ? "tallyman.source.container.name" :
	    "tallyman.destination.container.name");
}

static void
cell_protocol(struct buf *out, const struct json *doc)
{
	size_t before = out->len;

	(void)doctext_add(out, doc, "network.transport");
	if (json_get(doc, "network.protocol") == NULL)
		return;
	if (out->len > before)
		buf_add_char(out, '/');
	(void)doctext_add(out, doc, "network.protocol");
}

static void
cell_sent(struct buf *out, const struct json *doc)
{
	doctext_add_bytes(out, json_int(json_get(doc, doctext_owner_answers(doc) ?
	    "destination.bytes" : "source.bytes")));
}

static void
cell_received(struct buf *out, const struct json *doc)
{
	doctext_add_bytes(out, json_int(json_get(doc, doctext_owner_answers(doc) ?
	    "source.bytes" : "destination.bytes")));
}

static void
cell_left(struct buf *out, const struct json *doc)
{
	(void)doctext_add(out, doc, "tallyman.flow.left_host");
}

static void
cell_lasted(struct buf *out, const struct json *doc)
{
	const struct json *d = json_get(doc, "event.duration");
	struct wall start, last;

	if (d != NULL)
		doctext_add_span(out, json_int(d));
	else if (doctext_wall(doc, "event.start", &start) &&
	    doctext_wall(doc, "@timestamp", &last))
		doctext_add_span(out, last.ns - start.ns);
	if (!json_bool(json_get(doc, "tallyman.flow.final")))
		buf_add_str(out, " open");
}

/* How long ago it began. */
static void
cell_age(struct buf *out, const struct json *doc)
{
	static const struct mono_clock real;
	struct wall start;

	if (doctext_wall(doc, "event.start", &start) ||
	    doctext_wall(doc, "@timestamp", &start))
		doctext_add_span(out, mono_wall(&real).ns - start.ns);
}

/* Points are objects {"interface": "eth0", ...} or plain names. */
static void
cell_path(struct buf *out, const struct json *doc)
{
	const struct json *points = json_get(doc, "tallyman.flow.points");
	const struct json *p, *name;
	const char *s;
	size_t i, len;

	for (i = 0; i < json_count(points); i++) {
		p = json_at(points, i);
		if (json_typeof(p) == JSON_OBJECT) {
			name = json_member(p, "interface");
			if (json_typeof(name) == JSON_OBJECT)
				name = json_member(name, "name");
			if (name == NULL)
				name = json_member(p, "name");
		} else
			name = p;
		len = 0;
		s = json_str(name, &len);
		if (i > 0)
			buf_add_char(out, ' ');
		(void)termtext_add(out, s, len);
	}
}

static void
cell_container_id(struct buf *out, const struct json *doc)
{
	(void)doctext_add_id(out, doc, "container.id");
}

static void
cell_image(struct buf *out, const struct json *doc)
{
	if (!doctext_add(out, doc, "container.image.name"))
		return;
	if (json_count(json_get(doc, "container.image.tag")) == 0)
		return;
	buf_add_char(out, ':');
	(void)doctext_add(out, doc, "container.image.tag");
}

static void
cell_state(struct buf *out, const struct json *doc)
{
	const struct json *code = json_get(doc, "tallyman.docker.exit_code");

	if (doctext_add(out, doc, "tallyman.docker.state") && code != NULL)
		buf_printf(out, " (%lld)", (long long)json_int(code));
}

static void
cell_since(struct buf *out, const struct json *doc)
{
	struct wall when;

	if (doctext_wall(doc, "tallyman.docker.finished", &when) ||
	    doctext_wall(doc, "tallyman.docker.started", &when) ||
	    doctext_wall(doc, "tallyman.docker.created", &when))
		doctext_add_time(out, when);
}

static void
cell_addresses(struct buf *out, const struct json *doc)
{
	const struct json *all = json_get(doc, "tallyman.docker.networks");
	static const char *const keys[] = { "ip", "ip6" };
	size_t i, k, before = out->len;
	const struct json *node;

	for (i = 0; i < json_count(all); i++)
		for (k = 0; k < 2; k++) {
			node = json_member(json_at(all, i), keys[k]);
			if (node == NULL)
				continue;
			if (out->len > before)
				buf_add_char(out, ' ');
			(void)doctext_add(out, json_at(all, i), keys[k]);
		}
}

static void
add_list(struct buf *out, const struct json *doc, const char *path)
{
	const struct json *all = json_get(doc, path);
	const char *s;
	size_t i, len;

	for (i = 0; i < json_count(all); i++) {
		len = 0;
		s = json_str(json_at(all, i), &len);
		if (i > 0)
			buf_add_char(out, ' ');
		(void)termtext_add(out, s, len);
	}
}

static void
cell_ports(struct buf *out, const struct json *doc)
{
	add_list(out, doc, "tallyman.docker.ports");
}

static void
cell_mounts(struct buf *out, const struct json *doc)
{
	add_list(out, doc, "tallyman.docker.mounts");
}

static void
cell_in(struct buf *out, const struct json *doc)
{
	doctext_add_bytes(out, json_int(json_get(doc,
	    "container.network.ingress.bytes")));
}

static void
cell_out(struct buf *out, const struct json *doc)
{
	doctext_add_bytes(out, json_int(json_get(doc,
	    "container.network.egress.bytes")));
}

static void
cell_alert(struct buf *out, const struct json *doc)
{
	struct wall when;

	if (!doctext_wall(doc, "tallyman.container.last_alert.@timestamp",
	    &when))
		return;
	doctext_add_time(out, when);
	buf_add_char(out, ' ');
	(void)doctext_add(out, doc, "tallyman.container.last_alert.rule");
}

static void
cell_incident(struct buf *out, const struct json *doc)
{
	if (!doctext_add(out, doc, "tallyman.incident.id"))
		(void)doctext_add(out, doc, "event.id");
}

static const struct column event_columns[] = {
	{ "TIME", cell_time, 14, 0, TIME },
	{ "DATASET", cell_dataset, 7, 0, LEFT },
	{ "CONTAINER", cell_container, 10, 0, LEFT },
	{ "PROCESS", cell_process, 10, 1, LEFT },
	{ "WHAT", cell_what, 20, 0, LEFT },
};
static const struct column alert_columns[] = {
	{ "TIME", cell_time, 14, 0, TIME },
	{ "SEVERITY", cell_severity, 8, 0, LEFT },
	{ "RULE", cell_rule, 16, 0, LEFT },
	{ "CONTAINER", cell_container, 10, 0, LEFT },
	{ "COMMAND", cell_command, 12, 1, LEFT },
	{ "TO", cell_destination, 10, 2, LEFT },
	{ "WHAT", cell_what, 16, 0, LEFT },
};
static const struct column incident_columns[] = {
	{ "TIME", cell_time, 14, 0, TIME },
	{ "SEVERITY", cell_severity, 8, 0, LEFT },
	{ "ID", cell_incident, 14, 0, LEFT },
	{ "CONTAINER", cell_container, 10, 0, LEFT },
	{ "WHAT", cell_what, 20, 0, LEFT },
};
static const struct column flow_columns[] = {
	{ "STARTED", cell_start, 14, 0, TIME },
	{ "CONTAINER", cell_container, 8, 0, LEFT },
	{ "PEER", cell_peer, 18, 0, LEFT },
	{ "NAME", cell_name, 7, 1, LEFT },
	{ "PROTOCOL", cell_protocol, 4, 2, LEFT },
	/* A figure that is cut says something else. */
	{ "SENT", cell_sent, 10, 0, RIGHT },
	{ "RECEIVED", cell_received, 10, 0, RIGHT },
	{ "LEFT HOST", cell_left, 3, 0, LEFT },
	{ "AGE", cell_age, 6, 5, RIGHT },
	{ "LASTED", cell_lasted, 6, 3, LEFT },
	{ "PATH", cell_path, 8, 4, LEFT },
};
static const struct column container_columns[] = {
	{ "NAME", cell_container, 10, 0, LEFT },
	{ "ID", cell_container_id, 12, 4, LEFT },
	{ "IMAGE", cell_image, 10, 0, LEFT },
	{ "STATE", cell_state, 7, 0, LEFT },
	{ "SINCE", cell_since, 14, 6, TIME },
	{ "ADDRESSES", cell_addresses, 12, 0, FOLD },
	{ "PORTS", cell_ports, 12, 3, FOLD },
	{ "PRIVILEGES", doctext_add_privileges, 10, 1, FOLD },
	{ "MOUNTS", cell_mounts, 12, 5, FOLD },
	{ "IN", cell_in, 10, 0, RIGHT },
	{ "OUT", cell_out, 10, 0, RIGHT },
	{ "LAST ALERT", cell_alert, 14, 2, FOLD },
};
/* Filled from the row, not from a document. */
static const struct column dead_columns[] = {
	{ "TIME", NULL, 14, 0, TIME },
	{ "OUTPUT", NULL, 8, 0, LEFT },
	{ "DATASET", NULL, 7, 1, LEFT },
	{ "ID", NULL, 10, 0, LEFT },
	{ "TRIES", NULL, 5, 2, RIGHT },
	{ "REASON", NULL, 20, 0, LEFT },
};

#define SET(t, c) do {							\
	(t)->columns = (c);						\
	(t)->n_columns = sizeof(c) / sizeof((c)[0]);			\
} while (0)

static struct query_table *
make(FILE *out, unsigned columns)
{
	struct query_table *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->rows = calloc(KEPT, sizeof(*t->rows))) == NULL) {
		free(t);
		return NULL;
	}
	t->out = out;
	t->width = columns;
	return t;
}

struct query_table *
query_table_new(enum reader_table what, FILE *out, unsigned columns)
{
	struct query_table *t = make(out, columns);

	if (t == NULL)
		return NULL;
	switch (what) {
	case READER_EVENTS:
		SET(t, event_columns);
		break;
	case READER_ALERTS:
		SET(t, alert_columns);
		break;
	case READER_INCIDENTS:
		SET(t, incident_columns);
		break;
	case READER_FLOWS:
		SET(t, flow_columns);
		break;
	case READER_CONTAINERS:
		SET(t, container_columns);
		break;
	}
	return t;
}

struct query_table *
query_table_new_dead(FILE *out, unsigned columns)
{
	struct query_table *t = make(out, columns);

	if (t != NULL)
		SET(t, dead_columns);
	return t;
}

static void
free_rows(struct query_table *t)
{
	size_t i, c;

	for (i = 0; i < t->n_rows; i++)
		for (c = 0; c < t->n_columns; c++) {
			free(t->rows[i].cells[c]);
			t->rows[i].cells[c] = NULL;
		}
	t->n_rows = 0;
}

void
query_table_free(struct query_table *t)
{
	if (t == NULL)
		return;
	free_rows(t);
	free(t->rows);
	free(t);
}

/* A column of width 0 is hidden. */
static size_t
total_width(const struct query_table *t)
{
	size_t c, sum = 0;

	for (c = 0; c < t->n_columns; c++)
		if (t->widths[c] > 0)
			sum += t->widths[c] + (sum > 0 ? GAP : 0);
	return sum;
}

/* What is left when every column has given all that it may. */
static size_t
least_width(const struct query_table *t)
{
	size_t c, w, sum = 0;

	for (c = 0; c < t->n_columns; c++) {
		if ((w = t->widths[c]) == 0)
			continue;
		if (w > t->columns[c].least)
			w = t->columns[c].least;
		sum += w + (sum > 0 ? GAP : 0);
	}
	return sum;
}

/* The widest column that may still give, or n_columns. */
static size_t
widest(const struct query_table *t)
{
	size_t c, best = t->n_columns;

	for (c = 0; c < t->n_columns; c++)
		if (t->widths[c] > t->columns[c].least &&
		    (best == t->n_columns || t->widths[c] > t->widths[best]))
			best = c;
	return best;
}

/* The column that is missed least, or n_columns. */
static size_t
least_wanted(const struct query_table *t)
{
	size_t c, best = t->n_columns;

	for (c = 0; c < t->n_columns; c++)
		if (t->widths[c] > 0 && t->columns[c].hide > 0 &&
		    (best == t->n_columns ||
		    t->columns[c].hide > t->columns[best].hide))
			best = c;
	return best;
}

static void
shrink(struct query_table *t)
{
	size_t c;

	while (least_width(t) > t->width &&
	    (c = least_wanted(t)) < t->n_columns)
		t->widths[c] = 0;
	while (total_width(t) > t->width && (c = widest(t)) < t->n_columns)
		t->widths[c]--;
}

static void
measure(struct query_table *t)
{
	size_t i, c, w;

	for (c = 0; c < t->n_columns; c++) {
		t->widths[c] = strlen(t->columns[c].title);
		for (i = 0; i < t->n_rows; i++) {
			w = termtext_width(t->rows[i].cells[c]);
			if (w > t->widths[c])
				t->widths[c] = w;
		}
		/* Without a terminal the last column is as long as it is,
		 * the others stay in bounds. */
		if (t->width == 0 && t->widths[c] > 60)
			t->widths[c] = 60;
	}
	if (t->width > 0)
		shrink(t);
}

/* The words of *text that fit, at least one; *text moves on behind them. The
 * last line of a cell says when something is left. */
static void
take_words(struct buf *out, const char **text, size_t width, bool last)
{
	const char *p = *text;
	size_t len, words = 0, used = 0;
	struct buf line;

	buf_init(&line, 0);
	while (*p != '\0') {
		len = strcspn(p, " ");
		if (words > 0 && used + 1 + len > width && !last)
			break;
		if (words++ > 0)
			buf_add_char(&line, ' ');
		buf_add(&line, p, len);
		used = termtext_width(buf_text(&line));
		p += len;
		p += strspn(p, " ");
	}
	termtext_fit(out, buf_text(&line), width, true);
	buf_fini(&line);
	*text = p;
}

static void
add_cell(struct query_table *t, struct buf *line, size_t c, const char *cell)
{
	size_t w = termtext_width(cell), width = t->widths[c];
	bool last = c + 1 == t->n_columns;

	if (t->columns[c].kind == RIGHT)
		for (; w < width; w++)
			buf_add_char(line, ' ');
	if (t->width == 0 && (last || w > width))
		buf_add_str(line, cell);
	else
		termtext_fit(line, cell, width, !last &&
		    t->columns[c].kind != RIGHT);
}

/* One line of the row. rest[c]: what is still to come of a cell that folds.
 * Returns whether something is. */
static bool
print_line(struct query_table *t, const char *const cells[],
    const char *rest[], size_t n)
{
	struct buf line;
	bool more = false;
	size_t c;

	buf_init(&line, 0);
	for (c = 0; c < t->n_columns; c++) {
		if (t->widths[c] == 0)
			continue;
		if (line.len > 0)
			buf_printf(&line, "%*s", GAP, "");
		if (rest[c] != NULL) {
			take_words(&line, &rest[c], t->widths[c],
			    n + 1 == FOLDS);
			more |= *rest[c] != '\0';
		} else
			add_cell(t, &line, c, n == 0 ? cells[c] : "");
	}
	while (line.len > 0 && line.data[line.len - 1] == ' ')
		line.data[--line.len] = '\0';
	buf_add_char(&line, '\n');
	fputs(buf_text(&line), t->out);
	buf_fini(&line);
	return more;
}

static void
print_row(struct query_table *t, const char *const cells[])
{
	const char *rest[CELLS] = { NULL };
	size_t c, n = 0;

	for (c = 0; c < t->n_columns && t->width > 0; c++)
		if (t->columns[c].kind == FOLD)
			rest[c] = cells[c];
	while (print_line(t, cells, rest, n))
		n++;
}

void
query_table_flush(struct query_table *t)
{
	const char *titles[CELLS];
	size_t i;

	if (t->n_rows == 0)
		return;
	if (!t->begun) {
		measure(t);
		for (i = 0; i < t->n_columns; i++)
			titles[i] = t->columns[i].title;
		print_row(t, titles);
		t->begun = true;
	}
	for (i = 0; i < t->n_rows; i++)
		print_row(t, (const char *const *)t->rows[i].cells);
	free_rows(t);
	fflush(t->out);
}

static int
keep_cell(struct query_table *t, size_t c, const struct buf *text)
{
	char **cell = &t->rows[t->n_rows].cells[c];
	const char *shown = text->len > 0 ? buf_text(text) : "-";

	/* People at a terminal know the year. */
	if (t->columns[c].kind == TIME && t->width > 0 && text->len == 19)
		shown += strlen("2026-");
	*cell = strdup(shown);
	return *cell == NULL ? -ENOMEM : 0;
}

static int
end_row(struct query_table *t, int err)
{
	size_t c;

	if (err != 0) {
		for (c = 0; c < t->n_columns; c++) {
			free(t->rows[t->n_rows].cells[c]);
			t->rows[t->n_rows].cells[c] = NULL;
		}
		return err;
	}
	if (++t->n_rows == KEPT)
		query_table_flush(t);
	return 0;
}

int
query_table_add(struct query_table *t, const struct reader_row *row)
{
	struct json_doc *doc;
	struct buf text;
	size_t c;
	int err = 0;

	doc = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	buf_init(&text, 65536);
	for (c = 0; c < t->n_columns && err == 0; c++) {
		buf_reset(&text);
		if (doc != NULL)
			t->columns[c].fn(&text, json_root(doc));
		else if (c + 1 == t->n_columns)
			buf_add_str(&text, "(a document that is no JSON)");
		err = keep_cell(t, c, &text);
	}
	buf_fini(&text);
	json_doc_free(doc);
	return end_row(t, err);
}

int
query_table_add_dead(struct query_table *t, const struct reader_spooled *s)
{
	const char *texts[6] = {
		NULL, s->output, s->dataset, s->id, NULL, s->reason
	};
	struct buf text;
	size_t c;
	int err = 0;

	buf_init(&text, 65536);
	for (c = 0; c < 6 && err == 0; c++) {
		buf_reset(&text);
		if (c == 0)
			doctext_add_time(&text, s->time);
		else if (c == 4)
			buf_add_u64(&text, s->attempts);
		else if (texts[c] != NULL)
			(void)termtext_add(&text, texts[c], strlen(texts[c]));
		err = keep_cell(t, c, &text);
	}
	buf_fini(&text);
	return end_row(t, err);
}

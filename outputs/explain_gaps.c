/*
 * What was lost when a document came about: what it says itself, and what
 * grew between the ledgers before and after it.
 */
#include <stdio.h>
#include <string.h>

#include "outputs/doctext.h"
#include "outputs/explain.h"
#include "outputs/termtext.h"

#define LEDGER_NS	(150 * MONO_S)	/* the ledger comes every minute */

/* Which ledger is nearest before and after the event. */
struct ledgers {
	int64_t			 at;
	struct json_doc		*before, *after;
	struct wall		 from, to;
};

static int
take_ledger(void *ctx, const struct reader_row *row)
{
	struct ledgers *l = ctx;
	struct json_doc *doc;
	struct wall when;

	doc = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	if (json_get(json_root(doc), "tallyman.agent.ledger") == NULL ||
	    !doctext_wall(json_root(doc), "@timestamp", &when)) {
		json_doc_free(doc);
		return 0;
	}
	if (when.ns <= l->at) {
		json_doc_free(l->before);
		l->before = doc;
		l->from = when;
	} else if (l->after == NULL) {
		l->after = doc;
		l->to = when;
	} else
		json_doc_free(doc);
	return 0;
}

static const struct json *
find_stage(const struct json_doc *doc, const char *name)
{
	const struct json *all = json_get(json_root(doc),
	    "tallyman.agent.ledger.stages");
	size_t i;

	for (i = 0; i < json_count(all); i++)
		if (strcmp(json_str(json_member(json_at(all, i), "name"),
		    NULL), name) == 0)
			return json_at(all, i);
	return NULL;
}

/* What grew between the two, as "stage.reason: n". */
static void
add_growth(const struct json *stage, const struct json *old,
    const char *group, struct buf *out)
{
	const struct json *all = json_member(stage, group);
	const struct json *then = json_member(old, group);
	int64_t n, before;
	size_t i;

	for (i = 0; i < json_count(all); i++) {
		n = json_int(json_at(all, i));
		before = json_int(json_member(then, json_key_at(all, i)));
		/* An agent that was started in between counts anew. */
		n = n >= before ? n - before : n;
		if (n == 0)
			continue;
		if (out->len > 0)
			buf_add_str(out, ", ");
		buf_printf(out, "%s.%s %lld", json_str(json_member(stage,
		    "name"), NULL), json_key_at(all, i), (long long)n);
	}
}

static void
compare(const struct ledgers *l, struct buf *out)
{
	const struct json *all = json_get(json_root(l->after),
	    "tallyman.agent.ledger.stages");
	const struct json *stage, *old;
	size_t i;

	for (i = 0; i < json_count(all); i++) {
		stage = json_at(all, i);
		old = find_stage(l->before, json_str(json_member(stage,
		    "name"), NULL));
		add_growth(stage, old, "dropped", out);
		add_growth(stage, old, "outside", out);
	}
}

static int
read_ledgers(const struct explain *x, struct ledgers *l)
{
	struct reader_filter f = { .table = READER_EVENTS,
	    .dataset = "tallyman.agent", .direct = true };
	struct wall when;

	if (!doctext_wall(x->doc, "event.start", &when) &&
	    !doctext_wall(x->doc, "@timestamp", &when))
		return 0;
	l->at = when.ns;
	f.since.ns = l->at - LEDGER_NS;
	f.until.ns = l->at + LEDGER_NS;
	if (f.since.ns <= 0)
		f.since.ns = 1;
	return reader_each(x->reader, &f, take_ledger, l, NULL);
}

static void
add_gaps_of_document(const struct explain *x, struct buf *out)
{
	const struct json *gaps = json_get(x->doc, "tallyman.gaps");
	size_t i, len;

	for (i = 0; i < json_count(gaps); i++) {
		if (i > 0)
			buf_add_str(out, ", ");
		(void)termtext_add(out, json_key_at(gaps, i),
		    strlen(json_key_at(gaps, i)));
		buf_add_char(out, ' ');
		(void)termtext_add(out, json_str(json_at(gaps, i), &len),
		    strlen(json_str(json_at(gaps, i), NULL)));
	}
}

static void
describe_ledgers(const struct ledgers *l, struct buf *out)
{
	char from[WALL_TEXT], to[WALL_TEXT];

	if (l->after == NULL) {
		buf_add_str(out, "not known: no ledger was stored after it, "
		    "which happens once a minute while the agent runs");
		return;
	}
	compare(l, out);
	wall_format(l->to, to);
	wall_format(l->from, from);
	if (out->len == 0)
		buf_add_str(out, "nothing");
	if (l->before != NULL)
		buf_printf(out, " (between %.19sZ and %.19sZ)", from, to);
	else
		buf_printf(out, " (from the start of the agent to %.19sZ)",
		    to);
}

int
explain_gaps(struct explain *x)
{
	struct ledgers l = { 0 };
	struct buf own, around;
	int err = read_ledgers(x, &l);

	buf_init(&own, 0);
	buf_init(&around, 0);
	if (!explain_has(x, "tallyman.gaps"))
		buf_add_str(&own, "the document has no list of its own");
	else {
		add_gaps_of_document(x, &own);
		if (own.len == 0)
			buf_add_str(&own, "nothing");
	}
	describe_ledgers(&l, &around);
	json_doc_free(l.before);
	json_doc_free(l.after);
	if (x->json) {
		explain_put_key(x, "lost_by_document", buf_text(&own));
		explain_put_key(x, "lost_by_ledger", buf_text(&around));
	} else {
		fputs("\nlost at that time\n", x->env->out);
		explain_put_row(x, "document", buf_text(&own));
		explain_put_row(x, "ledger", buf_text(&around));
	}
	buf_fini(&own);
	buf_fini(&around);
	return err;
}

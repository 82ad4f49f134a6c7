/*
 * `tallyman explain ID`: how each attribution of a document was made. What
 * the document says stands first; what a method means comes from
 * agent/core/methods.def; what was lost comes from the document and from the
 * ledger that the agent keeps once a minute.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/method.h"
#include "outputs/doctext.h"
#include "outputs/explain.h"
#include "outputs/query_private.h"
#include "outputs/termtext.h"

#define LINE	78	/* columns, where no terminal says more */

static void
explain_evidence(struct explain *x)
{
	const struct json *all = json_get(x->doc, "tallyman.alert.events");
	struct buf missing;
	size_t i, len;

	buf_init(&missing, 0);
	explain_list_missing(x, "", &missing);
	if (x->json) {
		explain_put_key(x, "missing", buf_text(&missing));
		buf_fini(&missing);
		return;
	}
	if (missing.len > 0) {
		fputs("\nasked for and not known\n", x->env->out);
		explain_put_row(x, "", buf_text(&missing));
	}
	buf_reset(&missing);
	for (i = 0; i < json_count(all) && i < 20; i++) {
		buf_add_str(&missing, i > 0 ? ", " : "");
		(void)termtext_add(&missing, json_str(json_at(all, i), &len),
		    strlen(json_str(json_at(all, i), NULL)));
	}
	if (missing.len > 0) {
		fputs("\nthe rule matched\n", x->env->out);
		explain_put_row(x, "events", buf_text(&missing));
		if (json_count(all) > 20)
			fprintf(x->env->out, "%*sand %zu more\n", EXPLAIN_INDENT, "",
			    json_count(all) - 20);
	}
	buf_fini(&missing);
}

static void
print_head(const struct explain *x)
{
	struct buf line;

	buf_init(&line, 0);
	(void)doctext_add(&line, x->doc, "event.id");
	buf_add_str(&line, ": ");
	(void)doctext_add(&line, x->doc, "event.dataset");
	buf_add_char(&line, ' ');
	(void)doctext_add(&line, x->doc, "event.action");
	buf_add_str(&line, " at ");
	(void)doctext_add(&line, x->doc, "@timestamp");
	fprintf(x->env->out, "%s\n", buf_text(&line));
	buf_reset(&line);
	if (doctext_add(&line, x->doc, "event.reason"))
		explain_put_row(x, "what", buf_text(&line));
	buf_fini(&line);
}

static void
write_head(struct explain *x)
{
	static const char *const paths[][2] = { { "@timestamp", "@timestamp" },
		{ "id", "event.id" }, { "dataset", "event.dataset" },
		{ "action", "event.action" } };
	size_t i;

	json_open(&x->w, '{');
	for (i = 0; i < 4; i++)
		explain_put_key(x, paths[i][0], explain_text(x, paths[i][1]));
	json_key_str(&x->w, "attributions");
	json_open(&x->w, '[');
}

static bool
is_flow(const struct explain *x)
{
	return json_get(x->doc, "tallyman.flow") != NULL ||
	    explain_has(x, "tallyman.source.scope") ||
	    explain_has(x, "tallyman.destination.scope");
}

static int
explain_all(struct explain *x)
{
	int err;

	if (x->json)
		write_head(x);
	else
		print_head(x);
	explain_container(x);
	explain_end(x, "source");
	explain_end(x, "destination");
	if (is_flow(x))
		explain_process(x);
	explain_nat(x);
	explain_entry(x);
	if (x->json)
		json_close(&x->w, ']');
	explain_relay(x);
	explain_evidence(x);
	err = explain_gaps(x);
	if (x->json)
		json_close(&x->w, '}');
	return err;
}

static int
take_document(void *ctx, const struct reader_row *row)
{
	struct explain *x = ctx;

	x->document = json_parse(row->text, row->len, JSON_LAX, NULL, 0);
	return x->document == NULL ? -errno : 0;
}

static int
run(struct explain *x, const char *id, bool json)
{
	struct buf line;
	int err = reader_find(x->reader, id, take_document, x);

	if (err != 0)
		return err;
	x->doc = json_root(x->document);
	x->width = x->env->columns > EXPLAIN_INDENT + 20 ? x->env->columns : LINE;
	buf_init(&line, 8 << 20);
	json_writer_init(&x->w, &line);
	x->json = json;
	err = explain_all(x);
	if (json)
		query_print_json(x->env, buf_text(&line), line.len);
	buf_fini(&line);
	json_doc_free(x->document);
	return err;
}

static const char help[] =
    "usage: tallyman explain ID [--json]\n\n"
    "How each attribution of a document was made: the container of the "
    "event, the\nends and the process of a flow, who asked Docker; by which "
    "method, how sure,\nwhat it rests on, what was missing, and what was "
    "lost at that time.\n\n"
    "ID is the event.id of any document, the id of an alert or of a flow; of "
    "a flow\nthe latest report is kept.\n\n"
    "  --json           one JSON object\n"
    "  --mdoc           all methods, as tallyman(8) has them\n"
    "  -c, --config F   configuration\n"
    "  --state-dir DIR  where the store is\n"
    "  -h, --help       this text\n\n"
    "exit: 0 explained, 1 the store cannot be read through, 3 there is no "
    "store or no\nright to read it, 4 there is no such event, 64 wrong "
    "usage\n";

static int
print_mdoc(const struct query_env *env)
{
	struct buf out;

	buf_init(&out, 0);
	method_write_mdoc(&out);
	fputs(buf_text(&out), env->out);
	buf_fini(&out);
	return QUERY_OK;
}

int
query_explain_main(int argc, char **argv, const struct query_env *env)
{
	struct explain x = { .env = env };
	const char *id = NULL;
	bool json = false;
	int i, err;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			fputs(help, env->out);
			return QUERY_OK;
		}
		if (strcmp(argv[i], "--mdoc") == 0)
			return print_mdoc(env);
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (argv[i][0] == '-')
			return query_complain(env, "explain",
			    "unknown option ", argv[i]);
		else if (id != NULL)
			return query_complain(env, "explain",
			    "one ID at a time, what is this: ", argv[i]);
		else
			id = argv[i];
	}
	if (id == NULL || id[0] == '\0')
		return query_complain(env, "explain", "expected the id of an "
		    "event", "");
	if ((x.reader = reader_open(env->store)) == NULL)
		return query_fail(env, "explain", -errno);
	err = run(&x, id, json);
	reader_close(x.reader);
	if (err == -ENOENT)
		return query_missing(env, "explain", "the store has no event "
		    "with the id ", id, "events are kept as long as "
		    "store.max_age and store.max_bytes say");
	return err == 0 ? QUERY_OK : query_fail(env, "explain", err);
}

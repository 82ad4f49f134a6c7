/*
 * `tallyman explain ID`: how each attribution of a document was made. What
 * the document says stands first; what a method means comes from
 * agent/core/methods.def; what was lost comes from the document and from the
 * ledger that the agent keeps once a minute.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/method.h"
#include "lib/json.h"
#include "outputs/doctext.h"
#include "outputs/query_private.h"
#include "outputs/reader.h"
#include "outputs/termtext.h"

#define LEDGER_NS	(150 * MONO_S)	/* the ledger comes every minute */
#define LINE		78		/* where no terminal says more */
#define INDENT		14

/* One answer: whose is it, and how is that known? Texts are safe. */
struct claim {
	const char		*of;		/* "container", ... */
	const char		*missing;	/* fields that begin so */
	enum method_kind	 kind;
	const char		*method;	/* raw; "" the document has none */
	const char		*confidence;	/* raw, or "" */
	bool			 implied;	/* no field says it */
	bool			 is_owner;	/* an end that is the container */
	struct buf		 who, rests;	/* rests: a line each */
};

struct explain {
	const struct query_env	*env;
	struct reader		*reader;
	struct json_doc		*document;
	const struct json	*doc;
	size_t			 width;
	struct json_writer	*w;		/* NULL: for people */
};

static const char *
text_of(const struct explain *x, const char *path)
{
	return json_str(json_get(x->doc, path), NULL);
}

static bool
is_there(const struct explain *x, const char *path)
{
	return json_get(x->doc, path) != NULL;
}

/* Words of safe text, from the column where the cursor stands. */
static void
put_words(const struct explain *x, const char *text)
{
	size_t at = INDENT, len, n;

	while (*text != '\0') {
		len = strcspn(text, " ");
		n = len;
		if (at > INDENT && at + 1 + n > x->width) {
			fprintf(x->env->out, "\n%*s", INDENT, "");
			at = INDENT;
		} else if (at > INDENT) {
			fputc(' ', x->env->out);
			at++;
		}
		fwrite(text, 1, len, x->env->out);
		at += n;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', x->env->out);
}

static void
put_row(const struct explain *x, const char *label, const char *text)
{
	fprintf(x->env->out, "  %-*s", INDENT - 2, label);
	put_words(x, text);
}

static void
put_raw_row(const struct explain *x, const char *label, const char *raw)
{
	struct buf safe;

	buf_init(&safe, 0);
	(void)termtext_add(&safe, raw, strlen(raw));
	put_row(x, label, buf_text(&safe));
	buf_fini(&safe);
}

/* Names of fields that were asked for and are not known. "" is any that no
 * claim has taken. */
static bool
is_missing_of(const char *name, const char *prefix)
{
	static const char *const taken[] = { "container.", "process.",
		"tallyman.entry.", "tallyman.source.container.",
		"tallyman.destination.container." };
	size_t i;

	if (prefix[0] != '\0')
		return strncmp(name, prefix, strlen(prefix)) == 0;
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strncmp(name, taken[i], strlen(taken[i])) == 0)
			return false;
	return true;
}

static void
list_missing(const struct explain *x, const char *prefix, struct buf *out)
{
	const struct json *all = json_get(x->doc, "tallyman.missing");
	const char *name;
	size_t i, len;

	for (i = 0; i < json_count(all); i++) {
		name = json_str(json_at(all, i), &len);
		if (!is_missing_of(name, prefix))
			continue;
		if (out->len > 0)
			buf_add_str(out, ", ");
		(void)termtext_add(out, name, len);
	}
}

static void
key_text(struct json_writer *w, const char *key, const char *text)
{
	json_key_str(w, key);
	json_put_cstr(w, text);
}

static void
write_claim(const struct explain *x, const struct claim *c,
    const struct method *m, const char *missing)
{
	const char *p, *end;

	json_open(x->w, '{');
	key_text(x->w, "of", c->of);
	key_text(x->w, "who", buf_text(&c->who));
	key_text(x->w, "method", c->method);
	key_text(x->w, "confidence", c->confidence);
	json_key_str(x->w, "implied");
	json_put_bool(x->w, c->implied);
	key_text(x->w, "means", m == NULL ? "" : m->means);
	key_text(x->w, "doubt", m == NULL ? "" : m->doubt);
	json_key_str(x->w, "rests_on");
	json_open(x->w, '[');
	for (p = buf_text(&c->rests); (end = strchr(p, '\n')) != NULL;
	    p = end + 1)
		json_put_str(x->w, p, (size_t)(end - p));
	json_close(x->w, ']');
	key_text(x->w, "missing", missing);
	json_close(x->w, '}');
}

static void
print_claim(const struct explain *x, struct claim *c, const struct method *m,
    const char *missing)
{
	const char *p, *label = "rests on";
	char *end;

	fprintf(x->env->out, "\n%s: %s\n", c->of, buf_text(&c->who));
	if (c->is_owner) {
		put_row(x, "method", "as of the container above");
		return;
	}
	if (c->method[0] == '\0')
		put_row(x, "method", "the document names none");
	else if (c->implied)
		put_row(x, "method", "address (implied: a document names a "
		    "method only for its owner)");
	else
		put_raw_row(x, "method", c->method);
	if (!c->implied && c->kind != METHOD_NAT && c->kind != METHOD_SCOPE)
		put_raw_row(x, "confidence", c->confidence[0] == '\0' ?
		    "the document names none" : c->confidence);
	if (m != NULL) {
		put_row(x, "means", m->means);
		put_row(x, "doubt", m->doubt);
	} else if (c->method[0] != '\0')
		put_row(x, "means", "this version of tallyman has no text "
		    "about that method");
	for (p = buf_text(&c->rests); (end = strchr(p, '\n')) != NULL;
	    p = end + 1, label = "") {
		*end = '\0';
		put_row(x, label, p);
	}
	if (missing[0] != '\0')
		put_row(x, "missing", missing);
}

/* Says it and frees it. */
static void
say(const struct explain *x, struct claim *c)
{
	const struct method *m = method_find(c->kind, c->method);
	struct buf missing;

	buf_init(&missing, 0);
	list_missing(x, c->missing, &missing);
	if (x->w != NULL)
		write_claim(x, c, m, buf_text(&missing));
	else
		print_claim(x, c, m, buf_text(&missing));
	buf_fini(&missing);
	buf_fini(&c->who);
	buf_fini(&c->rests);
}

static struct claim
claim_of(const char *of, enum method_kind kind, const char *missing)
{
	struct claim c = { .of = of, .kind = kind, .missing = missing,
	    .method = "", .confidence = "" };

	buf_init(&c.who, 0);
	buf_init(&c.rests, 0);
	return c;
}

/* "name (id, image)", of "container" or "tallyman.source.container". */
static bool
add_container(const struct explain *x, struct buf *out, const char *at)
{
	size_t before = out->len;
	char path[80];

	snprintf(path, sizeof(path), "%s.name", at);
	if (!doctext_add(out, x->doc, path))
		buf_add_str(out, "container without a known name");
	snprintf(path, sizeof(path), "%s.id", at);
	if (!is_there(x, path)) {
		out->len = before;
		if (out->data != NULL)
			out->data[before] = '\0';
		return false;
	}
	buf_add_str(out, " (");
	(void)doctext_add_id(out, x->doc, path);
	snprintf(path, sizeof(path), "%s.image.name", at);
	if (is_there(x, path)) {
		buf_add_str(out, ", image ");
		(void)doctext_add(out, x->doc, path);
	}
	buf_add_char(out, ')');
	return true;
}

/* "curl -T x y (pid 12, entity 0af..)", of "process", "process.parent". */
static bool
add_process(const struct explain *x, struct buf *out, const char *at)
{
	size_t before = out->len;
	char path[80];
	int64_t pid;

	snprintf(path, sizeof(path), "%s.command_line", at);
	if (!doctext_add(out, x->doc, path)) {
		snprintf(path, sizeof(path), "%s.executable", at);
		(void)doctext_add(out, x->doc, path);
	}
	snprintf(path, sizeof(path), "%s.pid", at);
	pid = json_int(json_get(x->doc, path));
	if (pid > 0)
		buf_printf(out, "%s(pid %lld)", out->len > before ? " " : "",
		    (long long)pid);
	return out->len > before;
}

static void
rest(struct claim *c, const char *text)
{
	buf_add_str(&c->rests, text);
	buf_add_char(&c->rests, '\n');
}

static void
rest_on_process(const struct explain *x, struct claim *c, const char *words,
    const char *at)
{
	size_t before = c->rests.len;

	buf_add_str(&c->rests, words);
	if (!add_process(x, &c->rests, at)) {
		if (c->rests.data != NULL)
			c->rests.data[before] = '\0';
		c->rests.len = before;
		return;
	}
	buf_add_char(&c->rests, '\n');
}

static void
rest_on_address(const struct explain *x, struct claim *c, const char *end)
{
	char path[48];

	buf_add_str(&c->rests, "its address ");
	(void)doctext_add_end(&c->rests, x->doc, end);
	snprintf(path, sizeof(path), "%s.nat.ip", end);
	if (is_there(x, path)) {
		buf_add_str(&c->rests, ", translated ");
		(void)doctext_add(&c->rests, x->doc, path);
	}
	if (is_there(x, "network.name")) {
		buf_add_str(&c->rests, "; network ");
		(void)doctext_add(&c->rests, x->doc, "network.name");
	}
	buf_add_char(&c->rests, '\n');
}

/* What the document holds that this method had to go by. */
static void
rest_container(const struct explain *x, struct claim *c)
{
	if (strcmp(c->method, "runtime") == 0)
		rest_on_process(x, c, "its parent by then (the runtime, or "
		    "who adopts its children): ", "process.parent");
	else if (strcmp(c->method, "parent") == 0)
		rest_on_process(x, c, "its parent: ", "process.parent");
	else if (strcmp(c->method, "address") == 0)
		rest_on_address(x, c, doctext_owner_answers(x->doc) ?
		    "destination" : "source");
	else if (strcmp(c->method, "docker") == 0 &&
	    is_there(x, "tallyman.docker.action")) {
		buf_add_str(&c->rests, "Docker's event: ");
		(void)doctext_add(&c->rests, x->doc, "tallyman.docker.action");
		buf_add_char(&c->rests, '\n');
	}
	rest_on_process(x, c, "the process: ", "process");
	if (is_there(x, "tallyman.audit.serial")) {
		buf_add_str(&c->rests, "audit record ");
		(void)doctext_add(&c->rests, x->doc, "tallyman.audit.serial");
		if (is_there(x, "tallyman.audit.syscall")) {
			buf_add_str(&c->rests, ", system call ");
			(void)doctext_add(&c->rests, x->doc,
			    "tallyman.audit.syscall");
		}
		buf_add_char(&c->rests, '\n');
	}
}

static void
explain_container(const struct explain *x)
{
	struct claim c = claim_of("container", METHOD_CONTAINER, "container.");

	c.method = text_of(x, "tallyman.container.attribution.method");
	c.confidence = text_of(x, "tallyman.container.attribution.confidence");
	if (!add_container(x, &c.who, "container"))
		buf_add_str(&c.who, strcmp(c.method, "host") == 0 ?
		    "none, it is the host's" : strcmp(c.method, "none") == 0 ?
		    "unknown" : "none");
	if (c.method[0] != '\0')
		rest_container(x, &c);
	say(x, &c);
}

/* Others that are possible too. */
static void
rest_candidates(const struct explain *x, struct claim *c, const char *path,
    const char *what)
{
	const struct json *all = json_get(x->doc, path);
	size_t i, len;
	const char *id;

	for (i = 0; i < json_count(all); i++) {
		id = json_str(json_at(all, i), &len);
		buf_printf(&c->rests, "candidate: %s ", what);
		(void)termtext_add(&c->rests, id, len);
		buf_add_char(&c->rests, '\n');
	}
}

/* An end of a flow: its own method where the document has one, the owner's
 * where it is the owner, else what every other end is known by. */
static void
explain_end(const struct explain *x, const char *end)
{
	char at[48], path[96], id[96], missing[64];
	struct claim c;

	snprintf(at, sizeof(at), "tallyman.%s.container", end);
	snprintf(id, sizeof(id), "%s.id", at);
	snprintf(missing, sizeof(missing), "%s.", at);
	snprintf(path, sizeof(path), "tallyman.%s.scope", end);
	if (!is_there(x, id) && !is_there(x, path))
		return;
	c = claim_of(end, METHOD_CONTAINER, missing);
	if (!add_container(x, &c.who, at)) {
		(void)doctext_add(&c.who, x->doc, path);
		buf_add_char(&c.who, ' ');
		(void)doctext_add_end(&c.who, x->doc, end);
	}
	snprintf(path, sizeof(path), "%s.attribution.method", at);
	c.method = text_of(x, path);
	snprintf(path, sizeof(path), "%s.attribution.confidence", at);
	c.confidence = text_of(x, path);
	if (c.method[0] == '\0' && is_there(x, id) &&
	    strcmp(text_of(x, id), text_of(x, "container.id")) == 0) {
		c.method = text_of(x, "tallyman.container.attribution.method");
		c.confidence = text_of(x,
		    "tallyman.container.attribution.confidence");
		c.is_owner = true;
	} else if (c.method[0] == '\0' && is_there(x, id)) {
		c.method = "address";
		c.implied = true;
	} else if (c.method[0] == '\0') {
		c.kind = METHOD_SCOPE;
		snprintf(path, sizeof(path), "tallyman.%s.scope", end);
		c.method = text_of(x, path);
	}
	rest_on_address(x, &c, end);
	snprintf(path, sizeof(path), "%s.candidates", at);
	rest_candidates(x, &c, path, "container");
	say(x, &c);
}

static void
explain_process(const struct explain *x)
{
	struct claim c = claim_of("process", METHOD_PROCESS, "process.");

	c.method = text_of(x, "tallyman.flow.process.method");
	c.confidence = text_of(x, "tallyman.flow.process.confidence");
	if (!add_process(x, &c.who, "process"))
		buf_add_str(&c.who, "unknown");
	if (c.method[0] != '\0') {
		buf_add_str(&c.rests, "a call towards ");
		(void)doctext_add_end(&c.rests, x->doc, "destination");
		buf_add_str(&c.rests, ", the flow's first packet at ");
		(void)doctext_add(&c.rests, x->doc, "event.start");
		rest(&c, "");
	}
	rest_candidates(x, &c, "tallyman.flow.process.candidates",
	    "process.entity_id");
	say(x, &c);
}

static void
explain_nat(const struct explain *x)
{
	struct claim c;

	if (!is_there(x, "tallyman.flow.nat.method"))
		return;
	c = claim_of("translation", METHOD_NAT, "source.nat.");
	c.method = text_of(x, "tallyman.flow.nat.method");
	(void)doctext_add_end(&c.who, x->doc, "source");
	buf_add_str(&c.who, " to ");
	(void)doctext_add_end(&c.who, x->doc, "destination");
	buf_add_str(&c.who, " is outside ");
	(void)doctext_add_end(&c.who, x->doc, is_there(x, "source.nat.ip") ?
	    "source.nat" : "source");
	buf_add_str(&c.who, " to ");
	(void)doctext_add_end(&c.who, x->doc,
	    is_there(x, "destination.nat.ip") ? "destination.nat" :
	    "destination");
	say(x, &c);
}

static void
explain_relay(const struct explain *x)
{
	struct buf id;

	if (!is_there(x, "tallyman.flow.relay_of"))
		return;
	if (x->w != NULL) {
		key_text(x->w, "relay_of", text_of(x,
		    "tallyman.flow.relay_of"));
		return;
	}
	buf_init(&id, 0);
	(void)doctext_add(&id, x->doc, "tallyman.flow.relay_of");
	fprintf(x->env->out, "\nrelay: this flow carries on flow %s, see "
	    "tallyman explain %s\n", buf_text(&id), buf_text(&id));
	buf_fini(&id);
}

/* A login, its session and its terminal, as audit has them. */
static void
rest_on_login(const struct explain *x, struct claim *c)
{
	static const char *const parts[][2] = {
		{ "login uid ", "tallyman.entry.by.auid" },
		{ ", session ", "tallyman.entry.by.ses" },
		{ ", terminal ", "tallyman.entry.by.tty" },
	};
	size_t i;

	for (i = 0; i < 3; i++)
		if (is_there(x, parts[i][1])) {
			buf_add_str(&c->rests, parts[i][0]);
			(void)doctext_add(&c->rests, x->doc, parts[i][1]);
			if (strcmp(text_of(x, parts[i][1]), "-1") == 0)
				buf_add_str(&c->rests, " (unset)");
		}
	rest(c, "");
}

static void
explain_entry(const struct explain *x)
{
	struct claim c;

	if (json_get(x->doc, "tallyman.entry") == NULL)
		return;
	c = claim_of("who asked Docker", METHOD_ENTRY, "tallyman.entry.");
	c.method = text_of(x, "tallyman.entry.kind");
	if (c.method[0] == '\0')
		c.method = "request";
	c.confidence = text_of(x, "tallyman.entry.confidence");
	if (doctext_add(&c.who, x->doc, "tallyman.entry.by.user"))
		buf_add_str(&c.who, " by ");
	else if (is_there(x, "tallyman.entry.by.pid"))
		buf_add_str(&c.who, "an unknown user by ");
	if (is_there(x, "tallyman.entry.by.pid")) {
		if (!doctext_add(&c.who, x->doc,
		    "tallyman.entry.by.command_line"))
			buf_add_str(&c.who, "an unknown command");
		buf_printf(&c.who, " (pid %lld)", (long long)json_int(
		    json_get(x->doc, "tallyman.entry.by.pid")));
		rest_on_login(x, &c);
	} else
		buf_add_str(&c.who, "unknown");
	if (is_there(x, "tallyman.entry.exec_id")) {
		buf_add_str(&c.rests, "Docker's exec ");
		(void)doctext_add_id(&c.rests, x->doc,
		    "tallyman.entry.exec_id");
		rest(&c, "");
	}
	say(x, &c);
}

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

static int
explain_gaps(const struct explain *x)
{
	struct ledgers l = { 0 };
	struct buf own, around;
	int err = read_ledgers(x, &l);

	buf_init(&own, 0);
	buf_init(&around, 0);
	if (!is_there(x, "tallyman.gaps"))
		buf_add_str(&own, "the document has no list of its own");
	else {
		add_gaps_of_document(x, &own);
		if (own.len == 0)
			buf_add_str(&own, "nothing");
	}
	describe_ledgers(&l, &around);
	json_doc_free(l.before);
	json_doc_free(l.after);
	if (x->w != NULL) {
		key_text(x->w, "lost_by_document", buf_text(&own));
		key_text(x->w, "lost_by_ledger", buf_text(&around));
	} else {
		fputs("\nlost at that time\n", x->env->out);
		put_row(x, "document", buf_text(&own));
		put_row(x, "ledger", buf_text(&around));
	}
	buf_fini(&own);
	buf_fini(&around);
	return err;
}

static void
explain_evidence(const struct explain *x)
{
	const struct json *all = json_get(x->doc, "tallyman.alert.events");
	struct buf missing;
	size_t i, len;

	buf_init(&missing, 0);
	list_missing(x, "", &missing);
	if (x->w != NULL) {
		key_text(x->w, "missing", buf_text(&missing));
		buf_fini(&missing);
		return;
	}
	if (missing.len > 0) {
		fputs("\nasked for and not known\n", x->env->out);
		put_row(x, "", buf_text(&missing));
	}
	buf_reset(&missing);
	for (i = 0; i < json_count(all) && i < 20; i++) {
		buf_add_str(&missing, i > 0 ? ", " : "");
		(void)termtext_add(&missing, json_str(json_at(all, i), &len),
		    strlen(json_str(json_at(all, i), NULL)));
	}
	if (missing.len > 0) {
		fputs("\nthe rule matched\n", x->env->out);
		put_row(x, "events", buf_text(&missing));
		if (json_count(all) > 20)
			fprintf(x->env->out, "%*sand %zu more\n", INDENT, "",
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
		put_row(x, "what", buf_text(&line));
	buf_fini(&line);
}

static void
write_head(const struct explain *x)
{
	static const char *const paths[][2] = { { "@timestamp", "@timestamp" },
		{ "id", "event.id" }, { "dataset", "event.dataset" },
		{ "action", "event.action" } };
	size_t i;

	json_open(x->w, '{');
	for (i = 0; i < 4; i++)
		key_text(x->w, paths[i][0], text_of(x, paths[i][1]));
	json_key_str(x->w, "attributions");
	json_open(x->w, '[');
}

static bool
is_flow(const struct explain *x)
{
	return json_get(x->doc, "tallyman.flow") != NULL ||
	    is_there(x, "tallyman.source.scope") ||
	    is_there(x, "tallyman.destination.scope");
}

static int
explain_all(const struct explain *x)
{
	int err;

	if (x->w != NULL)
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
	if (x->w != NULL)
		json_close(x->w, ']');
	explain_relay(x);
	explain_evidence(x);
	err = explain_gaps(x);
	if (x->w != NULL)
		json_close(x->w, '}');
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
	struct json_writer w;
	struct buf line;
	int err = reader_find(x->reader, id, take_document, x);

	if (err != 0)
		return err;
	x->doc = json_root(x->document);
	x->width = x->env->columns > INDENT + 20 ? x->env->columns : LINE;
	buf_init(&line, 8 << 20);
	json_writer_init(&w, &line);
	if (json)
		x->w = &w;
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
	if (err == -ENOENT) {
		query_complain(env, "explain", "the store has no event with "
		    "the id ", id);
		return QUERY_NOT_FOUND;
	}
	return err == 0 ? QUERY_OK : query_fail(env, "explain", err);
}
